//! The driver: joins storage, network and the API, which know nothing of each other.
//!
//! One thread does the node's work ([`crate::office`]); it takes requests from the API and what
//! peers send, and nothing else touches storage or the machine. Frames are decoded and their
//! signatures checked on the way to it, several at once, in the order in which they came.

use crate::config::Config;
use crate::desk::{DeskHandle, IntegrityResult, Jobs};
use crate::http::{self, ApiSocket, SocketError};
use crate::keys::{DataLock, Keys, KeysError, LockError, Passphrase};
use crate::network::{self, Event, NetworkError};
use crate::office::{Arrival, Office, OfficeError};
use crate::restoring::Recovery;
use crate::storage::{self, LogHead, LogWalk, Options, PutBack, Storage, StorageError, check_log_now, check_now};
use crate::web::{self, Sessions, WebError, WebListener};
use csu_protocol::identity::{RootKey, Verifier};
use csu_protocol::limits;
use csu_protocol::wire::Message;
use futures::{Stream, StreamExt};
use rustix::process::setpriority_process;
use rustix::thread::gettid;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::pin::pin;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Requests that wait for the office.
const JOBS: usize = 64;
/// Frames that one thread checks, and their bytes after which no further one is taken.
const CHECKED: usize = 32;
const CHECKED_BYTES: usize = 512 * 1024;
/// Lots of frames that are checked or wait for the office, beside one for each core.
const LOTS: usize = 2;
/// Arrivals whose writes share one commit, and the bytes of frames after which no further lot is taken: until then their entries
/// stand in memory, and whoever asks waits.
const GROUP: usize = 256;
const GROUP_BYTES: usize = 4 * 1024 * 1024;
/// That of a thread which takes what no other wants.
const LEAST_PRIORITY: i32 = 19;
/// How long requests under way may take when the node stops.
const GRACE: std::time::Duration = std::time::Duration::from_secs(2);

/// Why a node could not be started, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The data folder is not there.
    #[error("there is no organisation in {0}; begin one with `csu init --name NAME --kind union`, or name another folder with --data")]
    NoOrganisation(PathBuf),
    /// The data folder is in use.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The database cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The database is damaged.
    #[error(
        "the last stop was not in good order, and the check of the database found: {0}. Copy the data folder away, then restore a backup; neighbours still hold what was shared"
    )]
    Damaged(String),
    /// The node was restored, and not to its end.
    #[error(
        "the restore of this node is not finished, and its lost device not revoked: run `csu restore --resume`, with the recovery phrase at hand"
    )]
    Recovering,
    /// The network could not be started.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The API's socket could not be opened.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The pages could not be offered.
    #[error(transparent)]
    Web(#[from] WebError),
    /// The office had to stop.
    #[error(transparent)]
    Office(#[from] OfficeError),
    /// A thread ended that should not have.
    #[error("{0} ended unexpectedly; see the messages above, and report this")]
    Ended(&'static str),
}

/// A node that is running.
#[derive(Debug)]
pub struct Running {
    /// The way to ask it something.
    pub desk: DeskHandle,
    /// Where it listens.
    pub listening: Vec<String>,
    /// Where browsers reach its pages, if it has any.
    pub pages: Option<String>,
    ended: oneshot::Receiver<Result<(), DriverError>>,
    stop: mpsc::Sender<()>,
}

impl Running {
    /// Waits until the node has stopped, for whatever reason; `stop` ends it in good order.
    ///
    /// # Errors
    /// Why it had to stop.
    pub async fn until(self, stop: impl Future<Output = ()>) -> Result<(), DriverError> {
        let mut ended = self.ended;
        tokio::select! {
            result = &mut ended => return result.unwrap_or(Err(DriverError::Ended("the node's thread"))),
            () = stop => {}
        }
        // The office may have ended by itself meanwhile; then there is nobody to tell.
        self.stop.send(()).await.ok();
        ended.await.unwrap_or(Err(DriverError::Ended("the node's thread")))
    }
}

/// Starts a node. It runs until it is asked to stop. The passphrase is for keys that are sealed.
///
/// # Errors
/// When the data folder, keys, database, network or socket cannot be used; each says what to do.
pub async fn start(config: Config, options: Options, passphrase: Option<Passphrase>) -> Result<Running, DriverError> {
    if !Keys::exist(&config.data) {
        return Err(DriverError::NoOrganisation(config.data.clone()));
    }
    let lock = DataLock::acquire(&config.data)?;
    Keys::sweep(&config.data)?;
    let keys = Keys::load(&config.data, passphrase.as_ref())?;
    drop(passphrase);
    launch(config, options, keys, lock, None).await
}

/// Starts a node that is being restored, with what [`crate::restoring`] made. [`crate::desk::Desk::recover`] does the rest.
///
/// # Errors
/// When the database, network or socket cannot be used; each says what to do.
pub async fn start_recovering(config: Config, options: Options, recovery: Recovery) -> Result<Running, DriverError> {
    launch(config, options, recovery.keys, recovery.lock, Some(recovery.root)).await
}

/// Starts a node; with the root key to recover, else to serve.
async fn launch(mut config: Config, options: Options, keys: Keys, lock: DataLock, root: Option<RootKey>) -> Result<Running, DriverError> {
    storage::sweep_snapshots(&config.data)?;
    let mut opened = Storage::open(&config.data, options)?;
    if root.is_none() && opened.storage.is_recovering()? {
        opened.storage.close()?;
        return Err(DriverError::Recovering);
    }
    let data = config.data.clone();
    if !opened.clean {
        tracing::warn!("the last stop was not in good order; checking the database");
        let folder = data.clone();
        let found = tokio::task::spawn_blocking(move || check_now(&folder)).await.map_err(|_| DriverError::Ended("the check"))??;
        if !found.is_empty() {
            return Err(DriverError::Damaged(found.join("; ")));
        }
    }
    if let Some(put_back) = opened.put_back {
        tracing::warn!("{put_back}; {}", PutBack::FOLLOWS);
        opened.storage.begin_put_back(put_back, crate::office::now())?;
    }
    let mut network_config = network::Config::new(keys.seed().clone());
    network_config.listen.clone_from(&config.listen);
    network_config.mdns = config.mdns;
    network_config.limits.frame_bytes = limits::MESSAGE_BYTES;
    let (network, events) = network::start(network_config).await?;
    let listening = network.listening().to_vec();
    let (desk, jobs) = DeskHandle::channel(JOBS);
    let socket = ApiSocket::bind(&config.socket, config.socket_group.as_deref()).await?;
    let (close, closed) = watch::channel(());
    let mut api = JoinSet::new();
    api.spawn(http::serve(socket, http::router(desk.clone()), until_closed(closed.clone())));
    let mut pages = None;
    if let Some(address) = config.web {
        let listener = WebListener::bind(address).await?;
        // Port 0 stands for any that is free.
        config.web = Some(listener.address());
        pages = config.pages();
        let sessions = Sessions::open(&data).await?;
        let router = web::router(desk.clone(), keys.card().card().name.as_str(), &listener, sessions);
        api.spawn(web::serve(listener, router, until_closed(closed)));
    }
    let (stop, stopped) = mpsc::channel(1);
    let (end, ended) = oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    let addresses = listening.clone();
    let changes = desk.changes().clone();
    let work = move || {
        let integrity = if opened.clean { IntegrityResult::Running } else { IntegrityResult::Ok };
        let office = Office::open(keys, config, opened.storage, Box::new(network.clone()), addresses, integrity, root);
        let result = office.map_err(DriverError::from).and_then(|mut office| {
            office.tell_changes_to(changes.clone());
            runtime.block_on(async move {
                // A database that was checked already is not checked again.
                let check = check_beside(data, opened.clean)?;
                let office = work(office, jobs, events, stopped, Some(check)).await;
                // Whoever listens would keep their connection open.
                changes.end();
                let office = office?;
                // Nobody is let in any more; requests that wait are told that the node is stopping.
                drop(close);
                if tokio::time::timeout(GRACE, api.join_all()).await.is_err() {
                    tracing::debug!("a client of the API kept its connection open");
                }
                network.shutdown().await;
                let replaced = office.check_replaced();
                office.close()?;
                Ok(replaced?)
            })
        });
        drop(lock);
        end.send(result).ok();
    };
    std::thread::Builder::new().name("office".to_owned()).spawn(work).map_err(|_| DriverError::Ended("the node's thread"))?;
    Ok(Running { desk, listening, pages, ended, stop })
}

/// Waits until nobody is to be let in any more.
async fn until_closed(mut closed: watch::Receiver<()>) {
    // Nothing is ever sent: it ends when the other side is dropped.
    while closed.changed().await.is_ok() {}
}

/// What the checks beside a running node found.
struct Checked {
    database: Option<Result<Vec<String>, StorageError>>,
    log: Result<Option<(LogHead, LogWalk)>, StorageError>,
}

type Check = oneshot::Receiver<Checked>;

/// Checks database and log beside a running node, one after the other, with what nobody else wants of the processor: who waits
/// for a neighbour's documents does not wait for this.
fn check_beside(data: PathBuf, database: bool) -> Result<Check, DriverError> {
    let (tell, check) = oneshot::channel();
    let run = move || {
        if let Err(error) = setpriority_process(Some(gettid()), LEAST_PRIORITY) {
            tracing::debug!(%error, "the check of the database runs at the usual priority");
        }
        let checked = Checked { database: database.then(|| check_now(&data)), log: check_log_now(&data, None, &mut |_, _| {}) };
        // Nobody waits for it when the node has stopped.
        tell.send(checked).ok();
    };
    std::thread::Builder::new().name("check".to_owned()).spawn(run).map_err(|_| DriverError::Ended("the check"))?;
    Ok(check)
}

async fn work(
    mut office: Office,
    mut jobs: Jobs,
    events: mpsc::Receiver<Event>,
    mut stopped: mpsc::Receiver<()>,
    mut check: Option<Check>,
) -> Result<Office, DriverError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut arrivals = receive(events, cores);
    let mut making = JoinSet::new();
    let mut wake = wake_at(&office);
    while !office.is_stopping() {
        while let Some(work) = office.next_work(cores).map_err(OfficeError::from)? {
            making.spawn_blocking(move || work.run());
        }
        // Kept over whatever comes meanwhile: who sends without a pause must not keep the clock of all others from going on.
        wake = wake.min(wake_at(&office));
        tokio::select! {
            job = jobs.recv() => match job {
                Some(job) => office.answer(job)?,
                None => break,
            },
            lot = arrivals.recv() => {
                let Some(lot) = lot else { return Err(DriverError::Ended("the network")) };
                let mut group = Group::default();
                group.take(&mut office, lot);
                while !group.is_full() && let Ok(lot) = arrivals.try_recv() {
                    group.take(&mut office, lot);
                }
                settle(&mut office)?;
            }
            Some(made) = making.join_next() => {
                office.take_made(made.map_err(|_| DriverError::Ended("the thread that reads documents"))?);
                while let Some(Ok(made)) = making.try_join_next() {
                    office.take_made(made);
                }
                settle(&mut office)?;
            }
            () = tokio::time::sleep_until(wake) => {
                office.tick();
                settle(&mut office)?;
                wake = wake_at(&office);
            }
            found = finished(&mut check) => {
                check = None;
                match found {
                    Ok(Checked { database, log }) => {
                        match database {
                            Some(Ok(found)) => office.checked(&found),
                            Some(Err(error)) => office.checked(&[error.to_string()]),
                            None => {}
                        }
                        office.log_walked(log);
                    }
                    Err(_) => office.checked(&["the check was stopped".to_owned()]),
                }
            }
            _ = stopped.recv() => break,
        }
    }
    office.stop_work();
    // They read the database, which is about to be closed; what they make is made again after the next start.
    while making.join_next().await.is_some() {}
    Ok(office)
}

/// When time is to be let pass.
fn wake_at(office: &Office) -> Instant {
    let now = Instant::now();
    now.checked_add(office.wake_in()).unwrap_or(now)
}

/// What peers sent is not lost if it cannot be stored now: it was not acknowledged, and they offer it again.
fn settle(office: &mut Office) -> Result<(), OfficeError> {
    match office.settle() {
        Err(error @ OfficeError::Storage(StorageError::Full { .. })) => {
            tracing::error!(%error, "what neighbours sent was not stored");
            Ok(())
        }
        other => other,
    }
}

async fn finished(check: &mut Option<Check>) -> Result<Checked, oneshot::error::RecvError> {
    match check {
        Some(check) => check.await,
        None => std::future::pending().await,
    }
}

/// What is taken before the next commit.
#[derive(Default)]
struct Group {
    arrivals: usize,
    bytes: usize,
}

impl Group {
    fn take(&mut self, office: &mut Office, lot: Vec<Arrival>) {
        for arrival in lot {
            self.count(&arrival);
            office.take(arrival);
        }
    }

    const fn count(&mut self, arrival: &Arrival) {
        self.arrivals = self.arrivals.saturating_add(1);
        if let Arrival::Frame(_, _, bytes, _) = arrival {
            self.bytes = self.bytes.saturating_add(*bytes);
        }
    }

    const fn is_full(&self) -> bool {
        self.arrivals >= GROUP || self.bytes >= GROUP_BYTES
    }
}

/// What the network tells, in its order, frames checked: on as many threads as there are cores, ahead of the office by a few lots.
fn receive(events: mpsc::Receiver<Event>, cores: usize) -> mpsc::Receiver<Vec<Arrival>> {
    let (checked, arrivals) = mpsc::channel(LOTS);
    tokio::spawn(async move {
        let mut lots = pin!(lots(events).map(check).buffered(cores.saturating_add(LOTS)));
        while let Some(lot) = lots.next().await {
            if checked.send(lot).await.is_err() {
                return;
            }
        }
    });
    arrivals
}

/// What is there, some at a time.
fn lots(events: mpsc::Receiver<Event>) -> impl Stream<Item = Vec<Event>> {
    futures::stream::unfold(events, |mut events| async move {
        let mut lot = vec![events.recv().await?];
        // What came in one packet is one lot, if whoever reads it is given the time to hand it over.
        tokio::task::yield_now().await;
        let mut bytes = lot.iter().map(bytes_of).sum::<usize>();
        while lot.len() < CHECKED
            && bytes < CHECKED_BYTES
            && let Ok(event) = events.try_recv()
        {
            bytes = bytes.saturating_add(bytes_of(&event));
            lot.push(event);
        }
        Some((lot, events))
    })
}

const fn bytes_of(event: &Event) -> usize {
    if let Event::Frame { bytes, .. } = event { bytes.len() } else { 0 }
}

/// Has frames decoded and their signatures checked on another thread.
async fn check(lot: Vec<Event>) -> Vec<Arrival> {
    if lot.iter().all(|event| bytes_of(event) == 0) {
        return lot.into_iter().map(Arrival::Event).collect();
    }
    let check = move || {
        let mut verifier = Verifier::default();
        lot.into_iter().map(|event| check_one(event, &mut verifier)).collect()
    };
    let checked = tokio::task::spawn_blocking(check).await;
    // Only a runtime that ends: the frames count as never received.
    checked.unwrap_or_default()
}

fn check_one(event: Event, verifier: &mut Verifier) -> Arrival {
    let Event::Frame { device, session, bytes } = event else { return Arrival::Event(event) };
    // What a fault of this program chokes on takes nothing else with it: the frame counts as never received.
    match catch_unwind(AssertUnwindSafe(|| Message::receive_by(&bytes, verifier))) {
        Ok(message) => Arrival::Frame(device, session, bytes.len(), message.map(Box::new)),
        Err(_) => Arrival::Event(Event::Sent { device, session, frames: 0 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::SessionNumber;
    use crate::office::tests::opened;
    use csu_protocol::id::DeviceId;
    use csu_protocol::identity::InvitationSecret;
    use csu_protocol::store::{Invitation, Write};
    use csu_protocol::time::Timestamp;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    #[tokio::test]
    async fn whoever_sends_without_a_pause_does_not_keep_time_from_passing() {
        let folder = tempfile::tempdir().unwrap();
        let mut storage = Storage::open(folder.path(), Options::default()).unwrap().storage;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let expires = Timestamp::from_ms(u64::try_from(now).unwrap()).plus_ms(200);
        storage.apply(&Write::Invitation(Invitation { secret: InvitationSecret::from_bytes([1; 32]), expires })).unwrap();
        storage.commit().unwrap();
        let office = opened(folder.path(), storage);

        let (_desk, jobs) = DeskHandle::channel(1);
        let ((events, taken), (stop, stopped)) = (mpsc::channel(8), mpsc::channel(1));
        let flood = async move {
            let until = Instant::now() + Duration::from_millis(1500);
            while Instant::now() < until {
                events.send(Event::StoppedListening { address: String::new() }).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            stop.send(()).await.unwrap();
            events
        };
        let (office, _events) = tokio::join!(work(office, jobs, taken, stopped, None), flood);
        office.unwrap().close().unwrap();
        let storage = Storage::open(folder.path(), Options::default()).unwrap().storage;
        assert!(storage.start().unwrap().invitations.is_empty());
    }

    fn frame(bytes: usize) -> Event {
        Event::Frame { device: DeviceId::new([1; 32]), session: SessionNumber::new(1), bytes: vec![0; bytes] }
    }

    /// What arrives of so many frames of so many bytes, in lots.
    async fn arrive(frames: usize, bytes: usize) -> Vec<Vec<Arrival>> {
        let (sender, events) = mpsc::channel(16);
        let mut lots = receive(events, 2);
        tokio::spawn(async move {
            for _ in 0..frames {
                sender.send(frame(bytes)).await.unwrap();
            }
        });
        let mut arrived = Vec::new();
        while let Some(lot) = lots.recv().await {
            arrived.push(lot);
        }
        arrived
    }

    #[tokio::test]
    async fn frames_as_large_as_there_are_fill_a_lot_and_a_group_long_before_there_are_many() {
        let lots = arrive(12, limits::MESSAGE_BYTES).await;
        assert_eq!(lots.iter().map(Vec::len).collect::<Vec<_>>(), [1; 12]);
        let mut group = Group::default();
        group.count(&lots[0][0]);
        assert!(group.is_full());
    }

    #[tokio::test]
    async fn of_small_frames_none_is_lost_and_a_group_takes_many() {
        let lots = arrive(1000, 10).await;
        assert_eq!(lots.iter().map(Vec::len).sum::<usize>(), 1000);
        assert!(lots.iter().all(|lot| lot.len() <= CHECKED));
        let mut group = Group::default();
        lots.iter().flatten().take(GROUP).for_each(|arrival| group.count(arrival));
        assert!(group.is_full() && group.bytes < GROUP_BYTES);
    }

    #[tokio::test]
    async fn frames_are_taken_in_the_order_in_which_they_came_whichever_is_checked_first() {
        let (sender, events) = mpsc::channel(16);
        let mut lots = receive(events, 4);
        tokio::spawn(async move {
            for number in 0..200_usize {
                // Large ones take longer.
                sender.send(frame(if number % 7 == 3 { 400_000 + number } else { number + 1 })).await.unwrap();
                sender.send(Event::StoppedListening { address: number.to_string() }).await.unwrap();
            }
        });
        let mut seen = Vec::new();
        while let Some(lot) = lots.recv().await {
            for arrival in lot {
                match arrival {
                    Arrival::Frame(_, _, bytes, _) => seen.push((bytes - 1) % 400_000 + usize::from(bytes > 400_000)),
                    Arrival::Event(Event::StoppedListening { address }) => assert_eq!(seen.last().unwrap().to_string(), address),
                    Arrival::Event(_) => {}
                }
            }
        }
        assert_eq!(seen, (0..200).collect::<Vec<_>>());
    }
}
