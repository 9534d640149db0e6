//! A hub: many peers of different rights connect to one machine, each for the first time since it started, and are compared.
//!
//! In this process, as the hub's machine decides and no network carries: what is measured is what the hub itself takes. It
//! starts from what storage keeps of idle documents, a line each. Nothing differs, so that no graph of rights is needed, as
//! when a hub comes back.

use super::lockstep::{End, connect};
use super::nodes::now;
use crate::bench::graph::{self, Actor, actors};
use crate::bench::{median, resident_bytes};
use crate::history::Dice;
use csu_protocol::access::{Access, Sharing};
use csu_protocol::author;
use csu_protocol::entry::{Grant, Role, Signer, Subject};
use csu_protocol::id::{DocumentId, Hash};
use csu_protocol::identity::{InvitationSecret, Name, OrganisationKind, SecurityNumber, SignedCard};
use csu_protocol::store::{Memory, Pairing, Peer, Summary, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Circles of peers that documents are shared with.
const CIRCLES: usize = 1_000;
/// Peers in each, at most.
const CIRCLE: usize = 20;
/// One document in so many is for anyone.
const FOR_ANYONE: u64 = 10;

/// What was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    /// Until the machine is made from what storage keeps, in milliseconds.
    pub(super) start_ms: f64,
    /// What the hub took until all were compared, in milliseconds.
    pub(super) all_ms: f64,
    /// What it took for one, the median.
    pub(super) peer_ms: f64,
    /// For the one that it took longest for.
    pub(super) most_ms: f64,
    /// Bytes of all frames, there and back, with one of them on average.
    pub(super) peer_bytes: f64,
    /// By how much the process grew while all came and stayed, in bytes.
    pub(super) grown_bytes: f64,
}

/// What is shared, and with whom.
#[derive(Debug)]
struct Circle {
    sharing: Arc<Sharing>,
    /// Every peer if none.
    members: Option<Vec<usize>>,
}

impl Circle {
    fn of(hub: &Actor, members: Option<Vec<usize>>, peers: &[Actor], dice: &mut Dice) -> Self {
        let grants = match &members {
            None => vec![Grant { subject: Subject::Anyone, role: Role::Read, until: None }],
            Some(members) => members.iter().map(|member| peers[*member].given(Role::Read)).collect(),
        };
        let genesis = author::genesis(hub.organisation, Signer::Device(hub.device()), grants, dice.entropy()).expect("a genesis");
        let mut access = Access::default();
        graph::take(&mut access, genesis);
        Self { sharing: Arc::new(access.sharing()), members }
    }

    /// What a document comes to that is shared so.
    fn summary(&self, document: &DocumentId) -> Summary {
        let item = |plane: u8| {
            let mut bytes = *Hash::of(document.as_bytes()).as_bytes();
            bytes[0] = bytes[0] & 0x7f | plane;
            Some(Hash::new(bytes))
        };
        Summary { sharing: self.sharing.clone(), control: item(0), content: item(0x80) }
    }
}

/// Measures a hub of so many documents with so many peers.
pub(super) fn measure(documents: u64, peers: u16, progress: &mut dyn FnMut(&str)) -> Found {
    progress(&format!("{peers} peers of a hub with {documents} documents"));
    let mut dice = Dice::new("bench hub", 1);
    let all = actors(peers + 1);
    let (hub, peers) = all.split_first().expect("a hub");
    let mut circles = vec![Circle::of(hub, None, peers, &mut dice)];
    for _ in 0..CIRCLES {
        let mut members: Vec<usize> = (0..=dice.below(CIRCLE)).map(|_| dice.below(peers.len())).collect();
        members.sort_unstable();
        members.dedup();
        circles.push(Circle::of(hub, Some(members), peers, &mut dice));
    }
    let mut memory = Memory::default();
    let mut of_circle: Vec<Vec<DocumentId>> = vec![Vec::new(); circles.len()];
    for number in 0..documents {
        let document = DocumentId::new(*Hash::of(&number.to_le_bytes()).as_bytes());
        let circle = if number % FOR_ANYONE == 0 { 0 } else { 1 + dice.below(CIRCLES) };
        memory.apply(Write::Summary { document, summary: circles[circle].summary(&document) });
        of_circle[circle].push(document);
    }
    for peer in peers {
        know(&mut memory, hub, peer);
    }
    let start = memory.start();
    let begun = Instant::now();
    let mut hub_end = End::new(card(hub), start, Memory::default());
    let start_ms = super::milliseconds(begun);
    drop(memory);

    let mut now = now();
    let (mut taken, mut bytes) = (Vec::new(), 0);
    let before = resident_bytes();
    for (number, peer) in peers.iter().enumerate() {
        let mut memory = Memory::default();
        for (circle, documents) in circles.iter().zip(&of_circle) {
            if circle.members.as_ref().is_none_or(|members| members.binary_search(&number).is_ok()) {
                for document in documents {
                    memory.apply(Write::Summary { document: *document, summary: circle.summary(document) });
                }
            }
        }
        know(&mut memory, peer, hub);
        let mut end = End::new(card(peer), memory.start(), memory);
        hub_end.busy = Duration::ZERO;
        let talk = connect(&mut hub_end, &mut end, &mut now);
        assert!(talk.round_trips > 0, "peer {number} was not compared with");
        bytes += talk.bytes;
        taken.push(hub_end.busy.as_secs_f64() * 1e3);
    }
    let grown = resident_bytes().saturating_sub(before);
    Found {
        start_ms,
        all_ms: taken.iter().sum(),
        most_ms: taken.iter().copied().fold(0.0, f64::max),
        peer_ms: median(taken),
        peer_bytes: bytes as f64 / peers.len() as f64,
        grown_bytes: grown as f64,
    }
}

fn card(actor: &Actor) -> SignedCard {
    let name = Name::new(&format!("Union {}", actor.organisation.short())).expect("a short name");
    SignedCard::sign(actor.root_key(), 0, actor.device().device(), name, OrganisationKind::Union)
}

/// One has paired with another.
fn know(memory: &mut Memory, one: &Actor, other: &Actor) {
    let card = card(other);
    let who = |actor: &Actor| (actor.organisation, actor.device().device());
    let peer = Peer {
        organisation: other.organisation,
        name: card.card().name.clone(),
        kind: card.card().kind,
        pairing: Pairing::Confirmed,
        paused: false,
        number: SecurityNumber::of(who(one), who(other), &InvitationSecret::from_bytes([7; 32])),
        addresses: Vec::new(),
        since: now(),
    };
    memory.apply(Write::Card { card, brought_by: None });
    memory.apply(Write::Peer(peer));
}
