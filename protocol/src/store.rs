//! What a node keeps, as the protocol sees it: the records it orders written, and the one way in
//! which it reads them back.
//!
//! The protocol writes nothing itself. It hands out [`Write`]s in order; whoever drives it applies
//! them to durable storage *before* it releases what was handed out after them. Reading is a trait,
//! because idle documents live on disk and not in memory.

use crate::access::{Access, Sharing};
use crate::codec::Canonical;
use crate::entry::{Author, Header, Plane, SignedEntry, VerifiedEntry};
use crate::id::DeviceId;
use crate::id::{DocumentId, EntryId, Hash, OrganisationId};
use crate::identity::{Address, InvitationSecret, Name, OrganisationKind, SecurityNumber, SignedAddresses, SignedCard};
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Why a record could not be read. This node's own storage is to blame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the node's storage failed: {0}; run `csu doctor`")]
pub struct ReadError(pub String);

/// Whether a stored entry still has the detached parts that its header names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Parts {
    /// All of them.
    #[default]
    Kept,
    /// None: they were destroyed when the document was erased. Header and signature are all there is.
    Destroyed,
}

/// An entry as stored, with where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// Its bytes, without its detached parts if those were destroyed.
    pub entry: SignedEntry,
    /// Whether its parts are there.
    pub parts: Parts,
    /// Which paired organisation brought it; none for the node's own.
    pub from: Option<OrganisationId>,
    /// When this node stored it.
    pub received: Timestamp,
}

/// A sound entry on its way to storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// The entry.
    pub entry: VerifiedEntry,
    /// Which paired organisation brought it; none for the node's own.
    pub from: Option<OrganisationId>,
    /// When this node took it.
    pub received: Timestamp,
}

impl From<NewEntry> for StoredEntry {
    fn from(NewEntry { entry, from, received }: NewEntry) -> Self {
        Self { entry: entry.into_signed(), parts: Parts::Kept, from, received }
    }
}

/// What the entries of a document come to, as far as an idle one needs it. Found anew from them whenever in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Who may hold it, and in which role.
    pub sharing: Arc<Sharing>,
    /// What its control plane is compared with peers as; none while it has no entries.
    pub control: Option<Hash>,
    /// What its content plane is compared with peers as; none while it has no entries.
    pub content: Option<Hash>,
}

impl Summary {
    /// That of a graph.
    #[must_use]
    pub fn of(access: &Access) -> Self {
        Self { sharing: Arc::new(access.sharing()), control: access.item(Plane::Control), content: access.item(Plane::Content) }
    }
}

/// How far two organisations are with pairing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairing {
    /// The security number is shown; who has confirmed it so far.
    Waiting {
        /// This side has.
        we_confirmed: bool,
        /// The other side says it has.
        they_confirmed: bool,
    },
    /// Both have. Data moves.
    Confirmed,
}

/// An organisation that this node paired with, or is about to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Who. Its root key is pinned from pairing on.
    pub organisation: OrganisationId,
    /// What this node's people call it. Taken from its card at pairing, then local.
    pub name: Name,
    /// What it says it is.
    pub kind: OrganisationKind,
    /// How far pairing is.
    pub pairing: Pairing,
    /// Whether an operator stopped the exchange for a while.
    pub paused: bool,
    /// What both screens show.
    pub number: SecurityNumber,
    /// Where it was reached or says it can be, best first.
    pub addresses: Vec<Address>,
    /// When pairing began.
    pub since: Timestamp,
}

/// An invitation that this node gave out and nobody has used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its secret.
    pub secret: InvitationSecret,
    /// When it ends.
    pub expires: Timestamp,
}

/// A ticket that this node was given and is trying to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joining {
    /// Who invited.
    pub organisation: OrganisationId,
    /// Its device.
    pub device: DeviceId,
    /// Where it is.
    pub addresses: Vec<Address>,
    /// The invitation's secret.
    pub secret: InvitationSecret,
    /// When the invitation ends.
    pub expires: Timestamp,
}

/// One record to be made durable, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// An entry. Those of a document are written in causal order and read back so.
    Entry(Box<NewEntry>),
    /// What the entries of a document come to now, in the place of what they came to before: in [`Start::documents`] from
    /// now on. It is to become durable together with the entries ordered written before it.
    Summary {
        /// The document.
        document: DocumentId,
        /// What they come to.
        summary: Summary,
    },
    /// How many bytes of entries in documents of an owner a peer brought by now: [`Start::brought`].
    Brought {
        /// The peer.
        bringer: OrganisationId,
        /// The owner.
        owner: OrganisationId,
        /// Bytes in all.
        bytes: u64,
    },
    /// The content of a document that its owner had erased is destroyed: sealed payloads and wrapped keys of every entry
    /// of its content plane are removed for good, and [`Start::destroyed`] names the document from now on. Headers and
    /// signatures stay. Doing it again changes nothing.
    ContentDestroyed {
        /// The document.
        document: DocumentId,
        /// When.
        at: Timestamp,
    },
    /// What a document says was compared with a peer that may hold it, since its store was restored from a backup:
    /// [`Start::unreconciled`] no longer names it.
    Reconciled(DocumentId),
    /// A card; several of one organisation are all kept.
    Card {
        /// The card.
        card: SignedCard,
        /// Which paired organisation brought it; none if it came from the organisation itself.
        brought_by: Option<OrganisationId>,
    },
    /// Where a device says it is; replaces its earlier record.
    Addresses(SignedAddresses),
    /// A peer, new or changed.
    Peer(Peer),
    /// A peer is forgotten.
    PeerRemoved(OrganisationId),
    /// An invitation.
    Invitation(Invitation),
    /// An invitation was used or ended.
    InvitationEnded(InvitationSecret),
    /// A ticket to be used; one for each organisation.
    Joining(Joining),
    /// A ticket was used or ended.
    JoiningEnded(OrganisationId),
}

/// Reading back. An implementation sees every [`Write`] applied before, durable or not yet.
pub trait Read {
    /// All entries of a document in the order they were written; empty if there is none.
    ///
    /// # Errors
    /// When storage fails.
    fn document(&self, document: &DocumentId) -> Result<Vec<StoredEntry>, ReadError>;

    /// Those of `ids` that are stored, in the order in which they were written.
    ///
    /// # Errors
    /// When storage fails.
    fn entries(&self, document: &DocumentId, ids: &BTreeSet<EntryId>) -> Result<Vec<StoredEntry>, ReadError> {
        let wanted = |stored: &StoredEntry| ids.contains(&EntryId::new(*Hash::of(&stored.entry.header).as_bytes()));
        Ok(self.document(document)?.into_iter().filter(wanted).collect())
    }

    /// The ids of all entries of one plane of a document, in the order in which they were written.
    ///
    /// # Errors
    /// When storage fails.
    fn ids(&self, document: &DocumentId, plane: Plane) -> Result<Vec<EntryId>, ReadError> {
        let header = |stored: StoredEntry| Header::from_canonical(&stored.entry.header).ok();
        let headers = self.document(document)?.into_iter().filter_map(header);
        Ok(headers.filter(|header| header.plane() == plane).map(|header| header.id()).collect())
    }

    /// The first entries of one plane of a document, in the order in which they were written, until they make up so many bytes;
    /// one at least if there is any. And whether there are more.
    ///
    /// # Errors
    /// When storage fails.
    fn beginning(&self, document: &DocumentId, plane: Plane, bytes: usize) -> Result<(Vec<StoredEntry>, bool), ReadError> {
        let is_of = |stored: &StoredEntry| Header::from_canonical(&stored.entry.header).is_ok_and(|header| header.plane() == plane);
        let mut all = self.document(document)?.into_iter().filter(is_of);
        let (mut beginning, mut room) = (Vec::new(), bytes);
        while room > 0 {
            let Some(stored) = all.next() else { break };
            room = room.saturating_sub(stored.entry.size());
            beginning.push(stored);
        }
        Ok((beginning, all.next().is_some()))
    }

    /// The entries of a document that a device signed and nobody brought: of an older device of this organisation those that
    /// came with the backup.
    ///
    /// # Errors
    /// When storage fails.
    fn own_entries(&self, document: &DocumentId, device: &DeviceId) -> Result<BTreeSet<EntryId>, ReadError> {
        let author = Author::Device(*device);
        let is_own = |stored: &StoredEntry| {
            stored.from.is_none() && Header::from_canonical(&stored.entry.header).is_ok_and(|header| header.author == author)
        };
        let id = |stored: StoredEntry| EntryId::new(*Hash::of(&stored.entry.header).as_bytes());
        Ok(self.document(document)?.into_iter().filter(is_own).map(id).collect())
    }
}

/// What a node's machine starts from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Start {
    /// Every document there is, with what its entries come to. If that is missing of any, it is found anew for all.
    pub documents: BTreeMap<DocumentId, Option<Summary>>,
    /// How many bytes of entries each peer brought, in documents of each owner.
    pub brought: BTreeMap<(OrganisationId, OrganisationId), u64>,
    /// Those whose content was destroyed.
    pub destroyed: BTreeSet<DocumentId>,
    /// Those that came back from a backup and were not compared with any peer since: they are silent.
    pub unreconciled: BTreeSet<DocumentId>,
    /// Every card, with who brought it.
    pub cards: Vec<(SignedCard, Option<OrganisationId>)>,
    /// The newest record of addresses of each device.
    pub addresses: Vec<SignedAddresses>,
    /// Every peer.
    pub peers: Vec<Peer>,
    /// Open invitations.
    pub invitations: Vec<Invitation>,
    /// Tickets in use.
    pub joinings: Vec<Joining>,
}

mod memory;
pub use memory::Memory;
