//! A document's history: every signed entry, what it changed, and whether it counts.

use super::super::Site;
use super::super::parts::{back, emergency, inset, row, said, summary_list, tag, time};
use super::super::refusal::Refusal;
use super::super::visitor::Visitor;
use super::{documents, reading, section_of};
use crate::desk::{EntryKind, HistoryLine, ValueChange};
use axum::extract::{Path, State};
use csu_protocol::document::{Kind, kind};
use maud::{Markup, html};

/// The history, newest first.
pub(super) async fn history(State(site): State<Site>, visitor: Visitor, Path(reference): Path<String>) -> Result<Markup, Refusal> {
    let (actor, named) = (visitor.actor.clone(), reference.clone());
    let document = site.desk.ask(move |desk| desk.document(&actor, &named)).await?;
    let actor = visitor.actor.clone();
    let lines = site.desk.ask(move |desk| desk.history(&actor, &reference)).await?;
    let described = kind::find(&document.kind);
    let body = html! {
        (back(&documents::address(&document.kind, &document.reference), "Back"))
        span class="govuk-caption-l" { (said(&document.title)) }
        h1 class="govuk-heading-l" { "History" }
        (emergency())
        p class="govuk-body" {
            "Every entry is signed by the organisation that made it, and cannot be changed afterwards. What was once shared stays in "
            "this history at everybody who has the document."
        }
        ol class="govuk-list csu-history" reversed {
            @for line in lines.iter().rev() { li { (entry(described, line)) } }
        }
    };
    Ok(site.page(&visitor, section_of(&document.kind).0, "History", &body))
}

fn entry(kind: Option<&Kind>, line: &HistoryLine) -> Markup {
    html! {
        h2 class="govuk-heading-s" {
            (what(kind, line)) " by " (said(&line.by.to_string()))
            @if !line.counts { " " (tag("Does not count", "red")) }
        }
        p class="govuk-body-s" {
            @if let Some(person) = &line.person { "By " (said(person)) ", as that organisation's node attests. " }
            @if let Some(at) = line.at { "Written " (time(at)) " by their clock. " }
            "Came here " (time(line.received)) ". Entry " code { (line.entry.short()) } "."
        }
        @if let Some(why) = &line.why { (inset(&html! { @if !line.counts { "It does not count: " } (said(why)) })) }
        @if !line.changes.is_empty() {
            (summary_list(&html! { @for change in &line.changes { (changed(kind, change)) } }))
        }
        @let more = line.changed.len().saturating_sub(ValueChange::MOST);
        @if more > 0 { p class="govuk-body" { "And " (more) " more fields." } }
    }
}

/// What an entry does, in words.
fn what(kind: Option<&Kind>, line: &HistoryLine) -> Markup {
    let state = line.state.as_deref();
    html! {
        @match line.kind {
            EntryKind::Genesis => "Begun",
            EntryKind::Grant => "Access given",
            EntryKind::Revoke => "Access taken away",
            EntryKind::Withdraw => "Withdrawn",
            EntryKind::Erase => "Erasure ordered",
            EntryKind::Receipt => "Erasure confirmed",
            EntryKind::Key => "New key",
            EntryKind::Revision => { "Version" @if let Some(state) = state { ": " (label(kind, state)) } },
            EntryKind::Response => { "Response" @if let Some(state) = state { ": " (label(kind, state)) } },
        }
    }
}

fn label(kind: Option<&Kind>, state: &str) -> Markup {
    let known = kind.and_then(|kind| kind.state(state));
    html! { @match known { Some(state) => (state.label.to_lowercase()), None => (said(&state.replace('-', " "))) } }
}

/// A field that changed, before and after.
fn changed(kind: Option<&Kind>, change: &ValueChange) -> Markup {
    let value = |value: &serde_json::Value| match kind.and_then(|kind| kind.field(&change.path)) {
        Some(field) => reading::shown(field, value),
        None => reading::plain(value),
    };
    row(
        &reading::label(kind, &change.path),
        &reading::before_and_after(change.before.as_ref().map(value).as_ref(), change.after.as_ref().map(value).as_ref(), "Taken out."),
    )
}
