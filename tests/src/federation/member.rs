//! One organisation's node: a machine, what it wrote, and what of that a crash would leave.

use csu_protocol::author::Acting;
use csu_protocol::entropy::Entropy;
use csu_protocol::entry::{EpochKey, Signer};
use csu_protocol::id::{DeviceId, DocumentId, EntryId, OrganisationId};
use csu_protocol::identity::{DeviceKey, Name, OrganisationKind, RootKey, SignedCard};
use csu_protocol::store::{Memory, Write};
use csu_protocol::sync::{Budget, Input, Machine, OpenAccess};
use csu_protocol::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// When every simulation begins.
const BEGINNING_MS: u64 = 1_800_000_000_000;
const DAY_MS: u64 = 86_400_000;
/// How far clocks may be fast. They are slow by as much at most.
pub(super) const SKEW_DAYS: u64 = 4;

/// A node.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) number: usize,
    pub(super) honest: bool,
    pub(super) key: DeviceKey,
    pub(super) card: SignedCard,
    pub(super) organisation: OrganisationId,
    /// None while it is down.
    pub(super) machine: Option<Machine>,
    /// Everything written, and what of it is committed.
    pub(super) store: Memory,
    durable: Memory,
    uncommitted: Vec<Write>,
    /// Inputs that wait for the node to look.
    pub(super) inbox: Vec<Input>,
    pub(super) work_at: Option<u64>,
    pub(super) tick_at: Option<u64>,
    /// What its clock shows when the simulation begins, in milliseconds.
    clock_ms: u64,
    /// Entries of its own making since the last commit, and all that were committed.
    pub(super) published: Vec<(DocumentId, EntryId)>,
    pub(super) acknowledged: BTreeMap<DocumentId, BTreeSet<EntryId>>,
    /// Its own epochs.
    pub(super) epochs: BTreeMap<DocumentId, (EntryId, EpochKey)>,
    drawn: u64,
}

impl Member {
    pub(super) fn new(seed: u64, number: usize, honest: bool, skew_ms: u64) -> Self {
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&seed.to_le_bytes());
        secret[8] = number as u8 + 1;
        let (root, key) = (RootKey::from_secret(secret), DeviceKey::from_seed(&secret));
        let (name, kind) = match number {
            0 => ("Police".to_owned(), OrganisationKind::Police),
            _ => (format!("Union {number}"), OrganisationKind::Union),
        };
        let card = SignedCard::sign(&root, 0, key.device(), Name::new(&name).expect("a short name"), kind);
        let mut member = Self {
            number,
            honest,
            organisation: card.card().organisation,
            key,
            card,
            machine: None,
            store: Memory::default(),
            durable: Memory::default(),
            uncommitted: Vec::new(),
            inbox: Vec::new(),
            work_at: None,
            tick_at: None,
            clock_ms: BEGINNING_MS - SKEW_DAYS * DAY_MS + skew_ms,
            published: Vec::new(),
            acknowledged: BTreeMap::new(),
            epochs: BTreeMap::new(),
            drawn: 0,
        };
        member.start();
        member
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

    /// Starts from what is committed.
    pub(super) fn start(&mut self) {
        let machine = Machine::new(self.card.clone(), self.store.start(), Budget::default(), &self.store);
        self.machine = Some(machine.unwrap_or_else(|error| panic!("member {} cannot start from its own storage: {error}", self.number)));
    }

    /// The graph of a document; none while it is down, or if it does not hold it.
    pub(super) fn access(&self, document: &DocumentId) -> Option<OpenAccess> {
        self.machine.as_ref()?.access(document, &self.store).expect("memory can be read")
    }

    /// Loses everything that was not committed.
    pub(super) fn crash(&mut self) {
        self.machine = None;
        self.store = self.durable.clone();
        self.uncommitted.clear();
        self.inbox.clear();
        self.published.clear();
        self.tick_at = None;
    }

    pub(super) fn write(&mut self, write: Write) {
        self.store.apply(write.clone());
        self.uncommitted.push(write);
    }

    pub(super) fn commit(&mut self) {
        for write in self.uncommitted.drain(..) {
            self.durable.apply(write);
        }
        for (document, entry) in self.published.drain(..) {
            self.acknowledged.entry(document).or_default().insert(entry);
        }
    }

    pub(super) fn is_dirty(&self) -> bool {
        !self.uncommitted.is_empty()
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
