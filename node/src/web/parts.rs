//! The pieces that pages are made of, as the GOV.UK design system names them.
//!
//! Whatever somebody wrote goes through [`said`] or [`said_lines`], which show characters that could make one text look like
//! another; maud escapes the rest.

mod inputs;
mod typed;

pub(super) use inputs::{Ask, Choice};
pub(super) use typed::{Errors, Typed, problem_text};

use crate::cli::screen::{is_misleading, visible};
use crate::desk::{Moment, Party};
use csu_protocol::document::{Kind, Marking};
use csu_protocol::entry::Role;
use jiff::tz::TimeZone;
use maud::{Markup, html};

/// A label in capitals for a state or a marking.
pub(super) fn tag(text: &str, colour: &str) -> Markup {
    html! { strong class={ "govuk-tag govuk-tag--" (colour) } { (visible(text)) } }
}

/// The state of a document of a kind, in the kind's words.
pub(super) fn state_tag(kind: Option<&Kind>, state: &str) -> Markup {
    let label = kind.and_then(|kind| kind.state(state)).map_or(state, |state| state.label);
    let colour = match state {
        "draft" => "grey",
        "withdrawn" | "erased" => "red",
        "resolved" | "closed" | "retired" | "expired" => "green",
        _ => "blue",
    };
    tag(label, colour)
}

/// A marking of the Traffic Light Protocol; nothing where there is none.
pub(super) fn marking_tag(marking: &str) -> Markup {
    let colour = match marking.parse() {
        Ok(Marking::Clear) => "grey",
        Ok(Marking::Green) => "green",
        Ok(Marking::Amber | Marking::AmberStrict) => "yellow",
        Ok(Marking::Red) => "red",
        Err(_) => "blue",
    };
    html! { @if !marking.is_empty() { (tag(&format!("TLP:{marking}"), colour)) } }
}

/// What a marking asks of whoever reads.
pub(super) fn marking_meaning(marking: &str) -> &'static str {
    match marking.parse() {
        Ok(Marking::Clear) => "Anyone may have this, the public included.",
        Ok(Marking::Green) => "You may pass this on in your community, and not to the public.",
        Ok(Marking::Amber) => "For your organisation, and those of its clients or members who need to know.",
        Ok(Marking::AmberStrict) => "For your organisation only.",
        Ok(Marking::Red) => "For those who received it in person, and nobody else.",
        Err(_) => "This node does not know this marking: pass it on to nobody.",
    }
}

/// What a role lets somebody do, behind their name: "Lambeth Police can read it and respond".
pub(super) const fn may(role: Role) -> &'static str {
    match role {
        Role::Relay => "keeps and forwards it, and cannot read it",
        Role::Read => "can read it and respond",
        Role::Write => "can read and change it",
        Role::Admin => "can read and change it, and decides who else may",
    }
}

/// Somebody a document is for, as a sentence begins.
pub(super) fn party(who: &Party) -> Markup {
    match who {
        Party::Anyone => html! { "Anyone" },
        Party::Organisation(organisation) => said(&organisation.to_string()),
    }
}

/// A moment as people read it in the zone of this computer, with the exact one for programs.
pub(super) fn time(moment: Moment) -> Markup {
    html! { time datetime=(moment) { (civil(moment)) } }
}

/// A moment in words: "22 November 2026, 6:00pm GMT".
pub(super) fn civil(moment: Moment) -> String {
    let ms = i64::try_from(moment.timestamp().as_ms()).ok();
    let zoned = ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()).map(|moment| moment.to_zoned(TimeZone::system()));
    zoned.map_or_else(|| moment.to_string(), |zoned| zoned.strftime("%-d %B %Y, %-I:%M%P %Z").to_string())
}

/// One line that somebody wrote.
pub(super) fn said(text: &str) -> Markup {
    html! { bdi { (visible(text)) } }
}

/// Several lines that somebody wrote.
pub(super) fn said_lines(text: &str) -> Markup {
    let shown: String = text.split('\n').map(|line| visible(&line.replace('\t', "    "))).collect::<Vec<_>>().join("\n");
    html! { div class="csu-text" dir="auto" { (shown) } }
}

/// A link to a web page that somebody named; plain text if it is no address of the web.
pub(super) fn web_link(address: &str) -> Markup {
    let lower = address.to_ascii_lowercase();
    let is_web = ["http://", "https://"].iter().any(|scheme| lower.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
    if !is_web || address.chars().any(|c| c.is_whitespace() || is_misleading(c)) {
        return said(address);
    }
    html! { a class="govuk-link" href=(address) rel="noreferrer noopener nofollow" { bdi { (address) } } }
}

/// Rows of keys and values.
pub(super) fn summary_list(rows: &Markup) -> Markup {
    html! { dl class="govuk-summary-list" { (rows) } }
}

/// A row of a summary list.
pub(super) fn row(key: &str, value: &Markup) -> Markup {
    html! {
        div class="govuk-summary-list__row" {
            dt class="govuk-summary-list__key" { (key) }
            dd class="govuk-summary-list__value" { (value) }
        }
    }
}

/// The same with a link to where it is changed: its address, and what it changes.
pub(super) fn row_with(key: &str, value: &Markup, href: &str, what: &str) -> Markup {
    html! {
        div class="govuk-summary-list__row" {
            dt class="govuk-summary-list__key" { (key) }
            dd class="govuk-summary-list__value" { (value) }
            dd class="govuk-summary-list__actions" {
                a class="govuk-link" href=(href) { "Change" span class="govuk-visually-hidden" { " " (what) } }
            }
        }
    }
}

/// That something was done, at the top of the page that follows.
pub(super) fn done(what: &str) -> Markup {
    html! {
        div class="govuk-notification-banner govuk-notification-banner--success" role="alert" aria-labelledby="done-title"
            data-module="govuk-notification-banner" {
            div class="govuk-notification-banner__header" {
                h2 class="govuk-notification-banner__title" id="done-title" { "Done" }
            }
            div class="govuk-notification-banner__content" { p class="govuk-notification-banner__heading" { (what) } }
        }
    }
}

/// Something that whoever looks must not miss.
pub(super) fn warning(text: &Markup) -> Markup {
    html! {
        div class="govuk-warning-text" {
            span class="govuk-warning-text__icon" aria-hidden="true" { "!" }
            strong class="govuk-warning-text__text" { span class="govuk-visually-hidden" { "Warning: " } (text) }
        }
    }
}

/// Something set apart.
pub(super) fn inset(content: &Markup) -> Markup {
    html! { div class="govuk-inset-text" { (content) } }
}

/// Something that is shown when asked for.
pub(super) fn details(summary: &str, content: &Markup) -> Markup {
    html! {
        details class="govuk-details" {
            summary class="govuk-details__summary" { span class="govuk-details__summary-text" { (summary) } }
            div class="govuk-details__text" { (content) }
        }
    }
}

/// The way back, at the top of a page.
pub(super) fn back(href: &str, label: &str) -> Markup {
    html! { a class="govuk-back-link" href=(href) { (label) } }
}

/// Which button it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// What most people came for; one on a page.
    Main,
    /// Something else.
    Secondary,
    /// What cannot be undone.
    Warning,
}

impl Weight {
    const fn class(self) -> &'static str {
        match self {
            Self::Main => "govuk-button",
            Self::Secondary => "govuk-button govuk-button--secondary",
            Self::Warning => "govuk-button govuk-button--warning",
        }
    }
}

/// A button that sends its form.
pub(super) fn button(label: &str, weight: Weight) -> Markup {
    html! { button type="submit" class=(weight.class()) data-module="govuk-button" data-prevent-double-click="true" { (label) } }
}

/// One of several buttons of a form: the form then says `name=value`.
pub(super) fn button_saying(label: &str, weight: Weight, name: &str, value: &str) -> Markup {
    html! {
        button type="submit" class=(weight.class()) name=(name) value=(value) data-module="govuk-button" data-prevent-double-click="true" {
            (label)
        }
    }
}

/// A link that begins something.
pub(super) fn link_button(href: &str, label: &str, weight: Weight) -> Markup {
    html! { a href=(href) role="button" draggable="false" class=(weight.class()) data-module="govuk-button" { (label) } }
}

/// Buttons and links beside each other.
pub(super) fn button_group(content: &Markup) -> Markup {
    html! { div class="govuk-button-group" { (content) } }
}

/// Links of a list that goes on: back to its beginning, and to its next page. Cursors lead onwards only.
pub(super) fn pagination(first: Option<&str>, next: Option<&str>) -> Markup {
    html! {
        @if first.is_some() || next.is_some() {
            nav class="govuk-pagination" aria-label="Pages" {
                @if let Some(href) = first {
                    div class="govuk-pagination__prev" {
                        a class="govuk-link govuk-pagination__link" href=(href) {
                            (arrow("govuk-pagination__icon--prev", "m6.5938-0.0078125-6.7266 6.7266 6.7441 6.4062 1.377-1.449-4.1856-3.9768h12.896v-2h-12.984l4.2931-4.293-1.414-1.414z"))
                            span class="govuk-pagination__link-title" { "First page" }
                        }
                    }
                }
                @if let Some(href) = next {
                    div class="govuk-pagination__next" {
                        a class="govuk-link govuk-pagination__link" href=(href) rel="next" {
                            span class="govuk-pagination__link-title" { "Next page" }
                            (arrow("govuk-pagination__icon--next", "m8.107-0.0078125-1.4136 1.414 4.2926 4.293h-12.986v2h12.896l-4.1855 3.9766 1.377 1.4492 6.7441-6.4062-6.7246-6.7266z"))
                        }
                    }
                }
            }
        }
    }
}

fn arrow(class: &str, path: &str) -> Markup {
    html! {
        svg class={ "govuk-pagination__icon " (class) } xmlns="http://www.w3.org/2000/svg" height="13" width="15" aria-hidden="true"
            focusable="false" viewBox="0 0 15 13" { path d=(path) {} }
    }
}

/// What stands on every page that reports something.
pub(super) fn emergency() -> Markup {
    html! {
        p class="govuk-body csu-emergency" {
            "If it happens now, or somebody is in danger, ring " strong { "999" } ". To report something that is over, ring "
            strong { "101" } ". This page calls nobody out."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_web_become_links() {
        for address in ["http://a.example/?q=1&x=2", "HTTPS://a.example"] {
            assert!(web_link(address).into_string().contains("<a "), "{address}");
        }
        for address in ["javascript:alert(1)", " https://a.example", "https://", "data:text/html,x", "https://a\u{202e}b", "//a.example"] {
            assert!(!web_link(address).into_string().contains("<a "), "{address}");
        }
        assert!(web_link("https://a.example/\"onclick=\"x").into_string().contains("&quot;onclick"));
    }

    #[test]
    fn what_could_turn_a_text_around_is_seen() {
        assert_eq!(said("a\u{202e}<b>").into_string(), "<bdi>a&lt;U+202E&gt;&lt;b&gt;</bdi>");
        assert!(said_lines("one\n\ttwo\u{7}").into_string().contains("one\n    two␇"));
    }

    #[test]
    fn a_moment_is_shown_with_its_zone_and_exactly_for_programs() {
        let moment: Moment = "2026-11-22T18:05:00+00:00".parse().unwrap();
        let shown = time(moment).into_string();
        assert!(shown.contains("datetime=\"2026-11-22T18:05:00+00:00\"") && shown.contains("November 2026, "), "{shown}");
    }
}
