//! What is written by blocking work, as the body of an answer, a piece at a time.

use crate::desk::{BackupWork, Problem};
use axum::body::{Body, Bytes};
use std::io::{self, BufWriter, Write};
use std::time::Duration;
use tokio::sync::mpsc;

/// How much goes out at a time, in bytes.
const PIECE: usize = 128 * 1024;
/// Pieces that wait for a slow reader.
const PIECES: usize = 4;
/// How long the answer's beginning waits for the first piece, so that a refusal can still be one. Shorter than a request may take.
const PATIENCE: Duration = Duration::from_secs(15);

type Piece = Result<Bytes, Problem>;

/// Sends what is written to it; fails when nobody takes it any more.
struct Pipe(mpsc::Sender<Piece>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A backup as it is written. If it fails after its beginning, the body breaks off, so that nobody takes it for whole.
///
/// # Errors
/// What fails before anything was written.
pub(super) async fn of_backup(work: BackupWork) -> Result<Body, Problem> {
    let (pieces, mut written) = mpsc::channel(PIECES);
    tokio::task::spawn_blocking(move || {
        let mut out = BufWriter::with_capacity(PIECE, Pipe(pieces.clone()));
        let written = work.run(&mut out).and_then(|()| {
            out.flush().map_err(|error| Problem::unavailable(format!("nobody took the backup any more: {error}"), "ask for it again"))
        });
        if let Err(problem) = written {
            tracing::warn!(%problem, "a backup was not written");
            pieces.blocking_send(Err(problem)).ok();
        }
        // Dropping it would send what is left of one that failed.
        let (_pipe, _unsent) = out.into_parts();
    });
    let first = match tokio::time::timeout(PATIENCE, written.recv()).await {
        Ok(Some(first)) => Some(Ok(first?)),
        // Or a large database is still being copied.
        Ok(None) | Err(_) => None,
    };
    let rest = futures::stream::unfold(written, |mut written| async move { written.recv().await.map(|piece| (piece, written)) });
    Ok(Body::from_stream(futures::StreamExt::chain(futures::stream::iter(first), rest)))
}
