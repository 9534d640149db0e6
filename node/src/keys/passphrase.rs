//! A passphrase over the keys.
//!
//! Keys are sealed under a node key of 32 random bytes, and that one under a key made from the passphrase by Argon2id
//! (RFC 9106). So a new passphrase seals one small file anew, in one step.

use super::KeysError;
use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use std::path::Path;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// The fewest characters of a passphrase: against whoever has the disk and all the time there is.
pub const PASSPHRASE_CHARACTERS: usize = 12;
/// The most bytes of one.
pub const PASSPHRASE_BYTES: usize = 1024;

/// Memory in KiB, passes and lanes: RFC 9106's second recommendation, for where memory is scarce.
const COST: (u32, u32, u32) = (64 * 1024, 3, 4);
/// The most that a file may ask for: 1 GiB, 16 passes, 16 lanes.
const MOST: (u32, u32, u32) = (1024 * 1024, 16, 16);

/// What the operator types, or the system hands over.
#[derive(Clone, PartialEq, Eq)]
pub struct Passphrase(Zeroizing<String>);

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// Why a text is no passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PassphraseError {
    /// Too short.
    #[error(
        "a passphrase has at least {PASSPHRASE_CHARACTERS} characters: choose a longer one, such as five words that do not belong together"
    )]
    Short,
    /// Too long.
    #[error("a passphrase has at most {PASSPHRASE_BYTES} bytes: choose a shorter one")]
    Long,
}

impl Passphrase {
    /// A passphrase as it was given before; a line end at its end is no part of it. Letters with accents are the same however
    /// a keyboard puts them together (Unicode's form NFC, as RFC 8265 has it).
    #[must_use]
    pub fn given(text: &str) -> Self {
        Self(Zeroizing::new(text.trim_end_matches(['\r', '\n']).nfc().collect()))
    }

    /// A new passphrase.
    ///
    /// # Errors
    /// When it is too short to withstand guessing, or too long.
    pub fn chosen(text: &str) -> Result<Self, PassphraseError> {
        let given = Self::given(text);
        match (given.0.chars().count(), given.0.len()) {
            (_, bytes) if bytes > PASSPHRASE_BYTES => Err(PassphraseError::Long),
            (characters, _) if characters < PASSPHRASE_CHARACTERS => Err(PassphraseError::Short),
            _ => Ok(given),
        }
    }
}

/// The key that the others are sealed under.
pub(super) struct NodeKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NodeKey(..)")
    }
}

fn random<const N: usize>(path: &Path) -> Result<Zeroizing<[u8; N]>, KeysError> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|error| KeysError::system(path, "sealed")(std::io::Error::other(error.to_string())))?;
    Ok(bytes)
}

fn cipher(key: &[u8; 32]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&(*key).into())
}

/// A random nonce and the sealed bytes, in hexadecimal.
fn seal(key: &[u8; 32], aad: &[u8], plain: &[u8], path: &Path) -> Result<Zeroizing<String>, KeysError> {
    let nonce = random::<24>(path)?;
    let sealed = cipher(key).encrypt(&XNonce::from(*nonce), Payload { msg: plain, aad });
    let sealed = sealed.map_err(|_| KeysError::system(path, "sealed")(std::io::Error::other("too long")))?;
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    Ok(Zeroizing::new(format!("{} {}", hex(nonce.as_slice()), hex(&sealed))))
}

fn open(key: &[u8; 32], aad: &[u8], line: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = line.split_once(' ')?;
    let nonce = <[u8; 24]>::try_from(data_encoding::HEXLOWER.decode(nonce.as_bytes()).ok()?).ok()?;
    let sealed = data_encoding::HEXLOWER.decode(sealed.as_bytes()).ok()?;
    cipher(key).decrypt(&XNonce::from(nonce), Payload { msg: &sealed, aad }).ok().map(Zeroizing::new)
}

fn stretched(passphrase: &Passphrase, (memory, passes, lanes): (u32, u32, u32), salt: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let params = Params::new(memory, passes, lanes, Some(32)).ok()?;
    let mut key = Zeroizing::new([0; 32]);
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password_into(passphrase.0.as_bytes(), salt, key.as_mut_slice()).ok()?;
    Some(key)
}

impl NodeKey {
    /// A new one.
    pub(super) fn new(path: &Path) -> Result<Self, KeysError> {
        random(path).map(Self)
    }

    /// The line of its file: how the passphrase is stretched, and the key sealed.
    pub(super) fn sealed(&self, passphrase: &Passphrase, path: &Path) -> Result<Zeroizing<String>, KeysError> {
        let salt = random::<16>(path)?;
        let (memory, passes, lanes) = COST;
        let head = format!("argon2id {memory} {passes} {lanes} {}", data_encoding::HEXLOWER.encode(salt.as_slice()));
        let key = stretched(passphrase, COST, salt.as_slice())
            .ok_or_else(|| KeysError::system(path, "sealed")(std::io::Error::other("there is not enough memory for Argon2")))?;
        let sealed = seal(&key, head.as_bytes(), self.0.as_slice(), path)?;
        Ok(Zeroizing::new(format!("{head} {}", *sealed)))
    }

    /// From the line of its file.
    pub(super) fn open(line: &str, passphrase: &Passphrase, path: &Path) -> Result<Self, KeysError> {
        let damaged = || KeysError::damaged(path, "it does not say how the node key is sealed");
        let split = line.match_indices(' ').nth(4).map(|(at, _)| line.split_at(at));
        let (head, sealed) = split.ok_or_else(damaged)?;
        let ["argon2id", memory, passes, lanes, salt] = head.split(' ').collect::<Vec<_>>()[..] else { return Err(damaged()) };
        let number = |text: &str, most: u32| text.parse::<u32>().ok().filter(|number| *number <= most).ok_or_else(damaged);
        let cost = (number(memory, MOST.0)?, number(passes, MOST.1)?, number(lanes, MOST.2)?);
        let salt = data_encoding::HEXLOWER.decode(salt.as_bytes()).map_err(|_| damaged())?;
        let key = stretched(passphrase, cost, &salt).ok_or_else(damaged)?;
        let opened = open(&key, head.as_bytes(), sealed.trim_start()).and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
        opened.map(|bytes| Self(Zeroizing::new(bytes))).ok_or_else(|| KeysError::WrongPassphrase { path: path.to_owned() })
    }

    /// The line of a file whose lines are sealed. `format` names the file, so that none passes for another.
    pub(super) fn seal_lines(&self, format: &str, lines: &[Zeroizing<String>], path: &Path) -> Result<Zeroizing<String>, KeysError> {
        let plain = Zeroizing::new(lines.iter().map(|line| line.as_str()).collect::<Vec<_>>().join("\n"));
        seal(&self.0, format.as_bytes(), plain.as_bytes(), path)
    }

    /// The lines again.
    pub(super) fn open_lines(&self, format: &str, line: &str, path: &Path) -> Result<Vec<Zeroizing<String>>, KeysError> {
        let opened =
            open(&self.0, format.as_bytes(), line).ok_or_else(|| KeysError::damaged(path, "it was not sealed with this node's key"))?;
        let text = std::str::from_utf8(&opened).map_err(|_| KeysError::damaged(path, "what is sealed in it is no text"))?;
        Ok(text.lines().map(|line| Zeroizing::new(line.to_owned())).collect())
    }
}
