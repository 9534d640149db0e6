//! The machine: its state, and how inputs find their way.

use super::budget::{Accounts, Budget};
use super::documents::{Documents, Held, OpenAccess};
use super::events::{Connection, Fault, Input, Load, Notice, Output, Parting};
use super::holding::Holding;
use super::session::{Phase, Session, Waiting};
use crate::directory::{Directory, Known};
use crate::entry::SignedEntry;
use crate::id::{DeviceId, DocumentId, OrganisationId};
use crate::identity::{Address, Name, SignedAddresses, SignedCard};
use crate::limits;
use crate::store::{Invitation, Joining, Pairing, Peer, Read, ReadError, Start, Summary, Write};
use crate::time::Timestamp;
use crate::wire::{Message, Place};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// One node's share in the network, without any I/O.
#[derive(Debug)]
pub struct Machine {
    pub(super) card: SignedCard,
    pub(super) addresses: Option<SignedAddresses>,
    /// Which record of them each device of a peer took, since this node runs.
    pub(super) told: BTreeMap<DeviceId, u64>,
    pub(super) directory: Directory,
    pub(super) peers: BTreeMap<OrganisationId, Peer>,
    pub(super) invitations: Vec<Invitation>,
    pub(super) joinings: BTreeMap<OrganisationId, Joining>,
    pub(super) documents: Documents,
    /// Documents in memory alone, and who brought something of them.
    pub(super) unnamed: BTreeMap<DocumentId, BTreeSet<DeviceId>>,
    /// Documents of which something waits for its past or a card.
    pub(super) waiting: BTreeSet<DocumentId>,
    pub(super) sessions: BTreeMap<DeviceId, Session>,
    pub(super) outputs: VecDeque<Output>,
    /// Whose turn it was last to be served.
    pub(super) served_last: Option<DeviceId>,
    pub(super) accounts: Accounts,
    /// Documents that this organisation's own older devices began are taken from peers.
    pub(super) recovering: bool,
}

impl Machine {
    /// The machine of the organisation of `card`, from what its storage holds; `budget` says how much
    /// each peer may bring.
    ///
    /// # Errors
    /// When storage cannot be read, or holds what was never written there.
    pub fn new(card: SignedCard, start: Start, budget: Budget, read: &dyn Read) -> Result<Self, ReadError> {
        let mut directory = Directory::default();
        directory.keep(card.clone(), None);
        for (card, brought_by) in start.cards {
            directory.keep(card, brought_by);
        }
        for addresses in start.addresses {
            directory.add_addresses(addresses);
        }
        let mut accounts = Accounts::new(budget);
        let mut outputs = VecDeque::new();
        let mut documents = Documents::new();
        let is_whole = start.documents.values().all(Option::is_some);
        if is_whole {
            accounts.brought = start.brought;
        }
        for (document, summary) in start.documents {
            let summary = match summary.filter(|_| is_whole) {
                Some(summary) => summary,
                None => {
                    let stored = read.document(&document)?;
                    let sizes: Vec<_> = stored.iter().map(|stored| (stored.from, stored.entry.size())).collect();
                    let holding = Holding::load(&document, stored, &directory)?;
                    if let Some(owner) = holding.access().owner() {
                        accounts.bring(owner, sizes);
                    }
                    documents.write_again(document);
                    Summary::of(holding.access())
                }
            };
            documents.enter(document, summary, start.destroyed.contains(&document), start.unreconciled.contains(&document));
        }
        if !is_whole {
            outputs.extend(accounts.all_brought().map(Output::Write));
        }
        let mut machine = Self {
            addresses: directory.addresses(&card.card().device).cloned(),
            card,
            directory,
            peers: start.peers.into_iter().map(|peer| (peer.organisation, peer)).collect(),
            invitations: start.invitations,
            joinings: start.joinings.into_iter().map(|joining| (joining.organisation, joining)).collect(),
            documents,
            unnamed: BTreeMap::new(),
            waiting: BTreeSet::new(),
            sessions: BTreeMap::new(),
            outputs,
            told: BTreeMap::new(),
            served_last: None,
            accounts,
            recovering: false,
        };
        machine.recount();
        Ok(machine)
    }

    /// This node's organisation.
    #[must_use]
    pub fn organisation(&self) -> OrganisationId {
        self.card.card().organisation
    }

    /// This node's card.
    #[must_use]
    pub const fn card(&self) -> &SignedCard {
        &self.card
    }

    /// All organisations with a card here.
    #[must_use]
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Organisations paired or being paired.
    pub fn peers(&self) -> impl Iterator<Item = &Peer> + '_ {
        self.peers.values()
    }

    /// One of them.
    #[must_use]
    pub fn peer(&self, organisation: &OrganisationId) -> Option<&Peer> {
        self.peers.get(organisation)
    }

    /// Tickets this node is trying to use.
    pub fn joinings(&self) -> impl Iterator<Item = &Joining> + '_ {
        self.joinings.values()
    }

    /// Documents this node holds, ascending.
    pub fn documents(&self) -> impl Iterator<Item = &Held> + '_ {
        self.documents.iter()
    }

    /// The same, those after one: a pass through all of them goes on where it was.
    pub fn documents_after(&self, last: Option<DocumentId>) -> impl Iterator<Item = &Held> + '_ {
        self.documents.after(last)
    }

    /// One of them.
    #[must_use]
    pub fn document(&self, document: &DocumentId) -> Option<&Held> {
        self.documents.get(document)
    }

    /// The graph of access of one of them; none if this node does not hold it. It is read from storage unless it was used
    /// lately.
    ///
    /// # Errors
    /// When storage cannot be read.
    pub fn access(&self, document: &DocumentId, read: &dyn Read) -> Result<Option<OpenAccess>, ReadError> {
        self.documents.open(document, read, &self.directory)
    }

    /// Keeps about so many bytes of graphs at hand, those that were used last: less memory, or fewer reads.
    pub fn set_room_for_graphs(&mut self, bytes: usize) {
        self.documents.set_room(bytes);
    }

    /// Whether an organisation's session is open, and whether this node has all it offered.
    #[must_use]
    pub fn connection(&self, organisation: &OrganisationId) -> Option<Connection> {
        let session = self.sessions.values().find(|session| session.organisation.as_ref() == Some(organisation))?;
        Some(if session.is_in_sync() {
            Connection::InSync
        } else if session.is_live() {
            Connection::Syncing
        } else {
            Connection::Greeting
        })
    }

    /// The connected organisations that are being caught up with, their devices, and how many parts of documents, each a
    /// control or a content plane, are still to come from them as far as is known now.
    pub fn catching_up(&self) -> impl Iterator<Item = (OrganisationId, DeviceId, usize)> + '_ {
        let behind = self.sessions.values().filter(|session| session.is_live() && !session.is_in_sync());
        behind.filter_map(|session| Some((session.organisation?, session.device, session.left())))
    }

    /// Devices to stay connected with, and where each may be reached, best first.
    #[must_use]
    pub fn targets(&self) -> Vec<(DeviceId, Vec<Address>)> {
        if self.replaced_by().is_some() {
            return Vec::new();
        }
        let known = self.peers.values().filter(|peer| !peer.paused).filter_map(|peer| {
            let device = self.directory.device(&peer.organisation)?;
            let announced = self.directory.addresses(&device).map_or(&[][..], |signed| &signed.record().addresses);
            // A ticket of the peer says where it is now.
            let joining = self.joinings.get(&peer.organisation).filter(|joining| joining.device == device);
            let told = joining.map_or(&[][..], |joining| &joining.addresses);
            let mut addresses = Vec::new();
            for address in told.iter().chain(&peer.addresses).chain(announced) {
                if !addresses.contains(address) {
                    addresses.push(address.clone());
                }
            }
            Some((device, addresses))
        });
        let mut targets: Vec<(DeviceId, Vec<Address>)> = known.collect();
        for joining in self.joinings.values() {
            if targets.iter().all(|(device, _)| *device != joining.device) {
                targets.push((joining.device, joining.addresses.clone()));
            }
        }
        targets
    }

    /// Whether a device that nobody knows may connect: an invitation is open, or a peer may come back on another device.
    #[must_use]
    pub fn admits_strangers(&self, now: Timestamp) -> bool {
        let invited = || self.invitations.iter().any(|invitation| now < invitation.expires);
        let may_return = |peer: &Peer| peer.pairing == Pairing::Confirmed && !peer.paused;
        self.replaced_by().is_none() && (invited() || self.peers.values().any(may_return))
    }

    /// When [`Input::Tick`] is wanted next.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        let sessions = self.sessions.values().flat_map(|session| [session.deadline(), session.wake()]).flatten();
        let invitations = self.invitations.iter().map(|invitation| invitation.expires);
        let joinings = self.joinings.values().map(|joining| joining.expires);
        sessions.chain(invitations).chain(joinings).min()
    }

    /// Whether nothing waits to be handed out.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.outputs.is_empty() && self.documents.is_written_down() && self.accounts.is_written_down()
    }

    /// Takes one input.
    ///
    /// # Errors
    /// When storage cannot be read. The input may be half taken: whoever drives the machine rolls its transaction back and
    /// builds the machine anew from storage.
    pub fn handle(&mut self, now: Timestamp, input: Input, read: &dyn Read) -> Result<(), ReadError> {
        match input {
            Input::Connected(device) => self.on_connected(now, device),
            Input::Disconnected(device) => self.forget_session(device),
            Input::Received(device, message) => self.on_message(now, device, *message, read)?,
            Input::Refused(device, error) => self.fault_and_end(device, error.into()),
            Input::Sent(device, frames) => {
                if let Some(session) = self.sessions.get_mut(&device) {
                    session.sent(frames);
                    // A peer that takes what it is sent may have no time to ask for more.
                    session.progress = session.progress.max(now);
                }
            }
            Input::Tick => self.on_tick(now, read)?,
        }
        Ok(())
    }

    /// The next thing to do; none when all is done. Answers to peers are prepared here, once every
    /// write has been handed out.
    ///
    /// # Errors
    /// When storage cannot be read. The machine is as it was; try again or stop.
    pub fn poll_output(&mut self, now: Timestamp, read: &dyn Read) -> Result<Option<Output>, ReadError> {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return Ok(Some(output));
            }
            let unwritten = [self.documents.take_unwritten(), self.accounts.take_unwritten()];
            self.outputs.extend(unwritten.into_iter().flatten().map(Output::Write));
            if !self.outputs.is_empty() {
                continue;
            }
            for device in self.sessions.keys().copied().collect::<Vec<_>>() {
                self.send_waiting(now, device);
            }
            if !self.outputs.is_empty() {
                continue;
            }
            self.documents.written_out();
            if !self.serve_next(now, read)? {
                return Ok(None);
            }
        }
    }

    /// Sends what waits for a peer, as far as its connection has room. Content that it may no longer
    /// hold is left out: a right may have ended while it waited.
    fn send_waiting(&mut self, now: Timestamp, device: DeviceId) {
        while let Some(session) = self.sessions.get_mut(&device) {
            let organisation = session.organisation;
            let Some(Waiting { frame, entries }) = session.next_frame() else { return };
            if let (Some((place @ (document, plane), entries)), Some(organisation)) = (entries, organisation) {
                if self.shared(place, &organisation, now).is_none() {
                    continue;
                }
                self.notice(Notice::Disclosed { document, plane, entries, to: organisation });
            }
            if let Some(session) = self.sessions.get_mut(&device) {
                session.under_way(frame.len());
            }
            self.outputs.push_back(Output::Send(device, frame));
        }
    }

    /// What is kept in memory for a connected organisation.
    #[must_use]
    pub fn load(&self, organisation: &OrganisationId) -> Option<Load> {
        let session = self.sessions.values().find(|session| session.organisation.as_ref() == Some(organisation))?;
        let (waiting_frames, waiting_bytes, frames_under_way) = session.load();
        Some(Load {
            waiting_frames,
            waiting_bytes,
            frames_under_way,
            requests: session.serves.len(),
            asked: session.open.len(),
            unnamed: self.unnamed_by(&session.device),
        })
    }

    /// How many entries wait for something missing, and their bytes.
    #[must_use]
    pub fn pending(&self) -> (usize, usize) {
        let pending = self.documents.all_kept().map(Holding::pending);
        pending.fold((0, 0), |(entries, bytes), (more, size)| (entries.saturating_add(more), bytes.saturating_add(size)))
    }

    fn on_connected(&mut self, now: Timestamp, device: DeviceId) {
        self.forget_session(device);
        if self.replaced_by().is_some() {
            self.outputs.push_back(Output::Disconnect(device, Parting::Done));
            return;
        }
        let known = |peer: &&Peer| self.directory.device(&peer.organisation) == Some(device);
        if self.peers.values().any(|peer| known(&peer)) && self.peers.values().filter(known).all(|peer| peer.paused) {
            // Not as a stranger either: an invitation is for somebody else.
            self.outputs.push_back(Output::Disconnect(device, Parting::Done));
            return;
        }
        // If several claim the device, its Hello says whose it is.
        let paired = self.peers.values().filter(known).find(|peer| !peer.paused);
        // A ticket in use is shown also to a peer: it may have forgotten this node.
        let paired = paired.filter(|peer| !self.rejoins(&peer.organisation, &device));
        if let Some(organisation) = paired.map(|peer| peer.organisation) {
            self.sessions.insert(device, Session::new(device, Some(organisation), Phase::Greeting, now));
            self.send_hello(device, organisation);
        } else if self.joinings.values().any(|joining| joining.device == device) {
            self.sessions.insert(device, Session::new(device, None, Phase::Joining, now));
            self.send_pair_request(device);
        } else if self.admits_strangers(now) {
            let until = now.plus_ms(limits::STRANGER_MS);
            self.sessions.insert(device, Session::new(device, None, Phase::Stranger { until }, now));
        } else {
            self.outputs.push_back(Output::Disconnect(device, Parting::Done));
        }
    }

    pub(super) fn forget_session(&mut self, device: DeviceId) {
        self.sessions.remove(&device);
        let brought = self.unnamed.iter_mut().filter_map(|(document, by)| (by.remove(&device) && by.is_empty()).then_some(*document));
        let gone: Vec<DocumentId> = brought.collect();
        for document in gone {
            self.forget_document(&document);
        }
    }

    /// Forgets a document that was never written.
    pub(super) fn forget_document(&mut self, document: &DocumentId) {
        self.unnamed.remove(document);
        self.waiting.remove(document);
        self.documents.forget(document);
    }

    pub(super) fn end_session(&mut self, device: DeviceId) {
        self.forget_session(device);
        self.outputs.push_back(Output::Disconnect(device, Parting::Done));
    }

    fn on_tick(&mut self, now: Timestamp, read: &dyn Read) -> Result<(), ReadError> {
        let late: Vec<DeviceId> = self
            .sessions
            .values()
            .filter(|session| session.deadline().is_some_and(|deadline| deadline <= now))
            .map(|session| session.device)
            .collect();
        for device in late {
            // Slow is not hostile: it may be back at once.
            self.fault(device, Fault::Silent);
            self.end_session(device);
        }
        for device in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.begin_due_round(now, device);
            self.answer_early_step(now, device);
            if self.sessions.get_mut(&device).is_some_and(|session| session.take_due(now)) {
                self.proceed(now, device, read)?;
            }
        }
        self.end_invitations(now);
        Ok(())
    }

    pub(super) fn notice(&mut self, notice: Notice) {
        self.outputs.push_back(Output::Notice(notice));
    }

    pub(super) fn fault(&mut self, device: DeviceId, fault: Fault) {
        let organisation = self.sessions.get(&device).and_then(|session| session.organisation);
        self.notice(Notice::Fault { device, organisation, fault });
    }

    pub(super) fn fault_and_end(&mut self, device: DeviceId, fault: Fault) {
        self.fault(device, fault);
        self.forget_session(device);
        self.outputs.push_back(Output::Disconnect(device, Parting::Fault));
    }

    pub(super) fn queue(&mut self, device: DeviceId, message: &Message<SignedEntry>) {
        self.queue_frame(device, message.encode(), None);
    }

    /// Queues a frame, and gives up a peer that asks and asks and takes no answer.
    pub(super) fn queue_frame(&mut self, device: DeviceId, frame: Vec<u8>, entries: Option<(Place, usize)>) {
        let Some(session) = self.sessions.get_mut(&device) else { return };
        session.queue(frame, entries);
        if session.is_overfull() {
            self.fault_and_end(device, Fault::TooMuch("questions without taking the answers"));
        }
    }

    fn on_message(&mut self, now: Timestamp, device: DeviceId, message: Message, read: &dyn Read) -> Result<(), ReadError> {
        let Some(session) = self.sessions.get(&device) else { return Ok(()) };
        let (phase, organisation) = (session.phase, session.organisation);
        match (message, phase, organisation) {
            (Message::PairRequest { card, proof }, Phase::Stranger { .. }, None) => self.on_pair_request(now, device, card, &proof),
            (Message::Hello { card, addresses, confirmed }, Phase::Stranger { .. }, None) => {
                self.on_successor(now, device, card, addresses, confirmed);
            }
            (Message::PairRequest { card, proof }, Phase::Joining, None) => self.on_mutual_request(now, device, card, &proof),
            (Message::PairRequest { card, proof }, Phase::Greeting, Some(organisation)) => {
                self.on_repeated_request(now, device, organisation, &card, &proof);
            }
            (Message::Hello { card, addresses, confirmed }, Phase::Joining | Phase::Greeting, _) => {
                self.on_hello(now, device, card, addresses, confirmed);
            }
            (Message::Confirmed, Phase::Greeting, Some(organisation)) => self.on_confirmed(now, device, organisation),
            (Message::Confirmed, Phase::Live, _) => {}
            (Message::Cards(cards), Phase::Live, Some(organisation)) => self.on_cards(now, device, organisation, cards),
            (Message::Entries { document, plane, entries }, Phase::Live, Some(organisation)) => {
                return self.on_entries(now, device, organisation, (document, plane), entries, read);
            }
            (Message::Cards(cards), Phase::Joining | Phase::Greeting, _) => self.on_told(device, cards),
            (message, Phase::Live, Some(organisation)) => return self.on_reconciliation(now, device, organisation, message, read),
            (message, ..) => self.fault_and_end(device, Fault::OutOfTurn(message.name())),
        }
        Ok(())
    }

    fn on_reconciliation(
        &mut self,
        now: Timestamp,
        device: DeviceId,
        organisation: OrganisationId,
        message: Message,
        read: &dyn Read,
    ) -> Result<(), ReadError> {
        match message {
            Message::Reconcile(step) => return self.on_reconcile(now, device, organisation, step, read),
            Message::Need(items) => self.on_need(now, device, organisation, &items),
            Message::Offer(places) => return self.on_offer(now, device, places, read),
            Message::Have { document, plane, ids } => return self.on_have(now, device, organisation, (document, plane), ids, read),
            Message::Served { document, plane, lacking } => return self.on_served(now, device, (document, plane), lacking, read),
            Message::Probe { document, plane, step } => {
                return self.on_probe(now, device, organisation, (document, plane), &step, read);
            }
            Message::Probed { document, plane, step } => return self.on_probed(now, device, (document, plane), &step, read),
            Message::Want { document, plane, ids } => return self.on_want(now, device, organisation, (document, plane), ids, read),
            Message::Decline { places, again } => self.on_decline(now, device, &places, again),
            Message::Settled => self.on_settled(now, device),
            message @ (Message::Hello { .. }
            | Message::PairRequest { .. }
            | Message::Confirmed
            | Message::Cards(_)
            | Message::Entries { .. }) => self.fault_and_end(device, Fault::OutOfTurn(message.name())),
        }
        Ok(())
    }

    /// Takes a card if there is room; whether it was new and there was.
    pub(super) fn learn_card(&mut self, card: SignedCard, brought_by: Option<OrganisationId>) -> bool {
        let device_before = self.directory.device(&card.card().organisation);
        let added = self.directory.add(card.clone(), brought_by);
        if added {
            self.note_card(card, brought_by, device_before);
        }
        added
    }

    /// Takes the card that a device shows of itself. There is more room for the newest of an organisation than for others.
    pub(super) fn learn_shown(&mut self, card: SignedCard) {
        let current = self.directory.current(&card.card().organisation);
        let is_newest = current.is_some_and(|known| card.supersedes(&known.card));
        if is_newest && self.directory.cards(&card.card().organisation).count() < limits::CARDS_SHOWN {
            self.keep_card(card, None);
        } else {
            self.learn_card(card, None);
        }
    }

    /// Takes a card that an entry needs.
    pub(super) fn keep_card(&mut self, card: SignedCard, brought_by: Option<OrganisationId>) {
        let device_before = self.directory.device(&card.card().organisation);
        if self.directory.keep(card.clone(), brought_by) {
            self.note_card(card, brought_by, device_before);
        }
    }

    fn note_card(&mut self, card: SignedCard, brought_by: Option<OrganisationId>, device_before: Option<DeviceId>) {
        let organisation = card.card().organisation;
        self.outputs.push_back(Output::Write(Write::Card { card, brought_by }));
        self.notice(Notice::Card(organisation));
        if organisation == self.organisation() {
            self.end_if_replaced();
        } else if let Some(device) = self.directory.device(&organisation)
            && Some(device) != device_before
            && self.peers.contains_key(&organisation)
        {
            // The organisation acts through another device now: the old one is refused from here on.
            if let Some(before) = device_before {
                self.notice(Notice::Successor { organisation, device, before });
                self.part_from_replaced(before, &organisation);
            }
            self.outputs.push_back(Output::Targets);
        }
    }

    /// Announces where this node's device can be reached.
    pub fn announce(&mut self, addresses: SignedAddresses) {
        self.directory.add_addresses(addresses.clone());
        self.outputs.push_back(Output::Write(Write::Addresses(addresses.clone())));
        self.addresses = Some(addresses);
    }

    /// Remembers an address at which a peer was reached.
    pub fn reached(&mut self, device: &DeviceId, address: &Address) {
        let found = self.peers.values_mut().find(|peer| self.directory.device(&peer.organisation) == Some(*device));
        if let Some(peer) = found
            && peer.addresses.first() != Some(address)
        {
            peer.addresses.retain(|known| known != address);
            peer.addresses.insert(0, address.clone());
            peer.addresses.truncate(limits::ADDRESSES);
            let peer = peer.clone();
            self.outputs.push_back(Output::Write(Write::Peer(peer)));
        }
    }

    /// What people here call an organisation, and whether that was confirmed: a peer by its local
    /// name, anyone else by what its card says.
    #[must_use]
    pub fn name_of(&self, organisation: &OrganisationId) -> Option<(&Name, Option<&Known>)> {
        if let Some(peer) = self.peers.get(organisation) {
            return Some((&peer.name, None));
        }
        let known = self.directory.current(organisation)?;
        Some((&known.card.card().name, Some(known)))
    }
}
