//! What can be wrong with an alert or with a bulletin on its way out, and what to do about it.
//!
//! Whatever came from the file is shortened and escaped before it is repeated, so that a message can be printed on a
//! terminal.

use std::fmt;

/// Why a file was not read or a bulletin not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CapError {
    /// The file is no alert that can be taken in; nothing of it was kept.
    #[error("{place}: {fault}")]
    Refused {
        /// Where in the file.
        place: Place,
        /// What is wrong there.
        fault: Fault,
    },
    /// The bulletin lacks something an alert needs; nothing was written.
    #[error("the bulletin cannot be written as CAP yet:{}", lines(.0))]
    Unwritable(Vec<FieldFault>),
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file's name as the caller gave it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// The element, such as `info[1]/area[0]/polygon`; empty outside the alert. Indices count from 0 and are left out for
    /// the first of a repeated plain element.
    pub path: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", shorten(&self.file), self.line, self.column)?;
        if self.path.is_empty() { Ok(()) } else { write!(f, ": {}", self.path) }
    }
}

/// A field of a bulletin and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// The field, written as an element's path is: `info[0]/area[0]/areaDesc`.
    pub path: String,
    /// What is wrong with it.
    pub fault: Fault,
}

fn lines(faults: &[FieldFault]) -> String {
    faults.iter().map(|fault| format!("\n  {}: {}", fault.path, fault.fault)).collect()
}

/// What is wrong, what was found, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is nothing in the file.
    #[error("the file is empty: ask for it again")]
    Empty,
    /// The file or the alert written is too large.
    #[error("{bytes} bytes are more than the {limit} an alert may have: leave out embedded files and split long lists of areas")]
    TooLarge {
        /// How many bytes were found.
        bytes: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// The text is in an encoding that is not read.
    #[error(
        "the text is {found}, and only UTF-8 and US-ASCII are read: convert it first, for example with \
         `iconv -f {found} -t UTF-8`, and correct the XML declaration"
    )]
    Encoding {
        /// The encoding declared or recognised.
        found: String,
    },
    /// The text declares itself US-ASCII and is not.
    #[error("the XML declaration says US-ASCII, but there are other characters: correct it to UTF-8 if that is what they are")]
    NotAscii,
    /// The bytes are not UTF-8 although nothing else was declared.
    #[error(
        "the byte 0x{byte:02X} here is not UTF-8: find out how the file was written and convert it, for example with \
         `iconv -f WINDOWS-1252 -t UTF-8`"
    )]
    NotUtf8 {
        /// The first byte that does not fit.
        byte: u8,
    },
    /// The file is not well-formed XML 1.0.
    #[error("this is not well-formed XML ({problem}): ask the sender for the alert as it was issued")]
    NotXml {
        /// What the parser found.
        problem: String,
    },
    /// The file declares a document type.
    #[error(
        "a document type (DOCTYPE) is not allowed in an alert, and none is read because of the entities it can define: \
         remove it, or check whether this is a web page rather than an alert"
    )]
    DocumentType,
    /// A reference to an entity other than the five of XML.
    #[error("the entity &{name}; is not one of the five of XML (lt, gt, amp, quot, apos): write the character itself")]
    Entity {
        /// The entity's name.
        name: String,
    },
    /// A character no text needs.
    #[error("the control character U+{code:04X} is not allowed in an alert: remove it")]
    ControlCharacter {
        /// The character's code point.
        code: u32,
    },
    /// Elements inside elements without end.
    #[error("elements are nested deeper than {limit}: no alert needs that, ask the sender for the alert as it was issued")]
    TooDeep {
        /// How many levels are allowed.
        limit: usize,
    },
    /// Too many elements.
    #[error("there are more than {limit} elements: split the alert, or name areas by fewer codes")]
    TooManyElements {
        /// How many are allowed.
        limit: usize,
    },
    /// Too many attributes on an element.
    #[error("an element has more than {limit} attributes, and CAP has none: ask the sender for the alert as it was issued")]
    TooManyAttributes {
        /// How many are allowed.
        limit: usize,
    },
    /// The file is XML but no alert.
    #[error("this is {found}, not a CAP 1.1 or 1.2 alert: {remedy}")]
    NotCap {
        /// What the file is.
        found: String,
        /// Where the alert may be found.
        remedy: &'static str,
    },
    /// A required element or field is missing or empty.
    #[error("{name} is missing: {remedy}")]
    Missing {
        /// The element's name.
        name: &'static str,
        /// What to put there.
        remedy: &'static str,
    },
    /// An element that may stand once stands twice.
    #[error("{name} stands here a second time: keep one of them")]
    Repeated {
        /// The element's name.
        name: &'static str,
    },
    /// Words between elements.
    #[error("the text {found:?} stands between elements: put it into an element such as description, or remove it")]
    StrayText {
        /// The text, shortened.
        found: String,
    },
    /// An element inside one that holds text.
    #[error("the element {found} stands inside a text: write < as &lt; if it is meant as text, or remove it")]
    Nested {
        /// The inner element's name.
        found: String,
    },
    /// A value is too long.
    #[error("the value has {bytes} bytes, more than {limit}: shorten it")]
    TooLong {
        /// How many bytes were found, at least.
        bytes: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// A value is none of those CAP allows.
    #[error("{found:?} is none of {}: choose one of these, spelt as here", .allowed.join(", "))]
    Choice {
        /// The value, shortened.
        found: String,
        /// The values allowed.
        allowed: &'static [&'static str],
    },
    /// A value is not written as CAP wants it.
    #[error("{found:?} is not {expected}")]
    Form {
        /// The value, shortened.
        found: String,
        /// What it should be, with an example.
        expected: &'static str,
    },
    /// A polygon has too few points to enclose anything.
    #[error("a polygon needs at least 4 points, the last the same as the first, and this has {found}: add the missing points")]
    PolygonTooShort {
        /// How many points were found.
        found: usize,
    },
    /// A polygon's last point is not its first.
    #[error("the polygon does not close: it starts at {first} and ends at {last}; repeat the first point at the end")]
    PolygonOpen {
        /// The first point.
        first: String,
        /// The last point.
        last: String,
    },
    /// A latitude or longitude that is not on Earth.
    #[error(
        "the point {found} is not on Earth: latitude comes first and lies between -90 and 90, longitude between -180 and 180; \
         check whether they were swapped"
    )]
    OffEarth {
        /// The point, shortened.
        found: String,
    },
    /// A rule between elements is broken.
    #[error("{rule}")]
    Rule {
        /// The rule and what to do.
        rule: &'static str,
    },
    /// A field is not of the type the bulletin gives it.
    #[error("this field should be {expected}: correct the draft")]
    Type {
        /// What it should be.
        expected: &'static str,
    },
    /// A field is not one of a bulletin's.
    #[error("no such field can be written as CAP: remove it or correct its name")]
    UnknownField,
}

/// A text from outside as it may be repeated: at most 60 characters, nothing a terminal would obey.
pub(super) fn shorten(text: &str) -> String {
    shorten_to(60, text)
}

/// The same with a length of one's own.
pub(super) fn shorten_to(characters: usize, text: &str) -> String {
    let mut short = String::new();
    for (index, character) in text.chars().enumerate() {
        if index == characters {
            short.push('…');
            break;
        }
        // Besides control characters: those that are invisible or turn the direction of writing.
        let hidden = matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        short.push(if hidden || character.is_control() { '\u{fffd}' } else { character });
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_is_short_and_harmless() {
        assert_eq!(shorten("\u{1b}[2Jplain"), "\u{fffd}[2Jplain");
        assert_eq!(shorten(&"x".repeat(500)).chars().count(), 61);
    }

    #[test]
    fn a_bulletins_faults_are_named_one_a_line() {
        let error = CapError::Unwritable(vec![
            FieldFault { path: "info[0]/event".into(), fault: Fault::Missing { name: "event", remedy: "say what happened" } },
            FieldFault { path: "extra".into(), fault: Fault::UnknownField },
        ]);
        let text = error.to_string();
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.contains("info[0]/event: event is missing: say what happened"), "{text}");
    }
}
