//! `csu restore`: a node again, from a backup or from the recovery phrase alone.

use super::args::NetworkArgs;
use super::backup::Meter;
use super::failure::Failure;
use super::output::Output;
use super::recovering::Neighbours;
use super::{asking, passphrase, phrase, screen};
use crate::backup::{self, BackupError};
use crate::config::Config;
use crate::keys::{Keys, Passphrase};
use crate::restoring::{self, Origin, Recovery, RestoreError, Step};
use csu_protocol::identity::{Name, OrganisationKind, RootKey, SignedCard, Ticket};
use csu_protocol::time::Timestamp;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `csu restore`
#[derive(Debug, Clone, clap::Args)]
pub struct RestoreArgs {
    /// A backup that `csu backup` wrote
    #[arg(value_name = "FILE", required_unless_present_any = ["resume", "name"], conflicts_with_all = ["resume", "name", "kind"])]
    pub(super) file: Option<PathBuf>,
    /// Without a backup: the organisation's name, as neighbours knew it
    #[arg(long, requires = "kind", conflicts_with = "resume")]
    name: Option<String>,
    /// Without a backup: what it is: union, police, council, funder or other
    #[arg(long, requires = "name", conflicts_with = "resume")]
    kind: Option<OrganisationKind>,
    /// Go on with a restore that was begun in this data folder
    #[arg(long)]
    resume: bool,
    /// With --resume: put this device above another that counts, as after a restore under a clock that was ahead
    #[arg(long, requires = "resume")]
    supersede: bool,
    /// With --name: do not ask whether the phrase is that of your organisation
    #[arg(long, requires = "name")]
    yes: bool,
    /// A file that holds the recovery phrase (mode 0600), or `-` for the standard input, if it is not to be asked for
    #[arg(long, value_name = "FILE")]
    phrase_file: Option<PathBuf>,
    /// Seal the new keys by a passphrase, which is asked for
    #[arg(long, conflicts_with = "resume")]
    seal: bool,
    /// Seal the new keys by the passphrase that a file holds (mode 0600)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seal", "resume"])]
    new_passphrase_file: Option<PathBuf>,
    /// Whom to wait for.
    #[command(flatten)]
    pub(super) neighbours: Neighbours,
    /// How neighbours reach it.
    #[command(flatten)]
    pub(super) network: NetworkArgs,
    /// With --resume: a file that holds the passphrase of the keys (mode 0600), if they are sealed
    #[arg(long, value_name = "FILE", requires = "resume")]
    pub(super) passphrase_file: Option<PathBuf>,
}

/// The part of `csu restore` that needs no network: the data folder is in place then, and the node is to go on with
/// [`crate::driver::start_recovering`]. Settings are to be read anew, since they may have come from the backup.
///
/// # Errors
/// When there is an organisation already, the phrase or the file is another's, or the disk refuses. Nothing is kept then.
pub fn begin(args: &RestoreArgs, config: &Config, variables: &[(String, String)], output: Output) -> Result<Recovery, Failure> {
    let failed = |error: RestoreError| Failure::of(&error);
    phrase::keep_memory_private();
    restoring::sweep_opened();
    let tickets = tickets(args)?;
    if args.resume {
        if !Keys::exist(&config.data) {
            return Err(failed(RestoreError::NothingBegun { data: config.data.clone() }));
        }
        let root = phrase::root_key(args.phrase_file.as_deref())?;
        refuse_own(args, &tickets, &root)?;
        let passphrase = passphrase::find(config, variables)?;
        let mut recovery = restoring::resume(&config.data, root, passphrase.as_ref()).map_err(failed)?;
        if args.supersede {
            supersede(&mut recovery, output)?;
        }
        return Ok(recovery);
    }
    // Whoever cannot restore here is told before anything is asked for.
    restoring::refuse_occupied(&config.data).map_err(failed)?;
    match (&args.file, &args.name, args.kind) {
        (Some(file), ..) => from_backup(args, file, &tickets, config, output),
        (None, Some(_), _) if args.neighbours.tickets.is_empty() => Err(Failure::new(
            "without a backup everything comes back from neighbours, and none is named",
            "ring a neighbour up, have them type `csu invite`, and add --ticket with what they read or send to you (repeatable)",
        )),
        (None, Some(name), Some(kind)) => {
            let name = Name::new(name).map_err(|error| Failure::of(&error))?;
            let root = phrase::root_key(args.phrase_file.as_deref())?;
            refuse_own(args, &tickets, &root)?;
            ask_whose(&root, args, output)?;
            let passphrase = new_passphrase(args)?;
            restoring::from_phrase(&config.data, root, name, kind, passphrase.as_ref(), now()).map_err(failed)
        }
        (None, ..) => Err(Failure::usage("there is nothing to restore", "name a backup, or --name and --kind of the organisation")),
    }
}

/// The tickets, all of them good: what one lacks is said before anything is written.
fn tickets(args: &RestoreArgs) -> Result<Vec<Ticket>, Failure> {
    let read = |(at, text): (usize, &String)| {
        let ticket = text.parse::<Ticket>().map_err(|error| again(args, at, Failure::of(&error)))?;
        if ticket.expires <= now() {
            let what = format!("the ticket ended at {}", ticket.expires);
            return Err(again(args, at, Failure::new(what, "ask for a new one, and look whether the clock of this computer is right")));
        }
        Ok(ticket)
    };
    args.neighbours.tickets.iter().enumerate().map(read).collect()
}

/// One's own ticket brings nothing back.
fn refuse_own(args: &RestoreArgs, tickets: &[Ticket], root: &RootKey) -> Result<(), Failure> {
    match tickets.iter().position(|ticket| ticket.organisation == root.organisation()) {
        Some(at) => {
            let failure = Failure::new("this is a ticket of your own organisation", "ask a neighbour for one of theirs: `csu invite`");
            Err(again(args, at, failure))
        }
        None => Ok(()),
    }
}

/// Says which ticket it is, and how to go on with the others.
fn again(args: &RestoreArgs, at: usize, failure: Failure) -> Failure {
    let several = args.neighbours.tickets.len() > 1;
    let which = if several { format!("; of these tickets number {} is meant", at.saturating_add(1)) } else { String::new() };
    let command = match (args.resume, &args.file) {
        (true, _) => "csu restore --resume --ticket …",
        (false, Some(_)) => "csu restore FILE --ticket …",
        (false, None) => "csu restore --name NAME --kind KIND --ticket …",
    };
    failure.and(&format!("nothing was written: then type `{command}` again, with --ticket for every neighbour{which}"))
}

/// The phrase alone names no organisation: whoever took another's paper from the safe sees it here.
fn ask_whose(root: &RootKey, args: &RestoreArgs, output: Output) -> Result<(), Failure> {
    if output == Output::Words {
        screen::print(&format!("The phrase belongs to the organisation with the fingerprint {}.\n", root.organisation()));
    }
    let remedy = "compare the fingerprint with what a neighbour sees for you in `csu peer list`, or on your own papers";
    if args.yes || !asking::is_possible(output) || asking::yes("Is it yours? Type yes or no: ", "add --yes")? {
        return Ok(());
    }
    Err(Failure::new("the phrase is not that of your organisation, so nothing was written", remedy))
}

/// Puts the device in the folder above the one that counts.
fn supersede(recovery: &mut Recovery, output: Output) -> Result<(), Failure> {
    let before = restoring::supersede(recovery).map_err(|error| Failure::of(&error))?;
    if output == Output::Words {
        let now = generation_in_words(recovery.keys.card());
        screen::print(&match before {
            Some(before) => format!("This device counts now, by a card of {now}, before the one of {}.\n", generation_in_words(&before)),
            None => format!("No other device is known that counts before this one, whose card is of {now}.\n"),
        });
    }
    Ok(())
}

/// The generation of a card. Restores take it from the clock, in milliseconds since 1970.
pub(super) fn generation_in_words(card: &SignedCard) -> String {
    /// The year 2001: no restore is older, and nobody counts so far.
    const FROM_A_CLOCK: u64 = 1_000_000_000_000;
    let generation = card.card().generation;
    match generation {
        0 => "the beginning (generation 0)".to_owned(),
        FROM_A_CLOCK.. => format!("{} (generation {generation})", Timestamp::from_ms(generation)),
        1.. => format!("generation {generation}"),
    }
}

fn from_backup(args: &RestoreArgs, file: &Path, tickets: &[Ticket], config: &Config, output: Output) -> Result<Recovery, Failure> {
    let opened = File::open(file).map_err(BackupError::Unreadable);
    let bytes = opened.as_ref().ok().and_then(|file| file.metadata().ok()).map(|metadata| metadata.len());
    let header = opened.and_then(|mut from| backup::header(&mut from)).map_err(|error| Failure::of(&error))?;
    if output == Output::Words {
        let card = header.card.card();
        screen::print(&format!(
            "{}\n",
            screen::visible(&format!("The backup is of {}, written {}; documents: {}.", card.name, header.written, header.documents))
        ));
    }
    let root = phrase::root_key(args.phrase_file.as_deref())?;
    if root.organisation() != header.card.card().organisation {
        return Err(Failure::of(&BackupError::WrongPhrase { name: header.card.card().name.to_string() }));
    }
    refuse_own(args, tickets, &root)?;
    warn_of_clock(&header.card);
    let passphrase = new_passphrase(args)?;
    let mut meter = Meter::new("Opening the backup", output);
    meter.total = bytes;
    let watch = &mut |step| {
        if let Step::Unpacking(bytes) = step {
            meter.set(bytes);
        }
    };
    restoring::from_backup(&config.data, file, root, passphrase.as_ref(), now(), watch).map_err(|error| Failure::of(&error))
}

/// A generation from the time to come says that this clock is wrong, or the one of an earlier restore was.
fn warn_of_clock(card: &SignedCard) {
    if card.card().generation > now().as_ms() {
        eprintln!(
            "warning: the node that wrote the backup was restored under a clock that said {}, and this one says {}. If this one is behind, \
             set it before you go on.",
            generation_in_words(card),
            now()
        );
    }
}

fn new_passphrase(args: &RestoreArgs) -> Result<Option<Passphrase>, Failure> {
    if args.seal || args.new_passphrase_file.is_some() {
        passphrase::choose(args.new_passphrase_file.as_deref()).map(Some)
    } else {
        Ok(None)
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// What is said once the data folder is in place.
#[must_use]
pub fn report(recovery: &Recovery) -> String {
    let card = recovery.keys.card().card();
    let from = match &recovery.origin {
        Origin::Backup(header) => format!("the backup of {}", header.written),
        Origin::Phrase => "the recovery phrase alone: what was shared comes back from neighbours".to_owned(),
        Origin::Folder { under_way: true } => "a restore that was begun".to_owned(),
        Origin::Folder { under_way: false } => "the data folder as it was".to_owned(),
    };
    screen::columns(&[
        vec!["Organisation".into(), card.name.to_string()],
        vec!["Fingerprint".into(), card.organisation.to_string()],
        vec!["New device".into(), card.device.to_string()],
        vec!["From".into(), from],
        vec!["Data folder".into(), recovery.data.display().to_string()],
    ])
}
