//! Full-text search over what a person may read of each document.
//!
//! Rows have the numbers of the documents' lines in the listing. Words that are removed stay in the index, marked, until its
//! parts are merged: [`purge`] does that, for whoever erases and has the files rewritten.

use super::error::Fault;
use csu_protocol::id::DocumentId;
use rusqlite::{Connection, OptionalExtension, params};

/// What is searched in of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Its title.
    pub title: String,
    /// All else, one text a line.
    pub text: String,
}

/// The longest text that is searched for, in bytes.
pub const SEARCH_BYTES: usize = 200;
/// The most words in it.
const TERMS: usize = 16;

/// What to search for: every word must be there. A word that ends with `*` stands for all that begin so, and words in double
/// quotes stand one behind the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchText {
    /// As FTS5 reads it: texts in quotes alone, in which nothing means anything.
    query: String,
}

/// Why a text cannot be searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SearchTextError {
    /// Nothing to search for.
    #[error("there is no word in it: give letters or digits")]
    Empty,
    /// Too much.
    #[error("it is too long: a search has at most {SEARCH_BYTES} bytes and {TERMS} words")]
    TooLong,
    /// Something that nobody types.
    #[error("it holds control characters: give words alone")]
    Control,
}

impl std::str::FromStr for SearchText {
    type Err = SearchTextError;

    fn from_str(text: &str) -> Result<Self, SearchTextError> {
        if text.len() > SEARCH_BYTES {
            return Err(SearchTextError::TooLong);
        }
        if text.chars().any(|c| c.is_control() && !c.is_whitespace()) {
            return Err(SearchTextError::Control);
        }
        let mut terms = Vec::new();
        // Between the first and the second quote lies a phrase, and so on; one that is not closed ends with the text.
        for (at, piece) in text.split('"').enumerate() {
            if at % 2 == 1 {
                terms.extend(term(piece, ""));
            } else {
                for word in piece.split_whitespace() {
                    let (word, more) = word.strip_suffix('*').map_or((word, ""), |word| (word, "*"));
                    terms.extend(term(word, more));
                }
            }
        }
        match terms.len() {
            0 => Err(SearchTextError::Empty),
            1..=TERMS => Ok(Self { query: terms.join(" AND ") }),
            _ => Err(SearchTextError::TooLong),
        }
    }
}

/// A term, if there is anything in it that an index holds.
fn term(words: &str, more: &str) -> Option<String> {
    words.chars().any(char::is_alphanumeric).then(|| format!("\"{}\"{more}", words.replace(['"', '\0'], " ")))
}

impl SearchText {
    /// As FTS5 reads it.
    pub(super) fn as_query(&self) -> &str {
        &self.query
    }
}

/// Replaces what is searched in of a listed document.
pub(super) fn put(db: &Connection, document: &DocumentId, words: Option<&Words>) -> Result<(), Fault> {
    let Some(line) = line_of(db, document)? else { return Ok(()) };
    let before = db
        .prepare_cached("SELECT title, text FROM search WHERE rowid = ?1")?
        .query_row([line], |row| Ok(Words { title: row.get(0)?, text: row.get(1)? }))
        .optional()?;
    // To index the same again would cost as much as to index it at first.
    if before.as_ref() == words {
        return Ok(());
    }
    if before.is_some() {
        db.prepare_cached("DELETE FROM search WHERE rowid = ?1")?.execute([line])?;
    }
    if let Some(Words { title, text }) = words {
        db.prepare_cached("INSERT INTO search (rowid, title, text) VALUES (?1, ?2, ?3)")?.execute(params![line, title, text])?;
    }
    Ok(())
}

/// Merges all parts of the index, so that nothing of what was removed is in it. Takes about as long as copying the index.
pub(super) fn purge(db: &Connection) -> Result<(), Fault> {
    db.prepare_cached("INSERT INTO search (search) VALUES ('optimize')")?.execute([])?;
    Ok(())
}

/// Removes all.
pub(super) fn clear(db: &Connection) -> Result<(), Fault> {
    db.prepare_cached("DELETE FROM search")?.execute([])?;
    Ok(())
}

fn line_of(db: &Connection, document: &DocumentId) -> Result<Option<i64>, Fault> {
    let mut statement = db.prepare_cached("SELECT key FROM listing WHERE document = ?1")?;
    Ok(statement.query_row([document.as_bytes()], |row| row.get(0)).optional()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_searched_for_is_words_and_nothing_of_it_is_syntax() {
        let query = |text: &str| text.parse::<SearchText>().map(|text| text.query);
        assert_eq!(query("lead theft").unwrap(), r#""lead" AND "theft""#);
        assert_eq!(query(r#"burg* "mill road""#).unwrap(), r#""burg"* AND "mill road""#);
        assert_eq!(
            query("title:x NEAR(a b) -c ^d (e OR f)").unwrap(),
            r#""title:x" AND "NEAR(a" AND "b)" AND "-c" AND "^d" AND "(e" AND "OR" AND "f)""#
        );
        assert_eq!(query(r#"a"b"#).unwrap(), r#""a" AND "b""#);
        for empty in ["", " ", "\"", "\"\"", "*", "- + ( ) : ^"] {
            assert_eq!(query(empty), Err(SearchTextError::Empty), "{empty:?}");
        }
        assert_eq!(query("a\0b"), Err(SearchTextError::Control));
        assert_eq!(query(&"x".repeat(SEARCH_BYTES + 1)), Err(SearchTextError::TooLong));
        assert_eq!(query(&"x ".repeat(TERMS + 1)), Err(SearchTextError::TooLong));
    }
}
