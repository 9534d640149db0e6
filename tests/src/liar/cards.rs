//! Lies about who it is, and what it said before said again.

use super::{Lie, Stage};
use crate::stranger::{Said, Stranger};
use csu_protocol::codec::{Canonical, Writer};
use csu_protocol::id::{DeviceId, Hash};
use csu_protocol::identity::{Card, DeviceKey, OrganisationKind, RootKey, SignedAddresses, SignedCard};
use std::time::Duration;

/// What a card's signature is over, beside its hash.
const DOMAIN: &str = "csu-link 0 card";

/// A frame of cards that hold what a checked card could not: this card, signed by a liar's root key.
pub(crate) fn frame_of(root: &RootKey, card: &Card) -> Vec<u8> {
    let bytes = card.to_canonical();
    let signature = root.sign(DOMAIN, Hash::of(&bytes).as_bytes());
    let mut w = Writer::default();
    w.array(2);
    w.uint(3);
    w.list(&[()], |w, ()| {
        w.array(2);
        w.bytes(&bytes);
        w.bytes(signature.as_bytes());
    });
    w.into_bytes()
}

/// A frame with one bit of these bytes in it turned over.
pub(super) fn damaged(mut frame: Vec<u8>, at: &[u8]) -> Vec<u8> {
    let place = memchr::memmem::find(&frame, at).expect("the bytes are in the frame");
    frame[place] ^= 1;
    frame
}

/// The liar's card of another generation and device, well signed.
fn own(liar: &Stranger, generation: u64, device: DeviceId) -> SignedCard {
    SignedCard::sign(&liar.root, generation, device, liar.card.card().name.clone(), OrganisationKind::Other)
}

async fn come_back(liar: &mut Stranger, stage: &Stage, card: SignedCard) {
    liar.hang_up().await;
    liar.connect(&stage.ticket).await;
    liar.say(&Said::Hello { card, addresses: None, confirmed: true });
}

pub(super) async fn tell(lie: Lie, liar: &mut Stranger, stage: &Stage) {
    match lie {
        Lie::ForgedCard => {
            let card = own(liar, 1, liar.device.device());
            let signature = *card.signature().as_bytes();
            liar.send(damaged(Said::Cards(vec![card]).encode(), &signature));
        }
        Lie::StolenOrganisation => {
            let card = Card { device: liar.device.device(), ..stage.neighbour.card().clone() };
            liar.send(frame_of(&liar.root, &card));
        }
        Lie::NewerCardOfAnother => {
            let heard = liar.record().cards().find(|card| card.card().device == stage.ticket.device).expect("the node's card");
            let card = Card { generation: heard.card().generation + 1, device: liar.device.device(), ..heard.card().clone() };
            liar.send(frame_of(&liar.root, &card));
        }
        Lie::HelloOfTheNode => {
            let heard = liar.record().cards().find(|card| card.card().device == stage.ticket.device).expect("the node's card");
            come_back(liar, stage, heard).await;
        }
        Lie::HelloOfANeighbour => come_back(liar, stage, stage.neighbour.clone()).await,
        Lie::ClaimedDevice => liar.say(&Said::Cards(vec![own(liar, 1, stage.neighbour.card().device)])),
        Lie::AddressesOfAnother => {
            let other = SignedAddresses::sign(&DeviceKey::from_seed(&[0x77; 32]), u64::MAX, Vec::new());
            liar.hang_up().await;
            liar.connect(&stage.ticket).await;
            let hello = Said::Hello { card: liar.card.clone(), addresses: Some(other), confirmed: true }.encode();
            // As if it were the neighbour's: the record names that device, and the signature is somebody else's.
            let place = memchr::memmem::find(&hello, DeviceKey::from_seed(&[0x77; 32]).device().as_bytes()).expect("the record");
            let mut hello = hello;
            hello[place..place + 32].copy_from_slice(stage.neighbour.card().device.as_bytes());
            liar.send(hello);
        }
        Lie::ReplayedHello => liar.say(&liar.hello(true)),
        Lie::ReplayedPairRequest => liar.say(&liar.pair_request(&stage.ticket)),
        Lie::ReplayedConfirmed => {
            for _ in 0..1000 {
                liar.say_when_taken(&Said::Confirmed).await;
            }
        }
        Lie::StolenPairRequest => {
            // What an invited device says, overheard: its card and its proof.
            let invited = DeviceKey::from_seed(&[0x66; 32]);
            let proof = stage.ticket.secret.proof(&invited.device());
            liar.connect(&stage.ticket).await;
            liar.say(&Said::PairRequest { card: own(liar, 0, invited.device()), proof });
        }
        Lie::TwoSessions => two_sessions(liar, stage).await,
        _ => unreachable!("{lie:?} is told elsewhere"),
    }
}

/// The same keys in a second place, whose sessions take each other's place for a while.
async fn two_sessions(liar: &mut Stranger, stage: &Stage) {
    let mut twin = liar.twin().await;
    for _ in 0..3 {
        twin.try_connect(&stage.ticket).await;
        if twin.is_connected() {
            twin.say(&twin.hello(true));
        }
        liar.try_connect(&stage.ticket).await;
        if liar.is_connected() {
            liar.say(&Said::Confirmed);
        }
        twin.listen(Duration::from_millis(100)).await;
        liar.listen(Duration::from_millis(100)).await;
    }
}
