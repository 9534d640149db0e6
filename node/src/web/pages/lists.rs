//! Lists of one kind with a filter, and its documents: what guides and liaison notes have in common.

use super::super::Site;
use super::super::parts::{Ask, Choice, Errors, Typed, Weight, button, button_group, details, link_button, pagination, problem_text};
use super::super::refusal::Refusal;
use super::super::visitor::Visitor;
use super::documents::{DoneQuery, address, whole};
use super::section_of;
use crate::cli::client::segment;
use crate::desk::{Blame, Document, DocumentQuery, DocumentsPage, Problem, Status};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use csu_protocol::document::Kind;
use maud::{Markup, html};

/// What the address of a list says.
fn query(kind: &Kind, typed: &Typed) -> DocumentQuery {
    let text = |name: &str| typed.filled(name).map(str::to_owned);
    DocumentQuery {
        kind: Some(kind.name.to_owned()),
        state: text("state"),
        search: text("q"),
        cursor: text("cursor"),
        ..DocumentQuery::default()
    }
}

fn list_address(list: &str, typed: &Typed, cursor: Option<&str>) -> String {
    let kept = ["q", "state"].into_iter().filter_map(|name| Some((name, typed.filled(name)?)));
    let pairs: Vec<String> =
        kept.chain(cursor.map(|cursor| ("cursor", cursor))).map(|(name, value)| format!("{name}={}", segment(value))).collect();
    if pairs.is_empty() { list.to_owned() } else { format!("{list}?{}", pairs.join("&")) }
}

/// A list of a kind, with its rows as the kind has them.
pub(super) async fn list(
    site: &Site,
    visitor: &Visitor,
    kind: &'static Kind,
    typed: &Typed,
    about: &str,
    rows: impl Fn(&DocumentsPage, &Status) -> Markup,
) -> Result<Response, Refusal> {
    let (section, home) = section_of(kind.name);
    let (actor, asked) = (visitor.actor.clone(), query(kind, typed));
    let (status, found) = site.desk.ask(move |desk| Ok((desk.status()?, desk.documents(&actor, asked)))).await?;
    let mut errors = Errors::default();
    let page = match found {
        Ok(page) => page,
        Err(problem) if problem.blame() == Some(Blame::Invalid) => {
            errors.add(if problem.field() == Some("search") { "q" } else { "" }, problem_text(&problem));
            DocumentsPage::default()
        }
        Err(problem) => return Err(problem.into()),
    };
    let narrowed = typed.filled("q").or_else(|| typed.filled("state")).is_some();
    let next = page.next.as_ref().map(|cursor| list_address(home, typed, Some(cursor)));
    let first = typed.filled("cursor").map(|_| list_address(home, typed, None));
    let body = html! {
        (DoneQuery::saying(typed.filled("done")).banner())
        (errors.summary())
        h1 class="govuk-heading-l" { (kind.plural) }
        p class="govuk-body" { (about) }
        (button_group(&link_button(&format!("/documents/new/{}", kind.name), &format!("Write {}", kind.one()), Weight::Main)))
        @if narrowed { (filter(kind, home, typed, &errors)) } @else { (details("Search, or show some only", &filter(kind, home, typed, &errors))) }
        @if !page.items.is_empty() {
            (rows(&page, &status))
        } @else if errors.is_empty() {
            p class="govuk-body" { @if narrowed { "Nothing here is like that." } @else { "There are none here yet." } }
        }
        (pagination(first.as_deref(), next.as_deref()))
    };
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, site.page(visitor, section, &errors.title(kind.plural), &body)).into_response())
}

fn filter(kind: &Kind, home: &str, typed: &Typed, errors: &Errors) -> Markup {
    let mut states = vec![Choice::new("", "All")];
    states.extend(kind.states.iter().map(|state| Choice::new(state.name, state.label)));
    html! {
        form method="get" action=(home) {
            (Ask::new("q", "Words").hint("All of them are looked for. burg* stands for every word that begins so.").kind("search")
                .error(errors.of("q")).line(typed.one("q")))
            (Ask::new("state", "State").error(errors.of("state")).select(&states, typed.one("state")))
            (button_group(&html! { (button("Show", Weight::Secondary)) a class="govuk-link" href=(home) { "Show all" } }))
        }
    }
}

/// A document of a kind on the page of its kind; one of another kind is sent on to its own.
pub(super) async fn one(site: &Site, visitor: &Visitor, kind: &str, reference: String, query: &DoneQuery) -> Result<Response, Refusal> {
    let actor = visitor.actor.clone();
    let document: Result<Document, Problem> = site.desk.ask(move |desk| desk.document(&actor, &reference)).await;
    let document = document?;
    if document.kind != kind {
        return Ok(Redirect::to(&address(&document.kind, &document.reference)).into_response());
    }
    Ok(whole(site, visitor, &document, &query.banner()).into_response())
}
