//! The driver's end of the network.

use super::address;
use super::config::Limits;
use super::error::{SendError, TicketError};
use super::event::{Cause, SessionNumber};
use super::outbox::Outboxes;
use super::wishes::{MAX_TICKETS, Strangers, Target, WishBox};
use csu_protocol::id::DeviceId;
use std::sync::Arc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// What the driver asks of the network. No call waits; results come as [`Event`](super::Event)s.
///
/// The one implementation over libp2p is [`Network`]; a driver's tests bring their own.
pub trait Sessions: Send + Sync {
    /// Queues `frames` to be written to `device` in `session`, together as far as they fit.
    ///
    /// # Errors
    ///
    /// None was taken: that session is over, its queue is full (the frames are given back), or one
    /// is empty or too large.
    fn try_send(&self, device: &DeviceId, session: SessionNumber, frames: Vec<Vec<u8>>) -> Result<(), SendError>;

    /// Ends the session with `device`, if there is one, and closes its connections. `cause` decides
    /// whether and when the device may come back; see [`Cause`].
    fn disconnect(&self, device: &DeviceId, cause: Cause);

    /// The devices to keep sessions with, instead of those given before. One that is no longer
    /// among them is disconnected, unless a ticket names it or strangers are admitted.
    fn set_peers(&self, peers: Vec<Target>);

    /// Whether strangers may connect. Strangers are refused at first.
    fn set_strangers(&self, strangers: Strangers);

    /// Dials `device` at `addresses`, as a ticket has it, and admits it, until it is among the
    /// peers, [`Timing::ticket`](super::Timing::ticket) has passed, or it is disconnected as
    /// [`Cause::Finished`].
    ///
    /// # Errors
    ///
    /// The ticket is our own, none of its addresses can be dialled, or there are too many.
    fn dial_ticket(&self, device: &DeviceId, addresses: &[String]) -> Result<(), TicketError>;
}

/// What handle and runner have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) outboxes: Outboxes,
    pub(super) wishes: WishBox,
    /// Cancelled to stop the runner.
    pub(super) stop: CancellationToken,
    /// Cancelled by the runner when everything is closed.
    pub(super) stopped: CancellationToken,
}

/// A running network. Clones are the same network; it stops when the last is dropped.
#[derive(Debug, Clone)]
pub struct Network {
    device: DeviceId,
    limits: Limits,
    listening: Arc<[String]>,
    shared: Arc<Shared>,
    _stop: Arc<DropGuard>,
}

impl Network {
    pub(super) fn new(device: DeviceId, limits: Limits, listening: &[String]) -> Self {
        let stop = CancellationToken::new();
        let shared =
            Shared { outboxes: Outboxes::default(), wishes: WishBox::default(), stop: stop.clone(), stopped: CancellationToken::new() };
        Self { device, limits, listening: listening.into(), shared: Arc::new(shared), _stop: Arc::new(stop.drop_guard()) }
    }

    pub(super) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// This node's own device.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// The addresses at which the node listened when it started, with real ports. Later changes come
    /// as events.
    #[must_use]
    pub fn listening(&self) -> &[String] {
        &self.listening
    }

    /// Ends all sessions, closes all connections and frees the ports. Returns when that is done,
    /// after a few seconds at most, whether or not anyone drains the events.
    pub async fn shutdown(&self) {
        self.shared.stop.cancel();
        self.shared.stopped.cancelled().await;
    }
}

impl Sessions for Network {
    fn try_send(&self, device: &DeviceId, session: SessionNumber, frames: Vec<Vec<u8>>) -> Result<(), SendError> {
        self.shared.outboxes.try_send(device, session, frames, &self.limits)
    }

    fn disconnect(&self, device: &DeviceId, cause: Cause) {
        self.shared.wishes.wish(|wishes| {
            if cause == Cause::Finished {
                wishes.tickets.remove(device);
            }
            wishes.disconnects.insert(*device, cause)
        });
    }

    fn set_peers(&self, peers: Vec<Target>) {
        let peers = peers
            .into_iter()
            .filter(|target| target.device != self.device)
            .map(|target| (target.device, address::dialable(&target.device, &target.addresses)))
            .collect();
        self.shared.wishes.wish(|wishes| wishes.peers = Some(peers));
    }

    fn set_strangers(&self, strangers: Strangers) {
        self.shared.wishes.wish(|wishes| wishes.strangers = Some(strangers));
    }

    fn dial_ticket(&self, device: &DeviceId, addresses: &[String]) -> Result<(), TicketError> {
        if *device == self.device {
            return Err(TicketError::OwnTicket);
        }
        let usable = address::dialable(device, addresses);
        if usable.is_empty() {
            return Err(TicketError::NoUsableAddress { found: addresses.len() });
        }
        self.shared.wishes.wish(|wishes| {
            if wishes.tickets.len() >= MAX_TICKETS && !wishes.tickets.contains_key(device) {
                return Err(TicketError::TooMany { limit: MAX_TICKETS });
            }
            wishes.tickets.insert(*device, usable);
            Ok(())
        })
    }
}
