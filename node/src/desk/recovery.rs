//! Coming back after the server was lost or stolen.

use super::OrgRef;
use csu_protocol::id::DocumentId;
use serde::{Deserialize, Serialize};

/// How far a node is that comes back from a backup, or from its neighbours alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recovery {
    /// What is being done.
    pub stage: RecoveryStage,
    /// The neighbours, and how far the node is with each.
    pub neighbours: Vec<RecoveringWith>,
    /// How many documents there are.
    pub documents: usize,
    /// In how many of them what the lost device did afterwards is void for good.
    pub disowned: usize,
    /// How many came back from the backup and wait for a neighbour that knows whether they were erased meanwhile.
    pub silent: usize,
    /// In how many documents the rules refused the root key's word, so that the lost device may still act there.
    pub refused: usize,
    /// Messages that neighbours have not taken yet.
    pub sending: usize,
    /// What the lost device signed after the backup was made, as far as the neighbours told before the root key spoke: its people
    /// know whether it was theirs. Nothing if there was no backup.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub since_backup: Vec<SinceBackup>,
}

/// A document in which the lost device signed something after the backup was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SinceBackup {
    /// The document.
    pub document: DocumentId,
    /// The beginning of its id, for people.
    pub reference: String,
    /// Its kind and title, as far as it can be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// How many entries.
    pub entries: usize,
}

/// The parts of coming back, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RecoveryStage {
    /// Taking in what the neighbours hold.
    Gathering,
    /// Signing with the root key, document by document, what stays of the lost device's work.
    Disowning,
    /// All of it is done.
    Done,
}

/// One neighbour, as seen by a node that comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecoveringWith {
    /// The neighbour.
    pub organisation: OrgRef,
    /// How far.
    pub state: RecoveringState,
    /// Whether it is done without.
    pub left_out: bool,
    /// The security number, if it is to be compared and confirmed first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
}

/// How far a node that comes back is with a neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RecoveringState {
    /// An operator paused the exchange with it: it is not waited for.
    Paused,
    /// The pairing is not confirmed.
    ToConfirm,
    /// It was not reached yet.
    Connecting,
    /// What it holds is being taken in.
    Comparing,
    /// All that it holds was taken in.
    Compared,
}

/// Asks for the next piece of the work.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecoveryStep {
    /// Neighbours not to wait for, by name or id: what only they hold of the lost device's work is lost.
    #[serde(default)]
    pub without: Vec<String>,
}
