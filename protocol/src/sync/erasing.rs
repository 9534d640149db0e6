//! Obeying an Erase: destroying content, and saying so.
//!
//! From the moment that an Erase counts, content of its document is neither taken nor sent, by itself. What is stored is
//! destroyed, and confirmed, when whoever drives the machine says so, in this order:
//!
//! ```text
//!   an Erase counts ──► destroy ──► Write::ContentDestroyed ──► durable, and gone from the disk ──► owed_receipt: sign, publish
//! ```
//!
//! Each step may be repeated after a crash, and none is taken back: what was destroyed is never taken again, even if the
//! Erase turns out to be a thief's.

use super::documents::Held;
use super::events::{CommandError, Output, OwedReceipt};
use super::machine::Machine;
use crate::codec::Canonical;
use crate::entry::{Header, Plane};
use crate::id::DocumentId;
use crate::store::{Read, ReadError, StoredEntry, Write};
use crate::time::Timestamp;

impl Machine {
    /// Documents whose owner had them erased and whose content is still stored here.
    pub fn to_destroy(&self) -> impl Iterator<Item = DocumentId> + '_ {
        self.documents.to_destroy().iter().copied()
    }

    /// Orders the content of an erased document destroyed. Doing it again changes nothing.
    ///
    /// # Errors
    /// When the document is not here, no order to erase it counts, or storage cannot be read.
    pub fn destroy(&mut self, now: Timestamp, document: &DocumentId, read: &dyn Read) -> Result<(), CommandError> {
        let erased = self.document(document).filter(|held| held.sharing().is_erased());
        let (is_destroyed, owner) = erased.map(|held| (held.is_destroyed(), held.sharing().owner())).ok_or(CommandError::NotErased)?;
        if let Some(owner) = owner.filter(|_| !is_destroyed) {
            let is_content =
                |stored: &StoredEntry| Header::from_canonical(&stored.entry.header).is_ok_and(|header| header.plane() == Plane::Content);
            let content: Vec<StoredEntry> = read.document(document)?.into_iter().filter(is_content).collect();
            self.discharge(owner, &content);
        }
        self.documents.mark_destroyed(document);
        self.outputs.push_back(Output::Write(Write::ContentDestroyed { document: *document, at: now }));
        Ok(())
    }

    /// The Receipt that this node owes for a document: its content is destroyed here, an Erase counts, and this
    /// organisation has not confirmed one that does. To be signed once what was destroyed is gone from the disk.
    ///
    /// None for an organisation that nothing names, such as a reader of what anyone may read: it has no standing to sign by.
    ///
    /// # Errors
    /// When storage cannot be read.
    pub fn owed_receipt(&self, document: &DocumentId, read: &dyn Read) -> Result<Option<OwedReceipt>, ReadError> {
        if !self.document(document).is_some_and(Held::is_destroyed) {
            return Ok(None);
        }
        let us = self.organisation();
        Ok(self.access(document, read)?.and_then(|access| {
            let erase = access.erasure()?.entry;
            let is_said = access.obeyed().iter().any(|obeyed| obeyed.by == us);
            let under = access.standing_for_receipt(&us).filter(|_| !is_said)?;
            Some(OwedReceipt { document: *document, erase, under })
        }))
    }
}
