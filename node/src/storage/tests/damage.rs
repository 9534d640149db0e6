//! Files that are damaged, foreign, newer, out of reach, in use, or on a full disk.

use super::*;

#[test]
fn a_full_disk_costs_the_group_and_nothing_more() {
    let folder = folder();
    let mut storage = Storage::open(folder.path(), Options { max_pages: Some(80) }).unwrap().storage;
    let ((kept, first), (lost, second)) = (document(1, 2, 100), document(2, 3, 250_000));
    first.iter().for_each(|write| storage.apply(write).unwrap());
    storage.commit().unwrap();

    let error = second.iter().find_map(|write| storage.apply(write).err()).unwrap();
    assert!(matches!(&error, StorageError::Full { bytes, .. } if *bytes > 0), "{error}");
    assert!(error.to_string().contains("free space"), "{error}");
    // Nothing slips in behind the failure, and no half of the group is committed.
    assert!(matches!(storage.apply(&first[0]), Err(StorageError::RollBackFirst)));
    assert!(matches!(storage.commit(), Err(StorageError::RollBackFirst)));
    storage.rollback().unwrap();
    assert!(storage.start().unwrap().documents.keys().eq([&kept]));
    assert_eq!(storage.document(&kept).unwrap().len(), 3);
    assert!(storage.document(&lost).unwrap().is_empty());

    storage.put_meta("sequence", "8").unwrap();
    storage.commit().unwrap();
    storage.close().unwrap();
    let storage = open(folder.path());
    assert!(storage.start().unwrap().documents.keys().eq([&kept]));
    assert_eq!(storage.meta("sequence").unwrap().as_deref(), Some("8"));
}

#[test]
fn a_newer_database_is_refused_untouched_naming_both_versions_and_the_remedy() {
    let folder = folder();
    open(folder.path()).close().unwrap();
    let file = folder.path().join("node.sqlite");
    let newer = open::VERSION + 1;
    Connection::open(&file).unwrap().pragma_update(None, "user_version", newer).unwrap();
    let before = fs::read(&file).unwrap();
    let error = Storage::open(folder.path(), Options::default()).unwrap_err();
    assert!(matches!(error, StorageError::Newer { found, known: open::VERSION, .. } if found == newer), "{error}");
    let text = error.to_string();
    assert!(
        text.contains(&format!("version {newer}")) && text.contains(&format!("up to {}", open::VERSION)) && text.contains("newer csu"),
        "{text}"
    );
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn what_is_no_database_of_ours_is_refused_and_left_alone() {
    let folder = folder();
    let file = folder.path().join("node.sqlite");
    let garbage = "Dear Sir or Madam, ".repeat(500);
    fs::write(&file, &garbage).unwrap();
    let refused = || Storage::open(folder.path(), Options::default()).unwrap_err();
    assert!(matches!(refused(), StorageError::NotOurs { .. }));
    assert!(matches!(check_now(folder.path()), Err(StorageError::NotOurs { .. })));
    assert_eq!(fs::read_to_string(&file).unwrap(), garbage);

    fs::remove_file(&file).unwrap();
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE sheep (name TEXT)").unwrap();
    let error = refused();
    assert!(matches!(&error, StorageError::NotOurs { found, .. } if found.contains("another program")), "{error}");
}

#[test]
fn a_database_out_of_reach_is_an_error_that_says_where() {
    let folder = folder();
    let missing = folder.path().join("nowhere");
    assert!(matches!(Storage::open(&missing, Options::default()), Err(StorageError::Unreachable { .. })));
    assert!(matches!(check_now(&missing), Err(StorageError::Unreachable { .. })));
    fs::create_dir(folder.path().join("node.sqlite")).unwrap();
    let error = Storage::open(folder.path(), Options::default()).unwrap_err();
    assert!(matches!(error, StorageError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("node.sqlite"), "{error}");
}

#[test]
fn a_second_writer_is_kept_out() {
    let folder = folder();
    let storage = open(folder.path());
    assert!(matches!(Storage::open(folder.path(), Options::default()), Err(StorageError::InUse { .. })));
    drop(storage);
    open(folder.path());
}

#[test]
fn a_truncated_database_is_noticed() {
    let folder = folder();
    let mut storage = open(folder.path());
    document(1, 5, 50_000).1.iter().for_each(|write| storage.apply(write).unwrap());
    storage.commit().unwrap();
    storage.close().unwrap();
    let file = fs::OpenOptions::new().write(true).open(folder.path().join("node.sqlite")).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2 / 4096 * 4096).unwrap();
    assert!(!check_now(folder.path()).unwrap().is_empty());
}

#[test]
fn rot_inside_an_entry_is_found_by_the_check_and_when_it_is_read() {
    let folder = folder();
    let mut storage = open(folder.path());
    let (id, writes) = document(1, 2, 10);
    writes.iter().for_each(|write| storage.apply(write).unwrap());
    storage.apply(&Write::Card { card: card(0), brought_by: None }).unwrap();
    storage.commit().unwrap();
    storage.close().unwrap();
    let db = Connection::open(folder.path().join("node.sqlite")).unwrap();
    db.execute_batch(
        "UPDATE entry SET wraps = x'00' WHERE key = 3; UPDATE entry SET header = zeroblob(length(header)) WHERE key = 2;
         UPDATE card SET signature = zeroblob(64);",
    )
    .unwrap();
    db.close().unwrap();
    let findings = check_now(folder.path()).unwrap();
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(findings[0].contains("row 2") && findings[0].contains("header"), "{findings:?}");
    assert!(findings[1].contains("row 3") && findings[1].contains("wrapped keys"), "{findings:?}");
    let storage = open(folder.path());
    let error = storage.document(&id).unwrap_err().to_string();
    assert!(error.contains("row 2 of table entry") && error.contains("csu doctor"), "{error}");
    assert!(matches!(storage.start(), Err(StorageError::Row { table: "card", row: 1, .. })));
}

#[test]
fn the_check_finds_an_entry_without_its_document() {
    let folder = folder();
    let mut storage = open(folder.path());
    document(1, 0, 0).1.iter().for_each(|write| storage.apply(write).unwrap());
    storage.commit().unwrap();
    storage.close().unwrap();
    let db = Connection::open(folder.path().join("node.sqlite")).unwrap();
    db.execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM document").unwrap();
    db.close().unwrap();
    assert_eq!(check_now(folder.path()).unwrap(), ["row 1 of table entry names a row of table document that is not there"]);
}

#[test]
fn the_check_runs_beside_the_writer() {
    let folder = folder();
    let mut storage = open(folder.path());
    for nonce in 0..20 {
        document(nonce, 30, 10).1.iter().for_each(|write| storage.apply(write).unwrap());
        if nonce == 9 {
            storage.commit().unwrap();
            let path = folder.path().to_owned();
            let check = std::thread::spawn(move || check_now(&path));
            document(100, 30, 10).1.iter().for_each(|write| storage.apply(write).unwrap());
            storage.commit().unwrap();
            assert!(check.join().unwrap().unwrap().is_empty());
        }
    }
    storage.commit().unwrap();
    assert_eq!(storage.counts().unwrap().documents, 21);
}

#[test]
fn files_belong_to_their_owner_alone_even_if_they_were_open_to_others() {
    let folder = folder();
    let modes = || {
        let mut modes: Vec<(String, u32)> = fs::read_dir(folder.path())
            .unwrap()
            .map(|file| file.unwrap())
            .map(|file| (file.file_name().into_string().unwrap(), file.metadata().unwrap().permissions().mode() & 0o777))
            .collect();
        modes.sort();
        modes
    };
    let mut storage = open(folder.path());
    storage.put_meta("a", "b").unwrap();
    storage.commit().unwrap();
    let expected = ["node.lock", "node.sqlite", "node.sqlite-shm", "node.sqlite-wal"].map(|name| (name.to_owned(), 0o600));
    assert_eq!(modes(), expected);
    drop(storage);
    fs::set_permissions(folder.path().join("node.sqlite"), fs::Permissions::from_mode(0o644)).unwrap();
    let _storage = open(folder.path());
    assert_eq!(modes(), expected);
}

#[test]
fn the_check_finds_pages_that_are_lost_and_entries_that_stand_beyond_its_first_step() {
    let folder = folder();
    let mut storage = open(folder.path());
    document(1, 299, 10).1.iter().for_each(|write| storage.apply(write).unwrap());
    storage.commit().unwrap();
    storage.close().unwrap();
    let db = Connection::open(folder.path().join("node.sqlite")).unwrap();
    db.execute_batch("UPDATE entry SET payload = x'00' WHERE key = 300").unwrap();
    db.execute_batch("PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'log_by_time'").unwrap();
    db.close().unwrap();
    let findings = check_now(folder.path()).unwrap();
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(findings[0].contains("never used"), "{findings:?}");
    assert!(findings[1].contains("row 300") && findings[1].contains("payload"), "{findings:?}");
}
