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

/// Makes `folder` in `data` with these files: whole, or not at all.
pub(super) fn write_folder(data: &Path, folder: &Path, files: &[Draft<'_>]) -> Result<(), KeysError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(KeysError::system(data, "made"))?;
    let making = tempfile::Builder::new()
        .prefix(".keys-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(data)
        .map_err(KeysError::system(data, "written to"))?;
    for (name, format, lines) in files {
        let mut content = Zeroizing::new(String::new());
        for line in lines {
            content.push_str(line);
            content.push('\n');
        }
        let text = Zeroizing::new(format!("{format}\n{}{}\n", *content, checksum(&content)));
        let path = making.path().join(name);
        write_new_private(&path, text.as_bytes()).map_err(KeysError::system(&path, "written"))?;
    }
    sync_folder_of(data).map_err(KeysError::system(data, "written to"))?;
    // Renaming fails if a folder with anything in it has appeared there meanwhile.
    fs::rename(making.path(), folder).map_err(KeysError::system(folder, "put in place"))?;
    sync_folder_of(folder).map_err(KeysError::system(data, "written to"))
}
