//! Opening: the file, who may read it, whose it is, and bringing it to this version.

use super::entries;
use super::error::{Fault, StorageError};
use super::log::chain;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use rusqlite_migration::{M, Migrations};
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

/// The name of the database in a data folder.
pub const FILE: &str = "node.sqlite";
/// Locked by whoever writes the database.
const LOCK_FILE: &str = "node.lock";

/// The version this program writes: as many as there are steps.
pub(super) const VERSION: i64 = 13;
/// "CSUL", as the schema sets it.
const APPLICATION: i64 = 0x4353_554C;

/// How large a page is. Most rows are entries of about 1 kB: of pages of 4 KiB, which SQLite has by itself, a fifth would be left
/// unused behind the last row that fits.
const PAGE_BYTES: i64 = 8192;

/// How long a statement waits for another connection, which only ever reads.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// What the log of pages is cut back to after a burst.
const LOG_BYTES: i64 = 16 * 1024 * 1024;

/// One step a version; a step that was released never changes.
fn migrations() -> Migrations<'static> {
    Migrations::new(vec![
        M::up(include_str!("schema.sql")),
        M::up_with_hook(include_str!("log_chain.sql"), chain::chain_existing),
        M::up(include_str!("retention.sql")),
        M::up(include_str!("circles.sql")),
        M::up(include_str!("erasure.sql")),
        M::up(include_str!("unreconciled.sql")),
        M::up(include_str!("annex.sql")),
        M::up(include_str!("summary.sql")),
        M::up_with_hook(concat!(include_str!("visible.sql"), include_str!("compact.sql")), entries::compact_existing),
        M::up(include_str!("document_view.sql")),
        M::up(include_str!("author.sql")),
        M::up(include_str!("accounts.sql")),
        M::up(include_str!("facets.sql")),
    ])
}

/// Opens the database of `folder` to write, and makes it if there is none. While the file returned
/// with it is open, nobody else can.
pub(super) fn writer(folder: &Path, max_pages: Option<u32>) -> Result<(Connection, File), StorageError> {
    let path = folder.join(FILE);
    let unreachable = |path: &Path, error: &io::Error| StorageError::Unreachable { path: path.to_owned(), why: error.to_string() };
    let lock = lock(folder)?.ok_or_else(|| StorageError::InUse { path: path.clone() })?;
    // SQLite would make the file as the umask says. Its log gets the mode of the file.
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            for name in [FILE, "node.sqlite-wal", "node.sqlite-shm"] {
                keep_private(&folder.join(name)).map_err(|error| unreachable(&path, &error))?;
            }
        }
        Err(error) => return Err(unreachable(&path, &error)),
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let mut db = Connection::open_with_flags(&path, flags).map_err(|error| Fault::Sql(error).at(&path))?;
    recognise(&db, &path)?;
    if db.is_readonly("main").map_err(|error| Fault::Sql(error).at(&path))? {
        return Err(StorageError::Unreachable { path, why: "it may only be read".to_owned() });
    }
    prepare(&mut db, max_pages).map_err(|fault| fault.at(&path))?;
    Ok((db, lock))
}

/// Opens the database at `path` to read beside a writer.
pub(super) fn reader(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    Ok(db)
}

/// Locks the folder for this process; none if another has it. The system lets go when it dies.
fn lock(folder: &Path) -> Result<Option<File>, StorageError> {
    let path = folder.join(LOCK_FILE);
    let taken = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path).and_then(|file| match file
        .try_lock()
    {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    });
    taken.map_err(|error| StorageError::Unreachable { path, why: error.to_string() })
}

/// Gives a database the size of pages that this version wants: at once if it is new, else by writing it anew, which takes room
/// and nobody beside. If that is not to be had it stays as it is.
fn resize_pages(db: &Connection) -> Result<(), Fault> {
    let bytes: i64 = db.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let pages: i64 = db.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    if bytes == PAGE_BYTES {
        return Ok(());
    }
    db.pragma_update(None, "page_size", PAGE_BYTES)?;
    if pages > 0 {
        // Pages of a database with a log keep their size.
        let anew = db.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())).and_then(|()| db.execute_batch("VACUUM"));
        if let Err(error) = anew {
            tracing::warn!(%error, "the database keeps its smaller pages and takes more room than it could; the next start tries again");
        }
    }
    Ok(())
}

/// Takes a file from everybody but its owner.
fn keep_private(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() && found.permissions().mode() & 0o077 != 0 => fs::set_permissions(path, Permissions::from_mode(0o600)),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Refuses what is no database, another program's or a newer version's, before anything is changed.
pub(super) fn recognise(db: &Connection, path: &Path) -> Result<(), StorageError> {
    let fault = |error: rusqlite::Error| match error.sqlite_error_code() {
        // What SQLite has no other word for as it opens a file, such as an unsupported format, is wrong with the file.
        Some(ErrorCode::Unknown) => StorageError::Damaged { path: path.to_owned(), detail: error.to_string() },
        _ => Fault::Sql(error).at(path),
    };
    db.busy_timeout(BUSY_TIMEOUT).map_err(fault)?;
    let number = |pragma: &str| db.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0)).map_err(fault);
    let (version, application) = (number("user_version")?, number("application_id")?);
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(fault)?;
    let empty = tables == 0 && version == 0 && application == 0;
    if !empty && application != APPLICATION {
        let found = format!("a database of another program, with application id {application} and {tables} tables and indexes");
        return Err(StorageError::NotOurs { path: path.to_owned(), found });
    }
    if version > VERSION {
        return Err(StorageError::Newer { path: path.to_owned(), found: version, known: VERSION });
    }
    Ok(())
}

fn prepare(db: &mut Connection, max_pages: Option<u32>) -> Result<(), Fault> {
    resize_pages(db)?;
    // With a log, readers do not wait for the writer; FULL brings each commit to the disk itself.
    let mode: String = db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(Fault::refused(format_args!("the folder's file system cannot share a write-ahead log (journal mode '{mode}')")));
    }
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    // Overwrites what was deleted: drafts, and the secrets of invitations that were used.
    db.query_row("PRAGMA secure_delete = ON", [], |_| Ok(()))?;
    // Nothing in a damaged or doctored schema may run functions; damaged pages are noticed early.
    db.pragma_update(None, "trusted_schema", false)?;
    db.pragma_update(None, "cell_size_check", true)?;
    db.query_row(&format!("PRAGMA journal_size_limit = {LOG_BYTES}"), [], |_| Ok(()))?;
    if let Some(pages) = max_pages {
        db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
    }
    db.set_prepared_statement_cache_capacity(64);
    migrations().to_latest(db).map_err(|error| {
        if let rusqlite_migration::Error::RusqliteError { err, .. } = error {
            Fault::Sql(err)
        } else if let rusqlite_migration::Error::Hook(why) = error {
            // What an older version left in the log cannot be taken over.
            Fault::Foreign(why)
        } else {
            Fault::refused(error)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_run_and_their_number_is_the_version() {
        migrations().validate().unwrap();
        let mut db = Connection::open_in_memory().unwrap();
        migrations().to_latest(&mut db).unwrap();
        assert_eq!(db.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0)), Ok(VERSION));
    }
}
