//! What a node remembers of one connected peer.

use super::reconciliation::{Answering, Asking};
use super::set::{Ids, Members, Shown};
use crate::entry::{Author, Plane};
use crate::id::{DeviceId, DocumentId, EntryId, Hash, OrganisationId};
use crate::identity::{CardId, SignedCard};
use crate::limits;
use crate::time::Timestamp;
use crate::wire::Place;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nobody we know; must show an invitation by then.
    Stranger { until: Timestamp },
    /// We showed a ticket's secret and wait for the answer.
    Joining,
    /// Known, but a confirmation is missing, or its Hello.
    Greeting,
    /// Both confirmed: data moves.
    Live,
}

/// One plane of a document, control before content.
pub(super) type Slot = (Plane, DocumentId);

/// Why entries are being sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The peer may hold them since just now, or turned out to lack them.
    Unasked,
    /// The peer said what it has, and which of that we lack.
    Asked { lacking: Vec<EntryId> },
    /// The peer needs the whole plane, as the comparison of a round showed.
    Needed,
}

/// Which entries are being sent, in causal order.
#[derive(Debug)]
pub(super) enum What {
    /// All of the plane, as it is when their turn comes.
    Whole,
    /// Those left of a list.
    These(VecDeque<EntryId>),
    /// What turns out to be missing on either side: asked for when their turn comes.
    Differing,
}

/// Entries of one plane of a document on their way to the peer.
#[derive(Debug)]
pub(super) struct Serve {
    pub(super) document: DocumentId,
    pub(super) plane: Plane,
    pub(super) what: What,
    pub(super) why: Why,
}

/// Entries of a plane that are to be offered to the peer, unless it shows that it has them.
#[derive(Debug)]
struct Later {
    due: Timestamp,
    /// Which they are; none if they are too many to be remembered one by one: then the place is offered in any case.
    ids: Option<BTreeSet<EntryId>>,
}

/// What this side asked for of one plane of a document.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// So many answers are to come, each ending with Served.
    pub(super) answers: u32,
    /// Which entries differ is being found out.
    pub(super) probe: Option<Box<Asking<Ids>>>,
}

/// The round of reconciliation, on the side that begins rounds.
#[derive(Debug)]
pub(super) enum Round {
    /// None is under way.
    Idle,
    /// The sets are being compared.
    Comparing {
        asking: Box<Asking<Shown>>,
        /// What our items stand for.
        members: Rc<Members>,
    },
    /// What differs is being exchanged.
    Exchanging {
        /// Items of the peer that we lack and have not asked for.
        needs: BTreeSet<Hash>,
        /// Plane and number of those asked for, until it says what they are.
        asked: Option<(Plane, usize)>,
    },
}

/// The round of reconciliation, on the side that answers.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) answering: Answering<Shown>,
    /// What our items stand for.
    pub(super) members: Rc<Members>,
    /// What the peer asked for by saying what it has.
    pub(super) had: BTreeSet<Place>,
}

/// A frame that waits to be sent.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) frame: Vec<u8>,
    /// What entries it holds: where, and how many.
    pub(super) entries: Option<(Place, usize)>,
}

/// One peer's session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) device: DeviceId,
    pub(super) organisation: Option<OrganisationId>,
    pub(super) phase: Phase,
    /// Whether its Hello came.
    pub(super) greeted: bool,
    pub(super) they_confirmed: bool,
    /// Which record of our addresses our Hello held.
    pub(super) told: Option<u64>,
    outbox: VecDeque<Waiting>,
    outbox_bytes: usize,
    /// The lengths of frames under way, in order.
    in_flight: VecDeque<usize>,
    in_flight_bytes: usize,
    pub(super) sent_cards: BTreeSet<CardId>,
    /// Cards of its that there was no room for; an entry may need one.
    spare_cards: VecDeque<SignedCard>,
    pub(super) serves: VecDeque<Serve>,
    /// What is still to be asked for, control first.
    pub(super) wanted: BTreeSet<Slot>,
    /// Planes of documents still to be sent to a peer that the round under way showed to have nothing, control first.
    pub(super) unknown: BTreeSet<Slot>,
    /// It brought what this node knew already: it hears from elsewhere what others say, and need not be told at once.
    pub(super) hears_elsewhere: bool,
    /// What is to be offered.
    later: BTreeMap<Slot, Later>,
    /// What was asked for.
    pub(super) open: BTreeMap<Slot, Asked>,
    pub(super) round: Round,
    pub(super) answer: Option<Box<Answer>>,
    /// The plane that the peer probes.
    pub(super) probed: Option<(Place, Box<Answering<Ids>>)>,
    /// A first step that came sooner after the last round than it may, until its time.
    pub(super) early: Option<Vec<u8>>,
    /// When the last round began.
    pub(super) round_began: Option<Timestamp>,
    /// Another round is wanted, on the side that begins them.
    pub(super) round_due: bool,
    /// The other side was asked to begin one, and has not yet.
    pub(super) round_asked: bool,
    /// The first round is over.
    pub(super) settled: bool,
    /// Since when the first round waits for that of another session.
    pub(super) put_off: Option<Timestamp>,
    /// When it is looked again whether it still has to.
    pub(super) look_again: Option<Timestamp>,
    /// Something the peer sent was forgotten for lack of room, since the last round.
    pub(super) lost: bool,
    /// Entries came in the first round before what they build on.
    pub(super) past_due: bool,
    /// Something it sent was taken, since the last round.
    pub(super) gained: bool,
    /// The last round left something out that the next one brings.
    pub(super) unfinished: bool,
    /// The last round left nothing out, and that the two are in sync was not said since.
    pub(super) compared: bool,
    /// Documents that are silent until the round under way is over, which compares who may do what in them.
    pub(super) silent: BTreeSet<DocumentId>,
    /// Content may be exchanged since now that no round compared.
    pub(super) content_due: bool,
    /// Documents of its that nobody answers for and for which there is no room.
    pub(super) left_aside: BTreeSet<DocumentId>,
    /// What it will not take.
    pub(super) they_decline: BTreeSet<Place>,
    /// Live entries were left out; a new round makes good for them.
    pub(super) behind: bool,
    pub(super) faults: u32,
    /// When the peer last got on with what we asked for.
    pub(super) progress: Timestamp,
}

impl Session {
    pub(super) fn new(device: DeviceId, organisation: Option<OrganisationId>, phase: Phase, now: Timestamp) -> Self {
        Self {
            device,
            organisation,
            phase,
            greeted: false,
            they_confirmed: false,
            told: None,
            outbox: VecDeque::new(),
            outbox_bytes: 0,
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
            sent_cards: BTreeSet::new(),
            spare_cards: VecDeque::new(),
            serves: VecDeque::new(),
            wanted: BTreeSet::new(),
            unknown: BTreeSet::new(),
            hears_elsewhere: false,
            later: BTreeMap::new(),
            open: BTreeMap::new(),
            round: Round::Idle,
            answer: None,
            probed: None,
            early: None,
            round_began: None,
            round_due: false,
            round_asked: false,
            settled: false,
            put_off: None,
            look_again: None,
            lost: false,
            past_due: false,
            gained: false,
            unfinished: false,
            compared: false,
            silent: BTreeSet::new(),
            content_due: false,
            left_aside: BTreeSet::new(),
            they_decline: BTreeSet::new(),
            behind: false,
            faults: 0,
            progress: now,
        }
    }

    pub(super) fn queue(&mut self, frame: Vec<u8>, entries: Option<(Place, usize)>) {
        self.outbox_bytes = self.outbox_bytes.saturating_add(frame.len());
        self.outbox.push_back(Waiting { frame, entries });
    }

    /// The next frame to be sent, if the connection has room for one more. It counts as under way
    /// once [`Self::under_way`] is told.
    pub(super) fn next_frame(&mut self) -> Option<Waiting> {
        if !self.has_window() {
            return None;
        }
        let waiting = self.outbox.pop_front()?;
        self.outbox_bytes = self.outbox_bytes.saturating_sub(waiting.frame.len());
        Some(waiting)
    }

    /// A frame of so many bytes is given to the connection.
    pub(super) fn under_way(&mut self, bytes: usize) {
        self.in_flight_bytes = self.in_flight_bytes.saturating_add(bytes);
        self.in_flight.push_back(bytes);
    }

    /// Frames and bytes that wait, and frames under way.
    pub(super) fn load(&self) -> (usize, usize, usize) {
        (self.outbox.len(), self.outbox_bytes, self.in_flight.len())
    }

    pub(super) fn sent(&mut self, frames: usize) {
        for bytes in self.in_flight.drain(..frames.min(self.in_flight.len())) {
            self.in_flight_bytes = self.in_flight_bytes.saturating_sub(bytes);
        }
    }

    fn has_window(&self) -> bool {
        self.in_flight.len() < limits::WINDOW_FRAMES && self.in_flight_bytes < limits::WINDOW_BYTES
    }

    /// Whether answers should be prepared: nothing waits to be sent.
    pub(super) fn is_drained(&self) -> bool {
        self.outbox.is_empty() && self.has_window()
    }

    pub(super) fn is_full(&self) -> bool {
        self.outbox_bytes >= limits::OUTBOX_BYTES
    }

    pub(super) fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }

    /// Whether entries of a plane will be offered once they are due. If not they are to be sent: there is no room, or a round is
    /// under way, which would hold the offer up.
    pub(super) fn offer_later(&mut self, slot: Slot, ids: impl Iterator<Item = EntryId>, due: Timestamp) -> bool {
        let quiet = self.settled && matches!(self.round, Round::Idle) && self.answer.is_none();
        let may_wait = self.later.contains_key(&slot) || (quiet && self.later.len() < limits::OFFERED_LATER);
        if !may_wait {
            return false;
        }
        let later = self.later.entry(slot).or_insert_with(|| Later { due, ids: Some(BTreeSet::new()) });
        if let Some(known) = &mut later.ids {
            known.extend(ids);
        }
        later.ids.take_if(|known| known.len() > limits::HAVE_IDS);
        true
    }

    /// The peer has entries of a plane: they need not be offered any more.
    pub(super) fn has(&mut self, slot: Slot, ids: impl Iterator<Item = EntryId>) {
        let Some(awaited) = self.later.get_mut(&slot).and_then(|later| later.ids.as_mut()) else { return };
        for id in ids {
            awaited.remove(&id);
        }
        if awaited.is_empty() {
            self.later.remove(&slot);
        }
    }

    /// Turns to the planes whose time to be offered has come; whether there are any. Those that something was asked of before, or
    /// that an offer of a round could be about, wait a little more. A clock that was set back holds nothing up.
    pub(super) fn take_due(&mut self, now: Timestamp) -> bool {
        let (mut due, idle) = (Vec::new(), matches!(self.round, Round::Idle));
        for (slot, later) in &mut self.later {
            if now < later.due && later.due <= now.plus_ms(limits::OFFER_WITHIN_MS) {
                continue;
            }
            if idle && !self.open.contains_key(slot) {
                due.push(*slot);
            } else {
                later.due = now.plus_ms(limits::OFFER_AFTER_MS);
            }
        }
        for slot in &due {
            self.later.remove(slot);
            self.wanted.insert(*slot);
        }
        !due.is_empty()
    }

    /// Keeps a card that there was no room for, instead of the oldest such if there are too many.
    pub(super) fn spare(&mut self, card: SignedCard) {
        if self.spare_cards.len() >= limits::SPARE_CARDS {
            self.spare_cards.pop_front();
        }
        self.spare_cards.push_back(card);
    }

    /// The card among those by which a device authors for an organisation.
    pub(super) fn spare_card(&self, organisation: &OrganisationId, author: &Author) -> Option<SignedCard> {
        let Author::Device(device) = author else { return None };
        let fits = |card: &&SignedCard| card.card().organisation == *organisation && card.card().device == *device;
        self.spare_cards.iter().find(fits).cloned()
    }

    /// Leaves a document aside, if there is room to remember that.
    pub(super) fn leave_aside(&mut self, document: DocumentId) -> bool {
        let room = self.left_aside.len() < limits::DECLINED;
        if room {
            self.left_aside.insert(document);
        }
        room
    }

    /// Whether the peer declines a plane of a document.
    pub(super) fn is_declined(&self, (document, plane): Place) -> bool {
        self.they_decline.contains(&(document, plane)) || self.they_decline.contains(&(document, Plane::Control))
    }

    /// Whether something of control is asked for or still to be: content waits for it.
    pub(super) fn is_busy_with_control(&self) -> bool {
        let control = |slot: Option<&Slot>| slot.is_some_and(|(plane, _)| *plane == Plane::Control);
        let offered = matches!(self.round, Round::Exchanging { asked: Some((Plane::Control, _)), .. });
        control(self.open.keys().next()) || control(self.wanted.first()) || offered
    }

    /// Turns to the next of what is unknown to the peer, some at a time.
    pub(super) fn serve_unknown(&mut self) {
        while self.serves.len() < limits::REQUESTS
            && let Some((plane, document)) = self.unknown.pop_first()
        {
            self.serves.push_back(Serve { document, plane, what: What::Whole, why: Why::Unasked });
        }
    }

    /// Whether as much is asked for as may be at a time. Probes are answered at more length than other requests.
    pub(super) fn asks_enough(&self) -> bool {
        self.open.len() >= limits::REQUESTS || self.open.values().filter(|asked| asked.probe.is_some()).count() >= limits::PROBES
    }

    /// Whether more waits for the peer than one that takes what it asked for lets come together.
    pub(super) fn is_overfull(&self) -> bool {
        self.outbox_bytes > limits::OUTBOX_MOST_BYTES
    }

    /// Whether this side has everything the peer offered.
    pub(super) fn is_in_sync(&self) -> bool {
        let idle = matches!(self.round, Round::Idle) && self.answer.is_none() && self.early.is_none();
        self.is_live() && self.settled && !self.content_due && !self.unfinished && idle && self.open.is_empty() && self.wanted.is_empty()
    }

    /// How many planes of documents this side lacks and knows of.
    pub(super) fn left(&self) -> usize {
        let round = match &self.round {
            Round::Exchanging { needs, asked } => needs.len().saturating_add(asked.map_or(0, |(_, number)| number)),
            Round::Idle | Round::Comparing { .. } => 0,
        };
        round.saturating_add(self.wanted.len()).saturating_add(self.open.len())
    }

    /// Whether the last round began so lately that the next must wait. A clock that was set back
    /// holds nobody up.
    pub(super) fn is_early(&self, now: Timestamp) -> bool {
        self.round_began.is_some_and(|began| began <= now && now < began.plus_ms(limits::ROUND_EVERY_MS))
    }

    /// Whether what the peer has is being found out and fetched for the first time.
    fn is_in_first_round(&self) -> bool {
        self.is_live() && !self.settled && (self.answer.is_some() || !matches!(self.round, Round::Idle))
    }

    /// Whether others may bring again what this session's first round is bringing: it brought something just now, or has just begun
    /// and is to bring to a node that has nothing. A peer that says much and sends nothing holds no other up.
    pub(super) fn is_bringing(&self, now: Timestamp, to_one_with_nothing: bool) -> bool {
        let since = if self.gained { Some(self.progress) } else { self.round_began.filter(|_| to_one_with_nothing) };
        self.is_in_first_round() && since.is_some_and(|since| since <= now && now < since.plus_ms(limits::ROUND_EVERY_MS))
    }

    /// Whether what comes from others need not be sent ahead of the first round: that is put off, and compares it too.
    pub(super) const fn awaits_first_round(&self) -> bool {
        self.put_off.is_some() && self.round_began.is_none() && !self.settled
    }

    /// The peer showed that it has something of a plane: what it lacks of it is asked for, instead of sending all. Whether that
    /// was to be sent.
    pub(super) fn is_known_after_all(&mut self, slot: Slot) -> bool {
        self.unknown.remove(&slot) && self.wanted.insert(slot)
    }

    /// When the session is given up unless the peer gets on.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let waits = match self.phase {
            Phase::Stranger { until } => return Some(until),
            Phase::Joining => true,
            // People take their time to confirm; a Hello comes at once.
            Phase::Greeting => !self.greeted,
            Phase::Live => !self.open.is_empty() || !matches!(self.round, Round::Idle) || self.answer.is_some() || !self.settled,
        };
        waits.then(|| self.progress.plus_ms(limits::ANSWER_MS))
    }

    /// When the session wants to be woken: to begin or answer a round that had to wait, or to offer something.
    pub(super) fn wake(&self) -> Option<Timestamp> {
        let waits = self.early.is_some() || (self.round_due && matches!(self.round, Round::Idle));
        let round = self.round_began.map(|began| began.plus_ms(limits::ROUND_EVERY_MS)).max(self.look_again);
        let round = round.filter(|_| waits && self.is_live());
        round.into_iter().chain(self.later.values().map(|later| later.due)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_under_way_are_bounded_in_number_and_bytes_and_each_that_was_taken_makes_room() {
        let mut session = Session::new(DeviceId::new([1; 32]), None, Phase::Live, Timestamp::default());
        let sent = |session: &mut Session| {
            let mut sent = 0;
            while let Some(waiting) = session.next_frame() {
                session.under_way(waiting.frame.len());
                sent += 1;
            }
            sent
        };
        for _ in 0..8 {
            session.queue(vec![0; 1024 * 1024], None);
        }
        assert_eq!(sent(&mut session), limits::WINDOW_BYTES / (1024 * 1024));
        session.sent(1);
        assert_eq!(sent(&mut session), 1);
        let mut session = Session::new(DeviceId::new([1; 32]), None, Phase::Live, Timestamp::default());
        for _ in 0..3 * limits::WINDOW_FRAMES {
            session.queue(vec![0; 10], None);
        }
        assert_eq!(sent(&mut session), limits::WINDOW_FRAMES);
        session.sent(2 * limits::WINDOW_FRAMES);
        assert_eq!(sent(&mut session), limits::WINDOW_FRAMES);
    }

    #[test]
    fn what_is_offered_later_is_forgotten_when_the_peer_has_it_and_too_much_to_remember_is_offered_in_any_case() {
        let ids = |from: usize, to: usize| (from..to).map(|at| EntryId::new(*Hash::of(&at.to_le_bytes()).as_bytes()));
        let slot = (Plane::Content, DocumentId::new([1; 32]));
        let (now, due) = (Timestamp::from_ms(1_000), Timestamp::from_ms(1_500));
        for (many, offered) in [(limits::HAVE_IDS, false), (limits::HAVE_IDS + 1, true)] {
            let mut session = Session::new(DeviceId::new([1; 32]), None, Phase::Live, now);
            session.settled = true;
            assert!(session.offer_later(slot, ids(0, 7), due) && session.offer_later(slot, ids(7, many), due));
            assert!(!session.take_due(now));
            session.has(slot, ids(0, many));
            assert_eq!((session.take_due(due), session.wanted.contains(&slot)), (offered, offered), "{many} ids");
        }
    }
}
