//! Reading documents beside the writer, on other threads.

use super::error::StorageError;
use super::{entries, open};
use csu_protocol::entry::Plane;
use csu_protocol::id::{DocumentId, EntryId};
use csu_protocol::store::{Read, ReadError, StoredEntry};
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A second connection, which only reads: what is committed when it begins to read a document.
#[derive(Debug)]
pub struct Beside {
    db: Connection,
    path: PathBuf,
}

impl Beside {
    /// Opens the database in `folder`, which must be in use by a [`super::Storage`] of this process.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(folder: &Path) -> Result<Self, StorageError> {
        let path = folder.join(open::FILE);
        match open::reader(&path) {
            Ok(db) => Ok(Self { db, path }),
            Err(fault) => Err(fault.at(&path)),
        }
    }
}

impl Read for Beside {
    fn document(&self, document: &DocumentId) -> Result<Vec<StoredEntry>, ReadError> {
        entries::of_document(&self.db, document).map_err(|fault| ReadError(fault.at(&self.path).to_string()))
    }

    fn entries(&self, document: &DocumentId, ids: &BTreeSet<EntryId>) -> Result<Vec<StoredEntry>, ReadError> {
        entries::of_ids(&self.db, document, ids).map_err(|fault| ReadError(fault.at(&self.path).to_string()))
    }

    fn ids(&self, document: &DocumentId, plane: Plane) -> Result<Vec<EntryId>, ReadError> {
        entries::ids(&self.db, document, plane).map_err(|fault| ReadError(fault.at(&self.path).to_string()))
    }
}
