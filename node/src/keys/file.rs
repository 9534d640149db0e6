//! Small private text files: a line that names the format, lines of content, a checksum.

use super::KeysError;
use csu_protocol::id::Hash;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use zeroize::Zeroizing;

/// The largest key file that is read: room for a thousand generations of cards.
const FILE_BYTES: u64 = 64 * 1024;

fn mode(metadata: &fs::Metadata) -> u32 {
    metadata.permissions().mode() & 0o777
}

fn missing_or(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> KeysError {
    let path = path.to_owned();
    move |why| {
        if why.kind() == ErrorKind::NotFound { KeysError::Missing { path } } else { KeysError::System { path, action, why } }
    }
}

/// Refuses a folder that others may look into.
pub(super) fn check_folder(folder: &Path) -> Result<(), KeysError> {
    let metadata = fs::metadata(folder).map_err(missing_or(folder, "read"))?;
    if !metadata.is_dir() {
        return Err(KeysError::damaged(folder, "it is no folder"));
    }
    if mode(&metadata) & 0o077 != 0 {
        return Err(KeysError::Exposed { path: folder.to_owned(), found: mode(&metadata), wanted: 0o700 });
    }
    Ok(())
}

fn checksum(body: &str) -> String {
    Hash::of(body.as_bytes()).short()
}

/// The lines between the format and the checksum.
pub(super) fn read(path: &Path, format: &str) -> Result<Vec<Zeroizing<String>>, KeysError> {
    let file = File::open(path).map_err(missing_or(path, "read"))?;
    let metadata = file.metadata().map_err(KeysError::system(path, "read"))?;
    if !metadata.is_file() {
        return Err(KeysError::damaged(path, "it is no file"));
    }
    if mode(&metadata) & 0o077 != 0 {
        return Err(KeysError::Exposed { path: path.to_owned(), found: mode(&metadata), wanted: 0o600 });
    }
    match metadata.len() {
        0 => return Err(KeysError::Empty { path: path.to_owned() }),
        found if found > FILE_BYTES => return Err(KeysError::TooLarge { path: path.to_owned(), found }),
        _ => {}
    }
    let mut text = Zeroizing::new(String::new());
    match file.take(FILE_BYTES).read_to_string(&mut text) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::InvalidData => return Err(KeysError::damaged(path, "it is no text")),
        Err(error) => return Err(KeysError::system(path, "read")(error)),
    }
    let body = text.strip_prefix(format).and_then(|rest| rest.strip_prefix('\n'));
    let body = body.ok_or_else(|| KeysError::damaged(path, "its first line is not that of this kind of file"))?;
    let sum = body.trim_end().rsplit('\n').next().unwrap_or_default();
    let content = body.trim_end().strip_suffix(sum).unwrap_or_default();
    if sum != checksum(content) {
        return Err(KeysError::damaged(path, "its checksum does not fit"));
    }
    Ok(content.lines().map(|line| Zeroizing::new(line.to_owned())).collect())
}

/// Writes a file that did not exist, readable by its owner alone, and waits until it is on disk.
///
/// # Errors
/// When the file exists, or cannot be written; nothing stays then.
pub fn write_new_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let written = file.write_all(content).and_then(|()| file.sync_all()).and_then(|()| sync_folder_of(path));
    if written.is_err() {
        // Best effort: the first error is the one to report.
        fs::remove_file(path).ok();
    }
    written
}

fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// A file to be: its name, its format, its lines.
pub(super) type Draft<'a> = (&'a str, &'a str, Vec<Zeroizing<String>>);

/// What folders in the making are called at their begin.
const MAKING: &str = ".keys-";

fn text(format: &str, lines: &[Zeroizing<String>]) -> Zeroizing<String> {
    let mut content = Zeroizing::new(String::new());
    for line in lines {
        content.push_str(line);
        content.push('\n');
    }
    Zeroizing::new(format!("{format}\n{}{}\n", *content, checksum(&content)))
}

/// A folder with these files, on disk, beside its place.
fn make_folder(data: &Path, files: &[Draft<'_>]) -> Result<tempfile::TempDir, KeysError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(KeysError::system(data, "made"))?;
    let making = tempfile::Builder::new()
        .prefix(MAKING)
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(data)
        .map_err(KeysError::system(data, "written to"))?;
    for (name, format, lines) in files {
        let path = making.path().join(name);
        write_new_private(&path, text(format, lines).as_bytes()).map_err(KeysError::system(&path, "written"))?;
    }
    sync_folder_of(data).map_err(KeysError::system(data, "written to"))?;
    Ok(making)
}

/// Makes `folder` in `data` with these files: whole, or not at all.
pub(super) fn write_folder(data: &Path, folder: &Path, files: &[Draft<'_>]) -> Result<(), KeysError> {
    let making = make_folder(data, files)?;
    // Renaming fails if a folder with anything in it has appeared there meanwhile.
    fs::rename(making.path(), folder).map_err(KeysError::system(folder, "put in place"))?;
    sync_folder_of(folder).map_err(KeysError::system(data, "written to"))
}

/// Puts these files into the place of `folder` in one step, and destroys those that were there.
pub(super) fn exchange_folder(data: &Path, folder: &Path, files: &[Draft<'_>]) -> Result<(), KeysError> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let making = make_folder(data, files)?;
    renameat_with(CWD, making.path(), CWD, folder, RenameFlags::EXCHANGE)
        .map_err(|error| KeysError::system(folder, "exchanged")(error.into()))?;
    sync_folder_of(folder).map_err(KeysError::system(data, "written to"))?;
    destroy(making.path())
}

/// Puts a file into the place of another in one step.
pub(super) fn replace_file(path: &Path, format: &str, lines: &[Zeroizing<String>]) -> Result<(), KeysError> {
    let beside = path.with_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(KeysError::system(&beside, "removed")(error)),
        // What a step that was interrupted left.
        Ok(()) | Err(_) => {}
    }
    write_new_private(&beside, text(format, lines).as_bytes()).map_err(KeysError::system(&beside, "written"))?;
    fs::rename(&beside, path).map_err(KeysError::system(path, "put in place"))?;
    sync_folder_of(path).map_err(KeysError::system(path, "written"))
}

/// Something in a folder that has none of these names.
pub(super) fn other_than(folder: &Path, names: &[&str]) -> Result<Option<std::path::PathBuf>, KeysError> {
    let listed: Result<Vec<_>, _> = fs::read_dir(folder).and_then(Iterator::collect);
    let listed = listed.map_err(KeysError::system(folder, "read"))?;
    Ok(listed.iter().find(|entry| !names.iter().any(|name| entry.file_name() == *name)).map(fs::DirEntry::path))
}

/// Overwrites what is in a folder and removes it. A disk that writes elsewhere than it is told keeps the old bytes.
pub(super) fn destroy(folder: &Path) -> Result<(), KeysError> {
    let listed = fs::read_dir(folder).map_err(KeysError::system(folder, "read"))?;
    for entry in listed {
        let path = entry.map_err(KeysError::system(folder, "read"))?.path();
        let overwrite = || {
            let mut file = OpenOptions::new().write(true).open(&path)?;
            let length = usize::try_from(file.metadata()?.len().min(FILE_BYTES)).unwrap_or(0);
            file.write_all(&vec![0; length])?;
            file.sync_all()
        };
        overwrite().and_then(|()| fs::remove_file(&path)).map_err(KeysError::system(&path, "destroyed"))?;
    }
    fs::remove_dir(folder).map_err(KeysError::system(folder, "removed"))
}

/// Destroys what an interrupted exchange left: the keys as they were before, or those that were never put in place.
pub(super) fn sweep(data: &Path) -> Result<(), KeysError> {
    let Ok(listed) = fs::read_dir(data) else { return Ok(()) };
    for entry in listed.flatten() {
        if entry.file_name().to_string_lossy().starts_with(MAKING) && entry.path().is_dir() {
            destroy(&entry.path())?;
        }
    }
    Ok(())
}
