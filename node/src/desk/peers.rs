//! Invitations and neighbours.

use super::{Moment, OrgRef};
use serde::{Deserialize, Serialize};

/// Asks for a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InvitationRequest {
    /// For how many hours it is good: 1 to 168, else 24.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_hours: Option<u32>,
}

impl InvitationRequest {
    /// The longest that a ticket may be good for: a week.
    pub const MAX_HOURS: u32 = 168;
    /// How long it is good for if nobody says.
    pub const DEFAULT_HOURS: u32 = 24;
}

/// A ticket, to be handed to one organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Invitation {
    /// The ticket. Whoever shows it first is the one invited.
    pub ticket: String,
    /// When it ends.
    pub expires: Moment,
    /// The addresses it tells.
    pub addresses: Vec<String>,
}

/// Takes a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JoinRequest {
    /// The ticket, as the other organisation's `csu invite` printed it.
    pub ticket: String,
}

/// Confirms a neighbour.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfirmRequest {
    /// The security number that the other side read out. If given, it must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
}

/// Stops or resumes exchanging with a neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PauseRequest {
    /// True to stop, false to resume.
    pub paused: bool,
}

/// How far a pairing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Pairing {
    /// A ticket of ours was shown to us; cards are being exchanged.
    Inviting,
    /// We took a ticket and have not reached the other side yet.
    Joining,
    /// The security number is there, and at least one side has not confirmed it.
    Waiting,
    /// Both sides confirmed.
    Confirmed,
}

/// A neighbour, or one to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Peer {
    /// The organisation.
    pub organisation: OrgRef,
    /// How far the pairing is.
    pub pairing: Pairing,
    /// Whether this side confirmed the security number.
    pub we_confirmed: bool,
    /// Whether the other side did.
    pub they_confirmed: bool,
    /// The security number, once both sides' cards are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Whether exchanging is switched off here.
    pub paused: bool,
    /// Whether a connection is up.
    pub connected: bool,
    /// Where it can be reached.
    pub addresses: Vec<String>,
    /// Since when it is known here.
    pub since: Moment,
    /// The fingerprint of its root key, for people to compare.
    pub fingerprint: String,
    /// Why it could not be reached the last time, while it is not connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}
