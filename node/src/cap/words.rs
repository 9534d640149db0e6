//! The closed word lists of CAP that decide something: version, message type, status and scope.

use std::fmt;
use std::str::FromStr;

/// A word that is on none of CAP's lists for its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is none of {}: choose one of these, spelt as here", .allowed.join(", "))]
pub struct UnknownWord {
    /// The word, shortened.
    pub found: String,
    /// The words of the list.
    pub allowed: &'static [&'static str],
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant),+
        }

        impl $name {
            /// Every word of the list, as CAP spells it.
            pub const WORDS: &'static [&'static str] = &[$($text),+];

            /// The word as CAP spells it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { found: super::error::shorten(text), allowed: Self::WORDS }),
                }
            }
        }
    };
}

words! {
    /// The version of CAP a file is written in.
    Version {
        /// CAP 1.1 of October 2005.
        V1_1 => "1.1",
        /// CAP 1.2 of July 2010.
        V1_2 => "1.2",
    }
}

words! {
    /// What an alert does (`msgType`).
    MsgType {
        /// Says something for the first time.
        Alert => "Alert",
        /// Supersedes the alerts it refers to.
        Update => "Update",
        /// Withdraws the alerts it refers to.
        Cancel => "Cancel",
        /// Acknowledges the alerts it refers to.
        Ack => "Ack",
        /// Rejects the alerts it refers to.
        Error => "Error",
    }
}

impl MsgType {
    /// Whether the message says something about earlier ones and so must refer to them.
    #[must_use]
    pub const fn needs_references(self) -> bool {
        match self {
            Self::Alert => false,
            Self::Update | Self::Cancel | Self::Ack | Self::Error => true,
        }
    }
}

words! {
    /// How an alert is meant (`status`).
    Status {
        /// To be acted upon.
        Actual => "Actual",
        /// Only for those who take part in an exercise.
        Exercise => "Exercise",
        /// For the alerting network itself.
        System => "System",
        /// A technical test, to be disregarded.
        Test => "Test",
        /// Not to be acted upon in this form.
        Draft => "Draft",
    }
}

words! {
    /// Whom an alert is for (`scope`).
    Scope {
        /// For everybody.
        Public => "Public",
        /// For those the `restriction` describes.
        Restricted => "Restricted",
        /// For the `addresses` alone.
        Private => "Private",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_as_they_were_written() {
        for word in MsgType::WORDS {
            assert_eq!(word.parse::<MsgType>().unwrap().as_str(), *word);
        }
        assert!("alert".parse::<MsgType>().unwrap_err().to_string().contains("Update"));
    }
}
