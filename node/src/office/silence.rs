//! After an organisation lost a device: documents that are silent since they came back from a backup, documents that
//! nobody answers for, and keeping replaced devices out of documents in which they never acted.

use super::{Office, now};
use crate::desk::Problem;
use crate::log_verb::LogVerb;
use csu_protocol::entry::{Body, Principal, Reason, Role};
use csu_protocol::id::{DeviceId, DocumentId, EntryId, OrganisationId};
use csu_protocol::sync::Holding;
use csu_protocol::time::Timestamp;

/// How many faults of strangers are noted each by itself, in so many milliseconds; of more only how many there were.
const STRANGERS_NOTED: u32 = 50;
const STRANGERS_EVERY_MS: u64 = 60_000;

/// Faults of devices that showed nothing. Anybody can connect and do that, and must not fill the log.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    since: Option<Timestamp>,
    noted: u32,
    more: u64,
}

impl Strangers {
    /// What to note of one more fault, if it is to be noted.
    pub(super) fn tell(&mut self, at: Timestamp, fault: &dyn std::fmt::Display) -> Option<String> {
        if !self.since.is_some_and(|since| since <= at && at < since.plus_ms(STRANGERS_EVERY_MS)) {
            (self.since, self.noted) = (Some(at), 0);
        }
        if self.noted >= STRANGERS_NOTED {
            self.more = self.more.saturating_add(1);
            return None;
        }
        self.noted = self.noted.saturating_add(1);
        Some(match std::mem::take(&mut self.more) {
            0 => fault.to_string(),
            more => format!("{fault}; before it {more} more faults of strangers were not noted"),
        })
    }
}

impl Office {
    /// Whether a document came back from a backup and no neighbour has confirmed it since.
    pub(super) fn is_silent(&self, document: &DocumentId) -> bool {
        self.machine.document(document).is_some_and(|holding| !holding.is_reconciled())
    }

    /// Refuses whatever needs a silent document: its owner may have had it erased since the backup was made.
    pub(super) fn refuse_silent(&self, document: &DocumentId) -> Result<(), Problem> {
        if !self.is_silent(document) {
            return Ok(());
        }
        Err(Problem::conflict(
            format!("document {} came back from a backup and waits until a neighbour has confirmed it", document.short()),
            "connect to a neighbour that holds it: `csu status` says how many wait, and `csu peer list` who is not connected",
        ))
    }

    /// Signs anew an order to erase that the lost device gave and that fell, because nobody had brought it when the root key
    /// spoke: a backup must not bring back what its owner had erased.
    pub(super) fn erase_anew(&mut self, document: &DocumentId) -> Result<(), Problem> {
        let us = self.machine.organisation();
        let Some(access) = self.machine.document(document).map(Holding::access) else { return Ok(()) };
        let Some(fallen) = access.fallen_erasure().filter(|_| access.owner() == Some(us) && !access.is_erased()) else { return Ok(()) };
        let under = self.standing(document, Role::Admin, "erasing")?;
        let reason = fallen.why.unwrap_or(Reason::Other);
        self.sign_control(document, under, Body::Withdraw { reason })?;
        self.sign_control(document, under, Body::Erase)?;
        let detail = "had it erased everywhere, as the lost device had ordered without its being known when it was disowned".to_owned();
        Ok(self.log(now(), LogVerb::Erasure, "this node", Some(*document), None, Some(reason.to_string()), detail)?)
    }

    /// How many documents are silent.
    pub(super) fn count_silent(&self) -> usize {
        self.machine.unreconciled().count()
    }

    /// What people are told of a document that its owner does not answer for.
    pub(super) fn doubt(&self, document: &DocumentId) -> Option<String> {
        let doubted = |holding: &&Holding| !holding.is_vouched_for(self.machine.directory());
        let owner = self.machine.document(document).filter(doubted)?.access().owner()?;
        let owner = self.organisation(&owner);
        Some(format!(
            "not yet confirmed by its owner: the device that began it was replaced by {owner}, and its recovery key has not said \
             that the document is its own; ask {owner} before you rely on it"
        ))
    }

    /// Signs, under a genesis or grant of this organisation, that the replaced devices of organisations may not act in a
    /// document: each that this node knows of by a card, that signed nothing in it, and of which it has not been said.
    pub(super) fn bar_replaced(
        &mut self,
        document: &DocumentId,
        under: EntryId,
        organisations: impl IntoIterator<Item = OrganisationId>,
    ) -> Result<(), Problem> {
        let us = self.machine.organisation();
        let directory = self.machine.directory();
        let replaced: Vec<DeviceId> =
            organisations.into_iter().flat_map(|organisation| directory.replaced_devices(&organisation)).collect();
        for device in replaced {
            let access = self.access_of(document)?;
            if !access.has_entries_by(&device) && !access.is_barred(&device, (&under, &us)) {
                self.sign_control(document, under, Body::Revoke { principal: Principal::Device(device), keep: Vec::new() })?;
            }
        }
        Ok(())
    }
}
