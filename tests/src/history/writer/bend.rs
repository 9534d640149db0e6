//! Headers bent by hand.

use super::Story;
use csu_protocol::entry::{Author, Signer, VerifiedEntry};
use csu_protocol::id::{DocumentId, EntryId, Hash};

impl Story {
    /// The entry with its header bent, signed by its own author.
    pub(super) fn bend(&mut self, who: usize, entry: &VerifiedEntry) -> Option<VerifiedEntry> {
        let mut header = entry.header().clone();
        match self.dice.below(9) {
            0 => header.seq += 1,
            1 => (header.seq, header.previous) = (0, None),
            2 => {
                let drop = self.dice.below(header.parents.len());
                if drop < header.parents.len() {
                    header.parents.remove(drop);
                }
            }
            3 => header.under = self.dice.pick(&self.log).map(VerifiedEntry::id),
            4 => {
                let more = self.dice.pick(&self.log).map(VerifiedEntry::id);
                header.parents.extend(more);
                header.parents.sort();
                header.parents.dedup();
            }
            // What nobody has: it waits for ever.
            5 => {
                header.parents.push(EntryId::new(*Hash::of(&header.seq.to_le_bytes()).as_bytes()));
                header.parents.sort();
            }
            6 => header.document = self.dice.pick(&self.log).map(|entry| DocumentId::from(entry.id())),
            7 => header.organisation = self.cast.members[self.dice.below(self.cast.members.len())].id,
            _ => header.previous = self.dice.pick(&self.log).map(VerifiedEntry::id),
        }
        let member = &self.cast.members[who];
        let signer = match header.author {
            Author::Root(_) => Signer::Root(&member.root),
            Author::Device(device) => Signer::Device(member.devices.iter().find(|key| key.device() == device)?),
        };
        let signed = entry.signed().clone();
        VerifiedEntry::sign(header, signed.payload, signed.wraps, signer).ok()
    }
}
