//! Who may do what: a pure function of the set of entries of one document.
//!
//! [`Access`] holds the graph of a document's sound entries. What it answers depends on that set
//! alone, never on the order in which entries came, and never on a clock except where a method
//! takes `now`.
//!
//! The rules are those of the specification; numbers in comments are theirs:
//!
//! 1. *Standing*: a pair (genesis or grant, organisation it names). The owner's standing at the
//!    genesis is the top.
//! 2. *Sound*: a verdict on an entry's own past, which never changes. [`Access::insert`].
//! 3. *keep*: what a revocation leaves standing.
//! 4. A revocation *keeps* an entry that is the kept one of its author and plane, or reachable
//!    from it by `previous`.
//! 5. *Above* a standing: the authorised revocations of its organisation from higher up.
//! 6. *Rev*: all revocations that bear on an author acting under a standing.
//! 7. *Authorised*: under an authorised entry, and kept by every revocation that bears on it.
//! 8. *Effective*: an authorised revision whose deps are.
//!
//! # How it is fast
//!
//! An entry costs about the same however many came before, also in graphs made to be slow: see
//! `tests/tests/access_graphs.rs`, which counts steps, and the bench.
//!
//! - *Pasts* (`sets`). Judging an entry on its own past needs of that past which revocations are in it, and, for what a
//!   revocation keeps and for root keys, which control entries. These sets are trees of blocks that share what they have
//!   in common. Content entries mostly have the set of the entry before, by the same id.
//! - *Cuts* (`chain`). What revocations leave of an author's chain in one plane is all of it, nothing, or one entry with
//!   those before it. All that bears on an author under a standing is one cut, remembered for each view, and an entry's
//!   verdict is whether it is on the way back from there: O(log seq), and of a chain that never forked one comparison.
//! - *Places* (`graph`, `index`). In a large graph the way to an entry's memory takes most of the time: what is asked of an
//!   entry that another names fills one line of it, and the index holds places alone.
//! - *Groups* (`revocations`). Revocations lie by whom they name and by which right and author they were made. Only
//!   those of the at most [`crate::limits::DEPTH`] standings above are looked at; each group is judged as one.
//! - *Memory* (`memo`). Verdicts over all entries are forgotten when a revocation arrives that counts, or an entry that
//!   one keeps; nothing is found again before it is asked for. Verdicts on pasts hold for ever, and are bounded in number.
//!
//! What is left out: `rows` and `effective_revisions` answer with as much as there is, and take as long.

mod chain;
mod devices;
mod erasure;
mod graph;
mod index;
mod insert;
mod memo;
mod revocations;
mod rights;
mod rules;
mod sharing;

pub use erasure::{Erasure, Obeyed};
pub use graph::Access;
pub use insert::{Insertion, Missing, SoundEntry, Unsound};
pub use rights::{Link, Row};

pub use sharing::Sharing;
