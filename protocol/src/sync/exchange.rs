//! Entries on their way: taken from peers and from this node's own people, ordered written, and
//! passed on to whoever may hold them.

use super::documents::Held;
use super::events::{CommandError, Fault, Notice, Output};
use super::holding::{Accepted, Bringer, Holding, Receipt};
use super::machine::Machine;
use super::session::{Serve, What, Why};
use crate::codec::{Canonical, Reader};
use crate::directory::Directory;
use crate::entry::{Author, Header, Plane, SignedEntry, Subject, VerifiedEntry};
use crate::id::{DeviceId, DocumentId, EntryId, Hash, OrganisationId};
use crate::identity::SignedCard;
use crate::limits;
use crate::store::{NewEntry, Read, ReadError, Write};
use crate::time::Timestamp;
use crate::wire::{Message, Place};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Chance, the same whenever it is asked: where a peer stands among those to whom this node passes on what is said in a document.
fn rank(document: &DocumentId, us: &DeviceId, peer: &DeviceId) -> u64 {
    let hash = Hash::of(&[&document.as_bytes()[..], us.as_bytes(), peer.as_bytes()].concat());
    hash.as_bytes().iter().take(8).fold(0, |rank: u64, byte| rank.rotate_left(8) ^ u64::from(*byte))
}

impl Machine {
    pub(super) fn on_cards(&mut self, now: Timestamp, device: DeviceId, organisation: OrganisationId, cards: Vec<SignedCard>) {
        for card in cards {
            if self.is_of_successor(&card) {
                return self.keep_card(card, Some(organisation));
            }
            let brought_by = Some(organisation).filter(|by| *by != card.card().organisation);
            let author = Author::Device(card.card().device);
            // One of this organisation is its own root key's word, of a device that it must know of to disown it.
            let is_own = card.card().organisation == self.organisation();
            if is_own || self.waiting.iter().filter_map(|document| self.documents.kept(document)).any(|holding| holding.waits_for(&card)) {
                self.keep_card(card, brought_by);
            } else if !self.learn_card(card.clone(), brought_by)
                && !self.directory.may_author(&card.card().organisation, &author)
                && let Some(session) = self.sessions.get_mut(&device)
            {
                session.spare(card);
            }
        }
        self.retry_waiting(now);
    }

    /// Takes up the cards that entries need and for which there was no room.
    fn keep_needed_cards(&mut self, device: DeviceId, organisation: OrganisationId, entries: &[VerifiedEntry]) {
        for header in entries.iter().map(VerifiedEntry::header) {
            if self.directory.may_author(&header.organisation, &header.author) {
                continue;
            }
            let session = self.sessions.get(&device);
            if let Some(card) = session.and_then(|session| session.spare_card(&header.organisation, &header.author)) {
                self.keep_card(card, Some(organisation).filter(|by| *by != header.organisation));
            }
        }
    }

    /// Tries again what waited for a card.
    pub(super) fn retry_waiting(&mut self, now: Timestamp) {
        for document in self.waiting.clone() {
            self.absorb(now, document, Holding::retry_cards);
        }
    }

    pub(super) fn on_entries(
        &mut self,
        now: Timestamp,
        device: DeviceId,
        organisation: OrganisationId,
        place @ (document, plane): Place,
        entries: Vec<VerifiedEntry>,
        read: &dyn Read,
    ) -> Result<(), ReadError> {
        if !self.takes(device, organisation, place, &entries) {
            return Ok(());
        }
        if self.document(&document).is_none() && !self.unnamed.get(&document).is_some_and(|by| by.contains(&device)) {
            // Counted for each peer, so that none uses up the room of another.
            let is_full = self.unnamed_by(&device) >= limits::UNNAMED_DOCUMENTS;
            if self.leaves_aside(device, &document, &entries, is_full) {
                return Ok(());
            }
            if is_full {
                // What is new goes out at once, also of documents that are still to come with the round: after it there is another.
                let us = self.organisation();
                let is_for_us = |header: &Header| {
                    header.organisation == us || header.body.grants().iter().any(|grant| grant.subject == Subject::Organisation(us))
                };
                let is_early = entries.iter().map(VerifiedEntry::header).all(|header| header.document.is_some() || is_for_us(header));
                if let Some(session) = self.sessions.get_mut(&device).filter(|session| is_early && !session.settled) {
                    session.lost = true;
                    session.past_due = true;
                    return Ok(());
                }
                self.count_faults(device, vec![Fault::TooMuch("documents that do not name this organisation")]);
                return Ok(());
            }
            self.unnamed.entry(document).or_default().insert(device);
        }
        let mut is_known_after_all = false;
        if let Some(session) = self.sessions.get_mut(&device) {
            session.has((plane, document), entries.iter().map(VerifiedEntry::id));
            is_known_after_all = session.is_known_after_all((plane, document));
        }
        self.keep_needed_cards(device, organisation, &entries);
        let bringer = Some(Bringer { device, organisation });
        self.documents.keep(document, read, &self.directory)?;
        let receipt = self.absorb(now, document, |holding, directory| holding.receive(entries, bringer, directory));
        let Some(receipt) = receipt else {
            self.count_faults(device, vec![Fault::TooMuch("entries of a document that does not name this organisation")]);
            return Ok(());
        };
        self.pass_on_successor(device, &document);
        if let Some(session) = self.sessions.get_mut(&device) {
            session.progress = now;
            if receipt.left_aside {
                session.leave_aside(document);
                return Ok(());
            }
            session.gained |= !receipt.accepted.is_empty();
            let nothing_new = receipt.accepted.is_empty() && receipt.unsound.is_empty() && !receipt.waiting && !receipt.lost;
            session.hears_elsewhere |= nothing_new && !session.open.contains_key(&(plane, document));
            session.lost |= receipt.lost;
        }
        // An entry that waited is held against whoever brought it, not against who brought what it waited for.
        for (entry, rule, bringer) in receipt.unsound {
            if let Some(bringer) = bringer {
                self.count_faults(bringer.device, vec![Fault::Unsound { document, entry, rule }]);
            }
        }
        if receipt.waiting {
            self.ask_for_past(now, device, place, read)?;
        }
        if is_known_after_all {
            self.proceed(now, device, read)?;
        }
        Ok(())
    }

    /// How many documents in memory alone a device brought something of.
    pub(super) fn unnamed_by(&self, device: &DeviceId) -> usize {
        self.unnamed.values().filter(|by| by.contains(device)).count()
    }

    /// Faults that a peer may have a few of before its session ends.
    fn count_faults(&mut self, device: DeviceId, faults: Vec<Fault>) {
        for fault in faults {
            let Some(session) = self.sessions.get_mut(&device) else { return };
            session.faults = session.faults.saturating_add(1);
            if session.faults >= limits::FAULTS {
                return self.fault_and_end(device, fault);
            }
            self.fault(device, fault);
        }
    }

    /// Lets `take` put entries into a document that is kept at hand, and passes on what became sound. None if
    /// the document had to be forgotten.
    fn absorb(&mut self, now: Timestamp, document: DocumentId, take: impl FnOnce(&mut Holding, &Directory) -> Receipt) -> Option<Receipt> {
        let before = self.entitlements(&document, now);
        let is_destroyed = self.document(&document).is_some_and(Held::is_destroyed);
        let holding = self.documents.kept_mut(&document)?;
        let mut receipt = take(holding, &self.directory);
        if is_destroyed || holding.access().is_erased() {
            holding.forget_pending_content();
        }
        if !holding.has_pending() {
            self.waiting.remove(&document);
        } else if self.waiting.len() < limits::PENDING_DOCUMENTS {
            self.waiting.insert(document);
        } else if !self.waiting.contains(&document) {
            // The next round of reconciliation brings it again, with what it waits for.
            holding.forget_pending();
            receipt.lost = true;
        }
        let is_taken = self.documents.kept(&document).is_some_and(|holding| self.is_taken(holding));
        let holding = self.documents.kept_mut(&document)?;
        let Some(stored) = holding.record(&receipt.accepted, is_taken, now) else {
            receipt.left_aside = !holding.is_vouched_for(&self.directory);
            self.forget_document(&document);
            return receipt.left_aside.then_some(receipt);
        };
        if holding.is_written() {
            let owner = holding.access().owner();
            self.unnamed.remove(&document);
            // What was held back before is summed up whole, since nothing was yet.
            let planes = receipt.accepted.iter().map(|accepted| accepted.plane).collect();
            self.write_entries(document, owner, stored, &planes);
        }
        if !receipt.accepted.is_empty() && !self.unnamed.contains_key(&document) {
            for of_one in receipt.accepted.chunk_by(|one, next| one.bringer == next.bringer) {
                let entries = of_one.iter().map(|accepted| accepted.id).collect();
                let from = of_one.first().and_then(|accepted| accepted.bringer).map(|bringer| bringer.organisation);
                self.notice(Notice::Changed { document, entries, from });
            }
            self.push(now, document, &receipt.accepted, &before);
        }
        Some(receipt)
    }

    /// Orders entries of a document written, and finds what they come to with those before.
    fn write_entries(&mut self, document: DocumentId, owner: Option<OrganisationId>, new: Vec<NewEntry>, planes: &BTreeSet<Plane>) {
        if new.is_empty() {
            return;
        }
        if let Some(owner) = owner {
            self.charge(owner, &new);
        }
        self.outputs.extend(new.into_iter().map(|new| Output::Write(Write::Entry(Box::new(new)))));
        self.documents.summarise(document, |plane| planes.contains(&plane));
    }

    /// Of each connected peer, whether it may hold a document's control and content.
    fn entitlements(&self, document: &DocumentId, now: Timestamp) -> BTreeSet<(DeviceId, Plane)> {
        // Of what is held back nothing was passed on yet, whoever may hold it.
        let Some(held) = self.document(document) else { return BTreeSet::new() };
        let live = self.sessions.values().filter(|session| session.is_live());
        let mut entitled = BTreeSet::new();
        for (session, organisation) in live.filter_map(|session| Some((session, session.organisation?))) {
            for plane in Plane::ALL {
                if !session.is_declined((*document, plane)) && self.is_shared(held, plane, &organisation, now) {
                    entitled.insert((session.device, plane));
                }
            }
        }
        entitled
    }

    /// Those of the peers that may hold a plane to whom what another peer brought of it is offered later instead of being sent at
    /// once: those who hear of such things from elsewhere, but for a few, who are others for each document. Where neighbours form
    /// cycles most peers hear of it from elsewhere before their time has come.
    fn offered_later(
        &self,
        now: Timestamp,
        document: &DocumentId,
        entitled: &BTreeSet<(DeviceId, Plane)>,
        accepted: &[Accepted],
    ) -> BTreeMap<(DeviceId, Plane), Timestamp> {
        let spread_ms = limits::OFFER_WITHIN_MS.saturating_sub(limits::OFFER_AFTER_MS);
        let due = |rank: u64| now.plus_ms(rank.checked_rem(spread_ms).unwrap_or_default().saturating_add(limits::OFFER_AFTER_MS));
        let us = &self.card.card().device;
        let mut later = BTreeMap::new();
        for plane in Plane::ALL {
            let mut news = accepted.iter().filter(|accepted| accepted.plane == plane).peekable();
            // What this node itself says is sent to all at once.
            if news.peek().is_none() || news.any(|accepted| accepted.bringer.is_none()) {
                continue;
            }
            let brought =
                |device: &DeviceId| accepted.iter().any(|accepted| accepted.bringer.is_some_and(|bringer| bringer.device == *device));
            let others = entitled.iter().filter(|(device, of)| *of == plane && !brought(device));
            let hears_elsewhere = |device: &DeviceId| self.sessions.get(device).is_some_and(|session| session.hears_elsewhere);
            let ranked = others.map(|(device, _)| (hears_elsewhere(device), rank(document, us, device), *device));
            let ranked: BTreeSet<(bool, u64, DeviceId)> = ranked.collect();
            let rest = ranked.into_iter().skip(limits::FORWARDED_AT_ONCE).filter(|(elsewhere, ..)| *elsewhere);
            later.extend(rest.map(|(_, rank, device)| ((device, plane), due(rank))));
        }
        later
    }

    /// Passes entries on to every connected peer that may hold them; to one that may only now, all
    /// that came before too.
    fn push(&mut self, now: Timestamp, document: DocumentId, accepted: &[Accepted], before: &BTreeSet<(DeviceId, Plane)>) {
        let came: BTreeSet<EntryId> = accepted.iter().map(|accepted| accepted.id).collect();
        let entitled = self.entitlements(&document, now);
        let later = self.offered_later(now, &document, &entitled, accepted);
        for (device, plane) in entitled {
            let Some(holding) = self.documents.kept(&document) else { return };
            // A peer has what it brought itself.
            let is_theirs = |accepted: &Accepted| accepted.bringer.is_some_and(|bringer| bringer.device == device);
            let new = !before.contains(&(device, plane));
            let Some(session) = self.sessions.get_mut(&device) else { continue };
            if session.awaits_first_round() && accepted.iter().all(|accepted| accepted.bringer.is_some()) {
                continue;
            }
            // All of it is on its way, or comes once its control has.
            if [Plane::Control, plane].iter().any(|of| session.unknown.contains(&(*of, document))) {
                session.unknown.insert((plane, document));
                continue;
            }
            // What waits to be served of the document comes first, its control above all.
            if new || session.serves.iter().any(|serve| serve.document == document) {
                let theirs: BTreeSet<EntryId> = accepted.iter().filter(|entry| is_theirs(entry)).map(|entry| entry.id).collect();
                let wanted = |id: &EntryId| !theirs.contains(id) && (new || came.contains(id));
                let ids: VecDeque<EntryId> = holding.access().entries(plane).filter(wanted).collect();
                if ids.is_empty() {
                    continue;
                }
                // Of a document that is new here too, others hear from elsewhere as well.
                if let Some(due) = later.get(&(device, plane)).filter(|_| ids.iter().all(|id| came.contains(id)))
                    && session.offer_later((plane, document), ids.iter().copied(), *due)
                {
                    continue;
                }
                if session.serves.len() < limits::SERVES {
                    // One that may hold a plane *again* has most of it.
                    let what = if new && ids.len() > limits::PUSHED_WHOLE { What::Differing } else { What::These(ids) };
                    session.serves.push_back(Serve { document, plane, what, why: Why::Unasked });
                } else {
                    session.behind = true;
                }
                continue;
            }
            let news = accepted.iter().filter(|accepted| accepted.plane == plane && !is_theirs(accepted));
            if let Some(due) = later.get(&(device, plane))
                && session.offer_later((plane, document), news.clone().map(|accepted| accepted.id), *due)
            {
                continue;
            }
            let entries: Vec<SignedEntry> = news.map(|accepted| accepted.entry.signed().clone()).collect();
            if session.is_full() && !entries.is_empty() {
                session.behind = true;
            } else {
                self.send_entries(device, document, plane, entries);
            }
        }
    }

    /// Queues entries to a peer, the cards they need before them.
    pub(super) fn send_entries(&mut self, device: DeviceId, document: DocumentId, plane: Plane, entries: Vec<SignedEntry>) {
        if entries.is_empty() {
            return;
        }
        self.send_cards(device, &entries);
        let mut chunk = Vec::new();
        let mut bytes = 0_usize;
        for entry in entries {
            let size = entry.size();
            if !chunk.is_empty() && (bytes.saturating_add(size) > limits::ENTRIES_BYTES || chunk.len() >= limits::MESSAGE_ITEMS) {
                self.queue_entries(device, document, plane, std::mem::take(&mut chunk));
                bytes = 0;
            }
            bytes = bytes.saturating_add(size);
            chunk.push(entry);
        }
        self.queue_entries(device, document, plane, chunk);
    }

    fn queue_entries(&mut self, device: DeviceId, document: DocumentId, plane: Plane, entries: Vec<SignedEntry>) {
        let held = Some(((document, plane), entries.len()));
        self.queue_frame(device, Message::Entries { document, plane, entries }.encode(), held);
    }

    /// The cards by which entries' authors may author, and those of whom they name, so that a reader
    /// can be wrapped for and called by its name.
    fn send_cards(&mut self, device: DeviceId, entries: &[SignedEntry]) {
        let mut needed: BTreeMap<_, SignedCard> = BTreeMap::new();
        for header in entries.iter().filter_map(|entry| Header::read(&mut Reader::new(&entry.header)).ok()) {
            let mut need = |card: Option<&SignedCard>| {
                if let Some(card) = card {
                    needed.insert(*card.id(), card.clone());
                }
            };
            need(self.directory.card_of(&header.organisation, &header.author));
            need(self.directory.current(&header.organisation).map(|known| &known.card));
            for grant in header.body.grants() {
                if let Subject::Organisation(organisation) = grant.subject {
                    need(self.directory.current(&organisation).map(|known| &known.card));
                }
            }
        }
        let Some(session) = self.sessions.get_mut(&device) else { return };
        needed.retain(|id, _| session.sent_cards.insert(*id));
        let mut needed = needed.into_values().peekable();
        while needed.peek().is_some() {
            let cards = needed.by_ref().take(limits::MESSAGE_CARDS).collect();
            self.queue(device, &Message::Cards(cards));
        }
    }

    /// Counts entries of this node's own making, orders them written and passes them on.
    ///
    /// # Errors
    /// When a rule refuses one, or storage cannot be read. What came before it was counted: whoever drives the machine
    /// rolls its transaction back and builds the machine anew from storage.
    pub fn publish(&mut self, now: Timestamp, entry: VerifiedEntry, read: &dyn Read) -> Result<EntryId, CommandError> {
        if self.replaced_by().is_some() {
            return Err(CommandError::Replaced);
        }
        let (document, id) = (entry.document(), entry.id());
        let refuses = self.document(&document).is_some_and(Held::refuses_content);
        if refuses && entry.header().plane() == Plane::Content {
            return Err(CommandError::Erased);
        }
        self.documents.keep(document, read, &self.directory)?;
        let receipt = self.absorb(now, document, |holding, directory| holding.receive(vec![entry], None, directory));
        let receipt = receipt.ok_or(CommandError::Incomplete)?;
        if let Some((_, rule, _)) = receipt.unsound.first() {
            return Err((*rule).into());
        }
        if receipt.accepted.iter().any(|accepted| accepted.id == id) { Ok(id) } else { Err(CommandError::Incomplete) }
    }
}
