//! Accounts: people who sign in to the node's pages, and what each may do.
//!
//! Passwords never come here: the pages hash them and check them ([`crate::web`]), and the desk keeps the hashes. A link that is
//! shown once lets its bearer choose a password: that of the first account, or of one that an administrator made.

use super::{Actor, Moment, Problem};
use crate::roles::{AccountKey, Roles};
use core::fmt;
use serde::{Deserialize, Serialize};

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Its person's name, which is attested in what the person does.
    pub name: String,
    /// What the person may do.
    pub roles: Roles,
    /// When it was made.
    pub created: Moment,
    /// Since when nobody can sign in to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<Moment>,
    /// Whether a password was chosen.
    pub has_password: bool,
    /// When its person last signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_in: Option<Moment>,
    /// When its person was last there, within minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Moment>,
}

impl Account {
    /// The most accounts of one node.
    pub const MOST: u64 = 1000;
}

/// Makes an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccountRequest {
    /// The person's name: 1 to 120 bytes without control characters, and nobody else's in whatever case.
    pub name: String,
    /// What the person may do; reading always.
    #[serde(default)]
    pub roles: Roles,
}

/// Gives an account these roles in the place of those it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RolesRequest {
    /// What the person may do; reading always.
    pub roles: Roles,
}

/// Shuts somebody out, or lets them in again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DisableRequest {
    /// Whether nobody is to sign in to the account.
    pub disabled: bool,
}

/// A link that is good once. Whoever has it chooses a password, so it goes to the person alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountLink {
    /// Whose password is chosen by it; none: it makes the first account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
    /// The address, whole if this node has pages, else behind that of its pages.
    pub address: String,
    /// Until when it is good.
    pub until: Moment,
}

impl AccountLink {
    /// Where its address leads, before the token.
    pub const PATH: &str = "/begin/";
    /// For how many hours it is good.
    pub const HOURS: u64 = 24;
}

impl fmt::Debug for AccountLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountLink").field("account", &self.account).field("until", &self.until).finish_non_exhaustive()
    }
}

/// The hash of a password, as a PHC string.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// From its text.
    #[must_use]
    pub const fn new(phc: String) -> Self {
        Self(phc)
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// What a session remembers of who signed in. It holds until the account's generation rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionMark {
    /// Whose it is.
    pub account: AccountKey,
    /// The account's generation as it began.
    pub generation: i64,
}

/// What is needed to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// What the session is to remember.
    pub mark: SessionMark,
    /// The hash of the password, if one was chosen.
    pub password: Option<PasswordHash>,
}

/// Somebody who has signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// What the session is to remember.
    pub mark: SessionMark,
    /// The account as it is now.
    pub account: Account,
    /// When the visit before this one ended.
    pub last_visit: Option<Moment>,
}

impl SignedIn {
    /// Who acts.
    ///
    /// # Errors
    /// When the account's name is none that can be attested.
    pub fn actor(&self) -> Result<Actor, Problem> {
        Actor::of_account(&self.account.name, self.account.roles)
    }
}

/// Whether somebody does something, or a page asks by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Somebody is there.
    Acts,
    /// A page that stands open asks for what is new.
    Watches,
}

/// What a link is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkPurpose {
    /// The first account of this node.
    First,
    /// A password for the account of this name.
    Password(String),
}

/// What was chosen by a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkChoice {
    /// The name of the first account; of no account that there is.
    pub name: Option<String>,
    /// The password.
    pub password: PasswordHash,
}

/// What may be asked about accounts. Part of [`super::Desk`].
///
/// # Errors
/// Every method answers a [`Problem`] that says who can mend it and how.
pub trait AccountsDesk {
    /// Whether anybody has an account.
    ///
    /// # Errors
    /// See [`AccountsDesk`].
    fn has_accounts(&mut self) -> Result<bool, Problem>;

    /// All accounts, by name.
    ///
    /// # Errors
    /// See [`AccountsDesk`].
    fn accounts(&mut self, actor: &Actor) -> Result<Vec<Account>, Problem>;

    /// Makes an account, and a link by which its person chooses a password.
    ///
    /// # Errors
    /// See [`AccountsDesk`].
    fn create_account(&mut self, actor: &Actor, request: AccountRequest) -> Result<AccountLink, Problem>;

    /// Gives an account other roles, from its next request on.
    ///
    /// # Errors
    /// See [`AccountsDesk`].
    fn set_roles(&mut self, actor: &Actor, name: &str, request: RolesRequest) -> Result<Account, Problem>;

    /// Shuts somebody out at once, or lets them sign in again.
    ///
    /// # Errors
    /// See [`AccountsDesk`].
    fn disable_account(&mut self, actor: &Actor, name: &str, request: DisableRequest) -> Result<Account, Problem>;

    /// Makes a link by which the account's person chooses a new password. The one they have stays good until then.
    ///
    /// # Errors
    /// See [`AccountsDesk`].
    fn link_account(&mut self, actor: &Actor, name: &str) -> Result<AccountLink, Problem>;

    /// Makes a link for the first account, and ends the one before; none if there is an account already.
    ///
    /// # Errors
    /// See [`AccountsDesk`].
    fn first_link(&mut self, actor: &Actor) -> Result<Option<AccountLink>, Problem>;

    /// What is needed to sign in by this name; none if nobody bears it.
    ///
    /// # Errors
    /// See [`AccountsDesk`].
    fn credentials(&mut self, name: &str) -> Result<Option<Credentials>, Problem>;

    /// Notes that somebody whose password was right signs in.
    ///
    /// # Errors
    /// When the account is disabled, or its password changed meanwhile.
    fn sign_in(&mut self, mark: SessionMark) -> Result<SignedIn, Problem>;

    /// Who a session belongs to, if it has not ended.
    ///
    /// # Errors
    /// See [`AccountsDesk`].
    fn visit(&mut self, mark: SessionMark, presence: Presence) -> Result<Option<SignedIn>, Problem>;

    /// What a link is for, by its token.
    ///
    /// # Errors
    /// When there is none, its time is over, or it was used.
    fn link_purpose(&mut self, token: &str) -> Result<LinkPurpose, Problem>;

    /// Uses a link up: makes the first account, or sets the password; and signs in. Sessions begun before have ended.
    ///
    /// # Errors
    /// When the link is not good any more, or the name cannot be taken.
    fn take_link(&mut self, token: &str, choice: LinkChoice) -> Result<SignedIn, Problem>;

    /// Sets the password of whoever the session belongs to. Other sessions of theirs have ended.
    ///
    /// # Errors
    /// When the session has ended.
    fn change_password(&mut self, mark: SessionMark, password: PasswordHash) -> Result<SignedIn, Problem>;

    /// Ends every session of whoever the session belongs to.
    ///
    /// # Errors
    /// When the session has ended already.
    fn end_sessions(&mut self, mark: SessionMark) -> Result<(), Problem>;
}
