//! Small names for the parts of one document's graph, and where each entry is. Local to one [`super::Access`].

use crate::id::EntryId;

/// An entry, counted in the order of arrival, which is a causal order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NodeIx(pub(super) u32);

/// An organisation, by the order in which it first appeared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OrgIx(pub(super) u32);

/// An author, by the order in which it first appeared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AuthorIx(pub(super) u32);

/// Rule 1: who holds a role by which genesis or grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Standing {
    pub(super) grant: NodeIx,
    pub(super) organisation: OrgIx,
}

/// A revocation, counted in the order of arrival.
pub(super) type RevokeIx = u32;

/// A control entry, counted in the order of arrival.
pub(super) type ControlIx = u32;

/// Where each entry is, by its id.
///
/// Ids are hashes: their first bits spread entries evenly over buckets, each sorted by the bits that follow. A bucket is a
/// line of memory, mostly. Who chooses ids with equal first bits makes one long, which its order keeps quick to search.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// A power of two of them, or none.
    buckets: Vec<Vec<(u64, NodeIx)>>,
    /// By place: entries are entered in the order of their places.
    ids: Vec<EntryId>,
}

/// Entries in a bucket, on average, when the number of buckets is doubled.
const BUCKET_ENTRIES: usize = 3;

/// The bits that choose the bucket, and those that order it.
fn bits(id: &EntryId) -> (usize, u64) {
    let [a, b, c, d, e, f, g, h, i, j, k, l, ..] = *id.as_bytes();
    (usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(0), u64::from_le_bytes([e, f, g, h, i, j, k, l]))
}

impl Index {
    fn id(&self, ix: NodeIx) -> Option<&EntryId> {
        usize::try_from(ix.0).ok().and_then(|at| self.ids.get(at))
    }

    /// The entry of this id.
    pub(super) fn get(&self, id: &EntryId) -> Option<NodeIx> {
        let (first, key) = bits(id);
        let bucket = self.buckets.get(first & self.buckets.len().saturating_sub(1))?;
        let from = bucket.partition_point(|(known, _)| *known < key);
        let alike = bucket.iter().skip(from).take_while(|(known, _)| *known == key);
        alike.map(|(_, ix)| *ix).find(|ix| self.id(*ix) == Some(id))
    }

    /// Enters an entry that is not there; its place is the next.
    pub(super) fn insert(&mut self, id: EntryId, ix: NodeIx) {
        self.ids.push(id);
        if self.ids.len() > self.buckets.len().saturating_mul(BUCKET_ENTRIES) {
            let doubled = self.buckets.len().saturating_mul(2).max(16);
            self.buckets = vec![Vec::new(); doubled];
            let places = (0..=ix.0).map(NodeIx);
            for (ix, id) in places.zip(std::mem::take(&mut self.ids)) {
                self.place(&id, ix);
                self.ids.push(id);
            }
        } else {
            self.place(&id, ix);
        }
    }

    fn place(&mut self, id: &EntryId, ix: NodeIx) {
        let (first, key) = bits(id);
        let at = first & self.buckets.len().saturating_sub(1);
        let Some(bucket) = self.buckets.get_mut(at) else { return };
        let place = bucket.partition_point(|(known, _)| *known < key);
        bucket.insert(place, (key, ix));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_finds_what_was_entered_also_when_ids_begin_alike() {
        let id = |at: u32| {
            let mut id = [0; 32];
            let [a, b, c, d] = at.to_le_bytes();
            // A third of them fall into one bucket.
            (id[0], id[1], id[9], id[10]) = if at.is_multiple_of(3) { (0, 0, a, b) } else { (a, b, c, d) };
            EntryId::new(id)
        };
        let mut index = Index::default();
        assert_eq!(index.get(&id(0)), None);
        for at in 0..5000 {
            assert_eq!(index.get(&id(at)), None);
            index.insert(id(at), NodeIx(at));
        }
        assert!((0..5000).all(|at| index.get(&id(at)) == Some(NodeIx(at))));
        assert_eq!(index.get(&id(5001)), None);
    }
}
