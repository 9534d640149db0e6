//! How far catching up with neighbours is.

use super::Office;
use crate::desk::Left;
use csu_protocol::id::{DeviceId, OrganisationId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How often an operator is told.
const EVERY: Duration = Duration::from_secs(2);

/// Neighbours that are being caught up with, by their devices.
#[derive(Debug, Default)]
pub(super) struct Progress(BTreeMap<DeviceId, Catching>);

/// What came of a neighbour since catching up with it began.
#[derive(Debug)]
struct Catching {
    of: OrganisationId,
    bytes: u64,
    /// The most parts that were known to be left, and the bytes that had come then.
    most: (usize, u64),
    left: usize,
    told: Instant,
}

impl Catching {
    /// What is left. How many bytes that are is known when it has come: until then it is judged by what came.
    fn left(&self) -> Left {
        let (most, before) = self.most;
        let done = u64::try_from(most.saturating_sub(self.left)).unwrap_or(u64::MAX);
        let parts = u64::try_from(self.left).unwrap_or(u64::MAX);
        let bytes = self.bytes.saturating_sub(before).saturating_mul(parts).checked_div(done);
        Left { parts, bytes }
    }
}

impl Office {
    /// Notes that so many bytes came from a device.
    pub(super) fn note_bytes(&mut self, device: &DeviceId, bytes: usize) {
        if let Some(catching) = self.progress.0.get_mut(device) {
            catching.bytes = catching.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        }
    }

    /// Looks how far it is, and says so now and then.
    pub(super) fn follow_progress(&mut self) {
        let now = Instant::now();
        let behind: Vec<(OrganisationId, DeviceId, usize)> = self.machine.catching_up().collect();
        let devices: BTreeSet<DeviceId> = behind.iter().map(|(_, device, _)| *device).collect();
        self.progress.0.retain(|device, _| devices.contains(device));
        for (of, device, left) in behind {
            let new = Catching { of, bytes: 0, most: (0, 0), left: 0, told: now };
            let catching = self.progress.0.entry(device).or_insert(new);
            catching.left = left;
            if left >= catching.most.0 {
                catching.most = (left, catching.bytes);
            }
            if left > 0 && now.duration_since(catching.told) >= EVERY {
                catching.told = now;
                let left = catching.left();
                tracing::info!(with = self.name_for_log(&of), "catching up: {left}");
            }
        }
    }

    /// What is left to come from a neighbour that is being caught up with.
    pub(super) fn left_from(&self, organisation: &OrganisationId) -> Option<Left> {
        self.progress.0.values().find(|catching| catching.of == *organisation).map(Catching::left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_judged_by_what_came() {
        let of = OrganisationId::new([1; 32]);
        let catching = |most, left, bytes| Catching { of, bytes, most, left, told: Instant::now() }.left();
        assert_eq!(catching((100, 500), 75, 5_500), Left { parts: 75, bytes: Some(15_000) });
        assert_eq!(catching((100, 500), 100, 500), Left { parts: 100, bytes: None });
        assert_eq!(catching((0, 0), 0, 10), Left { parts: 0, bytes: None });
        assert_eq!(catching((100, 500), 75, 5_500).to_string(), "75 parts of documents left, about 15 kB");
        assert_eq!(catching((2, 0), 1, 7_000_000).to_string(), "1 part of a document left, about 7.0 MB");
    }
}
