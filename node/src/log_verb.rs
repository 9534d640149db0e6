//! What the access log records, for the API and for storage alike.

use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};

/// Sorts of lines in the log; the first six are those of DPA 2018 s.62.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogVerb {
    /// Something came in.
    Collection,
    /// Something was changed.
    Alteration,
    /// Somebody looked at something.
    Consultation,
    /// Something was given to another organisation.
    Disclosure,
    /// Something was put together with something else.
    Combination,
    /// Something was deleted.
    Erasure,
    /// A connection, an invitation, a pairing.
    Network,
    /// A role was given or taken.
    Access,
}

impl LogVerb {
    /// All verbs.
    pub const ALL: [Self; 8] = [
        Self::Collection,
        Self::Alteration,
        Self::Consultation,
        Self::Disclosure,
        Self::Combination,
        Self::Erasure,
        Self::Network,
        Self::Access,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Collection => "collection",
            Self::Alteration => "alteration",
            Self::Consultation => "consultation",
            Self::Disclosure => "disclosure",
            Self::Combination => "combination",
            Self::Erasure => "erasure",
            Self::Network => "network",
            Self::Access => "access",
        }
    }
}

impl fmt::Display for LogVerb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for LogVerb {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == text).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.into_iter().map(Self::as_str).collect();
            format!("'{text}' is no sort of line in the log: use one of {}", known.join(", "))
        })
    }
}
