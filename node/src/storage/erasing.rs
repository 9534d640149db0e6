//! Destroying: what is removed of an erased document, and that nothing of it is left in the files.
//!
//! Removing a row or a blob overwrites it with zeros (`secure_delete`). That is not enough: when SQLite moves rows
//! between pages to balance its tree, it leaves the old bytes in the unused middle of a page, and the write-ahead log
//! keeps pages as they were. So [`rewrite`] writes the whole database anew without what is unused, and [`empty_log`] empties
//! the log. That costs about as much as copying the file; whoever erases much at once calls it once.

use super::column::ms;
use super::error::Fault;
use super::{Storage, StorageError, meta, views};
use csu_protocol::id::DocumentId;
use csu_protocol::time::Timestamp;
use rusqlite::{Connection, params};
use std::time::Duration;

/// How long to wait for a reader before the log cannot be emptied this time.
const PATIENCE: Duration = Duration::from_millis(200);
/// A database up to this size is copied in memory, a larger one in a file that has no name and is gone with the process.
const IN_MEMORY_BYTES: i64 = 256 * 1024 * 1024;

/// Whether the files are to be rewritten, in the table `meta`.
const REWRITE: &str = "rewrite";
const DUE: &str = "due";
const DONE: &str = "done";

/// Whether something was removed from rows that the files may still hold.
pub(super) fn is_rewrite_due(db: &Connection) -> Result<bool, Fault> {
    Ok(meta::get(db, REWRITE)?.is_some_and(|state| state == DUE))
}

impl Storage {
    /// Whether something was removed from rows that the files may still hold.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn is_rewrite_due(&self) -> Result<bool, StorageError> {
        self.read(is_rewrite_due)
    }

    /// Notes in the open group that the files are to be written anew: together with what is removed, so that it is not forgotten.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn note_rewrite_due(&mut self) -> Result<(), StorageError> {
        self.put_meta(REWRITE, DUE)
    }

    /// Notes in the open group that this was done.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn note_rewritten(&mut self) -> Result<(), StorageError> {
        self.put_meta(REWRITE, DONE)
    }
}

/// Removes the parts of a document's content, and what was kept of it.
pub(super) fn destroy_parts(db: &Connection, document: &DocumentId, at: Timestamp) -> Result<(), Fault> {
    views::remove(db, document)?;
    db.prepare_cached(
        "UPDATE entry SET payload = NULL, wraps = NULL
         WHERE document = (SELECT key FROM document WHERE id = ?1) AND plane = 1 AND (payload IS NOT NULL OR wraps IS NOT NULL)",
    )?
    .execute([document.as_bytes()])?;
    db.prepare_cached("UPDATE document SET destroyed = ?2 WHERE id = ?1 AND destroyed IS NULL")?
        .execute(params![document.as_bytes(), ms(at)])?;
    Ok(())
}

/// Closes the draft of a document and empties what others that became part of it left: numbers stay as its other names.
pub(super) fn empty_drafts(db: &Connection, document: &DocumentId, now: Timestamp) -> Result<usize, Fault> {
    let open: i64 = db
        .prepare_cached("SELECT count(*) FROM draft WHERE document = ?1 AND open = 1")?
        .query_row([document.as_bytes()], |row| row.get(0))?;
    db.prepare_cached(
        "UPDATE draft SET open = 0, kind = '', fields = '{}', marking = NULL, audience = '[]', circles = '[]', base = '[]', person = NULL, updated = ?2
         WHERE document = ?1",
    )?
    .execute(params![document.as_bytes(), ms(now)])?;
    Ok(usize::try_from(open).unwrap_or_default())
}

/// Writes the database anew without what was removed. Not within a group of writes.
pub(super) fn rewrite(db: &Connection) -> Result<(), Fault> {
    let number = |pragma: &str| db.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0));
    let bytes = number("page_count")?.saturating_mul(number("page_size")?);
    db.pragma_update(None, "temp_store", if bytes <= IN_MEMORY_BYTES { "MEMORY" } else { "FILE" })?;
    Ok(db.execute_batch("VACUUM")?)
}

/// Brings all pages from the log to the file and empties the log. Whether that is done: a reader beside may still need it.
pub(super) fn empty_log(db: &Connection, usual_patience: Duration) -> Result<bool, Fault> {
    db.busy_timeout(PATIENCE)?;
    let busy = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    db.busy_timeout(usual_patience)?;
    Ok(busy? == 0)
}
