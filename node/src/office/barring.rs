//! Keeping devices that were replaced out of documents in which this organisation has a say.
//!
//! An organisation that lost a device disowns it with its root key in every document that it knows of by then. Where it was
//! given a role by somebody who had not heard of the newer card, in a document that reaches it only later, the device could
//! still act. There whoever stands above that role speaks:
//!
//! ```text
//!   a newer card ─► noted on disk when ─► after an hour: every document, some at a time ─► noted on disk that it was done
//!                            ▲                                                                        │
//!                            └── a document changed, and the device may act there ────────────────────┘
//! ```
//!
//! The root key goes first, because its people know what of the device's work is theirs; whoever gave a role knows only what is
//! here, and keeps that: honest work that is still on its way would fall for good. So it waits also after a change that may have
//! come in part, and a node that was off catches up first. Nothing is signed where the device may not act any more. Who begins
//! a document, or gives a role, does not wait: what is given now is not for the device that was lost.

use super::{Office, OfficeError, now};
use crate::desk::Problem;
use crate::log_verb::LogVerb;
use csu_protocol::access::{Access, Sharing};
use csu_protocol::entry::{Author, Body, Role, Subject};
use csu_protocol::id::{DeviceId, DocumentId, EntryId, OrganisationId};
use csu_protocol::identity::Replaced;
use csu_protocol::store::{Pairing, Peer};
use csu_protocol::sync::Held;
use csu_protocol::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long after a newer card came the root key is left to speak first, in ms.
pub(super) const ROOT_KEY_FIRST_MS: u64 = 3_600_000;
/// Documents looked at in one piece of the work, and in how many of them at most something is signed: nobody waits long for an
/// answer meanwhile.
const LOOKED_AT: usize = 256;
const SIGNED: usize = 64;
/// Entries of graphs that may have to be read from disk in one piece, about.
const READ: usize = 4096;
/// How soon the next piece follows.
const NEXT: Duration = Duration::from_millis(20);
/// Devices of one organisation that are barred at most. Each takes a Revoke in each of its documents, and an organisation can
/// sign cards for as many devices as it likes.
const DEVICES_EACH: usize = 32;
/// What is noted of a device in the place of when it was heard of, once all documents were looked at.
const DONE: &str = "done";

/// An organisation, and a device of it that was replaced.
type Lost = (OrganisationId, DeviceId);

/// What is noted of a replaced device, in the table `meta`: since when, in ms since 1970, or that it is done.
fn noted_name((organisation, device): &Lost) -> String {
    format!("replaced {organisation} {device}")
}

/// Which devices of others were replaced, and how far it is looked where they may still act.
#[derive(Debug, Default)]
pub(super) struct Barring {
    /// Those whose documents were not all looked at, and when their newer card was heard of.
    waiting: BTreeMap<Lost, Timestamp>,
    /// Those whose documents were.
    done: BTreeSet<Lost>,
    /// Those that their organisation went back to. They still count as devices of it: by going back and forth it would have
    /// any number barred, a few at a time.
    back: BTreeSet<Lost>,
    pass: Option<Pass>,
    /// Since when the node runs, and of whom it has all that they hold since then.
    since: Timestamp,
    caught_up: BTreeSet<OrganisationId>,
}

/// One way through all documents.
#[derive(Debug)]
struct Pass {
    of: BTreeSet<Lost>,
    /// The last document that was looked at.
    last: Option<DocumentId>,
    /// Those that a change let act somewhere meanwhile.
    again: BTreeSet<Lost>,
}

impl Barring {
    /// How many devices of an organisation were ever noted.
    fn count_of(&self, organisation: &OrganisationId) -> usize {
        self.of(organisation).chain(self.back.iter().filter(|(of, _)| of == organisation).copied()).count()
    }

    /// Those of an organisation.
    fn of<'b>(&'b self, organisation: &'b OrganisationId) -> impl Iterator<Item = Lost> + 'b {
        self.waiting.keys().chain(&self.done).filter(move |(of, _)| of == organisation).copied()
    }

    /// Those whose time has come.
    fn due(&self, at: Timestamp) -> BTreeSet<Lost> {
        let is_over = |from: Timestamp| from.plus_ms(ROOT_KEY_FIRST_MS) <= at;
        let is_due = |lost: &Lost, heard: Timestamp| is_over(heard) && (is_over(self.since) || self.caught_up.contains(&lost.0));
        self.waiting.iter().filter(|(lost, heard)| is_due(lost, **heard)).map(|(lost, _)| *lost).collect()
    }

    /// All that an organisation holds was taken in.
    pub(super) fn caught_up(&mut self, organisation: OrganisationId) {
        self.caught_up.insert(organisation);
    }

    /// How long until there is something to do; none if there is nothing.
    pub(super) fn wake_in(&self, at: Timestamp) -> Option<Duration> {
        let due = |(lost, heard): (&Lost, &Timestamp)| {
            let from = if self.caught_up.contains(&lost.0) { *heard } else { self.since.max(*heard) };
            Duration::from_millis(from.plus_ms(ROOT_KEY_FIRST_MS).ms_since(at))
        };
        if self.pass.is_some() { Some(NEXT) } else { self.waiting.iter().map(due).min().map(|first| first.max(NEXT)) }
    }
}

impl Office {
    /// Reads anew which devices of others were replaced, and since when that is known.
    pub(super) fn recall_replaced(&mut self) -> Result<(), OfficeError> {
        self.barring = Barring { since: now(), ..Barring::default() };
        let known: Vec<OrganisationId> = self.machine.directory().organisations().map(|known| known.card.card().organisation).collect();
        known.iter().try_for_each(|organisation| self.watch_replaced(organisation, now()))
    }

    /// Notes since when devices of an organisation are known to be replaced, after a card of it came.
    pub(super) fn watch_replaced(&mut self, organisation: &OrganisationId, at: Timestamp) -> Result<(), OfficeError> {
        if *organisation == self.machine.organisation() {
            return Ok(());
        }
        let replaced = self.machine.directory().replaced_devices(organisation);
        let noted: BTreeSet<Lost> = self.barring.of(organisation).collect();
        for lost in noted.iter().filter(|(_, device)| !replaced.contains(device)) {
            // The organisation went back to it.
            self.barring.waiting.remove(lost);
            self.barring.done.remove(lost);
            self.barring.back.insert(*lost);
            self.storage.put_meta(&noted_name(lost), "")?;
        }
        let current = self.machine.directory().device(organisation).map(|device| (*organisation, device));
        if let Some(current) = current.filter(|current| !self.barring.back.contains(current))
            && self.storage.meta(&noted_name(&current))?.is_some()
        {
            self.barring.back.insert(current);
        }
        let mut more = 0_usize;
        for lost in replaced.into_iter().map(|device| (*organisation, device)).filter(|lost| !noted.contains(lost)) {
            if !self.barring.back.remove(&lost) && self.barring.count_of(organisation) >= DEVICES_EACH {
                more = more.saturating_add(1);
                continue;
            }
            let text = self.storage.meta(&noted_name(&lost))?;
            if text.as_deref() == Some(DONE) {
                self.barring.done.insert(lost);
                continue;
            }
            let heard = text.and_then(|text| text.parse().ok()).map(Timestamp::from_ms);
            let heard = match heard {
                Some(heard) => heard,
                None => self.note_heard(&lost, at)?,
            };
            self.barring.waiting.insert(lost, heard);
        }
        if more > 0 {
            tracing::warn!(who = self.name_for_log(organisation), more, "has replaced more devices than are kept out of documents");
        }
        Ok(())
    }

    fn note_heard(&mut self, lost: &Lost, at: Timestamp) -> Result<Timestamp, OfficeError> {
        self.storage.put_meta(&noted_name(lost), &at.as_ms().to_string())?;
        Ok(at)
    }

    /// Looks at some documents for what devices may still do there whose time has come.
    pub(super) fn bar_some(&mut self, at: Timestamp) -> Result<(), OfficeError> {
        if self.recovering.is_some() || self.machine.replaced_by().is_some() {
            return Ok(());
        }
        // A clock that was ahead and was set back.
        self.barring.since = self.barring.since.min(at);
        let ahead: Vec<Lost> = self.barring.waiting.iter().filter(|(_, heard)| **heard > at).map(|(lost, _)| *lost).collect();
        for lost in ahead {
            let heard = self.note_heard(&lost, at)?;
            self.barring.waiting.insert(lost, heard);
        }
        let mut pass = match self.barring.pass.take() {
            Some(pass) => pass,
            None => Pass { of: self.barring.due(at), last: None, again: BTreeSet::new() },
        };
        if pass.of.is_empty() {
            return Ok(());
        }
        let some: Vec<DocumentId> = self.machine.documents_after(pass.last).map(Held::document).take(LOOKED_AT).collect();
        let (mut signed, mut read) = (0_usize, 0_usize);
        for document in &some {
            if signed >= SIGNED || read >= READ {
                break;
            }
            let lost = self.named_among(document, &pass.of);
            if !lost.is_empty() && !self.is_silent(document) {
                signed = signed.saturating_add(self.bar_in(document, &lost)?);
                read = read.saturating_add(self.access_of(document).map_or(0, |access| access.len()));
            }
            pass.last = Some(*document);
        }
        if some.len() == LOOKED_AT || pass.last != some.last().copied().or(pass.last) {
            self.barring.pass = Some(pass);
            return Ok(());
        }
        for lost in &pass.again {
            self.wait_again(lost, at)?;
        }
        for lost in pass.of.into_iter().filter(|lost| !pass.again.contains(lost)) {
            self.storage.put_meta(&noted_name(&lost), DONE)?;
            self.barring.waiting.remove(&lost);
            self.barring.done.insert(lost);
        }
        Ok(())
    }

    fn wait_again(&mut self, lost: &Lost, at: Timestamp) -> Result<(), OfficeError> {
        let heard = self.note_heard(lost, at)?;
        self.barring.done.remove(lost);
        self.barring.waiting.insert(*lost, heard);
        Ok(())
    }

    /// Notes of a document that has changed which devices may act in it now, although all documents were looked at.
    pub(super) fn watch_changed(&mut self, document: &DocumentId, at: Timestamp) -> Result<(), OfficeError> {
        let passing = self.barring.pass.iter().flat_map(|pass| pass.of.difference(&pass.again));
        let lost: BTreeSet<Lost> = self.barring.done.iter().chain(passing).copied().collect();
        let lost = self.named_among(document, &lost);
        if lost.is_empty() {
            return Ok(());
        }
        let Some(access) = self.machine.access(document, &self.storage)? else { return Ok(()) };
        let is_open = |lost: &Lost| self.next_bar(&access, lost).is_some();
        for lost in lost.iter().filter(|lost| is_open(lost)).copied().collect::<Vec<_>>() {
            match &mut self.barring.pass {
                Some(pass) if pass.of.contains(&lost) => {
                    pass.again.insert(lost);
                }
                _ => self.wait_again(&lost, at)?,
            }
        }
        Ok(())
    }

    /// Those of organisations that a document names, if this one gives roles in it: no graph is read for others.
    fn named_among(&self, document: &DocumentId, lost: &BTreeSet<Lost>) -> Vec<Lost> {
        let us = self.machine.organisation();
        let sharing = self.machine.document(document).map(Held::sharing).filter(|_| !lost.is_empty());
        let has_say = |sharing: &&Sharing| !sharing.is_erased() && sharing.role_now(&us, now()) == Some(Role::Admin);
        let Some(sharing) = sharing.filter(has_say) else { return Vec::new() };
        let is_named =
            |organisation: &OrganisationId| sharing.owner() == Some(*organisation) || sharing.names(Subject::Organisation(*organisation));
        lost.iter().filter(|(organisation, _)| is_named(organisation)).copied().collect()
    }

    /// Bars devices in a document wherever this organisation stands above a role by which they may act. How many entries
    /// that took.
    fn bar_in(&mut self, document: &DocumentId, lost: &[Lost]) -> Result<usize, OfficeError> {
        let mut signed = 0_usize;
        for lost in lost {
            match self.bar(document, lost) {
                Ok(0) => {}
                Ok(more) => {
                    self.log_barred(document, lost)?;
                    signed = signed.saturating_add(more);
                }
                // One document that somebody made unfit must not keep all the others from being looked at.
                Err(problem) => tracing::warn!(document = document.short(), %problem, "a lost device was not kept out"),
            }
        }
        Ok(signed)
    }

    /// Bars the replaced devices of organisations that were just given something in a document; of this organisation itself those
    /// that its own device took the place of, when it begins one.
    pub(super) fn bar_replaced(
        &mut self,
        document: &DocumentId,
        organisations: impl IntoIterator<Item = OrganisationId>,
    ) -> Result<(), Problem> {
        let us = self.machine.organisation();
        for organisation in organisations {
            let lost: Vec<Lost> = if organisation == us {
                self.machine.directory().replaced_devices(&us).into_iter().map(|device| (us, device)).collect()
            } else {
                self.barring.of(&organisation).collect()
            };
            for lost in lost {
                if self.bar(document, &lost)? > 0 {
                    self.log_barred(document, &lost)?;
                }
            }
        }
        Ok(())
    }

    /// Signs that a replaced device may not act in a document, under each genesis or grant that it takes. How many did.
    fn bar(&mut self, document: &DocumentId, lost: &Lost) -> Result<usize, Problem> {
        let mut under = BTreeSet::new();
        // What was just signed under an entry is not signed again, should it not count.
        while let Some((entry, body)) = self.next_bar(&*self.access_of(document)?, lost).filter(|(entry, _)| !under.contains(entry)) {
            self.sign_control(document, entry, body)?;
            under.insert(entry);
        }
        Ok(under.len())
    }

    /// What is to be signed next to bar a replaced device from a document, and under what; none if there is nothing.
    fn next_bar(&self, access: &Access, (organisation, device): &Lost) -> Option<(EntryId, Body)> {
        let replaced = self.machine.directory().replaced(organisation, device).filter(|replaced| !self.is_claimed(access, replaced))?;
        access.bar((&self.machine.organisation(), &self.keys.device().device()), &replaced, now())
    }

    /// Whether another organisation that a document names has a card of the device too, or a neighbour acts through it: that one
    /// may be named later, and a device that was barred stays so. A root key can sign a card for any device, also for one that
    /// others rely on: who says that it lost such a device must not silence them.
    fn is_claimed(&self, access: &Access, replaced: &Replaced) -> bool {
        let (directory, author) = (self.machine.directory(), Author::Device(replaced.device));
        if replaced.organisation == self.machine.organisation() {
            return false;
        }
        let is_other = |other: &OrganisationId| *other != replaced.organisation;
        let acts_through = |peer: &Peer| {
            let paired = peer.pairing == Pairing::Confirmed && is_other(&peer.organisation);
            paired && directory.device(&peer.organisation) == Some(replaced.device)
        };
        let mut named = access.named().into_iter().filter(is_other);
        self.machine.peers().any(acts_through) || named.any(|other| directory.may_author(&other, &author))
    }

    fn log_barred(&mut self, document: &DocumentId, (organisation, device): &Lost) -> Result<(), OfficeError> {
        let who = self.name_for_log(organisation);
        let detail = format!(
            "said that the device {} of {who}, in whose place another acts now, has no say in it from here on; what is known here of \
             its work stays",
            device.short()
        );
        self.log(now(), LogVerb::Access, "this node", Some(*document), Some(who), None, detail)
    }
}
