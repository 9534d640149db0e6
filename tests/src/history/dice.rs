//! Chance from a seed.

use csu_protocol::entropy::Entropy;
use std::time::{SystemTime, UNIX_EPOCH};

/// Draws, the same for the same seed.
#[derive(Debug)]
pub struct Dice(Entropy);

impl Dice {
    /// The draws of `seed`, for one purpose of it.
    #[must_use]
    pub fn new(purpose: &str, seed: u64) -> Self {
        let mut hash = *csu_protocol::id::Hash::of(purpose.as_bytes()).as_bytes();
        for (byte, of_seed) in hash.iter_mut().zip(seed.to_le_bytes()) {
            *byte ^= of_seed;
        }
        Self(Entropy::from_seed(hash))
    }

    /// The draws of `CSU_TEST_SEED` if it is set, or else of the clock; prints the seed either way, so that a
    /// failure can be played again.
    ///
    /// # Panics
    /// When `CSU_TEST_SEED` is no number.
    #[must_use]
    pub fn printed(purpose: &str) -> Self {
        let seed = match std::env::var("CSU_TEST_SEED") {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("CSU_TEST_SEED is '{text}': give a number")),
            Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos().into()),
        };
        println!("{purpose}: CSU_TEST_SEED={seed}");
        Self::new(purpose, seed)
    }

    /// The stream that the draws come from, for what wants bytes.
    pub fn entropy(&mut self) -> &mut Entropy {
        &mut self.0
    }

    /// A number below `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let drawn = usize::try_from(u32::from_le_bytes(self.0.bytes())).unwrap_or(0);
        drawn.checked_rem(bound).unwrap_or(0)
    }

    /// True in `percent` of a hundred cases.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of `from`.
    pub fn pick<'t, T>(&mut self, from: &'t [T]) -> Option<&'t T> {
        from.get(self.below(from.len()))
    }

    /// Any order of `items`.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
