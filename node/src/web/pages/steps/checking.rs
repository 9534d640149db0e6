//! Looking a draft over before it is signed and shared: what is shared, with whom, and what follows.

use super::super::super::Site;
use super::super::super::parts::{
    Errors, Typed, Weight, button, button_group, details, inset, marking_meaning, marking_tag, may, party, row, row_with, said,
    summary_list, time, warning,
};
use super::super::super::refusal::Refusal;
use super::super::super::visitor::Visitor;
use super::super::writing::{bare, demand, place_of, refusal_of, value_at};
use super::super::{documents, reading};
use super::{Before, page, personal};
use crate::desk::{CIRCLE_PREFIX, Document, Recipient, RevocationEffect, StepRequest};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use csu_protocol::entry::Role;
use maud::{Markup, html};
use serde_json::{Map, Value};

/// What stands in the form where somebody loses a role, so that nothing is taken away that was not shown.
const NARROW: &str = "narrow";

/// What would be shared.
pub(super) fn fields(before: &Before) -> &Map<String, Value> {
    before.document.draft.as_ref().map_or(&before.document.fields, |draft| &draft.fields)
}

fn edit(before: &Before, place: &str) -> String {
    format!("/documents/{}/edit/{place}", before.document.reference)
}

/// What must be filled and is not, with links to where.
fn missing(before: &Before) -> Errors {
    let mut errors = Errors::default();
    for path in before.step.needs {
        let first = path.rsplit_once('.').map_or((*path).to_owned(), |(blocks, name)| {
            let blocks: Vec<String> = blocks.split('.').map(|block| format!("{block}[0]")).collect();
            format!("{}.{name}", blocks.join("."))
        });
        if value_at(fields(before), &first).is_none()
            && let Some(field) = before.kind.field(path)
        {
            errors.add(edit(before, &place_of(before.kind, &first)), demand(field));
        }
    }
    errors
}

/// What the desk refused, with links to where each is mended.
fn elsewhere(before: &Before, problem: &crate::desk::Problem) -> Errors {
    refusal_of(before.kind, problem).map_names(|name| {
        let known = matches!(name, "marking" | "to") || before.kind.field(name).is_some();
        if known { edit(before, &place_of(before.kind, name)) } else { String::new() }
    })
}

pub(super) fn show(site: &Site, visitor: &Visitor, before: &Before, _typed: &Typed, errors: &Errors) -> Markup {
    let document = &before.document;
    let is_first = document.id.is_none();
    let mut errors = errors.clone();
    if errors.is_empty() {
        errors = missing(before);
    }
    if errors.is_empty()
        && let Err(problem) = &before.effect
    {
        errors = elsewhere(before, problem);
    }
    let label = before.kind.label.to_lowercase();
    let title = match (is_first, document.draft.is_some()) {
        (true, _) => format!("Check this {label} before you {} it", before.step.label.to_lowercase()),
        (false, _) => format!("{}: check before you go on", before.step.label),
    };
    let content = html! {
        @if is_first { (preview(before)) } @else { (changes(before)) }
        (handling(before))
        (audience(before))
        @if let Ok(effect) = &before.effect { (losses(effect)) }
        @if !document.annexes.is_empty() {
            p class="govuk-body" { "Annexes are documents of their own. They are not shared by this, and their readers are chosen one by one." }
        }
        h2 class="govuk-heading-m" { "What follows" }
        p class="govuk-body" { (consequence(before)) }
        form method="post" action=(before.action()) novalidate {
            @if before.narrows() { input type="hidden" name=(NARROW) value="yes"; }
            (button_group(&html! {
                (button(before.step.label, Weight::Main))
                a class="govuk-link" href=(before.home()) { @if document.draft.is_some() { "Leave it as a draft" } @else { "Leave it as it is" } }
            }))
        }
    };
    page(site, visitor, before, &title, &errors, &content)
}

fn consequence(before: &Before) -> String {
    let shared = before.document.draft.as_ref().is_some_and(|draft| !draft.to.is_empty()) || !before.document.readers.is_empty();
    let label = before.kind.label.to_lowercase();
    let sent = if shared {
        "It is signed for your organisation and sent to everybody above; those who are not connected get it when they are."
    } else {
        "It is signed for your organisation. Nobody else gets it until you share it with them."
    };
    let (draft, state) = (before.document.draft.is_some(), before.step.past);
    let changes = if before.document.id.is_some() && draft { " The changes above go with it." } else { "" };
    format!(
        "{sent}{changes} This {label} is then {state}. You can change or withdraw it later, and what was sent stays in its history at those who have it."
    )
}

/// All that a first version says, as each of its readers sees it.
fn preview(before: &Before) -> Markup {
    html! {
        h2 class="govuk-heading-m" { "What every reader sees" }
        @if fields(before).is_empty() { p class="govuk-body" { "Nothing yet." } }
        (reading::fields(Some(before.kind), fields(before)))
        p class="govuk-body" {
            a class="govuk-link" href=(edit(before, reading::first_page(before.kind.name))) { "Change what it says" }
        }
    }
}

/// What a next version changes, before and after.
fn changes(before: &Before) -> Markup {
    let document = &before.document;
    let changed = document.draft.as_ref().map_or(&[][..], |draft| &draft.changed);
    let shown = |map: &Map<String, Value>, path: &str| {
        let value = value_at(map, path);
        value.map(|value| before.kind.field(path).map_or_else(|| reading::plain(value), |field| reading::shown(field, value)))
    };
    html! {
        h2 class="govuk-heading-m" { "What changes" }
        @if changed.is_empty() { p class="govuk-body" { "Nothing of what it says." } }
        @if !changed.is_empty() {
            (summary_list(&html! {
                @for path in changed {
                    (row_with(
                        &reading::label(Some(before.kind), path),
                        &reading::before_and_after(
                            shown(&document.fields, path).as_ref(),
                            shown(fields(before), path).as_ref(),
                            "Taken out. It stays in the history.",
                        ),
                        &edit(before, &place_of(before.kind, path)),
                        &bare(path),
                    ))
                }
            }))
        }
        @if document.draft.is_some() {
            (details("All of it, as readers will see it", &reading::fields(Some(before.kind), fields(before))))
        }
    }
}

fn handling(before: &Before) -> Markup {
    let marking = before.document.draft.as_ref().map_or(before.document.marking.as_str(), |draft| draft.marking.as_str());
    let shown = html! { (marking_tag(marking)) " " (marking_meaning(marking)) };
    let moved = before.document.id.is_some() && marking != before.document.marking;
    html! {
        h2 class="govuk-heading-m" { "Handling and audience" }
        (summary_list(&html! {
            (row_with("Marking", &shown, &edit(before, "sharing"), "the marking"))
            @if moved { (row("Marking until now", &marking_tag(&before.document.marking))) }
        }))
    }
}

/// Who has it and who gets it, by name.
fn audience(before: &Before) -> Markup {
    let document = &before.document;
    let to: &[Recipient] = document.draft.as_ref().map_or(&[], |draft| &draft.to);
    html! {
        ul class="govuk-list govuk-list--bullet" {
            @for reader in &document.readers { li { (party(&reader.who)) " " (may(reader.role)) " already" } }
            @for recipient in to { (recipient_line(before, recipient)) }
        }
        @if to.is_empty() && document.readers.is_empty() {
            (inset(&html! { p class="govuk-body" { "Nobody else: it is for your organisation alone until you choose somebody." } }))
        }
        p class="govuk-body" {
            @if !document.readers.is_empty() || !to.is_empty() { "All of them see the same; nobody else sees anything of it. " }
            a class="govuk-link" href=(edit(before, "sharing")) { "Change the audience" }
        }
    }
}

fn recipient_line(before: &Before, recipient: &Recipient) -> Markup {
    let role = may(recipient.role.unwrap_or(Role::Read));
    let circle = recipient.who.strip_prefix(CIRCLE_PREFIX).map(|name| (name, before.circles.iter().find(|circle| circle.name == name)));
    let until = html! { @if let Some(until) = recipient.until { " until " (time(until)) } };
    html! {
        li {
            @match circle {
                Some((name, circle)) => {
                    "Each of the circle " (said(name)) " " (role) (until) ": "
                    @let members = circle.map_or(&[][..], |circle| &circle.members);
                    @if members.is_empty() { "nobody yet" }
                    @for (at, member) in members.iter().enumerate() { @if at > 0 { ", " } (said(&member.to_string())) }
                },
                None if recipient.who == "anyone" => { "Anyone, the public included, " (role) (until) },
                None => { (said(&recipient.who)) " " (role) (until) },
            }
        }
    }
}

/// Who loses something by the step: said before it is done.
fn losses(effect: &RevocationEffect) -> Markup {
    html! {
        @if !effect.losses.is_empty() {
            (warning(&html! { "The stricter marking takes access away. What was sent before cannot be called back." }))
            ul class="govuk-list govuk-list--bullet" {
                @for loss in &effect.losses {
                    li {
                        (party(&loss.who)) " " (may(loss.had)) ", and then "
                        @match loss.keeps { Some(role) => (may(role)), None => "has no access any more" }
                        @if !loss.holds.is_empty() { ". It holds all the same: " (said(&loss.holds.join(", "))) }
                    }
                }
                @for annex in &effect.annexes { li { (party(&annex.who)) " loses annex " (annex.reference) " with it" } }
            }
        }
    }
}

/// Takes a step that signs a version.
pub(super) async fn take(site: &Site, visitor: &Visitor, before: Before, typed: &Typed) -> Result<Response, Refusal> {
    let lacking = missing(&before);
    if !lacking.is_empty() {
        let page = show(site, visitor, &before, typed, &lacking);
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let mut kept = None;
    if personal::is_sorted(typed) {
        match personal::sort(site, visitor, &before, typed).await? {
            Ok(reason) => kept = reason,
            Err(errors) => return Ok(again(site, visitor, &before, typed, &errors)),
        }
    }
    let request = StepRequest { narrow: typed.says(NARROW, "yes"), ..StepRequest::default() };
    let (actor, reference, verb) = (visitor.actor.clone(), before.document.reference.clone(), before.step.verb);
    let first = request.clone();
    let mut outcome = site.desk.ask(move |desk| desk.step(&actor, &reference, verb, first)).await;
    // A reason is given for what was looked at, and for nothing that came since.
    if let (Err(problem), Some(reason)) = (&outcome, kept)
        && !problem.findings().is_empty()
        && problem.findings().iter().all(|found| personal::was_kept(typed, found))
    {
        let request = StepRequest { personal_data_checked: Some(reason), ..request };
        let (actor, reference) = (visitor.actor.clone(), before.document.reference.clone());
        outcome = site.desk.ask(move |desk| desk.step(&actor, &reference, verb, request)).await;
    }
    match outcome {
        Ok(document) => Ok(shared(&document).into_response()),
        Err(problem) if !problem.findings().is_empty() => {
            let found = personal::distinct(problem.findings());
            // Asked for the first time nothing is wrong yet that somebody typed.
            let page = personal::show(site, visitor, &before, &found, typed, &Errors::default());
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(problem) if problem.field() == Some("personalDataChecked") => {
            let mut errors = Errors::default();
            errors.add("why", super::problem_text(&problem));
            Ok(again(site, visitor, &before, typed, &errors))
        }
        Err(problem) => {
            let errors = elsewhere(&before, &problem);
            let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
            Ok((status, show(site, visitor, &before, typed, &errors)).into_response())
        }
    }
}

/// The page of what looks like personal data, as it was sent.
fn again(site: &Site, visitor: &Visitor, before: &Before, typed: &Typed, errors: &Errors) -> Response {
    let page = personal::show(site, visitor, before, &personal::found_again(typed), typed, errors);
    (StatusCode::UNPROCESSABLE_ENTITY, page).into_response()
}

fn shared(document: &Document) -> Redirect {
    let waits = document.annexes.iter().any(|annex| annex.id.is_none());
    let done = if waits { "annex" } else { "shared" };
    Redirect::to(&format!("{}?done={done}", documents::address(&document.kind, &document.reference)))
}
