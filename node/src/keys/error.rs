//! Why keys cannot be used.

use std::path::{Path, PathBuf};

/// Why keys cannot be used. The operator can mend it; none of these quotes a secret.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// There are none.
    #[error("{} is missing: make an organisation with `csu init`, name its folder with --data, or restore the folder from a backup", .path.display())]
    Missing {
        /// The file or folder.
        path: PathBuf,
    },
    /// There are some already.
    #[error("{} holds the keys of an organisation already: choose another folder with --data; keys are never replaced", .folder.display())]
    Exists {
        /// The folder.
        folder: PathBuf,
    },
    /// Others may read them.
    #[error(
        "{} can be read by others (mode {found:03o}): type `chmod {wanted:o} '{}'`, and ask yourself who may have copied it",
        .path.display(), .path.display()
    )]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// Its mode.
        found: u32,
        /// The mode it should have.
        wanted: u32,
    },
    /// They are sealed, and nobody gave the passphrase.
    #[error("the keys in {} are sealed by a passphrase: type it on a terminal, name a file that holds it with --passphrase-file, or let systemd hand it over as the credential csu-passphrase", .folder.display())]
    Sealed {
        /// The folder.
        folder: PathBuf,
    },
    /// They are sealed by another passphrase.
    #[error("the passphrase does not open {}: try it again; nothing else opens it", .path.display())]
    WrongPassphrase {
        /// The file of the node key.
        path: PathBuf,
    },
    /// Something else lies among them.
    #[error("{} is no key, and the folder of keys is exchanged whole: move it elsewhere first", .path.display())]
    Stranger {
        /// The file or folder.
        path: PathBuf,
    },
    /// They are not sealed.
    #[error("the keys in {} are not sealed by a passphrase: seal them with `csu passphrase set`", .folder.display())]
    NotSealed {
        /// The folder.
        folder: PathBuf,
    },
    /// They are sealed already.
    #[error("the keys in {} are sealed already: use `csu passphrase change`", .folder.display())]
    SealedAlready {
        /// The folder.
        folder: PathBuf,
    },
    /// A file is there and cannot be understood.
    #[error("{} is damaged ({why}): restore it from a backup, or certify a new device from the recovery phrase", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file is there and has nothing in it, as after a full disk.
    #[error("{} is empty: restore it from a backup, or certify a new device from the recovery phrase", .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A file is too large to be a key.
    #[error("{} has {found} bytes, which no key file has: restore it from a backup", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        found: u64,
    },
    /// The recovery phrase is another organisation's.
    #[error("the recovery phrase is not that of the organisation whose keys are in {}: use the phrase of this one, or name another folder with --data", .folder.display())]
    OtherOrganisation {
        /// The folder.
        folder: PathBuf,
    },
    /// The system refused.
    #[error("{} cannot be {action} ({why}): check who owns it and that the disk has room", .path.display())]
    System {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        why: std::io::Error,
    },
}

impl KeysError {
    pub(super) fn damaged(path: &Path, why: &'static str) -> Self {
        Self::Damaged { path: path.to_owned(), why }
    }

    pub(super) fn system(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |why| Self::System { path, action, why }
    }
}
