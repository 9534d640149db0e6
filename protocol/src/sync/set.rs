//! The sets that are compared with a peer's: the planes of documents that both may hold ([`item`]), and the entry ids of one plane.
//!
//! All peers are compared with one sorted list of what this node holds; each sees a part of it, which takes four bytes a member.
//!
//! [`item`]: crate::access::Access::item

use super::reconciliation::Sorted;
use crate::entry::Plane;
use crate::id::Hash;
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

/// The plane that an item speaks of.
pub(super) fn plane_of(item: &Hash) -> Plane {
    let [first, ..] = item.as_bytes();
    if *first & 0x80 == 0 { Plane::Control } else { Plane::Content }
}

/// What stands for one plane of a document, as it is now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    pub(super) item: Hash,
    /// The place of the document.
    pub(super) place: u32,
    /// The number of who shares it.
    pub(super) sharing: u32,
}

/// What changed in a set: for each member what it stands for now; none if it is one no more.
pub(super) type Changes = BTreeMap<Hash, Option<Member>>;

/// All that may be compared with anyone, ascending.
#[derive(Debug)]
pub(super) struct Members(Vec<Member>);

impl Members {
    pub(super) fn new(mut members: Vec<Member>) -> Self {
        members.sort_unstable_by_key(|member| member.item);
        // An item is of one plane of one document at one version.
        members.dedup_by_key(|member| member.item);
        members.shrink_to_fit();
        Self(members)
    }

    /// The same after some changes.
    pub(super) fn changed(&self, changes: &Changes) -> Self {
        let mut members = Vec::with_capacity(self.0.len().saturating_add(changes.len()));
        let mut rest = self.0.as_slice();
        for (item, now) in changes {
            let (before, from) = rest.split_at(rest.partition_point(|member| member.item < *item));
            members.extend_from_slice(before);
            members.extend(now);
            rest = match from.split_first() {
                Some((member, after)) if member.item == *item => after,
                _ => from,
            };
        }
        members.extend_from_slice(rest);
        Self(members)
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &Member> {
        self.0.iter()
    }

    /// The place of what an item stands for.
    pub(super) fn place(&self, item: &Hash) -> Option<u32> {
        let found = self.0.binary_search_by_key(item, |member| member.item).ok()?;
        self.0.get(found).map(|member| member.place)
    }

    /// The members that `shown` lets a peer see.
    pub(super) fn shown(self: &Rc<Self>, mut shown: impl FnMut(&Member) -> bool) -> Shown {
        let which = self.0.iter().zip(0..).filter(|(member, _)| shown(member)).map(|(_, at)| at);
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
        self.members.0.get(usize::try_from(at).ok()?).map(|member| member.item.as_bytes())
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

    fn member(number: u32) -> Member {
        Member { item: Hash::of(&number.to_le_bytes()), place: number, sharing: 0 }
    }

    #[test]
    fn members_after_changes_are_those_that_a_new_look_at_all_finds() {
        let facts = |members: &Members| members.iter().map(|member| (member.item, member.place, member.sharing)).collect::<Vec<_>>();
        let before = Members::new((0..1000).map(member).collect());
        assert_eq!(facts(&before.changed(&Changes::new())), facts(&before));
        // Some go, some come, some are shared otherwise, and some that go were never there.
        let mut changes: Changes = (900..1100).map(|number| (member(number).item, None)).collect();
        changes.extend((500..600).map(|number| (member(number).item, Some(Member { sharing: 7, ..member(number) }))));
        changes.extend((2000..2300).map(|number| (member(number).item, Some(member(number)))));
        let shared_so = |number| Member { sharing: if (500..600).contains(&number) { 7 } else { 0 }, ..member(number) };
        let after = Members::new((0..900).chain(2000..2300).map(shared_so).collect());
        assert_eq!(facts(&before.changed(&changes)), facts(&after));
    }

    #[test]
    fn a_part_of_all_members_is_compared_as_a_set_of_its_own() {
        let members_of_all = Rc::new(Members::new((0..5000).map(member).collect()));
        let shown = || members_of_all.shown(|member| member.place % 3 == 0);
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
