//! How one alert names another: sender, identifier and time sent.

use super::error::{Fault, shorten};
use super::time::{self, Form};
use std::fmt;
use std::str::FromStr;

/// The name of an alert: `sender,identifier,sent`, which CAP calls the extended message identifier.
///
/// `sent` is in the form of this module (`-00:00` became `+00:00`), so that the name an alert has and the name an update
/// gives it are equal whichever way either was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    sender: String,
    identifier: String,
    sent: String,
}

impl Reference {
    /// The name with these parts.
    ///
    /// # Errors
    ///
    /// A sender or identifier that is empty or holds a space, comma, `<` or `&`, or a time CAP would not take.
    pub fn new(sender: &str, identifier: &str, sent: &str) -> Result<Self, Fault> {
        Self::with_form(sender, identifier, sent, Form::Strict)
    }

    fn with_form(sender: &str, identifier: &str, sent: &str, form: Form) -> Result<Self, Fault> {
        check_id(sender)?;
        check_id(identifier)?;
        let sent = time::normalise(sent, form).ok_or_else(|| Fault::Form { found: shorten(sent), expected: super::value::TIME })?;
        Ok(Self { sender: sender.to_owned(), identifier: identifier.to_owned(), sent })
    }

    /// Who sent the alert.
    #[must_use]
    pub fn sender(&self) -> &str {
        &self.sender
    }

    /// The sender's own number or name for it.
    #[must_use]
    pub fn identifier(&self) -> &str {
        &self.identifier
    }

    /// When it was sent, with numeric offset.
    #[must_use]
    pub fn sent(&self) -> &str {
        &self.sent
    }

    /// The names in the text of a `references` element, separated by white space.
    pub(super) fn list(text: &str, form: Form) -> Result<Vec<Self>, Fault> {
        text.split_ascii_whitespace().map(|name| Self::parse(name, form)).collect()
    }

    fn parse(name: &str, form: Form) -> Result<Self, Fault> {
        let parts: Vec<&str> = name.split(',').collect();
        match parts.as_slice() {
            [sender, identifier, sent] => Self::with_form(sender, identifier, sent, form),
            _ => Err(Fault::Form {
                found: shorten(name),
                expected: "the name of an alert, such as warnings@example.org,2026-114,2026-11-22T18:00:00+00:00: \
                           write sender, identifier and sent with commas and without spaces, and a space between two names",
            }),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{}", self.sender, self.identifier, self.sent)
    }
}

impl FromStr for Reference {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        Self::parse(text, Form::Strict)
    }
}

/// Whether this can be a sender or an identifier: CAP 1.2 section 3.2.1 forbids spaces, commas, `<` and `&`.
pub(super) fn check_id(text: &str) -> Result<(), Fault> {
    if text.is_empty()
        || text.contains(|character: char| character.is_whitespace() || character.is_control() || matches!(character, ',' | '<' | '&'))
    {
        return Err(Fault::Form {
            found: shorten(text),
            expected: "a name without spaces, commas, < and &, such as warnings@example.org or 2026-114: remove them",
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_as_it_was_read() {
        let text = "warnings@example.org,2026-114,2026-11-22T18:00:00+00:00";
        assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
    }

    #[test]
    fn two_ways_to_write_utc_give_one_name() {
        let names = Reference::list("a,b,2026-11-22T18:00:00-00:00\n a,b,2026-11-22T18:00:00+00:00", Form::Strict).unwrap();
        assert_eq!(names[0], names[1]);
    }

    #[test]
    fn a_malformed_name_is_refused() {
        for name in
            ["", "a,b", "a,b,c", "a,b,2026-11-22T18:00:00+00:00,d", ",b,2026-11-22T18:00:00+00:00", "a,b<,2026-11-22T18:00:00+00:00"]
        {
            assert!(name.parse::<Reference>().is_err(), "{name}");
        }
    }
}
