//! One line a document, for lists. Derived from entries and rebuildable at any time.

use super::column::{Cells, ms};
use super::error::Fault;
use super::facets::{self, Question, Term};
use super::search::{self, SearchText};
use super::views;
use csu_protocol::id::{DocumentId, OrganisationId};
use csu_protocol::time::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// What a list shows of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The document.
    pub document: DocumentId,
    /// Its kind, by its name in the registry; empty if this node may not read it.
    pub kind: String,
    /// Its title; empty if there is none to be read.
    pub title: String,
    /// Its state, as its kind calls it.
    pub state: String,
    /// Its marking.
    pub marking: Option<String>,
    /// Whose it is.
    pub owner: OrganisationId,
    /// When it last changed: the earlier of what its author claims and when that was received.
    pub updated: Timestamp,
    /// When its first entry was received; none if it was begun here.
    pub received: Option<Timestamp>,
    /// What this organisation may do with it, in one word.
    pub access: String,
    /// Whether something changed that nobody here has looked at.
    pub unread: bool,
}

/// Which documents to list. Nothing set means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListingFilter {
    /// Only this kind.
    pub kind: Option<String>,
    /// Only this state.
    pub state: Option<String>,
    /// Only those of this organisation.
    pub owner: Option<OrganisationId>,
    /// Only those with something that nobody here has looked at.
    pub unread: bool,
    /// Only those that changed then or later.
    pub since: Option<Timestamp>,
    /// Only what has all of these.
    pub terms: BTreeSet<Term>,
    /// Only what is found by this.
    pub search: Option<SearchText>,
}

/// Where a list goes on: behind the line it was taken from. Stays good while documents change, but
/// one that changes meanwhile moves to the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub(super) updated: i64,
    pub(super) document: DocumentId,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.updated, self.document)
    }
}

/// Why a text is no cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is not the cursor of a list: pass on `next` of the page before, unchanged, or leave it out to start at the top")]
pub struct CursorError;

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (updated, document) = text.split_once('.').ok_or(CursorError)?;
        Ok(Self { updated: updated.parse().map_err(|_| CursorError)?, document: document.parse().map_err(|_| CursorError)? })
    }
}

/// A part of a list, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The lines.
    pub items: Vec<Listed>,
    /// Where to go on, if there is more.
    pub next: Option<Cursor>,
}

/// Adds or replaces a document's line.
pub(super) fn put(db: &Connection, line: &Listed) -> Result<(), Fault> {
    let before = facets::before(db, &line.document)?;
    db.prepare_cached(
        "INSERT INTO listing (document, kind, title, state, marking, owner, updated, received, access, unread)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (document) DO UPDATE SET kind = excluded.kind, title = excluded.title, state = excluded.state,
             marking = excluded.marking, owner = excluded.owner, updated = excluded.updated, received = excluded.received,
             access = excluded.access, unread = excluded.unread",
    )?
    .execute(params![
        line.document.as_bytes(),
        line.kind,
        line.title,
        line.state,
        line.marking,
        line.owner.as_bytes(),
        ms(line.updated),
        line.received.map(ms),
        line.access,
        line.unread
    ])?;
    facets::follow(db, &line.document, &before)
}

/// Removes a document's line.
pub(super) fn remove(db: &Connection, document: &DocumentId) -> Result<(), Fault> {
    search::put(db, document, None)?;
    views::remove(db, document)?;
    let before = facets::before(db, document)?;
    db.prepare_cached("DELETE FROM listing WHERE document = ?1")?.execute([document.as_bytes()])?;
    facets::follow(db, document, &before)
}

/// Removes all lines.
pub(super) fn clear(db: &Connection) -> Result<(), Fault> {
    search::clear(db)?;
    facets::clear(db)?;
    db.prepare_cached("DELETE FROM listing")?.execute([])?;
    Ok(())
}

/// How many documents have something nobody here has looked at.
pub(super) fn count_unread(db: &Connection) -> Result<u64, Fault> {
    let count: i64 = db.prepare_cached("SELECT count(*) FROM listing WHERE unread = 1")?.query_row([], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

const COLUMNS: &str = "listing.key AS key, listing.document AS document, kind, title, state, marking, owner, \
                       listing.updated AS updated, received, access, unread";

/// A document's line.
pub(super) fn get(db: &Connection, document: &DocumentId) -> Result<Option<Listed>, Fault> {
    let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM listing WHERE document = ?1"))?;
    let mut rows = statement.query([document.as_bytes()])?;
    match rows.next()? {
        Some(row) => Ok(Some(listed(&Cells::new("listing", row)?)?)),
        None => Ok(None),
    }
}

/// At most `limit` lines behind `after`, newest first, then by id.
pub(super) fn page(db: &Connection, filter: &ListingFilter, limit: u32, after: Option<Cursor>) -> Result<Page, Fault> {
    let mut page = Page::default();
    let Some(Question { text, order, mut values }) = Question::of(db, filter, after.as_ref())? else { return Ok(page) };
    let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS} {text} {order} LIMIT ?"))?;
    // One more than asked for tells whether there is more.
    values.push(Value::Integer(i64::from(limit).saturating_add(1)));
    let mut rows = statement.query(params_from_iter(values))?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    while let Some(row) = rows.next()? {
        if page.items.len() == limit {
            page.next = page.items.last().map(|last: &Listed| Cursor { updated: ms(last.updated), document: last.document });
            break;
        }
        page.items.push(listed(&Cells::new("listing", row)?)?);
    }
    Ok(page)
}

/// How many lines there are, counted no further than `most`.
pub(super) fn count(db: &Connection, filter: &ListingFilter, most: u32) -> Result<u32, Fault> {
    let Some(Question { text, mut values, .. }) = Question::of(db, filter, None)? else { return Ok(0) };
    values.push(Value::Integer(i64::from(most)));
    let mut statement = db.prepare_cached(&format!("SELECT count(*) FROM (SELECT 1 {text} LIMIT ?)"))?;
    Ok(statement.query_row(params_from_iter(values), |row| row.get(0))?)
}

fn listed(cells: &Cells<'_>) -> Result<Listed, Fault> {
    Ok(Listed {
        document: cells.id("document", DocumentId::new)?,
        kind: cells.get("kind")?,
        title: cells.get("title")?,
        state: cells.get("state")?,
        marking: cells.get("marking")?,
        owner: cells.id("owner", OrganisationId::new)?,
        updated: cells.ms("updated")?,
        received: cells.ms_or_null("received")?,
        access: cells.get("access")?,
        unread: cells.get("unread")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_as_printed_and_nothing_else_does() {
        let cursor = Cursor { updated: -7, document: DocumentId::new([9; 32]) };
        assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        for text in ["", ".", "7", "7.", "7.abc", &format!("x.{}", cursor.document)] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError), "{text:?}");
        }
    }
}
