//! What a document says, field by field as its kind describes them, and what is known of it.

use super::super::parts::{
    civil, inset, marking_meaning, marking_tag, may, party, row, said, said_lines, state_tag, summary_list, time, warning, web_link,
};
use super::words;
use crate::desk::{AccessLevel, AnnexLine, Document, Withdrawal};
use csu_protocol::document::{Field, Form, Kind, kind};
use csu_protocol::entry::Reason;
use maud::{Markup, html};
use serde_json::{Map, Value};

/// Fields whose values are addresses of the web.
const ADDRESSES: [&str; 3] = ["web", "url", "uri"];

/// All fields under their labels; what this version does not know comes last, by its name.
pub(super) fn fields(kind: Option<&Kind>, values: &Map<String, Value>) -> Markup {
    record(kind.map_or(&[], |kind| kind.fields), values)
}

/// The fields of a block in the order of its kind: rows, and between them the blocks inside.
fn record(fields: &[Field], values: &Map<String, Value>) -> Markup {
    let (mut parts, mut rows) = (Vec::new(), Vec::new());
    for field in fields {
        let Some(value) = values.get(field.name) else { continue };
        match (field.form, value) {
            (Form::Records(inner), Value::Array(blocks)) if !is_pair(inner) => {
                close_rows(&mut rows, &mut parts);
                parts.push(blocks_of(field, inner, blocks));
            }
            (_, value) => rows.push(row(field.label, &shown(field, value))),
        }
    }
    let unknown = values.iter().filter(|(name, _)| !fields.iter().any(|field| field.name == name.as_str()));
    rows.extend(unknown.map(|(name, value)| row(&crate::cli::screen::visible(name), &plain(value))));
    close_rows(&mut rows, &mut parts);
    html! { @for part in &parts { (part) } }
}

fn close_rows(rows: &mut Vec<Markup>, parts: &mut Vec<Markup>) {
    if !rows.is_empty() {
        parts.push(summary_list(&html! { @for row in rows.drain(..) { (row) } }));
    }
}

/// Whether a block is a name and a value, as CAP has codes and parameters.
fn is_pair(fields: &[Field]) -> bool {
    matches!(fields, [name, value] if name.name == "valueName" && value.name == "value")
}

fn pairs(blocks: &[Value]) -> Markup {
    let part = |block: &Value, name: &str| block.get(name).map(plain).unwrap_or_default();
    html! {
        ul class="govuk-list csu-pairs" { @for block in blocks { li { (part(block, "valueName")) ": " (part(block, "value")) } } }
    }
}

fn blocks_of(field: &Field, inner: &[Field], blocks: &[Value]) -> Markup {
    html! {
        @for (at, block) in blocks.iter().enumerate() {
            (titled(field.label, at, blocks.len(), &block.as_object().map_or_else(|| plain(block), |block| record(inner, block))))
        }
    }
}

/// A block under its label, numbered where there are several.
fn titled(label: &str, at: usize, of: usize, content: &Markup) -> Markup {
    html! {
        section class="csu-block" {
            h3 class="govuk-heading-s" { (label) @if of > 1 { " " (at + 1) } }
            (content)
        }
    }
}

/// A value of a field.
pub(super) fn shown(field: &Field, value: &Value) -> Markup {
    match (field.form, value) {
        (Form::Text, Value::String(text)) => said_lines(text),
        (Form::Time, Value::String(text)) => match text.parse() {
            Ok(moment) => time(moment),
            Err(_) => said(text),
        },
        (Form::Line, Value::String(text)) if ADDRESSES.contains(&field.name) => web_link(text),
        (Form::Records(inner), Value::Array(blocks)) if is_pair(inner) => pairs(blocks),
        (Form::Records(inner), Value::Array(blocks)) => blocks_of(field, inner, blocks),
        (Form::Choice(_), Value::String(choice)) => said(words::choice(field.name, choice)),
        (Form::List(Form::Choice(_)), Value::Array(choices)) => {
            let choices = choices.iter().filter_map(Value::as_str).map(|choice| words::choice(field.name, choice));
            said(&choices.collect::<Vec<_>>().join(", "))
        }
        (Form::Records(inner), Value::Object(block)) => record(inner, block),
        (_, value) => plain(value),
    }
}

/// A value of which nothing more is known.
pub(super) fn plain(value: &Value) -> Markup {
    match value {
        Value::String(text) => said_lines(text),
        Value::Array(items) if items.len() == 1 => html! { @for item in items { (plain(item)) } },
        Value::Array(items) => html! { ul class="govuk-list" { @for item in items { li { (plain(item)) } } } },
        Value::Object(map) => html! { @for (name, value) in map { (said(name)) ": " (plain(value)) } },
        Value::Null | Value::Bool(_) | Value::Number(_) => html! { (value.to_string()) },
    }
}

/// Why something was withdrawn or erased.
pub(super) const fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Mistaken => "it was wrong",
        Reason::Duplicate => "it says what another document says",
        Reason::Superseded => "another document takes its place",
        Reason::NoLongerNeeded => "it no longer matters",
        Reason::ConsentWithdrawn => "somebody withdrew their consent",
        Reason::Legal => "the law requires it",
        Reason::Other => "for another reason",
    }
}

/// That a document was withdrawn: nobody must act on it.
pub(super) fn withdrawn(withdrawal: &Withdrawal) -> Markup {
    warning(&html! {
        "Withdrawn by " (said(&withdrawal.by.to_string())) ": " (reason(withdrawal.reason)) ". Learnt here on "
        (civil(withdrawal.received)) ". Do not act on it, and do not pass it on."
    })
}

/// What stands under the title: state, marking, whose it is, what one may do.
pub(super) fn standing(document: &Document) -> Markup {
    let kind = kind::find(&document.kind);
    let mildest = |marking: &str| html! { (marking_tag(marking)) " " (marking_meaning(marking)) };
    summary_list(&html! {
        (row("State", &state_tag(kind, &document.state)))
        @if !document.marking.is_empty() { (row("Marking", &mildest(&document.marking))) }
        (row("From", &said(&document.owner.to_string())))
        (row("Your organisation", &html! { (level(document.access)) }))
        (row("Reference", &html! { (document.reference) }))
    })
}

const fn level(access: AccessLevel) -> &'static str {
    match access {
        AccessLevel::Owner => "owns it",
        AccessLevel::Admin => "can read and change it, and decide who else may",
        AccessLevel::Write => "can read and change it",
        AccessLevel::Read => "can read it and respond",
        AccessLevel::Relay => "keeps and forwards it, and cannot read it",
        AccessLevel::Former => "has no access any more: what is new in it does not come here",
    }
}

/// What a reader should know of a document: what was left out of it, and contradictions.
pub(super) fn warnings(document: &Document) -> Markup {
    html! {
        @for text in document.problems.iter().chain(&document.forks) { (warning(&said(text))) }
    }
}

/// Who can read a document, in words.
pub(super) fn readers(document: &Document) -> Markup {
    html! {
        h2 class="govuk-heading-m" { "Who can read it" }
        ul class="govuk-list govuk-list--bullet" {
            li { (said(&document.owner.to_string())) " owns it" }
            @for reader in &document.readers { li { (party(&reader.who)) " " (may(reader.role)) ", since " (time(reader.since)) } }
        }
        p class="govuk-body" {
            a class="govuk-link" href={ "/documents/" (document.reference) "/access" } { "Who can read it and why" }
        }
    }
}

/// The annexes of a document, each sealed until somebody gives a reason.
pub(super) fn annexes(document: &Document) -> Markup {
    let may_add = matches!(document.access, AccessLevel::Owner) && document.withdrawn.is_none() && document.kind != "annex";
    html! {
        @if !document.annexes.is_empty() || may_add {
            h2 class="govuk-heading-m" { "Annexes" }
            @if !document.annexes.is_empty() {
                p class="govuk-body" { "Personal data is kept apart, sealed. Whoever opens an annex says why, and its owner is told." }
                ul class="govuk-list" { @for annex in &document.annexes { li { (annex_line(annex)) } } }
            }
            @if may_add {
                p class="govuk-body" {
                    a class="govuk-link" href={ "/documents/new/annex?of=" (document.reference) } { "Write an annex" }
                    " for names, addresses and other personal data."
                }
            }
        }
    }
}

fn annex_line(annex: &AnnexLine) -> Markup {
    let owner = said(&annex.owner.to_string());
    html! {
        @if annex.id.is_none() {
            a class="govuk-link" href={ "/documents/" (annex.reference) } { "Annex " (annex.reference) } ", a draft that is on this node only"
        } @else if annex.state == "erased" {
            "Annex " (annex.reference) ", erased by " (owner)
        } @else {
            a class="govuk-link" href={ "/documents/" (annex.reference) "/open" } { "Open annex " (annex.reference) }
            " of " (owner) " " (state_tag(kind::find("annex"), &annex.state))
            @if let Some(ends) = annex.ends { ", to be erased on " (time(ends)) }
        }
    }
}

/// That there is a draft, and where it goes on.
pub(super) fn draft_notice(document: &Document) -> Markup {
    let Some(draft) = &document.draft else { return html! {} };
    let kind = kind::find(&document.kind);
    let home = format!("/documents/{}", document.reference);
    let step =
        kind.and_then(|kind| super::main_step(kind, &document.state)).filter(|step| document.steps.iter().any(|verb| verb == step.verb));
    inset(&html! {
        p class="govuk-body" {
            @if document.id.is_some() {
                "Somebody here is writing the next version"
                @if draft.changed.is_empty() { ", and has changed nothing yet." } @else { ": it changes " (changed(kind, &draft.changed)) "." }
            } @else {
                "This is a draft. It is on this node only, and nobody else can see it."
            }
        }
        p class="govuk-body" {
            a class="govuk-link" href={ (home) "/edit/" (first_page(&document.kind)) } { "Go on writing" }
            @if let Some(step) = step { " or " a class="govuk-link" href={ (home) "/steps/" (step.verb) } { "check and share it" } }
            " or " a class="govuk-link" href={ (home) "/discard" } { "throw the draft away" }
        }
    })
}

/// The page on which writing goes on.
pub(super) fn first_page(kind: &str) -> &'static str {
    if kind == "bulletin" { "what" } else { "other" }
}

/// Fields by their labels.
pub(super) fn changed(kind: Option<&Kind>, paths: &[String]) -> String {
    let labels = paths.iter().map(|path| label(kind, path)).collect::<Vec<_>>();
    labels.join(", ")
}

/// What stood somewhere and what stands there now, each said in words.
pub(super) fn before_and_after(before: Option<&Markup>, after: Option<&Markup>, taken_out: &str) -> Markup {
    html! {
        @if let Some(before) = before { del class="csu-before" { span class="csu-when" { "Before: " } (before) } }
        @match after {
            Some(after) => ins class="csu-after" { @if before.is_some() { span class="csu-when" { "Now: " } } (after) },
            None => p class="govuk-body-s" { (taken_out) },
        }
    }
}

/// The label of what a path names.
pub(super) fn label(kind: Option<&Kind>, path: &str) -> String {
    match path {
        "state" => "State".to_owned(),
        "marking" => "Marking".to_owned(),
        "kind" => "Kind".to_owned(),
        path => kind.and_then(|kind| kind.field(path)).map_or_else(|| crate::cli::screen::visible(path), |field| field.label.to_owned()),
    }
}
