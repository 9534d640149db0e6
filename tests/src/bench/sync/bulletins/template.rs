//! The changes of a bulletin, made once by the code that a node makes them with, and then carried over to other documents.
//!
//! To make a change takes Automerge some milliseconds, which 100,000 bulletins do not have. But what makes one belong to a document
//! are a few places of fixed length (SPEC 11): its dependencies' hashes, its actor, the other actors it names, and the numbers
//! by which its columns name those, since actors stand in ascending order. The case number in the headline is as long in every
//! bulletin. So a change is carried over by writing there; the checksum follows. [`Change::check`] takes it like any other.
//!
//! [`Change::check`]: csu_protocol::document::Change::check

use csu_protocol::document::Change;
use csu_protocol::id::DocumentId;
use sha2::{Digest, Sha256};
use std::ops::Range;

/// The type and the length of the magic and the checksum before it.
const TYPE: usize = 8;
/// The type of a column that names actors, in the lowest bits of its specification.
const ACTORS: usize = 1;

/// A change that was carried over.
#[derive(Debug, Clone)]
pub(super) struct Carried {
    pub(super) bytes: Vec<u8>,
    hash: [u8; 32],
    actor: [u8; 16],
}

/// The changes of one bulletin, each upon the one before, and where they are written in.
#[derive(Debug)]
pub(super) struct Template(Vec<Places>);

impl Template {
    /// Of these changes, in which `number` stands once each.
    pub(super) fn new(changes: &[Change], number: &str) -> Self {
        let mut actors = Vec::new();
        let places = changes.iter().map(|change| {
            let places = Places::find(change.bytes(), number, &actors);
            actors.push(change.bytes()[places.actor.clone()].to_vec());
            places
        });
        Self(places.collect())
    }

    /// The same changes of another document, with another number as long.
    pub(super) fn carry(&self, document: &DocumentId, number: &str) -> Vec<Carried> {
        let mut carried = Vec::new();
        for places in &self.0 {
            carried.push(places.carry(document, number, &carried));
        }
        carried
    }
}

/// A change, and what in it depends on the document. Places are counted from its first byte.
#[derive(Debug)]
struct Places {
    bytes: Vec<u8>,
    /// Where type, length and body begin, of which the hash is.
    body: usize,
    /// The hash of the change before; none in the first.
    dependency: Option<Range<usize>>,
    actor: Range<usize>,
    /// The other actors that it names: where, and which of the changes before each is, in the order of the template.
    others: Vec<(Range<usize>, usize)>,
    /// The bytes in columns that name one of these, counted from 1.
    named: Vec<usize>,
    number: Range<usize>,
}

impl Places {
    fn find(bytes: &[u8], number: &str, actors: &[Vec<u8>]) -> Self {
        let mut reader = Reader { bytes, at: TYPE + 1 };
        reader.number();
        let body = reader.at;
        let dependency = (reader.number() == 1).then(|| reader.take(32));
        let length = reader.number();
        let actor = reader.take(length);
        // Sequence number, first operation, time, message.
        for _ in 0..4 {
            reader.number();
        }
        let others = (0..reader.number()).map(|_| {
            let length = reader.number();
            let place = reader.take(length);
            let which = actors.iter().position(|actor| *actor == bytes[place.clone()]).expect("the actor of a change before");
            (place, which)
        });
        let others = others.collect();
        let columns: Vec<(usize, usize)> = (0..reader.number()).map(|_| (reader.number(), reader.number())).collect();
        let mut named = Vec::new();
        for (specification, length) in columns {
            let column = reader.take(length);
            if specification % 8 == ACTORS {
                named.extend(Reader { bytes: &bytes[..column.end], at: column.start }.values().into_iter().filter(|at| bytes[*at] > 0));
            }
        }
        let mut found = memchr::memmem::find_iter(bytes, number);
        let at = found.next().expect("the number in the headline");
        assert!(found.next().is_none(), "the number stands twice");
        Self { bytes: bytes.to_vec(), body, dependency, actor, others, named, number: at..at + number.len() }
    }

    fn carry(&self, document: &DocumentId, number: &str, before: &[Carried]) -> Carried {
        let mut bytes = self.bytes.clone();
        bytes[self.number.clone()].copy_from_slice(number.as_bytes());
        if let (Some(place), Some(last)) = (&self.dependency, before.last()) {
            bytes[place.clone()].copy_from_slice(&last.hash);
        }
        let mut order: Vec<usize> = (0..self.others.len()).collect();
        order.sort_by_key(|other| before[self.others[*other].1].actor);
        for (place, other) in self.others.iter().map(|(place, _)| place).zip(&order) {
            bytes[place.clone()].copy_from_slice(&before[self.others[*other].1].actor);
        }
        for at in &self.named {
            let other = usize::from(self.bytes[*at]) - 1;
            let place = order.iter().position(|ordered| *ordered == other).expect("one of the others");
            bytes[*at] = u8::try_from(place + 1).expect("few actors");
        }
        bytes[self.actor.clone()].fill(0);
        let mut hasher = blake3::Hasher::new_derive_key("csu-link 0 automerge actor");
        hasher.update(document.as_bytes()).update(&bytes[self.body..]);
        let mut actor = [0; 16];
        hasher.finalize_xof().fill(&mut actor);
        bytes[self.actor.clone()].copy_from_slice(&actor);
        let hash: [u8; 32] = Sha256::digest(&bytes[TYPE..]).into();
        bytes[TYPE - 4..TYPE].copy_from_slice(&hash[..4]);
        Carried { bytes, hash, actor }
    }
}

/// Reads what Automerge wrote.
struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, length: usize) -> Range<usize> {
        self.at += length;
        self.at - length..self.at
    }

    /// The bits of a LEB128 number, and how many there are.
    fn bits(&mut self) -> (u64, u32) {
        let (mut value, mut bits) = (0, 0);
        loop {
            let byte = self.bytes[self.at];
            self.at += 1;
            value |= u64::from(byte & 0x7f) << bits;
            bits += 7;
            if byte & 0x80 == 0 {
                return (value, bits);
            }
        }
    }

    /// Not negative.
    fn number(&mut self) -> usize {
        usize::try_from(self.bits().0).expect("a length")
    }

    /// With a sign.
    fn signed(&mut self) -> i64 {
        let (value, bits) = self.bits();
        (value.cast_signed() << (64 - bits)) >> (64 - bits)
    }

    /// Where the values of a run-length encoded column stand; each is one byte.
    fn values(mut self) -> Vec<usize> {
        let mut places = Vec::new();
        while self.at < self.bytes.len() {
            let run = self.signed();
            let values = match run {
                // So many that are missing.
                0 => {
                    self.number();
                    0
                }
                // So many of one value, or so many different ones.
                1.. => 1,
                _ => run.unsigned_abs(),
            };
            for _ in 0..values {
                places.push(self.at);
                assert!(self.number() < 0x80, "a value of more than one byte");
            }
        }
        places
    }
}
