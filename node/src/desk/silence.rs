//! Documents that are silent because nobody has confirmed them since an older copy or a backup was put back.

use super::{Moment, OrgRef};
use serde::{Deserialize, Serialize};

/// What is silent, and who could confirm it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SilenceView {
    /// How many documents are silent until a neighbour that holds them has confirmed them.
    pub documents: usize,
    /// Whether nothing is signed in shared documents before a neighbour is up to date: the database is an older copy.
    pub signing_waits: bool,
    /// How it was noticed that the database is an older copy; none after a restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_copy: Option<String>,
    /// The organisations that could confirm some of them, the one that could confirm most first.
    pub waits_for: Vec<Awaited>,
    /// How many more organisations could.
    pub more: usize,
}

/// An organisation that could confirm silent documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Awaited {
    /// Who.
    pub who: OrgRef,
    /// How many.
    pub documents: usize,
    /// Whether it is connected now.
    pub connected: bool,
    /// When it was last connected; none if never, or if it is no neighbour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Moment>,
}

/// Lets silent documents speak although nobody confirmed them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReleaseRequest {
    /// This one only; all of them if none is named, and signing in shared documents goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// What was released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Released {
    /// How many documents speak again.
    pub released: usize,
    /// How many are silent still.
    pub silent: usize,
    /// Whether nothing is signed in shared documents as yet.
    pub signing_waits: bool,
}
