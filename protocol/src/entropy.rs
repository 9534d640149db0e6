//! Randomness as an argument: a stream drawn from a seed that the caller gathered.
//!
//! The node seeds one from the operating system for each act; a simulation seeds one from its
//! printed seed, and runs the same twice.

use core::convert::Infallible;
use core::fmt;
use hpke::rand_core::{TryCryptoRng, TryRng};

/// An endless stream of bytes (BLAKE3 in extendable-output mode) from a 32-byte seed.
pub struct Entropy(blake3::OutputReader);

impl Entropy {
    /// The stream of `seed`, which must be unguessable and used once.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(blake3::Hasher::new_derive_key("csu-link 0 entropy").update(&seed).finalize_xof())
    }

    /// The next `N` bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes);
        bytes
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy(..)")
    }
}

impl TryRng for Entropy {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.bytes()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.bytes()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Entropy {}
