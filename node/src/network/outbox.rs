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
    _place: OwnedSemaphorePermit,
    _room: OwnedSemaphorePermit,
}

/// Frames that were queued together: whoever empties the queue finds all of them at once.
pub(super) type Together = Vec<Queued>;

impl AsRef<[u8]> for Queued {
    fn as_ref(&self) -> &[u8] {
        &self.frame
    }
}

#[derive(Debug)]
struct Outbox {
    session: SessionNumber,
    frames: mpsc::Sender<Together>,
    places: Arc<Semaphore>,
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
    pub(super) fn open(&self, device: DeviceId, session: SessionNumber, limits: &Limits) -> mpsc::Receiver<Together> {
        let most = limits.queued_frames.max(1);
        let (frames, receiver) = mpsc::channel(most);
        let (places, room) = (Arc::new(Semaphore::new(most)), Arc::new(Semaphore::new(byte_limit(limits))));
        self.lock().insert(device, Outbox { session, frames, places, room });
        receiver
    }

    /// Ends the queue of `session`, and of no other.
    pub(super) fn close(&self, device: &DeviceId, session: SessionNumber) {
        let mut outboxes = self.lock();
        if outboxes.get(device).is_some_and(|outbox| outbox.session == session) {
            outboxes.remove(device);
        }
    }

    /// Queues `frames` for `session`, all of them or none.
    pub(super) fn try_send(
        &self,
        device: &DeviceId,
        session: SessionNumber,
        frames: Vec<Vec<u8>>,
        limits: &Limits,
    ) -> Result<(), SendError> {
        for found in frames.iter().map(Vec::len) {
            if found == 0 {
                return Err(SendError::Empty);
            }
            if found > limits.frame_bytes {
                return Err(SendError::TooLarge { found, limit: limits.frame_bytes });
            }
        }
        let outboxes = self.lock();
        let outbox = outboxes.get(device).filter(|outbox| outbox.session == session).ok_or(SendError::NotConnected)?;
        let full = |frames| SendError::Full { frames, limit_frames: limits.queued_frames.max(1), limit_bytes: byte_limit(limits) };
        let Some(taken) = outbox.take(&frames) else { return Err(full(frames)) };
        let together: Together =
            frames.into_iter().zip(taken).map(|(frame, (place, room))| Queued { frame, _place: place, _room: room }).collect();
        outbox.frames.try_send(together).map_err(|error| match error {
            mpsc::error::TrySendError::Full(together) => full(together.into_iter().map(|queued| queued.frame).collect()),
            mpsc::error::TrySendError::Closed(_) => SendError::NotConnected,
        })
    }
}

impl Outbox {
    /// A place and room for each of these.
    fn take(&self, frames: &[Vec<u8>]) -> Option<Vec<(OwnedSemaphorePermit, OwnedSemaphorePermit)>> {
        let take = |frame: &Vec<u8>| {
            let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
            let room = Arc::clone(&self.room).try_acquire_many_owned(u32::try_from(frame.len()).ok()?).ok()?;
            Some((place, room))
        };
        frames.iter().map(take).collect()
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
            outboxes.try_send(&DEVICE, SESSION, vec![vec![1]], &limits()).unwrap();
        }
        let error = outboxes.try_send(&DEVICE, SESSION, vec![vec![2]], &limits()).unwrap_err();
        assert_eq!(error, SendError::Full { frames: vec![vec![2]], limit_frames: 3, limit_bytes: 20 });

        while queue.try_recv().is_ok() {}
        outboxes.try_send(&DEVICE, SESSION, vec![vec![0; 10]], &limits()).unwrap();
        outboxes.try_send(&DEVICE, SESSION, vec![vec![0; 9]], &limits()).unwrap();
        assert!(matches!(
            outboxes.try_send(&DEVICE, SESSION, vec![vec![0; 2]], &limits()),
            Err(SendError::Full { frames, .. }) if frames == [[0; 2]]
        ));
        // What has been written makes room again.
        drop(queue.try_recv().unwrap());
        outboxes.try_send(&DEVICE, SESSION, vec![vec![0; 2]], &limits()).unwrap();
    }

    #[test]
    fn frames_that_are_queued_together_are_found_together_or_not_at_all() {
        let outboxes = Outboxes::default();
        let mut queue = outboxes.open(DEVICE, SESSION, &limits());
        let four = || vec![vec![1], vec![2], vec![3], vec![4]];
        assert_eq!(
            outboxes.try_send(&DEVICE, SESSION, four(), &limits()),
            Err(SendError::Full { frames: four(), limit_frames: 3, limit_bytes: 20 })
        );
        outboxes.try_send(&DEVICE, SESSION, vec![vec![1], vec![2], vec![3]], &limits()).unwrap();
        let together: Vec<Vec<u8>> = queue.try_recv().unwrap().into_iter().map(|queued| queued.frame).collect();
        assert_eq!(together, [[1], [2], [3]]);
        // What was refused took no room.
        outboxes.try_send(&DEVICE, SESSION, vec![vec![0; 10], vec![0; 10]], &limits()).unwrap();
    }

    #[test]
    fn a_frame_for_an_earlier_session_does_not_stray_into_a_later_one() {
        let outboxes = Outboxes::default();
        let later = SessionNumber::new(2);
        drop(outboxes.open(DEVICE, SESSION, &limits()));
        let _queue = outboxes.open(DEVICE, later, &limits());
        assert_eq!(outboxes.try_send(&DEVICE, SESSION, vec![vec![1]], &limits()), Err(SendError::NotConnected));
        outboxes.close(&DEVICE, SESSION);
        outboxes.try_send(&DEVICE, later, vec![vec![1]], &limits()).unwrap();
    }

    #[test]
    fn empty_and_oversized_frames_are_refused() {
        let outboxes = Outboxes::default();
        assert_eq!(outboxes.try_send(&DEVICE, SESSION, vec![vec![1], vec![]], &limits()), Err(SendError::Empty));
        assert_eq!(outboxes.try_send(&DEVICE, SESSION, vec![vec![0; 11]], &limits()), Err(SendError::TooLarge { found: 11, limit: 10 }));
    }
}
