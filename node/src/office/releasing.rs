//! Going on without the neighbours that silent documents wait for, because these are gone for good.
//!
//! Nobody but people knows that a neighbour never comes back, so nothing is released by itself. What was at stake comes true if
//! one comes after all: it brings what this node had signed since, which then stands beside what was signed in its place, and
//! what owners had erased since is erased only then.

use super::opening::shown;
use super::{Office, count, now};
use crate::desk::{Actor, Awaited, Check, Problem, ReleaseRequest, Released, SilenceView};
use crate::log_verb::LogVerb;
use csu_protocol::id::{DocumentId, OrganisationId};
use csu_protocol::sync::{Connection, Held};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Organisations that are named; of more only how many there are.
const NAMED: usize = 50;

impl Office {
    /// What is silent, and who could confirm it.
    pub(super) fn silence(&self) -> Result<SilenceView, Problem> {
        let us = self.machine.organisation();
        let mut waits_for: BTreeMap<OrganisationId, usize> = BTreeMap::new();
        let mut documents: usize = 0;
        for held in self.machine.unreconciled().filter_map(|document| self.machine.document(&document)) {
            documents = documents.saturating_add(1);
            for named in held.sharing().named().iter().filter(|named| **named != us) {
                let known = waits_for.entry(*named).or_default();
                *known = known.saturating_add(1);
            }
        }
        let more = waits_for.len().saturating_sub(NAMED);
        let mut most: Vec<(OrganisationId, usize)> = waits_for.into_iter().collect();
        most.sort_by_key(|(who, documents)| (Reverse(*documents), *who));
        let awaited = |(who, documents): (OrganisationId, usize)| -> Result<Awaited, Problem> {
            let connected = matches!(self.machine.connection(&who), Some(Connection::Syncing | Connection::InSync));
            let last_seen = self.storage.last_seen(&who)?.map(Into::into);
            Ok(Awaited { who: self.organisation(&who), documents, connected, last_seen })
        };
        let waits_for = most.into_iter().take(NAMED).map(awaited).collect::<Result<_, _>>()?;
        let older_copy = self.storage.put_back()?.filter(|note| note.waiting).map(|note| note.seen);
        Ok(SilenceView { documents, signing_waits: self.is_waiting_for_own(), older_copy, waits_for, more })
    }

    /// Lets one silent document speak, or all of them.
    pub(super) fn release_documents(&mut self, actor: &Actor, request: &ReleaseRequest) -> Result<Released, Problem> {
        if self.recovering.is_some() {
            return Err(Problem::conflict(
                "this node is being restored",
                "go to the end of that first, with `csu restore --resume --without NEIGHBOUR` for each that will not come back",
            ));
        }
        let one = request.document.as_deref().map(|reference| self.find_silent(reference)).transpose()?;
        let documents: BTreeSet<DocumentId> = one.map_or_else(|| self.machine.unreconciled().collect(), |document| [document].into());
        let signing_goes_on = one.is_none() && self.is_waiting_for_own();
        if documents.is_empty() && !signing_goes_on {
            return Err(Problem::conflict("no document waits to be confirmed", "`csu status` shows how the node is"));
        }
        let released = documents.len();
        self.machine.release(documents);
        if signing_goes_on {
            self.stop_waiting(Some(now()))?;
        }
        let detail = match one {
            Some(_) => "had it go on although no neighbour has confirmed it since an older copy was put back".to_owned(),
            None => format!(
                "had the node go on with {} that no neighbour has confirmed since an older copy was put back",
                count(released, "document", "documents")
            ),
        };
        tracing::warn!(released, by = actor.person().unwrap_or("somebody"), "documents go on that no neighbour has confirmed");
        self.log_act(actor, LogVerb::Access, one, None, detail)?;
        Ok(Released { released, silent: self.count_silent(), signing_waits: self.is_waiting_for_own() })
    }

    /// A silent document by its id or a beginning of it: nothing else of it is shown.
    fn find_silent(&self, reference: &str) -> Result<DocumentId, Problem> {
        let is_silent = |document: &DocumentId| self.machine.document(document).is_some_and(|held: &Held| !held.is_reconciled());
        match self.beginning_with(reference)?.as_slice() {
            [document] if is_silent(document) => Ok(*document),
            [_, _, ..] => Err(Problem::invalid("document", format!("several documents begin with {reference}"), "give more of its id")),
            _ => Err(Problem::not_found(
                format!("no document that waits to be confirmed begins with '{}'", shown(reference)),
                "name it by its id, or 4 or more letters of its beginning",
            )),
        }
    }

    /// What a doctor is told of what is silent.
    pub(super) fn check_silent(&self) -> Option<Check> {
        let documents = self.count_silent();
        (documents > 0 && self.recovering.is_none()).then(|| {
            Check::failed(
                "silent documents",
                format!(
                    "{} not shown, served or changed until a neighbour has confirmed it",
                    count(documents, "document is", "documents are")
                ),
                "connect to the neighbours that hold them; if these never come back, `csu release` says what going on without them means",
            )
        })
    }
}
