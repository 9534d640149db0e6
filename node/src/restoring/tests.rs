//! Restoring, cut off between any two of its steps, and from files of every sort.

use super::*;
use crate::backup::{self, Sealing};
use crate::keys::Birth;
use csu_protocol::identity::Name;
use std::fs;

/// 2023 by the clock of the node that wrote the backup, and a year later.
const BEFORE: Timestamp = Timestamp::from_ms(1_700_000_000_000);
const NOW: Timestamp = Timestamp::from_ms(1_730_000_000_000);

fn root() -> RootKey {
    RootKey::from_secret([1; 32])
}

fn name() -> Name {
    Name::new("Brixton CSU").unwrap()
}

fn backup_of(data: &Path, passphrase: Option<&Passphrase>, file: &Path) {
    let keys = Keys::load(data, passphrase).unwrap();
    let mut out = File::create(file).unwrap();
    backup::write(data, &Sealing::new(data, &keys).unwrap(), BEFORE, &mut out).unwrap();
}

/// A folder with a node in `old` and its backup in `backup`.
fn town() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("old");
    let birth = Birth::new(&Zeroizing::new([1; 32]), Zeroizing::new([2; 32]), name(), OrganisationKind::Union).unwrap();
    birth.keys.store(&data, None).unwrap();
    let mut storage = Storage::open(&data, Options::default()).unwrap().storage;
    storage.put_meta("long", &"x".repeat(300_000)).unwrap();
    storage.commit().unwrap();
    storage.close().unwrap();
    fs::write(data.join("csu.toml"), "mdns = false\n").unwrap();
    backup_of(&data, None, &folder.path().join("backup"));
    folder
}

fn restore(folder: &Path, to: &str, at: Timestamp) -> Result<Recovery, RestoreError> {
    from_backup(&folder.join(to), &folder.join("backup"), root(), None, at, &mut |_| {})
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn generation(recovery: &Recovery) -> u64 {
    recovery.keys.card().card().generation
}

/// That a data folder is whole: keys, a sound database with the mark, settings.
#[track_caller]
fn whole(data: &Path) {
    Keys::load(data, None).unwrap();
    assert_eq!(storage::check_now(data).unwrap(), Vec::<String>::new());
    let opened = Storage::open(data, Options::default()).unwrap();
    assert!(opened.clean && opened.storage.is_recovering().unwrap());
    assert_eq!(opened.storage.meta("long").unwrap().unwrap().len(), 300_000);
    opened.storage.close().unwrap();
    assert_eq!(fs::read_to_string(data.join("csu.toml")).unwrap(), "mdns = false\n");
}

#[test]
fn a_backup_gives_a_whole_folder_with_a_new_device_and_a_newer_card() {
    let town = town();
    let recovery = restore(town.path(), "new", NOW).unwrap();
    let old = Keys::load(&town.path().join("old"), None).unwrap();
    assert_ne!(recovery.keys.device().device(), old.device().device());
    assert_eq!(generation(&recovery), NOW.as_ms());
    assert!(recovery.keys.card().supersedes(old.card()));
    assert_eq!(recovery.keys.card().card().name, name());
    assert_eq!(recovery.keys.card_secrets().keys().copied().collect::<Vec<_>>(), [0, NOW.as_ms()]);
    assert_eq!(recovery.root.organisation(), old.card().card().organisation);
    assert!(matches!(&recovery.origin, Origin::Backup(header) if header.written == BEFORE));
    // The folder is ours until the network part is done with it.
    assert!(matches!(DataLock::acquire(&recovery.data), Err(crate::keys::LockError::Held { .. })));
    drop(recovery);
    let data = town.path().join("new");
    whole(&data);
    assert_eq!(names(town.path()), ["backup", "new", "old"]);
    // The lost device is known by its card, and what happened stands in the log.
    let storage = Storage::open(&data, Options::default()).unwrap().storage;
    assert!(storage.start().unwrap().cards.iter().any(|(card, _)| card == old.card()));
    let log = storage.read_log(&crate::storage::LogFilter::default()).unwrap();
    assert!(log.iter().any(|line| line.line.detail.contains("restored from the backup of 2023-11-14")));
}

#[test]
fn nothing_secret_of_the_root_is_on_disk() {
    let town = town();
    restore(town.path(), "new", NOW).unwrap();
    fn everything(folder: &Path) -> Vec<u8> {
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files.flat_map(|path| if path.is_dir() { everything(&path) } else { fs::read(path).unwrap() }).collect()
    }
    let bytes = everything(&town.path().join("new"));
    let (raw, hex) = ([1; 32], data_encoding::HEXLOWER.encode(&[1; 32]).into_bytes());
    assert!(!bytes.windows(32).any(|window| window == raw) && !bytes.windows(64).any(|window| window == hex));
}

#[test]
fn restored_twice_from_one_backup_there_are_two_devices_and_two_generations() {
    let town = town();
    let one = restore(town.path(), "one", NOW).unwrap();
    let other = restore(town.path(), "other", NOW.plus_ms(1)).unwrap();
    assert_ne!(one.keys.device().device(), other.keys.device().device());
    assert!(generation(&other) > generation(&one) && other.keys.card().supersedes(one.keys.card()));
}

#[test]
fn a_clock_that_is_behind_still_gives_a_newer_card() {
    let town = town();
    let first = restore(town.path(), "first", NOW).unwrap();
    drop(first);
    backup_of(&town.path().join("first"), None, &town.path().join("backup"));
    let second = restore(town.path(), "second", Timestamp::from_ms(0)).unwrap();
    assert_eq!(generation(&second), NOW.as_ms() + 1);
    assert_eq!(second.keys.card_secrets().keys().copied().collect::<Vec<_>>(), [0, NOW.as_ms(), NOW.as_ms() + 1]);
    // From the older backup and with the wrong clock: what it cannot know it does not know, and neighbours tell it.
    backup_of(&town.path().join("old"), None, &town.path().join("backup"));
    assert_eq!(generation(&restore(town.path(), "third", Timestamp::from_ms(0)).unwrap()), 1);
}

#[test]
fn cut_off_at_any_step_there_is_nothing_or_a_whole_folder_and_the_next_restore_sweeps() {
    let steps = [Step::Begun, Step::Unpacking(0), Step::Unpacked, Step::Checked, Step::Marked, Step::Keyed, Step::Settled];
    for (number, stop) in steps.into_iter().enumerate() {
        let town = town();
        let data = town.path().join("new");
        let cut = restore_backup(&data, &town.path().join("backup"), root(), None, NOW, &mut |step| {
            if std::mem::discriminant(&step) == std::mem::discriminant(&stop) { Err(RestoreError::CutOff) } else { Ok(()) }
        });
        assert!(matches!(cut, Err(RestoreError::CutOff)), "{stop:?} is never reached");
        if stop == Step::Settled {
            whole(&data);
            assert!(matches!(restore(town.path(), "new", NOW), Err(RestoreError::Exists { .. })));
            let resumed = resume(&data, root(), None).unwrap();
            assert_eq!(resumed.origin, Origin::Folder { under_way: true });
        } else {
            assert!(!data.exists(), "half a folder after {stop:?}");
            assert_eq!(names(town.path()), [".new.restoring", "backup", "old"], "the control: something was left");
            assert!(matches!(resume(&data, root(), None), Err(RestoreError::NothingBegun { .. })));
            let again = restore(town.path(), "new", NOW.plus_ms(number as u64)).unwrap();
            assert_eq!(again.data, data);
            drop(again);
            whole(&data);
        }
        assert_eq!(names(town.path()), ["backup", "new", "old"], "{stop:?}");
    }
}

#[test]
fn cut_off_while_it_begins_from_the_phrase_alone_there_is_nothing_or_a_whole_folder() {
    for stop in [Step::Begun, Step::Marked, Step::Keyed, Step::Settled] {
        let town = tempfile::tempdir().unwrap();
        let data = town.path().join("new");
        let of = || (name(), OrganisationKind::Union);
        let cut = restore_phrase(&data, root(), of(), None, NOW, &mut |step| if step == stop { Err(RestoreError::CutOff) } else { Ok(()) });
        assert!(matches!(cut, Err(RestoreError::CutOff)));
        assert_eq!(Keys::exist(&data), stop == Step::Settled);
        if stop != Step::Settled {
            assert!(!data.exists());
            drop(from_phrase(&data, root(), name(), OrganisationKind::Union, None, NOW).unwrap());
        }
        assert_eq!(resume(&data, root(), None).unwrap().origin, Origin::Folder { under_way: true });
        assert_eq!(names(town.path()), ["new"]);
    }
}

#[test]
fn the_phrase_alone_makes_a_folder_that_waits_for_neighbours() {
    let town = tempfile::tempdir().unwrap();
    let passphrase = Passphrase::chosen("five words that do not belong").unwrap();
    let data = town.path().join("below").join("new");
    let mut recovery = from_phrase(&data, root(), name(), OrganisationKind::Union, Some(&passphrase), NOW).unwrap();
    assert_eq!((generation(&recovery), &recovery.origin), (NOW.as_ms(), &Origin::Phrase));
    // Cards of the organisation that neighbours know bring the secrets of their generations.
    assert_eq!(recovery.keys.add_card_secrets(&data, &recovery.root, [0, 4]).unwrap(), 2);
    drop(recovery);
    let resumed = resume(&data, root(), Some(&passphrase)).unwrap();
    assert_eq!(resumed.keys.card_secrets().keys().copied().collect::<Vec<_>>(), [0, 4, NOW.as_ms()]);
    assert!(matches!(resume(&data, root(), Some(&passphrase)), Err(RestoreError::Lock(_))), "taken twice");
}

#[test]
fn a_wrong_phrase_writes_nothing() {
    let town = town();
    let other = || RootKey::from_secret([9; 32]);
    let refused = from_backup(&town.path().join("new"), &town.path().join("backup"), other(), None, NOW, &mut |_| {}).unwrap_err();
    assert!(matches!(refused, RestoreError::Backup(BackupError::WrongPhrase { .. })), "{refused}");
    assert_eq!(names(town.path()), ["backup", "old"]);
    assert!(matches!(resume(&town.path().join("old"), other(), None), Err(RestoreError::WrongPhrase { .. })));
    let card = town.path().join("old/keys/recovery.pub");
    fs::remove_file(&card).unwrap();
    let resumed = resume(&town.path().join("old"), root(), None).unwrap();
    assert_eq!(resumed.origin, Origin::Folder { under_way: false }, "recovery may be run on any node");
    assert!(card.exists(), "and it learns what its backups are sealed for");
}

#[test]
fn a_ruined_file_leaves_nothing() {
    let town = town();
    let whole = fs::read(town.path().join("backup")).unwrap();
    let middle = whole.len() / 2;
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    for (bytes, words) in [
        (whole[..middle].to_vec(), "cut off"),
        (whole[..whole.len() - 1].to_vec(), "cut off"),
        (flipped(middle), "damaged"),
        (flipped(whole.len() - 1), "damaged"),
        (Vec::new(), "no backup"),
    ] {
        fs::write(town.path().join("backup"), bytes).unwrap();
        let error = restore(town.path(), "new", NOW).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert_eq!(names(town.path()), ["backup", "old"]);
    }
}

#[test]
fn a_backup_of_what_was_damaged_already_is_refused_and_the_phrase_alone_is_named() {
    let town = town();
    let old = town.path().join("old");
    let storage = rusqlite::Connection::open(old.join("node.sqlite")).unwrap();
    storage.execute("INSERT INTO card (id, card, signature) VALUES (randomblob(32), x'00', zeroblob(64))", []).unwrap();
    storage.execute("INSERT INTO document (id) VALUES (randomblob(32))", []).unwrap();
    storage
        .execute("INSERT INTO entry (document, short, plane, header, signature, received) VALUES (1, 7, 0, x'00', zeroblob(64), 0)", [])
        .unwrap();
    drop(storage);
    backup_of(&old, None, &town.path().join("backup"));
    let error = restore(town.path(), "new", NOW).unwrap_err();
    assert!(matches!(error, RestoreError::Unsound(_)) && error.to_string().contains("phrase alone"), "{error}");
    assert_eq!(names(town.path()), ["backup", "old"]);
}

/// A backup that its node signed, with these parts.
fn signed(town: &Path, parts: Vec<(Part, Vec<u8>)>) {
    let old = town.join("old");
    let sealing = Sealing::new(&old, &Keys::load(&old, None).unwrap()).unwrap();
    let parts = parts.into_iter().map(|(part, bytes)| {
        let from: Box<dyn std::io::Read> = Box::new(std::io::Cursor::new(bytes.clone()));
        (part, bytes.len() as u64, from)
    });
    let mut out = File::create(town.join("backup")).unwrap();
    backup::seal(&sealing, BEFORE, 0, parts.collect(), &mut out).unwrap();
}

#[test]
fn what_is_signed_and_no_node_of_this_version_is_refused_and_leaves_nothing() {
    let town = town();
    let path = town.path().join("old/node.sqlite");
    let sound = fs::read(&path).unwrap();
    let database = rusqlite::Connection::open(&path).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    database.close().unwrap();
    let newer = fs::read(&path).unwrap();
    fs::write(&path, &sound).unwrap();
    for (parts, words) in [
        (vec![(Part::Database, newer)], ["version 99", "the csu that wrote it"]),
        (vec![(Part::Settings, b"mdns = false".to_vec())], ["no database", "another one"]),
        (vec![(Part::Database, sound.clone()), (Part::Database, sound.clone())], ["same part twice", "another one"]),
        (vec![(Part::Settings, vec![b'#'; 100_000]), (Part::Database, sound.clone())], ["settings are too long", "another one"]),
        (vec![(Part::Database, b"no database at all".repeat(1000))], ["not sound", "phrase alone"]),
        (vec![(Part::Database, Vec::new())], ["no database", "another one"]),
    ] {
        signed(town.path(), parts);
        let error = restore(town.path(), "new", NOW).unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
        assert_eq!(names(town.path()), ["backup", "old"]);
    }
    signed(town.path(), vec![(Part::Database, sound)]);
    restore(town.path(), "new", NOW).unwrap();
}

#[test]
fn an_organisation_and_anything_else_that_is_there_stays_as_it_is() {
    let town = town();
    let before = Keys::load(&town.path().join("old"), None).unwrap().device().device();
    let error = restore(town.path(), "old", NOW).unwrap_err();
    assert!(matches!(error, RestoreError::Exists { .. }) && error.to_string().contains("--resume"), "{error}");
    assert_eq!(Keys::load(&town.path().join("old"), None).unwrap().device().device(), before);
    fs::create_dir(town.path().join("taken")).unwrap();
    fs::write(town.path().join("taken/letter"), "precious").unwrap();
    let error = restore(town.path(), "taken", NOW).unwrap_err();
    assert!(matches!(&error, RestoreError::NotEmpty { found, .. } if found == "letter"), "{error}");
    assert!(matches!(
        from_phrase(Path::new("/"), root(), name(), OrganisationKind::Union, None, NOW),
        Err(RestoreError::NotEmpty { .. } | RestoreError::NoPlace { .. })
    ));
}

#[test]
fn an_empty_folder_is_used_and_settings_that_were_put_there_stay_in_force() {
    let town = town();
    fs::create_dir(town.path().join("empty")).unwrap();
    drop(restore(town.path(), "empty", NOW).unwrap());
    whole(&town.path().join("empty"));
    fs::create_dir(town.path().join("prepared")).unwrap();
    fs::write(town.path().join("prepared/csu.toml"), "mdns = true\n").unwrap();
    drop(restore(town.path(), "prepared", NOW).unwrap());
    assert_eq!(fs::read_to_string(town.path().join("prepared/csu.toml")).unwrap(), "mdns = true\n");
    assert!(Keys::exist(&town.path().join("prepared")));
    assert_eq!(names(town.path()), ["backup", "empty", "old", "prepared"]);
}

#[test]
fn two_restores_to_one_place_do_not_meet() {
    let town = town();
    let staging = Staging::begin(&town.path().join("new")).unwrap();
    assert!(matches!(restore(town.path(), "new", NOW), Err(RestoreError::AtWork { .. })));
    drop(staging);
    restore(town.path(), "new", NOW).unwrap();
}

/// A folder whose restore was begun, told by a neighbour of a card that a restore under a clock far ahead left.
fn told_of_the_future(town: &Path, passphrase: Option<&Passphrase>) -> (std::path::PathBuf, SignedCard) {
    let data = town.join("new");
    drop(from_backup(&data, &town.join("backup"), root(), passphrase, NOW, &mut |_| {}).unwrap());
    let device = csu_protocol::identity::DeviceKey::from_seed(&[7; 32]).device();
    let ahead = SignedCard::sign(&root(), NOW.as_ms() * 3, device, name(), OrganisationKind::Union);
    let mut storage = Storage::open(&data, Options::default()).unwrap().storage;
    storage.apply(&csu_protocol::store::Write::Card { card: ahead.clone(), brought_by: None }).unwrap();
    storage.commit().unwrap();
    storage.close().unwrap();
    (data, ahead)
}

#[test]
fn a_device_is_put_above_a_card_of_the_future_and_keeps_every_secret_sealed_or_not() {
    for passphrase in [None, Some(Passphrase::chosen("five words that do not belong").unwrap())] {
        let town = town();
        let (data, ahead) = told_of_the_future(town.path(), passphrase.as_ref());
        let mut recovery = resume(&data, root(), passphrase.as_ref()).unwrap();
        let before = recovery.keys.card().clone();
        assert_eq!(newer_card(&data, &before).unwrap().as_ref(), Some(&ahead));
        assert_eq!(supersede(&mut recovery).unwrap().as_ref(), Some(&ahead));
        assert_eq!(supersede(&mut recovery).unwrap(), None, "once is enough");
        drop(recovery);
        let again = resume(&data, root(), passphrase.as_ref()).unwrap();
        let card = again.keys.card();
        assert_eq!((card.card().generation, card.card().device), (ahead.card().generation + 1, before.card().device));
        assert!(card.supersedes(&ahead));
        assert_eq!(Keys::are_sealed(&data), passphrase.is_some());
        assert!(again.keys.card_secrets().contains_key(&before.card().generation), "wraps for the card it had open no more");
        let known = storage::cards_now(&data, &root().organisation()).unwrap();
        assert!([&before, &ahead, card].into_iter().all(|card| known.contains(card)), "{known:?}");
        assert_eq!(newer_card(&data, card).unwrap(), None);
        assert_eq!(again.origin, Origin::Folder { under_way: true });
    }
}

#[test]
fn cut_off_between_the_secret_and_the_card_or_behind_it_it_is_put_above_again() {
    for card_is_written in [false, true] {
        let town = town();
        let (data, ahead) = told_of_the_future(town.path(), None);
        let next = ahead.card().generation + 1;
        let mut keys = Keys::load(&data, None).unwrap();
        let before = keys.card().clone();
        if card_is_written {
            keys.replace_card(&data, &root(), next).unwrap();
        } else {
            keys.add_card_secrets(&data, &root(), [next]).unwrap();
        }
        drop(keys);
        let mut recovery = resume(&data, root(), None).unwrap();
        assert_eq!(recovery.keys.card() == &before, !card_is_written);
        assert_eq!(supersede(&mut recovery).unwrap(), (!card_is_written).then_some(ahead));
        assert_eq!(generation(&recovery), next);
        let known = storage::cards_now(&data, &root().organisation()).unwrap();
        assert!(known.contains(recovery.keys.card()), "the database does not know the new card");
    }
}

#[test]
fn a_device_that_may_be_disowned_already_is_not_put_above_another() {
    let town = town();
    let mut recovery = resume(&town.path().join("old"), root(), None).unwrap();
    let refused = supersede(&mut recovery).unwrap_err();
    assert!(matches!(refused, RestoreError::NotUnderWay { .. }) && refused.to_string().contains("csu backup"), "{refused}");
    let town = self::town();
    let (data, mut ahead) = told_of_the_future(town.path(), None);
    ahead = SignedCard::sign(&root(), u64::MAX, ahead.card().device, name(), OrganisationKind::Union);
    let mut storage = Storage::open(&data, Options::default()).unwrap().storage;
    storage.apply(&csu_protocol::store::Write::Card { card: ahead, brought_by: None }).unwrap();
    storage.commit().unwrap();
    storage.close().unwrap();
    assert!(matches!(supersede(&mut resume(&data, root(), None).unwrap()), Err(RestoreError::NoGeneration)));
}

#[test]
fn what_a_killed_look_into_a_backup_left_open_is_swept_and_what_is_at_work_or_others_is_not() {
    let (town, place) = (town(), tempfile::tempdir().unwrap());
    let backup = town.path().join("backup");
    rehearsing::rehearse_in(place.path(), &backup, &root(), &mut |_| Ok(())).unwrap();
    assert_eq!(names(place.path()), Vec::<String>::new());
    let cut = rehearsing::rehearse_in(place.path(), &backup, &root(), &mut |step| {
        if matches!(step, Step::Unpacking(_)) { Err(RestoreError::CutOff) } else { Ok(()) }
    });
    assert!(matches!(cut, Err(RestoreError::CutOff)));
    assert_eq!(names(place.path()).len(), 1, "the control: something was left");
    fs::create_dir(place.path().join("somebody's")).unwrap();
    std::os::unix::fs::symlink(town.path(), place.path().join(".csu-opened-link")).unwrap();
    rehearsing::rehearse_in(place.path(), &backup, &root(), &mut |_| {
        rehearsing::sweep_in(place.path());
        Ok(())
    })
    .unwrap();
    assert_eq!(names(place.path()), [".csu-opened-link", "somebody's"]);
    assert_eq!(names(town.path()), ["backup", "old"]);
}
