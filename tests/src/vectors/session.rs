//! Two nodes that pair, part and meet again: every frame between them.
//!
//! Like the histories, the file is written once and never again: which frames a node sends is its own choice as far as the
//! specification leaves it one, and the file is an example of it. That the frames are read, and that the steps of comparison
//! are what the sets of both give, is checked, the latter by the second implementation in `tests/interop`.

use super::cast::{self, Organisation, brixton, police};
use super::hex;
use csu_protocol::access::Access;
use csu_protocol::author::{self, Acting, Audience};
use csu_protocol::entry::{Body, Grant, Openness, Plane, Principal, Role, Signer, Subject};
use csu_protocol::id::{DocumentId, EntryId};
use csu_protocol::identity::{OrganisationKind, SignedCard};
use csu_protocol::store::Memory;
use csu_protocol::sync::{Budget, Held, Input, Machine, Output};
use csu_protocol::time::Timestamp;
use csu_protocol::wire::Message;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// More than are listed in one range of a comparison.
const DOCUMENTS: u8 = 40;
/// More than one message lists.
const ENTRIES: u16 = 280;

/// The file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Session {
    /// What it shows.
    pub about: String,
    /// `session`.
    pub format: String,
    /// Version of its messages.
    pub version: u32,
    /// What each shared when they met again, as it saw it: document, plane and version, by who holds it so.
    pub places: BTreeMap<String, BTreeSet<(DocumentId, Plane, String)>>,
    /// The entries of the content of one document, which is compared by Probe, by who holds them.
    pub probed: BTreeMap<String, BTreeSet<EntryId>>,
    /// That document.
    pub document: DocumentId,
    /// The frames, in the order in which they were sent.
    pub vectors: Vec<Frame>,
    /// Nothing.
    pub refused: Vec<()>,
}

/// One frame.
#[derive(Debug, Serialize, Deserialize)]
pub struct Frame {
    /// Its number, who sent it, and what it is.
    pub name: String,
    /// Who sent it, and in which session.
    pub value: BTreeMap<String, String>,
    /// The message.
    pub bytes: String,
    /// Nothing.
    pub also: BTreeMap<String, String>,
}

struct Node {
    of: Organisation,
    machine: Machine,
    store: Memory,
    drawn: u8,
}

impl Node {
    fn new(of: Organisation, card: SignedCard) -> Self {
        let store = Memory::default();
        let machine = Machine::new(card, store.start(), Budget::default(), &store).expect("an empty store");
        Self { of, machine, store, drawn: 0 }
    }

    fn entropy(&mut self) -> csu_protocol::entropy::Entropy {
        self.drawn = self.drawn.wrapping_add(1);
        cast::entropy(self.drawn)
    }

    fn publish(
        &mut self,
        now: Timestamp,
        document: DocumentId,
        make: impl FnOnce(&Access, &Acting<'_>) -> csu_protocol::entry::VerifiedEntry,
    ) {
        let acting = Acting { organisation: self.of.id(), signer: Signer::Device(&self.of.device), under: Some(document.into()) };
        let access = self.machine.access(&document, &self.store).expect("a store").expect("held");
        let entry = make(&access, &acting);
        self.machine.publish(now, entry, &self.store).expect("a sound entry");
    }

    fn handle(&mut self, now: Timestamp, input: Input) {
        self.machine.handle(now, input, &self.store).expect("a store");
    }

    fn control(&mut self, now: Timestamp, document: DocumentId, body: Body) {
        self.publish(now, document, |access, acting| author::control(access, acting, body).expect("an entry"));
    }

    /// A key: the smallest entry of content.
    fn key(&mut self, now: Timestamp, document: DocumentId) {
        let mut entropy = cast::entropy(self.drawn);
        let nobody = Audience { recipients: Vec::new(), openness: Openness::Anyone };
        self.publish(now, document, |access, acting| author::key(access, acting, &nobody, &[], &mut entropy).expect("an entry").0);
    }

    fn begin(&mut self, now: Timestamp, grants: Vec<Grant>) -> DocumentId {
        let mut entropy = self.entropy();
        let genesis = author::genesis(self.of.id(), Signer::Device(&self.of.device), grants, &mut entropy).expect("a genesis");
        let document = genesis.document();
        self.machine.publish(now, genesis, &self.store).expect("a sound entry");
        document
    }
}

struct Net {
    now: Timestamp,
    nodes: [Node; 2],
    frames: Vec<Frame>,
    /// What is being recorded, if anything.
    part: Option<&'static str>,
}

const NAMES: [&str; 2] = ["Brixton", "Police"];

impl Net {
    fn connect(&mut self) {
        let devices = [0, 1].map(|at| self.nodes[at].of.device.device());
        for (at, other) in [(0, 1), (1, 0)] {
            self.nodes[at].handle(self.now, Input::Connected(devices[other]));
        }
    }

    fn disconnect(&mut self) {
        let devices = [0, 1].map(|at| self.nodes[at].of.device.device());
        for (at, other) in [(0, 1), (1, 0)] {
            self.nodes[at].handle(self.now, Input::Disconnected(devices[other]));
        }
    }

    fn run(&mut self) {
        loop {
            let mut moved = false;
            for at in 0..2 {
                let mut sent = Vec::new();
                let Node { machine, store, .. } = &mut self.nodes[at];
                while let Some(output) = machine.poll_output(self.now, store).expect("a store") {
                    match output {
                        Output::Write(write) => store.apply(write),
                        Output::Send(_, frame) => sent.push(frame),
                        Output::Disconnect(..) => panic!("a session ended"),
                        Output::Targets | Output::Notice(_) => {}
                    }
                }
                for frame in sent {
                    moved = true;
                    self.deliver(at, &frame);
                }
            }
            if !moved {
                return;
            }
        }
    }

    fn deliver(&mut self, from: usize, frame: &[u8]) {
        let devices = [0, 1].map(|at| self.nodes[at].of.device.device());
        let message = Message::receive(frame).expect("a message");
        if let Some(part) = self.part {
            let shown = format!("{message:?}");
            let kind = shown.split([' ', '(']).next().unwrap_or_default();
            let value = [("from", NAMES[from]), ("session", part)].map(|(name, value)| (name.to_owned(), value.to_owned()));
            let name = format!("{} {}: {kind}", self.frames.len() + 1, NAMES[from]);
            self.frames.push(Frame { name, value: value.into(), bytes: hex(frame), also: BTreeMap::new() });
        }
        self.nodes[from].handle(self.now, Input::Sent(devices[1 - from], 1));
        self.nodes[1 - from].handle(self.now, Input::Received(devices[from], Box::new(message)));
    }

    fn pair(&mut self) {
        let mut entropy = self.nodes[0].entropy();
        let ticket = self.nodes[0].machine.invite(self.now.plus_ms(60_000), Vec::new(), &mut entropy);
        self.nodes[1].machine.join(self.now, ticket).expect("a ticket");
        self.connect();
        self.run();
        let ids = [0, 1].map(|at| self.nodes[at].of.id());
        for (at, other) in [(0, 1), (1, 0)] {
            self.nodes[at].machine.confirm(self.now, &ids[other], None).expect("a peer");
            self.run();
        }
    }

    /// The places that one side shares with the other, as it sees it.
    fn places(&self, at: usize) -> BTreeSet<(DocumentId, Plane, String)> {
        let organisations = [0, 1].map(|at| self.nodes[at].of.id());
        let Node { machine, store, .. } = &self.nodes[at];
        let held = machine.documents().map(Held::document).flat_map(|document| {
            let access = machine.access(&document, store).expect("a store").expect("held");
            let shared = |plane: &Plane| {
                access.heads(*plane).next().is_some() && organisations.iter().all(|of| access.may_hold(of, *plane, self.now))
            };
            Plane::ALL.into_iter().filter(shared).map(|plane| (document, plane, access.version(plane).to_string())).collect::<Vec<_>>()
        });
        held.collect()
    }

    fn entries(&self, at: usize, document: DocumentId) -> BTreeSet<EntryId> {
        let Node { machine, store, .. } = &self.nodes[at];
        machine.access(&document, store).expect("a store").map(|access| access.entries(Plane::Content).collect()).unwrap_or_default()
    }
}

/// Whatever both hold, and what each holds alone.
fn by_holder<T: Ord + Clone>([one, other]: [BTreeSet<T>; 2]) -> BTreeMap<String, BTreeSet<T>> {
    let sets =
        [one.intersection(&other).cloned().collect(), one.difference(&other).cloned().collect(), other.difference(&one).cloned().collect()];
    ["both", NAMES[0], NAMES[1]].map(str::to_owned).into_iter().zip(sets).collect()
}

/// The file, made anew.
///
/// # Panics
/// When the two do not come to hold the same.
#[must_use]
pub fn session() -> Session {
    let card = |of: &Organisation, name, kind| cast::card(of, 0, name, kind);
    let (one, other) = (brixton(), police());
    let cards = [card(&one, "Brixton", OrganisationKind::Union), card(&other, "Police", OrganisationKind::Police)];
    let [first, second] = cards;
    let nodes = [Node::new(one, first), Node::new(other, second)];
    let mut net = Net { now: Timestamp::from_ms(1_800_000_000_000), nodes, frames: Vec::new(), part: Some("pairing") };
    net.pair();
    net.part = None;
    let police = net.nodes[1].of.id();
    let writes = vec![Grant { subject: Subject::Organisation(police), role: Role::Write, until: None }];
    let documents: Vec<DocumentId> = (0..DOCUMENTS).map(|_| net.nodes[0].begin(net.now, writes.clone())).collect();
    let long = documents[0];
    for _ in 0..ENTRIES {
        net.nodes[0].drawn = net.nodes[0].drawn.wrapping_add(1);
        net.nodes[0].key(net.now, long);
    }
    net.run();
    net.disconnect();
    // What each did while apart.
    net.now = net.now.plus_ms(10_000);
    let now = net.now;
    for _ in 0..3 {
        net.nodes[0].drawn = net.nodes[0].drawn.wrapping_add(1);
        net.nodes[0].key(now, long);
        net.nodes[1].drawn = net.nodes[1].drawn.wrapping_add(1);
        net.nodes[1].key(now, long);
    }
    net.nodes[1].key(now, documents[1]);
    net.nodes[0].begin(now, writes);
    net.nodes[0].control(now, documents[2], Body::Revoke { principal: Principal::Organisation(police), keep: Vec::new() });
    net.nodes[1].key(now, documents[2]);
    net.nodes[1].begin(now, vec![Grant { subject: Subject::Organisation(net.nodes[0].of.id()), role: Role::Read, until: None }]);
    let places = by_holder([net.places(0), net.places(1)]);
    let probed = by_holder([net.entries(0, long), net.entries(1, long)]);
    net.part = Some("reconnect");
    net.connect();
    net.run();
    let rest = by_holder([net.places(0), net.places(1)]);
    assert!(rest[NAMES[0]].is_empty() && rest[NAMES[1]].is_empty(), "{rest:?}");
    Session {
        about:
            "Every frame of two sessions: Brixton invites the police, both confirm; then, after each wrote while apart, they meet again. \
                Brixton's device has the lower id and begins the round. These bytes never change. Which frames a node sends is its own \
                choice where the specification leaves it one. Known keys: never use them."
                .to_owned(),
        format: "session".to_owned(),
        version: 1,
        places,
        probed,
        document: long,
        vectors: net.frames,
        refused: Vec::new(),
    }
}
