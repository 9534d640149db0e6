//! What becomes of sessions and documents when an organisation goes on with another device.
//!
//! An organisation that lost its server, or had it stolen, signs a newer card with its root key. From then on
//!
//! - the device of the newer card is admitted, although nobody knew it: its Hello shows the card;
//! - the device of the older one is shown the newer card and let go, whenever it comes. If it is honest, a living original
//!   or a backup that was started twice, it ends for good;
//! - a document that the older device began counts as its owner's only once the root key said so, since a thief may have
//!   begun it;
//! - what came back from a backup is silent until it was compared with what a peer holds, since its owner may have had it
//!   erased meanwhile.

use super::documents::{Held, is_sharing_vouched_for};
use super::events::{Fault, Notice, Output, Parting};
use super::holding::Holding;
use super::machine::Machine;
use super::session::{Phase, Session};
use crate::access::Sharing;
use crate::entry::{Author, Plane, SignedEntry, Subject, VerifiedEntry};
use crate::id::{DeviceId, DocumentId, OrganisationId};
use crate::identity::{SignedAddresses, SignedCard};
use crate::limits;
use crate::store::Write;
use crate::time::Timestamp;
use crate::wire::{Message, Place};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Being replaced, and meeting who was.
impl Machine {
    /// The newer card of this organisation that puts another device in the place of this one. Nobody but its root key can
    /// sign one. This node is at its end then: it connects to nobody, lets nobody in and publishes nothing.
    #[must_use]
    pub fn replaced_by(&self) -> Option<&SignedCard> {
        self.directory.current(&self.organisation()).map(|known| &known.card).filter(|card| self.is_of_successor(card))
    }

    /// Whether a card puts another device in the place of this node's.
    pub(super) fn is_of_successor(&self, card: &SignedCard) -> bool {
        let (theirs, ours) = (card.card(), self.card.card());
        theirs.organisation == ours.organisation && theirs.device != ours.device && card.supersedes(&self.card)
    }

    /// A card of this organisation came: ends everything if it is a successor's.
    pub(super) fn end_if_replaced(&mut self) {
        if self.replaced_by().is_none() {
            return;
        }
        for device in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.end_session(device);
        }
        self.outputs.push_back(Output::Targets);
        self.notice(Notice::Replaced);
    }

    /// Cards before anything was said: the other side lets us go because we were replaced, or is at fault.
    pub(super) fn on_told(&mut self, device: DeviceId, cards: Vec<SignedCard>) {
        match cards.into_iter().find(|card| self.is_of_successor(card)) {
            Some(card) => self.keep_card(card, None),
            None => self.fault_and_end(device, Fault::OutOfTurn("cards")),
        }
    }

    /// Shows a device that was replaced the card that did it, and lets it go. Nothing is taken from it any more.
    pub(super) fn part_from_replaced(&mut self, device: DeviceId, organisation: &OrganisationId) {
        // Several organisations may name one device. It is told what becomes of the one that it shows itself as.
        let theirs = |session: &Session| session.organisation.is_none_or(|shown| shown == *organisation);
        if !self.sessions.get(&device).is_some_and(theirs) {
            return;
        }
        self.forget_session(device);
        if let Some(known) = self.directory.current(organisation) {
            let frame = Message::<SignedEntry>::Cards(vec![known.card.clone()]).encode();
            // Past what waits for it and the window: what waits is not for it any more.
            self.outputs.push_back(Output::Send(device, frame));
        }
        self.outputs.push_back(Output::Disconnect(device, Parting::Done));
    }

    /// Tells a peer which other devices its own organisation has had: one that was restored may not know of all that its root
    /// key must disown, and one that was replaced may not know that.
    pub(super) fn send_older_cards(&mut self, device: DeviceId) {
        let Some(session) = self.sessions.get_mut(&device) else { return };
        let Some(organisation) = session.organisation else { return };
        let mut cards: Vec<SignedCard> = self.directory.cards(&organisation).filter(|card| card.card().device != device).cloned().collect();
        // The newest, if there are more than it would keep of another.
        cards.sort_unstable_by_key(|card| (Reverse(card.card().generation), *card.id()));
        cards.truncate(limits::CARDS_EACH);
        if !cards.is_empty() {
            session.sent_cards.extend(cards.iter().map(|card| *card.id()));
            self.queue(device, &Message::Cards(cards));
        }
    }

    /// Parts from a stranger that shows a card of a peer that acts through another device since. Whether it did.
    pub(super) fn tell_if_replaced(&mut self, device: DeviceId, card: &SignedCard) -> bool {
        let organisation = card.card().organisation;
        let Some(current) = self.directory.current(&organisation).map(|known| &known.card) else { return false };
        let replaced = card.card().device == device && current.card().device != device && current.supersedes(card);
        let paired = self.peers.get(&organisation).is_some_and(|peer| !peer.paused);
        if replaced && paired {
            self.part_from_replaced(device, &organisation);
        }
        replaced && paired
    }

    /// A stranger says Hello: it is let in if it shows that a paired organisation acts through it from now on.
    pub(super) fn on_successor(
        &mut self,
        now: Timestamp,
        device: DeviceId,
        card: SignedCard,
        addresses: Option<SignedAddresses>,
        confirmed: bool,
    ) {
        if self.is_of_successor(&card) && card.card().device == device {
            // Our own successor came to us.
            return self.keep_card(card, None);
        }
        let organisation = card.card().organisation;
        if self.peers.get(&organisation).is_none_or(|peer| peer.paused) {
            return self.fault_and_end(device, Fault::NotInvited);
        }
        if self.tell_if_replaced(device, &card) {
            return;
        }
        if card.card().device == device {
            self.learn_shown(card.clone());
        }
        // Also if there was no room for one more card of it.
        if self.directory.device(&organisation) != Some(device) {
            return self.fault_and_end(device, Fault::WrongCard);
        }
        let Some(session) = self.sessions.get_mut(&device) else { return };
        session.organisation = Some(organisation);
        session.phase = Phase::Greeting;
        session.progress = now;
        self.send_hello(device, organisation);
        self.on_hello(now, device, card, addresses, confirmed);
    }
}

/// Documents that a device began which its owner lost.
impl Machine {
    /// While this organisation recovers from the loss of a device, documents that its own older devices began are taken
    /// from peers although nobody answers for them yet: its root key is about to say of each what it keeps.
    pub const fn set_recovering(&mut self, recovering: bool) {
        self.recovering = recovering;
    }

    /// Whether a document is to be written: it names this organisation, and its owner answers for it.
    pub(super) fn is_taken(&self, holding: &Holding) -> bool {
        let us = self.organisation();
        let ours = self.recovering && holding.access().owner() == Some(us);
        holding.access().was_ever_named(&us) && (ours || holding.is_vouched_for(&self.directory))
    }

    /// Whether entries begin a document in the name of a device that its organisation replaced.
    fn are_begun_by_replaced(&self, entries: &[VerifiedEntry]) -> bool {
        let genesis = entries.iter().map(VerifiedEntry::header).find(|header| header.document.is_none());
        genesis.is_some_and(|genesis| {
            let current = self.directory.device(&genesis.organisation).map(Author::Device);
            self.directory.may_author(&genesis.organisation, &genesis.author) && current != Some(genesis.author)
        })
    }

    /// Whether entries of a document that is not held are left aside without blame: nobody answers for it, and there is no
    /// room for more such. Once its owner's root key speaks, the next round brings it.
    pub(super) fn leaves_aside(&mut self, device: DeviceId, document: &DocumentId, entries: &[VerifiedEntry], is_full: bool) -> bool {
        let begun_by_replaced = is_full && self.are_begun_by_replaced(entries);
        let Some(session) = self.sessions.get_mut(&device) else { return false };
        if session.left_aside.contains(document) {
            if entries.iter().any(|entry| matches!(entry.header().author, Author::Root(_))) {
                session.left_aside.remove(document);
                self.note_round(device);
            }
            return true;
        }
        begun_by_replaced && session.leave_aside(*document)
    }

    /// Nobody answers for a document that a peer sent: the peer may not have heard of the owner's newer card.
    pub(super) fn pass_on_successor(&mut self, device: DeviceId, document: &DocumentId) {
        let kept_back = self.documents.kept(document).filter(|holding| !holding.is_written() && !holding.is_vouched_for(&self.directory));
        let card = kept_back.and_then(|holding| self.directory.current(&holding.access().owner()?)).map(|known| known.card.clone());
        let Some((card, session)) = card.zip(self.sessions.get_mut(&device)) else { return };
        if session.sent_cards.insert(*card.id()) {
            self.queue(device, &Message::Cards(vec![card]));
        }
    }

    /// Whether the owner of a document answers for it, or is one of the two who would exchange it: it must get what others
    /// hold in its name, to answer for it.
    pub(super) fn is_vouched_between(&self, sharing: &Sharing, organisation: &OrganisationId) -> bool {
        let owner = sharing.owner();
        is_sharing_vouched_for(sharing, &self.directory) || owner == Some(*organisation) || owner == Some(self.organisation())
    }
}

/// Documents that came back from a backup.
impl Machine {
    /// Documents that came back from a backup and were not compared with what a peer holds: they are silent.
    pub fn unreconciled(&self) -> impl Iterator<Item = DocumentId> + '_ {
        self.documents.unreconciled().iter().copied()
    }

    /// Lets those speak that no other organisation was ever named in: there is nobody who could know more of them.
    pub fn reconcile_alone(&mut self) {
        let us = self.organisation();
        let alone = |held: &Held| {
            let sharing = held.sharing();
            sharing.named().iter().all(|named| *named == us) && !sharing.names(Subject::Anyone)
        };
        let alone: BTreeSet<DocumentId> = self.unreconciled().filter(|document| self.document(document).is_some_and(alone)).collect();
        self.reconcile(alone);
    }

    /// These are silent no longer.
    pub(super) fn reconcile(&mut self, documents: BTreeSet<DocumentId>) {
        for document in documents {
            if !self.documents.mark_reconciled(&document) {
                continue;
            }
            self.outputs.push_back(Output::Write(Write::Reconciled(document)));
            self.notice(Notice::Reconciled(document));
        }
    }

    /// Lets these speak although nobody confirmed them: whoever runs the node says that nobody will. What a peer knows of them
    /// and this node does not, it hears when that peer comes after all.
    pub fn release(&mut self, documents: BTreeSet<DocumentId>) {
        self.end_silence(documents);
    }

    /// A round is over that compared who may do what in silent documents: they speak, and the next rounds compare what
    /// they say.
    pub(super) fn end_silence(&mut self, silent: BTreeSet<DocumentId>) {
        if silent.is_empty() {
            return;
        }
        self.reconcile(silent);
        for device in self.live() {
            if let Some(session) = self.sessions.get_mut(&device) {
                session.content_due = true;
            }
            self.note_round(device);
        }
    }

    /// Whether a place is content that a peer may hold, and that is silent as yet. Nothing of it is served; but the peer need
    /// not send what is here.
    pub(super) fn is_silent(&self, (document, plane): Place, organisation: &OrganisationId, now: Timestamp) -> bool {
        let silent = self.document(&document).filter(|held| plane == Plane::Content && !held.is_reconciled());
        silent.is_some_and(|held| held.sharing().may_hold(organisation, plane, now) && !held.refuses_content())
    }

    /// The silent documents whose control is compared in a round with a peer.
    pub(super) fn silent_among(&self, device: &DeviceId, organisation: &OrganisationId, now: Timestamp) -> BTreeSet<DocumentId> {
        let is_compared = |document: &&DocumentId| self.is_compared((**document, Plane::Control), device, organisation, now);
        self.documents.unreconciled().iter().filter(is_compared).copied().collect()
    }
}
