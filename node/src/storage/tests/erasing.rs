//! What is destroyed is gone from the files.

use super::*;
use csu_protocol::entry::Plane;

/// The documents, by their nonces, of which parts or a title are anywhere in the files. Parts are one byte again and again; a genesis
/// holds 16 such bytes in a row, by which nobody is found.
fn left(folder: &Path) -> BTreeSet<u8> {
    let mut left = BTreeSet::new();
    for file in fs::read_dir(folder).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        left.extend(bytes.chunk_by(|one, next| one == next).filter(|run| run.len() >= 24).map(|run| run[0]));
        let titles = bytes.split(|byte| *byte == b'<').filter_map(|text| text.strip_prefix(b"Title-")?.get(..3));
        left.extend(titles.filter_map(|nonce| std::str::from_utf8(nonce).ok()?.parse::<u8>().ok()));
    }
    left
}

fn title(nonce: u8) -> String {
    format!("<Title-{nonce:03}>")
}

fn line(document: DocumentId, title: String, updated: u64) -> Listed {
    Listed {
        document,
        kind: "bulletin".to_owned(),
        title,
        state: "issued".to_owned(),
        marking: None,
        owner: organisation(1),
        updated: at(updated),
        received: None,
        access: "owner".to_owned(),
        unread: false,
    }
}

fn destroy(storage: &mut Storage, document: DocumentId) {
    storage.apply(&Write::ContentDestroyed { document, at: at(9_000) }).unwrap();
    storage.empty_drafts(&document, at(9_000)).unwrap();
    storage.put_listing(&line(document, String::new(), 9_000)).unwrap();
    storage.commit().unwrap();
}

fn draft_on(document: DocumentId, words: &str) -> DraftContent {
    DraftContent {
        kind: "bulletin".to_owned(),
        document: Some(document),
        fields: json!({ "note": words }).as_object().unwrap().clone(),
        marking: None,
        audience: Vec::new(),
        circles: Vec::new(),
        base: Vec::new(),
        person: Some("Ottoline".to_owned()),
    }
}

#[test]
fn whichever_documents_are_destroyed_nothing_of_them_is_left_in_any_file_and_the_rest_stays() {
    let folder = folder();
    let mut storage = open(folder.path());
    // Large and small parts side by side, so that rows move between pages whenever some of them shrink.
    let nonces: Vec<u8> = (100..160).collect();
    let documents: Vec<(u8, DocumentId, Vec<Write>)> = nonces
        .iter()
        .map(|nonce| {
            let bytes = [40, 300, 1_200, 5_000, 90][usize::from(*nonce) % 5] + usize::from(*nonce);
            let (id, writes) = document(*nonce, 1 + u64::from(*nonce % 4), bytes);
            (*nonce, id, writes)
        })
        .collect();
    let longest = documents.iter().map(|(.., writes)| writes.len()).max().unwrap();
    for at in 0..longest {
        for (nonce, id, writes) in &documents {
            let Some(write) = writes.get(at) else { continue };
            storage.apply(write).unwrap();
            if at == 0 {
                storage.add_draft(&draft_on(*id, &title(*nonce)), super::at(1)).unwrap();
            }
        }
        storage.commit().unwrap();
    }
    let mut order: Vec<usize> = (0..documents.len()).map(|place| place * 37 % documents.len()).collect();
    order.truncate(40);
    for (count, place) in order.iter().enumerate() {
        let (nonce, id, writes) = &documents[*place];
        assert!(left(folder.path()).contains(nonce), "the search finds nothing where all is");
        destroy(&mut storage, *id);
        storage.rewrite().unwrap();
        assert!(storage.empty_log().unwrap());
        let left = left(folder.path());
        let back: Vec<u8> = order[..=count].iter().map(|gone| documents[*gone].0).filter(|gone| left.contains(gone)).collect();
        assert!(back.is_empty(), "something of {back:?} is left");
        let stored = storage.document(id).unwrap();
        assert_eq!(stored.len(), writes.len(), "headers stay as proof");
        for stored in stored {
            let header = Header::from_canonical(&stored.entry.header).unwrap();
            let parts = if header.plane() == Plane::Content { Parts::Destroyed } else { Parts::Kept };
            assert_eq!((stored.parts, stored.entry.payload, stored.entry.wraps), (parts, None, None));
        }
    }
    for (place, (_, id, writes)) in documents.iter().enumerate().filter(|(place, _)| !order.contains(place)) {
        assert_eq!(storage.document(id).unwrap(), stored(writes), "document {place} suffered");
        assert!(storage.draft_of(id).unwrap().is_some());
    }
    assert_eq!(storage.start().unwrap().destroyed, order.iter().map(|place| documents[*place].1).collect());
    assert_eq!(check_now(folder.path()).unwrap(), Vec::<String>::new());
}

#[test]
fn a_title_that_sqlite_left_where_its_row_had_been_is_gone_too() {
    let folder = folder();
    let mut storage = open(folder.path());
    let name = |number: u32| format!("<Line-{number:04}>");
    let document = |number: u32| DocumentId::new(*csu_protocol::id::Hash::of(&number.to_le_bytes()).as_bytes());
    let put = |storage: &mut Storage, number: u32, title: String| storage.put_listing(&line(document(number), title, 1)).unwrap();
    (0..600).for_each(|number| put(&mut storage, number, name(number)));
    // Titles grow and shrink, and rows move to other pages. Even with secure_delete SQLite leaves the bytes of some behind.
    let mut dice = 7_u64;
    for _ in 0..3_000 {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let number = u32::try_from((dice >> 33) % 600).unwrap();
        put(&mut storage, number, name(number) + &".".repeat([10, 200, 400, 700][usize::try_from(dice >> 62).unwrap()]));
    }
    storage.commit().unwrap();
    let found = |folder: &Path| {
        let bytes: Vec<u8> = fs::read_dir(folder).unwrap().flat_map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
        let names = bytes.split(|byte| *byte == b'<').filter_map(|text| text.strip_prefix(b"Line-")?.get(..4));
        names.map(|number| std::str::from_utf8(number).unwrap().parse::<u32>().unwrap()).collect::<BTreeSet<u32>>()
    };
    assert_eq!(found(folder.path()).len(), 600);
    (0..400).for_each(|number| put(&mut storage, number * 7 % 400, String::new()));
    storage.commit().unwrap();
    storage.rewrite().unwrap();
    assert!(storage.empty_log().unwrap());
    assert_eq!(found(folder.path()), (400..600).collect());
}

#[test]
fn what_is_destroyed_and_not_committed_is_still_there_after_a_crash_and_is_destroyed_whole_otherwise() {
    let folder = folder();
    let mut storage = open(folder.path());
    let (id, writes) = document(120, 2, 400);
    writes.iter().for_each(|write| storage.apply(write).unwrap());
    storage.put_listing(&line(id, title(120), 1)).unwrap();
    storage.commit().unwrap();
    storage.apply(&Write::ContentDestroyed { document: id, at: at(9_000) }).unwrap();
    assert!(matches!(storage.rewrite(), Err(StorageError::RollBackFirst)), "not within a group");
    let before = as_after_a_crash(folder.path());
    assert!(open(before.path()).document(&id).unwrap().iter().all(|stored| stored.parts == Parts::Kept));
    destroy(&mut storage, id);
    let after = as_after_a_crash(folder.path());
    let mut after_crash = open(after.path());
    assert!(after_crash.start().unwrap().destroyed.contains(&id));
    after_crash.rewrite().unwrap();
    assert!(after_crash.empty_log().unwrap() && !left(after.path()).contains(&120));
}

#[test]
fn while_somebody_reads_beside_the_log_stays_and_is_emptied_later() {
    let folder = folder();
    let mut storage = open(folder.path());
    let (id, writes) = document(120, 2, 400);
    writes.iter().for_each(|write| storage.apply(write).unwrap());
    storage.commit().unwrap();
    let reader = open::reader(&folder.path().join(FILE)).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM entry").unwrap();
    destroy(&mut storage, id);
    storage.rewrite().unwrap();
    assert!(!storage.empty_log().unwrap() && left(folder.path()).contains(&120));
    reader.execute_batch("COMMIT").unwrap();
    assert!(storage.empty_log().unwrap() && !left(folder.path()).contains(&120));
}

#[test]
fn the_check_tells_what_was_destroyed_from_what_was_lost() {
    let folder = folder();
    let mut storage = open(folder.path());
    for nonce in [1, 2] {
        document(nonce, 1, 10).1.iter().for_each(|write| storage.apply(write).unwrap());
    }
    storage.apply(&Write::ContentDestroyed { document: document(1, 0, 0).0, at: at(9_000) }).unwrap();
    storage.commit().unwrap();
    assert_eq!(check_now(folder.path()).unwrap(), Vec::<String>::new());
    storage.db.execute("UPDATE entry SET wraps = NULL WHERE wraps IS NOT NULL", []).unwrap();
    assert_eq!(check_now(folder.path()).unwrap().len(), 1, "the other document lost its wrapped keys");
    storage.db.execute("UPDATE entry SET wraps = x'00' WHERE plane = 1", []).unwrap();
    let found = check_now(folder.path()).unwrap();
    assert!(found.len() == 2 && found.iter().any(|finding| finding.contains("its document was erased")), "{found:?}");
}

#[test]
fn a_database_of_the_version_before_is_brought_to_this_one_and_checked_before_that() {
    let folder = folder();
    let path = folder.path().join(FILE);
    let old = Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../schema.sql")).unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    drop(old);
    assert_eq!(check_now(folder.path()).unwrap(), Vec::<String>::new());
    let mut storage = open(folder.path());
    let (id, writes) = document(1, 1, 10);
    writes.iter().for_each(|write| storage.apply(write).unwrap());
    assert!(storage.document(&id).unwrap().iter().all(|stored| stored.parts == Parts::Kept));
}
