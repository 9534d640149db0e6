//! Documents and their entries.

use super::column::{Cells, ms};
use super::error::Fault;
use csu_protocol::entry::{Header, Plane, SignedEntry};
use csu_protocol::id::{DocumentId, EntryId, Hash, OrganisationId};
use csu_protocol::identity::Signature;
use csu_protocol::store::{NewEntry, Parts, StoredEntry};
use csu_protocol::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
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

/// The numbers by which entries name document, bringer and author of the last entry: most come one after the other.
/// Good until the open group is dropped.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    document: Option<(DocumentId, i64)>,
    bringer: Option<(OrganisationId, i64)>,
    author: Option<(Vec<u8>, i64)>,
}

impl Numbers {
    fn document(&mut self, db: &Connection, document: DocumentId) -> Result<i64, Fault> {
        let number = match self.document {
            Some((last, number)) if last == document => number,
            _ => number_of(db, DOCUMENT, document.as_bytes())?,
        };
        self.document = Some((document, number));
        Ok(number)
    }

    fn bringer(&mut self, db: &Connection, bringer: OrganisationId) -> Result<i64, Fault> {
        let number = match self.bringer {
            Some((last, number)) if last == bringer => number,
            _ => number_of(db, BRINGER, bringer.as_bytes())?,
        };
        self.bringer = Some((bringer, number));
        Ok(number)
    }

    fn author(&mut self, db: &Connection, author: Vec<u8>) -> Result<i64, Fault> {
        let number = match &self.author {
            Some((last, number)) if *last == author => *number,
            _ => number_of(db, AUTHOR, &author)?,
        };
        self.author = Some((author, number));
        Ok(number)
    }
}

/// How a number is found by what it stands for, and how it is given.
type Numbering = (&'static str, &'static str);
const DOCUMENT: Numbering = ("SELECT key FROM document WHERE id = ?1", "INSERT INTO document (id) VALUES (?1)");
const BRINGER: Numbering = ("SELECT key FROM bringer WHERE organisation = ?1", "INSERT INTO bringer (organisation) VALUES (?1)");
const AUTHOR: Numbering = ("SELECT key FROM author WHERE bytes = ?1", "INSERT INTO author (bytes) VALUES (?1)");

/// The small number by which entries name something, which it gets with its first entry.
fn number_of(db: &Connection, (find, add): Numbering, bytes: &[u8]) -> Result<i64, Fault> {
    let known = db.prepare_cached(find)?.query_row([bytes], |row| row.get(0)).optional()?;
    match known {
        Some(number) => Ok(number),
        None => Ok(db.prepare_cached(add)?.insert([bytes])?),
    }
}

/// The bytes of a header behind those that its document and its author give; none if it does not begin with these.
fn rest<'h>(header: &'h [u8], document: &DocumentId, author: &[u8]) -> Option<&'h [u8]> {
    header.strip_prefix(Header::document_bytes(document).as_slice())?.strip_prefix(author)
}

/// The bytes of a header, of which `kept` stands in its row: all of them if the row names no author.
pub(super) fn whole(document: &DocumentId, author: Option<&[u8]>, kept: Vec<u8>) -> Vec<u8> {
    match author {
        Some(author) => [Header::document_bytes(document).as_slice(), author, &kept].concat(),
        None => kept,
    }
}

/// Appends an entry; one that is there already stays as it was.
pub(super) fn insert(db: &Connection, numbers: &mut Numbers, new: &NewEntry) -> Result<(), Fault> {
    let SignedEntry { header, signature, payload, wraps } = new.entry.signed();
    let (document, id) = (new.entry.document(), new.entry.id());
    let number = numbers.document(db, document)?;
    let short = short(&Hash::new(*id.as_bytes()));
    // Of another id that begins alike there is hardly ever one. A statement that could add several rows would keep a copy of each
    // page that it changes, to take it back.
    let is_alike = db.prepare_cached("SELECT 1 FROM entry WHERE document = ?1 AND short = ?2")?.exists([number, short])?;
    if is_alike && !of_ids(db, &document, &BTreeSet::from([id]))?.is_empty() {
        return Ok(());
    }
    let bringer = match new.from {
        Some(organisation) => Some(numbers.bringer(db, organisation)?),
        None => None,
    };
    let author = new.entry.header().author_bytes();
    let (author, header) = match rest(header, &document, &author) {
        Some(rest) => (Some(numbers.author(db, author)?), rest),
        None => (None, header.as_slice()),
    };
    db.prepare_cached(
        "INSERT INTO entry (document, short, plane, header, signature, payload, wraps, bringer, received, author)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        number,
        short,
        plane(new.entry.header().plane()),
        header,
        signature.as_bytes(),
        payload,
        wraps,
        bringer,
        ms(new.received),
        author
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

/// The entries of the document with an id. In this form SQLite takes their numbers from the index and sorts these alone, not rows.
pub(super) const OF_DOCUMENT: &str = "key IN (SELECT key FROM entry WHERE document = (SELECT key FROM document WHERE id = ?1))";

/// What the headers of the entry's author have in common, if its own was kept without that.
pub(super) const AUTHOR_BYTES: &str = "(SELECT bytes FROM author WHERE author.key = entry.author) AS author_bytes";

/// What makes up the header, and its id.
const HEADER: &str = "key, short, header, author";
/// All else, with whether the parts of the document's content were destroyed, which control entries do not have.
const PARTS: &str =
    "signature, payload, wraps, plane = 1 AND (SELECT destroyed FROM document WHERE id = ?1) IS NOT NULL, bringer, received";

/// Reads entries of a document, of which most have the author and the bringer of the one before. Who has such a number never changes.
struct Rows<'d> {
    db: &'d Connection,
    document: &'d DocumentId,
    author: Option<(i64, Vec<u8>)>,
    bringer: Option<(i64, OrganisationId)>,
}

impl<'d> Rows<'d> {
    const fn of(db: &'d Connection, document: &'d DocumentId) -> Self {
        Self { db, document, author: None, bringer: None }
    }

    /// A row of [`HEADER`] and [`PARTS`].
    fn read(&mut self, row: &Row<'_>) -> Result<StoredEntry, Fault> {
        let cells = Cells::new("entry", row)?;
        let (header, _) = self.header(&cells)?;
        let entry = SignedEntry {
            header,
            signature: Signature::new(cells.at(4, "signature")?),
            payload: cells.at(5, "payload")?,
            wraps: cells.at(6, "wraps")?,
        };
        let parts = if cells.at(7, "destroyed")? { Parts::Destroyed } else { Parts::Kept };
        let from = match cells.at::<Option<i64>>(8, "bringer")? {
            Some(bringer) => Some(self.bringer(&cells, bringer)?),
            None => None,
        };
        Ok(StoredEntry { entry, parts, from, received: Timestamp::from_ms(cells.at::<i64>(9, "received")?.cast_unsigned()) })
    }

    /// A header and its hash, if that is the one that was written. A row that begins with [`HEADER`].
    fn header(&mut self, cells: &Cells<'_>) -> Result<(Vec<u8>, Hash), Fault> {
        let document = self.document;
        let author = match cells.at::<Option<i64>>(3, "author")? {
            Some(author) => Some(self.author(cells, author)?),
            None => None,
        };
        let header = whole(document, author, cells.at(2, "header")?);
        let hash = Hash::of(&header);
        if cells.at::<i64>(1, "short")? == short(&hash) {
            return Ok((header, hash));
        }
        Err(cells.wrong("the header is not the one that the entry's id is the hash of"))
    }

    fn author(&mut self, cells: &Cells<'_>, number: i64) -> Result<&[u8], Fault> {
        let (_, bytes) = match self.author.take() {
            Some(known) if known.0 == number => self.author.insert(known),
            _ => {
                let mut find = self.db.prepare_cached("SELECT bytes FROM author WHERE key = ?1")?;
                let bytes = find.query_row([number], |row| row.get(0)).optional()?;
                self.author.insert((number, bytes.ok_or_else(|| cells.wrong("its author is not there"))?))
            }
        };
        Ok(bytes)
    }

    fn bringer(&mut self, cells: &Cells<'_>, number: i64) -> Result<OrganisationId, Fault> {
        let bringer = match self.bringer {
            Some((last, bringer)) if last == number => bringer,
            _ => {
                let mut find = self.db.prepare_cached("SELECT organisation FROM bringer WHERE key = ?1")?;
                let bringer = find.query_row([number], |row| row.get(0)).optional()?;
                OrganisationId::new(bringer.ok_or_else(|| cells.wrong("who brought it is not there"))?)
            }
        };
        self.bringer = Some((number, bringer));
        Ok(bringer)
    }
}

/// All entries of a document, in the order they were written.
pub(super) fn of_document(db: &Connection, document: &DocumentId) -> Result<Vec<StoredEntry>, Fault> {
    let mut statement = db.prepare_cached(&format!("SELECT {HEADER}, {PARTS} FROM entry WHERE {OF_DOCUMENT} ORDER BY key"))?;
    let (mut rows, mut read) = (statement.query([document.as_bytes()])?, Rows::of(db, document));
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(read.read(row)?);
    }
    Ok(entries)
}

/// The first entries of a plane of a document, in the order they were written, until they make up so many bytes; and whether there
/// are more.
pub(super) fn beginning(db: &Connection, document: &DocumentId, of: Plane, bytes: usize) -> Result<(Vec<StoredEntry>, bool), Fault> {
    let mut statement =
        db.prepare_cached(&format!("SELECT {HEADER}, {PARTS} FROM entry WHERE {OF_DOCUMENT} AND plane = ?2 ORDER BY key"))?;
    let (mut rows, mut read) = (statement.query(params![document.as_bytes(), plane(of)])?, Rows::of(db, document));
    let (mut entries, mut room) = (Vec::new(), bytes);
    while let Some(row) = rows.next()? {
        if room == 0 {
            return Ok((entries, true));
        }
        let stored = read.read(row)?;
        room = room.saturating_sub(stored.entry.size());
        entries.push(stored);
    }
    Ok((entries, false))
}

/// Those entries of a document that `ids` name, in the order they were written.
pub(super) fn of_ids(db: &Connection, document: &DocumentId, ids: &BTreeSet<EntryId>) -> Result<Vec<StoredEntry>, Fault> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {HEADER}, {PARTS} FROM entry WHERE document = (SELECT key FROM document WHERE id = ?1) AND short = ?2"
    ))?;
    let mut read = Rows::of(db, document);
    let mut entries: BTreeMap<i64, StoredEntry> = BTreeMap::new();
    for id in ids {
        let hash = Hash::new(*id.as_bytes());
        let mut rows = statement.query(params![document.as_bytes(), short(&hash)])?;
        while let Some(row) = rows.next()? {
            let stored = read.read(row)?;
            if Hash::of(&stored.entry.header) == hash {
                entries.insert(row.get(0)?, stored);
            }
        }
    }
    Ok(entries.into_values().collect())
}

/// The ids of all entries of a plane of a document, in the order they were written.
pub(super) fn ids(db: &Connection, document: &DocumentId, of: Plane) -> Result<Vec<EntryId>, Fault> {
    let mut statement = db.prepare_cached(&format!("SELECT {HEADER} FROM entry WHERE {OF_DOCUMENT} AND plane = ?2 ORDER BY key"))?;
    let (mut rows, mut read) = (statement.query(params![document.as_bytes(), plane(of)])?, Rows::of(db, document));
    let mut ids = Vec::new();
    while let Some(row) = rows.next()? {
        ids.push(EntryId::new(*read.header(&Cells::new("entry", row)?)?.1.as_bytes()));
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
