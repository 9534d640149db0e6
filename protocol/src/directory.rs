//! Every organisation this node has a card of.

use crate::entry::{Author, Recipient};
use crate::id::{DeviceId, OrganisationId};
use crate::identity::{Replaced, SignedAddresses, SignedCard};
use crate::limits;
use std::collections::{BTreeMap, BTreeSet};

/// A card, and who brought it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The card.
    pub card: SignedCard,
    /// The paired organisation that passed it on; none if it came from the organisation itself.
    pub brought_by: Option<OrganisationId>,
}

/// Cards by organisation, and where devices say they are.
#[derive(Debug, Default)]
pub struct Directory {
    cards: BTreeMap<OrganisationId, Vec<Known>>,
    addresses: BTreeMap<DeviceId, SignedAddresses>,
    /// How many cards each peer brought of others.
    brought: BTreeMap<OrganisationId, usize>,
}

impl Directory {
    /// Takes a card; whether it was new and there was room. Of one organisation at most
    /// [`limits::CARDS_EACH`] are kept for their own sake, and of those that one peer brings at most
    /// [`limits::CARDS_BROUGHT`].
    pub fn add(&mut self, card: SignedCard, brought_by: Option<OrganisationId>) -> bool {
        let room = self.cards.get(&card.card().organisation).is_none_or(|known| known.len() < limits::CARDS_EACH)
            && brought_by.is_none_or(|by| self.brought.get(&by).is_none_or(|brought| *brought < limits::CARDS_BROUGHT));
        room && self.keep(card, brought_by)
    }

    /// Takes a card that is needed, whatever there is room for; whether it was new. Entries that it
    /// speaks for are counted elsewhere, so nobody gets to fill a node with cards in this way; without
    /// it two nodes could differ for good in what they hold, depending on which cards each saw first.
    pub fn keep(&mut self, card: SignedCard, brought_by: Option<OrganisationId>) -> bool {
        let organisation = card.card().organisation;
        let known = self.cards.entry(organisation).or_default();
        if known.iter().any(|known| known.card.id() == card.id()) {
            return false;
        }
        if let Some(by) = brought_by {
            let brought = self.brought.entry(by).or_default();
            *brought = brought.saturating_add(1);
        }
        known.push(Known { card, brought_by });
        true
    }

    /// Takes a record of addresses; whether it was newer than the one known.
    pub fn add_addresses(&mut self, signed: SignedAddresses) -> bool {
        let device = signed.record().device;
        let newer = self.addresses.get(&device).is_none_or(|known| known.record().sequence < signed.record().sequence);
        if newer {
            self.addresses.insert(device, signed);
        }
        newer
    }

    /// Where a device says it is.
    #[must_use]
    pub fn addresses(&self, device: &DeviceId) -> Option<&SignedAddresses> {
        self.addresses.get(device)
    }

    /// The card that says whom to connect to and wrap keys for.
    #[must_use]
    pub fn current(&self, organisation: &OrganisationId) -> Option<&Known> {
        self.cards.get(organisation)?.iter().reduce(|best, known| if known.card.supersedes(&best.card) { known } else { best })
    }

    /// The organisation's device in use.
    #[must_use]
    pub fn device(&self, organisation: &OrganisationId) -> Option<DeviceId> {
        self.current(organisation).map(|known| known.card.card().device)
    }

    /// Every card known of an organisation.
    pub fn cards(&self, organisation: &OrganisationId) -> impl Iterator<Item = &SignedCard> + '_ {
        self.cards.get(organisation).into_iter().flatten().map(|known| &known.card)
    }

    /// The organisation's devices that a newer card replaced, ascending.
    #[must_use]
    pub fn replaced_devices(&self, organisation: &OrganisationId) -> BTreeSet<DeviceId> {
        let current = self.device(organisation);
        let devices = self.cards.get(organisation).into_iter().flatten().map(|known| known.card.card().device);
        devices.filter(|device| Some(*device) != current).collect()
    }

    /// A device that a newer card of its organisation replaced; none if none did.
    #[must_use]
    pub fn replaced(&self, organisation: &OrganisationId, device: &DeviceId) -> Option<Replaced> {
        let is_replaced = self.replaced_devices(organisation).contains(device);
        is_replaced.then(|| Replaced { organisation: *organisation, device: *device, successors: self.successors(organisation, device) })
    }

    /// The organisation's devices that took the place of `device`: named by a card that supersedes every card of it.
    #[must_use]
    pub fn successors(&self, organisation: &OrganisationId, device: &DeviceId) -> BTreeSet<DeviceId> {
        let theirs = self.cards(organisation).filter(|card| card.card().device == *device);
        let newest = theirs.reduce(|best, card| if card.supersedes(best) { card } else { best });
        let is_later = |card: &&SignedCard| card.card().device != *device && newest.is_none_or(|newest| card.supersedes(newest));
        let later = self.cards(organisation).filter(is_later);
        later.map(|card| card.card().device).collect()
    }

    /// Whether a card says that `author` may author for `organisation`. Any card ever signed does.
    #[must_use]
    pub fn may_author(&self, organisation: &OrganisationId, author: &Author) -> bool {
        self.card_of(organisation, author).is_some()
    }

    /// The card by which `author` may author for `organisation`.
    #[must_use]
    pub fn card_of(&self, organisation: &OrganisationId, author: &Author) -> Option<&SignedCard> {
        let Author::Device(device) = author else { return None };
        self.cards.get(organisation)?.iter().map(|known| &known.card).find(|card| card.card().device == *device)
    }

    /// Whom to wrap a key for, and by which X25519 key.
    #[must_use]
    pub fn recipient(&self, organisation: &OrganisationId) -> Option<(Recipient, [u8; 32])> {
        let card = self.current(organisation)?.card.card();
        Some((Recipient { organisation: card.organisation, generation: card.generation }, card.wrap_key))
    }

    /// Every organisation, by its current card.
    pub fn organisations(&self) -> impl Iterator<Item = &Known> + '_ {
        self.cards.keys().filter_map(|organisation| self.current(organisation))
    }
}
