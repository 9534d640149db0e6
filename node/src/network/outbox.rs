//! The frames that wait to be written, a bounded queue for each session.
//!
//! Bounded in frames, so that many small ones do not pile up, and in bytes, so that a few large ones
//! do not. The driver fills a queue; the session's task empties it.

use super::config::Limits;
use super::error::SendError;
use super::event::SessionNumber;
use csu_protocol::id::DeviceId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// A frame in the queue, with the room it takes until it is dropped.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) frame: Vec<u8>,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Queued {
    fn as_ref(&self) -> &[u8] {
        &self.frame
    }
}

#[derive(Debug)]
struct Outbox {
    session: SessionNumber,
    frames: mpsc::Sender<Queued>,
    room: Arc<Semaphore>,
}

/// The queues of all sessions that are up.
#[derive(Debug, Default)]
pub(super) struct Outboxes(Mutex<BTreeMap<DeviceId, Outbox>>);

impl Outboxes {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<DeviceId, Outbox>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins the queue of `session`.
    pub(super) fn open(&self, device: DeviceId, session: SessionNumber, limits: &Limits) -> mpsc::Receiver<Queued> {
        let (frames, receiver) = mpsc::channel(limits.queued_frames.max(1));
        let room = Arc::new(Semaphore::new(byte_limit(limits)));
        self.lock().insert(device, Outbox { session, frames, room });
        receiver
    }

    /// Ends the queue of `session`, and of no other.
    pub(super) fn close(&self, device: &DeviceId, session: SessionNumber) {
        let mut outboxes = self.lock();
        if outboxes.get(device).is_some_and(|outbox| outbox.session == session) {
            outboxes.remove(device);
        }
    }

    /// Queues `frame` for `session`.
    pub(super) fn try_send(&self, device: &DeviceId, session: SessionNumber, frame: Vec<u8>, limits: &Limits) -> Result<(), SendError> {
        let found = frame.len();
        if found == 0 {
            return Err(SendError::Empty);
        }
        if found > limits.frame_bytes {
            return Err(SendError::TooLarge { found, limit: limits.frame_bytes });
        }
        let outboxes = self.lock();
        let outbox = outboxes.get(device).filter(|outbox| outbox.session == session).ok_or(SendError::NotConnected)?;
        let full = |frame| SendError::Full { frame, limit_frames: limits.queued_frames.max(1), limit_bytes: byte_limit(limits) };
        let wanted = u32::try_from(found).map_err(|_| SendError::TooLarge { found, limit: limits.frame_bytes })?;
        let Ok(room) = Arc::clone(&outbox.room).try_acquire_many_owned(wanted) else { return Err(full(frame)) };
        outbox.frames.try_send(Queued { frame, _room: room }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(queued) => full(queued.frame),
            mpsc::error::TrySendError::Closed(_) => SendError::NotConnected,
        })
    }
}

/// At least one frame of the largest size must fit.
fn byte_limit(limits: &Limits) -> usize {
    limits.queued_bytes.max(limits.frame_bytes).min(Semaphore::MAX_PERMITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: DeviceId = DeviceId::new([1; 32]);
    const SESSION: SessionNumber = SessionNumber::new(1);

    fn limits() -> Limits {
        Limits { frame_bytes: 10, queued_frames: 3, queued_bytes: 20, ..Limits::default() }
    }

    #[test]
    fn the_queue_is_bounded_in_frames_and_in_bytes_and_gives_the_frame_back() {
        let outboxes = Outboxes::default();
        let mut queue = outboxes.open(DEVICE, SESSION, &limits());
        for _ in 0..3 {
            outboxes.try_send(&DEVICE, SESSION, vec![1], &limits()).unwrap();
        }
        let error = outboxes.try_send(&DEVICE, SESSION, vec![2], &limits()).unwrap_err();
        assert_eq!(error, SendError::Full { frame: vec![2], limit_frames: 3, limit_bytes: 20 });

        while queue.try_recv().is_ok() {}
        outboxes.try_send(&DEVICE, SESSION, vec![0; 10], &limits()).unwrap();
        outboxes.try_send(&DEVICE, SESSION, vec![0; 9], &limits()).unwrap();
        assert!(matches!(
            outboxes.try_send(&DEVICE, SESSION, vec![0; 2], &limits()),
            Err(SendError::Full { frame, .. }) if frame.len() == 2
        ));
        // What has been written makes room again.
        drop(queue.try_recv().unwrap());
        outboxes.try_send(&DEVICE, SESSION, vec![0; 2], &limits()).unwrap();
    }

    #[test]
    fn a_frame_for_an_earlier_session_does_not_stray_into_a_later_one() {
        let outboxes = Outboxes::default();
        let later = SessionNumber::new(2);
        drop(outboxes.open(DEVICE, SESSION, &limits()));
        let _queue = outboxes.open(DEVICE, later, &limits());
        assert_eq!(outboxes.try_send(&DEVICE, SESSION, vec![1], &limits()), Err(SendError::NotConnected));
        outboxes.close(&DEVICE, SESSION);
        outboxes.try_send(&DEVICE, later, vec![1], &limits()).unwrap();
    }

    #[test]
    fn empty_and_oversized_frames_are_refused() {
        let outboxes = Outboxes::default();
        assert_eq!(outboxes.try_send(&DEVICE, SESSION, vec![], &limits()), Err(SendError::Empty));
        assert_eq!(outboxes.try_send(&DEVICE, SESSION, vec![0; 11], &limits()), Err(SendError::TooLarge { found: 11, limit: 10 }));
    }
}
