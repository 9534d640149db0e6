//! What looks like personal data in a text that is about to be shared, and moving it out.
//!
//! Every text that people read is searched when a step would sign it. What was shared before is not asked about again. The
//! search finds shapes and no meaning ([`crate::personal`]), so whoever shares decides: it may stay, for a reason that is
//! logged, or it goes to the draft of an annex and a mark stands in its place.

use super::Office;
use super::record::lasting_reason;
use crate::desk::{PersonalData, Problem, StepRequest};
use crate::personal;
use csu_protocol::document::{Field, Form, Kind, Readers};
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

/// Every place in a text that looks like personal data, and its words.
fn places(text: &str) -> Vec<(Place, &str)> {
    let bytes: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let at = |character: usize| bytes.get(character).copied().unwrap_or(text.len());
    let place = |finding: personal::Finding| {
        let (start, end) = (at(finding.start), at(finding.end));
        ((start, end, Some(finding.kind)), text.get(start..end).unwrap_or_default())
    };
    personal::scan(text).into_iter().map(place).collect()
}

/// Every place that looks like personal data.
pub(super) fn found_in(kind: &Kind, fields: &Map<String, Value>) -> Vec<PersonalData> {
    let mut found = Vec::new();
    each_text(kind.fields, &mut fields.clone(), "", &mut |field, path, text| {
        if field.readers == Readers::People {
            found.extend(findings(path, text));
        }
    });
    found
}

fn findings(path: &str, text: &str) -> Vec<PersonalData> {
    let found = places(text).into_iter();
    let place = |((_, _, kind), words): (Place, &str)| {
        kind.map(|looks_like| PersonalData { field: path.to_owned(), looks_like, words: words.to_owned() })
    };
    found.filter_map(place).collect()
}

/// Takes words out of a draft and puts the mark in their places: these words wherever they stand, and what was found.
pub(super) fn take_out(kind: &Kind, fields: &mut Map<String, Value>, words: &[String], found: &[PersonalData]) -> Vec<Piece> {
    let found: BTreeSet<(personal::Kind, &str)> = found.iter().map(|found| (found.looks_like, found.words.as_str())).collect();
    let mut pieces = BTreeSet::new();
    each_text(kind.fields, fields, "", &mut |field, _, text| {
        let mut wanted: Vec<Place> = Vec::new();
        if field.readers == Readers::People {
            let is_wanted = |(place, words): &(Place, &str)| place.2.is_some_and(|kind| found.contains(&(kind, *words)));
            wanted.extend(places(text).iter().filter(|found| is_wanted(found)).map(|(place, _)| *place));
        }
        for words in words {
            let looks_like = personal::scan(words).first().map(|finding| finding.kind);
            wanted.extend(text.match_indices(words.as_str()).map(|(start, _)| (start, start.saturating_add(words.len()), looks_like)));
        }
        if !wanted.is_empty() {
            *text = without(text, wanted, &mut pieces);
        }
    });
    pieces.into_iter().collect()
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

/// Puts pieces into the fields of an annex.
pub(super) fn put_in(fields: &mut Map<String, Value>, pieces: &[Piece]) {
    for piece in pieces {
        let list = match piece.looks_like {
            Some(personal::Kind::Name) => "persons",
            Some(personal::Kind::Telephone) => "telephones",
            Some(personal::Kind::Address) => "addresses",
            Some(personal::Kind::Plate) => "vehicles",
            Some(personal::Kind::Email) => "emails",
            None => {
                let before = fields.get("text").and_then(Value::as_str).map(|before| format!("{before}\n")).unwrap_or_default();
                fields.insert("text".to_owned(), format!("{before}{}", piece.words).into());
                continue;
            }
        };
        let value = fields.entry(list).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(items) = value {
            items.push(piece.words.clone().into());
        }
    }
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
            return Ok(Screened::TakenOut(take_out(kind, fields, &[], &found)));
        }
        Err(refusal(found, &format!("move it to the draft of an annex with --move-to-annex; or {CHECKED}")))
    }

    /// The same for what somebody says in a response, which is no draft to take anything out of.
    pub(super) fn screen_text(text: &str, checked: Option<&String>) -> Result<Screened, Problem> {
        let found = findings("text", text);
        match checked {
            _ if found.is_empty() => Ok(Screened::Clean),
            Some(why) => Ok(Screened::Checked(found.len(), lasting_reason("personalDataChecked", why)?)),
            None => Err(refusal(found, &format!("put it into an annex with `csu annex draft --of DOCUMENT`; or {CHECKED}"))),
        }
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
    fn texts_for_people_are_searched_and_values_for_programs_are_not() {
        let (kind, fields) = bulletin();
        let found: Vec<String> = found_in(kind, &fields).into_iter().map(|found| format!("{}={}", found.field, found.words)).collect();
        let number = "note=07700 900123";
        assert_eq!(found, ["info[0].headline=Mr Quill Byron", "info[0].description=AB12 CDE", number, number]);
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
        let wanted = json!({ "persons": ["Mr Quill Byron"], "vehicles": ["AB12 CDE"], "telephones": ["07700 900123"], "text": "Byron" });
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
        assert_eq!(refused.findings().len(), 4);
        // What was shared before is not asked about again.
        let before = fields.clone();
        assert_eq!(Office::screen(kind, &mut fields, &before, &StepRequest::default()), Ok(Screened::Clean));
        let checked = |why: &str| StepRequest { personal_data_checked: Some(why.to_owned()), ..StepRequest::default() };
        assert_eq!(
            Office::screen(kind, &mut fields, &Map::new(), &checked("the shop's own number")),
            Ok(Screened::Checked(4, "the shop's own number".to_owned()))
        );
        // Reasons stay in the log for good: a name has no place in one.
        let refused = Office::screen(kind, &mut fields, &Map::new(), &checked("Mr Byron agreed")).unwrap_err();
        assert_eq!(refused.field(), Some("personalDataChecked"), "{refused}");
        let both = StepRequest { move_to_annex: true, ..checked("x") };
        Office::screen(kind, &mut fields, &Map::new(), &both).unwrap_err();
    }
}
