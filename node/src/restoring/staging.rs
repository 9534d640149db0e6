//! The folder beside its place in which a data folder is put together.

use super::RestoreError;
use crate::config;
use crate::keys::{DataLock, Keys, LockError};
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What an operator may have put into a data folder before there is an organisation, and a lock.
const HARMLESS: [&str; 2] = [config::FILE, "lock"];

/// A data folder in the making. Dropped before it is put in place, it is destroyed.
#[derive(Debug)]
pub(super) struct Staging {
    place: PathBuf,
    folder: PathBuf,
    lock: Option<DataLock>,
}

impl Staging {
    /// Begins anew beside `data`, which must not be there, or be empty but for settings. What an interrupted restore left is
    /// destroyed.
    pub(super) fn begin(data: &Path) -> Result<Self, RestoreError> {
        refuse_occupied(data)?;
        let (parent, folder) = beside(data)?;
        DirBuilder::new().recursive(true).mode(0o700).create(&parent).map_err(RestoreError::system(&parent, "made"))?;
        if folder.symlink_metadata().is_ok() {
            // Whoever is still at it has its lock.
            let _theirs = lock(data, &folder)?;
            destroy(&folder)?;
        }
        DirBuilder::new().mode(0o700).create(&folder).map_err(RestoreError::system(&folder, "made"))?;
        let lock = lock(data, &folder)?;
        Ok(Self { place: data.to_owned(), folder, lock: Some(lock) })
    }

    /// Where it is for now.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Moves it into its place in one step, and hands over its lock. Settings that an operator put there stay in force.
    pub(super) fn settle(mut self) -> Result<DataLock, RestoreError> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        refuse_occupied(&self.place)?;
        let system = |action| RestoreError::system(&self.place, action);
        let (settings, own) = (self.place.join(config::FILE), self.folder.join(config::FILE));
        if settings.symlink_metadata().is_ok() {
            fs::copy(&settings, &own).and_then(|_| File::open(&own)?.sync_all()).map_err(RestoreError::system(&own, "written"))?;
        }
        sync(&self.folder).map_err(system("put in place"))?;
        if HARMLESS.iter().any(|name| self.place.join(name).symlink_metadata().is_ok()) {
            let exchanged = renameat_with(CWD, &self.folder, CWD, &self.place, RenameFlags::EXCHANGE);
            exchanged.map_err(|error| system("put in place")(error.into()))?;
            for name in HARMLESS {
                fs::remove_file(self.folder.join(name)).ok();
            }
            fs::remove_dir(&self.folder).ok();
        } else {
            // In the place of an empty folder or none; refuses if something has appeared there meanwhile.
            fs::rename(&self.folder, &self.place).map_err(system("put in place"))?;
        }
        let lock = self.lock.take();
        if let Some(Err(error)) = self.place.parent().map(sync) {
            tracing::warn!(%error, "the restored folder is in place, but not known to be on the disk yet");
        }
        lock.ok_or_else(|| RestoreError::AtWork { data: self.place.clone() })
    }
}

#[cfg(test)]
impl Staging {
    /// Leaves everything as a process does that is killed.
    pub(super) fn abandon(mut self) {
        self.lock = None;
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Without its lock it is in place.
        if self.lock.is_some()
            && let Err(error) = destroy(&self.folder)
        {
            tracing::warn!(%error, "what was begun of a restore is still there; the next one removes it");
        }
    }
}

/// The folder that holds `data`, and the one beside it.
fn beside(data: &Path) -> Result<(PathBuf, PathBuf), RestoreError> {
    let no_place = || RestoreError::NoPlace { data: data.to_owned() };
    let mut name = OsString::from(".");
    name.push(data.file_name().ok_or_else(no_place)?);
    name.push(".restoring");
    let parent = data.parent().ok_or_else(no_place)?;
    Ok((parent.to_owned(), parent.join(name)))
}

pub(super) fn refuse_occupied(data: &Path) -> Result<(), RestoreError> {
    if Keys::exist(data) {
        return Err(RestoreError::Exists { data: data.to_owned() });
    }
    let listed = match fs::read_dir(data) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(RestoreError::system(data, "read")(error)),
    };
    for entry in listed {
        let name = entry.map_err(RestoreError::system(data, "read"))?.file_name();
        if !HARMLESS.iter().any(|harmless| name == *harmless) {
            return Err(RestoreError::NotEmpty { data: data.to_owned(), found: name.to_string_lossy().into_owned() });
        }
    }
    Ok(())
}

fn lock(data: &Path, folder: &Path) -> Result<DataLock, RestoreError> {
    DataLock::acquire(folder).map_err(|error| match error {
        LockError::Held { .. } => RestoreError::AtWork { data: data.to_owned() },
        system @ LockError::System { .. } => system.into(),
    })
}

/// Removes what an interrupted restore left beside a data folder that is in place, if it can.
pub(super) fn sweep(data: &Path) {
    let Ok((_, folder)) = beside(data) else { return };
    if folder.symlink_metadata().is_ok() {
        let swept = lock(data, &folder).and_then(|_lock| destroy(&folder));
        if let Err(error) = swept {
            tracing::warn!(%error, "what an interrupted restore left is still there");
        }
    }
}

/// Keys are overwritten first; a disk that writes elsewhere than it is told keeps the old bytes.
fn destroy(folder: &Path) -> Result<(), RestoreError> {
    Keys::destroy(folder)?;
    fs::remove_dir_all(folder).map_err(RestoreError::system(folder, "removed"))
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// A new file that only its owner reads.
pub(super) fn new_file(path: &Path) -> Result<File, RestoreError> {
    let made = fs::OpenOptions::new().write(true).create_new(true).open(path);
    let made = made.and_then(|file| file.set_permissions(fs::Permissions::from_mode(0o600)).map(|()| file));
    made.map_err(RestoreError::system(path, "written"))
}
