//! What can be typed about accounts.

use crate::desk::AccountRole;
use clap::{Args, Subcommand};

/// `csu account`
#[derive(Debug, Subcommand)]
pub enum AccountVerb {
    /// List who can sign in to the pages
    #[command(after_help = "Example:\n  csu account list")]
    List,
    /// Make an account, and a link that is good once, by which its person chooses a password
    #[command(after_help = "Example:\n  csu account add \"Amina Okafor\" --role editor --role issuer")]
    Add(AccountAddArgs),
    /// Give somebody other roles in the place of those they have
    #[command(
        after_help = "Example:\n  csu account roles \"Amina Okafor\" --role editor\n  csu account roles \"Amina Okafor\" --role reader"
    )]
    Roles(AccountRolesArgs),
    /// Shut somebody out at once
    #[command(after_help = "Example:\n  csu account disable \"Amina Okafor\"")]
    Disable(AccountArg),
    /// Let somebody in again
    #[command(after_help = "Example:\n  csu account enable \"Amina Okafor\"")]
    Enable(AccountArg),
    /// Make a link that is good once, by which somebody who forgot their password chooses another
    #[command(after_help = "Example:\n  csu account reset \"Amina Okafor\"")]
    Reset(AccountArg),
}

/// An account.
#[derive(Debug, Clone, Args)]
pub struct AccountArg {
    /// Whose it is, in whatever case
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// `csu account add`
#[derive(Debug, Clone, Args)]
pub struct AccountAddArgs {
    /// The person's name, which stands with what they do and issue
    #[arg(value_name = "NAME")]
    pub name: String,
    /// What they may do, once for each: reader, editor, issuer, data-protection-lead, administrator; reading always
    #[arg(long = "role", value_name = "ROLE")]
    pub roles: Vec<AccountRole>,
}

/// `csu account roles`
#[derive(Debug, Clone, Args)]
pub struct AccountRolesArgs {
    /// Whose they are.
    #[command(flatten)]
    pub account: AccountArg,
    /// What they may do from now on, once for each: reader, editor, issuer, data-protection-lead, administrator
    #[arg(long = "role", value_name = "ROLE", required = true)]
    pub roles: Vec<AccountRole>,
}
