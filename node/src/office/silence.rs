//! After an organisation lost a device: documents that are silent since they came back from a backup, documents that
//! nobody answers for, and where the lost device can still act.

use super::opening::Named;
use super::{Office, now};
use crate::desk::{Actor, Check, Document, Problem};
use crate::log_verb::LogVerb;
use csu_protocol::id::DocumentId;
use csu_protocol::sync::Held;
use csu_protocol::time::Timestamp;

/// How many faults of strangers are noted each by itself, in so many milliseconds; of more only how many there were.
const STRANGERS_NOTED: u32 = 50;
const STRANGERS_EVERY_MS: u64 = 60_000;

/// How many documents are named where there may be very many.
const NAMED: usize = 5;

/// What is noted of a document that is kept although the lost device had it erased, in the table `meta`.
fn kept_name(document: &DocumentId) -> String {
    format!("kept {document}")
}

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

/// Some documents, by the beginning of their ids.
pub(super) fn name_some<'d>(documents: impl ExactSizeIterator<Item = &'d DocumentId>) -> String {
    let more = documents.len().saturating_sub(NAMED);
    let some: Vec<String> = documents.take(NAMED).map(DocumentId::short).collect();
    if more > 0 { format!("{} and {more} more", some.join(", ")) } else { some.join(", ") }
}

impl Office {
    /// Whether a document is not shown: it came back from a backup and no neighbour has confirmed it since, or the lost device
    /// had it erased and it waits for somebody to say whether that counts.
    pub(super) fn is_silent(&self, document: &DocumentId) -> bool {
        self.machine.document(document).is_some_and(|held| !held.is_reconciled()) || self.is_contested(document)
    }

    /// Refuses whatever needs a silent document: its owner may have had it erased since the backup was made.
    pub(super) fn refuse_silent(&self, document: &DocumentId) -> Result<(), Problem> {
        if !self.is_silent(document) {
            return Ok(());
        }
        if self.is_contested(document) {
            return Err(Problem::conflict(
                format!("the lost device had document {} erased, and the order came too late to count", document.short()),
                format!("if it was your own: `csu erase {0} --why REASON`; if it was a thief's: `csu erase keep {0}`", document.short()),
            ));
        }
        Err(Problem::conflict(
            format!("document {} came back from a backup and waits until a neighbour has confirmed it", document.short()),
            "connect to a neighbour that holds it: `csu status` says how many wait, and `csu peer list` who is not connected; if none \
             ever comes back, see `csu release`",
        ))
    }

    /// Whether the lost device had ordered a document to be erased, and the order came too late to count. Whether that was this
    /// organisation's wish or a thief's only its people know: until they say so the document is silent.
    pub(super) fn is_contested(&self, document: &DocumentId) -> bool {
        let Some(sharing) = self.machine.document(document).map(Held::sharing) else { return false };
        let ours = sharing.owner() == Some(self.machine.organisation());
        // What cannot be read counts as not decided.
        ours && !sharing.is_erased() && sharing.has_fallen_erasure() && !matches!(self.storage.meta(&kept_name(document)), Ok(Some(_)))
    }

    /// Keeps a document that the lost device had ordered to be erased.
    pub(super) fn keep_contested(&mut self, actor: &Actor, reference: &str) -> Result<Document, Problem> {
        let document = match self.find_to_erase(reference)? {
            Named::Document(document, _) if self.is_contested(&document) => document,
            Named::Document(..) | Named::Draft(_) => {
                return Err(Problem::conflict("nothing was ordered about it that waits for you", "`csu doctor` names what does"));
            }
        };
        self.storage.put_meta(&kept_name(&document), "kept")?;
        self.log_act(actor, LogVerb::Access, Some(document), None, "kept it, although the lost device had ordered it to be erased")?;
        self.list_again(&document)?;
        // Nothing was signed in it while it was silent.
        self.watch_changed(&document, now())?;
        self.show_document(&document)
    }

    /// Up to two documents whose ids begin so, silent or not.
    pub(super) fn beginning_with(&self, reference: &str) -> Result<Vec<DocumentId>, Problem> {
        let is_beginning = (4..=64).contains(&reference.len()) && reference.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_beginning { Ok(self.storage.find_by_prefix(reference, 2)?) } else { Ok(Vec::new()) }
    }

    /// The document that somebody decides about who has it erased: also one that is silent because of that question.
    pub(super) fn find_to_erase(&self, reference: &str) -> Result<Named, Problem> {
        if let [document] = self.beginning_with(reference)?.as_slice()
            && self.is_contested(document)
        {
            return Ok(Named::Document(*document, None));
        }
        self.find(reference)
    }

    /// What a doctor is told of what waits for a decision, and of what the lost device can still do.
    pub(super) fn check_lost_devices(&self) -> Vec<Check> {
        let mut checks = Vec::new();
        let documents = || self.machine.documents().map(Held::document);
        let contested: Vec<DocumentId> = documents().filter(|document| self.is_contested(document)).collect();
        if !contested.is_empty() {
            checks.push(Check::failed(
                "lost device: erasure",
                format!("it had these erased, and the order came too late to count: {}", name_some(contested.iter())),
                "they are not shown until you say: `csu erase ID --why REASON` if it was yours, `csu erase keep ID` if it was a thief's",
            ));
        }
        checks.extend(self.check_losses());
        checks
    }

    /// How many documents are silent.
    pub(super) fn count_silent(&self) -> usize {
        self.machine.unreconciled().count()
    }

    /// What people are told of a document that its owner does not answer for.
    pub(super) fn doubt(&self, document: &DocumentId) -> Option<String> {
        let doubted = |held: &&Held| !held.is_vouched_for(self.machine.directory());
        let owner = self.machine.document(document).filter(doubted)?.sharing().owner()?;
        let owner = self.organisation(&owner);
        Some(format!(
            "not yet confirmed by its owner: the device that began it was replaced by {owner}, and its recovery key has not said \
             that the document is its own; ask {owner} before you rely on it"
        ))
    }
}
