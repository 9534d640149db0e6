//! Rules 5 to 8.
//!
//! What bears on an author under a standing is asked for as a [`Cut`]: how much of the author's chain all of it
//! together leaves. That is one entry at most, however many revocations there are, so a verdict costs O(log seq) once
//! the cut is known, and a cut is found once for each view, standing, author and plane.

use super::chain::Cut;
use super::graph::{Access, Act, Renounces};
use super::index::{AuthorIx, NodeIx, RevokeIx, Standing};
use super::memo::{CutKey, Span, View};
use super::revocations::{Group, Party, Right};
use crate::entry::{Author, Plane};
use crate::sets::{Fold, SetId};
use std::ops::ControlFlow;

/// What is found to bear.
pub(super) enum Bearing {
    /// One revocation.
    One(RevokeIx),
    /// All those of a group in the view, as what they leave.
    Many(Cut),
}

/// What is called for all that is found; it may say that it has seen enough.
type Found<'f> = &'f mut dyn FnMut(Bearing) -> ControlFlow<()>;

/// What is asked of the revocations that bear.
#[derive(Debug, Clone, Copy)]
pub(super) enum Question {
    /// Which they are.
    Which,
    /// What they leave of an author's chain in a plane.
    Leaves(AuthorIx, Plane),
}

/// Groups larger than this are asked by blocks.
const BLOCKWISE: usize = 64;

impl Access {
    /// The standings that `standing` was given through, from its parent to the top.
    pub(super) fn ancestors(&self, standing: Standing) -> impl Iterator<Item = Standing> + '_ {
        std::iter::successors(self.parent(standing), |above| self.parent(*above))
    }

    /// Those of a group that are in the view and not in `but`, and stand by `cut`.
    fn each_of_group(&self, group: &Group, cut: Cut, (view, but): (View, SetId), question: Question, found: Found<'_>) -> ControlFlow<()> {
        self.sets.step();
        let one = &mut |revoke| found(Bearing::One(revoke));
        match (cut, question, view) {
            (Cut::Nothing, ..) => ControlFlow::Continue(()),
            (Cut::Whole, Question::Leaves(author, Plane::Control), View::Past(set))
                if but == SetId::EMPTY && group.members.len() > BLOCKWISE =>
            {
                found(Bearing::Many(self.leaves(group, author, set)))
            }
            (Cut::Whole, ..) => self.sets.select(view.revocations(), but, &group.members, one),
            (Cut::UpTo(last), ..) => {
                let members = group.up_to(self.node(last).seq);
                self.sets.select(view.revocations(), but, &members, &mut |revoke| {
                    if self.stands(self.revoke(revoke), cut) { one(revoke) } else { ControlFlow::Continue(()) }
                })
            }
        }
    }

    /// What those of a group in a set together leave of an author's control entries. Remembered for each block of the
    /// set, because the sets of entries one after the other have most blocks in common.
    fn leaves(&self, group: &Group, author: AuthorIx, set: SetId) -> Cut {
        let name = group.members.first().copied().unwrap_or(0);
        self.sets.fold(set, &group.members, Cut::Whole, &mut |step| match step {
            Fold::Block(set, begin) => self.memo.borrow().fold(&(name, author, set, begin)),
            Fold::Number(cut, revoke) => Some(self.meet(cut, self.kept(revoke, author, Plane::Control))),
            Fold::Join(one, other) => Some(self.meet(one, other)),
            Fold::Known(set, begin, cut) => {
                self.memo.borrow_mut().set_fold((name, author, set, begin), cut);
                None
            }
        })
    }

    /// Those of a group that are in the view, not in `but`, and authorised in the view. All of a group act by the right
    /// `acting`, so that one cut judges them all.
    fn each_authorised(
        &self,
        (group, acting, party): (&Group, Standing, Option<Party>),
        scope: (View, SetId),
        question: Question,
        found: Found<'_>,
    ) -> ControlFlow<()> {
        let (view, _) = scope;
        if !self.authorised_in(acting.grant, view) {
            return ControlFlow::Continue(());
        }
        // A renunciation's own verdict leaves renunciations out.
        let span = if party == Some(Party::Organisation(acting.organisation)) { Span::Device } else { Span::All };
        let cut = self.cut(view, (acting, group.author, Plane::Control, span));
        self.each_of_group(group, cut, scope, question, found)
    }

    fn each_of(&self, party: Party, acting: Standing, scope: (View, SetId), question: Question, found: Found<'_>) -> ControlFlow<()> {
        for group in self.revocations.of(party, Right::Standing(acting)) {
            self.each_authorised((group, acting, Some(party)), scope, question, found)?;
        }
        ControlFlow::Continue(())
    }

    /// Rule 5 for what `grant` gave to `party` from the standing `parent`.
    fn each_above(
        &self,
        (grant, party, parent): (NodeIx, Party, Option<Standing>),
        view: View,
        question: Question,
        found: Found<'_>,
    ) -> ControlFlow<()> {
        let Some(parent) = parent else { return ControlFlow::Continue(()) };
        // Whoever gave the role knew of the revocation and gave it again.
        self.each_of(party, parent, (view, self.node(grant).seen), question, found)?;
        self.ancestors(parent).try_for_each(|acting| self.each_of(party, acting, (view, SetId::EMPTY), question, found))
    }

    /// Rule 6 (b) to (d): what bears on a device rather than on its organisation.
    fn each_on_device(&self, standing: Standing, author: AuthorIx, view: View, question: Question, found: Found<'_>) -> ControlFlow<()> {
        if !matches!(self.author(author), Author::Device(_)) {
            return ControlFlow::Continue(());
        }
        let (party, scope) = (Party::Device(author), (view, SetId::EMPTY));
        self.ancestors(standing).try_for_each(|acting| self.each_of(party, acting, scope, question, found))?;
        self.each_by_beginner((standing, author), scope, question, found)?;
        // By a root key: the organisation's own word on its own device, unless it was evicted before.
        for group in self.revocations.of(party, Right::Root(standing.organisation)) {
            let cut = self.cut(view, (standing, group.author, Plane::Control, Span::Above));
            self.each_of_group(group, cut, scope, question, found)?;
        }
        ControlFlow::Continue(())
    }

    /// Rule 6 (d): the device that began the document answers for which others of its organisation act by the top, of which
    /// there is no proper ancestor.
    fn each_by_beginner(
        &self,
        (standing, author): (Standing, AuthorIx),
        scope: (View, SetId),
        question: Question,
        found: Found<'_>,
    ) -> ControlFlow<()> {
        let beginner = self.beginner().filter(|beginner| *beginner != author && self.is_top(standing));
        let Some(beginner) = beginner else { return ControlFlow::Continue(()) };
        let party = Party::Device(author);
        for group in self.revocations.of(party, Right::Standing(standing)).iter().filter(|group| group.author == beginner) {
            self.each_authorised((group, standing, Some(party)), scope, question, found)?;
        }
        ControlFlow::Continue(())
    }

    /// What all that bears on an author under a standing (rule 6, as far as the span says) leaves of its chain.
    pub(super) fn cut(&self, view: View, key: CutKey) -> Cut {
        if self.revocations.is_empty() || view == View::Past(SetId::EMPTY) {
            return Cut::Whole;
        }
        if let Some(known) = self.memo.borrow().of(view).cuts.get(&(view, key)) {
            return *known;
        }
        let (standing, author, plane, span) = key;
        let question = Question::Leaves(author, plane);
        let mut cut = Cut::Whole;
        let found: Found<'_> = &mut |bearing| {
            let leaves = match bearing {
                Bearing::One(revoke) => self.kept(revoke, author, plane),
                Bearing::Many(leaves) => leaves,
            };
            cut = self.meet(cut, leaves);
            if cut == Cut::Nothing { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let party = Party::Organisation(standing.organisation);
        let mut enough = self.each_above((standing.grant, party, self.parent(standing)), view, question, found);
        if enough.is_continue() && span >= Span::Device {
            enough = self.each_on_device(standing, author, view, question, found);
        }
        if enough.is_continue() && span >= Span::All {
            // It is the last, so whether it has seen enough does not matter.
            let _enough = self.each_of(party, standing, (view, SetId::EMPTY), question, found);
        }
        self.memo.borrow_mut().of_mut(view).cuts.insert((view, key), cut);
        cut
    }

    /// Rule 7, over the entries of `view`.
    ///
    /// The recursion ends: an entry's verdict asks for that of the entry it acts under and of
    /// revocations made from proper ancestors of its standing; only renunciations are made from the
    /// standing itself, and their own verdict leaves renunciations out; and by the device that began the
    /// document, on which no such revocation bears.
    pub(super) fn authorised_in(&self, ix: NodeIx, view: View) -> bool {
        let node = self.node(ix);
        let Some(standing) = self.acting(ix) else {
            // The genesis, and sound revocations by root keys.
            return true;
        };
        // Only grants are asked for again and again.
        let is_grant = match self.act(ix) {
            Act::Receipt { .. } => return true,
            Act::Grant { .. } => true,
            Act::Genesis { .. }
            | Act::Revoke { .. }
            | Act::Withdraw { .. }
            | Act::Erase
            | Act::Key
            | Act::Revision { .. }
            | Act::Response => false,
        };
        if is_grant && let Some(known) = self.memo.borrow().grant(view, ix) {
            return known;
        }
        let span = if matches!(self.act(ix), Act::Revoke { renounces: Renounces::Own, .. }) { Span::Device } else { Span::All };
        let found =
            self.authorised_in(standing.grant, view) && self.stands(ix, self.cut(view, (standing, node.author, node.plane(), span)));
        if is_grant {
            self.memo.borrow_mut().set_grant(view, ix, found);
        }
        found
    }

    /// How many revocations made from `acting` count in the view, renunciations left out; no more than `limit` are counted.
    pub(super) fn count_from(&self, acting: Standing, view: View, limit: usize) -> usize {
        let Some(groups) = self.revocations.by_admins.get(&acting) else { return 0 };
        if let Some(known) = self.memo.borrow().of(view).quotas.get(&(view, acting)) {
            return *known;
        }
        let mut count = 0_usize;
        let _enough = groups.iter().try_for_each(|group| {
            self.each_authorised((group, acting, None), (view, SetId::EMPTY), Question::Which, &mut |_| {
                count = count.saturating_add(1);
                if count < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
        });
        self.memo.borrow_mut().of_mut(view).quotas.insert((view, acting), count);
        count
    }

    /// Why what `grant` gave to `party` has ended: the revocations from above, and for an organisation its own
    /// renunciations, over all entries.
    pub(super) fn each_end(&self, grant: NodeIx, party: Party, found: &mut dyn FnMut(RevokeIx) -> ControlFlow<()>) -> ControlFlow<()> {
        let found: Found<'_> = &mut |bearing| match bearing {
            Bearing::One(revoke) => found(revoke),
            // Not what was asked.
            Bearing::Many(_) => ControlFlow::Continue(()),
        };
        let (view, question) = (View::All, Question::Which);
        match party {
            Party::Organisation(organisation) => {
                let standing = Standing { grant, organisation };
                self.each_above((grant, party, self.parent(standing)), view, question, found)?;
                self.each_of(party, standing, (view, SetId::EMPTY), question, found)
            }
            Party::Anyone | Party::Device(_) => self.each_above((grant, party, self.parent_of_grant(grant)), view, question, found),
        }
    }
}
