//! What one neighbour of a node costs the others: live entries through a hub, while one neighbour is no good.
//!
//! Unlike elsewhere a node's own time counts here: what it sends keeps it busy.

use super::deeds::Deed;
use super::frames::{self, Frame};
use super::plan::Plan;
use super::world::{Event, World};
use csu_protocol::entry::Plane;

/// The hub, whoever issues live bulletins, and the neighbour that is no good; the others are good neighbours.
const HUB: usize = 0;
const ISSUER: usize = 1;
const BURDEN: usize = 5;
const MEMBERS: usize = 6;
/// Documents that the hub holds from before, and bytes of the revision of each.
const DOCUMENTS: usize = 40;
const LENGTH: usize = 800_000;
/// Live bulletins, of more messages than are under way to one neighbour, and the time between two.
const LIVE: u64 = 120;
const EVERY_MS: u64 = 50;
/// Bytes that a node sends in a millisecond of its own time.
const PACE: u64 = 20_000;

/// What is wrong with one neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Burden {
    /// Nothing.
    None,
    /// Nothing it is sent ever arrives, and its connection stays.
    Silent,
    /// It takes one byte in a millisecond.
    Slow,
    /// It lacks everything, and catches up.
    Fresh,
    /// It asks for everything, again and again, as often as the rules allow.
    Greedy,
}

/// What it costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// When each good neighbour had each live bulletin, in milliseconds after it was issued; ascending.
    pub reached_ms: Vec<u64>,
    /// Bytes that the hub sent to the neighbour that is no good, meanwhile.
    pub burden_bytes: u64,
}

/// Issues live bulletins through a hub with such a neighbour.
///
/// # Panics
/// When a law is broken, or a live bulletin does not reach a good neighbour.
#[must_use]
pub fn live_beside(burden: Burden) -> Cost {
    let links = (1..MEMBERS).map(|other| (HUB, other)).collect();
    let mut world = World::new(Plan::peaceful(1, MEMBERS, links));
    world.pace = Some(PACE);
    for link in 0..world.links.len() {
        (world.links[link].latency_ms, world.links[link].rate) = (20, 12_500);
        let [one, other] = world.links[link].ends;
        world.pair_silently(one, other);
    }
    let to_burden = world.link(HUB, BURDEN);
    if burden == Burden::Fresh {
        world.links[to_burden].up = false;
    }
    for member in 0..MEMBERS {
        world.start(member);
    }
    for _ in 0..DOCUMENTS {
        world.work(HUB, |world, hub| {
            let now = world.members[hub].clock(world.now_ms);
            let member = &mut world.members[hub];
            Deed { member, now, everybody: &world.everybody, dice: &mut world.dice, laws: &mut world.laws }.issue_long(LENGTH);
        });
        world.run_until(world.now_ms + 2_000);
    }
    world.run_until(world.now_ms + 600_000);
    begin(&mut world, burden, to_burden);
    let (begun, before) = (world.now_ms, world.sent_to(BURDEN));
    for number in 0..LIVE {
        world.at(begun + number * EVERY_MS, Event::Issue(ISSUER));
    }
    world.run_until(begun + LIVE * EVERY_MS + 30_000);
    let burden_bytes = world.sent_to(BURDEN) - before;
    let mut reached_ms = Vec::new();
    for times in world.laws.followed.values_mut() {
        times.sort_unstable();
        // The issuer, the hub, and the good neighbours; the last may be the one that is no good.
        assert!(times.len() >= MEMBERS - 1, "a law is broken: a live bulletin did not reach all good neighbours");
        reached_ms.extend(times.iter().take(MEMBERS - 1).map(|at| at - times[0]));
    }
    reached_ms.sort_unstable();
    Cost { reached_ms, burden_bytes }
}

fn begin(world: &mut World, burden: Burden, link: usize) {
    match burden {
        Burden::None => {}
        Burden::Silent => world.stall(link, u64::from(u32::MAX)),
        Burden::Slow => world.links[link].rate = 1,
        Burden::Fresh => {
            world.links[link].up = true;
            world.links[link].tries = 0;
            world.redial(link);
        }
        Burden::Greedy => {
            // Its machine would mind the answers to what it did not ask.
            world.members[BURDEN].machine = None;
            world.greedy = Some(BURDEN);
            for document in world.laws.documents().clone() {
                world.transmit(BURDEN, HUB, Frame::new(frames::have_nothing(document, Plane::Content)));
            }
        }
    }
}
