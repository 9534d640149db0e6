//! What the rules of access mean, one situation at a time.
//!
//! When a view of a situation ends, whatever can be asked of it is asked of the independent model as well.

#[path = "access_scenarios/again.rs"]
mod again;
#[path = "access_scenarios/answers.rs"]
mod answers;
#[path = "access_scenarios/devices.rs"]
mod devices;
#[path = "access_scenarios/eviction.rs"]
mod eviction;
#[path = "access_scenarios/floods.rs"]
mod floods;
#[path = "access_scenarios/forks.rs"]
mod forks;
#[path = "access_scenarios/quarrels.rs"]
mod quarrels;
#[path = "access_scenarios/sound.rs"]
mod sound;
#[path = "access_scenarios/stage.rs"]
mod stage;
