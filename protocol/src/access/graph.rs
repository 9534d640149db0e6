//! The graph of one document's sound entries, and the indexes that rules and rights are read from.

use super::chain::Tips;
use super::index::{AuthorIx, ControlIx, Index, NodeIx, OrgIx, RevokeIx, Standing};
use super::memo::Memo;
use super::revocations::Revocations;
use crate::entry::{Author, Grant, Plane, Reason, Role, Subject};
use crate::id::{DocumentId, EntryId, Hash, OrganisationId};
use crate::sets::{SetId, Sets};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

/// What an entry does, as far as access needs it.
#[derive(Debug, Clone)]
pub(super) enum Act {
    Genesis {
        grants: Box<[Grant]>,
    },
    /// Made under a standing so many levels below the genesis.
    Grant {
        depth: u8,
        grants: Box<[Grant]>,
    },
    Revoke {
        number: RevokeIx,
        renounces: Renounces,
    },
    Withdraw {
        reason: Reason,
    },
    Erase,
    /// That this Erase was obeyed.
    Receipt {
        erase: NodeIx,
    },
    Key,
    Revision {
        deps: Box<[NodeIx]>,
    },
    Response,
}

/// Whether a revocation gives up the standing it acts under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Renounces {
    Own,
    Nothing,
}

/// How an entry hangs in the graph: what is asked of every entry that another names. It fills one line of memory, since in
/// a large graph the way to it takes most of the time.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) id: EntryId,
    pub(super) organisation: OrgIx,
    pub(super) author: AuthorIx,
    pub(super) under: Option<NodeIx>,
    /// As all entries before it are here, it is no more than can be counted.
    pub(super) seq: u32,
    pub(super) previous: Option<NodeIx>,
    /// An ancestor by `previous`, so placed that any is reached in O(log seq) steps.
    pub(super) jump: Option<NodeIx>,
    /// The revocations in its past.
    pub(super) seen: SetId,
    /// Its place among control entries; none for content.
    pub(super) control: Option<NonZeroU32>,
}

impl Node {
    pub(super) const fn plane(&self) -> Plane {
        match self.control {
            Some(_) => Plane::Control,
            None => Plane::Content,
        }
    }

    pub(super) fn number(&self) -> Option<ControlIx> {
        self.control.map(NonZeroU32::get)
    }
}

/// A control entry.
#[derive(Debug, Clone)]
pub(super) struct Control {
    pub(super) entry: NodeIx,
    /// The control entries in its past.
    pub(super) past: SetId,
}

/// The sound entries of one document. What an entry would change is seen by inserting it into a copy.
#[derive(Debug, Clone, Default)]
pub struct Access {
    pub(super) nodes: Vec<Node>,
    /// What each entry does.
    pub(super) acts: Vec<Act>,
    /// Of each entry, whether no sound entry of its plane names it.
    pub(super) is_head: Vec<bool>,
    pub(super) index: Index,
    pub(super) organisations: Vec<OrganisationId>,
    organisation_index: BTreeMap<OrganisationId, OrgIx>,
    pub(super) authors: Vec<Author>,
    author_index: BTreeMap<Author, AuthorIx>,
    pub(super) sets: Sets,
    pub(super) revocations: Revocations,
    /// Control entries, by their places.
    pub(super) controls: Vec<Control>,
    /// Geneses and grants by whom they name, as places among control entries.
    pub(super) naming: BTreeMap<Subject, Vec<ControlIx>>,
    /// Entries of the kinds that are asked for one and all, in the order of arrival.
    pub(super) kinds: Kinds,
    pub(super) heads: [BTreeSet<EntryId>; 2],
    versions: [Cell<Option<Hash>>; 2],
    /// The newest entries of each author, control and content.
    pub(super) tips: Tips,
    /// Entries that share author, plane and seq with another.
    pub(super) forked: BTreeMap<(Author, Plane, u32), BTreeSet<EntryId>>,
    pub(super) memo: RefCell<Memo>,
}

/// Entries by kind, so that asking for the few does not look at the many.
#[derive(Debug, Clone, Default)]
pub(super) struct Kinds {
    pub(super) givers: Vec<NodeIx>,
    pub(super) withdrawals: Vec<NodeIx>,
    pub(super) erases: Vec<NodeIx>,
    pub(super) receipts: Vec<NodeIx>,
    pub(super) keys: Vec<NodeIx>,
    pub(super) responses: Vec<NodeIx>,
}

pub(super) fn at(index: u32) -> usize {
    // Entries are counted by u32 and held in memory: a usize of 32 bits or more holds the count.
    usize::try_from(index).unwrap_or(usize::MAX)
}

pub(super) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[allow(clippy::indexing_slicing, reason = "indexes are handed out by `insert` of the same Access and nothing is ever removed")]
impl Access {
    pub(super) fn node(&self, ix: NodeIx) -> &Node {
        &self.nodes[ix.place()]
    }

    /// The sound entry of this id.
    pub(super) fn find(&self, id: &EntryId) -> Option<NodeIx> {
        self.index.get(id, |ix| self.nodes.get(ix.place()).map(|node| &node.id))
    }

    pub(super) fn act(&self, ix: NodeIx) -> &Act {
        &self.acts[ix.place()]
    }

    pub(super) fn control(&self, number: ControlIx) -> &Control {
        &self.controls[at(number.saturating_sub(1))]
    }

    pub(super) fn organisation(&self, ix: OrgIx) -> OrganisationId {
        self.organisations[at(ix.0)]
    }

    pub(super) fn author(&self, ix: AuthorIx) -> Author {
        self.authors[at(ix.0)]
    }
}

impl Access {
    /// Enters the newest entry into the index.
    pub(super) fn index_newest(&mut self, ix: NodeIx) {
        let Self { index, nodes, .. } = self;
        index.insert(ix, |ix| nodes.get(ix.place()).map(|node| &node.id));
    }

    pub(super) fn next_node(&self) -> NodeIx {
        NodeIx::after(self.nodes.len())
    }

    pub(super) fn next_control(&self) -> NonZeroU32 {
        NonZeroU32::MIN.saturating_add(count(self.controls.len()))
    }

    pub(super) fn organisation_ix(&mut self, id: OrganisationId) -> OrgIx {
        let next = OrgIx(count(self.organisations.len()));
        let ix = *self.organisation_index.entry(id).or_insert(next);
        if ix == next {
            self.organisations.push(id);
        }
        ix
    }

    pub(super) fn author_ix(&mut self, author: Author) -> AuthorIx {
        let next = AuthorIx(count(self.authors.len()));
        let ix = *self.author_index.entry(author).or_insert(next);
        if ix == next {
            self.authors.push(author);
        }
        ix
    }

    pub(super) fn known_organisation(&self, id: &OrganisationId) -> Option<OrgIx> {
        self.organisation_index.get(id).copied()
    }

    pub(super) fn known_author(&self, author: &Author) -> Option<AuthorIx> {
        self.author_index.get(author).copied()
    }

    pub(super) fn genesis(&self) -> Option<NodeIx> {
        (!self.nodes.is_empty()).then_some(NodeIx::after(0))
    }

    /// Grants of a genesis or grant entry; none for others.
    pub(super) fn grants(&self, ix: NodeIx) -> &[Grant] {
        match self.act(ix) {
            Act::Genesis { grants } | Act::Grant { grants, .. } => grants,
            Act::Revoke { .. }
            | Act::Withdraw { .. }
            | Act::Erase
            | Act::Receipt { .. }
            | Act::Key
            | Act::Revision { .. }
            | Act::Response => &[],
        }
    }

    /// How far the standing under which a genesis or grant was made is below the genesis.
    pub(super) fn depth_of_giver(&self, ix: NodeIx) -> u8 {
        if let Act::Grant { depth, .. } = self.act(ix) { *depth } else { 0 }
    }

    /// The grant that names `subject` in `ix`.
    pub(super) fn grant_to(&self, ix: NodeIx, subject: Subject) -> Option<&Grant> {
        self.grants(ix).iter().find(|grant| grant.subject == subject)
    }

    pub(super) fn is_top(&self, standing: Standing) -> bool {
        let (grant, act) = (self.node(standing.grant), self.act(standing.grant));
        matches!(act, Act::Genesis { .. }) && grant.organisation == standing.organisation
    }

    /// The role of a standing; none if the pair is no standing.
    pub(super) fn role(&self, standing: Standing) -> Option<Role> {
        if self.is_top(standing) {
            return Some(Role::Admin);
        }
        let subject = Subject::Organisation(self.organisation(standing.organisation));
        self.grant_to(standing.grant, subject).map(|grant| grant.role)
    }

    /// Rule 1: the standing that a standing was given from; none for the top.
    pub(super) fn parent(&self, standing: Standing) -> Option<Standing> {
        if self.is_top(standing) {
            return None;
        }
        self.parent_of_grant(standing.grant)
    }

    /// The standing under which a genesis or grant gave its roles.
    pub(super) fn parent_of_grant(&self, grant: NodeIx) -> Option<Standing> {
        match self.act(grant) {
            Act::Genesis { .. } => Some(Standing { grant, organisation: self.node(grant).organisation }),
            Act::Grant { .. } => self.acting(grant),
            Act::Revoke { .. }
            | Act::Withdraw { .. }
            | Act::Erase
            | Act::Receipt { .. }
            | Act::Key
            | Act::Revision { .. }
            | Act::Response => None,
        }
    }

    /// Rule 1: the standing an entry acts under; none for a genesis and for root keys.
    pub(super) fn acting(&self, ix: NodeIx) -> Option<Standing> {
        let node = self.node(ix);
        node.under.map(|grant| Standing { grant, organisation: node.organisation })
    }

    /// The document; none before its genesis is known.
    #[must_use]
    pub fn document(&self) -> Option<DocumentId> {
        self.genesis().map(|genesis| self.node(genesis).id.into())
    }

    /// The owning organisation; none before the genesis is known.
    #[must_use]
    pub fn owner(&self) -> Option<OrganisationId> {
        self.genesis().map(|genesis| self.organisation(self.node(genesis).organisation))
    }

    /// How many sound entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// About how much memory it takes, in bytes: measured on bulletins, the verdicts that were asked for among it.
    #[must_use]
    pub const fn footprint(&self) -> usize {
        self.nodes.len().saturating_mul(768).saturating_add(4096)
    }

    /// Whether not even the genesis is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether a sound entry is known.
    #[must_use]
    pub fn contains(&self, id: &EntryId) -> bool {
        self.find(id).is_some()
    }

    /// All sound entries of a plane in the order of arrival, which is causal.
    pub fn entries(&self, plane: Plane) -> impl Iterator<Item = EntryId> + '_ {
        self.nodes.iter().filter(move |node| node.plane() == plane).map(|node| node.id)
    }

    /// The sound entries that came after the first `count`, in the order of arrival, which is causal.
    pub fn entries_after(&self, count: usize) -> impl Iterator<Item = EntryId> + '_ {
        self.nodes.iter().skip(count).map(|node| node.id)
    }

    pub(super) fn heads_of(&self, plane: Plane) -> &BTreeSet<EntryId> {
        let [control, content] = &self.heads;
        match plane {
            Plane::Control => control,
            Plane::Content => content,
        }
    }

    /// The entries of a plane that no sound entry of the plane names, ascending.
    pub fn heads(&self, plane: Plane) -> impl Iterator<Item = EntryId> + '_ {
        self.heads_of(plane).iter().copied()
    }

    /// Puts an entry among the heads of its plane, in the place of those it names.
    pub(super) fn head(&mut self, id: EntryId, plane: Plane, names: &[NodeIx]) {
        let mut named = Vec::new();
        for name in names {
            if self.node(*name).plane() == plane
                && let Some(is_head) = self.is_head.get_mut(name.place())
                && std::mem::take(is_head)
            {
                named.push(self.node(*name).id);
            }
        }
        let ([control, content], [of_control, of_content]) = (&mut self.heads, &self.versions);
        let (heads, version) = match plane {
            Plane::Control => (control, of_control),
            Plane::Content => (content, of_content),
        };
        for id in named {
            heads.remove(&id);
        }
        heads.insert(id);
        self.is_head.push(true);
        version.set(None);
    }

    /// BLAKE3 of the sorted heads of a plane: equal if and only if the sound entries of the plane are.
    #[must_use]
    pub fn version(&self, plane: Plane) -> Hash {
        let [control, content] = &self.versions;
        let known = match plane {
            Plane::Control => control,
            Plane::Content => content,
        };
        known.get().unwrap_or_else(|| {
            let mut hasher = blake3::Hasher::new_derive_key("csu-link 0 version");
            for head in self.heads_of(plane) {
                hasher.update(head.as_bytes());
            }
            let version = Hash::new(*hasher.finalize().as_bytes());
            known.set(Some(version));
            version
        })
    }

    /// The author's newest entry in a plane and its seq, for the next to chain to.
    #[must_use]
    pub fn tip(&self, author: &Author, plane: Plane) -> Option<(EntryId, u64)> {
        let node = self.node(self.tip_of(self.known_author(author)?, plane)?);
        Some((node.id, u64::from(node.seq)))
    }

    /// How many steps were taken so far to judge entries and to answer: for tests, which hold it against
    /// the number of entries.
    #[doc(hidden)]
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.sets.steps()
    }
}
