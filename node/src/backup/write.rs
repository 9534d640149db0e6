//! Writing a backup.

use super::{BackupError, CHUNK_BYTES, Header, LAST, MAGIC, Part, SETTINGS_BYTES, VERSION};
use crate::keys::{self, Keys};
use crate::{config, storage};
use aead_stream::EncryptorBE32;
use chacha20poly1305::ChaCha20Poly1305;
use csu_protocol::codec::Canonical;
use csu_protocol::entropy::Entropy;
use csu_protocol::id::Hash;
use csu_protocol::identity::{DeviceKey, RecoveryKey, SignedCard, sign_backup};
use csu_protocol::time::Timestamp;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use zeroize::Zeroizing;

/// Whose backup it is and what it is sealed for.
#[derive(Debug)]
pub struct Sealing {
    card: SignedCard,
    device: DeviceKey,
    recovery: RecoveryKey,
}

impl Sealing {
    /// How backups of the node with these keys are sealed.
    ///
    /// # Errors
    /// When the key that they are sealed for was never set, or cannot be read.
    pub fn new(data: &Path, keys: &Keys) -> Result<Self, BackupError> {
        let recovery = keys::recovery_key(data, keys.card().card().organisation)?;
        Ok(Self {
            card: keys.card().clone(),
            device: DeviceKey::from_seed(keys.seed()),
            recovery: recovery.ok_or(BackupError::NoRecoveryKey)?,
        })
    }

    #[cfg(test)]
    pub(super) fn of(card: SignedCard, device: DeviceKey, recovery: RecoveryKey) -> Self {
        Self { card, device, recovery }
    }
}

/// Writes a backup of a data folder, beside a node that may be at work in it. `at` is now. Nothing is written before the copy of
/// the database is made.
///
/// # Errors
/// When the database cannot be copied or what it is written to takes no more. What was written then is no backup.
pub fn write(data: &Path, sealing: &Sealing, at: Timestamp, out: &mut dyn Write) -> Result<Header, BackupError> {
    let settings = settings(data)?;
    let snapshot = storage::snapshot(data)?;
    let mut parts: Vec<Source> = Vec::new();
    if let Some(settings) = settings {
        parts.push((Part::Settings, settings.len() as u64, Box::new(std::io::Cursor::new(settings))));
    }
    parts.push((Part::Database, snapshot.bytes, Box::new(snapshot.file)));
    seal(sealing, at, snapshot.documents, parts, out)
}

/// A part, its length and its bytes.
pub(crate) type Source = (Part, u64, Box<dyn Read>);

/// Seals and signs these parts.
pub(crate) fn seal(
    sealing: &Sealing,
    at: Timestamp,
    documents: u64,
    parts: Vec<Source>,
    out: &mut dyn Write,
) -> Result<Header, BackupError> {
    let content = parts.iter().map(|(_, length, _)| length.saturating_add(9)).sum::<u64>().saturating_add(1);
    let header = Header { card: sealing.card.clone(), written: at, documents, content };

    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(BackupError::Entropy)?;
    let mut out = Hashed { out, hasher: blake3::Hasher::new() };
    let bytes = header.to_canonical();
    out.put(MAGIC)?;
    out.put(&VERSION.to_le_bytes())?;
    out.put(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes())?;
    out.put(&bytes)?;
    let drawn = sealing.recovery.draw_backup_key(&out.hash(), &mut Entropy::from_seed(*seed));
    let (encapsulated, key) = drawn.map_err(|_| BackupError::NoRecoveryKey)?;
    out.put(&encapsulated)?;

    let cipher = EncryptorBE32::new(&(*key).into(), &[0; 7].into());
    let mut chunks = Chunks { out, cipher, filled: Zeroizing::new(Vec::with_capacity(CHUNK_BYTES)) };
    for (part, length, mut from) in parts {
        chunks.put(&[part.tag()])?;
        chunks.put(&length.to_le_bytes())?;
        chunks.take(&mut *from, length)?;
    }
    chunks.put(&[0])?;
    let mut out = chunks.end()?;
    let signature = sign_backup(&sealing.device, &out.hash());
    out.put(signature.as_bytes())?;
    out.out.flush().map_err(BackupError::Unwritten)?;
    Ok(header)
}

fn settings(data: &Path) -> Result<Option<Vec<u8>>, BackupError> {
    let file = match File::open(data.join(config::FILE)) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(BackupError::Settings(error)),
    };
    let mut bytes = Vec::new();
    file.take(SETTINGS_BYTES + 1).read_to_end(&mut bytes).map_err(BackupError::Settings)?;
    if bytes.len() as u64 > SETTINGS_BYTES {
        return Err(BackupError::Settings(std::io::Error::other("it is too long")));
    }
    Ok(Some(bytes))
}

/// Hashes what goes out.
struct Hashed<'a> {
    out: &'a mut dyn Write,
    hasher: blake3::Hasher,
}

impl Hashed<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.hasher.update(bytes);
        self.out.write_all(bytes).map_err(BackupError::Unwritten)
    }

    fn hash(&self) -> Hash {
        Hash::new(*self.hasher.finalize().as_bytes())
    }
}

/// Seals what goes out, a chunk at a time.
struct Chunks<'a> {
    out: Hashed<'a>,
    cipher: EncryptorBE32<ChaCha20Poly1305>,
    filled: Zeroizing<Vec<u8>>,
}

impl<'a> Chunks<'a> {
    fn put(&mut self, mut bytes: &[u8]) -> Result<(), BackupError> {
        while !bytes.is_empty() {
            self.make_room()?;
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK_BYTES - self.filled.len()));
            self.filled.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    fn take(&mut self, from: &mut dyn Read, length: u64) -> Result<(), BackupError> {
        let mut left = length;
        while left > 0 {
            self.make_room()?;
            let room = u64::try_from(CHUNK_BYTES - self.filled.len()).unwrap_or(0).min(left);
            let read = from.take(room).read_to_end(&mut self.filled).map_err(BackupError::Unwritten)? as u64;
            if read == 0 {
                return Err(BackupError::Unwritten(std::io::Error::other("the copy of the database is shorter than it was")));
            }
            left = left.saturating_sub(read);
        }
        Ok(())
    }

    /// A full chunk is sealed only when more follows: the last one is never empty.
    fn make_room(&mut self) -> Result<(), BackupError> {
        if self.filled.len() < CHUNK_BYTES {
            return Ok(());
        }
        let sealed = self.cipher.encrypt_next(self.filled.as_slice()).map_err(|_| too_long())?;
        self.filled.clear();
        send(&mut self.out, &sealed, 0)
    }

    fn end(mut self) -> Result<Hashed<'a>, BackupError> {
        let sealed = self.cipher.encrypt_last(self.filled.as_slice()).map_err(|_| too_long())?;
        send(&mut self.out, &sealed, LAST)?;
        Ok(self.out)
    }
}

fn send(out: &mut Hashed<'_>, sealed: &[u8], last: u32) -> Result<(), BackupError> {
    let length = u32::try_from(sealed.len()).map_err(|_| too_long())?;
    out.put(&(length | last).to_le_bytes())?;
    out.put(sealed)
}

fn too_long() -> BackupError {
    BackupError::Unwritten(std::io::Error::other("it would have more than 2^32 chunks"))
}
