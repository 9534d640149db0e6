//! What can go wrong in calls to the network, and what to do about it.

/// Why the network could not start.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// A configured address cannot be understood.
    #[error("cannot listen on `{address}`: {reason}")]
    Address {
        /// The address as configured.
        address: String,
        /// What is wrong with it.
        reason: AddressError,
    },
    /// Another program has the port.
    #[error("cannot listen on `{address}`: another program has that port; stop it (perhaps a second csu) or configure another port")]
    Occupied {
        /// The address as configured.
        address: String,
    },
    /// The operating system refused the address.
    #[error("cannot listen on `{address}`: {source}; configure an address of this machine and a port above 1023")]
    Listen {
        /// The address as configured.
        address: String,
        /// What it said.
        source: std::io::Error,
    },
    /// A listener neither started nor failed in time.
    #[error("cannot listen on `{address}`: it was not ready within {waited_ms} ms; check that the network interface is up")]
    ListenTimeout {
        /// The address as configured.
        address: String,
        /// How long it was waited for, in milliseconds.
        waited_ms: u128,
    },
    /// The seed is no Ed25519 key, or libp2p could not use it.
    #[error("the device's key cannot be used ({detail}): restore the node from its recovery phrase")]
    Key {
        /// What libp2p said.
        detail: String,
    },
    /// The machine's DNS configuration cannot be read.
    #[error("cannot read the machine's DNS configuration ({source}): check /etc/resolv.conf")]
    Dns {
        /// What the resolver said.
        source: std::io::Error,
    },
    /// Discovery on the local network cannot start.
    #[error("cannot look for neighbours on the local network ({source}): turn mDNS off in the configuration")]
    Mdns {
        /// What the operating system said.
        source: std::io::Error,
    },
}

/// What is wrong with a multiaddr.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is longer than any address needs to be.
    #[error("it has {found} characters, and at most {limit} are allowed")]
    TooLong {
        /// How long it is.
        found: usize,
        /// How long it may be.
        limit: usize,
    },
    /// It is no multiaddr.
    #[error("it is no multiaddr ({detail}); write for example /ip4/192.0.2.7/tcp/4470")]
    Syntax {
        /// What the parser said.
        detail: String,
    },
    /// It is a multiaddr of another kind.
    #[error("only /ip4, /ip6 or /dns with /tcp/PORT or /udp/PORT/quic-v1 will do")]
    Unsupported,
    /// A name where only an IP address makes sense.
    #[error("listening needs an IP address, not a name; 0.0.0.0 means every interface")]
    NameToListenOn,
    /// The address or port is one nobody can be reached at.
    #[error("nobody can be reached there; give the real IP address and port")]
    Unreachable,
    /// The address names another device than the one that was meant.
    #[error("it names another device in its /p2p part; copy the address of the right one")]
    OtherDevice,
}

/// Why a frame was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// That session is not, or no longer, up; its `Disconnected` has been or will be reported.
    #[error("there is no such session: wait for the next one")]
    NotConnected,
    /// The queue to the peer is full. Nothing was lost: here are the frames.
    #[error("the queue to the peer is full ({limit_frames} frames or {limit_bytes} bytes): wait for `Sent`")]
    Full {
        /// The frames that were not taken.
        frames: Vec<Vec<u8>>,
        /// `Limits::queued_frames`.
        limit_frames: usize,
        /// `Limits::queued_bytes`.
        limit_bytes: usize,
    },
    /// The frame is larger than any peer would take.
    #[error("a frame of {found} bytes is above the limit of {limit}: split it")]
    TooLarge {
        /// Its length in bytes.
        found: usize,
        /// `Limits::frame_bytes`.
        limit: usize,
    },
    /// Empty frames are heartbeats and not for the driver.
    #[error("an empty frame cannot be sent")]
    Empty,
}

/// Why a ticket's device cannot be dialled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// None of the ticket's addresses can be dialled.
    #[error(
        "none of the ticket's {found} address(es) can be dialled: ask for a new ticket, made while the other node listens on a reachable address"
    )]
    NoUsableAddress {
        /// How many there were.
        found: usize,
    },
    /// The ticket is our own.
    #[error("this ticket was made by this node itself: give it to the other union")]
    OwnTicket,
    /// Too many tickets are being dialled.
    #[error("{limit} tickets are being dialled already: wait for one to succeed or to end")]
    TooMany {
        /// How many may be dialled at once.
        limit: usize,
    },
}
