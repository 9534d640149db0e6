//! Documents and their entries.

use super::column::{Cells, ms};
use super::error::Fault;
use csu_protocol::codec::Canonical;
use csu_protocol::entry::{Header, Plane, SignedEntry};
use csu_protocol::id::{DocumentId, EntryId, Hash, OrganisationId};
use csu_protocol::identity::Signature;
use csu_protocol::store::{Parts, StoredEntry};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{BTreeMap, BTreeSet};

/// The plane as a column.
const fn plane(plane: Plane) -> u8 {
    match plane {
        Plane::Control => 0,
        Plane::Content => 1,
    }
}

/// Appends an entry; one that is there already stays as it was.
pub(super) fn insert(db: &Connection, document: &DocumentId, stored: &StoredEntry) -> Result<(), Fault> {
    let SignedEntry { header, signature, payload, wraps } = &stored.entry;
    let id = EntryId::from(DocumentId::new(*Hash::of(header).as_bytes()));
    let read = Header::from_canonical(header).map_err(|error| Fault::refused(format_args!("entry {id}: {error}")))?;
    if read.document.unwrap_or_else(|| id.into()) != *document {
        return Err(Fault::refused(format_args!("entry {id} belongs to another document than {document}")));
    }
    let from = stored.from.as_ref().map(OrganisationId::as_bytes);
    db.prepare_cached(
        "INSERT INTO entry (document, id, plane, header, signature, payload, wraps, from_organisation, received)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO NOTHING",
    )?
    .execute(params![
        document_key(db, document)?,
        id.as_bytes(),
        plane(read.plane()),
        header,
        signature.as_bytes(),
        payload,
        wraps,
        from,
        ms(stored.received)
    ])?;
    Ok(())
}

/// The small number of a document, which it gets with its first entry.
fn document_key(db: &Connection, document: &DocumentId) -> Result<i64, Fault> {
    let known =
        db.prepare_cached("SELECT key FROM document WHERE id = ?1")?.query_row([document.as_bytes()], |row| row.get(0)).optional()?;
    match known {
        Some(key) => Ok(key),
        None => Ok(db.prepare_cached("INSERT INTO document (id) VALUES (?1)")?.insert([document.as_bytes()])?),
    }
}

/// With whether the parts of the document's content were destroyed, which control entries do not have.
const COLUMNS: &str = "key, id, header, signature, payload, wraps, from_organisation, received,
    plane = 1 AND (SELECT destroyed FROM document WHERE document.key = entry.document) IS NOT NULL AS parts_destroyed";

fn read(cells: &Cells<'_>) -> Result<StoredEntry, Fault> {
    let header: Vec<u8> = cells.get("header")?;
    if cells.id("id", Hash::new)? != Hash::of(&header) {
        return Err(cells.wrong("the header is not the one that the entry's id is the hash of"));
    }
    Ok(StoredEntry {
        entry: SignedEntry {
            header,
            signature: Signature::new(cells.get("signature")?),
            payload: cells.get("payload")?,
            wraps: cells.get("wraps")?,
        },
        parts: if cells.get("parts_destroyed")? { Parts::Destroyed } else { Parts::Kept },
        from: cells.id_or_null("from_organisation", OrganisationId::new)?,
        received: cells.ms("received")?,
    })
}

/// All entries of a document, in the order they were written.
pub(super) fn of_document(db: &Connection, document: &DocumentId) -> Result<Vec<StoredEntry>, Fault> {
    let mut statement =
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM entry WHERE document = (SELECT key FROM document WHERE id = ?1) ORDER BY key"))?;
    let mut rows = statement.query([document.as_bytes()])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(read(&Cells::new("entry", row)?)?);
    }
    Ok(entries)
}

/// Those entries of a document that `ids` name, in the order they were written.
pub(super) fn of_ids(db: &Connection, document: &DocumentId, ids: &BTreeSet<EntryId>) -> Result<Vec<StoredEntry>, Fault> {
    let mut statement =
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM entry WHERE id = ?1 AND document = (SELECT key FROM document WHERE id = ?2)"))?;
    let mut entries: BTreeMap<i64, StoredEntry> = BTreeMap::new();
    for id in ids {
        let mut rows = statement.query(params![id.as_bytes(), document.as_bytes()])?;
        while let Some(row) = rows.next()? {
            entries.insert(row.get("key")?, read(&Cells::new("entry", row)?)?);
        }
    }
    Ok(entries.into_values().collect())
}

/// The ids of all entries of a plane of a document, in the order they were written.
pub(super) fn ids(db: &Connection, document: &DocumentId, of: Plane) -> Result<Vec<EntryId>, Fault> {
    let mut statement = db.prepare_cached(
        "SELECT key, id FROM entry WHERE document = (SELECT key FROM document WHERE id = ?1) AND plane = ?2 ORDER BY key",
    )?;
    let mut rows = statement.query(params![document.as_bytes(), plane(of)])?;
    let mut ids = Vec::new();
    while let Some(row) = rows.next()? {
        ids.push(Cells::new("entry", row)?.id("id", EntryId::new)?);
    }
    Ok(ids)
}

/// The documents whose content was destroyed.
pub(super) fn destroyed(db: &Connection) -> Result<BTreeSet<DocumentId>, Fault> {
    let mut statement = db.prepare_cached("SELECT key, id FROM document WHERE destroyed IS NOT NULL")?;
    let mut rows = statement.query([])?;
    let mut documents = BTreeSet::new();
    while let Some(row) = rows.next()? {
        documents.insert(Cells::new("document", row)?.id("id", DocumentId::new)?);
    }
    Ok(documents)
}

/// The documents whose id begins with these hexadecimal digits, at most `limit`.
pub(super) fn by_prefix(db: &Connection, prefix: &str, limit: u32) -> Result<Vec<DocumentId>, Fault> {
    let digits = prefix.to_ascii_lowercase();
    // All ids that begin so lie between the prefix filled up with 0 and filled up with f.
    let (Ok(low), Ok(high)) = (format!("{digits:0<64}").parse::<DocumentId>(), format!("{digits:f<64}").parse::<DocumentId>()) else {
        return Ok(Vec::new());
    };
    let mut statement = db.prepare_cached("SELECT key, id FROM document WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3")?;
    let mut rows = statement.query(params![low.as_bytes(), high.as_bytes(), limit])?;
    let mut documents = Vec::new();
    while let Some(row) = rows.next()? {
        documents.push(Cells::new("document", row)?.id("id", DocumentId::new)?);
    }
    Ok(documents)
}

/// How many documents there are.
pub(super) fn count(db: &Connection) -> Result<u64, Fault> {
    let count: i64 = db.prepare_cached("SELECT count(*) FROM document")?.query_row([], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}
