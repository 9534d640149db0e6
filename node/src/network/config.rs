//! What an operator or a test may set, with the defaults for a small server.

use core::fmt;
use core::time::Duration;
use zeroize::Zeroizing;

/// How a network is to be started.
#[derive(Clone)]
pub struct Config {
    /// The seed (secret half) of the device's Ed25519 key.
    pub seed: Zeroizing<[u8; 32]>,
    /// Where to listen: multiaddrs such as `/ip4/0.0.0.0/tcp/4470` and
    /// `/ip4/0.0.0.0/udp/4470/quic-v1`; port 0 picks a free one. Empty: only dial.
    pub listen: Vec<String>,
    /// Whether to find neighbours on the local network by mDNS, and to be found.
    pub mdns: bool,
    /// Bounds on memory and connections.
    pub limits: Limits,
    /// Delays and deadlines.
    pub timing: Timing,
}

impl Config {
    /// A configuration with the defaults: mDNS on, no listeners.
    #[must_use]
    pub fn new(seed: Zeroizing<[u8; 32]>) -> Self {
        Self { seed, listen: Vec::new(), mdns: true, limits: Limits::default(), timing: Timing::default() }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The seed stays out of every log.
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("mdns", &self.mdns)
            .field("limits", &self.limits)
            .field("timing", &self.timing)
            .finish_non_exhaustive()
    }
}

/// Bounds on memory and connections.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The longest message sent or accepted, in bytes.
    pub frame_bytes: usize,
    /// Messages that may wait to be written to one peer.
    pub queued_frames: usize,
    /// Bytes that may wait to be written to one peer. At least `frame_bytes` is allowed.
    pub queued_bytes: usize,
    /// Events that may wait for the driver. Each may carry a message.
    pub events: usize,
    /// Devices that may be connected as strangers at once.
    pub strangers: usize,
    /// Connections in all. Leave room for two a neighbour.
    pub connections: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes: 4 * 1024 * 1024,
            queued_frames: 256,
            queued_bytes: 8 * 1024 * 1024,
            events: 16,
            strangers: 4,
            connections: 1024,
        }
    }
}

/// Delays and deadlines.
#[derive(Debug, Clone)]
pub struct Timing {
    /// Send silence after which an empty frame is sent.
    pub heartbeat: Duration,
    /// Receive silence after which a session ends. At least three heartbeats of the other side.
    pub silence: Duration,
    /// How long a connection may take to carry a session, and how old a session is before a new
    /// connection of the same device counts as a restart or a better path and not as two devices
    /// that dialled each other at once. Also how long a session must have lasted to forget failures.
    pub handshake: Duration,
    /// Delay before the first redial. Each further failure doubles it.
    pub redial_min: Duration,
    /// The longest delay between dials.
    pub redial_max: Duration,
    /// How long a device named by a ticket is dialled and admitted.
    pub ticket: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(5),
            silence: Duration::from_secs(15),
            handshake: Duration::from_secs(10),
            redial_min: Duration::from_secs(1),
            redial_max: Duration::from_secs(60),
            ticket: Duration::from_secs(600),
        }
    }
}
