//! Whether the database is the one that this folder had last, or a copy of it that somebody put back.
//!
//! A copy does not know what its node signed since it was made: a node that goes on with it signs other entries in the same
//! places, and thereby contradicts itself. So the folder remembers apart from the database how many entries were written: as text
//! in the file that locks it, after each commit. A database that has fewer is an older one. And the database remembers when that
//! file was made: a folder that was copied as a whole has a younger one.
//!
//! What cannot be seen here: a disk or machine that was set back as a whole, and a copy written into the very files that were
//! there, all of them. Then neighbours bring what the node signed, and it is noticed as late as that.

use super::error::Fault;
use super::{Storage, StorageError, meta};
use crate::log_verb::LogVerb;
use crate::storage::LogLine;
use csu_protocol::id::DocumentId;
use csu_protocol::time::Timestamp;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::UNIX_EPOCH;

/// When the lock's file was made, in the table `meta`.
const MADE: &str = "folder-made";
/// What is known of a copy that was put back, in the table `meta`.
const PUT_BACK: &str = "put-back";
/// Digits of the number in the lock's file.
const DIGITS: usize = 20;

/// How it is seen that the folder or its database is a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutBack {
    /// The database lacks the last entries that were written in this folder, so many.
    Older(u64),
    /// The folder was copied: what was written since is in the other one, if there is any.
    Copied,
    /// A neighbour brought entries of this node's own that it does not have.
    Unknown,
}

impl PutBack {
    /// What follows from it.
    pub const FOLLOWS: &str = "no document is shown, served or changed until a neighbour has confirmed it";
}

impl core::fmt::Display for PutBack {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Older(1) => f.write_str("the database is older than its folder: 1 entry that was written here is not in it"),
            Self::Older(missing) => {
                write!(f, "the database is older than its folder: {missing} entries that were written here are not in it")
            }
            Self::Copied => f.write_str("the data folder was copied since the node last ran in it, so it may be an older one"),
            Self::Unknown => {
                f.write_str("neighbours hold entries that this node signed and does not have, so its database is an older one")
            }
        }
    }
}

/// What is known of a copy that was put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutBackNote {
    /// When it was noticed, in milliseconds since 1970.
    pub at: u64,
    /// How, in words.
    pub seen: String,
    /// Whether it waits for a neighbour to bring what is missing: nothing is signed until then.
    pub waiting: bool,
    /// Entries of this node's own that neighbours brought back.
    pub brought: u64,
    /// Documents in which this node signed two entries for one place.
    pub forked: Vec<DocumentId>,
    /// When somebody had the node go on without waiting any longer, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<u64>,
}

impl PutBackNote {
    /// Of what was noticed just now.
    #[must_use]
    pub fn new(seen: PutBack, at: Timestamp) -> Self {
        Self { at: at.as_ms(), seen: seen.to_string(), waiting: false, brought: 0, forked: Vec::new(), released: None }
    }
}

/// The file that locks the folder, with the number of the newest entry in it.
#[derive(Debug)]
pub(super) struct Mark(File);

impl Mark {
    pub(super) const fn new(lock: File) -> Self {
        Self(lock)
    }

    /// What was last noted; none in a new folder, or one that an older version used.
    fn entries(&self) -> Option<u64> {
        let mut digits = [0; DIGITS];
        self.0.read_exact_at(&mut digits, 0).ok()?;
        core::str::from_utf8(&digits).ok()?.parse().ok()
    }

    /// Notes the number of the newest entry. Not synced: after a power cut a smaller number is there, which accuses nobody.
    fn note(&self, entries: u64) {
        let text = format!("{entries:0DIGITS$}\n");
        if let Err(error) = self.0.write_all_at(text.as_bytes(), 0) {
            tracing::debug!(%error, "could not note how many entries there are");
        }
    }

    /// When the file was made; none if its file system does not say.
    fn made(&self) -> Option<String> {
        let made = self.0.metadata().ok()?.created().ok()?;
        Some(made.duration_since(UNIX_EPOCH).ok()?.as_nanos().to_string())
    }
}

/// The number of the newest entry. None is ever removed.
fn newest(db: &Connection) -> Result<u64, Fault> {
    let newest: i64 = db.prepare_cached("SELECT coalesce(max(key), 0) FROM entry")?.query_row([], |row| row.get(0))?;
    Ok(newest.unsigned_abs())
}

impl Storage {
    /// Compares the database with its folder.
    pub(super) fn compare_with_folder(&self) -> Result<Option<PutBack>, StorageError> {
        let missing = self.mark.entries().unwrap_or(0).saturating_sub(self.read(newest)?);
        if missing > 0 {
            return Ok(Some(PutBack::Older(missing)));
        }
        let (then, now) = (self.meta(MADE)?, self.mark.made());
        Ok((then.is_some() && now.is_some() && then != now).then_some(PutBack::Copied))
    }

    /// Notes in the open group that the database belongs to this folder.
    pub(super) fn belong_to_folder(&mut self) -> Result<(), StorageError> {
        match self.mark.made() {
            Some(made) => self.put_meta(MADE, &made),
            None => Ok(()),
        }
    }

    /// Notes in the folder how far the database is, after a commit.
    pub(super) fn note_entries(&self) -> Result<(), StorageError> {
        self.mark.note(self.read(newest)?);
        Ok(())
    }

    /// Notes that the database is an older copy, in one commit: every document waits to be compared with what a neighbour holds.
    ///
    /// # Errors
    /// When writes are not committed, or the disk is full or fails.
    pub fn begin_put_back(&mut self, put_back: PutBack, at: Timestamp) -> Result<(), StorageError> {
        if self.is_dirty() {
            return Err(StorageError::RollBackFirst);
        }
        let done = self.mark_put_back(put_back, at).and_then(|()| self.commit());
        match done {
            Ok(()) => self.note_entries(),
            Err(error) => {
                self.rollback()?;
                Err(error)
            }
        }
    }

    fn mark_put_back(&mut self, put_back: PutBack, at: Timestamp) -> Result<(), StorageError> {
        self.mark_all_unreconciled()?;
        self.belong_to_folder()?;
        let before = self.put_back()?;
        let (brought, forked) = before.map_or((0, Vec::new()), |note| (note.brought, note.forked));
        self.note_put_back(&PutBackNote { waiting: true, brought, forked, ..PutBackNote::new(put_back, at) })?;
        self.append_log(&LogLine {
            at,
            verb: LogVerb::Alteration,
            who: "this node".to_owned(),
            document: None,
            to: None,
            why: None,
            detail: format!("{put_back}; {}", PutBack::FOLLOWS),
        })?;
        Ok(())
    }

    /// What is known of a copy that was put back.
    ///
    /// # Errors
    /// When the disk fails, or what is noted makes no sense.
    pub fn put_back(&self) -> Result<Option<PutBackNote>, StorageError> {
        self.read(|db| {
            let text = meta::get(db, PUT_BACK)?;
            text.map(|text| serde_json::from_str(&text).map_err(|error| Fault::Foreign(format!("{PUT_BACK}: {error}")))).transpose()
        })
    }

    /// Notes what is known of it, in the open group.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn note_put_back(&mut self, note: &PutBackNote) -> Result<(), StorageError> {
        let text = serde_json::to_string(note).map_err(|error| Fault::refused(error).at(self.path()))?;
        self.put_meta(PUT_BACK, &text)
    }
}
