//! Sealing: epoch keys, their wraps, and payloads.
//!
//! | what | how | bound to |
//! |---|---|---|
//! | payload | XChaCha20-Poly1305, random nonce in front, padded by Padmé | the header without the payload's own hash |
//! | epoch key | HPKE base mode (RFC 9180), X25519-HKDF-SHA256, ChaCha20-Poly1305 | document, organisation, generation of its card, commitment |
//! | earlier epochs | XChaCha20-Poly1305 under the new key | document, commitment |

use crate::codec::{Canonical, CodecError, Reader, Writer};
use crate::entropy::Entropy;
use crate::id::{DocumentId, EntryId, OrganisationId};
use crate::identity::CardSecret;
use crate::limits;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use core::fmt;
use hpke::{Deserializable, OpModeR, OpModeS, Serializable};
use zeroize::{Zeroize, Zeroizing};

type HpkeAead = hpke::aead::ChaCha20Poly1305;
type HpkeKdf = hpke::kdf::HkdfSha256;
type HpkeKem = hpke::kem::X25519HkdfSha256;

/// Why something sealed could not be opened, or sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The bytes are not laid out as they should be. Their author is to blame.
    #[error("the wrapped keys cannot be read: {0}")]
    Malformed(#[from] CodecError),
    /// The key is not wrapped for this organisation.
    #[error("the key is not wrapped for this organisation; ask a reader with write access to revise the document once more")]
    NotForUs,
    /// The node has no secret of the generation that the key is wrapped for.
    #[error(
        "the key is wrapped for generation {0} of this organisation's card, whose secret is not on this node; restore it from the recovery phrase"
    )]
    NoSecret(u64),
    /// Opening failed: other key, other place, or damaged.
    #[error("{0} does not open: it was sealed with another key, for another place, or damaged")]
    Unopened(&'static str),
    /// What was wrapped is not what was committed to: different readers may have been given different keys.
    #[error("the wrapped key is not the one its entry commits to; its author gave readers different keys")]
    Commitment,
    /// Sealing failed, which a valid card makes impossible.
    #[error("{0} could not be sealed; the recipient's card holds an unusable key")]
    Unsealable(&'static str),
}

/// The key of one epoch, or of one response.
#[derive(Clone, PartialEq, Eq, Zeroize)]
#[zeroize(drop)]
pub struct EpochKey([u8; 32]);

impl fmt::Debug for EpochKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EpochKey(..)")
    }
}

impl EpochKey {
    /// A fresh key.
    #[must_use]
    pub fn draw(entropy: &mut Entropy) -> Self {
        Self(entropy.bytes())
    }

    /// The key of these bytes, from the node's own store.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the node's own store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What the header of the entry that starts the epoch commits to.
    #[must_use]
    pub fn commitment(&self) -> [u8; 32] {
        blake3::derive_key("csu-link 0 key commitment", &self.0)
    }

    fn cipher(&self, context: &'static str) -> XChaCha20Poly1305 {
        let key = Zeroizing::new(blake3::derive_key(context, &self.0));
        XChaCha20Poly1305::new(key.as_slice().try_into().unwrap_or(&chacha20poly1305::Key::default()))
    }

    fn seal(
        &self,
        context: &'static str,
        what: &'static str,
        plain: &[u8],
        aad: &[u8],
        entropy: &mut Entropy,
    ) -> Result<Vec<u8>, SealError> {
        let nonce: [u8; 24] = entropy.bytes();
        let sealed =
            self.cipher(context).encrypt(&XNonce::from(nonce), Payload { msg: plain, aad }).map_err(|_| SealError::Unsealable(what))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    fn open(&self, context: &'static str, what: &'static str, sealed: &[u8], aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (nonce, sealed) = sealed.split_first_chunk::<24>().ok_or(SealError::Unopened(what))?;
        self.cipher(context)
            .decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad })
            .map(Zeroizing::new)
            .map_err(|_| SealError::Unopened(what))
    }
}

/// Padmé (Nikitin et al., 2019): how long `length` bytes are made, so that a length leaks at most
/// O(log log) bits at a cost of at most 12 %.
fn padded_length(length: usize) -> usize {
    if length < 2 {
        return length;
    }
    let exponent = length.ilog2();
    let kept = exponent.ilog2().saturating_add(1);
    let mask = 1_usize.checked_shl(exponent.saturating_sub(kept)).unwrap_or(1).saturating_sub(1);
    length.saturating_add(mask) & !mask
}

/// How long a payload of so many bytes is made, its length in front counted.
pub(super) fn padded_payload(length: usize) -> usize {
    padded_length(length.saturating_add(4))
}

/// Seals `plain` under `key`, bound to `associated_data`.
///
/// # Errors
/// Never for payloads within bounds; the cipher's own error is passed on rather than assumed away.
pub fn seal_payload(key: &EpochKey, plain: &[u8], associated_data: &[u8], entropy: &mut Entropy) -> Result<Vec<u8>, SealError> {
    let length = u32::try_from(plain.len()).map_err(|_| SealError::Unsealable("a payload"))?;
    let mut padded = Zeroizing::new(Vec::with_capacity(padded_payload(plain.len())));
    padded.extend_from_slice(&length.to_le_bytes());
    padded.extend_from_slice(plain);
    let padded_to = padded_length(padded.len());
    padded.resize(padded_to, 0);
    key.seal("csu-link 0 payload", "a payload", &padded, associated_data, entropy)
}

/// Opens what [`seal_payload`] sealed.
///
/// # Errors
/// When the key or the associated data is another, or the padding is not what it should be.
pub fn open_payload(key: &EpochKey, sealed: &[u8], associated_data: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let padded = key.open("csu-link 0 payload", "a payload", sealed, associated_data)?;
    let (length, rest) = padded.split_first_chunk::<4>().ok_or(SealError::Unopened("a payload"))?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| SealError::Unopened("a payload"))?;
    let (plain, padding) = rest.split_at_checked(length).ok_or(SealError::Unopened("a payload"))?;
    if padding.iter().any(|byte| *byte != 0) || padded_payload(length) != padded.len() {
        return Err(SealError::Unopened("a payload"));
    }
    Ok(Zeroizing::new(plain.to_vec()))
}

/// Whom a key is wrapped for, by which card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recipient {
    /// The organisation.
    pub organisation: OrganisationId,
    /// The generation of its card.
    pub generation: u64,
}

/// A key wrapped for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrap {
    /// Whom for.
    pub recipient: Recipient,
    /// HPKE's encapsulated key.
    encapsulated: [u8; 32],
    /// The sealed key and its tag.
    sealed: [u8; 48],
}

/// The wrapped keys of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wraps {
    /// The key itself, where anyone may read.
    pub open: Option<EpochKey>,
    /// The key wrapped for each reader, ascending by organisation.
    pub wraps: Vec<Wrap>,
    /// The keys of earlier epochs, sealed under this one.
    earlier: Option<Vec<u8>>,
}

fn wrap_info(document: &DocumentId, recipient: &Recipient) -> Vec<u8> {
    let mut info = b"csu-link 0 wrap\0".to_vec();
    info.extend_from_slice(document.as_bytes());
    info.extend_from_slice(recipient.organisation.as_bytes());
    info.extend_from_slice(&recipient.generation.to_le_bytes());
    info
}

fn earlier_aad(document: &DocumentId, key: &EpochKey) -> Vec<u8> {
    [document.as_bytes().as_slice(), &key.commitment()].concat()
}

/// What is sealed of earlier epochs.
fn earlier_plain(earlier: &[(EntryId, EpochKey)]) -> Zeroizing<Vec<u8>> {
    let mut w = Writer::default();
    w.list(earlier, |w, (epoch, key)| {
        w.array(2);
        w.bytes(epoch.as_bytes());
        w.bytes(&key.0);
    });
    Zeroizing::new(w.into_bytes())
}

impl Wraps {
    /// Wraps `key` for each recipient and its X25519 key, openly if anyone may read, and seals the
    /// heads of earlier epochs under it, so that a new reader opens the past.
    ///
    /// # Errors
    /// When a recipient's card holds a key that nothing can be wrapped for.
    pub fn seal(
        document: &DocumentId,
        key: &EpochKey,
        recipients: &[(Recipient, [u8; 32])],
        open: Openness,
        earlier: &[(EntryId, EpochKey)],
        entropy: &mut Entropy,
    ) -> Result<Self, SealError> {
        let mut wraps = Vec::with_capacity(recipients.len());
        for (recipient, wrap_key) in recipients {
            let unsealable = |_| SealError::Unsealable("a key");
            let public = <HpkeKem as hpke::Kem>::PublicKey::from_bytes(wrap_key).map_err(unsealable)?;
            let (encapsulated, sealed) = hpke::single_shot_seal_with_rng::<HpkeAead, HpkeKdf, HpkeKem>(
                &OpModeS::Base,
                &public,
                &wrap_info(document, recipient),
                &key.0,
                &key.commitment(),
                entropy,
            )
            .map_err(unsealable)?;
            wraps.push(Wrap {
                recipient: *recipient,
                encapsulated: encapsulated.to_bytes().into(),
                sealed: sealed.try_into().map_err(|_| SealError::Unsealable("a key"))?,
            });
        }
        wraps.sort_by_key(|wrap| wrap.recipient);
        let earlier = if earlier.is_empty() {
            None
        } else {
            let plain = earlier_plain(earlier);
            Some(key.seal("csu-link 0 earlier epochs", "earlier keys", &plain, &earlier_aad(document, key), entropy)?)
        };
        let open = match open {
            Openness::Anyone => Some(key.clone()),
            Openness::Recipients => None,
        };
        Ok(Self { open, wraps, earlier })
    }

    /// Whom the key is wrapped for.
    pub fn recipients(&self) -> impl Iterator<Item = Recipient> + '_ {
        self.wraps.iter().map(|wrap| wrap.recipient)
    }

    /// Opens the key for `organisation` with the secrets of its cards.
    ///
    /// # Errors
    /// When it is not wrapped for the organisation, does not open, or is not what `commitment` says.
    pub fn open(
        &self,
        document: &DocumentId,
        commitment: &[u8; 32],
        organisation: &OrganisationId,
        secrets: &std::collections::BTreeMap<u64, CardSecret>,
    ) -> Result<EpochKey, SealError> {
        let key = match &self.open {
            Some(key) => key.clone(),
            None => self.unwrap_for(document, commitment, organisation, secrets)?,
        };
        if key.commitment() == *commitment { Ok(key) } else { Err(SealError::Commitment) }
    }

    fn unwrap_for(
        &self,
        document: &DocumentId,
        commitment: &[u8; 32],
        organisation: &OrganisationId,
        secrets: &std::collections::BTreeMap<u64, CardSecret>,
    ) -> Result<EpochKey, SealError> {
        let wrap = self.wraps.iter().find(|wrap| wrap.recipient.organisation == *organisation).ok_or(SealError::NotForUs)?;
        let secret = secrets.get(&wrap.recipient.generation).ok_or(SealError::NoSecret(wrap.recipient.generation))?;
        let unopened = |_| SealError::Unopened("a wrapped key");
        let private = <HpkeKem as hpke::Kem>::PrivateKey::from_bytes(secret.to_bytes().as_slice()).map_err(unopened)?;
        let encapsulated = <HpkeKem as hpke::Kem>::EncappedKey::from_bytes(&wrap.encapsulated).map_err(unopened)?;
        let info = wrap_info(document, &wrap.recipient);
        let opened =
            hpke::single_shot_open::<HpkeAead, HpkeKdf, HpkeKem>(&OpModeR::Base, &private, &encapsulated, &info, &wrap.sealed, commitment)
                .map(Zeroizing::new)
                .map_err(unopened)?;
        <[u8; 32]>::try_from(opened.as_slice()).map(EpochKey).map_err(|_| SealError::Unopened("a wrapped key"))
    }

    /// The keys of earlier epochs that `key` opens. Whether each is what its own entry commits to
    /// is for the caller to check.
    ///
    /// # Errors
    /// When they do not open under `key`, or are not laid out as they should be.
    pub fn earlier(&self, document: &DocumentId, key: &EpochKey) -> Result<Vec<(EntryId, EpochKey)>, SealError> {
        let Some(sealed) = &self.earlier else { return Ok(Vec::new()) };
        let plain = key.open("csu-link 0 earlier epochs", "earlier keys", sealed, &earlier_aad(document, key))?;
        let mut r = Reader::new(&plain);
        let earlier = r.list(limits::EARLIER_EPOCHS, "earlier epochs", |r| {
            r.array(2, "an earlier epoch")?;
            Ok((EntryId::new(r.fixed("an epoch")?), EpochKey(r.fixed("a key")?)))
        })?;
        if earlier_plain(&earlier)[..] != plain[..] {
            return Err(CodecError::NotCanonical.into());
        }
        Ok(earlier)
    }
}

/// Whether a key is carried openly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Openness {
    /// Anyone may read: the key is in clear.
    Anyone,
    /// Only the recipients.
    Recipients,
}

impl Canonical for Wraps {
    const WHAT: &'static str = "wrapped keys";
    const LIMIT: usize = limits::WRAPS_BYTES;

    fn write(&self, w: &mut Writer) {
        w.array(3);
        w.option(self.open.as_ref(), |w, key| w.bytes(&key.0));
        w.list(&self.wraps, |w, wrap| {
            w.array(4);
            w.bytes(wrap.recipient.organisation.as_bytes());
            w.uint(wrap.recipient.generation);
            w.bytes(&wrap.encapsulated);
            w.bytes(&wrap.sealed);
        });
        w.option(self.earlier.as_ref(), |w, sealed| w.bytes(sealed));
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(3, "wrapped keys")?;
        Ok(Self {
            open: r.option(|r| Ok(EpochKey(r.fixed("an open key")?)))?,
            wraps: r.ascending(
                limits::WRAPS,
                "wraps",
                |r| {
                    r.array(4, "a wrap")?;
                    Ok(Wrap {
                        recipient: Recipient {
                            organisation: OrganisationId::new(r.fixed("an organisation")?),
                            generation: r.uint("a generation")?,
                        },
                        encapsulated: r.fixed("an encapsulated key of 32 bytes")?,
                        sealed: r.fixed("a sealed key of 48 bytes")?,
                    })
                },
                |wrap| wrap.recipient.organisation,
            )?,
            earlier: r.option(|r| Ok(r.bytes(limits::WRAPS_BYTES, "earlier keys")?.to_vec()))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::RootKey;
    use std::collections::BTreeMap;

    const DOCUMENT: DocumentId = DocumentId::new([7; 32]);

    fn recipient(byte: u8, generation: u64) -> (Recipient, [u8; 32], BTreeMap<u64, CardSecret>) {
        let root = RootKey::from_secret([byte; 32]);
        let secret = root.card_secret(generation);
        let recipient = Recipient { organisation: root.organisation(), generation };
        (recipient, secret.public(), BTreeMap::from([(generation, secret)]))
    }

    #[test]
    fn a_key_opens_for_its_readers_in_its_document_and_for_nobody_else() {
        let mut entropy = Entropy::from_seed([1; 32]);
        let key = EpochKey::draw(&mut entropy);
        let ((a, a_public, a_secrets), (b, b_public, b_secrets), (c, _, c_secrets)) = (recipient(1, 0), recipient(2, 4), recipient(3, 0));
        let recipients = [(a, a_public), (b, b_public)];
        let wraps = Wraps::seal(&DOCUMENT, &key, &recipients, Openness::Recipients, &[], &mut entropy).unwrap();
        let wraps = Wraps::from_canonical(&wraps.to_canonical()).unwrap();
        let open = |document: &DocumentId, who: &Recipient, secrets| wraps.open(document, &key.commitment(), &who.organisation, secrets);
        assert_eq!(open(&DOCUMENT, &a, &a_secrets), Ok(key.clone()));
        assert_eq!(open(&DOCUMENT, &b, &b_secrets), Ok(key.clone()));
        assert_eq!(open(&DOCUMENT, &c, &c_secrets), Err(SealError::NotForUs));
        assert_eq!(open(&DOCUMENT, &a, &c_secrets), Err(SealError::Unopened("a wrapped key")));
        assert_eq!(open(&DOCUMENT, &b, &c_secrets), Err(SealError::NoSecret(4)));
        assert_eq!(open(&DocumentId::new([8; 32]), &a, &a_secrets), Err(SealError::Unopened("a wrapped key")));
    }

    #[test]
    fn a_key_other_than_the_committed_one_is_refused() {
        let mut entropy = Entropy::from_seed([1; 32]);
        let (key, committed) = (EpochKey::draw(&mut entropy), EpochKey::draw(&mut entropy));
        let (_, _, secrets) = recipient(1, 0);
        let wraps = Wraps::seal(&DOCUMENT, &key, &[], Openness::Anyone, &[], &mut entropy).unwrap();
        let opened = wraps.open(&DOCUMENT, &committed.commitment(), &OrganisationId::new([0; 32]), &secrets);
        assert_eq!(opened, Err(SealError::Commitment));
    }

    #[test]
    fn a_new_reader_opens_the_past_by_the_newest_key() {
        let mut entropy = Entropy::from_seed([1; 32]);
        let (old, new) = (EpochKey::draw(&mut entropy), EpochKey::draw(&mut entropy));
        let earlier = [(EntryId::new([5; 32]), old)];
        let wraps = Wraps::seal(&DOCUMENT, &new, &[], Openness::Recipients, &earlier, &mut entropy).unwrap();
        assert_eq!(wraps.earlier(&DOCUMENT, &new).unwrap(), earlier);
        assert!(wraps.earlier(&DocumentId::new([8; 32]), &new).is_err());
    }

    #[test]
    fn a_payload_opens_only_with_its_key_and_header_and_its_length_is_padded() {
        let mut entropy = Entropy::from_seed([1; 32]);
        let key = EpochKey::draw(&mut entropy);
        let sealed = seal_payload(&key, &[3; 1000], b"header", &mut entropy).unwrap();
        assert_eq!(*open_payload(&key, &sealed, b"header").unwrap(), vec![3; 1000]);
        assert!(open_payload(&key, &sealed, b"other").is_err());
        assert!(open_payload(&EpochKey::draw(&mut entropy), &sealed, b"header").is_err());
        assert!(open_payload(&key, &sealed[..20], b"header").is_err());
        let sealed_again = seal_payload(&key, &[3; 1010], b"header", &mut entropy).unwrap();
        assert_eq!(sealed.len(), sealed_again.len());
    }

    #[test]
    fn padding_is_what_padme_says() {
        // The table of the paper's reference implementation.
        for (length, padded) in [(0, 0), (1, 1), (8, 8), (9, 10), (100, 104), (1000, 1024), (10_000, 10_240), (1_000_000, 1_015_808)] {
            assert_eq!(padded_length(length), padded, "{length}");
        }
    }
}
