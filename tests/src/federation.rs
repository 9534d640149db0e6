//! A federation in virtual time: 2 to 9 organisations, each a real [`csu_protocol::sync::Machine`] over
//! [`csu_protocol::store::Memory`]; operators who pause, remove and pair again; and some who lie.
//!
//! # What goes wrong
//!
//! - Links are slow, by chance for every frame too, stand still for a while, fall and come back; what was under way is lost with the
//!   session, and the two ends learn of that at different times. Within a session nothing is lost, doubled or overtaken: the
//!   network's streams see to that. Across sessions everything is sent again and comes by other ways, before and after.
//! - The federation falls into two halves.
//! - Nodes crash: before a commit, after it, and while they send; what was not committed is lost.
//! - Disks fail to read, to write and to commit; the node goes on from what is on disk, as `csu` does.
//! - Clocks are days apart, and are put forward and back by days.
//! - Budgets are used up.
//! - Liars meddle with frames, and tell what is in [`crate::liar::Lie`].
//!
//! # The laws
//!
//! Looked at with every frame and commit, and once everything has healed and is quiet:
//!
//! 1. *Agreement*: neighbours that may both hold a plane of a document hold the same sound entries of it, and judge and show it
//!    alike.
//! 2. *Secrecy*: a frame carries only what its receiver may hold in the sender's view when it is sent, and no frame
//!    holds the id of a document that never named its receiver, unless the receiver said it first.
//! 3. *Durability*: what was published and committed is there after every crash, and no honest device ever puts two entries at
//!    one place of its chain: nobody had heard of what it forgot.
//! 4. *Bounds*: what is under way to a peer, waits for it or for something missing, is bounded in number and bytes, after every
//!    piece of work.
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
//! Organisations keep their device; two connections between one pair at once. Contents are not Automerge changes: sync does not
//! look into them.
//!
//! [`Large`] federations and a hub with a neighbour that is no good ([`live_beside`]) run on the same machinery.

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
