//! Full-text search, and what is to be listed.

use super::*;

fn line(document: DocumentId, title: &str, updated: u64) -> Listed {
    Listed {
        document,
        kind: "bulletin".to_owned(),
        title: title.to_owned(),
        state: "issued".to_owned(),
        marking: None,
        owner: organisation(1),
        updated: at(updated),
        received: None,
        access: "owner".to_owned(),
        unread: false,
    }
}

fn id(number: u32) -> DocumentId {
    DocumentId::new(*csu_protocol::id::Hash::of(&number.to_le_bytes()).as_bytes())
}

fn put(storage: &mut Storage, number: u32, title: &str, text: &str) {
    storage.put_listing(&line(id(number), title, u64::from(number))).unwrap();
    storage.put_words(&id(number), Some(&Words { title: title.to_owned(), text: text.to_owned() })).unwrap();
}

/// The titles that are found, page by page.
fn found(storage: &Storage, text: &str) -> Vec<String> {
    let filter = ListingFilter { search: Some(text.parse().unwrap()), ..ListingFilter::default() };
    let (mut titles, mut after) = (Vec::new(), None);
    loop {
        let page = storage.listing(&filter, 2, after).unwrap();
        titles.extend(page.items.into_iter().map(|line| line.title));
        match page.next {
            Some(next) => after = Some(next),
            None => return titles,
        }
    }
}

#[test]
fn documents_are_found_by_all_words_by_beginnings_and_by_phrases_newest_first() {
    let folder = folder();
    let mut storage = open(folder.path());
    put(&mut storage, 1, "Lead stolen", "from the roof of St Mary's, Mill Road");
    put(&mut storage, 2, "Burglaries", "sheds on Mill Lane; lead was left");
    put(&mut storage, 3, "Dŵr a thân", "ger yr afon, road closed by the mill");
    storage.commit().unwrap();
    assert_eq!(found(&storage, "mill"), ["Dŵr a thân", "Burglaries", "Lead stolen"]);
    assert_eq!(found(&storage, "LEAD mill"), ["Burglaries", "Lead stolen"]);
    assert_eq!(found(&storage, "\"mill road\""), ["Lead stolen"]);
    assert_eq!(found(&storage, "burg* dwr"), Vec::<String>::new());
    assert_eq!(found(&storage, "dwr"), ["Dŵr a thân"]);
    assert_eq!(found(&storage, "st mary's"), ["Lead stolen"]);
    // Changed, removed, and put in again.
    put(&mut storage, 2, "Burglaries", "nothing was left");
    storage.put_words(&id(1), None).unwrap();
    assert_eq!(found(&storage, "lead"), Vec::<String>::new());
    put(&mut storage, 1, "Lead stolen", "again");
    storage.remove_listing(&id(3)).unwrap();
    storage.commit().unwrap();
    assert_eq!((found(&storage, "again"), found(&storage, "afon")), (vec!["Lead stolen".to_owned()], vec![]));
    assert_eq!(check_now(folder.path()).unwrap(), Vec::<String>::new());
    storage.clear_listing().unwrap();
    assert!(found(&storage, "again").is_empty());
}

#[test]
fn whatever_is_searched_for_is_no_fault_of_the_index() {
    let folder = folder();
    let mut storage = open(folder.path());
    put(&mut storage, 1, "Gates", "title text NEAR AND OR NOT near");
    for hostile in [
        "a AND",
        "NEAR(a, 3)",
        "title : x",
        "{title} : gates",
        "-a",
        "^a",
        "a OR b",
        "(a",
        "a)",
        "a + b",
        "'; DROP TABLE search; --",
        "*a",
        "a**",
        "\"a\"*b",
        "ﬁ \u{202e}x",
        "日本語",
    ] {
        let filter = ListingFilter { search: Some(hostile.parse().unwrap()), ..ListingFilter::default() };
        storage.listing(&filter, 5, None).unwrap_or_else(|error| panic!("{hostile}: {error}"));
    }
    assert_eq!((found(&storage, "AND").len(), found(&storage, "gates OR nothing").len(), found(&storage, "title:gates").len()), (1, 0, 0));
}

#[test]
fn words_that_were_removed_are_in_no_file_once_it_was_rewritten() {
    let folder = folder();
    let mut storage = open(folder.path());
    // Words of different beginnings, so that the index does not store them in pieces.
    let word = |number: u32, at: u32| id(number * 100 + at).to_string()[..16].to_owned();
    let text = |number: u32| (0..20).map(|at| word(number, at)).collect::<Vec<_>>().join(" ");
    for number in 0..120 {
        put(&mut storage, number, "Title", &text(number));
        if number % 7 == 0 {
            storage.commit().unwrap();
        }
    }
    storage.commit().unwrap();
    let gone = |number: &u32| number.is_multiple_of(3);
    for number in (0..120).filter(gone) {
        storage.put_words(&id(number), None).unwrap();
    }
    storage.commit().unwrap();
    storage.rewrite().unwrap();
    assert!(storage.empty_log().unwrap());
    let bytes: Vec<u8> = fs::read_dir(folder.path()).unwrap().flat_map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
    let texts = String::from_utf8_lossy(&bytes);
    // The index leaves out the beginning that a word has in common with the one before it.
    let is_left = |number: u32| (0..20).filter(|at| texts.contains(&word(number, *at)[6..])).count();
    assert_eq!((0..120).filter(gone).map(is_left).sum::<usize>(), 0);
    assert!((0..120).filter(|number| !gone(number)).all(|number| is_left(number) == 20));
    assert_eq!(found(&storage, &word(1, 3)).len(), 1);
    assert_eq!(check_now(folder.path()).unwrap(), Vec::<String>::new());
}

#[test]
fn the_index_stays_whole_however_documents_change_and_go_and_keeps_no_word_that_went() {
    let folder = folder();
    let mut storage = open(folder.path());
    let word = |number: u32, version: u32| id(number * 1000 + version).to_string()[..20].to_owned();
    let mut shown: std::collections::BTreeMap<u32, u32> = std::collections::BTreeMap::new();
    let mut dice = 7_u64;
    for step in 0..240_u32 {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let number = u32::try_from(dice >> 33).unwrap() % 12;
        if dice >> 62 == 0 {
            storage.put_words(&id(number), None).unwrap();
            shown.remove(&number);
        } else {
            put(&mut storage, number, &format!("Title {number}"), &format!("the same for all {} and all", word(number, step)));
            shown.insert(number, step);
        }
        if step % 3 == 0 {
            storage.commit().unwrap();
        }
        if step % 40 == 39 {
            storage.commit().unwrap();
            storage.rewrite().unwrap();
            assert!(storage.empty_log().unwrap());
            assert_eq!(check_now(folder.path()).unwrap(), Vec::<String>::new(), "after {step}");
            assert_eq!(found(&storage, "same").len(), shown.len());
            let bytes: Vec<u8> = fs::read_dir(folder.path()).unwrap().flat_map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
            let texts = String::from_utf8_lossy(&bytes);
            let left: BTreeSet<(u32, u32)> = (0..12)
                .flat_map(|number| (0..=step).map(move |at| (number, at)))
                .filter(|(number, at)| texts.contains(&word(*number, *at)[6..]))
                .collect();
            assert_eq!(left, shown.iter().map(|(number, at)| (*number, *at)).collect(), "after {step}");
        }
    }
}

#[test]
fn documents_are_to_be_listed_in_their_order_until_they_are_and_those_that_wait_when_they_are_let() {
    let folder = folder();
    let mut storage = open(folder.path());
    let documents = [5, 3, 9].map(|nonce| {
        let (id, writes) = document(nonce, 1, 10);
        writes.iter().for_each(|write| storage.apply(write).unwrap());
        id
    });
    for document in documents.iter().rev() {
        storage.mark_stale(document, *document == documents[1]).unwrap();
    }
    storage.mark_stale(&DocumentId::new([1; 32]), false).unwrap();
    storage.commit().unwrap();
    assert_eq!((storage.stale(None, 9).unwrap(), storage.count_stale().unwrap()), (vec![documents[0], documents[2]], 3));
    // One that does not wait does not begin to; one that waits is let go by its content.
    storage.mark_stale(&documents[0], true).unwrap();
    storage.mark_stale(&documents[1], false).unwrap();
    assert_eq!(storage.stale(None, 2).unwrap(), documents[..2]);
    assert_eq!(storage.stale(Some(&documents[0]), 9).unwrap(), documents[1..]);
    storage.unmark_stale(&documents[0]).unwrap();
    storage.unmark_stale(&documents[1]).unwrap();
    storage.mark_stale(&documents[0], true).unwrap();
    assert!(storage.is_stale(&documents[0]).unwrap() && !storage.is_stale(&documents[1]).unwrap());
    storage.unmark_stale(&documents[2]).unwrap();
    assert!(!storage.has_stale().unwrap());
    storage.release_stale().unwrap();
    assert!(storage.has_stale().unwrap());
}

#[test]
fn all_documents_of_a_database_from_before_there_was_a_search_are_to_be_listed() {
    let folder = folder();
    let db = rusqlite::Connection::open(folder.path().join(open::FILE)).unwrap();
    db.execute_batch(include_str!("../schema.sql")).unwrap();
    db.execute("INSERT INTO document (id) VALUES (?1)", [[7_u8; 32]]).unwrap();
    db.pragma_update(None, "user_version", 1).unwrap();
    drop(db);
    assert_eq!(open(folder.path()).stale(None, 9).unwrap(), [DocumentId::new([7; 32])]);
}

#[test]
fn entries_of_a_database_that_kept_their_ids_beside_them_are_taken_over_as_they_were() {
    let folder = folder();
    let (whole, other) = (document(1, 3, 300), document(2, 2, 200));
    let old = rusqlite::Connection::open(folder.path().join(open::FILE)).unwrap();
    for step in ["schema", "log_chain", "retention", "circles", "erasure", "unreconciled", "annex", "summary"] {
        let sql = match step {
            "schema" => include_str!("../schema.sql"),
            "log_chain" => include_str!("../log_chain.sql"),
            "retention" => include_str!("../retention.sql"),
            "circles" => include_str!("../circles.sql"),
            "erasure" => include_str!("../erasure.sql"),
            "unreconciled" => include_str!("../unreconciled.sql"),
            "annex" => include_str!("../annex.sql"),
            _ => include_str!("../summary.sql"),
        };
        old.execute_batch(sql).unwrap();
    }
    for (key, (id, writes)) in (1_i64..).zip([&whole, &other]) {
        old.execute("INSERT INTO document (key, id) VALUES (?1, ?2)", (key, id.as_bytes())).unwrap();
        for write in writes {
            let Write::Entry(new) = write else { continue };
            let NewEntry { entry, from, received } = &**new;
            let entry = entry.signed();
            old.execute(
                "INSERT INTO entry (document, id, plane, header, signature, payload, wraps, from_organisation, received)
                 VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8)",
                rusqlite::params![
                    key,
                    csu_protocol::id::Hash::of(&entry.header).as_bytes(),
                    entry.header,
                    entry.signature.as_bytes(),
                    entry.payload,
                    entry.wraps,
                    from.as_ref().map(OrganisationId::as_bytes),
                    received.as_ms().cast_signed()
                ],
            )
            .unwrap();
        }
    }
    old.pragma_update(None, "user_version", 8).unwrap();
    drop(old);
    assert_eq!(check_now(folder.path()).unwrap(), Vec::<String>::new(), "before");
    let mut storage = open(folder.path());
    for (id, writes) in [&whole, &other] {
        assert_eq!(storage.document(id).unwrap(), stored(writes));
        // What is there already is not written twice.
        writes.iter().for_each(|write| storage.apply(write).unwrap());
        assert_eq!(storage.document(id).unwrap().len(), writes.len());
        let ids = storage.ids(id, csu_protocol::entry::Plane::Content).unwrap();
        let last: BTreeSet<EntryId> = ids.last().copied().into_iter().collect();
        assert_eq!((ids.len(), storage.entries(id, &last).unwrap().len()), (writes.len(), 1));
    }
    // Those stay as they were; what comes is kept without what its document and author say of it already.
    let authors = |storage: &Storage| {
        let query = "SELECT count(author) || ' of ' || count(*) FROM entry";
        storage.db.query_row(query, [], |row| row.get::<_, String>(0)).unwrap()
    };
    assert_eq!(authors(&storage), "0 of 7");
    let (id, new) = document(3, 2, 100);
    for write in new.iter().chain(&new) {
        storage.apply(write).unwrap();
    }
    assert_eq!((storage.document(&id).unwrap(), authors(&storage).as_str()), (stored(&new), "2 of 10"));
    storage.commit().unwrap();
    assert_eq!(storage.db.query_row("PRAGMA page_size", [], |row| row.get::<_, i64>(0)), Ok(8192));
    storage.close().unwrap();
    assert_eq!(check_now(folder.path()).unwrap(), Vec::<String>::new(), "after");
}

#[test]
fn of_words_that_begin_alike_nothing_is_left_either() {
    let folder = folder();
    let mut storage = open(folder.path());
    let text = |of: &str| (0..4000).map(|at| format!("{of}{at:05}")).collect::<Vec<_>>().join(" ");
    put(&mut storage, 1, "Title", &text("burglar"));
    put(&mut storage, 2, "Title", &text("quillonbyron"));
    storage.commit().unwrap();
    storage.put_words(&id(2), None).unwrap();
    storage.commit().unwrap();
    storage.rewrite().unwrap();
    assert!(storage.empty_log().unwrap());
    let bytes: Vec<u8> = fs::read_dir(folder.path()).unwrap().flat_map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
    let left = |word: &[u8]| bytes.windows(word.len()).filter(|part| *part == word).count();
    assert_eq!((left(b"quillonb"), left(b"quillonbyron"), left(b"Byron")), (0, 0, 0));
    assert!(left(b"burglar") > 0);
    assert_eq!(found(&storage, "burglar03999").len(), 1);
    assert_eq!(check_now(folder.path()).unwrap(), Vec::<String>::new());
}

#[test]
fn whatever_a_document_says_can_be_indexed_found_and_removed() {
    let folder = folder();
    let mut storage = open(folder.path());
    let many = (0..10_000).map(|at| format!("w{at}")).collect::<Vec<_>>().join(" ");
    let texts =
        [many, "x".repeat(900_000), "a\0b nul\0".to_owned(), "\u{345} \u{b2} \u{1F1EC} e\u{301}\u{301}".to_owned(), "\"*:^".repeat(9)];
    for (number, text) in (1..).zip(&texts) {
        put(&mut storage, number, "Title", text);
        put(&mut storage, number, "Title", text);
    }
    storage.commit().unwrap();
    assert_eq!((found(&storage, "w9999").len(), found(&storage, "nul").len(), found(&storage, "title").len()), (1, 1, texts.len()));
    for odd in ["\u{345}*", "\u{b2}*", "\u{345} title", "\u{1F1EC}x*", "\"\u{345}\"", "x\u{345}*", "\n a\t", "title*", "*title*"] {
        if let Ok(search) = odd.parse::<SearchText>() {
            let filter = ListingFilter { search: Some(search), ..ListingFilter::default() };
            storage.listing(&filter, 5, None).unwrap_or_else(|error| panic!("{odd:?}: {error}"));
        }
    }
    for number in (1..).take(texts.len()) {
        storage.remove_listing(&id(number)).unwrap();
    }
    storage.commit().unwrap();
    assert!(found(&storage, "title").is_empty());
    assert_eq!(check_now(folder.path()).unwrap(), Vec::<String>::new());
}

#[test]
fn a_database_whose_writing_anew_was_broken_off_is_named_so_and_the_next_start_takes_it_back() {
    let (folder, copy) = (folder(), folder());
    let db = rusqlite::Connection::open(folder.path().join(open::FILE)).unwrap();
    db.execute_batch(include_str!("../schema.sql")).unwrap();
    db.pragma_update(None, "user_version", 1).unwrap();
    db.execute_batch(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 3000) INSERT INTO meta SELECT 'junk' || n, hex(zeroblob(200)) FROM n;
         BEGIN;
         UPDATE meta SET value = 'lost'",
    )
    .unwrap();
    db.cache_flush().unwrap();
    for name in [open::FILE, "node.sqlite-journal"] {
        fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    }
    let error = check_now(copy.path()).unwrap_err();
    assert!(matches!(error, StorageError::BrokenOff { .. }), "{error}");
    let storage = open(copy.path());
    assert_eq!(storage.meta("junk1").unwrap().unwrap().len(), 400);
    storage.close().unwrap();
    assert_eq!(check_now(copy.path()).unwrap(), Vec::<String>::new());
}

#[test]
fn texts_that_are_forgotten_for_sealed_keys_are_gone_and_a_stop_in_disorder_stays_one() {
    for in_order in [true, false] {
        let folder = folder();
        let (document, writes) = document(1, 1, 1);
        let mut storage = open(folder.path());
        for write in &writes {
            storage.apply(write).unwrap();
        }
        storage.put_listing(&line(document, "title", 1)).unwrap();
        storage.put_words(&document, Some(&Words { title: "title".to_owned(), text: "unutterable".to_owned() })).unwrap();
        storage.commit().unwrap();
        if in_order {
            storage.close().unwrap();
        } else {
            drop(storage);
        }
        forget_searched_texts(folder.path()).unwrap();
        for file in fs::read_dir(folder.path()).unwrap() {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            assert!(!bytes.windows(11).any(|window| window == b"unutterable"));
        }
        let opened = Storage::open(folder.path(), Options::default()).unwrap();
        assert_eq!((opened.clean, opened.storage.has_titles_alone().unwrap()), (in_order, true));
    }
}
