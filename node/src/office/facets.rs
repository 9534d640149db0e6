//! What lists can be narrowed by, as the kinds of documents say: of a document, and as people ask for it.
//!
//! What is kept on disk for it: kind, state and owner stand in the list anyway, and so does the title. Categories and places are
//! words of what a document says. While the keys are sealed no word of a text but titles is to be read on the disk, so what is kept
//! of them then is a hash under this device's secret: it is found by whoever asks for the same word, and whoever has the disk alone
//! learns which documents have one in common, not which. Sealed kinds have no facets at all.

use super::Office;
use super::opening::{Open, kind_named, shown};
use crate::desk::{DocumentQuery, Problem};
use crate::storage::{ListingFilter, SearchText, Term};
use csu_protocol::document::{Facet, FacetName, Fields, Kind, Matching, kind};
use std::collections::BTreeSet;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The most terms of one facet that count of a document: whoever writes more is found by the first.
const TERMS: usize = 32;
/// The most characters of one that count.
const TERM_CHARS: usize = 64;
/// The most words that can be asked for at once.
const ASKED: usize = 8;

/// What an open document is found under.
pub(super) fn of_open(open: &Open) -> BTreeSet<Term> {
    if open.kind.sealed.is_some() { BTreeSet::new() } else { of_fields(open.kind, &open.snapshot.fields) }
}

/// What a document of this kind is found under when it says this.
pub(super) fn of_fields(kind: &Kind, fields: &Fields) -> BTreeSet<Term> {
    kind.facets
        .iter()
        .flat_map(|facet| {
            facet.texts(fields).flat_map(|text| terms(facet, text, Side::Kept)).collect::<BTreeSet<_>>().into_iter().take(TERMS)
        })
        .collect()
}

/// Whose terms are looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// What a document is kept under: with "at least" under every value up to its own.
    Kept,
    /// What somebody asks for.
    Asked,
}

fn terms(facet: &Facet, text: &str, side: Side) -> Vec<Term> {
    let words = || folded(text);
    let values = match facet.matching {
        // Whether somebody writes "bicycle theft" or the slug of it.
        Matching::Whole => Some(words().join("-")).filter(|value| !value.is_empty()).into_iter().collect(),
        Matching::Words => words(),
        Matching::AtLeast(order) => {
            let values: Vec<String> = order.iter().map(|value| value.to_lowercase()).collect();
            let own = values.iter().position(|value| *value == text.trim().to_lowercase());
            match (own, side) {
                (None, _) => Vec::new(),
                (Some(own), Side::Kept) => values.into_iter().take(own.saturating_add(1)).collect(),
                (Some(own), Side::Asked) => values.into_iter().skip(own).take(1).collect(),
            }
        }
    };
    values.into_iter().map(|value| Term { name: facet.name.as_str(), value: value.chars().take(TERM_CHARS).collect() }).collect()
}

/// The words of a text in small letters without accents, as search takes them.
fn folded(text: &str) -> Vec<String> {
    let plain: String = text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect();
    plain.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// What somebody asks for in words.
fn asked(query: &DocumentQuery, name: FacetName, text: &str) -> Result<Vec<Term>, Problem> {
    let found = match &query.kind {
        Some(kind) => kind_named(kind)?.facet(name),
        // Kinds that share a facet's name match alike, but for the order of values.
        None => kind::all().iter().find_map(|kind| kind.facet(name)),
    };
    let parameter = name.as_str();
    let Some(facet) = found else {
        let what = query.kind.as_deref().map(shown).unwrap_or_default();
        return Err(Problem::invalid(
            parameter,
            format!("a {what} has no {parameter} to list it by"),
            "leave it out, or name another kind",
        ));
    };
    let terms = terms(facet, text, Side::Asked);
    if !terms.is_empty() && terms.len() <= ASKED {
        return Ok(terms);
    }
    let remedy = match facet.matching {
        Matching::AtLeast(order) => format!("use one of {}; those that stand higher are listed too", order.join(", ")),
        Matching::Whole => "give one of them, such as burglary".to_owned(),
        Matching::Words => format!("give 1 to {ASKED} words of a place, or its code"),
    };
    Err(Problem::invalid(parameter, format!("'{}' is no {parameter} to list by", shown(text)), remedy))
}

impl Office {
    /// What a list is to be narrowed to.
    pub(super) fn listing_filter(&self, query: &DocumentQuery) -> Result<ListingFilter, Problem> {
        if let Some(kind) = &query.kind {
            kind_named(kind)?;
        }
        let search = match &query.search {
            Some(text) => Some(text.parse::<SearchText>().map_err(|error| {
                Problem::invalid(
                    "search",
                    error.to_string(),
                    "give words, of which every one must be there; burg* stands for all that begin so",
                )
            })?),
            None => None,
        };
        let owner = query.from.as_deref().map(|who| self.find_organisation(who)).transpose()?;
        let mut terms = BTreeSet::new();
        for (name, text) in FacetName::ALL.into_iter().zip([&query.category, &query.severity, &query.area]) {
            if let Some(text) = text {
                terms.extend(asked(query, name, text)?);
            }
        }
        Ok(ListingFilter {
            kind: query.kind.clone(),
            state: query.state.clone(),
            owner,
            unread: query.unread == Some(true),
            since: query.since.map(crate::desk::Moment::timestamp),
            terms,
            search,
        })
    }

    /// Terms as they may stand on the disk.
    pub(super) fn kept_terms(&self, terms: BTreeSet<Term>) -> BTreeSet<Term> {
        if !self.showing.titles_alone {
            return terms;
        }
        let hidden = |Term { name, value }: Term| {
            let mut hasher = blake3::Hasher::new_derive_key("csu-link 0 facets under sealed keys");
            hasher.update(self.keys.seed().as_slice());
            hasher.update(name.as_bytes());
            hasher.update(&[0]);
            hasher.update(value.as_bytes());
            Term { name, value: hasher.finalize().to_hex().chars().take(32).collect() }
        };
        terms.into_iter().map(hidden).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn bulletin() -> &'static Kind {
        kind::find("bulletin").unwrap()
    }

    fn values(name: FacetName, fields: &serde_json::Value) -> Vec<String> {
        let fields = Fields::stored(fields.as_object().unwrap().clone());
        of_fields(bulletin(), &fields).into_iter().filter(|term| term.name == name.as_str()).map(|term| term.value).collect()
    }

    #[test]
    fn a_bulletin_is_found_by_its_categories_its_severity_and_all_below_and_the_words_of_its_places() {
        let fields = json!({
            "policeCategory": ["bicycle-theft", "Bins on fire"],
            "info": [
                {"category": ["Security"], "severity": "Moderate", "area": [{"areaDesc": "Tŷ Mawr Road", "geocode": [{"value": "E05000123"}]}]},
                {"severity": "Minor", "area": [{"areaDesc": "Mill Road"}]},
            ],
        });
        assert_eq!(values(FacetName::Category, &fields), ["bicycle-theft", "bins-on-fire", "security"]);
        assert_eq!(values(FacetName::Severity, &fields), ["minor", "moderate", "unknown"]);
        assert_eq!(values(FacetName::Area, &fields), ["e05000123", "mawr", "mill", "road", "ty"]);
    }

    #[test]
    fn whoever_writes_without_end_is_found_by_a_bounded_number_of_bounded_terms() {
        let words: Vec<String> = (0..500).map(|number| format!("{number}{}", "x".repeat(200))).collect();
        let fields = json!({"info": [{"area": [{"areaDesc": words.join(" ")}]}]});
        let values = values(FacetName::Area, &fields);
        assert_eq!(values.len(), TERMS);
        assert!(values.iter().all(|value| value.chars().count() == TERM_CHARS));
    }

    #[test]
    fn kinds_that_share_a_facet_match_alike() {
        let sort = |facet: &Facet| std::mem::discriminant(&facet.matching);
        for name in FacetName::ALL {
            let mut sorts: Vec<_> = kind::all().iter().filter_map(|kind| kind.facet(name)).map(sort).collect();
            sorts.dedup();
            assert_eq!(sorts.len(), 1, "{name:?}");
        }
    }
}
