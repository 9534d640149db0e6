//! Grants, who may do what, and what the node did.

use super::{Document, EntryKind, Moment, OrgRef, Party};
use crate::log_verb::LogVerb;
use csu_protocol::entry::Role;
use csu_protocol::id::EntryId;
use serde::{Deserialize, Serialize};

/// A grant that was once made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GrantLine {
    /// The entry that made it.
    pub id: EntryId,
    /// To whom.
    pub to: Party,
    /// What they may.
    pub role: Role,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
    /// By whom.
    pub by: OrgRef,
    /// The circles of this node for whose sake it was made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub circles: Vec<String>,
    /// Whether it is live.
    pub counts: bool,
    /// Why it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

/// Gives a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrantRequest {
    /// To whom, as a person refers to them; or `anyone`.
    pub who: String,
    /// What they may; `read` if nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
}

/// What becomes of the roles that somebody passed on when its own is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PassedOn {
    /// They stay: what was done in good faith is kept.
    #[default]
    Stay,
    /// They fall with it, and whatever was done by them.
    Fall,
}

/// Takes roles away.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevocationRequest {
    /// From whom, as a person refers to them; or `anyone`.
    pub who: String,
    /// Whether what they passed on to others stays; it does if nobody says.
    #[serde(default)]
    pub passed_on: PassedOn,
}

/// What a revocation did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RevocationOutcome {
    /// The document as it is now.
    pub document: Document,
    /// Who lost every role: the revoked, and who had theirs through it.
    pub falls: Vec<OrgRef>,
    /// All that fell.
    pub effect: RevocationEffect,
}

/// Exactly what a revocation changes: shown before it is done, and told when it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RevocationEffect {
    /// Who has no role any more, or a lower one, or one for a shorter time.
    pub losses: Vec<RoleLoss>,
    /// What those who lose had passed on, and stays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stays: Vec<StayingRole>,
    /// Who gets a role back that the revoked had taken from it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gains: Vec<RoleGain>,
    /// Revisions and responses that do not count any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<FallenEntry>,
    /// The fields that then read otherwise, by their paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// How the state changes, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateChange>,
}

/// Somebody who loses a role or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleLoss {
    /// Who.
    pub who: Party,
    /// The highest role it had.
    pub had: Role,
    /// Until when it would have had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub had_until: Option<Moment>,
    /// The role that it keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeps: Option<Role>,
    /// Until when it keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeps_until: Option<Moment>,
    /// What it holds all the same, in words: what was sent before cannot be called back.
    pub holds: Vec<String>,
}

/// A role that stays although whoever passed it on has none any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StayingRole {
    /// Who has it.
    pub who: Party,
    /// The role.
    pub role: Role,
    /// Who passed it on.
    pub by: OrgRef,
}

/// Somebody who gets a role or more of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleGain {
    /// Who.
    pub who: Party,
    /// The highest role it then has.
    pub role: Role,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
}

/// A revision or response that does not count any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FallenEntry {
    /// The entry.
    pub entry: EntryId,
    /// What it is.
    pub kind: EntryKind,
    /// By whom.
    pub by: OrgRef,
}

/// One state of a document and the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StateChange {
    /// As it is.
    pub from: String,
    /// As it is then.
    pub to: String,
}

/// Who may do what with a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessView {
    /// Its owner.
    pub owner: OrgRef,
    /// Everybody who was ever given a role.
    pub rows: Vec<AccessRow>,
}

/// What one organisation, or anyone, may do, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessRow {
    /// Who.
    pub who: Party,
    /// The highest role they were given.
    pub role: Role,
    /// Whether they have it now.
    pub live: bool,
    /// The grants by which they have it, from the owner down.
    pub chain: Vec<ChainLink>,
    /// What they may hold of the document, in words: what was sent before cannot be called back.
    pub holds: Vec<String>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
    /// Why they do not have it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// All that in one sentence.
    pub sentence: String,
}

/// One grant in a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainLink {
    /// The entry that made it.
    pub entry: EntryId,
    /// By whom.
    pub by: OrgRef,
    /// What it gave.
    pub role: Role,
}

/// Which lines of the log to show.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogQuery {
    /// About this document only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// Of this sort only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verb: Option<LogVerb>,
    /// To or by this organisation or person only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// Since this moment only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Moment>,
    /// At most this many: 1 to 1000, else 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

impl LogQuery {
    /// The most lines in one answer.
    pub const MAX_LIMIT: u32 = 1000;
    /// Lines in an answer if nobody says.
    pub const DEFAULT_LIMIT: u32 = 100;
}

/// One thing that the node did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogLine {
    /// When.
    pub at: Moment,
    /// Of which sort.
    pub verb: LogVerb,
    /// Which person, or which part of the node by itself.
    pub who: String,
    /// The kind of document, or what else it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// The document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// To or from whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The reason that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// In words.
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use csu_protocol::id::OrganisationId;

    #[test]
    fn anyone_is_a_word_in_json_and_an_organisation_is_itself() {
        let organisation =
            OrgRef { id: OrganisationId::new([1; 32]), name: "Brixton CSU".into(), verified: true, called: None, kind: None };
        for party in [Party::Anyone, Party::Organisation(organisation)] {
            let json = serde_json::to_string(&party).unwrap();
            assert_eq!(serde_json::from_str::<Party>(&json).unwrap(), party, "{json}");
        }
        assert_eq!(serde_json::to_string(&Party::Anyone).unwrap(), "\"anyone\"");
        serde_json::from_str::<Party>("\"everyone\"").unwrap_err();
    }

    #[test]
    fn a_request_with_a_field_that_nobody_knows_is_refused() {
        let error = serde_json::from_str::<GrantRequest>(r#"{"who":"a","rol":"read"}"#).unwrap_err();
        assert!(error.to_string().contains("rol"), "{error}");
    }
}
