//! Opening a backup to look whether it could be restored.
//!
//! SQLite checks a database in files, so that for a while it lies open on the disk: in a folder that only this user may enter, is
//! removed afterwards, and is swept by the next `csu backup` or `csu restore` if this process is killed meanwhile.

use super::{RestoreError, Step, check, unpack};
use crate::backup::{BackupError, Content, Header};
use crate::keys::{DataLock, LockError};
use csu_protocol::identity::RootKey;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// What the folders are called at their begin.
const OPENED: &str = ".csu-opened-";

/// Opens a backup wholly and checks its database, as restoring it would, and keeps nothing. For that long it lies open in a
/// private folder where this computer keeps temporary files.
///
/// # Errors
/// As [`super::from_backup`].
pub fn rehearse(file: &Path, root: &RootKey, watch: &mut dyn FnMut(Step)) -> Result<Header, RestoreError> {
    rehearse_in(&std::env::temp_dir(), file, root, &mut |step| {
        watch(step);
        Ok(())
    })
}

pub(super) fn rehearse_in(
    place: &Path,
    file: &Path,
    root: &RootKey,
    watch: &mut dyn FnMut(Step) -> Result<(), RestoreError>,
) -> Result<Header, RestoreError> {
    let mut from = std::io::BufReader::new(File::open(file).map_err(BackupError::Unreadable)?);
    let content = Content::open(&mut from, root)?;
    let made = tempfile::Builder::new().prefix(OPENED).permissions(fs::Permissions::from_mode(0o700)).tempdir_in(place);
    let folder = made.map_err(RestoreError::system(place, "written to"))?;
    // Says to whoever sweeps that somebody is still at it.
    let _lock = DataLock::acquire(folder.path())?;
    let work = unpack(content, folder.path(), watch).and_then(|header| check(folder.path()).map(|()| header));
    #[cfg(test)]
    if matches!(work, Err(RestoreError::CutOff)) {
        // As if the process had been killed: nobody tidies up.
        drop(folder.keep());
    }
    work
}

/// Removes what [`rehearse`] left open on the disk if its process was killed.
pub fn sweep_opened() {
    sweep_in(&std::env::temp_dir());
}

pub(super) fn sweep_in(place: &Path) {
    let Ok(listed) = fs::read_dir(place) else { return };
    for entry in listed.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(OPENED) {
            continue;
        }
        // Others may make folders there, or links to somewhere else, and call them so.
        let path = entry.path();
        let ours = |found: &fs::Metadata| found.is_dir() && found.uid() == rustix::process::geteuid().as_raw();
        if !path.symlink_metadata().is_ok_and(|found| ours(&found)) {
            continue;
        }
        let why = match DataLock::acquire(&path) {
            Ok(_lock) => fs::remove_dir_all(&path).map_err(|error| error.to_string()),
            Err(LockError::Held { .. }) => continue,
            Err(error @ LockError::System { .. }) => Err(error.to_string()),
        };
        if let Err(error) = why {
            tracing::warn!(folder = %path.display(), error, "an opened backup is still there: remove the folder");
        }
    }
}
