//! From bytes to an entry whose author is known.

use super::{Author, FormError, Header, Part};
use crate::codec::{Canonical, CodecError};
use crate::id::{DocumentId, EntryId, Hash};
use crate::identity::{DeviceKey, IdentityError, RootKey, Signature, Verifier};

const DOMAIN: &str = "csu-link 0 entry";

/// Why an entry was refused on its own account. Whoever sent it is to blame; nothing was kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Its header does not decode.
    #[error("the header cannot be read: {0}")]
    Header(#[from] CodecError),
    /// Its header fits no document.
    #[error("the header is not well-formed: {0}")]
    Form(#[from] FormError),
    /// A part is missing, or is not the one the header commits to.
    #[error("the {part} of entry {entry} is not the one its header names")]
    Part {
        /// Which entry.
        entry: EntryId,
        /// Which part.
        part: &'static str,
    },
    /// Its signature does not fit.
    #[error(transparent)]
    Signature(#[from] IdentityError),
}

/// An entry as it came: bytes within bounds, and nothing known of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedEntry {
    /// Canonical header bytes, if the sender is honest.
    pub header: Vec<u8>,
    /// The author's signature.
    pub signature: Signature,
    /// The sealed payload.
    pub payload: Option<Vec<u8>>,
    /// The wrapped keys.
    pub wraps: Option<Vec<u8>>,
}

impl SignedEntry {
    /// Decodes the header, checks its form, that the parts are those it commits to, and the signature.
    ///
    /// # Errors
    /// When any of that fails.
    pub fn verify(self) -> Result<VerifiedEntry, EntryError> {
        self.verify_by(&mut Verifier::default())
    }

    /// The same, one of several.
    ///
    /// # Errors
    /// When any of that fails.
    pub fn verify_by(self, verifier: &mut Verifier) -> Result<VerifiedEntry, EntryError> {
        let entry = self.reopen()?;
        verifier.verify(entry.header.author.key(), DOMAIN, entry.id.as_bytes(), &entry.signed.signature, "an entry")?;
        Ok(entry)
    }

    /// As [`Self::verify`], without the signature: for entries from the node's own store, which were
    /// verified before they were written there. The rest is checked again, against a failing disk.
    ///
    /// # Errors
    /// When the bytes are not what was written.
    pub fn reopen(self) -> Result<VerifiedEntry, EntryError> {
        let header = Header::from_canonical(&self.header)?;
        header.check_form()?;
        let id = EntryId::new(*Hash::of(&self.header).as_bytes());
        for (named, bytes, part) in [(header.payload, &self.payload, "payload"), (header.wraps, &self.wraps, "wrapped keys")] {
            if named != bytes.as_deref().map(Part::of) {
                return Err(EntryError::Part { entry: id, part });
            }
        }
        Ok(VerifiedEntry { id, header, signed: self })
    }
}

/// What is left of an entry whose detached parts were destroyed: header and signature, which prove who signed what when
/// in the graph, and commit to parts that this node does not have any more. It counts as before, and is never sent:
/// whoever lacks the entry gets it whole from somebody else, or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remains {
    id: EntryId,
    header: Header,
}

impl Remains {
    /// Of bytes that the node's own store still has, which were verified before they were written there.
    ///
    /// # Errors
    /// When the header is not what was written, names no parts, or one of them is still there.
    pub fn reopen(signed: &SignedEntry) -> Result<Self, EntryError> {
        let header = Header::from_canonical(&signed.header)?;
        header.check_form()?;
        let id = EntryId::new(*Hash::of(&signed.header).as_bytes());
        let had_parts = header.payload.is_some() || header.wraps.is_some();
        if had_parts && signed.payload.is_none() && signed.wraps.is_none() {
            return Ok(Self { id, header });
        }
        Err(EntryError::Part { entry: id, part: "destroyed part" })
    }

    /// BLAKE3 of the header.
    #[must_use]
    pub const fn id(&self) -> EntryId {
        self.id
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }
}

/// Who signs: a device, or a root key for the one thing it may do.
#[derive(Debug, Clone, Copy)]
pub enum Signer<'k> {
    /// The node's own device.
    Device(&'k DeviceKey),
    /// The organisation's root key.
    Root(&'k RootKey),
}

impl Signer<'_> {
    /// The author that entries signed so have.
    #[must_use]
    pub fn author(&self) -> Author {
        match self {
            Self::Device(key) => Author::Device(key.device()),
            Self::Root(key) => Author::Root(key.organisation()),
        }
    }
}

/// An entry that is canonical, well-formed, complete and signed by its author. Whether its author
/// might do what it does is another question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedEntry {
    id: EntryId,
    header: Header,
    signed: SignedEntry,
}

impl VerifiedEntry {
    /// Signs a header. Its author must be the signer's.
    ///
    /// # Errors
    /// When the header is not well-formed, or the parts are not those it commits to.
    pub fn sign(header: Header, payload: Option<Vec<u8>>, wraps: Option<Vec<u8>>, signer: Signer<'_>) -> Result<Self, EntryError> {
        let bytes = header.to_canonical();
        let hash = Hash::of(&bytes);
        let signature = match signer {
            Signer::Device(key) => key.sign(DOMAIN, hash.as_bytes()),
            Signer::Root(key) => key.sign(DOMAIN, hash.as_bytes()),
        };
        SignedEntry { header: bytes, signature, payload, wraps }.verify()
    }

    /// BLAKE3 of the header.
    #[must_use]
    pub const fn id(&self) -> EntryId {
        self.id
    }

    /// The document it belongs to: for a genesis, the one it begins.
    #[must_use]
    pub fn document(&self) -> DocumentId {
        self.header.document.unwrap_or_else(|| self.id.into())
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The bytes as they travel and are stored.
    #[must_use]
    pub const fn signed(&self) -> &SignedEntry {
        &self.signed
    }

    /// The bytes, taken out.
    #[must_use]
    pub fn into_signed(self) -> SignedEntry {
        self.signed
    }
}
