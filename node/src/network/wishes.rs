//! What the driver wants, on its way to the runner.
//!
//! The driver's calls never wait and cannot fail for want of room: a wish overwrites the one before
//! it that the runner has not seen yet, so nothing queues up.

use super::address::DialAddress;
use super::event::Cause;
use csu_protocol::id::DeviceId;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// Tickets that may be dialled at once.
pub(super) const MAX_TICKETS: usize = 8;

/// A device to keep a session with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The device.
    pub device: DeviceId,
    /// Where it may be reached, as multiaddrs. Those that cannot be dialled are passed over, and only
    /// the first 16 are used. May be empty: the device may dial us, or be found by mDNS.
    pub addresses: Vec<String>,
}

/// What becomes of devices that are not among the peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strangers {
    /// They are turned away, and those connected are disconnected.
    #[default]
    Refused,
    /// A few are let in (`Limits::strangers`): an invitation is open, or a neighbour may come back on another device.
    Admitted,
}

/// What the driver asked for since the runner last looked.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    pub(super) peers: Option<BTreeMap<DeviceId, Vec<DialAddress>>>,
    pub(super) strangers: Option<Strangers>,
    pub(super) tickets: BTreeMap<DeviceId, Vec<DialAddress>>,
    pub(super) disconnects: BTreeMap<DeviceId, Cause>,
}

/// The place where wishes wait.
#[derive(Debug, Default)]
pub(super) struct WishBox {
    wishes: Mutex<Wishes>,
    changed: Notify,
}

impl WishBox {
    /// Adds to the wishes and wakes the runner.
    pub(super) fn wish<T>(&self, change: impl FnOnce(&mut Wishes) -> T) -> T {
        let result = change(&mut self.wishes.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_one();
        result
    }

    /// Waits until there is something new. May be dropped and called again without loss.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Takes what was asked for.
    pub(super) fn take(&self) -> Wishes {
        core::mem::take(&mut *self.wishes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
