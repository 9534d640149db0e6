//! Finding a document by what a person calls it, and opening it.

use super::{Office, now};
use crate::desk::{AccessLevel, Problem};
use crate::storage::{Draft, DraftNumber};
use csu_protocol::access::Access;
use csu_protocol::document::kind::{self, WITHDRAWN};
use csu_protocol::document::{Change, Kind, Means, Snapshot};
use csu_protocol::entry::{EpochKey, Reason, Remark, Role};
use csu_protocol::id::{DocumentId, EntryId, OrganisationId};
use csu_protocol::identity::CardSecret;
use csu_protocol::reading::{self, Opened, Reader};
use csu_protocol::store::{Read, StoredEntry};
use csu_protocol::sync::OpenAccess;
use csu_protocol::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

/// What a reference names.
#[derive(Debug)]
pub(super) enum Named {
    /// A draft of a document that has not begun.
    Draft(Draft),
    /// A document, with the draft of its next version if there is one.
    Document(DocumentId, Option<Draft>),
}

/// A document, open, with what follows from its parts together.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) id: DocumentId,
    pub(super) owner: OrganisationId,
    pub(super) came: Came,
    pub(super) opened: Opened,
    pub(super) snapshot: Snapshot,
    pub(super) kind: &'static Kind,
    /// What content, answers and withdrawal say together.
    pub(super) state: &'static str,
    pub(super) withdrawal: Option<(EntryId, OrganisationId, Reason)>,
    pub(super) level: AccessLevel,
}

/// What is kept in mind of the entries of an open document: they themselves are on the disk.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Came {
    count: usize,
    bytes: usize,
    /// When the last came that others had brought.
    pub(super) received: Option<Timestamp>,
    /// Whether others brought the last.
    pub(super) is_news: bool,
}

impl Came {
    /// How many there are.
    pub(super) const fn count(self) -> usize {
        self.count
    }

    /// How many bytes they take.
    pub(super) const fn bytes(self) -> usize {
        self.bytes
    }

    /// The same with further entries, in the order of writing.
    fn and(mut self, stored: &[StoredEntry]) -> Self {
        self.count = self.count.saturating_add(stored.len());
        self.bytes = stored.iter().map(|stored| stored.entry.size()).fold(self.bytes, usize::saturating_add);
        self.received = stored.iter().filter(|stored| stored.from.is_some()).map(|stored| stored.received).max().max(self.received);
        self.is_news = stored.last().map_or(self.is_news, |stored| stored.from.is_some());
        self
    }
}

const UNKNOWN_KIND: &str = "unknown";

/// Documents that are kept open, and bytes of their entries.
const LATELY: usize = 8;
const LATELY_BYTES: usize = 512 * 1024;

/// What a document says follows from. Entries are only ever added; a document with as many has the same.
#[derive(Debug, PartialEq, Eq)]
struct State {
    entries: usize,
    destroyed: bool,
    secrets: usize,
    level: AccessLevel,
}

/// Documents that were opened lately: whoever takes a step opens its document several times.
#[derive(Debug, Default)]
pub(super) struct Lately {
    open: VecDeque<(State, Rc<Open>)>,
    /// Changes that were made here since the last commit: they need not be checked like those of others.
    made: BTreeMap<EntryId, Change>,
    /// Of which what they say is to be kept.
    wanted: BTreeSet<DocumentId>,
}

impl Lately {
    fn get(&self, id: &DocumentId, state: &State) -> Option<Rc<Open>> {
        self.open.iter().find(|(of, open)| open.id == *id && of == state).map(|(_, open)| Rc::clone(open))
    }

    /// Takes out a document that was opened when it had fewer entries, of which all are what they were; none if somebody is
    /// looking at it.
    fn take_earlier(&mut self, id: &DocumentId, state: &State) -> Option<(State, Open)> {
        let is_earlier =
            |before: &State| before.entries <= state.entries && (before.destroyed, before.secrets) == (state.destroyed, state.secrets);
        let place = self.open.iter().position(|(before, open)| open.id == *id && is_earlier(before) && Rc::strong_count(open) == 1)?;
        let (before, open) = self.open.remove(place)?;
        Some((before, Rc::into_inner(open)?))
    }

    fn put(&mut self, state: State, open: Rc<Open>) {
        self.forget(&open.id);
        self.open.push_front((state, open));
        let all = |open: &VecDeque<(State, Rc<Open>)>| open.iter().map(|(_, open)| open.came.bytes).sum::<usize>();
        while self.open.len() > LATELY || (self.open.len() > 1 && all(&self.open) > LATELY_BYTES) {
            self.open.pop_back();
        }
    }

    /// Whether a document is open, as it is or was.
    pub(super) fn has(&self, id: &DocumentId) -> bool {
        self.open.iter().any(|(_, open)| open.id == *id)
    }

    /// What a document says is to be kept.
    pub(super) fn want_kept(&mut self, id: DocumentId) {
        self.wanted.insert(id);
    }

    /// The same of all that are open.
    pub(super) fn want_all_kept(&mut self) {
        self.wanted.extend(self.open.iter().map(|(_, open)| open.id));
    }

    /// Of which documents what they say is to be kept.
    pub(super) fn take_wanted(&mut self) -> BTreeSet<DocumentId> {
        std::mem::take(&mut self.wanted)
    }

    /// Closes a document.
    pub(super) fn forget(&mut self, id: &DocumentId) {
        self.open.retain(|(_, open)| open.id != *id);
    }

    /// A change was made here, and is in this entry.
    pub(super) fn made(&mut self, entry: EntryId, change: Change) {
        self.made.insert(entry, change);
    }

    /// What was made is on disk.
    pub(super) fn settled(&mut self) {
        self.made.clear();
    }

    /// Changes of a document that need not be checked again.
    fn known(&self, id: &DocumentId) -> BTreeMap<EntryId, Change> {
        let before = self.open.iter().filter(|(_, open)| open.id == *id).flat_map(|(_, open)| open.opened.changes());
        before.chain(self.made.iter().map(|(entry, change)| (*entry, change.clone()))).collect()
    }
}

impl Office {
    /// Finds what a reference names.
    pub(super) fn find(&self, reference: &str) -> Result<Named, Problem> {
        // Of d331 both a draft and the beginning of an id may be meant: the draft, if there is one.
        let number = reference.parse::<DraftNumber>().ok();
        if let Some(number) = number
            && let Some(draft) = self.storage.draft(number)?
        {
            return Ok(match draft.content.document {
                Some(document) => self.named(document)?,
                None => {
                    if let Some(whole) = self.silent_whole(&draft) {
                        self.refuse_silent(&whole)?;
                    }
                    Named::Draft(draft)
                }
            });
        }
        let hex = reference.len() >= 4 && reference.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !hex || reference.len() > 64 {
            if let Some(number) = number {
                return Err(no_draft(number));
            }
            return Err(Problem::invalid(
                "reference",
                format!("'{}' names no document", shown(reference)),
                "name it by its number such as d3, or by the first 4 or more letters and digits of its id as the lists show it",
            ));
        }
        let found = self.storage.find_by_prefix(reference, 2)?;
        match found.as_slice() {
            [document] => self.named(*document),
            [] => Err(Problem::not_found(
                format!("this node holds no document that begins with {reference}"),
                "see what it holds with `csu bulletin list`, `csu guide list` and `csu note list`; a neighbour may not have sent it yet",
            )),
            _ => Err(Problem::invalid(
                "reference",
                format!("several documents begin with {reference}"),
                "give more letters and digits of the id",
            )),
        }
    }

    /// A document that may be spoken of.
    fn named(&self, document: DocumentId) -> Result<Named, Problem> {
        self.refuse_silent(&document)?;
        Ok(Named::Document(document, self.draft_of(&document)?))
    }

    fn draft_of(&self, document: &DocumentId) -> Result<Option<Draft>, Problem> {
        Ok(self.storage.draft_of(document)?.filter(|draft| draft.open))
    }

    /// The document that a reference names, which must have been shared.
    pub(super) fn find_shared(&self, reference: &str) -> Result<DocumentId, Problem> {
        match self.find(reference)? {
            Named::Document(document, _) => Ok(document),
            Named::Draft(draft) => {
                Err(Problem::conflict(format!("{} is a draft that nobody else has", draft.number), "issue, publish or send it first"))
            }
        }
    }

    pub(super) fn access_of(&self, document: &DocumentId) -> Result<OpenAccess, Problem> {
        self.machine.access(document, &self.storage)?.ok_or_else(|| {
            Problem::not_found(format!("this node holds no document {}", document.short()), "wait until a neighbour has sent it")
        })
    }

    /// Opens a document, everything written before included. One that was erased is refused.
    pub(super) fn open_document(&mut self, id: &DocumentId) -> Result<Rc<Open>, Problem> {
        self.refuse_erased(id)?;
        self.refuse_silent(id)?;
        self.open_remains(id)
    }

    /// Opens a document, or what is left of it.
    pub(super) fn open_remains(&mut self, id: &DocumentId) -> Result<Rc<Open>, Problem> {
        self.pump()?;
        let access = self.access_of(id)?;
        let state = self.state_of(id, &access);
        if let Some(open) = self.lately.get(id, &state) {
            return Ok(open);
        }
        let open = match self.grow_earlier(id, &access, &state)? {
            Some(open) => open,
            None => self.eyes().read(id, &access, &Read::document(&self.storage, id)?, &self.lately.known(id)),
        };
        let open = Rc::new(open);
        self.lately.put(state, Rc::clone(&open));
        Ok(open)
    }

    fn state_of(&self, id: &DocumentId, access: &Access) -> State {
        State {
            entries: access.len(),
            destroyed: self.machine.document(id).is_some_and(csu_protocol::sync::Held::is_destroyed),
            secrets: self.keys.card_secrets().len(),
            level: self.level(access, access.owner().unwrap_or_else(|| self.machine.organisation())),
        }
    }

    /// A document that is open as it is now.
    pub(super) fn open_now(&self, id: &DocumentId, access: &Access) -> Option<Rc<Open>> {
        self.lately.get(id, &self.state_of(id, access))
    }

    /// Opens a document that was opened lately, with what came since. None if there is none, or what came changes what came of
    /// the entries before.
    fn grow_earlier(&mut self, id: &DocumentId, access: &Access, state: &State) -> Result<Option<Open>, Problem> {
        let Some((before, open)) = self.lately.take_earlier(id, state) else { return Ok(None) };
        let newer: BTreeSet<EntryId> = access.entries_after(open.came.count).collect();
        let stored = if newer.is_empty() { Vec::new() } else { Read::entries(&self.storage, id, &newer)? };
        let grown =
            if stored.len() == newer.len() { self.eyes().grow(open, access, &stored, &self.lately.made) } else { Err(Box::new(open)) };
        Ok(grown
            .map_err(|open| {
                // Its changes need not be checked again.
                self.lately.put(before, Rc::new(*open));
            })
            .ok())
    }

    /// What a document's entries say to this organisation by a graph of them.
    pub(super) fn read_by(&self, id: &DocumentId, access: &Access, stored: &[StoredEntry]) -> Open {
        self.eyes().read(id, access, stored, &BTreeMap::new())
    }

    /// The eyes of this organisation.
    pub(super) fn eyes(&self) -> Eyes {
        Eyes { us: self.machine.organisation(), secrets: Arc::clone(self.keys.card_secrets()) }
    }

    /// What this organisation may do with a document of `owner`.
    pub(super) fn level(&self, access: &Access, owner: OrganisationId) -> AccessLevel {
        self.eyes().level(access, owner)
    }

    /// The standing under which this organisation may do something that takes `role`.
    pub(super) fn standing(&self, document: &DocumentId, role: Role, what: &str) -> Result<EntryId, Problem> {
        let access = self.access_of(document)?;
        let us = self.machine.organisation();
        access.standing_for(&us, role, now()).ok_or_else(|| {
            let owner = access.owner().map_or_else(|| "its owner".to_owned(), |owner| self.organisation(&owner).to_string());
            let has = access.role_now(&us, now()).map_or_else(|| "no role any more".to_owned(), |role| format!("the role {role}"));
            Problem::denied(
                format!("{what} takes the role {role} on this document, and this organisation has {has}"),
                format!("ask {owner}, who can give it with `csu grant add {} YOU --role {role}`", document.short()),
            )
        })
    }
}

/// Whoever reads: an organisation, with what opens the keys that were wrapped for it. Reads on any thread.
#[derive(Debug, Clone)]
pub(super) struct Eyes {
    us: OrganisationId,
    secrets: Arc<BTreeMap<u64, CardSecret>>,
}

impl Eyes {
    /// What a document's entries say by a graph of them; some of their changes may be `known`.
    pub(super) fn read(&self, id: &DocumentId, access: &Access, stored: &[StoredEntry], known: &BTreeMap<EntryId, Change>) -> Open {
        let opened = reading::open_knowing(access, stored, &self.reader(), known);
        self.see(id, access, opened, Came::default().and(stored))
    }

    /// What the same says with further entries; the document as it was if it is to be read anew.
    fn grow(&self, mut open: Open, access: &Access, newer: &[StoredEntry], known: &BTreeMap<EntryId, Change>) -> Result<Open, Box<Open>> {
        if !open.opened.grow(access, newer, &self.reader(), known) {
            return Err(Box::new(open));
        }
        Ok(self.see(&open.id, access, open.opened, open.came.and(newer)))
    }

    /// Those of somebody with these secrets.
    #[cfg(test)]
    pub(super) fn with_secrets(self, secrets: BTreeMap<u64, CardSecret>) -> Self {
        Self { secrets: Arc::new(secrets), ..self }
    }

    /// The key of what is kept for these eyes alone: another one when they see more.
    pub(super) fn own_key(&self) -> EpochKey {
        let mut hasher = blake3::Hasher::new_derive_key("csu-link 0 key of kept views");
        hasher.update(self.us.as_bytes());
        for (generation, secret) in self.secrets.iter() {
            hasher.update(&generation.to_le_bytes());
            hasher.update(secret.to_bytes().as_slice());
        }
        EpochKey::from_bytes(*hasher.finalize().as_bytes())
    }

    fn reader(&self) -> Reader<'_> {
        Reader { organisation: self.us, secrets: &self.secrets }
    }

    fn see(&self, id: &DocumentId, access: &Access, opened: Opened, came: Came) -> Open {
        let mut snapshot = opened.content.snapshot();
        let owner = access.owner().unwrap_or(self.us);
        if snapshot.kind.is_some_and(|kind| kind.sealed.is_some())
            && !opened.revisions.iter().any(|revision| revision.organisation == owner)
        {
            // A sealed part ends by itself and goes with another document: nobody but the owner makes one of it.
            snapshot = Snapshot { problems: snapshot.problems, ..Snapshot::default() };
        }
        let withdrawal = access.withdrawal();
        let level = self.level(access, owner);
        let kind = snapshot.kind.unwrap_or(&NO_KIND);
        let answers = opened.responses.iter().filter_map(|response| {
            let step = kind.step(&response.payload.step)?;
            let counts = response.payload.remark == Remark::Step && step.means == Means::Response && response.organisation != owner;
            counts.then_some(step.to)
        });
        let withdrawn = withdrawal.is_some().then_some(WITHDRAWN.name);
        let state = kind.highest(snapshot.state.into_iter().chain(answers).chain(withdrawn));
        let state = state.unwrap_or(if withdrawal.is_some() { WITHDRAWN.name } else { UNKNOWN_KIND });
        Open { id: *id, owner, came, opened, snapshot, kind, state, withdrawal, level }
    }

    fn level(&self, access: &Access, owner: OrganisationId) -> AccessLevel {
        if owner == self.us { AccessLevel::Owner } else { access.role_now(&self.us, now()).map_or(AccessLevel::Former, AccessLevel::from) }
    }
}

fn no_draft(number: DraftNumber) -> Problem {
    Problem::not_found(format!("there is no draft {number}"), "list the drafts and documents there are with `csu bulletin list`")
}

/// Stands for kinds that this version does not know, and for content that cannot be read.
pub(super) static NO_KIND: Kind = Kind {
    name: UNKNOWN_KIND,
    label: "Document",
    plural: "Documents",
    about: "A document whose content this node cannot read.",
    example: "",
    title: "",
    fields: &[],
    states: &[WITHDRAWN],
    steps: &[],
    default_marking: csu_protocol::document::Marking::Red,
    review_months: 12,
    indexed: &[],
    facets: &[],
    parties: csu_protocol::document::Parties::Any,
    sealed: None,
};

pub(super) fn kind_named(name: &str) -> Result<&'static Kind, Problem> {
    kind::find(name).ok_or_else(|| {
        let known: Vec<&str> = kind::all().iter().map(|kind| kind.name).collect();
        Problem::invalid("kind", format!("'{}' is no kind of document", shown(name)), format!("use one of {}", known.join(", ")))
    })
}

/// A text from outside, short and without control characters, for an error.
pub(super) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}
