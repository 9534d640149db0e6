//! What the machine can do: the floor that synchronising is compared with, measured beside it.
//!
//! It leaves out whatever somebody could do without: rights, indexes, the network, decoding. So nothing that verifies and keeps
//! the same entries on this machine can be much faster.

use super::bulletins::{Bulletin, parts};
use super::{milliseconds, on_all_cores};
use crate::bench::median;
use csu_protocol::entry::SignedEntry;
use ed25519_dalek::{Signature, VerifyingKey};
use rusqlite::{Connection, params};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// Bulletins whose entries share a transaction: the node commits what 256 frames brought, and each bulletin takes two.
const GROUP: usize = 128;
/// Syncs that the median is taken of.
const SYNCS: usize = 100;
/// What is written before each: a page of the database.
const PAGE: [u8; 4096] = [7; 4096];

/// Milliseconds of each part.
#[derive(Debug, Clone, Copy)]
pub(super) struct Floor {
    /// Ed25519's `verify_strict` of every entry, on all cores.
    pub(super) verify: f64,
    /// Appending every entry to a table of SQLite without an index, durably, a transaction for each group.
    pub(super) append: f64,
    /// Automerge reading and applying the changes of every bulletin, on all cores.
    pub(super) apply: f64,
}

impl Floor {
    /// Of these bulletins, on the disk that holds `folder`: of each part the median of so many runs.
    pub(super) fn measure(bulletins: &[Bulletin], folder: &Path, runs: usize) -> Self {
        let of = |part: &dyn Fn() -> f64| median((0..runs).map(|_| part()).collect());
        Self { verify: of(&|| verify(bulletins)), append: of(&|| append(bulletins, folder)), apply: of(&|| apply(bulletins)) }
    }

    /// Verified and durable.
    pub(super) fn durable(&self) -> f64 {
        self.verify + self.append
    }

    /// Shown besides.
    pub(super) fn visible(&self) -> f64 {
        self.durable() + self.apply
    }
}

/// What `verify_strict` takes for an entry: as [`SignedEntry::verify`] gives it.
fn signed(entry: &SignedEntry) -> (VerifyingKey, Vec<u8>, Signature) {
    let verified = entry.clone().verify().expect("an entry of this workload");
    let key = VerifyingKey::from_bytes(verified.header().author.key()).expect("a key of this workload");
    let message = [b"csu-link 0 entry\0".as_slice(), verified.id().as_bytes()].concat();
    (key, message, Signature::from_bytes(entry.signature.as_bytes()))
}

fn verify(bulletins: &[Bulletin]) -> f64 {
    let entries: Vec<&SignedEntry> = bulletins.iter().flat_map(|bulletin| &bulletin.entries).collect();
    let signed = on_all_cores(&entries, |entry| signed(entry));
    let begun = Instant::now();
    let sound = on_all_cores(&signed, |(key, message, signature)| key.verify_strict(message, signature).is_ok());
    let taken = milliseconds(begun);
    assert!(sound.into_iter().all(|sound| sound), "the floor checks something else than what was signed");
    taken
}

fn append(bulletins: &[Bulletin], folder: &Path) -> f64 {
    let folder = tempfile::tempdir_in(folder).expect("a temporary folder");
    let db = Connection::open(folder.path().join("floor.sqlite")).expect("a database");
    db.execute_batch(
        "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE entry (key INTEGER PRIMARY KEY, header BLOB, signature BLOB, payload BLOB, wraps BLOB) STRICT;",
    )
    .expect("a table");
    let begun = Instant::now();
    for group in bulletins.chunks(GROUP) {
        db.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
        let mut insert =
            db.prepare_cached("INSERT INTO entry (header, signature, payload, wraps) VALUES (?1, ?2, ?3, ?4)").expect("a statement");
        for entry in group.iter().flat_map(|bulletin| &bulletin.entries) {
            let [header, signature, payload, wraps] = parts(entry);
            insert.execute(params![header, signature, payload, wraps]).expect("a row");
        }
        drop(insert);
        db.execute_batch("COMMIT").expect("a commit");
    }
    milliseconds(begun)
}

fn apply(bulletins: &[Bulletin]) -> f64 {
    let begun = Instant::now();
    let keys = on_all_cores(bulletins, |bulletin| {
        let changes = bulletin.changes.iter().map(|bytes| automerge::Change::from_bytes(bytes.clone()).expect("a change"));
        let mut document = automerge::Automerge::new();
        document.apply_changes(changes.collect::<Vec<_>>()).expect("changes that fit");
        automerge::ReadDoc::length(&document, automerge::ROOT)
    });
    let taken = milliseconds(begun);
    assert!(keys.into_iter().all(|keys| keys == 4), "the changes do not make a bulletin: kind, marking, state and fields");
    taken
}

/// Milliseconds of one `fdatasync` behind a page that was appended to a file in `folder`: the median.
pub(super) fn disk_sync(folder: &Path) -> f64 {
    // With a name, as a database has: the system may spare itself work for a file without one.
    let mut file = tempfile::NamedTempFile::new_in(folder).expect("a temporary file");
    let sync = || {
        file.write_all(&PAGE).expect("room for a page");
        let begun = Instant::now();
        file.as_file().sync_data().expect("a disk");
        milliseconds(begun)
    };
    median(std::iter::repeat_with(sync).take(SYNCS).collect())
}
