//! One document as a node holds it: its graph, and what waits for something missing.

use super::documents::is_vouched_for;
use crate::access::{Access, Insertion, Missing, Unsound};
use crate::directory::Directory;
use crate::entry::{Author, EntryError, Plane, Remains, VerifiedEntry};
use crate::id::{DeviceId, DocumentId, EntryId, OrganisationId};
use crate::identity::SignedCard;
use crate::limits;
use crate::store::{NewEntry, Parts, ReadError, StoredEntry};
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// A document's graph of access and the entries that wait.
#[derive(Debug, Clone, Default)]
pub(super) struct Holding {
    access: Access,
    /// Entries not yet written, because nothing so far names this organisation, or its owner does not answer for it yet.
    unwritten: Vec<NewEntry>,
    unwritten_bytes: usize,
    /// Whether it is on disk: something in it names this organisation, and its owner answers for it.
    written: bool,
    pending: BTreeMap<EntryId, Pending>,
    pending_bytes: usize,
}

/// A peer that sent something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bringer {
    pub(super) device: DeviceId,
    pub(super) organisation: OrganisationId,
}

/// An entry that waits, and who is to answer for it.
#[derive(Debug, Clone)]
struct Pending {
    entry: VerifiedEntry,
    missing: Missing,
    bringer: Option<Bringer>,
}

/// An entry that became sound.
#[derive(Debug, Clone)]
pub(super) struct Accepted {
    pub(super) id: EntryId,
    pub(super) plane: Plane,
    pub(super) entry: VerifiedEntry,
    /// Who brought it; none if it is this node's own.
    pub(super) bringer: Option<Bringer>,
}

/// What came of entries received.
#[derive(Debug, Default)]
pub(super) struct Receipt {
    /// Became sound, in causal order.
    pub(super) accepted: Vec<Accepted>,
    /// Broke a rule, and who brought it: not always the one whose message it was found out by.
    pub(super) unsound: Vec<(EntryId, Unsound, Option<Bringer>)>,
    /// Some of them wait for something missing that nobody here has.
    pub(super) waiting: bool,
    /// Some of them had to be forgotten for lack of room.
    pub(super) lost: bool,
    /// The document was forgotten: nobody answers for it, and it is too long to be kept back.
    pub(super) left_aside: bool,
}

impl Holding {
    /// Who may do what.
    pub(super) const fn access(&self) -> &Access {
        &self.access
    }

    pub(super) const fn is_written(&self) -> bool {
        self.written
    }

    /// As [`super::Held::is_vouched_for`].
    pub(super) fn is_vouched_for(&self, directory: &Directory) -> bool {
        let access = &self.access;
        is_vouched_for((access.owner(), access.begun_by()), || access.is_vouched_by_root(), directory)
    }

    /// Forgets content that waits, in memory, for something missing.
    pub(super) fn forget_pending_content(&mut self) {
        let content = |pending: &Pending| pending.entry.header().plane() == Plane::Content;
        let waiting: Vec<EntryId> = self.pending.iter().filter(|(_, pending)| content(pending)).map(|(id, _)| *id).collect();
        for id in waiting {
            self.take_pending(&id);
        }
    }

    /// How many entries wait for something missing, and their bytes.
    pub(super) fn pending(&self) -> (usize, usize) {
        (self.pending.len(), self.pending_bytes)
    }

    /// Whether an entry waits for this card.
    pub(super) fn waits_for(&self, card: &SignedCard) -> bool {
        let (organisation, author) = (card.card().organisation, Author::Device(card.card().device));
        let needs = |pending: &Pending| {
            let header = pending.entry.header();
            pending.missing.card && header.organisation == organisation && header.author == author
        };
        self.pending.values().any(needs)
    }

    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// That of a document of which this node's own store holds these entries.
    ///
    /// # Errors
    /// When they were never all written there.
    pub(super) fn load(
        document: &DocumentId,
        entries: impl IntoIterator<Item = StoredEntry>,
        directory: &Directory,
    ) -> Result<Self, ReadError> {
        let mut holding = Self { written: true, ..Self::default() };
        let may_author = |organisation: &OrganisationId, author: &Author| directory.may_author(organisation, author);
        for stored in entries {
            let unreadable = |error: EntryError| ReadError(format!("document {document}: {error}"));
            let refused = match stored.parts {
                Parts::Kept => {
                    let entry = stored.entry.reopen().map_err(unreadable)?;
                    let id = entry.id();
                    match holding.access.insert(entry, may_author) {
                        Insertion::Sound(_) | Insertion::Known => None,
                        Insertion::Pending(..) | Insertion::Unsound(..) => Some(id),
                    }
                }
                Parts::Destroyed => {
                    let remains = Remains::reopen(&stored.entry).map_err(unreadable)?;
                    (!holding.access.restore(&remains, may_author)).then(|| remains.id())
                }
            };
            if let Some(id) = refused {
                return Err(ReadError(format!("document {document}: entry {id} no longer fits")));
            }
        }
        Ok(holding)
    }

    /// Takes entries, and with each whatever waited for it.
    pub(super) fn receive(&mut self, entries: Vec<VerifiedEntry>, bringer: Option<Bringer>, directory: &Directory) -> Receipt {
        self.take(entries.into_iter().map(|entry| (entry, bringer)).collect(), directory)
    }

    fn take(&mut self, entries: Vec<(VerifiedEntry, Option<Bringer>)>, directory: &Directory) -> Receipt {
        let mut receipt = Receipt::default();
        let mut open = entries;
        open.reverse();
        while let Some((entry, bringer)) = open.pop() {
            let (id, plane) = (entry.id(), entry.header().plane());
            match self.access.insert(entry, |organisation, author| directory.may_author(organisation, author)) {
                Insertion::Known => {}
                Insertion::Sound(sound) => {
                    receipt.accepted.push(Accepted { id, plane, entry: sound.into_entry(), bringer });
                    open.extend(self.no_longer_missing(&id));
                }
                Insertion::Pending(entry, missing) => {
                    // What waited before was asked for when it came.
                    receipt.waiting |= !self.pending.contains_key(&id);
                    receipt.lost |= !self.wait(Pending { entry, missing, bringer });
                }
                Insertion::Unsound(id, unsound) => receipt.unsound.push((id, unsound, bringer)),
            }
        }
        receipt
    }

    /// Entries that waited for a card, to be tried again.
    pub(super) fn retry_cards(&mut self, directory: &Directory) -> Receipt {
        let waited: Vec<EntryId> = self.pending.iter().filter(|(_, pending)| pending.missing.card).map(|(id, _)| *id).collect();
        let entries = waited.iter().filter_map(|id| self.take_pending(id)).collect();
        self.take(entries, directory)
    }

    /// Keeps an entry until what it misses comes. Whether there was room; if not, the next round of
    /// reconciliation brings it again.
    fn wait(&mut self, pending: Pending) -> bool {
        let bytes = self.pending_bytes.saturating_add(pending.entry.signed().size());
        if self.pending.contains_key(&pending.entry.id()) {
            return true;
        }
        if self.pending.len() >= limits::PENDING_ENTRIES || bytes > limits::PENDING_BYTES {
            return false;
        }
        self.pending_bytes = bytes;
        self.pending.insert(pending.entry.id(), pending);
        true
    }

    /// Forgets what waits.
    pub(super) fn forget_pending(&mut self) {
        self.pending.clear();
        self.pending_bytes = 0;
    }

    fn take_pending(&mut self, id: &EntryId) -> Option<(VerifiedEntry, Option<Bringer>)> {
        let pending = self.pending.remove(id)?;
        self.pending_bytes = self.pending_bytes.saturating_sub(pending.entry.signed().size());
        Some((pending.entry, pending.bringer))
    }

    fn no_longer_missing(&mut self, arrived: &EntryId) -> Vec<(VerifiedEntry, Option<Bringer>)> {
        let mut ready = Vec::new();
        for (id, pending) in &mut self.pending {
            let before = pending.missing.entries.len();
            pending.missing.entries.retain(|waited| waited != arrived);
            if pending.missing.entries.is_empty() && before > 0 {
                ready.push(*id);
            }
        }
        ready.iter().filter_map(|id| self.take_pending(id)).collect()
    }

    /// Orders accepted entries written, or keeps them back while the document is not to be taken. None if there
    /// are too many to keep back.
    pub(super) fn record(&mut self, accepted: &[Accepted], is_taken: bool, now: Timestamp) -> Option<Vec<NewEntry>> {
        let bytes = accepted.iter().map(|accepted| accepted.entry.signed().size());
        self.unwritten_bytes = bytes.fold(self.unwritten_bytes, usize::saturating_add);
        self.unwritten.extend(accepted.iter().map(|accepted| {
            let from = accepted.bringer.map(|bringer| bringer.organisation);
            NewEntry { entry: accepted.entry.clone(), from, received: now }
        }));
        if self.written || is_taken {
            self.written = true;
            self.unwritten_bytes = 0;
            return Some(std::mem::take(&mut self.unwritten));
        }
        let fits = self.unwritten.len() <= limits::UNNAMED_ENTRIES && self.unwritten_bytes <= limits::UNNAMED_BYTES;
        fits.then(Vec::new)
    }
}
