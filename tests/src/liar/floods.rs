//! Lies that are only too much.

use super::entries::{Pen, genesis};
use super::{Lie, Stage};
use crate::stranger::{Said, Stranger};
use csu_protocol::access::{Access, Insertion};
use csu_protocol::author::{self, Acting, Audience};
use csu_protocol::entropy::Entropy;
use csu_protocol::entry::{EpochKey, Openness, Plane, RevisionPayload, Role, SignedEntry, Signer, VerifiedEntry};
use csu_protocol::id::{DeviceId, DocumentId};
use csu_protocol::identity::{InvitationSecret, Name, OrganisationKind, RootKey, SignedCard, Ticket};
use csu_protocol::limits;
use csu_protocol::time::Timestamp;
use std::time::Duration;

/// Messages that mean nothing.
const MESSAGES: u32 = 20_000;
/// Requests sent at most before the node has had enough.
const REQUESTS: u32 = 200_000;
/// Devices that try to pair.
const DEVICES: u8 = 12;
/// Cards in one message of the flood.
const CARDS: usize = 1024;

pub(super) async fn tell(lie: Lie, liar: &mut Stranger, stage: &Stage) {
    match lie {
        Lie::FloodOfMessages => {
            for _ in 0..MESSAGES {
                liar.say_when_taken(&Said::Confirmed).await;
            }
        }
        Lie::FloodOfRequests => {
            for number in 0..REQUESTS {
                let document = DocumentId::new(*blake3::hash(&number.to_le_bytes()).as_bytes());
                if !liar.say_when_taken(&Said::Have { document, plane: Plane::Content, ids: Vec::new() }).await {
                    return;
                }
            }
        }
        Lie::Deaf => {
            liar.say(&Said::Have { document: stage.document(), plane: Plane::Content, ids: Vec::new() });
            // Nothing is read meanwhile: what the node sends fills the connection and then waits at the node.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Lie::FloodOfDocuments => {
            for number in 0..u8::try_from(limits::UNNAMED_DOCUMENTS + 10).expect("few") {
                let entry = genesis(liar, [number; 32]);
                let said = Said::Entries { document: entry.document(), plane: Plane::Control, entries: vec![entry.into_signed()] };
                liar.say_when_taken(&said).await;
            }
        }
        Lie::FloodOfEntries => flood_of_entries(liar).await,
        Lie::FloodOfWaiting => flood_of_waiting(liar, stage).await,
        Lie::FloodOfCards => flood_of_cards(liar).await,
        Lie::FloodOfPairings => flood_of_pairings(liar, stage).await,
        _ => unreachable!("{lie:?} is told elsewhere"),
    }
}

/// A document of the liar's own that names nobody, with long revisions: their frames.
fn heavy(liar: &Stranger, revisions: usize) -> Vec<Said> {
    let mut access = Access::default();
    let mut entropy = Entropy::from_seed([8; 32]);
    let begun = genesis(liar, [9; 32]);
    let document = begun.document();
    let acting = Acting { organisation: liar.organisation(), signer: Signer::Device(&liar.device), under: Some(begun.id()) };
    let add = |access: &mut Access, entry: VerifiedEntry| -> SignedEntry {
        let signed = entry.signed().clone();
        assert!(matches!(access.insert(entry, |_, _| true), Insertion::Sound(_)));
        signed
    };
    let mut said = Vec::new();
    said.push(Said::Entries { document, plane: Plane::Control, entries: vec![add(&mut access, begun)] });
    let audience = Audience { recipients: Vec::new(), openness: Openness::Anyone };
    let (key, secret) = author::key(&access, &acting, &audience, &[], &mut entropy).expect("a key");
    let epoch = key.id();
    said.push(Said::Entries { document, plane: Plane::Content, entries: vec![add(&mut access, key)] });
    for _ in 0..revisions {
        let entry = long(&access, &acting, (epoch, &secret), &mut entropy);
        said.push(Said::Entries { document, plane: Plane::Content, entries: vec![add(&mut access, entry)] });
    }
    said
}

/// A revision of almost the longest payload there may be.
fn long(access: &Access, acting: &Acting<'_>, epoch: (csu_protocol::id::EntryId, &EpochKey), entropy: &mut Entropy) -> VerifiedEntry {
    let payload = RevisionPayload { at: Timestamp::from_ms(1), person: None, change: vec![0; 900 * 1024] };
    author::revision(access, acting, epoch, Vec::new(), &payload, entropy).expect("a revision")
}

async fn flood_of_entries(liar: &mut Stranger) {
    let said = heavy(liar, 3);
    for _ in 0..4 {
        for message in &said {
            if !liar.say_when_taken(message).await {
                return;
            }
        }
    }
}

/// Entries of one document without the first of their chain: many short ones, and long ones.
async fn flood_of_waiting(liar: &mut Stranger, stage: &Stage) {
    let document = stage.document();
    let short: Vec<SignedEntry> = {
        let mut pen = Pen::new(liar, document);
        pen.chain(limits::PENDING_ENTRIES + 500).into_iter().skip(1).map(VerifiedEntry::into_signed).collect()
    };
    for entries in short.chunks(100) {
        liar.say_when_taken(&Said::Entries { document, plane: Plane::Content, entries: entries.to_vec() }).await;
    }
    let long: Vec<SignedEntry> = {
        let mut pen = Pen::new(liar, document);
        let _never_sent = pen.chain(1);
        let (epoch, key) = pen.epoch();
        let mut entropy = Entropy::from_seed([7; 32]);
        let link = |_| {
            let entry = long(&pen.view.access, &pen.acting(Role::Write), (epoch, &key), &mut entropy);
            pen.view.add(entry.clone());
            entry.into_signed()
        };
        (0..12).map(link).collect()
    };
    for entry in long {
        liar.say_when_taken(&Said::Entries { document, plane: Plane::Content, entries: vec![entry] }).await;
    }
}

async fn flood_of_cards(liar: &mut Stranger) {
    let name = Name::new("Nobody").expect("a name");
    let card = |number: usize| {
        let secret = *blake3::hash(&number.to_le_bytes()).as_bytes();
        SignedCard::sign(&RootKey::from_secret(secret), 0, DeviceId::new(secret), name.clone(), OrganisationKind::Other)
    };
    let own = |generation: u64| SignedCard::sign(&liar.root, generation, liar.device.device(), name.clone(), OrganisationKind::Other);
    let all: Vec<SignedCard> = (1..=200).map(own).chain((0..limits::CARDS_BROUGHT + CARDS).map(card)).collect();
    for cards in all.chunks(CARDS) {
        liar.say_when_taken(&Said::Cards(cards.to_vec())).await;
    }
}

async fn flood_of_pairings(liar: &mut Stranger, stage: &Stage) {
    let wrong = Ticket { secret: InvitationSecret::from_bytes([1; 32]), ..stage.ticket.clone() };
    for number in 0..DEVICES {
        let mut seed = liar.seed();
        seed[0] ^= number + 1;
        let mut other = Stranger::with_keys(seed, seed, "Uninvited").await;
        other.connect(&wrong).await;
        other.say(&other.pair_request(&wrong));
    }
    liar.connect(&wrong).await;
    liar.say(&liar.pair_request(&wrong));
}
