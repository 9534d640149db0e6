//! What a writer who follows no rule can do to what others read, and what not.
//!
//! Each scenario has a name and stands for an attack on content: on actors and dependencies of Automerge changes, on seals,
//! wrapped keys and epochs, on sizes and depths. Mallory holds Write and signs whatever suits; every entry of hers is sound,
//! so it is stored and counted by all. What must hold is what is shown: honest words stay, whoever reads them, the attack is
//! left out and named with a reason, alike for all, and honest writers go on.
//!
//! Not here, because tried elsewhere: bytes of single changes (`protocol/src/document/content/tests.rs`), soundness and
//! authority of entries (`access_scenarios`), frames (`process_liars`).

#[path = "content_attacks/case.rs"]
mod case;
#[path = "content_attacks/changes.rs"]
mod changes;
#[path = "content_attacks/epochs.rs"]
mod epochs;
#[path = "../fuzz/src/forge.rs"]
mod forge;
#[path = "content_attacks/seals.rs"]
mod seals;
