//! Messages between peers.

use super::cast::{self, brixton, police};
use super::entries::{genesis, sign};
use super::identity::with;
use super::{File, Words, hex};
use csu_protocol::codec::Canonical;
use csu_protocol::entry::{Plane, SignedEntry};
use csu_protocol::id::{DocumentId, EntryId, Hash};
use csu_protocol::identity::{InvitationSecret, OrganisationKind};
use csu_protocol::wire::{Message, Place};

fn words(message: &Message<SignedEntry>) -> Words {
    let place = |document: &DocumentId, plane: Plane| Words::default().say("document", document).say("plane", format!("{plane:?}"));
    match message {
        Message::Hello { card, addresses, confirmed } => Words::default()
            .say("card", hex(&card.card().to_canonical()))
            .say("addresses", addresses.as_ref().map_or_else(|| "none".to_owned(), |signed| hex(&signed.record().to_canonical())))
            .say("confirmed", yes_or_no(*confirmed)),
        Message::PairRequest { card, proof } => {
            Words::default().say("card", hex(&card.card().to_canonical())).say("proof", hex(proof.as_bytes()))
        }
        Message::Confirmed => Words::default(),
        Message::Cards(cards) => {
            numbered(Words::default(), "cards", &cards.iter().map(|card| hex(&card.card().to_canonical())).collect::<Vec<_>>())
        }
        Message::Have { document, plane, ids } | Message::Want { document, plane, ids } => numbered(place(document, *plane), "ids", ids),
        Message::Entries { document, plane, entries } => {
            numbered(place(document, *plane), "entries", &entries.iter().map(|entry| hex(&entry.header)).collect::<Vec<_>>())
        }
        Message::Served { document, plane, lacking } => numbered(place(document, *plane), "lacking", lacking),
        Message::Decline { places, again } => {
            numbered(Words::default(), "places", &places.iter().map(in_words).collect::<Vec<_>>()).say("again", yes_or_no(*again))
        }
        Message::Reconcile(step) => Words::default().say("step", hex(step)),
        Message::Need(items) => numbered(Words::default(), "items", items),
        Message::Offer(places) => numbered(Words::default(), "places", &places.iter().map(in_words).collect::<Vec<_>>()),
        Message::Probe { document, plane, step } | Message::Probed { document, plane, step } => {
            place(document, *plane).say("step", hex(step))
        }
        Message::Settled => Words::default(),
    }
}

fn in_words((document, plane): &Place) -> String {
    format!("{plane:?} of {document}")
}

fn yes_or_no(flag: bool) -> &'static str {
    if flag { "yes" } else { "no" }
}

fn numbered(words: Words, name: &str, values: &[impl ToString]) -> Words {
    values.iter().enumerate().fold(words, |words, (at, value)| words.say(&format!("{name}[{at}]"), value.to_string()))
}

fn list() -> Vec<(&'static str, Message<SignedEntry>)> {
    let card = cast::brixton_card();
    let other = cast::card(&police(), 0, "Metropolitan Police, Lambeth", OrganisationKind::Police);
    let proof = InvitationSecret::from_bytes([0x44; 32]).proof(&brixton().device.device());
    let entry = sign(genesis(), None, None);
    let document = entry.document();
    let ids = vec![EntryId::new([0x01; 32]), EntryId::new([0x02; 32])];
    let items = vec![Hash::new([0x0c; 32]), Hash::new([0xdd; 32])];
    let places = vec![(DocumentId::new([0x01; 32]), Plane::Content), (DocumentId::new([0x02; 32]), Plane::Control)];
    // Negentropy over a set of nothing, and of one member, as its version 1 writes them.
    let (nothing, one) = (vec![0x61, 0, 0, 2, 0], [&[0x61, 0, 0, 2, 1][..], &[0x0c; 32]].concat());
    let (control, content) = (Plane::Control, Plane::Content);
    vec![
        ("hello", Message::Hello { card: card.clone(), addresses: Some(cast::brixton_addresses()), confirmed: true }),
        ("hello without addresses, not confirmed", Message::Hello { card: card.clone(), addresses: None, confirmed: false }),
        ("pair request", Message::PairRequest { card: card.clone(), proof }),
        ("confirmed", Message::Confirmed),
        ("cards", Message::Cards(vec![card, other])),
        ("have", Message::Have { document, plane: content, ids: ids.clone() }),
        ("have nothing", Message::Have { document, plane: control, ids: Vec::new() }),
        ("entries", Message::Entries { document, plane: control, entries: vec![entry.into_signed()] }),
        ("served", Message::Served { document, plane: content, lacking: Vec::new() }),
        ("served, and what the speaker lacks", Message::Served { document, plane: control, lacking: ids.clone() }),
        ("decline", Message::Decline { places: places.clone(), again: false }),
        ("decline no longer", Message::Decline { places: places.clone(), again: true }),
        ("reconcile, with nothing", Message::Reconcile(nothing.clone())),
        ("reconcile, with one item", Message::Reconcile(one.clone())),
        ("the wish for a round", Message::Reconcile(Vec::new())),
        ("need", Message::Need(items)),
        ("offer", Message::Offer(places)),
        ("offer of nothing", Message::Offer(Vec::new())),
        ("probe", Message::Probe { document, plane: content, step: one }),
        ("probed", Message::Probed { document, plane: content, step: nothing }),
        ("want", Message::Want { document, plane: content, ids }),
        ("settled", Message::Settled),
    ]
}

pub(super) fn messages() -> File {
    let mut file = File::new("message", "Messages between peers, one to a frame.").version(1);
    for (name, message) in list() {
        file.add(name, words(&message), &message.encode(), Words::default());
    }
    let frame = |wanted: &str| list().into_iter().find(|(name, _)| *name == wanted).map_or_else(Vec::new, |(_, message)| message.encode());
    let (hello, confirmed, have, entries) = (frame("hello"), frame("confirmed"), frame("have"), frame("entries"));
    file.refuse("nothing at all", &[]);
    file.refuse("the last byte is missing", hello.split_last().map_or(&[], |(_, rest)| rest));
    file.refuse("a byte follows the end", &[&confirmed[..], &[0]].concat());
    file.refuse("an array of indefinite length", &[0x9f, 0x02, 0xff]);
    file.refuse("kind of message 4, which is retired", &with(&confirmed, 1, 4));
    file.refuse("kind of message 16, which is not known", &with(&confirmed, 1, 16));
    file.refuse("a kind of message with an item less", &with(&confirmed, 1, 9));
    file.refuse("a kind of message with an item more", &[0x82, 0x02, 0x00]);
    let last = hello.len() - 1;
    file.refuse("neither yes nor no", &with(&hello, last, 2));
    // The signature of the record of addresses ends just before the last item.
    file.refuse("a record of addresses that its device did not sign", &with(&hello, last - 1, hello[last - 1] ^ 1));
    file.refuse("a card that was changed", &with(&hello, 50, hello[50] ^ 1));
    let ids = vec![EntryId::new([0x02; 32]), EntryId::new([0x01; 32])];
    let document = sign(genesis(), None, None).document();
    file.refuse("ids in descending order", &Message::<SignedEntry>::Have { document, plane: Plane::Content, ids }.encode());
    let ids = (0..=256_u32).map(|at| EntryId::new(*Hash::of(&at.to_be_bytes()).as_bytes())).collect::<std::collections::BTreeSet<_>>();
    let ids: Vec<EntryId> = ids.into_iter().collect();
    file.refuse("a have of 257 ids", &Message::<SignedEntry>::Have { document, plane: Plane::Content, ids }.encode());
    let places = vec![(DocumentId::new([1; 32]), Plane::Content), (DocumentId::new([1; 32]), Plane::Control)];
    file.refuse("an offer of planes in descending order", &Message::<SignedEntry>::Offer(places).encode());
    let twice = vec![Hash::new([1; 32]), Hash::new([1; 32])];
    file.refuse("a need of one item twice", &Message::<SignedEntry>::Need(twice).encode());
    file.refuse("a step that claims 512 KiB and a byte", &[0x82, 0x09, 0x5a, 0x00, 0x08, 0x00, 0x01]);
    file.refuse("a plane that is not known", &with(&have, 36, 2));
    let claimed = [&have[..37], &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]].concat();
    file.refuse("a list that claims 2^64 - 1 ids", &claimed);
    let entry = sign(genesis(), None, None).into_signed();
    let misplaced = |document, plane| Message::Entries { document, plane, entries: vec![entry.clone()] }.encode();
    file.refuse("an entry of another document", &misplaced(DocumentId::new([0; 32]), Plane::Control));
    file.refuse("an entry of another plane", &misplaced(document, Plane::Content));
    // At the end of the entry: its signature, then null for payload and wraps.
    let signature = entries.len() - 3;
    file.refuse("an entry whose signature was changed", &with(&entries, signature, entries[signature] ^ 1));
    let mut padded = entry.clone();
    padded.payload = Some(vec![0]);
    file.refuse(
        "an entry with a part that its header does not name",
        &Message::Entries { document, plane: Plane::Control, entries: vec![padded] }.encode(),
    );
    file
}
