//! Backups: a node's whole data but its keys, in one file that the recovery phrase alone opens.
//!
//! ```text
//!   database ── VACUUM INTO ──► copy without a name ─┐
//!   csu.toml ────────────────────────────────────────┴─► chunks, sealed for the recovery key ─► signed by the device
//! ```
//!
//! # Invariants
//!
//! - The node can write a backup and cannot read one: the key opens with the root secret, which is in the phrase and nowhere else.
//! - Neither the device's seed nor a card's secret nor anything of a passphrase is in it. A restored node has a device of its own.
//! - Nothing of a file is believed before its signature was checked by the card in it, and that card by the organisation's root
//!   key; what is unpacked before that lies in a folder that is destroyed if the check fails.
//! - Memory is bounded by a chunk, whatever a file says of itself.
//!
//! # The file
//!
//! | bytes | what |
//! |---|---|
//! | 16 | `csu-link backup` and a line feed |
//! | 4 | version of the format, least significant byte first: 0 |
//! | 4 | length of the header, as before; at most [`HEADER_BYTES`] |
//! | | header: canonical CBOR, see [`Header`]. Readable by anybody |
//! | 32 | HPKE's encapsulated key; the backup's key is bound to the hash of everything before |
//! | 4 + n | a chunk: its length, whose highest bit says that it is the last; then at most [`CHUNK_BYTES`] sealed with ChaCha20-Poly1305 and their tag of 16 bytes. All but the last are full. The nonce is STREAM's (Hoang and others, 2015): 7 zero bytes, a counter of 4 bytes, most significant first, and whether it is the last |
//! | 64 | Ed25519 signature of the device in the header's card over the BLAKE3 hash of everything before, for `csu-link 0 backup` |
//!
//! What is sealed is a list of parts: a byte that says which ([`Part`]), its length in 8 bytes, its bytes; a zero byte ends the list.
//! It is not compressed: nearly all of it is sealed entries, which do not get smaller.

mod error;
mod read;
mod write;

pub use error::BackupError;
pub use read::{Checked, Content, check, header};
#[cfg(test)]
pub(crate) use write::seal;
pub use write::{Sealing, write};

use csu_protocol::codec::{Canonical, CodecError, Reader, Writer};
use csu_protocol::identity::{Card, Signature, SignedCard};
use csu_protocol::limits;
use csu_protocol::time::Timestamp;

/// What a backup begins with.
const MAGIC: &[u8; 16] = b"csu-link backup\n";
/// The version of the format that is written, and the newest that is read.
const VERSION: u32 = 0;
/// The longest header.
pub const HEADER_BYTES: usize = 1024;
/// How much is sealed at a time.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// What sealing adds to a chunk.
const TAG_BYTES: usize = 16;
/// Says of a chunk's length that it is the last one.
const LAST: u32 = 1 << 31;
/// The largest configuration file.
const SETTINGS_BYTES: u64 = 64 * 1024;

/// What a backup says of itself to anybody who has the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The organisation's card when it was written: whose it is, by which device, of which generation.
    pub card: SignedCard,
    /// When it was written, by that node's clock.
    pub written: Timestamp,
    /// How many documents it holds.
    pub documents: u64,
    /// How many bytes are sealed in it.
    pub content: u64,
}

impl Canonical for Header {
    const WHAT: &'static str = "a backup's header";
    const LIMIT: usize = HEADER_BYTES;

    fn write(&self, w: &mut Writer) {
        w.array(5);
        w.bytes(&self.card.card().to_canonical());
        w.bytes(self.card.signature().as_bytes());
        w.uint(self.written.as_ms());
        w.uint(self.documents);
        w.uint(self.content);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(5, "a backup's header")?;
        let card = Card::from_canonical(r.bytes(limits::CARD_BYTES, "a card")?)?;
        let signature = Signature::new(r.fixed("a signature")?);
        let card = SignedCard::verify(card, signature).map_err(|_| r.malformed("a card that its root key signed"))?;
        Ok(Self {
            card,
            written: Timestamp::from_ms(r.uint("a time")?),
            documents: r.uint("a number of documents")?,
            content: r.uint("a number of bytes")?,
        })
    }
}

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `csu.toml` of the data folder. May be missing.
    Settings,
    /// The database.
    Database,
}

impl Part {
    const fn tag(self) -> u8 {
        match self {
            Self::Settings => 1,
            Self::Database => 2,
        }
    }

    fn of(tag: u8) -> Option<Self> {
        [Self::Settings, Self::Database].into_iter().find(|part| part.tag() == tag)
    }
}

#[cfg(test)]
mod tests;
