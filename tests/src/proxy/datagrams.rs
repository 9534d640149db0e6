//! Datagrams: each is lost, comes late, before an earlier one, or twice.

use super::{Network, PIECE};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// Who may speak at a time; the first makes room for one more.
const SPEAKERS: usize = 256;

/// One who speaks to the target, and what brings the answers back.
struct Speaker {
    socket: Arc<UdpSocket>,
    answers: JoinHandle<()>,
}

impl Drop for Speaker {
    fn drop(&mut self) {
        self.answers.abort();
    }
}

/// Passes on what comes to `own`, each speaker by a port of its own.
pub(super) async fn pass(network: Arc<Network>, own: Arc<UdpSocket>) {
    let mut cuts = network.cuts.subscribe();
    let mut speakers: BTreeMap<SocketAddr, Speaker> = BTreeMap::new();
    let mut datagram = vec![0; PIECE];
    loop {
        let (length, from) = tokio::select! {
            _ = cuts.changed() => {
                speakers.clear();
                continue;
            }
            came = own.recv_from(&mut datagram) => match came {
                Ok(came) => came,
                // What a closed port answers to an earlier datagram.
                Err(_) => continue,
            },
        };
        if !speakers.contains_key(&from) {
            if speakers.len() >= SPEAKERS {
                speakers.pop_first();
            }
            let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await else { continue };
            if socket.connect(network.target).await.is_err() {
                continue;
            }
            let socket = Arc::new(socket);
            let answers = tokio::spawn(bring_back(network.clone(), socket.clone(), own.clone(), from));
            speakers.insert(from, Speaker { socket, answers });
        }
        let Some(speaker) = speakers.get(&from) else { continue };
        send(&network, &speaker.socket, &datagram[..length], None);
    }
}

async fn bring_back(network: Arc<Network>, socket: Arc<UdpSocket>, own: Arc<UdpSocket>, to: SocketAddr) {
    let mut datagram = vec![0; PIECE];
    loop {
        match socket.recv(&mut datagram).await {
            Ok(length) => send(&network, &own, &datagram[..length], Some(to)),
            // The target is not there: it may come again.
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

/// What becomes of one datagram.
fn send(network: &Arc<Network>, by: &Arc<UdpSocket>, datagram: &[u8], to: Option<SocketAddr>) {
    let weather = network.weather();
    if !*network.open.borrow() || network.chance(weather.lost_percent) {
        return;
    }
    for _ in 0..=usize::from(network.chance(weather.doubled_percent)) {
        let Ok(room) = network.room.clone().try_acquire_owned() else { return };
        let (network, by, datagram, delay) = (network.clone(), by.clone(), datagram.to_vec(), network.delay());
        tokio::spawn(async move {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            let sent = match to {
                Some(to) => by.send_to(&datagram, to).await,
                None => by.send(&datagram).await,
            };
            if let Ok(length) = sent {
                network.count(length);
            }
            drop(room);
        });
    }
}
