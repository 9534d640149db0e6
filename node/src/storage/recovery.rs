//! The mark that the node is being restored, and what is done to a database that comes from a backup.

use super::column::Cells;
use super::entries::{self, AUTHOR_BYTES};
use super::error::Fault;
use super::{Storage, StorageError, meta, neighbours, open};
use csu_protocol::codec::Canonical;
use csu_protocol::entry::{Author, Header};
use csu_protocol::id::{DeviceId, DocumentId, OrganisationId};
use csu_protocol::identity::SignedCard;
use csu_protocol::store::Write;
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Whether a restore is under way, in the table `meta`.
const RECOVERY: &str = "recovery";
const UNDER_WAY: &str = "under way";
const DONE: &str = "done";
/// The newest entry that came with the backup, in the table `meta`; nothing without one.
const BACKUP_ENDS: &str = "backup-ends";

impl Storage {
    /// Makes this database that of a node that is being restored, in one commit: every document waits to be reconciled, recovery
    /// is under way, the organisation's `earlier` cards are known, and tickets, which name a device that is gone, are no more.
    /// A database that is new stays without documents. May be done again.
    ///
    /// # Errors
    /// When writes are not committed, or the disk is full or fails.
    pub fn begin_recovery(&mut self, earlier: &[SignedCard]) -> Result<(), StorageError> {
        if self.is_dirty() {
            return Err(StorageError::RollBackFirst);
        }
        let done = self.mark_recovery(earlier);
        if done.is_err() {
            self.rollback()?;
        }
        done
    }

    fn mark_recovery(&mut self, earlier: &[SignedCard]) -> Result<(), StorageError> {
        for card in earlier {
            self.apply(&Write::Card { card: card.clone(), brought_by: None })?;
        }
        self.write(|db| {
            if !under_way(db)? {
                let newest: Option<i64> = db.query_row("SELECT max(key) FROM entry", [], |row| row.get(0))?;
                meta::put(db, BACKUP_ENDS, &newest.map(|newest| newest.to_string()).unwrap_or_default())?;
            }
            db.execute("DELETE FROM invitation", [])?;
            db.execute("DELETE FROM joining", [])?;
            meta::put(db, RECOVERY, UNDER_WAY)
        })?;
        self.mark_all_unreconciled()?;
        self.belong_to_folder()?;
        self.commit()?;
        self.note_entries()
    }

    /// How many entries of these devices came after the backup that this database was restored from, by document; none at all
    /// if it was restored from none, or nothing was in it.
    ///
    /// # Errors
    /// When the disk fails, or an entry does not decode.
    pub fn came_since_backup(&self, devices: &BTreeSet<DeviceId>) -> Result<BTreeMap<DocumentId, usize>, StorageError> {
        self.read(|db| {
            let mut found = BTreeMap::new();
            let Some(ends) = meta::get(db, BACKUP_ENDS)?.and_then(|key| key.parse::<i64>().ok()) else { return Ok(found) };
            let mut statement = db.prepare(&format!(
                "SELECT entry.key, document.id, entry.header, {AUTHOR_BYTES} FROM entry JOIN document ON document.key = entry.document
                 WHERE entry.key > ?1"
            ))?;
            let mut rows = statement.query([ends])?;
            while let Some(row) = rows.next()? {
                let cells = Cells::new("entry", row)?;
                let document = cells.id("id", DocumentId::new)?;
                let header = entries::whole(&document, cells.get::<Option<Vec<u8>>>("author_bytes")?.as_deref(), cells.get("header")?);
                let header = Header::from_canonical(&header).map_err(|error| cells.wrong(error))?;
                if matches!(header.author, Author::Device(device) if devices.contains(&device)) {
                    let count: &mut usize = found.entry(document).or_default();
                    *count = count.saturating_add(1);
                }
            }
            Ok(found)
        })
    }

    /// Whether recovery is under way.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn is_recovering(&self) -> Result<bool, StorageError> {
        self.read(under_way)
    }

    /// Notes, in the open group of writes, that recovery is done.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn end_recovery(&mut self) -> Result<(), StorageError> {
        self.write(|db| meta::put(db, RECOVERY, DONE))
    }
}

/// Whether recovery is under way in the database of `folder`; no if there is none.
///
/// # Errors
/// When there is one that cannot be read.
pub fn is_recovering_now(folder: &Path) -> Result<bool, StorageError> {
    look(folder, under_way)
}

/// The cards of an organisation that the database of `folder` knows; none if there is no database.
///
/// # Errors
/// When there is one that cannot be read.
pub fn cards_now(folder: &Path, organisation: &OrganisationId) -> Result<Vec<SignedCard>, StorageError> {
    let cards = look(folder, |db| Ok(neighbours::start(db)?.cards))?;
    Ok(cards.into_iter().map(|(card, _)| card).filter(|card| card.card().organisation == *organisation).collect())
}

/// Reads from the database of `folder`, beside whoever writes it.
fn look<T: Default>(folder: &Path, read: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, StorageError> {
    let path = folder.join(open::FILE);
    if !path.exists() {
        return Ok(T::default());
    }
    let db = open::reader(&path).map_err(|fault| fault.at(&path))?;
    open::recognise(&db, &path)?;
    // A process that was killed as it made the file left it empty.
    let tables: i64 = db
        .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'meta'", [], |row| row.get(0))
        .map_err(|error| Fault::Sql(error).at(&path))?;
    if tables == 0 { Ok(T::default()) } else { read(&db).map_err(|fault| fault.at(&path)) }
}

fn under_way(db: &Connection) -> Result<bool, Fault> {
    Ok(meta::get(db, RECOVERY)?.is_some_and(|state| state == UNDER_WAY))
}
