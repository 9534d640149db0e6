//! Payloads and wrapped keys that are not what they should be.

use super::case::{Case, LATER, MALLORY, NOW, OWNER, Party, READER, WRITER};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use csu_protocol::author::{self, Audience};
use csu_protocol::codec::{Canonical, Writer};
use csu_protocol::entropy::Entropy;
use csu_protocol::entry::{
    EpochKey, Header, Openness, Part, Remark, ResponsePayload, RevisionPayload, SealError, Signer, VerifiedEntry, Wraps, seal_payload,
};
use csu_protocol::id::{DocumentId, EntryId};
use csu_protocol::reading::Unreadable;
use hpke::{Deserializable, OpModeS, Serializable};
use serde_json::json;

fn unopened(why: &Unreadable) -> bool {
    matches!(why, Unreadable::Payload(SealError::Unopened("a payload")))
}

fn seal(key: &EpochKey, padded: &[u8], bound: &[u8]) -> Vec<u8> {
    let cipher = XChaCha20Poly1305::new(&blake3::derive_key("csu-link 0 payload", key.as_bytes()).into());
    let sealed = cipher.encrypt(&XNonce::from([9; 24]), Payload { msg: padded, aad: bound }).unwrap();
    [&[9; 24][..], &sealed].concat()
}

fn payload(case: &Case) -> Vec<u8> {
    RevisionPayload { at: NOW, person: None, change: case.change(MALLORY, &["severity=Severe"]).bytes().to_vec() }.to_canonical()
}

#[test]
fn a_payload_with_other_padding_than_the_right_one_is_not_shown() {
    let mut case = Case::new();
    let (epoch, key) = case.epoch(MALLORY);
    let plain = payload(&case);
    let length = u32::try_from(plain.len()).unwrap();
    let honest = seal_payload(&key, &plain, b"", &mut Entropy::from_seed([1; 32])).unwrap();
    let padded = honest.len() - 24 - 16;
    let with = |length: u32, total: usize, fill: u8| {
        let mut bytes = [&length.to_le_bytes()[..], &plain].concat();
        bytes.resize(total, fill);
        bytes
    };
    assert!(padded > plain.len() + 4, "there is padding to spoil");
    let mut marked = with(length, padded, 0);
    *marked.last_mut().unwrap() = 1;
    for (what, bytes) in [
        ("none", with(length, plain.len() + 4, 0)),
        ("too much", with(length, padded * 2, 0)),
        ("a megabyte", with(length, 1 << 19, 0)),
        ("not zeros", with(length, padded, 7)),
        ("a mark in its last byte", marked),
        ("a length beyond the end", with(length + 1_000_000, padded, 0)),
        ("a length into the padding", with(length + 1, padded, 0)),
        ("less than a length", vec![0, 0]),
    ] {
        let attack = case.mallory_sealed(epoch, |bound| seal(&key, &bytes, bound));
        let shown = case.why(READER, &attack);
        // One byte more can have the same padding; then it is the payload that is not laid out rightly.
        let right = shown.as_ref().is_some_and(|why| unopened(why) || matches!(why, Unreadable::Malformed(_)));
        assert!(right, "{what}: {shown:?}");
        case.hidden(&attack, |why| Some(why) == shown.as_ref());
    }
    // By the same hand, and rightly, it is shown: the padding was all that was wrong.
    let right = with(length, padded, 0);
    let shown = case.mallory_sealed(epoch, |bound| seal(&key, &right, bound));
    assert_eq!(case.why(READER, &shown), None);
}

#[test]
fn a_sealed_payload_is_worth_nothing_in_another_entry_epoch_or_document() {
    let mut case = Case::new();
    let honest = case.revise(WRITER, &["severity=Severe"]);
    let sealed = case.entry(&honest).signed().payload.clone().unwrap();
    let (epoch, _) = case.epoch(MALLORY);
    let copied = case.mallory_sealed(epoch, |_| sealed.clone());
    case.hidden(&copied, unopened);
    let (own, _) = case.start_epoch(MALLORY, &case.audience(), &[]);
    let copied = case.mallory_sealed(own, |_| sealed.clone());
    case.hidden(&copied, unopened);
    let mut other = Case::numbered(2);
    let (epoch, _) = other.epoch(MALLORY);
    let copied = other.mallory_sealed(epoch, |_| sealed);
    other.hidden(&copied, unopened);
}

#[test]
fn wraps_swapped_between_readers_open_for_neither() {
    let mut case = Case::new();
    let key = EpochKey::draw(&mut case.entropy);
    let recipients: Vec<_> = [OWNER, WRITER, MALLORY, READER].map(|who| case.parties[who].recipient()).into();
    let mut wraps = Wraps::seal(&case.document, &key, &recipients, Openness::Recipients, &[], &mut case.entropy).unwrap();
    let place =
        |wraps: &Wraps, who: usize| wraps.recipients().position(|recipient| recipient.organisation == case.parties[who].id).unwrap();
    let (writer, reader) = (place(&wraps, WRITER), place(&wraps, READER));
    let (one, other) = (wraps.wraps[writer].recipient, wraps.wraps[reader].recipient);
    (wraps.wraps[writer].recipient, wraps.wraps[reader].recipient) = (other, one);
    wraps.wraps.swap(writer, reader);
    let epoch = case.start_epoch_as(MALLORY, key.commitment(), &wraps);
    let attack = mallory_under(&mut case, (epoch, &key));
    assert_eq!(case.why(OWNER, &attack), None, "a wrap that was left alone opens");
    for who in [WRITER, READER] {
        // What stays closed is said; everything else is shown.
        assert_eq!(case.why(who, &attack), Some(Unreadable::Key(SealError::NotForUs)));
        assert_eq!(case.field(who, "severity"), json!("Minor"));
    }
}

/// A revision by Mallory of the severity, under an epoch of hers.
fn mallory_under(case: &mut Case, (epoch, key): (EntryId, &EpochKey)) -> EntryId {
    let change = case.change(MALLORY, &["severity=Severe"]);
    let deps = case.open(MALLORY).entries_of(change.deps());
    case.seal(MALLORY, &(epoch, key.clone()), deps, change.bytes())
}

#[test]
fn a_wrap_from_another_document_epoch_or_generation_opens_nothing() {
    let mut case = Case::new();
    let key = EpochKey::draw(&mut case.entropy);
    let recipients: Vec<_> = [OWNER, WRITER, MALLORY, READER].map(|who| case.parties[who].recipient()).into();
    let other = DocumentId::new([1; 32]);
    let elsewhere = Wraps::seal(&other, &key, &recipients, Openness::Recipients, &[], &mut case.entropy).unwrap();
    // An older epoch's wraps, which open, under the commitment to a new key.
    let old = case.epoch(MALLORY).0;
    let older = Wraps::from_canonical(case.entry(&old).signed().wraps.as_deref().unwrap()).unwrap();
    let mut renumbered = Wraps::seal(&case.document, &key, &recipients, Openness::Recipients, &[], &mut case.entropy).unwrap();
    for wrap in &mut renumbered.wraps {
        wrap.recipient.generation = 1;
    }
    for wraps in [elsewhere, older, renumbered] {
        let epoch = case.start_epoch_as(MALLORY, key.commitment(), &wraps);
        let attack = mallory_under(&mut case, (epoch, &key));
        case.hidden(&attack, |why| *why == Unreadable::Key(SealError::NotForUs));
    }
    let next = case.revise(WRITER, &["severity=Extreme"]);
    assert_eq!(case.why(READER, &next), None, "an honest writer does not seal under an epoch that it cannot open");
}

/// A wrap of any key for a reader, bound to the commitment to another one.
fn lying_wrap(case: &mut Case, who: usize, key: &EpochKey, commitment: &[u8; 32]) -> Vec<u8> {
    type Kem = hpke::kem::X25519HkdfSha256;
    let Party { id, card, .. } = &case.parties[who];
    let public = <Kem as hpke::Kem>::PublicKey::from_bytes(&card.card().wrap_key).unwrap();
    let info = [b"csu-link 0 wrap\0".as_slice(), case.document.as_bytes(), id.as_bytes(), &0_u64.to_le_bytes()].concat();
    let (encapsulated, sealed) = hpke::single_shot_seal_with_rng::<hpke::aead::ChaCha20Poly1305, hpke::kdf::HkdfSha256, Kem>(
        &OpModeS::Base,
        &public,
        &info,
        key.as_bytes(),
        commitment,
        &mut case.entropy,
    )
    .unwrap();
    let mut w = Writer::default();
    w.array(4);
    w.bytes(id.as_bytes());
    w.uint(0);
    w.bytes(&encapsulated.to_bytes());
    w.bytes(&sealed);
    w.into_bytes()
}

/// Wraps of one key for some readers and another one for others, all of which open.
fn two_faced(case: &mut Case, commitment: &[u8; 32], keys: &[(usize, &EpochKey)]) -> Wraps {
    let mut wraps: Vec<_> = keys.iter().map(|(who, key)| (case.parties[*who].id, lying_wrap(case, *who, key, commitment))).collect();
    wraps.sort();
    let mut bytes = vec![0x83, 0xf6, 0x80 | u8::try_from(wraps.len()).unwrap()];
    bytes.extend(wraps.into_iter().flat_map(|(_, wrap)| wrap));
    bytes.push(0xf6);
    Wraps::from_canonical(&bytes).unwrap()
}

#[test]
fn readers_who_were_given_different_keys_refuse_all_but_the_committed_one() {
    let mut case = Case::new();
    let (one, other) = (EpochKey::draw(&mut case.entropy), EpochKey::draw(&mut case.entropy));
    // The writer could be shown other words than the reader: XChaCha20-Poly1305 does not commit to its key by itself.
    let wraps = two_faced(&mut case, &one.commitment(), &[(OWNER, &one), (MALLORY, &one), (WRITER, &other), (READER, &one)]);
    let open = |who: usize| wraps.open(&case.document, &one.commitment(), &case.parties[who].id, &case.parties[who].secrets);
    assert_eq!(open(WRITER), Err(SealError::Commitment));
    assert_eq!(open(READER), Ok(one.clone()));
    let epoch = case.start_epoch_as(MALLORY, one.commitment(), &wraps);
    // Whatever is sealed under the other key opens for nobody: not even for whom it was wrapped.
    let plain = payload(&case);
    let mut entropy = Entropy::from_seed([4; 32]);
    let attack = case.mallory_sealed(epoch, |bound| seal_payload(&other, &plain, bound, &mut entropy).unwrap());
    assert_eq!(case.why(WRITER, &attack), Some(Unreadable::Key(SealError::NotForUs)));
    assert!(unopened(&case.why(READER, &attack).unwrap()));
    for who in [OWNER, WRITER, READER] {
        assert_eq!(case.field(who, "severity"), json!("Minor"));
    }
    // Nor by an open key beside the wraps: then all refuse alike.
    let mut wraps = wraps;
    wraps.open = Some(other.clone());
    let epoch = case.start_epoch_as(MALLORY, one.commitment(), &wraps);
    let attack = mallory_under(&mut case, (epoch, &one));
    case.hidden(&attack, |why| *why == Unreadable::Key(SealError::NotForUs));
}

#[test]
fn whom_a_writer_shut_out_reads_all_again_from_the_next_honest_epoch_on() {
    let mut case = Case::new();
    let (key, junk) = (EpochKey::draw(&mut case.entropy), EpochKey::draw(&mut case.entropy));
    let wraps = two_faced(&mut case, &key.commitment(), &[(OWNER, &key), (MALLORY, &key), (WRITER, &key), (READER, &junk)]);
    case.start_epoch_as(MALLORY, key.commitment(), &wraps);
    // The writer cannot see what others were given: the recipients are the right ones, so it may seal there.
    let shut_out = case.revise(WRITER, &["severity=Severe"]);
    let under_the_lie = case.why(READER, &shut_out).is_some();
    // A reader joins: the next epoch is the owner's own, and passes on what the owner can open.
    let later = case.parties[LATER].id;
    let subject = csu_protocol::entry::Subject::Organisation(later);
    let grant = csu_protocol::entry::Grant { subject, role: csu_protocol::entry::Role::Read, until: None };
    case.control(OWNER, csu_protocol::entry::Body::Grant { grants: vec![grant] });
    case.revise(OWNER, &["note=next"]);
    assert!(under_the_lie, "this test says nothing if the writer sealed elsewhere");
    for who in [OWNER, WRITER, READER, LATER] {
        assert_eq!(case.why(who, &shut_out), None, "party {who}");
        assert_eq!(case.field(who, "severity"), json!("Severe"), "party {who}");
    }
}

#[test]
fn a_response_addressed_to_others_or_moved_says_nothing() {
    let mut case = Case::new();
    let said = ResponsePayload { at: NOW, person: None, remark: Remark::Comment, step: String::new(), text: "for the owner".to_owned() };
    let owner = Audience { recipients: vec![case.parties[OWNER].recipient()], openness: Openness::Recipients };
    let mut entropy = Entropy::from_seed([6; 32]);
    let response = author::response(&case.access(), &case.acting(READER), &owner, &said, &mut entropy).unwrap();
    let (signed, id) = (response.signed().clone(), response.id());
    case.put(response);
    assert_eq!(case.open(OWNER).responses.iter().map(|response| response.entry).collect::<Vec<_>>(), [id]);
    assert!(case.open(WRITER).responses.is_empty() && case.open(WRITER).unreadable.is_empty(), "it is none of the writer's business");

    // Mallory signs what the reader said, as if she had said it: the payload is bound to the reader's header.
    let own = author::response(&case.access(), &case.acting(MALLORY), &owner, &said, &mut entropy).unwrap();
    let csu_protocol::entry::Body::Response { commitment } = case.entry(&id).header().body else { panic!("a response") };
    let stolen = resigned(&case, own.header(), commitment, signed.payload.clone(), signed.wraps.clone());
    let stolen = case.put(stolen);
    assert!(unopened(&case.why(OWNER, &stolen).unwrap()));

    // Or hands its key on to herself: the wrap says for whom it was.
    let mut wraps = Wraps::from_canonical(signed.wraps.as_deref().unwrap()).unwrap();
    wraps.wraps[0].recipient.organisation = case.parties[MALLORY].id;
    let own = author::response(&case.access(), &case.acting(MALLORY), &owner, &said, &mut entropy).unwrap();
    let turned = resigned(&case, own.header(), commitment, signed.payload, Some(wraps.to_canonical()));
    let turned = case.put(turned);
    assert_eq!(case.why(MALLORY, &turned), Some(Unreadable::Key(SealError::Unopened("a wrapped key"))));
    assert_eq!(case.why(OWNER, &turned), None, "it is not addressed to the owner");
    assert_eq!(case.open(OWNER).responses.len(), 1);
}

/// An entry of Mallory's with other parts.
fn resigned(case: &Case, header: &Header, commitment: [u8; 32], payload: Option<Vec<u8>>, wraps: Option<Vec<u8>>) -> VerifiedEntry {
    let body = csu_protocol::entry::Body::Response { commitment };
    let header = Header { body, payload: payload.as_deref().map(Part::of), wraps: wraps.as_deref().map(Part::of), ..header.clone() };
    VerifiedEntry::sign(header, payload, wraps, Signer::Device(&case.parties[MALLORY].key)).unwrap()
}
