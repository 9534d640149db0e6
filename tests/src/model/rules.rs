//! Rules 1 and 3 to 8, over any set of sound entries.

use super::Model;
use csu_protocol::entry::{Author, Body, Grant, Header, Principal, Role, Subject};
use csu_protocol::id::{EntryId, OrganisationId};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// Rule 1: what a genesis or grant gave to a subject. Of an organisation this is a standing. Anyone has no standing, but
/// loses what it was given in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Given {
    /// The genesis or grant.
    pub entry: EntryId,
    /// To whom.
    pub to: Subject,
}

/// The rules over one set of entries, which holds the past of each of its entries.
#[derive(Debug)]
pub struct Rules<'m> {
    model: &'m Model,
    set: &'m BTreeSet<EntryId>,
    found: RefCell<BTreeMap<EntryId, bool>>,
}

impl<'m> Rules<'m> {
    pub(super) fn over(model: &'m Model, set: &'m BTreeSet<EntryId>) -> Self {
        Self { model, set, found: RefCell::default() }
    }

    fn header(&self, id: &EntryId) -> &'m Header {
        self.model.header(id)
    }

    /// Rule 1: the standing of the owner at the genesis.
    #[must_use]
    pub fn top(&self) -> Given {
        let entry = self.model.genesis();
        Given { entry, to: Subject::Organisation(self.header(&entry).organisation) }
    }

    /// Rule 1: the standing an entry acts under; none for a genesis and for root keys.
    #[must_use]
    pub fn acting(&self, id: &EntryId) -> Option<Given> {
        let header = self.header(id);
        header.under.map(|entry| Given { entry, to: Subject::Organisation(header.organisation) })
    }

    /// Rule 1: the standing that something was given from; none for the top.
    #[must_use]
    pub fn parent(&self, given: Given) -> Option<Given> {
        if given == self.top() {
            None
        } else if given.entry == self.model.genesis() {
            Some(self.top())
        } else {
            self.acting(&given.entry)
        }
    }

    /// From the parent to the top.
    #[must_use]
    pub fn ancestors(&self, given: Given) -> Vec<Given> {
        std::iter::successors(self.parent(given), |above| self.parent(*above)).collect()
    }

    /// What an entry gave to a subject, as the entry says; none at the top.
    #[must_use]
    pub fn grant(&self, given: Given) -> Option<Grant> {
        grants(&self.header(&given.entry).body).iter().copied().find(|grant| grant.subject == given.to)
    }

    /// The role of a standing; none if the entry gave nothing to the organisation.
    #[must_use]
    pub fn role(&self, given: Given) -> Option<Role> {
        if given == self.top() { Some(Role::Admin) } else { self.grant(given).map(|grant| grant.role) }
    }

    /// Every revocation in the set.
    fn revokes(&self) -> impl Iterator<Item = (EntryId, Principal)> {
        self.set.iter().filter_map(|id| match &self.header(id).body {
            Body::Revoke { principal, .. } => Some((*id, *principal)),
            _ => None,
        })
    }

    /// Rule 4: whether the revocation leaves the entry standing.
    #[must_use]
    pub fn keeps(&self, revoke: &EntryId, entry: &EntryId) -> bool {
        let Body::Revoke { keep, .. } = &self.header(revoke).body else { return false };
        let (author, plane) = (self.header(entry).author, self.header(entry).plane());
        let kept = keep.iter().find(|keep| (keep.author, keep.plane) == (author, plane)).map(|keep| keep.entry);
        // Rule 3: what is kept and unknown keeps nothing until it arrives.
        let mut chain = std::iter::successors(kept.filter(|kept| self.set.contains(kept)), |id| self.header(id).previous);
        chain.any(|id| id == *entry)
    }

    /// Rule 5: the authorised revocations from higher up.
    #[must_use]
    pub fn above(&self, given: Given) -> BTreeSet<EntryId> {
        let (parent, ancestors) = (self.parent(given), self.ancestors(given));
        let of_it = self.revokes().filter(|(_, principal)| *principal == principal_of(given.to)).map(|(id, _)| id);
        let higher = of_it.filter(|revoke| self.acting(revoke).is_some_and(|acting| ancestors.contains(&acting)));
        let knowing_regrant = |revoke: &EntryId| self.model.past(&given.entry).contains(revoke) && self.acting(revoke) == parent;
        higher.filter(|revoke| !knowing_regrant(revoke) && self.is_authorised(revoke)).collect()
    }

    /// Rule 6 (a): the authorised renunciations of a standing.
    #[must_use]
    pub fn renunciations(&self, given: Given) -> BTreeSet<EntryId> {
        self.revokes().map(|(id, _)| id).filter(|id| self.renounces(id) == Some(given) && self.is_authorised(id)).collect()
    }

    /// The standing that an entry gives up, if it does.
    fn renounces(&self, id: &EntryId) -> Option<Given> {
        let header = self.header(id);
        match &header.body {
            Body::Revoke { principal, .. } if *principal == Principal::Organisation(header.organisation) => self.acting(id),
            _ => None,
        }
    }

    /// Rule 6 (b): the authorised revocations of a device from higher up than a standing.
    fn of_device(&self, given: Given, author: Author) -> BTreeSet<EntryId> {
        let ancestors = self.ancestors(given);
        let of_it = self.revokes().filter(|(_, principal)| names_device(principal, author)).map(|(id, _)| id);
        let higher = of_it.filter(|revoke| self.acting(revoke).is_some_and(|acting| ancestors.contains(&acting)));
        higher.filter(|revoke| self.is_authorised(revoke)).collect()
    }

    /// Rule 6 (c): what the root key of the organisation said of the device, where everyone above kept that.
    fn by_root(&self, given: Given, author: Author) -> BTreeSet<EntryId> {
        let Subject::Organisation(organisation) = given.to else { return BTreeSet::new() };
        let of_it = self.revokes().filter(|(_, principal)| names_device(principal, author)).map(|(id, _)| id);
        let own = of_it.filter(|id| self.header(id).author == Author::Root(organisation));
        let above = self.above(given);
        own.filter(|id| above.iter().all(|revoke| self.keeps(revoke, id))).collect()
    }

    /// Rule 6 (d): where there is nobody higher up, what the device that began the document said of another one.
    fn by_beginner(&self, given: Given, author: Author) -> BTreeSet<EntryId> {
        let beginner = self.header(&self.model.genesis()).author;
        if given != self.top() || author == beginner {
            return BTreeSet::new();
        }
        let of_it = self.revokes().filter(|(_, principal)| names_device(principal, author)).map(|(id, _)| id);
        let its = of_it.filter(|id| self.header(id).author == beginner && self.acting(id) == Some(given));
        its.filter(|id| self.is_authorised(id)).collect()
    }

    /// Rule 6: every revocation that bears on an author acting under a standing; `Rev` there. What a renunciation
    /// leaves out is (a).
    #[must_use]
    pub fn bearing_on(&self, id: &EntryId) -> BTreeSet<EntryId> {
        let Some(given) = self.acting(id) else { return BTreeSet::new() };
        let author = self.header(id).author;
        let mut found = self.above(given);
        if self.renounces(id).is_none() {
            found.extend(self.renunciations(given));
        }
        found.extend(self.of_device(given, author));
        found.extend(self.by_root(given, author));
        found.extend(self.by_beginner(given, author));
        found
    }

    /// Rule 7: whether a sound entry counts. The entry itself need not be in the set.
    #[must_use]
    pub fn is_authorised(&self, id: &EntryId) -> bool {
        if let Some(found) = self.found.borrow().get(id) {
            return *found;
        }
        let found = self.find_authorised(id);
        self.found.borrow_mut().insert(*id, found);
        found
    }

    fn find_authorised(&self, id: &EntryId) -> bool {
        let header = self.header(id);
        match (&header.body, header.author, header.under) {
            // Genesis and root keys; receipts say only that something was destroyed, and rule 2 excepts them.
            (Body::Genesis { .. }, ..) | (_, Author::Root(_), _) | (Body::Receipt { .. }, ..) => true,
            (_, Author::Device(_), None) => false,
            (_, Author::Device(_), Some(under)) => {
                self.is_authorised(&under) && self.bearing_on(id).iter().all(|revoke| self.keeps(revoke, id))
            }
        }
    }

    /// Rule 8: the authorised revisions, without those of which something they build on is not among them.
    #[must_use]
    pub fn effective_revisions(&self) -> BTreeSet<EntryId> {
        let deps = |id: &EntryId| match &self.header(id).body {
            Body::Revision { deps, .. } => Some(deps),
            _ => None,
        };
        let mut left: BTreeSet<EntryId> = self.set.iter().copied().filter(|id| deps(id).is_some() && self.is_authorised(id)).collect();
        loop {
            let falls = |id: &EntryId| deps(id).is_some_and(|deps| deps.iter().any(|dep| !left.contains(dep)));
            let fallen: Vec<EntryId> = left.iter().copied().filter(falls).collect();
            if fallen.is_empty() {
                return left;
            }
            left.retain(|id| !fallen.contains(id));
        }
    }

    /// Why an entry does not count: the revocations that do not keep it or what it acts under, all the way up.
    #[must_use]
    pub fn voided_by(&self, id: &EntryId) -> BTreeSet<EntryId> {
        let way_up = std::iter::successors(Some(*id), |id| self.header(id).under);
        let not_keeping = |id: EntryId| self.bearing_on(&id).into_iter().filter(move |revoke| !self.keeps(revoke, &id));
        way_up.flat_map(|id| not_keeping(id).collect::<Vec<_>>()).collect()
    }

    /// Why what was given is no longer held: revocations of its organisation from above, and renunciations.
    #[must_use]
    pub fn ended_by(&self, given: Given) -> BTreeSet<EntryId> {
        let mut found = self.above(given);
        found.extend(self.renunciations(given));
        found
    }
}

/// What an entry gives.
pub(super) fn grants(body: &Body) -> &[Grant] {
    match body {
        Body::Genesis { grants, .. } | Body::Grant { grants } => grants,
        _ => &[],
    }
}

fn principal_of(subject: Subject) -> Principal {
    match subject {
        Subject::Anyone => Principal::Anyone,
        Subject::Organisation(id) => Principal::Organisation(id),
    }
}

fn names_device(principal: &Principal, author: Author) -> bool {
    matches!((principal, author), (Principal::Device(revoked), Author::Device(device)) if *revoked == device)
}

/// Whether an organisation is the one that something was given to.
pub(super) fn is_to(subject: Subject, organisation: &OrganisationId) -> bool {
    subject == Subject::Organisation(*organisation)
}
