//! The office: one node's work, done on the driver's thread.
//!
//! It owns the protocol's machine, the storage's writer and the keys, and is the only one who does.
//! What it is asked ([`crate::desk::Desk`]) and what peers send goes the same way:
//!
//! ```text
//!   ask / frame ──► machine ──► Write ──► storage (one open transaction)
//!                          └──► Send, Disconnect, Targets: held back
//!   settle: listings and log ──► commit ──► what was held back goes out, answers are given
//! ```
//!
//! If anything fails on the way, the transaction is rolled back and the machine is built anew from
//! what is on disk: memory never knows more than the disk.

mod accounts;
mod annexes;
mod audience;
mod backup;
mod barring;
mod circles;
mod daily;
mod desk;
mod drafting;
mod ends;
mod erasing;
mod facets;
mod listing;
mod losses;
mod opening;
mod parties;
mod peers;
mod portability;
mod progress;
mod put_back;
mod recalling;
mod record;
mod recovering;
mod releasing;
mod report;
mod retention;
mod revoking;
mod screening;
mod settling;
mod sharing;
mod showing;
mod silence;
mod steps;
#[cfg(test)]
pub(crate) mod tests;
mod traffic;
mod view;

pub use backup::LOGGED as BACKUP_LOGGED;
pub use showing::{Made, Work};

use crate::config::Config;
use crate::desk::{Change, ChangedDocument, Changes, Integrity, IntegrityResult, Problem};
use crate::keys::Keys;
use crate::log_verb::LogVerb;
use crate::network::{EndReason, Event, SessionNumber, Sessions};
use crate::storage::{Listed, LogLine, Storage, StorageError};
use csu_protocol::entropy::Entropy;
use csu_protocol::id::{DeviceId, DocumentId, EntryId};
use csu_protocol::identity::{Address, RootKey, SignedAddresses};
use csu_protocol::store::ReadError;
use csu_protocol::sync::{Connection, Input, Machine, Notice, Output};
use csu_protocol::time::Timestamp;
use csu_protocol::wire::{Message, WireError};
use showing::Haste;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Why the office cannot go on. The node stops and says so.
#[derive(Debug, thiserror::Error)]
pub enum OfficeError {
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Storage holds what was never written there.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The organisation goes on elsewhere.
    #[error(
        "this organisation was restored on another device ({0}), so this node must not run any more: go on there and put this data folder away; if nobody of yours restored it, your recovery phrase is in other hands"
    )]
    Replaced(String),
    /// The operating system gave no randomness.
    #[error("the operating system gave no random bytes ({0}); nothing was signed. Restart the machine")]
    Entropy(getrandom::Error),
}

impl From<OfficeError> for Problem {
    fn from(error: OfficeError) -> Self {
        match error {
            OfficeError::Storage(error) => {
                let text = error.to_string();
                // The errors of storage say what to do after a colon or semicolon; a problem has a place of its own for it.
                let (detail, remedy) = text.split_once(": ").unwrap_or((&text, "run `csu doctor`"));
                Self::storage(detail, remedy)
            }
            OfficeError::Read(error) => Self::storage(error.0, "run `csu doctor`"),
            error @ OfficeError::Replaced(_) => {
                let text = error.to_string();
                let (detail, remedy) = text.split_once(": ").unwrap_or((&text, "go on there"));
                Self::conflict(detail, remedy)
            }
            OfficeError::Entropy(error) => {
                Self::unavailable(format!("the operating system gave no random bytes: {error}"), "restart the machine")
            }
        }
    }
}

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        OfficeError::from(error).into()
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        OfficeError::from(error).into()
    }
}

/// One node's work.
pub struct Office {
    keys: Keys,
    config: Config,
    storage: Storage,
    machine: Machine,
    network: Box<dyn Sessions>,
    sessions: BTreeMap<DeviceId, SessionNumber>,
    /// Why devices could not be reached the last time.
    troubles: BTreeMap<DeviceId, String>,
    listening: Vec<String>,
    started: Timestamp,
    integrity: Integrity,
    walked: record::Walked,
    /// Outputs of the machine that wait for the commit.
    held: Vec<Output>,
    /// Documents whose listing is out of date.
    changed: BTreeMap<DocumentId, Haste>,
    /// What is being made of documents beside the receiving.
    showing: showing::Showing,
    /// Documents that were opened lately.
    lately: opening::Lately,
    /// How far catching up with neighbours is.
    progress: progress::Progress,
    /// What came and went since the last commit, for the access log.
    traffic: traffic::Traffic,
    /// Entries that came in since the last commit, in which somebody may say that they opened an annex.
    responded: Vec<(DocumentId, Vec<EntryId>)>,
    /// When roles end.
    ends: ends::Ends,
    /// What strangers did wrong.
    strangers: silence::Strangers,
    /// Which devices of others were replaced, and where that was said.
    barring: barring::Barring,
    /// Where lost devices of this organisation can act.
    losses: losses::Losses,
    /// What is left to do of erasures.
    erasing: erasing::Erasing,
    /// When it is looked what has come to its end.
    daily: daily::Daily,
    /// The root key and more, while the node comes back after its server was lost.
    recovering: Option<recovering::Recovering>,
    /// Held by whoever writes a backup, so that there is one at a time.
    backing_up: Arc<()>,
    /// What changed since the last commit, and where that is told.
    news: Change,
    changes: Changes,
    /// What is known of the database being an older copy.
    put_back: put_back::Returns,
    /// Whether a request failed after it had written something.
    spoiled: bool,
    /// Whether what the request at hand signed is out: it is done then, whatever else fails.
    handed_out: bool,
    /// Whether somebody asked the node to stop.
    stopping: bool,
    /// A write that failed where nobody could be told; the group is given up for it.
    failed: Option<OfficeError>,
}

impl std::fmt::Debug for Office {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Office").field("machine", &self.machine.organisation()).finish_non_exhaustive()
    }
}

/// The civil time of this machine.
pub(crate) fn now() -> Timestamp {
    // A clock before 1970 is a clock that is not set; zero sorts first and expires nothing.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A frame, checked off the driver's thread.
#[derive(Debug)]
pub enum Arrival {
    /// Anything but a frame.
    Event(Event),
    /// A frame of a session, and how many bytes it had.
    Frame(DeviceId, SessionNumber, usize, Result<Box<Message>, WireError>),
}

impl Office {
    /// Opens the office over a data folder; with the root key if the node comes back after its server was lost.
    ///
    /// # Errors
    /// When what is on disk cannot be read.
    pub fn open(
        keys: Keys,
        config: Config,
        storage: Storage,
        network: Box<dyn Sessions>,
        listening: Vec<String>,
        integrity: IntegrityResult,
        root: Option<RootKey>,
    ) -> Result<Self, OfficeError> {
        let mut machine = Machine::new(keys.card().clone(), storage.start()?, config.budget(), &storage)?;
        machine.set_recovering(root.is_some());
        refuse_replaced(&machine)?;
        let mut office = Self {
            keys,
            config,
            storage,
            machine,
            network,
            sessions: BTreeMap::new(),
            troubles: BTreeMap::new(),
            listening,
            started: now(),
            integrity: Integrity { checked: None, result: integrity, detail: None },
            walked: record::Walked::default(),
            held: Vec::new(),
            changed: BTreeMap::new(),
            showing: showing::Showing::default(),
            lately: opening::Lately::default(),
            progress: progress::Progress::default(),
            traffic: traffic::Traffic::default(),
            responded: Vec::new(),
            ends: ends::Ends::default(),
            strangers: silence::Strangers::default(),
            barring: barring::Barring::default(),
            losses: losses::Losses::default(),
            erasing: erasing::Erasing::default(),
            daily: daily::Daily::default(),
            recovering: root.map(recovering::Recovering::new),
            backing_up: Arc::default(),
            news: Change::default(),
            changes: Changes::default(),
            put_back: put_back::Returns::default(),
            spoiled: false,
            handed_out: false,
            stopping: false,
            failed: None,
        };
        office.look_at_clock()?;
        office.recall_put_back()?;
        // Sealed keys would be in vain if the index told what they seal.
        office.showing.titles_alone = Keys::are_sealed(&office.config.data);
        if office.storage.search_titles_alone(office.showing.titles_alone)? {
            office.forget_removed()?;
        }
        office.recall_erasures()?;
        office.recall_replaced()?;
        office.recall_stale()?;
        office.announce()?;
        let ended = office.watch_all_ends();
        office.end_roles(&ended)?;
        office.set_targets();
        office.settle()?;
        Ok(office)
    }

    fn entropy(&self) -> Result<Entropy, OfficeError> {
        entropy()
    }

    /// Where this node can be reached, for tickets and neighbours: what the operator announces, then
    /// what it listens on. Addresses of no use to others are left out by whoever dials.
    fn addresses(&self) -> Vec<Address> {
        let all = self.config.announce.iter().chain(&self.listening);
        let mut addresses = Vec::new();
        for address in all.filter_map(|text| Address::new(text).ok()) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses.truncate(csu_protocol::limits::ADDRESSES);
        addresses
    }

    fn announce(&mut self) -> Result<(), OfficeError> {
        const SEQUENCE: &str = "address-sequence";
        let before = self.storage.meta(SEQUENCE)?.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        // The clock keeps the sequence rising even if the database is restored from a backup.
        let sequence = before.saturating_add(1).max(now().as_ms());
        self.storage.put_meta(SEQUENCE, &sequence.to_string())?;
        let signed = SignedAddresses::sign(self.keys.device(), sequence, self.addresses());
        self.machine.announce(signed);
        Ok(())
    }

    /// Hands an input to the machine.
    fn handle(&mut self, at: Timestamp, input: Input) {
        if let Err(error) = self.machine.handle(at, input, &self.storage) {
            tracing::warn!(%error, "what came could not be taken");
            self.failed = Some(error.into());
        }
    }

    /// Takes what came from the network.
    pub fn take(&mut self, arrival: Arrival) {
        let at = now();
        match arrival {
            Arrival::Frame(device, session, bytes, frame) => {
                if self.sessions.get(&device) == Some(&session) {
                    self.note_bytes(&device, bytes);
                    let input = match frame {
                        Ok(message) => Input::Received(device, message),
                        Err(error) => Input::Refused(device, error),
                    };
                    self.handle(at, input);
                }
            }
            Arrival::Event(Event::Connected { device, session, address, direction }) => {
                self.sessions.insert(device, session);
                self.news.peers = true;
                self.troubles.remove(&device);
                self.handle(at, Input::Connected(device));
                self.see(&device, at);
                if direction == crate::network::Direction::Dialled
                    && let Ok(address) = Address::new(&address)
                {
                    self.machine.reached(&device, &address);
                }
                tracing::info!(device = %device.short(), %address, "connected");
            }
            Arrival::Event(Event::Disconnected { device, session, reason }) => {
                if self.sessions.get(&device) == Some(&session) {
                    self.sessions.remove(&device);
                    self.news.peers = true;
                    self.handle(at, Input::Disconnected(device));
                    self.see(&device, at);
                    tracing::info!(device = %device.short(), %reason, "disconnected");
                    if reason.is_fault() {
                        self.blame(&device, at, &reason);
                    }
                }
            }
            Arrival::Event(Event::Sent { device, session, frames }) => {
                if self.sessions.get(&device) == Some(&session) {
                    self.handle(at, Input::Sent(device, frames));
                }
            }
            Arrival::Event(Event::Listening { address }) => {
                if !self.listening.contains(&address) {
                    self.listening.push(address);
                }
            }
            Arrival::Event(Event::StoppedListening { address }) => self.listening.retain(|known| *known != address),
            Arrival::Event(Event::DialFailed { device, reason, retry_in_ms }) => {
                tracing::debug!(device = %device.short(), %reason, retry_in_ms, "not reached");
                // Only of devices that are wanted, so that they stay few.
                if self.machine.targets().iter().any(|(target, _)| *target == device) {
                    self.troubles.insert(device, reason.to_string());
                }
            }
            Arrival::Event(Event::Refused { device, address, unreported }) => {
                let device = device.map_or_else(|| "unknown".to_owned(), |device| device.short());
                tracing::debug!(device, address, unreported, "refused a connection");
            }
            // The driver's arrivals carry frames apart from other events.
            Arrival::Event(Event::Frame { .. }) => {}
        }
    }

    fn see(&mut self, device: &DeviceId, at: Timestamp) {
        let organisation =
            self.machine.peers().map(|peer| peer.organisation).find(|id| self.machine.directory().device(id) == Some(*device));
        if let Some(organisation) = organisation
            && let Err(error) = self.storage.peer_seen(&organisation, at)
        {
            tracing::warn!(%error, "could not note when a neighbour was last seen");
            self.failed = Some(error.into());
        }
    }

    /// Notes what the network alone saw a peer do wrong.
    fn blame(&mut self, device: &DeviceId, at: Timestamp, reason: &EndReason) {
        let peer = self.machine.peers().map(|peer| peer.organisation).find(|id| self.machine.directory().device(id) == Some(*device));
        let who = peer.map_or_else(|| format!("device {}", device.short()), |id| self.name_for_log(&id));
        let detail = if peer.is_some() { Some(reason.to_string()) } else { self.strangers.tell(at, reason) };
        let Some(detail) = detail else { return };
        tracing::warn!(who, detail, "a peer broke a rule");
        let line = LogLine { at, verb: LogVerb::Network, who, document: None, to: None, why: None, detail };
        if let Err(error) = self.storage.append_log(&line) {
            tracing::warn!(%error, "could not note that a peer broke a rule");
            self.failed = Some(error.into());
        }
    }

    /// Lets time pass.
    pub fn tick(&mut self) {
        self.watch_clock();
        self.handle(now(), Input::Tick);
        let due = self.ends.due(now());
        if let Err(error) = self.end_roles(&due) {
            tracing::warn!(%error, "could not note that a role ended");
            self.failed = Some(error);
        }
        if let Err(error) = self.bar_some(now()) {
            tracing::warn!(%error, "could not note where a lost device may still act");
            self.failed = Some(error);
        }
        self.look_for_more_losses();
        self.erase_what_ended();
        self.wake_erasures();
    }

    /// How long until [`Self::tick`] is wanted.
    #[must_use]
    pub fn wake_in(&self) -> Duration {
        let longest = Duration::from_secs(60);
        let wake = self.machine.wake_at().map(|at| Duration::from_millis(at.ms_since(now()).max(10)));
        // While it comes back it says nothing of others.
        let barring = self.barring.wake_in(now()).filter(|_| self.recovering.is_none());
        let asked = wake.into_iter().chain(self.end_in()).chain(self.erasing.wake_in()).chain(barring).chain(self.losses.wake_in());
        asked.chain([self.daily.wake_in()]).chain(self.show_in()).fold(longest, Duration::min)
    }

    /// Whether somebody asked the node to stop.
    #[must_use]
    pub const fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Whether another device took the place of this one.
    ///
    /// # Errors
    /// It did, and which.
    pub fn check_replaced(&self) -> Result<(), OfficeError> {
        refuse_replaced(&self.machine)
    }

    /// Notes what the check of the database found.
    pub fn checked(&mut self, found: &[String]) {
        let result = if found.is_empty() { IntegrityResult::Ok } else { IntegrityResult::Damaged };
        let detail = (!found.is_empty()).then(|| found.join("; "));
        self.integrity = Integrity { checked: Some(now().into()), result, detail };
    }

    /// Applies what the machine ordered written, and holds the rest back.
    fn pump(&mut self) -> Result<(), OfficeError> {
        let at = now();
        while let Some(output) = self.machine.poll_output(at, &self.storage)? {
            match output {
                Output::Write(write) => {
                    self.put_back.see(&write, &self.keys.device().device());
                    self.storage.apply(&write)?;
                }
                Output::Notice(notice) => self.note(at, notice)?,
                Output::Send(..) | Output::Disconnect(..) | Output::Targets => self.held.push(output),
            }
        }
        Ok(())
    }

    fn note(&mut self, at: Timestamp, notice: Notice) -> Result<(), OfficeError> {
        match notice {
            Notice::Changed { document, entries, from } => {
                let haste = match from {
                    None => Haste::Now,
                    Some(from) => {
                        self.traffic.received(document, from, entries.len());
                        self.responded.push((document, entries));
                        if self.machine.connection(&from) == Some(Connection::InSync) { Haste::Live } else { Haste::Bulk }
                    }
                };
                self.change(document, haste);
            }
            Notice::Disclosed { document, plane, entries, to } => self.traffic.sent(document, plane, to, entries),
            Notice::Fault { device, organisation, fault } => {
                let who = organisation.map_or_else(|| format!("device {}", device.short()), |id| self.name_for_log(&id));
                let detail = match organisation {
                    Some(_) => Some(fault.to_string()),
                    None => self.strangers.tell(at, &fault),
                };
                // Anybody can connect and show nothing: that must not fill the log.
                if let Some(detail) = detail {
                    tracing::warn!(who, fault = detail, "a peer broke a rule");
                    self.log(at, LogVerb::Network, &who, None, None, None, detail)?;
                }
            }
            Notice::Pairing(organisation) => {
                if let Some(peer) = self.machine.peer(&organisation) {
                    let detail = format!(
                        "pairing: this side {}, the other side {}",
                        confirmed(peer.we_confirmed()),
                        confirmed(peer.they_confirmed())
                    );
                    let who = self.name_for_log(&organisation);
                    self.log(at, LogVerb::Network, &who, None, None, None, detail)?;
                }
                // Names come from pairing: whatever lists them is out of date.
                self.held.push(Output::Targets);
            }
            Notice::InSync(organisation) => {
                self.news.peers = true;
                tracing::info!(with = self.name_for_log(&organisation), "up to date");
                self.end_put_back()?;
                self.barring.caught_up(organisation);
                if let Some(recovering) = &mut self.recovering {
                    recovering.compared(organisation);
                }
            }
            Notice::Card(organisation) => self.watch_replaced(&organisation, at)?,
            Notice::Successor { organisation, device, before } => {
                let who = self.name_for_log(&organisation);
                let detail = format!(
                    "acts through another device now ({}), as its root key signed; the one before ({}) is refused",
                    device.short(),
                    before.short()
                );
                tracing::warn!(who, device = %device.short(), before = %before.short(), "a neighbour acts through another device now");
                self.log(at, LogVerb::Network, &who, None, None, None, detail)?;
            }
            Notice::Replaced => {
                let detail = "this organisation was restored on another device; this node ends for good".to_owned();
                tracing::error!("{detail}");
                self.log(at, LogVerb::Network, "this node", None, None, None, detail)?;
                self.stopping = true;
            }
            Notice::Reconciled(document) => self.change(document, Haste::Bulk),
            Notice::Declined { document, organisation } => {
                tracing::warn!(document = document.short(), from = self.name_for_log(&organisation), "not taken: its budget is used up");
            }
        }
        Ok(())
    }

    /// Says from now on there what changes.
    pub fn tell_changes_to(&mut self, changes: Changes) {
        self.changes = changes;
    }

    /// Notes that what lists show of a document is different.
    fn note_news(&mut self, line: &Listed) {
        let own = line.owner == self.machine.organisation();
        self.news.note(ChangedDocument { id: line.document, kind: line.kind.clone(), owner: line.owner, own });
    }

    /// Tells what changed, after the commit.
    fn tell_news(&mut self) {
        self.changes.tell(std::mem::take(&mut self.news));
    }

    /// Notes that what people see of a document is out of date.
    fn change(&mut self, document: DocumentId, haste: Haste) {
        let noted = self.changed.entry(document).or_insert(haste);
        *noted = haste.max(*noted);
    }
}

fn refuse_replaced(machine: &Machine) -> Result<(), OfficeError> {
    match machine.replaced_by() {
        Some(card) => Err(OfficeError::Replaced(card.card().device.short())),
        None => Ok(()),
    }
}

/// Randomness for one act.
fn entropy() -> Result<Entropy, OfficeError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(OfficeError::Entropy)?;
    Ok(Entropy::from_seed(seed))
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

const fn confirmed(yes: bool) -> &'static str {
    if yes { "has confirmed" } else { "has not confirmed yet" }
}
