//! Interned sets of revocations.

use std::collections::BTreeMap;

/// A revocation, counted in the order of arrival. Local to one [`super::Access`].
pub(super) type RevokeIx = u32;

/// One set of revocations. Equal sets have equal ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SetId(u32);

/// All sets that occur as the past of some entry.
#[derive(Debug, Default)]
pub(super) struct Sets {
    /// Bit `r` of a set is set if revocation `r` is in it; no trailing zero words.
    sets: Vec<Box<[u64]>>,
    ids: BTreeMap<Box<[u64]>, SetId>,
    unions: BTreeMap<(SetId, SetId), SetId>,
}

fn place(revoke: RevokeIx) -> (usize, u64) {
    let word = usize::try_from(revoke >> 6).unwrap_or(usize::MAX);
    (word, 1_u64 << (revoke & 63))
}

impl Sets {
    fn words(&self, set: SetId) -> &[u64] {
        usize::try_from(set.0).ok().and_then(|at| self.sets.get(at)).map_or(&[], |words| words)
    }

    fn intern(&mut self, words: Vec<u64>) -> SetId {
        let words = words.into_boxed_slice();
        if let Some(id) = self.ids.get(&words) {
            return *id;
        }
        let id = SetId(u32::try_from(self.sets.len()).unwrap_or(u32::MAX));
        self.sets.push(words.clone());
        self.ids.insert(words, id);
        id
    }

    /// The empty set.
    pub(super) fn empty(&mut self) -> SetId {
        self.intern(Vec::new())
    }

    /// `set` and `revoke`.
    pub(super) fn with(&mut self, set: SetId, revoke: RevokeIx) -> SetId {
        let (word, bit) = place(revoke);
        let mut words = self.words(set).to_vec();
        if words.len() <= word {
            words.resize(word.saturating_add(1), 0);
        }
        if let Some(found) = words.get_mut(word) {
            *found |= bit;
        }
        self.intern(words)
    }

    /// What is in either.
    pub(super) fn union(&mut self, one: SetId, other: SetId) -> SetId {
        if one == other {
            return one;
        }
        let key = (one.min(other), one.max(other));
        if let Some(known) = self.unions.get(&key) {
            return *known;
        }
        let (short, long) = if self.words(one).len() < self.words(other).len() {
            (self.words(one), self.words(other))
        } else {
            (self.words(other), self.words(one))
        };
        let mut words = long.to_vec();
        for (word, more) in words.iter_mut().zip(short) {
            *word |= more;
        }
        let union = self.intern(words);
        self.unions.insert(key, union);
        union
    }

    /// Whether `revoke` is in `set`.
    pub(super) fn contains(&self, set: SetId, revoke: RevokeIx) -> bool {
        let (word, bit) = place(revoke);
        self.words(set).get(word).is_some_and(|found| found & bit != 0)
    }

    /// How many revocations are in both.
    pub(super) fn common(&self, one: SetId, other: SetId) -> usize {
        let both = self.words(one).iter().zip(self.words(other)).map(|(one, other)| one & other);
        both.map(|word| usize::try_from(word.count_ones()).unwrap_or(0)).fold(0, usize::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sets_have_equal_ids_however_they_were_made() {
        let mut sets = Sets::default();
        let empty = sets.empty();
        let (a, b) = (sets.with(empty, 3), sets.with(empty, 130));
        let ab = sets.with(a, 130);
        assert_eq!(sets.union(a, b), ab);
        assert_eq!(sets.union(b, a), ab);
        assert_eq!(sets.union(empty, a), a);
        assert!(sets.contains(ab, 3) && sets.contains(ab, 130) && !sets.contains(ab, 4) && !sets.contains(a, 1000));
        assert_eq!((sets.common(ab, ab), sets.common(ab, a), sets.common(a, b)), (2, 1, 0));
    }
}
