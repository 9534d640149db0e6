//! What is kept of long documents to show them soon.

use super::opening::{heads, issued, revise_at, update};
use super::preview::{Cast, Dice, act};
use super::showing::work;
use super::*;
use crate::desk::{Document, DraftChange, ErasureRequest};
use crate::storage::{FILE, KeptView, Opened};
use csu_protocol::entry::{Reason, seal_payload};
use csu_protocol::id::{DocumentId, Hash};
use csu_protocol::identity::CardSecret;
use std::collections::BTreeMap;

const HISTORIES: u64 = 24;
/// As many revisions make a document long.
const LONG: usize = 130;

/// A document as its entries show it.
fn by_entries(office: &mut Office, document: &DocumentId) -> Document {
    office.lately.forget(document);
    let open = office.open_document(document).unwrap();
    let draft = office.storage.draft_of(document).unwrap().filter(|draft| draft.open);
    office.document_view(&open, draft.as_ref()).unwrap()
}

/// The same as what was kept shows it, if that is good.
fn by_kept(office: &mut Office, document: &DocumentId) -> Option<Document> {
    let (said, access) = office.recall(document).unwrap()?;
    let draft = office.storage.draft_of(document).unwrap().filter(|draft| draft.open);
    Some(office.view(document, said, &access, draft.as_ref()).unwrap())
}

fn consult(office: &mut Office, document: &DocumentId) -> Document {
    let shown = office.document(&Actor::default(), &document.to_string()).unwrap();
    office.settle().unwrap();
    shown
}

fn started_again(folder: &tempfile::TempDir) -> Office {
    opened(folder.path(), Storage::open(folder.path(), Options::default()).unwrap().storage)
}

/// A bulletin that was revised so often that it is long.
fn long() -> (tempfile::TempDir, Office, DocumentId) {
    let (folder, mut office, _) = office();
    let document = issued(&mut office);
    for number in 0..LONG {
        update(&mut office, &document, &format!("note=number {number}"));
    }
    (folder, office, document)
}

#[test]
fn whatever_comes_of_a_document_what_is_kept_shows_what_its_entries_do_or_nothing() {
    let (mut shown, mut in_doubt, mut forks) = (0, 0, 0);
    for seed in 0..HISTORIES {
        let (_folder, mut office, [police, council]) = office();
        let mut dice = Dice::of(seed);
        let us = office.machine.organisation();
        let document = issued(&mut office);
        let first = heads(&mut office, &document);
        let actors =
            vec![(police, DeviceKey::from_seed(&[3; 32])), (council, DeviceKey::from_seed(&[4; 32])), (us, DeviceKey::from_seed(&[1; 32]))];
        let cast = Cast { actors, stranger: OrganisationId::new([9; 32]) };
        let acting = Acting { organisation: us, signer: Signer::Device(office.keys.device()), under: Some(document.into()) };
        let grants = Body::Grant { grants: vec![given(police, Role::Admin), given(council, Role::Write)] };
        let granted = author::control(&office.access_of(&document).unwrap(), &acting, grants).unwrap();
        publish(&mut office, vec![granted]);
        let mut old = csu_protocol::access::Access::clone(&office.access_of(&document).unwrap());
        let mut is_withdrawn = false;
        for number in 0..14 {
            match dice.below(6) {
                0..=2 if is_withdrawn => act(&mut office, &cast, document, &mut old, &mut dice),
                0 => update(&mut office, &document, &format!("note=number {number}")),
                1 => revise_at(&mut office, &document, &first, &format!("code=a{number}")),
                2 if number > 8 => {
                    let change = DraftChange { assign: vec![format!("headline=Draft {number}")], ..DraftChange::default() };
                    office.edit(&Actor::default(), &document.to_string(), change).unwrap();
                }
                3 if number > 10 => drop(office.sign_control(&document, document.into(), Body::Withdraw { reason: Reason::Legal })),
                _ => act(&mut office, &cast, document, &mut old, &mut dice),
            }
            office.settle().unwrap();
            let entries = by_entries(&mut office, &document);
            is_withdrawn = entries.withdrawn.is_some();
            match by_kept(&mut office, &document) {
                // A draft is none of the entries.
                Some(kept) => assert_eq!(kept, entries, "seed {seed}"),
                None => in_doubt += 1,
            }
            assert!(office.keep_short(&document));
            assert_eq!(by_kept(&mut office, &document), Some(entries.clone()), "seed {seed}");
            (shown, forks) = (shown + 1, forks + usize::from(!entries.forks.is_empty()));
        }
    }
    assert!(shown > 300 && in_doubt > 200 && forks > 20, "{shown} {in_doubt} {forks}");
}

#[test]
fn a_long_document_is_shown_after_a_start_without_being_opened_and_anew_when_there_is_more_of_it() {
    let (folder, office, document) = long();
    assert_eq!(office.storage.view(&document).unwrap(), None, "no step waits for it");
    office.close().unwrap();
    let mut office = started_again(&folder);
    let shown = consult(&mut office, &document);
    assert!(!office.lately.has(&document), "it was opened");
    assert_eq!(shown, by_entries(&mut office, &document));
    // What came since is shown, also when nobody had time to keep it.
    let before = office.storage.view(&document).unwrap();
    update(&mut office, &document, "note=newest");
    drop(office);
    let mut office = started_again(&folder);
    assert_eq!((office.storage.view(&document).unwrap(), by_kept(&mut office, &document)), (before, None));
    let shown = consult(&mut office, &document);
    assert!(shown.fields["note"] == "newest" && office.lately.has(&document));
    drop(office);
    let mut office = started_again(&folder);
    assert_eq!(consult(&mut office, &document), shown);
    assert!(!office.lately.has(&document), "who looked at it did not keep it");
}

#[test]
fn where_there_is_no_room_to_keep_it_a_long_document_is_shown_and_all_else_goes_on() {
    let (folder, mut office, document) = long();
    let full = "CREATE TRIGGER full BEFORE INSERT ON document_view BEGIN SELECT RAISE(FAIL, 'full'); END";
    rusqlite::Connection::open(folder.path().join(FILE)).unwrap().execute_batch(full).unwrap();
    let shown = consult(&mut office, &document);
    update(&mut office, &document, "note=newest");
    assert_ne!(consult(&mut office, &document), shown);
    office.close().unwrap();
    let Opened { storage, clean, .. } = Storage::open(folder.path(), Options::default()).unwrap();
    assert!(clean && storage.view(&document).unwrap().is_none());
}

#[test]
fn what_a_long_document_says_is_kept_when_it_is_listed() {
    let (folder, mut office, document) = long();
    let short = issued(&mut office);
    for document in [&document, &short] {
        office.storage.mark_stale(document, false).unwrap();
        office.outdate(document);
    }
    office.settle().unwrap();
    office.let_calm_return();
    work(&mut office);
    assert!(office.storage.view(&document).unwrap().is_some() && office.storage.view(&short).unwrap().is_none());
    drop(office);
    let mut office = started_again(&folder);
    let shown = consult(&mut office, &document);
    assert!(!office.lately.has(&document));
    assert_eq!(shown, by_entries(&mut office, &document));
}

#[test]
fn what_was_kept_and_is_in_doubt_shows_nothing_and_goes() {
    let (_folder, mut office, _) = office();
    let (document, other) = (issued(&mut office), issued(&mut office));
    update(&mut office, &other, "note=of another");
    assert!(office.keep_short(&document) && office.keep_short(&other));
    let good = office.storage.view(&document).unwrap().unwrap();
    let of_other = office.storage.view(&other).unwrap().unwrap();
    let flipped = |at: usize| {
        let mut sealed = good.sealed.clone();
        sealed[at] ^= 1;
        KeptView { sealed, ..good.clone() }
    };
    let sealed_here = |plain: &[u8]| {
        let key = office.eyes().own_key();
        let sealed = seal_payload(&key, plain, good.version.as_bytes(), &mut Entropy::from_seed([5; 32])).unwrap();
        KeptView { sealed, ..good.clone() }
    };
    let doubtful = [
        KeptView { sealed: Vec::new(), ..good.clone() },
        KeptView { sealed: good.sealed[..good.sealed.len() - 1].to_vec(), ..good.clone() },
        flipped(0),
        flipped(good.sealed.len() / 2),
        flipped(good.sealed.len() - 1),
        KeptView { sealed: of_other.sealed.clone(), ..good.clone() },
        sealed_here(b""),
        sealed_here(b"{}"),
        // Without the entries that say who may do what.
        {
            let kept = csu_protocol::entry::open_payload(&office.eyes().own_key(), &good.sealed, good.version.as_bytes()).unwrap();
            let mut kept: serde_json::Value = serde_json::from_slice(&kept).unwrap();
            kept["control"] = serde_json::json!([]);
            sealed_here(&serde_json::to_vec(&kept).unwrap())
        },
    ];
    let shown = by_entries(&mut office, &document);
    for (case, doubtful) in doubtful.iter().enumerate() {
        office.storage.put_view(&document, doubtful).unwrap();
        assert_eq!(by_kept(&mut office, &document), None, "case {case}");
        assert_eq!(office.storage.view(&document).unwrap(), None, "case {case}");
        office.storage.put_view(&document, doubtful).unwrap();
        office.lately.forget(&document);
        assert_eq!(consult(&mut office, &document), shown, "case {case}");
    }
    // That of another time, program or document is not even opened.
    for version in [of_other.version, Hash::new([0; 32])] {
        office.storage.put_view(&document, &KeptView { version, ..good.clone() }).unwrap();
        assert_eq!(by_kept(&mut office, &document), None);
    }
    office.storage.put_view(&document, &good).unwrap();
    assert_eq!(by_kept(&mut office, &document), Some(shown));
}

#[test]
fn what_was_kept_before_there_was_another_secret_is_in_doubt() {
    let (_folder, mut office, _) = office();
    let document = issued(&mut office);
    assert!(office.keep_short(&document));
    let key = office.eyes().own_key();
    let secrets =
        || office.keys.card_secrets().iter().map(|(generation, secret)| (*generation, CardSecret::from_bytes(*secret.to_bytes())));
    let same: BTreeMap<u64, CardSecret> = secrets().collect();
    let more: BTreeMap<u64, CardSecret> = secrets().chain([(9, CardSecret::from_bytes([9; 32]))]).collect();
    assert!(office.eyes().with_secrets(same).own_key() == key);
    assert!(office.eyes().with_secrets(more).own_key() != key && office.eyes().with_secrets(BTreeMap::new()).own_key() != key);
}

#[test]
fn of_an_annex_nothing_is_kept() {
    let (_folder, mut office, _) = office();
    let (bulletin, annex) = annexes::issued(&mut office);
    assert!(office.keep_short(&bulletin.id.unwrap()));
    assert!(!office.keep_short(&annex.id.unwrap()));
    assert_eq!(office.storage.view(&annex.id.unwrap()).unwrap(), None);
}

/// Whether any 16 bytes of these in a row are in a file of a folder.
fn is_left(folder: &std::path::Path, sealed: &[u8]) -> bool {
    let files = std::fs::read_dir(folder).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
    files.into_iter().any(|bytes| sealed.chunks_exact(16).any(|chunk| bytes.windows(16).any(|window| window == chunk)))
}

#[test]
fn what_is_kept_is_sealed_and_gone_from_the_files_when_the_document_is_erased() {
    let (folder, mut office, _) = office();
    let document = issued(&mut office);
    assert!(office.keep_short(&document));
    let sealed = office.storage.view(&document).unwrap().unwrap().sealed;
    assert!(!sealed.windows(8).any(|bytes| bytes == b"Van seen"));
    office.settle().unwrap();
    assert!(is_left(folder.path(), &sealed));
    office.erase(&Actor::default(), &document.to_string(), ErasureRequest { why: Reason::Legal }).unwrap();
    office.settle().unwrap();
    office.settle().unwrap();
    assert!(office.machine.document(&document).unwrap().is_destroyed());
    assert_eq!((office.storage.view(&document).unwrap(), by_kept(&mut office, &document).is_none()), (None, true));
    assert!(!is_left(folder.path(), &sealed), "left in {FILE} or beside it");
    office.close().unwrap();
    assert!(!is_left(folder.path(), &sealed));
}
