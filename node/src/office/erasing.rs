//! Erasing: having a document destroyed everywhere, obeying that, and saying so.
//!
//! ```text
//!   an Erase counts ─► one commit: parts, drafts, listing, log line ─► files rewritten ─► Receipt signed ─► commit
//!                      and "rewriting is due"                          (may wait, be repeated)
//! ```
//!
//! Whatever is cut off between two steps goes on from there after the next start: the commit is whole or not at all, the
//! note that rewriting is due stands in the database until it is done, and a Receipt is owed until it is signed.

use super::annexes::Whole;
use super::opening::Named;
use super::showing::Haste;
use super::{Office, OfficeError, now};
use crate::desk::{Actor, Check, Erased, ErasureRequest, ErasureView, Holder, Problem};
use crate::log_verb::LogVerb;
use crate::storage::{Listed, StorageError};
use csu_protocol::access::Erasure;
use csu_protocol::entry::{Body, Reason, Role, Subject};
use csu_protocol::id::{DocumentId, EntryId, OrganisationId};
use csu_protocol::store::Read;
use csu_protocol::sync::{CommandError, Held};
use csu_protocol::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// The state of an erased document in lists.
pub(super) const ERASED: &str = "erased";
/// Rewriting takes at most one part in so many of the node's time.
const SHARE: u32 = 20;
/// How soon what could not be done is tried again.
const RETRY: Duration = Duration::from_secs(2);
/// Receipts signed at a time: whoever erases very much does not keep others waiting.
const RECEIPTS: usize = 256;
/// How long a holder may be outstanding before somebody should ask.
const PATIENCE_MS: u64 = 24 * 3_600_000;

/// What is left to do of erasures that were obeyed.
#[derive(Debug, Default)]
pub(super) struct Erasing {
    /// Documents whose content was destroyed and for which a Receipt may be owed.
    owing: BTreeSet<DocumentId>,
    /// Documents that are hidden and not destroyed before a time, if the operator wants that.
    waiting: BTreeMap<DocumentId, Timestamp>,
    /// The database holds unused bytes of what was destroyed.
    rewrite: bool,
    /// Its log does.
    empty_log: bool,
    /// Not before.
    again: Option<Instant>,
    /// Why it could not be done the last time.
    trouble: Option<String>,
}

impl Erasing {
    fn is_done(&self) -> bool {
        self.owing.is_empty() && !self.rewrite && !self.empty_log
    }

    /// How long until there is something to do.
    pub(super) fn wake_in(&self) -> Option<Duration> {
        (!self.is_done()).then(|| self.again.map_or(Duration::ZERO, |again| again.saturating_duration_since(Instant::now())))
    }
}

impl Office {
    /// Signs the order to erase a document, which every holder obeys.
    pub(super) fn erase_document(&mut self, actor: &Actor, reference: &str, request: ErasureRequest) -> Result<ErasureView, Problem> {
        let document = match self.find_to_erase(reference)? {
            Named::Document(document, _) => document,
            Named::Draft(draft) => {
                return Err(Problem::conflict(
                    format!("{} is a draft that nobody else has", draft.number),
                    format!("throw it away with `csu {} discard {}`", draft.content.kind, draft.number),
                ));
            }
        };
        self.refuse_erased(&document)?;
        let us = self.machine.organisation();
        let owner = self.access_of(&document)?.owner().unwrap_or(us);
        if owner != us {
            let owner = self.organisation(&owner).to_string();
            return Err(Problem::denied(
                format!("only its owner may have a document erased everywhere, and this one is {owner}'s"),
                format!("ask {owner}, who can do it with `csu erase {} --why {}`", document.short(), request.why),
            ));
        }
        self.order_erasure(actor, &document, request.why, "had it erased everywhere")?;
        self.erase_annexes(actor, &document, request.why)?;
        self.pump()?;
        self.erasure_view(&document)
    }

    /// Signs the order for a document of this organisation.
    pub(super) fn order_erasure(&mut self, actor: &Actor, document: &DocumentId, why: Reason, detail: &str) -> Result<(), Problem> {
        let under = self.standing(document, Role::Admin, "erasing")?;
        // An Erase has no room for a reason: a Withdraw before it says it, in clear, to whoever ever held the document.
        self.sign_control(document, under, Body::Withdraw { reason: why })?;
        self.sign_control(document, under, Body::Erase)?;
        self.log_act(actor, LogVerb::Erasure, Some(*document), Some(why.to_string()), detail)
    }

    /// Who holds a document and, if it is erased, who confirmed.
    pub(super) fn erasure_of(&self, reference: &str) -> Result<ErasureView, Problem> {
        let document = match self.find_to_erase(reference)? {
            Named::Document(document, _) => document,
            Named::Draft(_) => self.find_shared(reference)?,
        };
        self.erasure_view(&document)
    }

    /// The same for every document that was erased.
    pub(super) fn all_erasures(&self) -> Result<Vec<ErasureView>, Problem> {
        let erased = self.machine.documents().filter(|held| is_erased(held)).map(Held::document);
        let mut views = erased.collect::<Vec<_>>().iter().map(|document| self.erasure_view(document)).collect::<Result<Vec<_>, _>>()?;
        views.sort_by_key(|view| std::cmp::Reverse(view.erased.as_ref().map(|erased| erased.at.timestamp())));
        Ok(views)
    }

    fn erasure_view(&self, document: &DocumentId) -> Result<ErasureView, Problem> {
        let access = self.access_of(document)?;
        let us = self.machine.organisation();
        let owner = access.owner().unwrap_or(us);
        let erased = self.erased(document)?;
        let receipts: BTreeMap<EntryId, OrganisationId> = access.obeyed().iter().map(|obeyed| (obeyed.entry, obeyed.by)).collect();
        let mut confirmed: BTreeMap<OrganisationId, Timestamp> = BTreeMap::new();
        for (by, received) in
            self.arrival(document, receipts.keys().copied())?.into_iter().filter_map(|(id, at)| Some((*receipts.get(&id)?, at)))
        {
            confirmed.entry(by).or_insert(received);
        }
        let mut roles: BTreeMap<OrganisationId, (Role, bool)> = BTreeMap::from([(owner, (Role::Admin, true))]);
        let mut anyone = false;
        for row in access.rows() {
            match row.who {
                Subject::Anyone => anyone = true,
                Subject::Organisation(id) => {
                    let (role, live) = roles.entry(id).or_insert((row.role, false));
                    *role = (*role).max(row.role);
                    *live |= row.is_live(now());
                }
            }
        }
        let mut holders = Vec::new();
        for (id, (role, live)) in roles {
            holders.push(Holder {
                who: self.organisation(&id),
                role,
                live,
                confirmed: confirmed.get(&id).copied().map(Into::into),
                last_seen: self.storage.last_seen(&id)?.map(Into::into),
                connected: self.machine.connection(&id).is_some(),
                here: id == us,
            });
        }
        let outstanding = if erased.is_some() { holders.iter().filter(|holder| holder.confirmed.is_none()).count() } else { 0 };
        let title = if erased.is_some() { None } else { self.line_of(document)?.map(|line| line.title) };
        let annexes = self.annex_lines(Whole::Document(*document))?;
        let owner = self.organisation(&owner);
        Ok(ErasureView { reference: document.short(), id: *document, title, owner, erased, holders, anyone, outstanding, annexes })
    }

    /// When entries of a document came here.
    fn arrival(&self, document: &DocumentId, ids: impl Iterator<Item = EntryId>) -> Result<Vec<(EntryId, Timestamp)>, Problem> {
        let ids: BTreeSet<EntryId> = ids.collect();
        let mut found = Vec::new();
        for id in ids {
            let stored = self.storage.entries(document, &BTreeSet::from([id]))?;
            found.extend(stored.first().map(|stored| (id, stored.received)));
        }
        Ok(found)
    }

    /// That a document was erased; none if it was not.
    pub(super) fn erased(&self, document: &DocumentId) -> Result<Option<Erased>, Problem> {
        if !self.machine.document(document).is_some_and(is_erased) {
            return Ok(None);
        }
        let (us, access) = (self.machine.organisation(), &*self.access_of(document)?);
        Ok(Some(match access.erasure() {
            Some(Erasure { entry, by, why }) => {
                let at = self.arrival(document, std::iter::once(entry))?.first().map(|(_, at)| *at).unwrap_or_default();
                Erased { by: self.organisation(&by), at: at.into(), why }
            }
            // The order was obeyed and fell afterwards: a thief's, for instance.
            None => {
                let at = self.storage.listed(document)?.map(|line| line.updated).unwrap_or_default();
                let owner = access.owner().unwrap_or(us);
                Erased { by: self.organisation(&owner), at: at.into(), why: None }
            }
        }))
    }

    /// Refuses whatever needs the content of an erased document, or would add to it.
    pub(super) fn refuse_erased(&self, document: &DocumentId) -> Result<(), Problem> {
        let Some(erased) = self.erased(document)? else { return Ok(()) };
        let why = erased.why.map(|why| format!(": {why}")).unwrap_or_default();
        Err(Problem::conflict(
            format!("this document was erased by {} on {}{why}; nothing of what it said is left here", erased.by, erased.at),
            format!("see who confirmed with `csu erase status {}`; to say something anew begin another document", document.short()),
        ))
    }

    /// What stands for an erased document in a list; none if it is not erased.
    pub(super) fn erased_line(&self, document: &DocumentId, before: Option<&Listed>) -> Result<Option<Listed>, Problem> {
        let Some(erased) = self.erased(document)? else { return Ok(None) };
        let access = self.access_of(document)?;
        let us = self.machine.organisation();
        let owner = access.owner().unwrap_or(us);
        let news = owner != us && before.is_none_or(|line| line.state != ERASED);
        Ok(Some(Listed {
            document: *document,
            kind: before.map_or_else(|| "unknown".to_owned(), |line| line.kind.clone()),
            title: String::new(),
            state: ERASED.to_owned(),
            marking: None,
            owner,
            updated: erased.at.timestamp(),
            received: before.and_then(|line| line.received),
            access: self.level(&access, owner).as_str().to_owned(),
            unread: news || before.is_some_and(|line| line.unread),
        }))
    }

    /// Destroys what this node holds of a document whose owner had it erased, in the open group of writes.
    pub(super) fn obey(&mut self, document: &DocumentId) -> Result<(), OfficeError> {
        if self.owes_receipt(document) {
            // Destroyed before; but the order that was obeyed then fell, and this is another.
            self.erasing.owing.insert(*document);
        }
        if !self.machine.document(document).is_some_and(|held| held.sharing().is_erased() && !held.is_destroyed()) {
            return Ok(());
        }
        let Some(erasure) = self.machine.access(document, &self.storage)?.and_then(|access| access.erasure()) else { return Ok(()) };
        let at = now();
        let may_end = self.config.erasure_grace_hours == 0 || !self.has_clock_jumped();
        if let Some(until) = self.grace_until(document, &erasure)?.filter(|until| at < *until || !may_end) {
            self.erasing.waiting.insert(*document, until);
            return Ok(());
        }
        self.erasing.waiting.remove(document);
        self.lately.forget(document);
        match self.machine.destroy(at, document, &self.storage) {
            Err(CommandError::Read(error)) => return Err(error.into()),
            // It is one that an Erase counts for: nothing is left to be refused.
            Err(_) => return Ok(()),
            Ok(()) => {}
        }
        self.pump()?;
        let drafts = self.storage.empty_drafts(document, at)?.saturating_add(self.drop_annex_drafts(document)?);
        // Of what is gone nothing is due, and why it was to be kept may say what it said.
        self.storage.set_retention(document, None)?;
        self.forget_removed()?;
        self.erasing.owing.insert(*document);
        let by = self.name_for_log(&erasure.by);
        let drafts = match drafts {
            0 => "",
            1 => ", and the draft on it",
            _ => ", and the drafts on it",
        };
        let detail = format!("removed what this node held of it{drafts}");
        self.log(at, LogVerb::Erasure, &by, Some(*document), None, erasure.why.map(|why| why.to_string()), detail)
    }

    /// Whether this node destroyed what it held of a document, and has not confirmed an order that counts.
    fn owes_receipt(&self, document: &DocumentId) -> bool {
        let us = self.machine.organisation();
        let owes = |held: &Held| held.is_destroyed() && held.sharing().is_erased() && !held.sharing().is_obeyed_by(&us);
        self.machine.document(document).is_some_and(owes)
    }

    /// Until when an order to erase is not obeyed yet. What was ordered at this node is what its operator wants; other
    /// orders may be a thief's.
    fn grace_until(&self, document: &DocumentId, erasure: &Erasure) -> Result<Option<Timestamp>, OfficeError> {
        let stored = self.storage.entries(document, &BTreeSet::from([erasure.entry]))?;
        let received = stored.first().filter(|stored| stored.from.is_some()).map(|stored| stored.received);
        let grace = self.config.erasure_grace_hours.saturating_mul(3_600_000);
        Ok(received.map(|received| received.plus_ms(grace)))
    }

    /// Whether a document is hidden here, and not destroyed before a time.
    pub(super) fn is_in_grace(&self, document: &DocumentId) -> Result<bool, Problem> {
        if !self.machine.document(document).is_some_and(|held| held.sharing().is_erased() && !held.is_destroyed()) {
            return Ok(false);
        }
        let Some(erasure) = self.access_of(document)?.erasure() else { return Ok(false) };
        Ok(self.grace_until(document, &erasure)?.is_some_and(|until| now() < until))
    }

    /// Has what was removed from rows taken off the disk as well, after the commit.
    pub(super) fn forget_removed(&mut self) -> Result<(), StorageError> {
        self.storage.note_rewrite_due()?;
        (self.erasing.rewrite, self.erasing.empty_log) = (true, true);
        Ok(())
    }

    /// Takes up documents whose time of grace is over.
    pub(super) fn wake_erasures(&mut self) {
        let at = now();
        let due = self.erasing.waiting.iter().filter(|(_, until)| **until <= at).map(|(document, _)| *document);
        for document in due.collect::<Vec<_>>() {
            self.change(document, Haste::Now);
        }
    }

    /// Finds out, from what is on disk, what is left to do.
    pub(super) fn recall_erasures(&mut self) -> Result<(), OfficeError> {
        let rewrite = self.storage.is_rewrite_due()?;
        let owing = self.machine.documents().map(Held::document).filter(|document| self.owes_receipt(document)).collect();
        self.erasing = Erasing { owing, rewrite, empty_log: rewrite, ..Erasing::default() };
        for document in self.machine.to_destroy().collect::<Vec<_>>() {
            self.change(document, Haste::Now);
        }
        Ok(())
    }

    /// Brings what was destroyed off the disk, and then says so. What cannot be done now is tried again.
    pub(super) fn confirm_erasures(&mut self) -> Result<(), OfficeError> {
        if self.erasing.is_done() || self.erasing.again.is_some_and(|again| Instant::now() < again) {
            return Ok(());
        }
        let began = Instant::now();
        match self.rewrite() {
            Ok(true) => self.erasing.trouble = None,
            Ok(false) => {
                self.erasing.again = Some(Instant::now() + RETRY);
                return Ok(());
            }
            Err(error) => {
                tracing::warn!(%error, "what was erased is still in unused parts of the database's files");
                self.erasing.trouble = Some(error.to_string());
                self.erasing.again = Some(Instant::now() + RETRY * SHARE);
                return Ok(());
            }
        }
        self.erasing.again = Some(Instant::now() + began.elapsed() * SHARE);
        self.storage.note_rewritten()?;
        for _ in 0..RECEIPTS {
            let Some(document) = self.erasing.owing.pop_first() else { break };
            let Some(owed) = self.machine.owed_receipt(&document, &self.storage)? else { continue };
            if let Err(problem) = self.sign_control(&document, owed.under, Body::Receipt { erase: owed.erase }) {
                tracing::warn!(document = %document.short(), %problem, "could not confirm that it was erased here");
                continue;
            }
            let owner = self.machine.document(&document).and_then(|held| held.sharing().owner()).map(|owner| self.name_for_log(&owner));
            let detail = "confirmed that nothing of it is left here".to_owned();
            self.log(now(), LogVerb::Erasure, "this node", Some(document), owner, None, detail)?;
        }
        self.try_settle()?;
        self.release();
        Ok(())
    }

    /// Whether nothing of what was destroyed is left in the database's files.
    fn rewrite(&mut self) -> Result<bool, StorageError> {
        if std::mem::take(&mut self.erasing.rewrite)
            && let Err(error) = self.storage.rewrite()
        {
            self.erasing.rewrite = true;
            return Err(error);
        }
        if self.erasing.empty_log {
            self.erasing.empty_log = !self.storage.empty_log()?;
        }
        Ok(!self.erasing.empty_log)
    }

    /// Documents of this organisation whose erasure somebody has not confirmed, with who.
    fn outstanding(&self) -> Vec<(DocumentId, Vec<OrganisationId>)> {
        let us = self.machine.organisation();
        let ours = self.machine.documents().filter(|held| held.sharing().is_erased() && held.sharing().owner() == Some(us));
        let open = ours.map(|held| {
            let unconfirmed = held.sharing().named().into_iter().filter(|organisation| !held.sharing().is_obeyed_by(organisation));
            (held.document(), unconfirmed.collect::<Vec<_>>())
        });
        open.filter(|(_, who)| !who.is_empty()).collect()
    }

    /// How many erasures somebody has not confirmed, and who they are.
    pub(super) fn outstanding_erasures(&self) -> (usize, Vec<String>) {
        let outstanding = self.outstanding();
        let who: BTreeSet<OrganisationId> = outstanding.iter().flat_map(|(_, who)| who.iter().copied()).collect();
        (outstanding.len(), who.iter().map(|id| self.organisation(id).to_string()).collect())
    }

    /// What a doctor says of erasures.
    pub(super) fn check_erasures(&self) -> Result<Vec<Check>, Problem> {
        let mut checks = Vec::new();
        if let Some(trouble) = &self.erasing.trouble {
            checks.push(Check::failed(
                "erasure here",
                format!("what was erased is still in unused parts of the database's files ({trouble})"),
                "make room on its disk for a copy of the database; the node tries again by itself",
            ));
        }
        for (document, who) in self.outstanding() {
            let mut waiting = Vec::new();
            for id in &who {
                let seen = self.storage.last_seen(id)?.map_or_else(|| "never seen".to_owned(), |at| format!("last seen {at}"));
                waiting.push(format!("{} ({seen})", self.organisation(id)));
            }
            let detail = format!("not confirmed yet by {}", waiting.join(", "));
            let name = format!("erasure of {}", document.short());
            let at = self.erased(&document)?.map(|erased| erased.at.timestamp()).unwrap_or_default();
            checks.push(if now().ms_since(at) < PATIENCE_MS {
                Check::passed(name, detail)
            } else {
                let status = format!("`csu erase status {}`", document.short());
                Check::failed(name, detail, format!("ask them whether their node runs; {status} shows when they confirm"))
            });
        }
        Ok(checks)
    }
}

/// Whether what a document said is gone, or about to be: an Erase counts, or one was obeyed here.
fn is_erased(held: &Held) -> bool {
    held.is_destroyed() || held.sharing().is_erased()
}
