//! Signs of personal data in a text: names after a title, telephone numbers, addresses, plates, e-mail addresses.
//!
//! This looks for shapes, not for meaning: it misses names without a title, and it takes a company's telephone number for a
//! person's. It is there to make a person look twice before a text is issued, never to decide.
//!
//! Libraries for telephone numbers judge a number that is known to be one; to find one in a text, and to tell it from a date or a
//! grid reference, is most of what is done here, so none is used.

use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

/// What kind of personal data a text seems to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A name after a title or rank, or an officer's number after a rank.
    Name,
    /// A telephone number that may be a person's: freephone and 03 numbers, which only organisations hold, are let pass.
    Telephone,
    /// A house number with a full postcode.
    Address,
    /// A registration mark in one of the forms in use in Great Britain since 1963.
    Plate,
    /// An e-mail address.
    Email,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "a person's name",
            Self::Telephone => "a telephone number",
            Self::Address => "a home address",
            Self::Plate => "a vehicle's registration mark",
            Self::Email => "an e-mail address",
        })
    }
}

/// A place in a text that looks like personal data, in characters from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// What it looks like.
    pub kind: Kind,
    /// The first character.
    pub start: usize,
    /// One past the last character.
    pub end: usize,
}

/// What a regular expression of this crate cannot say, given the text before a match, the match, and the text after it.
type Condition = fn(&str, &str, &str) -> bool;

struct Pattern {
    kind: Kind,
    regex: Regex,
    also: Condition,
}

const PATTERNS: [(Kind, &str, Condition); 9] = [
    // Initials, the name, and further names: all of it is moved to an annex.
    (
        Kind::Name,
        r"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Sir|Rev|Cllr|Councillor)\b\.?\s+(?:[A-Z]\.\s*)*(?:[A-Z]|[^\x00-\x7F])[^\s,.;:!?]*(?:\s+[A-Z][^\s,.;:!?]*){0,2}",
        names_a_person,
    ),
    (
        Kind::Name,
        r"\b(?:PC|WPC|PCSO|DC|DS|DI|DCI|Sgt|Sergeant|Constable|Inspector)\b\.?\s+(?:[A-Z]\.\s*)*(?:[A-Z0-9]|[^\x00-\x7F])[^\s,.;:!?]*(?:\s+[A-Z][^\s,.;:!?]*){0,2}",
        names_a_person,
    ),
    (Kind::Telephone, r"\(?0(?:[ ()-]{0,2}[0-9]){9,10}", is_uk_number),
    (Kind::Telephone, r"\+(?:[ ()-]{0,2}[0-9]){8,15}", is_foreign_number),
    (
        Kind::Address,
        r"\b[0-9]{1,4}[A-Za-z]?,?\s+(?:[A-Z][A-Za-z'’.-]*,?\s+){0,6}[A-Za-z]{1,2}[0-9][0-9A-Za-z]? ?[0-9][A-Za-z]{2}\b",
        stands_alone,
    ),
    // The current form. In lower case only without space, or every "SW16 and" would be one.
    (Kind::Plate, r"\b(?:[A-Z]{2}[0-9]{2} ?[A-Z]{3}|[a-z]{2}[0-9]{2}[a-z]{3})\b", anywhere),
    // The forms of 1983 and 1963.
    (Kind::Plate, r"\b[A-Z][0-9]{1,3} ?[A-Z]{3}\b", anywhere),
    (Kind::Plate, r"\b[A-Z]{3} ?[0-9]{1,3}[A-Z]\b", anywhere),
    (Kind::Email, r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", anywhere),
];

static COMPILED: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    // A pattern that does not compile is a mistake of ours, which a test finds.
    PATTERNS.iter().filter_map(|(kind, text, also)| Some(Pattern { kind: *kind, regex: Regex::new(text).ok()?, also: *also })).collect()
});

fn anywhere(_before: &str, _found: &str, _after: &str) -> bool {
    true
}

/// A letter beyond ASCII that begins a name is a capital, too.
fn names_a_person(_before: &str, found: &str, _after: &str) -> bool {
    let name = found.split_whitespace().nth(1).unwrap_or_default();
    name.starts_with(|first: char| first.is_uppercase() || first.is_ascii_digit())
}

/// Not a part of a longer number, a date, a time or a decimal.
fn stands_alone(before: &str, _found: &str, after: &str) -> bool {
    let part_before = before.ends_with(|last: char| last.is_ascii_alphanumeric() || matches!(last, '-' | '/' | '.' | ':'));
    !part_before && !after.starts_with(|next: char| next.is_ascii_digit())
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn is_uk_number(before: &str, found: &str, after: &str) -> bool {
    let number = digits(found);
    let of_an_organisation = ["03", "0800", "0808"].iter().any(|prefix| number.starts_with(prefix));
    stands_alone(before, found, after) && !before.ends_with('+') && !of_an_organisation
}

fn is_foreign_number(before: &str, found: &str, _after: &str) -> bool {
    let number = digits(found);
    let of_an_organisation = ["443", "44800", "44808"].iter().any(|prefix| number.starts_with(prefix));
    // A `+` after a digit is a time's offset or a sum.
    !before.ends_with(|last: char| last.is_ascii_digit()) && !of_an_organisation
}

/// Every place in the text that looks like personal data, in the order of the text; places of one kind do not overlap.
///
/// Takes time linear in the text's length.
#[must_use]
pub fn scan(text: &str) -> Vec<Finding> {
    let mut found: Vec<(usize, usize, Kind)> = Vec::new();
    for pattern in COMPILED.iter() {
        for place in pattern.regex.find_iter(text) {
            let (before, after) = (text.get(..place.start()).unwrap_or_default(), text.get(place.end()..).unwrap_or_default());
            if (pattern.also)(before, place.as_str(), after) {
                found.push((place.start(), place.end(), pattern.kind));
            }
        }
    }
    found.sort_unstable_by_key(|(start, end, kind)| (*start, *end, *kind));
    // Bytes to characters in one pass over the text, since the places are in order.
    let (mut byte, mut character) = (0, 0);
    let mut ends: BTreeMap<Kind, usize> = BTreeMap::new();
    let mut findings = Vec::with_capacity(found.len());
    for (start, end, kind) in found {
        if ends.get(&kind).is_some_and(|earlier| start < *earlier) {
            continue;
        }
        ends.insert(kind, end);
        character += text.get(byte..start).unwrap_or_default().chars().count();
        byte = start;
        let length = text.get(start..end).unwrap_or_default().chars().count();
        findings.push(Finding { kind, start: character, end: character + length });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        scan(text).iter().map(|finding| finding.kind).collect()
    }

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(COMPILED.len(), PATTERNS.len());
    }

    #[test]
    fn a_name_after_a_title_is_found() {
        for text in
            ["Call Mr Smith.", "ask Mrs. Østergaard", "PC Jones attended", "PC 123AB attended", "Cllr Example said", "Dr  Who", "Ms\nDoe"]
        {
            assert_eq!(kinds(text), [Kind::Name], "{text}");
        }
        for text in ["a PC was stolen", "the DC supply", "Ms. and Mr. are titles", "Mister Minit", "Mr", "two PCs", "the dr said"] {
            assert_eq!(kinds(text), [], "{text}");
        }
    }

    #[test]
    fn a_name_is_found_with_its_initials_and_further_names_and_nothing_behind_a_stop() {
        let names = |text: &str| -> Vec<String> {
            let found = scan(text).into_iter();
            found.map(|Finding { start, end, .. }| text.chars().skip(start).take(end - start).collect()).collect()
        };
        assert_eq!(names("It was Mr John Peter Smith, they say."), ["Mr John Peter Smith"]);
        assert_eq!(names("Ask Dr J. R. Østergaard. The van is red."), ["Dr J. R. Østergaard"]);
        assert_eq!(names("Ms. and Mr Doe; PC 123AB saw them"), ["Mr Doe", "PC 123AB"]);
    }

    #[test]
    fn a_telephone_number_is_found() {
        for text in [
            "020 7946 0018",
            "07700 900123",
            "07700900123.",
            "(020) 7946 0018",
            "01632-960-001",
            "+44 7700 900123",
            "+44 (0)20 7946 0018",
            "+33 1 99 00 12 34",
            "020 7946 0018 12 people",
        ] {
            assert_eq!(kinds(text), [Kind::Telephone], "{text}");
        }
    }

    #[test]
    fn numbers_of_public_services_and_dates_are_let_pass() {
        for text in [
            "Ring 999 or 101",
            "Crimestoppers on 0800 555 111",
            "0300 123 1212",
            "+44 800 555 111",
            "between 2026-11-01 and 2026-11-02",
            "2026-11-22T18:00:00+00:00",
            "from 02:00 to 03:30",
            "51.4613,-0.1156 51.4650,-0.1156",
            "reference 01234567890123456",
            "2026-01-02 2026-01-03",
        ] {
            assert_eq!(kinds(text), [], "{text}");
        }
    }

    #[test]
    fn a_house_number_with_a_postcode_is_found() {
        for text in ["12 Acre Lane, London SW2 5SG", "Flat 3, 12a Acre Lane, Brixton, sw2 5sg", "12 SW2 5SG", "100 Railton Road SE24 0JN"] {
            assert_eq!(kinds(text), [Kind::Address], "{text}");
        }
        for text in
            ["near SW2 5SG", "12 Acre Lane", "at 14:30 near Acre Lane SW2 5SG", "3 burglaries near SW2 5SG", "Coldharbour Lane, SW9"]
        {
            assert_eq!(kinds(text), [], "{text}");
        }
    }

    #[test]
    fn a_plate_is_found() {
        for text in ["AB12 CDE", "a blue van ab12cde", "AB12CDE", "A123 BCD", "ABC 123D"] {
            assert_eq!(kinds(text), [Kind::Plate], "{text}");
        }
        for text in ["in SW16 and SE24", "SW16 the", "on 12 the", "the A23 road", "E05000416"] {
            assert_eq!(kinds(text), [], "{text}");
        }
    }

    #[test]
    fn an_email_address_is_found_with_its_place_in_characters() {
        assert_eq!(scan("écrire à someone@example.org."), [Finding { kind: Kind::Email, start: 9, end: 28 }]);
        assert_eq!(kinds("see @brixton or a@b"), []);
    }

    #[test]
    fn several_findings_stand_in_the_order_of_the_text() {
        assert_eq!(kinds("AB12 CDE seen by Mr Doe, 07700 900123"), [Kind::Plate, Kind::Name, Kind::Telephone]);
    }
}
