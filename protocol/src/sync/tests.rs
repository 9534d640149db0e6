//! Machines in memory, joined by hand.

use super::*;
use crate::author::{self, Acting, Audience};
use crate::entropy::Entropy;
use crate::entry::{
    Body, Grant, Openness, Plane, Principal, Remark, ResponsePayload, RevisionPayload, Role, Signer, Subject, VerifiedEntry,
};
use crate::id::{DeviceId, DocumentId, EntryId, OrganisationId};
use crate::identity::{Address, DeviceKey, Name, OrganisationKind, RootKey, SignedCard};
use crate::store::Memory;
use crate::time::Timestamp;
use crate::wire::Message;
use std::collections::{BTreeMap, VecDeque};

mod documents;
mod erasing;
mod fresh;
mod hostile;
mod recovery;
mod rounds;

const NOW: Timestamp = Timestamp::from_ms(1_700_000_000_000);

struct Node {
    key: DeviceKey,
    machine: Machine,
    store: Memory,
    notices: Vec<Notice>,
    drawn: u64,
}

impl Node {
    fn new(byte: u8) -> Self {
        let (root, key) = (RootKey::from_secret([byte; 32]), DeviceKey::from_seed(&[byte; 32]));
        let name = Name::new(&format!("Union {byte}")).unwrap();
        let card = SignedCard::sign(&root, 0, key.device(), name, OrganisationKind::Union);
        let store = Memory::default();
        let mut machine = Machine::new(card, store.start(), Budget::default(), &store).unwrap();
        // Whatever can be read back is given up as soon as another graph is used.
        machine.set_room_for_graphs(0);
        Self { key, machine, store, notices: Vec::new(), drawn: 0 }
    }

    fn handle(&mut self, now: Timestamp, input: Input) {
        self.machine.handle(now, input, &self.store).unwrap();
    }

    fn publish(&mut self, now: Timestamp, entry: VerifiedEntry) -> Result<EntryId, CommandError> {
        self.machine.publish(now, entry, &self.store)
    }

    fn destroy(&mut self, now: Timestamp, document: &DocumentId) -> Result<(), CommandError> {
        self.machine.destroy(now, document, &self.store)
    }

    fn owed_receipt(&self, document: &DocumentId) -> Option<OwedReceipt> {
        self.machine.owed_receipt(document, &self.store).unwrap()
    }

    fn access(&self, document: &DocumentId) -> OpenAccess {
        self.machine.access(document, &self.store).unwrap().unwrap()
    }

    fn entropy(&mut self) -> Entropy {
        self.drawn += 1;
        let mut seed = *self.organisation().as_bytes();
        seed[..8].copy_from_slice(&self.drawn.to_le_bytes());
        Entropy::from_seed(seed)
    }

    fn organisation(&self) -> OrganisationId {
        self.machine.organisation()
    }

    fn acting(&self, under: EntryId) -> Acting<'_> {
        Acting { organisation: self.organisation(), signer: Signer::Device(&self.key), under: Some(under) }
    }

    fn begin(&mut self, readers: &[OrganisationId]) -> DocumentId {
        let grants = readers.iter().map(|id| Grant { subject: Subject::Organisation(*id), role: Role::Read, until: None }).collect();
        let entropy = &mut self.entropy();
        let genesis = author::genesis(self.organisation(), Signer::Device(&self.key), grants, entropy).unwrap();
        let document = genesis.document();
        self.publish(NOW, genesis).unwrap();
        self.revise(document, b"first");
        document
    }

    fn revise(&mut self, document: DocumentId, change: &[u8]) -> EntryId {
        let entropy = &mut self.entropy();
        let audience = Audience { recipients: Vec::new(), openness: Openness::Anyone };
        let access = &self.access(&document);
        let (key, secret) = author::key(access, &self.acting(document.into()), &audience, &[], entropy).unwrap();
        let epoch = self.publish(NOW, key).unwrap();
        let access = &self.access(&document);
        let payload = RevisionPayload { at: NOW, person: None, change: change.to_vec() };
        let revision = author::revision(access, &self.acting(document.into()), (epoch, &secret), Vec::new(), &payload, entropy).unwrap();
        self.publish(NOW, revision).unwrap()
    }

    fn respond(&mut self, document: DocumentId) {
        let entropy = &mut self.entropy();
        let audience = Audience { recipients: Vec::new(), openness: Openness::Anyone };
        let payload = ResponsePayload { at: NOW, person: None, remark: Remark::Comment, step: String::new(), text: self.drawn.to_string() };
        let access = &self.access(&document);
        let entry = author::response(access, &self.acting(document.into()), &audience, &payload, entropy).unwrap();
        self.publish(NOW, entry).unwrap();
    }

    fn control(&mut self, document: DocumentId, body: Body) {
        let access = &self.access(&document);
        let entry = author::control(access, &self.acting(document.into()), body).unwrap();
        self.publish(NOW, entry).unwrap();
    }

    fn count(&self, document: &DocumentId, plane: Plane) -> usize {
        self.machine.access(document, &self.store).unwrap().map_or(0, |access| access.entries(plane).count())
    }
}

struct Net {
    now: Timestamp,
    nodes: Vec<Node>,
    links: Vec<(usize, usize)>,
    /// Frames under way, with sender and receiver.
    wires: VecDeque<(usize, usize, Vec<u8>)>,
    /// What was delivered: of which plane, what, how many bytes.
    delivered: Vec<(Option<Plane>, &'static str, usize)>,
    /// How many entries went from whom to whom.
    entries: BTreeMap<(usize, usize), usize>,
}

impl Net {
    fn new(count: u8) -> Self {
        let nodes = (1..=count).map(Node::new).collect();
        Self { now: NOW, nodes, links: Vec::new(), wires: VecDeque::new(), delivered: Vec::new(), entries: BTreeMap::new() }
    }

    fn at(&self, device: &DeviceId) -> usize {
        self.nodes.iter().position(|node| node.key.device() == *device).unwrap()
    }

    fn connect(&mut self, a: usize, b: usize) {
        self.link(a, b);
        self.run();
    }

    fn link(&mut self, a: usize, b: usize) {
        self.links.push((a, b));
        let (one, other) = (self.nodes[a].key.device(), self.nodes[b].key.device());
        self.nodes[a].handle(self.now, Input::Connected(other));
        self.nodes[b].handle(self.now, Input::Connected(one));
    }

    fn disconnect(&mut self, a: usize, b: usize) {
        self.links.retain(|link| *link != (a, b) && *link != (b, a));
        self.wires.retain(|(from, to, _)| (*from, *to) != (a, b) && (*from, *to) != (b, a));
        let (one, other) = (self.nodes[a].key.device(), self.nodes[b].key.device());
        self.nodes[a].handle(self.now, Input::Disconnected(other));
        self.nodes[b].handle(self.now, Input::Disconnected(one));
    }

    /// Runs until nothing is under way.
    fn run(&mut self) {
        while self.step() {}
    }

    /// Hands out what every node has to say, and delivers one frame; without any under way, lets time pass. Whether anything
    /// happened.
    fn step(&mut self) -> bool {
        for from in 0..self.nodes.len() {
            loop {
                let node = &mut self.nodes[from];
                let Some(output) = node.machine.poll_output(self.now, &node.store).unwrap() else { break };
                match output {
                    Output::Write(write) => node.store.apply(write),
                    Output::Send(device, frame) => {
                        let to = self.at(&device);
                        self.wires.push_back((from, to, frame));
                    }
                    Output::Disconnect(device, parting) => {
                        let to = self.at(&device);
                        if parting == Parting::Done {
                            self.deliver(from, to);
                        }
                        self.disconnect(from, to);
                    }
                    Output::Targets => {}
                    Output::Notice(notice) => node.notices.push(notice),
                }
            }
        }
        let Some((from, to, frame)) = self.wires.pop_front() else { return self.wake() };
        self.take(from, to, &frame);
        true
    }

    fn take(&mut self, from: usize, to: usize, frame: &[u8]) {
        let (sender, receiver) = (self.nodes[from].key.device(), self.nodes[to].key.device());
        self.nodes[from].handle(self.now, Input::Sent(receiver, 1));
        let message = Message::receive(frame).unwrap();
        self.delivered.push((plane_of(&message), message.name(), frame.len()));
        if let Message::Entries { entries, .. } = &message {
            *self.entries.entry((from, to)).or_default() += entries.len();
        }
        self.nodes[to].handle(self.now, Input::Received(sender, Box::new(message)));
    }

    /// Lets arrive what one node sent another: a connection that is closed in good order is flushed first.
    fn deliver(&mut self, from: usize, to: usize) {
        let (theirs, others): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.wires).into_iter().partition(|(sender, receiver, _)| (*sender, *receiver) == (from, to));
        self.wires = others;
        for (_, _, frame) in theirs {
            self.take(from, to, &frame);
        }
    }

    /// How many messages of a kind were delivered since this was last asked.
    fn count_delivered(&mut self, name: &str) -> usize {
        std::mem::take(&mut self.delivered).iter().filter(|(_, found, _)| *found == name).count()
    }

    /// Lets time pass until whoever waits with a round may begin it. Whether anybody did.
    fn wake(&mut self) -> bool {
        let sessions = self.nodes.iter().flat_map(|node| node.machine.sessions.values());
        let Some(next) = sessions.filter_map(session::Session::wake).min() else { return false };
        self.now = self.now.max(next);
        for node in &mut self.nodes {
            node.handle(self.now, Input::Tick);
        }
        true
    }

    fn pair(&mut self, a: usize, b: usize) {
        let mut entropy = self.nodes[a].entropy();
        let ticket = self.nodes[a].machine.invite(self.now.plus_ms(1000), Vec::new(), &mut entropy);
        self.nodes[b].machine.join(self.now, ticket).unwrap();
        self.connect(a, b);
        let (one, other) = (self.nodes[a].organisation(), self.nodes[b].organisation());
        let number = |node: &Node, of| node.machine.peer(&of).unwrap().number.clone();
        assert_eq!(number(&self.nodes[a], other), number(&self.nodes[b], one));
        self.nodes[a].machine.confirm(self.now, &other, None).unwrap();
        self.run();
        assert_eq!(self.nodes[b].machine.connection(&one), Some(Connection::Greeting), "no data before both confirm");
        let typed = number(&self.nodes[b], one).to_string();
        self.nodes[b].machine.confirm(self.now, &one, Some(&typed)).unwrap();
        self.run();
        assert_eq!(self.nodes[a].machine.connection(&other), Some(Connection::InSync));
        assert_eq!(self.nodes[b].machine.connection(&one), Some(Connection::InSync));
    }

    fn faults(&self) -> Vec<&Notice> {
        self.nodes.iter().flat_map(|node| &node.notices).filter(|notice| matches!(notice, Notice::Fault { .. })).collect()
    }
}

fn plane_of(message: &Message) -> Option<Plane> {
    if let Message::Have { plane, .. } | Message::Entries { plane, .. } | Message::Served { plane, .. } = message {
        return Some(*plane);
    }
    if let Message::Need(items) = message {
        return items.first().map(set::plane_of);
    }
    if let Message::Offer(places) = message { places.first().map(|(_, plane)| *plane) } else { None }
}

#[test]
fn two_organisations_pair_and_share_what_is_granted() {
    let mut net = Net::new(2);
    net.pair(0, 1);
    let reader = net.nodes[1].organisation();
    let shared = net.nodes[0].begin(&[reader]);
    let private = net.nodes[0].begin(&[]);
    net.run();
    assert_eq!((net.nodes[1].count(&shared, Plane::Control), net.nodes[1].count(&shared, Plane::Content)), (1, 2));
    assert!(net.nodes[1].machine.document(&private).is_none());
    assert!(net.faults().is_empty(), "{:?}", net.faults());
}

#[test]
fn a_node_that_was_away_catches_up_and_one_that_restarts_remembers() {
    let mut net = Net::new(2);
    net.pair(0, 1);
    let reader = net.nodes[1].organisation();
    net.disconnect(0, 1);
    let documents: Vec<DocumentId> =
        (0..40).map(|_| net.nodes[0].begin(&[reader])).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    for length in 2..30 {
        net.nodes[0].revise(documents[0], &vec![0; length]);
    }
    let store = net.nodes[1].store.clone();
    let card = net.nodes[1].machine.card().clone();
    net.nodes[1].machine = Machine::new(card, store.start(), Budget::default(), &store).unwrap();
    net.connect(0, 1);
    for document in &documents {
        assert_eq!(net.nodes[0].count(document, Plane::Content), net.nodes[1].count(document, Plane::Content));
    }
    let owner = net.nodes[0].organisation();
    assert_eq!(net.nodes[1].machine.connection(&owner), Some(Connection::InSync));
    assert!(net.faults().is_empty(), "{:?}", net.faults());
}

#[test]
fn a_document_granted_later_comes_whole_and_a_former_reader_gets_control_alone() {
    let mut net = Net::new(2);
    net.pair(0, 1);
    let reader = net.nodes[1].organisation();
    let document = net.nodes[0].begin(&[]);
    net.run();
    let grants = vec![Grant { subject: Subject::Organisation(reader), role: Role::Read, until: None }];
    net.nodes[0].control(document, Body::Grant { grants });
    net.run();
    assert_eq!((net.nodes[1].count(&document, Plane::Control), net.nodes[1].count(&document, Plane::Content)), (2, 2));
    net.nodes[0].control(document, Body::Revoke { principal: Principal::Organisation(reader), keep: Vec::new() });
    net.nodes[0].revise(document, b"later");
    net.nodes[0].control(document, Body::Withdraw { reason: crate::entry::Reason::Mistaken });
    net.run();
    assert_eq!((net.nodes[1].count(&document, Plane::Control), net.nodes[1].count(&document, Plane::Content)), (4, 2));
    assert!(net.nodes[1].access(&document).withdrawal().is_some());
    // The same after a reconnect: the former reader asks, and is told nothing of content.
    net.disconnect(0, 1);
    net.connect(0, 1);
    assert_eq!(net.nodes[1].count(&document, Plane::Content), 2);
    assert!(net.faults().is_empty(), "{:?}", net.faults());
}

#[test]
fn entries_are_forwarded_to_whoever_may_hold_them_while_their_owner_is_away() {
    let mut net = Net::new(3);
    net.pair(0, 1);
    net.pair(1, 2);
    let readers = [net.nodes[1].organisation(), net.nodes[2].organisation()];
    let document = net.nodes[0].begin(&readers);
    net.run();
    assert_eq!(net.nodes[2].count(&document, Plane::Content), 2);
    let owner = net.nodes[0].organisation();
    let (name, known) = net.nodes[2].machine.name_of(&owner).unwrap();
    assert_eq!((name.as_str(), known.unwrap().brought_by), ("Union 1", Some(readers[0])));
    assert!(net.faults().is_empty(), "{:?}", net.faults());
}

#[test]
fn a_stranger_without_the_secret_and_a_second_use_of_it_are_refused() {
    let mut net = Net::new(3);
    let ticket = net.nodes[0].machine.invite(NOW.plus_ms(1000), Vec::new(), &mut Entropy::from_seed([1; 32]));
    let mut forged = ticket.clone();
    forged.secret = crate::identity::InvitationSecret::from_bytes([0; 32]);
    net.nodes[2].machine.join(NOW, forged).unwrap();
    net.connect(0, 2);
    assert!(matches!(net.faults()[..], [Notice::Fault { fault: Fault::NotInvited, .. }]));
    net.nodes[1].machine.join(NOW, ticket.clone()).unwrap();
    net.connect(0, 1);
    assert_eq!(net.nodes[0].machine.peers().count(), 1);
    net.nodes[2].machine.join(NOW, ticket).unwrap();
    net.connect(0, 2);
    assert_eq!(net.nodes[0].machine.peers().count(), 1);
}

#[test]
fn a_removed_or_paused_peer_is_not_spoken_to() {
    let mut net = Net::new(2);
    net.pair(0, 1);
    let other = net.nodes[1].organisation();
    net.nodes[0].machine.pause(&other, true).unwrap();
    net.run();
    assert!(net.nodes[0].machine.targets().is_empty());
    net.connect(0, 1);
    assert_eq!(net.nodes[0].machine.connection(&other), None);
    net.nodes[0].machine.pause(&other, false).unwrap();
    net.connect(0, 1);
    assert_eq!(net.nodes[0].machine.connection(&other), Some(Connection::InSync));
    net.nodes[0].machine.remove_peer(&other).unwrap();
    net.run();
    net.connect(0, 1);
    assert_eq!(net.nodes[0].machine.connection(&other), None);
}

#[test]
fn where_a_node_is_it_says_again_only_when_that_changed_or_when_it_pairs_anew() {
    let mut net = Net::new(2);
    let announce = |net: &mut Net, sequence| {
        let addresses = vec![Address::new(&format!("/ip4/192.0.2.{sequence}/tcp/4820")).unwrap()];
        let signed = crate::identity::SignedAddresses::sign(&net.nodes[0].key, sequence, addresses);
        net.nodes[0].machine.announce(signed);
    };
    let told = |net: &mut Net| {
        net.disconnect(0, 1);
        net.now = net.now.plus_ms(60_000);
        net.count_delivered("");
        net.connect(0, 1);
        net.delivered.iter().filter(|(_, name, _)| *name == "a hello").map(|(.., bytes)| *bytes).max().unwrap()
    };
    announce(&mut net, 1);
    net.pair(0, 1);
    let (first, second) = (told(&mut net), told(&mut net));
    assert_eq!(first, second, "it was told when they paired");
    announce(&mut net, 2);
    let changed = told(&mut net);
    assert!(changed > second + 64, "{changed} bytes, {second} before");
    assert_eq!(told(&mut net), second);
    let device = net.nodes[0].key.device();
    let known = net.nodes[1].machine.directory().addresses(&device).unwrap().record().sequence;
    assert_eq!(known, 2);
    let organisations = [net.nodes[0].organisation(), net.nodes[1].organisation()];
    net.disconnect(0, 1);
    net.links.clear();
    net.nodes[0].machine.remove_peer(&organisations[1]).unwrap();
    net.nodes[1].machine.remove_peer(&organisations[0]).unwrap();
    net.run();
    net.delivered.clear();
    net.pair(0, 1);
    let again = net.delivered.iter().filter(|(_, name, _)| *name == "a hello").map(|(.., bytes)| *bytes).max().unwrap();
    assert!(again > second + 64, "{again} bytes, {second} before");
}
