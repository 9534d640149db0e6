//! What lists are narrowed by: for each term the lines that have it, in the order of lists.
//!
//! A list of lines that have several terms walks along the rarest and looks each line up under the others, so that it neither
//! sorts nor reads lines that it does not show. A term is a name and a value, `severity` and `severe`; kind, state, owner and
//! whether something is unread are terms as well, which follow from the line itself.

use super::column::{json, ms};
use super::error::Fault;
use super::listing::{Cursor, ListingFilter};
use super::search::SearchText;
use csu_protocol::id::DocumentId;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeSet;

/// Something that a list can be narrowed by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term {
    /// What of a document.
    pub name: &'static str,
    /// What it is.
    pub value: String,
}

/// The names of terms that follow from the line itself.
const OF_LINE: [&str; 4] = ["kind", "state", "owner", "unread"];
/// So many lines of a term are counted to find the rarest: walking as many takes a few milliseconds.
const RARE: i64 = 2000;

/// Where a line stands.
#[derive(Debug)]
struct Standing {
    line: i64,
    place: Vec<u8>,
    updated: i64,
    terms: BTreeSet<i64>,
}

/// Where a document's line stood before it is changed.
#[derive(Debug)]
pub(super) struct Before(Option<Standing>);

/// To be called before a document's line is changed.
pub(super) fn before(db: &Connection, document: &DocumentId) -> Result<Before, Fault> {
    standing(db, document, find).map(Before)
}

/// Follows a change of a document's line.
pub(super) fn follow(db: &Connection, document: &DocumentId, before: &Before) -> Result<(), Fault> {
    let after = standing(db, document, find_or_add)?;
    move_to(db, before.0.as_ref(), after.as_ref())
}

/// Replaces what a listed document is found under, beside what follows from its line.
pub(super) fn put(db: &Connection, document: &DocumentId, terms: &BTreeSet<Term>) -> Result<(), Fault> {
    let before = before(db, document)?;
    let mut keys = terms.iter().filter_map(|term| find_or_add(db, term.name, &term.value).transpose()).collect::<Result<Vec<i64>, _>>()?;
    keys.sort_unstable();
    db.prepare_cached("UPDATE listing SET facets = ?2 WHERE document = ?1")?.execute(params![document.as_bytes(), json(&keys)?])?;
    follow(db, document, &before)
}

/// Removes whatever does not follow from the lines themselves.
pub(super) fn forget(db: &Connection) -> Result<(), Fault> {
    let names = OF_LINE.map(|name| format!("'{name}'")).join(", ");
    db.execute_batch(&format!(
        "UPDATE listing SET facets = '[]' WHERE facets <> '[]';
         DELETE FROM facet WHERE term IN (SELECT key FROM term WHERE name NOT IN ({names}));
         DELETE FROM term WHERE name NOT IN ({names})"
    ))?;
    Ok(())
}

/// Removes all.
pub(super) fn clear(db: &Connection) -> Result<(), Fault> {
    Ok(db.execute_batch("DELETE FROM facet; DELETE FROM term")?)
}

type Lookup = fn(&Connection, &str, &str) -> Result<Option<i64>, Fault>;

fn find(db: &Connection, name: &str, value: &str) -> Result<Option<i64>, Fault> {
    let mut statement = db.prepare_cached("SELECT key FROM term WHERE name = ?1 AND value = ?2")?;
    Ok(statement.query_row([name, value], |row| row.get(0)).optional()?)
}

fn find_or_add(db: &Connection, name: &str, value: &str) -> Result<Option<i64>, Fault> {
    db.prepare_cached("INSERT INTO term (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?.execute([name, value])?;
    find(db, name, value)
}

fn standing(db: &Connection, document: &DocumentId, lookup: Lookup) -> Result<Option<Standing>, Fault> {
    type Row = (i64, Vec<u8>, i64, String, String, String, bool, String);
    let row: Option<Row> = db
        .prepare_cached(
            "SELECT key, substr(document, 1, 8), updated, kind, state, lower(hex(owner)), unread, facets FROM listing WHERE document = ?1",
        )?
        .query_row([document.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?))
        })
        .optional()?;
    let Some((line, place, updated, kind, state, owner, unread, facets)) = row else { return Ok(None) };
    let mut terms: BTreeSet<i64> =
        serde_json::from_str(&facets).map_err(|error| Fault::Row { table: "listing", row: line, why: format!("facets: {error}") })?;
    let unread = unread.then(|| "1".to_owned());
    for (name, value) in OF_LINE.into_iter().zip([Some(kind), Some(state), Some(owner), unread]) {
        let Some(value) = value else { continue };
        terms.extend(lookup(db, name, &value)?);
    }
    Ok(Some(Standing { line, place, updated, terms }))
}

fn move_to(db: &Connection, before: Option<&Standing>, after: Option<&Standing>) -> Result<(), Fault> {
    let stays = |one: Option<&Standing>, other: Option<&Standing>, term: &i64| match (one, other) {
        (Some(one), Some(other)) => other.terms.contains(term) && (one.line, one.updated) == (other.line, other.updated),
        _ => false,
    };
    if let Some(now) = after {
        let mut insert =
            db.prepare_cached("INSERT INTO facet (term, updated, place, line) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")?;
        for term in now.terms.iter().filter(|term| !stays(after, before, term)) {
            insert.execute(params![term, now.updated, now.place, now.line])?;
        }
    }
    if let Some(then) = before {
        let mut delete = db.prepare_cached("DELETE FROM facet WHERE term = ?1 AND updated = ?2 AND place = ?3 AND line = ?4")?;
        // A word of a document that nobody has any more is in no table either.
        let mut forget = db.prepare_cached("DELETE FROM term WHERE key = ?1 AND NOT EXISTS (SELECT 1 FROM facet WHERE term = ?1)")?;
        for term in then.terms.iter().filter(|term| !stays(before, after, term)) {
            delete.execute(params![term, then.updated, then.place, then.line])?;
            forget.execute([term])?;
        }
    }
    Ok(())
}

/// A question for lines, without what is asked of each.
#[derive(Debug)]
pub(super) struct Question {
    /// `FROM ... WHERE ...`
    pub(super) text: String,
    /// `ORDER BY ...`, which an index has.
    pub(super) order: &'static str,
    pub(super) values: Vec<Value>,
}

impl Question {
    /// The lines behind `after` that `filter` lets through; none if there can be none.
    pub(super) fn of(db: &Connection, filter: &ListingFilter, after: Option<&Cursor>) -> Result<Option<Self>, Fault> {
        let Some(terms) = wanted(db, filter)? else { return Ok(None) };
        let since = filter.since.map_or(i64::MIN, ms);
        let mut question = match rarest(db, &terms, since)? {
            Some(walked) => {
                let mut question = Self {
                    text: "FROM facet AS walk CROSS JOIN listing ON listing.key = walk.line WHERE walk.term = ? AND walk.updated >= ?"
                        .to_owned(),
                    order: "ORDER BY walk.updated DESC, walk.place, walk.line",
                    values: vec![Value::Integer(walked), Value::Integer(since)],
                };
                for term in terms.into_iter().filter(|term| *term != walked) {
                    question.and(
                        "EXISTS (SELECT 1 FROM facet WHERE term = ? AND updated = walk.updated AND place = walk.place AND line = walk.line)",
                        [Value::Integer(term)],
                    );
                }
                if let Some(Cursor { updated, document }) = after {
                    let place = document.as_bytes().iter().copied().take(8).collect::<Vec<u8>>();
                    let values = [
                        Value::Integer(*updated),
                        Value::Integer(*updated),
                        Value::Blob(place.clone()),
                        Value::Blob(place),
                        Value::Blob(document.as_bytes().to_vec()),
                    ];
                    question.and(
                        "walk.updated <= ? AND (walk.updated < ? OR walk.place > ?
                         OR (walk.place = ? AND walk.line > coalesce((SELECT key FROM listing WHERE document = ?), 0)))",
                        values,
                    );
                }
                question
            }
            None => {
                let mut question = Self {
                    text: "FROM listing WHERE updated >= ?".to_owned(),
                    order: "ORDER BY updated DESC, document",
                    values: vec![Value::Integer(since)],
                };
                if let Some(Cursor { updated, document }) = after {
                    let values = [Value::Integer(*updated), Value::Integer(*updated), Value::Blob(document.as_bytes().to_vec())];
                    question.and("updated <= ? AND (updated < ? OR document > ?)", values);
                }
                question
            }
        };
        if let Some(search) = filter.search.as_ref().map(SearchText::as_query) {
            question.and("listing.key IN (SELECT rowid FROM search WHERE search MATCH ?)", [Value::Text(search.to_owned())]);
        }
        Ok(Some(question))
    }

    fn and(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.text.push_str(" AND ");
        self.text.push_str(condition);
        self.values.extend(values);
    }
}

/// The terms that a filter asks for; none if one of them no line has.
fn wanted(db: &Connection, filter: &ListingFilter) -> Result<Option<BTreeSet<i64>>, Fault> {
    let owner = filter.owner.map(|owner| owner.to_string());
    let unread = filter.unread.then(|| "1".to_owned());
    let of_line = OF_LINE.into_iter().zip([&filter.kind, &filter.state, &owner, &unread]);
    let of_line = of_line.filter_map(|(name, value)| Some((name, value.as_deref()?)));
    let mut keys = BTreeSet::new();
    for (name, value) in of_line.chain(filter.terms.iter().map(|term| (term.name, term.value.as_str()))) {
        let Some(key) = find(db, name, value)? else { return Ok(None) };
        keys.insert(key);
    }
    Ok(Some(keys))
}

/// The term with the fewest lines. Among those that have many, any will do: the lines that are asked for are soon found.
fn rarest(db: &Connection, terms: &BTreeSet<i64>, since: i64) -> Result<Option<i64>, Fault> {
    if terms.len() < 2 {
        return Ok(terms.first().copied());
    }
    let mut count = db.prepare_cached("SELECT count(*) FROM (SELECT 1 FROM facet WHERE term = ?1 AND updated >= ?2 LIMIT ?3)")?;
    let mut counted = Vec::with_capacity(terms.len());
    for term in terms {
        counted.push((count.query_row([*term, since, RARE], |row| row.get::<_, i64>(0))?, *term));
    }
    Ok(counted.into_iter().min().map(|(_, term)| term))
}
