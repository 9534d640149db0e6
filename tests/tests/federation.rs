//! Many federations in virtual time, held against the laws of sync. See [`csu_tests::federation`].
//!
//! `CSU_TEST_FEDERATIONS=5000` runs so many; `CSU_TEST_SEED=17` runs one again. A debug build runs fewer, and says so.

use csu_tests::federation::{Figures, simulate};
use std::sync::atomic::{AtomicU64, Ordering};

/// How many simulations are run, unless `CSU_TEST_FEDERATIONS` says otherwise.
const SIMULATIONS: u64 = if cfg!(debug_assertions) { 40 } else { 600 };

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
    let enough = count < 20 || (all.with_liars > 0 && all.liars_caught > 0 && all.crashes > count && all.falls > count);
    assert!(enough, "too little went wrong for this to mean anything");
}

#[test]
fn one_seed_run_twice_is_one_simulation_to_the_byte() {
    for seed in [1, 2, 3] {
        assert_eq!(simulate(seed), simulate(seed));
    }
}
