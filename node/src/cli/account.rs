//! `csu account`: who can sign in to the pages.

use super::args::AccountVerb;
use super::client::{Client, segment};
use super::failure::Failure;
use super::output::Output;
use super::screen::{columns, short_time, visible};
use crate::desk::{Account, AccountLink, AccountRequest, DisableRequest, RolesRequest};
use serde_json::json;

/// Runs one of them.
///
/// # Errors
/// When the node refuses, or cannot be asked.
pub async fn run(verb: AccountVerb, client: &Client, output: Output) -> Result<(), Failure> {
    match verb {
        AccountVerb::List => output.show(&client.get("/accounts").await?, |accounts: Vec<Account>| list(&accounts)),
        AccountVerb::Add(args) => {
            let request = AccountRequest { name: args.name, roles: args.roles.into() };
            output.show(&client.post("/accounts", &request).await?, |made: AccountLink| link(&made))
        }
        AccountVerb::Roles(args) => {
            let request = RolesRequest { roles: args.roles.into() };
            output.show(&client.put(&address(&args.account.name, "roles"), &request).await?, |account: Account| one(&account))
        }
        AccountVerb::Disable(args) => disable(&args.name, true, client, output).await,
        AccountVerb::Enable(args) => disable(&args.name, false, client, output).await,
        AccountVerb::Reset(args) => {
            output.show(&client.post(&address(&args.name, "link"), &json!({})).await?, |made: AccountLink| link(&made))
        }
    }
}

fn address(name: &str, what: &str) -> String {
    format!("/accounts/{}/{what}", segment(name))
}

async fn disable(name: &str, disabled: bool, client: &Client, output: Output) -> Result<(), Failure> {
    let answer = client.post(&address(name, "disable"), &DisableRequest { disabled }).await?;
    output.show(&answer, |account: Account| one(&account))
}

fn state(account: &Account) -> String {
    match (account.disabled, account.has_password) {
        (Some(since), _) => format!("disabled {}", short_time(since)),
        (None, false) => "waits for a password".to_owned(),
        (None, true) => "in use".to_owned(),
    }
}

fn one(account: &Account) -> String {
    format!("{}: {}; {}\n", visible(&account.name), account.roles, state(account))
}

/// All accounts.
#[must_use]
pub fn list(accounts: &[Account]) -> String {
    if accounts.is_empty() {
        return "Nobody has an account yet. `csu up` shows a link for the first one; or make it with `csu account add NAME --role ...`.\n"
            .to_owned();
    }
    let mut rows = vec![["NAME", "STATE", "LAST HERE", "ROLES"].map(str::to_owned).to_vec()];
    for account in accounts {
        let seen = account.seen.map_or_else(|| "never".to_owned(), short_time);
        rows.push(vec![account.name.clone(), state(account), seen, account.roles.to_string()]);
    }
    columns(&rows)
}

/// A link that is good once.
#[must_use]
pub fn link(link: &AccountLink) -> String {
    let whose = link.account.as_ref().map(one).unwrap_or_default();
    let is_whole = !link.address.starts_with('/');
    let place = if is_whole { "" } else { "This node offers no pages now (web = \"off\"); behind the address of its pages, the link is\n" };
    format!(
        "{whose}{place}\n    {}\n\nGive it to them alone: whoever opens it first chooses the password. It is good once, until {}.\n",
        visible(&link.address),
        short_time(link.until)
    )
}
