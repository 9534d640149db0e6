//! Answering: a peer's steps of comparison, and its requests for entries.
//!
//! A peer learns nothing of what it may not hold, not even that there is such a document: whatever it
//! asks, a document that is not exchanged with it is answered as one that does not exist.

use super::events::Fault;
use super::machine::Machine;
use super::session::{Answer, Serve, Session, What, Why};
use super::set::Answering;
use crate::entry::SignedEntry;
use crate::id::{DeviceId, EntryId, Hash, OrganisationId};
use crate::limits;
use crate::store::{Read, ReadError};
use crate::time::Timestamp;
use crate::wire::{Message, Place};
use std::collections::{BTreeSet, VecDeque};

/// Entries read from storage at a time.
const SERVE_ENTRIES: usize = 256;

impl Machine {
    /// A step of reconciliation, whichever side begins rounds.
    pub(super) fn on_reconcile(&mut self, now: Timestamp, device: DeviceId, organisation: OrganisationId, step: Vec<u8>) {
        if self.card.card().device < device {
            return self.on_answer(now, device, &step);
        }
        if step.is_empty() {
            return self.fault_and_end(device, Fault::OutOfTurn("a wish for a round"));
        }
        let Some(session) = self.sessions.get_mut(&device) else { return };
        session.progress = now;
        if session.answer.is_none() {
            if session.early.is_some() {
                return self.fault_and_end(device, Fault::OutOfTurn("a step of reconciliation"));
            }
            if session.is_early(now) {
                // A round costs us a look at every document: the peer does not say how often.
                session.early = Some(step);
                return;
            }
            session.round_began = Some(now);
            session.round_asked = false;
            let items = self.shared_items(&device, &organisation, now);
            let silent = self.silent_among(items.values());
            // Only a set with a member twice is refused, and this one has its members as keys.
            let Ok(answering) = Answering::begin(items.keys().map(|item| *item.as_bytes())) else { return };
            let Some(session) = self.sessions.get_mut(&device) else { return };
            session.content_due = false;
            session.silent = silent;
            session.answer = Some(Box::new(Answer { answering, items, had: BTreeSet::new() }));
        }
        let answer =
            self.sessions.get_mut(&device).and_then(|session| session.answer.as_mut()).map(|answer| answer.answering.answer(&step));
        match answer {
            Some(Ok(answer)) => self.queue(device, &Message::Reconcile(answer)),
            Some(Err(_)) => self.fault_and_end(device, Fault::Step),
            None => {}
        }
    }

    /// Takes up the first step that came too early, if its time has come.
    pub(super) fn answer_early_step(&mut self, now: Timestamp, device: DeviceId) {
        let Some(session) = self.sessions.get_mut(&device) else { return };
        if session.is_early(now) {
            return;
        }
        if let (Some(step), Some(organisation)) = (session.early.take(), session.organisation) {
            self.on_reconcile(now, device, organisation, step);
        }
    }

    /// The peer says that the round is over.
    pub(super) fn on_settled(&mut self, now: Timestamp, device: DeviceId) {
        let Some(session) = self.sessions.get_mut(&device) else { return };
        session.progress = now;
        if session.answer.take().is_none() {
            return self.fault_and_end(device, Fault::OutOfTurn("the end of a round"));
        }
        self.round_over(now, device);
    }

    /// A peer asks for what it lacks.
    pub(super) fn on_have(
        &mut self,
        now: Timestamp,
        device: DeviceId,
        organisation: OrganisationId,
        place @ (document, plane): Place,
        ids: Vec<EntryId>,
    ) {
        let theirs: BTreeSet<EntryId> = ids.into_iter().collect();
        let (missing, lacking) = match self.shared(place, &organisation, now) {
            Some(holding) => {
                let access = holding.access();
                let missing = access.entries(plane).filter(|id| !theirs.contains(id)).collect();
                (missing, theirs.into_iter().filter(|id| !access.contains(id)).collect())
            }
            // It lacks nothing before it was compared.
            None if self.is_silent(place, &organisation, now) => (VecDeque::new(), Vec::new()),
            // As if there were no such document.
            None => (VecDeque::new(), theirs.into_iter().collect()),
        };
        let lacking = if self.declines(&organisation, place) { Vec::new() } else { lacking };
        if let Some(answer) = self.sessions.get_mut(&device).and_then(|session| session.answer.as_mut()) {
            answer.had.insert(place);
        }
        self.serve(device, Serve { document, plane, what: What::These(missing), why: Why::Asked { lacking } });
    }

    /// A peer asks for exactly these, after a probe.
    pub(super) fn on_want(
        &mut self,
        now: Timestamp,
        device: DeviceId,
        organisation: OrganisationId,
        place @ (document, plane): Place,
        ids: Vec<EntryId>,
    ) {
        let wanted: BTreeSet<EntryId> = ids.into_iter().collect();
        let holding = self.shared(place, &organisation, now);
        let ids = holding.map(|holding| holding.access().entries(plane).filter(|id| wanted.contains(id)).collect());
        if let Some(session) = self.sessions.get_mut(&device) {
            session.probed = None;
        }
        let what = What::These(ids.unwrap_or_default());
        self.serve(device, Serve { document, plane, what, why: Why::Asked { lacking: Vec::new() } });
    }

    /// Takes a request on, unless the peer has too many under way or repeats one.
    fn serve(&mut self, device: DeviceId, serve: Serve) {
        let Some(session) = self.sessions.get_mut(&device) else { return };
        // What this side began to send by itself is not the peer's doing.
        let mut asked = session.serves.iter().filter(|serve| serve.why != Why::Unasked);
        if asked.clone().count() >= limits::SERVES {
            return self.fault_and_end(device, Fault::TooMuch("requests"));
        }
        // Each request holds the ids of a whole plane: nobody gets to pile up the same ones.
        let same = |other: &Serve| (other.document, other.plane) == (serve.document, serve.plane) && matches!(other.why, Why::Asked { .. });
        if asked.any(same) {
            return self.fault_and_end(device, Fault::OutOfTurn("a request that is being answered"));
        }
        session.serves.push_back(serve);
    }

    /// A peer needs what the comparison showed it to lack.
    pub(super) fn on_need(&mut self, now: Timestamp, device: DeviceId, organisation: OrganisationId, items: &[Hash]) {
        let Some(session) = self.sessions.get(&device) else { return };
        let Some(answer) = &session.answer else {
            return self.fault_and_end(device, Fault::OutOfTurn("a need"));
        };
        // What it asked for by a Have is on its way already.
        let known = items.iter().filter_map(|item| answer.items.get(item)).filter(|place| !answer.had.contains(place));
        let places: BTreeSet<Place> =
            known.filter(|place| !session.is_declined(**place) && self.shared(**place, &organisation, now).is_some()).copied().collect();
        let under_way = session.serves.iter().filter(|serve| serve.why != Why::Unasked).count();
        if under_way.saturating_add(places.len()) > limits::SERVES {
            return self.fault_and_end(device, Fault::TooMuch("requests"));
        }
        self.queue(device, &Message::Offer(places.iter().copied().collect()));
        let Some(session) = self.sessions.get_mut(&device) else { return };
        session.progress = now;
        for (document, plane) in places {
            session.serves.push_back(Serve { document, plane, what: What::Whole, why: Why::Needed });
        }
    }

    /// A step of comparing the entries of a plane.
    pub(super) fn on_probe(&mut self, now: Timestamp, device: DeviceId, organisation: OrganisationId, place: Place, step: &[u8]) {
        let (document, plane) = place;
        let probed = self.sessions.get_mut(&device).and_then(|session| session.probed.take()).filter(|(of, _)| *of == place);
        let mut answering = match probed {
            Some((_, answering)) => answering,
            None => {
                let silent = || self.document(&document).filter(|_| self.is_silent(place, &organisation, now));
                let holding = self.shared(place, &organisation, now).or_else(silent);
                let ids = holding.map(|holding| holding.access().entries(plane).collect::<Vec<_>>());
                let members = ids.unwrap_or_default();
                // Ids are members once.
                let Ok(answering) = Answering::begin(members.iter().map(|id| *id.as_bytes())) else { return };
                Box::new(answering)
            }
        };
        let Ok(step) = answering.answer(step) else { return self.fault_and_end(device, Fault::Step) };
        let Some(session) = self.sessions.get_mut(&device) else { return };
        session.progress = now;
        session.probed = Some((place, answering));
        if let Some(answer) = &mut session.answer {
            answer.had.insert(place);
        }
        self.queue(device, &Message::Probed { document, plane, step });
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
        let Some(serve) = session.serves.pop_front() else {
            // Live entries were left out while the peer was slow.
            session.behind = false;
            self.want_round(now, device);
            return Ok(true);
        };
        if matches!(serve.what, What::Differing) {
            session.wanted.insert((serve.plane, serve.document));
            self.proceed(now, device);
            return Ok(true);
        }
        let (place, organisation) = ((serve.document, serve.plane), session.organisation);
        let declined = session.is_declined(place);
        // A right may have ended since the peer asked.
        let holding = organisation.filter(|_| !declined).and_then(|organisation| self.shared(place, &organisation, now));
        let mut ids = match (holding, serve.what) {
            (None, _) | (Some(_), What::Differing) => VecDeque::new(),
            (Some(holding), What::Whole) => holding.access().entries(serve.plane).collect(),
            (Some(_), What::These(ids)) => ids,
        };
        let batch: BTreeSet<EntryId> = ids.iter().take(SERVE_ENTRIES).copied().collect();
        if !batch.is_empty() {
            let entries = read_some(read, place, &batch)?;
            // Storage answers in the order of writing, as the list is: what was sent stands at its front.
            ids.drain(..entries.len().min(ids.len()));
            self.send_entries(device, serve.document, serve.plane, entries);
        }
        let Some(session) = self.sessions.get_mut(&device) else { return Ok(true) };
        let (document, plane) = place;
        match serve.why {
            why if !ids.is_empty() => session.serves.push_front(Serve { document, plane, what: What::These(ids), why }),
            Why::Unasked => {}
            Why::Asked { lacking } => self.queue(device, &Message::Served { document, plane, lacking }),
            Why::Needed => self.queue(device, &Message::Served { document, plane, lacking: Vec::new() }),
        }
        if self.sessions.get(&device).is_some_and(|session| session.serves.is_empty()) {
            // The round may have waited for this.
            self.proceed(now, device);
        }
        Ok(true)
    }
}

/// The first of some entries, as many as make a message.
fn read_some(read: &dyn Read, (document, _): Place, ids: &BTreeSet<EntryId>) -> Result<Vec<SignedEntry>, ReadError> {
    let mut entries: Vec<SignedEntry> = Vec::new();
    let mut bytes = 0_usize;
    for stored in read.entries(&document, ids)? {
        bytes = bytes.saturating_add(stored.entry.size());
        entries.push(stored.entry);
        if bytes >= limits::ENTRIES_BYTES {
            break;
        }
    }
    if entries.is_empty() {
        return Err(ReadError(format!("document {document}: entries are counted that are not stored")));
    }
    Ok(entries)
}
