//! Why a backup cannot be written or read.

use crate::keys::KeysError;
use crate::storage::StorageError;
use std::path::PathBuf;

/// Why a backup cannot be written or read. Each says what to do; none quotes what is sealed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It does not begin as a backup does.
    #[error("this file is no backup of csu: name one that `csu backup` wrote")]
    NotABackup,
    /// A newer csu wrote it.
    #[error(
        "this backup has version {found} of the format, and this csu knows versions up to {known}: use the csu that wrote it, or a newer one"
    )]
    Newer {
        /// Its version.
        found: u32,
        /// The newest version this program knows.
        known: u32,
    },
    /// It ends too early.
    #[error("this backup is cut off: copy it again from where it was kept, or use another one")]
    CutOff,
    /// It is not as it was written.
    #[error("this backup is damaged ({0}): copy it again from where it was kept, or use another one")]
    Damaged(&'static str),
    /// It is another organisation's.
    #[error("this backup is of {found}, fingerprint {organisation}, and not of {wanted}: name one of this organisation")]
    Foreign {
        /// The name on its card.
        found: String,
        /// Its organisation.
        organisation: String,
        /// Whose it should be.
        wanted: String,
    },
    /// The phrase is another organisation's.
    #[error(
        "the recovery phrase is not that of {name}, whose backup this is: use the phrase of {name}, or the backup of your organisation"
    )]
    WrongPhrase {
        /// The name on the backup's card.
        name: String,
    },
    /// What is sealed in it does not open, although the phrase is right and the file is whole.
    #[error(
        "this backup was not sealed for its organisation's recovery key: use another one, and ask who could write with the device's key"
    )]
    Unopened,
    /// The file cannot be read.
    #[error("the backup cannot be read ({0}): check its name, and that you may read it")]
    Unreadable(std::io::Error),
    /// What it is written to takes no more.
    #[error("the backup cannot be written ({0}): make room, or name another file")]
    Unwritten(std::io::Error),
    /// The settings cannot be read, or not be taken along.
    #[error("csu.toml cannot be put into the backup ({0}): check that it is yours, and shorter than 64 KiB")]
    Settings(std::io::Error),
    /// The node does not know what to seal it for.
    #[error(
        "this node was set up before there were backups, and does not know the key that they are sealed for: run `csu backup --set-key` once, with the recovery phrase at hand"
    )]
    NoRecoveryKey,
    /// The key that it would be sealed for cannot be used.
    #[error("the key that backups are sealed for cannot be used ({} {why}): set it anew with `csu backup --set-key`, with the recovery phrase at hand", .path.display())]
    RecoveryKey {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The keys cannot be read.
    #[error(transparent)]
    Keys(KeysError),
    /// The system gives no randomness.
    #[error("the system gives no random numbers ({0}): restart the computer and try again")]
    Entropy(getrandom::Error),
    /// The database cannot be copied.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<KeysError> for BackupError {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::Damaged { path, why } => Self::RecoveryKey { path, why: format!("is damaged, as {why}") },
            KeysError::Empty { path } => Self::RecoveryKey { path, why: "is empty".to_owned() },
            KeysError::TooLarge { path, .. } => Self::RecoveryKey { path, why: "is too large".to_owned() },
            other @ (KeysError::Missing { .. }
            | KeysError::Exists { .. }
            | KeysError::Exposed { .. }
            | KeysError::Sealed { .. }
            | KeysError::WrongPassphrase { .. }
            | KeysError::Stranger { .. }
            | KeysError::NotSealed { .. }
            | KeysError::SealedAlready { .. }
            | KeysError::OtherOrganisation { .. }
            | KeysError::System { .. }) => Self::Keys(other),
        }
    }
}
