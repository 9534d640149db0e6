//! Storage in memory, for simulations, examples and tests.

use super::{Parts, Read, ReadError, Start, StoredEntry, Write};
use crate::codec::Canonical;
use crate::entry::{Header, Plane};
use crate::id::DocumentId;
use std::collections::BTreeMap;

/// All records, in maps. Applies every [`Write`] and forgets everything when dropped.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    documents: BTreeMap<DocumentId, Vec<StoredEntry>>,
    start: Start,
}

impl Memory {
    /// Applies one write.
    pub fn apply(&mut self, write: Write) {
        match write {
            Write::Entry(new) => {
                let document = new.entry.document();
                self.start.documents.entry(document).or_default();
                self.documents.entry(document).or_default().push((*new).into());
            }
            Write::Summary { document, summary } => {
                self.start.documents.insert(document, Some(summary));
            }
            Write::Brought { bringer, owner, bytes } => {
                self.start.brought.insert((bringer, owner), bytes);
            }
            Write::ContentDestroyed { document, .. } => {
                for stored in self.documents.get_mut(&document).into_iter().flatten() {
                    if Header::from_canonical(&stored.entry.header).is_ok_and(|header| header.plane() == Plane::Content) {
                        (stored.entry.payload, stored.entry.wraps, stored.parts) = (None, None, Parts::Destroyed);
                    }
                }
                self.start.destroyed.insert(document);
            }
            Write::Reconciled(document) => {
                self.start.unreconciled.remove(&document);
            }
            Write::Card { card, brought_by } => {
                if !self.start.cards.iter().any(|(known, _)| known.id() == card.id()) {
                    self.start.cards.push((card, brought_by));
                }
            }
            Write::Addresses(signed) => {
                self.start.addresses.retain(|known| known.record().device != signed.record().device);
                self.start.addresses.push(signed);
            }
            Write::Peer(peer) => {
                self.start.peers.retain(|known| known.organisation != peer.organisation);
                self.start.peers.push(peer);
            }
            Write::PeerRemoved(organisation) => self.start.peers.retain(|known| known.organisation != organisation),
            Write::Invitation(invitation) => self.start.invitations.push(invitation),
            Write::InvitationEnded(secret) => self.start.invitations.retain(|known| known.secret != secret),
            Write::Joining(joining) => {
                self.start.joinings.retain(|known| known.organisation != joining.organisation);
                self.start.joinings.push(joining);
            }
            Write::JoiningEnded(organisation) => self.start.joinings.retain(|known| known.organisation != organisation),
        }
    }

    /// Marks every document as one that came back from a backup: silent until it was compared with a peer's.
    pub fn mark_all_unreconciled(&mut self) {
        self.start.unreconciled = self.documents.keys().copied().collect();
    }

    /// What a machine starts from.
    #[must_use]
    pub fn start(&self) -> Start {
        self.start.clone()
    }
}

impl Read for Memory {
    fn document(&self, document: &DocumentId) -> Result<Vec<StoredEntry>, ReadError> {
        Ok(self.documents.get(document).cloned().unwrap_or_default())
    }
}
