//! Opening a document: from sealed entries to what a person reads.
//!
//! What cannot be opened or does not pass the checks of [`crate::document`] is left out with all that
//! builds on it, and named: it affects what is shown and nothing else. Counting, forwarding and
//! authority never depend on what somebody can read.

use crate::access::Access;
use crate::author::Audience;
use crate::codec::{Canonical, CodecError};
use crate::directory::Directory;
use crate::document::{Change, ChangeError, ChangeHash, Content};
use crate::entry::{Body, EpochKey, Header, Openness, Recipient, ResponsePayload, RevisionPayload, SealError, Wraps, open_payload};
use crate::id::{DocumentId, EntryId, OrganisationId};
use crate::identity::CardSecret;
use crate::limits;
use crate::store::{Parts, StoredEntry};
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Why an entry's payload is not shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Its key could not be opened.
    #[error("its key is not open to this organisation: {0}")]
    Key(SealError),
    /// Its payload could not be opened.
    #[error(transparent)]
    Payload(#[from] SealError),
    /// What was inside is not laid out as it should be.
    #[error("its payload cannot be read: {0}")]
    Malformed(#[from] CodecError),
    /// It was destroyed here.
    #[error("it was destroyed here when the document's owner had it erased")]
    Destroyed,
    /// The change inside is refused.
    #[error("its change is refused: {0}")]
    Change(#[from] ChangeError),
    /// It says another kind than the document's owner.
    #[error("it says that the document is of another kind than its owner says")]
    OtherKind,
    /// It builds on a revision that is not shown.
    #[error("it builds on revision {0}, which cannot be shown")]
    Dep(EntryId),
}

/// Who reads: an organisation with the secrets of its cards, by generation.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'k> {
    /// The organisation.
    pub organisation: OrganisationId,
    /// The secrets of its cards.
    pub secrets: &'k BTreeMap<u64, CardSecret>,
}

/// A revision that is shown.
#[derive(Debug, Clone)]
pub struct OpenRevision {
    /// The entry.
    pub entry: EntryId,
    /// Who signed it.
    pub organisation: OrganisationId,
    /// When, as its author claims.
    pub at: Timestamp,
    /// Which person, as its device attests.
    pub person: Option<String>,
    /// The change it carries.
    pub change: ChangeHash,
    /// When this node stored it.
    pub received: Timestamp,
}

/// A response that is shown.
#[derive(Debug, Clone)]
pub struct OpenResponse {
    /// The entry.
    pub entry: EntryId,
    /// Who signed it.
    pub organisation: OrganisationId,
    /// What it states.
    pub payload: ResponsePayload,
    /// When this node stored it.
    pub received: Timestamp,
}

/// One epoch.
#[derive(Debug, Clone)]
struct Epoch {
    key: Option<EpochKey>,
    recipients: BTreeSet<Recipient>,
    openness: Openness,
    /// Epochs whose keys are sealed under this one.
    earlier: BTreeSet<EntryId>,
}

/// A document, open. It grows by what comes: [`Opened::grow`].
#[derive(Debug, Default)]
pub struct Opened {
    /// The effective revisions that can be shown, in causal order.
    pub revisions: Vec<OpenRevision>,
    /// The effective responses that can be shown, in causal order.
    pub responses: Vec<OpenResponse>,
    /// Effective entries that cannot be shown, and why: revisions, then responses.
    pub unreadable: Vec<(EntryId, Unreadable)>,
    /// What the document says.
    pub content: Content,
    epochs: BTreeMap<EntryId, Epoch>,
    /// The epochs of the revisions that are shown, in the order of the revisions.
    used_epochs: Vec<EntryId>,
    /// The changes of the revisions that are shown.
    changes: BTreeMap<EntryId, ChangeHash>,
    /// What counted when it was opened, shown or not.
    counted: Counted,
    /// How many of [`Opened::unreadable`] are revisions.
    unreadable_revisions: usize,
}

/// The entries of a document that count, in causal order.
#[derive(Debug, Default)]
struct Counted {
    revisions: Vec<EntryId>,
    responses: Vec<EntryId>,
}

impl Counted {
    fn by(access: &Access) -> Self {
        Self { revisions: access.effective_revisions(), responses: access.effective_responses() }
    }
}

#[derive(Debug)]
struct Sealed<'e> {
    header: Header,
    stored: &'e StoredEntry,
}

type AllSealed<'e> = BTreeMap<EntryId, Sealed<'e>>;

/// What became of revisions.
#[derive(Debug, Default)]
struct Revised {
    revisions: Vec<OpenRevision>,
    changes: BTreeMap<EntryId, Change>,
    unreadable: Vec<(EntryId, Unreadable)>,
}

/// Opens a document. `stored` are its entries in the order of writing.
#[must_use]
pub fn open(access: &Access, stored: &[StoredEntry], reader: &Reader<'_>) -> Opened {
    open_knowing(access, stored, reader, &BTreeMap::new())
}

/// The same where the changes of some of its revisions were checked before, such as those that were just made here. Of one
/// that is not exactly what the revision carries no use is made.
#[must_use]
pub fn open_knowing(access: &Access, stored: &[StoredEntry], reader: &Reader<'_>, known: &BTreeMap<EntryId, Change>) -> Opened {
    let Some(document) = access.document() else { return Opened::default() };
    let sealed = all_sealed(stored);
    let mut opened = Opened { epochs: open_epochs(&document, &sealed, reader), ..Opened::default() };
    let counted = Counted::by(access);
    let mut revised = opened.open_revisions(&document, &counted.revisions, &sealed, known);
    if let Some(owner) = access.owner() {
        revised.leave_out_other_kinds(&owner, &sealed);
    }
    opened.take_revisions(revised, &sealed);
    opened.open_responses(&document, &counted.responses, &sealed, reader);
    opened.counted = counted;
    opened
}

fn all_sealed<'e>(stored: &'e [StoredEntry]) -> AllSealed<'e> {
    let sealed = |stored: &'e StoredEntry| Some(Sealed { header: Header::from_canonical(&stored.entry.header).ok()?, stored });
    stored.iter().filter_map(sealed).map(|sealed| (sealed.header.id(), sealed)).collect()
}

fn open_epochs(document: &DocumentId, sealed: &AllSealed<'_>, reader: &Reader<'_>) -> BTreeMap<EntryId, Epoch> {
    let mut epochs = BTreeMap::new();
    let mut commitments = BTreeMap::new();
    let mut open: Vec<(EntryId, EpochKey)> = Vec::new();
    let mut all_wraps: BTreeMap<EntryId, Wraps> = BTreeMap::new();
    // A void Key entry does not void what was sealed under it: every one is tried.
    for (id, Sealed { header, stored }) in sealed {
        let (Body::Key { commitment }, Some(bytes)) = (&header.body, &stored.entry.wraps) else { continue };
        let Ok(wraps) = Wraps::from_canonical(bytes) else { continue };
        commitments.insert(*id, *commitment);
        if let Ok(key) = wraps.open(document, commitment, &reader.organisation, reader.secrets) {
            open.push((*id, key));
        }
        let openness = if wraps.open.is_some() { Openness::Anyone } else { Openness::Recipients };
        epochs.insert(*id, Epoch { key: None, recipients: wraps.recipients().collect(), openness, earlier: BTreeSet::new() });
        all_wraps.insert(*id, wraps);
    }
    while let Some((id, key)) = open.pop() {
        let (Some(epoch), Some(wraps)) = (epochs.get_mut(&id), all_wraps.get(&id)) else { continue };
        // Each epoch is opened once; an earlier key that is not what its own entry commits to is ignored.
        if epoch.key.is_some() || commitments.get(&id) != Some(&key.commitment()) {
            continue;
        }
        let earlier = wraps.earlier(document, &key).unwrap_or_default();
        // Nor is its epoch sealed by this one then.
        let fits = |(id, key): &&(EntryId, EpochKey)| commitments.get(id) == Some(&key.commitment());
        epoch.earlier = earlier.iter().filter(fits).map(|(id, _)| *id).collect();
        epoch.key = Some(key);
        open.extend(earlier);
    }
    epochs
}

impl Revised {
    /// Of what kind a document is, its owner says, at first. Beside that any writer could say another, and Automerge would take
    /// the one or the other: what a writer says so is left out, with all that builds on it.
    fn leave_out_other_kinds(&mut self, owner: &OrganisationId, sealed: &AllSealed<'_>) {
        let said: BTreeMap<EntryId, String> = self.changes.iter().filter_map(|(id, change)| Some((*id, change.kind_name()?))).collect();
        let by_owner = self.revisions.iter().filter(|revision| revision.organisation == *owner);
        let first =
            by_owner.filter_map(|revision| Some((sealed.get(&revision.entry)?.header.seq, revision.entry, said.get(&revision.entry)?)));
        let Some((_, _, kind)) = first.min() else { return };
        if said.values().all(|other| other == kind) {
            return;
        }
        for revision in std::mem::take(&mut self.revisions) {
            let id = revision.entry;
            let deps = match sealed.get(&id).map(|sealed| &sealed.header.body) {
                Some(Body::Revision { deps, .. }) => deps.as_slice(),
                _ => &[],
            };
            let why = match deps.iter().find(|dep| !self.changes.contains_key(*dep)) {
                _ if said.get(&id).is_some_and(|other| other != kind) => Unreadable::OtherKind,
                Some(dep) => Unreadable::Dep(*dep),
                None => {
                    self.revisions.push(revision);
                    continue;
                }
            };
            self.changes.remove(&id);
            self.unreadable.push((id, why));
        }
    }
}

impl Opened {
    /// Takes in what came since it was opened, or grew last: the entries `newer`, in the order of writing, by the graph that
    /// has them. What comes of it is what opening all anew for the same reader gives. False, and nothing done, where that may
    /// change what came of the entries before: if these do not all count as they did, if a key came, or if a revision says a
    /// kind. Entries before must be what they were: after their destruction the document is to be opened anew.
    #[must_use]
    pub fn grow(&mut self, access: &Access, newer: &[StoredEntry], reader: &Reader<'_>, known: &BTreeMap<EntryId, Change>) -> bool {
        let Some(document) = access.document() else { return false };
        let (sealed, counted) = (all_sealed(newer), Counted::by(access));
        let has_key = sealed.values().any(|sealed| matches!(sealed.header.body, Body::Key { .. }));
        let is_other_kind = |(_, why): &(EntryId, Unreadable)| matches!(why, Unreadable::OtherKind);
        if has_key || self.unreadable.iter().any(is_other_kind) {
            return false;
        }
        let came = |before: &[EntryId], now: &[EntryId]| -> Option<Vec<EntryId>> {
            let came = now.strip_prefix(before)?;
            came.iter().all(|id| sealed.contains_key(id)).then(|| came.to_vec())
        };
        let revisions = came(&self.counted.revisions, &counted.revisions);
        let responses = came(&self.counted.responses, &counted.responses);
        let (Some(revisions), Some(responses)) = (revisions, responses) else { return false };
        let revised = self.open_revisions(&document, &revisions, &sealed, known);
        if revised.changes.values().any(|change| change.kind_name().is_some()) {
            return false;
        }
        self.take_revisions(revised, &sealed);
        self.open_responses(&document, &responses, &sealed, reader);
        self.counted = counted;
        true
    }

    /// Opens revisions, which may build on those that are shown.
    fn open_revisions(
        &self,
        document: &DocumentId,
        revisions: &[EntryId],
        sealed: &AllSealed<'_>,
        known: &BTreeMap<EntryId, Change>,
    ) -> Revised {
        let mut revised = Revised::default();
        for (id, sealed) in revisions.iter().filter_map(|id| Some((id, sealed.get(id)?))) {
            match self.open_revision(document, sealed, &revised.changes, known.get(id)) {
                Ok((payload, change)) => {
                    revised.revisions.push(OpenRevision {
                        entry: *id,
                        organisation: sealed.header.organisation,
                        at: payload.at,
                        person: payload.person,
                        change: change.hash(),
                        received: sealed.stored.received,
                    });
                    revised.changes.insert(*id, change);
                }
                Err(why) => revised.unreadable.push((*id, why)),
            }
        }
        revised
    }

    fn open_revision(
        &self,
        document: &DocumentId,
        sealed: &Sealed<'_>,
        changes: &BTreeMap<EntryId, Change>,
        known: Option<&Change>,
    ) -> Result<(RevisionPayload, Change), Unreadable> {
        let Body::Revision { epoch, deps } = &sealed.header.body else { return Err(Unreadable::Key(SealError::NotForUs)) };
        if sealed.stored.parts == Parts::Destroyed {
            return Err(Unreadable::Destroyed);
        }
        let key = self.epochs.get(epoch).and_then(|epoch| epoch.key.as_ref()).ok_or(Unreadable::Key(SealError::NotForUs))?;
        let payload = sealed.stored.entry.payload.as_deref().unwrap_or_default();
        let plain = open_payload(key, payload, &sealed.header.associated_data())?;
        let payload = RevisionPayload::open(&plain)?;
        let mut hashes = BTreeSet::new();
        for dep in deps {
            let change = changes.get(dep).map(Change::hash).or_else(|| self.changes.get(dep).copied());
            hashes.insert(change.ok_or(Unreadable::Dep(*dep))?);
        }
        let change = match known.filter(|known| known.bytes() == payload.change && *known.deps() == hashes) {
            Some(known) => known.clone(),
            None => Change::check(document, &payload.change, &hashes)?,
        };
        Ok((payload, change))
    }

    /// Puts opened revisions behind those that are shown, and their changes into the content.
    fn take_revisions(&mut self, revised: Revised, sealed: &AllSealed<'_>) {
        for revision in &revised.revisions {
            if let Some(Body::Revision { epoch, .. }) = sealed.get(&revision.entry).map(|sealed| &sealed.header.body)
                && self.used_epochs.last() != Some(epoch)
            {
                self.used_epochs.push(*epoch);
            }
        }
        let before = self.unreadable_revisions;
        self.unreadable_revisions = before.saturating_add(revised.unreadable.len());
        self.unreadable.splice(before..before, revised.unreadable);
        self.changes.extend(revised.changes.iter().map(|(id, change)| (*id, change.hash())));
        self.revisions.extend(revised.revisions);
        self.content.add(revised.changes.into_values());
    }

    fn open_responses(&mut self, document: &DocumentId, responses: &[EntryId], sealed: &AllSealed<'_>, reader: &Reader<'_>) {
        for (id, sealed) in responses.iter().filter_map(|id| Some((*id, sealed.get(id)?))) {
            match open_response(document, sealed, reader) {
                Ok(payload) => self.responses.push(OpenResponse {
                    entry: id,
                    organisation: sealed.header.organisation,
                    payload,
                    received: sealed.stored.received,
                }),
                // A response addressed to others is none of our business.
                Err(Unreadable::Key(SealError::NotForUs)) => {}
                Err(why) => self.unreadable.push((id, why)),
            }
        }
    }

    /// The revisions whose changes are the content's heads: what the next revision names as deps.
    #[must_use]
    pub fn heads(&self) -> Vec<EntryId> {
        self.entries_of(self.content.heads())
    }

    /// The revisions that carry these changes. Two authors of one identical change count once: the lower id stands for both.
    #[must_use]
    pub fn entries_of(&self, changes: &BTreeSet<ChangeHash>) -> Vec<EntryId> {
        let mut entries: BTreeMap<ChangeHash, EntryId> = BTreeMap::new();
        for revision in self.revisions.iter().filter(|revision| changes.contains(&revision.change)) {
            let entry = entries.entry(revision.change).or_insert(revision.entry);
            *entry = (*entry).min(revision.entry);
        }
        entries.into_values().collect()
    }

    /// The changes that these revisions carry; none if one of them is not shown.
    #[must_use]
    pub fn changes_of(&self, entries: &[EntryId]) -> Option<Vec<ChangeHash>> {
        entries.iter().map(|entry| self.changes.get(entry).copied()).collect()
    }

    /// The checked changes of the revisions that are shown, for [`open_knowing`].
    pub fn changes(&self) -> impl Iterator<Item = (EntryId, Change)> + '_ {
        self.revisions.iter().filter_map(|revision| Some((revision.entry, self.content.change(&revision.change)?.clone())))
    }

    /// The epoch to seal under: authorised, open to us, for exactly this audience. None: start one.
    #[must_use]
    pub fn epoch_for(&self, access: &Access, audience: &Audience) -> Option<(EntryId, EpochKey)> {
        let wanted: BTreeSet<Recipient> = audience.recipients.iter().map(|(recipient, _)| *recipient).collect();
        let keys = access.authorised_keys();
        // What another epoch seals is past, also if its readers are again those of now: it would not open to them what was
        // sealed since.
        let opened = keys.iter().filter_map(|id| self.epochs.get(id)).filter(|epoch| epoch.key.is_some());
        let past: BTreeSet<EntryId> = opened.flat_map(|epoch| epoch.earlier.iter().copied()).collect();
        keys.into_iter().rev().filter(|id| !past.contains(id)).find_map(|id| {
            let epoch = self.epochs.get(&id)?;
            let fits = epoch.recipients == wanted && epoch.openness == audience.openness;
            epoch.key.clone().filter(|_| fits).map(|key| (id, key))
        })
    }

    /// The keys that a new epoch seals, so that a new reader opens the past: those of the epochs that no other seals. If
    /// there are more than may be sealed, those that open effective revisions come first, of these the ones that open the
    /// newest, so that nobody who floods a document with void epochs keeps new readers from reading it.
    #[must_use]
    pub fn earlier_epochs(&self) -> Vec<(EntryId, EpochKey)> {
        let mut sealed_by: BTreeMap<EntryId, Vec<EntryId>> = BTreeMap::new();
        for (id, epoch) in &self.epochs {
            for earlier in &epoch.earlier {
                sealed_by.entry(*earlier).or_default().push(*id);
            }
        }
        // From each epoch in use, the newest first, to those that seal it and are not sealed themselves.
        let (mut chosen, mut seen) = (Vec::new(), BTreeSet::new());
        for epoch in self.used_epochs.iter().rev().chain(self.epochs.keys()) {
            let mut open = vec![*epoch];
            while let Some(id) = open.pop() {
                if !seen.insert(id) {
                    continue;
                }
                match (sealed_by.get(&id), self.epochs.get(&id).and_then(|epoch| epoch.key.clone())) {
                    (Some(by), _) => open.extend(by),
                    (None, Some(key)) => chosen.push((id, key)),
                    (None, None) => {}
                }
            }
        }
        chosen.truncate(limits::EARLIER_EPOCHS);
        chosen.sort_by_key(|(id, _)| *id);
        chosen
    }
}

fn open_response(document: &DocumentId, sealed: &Sealed<'_>, reader: &Reader<'_>) -> Result<ResponsePayload, Unreadable> {
    if sealed.stored.parts == Parts::Destroyed {
        return Err(Unreadable::Destroyed);
    }
    let (Body::Response { commitment }, Some(wraps)) = (&sealed.header.body, &sealed.stored.entry.wraps) else {
        return Err(Unreadable::Key(SealError::NotForUs));
    };
    let wraps = Wraps::from_canonical(wraps)?;
    let key = wraps.open(document, commitment, &reader.organisation, reader.secrets).map_err(Unreadable::Key)?;
    let payload = sealed.stored.entry.payload.as_deref().unwrap_or_default();
    let plain = open_payload(&key, payload, &sealed.header.associated_data())?;
    Ok(ResponsePayload::from_canonical(&plain)?)
}

/// Opens one response, whether or not it counts: what was signed in good time may come after its author's role ended. None if
/// it is no response, or not open to the reader.
#[must_use]
pub fn response(document: &DocumentId, stored: &StoredEntry, reader: &Reader<'_>) -> Option<OpenResponse> {
    let sealed = Sealed { header: Header::from_canonical(&stored.entry.header).ok()?, stored };
    let payload = open_response(document, &sealed, reader).ok()?;
    Some(OpenResponse { entry: sealed.header.id(), organisation: sealed.header.organisation, payload, received: stored.received })
}

/// The readers of a document at `now`, at their current cards. An organisation without a card here
/// cannot be wrapped for; the next epoch after its card arrives includes it.
#[must_use]
pub fn audience(access: &Access, directory: &Directory, now: Timestamp) -> Audience {
    let openness = if access.anyone_now(now).is_some() { Openness::Anyone } else { Openness::Recipients };
    let recipients = access.readers(now).iter().filter_map(|organisation| directory.recipient(organisation)).collect();
    Audience { recipients, openness }
}
