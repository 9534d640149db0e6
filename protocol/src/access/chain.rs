//! The chains that authors make of their entries by `previous`: positions, forks, and what revocations leave of them.
//!
//! A chain that forks is a tree. Every entry has, besides the entry before it, a jump to an earlier one, so placed that
//! any ancestor is found in O(log seq) steps (skew-binary jump pointers; Myers, "An applicative random-access stack",
//! 1983). Where a jump leads depends on the seq alone: two entries of one seq climb in step, which finds the last entry
//! they have in common as fast.

use super::graph::{Access, at};
use super::index::{AuthorIx, NodeIx};
use crate::entry::{Keep, Plane};
use crate::id::{EntryId, OrganisationId};
use std::collections::BTreeMap;

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

/// One author's entries in one plane.
#[derive(Debug)]
pub(super) struct Line {
    /// The first entry seen with each seq, to notice forks.
    pub(super) firsts: Vec<NodeIx>,
    /// The entry of highest seq; of forks the one of lowest id, so that all nodes chain to the same.
    pub(super) tip: NodeIx,
}

/// The lines of all authors, by author.
#[derive(Debug, Default)]
pub(super) struct Lines {
    control: Vec<Option<Line>>,
    content: Vec<Option<Line>>,
}

impl Lines {
    pub(super) fn of(&self, plane: Plane) -> &[Option<Line>] {
        match plane {
            Plane::Control => &self.control,
            Plane::Content => &self.content,
        }
    }

    fn of_mut(&mut self, plane: Plane) -> &mut Vec<Option<Line>> {
        match plane {
            Plane::Control => &mut self.control,
            Plane::Content => &mut self.content,
        }
    }

    fn get_mut(&mut self, author: AuthorIx, plane: Plane) -> Option<&mut Line> {
        self.of_mut(plane).get_mut(at(author.0))?.as_mut()
    }

    fn begin(&mut self, author: AuthorIx, plane: Plane, line: Line) {
        let lines = self.of_mut(plane);
        if lines.len() <= at(author.0) {
            lines.resize_with(at(author.0).saturating_add(1), || None);
        }
        if let Some(place) = lines.get_mut(at(author.0)) {
            *place = Some(line);
        }
    }
}

impl Access {
    /// Whether `earlier` is `later` or reachable from it by `previous`.
    pub(super) fn is_chained_before(&self, earlier: NodeIx, later: NodeIx) -> bool {
        self.ancestor_at(later, self.node(earlier).seq) == Some(earlier)
    }

    /// The entry of `seq` that is `from` or reachable from it by `previous`.
    fn ancestor_at(&self, from: NodeIx, seq: u64) -> Option<NodeIx> {
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

    /// The last entry that is on the way back from both.
    fn last_common(&self, one: NodeIx, other: NodeIx) -> Option<NodeIx> {
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

    pub(super) fn jump_from(&self, previous: NodeIx) -> NodeIx {
        let node = self.node(previous);
        let Some(jump) = node.jump else { return previous };
        let far = self.node(jump);
        let near_gap = node.seq.saturating_sub(far.seq);
        let far_gap = far.jump.map(|further| far.seq.saturating_sub(self.node(further).seq));
        match far.jump {
            Some(further) if far_gap == Some(near_gap) => further,
            Some(_) | None => previous,
        }
    }

    /// Puts an entry into its author's line, and notices if the author contradicts itself.
    pub(super) fn chain(&mut self, ix: NodeIx) {
        let node = self.node(ix);
        let (author, plane, seq, id) = (node.author, node.plane, node.seq, node.id);
        let Some(line) = self.lines.get_mut(author, plane) else {
            self.lines.begin(author, plane, Line { firsts: vec![ix], tip: ix });
            return;
        };
        // Every seq below is there, because `previous` is: only the next can be missing.
        let first = usize::try_from(seq).ok().and_then(|at| line.firsts.get(at)).copied();
        let tip = line.tip;
        if first.is_none() {
            line.firsts.push(ix);
        }
        let last = self.node(tip);
        if (seq, std::cmp::Reverse(id)) > (last.seq, std::cmp::Reverse(last.id))
            && let Some(line) = self.lines.get_mut(author, plane)
        {
            line.tip = ix;
        }
        if let Some(first) = first {
            let (first, author) = (self.node(first).id, self.author(author));
            self.forked.entry((author, plane, seq)).or_default().extend([first, id]);
        }
    }

    /// The tip of an author in a plane.
    pub(super) fn tip_of(&self, author: AuthorIx, plane: Plane) -> Option<NodeIx> {
        self.lines.of(plane).get(at(author.0))?.as_ref().map(|line| line.tip)
    }

    /// Pairs of entries with which an author contradicts itself: of all that share author, plane and seq the one of
    /// lowest id with each other, ascending. Both are kept as evidence.
    pub fn forks(&self) -> impl Iterator<Item = (EntryId, EntryId)> + '_ {
        self.forked.values().flat_map(|ids| {
            let lowest = ids.first().copied();
            ids.iter().skip(1).filter_map(move |other| Some((lowest?, *other)))
        })
    }

    /// What to keep of `organisation`'s work when it loses its role and nothing is held against what it
    /// did so far: for each of its authors and planes the newest entry known.
    #[must_use]
    pub fn keep_all_of(&self, organisation: &OrganisationId) -> Vec<Keep> {
        let mut newest: BTreeMap<_, NodeIx> = BTreeMap::new();
        for tip in Plane::ALL.into_iter().flat_map(|plane| self.lines.of(plane)).flatten().map(|line| line.tip) {
            let node = self.node(tip);
            if self.organisation(node.organisation) == *organisation {
                newest.insert((self.author(node.author), node.plane), tip);
            }
        }
        let keep = |((author, plane), ix): ((_, _), NodeIx)| Keep { author, plane, entry: self.node(ix).id };
        newest.into_iter().map(keep).collect()
    }

    /// Whether a control entry is another, or in its past. Both must be known.
    pub(crate) fn control_reaches(&self, later: &EntryId, earlier: &EntryId) -> bool {
        let (Some(later), Some(earlier)) = (self.index.get(later), self.index.get(earlier)) else { return false };
        let (past, number) = (self.node(later).past, self.node(earlier).number);
        later == earlier || number.is_some_and(|number| self.sets.contains(past, number))
    }
}
