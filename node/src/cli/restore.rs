//! `csu restore`: a node again, from a backup or from the recovery phrase alone.

use super::args::NetworkArgs;
use super::backup::Meter;
use super::failure::Failure;
use super::output::Output;
use super::recovering::Neighbours;
use super::{passphrase, phrase, screen};
use crate::backup::{self, BackupError};
use crate::config::Config;
use crate::keys::{Keys, Passphrase};
use crate::restoring::{self, Origin, Recovery, RestoreError, Step};
use csu_protocol::identity::{Name, OrganisationKind};
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
    if args.resume {
        if !Keys::exist(&config.data) {
            return Err(failed(RestoreError::NothingBegun { data: config.data.clone() }));
        }
        let root = phrase::root_key(args.phrase_file.as_deref())?;
        let passphrase = passphrase::find(config, variables)?;
        return restoring::resume(&config.data, root, passphrase.as_ref()).map_err(failed);
    }
    // Whoever cannot restore here is told before anything is asked for.
    restoring::refuse_occupied(&config.data).map_err(failed)?;
    match (&args.file, &args.name, args.kind) {
        (Some(file), ..) => from_backup(args, file, config, output),
        (None, Some(_), _) if args.neighbours.tickets.is_empty() => Err(Failure::new(
            "without a backup everything comes back from neighbours, and none is named",
            "ring a neighbour up, have them type `csu invite`, and add --ticket with what they read or send to you (repeatable)",
        )),
        (None, Some(name), Some(kind)) => {
            let name = Name::new(name).map_err(|error| Failure::of(&error))?;
            let root = phrase::root_key(args.phrase_file.as_deref())?;
            let passphrase = new_passphrase(args)?;
            restoring::from_phrase(&config.data, root, name, kind, passphrase.as_ref(), now()).map_err(failed)
        }
        (None, ..) => Err(Failure::usage("there is nothing to restore", "name a backup, or --name and --kind of the organisation")),
    }
}

fn from_backup(args: &RestoreArgs, file: &Path, config: &Config, output: Output) -> Result<Recovery, Failure> {
    let opened = File::open(file).map_err(BackupError::Unreadable);
    let bytes = opened.as_ref().ok().and_then(|file| file.metadata().ok()).map(|metadata| metadata.len());
    let header = opened.and_then(|mut from| backup::header(&mut from)).map_err(|error| Failure::of(&error))?;
    if output == Output::Words {
        let card = header.card.card();
        screen::print(&format!(
            "{}\n",
            screen::visible(&format!("The backup is of {}, written {} with {} documents.", card.name, header.written, header.documents))
        ));
    }
    let root = phrase::root_key(args.phrase_file.as_deref())?;
    if root.organisation() != header.card.card().organisation {
        return Err(Failure::of(&BackupError::WrongPhrase { name: header.card.card().name.to_string() }));
    }
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
