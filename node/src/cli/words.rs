//! The node, its neighbours, grants and the log in words.

use super::screen::{columns, heading, short_time, visible};
use crate::desk::{
    AccessView, Check, GrantLine, Integrity, IntegrityResult, Invitation, LogLine, Pairing, Peer, PeerState, RevocationEffect,
    RevocationOutcome, Status,
};

const fn yes(truth: bool) -> &'static str {
    if truth { "yes" } else { "no" }
}

/// How the node is.
#[must_use]
pub fn status(status: &Status) -> String {
    let mut text = format!("{}\n{}\n\n", heading(&status.organisation.name), visible(&status.summary));
    let mut rows = vec![
        vec!["Documents".into(), format!("{} and {} drafts", status.documents, status.drafts)],
        vec!["Database".into(), integrity(&status.integrity)],
        vec!["Access log".into(), format!("{} lines, newest {}", status.log.lines, status.log)],
        vec!["Up since".into(), short_time(status.since)],
        vec!["Version".into(), status.version.clone()],
        vec!["Data folder".into(), status.data_folder.clone()],
        vec!["Pages".into(), status.pages.clone().unwrap_or_else(|| "none".into())],
        vec!["Fingerprint".into(), status.organisation.id.to_string()],
    ];
    if status.unreconciled > 0 {
        rows.insert(
            1,
            vec!["Unconfirmed".into(), format!("{} from a backup, silent until a neighbour has confirmed them", status.unreconciled)],
        );
    }
    rows.extend(status.addresses.iter().map(|address| vec!["Address".into(), address.clone()]));
    text.push_str(&columns(&rows));
    if !status.peers.is_empty() {
        let mut rows = vec![["NEIGHBOUR", "CONNECTION", "LAST SEEN"].map(str::to_owned).to_vec()];
        for peer in &status.peers {
            let state = match (peer.state, peer.syncing) {
                (PeerState::Connected, true) => "connected, catching up",
                (PeerState::Connected, false) => "connected",
                (PeerState::Connecting, _) => "connecting",
                (PeerState::Waiting, _) => "waiting",
                (PeerState::Paused, _) => "paused",
            };
            let seen = match (peer.state, peer.last_seen) {
                (PeerState::Connected, _) => "now".to_owned(),
                (PeerState::Connecting | PeerState::Waiting | PeerState::Paused, seen) => {
                    seen.map_or_else(|| "never".to_owned(), short_time)
                }
            };
            let left = peer.left.filter(|left| left.parts > 0).map(|left| format!(": {left}")).unwrap_or_default();
            rows.push(vec![peer.organisation.to_string(), format!("{state}{left}"), seen]);
        }
        text.push_str(&format!("\n{}", columns(&rows)));
    }
    text
}

fn integrity(found: &Integrity) -> String {
    let when = found.checked.map(|checked| format!(" (checked {})", short_time(checked))).unwrap_or_default();
    let result = match found.result {
        IntegrityResult::Ok => "sound",
        IntegrityResult::Running => "being checked",
        IntegrityResult::Unchecked => "not checked yet",
        IntegrityResult::Damaged => "DAMAGED",
    };
    let detail = found.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("{result}{when}{detail}")
}

/// What a doctor found.
#[must_use]
pub fn checks(checks: &[Check]) -> String {
    let mut text = String::new();
    for check in checks {
        let mark = if check.ok { "ok   " } else { "WRONG" };
        text.push_str(&format!("{mark}  {}: {}\n", visible(&check.name), visible(&check.detail)));
        if let Some(remedy) = &check.remedy {
            text.push_str(&format!("       what to do: {}\n", visible(remedy)));
        }
    }
    text
}

/// A ticket.
#[must_use]
pub fn invitation(invitation: &Invitation) -> String {
    let mut text = format!("{}\n\n", visible(&invitation.ticket));
    text.push_str(&format!("Give this ticket to one organisation only, before {}. There, they type:\n", short_time(invitation.expires)));
    text.push_str("  csu join TICKET\n");
    text.push_str("Then ring each other on a number you know, compare the security number, and both type:\n  csu peer confirm\n");
    if invitation.addresses.is_empty() {
        text.push_str("\nBeware: the ticket tells no address. Name one with `csu up --announce ADDRESS`.\n");
    }
    text
}

/// One neighbour, after something was done with it.
#[must_use]
pub fn peer(peer: &Peer) -> String {
    let mut rows = vec![
        vec!["Neighbour".into(), peer.organisation.to_string()],
        vec!["Pairing".into(), pairing(peer).to_owned()],
        vec!["Fingerprint".into(), peer.fingerprint.clone()],
    ];
    rows.extend(peer.number.iter().map(|number| vec!["Security number".into(), number.clone()]));
    rows.extend(peer.addresses.iter().map(|address| vec!["Address".into(), address.clone()]));
    rows.extend(peer.trouble.iter().map(|trouble| vec!["Not connected".into(), visible(trouble)]));
    columns(&rows)
}

fn pairing(peer: &Peer) -> &'static str {
    match (peer.pairing, peer.we_confirmed) {
        _ if peer.paused => "paused here",
        (Pairing::Inviting, _) => "the ticket was shown; introducing",
        (Pairing::Joining, _) => "looking for the other side",
        (Pairing::Waiting, false) => "compare the security number, then `csu peer confirm`",
        (Pairing::Waiting, true) => "confirmed here; waiting for the other side",
        (Pairing::Confirmed, _) => "confirmed by both",
    }
}

/// The neighbours.
#[must_use]
pub fn peers(peers: &[Peer]) -> String {
    if peers.is_empty() {
        return "No neighbours yet. Invite one with `csu invite`, or take a ticket with `csu join`.\n".to_owned();
    }
    let mut rows = vec![["NEIGHBOUR", "PAIRING", "CONNECTED", "SINCE", "SECURITY NUMBER"].map(str::to_owned).to_vec()];
    let mut troubles = String::new();
    for peer in peers {
        if let Some(trouble) = &peer.trouble {
            troubles.push_str(&format!("\nNot connected with {}: {}\n", visible(&peer.organisation.to_string()), visible(trouble)));
        }
        rows.push(vec![
            peer.organisation.to_string(),
            pairing(peer).to_owned(),
            yes(peer.connected).to_owned(),
            short_time(peer.since),
            peer.number.clone().unwrap_or_default(),
        ]);
    }
    columns(&rows) + &troubles
}

/// Every grant of a document.
#[must_use]
pub fn grants(grants: &[GrantLine]) -> String {
    let mut rows = vec![["TO", "ROLE", "UNTIL", "BY", "FOR CIRCLE", "LIVE", "WHY NOT"].map(str::to_owned).to_vec()];
    for grant in grants {
        rows.push(vec![
            grant.to.to_string(),
            grant.role.to_string(),
            grant.until.map(short_time).unwrap_or_default(),
            grant.by.to_string(),
            grant.circles.join(", "),
            yes(grant.counts).to_owned(),
            grant.ended.clone().unwrap_or_default(),
        ]);
    }
    columns(&rows)
}

/// Who may do what.
#[must_use]
pub fn access(view: &AccessView) -> String {
    let mut text = format!("{}\n", heading(&format!("{} owns it", view.owner)));
    for row in &view.rows {
        text.push_str(&format!("\n{}\n", visible(&row.sentence)));
        let chain: Vec<String> =
            row.chain.iter().map(|link| format!("{} gave {} ({})", visible(&link.by.to_string()), link.role, link.entry.short())).collect();
        if !chain.is_empty() {
            text.push_str(&format!("  by:    {}\n", chain.join(", then ")));
        }
        if !row.holds.is_empty() {
            let holds: Vec<String> = row.holds.iter().map(|what| visible(what)).collect();
            text.push_str(&format!("  holds: {}\n", holds.join(", ")));
        }
        if let Some(until) = row.until {
            text.push_str(&format!("  until: {}\n", short_time(until)));
        }
        if let Some(ended) = &row.ended {
            text.push_str(&format!("  ended: {}\n", visible(ended)));
        }
    }
    text
}

/// Whether something is told before it is done or after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It would be so.
    Before,
    /// It is so.
    After,
}

/// What a revocation changes, each line behind `indent`.
#[must_use]
pub fn effect(effect: &RevocationEffect, told: Told, indent: &str) -> String {
    let before = told == Told::Before;
    let until = |end: Option<crate::desk::Moment>| end.map(|end| format!(" until {}", short_time(end))).unwrap_or_default();
    let mut lines = Vec::new();
    for loss in &effect.losses {
        let (who, had) = (visible(&loss.who.to_string()), format!("{}{}", loss.had, until(loss.had_until)));
        let keeps = match loss.keeps {
            Some(role) => format!("{} {role}{}", if before { "would keep" } else { "keeps" }, until(loss.keeps_until)),
            None => format!("{} no role", if before { "would have" } else { "has" }),
        };
        lines.push(format!("{who}: {} {had}, {keeps}", if before { "has" } else { "had" }));
        lines.push(format!("  and holds all the same: {}", loss.holds.iter().map(|what| visible(what)).collect::<Vec<_>>().join(", ")));
    }
    for stays in &effect.stays {
        let (who, by) = (visible(&stays.who.to_string()), visible(&stays.by.to_string()));
        lines.push(format!("{who}: {} {}, which {by} passed on", if before { "would keep" } else { "keeps" }, stays.role));
    }
    for gain in &effect.gains {
        let who = visible(&gain.who.to_string());
        lines.push(format!("{who}: {} {}{}", if before { "would have" } else { "has" }, gain.role, until(gain.until)));
    }
    for entry in &effect.entries {
        let by = visible(&entry.by.to_string());
        let counts = if before { "would no longer count" } else { "no longer counts" };
        lines.push(format!("the {} {} by {by} {counts}", entry.kind.as_str(), entry.entry.short()));
    }
    if !effect.changed.is_empty() {
        let changed: Vec<String> = effect.changed.iter().map(|path| visible(path)).collect();
        lines.push(format!("the text {}: {}", if before { "would change" } else { "has changed" }, changed.join(", ")));
    }
    if let Some(state) = &effect.state {
        lines.push(format!(
            "the state {} from {} to {}",
            if before { "would go" } else { "went" },
            visible(&state.from),
            visible(&state.to)
        ));
    }
    for annex in &effect.annexes {
        let (who, name) = (visible(&annex.who.to_string()), visible(&annex.reference));
        lines.push(format!("{who}: {} annex {name} with it", if before { "would lose" } else { "loses" }));
    }
    if lines.is_empty() {
        lines.push("nobody loses anything".to_owned());
    }
    lines.iter().map(|line| format!("{indent}{line}\n")).collect()
}

/// What a revocation did.
#[must_use]
pub fn revocation(outcome: &RevocationOutcome) -> String {
    let text = super::document::render_document(&outcome.document);
    let fell = effect(&outcome.effect, Told::After, "  ");
    format!("{text}\nWhat fell:\n{fell}\nNothing later is sent there. What was sent before is beyond reach.\n")
}

/// The log.
#[must_use]
pub fn log(lines: &[LogLine]) -> String {
    let mut rows = vec![["LINE", "WHEN", "WHAT", "WHO", "DOCUMENT", "TO", "DETAIL"].map(str::to_owned).to_vec()];
    for line in lines {
        let document = [line.what.as_deref(), line.reference.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let why = line.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        rows.push(vec![
            line.number.to_string(),
            short_time(line.at),
            line.verb.to_string(),
            line.who.clone(),
            document,
            line.to.clone().unwrap_or_default(),
            format!("{}{why}", line.detail),
        ]);
    }
    columns(&rows)
}
