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

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    fn no_room(error: impl std::fmt::Display) -> Problem {
        Problem::storage(error.to_string(), "make room")
    }

    #[tokio::test]
    async fn what_is_written_comes_out_whole() {
        let bytes: Vec<u8> = (0..3 * PIECE + 7).map(|at| (at % 251) as u8).collect();
        let written = bytes.clone();
        let work = BackupWork::new(move |out| written.chunks(1000).try_for_each(|chunk| out.write_all(chunk)).map_err(no_room));
        let body = of_backup(work).await.unwrap().collect().await.unwrap().to_bytes();
        assert!(body == bytes);
    }

    #[tokio::test]
    async fn what_fails_at_once_is_a_problem_and_what_fails_later_breaks_off() {
        let refused = of_backup(BackupWork::new(|_| Err(no_room("the disk is full")))).await.unwrap_err();
        assert_eq!(refused.remedy(), "make room");
        let work = BackupWork::new(|out| {
            out.write_all(&vec![7; 4 * PIECE]).map_err(no_room)?;
            Err(no_room("the disk is full"))
        });
        let body = of_backup(work).await.unwrap();
        assert!(body.collect().await.is_err(), "half a backup passes for a whole one");
    }

    #[tokio::test]
    async fn when_nobody_takes_it_any_more_the_writing_ends() {
        let (tell, told) = tokio::sync::oneshot::channel();
        let work = BackupWork::new(|out| {
            let outcome = (0..1000).try_for_each(|_| out.write_all(&[7; PIECE]));
            tell.send(outcome.is_err()).ok();
            outcome.map_err(no_room)
        });
        drop(of_backup(work).await.unwrap());
        assert!(told.await.unwrap());
    }
}
