//! Who may do what with a document, why, and until when: in sentences; giving a role, and taking roles away with what follows
//! from it shown before.

use super::super::Site;
use super::super::dates::typed_moment;
use super::super::layout::Section;
use super::super::parts::{
    Ask, Choice, Errors, Typed, Weight, back, button, button_group, civil, done, inset, may, party, problem_text, said, warning,
};
use super::super::refusal::Refusal;
use super::super::sentences::{effect, named, role};
use super::super::visitor::Visitor;
use super::Done;
use crate::cli::client::segment;
use crate::desk::{
    AccessRow, AccessView, Actor, Blame, CIRCLE_PREFIX, Circle, Desk, GrantRequest, Pairing, Party, PassedOn, Peer, PersonalData, Problem,
    RevocationEffect, RevocationRequest,
};
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use csu_protocol::entry::Role;
use maud::{Markup, html};

pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/documents/{ref}/access", get(show))
        .route("/documents/{ref}/access/give", post(give))
        .route("/documents/{ref}/access/take", get(ask_take).post(take))
}

/// What the page shows.
struct Shown {
    reference: String,
    title: String,
    view: AccessView,
    peers: Vec<Peer>,
    circles: Vec<Circle>,
}

impl Shown {
    fn by(desk: &mut dyn Desk, actor: &Actor, reference: &str) -> Result<Self, Problem> {
        let view = desk.access(actor, reference)?;
        // What it is called, without anybody having read it.
        let held = desk.erasure(actor, reference)?;
        let title = held.title.unwrap_or_else(|| "an erased document".to_owned());
        Ok(Self { reference: held.reference, title, view, peers: desk.peers(actor)?, circles: desk.circles(actor)? })
    }

    fn address(&self) -> String {
        format!("/documents/{}/access", self.reference)
    }
}

async fn asked(site: &Site, visitor: &Visitor, reference: &str) -> Result<Shown, Problem> {
    let (actor, reference) = (visitor.actor.clone(), reference.to_owned());
    site.desk.ask(move |desk| Shown::by(desk, &actor, &reference)).await
}

async fn show(
    State(site): State<Site>,
    visitor: Visitor,
    Path(reference): Path<String>,
    Query(query): Query<Done>,
) -> Result<Markup, Refusal> {
    let shown = asked(&site, &visitor, &reference).await?;
    let banner = match query.what() {
        "given" => done("The role is given. The document is on its way."),
        "taken" => done("The roles are taken away. Nothing later is sent there; what was sent before is beyond reach."),
        _ => html! {},
    };
    Ok(page(&site, &visitor, &shown, &banner, &Form::default()))
}

/// What was typed into the form, and what became of it.
#[derive(Default)]
struct Form {
    typed: Typed,
    errors: Errors,
    findings: Vec<PersonalData>,
}

fn page(site: &Site, visitor: &Visitor, shown: &Shown, banner: &Markup, form: &Form) -> Markup {
    let title = "Who can read it, and why";
    let (live, ended): (Vec<&AccessRow>, Vec<&AccessRow>) = shown.view.rows.iter().partition(|row| row.live);
    let body = html! {
        (back(&format!("/documents/{}", shown.reference), "Back to the document"))
        (banner)
        (form.errors.summary())
        span class="govuk-caption-l" { (said(&shown.title)) }
        h1 class="govuk-heading-l" { (title) }
        p class="govuk-body" { (said(&shown.view.owner.to_string())) " owns it, and may do everything." }
        @if live.is_empty() { p class="govuk-body" { "Nobody else may read it." } }
        @for row in live { (live_row(row, shown)) }
        (circles_of(shown))
        @if !ended.is_empty() {
            h2 class="govuk-heading-m" { "Who could once" }
            ul class="govuk-list govuk-list--bullet" { @for row in ended { li class="csu-entry" { (ended_row(row)) } } }
        }
        (give_form(shown, form))
    };
    site.page(visitor, Section::Elsewhere, &form.errors.title(title), &body)
}

fn holds(row: &AccessRow) -> Markup {
    html! { @if !row.holds.is_empty() { "It holds: " (said(&row.holds.join(", "))) "." } }
}

fn live_row(row: &AccessRow, shown: &Shown) -> Markup {
    html! {
        div class="csu-entry" {
            p class="govuk-body govuk-!-margin-bottom-1" {
                strong { (party(&row.who)) } " " (may(row.role)) @if let Some(until) = row.until { " until " (civil(until)) } "."
            }
            p class="govuk-body-s" {
                (why(row)) " " (holds(row)) " "
                a class="govuk-link csu-no-print" href={ (shown.address()) "/take?who=" (named(&row.who)) } {
                    "Take this away" span class="govuk-visually-hidden" { " from " (party(&row.who)) }
                }
            }
        }
    }
}

/// By whose word somebody has a role.
fn why(row: &AccessRow) -> Markup {
    let by: Vec<String> = row.chain.iter().map(|link| link.by.to_string()).collect();
    html! {
        @match by.as_slice() {
            [] => {},
            [only] => { "Given by " (said(only)) },
            [owner, between @ .., last] => {
                "Given by " (said(last)) ", which had it from "
                @for link in between.iter().rev() { (said(link)) ", which had it from " }
                (said(owner))
            },
        }
        @if !row.circles.is_empty() { ", for the circle " (said(&row.circles.join(" and the circle "))) }
        "."
    }
}

fn ended_row(row: &AccessRow) -> Markup {
    html! {
        (party(&row.who)) " could " (role(row.role)) @if let Some(ended) = &row.ended { ": " (said(ended)) } ". " (holds(row))
    }
}

/// The circles that have a role on it: taken back as a whole.
fn circles_of(shown: &Shown) -> Markup {
    let known = |circle: &&Circle| shown.view.rows.iter().any(|row| row.live && row.circles.contains(&circle.name));
    let circles: Vec<&Circle> = shown.circles.iter().filter(known).collect();
    html! {
        @if !circles.is_empty() {
            h2 class="govuk-heading-m" { "Circles" }
            ul class="govuk-list govuk-list--bullet" {
                @for circle in circles {
                    li {
                        "Members of " a class="govuk-link" href={ "/circles/" (segment(&circle.name)) } { (said(&circle.name)) } " have it as such. "
                        a class="govuk-link csu-no-print"
                            href={ (shown.address()) "/take?who=" (segment(&format!("{CIRCLE_PREFIX}{}", circle.name))) } {
                            "Take it from the circle" span class="govuk-visually-hidden" { " " (said(&circle.name)) }
                        }
                    }
                }
            }
        }
    }
}

/// Whom the form offers: neighbours, circles, anyone.
fn candidates(shown: &Shown) -> Vec<Choice> {
    let peers = shown.peers.iter().filter(|peer| peer.pairing == Pairing::Confirmed);
    let mut choices: Vec<Choice> =
        peers.map(|peer| Choice::new(peer.organisation.id.to_string(), crate::cli::screen::visible(&peer.organisation.name))).collect();
    let circle = |circle: &Circle| {
        Choice::new(format!("{CIRCLE_PREFIX}{}", circle.name), format!("All members of {}", crate::cli::screen::visible(&circle.name)))
    };
    choices.extend(shown.circles.iter().map(circle));
    choices.push(Choice::new("anyone", "Anyone, the public included").hint("Only for a document that is marked CLEAR."));
    choices
}

fn give_form(shown: &Shown, form: &Form) -> Markup {
    let Form { typed, errors, findings } = form;
    let mut whom = candidates(shown);
    whom.push(Choice::new("other", "Another organisation that this node knows").hint("Name it below."));
    let roles = [Role::Read, Role::Write, Role::Admin, Role::Relay].map(|role| Choice::new(role.as_str(), sentence_case(self::role(role))));
    let part = |part: &str| typed.one(&format!("until-{part}")).to_owned();
    html! {
        section class="csu-no-print" aria-labelledby="give" {
            h2 class="govuk-heading-m" id="give" { "Let somebody else read it" }
            form method="post" action={ (shown.address()) "/give" } {
                (Ask::new("who", "Who?").error(errors.of("who")).radios(&whom, typed.one("who")))
                (Ask::new("other", "The other organisation").hint("Its name or id, if you chose another organisation.")
                    .error(errors.of("other")).line(typed.one("other")))
                (Ask::new("role", "What may they do?").error(errors.of("role")).radios(&roles, typed.filled("role").unwrap_or("read")))
                (Ask::new("until", "Until when? (optional)").hint("For example 1 3 2027. Without a date it does not end by itself.")
                    .error(errors.of("until")).moment(part))
                @if !findings.is_empty() { (found(findings, typed, errors)) }
                (button("Let them", Weight::Main))
            }
        }
    }
}

fn found(findings: &[PersonalData], typed: &Typed, errors: &Errors) -> Markup {
    html! {
        (warning(&html! { "Some of it looks like personal data." }))
        ul class="govuk-list govuk-list--bullet" {
            @for finding in findings { li { (finding.looks_like.to_string()) ": " (said(&finding.words)) } }
        }
        (Ask::new("checked", "Why may they have it?").hint("A sentence without personal data. It stays in the access log.")
            .error(errors.of("checked")).line(typed.one("checked")))
    }
}

fn sentence_case(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().collect::<String>() + chars.as_str()).unwrap_or_default()
}

/// What the form asks for.
fn wanted(typed: &Typed, errors: &mut Errors) -> Option<GrantRequest> {
    let who = match typed.filled("who") {
        None => {
            errors.add("who", "Choose who may read it");
            None
        }
        Some("other") => typed.filled("other").or_else(|| {
            errors.add("other", "Enter the name or the id of the organisation");
            None
        }),
        chosen @ Some(_) => chosen,
    };
    let role = typed.filled("role").unwrap_or("read").parse::<Role>().map_err(|_| errors.add("role", "Choose what they may do")).ok();
    let until = typed_moment(typed, "until").map_err(|why| errors.add("until", why)).ok().flatten();
    if !errors.is_empty() {
        return None;
    }
    Some(GrantRequest { who: who?.to_owned(), role: Some(role?), until, personal_data_checked: typed.filled("checked").map(str::to_owned) })
}

async fn give(State(site): State<Site>, visitor: Visitor, Path(reference): Path<String>, typed: Typed) -> Result<Response, Refusal> {
    let mut form = Form { typed, ..Form::default() };
    if let Some(request) = wanted(&form.typed, &mut form.errors) {
        let (actor, named) = (visitor.actor.clone(), reference.clone());
        match site.desk.ask(move |desk| desk.grant(&actor, &named, request)).await {
            Ok(document) => return Ok(Redirect::to(&format!("/documents/{}/access?done=given", document.reference)).into_response()),
            Err(problem) => refused(&problem, &mut form),
        }
    }
    let shown = asked(&site, &visitor, &reference).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&site, &visitor, &shown, &html! {}, &form)).into_response())
}

fn refused(problem: &Problem, form: &mut Form) {
    form.findings = problem.findings().to_vec();
    if form.findings.is_empty() {
        let whom = if form.typed.says("who", "other") { "other" } else { "who" };
        let at = match (problem.field(), problem.blame()) {
            // The document was found, so it is the organisation or the circle that was not.
            (Some("who" | "to"), _) | (_, Some(Blame::NotFound)) => whom,
            (Some("personalDataChecked"), _) => "checked",
            _ => "",
        };
        form.errors.add(at, problem_text(problem));
    } else {
        form.errors.add("checked", "Some of it looks like personal data: say why they may have it, or leave it");
    }
}

/// From whom something is to be taken, as people are told.
fn whom(shown: &Shown, who: &str) -> Option<Markup> {
    if let Some(circle) = who.strip_prefix(CIRCLE_PREFIX) {
        let circle = shown.circles.iter().find(|known| known.name == circle)?;
        return Some(html! { "the circle " (said(&circle.name)) });
    }
    let row = shown.view.rows.iter().find(|row| row.live && named(&row.who) == who)?;
    Some(match &row.who {
        Party::Anyone => html! { "the public" },
        other @ Party::Organisation(_) => party(other),
    })
}

fn nobody() -> Problem {
    Problem::not_found("whoever that is has no role on this document now", "go back and look who has")
}

/// Exactly what would follow, both ways, before the button that does it.
async fn ask_take(State(site): State<Site>, visitor: Visitor, Path(reference): Path<String>, typed: Typed) -> Result<Markup, Refusal> {
    let who = typed.one("who").to_owned();
    let actor = visitor.actor.clone();
    let request = |passed_on| RevocationRequest { who: who.clone(), passed_on };
    let (stay, fall) = (request(PassedOn::Stay), request(PassedOn::Fall));
    let (shown, stay, fall) = site
        .desk
        .ask(move |desk| {
            let shown = Shown::by(desk, &actor, &reference)?;
            let stay = desk.preview_revocation(&actor, &reference, stay)?;
            let fall = desk.preview_revocation(&actor, &reference, fall)?;
            Ok((shown, stay, fall))
        })
        .await?;
    let name = whom(&shown, &who).ok_or_else(nobody)?;
    Ok(taking(&site, &visitor, &shown, &who, &name, (&stay, &fall)))
}

fn taking(
    site: &Site,
    visitor: &Visitor,
    shown: &Shown,
    who: &str,
    name: &Markup,
    (stay, fall): (&RevocationEffect, &RevocationEffect),
) -> Markup {
    let title = "Take access away";
    let choices = [
        Choice::new("stay", "Let what they passed on to others stand"),
        Choice::new("fall", "Take back what they passed on to others, too"),
    ];
    let body = html! {
        (back(&shown.address(), "Back"))
        span class="govuk-caption-l" { (said(&shown.title)) }
        h1 class="govuk-heading-l" { (title) " from " (name) "?" }
        form method="post" action={ (shown.address()) "/take" } {
            input type="hidden" name="who" value=(who);
            @if stay == fall {
                h2 class="govuk-heading-m" { "What happens" }
                (effect(stay))
                input type="hidden" name="passed-on" value="stay";
            } @else {
                h2 class="govuk-heading-m" { "If what they passed on stands" }
                (effect(stay))
                h2 class="govuk-heading-m" { "If that is taken back, too" }
                (effect(fall))
                (Ask::new("passed-on", "What they passed on").radios(&choices, "stay"))
            }
            (inset(&html! { "Nothing later is sent there. What was sent before is beyond reach: only its owner can have it erased." }))
            (button_group(&html! {
                (button("Take it away", Weight::Warning))
                a class="govuk-link" href=(shown.address()) { "Leave it as it is" }
            }))
        }
    };
    site.page(visitor, Section::Elsewhere, title, &body)
}

async fn take(State(site): State<Site>, visitor: Visitor, Path(reference): Path<String>, typed: Typed) -> Result<Redirect, Refusal> {
    let passed_on = match typed.one("passed-on") {
        "stay" => PassedOn::Stay,
        "fall" => PassedOn::Fall,
        _ => {
            return Err(
                Problem::invalid("passedOn", "the form does not say what becomes of what they passed on", "go back and choose").into()
            );
        }
    };
    let (actor, request) = (visitor.actor.clone(), RevocationRequest { who: typed.one("who").to_owned(), passed_on });
    let outcome = site.desk.ask(move |desk| desk.revoke(&actor, &reference, request)).await?;
    Ok(Redirect::to(&format!("/documents/{}/access?done=taken", outcome.document.reference)))
}
