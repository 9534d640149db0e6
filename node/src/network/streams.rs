//! Session streams: a libp2p behaviour that opens and accepts them.
//!
//! Unlike libp2p-stream it says on which connection a stream lies, lets the caller choose that
//! connection, and forgets a connection that has closed. What is on the wire is the same.
//! At most one stream a connection waits for the swarm in each direction; whether a stream becomes
//! the session is decided elsewhere.

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, Stream,
    StreamProtocol, StreamUpgradeError, SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use std::collections::VecDeque;
use std::task::{Context, Poll};

/// The protocol of session streams. The number is the version of the framing and of what it carries.
pub(super) const PROTOCOL: StreamProtocol = StreamProtocol::new("/csu-link/2");

/// What came of a stream.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The peer opened one.
    Accepted(Stream),
    /// The peer accepted the one we asked for.
    Opened(Stream),
    /// The peer does not speak the protocol.
    NotSpoken,
    /// The connection or the negotiation failed.
    Failed,
}

/// A stream, or the want of one, on a connection.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) peer: PeerId,
    pub(super) connection: ConnectionId,
    pub(super) outcome: Outcome,
}

/// Ask a handler to open a stream.
#[derive(Debug)]
pub(super) struct Open;

/// Opens and accepts session streams.
#[derive(Debug, Default)]
pub(super) struct Streams {
    // Bounded: the runner asks for one stream a device at a time, and a handler gives its next
    // outcome only after the swarm took the last.
    pending: VecDeque<ToSwarm<Event, Open>>,
}

impl Streams {
    /// Opens a stream on that connection. An [`Event`] follows, unless the connection closes first.
    pub(super) fn open(&mut self, peer_id: PeerId, connection: ConnectionId) {
        let handler = NotifyHandler::One(connection);
        self.pending.push_back(ToSwarm::NotifyHandler { peer_id, handler, event: Open });
    }
}

impl NetworkBehaviour for Streams {
    type ConnectionHandler = Handler;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler::default())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler::default())
    }

    fn on_swarm_event(&mut self, _: FromSwarm) {}

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, outcome: THandlerOutEvent<Self>) {
        self.pending.push_back(ToSwarm::GenerateEvent(Event { peer, connection, outcome }));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        // No waker to keep: the swarm polls its behaviours after every call to one of them.
        self.pending.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}

/// The streams of one connection.
#[derive(Debug, Default)]
pub(super) struct Handler {
    wanted: bool,
    opened: Option<Outcome>,
    /// The newest stream of the peer; an older one that nobody took is dropped, and so reset.
    accepted: Option<Stream>,
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Open;
    type ToBehaviour = Outcome;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ())
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, (), Self::ToBehaviour>> {
        if core::mem::take(&mut self.wanted) {
            let protocol = SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ());
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        let outcome = self.opened.take().or_else(|| self.accepted.take().map(Outcome::Accepted));
        outcome.map_or(Poll::Pending, |outcome| Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(outcome)))
    }

    fn on_behaviour_event(&mut self, Open: Open) {
        self.wanted = true;
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "libp2p may add events; only these concern streams")]
    fn on_connection_event(&mut self, event: ConnectionEvent<Self::InboundProtocol, Self::OutboundProtocol>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol, .. }) => {
                self.accepted = Some(protocol);
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol, .. }) => {
                self.opened = Some(Outcome::Opened(protocol));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { error, .. }) => {
                self.opened = Some(match error {
                    StreamUpgradeError::NegotiationFailed => Outcome::NotSpoken,
                    StreamUpgradeError::Timeout | StreamUpgradeError::Io(_) => Outcome::Failed,
                    StreamUpgradeError::Apply(never) => match never {},
                });
            }
            _ => {}
        }
    }
}
