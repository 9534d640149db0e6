//! When the node's database is an older copy that somebody put back.
//!
//! Whatever the node signed since the copy was made, its neighbours have: it would contradict itself if it signed anew before it
//! has that back. So every document is silent until a neighbour's was compared with it, as after a restore, and nothing is signed
//! before the first neighbour is up to date. Often the folder tells that the database is older, before the node starts. If not,
//! the first entry of its own that comes from a neighbour does; what was signed in between stands as a fork, and is told.

use super::{Office, OfficeError, count, now};
use crate::desk::{Check, Moment, Problem};
use crate::storage::{PutBack, PutBackNote};
use csu_protocol::entry::{Author, Subject};
use csu_protocol::id::{DeviceId, DocumentId};
use csu_protocol::store::Write;
use csu_protocol::sync::Held;
use csu_protocol::time::Timestamp;
use std::collections::BTreeMap;

/// Forked documents that are noted by name; of more only that there are more.
const NAMED: usize = 20;

/// Entries of this node's own that come from neighbours.
#[derive(Debug, Default)]
pub(super) struct Returns {
    /// Those since the last commit, by document.
    since: BTreeMap<DocumentId, u64>,
    /// Whether nothing may be signed until a neighbour is up to date.
    waiting: bool,
    /// Whether it is new that the database is older.
    noticed: bool,
}

impl Returns {
    /// Looks whether a neighbour brought what this device signed.
    pub(super) fn see(&mut self, write: &Write, own: &DeviceId) {
        let Write::Entry(new) = write else { return };
        if new.from.is_some() && new.entry.header().author == Author::Device(*own) {
            let brought = self.since.entry(new.entry.document()).or_default();
            *brought = brought.saturating_add(1);
        }
    }

    /// Whether it was seen in what is committed now that the database is older. Says so once.
    pub(super) const fn take_noticed(&mut self) -> bool {
        std::mem::replace(&mut self.noticed, false)
    }

    /// What was not committed did not happen.
    pub(super) fn forget(&mut self) {
        self.since.clear();
        self.noticed = false;
    }
}

impl Office {
    /// Takes up what the run before left.
    pub(super) fn recall_put_back(&mut self) -> Result<(), OfficeError> {
        self.put_back.waiting = self.storage.put_back()?.is_some_and(|note| note.waiting);
        if self.put_back.waiting {
            // Nobody else could hold more of these.
            self.machine.reconcile_alone();
        }
        Ok(())
    }

    /// Notes, before a commit, what neighbours brought of this node's own.
    pub(super) fn note_returned(&mut self) -> Result<(), OfficeError> {
        let since = std::mem::take(&mut self.put_back.since);
        // A node that is being restored has a new device, which signed nothing yet.
        if since.is_empty() || self.recovering.is_some() {
            return Ok(());
        }
        self.put_back.noticed = !self.put_back.waiting;
        let us = Author::Device(self.keys.device().device());
        let mut note = self.storage.put_back()?.unwrap_or_else(|| PutBackNote::new(PutBack::Unknown, now()));
        for (document, brought) in since {
            note.brought = note.brought.saturating_add(brought);
            let is_forked = self.machine.access(&document, &self.storage)?.is_some_and(|access| access.has_forked(&us));
            if is_forked && !note.forked.contains(&document) {
                tracing::warn!(document = document.short(), "this node signed two entries for one place in a document");
                if note.forked.len() < NAMED {
                    note.forked.push(document);
                }
            }
        }
        Ok(self.storage.note_put_back(&note)?)
    }

    /// It was seen in what was committed that the database is an older copy: everything is silent from here on.
    pub(super) fn begin_put_back(&mut self) -> Result<(), OfficeError> {
        tracing::warn!("{}; {}", PutBack::Unknown, PutBack::FOLLOWS);
        self.storage.begin_put_back(PutBack::Unknown, now())?;
        self.rebuild()
    }

    /// A neighbour is up to date: what it has of this node's own is here again.
    pub(super) fn end_put_back(&mut self) -> Result<(), OfficeError> {
        if !self.put_back.waiting {
            return Ok(());
        }
        tracing::info!("what neighbours hold of this node's own is here again");
        self.stop_waiting(None)
    }

    /// Signs again: what neighbours hold is here, or somebody at this node said at that time that none will bring it.
    pub(super) fn stop_waiting(&mut self, released: Option<Timestamp>) -> Result<(), OfficeError> {
        if let Some(note) = self.storage.put_back()? {
            self.storage.note_put_back(&PutBackNote { waiting: false, released: released.map(Timestamp::as_ms), ..note })?;
        }
        self.put_back.waiting = false;
        // What had to wait.
        self.recall_erasures()
    }

    /// Refuses to sign in a document of which somebody else may hold more of this node's own than it has.
    pub(super) fn refuse_while_put_back(&self, document: &DocumentId) -> Result<(), Problem> {
        let us = self.machine.organisation();
        let is_shared = |held: &Held| held.sharing().names(Subject::Anyone) || held.sharing().named().iter().any(|named| *named != us);
        if self.put_back.waiting && self.machine.document(document).is_some_and(is_shared) {
            return Err(Problem::conflict(
                "this node's database is an older copy that was put back, and what the node signed since is with its neighbours",
                "wait until a neighbour is connected and up to date: `csu status` shows it, and `csu doctor` tells more; if none ever \
                 comes back, see `csu release`",
            ));
        }
        Ok(())
    }

    /// Whether nothing may be signed as yet.
    pub(super) const fn is_waiting_for_own(&self) -> bool {
        self.put_back.waiting
    }

    /// What a doctor is told of it.
    pub(super) fn check_put_back(&self) -> Result<Option<Check>, Problem> {
        const NAME: &str = "older copy";
        let Some(note) = self.storage.put_back()? else { return Ok(None) };
        let at = Moment::from(Timestamp::from_ms(note.at));
        let mut detail = format!("at {at}: {}; neighbours brought back {} of its own", note.seen, entries(note.brought));
        if let Some(released) = note.released {
            let at = Moment::from(Timestamp::from_ms(released));
            detail.push_str(&format!("; at {at} somebody here had it go on without them"));
        }
        if note.waiting {
            let remedy = "connect to a neighbour: nothing is signed until one is up to date, and each document waits for one that holds \
                          it; if none ever comes back, `csu release` says what going on without them means";
            return Ok(Some(Check::failed(NAME, detail, remedy)));
        }
        if note.forked.is_empty() {
            return Ok(Some(Check::passed(NAME, detail)));
        }
        let named: Vec<String> = note.forked.iter().map(DocumentId::short).collect();
        Ok(Some(Check::failed(
            NAME,
            format!("{detail}; before that it signed other entries in their place in {}", named.join(", ")),
            "both stand: look through these documents and put right what they say. If nobody here put a copy back, somebody else has \
             this node's keys: write a backup with `csu backup`, and `csu restore` it, which makes a new device",
        )))
    }
}

fn entries(number: u64) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), "entry", "entries")
}

#[cfg(test)]
mod tests {
    use super::*;
    use csu_protocol::author;
    use csu_protocol::entropy::Entropy;
    use csu_protocol::entry::{Grant, Role, Signer};
    use csu_protocol::id::OrganisationId;
    use csu_protocol::identity::DeviceKey;
    use csu_protocol::store::NewEntry;

    #[test]
    fn what_this_device_signed_and_a_neighbour_brings_is_seen_and_nothing_else() {
        let (own, other) = (DeviceKey::from_seed(&[1; 32]), DeviceKey::from_seed(&[2; 32]));
        let organisation = |byte| OrganisationId::new([byte; 32]);
        // Named by another, but not as the author.
        let names_own =
            vec![Grant { subject: Subject::Organisation(OrganisationId::new(*own.device().as_bytes())), role: Role::Read, until: None }];
        let cases = [(&own, vec![], Some(3), 1), (&own, vec![], None, 0), (&other, vec![], Some(3), 0), (&other, names_own, Some(3), 0)];
        for (key, grants, from, seen) in cases {
            let genesis = author::genesis(organisation(9), Signer::Device(key), grants, &mut Entropy::from_seed([7; 32])).unwrap();
            let document = genesis.document();
            let mut returns = Returns::default();
            let new = NewEntry { entry: genesis, from: from.map(organisation), received: now() };
            returns.see(&Write::Entry(Box::new(new)), &own.device());
            assert_eq!(returns.since.get(&document).copied().unwrap_or_default(), seen);
        }
    }
}
