//! Incident bulletins: the list, and one of them.

use super::super::Site;
use super::super::layout::Section;
use super::super::parts::{
    Ask, Choice, Errors, Weight, button, details, emergency, link_button, marking_tag, pagination, problem_text, said, state_tag, time,
};
use super::super::refusal::Refusal;
use super::super::visitor::Visitor;
use super::documents::{self, DoneQuery};
use super::reading;
use crate::cli::client::segment;
use crate::desk::{Blame, DocumentLine, DocumentQuery, DocumentsPage};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use csu_protocol::document::kind;
use maud::{Markup, html};
use serde::Deserialize;

const KIND: &str = "bulletin";

/// What the list is filtered by, as its form has it: an empty value filters nothing.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Filters {
    #[serde(default)]
    q: String,
    #[serde(default)]
    state: String,
    cursor: Option<String>,
    done: Option<String>,
}

fn given(value: &str) -> Option<String> {
    Some(value.trim().to_owned()).filter(|value| !value.is_empty())
}

impl Filters {
    fn query(&self) -> DocumentQuery {
        DocumentQuery {
            kind: Some(KIND.to_owned()),
            state: given(&self.state),
            search: given(&self.q),
            cursor: self.cursor.clone(),
            ..DocumentQuery::default()
        }
    }

    /// The filters as an address has them, in the order of the form.
    fn pairs(&self) -> [(&'static str, &str); 2] {
        [("q", &self.q), ("state", &self.state)]
    }

    fn any(&self) -> bool {
        self.pairs().iter().any(|(_, value)| !value.trim().is_empty())
    }

    fn address(&self, cursor: Option<&str>) -> String {
        let mut pairs: Vec<String> =
            self.pairs().iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}={}", segment(value))).collect();
        pairs.extend(cursor.map(|cursor| format!("cursor={}", segment(cursor))));
        if pairs.is_empty() { "/bulletins".to_owned() } else { format!("/bulletins?{}", pairs.join("&")) }
    }

    /// The form, whose further filters stand one below the other.
    fn form(&self, errors: &Errors) -> Markup {
        let mut states = vec![Choice::new("", "Any state")];
        states.extend(kind::find(KIND).into_iter().flat_map(|kind| kind.states).map(|state| Choice::new(state.name, state.label)));
        let content = html! {
            form method="get" action="/bulletins" role="search" novalidate {
                (Ask::new("q", "Words").error(errors.of("q")).kind("search")
                    .hint("All of them must be there. burg* stands for every word that begins so.").line(&self.q))
                (Ask::new("state", "State").error(errors.of("state")).select(&states, &self.state))
                (button("Filter", Weight::Secondary))
                @if self.any() { p class="govuk-body" { a class="govuk-link" href="/bulletins" { "Clear the filters" } } }
            }
        };
        // What is in force is in sight.
        if self.any() { content } else { details("Search and filter", &content) }
    }
}

/// The list.
pub(super) async fn list(State(site): State<Site>, visitor: Visitor, Query(filters): Query<Filters>) -> Result<Response, Refusal> {
    let (actor, query) = (visitor.actor.clone(), filters.query());
    let (mut errors, mut found) = (Errors::default(), DocumentsPage::default());
    match site.desk.ask(move |desk| desk.documents(&actor, query)).await {
        Ok(page) => found = page,
        // What cannot be searched for is said beside the input.
        Err(problem) if problem.blame() == Some(Blame::Invalid) && filters.any() => {
            errors.add(if problem.field() == Some("search") { "q" } else { "" }, problem_text(&problem));
        }
        Err(problem) => return Err(problem.into()),
    }
    let next = found.next.as_ref().map(|cursor| filters.address(Some(cursor)));
    let first = filters.address(None);
    let body = html! {
        (DoneQuery::saying(filters.done.as_deref()).banner())
        (errors.summary())
        h1 class="govuk-heading-l" { "Bulletins" }
        (emergency())
        (link_button("/bulletins/new", "Write a bulletin", Weight::Main))
        (filters.form(&errors))
        @if !found.items.is_empty() {
            (rows(&found.items, false))
        } @else if errors.is_empty() && filters.any() {
            p class="govuk-body" { "No bulletin fits these filters. Use fewer words, or choose any state. Drafts are not searched for words." }
        } @else if errors.is_empty() {
            p class="govuk-body" {
                "There are no bulletins here yet. Write the first one, or "
                a class="govuk-link" href="/partners" { "pair with a neighbour" } " to see theirs."
            }
        }
        (pagination(filters.cursor.is_some().then_some(first.as_str()), next.as_deref()))
    };
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, site.page(&visitor, Section::Bulletins, &errors.title("Bulletins"), &body)).into_response())
}

/// Documents in a table, with their kinds where several may be among them.
pub(super) fn rows(lines: &[DocumentLine], with_kinds: bool) -> Markup {
    html! {
        table class="govuk-table csu-rows" {
            caption class="govuk-table__caption govuk-visually-hidden" { "Newest first" }
            thead class="govuk-table__head" {
                tr class="govuk-table__row" {
                    th scope="col" class="govuk-table__header" { @if with_kinds { "Document" } @else { "Bulletin" } }
                    @if with_kinds { th scope="col" class="govuk-table__header" { "Kind" } }
                    @for heading in ["State", "Marking", "From", "Updated"] { th scope="col" class="govuk-table__header" { (heading) } }
                }
            }
            tbody class="govuk-table__body" { @for line in lines { (line_of(line, with_kinds)) } }
        }
    }
}

fn line_of(line: &DocumentLine, with_kinds: bool) -> Markup {
    let described = kind::find(&line.kind);
    html! {
        tr class="govuk-table__row" {
            td class="govuk-table__cell" data-label=(if with_kinds { "Document" } else { "Bulletin" }) {
                @match &line.erased {
                    Some(erased) => {
                        "Erased by " (said(&erased.by.to_string())) ", " (time(erased.at))
                        @if let Some(why) = erased.why { ": " (reading::reason(why)) }
                    },
                    None => {
                        @if line.unread == Some(true) { strong class="govuk-tag govuk-tag--purple" { "New" } " " }
                        a class="govuk-link" href=(documents::address(&line.kind, &line.reference)) { (said(&line.title)) }
                        @if line.draft && line.id.is_some() { " (a next version is being written)" }
                    },
                }
            }
            @if with_kinds { td class="govuk-table__cell" data-label="Kind" { (described.map_or(line.kind.as_str(), |kind| kind.label)) } }
            td class="govuk-table__cell" data-label="State" { (state_tag(described, &line.state)) }
            td class="govuk-table__cell" data-label="Marking" { (marking_tag(&line.marking)) }
            td class="govuk-table__cell" data-label="From" { (said(&line.owner.to_string())) }
            td class="govuk-table__cell" data-label="Updated" { (time(line.updated)) }
        }
    }
}

/// One bulletin.
pub(super) async fn one(
    State(site): State<Site>,
    visitor: Visitor,
    Path(reference): Path<String>,
    Query(query): Query<DoneQuery>,
) -> Result<Response, Refusal> {
    let (actor, named) = (visitor.actor.clone(), reference.clone());
    let document = match site.desk.ask(move |desk| desk.document(&actor, &named)).await {
        Ok(document) => document,
        Err(problem) if problem.is_sealed() => return Ok(Redirect::to(&format!("/documents/{}/open", segment(&reference))).into_response()),
        Err(problem) => return Err(problem.into()),
    };
    if document.kind != KIND {
        return Ok(Redirect::to(&format!("/documents/{}", document.reference)).into_response());
    }
    Ok(documents::whole(&site, &visitor, &document, &query.banner()).into_response())
}
