//! What storage promises, tried from outside.

mod accounts;
mod chain;
mod damage;
mod erasing;
mod facets;
mod put_back;
mod records;
mod search;
mod views;

use super::*;
use csu_protocol::access::{Access, Insertion};
use csu_protocol::codec::Canonical;
use csu_protocol::entry::{Author, Body, Grant, Header, Part, Role, Signer, Subject, VerifiedEntry};
use csu_protocol::id::{DeviceId, EntryId, Hash, OrganisationId};
use csu_protocol::identity::{
    Address, DeviceKey, InvitationSecret, Name, OrganisationKind, RootKey, SecurityNumber, SignedAddresses, SignedCard,
};
use csu_protocol::store::{Invitation, Joining, Memory, NewEntry, Pairing, Parts, Peer, Summary};
use csu_protocol::time::Timestamp;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn open(folder: &Path) -> Storage {
    Storage::open(folder, Options::default()).unwrap().storage
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_ms(ms)
}

fn organisation(byte: u8) -> OrganisationId {
    RootKey::from_secret([byte; 32]).organisation()
}

fn device() -> DeviceKey {
    DeviceKey::from_seed(&[1; 32])
}

/// A document of a genesis and `keys` key entries with wraps of `bytes` bytes, in causal order.
fn document(nonce: u8, keys: u64, bytes: usize) -> (DocumentId, Vec<Write>) {
    let header = |document, seq, previous: Option<EntryId>, body, wraps| Header {
        document,
        organisation: organisation(1),
        author: Author::Device(device().device()),
        under: document.map(EntryId::from),
        seq,
        previous,
        parents: previous.or(document.map(EntryId::from)).into_iter().collect(),
        body,
        payload: None,
        wraps,
    };
    let key = device();
    let sign = |header, wraps| VerifiedEntry::sign(header, None, wraps, Signer::Device(&key)).unwrap();
    let genesis = sign(header(None, 0, None, Body::Genesis { grants: vec![], nonce: [nonce; 16] }, None), None);
    let id = genesis.document();
    let mut entries = vec![genesis];
    for seq in 0..keys {
        let previous = (seq > 0).then(|| entries[entries.len() - 1].id());
        let wraps = vec![nonce; bytes];
        let header = header(Some(id), seq, previous, Body::Key { commitment: [2; 32] }, Some(Part::of(&wraps)));
        entries.push(sign(header, Some(wraps)));
    }
    let write = |(n, entry): (u64, VerifiedEntry)| {
        Write::Entry(Box::new(NewEntry { entry, from: (n % 2 == 1).then(|| organisation(2)), received: at(1_000 + n) }))
    };
    (id, (0..).zip(entries).map(write).collect())
}

fn card(generation: u64) -> SignedCard {
    let name = Name::new("Brixton Community Security Union").unwrap();
    SignedCard::sign(&RootKey::from_secret([1; 32]), generation, device().device(), name, OrganisationKind::Union)
}

fn addresses(sequence: u64) -> SignedAddresses {
    SignedAddresses::sign(&device(), sequence, vec![Address::new("/ip4/192.0.2.7/udp/4820/quic-v1").unwrap()])
}

fn peer(byte: u8, pairing: Pairing) -> Peer {
    let side = |byte| (organisation(byte), DeviceId::new([byte; 32]));
    Peer {
        organisation: organisation(byte),
        name: Name::new("Heddlu De Cymru – Caerdydd").unwrap(),
        kind: OrganisationKind::Police,
        pairing,
        paused: byte.is_multiple_of(2),
        number: SecurityNumber::of(side(1), side(byte), &InvitationSecret::from_bytes([7; 32])),
        addresses: vec![Address::new("/dns4/csu.example/tcp/4820").unwrap(), Address::new("/ip6/::1/tcp/1").unwrap()],
        since: at(5),
    }
}

fn joining(byte: u8, expires: u64) -> Joining {
    Joining {
        organisation: organisation(byte),
        device: DeviceId::new([byte; 32]),
        addresses: vec![],
        secret: InvitationSecret::from_bytes([byte; 32]),
        expires: at(expires),
    }
}

fn invitation(byte: u8) -> Invitation {
    Invitation { secret: InvitationSecret::from_bytes([byte; 32]), expires: at(99) }
}

/// What is read back of the entries among these.
fn stored(writes: &[Write]) -> Vec<StoredEntry> {
    let entry = |write: &Write| if let Write::Entry(new) = write { Some(NewEntry::clone(new).into()) } else { None };
    writes.iter().filter_map(entry).collect()
}

/// The graph of what is written.
fn access_of(writes: &[Write]) -> Access {
    let mut access = Access::default();
    for write in writes {
        let Write::Entry(new) = write else { continue };
        assert!(matches!(access.insert(new.entry.clone(), |_, _| true), Insertion::Sound(_)));
    }
    access
}

/// Every sort of write, with replacements and removals.
fn every_write() -> Vec<Write> {
    let waiting = Pairing::Waiting { we_confirmed: true, they_confirmed: false };
    let (id, mut writes) = document(3, 2, 10);
    let summary = |access: &Access, content| Write::Summary { document: id, summary: Summary { content, ..Summary::of(access) } };
    writes.extend([
        summary(&Access::default(), None),
        summary(&access_of(&writes), Some(Hash::of(b"content"))),
        Write::Brought { bringer: organisation(2), owner: organisation(1), bytes: 7 },
        Write::Brought { bringer: organisation(2), owner: organisation(3), bytes: 8 },
        Write::Brought { bringer: organisation(2), owner: organisation(1), bytes: u64::MAX },
        Write::Card { card: card(0), brought_by: None },
        Write::Card { card: card(1), brought_by: Some(organisation(2)) },
        Write::Card { card: card(1), brought_by: None },
        Write::Addresses(addresses(1)),
        Write::Addresses(addresses(2)),
        Write::Peer(peer(3, waiting)),
        Write::Peer(peer(4, waiting)),
        Write::Peer(peer(5, waiting)),
        Write::PeerRemoved(organisation(3)),
        Write::Peer(peer(5, Pairing::Confirmed)),
        Write::Invitation(invitation(1)),
        Write::Invitation(invitation(2)),
        Write::InvitationEnded(InvitationSecret::from_bytes([1; 32])),
        Write::Joining(joining(6, 7)),
        Write::Joining(joining(8, 7)),
        Write::Joining(joining(8, u64::MAX)),
        Write::JoiningEnded(organisation(6)),
    ]);
    writes.extend(document(4, 1, 0).1);
    writes
}

/// The folder as it would be found if the machine lost power now.
fn as_after_a_crash(folder: &Path) -> TempDir {
    let copy = self::folder();
    for name in ["node.sqlite", "node.sqlite-wal"] {
        fs::copy(folder.join(name), copy.path().join(name)).unwrap();
    }
    copy
}

#[test]
fn every_write_is_there_after_reopening_as_the_store_in_memory_has_it() {
    let folder = folder();
    let (mut storage, mut memory) = (open(folder.path()), Memory::default());
    for write in every_write() {
        storage.apply(&write).unwrap();
        memory.apply(write);
    }
    let same = |storage: &Storage| {
        let (found, expected) = (storage.start().unwrap(), memory.start());
        for document in expected.documents.keys() {
            assert_eq!(storage.document(document).unwrap(), memory.document(document).unwrap());
            for plane in Plane::ALL {
                assert_eq!(storage.ids(document, plane).unwrap(), memory.ids(document, plane).unwrap());
            }
        }
        assert_eq!(found, expected);
    };
    same(&storage);
    storage.commit().unwrap();
    storage.close().unwrap();
    same(&open(folder.path()));
    assert_eq!(check_now(folder.path()).unwrap(), Vec::<String>::new());
}

#[test]
fn entries_come_back_in_the_order_they_were_written_however_documents_alternate() {
    let folder = folder();
    let mut storage = open(folder.path());
    let ((one, first), (other, second)) = (document(1, 40, 3), document(2, 40, 3));
    for (a, b) in first.iter().zip(&second) {
        storage.apply(a).unwrap();
        storage.apply(b).unwrap();
    }
    storage.commit().unwrap();
    for (id, writes) in [(one, first), (other, second)] {
        assert_eq!(storage.document(&id).unwrap(), stored(&writes));
    }
    assert!(storage.document(&DocumentId::new([9; 32])).unwrap().is_empty());
}

#[test]
fn an_entry_written_again_changes_nothing() {
    let folder = folder();
    let mut storage = open(folder.path());
    let (id, writes) = document(1, 1, 3);
    for write in writes.iter().chain(&writes) {
        storage.apply(write).unwrap();
    }
    let Write::Entry(new) = &writes[0] else { panic!() };
    let again = NewEntry { from: Some(organisation(9)), received: at(5_000), ..NewEntry::clone(new) };
    storage.apply(&Write::Entry(Box::new(again))).unwrap();
    storage.commit().unwrap();
    assert_eq!(storage.document(&id).unwrap(), stored(&writes));
}

#[test]
fn a_plane_is_read_from_its_beginning_as_far_as_there_is_room_and_says_whether_there_is_more() {
    let folder = folder();
    let mut storage = open(folder.path());
    let (id, writes) = document(1, 5, 1_000);
    writes.iter().for_each(|write| storage.apply(write).unwrap());
    let (control, content): (Vec<_>, Vec<_>) = stored(&writes).into_iter().partition(|stored| stored.entry.wraps.is_none());
    assert_eq!(storage.beginning(&id, Plane::Control, usize::MAX).unwrap(), (control.clone(), false));
    assert_eq!(storage.beginning(&id, Plane::Control, 1).unwrap(), (control, false));
    assert_eq!(storage.beginning(&id, Plane::Content, 1).unwrap(), (content[..1].to_vec(), true));
    assert_eq!(storage.beginning(&id, Plane::Content, 2_500).unwrap(), (content[..2].to_vec(), true));
    assert_eq!(storage.beginning(&id, Plane::Content, 1 << 20).unwrap(), (content, false));
    assert_eq!(storage.beginning(&DocumentId::new([9; 32]), Plane::Content, 1).unwrap(), (Vec::new(), false));
}

#[test]
fn what_was_committed_survives_a_crash_and_nothing_else_does() {
    let folder = folder();
    let mut storage = open(folder.path());
    let ((kept, first), (lost, second)) = (document(1, 5, 100), document(2, 5, 100));
    first.iter().for_each(|write| storage.apply(write).unwrap());
    storage.commit().unwrap();
    second.iter().for_each(|write| storage.apply(write).unwrap());
    assert_eq!(storage.document(&lost).unwrap().len(), 6, "reads see what is not committed");

    let copy = as_after_a_crash(folder.path());
    assert!(!check_now(copy.path()).unwrap().iter().any(|_| true));
    let Opened { storage: found, clean, .. } = Storage::open(copy.path(), Options::default()).unwrap();
    assert!(!clean);
    assert_eq!(found.document(&kept).unwrap().len(), 6);
    assert!(found.start().unwrap().documents.keys().eq([&kept]));
}

#[test]
fn only_a_database_that_was_closed_says_so() {
    let folder = folder();
    let Opened { storage, clean, .. } = Storage::open(folder.path(), Options::default()).unwrap();
    assert!(clean, "a new one");
    drop(storage);
    let Opened { storage, clean, .. } = Storage::open(folder.path(), Options::default()).unwrap();
    assert!(!clean, "one that was dropped");
    storage.close().unwrap();
    assert!(Storage::open(folder.path(), Options::default()).unwrap().clean, "one that was closed");
}

#[test]
fn rolling_back_drops_the_whole_group_and_committing_nothing_does_nothing() {
    let folder = folder();
    let mut storage = open(folder.path());
    assert!(!storage.is_dirty());
    storage.commit().unwrap();
    storage.rollback().unwrap();
    every_write().iter().for_each(|write| storage.apply(write).unwrap());
    storage.put_meta("sequence", "7").unwrap();
    assert!(storage.is_dirty());
    storage.rollback().unwrap();
    assert_eq!(storage.start().unwrap(), Start::default());
    assert_eq!(storage.meta("sequence").unwrap(), None);
}

#[test]
fn a_header_in_the_tests_is_one_the_protocol_would_take() {
    for write in document(1, 3, 5).1 {
        let Write::Entry(new) = write else { panic!() };
        assert!(new.entry.into_signed().verify().is_ok());
    }
}

#[test]
fn documents_and_lists_are_read_in_order_from_an_index_without_sorting() {
    let folder = folder();
    let storage = open(folder.path());
    let of_document = format!("SELECT * FROM entry WHERE {} ORDER BY key", entries::OF_DOCUMENT);
    for (query, index) in [
        (of_document.as_str(), "entry_of_document"),
        ("SELECT * FROM listing WHERE updated <= ?1 AND (updated < ?1 OR document > ?2) ORDER BY updated DESC, document", "listing_newest"),
        ("SELECT key, id FROM document WHERE id BETWEEN ?1 AND ?2 ORDER BY id", "sqlite_autoindex_document_1"),
        ("SELECT * FROM log WHERE TRUE AND document = ? ORDER BY key DESC", "log_of_document"),
    ] {
        let mut statement = storage.db.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
        let parameters = vec![0; statement.parameter_count()];
        let plan: Vec<String> =
            statement.query_map(rusqlite::params_from_iter(parameters), |row| row.get("detail")).unwrap().map(Result::unwrap).collect();
        let plan = plan.join("; ");
        assert!(plan.contains(index) && !plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{query}: {plan}");
    }
}
