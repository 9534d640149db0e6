//! The laws of access, held against random histories with dishonest authors.
//!
//! Every history is written, judged by the fast function and by the independent model (`csu_tests::model`), held
//! against every law, counted, and dropped; both cores work. All tests share that one pass. A failure prints the seed
//! and the shortest part of its history that breaks the law, one line an entry. A seed that failed becomes a scenario
//! in `access_scenarios.rs`.
//!
//! There are 100,000 histories in the release profile, by seeds 0 to 99,999, and fewer in the dev profile. Two variables
//! change that: `CSU_TEST_HISTORIES` is how many, and `CSU_TEST_SEED` the first seed, alone if no number is given.

#[path = "access/effects.rs"]
mod effects;
#[path = "access/honest.rs"]
mod honest;
#[path = "access/laws.rs"]
mod laws;
#[path = "access/pass.rs"]
mod pass;

use pass::{held, pass};

#[test]
fn any_order_of_arrival_gives_the_same_soundness_and_the_same_answers() {
    held("arrival");
}

#[test]
fn the_fast_function_answers_what_the_model_answers() {
    held("model");
}

#[test]
fn the_fast_function_answers_what_the_model_answers_also_half_way() {
    held("half way");
}

#[test]
fn the_fast_function_answers_what_the_model_answers_under_floods_of_revocations() {
    pass::held_under_floods(&["model", "half way"]);
}

#[test]
fn what_is_sound_while_a_card_is_missing_stays_sound_when_it_comes() {
    held("late cards");
}

#[test]
fn asking_after_every_entry_gives_what_asking_once_gives() {
    held("incremental");
}

#[test]
fn only_an_authorised_revocation_takes_and_nothing_void_has_an_effect_on_others() {
    held("effects");
}

#[test]
fn every_role_comes_from_an_authorised_grant_whose_whole_chain_allows_it() {
    held("roles");
}

#[test]
fn whatever_counts_is_allowed_by_the_role_it_acts_under() {
    held("allowed");
}

#[test]
fn nobody_without_a_live_grant_may_hold_content() {
    held("holders");
}

#[test]
fn what_is_kept_in_mind_of_an_idle_document_answers_as_its_graph_does() {
    held("sharing");
}

#[test]
fn the_owner_is_always_admin_and_acts_with_effect_unless_its_root_key_or_the_device_that_began_revoked_the_device() {
    held("owner");
}

#[test]
fn the_root_key_brings_the_owners_next_device_back_whatever_the_device_that_began_the_document_said() {
    held("return");
}

#[test]
fn an_honest_author_who_knows_of_a_revocation_never_gives_back_what_it_took() {
    held("honest");
}

#[test]
fn the_histories_hold_enough_of_everything_that_the_laws_speak_of() {
    pass().expect_enough_trouble();
}
