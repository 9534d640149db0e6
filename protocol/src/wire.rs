//! What two nodes say to each other: bounded, canonical messages, one to a frame.
//!
//! | tag | message | sent by |
//! |---|---|---|
//! | 0 | [`Message::Hello`] | both, first, between organisations that know each other |
//! | 1 | [`Message::PairRequest`] | whoever was invited, first |
//! | 2 | [`Message::Confirmed`] | either, when its operator confirms the security number |
//! | 3 | [`Message::Cards`] | either, before what needs them |
//! | 4 | [`Message::Summary`] | either: what it holds that the other may hold |
//! | 5 | [`Message::Have`] | whoever lacks something: what it has of one plane of a document |
//! | 6 | [`Message::Entries`] | either: entries asked for, or pushed as they come |
//! | 7 | [`Message::Served`] | whoever was asked: all is sent |
//!
//! Tag 8 is reserved for Decline, 9 to 15 for set reconciliation. Whoever invited answers a
//! PairRequest with its Hello: the connection proves its device, and its card the rest.

use crate::codec::{Canonical, CodecError, Reader, Writer};
use crate::entry::{EntryError, Plane, SignedEntry, VerifiedEntry};
use crate::id::{DocumentId, EntryId, Hash};
use crate::identity::{AddressRecord, Card, IdentityError, PairingProof, Signature, SignedAddresses, SignedCard};
use crate::limits;

/// Why a frame was refused. The peer that sent it is to blame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// It does not decode.
    #[error("a message cannot be read: {0}")]
    Codec(#[from] CodecError),
    /// A card or record of addresses in it is not signed as it says.
    #[error("a message holds a forgery: {0}")]
    Identity(#[from] IdentityError),
    /// An entry in it is refused on its own account.
    #[error("a message holds an entry that is refused: {0}")]
    Entry(#[from] EntryError),
    /// An entry in it belongs elsewhere.
    #[error("a message about document {document} holds entry {entry} of another document or plane")]
    Misplaced {
        /// The document it is about.
        document: DocumentId,
        /// The entry.
        entry: EntryId,
    },
}

/// A message, with `Entry` in whatever state of trust it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<Entry = VerifiedEntry> {
    /// Who speaks, where it can be reached, and whether its operator confirmed the pairing.
    Hello {
        /// The speaker's newest card.
        card: SignedCard,
        /// Where its device is.
        addresses: Option<SignedAddresses>,
        /// Whether its operator confirmed the security number.
        confirmed: bool,
    },
    /// "I was invited."
    PairRequest {
        /// The speaker's card.
        card: SignedCard,
        /// Proof that it knows the invitation's secret.
        proof: PairingProof,
    },
    /// "Our operator confirmed the security number."
    Confirmed,
    /// Cards that what follows needs.
    Cards(Vec<SignedCard>),
    /// Documents of which the speaker holds a plane that the other may hold, with their versions,
    /// ascending by document.
    Summary {
        /// Which plane.
        plane: Plane,
        /// Documents and versions.
        items: Vec<(DocumentId, Hash)>,
        /// Whether this is the last part of the summary.
        last: bool,
    },
    /// "Send me of this plane what is not in the list."
    Have {
        /// The document.
        document: DocumentId,
        /// The plane.
        plane: Plane,
        /// What the speaker has, ascending.
        ids: Vec<EntryId>,
    },
    /// Entries of one plane of a document, in causal order.
    Entries {
        /// The document.
        document: DocumentId,
        /// The plane.
        plane: Plane,
        /// The entries.
        entries: Vec<Entry>,
    },
    /// "That was all of it."
    Served {
        /// The document.
        document: DocumentId,
        /// The plane.
        plane: Plane,
    },
}

fn write_card(w: &mut Writer, card: &SignedCard) {
    w.array(2);
    w.bytes(&card.card().to_canonical());
    w.bytes(card.signature().as_bytes());
}

struct Unverified<T>(T, Signature);

fn read_signed<T: Canonical>(r: &mut Reader<'_>) -> Result<Unverified<T>, CodecError> {
    r.array(2, T::WHAT)?;
    let value = T::from_canonical(r.bytes(T::LIMIT, T::WHAT)?)?;
    Ok(Unverified(value, Signature::new(r.fixed("a signature of 64 bytes")?)))
}

fn write_addresses(w: &mut Writer, addresses: &SignedAddresses) {
    w.array(2);
    w.bytes(&addresses.record().to_canonical());
    w.bytes(addresses.signature().as_bytes());
}

fn write_place(w: &mut Writer, document: &DocumentId, plane: Plane) {
    w.bytes(document.as_bytes());
    w.uint(plane.tag());
}

fn read_place(r: &mut Reader<'_>) -> Result<(DocumentId, Plane), CodecError> {
    Ok((DocumentId::new(r.fixed("a document")?), r.tag("plane", Plane::from_tag)?))
}

impl SignedEntry {
    fn write(&self, w: &mut Writer) {
        w.array(4);
        w.bytes(&self.header);
        w.bytes(self.signature.as_bytes());
        w.option(self.payload.as_ref(), |w, bytes| w.bytes(bytes));
        w.option(self.wraps.as_ref(), |w, bytes| w.bytes(bytes));
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(4, "an entry")?;
        Ok(Self {
            header: r.bytes(limits::HEADER_BYTES, "a header")?.to_vec(),
            signature: Signature::new(r.fixed("a signature of 64 bytes")?),
            payload: r.option(|r| Ok(r.bytes(limits::PAYLOAD_BYTES, "a payload")?.to_vec()))?,
            wraps: r.option(|r| Ok(r.bytes(limits::WRAPS_BYTES, "wrapped keys")?.to_vec()))?,
        })
    }

    /// Bytes of it on the wire, to a few.
    #[must_use]
    pub fn size(&self) -> usize {
        let parts = self.payload.as_ref().map_or(0, Vec::len).saturating_add(self.wraps.as_ref().map_or(0, Vec::len));
        self.header.len().saturating_add(parts).saturating_add(80)
    }
}

impl Message<SignedEntry> {
    /// The frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        match self {
            Self::Hello { card, addresses, confirmed } => {
                w.array(4);
                w.uint(0);
                write_card(&mut w, card);
                w.option(addresses.as_ref(), write_addresses);
                w.uint(u64::from(*confirmed));
            }
            Self::PairRequest { card, proof } => {
                w.array(3);
                w.uint(1);
                write_card(&mut w, card);
                w.bytes(proof.as_bytes());
            }
            Self::Confirmed => {
                w.array(1);
                w.uint(2);
            }
            Self::Cards(cards) => {
                w.array(2);
                w.uint(3);
                w.list(cards, write_card);
            }
            Self::Summary { plane, items, last } => {
                w.array(4);
                w.uint(4);
                w.uint(plane.tag());
                w.list(items, |w, (document, version)| {
                    w.array(2);
                    w.bytes(document.as_bytes());
                    w.bytes(version.as_bytes());
                });
                w.uint(u64::from(*last));
            }
            Self::Have { document, plane, ids } => {
                w.array(4);
                w.uint(5);
                write_place(&mut w, document, *plane);
                w.list(ids, |w, id| w.bytes(id.as_bytes()));
            }
            Self::Entries { document, plane, entries } => {
                w.array(4);
                w.uint(6);
                write_place(&mut w, document, *plane);
                w.list(entries, |w, entry| entry.write(w));
            }
            Self::Served { document, plane } => {
                w.array(3);
                w.uint(7);
                write_place(&mut w, document, *plane);
            }
        }
        w.into_bytes()
    }
}

fn flag(r: &mut Reader<'_>) -> Result<bool, CodecError> {
    r.tag("yes or no", |tag| (tag <= 1).then_some(tag == 1))
}

fn verified_card(Unverified(card, signature): Unverified<Card>) -> Result<SignedCard, WireError> {
    Ok(SignedCard::verify(card, signature)?)
}

impl Message<VerifiedEntry> {
    /// Reads a frame and checks every signature in it. Costs a signature check for each entry and
    /// card; do it off whatever must stay quick.
    ///
    /// # Errors
    /// When the frame is too long, malformed, not canonical or holds a forgery. Nothing of it is to be used.
    pub fn receive(frame: &[u8]) -> Result<Self, WireError> {
        if frame.len() > limits::MESSAGE_BYTES {
            let found = u64::try_from(frame.len()).unwrap_or(u64::MAX);
            return Err(CodecError::TooLong { offset: 0, what: "a message", limit: limits::MESSAGE_BYTES, found }.into());
        }
        let mut r = Reader::new(frame);
        let message = Message::<SignedEntry>::read(&mut r)?;
        if r.offset() != frame.len() || message.encode() != frame {
            return Err(CodecError::NotCanonical.into());
        }
        message.verify()
    }
}

impl Message<SignedEntry> {
    fn verify(self) -> Result<Message, WireError> {
        Ok(match self {
            Self::Entries { document, plane, entries } => {
                Message::Entries { document, plane, entries: verified_entries(document, plane, entries)? }
            }
            Self::Hello { card, addresses, confirmed } => Message::Hello { card, addresses, confirmed },
            Self::PairRequest { card, proof } => Message::PairRequest { card, proof },
            Self::Confirmed => Message::Confirmed,
            Self::Cards(cards) => Message::Cards(cards),
            Self::Summary { plane, items, last } => Message::Summary { plane, items, last },
            Self::Have { document, plane, ids } => Message::Have { document, plane, ids },
            Self::Served { document, plane } => Message::Served { document, plane },
        })
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let items = r.array_up_to(4, "a message")?;
        let tag = r.tag("kind of message", |tag| (tag <= 7).then_some(tag))?;
        Ok(match (tag, items) {
            (0, 4) => Self::Hello {
                card: verified_card(read_signed(r)?)?,
                addresses: match r.option(read_signed::<AddressRecord>)? {
                    Some(Unverified(record, signature)) => Some(SignedAddresses::verify(record, signature)?),
                    None => None,
                },
                confirmed: flag(r)?,
            },
            (1, 3) => Self::PairRequest {
                card: verified_card(read_signed(r)?)?,
                proof: PairingProof::from_bytes(r.fixed("a proof of 32 bytes")?),
            },
            (2, 1) => Self::Confirmed,
            (3, 2) => {
                let cards = r.list(limits::MESSAGE_ITEMS, "cards", read_signed::<Card>)?;
                Self::Cards(cards.into_iter().map(verified_card).collect::<Result<_, _>>()?)
            }
            (4, 4) => Self::Summary {
                plane: r.tag("plane", Plane::from_tag)?,
                items: r.ascending(
                    limits::MESSAGE_ITEMS,
                    "a summary",
                    |r| {
                        r.array(2, "a document and its version")?;
                        Ok((DocumentId::new(r.fixed("a document")?), Hash::new(r.fixed("a version")?)))
                    },
                    |(document, _)| *document,
                )?,
                last: flag(r)?,
            },
            (5, 4) => {
                let (document, plane) = read_place(r)?;
                let read_id = |r: &mut Reader<'_>| Ok(EntryId::new(r.fixed("an entry id")?));
                Self::Have { document, plane, ids: r.ascending(limits::MESSAGE_IDS, "entry ids", read_id, |id| *id)? }
            }
            (6, 4) => {
                let (document, plane) = read_place(r)?;
                let entries = r.list(limits::MESSAGE_ITEMS, "entries", SignedEntry::read)?;
                Self::Entries { document, plane, entries }
            }
            (7, 3) => {
                let (document, plane) = read_place(r)?;
                Self::Served { document, plane }
            }
            _ => return Err(r.malformed("a message with the items of its kind").into()),
        })
    }
}

fn verified_entries(document: DocumentId, plane: Plane, entries: Vec<SignedEntry>) -> Result<Vec<VerifiedEntry>, WireError> {
    let mut verified = Vec::with_capacity(entries.len());
    for entry in entries {
        let entry = entry.verify()?;
        if entry.document() != document || entry.header().plane() != plane {
            return Err(WireError::Misplaced { document, entry: entry.id() });
        }
        verified.push(entry);
    }
    Ok(verified)
}

#[cfg(test)]
mod tests {
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
        let genesis =
            author::genesis(card().card().organisation, Signer::Device(&key), Vec::new(), &mut Entropy::from_seed([6; 32])).unwrap();
        vec![
            Message::Hello { card: card(), addresses: Some(SignedAddresses::sign(&key, 1, Vec::new())), confirmed: true },
            Message::PairRequest { card: card(), proof },
            Message::Confirmed,
            Message::Cards(vec![card()]),
            Message::Summary { plane, items: vec![(document, Hash::new([7; 32]))], last: true },
            Message::Have { document, plane, ids: vec![id] },
            Message::Entries { document: genesis.document(), plane: Plane::Control, entries: vec![genesis.into_signed()] },
            Message::Served { document, plane },
        ]
    }

    #[test]
    fn every_message_reads_back() {
        for message in messages() {
            let frame = message.encode();
            let read = Message::receive(&frame).unwrap();
            assert_eq!(std::mem::discriminant(&as_signed(read.clone())), std::mem::discriminant(&message));
            assert_eq!(as_signed(read).encode(), frame);
        }
    }

    fn as_signed(message: Message) -> Message<SignedEntry> {
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
                    assert_eq!(as_signed(read).encode(), changed);
                }
            }
        }
    }

    #[test]
    fn an_entry_under_another_documents_name_is_refused() {
        let Some(Message::Entries { entries, .. }) = messages().into_iter().find(|m| matches!(m, Message::Entries { .. })) else {
            panic!()
        };
        let frame = Message::Entries { document: DocumentId::new([9; 32]), plane: Plane::Control, entries }.encode();
        assert!(matches!(Message::receive(&frame), Err(WireError::Misplaced { .. })));
    }
}
