//! Becoming neighbours: a ticket as text, link and picture, and taking one.

use super::super::Site;
use super::super::layout::Section;
use super::super::parts::{Ask, Choice, Errors, Typed, Weight, back, button, details, inset, problem_text, time, warning};
use super::super::refusal::Refusal;
use super::super::visitor::Visitor;
use crate::cli::client::segment;
use crate::desk::{Invitation, InvitationRequest, JoinRequest};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use maud::{Markup, html};
use qrcode::{Color, EcLevel, QrCode};

/// White around a code, in modules, as ISO/IEC 18004 asks for.
const QUIET: usize = 4;
/// Where the ticket stands in a link.
const IN_LINK: &str = "/partners/join?ticket=";
/// The pages of a node that was set up as usual.
const USUAL: &str = "localhost:4822";

pub(super) fn routes() -> Router<Site> {
    Router::new().route("/partners/invite", get(ask_invite).post(invite)).route("/partners/join", get(ask_join).post(join))
}

async fn ask_invite(State(site): State<Site>, visitor: Visitor) -> Markup {
    inviting(&site, &visitor, &Typed::default(), &Errors::default())
}

fn inviting(site: &Site, visitor: &Visitor, typed: &Typed, errors: &Errors) -> Markup {
    let title = "Invite a neighbour";
    let hours = [("24", "One day"), ("72", "Three days"), ("168", "A week")].map(|(value, label)| Choice::new(value, label));
    let body = html! {
        (back("/partners", "Partners"))
        (errors.summary())
        h1 class="govuk-heading-l" { (title) }
        p class="govuk-body" {
            "A ticket leads one organisation to this node. Give it to that organisation only; then you compare a security number by telephone, and only after that documents move."
        }
        form method="post" action="/partners/invite" {
            (Ask::new("hours", "How long is the ticket good for?").error(errors.of("hours"))
                .radios(&hours, typed.filled("hours").unwrap_or("24")))
            (button("Make a ticket", Weight::Main))
        }
    };
    site.page(visitor, Section::Partners, &errors.title(title), &body)
}

/// Makes a ticket and shows it at once. It is not kept, and stands in no address: whoever has it can introduce itself here.
async fn invite(State(site): State<Site>, visitor: Visitor, typed: Typed) -> Result<Response, Refusal> {
    let hours = typed.filled("hours").map(str::parse::<u32>).transpose();
    let Ok(valid_hours) = hours else {
        let mut errors = Errors::default();
        errors.add("hours", "Choose how long the ticket is good for");
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, inviting(&site, &visitor, &typed, &errors)).into_response());
    };
    let actor = visitor.actor.clone();
    match site.desk.ask(move |desk| desk.invite(&actor, InvitationRequest { valid_hours })).await {
        Ok(invitation) => Ok(ticket(&site, &visitor, &invitation).into_response()),
        Err(problem) => {
            let mut errors = Errors::default();
            errors.add(if problem.field() == Some("validHours") { "hours" } else { "" }, problem_text(&problem));
            Ok((StatusCode::UNPROCESSABLE_ENTITY, inviting(&site, &visitor, &typed, &errors)).into_response())
        }
    }
}

fn ticket(site: &Site, visitor: &Visitor, invitation: &Invitation) -> Markup {
    let title = "Your ticket";
    let body = html! {
        (back("/partners", "Partners"))
        h1 class="govuk-heading-l" { (title) }
        p class="govuk-body" { "Good until " (time(invitation.expires)) ", for one organisation. It is not shown again." }
        @if invitation.addresses.is_empty() {
            (warning(&html! { "The ticket tells no address, so nobody can find this node by it. Ask your operator to announce one." }))
        }
        h2 class="govuk-heading-m" { "As text" }
        p class="govuk-body" { "Send it by a way that only they read. On their page Partners they choose “Take a ticket” and paste it." }
        (inset(&html! { span class="csu-code" id="ticket" { (invitation.ticket) } }))
        (picture(&invitation.ticket))
        (details("As a link", &html! {
            p class="govuk-body" { "It opens the right page on the computer that their node runs on, if its pages are at " (USUAL) "." }
            p class="govuk-body csu-code" { "http://" (USUAL) (IN_LINK) (segment(&invitation.ticket)) }
        }))
        h2 class="govuk-heading-m" { "What comes next" }
        p class="govuk-body" {
            "Once they have taken it, they stand under " a class="govuk-link" href="/partners" { "Partners" }
            " as “To be confirmed here”. Then ring them and compare the security number."
        }
    };
    site.page(visitor, Section::Partners, title, &body)
}

/// A text as a picture for the camera of a phone. A ticket of many addresses is too long for one.
fn picture(text: &str) -> Markup {
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::L) else { return html! {} };
    let width = code.width();
    let side = width.saturating_add(2 * QUIET);
    let mut path = String::new();
    for (at, _) in code.to_colors().iter().enumerate().filter(|(_, colour)| **colour == Color::Dark) {
        path.push_str(&format!("M{} {}h1v1h-1z", at % width + QUIET, at / width + QUIET));
    }
    html! {
        h2 class="govuk-heading-m" { "As a picture" }
        p class="govuk-body" { "For the camera of a phone: it reads the same text." }
        svg class="csu-qr" xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (side) " " (side) } width="360" height="360" role="img"
            aria-label="The ticket as a QR code" shape-rendering="crispEdges" {
            rect width=(side) height=(side) fill="#ffffff" {}
            path d=(path) fill="#000000" {}
        }
    }
}

/// The ticket in what somebody pasted: the ticket itself, or a link to it.
fn pasted(text: &str) -> String {
    let text = text.split_once("ticket=").map_or(text, |(_, ticket)| ticket);
    text.split('&').next().unwrap_or(text).trim().to_owned()
}

async fn ask_join(State(site): State<Site>, visitor: Visitor, typed: Typed) -> Markup {
    joining(&site, &visitor, typed.one("ticket"), &Errors::default())
}

fn joining(site: &Site, visitor: &Visitor, ticket: &str, errors: &Errors) -> Markup {
    let title = "Take a ticket";
    let body = html! {
        (back("/partners", "Partners"))
        (errors.summary())
        h1 class="govuk-heading-l" { (title) }
        p class="govuk-body" { "Take tickets only from somebody you know. This node then looks for theirs." }
        form method="post" action="/partners/join" {
            (Ask::new("ticket", "The ticket").hint("It begins with csu-ticket. A link that holds one will do, too.").autocomplete("off")
                .error(errors.of("ticket")).lines(ticket, 5, None))
            (button("Take it", Weight::Main))
        }
    };
    site.page(visitor, Section::Partners, &errors.title(title), &body)
}

async fn join(State(site): State<Site>, visitor: Visitor, typed: Typed) -> Response {
    let refused = |message: &str| {
        let mut errors = Errors::default();
        errors.add("ticket", message);
        (StatusCode::UNPROCESSABLE_ENTITY, joining(&site, &visitor, typed.one("ticket"), &errors)).into_response()
    };
    let Some(text) = typed.filled("ticket") else { return refused("Paste the ticket") };
    let (actor, request) = (visitor.actor.clone(), JoinRequest { ticket: pasted(text) });
    match site.desk.ask(move |desk| desk.join(&actor, request)).await {
        Ok(peer) => Redirect::to(&format!("/partners/{}?done=joined", peer.organisation.id)).into_response(),
        Err(problem) => refused(&problem_text(&problem)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_found_in_a_link_that_holds_it() {
        for text in ["csu-ticketabc", " csu-ticketabc\n", "http://localhost:4822/partners/join?ticket=csu-ticketabc&x=1"] {
            assert_eq!(pasted(text), "csu-ticketabc", "{text}");
        }
    }

    #[test]
    fn a_picture_has_white_around_it_and_a_text_that_is_too_long_has_none() {
        let svg = picture("csu-ticketabc").into_string();
        assert!(svg.contains("viewBox=\"0 0 29 29\"") && svg.contains("M4 4h1") && !svg.contains("style"), "{svg}");
        assert_eq!(picture(&"x".repeat(3000)).into_string(), "");
    }
}
