//! A copy of the whole database as it is at one moment, for a backup.
//!
//! `VACUUM INTO` writes it beside the node's own writing, without what is unused: bytes of what was erased do not come along. Words
//! that the search index only marks as removed would: as long as the files are to be rewritten for an erasure, they are taken out of
//! the copy as well, and it is copied once more. The copy is as open as the database itself, so it has a name only while it is written, and none while it is read.

use super::error::{Fault, StorageError};
use super::{erasing, open, search};
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// What copies in the making are called at their begin.
const MAKING: &str = ".snapshot-";

/// A copy of the database that nobody else can open, gone when it is dropped.
#[derive(Debug)]
pub struct Snapshot {
    /// The copy, at its begin.
    pub file: File,
    /// How long it is.
    pub bytes: u64,
    /// How many documents it holds.
    pub documents: u64,
}

/// Copies the database of `folder`, beside a node that may be writing it. Needs as much room as the database has, until the copy
/// is dropped.
///
/// # Errors
/// When there is no database of this program and version, it is damaged, or there is no room. Nothing stays then.
pub fn snapshot(folder: &Path) -> Result<Snapshot, StorageError> {
    let path = folder.join(open::FILE);
    let db = open::reader(&path).map_err(|fault| fault.at(&path))?;
    open::recognise(&db, &path)?;
    let unmade = |error: &io::Error| StorageError::Unreachable { path: folder.to_owned(), why: error.to_string() };
    // Readable by its owner alone from its first byte, and removed whatever happens.
    let make = || tempfile::Builder::new().prefix(MAKING).tempfile_in(folder).map_err(|error| unmade(&error));
    let mut making = make()?;
    copy(&db, making.path()).map_err(|fault| fault.at(&path))?;
    let db = own(making.path()).map_err(|fault| fault.at(&path))?;
    // What the copy says of itself: something may have been erased since whoever asked for it looked.
    if erasing::is_rewrite_due(&db).map_err(|fault| fault.at(&path))? {
        let anew = make()?;
        search::purge(&db).and_then(|()| copy(&db, anew.path())).map_err(|fault| fault.at(&path))?;
        making = anew;
    }
    drop(db);
    let documents = count(making.path()).map_err(|fault| fault.at(&path))?;
    let file = File::open(making.path()).map_err(|error| unmade(&error))?;
    let bytes = file.metadata().map_err(|error| unmade(&error))?.len();
    making.close().map_err(|error| unmade(&error))?;
    Ok(Snapshot { file, bytes, documents })
}

fn copy(db: &Connection, to: &Path) -> Result<(), Fault> {
    let place = to.to_str().ok_or_else(|| Fault::refused("the data folder's name is no text"))?;
    db.execute("VACUUM INTO ?1", [place])?;
    Ok(())
}

/// Opens a copy that nobody else has, to write. Without a journal: nothing is made beside it, and what is half done is thrown away.
fn own(copy: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let db = Connection::open_with_flags(copy, flags)?;
    db.execute_batch("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
    Ok(db)
}

fn count(copy: &Path) -> Result<u64, Fault> {
    // Immutable: nothing is made beside it.
    let mut address = String::from("file:");
    for byte in copy.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_') {
            address.push(char::from(*byte));
        } else {
            address.push_str(&format!("%{byte:02x}"));
        }
    }
    address.push_str("?immutable=1");
    let db = Connection::open_with_flags(address, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)?;
    Ok(db.query_row("SELECT count(*) FROM document", [], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

/// Removes what a process that was killed left of a copy. Whoever calls it has the folder.
///
/// # Errors
/// When it cannot be removed.
pub fn sweep_snapshots(folder: &Path) -> Result<(), StorageError> {
    let Ok(listed) = fs::read_dir(folder) else { return Ok(()) };
    for entry in listed.flatten() {
        if entry.file_name().to_string_lossy().starts_with(MAKING) {
            let path = entry.path();
            fs::remove_file(&path).map_err(|error| StorageError::Unreachable { path, why: error.to_string() })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Listed, Options, Storage, Words};
    use super::*;
    use csu_protocol::id::{DocumentId, OrganisationId};
    use csu_protocol::time::Timestamp;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_copy_is_made_beside_the_writer_and_leaves_nothing_behind() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("odd %3f?#name");
        fs::create_dir(&folder).unwrap();
        let mut storage = Storage::open(&folder, Options::default()).unwrap().storage;
        storage.put_meta("test", "committed").unwrap();
        storage.commit().unwrap();
        storage.put_meta("test", "not committed").unwrap();
        let before = names(&folder);
        let mut made = snapshot(&folder).unwrap();
        assert_eq!(names(&folder), before);
        assert_eq!(made.documents, 0);
        let copy = tempfile::tempdir().unwrap();
        let mut out = File::create(copy.path().join(open::FILE)).unwrap();
        assert_eq!(io::copy(&mut made.file, &mut out).unwrap(), made.bytes);
        let opened = Storage::open(copy.path(), Options::default()).unwrap().storage;
        assert_eq!(opened.meta("test").unwrap().as_deref(), Some("committed"));
    }

    #[test]
    fn a_copy_made_between_an_erasure_and_the_rewriting_of_the_files_holds_no_word_of_what_was_erased() {
        let folder = tempfile::tempdir().unwrap();
        let mut storage = Storage::open(folder.path(), Options::default()).unwrap().storage;
        let document = DocumentId::new([3; 32]);
        let line = Listed {
            document,
            kind: "bulletin".into(),
            title: "Gates".into(),
            state: "issued".into(),
            marking: None,
            owner: OrganisationId::new([1; 32]),
            updated: Timestamp::default(),
            received: None,
            access: "read".into(),
            unread: false,
        };
        storage.put_listing(&line).unwrap();
        storage.put_words(&document, Some(&Words { title: "Gates".into(), text: "quillonbury".into() })).unwrap();
        storage.commit().unwrap();
        storage.put_words(&document, None).unwrap();
        storage.commit().unwrap();
        let holds = || {
            let mut bytes = Vec::new();
            io::Read::read_to_end(&mut snapshot(folder.path()).unwrap().file, &mut bytes).unwrap();
            bytes.windows(11).any(|window| window == b"quillonbury")
        };
        assert!(holds(), "the index forgets by itself: this test shows nothing");
        // As an erasure notes it in its own commit.
        storage.note_rewrite_due().unwrap();
        storage.commit().unwrap();
        let before = names(folder.path());
        assert!(!holds());
        assert_eq!(names(folder.path()), before);
        assert!(storage.is_rewrite_due().unwrap());
    }

    #[test]
    fn what_a_killed_process_left_of_a_copy_is_swept_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        Storage::open(folder.path(), Options::default()).unwrap().storage.close().unwrap();
        let before = names(folder.path());
        fs::write(folder.path().join(".snapshot-x1"), "plain").unwrap();
        sweep_snapshots(folder.path()).unwrap();
        assert_eq!(names(folder.path()), before);
    }

    #[test]
    fn a_damaged_database_gives_no_copy() {
        let folder = tempfile::tempdir().unwrap();
        Storage::open(folder.path(), Options::default()).unwrap().storage.close().unwrap();
        let path = folder.path().join(open::FILE);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[4096..middle].fill(0xa5);
        fs::write(&path, bytes).unwrap();
        assert!(matches!(snapshot(folder.path()), Err(StorageError::Damaged { .. })));
        assert!(!names(folder.path()).iter().any(|name| name.starts_with(MAKING)));
    }
}
