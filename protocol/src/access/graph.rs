//! The graph of one document's sound entries, and the indexes that rules and rights are read from.

use super::index::{AuthorIx, NodeIx, OrgIx, Standing};
use super::memo::Memo;
use super::sets::{RevokeIx, SetId, Sets};
use crate::entry::{Author, Grant, Plane, Principal, Reason, Role, Subject};
use crate::id::{DocumentId, EntryId, Hash, OrganisationId};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// What an entry does, as far as access needs it.
#[derive(Debug, Clone)]
pub(super) enum Act {
    Genesis { grants: Vec<Grant> },
    Grant { grants: Vec<Grant> },
    Revoke { number: RevokeIx, principal: Principal, keep: BTreeMap<(Author, Plane), EntryId> },
    Withdraw { reason: Reason },
    Erase,
    Receipt,
    Key,
    Revision { deps: Vec<NodeIx> },
    Response,
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) id: EntryId,
    pub(super) organisation: OrgIx,
    pub(super) author: AuthorIx,
    pub(super) under: Option<NodeIx>,
    pub(super) plane: Plane,
    pub(super) seq: u64,
    pub(super) previous: Option<NodeIx>,
    /// An ancestor by `previous`, so placed that any is reached in O(log seq) steps.
    pub(super) jump: Option<NodeIx>,
    /// Everything it names.
    pub(super) names: Vec<NodeIx>,
    /// The revocations in its past.
    pub(super) seen: SetId,
    /// How far the standing it acts under is below the genesis.
    pub(super) depth: u8,
    pub(super) act: Act,
}

/// The sound entries of one document.
#[derive(Debug)]
pub struct Access {
    pub(super) nodes: Vec<Node>,
    pub(super) index: BTreeMap<EntryId, NodeIx>,
    pub(super) organisations: Vec<OrganisationId>,
    organisation_index: BTreeMap<OrganisationId, OrgIx>,
    pub(super) authors: Vec<Author>,
    author_index: BTreeMap<Author, AuthorIx>,
    pub(super) sets: Sets,
    pub(super) nothing: SetId,
    /// The revocations that it takes an admin to sign: neither renunciations nor those by root keys,
    /// which anyone ever named can sign at will and so must not use up what others may do.
    pub(super) by_admins: SetId,
    pub(super) revokes: Vec<NodeIx>,
    /// Revocations by whom they name.
    pub(super) revokes_of: BTreeMap<Principal, Vec<RevokeIx>>,
    /// Geneses and grants by whom they name.
    pub(super) naming: BTreeMap<Subject, Vec<NodeIx>>,
    pub(super) heads: [BTreeSet<EntryId>; 2],
    /// The entry of highest seq of each author in each plane.
    pub(super) tips: BTreeMap<(AuthorIx, Plane), NodeIx>,
    /// The first entry seen with each seq, to notice forks.
    pub(super) chain: BTreeMap<(AuthorIx, Plane, u64), NodeIx>,
    pub(super) forks: Vec<(NodeIx, NodeIx)>,
    pub(super) memo: RefCell<Memo>,
}

impl Default for Access {
    fn default() -> Self {
        let mut sets = Sets::default();
        let nothing = sets.empty();
        Self {
            nodes: Vec::new(),
            index: BTreeMap::new(),
            organisations: Vec::new(),
            organisation_index: BTreeMap::new(),
            authors: Vec::new(),
            author_index: BTreeMap::new(),
            sets,
            nothing,
            by_admins: nothing,
            revokes: Vec::new(),
            revokes_of: BTreeMap::new(),
            naming: BTreeMap::new(),
            heads: [BTreeSet::new(), BTreeSet::new()],
            tips: BTreeMap::new(),
            chain: BTreeMap::new(),
            forks: Vec::new(),
            memo: RefCell::default(),
        }
    }
}

fn at(index: u32) -> usize {
    // Entries are counted by u32 and held in memory: a usize of 32 bits or more holds the count.
    usize::try_from(index).unwrap_or(usize::MAX)
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[allow(clippy::indexing_slicing, reason = "indexes are handed out by `insert` of the same Access and nothing is ever removed")]
impl Access {
    pub(super) fn node(&self, ix: NodeIx) -> &Node {
        &self.nodes[at(ix.0)]
    }

    pub(super) fn revoke(&self, ix: RevokeIx) -> NodeIx {
        self.revokes[at(ix)]
    }

    pub(super) fn organisation(&self, ix: OrgIx) -> OrganisationId {
        self.organisations[at(ix.0)]
    }

    pub(super) fn author(&self, ix: AuthorIx) -> Author {
        self.authors[at(ix.0)]
    }
}

impl Access {
    pub(super) fn next_node(&self) -> NodeIx {
        NodeIx(count(self.nodes.len()))
    }

    pub(super) fn next_revoke(&self) -> RevokeIx {
        count(self.revokes.len())
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
        (!self.nodes.is_empty()).then_some(NodeIx(0))
    }

    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = NodeIx> + use<> {
        (0..count(self.nodes.len())).map(NodeIx)
    }

    /// Grants of a genesis or grant entry; none for others.
    pub(super) fn grants(&self, ix: NodeIx) -> &[Grant] {
        match &self.node(ix).act {
            Act::Genesis { grants } | Act::Grant { grants } => grants,
            Act::Revoke { .. } | Act::Withdraw { .. } | Act::Erase | Act::Receipt | Act::Key | Act::Revision { .. } | Act::Response => &[],
        }
    }

    /// The grant that names `subject` in `ix`.
    pub(super) fn grant_to(&self, ix: NodeIx, subject: Subject) -> Option<&Grant> {
        self.grants(ix).iter().find(|grant| grant.subject == subject)
    }

    pub(super) fn is_top(&self, standing: Standing) -> bool {
        let grant = self.node(standing.grant);
        matches!(grant.act, Act::Genesis { .. }) && grant.organisation == standing.organisation
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
        let node = self.node(grant);
        match node.act {
            Act::Genesis { .. } => Some(Standing { grant, organisation: node.organisation }),
            Act::Grant { .. } => self.acting(grant),
            Act::Revoke { .. } | Act::Withdraw { .. } | Act::Erase | Act::Receipt | Act::Key | Act::Revision { .. } | Act::Response => None,
        }
    }

    /// Rule 1: the standing an entry acts under; none for a genesis and for root keys.
    pub(super) fn acting(&self, ix: NodeIx) -> Option<Standing> {
        let node = self.node(ix);
        node.under.map(|grant| Standing { grant, organisation: node.organisation })
    }

    /// Whether `above` is on the way from `standing` to the top, `standing` itself left out.
    pub(super) fn is_proper_ancestor(&self, above: Standing, standing: Standing) -> bool {
        let mut at = self.parent(standing);
        while let Some(here) = at {
            if here == above {
                return true;
            }
            at = self.parent(here);
        }
        false
    }

    /// Whether `earlier` is `later` or reachable from it by `previous`.
    pub(super) fn is_chained_before(&self, earlier: NodeIx, later: NodeIx) -> bool {
        let target = self.node(earlier).seq;
        let mut here = later;
        loop {
            let node = self.node(here);
            if node.seq <= target {
                return here == earlier;
            }
            here = match (node.jump, node.previous) {
                (Some(jump), _) if self.node(jump).seq >= target => jump,
                (_, Some(previous)) => previous,
                (_, None) => return false,
            };
        }
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

    /// Whether not even the genesis is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether a sound entry is known.
    #[must_use]
    pub fn contains(&self, id: &EntryId) -> bool {
        self.index.contains_key(id)
    }

    /// All sound entries of a plane in the order of arrival, which is causal.
    pub fn entries(&self, plane: Plane) -> impl Iterator<Item = EntryId> + '_ {
        self.nodes.iter().filter(move |node| node.plane == plane).map(|node| node.id)
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

    /// BLAKE3 of the sorted heads of a plane: equal if and only if the sound entries of the plane are.
    #[must_use]
    pub fn version(&self, plane: Plane) -> Hash {
        let mut hasher = blake3::Hasher::new_derive_key("csu-link 0 version");
        for head in self.heads_of(plane) {
            hasher.update(head.as_bytes());
        }
        Hash::new(*hasher.finalize().as_bytes())
    }

    /// The author's newest entry in a plane and its seq, for the next to chain to.
    #[must_use]
    pub fn tip(&self, author: &Author, plane: Plane) -> Option<(EntryId, u64)> {
        let author = self.known_author(author)?;
        let node = self.node(*self.tips.get(&(author, plane))?);
        Some((node.id, node.seq))
    }

    /// Pairs of entries with which an author contradicts itself: one author, plane and seq. Both are kept as evidence.
    pub fn forks(&self) -> impl Iterator<Item = (EntryId, EntryId)> + '_ {
        self.forks.iter().map(|(one, other)| (self.node(*one).id, self.node(*other).id))
    }
}
