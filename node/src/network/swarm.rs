//! The libp2p swarm: transports, behaviours and listeners.

use super::address::{ListenAddress, Transport, without_peer};
use super::admission::Admission;
use super::config::Config;
use super::error::NetworkError;
use super::streams::Streams;
use core::net::SocketAddr;
use core::time::Duration;
use futures::StreamExt as _;
use libp2p::core::transport::{ListenerId, TransportError};
use libp2p::identity::Keypair;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Swarm, SwarmBuilder, connection_limits, identify, mdns, noise, ping, tcp, yamux};
use rustix::net::{AddressFamily, SocketType, sockopt};
use std::io;
use tokio::time::{Instant, timeout_at};

/// Connections one device may have: two devices that dial each other on TCP and QUIC at once, or a
/// relayed connection while hole punching tries two, need four.
const CONNECTIONS_PER_DEVICE: u32 = 4;
/// Connections whose handshake may be under way, in each direction.
pub(super) const PENDING_CONNECTIONS: u32 = 64;
/// How long a connection that carries no session is kept, as a spare for when the other breaks.
const IDLE: Duration = Duration::from_secs(600);
/// How long a listener may take to report its address.
const LISTEN_WAIT: Duration = Duration::from_secs(10);

/// What the node does on its connections.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    // First, so that no other behaviour sees what it denies.
    pub(super) admission: Admission,
    limits: connection_limits::Behaviour,
    pub(super) streams: Streams,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    mdns: Toggle<mdns::tokio::Behaviour>,
}

/// Makes the swarm. It does not listen yet.
pub(super) fn build(keypair: &Keypair, config: &Config) -> Result<Swarm<Behaviour>, NetworkError> {
    let key_error = |detail: String| NetworkError::Key { detail };
    let behaviour = behaviour(keypair, config)?;
    let swarm = SwarmBuilder::with_existing_identity(keypair.clone())
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .map_err(|error| key_error(error.to_string()))?
        .with_quic()
        .with_dns()
        .map_err(|source| NetworkError::Dns { source })?
        .with_behaviour(|_| behaviour)
        .map_err(|error| key_error(error.to_string()))?
        .with_swarm_config(|swarm| swarm.with_idle_connection_timeout(IDLE))
        .build();
    Ok(swarm)
}

fn behaviour(keypair: &Keypair, config: &Config) -> Result<Behaviour, NetworkError> {
    let limits = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(PENDING_CONNECTIONS))
        .with_max_pending_outgoing(Some(PENDING_CONNECTIONS))
        .with_max_established(Some(config.limits.connections))
        .with_max_established_per_peer(Some(CONNECTIONS_PER_DEVICE));
    // Identify tells others what software this is and where it saw them, and nothing about whose it
    // is: the device's addresses travel in a signed record of their own.
    let identify = identify::Config::new("/csu-link/2".to_owned(), keypair.public())
        .with_agent_version("csu-link".to_owned())
        .with_hide_listen_addrs(true)
        .with_cache_size(0);
    let mdns = if config.mdns {
        let own = keypair.public().to_peer_id();
        let mdns = mdns::tokio::Behaviour::new(mdns::Config::default(), own);
        Some(mdns.map_err(|source| NetworkError::Mdns { source })?)
    } else {
        None
    };
    Ok(Behaviour {
        admission: Admission::new(config.limits.strangers),
        limits: connection_limits::Behaviour::new(limits),
        streams: Streams::default(),
        identify: identify::Behaviour::new(identify),
        ping: ping::Behaviour::new(ping::Config::new()),
        mdns: mdns.into(),
    })
}

/// Listens on all `addresses` and waits until each listener has reported where it really listens.
/// Returns those addresses.
pub(super) async fn listen(swarm: &mut Swarm<Behaviour>, addresses: &[String]) -> Result<Vec<String>, NetworkError> {
    let mut parsed = Vec::new();
    for text in addresses {
        let address = ListenAddress::parse(text).map_err(|reason| NetworkError::Address { address: text.clone(), reason })?;
        // All are tried before any is listened on, so that two of ours do not stand in each other's way.
        try_port(address.socket, address.transport).map_err(|source| refused(text, source))?;
        parsed.push((text, address));
    }
    let mut waiting: Vec<(ListenerId, String)> = Vec::new();
    for (text, address) in parsed {
        let id = swarm.listen_on(address.multiaddr).map_err(|error| match error {
            TransportError::MultiaddrNotSupported(_) => {
                let reason = super::error::AddressError::Unsupported;
                NetworkError::Address { address: text.clone(), reason }
            }
            TransportError::Other(source) => refused(text, source),
        })?;
        waiting.push((id, text.clone()));
    }
    settle(swarm, waiting).await
}

/// Waits for the listeners in `waiting`.
#[allow(clippy::wildcard_enum_match_arm, reason = "before the first wish nobody is admitted: no other event matters")]
async fn settle(swarm: &mut Swarm<Behaviour>, mut waiting: Vec<(ListenerId, String)>) -> Result<Vec<String>, NetworkError> {
    let deadline = Instant::now() + LISTEN_WAIT;
    let mut listening = Vec::new();
    while let Some((_, first)) = waiting.first() {
        let Ok(event) = timeout_at(deadline, swarm.select_next_some()).await else {
            let waited_ms = LISTEN_WAIT.as_millis();
            return Err(NetworkError::ListenTimeout { address: first.clone(), waited_ms });
        };
        match event {
            SwarmEvent::NewListenAddr { listener_id, address } => {
                waiting.retain(|(id, _)| *id != listener_id);
                listening.push(without_peer(&address).to_string());
            }
            SwarmEvent::ListenerClosed { listener_id, reason, .. } => {
                if let Some((_, text)) = waiting.iter().find(|(id, _)| *id == listener_id) {
                    let source = reason.err().unwrap_or_else(|| io::Error::other("the listener closed"));
                    return Err(refused(text, source));
                }
            }
            _ => {}
        }
    }
    Ok(listening)
}

fn refused(address: &str, source: io::Error) -> NetworkError {
    let address = address.to_owned();
    if source.kind() == io::ErrorKind::AddrInUse { NetworkError::Occupied { address } } else { NetworkError::Listen { address, source } }
}

/// Binds the port for a moment. libp2p listens on TCP with `SO_REUSEPORT`, by which two nodes of one
/// user would silently share a port and each get half of the connections; and this way both
/// transports give the operating system's own error.
fn try_port(address: SocketAddr, transport: Transport) -> io::Result<()> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let kind = match transport {
        Transport::Tcp(_) => SocketType::STREAM,
        Transport::Quic(_) => SocketType::DGRAM,
    };
    let socket = rustix::net::socket(family, kind, None)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    if matches!(transport, Transport::Tcp(_)) {
        // Connections of the last run may still be in TIME_WAIT.
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)?;
    if matches!(transport, Transport::Tcp(_)) {
        rustix::net::listen(&socket, 1)?;
    }
    Ok(())
}
