//! One document of any kind: reading it, opening a sealed one, throwing a draft away, taking it along as a file.

use super::super::Site;
use super::super::layout::Section;
use super::super::parts::{
    Ask, Errors, Typed, Weight, back, button, button_group, done, emergency, inset, link_button, problem_text, said, warning,
};
use super::super::refusal::Refusal;
use super::super::visitor::Visitor;
use super::{reading, responding, section_of};
use crate::desk::{AccessLevel, Document, ExportFormat, OpeningRequest, Problem};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Redirect, Response};
use csu_protocol::document::{Means, Step, kind};
use maud::{Markup, html};
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
pub(super) struct DoneQuery {
    /// What was done before this page was shown.
    done: Option<String>,
}

impl DoneQuery {
    /// That this was done.
    pub(super) fn saying(done: Option<&str>) -> Self {
        Self { done: done.map(str::to_owned) }
    }

    /// What was done, in words: only what this node itself says.
    pub(super) fn banner(&self) -> Markup {
        let what = match self.done.as_deref() {
            Some("saved") => "Saved as a draft. It is on this node only.",
            Some("shared") => "Signed, and on its way to those it is for.",
            Some("withdrawn") => "Withdrawn. Everybody who had it is told.",
            Some("responded") => "Your response is signed, and on its way.",
            Some("discarded") => "The draft is gone.",
            Some("annex") => "Signed, and on its way. What you moved is in the draft of an annex, below: choose there who may have it.",
            _ => return html! {},
        };
        done(what)
    }
}

/// Where a document of a kind is read.
pub(super) fn address(kind: &str, reference: &str) -> String {
    match section_of(kind) {
        (Section::Elsewhere, _) => format!("/documents/{reference}"),
        (_, list) => format!("{list}/{reference}"),
    }
}

/// A document by its reference; a bulletin has a page of its own, and one that is sealed is opened for a reason.
pub(super) async fn one(
    State(site): State<Site>,
    visitor: Visitor,
    Path(reference): Path<String>,
    Query(query): Query<DoneQuery>,
) -> Result<Response, Refusal> {
    let (actor, named) = (visitor.actor.clone(), reference.clone());
    match site.desk.ask(move |desk| desk.document(&actor, &named)).await {
        Ok(document) if section_of(&document.kind).0 != Section::Elsewhere => {
            let done = query.done.as_ref().map(|done| format!("?done={}", crate::cli::client::segment(done))).unwrap_or_default();
            Ok(Redirect::to(&format!("{}{done}", address(&document.kind, &document.reference))).into_response())
        }
        Ok(document) => Ok(whole(&site, &visitor, &document, &query.banner()).into_response()),
        Err(problem) if problem.is_sealed() => {
            let reference = crate::cli::client::segment(&reference);
            Ok(Redirect::to(&format!("/documents/{reference}/open")).into_response())
        }
        Err(problem) => Err(problem.into()),
    }
}

/// The page of a document.
pub(super) fn whole(site: &Site, visitor: &Visitor, document: &Document, banner: &Markup) -> Markup {
    let (section, list) = section_of(&document.kind);
    let described = kind::find(&document.kind);
    let (label, plural) = described.map_or(("Document", "Documents"), |kind| (kind.label, kind.plural));
    let is_bulletin = document.kind == "bulletin";
    let says = if document.id.is_some() { Some(&document.fields) } else { document.draft.as_ref().map(|draft| &draft.fields) };
    let body = html! {
        (back(list, if section == Section::Elsewhere { "Back" } else { plural }))
        (banner)
        span class="govuk-caption-l" { (label) }
        h1 class="govuk-heading-l" { (said(&document.title)) }
        @if is_bulletin { (emergency()) }
        @if is_exercise(document) { (warning(&html! { "This is an exercise or a test. Nothing of it happened." })) }
        @if let Some(withdrawal) = &document.withdrawn { (reading::withdrawn(withdrawal)) }
        (reading::warnings(document))
        (reading::draft_notice(document))
        (reading::standing(document))
        (steps(document))
        h2 class="govuk-heading-m" { "What it says" }
        @match says {
            Some(fields) if !fields.is_empty() => {
                @match document.kind.as_str() {
                    "guide" => (super::guides::says(fields)),
                    "note" => (super::liaison::says(document, fields)),
                    _ => (reading::fields(described, fields)),
                }
            },
            _ => p class="govuk-body" { "Nothing that can be read here." },
        }
        (reading::annexes(document))
        @if document.id.is_some() {
            (reading::readers(document))
            (responding::section(document))
            (further(document))
        }
    };
    site.page(visitor, section, &document.title, &body)
}

fn is_exercise(document: &Document) -> bool {
    let status = document.fields.get("status").and_then(serde_json::Value::as_str);
    matches!(status, Some("Exercise" | "Test" | "System"))
}

/// What can be done with it now.
fn steps(document: &Document) -> Markup {
    let Some(described) = kind::find(&document.kind) else { return html! {} };
    let home = format!("/documents/{}", document.reference);
    let offered: Vec<&Step> = described.steps.iter().filter(|step| document.steps.iter().any(|verb| verb == step.verb)).collect();
    let main = super::main_step(described, &document.state).filter(|main| offered.contains(main));
    let may_write = matches!(document.access, AccessLevel::Owner | AccessLevel::Admin | AccessLevel::Write);
    // A next version is written first, and shared from its draft.
    let begins = document.id.is_some() && document.draft.is_none() && may_write && described.sealed.is_none() && main.is_some();
    html! {
        @if begins || !offered.is_empty() {
            div class="csu-no-print" {
                (button_group(&html! {
                    @if begins {
                        (link_button(&format!("{home}/edit/{}", reading::first_page(&document.kind)), "Change it", Weight::Secondary))
                    }
                    @for step in offered.into_iter().filter(|step| !begins || Some(*step) != main) {
                        @let weight = if step.means == Means::Withdraw { Weight::Warning } else { Weight::Secondary };
                        (link_button(&format!("{home}/steps/{}", step.verb), step.label, weight))
                    }
                }))
            }
        }
    }
}

/// History and files.
fn further(document: &Document) -> Markup {
    let home = format!("/documents/{}", document.reference);
    html! {
        h2 class="govuk-heading-m" { "More" }
        ul class="govuk-list" {
            li { a class="govuk-link" href={ (home) "/history" } { "History: every signed version" } }
            @if document.kind == "bulletin" && !document.fields.is_empty() {
                li { a class="govuk-link" href={ (home) "/export/cap" } { "Download as CAP 1.2 (XML)" } }
            }
            @if !document.fields.is_empty() && !document.sealed { li { a class="govuk-link" href={ (home) "/export/json" } { "Download as JSON" } } }
        }
    }
}

/// A document as a file.
pub(super) async fn export(
    State(site): State<Site>,
    visitor: Visitor,
    Path((reference, format)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let actor = visitor.actor.clone();
    let format: ExportFormat = format.parse().map_err(|error: String| Problem::invalid("format", error, "go back and choose one"))?;
    let exported = site.desk.ask(move |desk| desk.export(&actor, &reference, format)).await?;
    let mut response = exported.bytes.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(exported.media_type));
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"{}\"", exported.file_name)) {
        response.headers_mut().insert(CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// Asks why a sealed document is opened.
pub(super) async fn ask_why(State(site): State<Site>, visitor: Visitor, Path(reference): Path<String>) -> Result<Markup, Refusal> {
    // Whether there is such a document for this visitor, and whose it is. What it says stays shut.
    let (actor, named) = (visitor.actor.clone(), reference.clone());
    let access = site.desk.ask(move |desk| desk.access(&actor, &named)).await?;
    Ok(why(&site, &visitor, &reference, Some(&access.owner.to_string()), &Typed::default(), &Errors::default()))
}

fn why(site: &Site, visitor: &Visitor, reference: &str, owner: Option<&str>, typed: &Typed, errors: &Errors) -> Markup {
    let body = html! {
        (back("/bulletins", "Bulletins"))
        (errors.summary())
        h1 class="govuk-heading-l" { "Open a sealed annex" }
        (inset(&html! {
            p class="govuk-body" {
                "It holds personal data. That you opened it, when and why is signed and kept for good"
                @if let Some(owner) = owner { ", and told to its owner, " (said(owner)) } @else { ", and told to its owner" }
                ". Each time you open it, you are asked again."
            }
        }))
        form method="post" action={ "/documents/" (crate::cli::client::segment(reference)) "/open" } novalidate {
            (Ask::new("reason", "Why do you need to see it?").error(errors.of("reason")).autocomplete("off")
                .hint("In a sentence, by the number of a case for instance. Name no person.")
                .line(typed.one("reason")))
            (button("Open it", Weight::Main))
        }
    };
    site.page(visitor, Section::Elsewhere, &errors.title("Open a sealed annex"), &body)
}

/// Opens a sealed document. What it says is in this answer alone: no address shows it without a reason.
pub(super) async fn open(
    State(site): State<Site>,
    visitor: Visitor,
    Path(reference): Path<String>,
    typed: Typed,
) -> Result<Response, Refusal> {
    let mut errors = Errors::default();
    let reason = typed.one("reason").trim().to_owned();
    if reason.is_empty() {
        errors.add("reason", "Enter why you need to see it");
    } else {
        let (actor, named) = (visitor.actor.clone(), reference.clone());
        let request = OpeningRequest { reason };
        match site.desk.ask(move |desk| desk.open(&actor, &named, request)).await {
            Ok(document) => return Ok(whole(&site, &visitor, &document, &html! {}).into_response()),
            Err(problem) if problem.field() == Some("reason") => errors.add("reason", problem_text(&problem)),
            Err(problem) => return Err(problem.into()),
        }
    }
    let page = why(&site, &visitor, &reference, None, &typed, &errors);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// Asks whether a draft is thrown away.
pub(super) async fn ask_discard(State(site): State<Site>, visitor: Visitor, Path(reference): Path<String>) -> Result<Markup, Refusal> {
    let (actor, named) = (visitor.actor.clone(), reference.clone());
    let document = site.desk.ask(move |desk| desk.document(&actor, &named)).await?;
    if document.draft.is_none() {
        return Err(Problem::conflict("there is no draft to throw away", "go back; what was shared can be withdrawn").into());
    }
    Ok(discarding(&site, &visitor, &document, &Errors::default()))
}

fn discarding(site: &Site, visitor: &Visitor, document: &Document, errors: &Errors) -> Markup {
    let title = "Throw this draft away?";
    let body = html! {
        (back(&address(&document.kind, &document.reference), "Back"))
        (errors.summary())
        h1 class="govuk-heading-l" { (title) }
        p class="govuk-body" {
            "“" (said(&document.title)) "”: "
            @if document.id.is_some() {
                "what was shared stays as it is; only the changes that nobody has seen yet are lost."
            } @else {
                "nobody else has it, and it cannot be brought back."
            }
        }
        form method="post" action={ "/documents/" (document.reference) "/discard" } {
            (button_group(&html! {
                (button("Throw the draft away", Weight::Warning))
                a class="govuk-link" href=(address(&document.kind, &document.reference)) { "Keep it" }
            }))
        }
    };
    site.page(visitor, section_of(&document.kind).0, &errors.title(title), &body)
}

/// Throws a draft away.
pub(super) async fn discard(State(site): State<Site>, visitor: Visitor, Path(reference): Path<String>) -> Result<Response, Refusal> {
    let (actor, named) = (visitor.actor.clone(), reference.clone());
    let document = site.desk.ask(move |desk| desk.document(&actor, &named)).await?;
    let actor = visitor.actor.clone();
    match site.desk.ask(move |desk| desk.discard(&actor, &reference)).await {
        Err(problem) => {
            let page = discarding(&site, &visitor, &document, &Errors::from(&problem));
            Ok((StatusCode::CONFLICT, page).into_response())
        }
        Ok(()) if document.id.is_some() => {
            Ok(Redirect::to(&format!("{}?done=discarded", address(&document.kind, &document.reference))).into_response())
        }
        Ok(()) => Ok(Redirect::to(&format!("{}?done=discarded", section_of(&document.kind).1)).into_response()),
    }
}
