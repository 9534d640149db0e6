//! A backup that was begun.

use super::Problem;
use core::fmt;
use std::io::Write;

type Work = Box<dyn FnOnce(&mut dyn Write) -> Result<(), Problem> + Send>;

/// The writing of a backup. It takes long, and is done on a thread of its own while the desk goes on.
pub struct BackupWork(Work);

impl BackupWork {
    /// What is done when it is run.
    #[must_use]
    pub fn new(work: impl FnOnce(&mut dyn Write) -> Result<(), Problem> + Send + 'static) -> Self {
        Self(Box::new(work))
    }

    /// Writes all of it. Blocks for as long as that takes.
    ///
    /// # Errors
    /// When the data cannot be read, or `out` takes no more. What was written then is no backup.
    pub fn run(self, out: &mut dyn Write) -> Result<(), Problem> {
        self.0(out)
    }
}

impl fmt::Debug for BackupWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackupWork(..)")
    }
}
