//! What a seed stands for: how many organisations, who is joined with whom, who lies, and how much goes wrong.

use crate::history::Dice;
use csu_protocol::sync::Budget;
use std::collections::BTreeSet;

/// How organisations are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// Each with the next, and the last with the first.
    Ring,
    /// Everybody with everybody.
    Mesh,
    /// All with the police, and some with a neighbour.
    Star,
    /// A tree by chance, and more links by chance.
    Random,
    /// Police hubs joined with each other and with the unions around them, and unions with neighbours by chance.
    Federation,
}

/// Police hubs of a large federation: as many as there are territorial forces in England and Wales.
pub const HUBS: usize = 43;
/// The neighbours of a union in it: at least, and at most.
pub const DEGREE: (usize, usize) = (8, 20);

/// One simulation, before it runs.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What everything is drawn from.
    pub seed: u64,
    /// How they are joined.
    pub topology: Topology,
    /// How many organisations there are. The first is the police.
    pub members: usize,
    /// Which of them lie.
    pub liars: BTreeSet<usize>,
    /// Who is joined with whom, the lower number first.
    pub links: Vec<(usize, usize)>,
    /// How often trouble is followed by healing.
    pub rounds: usize,
    /// How many deeds are done in one time of trouble.
    pub deeds: usize,
    /// Whether documents grow to hundreds of entries.
    pub long_documents: bool,
    /// Whether some entries are as long as they may be.
    pub long_entries: bool,
    /// Links that fall in one time of trouble.
    pub falls: usize,
    /// Nodes that crash in it.
    pub crashes: usize,
    /// Pauses, removals and pairings in it.
    pub operators: usize,
    /// Times in it that the federation falls into two halves.
    pub partitions: usize,
    /// Links in it on which nothing moves for a while.
    pub stalls: usize,
    /// Clocks in it that are put forward or back.
    pub jumps: usize,
    /// In how many of a thousand cases a disk fails when a node writes or reads.
    pub disk_errors: usize,
    /// How much each may bring to each.
    pub budget: Budget,
    /// How long a node takes at most to look at what came, in milliseconds.
    pub reaction_ms: usize,
}

impl Plan {
    /// The plan of `seed`. Every fourth has liars; `honest` makes none of them lie.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::new("federation: plan", seed);
        let members = 2 + dice.below(8);
        let topology = [Topology::Ring, Topology::Mesh, Topology::Star, Topology::Random, Topology::Random][dice.below(5)];
        let liars: BTreeSet<usize> = if members > 2 && dice.chance(35) {
            (0..1 + dice.below((members - 1) / 2)).map(|_| dice.below(members)).collect()
        } else {
            BTreeSet::new()
        };
        let links = links(topology, members, &mut dice);
        let long_documents = members <= 5 && dice.chance(20);
        let long_entries = members <= 3 && dice.chance(25);
        let calm = dice.chance(15);
        let some = |dice: &mut Dice, most: usize| if calm { 0 } else { dice.below(most + 1) };
        Self {
            seed,
            topology,
            members,
            liars,
            rounds: 1 + dice.below(3),
            deeds: 10 + dice.below(if members > 5 { 60 } else { 90 }),
            long_documents,
            long_entries,
            falls: some(&mut dice, 2 * links.len()),
            crashes: some(&mut dice, members),
            operators: some(&mut dice, 4),
            partitions: some(&mut dice, 2),
            stalls: some(&mut dice, links.len()),
            jumps: if dice.chance(30) { some(&mut dice, 3) } else { 0 },
            disk_errors: if dice.chance(40) { some(&mut dice, 20) } else { 0 },
            budget: if dice.chance(12) {
                Budget { neighbours: 5_000 + dice.below(200_000) as u64, strangers: dice.below(50_000) as u64 }
            } else {
                Budget::default()
            },
            reaction_ms: 15,
            links,
        }
    }

    /// A federation of so many organisations in which nothing goes wrong by itself: the first are police hubs, [`HUBS`] or one in
    /// five, all joined with each other; each union is joined with one or two of them and has [`DEGREE`] neighbours in all.
    #[must_use]
    pub fn federation(seed: u64, members: usize) -> Self {
        let mut dice = Dice::new("federation: large", seed);
        let hubs = HUBS.min(members / 5).max(1);
        Self { topology: Topology::Federation, members, liars: BTreeSet::new(), links: around(hubs, members, &mut dice), ..Self::of(seed) }
            .in_peace()
    }

    /// Some organisations, so joined, among which nothing goes wrong by itself.
    pub(super) fn peaceful(seed: u64, members: usize, links: Vec<(usize, usize)>) -> Self {
        Self { topology: Topology::Star, members, liars: BTreeSet::new(), links, ..Self::of(seed) }.in_peace()
    }

    /// The same without anything that goes wrong.
    fn in_peace(self) -> Self {
        let budget = Budget::default();
        Self { falls: 0, crashes: 0, operators: 0, partitions: 0, stalls: 0, jumps: 0, disk_errors: 0, budget, reaction_ms: 4, ..self }
    }

    /// Whether nothing goes wrong in it, so that nothing is ever lost.
    pub(super) fn is_sound(&self) -> bool {
        self.topology == Topology::Federation
    }
}

/// The links of a large federation.
fn around(hubs: usize, members: usize, dice: &mut Dice) -> Vec<(usize, usize)> {
    let mut links: BTreeSet<(usize, usize)> = (0..hubs).flat_map(|one| (0..one).map(move |other| (other, one))).collect();
    let mut degree = vec![0; members];
    // Those who have fewer neighbours than they want.
    let mut open: BTreeSet<usize> = (hubs..members).collect();
    let wanted: Vec<usize> = (0..members).map(|_| DEGREE.0 + dice.below(DEGREE.1 - DEGREE.0 + 1)).collect();
    for (union, degree) in degree.iter_mut().enumerate().skip(hubs) {
        for _ in 0..1 + dice.below(2) {
            *degree += usize::from(links.insert((dice.below(hubs), union)));
        }
    }
    for union in hubs..members {
        for _ in 0..4 * DEGREE.1 {
            if degree[union] >= wanted[union] {
                break;
            }
            let others: Vec<usize> = open.range(union + 1..).copied().collect();
            // The last ones find nobody who wants another neighbour.
            let other = dice.pick(&others).copied().unwrap_or_else(|| hubs + dice.below(members - hubs));
            if other != union && degree[other] < DEGREE.1 && links.insert((union.min(other), union.max(other))) {
                degree[union] += 1;
                degree[other] += 1;
                if degree[other] >= wanted[other] {
                    open.remove(&other);
                }
            }
        }
    }
    links.into_iter().collect()
}

fn links(topology: Topology, members: usize, dice: &mut Dice) -> Vec<(usize, usize)> {
    let mut links = BTreeSet::new();
    let mut join = |one: usize, other: usize| {
        if one != other {
            links.insert((one.min(other), one.max(other)));
        }
    };
    match topology {
        // Made by `federation`, which knows how many hubs there are.
        Topology::Federation => {}
        Topology::Ring => (0..members).for_each(|one| join(one, (one + 1) % members)),
        Topology::Mesh => (0..members).for_each(|one| (0..one).for_each(|other| join(one, other))),
        Topology::Star => {
            (1..members).for_each(|one| join(0, one));
            (0..members / 3).for_each(|_| join(dice.below(members), dice.below(members)));
        }
        Topology::Random => {
            (1..members).for_each(|one| join(one, dice.below(one)));
            (0..members).for_each(|_| join(dice.below(members), dice.below(members)));
        }
    }
    links.into_iter().collect()
}
