//! Rounds of reconciliation, on the side that begins them: the device with the lower id.
//!
//! ```text
//!   begins                                  answers
//!   Reconcile ─────────────────────────────►        the sets of what both may hold,
//!             ◄───────────────────────────── Reconcile    step by step
//!   Have  (of what we hold otherwise) ─────►
//!             ◄──────────────── Entries… Served(lacking)
//!   Entries (of what they lack; all, if they have nothing) ►
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

use super::documents::Held;
use super::events::{Fault, Notice};
use super::machine::Machine;
use super::reconciliation::Asking;
use super::session::{Asked, Round, Serve, Session, What, Why};
use super::set::{self, Ids, Shown};
use crate::access::Sharing;
use crate::entry::Plane;
use crate::id::{DeviceId, EntryId, Hash, OrganisationId};
use crate::limits;
use crate::store::{Read, ReadError};
use crate::time::Timestamp;
use crate::wire::{Message, Place};
use std::collections::BTreeSet;

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

    /// Wants a round with every peer: what may be exchanged is something else than it was, because the clock was set.
    pub fn compare_again(&mut self, now: Timestamp) {
        for device in self.live() {
            self.want_round(now, device);
        }
    }

    /// Devices with which data is exchanged.
    pub(super) fn live(&self) -> Vec<DeviceId> {
        self.sessions.values().filter(|session| session.is_live()).map(|session| session.device).collect()
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
        if self.puts_off_round(now, &device) {
            return;
        }
        let shown = self.enter_round(now, device, &organisation);
        let members = shown.members();
        let (asking, first) = Asking::begin(shown);
        let Some(session) = self.sessions.get_mut(&device) else { return };
        session.round_due = false;
        session.progress = now;
        session.round = Round::Comparing { asking: Box::new(asking), members };
        self.queue(device, &Message::Reconcile(first));
    }

    /// Whether the first round with a device waits for that with another peer, which is bringing what this one would bring again.
    /// It does not wait long, nor for one that brings nothing.
    pub(super) fn puts_off_round(&mut self, now: Timestamp, device: &DeviceId) -> bool {
        let has_nothing = self.documents.iter().next().is_none();
        let mut others = self.sessions.values().filter(|session| session.device != *device);
        let is_brought = others.any(|session| session.is_bringing(now, has_nothing));
        let Some(session) = self.sessions.get_mut(device).filter(|session| !session.settled) else { return false };
        let since = *session.put_off.get_or_insert(now);
        let waits = is_brought && since <= now && now < since.plus_ms(limits::FIRST_ROUND_WAITS_MS);
        session.look_again = waits.then(|| now.plus_ms(limits::FIRST_ROUND_LOOKS_MS));
        waits
    }

    /// Whether a plane of a document is exchanged with an organisation: both may hold it, its owner answers for it or is
    /// one of the two, and it is not content that its owner had erased, that this node destroyed, or that came back from a
    /// backup and may have been erased since.
    pub(super) fn is_shared(&self, held: &Held, plane: Plane, organisation: &OrganisationId, now: Timestamp) -> bool {
        (plane == Plane::Control || (held.is_reconciled() && !held.refuses_content()))
            && self.may_share(held.sharing(), plane, organisation, now)
    }

    /// The same, as far as it is the same for all documents that are shared alike.
    fn may_share(&self, sharing: &Sharing, plane: Plane, organisation: &OrganisationId, now: Timestamp) -> bool {
        sharing.may_hold(organisation, plane, now)
            && sharing.may_hold(&self.organisation(), plane, now)
            && self.is_vouched_between(sharing, organisation)
    }

    /// The document of a place, if the place is exchanged with an organisation.
    pub(super) fn shared(&self, (document, plane): Place, organisation: &OrganisationId, now: Timestamp) -> Option<&Held> {
        self.document(&document).filter(|held| self.is_shared(held, plane, organisation, now))
    }

    /// Whether neither side leaves a place out of the sets that are compared.
    fn is_left_in(&self, place: Place, device: &DeviceId, organisation: &OrganisationId) -> bool {
        !self.declines(organisation, place) && self.sessions.get(device).is_some_and(|session| !session.is_declined(place))
    }

    /// Whether a place is in the set that is compared with a peer's.
    pub(super) fn is_compared(&self, place: Place, device: &DeviceId, organisation: &OrganisationId, now: Timestamp) -> bool {
        self.shared(place, organisation, now).is_some() && self.is_left_in(place, device, organisation)
    }

    /// The set that is compared with a peer's.
    fn shared_items(&mut self, device: &DeviceId, organisation: &OrganisationId, now: Timestamp) -> Shown {
        let members = self.documents.members();
        let declines = self.declines_any(organisation) || self.sessions.get(device).is_some_and(|session| !session.they_decline.is_empty());
        // Most documents are shared as others are: asking each who may hold it would take most of the time.
        let both = |sharing: &Sharing| Plane::ALL.map(|plane| self.may_share(sharing, plane, organisation, now));
        let verdicts = self.documents.sharings().verdicts(both);
        let left_in = |item: &Hash, place: u32| {
            let document = self.documents.at(place).map(Held::document);
            document.is_some_and(|document| self.is_left_in((document, set::plane_of(item)), device, organisation))
        };
        members.shown(|member| {
            let verdict = usize::try_from(member.sharing).ok().and_then(|number| verdicts.get(number));
            let may = verdict.is_some_and(|[control, content]| match set::plane_of(&member.item) {
                Plane::Control => *control,
                Plane::Content => *content,
            });
            may && (!declines || left_in(&member.item, member.place))
        })
    }

    /// Takes part in a round from now on: what is compared with a peer in it.
    pub(super) fn enter_round(&mut self, now: Timestamp, device: DeviceId, organisation: &OrganisationId) -> Shown {
        let shown = self.shared_items(&device, organisation, now);
        let silent = self.silent_among(&device, organisation, now);
        if let Some(session) = self.sessions.get_mut(&device) {
            session.content_due = false;
            session.silent = silent;
            session.round_began = Some(now);
        }
        shown
    }

    /// An answer to our step; or, empty, the wish for a round.
    pub(super) fn on_answer(&mut self, now: Timestamp, device: DeviceId, answer: &[u8], read: &dyn Read) -> Result<(), ReadError> {
        if answer.is_empty() {
            self.want_round(now, device);
            return Ok(());
        }
        let Some(session) = self.sessions.get_mut(&device) else { return Ok(()) };
        let Round::Comparing { asking, members } = &mut session.round else {
            self.fault_and_end(device, Fault::OutOfTurn("a step of reconciliation"));
            return Ok(());
        };
        session.progress = now;
        match asking.take(answer) {
            Err(_) => self.fault_and_end(device, Fault::Step),
            Ok(Some(next)) => self.queue(device, &Message::Reconcile(next)),
            Ok(None) => {
                let place = |item: &[u8; 32]| self.documents.place_of(members, &Hash::new(*item));
                let ours = asking.ours.iter().filter_map(place).map(|(document, plane)| (plane, document));
                // A peer that has nothing need not be asked what it lacks. One that says so again was sent all of it, or tried to.
                if asking.is_alone() && !session.settled {
                    session.unknown = ours.collect();
                } else {
                    session.wanted.extend(ours);
                }
                // Content of ours that is silent was not compared: the round after this one finds what is missing of it.
                let whole = session.silent.is_empty();
                let needs = asking.theirs.iter().map(|item| Hash::new(*item));
                let needs = needs.filter(|item| whole || set::plane_of(item) == Plane::Control).collect();
                // Of a comparison that was cut short the next round finds the rest, if this one brings something.
                session.lost |= asking.is_cut_short();
                session.round = Round::Exchanging { needs, asked: None };
                self.proceed(now, device, read)?;
            }
        }
        Ok(())
    }

    /// Asks for the next planes of documents; when there are none left, ends the round.
    pub(super) fn proceed(&mut self, now: Timestamp, device: DeviceId, read: &dyn Read) -> Result<(), ReadError> {
        loop {
            let Some(session) = self.sessions.get_mut(&device) else { return Ok(()) };
            let Some(organisation) = session.organisation else { return Ok(()) };
            session.serve_unknown();
            if session.asks_enough() {
                return Ok(());
            }
            match session.wanted.first().copied() {
                Some((Plane::Content, _)) if session.is_busy_with_control() => return Ok(()),
                // What only they have of control may be about the same documents.
                Some((Plane::Content, _)) if session.needs_control() => {}
                Some(slot @ (plane, document)) => {
                    session.wanted.remove(&slot);
                    if !session.open.contains_key(&slot) {
                        session.progress = now;
                        self.ask(now, device, organisation, (document, plane), read)?;
                    }
                    continue;
                }
                None => {}
            }
            if !self.ask_for_needs(device) {
                self.settle_round(now, device);
            }
            return Ok(());
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
    fn ask(
        &mut self,
        now: Timestamp,
        device: DeviceId,
        organisation: OrganisationId,
        place @ (document, plane): Place,
        read: &dyn Read,
    ) -> Result<(), ReadError> {
        // The other side's refusals may have come after our set was made.
        if !self.is_left_in(place, &device, &organisation) {
            return Ok(());
        }
        // To one that may not hold it, we seem to have nothing.
        let is_shared = self.shared(place, &organisation, now).is_some();
        let ours: BTreeSet<EntryId> = if is_shared { self.documents.ids(place, read)?.into_iter().collect() } else { BTreeSet::new() };
        let (asked, message) = if ours.len() <= limits::HAVE_IDS {
            (Asked { answers: 1, probe: None }, Message::Have { document, plane, ids: ours.into_iter().collect() })
        } else {
            let (asking, step) = Asking::begin(Ids::new(ours.iter().map(|id| *id.as_bytes())));
            (Asked { answers: 0, probe: Some(Box::new(asking)) }, Message::Probe { document, plane, step })
        };
        if let Some(session) = self.sessions.get_mut(&device) {
            session.open.insert((plane, document), asked);
            self.queue(device, &message);
        }
        Ok(())
    }

    /// Entries came whose past did not: asks for the planes they are missing from.
    pub(super) fn ask_for_past(
        &mut self,
        now: Timestamp,
        device: DeviceId,
        (document, plane): Place,
        read: &dyn Read,
    ) -> Result<(), ReadError> {
        let Some(session) = self.sessions.get_mut(&device) else { return Ok(()) };
        // Before the first round is over everything that differs is asked for anyway.
        if !session.settled {
            session.lost = true;
            session.past_due = true;
            return Ok(());
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
        self.proceed(now, device, read)
    }

    pub(super) fn on_offer(&mut self, now: Timestamp, device: DeviceId, places: Vec<Place>, read: &dyn Read) -> Result<(), ReadError> {
        let Some(session) = self.sessions.get_mut(&device) else { return Ok(()) };
        let asked = match &mut session.round {
            Round::Exchanging { asked, .. } => asked.take(),
            Round::Idle | Round::Comparing { .. } => None,
        };
        let Some((plane, most)) = asked else {
            self.fault_and_end(device, Fault::OutOfTurn("an offer"));
            return Ok(());
        };
        if places.len() > most || places.iter().any(|(_, of)| *of != plane) {
            self.fault_and_end(device, Fault::TooMuch("documents"));
            return Ok(());
        }
        session.progress = now;
        for (document, plane) in places {
            session.wanted.remove(&(plane, document));
            // It may be asked for already: the request and the offer crossed.
            let asked = session.open.entry((plane, document)).or_default();
            asked.answers = asked.answers.saturating_add(1);
        }
        self.proceed(now, device, read)
    }

    /// All that was asked for of a place has come.
    pub(super) fn on_served(
        &mut self,
        now: Timestamp,
        device: DeviceId,
        place @ (document, plane): Place,
        lacking: Vec<EntryId>,
        read: &dyn Read,
    ) -> Result<(), ReadError> {
        let Some(session) = self.sessions.get_mut(&device) else { return Ok(()) };
        session.progress = now;
        let slot = (plane, document);
        let Some(asked) = session.open.get_mut(&slot).filter(|asked| asked.answers > 0) else {
            self.fault_and_end(device, Fault::OutOfTurn("the end of an answer"));
            return Ok(());
        };
        asked.answers = asked.answers.saturating_sub(1);
        session.hears_elsewhere &= lacking.is_empty();
        if asked.answers == 0 && asked.probe.is_none() {
            session.open.remove(&slot);
        }
        self.send_lacking(now, device, place, lacking.into_iter().collect(), read)?;
        self.proceed(now, device, read)?;
        self.note_in_sync(now, device);
        Ok(())
    }

    /// Sends entries that the peer turned out to lack, as far as it may hold them.
    fn send_lacking(
        &mut self,
        now: Timestamp,
        device: DeviceId,
        place @ (document, plane): Place,
        lacking: BTreeSet<EntryId>,
        read: &dyn Read,
    ) -> Result<(), ReadError> {
        let Some(organisation) = self.sessions.get(&device).and_then(|session| session.organisation) else { return Ok(()) };
        if lacking.is_empty() || self.shared(place, &organisation, now).is_none() {
            return Ok(());
        }
        let ids = self.documents.ids(place, read)?.into_iter().filter(|id| lacking.contains(id)).collect();
        if let Some(session) = self.sessions.get_mut(&device).filter(|session| !session.is_declined(place)) {
            session.serves.push_back(Serve { document, plane, what: What::These(ids), why: Why::Unasked });
        }
        Ok(())
    }

    /// The answer to a step of comparing the entries of a plane.
    pub(super) fn on_probed(
        &mut self,
        now: Timestamp,
        device: DeviceId,
        place @ (document, plane): Place,
        step: &[u8],
        read: &dyn Read,
    ) -> Result<(), ReadError> {
        let Some(session) = self.sessions.get_mut(&device) else { return Ok(()) };
        session.progress = now;
        let Some(asked) = session.open.get_mut(&(plane, document)) else {
            self.fault_and_end(device, Fault::OutOfTurn("the answer to a probe"));
            return Ok(());
        };
        let Some(asking) = asked.probe.as_mut() else {
            self.fault_and_end(device, Fault::OutOfTurn("the answer to a probe"));
            return Ok(());
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
                self.send_lacking(now, device, place, ours, read)?;
                self.proceed(now, device, read)?;
            }
        }
        Ok(())
    }

    /// Ends the round if nothing of it is left, neither to come nor to be sent.
    fn settle_round(&mut self, now: Timestamp, device: DeviceId) {
        let Some(session) = self.sessions.get_mut(&device) else { return };
        let exchanged = session.open.is_empty() && session.wanted.is_empty() && session.serves.is_empty() && session.unknown.is_empty();
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
        self.note_told(device);
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
