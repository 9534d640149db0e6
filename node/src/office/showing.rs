//! Making what people see of documents beside the receiving.
//!
//! ```text
//!   entries of many documents ─► one commit: entries, log, "stale" ─► Work, on other threads ─► Made ─► one commit: lines, words, views
//!   entries of a few, or our own ─► one commit: entries, log, lines, words
//! ```
//!
//! What is stale stands in the database, so nothing is forgotten, and only what is under way stands in memory. A document that
//! changes while work on it is under way is worked on again: what was made of it before is dropped. So no older line replaces a
//! newer one, and what was erased or fell silent meanwhile stays so.

use super::listing::{Shown, shown};
use super::opening::Eyes;
use super::recalling::keep;
use super::{Office, OfficeError, now};
use crate::storage::{Beside, StorageError};
use csu_protocol::access::Access;
use csu_protocol::id::DocumentId;
use csu_protocol::store::{Parts, Read, StoredEntry};
use csu_protocol::sync::Held;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// So many documents that came from neighbours are listed in the commit that keeps their entries; of more none is.
const LIVE: usize = 4;
/// Documents that one thread works on before it hands over what it made.
const BATCH: usize = 32;
/// How long nothing is begun after something went wrong; twice as long each time it does so again, up to a limit.
const REST: Duration = Duration::from_secs(5);
const REST_AT_MOST: Duration = Duration::from_secs(600);
/// The same for one document that cannot be read.
const DOCUMENT_RESTS_AT_MOST: Duration = Duration::from_secs(3600);
/// So many documents that cannot be read are told each, once; of more only how many are to be listed.
const TOLD: usize = 20;
/// How long a document that nothing but its control has come of may wait for the neighbour that is being caught up with: one that
/// never is, of ill will or because it is stuck, must not keep it from being listed.
const AWAITED: Duration = Duration::from_secs(600);
/// So long after many documents came more are expected: those who check and keep them have the cores first.
const POURING: Duration = Duration::from_millis(50);
/// How often a batch is begun meanwhile, so that lists follow.
const TRICKLE: Duration = Duration::from_secs(1);

/// How soon people want to see a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Haste {
    /// It came with others, from a neighbour that has much to tell.
    Bulk,
    /// A neighbour that was up to date sent it as it happened.
    Live,
    /// It was done here.
    Now,
}

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct Showing {
    /// Documents under way, and whether they changed since their work began.
    under_way: BTreeMap<DocumentId, bool>,
    /// Batches under way.
    batches: usize,
    /// There may be stale documents that are not under way.
    more: bool,
    /// Until when documents wait for their content, if any may.
    waiting_until: Option<Instant>,
    /// Nothing is begun before.
    rest_until: Option<Instant>,
    /// How often something went wrong since a batch was last on disk.
    failures: u32,
    /// A batch was taken, of which all could be read.
    went_well: bool,
    /// Documents that could not be read, and when each is tried again.
    unreadable: BTreeMap<DocumentId, Trouble>,
    /// When the first of these is, if there are no others.
    retry: Option<Instant>,
    /// When many documents came last.
    poured: Option<Instant>,
    /// When the last batch was begun.
    begun: Option<Instant>,
    /// The last document of that batch. The next goes on behind it, so that those which change all the time, or cannot be read,
    /// keep no others from being shown.
    last: Option<DocumentId>,
    /// Titles alone are searched in: the keys are sealed. That never changes while the node runs.
    pub(super) titles_alone: bool,
    /// Connections that are not in use.
    idle: Vec<Beside>,
    /// Tells those at work that the node stops.
    stop: Arc<AtomicBool>,
}

/// A document that could not be read.
#[derive(Debug, Clone, Copy)]
struct Trouble {
    times: u32,
    again: Instant,
}

/// How long to wait after something went wrong for the `times`th time in a row.
fn rest(times: u32, at_most: Duration) -> Duration {
    REST.saturating_mul(2_u32.saturating_pow(times.saturating_sub(1))).min(at_most)
}

impl Showing {
    /// Whether many documents are coming.
    fn is_pouring(&self) -> bool {
        self.poured.is_some_and(|poured| poured.elapsed() < POURING)
    }

    /// Before when no batch is begun.
    fn not_before(&self) -> Option<Instant> {
        let poured = self.poured.map(|poured| poured + POURING);
        let trickle = self.begun.map(|begun| begun + TRICKLE);
        let calm = if self.is_pouring() { poured.into_iter().chain(trickle).min() } else { None };
        self.rest_until.into_iter().chain(calm).max().filter(|until| Instant::now() < *until)
    }
}

/// Documents to be read, on any thread.
#[derive(Debug)]
pub struct Work {
    documents: Vec<DocumentId>,
    eyes: Eyes,
    folder: PathBuf,
    beside: Option<Beside>,
    /// Set when the node stops: what is not begun by then is left to the next run.
    stop: Arc<AtomicBool>,
}

/// What was made of them.
#[derive(Debug)]
pub struct Made {
    of: Vec<(DocumentId, Outcome)>,
    beside: Option<Beside>,
}

#[derive(Debug)]
enum Outcome {
    Shown(Box<Shown>),
    /// Its content was destroyed meanwhile.
    Gone,
    /// It cannot be shown, ever.
    Unreadable(String),
    /// It could not be read now.
    Failed(String),
}

impl Work {
    /// The same of a folder where nothing is.
    #[cfg(test)]
    pub(super) fn somewhere_else(self, folder: &str) -> Self {
        Self { folder: PathBuf::from(folder), beside: None, ..self }
    }

    /// Reads the documents.
    #[must_use]
    pub fn run(self) -> Made {
        let opened = match self.beside {
            Some(beside) => Ok(beside),
            None => Beside::open(&self.folder),
        };
        match opened {
            Ok(beside) => {
                let made = |document: DocumentId| {
                    // A document that a fault of this program chokes on keeps no other from being shown.
                    let outcome = catch_unwind(AssertUnwindSafe(|| make(&beside, &self.eyes, &document)));
                    (document, outcome.unwrap_or_else(|_| Outcome::Unreadable("csu failed on it; please report this".to_owned())))
                };
                let of = self.documents.into_iter().take_while(|_| !self.stop.load(Ordering::Relaxed)).map(made).collect();
                Made { of, beside: Some(beside) }
            }
            Err(error) => {
                let why = error.to_string();
                Made { of: self.documents.into_iter().map(|document| (document, Outcome::Failed(why.clone()))).collect(), beside: None }
            }
        }
    }
}

fn make(beside: &Beside, eyes: &Eyes, document: &DocumentId) -> Outcome {
    let stored = match beside.document(document) {
        Ok(stored) => stored,
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    if stored.iter().any(|stored| stored.parts == Parts::Destroyed) {
        return Outcome::Gone;
    }
    match graph(&stored) {
        Ok(access) => {
            let open = eyes.read(document, &access, &stored, &BTreeMap::new());
            Outcome::Shown(Box::new(shown(&open).with_view(keep(eyes, &open, &access))))
        }
        Err(error) => Outcome::Unreadable(error.to_string()),
    }
}

/// The graph of entries that were sound, and their authors known, when they were written.
pub(super) fn graph(stored: &[StoredEntry]) -> Result<Access, csu_protocol::entry::EntryError> {
    let mut access = Access::default();
    for stored in stored {
        access.insert(stored.entry.clone().reopen()?, |_, _| true);
    }
    Ok(access)
}

impl Office {
    /// Shows what changed: in the open group of writes if that is little, else later.
    pub(super) fn show_changed(&mut self, changed: BTreeMap<DocumentId, Haste>) -> Result<(), OfficeError> {
        let came = changed.values().filter(|haste| **haste != Haste::Now).count();
        // A few that come while many wait are a part of these, unless a neighbour that was up to date sent them.
        let waits = |haste: Haste, is_late: bool| came > LIVE || (haste == Haste::Bulk && is_late);
        let is_late = changed.values().any(|haste| *haste == Haste::Bulk) && self.storage.has_stale()?;
        for (document, haste) in changed {
            self.watch_ends(&document);
            self.watch_changed(&document, now())?;
            if haste == Haste::Now || self.is_gone(&document) || !waits(haste, is_late) {
                self.list_again(&document)?;
            } else if !self.is_silent(&document) {
                let waits = haste == Haste::Bulk && self.awaits_content(&document);
                self.storage.mark_stale(&document, waits)?;
                if waits {
                    self.await_content();
                }
                self.showing.poured = Some(Instant::now());
                self.outdate(&document);
            }
        }
        self.release_waiting()
    }

    /// Notes that there are documents that wait for their content.
    pub(super) fn await_content(&mut self) {
        self.showing.waiting_until.get_or_insert_with(|| Instant::now() + AWAITED);
    }

    /// Whether of a document that is being caught up with nothing but who may do what has come.
    fn awaits_content(&self, document: &DocumentId) -> bool {
        self.machine.document(document).is_some_and(|held| !held.has_content())
    }

    /// Lets documents wait for their content no longer than a neighbour is caught up with, nor for ever.
    fn release_waiting(&mut self) -> Result<(), OfficeError> {
        let Some(until) = self.showing.waiting_until else { return Ok(()) };
        if Instant::now() >= until || self.machine.catching_up().next().is_none() {
            self.storage.release_stale()?;
            self.showing.waiting_until = None;
            self.showing.more = true;
        }
        Ok(())
    }

    /// Takes up what was left when the node stopped.
    pub(super) fn recall_stale(&mut self) -> Result<(), OfficeError> {
        self.storage.release_stale()?;
        self.showing.more = true;
        Ok(())
    }

    /// What is being made of a document is out of date.
    pub(super) fn outdate(&mut self, document: &DocumentId) {
        self.showing.more = true;
        if let Some(changed) = self.showing.under_way.get_mut(document) {
            *changed = true;
        }
    }

    /// As if documents had waited for their content for as long as they may.
    #[cfg(test)]
    pub(super) fn let_patience_end(&mut self) {
        self.showing.waiting_until = self.showing.waiting_until.map(|_| Instant::now());
    }

    /// As if a while had passed since many documents came.
    #[cfg(test)]
    pub(super) fn let_calm_return(&mut self) {
        (self.showing.poured, self.showing.begun, self.showing.rest_until) = (None, None, None);
    }

    /// As if it were time to read again what could not be read; how long each document rests.
    #[cfg(test)]
    pub(super) fn let_rest_end(&mut self) -> Vec<Duration> {
        let now = Instant::now();
        let rests = self.showing.unreadable.values_mut().map(|trouble| std::mem::replace(&mut trouble.again, now));
        let rests = rests.map(|again| again.saturating_duration_since(now)).collect();
        self.showing.retry = self.showing.retry.map(|_| now);
        rests
    }

    /// Begins nothing for a while, which is the longer the more often something went wrong in a row.
    pub(super) fn rest_from_showing(&mut self) {
        self.showing.went_well = false;
        self.showing.failures = self.showing.failures.saturating_add(1);
        self.showing.rest_until = Some(Instant::now() + rest(self.showing.failures, REST_AT_MOST));
        self.showing.more = true;
    }

    /// What was taken is on disk.
    pub(super) fn showing_settled(&mut self) {
        if std::mem::take(&mut self.showing.went_well) {
            self.showing.failures = 0;
        }
    }

    /// A document cannot be read: it is tried again, later each time, and told once.
    fn try_later(&mut self, document: DocumentId, why: &str) {
        let (told, unreadable) = (self.showing.unreadable.len(), &mut self.showing.unreadable);
        let times = unreadable.get(&document).map_or(0, |trouble| trouble.times).saturating_add(1);
        if times == 1 && told < TOLD {
            tracing::warn!(document = %document.short(), why, "could not be read to be listed; it is tried again, less and less often");
        } else {
            tracing::debug!(document = %document.short(), why, times, "could not be read to be listed");
        }
        unreadable.insert(document, Trouble { times, again: Instant::now() + rest(times, DOCUMENT_RESTS_AT_MOST) });
    }

    /// How long until more may be begun; none if that is not what is waited for.
    pub(super) fn show_in(&self) -> Option<Duration> {
        let until = if self.showing.more { self.showing.not_before() } else { self.showing.retry };
        Some(until?.saturating_duration_since(Instant::now()))
    }

    /// The next documents to be read on another thread, if there are any, and fewer than `most` batches under way. To be called
    /// when nothing is uncommitted.
    ///
    /// # Errors
    /// When storage fails.
    pub fn next_work(&mut self, most: usize) -> Result<Option<Work>, StorageError> {
        self.showing.more |= self.showing.retry.take_if(|retry| *retry <= Instant::now()).is_some();
        let most = if self.showing.is_pouring() { 1 } else { most };
        let waits = self.showing.not_before().is_some() || self.showing.batches >= most;
        if !self.showing.more || waits || self.storage.is_dirty() {
            return Ok(None);
        }
        let documents = self.next_stale()?;
        let Some(last) = documents.last() else { return Ok(None) };
        (self.showing.last, self.showing.rest_until, self.showing.begun) = (Some(*last), None, Some(Instant::now()));
        self.showing.under_way.extend(documents.iter().map(|document| (*document, false)));
        self.showing.batches = self.showing.batches.saturating_add(1);
        let (eyes, folder) = (self.eyes(), self.config.data.clone());
        Ok(Some(Work { documents, eyes, folder, beside: self.showing.idle.pop(), stop: Arc::clone(&self.showing.stop) }))
    }

    /// Tells those at work to end with the document at hand, because the node stops.
    pub fn stop_work(&self) {
        self.showing.stop.store(true, Ordering::Relaxed);
    }

    /// The documents of the next batch. None: there are none now.
    fn next_stale(&mut self) -> Result<Vec<DocumentId>, StorageError> {
        let (under_way, unreadable, now) = (&self.showing.under_way, &self.showing.unreadable, Instant::now());
        let limit = under_way.len().saturating_add(unreadable.len()).saturating_add(BATCH);
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let rests = |document: &DocumentId| unreadable.get(document).is_some_and(|trouble| now < trouble.again);
        let some = |after: Option<&DocumentId>| -> Result<Vec<DocumentId>, StorageError> {
            let stale = self.storage.stale(after, limit)?.into_iter();
            Ok(stale.filter(|document| !under_way.contains_key(document) && !rests(document)).take(BATCH).collect())
        };
        if let Some(last) = &self.showing.last {
            let documents = some(Some(last))?;
            if !documents.is_empty() {
                return Ok(documents);
            }
        }
        let documents = some(None)?;
        (self.showing.last, self.showing.more) = (None, !documents.is_empty());
        if documents.is_empty() {
            // One whose rest is over, and that is neither stale nor under way, was listed otherwise meanwhile.
            let Showing { under_way, unreadable, .. } = &mut self.showing;
            unreadable.retain(|document, trouble| now < trouble.again || under_way.contains_key(document));
        }
        // What is under way is taken up again when that is over.
        let waiting = self.showing.unreadable.iter().filter(|(document, _)| !self.showing.under_way.contains_key(*document));
        self.showing.retry = waiting.map(|(_, trouble)| trouble.again).min();
        Ok(documents)
    }

    /// Takes what was made, in the open group of writes.
    pub fn take_made(&mut self, Made { of, beside }: Made) {
        self.showing.batches = self.showing.batches.saturating_sub(1);
        let is_open = beside.is_some();
        self.showing.idle.extend(beside);
        if !is_open {
            let why = of.iter().find_map(|(_, outcome)| if let Outcome::Failed(why) = outcome { Some(why.as_str()) } else { None });
            if self.showing.failures == 0 {
                tracing::warn!(why, "documents cannot be read to be listed; they are tried again, less and less often");
            }
            self.rest_from_showing();
        }
        for (document, outcome) in of {
            // Whatever becomes of it, there may be work on it again.
            self.showing.more = true;
            let is_as_it_was = self.showing.under_way.remove(&document) == Some(false);
            if let Outcome::Failed(why) = &outcome {
                if is_open {
                    self.try_later(document, why);
                }
                continue;
            }
            self.showing.unreadable.remove(&document);
            self.showing.went_well |= is_open;
            if is_as_it_was && let Err(error) = self.put_made(&document, outcome) {
                if self.showing.failures == 0 {
                    tracing::warn!(%error, "could not list; it is tried again, less and less often");
                }
                self.failed = Some(error);
            }
        }
    }

    fn put_made(&mut self, document: &DocumentId, outcome: Outcome) -> Result<(), OfficeError> {
        match outcome {
            Outcome::Shown(mut shown) if !self.is_silent(document) && !self.is_gone(document) => {
                let before = self.storage.listed(document)?;
                if let Some(before) = &before {
                    shown.compare(before);
                }
                self.follow_late(&shown)?;
                self.put_shown(*shown, before.as_ref())?;
            }
            // Whatever stands for it instead.
            Outcome::Shown(_) | Outcome::Gone => return self.list_again(document),
            Outcome::Unreadable(why) => tracing::warn!(document = %document.short(), why, "could not list"),
            // It is tried again.
            Outcome::Failed(_) => return Ok(()),
        }
        Ok(self.storage.unmark_stale(document)?)
    }

    /// An annex of this organisation follows what it belongs to, though that changed before it was known that the annex does.
    fn follow_late(&mut self, shown: &Shown) -> Result<(), OfficeError> {
        let Some((annex, whole)) = shown.part().filter(|_| shown.owner() == self.machine.organisation()) else { return Ok(()) };
        if self.storage.part_of(&annex)? != Some(whole) {
            self.change(whole, Haste::Now);
        }
        Ok(())
    }

    pub(super) fn is_gone(&self, document: &DocumentId) -> bool {
        self.machine.document(document).is_none_or(|held: &Held| held.is_destroyed() || held.sharing().is_erased())
    }
}
