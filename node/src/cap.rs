//! The Common Alerting Protocol, in and out: other people's alerts become drafts, our bulletins become alerts.
//!
//! [`read`] takes a file in CAP 1.1 or 1.2 and gives the fields of a bulletin; [`write()`] takes the fields of a bulletin
//! and gives a CAP 1.2 alert. Both walk one table of the schema, so what one knows the other knows.
//!
//! Invariants:
//!
//! - A file is hostile until read: bounded before memory is taken, no document type, no entities but the five of XML,
//!   refused with file, line, column and element, never a panic.
//! - What is written validates against the OASIS schema and keeps the rules of the text of the standard which the schema
//!   leaves out; a bulletin that cannot become such an alert is refused, every reason at once.
//! - Nothing is dropped silently: whatever is left out or changed on the way in is a [`Warning`].
//! - Reading what was written gives equal fields ([`Trust::OwnExport`]); [`Trust::Foreign`] leaves out what may name a person.
//!
//! Left out: signatures (neither checked nor made), encryption, `derefUri` (content inside the alert), CAP 1.0, and what to
//! do with an update or a cancellation, which is the caller's to decide.
//!
//! # What is written where CAP has no element
//!
//! `policeCategory`, `sourceGrade`, `informationGrade`, `handling`, `handlingConditions`, `purpose`, `lawfulBasis`,
//! `classification`, `origin` and the marking go to `parameter`s of the first `info`, their names prefixed `csu:`. `code` holds `csu-link:0`, which
//! says that these parameters mean what we mean. A cancellation without `info` carries none of them.
//!
//! # Values on the way
//!
//! Lines are trimmed and inner white space is folded into single spaces; texts are trimmed and keep their newlines (CR LF
//! becomes LF). Times keep their offset, except that `-00:00`, CAP's way to write UTC, becomes `+00:00`. An empty element or
//! field is an absent one.
//!
//! Source: *Common Alerting Protocol Version 1.2*, OASIS Standard, 1 July 2010, and Version 1.1, October 2005.

mod error;
mod geo;
mod read;
mod reference;
mod schema;
mod time;
mod value;
mod warning;
mod words;
mod write;
mod xml;

pub use error::{CapError, Fault, FieldFault, Place};
pub use read::{Alert, Limits, ReadOptions, Trust, read};
pub use reference::Reference;
pub use time::timestamp;
pub use warning::{Notice, Warning};
pub use words::{MsgType, Scope, Status, UnknownWord, Version};
pub use write::{Export, write};

/// Before the names of parameters that hold fields CAP has no element for.
pub const PARAMETER_PREFIX: &str = "csu:";

/// The `code` of every alert written here: its `csu:` parameters follow version 0 of CSU Link's convention.
pub const PROFILE_CODE: &str = "csu-link:0";

#[cfg(test)]
mod tests;
