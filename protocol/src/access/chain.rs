//! The chains that authors make of their entries by `previous`: positions, forks, and what revocations leave of them.
//!
//! A chain that forks is a tree. Every entry has, besides the entry before it, a jump to an earlier one, so placed that
//! any ancestor is found in O(log seq) steps (skew-binary jump pointers; Myers, "An applicative random-access stack",
//! 1983). Where a jump leads depends on the seq alone: two entries of one seq climb in step, which finds the last entry
//! they have in common as fast.

use super::graph::{Access, Node, at};
use super::index::{AuthorIx, NodeIx, OrgIx};
use crate::entry::{Author, Keep, Plane};
use crate::id::{EntryId, OrganisationId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// What some revocations together leave standing of an author's chain in one plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// None bears on it: all stands.
    Whole,
    /// This entry and those before it.
    UpTo(NodeIx),
    /// Nothing.
    Nothing,
}

/// The newest of an author's entries in one plane.
#[derive(Debug, Clone, Copy)]
struct Tip {
    /// The entry of highest seq; of forks the one of lowest id, so that all nodes chain to the same.
    entry: NodeIx,
    /// Whether any two entries have the same seq.
    is_forked: bool,
}

/// The newest entries of all authors, by author.
#[derive(Debug, Clone, Default)]
pub(super) struct Tips {
    control: Vec<Option<Tip>>,
    content: Vec<Option<Tip>>,
}

impl Tips {
    fn of(&self, plane: Plane) -> &[Option<Tip>] {
        match plane {
            Plane::Control => &self.control,
            Plane::Content => &self.content,
        }
    }

    fn get(&self, author: AuthorIx, plane: Plane) -> Option<Tip> {
        self.of(plane).get(at(author.0)).copied().flatten()
    }

    fn set(&mut self, author: AuthorIx, plane: Plane, tip: Tip) {
        let tips = match plane {
            Plane::Control => &mut self.control,
            Plane::Content => &mut self.content,
        };
        if tips.len() <= at(author.0) {
            tips.resize(at(author.0).saturating_add(1), None);
        }
        if let Some(place) = tips.get_mut(at(author.0)) {
            *place = Some(tip);
        }
    }
}

/// By how much the seq of where an entry's jump leads is below its own: the last digit, with its weight, of its seq
/// written in weights 1, 3, 7, 15, ..
fn gap(seq: u32) -> u32 {
    let mut rest = seq;
    loop {
        let weight = (u32::MAX >> 1).checked_shr(rest.saturating_add(1).leading_zeros()).unwrap_or(0);
        if rest <= weight {
            return weight;
        }
        rest = rest.saturating_sub(weight);
    }
}

impl Access {
    /// Whether the author of an entry forked the chain that it is in.
    fn is_forked(&self, ix: NodeIx) -> bool {
        let node = self.node(ix);
        self.tips.get(node.author, node.plane()).is_some_and(|tip| tip.is_forked)
    }

    /// Whether `earlier` is `later` or reachable from it by `previous`. Both are of one author and plane.
    pub(super) fn is_chained_before(&self, earlier: NodeIx, later: NodeIx) -> bool {
        let seq = self.node(earlier).seq;
        if self.is_forked(earlier) { self.ancestor_at(later, seq) == Some(earlier) } else { seq <= self.node(later).seq }
    }

    /// The entry of `seq` that is `from` or reachable from it by `previous`.
    fn ancestor_at(&self, from: NodeIx, seq: u32) -> Option<NodeIx> {
        let mut here = from;
        loop {
            self.sets.step();
            let node = self.node(here);
            if node.seq <= seq {
                return (node.seq == seq).then_some(here);
            }
            here = match (node.jump, node.previous) {
                (Some(jump), _) if self.node(jump).seq >= seq => jump,
                (_, Some(previous)) => previous,
                (_, None) => return None,
            };
        }
    }

    /// The last entry that is on the way back from both, which are of one author and plane.
    fn last_common(&self, one: NodeIx, other: NodeIx) -> Option<NodeIx> {
        if !self.is_forked(one) {
            return Some(one.min(other));
        }
        let seq = self.node(one).seq.min(self.node(other).seq);
        let (mut one, mut other) = (self.ancestor_at(one, seq)?, self.ancestor_at(other, seq)?);
        while one != other {
            self.sets.step();
            let (left, right) = (self.node(one), self.node(other));
            (one, other) = match (left.jump, right.jump) {
                (Some(far), Some(also)) if far != also => (far, also),
                _ => (left.previous?, right.previous?),
            };
        }
        Some(one)
    }

    /// What stands by both.
    pub(super) fn meet(&self, one: Cut, other: Cut) -> Cut {
        match (one, other) {
            (Cut::Nothing, _) | (_, Cut::Nothing) => Cut::Nothing,
            (Cut::Whole, cut) | (cut, Cut::Whole) => cut,
            (one, other) if one == other => one,
            (Cut::UpTo(one), Cut::UpTo(other)) => self.last_common(one, other).map_or(Cut::Nothing, Cut::UpTo),
        }
    }

    /// Whether an entry of the chain stands.
    pub(super) fn stands(&self, ix: NodeIx, cut: Cut) -> bool {
        match cut {
            Cut::Whole => true,
            Cut::UpTo(last) => self.is_chained_before(ix, last),
            Cut::Nothing => false,
        }
    }

    /// Where the jump leads of an entry of `seq` that follows `previous`.
    pub(super) fn jump_from(&self, previous: NodeIx, seq: u32) -> NodeIx {
        let merged = if gap(seq) == 1 { None } else { self.node(previous).jump.and_then(|jump| self.node(jump).jump) };
        merged.unwrap_or(previous)
    }

    /// Puts an entry, the newest, into its author's line, and notices if the author contradicts itself.
    pub(super) fn chain(&mut self, ix: NodeIx) {
        let node = self.node(ix);
        let (author, plane, seq, id) = (node.author, node.plane(), node.seq, node.id);
        let Some(mut tip) = self.tips.get(author, plane) else {
            return self.tips.set(author, plane, Tip { entry: ix, is_forked: false });
        };
        let last = self.node(tip.entry);
        let (last_seq, last_id) = (last.seq, last.id);
        if seq <= last_seq {
            // Every seq below the tip's is there, because `previous` always is: once, on the way back from it, or as a fork.
            let key = (self.author(author), plane, seq);
            if !self.forked.contains_key(&key) {
                let first = self.ancestor_at(tip.entry, seq).map(|first| self.node(first).id);
                self.forked.insert(key, first.into_iter().collect());
            }
            self.forked.entry(key).or_default().insert(id);
            tip.is_forked = true;
        }
        if (seq, Reverse(id)) > (last_seq, Reverse(last_id)) {
            tip.entry = ix;
        }
        self.tips.set(author, plane, tip);
    }

    /// The tip of an author in a plane.
    pub(super) fn tip_of(&self, author: AuthorIx, plane: Plane) -> Option<NodeIx> {
        self.tips.get(author, plane).map(|tip| tip.entry)
    }

    /// An author's entries of a plane, in the order of arrival, which is causal.
    pub(super) fn chained(&self, author: AuthorIx, plane: Plane) -> impl Iterator<Item = (NodeIx, &Node)> + '_ {
        let nodes = self.nodes.iter().enumerate().map(|(place, node)| (NodeIx::after(place), node));
        nodes.filter(move |(_, node)| node.author == author && node.plane() == plane)
    }

    /// The last entries that an author signed for an organisation in a plane, one for each branch. A device may sign for
    /// several organisations, each of which may name it in a card; a chain is of one organisation alone.
    pub(super) fn branches_of(&self, author: AuthorIx, organisation: OrgIx, plane: Plane) -> BTreeSet<NodeIx> {
        let Some(tip) = self.tips.get(author, plane) else { return BTreeSet::new() };
        if !tip.is_forked {
            return BTreeSet::from_iter((self.node(tip.entry).organisation == organisation).then_some(tip.entry));
        }
        let mut ends = BTreeSet::new();
        for (ix, node) in self.chained(author, plane).filter(|(_, node)| node.organisation == organisation) {
            self.sets.step();
            if let Some(previous) = node.previous {
                ends.remove(&previous);
            }
            ends.insert(ix);
        }
        ends
    }

    /// Pairs of entries with which an author contradicts itself: of all that share author, plane and seq the one of
    /// lowest id with each other, ascending. Both are kept as evidence.
    pub fn forks(&self) -> impl Iterator<Item = (EntryId, EntryId)> + '_ {
        self.forked.values().flat_map(|ids| {
            let lowest = ids.first().copied();
            ids.iter().skip(1).filter_map(move |other| Some((lowest?, *other)))
        })
    }

    /// Whether an author contradicts itself.
    #[must_use]
    pub fn has_forked(&self, author: &Author) -> bool {
        self.forked.keys().any(|(by, ..)| by == author)
    }

    /// What to keep of `organisation`'s work when it loses its role and nothing is held against what it
    /// did so far: for each of its authors and planes the newest entry known.
    #[must_use]
    pub fn keep_all_of(&self, organisation: &OrganisationId) -> Vec<Keep> {
        let mut newest: BTreeMap<_, NodeIx> = BTreeMap::new();
        for tip in Plane::ALL.into_iter().flat_map(|plane| self.tips.of(plane)).flatten().map(|tip| tip.entry) {
            let node = self.node(tip);
            if self.organisation(node.organisation) == *organisation {
                newest.insert((self.author(node.author), node.plane()), tip);
            }
        }
        let keep = |((author, plane), ix): ((_, _), NodeIx)| Keep { author, plane, entry: self.node(ix).id };
        newest.into_iter().map(keep).collect()
    }

    /// Whether a control entry is another, or in its past. Both must be known.
    pub(crate) fn control_reaches(&self, later: &EntryId, earlier: &EntryId) -> bool {
        let (Some(later), Some(earlier)) = (self.find(later), self.find(earlier)) else { return false };
        let (later_number, number) = (self.node(later).number(), self.node(earlier).number());
        let Some((later_number, number)) = later_number.zip(number) else { return false };
        later == earlier || self.sets.contains(self.control(later_number).past, number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_goes_on_from_where_one_as_long_ended_or_else_to_the_entry_before() {
        // Where the jump of each leads, by the rule that Myers gives.
        let mut jumps: Vec<usize> = vec![0];
        for seq in 1..5000 {
            let far = jumps[seq - 1];
            let merges = seq > 1 && far > 0 && seq - 1 - far == far - jumps[far];
            jumps.push(if merges { jumps[far] } else { seq - 1 });
            assert_eq!(gap(u32::try_from(seq).unwrap()) as usize, seq - jumps[seq], "{seq}");
        }
    }
}
