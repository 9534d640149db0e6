//! What was kept of long documents to show them soon: opaque here, and nothing that anything else follows from.

use super::column::Cells;
use super::error::Fault;
use csu_protocol::id::{DocumentId, Hash};
use rusqlite::{Connection, OptionalExtension, params};

/// What was kept of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptView {
    /// The hash of what it was made of.
    pub version: Hash,
    /// What it says.
    pub sealed: Vec<u8>,
}

/// The most bytes of one.
pub const VIEW_BYTES: u32 = 1024 * 1024;
/// The most of all together.
const ALL_BYTES: u32 = 32 * VIEW_BYTES;
/// The most documents of which one is kept.
const VIEWS: u32 = 256;

/// Replaces what is kept of a document, and removes what was kept first where there is too much. One that is too long is not kept.
pub(super) fn put(db: &Connection, document: &DocumentId, view: &KeptView) -> Result<(), Fault> {
    remove(db, document)?;
    if u32::try_from(view.sealed.len()).is_ok_and(|bytes| bytes <= VIEW_BYTES) {
        insert(db, document, view)?;
    }
    Ok(())
}

fn insert(db: &Connection, document: &DocumentId, view: &KeptView) -> Result<(), Fault> {
    db.prepare_cached("INSERT INTO document_view (document, version, sealed) SELECT key, ?2, ?3 FROM document WHERE id = ?1")?
        .execute(params![document.as_bytes(), view.version.as_bytes(), view.sealed])?;
    db.prepare_cached(
        "DELETE FROM document_view WHERE key IN (
             SELECT key FROM (SELECT key, row_number() OVER newest AS place, sum(length(sealed)) OVER newest AS bytes
                              FROM document_view WINDOW newest AS (ORDER BY key DESC))
             WHERE place > ?1 OR bytes > ?2)",
    )?
    .execute(params![VIEWS, ALL_BYTES])?;
    Ok(())
}

/// What is kept of a document.
pub(super) fn get(db: &Connection, document: &DocumentId) -> Result<Option<KeptView>, Fault> {
    let mut statement = db.prepare_cached(
        "SELECT key, version, sealed FROM document_view
         WHERE document = (SELECT key FROM document WHERE id = ?1) AND length(sealed) <= ?2",
    )?;
    let mut rows = statement.query(params![document.as_bytes(), VIEW_BYTES])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let cells = Cells::new("document_view", row)?;
    Ok(Some(KeptView { version: cells.id("version", Hash::new)?, sealed: cells.get("sealed")? }))
}

/// What that was made of.
pub(super) fn version(db: &Connection, document: &DocumentId) -> Result<Option<Hash>, Fault> {
    let query = "SELECT version FROM document_view WHERE document = (SELECT key FROM document WHERE id = ?1)";
    let version = db.prepare_cached(query)?.query_row([document.as_bytes()], |row| row.get::<_, [u8; 32]>(0)).optional()?;
    Ok(version.map(Hash::new))
}

/// Removes what is kept of a document.
pub(super) fn remove(db: &Connection, document: &DocumentId) -> Result<(), Fault> {
    db.prepare_cached("DELETE FROM document_view WHERE document = (SELECT key FROM document WHERE id = ?1)")?
        .execute([document.as_bytes()])?;
    Ok(())
}
