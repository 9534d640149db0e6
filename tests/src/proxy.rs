//! A bad network between two processes, made in this one: it needs no rights and runs anywhere.
//!
//! A [`Proxy`] has a loopback port of its own and passes on what comes to it, TCP streams or the datagrams of QUIC. How well it does
//! so can be changed at any time: [`Proxy::weather`] sets delay, loss and the like; [`Proxy::part`] and [`Proxy::heal`] make a
//! partition, in which nothing passes and nobody is told; [`Proxy::cut`] ends what is under way. It also counts every byte, so
//! that the benchmark measures with it.
//!
//! What it does by chance it draws from a seed that is printed. Everything it holds is bounded, and all of it ends with the value.

use crate::history::Dice;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};

mod datagrams;
mod streams;

/// Bytes of a stream that are passed on at a time. More than any datagram has.
const PIECE: usize = 64 * 1024;
/// Datagrams that are on their way at a time; more are lost, as in a queue that is full.
const UNDER_WAY: usize = 4096;

/// How good the network is. The best is the default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weather {
    /// How long everything takes, each way.
    pub delay: Duration,
    /// At most how much longer than that. Datagrams overtake each other by it; the bytes of a stream never do.
    pub jitter: Duration,
    /// How many of a hundred datagrams are lost. Streams lose nothing: their system sends again.
    pub lost_percent: usize,
    /// How many of a hundred datagrams come twice.
    pub doubled_percent: usize,
    /// How many bytes of a stream pass in a second, each way; none: as many as come.
    pub bytes_per_second: Option<u64>,
    /// A stream is cut after at most so many bytes, both ways together, and at least half of them; none: its ends end it.
    pub cut_within: Option<u64>,
}

/// What it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Streams.
    Tcp,
    /// Datagrams.
    Quic,
}

/// Passes on what comes to a port of its own.
#[derive(Debug)]
pub struct Proxy {
    transport: Transport,
    port: u16,
    network: Arc<Network>,
    runtime: Option<Runtime>,
}

/// What its tasks share.
#[derive(Debug)]
struct Network {
    /// Whose port it leads to.
    target: SocketAddr,
    weather: Mutex<Weather>,
    dice: Mutex<Dice>,
    /// Whether anything passes.
    open: watch::Sender<bool>,
    /// How often what was under way was ended.
    cuts: watch::Sender<u64>,
    room: Arc<Semaphore>,
    bytes: AtomicU64,
    ended: AtomicU64,
}

impl Network {
    fn weather(&self) -> Weather {
        *lock(&self.weather)
    }

    /// How long the next piece takes.
    fn delay(&self) -> Duration {
        let Weather { delay, jitter, .. } = self.weather();
        let jitter_us = usize::try_from(jitter.as_micros()).unwrap_or(usize::MAX);
        delay + Duration::from_micros(lock(&self.dice).below(jitter_us) as u64)
    }

    fn chance(&self, percent: usize) -> bool {
        lock(&self.dice).chance(percent)
    }

    fn count(&self, length: usize) {
        self.bytes.fetch_add(length as u64, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    /// To this port of this machine; prints the seed of what it does by chance.
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn to(transport: Transport, port: u16) -> Self {
        let network = Arc::new(Network {
            target: (Ipv4Addr::LOCALHOST, port).into(),
            weather: Mutex::default(),
            dice: Mutex::new(Dice::printed("proxy")),
            open: watch::Sender::new(true),
            cuts: watch::Sender::new(0),
            room: Arc::new(Semaphore::new(UNDER_WAY)),
            bytes: AtomicU64::new(0),
            ended: AtomicU64::new(0),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let own = (Ipv4Addr::LOCALHOST, 0);
        let port = match transport {
            Transport::Tcp => {
                let listener = runtime.block_on(tokio::net::TcpListener::bind(own)).expect("a free port");
                let port = listener.local_addr().expect("a port").port();
                runtime.spawn(streams::accept(network.clone(), listener));
                port
            }
            Transport::Quic => {
                let socket = runtime.block_on(UdpSocket::bind(own)).expect("a free port");
                let port = socket.local_addr().expect("a port").port();
                runtime.spawn(datagrams::pass(network.clone(), Arc::new(socket)));
                port
            }
        };
        Self { transport, port, network, runtime: Some(runtime) }
    }

    /// The address to reach it at.
    #[must_use]
    pub fn address(&self) -> String {
        match self.transport {
            Transport::Tcp => format!("/ip4/127.0.0.1/tcp/{}", self.port),
            Transport::Quic => format!("/ip4/127.0.0.1/udp/{}/quic-v1", self.port),
        }
    }

    /// Changes how good the network is from now on.
    pub fn weather(&self, weather: Weather) {
        *lock(&self.network.weather) = weather;
    }

    /// Nothing passes any more: datagrams are lost, streams stand still. Nobody is told.
    pub fn part(&self) {
        self.network.open.send_replace(false);
    }

    /// The partition is over.
    pub fn heal(&self) {
        self.network.open.send_replace(true);
    }

    /// Ends every stream. With datagrams: forgets who spoke, so that they come from another port, as after a router's restart.
    pub fn cut(&self) {
        self.network.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Bytes passed on so far, in both directions.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.network.bytes.load(Ordering::Relaxed)
    }

    /// How many streams ended because of [`Weather::cut_within`].
    #[must_use]
    pub fn streams_cut(&self) -> u64 {
        self.network.ended.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
