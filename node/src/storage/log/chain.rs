//! The chain of the access log: a line's hash covers the line, its number and the hash before it.
//!
//! ```text
//!   line 1 ── hash 1 ─┐        hash n = BLAKE3 derive_key(CONTEXT, over)
//!   line 2 ── hash 2 ◄┘ ─┐     over   = hash n-1 (of line 1: 32 zero bytes), number, at (ms), each 8 bytes big-endian,
//!   line 3 ── hash 3 ◄───┘              then verb, who, document, recipient, why, detail
//! ```
//!
//! Each of those six is one byte 0 if there is none, else one byte 1, its length in 8 bytes, and its
//! bytes: no two lines give the same bytes. Whoever knows a hash knows every line up to it.
//!
//! # What it shows, and what not
//!
//! Changing a cell, removing, adding or swapping lines in the middle breaks the chain at that place.
//! Lines cut off at the end are noticed as long as SQLite's own count of the lines was not changed with
//! them. Who may write the file can do all that and compute every hash anew, for nothing here is secret:
//! only a hash that was kept elsewhere shows it, because the new chain does not hold it.

use super::super::error::Fault;
use csu_protocol::id::Hash;
use csu_protocol::time::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use rusqlite_migration::{HookError, HookResult};

/// BLAKE3 derive_key context of a line.
const CONTEXT: &str = "csu-link 0 access log line";
/// What stands in place of a hash before the first line.
const BEFORE: [u8; 32] = [0; 32];

/// The newest hash, with the number of its line: what to keep elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogHead {
    /// How many lines there are: the number of the newest. 0 for an empty log.
    pub lines: u64,
    /// Its hash; zero bytes for an empty log.
    pub hash: Hash,
    /// Its time.
    pub at: Option<Timestamp>,
}

/// What a walk along a part of the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogWalk {
    /// The number of the last line that is known to be right.
    pub to: u64,
    /// Whether there are lines behind it still to be walked.
    pub more: bool,
    /// Where the chain is broken first; nothing behind was looked at.
    pub broken: Option<LogBreak>,
    /// The line that has the hash that was looked for.
    pub sought: Option<u64>,
}

/// Where the chain is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogBreak {
    /// The number of the first line that is missing or not as it was written.
    pub line: u64,
    /// The time that stands there, or in the next line that is there.
    pub at: Option<Timestamp>,
    /// What is wrong, in words.
    pub what: String,
}

/// What a line says, as bytes; its number and hash stand beside.
pub(in super::super) struct Cells<'a> {
    pub(in super::super) at: i64,
    pub(in super::super) verb: &'a [u8],
    pub(in super::super) who: &'a [u8],
    pub(in super::super) document: Option<&'a [u8]>,
    pub(in super::super) recipient: Option<&'a [u8]>,
    pub(in super::super) why: Option<&'a [u8]>,
    pub(in super::super) detail: &'a [u8],
}

impl<'a> Cells<'a> {
    /// The columns behind the number, in the order `at, verb, who, document, recipient, why, detail`.
    /// None if one is of another type than this program writes.
    fn of(row: &'a Row<'_>) -> Option<Self> {
        let text = |column: usize| match row.get_ref(column).ok()? {
            ValueRef::Text(bytes) => Some(Some(bytes)),
            ValueRef::Null => Some(None),
            ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_) => None,
        };
        let document = match row.get_ref(4).ok()? {
            ValueRef::Blob(bytes) => Some(bytes),
            ValueRef::Null => None,
            ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Text(_) => return None,
        };
        Some(Self {
            at: integer(row.get_ref(1).ok()?)?,
            verb: text(2)??,
            who: text(3)??,
            document,
            recipient: text(5)?,
            why: text(6)?,
            detail: text(7)??,
        })
    }

    /// The hash of the line of this number behind the line with the hash `previous`.
    pub(in super::super) fn hash(&self, number: i64, previous: &[u8; 32]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(previous).update(&number.to_be_bytes()).update(&self.at.to_be_bytes());
        for cell in [Some(self.verb), Some(self.who), self.document, self.recipient, self.why, Some(self.detail)] {
            match cell {
                None => hasher.update(&[0]),
                Some(bytes) => hasher.update(&[1]).update(&(bytes.len() as u64).to_be_bytes()).update(bytes),
            };
        }
        hasher.finalize().into()
    }
}

fn integer(value: ValueRef<'_>) -> Option<i64> {
    match value {
        ValueRef::Integer(number) => Some(number),
        ValueRef::Null | ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_) => None,
    }
}

fn blob(value: ValueRef<'_>) -> Option<[u8; 32]> {
    match value {
        ValueRef::Blob(bytes) => bytes.try_into().ok(),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Text(_) => None,
    }
}

fn number(line: i64) -> u64 {
    u64::try_from(line).unwrap_or(0)
}

fn time(at: i64) -> Timestamp {
    Timestamp::from_ms(at.cast_unsigned())
}

/// Number, hash and time of the newest line.
fn last(db: &Connection) -> Result<Option<(i64, [u8; 32], Timestamp)>, Fault> {
    let mut statement = db.prepare_cached("SELECT key, hash, at FROM log ORDER BY key DESC LIMIT 1")?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let line: i64 = row.get(0)?;
    let wrong = |what: &str| Fault::Row { table: "log", row: line, why: format!("{what}: what it holds was not written by csu") };
    let hash = blob(row.get_ref(1)?).ok_or_else(|| wrong("hash"))?;
    let at = integer(row.get_ref(2)?).ok_or_else(|| wrong("at"))?;
    Ok(Some((line, hash, time(at))))
}

/// The highest number that SQLite ever gave a line, by its own count.
fn written(db: &Connection) -> Result<i64, Fault> {
    let mut statement = db.prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'log'")?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else { return Ok(0) };
    Ok(integer(row.get_ref(0)?).unwrap_or(0))
}

/// Whether the log is a chain already: an older version made it without hashes.
pub(in super::super) fn exists(db: &Connection) -> Result<bool, Fault> {
    Ok(db.query_row("SELECT count(*) FROM pragma_table_info('log') WHERE name = 'hash'", [], |row| row.get::<_, i64>(0))? > 0)
}

/// The head of the chain.
pub(in super::super) fn head(db: &Connection) -> Result<LogHead, Fault> {
    Ok(match last(db)? {
        Some((line, hash, at)) => LogHead { lines: number(line), hash: Hash::new(hash), at: Some(at) },
        None => LogHead { lines: 0, hash: Hash::new(BEFORE), at: None },
    })
}

/// Adds a line behind the newest.
pub(in super::super) fn append(db: &Connection, cells: &Cells<'_>) -> Result<(), Fault> {
    let (newest, previous) = last(db)?.map_or((0, BEFORE), |(line, hash, _)| (line, hash));
    // A number that was given once is not given again: where the end was cut off, a gap stays to be seen.
    let next = newest.max(written(db)?).checked_add(1).ok_or_else(|| Fault::refused("the log's last line has the highest number"))?;
    let text = |bytes| ValueRef::Text(bytes);
    let or_null = |bytes: Option<_>| bytes.map_or(ValueRef::Null, text);
    let value = rusqlite::types::ToSqlOutput::Borrowed;
    db.prepare_cached(
        "INSERT INTO log (key, at, verb, who, document, recipient, why, detail, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        next,
        cells.at,
        value(text(cells.verb)),
        value(text(cells.who)),
        cells.document,
        value(or_null(cells.recipient)),
        value(or_null(cells.why)),
        value(text(cells.detail)),
        cells.hash(next, &previous)
    ])?;
    Ok(())
}

/// Walks at most `limit` lines behind the line `after` (0: from the first), whose own hash is taken as
/// it stands, and looks for the line that has the hash `sought`.
pub(in super::super) fn walk(db: &Connection, after: u64, limit: u32, sought: Option<&Hash>) -> Result<LogWalk, Fault> {
    // Asked before the lines are read: a line that a running node adds in between is then one more, never one too few.
    let written = written(db)?;
    let mut walk = LogWalk { to: after, more: false, broken: None, sought: None };
    let mut expected = i64::try_from(after).unwrap_or(i64::MAX).saturating_add(1);
    let mut previous = BEFORE;
    if after > 0 {
        let found = db
            .prepare_cached("SELECT hash FROM log WHERE key = ?1")?
            .query_row([expected.saturating_sub(1)], |row| Ok(blob(row.get_ref(0)?)));
        let Some(hash) = found.optional()?.flatten() else {
            let what = format!("line {after}, behind which the check was to go on, is not there or has no hash");
            walk.broken = Some(LogBreak { line: after, at: None, what });
            return Ok(walk);
        };
        previous = hash;
    }
    let mut statement = db.prepare_cached(
        "SELECT key, at, verb, who, document, recipient, why, detail, hash FROM log WHERE key >= ?1 ORDER BY key LIMIT ?2",
    )?;
    // Nothing may hide before the first line either.
    let mut rows = statement.query(params![if after == 0 { i64::MIN } else { expected }, limit])?;
    let mut count: u32 = 0;
    while let Some(row) = rows.next()? {
        count = count.saturating_add(1);
        match step(row, expected, &previous) {
            Ok(hash) => {
                if sought.is_some_and(|sought| *sought.as_bytes() == hash) {
                    walk.sought = Some(number(expected));
                }
                walk.to = number(expected);
                previous = hash;
                expected = expected.saturating_add(1);
            }
            Err(broken) => {
                walk.broken = Some(broken);
                return Ok(walk);
            }
        }
    }
    walk.more = limit > 0 && count == limit;
    if !walk.more && written >= expected {
        let what = format!("the log ends at line {}, and {written} were written: its end was cut off", walk.to);
        walk.broken = Some(LogBreak { line: number(expected), at: None, what });
    }
    Ok(walk)
}

/// Checks that a row is the line of the number `expected`, and returns its hash.
fn step(row: &Row<'_>, expected: i64, previous: &[u8; 32]) -> Result<[u8; 32], LogBreak> {
    let at = row.get_ref(1).ok().and_then(integer).map(time);
    let broken = |line: i64, what: String| Err(LogBreak { line: number(line), at, what });
    let Some(line) = row.get_ref(0).ok().and_then(integer) else {
        return broken(expected, format!("line {expected} cannot be read"));
    };
    if line < expected {
        return broken(line, format!("a line with the number {line} stands before line {expected}, where none was written"));
    }
    if line > expected {
        let which = if line.saturating_sub(1) == expected {
            format!("line {expected} is missing")
        } else {
            format!("lines {expected} to {} are missing", line.saturating_sub(1))
        };
        return broken(expected, which);
    }
    let (Some(cells), Some(hash)) = (Cells::of(row), row.get_ref(8).ok().and_then(blob)) else {
        return broken(line, format!("line {line} holds what csu never writes"));
    };
    if cells.hash(line, previous) != hash {
        return broken(line, format!("line {line} and its hash do not fit: it, its hash or the hash before it was changed"));
    }
    Ok(hash)
}

/// Chains the lines that were written before there were hashes, in their order: what follows after the
/// step `log_chain.sql`.
pub(in super::super) fn chain_existing(db: &Transaction<'_>) -> HookResult {
    let mut lines = db.prepare("SELECT key, at, verb, who, document, recipient, why, detail FROM log_without_hashes ORDER BY key")?;
    let mut add = db.prepare(
        "INSERT INTO log (key, at, verb, who, document, recipient, why, detail, hash) \
         SELECT ?1, at, verb, who, document, recipient, why, detail, ?2 FROM log_without_hashes WHERE key = ?3",
    )?;
    let mut rows = lines.query([])?;
    let (mut next, mut previous) = (1_i64, BEFORE);
    while let Some(row) = rows.next()? {
        let key: i64 = row.get(0)?;
        let cells = Cells::of(row).ok_or_else(|| HookError::Hook(format!("row {key} of the access log holds what csu never writes")))?;
        let hash = cells.hash(next, &previous);
        add.execute(params![next, hash, key])?;
        (next, previous) = (next.saturating_add(1), hash);
    }
    drop(rows);
    drop((lines, add));
    db.execute_batch("DROP TABLE log_without_hashes")?;
    Ok(())
}
