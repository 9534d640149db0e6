//! How much a node keeps for its neighbours, and declining what is more.
//!
//! Every written entry that a peer brought counts against one of that peer's two budgets: documents of
//! this organisation's own pairing circle (the owner is paired), and documents of strangers, whom only
//! the bringer vouches for. Beyond a budget a peer's new documents and new content are declined: they
//! leave the sets that are compared and are sent no more, until there is room. Control of a document
//! that is held is always taken, because a withdrawal or a revocation must reach every holder.
//!
//! What was declined is remembered by whoever declined it, in memory, and said again at the beginning
//! of each session; a node that restarts is offered it once more.

use super::documents::Held;
use super::events::{Fault, Notice};
use super::machine::Machine;
use crate::entry::{Plane, VerifiedEntry};
use crate::id::{DeviceId, DocumentId, OrganisationId};
use crate::limits;
use crate::store::{NewEntry, Pairing, StoredEntry, Write};
use crate::time::Timestamp;
use crate::wire::{Message, Place};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of entries that one peer may bring and this node keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// In documents owned by organisations that are paired with this node.
    pub neighbours: u64,
    /// In documents owned by others.
    pub strangers: u64,
}

impl Default for Budget {
    /// 4 GiB and 256 MiB: millions of bulletins, and some hundred thousand.
    fn default() -> Self {
        Self { neighbours: 4 << 30, strangers: 256 << 20 }
    }
}

/// Whose documents: which of a peer's budgets an entry counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whose {
    Neighbours,
    Strangers,
}

/// What a peer brought and what was declined to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of entries in documents of paired organisations.
    pub neighbours: u64,
    /// Bytes of entries in documents of others.
    pub strangers: u64,
    /// Planes of documents that are declined for lack of room.
    pub declined: usize,
}

/// The node's accounts with its peers.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    budget: Budget,
    used: BTreeMap<(OrganisationId, Whose), u64>,
    pub(super) declined: BTreeMap<OrganisationId, BTreeSet<Place>>,
    /// Of whom more is to be written than was: once for all that comes together.
    unwritten: BTreeSet<(OrganisationId, OrganisationId)>,
    /// Bytes that each peer brought, in documents of each owner.
    pub(super) brought: BTreeMap<(OrganisationId, OrganisationId), u64>,
}

impl Accounts {
    pub(super) fn new(budget: Budget) -> Self {
        Self { budget, ..Self::default() }
    }

    fn count(&mut self, bringer: OrganisationId, whose: Whose, bytes: u64) {
        let used = self.used.entry((bringer, whose)).or_default();
        *used = used.saturating_add(bytes);
    }

    /// Counts entries of a document of `owner` to whoever brought each.
    pub(super) fn bring(&mut self, owner: OrganisationId, sizes: impl IntoIterator<Item = (Option<OrganisationId>, usize)>) {
        for (bringer, bytes) in sizes.into_iter().filter_map(|(bringer, bytes)| Some((bringer?, bytes))) {
            let brought = self.brought.entry((bringer, owner)).or_default();
            *brought = brought.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        }
    }

    /// Takes back from the count what was destroyed.
    fn unbring(&mut self, owner: OrganisationId, bringer: OrganisationId, bytes: usize) {
        if let Some(brought) = self.brought.get_mut(&(bringer, owner)) {
            *brought = brought.saturating_sub(u64::try_from(bytes).unwrap_or(u64::MAX));
        }
    }

    /// All that was brought, to be written.
    pub(super) fn all_brought(&self) -> impl Iterator<Item = Write> + '_ {
        self.brought.iter().map(|((bringer, owner), bytes)| Write::Brought { bringer: *bringer, owner: *owner, bytes: *bytes })
    }

    /// Whether all of it was ordered written.
    pub(super) fn is_written_down(&self) -> bool {
        self.unwritten.is_empty()
    }

    /// What is to be written.
    pub(super) fn take_unwritten(&mut self) -> Vec<Write> {
        let write = |(bringer, owner)| {
            let bytes = self.brought.get(&(bringer, owner)).copied().unwrap_or_default();
            Write::Brought { bringer, owner, bytes }
        };
        std::mem::take(&mut self.unwritten).into_iter().map(write).collect()
    }

    fn used(&self, bringer: &OrganisationId, whose: Whose) -> u64 {
        self.used.get(&(*bringer, whose)).copied().unwrap_or_default()
    }

    fn is_full(&self, bringer: &OrganisationId, whose: Whose) -> bool {
        let most = match whose {
            Whose::Neighbours => self.budget.neighbours,
            Whose::Strangers => self.budget.strangers,
        };
        self.used(bringer, whose) >= most
    }
}

impl Machine {
    /// What a peer brought, and how much of what it offers is declined.
    #[must_use]
    pub fn usage(&self, organisation: &OrganisationId) -> Usage {
        Usage {
            neighbours: self.accounts.used(organisation, Whose::Neighbours),
            strangers: self.accounts.used(organisation, Whose::Strangers),
            declined: self.accounts.declined.get(organisation).map_or(0, |places| {
                places.iter().filter(|(document, plane)| *plane == Plane::Control || !self.is_destroyed(document)).count()
            }),
        }
    }

    fn is_destroyed(&self, document: &DocumentId) -> bool {
        self.document(document).is_some_and(Held::is_destroyed)
    }

    /// How much a peer may bring.
    #[must_use]
    pub const fn budget(&self) -> Budget {
        self.accounts.budget
    }

    /// Whether this node declines a place to a peer.
    pub(super) fn declines(&self, organisation: &OrganisationId, (document, plane): Place) -> bool {
        let declined = |plane| self.accounts.declined.get(organisation).is_some_and(|places| places.contains(&(document, plane)));
        declined(plane) || declined(Plane::Control)
    }

    /// Whether this node declines anything to a peer.
    pub(super) fn declines_any(&self, organisation: &OrganisationId) -> bool {
        self.accounts.declined.get(organisation).is_some_and(|places| !places.is_empty())
    }

    /// Which budget a document of `owner` counts against; none for this node's own.
    pub(super) fn whose(&self, owner: Option<OrganisationId>) -> Option<Whose> {
        let owner = owner.filter(|owner| *owner != self.organisation());
        match owner {
            None => None,
            Some(owner) if self.peers.get(&owner).is_some_and(|peer| peer.pairing == Pairing::Confirmed) => Some(Whose::Neighbours),
            Some(_) => Some(Whose::Strangers),
        }
    }

    /// Whether entries that a peer sends are to be taken. If not, it was told so, as far as there is room to remember that.
    pub(super) fn takes(&mut self, device: DeviceId, organisation: OrganisationId, place: Place, entries: &[VerifiedEntry]) -> bool {
        let (document, plane) = place;
        if self.declines(&organisation, place) {
            // It was told, but these were under way.
            return false;
        }
        let held = self.document(&document);
        let owner = match held {
            Some(_) if plane == Plane::Control => return true,
            Some(held) if held.refuses_content() => {
                // Where the order to erase counts on both sides, content is no part of what they share, and what comes was
                // under way. Where it fell after it was obeyed here, the peer is told that it offers it in vain.
                if !held.sharing().is_erased() {
                    self.decline(device, organisation, place);
                }
                return false;
            }
            Some(held) => held.sharing().owner(),
            // Its genesis, if it is among them, says whose a new document is; otherwise it is a stranger's.
            None => entries.iter().find(|entry| entry.header().document.is_none()).map(|genesis| genesis.header().organisation),
        };
        let whose = if owner.is_none() { Some(Whose::Strangers) } else { self.whose(owner) };
        if !whose.is_some_and(|whose| self.accounts.is_full(&organisation, whose)) {
            return true;
        }
        self.decline(device, organisation, place);
        self.notice(Notice::Declined { document, organisation });
        false
    }

    fn decline(&mut self, device: DeviceId, organisation: OrganisationId, place: Place) {
        let places = self.accounts.declined.entry(organisation).or_default();
        if places.len() >= limits::DECLINED {
            // The peer remembers as many, and would blame who declines more. What it sends in vain is not taken all the same.
            return;
        }
        places.insert(place);
        self.queue(device, &Message::Decline { places: vec![place], again: false });
    }

    /// Tells a peer at the beginning of a session what it need not offer.
    pub(super) fn send_declines(&mut self, device: DeviceId) {
        let Some(organisation) = self.sessions.get(&device).and_then(|session| session.organisation) else { return };
        let places: Vec<Place> = self.accounts.declined.get(&organisation).into_iter().flatten().copied().collect();
        for places in places.chunks(limits::MESSAGE_ITEMS) {
            self.queue(device, &Message::Decline { places: places.to_vec(), again: false });
        }
    }

    /// A peer will not take places, or takes them again.
    pub(super) fn on_decline(&mut self, now: Timestamp, device: DeviceId, places: &[Place], again: bool) {
        let Some(session) = self.sessions.get_mut(&device) else { return };
        if again {
            for place in places {
                session.they_decline.remove(place);
            }
            return self.want_round(now, device);
        }
        session.they_decline.extend(places);
        if session.they_decline.len() > limits::DECLINED {
            self.fault_and_end(device, Fault::TooMuch("documents that it declines"));
        }
        // What is under way to it is left out when its turn comes.
    }

    /// Counts anew what every peer brought, because it changed who is paired; and takes again what was declined.
    pub(super) fn recount(&mut self) {
        self.recount_used();
        for (organisation, places) in std::mem::take(&mut self.accounts.declined) {
            let device = self.sessions.values().find(|s| s.is_live() && s.organisation == Some(organisation)).map(|s| s.device);
            let Some(device) = device else { continue };
            let places: Vec<Place> = places.into_iter().collect();
            for places in places.chunks(limits::MESSAGE_ITEMS) {
                self.queue(device, &Message::Decline { places: places.to_vec(), again: true });
            }
            self.note_round(device);
        }
    }

    fn recount_used(&mut self) {
        self.accounts.used = BTreeMap::new();
        let brought: Vec<_> = self.accounts.brought.iter().map(|((bringer, owner), bytes)| (*bringer, *owner, *bytes)).collect();
        for (bringer, owner, bytes) in brought {
            if let Some(whose) = self.whose(Some(owner)) {
                self.accounts.count(bringer, whose, bytes);
            }
        }
    }

    /// Entries of a document of `owner` are written: counts them against who brought them.
    pub(super) fn charge(&mut self, owner: OrganisationId, new: &[NewEntry]) {
        let whose = self.whose(Some(owner));
        for new in new {
            let Some(bringer) = new.from else { continue };
            let bytes = new.entry.signed().size();
            self.accounts.unwritten.insert((bringer, owner));
            self.accounts.bring(owner, [(Some(bringer), bytes)]);
            if let Some(whose) = whose {
                self.accounts.count(bringer, whose, u64::try_from(bytes).unwrap_or(u64::MAX));
            }
        }
    }

    /// The content of a document of `owner` is destroyed: what it took no longer counts against who brought it.
    pub(super) fn discharge(&mut self, owner: OrganisationId, stored: &[StoredEntry]) {
        for StoredEntry { entry, from, .. } in stored {
            let Some(bringer) = from else { continue };
            let parts = [&entry.payload, &entry.wraps].into_iter().flatten().map(Vec::len);
            self.accounts.unwritten.insert((*bringer, owner));
            self.accounts.unbring(owner, *bringer, parts.fold(0, usize::saturating_add));
        }
        self.recount_used();
    }
}
