//! Chance that can be repeated.

use std::time::{SystemTime, UNIX_EPOCH};

/// A stream of numbers from a seed (SplitMix64): good enough to choose moments by.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// From `CSU_TEST_SEED` if it is set, or else from the clock; prints the seed either way.
    ///
    /// # Panics
    /// When `CSU_TEST_SEED` is no number.
    #[must_use]
    pub fn printed(what: &str) -> Self {
        let seed = match std::env::var("CSU_TEST_SEED") {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("CSU_TEST_SEED is '{text}': give a number")),
            Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos().into()),
        };
        println!("{what}: CSU_TEST_SEED={seed}");
        Self(seed)
    }

    /// From this seed.
    #[must_use]
    pub const fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    ///
    /// # Panics
    /// When `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.draw() % end
    }
}
