//! What can go wrong with the database, and what its operator does about it.

use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_READONLY_ROLLBACK;
use rusqlite::types::FromSqlError;
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// Why storage could not do what was asked. The node's own disk, folder or database is to blame,
/// except where a variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// A newer csu wrote the database.
    #[error(
        "the database {path} has version {found}, and this csu knows versions up to {known}: \
         run the newer csu that wrote it, or restore the backup made before the upgrade"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// The file is something else, or its beginning was overwritten.
    #[error("{path} is not a database of csu ({found}): move it away and restore the folder from a backup, or give another folder")]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// What it seems to be.
        found: String,
    },
    /// The database is damaged.
    #[error(
        "the database {path} is damaged ({detail}): run `csu doctor`, copy the folder away, and restore a backup; \
         without one the recovery phrase brings back what neighbours still hold"
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What SQLite or the check found.
        detail: String,
    },
    /// A row does not say anything that this program could have written.
    #[error(
        "row {row} of table {table} in the database {path} cannot be read: {why}. Run `csu doctor`, copy the folder away, and \
         restore a backup; without one the recovery phrase brings back what neighbours still hold"
    )]
    Row {
        /// The database.
        path: PathBuf,
        /// Which table.
        table: &'static str,
        /// Which row, by its number.
        row: i64,
        /// What is wrong with it.
        why: String,
    },
    /// The operating system lets this program not at the database.
    #[error(
        "the database {path} cannot be opened ({why}): check that the folder exists and that it and its files belong to the user csu runs as"
    )]
    Unreachable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// A process ended while it wrote the whole file anew, which only a writer can take back.
    #[error("csu ended while it brought the database {path} to its version: start the node, which takes that back and does it again")]
    BrokenOff {
        /// The database.
        path: PathBuf,
    },
    /// Another process has it.
    #[error("the database {path} is in use by another csu: stop that one, or use its socket by running commands beside it")]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// There is no room. Nothing of the group of writes is kept once it is rolled back.
    #[error(
        "no room is left for the database {path} (it has {bytes} bytes): free space on its disk and try again; nothing of this step was kept"
    )]
    Full {
        /// The database.
        path: PathBuf,
        /// How large it is, in bytes, without its log.
        bytes: u64,
    },
    /// The disk failed.
    #[error("reading or writing the database {path} failed ({detail}): check the disk and the system's log, then start csu again")]
    Disk {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        detail: String,
    },
    /// A write of this group failed before, so the group must not be committed. The caller is to blame.
    #[error("an earlier write of this group failed: roll it back before anything else is written")]
    RollBackFirst,
    /// What was to be written makes no sense. The program is to blame.
    #[error("a record was not written to the database {path}: {why}. This is a fault of csu: please report it")]
    Refused {
        /// The database.
        path: PathBuf,
        /// What is wrong with the record.
        why: String,
    },
}

/// What went wrong, before it is known in which file.
#[derive(Debug)]
pub(super) enum Fault {
    /// SQLite failed.
    Sql(rusqlite::Error),
    /// A row does not decode.
    Row { table: &'static str, row: i64, why: String },
    /// The database holds what this program never wrote.
    Foreign(String),
    /// The caller gave something that must not be written.
    Refused(String),
}

impl Fault {
    /// A record that must not be written, because of `why`.
    pub(super) fn refused(why: impl Display) -> Self {
        Self::Refused(why.to_string())
    }

    /// What it means to the operator of the database at `path`.
    pub(super) fn at(self, path: &Path) -> StorageError {
        let path = path.to_owned();
        match self {
            Self::Row { table, row, why } => StorageError::Row { path, table, row, why },
            Self::Foreign(detail) => StorageError::Damaged { path, detail },
            Self::Refused(why) => StorageError::Refused { path, why },
            Self::Sql(error) => sql(error, path),
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<FromSqlError> for Fault {
    fn from(error: FromSqlError) -> Self {
        Self::Sql(error.into())
    }
}

fn sql(error: rusqlite::Error, path: PathBuf) -> StorageError {
    let detail = error.to_string();
    let Some(code) = error.sqlite_error_code() else {
        return StorageError::Refused { path, why: detail };
    };
    match code {
        ErrorCode::DiskFull => {
            let bytes = std::fs::metadata(&path).map_or(0, |file| file.len());
            StorageError::Full { path, bytes }
        }
        ErrorCode::DatabaseCorrupt => StorageError::Damaged { path, detail },
        ErrorCode::NotADatabase => StorageError::NotOurs { path, found: detail },
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StorageError::InUse { path },
        ErrorCode::ReadOnly if error.sqlite_error().is_some_and(|error| error.extended_code == SQLITE_READONLY_ROLLBACK) => {
            StorageError::BrokenOff { path }
        }
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::NoLargeFileSupport => {
            StorageError::Unreachable { path, why: detail }
        }
        ErrorCode::ConstraintViolation
        | ErrorCode::TypeMismatch
        | ErrorCode::TooBig
        | ErrorCode::ApiMisuse
        | ErrorCode::ParameterOutOfRange
        | ErrorCode::Unknown => StorageError::Refused { path, why: detail },
        ErrorCode::SystemIoFailure
        | ErrorCode::OutOfMemory
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::InternalMalfunction
        | ErrorCode::OperationAborted
        | ErrorCode::OperationInterrupted
        | ErrorCode::NotFound
        | ErrorCode::SchemaChanged
        | ErrorCode::AuthorizationForStatementDenied
        | _ => StorageError::Disk { path, detail },
    }
}
