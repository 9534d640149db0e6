//! Small names for the parts of one document's graph. Local to one [`super::Access`].

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
