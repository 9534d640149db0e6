//! Grants, who may do what, and what the node did.

use super::{Document, EntryKind, Moment, OrgRef, Party};
use crate::log_verb::LogVerb;
use core::fmt;
use core::str::FromStr;
use csu_protocol::entry::Role;
use csu_protocol::id::{DocumentId, EntryId, Hash};
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
    /// That somebody looked at what looks like personal data in it, and why these may have it too. It stands in the access log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal_data_checked: Option<String>,
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
    /// The annexes of this organisation that are taken back with the document, each from whom.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annexes: Vec<AnnexLoss>,
}

/// An annex that is taken back from somebody who loses what it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnnexLoss {
    /// The annex, short.
    pub reference: String,
    /// From whom.
    pub who: Party,
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
    /// The circles of this node for whose sake it was given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub circles: Vec<String>,
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
    /// Before this moment only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
    /// Only lines before the one of this number, to go on where a page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// At most this many: 1 to 1000, else 100. In a table as many as one likes, else all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// As what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<LogFormat>,
}

/// As what the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A list, at most a page.
    Json,
    /// A table of everything asked for, for spreadsheets.
    Csv,
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
    /// Its number; the first line is 1, and none is left out.
    pub number: u64,
    /// When.
    pub at: Moment,
    /// Of which sort.
    pub verb: LogVerb,
    /// Which person, or which part of the node by itself.
    pub who: String,
    /// The kind of document, or what else it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// The document, short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Its whole id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<DocumentId>,
    /// To or from whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The reason that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// In words.
    pub detail: String,
    /// The hash over this line and the hash of the line before it.
    pub hash: Hash,
}

/// The newest hash of the log, and how many lines it stands for: what to write down or send elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogHead {
    /// How many lines there are.
    pub lines: u64,
    /// The hash of the newest; zeros if there is none.
    pub hash: Hash,
    /// When that was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
}

impl fmt::Display for LogHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.lines, self.hash)
    }
}

/// A head as somebody wrote it down: `LINES-HASH`, or the hash alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptHead {
    /// How many lines there were, if it says so.
    pub lines: Option<u64>,
    /// The hash of the newest of them.
    pub hash: Hash,
}

impl FromStr for KeptHead {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || "a head is written as `csu log head` prints it: LINES-HASH, or the 64 hexadecimal digits of the hash alone".to_owned();
        let (lines, hash) = match text.trim().split_once('-') {
            Some((lines, hash)) => (Some(lines.parse().map_err(|_| wrong())?), hash),
            None => (None, text.trim()),
        };
        Ok(Self { lines, hash: hash.parse().map_err(|_| wrong())? })
    }
}

/// Which part of the log's chain to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogCheckQuery {
    /// Behind the line of this number, which must have been checked; else from the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// At most this many lines: 1 to 10000, else as many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// A hash to look for among those of the lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sought: Option<Hash>,
}

impl LogCheckQuery {
    /// The most lines that are checked for one request.
    pub const MAX_LIMIT: u32 = 10_000;
}

/// What the check of a part of the log's chain found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogCheck {
    /// The last line that is known to be right: ask for what is behind it next.
    pub to: u64,
    /// Whether there is more behind it to be checked.
    pub more: bool,
    /// Where the chain is broken first; nothing behind it was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<LogBreak>,
    /// The line that has the hash that was looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sought: Option<u64>,
    /// The newest line, as the log has it now.
    pub head: LogHead,
}

/// Where the log's chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogBreak {
    /// The first line that is missing or not as it was written.
    pub line: u64,
    /// The time that stands there, or in the next line that is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
    /// What is wrong.
    pub what: String,
}

impl LogBreak {
    /// What to do about it.
    pub const REMEDY: &str = "copy the whole data folder away as evidence before anything else, find out who could write to it, and \
        compare with the heads and tables that were kept elsewhere; up to the line before, the chain is whole";
}

impl fmt::Display for LogBreak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the access log is broken at line {}", self.line)?;
        if let Some(at) = self.at {
            write!(f, " ({at})")?;
        }
        write!(f, ": {}", self.what)
    }
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
    fn a_head_is_read_as_it_is_printed_or_as_its_hash_alone() {
        let head = LogHead { lines: 12, hash: Hash::new([0xab; 32]), at: None };
        assert_eq!(head.to_string().parse(), Ok(KeptHead { lines: Some(12), hash: head.hash }));
        assert_eq!(format!(" {}\n", head.hash).parse(), Ok(KeptHead { lines: None, hash: head.hash }));
        for text in ["", "12", "12-", "x-ab", &format!("-{}", head.hash), &format!("12:{}", head.hash)] {
            text.parse::<KeptHead>().unwrap_err();
        }
    }

    #[test]
    fn a_request_with_a_field_that_nobody_knows_is_refused() {
        let error = serde_json::from_str::<GrantRequest>(r#"{"who":"a","rol":"read"}"#).unwrap_err();
        assert!(error.to_string().contains("rol"), "{error}");
    }
}
