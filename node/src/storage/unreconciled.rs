//! Documents that came back from a backup and are silent until a neighbour has confirmed them.

use super::column::Cells;
use super::error::Fault;
use csu_protocol::id::DocumentId;
use rusqlite::Connection;
use std::collections::BTreeSet;

/// Marks every document there is.
pub(super) fn mark_all(db: &Connection) -> Result<usize, Fault> {
    Ok(db.prepare_cached("INSERT INTO unreconciled (id) SELECT id FROM document WHERE true ON CONFLICT (id) DO NOTHING")?.execute([])?)
}

/// A document speaks again.
pub(super) fn remove(db: &Connection, document: &DocumentId) -> Result<(), Fault> {
    db.prepare_cached("DELETE FROM unreconciled WHERE id = ?1")?.execute([document.as_bytes()])?;
    Ok(())
}

/// Every marked document.
pub(super) fn all(db: &Connection) -> Result<BTreeSet<DocumentId>, Fault> {
    let mut statement = db.prepare_cached("SELECT key, id FROM unreconciled ORDER BY key")?;
    let mut rows = statement.query([])?;
    let mut documents = BTreeSet::new();
    while let Some(row) = rows.next()? {
        documents.insert(Cells::new("unreconciled", row)?.id("id", DocumentId::new)?);
    }
    Ok(documents)
}
