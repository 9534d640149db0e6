//! The passphrase that seals the keys: where it comes from, and `csu passphrase`.
//!
//! A node without a person beside it takes it from the file that `passphrase_file` names, or from systemd, as the credential
//! [`CREDENTIAL`]; on a terminal it is asked for. It is no argument and no variable: others could read those.

use super::backup::size;
use super::failure::Failure;
use super::output::Output;
use super::waiting::wait_for;
use crate::config::Config;
use crate::driver::DriverError;
use crate::keys::{DataLock, Keys, KeysError, PASSPHRASE_BYTES, Passphrase};
use crate::storage;
use clap::{Args, Subcommand};
use serde_json::json;
use std::io::{IsTerminal, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The name of the credential that systemd may hand over (`LoadCredential` or `LoadCredentialEncrypted`).
const CREDENTIAL: &str = "csu-passphrase";

/// `csu passphrase`
#[derive(Debug, Subcommand)]
pub enum PassphraseVerb {
    /// Seal the keys by a passphrase
    #[command(after_help = "Example:\n  csu down\n  csu passphrase set\n  csu up")]
    Set(NewArgs),
    /// Seal the keys by another passphrase
    #[command(after_help = "Example:\n  csu passphrase change")]
    Change(NewArgs),
    /// Keep the keys without a passphrase
    #[command(after_help = "Example:\n  csu passphrase remove")]
    Remove,
}

/// Where a new passphrase comes from.
#[derive(Debug, Clone, Args)]
pub struct NewArgs {
    /// A file that holds the new passphrase, if it is not to be asked for
    #[arg(long, value_name = "FILE")]
    pub new_passphrase_file: Option<PathBuf>,
}

/// The passphrase of a data folder's keys; none if they are not sealed.
///
/// # Errors
/// When they are sealed and the passphrase is nowhere to be had.
pub(super) fn find(config: &Config, variables: &[(String, String)]) -> Result<Option<Passphrase>, Failure> {
    if !Keys::are_sealed(&config.data) {
        return Ok(None);
    }
    if let Some(file) = &config.passphrase_file {
        return read(file, Others::MayNotRead).map(|text| Some(Passphrase::given(&text)));
    }
    let credentials = variables.iter().find(|(name, _)| name == "CREDENTIALS_DIRECTORY").map(|(_, folder)| Path::new(folder));
    if let Some(file) = credentials.map(|folder| folder.join(CREDENTIAL)).filter(|file| file.exists()) {
        return read(&file, Others::SystemMinds).map(|text| Some(Passphrase::given(&text)));
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::of(&KeysError::Sealed { folder: crate::keys::folder(&config.data) }));
    }
    ask("Passphrase of the keys: ").map(|text| Some(Passphrase::given(&text)))
}

/// A new passphrase, from a file or typed twice.
pub(super) fn choose(file: Option<&Path>) -> Result<Passphrase, Failure> {
    let text = match file {
        Some(file) => read(file, Others::MayNotRead)?,
        None if !std::io::stdin().is_terminal() => {
            return Err(Failure::usage("there is no terminal to ask for a new passphrase on", "name a file that holds it, mode 0600"));
        }
        None => {
            let typed = ask("New passphrase: ")?;
            if *typed != *ask("The same again: ")? {
                return Err(Failure::new("the two are not the same, so nothing was changed", "try again"));
            }
            typed
        }
    };
    Passphrase::chosen(&text).map_err(|error| Failure::of(&error))
}

fn ask(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    rpassword::prompt_password(prompt)
        .map(Zeroizing::new)
        .map_err(|error| Failure::new(format!("the terminal cannot be used ({error})"), "name a file that holds the passphrase"))
}

/// Whether it is looked at who else may read a file.
pub(super) enum Others {
    /// It is, and refused if others may.
    MayNotRead,
    /// systemd's own folder, which it keeps from others in its own way.
    SystemMinds,
}

fn read(file: &Path, others: Others) -> Result<Zeroizing<String>, Failure> {
    // A byte more than there may be, and a line end, so that a longer one is seen to be longer.
    read_secret(file, "passphrase", PASSPHRASE_BYTES as u64 + 3, others)
}

/// The text of a file that holds a secret of at most `most` bytes; what is more is not read.
pub(super) fn read_secret(file: &Path, secret: &str, most: u64, others: Others) -> Result<Zeroizing<String>, Failure> {
    let cannot = |error: std::io::Error| {
        let what = format!("the {secret} cannot be read from {} ({error})", file.display());
        Failure::new(what, "name a file that is there and yours")
    };
    let opened = std::fs::File::open(file).map_err(cannot)?;
    let metadata = opened.metadata().map_err(cannot)?;
    let mode = metadata.permissions().mode() & 0o777;
    if matches!(others, Others::MayNotRead) && metadata.is_file() && mode & 0o077 != 0 {
        return Err(Failure::new(
            format!("{} can be read by others (mode {mode:03o})", file.display()),
            format!("type `chmod 600 '{}'`, and ask yourself who may have copied it", file.display()),
        ));
    }
    let mut text = Zeroizing::new(String::new());
    opened.take(most).read_to_string(&mut text).map_err(cannot)?;
    if text.trim_end_matches(['\r', '\n']).is_empty() {
        return Err(Failure::new(format!("{} is empty", file.display()), format!("write the {secret} into it")));
    }
    Ok(text)
}

/// Runs `csu passphrase`, and returns what to print.
///
/// # Errors
/// When the node runs, a passphrase is wrong or not to be had, or the disk refuses; the keys are as before then.
pub(super) fn run(config: &Config, verb: &PassphraseVerb, variables: &[(String, String)], output: Output) -> Result<String, Failure> {
    // A node that runs holds its keys; they are exchanged under it only to its surprise.
    let _lock = DataLock::acquire(&config.data).map_err(|error| Failure::of(&error))?;
    let sweep = || Keys::sweep(&config.data).map_err(|error| Failure::of(&error));
    sweep()?;
    // Whoever has nothing to seal is told before anything is asked for.
    match (verb, Keys::are_sealed(&config.data), Keys::exist(&config.data)) {
        (PassphraseVerb::Set(_), true, _) => {
            return Err(Failure::of(&KeysError::SealedAlready { folder: crate::keys::folder(&config.data) }));
        }
        (PassphraseVerb::Change(_) | PassphraseVerb::Remove, false, true) => {
            return Err(Failure::of(&KeysError::NotSealed { folder: crate::keys::folder(&config.data) }));
        }
        (_, _, false) => return Err(Failure::of(&KeysError::Missing { path: crate::keys::folder(&config.data) })),
        _ => {}
    }
    if storage::is_recovering_now(&config.data).map_err(|error| Failure::of(&error))? {
        return Err(Failure::of(&DriverError::Recovering));
    }
    let before = find(config, variables)?;
    let after = match verb {
        PassphraseVerb::Set(args) | PassphraseVerb::Change(args) => Some(choose(args.new_passphrase_file.as_deref())?),
        PassphraseVerb::Remove => None,
    };
    if matches!(verb, PassphraseVerb::Set(_)) {
        let bytes = config.data.join(storage::FILE).metadata().map_or(0, |metadata| metadata.len());
        let what = format!("Writing the database anew ({}), without the texts of documents in its search index", size(bytes));
        wait_for(&what, output, || storage::forget_searched_texts(&config.data)).map_err(|error| Failure::of(&error))?;
    }
    Keys::seal(&config.data, before.as_ref(), after.as_ref()).map_err(|error| Failure::of(&error))?;
    sweep()?;
    if output == Output::Json {
        return Ok(format!("{:#}\n", json!({ "sealed": after.is_some() })));
    }
    Ok(match verb {
        PassphraseVerb::Set(_) => {
            "The keys are sealed. Without the passphrase this node cannot start, and nothing here can tell what it was.\n\
             They lay here unsealed before: a disk that writes elsewhere than it is told, or a backup, may still have them so.\n"
        }
        PassphraseVerb::Change(_) => "The keys are sealed by the new passphrase. Older copies of the folder open with the old one.\n",
        PassphraseVerb::Remove => "The keys are no longer sealed: whoever reads this disk can use them.\n",
    }
    .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Flags;
    use crate::keys::Birth;
    use csu_protocol::identity::{Name, OrganisationKind};

    fn organisation() -> (tempfile::TempDir, Config) {
        let folder = tempfile::tempdir().unwrap();
        let name = Name::new("Brixton CSU").unwrap();
        let birth = Birth::new(&Zeroizing::new([1; 32]), Zeroizing::new([2; 32]), name, OrganisationKind::Union).unwrap();
        birth.keys.store(folder.path(), None).unwrap();
        let config = Config::load(&Flags { data: Some(folder.path().to_owned()), ..Flags::default() }, []).unwrap();
        (folder, config)
    }

    fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        crate::keys::write_new_private(&path, text.as_bytes()).unwrap();
        path
    }

    fn new(file: PathBuf) -> NewArgs {
        NewArgs { new_passphrase_file: Some(file) }
    }

    #[test]
    fn a_passphrase_comes_from_the_file_that_is_configured_or_from_systemd() {
        let (folder, mut config) = organisation();
        assert_eq!(find(&config, &[]).unwrap(), None);
        let first = file(folder.path(), "first", "the first passphrase\n");
        run(&config, &PassphraseVerb::Set(new(first.clone())), &[], Output::Words).unwrap();
        let credentials = tempfile::tempdir().unwrap();
        std::fs::write(credentials.path().join(CREDENTIAL), "the first passphrase").unwrap();
        let variables = [("CREDENTIALS_DIRECTORY".to_owned(), credentials.path().display().to_string())];
        let given = find(&config, &variables).unwrap();
        assert_eq!(given, Some(Passphrase::given("the first passphrase")));
        Keys::load(folder.path(), given.as_ref()).unwrap();
        config.passphrase_file = Some(first.clone());
        assert_eq!(find(&config, &[]).unwrap(), given);
        std::fs::set_permissions(&first, std::fs::Permissions::from_mode(0o644)).unwrap();
        let failure = find(&config, &[]).unwrap_err().text();
        assert!(failure.contains("chmod 600"), "{failure}");
    }

    #[test]
    fn a_passphrase_is_not_changed_while_the_node_runs_nor_to_a_short_one() {
        let (folder, config) = organisation();
        let short = file(folder.path(), "short", "short\n");
        let failure = run(&config, &PassphraseVerb::Set(new(short)), &[], Output::Words).unwrap_err().text();
        assert!(failure.contains("at least 12 characters"), "{failure}");
        let good = file(folder.path(), "good", "a good passphrase\n");
        let running = DataLock::acquire(folder.path()).unwrap();
        run(&config, &PassphraseVerb::Set(new(good.clone())), &[], Output::Words).unwrap_err();
        drop(running);
        assert!(!Keys::are_sealed(folder.path()));
        let failure = run(&config, &PassphraseVerb::Remove, &[], Output::Words).unwrap_err().text();
        assert!(failure.contains("csu passphrase set"), "{failure}");
    }
}
