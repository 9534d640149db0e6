//! Looking for words in all that can be read here.

use super::super::Site;
use super::super::layout::Section;
use super::super::parts::{Ask, Errors, Weight, button, emergency, pagination, problem_text};
use super::super::refusal::Refusal;
use super::super::visitor::Visitor;
use super::bulletins;
use crate::cli::client::segment;
use crate::desk::{Blame, DocumentQuery, DocumentsPage};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::html;
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
pub(super) struct SearchQuery {
    #[serde(default)]
    q: String,
    cursor: Option<String>,
}

/// What is found, of every kind.
pub(super) async fn search(State(site): State<Site>, visitor: Visitor, Query(query): Query<SearchQuery>) -> Result<Response, Refusal> {
    let wanted = query.q.trim().to_owned();
    let (mut errors, mut found) = (Errors::default(), DocumentsPage::default());
    if !wanted.is_empty() {
        let actor = visitor.actor.clone();
        let asked = DocumentQuery { search: Some(wanted.clone()), cursor: query.cursor.clone(), ..DocumentQuery::default() };
        match site.desk.ask(move |desk| desk.documents(&actor, asked)).await {
            Ok(page) => found = page,
            Err(problem) if problem.blame() == Some(Blame::Invalid) => errors.add("q", problem_text(&problem)),
            Err(problem) => return Err(problem.into()),
        }
    }
    let own = format!("/search?q={}", segment(&wanted));
    let next = found.next.as_ref().map(|cursor| format!("{own}&cursor={}", segment(cursor)));
    let body = html! {
        (errors.summary())
        h1 class="govuk-heading-l" { "Search" }
        (emergency())
        form method="get" action="/search" role="search" novalidate {
            (Ask::new("q", "Words that must all be there").error(errors.of("q")).kind("search")
                .hint("burg* stands for every word that begins so; words in double quotes stand one behind the other. Drafts are not searched.")
                .line(&query.q))
            (button("Search", Weight::Main))
        }
        @if !wanted.is_empty() && errors.is_empty() {
            @if found.items.is_empty() {
                h2 class="govuk-heading-m" { "Nothing has all of these words" }
                p class="govuk-body" { "Try fewer words, or the beginning of one with a star, such as bicyc*." }
            } @else {
                h2 class="govuk-heading-m" { "What was found" }
                (bulletins::rows(&found.items, true))
                (pagination(query.cursor.is_some().then_some(own.as_str()), next.as_deref()))
            }
        }
    };
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, site.page(&visitor, Section::Elsewhere, &errors.title("Search"), &body)).into_response())
}
