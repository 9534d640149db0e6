//! Who may connect: a libp2p behaviour that denies everyone else.
//!
//! Inbound connections are judged when the handshake has proved the peer's key, before any protocol
//! runs. The behaviour stands first among the node's behaviours, so that the others never hear of a
//! connection that was denied.

use super::identity;
use super::wishes::Strangers;
use csu_protocol::id::DeviceId;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
    dummy,
};
use libp2p::{Multiaddr, PeerId};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// A connection was denied because its peer is not among those that may connect.
#[derive(Debug, thiserror::Error)]
#[error("this device may not connect")]
pub(super) struct NotAdmitted;

/// How long a stranger may stay while others wait for its place. Whoever has something to show does so at once.
const STRANGERS_TURN: Duration = Duration::from_secs(2);

/// The connections of one device.
#[derive(Debug, Clone, Copy)]
struct Connected {
    count: usize,
    since: Instant,
}

/// The set of those that may connect.
#[derive(Debug)]
pub(super) struct Admission {
    known: BTreeSet<DeviceId>,
    strangers: Strangers,
    max_strangers: usize,
    connected: BTreeMap<DeviceId, Connected>,
    /// Strangers that must make room for another, so that nobody keeps out who comes with an invitation or a newer card.
    to_close: Vec<DeviceId>,
    /// Devices that misbehaved, and until when they stay out. Bounded by `known` and the connected.
    held_off: BTreeMap<DeviceId, Instant>,
}

impl Admission {
    pub(super) fn new(max_strangers: usize) -> Self {
        Self {
            known: BTreeSet::new(),
            strangers: Strangers::Refused,
            max_strangers,
            connected: BTreeMap::new(),
            to_close: Vec::new(),
            held_off: BTreeMap::new(),
        }
    }

    /// Sets the devices that may connect.
    pub(super) fn set_known(&mut self, known: BTreeSet<DeviceId>) {
        self.known = known;
    }

    pub(super) fn set_strangers(&mut self, strangers: Strangers) {
        self.strangers = strangers;
    }

    /// Keeps a device out until `until`.
    pub(super) fn hold_off(&mut self, device: DeviceId, now: Instant, until: Instant) {
        self.held_off.retain(|_, end| *end > now);
        self.held_off.insert(device, until);
    }

    pub(super) fn is_known(&self, device: &DeviceId) -> bool {
        self.known.contains(device)
    }

    /// The devices that are connected and may not be, as the rules now stand.
    pub(super) fn unwelcome(&self) -> Vec<DeviceId> {
        match self.strangers {
            Strangers::Admitted => Vec::new(),
            Strangers::Refused => self.connected.keys().filter(|device| !self.is_known(device)).copied().collect(),
        }
    }

    /// Whether `device` may connect at `now`.
    pub(super) fn admits(&self, device: &DeviceId, now: Instant) -> bool {
        if self.held_off.get(device).is_some_and(|until| *until > now) {
            return false;
        }
        if self.is_known(device) {
            return true;
        }
        match self.strangers {
            Strangers::Refused => false,
            Strangers::Admitted => self.has_room(device) || self.longest_stranger(device, now).is_some(),
        }
    }

    fn others<'a>(&'a self, device: &'a DeviceId) -> impl Iterator<Item = (&'a DeviceId, &'a Connected)> {
        let leaving = |other: &DeviceId| self.to_close.contains(other);
        self.connected.iter().filter(move |(other, _)| *other != device && !self.is_known(other) && !leaving(other))
    }

    /// Whether there is room for `device` among the strangers.
    fn has_room(&self, device: &DeviceId) -> bool {
        self.others(device).count() < self.max_strangers
    }

    /// The stranger that has been there longest and whose turn is over.
    fn longest_stranger(&self, device: &DeviceId, now: Instant) -> Option<DeviceId> {
        let over = self.others(device).filter(|(_, connected)| now.saturating_duration_since(connected.since) >= STRANGERS_TURN);
        over.min_by_key(|(_, connected)| connected.since).map(|(other, _)| *other)
    }

    fn judge(&mut self, peer: &PeerId) -> Result<dummy::ConnectionHandler, ConnectionDenied> {
        let now = Instant::now();
        let device = identity::device_id(peer).filter(|device| self.admits(device, now));
        let device = device.ok_or_else(|| ConnectionDenied::new(NotAdmitted))?;
        if !self.is_known(&device) && !self.has_room(&device) {
            self.to_close.extend(self.longest_stranger(&device, now));
        }
        Ok(dummy::ConnectionHandler)
    }

    fn opened(&mut self, device: DeviceId, now: Instant) {
        let connected = self.connected.entry(device).or_insert(Connected { count: 0, since: now });
        connected.count = connected.count.saturating_add(1);
    }

    fn closed(&mut self, device: &DeviceId) {
        if let Some(connected) = self.connected.get_mut(device) {
            connected.count = connected.count.saturating_sub(1);
            if connected.count == 0 {
                self.connected.remove(device);
            }
        }
    }
}

impl NetworkBehaviour for Admission {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.judge(&peer)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        // A peer may have been removed while it was being dialled.
        self.judge(&peer)
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "libp2p may add events; only these two concern the count")]
    fn on_swarm_event(&mut self, event: FromSwarm) {
        match event {
            FromSwarm::ConnectionEstablished(event) => {
                if let Some(device) = identity::device_id(&event.peer_id) {
                    self.opened(device, Instant::now());
                }
            }
            FromSwarm::ConnectionClosed(event) => {
                if let Some(device) = identity::device_id(&event.peer_id) {
                    self.closed(&device);
                }
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        match self.to_close.pop().and_then(|device| identity::peer_id(&device)) {
            Some(peer_id) => Poll::Ready(ToSwarm::CloseConnection { peer_id, connection: CloseConnection::All }),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn device(byte: u8) -> DeviceId {
        DeviceId::new([byte; 32])
    }

    #[test]
    fn only_known_devices_are_admitted() {
        let mut admission = Admission::new(2);
        let now = Instant::now();
        assert!(!admission.admits(&device(1), now));
        admission.set_known([device(1)].into());
        assert!(admission.admits(&device(1), now));
        assert!(!admission.admits(&device(2), now));
    }

    #[test]
    fn strangers_are_few_even_while_they_are_admitted() {
        let mut admission = Admission::new(2);
        let now = Instant::now();
        admission.set_known([device(1)].into());
        admission.set_strangers(Strangers::Admitted);
        for stranger in [2, 3] {
            assert!(admission.admits(&device(stranger), now));
            admission.opened(device(stranger), now);
        }
        assert!(!admission.admits(&device(4), now), "the third stranger");
        assert!(admission.admits(&device(2), now), "a second connection of the first");
        assert!(admission.admits(&device(1), now), "a known device");

        // One becomes known, and makes room.
        admission.set_known([device(1), device(2)].into());
        assert!(admission.admits(&device(4), now));

        admission.set_strangers(Strangers::Refused);
        assert_eq!(admission.unwelcome(), [device(3)]);
        admission.closed(&device(3));
        assert!(admission.unwelcome().is_empty());
    }

    #[test]
    fn a_stranger_whose_turn_is_over_makes_room_for_the_next_and_those_known_stay() {
        let mut admission = Admission::new(2);
        let begin = Instant::now().checked_sub(STRANGERS_TURN).unwrap();
        admission.set_known([device(1)].into());
        admission.set_strangers(Strangers::Admitted);
        admission.opened(device(1), begin);
        admission.opened(device(2), begin);
        admission.opened(device(3), Instant::now());
        let peer = |byte| {
            let seed = zeroize::Zeroizing::new([byte; 32]);
            identity::peer_id(&identity::keypair(&seed).unwrap().device).unwrap()
        };
        assert!(admission.judge(&peer(4)).is_ok());
        assert_eq!(admission.to_close, [device(2)]);
        assert!(admission.judge(&peer(5)).is_ok(), "the place of the one that leaves is free once");
        admission.opened(identity::device_id(&peer(4)).unwrap(), Instant::now());
        assert!(admission.judge(&peer(5)).is_err(), "nobody else's turn is over");
    }

    #[test]
    fn a_device_that_misbehaved_stays_out_for_a_while() {
        let mut admission = Admission::new(2);
        let now = Instant::now();
        let until = now + Duration::from_secs(60);
        admission.set_known([device(1)].into());
        admission.hold_off(device(1), now, until);
        assert!(!admission.admits(&device(1), now));
        assert!(admission.admits(&device(1), until));
    }
}
