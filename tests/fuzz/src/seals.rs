//! What is sealed: payloads, wrapped keys, keys of earlier epochs.

use super::decoders::read_back;
use super::parties;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use csu_protocol::codec::{Canonical, Writer};
use csu_protocol::entropy::Entropy;
use csu_protocol::entry::{EpochKey, SealError, Wraps, open_payload, seal_payload};
use csu_protocol::id::DocumentId;

/// The document and the key of the golden vectors, so that their bytes open here as well.
const DOCUMENT: DocumentId = DocumentId::new([0x44; 32]);
const KEY: EpochKey = EpochKey::from_bytes([0x55; 32]);
const ASSOCIATED: &[u8] = b"header";

/// Seals as the protocol does, but anything at all.
#[must_use]
pub fn seal(key: &EpochKey, context: &str, plain: &[u8], associated: &[u8]) -> Vec<u8> {
    let cipher = XChaCha20Poly1305::new(&blake3::derive_key(context, key.as_bytes()).into());
    let sealed = cipher.encrypt(&XNonce::from([9; 24]), Payload { msg: plain, aad: associated }).expect("it can be sealed");
    [&[9; 24][..], &sealed].concat()
}

/// An entry's wrapped keys.
pub fn wraps(data: &[u8]) {
    let Some(wraps) = read_back::<Wraps>(data) else { return };
    assert!(wraps.recipients().count() <= csu_protocol::limits::WRAPS);
    let commitment = KEY.commitment();
    for party in parties::all().iter().take(2) {
        match wraps.open(&DOCUMENT, &commitment, &party.id, &party.secrets) {
            Ok(key) => assert!(key.commitment() == commitment, "a key that nobody committed to"),
            Err(SealError::Malformed(error)) => panic!("read once and not again: {error}"),
            Err(_) => {}
        }
        if let Some(key) = &wraps.open {
            let opened = wraps.open(&DOCUMENT, &key.commitment(), &party.id, &party.secrets);
            assert!(opened.as_ref() == Ok(key), "an open key is not open");
        }
    }
    let _refused_or_empty = wraps.earlier(&DOCUMENT, &KEY);
}

/// A sealed payload, what an author who bends the rules seals, and the keys of earlier epochs.
pub fn sealed(data: &[u8]) {
    let mut entropy = Entropy::from_seed([3; 32]);
    let _refused = open_payload(&KEY, data, ASSOCIATED);

    // The padded plaintext is the author's: any bytes.
    let bent = seal(&KEY, "csu-link 0 payload", data, ASSOCIATED);
    if let Ok(plain) = open_payload(&KEY, &bent, ASSOCIATED) {
        let honest = seal_payload(&KEY, &plain, ASSOCIATED, &mut entropy).expect("a payload within bounds");
        assert_eq!(honest.len(), bent.len(), "one plaintext, two lengths");
        assert!(data.starts_with(&u32::try_from(plain.len()).expect("short").to_le_bytes()));
        assert!(data[4..].starts_with(&plain) && data[4 + plain.len()..].iter().all(|byte| *byte == 0));
    }
    let honest = seal_payload(&KEY, data, ASSOCIATED, &mut entropy).expect("a payload within bounds");
    assert_eq!(open_payload(&KEY, &honest, ASSOCIATED).as_deref().map(Vec::as_slice), Ok(data));
    assert!(open_payload(&KEY, &honest, b"elsewhere").is_err());

    // The list of earlier epochs is the author's as well.
    let aad = [DOCUMENT.as_bytes().as_slice(), &KEY.commitment()].concat();
    let mut w = Writer::default();
    w.array(3);
    w.null();
    w.array(0);
    w.bytes(&seal(&KEY, "csu-link 0 earlier epochs", data, &aad));
    if let Ok(wraps) = Wraps::from_canonical(&w.into_bytes())
        && let Ok(earlier) = wraps.earlier(&DOCUMENT, &KEY)
    {
        assert!(earlier.len() <= csu_protocol::limits::EARLIER_EPOCHS);
    }
}
