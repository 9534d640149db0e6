//! Reading a backup. Everything in it is somebody else's until the signature at its end was checked.

use super::{BackupError, CHUNK_BYTES, HEADER_BYTES, Header, LAST, MAGIC, Part, TAG_BYTES, VERSION};
use aead_stream::DecryptorBE32;
use chacha20poly1305::ChaCha20Poly1305;
use csu_protocol::codec::Canonical;
use csu_protocol::id::Hash;
use csu_protocol::identity::{RootKey, Signature, verify_backup};
use std::io::{self, ErrorKind, Read};
use zeroize::Zeroizing;

/// A backup that was looked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What it says of itself.
    pub header: Header,
    /// How long the file is.
    pub bytes: u64,
}

/// The header of a backup. Nobody has signed it yet but for its card.
///
/// # Errors
/// When the file is no backup, newer, cut off or damaged within its header.
pub fn header(from: &mut dyn Read) -> Result<Header, BackupError> {
    Ok(begin(from)?.0)
}

/// Looks through a whole backup without opening it: that it is whole, as it was written, and written by the device in its card.
///
/// # Errors
/// When it is not.
pub fn check(from: &mut dyn Read) -> Result<Checked, BackupError> {
    let (header, mut from, _) = begin(from)?;
    let mut sealed = Vec::new();
    let mut content = 0_u64;
    loop {
        let last = chunk(&mut from, &mut sealed)?;
        content = content.saturating_add((sealed.len() - TAG_BYTES) as u64);
        if last {
            break;
        }
    }
    if content != header.content {
        return Err(BackupError::Damaged("it holds more or less than it says"));
    }
    end(&header, &mut from)?;
    Ok(Checked { header, bytes: from.bytes })
}

/// The parts of a backup, opened.
///
/// [`Self::part`] and [`Self::read`](Read::read) give what is in it, piece by piece; only when [`Self::end`] is content was all of it
/// what the device in its card has written.
pub struct Content<'a> {
    header: Header,
    from: Hashed<'a>,
    cipher: Option<DecryptorBE32<ChaCha20Poly1305>>,
    sealed: Vec<u8>,
    plain: Zeroizing<Vec<u8>>,
    taken: usize,
    /// What is left of the part that is being read.
    left: u64,
}

impl std::fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Content").field("header", &self.header).finish_non_exhaustive()
    }
}

impl<'a> Content<'a> {
    /// Begins to open a backup.
    ///
    /// # Errors
    /// When the file is no backup, newer, cut off or damaged within its header, or the phrase is another organisation's.
    pub fn open(from: &'a mut dyn Read, root: &RootKey) -> Result<Self, BackupError> {
        let (header, from, (bound, encapsulated)) = begin(from)?;
        let card = header.card.card();
        if card.organisation != root.organisation() {
            return Err(BackupError::WrongPhrase { name: card.name.to_string() });
        }
        let key = root.open_backup_key(&encapsulated, &bound).map_err(|_| BackupError::Damaged("its key was changed"))?;
        let cipher = Some(DecryptorBE32::new(&(*key).into(), &[0; 7].into()));
        Ok(Self { header, from, cipher, sealed: Vec::new(), plain: Zeroizing::new(Vec::new()), taken: 0, left: 0 })
    }

    /// What it says of itself.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// How much of the file was read.
    #[must_use]
    pub const fn bytes_read(&self) -> u64 {
        self.from.bytes
    }

    /// The next part and its length in bytes; none behind the last. The part before must have been read to its end.
    ///
    /// # Errors
    /// When the file is cut off, damaged, or holds what this version does not know.
    pub fn part(&mut self) -> Result<Option<(Part, u64)>, BackupError> {
        if self.left > 0 {
            return Err(BackupError::Damaged("a part of it was not read"));
        }
        let mut tag = [0; 1];
        self.fill(&mut tag)?;
        if tag == [0] {
            return Ok(None);
        }
        let part = Part::of(tag[0]).ok_or(BackupError::Damaged("it holds a part that this version does not know"))?;
        let mut length = [0; 8];
        self.fill(&mut length)?;
        self.left = u64::from_le_bytes(length);
        if self.left > self.header.content {
            return Err(BackupError::Damaged("a part is longer than the whole"));
        }
        Ok(Some((part, self.left)))
    }

    /// Some bytes of the part; none at its end.
    ///
    /// # Errors
    /// When the file is cut off or damaged.
    pub fn read(&mut self) -> Result<&[u8], BackupError> {
        if self.left == 0 {
            return Ok(&[]);
        }
        self.more()?;
        let from = self.taken;
        let length = (self.plain.len() - from).min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.taken += length;
        self.left -= length as u64;
        Ok(&self.plain[from..self.taken])
    }

    /// Checks that nothing follows, and that all of it was signed by the device in the header's card.
    ///
    /// # Errors
    /// When that is not so: whatever was read of it must be thrown away.
    pub fn end(mut self) -> Result<Checked, BackupError> {
        if self.left > 0 || self.cipher.is_some() || self.taken != self.plain.len() {
            return Err(BackupError::Damaged("something follows behind its last part"));
        }
        end(&self.header, &mut self.from)?;
        Ok(Checked { header: self.header, bytes: self.from.bytes })
    }

    fn fill(&mut self, into: &mut [u8]) -> Result<(), BackupError> {
        for byte in into {
            self.more()?;
            *byte = self.plain[self.taken];
            self.taken += 1;
        }
        Ok(())
    }

    /// Opens the next chunk if this one is used up.
    fn more(&mut self) -> Result<(), BackupError> {
        if self.taken < self.plain.len() {
            return Ok(());
        }
        let Some(mut cipher) = self.cipher.take() else { return Err(BackupError::Damaged("its last part has no end")) };
        let last = chunk(&mut self.from, &mut self.sealed)?;
        let opened = if last {
            cipher.decrypt_last(self.sealed.as_slice())
        } else {
            let opened = cipher.decrypt_next(self.sealed.as_slice());
            self.cipher = Some(cipher);
            opened
        };
        let Ok(opened) = opened else {
            // Damage, which the signature shows, or truly sealed for something else.
            while !last && !chunk(&mut self.from, &mut self.sealed)? {}
            return Err(end(&self.header, &mut self.from).err().unwrap_or(BackupError::Unopened));
        };
        self.plain = Zeroizing::new(opened);
        self.taken = 0;
        Ok(())
    }
}

/// What the backup's key is bound to, and what stands in the file so that the phrase opens it.
type Bound = (Hash, [u8; 32]);

/// The header, and what follows it.
fn begin(from: &mut dyn Read) -> Result<(Header, Hashed<'_>, Bound), BackupError> {
    let mut from = Hashed { from, hasher: blake3::Hasher::new(), bytes: 0 };
    let mut magic = [0; MAGIC.len()];
    match from.take(&mut magic) {
        Err(BackupError::CutOff) => return Err(BackupError::NotABackup),
        other => other?,
    }
    if magic != *MAGIC {
        return Err(BackupError::NotABackup);
    }
    let found = from.number()?;
    if found > VERSION {
        return Err(BackupError::Newer { found, known: VERSION });
    }
    let length = usize::try_from(from.number()?).unwrap_or(usize::MAX);
    if length > HEADER_BYTES {
        return Err(BackupError::Damaged("its header is too long"));
    }
    let mut bytes = vec![0; length];
    from.take(&mut bytes)?;
    let header = Header::from_canonical(&bytes).map_err(|_| BackupError::Damaged("its header cannot be read"))?;
    let bound = from.hash();
    let mut encapsulated = [0; 32];
    from.take(&mut encapsulated)?;
    Ok((header, from, (bound, encapsulated)))
}

/// The next chunk, sealed; whether it is the last.
fn chunk(from: &mut Hashed<'_>, sealed: &mut Vec<u8>) -> Result<bool, BackupError> {
    let number = from.number()?;
    let (last, length) = (number & LAST != 0, usize::try_from(number & !LAST).unwrap_or(usize::MAX));
    // One way to cut content into chunks: all but the last are full, and the last is not empty.
    let fits = if last { (TAG_BYTES + 1..=TAG_BYTES + CHUNK_BYTES).contains(&length) } else { length == TAG_BYTES + CHUNK_BYTES };
    if !fits {
        return Err(BackupError::Damaged("a chunk has a length that none has"));
    }
    sealed.resize(length, 0);
    from.take(sealed)?;
    Ok(last)
}

fn end(header: &Header, from: &mut Hashed<'_>) -> Result<(), BackupError> {
    let hash = from.hash();
    let mut signature = [0; 64];
    from.take(&mut signature)?;
    verify_backup(header.card.card(), &hash, &Signature::new(signature))
        .map_err(|_| BackupError::Damaged("it is not as its node signed it"))?;
    match from.take(&mut [0]) {
        Err(BackupError::CutOff) => Ok(()),
        Ok(()) => Err(BackupError::Damaged("something follows behind its end")),
        Err(error) => Err(error),
    }
}

/// Hashes what comes in.
struct Hashed<'a> {
    from: &'a mut dyn Read,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Hashed<'_> {
    fn take(&mut self, into: &mut [u8]) -> Result<(), BackupError> {
        self.from.read_exact(into).map_err(|error: io::Error| {
            if error.kind() == ErrorKind::UnexpectedEof { BackupError::CutOff } else { BackupError::Unreadable(error) }
        })?;
        self.hasher.update(into);
        self.bytes = self.bytes.saturating_add(into.len() as u64);
        Ok(())
    }

    fn number(&mut self) -> Result<u32, BackupError> {
        let mut bytes = [0; 4];
        self.take(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn hash(&self) -> Hash {
        Hash::new(*self.hasher.finalize().as_bytes())
    }
}
