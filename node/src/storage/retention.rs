//! Until when documents are kept: the dates that people set for single ones, beside what the listing
//! knows of each. What follows from the dates of a kind is the office's business.

use super::column::{Cells, ms};
use super::error::Fault;
use csu_protocol::id::{DocumentId, OrganisationId};
use csu_protocol::time::Timestamp;
use rusqlite::{Connection, Row, params};

/// The dates that somebody set for one document. At least one of them is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnDates {
    /// When somebody must look whether it is still needed.
    pub review: Option<Timestamp>,
    /// When it is to be erased.
    pub ends: Option<Timestamp>,
    /// Why.
    pub why: String,
    /// Who set them.
    pub person: Option<String>,
    /// When.
    pub set_at: Timestamp,
}

/// A listed document, as far as keeping it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The document.
    pub document: DocumentId,
    /// Its kind.
    pub kind: String,
    /// What stands for it in lists.
    pub title: String,
    /// Its state.
    pub state: String,
    /// Its owner.
    pub owner: OrganisationId,
    /// When it last changed.
    pub updated: Timestamp,
    /// Its own dates, if somebody set them.
    pub own: Option<OwnDates>,
}

const SELECT: &str = "SELECT listing.key, listing.document, kind, title, state, owner, updated, \
                      review, ends, why, person, set_at \
                      FROM listing LEFT JOIN retention ON retention.document = listing.document";

/// Sets a document's own dates, or takes them away.
pub(super) fn set(db: &Connection, document: &DocumentId, dates: Option<&OwnDates>) -> Result<(), Fault> {
    db.prepare_cached("DELETE FROM retention WHERE document = ?1")?.execute([document.as_bytes()])?;
    if let Some(dates) = dates {
        db.prepare_cached("INSERT INTO retention (document, review, ends, why, person, set_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![document.as_bytes(), dates.review.map(ms), dates.ends.map(ms), dates.why, dates.person, ms(dates.set_at)])?;
    }
    Ok(())
}

/// One listed document.
pub(super) fn get(db: &Connection, document: &DocumentId) -> Result<Option<Kept>, Fault> {
    let mut statement = db.prepare_cached(&format!("{SELECT} WHERE listing.document = ?1"))?;
    let mut rows = statement.query([document.as_bytes()])?;
    rows.next()?.map(kept).transpose()
}

/// Every listed document.
pub(super) fn every(db: &Connection, each: &mut dyn FnMut(Kept)) -> Result<(), Fault> {
    let mut statement = db.prepare_cached(SELECT)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(kept(row)?);
    }
    Ok(())
}

fn kept(row: &Row<'_>) -> Result<Kept, Fault> {
    let cells = Cells::new("listing", row)?;
    let own = match cells.ms_or_null("set_at")? {
        Some(set_at) => Some(OwnDates {
            review: cells.ms_or_null("review")?,
            ends: cells.ms_or_null("ends")?,
            why: cells.get("why")?,
            person: cells.get("person")?,
            set_at,
        }),
        None => None,
    };
    Ok(Kept {
        document: cells.id("document", DocumentId::new)?,
        kind: cells.get("kind")?,
        title: cells.get("title")?,
        state: cells.get("state")?,
        owner: cells.id("owner", OrganisationId::new)?,
        updated: cells.ms("updated")?,
        own,
    })
}
