//! Documents whose line and words are older than their entries, until somebody has brought them up to date.

use super::column::Cells;
use super::error::Fault;
use csu_protocol::id::DocumentId;
use rusqlite::{Connection, params};

/// Marks a document. One that waited does so no longer unless it is to wait again.
pub(super) fn mark(db: &Connection, document: &DocumentId, waits: bool) -> Result<(), Fault> {
    db.prepare_cached(
        "INSERT INTO stale (document, waits) SELECT key, ?2 FROM document WHERE id = ?1
         ON CONFLICT (document) DO UPDATE SET waits = excluded.waits WHERE excluded.waits < waits",
    )?
    .execute(params![document.as_bytes(), waits])?;
    Ok(())
}

/// Marks every document.
pub(super) fn mark_all(db: &Connection) -> Result<(), Fault> {
    db.prepare_cached("INSERT INTO stale (document, waits) SELECT key, 0 FROM document WHERE true ON CONFLICT (document) DO NOTHING")?
        .execute([])?;
    Ok(())
}

/// A document is up to date.
pub(super) fn unmark(db: &Connection, document: &DocumentId) -> Result<(), Fault> {
    db.prepare_cached("DELETE FROM stale WHERE document = (SELECT key FROM document WHERE id = ?1)")?.execute([document.as_bytes()])?;
    Ok(())
}

/// None waits any more.
pub(super) fn release(db: &Connection) -> Result<(), Fault> {
    db.prepare_cached("UPDATE stale SET waits = 0 WHERE waits = 1")?.execute([])?;
    Ok(())
}

/// The first marked documents behind `after`, or of all, that do not wait: at most `limit`, in the order in which they came.
pub(super) fn first(db: &Connection, after: Option<&DocumentId>, limit: u32) -> Result<Vec<DocumentId>, Fault> {
    let mut statement = db.prepare_cached(
        "SELECT document.key AS key, id FROM stale JOIN document ON document.key = stale.document
         WHERE waits = 0 AND stale.document > coalesce((SELECT key FROM document WHERE id = ?1), 0) ORDER BY stale.document LIMIT ?2",
    )?;
    let mut rows = statement.query(params![after.map(DocumentId::as_bytes), limit])?;
    let mut documents = Vec::new();
    while let Some(row) = rows.next()? {
        documents.push(Cells::new("document", row)?.id("id", DocumentId::new)?);
    }
    Ok(documents)
}

/// Whether a document is marked.
pub(super) fn is(db: &Connection, document: &DocumentId) -> Result<bool, Fault> {
    let query = "SELECT 1 FROM stale WHERE document = (SELECT key FROM document WHERE id = ?1)";
    Ok(db.prepare_cached(query)?.exists([document.as_bytes()])?)
}

/// Whether there are any, but for those that wait.
pub(super) fn any(db: &Connection) -> Result<bool, Fault> {
    Ok(db.prepare_cached("SELECT 1 FROM stale WHERE waits = 0 LIMIT 1")?.exists([])?)
}

/// How many there are.
pub(super) fn count(db: &Connection) -> Result<u64, Fault> {
    let count: i64 = db.prepare_cached("SELECT count(*) FROM stale")?.query_row([], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}
