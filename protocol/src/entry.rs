//! Entries: one signed step in a document.
//!
//! An entry is a header, and for some a detached sealed payload and detached wrapped keys. The
//! header commits to the *ciphertext* of both, so that a relay can check and forward what it
//! cannot read, and a payload can be destroyed while its header stays as proof.
//!
//! A peer's bytes pass through three types, and what they say is out of reach before its time:
//! [`SignedEntry`] (bounded bytes), [`VerifiedEntry`] (canonical, well-formed, its parts fit,
//! the signature is the author's), and, once its whole past is known, sound: see
//! [`crate::access`]. Whether an entry is authorised is a view of a set of entries and not a type.

mod body;
mod header;
mod payload;
mod seal;
mod signed;

pub use body::{Author, Body, Grant, Keep, Plane, Principal, Reason, Role, Subject};
pub use header::{FormError, Header, Part};
pub use payload::{Remark, ResponsePayload, RevisionPayload};
pub use seal::{EpochKey, Openness, Recipient, SealError, Wrap, Wraps, open_payload, seal_payload};
pub use signed::{EntryError, Remains, SignedEntry, Signer, VerifiedEntry};
