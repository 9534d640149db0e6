//! The secrets a node keeps, in files that only their owner may read.
//!
//! `DATA/keys/` (mode 0700) holds small text files (mode 0600): the device's seed, the card secrets by
//! generation, and two that are public and stand here so that all stay together: the organisation's own
//! card, and the key that backups are sealed for ([`recovery_key`]). Each names its format in its first
//! line and ends with a checksum, so that a damaged file is told from a wrong one. The folder is made whole beside its place and renamed into
//! it: there is never half a set of keys, and an existing set is never replaced.
//!
//! # At rest
//!
//! A passphrase may seal them: then another file, `node.key`, holds a node key that the passphrase opens, and the device's seed
//! and the card secrets are sealed under it. Whoever takes the disk without the passphrase can then neither act for the
//! organisation nor open what others sealed for it; the database beside is another matter (see [`crate::storage`]).
//!
//! Left out: the root secret. It leaves the server as a recovery phrase and is nowhere on disk,
//! unless `csu init --non-interactive` was told to write the phrase to a file.

mod error;
mod file;
mod lock;
mod passphrase;
mod recovery;

pub use error::KeysError;
pub use file::write_new_private;
pub use lock::{DataLock, LockError};
pub use passphrase::{PASSPHRASE_BYTES, PASSPHRASE_CHARACTERS, Passphrase, PassphraseError};
pub use recovery::{put_recovery_key, recovery_key};

use csu_protocol::codec::Canonical;
use csu_protocol::identity::{
    Card, CardSecret, DeviceKey, Name, OrganisationKind, RecoveryKey, RecoveryPhrase, RootKey, Signature, SignedCard,
};
use passphrase::NodeKey;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

const DEVICE_FILE: &str = "device.key";
const CARD_SECRETS_FILE: &str = "card.key";
const CARD_FILE: &str = "card.pub";
const NODE_KEY_FILE: &str = "node.key";
const RECOVERY_FILE: &str = "recovery.pub";
/// Everything that is ever among the keys; the last three while one of them is replaced.
const NAMES: [&str; 8] = [DEVICE_FILE, CARD_SECRETS_FILE, CARD_FILE, NODE_KEY_FILE, RECOVERY_FILE, "node.new", "card.new", "recovery.new"];

const DEVICE_FORMAT: &str = "csu-link device key, version 0";
const CARD_SECRETS_FORMAT: &str = "csu-link card secrets, version 0";
const CARD_FORMAT: &str = "csu-link card, version 0";
const RECOVERY_FORMAT: &str = "csu-link recovery key, version 0";
const NODE_KEY_FORMAT: &str = "csu-link node key under a passphrase, version 0";
const SEALED_DEVICE_FORMAT: &str = "csu-link device key under the node key, version 0";
const SEALED_CARD_SECRETS_FORMAT: &str = "csu-link card secrets under the node key, version 0";

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
    card_secrets: Arc<BTreeMap<u64, CardSecret>>,
    card: SignedCard,
    /// None for organisations made before there were backups.
    recovery: Option<RecoveryKey>,
    /// What they are sealed under on disk, if they are.
    node_key: Option<NodeKey>,
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
        let card_secrets = Arc::new(BTreeMap::from([(0, root.card_secret(0))]));
        let recovery = Some(RecoveryKey::of(&root));
        Ok(Self { keys: Keys { device: key, seed: device, card_secrets, card, recovery, node_key: None }, phrase })
    }
}

impl Keys {
    /// The keys of a new device of an organisation that was there before: a card of this generation, and the secrets of this and
    /// of every `earlier` generation, because others wrapped keys for those.
    #[must_use]
    pub fn renewed(
        root: &RootKey,
        device: Zeroizing<[u8; 32]>,
        generation: u64,
        earlier: &BTreeSet<u64>,
        name: Name,
        kind: OrganisationKind,
    ) -> Self {
        let key = DeviceKey::from_seed(&device);
        let card = SignedCard::sign(root, generation, key.device(), name, kind);
        let generations = earlier.iter().copied().chain([generation]);
        let card_secrets = Arc::new(generations.map(|generation| (generation, root.card_secret(generation))).collect());
        Self { device: key, seed: device, card_secrets, card, recovery: Some(RecoveryKey::of(root)), node_key: None }
    }

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
    pub const fn card_secrets(&self) -> &Arc<BTreeMap<u64, CardSecret>> {
        &self.card_secrets
    }

    /// Whether there are keys in this data folder, whole or damaged.
    #[must_use]
    pub fn exist(data: &Path) -> bool {
        folder(data).symlink_metadata().is_ok()
    }

    /// The organisation's card in a data folder. It is public, and needs no passphrase.
    ///
    /// # Errors
    /// When it is missing, damaged, or others may read it.
    pub fn public_card(data: &Path) -> Result<SignedCard, KeysError> {
        let folder = folder(data);
        file::check_folder(&folder)?;
        read_card(&folder.join(CARD_FILE))
    }

    /// Whether the keys of a data folder are sealed by a passphrase.
    #[must_use]
    pub fn are_sealed(data: &Path) -> bool {
        folder(data).join(NODE_KEY_FILE).symlink_metadata().is_ok()
    }

    /// Reads the keys of a data folder. The passphrase is needed if they are sealed, and not looked at otherwise.
    ///
    /// # Errors
    /// When they are missing, damaged, sealed by another passphrase, do not belong together, or others may read them.
    pub fn load(data: &Path, passphrase: Option<&Passphrase>) -> Result<Self, KeysError> {
        let folder = folder(data);
        file::check_folder(&folder)?;
        let node_key = if Self::are_sealed(data) { Some(node_key(&folder, passphrase)?) } else { None };
        let lines = |name: &str, plain: &str, sealed: &str| {
            let path = folder.join(name);
            match &node_key {
                None => file::read(&path, plain),
                Some(key) => {
                    let line = file::read(&path, sealed)?.into_iter().next();
                    key.open_lines(sealed, &line.unwrap_or_default(), &path)
                }
            }
        };
        let device_path = folder.join(DEVICE_FILE);
        let seed = lines(DEVICE_FILE, DEVICE_FORMAT, SEALED_DEVICE_FORMAT)?.into_iter().next();
        let seed = seed.and_then(|line| bytes(&line)).ok_or_else(|| KeysError::damaged(&device_path, "there is no key in it"))?;
        let device = DeviceKey::from_seed(&seed);
        let secrets_path = folder.join(CARD_SECRETS_FILE);
        let secrets = lines(CARD_SECRETS_FILE, CARD_SECRETS_FORMAT, SEALED_CARD_SECRETS_FORMAT)?;
        let card_secrets = Arc::new(read_card_secrets(&secrets, &secrets_path)?);
        let card_path = folder.join(CARD_FILE);
        let card = read_card(&card_path)?;
        // A damaged one is not carried on; whoever needs it reads it for itself, and is told.
        let recovery = recovery::recovery_key(data, card.card().organisation).ok().flatten();
        if card.card().device != device.device() {
            return Err(KeysError::damaged(&card_path, "it names another device than device.key"));
        }
        match card_secrets.get(&card.card().generation) {
            Some(secret) if secret.public() == card.card().wrap_key => Ok(Self { device, seed, card_secrets, card, recovery, node_key }),
            Some(_) | None => Err(KeysError::damaged(&secrets_path, "it lacks the secret of the card in card.pub")),
        }
    }

    /// Writes the keys into a data folder that has none, sealed if there is a passphrase. Either all of them are on disk then,
    /// or nothing is.
    ///
    /// # Errors
    /// When there are keys already, or the folder cannot be written.
    pub fn store(&self, data: &Path, passphrase: Option<&Passphrase>) -> Result<(), KeysError> {
        let folder = folder(data);
        if Self::exist(data) {
            return Err(KeysError::Exists { folder });
        }
        file::write_folder(data, &folder, &self.files(&folder, passphrase)?)
    }

    /// Seals the keys of a data folder whose node is not running, or takes the seal off. They are one or the other at every
    /// moment, also if this is interrupted.
    ///
    /// # Errors
    /// When they cannot be read, are not as they should be to begin with, or the folder cannot be written.
    pub fn seal(data: &Path, before: Option<&Passphrase>, after: Option<&Passphrase>) -> Result<(), KeysError> {
        let folder = folder(data);
        match (Self::are_sealed(data), before) {
            (true, None) => return Err(KeysError::SealedAlready { folder }),
            (false, Some(_)) => return Err(KeysError::NotSealed { folder }),
            (true, Some(_)) | (false, None) => {}
        }
        let keys = Self::load(data, before)?;
        match (before, after) {
            (Some(before), Some(after)) => {
                let path = folder.join(NODE_KEY_FILE);
                let line = node_key(&folder, Some(before))?.sealed(after, &path)?;
                file::replace_file(&path, NODE_KEY_FORMAT, &[line])
            }
            (_, after) => {
                // What was there is destroyed.
                if let Some(path) = file::other_than(&folder, &NAMES)? {
                    return Err(KeysError::Stranger { path });
                }
                file::exchange_folder(data, &folder, &keys.files(&folder, after)?)
            }
        }
    }

    /// Adds the secrets of these generations of the organisation's cards, which are on disk then, sealed if the others are.
    /// How many were not known.
    ///
    /// # Errors
    /// When `root` is another organisation's, or the folder cannot be written; these keys are as before then.
    pub fn add_card_secrets(
        &mut self,
        data: &Path,
        root: &RootKey,
        generations: impl IntoIterator<Item = u64>,
    ) -> Result<usize, KeysError> {
        let folder = folder(data);
        if root.organisation() != self.card.card().organisation {
            return Err(KeysError::OtherOrganisation { folder });
        }
        let unknown: BTreeSet<u64> = generations.into_iter().filter(|generation| !self.card_secrets.contains_key(generation)).collect();
        if unknown.is_empty() {
            return Ok(0);
        }
        let path = folder.join(CARD_SECRETS_FILE);
        let generations = self.card_secrets.keys().chain(&unknown);
        let all = Arc::new(generations.map(|generation| (*generation, root.card_secret(*generation))).collect());
        let before = std::mem::replace(&mut self.card_secrets, all);
        let lines = self.card_secret_lines();
        let written = match &self.node_key {
            None => file::replace_file(&path, CARD_SECRETS_FORMAT, &lines),
            Some(key) => key
                .seal_lines(SEALED_CARD_SECRETS_FORMAT, &lines, &path)
                .and_then(|line| file::replace_file(&path, SEALED_CARD_SECRETS_FORMAT, &[line])),
        };
        if let Err(error) = written {
            self.card_secrets = before;
            return Err(error);
        }
        Ok(unknown.len())
    }

    /// Replaces the card by one of this generation for the same device. Its secret is on disk before the card is, so that the two
    /// fit whenever this is interrupted; it may be done again then.
    ///
    /// # Errors
    /// When `root` is another organisation's, or the folder cannot be written.
    pub fn replace_card(&mut self, data: &Path, root: &RootKey, generation: u64) -> Result<(), KeysError> {
        self.add_card_secrets(data, root, [generation])?;
        let own = self.card.card();
        let card = SignedCard::sign(root, generation, own.device, own.name.clone(), own.kind);
        file::replace_file(&folder(data).join(CARD_FILE), CARD_FORMAT, &card_lines(&card))?;
        self.card = card;
        Ok(())
    }

    /// Destroys what an interrupted [`Self::seal`] left beside the keys.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn sweep(data: &Path) -> Result<(), KeysError> {
        file::sweep(data)
    }

    /// Destroys the keys of a data folder that was never put in place: overwrites and removes them.
    ///
    /// # Errors
    /// When they cannot be removed.
    pub fn destroy(data: &Path) -> Result<(), KeysError> {
        file::sweep(data)?;
        if Self::exist(data) { file::destroy(&folder(data)) } else { Ok(()) }
    }

    fn card_secret_lines(&self) -> Vec<Zeroizing<String>> {
        let line = |(generation, secret): (&u64, &CardSecret)| {
            Zeroizing::new(format!("{generation} {}", *Zeroizing::new(data_encoding::HEXLOWER.encode(secret.to_bytes().as_slice()))))
        };
        self.card_secrets.iter().map(line).collect()
    }

    fn files(&self, folder: &Path, passphrase: Option<&Passphrase>) -> Result<Vec<file::Draft<'static>>, KeysError> {
        let hex = |bytes: &[u8]| Zeroizing::new(data_encoding::HEXLOWER.encode(bytes));
        let (device, secrets) = (vec![hex(self.seed.as_slice())], self.card_secret_lines());
        let recovery = self.recovery.as_ref().map(|key| (RECOVERY_FILE, RECOVERY_FORMAT, recovery::lines(key)));
        let public = std::iter::once((CARD_FILE, CARD_FORMAT, card_lines(&self.card))).chain(recovery);
        let Some(passphrase) = passphrase else {
            let secret = [(DEVICE_FILE, DEVICE_FORMAT, device), (CARD_SECRETS_FILE, CARD_SECRETS_FORMAT, secrets)];
            return Ok(secret.into_iter().chain(public).collect());
        };
        let path = folder.join(NODE_KEY_FILE);
        let key = NodeKey::new(&path)?;
        let sealed = |name: &'static str, format: &'static str, lines: &[Zeroizing<String>]| {
            Ok((name, format, vec![key.seal_lines(format, lines, &folder.join(name))?]))
        };
        let secret = [
            sealed(DEVICE_FILE, SEALED_DEVICE_FORMAT, &device)?,
            sealed(CARD_SECRETS_FILE, SEALED_CARD_SECRETS_FORMAT, &secrets)?,
            (NODE_KEY_FILE, NODE_KEY_FORMAT, vec![key.sealed(passphrase, &path)?]),
        ];
        Ok(secret.into_iter().chain(public).collect())
    }
}

fn node_key(folder: &Path, passphrase: Option<&Passphrase>) -> Result<NodeKey, KeysError> {
    let path = folder.join(NODE_KEY_FILE);
    let line = file::read(&path, NODE_KEY_FORMAT)?.into_iter().next().unwrap_or_default();
    let passphrase = passphrase.ok_or_else(|| KeysError::Sealed { folder: folder.to_owned() })?;
    NodeKey::open(&line, passphrase, &path)
}

fn bytes(line: &str) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = Zeroizing::new(data_encoding::HEXLOWER.decode(line.as_bytes()).ok()?);
    Some(Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).ok()?))
}

fn read_card_secrets(lines: &[Zeroizing<String>], path: &Path) -> Result<BTreeMap<u64, CardSecret>, KeysError> {
    let parse = |line: &str| {
        let (generation, secret) = line.split_once(' ')?;
        Some((generation.parse().ok()?, CardSecret::from_bytes(*bytes(secret)?)))
    };
    lines.iter().map(|line| parse(line).ok_or_else(|| KeysError::damaged(path, "a line is no generation and secret"))).collect()
}

fn card_lines(card: &SignedCard) -> Vec<Zeroizing<String>> {
    let hex = |bytes: &[u8]| Zeroizing::new(data_encoding::HEXLOWER.encode(bytes));
    vec![hex(&card.card().to_canonical()), hex(card.signature().as_bytes())]
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
        born.keys.store(data.path(), None).unwrap();
        let keys = Keys::load(data.path(), None).unwrap();
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
        birth(1).keys.store(data.path(), None).unwrap();
        assert!(matches!(birth(3).keys.store(data.path(), None), Err(KeysError::Exists { .. })));
        assert_eq!(Keys::load(data.path(), None).unwrap().card(), birth(1).keys.card());
        let left = fs::read_dir(data.path()).unwrap().count();
        assert_eq!(left, 1, "something half-written stayed");
    }

    #[test]
    fn keys_that_others_may_read_are_refused_with_the_command_that_mends_it() {
        let data = tempfile::tempdir().unwrap();
        birth(1).keys.store(data.path(), None).unwrap();
        let file = folder(data.path()).join(DEVICE_FILE);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let error = Keys::load(data.path(), None).unwrap_err().to_string();
        assert!(error.contains("chmod 600") && error.contains(&file.display().to_string()), "{error}");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        fs::set_permissions(folder(data.path()), fs::Permissions::from_mode(0o755)).unwrap();
        let error = Keys::load(data.path(), None).unwrap_err().to_string();
        assert!(error.contains("chmod 700"), "{error}");
    }

    #[test]
    fn missing_empty_and_damaged_keys_are_told_apart_and_never_quoted() {
        let data = tempfile::tempdir().unwrap();
        let error = Keys::load(data.path(), None).unwrap_err().to_string();
        assert!(error.contains("csu init"), "{error}");
        birth(1).keys.store(data.path(), None).unwrap();
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
                let error = Keys::load(data.path(), None).unwrap_err().to_string();
                assert!(error.contains(part) && error.contains(name), "{name}: {error}");
                assert!(!error.contains(&data_encoding::HEXLOWER.encode(&[2; 4])), "{error}");
            }
            fs::remove_file(&file).unwrap();
            assert!(Keys::load(data.path(), None).unwrap_err().to_string().contains(name));
            fs::write(&file, whole).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            Keys::load(data.path(), None).unwrap();
        }
    }

    #[test]
    fn keys_that_do_not_belong_together_are_refused() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        birth(1).keys.store(one.path(), None).unwrap();
        birth(3).keys.store(other.path(), None).unwrap();
        for name in [DEVICE_FILE, CARD_SECRETS_FILE] {
            let file = folder(one.path()).join(name);
            let whole = fs::read(&file).unwrap();
            fs::copy(folder(other.path()).join(name), &file).unwrap();
            assert!(matches!(Keys::load(one.path(), None), Err(KeysError::Damaged { .. })), "{name}");
            fs::write(&file, whole).unwrap();
        }
        Keys::load(one.path(), None).unwrap();
    }

    fn everything(data: &Path) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in fs::read_dir(data).unwrap().flatten() {
            if entry.path().is_dir() { bytes.extend(everything(&entry.path())) } else { bytes.extend(fs::read(entry.path()).unwrap()) }
        }
        bytes
    }

    /// Whether any file of a data folder holds the device's seed or the card's secret, in hexadecimal or not.
    fn shows_secrets(data: &Path, keys: &Keys) -> bool {
        let bytes = everything(data);
        let secrets = [keys.seed().to_vec(), keys.card_secrets()[&0].to_bytes().to_vec()];
        secrets.iter().any(|secret| {
            let hex = data_encoding::HEXLOWER.encode(secret).into_bytes();
            bytes.windows(secret.len()).any(|window| window == secret) || bytes.windows(hex.len()).any(|window| window == hex)
        })
    }

    #[test]
    fn sealed_keys_open_with_their_passphrase_alone_and_the_disk_does_not_show_them() {
        let data = tempfile::tempdir().unwrap();
        let (born, passphrase) = (birth(1), Passphrase::chosen("five words that do not belong").unwrap());
        born.keys.store(data.path(), Some(&passphrase)).unwrap();
        assert!(Keys::are_sealed(data.path()) && !shows_secrets(data.path(), &born.keys));
        assert_eq!(Keys::load(data.path(), Some(&passphrase)).unwrap().device().device(), born.keys.device().device());
        assert!(matches!(Keys::load(data.path(), None), Err(KeysError::Sealed { .. })));
        let other = Passphrase::chosen("five words that do not belonG").unwrap();
        assert!(matches!(Keys::load(data.path(), Some(&other)), Err(KeysError::WrongPassphrase { .. })));
    }

    #[test]
    fn a_passphrase_is_set_changed_and_removed_and_the_keys_stay_the_same() {
        let data = tempfile::tempdir().unwrap();
        let born = birth(1);
        born.keys.store(data.path(), None).unwrap();
        assert!(shows_secrets(data.path(), &born.keys), "the search finds what is there");
        let [one, two] = ["the first passphrase", "the second passphrase"].map(|text| Passphrase::chosen(text).unwrap());
        let same = |passphrase: Option<&Passphrase>| {
            let keys = Keys::load(data.path(), passphrase).unwrap();
            assert_eq!((keys.device().device(), keys.card()), (born.keys.device().device(), born.keys.card()));
            assert_eq!(fs::read_dir(data.path()).unwrap().count(), 1, "something stayed beside the keys");
        };
        assert!(matches!(Keys::seal(data.path(), Some(&one), None), Err(KeysError::NotSealed { .. })));
        Keys::seal(data.path(), None, Some(&one)).unwrap();
        same(Some(&one));
        assert!(!shows_secrets(data.path(), &born.keys));
        assert!(matches!(Keys::seal(data.path(), None, Some(&two)), Err(KeysError::SealedAlready { .. })));
        assert!(matches!(Keys::seal(data.path(), Some(&two), Some(&one)), Err(KeysError::WrongPassphrase { .. })));
        Keys::seal(data.path(), Some(&one), Some(&two)).unwrap();
        same(Some(&two));
        assert!(Keys::load(data.path(), Some(&one)).is_err());
        Keys::seal(data.path(), Some(&two), None).unwrap();
        same(None);
    }

    #[test]
    fn what_an_interrupted_change_left_is_destroyed() {
        let data = tempfile::tempdir().unwrap();
        let born = birth(1);
        born.keys.store(data.path(), Some(&Passphrase::chosen("five words that do not belong").unwrap())).unwrap();
        // As after an exchange that was cut short: the open keys lie beside the sealed ones.
        let beside = tempfile::tempdir().unwrap();
        birth(1).keys.store(beside.path(), None).unwrap();
        fs::rename(folder(beside.path()), data.path().join(".keys-left")).unwrap();
        assert!(shows_secrets(data.path(), &born.keys));
        Keys::sweep(data.path()).unwrap();
        assert!(!shows_secrets(data.path(), &born.keys));
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_of_somebody_elses_among_the_keys_is_never_destroyed_with_them() {
        let data = tempfile::tempdir().unwrap();
        birth(1).keys.store(data.path(), None).unwrap();
        let mine = folder(data.path()).join("phrase.txt");
        fs::write(&mine, "precious").unwrap();
        let passphrase = Passphrase::chosen("five words that do not belong").unwrap();
        let error = Keys::seal(data.path(), None, Some(&passphrase)).unwrap_err().to_string();
        assert!(error.contains("phrase.txt") && error.contains("move it"), "{error}");
        assert_eq!(fs::read_to_string(&mine).unwrap(), "precious");
        Keys::load(data.path(), None).unwrap();
    }

    #[test]
    fn a_file_cannot_ask_for_more_memory_than_there_may_be() {
        let data = tempfile::tempdir().unwrap();
        let passphrase = Passphrase::chosen("five words that do not belong").unwrap();
        birth(1).keys.store(data.path(), Some(&passphrase)).unwrap();
        let path = folder(data.path()).join(NODE_KEY_FILE);
        let line = file::read(&path, NODE_KEY_FORMAT).unwrap().remove(0);
        for (from, to) in [("argon2id 65536 ", "argon2id 4294967295 "), ("argon2id", "argon2i"), (" 3 4 ", " 4000 4 "), (" 3 4 ", " 0 0 ")]
        {
            file::replace_file(&path, NODE_KEY_FORMAT, &[Zeroizing::new(line.replacen(from, to, 1))]).unwrap();
            let error = Keys::load(data.path(), Some(&passphrase)).unwrap_err();
            assert!(matches!(error, KeysError::Damaged { .. }), "{to}: {error}");
        }
    }

    #[test]
    fn a_short_passphrase_is_refused() {
        assert_eq!(Passphrase::chosen("too short\n\n\n"), Err(PassphraseError::Short));
        assert_eq!(Passphrase::chosen(&"x".repeat(PASSPHRASE_BYTES + 1)), Err(PassphraseError::Long));
        assert_eq!(Passphrase::chosen("long enough by far\r\n"), Ok(Passphrase::given("long enough by far")));
        assert_eq!(Passphrase::given("caf\u{e9}"), Passphrase::given("cafe\u{301}"));
    }
}
