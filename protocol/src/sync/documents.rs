//! The documents of a node: one line in memory of each, and the graphs of those in use.
//!
//! A node may hold a hundred thousand documents and work on ten. Comparing with peers, and saying who may hold what, needs
//! no more than a [`Held`] of each. Judging entries needs the graph: it is read from storage when it is asked for, and given
//! up when others were used since. A graph that storage does not have yet, or not all of, is never given up: what changed
//! since the last outputs were handed out, what is held back, and what waits.

use super::holding::Holding;
use super::set::{self, Changes, Member, Members};
use super::sharings::Sharings;
use crate::access::{Access, Sharing};
use crate::directory::Directory;
use crate::entry::Plane;
use crate::id::{DeviceId, DocumentId, EntryId, Hash, OrganisationId};
use crate::store::{Read, ReadError, Summary, Write};
use crate::wire::Place;
use hashlink::LruCache;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, Deref};
use std::rc::Rc;
use std::sync::Arc;

/// About as many bytes of graphs are kept at hand that storage has too, unless somebody says otherwise.
const GRAPHS_BYTES: usize = 16 * 1024 * 1024;
/// As many changes of the set that peers are compared with are kept one by one, and a quarter of its documents more: after others
/// it is made anew.
const CHANGES_SPARE: usize = 1024;

/// A document that this node holds, without its graph.
#[derive(Debug, Clone)]
pub struct Held {
    document: DocumentId,
    summary: Summary,
    /// The number of who shares it.
    sharing: u32,
    destroyed: bool,
    unreconciled: bool,
}

impl Held {
    /// Its id.
    #[must_use]
    pub const fn document(&self) -> DocumentId {
        self.document
    }

    /// Who may hold it, and in which role.
    #[must_use]
    pub fn sharing(&self) -> &Sharing {
        &self.summary.sharing
    }

    /// What its entries come to.
    #[must_use]
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Whether any entry of its content has come.
    #[must_use]
    pub const fn has_content(&self) -> bool {
        self.summary.content.is_some()
    }

    /// Whether this node destroyed its content, for good.
    #[must_use]
    pub const fn is_destroyed(&self) -> bool {
        self.destroyed
    }

    /// Whether it may speak: it did not come back from a backup, or was compared since with what a peer holds that may hold
    /// it. Until then its content is neither shown nor served, because its owner may have had it erased meanwhile.
    #[must_use]
    pub const fn is_reconciled(&self) -> bool {
        !self.unreconciled
    }

    /// Whether content is neither taken nor sent: its owner had it erased, or it was destroyed here before.
    pub(super) fn refuses_content(&self) -> bool {
        self.destroyed || self.sharing().is_erased()
    }

    /// What its planes are compared with peers as: content only if it may speak and is taken and sent at all.
    fn members(&self, place: u32) -> [Option<Member>; 2] {
        let content = self.summary.content.filter(|_| self.is_reconciled() && !self.refuses_content());
        [self.summary.control, content].map(|item| item.map(|item| Member { item, place, sharing: self.sharing }))
    }

    /// Whether its owner answers for it: the device that its owner acts through began it, or the owner's root key revoked
    /// the device that did and kept the beginning. Otherwise a thief of an older device may have begun it.
    #[must_use]
    pub fn is_vouched_for(&self, directory: &Directory) -> bool {
        is_sharing_vouched_for(self.sharing(), directory)
    }
}

/// The same of all documents that are shared so.
pub(super) fn is_sharing_vouched_for(sharing: &Sharing, directory: &Directory) -> bool {
    is_vouched_for((sharing.owner(), sharing.begun_by()), || sharing.is_vouched_by_root(), directory)
}

/// Whether the owner of a document answers for it, by whose it is and which device began it.
pub(super) fn is_vouched_for(
    (owner, began): (Option<OrganisationId>, Option<DeviceId>),
    is_vouched_by_root: impl FnOnce() -> bool,
    directory: &Directory,
) -> bool {
    let (Some(owner), Some(began)) = (owner, began) else { return true };
    directory.device(&owner).is_none_or(|device| device == began) || is_vouched_by_root()
}

/// A document's graph of access, as it is now: it stays so for whoever has it, whatever comes.
#[derive(Debug, Clone)]
pub struct OpenAccess(Rc<Holding>);

impl Deref for OpenAccess {
    type Target = Access;

    fn deref(&self) -> &Access {
        self.0.access()
    }
}

/// Graphs that storage has, in the order in which they were used.
#[derive(Debug)]
struct Idle {
    graphs: LruCache<DocumentId, Rc<Holding>>,
    bytes: usize,
    /// About as many bytes are kept at hand.
    room: usize,
}

impl Idle {
    fn take(&mut self, document: &DocumentId) -> Option<Rc<Holding>> {
        let graph = self.graphs.remove(document)?;
        self.bytes = self.bytes.saturating_sub(graph.access().footprint());
        Some(graph)
    }

    fn put(&mut self, document: DocumentId, graph: Rc<Holding>) {
        self.take(&document);
        self.bytes = self.bytes.saturating_add(graph.access().footprint());
        self.graphs.insert(document, graph);
        self.make_room();
    }

    fn make_room(&mut self) {
        // One that is larger than all the room is kept until the next is used.
        while self.bytes > self.room && self.graphs.len() > 1 {
            let Some((_, given_up)) = self.graphs.remove_lru() else { return };
            self.bytes = self.bytes.saturating_sub(given_up.access().footprint());
        }
    }
}

/// All documents.
#[derive(Debug)]
pub(super) struct Documents {
    /// Those written, by their places.
    held: Vec<Held>,
    places: BTreeMap<DocumentId, u32>,
    sharings: Sharings,
    unreconciled: BTreeSet<DocumentId>,
    /// Erased by their owner, and not yet destroyed.
    to_destroy: BTreeSet<DocumentId>,
    /// Graphs that storage does not have, or not all of.
    kept: BTreeMap<DocumentId, Rc<Holding>>,
    idle: RefCell<Idle>,
    /// What peers are compared with, since anybody was.
    members: Option<Rc<Members>>,
    /// What changed in it since.
    changes: Changes,
    /// Documents whose summaries are to be written: once for all that comes together, since that of a document which names very
    /// many is long.
    unwritten: BTreeSet<DocumentId>,
}

impl Documents {
    pub(super) fn new() -> Self {
        Self {
            held: Vec::new(),
            places: BTreeMap::new(),
            sharings: Sharings::default(),
            unreconciled: BTreeSet::new(),
            to_destroy: BTreeSet::new(),
            kept: BTreeMap::new(),
            idle: RefCell::new(Idle { graphs: LruCache::new_unbounded(), bytes: 0, room: GRAPHS_BYTES }),
            members: None,
            changes: Changes::new(),
            unwritten: BTreeSet::new(),
        }
    }

    /// Enters a document that storage holds.
    pub(super) fn enter(&mut self, document: DocumentId, summary: Summary, destroyed: bool, unreconciled: bool) {
        self.remember(document, summary);
        if destroyed {
            self.mark_destroyed(&document);
        }
        if unreconciled {
            self.alter(&document, |held| held.unreconciled = true);
            self.unreconciled.insert(document);
        }
    }

    /// Documents that are written, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Held> + '_ {
        self.places.values().filter_map(|place| self.at(*place))
    }

    /// The same, those after one.
    pub(super) fn after(&self, last: Option<DocumentId>) -> impl Iterator<Item = &Held> + '_ {
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        self.places.range((from, Bound::Unbounded)).filter_map(|(_, place)| self.at(*place))
    }

    /// The document of a member of the set that is compared.
    pub(super) fn at(&self, place: u32) -> Option<&Held> {
        self.held.get(usize::try_from(place).ok()?)
    }

    pub(super) fn get(&self, document: &DocumentId) -> Option<&Held> {
        self.at(*self.places.get(document)?)
    }

    /// Changes what is kept of a document, and with it what peers are compared with.
    fn alter(&mut self, document: &DocumentId, alter: impl FnOnce(&mut Held)) {
        let Some(place) = self.places.get(document).copied() else { return };
        let Some(held) = usize::try_from(place).ok().and_then(|place| self.held.get_mut(place)) else { return };
        let before = held.members(place);
        alter(held);
        if self.members.is_some() {
            let (gone, now) = (before.into_iter().flatten(), held.members(place).into_iter().flatten());
            self.changes.extend(gone.map(|member| (member.item, None)));
            self.changes.extend(now.map(|member| (member.item, Some(member))));
            if self.changes.len() > CHANGES_SPARE.saturating_add(self.held.len() >> 2) {
                self.changes.clear();
                self.members = None;
            }
        }
    }

    pub(super) fn contains(&self, document: &DocumentId) -> bool {
        self.places.contains_key(document)
    }

    pub(super) const fn unreconciled(&self) -> &BTreeSet<DocumentId> {
        &self.unreconciled
    }

    pub(super) const fn to_destroy(&self) -> &BTreeSet<DocumentId> {
        &self.to_destroy
    }

    pub(super) fn mark_destroyed(&mut self, document: &DocumentId) {
        self.alter(document, |held| held.destroyed = true);
        self.to_destroy.remove(document);
    }

    /// Lets a document speak. Whether it was silent.
    pub(super) fn mark_reconciled(&mut self, document: &DocumentId) -> bool {
        self.alter(document, |held| held.unreconciled = false);
        self.unreconciled.remove(document)
    }

    /// Finds what the graph of a document comes to, after it changed.
    pub(super) fn summarise(&mut self, document: DocumentId, changed: impl Fn(Plane) -> bool) {
        let Some(graph) = self.kept.get(&document).map(|graph| graph.access()) else { return };
        let before = self.get(&document).map(|held| &held.summary);
        let summary = match before {
            Some(before) => Summary {
                // Content takes and gives no right.
                sharing: if changed(Plane::Control) { Arc::new(graph.sharing()) } else { Arc::clone(&before.sharing) },
                control: if changed(Plane::Control) { graph.item(Plane::Control) } else { before.control },
                content: if changed(Plane::Content) { graph.item(Plane::Content) } else { before.content },
            },
            None => Summary::of(graph),
        };
        if before != Some(&summary) {
            self.remember(document, summary);
            self.unwritten.insert(document);
        }
    }

    /// Orders the summary of a document written, although nothing changed.
    pub(super) fn write_again(&mut self, document: DocumentId) {
        self.unwritten.insert(document);
    }

    /// Whether all summaries were ordered written.
    pub(super) fn is_written_down(&self) -> bool {
        self.unwritten.is_empty()
    }

    /// What is to be written of summaries.
    pub(super) fn take_unwritten(&mut self) -> Vec<Write> {
        let of = |held: &Held| Write::Summary { document: held.document, summary: held.summary.clone() };
        std::mem::take(&mut self.unwritten).iter().filter_map(|document| self.get(document).map(of)).collect()
    }

    fn remember(&mut self, document: DocumentId, summary: Summary) {
        let (sharing, number) = self.sharings.join(summary.sharing);
        let summary = Summary { sharing, ..summary };
        match self.get(&document).map(|held| held.sharing) {
            Some(before) => {
                self.alter(&document, |held| (held.summary, held.sharing) = (summary, number));
                self.sharings.leave(before);
            }
            None => {
                self.places.insert(document, u32::try_from(self.held.len()).unwrap_or(u32::MAX));
                let empty = Summary { sharing: Arc::clone(&summary.sharing), control: None, content: None };
                self.held.push(Held { document, summary: empty, sharing: number, destroyed: false, unreconciled: false });
                self.alter(&document, |held| held.summary = summary);
            }
        }
        if self.get(&document).is_some_and(|held| held.refuses_content() && !held.destroyed) {
            self.to_destroy.insert(document);
        } else {
            self.to_destroy.remove(&document);
        }
    }

    /// Every plane of a document that has entries and may be compared with a peer's, as it is now.
    pub(super) fn members(&mut self) -> Rc<Members> {
        let members = match self.members.take() {
            Some(members) if self.changes.is_empty() => members,
            Some(members) => Rc::new(members.changed(&self.changes)),
            None => {
                let members = self.held.iter().zip(0..).flat_map(|(held, place)| held.members(place)).flatten();
                Rc::new(Members::new(members.collect()))
            }
        };
        self.changes.clear();
        Rc::clone(self.members.insert(members))
    }

    /// Who shares documents.
    pub(super) const fn sharings(&self) -> &Sharings {
        &self.sharings
    }

    /// The place that a member of the compared set stands for.
    pub(super) fn place_of(&self, members: &Members, item: &Hash) -> Option<Place> {
        Some((self.at(members.place(item)?)?.document(), set::plane_of(item)))
    }

    /// The graph of a document that is not given up for now.
    pub(super) fn kept(&self, document: &DocumentId) -> Option<&Holding> {
        self.kept.get(document).map(Rc::as_ref)
    }

    pub(super) fn all_kept(&self) -> impl Iterator<Item = &Holding> + '_ {
        self.kept.values().map(Rc::as_ref)
    }

    /// The same, to change it.
    pub(super) fn kept_mut(&mut self, document: &DocumentId) -> Option<&mut Holding> {
        self.kept.get_mut(document).map(Rc::make_mut)
    }

    /// The graph of a document that is written.
    pub(super) fn open(&self, document: &DocumentId, read: &dyn Read, directory: &Directory) -> Result<Option<OpenAccess>, ReadError> {
        if !self.contains(document) {
            return Ok(None);
        }
        if let Some(graph) = self.kept.get(document) {
            return Ok(Some(OpenAccess(Rc::clone(graph))));
        }
        if let Some(graph) = self.idle.borrow_mut().graphs.get(document) {
            return Ok(Some(OpenAccess(Rc::clone(graph))));
        }
        let graph = self.load(document, read, directory)?;
        self.idle.borrow_mut().put(*document, Rc::clone(&graph));
        Ok(Some(OpenAccess(graph)))
    }

    /// Reads a graph, which must be what its summary says: otherwise entries are not found any more that were written.
    fn load(&self, document: &DocumentId, read: &dyn Read, directory: &Directory) -> Result<Rc<Holding>, ReadError> {
        let graph = Holding::load(document, read.document(document)?, directory)?;
        let found = Plane::ALL.map(|plane| graph.access().item(plane));
        if self.get(document).is_some_and(|held| found != [held.summary.control, held.summary.content]) {
            return Err(ReadError(format!("document {document}: its entries are not those that were written")));
        }
        Ok(Rc::new(graph))
    }

    #[cfg(test)]
    pub(super) fn count_sharings(&self) -> usize {
        self.sharings.len()
    }

    /// What peers are compared with: of which documents, and who shares them.
    #[cfg(test)]
    pub(super) fn compared(&mut self) -> Vec<(Hash, DocumentId, Option<Sharing>)> {
        let (members, sharings) = (self.members(), self.sharings.verdicts(|sharing| Some(sharing.clone())));
        let of = |member: &Member| (member.item, self.at(member.place).unwrap().document, sharings[member.sharing as usize].clone());
        members.iter().map(of).collect()
    }

    pub(super) fn set_room(&mut self, bytes: usize) {
        let idle = self.idle.get_mut();
        idle.room = bytes;
        idle.make_room();
    }

    /// Keeps the graph of a document at hand to be changed; an empty one if there is none.
    pub(super) fn keep(&mut self, document: DocumentId, read: &dyn Read, directory: &Directory) -> Result<(), ReadError> {
        if self.kept.contains_key(&document) {
            return Ok(());
        }
        let idle = self.idle.get_mut().take(&document);
        let graph = match idle {
            Some(graph) => graph,
            None if self.contains(&document) => self.load(&document, read, directory)?,
            None => Rc::default(),
        };
        self.kept.insert(document, graph);
        Ok(())
    }

    /// The ids of all entries of a plane, in the order of writing.
    pub(super) fn ids(&self, (document, plane): Place, read: &dyn Read) -> Result<Vec<EntryId>, ReadError> {
        let of = |graph: &Rc<Holding>| graph.access().entries(plane).collect();
        if let Some(ids) = self.kept.get(&document).or(self.idle.borrow().graphs.peek(&document)).map(of) {
            return Ok(ids);
        }
        read.ids(&document, plane)
    }

    /// Forgets a document that was never written.
    pub(super) fn forget(&mut self, document: &DocumentId) {
        self.kept.remove(document);
    }

    /// All that was ordered written is in storage: graphs that it has may be given up.
    pub(super) fn written_out(&mut self) {
        let held_back = |graph: &Holding| !graph.is_written() || graph.has_pending();
        let (kept, idle) = std::mem::take(&mut self.kept).into_iter().partition(|(_, graph)| held_back(graph));
        self.kept = kept;
        let room = self.idle.get_mut();
        for (document, graph) in BTreeMap::into_iter(idle) {
            room.put(document, graph);
        }
    }
}
