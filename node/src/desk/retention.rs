//! Until when documents are kept, and what is due.
//!
//! A document has two dates: of its *review*, when somebody looks whether it is still needed, and of its
//! *end*, when it is to be erased. Its kind gives them, counted in months from its last change; a person
//! can set others for one document, and then those of its kind hold no more.

use super::{Moment, OrgRef};
use csu_protocol::id::DocumentId;
use serde::{Deserialize, Serialize};

/// Which documents to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetentionQuery {
    /// Those due before this moment; else those due now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Moment>,
    /// At most this many: 1 to 1000, else 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

impl RetentionQuery {
    /// The most lines in one answer, and the most documents of one run.
    pub const MAX_LIMIT: u32 = 1000;
    /// Lines in an answer if nobody says.
    pub const DEFAULT_LIMIT: u32 = 100;
}

/// What is due, soonest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetentionList {
    /// The documents.
    pub items: Vec<RetentionLine>,
    /// How many more are due.
    pub more: u64,
}

/// The dates of one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetentionLine {
    /// The document, short.
    pub reference: String,
    /// Its id.
    pub document: DocumentId,
    /// Its kind.
    pub kind: String,
    /// What stands for it in lists.
    pub title: String,
    /// Its state.
    pub state: String,
    /// Whose it is: the only one who can have it erased everywhere.
    pub owner: OrgRef,
    /// When it last changed.
    pub updated: Moment,
    /// When somebody looks whether it is still needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Moment>,
    /// When it is to be erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Moment>,
    /// What is due now.
    pub due: Due,
    /// Whether somebody set the dates for this document; else they are those of its kind.
    pub own: bool,
    /// Why they were set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// What is due with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Due {
    /// Nothing yet.
    Nothing,
    /// Somebody is to look whether it is still needed.
    Review,
    /// Its end has come, and this organisation can erase it.
    Erasure,
    /// Its end has come here, but only its owner can erase it.
    ErasureByOwner,
}

/// Sets the dates of one document. Exactly one of three is given: a period or dates, or that those of
/// its kind hold again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetentionRequest {
    /// Erase it this many months from now: 1 to 1200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_months: Option<u32>,
    /// Erase it then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
    /// Look then whether it is still needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Moment>,
    /// Let the dates of its kind hold again.
    #[serde(default)]
    pub by_kind: bool,
    /// Why; it stands in the access log.
    pub why: String,
}

/// Asks for what is due to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetentionRunRequest {
    /// Only say what would be done.
    #[serde(default)]
    pub dry_run: bool,
}

/// What a run did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetentionRun {
    /// Whether nothing was to be done in earnest.
    pub dry_run: bool,
    /// What became of each document that is due, soonest first.
    pub items: Vec<RetentionAct>,
    /// How many more are due: run it again.
    pub more: u64,
}

/// What a run did with one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetentionAct {
    /// The document and its dates.
    pub line: RetentionLine,
    /// Whether it was erased.
    pub erased: bool,
    /// What was done, or is left to do and by whom.
    pub outcome: String,
}
