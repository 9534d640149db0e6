//! Rules 4 to 8.

use super::graph::{Access, Act};
use super::index::{AuthorIx, NodeIx, Standing};
use super::memo::View;
use super::sets::RevokeIx;
use crate::entry::{Author, Principal};
use std::rc::Rc;

impl Access {
    fn in_view(&self, view: View, revoke: RevokeIx) -> bool {
        match view {
            View::All => true,
            View::Past(set) => self.sets.contains(set, revoke),
        }
    }

    fn revokes_of(&self, principal: Principal) -> &[RevokeIx] {
        self.revokes_of.get(&principal).map_or(&[], Vec::as_slice)
    }

    /// Rule 4. A kept entry that has not arrived keeps nothing yet.
    pub(super) fn keeps(&self, revoke: RevokeIx, entry: NodeIx) -> bool {
        let Act::Revoke { keep, .. } = &self.node(self.revoke(revoke)).act else { return false };
        let node = self.node(entry);
        let kept = keep.get(&(self.author(node.author), node.plane)).and_then(|id| self.index.get(id));
        kept.is_some_and(|kept| {
            let last = self.node(*kept);
            last.author == node.author && last.plane == node.plane && self.is_chained_before(entry, *kept)
        })
    }

    /// Rule 5, for the standing of an organisation.
    pub(super) fn above(&self, standing: Standing, view: View) -> Rc<[RevokeIx]> {
        if let Some(known) = self.memo.borrow().of(view).above.get(&(view, standing)) {
            return Rc::clone(known);
        }
        let principal = Principal::Organisation(self.organisation(standing.organisation));
        let found: Rc<[RevokeIx]> = self.above_principal(principal, standing.grant, self.parent(standing), view).into();
        self.memo.borrow_mut().of_mut(view).above.insert((view, standing), Rc::clone(&found));
        found
    }

    /// Rule 5 for whatever `grant` gave to `principal` from the standing `parent`.
    fn above_principal(&self, principal: Principal, grant: NodeIx, parent: Option<Standing>, view: View) -> Vec<RevokeIx> {
        let Some(parent) = parent else { return Vec::new() };
        let bears = |revoke: &RevokeIx| {
            let node = self.revoke(*revoke);
            let Some(acting) = self.acting(node) else { return false };
            if !self.in_view(view, *revoke) || !(acting == parent || self.is_proper_ancestor(acting, parent)) {
                return false;
            }
            // Whoever gave the role knew of the revocation and gave it again.
            let knowing_regrant = acting == parent && self.sets.contains(self.node(grant).seen, *revoke);
            !knowing_regrant && self.authorised_in(node, view)
        };
        self.revokes_of(principal).iter().copied().filter(bears).collect()
    }

    /// Rule 6 (a): the authorised renunciations of a standing.
    pub(super) fn renunciations(&self, standing: Standing, view: View) -> Vec<RevokeIx> {
        let principal = Principal::Organisation(self.organisation(standing.organisation));
        let renounces = |revoke: &RevokeIx| {
            let node = self.revoke(*revoke);
            self.in_view(view, *revoke) && self.acting(node) == Some(standing) && self.authorised_in(node, view)
        };
        self.revokes_of(principal).iter().copied().filter(renounces).collect()
    }

    /// Rule 6 (b) and (c): what bears on a device or root key rather than on its organisation.
    pub(super) fn on_author(&self, standing: Standing, author: AuthorIx, view: View, above: &[RevokeIx]) -> Vec<RevokeIx> {
        let Author::Device(device) = self.author(author) else { return Vec::new() };
        let bears = |revoke: &RevokeIx| {
            let node = self.revoke(*revoke);
            if !self.in_view(view, *revoke) {
                return false;
            }
            match self.acting(node) {
                Some(acting) => self.is_proper_ancestor(acting, standing) && self.authorised_in(node, view),
                // By a root key: the organisation's own word on its own device, unless it was evicted before.
                None => self.node(node).organisation == standing.organisation && above.iter().all(|above| self.keeps(*above, node)),
            }
        };
        self.revokes_of(Principal::Device(device)).iter().copied().filter(bears).collect()
    }

    /// Rule 6.
    pub(super) fn bearing(&self, standing: Standing, author: AuthorIx, view: View) -> Rc<[RevokeIx]> {
        if let Some(known) = self.memo.borrow().of(view).bearing.get(&(view, standing, author)) {
            return Rc::clone(known);
        }
        let above = self.above(standing, view);
        let mut found = above.to_vec();
        found.extend(self.renunciations(standing, view));
        found.extend(self.on_author(standing, author, view, &above));
        let found: Rc<[RevokeIx]> = found.into();
        self.memo.borrow_mut().of_mut(view).bearing.insert((view, standing, author), Rc::clone(&found));
        found
    }

    /// Whether an entry gives up the standing it acts under.
    pub(super) fn is_renunciation(&self, ix: NodeIx) -> bool {
        let node = self.node(ix);
        match (&node.act, node.under) {
            (Act::Revoke { principal, .. }, Some(_)) => *principal == Principal::Organisation(self.organisation(node.organisation)),
            _ => false,
        }
    }

    /// Rule 7, over the entries of `view`.
    ///
    /// The recursion ends: an entry's verdict asks for that of the entry it acts under and of
    /// revocations made from proper ancestors of its standing; only renunciations are made from the
    /// standing itself, and their own verdict leaves renunciations out.
    pub(super) fn authorised_in(&self, ix: NodeIx, view: View) -> bool {
        if let Some(known) = self.memo.borrow().of(view).authorised.get(&(view, ix)) {
            return *known;
        }
        let found = self.find_authorised(ix, view);
        // Only control entries are asked for again and again.
        if matches!(self.node(ix).act, Act::Grant { .. } | Act::Revoke { .. }) {
            self.memo.borrow_mut().of_mut(view).authorised.insert((view, ix), found);
        }
        found
    }

    fn find_authorised(&self, ix: NodeIx, view: View) -> bool {
        let node = self.node(ix);
        let Some(standing) = self.acting(ix) else {
            // The genesis, and sound revocations by root keys.
            return true;
        };
        if matches!(node.act, Act::Receipt) {
            return true;
        }
        if !self.authorised_in(standing.grant, view) {
            return false;
        }
        if self.is_renunciation(ix) {
            let above = self.above(standing, view);
            let on_author = self.on_author(standing, node.author, view, &above);
            return above.iter().chain(&on_author).all(|revoke| self.keeps(*revoke, ix));
        }
        self.bearing(standing, node.author, view).iter().all(|revoke| self.keeps(*revoke, ix))
    }

    /// Why a standing has ended: the revocations of its organisation from above and its own
    /// renunciations, over all entries.
    pub(super) fn ended_by(&self, standing: Standing) -> Vec<RevokeIx> {
        let mut found = self.above(standing, View::All).to_vec();
        found.extend(self.renunciations(standing, View::All));
        found
    }

    /// The same for what `grant` gave to anyone.
    pub(super) fn anyone_ended_by(&self, grant: NodeIx) -> Vec<RevokeIx> {
        self.above_principal(Principal::Anyone, grant, self.parent_of_grant(grant), View::All)
    }
}
