//! The revocations of a document, so placed that those that bear on an author are found without looking at others.

use super::chain::Cut;
use super::graph::{Access, Act, Renounces, at};
use super::index::{AuthorIx, NodeIx, OrgIx, RevokeIx, Standing};
use super::memo::View;
use crate::entry::{Author, Keep, Plane, Principal};
use crate::id::EntryId;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Who loses by a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Party {
    Anyone,
    Organisation(OrgIx),
    Device(AuthorIx),
}

/// By which right a revocation is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Right {
    /// A role.
    Standing(Standing),
    /// The root key of the organisation.
    Root(OrgIx),
}

impl Right {
    /// That which sorts first.
    fn least() -> Self {
        Self::Standing(Standing { grant: NodeIx::after(0), organisation: OrgIx(0) })
    }
}

/// Revocations by one author by one right: they fall together, or from some entry of its chain on.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) author: AuthorIx,
    /// Ascending.
    pub(super) members: Vec<RevokeIx>,
    /// The same by their places in the author's chain, ascending.
    by_seq: Vec<(u32, RevokeIx)>,
}

impl Group {
    /// Those whose place is `seq` or before, ascending; all of them if that is most.
    pub(super) fn up_to(&self, seq: u32) -> Cow<'_, [RevokeIx]> {
        let (before, _) = self.by_seq.split_at(self.by_seq.partition_point(|(place, _)| *place <= seq));
        if before.len() > self.members.len() / 2 {
            return Cow::Borrowed(&self.members);
        }
        let mut found: Vec<RevokeIx> = before.iter().map(|(_, revoke)| *revoke).collect();
        found.sort_unstable();
        Cow::Owned(found)
    }
}

/// What one revocation keeps of one author in one plane.
#[derive(Debug, Clone)]
struct Kept {
    author: AuthorIx,
    plane: Plane,
    /// None as long as it is not known, and if it is another's.
    entry: Option<NodeIx>,
}

#[derive(Debug, Clone)]
struct Revocation {
    entry: NodeIx,
    /// Ascending by author and plane.
    keep: Vec<Kept>,
}

/// All revocations.
#[derive(Debug, Clone, Default)]
pub(super) struct Revocations {
    all: Vec<Revocation>,
    groups: BTreeMap<(Party, Right), Vec<Group>>,
    /// Those that are no renunciations, by the standing they act under.
    pub(super) by_admins: BTreeMap<Standing, Vec<Group>>,
    /// How many those are.
    pub(super) by_admins_count: usize,
    /// Content entries kept but not yet known: by which revocation, as whose, in which plane.
    awaited: BTreeMap<EntryId, Vec<(RevokeIx, AuthorIx, Plane)>>,
}

fn add_to(groups: &mut Vec<Group>, author: AuthorIx, seq: u32, member: RevokeIx) {
    let at = groups.iter().position(|group| group.author == author).unwrap_or_else(|| {
        groups.push(Group { author, members: Vec::new(), by_seq: Vec::new() });
        groups.len().saturating_sub(1)
    });
    if let Some(group) = groups.get_mut(at) {
        group.members.push(member);
        let place = group.by_seq.partition_point(|known| *known < (seq, member));
        group.by_seq.insert(place, (seq, member));
    }
}

impl Revocations {
    pub(super) const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Those of `party` by `right`.
    pub(super) fn of(&self, party: Party, right: Right) -> &[Group] {
        self.groups.get(&(party, right)).map_or(&[], Vec::as_slice)
    }

    /// Those of `party` by whatever right.
    pub(super) fn naming(&self, party: Party) -> impl Iterator<Item = &Group> + '_ {
        let of_party = self.groups.range((party, Right::least())..).take_while(move |((of, _), _)| *of == party);
        of_party.flat_map(|(_, groups)| groups)
    }

    fn get(&self, revoke: RevokeIx) -> Option<&Revocation> {
        self.all.get(at(revoke))
    }
}

impl Access {
    pub(super) fn next_revoke(&self) -> RevokeIx {
        super::graph::count(self.revocations.all.len())
    }

    /// The entry that is a revocation.
    pub(super) fn revoke(&self, revoke: RevokeIx) -> NodeIx {
        self.revocations.get(revoke).map_or(NodeIx::after(0), |revocation| revocation.entry)
    }

    /// Rule 4: what a revocation leaves standing. A kept entry that has not arrived keeps nothing yet.
    pub(super) fn kept(&self, revoke: RevokeIx, author: AuthorIx, plane: Plane) -> Cut {
        self.sets.step();
        let Some(Revocation { keep, .. }) = self.revocations.get(revoke) else { return Cut::Whole };
        let found = keep.binary_search_by_key(&(author, plane), |kept| (kept.author, kept.plane)).ok();
        found.and_then(|at| keep.get(at)?.entry).map_or(Cut::Nothing, Cut::UpTo)
    }

    /// Whether an entry is one of the author's in the plane.
    fn is_of(&self, ix: NodeIx, author: AuthorIx, plane: Plane) -> bool {
        let node = self.node(ix);
        node.author == author && node.plane() == plane
    }

    /// The revocations that count, in causal order.
    #[must_use]
    pub fn authorised_revocations(&self) -> Vec<EntryId> {
        let all = self.revocations.all.iter().map(|revocation| revocation.entry);
        all.filter(|ix| self.authorised_in(*ix, View::All)).map(|ix| self.node(ix).id).collect()
    }

    /// Enters a revocation that was just counted.
    pub(super) fn enter_revocation(&mut self, ix: NodeIx, principal: Principal, keep: &[Keep]) {
        let number = self.next_revoke();
        let mut kept = Vec::with_capacity(keep.len());
        for Keep { author, plane, entry: id } in keep {
            let (author, plane) = (self.author_ix(*author), *plane);
            let known = self.find(id);
            if known.is_none() {
                self.revocations.awaited.entry(*id).or_default().push((number, author, plane));
            }
            kept.push(Kept { author, plane, entry: known.filter(|entry| self.is_of(*entry, author, plane)) });
        }
        kept.sort_by_key(|kept| (kept.author, kept.plane));
        let party = match principal {
            Principal::Anyone => Party::Anyone,
            Principal::Organisation(organisation) => Party::Organisation(self.organisation_ix(organisation)),
            Principal::Device(device) => Party::Device(self.author_ix(Author::Device(device))),
        };
        let node = self.node(ix);
        let (author, organisation, seq) = (node.author, node.organisation, node.seq);
        let renounces = matches!(self.act(ix), Act::Revoke { renounces: Renounces::Own, .. });
        let right = self.acting(ix).map_or(Right::Root(organisation), Right::Standing);
        if let Right::Standing(standing) = right
            && !renounces
        {
            add_to(self.revocations.by_admins.entry(standing).or_default(), author, seq, number);
            self.revocations.by_admins_count = self.revocations.by_admins_count.saturating_add(1);
        }
        add_to(self.revocations.groups.entry((party, right)).or_default(), author, seq, number);
        self.revocations.all.push(Revocation { entry: ix, keep: kept });
    }

    /// Fills in an entry that was kept before it was known. Whether any revocation keeps it.
    pub(super) fn arrive(&mut self, ix: NodeIx, id: &EntryId) -> bool {
        let Some(waiting) = self.revocations.awaited.remove(id) else { return false };
        let mut keeps = false;
        for (revoke, author, plane) in waiting {
            // In another's name, or as of another plane, it keeps nothing.
            if !self.is_of(ix, author, plane) {
                continue;
            }
            let Some(revocation) = self.revocations.all.get_mut(at(revoke)) else { continue };
            let found = revocation.keep.binary_search_by_key(&(author, plane), |kept| (kept.author, kept.plane));
            if let Some(kept) = found.ok().and_then(|at| revocation.keep.get_mut(at)) {
                kept.entry = Some(ix);
                keeps = true;
            }
        }
        keeps
    }
}
