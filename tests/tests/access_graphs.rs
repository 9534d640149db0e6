//! Graphs that are made to be slow to judge are not.
//!
//! Steps are counted, not time: blocks of sets looked at, revocations and places of chains. For each hostile graph a
//! larger one must cost about as much an entry as a smaller one. With the walks over whole pasts, or over all revocations
//! of an organisation, that these graphs provoke, four times the size would cost four times as much an entry.

use csu_protocol::access::{Access, Insertion, Unsound};
use csu_protocol::author::{self, Acting};
use csu_protocol::entry::{Body, Grant, Keep, Plane, Principal, Role, Signer, VerifiedEntry};
use csu_protocol::id::EntryId;
use csu_protocol::identity::{DeviceKey, RootKey};
use csu_protocol::limits;
use csu_protocol::time::Timestamp;
use csu_tests::bench::access::ask;
use csu_tests::bench::graph::{Actor, Maker, Signatures, actors, build, response, take};
use csu_tests::bench::hostile::GRAPHS;
use csu_tests::history::Dice;
use std::collections::BTreeSet;

/// Entries of the smaller graph; the larger has four times as many.
const SMALL: usize = 2_000;

/// Steps an entry that take to count all entries and to answer the first questions.
fn steps_per_entry(entries: Vec<VerifiedEntry>) -> f64 {
    let length = entries.len() as f64;
    let access = build(entries);
    ask(&access);
    access.steps() as f64 / length
}

/// Judges the graph at two sizes: an entry may take `most` steps, and not much more of them in the larger.
fn costs_little(name: &str, small: usize, most: f64) {
    let graph = GRAPHS.iter().find(|graph| graph.name == name).unwrap();
    let (small, large) = (steps_per_entry((graph.make)(small)), steps_per_entry((graph.make)(4 * small)));
    println!("{name}: {small:.1} and {large:.1} steps an entry");
    assert!(large <= most && small <= most, "{name}: {small:.1} and {large:.1} steps an entry");
    // One more level of blocks, or a longer way along a chain, is no growth to speak of.
    assert!(large <= small * 1.8 + 10.0, "{name}: {small:.1} steps an entry grew to {large:.1}");
}

macro_rules! graphs {
    ($($test:ident: $name:literal from $small:expr, at most $most:literal;)*) => {
        $(#[test]
        fn $test() {
            costs_little($name, $small, $most);
        })*

        #[test]
        fn every_hostile_graph_of_the_bench_is_among_these() {
            let tested: BTreeSet<&str> = [$($name),*].into();
            assert_eq!(tested, GRAPHS.iter().map(|graph| graph.name).collect());
        }
    };
}

graphs! {
    a_root_key_that_forks_its_word_over_a_long_past_costs_little: "root_forks" from SMALL, at most 40.0;
    revocations_that_keep_what_is_long_past_cost_little: "old_keeps" from SMALL, at most 50.0;
    // Larger, so that both sizes have as many levels of blocks but one.
    entries_over_64_heads_each_cost_little: "wide_heads" from 4 * SMALL, at most 2000.0;
    giving_up_the_same_role_for_ever_costs_little: "renunciations" from SMALL, at most 40.0;
    a_role_taken_and_given_in_turn_costs_little: "regrants" from SMALL, at most 40.0;
    entries_that_each_saw_other_revocations_cost_little: "pairs" from SMALL, at most 80.0;
    cutting_long_chains_in_many_places_costs_little: "long_chains" from SMALL, at most 20.0;
    thousands_of_entries_in_one_place_of_a_chain_cost_little: "forks" from SMALL, at most 10.0;
    six_levels_of_64_grants_each_cost_little: "delegation" from SMALL, at most 40.0;
    revocations_that_keep_256_entries_each_cost_little: "many_keeps" from SMALL, at most 10.0;
    void_revocations_of_what_was_given_before_cost_little: "void_revocations" from SMALL, at most 80.0;
    renunciations_by_a_lost_device_cost_little: "void_renunciations" from SMALL, at most 80.0;
    a_root_key_that_keeps_the_same_grant_again_and_again_costs_little: "kept_roots" from SMALL, at most 400.0;
    forked_revocations_of_an_evicted_admin_cost_little: "flood" from SMALL, at most 20.0;
}

/// A revocation that no other equals.
fn revoke(whom: &Actor, number: usize) -> Body {
    let mut id = [0xee; 32];
    id[..8].copy_from_slice(&number.to_le_bytes());
    let keep = vec![Keep { author: whom.author(), plane: Plane::Content, entry: EntryId::new(id) }];
    Body::Revoke { principal: Principal::Organisation(whom.organisation), keep }
}

fn last_is(entries: Vec<VerifiedEntry>) -> Result<Access, Unsound> {
    let mut access = Access::default();
    let length = entries.len();
    for (at, entry) in entries.into_iter().enumerate() {
        match access.insert(entry, |_, _| true) {
            Insertion::Sound(_) => {}
            Insertion::Unsound(_, unsound) if at + 1 == length => return Err(unsound),
            other => panic!("{at}: {other:?}"),
        }
    }
    Ok(access)
}

/// Forked revocations by actor 1 of actor 3, all in the past of a response by actor 2, whom the owner named.
fn after_a_flood(evicted_before: bool) -> Vec<VerifiedEntry> {
    let actors = actors(4);
    let given = actors[1..].iter().map(|actor| actor.given(Role::Admin)).collect();
    let mut maker = Maker::new(&actors[0], given, Signatures::None);
    let genesis = maker.genesis;
    let below = maker.put(&actors[1], Some(genesis), &[genesis], Body::Grant { grants: vec![actors[2].given(Role::Read)] });
    let after = maker.tip(actors[1].author(), Plane::Control);
    let mut seen = below;
    if evicted_before {
        let keep = vec![Keep { author: actors[1].author(), plane: Plane::Control, entry: below }];
        let body = Body::Revoke { principal: Principal::Organisation(actors[1].organisation), keep };
        seen = maker.put(&actors[0], Some(genesis), &[below], body);
    }
    for number in 0..limits::PAST_REVOKES + 1 {
        let fork = maker.put_after(&actors[1], Some(genesis), &[below], revoke(&actors[3], number), after);
        let said = Body::Grant { grants: vec![actors[1].given(Role::Relay)] };
        seen = maker.put(&actors[0], Some(genesis), &[seen, fork], said);
    }
    maker.put(&actors[2], Some(below), &[seen], response());
    maker.entries
}

#[test]
fn an_evicted_admin_cannot_silence_others_by_forking_revocations() {
    let access = last_is(after_a_flood(true)).unwrap();
    assert_eq!(access.forks().count(), limits::PAST_REVOKES);
    // Before the eviction those are the word of an admin above the author, and too many.
    assert_eq!(last_is(after_a_flood(false)).unwrap_err(), Unsound::Quota);
}

#[test]
fn an_admin_cannot_silence_its_peers_by_many_revocations() {
    let mut entries = after_a_flood(false);
    entries.pop();
    let mut access = build(entries.clone());
    // The same reader by the owner's own grant has nobody but the owner above it.
    let actors = actors(4);
    let newest = access.heads(Plane::Control).collect::<Vec<_>>();
    let mut maker = Maker::new(&actors[0], actors[1..].iter().map(|actor| actor.given(Role::Admin)).collect(), Signatures::None);
    let entry = maker.put(&actors[2], Some(maker.genesis), &newest, response());
    take(&mut access, maker.entries.pop().unwrap());
    assert!(access.is_authorised(&entry));
}

/// The owner's revocations, one more than may bear on those below, and what a reader may still sign.
#[test]
fn a_reader_with_too_many_revocations_from_above_in_its_past_signs_receipts_alone() {
    let actors = actors(3);
    let mut maker = Maker::new(&actors[0], vec![actors[1].given(Role::Read)], Signatures::None);
    let genesis = maker.genesis;
    let mut last = maker.put(&actors[0], Some(genesis), &[genesis], Body::Erase);
    let erase = last;
    for number in 0..limits::PAST_REVOKES {
        last = maker.put(&actors[0], Some(genesis), &[last], revoke(&actors[2], number));
    }
    let said = maker.put(&actors[1], Some(genesis), &[last], response());
    let access = last_is(maker.entries.clone()).unwrap();
    assert!(access.is_authorised(&said));
    last = maker.put(&actors[0], Some(genesis), &[last], revoke(&actors[2], usize::MAX));
    let within = maker.entries.len();
    maker.put(&actors[1], Some(genesis), &[last], response());
    assert_eq!(last_is(maker.entries.clone()).unwrap_err(), Unsound::Quota);
    maker.entries.truncate(within);
    maker.put(&actors[1], Some(genesis), &[last], Body::Receipt { erase });
    last_is(maker.entries).unwrap();
}

#[test]
fn forks_are_told_alike_in_whatever_order_they_came() {
    let actors = actors(2);
    let mut maker = Maker::new(&actors[0], vec![actors[1].given(Role::Read)], Signatures::None);
    let genesis = maker.genesis;
    let (mut after, mut ids) = (None, Vec::new());
    for seq in 0..3 {
        let at = Timestamp::from_ms(seq);
        let mut forks: Vec<EntryId> = (0..4)
            .map(|number| {
                let until = Some(Timestamp::from_ms(at.as_ms() * 10 + number));
                let grants = vec![Grant { until, ..actors[1].given(Role::Read) }];
                maker.put_after(&actors[0], Some(genesis), &[genesis], Body::Grant { grants }, after)
            })
            .collect();
        after = Some((seq, forks[0]));
        forks.sort();
        ids.push(forks);
    }
    // The genesis has the owner's first place; the first forks share it.
    ids[0].push(genesis);
    ids[0].sort();
    let wanted: Vec<(EntryId, EntryId)> = ids.iter().flat_map(|forks| forks[1..].iter().map(|other| (forks[0], *other))).collect();
    let mut dice = Dice::new("forks", 1);
    for _ in 0..20 {
        let mut levels: Vec<Vec<VerifiedEntry>> = maker.entries[1..].chunks(4).map(<[VerifiedEntry]>::to_vec).collect();
        levels.iter_mut().for_each(|level| dice.shuffle(level));
        let entries = maker.entries[..1].iter().cloned().chain(levels.into_iter().flatten()).collect();
        let forks: Vec<(EntryId, EntryId)> = build(entries).forks().collect();
        assert_eq!(forks, wanted);
    }
}

/// An organisation of more devices than an entry has parents, each with a control entry that no other has seen.
#[test]
fn an_honest_revocation_keeps_more_than_one_entry_can_name() {
    let root = RootKey::from_secret([7; 32]);
    let (owner, device) = (root.organisation(), DeviceKey::from_seed(&[8; 32]));
    let acting = |under| Acting { organisation: owner, signer: Signer::Device(&device), under: Some(under) };
    let devices: Vec<Actor> = (0..150).map(|number| Actor::new(1, number)).collect();
    let mut entropy = csu_protocol::entropy::Entropy::from_seed([1; 32]);
    let genesis = author::genesis(owner, Signer::Device(&device), vec![devices[0].given(Role::Admin)], &mut entropy).unwrap();
    let mut access = build(vec![genesis.clone()]);
    let mut maker = Maker::continuing(genesis.id());
    for device in &devices {
        maker.put(device, Some(genesis.id()), &[genesis.id()], Body::Grant { grants: vec![device.given(Role::Read)] });
    }
    for entry in &maker.entries {
        take(&mut access, entry.clone());
    }
    let keep = access.keep_all_of(&devices[0].organisation);
    assert_eq!(keep.len(), 150);
    let body = Body::Revoke { principal: Principal::Organisation(devices[0].organisation), keep };
    let acting = acting(genesis.id());
    // Without preparation it is unsound.
    let hasty = author::control(&access, &acting, body.clone()).unwrap();
    assert!(matches!(access.insert(hasty, |_, _| true), Insertion::Unsound(_, Unsound::Keep)));
    let mut gathered = 0;
    while let Some(entry) = author::gather(&access, &acting, &body).unwrap() {
        take(&mut access, entry);
        gathered += 1;
        assert!(gathered < 10);
    }
    let revocation = author::control(&access, &acting, body).unwrap();
    let id = revocation.id();
    take(&mut access, revocation);
    assert!(access.is_authorised(&id) && maker.entries.iter().all(|entry| access.is_authorised(&entry.id())));
    assert_eq!(gathered, 2);
}
