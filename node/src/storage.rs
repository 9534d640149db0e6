//! What the node keeps, in one SQLite database: the protocol's records and the node's own.
//!
//! # Invariants
//!
//! - One writer. [`Storage`] belongs to the thread that drives the node; a lock on the folder keeps
//!   a second process out. [`check_now`] reads beside it.
//! - Writes come in groups. The first write begins one; [`Storage::commit`] brings it to the disk
//!   with one sync, whole; [`Storage::rollback`] drops it, whole. Whatever is answered to anybody,
//!   a person or a peer, is answered after the commit.
//! - A group in which a write failed cannot be committed: until it is rolled back, every further
//!   write says [`StorageError::RollBackFirst`]. After that storage works as before.
//! - Reads see the writes of the open group.
//! - What is read is checked again: ids against what they are the hash of, cards and addresses
//!   against their signatures. A row that does not decode is an error naming it, never skipped.
//! - Lines of the access log are chained by their hashes; [`check_log_now`] walks along the chain.
//! - Files are readable by their owner alone.
//!
//! # What it leaves out
//!
//! It judges nothing: whether an entry is sound or a grant authorised is the protocol's business,
//! and what a title is the driver's. It is not encrypted: whoever reads the disk reads drafts,
//! listings and the access log; documents in it are sealed, and keys are elsewhere.

mod accounts;
mod annexes;
mod beside;
mod check;
mod circles;
mod column;
mod drafts;
mod entries;
mod erasing;
mod error;
mod facets;
mod listing;
mod log;
mod mark;
mod meta;
mod neighbours;
mod open;
mod records;
mod recovery;
mod retention;
mod search;
mod snapshot;
mod stale;
mod summaries;
#[cfg(test)]
mod tests;
mod unreconciled;
mod views;

pub use accounts::{AccountRow, LinkRow};
pub use beside::Beside;
pub use check::{check_log_now, check_now};
pub use circles::{CircleGrant, CircleKey, CircleRow, Gift, Member};
pub use drafts::{Draft, DraftContent, DraftNumber, DraftNumberError};
pub use error::StorageError;
pub use facets::Term;
pub use listing::{Cursor, CursorError, Listed, ListingFilter, Page};
pub use log::chain::{LogBreak, LogHead, LogWalk};
pub use log::{LogFilter, LogLine, LoggedLine};
pub use mark::{PutBack, PutBackNote};
pub use open::FILE;
pub use records::Counts;
pub use recovery::{cards_now, is_recovering_now};
pub use retention::{Kept, OwnDates};
pub use search::{SEARCH_BYTES, SearchText, SearchTextError, Words};
pub use snapshot::{Snapshot, snapshot, sweep_snapshots};
pub use views::{KeptView, VIEW_BYTES};

use csu_protocol::entry::Plane;
use csu_protocol::id::{DocumentId, EntryId};
use csu_protocol::store::{Read, ReadError, Start, StoredEntry, Write};
use error::Fault;
use mark::Mark;
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// How to open storage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// The most pages the database may have, to see what happens on a full disk. None: as
    /// many as the disk has room for.
    pub max_pages: Option<u32>,
}

/// Storage that was opened.
#[derive(Debug)]
pub struct Opened {
    /// It.
    pub storage: Storage,
    /// Whether it was closed in good order last time. If not, run [`check_now`] before relying on it.
    pub clean: bool,
    /// Whether it is a copy that was put back. If so, [`Storage::begin_put_back`] comes before anything else, or
    /// [`Storage::begin_recovery`].
    pub put_back: Option<PutBack>,
}

/// Where the group of writes stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    /// Nothing was written since the last commit or rollback.
    None,
    /// Something was.
    Open,
    /// A write failed; what came before it may or may not still be there.
    Failed,
}

/// The node's database, open to write.
#[derive(Debug)]
pub struct Storage {
    db: Connection,
    path: PathBuf,
    group: Group,
    /// Whether the open group holds entries.
    grown: bool,
    numbers: entries::Numbers,
    /// Holds the folder against another process until it is dropped.
    mark: Mark,
}

/// Makes ready, while no node runs, for keys that are about to be sealed: from then on titles alone are searched in, and no word
/// of a text is left in the files. Without a database there is nothing to do.
///
/// # Errors
/// When the database cannot be used, or there is no room for a copy of it.
pub fn forget_searched_texts(folder: &Path) -> Result<(), StorageError> {
    if !folder.join(FILE).exists() {
        return Ok(());
    }
    let Opened { mut storage, clean, .. } = Storage::open(folder, Options::default())?;
    if storage.search_titles_alone(true)? {
        storage.commit()?;
        storage.rewrite()?;
        storage.empty_log()?;
    }
    // After a stop that was not in good order the next start has the database checked: this is no check.
    if clean { storage.close() } else { Ok(()) }
}

/// How the last run ended, in the table `meta`.
const STOP: &str = "stop";
const CLEAN: &str = "clean";
const RUNNING: &str = "running";

impl Storage {
    /// Opens the database in `folder`, makes it if there is none, brings it to this version and marks
    /// it as in use. The folder must be there.
    ///
    /// # Errors
    /// When the file is no database of csu, is damaged, is of a newer version, is in use, may not be
    /// read and written, or there is no room.
    pub fn open(folder: &Path, options: Options) -> Result<Opened, StorageError> {
        let (db, lock) = open::writer(folder, options.max_pages)?;
        let mut storage = Self {
            db,
            path: folder.join(open::FILE),
            group: Group::None,
            grown: false,
            numbers: entries::Numbers::default(),
            mark: Mark::new(lock),
        };
        let clean = storage.meta(STOP)?.is_none_or(|stop| stop == CLEAN);
        let put_back = storage.compare_with_folder()?;
        storage.put_meta(STOP, RUNNING)?;
        if put_back.is_none() {
            storage.belong_to_folder()?;
        }
        storage.commit()?;
        if put_back.is_none() {
            storage.note_entries()?;
        }
        Ok(Opened { storage, clean, put_back })
    }

    /// Closes the database in good order. A group that was not committed is dropped.
    ///
    /// # Errors
    /// When the disk fails or is full. Everything committed is on disk nevertheless, and the next
    /// opening says that the stop was not clean.
    pub fn close(mut self) -> Result<(), StorageError> {
        self.rollback()?;
        // A reader that is still at work keeps the log from being emptied: that is no error.
        self.read(|db| Ok(db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?))?;
        self.put_meta(STOP, CLEAN)?;
        self.commit()?;
        let Self { db, path, mark: _mark, .. } = self;
        db.close().map_err(|(_, error)| Fault::Sql(error).at(&path))
    }

    /// Makes every write since the last commit durable. Without any it does nothing.
    ///
    /// # Errors
    /// When the disk is full or fails, or a write of the group failed. The caller rolls back.
    pub fn commit(&mut self) -> Result<(), StorageError> {
        match self.group {
            Group::None => return Ok(()),
            Group::Failed => return Err(StorageError::RollBackFirst),
            Group::Open => {}
        }
        match self.db.execute_batch("COMMIT") {
            Ok(()) => {
                self.group = Group::None;
                // It is durable, whatever becomes of the note: the next commit writes that again.
                if std::mem::take(&mut self.grown)
                    && let Err(error) = self.note_entries()
                {
                    tracing::warn!(%error, "how far the database is could not be noted");
                    self.grown = true;
                }
                Ok(())
            }
            Err(error) => {
                self.group = Group::Failed;
                Err(Fault::Sql(error).at(&self.path))
            }
        }
    }

    /// Drops every write since the last commit.
    ///
    /// # Errors
    /// When SQLite cannot even do that: the node should stop.
    pub fn rollback(&mut self) -> Result<(), StorageError> {
        // SQLite has rolled back by itself after some failures, such as a full disk.
        if !self.db.is_autocommit() {
            self.db.execute_batch("ROLLBACK").map_err(|error| Fault::Sql(error).at(&self.path))?;
        }
        self.group = Group::None;
        self.grown = false;
        self.numbers = entries::Numbers::default();
        Ok(())
    }

    /// Writes the database anew without what was removed from it. Takes about as long as copying the file.
    ///
    /// # Errors
    /// When writes are not committed, or the disk is full or fails; nothing is lost by that.
    pub fn rewrite(&mut self) -> Result<(), StorageError> {
        if self.is_dirty() {
            return Err(StorageError::RollBackFirst);
        }
        self.read(|db| search::purge(db).and_then(|()| erasing::rewrite(db)))
    }

    /// Empties the log of pages, which holds them as they were before. Whether it is empty: while somebody reads beside it
    /// stays, and is to be tried again later.
    ///
    /// # Errors
    /// When writes are not committed, or the disk is full or fails; nothing is lost by that.
    pub fn empty_log(&mut self) -> Result<bool, StorageError> {
        if self.is_dirty() {
            return Err(StorageError::RollBackFirst);
        }
        self.read(|db| erasing::empty_log(db, open::BUSY_TIMEOUT))
    }

    /// Whether there are writes that are not committed.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.group != Group::None
    }

    /// The file of the database.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Applies one of the protocol's writes to the open group.
    ///
    /// # Errors
    /// When the disk is full or fails, or the record makes no sense. The caller rolls back.
    pub fn apply(&mut self, write: &Write) -> Result<(), StorageError> {
        self.grown |= matches!(write, Write::Entry(_));
        let mut numbers = std::mem::take(&mut self.numbers);
        self.write(|db| match write {
            Write::Entry(new) => entries::insert(db, &mut numbers, new),
            Write::Summary { document, summary } => summaries::put(db, document, summary),
            Write::Brought { bringer, owner, bytes } => summaries::put_brought(db, bringer, owner, *bytes),
            Write::ContentDestroyed { document, at } => erasing::destroy_parts(db, document, *at),
            Write::Reconciled(document) => unreconciled::remove(db, document),
            Write::Card { card, brought_by } => neighbours::put_card(db, card, brought_by.as_ref()),
            Write::Addresses(signed) => neighbours::put_addresses(db, signed),
            Write::Peer(peer) => neighbours::put_peer(db, peer),
            Write::PeerRemoved(organisation) => neighbours::remove_peer(db, organisation),
            Write::Invitation(invitation) => neighbours::put_invitation(db, invitation),
            Write::InvitationEnded(secret) => neighbours::remove_invitation(db, secret),
            Write::Joining(joining) => neighbours::put_joining(db, joining),
            Write::JoiningEnded(organisation) => neighbours::remove_joining(db, organisation),
        })?;
        self.numbers = numbers;
        Ok(())
    }

    /// Marks every document as one that came back from a backup: it is silent until a neighbour's was compared with it. How
    /// many were not marked before.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn mark_all_unreconciled(&mut self) -> Result<usize, StorageError> {
        self.write(unreconciled::mark_all)
    }

    /// What the protocol's machine starts from.
    ///
    /// # Errors
    /// When storage fails or a row does not decode.
    pub fn start(&self) -> Result<Start, StorageError> {
        self.read(|db| {
            Ok(Start {
                documents: summaries::all(db)?,
                brought: summaries::brought(db)?,
                destroyed: entries::destroyed(db)?,
                unreconciled: unreconciled::all(db)?,
                ..neighbours::start(db)?
            })
        })
    }

    /// Writes within the open group, which it begins if there is none.
    fn write<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, StorageError> {
        if self.group == Group::Failed {
            return Err(StorageError::RollBackFirst);
        }
        let begin = || match self.group {
            // IMMEDIATE takes the writer's lock at once: no surprise at the commit.
            Group::None => self.db.execute_batch("BEGIN IMMEDIATE").map_err(Fault::Sql),
            Group::Open | Group::Failed => Ok(()),
        };
        let result = begin().and_then(|()| work(&self.db));
        self.group = if result.is_ok() { Group::Open } else { Group::Failed };
        result.map_err(|fault| fault.at(&self.path))
    }

    /// Reads, seeing the open group.
    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, StorageError> {
        work(&self.db).map_err(|fault| fault.at(&self.path))
    }
}

impl Read for Storage {
    fn document(&self, document: &DocumentId) -> Result<Vec<StoredEntry>, ReadError> {
        self.read(|db| entries::of_document(db, document)).map_err(|error| ReadError(error.to_string()))
    }

    fn entries(&self, document: &DocumentId, ids: &BTreeSet<EntryId>) -> Result<Vec<StoredEntry>, ReadError> {
        self.read(|db| entries::of_ids(db, document, ids)).map_err(|error| ReadError(error.to_string()))
    }

    fn beginning(&self, document: &DocumentId, plane: Plane, bytes: usize) -> Result<(Vec<StoredEntry>, bool), ReadError> {
        self.read(|db| entries::beginning(db, document, plane, bytes)).map_err(|error| ReadError(error.to_string()))
    }

    fn ids(&self, document: &DocumentId, plane: Plane) -> Result<Vec<EntryId>, ReadError> {
        self.read(|db| entries::ids(db, document, plane)).map_err(|error| ReadError(error.to_string()))
    }
}
