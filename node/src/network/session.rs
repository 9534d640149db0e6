//! One session: a task that reads and writes the messages of one stream, in frames as [`block`] makes them.
//!
//! The task itself tells the driver of its beginning, frames and end, so that they come in order. It
//! waits when the driver is slow, and writing (so also heartbeats) goes on meanwhile.

use super::config::{Limits, Timing};
use super::event::{Cause, Direction, EndReason, Event, SessionNumber};
use super::handle::Shared;
use super::outbox::{Queued, Together};
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};
use csu_protocol::id::DeviceId;
use csu_protocol::limits::{BLOCK_MESSAGES, PACK_BYTES, STRANGER_BYTES};
use csu_protocol::wire::block::{self, Forms};
use futures::{SinkExt, StreamExt as _};
use libp2p::Stream;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::bytes::Bytes;
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec, LengthDelimitedCodecError};
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt as _};
use tokio_util::sync::CancellationToken;

/// Messages that are handed to the driver at once.
const TOGETHER: usize = 8;
/// How long the last bytes may take when a session closes.
const CLOSING: Duration = Duration::from_millis(500);
/// Bytes of a frame beside those of a message that is not packed.
const FORM: usize = 1;

/// What a session needs.
pub(super) struct Session {
    pub(super) device: DeviceId,
    pub(super) number: SessionNumber,
    pub(super) stream: Stream,
    pub(super) address: String,
    pub(super) direction: Direction,
    pub(super) limits: Limits,
    pub(super) timing: Timing,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) shared: Arc<Shared>,
    /// How the runner ends it.
    pub(super) cancel: oneshot::Receiver<EndReason>,
    /// Cancelled once the device is among those that may connect by themselves. Of a stranger one short frame is read until
    /// then: what it sends besides would cost this node work before it has shown anything.
    pub(super) known: CancellationToken,
}

/// How a session went.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) device: DeviceId,
    pub(super) number: SessionNumber,
    pub(super) reason: EndReason,
    /// How long it was up; `None` if it never was.
    pub(super) up: Option<Duration>,
}

type Reader = FramedRead<Watched<ReadHalf<Compat<Stream>>>, LengthDelimitedCodec>;
type Frames = FramedWrite<WriteHalf<Compat<Stream>>, LengthDelimitedCodec>;

/// What is written to.
struct Writer {
    frames: Frames,
    /// Messages taken from the queue and not yet made into frames.
    queued: VecDeque<Queued>,
    /// Frames made of messages and not yet handed to the stream: none is lost if writing is broken off and taken up again.
    made: VecDeque<Vec<u8>>,
    /// No message was written yet.
    is_first: bool,
}

/// Runs a session to its end.
pub(super) async fn run(session: Session) -> Ended {
    let Session { device, number, stream, address, direction, limits, timing, events, shared, mut cancel, known } = session;
    let ended = |reason, up| Ended { device, number, reason, up };
    let codec = LengthDelimitedCodec::builder().max_frame_length(limits.frame_bytes.saturating_add(FORM)).new_codec();
    let (reader, writer) = tokio::io::split(stream.compat());
    let mut reader = FramedRead::new(Watched::new(reader), codec.clone());
    let mut writer = Writer { frames: FramedWrite::new(writer, codec), queued: VecDeque::new(), made: VecDeque::new(), is_first: true };

    let opened = tokio::select! {
        biased;
        reason = &mut cancel => Err(cancelled(reason)),
        opened = timeout(timing.handshake, open(&mut reader, &mut writer, &limits)) => {
            opened.unwrap_or(Err(EndReason::BadOpening))
        }
    };
    if let Err(reason) = opened {
        return ended(reason, None);
    }

    let mut inbox = shared.outboxes.open(device, number, &limits);
    let connected = Event::Connected { device, session: number, address, direction };
    let told = tokio::select! {
        biased;
        reason = &mut cancel => Err(cancelled(reason)),
        told = events.send(connected) => told.map_err(|_| EndReason::ShuttingDown),
    };
    if let Err(reason) = told {
        shared.outboxes.close(&device, number);
        return ended(reason, None);
    }

    let began = Instant::now();
    let reason = tokio::select! {
        biased;
        reason = &mut cancel => cancelled(reason),
        reason = read(&mut reader, (device, number), &events, &limits, timing.silence, &known) => reason,
        reason = write(&mut writer, &mut inbox, device, number, &events, timing.heartbeat) => reason,
    };
    let up = began.elapsed();
    shared.outboxes.close(&device, number);
    // The peer may be gone or not be reading; both are as good as closed.
    if reason == EndReason::Ended(Cause::Finished) {
        drop(timeout(CLOSING, part(&mut reader, &mut writer, &mut inbox)).await);
    }
    drop(timeout(CLOSING, writer.close()).await);
    drop(events.send(Event::Disconnected { device, session: number, reason }).await);
    ended(reason, Some(up))
}

/// The runner's reason; a runner that is gone is shutting down.
fn cancelled(reason: Result<EndReason, oneshot::error::RecvError>) -> EndReason {
    reason.unwrap_or(EndReason::ShuttingDown)
}

/// Writes what was queued before the session was ended in good order, and waits until the peer has hung up: a connection
/// that is closed at once may lose what is under way, also of what was written before.
async fn part(reader: &mut Reader, writer: &mut Writer, inbox: &mut mpsc::Receiver<Together>) -> io::Result<()> {
    if writer.is_first && writer.queued.is_empty() && inbox.is_empty() {
        return Ok(());
    }
    writer.flush().await?;
    while writer.write(inbox).await? > 0 {}
    writer.close().await?;
    while reader.next().await.transpose()?.is_some() {}
    Ok(())
}

/// Says hello and hears it: only then do both sides know that the stream is a session.
async fn open(reader: &mut Reader, writer: &mut Writer, limits: &Limits) -> Result<(), EndReason> {
    writer.beat().await.map_err(|error| broken(&error, limits.frame_bytes))?;
    match reader.next().await {
        Some(Ok(frame)) if frame.is_empty() => Ok(()),
        Some(Ok(_)) => Err(EndReason::BadOpening),
        Some(Err(error)) => Err(broken(&error, limits.frame_bytes)),
        None => Err(EndReason::ClosedByPeer),
    }
}

/// Reads frames and hands them to the driver, one at a time, until the session ends.
async fn read(
    reader: &mut Reader,
    (device, session): (DeviceId, SessionNumber),
    events: &mpsc::Sender<Event>,
    limits: &Limits,
    silence: Duration,
    known: &CancellationToken,
) -> EndReason {
    let silent = || EndReason::Silent { silence_ms: u64::try_from(silence.as_millis()).unwrap_or(u64::MAX) };
    let mut is_stranger = !known.is_cancelled();
    if is_stranger {
        reader.decoder_mut().set_max_frame_length(limits.frame_bytes.min(STRANGER_BYTES).saturating_add(FORM));
    }
    loop {
        let deadline = reader.get_ref().last + silence;
        let frame = tokio::select! {
            biased;
            frame = reader.next() => frame,
            () = sleep_until(deadline) => {
                // Part of a large frame may have come.
                if reader.get_ref().last.elapsed() < silence {
                    continue;
                }
                return silent();
            }
        };
        match frame {
            Some(Ok(frame)) if frame.is_empty() => {}
            Some(Ok(frame)) => {
                let forms = if is_stranger { Forms::Plain } else { Forms::All };
                let messages = match block::open(&frame, forms) {
                    Ok(messages) => messages,
                    Err(why) => return EndReason::BadFrame { why },
                };
                if messages.iter().any(|message| message.len() > limits.frame_bytes) {
                    return EndReason::FrameTooLarge { limit: limits.frame_bytes };
                }
                if hand_over(messages, (device, session), events).await.is_err() {
                    return EndReason::ShuttingDown;
                }
                // While we waited for the driver we did not listen: that was no silence.
                reader.get_mut().last = Instant::now();
                if is_stranger {
                    if timeout(silence, known.cancelled()).await.is_err() {
                        return silent();
                    }
                    is_stranger = false;
                    reader.decoder_mut().set_max_frame_length(limits.frame_bytes.saturating_add(FORM));
                    reader.get_mut().last = Instant::now();
                }
            }
            Some(Err(error)) => return broken(&error, reader.decoder().max_frame_length().saturating_sub(FORM)),
            None => return EndReason::ClosedByPeer,
        }
        // A buffer full of tiny frames must not keep the other tasks waiting.
        tokio::task::consume_budget().await;
    }
}

/// Hands messages that came together to the driver so that it can take them together: each of its commits costs a sync of the disk.
async fn hand_over(
    messages: Vec<Vec<u8>>,
    (device, session): (DeviceId, SessionNumber),
    events: &mpsc::Sender<Event>,
) -> Result<(), mpsc::error::SendError<()>> {
    let mut messages = messages.into_iter();
    while messages.len() > 0 {
        let room = messages.len().min(TOGETHER).min(events.max_capacity());
        for (room, bytes) in events.reserve_many(room).await?.zip(messages.by_ref()) {
            room.send(Event::Frame { device, session, bytes });
        }
    }
    Ok(())
}

/// Writes what is queued, and a heartbeat when nothing was for a while, until the stream breaks.
async fn write(
    writer: &mut Writer,
    inbox: &mut mpsc::Receiver<Together>,
    device: DeviceId,
    session: SessionNumber,
    events: &mpsc::Sender<Event>,
    heartbeat: Duration,
) -> EndReason {
    // Counted up rather than waited for, so that a slow driver does not stop the heartbeats.
    let mut untold: usize = 0;
    let mut next_beat = Instant::now() + heartbeat;
    loop {
        if !writer.queued.is_empty() {
            match writer.write(inbox).await {
                Ok(written) => untold = untold.saturating_add(written),
                Err(error) => return lost(&error),
            }
            next_beat = Instant::now() + heartbeat;
            if let Ok(room) = events.try_reserve() {
                room.send(Event::Sent { device, session, frames: core::mem::take(&mut untold) });
            }
            continue;
        }
        let result = tokio::select! {
            room = events.reserve(), if untold > 0 => match room {
                Ok(room) => {
                    room.send(Event::Sent { device, session, frames: core::mem::take(&mut untold) });
                    continue;
                }
                Err(_) => return EndReason::ShuttingDown,
            },
            queued = inbox.recv() => match queued {
                Some(together) => {
                    writer.queued.extend(together);
                    continue;
                }
                // The queue was closed: a newer session has taken over.
                None => return EndReason::Replaced,
            },
            () = sleep_until(next_beat) => writer.beat().await,
        };
        if let Err(error) = result {
            return lost(&error);
        }
        next_beat = Instant::now() + heartbeat;
    }
}

impl Writer {
    /// Writes as much of what was queued as makes one block, and flushes. Returns how many messages that were.
    async fn write(&mut self, inbox: &mut mpsc::Receiver<Together>) -> io::Result<usize> {
        while self.queued.len() < BLOCK_MESSAGES
            && let Ok(together) = inbox.try_recv()
        {
            self.queued.extend(together);
        }
        // The first travels as it is: whoever reads it may not know yet whom it is from, and then unpacks nothing.
        let plain = usize::from(core::mem::take(&mut self.is_first));
        let (mut messages, mut bytes) = (Vec::new(), 0_usize);
        while messages.len() < BLOCK_MESSAGES
            && bytes < PACK_BYTES
            && let Some(queued) = self.queued.pop_front()
        {
            bytes = bytes.saturating_add(queued.frame.len());
            messages.push(queued);
        }
        let (first, others) = messages.split_at_checked(plain).unwrap_or_default();
        self.made.extend(first.iter().map(|first| block::plain(&first.frame)));
        self.made.extend(block::frames(others));
        self.flush().await?;
        Ok(messages.len())
    }

    async fn flush(&mut self) -> io::Result<()> {
        while !self.made.is_empty() {
            poll_fn(|cx| SinkExt::<Bytes>::poll_ready_unpin(&mut self.frames, cx)).await?;
            if let Some(frame) = self.made.pop_front() {
                self.frames.start_send_unpin(Bytes::from(frame))?;
            }
        }
        SinkExt::<Bytes>::flush(&mut self.frames).await
    }

    /// Writes an empty frame.
    async fn beat(&mut self) -> io::Result<()> {
        self.frames.send(Bytes::new()).await
    }

    async fn close(&mut self) -> io::Result<()> {
        SinkExt::<Bytes>::close(&mut self.frames).await
    }
}

/// Why reading failed.
fn broken(error: &io::Error, limit: usize) -> EndReason {
    let too_large = error.get_ref().is_some_and(|inner| inner.is::<LengthDelimitedCodecError>());
    if too_large { EndReason::FrameTooLarge { limit } } else { lost(error) }
}

fn lost(error: &io::Error) -> EndReason {
    EndReason::ConnectionLost { kind: error.kind() }
}

/// A reader that remembers when the last byte came, of whatever frame.
struct Watched<R> {
    inner: R,
    last: Instant,
}

impl<R> Watched<R> {
    fn new(inner: R) -> Self {
        Self { inner, last: Instant::now() }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Watched<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.last = Instant::now();
        }
        polled
    }
}
