//! Messages between peers.

use super::cast::{self, brixton, police};
use super::entries::{genesis, sign};
use super::identity::with;
use super::{File, Words, hex};
use csu_protocol::codec::Canonical;
use csu_protocol::entry::{Plane, SignedEntry, VerifiedEntry};
use csu_protocol::id::{DocumentId, EntryId, Hash};
use csu_protocol::identity::{InvitationSecret, OrganisationKind};
use csu_protocol::wire::Message;

/// A message that was received, ready to be written again.
pub(super) fn as_signed(message: Message<VerifiedEntry>) -> Message<SignedEntry> {
    match message {
        Message::Entries { document, plane, entries } => {
            Message::Entries { document, plane, entries: entries.into_iter().map(VerifiedEntry::into_signed).collect() }
        }
        Message::Hello { card, addresses, confirmed } => Message::Hello { card, addresses, confirmed },
        Message::PairRequest { card, proof } => Message::PairRequest { card, proof },
        Message::Confirmed => Message::Confirmed,
        Message::Cards(cards) => Message::Cards(cards),
        Message::Summary { plane, items, last } => Message::Summary { plane, items, last },
        Message::Have { document, plane, ids } => Message::Have { document, plane, ids },
        Message::Served { document, plane } => Message::Served { document, plane },
    }
}

fn words(message: &Message<SignedEntry>) -> Words {
    let place = |document: &DocumentId, plane: Plane| Words::default().say("document", document).say("plane", format!("{plane:?}"));
    match message {
        Message::Hello { card, addresses, confirmed } => Words::default()
            .say("card", hex(&card.card().to_canonical()))
            .say("addresses", addresses.as_ref().map_or_else(|| "none".to_owned(), |signed| hex(&signed.record().to_canonical())))
            .say("confirmed", if *confirmed { "yes" } else { "no" }),
        Message::PairRequest { card, proof } => {
            Words::default().say("card", hex(&card.card().to_canonical())).say("proof", hex(proof.as_bytes()))
        }
        Message::Confirmed => Words::default(),
        Message::Cards(cards) => cards
            .iter()
            .enumerate()
            .fold(Words::default(), |words, (at, card)| words.say(&format!("cards[{at}]"), hex(&card.card().to_canonical()))),
        Message::Summary { plane, items, last } => items
            .iter()
            .enumerate()
            .fold(Words::default().say("plane", format!("{plane:?}")), |words, (at, (document, version))| {
                words.say(&format!("items[{at}]"), format!("{document} in version {version}"))
            })
            .say("last", if *last { "yes" } else { "no" }),
        Message::Have { document, plane, ids } => {
            ids.iter().enumerate().fold(place(document, *plane), |words, (at, id)| words.say(&format!("ids[{at}]"), id))
        }
        Message::Entries { document, plane, entries } => entries
            .iter()
            .enumerate()
            .fold(place(document, *plane), |words, (at, entry)| words.say(&format!("entries[{at}]"), hex(&entry.header))),
        Message::Served { document, plane } => place(document, *plane),
    }
}

fn list() -> Vec<(&'static str, Message<SignedEntry>)> {
    let card = cast::brixton_card();
    let other = cast::card(&police(), 0, "Metropolitan Police, Lambeth", OrganisationKind::Police);
    let proof = InvitationSecret::from_bytes([0x44; 32]).proof(&brixton().device.device());
    let entry = sign(genesis(), None, None);
    let document = entry.document();
    let ids = vec![EntryId::new([0x01; 32]), EntryId::new([0x02; 32])];
    let items = vec![(DocumentId::new([0x01; 32]), Hash::new([0xcc; 32])), (DocumentId::new([0x02; 32]), Hash::new([0xdd; 32]))];
    let (control, content) = (Plane::Control, Plane::Content);
    vec![
        ("hello", Message::Hello { card: card.clone(), addresses: Some(cast::brixton_addresses()), confirmed: true }),
        ("hello without addresses, not confirmed", Message::Hello { card: card.clone(), addresses: None, confirmed: false }),
        ("pair request", Message::PairRequest { card: card.clone(), proof }),
        ("confirmed", Message::Confirmed),
        ("cards", Message::Cards(vec![card, other])),
        ("summary", Message::Summary { plane: control, items, last: true }),
        ("summary of nothing, to be continued", Message::Summary { plane: content, items: Vec::new(), last: false }),
        ("have", Message::Have { document, plane: content, ids }),
        ("have nothing", Message::Have { document, plane: control, ids: Vec::new() }),
        ("entries", Message::Entries { document, plane: control, entries: vec![entry.into_signed()] }),
        ("served", Message::Served { document, plane: content }),
    ]
}

pub(super) fn messages() -> File {
    let mut file = File::new("message", "Messages between peers, one to a frame.");
    for (name, message) in list() {
        file.add(name, words(&message), &message.encode(), Words::default());
    }
    let frame = |wanted: &str| list().into_iter().find(|(name, _)| *name == wanted).map_or_else(Vec::new, |(_, message)| message.encode());
    let (hello, confirmed, have, entries) = (frame("hello"), frame("confirmed"), frame("have"), frame("entries"));
    file.refuse("nothing at all", &[]);
    file.refuse("the last byte is missing", hello.split_last().map_or(&[], |(_, rest)| rest));
    file.refuse("a byte follows the end", &[&confirmed[..], &[0]].concat());
    file.refuse("an array of indefinite length", &[0x9f, 0x02, 0xff]);
    for reserved in [8, 9, 15] {
        file.refuse(&format!("kind of message {reserved}, which is reserved"), &with(&confirmed, 1, reserved));
    }
    file.refuse("a kind of message with an item more", &[0x82, 0x02, 0x00]);
    let last = hello.len() - 1;
    file.refuse("neither yes nor no", &with(&hello, last, 2));
    // The signature of the record of addresses ends just before the last item.
    file.refuse("a record of addresses that its device did not sign", &with(&hello, last - 1, hello[last - 1] ^ 1));
    file.refuse("a card that was changed", &with(&hello, 50, hello[50] ^ 1));
    let ids = vec![EntryId::new([0x02; 32]), EntryId::new([0x01; 32])];
    let document = sign(genesis(), None, None).document();
    file.refuse("ids in descending order", &Message::<SignedEntry>::Have { document, plane: Plane::Content, ids }.encode());
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
