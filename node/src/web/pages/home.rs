//! What is new, what waits, and how the network is.

use super::super::Site;
use super::super::layout::Section;
use super::super::refusal::Refusal;
use super::super::visitor::Visitor;
use axum::extract::State;
use maud::{Markup, html};

pub(super) async fn home(State(site): State<Site>, visitor: Visitor) -> Result<Markup, Refusal> {
    let status = site.desk.ask(|desk| desk.status()).await?;
    let body = html! {
        h1 class="govuk-heading-l" { (status.organisation.name) }
        p class="govuk-body" { (status.summary) }
    };
    Ok(site.page(&visitor, Section::Home, "Home", &body))
}
