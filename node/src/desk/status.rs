//! How the node is.

use super::{LogHead, Moment, OrgRef};
use csu_protocol::id::{DeviceId, OrganisationId};
use csu_protocol::identity::OrganisationKind;
use serde::{Deserialize, Serialize};

/// The organisation whose node this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Its id.
    pub id: OrganisationId,
    /// Its name, as its card says.
    pub name: String,
    /// What sort it is.
    pub kind: OrganisationKind,
}

/// How the node is, at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Whose node it is.
    pub organisation: Identity,
    /// The device that acts for it.
    pub device: DeviceId,
    /// The version of `csu`.
    pub version: String,
    /// Where it keeps everything.
    pub data_folder: String,
    /// When it was started.
    pub since: Moment,
    /// Where others can reach it.
    pub addresses: Vec<String>,
    /// Where a browser on this computer reaches its pages, if it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<String>,
    /// How many documents it holds, drafts left out.
    pub documents: u64,
    /// How many drafts it holds.
    pub drafts: u64,
    /// The neighbours.
    pub peers: Vec<PeerStatus>,
    /// What the last check of the database found.
    pub integrity: Integrity,
    /// The newest hash of the access log's chain, to write down or send elsewhere.
    pub log: LogHead,
    /// How many documents of this organisation are erased without all their holders having confirmed it.
    #[serde(default)]
    pub outstanding_erasures: usize,
    /// How many documents came back from a backup and wait until a neighbour has confirmed them.
    #[serde(default)]
    pub unreconciled: usize,
    /// How many documents came that lists and search do not show as they are yet.
    #[serde(default)]
    pub to_be_listed: u64,
    /// All that in one sentence: `2 of 3 neighbours connected; all up to date`.
    pub summary: String,
}

/// How the connection to a neighbour is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerStatus {
    /// The neighbour.
    pub organisation: OrgRef,
    /// The connection.
    pub state: PeerState,
    /// Whether the two are still finding out or sending what differs.
    pub syncing: bool,
    /// What is still to come from it, as far as is known now, while the two are syncing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Left>,
    /// When something last came from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Moment>,
    /// Since when the connection is as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Moment>,
    /// How many documents' control or content this node declines from it, because what it may bring is used up.
    #[serde(default)]
    pub declined: usize,
}

/// What is still to come from a neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// Parts of documents: of each document who may do what is one, and what it says another.
    pub parts: u64,
    /// About how many bytes that are, judged by what came so far; none while nothing has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.parts {
            1 => write!(f, "1 part of a document left")?,
            parts => write!(f, "{parts} parts of documents left")?,
        }
        match self.bytes {
            None => Ok(()),
            Some(bytes) if bytes < 1_000_000 => write!(f, ", about {} kB", bytes.div_ceil(1000)),
            Some(bytes) => write!(f, ", about {}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
        }
    }
}

/// The state of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PeerState {
    /// Up.
    Connected,
    /// Being tried.
    Connecting,
    /// Until the next try, or for the other side to confirm.
    Waiting,
    /// Switched off here.
    Paused,
}

/// What the last check of the database found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Integrity {
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<Moment>,
    /// What it found.
    pub result: IntegrityResult,
    /// In words, when it found damage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The result of a check of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum IntegrityResult {
    /// Nothing wrong.
    Ok,
    /// Not finished.
    Running,
    /// Not begun.
    Unchecked,
    /// Something is wrong.
    Damaged,
}

/// One thing that `csu doctor` looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found.
    pub detail: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Check {
    /// Something that is as it should be.
    #[must_use]
    pub fn passed(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { name: name.into(), ok: true, detail: detail.into(), remedy: None }
    }

    /// Something that is not, and what to do about it.
    #[must_use]
    pub fn failed(name: impl Into<String>, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name: name.into(), ok: false, detail: detail.into(), remedy: Some(remedy.into()) }
    }
}
