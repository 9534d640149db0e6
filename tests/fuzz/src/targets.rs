//! What the fuzz targets do with an input.
//!
//! Each target takes any bytes and panics if something is wrong: the code under it panicked, broke one of the
//! invariants that stand beside the target, or asked for more memory than [`MEMORY_EACH`]. The binaries of
//! `fuzz_targets` call them for libFuzzer; the suite `corpora` of csu-tests compiles these files too, and plays
//! every input of `corpus` and `regressions` again without libFuzzer.
//!
//! | target | bytes are | what holds |
//! |---|---|---|
//! | `block` | a frame of a session | what is taken keeps its bounds, and is packed and taken again alike |
//! | `message` | a message from a peer | what is taken is deterministic CBOR by an independent reading, and taken again alike |
//! | `header` | an entry's header | reads back; signed, it travels in a frame; its names and form can be asked |
//! | `card` | a card, or a record of addresses | reads back; a frame takes it under its own signature and no other |
//! | `wraps` | an entry's wrapped keys | reads back; opens to the committed key or not at all |
//! | `payload` | a revision's or a response's payload | reads back |
//! | `sealed` | a sealed payload, what lies inside a seal, keys of earlier epochs | one plaintext has one padding |
//! | `change` | several Automerge changes, their actors and checksums put right | whatever is taken applies, in any order, and an honest writer goes on |
//! | `fields` | a document's fields as JSON, or assignments to them | what is checked passes again unchanged, and a change carries it |
//! | `texts` | what a person types or pastes: tickets, phrases, numbers, names, ids | what is taken prints to what is taken |
//! | `alert` | a file in the Common Alerting Protocol | what is taken is a bulletin, exports, and reads back |
//! | `access` | acts of a few organisations, honest and not | every order of arrival gives the same answers |
//! | `sync` | connections, deeds, deliveries and damage between three machines | nobody gets content it may not hold; in the end all agree |
//!
//! Left out: a first signature check of foreign keys beyond what a frame asks for (the library's own fuzzing), and
//! sockets, files and HTTP, which the suites with real processes try.

pub mod access;
pub mod alert;
pub mod cbor;
pub mod change;
pub mod decoders;
pub mod fields;
pub mod forge;
pub mod parties;
pub mod seals;
pub mod sync;
pub mod tape;
pub mod texts;

use cap::Cap;
use std::alloc::System;

/// Bytes of memory that one input may make a target take, over what stood before.
pub const MEMORY_EACH: usize = 256 << 20;

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// Takes an input; panics if something is wrong.
pub type Target = fn(&[u8]);

/// Every target by its name, which is that of its binary, of its corpus and of its folder of regressions.
pub const TARGETS: [(&str, Target); 13] = [
    ("message", decoders::message),
    ("block", decoders::block),
    ("header", decoders::header),
    ("card", decoders::card),
    ("wraps", seals::wraps),
    ("payload", decoders::payload),
    ("sealed", seals::sealed),
    ("change", change::change),
    ("fields", fields::fields),
    ("texts", texts::texts),
    ("alert", alert::alert),
    ("access", access::access),
    ("sync", sync::sync),
];

/// Gives `data` to the target of this name, within [`MEMORY_EACH`]: an allocation beyond aborts the process.
///
/// # Panics
/// When the target finds something wrong, or there is no such target.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of this name").1;
    // Fails only if less than is taken now.
    let _ = MEMORY.set_limit(MEMORY.allocated().saturating_add(MEMORY_EACH));
    target(data);
    let _ = MEMORY.set_limit(usize::MAX);
}
