//! What follows from the rules: who may do what now, what counts, and why.

use super::graph::{Access, Act};
use super::index::{ControlIx, NodeIx, Standing};
use super::memo::{Effective, View};
use super::revocations::Party;
use crate::entry::{Plane, Reason, Role, Subject};
use crate::id::{EntryId, OrganisationId};
use crate::time::Timestamp;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// One step of the chain by which a role was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The genesis or grant entry.
    pub entry: EntryId,
    /// The organisation that gave.
    pub by: OrganisationId,
    /// The role given.
    pub role: Role,
}

/// One role ever given, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// To whom.
    pub who: Subject,
    /// Which role.
    pub role: Role,
    /// By which entry.
    pub entry: EntryId,
    /// When serving it ends, if it does: the earliest end on the chain.
    pub until: Option<Timestamp>,
    /// Whether the entry that gave it is authorised; if not, it never counted or no longer does.
    pub authorised: bool,
    /// The revocations and renunciations that ended it.
    pub ended_by: Vec<EntryId>,
    /// From the owner down to this role.
    pub chain: Vec<Link>,
}

impl Row {
    /// Whether the role holds at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.authorised && self.ended_by.is_empty() && self.until.is_none_or(|until| now < until)
    }
}

impl Access {
    fn subject_of(&self, standing: Standing) -> Subject {
        Subject::Organisation(self.organisation(standing.organisation))
    }

    /// The earliest end on the way from what `grant` gave `subject` to the top.
    fn until(&self, grant: NodeIx, subject: Subject) -> Option<Timestamp> {
        let mut earliest = self.grant_to(grant, subject).and_then(|grant| grant.until);
        let mut above = self.parent_of_grant(grant);
        while let Some(standing) = above.filter(|standing| !self.is_top(*standing)) {
            let until = self.grant_to(standing.grant, self.subject_of(standing)).and_then(|grant| grant.until);
            earliest = match (earliest, until) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            above = self.parent(standing);
        }
        earliest
    }

    /// None for an organisation that nothing names.
    fn party_of(&self, subject: Subject) -> Option<Party> {
        match subject {
            Subject::Anyone => Some(Party::Anyone),
            Subject::Organisation(id) => self.known_organisation(&id).map(Party::Organisation),
        }
    }

    fn ended(&self, grant: NodeIx, subject: Subject) -> Vec<EntryId> {
        let mut ended = Vec::new();
        if let Some(party) = self.party_of(subject) {
            let _all = self.each_end(grant, party, &mut |revoke| {
                ended.push(self.node(self.revoke(revoke)).id);
                ControlFlow::Continue(())
            });
        }
        ended
    }

    fn naming(&self, subject: Subject) -> &[ControlIx] {
        self.naming.get(&subject).map_or(&[], Vec::as_slice)
    }

    /// The geneses and grants by which `subject` holds something that has not been taken.
    fn live(&self, subject: Subject) -> Vec<NodeIx> {
        if let Some(known) = self.memo.borrow().now.live.get(&subject) {
            return known.clone();
        }
        let Some(party) = self.party_of(subject) else { return Vec::new() };
        let stands = |grant: &NodeIx| {
            self.authorised_in(*grant, View::All) && self.each_end(*grant, party, &mut |_| ControlFlow::Break(())).is_continue()
        };
        let live: Vec<NodeIx> = self.naming(subject).iter().map(|number| self.control(*number).entry).filter(stands).collect();
        self.memo.borrow_mut().now.live.insert(subject, live.clone());
        live
    }

    /// The same at `now`, each with the role it gives.
    fn live_at(&self, subject: Subject, now: Timestamp) -> impl Iterator<Item = (NodeIx, Role)> + '_ {
        let live = self.live(subject).into_iter().filter(move |grant| self.until(*grant, subject).is_none_or(|until| now < until));
        live.filter_map(move |grant| Some((grant, self.grant_to(grant, subject)?.role)))
    }

    /// The geneses and grants by which `organisation` holds a role that has not been taken, ended or not.
    pub(super) fn standings(&self, organisation: &OrganisationId) -> Vec<NodeIx> {
        self.live(Subject::Organisation(*organisation))
    }

    /// Those that have not come to their end at `now`.
    pub(super) fn standings_at(&self, organisation: &OrganisationId, now: Timestamp) -> BTreeSet<NodeIx> {
        self.live_at(Subject::Organisation(*organisation), now).map(|(grant, _)| grant).collect()
    }

    /// The highest role given to `subject` itself and live at `now`.
    fn role_of_subject(&self, subject: Subject, now: Timestamp) -> Option<Role> {
        self.live_at(subject, now).map(|(_, role)| role).max()
    }

    /// What `organisation` may do at `now`: its own roles, and what anyone may.
    #[must_use]
    pub fn role_now(&self, organisation: &OrganisationId, now: Timestamp) -> Option<Role> {
        if self.owner() == Some(*organisation) {
            return Some(Role::Admin);
        }
        self.role_of_subject(Subject::Organisation(*organisation), now).max(self.anyone_now(now))
    }

    /// What anyone may do at `now`.
    #[must_use]
    pub fn anyone_now(&self, now: Timestamp) -> Option<Role> {
        self.role_of_subject(Subject::Anyone, now)
    }

    /// Whose every role has come to its end at `now` without having been taken back, ascending. Nobody serves them any more;
    /// the owner's revocation says so to those whose clock is slow. What they gave to others lapses no later.
    #[must_use]
    pub fn lapsed(&self, now: Timestamp) -> Vec<Subject> {
        let lapsed = |subject: &Subject| {
            let mut roles = self.roles_of(*subject).peekable();
            roles.peek().is_some() && roles.all(|(_, end)| end.is_some_and(|end| end <= now))
        };
        self.naming.keys().copied().filter(lapsed).collect()
    }

    /// When the next role comes to its end, after `now`; none if none does.
    #[must_use]
    pub fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        self.naming.keys().flat_map(|subject| self.roles_of(*subject)).filter_map(|(_, end)| end.filter(|end| *end > now)).min()
    }

    /// The roles of `subject` that were not taken back, and when each ends; none for those that do not.
    pub(super) fn roles_of(&self, subject: Subject) -> impl Iterator<Item = (Role, Option<Timestamp>)> + '_ {
        let role = move |grant| self.grant_to(grant, subject).map(|grant| grant.role);
        self.live(subject).into_iter().filter_map(move |grant| Some((role(grant)?, self.until(grant, subject))))
    }

    /// The genesis or grant under which `organisation` may act with at least `role` at `now`: the
    /// nearest to the owner, which the fewest can take away.
    #[must_use]
    pub fn standing_for(&self, organisation: &OrganisationId, role: Role, now: Timestamp) -> Option<EntryId> {
        if self.owner() == Some(*organisation) {
            return self.genesis().map(|genesis| self.node(genesis).id);
        }
        let fits = self.live_at(Subject::Organisation(*organisation), now).filter(|(_, given)| *given >= role);
        fits.map(|(grant, _)| (self.depth_of_giver(grant), self.node(grant).id)).min().map(|(_, id)| id)
    }

    /// Whether `organisation` was ever given anything by a sound entry, or owns the document: it may
    /// hold the control plane, so that withdrawals and revocations reach former readers.
    #[must_use]
    pub fn was_ever_named(&self, organisation: &OrganisationId) -> bool {
        self.owner() == Some(*organisation)
            || self.naming.contains_key(&Subject::Organisation(*organisation))
            || self.naming.contains_key(&Subject::Anyone)
    }

    /// Whether `subject` itself was ever given anything by a sound entry.
    #[must_use]
    pub fn names(&self, subject: Subject) -> bool {
        self.naming.contains_key(&subject)
    }

    /// Whether `organisation` may hold a plane at `now`.
    #[must_use]
    pub fn may_hold(&self, organisation: &OrganisationId, plane: Plane, now: Timestamp) -> bool {
        match plane {
            Plane::Control => self.was_ever_named(organisation),
            Plane::Content => self.role_now(organisation, now).is_some(),
        }
    }

    /// The organisations that may read at `now`, the owner among them.
    #[must_use]
    pub fn readers(&self, now: Timestamp) -> BTreeSet<OrganisationId> {
        let named = self.naming.keys().filter_map(Subject::organisation);
        let may_read = |organisation: &OrganisationId| {
            self.role_of_subject(Subject::Organisation(*organisation), now).is_some_and(|role| role >= Role::Read)
        };
        named.filter(may_read).chain(self.owner()).collect()
    }

    /// Every organisation that a sound grant names, the owner among them.
    #[must_use]
    pub fn named(&self) -> BTreeSet<OrganisationId> {
        self.naming.keys().filter_map(Subject::organisation).chain(self.owner()).collect()
    }

    /// Every role ever given by a sound entry, in the order given.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for ix in self.kinds.givers.iter().copied() {
            for grant in self.grants(ix) {
                rows.push(Row {
                    who: grant.subject,
                    role: grant.role,
                    entry: self.node(ix).id,
                    until: self.until(ix, grant.subject),
                    authorised: self.authorised_in(ix, View::All),
                    ended_by: self.ended(ix, grant.subject),
                    chain: self.links(ix, grant.role),
                });
            }
        }
        rows
    }

    fn links(&self, grant: NodeIx, role: Role) -> Vec<Link> {
        let mut links = Vec::new();
        let (mut entry, mut role) = (grant, role);
        loop {
            let node = self.node(entry);
            links.push(Link { entry: node.id, by: self.organisation(node.organisation), role });
            match self.parent_of_grant(entry) {
                Some(standing) if !self.is_top(standing) => {
                    role = self.role(standing).unwrap_or(role);
                    entry = standing.grant;
                }
                Some(_) | None => break,
            }
        }
        links.reverse();
        links
    }

    /// Rule 7 over all entries: whether a sound entry counts.
    #[must_use]
    pub fn is_authorised(&self, id: &EntryId) -> bool {
        self.find(id).is_some_and(|ix| self.authorised_in(ix, View::All))
    }

    /// Rule 8: the revisions that the document's content is made of, in causal order.
    #[must_use]
    pub fn effective_revisions(&self) -> Vec<EntryId> {
        // What was found before still holds: a revision looks back alone.
        let Effective { mut flags, mut found } = std::mem::take(&mut self.memo.borrow_mut().now.effective);
        for act in self.acts.iter().skip(flags.len()) {
            let ix = NodeIx::after(flags.len());
            let holds = |dep: &NodeIx| flags.get(dep.place()).is_some_and(|effective| *effective);
            let effective = match act {
                Act::Revision { deps } => deps.iter().all(holds) && self.authorised_in(ix, View::All),
                Act::Genesis { .. }
                | Act::Grant { .. }
                | Act::Revoke { .. }
                | Act::Withdraw { .. }
                | Act::Erase
                | Act::Receipt { .. }
                | Act::Key
                | Act::Response => false,
            };
            flags.push(effective);
            if effective {
                found.push(self.node(ix).id);
            }
        }
        let revisions = found.clone();
        self.memo.borrow_mut().now.effective = Effective { flags, found };
        revisions
    }

    pub(super) fn authorised_of<'a>(&'a self, kind: &'a [NodeIx]) -> impl Iterator<Item = NodeIx> + 'a {
        kind.iter().copied().filter(|ix| self.authorised_in(*ix, View::All))
    }

    /// Rule 8: the responses that count, in causal order.
    #[must_use]
    pub fn effective_responses(&self) -> Vec<EntryId> {
        self.authorised_of(&self.kinds.responses).map(|ix| self.node(ix).id).collect()
    }

    /// The authorised keys that start epochs, in causal order.
    #[must_use]
    pub fn authorised_keys(&self) -> Vec<EntryId> {
        self.authorised_of(&self.kinds.keys).map(|ix| self.node(ix).id).collect()
    }

    /// The withdrawal that counts, if one does: of several the one with the lowest id, so that all
    /// nodes show the same. Withdrawn is final.
    #[must_use]
    pub fn withdrawal(&self) -> Option<(EntryId, OrganisationId, Reason)> {
        let found = self.authorised_of(&self.kinds.withdrawals).filter_map(|ix| match self.act(ix) {
            Act::Withdraw { reason } => Some((self.node(ix).id, self.organisation(self.node(ix).organisation), *reason)),
            Act::Genesis { .. }
            | Act::Grant { .. }
            | Act::Revoke { .. }
            | Act::Erase
            | Act::Receipt { .. }
            | Act::Key
            | Act::Revision { .. }
            | Act::Response => None,
        });
        found.min_by_key(|(id, ..)| *id)
    }
}
