//! Accounts and what somebody who has one may do at this node, in the words that the desk and storage share.

use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// One role. Each is for one sort of work; whoever does several has several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountRole {
    /// Reads. Every account does.
    Reader,
    /// Writes drafts, which stay on this node.
    Editor,
    /// Speaks for the organisation: shares, takes steps, grants and revokes, responds, keeps circles, opens annexes.
    Issuer,
    /// Answers for personal data: exports the log, erases, sets how long is kept, lets silent documents speak, opens annexes.
    DataProtectionLead,
    /// Keeps the node: accounts, neighbours, backups, stopping it.
    Administrator,
}

impl AccountRole {
    /// All roles.
    pub const ALL: [Self; 5] = [Self::Reader, Self::Editor, Self::Issuer, Self::DataProtectionLead, Self::Administrator];

    /// The word for it, as it is typed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Editor => "editor",
            Self::Issuer => "issuer",
            Self::DataProtectionLead => "data-protection-lead",
            Self::Administrator => "administrator",
        }
    }

    /// What people call it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Reader => "Reader",
            Self::Editor => "Editor",
            Self::Issuer => "Issuer",
            Self::DataProtectionLead => "Data-protection lead",
            Self::Administrator => "Administrator",
        }
    }

    /// What somebody with it may do, in a sentence.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Reader => "Reads what is here. Everybody with an account does.",
            Self::Editor => "Writes drafts, which stay on this node until somebody issues them.",
            Self::Issuer => {
                "Issues, updates, withdraws and answers for the organisation, grants and takes back, and opens annexes for a reason."
            }
            Self::DataProtectionLead => {
                "Exports the access log, has documents erased, sets how long they are kept, releases what came back from a backup, and opens annexes for a reason."
            }
            Self::Administrator => "Looks after accounts, partners, backups and the running of the node.",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Reader => 1,
            Self::Editor => 1 << 1,
            Self::Issuer => 1 << 2,
            Self::DataProtectionLead => 1 << 3,
            Self::Administrator => 1 << 4,
        }
    }
}

impl fmt::Display for AccountRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AccountRole {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.into_iter().map(Self::as_str).collect();
            format!("'{}' is no role: use some of {}", text.escape_debug(), known.join(", "))
        })
    }
}

/// An account's number; never used for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountKey(i64);

impl AccountKey {
    /// The account of this number.
    #[must_use]
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }
}

/// A name as it is compared: the same in whatever case, width and spacing it is typed (RFC 8265, section 3.3).
#[must_use]
pub fn folded_name(name: &str) -> String {
    let name: String = name.nfkc().collect::<String>().to_lowercase().nfkc().collect();
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Roles that somebody has. Reading is always among them. In JSON it is the list of their words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<AccountRole>", into = "Vec<AccountRole>")]
pub struct Roles(u8);

impl Roles {
    /// Reading alone.
    pub const READING: Self = Self(AccountRole::Reader.bit());

    /// Every role.
    #[must_use]
    pub fn every() -> Self {
        AccountRole::ALL.into_iter().collect()
    }

    /// Whether this one is among them.
    #[must_use]
    pub const fn has(self, role: AccountRole) -> bool {
        self.0 & role.bit() != 0
    }

    /// They, in their order.
    pub fn iter(self) -> impl Iterator<Item = AccountRole> {
        AccountRole::ALL.into_iter().filter(move |role| self.has(*role))
    }
}

impl Default for Roles {
    fn default() -> Self {
        Self::READING
    }
}

impl FromIterator<AccountRole> for Roles {
    fn from_iter<T: IntoIterator<Item = AccountRole>>(roles: T) -> Self {
        Self(roles.into_iter().fold(Self::READING.0, |all, role| all | role.bit()))
    }
}

impl From<Vec<AccountRole>> for Roles {
    fn from(roles: Vec<AccountRole>) -> Self {
        roles.into_iter().collect()
    }
}

impl From<Roles> for Vec<AccountRole> {
    fn from(roles: Roles) -> Self {
        roles.iter().collect()
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.iter().map(AccountRole::as_str).collect();
        f.write_str(&words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_reads_back_as_typed_and_reading_is_always_among_them() {
        for role in AccountRole::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            let alone: Roles = [role].into_iter().collect();
            assert!(alone.has(AccountRole::Reader) && alone.has(role));
            assert_eq!(
                AccountRole::ALL.into_iter().filter(|other| alone.has(*other)).count(),
                if role == AccountRole::Reader { 1 } else { 2 }
            );
        }
        assert!("owner".parse::<AccountRole>().unwrap_err().contains("data-protection-lead"));
        let json = serde_json::to_string(&Roles::every()).unwrap();
        assert_eq!(json, r#"["reader","editor","issuer","data-protection-lead","administrator"]"#);
        assert_eq!(serde_json::from_str::<Roles>(&json).unwrap(), Roles::every());
        assert_eq!(serde_json::from_str::<Roles>("[]").unwrap(), Roles::READING);
    }
}
