//! Times as the API writes them.

use core::fmt;
use core::str::FromStr;
use csu_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Why a text is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{found}\" is not a time with its offset: write it as 2026-11-22T18:00:00+00:00")]
pub struct MomentError {
    /// What was found, shortened.
    pub found: String,
}

/// A moment; in JSON and on a command line RFC 3339 with an offset, written in UTC with `+00:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Moment(Timestamp);

impl Moment {
    /// As the protocol counts it.
    #[must_use]
    pub const fn timestamp(self) -> Timestamp {
        self.0
    }
}

impl From<Timestamp> for Moment {
    fn from(timestamp: Timestamp) -> Self {
        Self(timestamp)
    }
}

impl FromStr for Moment {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Self, MomentError> {
        let moment = text.trim().parse::<jiff::Timestamp>().ok().and_then(|moment| u64::try_from(moment.as_millisecond()).ok());
        moment
            .map(|ms| Self(Timestamp::from_ms(ms)))
            .ok_or_else(|| MomentError { found: text.chars().filter(|c| !c.is_control()).take(40).collect() })
    }
}

impl TryFrom<String> for Moment {
    type Error = MomentError;

    fn try_from(text: String) -> Result<Self, MomentError> {
        text.parse()
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.to_string()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_any_offset_and_written_in_utc_without_z() {
        let moment: Moment = "2026-11-22T18:00:00+01:00".parse().unwrap();
        assert_eq!(moment.to_string(), "2026-11-22T17:00:00+00:00");
        assert_eq!("2026-11-22T17:00:00Z".parse::<Moment>(), Ok(moment));
        assert_eq!(serde_json::to_string(&moment).unwrap(), "\"2026-11-22T17:00:00+00:00\"");
    }

    #[test]
    fn a_text_that_is_no_time_is_refused_without_its_control_characters() {
        for text in ["", "tomorrow", "2026-11-22", "2026-11-22T18:00:00", "1890-01-01T00:00:00Z"] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
        assert_eq!("\u{1b}[31mx".parse::<Moment>().unwrap_err().found, "[31mx");
    }
}
