//! Devices that an organisation lost: what its root key says of them, and what they began.

use super::graph::{Access, Node};
use super::index::{AuthorIx, NodeIx, OrgIx, RevokeIx, Standing};
use super::memo::View;
use super::revocations::{Party, Right};
use crate::entry::{Author, Body, Keep, Plane, Principal, Subject};
use crate::id::{DeviceId, EntryId, OrganisationId};
use crate::identity::Replaced;
use crate::time::Timestamp;
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
        let party = self.known_author(&Author::Device(*device)).map(Party::Device);
        let standing = self.find(under).zip(self.known_organisation(organisation));
        party.zip(standing).is_some_and(|(party, (grant, organisation))| self.has_barred(party, Standing { grant, organisation }))
    }

    fn has_barred(&self, party: Party, standing: Standing) -> bool {
        self.counts_any(self.revocations.of(party, Right::Standing(standing)).iter().flat_map(|group| &group.members))
    }

    fn counts_any<'r>(&self, mut said: impl Iterator<Item = &'r RevokeIx>) -> bool {
        said.any(|revoke| self.authorised_in(self.revoke(*revoke), View::All))
    }

    /// Whether a replaced device may act in the document by a role that its organisation has: neither did the root key of the
    /// organisation disown it, nor somebody above the role bar it. What an end of a role leaves is not asked: ends take no authority.
    #[must_use]
    pub fn may_still_act(&self, replaced: &Replaced) -> bool {
        !self.open_to(replaced).is_empty()
    }

    /// The Revoke by which `by` bars a replaced device from a role that it stands above (A6 (b)) or, if its device `signer` began
    /// the document, from acting in it as the owner (A6 (d)): for [`crate::author::control`], signed under the genesis or grant that
    /// is named with it. It keeps what is known of the device, as [`Self::disown`] does, except that of a device that
    /// contradicted itself it keeps the branch that was here first: what a thief makes of a copied key comes later. None
    /// if the device may not act any more where `by` has a say at `now`; several roles may need one each.
    #[must_use]
    pub fn bar(&self, (by, signer): (&OrganisationId, &DeviceId), replaced: &Replaced, now: Timestamp) -> Option<(EntryId, Body)> {
        let speaker = self.known_organisation(by)?;
        let live = self.standings_at(by, now);
        let begun_by_signer = self.begun_by() == Some(*signer) && replaced.device != *signer;
        let has_say = |above: &Standing| above.organisation == speaker && (self.is_top(*above) || live.contains(&above.grant));
        let nearest_to_owner = |open: Standing| {
            let own = (begun_by_signer && self.is_top(open) && open.organisation == speaker).then_some(open);
            self.ancestors(open).filter(has_say).last().or(own)
        };
        let under = self.open_to(replaced).into_iter().find_map(nearest_to_owner)?;
        let organisation = self.known_organisation(&replaced.organisation)?;
        let keep = self.known_author(&Author::Device(replaced.device)).map_or_else(Vec::new, |known| {
            let attacks = self.revokes_of(known, &replaced.successors);
            self.keep_before(known, &attacks, |plane| self.first_branch_of(known, organisation, plane))
        });
        Some((self.node(under.grant).id, Body::Revoke { principal: Principal::Device(replaced.device), keep }))
    }

    /// The standings of its organisation by which a replaced device may act.
    fn open_to(&self, replaced: &Replaced) -> Vec<Standing> {
        let Some(organisation) = self.known_organisation(&replaced.organisation) else { return Vec::new() };
        let known = self.known_author(&Author::Device(replaced.device));
        if known.is_some_and(|known| self.is_disowned(known, organisation, &self.revokes_of(known, &replaced.successors))) {
            return Vec::new();
        }
        let top = self.genesis().filter(|genesis| self.node(*genesis).organisation == organisation);
        let given = self.standings(&replaced.organisation).into_iter().filter(|grant| Some(*grant) != top);
        let standings = top.into_iter().chain(given).map(|grant| Standing { grant, organisation });
        standings.filter(|standing| known.is_none_or(|known| !self.is_barred_from(known, *standing))).collect()
    }

    /// Whether a device was barred from a standing: by somebody above or, from the top, by the device that began the document.
    fn is_barred_from(&self, device: AuthorIx, standing: Standing) -> bool {
        let party = Party::Device(device);
        let by_beginner = || {
            let groups = self.revocations.of(party, Right::Standing(standing)).iter();
            let beginner = self.beginner().filter(|beginner| *beginner != device && self.is_top(standing));
            self.counts_any(groups.filter(|group| Some(group.author) == beginner).flat_map(|group| &group.members))
        };
        self.ancestors(standing).any(|above| self.has_barred(party, above)) || by_beginner()
    }

    /// Whether the root key of an organisation revoked a device of it, and none of these Revokes by the device counts after that.
    fn is_disowned(&self, device: AuthorIx, organisation: OrgIx, attacks: &BTreeSet<NodeIx>) -> bool {
        let said = || self.revocations.of(Party::Device(device), Right::Root(organisation)).iter().flat_map(|group| &group.members);
        let is_void = |attack: &NodeIx| said().any(|revoke| !self.stands(*attack, self.kept(*revoke, device, Plane::Control)));
        said().next().is_some() && attacks.iter().all(is_void)
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
            if self.is_disowned(known, organisation, &attacks) {
                return None;
            }
            let own = LazyCell::new(own);
            keep = self.keep_before(known, &attacks, |plane| self.to_keep(known, organisation, plane, || &*own));
        }
        Some(Body::Revoke { principal: Principal::Device(*device), keep })
    }

    /// What is kept of a device in each plane: up to where the branch ends that was chosen, but nothing from the first of its
    /// `attacks` on.
    fn keep_before(&self, device: AuthorIx, attacks: &BTreeSet<NodeIx>, end: impl Fn(Plane) -> Option<NodeIx>) -> Vec<Keep> {
        let last = |plane| match plane {
            Plane::Control => end(plane).and_then(|last| self.before_all(last, attacks)),
            Plane::Content => end(plane),
        };
        let keep = |plane| last(plane).map(|last| Keep { author: self.author(device), plane, entry: self.node(last).id });
        Plane::ALL.into_iter().filter_map(keep).collect()
    }

    /// The last entry of the branch that was here first of what an author signed for an organisation in a plane.
    fn first_branch_of(&self, author: AuthorIx, organisation: OrgIx, plane: Plane) -> Option<NodeIx> {
        let branches = self.branches_of(author, organisation, plane);
        if branches.len() <= 1 {
            return branches.into_iter().next();
        }
        // Entries come after what they name: of those that follow one entry the first that is met came first.
        let follow = |here: Option<NodeIx>, (ix, node): (NodeIx, &Node)| if node.previous == here { Some(ix) } else { here };
        self.chained(author, plane).filter(|(_, node)| node.organisation == organisation).fold(None, follow)
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
