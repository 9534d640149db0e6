//! A federation in virtual time: 2 to 9 organisations, each a real [`csu_protocol::sync::Machine`] over
//! [`csu_protocol::store::Memory`], joined by links that are slow, fall and come back; nodes that crash and lose what
//! they had not committed; clocks that are days apart; operators who pause, remove and pair again; and some who lie.
//!
//! # The laws
//!
//! Looked at with every frame and commit, and once everything has healed and is quiet:
//!
//! 1. *Agreement*: neighbours that may both hold a plane of a document hold the same sound entries of it.
//! 2. *Secrecy*: a frame carries only what its receiver may hold in the sender's view when it is sent, and no frame
//!    holds the id of a document that never named its receiver, unless the receiver said it first.
//! 3. *Durability*: what was published and committed is there after every crash, and who crashed does not contradict
//!    itself: nobody had heard of what it forgot.
//! 4. *Bounds*: what is under way to a peer, waits for it or for something missing, is bounded in number and bytes.
//! 5. *Silence*: after the last deed and healing, a bounded number of frames, and then none.
//! 6. *Thrift*: entries sent twice, and entries known where they arrive, are counted ([`Figures`]).
//! 7. *Trust*: no honest node finds fault with an honest peer, unless a slow one is given up as silent.
//!
//! Around liars the laws hold for honest nodes; agreement for honest neighbours.
//!
//! One seed gives one simulation, to the byte. A law that is broken panics, and the seed is printed.
//!
//! # What it leaves out
//!
//! Organisations keep their device; two connections between one pair at once; disks that fail without a crash.
//! Contents are not Automerge changes: sync does not look into them.

mod deeds;
mod disk;
mod fairness;
mod figures;
mod frames;
mod laws;
mod liar;
mod lies;
mod life;
mod link;
mod member;
mod pairs;
mod plan;
mod scale;
mod trouble;
mod wires;
mod world;

pub use fairness::{Burden, Cost, live_beside};
pub use figures::Figures;
pub use lies::lies_told_here;
pub use plan::{DEGREE, HUBS, Plan, Topology};
pub use scale::{Course, Large, Spread};

/// Says which seed it was if something panics.
struct Confession(u64);

impl Drop for Confession {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was seed {0}: CSU_TEST_SEED={0} plays it again", self.0);
        }
    }
}

/// Runs the simulation of `seed`.
///
/// # Panics
/// When a law is broken.
#[must_use]
pub fn simulate(seed: u64) -> Figures {
    let _confession = Confession(seed);
    let mut world = world::World::new(Plan::of(seed));
    world.live();
    world.figures()
}
