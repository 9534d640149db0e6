//! What can be wrong with a change, with making one, or with a document's parts.

use super::ChangeHash;
use crate::document::limits::{MAX_CHANGE_OPERATIONS, MAX_KEY_BYTES};

/// What is wrong with the bytes of a change. All but [`ChangeError::TooLong`] and
/// [`ChangeError::TooManyOperations`] mean that whoever made it did not follow the protocol: what it
/// carries is left out, and what depends on it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Too many bytes.
    #[error("the change has {found} bytes, and at most {limit} are allowed: publish a smaller edit")]
    TooLong {
        /// Its length.
        found: usize,
        /// The bound.
        limit: usize,
    },
    /// It would expand to too many operations.
    #[error("the change has more than {MAX_CHANGE_OPERATIONS} operations: publish a smaller edit")]
    TooManyOperations,
    /// The bytes are something else than an uncompressed Automerge change.
    #[error("at byte {offset}: {what}; only uncompressed Automerge changes are taken")]
    NotAChange {
        /// Where.
        offset: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// The bytes end too early.
    #[error("at byte {offset}: the change ends too early; ask for it again")]
    Truncated {
        /// Where.
        offset: usize,
    },
    /// There are bytes after the end.
    #[error("at byte {offset}: {extra} bytes too many")]
    Trailing {
        /// Where.
        offset: usize,
        /// How many.
        extra: usize,
    },
    /// The checksum is wrong.
    #[error("the checksum is wrong: the change was altered on its way or in storage; ask for it again")]
    Checksum,
    /// Some part has a form that the protocol does not allow.
    #[error("at byte {offset}: {what}")]
    Malformed {
        /// Where, from the beginning of the change or, in a column, of that column.
        offset: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// It builds on other changes than its revision's header says.
    #[error("the change names {found} changes that it builds on, not the {expected} that its revision names")]
    WrongDependencies {
        /// How many it names.
        found: usize,
        /// How many the header names.
        expected: usize,
    },
    /// Its actor is not the one that its document and body give.
    #[error("the change's actor is wrong: it was made for another document, or altered")]
    WrongActor,
    /// An operation is none that this project's documents need.
    #[error("operation {index}: {what}")]
    Operation {
        /// Which, from 0.
        index: u32,
        /// What is wrong.
        what: &'static str,
    },
    /// A key of a map is too long.
    #[error("a key has {found} bytes, and at most {MAX_KEY_BYTES} are allowed")]
    KeyTooLong {
        /// Its length.
        found: usize,
    },
    /// There are no operations.
    #[error("the change does nothing")]
    Empty,
    /// The same operations are written in another way than Automerge writes them. Automerge would keep
    /// such a change under one hash and give it out under another.
    #[error("the change is not encoded as Automerge encodes it")]
    NotCanonical,
    /// Automerge itself refuses it.
    #[error("Automerge refuses the change: {why}")]
    Refused {
        /// Its words.
        why: String,
    },
}

/// Why a change could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReviseError {
    /// The edit changes nothing.
    #[error("nothing was changed, so there is nothing to publish")]
    NothingChanged,
    /// The edit builds on a change that is not there.
    #[error("the edit builds on {0}, which is not here: wait until it has arrived, or edit the present version")]
    UnknownBase(ChangeHash),
    /// The edit builds on nothing though there is something.
    #[error("the document has content already: edit that instead of beginning anew")]
    NoBase,
    /// The document is of another kind.
    #[error("the document is a {found}, not a {wanted}: begin a new document for another kind")]
    OtherKind {
        /// What it is.
        found: String,
        /// What was asked for.
        wanted: &'static str,
    },
    /// No revision may write this state.
    #[error("a revision cannot set the state {found}: it can set {}", .allowed.join(", "))]
    State {
        /// What was asked for.
        found: String,
        /// What is allowed.
        allowed: Vec<&'static str>,
    },
    /// The change that came out is not one that others would take.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// Automerge failed on the document. This is a defect, of ours or Automerge's.
    #[error("Automerge failed: {why}; please report this")]
    Failed {
        /// Its words.
        why: String,
    },
}

/// Why a change has no part in the document's content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeftOut {
    /// A change that it builds on is not there, or is itself left out.
    #[error("it builds on {0}, which has not arrived or is left out")]
    Missing(ChangeHash),
    /// Its operations do not fit what it builds on.
    #[error("operation {index}: {what}")]
    Unsound {
        /// Which operation, from 0.
        index: u32,
        /// What is wrong.
        what: &'static str,
    },
    /// Automerge refused to apply it.
    #[error("Automerge refuses it: {why}")]
    Refused {
        /// Its words.
        why: String,
    },
}
