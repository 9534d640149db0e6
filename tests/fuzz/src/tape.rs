//! Bytes as a sequence of small decisions.

/// Reads an input from its start; past its end every number is 0.
#[derive(Debug, Clone, Copy)]
pub struct Tape<'d>(&'d [u8]);

impl<'d> Tape<'d> {
    /// The decisions that `data` holds.
    #[must_use]
    pub const fn new(data: &'d [u8]) -> Self {
        Self(data)
    }

    /// Whether anything is left.
    #[must_use]
    pub const fn has_more(&self) -> bool {
        !self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number below `bound`, which is at most 256; 0 if that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()).checked_rem(bound).unwrap_or(0)
    }

    /// One of `from`.
    pub fn pick<'t, T>(&mut self, from: &'t [T]) -> Option<&'t T> {
        from.get(self.below(from.len().min(256)))
    }

    /// The next bytes, their number in the first two; fewer if the input ends.
    pub fn bytes(&mut self) -> &'d [u8] {
        let length = usize::from(u16::from_le_bytes([self.byte(), self.byte()]));
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// All that is left.
    #[must_use]
    pub const fn rest(&self) -> &'d [u8] {
        self.0
    }
}
