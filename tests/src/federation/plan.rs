//! What a seed stands for: how many organisations, who is joined with whom, who lies, and how much goes wrong.

use crate::history::Dice;
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
}

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
            links,
        }
    }
}

fn links(topology: Topology, members: usize, dice: &mut Dice) -> Vec<(usize, usize)> {
    let mut links = BTreeSet::new();
    let mut join = |one: usize, other: usize| {
        if one != other {
            links.insert((one.min(other), one.max(other)));
        }
    };
    match topology {
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
