//! Erasing, cut off between any two of its steps.

use super::*;
use crate::desk::ErasureRequest;
use csu_protocol::entry::Reason;
use csu_protocol::id::DocumentId;
use csu_protocol::store::{Parts, Read};
use std::path::Path;

const WORD: &str = "Zephyrine";

fn is_left(folder: &Path) -> bool {
    let mut files = std::fs::read_dir(folder).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
    files.any(|bytes| bytes.windows(WORD.len()).any(|window| window == WORD.as_bytes()))
}

/// An office with one guide that the police may read, and a draft on it.
fn with_guide() -> (tempfile::TempDir, Office, DocumentId) {
    let (folder, mut office, _) = office();
    let actor = Actor::default();
    let assign = ["title=", "problem=", "summary="].map(|field| format!("{field}{WORD}")).to_vec();
    let assign = [assign, vec!["evidenceBasis=claim".to_owned()]].concat();
    let request = DraftRequest { kind: "guide".to_owned(), assign, to: to("Police"), ..DraftRequest::default() };
    let draft = office.draft(&actor, request).unwrap();
    let id = office.step(&actor, &draft.reference, "publish", StepRequest::default()).unwrap().id.unwrap();
    let change = crate::desk::DraftChange { assign: vec![format!("mechanism={WORD}")], ..crate::desk::DraftChange::default() };
    office.edit(&actor, &id.to_string(), change).unwrap();
    office.settle().unwrap();
    (folder, office, id)
}

fn order(office: &mut Office, id: &DocumentId) {
    office.erase(&Actor::default(), &id.to_string(), ErasureRequest { why: Reason::Legal }).unwrap();
}

/// Starts anew from what is on disk, and looks whether the erasure was obeyed and confirmed once.
#[track_caller]
fn ends_erased(folder: &Path, office: Office, id: &DocumentId) {
    drop(office);
    for _ in 0..2 {
        let office = opened(folder, Storage::open(folder, Options::default()).unwrap().storage);
        assert!(office.machine.document(id).unwrap().is_destroyed());
        assert_eq!(office.access_of(id).unwrap().obeyed().len(), 1, "confirmed once");
        let view = office.erasure_of(&id.to_string()).unwrap();
        assert_eq!((view.outstanding, view.holders.len(), view.title), (1, 2, None));
        let stored = office.storage.document(id).unwrap();
        assert_eq!(stored.iter().filter(|stored| stored.parts == Parts::Destroyed).count(), 2);
        let erasures = crate::storage::LogFilter { verb: Some(LogVerb::Erasure), ..crate::storage::LogFilter::default() };
        // Ordered, obeyed, confirmed.
        assert_eq!(office.storage.read_log(&erasures).unwrap().len(), 3);
        assert!(!is_left(folder));
    }
}

#[test]
fn cut_off_before_it_is_on_disk_nothing_was_erased() {
    let (folder, mut office, id) = with_guide();
    order(&mut office, &id);
    office.pump().unwrap();
    office.obey(&id).unwrap();
    drop(office);
    let mut office = opened(folder.path(), Storage::open(folder.path(), Options::default()).unwrap().storage);
    assert_eq!(office.document(&Actor::default(), &id.to_string()).unwrap().title, WORD);
    assert!(office.document(&Actor::default(), &id.to_string()).unwrap().draft.is_some());
    order(&mut office, &id);
    office.settle().unwrap();
    ends_erased(folder.path(), office, &id);
}

#[test]
fn cut_off_after_the_parts_are_destroyed_it_goes_on_at_the_next_start() {
    let (folder, mut office, id) = with_guide();
    order(&mut office, &id);
    office.try_settle().unwrap();
    assert!(office.access_of(&id).unwrap().obeyed().is_empty() && is_left(folder.path()), "the control");
    ends_erased(folder.path(), office, &id);
}

#[test]
fn cut_off_after_the_files_are_rewritten_it_goes_on_at_the_next_start() {
    let (folder, mut office, id) = with_guide();
    order(&mut office, &id);
    office.try_settle().unwrap();
    office.storage.rewrite().unwrap();
    drop(office);
    let office = opened(folder.path(), Storage::open(folder.path(), Options::default()).unwrap().storage);
    ends_erased(folder.path(), office, &id);
}

#[test]
fn cut_off_while_it_is_confirmed_it_is_confirmed_once() {
    let (folder, mut office, id) = with_guide();
    order(&mut office, &id);
    office.try_settle().unwrap();
    office.storage.rewrite().unwrap();
    assert!(office.storage.empty_log().unwrap());
    let owed = office.machine.owed_receipt(&id, &office.storage).unwrap().unwrap();
    office.sign_control(&id, owed.under, Body::Receipt { erase: owed.erase }).unwrap();
    office.pump().unwrap();
    ends_erased(folder.path(), office, &id);
}

#[test]
fn while_somebody_reads_beside_nothing_is_confirmed_and_it_is_tried_again() {
    let (folder, mut office, id) = with_guide();
    order(&mut office, &id);
    let reader = rusqlite::Connection::open(folder.path().join(crate::storage::FILE)).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM entry").unwrap();
    office.settle().unwrap();
    assert!(office.access_of(&id).unwrap().obeyed().is_empty(), "confirmed before it was gone");
    assert!(office.erasing.wake_in().is_some());
    reader.execute_batch("COMMIT").unwrap();
    drop(reader);
    std::thread::sleep(office.erasing.wake_in().unwrap());
    office.settle().unwrap();
    assert_eq!((office.access_of(&id).unwrap().obeyed().len(), office.erasing.wake_in()), (1, None));
    ends_erased(folder.path(), office, &id);
}
