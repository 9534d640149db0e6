//! Many federations in virtual time, held against the laws of sync. See [`csu_tests::federation`].
//!
//! `CSU_TEST_FEDERATIONS=5000` runs so many; `CSU_TEST_SEED=17` runs one again. A debug build runs fewer, and says so.

use csu_tests::federation::{Burden, Course, Figures, Large, lies_told_here, live_beside, simulate};
use csu_tests::liar::Lie;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many simulations are run, unless `CSU_TEST_FEDERATIONS` says otherwise.
const SIMULATIONS: u64 = if cfg!(debug_assertions) { 40 } else { 1_000 };

/// Entries that come again, for each that was needed. Sent at once to every neighbour that might lack them it would be
/// twelve, and seven where two halves meet.
const MOST_DUPLICATES: f64 = 4.0;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is '{text}': give a number")))
}

#[test]
fn federations_agree_keep_secrets_lose_nothing_and_fall_silent() {
    if let Some(seed) = number("CSU_TEST_SEED") {
        println!("{}", simulate(seed));
        return;
    }
    let count = number("CSU_TEST_FEDERATIONS").unwrap_or(SIMULATIONS);
    let next = AtomicU64::new(0);
    let some = || {
        let mut sum = Figures::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= count {
                return sum;
            }
            sum += simulate(seed);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut all = Figures::default();
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(some)).collect();
        for thread in running {
            all += thread.join().expect("the output above says which law was broken, and the seed");
        }
    });
    if cfg!(debug_assertions) {
        println!("a debug build: {count} simulations, where a release build runs more");
    }
    println!("{all}");
    // What hardly ever happens is hardly ever tested.
    let enough = all.with_liars > 0 && all.liars_caught > 0 && all.crashes > count && all.falls > count;
    let more = all.partitions > count && all.stalls > count && all.disk_errors > 0 && all.jumps > 0 && all.declined > 0;
    assert!(count < 40 || (enough && more), "too little went wrong for this to mean anything");
    let told: BTreeSet<&str> = Lie::ALL.iter().filter(|lie| all.lies >> (**lie as u32) & 1 == 1).map(|lie| lie.name()).collect();
    let missing: Vec<&str> = lies_told_here().map(Lie::name).filter(|name| !told.contains(name)).collect();
    assert!(count < 1_000 || missing.is_empty(), "never told: {missing:?}");
}

#[test]
fn a_slow_or_silent_peer_costs_the_others_nothing_and_a_greedy_or_fresh_one_starves_nobody() {
    let longest = |cost: &csu_tests::federation::Cost| cost.reached_ms.last().copied().expect("bulletins that arrived");
    let alone = live_beside(Burden::None);
    for burden in [Burden::Silent, Burden::Slow] {
        let beside = live_beside(burden);
        // What it is sent less keeps the hub less busy: a few milliseconds of chance.
        assert!(longest(&beside) <= longest(&alone) + 5, "beside a {burden:?} peer: {beside:?}, and without: {alone:?}");
        assert!(beside.burden_bytes < alone.burden_bytes, "{burden:?} took {} bytes", beside.burden_bytes);
    }
    for burden in [Burden::Fresh, Burden::Greedy] {
        let beside = live_beside(burden);
        // No longer than the hub takes for a window of frames to it, and one longest frame.
        assert!(longest(&beside) <= longest(&alone) + 400, "beside a {burden:?} peer: {beside:?}, and without: {alone:?}");
        assert!(beside.burden_bytes > 10_000_000, "{burden:?} took {} bytes: no burden", beside.burden_bytes);
    }
}

#[test]
fn where_neighbours_form_cycles_little_is_sent_to_whom_it_reaches_otherwise() {
    let mut large = Large::new(1, 60);
    for course in Course::ALL {
        let spread = large.run(course);
        assert!(spread.duplicates() < MOST_DUPLICATES, "{course:?}: {spread:?}");
        assert!(spread.within(100) < 2_000, "{course:?}: {spread:?}");
    }
}

#[test]
fn one_seed_run_twice_is_one_simulation_to_the_byte() {
    for seed in [1, 2, 3] {
        assert_eq!(simulate(seed), simulate(seed));
    }
}
