//! Single values by name.

use super::error::Fault;
use rusqlite::{Connection, OptionalExtension};

/// A single value.
pub(super) fn get(db: &Connection, name: &str) -> Result<Option<String>, Fault> {
    Ok(db.prepare_cached("SELECT value FROM meta WHERE name = ?1")?.query_row([name], |row| row.get(0)).optional()?)
}

/// Sets a single value.
pub(super) fn put(db: &Connection, name: &str, value: &str) -> Result<(), Fault> {
    db.prepare_cached("INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value")?
        .execute([name, value])?;
    Ok(())
}
