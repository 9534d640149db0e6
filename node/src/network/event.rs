//! What the network tells the driver.

use core::fmt;
use csu_protocol::id::DeviceId;
use csu_protocol::wire::block::FrameError;

/// The number of a session: distinct for every session of one [`Network`](super::Network), growing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionNumber(u64);

impl SessionNumber {
    /// The session with this number. Numbers come from the network; a stand-in for it in tests
    /// makes its own.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for SessionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which side made a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// We dialled: the address is one at which the device can be reached.
    Dialled,
    /// The device dialled us: the address is where it came from, with a port of no further use.
    Accepted,
}

/// What happened. Addresses are multiaddrs without `/p2p/...`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The node can be reached at this address of its own.
    Listening {
        /// The real address, with the port that was chosen if the configured one was 0.
        address: String,
    },
    /// The node can no longer be reached at this address, say because an interface went down.
    StoppedListening {
        /// The address that is gone.
        address: String,
    },
    /// A session began.
    Connected {
        /// With whom.
        device: DeviceId,
        /// Its number.
        session: SessionNumber,
        /// The device's address on the connection beneath.
        address: String,
        /// Whether that address was dialled, and so is worth remembering.
        direction: Direction,
    },
    /// A message arrived.
    Frame {
        /// From whom.
        device: DeviceId,
        /// In which session.
        session: SessionNumber,
        /// The message: never empty, at most `Limits::frame_bytes`.
        bytes: Vec<u8>,
    },
    /// Messages left the queue to the peer and were handed to the transport.
    Sent {
        /// To whom.
        device: DeviceId,
        /// In which session.
        session: SessionNumber,
        /// How many since the last such event.
        frames: usize,
    },
    /// A session ended. Frames still queued for it are lost.
    Disconnected {
        /// With whom.
        device: DeviceId,
        /// Its number.
        session: SessionNumber,
        /// Why.
        reason: EndReason,
    },
    /// A device could not be reached, or was reached without a session coming of it.
    DialFailed {
        /// Which device.
        device: DeviceId,
        /// Why.
        reason: DialFailure,
        /// When it is tried again, in milliseconds from now.
        retry_in_ms: u64,
    },
    /// Somebody who may not connect was turned away. At most one such event a second.
    Refused {
        /// Who it was; `None` if its key is of a kind no device has.
        device: Option<DeviceId>,
        /// Where it came from.
        address: String,
        /// How many more were turned away since the last event of this kind.
        unreported: u64,
    },
}

/// Why the driver ends a session, which decides what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The session did what it was for: what was queued for the device is written first. A ticket's device is no longer dialled or admitted; one of
    /// the peers is redialled as after any loss.
    #[error("it is finished")]
    Finished,
    /// This node cannot serve the device just now. It is not dialled for `Timing::redial_max`.
    #[error("this node is too busy")]
    Busy,
    /// The device broke the protocol. It is neither dialled nor admitted for `Timing::redial_max`.
    #[error("the peer broke the protocol")]
    Misbehaved,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndReason {
    /// The device closed the stream.
    #[error("the peer closed the session")]
    ClosedByPeer,
    /// The connection broke.
    #[error("the connection was lost ({kind})")]
    ConnectionLost {
        /// What the operating system or libp2p said.
        kind: std::io::ErrorKind,
    },
    /// Nothing arrived for too long.
    #[error("the peer was silent for {silence_ms} ms")]
    Silent {
        /// The limit that was passed, in milliseconds.
        silence_ms: u64,
    },
    /// The device announced a frame above the limit. It is not dialled or admitted for a while.
    #[error("the peer announced a frame of more than {limit} bytes: check that both run compatible versions")]
    FrameTooLarge {
        /// `Limits::frame_bytes` of this side.
        limit: usize,
    },
    /// The device sent a frame that cannot be opened. It is not dialled or admitted for a while.
    #[error("the peer sent {why}; if it goes on, have its operator update it, or pause it with `csu peer pause`")]
    BadFrame {
        /// What is wrong with it.
        why: FrameError,
    },
    /// A stream did not begin with an empty frame in time.
    #[error("the peer did not open the session properly: check that both run compatible versions")]
    BadOpening,
    /// The device opened a newer stream, say after a restart.
    #[error("a newer session with the same peer took its place")]
    Replaced,
    /// The device is not, or no longer, among those that may connect.
    #[error("the device may no longer connect")]
    NotAdmitted,
    /// The driver ended it.
    #[error("this node ended the session: {0}")]
    Ended(Cause),
    /// This node is stopping.
    #[error("this node is stopping")]
    ShuttingDown,
}

impl EndReason {
    /// Whether the peer sent what none may send.
    #[must_use]
    pub const fn is_fault(&self) -> bool {
        matches!(self, Self::FrameTooLarge { .. } | Self::BadFrame { .. })
    }
}

/// Why a device could not be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialFailure {
    /// No address answered.
    #[error("no answer at {tried} address(es): {detail}; check that the other node is running and that its port is open")]
    Unreachable {
        /// How many addresses were tried.
        tried: usize,
        /// The last address and what went wrong there.
        detail: String,
    },
    /// Another device answers at that address.
    #[error("another device answers at {address}; ask the other union for a new invitation or its present address")]
    WrongDevice {
        /// The device that answered, if its key is one a device can have.
        found: Option<DeviceId>,
        /// Where.
        address: String,
    },
    /// The device answered and hung up before a session came of it.
    #[error("the other node closed the connection: it may not have paired with this device, or its invitation has ended")]
    NotLetIn,
    /// The device answered and speaks no `/csu-link/2`.
    #[error("the other node does not speak this version of CSU Link: update the older one")]
    Incompatible,
    /// The device answered, and no session came of it in time.
    #[error("the other node answered but opened no session in time")]
    NoSession,
    /// This node's own limit on connections stood in the way.
    #[error("this node has too many connections; raise the limit if it has that many neighbours")]
    TooManyConnections,
}
