//! Restoring a node: the part that needs no network.
//!
//! ```text
//!   phrase ─┐  of this organisation?
//!   backup ─┴─► folder beside ─► database checked, marked ─► new keys ─► one rename ─► Recovery ─► network
//! ```
//!
//! # Invariants
//!
//! - Nothing is written before the phrase was found to be the right one.
//! - At every moment there is either no data folder or a whole one. What an interrupted restore left beside it, the next one destroys.
//! - The root secret is never written. It is in [`Recovery::root`] and gone when that is dropped.
//! - A restored database says that recovery is under way until the part that needs the network is done; until then the node does not
//!   start otherwise.
//! - Whatever is restored twice gets two devices, and two cards of different generations, of which the greater counts.

mod error;
mod rehearsing;
mod staging;
mod superseding;
#[cfg(test)]
mod tests;

pub use error::RestoreError;
pub use rehearsing::{rehearse, sweep_opened};
pub use superseding::{knows_no_other_card, newer_card, supersede};

use crate::backup::{BackupError, Content, Header, Part};
use crate::config;
use crate::keys::{self, DataLock, Keys, Passphrase};
use crate::log_verb::LogVerb;
use crate::storage::{self, LogLine, Options, Storage};
use csu_protocol::identity::{Name, OrganisationKind, RecoveryKey, RootKey, SignedCard};
use csu_protocol::time::Timestamp;
use staging::Staging;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The longest configuration file that is taken from a backup.
const SETTINGS_BYTES: u64 = 64 * 1024;

/// A node whose data folder is in place, and that is to go on with the network.
#[derive(Debug)]
pub struct Recovery {
    /// The data folder.
    pub data: PathBuf,
    /// Keeps the data folder from other processes. To be dropped before this process takes the folder in another way.
    pub lock: DataLock,
    /// The keys: the new device's, and the secrets of every generation that is known so far.
    pub keys: Keys,
    /// The root key, for the revocations and for generations learnt later. Gone when this is dropped; never to be stored.
    pub root: RootKey,
    /// Where the data came from.
    pub origin: Origin,
}

/// Where a restored node's data came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A backup, which said this of itself.
    Backup(Box<Header>),
    /// The recovery phrase alone: there are no documents yet.
    Phrase,
    /// A data folder that was there, with its keys as they were.
    Folder {
        /// Whether recovery was under way there. If not, nothing in it was marked.
        under_way: bool,
    },
}

/// How far a restore is. Each is reached only after all before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The folder beside is there.
    Begun,
    /// So many bytes of the backup were read.
    Unpacking(u64),
    /// The backup is unpacked, and as its node signed it.
    Unpacked,
    /// The database was checked and found sound.
    Checked,
    /// The database is marked.
    Marked,
    /// The new keys are written.
    Keyed,
    /// The data folder is in its place.
    Settled,
}

/// Told of every step; a test may stop it there as a crash would.
type Watch<'a> = &'a mut dyn FnMut(Step) -> Result<(), RestoreError>;

/// Restores a data folder from a backup. `passphrase` seals the new keys; `at` is now; `watch` is told of every step.
///
/// # Errors
/// When there is an organisation already, the phrase or the file is another's, the file is not whole, or the disk refuses. Nothing
/// is left then.
pub fn from_backup(
    data: &Path,
    file: &Path,
    root: RootKey,
    passphrase: Option<&Passphrase>,
    at: Timestamp,
    watch: &mut dyn FnMut(Step),
) -> Result<Recovery, RestoreError> {
    restore_backup(data, file, root, passphrase, at, &mut |step| {
        watch(step);
        Ok(())
    })
}

fn restore_backup(
    data: &Path,
    file: &Path,
    root: RootKey,
    passphrase: Option<&Passphrase>,
    at: Timestamp,
    watch: Watch<'_>,
) -> Result<Recovery, RestoreError> {
    let mut from = std::io::BufReader::new(File::open(file).map_err(BackupError::Unreadable)?);
    let content = Content::open(&mut from, &root)?;
    let staging = Staging::begin(data)?;
    watched(staging, watch, |staging, watch| {
        watch(Step::Begun)?;
        let header = unpack(content, staging.folder(), watch)?;
        watch(Step::Unpacked)?;
        check(staging.folder())?;
        watch(Step::Checked)?;
        let card = header.card.clone();
        let detail = format!(
            "restored from the backup of {} (a new device, whose card follows generation {})",
            header.written,
            card.card().generation
        );
        let known = mark(staging.folder(), std::slice::from_ref(&card), at, detail)?;
        watch(Step::Marked)?;
        let (name, kind) = (card.card().name.clone(), card.card().kind);
        let keys = renew(staging.folder(), &root, &known, name, kind, passphrase, at)?;
        Ok((keys, Origin::Backup(Box::new(header))))
    })
    .map(|(lock, keys, origin)| Recovery { data: data.to_owned(), lock, keys, root, origin })
}

/// Refuses a place that a node cannot be restored to, before anybody is asked for a phrase.
///
/// # Errors
/// When there is an organisation already, or something else.
pub fn refuse_occupied(data: &Path) -> Result<(), RestoreError> {
    staging::refuse_occupied(data)
}

/// Makes a data folder for an organisation that has nothing but its recovery phrase. What else it had, neighbours may still hold.
///
/// # Errors
/// When there is an organisation already, or the disk refuses. Nothing is left then.
pub fn from_phrase(
    data: &Path,
    root: RootKey,
    name: Name,
    kind: OrganisationKind,
    passphrase: Option<&Passphrase>,
    at: Timestamp,
) -> Result<Recovery, RestoreError> {
    restore_phrase(data, root, (name, kind), passphrase, at, &mut |_| Ok(()))
}

fn restore_phrase(
    data: &Path,
    root: RootKey,
    (name, kind): (Name, OrganisationKind),
    passphrase: Option<&Passphrase>,
    at: Timestamp,
    watch: Watch<'_>,
) -> Result<Recovery, RestoreError> {
    let staging = Staging::begin(data)?;
    watched(staging, watch, |staging, watch| {
        watch(Step::Begun)?;
        let known = mark(staging.folder(), &[], at, "begun anew from the recovery phrase alone".to_owned())?;
        watch(Step::Marked)?;
        Ok((renew(staging.folder(), &root, &known, name, kind, passphrase, at)?, Origin::Phrase))
    })
    .map(|(lock, keys, origin)| Recovery { data: data.to_owned(), lock, keys, root, origin })
}

/// Goes on with a restore whose data folder is in place, or runs recovery again on any data folder. `passphrase` opens keys that
/// are sealed.
///
/// # Errors
/// When there is no organisation, it is in use, the phrase is another's, or the keys or the database cannot be read.
pub fn resume(data: &Path, root: RootKey, passphrase: Option<&Passphrase>) -> Result<Recovery, RestoreError> {
    if !Keys::exist(data) {
        return Err(RestoreError::NothingBegun { data: data.to_owned() });
    }
    let lock = DataLock::acquire(data)?;
    staging::sweep(data);
    Keys::sweep(data)?;
    storage::sweep_snapshots(data).map_err(RestoreError::Storage)?;
    let keys = Keys::load(data, passphrase)?;
    let card = keys.card().card();
    if card.organisation != root.organisation() {
        return Err(RestoreError::WrongPhrase { name: card.name.to_string() });
    }
    // The phrase is at hand: a node set up before there were backups learns what they are sealed for.
    if !matches!(keys::recovery_key(data, card.organisation), Ok(Some(_))) {
        keys::put_recovery_key(data, &RecoveryKey::of(&root))?;
    }
    // Here it is this node's own database, and its errors say what to do with that.
    let under_way = storage::is_recovering_now(data).map_err(RestoreError::Storage)?;
    Ok(Recovery { data: data.to_owned(), lock, keys, root, origin: Origin::Folder { under_way } })
}

/// Does the work in a staging folder and puts it in place.
fn watched<T>(
    staging: Staging,
    watch: Watch<'_>,
    work: impl FnOnce(&Staging, Watch<'_>) -> Result<(Keys, T), RestoreError>,
) -> Result<(DataLock, Keys, T), RestoreError> {
    let outcome = work(&staging, watch).and_then(|done| watch(Step::Keyed).map(|()| done));
    #[cfg(test)]
    if matches!(outcome, Err(RestoreError::CutOff)) {
        // As if the process had been killed: nobody tidies up.
        staging.abandon();
        return Err(RestoreError::CutOff);
    }
    let (keys, origin) = outcome?;
    let lock = staging.settle()?;
    watch(Step::Settled)?;
    Ok((lock, keys, origin))
}

/// Writes what is in a backup into a folder, and makes sure that all of it is what its node signed.
fn unpack(mut content: Content<'_>, folder: &Path, watch: Watch<'_>) -> Result<Header, RestoreError> {
    let mut seen = Vec::new();
    while let Some((part, length)) = content.part()? {
        let place = match part {
            Part::Settings if length > SETTINGS_BYTES => return Err(BackupError::Damaged("its settings are too long").into()),
            Part::Settings => folder.join(config::FILE),
            Part::Database if length == 0 => return Err(BackupError::Damaged("there is no database in it").into()),
            Part::Database => folder.join(storage::FILE),
        };
        if seen.contains(&part) {
            return Err(BackupError::Damaged("it holds the same part twice").into());
        }
        seen.push(part);
        let mut out = staging::new_file(&place)?;
        loop {
            let bytes = content.read()?;
            if bytes.is_empty() {
                break;
            }
            out.write_all(bytes).map_err(RestoreError::system(&place, "written"))?;
            watch(Step::Unpacking(content.bytes_read()))?;
        }
        out.sync_all().map_err(RestoreError::system(&place, "written"))?;
    }
    if !seen.contains(&Part::Database) {
        return Err(BackupError::Damaged("there is no database in it").into());
    }
    Ok(content.end()?.header)
}

/// Brings the database of a folder to this version, and checks it.
fn check(folder: &Path) -> Result<(), RestoreError> {
    Storage::open(folder, Options::default())?.storage.close()?;
    let found = storage::check_now(folder)?;
    if found.is_empty() { Ok(()) } else { Err(RestoreError::Unsound(found.join("; "))) }
}

/// Marks the database of a folder, and finds the generations that are known of this organisation's cards.
fn mark(folder: &Path, earlier: &[SignedCard], at: Timestamp, detail: String) -> Result<BTreeSet<u64>, RestoreError> {
    let mut storage = Storage::open(folder, Options::default())?.storage;
    let organisation = earlier.first().map(|card| card.card().organisation);
    let cards = storage.start()?.cards;
    let own = cards.iter().map(|(card, _)| card).chain(earlier).filter(|card| Some(card.card().organisation) == organisation);
    let known = own.map(|card| card.card().generation).collect();
    storage.append_log(&LogLine {
        at,
        verb: LogVerb::Collection,
        who: "this node".to_owned(),
        document: None,
        to: None,
        why: Some("the recovery phrase was given".to_owned()),
        detail,
    })?;
    storage.commit()?;
    storage.begin_recovery(earlier)?;
    storage.close()?;
    Ok(known)
}

/// Writes keys of a new device into a folder.
fn renew(
    folder: &Path,
    root: &RootKey,
    known: &BTreeSet<u64>,
    name: Name,
    kind: OrganisationKind,
    passphrase: Option<&Passphrase>,
    at: Timestamp,
) -> Result<Keys, RestoreError> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(RestoreError::Entropy)?;
    // The clock keeps two restores apart that know nothing of each other; what is known counts even if the clock is wrong.
    let next = match known.last() {
        Some(last) => last.checked_add(1).ok_or(RestoreError::NoGeneration)?,
        None => 0,
    };
    let keys = Keys::renewed(root, seed, next.max(at.as_ms()), known, name, kind);
    keys.store(folder, passphrase)?;
    Ok(Keys::load(folder, passphrase)?)
}
