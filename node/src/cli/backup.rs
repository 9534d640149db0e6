//! `csu backup`: everything of the node but its keys, in a file that the recovery phrase alone opens.
//!
//! A running node writes it beside its work; of one that does not run it is written here. Either way it grows under the name
//! `FILE.part`, is looked through, and only then gets its own name.

use super::client::{Client, ClientError};
use super::failure::Failure;
use super::output::Output;
use super::{passphrase, phrase, screen};
use crate::backup::{self, Checked, Header, Sealing};
use crate::config::Config;
use crate::desk::Actor;
use crate::keys::{self, DataLock, Keys, KeysError};
use crate::log_verb::LogVerb;
use crate::office::BACKUP_LOGGED;
use crate::restoring::{self, Step};
use crate::storage::{self, LogLine, Options, Storage};
use csu_protocol::identity::{RecoveryKey, RootKey};
use csu_protocol::time::Timestamp;
use serde_json::json;
use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, IsTerminal, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a node may take to copy its database before the first byte comes, and between two pieces.
const PATIENCE: Duration = Duration::from_secs(3600);
/// How often the progress is drawn.
const DRAWN_EVERY: Duration = Duration::from_millis(200);
const MIB: u64 = 1 << 20;

/// `csu backup`
#[derive(Debug, Clone, clap::Args)]
pub struct BackupArgs {
    /// The file to write, or `-` for the standard output. Without it: a new file here, named after the organisation and the time
    #[arg(value_name = "FILE", required_if_eq("check", "true"))]
    file: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, conflicts_with = "check")]
    force: bool,
    /// Write nothing; look whether this backup is whole, as its node signed it, and of this organisation
    #[arg(long)]
    check: bool,
    /// Open it too, with the recovery phrase, and check the database in it; nothing of it is kept
    #[arg(long, requires = "check")]
    open: bool,
    /// Set the key that backups are sealed for, from the recovery phrase: once, for a node set up before there were backups
    #[arg(long, conflicts_with_all = ["file", "check", "force"])]
    set_key: bool,
    /// A file that holds the recovery phrase (mode 0600), or `-` for the standard input, if it is not to be asked for
    #[arg(long, value_name = "FILE")]
    phrase_file: Option<PathBuf>,
}

/// Does what `csu backup` says.
///
/// # Errors
/// When the node refuses, the phrase is another's, the file is not what it should be, or cannot be written.
pub async fn run(
    args: &BackupArgs,
    config: &Config,
    client: &Client,
    variables: &[(String, String)],
    output: Output,
) -> Result<(), Failure> {
    if args.open || args.set_key || args.phrase_file.is_some() {
        phrase::keep_memory_private();
    }
    restoring::sweep_opened();
    if let (true, Some(file)) = (args.check, &args.file) {
        return check(args, file, config, output);
    }
    if args.set_key || args.phrase_file.is_some() {
        set_key(config, args.phrase_file.as_deref())?;
    }
    if args.set_key {
        output.say("Backups of this node are sealed for the recovery phrase from now on. Write one with `csu backup`.\n");
        return Ok(());
    }
    if args.file.as_deref() == Some(Path::new("-")) {
        return to_standard_output(config, client, variables, output).await;
    }
    let file = match &args.file {
        Some(file) => file.clone(),
        None => usual_name(config)?,
    };
    to_file(&file, args.force, config, client, variables, output).await
}

/// A name by which backups sort.
fn usual_name(config: &Config) -> Result<PathBuf, Failure> {
    let name = Keys::public_card(&config.data).map_err(|error| Failure::of(&error))?.card().name.to_string();
    let words: String = name.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    let words = words.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
    let moment: String = now().to_string().chars().take(19).filter(|c| *c != ':' && *c != '-').collect();
    Ok(PathBuf::from(format!("{words}-{moment}Z.backup")))
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn set_key(config: &Config, file: Option<&Path>) -> Result<(), Failure> {
    let card = Keys::public_card(&config.data).map_err(|error| Failure::of(&error))?;
    let root = phrase::root_key(file)?;
    if root.organisation() != card.card().organisation {
        return Err(Failure::of(&KeysError::OtherOrganisation { folder: keys::folder(&config.data) }));
    }
    // Nobody exchanges the keys meanwhile: a node that runs has the folder, and otherwise this command.
    let _lock = match DataLock::held_by(&config.data).map_err(|error| Failure::of(&error))? {
        Some(_) => None,
        None => Some(DataLock::acquire(&config.data).map_err(|error| Failure::of(&error))?),
    };
    keys::put_recovery_key(&config.data, &RecoveryKey::of(&root)).map_err(|error| Failure::of(&error))
}

async fn to_standard_output(config: &Config, client: &Client, variables: &[(String, String)], output: Output) -> Result<(), Failure> {
    if output == Output::Json {
        return Err(Failure::usage("the standard output takes the backup itself", "leave out --json, or name a file"));
    }
    let mut out = std::io::stdout();
    if out.is_terminal() {
        return Err(Failure::usage("a backup is nothing for a terminal", "name a file, or send it on: csu backup - | ssh ..."));
    }
    produce(&mut out, config, client, variables, output).await?;
    out.flush().map_err(|error| Failure::of(&backup::BackupError::Unwritten(error)))
}

async fn to_file(
    file: &Path,
    force: bool,
    config: &Config,
    client: &Client,
    variables: &[(String, String)],
    output: Output,
) -> Result<(), Failure> {
    let refuse = || {
        let there = file.symlink_metadata().is_ok() && !force;
        let what = || Failure::new(format!("{} is there already", file.display()), "name another file, or add --force to replace it");
        if there { Err(what()) } else { Ok(()) }
    };
    refuse()?;
    let mut part = file.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let unwritten = |error: std::io::Error| {
        Failure::new(
            format!("{} cannot be written ({error})", part.display()),
            "name a file in a folder that is there and yours, with room",
        )
    };
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part);
    let opened = opened.and_then(|out| out.set_permissions(fs::Permissions::from_mode(0o600)).map(|()| out));
    let mut out = opened.map_err(unwritten)?;
    let written = match produce(&mut out, config, client, variables, output).await {
        Ok(()) => out.sync_all().map_err(unwritten).and_then(|()| look_through(&part)).and_then(|checked| {
            refuse()?;
            fs::rename(&part, file).and_then(|()| sync_folder_of(file)).map_err(unwritten)?;
            Ok(checked)
        }),
        Err(failure) => Err(failure),
    };
    match written {
        Ok(checked) => {
            let verdict = "Written, and looked through again. It opens with the recovery phrase alone.";
            screen::print(&report(file, &checked.header, checked.bytes, verdict, output));
            Ok(())
        }
        Err(failure) => {
            // Part of a backup is none. The first error is the one to report.
            fs::remove_file(&part).ok();
            Err(failure)
        }
    }
}

fn sync_folder_of(file: &Path) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Has the node write it, or writes it if the node does not run.
async fn produce(
    out: &mut (dyn Write + Send),
    config: &Config,
    client: &Client,
    variables: &[(String, String)],
    output: Output,
) -> Result<(), Failure> {
    let mut meter = Meter::new("Writing the backup", output);
    let mut begin = Vec::new();
    let taken = client
        .clone()
        .with_timeout(PATIENCE)
        .download("/backup", &mut |bytes| {
            if begin.len() < 2 * backup::HEADER_BYTES {
                begin.extend_from_slice(bytes.get(..2 * backup::HEADER_BYTES).unwrap_or(bytes));
                meter.total = backup::header(&mut begin.as_slice()).ok().map(|header| header.content);
            }
            meter.add(bytes.len() as u64);
            out.write_all(bytes)
        })
        .await;
    match taken {
        Err(ClientError::NotRunning { .. }) => offline(out, config, client.actor(), variables),
        other => Ok(other?),
    }
}

fn offline(out: &mut dyn Write, config: &Config, actor: &Actor, variables: &[(String, String)]) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::of(error);
    if !Keys::exist(&config.data) {
        return Err(failed(&crate::driver::DriverError::NoOrganisation(config.data.clone())));
    }
    let _lock = DataLock::acquire(&config.data).map_err(|error| failed(&error))?;
    Keys::sweep(&config.data).map_err(|error| failed(&error))?;
    storage::sweep_snapshots(&config.data).map_err(|error| failed(&error))?;
    let passphrase = passphrase::find(config, variables)?;
    let keys = Keys::load(&config.data, passphrase.as_ref()).map_err(|error| failed(&error))?;
    let sealing = Sealing::new(&config.data, &keys).map_err(|error| failed(&error))?;
    note(&config.data, actor)?;
    backup::write(&config.data, &sealing, now(), out).map_err(|error| failed(&error)).map(drop)
}

/// Says in the log of a node that does not run that it was backed up.
fn note(data: &Path, actor: &Actor) -> Result<(), Failure> {
    let opened = Storage::open(data, Options::default()).map_err(|error| Failure::of(&error))?;
    let mut storage = opened.storage;
    let mut work = || {
        if storage.is_recovering()? {
            return Ok(false);
        }
        let who = actor.person().unwrap_or("this node").to_owned();
        let detail = BACKUP_LOGGED.to_owned();
        storage.append_log(&LogLine { at: now(), verb: LogVerb::Consultation, who, document: None, to: None, why: None, detail })?;
        storage.commit()?;
        Ok(true)
    };
    let noted: Result<bool, storage::StorageError> = work();
    // A stop that was not in good order stays to be seen: only a node that starts checks the database for it.
    let closed = if opened.clean { storage.close() } else { Ok(()) };
    match noted.and_then(|noted| closed.map(|()| noted)).map_err(|error| Failure::of(&error))? {
        true => Ok(()),
        false => Err(Failure::of(&crate::driver::DriverError::Recovering)),
    }
}

fn look_through(file: &Path) -> Result<Checked, Failure> {
    let from = File::open(file).map_err(backup::BackupError::Unreadable);
    from.and_then(|from| backup::check(&mut BufReader::with_capacity(MIB as usize, from))).map_err(|error| Failure::of(&error))
}

fn check(args: &BackupArgs, file: &Path, config: &Config, output: Output) -> Result<(), Failure> {
    let checked = look_through(file)?;
    let card = checked.header.card.card();
    // Where there is no organisation, whoever looks sees whose it is.
    if Keys::exist(&config.data) {
        let own = Keys::public_card(&config.data).map_err(|error| Failure::of(&error))?;
        if own.card().organisation != card.organisation {
            return Err(Failure::of(&backup::BackupError::Foreign {
                found: card.name.to_string(),
                organisation: card.organisation.to_string(),
                wanted: own.card().name.to_string(),
            }));
        }
    }
    let opened = args.open || args.phrase_file.is_some();
    if opened {
        let root: RootKey = phrase::root_key(args.phrase_file.as_deref())?;
        let mut meter = Meter::new("Opening the backup", output);
        meter.total = Some(checked.bytes);
        restoring::rehearse(file, &root, &mut |step| {
            if let Step::Unpacking(bytes) = step {
                meter.set(bytes);
            }
        })
        .map_err(|error| Failure::of(&error))?;
    }
    let verdict = if opened {
        "Whole: it was opened, and the database in it is sound. Nothing of it was kept."
    } else {
        "Whole, and as its node signed it. Whether the phrase at hand opens it shows with --open."
    };
    screen::print(&report(file, &checked.header, checked.bytes, verdict, output));
    Ok(())
}

fn report(file: &Path, header: &Header, bytes: u64, verdict: &str, output: Output) -> String {
    let card = header.card.card();
    match output {
        Output::Json => screen::visible_json(&format!(
            "{:#}\n",
            json!({
                "file": file, "bytes": bytes, "documents": header.documents, "written": crate::desk::Moment::from(header.written),
                "organisation": card.organisation, "name": card.name, "device": card.device, "generation": card.generation,
            })
        )),
        Output::Words => {
            let rows = [
                ("Backup", file.display().to_string()),
                ("Organisation", card.name.to_string()),
                ("Of", header.written.to_string()),
                ("Documents", header.documents.to_string()),
                ("Size", size(bytes)),
            ];
            let rows: Vec<Vec<String>> = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
            format!("{}\n{verdict}\n", screen::columns(&rows))
        }
    }
}

pub(super) fn size(bytes: u64) -> String {
    if bytes < MIB { format!("{} KiB", bytes.div_ceil(1024)) } else { format!("{} MiB", bytes.div_ceil(MIB)) }
}

/// Progress on one line of a terminal, wiped at the end. Nothing where nobody looks.
pub(super) struct Meter {
    what: &'static str,
    shown: bool,
    drawn: Option<Instant>,
    done: u64,
    /// How much there will be, once it is known.
    pub(super) total: Option<u64>,
}

impl Meter {
    pub(super) fn new(what: &'static str, output: Output) -> Self {
        let shown = output == Output::Words && std::io::stderr().is_terminal();
        Self { what, shown, drawn: None, done: 0, total: None }
    }

    fn add(&mut self, bytes: u64) {
        self.set(self.done.saturating_add(bytes));
    }

    pub(super) fn set(&mut self, done: u64) {
        self.done = done;
        if !self.shown || self.drawn.is_some_and(|drawn| drawn.elapsed() < DRAWN_EVERY) {
            return;
        }
        self.drawn = Some(Instant::now());
        let of = self.total.map(|total| format!(" of {}", size(total))).unwrap_or_default();
        eprint!("\r\u{1b}[K{}: {}{of}", self.what, size(done));
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            eprint!("\r\u{1b}[K");
        }
    }
}
