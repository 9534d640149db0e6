//! What can be wrong with a value, or with the way it was assigned.

use crate::document::limits::MAX_NUMBER;

/// What is wrong with a value, or with the way it was assigned. Each names the path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// No field has this name.
    #[error("{path}: no such field of a {kind}{}", suggest(.near))]
    Unknown {
        /// The path that was found.
        path: String,
        /// The kind's name.
        kind: &'static str,
        /// Names that are close to it, best first.
        near: Vec<String>,
    },
    /// Several blocks have a field of this name.
    #[error("{path}: there are several fields of this name: write one of {}", .candidates.join(", "))]
    Ambiguous {
        /// The name that was found.
        path: String,
        /// The paths that it could mean.
        candidates: Vec<String>,
    },
    /// A path leads past the end of the blocks that are there.
    #[error("{path}: there are {blocks} blocks, so the next one is [{blocks}]; write [+] to add one")]
    NoSuchBlock {
        /// The path that was found.
        path: String,
        /// How many blocks there are.
        blocks: usize,
    },
    /// A path ends at a whole block, or goes on inside a single value.
    #[error("{path}: {problem}")]
    BadPath {
        /// The path that was found.
        path: String,
        /// What is wrong with it and what to write.
        problem: &'static str,
    },
    /// An assignment on a command line has no `=`.
    #[error("\"{found}\" assigns nothing: write NAME=VALUE, such as {example}")]
    NotAnAssignment {
        /// What was found, shortened.
        found: String,
        /// How one is written.
        example: &'static str,
    },
    /// The value is of another type.
    #[error("{path}: expected {wanted}, found {found}")]
    WrongType {
        /// Where.
        path: String,
        /// What the field holds.
        wanted: &'static str,
        /// What was found.
        found: &'static str,
    },
    /// The value is not among the choices.
    #[error("{path}: \"{found}\" is not a choice: write one of {}", .allowed.join(", "))]
    NotAChoice {
        /// Where.
        path: String,
        /// What was found, shortened.
        found: String,
        /// The allowed values.
        allowed: &'static [&'static str],
    },
    /// The value is no time of the form that CAP and RFC 3339 share.
    #[error("{path}: \"{found}\" is not a time with its offset: write it as 2026-11-22T18:00:00+00:00")]
    NotATime {
        /// Where.
        path: String,
        /// What was found, shortened.
        found: String,
    },
    /// The value is no whole number, or too great a one.
    #[error("{path}: {found} is not a whole number from 0 to {MAX_NUMBER}")]
    NotANumber {
        /// Where.
        path: String,
        /// What was found, shortened.
        found: String,
    },
    /// A line holds a line break, a tab or another control character, or a text holds one that is no
    /// line break or tab.
    #[error("{path}: character U+{found:04X} is not allowed here: remove it")]
    ControlCharacter {
        /// Where.
        path: String,
        /// The character's code point.
        found: u32,
    },
    /// The value is too long.
    #[error("{path}: {found} bytes, and at most {limit} are allowed: shorten it")]
    TooLong {
        /// Where.
        path: String,
        /// Its length in bytes.
        found: usize,
        /// The bound in bytes.
        limit: usize,
    },
    /// The list has too many items.
    #[error("{path}: {found} items, and at most {limit} are allowed: remove some")]
    TooMany {
        /// Where.
        path: String,
        /// How many there are.
        found: usize,
        /// The bound.
        limit: usize,
    },
    /// All the fields together are too long.
    #[error("the document has {found} bytes of fields, and at most {limit} are allowed: shorten it or split it in two")]
    TooLarge {
        /// Their length as JSON, in bytes.
        found: usize,
        /// The bound in bytes.
        limit: usize,
    },
}

fn suggest(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) }
}
