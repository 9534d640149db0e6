//! Orders to erase, and who says that it obeyed.

use super::graph::{Access, Act};
use super::index::NodeIx;
use crate::entry::{Reason, Subject};
use crate::id::{EntryId, OrganisationId};
use std::collections::BTreeSet;

/// An order to erase that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erasure {
    /// The Erase.
    pub entry: EntryId,
    /// Who signed it: the owner.
    pub by: OrganisationId,
    /// Why: the reason of the Withdraw that it follows in its author's chain, if it follows one.
    pub why: Option<Reason>,
}

/// An organisation's word that it destroyed what it held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Obeyed {
    /// The Receipt.
    pub entry: EntryId,
    /// Who says so.
    pub by: OrganisationId,
    /// The Erase that it obeyed.
    pub erase: EntryId,
}

impl Access {
    /// Whether the owner's order to erase counts.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        self.authorised_of(&self.kinds.erases).next().is_some()
    }

    /// The order to erase that counts; of several the one with the lowest id, so that all nodes show the same.
    #[must_use]
    pub fn erasure(&self) -> Option<Erasure> {
        let why = |ix: NodeIx| match self.node(ix).previous.map(|previous| self.act(previous)) {
            Some(Act::Withdraw { reason }) => Some(*reason),
            Some(_) | None => None,
        };
        let found = self.authorised_of(&self.kinds.erases).map(|ix| Erasure {
            entry: self.node(ix).id,
            by: self.organisation(self.node(ix).organisation),
            why: why(ix),
        });
        found.min_by_key(|erasure| erasure.entry)
    }

    /// Whether there is an order to erase that does not count, because the device that signed it was disowned.
    #[must_use]
    pub fn has_fallen_erasure(&self) -> bool {
        self.authorised_of(&self.kinds.erases).count() < self.kinds.erases.len()
    }

    /// Every Receipt for an order to erase that counts, in the order of arrival. One is true if its signer is honest.
    #[must_use]
    pub fn obeyed(&self) -> Vec<Obeyed> {
        let erases: BTreeSet<NodeIx> = self.authorised_of(&self.kinds.erases).collect();
        let counts = |ix: &NodeIx| match self.act(*ix) {
            Act::Receipt { erase } => Some(*erase).filter(|erase| erases.contains(erase)),
            Act::Genesis { .. }
            | Act::Grant { .. }
            | Act::Revoke { .. }
            | Act::Withdraw { .. }
            | Act::Erase
            | Act::Key
            | Act::Revision { .. }
            | Act::Response => None,
        };
        let receipts = self.kinds.receipts.iter().filter_map(|ix| Some((self.node(*ix), counts(ix)?)));
        receipts
            .map(|(node, erase)| Obeyed { entry: node.id, by: self.organisation(node.organisation), erase: self.node(erase).id })
            .collect()
    }

    /// The genesis or grant under which an organisation signs a Receipt: any that ever named it, the nearest to the owner,
    /// at a tie that of the lower id. None for an organisation that nothing names: it has no standing to sign by.
    #[must_use]
    pub fn standing_for_receipt(&self, organisation: &OrganisationId) -> Option<EntryId> {
        if self.owner() == Some(*organisation) {
            return self.genesis().map(|genesis| self.node(genesis).id);
        }
        let named = self.naming.get(&Subject::Organisation(*organisation)).into_iter().flatten();
        let givers = named.map(|number| self.control(*number).entry);
        givers.map(|giver| (self.depth_of_giver(giver), self.node(giver).id)).min().map(|(_, id)| id)
    }
}
