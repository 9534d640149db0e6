//! What can be typed about who is given what: roles, and circles of those who are.

use super::DocumentArg;
use crate::desk::Moment;
use clap::{Args, Subcommand};
use csu_protocol::entry::Role;

/// `csu grant`
#[derive(Debug, Subcommand)]
pub enum GrantVerb {
    /// Give a role
    #[command(after_help = "Example:\n  csu grant add 3fa9 \"Riverside CSU\" --role read --until 2026-12-24T18:00:00+00:00")]
    Add(GrantArgs),
    /// List every grant ever made
    #[command(after_help = "Example:\n  csu grant list 3fa9")]
    List(DocumentArg),
    /// Take roles back, after showing what falls; annexes of the document are taken back with it
    #[command(after_help = "Example:\n  csu grant revoke 3fa9 \"Riverside CSU\" --dry-run\n  csu grant revoke 3fa9 \"Riverside CSU\"")]
    Revoke(RevokeArgs),
}

/// `csu grant add`
#[derive(Debug, Clone, Args)]
pub struct GrantArgs {
    /// The document.
    #[command(flatten)]
    pub document: DocumentArg,
    /// To whom: an organisation's name or a part of it, its id, `anyone`, or a circle as circle:NAME
    #[arg(required_unless_present = "circle", conflicts_with = "circle")]
    pub who: Option<String>,
    /// To the members of a circle
    #[arg(long, value_name = "NAME")]
    pub circle: Option<String>,
    /// What they may: relay, read, write, or admin, with which they can give roles in turn
    #[arg(long, default_value = "read")]
    pub role: Role,
    /// Until when, as 2026-12-24T18:00:00+00:00
    #[arg(long)]
    pub until: Option<Moment>,
    /// You looked at what looks like personal data in it: why these may have it too, for the access log
    #[arg(long, value_name = "WHY")]
    pub personal_data_checked: Option<String>,
}

/// `csu grant revoke`
#[derive(Debug, Clone, Args)]
pub struct RevokeArgs {
    /// The document.
    #[command(flatten)]
    pub document: DocumentArg,
    /// From whom: an organisation's name or a part of it, its id, `anyone`, or a circle as circle:NAME
    #[arg(required_unless_present = "circle", conflicts_with = "circle")]
    pub who: Option<String>,
    /// From the members of a circle, but for what they have from elsewhere
    #[arg(long, value_name = "NAME")]
    pub circle: Option<String>,
    /// Show exactly who would lose what, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,
    /// Take what they passed on to others as well, and whatever was done by it
    #[arg(long)]
    pub cascade: bool,
}

/// `csu circle`
#[derive(Debug, Subcommand)]
pub enum CircleVerb {
    /// Make a circle
    #[command(after_help = "Example:\n  csu circle create \"Ward neighbours\" \"Riverside CSU\" \"Mill Road CSU\"")]
    Create(CircleCreateArgs),
    /// Put organisations into a circle, and show which documents they would get
    #[command(after_help = "Example:\n  csu circle add \"Ward neighbours\" \"Hill CSU\" --apply")]
    Add(CircleMembersArgs),
    /// Take organisations out of a circle, and show what they would lose
    #[command(after_help = "Example:\n  csu circle remove \"Ward neighbours\" \"Hill CSU\" --apply")]
    Remove(CircleMembersArgs),
    /// List the circles, or the members of one
    #[command(after_help = "Example:\n  csu circle list\n  csu circle list \"Ward neighbours\"")]
    List(CircleMaybeArg),
    /// Delete a circle; what was granted to its members stays theirs
    #[command(after_help = "Example:\n  csu circle delete \"Ward neighbours\"")]
    Delete(CircleArg),
    /// Show the grants and revocations that follow from who is in a circle and were not done
    #[command(after_help = "Example:\n  csu circle pending \"Ward neighbours\"")]
    Pending(CircleMaybeArg),
    /// Do what is pending for a circle, document by document
    #[command(after_help = "Example:\n  csu circle apply \"Ward neighbours\"")]
    Apply(CircleArg),
}

/// A circle.
#[derive(Debug, Clone, Args)]
pub struct CircleArg {
    /// The circle's name
    #[arg(value_name = "CIRCLE")]
    pub name: String,
}

/// A circle, or all of them.
#[derive(Debug, Clone, Args)]
pub struct CircleMaybeArg {
    /// The circle's name; without it, all circles
    #[arg(value_name = "CIRCLE")]
    pub name: Option<String>,
}

/// `csu circle create`
#[derive(Debug, Clone, Args)]
pub struct CircleCreateArgs {
    /// A name for it, which no organisation bears
    #[arg(value_name = "CIRCLE")]
    pub name: String,
    /// Who is in it: organisations by name or id
    #[arg(value_name = "MEMBER")]
    pub members: Vec<String>,
}

/// `csu circle add` and `csu circle remove`
#[derive(Debug, Clone, Args)]
pub struct CircleMembersArgs {
    /// The circle's name
    #[arg(value_name = "CIRCLE")]
    pub name: String,
    /// Organisations, by name or id
    #[arg(value_name = "ORGANISATION", required = true)]
    pub who: Vec<String>,
    /// Do what follows at once, without asking
    #[arg(long)]
    pub apply: bool,
}
