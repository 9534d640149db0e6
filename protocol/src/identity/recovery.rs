//! Backups: the key they are sealed for, which the recovery phrase alone opens, and who wrote them.
//!
//! A node seals its backups for a *recovery key* without being able to open one: it knows the public half, which the root key
//! signed. Each backup has a key of its own (HPKE's export, RFC 9180, section 5.3), bound to the backup's header.

use super::{Card, DeviceKey, IdentityError, RootKey, Signature, Verifier};
use crate::codec::Writer;
use crate::entropy::Entropy;
use crate::id::{Hash, OrganisationId};
use core::fmt;
use hpke::{Deserializable, OpModeR, OpModeS, Serializable};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

type Aead = hpke::aead::ChaCha20Poly1305;
type Kdf = hpke::kdf::HkdfSha256;
type Kem = hpke::kem::X25519HkdfSha256;

const SECRET_CONTEXT: &str = "csu-link 0 recovery secret";
const KEY_DOMAIN: &str = "csu-link 0 recovery key";
const BACKUP_DOMAIN: &str = "csu-link 0 backup";
const BACKUP_INFO: &[u8] = b"csu-link 0 backup key\0";

/// Why a backup's key could not be made or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BackupKeyError {
    /// The recovery key is one that nothing can be sealed for. A root key never signs such a one.
    #[error("nothing can be sealed for this recovery key; set it anew from the recovery phrase")]
    Unsealable,
    /// The key was made for another recovery key or another header, or is damaged.
    #[error("the backup's key does not open; it was sealed for another phrase, or the file's beginning was changed")]
    Unopened,
}

/// The key of one backup.
pub type BackupKey = Zeroizing<[u8; 32]>;

/// What an organisation's backups are sealed for. Public: it opens nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryKey {
    organisation: OrganisationId,
    public: [u8; 32],
    signature: Signature,
}

fn key_hash(organisation: &OrganisationId, public: &[u8; 32]) -> Hash {
    let mut w = Writer::default();
    w.array(3);
    w.uint(0);
    w.bytes(organisation.as_bytes());
    w.bytes(public);
    Hash::of(&w.into_bytes())
}

fn info(header: &Hash) -> Vec<u8> {
    [BACKUP_INFO, header.as_bytes()].concat()
}

impl RecoveryKey {
    /// The recovery key of an organisation. It has one, for all its backups.
    #[must_use]
    pub fn of(root: &RootKey) -> Self {
        let (organisation, public) = (root.organisation(), PublicKey::from(&secret(root)).to_bytes());
        let signature = root.sign(KEY_DOMAIN, key_hash(&organisation, &public).as_bytes());
        Self { organisation, public, signature }
    }

    /// Takes a recovery key and checks that the organisation's root key signed it: what was sealed for another's could not be
    /// opened on the day it is needed.
    ///
    /// # Errors
    /// When the signature does not fit.
    pub fn verify(organisation: OrganisationId, public: [u8; 32], signature: Signature) -> Result<Self, IdentityError> {
        let hash = key_hash(&organisation, &public);
        Verifier::default().verify(organisation.as_bytes(), KEY_DOMAIN, hash.as_bytes(), &signature, "a recovery key")?;
        Ok(Self { organisation, public, signature })
    }

    /// Whose it is.
    #[must_use]
    pub const fn organisation(&self) -> OrganisationId {
        self.organisation
    }

    /// The X25519 public key.
    #[must_use]
    pub const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// The root key's signature.
    #[must_use]
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Draws the key of a backup whose header has this hash: what stands in the file so that the phrase opens it, and the key.
    ///
    /// # Errors
    /// Never for a key that a root key signed; HPKE's own error is passed on rather than assumed away.
    pub fn draw_backup_key(&self, header: &Hash, entropy: &mut Entropy) -> Result<([u8; 32], BackupKey), BackupKeyError> {
        let unsealable = |_| BackupKeyError::Unsealable;
        let public = <Kem as hpke::Kem>::PublicKey::from_bytes(&self.public).map_err(unsealable)?;
        let (encapsulated, context) =
            hpke::setup_sender_with_rng::<Aead, Kdf, Kem>(&OpModeS::Base, &public, &info(header), entropy).map_err(unsealable)?;
        let mut key = Zeroizing::new([0; 32]);
        context.export(b"", key.as_mut_slice()).map_err(unsealable)?;
        Ok((encapsulated.to_bytes().into(), key))
    }
}

impl fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecoveryKey({})", self.organisation.short())
    }
}

fn secret(root: &RootKey) -> StaticSecret {
    StaticSecret::from(blake3::derive_key(SECRET_CONTEXT, root.secret()))
}

impl RootKey {
    /// The key of a backup of this organisation, from what stands in the file.
    ///
    /// # Errors
    /// When it was made for another recovery key or header.
    pub fn open_backup_key(&self, encapsulated: &[u8; 32], header: &Hash) -> Result<BackupKey, BackupKeyError> {
        let unopened = |_| BackupKeyError::Unopened;
        let bytes = Zeroizing::new(secret(self).to_bytes());
        let private = <Kem as hpke::Kem>::PrivateKey::from_bytes(bytes.as_slice()).map_err(unopened)?;
        let encapsulated = <Kem as hpke::Kem>::EncappedKey::from_bytes(encapsulated).map_err(unopened)?;
        let context = hpke::setup_receiver::<Aead, Kdf, Kem>(&OpModeR::Base, &private, &encapsulated, &info(header)).map_err(unopened)?;
        let mut key = Zeroizing::new([0; 32]);
        context.export(b"", key.as_mut_slice()).map_err(unopened)?;
        Ok(key)
    }
}

/// Says that `device` wrote the backup whose bytes have this hash.
#[must_use]
pub fn sign_backup(device: &DeviceKey, hash: &Hash) -> Signature {
    device.sign(BACKUP_DOMAIN, hash.as_bytes())
}

/// Checks that the device of `card` wrote the backup whose bytes have this hash.
///
/// # Errors
/// When the signature does not fit.
pub fn verify_backup(card: &Card, hash: &Hash, signature: &Signature) -> Result<(), IdentityError> {
    Verifier::default().verify(card.device.as_bytes(), BACKUP_DOMAIN, hash.as_bytes(), signature, "a backup")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Name, OrganisationKind, SignedCard};

    #[test]
    fn a_backup_key_opens_with_its_phrase_and_header_alone() {
        let (root, other) = (RootKey::from_secret([1; 32]), RootKey::from_secret([2; 32]));
        let (header, changed) = (Hash::of(b"header"), Hash::of(b"another"));
        let mut entropy = Entropy::from_seed([3; 32]);
        let (encapsulated, key) = RecoveryKey::of(&root).draw_backup_key(&header, &mut entropy).unwrap();
        assert_eq!(root.open_backup_key(&encapsulated, &header).unwrap(), key);
        assert_ne!(root.open_backup_key(&encapsulated, &changed).unwrap(), key);
        assert_ne!(other.open_backup_key(&encapsulated, &header).unwrap(), key);
        assert_eq!(root.open_backup_key(&[0; 32], &header), Err(BackupKeyError::Unopened));
        let (_, again) = RecoveryKey::of(&root).draw_backup_key(&header, &mut entropy).unwrap();
        assert_ne!(key, again, "two backups share a key");
    }

    #[test]
    fn a_recovery_key_is_good_for_the_organisation_whose_root_signed_it() {
        let (root, other) = (RootKey::from_secret([1; 32]), RootKey::from_secret([2; 32]));
        let key = RecoveryKey::of(&root);
        assert_eq!(RecoveryKey::verify(root.organisation(), *key.public(), *key.signature()).unwrap(), key);
        assert!(RecoveryKey::verify(other.organisation(), *key.public(), *key.signature()).is_err());
        assert!(RecoveryKey::verify(root.organisation(), *RecoveryKey::of(&other).public(), *key.signature()).is_err());
        assert!((0..100).all(|generation| root.card_secret(generation).public() != *key.public()));
    }

    #[test]
    fn who_wrote_a_backup_is_seen() {
        let (root, device, thief) = (RootKey::from_secret([1; 32]), DeviceKey::from_seed(&[2; 32]), DeviceKey::from_seed(&[3; 32]));
        let card = SignedCard::sign(&root, 0, device.device(), Name::new("Brixton CSU").unwrap(), OrganisationKind::Union);
        let hash = Hash::of(b"a backup");
        verify_backup(card.card(), &hash, &sign_backup(&device, &hash)).unwrap();
        assert!(verify_backup(card.card(), &hash, &sign_backup(&thief, &hash)).is_err());
        assert!(verify_backup(card.card(), &Hash::of(b"another"), &sign_backup(&device, &hash)).is_err());
    }
}
