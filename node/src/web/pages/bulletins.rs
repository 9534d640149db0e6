//! Incident bulletins: the list, and one of them.

use super::super::Site;
use super::super::layout::Section;
use super::super::parts::{emergency, row, tag, time};
use super::super::refusal::Refusal;
use super::super::visitor::Visitor;
use crate::desk::{DocumentLine, DocumentQuery};
use axum::extract::{Path, State};
use maud::{Markup, html};

const KIND: &str = "bulletin";

pub(super) async fn list(State(site): State<Site>, visitor: Visitor) -> Result<Markup, Refusal> {
    let actor = visitor.actor.clone();
    let query = DocumentQuery { kind: Some(KIND.to_owned()), ..DocumentQuery::default() };
    let page = site.desk.ask(move |desk| desk.documents(&actor, query)).await?;
    let body = html! {
        h1 class="govuk-heading-l" { "Bulletins" }
        (emergency())
        @if page.items.is_empty() {
            p class="govuk-body" { "There are no bulletins here yet." }
        } @else {
            (rows(&page.items))
        }
    };
    Ok(site.page(&visitor, Section::Bulletins, "Bulletins", &body))
}

fn rows(lines: &[DocumentLine]) -> Markup {
    html! {
        table class="govuk-table csu-rows" {
            thead class="govuk-table__head" {
                tr class="govuk-table__row" {
                    @for heading in ["Bulletin", "State", "From", "Updated"] { th scope="col" class="govuk-table__header" { (heading) } }
                }
            }
            tbody class="govuk-table__body" {
                @for line in lines {
                    tr class="govuk-table__row" {
                        td class="govuk-table__cell" data-label="Bulletin" {
                            a class="govuk-link" href={ "/bulletins/" (line.reference) } { (line.title) }
                        }
                        td class="govuk-table__cell" data-label="State" { (tag(&line.state, "blue")) }
                        td class="govuk-table__cell" data-label="From" { (line.owner.name) }
                        td class="govuk-table__cell" data-label="Updated" { (time(line.updated)) }
                    }
                }
            }
        }
    }
}

pub(super) async fn one(State(site): State<Site>, visitor: Visitor, Path(reference): Path<String>) -> Result<Markup, Refusal> {
    let actor = visitor.actor.clone();
    let document = site.desk.ask(move |desk| desk.document(&actor, &reference)).await?;
    let body = html! {
        h1 class="govuk-heading-l" { (document.title) }
        (emergency())
        dl class="govuk-summary-list" {
            (row("State", &tag(&document.state, "blue")))
            (row("From", &html! { (document.owner.name) }))
        }
    };
    Ok(site.page(&visitor, Section::Bulletins, &document.title, &body))
}
