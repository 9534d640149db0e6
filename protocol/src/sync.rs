//! The sync machine: inputs in, outputs out, and nothing performed.
//!
//! # The loop
//!
//! ```text
//!   frames, connections ──► handle(now, input, read)      poll_output(now, read) ──► Write   apply, then commit
//!   commands            ──► publish, invite, join, …  ──►        until it is none     Send    after the commit
//!                                                                                     Disconnect, Targets, Notice
//! ```
//!
//! Whoever drives it applies each [`Output::Write`] at once to its open transaction, and holds
//! every [`Output::Send`] back until that transaction is committed: no peer hears of what this
//! node could still forget. [`Machine::poll_output`] prepares answers from storage only after all
//! writes have been handed out, so they are never older than what was written.
//!
//! # Documents
//!
//! Of each document one line is in memory ([`Held`]): who may hold it, and what its planes are compared with peers as. That
//! is all that rounds need. A graph of access is read from storage when an entry is judged by it or somebody asks
//! ([`Machine::access`]), and given up when others were used since; see `documents`.
//!
//! # A session
//!
//! Two paired nodes say Hello. Then the one whose device has the lower id begins a round: step by
//! step the two find out which planes of documents, of those that both may hold, they hold
//! otherwise; then they exchange what is missing on either side, control before content. A round
//! costs O(log n + differences). Entries that come meanwhile and later are pushed as they come, and
//! forwarded to whoever else may hold them. See `round` for the side that begins, `answer` for the
//! other, `exchange` for live entries.
//!
//! Neither is sent what it may not hold: what waits to be sent is judged again when it leaves. What
//! a peer may not hold does not exist for it: it is answered as if there were no such document.
//!
//! # Bounds
//!
//! Everything is bounded: frames under way and waiting, requests asked and served, steps and needs of
//! a round, rounds in a second, entries that wait for their past, documents that do not name this
//! node, and what each peer may bring at all ([`Budget`]). A peer too slow for live entries misses
//! them and gets them in the next round. A fault of a peer is an output, never a panic, and ends no
//! other peer's session.

mod answer;
mod budget;
mod documents;
mod erasing;
mod events;
mod exchange;
mod holding;
mod machine;
mod pairing;
mod reconciliation;
mod recovery;
mod round;
mod session;
mod set;
mod sharings;

#[cfg(test)]
mod tests;

pub use budget::{Budget, Usage};
pub use documents::{Held, OpenAccess};
pub use events::{CommandError, Connection, Fault, Input, Load, Notice, Output, OwedReceipt, Parting};
pub use machine::Machine;
