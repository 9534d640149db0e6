//! The machine: its state, its inputs and outputs, and what commands ask of it.

use super::holding::{Accepted, Holding, Receipt};
use super::session::{Phase, Serve, Session};
use crate::access::Unsound;
use crate::codec::Canonical;
use crate::directory::{Directory, Known};
use crate::entry::{Header, Plane, SignedEntry, Subject, VerifiedEntry};
use crate::id::{DeviceId, DocumentId, EntryId, OrganisationId};
use crate::identity::{Address, Name, SignedAddresses, SignedCard};
use crate::limits;
use crate::store::{Invitation, Joining, Peer, Read, ReadError, Start, Write};
use crate::time::Timestamp;
use crate::wire::{Message, WireError};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What happens to a node.
#[derive(Debug)]
pub enum Input {
    /// A session with a device is open. The connection proves that it is that device.
    Connected(DeviceId),
    /// It is over.
    Disconnected(DeviceId),
    /// A message, its signatures checked.
    Received(DeviceId, Box<Message>),
    /// A frame that was refused.
    Refused(DeviceId, WireError),
    /// So many frames were taken by the connection.
    Sent(DeviceId, usize),
    /// Time passed; see [`Machine::wake_at`].
    Tick,
}

/// What a peer did wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It sent a frame that is refused.
    #[error("it sent a faulty message: {0}")]
    Frame(#[from] WireError),
    /// It sent an entry that breaks a rule.
    #[error("it sent entry {entry} of document {document}, which breaks a rule: {rule}")]
    Unsound {
        /// The document.
        document: DocumentId,
        /// The entry.
        entry: EntryId,
        /// The rule.
        rule: Unsound,
    },
    /// It sent a message that has no place at this point.
    #[error("it sent {0} out of turn")]
    OutOfTurn(&'static str),
    /// Its card is not that of the organisation or device it should be.
    #[error("its card names another organisation or device than expected")]
    WrongCard,
    /// It showed no invitation, or one that is used or over.
    #[error("it is not paired with this node and showed no valid invitation")]
    NotInvited,
    /// It sent more of something than is allowed.
    #[error("it sent more {0} than allowed")]
    TooMuch(&'static str),
    /// It did not answer.
    #[error("it did not answer in time")]
    Silent,
}

/// What the operator, the log and the pages may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Entries became sound.
    Changed {
        /// Of which document.
        document: DocumentId,
        /// Which, in causal order.
        entries: Vec<EntryId>,
        /// Who brought them; none if they are this node's own.
        from: Option<OrganisationId>,
    },
    /// Entries were sent to a peer.
    Disclosed {
        /// Of which document.
        document: DocumentId,
        /// Of which plane.
        plane: Plane,
        /// How many.
        entries: usize,
        /// To whom.
        to: OrganisationId,
    },
    /// A peer did something wrong.
    Fault {
        /// Which device.
        device: DeviceId,
        /// Whose, if it is known.
        organisation: Option<OrganisationId>,
        /// What.
        fault: Fault,
    },
    /// Pairing with an organisation began, went on or is complete.
    Pairing(OrganisationId),
    /// This node now has all that a peer offered.
    InSync(OrganisationId),
    /// A card came that was not known.
    Card(OrganisationId),
}

/// Why a session is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parting {
    /// There is nothing to talk about, or it begins anew.
    Done,
    /// The peer did something wrong: it should not be back at once.
    Fault,
}

/// What the machine wants done, in order.
#[derive(Debug)]
pub enum Output {
    /// Make a record durable, before anything that follows leaves the node.
    Write(Write),
    /// Send a frame, once all writes before it are durable.
    Send(DeviceId, Vec<u8>),
    /// End a session.
    Disconnect(DeviceId, Parting),
    /// [`Machine::targets`] or [`Machine::admits_strangers`] changed.
    Targets,
    /// Tell whoever wants to know.
    Notice(Notice),
}

/// Why a command was refused. Whoever gave it can mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No such peer.
    #[error("no organisation {0} is paired or being paired with this node; `csu peer list` shows those that are")]
    UnknownPeer(OrganisationId),
    /// The ticket is one's own.
    #[error("this ticket was given out by this organisation itself; hand it to the other one")]
    OwnTicket,
    /// The ticket is over.
    #[error("the ticket ended at {0}; ask the other organisation for a new one")]
    TicketEnded(Timestamp),
    /// The organisation is paired.
    #[error(
        "this organisation is already paired with this node; if the other side has ended the pairing, type `csu peer remove` and use the ticket again"
    )]
    AlreadyPaired,
    /// The number differs: somebody may stand between.
    #[error(
        "the number is not the one this node shows: somebody may stand between you. Do not confirm; remove the peer and pair again with a new ticket"
    )]
    OtherNumber,
    /// The node's own entry breaks a rule.
    #[error("the access rules refuse it: {0}")]
    Refused(#[from] Unsound),
    /// The node's own entry names something that is not here.
    #[error("something that it builds on is not on this node; wait until the neighbours are connected and try again")]
    Incomplete,
}

/// One node's share in the network, without any I/O.
#[derive(Debug)]
pub struct Machine {
    pub(super) card: SignedCard,
    pub(super) addresses: Option<SignedAddresses>,
    pub(super) directory: Directory,
    pub(super) peers: BTreeMap<OrganisationId, Peer>,
    pub(super) invitations: Vec<Invitation>,
    pub(super) joinings: BTreeMap<OrganisationId, Joining>,
    pub(super) holdings: BTreeMap<DocumentId, Holding>,
    /// Documents in memory alone, and who brought them.
    pub(super) unnamed: BTreeMap<DocumentId, DeviceId>,
    pub(super) sessions: BTreeMap<DeviceId, Session>,
    pub(super) outputs: VecDeque<Output>,
    /// Whose turn it was last to be served.
    pub(super) served_last: Option<DeviceId>,
}

impl Machine {
    /// The machine of the organisation of `card`, from what its storage holds.
    ///
    /// # Errors
    /// When storage cannot be read, or holds what was never written there.
    pub fn new(card: SignedCard, start: Start, read: &dyn Read) -> Result<Self, ReadError> {
        let mut directory = Directory::default();
        directory.add(card.clone(), None);
        for (card, brought_by) in start.cards {
            directory.add(card, brought_by);
        }
        for addresses in start.addresses {
            directory.add_addresses(addresses);
        }
        let mut holdings = BTreeMap::new();
        for document in start.documents {
            let mut entries = Vec::new();
            for stored in read.document(&document)? {
                entries.push(stored.entry.reopen().map_err(|error| ReadError(format!("document {document}: {error}")))?);
            }
            let mut holding = Holding::default();
            if let Some(id) = holding.load(entries, &directory).first() {
                return Err(ReadError(format!("document {document}: entry {id} no longer fits")));
            }
            holdings.insert(document, holding);
        }
        Ok(Self {
            card,
            addresses: None,
            directory,
            peers: start.peers.into_iter().map(|peer| (peer.organisation, peer)).collect(),
            invitations: start.invitations,
            joinings: start.joinings.into_iter().map(|joining| (joining.organisation, joining)).collect(),
            holdings,
            unnamed: BTreeMap::new(),
            sessions: BTreeMap::new(),
            outputs: VecDeque::new(),
            served_last: None,
        })
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

    /// Documents this node holds.
    pub fn documents(&self) -> impl Iterator<Item = (&DocumentId, &Holding)> + '_ {
        self.holdings.iter().filter(|(_, holding)| holding.is_written())
    }

    /// One of them.
    #[must_use]
    pub fn document(&self, document: &DocumentId) -> Option<&Holding> {
        self.holdings.get(document).filter(|holding| holding.is_written())
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

    /// Devices to stay connected with, and where each may be reached, best first.
    #[must_use]
    pub fn targets(&self) -> Vec<(DeviceId, Vec<Address>)> {
        let known = self.peers.values().filter(|peer| !peer.paused).filter_map(|peer| {
            let device = self.directory.device(&peer.organisation)?;
            let announced = self.directory.addresses(&device).map_or(&[][..], |signed| &signed.record().addresses);
            let mut addresses = Vec::new();
            for address in peer.addresses.iter().chain(announced) {
                if !addresses.contains(address) {
                    addresses.push(address.clone());
                }
            }
            Some((device, addresses))
        });
        let joining = self.joinings.values().map(|joining| (joining.device, joining.addresses.clone()));
        known.chain(joining).collect()
    }

    /// Whether a device that nobody knows may connect: an invitation is open.
    #[must_use]
    pub fn admits_strangers(&self, now: Timestamp) -> bool {
        self.invitations.iter().any(|invitation| now < invitation.expires)
    }

    /// When [`Input::Tick`] is wanted next.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        let sessions = self.sessions.values().filter_map(Session::deadline);
        let invitations = self.invitations.iter().map(|invitation| invitation.expires);
        let joinings = self.joinings.values().map(|joining| joining.expires);
        sessions.chain(invitations).chain(joinings).min()
    }

    /// Whether nothing waits to be handed out.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.outputs.is_empty()
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        match input {
            Input::Connected(device) => self.on_connected(now, device),
            Input::Disconnected(device) => self.forget_session(device),
            Input::Received(device, message) => self.on_message(now, device, *message),
            Input::Refused(device, error) => self.fault_and_end(device, error.into()),
            Input::Sent(device, frames) => {
                if let Some(session) = self.sessions.get_mut(&device) {
                    session.sent(frames);
                }
            }
            Input::Tick => self.on_tick(now),
        }
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
            for session in self.sessions.values_mut() {
                while let Some(frame) = session.next_frame() {
                    self.outputs.push_back(Output::Send(session.device, frame));
                }
            }
            if self.outputs.is_empty() && !self.serve_next(now, read)? {
                return Ok(None);
            }
        }
    }

    fn on_connected(&mut self, now: Timestamp, device: DeviceId) {
        self.forget_session(device);
        let paired = self.peers.values().find(|peer| !peer.paused && self.directory.device(&peer.organisation) == Some(device));
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
        let gone: Vec<DocumentId> = self.unnamed.iter().filter(|(_, by)| **by == device).map(|(document, _)| *document).collect();
        for document in gone {
            self.unnamed.remove(&document);
            self.holdings.remove(&document);
        }
    }

    pub(super) fn end_session(&mut self, device: DeviceId) {
        self.forget_session(device);
        self.outputs.push_back(Output::Disconnect(device, Parting::Done));
    }

    fn on_tick(&mut self, now: Timestamp) {
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
        self.end_invitations(now);
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
        if let Some(session) = self.sessions.get_mut(&device) {
            session.queue(message.encode());
        }
    }

    fn on_message(&mut self, now: Timestamp, device: DeviceId, message: Message) {
        let Some(session) = self.sessions.get(&device) else { return };
        let (phase, organisation) = (session.phase, session.organisation);
        match (message, phase, organisation) {
            (Message::PairRequest { card, proof }, Phase::Stranger { .. }, None) => self.on_pair_request(now, device, card, &proof),
            // The answer to an earlier request was lost, and we know the device by now: our Hello is on its way.
            (Message::PairRequest { .. }, Phase::Greeting, Some(_)) => {}
            (Message::Hello { card, addresses, confirmed }, Phase::Joining | Phase::Greeting, _) => {
                self.on_hello(now, device, card, addresses, confirmed);
            }
            (Message::Confirmed, Phase::Greeting, Some(organisation)) => self.on_confirmed(now, device, organisation),
            (Message::Confirmed, Phase::Live, _) => {}
            (Message::Cards(cards), Phase::Live, Some(organisation)) => self.on_cards(now, cards, Some(organisation)),
            (Message::Summary { plane, items, last }, Phase::Live, Some(_)) => self.on_summary(now, device, plane, items, last),
            (Message::Have { document, plane, ids }, Phase::Live, Some(organisation)) => {
                self.on_have(now, device, organisation, document, plane, &ids);
            }
            (Message::Entries { document, plane, entries }, Phase::Live, Some(organisation)) => {
                self.on_entries(now, device, organisation, document, plane, entries);
            }
            (Message::Served { document, plane }, Phase::Live, Some(_)) => self.on_served(now, device, document, plane),
            (message, ..) => self.fault_and_end(device, Fault::OutOfTurn(message.name())),
        }
    }

    pub(super) fn learn_card(&mut self, card: SignedCard, brought_by: Option<OrganisationId>) {
        let organisation = card.card().organisation;
        let device_before = self.directory.device(&organisation);
        if !self.directory.add(card.clone(), brought_by) {
            return;
        }
        self.outputs.push_back(Output::Write(Write::Card { card, brought_by }));
        self.notice(Notice::Card(organisation));
        if self.peers.contains_key(&organisation) && self.directory.device(&organisation) != device_before {
            // The organisation acts through another device now: the old one is refused from here on.
            if let Some(old) = device_before {
                self.end_session(old);
            }
            self.outputs.push_back(Output::Targets);
        }
    }

    fn on_cards(&mut self, now: Timestamp, cards: Vec<SignedCard>, brought_by: Option<OrganisationId>) {
        for card in cards {
            let direct = brought_by == Some(card.card().organisation);
            self.learn_card(card, if direct { None } else { brought_by });
        }
        let waiting: Vec<DocumentId> =
            self.holdings.iter().filter(|(_, holding)| holding.has_pending()).map(|(document, _)| *document).collect();
        for document in waiting {
            self.absorb(now, document, brought_by, None, Holding::retry_cards);
        }
    }

    fn on_entries(
        &mut self,
        now: Timestamp,
        device: DeviceId,
        organisation: OrganisationId,
        document: DocumentId,
        plane: Plane,
        entries: Vec<VerifiedEntry>,
    ) {
        if !self.holdings.contains_key(&document) {
            if self.unnamed.len() >= limits::UNNAMED_DOCUMENTS {
                return self.fault(device, Fault::TooMuch("documents that do not name this organisation"));
            }
            self.unnamed.insert(document, device);
        }
        let receipt =
            self.absorb(now, document, Some(organisation), Some(device), |holding, directory| holding.receive(entries, directory));
        let Some(receipt) = receipt else {
            return self.fault(device, Fault::TooMuch("entries of a document that does not name this organisation"));
        };
        for (entry, rule) in &receipt.unsound {
            self.fault(device, Fault::Unsound { document, entry: *entry, rule: *rule });
        }
        let faults = u32::try_from(receipt.unsound.len()).unwrap_or(u32::MAX);
        let Some(session) = self.sessions.get_mut(&device) else { return };
        session.progress = now;
        session.faults = session.faults.saturating_add(faults);
        if session.faults >= limits::FAULTS {
            self.forget_session(device);
            return self.outputs.push_back(Output::Disconnect(device, Parting::Fault));
        }
        if receipt.waiting {
            self.ask_for_past(device, document, plane);
        }
    }

    /// Lets `take` put entries into a document's holding, and passes on what became sound. None if
    /// the document had to be forgotten.
    fn absorb(
        &mut self,
        now: Timestamp,
        document: DocumentId,
        from: Option<OrganisationId>,
        from_device: Option<DeviceId>,
        take: impl FnOnce(&mut Holding, &Directory) -> Receipt,
    ) -> Option<Receipt> {
        let us = self.organisation();
        let before = self.entitlements(&document, now);
        let holding = self.holdings.entry(document).or_default();
        let receipt = take(holding, &self.directory);
        let Some(stored) = holding.record(&receipt.accepted, &us, from, now) else {
            self.holdings.remove(&document);
            self.unnamed.remove(&document);
            return None;
        };
        if holding.is_written() {
            self.unnamed.remove(&document);
        }
        for stored in stored {
            self.outputs.push_back(Output::Write(Write::Entry { document, stored }));
        }
        if !receipt.accepted.is_empty() && !self.unnamed.contains_key(&document) {
            let entries = receipt.accepted.iter().map(|accepted| accepted.id).collect();
            self.notice(Notice::Changed { document, entries, from });
            self.push(now, document, &receipt.accepted, from_device, &before);
        }
        Some(receipt)
    }

    /// Of each connected peer, whether it may hold a document's control and content.
    fn entitlements(&self, document: &DocumentId, now: Timestamp) -> BTreeSet<(DeviceId, Plane)> {
        let Some(holding) = self.holdings.get(document) else { return BTreeSet::new() };
        let live = self.sessions.values().filter(|session| session.is_live());
        let mut entitled = BTreeSet::new();
        for (session, organisation) in live.filter_map(|session| Some((session, session.organisation?))) {
            for plane in Plane::ALL {
                if holding.access().may_hold(&organisation, plane, now) {
                    entitled.insert((session.device, plane));
                }
            }
        }
        entitled
    }

    /// Passes entries on to every connected peer that may hold them; to one that may only now, all
    /// that came before too.
    fn push(
        &mut self,
        now: Timestamp,
        document: DocumentId,
        accepted: &[Accepted],
        from: Option<DeviceId>,
        before: &BTreeSet<(DeviceId, Plane)>,
    ) {
        for (device, plane) in self.entitlements(&document, now) {
            let Some(holding) = self.holdings.get(&document) else { return };
            if !before.contains(&(device, plane)) {
                let ids = holding.access().entries(plane).collect();
                if let Some(session) = self.sessions.get_mut(&device) {
                    if session.serves.len() < limits::SERVES {
                        session.serves.push_back(Serve { document, plane, ids, asked: false });
                    } else {
                        session.behind = true;
                    }
                }
                continue;
            }
            if from == Some(device) {
                continue;
            }
            if self.sessions.get(&device).is_some_and(Session::is_full) {
                if let Some(session) = self.sessions.get_mut(&device) {
                    session.behind = true;
                }
                continue;
            }
            let entries: Vec<SignedEntry> =
                accepted.iter().filter(|accepted| accepted.plane == plane).map(|accepted| accepted.entry.clone()).collect();
            self.send_entries(device, document, plane, entries);
        }
    }

    /// Queues entries to a peer, the cards they need before them.
    pub(super) fn send_entries(&mut self, device: DeviceId, document: DocumentId, plane: Plane, entries: Vec<SignedEntry>) {
        let Some(organisation) = self.sessions.get(&device).and_then(|session| session.organisation) else { return };
        if entries.is_empty() {
            return;
        }
        self.send_cards(device, &entries);
        self.notice(Notice::Disclosed { document, plane, entries: entries.len(), to: organisation });
        let mut chunk = Vec::new();
        let mut bytes = 0_usize;
        for entry in entries {
            let size = entry.size();
            if !chunk.is_empty() && (bytes.saturating_add(size) > limits::ENTRIES_BYTES || chunk.len() >= limits::MESSAGE_ITEMS) {
                self.queue(device, &Message::Entries { document, plane, entries: std::mem::take(&mut chunk) });
                bytes = 0;
            }
            bytes = bytes.saturating_add(size);
            chunk.push(entry);
        }
        self.queue(device, &Message::Entries { document, plane, entries: chunk });
    }

    /// The cards by which entries' authors may author, and those of whom they name, so that a reader
    /// can be wrapped for and called by its name.
    fn send_cards(&mut self, device: DeviceId, entries: &[SignedEntry]) {
        let mut needed: BTreeMap<_, SignedCard> = BTreeMap::new();
        for header in entries.iter().filter_map(|entry| Header::from_canonical(&entry.header).ok()) {
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
        if !needed.is_empty() {
            self.queue(device, &Message::Cards(needed.into_values().collect()));
        }
    }

    /// Counts entries of this node's own making, orders them written and passes them on.
    ///
    /// # Errors
    /// When a rule refuses one. What came before it was counted: whoever drives the machine rolls
    /// its transaction back and builds the machine anew from storage.
    pub fn publish(&mut self, now: Timestamp, entry: VerifiedEntry) -> Result<EntryId, CommandError> {
        let (document, id) = (entry.document(), entry.id());
        let receipt = self.absorb(now, document, None, None, |holding, directory| holding.receive(vec![entry], directory));
        let receipt = receipt.ok_or(CommandError::Incomplete)?;
        if let Some((_, rule)) = receipt.unsound.first() {
            return Err((*rule).into());
        }
        if receipt.accepted.iter().any(|accepted| accepted.id == id) { Ok(id) } else { Err(CommandError::Incomplete) }
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

/// How a peer's session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// Open; a confirmation or Hello is missing.
    Greeting,
    /// Data moves; not all is here yet.
    Syncing,
    /// This node has all that the peer offered.
    InSync,
}
