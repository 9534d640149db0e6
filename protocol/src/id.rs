//! The 32-byte names of things: organisations, devices, documents, entries.
//!
//! Each is a type of its own, so that one can never stand where another belongs. All print and
//! parse as 64 hexadecimal digits, lower case.

use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};

/// What is wrong with a text that should name something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is 64 hexadecimal digits, lower case; found {found} characters that are not: copy it whole")]
pub struct IdError {
    /// What the text should have named.
    pub what: &'static str,
    /// How many characters were found.
    pub found: usize,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; 32]);

        impl $name {
            /// The name with these bytes.
            #[must_use]
            pub const fn new(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The bytes of the name.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The first ten hexadecimal digits: enough for a person to tell two apart on a screen,
            /// never enough to decide anything.
            #[must_use]
            pub fn short(&self) -> String {
                let mut text = self.to_string();
                text.truncate(10);
                text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.short())
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                data_encoding::HEXLOWER
                    .decode(text.as_bytes())
                    .ok()
                    .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
                    .map(Self)
                    .ok_or(IdError { what: $what, found: text.chars().count() })
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }
    };
}

id! {
    /// An organisation: the public half of its Ed25519 root key.
    OrganisationId, "an organisation"
}
id! {
    /// A device: the public half of one node's Ed25519 key, which is also its libp2p identity.
    DeviceId, "a device"
}
id! {
    /// A document: the id of its genesis entry.
    DocumentId, "a document"
}
id! {
    /// An entry: BLAKE3 of its canonical header bytes.
    EntryId, "an entry"
}
id! {
    /// BLAKE3 of some bytes.
    Hash, "a hash"
}

impl Hash {
    /// BLAKE3 of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

impl From<EntryId> for DocumentId {
    /// The document that the genesis entry `id` begins.
    fn from(id: EntryId) -> Self {
        Self(id.0)
    }
}

impl From<DocumentId> for EntryId {
    /// The genesis entry of the document `id`.
    fn from(id: DocumentId) -> Self {
        Self(id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_prints_as_hexadecimal_and_parses_back() {
        let id = EntryId::new([0xab; 32]);
        assert_eq!(id.to_string().parse::<EntryId>().unwrap(), id);
        assert_eq!(id.short(), "ababababab");
    }

    #[test]
    fn a_text_that_is_no_id_is_refused_with_its_length() {
        for text in ["", "ab", &"AB".repeat(32), &"zz".repeat(32), &"ab".repeat(33)] {
            assert_eq!(text.parse::<EntryId>().unwrap_err().found, text.len());
        }
    }
}
