//! Counts what two processes say to each other over TCP, all of it: handshakes, frames, and what the transport adds.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that are passed on at a time.
const PIECE: usize = 64 * 1024;

/// Passes on what comes to a port of its own. Its threads end with the connections, and the one that waits for them with the
/// process.
#[derive(Debug)]
pub(super) struct Proxy {
    port: u16,
    bytes: Arc<AtomicU64>,
}

impl Proxy {
    /// To this port of this machine.
    pub(super) fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let own = listener.local_addr().expect("a port").port();
        let bytes = Arc::new(AtomicU64::new(0));
        let counter = bytes.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A node that is not there refuses: so does the proxy, by dropping what came.
                if let Ok(other) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
                    join(stream, other, &counter).ok();
                }
            }
        });
        Self { port: own, bytes }
    }

    /// The address to reach it at.
    pub(super) fn address(&self) -> String {
        format!("/ip4/127.0.0.1/tcp/{}", self.port)
    }

    /// Bytes passed on so far, in both directions.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

fn join(one: TcpStream, other: TcpStream, bytes: &Arc<AtomicU64>) -> std::io::Result<()> {
    for stream in [&one, &other] {
        stream.set_nodelay(true)?;
    }
    for (from, to) in [(one.try_clone()?, other.try_clone()?), (other, one)] {
        let bytes = bytes.clone();
        std::thread::spawn(move || pass(from, to, &bytes));
    }
    Ok(())
}

fn pass(mut from: TcpStream, mut to: TcpStream, bytes: &AtomicU64) {
    let mut piece = vec![0; PIECE];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        if to.write_all(&piece[..length]).is_err() {
            break;
        }
        bytes.fetch_add(length as u64, Ordering::Relaxed);
    }
    for stream in [from, to] {
        stream.shutdown(Shutdown::Both).ok();
    }
}
