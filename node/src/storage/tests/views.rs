//! What is kept of long documents.

use super::*;
use crate::storage::open::VERSION;
use rusqlite::Connection;

fn put_documents(storage: &mut Storage, count: u16) -> Vec<DocumentId> {
    let documents = (0..count).map(|number| DocumentId::new(*Hash::of(&number.to_le_bytes()).as_bytes())).collect::<Vec<_>>();
    for document in &documents {
        storage.db.execute("INSERT INTO document (id) VALUES (?1)", [document.as_bytes()]).unwrap();
    }
    documents
}

fn view(bytes: usize) -> KeptView {
    KeptView { version: Hash::new([7; 32]), sealed: vec![1; bytes] }
}

fn kept(storage: &Storage, documents: &[DocumentId]) -> Vec<usize> {
    let is_kept = |document: &DocumentId| storage.view(document).unwrap().is_some();
    documents.iter().enumerate().filter(|(_, document)| is_kept(document)).map(|(at, _)| at).collect()
}

#[test]
fn no_more_views_are_kept_than_there_is_room_for_and_the_first_go() {
    let folder = folder();
    let mut storage = open(folder.path());
    let documents = put_documents(&mut storage, 260);
    for document in &documents {
        storage.put_view(document, &view(10)).unwrap();
    }
    assert_eq!(kept(&storage, &documents), (4..260).collect::<Vec<_>>());
    // One that is made anew is the newest.
    storage.put_view(&documents[4], &view(10)).unwrap();
    storage.put_view(&documents[0], &view(10)).unwrap();
    assert_eq!(kept(&storage, &documents[..7]), [0, 4, 6]);
    let most = usize::try_from(VIEW_BYTES).unwrap();
    for document in &documents[10..43] {
        storage.put_view(document, &view(most)).unwrap();
    }
    assert_eq!(kept(&storage, &documents), (11..43).collect::<Vec<_>>());
}

#[test]
fn one_that_is_too_long_is_not_kept_nor_is_what_was_kept_before_it() {
    let folder = folder();
    let mut storage = open(folder.path());
    let documents = put_documents(&mut storage, 2);
    storage.put_view(&documents[0], &view(10)).unwrap();
    storage.put_view(&documents[0], &view(usize::try_from(VIEW_BYTES).unwrap() + 1)).unwrap();
    assert_eq!(kept(&storage, &documents), [0; 0]);
    storage.commit().unwrap();
    // Nor read, if it got there otherwise.
    let long = "INSERT INTO document_view (document, version, sealed) SELECT key, zeroblob(32), zeroblob(1048577) FROM document";
    storage.db.execute_batch(long).unwrap();
    assert_eq!(kept(&storage, &documents), [0; 0]);
}

#[test]
fn with_a_documents_content_or_line_goes_what_is_kept_of_it() {
    let folder = folder();
    let mut storage = open(folder.path());
    let documents = put_documents(&mut storage, 3);
    for document in &documents {
        storage.put_view(document, &view(10)).unwrap();
    }
    storage.apply(&Write::ContentDestroyed { document: documents[0], at: at(1) }).unwrap();
    storage.remove_listing(&documents[2]).unwrap();
    assert_eq!(kept(&storage, &documents), [1]);
}

#[test]
fn a_database_of_version_9_is_brought_up_with_all_that_it_holds() {
    let folder = folder();
    let (document, writes) = document(1, 2, 100);
    let mut storage = open(folder.path());
    for write in &writes {
        storage.apply(write).unwrap();
    }
    storage.commit().unwrap();
    storage.close().unwrap();
    let db = Connection::open(folder.path().join(FILE)).unwrap();
    for (key, stored) in (1_i64..).zip(stored(&writes)) {
        db.execute("UPDATE entry SET header = ?2, author = NULL WHERE key = ?1", (key, stored.entry.header)).unwrap();
    }
    db.execute_batch(
        "DROP TABLE term; DROP TABLE facet; ALTER TABLE listing DROP COLUMN facets; DROP TABLE account_link; DROP TABLE account;
         DROP TABLE document_view; DROP INDEX entry_of_document; ALTER TABLE entry DROP COLUMN author; DROP TABLE author;
         CREATE INDEX entry_of_document ON entry (document); CREATE INDEX entry_by_short ON entry (short); PRAGMA user_version = 9",
    )
    .unwrap();
    drop(db);
    let mut storage = open(folder.path());
    assert_eq!(Read::document(&storage, &document).unwrap(), stored(&writes));
    storage.put_view(&document, &view(10)).unwrap();
    storage.commit().unwrap();
    assert_eq!(storage.view(&document).unwrap(), Some(view(10)));
    let version: i64 = storage.db.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, VERSION);
}
