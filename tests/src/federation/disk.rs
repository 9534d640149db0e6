//! A disk that can fail: at any write, any read and any commit.

use csu_protocol::id::{DeviceId, DocumentId, EntryId};
use csu_protocol::store::{Memory, Read, ReadError, StoredEntry, Write};
use std::cell::Cell;
use std::collections::BTreeSet;

/// Everything written, and what of it is committed.
#[derive(Debug, Default)]
pub(super) struct Disk {
    written: Memory,
    /// None where nothing is ever lost.
    durable: Option<Memory>,
    uncommitted: Vec<Write>,
    /// How often it still works before it fails.
    left: Cell<Option<usize>>,
}

/// It failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DiskError;

impl Disk {
    /// A disk of which what was not committed can be lost.
    pub(super) fn that_forgets() -> Self {
        Self { durable: Some(Memory::default()), ..Self::default() }
    }

    /// It works so often, and then fails once.
    pub(super) fn fail_after(&mut self, times: usize) {
        self.left.set(Some(times));
    }

    /// It works.
    pub(super) fn mend(&mut self) {
        self.left.set(None);
    }

    fn work(&self) -> Result<(), DiskError> {
        match self.left.get() {
            Some(0) => Err(DiskError),
            Some(left) => {
                self.left.set(Some(left - 1));
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub(super) const fn written(&self) -> &Memory {
        &self.written
    }

    pub(super) fn write(&mut self, write: Write) -> Result<(), DiskError> {
        self.work()?;
        self.written.apply(write.clone());
        if self.durable.is_some() {
            self.uncommitted.push(write);
        }
        Ok(())
    }

    pub(super) fn commit(&mut self) -> Result<(), DiskError> {
        self.work()?;
        for write in self.uncommitted.drain(..) {
            self.durable.iter_mut().for_each(|durable| durable.apply(write.clone()));
        }
        Ok(())
    }

    /// Forgets what was not committed.
    pub(super) fn roll_back(&mut self) {
        if let Some(durable) = self.durable.as_ref().filter(|_| !self.uncommitted.is_empty()) {
            self.written = durable.clone();
        }
        self.uncommitted.clear();
    }

    pub(super) fn is_dirty(&self) -> bool {
        !self.uncommitted.is_empty()
    }
}

impl From<DiskError> for ReadError {
    fn from(_: DiskError) -> Self {
        Self("the disk failed".to_owned())
    }
}

impl Read for Disk {
    fn document(&self, document: &DocumentId) -> Result<Vec<StoredEntry>, ReadError> {
        self.work()?;
        self.written.document(document)
    }

    fn entries(&self, document: &DocumentId, ids: &BTreeSet<EntryId>) -> Result<Vec<StoredEntry>, ReadError> {
        self.work()?;
        self.written.entries(document, ids)
    }

    fn own_entries(&self, document: &DocumentId, device: &DeviceId) -> Result<BTreeSet<EntryId>, ReadError> {
        self.work()?;
        self.written.own_entries(document, device)
    }
}
