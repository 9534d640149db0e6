//! The check of a database: by SQLite of its own structure, by us of what entries are named by.
//!
//! It reads on a connection of its own, in short steps, so that it can run beside the writer.

use super::error::{Fault, StorageError};
use super::log::chain::{self, LogHead, LogWalk};
use super::{entries, open};
use csu_protocol::codec::Canonical;
use csu_protocol::entry::{Header, Part};
use csu_protocol::id::{DocumentId, Hash};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, params};
use std::path::Path;

/// After so many findings nobody needs more.
const FINDINGS: usize = 100;
/// Entries read in one step. Between steps the writer may reuse its log.
const STEP: i64 = 256;
/// The first version whose entries do not have their ids beside them.
const WITH_SHORT_IDS: i64 = 9;
/// The first version in which headers may be kept without what they have in common with others.
const WITH_AUTHORS: i64 = 11;
/// Lines of the log in one step.
const LOG_STEP: u32 = 10_000;

/// Checks the database in `folder` and says what is wrong with it, one sentence a finding; none
/// means it is sound. Takes about a second for each 100 MB, and may run while a node writes.
///
/// # Errors
/// When there is no database of this program and version that can be opened, or the disk fails meanwhile.
pub fn check_now(folder: &Path) -> Result<Vec<String>, StorageError> {
    let path = folder.join(open::FILE);
    let db = open::reader(&path).map_err(|fault| fault.at(&path))?;
    match open::recognise(&db, &path) {
        Ok(()) => {}
        Err(StorageError::Damaged { detail, .. }) => return Ok(vec![format!("the database could not be read: {detail}")]),
        Err(error) => return Err(error),
    }
    let run = || {
        let mut findings = Vec::new();
        structure(&db, &mut findings)?;
        references(&db, &mut findings)?;
        all_entries(&db, &mut findings)?;
        Ok(findings)
    };
    match run() {
        Ok(findings) => Ok(findings),
        // What is too damaged to be checked through is a finding too.
        Err(Fault::Sql(error)) if matches!(error.sqlite_error_code(), None | Some(ErrorCode::DatabaseCorrupt)) => {
            Ok(vec![format!("the database could not be read to its end: {error}")])
        }
        Err(fault) => Err(fault.at(&path)),
    }
}

/// Walks along the whole chain of the access log in `folder`, calls `progress` with how many lines were
/// walked and how many there are, and looks for the line with the hash `sought`. None if an older version
/// wrote the database, whose log has no chain until the node is started. May run while a node writes.
///
/// # Errors
/// When there is no database of this program and version that can be opened, it is damaged, or the disk fails.
pub fn check_log_now(
    folder: &Path,
    sought: Option<&Hash>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Option<(LogHead, LogWalk)>, StorageError> {
    let path = folder.join(open::FILE);
    let db = open::reader(&path).map_err(|fault| fault.at(&path))?;
    open::recognise(&db, &path)?;
    let mut run = || {
        if !chain::exists(&db)? {
            return Ok(None);
        }
        let (mut after, mut found) = (0, None);
        loop {
            let mut walk = chain::walk(&db, after, LOG_STEP, sought)?;
            found = found.or(walk.sought);
            if !walk.more || walk.broken.is_some() {
                walk.sought = found;
                return Ok(Some((chain::head(&db)?, walk)));
            }
            after = walk.to;
            progress(after, chain::head(&db)?.lines);
        }
    };
    run().map_err(|fault: Fault| fault.at(&path))
}

fn structure(db: &Connection, findings: &mut Vec<String>) -> Result<(), Fault> {
    let mut statement = db.prepare(&format!("PRAGMA integrity_check({FINDINGS})"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let finding: String = row.get(0)?;
        if finding != "ok" {
            findings.push(finding);
        }
    }
    Ok(())
}

fn references(db: &Connection, findings: &mut Vec<String>) -> Result<(), Fault> {
    let mut statement = db.prepare("PRAGMA foreign_key_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()?
        && findings.len() < FINDINGS
    {
        let (table, number, parent): (String, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        findings.push(format!("row {number} of table {table} names a row of table {parent} that is not there"));
    }
    Ok(())
}

/// Bytes that rot inside a row are nothing SQLite would notice: it keeps no checksums. Entries do.
fn all_entries(db: &Connection, findings: &mut Vec<String>) -> Result<(), Fault> {
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let destroyed = match version {
        ..2 => "FALSE",
        2.. => "plane = 1 AND (SELECT destroyed FROM document WHERE document.key = entry.document) IS NOT NULL",
    };
    let id = if version < WITH_SHORT_IDS { "substr(id, 1, 8)" } else { "short" };
    let author = if version < WITH_AUTHORS { "NULL" } else { entries::AUTHOR_BYTES };
    let mut statement = db.prepare(&format!(
        "SELECT key, {id}, header, payload, wraps, {destroyed}, (SELECT id FROM document WHERE document.key = entry.document), {author}
         FROM entry WHERE key > ?1 ORDER BY key LIMIT ?2"
    ))?;
    let mut last = i64::MIN;
    loop {
        let mut rows = statement.query(params![last, STEP])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            count += 1;
            last = row.get(0)?;
            // One whose document is not there was found above.
            let document = row.get::<_, Option<[u8; 32]>>(6)?.map_or_else(|| DocumentId::new([0; 32]), DocumentId::new);
            let header = entries::whole(&document, row.get::<_, Option<Vec<u8>>>(7)?.as_deref(), row.get(2)?);
            let short = match row.get_ref(1)? {
                ValueRef::Integer(short) => short,
                ValueRef::Blob(bytes) => bytes.first_chunk().map_or(0, |beginning| i64::from_be_bytes(*beginning)),
                ValueRef::Null | ValueRef::Real(_) | ValueRef::Text(_) => 0,
            };
            let parts = (row.get::<_, Option<Vec<u8>>>(3)?, row.get::<_, Option<Vec<u8>>>(4)?);
            let parts = if row.get(5)? { Found::Destroyed(parts) } else { Found::Kept(parts) };
            if let Some(finding) = entry(short, &header, &parts) {
                findings.push(format!("row {last} of table entry: {finding}"));
            }
            if findings.len() >= FINDINGS {
                return Ok(());
            }
        }
        if count < STEP {
            return Ok(());
        }
    }
}

/// An entry's payload and wrapped keys, as they should be there or not.
enum Found {
    Kept((Option<Vec<u8>>, Option<Vec<u8>>)),
    Destroyed((Option<Vec<u8>>, Option<Vec<u8>>)),
}

fn entry(short: i64, header: &[u8], parts: &Found) -> Option<&'static str> {
    if entries::short(&Hash::of(header)) != short {
        return Some("its header is not the one its id is the hash of");
    }
    let Ok(header) = Header::from_canonical(header) else {
        return Some("its header cannot be read");
    };
    let (payload, wraps) = match parts {
        Found::Kept(parts) => parts,
        Found::Destroyed((None, None)) => return None,
        Found::Destroyed(_) => return Some("its document was erased, and its payload or wrapped keys are still there"),
    };
    if header.payload != payload.as_deref().map(Part::of) {
        return Some("its payload is not the one its header names");
    }
    if header.wraps != wraps.as_deref().map(Part::of) {
        return Some("its wrapped keys are not those its header names");
    }
    None
}
