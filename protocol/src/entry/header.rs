//! The header: what every holder of an entry sees, and what its id is the hash of.

use super::body::{read_entry_id, write_entry_id};
use super::{Author, Body, Plane, Principal};
use crate::codec::{Canonical, CodecError, Reader, Writer};
use crate::id::{DocumentId, EntryId, Hash, OrganisationId};
use crate::limits;

/// A detached part: what its bytes hash to, and how many they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// BLAKE3 of the bytes.
    pub hash: Hash,
    /// How many.
    pub length: u64,
}

impl Part {
    /// The part that is `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self { hash: Hash::of(bytes), length: u64::try_from(bytes.len()).unwrap_or(u64::MAX) }
    }
}

/// A header. No personal data is ever in one: persons, times, kinds and markings are in sealed payloads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The document; none in the genesis entry, whose id is the document's.
    pub document: Option<DocumentId>,
    /// The organisation that acts.
    pub organisation: OrganisationId,
    /// Its device, or its root key.
    pub author: Author,
    /// The genesis or grant under which it acts; none for a genesis and for root keys.
    pub under: Option<EntryId>,
    /// Counts the author's entries in this plane of the document, from 0.
    pub seq: u64,
    /// The author's entry before this one.
    pub previous: Option<EntryId>,
    /// The heads that the author saw, ascending.
    pub parents: Vec<EntryId>,
    /// What the entry does.
    pub body: Body,
    /// The sealed payload, if the body has one.
    pub payload: Option<Part>,
    /// The wrapped keys, if the body has some.
    pub wraps: Option<Part>,
}

/// Why a header that decodes is no entry of any document. Its author is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// The genesis entry names something before it.
    #[error("a genesis entry names no document, parents, previous or under")]
    Genesis,
    /// An entry that is no genesis names no document.
    #[error("an entry other than a genesis names its document")]
    NoDocument,
    /// Who acts does not fit under what.
    #[error("a device acts under a genesis or grant; a root key under none, for its own organisation, only to revoke a device")]
    Author,
    /// The chain is broken in itself.
    #[error("an author's first entry in a plane has seq 0 and no previous, every later one has both")]
    Chain,
    /// The chain is longer than allowed.
    #[error("seq {0} is beyond what one author may add to one plane of a document")]
    Quota(u64),
    /// Parts are there that should not be, or the other way round.
    #[error("a {0} entry has other parts than its kind")]
    Parts(&'static str),
    /// A part is too long.
    #[error("a part of {found} bytes, where at most {limit} are allowed")]
    PartLength {
        /// The bound.
        limit: usize,
        /// What the header says.
        found: u64,
    },
    /// A revocation of what was given to anyone keeps something.
    #[error("a revocation keeps entries of its principal alone")]
    Keep,
}

impl Header {
    /// The plane of the entry.
    #[must_use]
    pub const fn plane(&self) -> Plane {
        self.body.plane()
    }

    /// The id of the entry.
    #[must_use]
    pub fn id(&self) -> EntryId {
        EntryId::new(*Hash::of(&self.to_canonical()).as_bytes())
    }

    /// What the bytes of every header of a document begin with, but for that of its genesis. For whoever keeps many of them.
    #[must_use]
    pub fn document_bytes(document: &DocumentId) -> Vec<u8> {
        let mut writer = Writer::default();
        write_document(&mut writer, Some(document));
        writer.into_bytes()
    }

    /// What follows in the bytes of a header: its organisation and author.
    #[must_use]
    pub fn author_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        self.write_author(&mut writer);
        writer.into_bytes()
    }

    fn write_author(&self, w: &mut Writer) {
        w.bytes(self.organisation.as_bytes());
        self.author.write(w);
    }

    /// What the sealed payload is bound to: the header without the payload's own hash and length.
    #[must_use]
    pub fn associated_data(&self) -> Vec<u8> {
        Self { payload: None, ..self.clone() }.to_canonical()
    }

    /// All entries that this one names.
    pub fn names(&self) -> impl Iterator<Item = EntryId> + '_ {
        let (epoch, deps, erase): (Option<EntryId>, &[EntryId], Option<EntryId>) = match &self.body {
            Body::Revision { epoch, deps } => (Some(*epoch), deps, None),
            Body::Receipt { erase } => (None, &[], Some(*erase)),
            Body::Genesis { .. }
            | Body::Grant { .. }
            | Body::Revoke { .. }
            | Body::Withdraw { .. }
            | Body::Erase
            | Body::Key { .. }
            | Body::Response { .. } => (None, &[], None),
        };
        self.parents.iter().chain(deps).copied().chain(self.previous).chain(self.under).chain(epoch).chain(erase)
    }

    /// Checks what can be checked of a header alone.
    ///
    /// # Errors
    /// When no document could hold it.
    pub fn check_form(&self) -> Result<(), FormError> {
        if let Body::Genesis { .. } = self.body {
            let first = self.document.is_none() && self.parents.is_empty() && self.previous.is_none() && self.under.is_none();
            if !first || self.seq != 0 {
                return Err(FormError::Genesis);
            }
        } else if self.document.is_none() {
            return Err(FormError::NoDocument);
        }
        self.check_author()?;
        if (self.seq == 0) != self.previous.is_none() {
            return Err(FormError::Chain);
        }
        let quota = match (self.author, self.plane()) {
            (Author::Root(_), _) => limits::ROOT_CHAIN_ENTRIES,
            (Author::Device(_), Plane::Control) => limits::CONTROL_CHAIN_ENTRIES,
            (Author::Device(_), Plane::Content) => limits::CONTENT_CHAIN_ENTRIES,
        };
        if self.seq >= quota {
            return Err(FormError::Quota(self.seq));
        }
        self.check_keep()?;
        self.check_parts()
    }

    fn check_author(&self) -> Result<(), FormError> {
        let fits = match (self.author, &self.body) {
            (Author::Root(root), Body::Revoke { principal: Principal::Device(_), .. }) => {
                root == self.organisation && self.under.is_none() && !self.parents.is_empty()
            }
            (Author::Root(_), _) => false,
            (Author::Device(_), Body::Genesis { .. }) => true,
            (Author::Device(_), _) => self.under.is_some(),
        };
        if fits { Ok(()) } else { Err(FormError::Author) }
    }

    fn check_keep(&self) -> Result<(), FormError> {
        let Body::Revoke { principal, keep } = &self.body else { return Ok(()) };
        let fits = keep.iter().all(|keep| match (principal, keep.author) {
            (Principal::Anyone, _) | (Principal::Device(_), Author::Root(_)) => false,
            (Principal::Organisation(organisation), Author::Root(root)) => *organisation == root,
            // Which devices were the organisation's is known only when their entries are.
            (Principal::Organisation(_), Author::Device(_)) => true,
            (Principal::Device(device), Author::Device(author)) => *device == author,
        });
        if fits { Ok(()) } else { Err(FormError::Keep) }
    }

    fn check_parts(&self) -> Result<(), FormError> {
        let (payload, wraps) = match &self.body {
            Body::Key { .. } => (false, true),
            Body::Revision { .. } => (true, false),
            Body::Response { .. } => (true, true),
            Body::Genesis { .. }
            | Body::Grant { .. }
            | Body::Revoke { .. }
            | Body::Withdraw { .. }
            | Body::Erase
            | Body::Receipt { .. } => (false, false),
        };
        if (self.payload.is_some(), self.wraps.is_some()) != (payload, wraps) {
            return Err(FormError::Parts(self.body.name()));
        }
        for (part, limit) in [(self.payload, limits::PAYLOAD_BYTES), (self.wraps, limits::WRAPS_BYTES)] {
            if let Some(Part { length, .. }) = part
                && usize::try_from(length).map_or(true, |length| length > limit)
            {
                return Err(FormError::PartLength { limit, found: length });
            }
        }
        Ok(())
    }
}

fn write_document(w: &mut Writer, document: Option<&DocumentId>) {
    w.array(11);
    w.uint(0);
    w.option(document, |w, id| w.bytes(id.as_bytes()));
}

fn write_part(w: &mut Writer, part: &Part) {
    w.array(2);
    w.bytes(part.hash.as_bytes());
    w.uint(part.length);
}

fn read_part(r: &mut Reader<'_>) -> Result<Part, CodecError> {
    r.array(2, "a part")?;
    Ok(Part { hash: Hash::new(r.fixed("a hash of 32 bytes")?), length: r.uint("a length")? })
}

impl Canonical for Header {
    const WHAT: &'static str = "a header";
    const LIMIT: usize = limits::HEADER_BYTES;

    fn write(&self, w: &mut Writer) {
        write_document(w, self.document.as_ref());
        self.write_author(w);
        w.option(self.under.as_ref(), write_entry_id);
        w.uint(self.seq);
        w.option(self.previous.as_ref(), write_entry_id);
        w.list(&self.parents, write_entry_id);
        self.body.write(w);
        w.option(self.payload.as_ref(), write_part);
        w.option(self.wraps.as_ref(), write_part);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(11, "a header")?;
        r.tag("version of an entry", |version| (version == 0).then_some(()))?;
        Ok(Self {
            document: r.option(|r| Ok(DocumentId::new(r.fixed("a document id of 32 bytes")?)))?,
            organisation: OrganisationId::new(r.fixed("an organisation of 32 bytes")?),
            author: Author::read(r)?,
            under: r.option(read_entry_id)?,
            seq: r.uint("a seq")?,
            previous: r.option(read_entry_id)?,
            parents: r.ascending(limits::PARENTS, "parents", read_entry_id, |id| *id)?,
            body: Body::read(r)?,
            payload: r.option(read_part)?,
            wraps: r.option(read_part)?,
        })
    }
}
