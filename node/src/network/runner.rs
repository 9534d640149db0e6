//! The task that owns the swarm: it joins wishes, connections and sessions.
//!
//! It never waits for the driver. Sessions tell their own events; what the runner itself has to tell
//! waits in a short queue, whose oldest item is dropped when it is full.

mod peers;

use super::address::{DialAddress, without_peer};
use super::admission::NotAdmitted;
use super::config::Config;
use super::dialler::Dialler;
use super::event::{Cause, DialFailure, Direction, EndReason, Event};
use super::handle::Shared;
use super::identity;
use super::session::Ended;
use super::swarm::{Behaviour, BehaviourEvent};
use csu_protocol::id::DeviceId;
use futures::StreamExt as _;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionDenied, ConnectionId, DialError, ListenError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, mdns, ping};
use peers::Peer;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

/// Events of the runner's own that may wait for the driver.
const MAX_NOTICES: usize = 64;
/// The least time between two events about connections refused.
const REFUSAL_PAUSE: Duration = Duration::from_secs(1);
/// How long sessions, and then connections, may take to close when the node stops.
const STOPPING: Duration = Duration::from_secs(2);

/// What the runner is made of.
pub(super) struct Parts {
    pub(super) own: DeviceId,
    pub(super) swarm: Swarm<Behaviour>,
    pub(super) config: Config,
    pub(super) listening: Vec<String>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) shared: Arc<Shared>,
}

/// Starts the runner.
pub(super) fn spawn(parts: Parts) {
    let Parts { own, swarm, config, listening, events, shared } = parts;
    let mut runner = Runner {
        own,
        swarm,
        dialler: Dialler::new(config.timing.clone()),
        config,
        events,
        notices: VecDeque::new(),
        peers: BTreeMap::new(),
        sessions: JoinSet::new(),
        last_session: 0,
        refusals: Refusals::default(),
        shared,
    };
    for address in listening {
        runner.notice(Event::Listening { address });
    }
    // Held by the task, so that `shutdown` returns even if the task should end badly.
    let stopped = runner.shared.stopped.clone().drop_guard();
    tokio::spawn(async move {
        runner.run().await;
        runner.stop().await;
        drop(stopped);
    });
}

struct Runner {
    own: DeviceId,
    swarm: Swarm<Behaviour>,
    dialler: Dialler,
    config: Config,
    events: mpsc::Sender<Event>,
    notices: VecDeque<Event>,
    peers: BTreeMap<DeviceId, Peer>,
    sessions: JoinSet<Ended>,
    last_session: u64,
    refusals: Refusals,
    shared: Arc<Shared>,
}

/// Counts refused connections between reports.
#[derive(Default)]
struct Refusals {
    reported_at: Option<Instant>,
    unreported: u64,
}

impl Runner {
    async fn run(&mut self) {
        let stop = self.shared.stop.clone();
        let shared = Arc::clone(&self.shared);
        let events = self.events.clone();
        loop {
            let now = Instant::now();
            let wake = self.next_wake().unwrap_or_else(|| now + Duration::from_secs(3600));
            tokio::select! {
                () = stop.cancelled() => return,
                () = events.closed() => return,
                () = shared.wishes.changed() => self.on_wishes(),
                event = self.swarm.select_next_some() => self.on_swarm_event(event),
                Some(ended) = self.sessions.join_next_with_id() => self.on_joined(ended),
                Ok(room) = events.reserve(), if !self.notices.is_empty() => {
                    if let Some(notice) = self.notices.pop_front() {
                        room.send(notice);
                    }
                }
                () = sleep_until(wake) => {}
            }
            self.on_time(Instant::now());
        }
    }

    /// Closes everything. Ports are free when the swarm is dropped, after the connections.
    async fn stop(mut self) {
        for peer in self.peers.values_mut() {
            peer.cancel(EndReason::ShuttingDown);
        }
        let sessions = &mut self.sessions;
        let swarm = &mut self.swarm;
        let ended = async { while sessions.join_next().await.is_some() {} };
        let driven = async {
            loop {
                swarm.select_next_some().await;
            }
        };
        // A driver that no longer drains its events must not hold this up.
        drop(
            timeout(STOPPING, async {
                tokio::select! { () = ended => (), () = driven => () }
            })
            .await,
        );
        self.sessions.abort_all();

        let connected: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in connected {
            self.disconnect(peer);
        }
        let closed = async {
            while self.swarm.connected_peers().next().is_some() {
                self.swarm.select_next_some().await;
            }
        };
        drop(timeout(STOPPING, closed).await);
    }

    fn on_wishes(&mut self) {
        let now = Instant::now();
        let wishes = self.shared.wishes.take();
        for (device, cause) in wishes.disconnects {
            self.on_disconnect(now, device, cause);
        }
        if let Some(peers) = wishes.peers {
            self.dialler.set_peers(now, peers);
        }
        for (device, addresses) in wishes.tickets {
            self.dialler.add_ticket(now, device, addresses);
        }
        if let Some(strangers) = wishes.strangers {
            self.swarm.behaviour_mut().admission.set_strangers(strangers);
        }
        self.admit();
        // Someone wanted may have connected as a stranger before.
        for device in self.peers.iter().filter(|(_, peer)| peer.is_connected()).map(|(device, _)| device) {
            self.dialler.connected(device);
        }
    }

    fn on_disconnect(&mut self, now: Instant, device: DeviceId, cause: Cause) {
        match cause {
            Cause::Finished => {
                self.dialler.finish_ticket(&device);
                return self.part(device, EndReason::Ended(cause));
            }
            Cause::Busy => self.dialler.postpone(now, &device),
            Cause::Misbehaved => self.hold_off(now, device),
        }
        self.end_peer(device, EndReason::Ended(cause));
    }

    /// Neither dials nor admits `device` for a while.
    fn hold_off(&mut self, now: Instant, device: DeviceId) {
        let until = now + self.config.timing.redial_max;
        self.dialler.postpone(now, &device);
        self.swarm.behaviour_mut().admission.hold_off(device, now, until);
    }

    /// Brings admission up to date, and disconnects whom it no longer admits.
    fn admit(&mut self) {
        let known = self.dialler.known();
        let admission = &mut self.swarm.behaviour_mut().admission;
        admission.set_known(known);
        let unwelcome = admission.unwelcome();
        for (_, peer) in self.peers.iter().filter(|(device, _)| admission.is_known(device)) {
            peer.welcome();
        }
        for device in unwelcome {
            self.end_peer(device, EndReason::NotAdmitted);
        }
    }

    fn next_wake(&self) -> Option<Instant> {
        let handshake = self.config.timing.handshake;
        let deadlines = self.peers.values().filter_map(|peer| peer.session_deadline(handshake));
        deadlines.chain(self.dialler.next_wake()).min()
    }

    fn on_time(&mut self, now: Instant) {
        let before = self.dialler.known().len();
        self.dialler.expire(now);
        if self.dialler.known().len() != before {
            self.admit();
        }
        let handshake = self.config.timing.handshake;
        let late = |peer: &Peer| peer.session_deadline(handshake).is_some_and(|deadline| deadline <= now);
        let late: Vec<DeviceId> = self.peers.iter().filter(|(_, peer)| late(peer)).map(|(device, _)| *device).collect();
        for device in late {
            self.give_up(device, DialFailure::NoSession);
        }
        for (device, addresses) in self.dialler.due(now) {
            self.dial(device, &addresses);
        }
    }

    fn dial(&mut self, device: DeviceId, addresses: &[DialAddress]) {
        let Some(peer) = identity::peer_id(&device) else { return };
        let addresses = addresses.iter().map(|address| address.multiaddr().clone()).collect();
        // With the listening port as source, two nodes that dial each other at once would open one
        // TCP connection from both ends, and each would take itself for the dialler.
        let options =
            DialOpts::peer_id(peer).condition(PeerCondition::DisconnectedAndNotDialing).addresses(addresses).allocate_new_port().build();
        if let Err(error) = self.swarm.dial(options) {
            self.on_dial_error(device, error);
        }
    }

    fn on_dial_error(&mut self, device: DeviceId, error: DialError) {
        let reason = dial_failure(error);
        let retry = self.dialler.failed(Instant::now(), &device, jitter());
        if let (Some(reason), Some(retry)) = (reason, retry) {
            self.notice_failure(device, reason, retry);
        }
    }

    fn notice_failure(&mut self, device: DeviceId, reason: DialFailure, retry: Duration) {
        let retry_in_ms = u64::try_from(retry.as_millis()).unwrap_or(u64::MAX);
        self.notice(Event::DialFailed { device, reason, retry_in_ms });
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "libp2p may add events; the others need no answer")]
    fn on_swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                let direction = if endpoint.is_dialer() { Direction::Dialled } else { Direction::Accepted };
                let address = without_peer(endpoint.get_remote_address()).to_string();
                self.on_connected(peer_id, connection_id, address, direction);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, .. } => {
                self.on_connection_closed(peer_id, connection_id);
            }
            SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), error, .. } => {
                if let Some(device) = identity::device_id(&peer) {
                    self.on_dial_error(device, error);
                }
            }
            SwarmEvent::IncomingConnectionError { peer_id: Some(peer), send_back_addr, error: ListenError::Denied { cause }, .. } => {
                self.on_denied(&peer, &send_back_addr, cause)
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                self.notice(Event::Listening { address: without_peer(&address).to_string() });
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => self.notice_stopped(&address),
            SwarmEvent::ListenerClosed { addresses, .. } => {
                for address in addresses {
                    self.notice_stopped(&address);
                }
            }
            SwarmEvent::Behaviour(event) => self.on_behaviour_event(event),
            _ => {}
        }
    }

    fn on_behaviour_event(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Streams(event) => self.on_stream(event),
            BehaviourEvent::Mdns(mdns::Event::Discovered(found)) => {
                for (device, address) in found.iter().filter_map(found_device) {
                    self.dialler.discovered(Instant::now(), &device, address);
                }
            }
            BehaviourEvent::Mdns(mdns::Event::Expired(gone)) => {
                for (device, address) in gone.iter().filter_map(found_device) {
                    self.dialler.discovery_expired(&device, &address);
                }
            }
            BehaviourEvent::Ping(ping::Event { connection, result: Err(failure), .. }) => match failure {
                // Not every peer need speak ping.
                ping::Failure::Unsupported => {}
                ping::Failure::Timeout | ping::Failure::Other { .. } => self.close(connection),
            },
            BehaviourEvent::Ping(_) | BehaviourEvent::Identify(_) => {}
        }
    }

    fn on_denied(&mut self, peer: &PeerId, address: &Multiaddr, cause: ConnectionDenied) {
        if cause.downcast::<NotAdmitted>().is_err() {
            tracing::debug!(%peer, %address, "a connection was refused for being one too many");
            return;
        }
        let now = Instant::now();
        let recent = |reported: Instant| now.duration_since(reported) < REFUSAL_PAUSE;
        if self.refusals.reported_at.is_some_and(recent) {
            self.refusals.unreported = self.refusals.unreported.saturating_add(1);
            return;
        }
        self.refusals.reported_at = Some(now);
        let unreported = core::mem::take(&mut self.refusals.unreported);
        let device = identity::device_id(peer);
        self.notice(Event::Refused { device, address: without_peer(address).to_string(), unreported });
    }

    fn notice(&mut self, event: Event) {
        if self.notices.len() >= MAX_NOTICES
            && let Some(dropped) = self.notices.pop_front()
        {
            tracing::warn!(?dropped, "the driver is too slow: an event is dropped");
        }
        self.notices.push_back(event);
    }

    fn notice_stopped(&mut self, address: &Multiaddr) {
        self.notice(Event::StoppedListening { address: without_peer(address).to_string() });
    }

    fn close(&mut self, connection: ConnectionId) {
        // False if it has closed already, which is as well.
        let _closing: bool = self.swarm.close_connection(connection);
    }

    fn disconnect(&mut self, peer: PeerId) {
        // An error says that there is no connection, which is what is wanted.
        let _none: Result<(), ()> = self.swarm.disconnect_peer_id(peer);
    }
}

fn found_device((peer, address): &(PeerId, Multiaddr)) -> Option<(DeviceId, DialAddress)> {
    let device = identity::device_id(peer)?;
    DialAddress::of(&device, address).ok().map(|address| (device, address))
}

/// What to tell of a failed dial; `None` if it is of our own making.
fn dial_failure(error: DialError) -> Option<DialFailure> {
    match error {
        DialError::Transport(tried) => {
            let detail =
                tried.last().map_or_else(String::new, |(address, error)| format!("{}: {}", without_peer(address), innermost(error)));
            Some(DialFailure::Unreachable { tried: tried.len(), detail })
        }
        DialError::WrongPeerId { obtained, address } => {
            let found = identity::device_id(&obtained);
            Some(DialFailure::WrongDevice { found, address: without_peer(&address).to_string() })
        }
        DialError::LocalPeerId { address } => Some(DialFailure::WrongDevice { found: None, address: without_peer(&address).to_string() }),
        DialError::Denied { cause } => match cause.downcast::<NotAdmitted>() {
            Ok(_) => None,
            Err(_) => Some(DialFailure::TooManyConnections),
        },
        DialError::NoAddresses | DialError::DialPeerConditionFalse(_) | DialError::Aborted => None,
    }
}

/// The error at the root, which names the trouble: those around it only name layers of transport.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// Entropy for the delays. Without any, nodes that lost each other return together, no worse.
fn jitter() -> u64 {
    getrandom::u64().unwrap_or_default()
}
