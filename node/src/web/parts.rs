//! The pieces that pages are made of, as the GOV.UK design system names them.

use crate::desk::Moment;
use maud::{Markup, html};

/// A label in capitals for a state or a marking.
pub(super) fn tag(text: &str, colour: &str) -> Markup {
    html! { strong class={ "govuk-tag govuk-tag--" (colour) } { (text) } }
}

/// A moment as people read it, with the exact one for programs.
pub(super) fn time(moment: Moment) -> Markup {
    html! { time datetime=(moment) { (crate::cli::screen::short_time(moment)) } }
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

/// What stands on every page that reports something.
pub(super) fn emergency() -> Markup {
    html! {
        p class="govuk-body csu-emergency" {
            "If it happens now, or somebody is in danger, ring " strong { "999" } ". To report something that is over, ring "
            strong { "101" } ". This page calls nobody out."
        }
    }
}
