//! Devices that an organisation lost: what its root key says of them, and what they began.

use super::graph::Access;
use super::index::{AuthorIx, NodeIx, Standing};
use super::memo::View;
use super::revocations::{Party, Right};
use crate::entry::{Author, Body, Keep, Plane, Principal};
use crate::id::{DeviceId, EntryId, OrganisationId};
use std::collections::BTreeSet;

impl Access {
    /// The author of the genesis.
    pub(super) fn beginner(&self) -> Option<AuthorIx> {
        self.genesis().map(|genesis| self.node(genesis).author)
    }

    /// The device that began the document; none before the genesis is known.
    #[must_use]
    pub fn begun_by(&self) -> Option<DeviceId> {
        match self.author(self.beginner()?) {
            Author::Device(device) => Some(device),
            Author::Root(_) => None,
        }
    }

    /// Whether the owner's root key revoked the device that began the document and kept the beginning. Once so, for good.
    #[must_use]
    pub fn is_vouched_by_root(&self) -> bool {
        let (Some(genesis), Some(author)) = (self.genesis(), self.beginner()) else { return false };
        let right = Right::Root(self.node(genesis).organisation);
        let revokes = self.revocations.of(Party::Device(author), right).iter().flat_map(|group| &group.members);
        revokes.into_iter().any(|revoke| self.stands(genesis, self.kept(*revoke, author, Plane::Control)))
    }

    /// Whether `device` signed anything in the document.
    #[must_use]
    pub fn has_entries_by(&self, device: &DeviceId) -> bool {
        let author = self.known_author(&Author::Device(*device));
        author.is_some_and(|author| Plane::ALL.into_iter().any(|plane| self.tip_of(author, plane).is_some()))
    }

    /// Whether `organisation`, acting under the genesis or grant `under`, revoked `device` itself, and that counts.
    #[must_use]
    pub fn is_barred(&self, device: &DeviceId, (under, organisation): (&EntryId, &OrganisationId)) -> bool {
        let party = self.known_author(&Author::Device(*device)).map(Party::Device);
        let standing = self.find(under).zip(self.known_organisation(organisation));
        let Some((party, (grant, organisation))) = party.zip(standing) else { return false };
        let right = Right::Standing(Standing { grant, organisation });
        let mut said = self.revocations.of(party, right).iter().flat_map(|group| &group.members);
        said.any(|revoke| self.authorised_in(self.revoke(*revoke), View::All))
    }

    /// Whether somebody above the standing of `organisation` under `under` revoked `device` itself, and that counts.
    #[must_use]
    pub fn is_barred_from_above(&self, device: &DeviceId, (under, organisation): (&EntryId, &OrganisationId)) -> bool {
        let party = self.known_author(&Author::Device(*device)).map(Party::Device);
        let standing = self.find(under).zip(self.known_organisation(organisation));
        let Some((party, (grant, organisation))) = party.zip(standing) else { return false };
        self.ancestors(Standing { grant, organisation }).any(|standing| {
            let mut said = self.revocations.of(party, Right::Standing(standing)).iter().flat_map(|group| &group.members);
            said.any(|revoke| self.authorised_in(self.revoke(*revoke), View::All))
        })
    }

    /// The Revoke by which the root key of `organisation` disowns a device that `successors` took the place of: for
    /// [`crate::author::control`], signed by the root key under nothing. It keeps all that is known of the device, except
    /// that it keeps nothing from where the device revoked one of its successors: only a thief does that, and while such a
    /// Revoke counted the successor could not act. None if the root key has said as much already.
    #[must_use]
    pub fn disown(&self, organisation: &OrganisationId, device: &DeviceId, successors: &BTreeSet<DeviceId>) -> Option<Body> {
        let author = Author::Device(*device);
        let mut keep = Vec::new();
        let mut is_said = false;
        if let Some(known) = self.known_author(&author) {
            let attacks = self.revokes_of(known, successors);
            let root = self.known_organisation(organisation).map(Right::Root);
            let said: Vec<_> = root.map_or(&[][..], |root| self.revocations.of(Party::Device(known), root)).iter().collect();
            let said = || said.iter().flat_map(|group| &group.members);
            let is_void = |attack: &NodeIx| said().any(|revoke| !self.stands(*attack, self.kept(*revoke, known, Plane::Control)));
            is_said = said().next().is_some() && attacks.iter().all(is_void);
            for plane in Plane::ALL {
                let mut last = self.tip_of(known, plane).filter(|tip| self.organisation(self.node(*tip).organisation) == *organisation);
                if plane == Plane::Control {
                    last = last.and_then(|tip| self.before_all(tip, &attacks));
                }
                keep.extend(last.map(|last| Keep { author, plane, entry: self.node(last).id }));
            }
        }
        (!is_said).then_some(Body::Revoke { principal: Principal::Device(*device), keep })
    }

    /// The Revokes of any of `devices` by an author.
    fn revokes_of(&self, by: AuthorIx, devices: &BTreeSet<DeviceId>) -> BTreeSet<NodeIx> {
        let parties = devices.iter().filter_map(|device| self.known_author(&Author::Device(*device))).map(Party::Device);
        let groups = parties.flat_map(|party| self.revocations.naming(party)).filter(|group| group.author == by);
        groups.flat_map(|group| &group.members).map(|revoke| self.revoke(*revoke)).collect()
    }

    /// The last entry on the way back from `tip` that has none of `these` before it on that way.
    fn before_all(&self, tip: NodeIx, these: &BTreeSet<NodeIx>) -> Option<NodeIx> {
        let first = these.iter().copied().filter(|attack| self.is_chained_before(*attack, tip)).min_by_key(|attack| self.node(*attack).seq);
        first.map_or(Some(tip), |first| self.node(first).previous)
    }
}
