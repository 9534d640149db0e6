//! Which document is a sealed part of which.

use super::column::Cells;
use super::error::Fault;
use csu_protocol::id::DocumentId;
use rusqlite::{Connection, params};

/// Notes that `annex` is a part of `part_of`.
pub(super) fn put(db: &Connection, annex: &DocumentId, part_of: &DocumentId) -> Result<(), Fault> {
    db.prepare_cached(
        "INSERT INTO annex (document, part_of) VALUES (?1, ?2) ON CONFLICT (document) DO UPDATE SET part_of = excluded.part_of",
    )?
    .execute(params![annex.as_bytes(), part_of.as_bytes()])?;
    Ok(())
}

/// Forgets that a document is a part of another.
pub(super) fn remove(db: &Connection, annex: &DocumentId) -> Result<(), Fault> {
    db.prepare_cached("DELETE FROM annex WHERE document = ?1")?.execute([annex.as_bytes()])?;
    Ok(())
}

/// What an annex is a part of.
pub(super) fn part_of(db: &Connection, annex: &DocumentId) -> Result<Option<DocumentId>, Fault> {
    Ok(select(db, "SELECT key, part_of AS found FROM annex WHERE document = ?1", annex)?.pop())
}

/// The annexes of a document, in the order in which they came.
pub(super) fn of(db: &Connection, document: &DocumentId) -> Result<Vec<DocumentId>, Fault> {
    select(db, "SELECT key, document AS found FROM annex WHERE part_of = ?1 ORDER BY key", document)
}

fn select(db: &Connection, query: &str, id: &DocumentId) -> Result<Vec<DocumentId>, Fault> {
    let mut statement = db.prepare_cached(query)?;
    let mut rows = statement.query([id.as_bytes()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Cells::new("annex", row)?.id("found", DocumentId::new)?);
    }
    Ok(found)
}
