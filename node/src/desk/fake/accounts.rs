//! Accounts at the desk for tests: one person, whom every session belongs to.

use super::{FakeDesk, moment};
use crate::desk::*;
use crate::roles::{AccountKey, Roles};

pub(crate) fn account(name: &str) -> Account {
    Account {
        name: name.into(),
        roles: Roles::every(),
        created: moment(),
        disabled: None,
        has_password: true,
        signed_in: Some(moment()),
        seen: Some(moment()),
    }
}

fn link(account: Option<Account>) -> AccountLink {
    AccountLink { account, address: "http://localhost:4821/begin/token".into(), until: moment() }
}

fn signed_in() -> SignedIn {
    let mark = SessionMark { account: AccountKey::new(1), generation: 0 };
    SignedIn { mark, account: account("Jo"), last_visit: Some(moment()) }
}

impl AccountsDesk for FakeDesk {
    fn has_accounts(&mut self) -> Result<bool, Problem> {
        Ok(true)
    }

    fn accounts(&mut self, _: &Actor) -> Result<Vec<Account>, Problem> {
        Ok(vec![account("Jo")])
    }

    fn create_account(&mut self, actor: &Actor, request: AccountRequest) -> Result<AccountLink, Problem> {
        self.note(actor, format!("account {} {}", request.name, request.roles));
        Ok(link(Some(Account { roles: request.roles, has_password: false, ..account(&request.name) })))
    }

    fn set_roles(&mut self, actor: &Actor, name: &str, request: RolesRequest) -> Result<Account, Problem> {
        self.note(actor, format!("roles {name} {}", request.roles));
        Ok(Account { roles: request.roles, ..account(name) })
    }

    fn disable_account(&mut self, actor: &Actor, name: &str, request: DisableRequest) -> Result<Account, Problem> {
        self.note(actor, format!("disable {name} {}", request.disabled));
        Ok(Account { disabled: request.disabled.then(moment), ..account(name) })
    }

    fn link_account(&mut self, actor: &Actor, name: &str) -> Result<AccountLink, Problem> {
        self.note(actor, format!("link {name}"));
        Ok(link(Some(account(name))))
    }

    fn first_link(&mut self, _: &Actor) -> Result<Option<AccountLink>, Problem> {
        Ok(None)
    }

    fn credentials(&mut self, _: &str) -> Result<Option<Credentials>, Problem> {
        Ok(None)
    }

    fn sign_in(&mut self, _: SessionMark) -> Result<SignedIn, Problem> {
        Ok(signed_in())
    }

    fn visit(&mut self, _: SessionMark, _: Presence) -> Result<Option<SignedIn>, Problem> {
        Ok(Some(signed_in()))
    }

    fn link_purpose(&mut self, _: &str) -> Result<LinkPurpose, Problem> {
        Ok(LinkPurpose::First)
    }

    fn take_link(&mut self, _: &str, _: LinkChoice) -> Result<SignedIn, Problem> {
        Ok(signed_in())
    }

    fn change_password(&mut self, _: SessionMark, _: PasswordHash) -> Result<SignedIn, Problem> {
        Ok(signed_in())
    }

    fn end_sessions(&mut self, _: SessionMark) -> Result<(), Problem> {
        Ok(())
    }
}
