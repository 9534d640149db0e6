//! Multiaddrs: which ones this node listens on and dials.
//!
//! Addresses of others come from tickets, from their devices' records and from mDNS, so they are
//! hostile: only plain IP or DNS with TCP or QUIC passes, never a relay path, a memory or a unix
//! address, and never `/dnsaddr`, which can expand into any of them.

use super::error::AddressError;
use super::identity;
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use csu_protocol::id::DeviceId;
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;

/// The longest text of an address: a DNS name of 253 characters and what stands around it.
const MAX_CHARACTERS: usize = 384;

/// Addresses kept of one device, from one source.
pub(super) const MAX_ADDRESSES: usize = 16;

/// An address at which a device may be dialled: IP or DNS name, with TCP or QUIC, without `/p2p`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DialAddress(Multiaddr);

impl DialAddress {
    /// Reads an address of `device` as a ticket, a record or an operator gives it. A final `/p2p`
    /// part that names the device is taken off.
    ///
    /// # Errors
    ///
    /// It is no address that this node would dial; see [`AddressError`].
    pub fn parse(device: &DeviceId, text: &str) -> Result<Self, AddressError> {
        Self::of(device, &parse(text)?)
    }

    pub(super) fn of(device: &DeviceId, address: &Multiaddr) -> Result<Self, AddressError> {
        let (host, transport, peer) = parts(address)?;
        if peer.is_some_and(|peer| Some(peer) != identity::peer_id(device)) {
            return Err(AddressError::OtherDevice);
        }
        let nowhere = match host {
            Host::Ip(ip) => ip.is_unspecified() || ip.is_multicast(),
            Host::Name => false,
        };
        if nowhere || transport.port() == 0 {
            return Err(AddressError::Unreachable);
        }
        Ok(Self(without_peer(address)))
    }

    pub(super) fn multiaddr(&self) -> &Multiaddr {
        &self.0
    }
}

impl fmt::Display for DialAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The addresses of `device` among `texts` that can be dialled, at most [`MAX_ADDRESSES`].
pub(super) fn dialable(device: &DeviceId, texts: &[String]) -> Vec<DialAddress> {
    let mut addresses = Vec::new();
    for text in texts {
        match DialAddress::parse(device, text) {
            Ok(address) if addresses.contains(&address) => {}
            Ok(address) => addresses.push(address),
            Err(reason) => tracing::debug!(%device, %reason, "an address is passed over"),
        }
        if addresses.len() == MAX_ADDRESSES {
            break;
        }
    }
    addresses
}

/// The last parts of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Tcp(u16),
    Quic(u16),
}

impl Transport {
    pub(super) fn port(self) -> u16 {
        match self {
            Self::Tcp(port) | Self::Quic(port) => port,
        }
    }
}

/// An address to listen on.
pub(super) struct ListenAddress {
    pub(super) multiaddr: Multiaddr,
    pub(super) socket: SocketAddr,
    pub(super) transport: Transport,
}

impl ListenAddress {
    pub(super) fn parse(text: &str) -> Result<Self, AddressError> {
        let multiaddr = parse(text)?;
        let (host, transport, peer) = parts(&multiaddr)?;
        if peer.is_some() {
            return Err(AddressError::Unsupported);
        }
        match host {
            Host::Ip(ip) => Ok(Self { socket: SocketAddr::new(ip, transport.port()), multiaddr, transport }),
            Host::Name => Err(AddressError::NameToListenOn),
        }
    }
}

/// `address` without its final `/p2p` part, if it has one.
pub(super) fn without_peer(address: &Multiaddr) -> Multiaddr {
    let mut address = address.clone();
    if matches!(address.iter().last(), Some(Protocol::P2p(_))) {
        address.pop();
    }
    address
}

enum Host {
    Ip(IpAddr),
    Name,
}

fn parse(text: &str) -> Result<Multiaddr, AddressError> {
    let found = text.chars().count();
    if found > MAX_CHARACTERS {
        return Err(AddressError::TooLong { found, limit: MAX_CHARACTERS });
    }
    text.parse().map_err(|error: libp2p::multiaddr::Error| AddressError::Syntax { detail: error.to_string() })
}

#[allow(clippy::wildcard_enum_match_arm, reason = "every other protocol of multiaddr, now or later, is refused")]
fn parts(address: &Multiaddr) -> Result<(Host, Transport, Option<libp2p::PeerId>), AddressError> {
    let mut protocols = address.iter();
    let host = match protocols.next() {
        Some(Protocol::Ip4(ip)) => Host::Ip(ip.into()),
        Some(Protocol::Ip6(ip)) => Host::Ip(ip.into()),
        Some(Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_)) => Host::Name,
        _ => return Err(AddressError::Unsupported),
    };
    let transport = match protocols.next() {
        Some(Protocol::Tcp(port)) => Transport::Tcp(port),
        Some(Protocol::Udp(port)) if protocols.next() == Some(Protocol::QuicV1) => Transport::Quic(port),
        _ => return Err(AddressError::Unsupported),
    };
    match (protocols.next(), protocols.next()) {
        (None, _) => Ok((host, transport, None)),
        (Some(Protocol::P2p(peer)), None) => Ok((host, transport, Some(peer))),
        _ => Err(AddressError::Unsupported),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    fn device(seed: u8) -> DeviceId {
        identity::keypair(&Zeroizing::new([seed; 32])).unwrap().device
    }

    #[test]
    fn plain_tcp_and_quic_addresses_can_be_dialled() {
        for text in
            ["/ip4/192.0.2.7/tcp/4470", "/ip6/2001:db8::7/udp/4470/quic-v1", "/dns/csu.example/tcp/4470", "/dns4/csu.example/udp/1/quic-v1"]
        {
            assert_eq!(DialAddress::parse(&device(1), text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn the_peer_part_is_taken_off_if_it_names_the_device() {
        let peer = identity::peer_id(&device(1)).unwrap();
        let text = format!("/ip4/192.0.2.7/tcp/4470/p2p/{peer}");
        assert_eq!(DialAddress::parse(&device(1), &text).unwrap().to_string(), "/ip4/192.0.2.7/tcp/4470");
        assert_eq!(DialAddress::parse(&device(2), &text), Err(AddressError::OtherDevice));
    }

    #[test]
    fn anything_but_a_plain_address_is_refused() {
        let peer = identity::peer_id(&device(1)).unwrap();
        for text in [
            "/memory/7".to_owned(),
            "/unix/tmp".to_owned(),
            "/ip4/192.0.2.7".to_owned(),
            "/ip4/192.0.2.7/udp/4470".to_owned(),
            "/ip4/192.0.2.7/tcp/4470/ws".to_owned(),
            "/dnsaddr/csu.example/tcp/4470".to_owned(),
            format!("/ip4/192.0.2.7/tcp/4470/p2p/{peer}/p2p-circuit"),
        ] {
            assert_eq!(DialAddress::parse(&device(1), &text), Err(AddressError::Unsupported), "{text}");
        }
        for text in ["/ip4/0.0.0.0/tcp/4470", "/ip4/192.0.2.7/tcp/0", "/ip4/224.0.0.1/udp/9/quic-v1"] {
            assert_eq!(DialAddress::parse(&device(1), text), Err(AddressError::Unreachable), "{text}");
        }
        assert!(matches!(DialAddress::parse(&device(1), "192.0.2.7:4470"), Err(AddressError::Syntax { .. })));
        let long = format!("/dns/{}/tcp/1", "a".repeat(400));
        assert!(matches!(DialAddress::parse(&device(1), &long), Err(AddressError::TooLong { .. })));
    }

    #[test]
    fn no_more_addresses_than_the_bound_are_kept() {
        let texts: Vec<String> = (1..100).map(|port| format!("/ip4/192.0.2.7/tcp/{port}")).collect();
        assert_eq!(dialable(&device(1), &texts).len(), MAX_ADDRESSES);
    }

    #[test]
    fn one_listens_on_ip_addresses_only() {
        assert!(ListenAddress::parse("/ip4/0.0.0.0/tcp/0").is_ok());
        assert!(ListenAddress::parse("/ip6/::/udp/0/quic-v1").is_ok());
        assert_eq!(ListenAddress::parse("/dns/csu.example/tcp/1").err(), Some(AddressError::NameToListenOn));
    }
}
