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

use super::events::{Fault, Notice};
use super::holding::Holding;
use super::machine::Machine;
use crate::entry::{Plane, VerifiedEntry};
use crate::id::{DeviceId, DocumentId, OrganisationId};
use crate::limits;
use crate::store::{Pairing, StoredEntry};
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
    declined: BTreeMap<OrganisationId, BTreeSet<Place>>,
}

impl Accounts {
    pub(super) fn new(budget: Budget) -> Self {
        Self { budget, ..Self::default() }
    }

    pub(super) fn count(&mut self, bringer: OrganisationId, whose: Whose, bytes: usize) {
        let used = self.used.entry((bringer, whose)).or_default();
        *used = used.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
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
        self.document(document).is_some_and(Holding::is_destroyed)
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

    /// Which budget a document of `owner` counts against; none for this node's own.
    pub(super) fn whose(&self, owner: Option<OrganisationId>) -> Option<Whose> {
        let owner = owner.filter(|owner| *owner != self.organisation());
        match owner {
            None => None,
            Some(owner) if self.peers.get(&owner).is_some_and(|peer| peer.pairing == Pairing::Confirmed) => Some(Whose::Neighbours),
            Some(_) => Some(Whose::Strangers),
        }
    }

    /// Whether entries that a peer sends are to be taken. If not, it was told so.
    pub(super) fn takes(&mut self, device: DeviceId, organisation: OrganisationId, place: Place, entries: &[VerifiedEntry]) -> bool {
        let (document, plane) = place;
        if self.declines(&organisation, place) {
            // It was told, but these were under way.
            return false;
        }
        let holding = self.holdings.get(&document).filter(|holding| holding.is_written());
        let owner = match holding {
            Some(_) if plane == Plane::Control => return true,
            Some(holding) if holding.refuses_content() => {
                // Where the order to erase counts on both sides, content is no part of what they share, and what comes was
                // under way. Where it fell after it was obeyed here, the peer is told that it offers it in vain.
                if !holding.access().is_erased() {
                    self.decline(device, organisation, place);
                }
                return false;
            }
            Some(holding) => holding.access().owner(),
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
        if places.len() < limits::DECLINED {
            places.insert(place);
        }
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
        self.accounts.used = BTreeMap::new();
        let mut counted: Vec<(OrganisationId, Whose, usize)> = Vec::new();
        for (_, holding) in self.documents() {
            if let Some(whose) = self.whose(holding.access().owner()) {
                counted.extend(holding.brought().map(|(bringer, bytes)| (bringer, whose, bytes)));
            }
        }
        for (bringer, whose, bytes) in counted {
            self.accounts.count(bringer, whose, bytes);
        }
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

    /// The entries of a document became durable: counts them against who brought them.
    pub(super) fn charge(&mut self, document: &DocumentId, stored: &[StoredEntry]) {
        let Some(whose) = self.holdings.get(document).and_then(|holding| self.whose(holding.access().owner())) else { return };
        for stored in stored {
            if let Some(bringer) = stored.from {
                self.accounts.count(bringer, whose, stored.entry.size());
            }
        }
    }
}
