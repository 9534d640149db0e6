//! What an entry does, and the small types it says it with.

use crate::codec::{Canonical, CodecError, Reader, Writer};
use crate::id::{DeviceId, EntryId, OrganisationId};
use crate::limits;
use crate::time::Timestamp;
use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};

/// What a grant allows. Each role includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Holds and forwards ciphertext.
    Relay,
    /// Reads, and responds.
    Read,
    /// Revises.
    Write,
    /// Grants, revokes and withdraws.
    Admin,
}

impl Role {
    /// All roles, from the least.
    pub const ALL: [Self; 4] = [Self::Relay, Self::Read, Self::Write, Self::Admin];

    const fn tag(self) -> u64 {
        match self {
            Self::Relay => 0,
            Self::Read => 1,
            Self::Write => 2,
            Self::Admin => 3,
        }
    }

    pub(crate) fn write(self, w: &mut Writer) {
        w.uint(self.tag());
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.tag("role", |tag| Self::ALL.into_iter().find(|role| role.tag() == tag))
    }

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| format!("'{text}' is no role: use relay, read, write or admin"))
    }
}

/// Why a document was withdrawn. In clear, because former readers must learn it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It was wrong.
    Mistaken,
    /// It says what another document says.
    Duplicate,
    /// Another document takes its place.
    Superseded,
    /// It no longer matters.
    NoLongerNeeded,
    /// Somebody withdrew their consent.
    ConsentWithdrawn,
    /// The law requires it.
    Legal,
    /// None of these.
    Other,
}

impl Reason {
    /// All reasons, in the order of their tags.
    pub const ALL: [Self; 7] =
        [Self::Mistaken, Self::Duplicate, Self::Superseded, Self::NoLongerNeeded, Self::ConsentWithdrawn, Self::Legal, Self::Other];

    const fn tag(self) -> u64 {
        match self {
            Self::Mistaken => 0,
            Self::Duplicate => 1,
            Self::Superseded => 2,
            Self::NoLongerNeeded => 3,
            Self::ConsentWithdrawn => 4,
            Self::Legal => 5,
            Self::Other => 6,
        }
    }

    /// The word for it on a command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mistaken => "mistaken",
            Self::Duplicate => "duplicate",
            Self::Superseded => "superseded",
            Self::NoLongerNeeded => "no-longer-needed",
            Self::ConsentWithdrawn => "consent-withdrawn",
            Self::Legal => "legal",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Reason {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.into_iter().map(Self::as_str).collect();
            format!("'{text}' is no reason: use one of {}", known.join(", "))
        })
    }
}

/// Whom a grant names. Anyone comes before every organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// Whoever asks.
    Anyone,
    /// One organisation.
    Organisation(OrganisationId),
}

impl Subject {
    /// The organisation that it is; none if it is whoever asks.
    #[must_use]
    pub const fn organisation(&self) -> Option<OrganisationId> {
        match self {
            Self::Organisation(organisation) => Some(*organisation),
            Self::Anyone => None,
        }
    }

    pub(crate) fn write(self, w: &mut Writer) {
        match self {
            Self::Anyone => w.null(),
            Self::Organisation(id) => w.bytes(id.as_bytes()),
        }
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let organisation = r.option(|r| Ok(OrganisationId::new(r.fixed("an organisation")?)))?;
        Ok(organisation.map_or(Self::Anyone, Self::Organisation))
    }
}

/// A role given to a subject, for a time or until it is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// Who may.
    pub subject: Subject,
    /// What they may.
    pub role: Role,
    /// When honest nodes stop serving it. In clear, for relays too.
    pub until: Option<Timestamp>,
}

/// Who signed an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Author {
    /// A device of the entry's organisation, as a card says.
    Device(DeviceId),
    /// The root key of the entry's organisation.
    Root(OrganisationId),
}

/// The two planes of a document. Former readers keep receiving control, and no content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plane {
    /// Who may do what; withdrawal and erasure.
    Control,
    /// What the document says.
    Content,
}

/// Who loses by a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Principal {
    /// What was given to anyone.
    Anyone,
    /// An organisation.
    Organisation(OrganisationId),
    /// One device, lost or stolen.
    Device(DeviceId),
}

/// What a revocation leaves standing of one author in one plane: the entry and those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Keep {
    /// Whose chain.
    pub author: Author,
    /// In which plane.
    pub plane: Plane,
    /// The last entry kept.
    pub entry: EntryId,
}

/// What an entry does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Begins a document. Its organisation is the owner.
    Genesis {
        /// The first grants, ascending by subject.
        grants: Vec<Grant>,
        /// Tells two documents begun alike apart.
        nonce: [u8; 16],
    },
    /// Gives roles.
    Grant {
        /// To whom and what, ascending by subject.
        grants: Vec<Grant>,
    },
    /// Takes them.
    Revoke {
        /// From whom.
        principal: Principal,
        /// What of theirs stays, ascending by author and plane.
        keep: Vec<Keep>,
    },
    /// Withdraws the document, for good.
    Withdraw {
        /// Why.
        reason: Reason,
    },
    /// Orders the content plane destroyed everywhere.
    Erase,
    /// Says that an erasure was obeyed.
    Receipt {
        /// The erasure.
        erase: EntryId,
    },
    /// Starts an epoch. The wraps hold its key.
    Key {
        /// What the key must hash to.
        commitment: [u8; 32],
    },
    /// Changes what the document says. The payload holds one Automerge change.
    Revision {
        /// The entry that started the epoch whose key seals the payload.
        epoch: EntryId,
        /// The revisions that the change builds on, ascending.
        deps: Vec<EntryId>,
    },
    /// A reader's statement about the document. The wraps hold the payload's key.
    Response {
        /// What the key must hash to.
        commitment: [u8; 32],
    },
}

impl Body {
    /// The grants that it gives, if it gives any.
    #[must_use]
    pub fn grants(&self) -> &[Grant] {
        match self {
            Self::Genesis { grants, .. } | Self::Grant { grants } => grants,
            Self::Revoke { .. }
            | Self::Withdraw { .. }
            | Self::Erase
            | Self::Receipt { .. }
            | Self::Key { .. }
            | Self::Revision { .. }
            | Self::Response { .. } => &[],
        }
    }

    /// The plane of entries that do this.
    #[must_use]
    pub const fn plane(&self) -> Plane {
        match self {
            Self::Genesis { .. }
            | Self::Grant { .. }
            | Self::Revoke { .. }
            | Self::Withdraw { .. }
            | Self::Erase
            | Self::Receipt { .. } => Plane::Control,
            Self::Key { .. } | Self::Revision { .. } | Self::Response { .. } => Plane::Content,
        }
    }

    /// The word for it in logs and listings.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Genesis { .. } => "genesis",
            Self::Grant { .. } => "grant",
            Self::Revoke { .. } => "revoke",
            Self::Withdraw { .. } => "withdraw",
            Self::Erase => "erase",
            Self::Receipt { .. } => "receipt",
            Self::Key { .. } => "key",
            Self::Revision { .. } => "revision",
            Self::Response { .. } => "response",
        }
    }
}

// Tags of bodies. Control below 16, content from 16. Once published, a tag is never given away again.
const GENESIS: u64 = 0;
const GRANT: u64 = 1;
const REVOKE: u64 = 2;
const WITHDRAW: u64 = 3;
const ERASE: u64 = 4;
const RECEIPT: u64 = 5;
const KEY: u64 = 16;
const REVISION: u64 = 17;
const RESPONSE: u64 = 18;
// 19 is reserved for signed snapshots.

pub(super) fn write_entry_id(w: &mut Writer, id: &EntryId) {
    w.bytes(id.as_bytes());
}

pub(super) fn read_entry_id(r: &mut Reader<'_>) -> Result<EntryId, CodecError> {
    Ok(EntryId::new(r.fixed("an entry id of 32 bytes")?))
}

fn write_grants(w: &mut Writer, grants: &[Grant]) {
    w.list(grants, |w, grant| {
        w.array(3);
        grant.subject.write(w);
        grant.role.write(w);
        w.option(grant.until.as_ref(), |w, until| w.uint(until.as_ms()));
    });
}

fn read_grants(r: &mut Reader<'_>) -> Result<Vec<Grant>, CodecError> {
    r.ascending(
        limits::GRANTS,
        "grants",
        |r| {
            r.array(3, "a grant")?;
            Ok(Grant { subject: Subject::read(r)?, role: Role::read(r)?, until: r.option(|r| Ok(Timestamp::from_ms(r.uint("an end")?)))? })
        },
        |grant| grant.subject,
    )
}

impl Author {
    pub(super) fn write(&self, w: &mut Writer) {
        w.array(2);
        match self {
            Self::Device(id) => {
                w.uint(0);
                w.bytes(id.as_bytes());
            }
            Self::Root(id) => {
                w.uint(1);
                w.bytes(id.as_bytes());
            }
        }
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(2, "an author")?;
        let root = r.tag("kind of author", |tag| (tag <= 1).then_some(tag == 1))?;
        let key = r.fixed("a key of 32 bytes")?;
        Ok(if root { Self::Root(OrganisationId::new(key)) } else { Self::Device(DeviceId::new(key)) })
    }

    /// The key whose signature the entry bears.
    #[must_use]
    pub const fn key(&self) -> &[u8; 32] {
        match self {
            Self::Device(id) => id.as_bytes(),
            Self::Root(id) => id.as_bytes(),
        }
    }
}

impl Principal {
    fn write(self, w: &mut Writer) {
        match self {
            Self::Anyone => {
                w.array(1);
                w.uint(0);
            }
            Self::Organisation(id) => {
                w.array(2);
                w.uint(1);
                w.bytes(id.as_bytes());
            }
            Self::Device(id) => {
                w.array(2);
                w.uint(2);
                w.bytes(id.as_bytes());
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let items = r.array_up_to(2, "a principal")?;
        let tag = r.tag("kind of principal", |tag| (tag <= 2).then_some(tag))?;
        match (items, tag) {
            (1, 0) => Ok(Self::Anyone),
            (2, 1) => Ok(Self::Organisation(OrganisationId::new(r.fixed("an organisation")?))),
            (2, 2) => Ok(Self::Device(DeviceId::new(r.fixed("a device")?))),
            _ => Err(r.malformed("a principal")),
        }
    }
}

impl Plane {
    /// Control, then content: the order in which they are reconciled.
    pub const ALL: [Self; 2] = [Self::Control, Self::Content];

    pub(crate) const fn tag(self) -> u64 {
        match self {
            Self::Control => 0,
            Self::Content => 1,
        }
    }

    pub(crate) fn from_tag(tag: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|plane| plane.tag() == tag)
    }
}

impl Canonical for Body {
    const WHAT: &'static str = "a body";
    const LIMIT: usize = limits::HEADER_BYTES;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Genesis { grants, nonce } => {
                w.array(3);
                w.uint(GENESIS);
                write_grants(w, grants);
                w.bytes(nonce);
            }
            Self::Grant { grants } => {
                w.array(2);
                w.uint(GRANT);
                write_grants(w, grants);
            }
            Self::Revoke { principal, keep } => {
                w.array(3);
                w.uint(REVOKE);
                principal.write(w);
                w.list(keep, |w, keep| {
                    w.array(3);
                    keep.author.write(w);
                    w.uint(keep.plane.tag());
                    write_entry_id(w, &keep.entry);
                });
            }
            Self::Withdraw { reason } => {
                w.array(2);
                w.uint(WITHDRAW);
                w.uint(reason.tag());
            }
            Self::Erase => {
                w.array(1);
                w.uint(ERASE);
            }
            Self::Receipt { erase } => {
                w.array(2);
                w.uint(RECEIPT);
                write_entry_id(w, erase);
            }
            Self::Key { commitment } => {
                w.array(2);
                w.uint(KEY);
                w.bytes(commitment);
            }
            Self::Revision { epoch, deps } => {
                w.array(3);
                w.uint(REVISION);
                write_entry_id(w, epoch);
                w.list(deps, write_entry_id);
            }
            Self::Response { commitment } => {
                w.array(2);
                w.uint(RESPONSE);
                w.bytes(commitment);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let items = r.array_up_to(3, "a body")?;
        let tag = r.tag("kind of entry", |tag| (tag <= RECEIPT || (KEY..=RESPONSE).contains(&tag)).then_some(tag))?;
        match (tag, items) {
            (GENESIS, 3) => Ok(Self::Genesis { grants: read_grants(r)?, nonce: r.fixed("a nonce of 16 bytes")? }),
            (GRANT, 2) => Ok(Self::Grant { grants: read_grants(r)? }),
            (REVOKE, 3) => Ok(Self::Revoke {
                principal: Principal::read(r)?,
                keep: r.ascending(
                    limits::KEEPS,
                    "keeps",
                    |r| {
                        r.array(3, "a keep")?;
                        Ok(Keep { author: Author::read(r)?, plane: r.tag("plane", Plane::from_tag)?, entry: read_entry_id(r)? })
                    },
                    // One entry for each author and plane: the entry is no part of the order.
                    |keep| (keep.author, keep.plane),
                )?,
            }),
            (WITHDRAW, 2) => {
                Ok(Self::Withdraw { reason: r.tag("reason", |tag| Reason::ALL.into_iter().find(|reason| reason.tag() == tag))? })
            }
            (ERASE, 1) => Ok(Self::Erase),
            (RECEIPT, 2) => Ok(Self::Receipt { erase: read_entry_id(r)? }),
            (KEY, 2) => Ok(Self::Key { commitment: r.fixed("a commitment of 32 bytes")? }),
            (REVISION, 3) => {
                Ok(Self::Revision { epoch: read_entry_id(r)?, deps: r.ascending(limits::DEPS, "deps", read_entry_id, |id| *id)? })
            }
            (RESPONSE, 2) => Ok(Self::Response { commitment: r.fixed("a commitment of 32 bytes")? }),
            _ => Err(r.malformed("a body with the items of its kind")),
        }
    }
}
