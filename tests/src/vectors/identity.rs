//! Keys, cards, records of addresses, tickets.

use super::cast::{self, Organisation, brixton, police};
use super::{File, Words, hex};
use csu_protocol::codec::Canonical;
use csu_protocol::entry::{EpochKey, SignedEntry};
use csu_protocol::id::Hash;
use csu_protocol::identity::{
    AddressRecord, Card, InvitationSecret, OrganisationKind, RecoveryKey, RecoveryPhrase, SecurityNumber, Signature, SignedAddresses,
    SignedCard, Ticket, sign_backup,
};
use csu_protocol::time::Timestamp;
use data_encoding::HEXLOWER;
use std::collections::BTreeMap;

const SECRET: [u8; 32] = [0x44; 32];

pub(super) fn derivations() -> File {
    let mut file = File::new("derivation", "What follows from secrets by BLAKE3, Ed25519 and X25519.");
    for (name, of, root, device) in
        [("Brixton", brixton(), cast::BRIXTON_ROOT, cast::BRIXTON_DEVICE), ("the police", police(), cast::POLICE_ROOT, cast::POLICE_DEVICE)]
    {
        let value = Words::default().say("root secret", hex(&root)).say("device seed", hex(&device));
        let phrase = RecoveryPhrase::of(&of.root).map(|phrase| phrase.words().to_owned()).unwrap_or_default();
        let mut also = Words::default().say("recovery phrase", phrase).say("organisation", of.id()).say("device", of.device.device());
        for generation in [0, 1] {
            let secret = of.root.card_secret(generation);
            also = also
                .say(&format!("card secret of generation {generation}"), hex(secret.to_bytes().as_slice()))
                .say(&format!("wrap key of generation {generation}"), hex(&secret.public()));
        }
        file.add(&format!("the keys of {name}"), value, &[], also);
    }
    let (secret, one, other) = (InvitationSecret::from_bytes(SECRET), brixton(), police());
    let side = |of: &Organisation| (of.id(), of.device.device());
    file.add(
        "pairing",
        Words::default()
            .say("invitation's secret", hex(&SECRET))
            .say("one organisation", one.id())
            .say("its device", one.device.device())
            .say("other organisation", other.id())
            .say("other's device", other.device.device()),
        &[],
        Words::default()
            .say("proof by the other's device", hex(secret.proof(&other.device.device()).as_bytes()))
            .say("security number", SecurityNumber::of(side(&one), side(&other), &secret)),
    );
    let key = EpochKey::from_bytes([0x55; 32]);
    file.add("an epoch", Words::default().say("key", hex(key.as_bytes())), &[], Words::default().say("commitment", hex(&key.commitment())));
    let mut entropy = cast::entropy(0x66);
    let drawn: [u8; 64] = entropy.bytes();
    file.add("entropy", Words::default().say("seed", hex(&[0x66; 32])), &[], Words::default().say("first 64 bytes", hex(&drawn)));
    file
}

pub(super) fn recoveries() -> File {
    let mut file = File::new("recovery", "What backups are sealed for, and by whom they are signed.");
    let (one, key) = (brixton(), RecoveryKey::of(&brixton().root));
    file.add(
        "the recovery key of Brixton",
        Words::default().say("root secret", hex(&cast::BRIXTON_ROOT)),
        &[],
        Words::default()
            .say("organisation", one.id())
            .say("recovery key", hex(key.public()))
            .say("signature", hex(key.signature().as_bytes())),
    );
    let (header, backup) = (Hash::of(b"what stands before the encapsulated key"), Hash::of(b"what stands before the signature"));
    let drawn = key.draw_backup_key(&header, &mut cast::entropy(0x67));
    let (encapsulated, sealing) = drawn.map_or_else(|_| ([0; 32], [0; 32]), |(encapsulated, sealing)| (encapsulated, *sealing));
    file.add(
        "a backup of Brixton",
        Words::default()
            .say("root secret", hex(&cast::BRIXTON_ROOT))
            .say("seed of entropy", hex(&[0x67; 32]))
            .say("hash before the encapsulated key", header)
            .say("hash before the signature", backup),
        &[],
        Words::default()
            .say("encapsulated key", hex(&encapsulated))
            .say("backup's key", hex(&sealing))
            .say("device", one.device.device())
            .say("signature", hex(sign_backup(&one.device, &backup).as_bytes())),
    );
    file
}

pub(super) fn cards() -> File {
    let mut file = File::new("card", "Cards: what a root key signs about its organisation. The id is BLAKE3 of the bytes.");
    let new = [
        ("a union's first card", cast::brixton_card()),
        (
            "a police force's fourth card, with letters beyond ASCII",
            cast::card(&police(), 3, "Heddlu De Cymru \u{2013} \u{5317}", OrganisationKind::Police),
        ),
        ("the largest generation and the longest name", cast::card(&brixton(), u64::MAX, &"n".repeat(120), OrganisationKind::Other)),
    ];
    for (name, signed) in &new {
        let card = signed.card();
        let value = Words::default()
            .say("organisation", card.organisation)
            .say("generation", card.generation)
            .say("device", card.device)
            .say("wrap key", hex(&card.wrap_key))
            .say("name", &card.name)
            .say("kind", card.kind);
        let also = Words::default().say("id", signed.id()).say("signature", hex(signed.signature().as_bytes()));
        file.add(name, value, &card.to_canonical(), also);
    }
    let bytes = new[0].1.card().to_canonical();
    file.refuse_damage(&bytes);
    file.refuse_versions(&bytes);
    let last = bytes.len() - 1;
    file.refuse("a kind of organisation that is not known", &with(&bytes, last, 5));
    file.refuse("a control character in the name", &with(&bytes, last - 1, 0x07));
    file.refuse("a space at the end of the name", &with(&bytes, last - 1, b' '));
    file.refuse("a name that is not UTF-8", &with(&bytes, last - 1, 0xff));
    file.refuse("an organisation of 31 bytes", &[&bytes[..2], &[0x58, 31], &bytes[5..]].concat());
    // The wrap key stands between the device and the name.
    let small_order = |low: u8| [&bytes[..73], &[low], &[0; 31], &bytes[105..]].concat();
    file.refuse("a wrap key of small order, the point at zero", &small_order(0));
    file.refuse("a wrap key of small order, another point", &small_order(1));
    file
}

/// The same bytes but for one.
pub(super) fn with(bytes: &[u8], at: usize, byte: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] = byte;
    bytes
}

pub(super) fn addresses() -> File {
    let mut file = File::new("addresses", "Records of addresses: where a device says it can be reached.");
    let records =
        [("two addresses", cast::brixton_addresses()), ("none any more", SignedAddresses::sign(&brixton().device, 8, Vec::new()))];
    for (name, signed) in &records {
        let record = signed.record();
        let mut value = Words::default().say("device", record.device).say("sequence", record.sequence);
        for (at, address) in record.addresses.iter().enumerate() {
            value = value.say(&format!("addresses[{at}]"), address);
        }
        file.add(name, value, &record.to_canonical(), Words::default().say("signature", hex(signed.signature().as_bytes())));
    }
    let bytes = records[0].1.record().to_canonical();
    file.refuse_damage(&bytes);
    file.refuse_versions(&bytes);
    let last = bytes.len() - 1;
    file.refuse("an address with a space", &with(&bytes, last, b' '));
    let many = AddressRecord { addresses: vec![cast::addresses()[0].clone(); 13], ..records[0].1.record().clone() };
    file.refuse("13 addresses, where 12 are allowed", &many.to_canonical());
    file
}

pub(super) fn tickets() -> File {
    let mut file = File::new(
        "ticket",
        "Tickets. The text is 'csu-ticket-' and the bytes with their checksum in base32 (RFC 4648, no padding), lower case.",
    );
    let ticket = Ticket::new(
        brixton().id(),
        &brixton().device,
        cast::addresses(),
        InvitationSecret::from_bytes(SECRET),
        Timestamp::from_ms(1_800_000_000_000),
    );
    let bare = Ticket { addresses: Vec::new(), ..ticket.clone() };
    for (name, ticket) in [("a ticket with two addresses", &ticket), ("a ticket without addresses", &bare)] {
        let mut value = Words::default().say("organisation", ticket.organisation).say("device", ticket.device);
        for (at, address) in ticket.addresses.iter().enumerate() {
            value = value.say(&format!("addresses[{at}]"), address);
        }
        let value = value.say("secret", hex(ticket.secret.as_bytes())).say("expires, in ms since 1970", ticket.expires.as_ms());
        file.add(name, value, &ticket.to_canonical(), Words::default().say("text", ticket));
    }
    let bytes = ticket.to_canonical();
    file.refuse_damage(&bytes);
    file.refuse_versions(&bytes);
    let many = Ticket { addresses: vec![cast::addresses()[0].clone(); 13], ..ticket };
    file.refuse("13 addresses, where 12 are allowed", &many.to_canonical());
    file
}

/// Whether the signature under `also` fits.
pub(super) fn signed(format: &str, bytes: &[u8], also: &BTreeMap<String, String>) -> Result<(), String> {
    let part = |name: &str| also.get(name).and_then(|text| HEXLOWER.decode(text.as_bytes()).ok());
    let signature = part("signature").and_then(|bytes| <[u8; 64]>::try_from(bytes).ok()).map(Signature::new).ok_or("no signature")?;
    match format {
        "card" => {
            let card = Card::from_canonical(bytes).map_err(|why| why.to_string())?;
            SignedCard::verify(card, signature).map(drop).map_err(|why| why.to_string())
        }
        "addresses" => {
            let record = AddressRecord::from_canonical(bytes).map_err(|why| why.to_string())?;
            SignedAddresses::verify(record, signature).map(drop).map_err(|why| why.to_string())
        }
        _ => {
            let entry = SignedEntry { header: bytes.to_vec(), signature, payload: part("payload"), wraps: part("wraps") };
            entry.verify().map(drop).map_err(|why| why.to_string())
        }
    }
}
