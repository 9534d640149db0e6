//! Rounds of reconciliation, on the side that begins them: the device with the lower id.
//!
//! ```text
//!   begins                                  answers
//!   Reconcile ─────────────────────────────►        the sets of what both may hold,
//!             ◄───────────────────────────── Reconcile    step by step
//!   Have  (of what we hold otherwise) ─────►
//!             ◄──────────────── Entries… Served(lacking)
//!   Entries (of what they lack) ───────────►
//!   Need  (of what only they have) ────────►
//!             ◄──────── Offer  Entries… Served  Entries… Served  …
//!   Settled ───────────────────────────────►
//! ```
//!
//! All of control comes before any content, because only control says who may have content. What a
//! step of control newly entitles the other side to is pushed whole by `exchange`; so one comparison
//! covers both planes. Live entries go on meanwhile. A round costs O(log n + differences) on the
//! wire; rounds begin at most every [`limits::ROUND_EVERY_MS`], and steps, needs and requests under
//! way are bounded, so that a peer that lies can end a round early but not keep one going.

use super::events::{Fault, Notice};
use super::holding::Holding;
use super::machine::Machine;
use super::session::{Asked, Round, Serve, Session, What, Why};
use super::set::{self, Asking};
use crate::entry::Plane;
use crate::id::{DeviceId, DocumentId, EntryId, Hash, OrganisationId};
use crate::limits;
use crate::time::Timestamp;
use crate::wire::{Message, Place};
use std::collections::{BTreeMap, BTreeSet};

impl Machine {
    /// Whether this side begins the rounds with a device.
    fn begins_rounds(&self, device: &DeviceId) -> bool {
        self.card.card().device < *device
    }

    /// Both sides confirmed: data moves from here on.
    pub(super) fn begin_exchange(&mut self, now: Timestamp, device: DeviceId) {
        self.send_older_cards(device);
        self.send_declines(device);
        if self.begins_rounds(&device) {
            self.want_round(now, device);
        }
    }

    /// Wants a round, and begins it if it may.
    pub(super) fn want_round(&mut self, now: Timestamp, device: DeviceId) {
        self.note_round(device);
        self.begin_due_round(now, device);
    }

    /// Notes that a round is wanted: it begins at the next tick, or the other side is asked for it.
    pub(super) fn note_round(&mut self, device: DeviceId) {
        let begins = self.begins_rounds(&device);
        let Some(session) = self.sessions.get_mut(&device).filter(|session| session.is_live()) else { return };
        if begins {
            session.round_due = true;
        } else if !std::mem::replace(&mut session.round_asked, true) {
            self.queue(device, &Message::Reconcile(Vec::new()));
        }
    }

    /// Begins a round if one is wanted, none is under way and the last is long enough ago.
    pub(super) fn begin_due_round(&mut self, now: Timestamp, device: DeviceId) {
        if !self.begins_rounds(&device) {
            return;
        }
        let idle = |session: &&Session| session.round_due && matches!(session.round, Round::Idle) && !session.is_early(now);
        let Some(organisation) = self.sessions.get(&device).filter(idle).and_then(|session| session.organisation) else { return };
        let items = self.shared_items(&device, &organisation, now);
        // Only a set with a member twice is refused, and this one has its members as keys.
        let Ok((asking, first)) = Asking::begin(items.keys().map(|item| *item.as_bytes())) else { return };
        let silent = self.silent_among(items.values());
        let Some(session) = self.sessions.get_mut(&device) else { return };
        session.round_due = false;
        session.content_due = false;
        session.silent = silent;
        session.round_began = Some(now);
        session.progress = now;
        session.round = Round::Comparing { asking: Box::new(asking), items };
        self.queue(device, &Message::Reconcile(first));
    }

    /// Whether a plane of a document is exchanged with an organisation: both may hold it, its owner answers for it or is
    /// one of the two, and it is not content that its owner had erased, that this node destroyed, or that came back from a
    /// backup and may have been erased since.
    pub(super) fn is_shared(&self, holding: &Holding, plane: Plane, organisation: &OrganisationId, now: Timestamp) -> bool {
        let access = holding.access();
        holding.is_written()
            && access.may_hold(organisation, plane, now)
            && access.may_hold(&self.organisation(), plane, now)
            && (plane == Plane::Control || (holding.is_reconciled() && !holding.refuses_content()))
            && self.is_vouched_between(holding, organisation)
    }

    /// The document of a place, if the place is exchanged with an organisation.
    pub(super) fn shared(&self, (document, plane): Place, organisation: &OrganisationId, now: Timestamp) -> Option<&Holding> {
        self.document(&document).filter(|holding| self.is_shared(holding, plane, organisation, now))
    }

    /// The set that is compared with a peer's, and what its items stand for.
    pub(super) fn shared_items(&self, device: &DeviceId, organisation: &OrganisationId, now: Timestamp) -> BTreeMap<Hash, Place> {
        let mut items = BTreeMap::new();
        let Some(session) = self.sessions.get(device) else { return items };
        for (document, holding) in self.documents() {
            for plane in Plane::ALL {
                let place = (*document, plane);
                let left_out = session.is_declined(place) || self.declines(organisation, place);
                if !left_out && holding.access().heads(plane).next().is_some() && self.is_shared(holding, plane, organisation, now) {
                    items.insert(set::item(document, plane, &holding.access().version(plane)), place);
                }
            }
        }
        items
    }

    /// An answer to our step; or, empty, the wish for a round.
    pub(super) fn on_answer(&mut self, now: Timestamp, device: DeviceId, answer: &[u8]) {
        if answer.is_empty() {
            return self.want_round(now, device);
        }
        let Some(session) = self.sessions.get_mut(&device) else { return };
        let Round::Comparing { asking, items } = &mut session.round else {
            return self.fault_and_end(device, Fault::OutOfTurn("a step of reconciliation"));
        };
        session.progress = now;
        match asking.take(answer) {
            Err(_) => self.fault_and_end(device, Fault::Step),
            Ok(Some(next)) => self.queue(device, &Message::Reconcile(next)),
            Ok(None) => {
                let ours = asking.ours.iter().filter_map(|item| items.get(&Hash::new(*item)));
                session.wanted.extend(ours.map(|(document, plane)| (*plane, *document)));
                // Content of ours that is silent was not compared: the round after this one finds what is missing of it.
                let whole = session.silent.is_empty();
                let needs = asking.theirs.iter().map(|item| Hash::new(*item));
                let needs = needs.filter(|item| whole || set::plane_of(item) == Plane::Control).collect();
                // Of a comparison that was cut short the next round finds the rest, if this one brings something.
                session.lost |= asking.is_cut_short();
                session.round = Round::Exchanging { needs, asked: None };
                self.proceed(now, device);
            }
        }
    }

    /// Asks for the next planes of documents; when there are none left, ends the round.
    pub(super) fn proceed(&mut self, now: Timestamp, device: DeviceId) {
        loop {
            let Some(session) = self.sessions.get_mut(&device) else { return };
            let Some(organisation) = session.organisation else { return };
            if session.asks_enough() {
                return;
            }
            match session.wanted.first().copied() {
                Some((Plane::Content, _)) if session.is_busy_with_control() => return,
                // What only they have of control may be about the same documents.
                Some((Plane::Content, _)) if session.needs_control() => {}
                Some(slot @ (plane, document)) => {
                    session.wanted.remove(&slot);
                    if !session.open.contains_key(&slot) {
                        session.progress = now;
                        self.ask(now, device, organisation, (document, plane));
                    }
                    continue;
                }
                None => {}
            }
            if !self.ask_for_needs(device) {
                self.settle_round(now, device);
            }
            return;
        }
    }

    /// Whether items of the other's set are, or were just, asked for.
    fn ask_for_needs(&mut self, device: DeviceId) -> bool {
        let Some(session) = self.sessions.get_mut(&device) else { return false };
        let busy = session.is_busy_with_control();
        let Round::Exchanging { needs, asked } = &mut session.round else { return false };
        if asked.is_some() {
            return true;
        }
        let Some(plane) = needs.first().map(set::plane_of) else { return false };
        if plane == Plane::Content && busy {
            return true;
        }
        let items: Vec<Hash> = needs.iter().take_while(|item| set::plane_of(item) == plane).take(limits::NEEDS).copied().collect();
        for item in &items {
            needs.remove(item);
        }
        *asked = Some((plane, items.len()));
        self.queue(device, &Message::Need(items));
        true
    }

    /// Asks for what we lack of a plane, saying what we have.
    fn ask(&mut self, now: Timestamp, device: DeviceId, organisation: OrganisationId, place @ (document, plane): Place) {
        // The other side's refusals may have come after our set was made.
        if self.declines(&organisation, place) || self.sessions.get(&device).is_some_and(|session| session.is_declined(place)) {
            return;
        }
        // To one that may not hold it, we seem to have nothing.
        let ours: BTreeSet<EntryId> =
            self.shared(place, &organisation, now).map(|holding| holding.access().entries(plane).collect()).unwrap_or_default();
        let (asked, message) = if ours.len() <= limits::HAVE_IDS {
            (Asked { answers: 1, probe: None }, Message::Have { document, plane, ids: ours.into_iter().collect() })
        } else {
            // Ids are members once.
            let Ok((asking, step)) = Asking::begin(ours.iter().map(|id| *id.as_bytes())) else { return };
            (Asked { answers: 0, probe: Some(Box::new(asking)) }, Message::Probe { document, plane, step })
        };
        if let Some(session) = self.sessions.get_mut(&device) {
            session.open.insert((plane, document), asked);
            self.queue(device, &message);
        }
    }

    /// Entries came whose past did not: asks for the planes they are missing from.
    pub(super) fn ask_for_past(&mut self, now: Timestamp, device: DeviceId, document: DocumentId, plane: Plane) {
        let Some(session) = self.sessions.get_mut(&device) else { return };
        // Before the first round is over everything that differs is asked for anyway.
        if !session.settled {
            session.lost = true;
            session.past_due = true;
            return;
        }
        let planes: &[Plane] = match plane {
            Plane::Control => &[Plane::Control],
            Plane::Content => &Plane::ALL,
        };
        for plane in planes {
            if !session.open.contains_key(&(*plane, document)) {
                session.wanted.insert((*plane, document));
            }
        }
        self.proceed(now, device);
    }

    pub(super) fn on_offer(&mut self, now: Timestamp, device: DeviceId, places: Vec<Place>) {
        let Some(session) = self.sessions.get_mut(&device) else { return };
        let Round::Exchanging { asked, .. } = &mut session.round else {
            return self.fault_and_end(device, Fault::OutOfTurn("an offer"));
        };
        let Some((plane, most)) = asked.take() else {
            return self.fault_and_end(device, Fault::OutOfTurn("an offer"));
        };
        if places.len() > most || places.iter().any(|(_, of)| *of != plane) {
            return self.fault_and_end(device, Fault::TooMuch("documents"));
        }
        session.progress = now;
        for (document, plane) in places {
            session.wanted.remove(&(plane, document));
            // It may be asked for already: the request and the offer crossed.
            let asked = session.open.entry((plane, document)).or_default();
            asked.answers = asked.answers.saturating_add(1);
        }
        self.proceed(now, device);
    }

    /// All that was asked for of a place has come.
    pub(super) fn on_served(&mut self, now: Timestamp, device: DeviceId, place @ (document, plane): Place, lacking: Vec<EntryId>) {
        let Some(session) = self.sessions.get_mut(&device) else { return };
        session.progress = now;
        let slot = (plane, document);
        let Some(asked) = session.open.get_mut(&slot).filter(|asked| asked.answers > 0) else {
            return self.fault_and_end(device, Fault::OutOfTurn("the end of an answer"));
        };
        asked.answers = asked.answers.saturating_sub(1);
        if asked.answers == 0 && asked.probe.is_none() {
            session.open.remove(&slot);
        }
        self.send_lacking(now, device, place, lacking.into_iter().collect());
        self.proceed(now, device);
        self.note_in_sync(now, device);
    }

    /// Sends entries that the peer turned out to lack, as far as it may hold them.
    fn send_lacking(&mut self, now: Timestamp, device: DeviceId, place @ (document, plane): Place, lacking: BTreeSet<EntryId>) {
        let Some(organisation) = self.sessions.get(&device).and_then(|session| session.organisation) else { return };
        let Some(holding) = self.shared(place, &organisation, now) else { return };
        if lacking.is_empty() {
            return;
        }
        let ids = holding.access().entries(plane).filter(|id| lacking.contains(id)).collect();
        let Some(session) = self.sessions.get_mut(&device) else { return };
        if !session.is_declined(place) {
            session.serves.push_back(Serve { document, plane, what: What::These(ids), why: Why::Unasked });
        }
    }

    /// The answer to a step of comparing the entries of a plane.
    pub(super) fn on_probed(&mut self, now: Timestamp, device: DeviceId, place @ (document, plane): Place, step: &[u8]) {
        let Some(session) = self.sessions.get_mut(&device) else { return };
        session.progress = now;
        let slot = (plane, document);
        let Some(asked) = session.open.get_mut(&slot) else {
            return self.fault_and_end(device, Fault::OutOfTurn("the answer to a probe"));
        };
        let Some(asking) = asked.probe.as_mut() else {
            return self.fault_and_end(device, Fault::OutOfTurn("the answer to a probe"));
        };
        match asking.take(step) {
            Err(_) => self.fault_and_end(device, Fault::Step),
            Ok(Some(step)) => self.queue(device, &Message::Probe { document, plane, step }),
            Ok(None) => {
                let ours: BTreeSet<EntryId> = asking.ours.iter().map(|id| EntryId::new(*id)).collect();
                let theirs: BTreeSet<EntryId> = asking.theirs.iter().map(|id| EntryId::new(*id)).collect();
                session.lost |= asking.is_cut_short() || theirs.len() > limits::MESSAGE_IDS;
                asked.probe = None;
                asked.answers = asked.answers.saturating_add(1);
                let ids = theirs.into_iter().take(limits::MESSAGE_IDS).collect();
                self.queue(device, &Message::Want { document, plane, ids });
                self.send_lacking(now, device, place, ours);
                self.proceed(now, device);
            }
        }
    }

    /// Ends the round if nothing of it is left, neither to come nor to be sent.
    fn settle_round(&mut self, now: Timestamp, device: DeviceId) {
        let Some(session) = self.sessions.get_mut(&device) else { return };
        let exchanged = session.open.is_empty() && session.wanted.is_empty() && session.serves.is_empty();
        if !matches!(session.round, Round::Exchanging { .. }) || !exchanged {
            return;
        }
        session.round = Round::Idle;
        self.queue(device, &Message::Settled);
        self.round_over(now, device);
        self.begin_due_round(now, device);
    }

    /// A round is over, on either side.
    pub(super) fn round_over(&mut self, now: Timestamp, device: DeviceId) {
        let Some(session) = self.sessions.get_mut(&device) else { return };
        session.settled = true;
        let past_due = std::mem::take(&mut session.past_due);
        let silent = std::mem::take(&mut session.silent);
        let lost = std::mem::take(&mut session.lost);
        let gained = std::mem::take(&mut session.gained);
        // What was forgotten comes with another round: if there is more room since, if content was left out of this one because
        // of silent documents, or if entries came before their past, which is not asked for in the first round.
        session.unfinished = lost && (gained || past_due || !silent.is_empty());
        let unfinished = session.unfinished;
        if !lost {
            // What was forgotten for lack of room may have been about these.
            self.end_silence(silent);
        }
        let Some(session) = self.sessions.get_mut(&device) else { return };
        session.compared = !lost;
        self.note_in_sync(now, device);
        if unfinished {
            self.want_round(now, device);
        }
    }

    /// Says that this side has everything the peer offered, once after each round that left nothing out: at its end, or when
    /// what is asked for by then has come.
    fn note_in_sync(&mut self, now: Timestamp, device: DeviceId) {
        let Some(session) = self.sessions.get_mut(&device) else { return };
        if !session.is_in_sync() || !std::mem::take(&mut session.compared) {
            return;
        }
        if session.lost {
            self.want_round(now, device);
        } else if let Some(organisation) = session.organisation {
            self.notice(Notice::InSync(organisation));
        }
    }
}

impl Session {
    /// Whether items of control are left to be asked for.
    fn needs_control(&self) -> bool {
        match &self.round {
            Round::Exchanging { needs, .. } => needs.first().is_some_and(|item| set::plane_of(item) == Plane::Control),
            Round::Idle | Round::Comparing { .. } => false,
        }
    }
}
