//! The bytes of an Automerge change, from the outside: header, actor, dependencies, columns.
//!
//! ```text
//! offset  length  what
//! 0       4       magic 85 6f 4a 83
//! 4       4       first 4 bytes of SHA-256(type ‖ length ‖ body)
//! 8       1       type: 1, a change that is not compressed
//! 9       1-3     length of the body, LEB128, shortest form
//!                 body:
//!                 count of dependencies, then 32 bytes each, ascending
//!                 16, then the 16 bytes of the actor
//!                 sequence number: 1
//!                 number of the first operation
//!                 time: 0
//!                 length of the message: 0
//!                 count of other actors, then 16 and 16 bytes each, ascending
//!                 count of columns, then specification and length each, then the columns' bytes
//! ```
//!
//! The format is Automerge's binary document format (automerge.org/automerge-binary-format-spec); that
//! the sequence number is 1, the time 0, and so on is what this project demands on top. The whole
//! SHA-256 is the change's hash. Nothing here takes memory in proportion to a number it reads.

use super::columns::Columns;
use super::error::ChangeError;
use super::{ActorBytes, ChangeHash};
use crate::document::limits::{MAX_CHANGE_BYTES, MAX_CHANGE_DEPENDENCIES};
use crate::id::DocumentId;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const UNCOMPRESSED_CHANGE: u8 = 1;
/// BLAKE3 derive_key context of a change's actor.
const ACTOR_CONTEXT: &str = "csu-link 0 automerge actor";

/// A change's parts, checked against each other but not yet its operations.
#[derive(Debug)]
pub(super) struct Chunk<'a> {
    /// SHA-256 of type, length and body.
    pub(super) hash: ChangeHash,
    /// The actor, right for the document and the body.
    pub(super) actor: ActorBytes,
    /// The other actors whose operations this change refers to.
    pub(super) others: Vec<ActorBytes>,
    /// The counter of the first operation's id.
    pub(super) start: u32,
    /// The operations.
    pub(super) columns: Columns<'a>,
}

/// Reads the outside of a change and checks everything that can be checked without its operations.
pub(super) fn read<'a>(document: &DocumentId, bytes: &'a [u8], deps: &BTreeSet<ChangeHash>) -> Result<Chunk<'a>, ChangeError> {
    if bytes.len() > MAX_CHANGE_BYTES {
        return Err(ChangeError::TooLong { found: bytes.len(), limit: MAX_CHANGE_BYTES });
    }
    let mut cursor = Cursor::new(bytes);
    if cursor.array::<4>()? != MAGIC {
        return Err(ChangeError::NotAChange { offset: 0, what: "does not begin as Automerge data" });
    }
    let checksum = cursor.array::<4>()?;
    let [kind] = cursor.array::<1>()?;
    if kind != UNCOMPRESSED_CHANGE {
        return Err(ChangeError::NotAChange { offset: 8, what: "is compressed or no change" });
    }
    let length = cursor.length()?;
    let body_start = cursor.offset;
    let body = cursor.take(length)?;
    cursor.end()?;
    let hash = hash(body);
    if !hash.as_bytes().starts_with(&checksum) {
        return Err(ChangeError::Checksum);
    }
    let mut cursor = Cursor { bytes, offset: body_start };
    read_deps(&mut cursor, deps)?;
    let (before_actor, actor) = read_actor(&mut cursor)?;
    let actor_at = before_actor.saturating_sub(body_start);
    if actor != derive_actor(document, body, actor_at) {
        return Err(ChangeError::WrongActor);
    }
    expect_zero(&mut cursor, 1, "the sequence number is not 1")?;
    let start_offset = cursor.offset;
    let start = u32::try_from(cursor.unsigned()?)
        .ok()
        .filter(|start| *start > 0)
        .ok_or(ChangeError::Malformed { offset: start_offset, what: "the first operation's number is out of range" })?;
    expect_zero(&mut cursor, 0, "the time is not 0")?;
    expect_zero(&mut cursor, 0, "there is a message")?;
    let others = read_others(&mut cursor)?;
    if others.contains(&actor) {
        return Err(ChangeError::NotCanonical);
    }
    let columns = Columns::read(&mut cursor)?;
    cursor.end()?;
    Ok(Chunk { hash, actor, others, start, columns })
}

/// The hash of the change with this body.
fn hash(body: &[u8]) -> ChangeHash {
    let mut hasher = Sha256::new();
    hasher.update([UNCOMPRESSED_CHANGE]);
    hasher.update(leb128(body.len()));
    hasher.update(body);
    ChangeHash::new(hasher.finalize().into())
}

/// The actor of the change with this body: the first 16 bytes of BLAKE3 in key derivation mode over the
/// document's id and the body with its actor zeroed, wherever `body` now holds an actor.
fn derive_actor(document: &DocumentId, body: &[u8], actor_at: usize) -> ActorBytes {
    let (before, rest) = body.split_at_checked(actor_at).unwrap_or((body, &[]));
    let after = rest.get(16..).unwrap_or_default();
    let mut hasher = blake3::Hasher::new_derive_key(ACTOR_CONTEXT);
    hasher.update(document.as_bytes());
    hasher.update(before);
    hasher.update(&[0; 16]);
    hasher.update(after);
    let mut actor = [0; 16];
    hasher.finalize_xof().fill(&mut actor);
    actor
}

/// Gives a change that was made under any actor of 16 bytes the actor that is right for the document.
/// Operations name their own actor by its place, not its bytes, so nothing else changes.
pub(super) fn with_right_actor(document: &DocumentId, bytes: &[u8]) -> Result<Vec<u8>, ChangeError> {
    let mut cursor = Cursor::new(bytes);
    cursor.take(9)?;
    let length = cursor.length()?;
    let body_start = cursor.offset;
    let mut body = cursor.take(length)?.to_vec();
    let mut cursor = Cursor { bytes, offset: body_start };
    let count = cursor.length()?;
    cursor.take(count.saturating_mul(32))?;
    let (actor_offset, _) = read_actor(&mut cursor)?;
    let actor_at = actor_offset.saturating_sub(body_start);
    let actor = derive_actor(document, &body, actor_at);
    if let Some(place) = body.get_mut(actor_at..actor_at.saturating_add(16)) {
        place.copy_from_slice(&actor);
    }
    let mut whole = MAGIC.to_vec();
    whole.extend(hash(&body).as_bytes().iter().take(4));
    whole.push(UNCOMPRESSED_CHANGE);
    whole.extend(leb128(body.len()));
    whole.extend(body);
    Ok(whole)
}

fn leb128(value: usize) -> Vec<u8> {
    let mut value = value;
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn read_deps(cursor: &mut Cursor<'_>, deps: &BTreeSet<ChangeHash>) -> Result<(), ChangeError> {
    let count = cursor.length()?;
    if count != deps.len() || count > MAX_CHANGE_DEPENDENCIES {
        return Err(ChangeError::WrongDependencies { found: count, expected: deps.len() });
    }
    for expected in deps {
        if cursor.array::<32>()? != *expected.as_bytes() {
            return Err(ChangeError::WrongDependencies { found: count, expected: deps.len() });
        }
    }
    Ok(())
}

/// An actor and the offset of its bytes.
fn read_actor(cursor: &mut Cursor<'_>) -> Result<(usize, ActorBytes), ChangeError> {
    let offset = cursor.offset;
    if cursor.length()? != 16 {
        return Err(ChangeError::Malformed { offset, what: "an actor is not 16 bytes long" });
    }
    Ok((cursor.offset, cursor.array()?))
}

fn read_others(cursor: &mut Cursor<'_>) -> Result<Vec<ActorBytes>, ChangeError> {
    let count = cursor.length()?;
    let mut others: Vec<ActorBytes> = Vec::new();
    for _ in 0..count {
        let (offset, actor) = read_actor(cursor)?;
        if others.last().is_some_and(|last| *last >= actor) {
            return Err(ChangeError::Malformed { offset, what: "the actors are not in order" });
        }
        others.push(actor);
    }
    Ok(others)
}

fn expect_zero(cursor: &mut Cursor<'_>, expected: u8, what: &'static str) -> Result<(), ChangeError> {
    let offset = cursor.offset;
    let [found] = cursor.array::<1>()?;
    if found == expected { Ok(()) } else { Err(ChangeError::Malformed { offset, what }) }
}

/// A place in bytes, for reading on.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    pub(super) const fn offset(&self) -> usize {
        self.offset
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.offset >= self.bytes.len()
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], ChangeError> {
        let end = self.offset.saturating_add(count);
        let taken = self.bytes.get(self.offset..end).ok_or(ChangeError::Truncated { offset: self.offset })?;
        self.offset = end;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ChangeError> {
        let offset = self.offset;
        self.take(N)?.try_into().map_err(|_| ChangeError::Truncated { offset })
    }

    /// An unsigned LEB128 number in its shortest form.
    pub(super) fn unsigned(&mut self) -> Result<u64, ChangeError> {
        let offset = self.offset;
        let bad = ChangeError::Malformed { offset, what: "a number is not in its shortest form or too great" };
        let (mut value, mut shift) = (0_u64, 0_u32);
        loop {
            let [byte] = self.array::<1>()?;
            let low = u64::from(byte & 0x7f);
            let part = low.checked_shl(shift).filter(|part| part.checked_shr(shift) == Some(low)).ok_or(bad.clone())?;
            value |= part;
            if byte & 0x80 == 0 {
                return if byte == 0 && shift > 0 { Err(bad) } else { Ok(value) };
            }
            shift = shift.saturating_add(7);
        }
    }

    /// A signed LEB128 number in its shortest form.
    pub(super) fn signed(&mut self) -> Result<i64, ChangeError> {
        let offset = self.offset;
        let bad = ChangeError::Malformed { offset, what: "a number is not in its shortest form or too great" };
        let (mut value, mut shift, mut previous) = (0_i128, 0_u32, 0_u8);
        loop {
            let [byte] = self.array::<1>()?;
            value |= i128::from(byte & 0x7f).checked_shl(shift).ok_or(bad.clone())?;
            shift = shift.saturating_add(7);
            if byte & 0x80 == 0 {
                let negative = byte & 0x40 != 0;
                // A last byte that only repeats the sign is one byte too many.
                let idle = shift > 7 && ((byte == 0 && previous & 0x40 == 0) || (byte == 0x7f && previous & 0x40 != 0));
                if negative {
                    value = value.saturating_sub(1_i128.checked_shl(shift).ok_or(bad.clone())?);
                }
                return if idle { Err(bad) } else { i64::try_from(value).map_err(|_| bad) };
            }
            if shift > 63 {
                return Err(bad);
            }
            previous = byte;
        }
    }

    /// A length or a count. It is bounded by what is left to read where it is used, not here.
    pub(super) fn length(&mut self) -> Result<usize, ChangeError> {
        let offset = self.offset;
        usize::try_from(self.unsigned()?).map_err(|_| ChangeError::Truncated { offset })
    }

    /// Succeeds if nothing is left.
    pub(super) fn end(&self) -> Result<(), ChangeError> {
        match self.bytes.len().saturating_sub(self.offset) {
            0 => Ok(()),
            extra => Err(ChangeError::Trailing { offset: self.offset, extra }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_their_shortest_form_only() {
        for value in [0_usize, 1, 127, 128, 300, 1 << 20, usize::MAX] {
            assert_eq!(Cursor::new(&leb128(value)).length(), Ok(value));
        }
        for bytes in [&[0x80, 0x00][..], &[0xff; 11], &[0x80; 9], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]] {
            assert!(Cursor::new(bytes).unsigned().is_err(), "{bytes:02x?}");
        }
        for (bytes, value) in [(&[0x7f][..], -1), (&[0x3f], 63), (&[0xc0, 0x00], 64), (&[0x40], -64), (&[0xbf, 0x7f], -65)] {
            assert_eq!(Cursor::new(bytes).signed(), Ok(value), "{bytes:02x?}");
        }
        assert_eq!(Cursor::new(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f]).signed(), Ok(i64::MIN));
        for bytes in [&[0xff, 0x7f][..], &[0xbf, 0x00, 0x00][..1], &[0x80, 0x00], &[0x80; 12]] {
            assert!(Cursor::new(bytes).signed().is_err(), "{bytes:02x?}");
        }
    }
}
