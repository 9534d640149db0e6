//! Documents, drafts, steps and responses.

use super::{AnnexLine, Erased, Moment, OrgRef, Party};
use core::fmt;
use core::str::FromStr;
use csu_protocol::entry::{Body, Reason, Remark, Role};
use csu_protocol::id::{DocumentId, EntryId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Which documents to list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DocumentQuery {
    /// Of this kind only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// In this state only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// With these words only, all of them: `burg*` stands for all words that begin so, and words in double quotes for words
    /// one behind the other. Of documents that were shared and can be read here, what their kind has indexed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// Of this category only, in small or capital letters, such as `burglary`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// At least of this severity, such as `Moderate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// With all these words in the names or codes of its places: `mill road`, or the GSS code of a ward.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<String>,
    /// Of this organisation only, as people refer to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// That changed then or later only, by the time that lists show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Moment>,
    /// With `true` only those that nobody here has looked at since they changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<bool>,
    /// Whether to count how many there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<bool>,
    /// At most this many: 1 to 500, else 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page before ended, as its `next` said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

impl DocumentQuery {
    /// The most lines on one page.
    pub const MAX_LIMIT: u32 = 500;
    /// Lines on a page if nobody says.
    pub const DEFAULT_LIMIT: u32 = 50;
    /// How far is counted.
    pub const MAX_COUNT: u32 = 1000;
}

/// A page of a list of documents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DocumentsPage {
    /// The documents, newest first.
    pub items: Vec<DocumentLine>,
    /// The cursor of the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How many documents there are on all pages, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<Count>,
}

/// How many documents there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Count {
    /// As far as they were counted.
    pub documents: u32,
    /// Whether there are more than that.
    pub more: bool,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.more { "more than " } else { "" }, self.documents)
    }
}

/// A document in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DocumentLine {
    /// The shortest text that names it here.
    pub reference: String,
    /// Its id; none before it is first shared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<DocumentId>,
    /// Its kind; `unknown` if this node may not read it.
    pub kind: String,
    /// The text that stands for it.
    pub title: String,
    /// Its state.
    pub state: String,
    /// Its marking.
    pub marking: String,
    /// Its owner.
    pub owner: OrgRef,
    /// When it last changed.
    pub updated: Moment,
    /// When that change came here, if it came from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<Moment>,
    /// Whether there is a draft on it here.
    pub draft: bool,
    /// Whether it changed since somebody last looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<bool>,
    /// That it was erased. Then it has no title and no marking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<Erased>,
}

/// What this node's organisation may do with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessLevel {
    /// Everything: it is its own.
    Owner,
    /// Grant, revoke and withdraw.
    Admin,
    /// Revise.
    Write,
    /// Read and respond.
    Read,
    /// Hold and forward what it cannot read.
    Relay,
    /// Nothing any more. What happens to the document is still told.
    Former,
}

impl AccessLevel {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Write => "write",
            Self::Read => "read",
            Self::Relay => "relay",
            Self::Former => "former",
        }
    }
}

impl From<Role> for AccessLevel {
    fn from(role: Role) -> Self {
        match role {
            Role::Relay => Self::Relay,
            Role::Read => Self::Read,
            Role::Write => Self::Write,
            Role::Admin => Self::Admin,
        }
    }
}

/// One document, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// The shortest text that names it here.
    pub reference: String,
    /// Its id; none before it is first shared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<DocumentId>,
    /// Its kind; `unknown` if this node may not read it.
    pub kind: String,
    /// The text that stands for it.
    pub title: String,
    /// Its state.
    pub state: String,
    /// Its marking.
    pub marking: String,
    /// Its owner.
    pub owner: OrgRef,
    /// What it says, as last shared; empty before that.
    pub fields: Map<String, Value>,
    /// What is being written here and stays here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft: Option<DraftView>,
    /// That it was withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Withdrawal>,
    /// What this organisation may do with it.
    pub access: AccessLevel,
    /// Who holds a live grant.
    pub readers: Vec<Reader>,
    /// What readers said.
    pub responses: Vec<ResponseLine>,
    /// The verbs of the steps that this organisation can take now.
    pub steps: Vec<String>,
    /// What a reader should know: what was left out of it, and why.
    pub problems: Vec<String>,
    /// The last entries of both planes.
    pub heads: Vec<EntryId>,
    /// Warnings of concurrent entries of one author.
    pub forks: Vec<String>,
    /// The annexes that belong to it and that this node knows of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annexes: Vec<AnnexLine>,
    /// Whether what it says is left out here, because it is shown only for a reason.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sealed: bool,
}

/// What is being written on this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DraftView {
    /// All fields, as they would be shared.
    pub fields: Map<String, Value>,
    /// The marking it would bear.
    pub marking: String,
    /// Whom it would be granted to when it is first shared.
    pub to: Vec<Recipient>,
    /// The paths of the fields that differ from what is shared.
    pub changed: Vec<String>,
}

/// That, why and by whom a document was withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Withdrawal {
    /// Why.
    pub reason: Reason,
    /// By whom.
    pub by: OrgRef,
    /// When this node learnt it.
    pub received: Moment,
}

/// Somebody who holds a live grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reader {
    /// Who.
    pub who: Party,
    /// What they may.
    pub role: Role,
    /// Since when this node knows it.
    pub since: Moment,
}

/// Somebody a document is to be granted to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Recipient {
    /// Who, as a person refers to them.
    pub who: String,
    /// What they may; `read` if nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
}

/// What a reader said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResponseLine {
    /// The entry that says it.
    pub entry: EntryId,
    /// Who.
    pub by: OrgRef,
    /// What.
    pub remark: Remark,
    /// The verb of the step, for [`Remark::Step`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// In words.
    pub text: String,
    /// When, by the author's clock.
    pub at: Moment,
    /// Which person, as the author's device attests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
}

/// Begins a draft.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DraftRequest {
    /// The kind of document.
    pub kind: String,
    /// What it says.
    #[serde(default)]
    pub fields: Map<String, Value>,
    /// Single fields in words, such as `severity=Severe`; they come after `fields`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assign: Vec<String>,
    /// Its marking, if not the kind's usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marking: Option<String>,
    /// Whom it is for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Recipient>,
    /// Of an annex: which document or draft it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Of an annex: words of that draft which are moved into it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub move_words: Vec<String>,
    /// Of an annex: move into it whatever in that draft looks like personal data.
    #[serde(default)]
    pub move_found: bool,
}

/// Changes a draft. What is left out stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DraftChange {
    /// All fields anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Map<String, Value>>,
    /// Single fields in words, such as `severity=Severe`; they come after `fields`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assign: Vec<String>,
    /// Another marking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marking: Option<String>,
    /// Other recipients, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Vec<Recipient>>,
}

/// Takes a step, with last changes to the draft if need be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepRequest {
    /// All fields anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Map<String, Value>>,
    /// Single fields in words; they come after `fields`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assign: Vec<String>,
    /// Another marking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marking: Option<String>,
    /// Take back, in the same step, the roles that this marking does not allow. Without it such a marking is refused.
    #[serde(default)]
    pub narrow: bool,
    /// Whom to grant the document to in the same step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Recipient>,
    /// Why, where a step asks for it: a withdrawal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// In words, for a step that is a response: an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// That somebody looked at what looks like personal data in it, and why it may be shared. It stands in the access log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal_data_checked: Option<String>,
    /// Move what looks like personal data to the draft of an annex, and share the rest.
    #[serde(default)]
    pub move_to_annex: bool,
}

/// Says something about a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RespondRequest {
    /// What.
    pub remark: Remark,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// That somebody looked at what looks like personal data in it, and why it may be shared. It stands in the access log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal_data_checked: Option<String>,
}

/// What an entry of a history does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    /// Begins the document.
    Genesis,
    /// Gives roles.
    Grant,
    /// Takes them.
    Revoke,
    /// Withdraws the document.
    Withdraw,
    /// Orders it destroyed.
    Erase,
    /// Says that an erasure was obeyed.
    Receipt,
    /// Starts an epoch with a key of its own.
    Key,
    /// Changes what the document says.
    Revision,
    /// Says something about it.
    Response,
}

impl EntryKind {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Genesis => "genesis",
            Self::Grant => "grant",
            Self::Revoke => "revoke",
            Self::Withdraw => "withdraw",
            Self::Erase => "erase",
            Self::Receipt => "receipt",
            Self::Key => "key",
            Self::Revision => "revision",
            Self::Response => "response",
        }
    }
}

impl From<&Body> for EntryKind {
    fn from(body: &Body) -> Self {
        match body {
            Body::Genesis { .. } => Self::Genesis,
            Body::Grant { .. } => Self::Grant,
            Body::Revoke { .. } => Self::Revoke,
            Body::Withdraw { .. } => Self::Withdraw,
            Body::Erase => Self::Erase,
            Body::Receipt { .. } => Self::Receipt,
            Body::Key { .. } => Self::Key,
            Body::Revision { .. } => Self::Revision,
            Body::Response { .. } => Self::Response,
        }
    }
}

/// One entry of a document's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryLine {
    /// The entry.
    pub entry: EntryId,
    /// What it does.
    pub kind: EntryKind,
    /// Who signed it.
    pub by: OrgRef,
    /// When, by the author's clock, where the author says and this node may read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
    /// Which person, as the author's device attests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// When it came here.
    pub received: Moment,
    /// The state that it led to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The paths of the fields that it changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// The same with what stood there before and after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ValueChange>,
    /// Whether it counts: whether whoever signed it was allowed to, as seen now.
    pub counts: bool,
    /// Why it does not, or what it does in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// How a revision changed one field. Long values are shortened to what lies around the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ValueChange {
    /// The path of the field; `state` and `marking` are none of the kind's.
    pub path: String,
    /// What stood there, if anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What stands there now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

impl ValueChange {
    /// The longest that a text in it is shown, in characters.
    pub const MOST_CHARACTERS: usize = 600;
    /// The most fields of one revision whose values are told.
    pub const MOST: usize = 100;
}

/// The formats that a document can leave in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// Common Alerting Protocol 1.2, for bulletins.
    Cap,
    /// The fields, state and marking as JSON.
    Json,
    /// The Automerge document.
    Automerge,
}

impl ExportFormat {
    /// All formats.
    pub const ALL: [Self; 3] = [Self::Cap, Self::Json, Self::Automerge];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cap => "cap",
            Self::Json => "json",
            Self::Automerge => "automerge",
        }
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ExportFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| format!("'{text}' is no format: use cap, json or automerge"))
    }
}

/// A document in another format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Its media type.
    pub media_type: &'static str,
    /// A name for the file: ASCII letters, digits, `-` and `.` only.
    pub file_name: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// A file to make a draft of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRequest {
    /// What to call the file in messages.
    pub name: Option<String>,
    /// The file.
    pub bytes: Vec<u8>,
}

/// A draft made of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// The draft.
    pub document: Document,
    /// What a person should look at before issuing it.
    pub warnings: Vec<ImportWarning>,
}

/// Something to look at in an imported draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportWarning {
    /// The field, or the place in the file.
    pub path: String,
    /// What about it.
    pub text: String,
}
