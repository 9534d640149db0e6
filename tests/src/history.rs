//! Random histories of one document by several organisations, some of them dishonest.
//!
//! A history is the entries of a document in an order in which each stands after what it names.
//! Every author acts on its own partial view, so that concurrency arises as it would between
//! nodes. Dishonest authors act on views they have outgrown (which makes forks and backdates), under
//! rights they lost or never had, revoke with malicious keeps, and sign headers bent by hand: so a
//! history holds unsound entries too, and entries that wait for ever.
//!
//! Histories have moods: some are about rights handed down and taken in the middle, others about stolen devices,
//! quarrels, forgeries or work that falls. [`Troubles`] counts what is in them, so that no kind can vanish unseen.
//!
//! One seed gives one history. A prefix of a history is a history: the shortest prefix that breaks
//! a law is the smallest example of that seed.

mod cast;
mod dice;
mod trouble;
mod writer;

pub use cast::{Cast, Member};
pub use dice::Dice;
pub use trouble::Troubles;

use csu_protocol::access::{Access, Insertion, Unsound};
use csu_protocol::entry::{Author, Body, Plane, Principal, VerifiedEntry};
use csu_protocol::id::{DocumentId, EntryId, OrganisationId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;

/// What some organisations wrote into one document.
#[derive(Debug, Clone)]
pub struct History {
    /// What it was made from.
    pub seed: u64,
    /// The organisations. The first is the owner.
    pub cast: &'static Cast,
    /// Sound, unsound and never complete entries, each after those of the history that it names.
    pub entries: Vec<VerifiedEntry>,
}

/// What a node that received entries in some order made of them.
#[derive(Debug, Default)]
pub struct Replay {
    /// The sound ones.
    pub access: Access,
    /// What broke a rule.
    pub unsound: BTreeMap<EntryId, Unsound>,
    /// What still waits.
    pub pending: BTreeMap<EntryId, VerifiedEntry>,
}

impl History {
    /// The history of `seed`.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let cast = Cast::shared();
        Self { seed, cast, entries: writer::write(cast, seed) }
    }

    /// A history of `seed` with a flood of revocations by one admin, which takes longer to judge.
    #[must_use]
    pub fn with_flood(seed: u64) -> Self {
        let cast = Cast::shared();
        Self { seed, cast, entries: writer::write_flood(cast, seed) }
    }

    /// The same, ended after `length` entries.
    #[must_use]
    pub fn prefix(&self, length: usize) -> Self {
        Self { entries: self.entries.iter().take(length).cloned().collect(), ..*self }
    }

    /// The document.
    #[must_use]
    pub fn document(&self) -> Option<DocumentId> {
        self.entries.first().map(VerifiedEntry::document)
    }

    /// The entry named `id`.
    #[must_use]
    pub fn entry(&self, id: &EntryId) -> Option<&VerifiedEntry> {
        self.entries.iter().find(|entry| entry.id() == *id)
    }

    /// The history for a person to read: one line an entry, entries by their place in it.
    #[must_use]
    pub fn describe(&self) -> String {
        let place: BTreeMap<EntryId, usize> = self.entries.iter().enumerate().map(|(at, entry)| (entry.id(), at)).collect();
        let name = |id: &EntryId| place.get(id).map_or_else(|| format!("?{}", id.short()), |at| format!("#{at}"));
        let names = |ids: &mut dyn Iterator<Item = EntryId>| ids.map(|id| name(&id)).collect::<Vec<_>>().join(" ");
        let mut text = format!("seed {}\n", self.seed);
        for (at, entry) in self.entries.iter().enumerate() {
            let header = entry.header();
            let what = match &header.body {
                Body::Genesis { grants, .. } | Body::Grant { grants } => {
                    grants.iter().map(|grant| format!("{}:{}", self.cast.subject(grant.subject), grant.role)).collect::<Vec<_>>().join(" ")
                }
                Body::Revoke { principal, keep } => {
                    let whom = match principal {
                        Principal::Anyone => "anyone".to_owned(),
                        Principal::Organisation(id) => self.cast.name(id),
                        Principal::Device(id) => self.cast.author(&Author::Device(*id)),
                    };
                    let keep = keep.iter().map(|keep| format!("{} {:?} {}", self.cast.author(&keep.author), keep.plane, name(&keep.entry)));
                    format!("{whom} keep [{}]", keep.collect::<Vec<_>>().join(", "))
                }
                Body::Revision { epoch, deps } => format!("epoch {} deps [{}]", name(epoch), names(&mut deps.iter().copied())),
                Body::Receipt { erase } => name(erase),
                Body::Withdraw { .. } | Body::Erase | Body::Key { .. } | Body::Response { .. } => String::new(),
            };
            let under = header.under.as_ref().map_or_else(|| "-".to_owned(), name);
            let previous = header.previous.as_ref().map_or_else(|| "-".to_owned(), name);
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "#{at} {} by {} as {} under {under} seq {} previous {previous} over [{}]: {what}",
                header.body.name(),
                self.cast.author(&header.author),
                self.cast.name(&header.organisation),
                header.seq,
                names(&mut header.parents.iter().copied()),
            );
        }
        text
    }
}

impl Replay {
    /// Takes `arrivals` in order, trying what waits again whenever something sound came. `watch` sees the
    /// state after each sound entry. Only organisations in `carded` have shown their cards.
    pub fn receive<'e>(
        &mut self,
        cast: &Cast,
        carded: &BTreeSet<OrganisationId>,
        arrivals: impl IntoIterator<Item = &'e VerifiedEntry>,
        mut watch: impl FnMut(&Access, EntryId),
    ) {
        for arrival in arrivals {
            if self.access.contains(&arrival.id()) {
                continue;
            }
            let mut open = VecDeque::from([arrival.clone()]);
            while let Some(entry) = open.pop_front() {
                let id = entry.id();
                let is_device =
                    |organisation: &OrganisationId, author: &Author| carded.contains(organisation) && cast.is_device(organisation, author);
                match self.access.insert(entry, is_device) {
                    Insertion::Sound(_) => {
                        watch(&self.access, id);
                        open.extend(self.unblock(&id));
                    }
                    Insertion::Known => {}
                    Insertion::Pending(entry, _) => {
                        self.pending.insert(id, entry);
                    }
                    Insertion::Unsound(id, unsound) => {
                        self.unsound.insert(id, unsound);
                    }
                }
            }
        }
    }

    /// What may have waited for `id`.
    fn unblock(&mut self, id: &EntryId) -> Vec<VerifiedEntry> {
        let waits = |entry: &VerifiedEntry| self.access.len() == 1 || entry.header().names().any(|name| name == *id);
        let free: Vec<EntryId> = self.pending.iter().filter(|(_, entry)| waits(entry)).map(|(id, _)| *id).collect();
        free.iter().filter_map(|id| self.pending.remove(id)).collect()
    }

    /// Tries again what waits, now that everybody in `carded` has shown a card.
    pub fn retry(&mut self, cast: &Cast, carded: &BTreeSet<OrganisationId>) {
        let waiting: Vec<VerifiedEntry> = std::mem::take(&mut self.pending).into_values().collect();
        self.receive(cast, carded, &waiting, |_, _| {});
    }

    /// Every sound entry of both planes.
    #[must_use]
    pub fn sound(&self) -> BTreeSet<EntryId> {
        Plane::ALL.into_iter().flat_map(|plane| self.access.entries(plane)).collect()
    }
}
