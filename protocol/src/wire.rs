//! What two nodes say to each other: bounded, canonical messages. Version 1. How frames carry them: [`block`].
//!
//! | tag | message | sent by |
//! |---|---|---|
//! | 0 | [`Message::Hello`] | both, first, between organisations that know each other |
//! | 1 | [`Message::PairRequest`] | whoever was invited, first |
//! | 2 | [`Message::Confirmed`] | either, when its operator confirms the security number |
//! | 3 | [`Message::Cards`] | either, before what needs them |
//! | 5 | [`Message::Have`] | whoever lacks something: all that it has of one plane of a document |
//! | 6 | [`Message::Entries`] | either: entries asked for, or pushed as they come |
//! | 7 | [`Message::Served`] | whoever was asked: all is sent, and what it lacks itself |
//! | 8 | [`Message::Decline`] | either: what it will not take |
//! | 9 | [`Message::Reconcile`] | either: one step of comparing what both may hold |
//! | 10 | [`Message::Need`] | whoever began the round: what the comparison showed it to lack |
//! | 11 | [`Message::Offer`] | the other: which documents these are |
//! | 12 | [`Message::Probe`] | whoever lacks something and has much: one step of comparing entries |
//! | 13 | [`Message::Want`] | the same, once it knows which entries it lacks |
//! | 14 | [`Message::Settled`] | whoever began the round: all that differed was exchanged |
//! | 15 | [`Message::Probed`] | whoever is probed: the answer to one step |
//!
//! Tag 4 was the summary of version 0 and is retired. Whoever invited answers a PairRequest with its
//! Hello: the connection proves its device, and its card the rest.

pub mod block;

use crate::codec::{Canonical, CodecError, Reader, Writer};
use crate::entry::{EntryError, Plane, SignedEntry, VerifiedEntry};
use crate::id::{DocumentId, EntryId, Hash};
use crate::identity::{AddressRecord, Card, IdentityError, PairingProof, Signature, SignedAddresses, SignedCard, Verifier};
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
    /// "This is all that I have of this plane: send me the rest, and tell me what you lack."
    Have {
        /// The document.
        document: DocumentId,
        /// The plane.
        plane: Plane,
        /// What the speaker has, ascending; at most [`limits::HAVE_IDS`].
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
        /// Of the entries that a [`Message::Have`] named, those that the speaker lacks, ascending.
        lacking: Vec<EntryId>,
    },
    /// "I will not take these: leave them out", or "I take them again".
    Decline {
        /// Documents and planes, ascending. Whoever declines control declines content too.
        places: Vec<Place>,
        /// Whether they are taken again.
        again: bool,
    },
    /// One step of range-based set reconciliation over what both may hold, in version 1 of
    /// negentropy. Empty, from the side that does not begin rounds: "please begin one".
    Reconcile(Vec<u8>),
    /// "I lack these of your set", ascending; at most [`limits::NEEDS`].
    Need(Vec<Hash>),
    /// "These are the ones you need": entries and a [`Message::Served`] follow for each.
    Offer(Vec<Place>),
    /// One step of range-based set reconciliation over the ids of a plane.
    Probe {
        /// The document.
        document: DocumentId,
        /// The plane.
        plane: Plane,
        /// The step.
        step: Vec<u8>,
    },
    /// The answer to it.
    Probed {
        /// The document.
        document: DocumentId,
        /// The plane.
        plane: Plane,
        /// The step.
        step: Vec<u8>,
    },
    /// "Send me exactly these."
    Want {
        /// The document.
        document: DocumentId,
        /// The plane.
        plane: Plane,
        /// Which, ascending.
        ids: Vec<EntryId>,
    },
    /// "The round is over: all that differed was exchanged."
    Settled,
}

/// One plane of a document.
pub type Place = (DocumentId, Plane);

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

fn write_ids(w: &mut Writer, tag: u64, document: &DocumentId, plane: Plane, ids: &[EntryId]) {
    w.array(4);
    w.uint(tag);
    write_place(w, document, plane);
    w.list(ids, |w, id| w.bytes(id.as_bytes()));
}

fn write_step(w: &mut Writer, tag: u64, document: &DocumentId, plane: Plane, step: &[u8]) {
    w.array(4);
    w.uint(tag);
    write_place(w, document, plane);
    w.bytes(step);
}

fn write_places(w: &mut Writer, places: &[Place]) {
    w.list(places, |w, (document, plane)| {
        w.array(2);
        write_place(w, document, *plane);
    });
}

fn read_ids(r: &mut Reader<'_>, limit: usize) -> Result<Vec<EntryId>, CodecError> {
    r.ascending(limit, "entry ids", |r| Ok(EntryId::new(r.fixed("an entry id")?)), |id| *id)
}

fn read_places(r: &mut Reader<'_>, limit: usize) -> Result<Vec<Place>, CodecError> {
    let read = |r: &mut Reader<'_>| {
        r.array(2, "a document and a plane")?;
        read_place(r)
    };
    r.ascending(limit, "documents and planes", read, |place| *place)
}

fn read_step(r: &mut Reader<'_>) -> Result<Vec<u8>, CodecError> {
    Ok(r.bytes(limits::RECONCILE_BYTES, "a step of reconciliation")?.to_vec())
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
    /// About as many bytes as the frame has, where these are many.
    fn size(&self) -> usize {
        let ids = |ids: usize| ids.saturating_mul(36).saturating_add(64);
        match self {
            Self::Entries { entries, .. } => entries.iter().map(SignedEntry::size).fold(64, usize::saturating_add),
            Self::Have { ids: some, .. } | Self::Want { ids: some, .. } | Self::Served { lacking: some, .. } => ids(some.len()),
            Self::Need(items) => ids(items.len()),
            Self::Offer(places) | Self::Decline { places, .. } => ids(places.len()),
            Self::Reconcile(step) | Self::Probe { step, .. } | Self::Probed { step, .. } => step.len().saturating_add(64),
            Self::Hello { .. } | Self::PairRequest { .. } | Self::Confirmed | Self::Cards(_) | Self::Settled => 0,
        }
    }

    /// The frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::with_capacity(self.size());
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
            Self::Have { document, plane, ids } => write_ids(&mut w, 5, document, *plane, ids),
            Self::Entries { document, plane, entries } => {
                w.array(4);
                w.uint(6);
                write_place(&mut w, document, *plane);
                w.list(entries, |w, entry| entry.write(w));
            }
            Self::Served { document, plane, lacking } => write_ids(&mut w, 7, document, *plane, lacking),
            Self::Decline { places, again } => {
                w.array(3);
                w.uint(8);
                write_places(&mut w, places);
                w.uint(u64::from(*again));
            }
            Self::Reconcile(step) => {
                w.array(2);
                w.uint(9);
                w.bytes(step);
            }
            Self::Need(items) => {
                w.array(2);
                w.uint(10);
                w.list(items, |w, item| w.bytes(item.as_bytes()));
            }
            Self::Offer(places) => {
                w.array(2);
                w.uint(11);
                write_places(&mut w, places);
            }
            Self::Probe { document, plane, step } => write_step(&mut w, 12, document, *plane, step),
            Self::Want { document, plane, ids } => write_ids(&mut w, 13, document, *plane, ids),
            Self::Settled => {
                w.array(1);
                w.uint(14);
            }
            Self::Probed { document, plane, step } => write_step(&mut w, 15, document, *plane, step),
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
        Self::receive_by(frame, &mut Verifier::default())
    }

    /// The same, one of several.
    ///
    /// # Errors
    /// When the frame is too long, malformed, not canonical or holds a forgery. Nothing of it is to be used.
    pub fn receive_by(frame: &[u8], verifier: &mut Verifier) -> Result<Self, WireError> {
        if frame.len() > limits::MESSAGE_BYTES {
            let found = u64::try_from(frame.len()).unwrap_or(u64::MAX);
            return Err(CodecError::TooLong { offset: 0, what: "a message", limit: limits::MESSAGE_BYTES, found }.into());
        }
        let mut r = Reader::new(frame);
        let message = Message::<SignedEntry>::read(&mut r)?;
        if r.offset() != frame.len() || message.encode() != frame {
            return Err(CodecError::NotCanonical.into());
        }
        message.with_entries(|document, plane, entries| verified_entries(document, plane, entries, verifier))
    }
}

impl<Entry> Message<Entry> {
    /// The word for it in a fault.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "a hello",
            Self::PairRequest { .. } => "a request to pair",
            Self::Confirmed => "a confirmation",
            Self::Cards(_) => "cards",
            Self::Have { .. } => "a request for entries",
            Self::Entries { .. } => "entries",
            Self::Served { .. } => "the end of an answer",
            Self::Decline { .. } => "a refusal",
            Self::Reconcile(_) => "a step of reconciliation",
            Self::Need(_) => "a need",
            Self::Offer(_) => "an offer",
            Self::Probe { .. } => "a probe",
            Self::Probed { .. } => "the answer to a probe",
            Self::Want { .. } => "a request for certain entries",
            Self::Settled => "the end of a round",
        }
    }

    /// The same message, its entries in another state of trust.
    fn with_entries<Other, E>(
        self,
        change: impl FnOnce(DocumentId, Plane, Vec<Entry>) -> Result<Vec<Other>, E>,
    ) -> Result<Message<Other>, E> {
        Ok(match self {
            Self::Entries { document, plane, entries } => Message::Entries { document, plane, entries: change(document, plane, entries)? },
            Self::Hello { card, addresses, confirmed } => Message::Hello { card, addresses, confirmed },
            Self::PairRequest { card, proof } => Message::PairRequest { card, proof },
            Self::Confirmed => Message::Confirmed,
            Self::Cards(cards) => Message::Cards(cards),
            Self::Have { document, plane, ids } => Message::Have { document, plane, ids },
            Self::Served { document, plane, lacking } => Message::Served { document, plane, lacking },
            Self::Decline { places, again } => Message::Decline { places, again },
            Self::Reconcile(step) => Message::Reconcile(step),
            Self::Need(items) => Message::Need(items),
            Self::Offer(places) => Message::Offer(places),
            Self::Probe { document, plane, step } => Message::Probe { document, plane, step },
            Self::Probed { document, plane, step } => Message::Probed { document, plane, step },
            Self::Want { document, plane, ids } => Message::Want { document, plane, ids },
            Self::Settled => Message::Settled,
        })
    }
}

impl Message<VerifiedEntry> {
    /// The message as it is sent.
    #[must_use]
    pub fn into_signed(self) -> Message<SignedEntry> {
        let signed = |_, _, entries: Vec<VerifiedEntry>| {
            Ok::<_, std::convert::Infallible>(entries.into_iter().map(VerifiedEntry::into_signed).collect())
        };
        match self.with_entries(signed) {
            Ok(message) => message,
            Err(never) => match never {},
        }
    }
}

impl Message<SignedEntry> {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let items = r.array_up_to(4, "a message")?;
        let tag = r.tag("kind of message", |tag| matches!(tag, 0..=3 | 5..=15).then_some(tag))?;
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
            (5, 4) => {
                let (document, plane) = read_place(r)?;
                Self::Have { document, plane, ids: read_ids(r, limits::HAVE_IDS)? }
            }
            (6, 4) => {
                let (document, plane) = read_place(r)?;
                let entries = r.list(limits::MESSAGE_ITEMS, "entries", SignedEntry::read)?;
                Self::Entries { document, plane, entries }
            }
            (7, 4) => {
                let (document, plane) = read_place(r)?;
                Self::Served { document, plane, lacking: read_ids(r, limits::HAVE_IDS)? }
            }
            (8, 3) => Self::Decline { places: read_places(r, limits::MESSAGE_ITEMS)?, again: flag(r)? },
            (9, 2) => Self::Reconcile(read_step(r)?),
            (10, 2) => Self::Need(r.ascending(limits::NEEDS, "items of a set", |r| Ok(Hash::new(r.fixed("an item")?)), |item| *item)?),
            (11, 2) => Self::Offer(read_places(r, limits::NEEDS)?),
            (12, 4) => {
                let (document, plane) = read_place(r)?;
                Self::Probe { document, plane, step: read_step(r)? }
            }
            (13, 4) => {
                let (document, plane) = read_place(r)?;
                Self::Want { document, plane, ids: read_ids(r, limits::MESSAGE_IDS)? }
            }
            (14, 1) => Self::Settled,
            (15, 4) => {
                let (document, plane) = read_place(r)?;
                Self::Probed { document, plane, step: read_step(r)? }
            }
            _ => return Err(r.malformed("a message with the items of its kind").into()),
        })
    }
}

fn verified_entries(
    document: DocumentId,
    plane: Plane,
    entries: Vec<SignedEntry>,
    verifier: &mut Verifier,
) -> Result<Vec<VerifiedEntry>, WireError> {
    let mut verified = Vec::with_capacity(entries.len());
    for entry in entries {
        let entry = entry.verify_by(verifier)?;
        if entry.document() != document || entry.header().plane() != plane {
            return Err(WireError::Misplaced { document, entry: entry.id() });
        }
        verified.push(entry);
    }
    Ok(verified)
}

#[cfg(test)]
mod tests;
