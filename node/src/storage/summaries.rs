//! What the entries of each document come to.

use super::column::Cells;
use super::error::Fault;
use csu_protocol::access::Sharing;
use csu_protocol::codec::Canonical;
use csu_protocol::id::{DocumentId, Hash, OrganisationId};
use csu_protocol::store::Summary;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Puts a summary in the place of the one before.
pub(super) fn put(db: &Connection, document: &DocumentId, summary: &Summary) -> Result<(), Fault> {
    let key: i64 = db.prepare_cached("SELECT key FROM document WHERE id = ?1")?.query_row([document.as_bytes()], |row| row.get(0))?;
    let before = db.prepare_cached("SELECT sharing FROM summary WHERE document = ?1")?.query_row([key], |row| row.get(0)).optional()?;
    let sharing = sharing_key(db, &summary.sharing)?;
    let (control, content) = (summary.control.as_ref().map(Hash::as_bytes), summary.content.as_ref().map(Hash::as_bytes));
    // For a statement that does one or the other, SQLite would keep a copy of each page that it changes, to take it back.
    if before.is_some() {
        db.prepare_cached("UPDATE summary SET control = ?2, content = ?3 WHERE document = ?1")?.execute(params![key, control, content])?;
    } else {
        db.prepare_cached("INSERT INTO summary (document, sharing, control, content) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![key, sharing, control, content])?;
    }
    if let Some(before) = before.filter(|before: &i64| *before != sharing) {
        db.prepare_cached("UPDATE summary SET sharing = ?2 WHERE document = ?1")?.execute([key, sharing])?;
        db.prepare_cached("DELETE FROM sharing WHERE key = ?1 AND NOT EXISTS (SELECT 1 FROM summary WHERE sharing = ?1)")?
            .execute([before])?;
    }
    Ok(())
}

fn sharing_key(db: &Connection, sharing: &Sharing) -> Result<i64, Fault> {
    let sharing = sharing.to_canonical();
    let known = db.prepare_cached("SELECT key FROM sharing WHERE sharing = ?1")?.query_row([&sharing], |row| row.get(0)).optional()?;
    match known {
        Some(key) => Ok(key),
        None => Ok(db.prepare_cached("INSERT INTO sharing (sharing) VALUES (?1)")?.insert([&sharing])?),
    }
}

/// How much a peer brought by now, in documents of an owner.
pub(super) fn put_brought(db: &Connection, bringer: &OrganisationId, owner: &OrganisationId, bytes: u64) -> Result<(), Fault> {
    db.prepare_cached(
        "INSERT INTO brought (bringer, owner, bytes) VALUES (?1, ?2, ?3)
         ON CONFLICT (bringer, owner) DO UPDATE SET bytes = excluded.bytes",
    )?
    .execute(params![bringer.as_bytes(), owner.as_bytes(), bytes.cast_signed()])?;
    Ok(())
}

/// Every document, with its summary: none where there is none, or one that another version of this program wrote.
pub(super) fn all(db: &Connection) -> Result<BTreeMap<DocumentId, Option<Summary>>, Fault> {
    let sharings = sharings(db)?;
    // In the order in which both tables lie on the disk. By its index of ids SQLite would go through the one in order and jump about in
    // the other, which takes twice as long.
    let mut statement = db.prepare_cached(
        "SELECT document.key, document.id, summary.sharing, summary.control, summary.content
         FROM document NOT INDEXED LEFT JOIN summary ON summary.document = document.key",
    )?;
    let mut rows = statement.query([])?;
    let mut documents = Vec::new();
    while let Some(row) = rows.next()? {
        let cells = Cells::new("summary", row)?;
        let sharing = cells.get::<Option<i64>>("sharing")?.and_then(|key| sharings.get(&key));
        let summary = match sharing {
            Some(sharing) => Some(Summary {
                sharing: Arc::clone(sharing),
                control: cells.id_or_null("control", Hash::new)?,
                content: cells.id_or_null("content", Hash::new)?,
            }),
            None => None,
        };
        documents.push((cells.id("id", DocumentId::new)?, summary));
    }
    Ok(documents.into_iter().collect())
}

/// Those that can be read. One of another version is as if it were not there.
fn sharings(db: &Connection) -> Result<BTreeMap<i64, Arc<Sharing>>, Fault> {
    let mut statement = db.prepare_cached("SELECT key, sharing FROM sharing")?;
    let mut rows = statement.query([])?;
    let mut sharings = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let cells = Cells::new("sharing", row)?;
        if let Ok(sharing) = Sharing::from_canonical(&cells.get::<Vec<u8>>("sharing")?) {
            sharings.insert(cells.number(), Arc::new(sharing));
        }
    }
    Ok(sharings)
}

/// How much each peer brought, in documents of each owner.
pub(super) fn brought(db: &Connection) -> Result<BTreeMap<(OrganisationId, OrganisationId), u64>, Fault> {
    let mut statement = db.prepare_cached("SELECT key, bringer, owner, bytes FROM brought")?;
    let mut rows = statement.query([])?;
    let mut brought = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let cells = Cells::new("brought", row)?;
        let pair = (cells.id("bringer", OrganisationId::new)?, cells.id("owner", OrganisationId::new)?);
        brought.insert(pair, cells.get::<i64>("bytes")?.cast_unsigned());
    }
    Ok(brought)
}
