//! Entries by the hundred thousand: headers put together by hand, chained as their authors would.
//!
//! Unlike [`csu_protocol::author`] nothing here asks an [`csu_protocol::access::Access`], which is what is being measured,
//! and nothing is signed unless asked for, because measuring begins where signatures have been checked.

use csu_protocol::access::{Access, Insertion};
use csu_protocol::codec::Canonical;
use csu_protocol::entry::{Author, Body, Grant, Header, Part, Plane, Role, SignedEntry, Signer, Subject, VerifiedEntry};
use csu_protocol::id::{DocumentId, EntryId, OrganisationId};
use csu_protocol::identity::{DeviceKey, RootKey, Signature};
use std::collections::BTreeMap;

/// An organisation and one of its devices.
#[derive(Debug)]
pub struct Actor {
    /// The organisation.
    pub organisation: OrganisationId,
    root: RootKey,
    device: DeviceKey,
}

impl Actor {
    /// Device `device` of organisation `organisation`, by number.
    #[must_use]
    pub fn new(organisation: u16, device: u16) -> Self {
        let seed = |kind: u8, number: [u16; 2]| {
            let mut seed = [kind; 32];
            let [[a, b], [c, d]] = number.map(u16::to_be_bytes);
            seed[..4].copy_from_slice(&[a, b, c, d]);
            seed
        };
        let root = RootKey::from_secret(seed(1, [organisation, 0]));
        Self { organisation: root.organisation(), device: DeviceKey::from_seed(&seed(2, [organisation, device])), root }
    }

    /// The device's key.
    #[must_use]
    pub const fn device(&self) -> &DeviceKey {
        &self.device
    }

    /// The root key.
    #[must_use]
    pub const fn root_key(&self) -> &RootKey {
        &self.root
    }

    /// The device as an author.
    #[must_use]
    pub fn author(&self) -> Author {
        Author::Device(self.device.device())
    }

    /// The root key as an author.
    #[must_use]
    pub const fn root(&self) -> Author {
        Author::Root(self.organisation)
    }

    /// A grant of `role` to the organisation.
    #[must_use]
    pub const fn given(&self, role: Role) -> Grant {
        Grant { subject: Subject::Organisation(self.organisation), role, until: None }
    }
}

/// `count` organisations of one device each.
#[must_use]
pub fn actors(count: u16) -> Vec<Actor> {
    (0..count).map(|number| Actor::new(number, 0)).collect()
}

/// Whether entries carry signatures that verify. Measuring rights needs none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signatures {
    /// As in life.
    Real,
    /// Left out.
    None,
}

/// One document being written.
#[derive(Debug)]
pub struct Maker {
    /// Its entries, each after those it names.
    pub entries: Vec<VerifiedEntry>,
    /// Its first entry.
    pub genesis: EntryId,
    signatures: Signatures,
    tips: BTreeMap<(Author, Plane), (u64, EntryId)>,
}

impl Maker {
    /// A document by `owner`.
    #[must_use]
    pub fn new(owner: &Actor, mut grants: Vec<Grant>, signatures: Signatures) -> Self {
        grants.sort();
        let mut maker = Self { entries: Vec::new(), genesis: EntryId::new([0; 32]), signatures, tips: BTreeMap::new() };
        let body = Body::Genesis { grants, nonce: [0; 16] };
        maker.genesis = maker.put(owner, None, &[], body);
        maker
    }

    /// More of a document that somebody else began.
    #[must_use]
    pub const fn continuing(genesis: EntryId) -> Self {
        Self { entries: Vec::new(), genesis, signatures: Signatures::None, tips: BTreeMap::new() }
    }

    /// The next entry of `who`.
    pub fn put(&mut self, who: &Actor, under: Option<EntryId>, parents: &[EntryId], body: Body) -> EntryId {
        let author = if under.is_none() && !self.is_new() { who.root() } else { who.author() };
        let tip = self.tips.get(&(author, body.plane())).copied();
        self.put_after(who, under, parents, body, tip)
    }

    /// Whether the genesis is yet to come.
    fn is_new(&self) -> bool {
        self.genesis == EntryId::new([0; 32])
    }

    /// The newest entry of `author` in `plane`, with its seq.
    #[must_use]
    pub fn tip(&self, author: Author, plane: Plane) -> Option<(u64, EntryId)> {
        self.tips.get(&(author, plane)).copied()
    }

    /// An entry of `who` after any earlier one of its own, or none: so are forks made. Without `under` its root key speaks.
    pub fn put_after(
        &mut self,
        who: &Actor,
        under: Option<EntryId>,
        parents: &[EntryId],
        body: Body,
        after: Option<(u64, EntryId)>,
    ) -> EntryId {
        let first = self.is_new();
        let document = (!first).then(|| DocumentId::from(self.genesis));
        let author = if under.is_none() && !first { who.root() } else { who.author() };
        let body = sorted(body);
        let plane = body.plane();
        let mut parents = parents.to_vec();
        parents.sort();
        parents.dedup();
        let (payload, wraps) = match &body {
            Body::Key { .. } => (None, Some(vec![0])),
            Body::Revision { .. } => (Some(vec![0]), None),
            Body::Response { .. } => (Some(vec![0]), Some(vec![0])),
            _ => (None, None),
        };
        let (seq, previous) = after.map_or((0, None), |(seq, id)| (seq + 1, Some(id)));
        let header = Header {
            document,
            organisation: who.organisation,
            author,
            under,
            seq,
            previous,
            parents,
            body,
            payload: payload.as_deref().map(Part::of),
            wraps: wraps.as_deref().map(Part::of),
        };
        let entry = match self.signatures {
            Signatures::Real => {
                let signer = if author == who.author() { Signer::Device(&who.device) } else { Signer::Root(&who.root) };
                VerifiedEntry::sign(header, payload, wraps, signer).unwrap()
            }
            Signatures::None => {
                SignedEntry { header: header.to_canonical(), signature: Signature::new([0; 64]), payload, wraps }.reopen().unwrap()
            }
        };
        let id = entry.id();
        self.tips.insert((author, plane), (seq, id));
        self.entries.push(entry);
        id
    }
}

fn sorted(body: Body) -> Body {
    match body {
        Body::Grant { mut grants } => {
            grants.sort();
            Body::Grant { grants }
        }
        Body::Revoke { principal, mut keep } => {
            keep.sort();
            Body::Revoke { principal, keep }
        }
        Body::Revision { epoch, mut deps } => {
            deps.sort();
            deps.dedup();
            Body::Revision { epoch, deps }
        }
        other => other,
    }
}

/// Starts an epoch; its number tells it from others.
#[must_use]
pub const fn key(number: u8) -> Body {
    Body::Key { commitment: [number; 32] }
}

/// A statement by a reader.
#[must_use]
pub const fn response() -> Body {
    Body::Response { commitment: [0; 32] }
}

/// Counts an entry that must be sound, and gives it back. Everybody has shown a card.
pub fn take(access: &mut Access, entry: VerifiedEntry) -> VerifiedEntry {
    match access.insert(entry, |_, _| true) {
        Insertion::Sound(sound) => sound.into_entry(),
        other => panic!("{other:?}"),
    }
}

/// The rights of entries that must all be sound.
#[must_use]
pub fn build(entries: Vec<VerifiedEntry>) -> Access {
    let mut access = Access::default();
    for entry in entries {
        take(&mut access, entry);
    }
    access
}
