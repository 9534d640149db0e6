//! Answering: a peer's steps of comparison, and its requests for entries.
//!
//! A peer learns nothing of what it may not hold, not even that there is such a document: whatever it
//! asks, a document that is not exchanged with it is answered as one that does not exist.

use super::events::Fault;
use super::machine::Machine;
use super::reconciliation::Answering;
use super::session::{Answer, Serve, Session, What, Why};
use super::set::Ids;
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
    pub(super) fn on_reconcile(
        &mut self,
        now: Timestamp,
        device: DeviceId,
        organisation: OrganisationId,
        step: Vec<u8>,
        read: &dyn Read,
    ) -> Result<(), ReadError> {
        if self.card.card().device < device {
            return self.on_answer(now, device, &step, read);
        }
        self.on_step(now, device, organisation, step);
        Ok(())
    }

    /// A step of reconciliation, on the side that answers.
    fn on_step(&mut self, now: Timestamp, device: DeviceId, organisation: OrganisationId, step: Vec<u8>) {
        if step.is_empty() {
            return self.fault_and_end(device, Fault::OutOfTurn("a wish for a round"));
        }
        let Some(session) = self.sessions.get(&device) else { return };
        // A round costs us a look at every document: the peer does not say how often.
        let is_early = session.answer.is_none() && (session.is_early(now) || self.puts_off_round(now, &device));
        let Some(session) = self.sessions.get_mut(&device) else { return };
        session.progress = now;
        if session.answer.is_none() {
            if session.early.is_some() {
                return self.fault_and_end(device, Fault::OutOfTurn("a step of reconciliation"));
            }
            if is_early {
                session.early = Some(step);
                return;
            }
            session.round_asked = false;
            let shown = self.enter_round(now, device, &organisation);
            let members = shown.members();
            let Some(session) = self.sessions.get_mut(&device) else { return };
            session.answer = Some(Box::new(Answer { answering: Answering::begin(shown), members, had: BTreeSet::new() }));
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
            self.on_step(now, device, organisation, step);
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
        read: &dyn Read,
    ) -> Result<(), ReadError> {
        let shown = ids.clone();
        let mut theirs: BTreeSet<EntryId> = ids.into_iter().collect();
        let (missing, lacking) = if self.shared(place, &organisation, now).is_some() {
            let mut missing = self.documents.ids(place, read)?;
            missing.retain(|id| !theirs.remove(id));
            (missing.into(), theirs.into_iter().collect())
        } else if self.is_silent(place, &organisation, now) {
            // It lacks nothing before it was compared.
            (VecDeque::new(), Vec::new())
        } else {
            // As if there were no such document.
            (VecDeque::new(), theirs.into_iter().collect())
        };
        let lacking = if self.declines(&organisation, place) { Vec::new() } else { lacking };
        if let Some(session) = self.sessions.get_mut(&device) {
            session.has((plane, document), shown.into_iter());
            // The answer is all that it lacks.
            session.unknown.remove(&(plane, document));
            if let Some(answer) = session.answer.as_mut() {
                answer.had.insert(place);
            }
        }
        self.serve(device, Serve { document, plane, what: What::These(missing), why: Why::Asked { lacking } });
        Ok(())
    }

    /// A peer asks for exactly these, after a probe.
    pub(super) fn on_want(
        &mut self,
        now: Timestamp,
        device: DeviceId,
        organisation: OrganisationId,
        place @ (document, plane): Place,
        ids: Vec<EntryId>,
        read: &dyn Read,
    ) -> Result<(), ReadError> {
        let wanted: BTreeSet<EntryId> = ids.into_iter().collect();
        let mut ids = Vec::new();
        if self.shared(place, &organisation, now).is_some() {
            ids = self.documents.ids(place, read)?;
            ids.retain(|id| wanted.contains(id));
        }
        if let Some(session) = self.sessions.get_mut(&device) {
            session.probed = None;
        }
        self.serve(device, Serve { document, plane, what: What::These(ids.into()), why: Why::Asked { lacking: Vec::new() } });
        Ok(())
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
        let known = items.iter().filter_map(|item| self.documents.place_of(&answer.members, item));
        let known = known.filter(|place| !answer.had.contains(place) && !session.is_declined(*place));
        let places: BTreeSet<Place> = known.filter(|place| self.shared(*place, &organisation, now).is_some()).collect();
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
    pub(super) fn on_probe(
        &mut self,
        now: Timestamp,
        device: DeviceId,
        organisation: OrganisationId,
        place @ (document, plane): Place,
        step: &[u8],
        read: &dyn Read,
    ) -> Result<(), ReadError> {
        let probed = self.sessions.get_mut(&device).and_then(|session| session.probed.take()).filter(|(of, _)| *of == place);
        let mut answering = match probed {
            Some((_, answering)) => answering,
            None => {
                let is_compared = self.shared(place, &organisation, now).is_some() || self.is_silent(place, &organisation, now);
                let members = if is_compared { self.documents.ids(place, read)? } else { Vec::new() };
                Box::new(Answering::begin(Ids::new(members.iter().map(|id| *id.as_bytes()))))
            }
        };
        let Ok(step) = answering.answer(step) else {
            self.fault_and_end(device, Fault::Step);
            return Ok(());
        };
        let Some(session) = self.sessions.get_mut(&device) else { return Ok(()) };
        session.progress = now;
        session.probed = Some((place, answering));
        if let Some(answer) = &mut session.answer {
            answer.had.insert(place);
        }
        self.queue(device, &Message::Probed { document, plane, step });
        Ok(())
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
            self.proceed(now, device, read)?;
            return Ok(true);
        }
        let (place, organisation) = ((serve.document, serve.plane), session.organisation);
        let declined = session.is_declined(place);
        // A right may have ended since the peer asked.
        let is_shared = organisation.is_some_and(|organisation| !declined && self.shared(place, &organisation, now).is_some());
        let mut ids = VecDeque::new();
        match serve.what {
            What::Whole if is_shared => {
                let (stored, is_more) = read.beginning(&serve.document, serve.plane, limits::ENTRIES_BYTES)?;
                if is_more {
                    ids = self.documents.ids(place, read)?.into();
                    ids.drain(..stored.len().min(ids.len()));
                }
                let entries = stored.into_iter().map(|stored| stored.entry).collect();
                self.send_entries(device, serve.document, serve.plane, entries);
            }
            What::These(these) if is_shared && !these.is_empty() => {
                ids = these;
                let batch: BTreeSet<EntryId> = ids.iter().take(SERVE_ENTRIES).copied().collect();
                let entries = read_some(read, place, &batch)?;
                // Storage answers in the order of writing, as the list is: what was sent stands at its front.
                ids.drain(..entries.len().min(ids.len()));
                self.send_entries(device, serve.document, serve.plane, entries);
            }
            What::Whole | What::These(_) | What::Differing => {}
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
            self.proceed(now, device, read)?;
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
