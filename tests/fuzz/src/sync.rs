//! Three machines and everything that can happen between them.
//!
//! The input connects, cuts, publishes, delivers, loses, damages, repeats and swaps frames, lets time pass and restarts nodes
//! from what they wrote. It knows nothing of messages but how to receive one. At the end all are connected, all is delivered,
//! and all that may hold a document must hold the same.

use super::parties::{self, NOW, Party};
use super::tape::Tape;
use csu_protocol::author::{self, Acting, Audience};
use csu_protocol::entropy::Entropy;
use csu_protocol::entry::{Body, Grant, Openness, Plane, Principal, Reason, RevisionPayload, Role, Subject, VerifiedEntry};
use csu_protocol::id::{DeviceId, DocumentId, EntryId, OrganisationId};
use csu_protocol::store::Memory;
use csu_protocol::sync::{Budget, CommandError, Held, Input, Machine, OpenAccess, Output};
use csu_protocol::time::Timestamp;
use csu_protocol::wire::Message;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::OnceLock;

/// How many machines there are.
const NODES: usize = 3;
/// Acts of one input.
const ACTS: usize = 96;
/// Entries that one input may publish.
const ENTRIES: usize = 48;
/// Outputs of one machine at a time, and frames of one settling: more is no end.
const ENDLESS: usize = 20_000;
/// Bytes by which sealed content is known in a frame.
const MARK: usize = 40;

#[derive(Debug)]
struct Node {
    party: &'static Party,
    machine: Machine,
    store: Memory,
}

impl Node {
    fn start(party: &'static Party, store: Memory, budget: Budget) -> Self {
        let machine = Machine::new(party.cards[0].clone(), store.start(), budget, &store).expect("a machine starts from what it wrote");
        Self { party, machine, store }
    }

    fn handle(&mut self, now: Timestamp, input: Input) {
        self.machine.handle(now, input, &self.store).expect("memory can be read");
    }

    fn publish(&mut self, now: Timestamp, entry: VerifiedEntry) -> Result<EntryId, CommandError> {
        self.machine.publish(now, entry, &self.store)
    }

    fn access(&self, document: &DocumentId) -> Option<OpenAccess> {
        self.machine.access(document, &self.store).expect("memory can be read")
    }

    fn device(&self) -> DeviceId {
        self.party.devices[0].device()
    }
}

#[derive(Debug)]
struct Net {
    nodes: Vec<Node>,
    budget: Budget,
    links: BTreeSet<(usize, usize)>,
    wires: BTreeMap<(usize, usize), VecDeque<Vec<u8>>>,
    now: Timestamp,
    entropy: Entropy,
    /// The beginning of everything sealed, by its document.
    marks: Vec<(DocumentId, Vec<u8>)>,
    documents: Vec<DocumentId>,
    /// Whom some entry of a document ever named.
    named: BTreeSet<(DocumentId, OrganisationId)>,
    published: usize,
}

/// What three machines wrote while they paired. Keys cost time, so it is done once.
fn paired() -> &'static [Memory] {
    static PAIRED: OnceLock<Vec<Memory>> = OnceLock::new();
    PAIRED.get_or_init(|| {
        let mut net = Net::new((0..NODES).map(|_| Memory::default()), Budget::default());
        for (a, b) in pairs() {
            let ticket = net.nodes[a].machine.invite(NOW.plus_ms(1_000), Vec::new(), &mut net.entropy);
            net.nodes[b].machine.join(NOW, ticket).expect("a ticket");
            net.connect(a, b);
            net.deliver_all();
            for (here, there) in [(a, b), (b, a)] {
                let other = net.nodes[there].party.id;
                net.nodes[here].machine.confirm(NOW, &other, None).expect("a peer to confirm");
                net.pump(here);
                net.deliver_all();
            }
        }
        net.nodes.into_iter().map(|node| node.store).collect()
    })
}

fn pairs() -> [(usize, usize); NODES] {
    [(0, 1), (0, 2), (1, 2)]
}

/// What happens, and that it ends well.
pub fn sync(data: &[u8]) {
    let mut tape = Tape::new(data);
    // With a small budget documents are declined, and then nobody promises agreement.
    let small = tape.below(4) == 0;
    let budget = if small { Budget { neighbours: 6_000, strangers: 2_000 } } else { Budget::default() };
    let mut net = Net::new(paired().iter().cloned(), budget);
    for _ in 0..ACTS {
        if !tape.has_more() {
            break;
        }
        net.act(&mut tape);
    }
    net.settle();
    net.check_holders();
    if !small {
        net.check_agreement();
    }
}

impl Net {
    fn new(stores: impl Iterator<Item = Memory>, budget: Budget) -> Self {
        Self {
            nodes: parties::all().iter().zip(stores).map(|(party, store)| Node::start(party, store, budget)).collect(),
            budget,
            links: BTreeSet::new(),
            wires: BTreeMap::new(),
            now: NOW,
            entropy: Entropy::from_seed([8; 32]),
            marks: Vec::new(),
            documents: Vec::new(),
            named: BTreeSet::new(),
            published: 0,
        }
    }

    fn at(&self, device: &DeviceId) -> usize {
        self.nodes.iter().position(|node| node.device() == *device).expect("a device of theirs")
    }

    fn act(&mut self, tape: &mut Tape<'_>) {
        let (what, from) = (tape.below(16), tape.below(NODES));
        let to = (from + 1 + tape.below(NODES - 1)) % NODES;
        match what {
            0 | 1 => self.connect(from, to),
            2 => self.cut(from, to),
            3 => drop(self.wire(from, to).pop_front()),
            4 => {
                let (at, flip) = (usize::from(tape.byte()), tape.byte());
                if let Some(frame) = self.wire(from, to).front_mut() {
                    let length = frame.len();
                    match flip {
                        0 => frame.truncate(at),
                        _ => frame[at % length] ^= flip,
                    }
                }
                self.deliver(from, to);
            }
            5 => {
                let again = self.wire(from, to).front().cloned();
                self.wire(from, to).extend(again);
            }
            6 => {
                let wire = self.wire(from, to);
                if wire.len() > 1 {
                    wire.swap(0, 1);
                }
            }
            7 => {
                self.now = self.now.plus_ms([10, 1_000, 61_000, 3_600_000][tape.below(4)]);
                (0..NODES).for_each(|at| self.handle(at, Input::Tick));
            }
            8 => self.restart(from),
            9 => self.deliver_all(),
            10 | 11 => self.deliver(from, to),
            12 => self.begin(from, tape),
            13 => self.govern(from, tape),
            _ => self.revise(from, tape),
        }
    }

    fn wire(&mut self, from: usize, to: usize) -> &mut VecDeque<Vec<u8>> {
        self.wires.entry((from, to)).or_default()
    }

    fn connect(&mut self, a: usize, b: usize) {
        if self.links.insert((a.min(b), a.max(b))) {
            let (one, other) = (self.nodes[a].device(), self.nodes[b].device());
            self.handle(a, Input::Connected(other));
            self.handle(b, Input::Connected(one));
        }
    }

    fn cut(&mut self, a: usize, b: usize) {
        if self.links.remove(&(a.min(b), a.max(b))) {
            self.wires.remove(&(a, b));
            self.wires.remove(&(b, a));
            let (one, other) = (self.nodes[a].device(), self.nodes[b].device());
            self.handle(a, Input::Disconnected(other));
            self.handle(b, Input::Disconnected(one));
        }
    }

    fn handle(&mut self, at: usize, input: Input) {
        self.nodes[at].handle(self.now, input);
        self.pump(at);
    }

    /// Does what the machine wants done, and looks at what leaves it.
    fn pump(&mut self, at: usize) {
        for _ in 0..ENDLESS {
            let node = &mut self.nodes[at];
            let Some(output) = node.machine.poll_output(self.now, &node.store).expect("memory can be read") else { return };
            match output {
                Output::Write(write) => node.store.apply(write),
                Output::Send(device, frame) => {
                    let to = self.at(&device);
                    self.check_disclosure(at, to, &frame);
                    if self.links.contains(&(at.min(to), at.max(to))) {
                        self.wire(at, to).push_back(frame);
                    }
                    self.nodes[at].handle(self.now, Input::Sent(device, 1));
                }
                Output::Disconnect(device, _) => {
                    let to = self.at(&device);
                    self.cut(at, to);
                }
                Output::Targets | Output::Notice(_) => {}
            }
        }
        panic!("a machine wants something without end");
    }

    fn check_disclosure(&self, from: usize, to: usize, frame: &[u8]) {
        let reader = self.nodes[to].party.id;
        for (document, mark) in &self.marks {
            if frame.windows(mark.len()).any(|window| window == mark) {
                let held = self.nodes[from].machine.document(document).expect("it is sent by one who holds it");
                assert!(held.sharing().may_hold(&reader, Plane::Content, self.now), "content goes to who may not hold it");
            }
        }
    }

    fn deliver(&mut self, from: usize, to: usize) {
        let Some(frame) = self.wire(from, to).pop_front() else { return };
        let sender = self.nodes[from].device();
        let input = match Message::receive(&frame) {
            Ok(message) => Input::Received(sender, Box::new(message)),
            Err(error) => Input::Refused(sender, error),
        };
        self.handle(to, input);
    }

    fn deliver_all(&mut self) {
        for _ in 0..ENDLESS {
            let Some((from, to)) = self.wires.iter().find(|(_, wire)| !wire.is_empty()).map(|(ends, _)| *ends) else { return };
            self.deliver(from, to);
        }
        panic!("they talk without end");
    }

    fn restart(&mut self, at: usize) {
        (0..NODES).filter(|other| *other != at).for_each(|other| self.cut(at, other));
        self.nodes[at] = Node::start(self.nodes[at].party, self.nodes[at].store.clone(), self.budget);
    }

    fn publish(&mut self, at: usize, entry: VerifiedEntry) {
        let document = entry.document();
        for sealed in [&entry.signed().payload, &entry.signed().wraps].into_iter().flatten() {
            self.marks.push((document, sealed[..sealed.len().min(MARK)].to_vec()));
        }
        if let Body::Genesis { grants, .. } | Body::Grant { grants } = &entry.header().body {
            for grant in grants {
                match grant.subject {
                    Subject::Organisation(id) => self.named.extend([(document, id)]),
                    Subject::Anyone => self.named.extend(parties::all().iter().map(|party| (document, party.id))),
                }
            }
        }
        self.named.insert((document, entry.header().organisation));
        self.published += 1;
        // A machine that refuses its own entry is to be built anew.
        match self.nodes[at].publish(self.now, entry) {
            Ok(_) => self.pump(at),
            Err(_) => self.restart(at),
        }
    }

    fn grants(&self, tape: &mut Tape<'_>) -> Vec<Grant> {
        let mut grants: Vec<Grant> = Vec::new();
        for _ in 0..tape.below(3) {
            let subject = match tape.below(8) {
                0 => Subject::Anyone,
                other => Subject::Organisation(parties::all()[other % (NODES + 1)].id),
            };
            let role = if subject == Subject::Anyone { Role::Read } else { Role::ALL[tape.below(Role::ALL.len())] };
            let until = tape.byte();
            let until = (until > 224).then(|| self.now.plus_ms(u64::from(until - 224) * 1_000));
            if grants.iter().all(|grant| grant.subject != subject) {
                grants.push(Grant { subject, role, until });
            }
        }
        grants
    }

    fn begin(&mut self, at: usize, tape: &mut Tape<'_>) {
        if self.published >= ENTRIES {
            return;
        }
        let party = self.nodes[at].party;
        let mut grants = self.grants(tape);
        grants.retain(|grant| grant.subject != Subject::Organisation(party.id));
        let genesis = author::genesis(party.id, party.signer(0), grants, &mut self.entropy).expect("a genesis");
        self.documents.push(genesis.document());
        self.publish(at, genesis);
        self.revise(at, tape);
    }

    /// A document, and under what the node acts in it, if it has this role.
    fn right(&mut self, at: usize, tape: &mut Tape<'_>, role: Role) -> Option<(DocumentId, Acting<'static>)> {
        let document = *tape.pick(&self.documents)?;
        let party = self.nodes[at].party;
        let access = self.nodes[at].access(&document)?;
        let under = access.standing_for(&party.id, role, self.now)?;
        (self.published < ENTRIES).then_some((document, Acting { organisation: party.id, signer: party.signer(0), under: Some(under) }))
    }

    fn revise(&mut self, at: usize, tape: &mut Tape<'_>) {
        let Some((document, acting)) = self.right(at, tape, Role::Write) else { return };
        let open = Audience { recipients: Vec::new(), openness: Openness::Anyone };
        let Some(access) = self.nodes[at].access(&document) else { return };
        let (key, secret) = author::key(&access, &acting, &open, &[], &mut self.entropy).expect("a key");
        let epoch = key.id();
        self.publish(at, key);
        let Some(access) = self.nodes[at].access(&document) else { return };
        let payload = RevisionPayload { at: self.now, person: None, change: self.entropy.bytes::<32>().to_vec() };
        let revision = author::revision(&access, &acting, (epoch, &secret), Vec::new(), &payload, &mut self.entropy);
        self.publish(at, revision.expect("a revision"));
    }

    fn govern(&mut self, at: usize, tape: &mut Tape<'_>) {
        let Some((document, acting)) = self.right(at, tape, Role::Admin) else { return };
        let Some(access) = self.nodes[at].access(&document) else { return };
        let body = match tape.below(8) {
            0 => Body::Withdraw { reason: Reason::Other },
            1 => Body::Erase,
            2..=4 => Body::Grant { grants: self.grants(tape) },
            _ => {
                let whom = parties::all()[tape.below(NODES + 1)].id;
                let mut keep = access.keep_all_of(&whom);
                keep.truncate(tape.below(4));
                Body::Revoke { principal: Principal::Organisation(whom), keep }
            }
        };
        if let Ok(entry) = author::control(&access, &acting, body) {
            self.publish(at, entry);
        }
    }

    /// Connects all anew and lets them talk, time passing between.
    fn settle(&mut self) {
        for _ in 0..3 {
            pairs().into_iter().for_each(|(a, b)| self.cut(a, b));
            pairs().into_iter().for_each(|(a, b)| self.connect(a, b));
            self.deliver_all();
            self.now = self.now.plus_ms(1_000);
            (0..NODES).for_each(|at| self.handle(at, Input::Tick));
            self.deliver_all();
        }
    }

    fn check_holders(&self) {
        for node in &self.nodes {
            for held in node.machine.documents() {
                assert!(self.named.contains(&(held.document(), node.party.id)), "a node holds a document that never named it");
            }
        }
    }

    fn check_agreement(&self) {
        for (here, there) in pairs().into_iter().chain(pairs().map(|(a, b)| (b, a))) {
            let (one, other) = (&self.nodes[here], &self.nodes[there]);
            for document in one.machine.documents().map(Held::document) {
                let access = one.access(&document).expect("it is held");
                for plane in Plane::ALL {
                    let both = [one, other].iter().all(|node| access.may_hold(&node.party.id, plane, self.now));
                    if !both || (plane == Plane::Content && access.is_erased()) {
                        continue;
                    }
                    let theirs = other.access(&document).map(|access| access.version(plane));
                    assert_eq!(theirs, Some(access.version(plane)), "they do not agree on a plane that both may hold");
                }
            }
        }
    }
}
