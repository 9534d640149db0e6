//! Messages to bytes and back.

use super::*;
use crate::author;
use crate::entropy::Entropy;
use crate::entry::Signer;
use crate::identity::{DeviceKey, Name, OrganisationKind, RootKey};

fn card() -> SignedCard {
    let device = DeviceKey::from_seed(&[2; 32]).device();
    SignedCard::sign(&RootKey::from_secret([1; 32]), 0, device, Name::new("Brixton").unwrap(), OrganisationKind::Union)
}

fn messages() -> Vec<Message<SignedEntry>> {
    let key = DeviceKey::from_seed(&[2; 32]);
    let (document, plane, id) = (DocumentId::new([3; 32]), Plane::Content, EntryId::new([4; 32]));
    let proof = PairingProof::from_bytes([5; 32]);
    let genesis = author::genesis(card().card().organisation, Signer::Device(&key), Vec::new(), &mut Entropy::from_seed([6; 32])).unwrap();
    vec![
        Message::Hello { card: card(), addresses: Some(SignedAddresses::sign(&key, 1, Vec::new())), confirmed: true },
        Message::PairRequest { card: card(), proof },
        Message::Confirmed,
        Message::Cards(vec![card()]),
        Message::Have { document, plane, ids: vec![id] },
        Message::Entries { document: genesis.document(), plane: Plane::Control, entries: vec![genesis.into_signed()] },
        Message::Served { document, plane, lacking: vec![id] },
        Message::Decline { places: vec![(document, plane)], again: false },
        Message::Reconcile(vec![0x61]),
        Message::Need(vec![Hash::new([7; 32])]),
        Message::Offer(vec![(document, Plane::Control), (document, plane)]),
        Message::Probe { document, plane, step: vec![0x61] },
        Message::Probed { document, plane, step: Vec::new() },
        Message::Want { document, plane, ids: vec![id] },
        Message::Settled,
    ]
}

#[test]
fn every_message_reads_back() {
    for message in messages() {
        let frame = message.encode();
        let read = Message::receive(&frame).unwrap();
        assert_eq!(std::mem::discriminant(&read.clone().into_signed()), std::mem::discriminant(&message));
        assert_eq!(read.into_signed().encode(), frame);
    }
}

#[test]
fn a_second_way_to_write_a_message_is_refused() {
    let confirmed = Message::<SignedEntry>::Confirmed.encode();
    assert_eq!(confirmed, [0x81, 0x02]);
    for other in [[0x81, 0x18, 0x02], [0x98, 0x01, 0x02]] {
        assert_eq!(Message::receive(&other), Err(WireError::Codec(CodecError::NotCanonical)));
    }
}

#[test]
fn a_frame_cut_short_lengthened_or_changed_is_refused_without_a_panic() {
    for message in messages() {
        let frame = message.encode();
        for cut in 0..frame.len() {
            assert!(Message::receive(&frame[..cut]).is_err());
        }
        assert!(Message::receive(&[frame.as_slice(), &[0]].concat()).is_err());
        for at in 0..frame.len() {
            let mut changed = frame.clone();
            changed[at] ^= 0x41;
            // Some changes give another valid message (an id, a version); none may panic.
            if let Ok(read) = Message::receive(&changed) {
                assert_eq!(read.into_signed().encode(), changed);
            }
        }
    }
}

#[test]
fn an_entry_under_another_documents_name_is_refused() {
    let Some(Message::Entries { entries, .. }) = messages().into_iter().find(|m| matches!(m, Message::Entries { .. })) else { panic!() };
    let frame = Message::Entries { document: DocumentId::new([9; 32]), plane: Plane::Control, entries }.encode();
    assert!(matches!(Message::receive(&frame), Err(WireError::Misplaced { .. })));
}
