//! Changes that lie about who made them, what they build on, or how large they are.

use super::case::{Case, MALLORY, NOW, OWNER, READER, WRITER};
use super::forge::{Forged, chunk, leb128};
use automerge::transaction::Transactable;
use automerge::{ActorId, AutoCommit, ObjType, ROOT, ReadDoc, ScalarValue};
use csu_protocol::codec::Canonical;
use csu_protocol::document::{ChangeError, LeftOut, Marking};
use csu_protocol::entry::{Body, Principal, RevisionPayload};
use csu_protocol::reading::Unreadable;
use serde_json::json;

fn is(error: ChangeError) -> impl Fn(&Unreadable) -> bool {
    move |why| *why == Unreadable::Change(error.clone())
}

fn malformed(word: &'static str) -> impl Fn(&Unreadable) -> bool {
    move |why| matches!(why, Unreadable::Change(_)) && why.to_string().contains(word)
}

#[test]
fn a_squatter_on_anothers_actor_is_not_shown_and_takes_nobodys_place() {
    let mut case = Case::new();
    // The change that the writer is about to publish has an actor that anybody who knows the text can work out.
    let honest = case.change(WRITER, &["instruction=Lock rear gates and doors."]);
    let actor = Forged::of(honest.bytes()).actor;
    let squatter = Forged { actor, ..case.forged() };
    let squatter = squatter.bytes(&case.document);
    let attack = case.mallory(&squatter);
    case.hidden(&attack, is(ChangeError::WrongActor));
    let epoch = case.epoch(WRITER);
    let deps = case.open(WRITER).entries_of(honest.deps());
    case.seal(WRITER, &epoch, deps, honest.bytes());
    for who in [OWNER, WRITER, READER] {
        assert_eq!(case.field(who, "instruction"), json!("Lock rear gates and doors."));
        assert_eq!(case.field(who, "severity"), json!("Minor"));
    }
}

#[test]
fn a_second_change_of_one_actor_and_seq_and_a_next_seq_of_it_are_not_shown() {
    let mut case = Case::new();
    let first = case.open(MALLORY).revisions[0].change;
    // The actor of the first revision once more, with other words and the same seq: Automerge would diverge for good.
    let taken = Forged::of(&change_of(&case, 0)).actor;
    let twice = Forged { actor: taken, ..case.forged() }.bytes(&case.document);
    let twice = case.mallory(&twice);
    case.hidden(&twice, is(ChangeError::WrongActor));
    let next = Forged { actor: taken, seq: 2, ..case.forged() }.bytes(&case.document);
    let next = case.mallory(&next);
    case.hidden(&next, is(ChangeError::WrongActor));
    // Nor does it help to have the right actor with another seq.
    let own = Forged { actor: None, seq: 2, ..case.forged() }.bytes(&case.document);
    let own = case.mallory(&own);
    case.hidden(&own, malformed("sequence number"));
    assert_eq!(case.open(READER).revisions[0].change, first);
}

/// The bytes of the change that is shown as the document's `at`th revision: from the document's own export.
fn change_of(case: &Case, at: usize) -> Vec<u8> {
    let opened = case.open(OWNER);
    let saved = automerge::Automerge::load(&opened.content.save().unwrap()).unwrap();
    let hash = automerge::ChangeHash(*opened.revisions[at].change.as_bytes());
    saved.get_change_by_hash(&hash).unwrap().raw_bytes().to_vec()
}

#[test]
fn anothers_change_signed_again_counts_once_and_stays_when_the_first_signer_falls() {
    let mut case = Case::new();
    case.revise(WRITER, &["severity=Severe"]);
    let copied = change_of(&case, 1);
    let deps = case.open(MALLORY).entries_of(&case.open(MALLORY).revisions.iter().take(1).map(|revision| revision.change).collect());
    let epoch = case.epoch(MALLORY);
    case.seal(MALLORY, &epoch, deps, &copied);
    let opened = case.open(READER);
    assert_eq!((opened.revisions.len(), opened.content.heads().len()), (3, 1), "one change under two signatures");
    assert!(opened.unreadable.is_empty() && opened.content.left_out().is_empty());
    // An honest revision upon it names one of the two entries, the same whoever writes.
    assert_eq!(case.open(OWNER).heads(), case.open(WRITER).heads());
    let thief = case.parties[WRITER].id;
    case.control(OWNER, Body::Revoke { principal: Principal::Organisation(thief), keep: Vec::new() });
    assert_eq!(case.field(READER, "severity"), json!("Severe"), "Mallory signed it as well");
}

#[test]
fn a_change_replayed_into_another_document_is_not_shown() {
    let (mut here, there) = (Case::new(), Case::numbered(2));
    assert_ne!(here.document, there.document);
    // With no dependencies at all, so that nothing but the actor tells the two apart.
    let foreign = change_of(&there, 0);
    let epoch = here.epoch(MALLORY);
    let attack = here.seal(MALLORY, &epoch, Vec::new(), &foreign);
    here.hidden(&attack, is(ChangeError::WrongActor));
}

#[test]
fn a_change_that_says_otherwise_than_its_header_what_it_builds_on_is_not_shown() {
    let mut case = Case::new();
    let (right, unknown) = (case.forged(), [9; 32]);
    let base = right.deps[0];
    let (document, epoch) = (case.document, case.epoch(MALLORY));
    let shown = case.open(MALLORY).heads();
    // Automerge would queue those with an unknown dependency silently, with all that builds on them.
    for (header, deps) in [
        (shown.clone(), vec![unknown]),
        (shown.clone(), Vec::new()),
        (shown.clone(), vec![base, unknown]),
        (Vec::new(), vec![base]),
        (Vec::new(), vec![unknown]),
    ] {
        let count = (deps.len(), header.len());
        let mut deps = deps;
        deps.sort();
        let change = Forged { deps, actor: None, ..right.clone() }.bytes(&document);
        let attack = case.seal(MALLORY, &epoch, header, &change);
        case.hidden(&attack, is(ChangeError::WrongDependencies { found: count.0, expected: count.1 }));
    }
}

#[test]
fn what_builds_on_what_cannot_be_shown_is_left_out_and_nothing_else() {
    let mut case = Case::new();
    let (epoch, shown) = (case.epoch(MALLORY), case.open(MALLORY).heads());
    let bad = case.mallory(b"no change at all");
    case.hidden(&bad, malformed("does not begin"));
    // A right change whose header names the bad one as well: it is well signed, and waits for what never comes.
    let right = case.change(MALLORY, &["severity=Severe"]);
    let upon = case.seal(MALLORY, &epoch, vec![bad], right.bytes());
    case.hidden(&upon, |why| *why == Unreadable::Dep(bad));
    let both = case.seal(MALLORY, &epoch, [shown, vec![bad]].concat(), right.bytes());
    case.hidden(&both, |why| *why == Unreadable::Dep(bad));
    case.revise(WRITER, &["severity=Extreme"]);
    assert_eq!(case.field(READER, "severity"), json!("Extreme"));
}

#[test]
fn a_change_that_expands_enormously_is_refused_before_it_does() {
    let mut case = Case::new();
    // A whole change compressed as Automerge itself would: a megabyte of text in a few bytes.
    let mut document = AutoCommit::new().with_actor(ActorId::from([0; 16]));
    let text = document.put_object(ROOT, "note", ObjType::Text).unwrap();
    document.splice_text(&text, 0, 0, &"a".repeat(1 << 20)).unwrap();
    document.commit();
    let mut change = document.get_last_local_change().unwrap();
    let compressed = change.bytes().to_vec();
    assert!(compressed[8] == 2 && compressed.len() < 8_192, "{} bytes", compressed.len());
    let whole = case.mallory(&compressed);
    case.hidden(&whole, malformed("compressed"));
    // The same under the type of an uncompressed change, its checksum right.
    let disguised = case.mallory(&chunk(1, &compressed[11..]));
    case.hidden(&disguised, |why| matches!(why, Unreadable::Change(_)));
    // One column compressed: bit 3 of its specification.
    let right = case.forged();
    let count = right.columns[0];
    for column in 0..usize::from(count) {
        let mut columns = right.columns.clone();
        columns[1 + 2 * column] |= 8;
        let change = Forged { actor: None, columns, ..right.clone() }.bytes(&case.document);
        let attack = case.mallory(&change);
        case.hidden(&attack, malformed("column is unknown, compressed"));
    }
    // Run lengths: 2^61 operations in a few bytes.
    let run = [leb128(1 << 61), vec![1]].concat();
    let columns = [&[1, 66, u8::try_from(run.len()).unwrap()], run.as_slice()].concat();
    let change = Forged { actor: None, columns, ..right }.bytes(&case.document);
    let attack = case.mallory(&change);
    case.hidden(&attack, is(ChangeError::TooManyOperations));
}

#[test]
fn counters_keys_values_and_depths_out_of_bounds_are_left_out() {
    let mut case = Case::new();
    let right = case.forged();
    for start in [0, u64::from(u32::MAX) + 1, u64::MAX] {
        let change = Forged { actor: None, start, ..right.clone() }.bytes(&case.document);
        let attack = case.mallory(&change);
        case.hidden(&attack, malformed("first operation's number"));
    }
    // Within 32 bits, but not right after what it builds on.
    let ahead = Forged { actor: None, start: u64::from(u32::MAX), ..right }.bytes(&case.document);
    let ahead = case.mallory(&ahead);
    assert!(case.why(READER, &ahead).is_none(), "its bytes are right");
    left_out(&case, "counters");
    for (write, word) in [
        (deep as fn(&mut AutoCommit), "nested too deep"),
        (counter, "type that is not used"),
        (bytes, "type that is not used"),
        (long_key, "a key has"),
    ] {
        let change = made(&case, write);
        let attack = case.mallory(&change);
        match case.why(READER, &attack) {
            Some(why) => case.hidden(&attack, |_| why.to_string().contains(word)),
            None => left_out(&case, word),
        }
    }
}

/// That somebody's change was left out for this reason when changes were put together, and the rest is shown.
#[track_caller]
fn left_out(case: &Case, word: &str) {
    for who in [OWNER, WRITER, READER] {
        let opened = case.open(who);
        let found = opened.content.left_out().values().any(|why| matches!(why, LeftOut::Unsound { .. }) && why.to_string().contains(word));
        assert!(found, "{word}: {:?}", opened.content.left_out());
        assert_eq!(case.field(who, "headline"), json!("Burglaries"));
    }
}

/// A change upon what is shown, by Automerge itself and with the right actor, of anything at all.
fn made(case: &Case, write: impl FnOnce(&mut AutoCommit)) -> Vec<u8> {
    let saved = case.open(MALLORY).content.save().unwrap();
    let mut document = AutoCommit::load(&saved).unwrap().with_actor(ActorId::from([0; 16]));
    write(&mut document);
    document.commit_with(automerge::transaction::CommitOptions::default().with_time(0));
    let change = document.get_last_local_change().unwrap();
    Forged { actor: None, ..Forged::of(change.raw_bytes()) }.bytes(&case.document)
}

fn deep(document: &mut AutoCommit) {
    let mut object = document.put_object(ROOT, "deep", ObjType::Map).unwrap();
    for _ in 0..2_000 {
        object = document.put_object(&object, "deep", ObjType::Map).unwrap();
    }
}

fn counter(document: &mut AutoCommit) {
    document.put(ROOT, "state", ScalarValue::counter(i64::MAX)).unwrap();
}

fn bytes(document: &mut AutoCommit) {
    document.put(ROOT, "state", ScalarValue::Bytes(vec![0; 100])).unwrap();
}

fn long_key(document: &mut AutoCommit) {
    document.put(ROOT, "k".repeat(10_000), "x").unwrap();
}

#[test]
fn texts_and_lists_beyond_all_bounds_are_cut_or_left_out_and_said() {
    let mut case = Case::new();
    // A line of 500 KB where 2 KiB are allowed, and a text of 270 KB.
    let change = made(&case, |document| {
        let (_, fields) = document.get(ROOT, "fields").unwrap().unwrap();
        document.put(&fields, "source", "x".repeat(500_000)).unwrap();
        let (_, note) = document.get(&fields, "note").unwrap().unwrap();
        document.splice_text(&note, 0, 0, &"y".repeat(270_000)).unwrap();
    });
    assert!(change.len() < 900_000);
    case.mallory(&change);
    let snapshot = case.open(READER).content.snapshot();
    assert_eq!(snapshot.fields.get("source"), None);
    assert!(snapshot.fields.get("note").is_none_or(|note| note.as_str().unwrap().len() <= 256 * 1024));
    assert!(snapshot.problems.iter().any(|problem| problem.path == "source"), "{:?}", snapshot.problems);
    assert_eq!(case.field(READER, "headline"), json!("Burglaries"));
    // And the writer mends it.
    case.revise(WRITER, &["source=Kennington", "note=short"]);
    assert!(case.open(READER).content.snapshot().problems.is_empty());
}

#[test]
fn wrong_lengths_hashes_and_trailing_bytes_are_refused_for_all_alike() {
    let mut case = Case::new();
    let right = case.forged();
    let bytes = Forged { actor: None, ..right.clone() }.bytes(&case.document);
    let body = right.body(&case.document);
    let mut wrong_sum = bytes.clone();
    wrong_sum[5] ^= 1;
    let long = [&bytes[..9], &leb128(body.len() as u64 + 1), &body].concat();
    let short = [&bytes[..9], &leb128(body.len() as u64 - 1), &body].concat();
    let two = [bytes.as_slice(), &bytes].concat();
    for (change, word) in [
        (wrong_sum, "checksum"),
        (long, "too early"),
        (short, "too many"),
        (two, "too many"),
        ([bytes.as_slice(), &[0]].concat(), "too many"),
        (bytes[..bytes.len() - 1].to_vec(), "too early"),
        (chunk(0, &body), "no change"),
        (Vec::new(), "too early"),
    ] {
        let attack = case.mallory(&change);
        case.hidden(&attack, malformed(word));
    }
    // The same inside a payload that is laid out wrongly.
    let (epoch, key) = case.epoch(MALLORY);
    let payload = RevisionPayload { at: NOW, person: None, change: bytes }.to_canonical();
    for plain in [[payload.as_slice(), &[0]].concat(), payload[..payload.len() - 1].to_vec(), [&[0x85], &payload[1..]].concat(), Vec::new()]
    {
        let mut entropy = csu_protocol::entropy::Entropy::from_seed([7; 32]);
        let attack = case.mallory_sealed(epoch, |bound| csu_protocol::entry::seal_payload(&key, &plain, bound, &mut entropy).unwrap());
        case.hidden(&attack, |why| matches!(why, Unreadable::Malformed(_)));
    }
}

#[test]
fn a_later_revision_does_not_change_what_kind_of_document_it_is() {
    let mut case = Case::new();
    let attack = made(&case, |document| document.put(ROOT, "kind", "guide").unwrap());
    // Of what kind it is its owner says: nothing of a revision that says another is shown.
    let attack = case.mallory(&attack);
    case.hidden(&attack, |why| matches!(why, Unreadable::OtherKind));
    // Nor is it taken away, so that another could be given.
    let deleted = made(&case, |document| document.delete(ROOT, "kind").unwrap());
    let deleted = case.mallory(&deleted);
    assert_eq!(case.why(READER, &deleted), None, "its bytes are right");
    left_out(&case, "kind");
    for who in [OWNER, WRITER, READER] {
        assert_eq!(case.open(who).content.snapshot().kind_name.as_deref(), Some("bulletin"));
    }
    case.revise(WRITER, &["severity=Extreme"]);
    assert_eq!(case.field(READER, "severity"), json!("Extreme"));
}

#[test]
fn markings_and_states_that_there_are_not_are_said_and_the_next_honest_revision_mends_them() {
    let mut case = Case::new();
    for (key, value) in [("marking", "PURPLE"), ("state", "withdrawn"), ("state", "published"), ("state", "")] {
        let change = made(&case, |document| document.put(ROOT, key, value).unwrap());
        case.mallory(&change);
        let snapshot = case.open(READER).content.snapshot();
        assert!(snapshot.problems.iter().any(|problem| problem.path == key), "{key}={value}: {:?}", snapshot.problems);
        assert_eq!(case.field(READER, "headline"), json!("Burglaries"));
        // No marking is stricter than none that is known: whoever shares it further takes it for RED.
        assert_eq!(snapshot.marking, (key != "marking").then_some(Marking::Green));
        assert!(snapshot.state.is_none() || key == "marking");
        case.revise(WRITER, &[&format!("note={key} {value}")]);
        let mended = case.open(READER).content.snapshot();
        assert_eq!(mended.marking, Some(Marking::Green));
    }
}

#[test]
fn a_second_beginning_reads_alike_for_all_and_goes_with_its_author() {
    let mut case = Case::new();
    // A change that builds on nothing, with as many operations as it takes for its values to win.
    let mut document = AutoCommit::new().with_actor(ActorId::from([0; 16]));
    for at in 0..200 {
        document.put(ROOT, "state", format!("{at}")).unwrap();
    }
    document.put(ROOT, "kind", "guide").unwrap();
    document.put_object(ROOT, "fields", ObjType::Map).unwrap();
    document.commit_with(automerge::transaction::CommitOptions::default().with_time(0));
    let root = Forged { actor: None, ..Forged::of(document.get_last_local_change().unwrap().raw_bytes()) }.bytes(&case.document);
    let epoch = case.epoch(MALLORY);
    let second = case.seal(MALLORY, &epoch, Vec::new(), &root);
    let shown = [OWNER, WRITER, READER].map(|who| case.open(who).content.snapshot());
    assert!(shown[0] == shown[1] && shown[1] == shown[2]);
    // It says another kind than the owner: nothing of it is shown.
    assert_eq!((shown[0].kind_name.as_deref(), shown[0].problems.len()), (Some("bulletin"), 0), "{:?}", shown[0].problems);
    case.hidden(&second, |why| matches!(why, Unreadable::OtherKind));
    // Writing is a power: who abuses it is evicted, and nothing of it stays.
    let mallory = case.parties[MALLORY].id;
    case.control(OWNER, Body::Revoke { principal: Principal::Organisation(mallory), keep: Vec::new() });
    case.revise(WRITER, &["severity=Extreme"]);
    for who in [OWNER, WRITER, READER] {
        let snapshot = case.open(who).content.snapshot();
        assert_eq!((snapshot.kind_name.as_deref(), snapshot.problems.len()), (Some("bulletin"), 0));
        assert_eq!((case.field(who, "headline"), case.field(who, "severity")), (json!("Burglaries"), json!("Extreme")));
    }
}
