//! Drafts: what a person is still writing. They never leave the node.
//!
//! A draft has a number that people refer to (`d3`). Once issued it is closed: its words are gone
//! from here and its number stays as another name of the document.

use super::circles::CircleGrant;
use super::column::{Cells, json, ms};
use super::error::Fault;
use csu_protocol::entry::{Grant, Role, Subject};
use csu_protocol::id::{DocumentId, EntryId};
use csu_protocol::time::Timestamp;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The number of a draft, from 1; never used for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DraftNumber(i64);

impl fmt::Display for DraftNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "d{}", self.0)
    }
}

/// Why a text is no draft's number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a draft is named by d and its number, such as d3: `csu drafts` lists them")]
pub struct DraftNumberError;

impl FromStr for DraftNumber {
    type Err = DraftNumberError;

    fn from_str(text: &str) -> Result<Self, DraftNumberError> {
        let digits = text.strip_prefix('d').filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
        digits.and_then(|digits| digits.parse().ok()).filter(|number| *number > 0).map(Self).ok_or(DraftNumberError)
    }
}

/// What a draft says.
#[derive(Debug, Clone, PartialEq)]
pub struct DraftContent {
    /// The kind of document, by its name in the registry.
    pub kind: String,
    /// The document it changes; none while it begins one.
    pub document: Option<DocumentId>,
    /// The fields, as the kind says.
    pub fields: serde_json::Map<String, serde_json::Value>,
    /// The marking, if one was chosen.
    pub marking: Option<String>,
    /// Who is to get it when it is issued.
    pub audience: Vec<Grant>,
    /// The circles whose members are to get it, as they are then.
    pub circles: Vec<CircleGrant>,
    /// The effective revisions whose state the draft was begun from.
    pub base: Vec<EntryId>,
    /// Who writes it.
    pub person: Option<String>,
}

/// A draft as kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Its number.
    pub number: DraftNumber,
    /// Whether it is still being written. If not, fields, marking, audience, circles and base are empty and the
    /// document is there.
    pub open: bool,
    /// What it says.
    pub content: DraftContent,
    /// When it was begun.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

/// A grant in the column `audience`.
#[derive(Serialize, Deserialize)]
struct Invitee {
    /// An organisation's id, or `anyone`.
    who: String,
    role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
}

impl Invitee {
    const ANYONE: &str = "anyone";

    fn of(grant: &Grant) -> Self {
        let who = match grant.subject {
            Subject::Anyone => Self::ANYONE.to_owned(),
            Subject::Organisation(id) => id.to_string(),
        };
        Self { who, role: grant.role, until: grant.until }
    }

    fn grant(self, cells: &Cells<'_>) -> Result<Grant, Fault> {
        let subject = match self.who.as_str() {
            Self::ANYONE => Subject::Anyone,
            id => Subject::Organisation(id.parse().map_err(|error| cells.wrong(error))?),
        };
        Ok(Grant { subject, role: self.role, until: self.until })
    }
}

fn audience(grants: &[Grant]) -> Result<String, Fault> {
    json(&grants.iter().map(Invitee::of).collect::<Vec<_>>())
}

/// Begins a draft.
pub(super) fn add(db: &Connection, content: &DraftContent, now: Timestamp) -> Result<DraftNumber, Fault> {
    let number = db
        .prepare_cached(
            "INSERT INTO draft (kind, document, open, fields, marking, audience, base, person, created, updated, circles)
             VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9)",
        )?
        .insert(params![
            content.kind,
            content.document.as_ref().map(DocumentId::as_bytes),
            json(&content.fields)?,
            content.marking,
            audience(&content.audience)?,
            json(&content.base)?,
            content.person,
            ms(now),
            json(&content.circles)?
        ])?;
    Ok(DraftNumber(number))
}

/// Replaces what an open draft says. False if there is no open draft of that number.
pub(super) fn update(db: &Connection, number: DraftNumber, content: &DraftContent, now: Timestamp) -> Result<bool, Fault> {
    let changed = db
        .prepare_cached(
            "UPDATE draft SET kind = ?2, document = ?3, fields = ?4, marking = ?5, audience = ?6, base = ?7, person = ?8, updated = ?9,
                 circles = ?10
             WHERE number = ?1 AND open = 1",
        )?
        .execute(params![
            number.0,
            content.kind,
            content.document.as_ref().map(DocumentId::as_bytes),
            json(&content.fields)?,
            content.marking,
            audience(&content.audience)?,
            json(&content.base)?,
            content.person,
            ms(now),
            json(&content.circles)?
        ])?;
    Ok(changed > 0)
}

/// Closes a draft that became, or became part of, `document`. False if there is no open draft of that number.
pub(super) fn close(db: &Connection, number: DraftNumber, document: &DocumentId, now: Timestamp) -> Result<bool, Fault> {
    let changed = db
        .prepare_cached(
            "UPDATE draft SET open = 0, document = ?2, fields = '{}', marking = NULL, audience = '[]', circles = '[]', base = '[]',
                 updated = ?3
             WHERE number = ?1 AND open = 1",
        )?
        .execute(params![number.0, document.as_bytes(), ms(now)])?;
    Ok(changed > 0)
}

/// Deletes an open draft. False if there is no open draft of that number.
pub(super) fn delete(db: &Connection, number: DraftNumber) -> Result<bool, Fault> {
    Ok(db.prepare_cached("DELETE FROM draft WHERE number = ?1 AND open = 1")?.execute([number.0])? > 0)
}

const COLUMNS: &str = "SELECT number, kind, document, open, fields, marking, audience, circles, base, person, created, updated FROM draft";

/// The draft of a number, open or closed.
pub(super) fn get(db: &Connection, number: DraftNumber) -> Result<Option<Draft>, Fault> {
    select(db, &format!("{COLUMNS} WHERE number = ?1"), [number.0]).map(|mut found| found.pop())
}

/// The open draft of a document.
pub(super) fn of_document(db: &Connection, document: &DocumentId) -> Result<Option<Draft>, Fault> {
    select(db, &format!("{COLUMNS} WHERE document = ?1 AND open = 1"), [document.as_bytes()]).map(|mut found| found.pop())
}

/// All open drafts, by number.
pub(super) fn open(db: &Connection) -> Result<Vec<Draft>, Fault> {
    select(db, &format!("{COLUMNS} WHERE open = 1 ORDER BY number"), [])
}

/// How many drafts are open.
pub(super) fn count(db: &Connection) -> Result<u64, Fault> {
    let count: i64 = db.prepare_cached("SELECT count(*) FROM draft WHERE open = 1")?.query_row([], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

fn select(db: &Connection, query: &str, parameters: impl rusqlite::Params) -> Result<Vec<Draft>, Fault> {
    let mut statement = db.prepare_cached(query)?;
    let mut rows = statement.query(parameters)?;
    let mut drafts = Vec::new();
    while let Some(row) = rows.next()? {
        let cells = Cells::new("draft", row)?;
        let audience: Vec<Invitee> = cells.json("audience")?;
        drafts.push(Draft {
            number: DraftNumber(cells.number()),
            open: cells.get("open")?,
            content: DraftContent {
                kind: cells.get("kind")?,
                document: cells.id_or_null("document", DocumentId::new)?,
                fields: cells.json("fields")?,
                marking: cells.get("marking")?,
                audience: audience.into_iter().map(|invitee| invitee.grant(&cells)).collect::<Result<_, _>>()?,
                circles: cells.json("circles")?,
                base: cells.json("base")?,
                person: cells.get("person")?,
            },
            created: cells.ms("created")?,
            updated: cells.ms("updated")?,
        });
    }
    Ok(drafts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_reads_back_as_printed_and_nothing_else_does() {
        assert_eq!("d3".parse::<DraftNumber>().unwrap().to_string(), "d3");
        for text in ["", "d", "3", "d0", "d-1", "d+1", "D3", "d3 ", "d99999999999999999999"] {
            assert_eq!(text.parse::<DraftNumber>(), Err(DraftNumberError), "{text:?}");
        }
    }
}
