//! Copies that were put back.

use super::*;

/// Takes a folder's database away as it is when it is closed.
fn closed(storage: Storage, folder: &Path) -> Vec<u8> {
    storage.close().unwrap();
    fs::read(folder.join(FILE)).unwrap()
}

#[test]
fn a_database_that_lacks_entries_of_its_folder_is_told_until_it_is_taken_up() {
    let folder = folder();
    let mut storage = open(folder.path());
    let (id, first) = document(1, 2, 100);
    first.iter().for_each(|write| storage.apply(write).unwrap());
    storage.commit().unwrap();
    let copy = closed(storage, folder.path());
    let mut storage = open(folder.path());
    document(2, 4, 100).1.iter().for_each(|write| storage.apply(write).unwrap());
    storage.commit().unwrap();
    // What is rolled back was never there.
    document(3, 4, 100).1.iter().for_each(|write| storage.apply(write).unwrap());
    storage.rollback().unwrap();
    storage.close().unwrap();
    assert_eq!(Storage::open(folder.path(), Options::default()).unwrap().put_back, None);
    fs::write(folder.path().join(FILE), &copy).unwrap();
    for _ in 0..2 {
        let opened = Storage::open(folder.path(), Options::default()).unwrap();
        assert_eq!(opened.put_back, Some(PutBack::Older(5)));
    }
    let mut opened = Storage::open(folder.path(), Options::default()).unwrap();
    opened.storage.begin_put_back(PutBack::Older(5), at(7)).unwrap();
    assert_eq!(opened.storage.start().unwrap().unreconciled, [id].into());
    drop(opened);
    let opened = Storage::open(folder.path(), Options::default()).unwrap();
    assert_eq!(opened.put_back, None);
    let note = opened.storage.put_back().unwrap().unwrap();
    assert!(note.waiting && note.seen.contains("5 entries") && note.at == 7, "{note:?}");
}

#[test]
fn a_copied_folder_is_told_and_one_that_was_restored_or_used_by_an_older_version_is_not() {
    let (original, copied) = (folder(), folder());
    let mut storage = open(original.path());
    document(1, 2, 100).1.iter().for_each(|write| storage.apply(write).unwrap());
    storage.commit().unwrap();
    storage.close().unwrap();
    for name in [FILE, "node.lock"] {
        fs::copy(original.path().join(name), copied.path().join(name)).unwrap();
    }
    let mut opened = Storage::open(copied.path(), Options::default()).unwrap();
    assert_eq!(opened.put_back, Some(PutBack::Copied));
    opened.storage.begin_recovery(&[]).unwrap();
    opened.storage.close().unwrap();
    let opened = Storage::open(copied.path(), Options::default()).unwrap();
    assert_eq!((opened.put_back, opened.storage.put_back().unwrap()), (None, None));
    drop(opened);
    // An older version left no mark, and garbage is none.
    for left in ["", "garbage and more garbage"] {
        let mut storage = open(original.path());
        storage.write(|db| Ok(db.execute("DELETE FROM meta WHERE name = 'folder-made'", [])?)).unwrap();
        storage.commit().unwrap();
        storage.close().unwrap();
        fs::write(original.path().join("node.lock"), left).unwrap();
        assert_eq!(Storage::open(original.path(), Options::default()).unwrap().put_back, None, "{left}");
    }
}
