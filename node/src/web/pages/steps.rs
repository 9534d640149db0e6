//! Steps of a document's lifecycle: what follows is shown first, then it is done.

mod checking;
mod personal;

use super::super::Site;
use super::super::parts::{Ask, Choice, Errors, Typed, Weight, back, button, button_group, emergency, problem_text, said, warning};
use super::super::refusal::Refusal;
use super::super::visitor::Visitor;
use super::writing::known;
use super::{documents, reading, section_of};
use crate::desk::{Circle, Document, Problem, RevocationEffect, StepRequest};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use csu_protocol::document::{Kind, Means, Step};
use csu_protocol::entry::Reason;
use csu_protocol::limits;
use maud::{Markup, html};

/// What is known before a step is taken.
#[derive(Debug)]
struct Before {
    document: Document,
    kind: &'static Kind,
    step: &'static Step,
    circles: Vec<Circle>,
    /// Who would lose or gain a role by it, or why it is refused.
    effect: Result<RevocationEffect, Problem>,
}

impl Before {
    async fn look(site: &Site, visitor: &Visitor, reference: &str, verb: &str) -> Result<Self, Problem> {
        let (actor, named) = (visitor.actor.clone(), reference.to_owned());
        let document = site.desk.ask(move |desk| desk.document(&actor, &named)).await?;
        let kind = known(&document.kind)?;
        let step = kind.step(verb).filter(|_| document.steps.iter().any(|known| known == verb));
        let step = step.ok_or_else(|| {
            let state = kind.state(&document.state).map_or(document.state.as_str(), |state| state.label).to_lowercase();
            let detail = format!("this {} is {state}, and that cannot be done with it now", kind.label.to_lowercase());
            Problem::conflict(detail, "go back to it and see what can be done")
        })?;
        let (mut effect, mut circles) = (Ok(RevocationEffect::default()), Vec::new());
        if step.means == Means::Revision {
            if document.id.is_some() {
                let (actor, named) = (visitor.actor.clone(), document.reference.clone());
                effect = site.desk.ask(move |desk| desk.preview_step(&actor, &named, step.verb, StepRequest::default())).await;
            }
            let actor = visitor.actor.clone();
            circles = site.desk.ask(move |desk| desk.circles(&actor)).await?;
        }
        Ok(Self { document, kind, step, circles, effect })
    }

    fn home(&self) -> String {
        documents::address(&self.document.kind, &self.document.reference)
    }

    fn action(&self) -> String {
        format!("/documents/{}/steps/{}", self.document.reference, self.step.verb)
    }

    /// Whether somebody loses a role by it, which must be meant.
    fn narrows(&self) -> bool {
        self.effect.as_ref().is_ok_and(|effect| !effect.losses.is_empty())
    }
}

/// What follows from a step, and the form that takes it.
pub(super) async fn ask(
    State(site): State<Site>,
    visitor: Visitor,
    Path((reference, verb)): Path<(String, String)>,
) -> Result<Markup, Refusal> {
    let before = Before::look(&site, &visitor, &reference, &verb).await?;
    Ok(show(&site, &visitor, &before, &Typed::default(), &Errors::default()))
}

fn show(site: &Site, visitor: &Visitor, before: &Before, typed: &Typed, errors: &Errors) -> Markup {
    match before.step.means {
        Means::Revision => checking::show(site, visitor, before, typed, errors),
        Means::Withdraw => withdrawing(site, visitor, before, typed, errors),
        Means::Response => answering(site, visitor, before, typed, errors),
    }
}

/// A page of a step, with its form.
fn page(site: &Site, visitor: &Visitor, before: &Before, title: &str, errors: &Errors, content: &Markup) -> Markup {
    let body = html! {
        (back(&before.home(), "Back"))
        (errors.summary())
        span class="govuk-caption-l" { (said(&before.document.title)) }
        h1 class="govuk-heading-l" { (title) }
        @if before.kind.name == "bulletin" { (emergency()) }
        (content)
    };
    site.page(visitor, section_of(before.kind.name).0, &errors.title(title), &body)
}

fn withdrawing(site: &Site, visitor: &Visitor, before: &Before, typed: &Typed, errors: &Errors) -> Markup {
    let label = before.kind.label.to_lowercase();
    let choices: Vec<Choice> = Reason::ALL.into_iter().map(|why| Choice::new(why.as_str(), capital(reading::reason(why)))).collect();
    let readers = before.document.readers.len();
    let content = html! {
        p class="govuk-body" {
            "Everybody who has this " (label) " or ever had it is told that it was withdrawn, by whom and why: "
            (readers) @if readers == 1 { " other now." } @else { " others now." }
            " They keep what they have, and see that it holds no longer."
            @if !before.document.annexes.is_empty() { " Your annexes of it are withdrawn with it." }
        }
        (warning(&html! { "This cannot be undone. To correct it instead, go back and change it." }))
        form method="post" action=(before.action()) novalidate {
            (Ask::new("reason", "Why is it withdrawn?").error(errors.of("reason")).hint("Everybody who is told reads this.")
                .radios(&choices, typed.one("reason")))
            (button_group(&html! {
                (button("Withdraw it for good", Weight::Warning))
                a class="govuk-link" href=(before.home()) { "Leave it as it is" }
            }))
        }
    };
    page(site, visitor, before, &format!("Withdraw this {label}"), errors, &content)
}

fn answering(site: &Site, visitor: &Visitor, before: &Before, typed: &Typed, errors: &Errors) -> Markup {
    let content = html! {
        p class="govuk-body" { "Your answer is signed for your organisation, and everybody who can read the document can read it." }
        form method="post" action=(before.action()) novalidate {
            (Ask::new("text", "In your words").error(errors.of("text")).hint("Name no person.")
                .lines(typed.one("text"), 8, Some(limits::RESPONSE_TEXT_BYTES)))
            @if errors.of("why").is_some() || typed.filled("why").is_some() {
                (Ask::new("why", "If what looks like personal data may stay, why?").error(errors.of("why"))
                    .hint("It stands in the access log for good. Name no person.").line(typed.one("why")))
            }
            (button(before.step.label, Weight::Main))
        }
    };
    page(site, visitor, before, before.step.label, errors, &content)
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// Takes a step.
pub(super) async fn take(
    State(site): State<Site>,
    visitor: Visitor,
    Path((reference, verb)): Path<(String, String)>,
    typed: Typed,
) -> Result<Response, Refusal> {
    let before = Before::look(&site, &visitor, &reference, &verb).await?;
    if before.step.means == Means::Revision {
        return checking::take(&site, &visitor, before, &typed).await;
    }
    let mut errors = Errors::default();
    let request = match before.step.means {
        Means::Withdraw => match typed.one("reason").parse::<Reason>() {
            Ok(reason) => Some(StepRequest { reason: Some(reason), ..StepRequest::default() }),
            Err(_) => {
                errors.add("reason", "Choose why it is withdrawn");
                None
            }
        },
        Means::Response | Means::Revision => Some(StepRequest {
            text: typed.filled("text").map(|text| text.replace("\r\n", "\n")),
            personal_data_checked: typed.filled("why").map(str::to_owned),
            ..StepRequest::default()
        }),
    };
    if let Some(request) = request {
        let actor = visitor.actor.clone();
        match site.desk.ask(move |desk| desk.step(&actor, &reference, &verb, request)).await {
            Ok(document) => {
                let done = if before.step.means == Means::Withdraw { "withdrawn" } else { "responded" };
                return Ok(
                    Redirect::to(&format!("{}?done={done}", documents::address(&document.kind, &document.reference))).into_response()
                );
            }
            Err(problem) if !problem.findings().is_empty() => {
                errors.add("text", "This looks as if it held personal data: take it out, or say why it may stay");
                errors.add("why", "Enter why it may stay, if it is to stay");
            }
            Err(problem) => {
                let name = match problem.field() {
                    Some("personalDataChecked") => "why",
                    Some(name @ ("text" | "reason")) => name,
                    Some(_) | None => "",
                };
                errors.add(name, problem_text(&problem));
            }
        }
    }
    let page = show(&site, &visitor, &before, &typed, &errors);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}
