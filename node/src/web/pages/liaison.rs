//! Liaison notes: a matter between two organisations, what is asked of whom by when, and whose turn it is.

use super::super::Site;
use super::super::markdown::prose;
use super::super::parts::{Typed, inset, marking_tag, said, state_tag, tag, time};
use super::super::refusal::Refusal;
use super::super::sentences::{cell, table_head};
use super::super::visitor::Visitor;
use super::documents::{DoneQuery, address};
use super::home::next_step;
use super::{lists, reading};
use crate::desk::{AccessLevel, Document, DocumentLine, DocumentsPage, Moment, Party, Status};
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::get;
use csu_protocol::document::kind;
use maud::{Markup, html};
use serde_json::{Map, Value};

const KIND: &str = "note";
/// Fields that are shown in a way of their own.
const OWN: [&str; 5] = ["subject", "text", "asks", "victimConsent", "victimConsentDate"];

pub(super) fn routes() -> Router<Site> {
    Router::new().route("/liaison", get(list)).route("/liaison/{ref}", get(one))
}

async fn list(State(site): State<Site>, visitor: Visitor, typed: Typed) -> Result<Response, Refusal> {
    let about = "Matters between this organisation and one other, with what is asked of whom.";
    lists::list(&site, &visitor, super::writing::known(KIND)?, &typed, about, rows).await
}

async fn one(
    State(site): State<Site>,
    visitor: Visitor,
    Path(reference): Path<String>,
    Query(query): Query<DoneQuery>,
) -> Result<Response, Refusal> {
    lists::one(&site, &visitor, KIND, reference, &query).await
}

fn rows(page: &DocumentsPage, status: &Status) -> Markup {
    html! {
        table class="govuk-table csu-rows" {
            caption class="govuk-table__caption govuk-visually-hidden" { "Newest first" }
            (table_head(&["Note", "State", "Next step", "Marking", "From", "Updated"]))
            tbody class="govuk-table__body" { @for line in &page.items { (line_of(line, status)) } }
        }
    }
}

fn line_of(line: &DocumentLine, status: &Status) -> Markup {
    let described = kind::find(&line.kind);
    html! {
        tr class="govuk-table__row" {
            (cell("Note", &html! {
                @match &line.erased {
                    Some(erased) => { "Erased by " (said(&erased.by.to_string())) },
                    None => {
                        @if line.unread == Some(true) { strong class="govuk-tag govuk-tag--purple" { "New" } " " }
                        a class="govuk-link" href=(address(&line.kind, &line.reference)) { (said(&line.title)) }
                    },
                }
            }))
            (cell("State", &state_tag(described, &line.state)))
            (cell("Next step", &html! {
                @match (next_step(line, status), line.state.as_str()) {
                    (Some(step), _) => { "Yours: " (step) },
                    (None, "sent" | "answered") => "Theirs",
                    (None, "draft") => "Yours: send it",
                    (None, _) => "None",
                }
            }))
            (cell("Marking", &marking_tag(&line.marking)))
            (cell("From", &said(&line.owner.to_string())))
            (cell("Updated", &time(line.updated)))
        }
    }
}

/// Whose turn it is, in a sentence.
fn turn(document: &Document) -> Markup {
    let ours = document.access == AccessLevel::Owner;
    let other = document.readers.iter().find_map(|reader| match &reader.who {
        Party::Organisation(organisation) if organisation.id != document.owner.id => Some(organisation.to_string()),
        Party::Organisation(_) | Party::Anyone => None,
    });
    let other = other.unwrap_or_else(|| "the other side".to_owned());
    let owner = document.owner.to_string();
    html! {
        @match (document.state.as_str(), ours) {
            ("draft", _) => "Next: you send it.",
            ("sent", true) => { "Next: " (said(&other)) " answers." },
            ("sent", false) => "Next: you answer it.",
            ("answered", true) => "Next: you look at the answer, then close the note, or change and send it again.",
            ("answered", false) => { "Next: " (said(&owner)) " looks at your answer and closes the note." },
            ("closed", _) => "The matter is closed. Nobody has to do anything.",
            _ => "Nobody has to do anything.",
        }
    }
}

/// What a note says.
pub(super) fn says(document: &Document, fields: &Map<String, Value>) -> Markup {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let rest: Map<String, Value> =
        fields.iter().filter(|(name, _)| !OWN.contains(&name.as_str())).map(|(name, value)| (name.clone(), value.clone())).collect();
    html! {
        (inset(&turn(document)))
        @if let Some(text) = text("text") { (prose(text)) }
        (asks(document, fields))
        @if let Some(consent) = text("victimConsent") {
            h3 class="govuk-heading-s" { "Victim's consent" }
            p class="govuk-body" { (self::consent(consent)) @if let Some(date) = text("victimConsentDate") { " (" (said(date)) ")" } }
        }
        @if !rest.is_empty() { (reading::fields(kind::find(KIND), &rest)) }
    }
}

fn consent(consent: &str) -> Markup {
    match consent {
        "given" => html! { "The victim agreed to this being passed on." },
        "refused" => html! { "The victim did not agree to this being passed on." },
        "not-applicable" => html! { "There is no victim whose consent is needed." },
        other => said(other),
    }
}

/// What is asked of whom by when, and how far it is: as far as the note is.
fn asks(document: &Document, fields: &Map<String, Value>) -> Markup {
    let Some(Value::Array(asks)) = fields.get("asks") else { return html! {} };
    let text = |ask: &Value, name: &str| ask.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    html! {
        h3 class="govuk-heading-s" { "What is asked" }
        table class="govuk-table csu-rows" {
            (table_head(&["What", "Of whom", "By when", "State"]))
            tbody class="govuk-table__body" {
                @for ask in asks {
                    @let due = text(ask, "due");
                    tr class="govuk-table__row" {
                        (cell("What", &said(&text(ask, "text"))))
                        (cell("Of whom", &said(&text(ask, "owner"))))
                        (cell("By when", &by_when(&due)))
                        (cell("State", &how_far(document, &due)))
                    }
                }
            }
        }
    }
}

fn by_when(due: &str) -> Markup {
    match due.parse::<Moment>() {
        Ok(due) => time(due),
        Err(_) if due.is_empty() => html! { "No date" },
        Err(_) => said(due),
    }
}

fn how_far(document: &Document, due: &str) -> Markup {
    let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0);
    let late = due.parse::<Moment>().is_ok_and(|due| due.timestamp().as_ms() < now);
    match document.state.as_str() {
        "draft" => tag("Not sent", "grey"),
        "sent" if late => tag("Overdue", "red"),
        "sent" => tag("Asked", "blue"),
        "answered" => tag("Answered", "green"),
        "closed" => tag("Closed", "green"),
        _ => tag("Withdrawn", "red"),
    }
}
