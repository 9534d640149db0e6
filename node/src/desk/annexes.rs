//! Annexes, which are sealed parts of other documents; and what looks as if it belonged into one.

use super::{Moment, OrgRef};
use crate::personal;
use csu_protocol::id::DocumentId;
use serde::{Deserialize, Serialize};

/// An annex, as the document shows it that it belongs to: nothing of what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnnexLine {
    /// The shortest text that names it here.
    pub reference: String,
    /// Its id; none while it is a draft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<DocumentId>,
    /// Its state.
    pub state: String,
    /// Its owner.
    pub owner: OrgRef,
    /// When it is due for erasure, if this node knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Moment>,
}

/// Opens an annex.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpeningRequest {
    /// Why. Its owner is told, and keeps it in the access log for good.
    #[serde(default)]
    pub reason: String,
}

/// A place in a draft that looks like personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonalData {
    /// The path of the field.
    pub field: String,
    /// What it looks like.
    pub looks_like: personal::Kind,
    /// The words.
    pub words: String,
}
