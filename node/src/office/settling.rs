//! The end of each group of work: what follows from what changed, one commit, and what was held back goes out.
//!
//! If anything fails on the way, the group is dropped and the machine built anew from what is on disk.

use super::showing::Haste;
use super::{Change, Office, OfficeError, now, opening, traffic};
use crate::network::{Cause, SendError, Strangers, Target};
use crate::storage::StorageError;
use csu_protocol::id::{DeviceId, DocumentId};
use csu_protocol::sync::{Input, Machine, Output, Parting};
use std::collections::BTreeMap;

impl Office {
    /// Makes everything durable, then lets out what was held back.
    ///
    /// # Errors
    /// When storage fails. The office is as it was before: rolled back and built anew from disk.
    pub fn settle(&mut self) -> Result<(), OfficeError> {
        self.watch_clock();
        match self.try_settle() {
            Ok(()) => {
                self.release();
                self.tell_news();
                self.follow_progress();
                // Noticed once: it must not be forgotten for what else goes wrong.
                let is_older = self.put_back.take_noticed();
                let confirmed = self.confirm_or_rebuild();
                if is_older {
                    self.begin_put_back()?;
                }
                confirmed?;
                Ok(self.keep_wanted()?)
            }
            Err(error) => {
                self.rebuild()?;
                Err(error)
            }
        }
    }

    /// Goes on with erasures, after a commit.
    fn confirm_or_rebuild(&mut self) -> Result<(), OfficeError> {
        let confirmed = self.confirm_erasures();
        if confirmed.is_err() {
            self.rebuild()?;
        }
        confirmed
    }

    pub(super) fn try_settle(&mut self) -> Result<(), OfficeError> {
        let changed = self.follow_changes()?;
        self.show_changed(changed)?;
        self.log_traffic()?;
        self.lately.settled();
        self.storage.commit()?;
        self.showing_settled();
        Ok(())
    }

    /// Does what follows from what changed, but for showing it.
    fn follow_changes(&mut self) -> Result<BTreeMap<DocumentId, Haste>, OfficeError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        self.pump()?;
        self.note_returned()?;
        self.note_openings()?;
        self.follow_wholes()?;
        let changed = std::mem::take(&mut self.changed);
        self.log_traffic()?;
        for document in changed.keys() {
            self.obey(document)?;
        }
        Ok(changed)
    }

    /// Makes what a request signed durable and lets it out, while the request goes on: what it is to people here they see a moment
    /// later, and neighbours do not wait for that. A request for which this fails is to end.
    pub(super) fn hand_out(&mut self) -> Result<(), OfficeError> {
        let handed_out = self.try_hand_out();
        if handed_out.is_ok() {
            self.handed_out = true;
            self.release();
        } else {
            // Whoever answers goes back to what is on disk, and stops if that cannot be read.
            self.spoiled = true;
        }
        handed_out
    }

    fn try_hand_out(&mut self) -> Result<(), OfficeError> {
        for (document, haste) in self.follow_changes()? {
            // If the node dies before they are shown, the next start does it; and what is under way of them is of before.
            self.storage.mark_stale(&document, false)?;
            self.outdate(&document);
            // Beside what following them changed.
            self.change(document, haste);
        }
        self.log_traffic()?;
        Ok(self.storage.commit()?)
    }

    pub(super) fn release(&mut self) {
        let mut targets = false;
        let mut frames: BTreeMap<DeviceId, Vec<Vec<u8>>> = BTreeMap::new();
        for output in std::mem::take(&mut self.held) {
            match output {
                // All together: whoever takes the first at once would leave the others to a second commit over there.
                Output::Send(device, frame) => frames.entry(device).or_default().push(frame),
                Output::Disconnect(device, parting) => {
                    self.send(&device, frames.remove(&device).unwrap_or_default());
                    self.sessions.remove(&device);
                    let cause = match parting {
                        Parting::Done => Cause::Finished,
                        Parting::Fault => Cause::Misbehaved,
                    };
                    self.network.disconnect(&device, cause);
                    // If a newer session came up meanwhile, it ends with the one that this was meant for.
                    self.handle(now(), Input::Disconnected(device));
                }
                Output::Targets => {
                    self.news.peers = true;
                    targets = true;
                }
                Output::Write(_) | Output::Notice(_) => {}
            }
        }
        for (device, frames) in frames {
            self.send(&device, frames);
        }
        if targets {
            self.set_targets();
        }
    }

    fn send(&mut self, device: &DeviceId, frames: Vec<Vec<u8>>) {
        let Some(session) = self.sessions.get(device).filter(|_| !frames.is_empty()) else { return };
        match self.network.try_send(device, *session, frames) {
            Ok(()) | Err(SendError::NotConnected) => {}
            // The machine keeps a window smaller than the queue: full means that the two disagree.
            Err(error) => {
                tracing::warn!(device = %device.short(), %error, "could not send");
                self.network.disconnect(device, Cause::Busy);
            }
        }
    }

    pub(super) fn set_targets(&self) {
        let targets = self
            .machine
            .targets()
            .into_iter()
            .map(|(device, addresses)| Target { device, addresses: addresses.into_iter().map(String::from).collect() });
        self.network.set_peers(targets.collect());
        let strangers = if self.machine.admits_strangers(now()) { Strangers::Admitted } else { Strangers::Refused };
        self.network.set_strangers(strangers);
    }

    /// Forgets everything since the last commit, in storage and in memory.
    pub(super) fn rebuild(&mut self) -> Result<(), OfficeError> {
        self.storage.rollback()?;
        self.held.clear();
        self.changed.clear();
        self.news = Change::default();
        self.traffic = traffic::Traffic::default();
        self.lately = opening::Lately::default();
        self.responded.clear();
        self.put_back.forget();
        // What went wrong may go wrong again.
        self.rest_from_showing();
        self.spoiled = false;
        self.machine = Machine::new(self.keys.card().clone(), self.storage.start()?, self.config.budget(), &self.storage)?;
        if let Some(recovering) = &mut self.recovering {
            self.machine.set_recovering(true);
            recovering.begin_again();
        }
        let _documents = self.watch_all_ends();
        for device in std::mem::take(&mut self.sessions).into_keys() {
            self.network.disconnect(&device, Cause::Finished);
        }
        self.set_targets();
        self.recall_put_back()?;
        self.recall_replaced()?;
        self.recall_erasures()
    }

    /// Answers one request, whole or not at all. One whose work is out is done: what is left of it, lists, is made up for later.
    ///
    /// # Errors
    /// When the office cannot go on: storage failed and what is on disk cannot be read either.
    pub fn answer(&mut self, job: crate::desk::Job) -> Result<(), OfficeError> {
        self.watch_clock();
        if self.is_tainted() {
            // It is no part of the request, which may fail.
            match self.settle() {
                Err(error @ OfficeError::Storage(StorageError::Full { .. })) => tracing::error!(%error, "what was noted was not stored"),
                other => other?,
            }
        }
        self.handed_out = false;
        let reply = job(self);
        if self.spoiled {
            self.rebuild()?;
            reply(Ok(()));
            return Ok(());
        }
        match self.try_settle() {
            Ok(()) => {
                self.release();
                self.tell_news();
                // What was asked is on disk; whatever comes of this is no answer to it.
                let confirmed = self.confirm_or_rebuild();
                reply(Ok(()));
                self.keep_wanted()?;
                match confirmed {
                    Err(OfficeError::Storage(error)) => {
                        tracing::warn!(%error, "an erasure was not confirmed");
                        Ok(())
                    }
                    other => other,
                }
            }
            // The request is answered with the reason. If what is on disk cannot be read either, the
            // machine knows more than the disk: the office must not go on.
            Err(error) => {
                let rebuilt = self.rebuild();
                if self.handed_out {
                    tracing::warn!(%error, "what was signed is out, and could not be listed; that is tried again");
                    reply(Ok(()));
                } else {
                    reply(Err(error.into()));
                }
                rebuilt
            }
        }
    }

    /// Closes the office in good order.
    ///
    /// # Errors
    /// When storage fails; everything acknowledged is on disk nevertheless.
    pub fn close(mut self) -> Result<(), OfficeError> {
        self.settle()?;
        self.lately.want_all_kept();
        self.keep_wanted()?;
        Ok(self.storage.close()?)
    }
}
