//! The secrets a node keeps, in files that only their owner may read.
//!
//! `DATA/keys/` (mode 0700) holds three small text files (mode 0600): the device's seed, the card
//! secrets by generation, and the organisation's own card, which is public and stands here so that the
//! three stay together. Each names its format in its first line and ends with a checksum, so that a
//! damaged file is told from a wrong one. The folder is made whole beside its place and renamed into
//! it: there is never half a set of keys, and an existing set is never replaced.
//!
//! Left out: the root secret. It leaves the server as a recovery phrase and is nowhere on disk,
//! unless `csu init --non-interactive` was told to write the phrase to a file.

mod error;
mod file;
mod lock;

pub use error::KeysError;
pub use file::write_new_private;
pub use lock::{DataLock, LockError};

use csu_protocol::codec::Canonical;
use csu_protocol::identity::{Card, CardSecret, DeviceKey, Name, OrganisationKind, RecoveryPhrase, RootKey, Signature, SignedCard};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const DEVICE_FILE: &str = "device.key";
const CARD_SECRETS_FILE: &str = "card.key";
const CARD_FILE: &str = "card.pub";

const DEVICE_FORMAT: &str = "csu-link device key, version 0";
const CARD_SECRETS_FORMAT: &str = "csu-link card secrets, version 0";
const CARD_FORMAT: &str = "csu-link card, version 0";

/// Where the keys of a data folder are.
#[must_use]
pub fn folder(data: &Path) -> PathBuf {
    data.join("keys")
}

/// A node's secrets and its organisation's card.
#[derive(Debug)]
pub struct Keys {
    device: DeviceKey,
    seed: Zeroizing<[u8; 32]>,
    card_secrets: BTreeMap<u64, CardSecret>,
    card: SignedCard,
}

/// A new organisation: its first keys, not on disk yet, and the phrase that its people must keep.
#[derive(Debug)]
pub struct Birth {
    /// The first keys.
    pub keys: Keys,
    /// The root secret in words. It is gone when this is dropped.
    pub phrase: RecoveryPhrase,
}

impl Birth {
    /// A new organisation from two secrets of 32 unguessable bytes: the root's and the device's.
    ///
    /// # Errors
    /// Never for 32 bytes; the word list's own error is passed on.
    pub fn new(
        root: &Zeroizing<[u8; 32]>,
        device: Zeroizing<[u8; 32]>,
        name: Name,
        kind: OrganisationKind,
    ) -> Result<Self, csu_protocol::identity::PhraseError> {
        let root = RootKey::from_secret(**root);
        let phrase = RecoveryPhrase::of(&root)?;
        let key = DeviceKey::from_seed(&device);
        let card = SignedCard::sign(&root, 0, key.device(), name, kind);
        let card_secrets = BTreeMap::from([(0, root.card_secret(0))]);
        Ok(Self { keys: Keys { device: key, seed: device, card_secrets, card }, phrase })
    }
}

impl Keys {
    /// The device's key.
    #[must_use]
    pub const fn device(&self) -> &DeviceKey {
        &self.device
    }

    /// The device's seed, for libp2p, whose key is the same.
    #[must_use]
    pub const fn seed(&self) -> &Zeroizing<[u8; 32]> {
        &self.seed
    }

    /// The organisation's card.
    #[must_use]
    pub const fn card(&self) -> &SignedCard {
        &self.card
    }

    /// The secrets of the organisation's cards, by generation.
    #[must_use]
    pub const fn card_secrets(&self) -> &BTreeMap<u64, CardSecret> {
        &self.card_secrets
    }

    /// Whether there are keys in this data folder, whole or damaged.
    #[must_use]
    pub fn exist(data: &Path) -> bool {
        folder(data).symlink_metadata().is_ok()
    }

    /// Reads the keys of a data folder.
    ///
    /// # Errors
    /// When they are missing, damaged, do not belong together, or others may read them.
    pub fn load(data: &Path) -> Result<Self, KeysError> {
        let folder = folder(data);
        file::check_folder(&folder)?;
        let seed = file::read(&folder.join(DEVICE_FILE), DEVICE_FORMAT)?.into_iter().next();
        let device_path = folder.join(DEVICE_FILE);
        let seed = seed.and_then(|line| bytes(&line)).ok_or_else(|| KeysError::damaged(&device_path, "its second line is no key"))?;
        let device = DeviceKey::from_seed(&seed);
        let card_secrets = read_card_secrets(&folder.join(CARD_SECRETS_FILE))?;
        let card_path = folder.join(CARD_FILE);
        let card = read_card(&card_path)?;
        if card.card().device != device.device() {
            return Err(KeysError::damaged(&card_path, "it names another device than device.key"));
        }
        match card_secrets.get(&card.card().generation) {
            Some(secret) if secret.public() == card.card().wrap_key => Ok(Self { device, seed, card_secrets, card }),
            Some(_) | None => Err(KeysError::damaged(&folder.join(CARD_SECRETS_FILE), "it lacks the secret of the card in card.pub")),
        }
    }

    /// Writes the keys into a data folder that has none. Either all of them are on disk then, or nothing is.
    ///
    /// # Errors
    /// When there are keys already, or the folder cannot be written.
    pub fn store(&self, data: &Path) -> Result<(), KeysError> {
        let folder = folder(data);
        if Self::exist(data) {
            return Err(KeysError::Exists { folder });
        }
        let secrets = self.card_secrets.iter().map(|(generation, secret)| {
            Zeroizing::new(format!("{generation} {}", *Zeroizing::new(data_encoding::HEXLOWER.encode(secret.to_bytes().as_slice()))))
        });
        let hex = |bytes: &[u8]| Zeroizing::new(data_encoding::HEXLOWER.encode(bytes));
        file::write_folder(
            data,
            &folder,
            &[
                (DEVICE_FILE, DEVICE_FORMAT, vec![hex(self.seed.as_slice())]),
                (CARD_SECRETS_FILE, CARD_SECRETS_FORMAT, secrets.collect()),
                (CARD_FILE, CARD_FORMAT, vec![hex(&self.card.card().to_canonical()), hex(self.card.signature().as_bytes())]),
            ],
        )
    }
}

fn bytes(line: &str) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = Zeroizing::new(data_encoding::HEXLOWER.decode(line.as_bytes()).ok()?);
    Some(Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).ok()?))
}

fn read_card_secrets(path: &Path) -> Result<BTreeMap<u64, CardSecret>, KeysError> {
    let parse = |line: &str| {
        let (generation, secret) = line.split_once(' ')?;
        Some((generation.parse().ok()?, CardSecret::from_bytes(*bytes(secret)?)))
    };
    let lines = file::read(path, CARD_SECRETS_FORMAT)?;
    lines.iter().map(|line| parse(line).ok_or_else(|| KeysError::damaged(path, "a line is no generation and secret"))).collect()
}

fn read_card(path: &Path) -> Result<SignedCard, KeysError> {
    let lines = file::read(path, CARD_FORMAT)?;
    let [card, signature] = lines.as_slice() else {
        return Err(KeysError::damaged(path, "it has not a card and a signature"));
    };
    let decode = |line: &str| data_encoding::HEXLOWER.decode(line.as_bytes()).ok();
    let read = || {
        let card = Card::from_canonical(&decode(card)?).ok()?;
        let signature = Signature::new(<[u8; 64]>::try_from(decode(signature)?).ok()?);
        SignedCard::verify(card, signature).ok()
    };
    read().ok_or_else(|| KeysError::damaged(path, "the card in it does not verify"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn birth(byte: u8) -> Birth {
        let name = Name::new("Brixton CSU").unwrap();
        Birth::new(&Zeroizing::new([byte; 32]), Zeroizing::new([byte + 1; 32]), name, OrganisationKind::Union).unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn keys_come_back_as_they_were_stored_and_only_their_owner_may_read_them() {
        let data = tempfile::tempdir().unwrap();
        let born = birth(1);
        born.keys.store(data.path()).unwrap();
        let keys = Keys::load(data.path()).unwrap();
        assert_eq!(keys.card(), born.keys.card());
        assert_eq!(keys.device().device(), born.keys.device().device());
        assert_eq!(keys.card_secrets().len(), 1);
        assert_eq!(mode(&folder(data.path())), 0o700);
        for file in [DEVICE_FILE, CARD_SECRETS_FILE, CARD_FILE] {
            assert_eq!(mode(&folder(data.path()).join(file)), 0o600, "{file}");
        }
        let root = born.phrase.root_key().unwrap();
        assert_eq!(root.organisation(), keys.card().card().organisation);
        let everything: Vec<u8> =
            fs::read_dir(folder(data.path())).unwrap().flat_map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
        let secret = data_encoding::HEXLOWER.encode(&[1; 32]);
        assert!(!String::from_utf8(everything).unwrap().contains(&secret), "the root secret stayed on disk");
    }

    #[test]
    fn keys_are_never_replaced() {
        let data = tempfile::tempdir().unwrap();
        birth(1).keys.store(data.path()).unwrap();
        assert!(matches!(birth(3).keys.store(data.path()), Err(KeysError::Exists { .. })));
        assert_eq!(Keys::load(data.path()).unwrap().card(), birth(1).keys.card());
        let left = fs::read_dir(data.path()).unwrap().count();
        assert_eq!(left, 1, "something half-written stayed");
    }

    #[test]
    fn keys_that_others_may_read_are_refused_with_the_command_that_mends_it() {
        let data = tempfile::tempdir().unwrap();
        birth(1).keys.store(data.path()).unwrap();
        let file = folder(data.path()).join(DEVICE_FILE);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let error = Keys::load(data.path()).unwrap_err().to_string();
        assert!(error.contains("chmod 600") && error.contains(&file.display().to_string()), "{error}");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        fs::set_permissions(folder(data.path()), fs::Permissions::from_mode(0o755)).unwrap();
        let error = Keys::load(data.path()).unwrap_err().to_string();
        assert!(error.contains("chmod 700"), "{error}");
    }

    #[test]
    fn missing_empty_and_damaged_keys_are_told_apart_and_never_quoted() {
        let data = tempfile::tempdir().unwrap();
        let error = Keys::load(data.path()).unwrap_err().to_string();
        assert!(error.contains("csu init"), "{error}");
        birth(1).keys.store(data.path()).unwrap();
        for name in [DEVICE_FILE, CARD_SECRETS_FILE, CARD_FILE] {
            let file = folder(data.path()).join(name);
            let whole = fs::read_to_string(&file).unwrap();
            let mut flipped = whole.clone().into_bytes();
            let middle = flipped.len() / 2;
            flipped[middle] = if flipped[middle] == b'0' { b'1' } else { b'0' };
            for (bytes, part) in
                [(Vec::new(), "empty"), (flipped, "damaged"), (b"hello\n".to_vec(), "damaged"), (vec![b'x'; 100_000], "bytes")]
            {
                fs::write(&file, bytes).unwrap();
                let error = Keys::load(data.path()).unwrap_err().to_string();
                assert!(error.contains(part) && error.contains(name), "{name}: {error}");
                assert!(!error.contains(&data_encoding::HEXLOWER.encode(&[2; 4])), "{error}");
            }
            fs::remove_file(&file).unwrap();
            assert!(Keys::load(data.path()).unwrap_err().to_string().contains(name));
            fs::write(&file, whole).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            Keys::load(data.path()).unwrap();
        }
    }

    #[test]
    fn keys_that_do_not_belong_together_are_refused() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        birth(1).keys.store(one.path()).unwrap();
        birth(3).keys.store(other.path()).unwrap();
        for name in [DEVICE_FILE, CARD_SECRETS_FILE] {
            let file = folder(one.path()).join(name);
            let whole = fs::read(&file).unwrap();
            fs::copy(folder(other.path()).join(name), &file).unwrap();
            assert!(matches!(Keys::load(one.path()), Err(KeysError::Damaged { .. })), "{name}");
            fs::write(&file, whole).unwrap();
        }
        Keys::load(one.path()).unwrap();
    }
}
