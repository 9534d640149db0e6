//! What is shared with a neighbour, both ways, among the documents that changed last.

use super::super::Site;
use super::super::layout::Section;
use super::super::parts::{back, civil, inset, said};
use super::super::refusal::Refusal;
use super::super::sentences::role;
use super::super::visitor::Visitor;
use super::bulletins::rows;
use super::documents::address;
use super::partners::find;
use crate::desk::{AccessRow, Circle, DocumentLine, DocumentQuery, Party, Problem};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use csu_protocol::id::OrganisationId;
use maud::{Markup, html};

/// Documents that are looked at, the newest first.
const LOOKED_AT: u32 = 500;
/// Of ours as many are asked who may read them, each in a question of its own, so that others are answered between.
const ASKED: usize = 100;

pub(super) fn routes() -> Router<Site> {
    Router::new().route("/partners/{org}/shared", get(shared))
}

async fn shared(State(site): State<Site>, visitor: Visitor, Path(who): Path<String>) -> Result<Markup, Refusal> {
    let actor = visitor.actor.clone();
    let (us, peer, circles, page) = site
        .desk
        .ask(move |desk| {
            let query = DocumentQuery { limit: Some(LOOKED_AT), ..DocumentQuery::default() };
            let peer = find(desk, &actor, &who)?;
            Ok((desk.status()?.organisation.id, peer, desk.circles(&actor)?, desk.documents(&actor, query)?))
        })
        .await?;
    let them = peer.organisation.id;
    let (ours, others): (Vec<_>, Vec<_>) =
        page.items.into_iter().filter(|line| line.id.is_some() && line.erased.is_none()).partition(|line| line.owner.id == us);
    let theirs: Vec<DocumentLine> = others.into_iter().filter(|line| line.owner.id == them).collect();
    let asked = ours.len().min(ASKED);
    let mut may = Vec::new();
    for line in ours.into_iter().take(ASKED) {
        if let Some(row) = role_of(&site, &visitor, &line, them).await? {
            may.push((line, row));
        }
    }
    let more = page.next.is_some();
    let name = said(&peer.organisation.name);
    let body = html! {
        (back(&format!("/partners/{them}"), "Back"))
        h1 class="govuk-heading-l" { "Shared with " (name) }
        h2 class="govuk-heading-m" { "Theirs, here" }
        @if theirs.is_empty() { p class="govuk-body" { "None of its documents is here." } } @else { (rows(&theirs, true)) }
        h2 class="govuk-heading-m" { "Ours, there" }
        @if may.is_empty() {
            p class="govuk-body" { "It has no role on a document of ours." }
        } @else {
            ul class="govuk-list govuk-list--bullet" { @for (line, row) in &may { li class="csu-entry" { (of_ours(line, row)) } } }
        }
        (member_of(&circles, them))
        @if more || asked >= ASKED {
            (inset(&html! {
                "Looked at are the newest " (LOOKED_AT) " documents, and of ours the newest " (asked)
                ". The page of each document says who can read it."
            }))
        }
    };
    Ok(site.page(&visitor, Section::Partners, "What is shared", &body))
}

/// What a neighbour may do with a document of ours, if it may anything, or anyone may.
async fn role_of(site: &Site, visitor: &Visitor, line: &DocumentLine, them: OrganisationId) -> Result<Option<AccessRow>, Problem> {
    let (actor, reference) = (visitor.actor.clone(), line.reference.clone());
    let view = site.desk.ask(move |desk| desk.access(&actor, &reference)).await?;
    let is_theirs = |row: &AccessRow| match &row.who {
        Party::Anyone => true,
        Party::Organisation(organisation) => organisation.id == them,
    };
    Ok(view.rows.into_iter().filter(|row| row.live && is_theirs(row)).max_by_key(|row| row.role))
}

fn of_ours(line: &DocumentLine, row: &AccessRow) -> Markup {
    html! {
        a class="govuk-link" href=(address(&line.kind, &line.reference)) { (said(&line.title)) } ": "
        @if row.who == Party::Anyone { "anyone can " } @else { "it can " }
        (role(row.role))
        @if let Some(until) = row.until { " until " (civil(until)) }
        ". " a class="govuk-link" href={ "/documents/" (line.reference) "/access" } {
            "Change this" span class="govuk-visually-hidden" { " for " (said(&line.title)) }
        }
    }
}

fn member_of(circles: &[Circle], them: OrganisationId) -> Markup {
    let of: Vec<&Circle> = circles.iter().filter(|circle| circle.members.iter().any(|member| member.id == them)).collect();
    html! {
        @if !of.is_empty() {
            h2 class="govuk-heading-m" { "Circles it is in" }
            ul class="govuk-list govuk-list--bullet" {
                @for circle in of {
                    li { a class="govuk-link" href={ "/circles/" (crate::cli::client::segment(&circle.name)) } { (said(&circle.name)) } }
                }
            }
        }
    }
}
