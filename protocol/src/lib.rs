//! What CSU Link decides, without doing any of it.
//!
//! Organisations share documents whose every step is signed, whose content is sealed, and which
//! carry their own access grants. This crate says which bytes are an entry, which entries count,
//! who may hold what, and what to say to a peer. It reads no clock, draws no randomness, opens no
//! file and no socket: time, entropy and keys are arguments, and what is to be done is handed out.
//! The crate `csu-node` does it.
//!
//! # The loop
//!
//! ```text
//!        frame ─► wire::Message::receive ─► sync::Machine::handle(now, input)
//!                                                        │
//!   own deed ─► author::… ─► sync::Machine::publish ─────┤   access::Access judges every entry,
//!                                                        │   one's own like anybody's
//!                    sync::Machine::poll_output(now, read)
//!                        │            │           └► Disconnect, Targets, Notice
//!                        │            └► Send: only after the writes before it are durable
//!                        └► Write: a record to be made durable
//!
//!   to read ─► reading::open(entries, keys) ─► document::Content ─► fields a person sees
//! ```
//!
//! Two machines in memory, whole and small: the program `two_peers` among the examples.
//!
//! # The map
//!
//! Each module imports only modules before it.
//!
//! | module | holds |
//! |---|---|
//! | [`time`], [`limits`], [`codec`], [`id`], [`entropy`] | moments, every bound by name, the one canonical encoding, 32-byte names, randomness as an argument |
//! | [`identity`] | root keys and recovery phrases, devices, cards, tickets, security numbers |
//! | [`document`] | the registry of kinds, checked fields, content that merges |
//! | [`entry`] | headers, bodies, sealing; `SignedEntry` to `VerifiedEntry` |
//! | [`directory`] | every organisation a card is known of |
//! | [`access`] | soundness, authority, rights: pure functions of a set of entries |
//! | [`store`] | what a node keeps, as orders to write and a trait to read |
//! | [`author`] | making entries |
//! | [`reading`] | opening them |
//! | [`wire`] | messages |
//! | [`sync`] | the machine: pairing, reconciliation, live push, forwarding |
//!
//! # What holds
//!
//! - Verdicts are functions of the set of entries: whoever holds the same set agrees, in whatever
//!   order it came.
//! - Bytes from outside are bounded before memory is taken, refused with a reason, and never panic.
//! - A peer is sent content only under a live grant, and learns nothing of documents it was never granted.
//! - The same inputs give the same outputs.
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::as_conversions))]

pub mod access;
pub mod author;
pub mod codec;
pub mod directory;
pub mod document;
pub mod entropy;
pub mod entry;
pub mod id;
pub mod identity;
pub mod limits;
pub mod reading;
mod sets;
pub mod store;
pub mod sync;
pub mod time;
pub mod wire;
