//! Accounts and one-time links as they are kept.

use super::*;
use crate::roles::{AccountRole, Roles};
use crate::storage::open::VERSION;

#[test]
fn an_account_is_found_by_its_name_in_whatever_letters_and_there_is_one_of_each() {
    let folder = folder();
    let mut storage = open(folder.path());
    let roles = [AccountRole::Editor].into_iter().collect();
    let key = storage.add_account("Zoë Müller", roles, at(5)).unwrap();
    storage.commit().unwrap();
    // Decomposed, in capitals, and in full width: all the same person.
    for name in ["Zoë Müller", "ZOË MÜLLER", "Zoe\u{308} Mu\u{308}ller", "ｚｏë müller"] {
        assert_eq!(storage.account_named(name).unwrap().map(|row| row.key), Some(key), "{name}");
        storage.add_account(name, Roles::READING, at(6)).unwrap_err();
        storage.rollback().unwrap();
    }
    assert_eq!(storage.account_named("Zoe Muller").unwrap(), None);
    assert_eq!(storage.count_accounts().unwrap(), 1);
}

#[test]
fn what_changes_of_an_account_is_there_after_reopening_and_its_hash_is_not_shown() {
    let folder = folder();
    let mut storage = open(folder.path());
    let key = storage.add_account("Jo", Roles::every(), at(5)).unwrap();
    let mut row = storage.account(key).unwrap().unwrap();
    assert_eq!((row.password.as_deref(), row.disabled, row.generation), (None, None, 0));
    row.roles = [AccountRole::Issuer].into_iter().collect();
    row.password = Some("$argon2id$secret".into());
    row.generation = 4;
    row.disabled = Some(at(9));
    (row.signed_in, row.seen, row.visit_before) = (Some(at(6)), Some(at(7)), Some(at(8)));
    storage.put_account(&row).unwrap();
    storage.commit().unwrap();
    storage.close().unwrap();
    let storage = open(folder.path());
    assert_eq!(storage.accounts().unwrap(), [row.clone()]);
    assert!(!format!("{row:?}").contains("secret"));
}

#[test]
fn a_new_link_replaces_the_one_before_for_the_same_and_those_whose_time_is_over() {
    let folder = folder();
    let mut storage = open(folder.path());
    let key = storage.add_account("Jo", Roles::READING, at(1)).unwrap();
    let hash = |byte| Hash::new([byte; 32]);
    let link = |account, until| LinkRow { account, until: at(until) };
    storage.put_link(&hash(1), &link(None, 50), at(1)).unwrap();
    storage.put_link(&hash(2), &link(Some(key), 100), at(1)).unwrap();
    assert_eq!(storage.link(&hash(1)).unwrap(), Some(link(None, 50)));
    storage.put_link(&hash(3), &link(Some(key), 200), at(50)).unwrap();
    let found: Vec<bool> = (1..=3).map(|byte| storage.link(&hash(byte)).unwrap().is_some()).collect();
    assert_eq!(found, [false, false, true]);
    storage.remove_links(Some(key)).unwrap();
    assert_eq!(storage.link(&hash(3)).unwrap(), None);
}

#[test]
fn a_database_from_before_there_were_accounts_is_brought_to_this_version() {
    let folder = folder();
    let mut storage = open(folder.path());
    let (document, writes) = document(1, 2, 100);
    for write in &writes {
        storage.apply(write).unwrap();
    }
    storage.commit().unwrap();
    storage.close().unwrap();
    let db = Connection::open(folder.path().join(FILE)).unwrap();
    db.execute_batch(
        "DROP TABLE term; DROP TABLE facet; ALTER TABLE listing DROP COLUMN facets;
         DROP TABLE account_link; DROP TABLE account; PRAGMA user_version = 11",
    )
    .unwrap();
    drop(db);
    let mut storage = open(folder.path());
    assert_eq!(Read::document(&storage, &document).unwrap(), stored(&writes));
    assert!(storage.accounts().unwrap().is_empty());
    storage.add_account("Jo", Roles::every(), at(1)).unwrap();
    storage.commit().unwrap();
    let version: i64 = storage.db.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, VERSION);
}
