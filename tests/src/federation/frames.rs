//! The one place of the simulation that knows kinds of messages.
//!
//! Everything else treats frames as bytes, so that another version of the wire changes this file alone.

use crate::history::Dice;
use csu_protocol::entry::{Plane, SignedEntry, VerifiedEntry};
use csu_protocol::id::{DocumentId, EntryId, Hash};
use csu_protocol::wire::{Message, WireError};

/// A frame under way, read once for everybody who looks at it.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) bytes: Vec<u8>,
    pub(super) message: Result<Box<Message>, WireError>,
}

/// Entries that a frame carries.
pub(super) struct Carried<'f> {
    pub(super) document: DocumentId,
    pub(super) plane: Plane,
    pub(super) entries: &'f [VerifiedEntry],
}

impl Frame {
    pub(super) fn read(bytes: Vec<u8>) -> Self {
        let message = Message::receive(&bytes).map(Box::new);
        Self { bytes, message }
    }

    pub(super) fn carried(&self) -> Option<Carried<'_>> {
        match self.message.as_deref() {
            Ok(Message::Entries { document, plane, entries }) => Some(Carried { document: *document, plane: *plane, entries }),
            _ => None,
        }
    }

    /// The tag of its kind: the message is an array whose first item that is.
    pub(super) fn tag(&self) -> u8 {
        self.bytes.get(1).copied().unwrap_or(u8::MAX)
    }
}

/// Below this tag stand greetings, without which there is no session to lie in.
pub(super) const FIRST_OF_DATA: u8 = 3;
/// Above every tag that means something.
pub(super) const TAGS: u8 = 16;

pub(super) fn entries(document: DocumentId, plane: Plane, entries: Vec<SignedEntry>) -> Vec<u8> {
    Message::Entries { document, plane, entries }.encode()
}

/// Claims that there is no difference, in the place of whatever would find one.
pub(super) fn no_difference(frame: &Frame) -> Option<Vec<u8>> {
    let none = vec![0x61];
    Some(match frame.message.as_deref().ok()? {
        Message::Reconcile(step) if !step.is_empty() => Message::<SignedEntry>::Reconcile(none).encode(),
        Message::Probed { document, plane, .. } => {
            Message::<SignedEntry>::Probed { document: *document, plane: *plane, step: none }.encode()
        }
        _ => return None,
    })
}

/// Something that an honest node would not say at this point, about a document that it may never have heard of.
pub(super) fn nonsense(dice: &mut Dice, document: DocumentId, plane: Plane) -> Vec<u8> {
    let mut ids: Vec<EntryId> = (0..dice.below(40)).map(|_| EntryId::new(dice.entropy().bytes())).collect();
    ids.sort();
    let items = ids.iter().map(|id| Hash::new(*id.as_bytes())).collect();
    let step = match dice.below(3) {
        0 => Vec::new(),
        1 => vec![0x61],
        _ => (0..dice.below(60)).map(|at| if at == 0 { 0x61 } else { dice.below(256) as u8 }).collect(),
    };
    let again = dice.chance(50);
    let message: Message<SignedEntry> = match dice.below(16) {
        0 => Message::Confirmed,
        1 => Message::Cards(Vec::new()),
        2..5 => Message::Have { document, plane, ids: Vec::new() },
        5 => Message::Have { document, plane, ids },
        6 => Message::Served { document, plane, lacking: ids },
        7 => Message::Decline { places: vec![(document, plane)], again },
        8 => Message::Reconcile(step),
        9 => Message::Need(items),
        10 => Message::Offer(vec![(document, plane)]),
        11 => Message::Probe { document, plane, step },
        12 => Message::Probed { document, plane, step },
        13 => Message::Want { document, plane, ids },
        14 => Message::Settled,
        _ => return (0..dice.below(60)).map(|_| dice.below(256) as u8).collect(),
    };
    message.encode()
}

/// "I will have none of these."
pub(super) fn decline(documents: impl Iterator<Item = DocumentId>) -> Vec<u8> {
    Message::<SignedEntry>::Decline { places: documents.map(|document| (document, Plane::Control)).collect(), again: false }.encode()
}
