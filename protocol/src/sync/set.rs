//! Range-based set reconciliation: what two sets differ in, in few steps of few bytes.
//!
//! One side asks and in the end knows what each lacks of the other's; the other side answers and
//! learns nothing but the steps. Two kinds of sets are compared so: the planes of documents that
//! both may hold ([`item`]), and the entry ids of one plane. The only importer of `negentropy`,
//! whose version 1 (first byte 0x61) the steps are in; all its timestamps are 0.
//!
//! Cost of a step: O(n) for n members. Bounded: bytes and number of steps. All peers are compared with
//! one sorted list of what this node holds; each sees a part of it, which takes four bytes a member.

use crate::entry::Plane;
use crate::id::Hash;
use crate::limits;
use negentropy::{Bound, Error, Id, Item, Negentropy, NegentropyStorageBase, NegentropyStorageVector};
use std::rc::Rc;

/// The first byte of every step.
const VERSION: u8 = 0x61;

/// A step that breaks negentropy's rules, or one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadStep;

/// The plane that an item speaks of.
pub(super) fn plane_of(item: &Hash) -> Plane {
    let [first, ..] = item.as_bytes();
    if *first & 0x80 == 0 { Plane::Control } else { Plane::Content }
}

/// Members of a set, ascending, each with the place of what it stands for.
#[derive(Debug)]
pub(super) struct Members(Vec<(Hash, u32)>);

impl Members {
    pub(super) fn new(mut members: Vec<(Hash, u32)>) -> Self {
        members.sort_unstable();
        // An item is of one plane of one document at one version.
        members.dedup_by_key(|(item, _)| *item);
        members.shrink_to_fit();
        Self(members)
    }

    /// The place of what an item stands for.
    pub(super) fn place(&self, item: &Hash) -> Option<u32> {
        let found = self.0.binary_search_by_key(item, |(member, _)| *member).ok()?;
        self.0.get(found).map(|(_, place)| *place)
    }

    /// The members that `shown` lets a peer see.
    pub(super) fn shown(self: &Rc<Self>, mut shown: impl FnMut(&Hash, u32) -> bool) -> Shown {
        let which = self.0.iter().zip(0..).filter(|((item, place), _)| shown(item, *place)).map(|(_, at)| at);
        Shown { members: Rc::clone(self), which: which.collect() }
    }
}

/// The part of a set that is compared with a peer's.
#[derive(Debug)]
pub(super) struct Shown {
    members: Rc<Members>,
    /// Which of them, ascending.
    which: Vec<u32>,
}

impl Shown {
    /// The set that it is a part of.
    pub(super) fn members(&self) -> Rc<Members> {
        Rc::clone(&self.members)
    }

    fn get(&self, at: usize) -> Option<Item> {
        let (item, _) = self.members.0.get(usize::try_from(*self.which.get(at)?).ok()?)?;
        Some(Item::with_timestamp_and_id(0, Id::from_byte_array(*item.as_bytes())))
    }
}

impl NegentropyStorageBase for Shown {
    fn size(&self) -> Result<usize, Error> {
        Ok(self.which.len())
    }

    fn get_item(&self, at: usize) -> Result<Option<Item>, Error> {
        Ok(self.get(at))
    }

    fn iterate(&self, begin: usize, end: usize, each: &mut dyn FnMut(Item, usize) -> Result<bool, Error>) -> Result<(), Error> {
        if begin > end || end > self.which.len() {
            return Err(Error::BadRange);
        }
        for at in begin..end {
            if !each(self.get(at).ok_or(Error::BadRange)?, at)? {
                break;
            }
        }
        Ok(())
    }

    fn find_lower_bound(&self, first: usize, last: usize, value: &Bound) -> usize {
        let range = self.which.get(first..last).unwrap_or_default();
        let is_below = |at: &u32| {
            let item = usize::try_from(*at).ok().and_then(|at| self.members.0.get(at));
            item.is_some_and(|(item, _)| Item::with_timestamp_and_id(0, Id::from_byte_array(*item.as_bytes())) < value.item)
        };
        first.saturating_add(range.partition_point(is_below))
    }
}

/// A set for one comparison.
pub(super) type Ids = NegentropyStorageVector;

/// That of some ids.
pub(super) fn of_ids(members: impl IntoIterator<Item = [u8; 32]>) -> Result<Ids, BadStep> {
    let mut storage = Ids::new();
    for member in members {
        storage.insert(0, Id::from_byte_array(member)).map_err(|_| BadStep)?;
    }
    storage.seal().map_err(|_| BadStep)?;
    Ok(storage)
}

fn over<S: NegentropyStorageBase + 'static>(set: S) -> Result<Negentropy<'static, S>, BadStep> {
    let limit = u64::try_from(limits::RECONCILE_BYTES).unwrap_or(u64::MAX);
    Negentropy::owned(set, limit).map_err(|_| BadStep)
}

/// The side that asks.
#[derive(Debug)]
pub(super) struct Asking<S: 'static> {
    inner: Negentropy<'static, S>,
    /// How many this side has.
    size: usize,
    steps: u32,
    /// What only this side has.
    pub(super) ours: Vec<[u8; 32]>,
    /// What only the other side has. It may lie: these are claims.
    pub(super) theirs: Vec<[u8; 32]>,
}

impl<S: NegentropyStorageBase + 'static> Asking<S> {
    /// Begins; and the first step, to be sent.
    pub(super) fn begin(set: S) -> Result<(Self, Vec<u8>), BadStep> {
        let size = set.size().map_err(|_| BadStep)?;
        let mut inner = over(set)?;
        let first = inner.initiate().map_err(|_| BadStep)?;
        Ok((Self { inner, size, steps: 0, ours: Vec::new(), theirs: Vec::new() }, first))
    }

    /// Takes an answer; the next step to be sent, or none when the comparison is over. It is also over
    /// when it took too many steps or the other side claims too much: what was found so far is good.
    pub(super) fn take(&mut self, answer: &[u8]) -> Result<Option<Vec<u8>>, BadStep> {
        self.steps = self.steps.saturating_add(1);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let next = self.inner.reconcile_with_ids(answer, &mut ours, &mut theirs).map_err(|_| BadStep)?;
        self.ours.extend(ours.into_iter().map(|id| id.to_bytes()));
        self.theirs.extend(theirs.into_iter().map(|id| id.to_bytes()));
        let go_on = self.steps < limits::RECONCILE_STEPS && self.theirs.len() < limits::ROUND_NEEDS;
        Ok(next.filter(|_| go_on))
    }

    /// Whether it ended before all was compared.
    pub(super) const fn is_cut_short(&self) -> bool {
        self.steps >= limits::RECONCILE_STEPS || self.theirs.len() >= limits::ROUND_NEEDS
    }

    /// Whether the other side showed that it has nothing at all.
    pub(super) fn is_alone(&self) -> bool {
        self.theirs.is_empty() && self.ours.len() == self.size && !self.is_cut_short()
    }
}

/// The side that answers.
#[derive(Debug)]
pub(super) struct Answering<S: 'static> {
    inner: Negentropy<'static, S>,
    steps: u32,
}

impl<S: NegentropyStorageBase + 'static> Answering<S> {
    /// Begins.
    pub(super) fn begin(set: S) -> Result<Self, BadStep> {
        Ok(Self { inner: over(set)?, steps: 0 })
    }

    /// The answer to a step.
    pub(super) fn answer(&mut self, step: &[u8]) -> Result<Vec<u8>, BadStep> {
        self.steps = self.steps.saturating_add(1);
        // To another version negentropy would answer with its own, which nobody here speaks.
        if self.steps > limits::RECONCILE_STEPS || step.first() != Some(&VERSION) {
            return Err(BadStep);
        }
        self.inner.reconcile(step).map_err(|_| BadStep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn members(range: std::ops::Range<u32>) -> impl Iterator<Item = [u8; 32]> {
        range.map(|number| *Hash::of(&number.to_le_bytes()).as_bytes())
    }

    /// What each has that the other lacks, and bytes sent both ways.
    fn compare(ours: std::ops::Range<u32>, theirs: std::ops::Range<u32>) -> (BTreeSet<[u8; 32]>, BTreeSet<[u8; 32]>, usize) {
        let (mut asking, mut step) = Asking::begin(of_ids(members(ours)).unwrap()).unwrap();
        let mut answering = Answering::begin(of_ids(members(theirs)).unwrap()).unwrap();
        let mut bytes = 0;
        loop {
            let answer = answering.answer(&step).unwrap();
            bytes += step.len() + answer.len();
            assert!(step.len() <= limits::RECONCILE_BYTES && answer.len() <= limits::RECONCILE_BYTES);
            match asking.take(&answer).unwrap() {
                Some(next) => step = next,
                None => break,
            }
        }
        assert!(!asking.is_cut_short());
        (asking.ours.into_iter().collect(), asking.theirs.into_iter().collect(), bytes)
    }

    #[test]
    fn what_differs_is_found_both_ways_and_equal_sets_cost_a_few_hundred_bytes() {
        for (ours, theirs) in [(0..0, 0..40), (0..40, 0..0), (0..3000, 5..3010), (0..30_000, 100..30_000), (0..5000, 5000..90_000)] {
            let (ahead, behind, _) = compare(ours.clone(), theirs.clone());
            let (mine, yours): (BTreeSet<_>, BTreeSet<_>) = (members(ours).collect(), members(theirs).collect());
            assert_eq!(ahead, mine.difference(&yours).copied().collect());
            assert_eq!(behind, yours.difference(&mine).copied().collect());
        }
        let (ahead, behind, bytes) = compare(0..100_000, 0..100_000);
        assert!(ahead.is_empty() && behind.is_empty() && bytes < 400, "{bytes}");
    }

    #[test]
    fn a_part_of_all_members_is_compared_as_a_set_of_its_own() {
        let all: Vec<(Hash, u32)> = (0..5000).map(|number: u32| (Hash::of(&number.to_le_bytes()), number)).collect();
        let members_of_all = Rc::new(Members::new(all));
        let shown = || members_of_all.shown(|_, place| place % 3 == 0);
        let part = || members(0..5000).zip(0..).filter(|(_, place)| place % 3 == 0).map(|(member, _)| member);
        for missing in [0, 1, 700] {
            let (mut asking, mut step) = Asking::begin(shown()).unwrap();
            let mut answering = Answering::begin(of_ids(part().skip(missing)).unwrap()).unwrap();
            while let Some(next) = asking.take(&answering.answer(&step).unwrap()).unwrap() {
                step = next;
            }
            let (ours, expected): (BTreeSet<_>, BTreeSet<_>) = (asking.ours.iter().copied().collect(), part().take(missing).collect());
            assert_eq!((ours, asking.theirs.len()), (expected, 0));
        }
        assert_eq!(members_of_all.place(&Hash::of(&4_321_u32.to_le_bytes())), Some(4_321));
        assert_eq!(members_of_all.place(&Hash::of(b"nothing")), None);
    }

    #[test]
    fn a_bad_step_is_refused_and_no_step_makes_an_answer_longer_than_its_bound() {
        let mut answering = Answering::begin(of_ids(members(0..100_000)).unwrap()).unwrap();
        for step in [&[][..], &[0x60], &[0], &[0x61, 0, 0, 9], &[0x61, 0, 0, 2, 0xff, 0xff, 0xff, 0x7f]] {
            assert_eq!(answering.answer(step), Err(BadStep), "{step:?}");
        }
        // "I have nothing: tell me all."
        let answer = answering.answer(&[0x61, 0, 0, 2, 0]).unwrap();
        assert!(answer.len() > limits::RECONCILE_BYTES / 2 && answer.len() <= limits::RECONCILE_BYTES);
        for _ in 6..limits::RECONCILE_STEPS {
            answering.answer(&[0x61]).unwrap();
        }
        assert_eq!(answering.answer(&[0x61]), Err(BadStep), "steps are counted");
    }
}
