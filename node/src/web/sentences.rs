//! What is said in more than one place, in sentences: the network, what a revocation changes, how far a pairing is.

use super::parts::{civil, party, said};
use crate::desk::{
    CircleChange, CircleStep, EntryKind, Moment, OrgRef, Pairing, Party, Peer, PeerState, PeerStatus, RevocationEffect, Status,
};
use crate::log_verb::LogVerb;
use csu_protocol::entry::Role;
use jiff::tz::TimeZone;
use maud::{Markup, html};

/// A number of things.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Now, as clocks show it: "14:02".
pub(super) fn clock_now() -> String {
    jiff::Timestamp::now().to_zoned(TimeZone::system()).strftime("%H:%M").to_string()
}

/// The day and the time of it.
pub(super) fn today() -> String {
    jiff::Timestamp::now().to_zoned(TimeZone::system()).strftime("%-d %B %Y, %H:%M").to_string()
}

/// The network in one sentence: "3 of 4 neighbours connected; all up to date as of 14:02".
pub(super) fn network(status: &Status, clock: &str) -> String {
    let paired: Vec<&PeerStatus> = status.peers.iter().filter(|peer| peer.state != PeerState::Waiting).collect();
    let connected = paired.iter().filter(|peer| peer.state == PeerState::Connected).count();
    let catching_up = paired.iter().filter(|peer| peer.syncing).count();
    let paused = paired.iter().filter(|peer| peer.state == PeerState::Paused).count();
    let waiting = status.peers.len().saturating_sub(paired.len());
    let to_confirm = if waiting > 0 { format!(" {} to be confirmed.", count(waiting, "pairing", "pairings")) } else { String::new() };
    if paired.is_empty() {
        return format!("No neighbours yet.{to_confirm}");
    }
    let mut text = format!("{connected} of {} connected", count(paired.len(), "neighbour", "neighbours"));
    if paused > 0 {
        text.push_str(&format!(", {paused} paused here"));
    }
    match (connected, catching_up) {
        (0, _) => text.push_str("; what others changed since then comes when one of them is reached"),
        (_, 0) => text.push_str(&format!("; all up to date as of {clock}")),
        (_, some) => text.push_str(&format!("; catching up with {some} of them")),
    }
    if status.to_be_listed > 0 {
        text.push_str("; what came lately is still being listed");
    }
    format!("{text}.{to_confirm}")
}

/// How a neighbour is, in a few words, and the colour of that.
pub(super) const fn pairing(peer: &Peer) -> (&'static str, &'static str) {
    match (peer.pairing, peer.we_confirmed, peer.paused, peer.connected) {
        (_, _, true, _) => ("Paused here", "yellow"),
        (Pairing::Inviting, ..) => ("Introducing itself", "blue"),
        (Pairing::Joining, ..) => ("Looking for it", "blue"),
        (Pairing::Waiting, false, ..) => ("To be confirmed here", "orange"),
        (Pairing::Waiting, true, ..) => ("To be confirmed there", "blue"),
        (Pairing::Confirmed, _, _, true) => ("Connected", "green"),
        (Pairing::Confirmed, _, _, false) => ("Not connected", "red"),
    }
}

/// A role as the name of a thing that is given.
pub(super) const fn role(role: Role) -> &'static str {
    match role {
        Role::Relay => "keep and forward it unread",
        Role::Read => "read it and respond",
        Role::Write => "read and change it",
        Role::Admin => "read and change it, and decide who else may",
    }
}

fn until(end: Option<Moment>) -> String {
    end.map(|end| format!(" until {}", civil(end))).unwrap_or_default()
}

/// What a revocation changes, each a line; that nobody loses anything if so.
pub(super) fn effect(effect: &RevocationEffect) -> Markup {
    let texts = |texts: &[String]| texts.join(", ");
    html! {
        ul class="govuk-list govuk-list--bullet" {
            @for loss in &effect.losses {
                li {
                    (party(&loss.who)) " can no longer " (role(loss.had)) (until(loss.had_until))
                    @match loss.keeps {
                        Some(keeps) => { ", and can still " (role(keeps)) (until(loss.keeps_until)) "." },
                        None => ".",
                    }
                    " What it holds all the same: " (said(&texts(&loss.holds))) "."
                }
            }
            @for stays in &effect.stays {
                li { (party(&stays.who)) " can still " (role(stays.role)) ", because " (said(&stays.by.to_string())) " passed that on." }
            }
            @for gain in &effect.gains { li { (party(&gain.who)) " can again " (role(gain.role)) (until(gain.until)) "." } }
            @for entry in &effect.entries {
                li { "A " (entry_kind(entry.kind)) " by " (said(&entry.by.to_string())) " no longer counts." }
            }
            @if !effect.changed.is_empty() { li { "The text changes: " (said(&texts(&effect.changed))) "." } }
            @if let Some(state) = &effect.state { li { "Its state goes from " (said(&state.from)) " to " (said(&state.to)) "." } }
            @for annex in &effect.annexes { li { (party(&annex.who)) " loses annex " (said(&annex.reference)) " with it." } }
            @if *effect == RevocationEffect::default() { li { "Nobody loses anything." } }
        }
    }
}

const fn entry_kind(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Revision => "change of the text",
        EntryKind::Response => "response",
        EntryKind::Genesis
        | EntryKind::Grant
        | EntryKind::Revoke
        | EntryKind::Withdraw
        | EntryKind::Erase
        | EntryKind::Receipt
        | EntryKind::Key => "decision about access",
    }
}

/// What follows from a circle's members for one of them.
pub(super) fn circle_change(change: &CircleChange) -> Markup {
    let who = said(&change.who.to_string());
    html! {
        @match change.change {
            CircleStep::Gives => { (who) " gets to " (role(change.role)) (until(change.until)) "." },
            CircleStep::Takes => {
                (who) " can no longer " (role(change.role)) (until(change.until))
                @if let Some(keeps) = change.keeps { ", and can still " (role(keeps)) ", which is from elsewhere" }
                "."
            },
        }
        @if let Some(blocked) = &change.blocked { " Not from here: " (said(&blocked.why)) "; " (said(&blocked.remedy)) "." }
    }
}

/// Sorts of lines in the access log as people call them.
pub(super) const fn verb(verb: LogVerb) -> &'static str {
    match verb {
        LogVerb::Collection => "Came in",
        LogVerb::Alteration => "Changed",
        LogVerb::Consultation => "Read",
        LogVerb::Disclosure => "Disclosed",
        LogVerb::Combination => "Combined",
        LogVerb::Erasure => "Erased",
        LogVerb::Network => "Network",
        LogVerb::Access => "Access",
    }
}

/// How a party is named in a form, so that no other can be taken for it.
pub(super) fn named(who: &Party) -> String {
    match who {
        Party::Anyone => "anyone".to_owned(),
        Party::Organisation(organisation) => organisation.id.to_string(),
    }
}

/// A link to an organisation's page, if it is a neighbour; else its name.
pub(super) fn neighbour(organisation: &OrgRef) -> Markup {
    html! {
        @if organisation.verified {
            a class="govuk-link" href={ "/partners/" (organisation.id) } { (said(&organisation.name)) }
        } @else {
            (said(&organisation.to_string()))
        }
    }
}

/// A heading of a table.
pub(super) fn table_head(headings: &[&str]) -> Markup {
    html! {
        thead class="govuk-table__head" {
            tr class="govuk-table__row" { @for heading in headings { th scope="col" class="govuk-table__header" { (heading) } } }
        }
    }
}

/// A cell of a table, behind its heading on a narrow screen.
pub(super) fn cell(heading: &str, content: &Markup) -> Markup {
    html! { td class="govuk-table__cell" data-label=(heading) { (content) } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::fake::{self, FakeDesk};
    use crate::desk::{Desk as _, Left};

    fn with(states: &[(PeerState, bool)]) -> Status {
        let mut status = FakeDesk::default().status().unwrap();
        let peer = |(state, syncing): &(PeerState, bool)| PeerStatus {
            organisation: fake::organisation(),
            state: *state,
            syncing: *syncing,
            left: None::<Left>,
            last_seen: None,
            since: None,
            declined: 0,
        };
        status.peers = states.iter().map(peer).collect();
        status
    }

    #[test]
    fn the_network_is_told_in_a_sentence_that_anybody_understands() {
        use PeerState::{Connected, Connecting, Paused, Waiting};
        for (peers, said) in [
            (&[][..], "No neighbours yet."),
            (&[(Waiting, false)][..], "No neighbours yet. 1 pairing to be confirmed."),
            (
                &[(Connected, false), (Connected, false), (Connecting, false)][..],
                "2 of 3 neighbours connected; all up to date as of 14:02.",
            ),
            (&[(Connected, true), (Paused, false)][..], "1 of 2 neighbours connected, 1 paused here; catching up with 1 of them."),
            (&[(Connecting, false)][..], "0 of 1 neighbour connected; what others changed since then comes when one of them is reached."),
        ] {
            assert_eq!(network(&with(peers), "14:02"), said);
        }
    }

    #[test]
    fn an_effect_without_losses_says_so() {
        assert!(effect(&RevocationEffect::default()).into_string().contains("Nobody loses anything."));
    }
}
