//! What people type, paste and read aloud.

use csu_protocol::codec::Canonical;
use csu_protocol::document::Marking;
use csu_protocol::entry::{Reason, Remark, Role};
use csu_protocol::id::{DeviceId, DocumentId, EntryId, Hash, OrganisationId};
use csu_protocol::identity::{Address, Name, OrganisationKind, RecoveryPhrase, SecurityNumber, Ticket};
use data_encoding::BASE32_NOPAD;
use std::fmt::{Debug, Display};
use std::str::FromStr;

/// What is taken prints to what is taken.
fn prints_back<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string().parse::<T>().ok(), Some(value));
    }
}

/// Bytes as a ticket, and as whatever a text can be.
pub fn texts(data: &[u8]) {
    ticket(data);
    let text = String::from_utf8_lossy(data);
    let text = text.as_ref();
    prints_back::<Ticket>(text);
    prints_back::<OrganisationId>(text);
    prints_back::<DeviceId>(text);
    prints_back::<DocumentId>(text);
    prints_back::<EntryId>(text);
    prints_back::<Hash>(text);
    prints_back::<Role>(text);
    prints_back::<Reason>(text);
    prints_back::<Remark>(text);
    prints_back::<OrganisationKind>(text);
    prints_back::<Marking>(text);
    if let Ok(name) = Name::new(text) {
        assert_eq!(name.as_str(), text);
    }
    if let Ok(address) = Address::new(text) {
        assert_eq!(address.as_str(), text);
    }
    if let Some(number) = SecurityNumber::from_printed(text) {
        assert_eq!(number.to_string(), text);
        assert!(number.matches(text) && number.matches(&text.replace(' ', "-")) && !number.matches(&text[1..]));
    }
    if let Ok(phrase) = RecoveryPhrase::parse(text) {
        let root = phrase.root_key().expect("a phrase is a key");
        let printed = RecoveryPhrase::of(&root).expect("a key is a phrase");
        assert_eq!(printed.words(), phrase.words());
    }
}

/// The bytes as what a ticket's text holds, its checksum right.
fn ticket(data: &[u8]) {
    let sum = blake3::derive_key("csu-link 0 ticket checksum", data);
    let text = format!("csu-ticket-{}", BASE32_NOPAD.encode(&[data, &sum[..4]].concat()).to_lowercase());
    let parsed = text.parse::<Ticket>();
    match Ticket::from_canonical(data) {
        Ok(ticket) => {
            assert_eq!(ticket.to_canonical(), data);
            assert_eq!(ticket.to_string(), text);
            assert_eq!(parsed.as_ref(), Ok(&ticket));
        }
        Err(_) => assert!(parsed.is_err(), "a ticket that cannot be read is taken as text"),
    }
}
