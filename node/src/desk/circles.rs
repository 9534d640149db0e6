//! Circles: named lists of organisations, kept by this node and never sent.

use super::{Moment, OrgRef, RevocationEffect};
use csu_protocol::entry::Role;
use csu_protocol::id::DocumentId;
use serde::{Deserialize, Serialize};

/// What stands before a circle's name where a recipient is named: `circle:Ward neighbours`.
pub const CIRCLE_PREFIX: &str = "circle:";

/// A circle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Circle {
    /// Its name, which this node alone knows.
    pub name: String,
    /// Who is in it, by name.
    pub members: Vec<OrgRef>,
    /// How many documents were granted to it.
    pub documents: u64,
    /// When it was made.
    pub created: Moment,
}

impl Circle {
    /// The most circles of one node.
    pub const MOST: usize = 256;
    /// The most members of one circle.
    pub const MOST_MEMBERS: usize = 512;
}

/// Makes a circle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CircleRequest {
    /// Its name: 1 to 120 bytes without control characters and `=`, and no organisation's.
    pub name: String,
    /// Who is in it from the beginning, as a person refers to them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
}

/// Changes who is in a circle. Nothing is granted or taken back by that: see [`PendingPage`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MembersRequest {
    /// Who comes in, as a person refers to them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<String>,
    /// Who goes out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
}

/// Which part of what is pending to show.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PendingQuery {
    /// Go on behind the document where the page before ended: its `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<DocumentId>,
    /// Look at this many documents at most: 1 to 200, else 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

impl PendingQuery {
    /// The most documents that one page looks at.
    pub const MAX_LIMIT: u32 = 200;
    /// Documents that a page looks at if nobody says.
    pub const DEFAULT_LIMIT: u32 = 50;
    /// The changes after which a page ends with the document that it is at.
    pub const MOST_CHANGES: usize = 200;
}

/// What follows from a circle's members and was not done yet, for some of its documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PendingPage {
    /// The changes, by document.
    pub items: Vec<CircleChange>,
    /// Where to go on, if there are more documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<DocumentId>,
}

/// Which way a role goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CircleStep {
    /// A member gets the role that its circle has.
    Gives,
    /// A former member loses the role that it had by the circle.
    Takes,
}

/// One grant or revocation that follows from a circle's members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CircleChange {
    /// The document.
    pub document: DocumentId,
    /// What people call it.
    pub reference: String,
    /// Its title.
    pub title: String,
    /// Who gets or loses the role.
    pub who: OrgRef,
    /// Which of the two.
    pub change: CircleStep,
    /// The role.
    pub role: Role,
    /// Until when it is or was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
    /// Of a loss: the role that stays, because it came from elsewhere too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeps: Option<Role>,
    /// Of a loss: everything that falls with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<RevocationEffect>,
    /// Why this organisation cannot do it, and who could.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<Blocked>,
}

/// Why something cannot be done here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Blocked {
    /// Why.
    pub why: String,
    /// Who could do it or allow it, and how.
    pub remedy: String,
}

/// Does what follows for one document of a circle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApplyRequest {
    /// The document, as a person refers to it.
    pub document: String,
}

/// What was done for one document of a circle. Asked for again, there is nothing left to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// The document.
    pub document: DocumentId,
    /// What people call it.
    pub reference: String,
    /// What was done.
    pub done: Vec<CircleChange>,
    /// What was not, and why.
    pub refused: Vec<CircleChange>,
}
