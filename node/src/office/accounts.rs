//! Accounts: who may sign in to the pages, and what for.
//!
//! Sessions live elsewhere; they name an account and its generation. Whatever is to end them raises the generation.

use super::opening::shown;
use super::{Office, now};
use crate::desk::{
    Account, AccountLink, AccountRequest, AccountRole, Actor, Credentials, LinkChoice, LinkPurpose, PasswordHash, Presence, Problem,
    SessionMark, SignedIn,
};
use crate::log_verb::LogVerb;
use crate::roles::{AccountKey, Roles};
use crate::storage::{AccountRow, LinkRow};
use csu_protocol::id::Hash;
use csu_protocol::identity::Name;
use csu_protocol::time::Timestamp;
use unicode_normalization::UnicodeNormalization;

/// How exactly it is known when somebody was last there: each note of it is a write to the disk.
const SEEN_MS: u64 = 5 * 60 * 1000;
/// How many administrators a refusal names.
const NAMED: usize = 3;
/// What the access log calls those who act without an account: nobody may bear these names.
const TAKEN: [&str; 2] = ["this node", "somebody at this node"];

fn shown_account(row: &AccountRow) -> Account {
    Account {
        name: row.name.clone(),
        roles: row.roles,
        created: row.created.into(),
        disabled: row.disabled.map(Into::into),
        has_password: row.password.is_some(),
        signed_in: row.signed_in.map(Into::into),
        seen: row.seen.map(Into::into),
    }
}

fn signed_in(row: &AccountRow) -> SignedIn {
    let mark = SessionMark { account: row.key, generation: row.generation };
    SignedIn { mark, account: shown_account(row), last_visit: row.visit_before.map(Into::into) }
}

/// A visit begins.
const fn arrive(row: &mut AccountRow, at: Timestamp) {
    row.visit_before = row.seen;
    row.signed_in = Some(at);
    row.seen = Some(at);
}

fn ended() -> Problem {
    Problem::denied("your session has ended", "sign in again")
}

fn no_such_link() -> Problem {
    Problem::not_found(
        "this link is not good: it was used, replaced by a newer one, or is too old",
        "ask an administrator for a new one; whoever runs the node makes it with `csu account reset NAME`, and the link for the first account is shown each time `csu up` starts",
    )
}

impl Office {
    /// That somebody has one of these roles.
    pub(super) fn require(&self, actor: &Actor, any: &[AccountRole]) -> Result<(), Problem> {
        if any.iter().any(|role| actor.roles().has(*role)) {
            return Ok(());
        }
        let needed: Vec<&str> = any.iter().map(|role| role.label()).collect();
        let detail = format!(
            "this needs the role {}, and {} has {}",
            needed.join(" or "),
            actor.person().unwrap_or("whoever asks"),
            actor.roles().iter().map(AccountRole::label).collect::<Vec<_>>().join(", ")
        );
        let able = |row: &&AccountRow| row.disabled.is_none() && any.iter().any(|role| row.roles.has(*role));
        let accounts = self.storage.accounts()?;
        let keeps = |row: &&AccountRow| row.disabled.is_none() && row.roles.has(AccountRole::Administrator);
        let names = |rows: Vec<&AccountRow>| rows.iter().take(NAMED).map(|row| row.name.as_str()).collect::<Vec<_>>().join(" or ");
        let (able, keeps) = (names(accounts.iter().filter(able).collect()), names(accounts.iter().filter(keeps).collect()));
        let mut remedy = if able.is_empty() { String::new() } else { format!("ask {able} to do it, or ") };
        remedy.push_str(&if keeps.is_empty() {
            "let whoever runs the node give you the role with `csu account roles`".to_owned()
        } else {
            format!("ask {keeps}, who can give you the role")
        });
        Err(Problem::denied(detail, remedy))
    }

    pub(super) fn list_accounts(&self) -> Result<Vec<Account>, Problem> {
        Ok(self.storage.accounts()?.iter().map(shown_account).collect())
    }

    /// A name as it is kept, which nobody bears yet.
    fn new_person(&self, text: &str) -> Result<String, Problem> {
        let name: String = text.split_whitespace().collect::<Vec<_>>().join(" ").nfc().collect();
        if Name::new(&name).is_err() || Actor::named(&name).is_err() {
            return Err(Problem::invalid(
                "name",
                format!("'{}' cannot name a person here", shown(&name)),
                "give 1 to 120 bytes, without control and direction characters",
            ));
        }
        if TAKEN.contains(&name.to_lowercase().as_str()) {
            return Err(Problem::invalid("name", format!("'{name}' is what the access log calls others"), "choose another name"));
        }
        if let Some(row) = self.storage.account_named(&name)? {
            return Err(Problem::conflict(
                format!("{} has an account already", row.name),
                "choose another name: add a second name or the ward; or make a new link for that account",
            ));
        }
        if self.storage.count_accounts()? >= Account::MOST {
            return Err(Problem::conflict(
                format!("this node has {} accounts, and more are not kept", Account::MOST),
                "share one node less",
            ));
        }
        Ok(name)
    }

    fn find_account(&self, name: &str) -> Result<AccountRow, Problem> {
        let found = self.storage.account_named(name.trim())?;
        found.ok_or_else(|| {
            Problem::not_found(format!("nobody called '{}' has an account here", shown(name)), "see the accounts with `csu account list`")
        })
    }

    /// Makes an account nobody can sign in to yet.
    fn begin_account(&mut self, name: &str, roles: Roles) -> Result<AccountRow, Problem> {
        let name = self.new_person(name)?;
        let key = self.storage.add_account(&name, roles, now())?;
        // From now on there is no first account to be made.
        self.storage.remove_links(None)?;
        self.find_key(key)
    }

    fn find_key(&self, key: AccountKey) -> Result<AccountRow, Problem> {
        self.storage.account(key)?.ok_or_else(ended)
    }

    /// A link for an account, or for the first.
    fn make_link(&mut self, row: Option<&AccountRow>) -> Result<AccountLink, Problem> {
        let mut token = [0; 32];
        getrandom::fill(&mut token).map_err(super::OfficeError::Entropy)?;
        let token = data_encoding::BASE64URL_NOPAD.encode(&token);
        let at = now();
        let until = Timestamp::from_ms(at.as_ms().saturating_add(AccountLink::HOURS * 60 * 60 * 1000));
        self.storage.put_link(&Hash::of(token.as_bytes()), &LinkRow { account: row.map(|row| row.key), until }, at)?;
        let path = format!("{}{token}", AccountLink::PATH);
        let address = self.config.pages().map_or_else(|| path.clone(), |pages| format!("{}{path}", pages.trim_end_matches('/')));
        Ok(AccountLink { account: row.map(shown_account), address, until: until.into() })
    }

    pub(super) fn make_account(&mut self, actor: &Actor, request: &AccountRequest) -> Result<AccountLink, Problem> {
        let row = self.begin_account(&request.name, request.roles)?;
        self.log_act(actor, LogVerb::Access, None, None, format!("made the account of {}: {}", row.name, row.roles))?;
        self.make_link(Some(&row))
    }

    /// That somebody else can still look after the accounts, unless the owner of the node asks.
    fn keep_an_administrator(&self, actor: &Actor, row: &AccountRow) -> Result<(), Problem> {
        let keeps = |row: &AccountRow| row.disabled.is_none() && row.password.is_some() && row.roles.has(AccountRole::Administrator);
        let accounts = self.storage.accounts()?;
        if actor.is_owner()
            || !row.roles.has(AccountRole::Administrator)
            || accounts.iter().any(|other| other.key != row.key && keeps(other))
        {
            return Ok(());
        }
        Err(Problem::conflict(
            format!("nobody but {} could look after the accounts then", row.name),
            "make somebody else an administrator first, and let them sign in",
        ))
    }

    pub(super) fn change_roles(&mut self, actor: &Actor, name: &str, roles: Roles) -> Result<Account, Problem> {
        let mut row = self.find_account(name)?;
        if !roles.has(AccountRole::Administrator) {
            self.keep_an_administrator(actor, &row)?;
        }
        if row.roles != roles {
            let detail = format!("changed the roles of {} from {} to {roles}", row.name, row.roles);
            row.roles = roles;
            self.storage.put_account(&row)?;
            self.log_act(actor, LogVerb::Access, None, None, detail)?;
        }
        Ok(shown_account(&row))
    }

    pub(super) fn shut_out(&mut self, actor: &Actor, name: &str, disabled: bool) -> Result<Account, Problem> {
        let mut row = self.find_account(name)?;
        if disabled == row.disabled.is_some() {
            return Ok(shown_account(&row));
        }
        if disabled {
            self.keep_an_administrator(actor, &row)?;
            self.storage.remove_links(Some(row.key))?;
        }
        row.disabled = disabled.then(now);
        row.generation = row.generation.saturating_add(1);
        self.storage.put_account(&row)?;
        let what = if disabled { "disabled" } else { "enabled" };
        self.log_act(actor, LogVerb::Access, None, None, format!("{what} the account of {}", row.name))?;
        Ok(shown_account(&row))
    }

    pub(super) fn renew_link(&mut self, actor: &Actor, name: &str) -> Result<AccountLink, Problem> {
        let row = self.find_account(name)?;
        if row.disabled.is_some() {
            return Err(Problem::conflict(format!("the account of {} is disabled", row.name), "enable it first"));
        }
        self.log_act(actor, LogVerb::Access, None, None, format!("made a link by which {} chooses a password", row.name))?;
        self.make_link(Some(&row))
    }

    pub(super) fn link_for_first(&mut self) -> Result<Option<AccountLink>, Problem> {
        if self.storage.count_accounts()? > 0 {
            return Ok(None);
        }
        self.make_link(None).map(Some)
    }

    pub(super) fn credentials_of(&self, name: &str) -> Result<Option<Credentials>, Problem> {
        Ok(self.storage.account_named(name.trim())?.map(|row| Credentials {
            mark: SessionMark { account: row.key, generation: row.generation },
            password: row.password.map(PasswordHash::new),
        }))
    }

    pub(super) fn begin_session(&mut self, mark: SessionMark) -> Result<SignedIn, Problem> {
        let mut row = self.find_key(mark.account)?;
        if row.disabled.is_some() {
            return Err(Problem::denied("this account is disabled", "ask an administrator of this node"));
        }
        if row.generation != mark.generation {
            return Err(ended());
        }
        arrive(&mut row, now());
        self.storage.put_account(&row)?;
        tracing::info!(account = row.key.number(), "signed in");
        Ok(signed_in(&row))
    }

    /// The account of a session that has not ended.
    fn of_session(&self, mark: SessionMark) -> Result<Option<AccountRow>, Problem> {
        Ok(self.storage.account(mark.account)?.filter(|row| row.generation == mark.generation && row.disabled.is_none()))
    }

    pub(super) fn look_in(&mut self, mark: SessionMark, presence: Presence) -> Result<Option<SignedIn>, Problem> {
        let Some(mut row) = self.of_session(mark)? else { return Ok(None) };
        let at = now();
        if presence == Presence::Acts && row.seen.is_none_or(|seen| at.as_ms().abs_diff(seen.as_ms()) >= SEEN_MS) {
            row.seen = Some(at);
            self.storage.put_account(&row)?;
        }
        Ok(Some(signed_in(&row)))
    }

    fn find_link(&self, token: &str) -> Result<LinkRow, Problem> {
        let link = self.storage.link(&Hash::of(token.as_bytes()))?;
        let link = link.filter(|link| now() < link.until).ok_or_else(no_such_link)?;
        // However it came to be so: a link for the first account makes no second.
        if link.account.is_none() && self.storage.count_accounts()? > 0 { Err(no_such_link()) } else { Ok(link) }
    }

    pub(super) fn what_link_is_for(&self, token: &str) -> Result<LinkPurpose, Problem> {
        match self.find_link(token)?.account {
            None => Ok(LinkPurpose::First),
            Some(key) => Ok(LinkPurpose::Password(self.find_key(key)?.name)),
        }
    }

    pub(super) fn use_link(&mut self, token: &str, choice: LinkChoice) -> Result<SignedIn, Problem> {
        let link = self.find_link(token)?;
        let (mut row, detail) = match link.account {
            Some(key) => (self.find_key(key)?, "chose a password by a link"),
            // The whole of a small union's work may be one person's. Others share it as they come.
            None => (self.begin_account(choice.name.as_deref().unwrap_or_default(), Roles::every())?, "made the first account by a link"),
        };
        if row.disabled.is_some() {
            return Err(no_such_link());
        }
        self.storage.remove_links(link.account)?;
        row.generation = row.generation.saturating_add(1);
        row.password = Some(choice.password.as_str().to_owned());
        arrive(&mut row, now());
        self.storage.put_account(&row)?;
        let signed_in = signed_in(&row);
        self.log_act(&signed_in.actor()?, LogVerb::Access, None, None, detail)?;
        Ok(signed_in)
    }

    pub(super) fn set_password(&mut self, mark: SessionMark, password: &PasswordHash) -> Result<SignedIn, Problem> {
        let mut row = self.of_session(mark)?.ok_or_else(ended)?;
        row.generation = row.generation.saturating_add(1);
        row.password = Some(password.as_str().to_owned());
        self.storage.put_account(&row)?;
        // Whoever asked for a link forgot a password that is no more.
        self.storage.remove_links(Some(row.key))?;
        let signed_in = signed_in(&row);
        self.log_act(&signed_in.actor()?, LogVerb::Access, None, None, "changed their password")?;
        Ok(signed_in)
    }

    pub(super) fn end_all_sessions(&mut self, mark: SessionMark) -> Result<(), Problem> {
        let mut row = self.of_session(mark)?.ok_or_else(ended)?;
        row.generation = row.generation.saturating_add(1);
        Ok(self.storage.put_account(&row)?)
    }
}
