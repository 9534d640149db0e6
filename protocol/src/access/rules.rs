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
use super::sets::SetId;
use crate::entry::{Author, Plane};
use std::ops::ControlFlow;

/// What is called for each revocation found; it may say that it has seen enough.
type Found<'f> = &'f mut dyn FnMut(RevokeIx) -> ControlFlow<()>;

impl Access {
    /// The standings that `standing` was given through, from its parent to the top.
    pub(super) fn ancestors(&self, standing: Standing) -> impl Iterator<Item = Standing> + '_ {
        std::iter::successors(self.parent(standing), |above| self.parent(*above))
    }

    /// Those of a group that are in the view, not in `but`, and authorised in the view. All of a group act by the right
    /// `acting`, so that one cut judges them all.
    fn each_authorised(
        &self,
        group: &Group,
        acting: Standing,
        party: Option<Party>,
        view: View,
        but: SetId,
        found: Found<'_>,
    ) -> ControlFlow<()> {
        self.sets.step();
        if !self.authorised_in(acting.grant, view) {
            return ControlFlow::Continue(());
        }
        // A renunciation's own verdict leaves renunciations out.
        let span = if party == Some(Party::Organisation(acting.organisation)) { Span::Device } else { Span::All };
        let cut = self.cut(view, (acting, group.author, Plane::Control, span));
        if cut == Cut::Nothing {
            return ControlFlow::Continue(());
        }
        self.sets.select(view.revocations(), but, &group.members, &mut |revoke| {
            if self.stands(self.revoke(revoke), cut) { found(revoke) } else { ControlFlow::Continue(()) }
        })
    }

    fn each_of(&self, party: Party, acting: Standing, view: View, but: SetId, found: Found<'_>) -> ControlFlow<()> {
        for group in self.revocations.of(party, Right::Standing(acting)) {
            self.each_authorised(group, acting, Some(party), view, but, found)?;
        }
        ControlFlow::Continue(())
    }

    /// Rule 5 for whatever `grant` gave to `party` from the standing `parent`.
    fn each_above(&self, party: Party, grant: NodeIx, parent: Option<Standing>, view: View, found: Found<'_>) -> ControlFlow<()> {
        let Some(parent) = parent else { return ControlFlow::Continue(()) };
        // Whoever gave the role knew of the revocation and gave it again.
        self.each_of(party, parent, view, self.node(grant).seen, found)?;
        self.ancestors(parent).try_for_each(|acting| self.each_of(party, acting, view, SetId::EMPTY, found))
    }

    /// Rule 6 (b) and (c): what bears on a device rather than on its organisation.
    fn each_on_device(&self, standing: Standing, author: AuthorIx, view: View, found: Found<'_>) -> ControlFlow<()> {
        if !matches!(self.author(author), Author::Device(_)) {
            return ControlFlow::Continue(());
        }
        let party = Party::Device(author);
        self.ancestors(standing).try_for_each(|acting| self.each_of(party, acting, view, SetId::EMPTY, found))?;
        // By a root key: the organisation's own word on its own device, unless it was evicted before.
        for group in self.revocations.of(party, Right::Root(standing.organisation)) {
            let cut = self.cut(view, (standing, group.author, Plane::Control, Span::Above));
            if cut != Cut::Nothing {
                self.sets.select(view.revocations(), SetId::EMPTY, &group.members, &mut |revoke| {
                    if self.stands(self.revoke(revoke), cut) { found(revoke) } else { ControlFlow::Continue(()) }
                })?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Rule 6, as far as `span` says.
    fn each_bearing(&self, standing: Standing, author: AuthorIx, span: Span, view: View, found: Found<'_>) -> ControlFlow<()> {
        let party = Party::Organisation(standing.organisation);
        self.each_above(party, standing.grant, self.parent(standing), view, found)?;
        if span >= Span::Device {
            self.each_on_device(standing, author, view, found)?;
        }
        if span >= Span::All {
            self.each_of(party, standing, view, SetId::EMPTY, found)?;
        }
        ControlFlow::Continue(())
    }

    /// What all that bears on an author under a standing leaves of its chain.
    pub(super) fn cut(&self, view: View, key: CutKey) -> Cut {
        if self.revocations.is_empty() || view == View::Past(SetId::EMPTY) {
            return Cut::Whole;
        }
        if let Some(known) = self.memo.borrow().of(view).cuts.get(&(view, key)) {
            return *known;
        }
        let (standing, author, plane, span) = key;
        let mut cut = Cut::Whole;
        let _enough = self.each_bearing(standing, author, span, view, &mut |revoke| {
            cut = self.meet(cut, self.kept(revoke, author, plane));
            if cut == Cut::Nothing { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        self.memo.borrow_mut().of_mut(view).cuts.insert((view, key), cut);
        cut
    }

    /// Rule 7, over the entries of `view`.
    ///
    /// The recursion ends: an entry's verdict asks for that of the entry it acts under and of
    /// revocations made from proper ancestors of its standing; only renunciations are made from the
    /// standing itself, and their own verdict leaves renunciations out.
    pub(super) fn authorised_in(&self, ix: NodeIx, view: View) -> bool {
        let node = self.node(ix);
        let Some(standing) = self.acting(ix) else {
            // The genesis, and sound revocations by root keys.
            return true;
        };
        // Only grants are asked for again and again.
        let is_grant = match node.act {
            Act::Receipt => return true,
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
        let span = if matches!(node.act, Act::Revoke { renounces: Renounces::Own, .. }) { Span::Device } else { Span::All };
        let found = self.authorised_in(standing.grant, view) && self.stands(ix, self.cut(view, (standing, node.author, node.plane, span)));
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
            self.each_authorised(group, acting, None, view, SetId::EMPTY, &mut |_| {
                count = count.saturating_add(1);
                if count < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
        });
        self.memo.borrow_mut().of_mut(view).quotas.insert((view, acting), count);
        count
    }

    /// Why what `grant` gave to `party` has ended: the revocations from above, and for an organisation its own
    /// renunciations, over all entries.
    pub(super) fn each_end(&self, grant: NodeIx, party: Party, found: Found<'_>) -> ControlFlow<()> {
        match party {
            Party::Organisation(organisation) => {
                let standing = Standing { grant, organisation };
                self.each_above(party, grant, self.parent(standing), View::All, found)?;
                self.each_of(party, standing, View::All, SetId::EMPTY, found)
            }
            Party::Anyone | Party::Device(_) => self.each_above(party, grant, self.parent_of_grant(grant), View::All, found),
        }
    }
}
