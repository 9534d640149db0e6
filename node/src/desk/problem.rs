//! What went wrong, for whoever asked: RFC 9457 problem details with a remedy.

use super::PersonalData;
use core::fmt;
use serde::{Deserialize, Serialize};

/// Who can mend a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blame {
    /// Whoever asked named something that is not there.
    NotFound,
    /// Whoever asked gave something that cannot be taken.
    Invalid,
    /// Whoever asked may not; somebody else could.
    Denied,
    /// It does not fit the state that things are in now.
    Conflict,
    /// The operator's disk or database.
    Storage,
    /// Nobody: the node is busy, starting or stopping.
    Unavailable,
}

impl Blame {
    const fn status(self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::Invalid => 422,
            Self::Denied => 403,
            Self::Conflict => 409,
            Self::Storage => 500,
            Self::Unavailable => 503,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::NotFound => "Not found",
            Self::Invalid => "Cannot be taken",
            Self::Denied => "Not allowed",
            Self::Conflict => "Does not fit the present state",
            Self::Storage => "Could not be stored",
            Self::Unavailable => "Not available now",
        }
    }

    const fn address(self) -> &'static str {
        match self {
            Self::NotFound => "tag:csu-link,2026:not-found",
            Self::Invalid => "tag:csu-link,2026:invalid",
            Self::Denied => "tag:csu-link,2026:denied",
            Self::Conflict => "tag:csu-link,2026:conflict",
            Self::Storage => "tag:csu-link,2026:storage",
            Self::Unavailable => "tag:csu-link,2026:unavailable",
        }
    }
}

/// The type of the one conflict that a program can take as done.
const ALREADY_PAIRED: &str = "tag:csu-link,2026:already-paired";

/// The type of the one denial that a reason overcomes.
const SEALED: &str = "tag:csu-link,2026:sealed";

/// A refusal or a failure, as `application/problem+json` (RFC 9457) carries it.
///
/// It always says what to do next. It never quotes what a document says, for it may be logged; what it found of personal data
/// goes with it for whoever asked, and is not printed with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Problem(Box<Details>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    #[serde(rename = "type")]
    address: String,
    title: String,
    status: u16,
    detail: String,
    remedy: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    findings: Vec<PersonalData>,
}

impl Problem {
    fn new(blame: Blame, detail: impl Into<String>, remedy: impl Into<String>, field: Option<String>) -> Self {
        Self(Box::new(Details {
            address: blame.address().to_owned(),
            title: blame.title().to_owned(),
            status: blame.status(),
            detail: detail.into(),
            remedy: remedy.into(),
            field,
            findings: Vec::new(),
        }))
    }

    /// What was to be shared holds what looks like personal data. The words are for whoever asked alone: they are no part of
    /// what the problem says of itself.
    #[must_use]
    pub fn personal_data(findings: Vec<PersonalData>, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        let mut problem = Self::new(Blame::Invalid, detail, remedy, None);
        problem.0.findings = findings;
        problem
    }

    /// What was named is not there.
    #[must_use]
    pub fn not_found(detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Blame::NotFound, detail, remedy, None)
    }

    /// `field` of what was given cannot be taken.
    #[must_use]
    pub fn invalid(field: impl Into<String>, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Blame::Invalid, detail, remedy, Some(field.into()))
    }

    /// This organisation may not do it; `who_could` says who may allow it or do it instead.
    #[must_use]
    pub fn denied(detail: impl Into<String>, who_could: impl Into<String>) -> Self {
        Self::new(Blame::Denied, detail, who_could, None)
    }

    /// What was asked for is sealed, and shown only for a reason. Of a type of its own, so that a page can ask for one.
    #[must_use]
    pub fn sealed(detail: impl Into<String>, how: impl Into<String>) -> Self {
        let mut problem = Self::denied(detail, how);
        SEALED.clone_into(&mut problem.0.address);
        problem
    }

    /// It does not fit the present state.
    #[must_use]
    pub fn conflict(detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Blame::Conflict, detail, remedy, None)
    }

    /// A ticket is of a neighbour already, and says nothing new of it. Of a type of its own, so that whoever gives the same ticket
    /// again can tell it from other conflicts.
    #[must_use]
    pub fn already_paired(detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        let mut problem = Self::conflict(detail, remedy);
        ALREADY_PAIRED.clone_into(&mut problem.0.address);
        problem
    }

    /// The disk or the database failed. What was asked for was not done.
    #[must_use]
    pub fn storage(detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Blame::Storage, detail, remedy, None)
    }

    /// The node cannot answer now.
    #[must_use]
    pub fn unavailable(detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Blame::Unavailable, detail, remedy, None)
    }

    /// A request that HTTP itself refuses, with the status it has for that.
    #[must_use]
    pub fn of_http(status: u16, title: &str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self(Box::new(Details {
            address: "about:blank".to_owned(),
            title: title.to_owned(),
            status,
            detail: detail.into(),
            remedy: remedy.into(),
            field: None,
            findings: Vec::new(),
        }))
    }

    /// Who can mend it; nothing for what HTTP itself refused.
    #[must_use]
    pub fn blame(&self) -> Option<Blame> {
        if self.is_already_paired() {
            return Some(Blame::Conflict);
        }
        if self.is_sealed() {
            return Some(Blame::Denied);
        }
        [Blame::NotFound, Blame::Invalid, Blame::Denied, Blame::Conflict, Blame::Storage, Blame::Unavailable]
            .into_iter()
            .find(|blame| blame.address() == self.0.address)
    }

    /// Whether it is [`Self::already_paired`].
    #[must_use]
    pub fn is_already_paired(&self) -> bool {
        self.0.address == ALREADY_PAIRED
    }

    /// Whether it is [`Self::sealed`].
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.0.address == SEALED
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// What sort of problem it is, in a few words.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.0.title
    }

    /// What is wrong.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &str {
        &self.0.remedy
    }

    /// Which field of the request, or path of the document, is to blame.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// What looks like personal data, if that is what is wrong.
    #[must_use]
    pub fn findings(&self) -> &[PersonalData] {
        &self.0.findings
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.detail, self.0.remedy)
    }
}

impl core::error::Error for Problem {}
