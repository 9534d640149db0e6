//! A peer's connections and its session.
//!
//! One device of two (the smaller) opens the session's stream. It does so on the first connection
//! that stands, and again
//! - on another connection when the one beneath the session has closed, and
//! - on a new connection that the peer made while a settled session exists: a peer that still held
//!   the session would not have dialled, so it has lost it.
//!
//! A session ends with its connection and a connection with its session: what broke the one casts
//! doubt on the other, and dialling anew is cheap.

use super::{Runner, jitter};
use crate::network::event::{Cause, DialFailure, Direction, EndReason, Event, SessionNumber};
use crate::network::identity;
use crate::network::session::{self, Ended, Session};
use crate::network::streams::{self, Outcome};
use csu_protocol::id::DeviceId;
use libp2p::swarm::ConnectionId;
use libp2p::{PeerId, Stream};
use std::io;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::{Id, JoinError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

struct Connection {
    id: ConnectionId,
    address: String,
    direction: Direction,
}

struct Running {
    number: SessionNumber,
    connection: ConnectionId,
    task: Id,
    began: Instant,
    /// `None` once used.
    cancel: Option<oneshot::Sender<EndReason>>,
    /// Cancelled once the device is no stranger.
    known: CancellationToken,
}

/// What to say when the device is gone.
enum Verdict {
    /// No session came of it.
    NotLetIn,
    /// What went wrong is known.
    Failed(DialFailure),
    /// Nothing: there was a session, or this side wanted it so.
    Nothing,
}

/// A device with a connection, or a session that is still ending.
pub(super) struct Peer {
    /// In the order of their age. At most four, by the connection limits.
    connections: Vec<Connection>,
    session: Option<Running>,
    /// A newer stream that becomes the session when the old one has ended.
    next: Option<(ConnectionId, Stream)>,
    /// The connection on which we are opening a stream.
    opening: Option<ConnectionId>,
    /// Since when there is a connection and no session.
    idle_since: Instant,
    verdict: Verdict,
    /// The session is ending in good order; the connections close after it.
    is_parting: bool,
}

impl Peer {
    fn new() -> Self {
        let (idle_since, verdict) = (Instant::now(), Verdict::NotLetIn);
        Self { connections: Vec::new(), session: None, next: None, opening: None, idle_since, verdict, is_parting: false }
    }

    pub(super) fn is_connected(&self) -> bool {
        !self.connections.is_empty()
    }

    /// When the connection is given up for want of a session.
    pub(super) fn session_deadline(&self, handshake: Duration) -> Option<Instant> {
        let waiting = self.is_connected() && self.session.is_none();
        waiting.then(|| self.idle_since + handshake)
    }

    /// The device is no stranger: its session may say what it likes.
    pub(super) fn welcome(&self) {
        if let Some(session) = &self.session {
            session.known.cancel();
        }
    }

    /// Ends the session, if there is one.
    pub(super) fn cancel(&mut self, reason: EndReason) {
        if let Some(cancel) = self.session.as_mut().and_then(|session| session.cancel.take()) {
            // The task may have ended by itself just now.
            let _late: Result<(), EndReason> = cancel.send(reason);
        }
    }
}

impl Runner {
    pub(super) fn on_connected(&mut self, peer_id: PeerId, id: ConnectionId, address: String, direction: Direction) {
        let Some(device) = identity::device_id(&peer_id) else { return };
        self.dialler.connected(&device);
        let opener = self.own < device;
        let settled = self.config.timing.handshake;
        let peer = self.peers.entry(device).or_insert_with(Peer::new);
        if peer.connections.is_empty() {
            peer.verdict = match direction {
                Direction::Dialled => Verdict::NotLetIn,
                Direction::Accepted => Verdict::Nothing,
            };
        }
        peer.connections.push(Connection { id, address, direction });
        peer.idle_since = Instant::now();
        let wanted = match &peer.session {
            None => true,
            Some(session) => direction == Direction::Accepted && session.began.elapsed() > settled,
        };
        if opener && wanted && peer.opening.is_none() {
            self.open(device, id);
        }
    }

    fn open(&mut self, device: DeviceId, connection: ConnectionId) {
        let Some(peer_id) = identity::peer_id(&device) else { return };
        if let Some(peer) = self.peers.get_mut(&device) {
            peer.opening = Some(connection);
            self.swarm.behaviour_mut().streams.open(peer_id, connection);
        }
    }

    pub(super) fn on_connection_closed(&mut self, peer_id: PeerId, id: ConnectionId) {
        let Some(device) = identity::device_id(&peer_id) else { return };
        let opener = self.own < device;
        let Some(peer) = self.peers.get_mut(&device) else { return };
        peer.connections.retain(|known| known.id != id);
        if peer.opening == Some(id) {
            peer.opening = None;
        }
        if peer.next.as_ref().is_some_and(|(connection, _)| *connection == id) {
            peer.next = None;
        }
        if let Some(newest) = peer.connections.last() {
            let newest = newest.id;
            if opener && peer.session.is_none() && peer.opening.is_none() {
                self.open(device, newest);
            }
            return;
        }
        if peer.session.is_none() {
            self.gone(device);
        }
    }

    /// Neither a connection with `device` is left nor a session.
    fn gone(&mut self, device: DeviceId) {
        let failure = match self.peers.remove(&device).map(|peer| peer.verdict) {
            Some(Verdict::NotLetIn) => Some(DialFailure::NotLetIn),
            Some(Verdict::Failed(failure)) => Some(failure),
            Some(Verdict::Nothing) | None => None,
        };
        let retry = self.dialler.lost(Instant::now(), &device, jitter());
        if let (Some(failure), Some(retry)) = (failure, retry) {
            self.notice_failure(device, failure, retry);
        }
    }

    pub(super) fn on_stream(&mut self, event: streams::Event) {
        let streams::Event { peer, connection, outcome } = event;
        let Some(device) = identity::device_id(&peer) else { return };
        let opener = self.own < device;
        let Some(state) = self.peers.get_mut(&device) else { return };
        if !matches!(outcome, Outcome::Accepted(_)) && state.opening == Some(connection) {
            state.opening = None;
        }
        match outcome {
            // We would have opened it: the peer is confused, and dropping its stream tells it so.
            Outcome::Accepted(_) if opener => tracing::debug!(%device, "a stream from the wrong side is refused"),
            Outcome::Accepted(stream) | Outcome::Opened(stream) => self.on_new_stream(device, connection, stream),
            Outcome::NotSpoken => self.give_up(device, DialFailure::Incompatible),
            Outcome::Failed => self.close(connection),
        }
    }

    /// Makes the stream the session, after the old one if there is one.
    fn on_new_stream(&mut self, device: DeviceId, connection: ConnectionId, stream: Stream) {
        let Some(peer) = self.peers.get_mut(&device) else { return };
        if peer.session.is_some() {
            peer.next = Some((connection, stream));
            peer.cancel(EndReason::Replaced);
        } else {
            self.begin(device, connection, stream);
        }
    }

    fn begin(&mut self, device: DeviceId, connection: ConnectionId, stream: Stream) {
        let Some(peer) = self.peers.get_mut(&device) else { return };
        let Some(beneath) = peer.connections.iter().find(|known| known.id == connection) else { return };
        self.last_session = self.last_session.saturating_add(1);
        let number = SessionNumber::new(self.last_session);
        let (cancel, cancelled) = oneshot::channel();
        let known = CancellationToken::new();
        if self.swarm.behaviour().admission.is_known(&device) {
            known.cancel();
        }
        let session = Session {
            device,
            number,
            stream,
            address: beneath.address.clone(),
            direction: beneath.direction,
            limits: self.config.limits.clone(),
            timing: self.config.timing.clone(),
            events: self.events.clone(),
            shared: self.shared.clone(),
            cancel: cancelled,
            known: known.clone(),
        };
        let task = self.sessions.spawn(session::run(session)).id();
        let began = Instant::now();
        peer.session = Some(Running { number, connection, task, began, cancel: Some(cancel), known });
    }

    pub(super) fn on_joined(&mut self, joined: Result<(Id, Ended), JoinError>) {
        match joined {
            Ok((_, ended)) => self.on_ended(&ended),
            // A session's task failed, which is a fault of ours: its peer loses a session, no more.
            Err(error) => {
                tracing::error!(%error, "a session's task failed");
                let failed = |peer: &Peer| peer.session.as_ref().filter(|session| session.task == error.id()).map(|s| s.number);
                let found = self.peers.iter().find_map(|(device, peer)| failed(peer).map(|number| (*device, number)));
                if let Some((device, number)) = found {
                    let reason = EndReason::ConnectionLost { kind: io::ErrorKind::Other };
                    self.shared.outboxes.close(&device, number);
                    self.notice(Event::Disconnected { device, session: number, reason });
                    self.on_ended(&Ended { device, number, reason, up: None });
                }
            }
        }
    }

    fn on_ended(&mut self, ended: &Ended) {
        let Ended { device, number, reason, up } = *ended;
        let Some(peer) = self.peers.get_mut(&device) else { return };
        let Some(session) = peer.session.take_if(|session| session.number == number) else { return };
        tracing::debug!(%device, %number, %reason, ?up, "a session ended");
        peer.idle_since = Instant::now();
        match (up, reason) {
            (Some(_), _) => peer.verdict = Verdict::Nothing,
            (None, EndReason::BadOpening | EndReason::FrameTooLarge { .. } | EndReason::BadFrame { .. }) => {
                peer.verdict = Verdict::Failed(DialFailure::Incompatible);
            }
            (None, _) => {}
        }
        // A device that was put off stays so, however long its session was.
        let put_off = matches!(reason, EndReason::Ended(Cause::Busy | Cause::Misbehaved));
        if !put_off && up.is_some_and(|up| up >= self.config.timing.handshake) {
            self.dialler.settled(&device);
        }
        let next = peer.next.take();
        let connected = peer.is_connected();
        let parting = std::mem::take(&mut peer.is_parting);
        let is_faulty = reason.is_fault();
        if is_faulty {
            self.hold_off(Instant::now(), device);
            self.end_peer(device, reason);
        }
        if !connected {
            self.gone(device);
        } else if parting {
            self.end_peer(device, reason);
        } else if !is_faulty {
            self.go_on(device, session.connection, next);
        }
    }

    /// A session ended and connections are left: begins the next session, if its stream is there,
    /// and closes the connection of the old one.
    fn go_on(&mut self, device: DeviceId, old: ConnectionId, next: Option<(ConnectionId, Stream)>) {
        let reused = next.as_ref().is_some_and(|(connection, _)| *connection == old);
        if let Some((connection, stream)) = next {
            self.begin(device, connection, stream);
        }
        if !reused {
            self.close(old);
        }
    }

    /// Ends the session with `device` once what was queued is written, which takes no longer than closing may, and then
    /// closes all its connections.
    pub(super) fn part(&mut self, device: DeviceId, reason: EndReason) {
        match self.peers.get_mut(&device) {
            Some(peer) if peer.session.is_some() => {
                peer.is_parting = true;
                peer.cancel(reason);
            }
            Some(_) | None => self.end_peer(device, reason),
        }
    }

    /// Ends the session with `device` and closes all its connections.
    pub(super) fn end_peer(&mut self, device: DeviceId, reason: EndReason) {
        let Some(peer) = self.peers.get_mut(&device).filter(|peer| !peer.is_parting) else { return };
        peer.next = None;
        peer.verdict = Verdict::Nothing;
        // First the session, so that it learns this reason and not that its connection broke.
        peer.cancel(reason);
        if let Some(peer_id) = identity::peer_id(&device) {
            self.disconnect(peer_id);
        }
    }

    /// Closes the connections with `device`, of which no session came.
    pub(super) fn give_up(&mut self, device: DeviceId, failure: DialFailure) {
        let Some(peer) = self.peers.get_mut(&device) else { return };
        let dialled = peer.connections.iter().any(|known| known.direction == Direction::Dialled);
        self.end_peer(device, EndReason::BadOpening);
        if let Some(peer) = self.peers.get_mut(&device)
            && dialled
        {
            peer.verdict = Verdict::Failed(failure);
        }
    }
}
