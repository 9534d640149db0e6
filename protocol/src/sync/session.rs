//! What a node remembers of one connected peer.

use crate::entry::Plane;
use crate::id::{DeviceId, DocumentId, EntryId, Hash, OrganisationId};
use crate::identity::CardId;
use crate::limits;
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

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

/// An answer under way: entries of one plane of a document.
#[derive(Debug)]
pub(super) struct Serve {
    pub(super) document: DocumentId,
    pub(super) plane: Plane,
    /// What is still to be sent, in causal order.
    pub(super) ids: VecDeque<EntryId>,
    /// Whether the peer asked, and is told when all is sent.
    pub(super) asked: bool,
}

/// One plane's reconciliation, as far as this side pulls.
#[derive(Debug, Default)]
pub(super) struct Pull {
    /// What the peer listed so far.
    pub(super) theirs: BTreeMap<DocumentId, Hash>,
    /// Whether its list is whole.
    pub(super) listed: bool,
    /// Documents still to be asked for.
    pub(super) wanted: BTreeSet<DocumentId>,
    /// Documents asked for and not yet served.
    pub(super) asked: BTreeSet<DocumentId>,
    /// Whether this side has all that the peer listed.
    pub(super) done: bool,
}

/// One peer's session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) device: DeviceId,
    pub(super) organisation: Option<OrganisationId>,
    pub(super) phase: Phase,
    pub(super) they_confirmed: bool,
    outbox: VecDeque<Vec<u8>>,
    outbox_bytes: usize,
    /// The lengths of the frames that the connection has been given and not taken, oldest first.
    in_flight: VecDeque<usize>,
    in_flight_bytes: usize,
    pub(super) sent_cards: BTreeSet<CardId>,
    pub(super) serves: VecDeque<Serve>,
    pub(super) control: Pull,
    pub(super) content: Pull,
    /// Our list of content goes out once our own control pull is done.
    pub(super) content_listed: bool,
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
            they_confirmed: false,
            outbox: VecDeque::new(),
            outbox_bytes: 0,
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
            sent_cards: BTreeSet::new(),
            serves: VecDeque::new(),
            control: Pull::default(),
            content: Pull::default(),
            content_listed: false,
            behind: false,
            faults: 0,
            progress: now,
        }
    }

    pub(super) fn pull(&mut self, plane: Plane) -> &mut Pull {
        match plane {
            Plane::Control => &mut self.control,
            Plane::Content => &mut self.content,
        }
    }

    pub(super) fn queue(&mut self, frame: Vec<u8>) {
        self.outbox_bytes = self.outbox_bytes.saturating_add(frame.len());
        self.outbox.push_back(frame);
    }

    fn has_room(&self) -> bool {
        self.in_flight.len() < limits::WINDOW_FRAMES && self.in_flight_bytes < limits::WINDOW_BYTES
    }

    /// The next frame, if the connection has room for one more.
    pub(super) fn next_frame(&mut self) -> Option<Vec<u8>> {
        if !self.has_room() {
            return None;
        }
        let frame = self.outbox.pop_front()?;
        self.outbox_bytes = self.outbox_bytes.saturating_sub(frame.len());
        self.in_flight_bytes = self.in_flight_bytes.saturating_add(frame.len());
        self.in_flight.push_back(frame.len());
        Some(frame)
    }

    pub(super) fn sent(&mut self, frames: usize) {
        for length in self.in_flight.drain(..frames.min(self.in_flight.len())) {
            self.in_flight_bytes = self.in_flight_bytes.saturating_sub(length);
        }
    }

    /// Whether answers should be prepared: nothing waits to be sent.
    pub(super) fn is_drained(&self) -> bool {
        self.outbox.is_empty() && self.has_room()
    }

    pub(super) fn is_full(&self) -> bool {
        self.outbox_bytes >= limits::OUTBOX_BYTES
    }

    pub(super) fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }

    /// Whether this side has everything the peer offered.
    pub(super) fn is_in_sync(&self) -> bool {
        self.is_live() && self.control.done && self.content.done
    }

    /// When the session is given up unless the peer gets on.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Stranger { until } => Some(until),
            Phase::Joining | Phase::Greeting => None,
            Phase::Live => {
                let waits = !self.control.asked.is_empty() || !self.content.asked.is_empty();
                waits.then(|| self.progress.plus_ms(limits::ANSWER_MS))
            }
        }
    }
}
