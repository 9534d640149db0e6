//! Automerge changes written by hand, byte by byte: what an author can write who follows no rule.

use csu_protocol::id::DocumentId;
use sha2::{Digest, Sha256};

/// The type of an uncompressed change.
pub const CHANGE: u8 = 1;

/// A change's parts, any of which can be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forged {
    /// The hashes of the changes that it says it builds on.
    pub deps: Vec<[u8; 32]>,
    /// Its actor; none for the one that is right.
    pub actor: Option<[u8; 16]>,
    /// Its sequence number.
    pub seq: u64,
    /// The number of its first operation.
    pub start: u64,
    /// The other actors that it names.
    pub others: Vec<[u8; 16]>,
    /// Its columns: their count, what and how long each is, and their bytes.
    pub columns: Vec<u8>,
}

impl Forged {
    /// The parts of a change that is written as it should be.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
    pub fn of(change: &[u8]) -> Self {
        let mut bytes = &change[9..];
        assert_eq!(number(&mut bytes), bytes.len() as u64, "the length of the body");
        let deps = (0..number(&mut bytes)).map(|_| fixed(&mut bytes)).collect();
        bytes = &bytes[1..];
        let actor = Some(fixed(&mut bytes));
        let (seq, start) = (number(&mut bytes), number(&mut bytes));
        assert!(bytes.starts_with(&[0, 0]), "a time or a message");
        bytes = &bytes[2..];
        let others = (0..number(&mut bytes)).map(|_| {
            bytes = &bytes[1..];
            fixed(&mut bytes)
        });
        let others = others.collect();
        Self { deps, actor, seq, start, others, columns: bytes.to_vec() }
    }

    /// The body, under the actor that is right for the document if none was given.
    #[must_use]
    pub fn body(&self, document: &DocumentId) -> Vec<u8> {
        let mut body = leb128(self.deps.len() as u64);
        body.extend(self.deps.as_flattened());
        body.push(16);
        let actor_at = body.len();
        body.extend([0; 16]);
        body.extend(leb128(self.seq));
        body.extend(leb128(self.start));
        body.extend([0, 0]);
        body.extend(leb128(self.others.len() as u64));
        body.extend(self.others.iter().flat_map(|actor| std::iter::once(16).chain(*actor)));
        body.extend(&self.columns);
        let mut hasher = blake3::Hasher::new_derive_key("csu-link 0 automerge actor");
        hasher.update(document.as_bytes()).update(&body);
        let [right, _] = *hasher.finalize().as_bytes().as_chunks::<16>().0 else { unreachable!("32 bytes") };
        body[actor_at..actor_at + 16].copy_from_slice(&self.actor.unwrap_or(right));
        body
    }

    /// The change.
    #[must_use]
    pub fn bytes(&self, document: &DocumentId) -> Vec<u8> {
        chunk(CHANGE, &self.body(document))
    }
}

/// A chunk of this type with its magic, length and checksum.
#[must_use]
pub fn chunk(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = leb128(body.len() as u64);
    let sum = Sha256::new().chain_update([kind]).chain_update(&length).chain_update(body).finalize();
    [&[0x85, 0x6f, 0x4a, 0x83], &sum[..4], &[kind], &length, body].concat()
}

/// A number as Automerge writes it.
#[must_use]
pub fn leb128(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = value.to_le_bytes()[0] & 0x7f;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn number(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return value;
        }
    }
}

fn fixed<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let (first, rest) = bytes.split_first_chunk().expect("bytes that are there");
    *bytes = rest;
    *first
}
