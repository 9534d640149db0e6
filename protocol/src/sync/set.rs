//! The sets that are compared with a peer's: the planes of documents that both may hold ([`item`]), and the entry ids of one plane.
//!
//! All peers are compared with one sorted list of what this node holds; each sees a part of it, which takes four bytes a member.
//!
//! [`item`]: crate::access::Access::item

use super::reconciliation::Sorted;
use crate::entry::Plane;
use crate::id::Hash;
use std::ops::Range;
use std::rc::Rc;

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

    fn id(&self, at: u32) -> Option<&[u8; 32]> {
        self.members.0.get(usize::try_from(at).ok()?).map(|(item, _)| item.as_bytes())
    }
}

impl Sorted for Shown {
    fn size(&self) -> usize {
        self.which.len()
    }

    fn ids(&self, places: Range<usize>) -> impl Iterator<Item = &[u8; 32]> {
        self.which.get(places).unwrap_or_default().iter().filter_map(|at| self.id(*at))
    }

    fn find(&self, from: usize, least: &[u8; 32]) -> usize {
        let rest = self.which.get(from..).unwrap_or_default();
        from.saturating_add(rest.partition_point(|at| self.id(*at).is_some_and(|id| id < least)))
    }
}

/// Ids that are compared on their own.
#[derive(Debug)]
pub(super) struct Ids(Vec<[u8; 32]>);

impl Ids {
    pub(super) fn new(ids: impl IntoIterator<Item = [u8; 32]>) -> Self {
        let mut ids: Vec<[u8; 32]> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        Self(ids)
    }
}

impl Sorted for Ids {
    fn size(&self) -> usize {
        self.0.len()
    }

    fn ids(&self, places: Range<usize>) -> impl Iterator<Item = &[u8; 32]> {
        self.0.get(places).unwrap_or_default().iter()
    }

    fn find(&self, from: usize, least: &[u8; 32]) -> usize {
        from.saturating_add(self.0.get(from..).unwrap_or_default().partition_point(|id| id < least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::reconciliation::{Answering, Asking};
    use std::collections::BTreeSet;

    fn members(range: Range<u32>) -> impl Iterator<Item = [u8; 32]> {
        range.map(|number| *Hash::of(&number.to_le_bytes()).as_bytes())
    }

    #[test]
    fn a_part_of_all_members_is_compared_as_a_set_of_its_own() {
        let all: Vec<(Hash, u32)> = (0..5000).map(|number: u32| (Hash::of(&number.to_le_bytes()), number)).collect();
        let members_of_all = Rc::new(Members::new(all));
        let shown = || members_of_all.shown(|_, place| place % 3 == 0);
        let part = || members(0..5000).zip(0..).filter(|(_, place)| place % 3 == 0).map(|(member, _)| member);
        for missing in [0, 1, 700] {
            let (mut asking, mut step) = Asking::begin(shown());
            let mut answering = Answering::begin(Ids::new(part().skip(missing)));
            while let Some(next) = asking.take(&answering.answer(&step).unwrap()).unwrap() {
                step = next;
            }
            let (ours, expected): (BTreeSet<_>, BTreeSet<_>) = (asking.ours.iter().copied().collect(), part().take(missing).collect());
            assert_eq!((ours, asking.theirs.len()), (expected, 0));
        }
        assert_eq!(members_of_all.place(&Hash::of(&4_321_u32.to_le_bytes())), Some(4_321));
        assert_eq!(members_of_all.place(&Hash::of(b"nothing")), None);
    }
}
