//! Invitations, Hellos and confirmations.

use super::events::{CommandError, Fault, Notice, Output};
use super::machine::Machine;
use super::session::Phase;
use crate::entropy::Entropy;
use crate::id::{DeviceId, OrganisationId};
use crate::identity::{Address, InvitationSecret, PairingProof, SecurityNumber, SignedAddresses, SignedCard, Ticket};
use crate::limits;
use crate::store::{Invitation, Joining, Pairing, Peer, Write};
use crate::time::Timestamp;
use crate::wire::Message;

impl Peer {
    /// Whether this side's operator confirmed the security number.
    #[must_use]
    pub const fn we_confirmed(&self) -> bool {
        matches!(self.pairing, Pairing::Confirmed | Pairing::Waiting { we_confirmed: true, .. })
    }

    /// Shows another number, of a ticket used again. What was confirmed before covered the same root key, and stays once
    /// complete; half a confirmation is begun anew.
    fn show(&mut self, number: SecurityNumber) {
        if self.number != number && self.pairing != Pairing::Confirmed {
            self.pairing = Pairing::Waiting { we_confirmed: false, they_confirmed: false };
        }
        self.number = number;
    }

    /// Whether the other side says its operator did.
    #[must_use]
    pub const fn they_confirmed(&self) -> bool {
        matches!(self.pairing, Pairing::Confirmed | Pairing::Waiting { they_confirmed: true, .. })
    }
}

impl Machine {
    /// Invites: a ticket for one organisation, good until `expires`.
    pub fn invite(&mut self, expires: Timestamp, addresses: Vec<Address>, entropy: &mut Entropy) -> Ticket {
        let secret = InvitationSecret::draw(entropy);
        let invitation = Invitation { secret: secret.clone(), expires };
        self.invitations.push(invitation.clone());
        self.outputs.push_back(Output::Write(Write::Invitation(invitation)));
        self.outputs.push_back(Output::Targets);
        let card = self.card.card();
        Ticket { organisation: card.organisation, device: card.device, addresses, secret, expires }
    }

    /// Uses a ticket: connects to whoever gave it out and shows its secret. One of a peer that cannot be reached where it was
    /// says where it is now; what was confirmed with it stays.
    ///
    /// # Errors
    /// When the ticket is one's own or over, or of a peer that is connected or paused or of which it says nothing new.
    pub fn join(&mut self, now: Timestamp, ticket: Ticket) -> Result<(), CommandError> {
        if self.replaced_by().is_some() {
            return Err(CommandError::Replaced);
        }
        if ticket.organisation == self.organisation() {
            return Err(CommandError::OwnTicket);
        }
        // Whoever gives the same ticket again hears that it was used, also once it is over.
        if self.peers.get(&ticket.organisation).is_some_and(|peer| !self.is_news(peer, &ticket)) {
            return Err(CommandError::AlreadyPaired);
        }
        if ticket.expires <= now {
            return Err(CommandError::TicketEnded(ticket.expires));
        }
        let Ticket { organisation, device, addresses, secret, expires } = ticket;
        let joining = Joining { organisation, device, addresses, secret, expires };
        self.joinings.insert(organisation, joining.clone());
        self.outputs.push_back(Output::Write(Write::Joining(joining)));
        self.outputs.push_back(Output::Targets);
        if self.sessions.contains_key(&device) {
            // Connected for another reason, such as an open invitation of ours: begin again as the invited.
            self.end_session(device);
        }
        Ok(())
    }

    /// Whether a ticket says where a peer, which is not connected, may be reached and was not known to be.
    fn is_news(&self, peer: &Peer, ticket: &Ticket) -> bool {
        let is_connected = self.sessions.values().any(|session| session.organisation == Some(peer.organisation));
        let announced = self.directory.addresses(&ticket.device).map_or(&[][..], |signed| &signed.record().addresses);
        let is_known = |address: &Address| peer.addresses.contains(address) || announced.contains(address);
        let is_there = self.directory.device(&peer.organisation) == Some(ticket.device) && ticket.addresses.iter().all(is_known);
        !is_connected && !peer.paused && !is_there
    }

    /// Whether a ticket of a peer is in use that names this device.
    pub(super) fn rejoins(&self, organisation: &OrganisationId, device: &DeviceId) -> bool {
        self.joinings.get(organisation).is_some_and(|joining| joining.device == *device)
    }

    /// The operator confirms that both screens show the same number.
    ///
    /// # Errors
    /// When there is no such peer, or `typed` is given and is another number.
    pub fn confirm(&mut self, now: Timestamp, organisation: &OrganisationId, typed: Option<&str>) -> Result<(), CommandError> {
        let peer = self.peers.get_mut(organisation).ok_or(CommandError::UnknownPeer(*organisation))?;
        if typed.is_some_and(|typed| !peer.number.matches(typed)) {
            return Err(CommandError::OtherNumber);
        }
        let Pairing::Waiting { they_confirmed, .. } = peer.pairing else { return Ok(()) };
        peer.pairing = Pairing::Waiting { we_confirmed: true, they_confirmed };
        self.write_peer(organisation);
        let device = self.sessions.values().find(|session| session.organisation.as_ref() == Some(organisation)).map(|s| s.device);
        match device {
            Some(device) => {
                self.queue(device, &Message::Confirmed);
                self.go_live(now, device, *organisation);
            }
            // Both have confirmed, one of them while apart: the next Hello says so.
            None => self.settle(organisation),
        }
        Ok(())
    }

    /// Stops or takes up the exchange with a peer.
    ///
    /// # Errors
    /// When there is no such peer.
    pub fn pause(&mut self, organisation: &OrganisationId, paused: bool) -> Result<(), CommandError> {
        let peer = self.peers.get_mut(organisation).ok_or(CommandError::UnknownPeer(*organisation))?;
        peer.paused = paused;
        self.write_peer(organisation);
        self.outputs.push_back(Output::Targets);
        if paused {
            self.end_sessions_of(organisation);
        }
        Ok(())
    }

    /// Forgets a peer. What it gave stays; nothing more is exchanged.
    ///
    /// # Errors
    /// When there is no such peer and no ticket of it is in use.
    pub fn remove_peer(&mut self, organisation: &OrganisationId) -> Result<(), CommandError> {
        let joining = self.joinings.remove(organisation).is_some();
        if joining {
            self.outputs.push_back(Output::Write(Write::JoiningEnded(*organisation)));
        }
        if self.peers.remove(organisation).is_none() && !joining {
            return Err(CommandError::UnknownPeer(*organisation));
        }
        self.outputs.push_back(Output::Write(Write::PeerRemoved(*organisation)));
        self.outputs.push_back(Output::Targets);
        self.end_sessions_of(organisation);
        self.recount();
        Ok(())
    }

    fn end_sessions_of(&mut self, organisation: &OrganisationId) {
        let theirs: Vec<DeviceId> = self
            .sessions
            .values()
            .filter(|session| session.organisation.as_ref() == Some(organisation))
            .map(|session| session.device)
            .collect();
        for device in theirs {
            self.end_session(device);
        }
    }

    fn write_peer(&mut self, organisation: &OrganisationId) {
        if let Some(peer) = self.peers.get(organisation).cloned() {
            self.outputs.push_back(Output::Write(Write::Peer(peer)));
            self.notice(Notice::Pairing(*organisation));
        }
    }

    pub(super) fn end_invitations(&mut self, now: Timestamp) {
        let (open, over): (Vec<Invitation>, Vec<Invitation>) =
            std::mem::take(&mut self.invitations).into_iter().partition(|invitation| now < invitation.expires);
        self.invitations = open;
        let late: Vec<OrganisationId> =
            self.joinings.values().filter(|joining| joining.expires <= now).map(|joining| joining.organisation).collect();
        if !over.is_empty() || !late.is_empty() {
            self.outputs.push_back(Output::Targets);
        }
        for invitation in over {
            self.outputs.push_back(Output::Write(Write::InvitationEnded(invitation.secret)));
        }
        for organisation in late {
            self.joinings.remove(&organisation);
            self.outputs.push_back(Output::Write(Write::JoiningEnded(organisation)));
        }
    }

    pub(super) fn send_hello(&mut self, device: DeviceId, organisation: OrganisationId) {
        let peer = self.peers.get(&organisation);
        let confirmed = peer.is_some_and(Peer::we_confirmed);
        // One that pairs, perhaps anew, may have forgotten what it took once.
        let pairs = peer.is_none_or(|peer| peer.pairing != Pairing::Confirmed) || self.joinings.contains_key(&organisation);
        let taken = self.told.get(&device).filter(|_| !pairs);
        let addresses = self.addresses.clone().filter(|signed| taken != Some(&signed.record().sequence));
        if let (Some(signed), Some(session)) = (&addresses, self.sessions.get_mut(&device)) {
            session.told = Some(signed.record().sequence);
        }
        self.queue(device, &Message::Hello { card: self.card.clone(), addresses, confirmed });
    }

    /// A peer took part in a round, and so took our Hello before: the next need not say where we are, while that is the same.
    pub(super) fn note_told(&mut self, device: DeviceId) {
        if let Some(sequence) = self.sessions.get_mut(&device).and_then(|session| session.told.take()) {
            self.told.insert(device, sequence);
        }
    }

    pub(super) fn send_pair_request(&mut self, device: DeviceId) {
        let Some(joining) = self.joinings.values().find(|joining| joining.device == device) else { return };
        let proof = joining.secret.proof(&self.card.card().device);
        self.queue(device, &Message::PairRequest { card: self.card.clone(), proof });
    }

    /// A stranger shows an invitation's secret. The invitation is used up by that.
    pub(super) fn on_pair_request(&mut self, now: Timestamp, device: DeviceId, card: SignedCard, proof: &PairingProof) {
        if self.tell_if_replaced(device, &card) {
            return;
        }
        let Some(secret) = self.invitation_for(now, &device, proof) else {
            return self.fault_and_end(device, Fault::NotInvited);
        };
        let organisation = card.card().organisation;
        if card.card().device != device || organisation == self.organisation() {
            return self.fault_and_end(device, Fault::WrongCard);
        }
        self.use_up(&secret);
        if self.joinings.remove(&organisation).is_some() {
            // We held a ticket of theirs as well; they used ours first.
            self.outputs.push_back(Output::Write(Write::JoiningEnded(organisation)));
        }
        self.begin_pairing(now, device, card, Vec::new(), &secret);
        self.send_hello(device, organisation);
    }

    fn invitation_for(&self, now: Timestamp, device: &DeviceId, proof: &PairingProof) -> Option<InvitationSecret> {
        let fits = |invitation: &&Invitation| now < invitation.expires && invitation.secret.proof(device) == *proof;
        self.invitations.iter().find(fits).map(|invitation| invitation.secret.clone())
    }

    fn use_up(&mut self, secret: &InvitationSecret) {
        self.invitations.retain(|invitation| invitation.secret != *secret);
        self.outputs.push_back(Output::Write(Write::InvitationEnded(secret.clone())));
        self.outputs.push_back(Output::Targets);
    }

    /// Both invited each other and both joined: the one with the lower id answers, the other waits for that.
    pub(super) fn on_mutual_request(&mut self, now: Timestamp, device: DeviceId, card: SignedCard, proof: &PairingProof) {
        if self.organisation() < card.card().organisation {
            return self.on_pair_request(now, device, card, proof);
        }
        if let Some(secret) = self.invitation_for(now, &device, proof) {
            self.use_up(&secret);
        }
    }

    /// A device that we know shows an invitation: its organisation had forgotten us and pairs again, or
    /// the answer to its first request was lost. Our Hello is on its way.
    pub(super) fn on_repeated_request(
        &mut self,
        now: Timestamp,
        device: DeviceId,
        organisation: OrganisationId,
        card: &SignedCard,
        proof: &PairingProof,
    ) {
        let Some(secret) = self.invitation_for(now, &device, proof) else { return };
        if card.card().organisation != organisation {
            // A peer's card claimed the device of one that is only now pairing.
            return self.on_pair_request(now, device, card.clone(), proof);
        }
        self.use_up(&secret);
        let ours = self.card.card();
        let number = SecurityNumber::of((ours.organisation, ours.device), (organisation, device), &secret);
        if let Some(peer) = self.peers.get_mut(&organisation) {
            peer.show(number);
            self.write_peer(&organisation);
        }
    }

    /// Cards are signed by root keys alone, so that several peers may claim one device. It belongs to
    /// the one whose card it shows itself.
    fn settle_claims(&mut self, device: DeviceId, card: &SignedCard) {
        let organisation = card.card().organisation;
        let claims = self.peers.get(&organisation).is_some_and(|peer| !peer.paused) && self.directory.device(&organisation) == Some(device);
        let Some(session) = self.sessions.get_mut(&device) else { return };
        if claims && session.organisation.is_some_and(|guessed| guessed != organisation) {
            session.organisation = Some(organisation);
            // The Hello that is on its way told how far we are with the other one.
            if self.peers.get(&organisation).is_some_and(Peer::we_confirmed) {
                self.queue(device, &Message::Confirmed);
            }
        }
    }

    fn begin_pairing(&mut self, now: Timestamp, device: DeviceId, card: SignedCard, addresses: Vec<Address>, secret: &InvitationSecret) {
        let organisation = card.card().organisation;
        let ours = self.card.card();
        let mut peer = Peer {
            organisation,
            name: card.card().name.clone(),
            kind: card.card().kind,
            pairing: Pairing::Waiting { we_confirmed: false, they_confirmed: false },
            paused: false,
            number: SecurityNumber::of((ours.organisation, ours.device), (organisation, device), secret),
            addresses,
            since: now,
        };
        self.learn_shown(card);
        if self.directory.device(&organisation) != Some(device) {
            // An older device of an organisation that acts through another one now, stolen perhaps.
            return self.fault_and_end(device, Fault::WrongCard);
        }
        // An organisation that is paired stays as it was confirmed, whatever tickets are shown; both screens show the new number.
        let (number, mut addresses) = (peer.number.clone(), std::mem::take(&mut peer.addresses));
        let peer = self.peers.entry(organisation).or_insert(peer);
        peer.show(number);
        // Where the ticket says it is comes before where it was.
        addresses.extend(peer.addresses.drain(..).filter(|known| !addresses.contains(known)).collect::<Vec<_>>());
        addresses.truncate(limits::ADDRESSES);
        peer.addresses = addresses;
        self.write_peer(&organisation);
        self.outputs.push_back(Output::Targets);
        if let Some(session) = self.sessions.get_mut(&device) {
            session.organisation = Some(organisation);
            session.phase = Phase::Greeting;
        }
    }

    pub(super) fn on_hello(
        &mut self,
        now: Timestamp,
        device: DeviceId,
        card: SignedCard,
        addresses: Option<SignedAddresses>,
        confirmed: bool,
    ) {
        let joining = self.joinings.values().find(|joining| joining.device == device).cloned();
        self.settle_claims(device, &card);
        if let Some(session) = self.sessions.get_mut(&device) {
            session.greeted = true;
        }
        let expected = match (self.sessions.get(&device).and_then(|session| session.organisation), &joining) {
            (Some(organisation), _) => organisation,
            (None, Some(joining)) => joining.organisation,
            (None, None) => return self.fault_and_end(device, Fault::OutOfTurn("a hello")),
        };
        let fits = card.card().organisation == expected && card.card().device == device;
        if !fits || addresses.as_ref().is_some_and(|signed| signed.record().device != device) {
            return self.fault_and_end(device, Fault::WrongCard);
        }
        self.learn_shown(card.clone());
        self.retry_waiting(now);
        if let Some(signed) = addresses
            && self.directory.add_addresses(signed.clone())
        {
            self.outputs.push_back(Output::Write(Write::Addresses(signed)));
            self.outputs.push_back(Output::Targets);
        }
        if let Some(joining) = joining {
            self.joinings.remove(&expected);
            self.outputs.push_back(Output::Write(Write::JoiningEnded(expected)));
            self.begin_pairing(now, device, card, joining.addresses, &joining.secret);
            self.send_hello(device, expected);
        }
        if confirmed {
            self.on_confirmed(now, device, expected);
        }
    }

    pub(super) fn on_confirmed(&mut self, now: Timestamp, device: DeviceId, organisation: OrganisationId) {
        if let Some(session) = self.sessions.get_mut(&device) {
            session.they_confirmed = true;
        }
        if let Some(Peer { pairing: Pairing::Waiting { they_confirmed, .. }, .. }) = self.peers.get_mut(&organisation)
            && !*they_confirmed
        {
            *they_confirmed = true;
            self.write_peer(&organisation);
        }
        self.go_live(now, device, organisation);
    }

    /// Pairing is complete once both have confirmed.
    fn settle(&mut self, organisation: &OrganisationId) {
        let Some(peer) = self.peers.get_mut(organisation) else { return };
        if peer.pairing == (Pairing::Waiting { we_confirmed: true, they_confirmed: true }) {
            peer.pairing = Pairing::Confirmed;
            self.write_peer(organisation);
            self.recount();
        }
    }

    /// Data moves once both have confirmed and said so in this session.
    fn go_live(&mut self, now: Timestamp, device: DeviceId, organisation: OrganisationId) {
        self.settle(&organisation);
        let confirmed = self.peers.get(&organisation).is_some_and(|peer| peer.pairing == Pairing::Confirmed);
        let Some(session) = self.sessions.get_mut(&device) else { return };
        if confirmed && session.they_confirmed && session.phase == Phase::Greeting {
            session.phase = Phase::Live;
            session.progress = now;
            self.begin_exchange(now, device);
        }
    }
}
