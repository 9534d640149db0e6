//! Erasing a document everywhere, and who confirmed it.

use super::{AnnexLine, Moment, OrgRef};
use csu_protocol::entry::{Reason, Role};
use csu_protocol::id::DocumentId;
use serde::{Deserialize, Serialize};

/// Has a document erased everywhere. Only its owner may, and it cannot be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ErasureRequest {
    /// Why. Everybody who ever held the document is told: it travels in clear.
    pub why: Reason,
}

/// That, when, by whom and why a document was erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Erased {
    /// By whom.
    pub by: OrgRef,
    /// When this node learnt it, and removed what it had.
    pub at: Moment,
    /// Why, if that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Reason>,
}

/// Who held a document, and who confirmed that nothing of it is left there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErasureView {
    /// The shortest text that names it here.
    pub reference: String,
    /// Its id.
    pub id: DocumentId,
    /// The text that stands for it; none once it is erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its owner, who alone may have it erased.
    pub owner: OrgRef,
    /// That it was erased; none if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<Erased>,
    /// Every organisation that was ever given a role on it, this one and the owner among them: who held it, or may have.
    pub holders: Vec<Holder>,
    /// Whether anyone could ever read it: then others hold it, too, and nobody can say who.
    pub anyone: bool,
    /// How many of the holders have not confirmed; 0 if it is not erased.
    pub outstanding: usize,
    /// Its annexes. Those of this organisation are erased with it; of others only their owners can erase theirs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annexes: Vec<AnnexLine>,
}

/// One organisation that held a document, or may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// Who.
    pub who: OrgRef,
    /// The highest role it was ever given.
    pub role: Role,
    /// Whether it has a role now.
    pub live: bool,
    /// When its confirmation came here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Moment>,
    /// When it was last connected with this node, if it ever was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Moment>,
    /// Whether it is connected now.
    pub connected: bool,
    /// Whether it is this node's own organisation.
    pub here: bool,
}
