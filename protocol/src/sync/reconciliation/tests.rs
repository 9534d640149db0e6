//! Both sides together, each with the crate `negentropy` in place of the other, and with a peer that breaks the rules.

use super::*;
use crate::id::Hash;
use crate::sync::set::Ids;
use negentropy::{Negentropy, NegentropyStorageVector};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn members(range: Range<u32>) -> impl Iterator<Item = Id> {
    range.map(|number| *Hash::of(&number.to_le_bytes()).as_bytes())
}

/// What a comparison came to.
#[derive(Debug, PartialEq, Eq)]
struct Compared {
    ours: BTreeSet<Id>,
    theirs: BTreeSet<Id>,
    bytes: usize,
    /// Of which each is a round trip.
    steps: u32,
}

fn compare(ours: Ids, theirs: Ids) -> Compared {
    let (mut asking, mut step) = Asking::begin(ours);
    let mut answering = Answering::begin(theirs);
    let mut bytes = 0;
    loop {
        let answer = answering.answer(&step).unwrap();
        bytes += step.len() + answer.len();
        assert!(step.len() <= limits::RECONCILE_BYTES && answer.len() <= limits::RECONCILE_BYTES);
        match asking.take(&answer).unwrap() {
            Some(next) => step = next,
            None => break,
        }
    }
    assert!(!asking.is_cut_short());
    Compared { ours: asking.ours.into_iter().collect(), theirs: asking.theirs.into_iter().collect(), bytes, steps: asking.steps }
}

#[test]
fn what_differs_is_found_both_ways_and_equal_sets_cost_a_few_hundred_bytes() {
    for (ours, theirs) in [(0..0, 0..40), (0..40, 0..0), (0..3000, 5..3010), (0..30_000, 100..30_000), (0..5000, 5000..90_000)] {
        let found = compare(Ids::new(members(ours.clone())), Ids::new(members(theirs.clone())));
        let (mine, yours): (BTreeSet<_>, BTreeSet<_>) = (members(ours).collect(), members(theirs).collect());
        assert_eq!(found.ours, mine.difference(&yours).copied().collect());
        assert_eq!(found.theirs, yours.difference(&mine).copied().collect());
    }
    let found = compare(Ids::new(members(0..100_000)), Ids::new(members(0..100_000)));
    assert!(found.ours.is_empty() && found.theirs.is_empty() && found.bytes < 400 && found.steps == 1, "{} bytes", found.bytes);
}

#[test]
fn ten_changes_among_any_number_of_members_are_found_in_two_round_trips_of_few_bytes() {
    for (number, most) in [(500, 16_000), (4_000, 10_000), (20_000, 16_000), (200_000, 30_000)] {
        // Each change takes one member away and brings another.
        let found = compare(Ids::new(members(0..number)), Ids::new(members(10..number + 10)));
        assert_eq!((found.ours.len(), found.theirs.len()), (10, 10));
        assert!(found.steps <= 2 && found.bytes < most, "{number} members: {} round trips, {} bytes", found.steps, found.bytes);
    }
}

#[test]
fn a_bad_step_is_refused_and_no_step_makes_an_answer_longer_than_its_bound() {
    let mut answering = Answering::begin(Ids::new(members(0..100_000)));
    for step in [&[][..], &[0x60], &[0], &[0x61, 0, 0, 9], &[0x61, 0, 0, 2, 0xff, 0xff, 0xff, 0x7f]] {
        assert_eq!(answering.answer(step), Err(BadStep), "{step:?}");
    }
    // "I have nothing: tell me all."
    let answer = answering.answer(&[0x61, 0, 0, 2, 0]).unwrap();
    assert!(answer.len() > limits::RECONCILE_BYTES / 2 && answer.len() <= limits::RECONCILE_BYTES);
    // Where it breaks off it speaks of exactly the rest: whoever holds the same has nothing left to say.
    let mut same = Asking::begin(Ids::new(members(0..100_000))).0;
    assert_eq!((same.take(&answer), same.ours.len(), same.theirs.len()), (Ok(None), 0, 0));
    for _ in 6..limits::RECONCILE_STEPS {
        answering.answer(&[0x61]).unwrap();
    }
    assert_eq!(answering.answer(&[0x61]), Err(BadStep), "steps are counted");
}

#[test]
fn ranges_that_do_not_ascend_and_members_outside_their_range_are_refused() {
    let list = |least: u8, id: u8| [&[1, 1, least, 2, 1][..], &[id; 32]].concat();
    let step = |ranges: &[Vec<u8>]| [vec![VERSION], ranges.concat()].concat();
    let good =
        [step(&[list(5, 4), list(5, 4)][..1]), step(&[list(5, 4), list(9, 5)]), step(&[list(5, 4), vec![1, 2, 5, 0, 0], list(9, 8)])];
    let bad = [
        ("a range that ends before it begins", step(&[list(5, 4), list(4, 4)])),
        ("a range after the end", step(&[vec![0, 0, 0], vec![0, 0, 0]])),
        ("a member at the end of its range", step(&[list(5, 5)])),
        ("a member before its range", step(&[list(5, 4), list(9, 4)])),
        ("a later time", step(&[vec![2, 0, 0]])),
        ("an end within something", step(&[vec![0, 1, 7, 0]])),
        ("a bound longer than a member", step(&[[vec![1, 33], vec![7; 33], vec![0]].concat()])),
        ("a bound that is cut off", step(&[vec![1, 3, 7]])),
        ("a fingerprint that is cut off", step(&[vec![0, 0, 1, 7]])),
        ("a number that is cut off", step(&[vec![0, 0, 2, 0x80]])),
        ("a number without end", step(&[vec![0, 0, 2, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0]])),
    ];
    for step in good {
        assert!(Answering::begin(Ids::new(members(0..100))).answer(&step).is_ok(), "{step:?}");
        assert!(Asking::begin(Ids::new(members(0..100))).0.take(&step).is_ok(), "{step:?}");
    }
    for (what, step) in bad {
        assert_eq!(Answering::begin(Ids::new(members(0..100))).answer(&step), Err(BadStep), "{what}");
        assert_eq!(Asking::begin(Ids::new(members(0..100))).0.take(&step), Err(BadStep), "{what}");
    }
}

#[test]
fn an_answer_in_which_everything_differs_stays_within_its_bound_and_so_does_the_next_question() {
    let differing = |ranges: u32| -> Vec<u8> {
        let bound = |at: u32| [&[1, 3][..], &at.to_be_bytes()[1..], &[FINGERPRINT], &[0xee; 16]].concat();
        [VERSION].into_iter().chain((1..ranges).flat_map(|at| bound(at * (0x00ff_ffff / ranges)))).collect()
    };
    for ranges in [1_000, 20_000] {
        let step = differing(ranges);
        assert!(step.len() < limits::RECONCILE_BYTES);
        let answer = Answering::begin(Ids::new(members(0..200_000))).answer(&step).unwrap();
        let next = Asking::begin(Ids::new(members(0..200_000))).0.take(&step).unwrap().unwrap();
        assert!(answer.len() <= limits::RECONCILE_BYTES && next.len() <= limits::RECONCILE_BYTES);
    }
}

fn crates(ids: &BTreeSet<Id>, limit: u64) -> Negentropy<'static, NegentropyStorageVector> {
    let mut storage = NegentropyStorageVector::new();
    for id in ids {
        storage.insert(0, negentropy::Id::from_byte_array(*id)).unwrap();
    }
    storage.seal().unwrap();
    Negentropy::owned(storage, limit).unwrap()
}

/// What one has that the other lacks, and the other way round, as found by this side with the crate on the other, and by the
/// crate with this side on the other.
fn with_the_crate(ours: &BTreeSet<Id>, theirs: &BTreeSet<Id>, limit: u64) -> [(BTreeSet<Id>, BTreeSet<Id>); 2] {
    let set = || Ids::new(ours.iter().copied());
    let (mut asking, mut step) = Asking::begin(set());
    let mut answering = crates(theirs, limit);
    while let Some(next) = asking.take(&answering.reconcile(&step).unwrap()).unwrap() {
        step = next;
    }
    assert!(!asking.is_cut_short());
    let by_us = (asking.ours.into_iter().collect(), asking.theirs.into_iter().collect());

    let (mut asking, mut answering) = (crates(theirs, limit), Answering::begin(set()));
    let (mut have, mut need) = (Vec::new(), Vec::new());
    let mut step = asking.initiate().unwrap();
    while let Some(next) = asking.reconcile_with_ids(&answering.answer(&step).unwrap(), &mut have, &mut need).unwrap() {
        step = next;
    }
    let bytes = |ids: Vec<negentropy::Id>| ids.into_iter().map(|id| id.to_bytes()).collect();
    [by_us, (bytes(need), bytes(have))]
}

/// Ids among which many begin alike, so that bounds are of all lengths.
fn id() -> impl Strategy<Value = Id> {
    prop_oneof![
        any::<Id>(),
        (0..30_usize, any::<u16>()).prop_map(|(at, number)| {
            let mut id = [0x77; 32];
            id[at..at + 2].copy_from_slice(&number.to_be_bytes());
            id
        })
    ]
}

fn some(most: usize) -> impl Strategy<Value = BTreeSet<Id>> {
    prop::collection::btree_set(id(), 0..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_peer_that_divides_as_the_crate_does_finds_the_same_with_us_on_either_side(
        both in some(2_500), ours in some(60), theirs in some(60), limit in prop::sample::select(vec![0, 4096, 524_288]),
    ) {
        let with = |some: &BTreeSet<Id>| both.union(some).copied().collect::<BTreeSet<Id>>();
        let (ours, theirs) = (with(&ours), with(&theirs));
        let expected = (ours.difference(&theirs).copied().collect(), theirs.difference(&ours).copied().collect());
        for found in with_the_crate(&ours, &theirs, limit) {
            prop_assert_eq!(&found, &expected);
        }
        let found = compare(Ids::new(ours), Ids::new(theirs));
        prop_assert_eq!((found.ours, found.theirs), expected);
    }

    #[test]
    fn whatever_bytes_a_step_has_it_is_refused_or_answered_within_bounds(
        ids in some(200), ranges in prop::collection::vec((0..3_u8, prop::collection::vec(any::<u8>(), 0..40), 0..4_u8, 0..3_u8), 0..20),
    ) {
        let range = |(timestamp, bound, mode, count): (u8, Vec<u8>, u8, u8)| {
            let said = [count].into_iter().chain(bound.iter().copied().cycle().take(if bound.is_empty() { 0 } else { 32 * usize::from(count) }));
            let said: Vec<u8> = if mode == LIST { said.collect() } else { bound.iter().copied().take(16 * usize::from(mode)).collect() };
            [vec![timestamp, bound.len() as u8], bound, vec![mode], said].concat()
        };
        let step: Vec<u8> = [VERSION].into_iter().chain(ranges.into_iter().flat_map(range)).collect();
        let set = || Ids::new(ids.clone());
        if let Ok(answer) = Answering::begin(set()).answer(&step) {
            prop_assert!(answer.len() <= limits::RECONCILE_BYTES);
        }
        let mut asking = Asking::begin(set()).0;
        if asking.take(&step).is_ok() {
            prop_assert!(asking.ours.iter().all(|id| ids.contains(id)) && asking.theirs.iter().all(|id| !ids.contains(id)));
        }
    }
}

#[test]
fn very_long_lists_reach_a_peer_that_divides_as_the_crate_does_in_several_steps() {
    let (few, many): (BTreeSet<Id>, BTreeSet<Id>) = (members(0..50).collect(), members(20..40_000).collect());
    for (ours, theirs) in [(&few, &many), (&many, &few), (&BTreeSet::new(), &many), (&many, &BTreeSet::new())] {
        let expected = (ours.difference(theirs).copied().collect(), theirs.difference(ours).copied().collect());
        for found in with_the_crate(ours, theirs, limits::RECONCILE_BYTES as u64) {
            assert_eq!(found, expected);
        }
    }
}
