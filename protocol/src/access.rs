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
//! Judging an entry on its own past needs of that past only *which revocations are in it*. Those
//! sets are interned (most entries share their parent's), and verdicts are remembered for each
//! (set, standing, author). The recursion only climbs towards the genesis, at most
//! [`crate::limits::DEPTH`] steps. The verdict over all entries is remembered the same way and
//! forgotten when a revocation arrives.

mod chain;
mod graph;
mod index;
mod insert;
mod memo;
mod revocations;
mod rights;
mod rules;
mod sets;

pub use graph::Access;
pub use insert::{Insertion, Missing, SoundEntry, Unsound};
pub use rights::{Link, Row};
