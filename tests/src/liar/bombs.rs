//! Content that would expand: well sealed, well signed, a few kilobytes, and gigabytes if anybody believed it.
//!
//! Payloads are not compressed, but Automerge's format knows two kinds of compression inside them (a change as a whole, and a column), and
//! counts runs of equal operations. A node must refuse each before it takes memory for what is announced.

use super::entries::Pen;
use super::{Lie, Stage};
use crate::stranger::Stranger;
use csu_protocol::document::ChangeHash;
use csu_protocol::id::DocumentId;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use sha2::{Digest, Sha256};
use std::io::Write;

/// What Automerge data begins with.
const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
/// Where a change's actor comes from.
const ACTOR: &str = "csu-link 0 automerge actor";
/// What the bombs would become.
pub(super) const EXPANDED: usize = 256 * 1024 * 1024;
/// The column of what operations do, and the bit that says that a column is compressed.
const ACTION: u64 = 0x42;
const COMPRESSED: u64 = 0x08;

fn leb128(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// So many zeros, compressed.
fn zeros(count: usize) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    let block = vec![0; 1024 * 1024];
    for _ in 0..count / block.len() {
        encoder.write_all(&block).expect("memory takes it");
    }
    encoder.finish().expect("memory takes it")
}

/// A change of one column, whose actor and checksum are right.
fn change(document: &DocumentId, deps: &[ChangeHash], column: u64, bytes: &[u8]) -> Vec<u8> {
    let mut body = leb128(deps.len() as u64);
    deps.iter().for_each(|dep| body.extend(dep.as_bytes()));
    body.push(16);
    let at = body.len();
    body.extend([0; 16]);
    // Sequence 1, first operation 1, time 0, no message, no other actors, one column.
    body.extend([1, 1, 0, 0, 0, 1]);
    body.extend(leb128(column));
    body.extend(leb128(bytes.len() as u64));
    body.extend(bytes);
    let mut hasher = blake3::Hasher::new_derive_key(ACTOR);
    hasher.update(document.as_bytes()).update(&body);
    let mut actor = [0; 16];
    hasher.finalize_xof().fill(&mut actor);
    body[at..at + 16].copy_from_slice(&actor);
    chunk(1, &body, &checksum([body.as_slice()].into_iter(), body.len()))
}

fn checksum<'b>(parts: impl Iterator<Item = &'b [u8]>, length: usize) -> [u8; 4] {
    let mut hasher = Sha256::new();
    hasher.update([1]);
    hasher.update(leb128(length as u64));
    parts.for_each(|part| hasher.update(part));
    hasher.finalize()[..4].try_into().expect("a hash has 32 bytes")
}

fn chunk(kind: u8, body: &[u8], checksum: &[u8]) -> Vec<u8> {
    [&MAGIC[..], checksum, &[kind], &leb128(body.len() as u64), body].concat()
}

pub(super) fn tell(lie: Lie, liar: &Stranger, stage: &Stage) {
    let mut pen = Pen::new(liar, stage.document());
    let opened = pen.opened();
    let deps: Vec<ChangeHash> = opened.content.heads().iter().copied().collect();
    let bytes = match lie {
        Lie::CompressedBomb => {
            let block = vec![0; 1024 * 1024];
            let sum = checksum(std::iter::repeat_n(block.as_slice(), EXPANDED / block.len()), EXPANDED);
            chunk(2, &zeros(EXPANDED), &sum)
        }
        Lie::ColumnBomb => change(&pen.document, &deps, ACTION | COMPRESSED, &zeros(EXPANDED)),
        // A run of 2^40 operations of one kind: the count as a signed number, then the kind.
        Lie::RunLengthBomb => change(&pen.document, &deps, ACTION, &[leb128(1 << 40), vec![1]].concat()),
        _ => unreachable!("{lie:?} is told elsewhere"),
    };
    let entry = pen.revision(bytes);
    pen.send([entry]);
}
