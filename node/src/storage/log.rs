//! The access log: who did what with which document, and why (Data Protection Act 2018, section 62).
//!
//! Lines are only ever added; the database refuses to change or remove one.

use super::column::{Cells, ms, ms_bound};
use super::error::Fault;
use crate::log_verb::LogVerb;
use csu_protocol::id::DocumentId;
use csu_protocol::time::Timestamp;
use rusqlite::{Connection, ToSql, params};

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
    /// At most so many, the newest.
    pub limit: Option<u32>,
}

/// Adds a line.
pub(super) fn append(db: &Connection, line: &LogLine) -> Result<(), Fault> {
    db.prepare_cached("INSERT INTO log (at, verb, who, document, recipient, why, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute(
        params![
            ms(line.at),
            line.verb.as_str(),
            line.who,
            line.document.as_ref().map(DocumentId::as_bytes),
            line.to,
            line.why,
            line.detail
        ],
    )?;
    Ok(())
}

/// The lines that pass `filter`, newest first.
pub(super) fn read(db: &Connection, filter: &LogFilter) -> Result<Vec<LogLine>, Fault> {
    let (document, verb) = (filter.document.map(|id| *id.as_bytes()), filter.verb.map(LogVerb::as_str));
    let since = filter.since.map(ms_bound);
    let conditions: [(&str, Option<&dyn ToSql>); 4] = [
        ("document = ?", document.as_ref().map(|value| value as &dyn ToSql)),
        ("verb = ?", verb.as_ref().map(|value| value as &dyn ToSql)),
        ("? COLLATE NOCASE IN (who, recipient)", filter.who.as_ref().map(|value| value as &dyn ToSql)),
        ("at >= ?", since.as_ref().map(|value| value as &dyn ToSql)),
    ];
    let mut query = String::from("SELECT key, at, verb, who, document, recipient, why, detail FROM log WHERE TRUE");
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
        lines.push(LogLine {
            at: cells.ms("at")?,
            verb: cells.text("verb", str::parse)?,
            who: cells.get("who")?,
            document: cells.id_or_null("document", DocumentId::new)?,
            to: cells.get("recipient")?,
            why: cells.get("why")?,
            detail: cells.get("detail")?,
        });
    }
    Ok(lines)
}
