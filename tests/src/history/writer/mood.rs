//! What a history is mostly about.

use super::super::Dice;

/// What a history is mostly about. Whatever else happens by chance happens in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    /// Single acts alone.
    Plain,
    /// Rights handed down far, and taken in the middle.
    Delegation,
    /// Evictions, what the evicted do about it, rights given again and given up.
    Eviction,
    /// Stolen devices against root keys, those of the owner too.
    Theft,
    /// Those who gave each other their rights take them from each other.
    Quarrel,
    /// Authors who contradict themselves, and keeps that suit cheats.
    Forgery,
    /// Revisions on revisions, some of which fall, and an erasure.
    Work,
    /// Any of them.
    All,
}

/// Several acts that make a trouble together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plot {
    Delegate,
    EvictBetween,
    Revenge,
    GiveAgain,
    GiveUp,
    Steal,
    Bar,
    Quarrel,
    Fork,
    KeepBadly,
    Build,
    Erase,
}

impl Mood {
    const ALL: [Self; 8] =
        [Self::Plain, Self::Delegation, Self::Eviction, Self::Theft, Self::Quarrel, Self::Forgery, Self::Work, Self::All];

    pub(super) fn draw(dice: &mut Dice) -> Self {
        dice.pick(&Self::ALL).copied().unwrap_or(Self::All)
    }

    /// Of a hundred steps, so many are plots.
    pub(super) fn plots_percent(self) -> usize {
        match self {
            Self::Plain => 0,
            Self::Delegation | Self::Eviction | Self::Theft | Self::Quarrel | Self::Forgery | Self::Work | Self::All => 20,
        }
    }

    /// Of a hundred single acts, so many are by a dishonest author.
    pub(super) fn dishonest_percent(self) -> usize {
        match self {
            Self::Work => 10,
            Self::Plain | Self::Delegation | Self::Eviction | Self::Theft | Self::Quarrel | Self::All => 30,
            Self::Forgery => 50,
        }
    }

    /// Of a hundred dishonest acts, so many have their header bent by hand as well.
    pub(super) fn bent_percent(self) -> usize {
        if self == Self::Forgery { 40 } else { 15 }
    }

    /// The plots it is made of.
    pub(super) fn plots(self) -> &'static [Plot] {
        match self {
            Self::Plain => &[],
            Self::Delegation => &[Plot::Delegate, Plot::EvictBetween, Plot::EvictBetween],
            Self::Eviction => &[Plot::Revenge, Plot::Revenge, Plot::GiveAgain, Plot::GiveUp],
            Self::Theft => &[Plot::Steal, Plot::Steal, Plot::Bar],
            Self::Quarrel => &[Plot::Quarrel, Plot::Quarrel, Plot::Delegate],
            Self::Forgery => &[Plot::Fork, Plot::KeepBadly],
            Self::Work => &[Plot::Build, Plot::Build, Plot::Erase],
            Self::All => &[
                Plot::EvictBetween,
                Plot::Revenge,
                Plot::GiveAgain,
                Plot::GiveUp,
                Plot::Steal,
                Plot::Bar,
                Plot::Quarrel,
                Plot::Fork,
                Plot::KeepBadly,
                Plot::Build,
                Plot::Erase,
            ],
        }
    }
}
