//! For whom a draft is: neighbours, circles, or anyone, each with a role.

use super::super::super::parts::{Ask, Choice, Errors, Typed, inset, may, party};
use super::{Asked, Begun};
use crate::desk::{AccessLevel, CIRCLE_PREFIX, Pairing, Recipient};
use csu_protocol::document::Parties;
use csu_protocol::entry::Role;
use maud::{Markup, html};

/// What the inputs of the recipients are called.
const TO: &str = "to";
const ANYONE: &str = "anyone";

/// Somebody who can be chosen.
struct Candidate {
    /// What the form says.
    value: String,
    /// What people see.
    label: String,
    /// The name by which a draft has them.
    name: String,
    hint: String,
}

fn candidates(begun: &Begun, asked: &Asked) -> Vec<Candidate> {
    let mut all: Vec<Candidate> = Vec::new();
    for peer in asked.peers.iter().filter(|peer| peer.pairing == Pairing::Confirmed) {
        let name = peer.organisation.name.clone();
        let hint = if peer.paused { "Paused: nothing is sent until it is resumed.".to_owned() } else { String::new() };
        all.push(Candidate { value: peer.organisation.id.to_string(), label: name.clone(), name, hint });
    }
    for circle in &asked.circles {
        let members: Vec<&str> = circle.members.iter().map(|member| member.name.as_str()).collect();
        let hint = if members.is_empty() { "Nobody is in it yet.".to_owned() } else { members.join(", ") };
        let value = format!("{CIRCLE_PREFIX}{}", circle.name);
        all.push(Candidate { name: value.clone(), value, label: format!("Circle: {}", circle.name), hint });
    }
    if begun.kind.parties == Parties::Any && begun.kind.sealed.is_none() {
        let hint = "The public included. Only what is marked TLP:CLEAR.".to_owned();
        all.push(Candidate { value: ANYONE.into(), label: "Anyone".into(), name: ANYONE.into(), hint });
    }
    // Whoever was named in another way stays.
    for recipient in &begun.to {
        if !all.iter().any(|known| known.name == recipient.who) {
            let who = recipient.who.clone();
            all.push(Candidate { value: who.clone(), label: who.clone(), name: who, hint: String::new() });
        }
    }
    all
}

fn role_name(value: &str) -> String {
    format!("role-{value}")
}

/// Adds whom the draft is for.
pub(super) fn fill(typed: &mut Typed, begun: &Begun, asked: &Asked) {
    for candidate in candidates(begun, asked) {
        if let Some(recipient) = begun.to.iter().find(|recipient| recipient.who == candidate.name) {
            typed.put(role_name(&candidate.value), recipient.role.unwrap_or(Role::Read).as_str());
            typed.put(TO, candidate.value);
        }
    }
}

/// The question for whom it is.
pub(super) fn show(begun: &Begun, asked: &Asked, typed: &Typed, errors: &Errors) -> Markup {
    let candidates = candidates(begun, asked);
    let choices: Vec<Choice> = candidates
        .iter()
        .map(|candidate| {
            let choice = Choice::new(candidate.value.as_str(), candidate.label.as_str()).hint(candidate.hint.as_str());
            if candidate.value == ANYONE { choice } else { choice.more(role(candidate, typed)) }
        })
        .collect();
    let chosen: Vec<&str> = typed.every(TO).collect();
    let hint = match begun.kind.parties {
        Parties::Two => "Exactly one organisation.",
        Parties::Any => "Nobody else gets it. Those who relay it see whose it is and for whom, and nothing of what it says.",
    };
    let title = if begun.shared.is_some() { "Who should have it as well? (optional)" } else { "Who is it for?" };
    html! {
        @if let Some(document) = &begun.shared {
            (inset(&html! {
                p class="govuk-body" { "Already shared:" }
                ul class="govuk-list govuk-list--bullet" {
                    @for reader in &document.readers { li { (party(&reader.who)) " " (may(reader.role)) } }
                    @if document.readers.is_empty() { li { "with nobody yet" } }
                }
                @if matches!(document.access, AccessLevel::Owner | AccessLevel::Admin) {
                    a class="govuk-link" href={ "/documents/" (document.reference) "/access" } { "Take access away, or give it" }
                }
            }))
        }
        @if choices.is_empty() || (candidates.len() == 1 && candidates.iter().all(|candidate| candidate.value == ANYONE)) {
            p class="govuk-body" {
                "You have no neighbours yet. " a class="govuk-link" href="/partners" { "Pair with another organisation" } " to share with it."
            }
        }
        @if !choices.is_empty() { (Ask::new(TO, title).hint(hint).error(errors.of(TO)).checkboxes(&choices, &chosen)) }
    }
}

fn role(candidate: &Candidate, typed: &Typed) -> Markup {
    let name = role_name(&candidate.value);
    let roles = [Role::Read, Role::Write, Role::Admin, Role::Relay];
    let choices: Vec<Choice> = roles.into_iter().map(|role| Choice::new(role.as_str(), may(role))).collect();
    let chosen = typed.filled(&name).unwrap_or(Role::Read.as_str());
    Ask::new(&name, &format!("What {} may do", candidate.label)).select(&choices, chosen)
}

/// For whom it is to be.
pub(super) fn read(begun: &Begun, typed: &Typed) -> Vec<Recipient> {
    let mut to = Vec::new();
    for value in typed.every(TO) {
        let role = Role::ALL.into_iter().find(|role| role.as_str() == typed.one(&role_name(value)));
        // A role that was to end still does, if whoever has it was named by the name that the draft has.
        let until =
            begun.to.iter().find(|known| known.who == value || Some(&known.who) == begun.names.get(value)).and_then(|known| known.until);
        to.push(Recipient { who: value.to_owned(), role: if value == ANYONE { None } else { role }, until });
    }
    to
}
