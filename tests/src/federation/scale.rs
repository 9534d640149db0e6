//! Large federations in which nothing goes wrong by itself: how long what is issued takes to reach everybody, and at what cost.
//!
//! Every organisation is a real machine, as in the small ones; only the laws are not looked at, but for one: what is issued
//! reaches everybody. Links have the latencies and rates of a country's networks; what a node computes takes no time but
//! that of looking at what came, a few milliseconds.

use super::deeds::Deed;
use super::figures::Figures;
use super::plan::{HUBS, Plan};
use super::world::{Event, World};
use crate::bench::resident_bytes;
use csu_protocol::id::EntryId;

/// In what steps the federation is looked at, in virtual milliseconds.
const STEP_MS: u64 = 100;
/// By when everything must be quiet, in virtual milliseconds.
const PATIENCE_MS: u64 = 3_600_000;
/// How long the halves of a federation are apart, in virtual milliseconds.
const APART_MS: u64 = 120_000;

/// Within what bulletins are issued that have nothing to do with each other, and how many, in virtual milliseconds.
const LONG_MS: u64 = 600_000;
const MANY: usize = 20;
/// The same for those that are issued at once.
const AT_ONCE_MS: u64 = 1_000;

/// Bulletins that are issued before anything is measured.
const WARMING: u64 = 3;

/// What happens in a large federation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// One union issues one bulletin that anyone may read.
    Bulletin,
    /// Twenty bulletins are issued by whoever within ten minutes, the ordinary course of things.
    Trickle,
    /// One in fifty issues one within a second.
    Burst,
    /// One in a hundred issues one while the federation is in two halves, which then meet again.
    Healing,
}

impl Course {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Bulletin, Self::Trickle, Self::Burst, Self::Healing];

    /// How many bulletins are issued among so many organisations.
    #[must_use]
    pub const fn bulletins(self, members: usize) -> usize {
        let issued = match self {
            Self::Bulletin => 1,
            Self::Trickle => MANY,
            Self::Burst => members / 50,
            Self::Healing => members / 100,
        };
        if issued == 0 { 1 } else { issued }
    }

    /// Within what they are issued, in virtual milliseconds.
    const fn within_ms(self) -> u64 {
        match self {
            Self::Bulletin | Self::Burst => AT_ONCE_MS,
            Self::Trickle => LONG_MS,
            Self::Healing => APART_MS / 2,
        }
    }
}

/// How something spread.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread {
    /// For each bulletin and each who was to have it: when it had it durably, in milliseconds after it was issued, or after the
    /// halves met; ascending.
    pub reached_ms: Vec<u64>,
    /// Bytes of all frames.
    pub bytes: u64,
    /// Frames.
    pub frames: u64,
    /// Entries that somebody lacked and was brought.
    pub needed: u64,
    /// Entries that came to where they were already.
    pub again: u64,
    /// The most that the process held resident meanwhile, in bytes.
    pub peak_bytes: u64,
}

impl Spread {
    /// By when so many of a hundred had it, in milliseconds.
    #[must_use]
    pub fn within(&self, percent: usize) -> u64 {
        let at = (self.reached_ms.len() * percent).div_ceil(100).saturating_sub(1);
        self.reached_ms.get(at).copied().unwrap_or_default()
    }

    /// Entries that came again for each that was needed.
    #[must_use]
    pub fn duplicates(&self) -> f64 {
        self.again as f64 / self.needed.max(1) as f64
    }
}

/// A large federation, all connected and quiet.
#[derive(Debug)]
pub struct Large(World);

impl Large {
    /// Founds one of so many organisations.
    #[must_use]
    pub fn new(seed: u64, members: usize) -> Self {
        let mut world = World::new(Plan::federation(seed, members));
        let hubs = HUBS.min(members / 5).max(1);
        for link in 0..world.links.len() {
            let [one, other] = world.links[link].ends;
            let between_hubs = one.max(other) < hubs;
            let link = &mut world.links[link];
            // One way across a country: less between data centres than between homes; 100 and 10 Mbit/s.
            link.latency_ms = if between_hubs { 3 + world.dice.below(12) } else { 8 + world.dice.below(40) } as u64;
            link.jitter_ms = 4;
            link.rate = if between_hubs { 12_500 } else { 1_250 };
            world.pair_silently(one, other);
        }
        for member in 0..members {
            world.start(member);
        }
        let mut large = Self(world);
        large.rest();
        // Neighbours learn from the first bulletins who hears of such things from elsewhere.
        for number in 0..WARMING {
            let at = large.0.now_ms + number * 5_000;
            large.0.at(at, Event::Issue(members - 1 - number as usize));
        }
        large.rest();
        large
    }

    /// Lets everything happen until nothing is left to happen; the most that was resident meanwhile.
    fn rest(&mut self) -> u64 {
        let until = self.0.now_ms + PATIENCE_MS;
        let mut peak = resident_bytes();
        while self.0.run_until(self.0.now_ms + STEP_MS) {
            assert!(self.0.now_ms < until, "a large federation does not come to rest");
            peak = peak.max(resident_bytes());
        }
        peak
    }

    /// Lets something happen, and says how it spread.
    ///
    /// # Panics
    /// When something that was issued did not reach everybody.
    pub fn run(&mut self, course: Course) -> Spread {
        let world = &mut self.0;
        let members = world.members.len();
        world.laws.figures = Figures::default();
        world.laws.followed.clear();
        let begun = world.now_ms;
        if course == Course::Healing {
            // The even and the odd.
            world.at(begun, Event::Part(0x5555_5555_5555_5555, APART_MS));
        }
        for _ in 0..course.bulletins(members) {
            let issuer = HUBS.min(members / 5) + world.dice.below(members - HUBS.min(members / 5));
            let at = begun + world.dice.below(course.within_ms() as usize) as u64;
            world.at(at, Event::Issue(issuer));
        }
        let peak_bytes = self.rest();
        let since = (course == Course::Healing).then_some(begun + APART_MS);
        let mut reached_ms = Vec::new();
        for times in self.0.laws.followed.values_mut() {
            times.sort_unstable();
            assert_eq!(times.len(), members, "a law is broken: a bulletin did not reach everybody");
            // The first is who issued it.
            let issued = times.remove(0);
            let since = since.unwrap_or(issued);
            reached_ms.extend(times.iter().filter_map(|at| at.checked_sub(since)));
        }
        reached_ms.sort_unstable();
        let Figures { bytes, frames, taken, arrived, .. } = self.0.laws.figures;
        Spread { reached_ms, bytes, frames, needed: taken, again: arrived.saturating_sub(taken), peak_bytes }
    }
}

impl World {
    /// A union issues a bulletin that anyone may read; its way is followed.
    pub(super) fn issue(&mut self, number: usize) {
        let now = self.members[number].clock(self.now_ms);
        let mut deed =
            Deed { member: &mut self.members[number], now, everybody: &self.everybody, dice: &mut self.dice, laws: &mut self.laws };
        let issued: EntryId = deed.issue();
        self.laws.followed.insert(issued, Vec::new());
    }
}
