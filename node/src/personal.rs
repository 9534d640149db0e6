//! Signs of personal data in a text: names after a title, telephone numbers, addresses, plates, e-mail addresses.
//!
//! This looks for shapes, not for meaning: it misses names without a title, and it takes a company's telephone number for a
//! person's. It is there to make a person look twice before a text is issued, never to decide.
//!
//! Libraries for telephone numbers judge a number that is known to be one; to find one in a text, and to tell it from a date or a
//! grid reference, is most of what is done here, so none is used.

use regex::Regex;
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

/// All of them are for a text that was folded ([`fold`]).
const PATTERNS: [(Kind, &str, Condition); 7] = [
    (Kind::Telephone, r"\(?0(?:[\s().-]{0,2}[0-9]){9,10}", is_uk_number),
    (Kind::Telephone, r"\+(?:[\s().-]{0,2}[0-9]){8,15}", is_foreign_number),
    (
        Kind::Address,
        r"\b[0-9]{1,4}(?:-[0-9]{1,4})?[A-Za-z]?,?\s+(?:(?:[A-Z]|(?u:[^\x00-\x7F]))(?:[A-Za-z'.-]|(?u:[^\x00-\x7F]))*,?\s+){0,6}[A-Za-z]{1,2}[0-9][0-9A-Za-z]?\s?[0-9][A-Za-z]{2}\b",
        stands_alone,
    ),
    // The current form. In lower case only without space, or every "SW16 and" would be one.
    (Kind::Plate, r"\b(?:[A-Z]{2}[0-9]{2}[ .-]?[A-Z]{3}|[a-z]{2}[0-9]{2}[a-z]{3})\b", anywhere),
    // The forms of 1983 and 1963.
    (Kind::Plate, r"\b[A-Z][0-9]{1,3}[ .-]?[A-Z]{3}\b", anywhere),
    (Kind::Plate, r"\b[A-Z]{3}[ .-]?[0-9]{1,3}[A-Z]\b", anywhere),
    (
        Kind::Email,
        r"(?:[A-Za-z0-9._%+-]|(?u:[^\x00-\x7F]))+@(?:[A-Za-z0-9-]|(?u:[^\x00-\x7F]))+(?:\.(?:[A-Za-z0-9-]|(?u:[^\x00-\x7F]))+)+",
        anywhere,
    ),
];

/// Titles and ranks, as they are written and in capitals; of those that people write small, the two that mean nothing else.
const TITLE: &str = r"\b(?:mr|mrs|M(?:r|R|rs|RS|s|S|iss|ISS|x|X)|D(?:r|R)|S(?:ir|IR)|R(?:ev|EV)|C(?:llr|LLR|ouncillor|OUNCILLOR)|PC|WPC|PCSO|DC|DS|DI|DCI|S(?:gt|GT|ergeant|ERGEANT)|C(?:onstable|ONSTABLE)|I(?:nspector|NSPECTOR))\b";

/// Those of them that a number may follow.
const RANKS: [&str; 11] = ["pc", "wpc", "pcso", "dc", "ds", "di", "dci", "sgt", "sergeant", "constable", "inspector"];
const OTHER_TITLES: [&str; 10] = ["mr", "mrs", "ms", "miss", "mx", "dr", "sir", "rev", "cllr", "councillor"];

/// Small words within a name.
const PARTICLES: [&str; 30] = [
    "van", "von", "der", "den", "de", "del", "della", "di", "da", "das", "do", "dos", "du", "la", "le", "zu", "ter", "ten", "bin", "bint",
    "binti", "ibn", "ben", "al", "el", "ul", "ur", "af", "av", "op",
];

/// Words that stand with a capital where a sentence begins, or in a text all of capitals, and are nobody's name.
const NO_NAMES: [&str; 43] = [
    "the", "and", "was", "were", "has", "had", "his", "her", "she", "they", "that", "this", "these", "with", "from", "when", "for", "not",
    "but", "are", "you", "your", "our", "out", "any", "all", "or", "it", "of", "in", "on", "at", "is", "to", "a", "please", "call", "ring",
    "seen", "said", "van", "car", "madam",
];

/// After a doctor's or a knight's name: a street or a house that is called after them. Words that are surnames, too, are not here.
const PLACES: [&str; 19] = [
    "road", "street", "avenue", "crescent", "gardens", "terrace", "close", "estate", "school", "academy", "hospital", "library", "pub",
    "inn", "arms", "tavern", "centre", "memorial", "square",
];
const OF_PLACES: [&str; 2] = ["dr", "sir"];

/// Shops and programs whose names begin as a rank or title does.
const BRANDS: [(&str, &str); 5] = [("pc", "world"), ("ms", "teams"), ("ms", "office"), ("ms", "word"), ("ms", "excel")];

/// Further names after the first.
const FURTHER_NAMES: usize = 4;
/// Initials and small words in one name; more are no name.
const SMALL_PARTS: usize = 6;

/// Words, digits and spaces are those of ASCII: texts are folded before, and what Unicode adds would take tables of its own.
fn compiled(pattern: &str) -> Option<Regex> {
    Regex::new(&format!("(?-u){pattern}")).ok()
}

static TITLES: LazyLock<Option<Regex>> = LazyLock::new(|| compiled(TITLE));

static COMPILED: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    // A pattern that does not compile is a mistake of ours, which a test finds.
    PATTERNS.iter().filter_map(|(kind, text, also)| Some(Pattern { kind: *kind, regex: compiled(text)?, also: *also })).collect()
});

/// The text with every space, hyphen, dot and apostrophe of Unicode as ASCII has it, and wide letters and digits as narrow
/// ones: what looks alike is searched alike. Character for character, so that places hold.
#[must_use]
pub fn fold(text: &str) -> String {
    let folded = |character: char| match character {
        // First what most of a text is.
        '\n' | '\r' | '!'..='_' | 'a'..='~' => character,
        '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}' => ' ',
        space if space.is_whitespace() => ' ',
        '\u{AD}' | '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' => '-',
        '\u{B7}' | '\u{2022}' | '\u{2024}' | '\u{2026}' | '\u{2027}' | '\u{2219}' | '\u{22C5}' | '\u{30FB}' | '\u{3002}' => '.',
        '\u{2018}' | '\u{2019}' | '\u{201B}' | '\u{2BC}' | '\u{2B9}' | '\u{60}' | '\u{B4}' => '\'',
        '\u{201C}'..='\u{201F}' | '\u{AB}' | '\u{BB}' => '"',
        wide @ '\u{FF01}'..='\u{FF5E}' => u32::from(wide).checked_sub(0xFEE0).and_then(char::from_u32).unwrap_or(wide),
        other => other,
    };
    text.chars().map(folded).collect()
}

fn anywhere(_before: &str, _found: &str, _after: &str) -> bool {
    true
}

/// Not a part of a longer number, a date, a time or a decimal.
fn stands_alone(before: &str, _found: &str, after: &str) -> bool {
    let mut before = before.chars().rev();
    let (last, earlier) = (before.next(), before.next());
    let part_before = match last {
        Some('/') => true,
        Some('-') => earlier.is_some_and(|earlier| earlier.is_ascii_alphanumeric()),
        // After a word they end it: "Tel.07700 900123".
        Some('.' | ':') => earlier.is_some_and(|earlier| earlier.is_ascii_digit()),
        Some(last) => last.is_ascii_alphanumeric(),
        None => false,
    };
    !part_before && !after.starts_with(|next: char| next.is_ascii_digit())
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Whether a text begins as a day, month and year do, or as a decimal below one.
fn begins_as_date_or_decimal(text: &str) -> bool {
    let groups: Vec<&str> = text.split(['.', '-']).take(3).collect();
    let length = |at: usize| groups.get(at).map_or(0, |group| group.chars().take_while(char::is_ascii_digit).count());
    let whole = |at: usize| groups.get(at).is_some_and(|group| group.len() == length(at));
    let date = whole(0) && whole(1) && matches!((length(0), length(1), length(2)), (1..=2, 1..=2, 2 | 4));
    date || text.starts_with("0.")
}

fn is_uk_number(before: &str, found: &str, after: &str) -> bool {
    let number = digits(found);
    let of_an_organisation = ["03", "0800", "0808"].iter().any(|prefix| number.starts_with(prefix));
    stands_alone(before, found, after) && !before.ends_with('+') && !of_an_organisation && !begins_as_date_or_decimal(found)
}

fn is_foreign_number(before: &str, found: &str, _after: &str) -> bool {
    let number = digits(found);
    let of_an_organisation = ["443", "44800", "44808"].iter().any(|prefix| number.starts_with(prefix));
    // A `+` after a digit is a time's offset or a sum.
    !before.ends_with(|last: char| last.is_ascii_digit()) && !of_an_organisation
}

/// Whether a letter may begin a name: a capital of any script, or a letter of one that has none.
fn is_capital(letter: char) -> bool {
    letter.is_alphabetic() && !letter.is_lowercase()
}

fn is_one_of(words: &[&str], word: &str) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// The letters at the beginning of a text that make one word of a name.
fn word_at(text: &str) -> &str {
    let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '\'' | '\u{300}'..='\u{36F}');
    let word = text.find(|letter: char| !is_part(letter)).map_or(text, |end| text.get(..end).unwrap_or_default());
    word.trim_end_matches(['-', '\''])
}

/// Whether a word begins a name: `Smith`, `al-Rashid`, `d'Arcy`.
fn is_name(word: &str) -> bool {
    let rest = word.find(['-', '\'']).and_then(|at| word.get(at.saturating_add(1)..));
    let prefixed = || word.find(['-', '\'']).is_some_and(|at| at <= 3) && rest.is_some_and(|rest| rest.starts_with(is_capital));
    word.starts_with(is_capital) || prefixed()
}

/// The spaces at the beginning of a text, of which at most one ends a line: an empty line ends a name.
fn gap(text: &str) -> Option<usize> {
    let length = text.len().saturating_sub(text.trim_start().len());
    let lines = text.get(..length).unwrap_or_default().matches('\n').count();
    (lines <= 1).then_some(length)
}

/// Where a name ends that follows a title, in bytes of the text after the title.
fn name_after(title: &str, text: &str) -> Option<usize> {
    let stop = usize::from(text.starts_with('.'));
    let mut at = stop;
    // Where it may end; the number of names, and of initials and small words.
    let (mut end, mut names, mut small) = (0, 0, 0);
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let Some(space) = gap(rest) else { break };
        let joined = names == 0 && small == 0 && stop == 1 || rest.is_empty();
        let after_initial = text.get(..at).is_some_and(|before| before.ends_with('.'));
        if space == 0 && !joined && !after_initial {
            break;
        }
        let word = word_at(rest.get(space..).unwrap_or_default());
        let after = at.saturating_add(space).saturating_add(word.len());
        let mut letters = word.chars();
        let is_initial = letters.next().is_some_and(is_capital)
            && letters.next().is_none()
            && text.get(after..).is_some_and(|next| next.starts_with('.'));
        let is_number = names == 0 && is_one_of(&RANKS, title) && word.starts_with(|first: char| first.is_ascii_digit());
        if is_initial && small < SMALL_PARTS {
            small += 1;
            at = after.saturating_add(1);
            end = end.max(after);
        } else if is_number || is_name(word) && !(names == 0 && is_one_of(&NO_NAMES, word)) {
            names += 1;
            at = after;
            end = after;
            if names > FURTHER_NAMES {
                break;
            }
        } else if is_one_of(&PARTICLES, word) && small < SMALL_PARTS {
            small += 1;
            at = after;
        } else {
            break;
        }
    }
    (end > 0).then_some(end)
}

/// Whether what looks like a name is a place or a shop.
fn is_no_person(title: &str, name: &str, after: &str) -> bool {
    let words = || name.split_whitespace();
    let first = words().next().unwrap_or_default();
    let is_brand = BRANDS.iter().any(|(of, brand)| of.eq_ignore_ascii_case(title) && brand.eq_ignore_ascii_case(first));
    let next = word_at(after.trim_start_matches(' '));
    let of_a_place = words().skip(1).any(|word| is_one_of(&PLACES, word)) || is_one_of(&["pub", "inn", "arms", "tavern"], next);
    is_brand || is_one_of(&OF_PLACES, title) && of_a_place
}

/// Every name after a title in a folded text, in bytes.
fn names(text: &str) -> Vec<(usize, usize, Kind)> {
    let Some(titles) = TITLES.as_ref() else { return Vec::new() };
    let mut found = Vec::new();
    for title in titles.find_iter(text) {
        let after = text.get(title.end()..).unwrap_or_default();
        let Some(length) = name_after(title.as_str(), after) else { continue };
        let (name, after) = after.split_at_checked(length).unwrap_or((after, ""));
        if !is_no_person(title.as_str(), name.trim_start_matches('.'), after) {
            found.push((title.start(), title.end().saturating_add(length), Kind::Name));
        }
    }
    found
}

/// Every place of a pattern in a folded text, in bytes.
fn matches(pattern: &Pattern, text: &str) -> Vec<(usize, usize, Kind)> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(place) = pattern.regex.find_at(text, at) {
        let (before, after) = (text.get(..place.start()).unwrap_or_default(), text.get(place.end()..).unwrap_or_default());
        if (pattern.also)(before, place.as_str(), after) {
            found.push((place.start(), place.end(), pattern.kind));
            at = place.end();
        } else if pattern.kind == Kind::Telephone {
            // What began as a date or another number may run into a telephone number.
            let is_part = |character: char| character.is_ascii_digit() || matches!(character, '.' | '/' | ':' | '-' | '+' | '(');
            let rest = text.get(place.start()..).unwrap_or_default();
            at = place.start().saturating_add(rest.find(|character| !is_part(character)).unwrap_or(rest.len()).max(1));
        } else {
            at = place.end();
        }
    }
    found
}

/// The words of a name by which somebody is known: of three letters or more, and no titles. In small letters.
#[must_use]
pub fn distinctive(name: &str) -> Vec<String> {
    let folded = fold(name);
    let words = folded.split(|letter: char| !letter.is_alphanumeric());
    let known = [&RANKS[..], &OTHER_TITLES, &PARTICLES, &NO_NAMES];
    let tells = |word: &&str| {
        word.chars().count() >= 3 && word.chars().any(char::is_alphabetic) && !known.iter().any(|known| is_one_of(known, word))
    };
    words.filter(tells).map(str::to_lowercase).collect()
}

/// Every place in the text that looks like personal data, in the order of the text; places of one kind do not overlap.
///
/// Takes time linear in the text's length.
#[must_use]
pub fn scan(text: &str) -> Vec<Finding> {
    let text = &fold(text);
    let mut found = names(text);
    found.extend(COMPILED.iter().flat_map(|pattern| matches(pattern, text)));
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

    fn names_in(text: &str) -> Vec<String> {
        let found = scan(text).into_iter().filter(|finding| finding.kind == Kind::Name);
        found.map(|Finding { start, end, .. }| text.chars().skip(start).take(end - start).collect()).collect()
    }

    #[test]
    fn a_name_is_found_whole_with_small_words_capitals_of_any_script_and_any_space() {
        for name in [
            "Mr Jens Østergaard",
            "Ms Anna de Souza",
            "Mr Mohammed Abdul Rahman Khan",
            "MR JOHN SMITH",
            "Mr\u{a0}Brown",
            "MRS. JANE O'NEIL",
            "Dr van der Berg",
            "Mr Yusuf al-Rashid",
            "Mr d’Arcy",
            "Mr Ahmed bin Salman",
            "Ms Шевченко",
            "Mr John P. Smith",
            "Mr.Smith",
            "mr Smith",
            "Ms\u{2009}Żak‐Nowak",
            "Mr 田中",
            "Cllr Siân\nMcDonald",
        ] {
            assert_eq!(names_in(&format!("Seen: {name}, in a van.")), [name]);
            assert_eq!(names_in(&format!("{name} drove it")), [name]);
        }
        assert_eq!(names_in("Mr Smith\n\nVan seen"), ["Mr Smith"]);
        assert_eq!(names_in("Mr Smith de facto"), ["Mr Smith"]);
    }

    #[test]
    fn no_space_hyphen_or_dot_of_unicode_hides_a_number_an_address_or_a_plate() {
        for text in
            ["07700\u{a0}900123", "07700.900.123", "07700‑900‑123", "０７７００ 900123", "Tel.07700 900123", "on 01.02.2026 07700 900123"]
        {
            assert_eq!(kinds(text), [Kind::Telephone], "{text}");
        }
        for text in ["12\u{a0}Acre\u{a0}Lane,\u{a0}SW2\u{a0}5SG", "12 Acre Lane,\nLondon SW2 5SG", "12–14 Łódź Lane SW2 5SG"] {
            assert_eq!(kinds(text), [Kind::Address], "{text}");
        }
        assert_eq!(kinds("AB12\u{a0}CDE"), [Kind::Plate]);
        assert_eq!(kinds("josé@example.org"), [Kind::Email]);
    }

    #[test]
    fn honest_bulletins_are_let_pass() {
        for text in [
            "Burglaries on Dr Johnson Avenue between 02.00 and 03.30 on 05.11.2026; lock your doors.",
            "Thefts of bicycles outside the Sir Walter Raleigh pub and the Sir Robert Peel Inn, Walworth Road.",
            "Meet at St Mary's Road, opposite St. John's Church, on 01.12.2026 at 19.00.",
            "Two catalytic converters were taken in SW16 and SE24 from 01.11.2026 to 03.11.2026.",
            "Aerials broken in Mr\u{a0}and Mrs style shops? No: nothing was taken.",
            "DO NOT MISS THE MEETING. DEAR SIR OR MADAM letters ask for money.",
            "A white Ford Transit was seen three times near 12 Acre Lane. Ring 101 or Crimestoppers on 0800 555 111.",
            "Theft from PC World on the Old Kent Road; a PC and two laptops.",
            "The scammers ask you to join on MS Teams.",
            "Area 51.4613,0.1156 51.4650,0.1201 51.4613,0.1156 and ward E05000416.",
            "Events 2026-11-01 to 2026-11-02, case 01.30-02.30, version 0.1.2.3 of 2.49.0.1.124.0123456789.2026.",
            "Brown's Hotel, Queen's Road and Prince of Wales Drive were hit.",
            "Reported by the Brixton CSU to DS and DI teams at Lambeth.",
        ] {
            let found: Vec<String> =
                scan(text).iter().map(|found| text.chars().skip(found.start).take(found.end - found.start).collect()).collect();
            assert!(found.is_empty(), "{found:?} in {text}");
        }
    }

    #[test]
    fn the_words_that_tell_a_person_are_those_of_three_letters_that_are_no_titles() {
        assert_eq!(distinctive("Mr J. R. O'Neil-van der Østergaard's"), ["neil", "østergaard"]);
        assert_eq!(distinctive("PC 123AB"), ["123ab"]);
        assert!(distinctive("Dr Li").is_empty());
    }

    #[test]
    fn a_long_text_of_nothing_but_beginnings_is_searched_in_time() {
        let began = std::time::Instant::now();
        for part in ["0 ", "0", "Mr ", "Mr A. ", "Mr de ", "Mr A ", "1 A ", "a@", "+", "12-"] {
            assert!(scan(&part.repeat(20_000)).len() <= 20_000, "{part}");
        }
        assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
    }

    #[test]
    fn several_findings_stand_in_the_order_of_the_text() {
        assert_eq!(kinds("AB12 CDE seen by Mr Doe, 07700 900123"), [Kind::Plate, Kind::Name, Kind::Telephone]);
    }
}
