//! A peer below the frames: bytes on a bare stream, as slowly and as wrongly as it likes.

use crate::node::PATIENCE;
use csu_protocol::id::DeviceId;
use csu_protocol::identity::Ticket;
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::{Multiaddr, PeerId, StreamProtocol, SwarmBuilder, identity, noise, tcp, yamux};
use std::time::Duration;
use tokio::task::JoinHandle;

/// The protocol of session streams.
const PROTOCOL: StreamProtocol = StreamProtocol::new("/csu-link/2");

/// One stream to a node.
#[derive(Debug)]
pub struct Raw {
    stream: libp2p::Stream,
    swarm: JoinHandle<()>,
}

impl Raw {
    /// Connects to whoever gave out the ticket, with the device key of `seed`.
    ///
    /// # Panics
    /// When no stream comes of it.
    pub async fn connect(seed: [u8; 32], ticket: &Ticket) -> Self {
        let keypair = identity::Keypair::ed25519_from_bytes(seed).expect("a key");
        let ours = keypair.public().try_into_ed25519().expect("an Ed25519 key").to_bytes();
        let theirs = identity::ed25519::PublicKey::try_from_bytes(ticket.device.as_bytes()).expect("a key");
        let peer = PeerId::from_public_key(&identity::PublicKey::from(theirs));
        let mut swarm = SwarmBuilder::with_existing_identity(keypair)
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .expect("a transport")
            .with_behaviour(|_| libp2p_stream::Behaviour::new())
            .expect("a behaviour")
            .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(600)))
            .build();
        let mut control = swarm.behaviour().new_control();
        let mut coming = control.accept(PROTOCOL).expect("nobody else accepts");
        let tcp = ticket.addresses.iter().filter(|address| address.as_str().contains("/tcp/"));
        let addresses: Vec<Multiaddr> = tcp.filter_map(|address| address.as_str().parse().ok()).collect();
        let swarm = tokio::spawn(async move {
            let mut again = tokio::time::interval(Duration::from_millis(500));
            loop {
                tokio::select! {
                    _ = swarm.select_next_some() => {}
                    _ = again.tick() => {
                        // Refused where it is connected or dialling already, which is as good.
                        drop(swarm.dial(DialOpts::peer_id(peer).addresses(addresses.clone()).build()));
                    }
                }
            }
        });
        // Of two devices the one with the smaller key opens the stream.
        let opens = DeviceId::new(ours) < ticket.device;
        let stream = async {
            if !opens {
                return coming.next().await.expect("a stream").1;
            }
            loop {
                match control.open_stream(peer, PROTOCOL).await {
                    Ok(stream) => return stream,
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        let stream = tokio::time::timeout(PATIENCE, stream).await.expect("a stream in time");
        Self { stream, swarm }
    }

    /// Writes these bytes; whether the node still takes them.
    pub async fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok() && self.stream.flush().await.is_ok()
    }

    /// Writes a frame with a message, as it is.
    pub async fn message(&mut self, message: &[u8]) -> bool {
        self.frame(&csu_protocol::wire::block::plain(message)).await
    }

    /// Writes a frame.
    pub async fn frame(&mut self, bytes: &[u8]) -> bool {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
        self.write(&length).await && self.write(bytes).await
    }

    /// Reads until the node ends the stream.
    pub async fn read_to_end(&mut self) -> usize {
        let (mut read, mut buffer) = (0, vec![0; 64 * 1024]);
        loop {
            match self.stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return read,
                Ok(some) => read += some,
            }
        }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.swarm.abort();
    }
}
