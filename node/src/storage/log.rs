//! The access log: who did what with which document, and why (Data Protection Act 2018, section 62).
//!
//! Lines are only ever added; the database refuses to change or remove one, and each carries a hash
//! over itself and the line before it ([`chain`]), so that it shows if somebody did so all the same.

pub(super) mod chain;

use super::column::{Cells, ms, ms_bound};
use super::error::Fault;
use crate::log_verb::LogVerb;
use csu_protocol::id::{DocumentId, Hash};
use csu_protocol::time::Timestamp;
use rusqlite::{Connection, ToSql};

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When, by this node's clock.
    pub at: Timestamp,
    /// What was done.
    pub verb: LogVerb,
    /// Who did it: a person here or an organisation.
    pub who: String,
    /// With which document.
    pub document: Option<DocumentId>,
    /// To whom something was given.
    pub to: Option<String>,
    /// The reason given.
    pub why: Option<String>,
    /// A sentence for the reader.
    pub detail: String,
}

/// A line that was written, with its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedLine {
    /// Its number; the first is 1, and none is left out.
    pub number: u64,
    /// What it says.
    pub line: LogLine,
    /// The hash over it and the line before it.
    pub hash: Hash,
}

/// Which lines to read. Nothing set means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Only this document.
    pub document: Option<DocumentId>,
    /// Only this verb.
    pub verb: Option<LogVerb>,
    /// Only what this person or organisation did or was given, named whole, in whatever case.
    pub who: Option<String>,
    /// Only from this moment on.
    pub since: Option<Timestamp>,
    /// Only before this moment.
    pub until: Option<Timestamp>,
    /// Only lines with a lower number, to go on where a page ended.
    pub before: Option<u64>,
    /// At most so many, the newest.
    pub limit: Option<u32>,
}

/// Adds a line. The line and its hash are one row, so that no crash parts them.
pub(super) fn append(db: &Connection, line: &LogLine) -> Result<(), Fault> {
    let document = line.document.as_ref().map(DocumentId::as_bytes);
    chain::append(
        db,
        &chain::Cells {
            at: ms(line.at),
            verb: line.verb.as_str().as_bytes(),
            who: line.who.as_bytes(),
            document: document.map(<[u8; 32]>::as_slice),
            recipient: line.to.as_deref().map(str::as_bytes),
            why: line.why.as_deref().map(str::as_bytes),
            detail: line.detail.as_bytes(),
        },
    )
}

/// The lines that pass `filter`, newest first.
pub(super) fn read(db: &Connection, filter: &LogFilter) -> Result<Vec<LoggedLine>, Fault> {
    let (document, verb) = (filter.document.map(|id| *id.as_bytes()), filter.verb.map(LogVerb::as_str));
    let (since, until) = (filter.since.map(ms_bound), filter.until.map(ms_bound));
    let before = filter.before.map(|number| i64::try_from(number).unwrap_or(i64::MAX));
    let conditions: [(&str, Option<&dyn ToSql>); 6] = [
        ("document = ?", document.as_ref().map(|value| value as &dyn ToSql)),
        ("verb = ?", verb.as_ref().map(|value| value as &dyn ToSql)),
        ("? COLLATE NOCASE IN (who, recipient)", filter.who.as_ref().map(|value| value as &dyn ToSql)),
        ("at >= ?", since.as_ref().map(|value| value as &dyn ToSql)),
        ("at < ?", until.as_ref().map(|value| value as &dyn ToSql)),
        ("key < ?", before.as_ref().map(|value| value as &dyn ToSql)),
    ];
    let mut query = String::from("SELECT key, at, verb, who, document, recipient, why, detail, hash FROM log WHERE TRUE");
    let mut values = Vec::new();
    for (condition, value) in conditions {
        if let Some(value) = value {
            query.push_str(" AND ");
            query.push_str(condition);
            values.push(value);
        }
    }
    query.push_str(" ORDER BY key DESC LIMIT ?");
    // SQLite takes a negative limit for none.
    let limit = filter.limit.map_or(-1, i64::from);
    values.push(&limit);
    let mut statement = db.prepare_cached(&query)?;
    let mut rows = statement.query(values.as_slice())?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        let cells = Cells::new("log", row)?;
        let line = LogLine {
            at: cells.ms("at")?,
            verb: cells.text("verb", str::parse)?,
            who: cells.get("who")?,
            document: cells.id_or_null("document", DocumentId::new)?,
            to: cells.get("recipient")?,
            why: cells.get("why")?,
            detail: cells.get("detail")?,
        };
        let number = u64::try_from(cells.number()).map_err(|_| cells.wrong("lines are numbered from 1"))?;
        lines.push(LoggedLine { number, line, hash: cells.id("hash", Hash::new)? });
    }
    Ok(lines)
}
