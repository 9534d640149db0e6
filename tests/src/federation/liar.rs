//! Organisations that lie, frame by frame.
//!
//! A liar runs an honest machine and meddles with what comes out of it; now and then it says something that no
//! machine says. What it says wrong it draws once, so that a liar keeps its ways.

use super::frames::{self, FIRST_OF_DATA, Frame, TAGS};
use super::world::World;
use crate::history::Dice;
use crate::liar::Lie;
use csu_protocol::author::{self, Acting};
use csu_protocol::entry::{Body, Grant, Plane, Reason, Role, SignedEntry, Signer, Subject};
use csu_protocol::id::{DocumentId, EntryId};
use csu_protocol::store::Read;
use csu_protocol::wire::Message;
use std::collections::{BTreeSet, VecDeque};

/// Frames that a liar remembers, to send them again to whomever it likes.
const REMEMBERED: usize = 40;

/// The ways of one liar.
#[derive(Debug)]
pub(super) struct Liar {
    dice: Dice,
    /// Kinds of messages that it never sends.
    withholds: BTreeSet<u8>,
    /// In how many of a hundred cases it does what.
    drops: usize,
    doubles: usize,
    swaps: usize,
    garbles: usize,
    /// Whether it says that both have the same.
    sees_no_difference: bool,
    /// What it says by itself, and how often.
    pub(super) mischief: usize,
    kept_back: Option<Frame>,
    remembered: VecDeque<Vec<u8>>,
    /// Whether it still does any of that.
    pub(super) active: bool,
}

impl Liar {
    pub(super) fn new(dice: &mut Dice) -> Self {
        let mut dice = Dice::new("federation: liar", dice.below(usize::MAX) as u64);
        let mut withholds = BTreeSet::new();
        match dice.below(4) {
            // It answers nothing at all.
            0 => withholds.extend(FIRST_OF_DATA..TAGS),
            1 | 2 => withholds.extend([FIRST_OF_DATA + dice.below(usize::from(TAGS - FIRST_OF_DATA)) as u8, 3 + dice.below(5) as u8]),
            _ => {}
        }
        let mut some = |most: usize| if dice.chance(50) { dice.below(most) } else { 0 };
        let (drops, doubles, swaps, garbles) = (some(40), some(40), some(30), some(8));
        let sees_no_difference = dice.chance(25);
        let mischief = dice.below(60);
        Self {
            dice,
            withholds,
            drops,
            doubles,
            swaps,
            garbles,
            sees_no_difference,
            mischief,
            kept_back: None,
            remembered: VecDeque::new(),
            active: false,
        }
    }

    fn remember(&mut self, frame: &Frame) {
        if frame.tag() >= FIRST_OF_DATA && frame.bytes.len() < 20_000 {
            self.remembered.truncate(REMEMBERED - 1);
            self.remembered.push_front(frame.bytes.clone());
        }
    }

    pub(super) const fn dice(&mut self) -> &mut Dice {
        &mut self.dice
    }

    /// It listens, too.
    pub(super) fn hear(&mut self, frame: &Frame) {
        self.remember(frame);
    }

    /// What it sends in the place of a frame of its machine.
    pub(super) fn meddle(&mut self, frame: Frame) -> Vec<Frame> {
        // Greetings are left alone mostly: without a session there is nothing to lie in.
        if !self.active || (frame.tag() < FIRST_OF_DATA && !self.dice.chance(3)) {
            return vec![frame];
        }
        self.remember(&frame);
        if self.sees_no_difference
            && let Some(bytes) = frames::no_difference(&frame)
        {
            return vec![Frame::new(bytes)];
        }
        if self.withholds.contains(&frame.tag()) || self.dice.chance(self.drops) {
            return Vec::new();
        }
        let mut sent = Vec::new();
        if self.dice.chance(self.doubles) {
            sent.push(Frame::new(frame.bytes.clone()));
        }
        if self.dice.chance(self.garbles) {
            let mut bytes = frame.bytes;
            let at = self.dice.below(bytes.len());
            bytes[at] ^= 1 << self.dice.below(8);
            if self.dice.chance(30) {
                bytes.truncate(at);
            }
            sent.push(Frame::new(bytes));
        } else if self.dice.chance(self.swaps) && self.kept_back.is_none() {
            self.kept_back = Some(frame);
            return sent;
        } else {
            sent.push(frame);
        }
        sent.extend(self.kept_back.take());
        sent
    }
}

impl World {
    /// A liar says something of its own to one of its neighbours.
    pub(super) fn mischief(&mut self, number: usize) {
        let peers: Vec<usize> = self
            .links
            .iter()
            .filter(|link| link.ends.contains(&number) && link.carries.is_some())
            .map(|link| link.ends[1 - link.side(number)])
            .collect();
        let Some(liar) = self.liars.get_mut(&number).filter(|liar| liar.active) else { return };
        let (Some(peer), choice) = (liar.dice.pick(&peers).copied(), liar.dice.below(12)) else { return };
        let known: Vec<DocumentId> = self.laws.documents().iter().copied().collect();
        let Some(document) = liar.dice.pick(&known).copied() else { return };
        let plane = Plane::ALL[liar.dice.below(2)];
        let frames = match choice {
            0..4 => vec![frames::nonsense(&mut liar.dice, document, plane)],
            // It says again what it heard or said elsewhere.
            4 | 5 => {
                let some: Vec<Vec<u8>> = liar.remembered.iter().cloned().collect();
                liar.dice.pick(&some).cloned().into_iter().collect()
            }
            8.. => {
                let lie = Lie::ALL[liar.dice.below(Lie::ALL.len())];
                let frames = self.lie(lie, number, peer, document);
                if lie == Lie::Usurper {
                    self.note_own_erasures(number, &frames);
                }
                if !frames.is_empty() {
                    self.laws.figures.lies |= 1 << (lie as u32);
                }
                frames
            }
            6 if liar.dice.chance(30) => vec![frames::decline(known.iter().copied())],
            _ => self.forge(number, document),
        };
        for bytes in frames {
            self.transmit(number, peer, Frame::new(bytes));
        }
    }

    /// What is its own a liar may have erased, as everybody may.
    fn note_own_erasures(&mut self, number: usize, frames: &[Vec<u8>]) {
        for frame in frames {
            let Ok(Message::Entries { document, entries, .. }) = Message::receive(frame) else { continue };
            let member = &self.members[number];
            if member.access(&document).and_then(|access| access.owner()) == Some(member.organisation) {
                let erasures = entries.iter().filter(|entry| matches!(entry.header().body, Body::Erase));
                erasures.for_each(|erase| self.laws.erased(document, erase.id()));
            }
        }
    }

    /// Entries that the liar signs and may not, or that contradict each other, or whose past nobody has.
    fn forge(&mut self, number: usize, document: DocumentId) -> Vec<Vec<u8>> {
        let member = &self.members[number];
        let Some(liar) = self.liars.get_mut(&number) else { return Vec::new() };
        let Some(access) = member.access(&document) else { return Vec::new() };
        let now = member.clock(self.now_ms);
        let genesis = EntryId::from(document);
        let under = access.standing_for(&member.organisation, Role::Relay, now).unwrap_or(genesis);
        let everyone = Grant { subject: Subject::Anyone, role: Role::Read, until: None };
        let body = match liar.dice.below(4) {
            0 => Body::Erase,
            1 => Body::Withdraw { reason: Reason::Other },
            2 => Body::Grant { grants: vec![everyone] },
            _ => Body::Receipt { erase: genesis },
        };
        let acting = Acting { organisation: member.organisation, signer: Signer::Device(&member.key), under: Some(under) };
        let Ok(entry) = author::control(&access, &acting, body) else { return Vec::new() };
        if matches!(entry.header().body, Body::Erase) && access.owner() == Some(member.organisation) {
            // What is its own it may have erased, as everybody may.
            self.laws.erased(document, entry.id());
        }
        let mut entry: SignedEntry = entry.into_signed();
        let stored = member.disk.written().document(&document).unwrap_or_default();
        match liar.dice.below(4) {
            // Not what was signed.
            0 => entry.header.reverse(),
            // The last of many, without the rest.
            1 => {
                if let Some(last) = stored.last() {
                    entry = last.entry.clone();
                }
            }
            _ => {}
        }
        let plane = Plane::ALL[usize::from(liar.dice.chance(10))];
        vec![frames::entries(document, plane, vec![entry])]
    }
}
