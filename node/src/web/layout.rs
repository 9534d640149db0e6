//! The frame of every page.

use super::assets;
use super::parts::said;
use maud::{DOCTYPE, Markup, html};

/// Where in the site a page stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Home,
    Bulletins,
    Guides,
    Liaison,
    Partners,
    Log,
    /// Not in the navigation.
    Elsewhere,
}

/// What stands in the navigation, in its order.
const NAVIGATION: [(Section, &str, &str); 6] = [
    (Section::Home, "/", "Home"),
    (Section::Bulletins, "/bulletins", "Bulletins"),
    (Section::Guides, "/guides", "Guides"),
    (Section::Liaison, "/liaison", "Liaison"),
    (Section::Partners, "/partners", "Partners"),
    (Section::Log, "/log", "Log"),
];

/// Who looks, for the frame: an empty name before anybody has signed in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) organisation: &'a str,
    pub(super) person: Option<&'a str>,
}

/// A page with its frame.
pub(super) fn page(frame: Frame<'_>, section: Section, title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" class="govuk-template" {
            head {
                meta charset="utf-8";
                title { (title) " – " (frame.organisation) }
                meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover";
                meta name="htmx-config" content=r#"{"allowEval":false,"includeIndicatorStyles":false}"#;
                link rel="icon" type="image/svg+xml" href=(assets::url("icon.svg"));
                link rel="stylesheet" href=(assets::url("govuk-frontend.min.css"));
                link rel="stylesheet" href=(assets::url("site.css"));
                script type="module" src=(assets::url("site.js")) {}
                script defer src=(assets::url("htmx.min.js")) {}
            }
            body class="govuk-template__body" {
                a href="#main-content" class="govuk-skip-link csu-no-print" data-module="govuk-skip-link" { "Skip to main content" }
                (navigation(frame, section))
                div class="govuk-width-container" {
                    main class="govuk-main-wrapper" id="main-content" { (body) }
                }
                (footer())
            }
        }
    }
}

fn navigation(frame: Frame<'_>, section: Section) -> Markup {
    html! {
        header class="govuk-service-navigation" data-module="govuk-service-navigation" {
            div class="govuk-width-container" {
                div class="govuk-service-navigation__container" {
                    span class="govuk-service-navigation__service-name" {
                        a href="/" class="govuk-service-navigation__link" { (frame.organisation) }
                    }
                    @if let Some(person) = frame.person {
                        nav aria-label="Menu" class="govuk-service-navigation__wrapper csu-no-print" {
                            button type="button" class="govuk-service-navigation__toggle govuk-js-service-navigation-toggle"
                                aria-controls="navigation" hidden { "Menu" }
                            ul class="govuk-service-navigation__list" id="navigation" {
                                @for (at, href, label) in NAVIGATION {
                                    @let here = at == section;
                                    li class=(if here {
                                        "govuk-service-navigation__item govuk-service-navigation__item--active"
                                    } else {
                                        "govuk-service-navigation__item"
                                    }) {
                                        a href=(href) class="govuk-service-navigation__link" aria-current=[here.then_some("true")] {
                                            @if here {
                                                strong class="govuk-service-navigation__active-fallback" { (label) }
                                            } @else {
                                                (label)
                                            }
                                        }
                                    }
                                }
                                li class="govuk-service-navigation__item csu-navigation-person" {
                                    a href="/account" class="govuk-service-navigation__link" {
                                        span class="govuk-visually-hidden" { "Your account: " } (said(person))
                                    }
                                }
                                li class="govuk-service-navigation__item" {
                                    form method="post" action="/sign-out" {
                                        button type="submit" class="csu-link-button" { "Sign out" }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn footer() -> Markup {
    html! {
        footer class="govuk-footer" {
            div class="govuk-width-container" {
                p class="govuk-body-s" {
                    "In an emergency ring " strong { "999" } "; otherwise " strong { "101" } ". Nothing here calls anybody out."
                }
                p class="govuk-body-s" {
                    a class="govuk-footer__link" href=(assets::url("LICENSES.txt")) { "Software by others on these pages" }
                }
            }
        }
    }
}
