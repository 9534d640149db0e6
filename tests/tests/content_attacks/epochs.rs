//! Epochs that begin at once, and epochs that lie about those before them.

use super::case::{Case, LATER, MALLORY, OWNER, READER, WRITER};
use csu_protocol::author;
use csu_protocol::codec::Canonical;
use csu_protocol::entropy::Entropy;
use csu_protocol::entry::{Body, EpochKey, Grant, Openness, Role, Subject, Wraps};
use csu_protocol::id::EntryId;
use csu_protocol::limits::EARLIER_EPOCHS;
use serde_json::json;

fn admit(case: &mut Case, who: usize) {
    let subject = Subject::Organisation(case.parties[who].id);
    case.control(OWNER, Body::Grant { grants: vec![Grant { subject, role: Role::Read, until: None }] });
}

#[test]
fn two_epochs_begun_at_once_are_both_read_and_a_new_reader_opens_the_past_of_both() {
    let mut case = Case::new();
    let before = case.entries.len();
    // Each of two writers starts one and writes under it before it hears of the other's.
    let (audience, words) = (case.audience(), [(WRITER, "severity=Severe"), (OWNER, "urgency=Future")]);
    let mut apart = Vec::new();
    for (who, word) in words {
        let change = case.change(who, &[word]);
        let deps = case.open(who).entries_of(change.deps());
        let earlier = case.open(who).earlier_epochs();
        let epoch = case.start_epoch(who, &audience, &earlier);
        case.seal(who, &epoch, deps, change.bytes());
        apart.push(case.entries.split_off(before));
    }
    case.entries.extend(apart.into_iter().flatten());
    let reads = |case: &Case, who: usize| {
        let opened = case.open(who);
        assert!(opened.unreadable.is_empty(), "party {who}: {:?}", opened.unreadable);
        assert_eq!((case.field(who, "severity"), case.field(who, "urgency")), (json!("Severe"), json!("Future")), "party {who}");
        assert_eq!(case.field(who, "headline"), json!("Burglaries"), "party {who}");
    };
    for who in [OWNER, WRITER, MALLORY, READER] {
        reads(&case, who);
    }
    assert_eq!(case.open(READER).earlier_epochs().len(), 2, "both are heads");
    admit(&mut case, LATER);
    assert!(!case.open(LATER).unreadable.is_empty(), "nothing is wrapped for the new reader yet");
    case.epoch(WRITER);
    reads(&case, LATER);
}

/// A new epoch by Mallory that says these are the keys of earlier ones.
fn lie(case: &mut Case, earlier: &[(EntryId, EpochKey)]) -> (EntryId, EpochKey) {
    let audience = case.audience();
    let mut entropy = Entropy::from_seed(case.entropy.bytes());
    let (entry, key) = author::key(&case.access(), &case.acting(MALLORY), &audience, earlier, &mut entropy).unwrap();
    (case.put(entry), key)
}

#[test]
fn an_epoch_that_lies_about_earlier_keys_does_not_keep_the_past_from_a_new_reader() {
    let mut case = Case::new();
    let first = case.epoch(WRITER).0;
    // "I pass the first epoch on", with a key that is not its key; and others that there are not.
    let junk = EpochKey::from_bytes([1; 32]);
    let lying = lie(&mut case, &[(first, junk.clone()), (EntryId::new([9; 32]), junk.clone()), (first, junk)]);
    for who in [OWNER, WRITER, READER] {
        assert_eq!(case.field(who, "headline"), json!("Burglaries"));
        let passed: Vec<EntryId> = case.open(who).earlier_epochs().iter().map(|(id, _)| *id).collect();
        assert!(passed.contains(&first) && passed.contains(&lying.0), "party {who} would pass on {passed:?} alone");
    }
    admit(&mut case, LATER);
    case.revise(WRITER, &["severity=Severe"]);
    let opened = case.open(LATER);
    assert!(opened.unreadable.is_empty(), "{:?}", opened.unreadable);
    assert_eq!(case.field(LATER, "headline"), json!("Burglaries"));
}

#[test]
fn two_epochs_that_contradict_each_other_about_the_past_open_it_all_the_same() {
    let mut case = Case::new();
    let first = case.epoch(WRITER);
    case.revise(WRITER, &["severity=Severe"]);
    let junk = EpochKey::from_bytes([1; 32]);
    let one = lie(&mut case, &[(first.0, junk.clone())]);
    // The second is right about the first epoch and wrong about the lying one.
    lie(&mut case, &[first, (one.0, junk)]);
    admit(&mut case, LATER);
    case.revise(OWNER, &["note=next"]);
    for who in [OWNER, WRITER, READER, LATER] {
        let opened = case.open(who);
        assert!(opened.unreadable.is_empty(), "party {who}: {:?}", opened.unreadable);
        assert_eq!(case.field(who, "severity"), json!("Severe"), "party {who}");
    }
}

#[test]
fn earlier_keys_that_cannot_be_read_open_nothing_and_break_nothing() {
    let mut case = Case::new();
    let key = EpochKey::draw(&mut case.entropy);
    let recipients: Vec<_> = [OWNER, WRITER, MALLORY, READER].map(|who| case.parties[who].recipient()).into();
    let sealed = Wraps::seal(&case.document, &key, &recipients, Openness::Recipients, &[], &mut case.entropy).unwrap().to_canonical();
    // The last item, where the sealed earlier keys stand: null becomes bytes that nobody sealed.
    let bytes = [&sealed[..sealed.len() - 1], &[0x58, 0x30], &[7; 48]].concat();
    let wraps = Wraps::from_canonical(&bytes).unwrap();
    let epoch = case.start_epoch_as(MALLORY, key.commitment(), &wraps);
    let change = case.change(MALLORY, &["severity=Severe"]);
    let deps = case.open(MALLORY).entries_of(change.deps());
    case.seal(MALLORY, &(epoch, key), deps, change.bytes());
    for who in [OWNER, WRITER, READER] {
        assert!(case.open(who).unreadable.is_empty(), "party {who}");
        assert_eq!(case.field(who, "severity"), json!("Severe"), "party {who}");
    }
}

#[test]
fn a_flood_of_epochs_does_not_keep_the_past_from_a_new_reader() {
    let mut case = Case::new();
    let first = case.epoch(WRITER).0;
    // More heads than one epoch can pass on, all by Mallory, with nothing sealed under them, and with ids that come first:
    // she draws until they do.
    let (access, audience) = (case.access(), case.audience());
    let mut flood = Vec::new();
    let mut entropy = Entropy::from_seed([3; 32]);
    while flood.len() <= EARLIER_EPOCHS {
        let (entry, _) = author::key(&access, &case.acting(MALLORY), &audience, &[], &mut entropy).unwrap();
        if entry.id() < first {
            flood.push(entry);
        }
    }
    case.entries.extend(flood);
    let passed = case.open(WRITER).earlier_epochs();
    assert!(passed.len() <= EARLIER_EPOCHS);
    assert!(passed.iter().any(|(id, _)| *id == first), "the epoch under which everything was said is not passed on");
    admit(&mut case, LATER);
    case.revise(WRITER, &["severity=Severe"]);
    assert_eq!(case.field(LATER, "headline"), json!("Burglaries"));
    assert!(case.open(LATER).unreadable.is_empty());
}
