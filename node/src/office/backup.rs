//! Backups, begun at the desk and written beside it.

use super::{Office, now};
use crate::backup::{self, BackupError, Sealing};
use crate::desk::{Actor, BackupWork, Problem};
use crate::log_verb::LogVerb;
use std::sync::Arc;

/// What the log says of a backup, whoever writes it.
pub const LOGGED: &str = "wrote a backup of the node, sealed for the recovery phrase";

impl Office {
    /// Begins a backup. That it was written is in the log first, and so in the backup.
    pub(super) fn begin_backup(&mut self, actor: &Actor) -> Result<BackupWork, Problem> {
        if self.storage.is_recovering()? {
            return Err(Problem::conflict(
                "this node is being restored, and documents wait to be reconciled",
                "ask again when recovery is done; keep the backup that it was restored from until then",
            ));
        }
        if Arc::strong_count(&self.backing_up) > 1 {
            return Err(Problem::conflict("another backup is being written", "wait until it is done, then ask again"));
        }
        let sealing = Sealing::new(&self.config.data, &self.keys)?;
        self.log_act(actor, LogVerb::Consultation, None, None, LOGGED)?;
        let (data, only_one) = (self.config.data.clone(), Arc::clone(&self.backing_up));
        Ok(BackupWork::new(move |out| {
            let _only_one = only_one;
            Ok(backup::write(&data, &sealing, now(), out).map(drop)?)
        }))
    }
}

impl From<BackupError> for Problem {
    fn from(error: BackupError) -> Self {
        let text = error.to_string();
        let (detail, remedy) = text.rsplit_once(": ").unwrap_or((&text, "run `csu doctor`"));
        match error {
            BackupError::NoRecoveryKey | BackupError::RecoveryKey { .. } => Self::conflict(detail, remedy),
            BackupError::Storage(error) => error.into(),
            BackupError::Entropy(_) => Self::unavailable(detail, remedy),
            BackupError::NotABackup
            | BackupError::Newer { .. }
            | BackupError::CutOff
            | BackupError::Damaged(_)
            | BackupError::Foreign { .. }
            | BackupError::WrongPhrase { .. }
            | BackupError::Unopened
            | BackupError::Unreadable(_)
            | BackupError::Unwritten(_)
            | BackupError::Settings(_)
            | BackupError::Keys(_) => Self::storage(detail, remedy),
        }
    }
}
