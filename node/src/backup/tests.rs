//! Backups of a small data folder, whole and in every state of ruin.

use super::*;
use crate::keys::{Birth, Keys};
use crate::storage::{Options, Storage};
use csu_protocol::identity::{DeviceKey, Name, OrganisationKind, RecoveryKey, RootKey};
use std::path::Path;
use zeroize::Zeroizing;

const AT: Timestamp = Timestamp::from_ms(1_700_000_000_000);
/// Stands in the database, beyond the first chunk.
const WORD: &str = "Zephyrine";

fn root() -> RootKey {
    RootKey::from_secret([1; 32])
}

fn keys() -> Keys {
    let name = Name::new("Brixton CSU").unwrap();
    Birth::new(&Zeroizing::new([1; 32]), Zeroizing::new([2; 32]), name, OrganisationKind::Union).unwrap().keys
}

fn node() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    keys().store(data.path(), None).unwrap();
    let mut storage = Storage::open(data.path(), Options::default()).unwrap().storage;
    storage.put_meta("long", &format!("{}{WORD}", "x".repeat(3 * CHUNK_BYTES))).unwrap();
    storage.commit().unwrap();
    storage.close().unwrap();
    std::fs::write(data.path().join("csu.toml"), "mdns = false\n").unwrap();
    data
}

fn backup(data: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let header = write(data, &Sealing::new(data, &keys()).unwrap(), AT, &mut bytes).unwrap();
    assert_eq!((header.written, header.documents), (AT, 0));
    bytes
}

/// All that is in it, opened: parts behind each other.
fn opened(mut bytes: &[u8], root: &RootKey) -> Result<Vec<(Part, Vec<u8>)>, BackupError> {
    let mut content = Content::open(&mut bytes, root)?;
    let mut parts = Vec::new();
    while let Some((part, length)) = content.part()? {
        let mut whole = Vec::new();
        loop {
            let piece = content.read()?;
            assert!(piece.len() <= CHUNK_BYTES);
            if piece.is_empty() {
                break;
            }
            whole.extend_from_slice(piece);
        }
        assert_eq!(whole.len() as u64, length);
        parts.push((part, whole));
    }
    content.end()?;
    Ok(parts)
}

/// Both ways to look at it refuse it; what opening says.
#[track_caller]
fn refused(bytes: &[u8]) -> BackupError {
    check(&mut &*bytes).unwrap_err();
    opened(bytes, &root()).unwrap_err()
}

#[test]
fn a_backup_opens_with_the_phrase_and_holds_the_node_but_none_of_its_secrets() {
    let data = node();
    let bytes = backup(data.path());
    let checked = check(&mut bytes.as_slice()).unwrap();
    assert_eq!((checked.bytes, &checked.header.card), (bytes.len() as u64, keys().card()));
    assert_eq!(header(&mut bytes.as_slice()).unwrap(), checked.header);
    let parts = opened(&bytes, &root()).unwrap();
    assert_eq!(parts.iter().map(|(part, _)| *part).collect::<Vec<_>>(), [Part::Settings, Part::Database]);
    assert_eq!(parts[0].1, b"mdns = false\n");
    let has = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).any(|window| window == what);
    assert!(has(&parts[1].1, WORD.as_bytes()) && !has(&bytes, WORD.as_bytes()));
    let secrets = [keys().seed().to_vec(), keys().card_secrets()[&0].to_bytes().to_vec(), vec![1; 32]];
    for secret in secrets {
        let hex = data_encoding::HEXLOWER.encode(&secret).into_bytes();
        for bytes in [&bytes, &parts[0].1, &parts[1].1] {
            assert!(!has(bytes, &secret) && !has(bytes, &hex));
        }
    }
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), backup_files(data.path()), "something stayed");
}

fn backup_files(data: &Path) -> usize {
    ["keys", "csu.toml", "node.sqlite", "node.sqlite-wal", "node.sqlite-shm", "node.lock"]
        .iter()
        .filter(|name| data.join(name).exists())
        .count()
}

#[test]
fn two_backups_of_the_same_have_nothing_in_common_behind_their_headers() {
    let data = node();
    let (one, other) = (backup(data.path()), backup(data.path()));
    let begin = one.iter().zip(&other).position(|(one, other)| one != other).unwrap();
    assert!(begin < HEADER_BYTES, "{begin}");
    let same = one[begin..].chunks(16).zip(other[begin..].chunks(16)).filter(|(one, other)| one == other).count();
    assert_eq!(same, 0);
}

#[test]
fn a_backup_that_is_cut_off_anywhere_is_refused() {
    let bytes = backup(node().path());
    for length in (0..1200).chain((1200..bytes.len()).step_by(997)).chain(bytes.len() - 70..bytes.len()) {
        let error = refused(&bytes[..length]);
        assert!(matches!(error, BackupError::CutOff) || length < MAGIC.len(), "{length}: {error}");
    }
    assert!(matches!(refused(&[]), BackupError::NotABackup));
    // At the border of a chunk, with a signature behind it: the last chunk says that it is the last.
    assert!(matches!(refused(&[bytes.as_slice(), b"x"].concat()), BackupError::Damaged(_)));
}

#[test]
fn a_backup_with_one_wrong_bit_is_refused() {
    let bytes = backup(node().path());
    for at in (0..700).chain((700..bytes.len()).step_by(4999)).chain(bytes.len() - 70..bytes.len()) {
        let mut wrong = bytes.clone();
        wrong[at] ^= 1 << (at % 8);
        refused(&wrong);
    }
}

#[test]
fn chunks_that_are_swapped_dropped_or_repeated_are_refused() {
    let bytes = backup(node().path());
    let mut from = bytes.as_slice();
    let parsed = header(&mut from).unwrap();
    let begin = bytes.len() - from.len();
    let full = 4 + TAG_BYTES + CHUNK_BYTES;
    assert!(parsed.content > 3 * CHUNK_BYTES as u64);
    let chunk = |number: usize| &bytes[begin + number * full..begin + (number + 1) * full];
    let rest = |from: usize| &bytes[begin + from * full..];
    for wrong in [
        [&bytes[..begin], chunk(1), chunk(0), rest(2)].concat(),
        [&bytes[..begin], rest(1)].concat(),
        [&bytes[..begin], chunk(0), chunk(0), rest(1)].concat(),
    ] {
        assert!(matches!(refused(&wrong), BackupError::Damaged(_)));
    }
}

#[test]
fn content_is_cut_into_chunks_in_one_way_even_by_its_own_node() {
    let bytes = backup(node().path());
    let mut from = bytes.as_slice();
    let content = usize::try_from(header(&mut from).unwrap().content).unwrap();
    let before = &bytes[..bytes.len() - from.len()];
    let signed = |first: usize| {
        let mut file = before.to_vec();
        let mut left = content;
        for size in std::iter::once(first).chain(std::iter::repeat(CHUNK_BYTES)) {
            let (size, last) = if left > size { (size, 0) } else { (left, LAST) };
            file.extend_from_slice(&(u32::try_from(size + TAG_BYTES).unwrap() | last).to_le_bytes());
            file.resize(file.len() + size + TAG_BYTES, 7);
            left -= size;
            if last == LAST {
                break;
            }
        }
        let hash = csu_protocol::id::Hash::of(&file);
        file.extend_from_slice(csu_protocol::identity::sign_backup(&DeviceKey::from_seed(&[2; 32]), &hash).as_bytes());
        file
    };
    check(&mut signed(CHUNK_BYTES).as_slice()).unwrap();
    assert!(matches!(check(&mut signed(100).as_slice()), Err(BackupError::Damaged(why)) if why.contains("length")));
}

#[test]
fn what_is_wrong_with_a_file_is_said_and_what_to_do() {
    let bytes = backup(node().path());
    let mut newer = bytes.clone();
    newer[16] = 9;
    let mut long = bytes.clone();
    long[20..24].copy_from_slice(&u32::MAX.to_le_bytes());
    for (file, words) in [
        (b"PK\x03\x04 something else entirely".to_vec(), ["no backup of csu", "csu backup"]),
        (newer, ["version 9", "newer one"]),
        (long, ["header is too long", "copy it again"]),
        (bytes[..bytes.len() / 2].to_vec(), ["cut off", "copy it again"]),
    ] {
        let error = refused(&file).to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    }
    let error = opened(&bytes, &RootKey::from_secret([9; 32])).unwrap_err();
    assert!(matches!(error, BackupError::WrongPhrase { .. }) && error.to_string().contains("Brixton CSU"), "{error}");
}

#[test]
fn nobody_but_the_device_writes_a_backup_that_is_believed() {
    let data = node();
    // Who knows the public recovery key and the card can seal; only the device signs.
    let forged = Sealing::of(keys().card().clone(), DeviceKey::from_seed(&[7; 32]), RecoveryKey::of(&root()));
    let mut bytes = Vec::new();
    write(data.path(), &forged, AT, &mut bytes).unwrap();
    assert!(matches!(refused(&bytes), BackupError::Damaged(why) if why.contains("signed")));
    // What the device sealed for somebody else is whole, and opens with no phrase of its organisation.
    let astray = Sealing::of(keys().card().clone(), DeviceKey::from_seed(&[2; 32]), RecoveryKey::of(&RootKey::from_secret([9; 32])));
    let mut bytes = Vec::new();
    write(data.path(), &astray, AT, &mut bytes).unwrap();
    check(&mut bytes.as_slice()).unwrap();
    assert!(matches!(opened(&bytes, &root()), Err(BackupError::Unopened)));
}

#[test]
fn a_node_that_does_not_know_its_recovery_key_is_told_how_to_set_it() {
    let data = node();
    std::fs::remove_file(crate::keys::folder(data.path()).join("recovery.pub")).unwrap();
    let error = Sealing::new(data.path(), &keys()).unwrap_err();
    assert!(matches!(error, BackupError::NoRecoveryKey) && error.to_string().contains("--set-key"), "{error}");
}

#[test]
fn a_disk_that_is_full_leaves_an_error_and_no_copy() {
    struct Full(usize);
    impl std::io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let data = node();
    for room in [0, 10, 500, 100_000] {
        let outcome = write(data.path(), &Sealing::new(data.path(), &keys()).unwrap(), AT, &mut Full(room));
        assert!(matches!(outcome, Err(BackupError::Unwritten(_))), "{room}");
    }
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), backup_files(data.path()));
}
