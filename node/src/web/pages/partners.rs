//! Neighbours: how each is, the security number to compare, pausing, and ending a pairing.

use super::super::Site;
use super::super::layout::Section;
use super::super::parts::{
    Ask, Errors, Typed, Weight, back, button, button_group, details, done, inset, link_button, row, said, summary_list, tag, time, warning,
};
use super::super::refusal::Refusal;
use super::super::sentences::{cell, clock_now, network, pairing, table_head};
use super::super::visitor::Visitor;
use super::Done;
use crate::desk::{Actor, ConfirmRequest, Desk, OrgRef, Pairing, PauseRequest, Peer, PeerState, PeerStatus, Problem, Status};
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use csu_protocol::identity::OrganisationKind;
use maud::{Markup, html};

pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/partners", get(list))
        .route("/partners/{org}", get(one))
        .route("/partners/{org}/confirm", post(confirm))
        .route("/partners/{org}/pause", post(pause))
        .route("/partners/{org}/remove", get(ask_remove).post(remove))
        .merge(super::pairing::routes())
        .merge(super::shared::routes())
}

/// A neighbour by a text that names it: its id, as links have it.
pub(super) fn find(desk: &mut dyn Desk, actor: &Actor, who: &str) -> Result<Peer, Problem> {
    let wanted = who.to_lowercase();
    desk.peers(actor)?
        .into_iter()
        .find(|peer| peer.organisation.id.to_string() == wanted)
        .ok_or_else(|| Problem::not_found("there is no such neighbour", "choose one of the list of partners"))
}

fn status_of<'s>(status: &'s Status, peer: &Peer) -> Option<&'s PeerStatus> {
    status.peers.iter().find(|known| known.organisation.id == peer.organisation.id)
}

/// What sort of organisation it says it is.
const fn sort(organisation: &OrgRef) -> &'static str {
    match organisation.kind {
        Some(OrganisationKind::Union) => "Union",
        Some(OrganisationKind::Police) => "Police",
        Some(OrganisationKind::Council) => "Council",
        Some(OrganisationKind::Funder) => "Funder",
        Some(OrganisationKind::Other) => "Other organisation",
        None => "Not known yet",
    }
}

fn last_seen(peer: &Peer, status: Option<&PeerStatus>) -> Markup {
    html! {
        @match (peer.connected, status.and_then(|status| status.last_seen)) {
            (true, _) => "Now",
            (false, Some(seen)) => (time(seen)),
            (false, None) => "Never",
        }
    }
}

fn state_tag(peer: &Peer, status: Option<&PeerStatus>) -> Markup {
    let (words, colour) = pairing(peer);
    let syncing = status.is_some_and(|status| status.syncing && status.state == PeerState::Connected);
    html! {
        (tag(words, colour))
        @if syncing { " catching up" @if let Some(left) = status.and_then(|status| status.left) { ": " (left) } }
    }
}

async fn list(State(site): State<Site>, visitor: Visitor, Query(query): Query<Done>) -> Result<Markup, Refusal> {
    let actor = visitor.actor.clone();
    let (status, peers) = site.desk.ask(move |desk| Ok((desk.status()?, desk.peers(&actor)?))).await?;
    let title = "Partners";
    let body = html! {
        (banner(&query))
        h1 class="govuk-heading-l" { (title) }
        p class="govuk-body" {
            "Neighbours are the unions and forces that this node exchanges documents with. " (network(&status, &clock_now()))
        }
        @if peers.is_empty() {
            (inset(&html! { "There are no neighbours yet. Invite one, or take the ticket that one gave you." }))
        } @else {
            (table(&peers, &status))
        }
        (button_group(&html! {
            (link_button("/partners/invite", "Invite a neighbour", Weight::Main))
            (link_button("/partners/join", "Take a ticket", Weight::Secondary))
        }))
        p class="govuk-body csu-no-print" { a class="govuk-link" href="/circles" { "Circles" } " of organisations to share with at once." }
    };
    Ok(site.page(&visitor, Section::Partners, title, &body))
}

fn banner(query: &Done) -> Markup {
    match query.what() {
        "joined" => done("The ticket was taken. Compare the security number as soon as it is shown."),
        "confirmed" => done("You confirmed the security number. Documents move once the other side has confirmed it, too."),
        "paused" => done("The exchange is paused."),
        "resumed" => done("The exchange goes on."),
        "removed" => done("The pairing is ended."),
        _ => html! {},
    }
}

fn table(peers: &[Peer], status: &Status) -> Markup {
    html! {
        table class="govuk-table csu-rows" {
            caption class="govuk-table__caption govuk-visually-hidden" { "Neighbours" }
            (table_head(&["Neighbour", "What it is", "State", "Last seen"]))
            tbody class="govuk-table__body" {
                @for peer in peers {
                    @let known = status_of(status, peer);
                    tr class="govuk-table__row" {
                        (cell("Neighbour", &html! {
                            a class="govuk-link" href={ "/partners/" (peer.organisation.id) } { (said(&peer.organisation.name)) }
                        }))
                        (cell("What it is", &html! { (sort(&peer.organisation)) }))
                        (cell("State", &state_tag(peer, known)))
                        (cell("Last seen", &last_seen(peer, known)))
                    }
                }
            }
        }
    }
}

async fn one(State(site): State<Site>, visitor: Visitor, Path(who): Path<String>, Query(query): Query<Done>) -> Result<Markup, Refusal> {
    let (status, peer) = asked(&site, &visitor, &who).await?;
    Ok(page(&site, &visitor, &status, &peer, &banner(&query), &Typed::default(), &Errors::default()))
}

async fn asked(site: &Site, visitor: &Visitor, who: &str) -> Result<(Status, Peer), Problem> {
    let (actor, who) = (visitor.actor.clone(), who.to_owned());
    site.desk.ask(move |desk| Ok((desk.status()?, find(desk, &actor, &who)?))).await
}

fn page(site: &Site, visitor: &Visitor, status: &Status, peer: &Peer, banner: &Markup, typed: &Typed, errors: &Errors) -> Markup {
    let known = status_of(status, peer);
    let body = html! {
        (back("/partners", "Partners"))
        (banner)
        (errors.summary())
        h1 class="govuk-heading-l" { (said(&peer.organisation.name)) }
        @if !peer.organisation.verified {
            (warning(&html! { "Nobody has confirmed yet that this is who it says it is." }))
        }
        (compare(peer, typed, errors))
        (summary_list(&html! {
            (row("State", &state_tag(peer, known)))
            (row("Last seen", &last_seen(peer, known)))
            (row("What it is", &html! { (sort(&peer.organisation)) }))
            (row("Confirmed", &html! { (confirmed(peer)) }))
            @if let Some(trouble) = &peer.trouble { (row("Why not connected", &said(trouble))) }
            @if known.is_some_and(|known| known.declined > 0) {
                (row("Not taken", &html! { "Some of what it brought: there is no more room for it. The operator can give it more." }))
            }
            (row("Known since", &time(peer.since)))
            @if let (Some(number), true) = (&peer.number, peer.we_confirmed) { (row("Security number", &html! { (groups(number)) })) }
            (row("Fingerprint", &html! { span class="csu-code" { (peer.fingerprint) } }))
            @if !peer.addresses.is_empty() {
                (row("Addresses", &html! { ul class="govuk-list" { @for address in &peer.addresses { li class="csu-code" { (said(address)) } } } }))
            }
        }))
        @if peer.pairing == Pairing::Confirmed {
            p class="govuk-body" {
                a class="govuk-link" href={ "/partners/" (peer.organisation.id) "/shared" } { "What is shared, both ways" }
            }
        }
        (acts(peer))
    };
    site.page(visitor, Section::Partners, &errors.title(&peer.organisation.name), &body)
}

const fn confirmed(peer: &Peer) -> &'static str {
    match (peer.we_confirmed, peer.they_confirmed) {
        (true, true) => "By both sides",
        (true, false) => "Here; not yet on the other side",
        (false, true) => "On the other side; not yet here",
        (false, false) => "By neither side yet",
    }
}

/// A security number in the groups in which it is read out.
fn groups(number: &str) -> Markup {
    html! { ol class="csu-number" { @for group in number.split_whitespace() { li { (group) } } } }
}

/// The number to compare, and the button that says that it is the same.
fn compare(peer: &Peer, typed: &Typed, errors: &Errors) -> Markup {
    let (Some(number), false) = (&peer.number, peer.we_confirmed) else {
        return html! {
            @if peer.number.is_none() {
                (inset(&html! {
                    "The security number is shown here once the two nodes have reached each other. "
                    a class="govuk-link" href={ "/partners/" (peer.organisation.id) } { "Look again" }
                }))
            }
        };
    };
    let home = format!("/partners/{}", peer.organisation.id);
    html! {
        section aria-labelledby="compare" {
            h2 class="govuk-heading-m" id="compare" { "Compare the security number" }
            ol class="govuk-list govuk-list--number" {
                li { "Ring " (said(&peer.organisation.name)) " on a number that you knew before today." }
                li { "Read the number to each other, group by group." }
                li { "Only if all of it is the same, say so here. The other side does it, too." }
            }
            (groups(number))
            form method="post" action={ (home) "/confirm" } {
                (details("Type what they read to you, to be quite sure",
                    &Ask::new("number", "The number that they read to you (optional)").autocomplete("off").error(errors.of("number"))
                        .line(typed.one("number"))))
                (button_group(&html! {
                    (button("The numbers are the same", Weight::Main))
                    a class="govuk-link" href={ (home) "/remove" } { "They differ: end this pairing" }
                }))
            }
        }
    }
}

fn acts(peer: &Peer) -> Markup {
    let home = format!("/partners/{}", peer.organisation.id);
    html! {
        @if peer.pairing == Pairing::Confirmed {
            h2 class="govuk-heading-m" { @if peer.paused { "Resume" } @else { "Pause" } }
            form method="post" action={ (home) "/pause" } {
                @if peer.paused {
                    p class="govuk-body" { "Both nodes then tell each other all that changed meanwhile." }
                    input type="hidden" name="paused" value="no";
                    (button("Resume the exchange", Weight::Secondary))
                } @else {
                    p class="govuk-body" {
                        "Nothing is sent to it or taken from it until somebody here resumes it: no withdrawal and no erasure either. What it has stays there."
                    }
                    input type="hidden" name="paused" value="yes";
                    (button("Pause the exchange", Weight::Secondary))
                }
            }
        }
        h2 class="govuk-heading-m" { "End the pairing" }
        p class="govuk-body" { a class="govuk-link" href={ (home) "/remove" } { "See what that means, and end it" } }
    }
}

async fn confirm(State(site): State<Site>, visitor: Visitor, Path(who): Path<String>, typed: Typed) -> Result<Response, Refusal> {
    let request = ConfirmRequest { number: typed.filled("number").map(str::to_owned) };
    let (status, peer) = asked(&site, &visitor, &who).await?;
    let (actor, id) = (visitor.actor.clone(), peer.organisation.id.to_string());
    match site.desk.ask(move |desk| desk.confirm_peer(&actor, &id, request)).await {
        Ok(peer) => Ok(Redirect::to(&format!("/partners/{}?done=confirmed", peer.organisation.id)).into_response()),
        Err(problem) if problem.field() == Some("number") => {
            let mut errors = Errors::default();
            errors.add("number", "That is not the number shown here. If they read it again and it still differs, end this pairing");
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&site, &visitor, &status, &peer, &html! {}, &typed, &errors)).into_response())
        }
        Err(problem) => {
            let errors = Errors::from(&problem);
            Ok((StatusCode::CONFLICT, page(&site, &visitor, &status, &peer, &html! {}, &typed, &errors)).into_response())
        }
    }
}

async fn pause(State(site): State<Site>, visitor: Visitor, Path(who): Path<String>, typed: Typed) -> Result<Redirect, Refusal> {
    let paused = match typed.one("paused") {
        "yes" => true,
        "no" => false,
        _ => return Err(Problem::invalid("paused", "the form does not say whether to pause", "go back and use its button").into()),
    };
    let actor = visitor.actor.clone();
    let ask = move |desk: &mut dyn Desk| {
        let peer = find(desk, &actor, &who)?;
        desk.pause_peer(&actor, &peer.organisation.id.to_string(), PauseRequest { paused })
    };
    let peer = site.desk.ask(ask).await?;
    Ok(Redirect::to(&format!("/partners/{}?done={}", peer.organisation.id, if paused { "paused" } else { "resumed" })))
}

async fn ask_remove(State(site): State<Site>, visitor: Visitor, Path(who): Path<String>) -> Result<Markup, Refusal> {
    let (_, peer) = asked(&site, &visitor, &who).await?;
    let title = "End this pairing";
    let name = said(&peer.organisation.name);
    let body = html! {
        (back(&format!("/partners/{}", peer.organisation.id), "Back"))
        h1 class="govuk-heading-l" { (title) " with " (name) "?" }
        ul class="govuk-list govuk-list--bullet" {
            li { "Nothing more is sent to it or taken from it." }
            li { "What was shared stays where it is: it keeps what it has, and this node keeps what it has." }
            li { "Roles that it has on documents stay granted. To take them back, do that on each document first, or in its circles." }
            li { "Erasures that it has not confirmed yet stay outstanding." }
            li { "To exchange with it again you invite it anew and compare a new security number." }
        }
        form method="post" action={ "/partners/" (peer.organisation.id) "/remove" } {
            (button_group(&html! {
                (button("End the pairing", Weight::Warning))
                a class="govuk-link" href={ "/partners/" (peer.organisation.id) } { "Keep it" }
            }))
        }
    };
    Ok(site.page(&visitor, Section::Partners, title, &body))
}

async fn remove(State(site): State<Site>, visitor: Visitor, Path(who): Path<String>) -> Result<Redirect, Refusal> {
    let actor = visitor.actor.clone();
    let ask = move |desk: &mut dyn Desk| {
        let peer = find(desk, &actor, &who)?;
        desk.remove_peer(&actor, &peer.organisation.id.to_string())
    };
    site.desk.ask(ask).await?;
    Ok(Redirect::to("/partners?done=removed"))
}
