//! Real nodes on loopback, with ports of the system's choice. Every wait has an end.

mod faults;
mod life;

use super::*;
use csu_protocol::id::DeviceId;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use zeroize::Zeroizing;

pub(super) const TCP: &str = "/ip4/127.0.0.1/tcp/0";
pub(super) const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";
const PATIENCE: Duration = Duration::from_secs(20);

/// A configuration that redials quickly.
fn config(seed: u8, listen: &str) -> Config {
    let timing = Timing { redial_min: Duration::from_millis(100), redial_max: Duration::from_millis(400), ..Timing::default() };
    let listen = vec![listen.to_owned()];
    Config { listen, mdns: false, timing, ..Config::new(Zeroizing::new([seed; 32])) }
}

/// The device that grows from a seed.
fn device(seed: u8) -> DeviceId {
    identity::keypair(&Zeroizing::new([seed; 32])).unwrap().device
}

/// Two seeds, that of the smaller device first: it is the one that opens sessions.
fn opener_and_accepter() -> (u8, u8) {
    if device(1) < device(2) { (1, 2) } else { (2, 1) }
}

/// A node and the events it has not looked at yet.
struct Node {
    network: Network,
    events: mpsc::Receiver<Event>,
}

impl Node {
    async fn start(config: Config) -> Self {
        let (network, events) = start(config).await.unwrap();
        Self { network, events }
    }

    fn device(&self) -> DeviceId {
        self.network.device()
    }

    /// Makes `others` the peers; those with an address are dialled.
    fn pair(&self, others: &[(&Node, bool)]) {
        let target = |(node, dial): &(&Node, bool)| Target {
            device: node.device(),
            addresses: if *dial { node.network.listening().to_vec() } else { Vec::new() },
        };
        self.network.set_peers(others.iter().map(target).collect());
    }

    async fn next(&mut self) -> Event {
        timeout(PATIENCE, self.events.recv()).await.expect("an event in time").expect("a running network")
    }

    /// The first event that `pick` takes; those before it are dropped.
    async fn until<T>(&mut self, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        let picked = async {
            loop {
                if let Some(picked) = pick(&self.next().await) {
                    return picked;
                }
            }
        };
        timeout(PATIENCE, picked).await.expect("the event in time")
    }

    async fn connected(&mut self) -> SessionNumber {
        self.until(|event| match event {
            Event::Connected { session, .. } => Some(*session),
            _ => None,
        })
        .await
    }

    async fn disconnected(&mut self) -> EndReason {
        self.until(|event| match event {
            Event::Disconnected { reason, .. } => Some(*reason),
            _ => None,
        })
        .await
    }

    async fn frame(&mut self) -> Vec<u8> {
        self.until(|event| match event {
            Event::Frame { bytes, .. } => Some(bytes.clone()),
            _ => None,
        })
        .await
    }

    async fn dial_failure(&mut self) -> DialFailure {
        self.until(|event| match event {
            Event::DialFailed { reason, .. } => Some(reason.clone()),
            _ => None,
        })
        .await
    }

    /// What happens within `span`.
    async fn events_within(&mut self, span: Duration) -> Vec<Event> {
        let mut seen = Vec::new();
        drop(
            timeout(span, async {
                while let Some(event) = self.events.recv().await {
                    seen.push(event)
                }
            })
            .await,
        );
        seen
    }

    fn send(&self, to: &Node, session: SessionNumber, frame: &[u8]) -> Result<(), SendError> {
        self.network.try_send(&to.device(), session, vec![frame.to_vec()])
    }
}

/// Two nodes with a session; the first dialled.
async fn pair_of(first: Config, second: Config) -> (Node, SessionNumber, Node, SessionNumber) {
    let mut a = Node::start(first).await;
    let mut b = Node::start(second).await;
    b.pair(&[(&a, false)]);
    a.pair(&[(&b, true)]);
    let at_a = a.connected().await;
    let at_b = b.connected().await;
    (a, at_a, b, at_b)
}
