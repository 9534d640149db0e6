//! Sets of numbers that share what they have in common.
//!
//! The past of an entry is that of the entries it names and a few more. Kept as a list of bits, the pasts of a
//! chain of `n` entries would take `n * n` bits, which a hostile author could make large. Here a set is a tree of
//! blocks, and equal blocks are one: adding a number costs a path of blocks, and joining sets costs what tells
//! them apart. Equal sets have equal ids, so that verdicts can be remembered for each set.
//!
//! A block of level 0 holds 512 numbers. One of level `l` joins sixteen of lower levels and spans sixteen times what
//! level `l - 1` does; it has more than its first part, so that there is one tree for each set.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::cell::Cell;
use std::hash::BuildHasher;
use std::ops::ControlFlow;

/// One set. Equal sets of one [`Sets`] have equal ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SetId(u32);

impl SetId {
    /// The set without members.
    pub(crate) const EMPTY: Self = Self(0);

    fn place(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// Numbers in a block of level 0, as a power of two.
const LEAF_BITS: u32 = 9;
/// Parts of a block of a higher level, as a power of two.
const PART_BITS: u32 = 4;

/// The numbers of a block of level 0, each a bit.
type Words = [u64; 1 << (LEAF_BITS - 6)];
/// The parts of a block of a higher level.
type Parts = [SetId; 1 << PART_BITS];

const NO_WORDS: Words = [0; 1 << (LEAF_BITS - 6)];
const NO_PARTS: Parts = [SetId::EMPTY; 1 << PART_BITS];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Block {
    Leaf(Words),
    Fork { level: u32, parts: Parts },
}

/// What [`Sets::fold`] asks for.
pub(crate) enum Fold<T> {
    /// What came of the numbers in a block before, if that is known. The block begins at a number.
    Block(SetId, u32),
    /// To take a number into what came of others.
    Number(T, u32),
    /// To make one of two.
    Join(T, T),
    /// To remember what came of the numbers in a block. What is answered does not matter.
    Known(SetId, u32, T),
}

/// All sets of one graph.
#[derive(Debug, Clone)]
pub(crate) struct Sets {
    blocks: Vec<Block>,
    /// By their blocks.
    ids: HashTable<SetId>,
    /// Which numbers are in a set is for authors to choose: they do not know how a block is hashed.
    hasher: DefaultHashBuilder,
    steps: Cell<u64>,
}

impl Default for Sets {
    fn default() -> Self {
        let mut sets = Self { blocks: Vec::new(), ids: HashTable::new(), hasher: DefaultHashBuilder::default(), steps: Cell::new(0) };
        // The first id is that of the set without members.
        sets.intern(Block::Leaf(NO_WORDS));
        sets
    }
}

/// The lowest level whose blocks reach from 0 to `number`.
const fn level_of(number: u32) -> u32 {
    let bits = u32::BITS.saturating_sub(number.leading_zeros());
    bits.saturating_sub(LEAF_BITS).div_ceil(PART_BITS)
}

/// How many bits of a number say where in a part of a block of `level` it is.
const fn part_bits(level: u32) -> u32 {
    LEAF_BITS.saturating_add(PART_BITS.saturating_mul(level.saturating_sub(1)))
}

/// The part of a block of `level` that holds `number`, counted from the block's begin.
fn part_of(number: u32, level: u32) -> usize {
    usize::try_from(number.checked_shr(part_bits(level)).unwrap_or(0)).unwrap_or(usize::MAX)
}

/// `number` counted from the begin of its part.
fn within(number: u32, level: u32) -> u32 {
    let begin = number.checked_shr(part_bits(level)).and_then(|part| part.checked_shl(part_bits(level))).unwrap_or(0);
    number.saturating_sub(begin)
}

fn word_of(number: u32) -> (usize, u64) {
    (usize::try_from(number >> 6).unwrap_or(usize::MAX), 1 << (number & 63))
}

impl Sets {
    /// Counts work, so that tests can hold it against the size of a graph.
    pub(crate) fn step(&self) {
        self.steps.set(self.steps.get().wrapping_add(1));
    }

    /// How much work was counted.
    pub(crate) fn steps(&self) -> u64 {
        self.steps.get()
    }

    fn block(&self, set: SetId) -> &Block {
        self.step();
        self.blocks.get(set.place()).unwrap_or(&Block::Leaf(NO_WORDS))
    }

    fn intern(&mut self, block: Block) -> SetId {
        let Self { blocks, ids, hasher, .. } = self;
        let next = SetId(u32::try_from(blocks.len()).unwrap_or(u32::MAX));
        let known = |id: &SetId| blocks.get(id.place()).unwrap_or(&block);
        let id = *ids.entry(hasher.hash_one(block), |id| *known(id) == block, |id| hasher.hash_one(known(id))).or_insert(next).get();
        if id == next {
            self.blocks.push(block);
        }
        id
    }

    /// A block from its parts: the first part itself if there is nothing else.
    fn join(&mut self, level: u32, parts: Parts) -> SetId {
        match parts {
            [first, rest @ ..] if rest.iter().all(|part| *part == SetId::EMPTY) => first,
            _ => self.intern(Block::Fork { level, parts }),
        }
    }

    fn level(&self, set: SetId) -> u32 {
        match self.block(set) {
            Block::Leaf(_) => 0,
            Block::Fork { level, .. } => *level,
        }
    }

    /// The parts of a set seen as a block of `level`, which is its own or a higher one.
    fn parts(&self, set: SetId, level: u32) -> Parts {
        match self.block(set) {
            Block::Fork { level: own, parts } if *own == level => *parts,
            Block::Fork { .. } | Block::Leaf(_) => {
                let mut parts = NO_PARTS;
                let [first, ..] = &mut parts;
                *first = set;
                parts
            }
        }
    }

    fn words(&self, set: SetId) -> Words {
        match self.block(set) {
            Block::Leaf(words) => *words,
            Block::Fork { .. } => NO_WORDS,
        }
    }

    /// Whether `number` is in `set`.
    pub(crate) fn contains(&self, set: SetId, mut number: u32) -> bool {
        let mut at = set;
        loop {
            match self.block(at) {
                Block::Leaf(words) => {
                    let (word, bit) = word_of(number);
                    return words.get(word).is_some_and(|word| word & bit != 0);
                }
                Block::Fork { level, parts } => match parts.get(part_of(number, *level)) {
                    Some(part) => (at, number) = (*part, within(number, *level)),
                    None => return false,
                },
            }
        }
    }

    /// What is in any of `sets`.
    pub(crate) fn union(&mut self, mut sets: Vec<SetId>) -> SetId {
        sets.sort_unstable();
        sets.dedup();
        sets.retain(|set| *set != SetId::EMPTY);
        match sets.as_slice() {
            [] => return SetId::EMPTY,
            [one] => return *one,
            _ => {}
        }
        let level = sets.iter().map(|set| self.level(*set)).max().unwrap_or(0);
        if level == 0 {
            let mut all = NO_WORDS;
            for set in sets {
                for (all, word) in all.iter_mut().zip(self.words(set)) {
                    *all |= word;
                }
            }
            return self.intern(Block::Leaf(all));
        }
        let of_parts: Vec<Parts> = sets.into_iter().map(|set| self.parts(set, level)).collect();
        let mut parts = NO_PARTS;
        for (at, part) in parts.iter_mut().enumerate() {
            let mut of_part = of_parts.iter().filter_map(|parts| parts.get(at).copied());
            let first = of_part.next().unwrap_or(SetId::EMPTY);
            *part = if of_part.clone().all(|other| other == first) { first } else { self.union(of_part.chain([first]).collect()) };
        }
        self.join(level, parts)
    }

    /// `set` and `numbers`, which ascend.
    pub(crate) fn extend(&mut self, set: SetId, numbers: &[u32]) -> SetId {
        self.extend_from(set, numbers, 0)
    }

    /// The same, of numbers counted from `begin` by the set.
    fn extend_from(&mut self, set: SetId, numbers: &[u32], begin: u32) -> SetId {
        let Some(last) = numbers.last() else { return set };
        let level = self.level(set).max(level_of(last.saturating_sub(begin)));
        if level == 0 {
            let mut words = self.words(set);
            for number in numbers {
                let (word, bit) = word_of(number.saturating_sub(begin));
                if let Some(word) = words.get_mut(word) {
                    *word |= bit;
                }
            }
            return self.intern(Block::Leaf(words));
        }
        let mut parts = self.parts(set, level);
        let mut rest = numbers;
        while let Some(last) = rest.last() {
            let here = last.saturating_sub(begin);
            let part_begin = last.saturating_sub(within(here, level));
            let (before, of_part) = rest.split_at(rest.partition_point(|number| *number < part_begin));
            if let Some(part) = parts.get_mut(part_of(here, level)) {
                *part = self.extend_from(*part, of_part, part_begin);
            }
            rest = before;
        }
        self.join(level, parts)
    }

    /// Calls `found` for those of `numbers`, which ascend, that are in `in_set` (if there is one) and not in `but`; from
    /// the highest down, until it breaks. What two sets have in common is passed over as one.
    pub(crate) fn select(
        &self,
        in_set: Option<SetId>,
        but: SetId,
        numbers: &[u32],
        found: &mut dyn FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.select_from(in_set, but, numbers, 0, found)
    }

    /// The same, of numbers counted from `begin` by the sets.
    fn select_from(
        &self,
        in_set: Option<SetId>,
        but: SetId,
        numbers: &[u32],
        begin: u32,
        found: &mut dyn FnMut(u32) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Some(last) = numbers.last() else { return ControlFlow::Continue(()) };
        if in_set == Some(SetId::EMPTY) || in_set == Some(but) {
            return ControlFlow::Continue(());
        }
        let level = in_set.map_or(0, |set| self.level(set)).max(self.level(but)).max(level_of(last.saturating_sub(begin)));
        if level == 0 || (in_set.is_none() && but == SetId::EMPTY) || numbers.len() == 1 {
            for number in numbers.iter().rev() {
                let here = number.saturating_sub(begin);
                self.step();
                if in_set.is_none_or(|set| self.contains(set, here)) && !self.contains(but, here) {
                    found(*number)?;
                }
            }
            return ControlFlow::Continue(());
        }
        let (in_parts, but_parts) = (in_set.map(|set| self.parts(set, level)), self.parts(but, level));
        let mut rest = numbers;
        while let Some(last) = rest.last() {
            let here = last.saturating_sub(begin);
            let part = part_of(here, level);
            let part_begin = last.saturating_sub(within(here, level));
            let (before, of_part) = rest.split_at(rest.partition_point(|number| *number < part_begin));
            let of_set = |parts: Parts| parts.get(part).copied().unwrap_or(SetId::EMPTY);
            self.select_from(in_parts.map(of_set), of_set(but_parts), of_part, part_begin, found)?;
            rest = before;
        }
        ControlFlow::Continue(())
    }
}

impl Sets {
    /// Makes one of those `numbers`, which ascend, that are in `set`, block by block: what came of a block can be
    /// remembered, since a block with the same id and begin holds the same numbers for ever. `numbers` may only grow by
    /// ones that are in no set yet.
    pub(crate) fn fold<T: Copy>(&self, set: SetId, numbers: &[u32], none: T, ask: &mut dyn FnMut(Fold<T>) -> Option<T>) -> T {
        self.fold_from(set, numbers, 0, none, ask)
    }

    fn fold_from<T: Copy>(&self, set: SetId, numbers: &[u32], begin: u32, none: T, ask: &mut dyn FnMut(Fold<T>) -> Option<T>) -> T {
        let Some(last) = numbers.last().filter(|_| set != SetId::EMPTY) else { return none };
        if let Some(known) = ask(Fold::Block(set, begin)) {
            return known;
        }
        let level = self.level(set).max(level_of(last.saturating_sub(begin)));
        let mut all = none;
        if level == 0 {
            for number in numbers {
                if self.contains(set, number.saturating_sub(begin)) {
                    all = ask(Fold::Number(all, *number)).unwrap_or(all);
                }
            }
        } else {
            let mut rest = numbers;
            let parts = self.parts(set, level);
            while let Some(last) = rest.last() {
                let here = last.saturating_sub(begin);
                let part_begin = last.saturating_sub(within(here, level));
                let (before, of_part) = rest.split_at(rest.partition_point(|number| *number < part_begin));
                let part = parts.get(part_of(here, level)).copied().unwrap_or(SetId::EMPTY);
                let more = self.fold_from(part, of_part, part_begin, none, ask);
                all = ask(Fold::Join(all, more)).unwrap_or(all);
                rest = before;
            }
        }
        ask(Fold::Known(set, begin, all));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn equal_sets_have_equal_ids_however_they_were_made() {
        let mut sets = Sets::default();
        let none = SetId::EMPTY;
        let (a, b) = (sets.extend(none, &[3]), sets.extend(none, &[130_000]));
        let ab = sets.extend(a, &[130_000]);
        assert_eq!(sets.union(vec![a, b]), ab);
        assert_eq!(sets.union(vec![b, none, a, b]), ab);
        assert_eq!(sets.extend(none, &[3, 130_000]), ab);
        assert_eq!(sets.union(vec![none, a]), a);
        assert!(sets.contains(ab, 3) && sets.contains(ab, 130_000) && !sets.contains(ab, 4) && !sets.contains(a, 1000));
    }

    /// Numbers without an order that one could see.
    fn numbers(seed: u32, below: u32, count: u32) -> BTreeSet<u32> {
        (0..count).map(|at| (at + 1).wrapping_mul(2_654_435_761 ^ seed.wrapping_mul(0x9e37_79b9)) % below).collect()
    }

    #[test]
    fn a_fold_is_of_the_numbers_in_the_set_whatever_was_remembered() {
        for below in [5, 512, 513, 8192, 20_000] {
            let mut sets = Sets::default();
            let mut known: BTreeMap<(SetId, u32), u64> = BTreeMap::new();
            let asked: Vec<u32> = numbers(77, below, 3000).into_iter().collect();
            let mut plain = BTreeSet::new();
            for number in numbers(5, below, 300) {
                plain.insert(number);
                let set = sets.extend(SetId::EMPTY, &plain.iter().copied().collect::<Vec<_>>());
                let sum = sets.fold(set, &asked, 0, &mut |step| match step {
                    Fold::Block(set, begin) => known.get(&(set, begin)).copied(),
                    Fold::Number(sum, number) => Some(sum + u64::from(number) + 1),
                    Fold::Join(one, other) => Some(one + other),
                    Fold::Known(set, begin, sum) => known.insert((set, begin), sum),
                });
                let wanted: u64 = asked.iter().filter(|number| plain.contains(number)).map(|number| u64::from(*number) + 1).sum();
                assert_eq!(sum, wanted, "{below}");
            }
        }
    }

    #[test]
    fn sets_answer_as_plain_sets_do() {
        for below in [5, 512, 513, 8192, 8193, 20_000, u32::MAX] {
            let mut sets = Sets::default();
            let plain: Vec<BTreeSet<u32>> = (0..12).map(|seed| numbers(seed, below, 40 * seed)).collect();
            let ids: Vec<SetId> = plain.iter().map(|set| sets.extend(SetId::EMPTY, &set.iter().copied().collect::<Vec<_>>())).collect();
            let asked: Vec<u32> = numbers(77, below, 300).union(&plain[5]).copied().collect();
            for (one, id) in plain.iter().zip(&ids) {
                assert!(asked.iter().all(|number| sets.contains(*id, *number) == one.contains(number)));
                for (other, other_id) in plain.iter().zip(&ids) {
                    let union = sets.union(vec![*id, *other_id]);
                    let all: Vec<u32> = one.union(other).copied().collect();
                    assert_eq!(union, sets.extend(SetId::EMPTY, &all));
                    let mut found = Vec::new();
                    let mut push = |number| {
                        found.push(number);
                        ControlFlow::Continue(())
                    };
                    assert!(sets.select(Some(*id), *other_id, &asked, &mut push).is_continue());
                    let wanted = asked.iter().rev().filter(|number| one.contains(number) && !other.contains(number));
                    assert!(found.iter().eq(wanted), "{below}");
                    found.clear();
                    let mut push = |number| {
                        found.push(number);
                        ControlFlow::Continue(())
                    };
                    assert!(sets.select(None, *other_id, &asked, &mut push).is_continue());
                    assert!(found.iter().eq(asked.iter().rev().filter(|number| !other.contains(number))), "{below}");
                }
            }
        }
    }
}
