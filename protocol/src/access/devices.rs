//! Devices that an organisation lost: what its root key says of them, and what they began.

use super::graph::Access;
use super::index::{AuthorIx, NodeIx, OrgIx, Standing};
use super::memo::View;
use super::revocations::{Party, Right};
use crate::entry::{Author, Body, Keep, Plane, Principal, Subject};
use crate::id::{DeviceId, EntryId, OrganisationId};
use std::cell::LazyCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

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
        self.barring(device, (under, organisation)).is_some_and(|(party, standing)| self.has_barred(party, standing))
    }

    /// Whether somebody above the standing of `organisation` under `under` revoked `device` itself, and that counts.
    #[must_use]
    pub fn is_barred_from_above(&self, device: &DeviceId, (under, organisation): (&EntryId, &OrganisationId)) -> bool {
        let barring = self.barring(device, (under, organisation));
        barring.is_some_and(|(party, standing)| self.ancestors(standing).any(|above| self.has_barred(party, above)))
    }

    fn barring(&self, device: &DeviceId, (under, organisation): (&EntryId, &OrganisationId)) -> Option<(Party, Standing)> {
        let party = self.known_author(&Author::Device(*device)).map(Party::Device)?;
        let (grant, organisation) = self.find(under).zip(self.known_organisation(organisation))?;
        Some((party, Standing { grant, organisation }))
    }

    fn has_barred(&self, party: Party, standing: Standing) -> bool {
        let mut said = self.revocations.of(party, Right::Standing(standing)).iter().flat_map(|group| &group.members);
        said.any(|revoke| self.authorised_in(self.revoke(*revoke), View::All))
    }

    /// The Revoke by which the root key of `organisation` disowns a device that `successors` took the place of: for
    /// [`crate::author::control`], signed by the root key under nothing. It keeps all that is known of the device, except
    /// that it keeps nothing from where the device revoked one of its successors: only a thief does that, and while such a
    /// Revoke counted the successor could not act. None if the root key has said as much already, or would not be heard.
    ///
    /// Of a device that contradicted itself only one branch can be kept in each plane. `own` names the entries of the device
    /// that this node knows to be honest, those in its backup; it is called only if there is more than one branch.
    #[must_use]
    pub fn disown(
        &self,
        organisation: &OrganisationId,
        device: &DeviceId,
        successors: &BTreeSet<DeviceId>,
        own: impl FnOnce() -> BTreeSet<EntryId>,
    ) -> Option<Body> {
        // Where only everybody is named a root key has no say.
        if self.owner() != Some(*organisation) && !self.names(Subject::Organisation(*organisation)) {
            return None;
        }
        let author = Author::Device(*device);
        let mut keep = Vec::new();
        if let Some((known, organisation)) = self.known_author(&author).zip(self.known_organisation(organisation)) {
            let attacks = self.revokes_of(known, successors);
            let said = || self.revocations.of(Party::Device(known), Right::Root(organisation)).iter().flat_map(|group| &group.members);
            let is_void = |attack: &NodeIx| said().any(|revoke| !self.stands(*attack, self.kept(*revoke, known, Plane::Control)));
            if said().next().is_some() && attacks.iter().all(is_void) {
                return None;
            }
            let own = LazyCell::new(own);
            for plane in Plane::ALL {
                let mut last = self.to_keep(known, organisation, plane, || &*own);
                if plane == Plane::Control {
                    last = last.and_then(|last| self.before_all(last, &attacks));
                }
                keep.extend(last.map(|last| Keep { author, plane, entry: self.node(last).id }));
            }
        }
        Some(Body::Revoke { principal: Principal::Device(*device), keep })
    }

    /// The last entry of the branch that is kept of what an author signed for an organisation in a plane: the branch with the
    /// latest of its `own` entries, of those the longest, at a tie that of the lower id.
    fn to_keep<'o>(
        &self,
        author: AuthorIx,
        organisation: OrgIx,
        plane: Plane,
        own: impl FnOnce() -> &'o BTreeSet<EntryId>,
    ) -> Option<NodeIx> {
        let branches = self.branches_of(author, organisation, plane);
        if branches.len() <= 1 {
            return branches.into_iter().next();
        }
        let own = own();
        // Of each entry the latest of `own` on the way back from it. Entries come after what they name.
        let mut latest: BTreeMap<NodeIx, Option<u32>> = BTreeMap::new();
        for (ix, node) in self.chained(author, plane) {
            let before = || node.previous.and_then(|previous| latest.get(&previous).copied().flatten());
            let here = if own.contains(&node.id) { Some(node.seq) } else { before() };
            latest.insert(ix, here);
        }
        let rank = |branch: &NodeIx| (latest.get(branch).copied().flatten(), self.node(*branch).seq, Reverse(self.node(*branch).id));
        branches.into_iter().max_by_key(rank)
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
