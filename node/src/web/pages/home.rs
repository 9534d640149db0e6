//! What is new, what waits, and how the network is: what whoever takes over wants to know, on the screen or on paper.

use super::super::Site;
use super::super::layout::Section;
use super::super::parts::{said, time};
use super::super::refusal::Refusal;
use super::super::sentences::{clock_now, count, network, today};
use super::super::visitor::Visitor;
use super::bulletins::rows;
use super::documents::address;
use crate::desk::{Actor, Check, Desk, DocumentLine, DocumentQuery, ErasureView, Peer, Problem, RetentionLine, RetentionQuery, Status};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use csu_protocol::document::Side;
use maud::{Markup, html};

/// The newest documents among which the unread ones are looked for.
const LOOKED_AT: u32 = 200;
/// The most lines of each part.
const SHOWN: usize = 20;

pub(super) fn routes() -> Router<Site> {
    Router::new().route("/", get(home))
}

/// All that the page tells.
struct Home {
    status: Status,
    news: Vec<DocumentLine>,
    waiting: Waiting,
    wrong: Vec<Check>,
}

/// What waits for somebody here.
struct Waiting {
    pairings: Vec<Peer>,
    drafts: Vec<DocumentLine>,
    notes: Vec<DocumentLine>,
    due: Vec<RetentionLine>,
    due_more: u64,
    erasures: Vec<ErasureView>,
}

impl Home {
    /// One question to the desk, so that all of it is of one moment.
    fn by(desk: &mut dyn Desk, actor: &Actor) -> Result<Self, Problem> {
        let status = desk.status()?;
        Ok(Self { news: news(desk, actor)?, waiting: Waiting::by(desk, actor, &status)?, wrong: wrong(desk)?, status })
    }
}

/// What changed that nobody here has looked at.
fn news(desk: &mut dyn Desk, actor: &Actor) -> Result<Vec<DocumentLine>, Problem> {
    let page = desk.documents(actor, DocumentQuery { limit: Some(LOOKED_AT), ..DocumentQuery::default() })?;
    Ok(page.items.into_iter().filter(|line| line.unread == Some(true)).take(SHOWN).collect())
}

/// What a doctor finds wrong, but neighbours that are away and pairings: those are told otherwise.
fn wrong(desk: &mut dyn Desk) -> Result<Vec<Check>, Problem> {
    let checks = desk.doctor()?.into_iter();
    Ok(checks.filter(|check| !check.ok && !check.name.starts_with("neighbour ")).collect())
}

impl Waiting {
    fn by(desk: &mut dyn Desk, actor: &Actor, status: &Status) -> Result<Self, Problem> {
        let pairings = desk.peers(actor)?.into_iter().filter(|peer| peer.number.is_some() && !peer.we_confirmed).collect();
        let drafts = if status.drafts > 0 { in_state(desk, actor, None, "draft")? } else { Vec::new() };
        let mut notes = Vec::new();
        for state in ["sent", "answered"] {
            notes.extend(in_state(desk, actor, Some("note"), state)?);
        }
        notes.retain(|note| next_step(note, status).is_some());
        let due = desk.retention(actor, RetentionQuery::default())?;
        let erasures = if status.outstanding_erasures > 0 { desk.erasures(actor)? } else { Vec::new() };
        Ok(Self {
            pairings,
            drafts,
            notes,
            due: due.items,
            due_more: due.more,
            erasures: erasures.into_iter().filter(|erasure| erasure.outstanding > 0).collect(),
        })
    }

    const fn is_empty(&self) -> bool {
        let Self { pairings, drafts, notes, due, erasures, due_more: _ } = self;
        pairings.is_empty() && drafts.is_empty() && notes.is_empty() && due.is_empty() && erasures.is_empty()
    }
}

fn in_state(desk: &mut dyn Desk, actor: &Actor, kind: Option<&str>, state: &str) -> Result<Vec<DocumentLine>, Problem> {
    let query = DocumentQuery { kind: kind.map(str::to_owned), state: Some(state.to_owned()), ..DocumentQuery::default() };
    Ok(desk.documents(actor, query)?.items)
}

/// What this organisation does next with a liaison note, if it is its turn: the asked side answers, then the owner closes.
pub(super) fn next_step(note: &DocumentLine, status: &Status) -> Option<&'static str> {
    let side = if note.owner.id == status.organisation.id { Side::Owner } else { Side::OtherReader };
    match (note.state.as_str(), side) {
        ("sent", Side::OtherReader) => Some("answer it"),
        ("answered", Side::Owner) => Some("look at the answer, then close it or ask again"),
        _ => None,
    }
}

async fn home(State(site): State<Site>, visitor: Visitor) -> Result<Markup, Refusal> {
    let actor = visitor.actor.clone();
    let home = site.desk.ask(move |desk| Home::by(desk, &actor)).await?;
    let body = html! {
        h1 class="govuk-heading-l" { (said(&home.status.organisation.name)) }
        p class="govuk-body-l" { (network(&home.status, &clock_now())) }
        p class="govuk-body csu-no-print" {
            a class="govuk-link" href="/partners" { "Neighbours and how they are" } ". This page prints as a handover."
        }
        (found_wrong(&home.wrong))
        (new_documents(&home.news))
        (waiting(&home))
        p class="govuk-body-s" {
            "As of " (today()) ": " (count(usize::try_from(home.status.documents).unwrap_or(usize::MAX), "document", "documents")) " here. "
            "The access log has " (home.status.log.lines) " lines."
        }
    };
    Ok(site.page(&visitor, Section::Home, "Home", &body))
}

fn found_wrong(wrong: &[Check]) -> Markup {
    html! {
        @if !wrong.is_empty() {
            section aria-labelledby="wrong" {
                h2 class="govuk-heading-m" id="wrong" { "To put right" }
                ul class="govuk-list govuk-list--bullet" {
                    @for check in wrong {
                        li class="csu-entry" {
                            strong { (said(&check.name)) } ": " (said(&check.detail)) "."
                            @if let Some(remedy) = &check.remedy { " What to do: " (said(remedy)) "." }
                        }
                    }
                }
            }
        }
    }
}

fn new_documents(news: &[DocumentLine]) -> Markup {
    html! {
        section aria-labelledby="new" {
            h2 class="govuk-heading-m" id="new" { "New" }
            @if news.is_empty() {
                p class="govuk-body" { "Everything here has been read." }
            } @else {
                (rows(news, true))
            }
        }
    }
}

fn waiting(home: &Home) -> Markup {
    let Home { status, waiting, .. } = home;
    html! {
        section aria-labelledby="waiting" {
            h2 class="govuk-heading-m" id="waiting" { "Waiting for you" }
            @if waiting.is_empty() { p class="govuk-body" { "Nothing." } }
            (part("Pairings to confirm", waiting.pairings.iter().map(pairing)))
            (part("Liaison notes", waiting.notes.iter().map(|note| self::note(note, status))))
            (part("Drafts", waiting.drafts.iter().map(draft)))
            (part("Due for review", waiting.due.iter().map(due)))
            @let shown = u64::try_from(waiting.due.len().min(SHOWN)).unwrap_or(u64::MAX);
            @let all = waiting.due_more.saturating_add(u64::try_from(waiting.due.len()).unwrap_or(u64::MAX));
            @if all > shown { p class="govuk-body" { "Shown are " (shown) " of " (all) " that are due." } }
            (part("Erasures that are not confirmed everywhere", waiting.erasures.iter().map(erasure)))
        }
    }
}

fn part(title: &str, lines: impl ExactSizeIterator<Item = Markup>) -> Markup {
    let left = lines.len().saturating_sub(SHOWN);
    html! {
        @if lines.len() > 0 {
            h3 class="govuk-heading-s" { (title) }
            ul class="govuk-list govuk-list--bullet" {
                @for line in lines.take(SHOWN) { li class="csu-entry" { (line) } }
                @if left > 0 { li { "and " (left) " more" } }
            }
        }
    }
}

fn pairing(peer: &Peer) -> Markup {
    html! {
        a class="govuk-link" href={ "/partners/" (peer.organisation.id) } { (said(&peer.organisation.name)) }
        ": compare the security number by telephone."
    }
}

fn link(line: &DocumentLine) -> Markup {
    html! { a class="govuk-link" href=(address(&line.kind, &line.reference)) { (said(&line.title)) } }
}

fn note(note: &DocumentLine, status: &Status) -> Markup {
    html! { (link(note)) " from " (said(&note.owner.to_string())) ": " (next_step(note, status).unwrap_or_default()) "." }
}

fn draft(line: &DocumentLine) -> Markup {
    html! { (link(line)) ", changed " (time(line.updated)) }
}

fn due(line: &RetentionLine) -> Markup {
    use crate::desk::Due;
    let what = match line.due {
        Due::Nothing => "nothing is due",
        Due::Review => "is it still needed?",
        Due::Erasure => "its end has come; erase it or keep it for longer",
        Due::ErasureByOwner => "its end has come here; its owner can erase it",
    };
    html! { a class="govuk-link" href=(address(&line.kind, &line.reference)) { (said(&line.title)) } ": " (what) }
}

fn erasure(erasure: &ErasureView) -> Markup {
    let missing: Vec<String> =
        erasure.holders.iter().filter(|holder| holder.confirmed.is_none() && !holder.here).map(|holder| holder.who.to_string()).collect();
    html! { "Document " (erasure.reference) ": not confirmed by " (said(&missing.join(", "))) }
}
