//! Automerge changes by somebody who gets every checksum right.
//!
//! The input is a list of changes: a byte whose bits say which of those taken before it builds on, a byte whose bits say
//! which of their actors it names, a byte that is added to the right number of its first operation, and its columns.
//! Dependencies, actor and checksum are written by `forge`, independently of the protocol's own code.

use super::forge::Forged;
use super::tape::Tape;
use csu_protocol::document::{Change, ChangeHash, Content, LeftOut, Marking, Wanted, kind};
use csu_protocol::id::DocumentId;
use serde_json::json;
use std::collections::BTreeSet;

/// The document that they are made for.
pub const DOCUMENT: DocumentId = DocumentId::new([7; 32]);
/// Changes of one input.
const CHANGES: usize = 8;
/// Operations of all changes of one input, so that an input is quick.
const OPERATIONS: u64 = 4_000;

/// A change that was taken.
struct Taken {
    change: Change,
    actor: [u8; 16],
    /// The number of its last operation, or of the last below it.
    end: u64,
}

/// The changes of an input that are taken.
#[must_use]
pub fn taken(data: &[u8]) -> Vec<Change> {
    let mut tape = Tape::new(data);
    let mut taken: Vec<Taken> = Vec::new();
    let mut operations = 0;
    while tape.has_more() && taken.len() < CHANGES && operations < OPERATIONS {
        if let Some(next) = next(&mut tape, &taken) {
            operations += next.end;
            taken.push(next);
        }
    }
    taken.into_iter().map(|taken| taken.change).collect()
}

/// Changes of one document, in any order, with an honest writer after them.
pub fn change(data: &[u8]) {
    let changes = taken(data);
    let content = Content::build(changes.iter().cloned());
    for why in content.left_out().values() {
        assert!(!matches!(why, LeftOut::Refused { .. }), "Automerge refused what was checked: {why}");
    }
    let backwards = Content::build(changes.iter().rev().chain(&changes).cloned());
    assert_eq!(content.left_out(), backwards.left_out());
    assert_eq!(content.heads(), backwards.heads());
    let snapshot = content.snapshot();
    assert_eq!(snapshot, backwards.snapshot());
    let saved = content.save().expect("it can be saved");
    assert_eq!(Ok(&saved), backwards.save().as_ref());
    if content.is_empty() {
        return;
    }
    let heads: Vec<ChangeHash> = content.heads().iter().copied().collect();
    assert_eq!(content.snapshot_at(&heads).as_ref(), Some(&snapshot));
    loads_elsewhere(&saved, &content, &changes);
    go_on(&content, &changes, &heads);
}

fn next(tape: &mut Tape<'_>, taken: &[Taken]) -> Option<Taken> {
    let (deps, others, ahead, columns) = (tape.byte(), tape.byte(), tape.byte(), tape.bytes());
    let chosen = |mask: u8| taken.iter().enumerate().filter(move |(at, _)| mask >> at & 1 == 1).map(|(_, taken)| taken);
    let hashes: BTreeSet<ChangeHash> = chosen(deps).map(|taken| taken.change.hash()).collect();
    let actors: BTreeSet<[u8; 16]> = chosen(others).map(|taken| taken.actor).collect();
    let start = chosen(deps).map(|taken| taken.end).max().unwrap_or(0) + 1 + u64::from(ahead);
    let forged = Forged {
        deps: hashes.iter().map(|hash| *hash.as_bytes()).collect(),
        actor: None,
        seq: 1,
        start,
        others: actors.into_iter().collect(),
        columns: columns.to_vec(),
    };
    let bytes = forged.bytes(&DOCUMENT);
    let change = Change::check(&DOCUMENT, &bytes, &hashes).ok()?;
    assert_eq!(change.bytes(), bytes);
    let actor = Forged::of(&bytes).actor?;
    let parsed = automerge::Change::try_from(bytes.as_slice()).expect("Automerge takes what was checked");
    assert_eq!(written_again(&parsed), bytes, "Automerge writes what was taken in other bytes");
    assert_eq!(ChangeHash::new(parsed.hash().0), change.hash());
    Some(Taken { change, actor, end: parsed.max_op() })
}

/// What Automerge writes when it is asked for a change whose operations it keeps.
fn written_again(change: &automerge::Change) -> Vec<u8> {
    automerge::Change::from(automerge::ExpandedChange::from(change)).raw_bytes().to_vec()
}

/// The file that is exported opens in an Automerge that knows nothing of us, with the same changes.
fn loads_elsewhere(saved: &[u8], content: &Content, changes: &[Change]) {
    let document = automerge::Automerge::load(saved).expect("a saved document loads");
    let loaded: BTreeSet<_> = document.get_changes(&[]).iter().map(|change| ChangeHash::new(change.hash().0)).collect();
    let shown: BTreeSet<_> = changes.iter().map(Change::hash).filter(|hash| content.contains(hash)).collect();
    assert_eq!(loaded, shown);
}

/// Whatever is shown, an honest writer can go on from it, and what it writes holds.
fn go_on(content: &Content, changes: &[Change], heads: &[ChangeHash]) {
    let kind = kind::find("bulletin").expect("a kind");
    if content.snapshot().kind_name.as_deref().is_some_and(|name| name != kind.name) {
        return;
    }
    let fields = json!({ "note": "honest", "info": [{ "headline": "h", "category": ["Fire"], "area": [{ "areaDesc": "Mill Road" }] }] });
    let fields = kind.check(fields.as_object().expect("an object")).expect("these are right");
    let wanted = Wanted { kind, marking: Marking::Red, state: Some("resolved".to_owned()), fields: fields.clone() };
    match content.revise(&DOCUMENT, heads, &wanted) {
        Ok(honest) => {
            let after = Content::build(changes.iter().cloned().chain([honest.clone()]));
            assert!(after.contains(&honest.hash()), "an honest change is left out: {:?}", after.left_out());
            let shown = after.snapshot();
            assert_eq!((shown.fields, shown.marking, shown.state), (fields, Some(Marking::Red), Some("resolved")));
        }
        Err(csu_protocol::document::ReviseError::NothingChanged) => {}
        Err(error) => panic!("an honest writer is stuck: {error}"),
    }
}
