//! How the node is.

use super::{Office, count, now};
use crate::desk::{Check, Identity, IntegrityResult, Moment, PeerState, PeerStatus, Problem, Status};
use csu_protocol::store::{Pairing, Peer};
use csu_protocol::sync::Connection;

impl Office {
    pub(super) fn report(&self) -> Result<Status, Problem> {
        let card = self.machine.card().card();
        let counts = self.storage.counts()?;
        let mut peers = Vec::new();
        for peer in self.machine.peers() {
            let connection = self.machine.connection(&peer.organisation);
            peers.push(PeerStatus {
                organisation: self.organisation(&peer.organisation),
                state: state_of(peer, connection),
                syncing: connection == Some(Connection::Syncing),
                left: self.left_from(&peer.organisation),
                last_seen: self.storage.last_seen(&peer.organisation)?.map(Into::into),
                since: Some(peer.since.into()),
                declined: self.machine.usage(&peer.organisation).declined,
            });
        }
        let (outstanding_erasures, by) = self.outstanding_erasures();
        let mut summary = summary(&peers);
        if self.recovering.is_some() {
            summary = format!("this node is being restored, see the terminal of `csu restore`; {summary}");
        }
        if outstanding_erasures > 0 {
            summary.push_str(&format!("; {} not confirmed yet by {}", count(outstanding_erasures, "erasure", "erasures"), by.join(", ")));
        }
        let unreconciled = self.count_silent();
        if unreconciled > 0 {
            let documents = count(unreconciled, "document", "documents");
            summary.push_str(&format!("; {documents} from a backup silent until a neighbour confirms"));
        }
        let to_be_listed = self.storage.count_stale()?;
        if to_be_listed > 0 {
            let documents = usize::try_from(to_be_listed).unwrap_or(usize::MAX);
            summary.push_str(&format!("; {} being listed", count(documents, "document is", "documents are")));
        }
        Ok(Status {
            organisation: Identity { id: card.organisation, name: card.name.to_string(), kind: card.kind },
            device: card.device,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            data_folder: self.config.data.display().to_string(),
            since: self.started.into(),
            addresses: self.addresses().iter().map(ToString::to_string).collect(),
            pages: self.config.pages(),
            documents: counts.documents,
            drafts: counts.drafts,
            peers,
            integrity: self.integrity.clone(),
            log: self.storage.log_head()?.into(),
            outstanding_erasures,
            unreconciled,
            to_be_listed,
            summary,
        })
    }

    pub(super) fn checks(&self) -> Result<Vec<Check>, Problem> {
        let mut checks = vec![Check::passed("node", format!("running since {}", Moment::from(self.started)))];
        checks.push(match self.integrity.result {
            IntegrityResult::Ok => Check::passed("database", "checked, and whole"),
            IntegrityResult::Running => Check::passed("database", "is being checked"),
            IntegrityResult::Unchecked => Check::passed("database", "not checked yet in this run"),
            IntegrityResult::Damaged => Check::failed(
                "database",
                self.integrity.detail.clone().unwrap_or_default(),
                "stop the node, copy its data folder away, and restore a backup; neighbours still hold what was shared",
            ),
        });
        // Whatever cannot be looked at, the check of the database is what helps then.
        if let Err(problem) = self.check_more(&mut checks) {
            checks.push(Check::failed("status", problem.detail(), problem.remedy()));
        }
        Ok(checks)
    }

    /// Everything else that a doctor is told.
    fn check_more(&self, checks: &mut Vec<Check>) -> Result<(), Problem> {
        let status = self.report()?;
        checks.push(self.check_of_log(&status.log)?);
        checks.push(self.check_of_retention()?);
        checks.push(if status.addresses.is_empty() {
            Check::failed("listening", "nowhere: no neighbour can connect", "look at `listen` in csu.toml")
        } else {
            Check::passed("listening", status.addresses.join(", "))
        });
        for peer in &status.peers {
            let name = format!("neighbour {}", peer.organisation);
            if peer.declined > 0 {
                checks.push(Check::failed(
                    name.clone(),
                    format!("{} not taken: what it may bring is used up", count(peer.declined, "document is", "documents are")),
                    "raise `keep_mib` or `keep_strangers_mib` in csu.toml and start the node again, or `csu peer remove` it",
                ));
            }
            checks.push(match peer.state {
                PeerState::Connected => Check::passed(name, if peer.syncing { "connected, catching up" } else { "connected, up to date" }),
                PeerState::Paused => {
                    Check::passed(name, "paused by an operator here; nothing is heard of it, not even that it acts through another device")
                }
                PeerState::Waiting => Check::failed(
                    name,
                    "pairing waits for a confirmation",
                    "compare the security number by telephone, then `csu peer confirm` on both sides",
                ),
                PeerState::Connecting => Check::failed(
                    name,
                    peer.last_seen.map_or_else(|| "never reached".to_owned(), |at| format!("not connected; last seen {at}")),
                    "check that the other node is running and that one of the two can be reached from outside",
                ),
            });
        }
        checks.push(self.check_clock());
        checks.extend(self.check_put_back()?);
        checks.extend(self.check_silent());
        checks.extend(self.check_erasures()?);
        checks.extend(self.check_lost_devices());
        Ok(())
    }
}

fn state_of(peer: &Peer, connection: Option<Connection>) -> PeerState {
    if peer.paused {
        PeerState::Paused
    } else if peer.pairing != Pairing::Confirmed {
        PeerState::Waiting
    } else if matches!(connection, Some(Connection::Syncing | Connection::InSync)) {
        PeerState::Connected
    } else {
        PeerState::Connecting
    }
}

fn summary(peers: &[PeerStatus]) -> String {
    let paired: Vec<&PeerStatus> = peers.iter().filter(|peer| peer.state != PeerState::Waiting).collect();
    let connected = paired.iter().filter(|peer| peer.state == PeerState::Connected).count();
    let syncing = paired.iter().filter(|peer| peer.syncing).count();
    let waiting = peers.len().saturating_sub(paired.len());
    let mut text = if paired.is_empty() {
        "no neighbours yet: invite one with `csu invite`".to_owned()
    } else if syncing > 0 {
        format!("{connected} of {} connected; catching up with {syncing}", count(paired.len(), "neighbour", "neighbours"))
    } else {
        let fresh = if connected > 0 { format!("; up to date with them as of {}", now()) } else { String::new() };
        format!("{connected} of {} connected{fresh}", count(paired.len(), "neighbour", "neighbours"))
    };
    if waiting > 0 {
        text.push_str(&format!("; {} to be confirmed", count(waiting, "pairing", "pairings")));
    }
    text
}
