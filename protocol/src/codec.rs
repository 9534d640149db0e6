//! The one canonical encoding: deterministic CBOR (RFC 8949, section 4.2.1), arrays only.
//!
//! Everything signed or hashed is an array of fixed shape: no maps, no floating point, no
//! indefinite lengths, integers in their shortest form. A reader decodes within named bounds and
//! then writes the value again: bytes that are not what it would have written are refused. So
//! two nodes can never disagree about which bytes a value has.

use minicbor::{Decoder, Encoder};

/// Why bytes were refused. The sender is to blame; nothing of them was kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes are not what stands here in the format.
    #[error("byte {offset}: expected {expected}; the sender's software is faulty or the bytes were damaged on the way")]
    Malformed {
        /// Where.
        offset: usize,
        /// What should have been there.
        expected: &'static str,
    },
    /// Something is longer than version 0 allows.
    #[error("byte {offset}: {what} of {found}, where at most {limit} are allowed")]
    TooLong {
        /// Where.
        offset: usize,
        /// What is too long.
        what: &'static str,
        /// The bound.
        limit: usize,
        /// What was found.
        found: u64,
    },
    /// A list that must be in strictly ascending order is not.
    #[error("byte {offset}: {what} out of order or named twice")]
    Unordered {
        /// Where.
        offset: usize,
        /// What is out of order.
        what: &'static str,
    },
    /// A tag this version does not know.
    #[error("byte {offset}: unknown {what} {found}; a newer version of csu may know it")]
    Unknown {
        /// Where.
        offset: usize,
        /// What the tag should tell.
        what: &'static str,
        /// The tag.
        found: u64,
    },
    /// The bytes mean something, but are not the one way to write it.
    #[error("not in canonical form; the sender's software is faulty")]
    NotCanonical,
}

/// A value with exactly one encoding.
pub trait Canonical: Sized {
    /// What the value is called in errors.
    const WHAT: &'static str;
    /// Bytes the encoding may have at most.
    const LIMIT: usize;

    /// Appends the encoding.
    fn write(&self, writer: &mut Writer);

    /// Reads one value.
    ///
    /// # Errors
    /// When the bytes are not such a value within its bounds.
    fn read(reader: &mut Reader<'_>) -> Result<Self, CodecError>;

    /// The value's one encoding.
    #[must_use]
    fn to_canonical(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        self.write(&mut writer);
        writer.into_bytes()
    }

    /// Reads a value that is all of `bytes`.
    ///
    /// # Errors
    /// When the bytes are too long, malformed, out of bounds, or not canonical.
    fn from_canonical(bytes: &[u8]) -> Result<Self, CodecError> {
        if bytes.len() > Self::LIMIT {
            let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            return Err(CodecError::TooLong { offset: 0, what: Self::WHAT, limit: Self::LIMIT, found });
        }
        let mut reader = Reader::new(bytes);
        let value = Self::read(&mut reader)?;
        let mut writer = Writer::with_capacity(bytes.len());
        value.write(&mut writer);
        if reader.offset() != bytes.len() || writer.into_bytes() != bytes {
            return Err(CodecError::NotCanonical);
        }
        Ok(value)
    }
}

/// Writes canonical bytes.
#[derive(Debug)]
pub struct Writer(Encoder<Vec<u8>>);

impl Default for Writer {
    fn default() -> Self {
        Self(Encoder::new(Vec::new()))
    }
}

/// Writing to memory cannot fail; the type of the encoder cannot say so.
fn written<T, E>(result: Result<T, E>) {
    debug_assert!(result.is_ok(), "writing to a vector");
}

impl Writer {
    /// A writer of about so many bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Encoder::new(Vec::with_capacity(bytes)))
    }

    /// Begins an array of `items`, which the caller writes next.
    pub fn array(&mut self, items: usize) {
        written(self.0.array(u64::try_from(items).unwrap_or(u64::MAX)));
    }

    /// An unsigned integer.
    pub fn uint(&mut self, value: u64) {
        written(self.0.u64(value));
    }

    /// A byte string.
    pub fn bytes(&mut self, value: &[u8]) {
        written(self.0.bytes(value));
    }

    /// A text.
    pub fn text(&mut self, value: &str) {
        written(self.0.str(value));
    }

    /// Nothing, where something may stand.
    pub fn null(&mut self) {
        written(self.0.null());
    }

    /// What `write` writes for the value, or null.
    pub fn option<T>(&mut self, value: Option<&T>, write: impl FnOnce(&mut Self, &T)) {
        match value {
            Some(value) => write(self, value),
            None => self.null(),
        }
    }

    /// An array of what `write` writes for each.
    pub fn list<T>(&mut self, values: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.array(values.len());
        for value in values {
            write(self, value);
        }
    }

    /// The bytes written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0.into_writer()
    }
}

/// Reads canonical bytes, within bounds.
#[derive(Debug)]
pub struct Reader<'b>(Decoder<'b>);

impl<'b> Reader<'b> {
    /// A reader at the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'b [u8]) -> Self {
        Self(Decoder::new(bytes))
    }

    /// How many bytes were read.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.0.position()
    }

    /// The error that `expected` does not stand here.
    #[must_use]
    pub fn malformed(&self, expected: &'static str) -> CodecError {
        CodecError::Malformed { offset: self.offset(), expected }
    }

    fn or_malformed<T>(&self, offset: usize, result: Result<T, minicbor::decode::Error>, expected: &'static str) -> Result<T, CodecError> {
        result.map_err(|_| CodecError::Malformed { offset, expected })
    }

    /// An array of exactly `items`.
    ///
    /// # Errors
    /// When there is none here.
    pub fn array(&mut self, items: u64, what: &'static str) -> Result<(), CodecError> {
        let offset = self.offset();
        let found = self.0.array();
        match self.or_malformed(offset, found, what)? {
            Some(found) if found == items => Ok(()),
            Some(_) | None => Err(CodecError::Malformed { offset, expected: what }),
        }
    }

    /// The start of an array of any length up to `limit`; its length.
    ///
    /// # Errors
    /// When there is none here, or a longer one.
    pub fn array_up_to(&mut self, limit: usize, what: &'static str) -> Result<usize, CodecError> {
        let offset = self.offset();
        let found = self.0.array();
        let Some(found) = self.or_malformed(offset, found, what)? else {
            return Err(CodecError::Malformed { offset, expected: what });
        };
        match usize::try_from(found) {
            Ok(length) if length <= limit => Ok(length),
            Ok(_) | Err(_) => Err(CodecError::TooLong { offset, what, limit, found }),
        }
    }

    /// An unsigned integer.
    ///
    /// # Errors
    /// When there is none here.
    pub fn uint(&mut self, what: &'static str) -> Result<u64, CodecError> {
        let offset = self.offset();
        let found = self.0.u64();
        self.or_malformed(offset, found, what)
    }

    /// An unsigned integer that is a tag: `known` gives its meaning.
    ///
    /// # Errors
    /// When there is none here, or one that `known` does not know.
    pub fn tag<T>(&mut self, what: &'static str, known: impl FnOnce(u64) -> Option<T>) -> Result<T, CodecError> {
        let offset = self.offset();
        let found = self.uint(what)?;
        known(found).ok_or(CodecError::Unknown { offset, what, found })
    }

    /// A byte string of at most `limit` bytes.
    ///
    /// # Errors
    /// When there is none here, or a longer one.
    pub fn bytes(&mut self, limit: usize, what: &'static str) -> Result<&'b [u8], CodecError> {
        let offset = self.offset();
        let found = self.0.bytes();
        let bytes = self.or_malformed(offset, found, what)?;
        if bytes.len() > limit {
            let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            return Err(CodecError::TooLong { offset, what, limit, found });
        }
        Ok(bytes)
    }

    /// A byte string of exactly `N` bytes.
    ///
    /// # Errors
    /// When there is none here.
    pub fn fixed<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], CodecError> {
        let offset = self.offset();
        let bytes = self.bytes(N, what)?;
        <[u8; N]>::try_from(bytes).map_err(|_| CodecError::Malformed { offset, expected: what })
    }

    /// A text of at most `limit` bytes.
    ///
    /// # Errors
    /// When there is none here, or a longer one.
    pub fn text(&mut self, limit: usize, what: &'static str) -> Result<&'b str, CodecError> {
        let offset = self.offset();
        let found = self.0.str();
        let text = self.or_malformed(offset, found, what)?;
        if text.len() > limit {
            let found = u64::try_from(text.len()).unwrap_or(u64::MAX);
            return Err(CodecError::TooLong { offset, what, limit, found });
        }
        Ok(text)
    }

    /// What `read` reads, or null.
    ///
    /// # Errors
    /// As `read`.
    pub fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, CodecError>) -> Result<Option<T>, CodecError> {
        if matches!(self.0.datatype(), Ok(minicbor::data::Type::Null)) {
            let offset = self.offset();
            let found = self.0.null();
            self.or_malformed(offset, found, "null")?;
            return Ok(None);
        }
        read(self).map(Some)
    }

    /// At most `limit` of what `read` reads.
    ///
    /// # Errors
    /// When there are more, or as `read`.
    pub fn list<T>(
        &mut self,
        limit: usize,
        what: &'static str,
        mut read: impl FnMut(&mut Self) -> Result<T, CodecError>,
    ) -> Result<Vec<T>, CodecError> {
        let length = self.array_up_to(limit, what)?;
        // Grown as items arrive: a length alone, which costs a peer nothing, takes no memory.
        let mut values = Vec::new();
        for _ in 0..length {
            values.push(read(self)?);
        }
        Ok(values)
    }

    /// As [`Self::list`], in strictly ascending order of what `key` gives.
    ///
    /// # Errors
    /// As [`Self::list`], and when the order is broken.
    pub fn ascending<T, K: Ord>(
        &mut self,
        limit: usize,
        what: &'static str,
        read: impl FnMut(&mut Self) -> Result<T, CodecError>,
        mut key: impl FnMut(&T) -> K,
    ) -> Result<Vec<T>, CodecError> {
        let offset = self.offset();
        let values = self.list(limit, what, read)?;
        let mut before: Option<K> = None;
        for value in &values {
            let now = key(value);
            if before.as_ref().is_some_and(|before| *before >= now) {
                return Err(CodecError::Unordered { offset, what });
            }
            before = Some(now);
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Pair(u64, Vec<u64>);

    impl Canonical for Pair {
        const WHAT: &'static str = "a pair";
        const LIMIT: usize = 64;

        fn write(&self, writer: &mut Writer) {
            writer.array(2);
            writer.uint(self.0);
            writer.list(&self.1, |w, n| w.uint(*n));
        }

        fn read(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
            reader.array(2, "a pair")?;
            Ok(Self(reader.uint("a number")?, reader.ascending(3, "numbers", |r| r.uint("a number"), |n| *n)?))
        }
    }

    #[test]
    fn a_value_reads_back_as_written() {
        let pair = Pair(300, vec![1, 2]);
        assert_eq!(Pair::from_canonical(&pair.to_canonical()), Ok(pair));
    }

    #[test]
    fn a_second_way_to_write_a_value_is_refused() {
        // 1 written in two bytes where one does, and bytes after the end.
        assert_eq!(Pair::from_canonical(&[0x82, 0x18, 0x01, 0x80]), Err(CodecError::NotCanonical));
        assert_eq!(Pair::from_canonical(&[0x82, 0x01, 0x80, 0x00]), Err(CodecError::NotCanonical));
        // An array of indefinite length.
        assert_eq!(Pair::from_canonical(&[0x9f, 0x01, 0x80, 0xff]), Err(CodecError::Malformed { offset: 0, expected: "a pair" }));
    }

    #[test]
    fn a_length_beyond_its_bound_is_refused_before_memory_is_taken() {
        let claimed = [0x82, 0x01, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(Pair::from_canonical(&claimed), Err(CodecError::TooLong { offset: 2, what: "numbers", limit: 3, found: u64::MAX }));
        assert_eq!(Pair::from_canonical(&[0x82, 0x01, 0x82, 0x02, 0x02]), Err(CodecError::Unordered { offset: 2, what: "numbers" }));
    }
}
