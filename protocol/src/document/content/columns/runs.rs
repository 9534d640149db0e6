//! Run-length encoded columns, read value by value; a run is never expanded.
//!
//! Rows can be cut into runs in many ways. Automerge cuts in one, and writes its columns anew in that one when it is asked for
//! changes: a column that is cut otherwise is refused here. Equal values in a row are a run, and nulls are; what is left between
//! is one literal run. Of booleans no count is 0 but the first, if the first row is true.

use crate::document::content::chunk::Cursor;
use crate::document::content::error::ChangeError;
use crate::document::limits::MAX_CHANGE_OPERATIONS;
use std::str;

/// What a run-length encoded column holds.
pub(super) trait Cell<'a>: Copy {
    type Value: Copy + PartialEq;
    fn read(cursor: &mut Cursor<'a>) -> Result<Self::Value, ChangeError>;
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Unsigned;
#[derive(Debug, Clone, Copy)]
pub(super) struct Signed;
#[derive(Debug, Clone, Copy)]
pub(super) struct Text;

impl<'a> Cell<'a> for Unsigned {
    type Value = u64;
    fn read(cursor: &mut Cursor<'a>) -> Result<u64, ChangeError> {
        cursor.unsigned()
    }
}

impl<'a> Cell<'a> for Signed {
    type Value = i64;
    fn read(cursor: &mut Cursor<'a>) -> Result<i64, ChangeError> {
        cursor.signed()
    }
}

impl<'a> Cell<'a> for Text {
    type Value = &'a str;
    fn read(cursor: &mut Cursor<'a>) -> Result<&'a str, ChangeError> {
        let offset = cursor.offset();
        let length = cursor.length()?;
        str::from_utf8(cursor.take(length)?).map_err(|_| ChangeError::Malformed { offset, what: "a key is not UTF-8" })
    }
}

/// A run-length encoded column. A run is a positive count and a value, a negative count and as many
/// values, or 0 and a count of nulls. A column without bytes is all null.
#[derive(Debug, Clone)]
pub(super) struct Runs<'a, C: Cell<'a>> {
    cursor: Cursor<'a>,
    empty: bool,
    run: Run<C::Value>,
    left: u64,
    /// The value of the row before, if it had one.
    last: Option<C::Value>,
    /// Whether any row had a value.
    valued: bool,
}

#[derive(Debug, Clone, Copy)]
enum Run<V> {
    /// None yet.
    Begin,
    Nulls,
    Repeat(V),
    Literal,
}

impl<'a, C: Cell<'a>> Runs<'a, C> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { cursor: Cursor::new(bytes), empty: bytes.is_empty(), run: Run::Begin, left: 0, last: None, valued: false }
    }

    /// Begins a run, if Automerge would have begun it here.
    fn begin_canonical_run(&mut self) -> Result<(), ChangeError> {
        let before = self.run;
        self.begin_run()?;
        let is_canonical = match (before, self.run) {
            (Run::Nulls, Run::Nulls) | (Run::Literal, Run::Literal) => false,
            (_, Run::Repeat(value)) => self.left > 1 && self.last != Some(value),
            _ => true,
        };
        if is_canonical { Ok(()) } else { Err(ChangeError::NotCanonical) }
    }

    fn begin_run(&mut self) -> Result<(), ChangeError> {
        let offset = self.cursor.offset();
        let count = self.cursor.signed()?;
        (self.run, self.left) = match count {
            0 => (Run::Nulls, self.cursor.unsigned()?),
            1.. => (Run::Repeat(C::read(&mut self.cursor)?), count.unsigned_abs()),
            _ => (Run::Literal, count.unsigned_abs()),
        };
        if self.left == 0 {
            return Err(ChangeError::Malformed { offset, what: "a run is empty" });
        }
        Ok(())
    }

    pub(super) fn next(&mut self) -> Result<Option<C::Value>, ChangeError> {
        if self.empty {
            return Ok(None);
        }
        if self.left == 0 {
            self.begin_canonical_run()?;
        }
        self.left = self.left.saturating_sub(1);
        let value = match self.run {
            Run::Begin | Run::Nulls => None,
            Run::Repeat(value) => Some(value),
            Run::Literal => {
                let value = C::read(&mut self.cursor)?;
                if self.last == Some(value) {
                    return Err(ChangeError::NotCanonical);
                }
                Some(value)
            }
        };
        self.last = value;
        self.valued |= value.is_some();
        Ok(value)
    }

    pub(super) fn end(&self) -> Result<(), ChangeError> {
        if self.left > 0 {
            let offset = self.cursor.offset();
            return Err(ChangeError::Malformed { offset, what: "a column is longer than there are operations" });
        }
        self.cursor.end()?;
        if self.empty || self.valued { Ok(()) } else { Err(ChangeError::NotCanonical) }
    }
}

impl<'a> Runs<'a, Unsigned> {
    /// How many rows there are, from the run lengths alone.
    pub(super) fn count(bytes: &'a [u8]) -> Result<u32, ChangeError> {
        Self::fold(bytes, |_, count| count)
    }

    /// The sum of the rows' values, from the run lengths alone.
    pub(super) fn sum(bytes: &'a [u8], rows: u32) -> Result<u32, ChangeError> {
        if Self::count(bytes)? != rows {
            return Err(ChangeError::Malformed { offset: 0, what: "columns differ in length" });
        }
        Self::fold(bytes, u64::saturating_mul)
    }

    /// Adds up `weigh(value, count)` of all runs, refusing more than [`MAX_CHANGE_OPERATIONS`].
    fn fold(bytes: &'a [u8], weigh: impl Fn(u64, u64) -> u64) -> Result<u32, ChangeError> {
        let mut runs = Self::new(bytes);
        let mut total = 0_u64;
        while !runs.cursor.is_at_end() {
            runs.begin_run()?;
            match runs.run {
                Run::Begin | Run::Nulls => {
                    return Err(ChangeError::Malformed { offset: 0, what: "a value is missing" });
                }
                Run::Repeat(value) => total = total.saturating_add(weigh(value, runs.left)),
                Run::Literal => {
                    // Every value takes at least one byte, so this loop is bounded by the bytes.
                    for _ in 0..runs.left {
                        total = total.saturating_add(weigh(Unsigned::read(&mut runs.cursor)?, 1));
                    }
                }
            }
            if total > u64::from(MAX_CHANGE_OPERATIONS) {
                return Err(ChangeError::TooManyOperations);
            }
        }
        u32::try_from(total).map_err(|_| ChangeError::TooManyOperations)
    }
}

/// A column of differences.
#[derive(Debug, Clone)]
pub(super) struct Delta<'a>(Runs<'a, Signed>, i64);

impl<'a> Delta<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(Runs::new(bytes), 0)
    }

    pub(super) fn next(&mut self) -> Result<Option<i64>, ChangeError> {
        let Some(difference) = self.0.next()? else {
            return Ok(None);
        };
        let offset = self.0.cursor.offset();
        self.1 = self.1.checked_add(difference).ok_or(ChangeError::Malformed { offset, what: "a counter is out of range" })?;
        Ok(Some(self.1))
    }

    pub(super) fn end(&self) -> Result<(), ChangeError> {
        self.0.end()
    }
}

/// A column of booleans: counts of false and true in turn.
#[derive(Debug, Clone)]
pub(super) struct Booleans<'a> {
    cursor: Cursor<'a>,
    value: bool,
    left: u64,
    begun: bool,
}

impl<'a> Booleans<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { cursor: Cursor::new(bytes), value: true, left: 0, begun: false }
    }

    pub(super) fn next(&mut self) -> Result<bool, ChangeError> {
        while self.left == 0 {
            self.left = self.cursor.unsigned()?;
            self.value = !self.value;
            if self.left == 0 && std::mem::replace(&mut self.begun, true) {
                return Err(ChangeError::NotCanonical);
            }
            self.begun = true;
        }
        self.left = self.left.saturating_sub(1);
        Ok(self.value)
    }

    pub(super) fn end(&self) -> Result<(), ChangeError> {
        if self.left > 0 {
            let offset = self.cursor.offset();
            return Err(ChangeError::Malformed { offset, what: "a column is longer than there are operations" });
        }
        self.cursor.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A signed LEB128 number.
    fn signed(mut value: i64) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let low = u8::try_from(value & 0x7f).unwrap();
            value >>= 7;
            if (value == 0 && low & 0x40 == 0) || (value == -1 && low & 0x40 != 0) {
                bytes.push(low);
                return bytes;
            }
            bytes.push(low | 0x80);
        }
    }

    #[test]
    fn a_run_of_a_million_million_operations_is_refused_from_its_length() {
        let mut action = signed(1 << 40);
        action.push(1);
        assert_eq!(Runs::<Unsigned>::count(&action), Err(ChangeError::TooManyOperations));
        let mut group = signed(3);
        group.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
        assert_eq!(Runs::<Unsigned>::sum(&group, 3), Err(ChangeError::TooManyOperations));
    }

    #[test]
    fn a_literal_run_ends_where_the_bytes_end() {
        assert!(matches!(Runs::<Unsigned>::count(&signed(-(1 << 40))), Err(ChangeError::Truncated { .. })));
    }
}
