//! What the access log says of entries that came and went: one line a document, neighbour and commit, however many messages it
//! took.

use super::{Office, OfficeError, count, now};
use crate::log_verb::LogVerb;
use csu_protocol::entry::Plane;
use csu_protocol::id::{DocumentId, OrganisationId};
use csu_protocol::sync::Held;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// What happened to a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Received(OrganisationId),
    Sent(Plane, OrganisationId),
}

/// What was not logged yet.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// In the order in which it began.
    order: Vec<(DocumentId, What)>,
    entries: BTreeMap<(DocumentId, What), usize>,
}

impl Traffic {
    fn note(&mut self, document: DocumentId, what: What, entries: usize) {
        match self.entries.entry((document, what)) {
            Entry::Vacant(first) => {
                first.insert(entries);
                self.order.push((document, what));
            }
            Entry::Occupied(mut noted) => *noted.get_mut() = noted.get().saturating_add(entries),
        }
    }

    /// Entries of a document came from a neighbour.
    pub(super) fn received(&mut self, document: DocumentId, from: OrganisationId, entries: usize) {
        self.note(document, What::Received(from), entries);
    }

    /// Entries of a plane of a document went to a neighbour.
    pub(super) fn sent(&mut self, document: DocumentId, plane: Plane, to: OrganisationId, entries: usize) {
        self.note(document, What::Sent(plane, to), entries);
    }
}

impl Office {
    /// Writes what came and went into the access log.
    pub(super) fn log_traffic(&mut self) -> Result<(), OfficeError> {
        let Traffic { order, entries } = std::mem::take(&mut self.traffic);
        let at = now();
        for (document, what) in order {
            let entries = count(entries.get(&(document, what)).copied().unwrap_or_default(), "entry", "entries");
            match what {
                What::Received(from) => {
                    let (who, why) = (self.name_for_log(&from), self.why_received(&document));
                    self.log(at, LogVerb::Collection, &who, Some(document), None, Some(why), format!("received {entries}"))?;
                }
                What::Sent(plane, to) => {
                    let of = match plane {
                        Plane::Control => "who may do what",
                        Plane::Content => "sealed content",
                    };
                    let (why, to) = (self.why_given(&document, &to), self.name_for_log(&to));
                    let detail = format!("sent {entries} of {of}");
                    self.log(at, LogVerb::Disclosure, "this node", Some(document), Some(to), Some(why), detail)?;
                }
            }
        }
        Ok(())
    }

    /// Why this node takes a document: as what it was given to us.
    fn why_received(&self, document: &DocumentId) -> String {
        let us = self.machine.organisation();
        match self.machine.document(document).map(Held::sharing) {
            Some(sharing) if sharing.owner() == Some(us) => "this organisation owns it".to_owned(),
            Some(sharing) => match sharing.role_now(&us, now()) {
                Some(role) => format!("this organisation has the role {role}"),
                None => "this organisation had a role, and learns what becomes of it".to_owned(),
            },
            None => "offered by a neighbour".to_owned(),
        }
    }

    /// Why a neighbour was given something of a document: its role.
    fn why_given(&self, document: &DocumentId, to: &OrganisationId) -> String {
        match self.machine.document(document).map(Held::sharing) {
            Some(sharing) if sharing.owner() == Some(*to) => "it is the owner".to_owned(),
            Some(sharing) => match sharing.role_now(to, now()) {
                Some(role) => format!("it has the role {role}"),
                None => "it had a role, and learns what becomes of the document".to_owned(),
            },
            None => "it had a role".to_owned(),
        }
    }
}
