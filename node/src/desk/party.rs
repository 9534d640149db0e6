//! Organisations as this node knows them.

use core::fmt;
use csu_protocol::id::OrganisationId;
use csu_protocol::identity::OrganisationKind;
use serde::{Deserialize, Serialize};

/// An organisation, with what this node knows of it.
///
/// Names are local: only an organisation that was paired with here bears the name that was confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrgRef {
    /// Its id, which nobody can forge.
    pub id: OrganisationId,
    /// The name it bears here; the beginning of its id if nothing better is known.
    pub name: String,
    /// Whether it was paired with here and its security number confirmed, or is this node's own.
    pub verified: bool,
    /// For an organisation not paired with here: `called N by A`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called: Option<String>,
    /// What sort it says it is, if a card of it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<OrganisationKind>,
}

impl fmt::Display for OrgRef {
    /// The name, and for an unverified one how little it means.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.verified {
            return f.write_str(&self.name);
        }
        match &self.called {
            Some(called) => write!(f, "unverified {} ({called})", self.id.short()),
            None => write!(f, "unverified {}", self.id.short()),
        }
    }
}

/// Whom a grant names. In JSON the organisation itself, or the word `"anyone"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PartyForm", into = "PartyForm")]
pub enum Party {
    /// Whoever asks.
    Anyone,
    /// One organisation.
    Organisation(OrgRef),
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => f.write_str("anyone"),
            Self::Organisation(organisation) => organisation.fmt(f),
        }
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum PartyForm {
    Word(Word),
    Organisation(OrgRef),
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Anyone,
}

impl From<PartyForm> for Party {
    fn from(form: PartyForm) -> Self {
        match form {
            PartyForm::Word(Word::Anyone) => Self::Anyone,
            PartyForm::Organisation(organisation) => Self::Organisation(organisation),
        }
    }
}

impl From<Party> for PartyForm {
    fn from(party: Party) -> Self {
        match party {
            Party::Anyone => Self::Word(Word::Anyone),
            Party::Organisation(organisation) => Self::Organisation(organisation),
        }
    }
}
