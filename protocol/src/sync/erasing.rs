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

use super::events::{CommandError, Output, OwedReceipt};
use super::machine::Machine;
use crate::id::DocumentId;
use crate::store::Write;
use crate::time::Timestamp;

impl Machine {
    /// Documents whose owner had them erased and whose content is still stored here.
    pub fn to_destroy(&self) -> impl Iterator<Item = DocumentId> + '_ {
        let due = self.documents().filter(|(_, holding)| holding.access().is_erased() && !holding.is_destroyed());
        due.map(|(document, _)| *document)
    }

    /// Orders the content of an erased document destroyed. Doing it again changes nothing.
    ///
    /// # Errors
    /// When the document is not here, or no order to erase it counts.
    pub fn destroy(&mut self, now: Timestamp, document: &DocumentId) -> Result<(), CommandError> {
        let holding = self.holdings.get_mut(document).filter(|holding| holding.is_written() && holding.access().is_erased());
        let holding = holding.ok_or(CommandError::NotErased)?;
        holding.mark_destroyed();
        self.outputs.push_back(Output::Write(Write::ContentDestroyed { document: *document, at: now }));
        Ok(())
    }

    /// The Receipt that this node owes for a document: its content is destroyed here, an Erase counts, and this
    /// organisation has not confirmed one that does. To be signed once what was destroyed is gone from the disk.
    ///
    /// None for an organisation that nothing names, such as a reader of what anyone may read: it has no standing to sign by.
    #[must_use]
    pub fn owed_receipt(&self, document: &DocumentId) -> Option<OwedReceipt> {
        let holding = self.document(document).filter(|holding| holding.is_destroyed())?;
        let access = holding.access();
        let erase = access.erasure()?.entry;
        let us = self.organisation();
        if access.obeyed().iter().any(|obeyed| obeyed.by == us) {
            return None;
        }
        Some(OwedReceipt { document: *document, erase, under: access.standing_for_receipt(&us)? })
    }
}
