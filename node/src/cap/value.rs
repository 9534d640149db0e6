//! One value, checked and brought into the form a bulletin's field has. Reading and writing both pass every value here.

use super::error::{Fault, shorten};
use super::geo;
use super::read::Limits;
use super::reference::{self, Reference};
use super::schema::Shape;
use super::time::{self, Form};
use serde_json::Value;

/// What a time should look like.
pub(super) const TIME: &str =
    "a time with offset, such as 2026-11-22T18:00:00+00:00: write the offset in digits, never Z, and no fraction of a second";
const LANGUAGE: &str = "a language tag, such as en-GB or fr";
const URI: &str = "a complete address, such as https://www.example.org/warnings: write the scheme in front, and %20 for a space";
const COUNT: &str = "a whole number from 0, such as 1024";
const DECIMAL: &str = "a decimal number, such as 120 or 120.5";
const QUOTED: &str = "a list separated by spaces, each in double quotes if it holds spaces itself: close the quotes";

/// The field for the text of an element, or nothing if the text is empty.
///
/// The forms of CAP 1.1 are taken if `form` is lenient. Values of the [`Shape::Record`] and [`Shape::Dropped`] shapes never
/// come here; they give nothing.
pub(super) fn check(shape: Shape, text: &str, limits: &Limits, form: Form) -> Result<Option<Value>, Fault> {
    check_characters(text)?;
    let value = if matches!(shape, Shape::Text) { trim(&newlines(text)).to_owned() } else { fold(text) };
    bound(&value, if long(shape) { limits.text_bytes } else { limits.line_bytes })?;
    if value.is_empty() {
        return Ok(None);
    }
    let expect = |fits: bool, expected| if fits { Ok(()) } else { Err(Fault::Form { found: shorten(&value), expected }) };
    match shape {
        Shape::Line | Shape::Code | Shape::Text => {}
        Shape::Id => reference::check_id(&value)?,
        Shape::Time => {
            let found = time::normalise(&value, form);
            return found.map(|time| Some(time.into())).ok_or_else(|| Fault::Form { found: shorten(&value), expected: TIME });
        }
        Shape::Choice(allowed) => {
            if !allowed.contains(&value.as_str()) {
                return Err(Fault::Choice { found: shorten(&value), allowed });
            }
        }
        Shape::Language => expect(is_language(&value), LANGUAGE)?,
        // What an address should look like is a rule for what we write; see `is_uri`.
        Shape::Uri => {}
        Shape::Count => {
            let number = value.parse::<u64>().ok().filter(|number| i64::try_from(*number).is_ok());
            return number.map(|number| Some(number.into())).ok_or_else(|| Fault::Form { found: shorten(&value), expected: COUNT });
        }
        Shape::Decimal => expect(geo::is_decimal(&value), DECIMAL)?,
        Shape::Polygon => geo::check_polygon(&value)?,
        Shape::Circle => geo::check_circle(&value)?,
        Shape::Quoted => return split_quoted(&value, limits).map(|items| (!items.is_empty()).then(|| items.into())),
        Shape::References => {
            let names = Reference::list(&value, form)?;
            return Ok(Some(names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ").into()));
        }
        Shape::Dropped | Shape::Record(_) => return Ok(None),
    }
    Ok(Some(value.into()))
}

/// Whether a value of this shape may be as long as a text.
fn long(shape: Shape) -> bool {
    matches!(shape, Shape::Text | Shape::Quoted | Shape::References)
}

fn bound(value: &str, limit: usize) -> Result<(), Fault> {
    if value.len() > limit { Err(Fault::TooLong { bytes: value.len(), limit }) } else { Ok(()) }
}

/// The first character no text needs, with its place in bytes: control characters but tab and line ends, and the two that XML
/// forbids besides.
pub(super) fn forbidden(text: &str) -> Option<(usize, char)> {
    text.char_indices().find(|(_, character)| {
        (character.is_control() && !matches!(character, '\t' | '\n' | '\r')) || matches!(character, '\u{fffe}' | '\u{ffff}')
    })
}

/// Whether the text holds no character [`forbidden`].
pub(super) fn check_characters(text: &str) -> Result<(), Fault> {
    forbidden(text).map_or(Ok(()), |(_, character)| Err(Fault::ControlCharacter { code: u32::from(character) }))
}

const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

fn trim(text: &str) -> &str {
    text.trim_matches(SPACE)
}

/// A line: trimmed, every run of XML white space one space.
pub(super) fn fold(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split(SPACE).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

fn newlines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// `xs:language`: letters and digits in parts of up to eight.
fn is_language(text: &str) -> bool {
    text.split('-').enumerate().all(|(index, part)| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic() || (index > 0 && byte.is_ascii_digit()))
    })
}

/// Whether the text is an absolute URI in the characters of RFC 3986, which is what CAP asks for. Imported alerts often give
/// less, so only what is written is held to it.
pub(super) fn check_uri(text: &str) -> Result<(), Fault> {
    let fits = text.split_once(':').is_some_and(|(scheme, rest)| {
        let scheme_fits = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        scheme_fits && !rest.is_empty() && rest.matches('#').count() <= 1 && characters_fit(rest)
    });
    if fits { Ok(()) } else { Err(Fault::Form { found: shorten(text), expected: URI }) }
}

fn characters_fit(rest: &str) -> bool {
    let mut bytes = rest.bytes();
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'%' => {
                bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit()) && bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit())
            }
            // Square brackets belong to IPv6 addresses alone, which no public notice needs.
            _ => byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+,;=".contains(&byte),
        };
        if !fits {
            return false;
        }
    }
    true
}

/// The items of `addresses` and `incidents`: separated by spaces, in double quotes where they hold spaces
/// (CAP 1.2 section 3.2.1).
fn split_quoted(line: &str, limits: &Limits) -> Result<Vec<String>, Fault> {
    let mut items = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let (item, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or_else(|| Fault::Form { found: shorten(rest), expected: QUOTED })?,
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        let item = fold(item);
        bound(&item, limits.line_bytes)?;
        if !item.is_empty() {
            items.push(item);
        }
        rest = after.trim_start_matches(' ');
    }
    Ok(items)
}

/// The text of `addresses` or `incidents` for these items.
pub(super) fn join_quoted(items: &[String]) -> Result<String, Fault> {
    let mut line = String::new();
    for item in items {
        if item.contains('"') {
            return Err(Fault::Form { found: shorten(item), expected: "a text without double quotes: CAP uses them to separate items" });
        }
        if !line.is_empty() {
            line.push(' ');
        }
        if item.contains(' ') {
            line.extend(["\"", item.as_str(), "\""]);
        } else {
            line.push_str(item);
        }
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(shape: Shape, text: &str) -> Result<Option<Value>, Fault> {
        check(shape, text, &Limits::default(), Form::Strict)
    }

    #[test]
    fn a_line_is_folded_and_a_text_keeps_its_newlines() {
        assert_eq!(checked(Shape::Line, "\n  Burglary \t in\n Brixton ").unwrap().unwrap(), "Burglary in Brixton");
        assert_eq!(checked(Shape::Text, " one\r\n\r\n  two \r").unwrap().unwrap(), "one\n\n  two");
        assert_eq!(checked(Shape::Line, " \n ").unwrap(), None);
    }

    #[test]
    fn control_characters_are_refused() {
        for character in ['\0', '\u{1b}', '\u{7f}', '\u{85}', '\u{fffe}'] {
            let text = format!("a{character}b");
            assert_eq!(checked(Shape::Text, &text), Err(Fault::ControlCharacter { code: u32::from(character) }));
        }
    }

    #[test]
    fn a_value_is_bounded_by_its_shape() {
        let limits = Limits::default();
        assert!(checked(Shape::Line, &"x".repeat(limits.line_bytes)).is_ok());
        assert!(matches!(checked(Shape::Line, &"x".repeat(limits.line_bytes + 1)), Err(Fault::TooLong { .. })));
        assert!(checked(Shape::Text, &"x".repeat(limits.text_bytes)).is_ok());
        assert!(matches!(checked(Shape::Text, &"x".repeat(limits.text_bytes + 1)), Err(Fault::TooLong { .. })));
        let item = "x".repeat(limits.line_bytes + 1);
        assert!(matches!(checked(Shape::Quoted, &item), Err(Fault::TooLong { .. })));
    }

    #[test]
    fn quoted_items_come_back_as_they_were() {
        let items = vec!["a@example.org".to_owned(), "Loughborough Junction".to_owned(), "x".to_owned()];
        let line = join_quoted(&items).unwrap();
        assert_eq!(line, r#"a@example.org "Loughborough Junction" x"#);
        assert_eq!(split_quoted(&line, &Limits::default()).unwrap(), items);
        assert!(split_quoted(r#"a "b c"#, &Limits::default()).is_err());
        assert_eq!(split_quoted(r#""" "a""b" "#, &Limits::default()).unwrap(), ["a", "b"]);
    }

    #[test]
    fn only_a_complete_address_is_written() {
        for uri in ["https://www.example.org/a?b=c#d", "mailto:a@example.org", "https://example.org/a%20b"] {
            assert_eq!(check_uri(uri), Ok(()), "{uri}");
        }
        for uri in [
            "www.example.org",
            "https:",
            ":x",
            "https://example.org/a b",
            "https://example.org/%zz",
            "https://example.org/%4",
            "a:#b#c",
            "1a:b",
            "https://é.example",
        ] {
            assert!(check_uri(uri).is_err(), "{uri}");
        }
    }

    #[test]
    fn numbers_and_languages_are_checked() {
        assert_eq!(checked(Shape::Count, "1024").unwrap().unwrap(), 1024);
        for count in ["-1", "+-1", "1.5", "x", "99999999999999999999"] {
            assert!(checked(Shape::Count, count).is_err(), "{count}");
        }
        for language in ["en-GB", "fr", "es-419", "i-klingon"] {
            assert!(checked(Shape::Language, language).is_ok(), "{language}");
        }
        for language in ["en_GB", "9a", "en-", "abcdefghi", "é"] {
            assert!(checked(Shape::Language, language).is_err(), "{language}");
        }
    }
}
