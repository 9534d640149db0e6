//! One process at a time works on a data folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Why a data folder cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("another csu works on {} ({}): stop it first, or name another folder with --data", .data.display(), .holder.map_or_else(|| "its process is not known".to_owned(), |pid| format!("process {pid}")))]
    Held {
        /// The folder.
        data: PathBuf,
        /// The other's process id, if it could be read.
        holder: Option<u32>,
    },
    /// The system refused.
    #[error("{} cannot be locked ({why}): check that the folder is there and yours", .path.display())]
    System {
        /// The lock's file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
}

/// Holds a data folder until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataLock {
    /// Takes the folder.
    ///
    /// # Errors
    /// When another process has it, or there is no such folder.
    pub fn acquire(data: &Path) -> Result<Self, LockError> {
        let path = data.join("lock");
        let system = |why| LockError::System { path: path.clone(), why };
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(system)?;
        // Whoever only looks who has it ([`DataLock::held_by`]) has it for a moment.
        let mut outcome = file.try_lock();
        for _ in 0..3 {
            if matches!(outcome, Err(TryLockError::WouldBlock)) {
                std::thread::sleep(std::time::Duration::from_millis(20));
                outcome = file.try_lock();
            }
        }
        match outcome {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held { data: data.to_owned(), holder: holder(&mut file) }),
            Err(TryLockError::Error(why)) => return Err(system(why)),
        }
        let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(system)?;
        Ok(Self { _file: file })
    }

    /// The process that has the folder, if one does; nothing is taken.
    ///
    /// # Errors
    /// When the lock's file cannot be read.
    pub fn held_by(data: &Path) -> Result<Option<Option<u32>>, LockError> {
        let path = data.join("lock");
        let system = |why| LockError::System { path: path.clone(), why };
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(why) => return Err(system(why)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(holder(&mut file))),
            Err(TryLockError::Error(why)) => Err(system(why)),
        }
    }
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_taken_once_and_the_other_is_named() {
        let data = tempfile::tempdir().unwrap();
        assert!(DataLock::held_by(data.path()).unwrap().is_none());
        let lock = DataLock::acquire(data.path()).unwrap();
        let Err(LockError::Held { holder, .. }) = DataLock::acquire(data.path()) else { panic!("taken twice") };
        assert_eq!(holder, Some(std::process::id()));
        assert_eq!(DataLock::held_by(data.path()).unwrap(), Some(Some(std::process::id())));
        drop(lock);
        assert!(DataLock::held_by(data.path()).unwrap().is_none());
        DataLock::acquire(data.path()).unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there_is_not_made() {
        let data = tempfile::tempdir().unwrap();
        assert!(matches!(DataLock::acquire(&data.path().join("none")), Err(LockError::System { .. })));
    }
}
