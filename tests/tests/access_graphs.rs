//! Graphs that are made to be slow to judge are not.
//!
//! Steps are counted, not time: blocks of sets looked at, revocations and places of chains. For each hostile graph a
//! larger one must cost about as much an entry as a smaller one. With the walks over whole pasts, or over all revocations
//! of an organisation, that these graphs provoke, four times the size would cost four times as much an entry.

use csu_protocol::access::{Access, Insertion, Unsound};
use csu_protocol::author::{self, Acting};
use csu_protocol::entry::{Author, Body, Grant, Keep, Plane, Principal, Role, Signer, Subject, VerifiedEntry};
use csu_protocol::id::EntryId;
use csu_protocol::identity::{DeviceKey, RootKey};
use csu_protocol::limits;
use csu_protocol::time::Timestamp;
use csu_tests::bench::access::ask;
use csu_tests::bench::graph::{Actor, Maker, Signatures, actors, build, response, take};
use csu_tests::bench::hostile::GRAPHS;
use csu_tests::history::Dice;
use std::collections::BTreeSet;

const SMALL: usize = 2_000;
const LARGE: usize = 8_000;

/// Steps an entry that take to count all entries and to answer the first questions.
fn steps_per_entry(entries: Vec<VerifiedEntry>) -> f64 {
    let length = entries.len() as f64;
    let access = build(entries);
    ask(&access);
    access.steps() as f64 / length
}

/// Judges the graph at two sizes: an entry may take `most` steps, and not much more of them in the larger.
fn costs_little(name: &str, most: f64) {
    let graph = GRAPHS.iter().find(|graph| graph.name == name).unwrap();
    let (small, large) = (steps_per_entry((graph.make)(SMALL)), steps_per_entry((graph.make)(LARGE)));
    println!("{name}: {small:.1} and {large:.1} steps an entry");
    assert!(large <= most && small <= most, "{name}: {small:.1} and {large:.1} steps an entry");
    // One more level of blocks, or a longer way along a chain, is no growth to speak of.
    assert!(large <= small * 1.8 + 10.0, "{name}: {small:.1} steps an entry grew to {large:.1}");
}

macro_rules! graphs {
    ($($test:ident: $name:literal at most $most:literal;)*) => {
        $(#[test]
        fn $test() {
            costs_little($name, $most);
        })*

        #[test]
        fn every_hostile_graph_of_the_bench_is_among_these() {
            let tested: BTreeSet<&str> = [$($name),*].into();
            assert_eq!(tested, GRAPHS.iter().map(|graph| graph.name).collect());
        }
    };
}

graphs! {
    a_root_key_that_forks_its_word_over_a_long_past_costs_little: "root_forks" at most 100.0;
    revocations_that_keep_what_is_long_past_cost_little: "old_keeps" at most 100.0;
    entries_over_64_heads_each_cost_little: "wide_heads" at most 2000.0;
    giving_up_the_same_role_for_ever_costs_little: "renunciations" at most 100.0;
    a_role_taken_and_given_in_turn_costs_little: "regrants" at most 100.0;
    entries_that_each_saw_other_revocations_cost_little: "pairs" at most 200.0;
    cutting_long_chains_in_many_places_costs_little: "long_chains" at most 200.0;
    thousands_of_entries_in_one_place_of_a_chain_cost_little: "forks" at most 100.0;
    six_levels_of_64_grants_each_cost_little: "delegation" at most 300.0;
    revocations_that_keep_256_entries_each_cost_little: "many_keeps" at most 200.0;
    void_revocations_of_what_was_given_before_cost_little: "void_revocations" at most 1000.0;
    renunciations_by_a_lost_device_cost_little: "void_renunciations" at most 1000.0;
    a_root_key_that_keeps_the_same_grant_again_and_again_costs_little: "kept_roots" at most 1000.0;
    forked_revocations_of_an_evicted_admin_cost_little: "flood" at most 1000.0;
}
