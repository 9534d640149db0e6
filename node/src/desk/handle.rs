//! The way to a desk that works on another thread.

use super::{Changes, Desk, Problem};
use core::fmt;
use tokio::sync::{mpsc, oneshot};

/// Called by the driver after the commit (`Ok`) or its failure (`Err`), and only then.
pub type Reply = Box<dyn FnOnce(Result<(), Problem>) + Send>;

/// One question to the desk.
pub type Job = Box<dyn FnOnce(&mut dyn Desk) -> Reply + Send>;

/// Where the driver takes jobs from.
pub type Jobs = mpsc::Receiver<Job>;

/// Asks the desk, from any task. Cloned freely; the queue behind it is bounded, so a busy node slows
/// those who ask rather than fill its memory.
#[derive(Clone)]
pub struct DeskHandle {
    jobs: mpsc::Sender<Job>,
    changes: Changes,
}

impl DeskHandle {
    /// A handle, and where its jobs come out. At most `capacity` jobs wait, and at least one.
    #[must_use]
    pub fn channel(capacity: usize) -> (Self, Jobs) {
        let (jobs, taken) = mpsc::channel(capacity.max(1));
        (Self { jobs, changes: Changes::default() }, taken)
    }

    /// Where the desk tells what changed, and others listen.
    #[must_use]
    pub const fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Asks, and waits until what was answered is on disk.
    ///
    /// Dropping the future does not call the question back: it may still be carried out.
    ///
    /// # Errors
    /// The desk's own, a failed commit, or that the node is stopping.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut dyn Desk) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |desk| {
            let outcome = question(desk);
            Box::new(move |committed| {
                // Nobody may be waiting any more: their connection is gone. The work stands all the same.
                answer.send(outcome.and_then(|value| committed.map(|()| value))).ok();
            })
        });
        self.jobs.send(job).await.map_err(|_| stopping())?;
        answered.await.map_err(|_| stopping())?
    }
}

fn stopping() -> Problem {
    Problem::unavailable("the node is stopping", "start it again with `csu up`, then look whether what you asked for was done")
}

impl fmt::Debug for DeskHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeskHandle({} waiting)", self.jobs.max_capacity().saturating_sub(self.jobs.capacity()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::fake::FakeDesk;

    #[tokio::test]
    async fn an_answer_comes_only_after_the_commit() {
        let (handle, mut jobs) = DeskHandle::channel(1);
        let asked = tokio::spawn(async move { handle.ask(|desk| desk.status()).await });
        let reply = jobs.recv().await.unwrap()(&mut FakeDesk::default());
        tokio::task::yield_now().await;
        assert!(!asked.is_finished());
        reply(Ok(()));
        asked.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_failed_commit_is_an_error_although_the_desk_was_content() {
        let (handle, mut jobs) = DeskHandle::channel(1);
        let asked = tokio::spawn(async move { handle.ask(|desk| desk.status()).await });
        jobs.recv().await.unwrap()(&mut FakeDesk::default())(Err(Problem::storage("the disk is full", "make room")));
        assert_eq!(asked.await.unwrap().unwrap_err().blame(), Some(crate::desk::Blame::Storage));
    }

    #[tokio::test]
    async fn a_node_that_stops_answers_that_it_stops() {
        let (handle, jobs) = DeskHandle::channel(1);
        drop(jobs);
        assert_eq!(handle.ask(|desk| desk.status()).await.unwrap_err().status(), 503);
    }
}
