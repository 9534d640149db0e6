//! Why a node cannot be restored.

use crate::backup::BackupError;
use crate::keys::{KeysError, LockError};
use crate::storage::StorageError;
use std::path::{Path, PathBuf};

/// Why a node cannot be restored. Each says what to do; what was begun is gone again.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is an organisation already.
    #[error(
        "{} holds the keys of an organisation already, which are never replaced: restore into another folder with --data; to go on \
         with a restore that was begun there, or to run recovery again, use `csu restore --resume`",
        .data.display()
    )]
    Exists {
        /// The data folder.
        data: PathBuf,
    },
    /// Something else is in the folder.
    #[error(
        "{} is not empty (there is {found} in it): name a folder with --data that is not there yet, or holds nothing but csu.toml",
        .data.display()
    )]
    NotEmpty {
        /// The data folder.
        data: PathBuf,
        /// Something that is in it.
        found: String,
    },
    /// The folder has no name of its own.
    #[error("{} cannot be a data folder: name a folder below it with --data", .data.display())]
    NoPlace {
        /// The data folder.
        data: PathBuf,
    },
    /// There is nothing to go on with.
    #[error("no restore was begun in {}: begin one with `csu restore FILE`, or `csu restore --name NAME --kind KIND` without a backup", .data.display())]
    NothingBegun {
        /// The data folder.
        data: PathBuf,
    },
    /// Another process restores there.
    #[error("another restore is at work beside {}: wait until it is done, or end it", .data.display())]
    AtWork {
        /// The data folder.
        data: PathBuf,
    },
    /// The backup cannot be read.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// A newer csu wrote the database in the backup.
    #[error(
        "the database in this backup has version {found}, and this csu knows versions up to {known}: restore it with the csu that wrote it, or a newer one"
    )]
    NewerDatabase {
        /// Its version.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// What was backed up was damaged already.
    #[error(
        "the backup is as it was written, and what it holds is not sound ({0}): use an older backup; without one the phrase alone brings back what neighbours hold, with `csu restore --name NAME --kind KIND`"
    )]
    Unsound(String),
    /// No generation is left. Only an organisation's own root key can have brought it to that.
    #[error("the newest known card has the last generation there is, so that no newer one can be made: report this")]
    NoGeneration,
    /// Another device counts, and this one may have been disowned already.
    #[error(
        "no restore is under way in {}, so that the device in it may be disowned already and is not put above another: write a backup of it with `csu backup`, and restore that into another folder with --data, which makes a new device",
        .data.display()
    )]
    NotUnderWay {
        /// The data folder.
        data: PathBuf,
    },
    /// The phrase is another organisation's.
    #[error(
        "the recovery phrase is not that of {name}, whose data folder this is: use the phrase of {name}, or name another folder with --data"
    )]
    WrongPhrase {
        /// The name on the card in the folder.
        name: String,
    },
    /// The system gives no randomness.
    #[error("the system gives no random numbers ({0}): restart the computer and try again")]
    Entropy(getrandom::Error),
    /// The folder cannot be locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The keys cannot be written or read.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The database cannot be written or read.
    #[error(transparent)]
    Storage(StorageError),
    /// The system refused.
    #[error("{} cannot be {action} ({why}): check that its folder is yours and that the disk has room; a folder that is a mount of its own cannot be replaced, so name one below it", .path.display())]
    System {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        why: std::io::Error,
    },
    /// A test stopped it here.
    #[cfg(test)]
    #[error("cut off: by a test")]
    CutOff,
}

impl RestoreError {
    pub(super) fn system(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |why| Self::System { path, action, why }
    }
}

impl From<StorageError> for RestoreError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Newer { found, known, .. } => Self::NewerDatabase { found, known },
            StorageError::NotOurs { found, .. } => Self::Unsound(found),
            StorageError::Damaged { detail, .. } => Self::Unsound(detail),
            StorageError::Refused { why, .. } => Self::Unsound(why),
            StorageError::Row { table, row, why, .. } => Self::Unsound(format!("row {row} of table {table}: {why}")),
            other @ (StorageError::Unreachable { .. }
            | StorageError::InUse { .. }
            | StorageError::Full { .. }
            | StorageError::Disk { .. }
            | StorageError::BrokenOff { .. }
            | StorageError::RollBackFirst) => Self::Storage(other),
        }
    }
}
