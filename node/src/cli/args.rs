//! What can be typed: the commands, their arguments and their help.
//!
//! Commands of a kind of document (`csu bulletin issue`) are made from the kind's description in
//! [`super::kinds`]; all others stand here. Every command's help ends with an example.

mod accounts;
mod sharing;

pub use accounts::{AccountAddArgs, AccountArg, AccountRolesArgs, AccountVerb};
pub use sharing::{CircleArg, CircleCreateArgs, CircleMaybeArg, CircleMembersArgs, CircleVerb, GrantArgs, GrantVerb, RevokeArgs};

use super::backup::BackupArgs;
use super::demo::DemoArgs;
use super::init::InitArgs;
use super::kinds;
use super::passphrase::PassphraseVerb;
use super::restore::RestoreArgs;
use crate::config::Flags;
use crate::desk::{DocumentQuery, ExportFormat, KeptHead, LogVerb, Moment, MomentError};
use clap::{Args, CommandFactory, Parser, Subcommand};
use csu_protocol::document::kind;
use csu_protocol::entry::{Reason, Remark};
use std::path::PathBuf;

/// The commands of a Community Security Union's node
#[derive(Debug, Parser)]
#[command(
    name = "csu",
    version,
    about = "Shares bulletins, guides and liaison notes with the neighbours your organisation chose",
    after_help = "Example:\n  csu init --name \"Brixton CSU\" --kind union\n  csu up\n\nIn an emergency ring 999; otherwise 101. Nothing here calls anybody out."
)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub globals: Globals,
    /// The command.
    #[command(subcommand)]
    pub command: Verb,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub struct Globals {
    /// The data folder [env: CSU_DATA]
    #[arg(long, global = true, help_heading = "Options of every command", value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// The configuration file, if not csu.toml in the data folder [env: CSU_CONFIG]
    #[arg(long, global = true, help_heading = "Options of every command", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Who acts, if not you [env: CSU_PERSON]
    #[arg(long = "as", global = true, help_heading = "Options of every command", value_name = "PERSON")]
    pub person: Option<String>,
    /// Print the API's JSON
    #[arg(long, global = true, help_heading = "Options of every command")]
    pub json: bool,
}

/// The commands that are not made from a kind's description.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a new organisation in a data folder
    #[command(after_help = "Example:\n  csu init --name \"Brixton CSU\" --kind union")]
    Init(InitArgs),
    /// Run the node in the foreground
    #[command(after_help = "Example:\n  csu up --announce /dns/csu.example.org/udp/4820/quic-v1")]
    Up(UpArgs),
    /// The passphrase that seals the keys on disk
    #[command(subcommand, after_help = "Example:\n  csu passphrase set")]
    Passphrase(PassphraseVerb),
    /// Write all the node's data but its keys to a file that the recovery phrase alone opens
    #[command(
        after_help = "Example:\n  csu backup /mnt/usb/brixton.backup\n  csu backup - | ssh other.example.org 'cat > brixton.backup'\n  csu backup --check /mnt/usb/brixton.backup --open\n\nWhoever has the file reads the organisation's name, when it was written and how much is in it; what is in it opens with the\nrecovery phrase alone. It holds what was not erased when it was written: keep few, and delete them when their time is over."
    )]
    Backup(BackupArgs),
    /// Set a node up again on a new computer, from a backup or the recovery phrase alone
    #[command(
        after_help = "Example:\n  csu restore brixton.backup\n  csu restore brixton.backup --without \"Hill CSU\"\n  csu restore --name \"Brixton CSU\" --kind union --ticket csu-ticket-...\n  csu restore --resume\n  csu restore --resume --ticket csu-ticket-...\n\nThe recovery phrase is asked for, or read from --phrase-file. The node takes in what its neighbours hold, then the root key\ndisowns the lost computer in every document: nothing that it signs afterwards counts anywhere, and nobody lets it connect."
    )]
    Restore(RestoreArgs),
    /// Stop the running node in good order
    #[command(after_help = "Example:\n  csu down")]
    Down,
    /// Show how the node is
    #[command(after_help = "Example:\n  csu status")]
    Status,
    /// Find out what is wrong and what to do about it
    #[command(after_help = "Example:\n  csu doctor")]
    Doctor,
    /// Show the settings in force
    #[command(after_help = "Example:\n  csu config --data /srv/csu")]
    Config,
    /// Make a ticket for one other organisation
    #[command(after_help = "Example:\n  csu invite --hours 48")]
    Invite(InviteArgs),
    /// Take another organisation's ticket
    #[command(after_help = "Example:\n  csu join csu-ticket-aa...")]
    Join(JoinArgs),
    /// The neighbours
    #[command(subcommand, after_help = "Example:\n  csu peer list")]
    Peer(PeerVerb),
    /// Find documents by their words
    #[command(
        after_help = "Example:\n  csu search lead theft\n  csu search 'burg* \"mill road\"' --kind bulletin\n\nEvery word must be there; burg* stands for all words that begin so, and words in double quotes stand one behind the\nother. Small and capital letters and accents make no difference. Drafts and sealed annexes are not searched."
    )]
    Search(SearchArgs),
    /// Say something about a document
    #[command(after_help = "Example:\n  csu respond 3fa9 seen-here-too --text \"Two more last night\"")]
    Respond(RespondArgs),
    /// Write a document in another format
    #[command(after_help = "Example:\n  csu export 3fa9 --format cap --output bulletin.cap")]
    Export(ExportArgs),
    /// Who is given which role on a document
    #[command(subcommand, after_help = "Example:\n  csu grant add 3fa9 \"Riverside CSU\" --role read")]
    Grant(GrantVerb),
    /// Named lists of organisations, kept by this node and never sent
    #[command(subcommand, after_help = "Example:\n  csu circle create \"Ward neighbours\" \"Riverside CSU\" \"Mill Road CSU\"")]
    Circle(CircleVerb),
    /// Show who may do what with a document, and by which chain of grants
    #[command(after_help = "Example:\n  csu access 3fa9")]
    Access(DocumentArg),
    /// Have a document of yours erased everywhere, for good; or show who confirmed
    #[command(after_help = "Example:\n  csu erase 3fa9 --why consent-withdrawn\n  csu erase status 3fa9")]
    Erase(EraseArgs),
    /// Go on with documents that wait for neighbours which never come back
    #[command(
        after_help = "Example:\n  csu release --dry-run\n  csu release\n  csu release 3fa9 --yes\n\nAfter an older copy of the data or a backup was put back, a document is silent until a neighbour that holds it has\nconfirmed it. If one comes back after all, what you signed meanwhile may contradict what it knows you had signed before."
    )]
    Release(ReleaseArgs),
    /// Show what this node did and disclosed, to whom, when
    #[command(
        after_help = "Example:\n  csu log --document 3fa9 --verb disclosure\n  csu log --since 2026-11-01 --until 2026-12-01 --csv november.csv\n  csu log verify"
    )]
    Log(LogArgs),
    /// Until when documents are kept, and what is due
    #[command(subcommand, after_help = "Example:\n  csu retention list")]
    Retention(RetentionVerb),
    /// Who can sign in to this node's pages, and what they may do
    #[command(
        subcommand,
        after_help = "Example:\n  csu account add \"Amina Okafor\" --role editor --role issuer\n  csu account reset \"Amina Okafor\"\n\nRoles: a reader reads, as everybody with an account does; an editor writes drafts; an issuer issues, grants and answers for the\norganisation; the data-protection lead exports the log, erases and sets how long is kept; an administrator looks after accounts,\nneighbours and backups."
    )]
    Account(AccountVerb),
    /// Show three nodes at work on this computer
    #[command(after_help = "Example:\n  csu demo --once")]
    Demo(DemoArgs),
}

/// How neighbours reach the node, for this run.
#[derive(Debug, Clone, Args)]
pub struct NetworkArgs {
    /// Where to listen (repeatable)
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<String>,
    /// An address to tell others besides, such as a router's (repeatable)
    #[arg(long, value_name = "ADDRESS")]
    announce: Vec<String>,
    /// Do not look for neighbours on the local network
    #[arg(long)]
    no_mdns: bool,
}

impl NetworkArgs {
    /// Sets what was given.
    pub(super) fn set(&self, flags: &mut Flags) {
        flags.listen.clone_from(&self.listen);
        flags.announce.clone_from(&self.announce);
        flags.mdns = self.no_mdns.then_some(false);
    }
}

/// `csu up`
#[derive(Debug, Clone, Args)]
pub struct UpArgs {
    /// How neighbours reach it.
    #[command(flatten)]
    pub network: NetworkArgs,
    /// A file that holds the passphrase of the keys (mode 0600), if they are sealed
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// `csu invite`
#[derive(Debug, Clone, Copy, Args)]
pub struct InviteArgs {
    /// For how many hours the ticket is good
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=168))]
    pub hours: Option<u32>,
}

/// `csu join`
#[derive(Debug, Clone, Args)]
pub struct JoinArgs {
    /// The ticket, as the other organisation's `csu invite` printed it
    #[arg(required = true, num_args = 1..)]
    pub ticket: Vec<String>,
}

/// A document by its reference.
#[derive(Debug, Clone, Args)]
pub struct DocumentArg {
    /// The document: its id, 4 or more letters of its beginning, or a draft's number such as d3
    #[arg(value_name = "DOCUMENT")]
    pub reference: String,
}

/// An organisation.
#[derive(Debug, Clone, Args)]
pub struct PeerArg {
    /// The organisation: its name or a part of it, or its id
    #[arg(value_name = "ORGANISATION")]
    pub who: String,
}

/// `csu peer`
#[derive(Debug, Subcommand)]
pub enum PeerVerb {
    /// List the neighbours
    #[command(after_help = "Example:\n  csu peer list")]
    List,
    /// Confirm a neighbour after comparing the security number with them by telephone
    #[command(after_help = "Example:\n  csu peer confirm \"Riverside CSU\"")]
    Confirm(ConfirmArgs),
    /// Stop exchanging with a neighbour for a while, or resume
    #[command(after_help = "Example:\n  csu peer pause \"Riverside CSU\"\n  csu peer pause \"Riverside CSU\" --resume")]
    Pause(PauseArgs),
    /// End a pairing
    #[command(after_help = "Example:\n  csu peer remove \"Riverside CSU\"")]
    Remove(PeerArg),
}

/// `csu peer confirm`
#[derive(Debug, Clone, Args)]
pub struct ConfirmArgs {
    /// Whom.
    #[command(flatten)]
    pub peer: PeerArg,
    /// The number that the other side read out; refused if it is not the same here
    #[arg(long, conflicts_with = "yes")]
    pub number: Option<String>,
    /// The numbers were compared already
    #[arg(long)]
    pub yes: bool,
}

/// `csu peer pause`
#[derive(Debug, Clone, Args)]
pub struct PauseArgs {
    /// Whom.
    #[command(flatten)]
    pub peer: PeerArg,
    /// Resume instead
    #[arg(long)]
    pub resume: bool,
}

/// `csu search`
#[derive(Debug, Clone, Args)]
pub struct SearchArgs {
    /// The words, all of which must be there
    #[arg(value_name = "WORDS", required = true, num_args = 1..)]
    pub words: Vec<String>,
    /// Of this kind only
    #[arg(long, value_name = "KIND", value_parser = kind::all().iter().map(|kind| kind.name).collect::<Vec<_>>())]
    pub kind: Option<String>,
    /// In this state only
    #[arg(long, value_name = "STATE")]
    pub state: Option<String>,
    /// At most this many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(DocumentQuery::MAX_LIMIT)))]
    pub limit: Option<u32>,
    /// Where the page before ended
    #[arg(long, value_name = "CURSOR")]
    pub cursor: Option<String>,
}

/// `csu respond`
#[derive(Debug, Clone, Args)]
pub struct RespondArgs {
    /// The document.
    #[command(flatten)]
    pub document: DocumentArg,
    /// What: acknowledge, seen-here-too, comment, step-taken or endorse
    pub remark: Remark,
    /// In words
    #[arg(long)]
    pub text: Option<String>,
    /// You looked at what looks like personal data in it: why it may be shared, for the access log
    #[arg(long, value_name = "WHY")]
    pub personal_data_checked: Option<String>,
}

/// `csu export`
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// The document.
    #[command(flatten)]
    pub document: DocumentArg,
    /// The format: cap, json or automerge
    #[arg(long, default_value = "json")]
    pub format: ExportFormat,
    /// A new file to write to, if not the terminal
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `csu erase`
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct EraseArgs {
    /// How it stands, instead.
    #[command(subcommand)]
    pub verb: Option<EraseVerb>,
    /// The document: its id, 4 or more letters of its beginning, or the number that its draft had
    #[arg(value_name = "DOCUMENT", required = true)]
    pub reference: Option<String>,
    /// Why, told to all who held it: mistaken, duplicate, superseded, no-longer-needed, consent-withdrawn, legal or other
    #[arg(long, value_name = "REASON", required = true)]
    pub why: Option<Reason>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// `csu release`
#[derive(Debug, Clone, Args)]
pub struct ReleaseArgs {
    /// This document only, by its id or 4 or more letters of its beginning
    #[arg(value_name = "DOCUMENT")]
    pub reference: Option<String>,
    /// Show what is silent, whom it waits for and what is at stake, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,
}

/// `csu erase status`
#[derive(Debug, Clone, Subcommand)]
pub enum EraseVerb {
    /// Show which organisations held erased documents, who confirmed, and who is outstanding
    #[command(after_help = "Example:\n  csu erase status\n  csu erase status 3fa9")]
    Status(EraseStatusArgs),
    /// Keep a document that a lost or stolen device of yours had ordered to be erased, too late for the order to count
    #[command(after_help = "Example:\n  csu erase keep 3fa9")]
    Keep(DocumentArg),
}

/// `csu erase status`
#[derive(Debug, Clone, Args)]
pub struct EraseStatusArgs {
    /// This document only, erased or not
    #[arg(value_name = "DOCUMENT")]
    pub reference: Option<String>,
}

/// `csu log`
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct LogArgs {
    /// What else to do with the log.
    #[command(subcommand)]
    pub command: Option<LogCommand>,
    /// About this document only
    #[arg(long)]
    pub document: Option<String>,
    /// Of this sort only: collection, alteration, consultation, disclosure, combination, erasure, network or access
    #[arg(long)]
    pub verb: Option<LogVerb>,
    /// To or by this organisation or person only
    #[arg(long)]
    pub who: Option<String>,
    /// From this day or time on only, as 2026-11-22 or 2026-11-22T18:00:00+00:00
    #[arg(long, value_parser = moment, value_name = "DATE")]
    pub since: Option<Moment>,
    /// Before this day or time only
    #[arg(long, value_parser = moment, value_name = "DATE")]
    pub until: Option<Moment>,
    /// At most this many lines, the newest; a list has at most 1000
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Write a table for spreadsheets, to a new file if one is named; cells that a spreadsheet would run begin with an apostrophe
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    pub csv: Option<Option<PathBuf>>,
}

/// `csu log head` and `csu log verify`
#[derive(Debug, Clone, Subcommand)]
pub enum LogCommand {
    /// Show how many lines there are and the newest hash: write it down, or send it to somebody, to see later that no line is gone
    #[command(after_help = "Example:\n  csu log head")]
    Head,
    /// Check that no line was changed, removed or put in; and that the log goes on from a head that was written down
    #[command(after_help = "Example:\n  csu log verify --head 1234-9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    Verify(VerifyArgs),
}

/// `csu log verify`
#[derive(Debug, Clone, Copy, Args)]
pub struct VerifyArgs {
    /// A head that was written down, as `csu log head` printed it: LINES-HASH, or the hash alone
    #[arg(long)]
    pub head: Option<KeptHead>,
}

/// `csu retention`
#[derive(Debug, Clone, Subcommand)]
pub enum RetentionVerb {
    /// List what is due for review or past its end, soonest first
    #[command(after_help = "Example:\n  csu retention list --before 2027-01-01")]
    List(RetentionListArgs),
    /// Set until when one document is kept, or when it is reviewed
    #[command(
        after_help = "Example:\n  csu retention set 3fa9 --review 2027-05-01 --why \"needed for the trial in April\"\n  csu retention set 3fa9 --keep-months 6 --why \"asked for by the council\""
    )]
    Set(RetentionSetArgs),
    /// Do what is due, and print what was done with each document
    #[command(after_help = "Example:\n  csu retention run --dry-run")]
    Run(RetentionRunArgs),
}

/// `csu retention list`
#[derive(Debug, Clone, Copy, Args)]
pub struct RetentionListArgs {
    /// What is due until this day or time, if not now
    #[arg(long, value_parser = moment, value_name = "DATE")]
    pub before: Option<Moment>,
    /// At most this many documents
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: Option<u32>,
}

/// `csu retention set`
#[derive(Debug, Clone, Args)]
pub struct RetentionSetArgs {
    /// The document.
    #[command(flatten)]
    pub document: DocumentArg,
    /// Erase it this many months from now
    #[arg(long, value_name = "N", conflicts_with_all = ["until", "by_kind"])]
    pub keep_months: Option<u32>,
    /// Erase it on this day, as 2027-05-01
    #[arg(long, value_parser = moment, value_name = "DATE", conflicts_with = "by_kind")]
    pub until: Option<Moment>,
    /// Look on this day whether it is still needed
    #[arg(long, value_parser = moment, value_name = "DATE", conflicts_with = "by_kind")]
    pub review: Option<Moment>,
    /// Let the dates of its kind hold again
    #[arg(long)]
    pub by_kind: bool,
    /// Why; it stands in the access log
    #[arg(long)]
    pub why: String,
}

/// `csu retention run`
#[derive(Debug, Clone, Copy, Args)]
pub struct RetentionRunArgs {
    /// Only print what would be done
    #[arg(long)]
    pub dry_run: bool,
}

/// A day, which begins at midnight in UTC, or a time with its offset.
fn moment(text: &str) -> Result<Moment, String> {
    match text.trim().parse::<jiff::civil::Date>() {
        Ok(day) if text.trim().len() == "2026-11-22".len() => format!("{day}T00:00:00+00:00").parse(),
        _ => text.parse(),
    }
    .map_err(|error: MomentError| format!("{error}, or as the day 2026-11-22"))
}

/// Everything that can be typed, the commands of the kinds included.
#[must_use]
pub fn command() -> clap::Command {
    let mut place = 0;
    let command = Cli::command().mut_subcommands(|inner| {
        // Documents are what people come for: they stand right behind the neighbours.
        place += if inner.get_name() == "respond" { 100 } else { 1 };
        inner.display_order(place)
    });
    let documents = kind::all().iter().enumerate().map(|(at, kind)| kinds::command(kind).display_order(50 + at));
    command.subcommands(documents)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(command: &clap::Command, path: &str, seen: &mut usize) {
        *seen += 1;
        let help = command.clone().render_long_help().to_string();
        assert!(help.contains("Example:\n  csu "), "{path} has no example:\n{help}");
        assert!(command.get_about().is_some(), "{path} says nothing");
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            walk(inner, &format!("{path} {}", inner.get_name()), seen);
        }
    }

    #[test]
    fn every_command_has_a_help_with_an_example() {
        let mut seen = 0;
        walk(&command(), "csu", &mut seen);
        assert!(seen > 40, "{seen}");
        command().debug_assert();
    }

    #[test]
    fn a_day_is_its_midnight_and_a_time_says_its_offset() {
        assert_eq!(moment("2026-11-22"), Ok("2026-11-22T00:00:00+00:00".parse().unwrap()));
        assert_eq!(moment("2026-11-22T01:00:00+01:00"), moment("2026-11-22"));
        for text in ["2026-13-01", "2026-11-22T18:00:00", "tomorrow", ""] {
            assert!(moment(text).unwrap_err().contains("2026-11-22"), "{text}");
        }
        for line in ["csu log head", "csu log --csv", "csu log --csv out.csv --until 2026-11-22", "csu log --limit 5", "csu log verify"] {
            command().try_get_matches_from(line.split(' ')).unwrap();
        }
        for line in ["csu log --limit 5 verify", "csu log verify --head 12", "csu retention set 3fa9 --review 2027-01-01"] {
            command().try_get_matches_from(line.split(' ')).unwrap_err();
        }
    }

    #[test]
    fn what_every_command_takes_may_stand_before_or_behind_it() {
        for line in ["csu --json --data /x status", "csu status --json --data /x", "csu --data /x peer list --json"] {
            let matches = command().try_get_matches_from(line.split(' ')).unwrap();
            let globals = <Globals as clap::FromArgMatches>::from_arg_matches(&matches).unwrap();
            assert!(globals.json && globals.data.is_some(), "{line}");
        }
    }

    #[test]
    fn a_wrong_word_is_answered_with_what_is_allowed() {
        let error = command().try_get_matches_from(["csu", "respond", "3fa9", "cheer"]).unwrap_err().to_string();
        assert!(error.contains("seen-here-too"), "{error}");
        let error = command().try_get_matches_from(["csu", "init", "--name", "x", "--kind", "gang"]).unwrap_err().to_string();
        assert!(error.contains("union, police"), "{error}");
    }
}
