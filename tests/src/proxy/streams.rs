//! Streams: their bytes come late, slowly, or not to their end, and always in order.

use super::{Network, PIECE, lock};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Pieces of a stream that are on their way, each way.
const PIECES: usize = 64;

/// Joins whoever comes with the target.
pub(super) async fn accept(network: Arc<Network>, listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let network = network.clone();
        tokio::spawn(async move {
            let mut cuts = network.cuts.subscribe();
            cuts.mark_unchanged();
            tokio::select! {
                () = join(&network, stream) => {}
                // The value cannot go before its tasks.
                _ = cuts.changed() => {}
            }
        });
    }
}

async fn join(network: &Network, stream: TcpStream) {
    until_open(network).await;
    // A node that is not there refuses: so does the proxy, by dropping what came.
    let Ok(other) = TcpStream::connect(network.target).await else { return };
    if stream.set_nodelay(true).and_then(|()| other.set_nodelay(true)).is_err() {
        return;
    }
    let within = network.weather().cut_within.map(|within| {
        let half = within / 2;
        let more = lock(&network.dice).below(usize::try_from(half).unwrap_or(usize::MAX));
        Life { left: half + more as u64, spent: AtomicU64::new(0) }
    });
    let (from_one, to_one) = stream.into_split();
    let (from_other, to_other) = other.into_split();
    // When one way has ended, so has the other: neither end goes on with half a stream.
    tokio::select! {
        () = pass(network, from_one, to_other, within.as_ref()) => {}
        () = pass(network, from_other, to_one, within.as_ref()) => {}
    }
}

/// How many bytes a stream carries before it is cut.
struct Life {
    left: u64,
    spent: AtomicU64,
}

async fn until_open(network: &Network) {
    // The value cannot go before its tasks.
    network.open.subscribe().wait_for(|open| *open).await.ok();
}

/// One way of a stream.
async fn pass(network: &Network, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, life: Option<&Life>) {
    let (late, mut due) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES);
    let read = async move {
        let mut arrival = Instant::now();
        let mut piece = vec![0; PIECE];
        while let Ok(length @ 1..) = from.read(&mut piece).await {
            arrival = arrival.max(Instant::now() + network.delay());
            if late.send((arrival, piece[..length].to_vec())).await.is_err() {
                break;
            }
        }
    };
    let write = async move {
        while let Some((arrival, piece)) = due.recv().await {
            sleep_until(arrival).await;
            until_open(network).await;
            let fits = life.map_or(piece.len() as u64, |life| {
                let spent = life.spent.fetch_add(piece.len() as u64, Ordering::Relaxed);
                life.left.saturating_sub(spent)
            });
            // A stream that is cut has brought the bytes before the cut.
            let piece = &piece[..piece.len().min(usize::try_from(fits).unwrap_or(usize::MAX))];
            if to.write_all(piece).await.is_err() {
                return;
            }
            network.count(piece.len());
            if life.is_some_and(|life| life.spent.load(Ordering::Relaxed) > life.left) {
                network.ended.fetch_add(1, Ordering::Relaxed);
                return;
            }
            if let Some(rate) = network.weather().bytes_per_second {
                tokio::time::sleep(Duration::from_secs_f64(piece.len() as f64 / rate.max(1) as f64)).await;
            }
        }
    };
    // What was read is still written when the reader ends.
    let mut read = std::pin::pin!(read);
    let mut write = std::pin::pin!(write);
    tokio::select! {
        () = &mut write => {}
        () = &mut read => write.await,
    }
}
