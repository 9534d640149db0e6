//! What looks like personal data in a text that is about to be shared, and moving it out.
//!
//! Every text is searched when a step would sign it, those for programs too: somebody types them, or a sender's name stands
//! there. What was shared before is not asked about again, unless somebody new would read it: a reason was given for those
//! who had it. The search finds shapes and no meaning ([`crate::personal`]), so whoever shares decides: it may stay, for a
//! reason that is logged, or it goes to the draft of an annex and a mark stands in its place. Once a name was taken out,
//! nothing of it is shared beside the mark.

use super::Office;
use super::record::lasting_reason;
use crate::desk::{PersonalData, Problem, StepRequest};
use crate::personal;
use crate::storage::DraftContent;
use csu_protocol::document::limits::{MAX_ITEMS, MAX_LINE_BYTES};
use csu_protocol::document::{Field, Form, Kind, Readers, kind};
use csu_protocol::entry::{Grant, Role};
use csu_protocol::id::DocumentId;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What stands where something was moved to an annex.
pub(super) const MARK: &str = "[in the annex]";
/// Findings in one refusal; more would only hide each other.
const MOST_FINDINGS: usize = 100;

/// What becomes of what looks like personal data in a step.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Screened {
    /// There is none.
    Clean,
    /// Somebody looked at so many places, and they stay for this reason.
    Checked(usize, String),
    /// It was taken out.
    TakenOut(Vec<Piece>),
}

/// Words that were taken out of a draft.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Piece {
    /// What they look like, if they look like anything.
    looks_like: Option<personal::Kind>,
    words: String,
}

/// Shows every text of a document with its field and path.
fn each_text(fields: &[Field], values: &mut Map<String, Value>, path: &str, see: &mut dyn FnMut(&Field, &str, &mut String)) {
    for field in fields {
        let Some(value) = values.get_mut(field.name) else { continue };
        let path = if path.is_empty() { field.name.to_owned() } else { format!("{path}.{}", field.name) };
        match (field.form, value) {
            (Form::Text | Form::Line, Value::String(text)) => see(field, &path, text),
            (Form::List(Form::Line), Value::Array(items)) => {
                for item in items {
                    if let Value::String(text) = item {
                        see(field, &path, text);
                    }
                }
            }
            (Form::Records(inner), Value::Array(records)) => {
                for (at, record) in records.iter_mut().enumerate() {
                    if let Value::Object(record) = record {
                        each_text(inner, record, &format!("{path}[{at}]"), see);
                    }
                }
            }
            _ => {}
        }
    }
}

/// A part of a text, in bytes, and what it looks like if it looks like anything.
type Place = (usize, usize, Option<personal::Kind>);

/// Where each character of a text begins, in bytes, and its end.
fn beginnings(text: &str) -> Vec<usize> {
    text.char_indices().map(|(at, _)| at).chain([text.len()]).collect()
}

/// Every place in a text that looks like personal data, and its words.
fn places(text: &str) -> Vec<(Place, &str)> {
    let bytes = beginnings(text);
    let at = |character: usize| bytes.get(character).copied().unwrap_or(text.len());
    let place = |finding: personal::Finding| {
        let (start, end) = (at(finding.start), at(finding.end));
        ((start, end, Some(finding.kind)), text.get(start..end).unwrap_or_default())
    };
    personal::scan(text).into_iter().map(place).collect()
}

/// The same for a field: codes that programs read look like plates too often.
fn places_in<'a>(field: &Field, text: &'a str) -> Vec<(Place, &'a str)> {
    let mut found = places(text);
    found.retain(|((_, _, kind), _)| field.readers == Readers::People || *kind != Some(personal::Kind::Plate));
    found
}

/// Where whole words stand in a text, in bytes; marks are no text.
fn standing(text: &str, words: &str) -> Vec<(usize, usize)> {
    let (folded, words) = (personal::fold(text), personal::fold(words));
    let (bytes, folded_bytes) = (beginnings(text), beginnings(&folded));
    // What is folded has as many characters, not as many bytes.
    let unfolded = |at: usize| folded_bytes.binary_search(&at).ok().and_then(|character| bytes.get(character).copied());
    let marks: Vec<usize> = folded.match_indices(MARK).map(|(at, _)| at).collect();
    let is_word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    let is_whole = |start: usize, end: usize| {
        let before = folded.get(..start).and_then(|before| before.chars().next_back());
        let after = folded.get(end..).and_then(|after| after.chars().next());
        let in_mark = |mark: &usize| start < mark.saturating_add(MARK.len()) && *mark < end;
        !(is_word(before) && is_word(words.chars().next())
            || is_word(after) && is_word(words.chars().next_back())
            || marks.get(marks.partition_point(|mark| mark.saturating_add(MARK.len()) <= start)).is_some_and(in_mark))
    };
    let found = folded.match_indices(words.as_str()).map(|(start, _)| (start, start.saturating_add(words.len())));
    found.filter(|(start, end)| is_whole(*start, *end)).filter_map(|(start, end)| Some((unfolded(start)?, unfolded(end)?))).collect()
}

/// Words of names that stand in a text by themselves, in bytes: written with a capital, or `Brown` would be every brown van.
fn words_of_names(text: &str, names: &BTreeSet<String>) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut begun: Option<usize> = None;
    for (at, letter) in text.char_indices().chain([(text.len(), ' ')]) {
        match (letter.is_alphanumeric(), begun) {
            (true, None) => begun = Some(at),
            (false, Some(start)) => {
                let word = text.get(start..at).unwrap_or_default();
                if !word.starts_with(char::is_lowercase) && names.contains(&word.to_lowercase()) {
                    found.push((start, at));
                }
                begun = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    found
}

/// The words by which those are known whose names were taken out.
fn names_of(pieces: &[Piece]) -> BTreeSet<String> {
    let names = pieces.iter().filter(|piece| piece.looks_like == Some(personal::Kind::Name));
    names.flat_map(|piece| personal::distinctive(&piece.words)).collect()
}

/// What still stands somewhere of names that were taken out.
fn left_of_names(kind: &Kind, fields: &Map<String, Value>, pieces: &[Piece]) -> Vec<PersonalData> {
    let names = names_of(pieces);
    let mut left = Vec::new();
    if names.is_empty() {
        return left;
    }
    each_text(kind.fields, &mut fields.clone(), "", &mut |_, path, text| {
        left.extend(words_of_names(text, &names).into_iter().map(|(start, end)| PersonalData {
            field: path.to_owned(),
            looks_like: personal::Kind::Name,
            words: text.get(start..end).unwrap_or_default().to_owned(),
        }));
    });
    left
}

/// Every place that looks like personal data.
pub(super) fn found_in(kind: &Kind, fields: &Map<String, Value>) -> Vec<PersonalData> {
    let mut found = Vec::new();
    each_text(kind.fields, &mut fields.clone(), "", &mut |field, path, text| found.extend(findings(path, places_in(field, text))));
    found
}

fn findings(path: &str, found: Vec<(Place, &str)>) -> Vec<PersonalData> {
    let place = |((_, _, kind), words): (Place, &str)| {
        kind.map(|looks_like| PersonalData { field: path.to_owned(), looks_like, words: words.to_owned() })
    };
    found.into_iter().filter_map(place).collect()
}

/// Takes words out of a draft and puts the mark in their places: these words wherever they stand, and what was found.
fn take_these_out(kind: &Kind, fields: &mut Map<String, Value>, words: &[String], found: &[PersonalData]) -> Vec<Piece> {
    let found: BTreeSet<(personal::Kind, &str)> = found.iter().map(|found| (found.looks_like, found.words.as_str())).collect();
    let mut pieces = BTreeSet::new();
    each_text(kind.fields, fields, "", &mut |field, _, text| {
        let is_wanted = |(place, words): &(Place, &str)| place.2.is_some_and(|kind| found.contains(&(kind, *words)));
        let mut wanted: Vec<Place> = places_in(field, text).iter().filter(|found| is_wanted(found)).map(|(place, _)| *place).collect();
        for words in words {
            let looks_like = personal::scan(words).first().map(|finding| finding.kind);
            wanted.extend(standing(text, words).into_iter().map(|(start, end)| (start, end, looks_like)));
        }
        if !wanted.is_empty() {
            *text = without(text, wanted, &mut pieces);
        }
    });
    pieces.into_iter().collect()
}

/// The same, and whatever else stands there of the names that were taken out: a draft is read again before it is shared.
pub(super) fn take_out(kind: &Kind, fields: &mut Map<String, Value>, words: &[String], found: &[PersonalData]) -> Vec<Piece> {
    let pieces = take_these_out(kind, fields, words, found);
    let names = names_of(&pieces);
    if !names.is_empty() {
        each_text(kind.fields, fields, "", &mut |_, _, text| {
            let left: Vec<Place> = words_of_names(text, &names).into_iter().map(|(start, end)| (start, end, None)).collect();
            if !left.is_empty() {
                // They are words of a name that the annex has whole.
                *text = without(text, left, &mut BTreeSet::new());
            }
        });
    }
    pieces
}

/// The text with a mark for every place, those that touch as one.
fn without(text: &str, mut places: Vec<Place>, pieces: &mut BTreeSet<Piece>) -> String {
    places.sort_unstable();
    let mut joined: Vec<Place> = Vec::new();
    for (start, end, looks_like) in places {
        match joined.last_mut() {
            Some((_, last, known)) if start < *last => {
                *last = end.max(*last);
                *known = known.or(looks_like);
            }
            _ => joined.push((start, end, looks_like)),
        }
    }
    let part = |start: usize, end: usize| text.get(start..end).unwrap_or_default();
    let (mut left, mut at) = (String::new(), 0);
    for (start, end, looks_like) in joined {
        left.push_str(part(at, start));
        left.push_str(MARK);
        pieces.insert(Piece { looks_like, words: part(start, end).to_owned() });
        at = end;
    }
    left + part(at, text.len())
}

/// Puts pieces into the fields of an annex. A line has no line ends and a list not any number of lines: what does not fit
/// goes to the text.
pub(super) fn put_in(fields: &mut Map<String, Value>, pieces: &[Piece]) {
    for piece in pieces {
        let list = match piece.looks_like {
            Some(personal::Kind::Name) => "persons",
            Some(personal::Kind::Telephone) => "telephones",
            Some(personal::Kind::Address) => "addresses",
            Some(personal::Kind::Plate) => "vehicles",
            Some(personal::Kind::Email) => "emails",
            None => {
                add_to_text(fields, &piece.words);
                continue;
            }
        };
        let words = piece.words.split_whitespace().collect::<Vec<_>>().join(" ");
        let known = fields.get(list).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        if known.iter().any(|item| item.as_str() == Some(words.as_str())) {
            continue;
        }
        if words.len() > MAX_LINE_BYTES || known.len() >= MAX_ITEMS {
            add_to_text(fields, &piece.words);
        } else if let Value::Array(items) = fields.entry(list).or_insert_with(|| Value::Array(Vec::new())) {
            items.push(words.into());
        }
    }
}

fn add_to_text(fields: &mut Map<String, Value>, words: &str) {
    let before = fields.get("text").and_then(Value::as_str).map(|before| format!("{before}\n")).unwrap_or_default();
    fields.insert("text".to_owned(), format!("{before}{words}").into());
}

/// Whether an annex holds all that was taken out.
fn check_room(pieces: &[Piece]) -> Result<(), Problem> {
    let Some(annex) = kind::all().iter().find(|kind| kind.sealed.is_some()) else { return Ok(()) };
    let mut fields = Map::new();
    put_in(&mut fields, pieces);
    annex.check(&fields).map(drop).map_err(|error| {
        Problem::invalid("moveToAnnex", format!("what was found does not fit into one annex: {error}"), "share less in one document")
    })
}

/// What was found, in words that quote nothing.
fn summary(found: &[PersonalData]) -> String {
    let places: BTreeSet<String> = found.iter().map(|found| format!("{} ({})", found.field, found.looks_like)).collect();
    let shown: Vec<String> = places.iter().take(10).cloned().collect();
    let more = if places.len() > shown.len() { format!(" and {} more", places.len() - shown.len()) } else { String::new() };
    format!("this looks like personal data: {}{more}", shown.join(", "))
}

fn refusal(mut found: Vec<PersonalData>, remedy: &str) -> Problem {
    let detail = format!("{}; nothing was shared", summary(&found));
    found.truncate(MOST_FINDINGS);
    Problem::personal_data(found, detail, remedy)
}

const CHECKED: &str = "if you looked and it may be shared, say why with --personal-data-checked \"WHY\"";

impl Office {
    /// Looks for personal data in what a step would share and was not shared before, and does with it what the request says.
    pub(super) fn screen(
        kind: &Kind,
        fields: &mut Map<String, Value>,
        published: &Map<String, Value>,
        request: &StepRequest,
    ) -> Result<Screened, Problem> {
        if request.move_to_annex && request.personal_data_checked.is_some() {
            return Err(Problem::invalid(
                "moveToAnnex",
                "what looks like personal data is either moved to an annex or stays for a reason",
                "give --move-to-annex or --personal-data-checked",
            ));
        }
        if kind.sealed.is_some() {
            return Ok(Screened::Clean);
        }
        let mut found = found_in(kind, fields);
        if !found.is_empty() {
            let known: BTreeSet<String> = found_in(kind, published).into_iter().map(|found| found.words).collect();
            found.retain(|found| !known.contains(&found.words));
        }
        if found.is_empty() {
            return Ok(Screened::Clean);
        }
        if let Some(why) = &request.personal_data_checked {
            return Ok(Screened::Checked(found.len(), lasting_reason("personalDataChecked", why)?));
        }
        if request.move_to_annex {
            let pieces = take_these_out(kind, fields, &[], &found);
            let left = left_of_names(kind, fields, &pieces);
            if !left.is_empty() {
                let remedy = "what would stay are words of the names that would be moved. Take those out of the draft too, with \
                    `csu annex draft --of DRAFT --move-found`, or write the text without them, and issue it then";
                return Err(refusal(left, remedy));
            }
            check_room(&pieces)?;
            return Ok(Screened::TakenOut(pieces));
        }
        Err(refusal(found, &format!("move it to the draft of an annex with --move-to-annex; or {CHECKED}")))
    }

    /// The same for what somebody says in a response, which is no draft to take anything out of.
    pub(super) fn screen_text(text: &str, checked: Option<&String>) -> Result<Screened, Problem> {
        let found = findings("text", places(text));
        match checked {
            _ if found.is_empty() => Ok(Screened::Clean),
            Some(why) => Ok(Screened::Checked(found.len(), lasting_reason("personalDataChecked", why)?)),
            None => Err(refusal(found, &format!("put it into an annex with `csu annex draft --of DOCUMENT`; or {CHECKED}"))),
        }
    }

    /// The same for what was shared, if these grants open it to somebody who could not read it: whoever looked at it before
    /// had others in mind.
    pub(super) fn screen_widening(
        &self,
        document: &DocumentId,
        kind: &Kind,
        shared: &Map<String, Value>,
        grants: &[Grant],
        checked: Option<&String>,
    ) -> Result<Screened, Problem> {
        let readers = self.audience_with(document, &[])?;
        let reads = |grant: &Grant| readers.iter().any(|known| known.subject == grant.subject && known.role >= Role::Read);
        let widens = grants.iter().any(|grant| grant.role >= Role::Read && !reads(grant));
        let found = if widens && kind.sealed.is_none() { found_in(kind, shared) } else { Vec::new() };
        match checked {
            _ if found.is_empty() => Ok(Screened::Clean),
            Some(why) => Ok(Screened::Checked(found.len(), lasting_reason("personalDataChecked", why)?)),
            None => Err(refusal(
                found,
                "it was shared with others, for whom somebody looked at it. If those may have it too whom you name now, say why with \
                 --personal-data-checked \"WHY\" of `csu grant add` or of the step, for a circle with `csu grant add --circle NAME`; if \
                 not, issue it anew without it",
            )),
        }
    }

    /// Refuses to move words out of the draft of a next version that stand in what was shared: they would stay in its history.
    pub(super) fn refuse_shared(&mut self, content: &DraftContent, pieces: &[Piece]) -> Result<(), Problem> {
        let Some(document) = content.document else { return Ok(()) };
        let open = self.open_document(&document)?;
        let mut shared = false;
        each_text(open.kind.fields, &mut open.snapshot.fields.as_map().clone(), "", &mut |_, _, text| {
            shared |= pieces.iter().any(|piece| !standing(text, &piece.words).is_empty());
        });
        if !shared {
            return Ok(());
        }
        Err(Problem::conflict(
            "some of the words that are to be moved were shared already: they stay in the history of the document at all who have it",
            format!(
                "have it erased with `csu erase {}` and issue it anew, without the words; what is new in the draft alone is moved with \
                 --move \"WORDS\", or by the step with --move-to-annex",
                document.short()
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use csu_protocol::document::kind;
    use serde_json::json;

    fn bulletin() -> (&'static Kind, Map<String, Value>) {
        let fields = json!({
            "origin": "warnings@brixton.example,1,2026-11-22T18:00:00+00:00",
            "note": "Ring 07700 900123 or 07700 900123.",
            "info": [{ "headline": "Mr Quill Byron seen", "description": "Van AB12 CDE, Byron's.", "category": ["Security"] }],
        });
        (kind::find("bulletin").unwrap(), fields.as_object().unwrap().clone())
    }

    #[test]
    fn texts_are_searched_and_values_for_programs_too() {
        let (kind, fields) = bulletin();
        let found: Vec<String> = found_in(kind, &fields).into_iter().map(|found| format!("{}={}", found.field, found.words)).collect();
        let number = "note=07700 900123";
        let sender = "origin=warnings@brixton.example";
        let mut wanted = ["info[0].headline=Mr Quill Byron", "info[0].description=AB12 CDE", number, number, sender];
        let mut found: Vec<&str> = found.iter().map(String::as_str).collect();
        found.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(found, wanted);
    }

    #[test]
    fn what_is_found_and_what_is_named_goes_to_the_fields_of_an_annex_and_a_mark_stays() {
        let (kind, mut fields) = bulletin();
        let found = found_in(kind, &fields);
        let pieces = take_out(kind, &mut fields, &["Byron".to_owned()], &found);
        assert_eq!(fields["info"][0]["headline"], "[in the annex] seen");
        assert_eq!(fields["info"][0]["description"], "Van [in the annex], [in the annex]'s.");
        assert_eq!(fields["note"], "Ring [in the annex] or [in the annex].");
        let mut annex = Map::new();
        put_in(&mut annex, &pieces);
        assert_eq!(fields["origin"], "[in the annex],1,2026-11-22T18:00:00+00:00");
        let emails = ["warnings@brixton.example"];
        let wanted = json!({ "emails": emails, "persons": ["Mr Quill Byron"], "vehicles": ["AB12 CDE"], "telephones": ["07700 900123"], "text": "Byron" });
        assert_eq!(Value::Object(annex), wanted);
        assert!(found_in(kind, &fields).is_empty());
    }

    #[test]
    fn a_refusal_says_where_and_what_it_looks_like_and_repeats_the_words_only_beside_that() {
        let (kind, mut fields) = bulletin();
        let refused = Office::screen(kind, &mut fields, &Map::new(), &StepRequest::default()).unwrap_err();
        let text = refused.to_string();
        assert!(text.contains("info[0].headline (a person's name)") && text.contains("--move-to-annex"), "{text}");
        assert!(!text.contains("Byron") && !text.contains("07700"), "{text}");
        assert_eq!(refused.findings().len(), 5);
        // What was shared before is not asked about again.
        let before = fields.clone();
        assert_eq!(Office::screen(kind, &mut fields, &before, &StepRequest::default()), Ok(Screened::Clean));
        let checked = |why: &str| StepRequest { personal_data_checked: Some(why.to_owned()), ..StepRequest::default() };
        assert_eq!(
            Office::screen(kind, &mut fields, &Map::new(), &checked("the shop's own number")),
            Ok(Screened::Checked(5, "the shop's own number".to_owned()))
        );
        // Reasons stay in the log for good: a name has no place in one.
        let refused = Office::screen(kind, &mut fields, &Map::new(), &checked("Mr Byron agreed")).unwrap_err();
        assert_eq!(refused.field(), Some("personalDataChecked"), "{refused}");
        let both = StepRequest { move_to_annex: true, ..checked("x") };
        Office::screen(kind, &mut fields, &Map::new(), &both).unwrap_err();
    }
}
