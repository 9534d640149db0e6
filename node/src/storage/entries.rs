//! Documents and their entries.

use super::column::{Cells, ms};
use super::error::Fault;
use csu_protocol::entry::{Plane, SignedEntry};
use csu_protocol::id::{DocumentId, EntryId, Hash, OrganisationId};
use csu_protocol::identity::Signature;
use csu_protocol::store::{NewEntry, Parts, StoredEntry};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use rusqlite_migration::HookResult;
use std::collections::{BTreeMap, BTreeSet};

/// The plane as a column.
const fn plane(plane: Plane) -> u8 {
    match plane {
        Plane::Control => 0,
        Plane::Content => 1,
    }
}

/// The beginning of an id, by which entries are found.
pub(super) fn short(id: &Hash) -> i64 {
    id.as_bytes().first_chunk().map_or(0, |beginning| i64::from_be_bytes(*beginning))
}

/// The numbers by which entries name the document and the organisation that the last entry was of: most come one after the other.
/// Good until the open group is dropped.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    document: Option<(DocumentId, i64)>,
    bringer: Option<(OrganisationId, i64)>,
}

impl Numbers {
    fn document(&mut self, db: &Connection, document: DocumentId) -> Result<i64, Fault> {
        let number = match self.document {
            Some((last, number)) if last == document => number,
            _ => number_of(db, "document", "id", document.as_bytes())?,
        };
        self.document = Some((document, number));
        Ok(number)
    }

    fn bringer(&mut self, db: &Connection, bringer: OrganisationId) -> Result<i64, Fault> {
        let number = match self.bringer {
            Some((last, number)) if last == bringer => number,
            _ => number_of(db, "bringer", "organisation", bringer.as_bytes())?,
        };
        self.bringer = Some((bringer, number));
        Ok(number)
    }
}

/// The small number by which entries name a document or an organisation, which it gets with its first entry.
fn number_of(db: &Connection, table: &str, column: &str, id: &[u8; 32]) -> Result<i64, Fault> {
    let known = db.prepare_cached(&format!("SELECT key FROM {table} WHERE {column} = ?1"))?.query_row([id], |row| row.get(0)).optional()?;
    match known {
        Some(number) => Ok(number),
        None => Ok(db.prepare_cached(&format!("INSERT INTO {table} ({column}) VALUES (?1)"))?.insert([id])?),
    }
}

/// Appends an entry; one that is there already stays as it was.
pub(super) fn insert(db: &Connection, numbers: &mut Numbers, new: &NewEntry) -> Result<(), Fault> {
    let SignedEntry { header, signature, payload, wraps } = new.entry.signed();
    let bringer = match new.from {
        Some(organisation) => Some(numbers.bringer(db, organisation)?),
        None => None,
    };
    db.prepare_cached(
        "INSERT INTO entry (document, short, plane, header, signature, payload, wraps, bringer, received)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE NOT EXISTS (SELECT 1 FROM entry WHERE short = ?2 AND header = ?4)",
    )?
    .execute(params![
        numbers.document(db, new.entry.document())?,
        short(&Hash::new(*new.entry.id().as_bytes())),
        plane(new.entry.header().plane()),
        header,
        signature.as_bytes(),
        payload,
        wraps,
        bringer,
        ms(new.received)
    ])?;
    Ok(())
}

/// Takes over the entries of a database whose entries had their ids beside them.
pub(super) fn compact_existing(db: &Transaction<'_>) -> HookResult {
    db.execute_batch(
        "INSERT INTO bringer (organisation)
         SELECT from_organisation FROM entry_with_ids WHERE from_organisation IS NOT NULL GROUP BY from_organisation ORDER BY min(key)",
    )?;
    let mut ids = db.prepare("SELECT key, id FROM entry_with_ids ORDER BY key")?;
    let mut add = db.prepare(
        "INSERT INTO entry (key, document, short, plane, header, signature, payload, wraps, bringer, received)
         SELECT entry_with_ids.key, document, ?2, plane, header, signature, payload, wraps, bringer.key, received
         FROM entry_with_ids LEFT JOIN bringer ON bringer.organisation = from_organisation WHERE entry_with_ids.key = ?1",
    )?;
    let mut rows = ids.query([])?;
    while let Some(row) = rows.next()? {
        let (key, id): (i64, [u8; 32]) = (row.get(0)?, row.get(1)?);
        add.execute(params![key, short(&Hash::new(id))])?;
    }
    drop(rows);
    drop((ids, add));
    db.execute_batch("DROP TABLE entry_with_ids")?;
    Ok(())
}

/// With whether the parts of the document's content were destroyed, which control entries do not have.
const COLUMNS: &str = "key, short, header, signature, payload, wraps, received,
    (SELECT organisation FROM bringer WHERE bringer.key = entry.bringer) AS brought_by,
    plane = 1 AND (SELECT destroyed FROM document WHERE document.key = entry.document) IS NOT NULL AS parts_destroyed";

fn read(cells: &Cells<'_>) -> Result<StoredEntry, Fault> {
    let header: Vec<u8> = cells.get("header")?;
    hash_of(cells, &header)?;
    Ok(StoredEntry {
        entry: SignedEntry {
            header,
            signature: Signature::new(cells.get("signature")?),
            payload: cells.get("payload")?,
            wraps: cells.get("wraps")?,
        },
        parts: if cells.get("parts_destroyed")? { Parts::Destroyed } else { Parts::Kept },
        from: cells.id_or_null("brought_by", OrganisationId::new)?,
        received: cells.ms("received")?,
    })
}

/// The hash of a header, if that is the one that was written.
fn hash_of(cells: &Cells<'_>, header: &[u8]) -> Result<Hash, Fault> {
    let hash = Hash::of(header);
    if cells.get::<i64>("short")? == short(&hash) {
        return Ok(hash);
    }
    Err(cells.wrong("the header is not the one that the entry's id is the hash of"))
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

/// The first entries of a plane of a document, in the order they were written, until they make up so many bytes; and whether there
/// are more.
pub(super) fn beginning(db: &Connection, document: &DocumentId, of: Plane, bytes: usize) -> Result<(Vec<StoredEntry>, bool), Fault> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM entry WHERE document = (SELECT key FROM document WHERE id = ?1) AND plane = ?2 ORDER BY key"
    ))?;
    let mut rows = statement.query(params![document.as_bytes(), plane(of)])?;
    let (mut entries, mut room) = (Vec::new(), bytes);
    while let Some(row) = rows.next()? {
        if room == 0 {
            return Ok((entries, true));
        }
        let stored = read(&Cells::new("entry", row)?)?;
        room = room.saturating_sub(stored.entry.size());
        entries.push(stored);
    }
    Ok((entries, false))
}

/// Those entries of a document that `ids` name, in the order they were written.
pub(super) fn of_ids(db: &Connection, document: &DocumentId, ids: &BTreeSet<EntryId>) -> Result<Vec<StoredEntry>, Fault> {
    let mut statement = db
        .prepare_cached(&format!("SELECT {COLUMNS} FROM entry WHERE short = ?1 AND document = (SELECT key FROM document WHERE id = ?2)"))?;
    let mut entries: BTreeMap<i64, StoredEntry> = BTreeMap::new();
    for id in ids {
        let hash = Hash::new(*id.as_bytes());
        let mut rows = statement.query(params![short(&hash), document.as_bytes()])?;
        while let Some(row) = rows.next()? {
            let stored = read(&Cells::new("entry", row)?)?;
            if Hash::of(&stored.entry.header) == hash {
                entries.insert(row.get("key")?, stored);
            }
        }
    }
    Ok(entries.into_values().collect())
}

/// The ids of all entries of a plane of a document, in the order they were written.
pub(super) fn ids(db: &Connection, document: &DocumentId, of: Plane) -> Result<Vec<EntryId>, Fault> {
    let mut statement = db.prepare_cached(
        "SELECT key, short, header FROM entry WHERE document = (SELECT key FROM document WHERE id = ?1) AND plane = ?2 ORDER BY key",
    )?;
    let mut rows = statement.query(params![document.as_bytes(), plane(of)])?;
    let mut ids = Vec::new();
    while let Some(row) = rows.next()? {
        let cells = Cells::new("entry", row)?;
        ids.push(EntryId::new(*hash_of(&cells, &cells.get::<Vec<u8>>("header")?)?.as_bytes()));
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
