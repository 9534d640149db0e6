//! Showing a long document without reading its history.
//!
//! What the entries of a long document say is kept beside them when somebody has looked at it, or it was listed, and again when
//! the node stops: [`Said`], sealed for this node alone. It shows the document as long as nothing that it follows from is
//! different: the same entries in both planes, the same secrets, the same program. Whoever may do what is read from the control
//! entries themselves, and nothing that is signed, sent or decided follows from what was kept. If there is any doubt about it,
//! the entries are read.

use super::opening::{Eyes, Open};
use super::showing::graph;
use super::{Office, entropy};
use crate::desk::Problem;
use crate::storage::{KeptView, StorageError, VIEW_BYTES};
use csu_protocol::access::Access;
use csu_protocol::document::{Marking, kind};
use csu_protocol::entry::{Plane, Remark, open_payload, seal_payload};
use csu_protocol::id::{DocumentId, EntryId, Hash, OrganisationId};
use csu_protocol::reading::OpenResponse;
use csu_protocol::store::Read;
use csu_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use zeroize::Zeroizing;

/// Changes with [`Said`], and with how it is made of the same entries.
const FORMAT: u8 = 1;
/// So many entries, or bytes of them, make a document long: opening it takes ten times as long as reading what was kept.
const LONG: usize = 128;
const LONG_BYTES: usize = 128 * 1024;
/// Of a document with more control entries nothing is kept: these are read in any case.
const CONTROLS: usize = 512;

/// What a document says, without the entries that say it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Said {
    pub(super) kind: String,
    pub(super) title: String,
    pub(super) state: String,
    pub(super) marking: Option<Marking>,
    pub(super) fields: Map<String, Value>,
    pub(super) responses: Vec<Response>,
    /// What about it cannot be shown, and why.
    pub(super) problems: Vec<String>,
    /// Entries that contradict each other.
    pub(super) forks: Vec<(EntryId, EntryId)>,
    /// The heads of its content plane.
    pub(super) heads: Vec<EntryId>,
}

/// What a reader says of a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Response {
    pub(super) entry: EntryId,
    pub(super) organisation: OrganisationId,
    pub(super) remark: Remark,
    pub(super) step: String,
    pub(super) text: String,
    pub(super) at: Timestamp,
    pub(super) person: Option<String>,
}

impl From<&OpenResponse> for Response {
    fn from(OpenResponse { entry, organisation, payload, .. }: &OpenResponse) -> Self {
        Self {
            entry: *entry,
            organisation: *organisation,
            remark: payload.remark,
            step: payload.step.clone(),
            text: payload.text.clone(),
            at: payload.at,
            person: payload.person.clone(),
        }
    }
}

/// What is kept.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Kept {
    /// Its control entries.
    control: BTreeSet<EntryId>,
    said: Said,
}

/// The hash of what decides, beside the secrets, what a document says.
fn version(document: &DocumentId, control: Option<Hash>, content: Option<Hash>) -> Hash {
    let mut hasher = blake3::Hasher::new_derive_key("csu-link 0 kept view");
    hasher.update(&[FORMAT]);
    hasher.update(document.as_bytes());
    for plane in [control, content] {
        hasher.update(&plane.map_or([0; 32], |hash| *hash.as_bytes()));
    }
    // Last, because it is as long as it is.
    hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
    Hash::new(*hasher.finalize().as_bytes())
}

const fn is_long(open: &Open) -> bool {
    open.came.count() >= LONG || open.came.bytes() >= LONG_BYTES
}

/// What to keep of an open document by its graph, if it is a long one.
pub(super) fn keep(eyes: &Eyes, open: &Open, access: &Access) -> Option<KeptView> {
    if is_long(open) { seal(eyes, open, access) } else { None }
}

/// What to keep of it: nothing if it is a sealed part, if this program does not know its kind, or if that would be too long.
fn seal(eyes: &Eyes, open: &Open, access: &Access) -> Option<KeptView> {
    let is_whole = open.came.count() == access.len() && access.document() == Some(open.id);
    let may_be = open.kind.sealed.is_none() && kind::find(open.kind.name).is_some();
    let control: BTreeSet<EntryId> = access.entries(Plane::Control).take(CONTROLS.saturating_add(1)).collect();
    if !is_whole || !may_be || control.len() > CONTROLS {
        return None;
    }
    let kept = Kept { control, said: Said::by(open, access) };
    let plain = Zeroizing::new(serde_json::to_vec(&kept).ok()?);
    // A number that JSON does not bring back would be another.
    if serde_json::from_slice::<Kept>(&plain).ok()? != kept {
        return None;
    }
    let version = version(&open.id, access.item(Plane::Control), access.item(Plane::Content));
    let sealed = seal_payload(&eyes.own_key(), &plain, version.as_bytes(), &mut entropy().ok()?).ok()?;
    u32::try_from(sealed.len()).is_ok_and(|bytes| bytes <= VIEW_BYTES).then_some(KeptView { version, sealed })
}

impl Office {
    /// What a long document says and who may do what with it, if that was kept and is what its entries say now.
    pub(super) fn recall(&mut self, document: &DocumentId) -> Result<Option<(Said, Access)>, StorageError> {
        let Some(summary) = self.machine.document(document).map(|held| held.summary().clone()) else { return Ok(None) };
        let version = version(document, summary.control, summary.content);
        let kept = match self.storage.view(document) {
            Ok(Some(kept)) if kept.version == version => kept,
            Ok(_) => return Ok(None),
            Err(error) => {
                tracing::debug!(document = %document.short(), %error, "what was kept of a document cannot be read");
                return Ok(None);
            }
        };
        let recalled = self.open_kept(document, &kept).filter(|(_, access)| access.item(Plane::Control) == summary.control);
        if recalled.is_none() {
            tracing::debug!(document = %document.short(), "what was kept of a document is in doubt");
            self.storage.remove_view(document)?;
        }
        Ok(recalled)
    }

    fn open_kept(&self, document: &DocumentId, kept: &KeptView) -> Option<(Said, Access)> {
        let plain = open_payload(&self.eyes().own_key(), &kept.sealed, kept.version.as_bytes()).ok()?;
        let Kept { control, said } = serde_json::from_slice(&plain).ok()?;
        let stored = Read::entries(&self.storage, document, &control).ok()?;
        Some((said, graph(&stored).ok()?))
    }

    /// Has it kept, once nobody waits for anything, what an open document says.
    pub(super) fn want_kept(&mut self, open: &Open) {
        if is_long(open) {
            self.lately.want_kept(open.id);
        }
    }

    /// Keeps what documents say for which that is wanted, in a group of writes of its own: one that fails, such as on a full disk,
    /// fails nothing else.
    pub(super) fn keep_wanted(&mut self) -> Result<(), StorageError> {
        if self.is_tainted() {
            return Ok(());
        }
        for document in self.lately.take_wanted() {
            if let Err(problem) = self.keep_view(&document).and_then(|()| Ok(self.storage.commit()?)) {
                tracing::debug!(document = %document.short(), %problem, "what a long document says was not kept");
                self.storage.rollback()?;
            }
        }
        Ok(())
    }

    /// Keeps what a document says that is open, unless that is kept.
    fn keep_view(&mut self, document: &DocumentId) -> Result<(), Problem> {
        if self.is_gone(document) || self.is_silent(document) {
            return Ok(());
        }
        let access = self.access_of(document)?;
        let Some(open) = self.open_now(document, &access) else { return Ok(()) };
        let now = version(document, access.item(Plane::Control), access.item(Plane::Content));
        // What cannot even be read is left alone.
        if self.storage.view_version(document).is_ok_and(|kept| kept != Some(now))
            && let Some(view) = keep(&self.eyes(), &open, &access)
        {
            self.storage.put_view(document, &view)?;
        }
        Ok(())
    }
}

#[cfg(test)]
impl Office {
    /// Keeps what a document says, however short it is; whether there is anything to keep.
    pub(super) fn keep_short(&mut self, document: &DocumentId) -> bool {
        let open = self.open_document(document).unwrap();
        let view = seal(&self.eyes(), &open, &self.access_of(document).unwrap());
        view.is_some_and(|view| self.storage.put_view(document, &view).is_ok())
    }
}
