//! Secret keys and signatures.

use crate::id::{DeviceId, OrganisationId};
use core::fmt;
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// Why something signed was refused. Whoever signed or sent it is to blame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The signature does not fit.
    #[error("the signature of {what} by {key} does not verify: it was forged or damaged on the way")]
    BadSignature {
        /// What is signed.
        what: &'static str,
        /// The key it claims to be signed by, in hexadecimal.
        key: String,
    },
}

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl Signature {
    /// The signature of these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The bytes of the signature.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "Signature({a:02x}{b:02x}{c:02x}{d:02x}..)")
    }
}

/// What is signed: the purpose, so that no signature serves another, then the hash.
fn signed_bytes(domain: &'static str, hash: &[u8; 32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(domain.len().saturating_add(33));
    bytes.extend_from_slice(domain.as_bytes());
    // A terminator keeps one domain from being the beginning of another.
    bytes.push(0);
    bytes.extend_from_slice(hash);
    bytes
}

fn sign(key: &SigningKey, domain: &'static str, hash: &[u8; 32]) -> Signature {
    Signature(key.sign(&signed_bytes(domain, hash)).to_bytes())
}

/// Checks signatures one after the other. A key that signed several in a row is decoded once.
#[derive(Debug, Default)]
pub struct Verifier {
    last: Option<VerifyingKey>,
}

impl Verifier {
    /// Checks one signature, strictly: no weak keys, no second encoding. Never in batches, whose
    /// verdict can differ from this one and would split the federation.
    pub(crate) fn verify(
        &mut self,
        key: &[u8; 32],
        domain: &'static str,
        hash: &[u8; 32],
        signature: &Signature,
        what: &'static str,
    ) -> Result<(), IdentityError> {
        let mut strict = || {
            let decoded = match self.last {
                Some(last) if last.as_bytes() == key => last,
                _ => VerifyingKey::from_bytes(key).ok().filter(|_| is_canonical(key))?,
            };
            self.last = Some(decoded);
            let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
            decoded.verify_strict(&signed_bytes(domain, hash), &signature).ok()
        };
        strict().ok_or_else(|| IdentityError::BadSignature { what, key: data_encoding::HEXLOWER.encode(key) })
    }
}

/// Whether a public key's y coordinate is below 2^255 - 19. Libraries differ over the few keys of which it is not, and
/// nodes must not. (Of a signature's R, `verify_strict` compares the bytes.)
fn is_canonical([low, middle @ .., high]: &[u8; 32]) -> bool {
    *low < 0xed || middle.iter().any(|byte| *byte != 0xff) || high & 0x7f != 0x7f
}

/// An organisation's root secret. It is written on paper as a recovery phrase, signs cards and
/// the revocation of the organisation's own lost devices, and does not stay on the server.
pub struct RootKey {
    secret: Zeroizing<[u8; 32]>,
    signing: SigningKey,
}

impl RootKey {
    /// The root key of a secret of 32 unguessable bytes.
    #[must_use]
    pub fn from_secret(secret: [u8; 32]) -> Self {
        let seed = Zeroizing::new(blake3::derive_key("csu-link 0 root signing key", &secret));
        Self { signing: SigningKey::from_bytes(&seed), secret: Zeroizing::new(secret) }
    }

    pub(super) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// The organisation whose key this is.
    #[must_use]
    pub fn organisation(&self) -> OrganisationId {
        OrganisationId::new(self.signing.verifying_key().to_bytes())
    }

    /// The secret of the card of `generation`: the phrase opens every older wrap.
    #[must_use]
    pub fn card_secret(&self, generation: u64) -> CardSecret {
        let mut hasher = blake3::Hasher::new_derive_key("csu-link 0 card secret");
        hasher.update(self.secret.as_slice());
        hasher.update(&generation.to_le_bytes());
        CardSecret::from_bytes(*hasher.finalize().as_bytes())
    }

    /// Signs `hash` for the purpose `domain`.
    #[must_use]
    pub fn sign(&self, domain: &'static str, hash: &[u8; 32]) -> Signature {
        sign(&self.signing, domain, hash)
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootKey({})", self.organisation().short())
    }
}

/// One node's Ed25519 key, which is also its libp2p identity.
pub struct DeviceKey(SigningKey);

impl DeviceKey {
    /// The key of a seed of 32 unguessable bytes.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The device whose key this is.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        DeviceId::new(self.0.verifying_key().to_bytes())
    }

    /// Signs `hash` for the purpose `domain`.
    #[must_use]
    pub fn sign(&self, domain: &'static str, hash: &[u8; 32]) -> Signature {
        sign(&self.0, domain, hash)
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceKey({})", self.device().short())
    }
}

/// The X25519 secret of one card: opens the keys that others wrapped for the organisation.
pub struct CardSecret(StaticSecret);

impl CardSecret {
    /// The secret of these bytes, as kept in a node's key file.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(StaticSecret::from(bytes))
    }

    /// The bytes, for the key file alone.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half, as the card shows it.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        PublicKey::from(&self.0).to_bytes()
    }
}

/// Whether anything can be wrapped for an X25519 key. For one of small order every exchange has the same
/// known outcome, which HPKE refuses (RFC 9180, section 7.1.4): who showed such a key in its card would keep
/// everybody from sealing for it and for all who read beside it.
pub(super) fn can_be_wrapped_for(key: &[u8; 32]) -> bool {
    // Any secret tells: it is clamped to a multiple of 8, which takes a key of small order to zero.
    StaticSecret::from([1; 32]).diffie_hellman(&PublicKey::from(*key)).was_contributory()
}

impl fmt::Debug for CardSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CardSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_serves_one_purpose_one_key_and_one_hash() {
        let (ours, other) = (DeviceKey::from_seed(&[1; 32]), DeviceKey::from_seed(&[2; 32]));
        let signature = ours.sign("csu-link 0 test", &[7; 32]);
        let check = |key: &DeviceKey, domain, hash| {
            Verifier::default().verify(key.device().as_bytes(), domain, &hash, &signature, "a test").is_ok()
        };
        assert!(check(&ours, "csu-link 0 test", [7; 32]));
        assert!(!check(&other, "csu-link 0 test", [7; 32]));
        assert!(!check(&ours, "csu-link 0 tess", [7; 32]));
        assert!(!check(&ours, "csu-link 0 test", [8; 32]));
    }

    #[test]
    fn a_weak_key_signs_nothing() {
        // The identity point: some signatures verify under it for every message unless checked strictly.
        let mut weak = [0; 32];
        weak[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        assert!(Verifier::default().verify(&weak, "csu-link 0 test", &[7; 32], &Signature::new(signature), "a test").is_err());
    }

    #[test]
    fn a_key_has_one_encoding() {
        let largest = |low: u8, high: u8| {
            let mut key = [0xff; 32];
            (key[0], key[31]) = (low, high);
            key
        };
        for (low, high, canonical) in
            [(0xec, 0x7f, true), (0xed, 0x7f, false), (0xf0, 0x7f, false), (0xff, 0xff, false), (0xff, 0xfe, true)]
        {
            assert_eq!(is_canonical(&largest(low, high)), canonical, "{low:02x} {high:02x}");
        }
        // The decoder of the library takes 3 in its second encoding.
        assert!(VerifyingKey::from_bytes(&largest(0xf0, 0x7f)).is_ok());
        assert!(is_canonical(DeviceKey::from_seed(&[1; 32]).device().as_bytes()));
    }

    #[test]
    fn one_root_secret_gives_a_card_secret_for_each_generation() {
        let root = RootKey::from_secret([3; 32]);
        assert_eq!(root.card_secret(1).public(), RootKey::from_secret([3; 32]).card_secret(1).public());
        assert_ne!(root.card_secret(1).public(), root.card_secret(2).public());
    }

    #[test]
    fn secrets_do_not_print() {
        let root = RootKey::from_secret([3; 32]);
        assert!(!format!("{root:?} {:?}", root.card_secret(0)).contains("03, 03"));
    }
}
