//! What a document says: its kind, its fields, how it is marked, and how edits merge.
//!
//! - [`kind`] is the registry: one file describes a kind (fields, states, steps), and commands, forms,
//!   pages, search and exports are derived from that description.
//! - [`Fields`] are values that a kind has checked: bounded, of the right type, in normal form.
//! - [`Content`] is the merged document, built from the changes that effective revisions carry.
//!   It alone uses Automerge, in `content/engine.rs`.
//! - [`Marking`] is the Traffic Light Protocol's marking.
//!
//! Invariants: the same set of changes gives the same [`Snapshot`], in whatever order it came; nothing
//! that a peer wrote is expanded before it is bounded, and nothing of it can panic; making a change is
//! deterministic, without clock or randomness.
//!
//! Left out: who may write, sign or read (entries and access decide), sealing, and the states that
//! answers and withdrawals add ([`Kind::highest`] puts them together).

mod align;
mod assign;
mod check;
pub mod content;
mod fields;
pub mod kind;
pub mod limits;
mod marking;

pub use check::FieldError;
pub use content::{Change, ChangeError, ChangeHash, Content, LeftOut, Problem, ReviseError, Snapshot, Wanted};
pub use fields::{FieldChange, Fields};
pub use kind::{Facet, FacetName, Field, Form, Kind, Matching, Means, Parties, Readers, Sealed, Side, Splitting, State, Step};
pub use marking::{Marking, UnknownMarking};
