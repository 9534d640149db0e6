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

/// A document, open.
#[derive(Debug, Default)]
pub struct Opened {
    /// The effective revisions that can be shown, in causal order.
    pub revisions: Vec<OpenRevision>,
    /// The effective responses that can be shown, in causal order.
    pub responses: Vec<OpenResponse>,
    /// Effective entries that cannot be shown, and why.
    pub unreadable: Vec<(EntryId, Unreadable)>,
    /// What the document says.
    pub content: Content,
    epochs: BTreeMap<EntryId, Epoch>,
    /// The epochs of the revisions that are shown, in the order of the revisions.
    used_epochs: Vec<EntryId>,
}

struct Sealed<'e> {
    header: Header,
    stored: &'e StoredEntry,
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
    let mut sealed: BTreeMap<EntryId, Sealed<'_>> = BTreeMap::new();
    for stored in stored {
        if let Ok(header) = Header::from_canonical(&stored.entry.header) {
            sealed.insert(header.id(), Sealed { header, stored });
        }
    }
    let mut opened = Opened { epochs: open_epochs(&document, &sealed, reader), ..Opened::default() };
    opened.open_revisions(&document, access, &sealed, known);
    opened.open_responses(&document, access, &sealed, reader);
    opened
}

fn open_epochs(document: &DocumentId, sealed: &BTreeMap<EntryId, Sealed<'_>>, reader: &Reader<'_>) -> BTreeMap<EntryId, Epoch> {
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

impl Opened {
    fn open_revisions(
        &mut self,
        document: &DocumentId,
        access: &Access,
        sealed: &BTreeMap<EntryId, Sealed<'_>>,
        known: &BTreeMap<EntryId, Change>,
    ) {
        let mut changes: BTreeMap<EntryId, Change> = BTreeMap::new();
        for id in access.effective_revisions() {
            let Some(sealed) = sealed.get(&id) else { continue };
            match self.open_revision(document, sealed, &changes, known.get(&id)) {
                Ok((payload, change)) => {
                    self.revisions.push(OpenRevision {
                        entry: id,
                        organisation: sealed.header.organisation,
                        at: payload.at,
                        person: payload.person,
                        change: change.hash(),
                        received: sealed.stored.received,
                    });
                    changes.insert(id, change);
                }
                Err(why) => self.unreadable.push((id, why)),
            }
        }
        if let Some(owner) = access.owner() {
            self.leave_out_other_kinds(&owner, sealed, &mut changes);
        }
        for revision in &self.revisions {
            if let Some(Body::Revision { epoch, .. }) = sealed.get(&revision.entry).map(|sealed| &sealed.header.body)
                && self.used_epochs.last() != Some(epoch)
            {
                self.used_epochs.push(*epoch);
            }
        }
        self.content = Content::build(changes.into_values());
    }

    /// Of what kind a document is, its owner says, at first. Beside that any writer could say another, and Automerge would take
    /// the one or the other: what a writer says so is left out, with all that builds on it.
    fn leave_out_other_kinds(
        &mut self,
        owner: &OrganisationId,
        sealed: &BTreeMap<EntryId, Sealed<'_>>,
        changes: &mut BTreeMap<EntryId, Change>,
    ) {
        let said: BTreeMap<EntryId, String> = changes.iter().filter_map(|(id, change)| Some((*id, change.kind_name()?))).collect();
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
            let why = match deps.iter().find(|dep| !changes.contains_key(*dep)) {
                _ if said.get(&id).is_some_and(|other| other != kind) => Unreadable::OtherKind,
                Some(dep) => Unreadable::Dep(*dep),
                None => {
                    self.revisions.push(revision);
                    continue;
                }
            };
            changes.remove(&id);
            self.unreadable.push((id, why));
        }
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
        let payload = RevisionPayload::from_canonical(&plain)?;
        let mut hashes = BTreeSet::new();
        for dep in deps {
            hashes.insert(changes.get(dep).ok_or(Unreadable::Dep(*dep))?.hash());
        }
        let change = match known.filter(|known| known.bytes() == payload.change && *known.deps() == hashes) {
            Some(known) => known.clone(),
            None => Change::check(document, &payload.change, &hashes)?,
        };
        Ok((payload, change))
    }

    fn open_responses(&mut self, document: &DocumentId, access: &Access, sealed: &BTreeMap<EntryId, Sealed<'_>>, reader: &Reader<'_>) {
        for id in access.effective_responses() {
            let Some(sealed) = sealed.get(&id) else { continue };
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
        let find = |id: &EntryId| self.revisions.iter().find(|revision| revision.entry == *id).map(|revision| revision.change);
        entries.iter().map(find).collect()
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
