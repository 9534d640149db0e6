//! One organisation's node: a machine, what it wrote, and what of that a crash would leave.

use super::disk::{Disk, DiskError};
use csu_protocol::author::Acting;
use csu_protocol::entropy::Entropy;
use csu_protocol::entry::{EpochKey, Plane, Signer};
use csu_protocol::id::{DeviceId, DocumentId, EntryId, OrganisationId};
use csu_protocol::identity::{DeviceKey, Name, OrganisationKind, RootKey, SignedCard};
use csu_protocol::store::ReadError;
use csu_protocol::sync::{Budget, Input, Machine, OpenAccess, Output};
use csu_protocol::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// When every simulation begins.
const BEGINNING_MS: u64 = 1_800_000_000_000;
const DAY_MS: u64 = 86_400_000;
/// How far clocks may be fast. They are slow by as much at most.
pub(super) const SKEW_DAYS: u64 = 4;

/// An entry of a node's own making, and its place in the chain of its device.
#[derive(Debug, Clone, Copy)]
pub(super) struct Published {
    pub(super) document: DocumentId,
    pub(super) entry: EntryId,
    pub(super) plane: Plane,
    pub(super) seq: u64,
}

/// A node.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) number: usize,
    pub(super) honest: bool,
    pub(super) root: RootKey,
    pub(super) key: DeviceKey,
    pub(super) card: SignedCard,
    pub(super) organisation: OrganisationId,
    /// None while it is down.
    pub(super) machine: Option<Machine>,
    pub(super) disk: Disk,
    budget: Budget,
    /// Inputs that wait for the node to look.
    pub(super) inbox: Vec<Input>,
    pub(super) work_at: Option<u64>,
    /// Until when it has its hands full.
    pub(super) busy_until: u64,
    pub(super) tick_at: Option<u64>,
    /// What its clock shows when the simulation begins, in milliseconds, as it goes now.
    clock_ms: u64,
    /// Whether its clock was put forward or back.
    pub(super) jumped: bool,
    /// Entries of its own making since the last commit, and all that were committed.
    pub(super) published: Vec<Published>,
    pub(super) acknowledged: BTreeMap<DocumentId, BTreeSet<EntryId>>,
    /// Its own epochs.
    pub(super) epochs: BTreeMap<DocumentId, (EntryId, EpochKey)>,
    drawn: u64,
}

impl Member {
    pub(super) fn new(seed: u64, number: usize, skew_ms: u64, budget: Budget, disk: Disk) -> Self {
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&seed.to_le_bytes());
        secret[8..16].copy_from_slice(&(number as u64 + 1).to_le_bytes());
        let (root, key) = (RootKey::from_secret(secret), DeviceKey::from_seed(&secret));
        let (name, kind) = match number {
            0 => ("Police".to_owned(), OrganisationKind::Police),
            _ => (format!("Union {number}"), OrganisationKind::Union),
        };
        let card = SignedCard::sign(&root, 0, key.device(), Name::new(&name).expect("a short name"), kind);
        Self {
            number,
            honest: true,
            organisation: card.card().organisation,
            root,
            key,
            card,
            machine: None,
            disk,
            budget,
            inbox: Vec::new(),
            work_at: None,
            busy_until: 0,
            tick_at: None,
            clock_ms: BEGINNING_MS - SKEW_DAYS * DAY_MS + skew_ms,
            jumped: false,
            published: Vec::new(),
            acknowledged: BTreeMap::new(),
            epochs: BTreeMap::new(),
            drawn: 0,
        }
    }

    /// Its time.
    pub(super) fn clock(&self, now_ms: u64) -> Timestamp {
        Timestamp::from_ms(self.clock_ms + now_ms)
    }

    /// When its clock shows a time; now, if that is past.
    pub(super) fn when(&self, shows: Timestamp, now_ms: u64) -> u64 {
        now_ms + shows.ms_since(self.clock(now_ms))
    }

    pub(super) fn device(&self) -> DeviceId {
        self.key.device()
    }

    /// Its clock is put forward or back.
    pub(super) fn put_clock(&mut self, forward: bool, ms: u64) {
        self.clock_ms = if forward { self.clock_ms + ms } else { self.clock_ms - ms };
        self.jumped = true;
    }

    /// Starts from what is committed.
    pub(super) fn start(&mut self) {
        self.disk.mend();
        let machine = Machine::new(self.card.clone(), self.disk.written().start(), self.budget, &self.disk);
        self.machine = Some(machine.unwrap_or_else(|error| panic!("member {} cannot start from its own storage: {error}", self.number)));
    }

    /// The graph of a document, whether the disk works or not; none while it is down, or if it does not hold it.
    pub(super) fn access(&self, document: &DocumentId) -> Option<OpenAccess> {
        self.machine.as_ref()?.access(document, self.disk.written()).expect("memory can be read")
    }

    /// Loses everything that was not committed, and is down.
    pub(super) fn crash(&mut self) {
        self.machine = None;
        self.disk.roll_back();
        self.inbox.clear();
        self.published.clear();
        self.tick_at = None;
    }

    /// The machine takes an input.
    pub(super) fn handle(&mut self, now: Timestamp, input: Input) -> Result<(), ReadError> {
        self.machine.as_mut().map_or(Ok(()), |machine| machine.handle(now, input, &self.disk))
    }

    /// The machine forgets a session.
    pub(super) fn forget(&mut self, now: Timestamp, device: DeviceId) {
        if let Some(machine) = &mut self.machine {
            machine.handle(now, Input::Disconnected(device), self.disk.written()).expect("memory can be read");
        }
    }

    /// What the machine wants done next.
    pub(super) fn poll_output(&mut self, now: Timestamp) -> Result<Option<Output>, ReadError> {
        self.machine.as_mut().map_or(Ok(None), |machine| machine.poll_output(now, &self.disk))
    }

    /// Commits. What was of its own making is acknowledged from then on.
    pub(super) fn commit(&mut self) -> Result<Vec<Published>, DiskError> {
        self.disk.commit()?;
        let published = std::mem::take(&mut self.published);
        for Published { document, entry, .. } in &published {
            self.acknowledged.entry(*document).or_default().insert(*entry);
        }
        Ok(published)
    }

    /// Randomness, another each time.
    pub(super) fn entropy(&mut self) -> Entropy {
        self.drawn += 1;
        let mut seed = *self.organisation.as_bytes();
        for (byte, drawn) in seed.iter_mut().zip(self.drawn.to_le_bytes()) {
            *byte ^= drawn;
        }
        Entropy::from_seed(seed)
    }

    pub(super) fn acting(&self, under: EntryId) -> Acting<'_> {
        Acting { organisation: self.organisation, signer: Signer::Device(&self.key), under: Some(under) }
    }
}
