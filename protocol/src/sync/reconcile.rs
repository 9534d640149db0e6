//! Bringing two nodes to the same entries.
//!
//! Each side lists, plane by plane, the documents that the other may hold, with their versions; the
//! other asks for those that differ, saying what it has; the first sends what is missing. Control
//! comes before content, because only control says who may have content.
//!
//! The lists are whole, which costs O(documents) a reconnect. This module is the place where
//! range-based set reconciliation will stand: `begin_round` and `on_summary` decide *which*
//! documents differ, and nothing else in the machine knows how.

use super::events::{Fault, Notice};
use super::machine::Machine;
use super::session::{Serve, Session};
use crate::entry::{Body, Grant, Plane, SignedEntry};
use crate::id::{DeviceId, DocumentId, EntryId, Hash, OrganisationId};
use crate::limits;
use crate::store::{Read, ReadError};
use crate::time::Timestamp;
use crate::wire::Message;
use std::collections::BTreeSet;

/// Entries read from storage at a time.
const SERVE_ENTRIES: usize = 256;

impl Body {
    /// The grants that it gives, if it gives any.
    #[must_use]
    pub fn grants(&self) -> &[Grant] {
        match self {
            Self::Genesis { grants, .. } | Self::Grant { grants } => grants,
            Self::Revoke { .. }
            | Self::Withdraw { .. }
            | Self::Erase
            | Self::Receipt { .. }
            | Self::Key { .. }
            | Self::Revision { .. }
            | Self::Response { .. } => &[],
        }
    }
}

impl Message {
    /// The word for it in a fault.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "a hello",
            Self::PairRequest { .. } => "a request to pair",
            Self::Confirmed => "a confirmation",
            Self::Cards(_) => "cards",
            Self::Summary { .. } => "a summary",
            Self::Have { .. } => "a request for entries",
            Self::Entries { .. } => "entries",
            Self::Served { .. } => "the end of an answer",
        }
    }
}

impl Machine {
    /// Lists our control plane. Content follows once we have all of the peer's control.
    pub(super) fn begin_round(&mut self, now: Timestamp, device: DeviceId) {
        self.list(now, device, Plane::Control);
    }

    fn list(&mut self, now: Timestamp, device: DeviceId, plane: Plane) {
        let Some(organisation) = self.sessions.get(&device).and_then(|session| session.organisation) else { return };
        let mut items: Vec<(DocumentId, Hash)> = Vec::new();
        for (document, holding) in &self.holdings {
            let access = holding.access();
            if holding.is_written() && access.heads(plane).next().is_some() && access.may_hold(&organisation, plane, now) {
                items.push((*document, access.version(plane)));
            }
        }
        let mut rest = items.as_slice();
        loop {
            let (part, more) = rest.split_at(rest.len().min(limits::MESSAGE_ITEMS));
            self.queue(device, &Message::Summary { plane, items: part.to_vec(), last: more.is_empty() });
            if more.is_empty() {
                break;
            }
            rest = more;
        }
    }

    pub(super) fn on_summary(&mut self, now: Timestamp, device: DeviceId, plane: Plane, items: Vec<(DocumentId, Hash)>, last: bool) {
        let Some(session) = self.sessions.get_mut(&device) else { return };
        session.progress = now;
        let pull = session.pull(plane);
        if pull.listed {
            // The peer begins a new list.
            pull.theirs.clear();
            pull.listed = false;
        }
        if pull.theirs.len().saturating_add(items.len()) > limits::SUMMARY_DOCUMENTS {
            return self.fault_and_end(device, Fault::TooMuch("documents"));
        }
        pull.theirs.extend(items);
        pull.listed = last;
        if last {
            self.compare(now, device, plane);
        }
    }

    /// Which documents to ask for: those the peer lists and we hold otherwise or not at all.
    fn compare(&mut self, now: Timestamp, device: DeviceId, plane: Plane) {
        let Some(session) = self.sessions.get_mut(&device) else { return };
        if plane == Plane::Content && !session.control.done {
            return;
        }
        let pull = session.pull(plane);
        pull.done = false;
        for (document, version) in std::mem::take(&mut pull.theirs) {
            let holding = self.holdings.get(&document);
            let ours = holding.map(|holding| holding.access().version(plane));
            // Content of a document whose control does not name us is none of ours.
            let concerns_us = plane == Plane::Control || holding.is_some_and(|holding| holding.is_written());
            if ours != Some(version) && concerns_us && !pull.asked.contains(&document) {
                pull.wanted.insert(document);
            }
        }
        self.ask(now, device, plane);
    }

    /// Asks for the next documents; when there are none, goes on to what comes after.
    fn ask(&mut self, now: Timestamp, device: DeviceId, plane: Plane) {
        loop {
            let Some(session) = self.sessions.get_mut(&device) else { return };
            let pull = session.pull(plane);
            if pull.asked.len() >= limits::REQUESTS {
                return;
            }
            let Some(document) = pull.wanted.pop_first() else { break };
            pull.asked.insert(document);
            session.progress = now;
            let ours: BTreeSet<EntryId> =
                self.holdings.get(&document).map(|holding| holding.access().entries(plane).collect()).unwrap_or_default();
            let ids = ours.into_iter().take(limits::MESSAGE_IDS).collect();
            self.queue(device, &Message::Have { document, plane, ids });
        }
        let Some(session) = self.sessions.get_mut(&device) else { return };
        let pull = session.pull(plane);
        if !pull.listed || !pull.asked.is_empty() || pull.done {
            return;
        }
        pull.done = true;
        match plane {
            Plane::Control => {
                let (first, content_waits) = (!session.content_listed, session.content.listed);
                session.content_listed = true;
                if first {
                    self.list(now, device, Plane::Content);
                }
                if content_waits {
                    self.compare(now, device, Plane::Content);
                }
            }
            Plane::Content => {
                if let Some(organisation) = session.organisation {
                    self.notice(Notice::InSync(organisation));
                }
            }
        }
    }

    /// Entries came whose past did not: asks for the planes they are missing from.
    pub(super) fn ask_for_past(&mut self, device: DeviceId, document: DocumentId, plane: Plane) {
        let Some(session) = self.sessions.get_mut(&device) else { return };
        let now = session.progress;
        let planes: &[Plane] = match plane {
            Plane::Control => &[Plane::Control],
            Plane::Content => &Plane::ALL,
        };
        for plane in planes {
            let Some(session) = self.sessions.get_mut(&device) else { return };
            let pull = session.pull(*plane);
            // Before the peer's first list this side will ask anyway.
            if pull.done && !pull.asked.contains(&document) {
                pull.wanted.insert(document);
                pull.done = false;
                self.ask(now, device, *plane);
            }
        }
    }

    pub(super) fn on_served(&mut self, now: Timestamp, device: DeviceId, document: DocumentId, plane: Plane) {
        let Some(session) = self.sessions.get_mut(&device) else { return };
        session.progress = now;
        if !session.pull(plane).asked.remove(&document) {
            return self.fault_and_end(device, Fault::OutOfTurn("the end of an answer"));
        }
        self.ask(now, device, plane);
    }

    /// A peer asks for what it lacks. It learns nothing of what it may not hold, not even that there is such a document.
    pub(super) fn on_have(
        &mut self,
        now: Timestamp,
        device: DeviceId,
        organisation: OrganisationId,
        document: DocumentId,
        plane: Plane,
        ids: &[EntryId],
    ) {
        let theirs: BTreeSet<&EntryId> = ids.iter().collect();
        let holding = self.document(&document).filter(|holding| holding.access().may_hold(&organisation, plane, now));
        let missing = holding.map(|holding| holding.access().entries(plane).filter(|id| !theirs.contains(id)).collect());
        let Some(session) = self.sessions.get_mut(&device) else { return };
        // What this side began to send by itself is not the peer's doing.
        let mut asked = session.serves.iter().filter(|serve| serve.asked);
        if asked.clone().count() >= limits::SERVES {
            return self.fault_and_end(device, Fault::TooMuch("requests"));
        }
        // Each request holds the ids of a whole plane: nobody gets to pile up the same ones.
        if asked.any(|serve| serve.document == document && serve.plane == plane) {
            return self.fault_and_end(device, Fault::OutOfTurn("a request that is being answered"));
        }
        session.serves.push_back(Serve { document, plane, ids: missing.unwrap_or_default(), asked: true });
    }

    /// Prepares the next part of an answer for the next peer in turn. Whether there was one.
    pub(super) fn serve_next(&mut self, now: Timestamp, read: &dyn Read) -> Result<bool, ReadError> {
        let has_work = |session: &&Session| session.is_drained() && (!session.serves.is_empty() || session.behind);
        let after = self.served_last;
        let turn = |session: &&Session| after.is_none_or(|last| session.device > last);
        let next = self.sessions.values().filter(turn).find(has_work).or_else(|| self.sessions.values().find(has_work));
        let Some(device) = next.map(|session| session.device) else { return Ok(false) };
        self.served_last = Some(device);
        let Some(session) = self.sessions.get_mut(&device) else { return Ok(false) };
        let organisation = session.organisation;
        let Some(mut serve) = session.serves.pop_front() else {
            // Live entries were left out while the peer was slow: list everything once more.
            session.behind = false;
            self.list(now, device, Plane::Control);
            self.list(now, device, Plane::Content);
            return Ok(true);
        };
        // A right may have ended since the peer asked.
        let may = organisation.is_some_and(|organisation| {
            self.document(&serve.document).is_some_and(|holding| holding.access().may_hold(&organisation, serve.plane, now))
        });
        if !may {
            serve.ids.clear();
        }
        let batch: BTreeSet<EntryId> = serve.ids.iter().take(SERVE_ENTRIES).copied().collect();
        if !batch.is_empty() {
            let stored = read.entries(&serve.document, &batch)?;
            let mut entries: Vec<SignedEntry> = Vec::new();
            let mut bytes = 0_usize;
            for stored in stored {
                bytes = bytes.saturating_add(stored.entry.size());
                entries.push(stored.entry);
                if bytes >= limits::ENTRIES_BYTES {
                    break;
                }
            }
            // Storage answers in the order of writing, as the list is: what was sent stands at its front.
            let sent = entries.len();
            if sent == 0 {
                return Err(ReadError(format!("document {}: entries are counted that are not stored", serve.document)));
            }
            serve.ids.drain(..sent.min(serve.ids.len()));
            self.send_entries(device, serve.document, serve.plane, entries);
        }
        let (document, plane) = (serve.document, serve.plane);
        if !serve.ids.is_empty() {
            if let Some(session) = self.sessions.get_mut(&device) {
                session.serves.push_front(serve);
            }
        } else if serve.asked {
            self.queue(device, &Message::Served { document, plane });
        }
        Ok(true)
    }
}
