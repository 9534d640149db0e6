//! The sync machine: inputs in, outputs out, and nothing performed.
//!
//! # The loop
//!
//! ```text
//!   frames, connections ──► handle(now, input)            poll_output(now, read) ──► Write   apply, then commit
//!   commands            ──► publish, invite, join, …  ──►        until it is none     Send    after the commit
//!                                                                                     Disconnect, Targets, Notice
//! ```
//!
//! Whoever drives it applies each [`Output::Write`] at once to its open transaction, and holds
//! every [`Output::Send`] back until that transaction is committed: no peer hears of what this
//! node could still forget. [`Machine::poll_output`] prepares answers from storage only after all
//! writes have been handed out, so they are never older than what was written.
//!
//! # A session
//!
//! Two paired nodes say Hello, then reconcile the control planes of all documents that both may
//! hold, then the content planes, and from then on push entries as they come. Each pulls what it
//! lacks; neither sends what the other may not hold. See `reconcile`.
//!
//! Bounded throughout: frames under way, frames waiting, requests asked and served, entries that
//! wait for their past. A peer too slow for live entries misses them and gets them in its next
//! round. A fault of a peer is an output, never a panic.

mod answer;
mod budget;
mod events;
mod exchange;
mod holding;
mod machine;
mod pairing;
mod round;
mod session;
mod set;

#[cfg(test)]
mod tests;

pub use budget::{Budget, Usage};
pub use events::{CommandError, Connection, Fault, Input, Notice, Output, Parting};
pub use holding::Holding;
pub use machine::Machine;
