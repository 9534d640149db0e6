//! The one place of the simulation that knows kinds of messages.
//!
//! Everything else treats frames as bytes, so that another version of the wire changes this file alone.

use crate::history::Dice;
use csu_protocol::entry::{Plane, SignedEntry, VerifiedEntry};
use csu_protocol::id::{DocumentId, EntryId, Hash};
use csu_protocol::wire::{Message, WireError};
use std::cell::OnceCell;
use std::collections::BTreeMap;

/// A frame under way, read once for everybody who looks at it, and not before somebody does.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) bytes: Vec<u8>,
    message: OnceCell<Result<Box<Message>, WireError>>,
}

/// Frames with entries or cards that somebody read before: in a large federation the same one goes to many.
#[derive(Debug, Default)]
pub(super) struct Memo(BTreeMap<Hash, Box<Message>>);

impl Memo {
    /// How many are remembered.
    const MOST: usize = 2_000;

    /// Reads a frame, or knows what it says.
    pub(super) fn read(&mut self, frame: &Frame) {
        let hash = Hash::of(&frame.bytes);
        if let Some(message) = self.0.get(&hash) {
            frame.message.get_or_init(|| Ok(message.clone()));
        } else if let Ok(message @ (Message::Entries { .. } | Message::Cards(_))) = frame.message() {
            if self.0.len() >= Self::MOST {
                self.0.clear();
            }
            self.0.insert(hash, Box::new(message.clone()));
        }
    }
}

/// Entries that a frame carries.
pub(super) struct Carried<'f> {
    pub(super) document: DocumentId,
    pub(super) plane: Plane,
    pub(super) entries: &'f [VerifiedEntry],
}

impl Frame {
    pub(super) const fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, message: OnceCell::new() }
    }

    pub(super) fn message(&self) -> Result<&Message, &WireError> {
        self.message.get_or_init(|| Message::receive(&self.bytes).map(Box::new)).as_deref()
    }

    /// What a node makes of it.
    pub(super) fn into_message(self) -> Result<Box<Message>, WireError> {
        self.message.into_inner().unwrap_or_else(|| Message::receive(&self.bytes).map(Box::new))
    }

    pub(super) fn carried(&self) -> Option<Carried<'_>> {
        match self.message() {
            Ok(Message::Entries { document, plane, entries }) => Some(Carried { document: *document, plane: *plane, entries }),
            _ => None,
        }
    }

    /// Of which document it ends the answer to a request.
    pub(super) fn serves(&self) -> Option<(DocumentId, Plane)> {
        match self.message() {
            Ok(Message::Served { document, plane, .. }) => Some((*document, *plane)),
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
    Some(match frame.message().ok()? {
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

/// "I have nothing of this: send me all."
pub(super) fn have_nothing(document: DocumentId, plane: Plane) -> Vec<u8> {
    Message::<SignedEntry>::Have { document, plane, ids: Vec::new() }.encode()
}

/// "I will have none of these."
pub(super) fn decline(documents: impl Iterator<Item = DocumentId>) -> Vec<u8> {
    Message::<SignedEntry>::Decline { places: documents.map(|document| (document, Plane::Control)).collect(), again: false }.encode()
}
