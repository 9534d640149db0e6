//! Roles that come to their end.
//!
//! Every node stops serving at the end by itself, because rights are asked for with the time. What is left is done here:
//! lists follow, and the owner's node signs the revocation, so that the end also holds where a clock is slow. What was given
//! below a role ends no later than the role, and is taken back one by one.

use super::{Office, OfficeError, now};
use crate::desk::{PassedOn, Problem};
use crate::log_verb::LogVerb;
use csu_protocol::access::Sharing;
use csu_protocol::id::DocumentId;
use csu_protocol::sync::Held;
use csu_protocol::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// After how long what could not be signed is tried again, in ms.
const AGAIN_MS: u64 = 60_000;

/// Documents by when the next role on them ends.
#[derive(Debug, Default)]
pub(super) struct Ends {
    of: BTreeMap<DocumentId, Timestamp>,
    order: BTreeSet<(Timestamp, DocumentId)>,
}

impl Ends {
    fn set(&mut self, document: DocumentId, end: Option<Timestamp>) {
        if let Some(before) = self.of.remove(&document) {
            self.order.remove(&(before, document));
        }
        if let Some(end) = end {
            self.of.insert(document, end);
            self.order.insert((end, document));
        }
    }

    /// Takes out those whose time has come.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<DocumentId> {
        let due: Vec<DocumentId> = self.order.iter().take_while(|(end, _)| *end <= now).map(|(_, document)| *document).collect();
        for document in &due {
            self.set(*document, None);
        }
        due
    }

    fn first(&self) -> Option<Timestamp> {
        self.order.first().map(|(end, _)| *end)
    }
}

impl Office {
    /// Looks at every document anew, at the start and when memory was given up. Answers on which a role has ended.
    pub(super) fn watch_all_ends(&mut self) -> Vec<DocumentId> {
        self.ends = Ends::default();
        let ends = |held: &&Held| held.sharing().next_end(Timestamp::default()).is_some();
        let documents: Vec<DocumentId> = self.machine.documents().filter(ends).map(Held::document).collect();
        for document in &documents {
            self.watch_ends(document);
        }
        let ended = |sharing: &Sharing| sharing.next_end(Timestamp::default()).is_some_and(|end| end <= now());
        let has_ended = |document: &DocumentId| self.machine.document(document).is_some_and(|held| ended(held.sharing()));
        documents.into_iter().filter(has_ended).collect()
    }

    /// Notes when the next role on a document ends. What ended already and could not be taken back is tried again.
    pub(super) fn watch_ends(&mut self, document: &DocumentId) {
        let (us, at) = (self.machine.organisation(), now());
        let sharing = self.machine.document(document).map(Held::sharing);
        let due = |sharing: &Sharing| sharing.owner() == Some(us) && !sharing.lapsed(at).is_empty();
        let end = sharing.and_then(|sharing| if due(sharing) { Some(at.plus_ms(AGAIN_MS)) } else { sharing.next_end(at) });
        self.ends.set(*document, end);
    }

    /// How long until a role ends; none if none does.
    pub(super) fn end_in(&self) -> Option<Duration> {
        self.ends.first().map(|end| Duration::from_millis(end.ms_since(now()).max(10)))
    }

    /// Does what roles ask for that have ended on these documents.
    pub(super) fn end_roles(&mut self, documents: &[DocumentId]) -> Result<(), OfficeError> {
        for document in documents {
            // Its line in lists may say that it can still be read.
            self.change(*document, super::showing::Haste::Now);
            match self.take_back_lapsed(document) {
                Ok(()) => {}
                Err(TakeBack::Office(error)) => return Err(error),
                // Nobody is served in any case: what cannot be signed must not keep the node from working.
                Err(TakeBack::Problem(problem)) => {
                    tracing::warn!(document = document.short(), %problem, "could not sign that a role ended")
                }
            }
        }
        Ok(())
    }

    /// Signs, as the owner, that the roles which have ended are taken back.
    fn take_back_lapsed(&mut self, document: &DocumentId) -> Result<(), TakeBack> {
        if self.recovering.is_some() || self.is_waiting_for_own() {
            // The owner's node may have signed it before it was lost or set back: that comes from the neighbours.
            return Ok(());
        }
        if self.has_clock_jumped() {
            // Nobody is served; but a revocation stays also when the clock is set right.
            return Ok(());
        }
        let us = self.machine.organisation();
        while let Some(sharing) = self.machine.document(document).map(Held::sharing) {
            let Some(subject) = sharing.lapsed(now()).into_iter().next().filter(|_| sharing.owner() == Some(us)) else { break };
            // What was done in time stays.
            let mut trial = self.trial(document)?;
            self.try_eviction(&mut trial, (*document).into(), subject, PassedOn::Stay)?;
            self.carry_out(trial)?;
            let detail = format!("the role of {} came to its end and was taken back", self.party(subject));
            let to = self.party_for_log(subject);
            self.log(now(), LogVerb::Access, "this node", Some(*document), Some(to), None, detail)?;
        }
        Ok(())
    }
}

/// Why a role that ended was not taken back.
enum TakeBack {
    Office(OfficeError),
    Problem(Problem),
}

impl From<OfficeError> for TakeBack {
    fn from(error: OfficeError) -> Self {
        Self::Office(error)
    }
}

impl From<Problem> for TakeBack {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}
