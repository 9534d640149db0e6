//! The marking of a document: the Traffic Light Protocol, version 2.0 (FIRST, August 2022).
//!
//! The order is by strictness, so that of two conflicting markings the greater one holds.

use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};

/// How far the recipients may pass a document on. Greater is stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Marking {
    /// Anyone, the public included.
    Clear,
    /// The recipients' community, not the public.
    Green,
    /// The recipients' organisations and those of their clients who need to know.
    Amber,
    /// The recipients' organisations only.
    AmberStrict,
    /// The recipients in person only.
    Red,
}

/// A text that is no TLP 2.0 marking.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{found}\" is not a marking: write CLEAR, GREEN, AMBER, AMBER+STRICT or RED")]
pub struct UnknownMarking {
    /// The text that was found, at most 40 characters of it.
    pub found: String,
}

impl Marking {
    /// Every marking, mildest first.
    pub const ALL: [Self; 5] = [Self::Clear, Self::Green, Self::Amber, Self::AmberStrict, Self::Red];

    /// The name that TLP 2.0 gives, without the `TLP:` before it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "CLEAR",
            Self::Green => "GREEN",
            Self::Amber => "AMBER",
            Self::AmberStrict => "AMBER+STRICT",
            Self::Red => "RED",
        }
    }

    /// Whether anyone may have it, the public included.
    #[must_use]
    pub const fn is_public(self) -> bool {
        match self {
            Self::Clear => true,
            Self::Green | Self::Amber | Self::AmberStrict | Self::Red => false,
        }
    }

    /// Whether recipients may pass it on to further organisations: their community, or their clients who need to know.
    #[must_use]
    pub const fn may_be_passed_on(self) -> bool {
        match self {
            Self::Clear | Self::Green | Self::Amber => true,
            Self::AmberStrict | Self::Red => false,
        }
    }
}

impl fmt::Display for Marking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Marking {
    type Err = UnknownMarking;

    /// Reads a marking in any case, with or without `TLP:` before it.
    fn from_str(text: &str) -> Result<Self, UnknownMarking> {
        let upper = text.trim().to_ascii_uppercase();
        let name = upper.strip_prefix("TLP:").unwrap_or(&upper);
        Self::ALL
            .into_iter()
            .find(|marking| marking.as_str() == name)
            .ok_or_else(|| UnknownMarking { found: text.chars().take(40).collect() })
    }
}

impl TryFrom<String> for Marking {
    type Error = UnknownMarking;

    fn try_from(text: String) -> Result<Self, UnknownMarking> {
        text.parse()
    }
}

impl From<Marking> for String {
    fn from(marking: Marking) -> Self {
        marking.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markings_are_ordered_by_strictness_and_print_as_they_parse() {
        assert!(Marking::ALL.is_sorted());
        for marking in Marking::ALL {
            assert_eq!(marking.to_string().parse(), Ok(marking));
            assert_eq!(format!("tlp:{}", marking.as_str().to_lowercase()).parse(), Ok(marking));
            let json = serde_json::to_string(&marking).unwrap();
            assert_eq!(serde_json::from_str::<Marking>(&json).unwrap(), marking);
        }
    }

    #[test]
    fn a_marking_of_another_scheme_is_refused_with_the_allowed_ones() {
        let error = "OFFICIAL".parse::<Marking>().unwrap_err().to_string();
        assert!(error.contains("OFFICIAL") && error.contains("AMBER+STRICT"), "{error}");
    }
}
