//! What readers say about a document, and saying something.

use super::super::Site;
use super::super::parts::{
    Ask, Choice, Errors, Typed, Weight, back, button, details, emergency, inset, problem_text, said, said_lines, time,
};
use super::super::refusal::Refusal;
use super::super::visitor::Visitor;
use super::{documents, section_of};
use crate::desk::{AccessLevel, Document, PersonalData, Problem, RespondRequest};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use csu_protocol::document::kind;
use csu_protocol::entry::Remark;
use csu_protocol::limits;
use maud::{Markup, html};

/// What somebody may say by itself, and how it is counted.
const REMARKS: [(Remark, &str, &str); 5] = [
    (Remark::Acknowledge, "We have read it", "read it"),
    (Remark::SeenHereToo, "It happened here too", "saw the same"),
    (Remark::Comment, "We have something to say", "commented"),
    (Remark::StepTaken, "We did something about it", "did something about it"),
    (Remark::Endorse, "We stand behind it", "stand behind it"),
];

/// A remark as it is counted.
fn done(remark: Remark) -> &'static str {
    let said = REMARKS.iter().find(|(known, ..)| *known == remark).map(|(_, _, done)| *done);
    said.unwrap_or(if remark == Remark::Opened { "opened it" } else { "took a step" })
}

/// The responses of a document with how many said what, and a way to respond.
pub(super) fn section(document: &Document) -> Markup {
    let counts = Remark::ALL.into_iter().filter_map(|remark| {
        let count = document.responses.iter().filter(|response| response.remark == remark).count();
        (count > 0).then(|| format!("{count} {}", done(remark)))
    });
    let counts: Vec<String> = counts.collect();
    html! {
        h2 class="govuk-heading-m" id="responses" { "Responses" }
        @if counts.is_empty() { p class="govuk-body" { "Nobody has responded yet." } } @else { p class="govuk-body" { (counts.join(", ")) "." } }
        @for response in &document.responses {
            (inset(&html! {
                p class="govuk-body" {
                    strong { (said(&response.by.to_string())) }
                    @if let Some(person) = &response.person { " (" (said(person)) ")" }
                    ": "
                    @match &response.step {
                        Some(step) => (step_label(document, step)),
                        None => (done(response.remark)),
                    }
                    ", " (time(response.at))
                }
                @if !response.text.is_empty() { (said_lines(&response.text)) }
            }))
        }
        @if can_respond(document) {
            (details("Respond", &form_of(document, &Typed::default(), &Errors::default(), &[])))
        }
    }
}

fn step_label(document: &Document, verb: &str) -> Markup {
    let known = kind::find(&document.kind).and_then(|kind| kind.step(verb));
    html! { @match known { Some(step) => (step.past), None => (said(verb)) } }
}

const fn can_respond(document: &Document) -> bool {
    let reads = matches!(document.access, AccessLevel::Owner | AccessLevel::Admin | AccessLevel::Write | AccessLevel::Read);
    reads && document.id.is_some() && document.withdrawn.is_none() && !document.sealed
}

fn form_of(document: &Document, typed: &Typed, errors: &Errors, found: &[PersonalData]) -> Markup {
    let choices: Vec<Choice> = REMARKS.iter().map(|(remark, label, _)| Choice::new(remark.as_str(), *label)).collect();
    html! {
        form method="post" action={ "/documents/" (document.reference) "/responses" } novalidate {
            (Ask::new("remark", "What do you want to say?").error(errors.of("remark")).radios(&choices, typed.one("remark")))
            (Ask::new("text", "In your words").error(errors.of("text"))
                .hint("Everybody who can read the document can read this. Name no person.")
                .lines(typed.one("text"), 5, Some(limits::RESPONSE_TEXT_BYTES)))
            @if !found.is_empty() {
                (Ask::new("why", "If this may stay, why?").error(errors.of("why"))
                    .hint("It stands in the access log for good. Name no person.").line(typed.one("why")))
            }
            (button("Send response", Weight::Secondary))
        }
    }
}

/// The form alone.
pub(super) async fn form(State(site): State<Site>, visitor: Visitor, Path(reference): Path<String>) -> Result<Markup, Refusal> {
    let actor = visitor.actor.clone();
    let document = site.desk.ask(move |desk| desk.document(&actor, &reference)).await?;
    Ok(page(&site, &visitor, &document, &Typed::default(), &Errors::default(), &[]))
}

fn page(site: &Site, visitor: &Visitor, document: &Document, typed: &Typed, errors: &Errors, found: &[PersonalData]) -> Markup {
    let body = html! {
        (back(&documents::address(&document.kind, &document.reference), "Back"))
        (errors.summary())
        span class="govuk-caption-l" { (said(&document.title)) }
        h1 class="govuk-heading-l" { "Respond" }
        (emergency())
        @if !found.is_empty() {
            (inset(&html! {
                p class="govuk-body" { "This looks like personal data. Take it out, or say why it may stay:" }
                ul class="govuk-list govuk-list--bullet" { @for found in found { li { (said(&found.words)) ": " (found.looks_like.to_string()) } } }
            }))
        }
        (form_of(document, typed, errors, found))
    };
    site.page(visitor, section_of(&document.kind).0, &errors.title("Respond"), &body)
}

/// Sends a response.
pub(super) async fn respond(
    State(site): State<Site>,
    visitor: Visitor,
    Path(reference): Path<String>,
    typed: Typed,
) -> Result<Response, Refusal> {
    let mut errors = Errors::default();
    let remark = REMARKS.iter().map(|(remark, ..)| *remark).find(|remark| remark.as_str() == typed.one("remark"));
    let mut found = Vec::new();
    match remark {
        None => errors.add("remark", "Choose what you want to say"),
        Some(remark) => {
            let text = typed.filled("text").map(|text| text.replace("\r\n", "\n"));
            let request = RespondRequest { remark, text, personal_data_checked: typed.filled("why").map(str::to_owned) };
            let (actor, named) = (visitor.actor.clone(), reference.clone());
            match site.desk.ask(move |desk| desk.respond(&actor, &named, request)).await {
                Ok(document) => {
                    let address = documents::address(&document.kind, &document.reference);
                    return Ok(Redirect::to(&format!("{address}?done=responded#responses")).into_response());
                }
                Err(problem) => found = refused(&problem, &mut errors),
            }
        }
    }
    let actor = visitor.actor.clone();
    let document = site.desk.ask(move |desk| desk.document(&actor, &reference)).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&site, &visitor, &document, &typed, &errors, &found)).into_response())
}

/// Notes why a response was refused; what looks like personal data in it.
fn refused(problem: &Problem, errors: &mut Errors) -> Vec<PersonalData> {
    if !problem.findings().is_empty() {
        errors.add("text", "This looks as if it held personal data: take it out, or say why it may stay");
    } else {
        let name = match problem.field() {
            Some("personalDataChecked") => "why",
            Some(name @ ("text" | "remark")) => name,
            Some(_) | None => "",
        };
        errors.add(name, problem_text(problem));
    }
    problem.findings().to_vec()
}
