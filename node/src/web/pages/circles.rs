//! Circles: named lists of organisations that documents are shared with at once, and what follows when they change.

use super::super::Site;
use super::super::layout::Section;
use super::super::parts::{
    Ask, Choice, Errors, Typed, Weight, back, button, button_group, done, inset, link_button, problem_text, said, time,
};
use super::super::refusal::Refusal;
use super::super::sentences::{cell, circle_change, count, effect, neighbour, table_head};
use super::super::visitor::Visitor;
use super::Done;
use crate::cli::client::segment;
use crate::desk::{
    Actor, ApplyRequest, CIRCLE_PREFIX, Circle, CircleChange, CircleRequest, Desk, MembersRequest, Pairing, Peer, PendingPage,
    PendingQuery, Problem, RevocationEffect,
};
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use csu_protocol::id::DocumentId;
use maud::{Markup, html};

pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/circles", get(list).post(make))
        .route("/circles/{name}", get(one))
        .route("/circles/{name}/members", post(change))
        .route("/circles/{name}/apply", post(apply))
        .route("/circles/{name}/delete", get(ask_delete).post(delete))
}

fn address(name: &str) -> String {
    format!("/circles/{}", segment(name))
}

async fn known(site: &Site, visitor: &Visitor) -> Result<(Vec<Circle>, Vec<Peer>), Problem> {
    let actor = visitor.actor.clone();
    site.desk.ask(move |desk| Ok((desk.circles(&actor)?, desk.peers(&actor)?))).await
}

async fn list(State(site): State<Site>, visitor: Visitor, Query(query): Query<Done>) -> Result<Markup, Refusal> {
    let known = known(&site, &visitor).await?;
    let banner = if query.what() == "deleted" {
        done("The circle is deleted. What was granted to its members stays theirs.")
    } else {
        html! {}
    };
    Ok(all(&site, &visitor, &known, &banner, &Typed::default(), &Errors::default()))
}

fn all(
    site: &Site,
    visitor: &Visitor,
    (circles, peers): &(Vec<Circle>, Vec<Peer>),
    banner: &Markup,
    typed: &Typed,
    errors: &Errors,
) -> Markup {
    let title = "Circles";
    let chosen: Vec<&str> = typed.every("member").collect();
    let body = html! {
        (back("/partners", "Partners"))
        (banner)
        (errors.summary())
        h1 class="govuk-heading-l" { (title) }
        p class="govuk-body" {
            "A circle is a list of organisations under a name of your own, such as the neighbours of a ward. A document is shared with all of them at once. Only this node knows its circles."
        }
        @if circles.is_empty() { p class="govuk-body" { "There are no circles yet." } } @else { (table(circles)) }
        h2 class="govuk-heading-m" { "Make a circle" }
        form method="post" action="/circles" {
            (Ask::new("name", "Its name").hint("Such as: Ward neighbours.").error(errors.of("name")).line(typed.one("name")))
            (members_form("member", "Who is in it? (optional)", &candidates(peers, &[]), &chosen, errors))
            (button("Make the circle", Weight::Main))
        }
    };
    site.page(visitor, Section::Partners, &errors.title(title), &body)
}

/// Neighbours that are not in a circle yet.
fn candidates(peers: &[Peer], circle: &[crate::desk::OrgRef]) -> Vec<Choice> {
    let free = |peer: &&Peer| peer.pairing == Pairing::Confirmed && !circle.iter().any(|member| member.id == peer.organisation.id);
    let choice = |peer: &Peer| Choice::new(peer.organisation.id.to_string(), crate::cli::screen::visible(&peer.organisation.name));
    peers.iter().filter(free).map(choice).collect()
}

fn members_form(name: &'static str, label: &'static str, choices: &[Choice], chosen: &[&str], errors: &Errors) -> Markup {
    html! {
        @if !choices.is_empty() { (Ask::new(name, label).error(errors.of(name)).checkboxes(choices, chosen)) }
        @if choices.is_empty() { p class="govuk-body" { "There is no neighbour to put into it." } }
    }
}

fn table(circles: &[Circle]) -> Markup {
    html! {
        table class="govuk-table csu-rows" {
            (table_head(&["Circle", "Members", "Shared with it", "Since"]))
            tbody class="govuk-table__body" {
                @for circle in circles {
                    tr class="govuk-table__row" {
                        (cell("Circle", &html! { a class="govuk-link" href=(address(&circle.name)) { (said(&circle.name)) } }))
                        (cell("Members", &html! { (circle.members.len()) }))
                        (cell("Shared with it", &html! { (shared_with(circle)) }))
                        (cell("Since", &time(circle.created)))
                    }
                }
            }
        }
    }
}

fn shared_with(circle: &Circle) -> String {
    count(usize::try_from(circle.documents).unwrap_or(usize::MAX), "document", "documents")
}

async fn make(State(site): State<Site>, visitor: Visitor, typed: Typed) -> Result<Response, Refusal> {
    let mut errors = Errors::default();
    match typed.filled("name") {
        None => errors.add("name", "Enter a name for the circle"),
        Some(name) => {
            let request = CircleRequest { name: name.to_owned(), members: typed.every("member").map(str::to_owned).collect() };
            let actor = visitor.actor.clone();
            match site.desk.ask(move |desk| desk.create_circle(&actor, request)).await {
                Ok(circle) => return Ok(Redirect::to(&format!("{}?done=made", address(&circle.name))).into_response()),
                Err(problem) => errors.add(if problem.field() == Some("members") { "member" } else { "name" }, problem_text(&problem)),
            }
        }
    }
    let known = known(&site, &visitor).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, all(&site, &visitor, &known, &html! {}, &typed, &errors)).into_response())
}

/// A circle, and what follows from who is in it.
struct Shown {
    circle: Circle,
    peers: Vec<Peer>,
    pending: PendingPage,
}

impl Shown {
    fn by(desk: &mut dyn Desk, actor: &Actor, name: &str, after: Option<DocumentId>) -> Result<Self, Problem> {
        let query = PendingQuery { after, ..PendingQuery::default() };
        Ok(Self { circle: desk.circle(actor, name)?, peers: desk.peers(actor)?, pending: desk.pending(actor, name, query)? })
    }
}

async fn asked(site: &Site, visitor: &Visitor, name: &str, after: Option<DocumentId>) -> Result<Shown, Problem> {
    let (actor, name) = (visitor.actor.clone(), name.to_owned());
    site.desk.ask(move |desk| Shown::by(desk, &actor, &name, after)).await
}

async fn one(State(site): State<Site>, visitor: Visitor, Path(name): Path<String>, typed: Typed) -> Result<Markup, Refusal> {
    let after = match typed.filled("after").map(str::parse::<DocumentId>) {
        None => None,
        Some(Ok(after)) => Some(after),
        Some(Err(_)) => return Err(Problem::invalid("after", "this is no page of the circle", "go back to the circle").into()),
    };
    let shown = asked(&site, &visitor, &name, after).await?;
    let banner = match typed.one("done") {
        "made" => done("The circle is made."),
        "changed" => done("The circle is changed. What follows from that is below; nothing of it is done by itself."),
        "applied" => done("That is done."),
        _ => html! {},
    };
    Ok(page(&site, &visitor, &shown, &banner, &Errors::default()))
}

fn page(site: &Site, visitor: &Visitor, shown: &Shown, banner: &Markup, errors: &Errors) -> Markup {
    let circle = &shown.circle;
    let body = html! {
        (back("/circles", "Circles"))
        (banner)
        (errors.summary())
        h1 class="govuk-heading-l" { (said(&circle.name)) }
        p class="govuk-body" {
            (shared_with(circle)) " shared with it. To share one more, open its page “Who can read it, and why” and choose this circle."
        }
        (follows(shown))
        (members(shown, errors))
        h2 class="govuk-heading-m" { "Delete it" }
        p class="govuk-body" { a class="govuk-link" href={ (address(&circle.name)) "/delete" } { "See what that means, and delete it" } }
    };
    site.page(visitor, Section::Partners, &errors.title(&circle.name), &body)
}

/// The changes of one document after the other.
fn by_document(changes: &[CircleChange]) -> Vec<&[CircleChange]> {
    changes.chunk_by(|one, other| one.document == other.document).collect()
}

fn follows(shown: &Shown) -> Markup {
    let home = address(&shown.circle.name);
    let PendingPage { items, next } = &shown.pending;
    html! {
        section aria-labelledby="follows" {
            h2 class="govuk-heading-m" id="follows" { "What follows from who is in it" }
            @if items.is_empty() { p class="govuk-body" { "Nothing is left to be done" @if next.is_some() { " on this page" } "." } }
            @for changes in by_document(items) { (of_document(changes, &home)) }
            @if let Some(next) = next { p class="govuk-body" { a class="govuk-link" href={ (home) "?after=" (next) } { "More documents" } } }
        }
    }
}

fn of_document(changes: &[CircleChange], home: &str) -> Markup {
    let Some(first) = changes.first() else { return html! {} };
    html! {
        div class="csu-entry" {
            h3 class="govuk-heading-s" {
                a class="govuk-link" href={ "/documents/" (first.reference) "/access" } {
                    @if first.title.is_empty() { "Document " (first.reference) } @else { (said(&first.title)) }
                }
            }
            ul class="govuk-list govuk-list--bullet" {
                @for change in changes {
                    li {
                        (circle_change(change))
                        // Its own loss was just told.
                        @if let Some(more) = change.effect.as_ref().filter(|effect| tells_more(effect)) { (effect(more)) }
                    }
                }
            }
            @if changes.iter().any(|change| change.blocked.is_none()) {
                form method="post" action={ (home) "/apply" } {
                    input type="hidden" name="document" value=(first.document);
                    (button("Do this for the document", Weight::Secondary))
                }
            }
        }
    }
}

fn tells_more(effect: &RevocationEffect) -> bool {
    effect.losses.len() > 1 || RevocationEffect { losses: Vec::new(), ..effect.clone() } != RevocationEffect::default()
}

fn members(shown: &Shown, errors: &Errors) -> Markup {
    let Shown { circle, peers, .. } = shown;
    let change = format!("{}/members", address(&circle.name));
    let free = candidates(peers, &circle.members);
    html! {
        h2 class="govuk-heading-m" { "Members" }
        @if circle.members.is_empty() { p class="govuk-body" { "Nobody yet." } }
        @if !circle.members.is_empty() {
            form method="post" action=(change) {
                ul class="govuk-list" {
                    @for member in &circle.members {
                        li class="csu-entry" {
                            (neighbour(member)) " "
                            button type="submit" class="csu-link-button" name="remove" value=(member.id) {
                                "Take out" span class="govuk-visually-hidden" { " " (said(&member.name)) }
                            }
                        }
                    }
                }
            }
        }
        form method="post" action=(change) {
            (members_form("add", "Put in", &free, &[], errors))
            @if !free.is_empty() { (button("Put them in", Weight::Secondary)) }
        }
        (inset(&html! {
            "Putting somebody in or taking somebody out gives and takes nothing by itself: what follows from it is shown above, document by document, and done when you say so."
        }))
    }
}

async fn change(State(site): State<Site>, visitor: Visitor, Path(name): Path<String>, typed: Typed) -> Result<Response, Refusal> {
    let texts = |name: &str| typed.every(name).map(str::to_owned).collect::<Vec<_>>();
    let request = MembersRequest { add: texts("add"), remove: texts("remove") };
    let mut errors = Errors::default();
    if request == MembersRequest::default() {
        errors.add("", "Choose at least one neighbour to put in, or one member to take out");
    } else {
        let (actor, named) = (visitor.actor.clone(), name.clone());
        match site.desk.ask(move |desk| desk.change_circle(&actor, &named, request)).await {
            Ok(circle) => return Ok(Redirect::to(&format!("{}?done=changed", address(&circle.name))).into_response()),
            Err(problem) => errors = Errors::from(&problem),
        }
    }
    let shown = asked(&site, &visitor, &name, None).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&site, &visitor, &shown, &html! {}, &errors)).into_response())
}

async fn apply(State(site): State<Site>, visitor: Visitor, Path(name): Path<String>, typed: Typed) -> Result<Response, Refusal> {
    let (actor, named, request) = (visitor.actor.clone(), name.clone(), ApplyRequest { document: typed.one("document").to_owned() });
    let mut errors = Errors::default();
    match site.desk.ask(move |desk| desk.apply_circle(&actor, &named, request)).await {
        Ok(applied) if applied.refused.is_empty() => return Ok(Redirect::to(&format!("{}?done=applied", address(&name))).into_response()),
        Ok(applied) => {
            for refused in &applied.refused {
                let why = refused.blocked.as_ref().map(|blocked| blocked.why.clone()).unwrap_or_default();
                errors.add("", format!("Not done for {}: {why}", refused.who));
            }
        }
        Err(problem) => errors = Errors::from(&problem),
    }
    let shown = asked(&site, &visitor, &name, None).await?;
    Ok((StatusCode::CONFLICT, page(&site, &visitor, &shown, &html! {}, &errors)).into_response())
}

async fn ask_delete(State(site): State<Site>, visitor: Visitor, Path(name): Path<String>) -> Result<Markup, Refusal> {
    let actor = visitor.actor.clone();
    let circle = site.desk.ask(move |desk| desk.circle(&actor, &name)).await?;
    let title = "Delete this circle";
    let body = html! {
        (back(&address(&circle.name), "Back"))
        h1 class="govuk-heading-l" { "Delete the circle " (said(&circle.name)) "?" }
        ul class="govuk-list govuk-list--bullet" {
            li { "What was granted to its members stays theirs (" (shared_with(&circle)) ")." }
            li { "Who comes later does not get it by this circle, and who leaves does not lose it." }
            li { "To take it back first, do that on each document for " (said(&format!("{CIRCLE_PREFIX}{}", circle.name))) "." }
        }
        form method="post" action={ (address(&circle.name)) "/delete" } {
            (button_group(&html! {
                (button("Delete the circle", Weight::Warning))
                (link_button(&address(&circle.name), "Keep it", Weight::Secondary))
            }))
        }
    };
    Ok(site.page(&visitor, Section::Partners, title, &body))
}

async fn delete(State(site): State<Site>, visitor: Visitor, Path(name): Path<String>) -> Result<Redirect, Refusal> {
    let actor = visitor.actor.clone();
    site.desk.ask(move |desk| desk.delete_circle(&actor, &name)).await?;
    Ok(Redirect::to("/circles?done=deleted"))
}
