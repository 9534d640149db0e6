//! Where a lost device of this organisation can still act.
//!
//! That stands in each document's graph alone, and a node may hold very many: they are looked through some at a time, from when a
//! doctor asks, and whoever asks meanwhile is told what was found so far.

use super::silence::name_some;
use super::{Office, count};
use crate::desk::Check;
use csu_protocol::id::DocumentId;
use csu_protocol::sync::Held;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Documents looked at in one piece of the work, and about how many entries are read from disk in it: nobody waits long meanwhile.
const LOOKED_AT: usize = 512;
const READ: usize = 4096;
/// How soon the next piece follows.
const NEXT: Duration = Duration::from_millis(20);
/// For how long what took more than one piece is not looked for again.
const FRESH: Duration = Duration::from_secs(60);

/// What is known of where lost devices can act.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// Where they could, as far as the last pass and the one under way found.
    open: BTreeSet<DocumentId>,
    pass: Option<Pass>,
    /// When the last pass was over that took more than one piece.
    whole: Option<Instant>,
}

/// One way through all documents.
#[derive(Debug, Default)]
struct Pass {
    /// The last document that was looked at.
    last: Option<DocumentId>,
    seen: usize,
    pieces: usize,
    found: BTreeSet<DocumentId>,
}

impl Losses {
    /// How soon there is something to do; none if there is nothing.
    pub(super) fn wake_in(&self) -> Option<Duration> {
        self.pass.as_ref().map(|_| NEXT)
    }
}

impl Office {
    /// A doctor asks: what is known is looked at again, and the rest is begun with.
    pub(super) fn look_for_losses(&mut self) {
        if self.machine.directory().replaced_devices(&self.machine.organisation()).is_empty() {
            self.losses = Losses::default();
            return;
        }
        let some: Vec<DocumentId> = self.losses.open.iter().copied().take(LOOKED_AT).collect();
        for document in some {
            if !self.may_still_act(&document).0 {
                self.losses.open.remove(&document);
            }
        }
        let is_fresh = self.losses.whole.is_some_and(|whole| whole.elapsed() < FRESH);
        if self.losses.pass.is_none() && !is_fresh {
            self.losses.pass = Some(Pass::default());
        }
        self.look_for_more_losses();
    }

    /// Looks at some more documents, if a pass is under way.
    pub(super) fn look_for_more_losses(&mut self) {
        let Some(mut pass) = self.losses.pass.take() else { return };
        let some: Vec<DocumentId> = self.machine.documents_after(pass.last).map(Held::document).take(LOOKED_AT).collect();
        let (mut seen, mut read) = (0_usize, 0_usize);
        for document in &some {
            if read >= READ {
                break;
            }
            let (is_open, entries) = self.may_still_act(document);
            if is_open {
                pass.found.insert(*document);
            }
            read = read.saturating_add(entries);
            seen = seen.saturating_add(1);
            pass.last = Some(*document);
        }
        (pass.seen, pass.pieces) = (pass.seen.saturating_add(seen), pass.pieces.saturating_add(1));
        if seen == some.len() && some.len() < LOOKED_AT {
            self.losses = Losses { open: pass.found, pass: None, whole: (pass.pieces > 1).then(Instant::now) };
        } else {
            self.losses.open.extend(&pass.found);
            self.losses.pass = Some(pass);
        }
    }

    /// Whether a replaced device of this organisation may act in a document by rights that it has now, and how many entries were
    /// read to know.
    fn may_still_act(&self, document: &DocumentId) -> (bool, usize) {
        let (us, directory) = (self.machine.organisation(), self.machine.directory());
        if !self.machine.document(document).is_some_and(|held| held.sharing().was_ever_named(&us)) {
            return (false, 0);
        }
        // What cannot be read counts as open.
        let Ok(access) = self.access_of(document) else { return (true, 1) };
        let mut lost = directory.replaced_devices(&us).into_iter().filter_map(|device| directory.replaced(&us, &device));
        (lost.any(|replaced| access.may_still_act(&replaced)), access.len())
    }

    /// What a doctor is told of it.
    pub(super) fn check_losses(&self) -> Option<Check> {
        const NAME: &str = "lost device";
        let Losses { open, pass, .. } = &self.losses;
        let so_far = pass.as_ref().map(|pass| format!("{} of {} looked at so far", pass.seen, self.machine.documents().count()));
        if open.is_empty() {
            return so_far.map(|so_far| Check::passed(NAME, format!("where it can still act is being looked for: {so_far}")));
        }
        let so_far = so_far.map(|so_far| format!("; {so_far}, ask again for the rest")).unwrap_or_default();
        Some(Check::failed(
            NAME,
            format!("what it signs can still count in {}: {}{so_far}", count(open.len(), "document", "documents"), name_some(open.iter())),
            "whoever gave you the role there says so an hour after hearing of this device; it is done at once by \
             `csu restore --resume` with the recovery phrase, while the neighbours are connected",
        ))
    }
}
