//! Small names for the parts of one document's graph, and where each entry is. Local to one [`super::Access`].

use crate::id::EntryId;
use hashbrown::HashTable;
use std::num::NonZeroU32;

/// An entry, counted in the order of arrival, which is a causal order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NodeIx(NonZeroU32);

impl NodeIx {
    /// The one before which there are `earlier`.
    pub(super) fn after(earlier: usize) -> Self {
        // None is zero, so that a place that may be missing takes no more than one that is there.
        Self(NonZeroU32::MIN.saturating_add(u32::try_from(earlier).unwrap_or(u32::MAX)))
    }

    /// How many are before it.
    pub(super) fn place(self) -> usize {
        usize::try_from(self.0.get()).unwrap_or(usize::MAX).saturating_sub(1)
    }
}

/// An organisation, by the order in which it first appeared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct OrgIx(pub(super) u32);

/// An author, by the order in which it first appeared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct AuthorIx(pub(super) u32);

/// Rule 1: who holds a role by which genesis or grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Standing {
    pub(super) grant: NodeIx,
    pub(super) organisation: OrgIx,
}

/// A revocation, counted in the order of arrival.
pub(super) type RevokeIx = u32;

/// A control entry, counted from 1 in the order of arrival.
pub(super) type ControlIx = u32;

/// Where each entry is, by its id, which the entries themselves hold: a place takes five bytes, so that those of a large
/// document stay near at hand.
///
/// Ids are hashes, and are not hashed again. Who searches for ids that begin alike makes a look-up among `n` entries one
/// step longer with about `n` hashes for each of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Index(HashTable<NodeIx>);

fn bits(id: &EntryId) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *id.as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

impl Index {
    /// The entry of this id, if it was entered; `id_of` says which id each has.
    pub(super) fn get<'n>(&self, id: &EntryId, id_of: impl Fn(NodeIx) -> Option<&'n EntryId>) -> Option<NodeIx> {
        self.0.find(bits(id), |ix| id_of(*ix) == Some(id)).copied()
    }

    /// Enters an entry that is not there.
    pub(super) fn insert<'n>(&mut self, ix: NodeIx, id_of: impl Fn(NodeIx) -> Option<&'n EntryId>) {
        let bits_of = |ix: &NodeIx| id_of(*ix).map_or(0, bits);
        self.0.insert_unique(bits_of(&ix), ix, bits_of);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_finds_what_was_entered_also_when_ids_begin_alike() {
        let id = |at: usize| {
            let mut id = [0; 32];
            let [a, b, c, d] = u32::try_from(at).unwrap().to_le_bytes();
            // A third of them fall into one bucket.
            (id[0], id[1], id[9], id[10]) = if at.is_multiple_of(3) { (0, 0, a, b) } else { (a, b, c, d) };
            EntryId::new(id)
        };
        let ids: Vec<EntryId> = (0..5000).map(id).collect();
        let id_of = |ix: NodeIx| ids.get(ix.place());
        let mut index = Index::default();
        assert_eq!(index.get(&id(0), id_of), None);
        for at in 0..5000 {
            assert_eq!(index.get(&id(at), id_of), None);
            index.insert(NodeIx::after(at), id_of);
        }
        assert!((0..5000).all(|at| index.get(&id(at), id_of) == Some(NodeIx::after(at))));
        assert_eq!(index.get(&id(5001), id_of), None);
    }
}
