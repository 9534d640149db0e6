//! Rule 2, on the entry's own past.

use super::Model;
use super::rules::{Given, Rules, grants, is_to};
use csu_protocol::access::Unsound;
use csu_protocol::entry::{Author, Body, Grant, Header, Keep, Plane, Principal, Role, Subject};
use csu_protocol::id::{EntryId, OrganisationId};
use csu_protocol::limits;
use std::collections::BTreeSet;

impl Model {
    /// Every rule that an entry breaks, of which `past` is the past. None: it is sound.
    pub(super) fn broken(&self, id: &EntryId, past: &BTreeSet<EntryId>) -> Vec<Unsound> {
        if self.document_of(id) != self.document {
            return vec![Unsound::OtherDocument];
        }
        let header = self.header(id);
        let rules = Rules::over(self, past);
        let mut broken = Vec::new();
        let mut must = |holds: bool, otherwise: Unsound| {
            if !holds {
                broken.push(otherwise);
            }
        };
        must(self.is_chained(header), Unsound::Chain);
        must(header.plane() == Plane::Content || self.are_all(Plane::Control, header.names()), Unsound::Plane);
        must(self.names_fitting_kinds(header), Unsound::Kind);
        must(self.grants_within_bounds(header), Unsound::Grants);
        must(self.owner().is_none_or(|owner| !names(&header.body, Principal::Organisation(owner))), Unsound::RevokesOwner);
        must(self.keeps_within_bounds(header, past), Unsound::Keep);
        match header.author {
            Author::Root(root) => {
                let named = |given: &EntryId| self.begins(given, &root) || self.gives(given, &root);
                must(past.iter().any(named), Unsound::RootUnnamed);
            }
            Author::Device(_) if matches!(header.body, Body::Genesis { .. }) => {}
            Author::Device(_) => broken.extend(self.broken_standing(id, past, &rules)),
        }
        broken
    }

    /// What is wrong with the right that an entry by a device claims.
    fn broken_standing(&self, id: &EntryId, past: &BTreeSet<EntryId>, rules: &Rules<'_>) -> Vec<Unsound> {
        let header = self.header(id);
        let Some(acting) = rules.acting(id).filter(|acting| past.contains(&acting.entry)) else { return vec![Unsound::NoStanding] };
        let Some(role) = rules.role(acting) else { return vec![Unsound::NoStanding] };
        let is_top = acting == rules.top();
        let mut broken = Vec::new();
        let mut must = |holds: bool, otherwise: Unsound| {
            if !holds {
                broken.push(otherwise);
            }
        };
        must(role >= needed(header), Unsound::Role);
        // Erasure is the owner's, and the owner acts for itself at the genesis.
        must(is_top || !matches!(header.body, Body::Erase), Unsound::Role);
        // A standing that is given is one deeper than the one it is given from.
        let gives_depth = rules.ancestors(acting).len() + 1;
        let gives = matches!(header.body, Body::Grant { .. });
        must(!gives || gives_depth <= usize::from(limits::DEPTH), Unsound::Depth);
        // Whoever obeyed an erasure says so, revoked or not.
        let is_receipt = matches!(header.body, Body::Receipt { .. });
        must(is_receipt || rules.is_authorised(id), Unsound::Revoked);
        must(is_receipt || self.revokes_from_above(acting, past, rules) <= limits::PAST_REVOKES, Unsound::Quota);
        broken
    }

    /// Whether `previous` is the entry before it of the same author, for the same organisation, in the same plane.
    fn is_chained(&self, header: &Header) -> bool {
        header.previous.is_none_or(|previous| {
            let previous = self.header(&previous);
            (previous.author, previous.organisation, previous.plane()) == (header.author, header.organisation, header.plane())
                && previous.seq + 1 == header.seq
        })
    }

    fn are_all(&self, plane: Plane, mut names: impl Iterator<Item = EntryId>) -> bool {
        names.all(|name| self.header(&name).plane() == plane)
    }

    fn names_fitting_kinds(&self, header: &Header) -> bool {
        let kind = |id: &EntryId| &self.header(id).body;
        let under = header.under.is_none_or(|under| matches!(kind(&under), Body::Genesis { .. } | Body::Grant { .. }));
        let named = match &header.body {
            Body::Receipt { erase } => matches!(kind(erase), Body::Erase),
            Body::Revision { epoch, deps } => {
                matches!(kind(epoch), Body::Key { .. }) && deps.iter().all(|dep| matches!(kind(dep), Body::Revision { .. }))
            }
            _ => true,
        };
        under && named
    }

    /// Anyone takes only Read, and the owner needs no first grant.
    fn grants_within_bounds(&self, header: &Header) -> bool {
        let first = matches!(header.body, Body::Genesis { .. });
        grants(&header.body).iter().all(|grant: &Grant| match grant.subject {
            Subject::Anyone => grant.role == Role::Read,
            Subject::Organisation(id) => !(first && id == header.organisation),
        })
    }

    /// Rule 3: what is kept of control lies in the past and is its principal's.
    fn keeps_within_bounds(&self, header: &Header, past: &BTreeSet<EntryId>) -> bool {
        let Body::Revoke { principal, keep } = &header.body else { return true };
        let theirs = |kept: &Header| match principal {
            Principal::Anyone => false,
            Principal::Organisation(id) => kept.organisation == *id,
            Principal::Device(id) => kept.author == Author::Device(*id),
        };
        keep.iter().filter(|keep| keep.plane == Plane::Control).all(|keep: &Keep| {
            past.contains(&keep.entry) && {
                let kept = self.header(&keep.entry);
                kept.plane() == Plane::Control && kept.author == keep.author && theirs(kept)
            }
        })
    }

    fn begins(&self, id: &EntryId, organisation: &OrganisationId) -> bool {
        *id == self.genesis() && self.header(id).organisation == *organisation
    }

    fn gives(&self, id: &EntryId, organisation: &OrganisationId) -> bool {
        grants(&self.header(id).body).iter().any(|grant| is_to(grant.subject, organisation))
    }

    /// The revocations in the past that could bear on an author or on those it has its right from: made from higher up, and
    /// authorised on the same past. Giving up one's own standing does not count, nor does what others than those above sign,
    /// or else whoever likes could use up what others may do.
    fn revokes_from_above(&self, acting: Given, past: &BTreeSet<EntryId>, rules: &Rules<'_>) -> usize {
        let ancestors = rules.ancestors(acting);
        let from_above = |id: &&EntryId| rules.acting(id).is_some_and(|acting| ancestors.contains(&acting));
        let takes = |id: &&EntryId| {
            let header = self.header(id);
            matches!(header.body, Body::Revoke { .. }) && !names(&header.body, Principal::Organisation(header.organisation))
        };
        past.iter().filter(takes).filter(from_above).filter(|id| rules.is_authorised(id)).count()
    }
}

/// Whether a body revokes this principal.
fn names(body: &Body, principal: Principal) -> bool {
    matches!(body, Body::Revoke { principal: named, .. } if *named == principal)
}

/// The least role that allows an entry.
fn needed(header: &Header) -> Role {
    match &header.body {
        Body::Revoke { principal, .. } if *principal == Principal::Organisation(header.organisation) => Role::Relay,
        Body::Genesis { .. } | Body::Grant { .. } | Body::Revoke { .. } | Body::Withdraw { .. } | Body::Erase => Role::Admin,
        Body::Receipt { .. } => Role::Relay,
        Body::Key { .. } | Body::Revision { .. } => Role::Write,
        Body::Response { .. } => Role::Read,
    }
}
