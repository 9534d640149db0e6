//! Bytes that a peer sends: frames, headers, cards, payloads.

use super::cbor::is_deterministic;
use super::parties;
use csu_protocol::codec::{Canonical, Writer};
use csu_protocol::entry::{Author, EntryError, Header, ResponsePayload, RevisionPayload, SignedEntry, VerifiedEntry};
use csu_protocol::id::Hash;
use csu_protocol::identity::{AddressRecord, Card, Signature};
use csu_protocol::limits;
use csu_protocol::wire::Message;
use csu_protocol::wire::block::{self, Forms};
use std::fmt::Debug;

/// Bytes of a frame that the wire takes at most, and a few more.
const FRAME: usize = limits::MESSAGE_BYTES + 64;

/// Reads a value; what is taken has no other bytes.
pub(super) fn read_back<T: Canonical + PartialEq + Debug>(data: &[u8]) -> Option<T> {
    let value = T::from_canonical(data).ok()?;
    assert_eq!(value.to_canonical(), data, "{} is written otherwise", T::WHAT);
    assert!(is_deterministic(data), "{} is no deterministic CBOR", T::WHAT);
    Some(value)
}

/// A frame, as it is.
pub fn message(data: &[u8]) {
    let data = &data[..data.len().min(FRAME)];
    let read = Message::receive(data);
    assert_eq!(read, Message::receive(data), "one frame, two readings");
    if read.is_ok() {
        assert!(is_deterministic(data), "a frame that is no deterministic CBOR was taken");
    }
}

/// A header, and the entry that its author makes of it.
pub fn header(data: &[u8]) {
    let Some(mut header) = read_back::<Header>(data) else { return };
    assert_eq!(header.id().as_bytes(), Hash::of(data).as_bytes());
    assert!(header.names().count() <= 2 * limits::PARENTS + 4);
    let bound = header.associated_data();
    assert!(is_deterministic(&bound) && bound.len() <= data.len());
    // Parts and signature as an author makes them who may write what he likes.
    let part = |wanted: bool| wanted.then(|| b"a part".to_vec());
    let (payload, wraps) = (part(header.payload.is_some()), part(header.wraps.is_some()));
    header.payload = payload.as_deref().map(csu_protocol::entry::Part::of);
    header.wraps = wraps.as_deref().map(csu_protocol::entry::Part::of);
    let party = &parties::all()[0];
    let signer = match header.author {
        Author::Device(_) => party.signer(0),
        Author::Root(_) => csu_protocol::entry::Signer::Root(&party.root),
    };
    header.author = signer.author();
    if let Author::Root(root) = header.author {
        header.organisation = root;
    }
    let entry = match VerifiedEntry::sign(header.clone(), payload, wraps, signer) {
        Ok(entry) => entry,
        Err(EntryError::Header(error)) => panic!("what was read is written so that it cannot be read: {error}"),
        Err(_) => return,
    };
    assert_eq!(*entry.header(), header);
    header.check_form().expect("what is signed has its form");
    let frame = entries(entry.document().as_bytes(), header.plane() as u64, entry.signed(), entry.signed().signature);
    Message::receive(&frame).expect("a signed entry travels");
    let other = Signature::new([7; 64]);
    let forged = entries(entry.document().as_bytes(), header.plane() as u64, entry.signed(), other);
    assert!(Message::receive(&forged).is_err(), "a forged entry travels");
    assert_eq!(entry.signed().clone().reopen().as_ref(), Ok(&entry));
}

/// A frame with one entry, written by hand.
fn entries(document: &[u8; 32], plane: u64, entry: &SignedEntry, signature: Signature) -> Vec<u8> {
    let mut w = Writer::default();
    w.array(4);
    w.uint(6);
    w.bytes(document);
    w.uint(plane);
    w.array(1);
    w.array(4);
    w.bytes(&entry.header);
    w.bytes(signature.as_bytes());
    w.option(entry.payload.as_ref(), |w, bytes| w.bytes(bytes));
    w.option(entry.wraps.as_ref(), |w, bytes| w.bytes(bytes));
    w.into_bytes()
}

/// A card or a record of addresses, and the frame that carries it.
pub fn card(data: &[u8]) {
    let party = &parties::all()[0];
    if let Some(mut card) = read_back::<Card>(data) {
        card.organisation = party.id;
        let bytes = card.to_canonical();
        let signature = party.root.sign("csu-link 0 card", Hash::of(&bytes).as_bytes());
        for (signature, taken) in [(signature, true), (party.root.sign("csu-link 0 entry", Hash::of(&bytes).as_bytes()), false)] {
            let mut w = Writer::default();
            w.array(2);
            w.uint(3);
            w.array(1);
            w.array(2);
            w.bytes(&bytes);
            w.bytes(signature.as_bytes());
            assert_eq!(Message::receive(&w.into_bytes()).is_ok(), taken);
        }
    }
    if let Some(mut record) = read_back::<AddressRecord>(data) {
        let key = &party.devices[0];
        record.device = key.device();
        let hash = Hash::of(&record.to_canonical());
        let signature = key.sign("csu-link 0 addresses", hash.as_bytes());
        let signed = csu_protocol::identity::SignedAddresses::verify(record.clone(), signature).expect("its own signature");
        assert_eq!(*signed.record(), record);
    }
}

/// What lies in an open payload.
pub fn payload(data: &[u8]) {
    let plain = read_back::<RevisionPayload>(data);
    read_back::<ResponsePayload>(data);
    let opened = RevisionPayload::open(data).ok();
    assert!(plain.is_none() || plain == opened, "the plain form opens otherwise");
    if let Some(payload) = opened {
        assert!(payload.change.len() <= data.len().saturating_mul(limits::INFLATE_RATIO).min(limits::PAYLOAD_BYTES));
        let sealable = payload.to_sealable();
        assert!(sealable.len() > limits::PAYLOAD_BYTES || RevisionPayload::open(&sealable).as_ref() == Ok(&payload));
    }
}

/// A frame of a session, with one message or several.
pub fn block(data: &[u8]) {
    let data = &data[..data.len().min(FRAME)];
    let Ok(messages) = block::open(data, Forms::All) else { return };
    assert_eq!(block::open(data, Forms::Plain).is_ok(), data[0] == 0, "of a stranger plain frames alone are read");
    let bytes: usize = messages.iter().map(Vec::len).sum();
    assert!(messages.len() <= limits::BLOCK_MESSAGES && messages.iter().all(|message| !message.is_empty()));
    assert!(bytes < data.len() || bytes <= limits::BLOCK_BYTES.min(data.len().saturating_mul(limits::BLOCK_RATIO)));
    let again: Vec<Vec<u8>> =
        block::frames(&messages).iter().flat_map(|frame| block::open(frame, Forms::All).expect("what was packed")).collect();
    assert_eq!(again, messages);
}
