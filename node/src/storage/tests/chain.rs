//! The chain of the access log: whatever somebody does to its lines behind the program's back shows.

use super::*;
use crate::log_verb::LogVerb;
use csu_protocol::id::Hash;
use log::chain::Cells;
use proptest::prelude::*;

fn line(n: u64) -> LogLine {
    LogLine {
        at: at(1_000 + n),
        verb: LogVerb::ALL[usize::try_from(n % 8).unwrap()],
        who: format!("Ada {n}"),
        document: n.is_multiple_of(2).then(|| DocumentId::new([u8::try_from(n).unwrap(); 32])),
        to: n.is_multiple_of(3).then(|| "South Wales Police".to_owned()),
        why: n.is_multiple_of(4).then(|| "requested".to_owned()),
        detail: format!("line {n}"),
    }
}

/// A closed database with so many lines, and the head of its log.
fn log_of(lines: u64) -> (TempDir, LogHead) {
    let folder = folder();
    let mut storage = open(folder.path());
    (1..=lines).for_each(|n| storage.append_log(&line(n)).unwrap());
    storage.commit().unwrap();
    let head = storage.log_head().unwrap();
    storage.close().unwrap();
    (folder, head)
}

/// The file as somebody with the disk in his hands opens it.
fn behind_the_back(folder: &Path) -> Connection {
    let db = Connection::open(folder.join(FILE)).unwrap();
    db.execute_batch(
        "DROP TRIGGER IF EXISTS log_line_stays; DROP TRIGGER IF EXISTS log_line_is_final; PRAGMA ignore_check_constraints = ON",
    )
    .unwrap();
    db
}

fn walked(folder: &Path, sought: Option<&Hash>) -> LogWalk {
    check_log_now(folder, sought, &mut |_, _| {}).unwrap().unwrap().1
}

/// The number of the line where the chain is broken, and what is said of it.
#[track_caller]
fn broken(folder: &Path) -> (u64, String) {
    let found = walked(folder, None).broken.expect("nothing was noticed");
    (found.line, found.what)
}

#[test]
fn a_log_that_nobody_touched_is_whole_and_goes_on_from_every_head_it_ever_had() {
    let folder = folder();
    let mut storage = open(folder.path());
    assert_eq!(storage.log_head().unwrap(), LogHead { lines: 0, hash: Hash::new([0; 32]), at: None });
    assert_eq!(walked(folder.path(), None), LogWalk { to: 0, more: false, broken: None, sought: None });
    let mut heads = Vec::new();
    for n in 1..=9 {
        storage.append_log(&line(n)).unwrap();
        storage.commit().unwrap();
        heads.push(storage.log_head().unwrap());
    }
    for (n, head) in (1..).zip(&heads) {
        assert_eq!((head.lines, head.at), (n, Some(at(1_000 + n))));
        // Beside the writer, and in parts of any length.
        assert_eq!(walked(folder.path(), Some(&head.hash)), LogWalk { to: 9, more: false, broken: None, sought: Some(n) });
        for limit in [1, 2, 9, 10] {
            let (mut after, mut found) = (0, None);
            loop {
                let part = storage.walk_log(after, limit, Some(&head.hash)).unwrap();
                assert_eq!(part.broken, None);
                found = found.or(part.sought);
                after = part.to;
                if !part.more {
                    break;
                }
            }
            assert_eq!((after, found), (9, Some(n)));
        }
    }
    let numbers: Vec<u64> = storage.read_log(&LogFilter::default()).unwrap().iter().map(|logged| logged.number).collect();
    assert_eq!(numbers, [9, 8, 7, 6, 5, 4, 3, 2, 1]);
}

#[test]
fn every_change_of_any_cell_of_any_line_is_noticed_at_that_line() {
    let (folder, _) = log_of(12);
    for n in 1..=12_u64 {
        for (column, value) in [
            ("at", "at + 1"),
            ("at", "-at"),
            ("verb", "'erasure '"),
            ("who", "'Bea'"),
            ("who", "who || char(0)"),
            ("document", "CASE WHEN document IS NULL THEN zeroblob(32) END"),
            ("document", "randomblob(32)"),
            ("recipient", "CASE WHEN recipient IS NULL THEN '' END"),
            ("recipient", "'nobody'"),
            ("why", "CASE WHEN why IS NULL THEN '' END"),
            ("why", "'ordered'"),
            ("detail", "detail || ' '"),
            ("detail", "''"),
            ("hash", "randomblob(32)"),
            ("hash", "x'00'"),
        ] {
            let db = behind_the_back(folder.path());
            db.execute_batch("BEGIN").unwrap();
            db.execute(&format!("UPDATE log SET {column} = {value} WHERE key = ?1"), [n.cast_signed()]).unwrap();
            let walk = log::chain::walk(&db, 0, 100, None).unwrap();
            let line = walk.broken.as_ref().map(|broken| broken.line);
            assert_eq!((line, walk.to), (Some(n), n - 1), "{column} = {value} in line {n}: {walk:?}");
            db.execute_batch("ROLLBACK").unwrap();
        }
    }
    assert_eq!(walked(folder.path(), None).broken, None);
}

#[test]
fn lines_that_are_removed_put_in_or_swapped_are_noticed() {
    for (tamper, line, said) in [
        ("DELETE FROM log WHERE key = 1", 1, "line 1 is missing"),
        ("DELETE FROM log WHERE key = 5", 5, "line 5 is missing"),
        ("DELETE FROM log WHERE key IN (5, 6, 7)", 5, "lines 5 to 7 are missing"),
        ("DELETE FROM log WHERE key = 9", 9, "the log ends at line 8, and 9 were written"),
        ("DELETE FROM log", 1, "the log ends at line 0, and 9 were written"),
        // A gap that was closed again.
        ("DELETE FROM log WHERE key = 5; UPDATE log SET key = key - 1 WHERE key > 5", 5, "do not fit"),
        ("UPDATE log SET key = -key; UPDATE log SET key = 10 + key", 1, "do not fit"),
        // Two lines change places, with their hashes and without.
        (
            "UPDATE log SET key = 99 WHERE key = 4; UPDATE log SET key = 4 WHERE key = 5; UPDATE log SET key = 5 WHERE key = 99",
            4,
            "do not fit",
        ),
        (
            "CREATE TABLE t AS SELECT * FROM log; UPDATE log SET who = (SELECT who FROM t WHERE key = 11 - log.key), \
             detail = (SELECT detail FROM t WHERE key = 11 - log.key) WHERE key IN (5, 6)",
            5,
            "do not fit",
        ),
        ("INSERT INTO log SELECT 10, at, verb, who, document, recipient, why, detail, hash FROM log WHERE key = 9", 10, "do not fit"),
        (
            "INSERT INTO log SELECT 12, at, verb, who, document, recipient, why, detail, hash FROM log WHERE key = 9",
            10,
            "10 to 11 are missing",
        ),
        (
            "INSERT INTO log SELECT 0, at, verb, who, document, recipient, why, detail, hash FROM log WHERE key = 9",
            0,
            "number 0 stands before",
        ),
        (
            "INSERT INTO log SELECT -9223372036854775808, at, verb, who, document, recipient, why, detail, hash FROM log WHERE key = 9",
            0,
            "stands before line 1",
        ),
    ] {
        let (folder, _) = log_of(9);
        behind_the_back(folder.path()).execute_batch(tamper).unwrap();
        let (at, what) = broken(folder.path());
        assert!(at == line && what.contains(said), "{tamper}: line {at}: {what}");
    }
}

#[test]
fn an_end_that_was_cut_off_with_sqlites_count_shows_only_beside_a_head_that_was_kept() {
    let (folder, head) = log_of(9);
    behind_the_back(folder.path())
        .execute_batch("DELETE FROM log WHERE key > 6; UPDATE sqlite_sequence SET seq = 6 WHERE name = 'log'")
        .unwrap();
    assert_eq!(walked(folder.path(), Some(&head.hash)), LogWalk { to: 6, more: false, broken: None, sought: None });
    // Without that care it shows for good, however many lines the node writes afterwards.
    let (folder, _) = log_of(9);
    behind_the_back(folder.path()).execute_batch("DELETE FROM log WHERE key > 6").unwrap();
    let mut storage = open(folder.path());
    (0..20).for_each(|n| storage.append_log(&line(n)).unwrap());
    storage.commit().unwrap();
    assert_eq!(broken(folder.path()), (7, "lines 7 to 9 are missing".to_owned()));
}

#[test]
fn a_chain_that_was_made_anew_is_whole_and_does_not_hold_the_head_that_was_kept() {
    let (folder, head) = log_of(9);
    let db = behind_the_back(folder.path());
    db.execute("UPDATE log SET who = 'somebody else' WHERE key = 4", []).unwrap();
    let mut previous = [0; 32];
    for n in 1..=9 {
        let line = line(u64::try_from(n).unwrap());
        let who = if n == 4 { "somebody else" } else { &line.who };
        let document = line.document.map(|id| *id.as_bytes());
        let cells = Cells {
            at: i64::try_from(line.at.as_ms()).unwrap(),
            verb: line.verb.as_str().as_bytes(),
            who: who.as_bytes(),
            document: document.as_ref().map(<[u8; 32]>::as_slice),
            recipient: line.to.as_deref().map(str::as_bytes),
            why: line.why.as_deref().map(str::as_bytes),
            detail: line.detail.as_bytes(),
        };
        previous = cells.hash(n, &previous);
        db.execute("UPDATE log SET hash = ?1 WHERE key = ?2", (previous, n)).unwrap();
    }
    let walk = walked(folder.path(), Some(&head.hash));
    assert_eq!((walk.to, walk.broken, walk.sought), (9, None, None));
}

#[test]
fn a_group_that_is_dropped_and_a_crash_in_the_middle_leave_the_chain_whole() {
    let folder = folder();
    let mut storage = Storage::open(folder.path(), Options { max_pages: Some(80) }).unwrap().storage;
    storage.append_log(&line(1)).unwrap();
    storage.commit().unwrap();
    storage.append_log(&line(2)).unwrap();
    storage.rollback().unwrap();
    storage.append_log(&line(3)).unwrap();
    storage.commit().unwrap();
    assert_eq!(storage.log_head().unwrap().lines, 2);
    // Until the disk is full, in groups of three.
    let mut kept = 2;
    loop {
        let long = LogLine { detail: "x".repeat(9_000), ..line(4) };
        let group = (0..3).try_for_each(|_| storage.append_log(&long)).and_then(|()| storage.commit());
        match group {
            Ok(()) => kept += 3,
            Err(error) => {
                assert!(matches!(error, StorageError::Full { .. }), "{error}");
                break;
            }
        }
        assert!(kept < 1000, "the disk is never full");
    }
    storage.rollback().unwrap();
    assert_eq!(storage.log_head().unwrap().lines, kept);
    storage.append_log(&line(5)).unwrap();
    let copy = as_after_a_crash(folder.path());
    assert_eq!(walked(copy.path(), None), LogWalk { to: kept, more: false, broken: None, sought: None });
    storage.commit().unwrap();
    assert_eq!(walked(folder.path(), None).to, kept + 1);
    let mut found = open(copy.path());
    found.append_log(&line(6)).unwrap();
    found.commit().unwrap();
    assert_eq!(walked(copy.path(), None), LogWalk { to: kept + 1, more: false, broken: None, sought: None });
}

/// A database as the first version wrote it.
fn of_version_1(lines: u64) -> TempDir {
    let folder = folder();
    let db = Connection::open(folder.path().join(FILE)).unwrap();
    db.execute_batch(include_str!("../schema.sql")).unwrap();
    db.pragma_update(None, "user_version", 1).unwrap();
    let insert = "INSERT INTO log (key, at, verb, who, document, recipient, why, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    for n in 1..=lines {
        let line = line(n);
        let document = line.document.map(|id| *id.as_bytes());
        // Numbers of the first version were nobody's business, and may have gaps.
        let row = (
            (n * 3).cast_signed(),
            line.at.as_ms().cast_signed(),
            line.verb.as_str(),
            &line.who,
            document,
            &line.to,
            &line.why,
            &line.detail,
        );
        db.execute(insert, row).unwrap();
    }
    folder
}

#[test]
fn a_check_beside_a_node_that_writes_takes_no_new_line_for_a_missing_one() {
    let folder = folder();
    let mut storage = open(folder.path());
    let writing = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 1..=200 {
                storage.append_log(&line(n)).unwrap();
                storage.commit().unwrap();
            }
            writing.store(false, std::sync::atomic::Ordering::SeqCst);
        });
        while writing.load(std::sync::atomic::Ordering::SeqCst) {
            assert_eq!(walked(folder.path(), None).broken, None);
        }
    });
    assert_eq!(walked(folder.path(), None).to, 200);
}

#[test]
fn the_log_of_an_older_version_becomes_a_chain_when_it_is_opened_and_loses_nothing() {
    for lines in [0, 1, 40] {
        let folder = of_version_1(lines);
        assert_eq!(check_log_now(folder.path(), None, &mut |_, _| {}).unwrap(), None, "before it is opened");
        let mut storage = open(folder.path());
        let found = storage.read_log(&LogFilter::default()).unwrap();
        assert_eq!(found.into_iter().map(|logged| logged.line).collect::<Vec<_>>(), (1..=lines).rev().map(line).collect::<Vec<_>>());
        storage.append_log(&line(50)).unwrap();
        storage.commit().unwrap();
        assert_eq!(walked(folder.path(), None), LogWalk { to: lines + 1, more: false, broken: None, sought: None });
        for statement in ["DELETE FROM log", "UPDATE log SET who = 'nobody'"] {
            assert!(storage.db.execute_batch(statement).unwrap_err().to_string().contains("never"), "{statement}");
        }
        storage.close().unwrap();
        assert_eq!(check_now(folder.path()).unwrap(), Vec::<String>::new());
    }
}

#[test]
fn a_line_of_an_older_version_that_csu_never_wrote_is_refused_naming_it_and_nothing_is_changed() {
    let folder = of_version_1(3);
    let db = behind_the_back(folder.path());
    db.execute_batch("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'STRICT', '') WHERE name = 'log'").unwrap();
    drop(db);
    behind_the_back(folder.path()).execute_batch("UPDATE log SET detail = x'ff' WHERE key = 6").unwrap();
    let error = Storage::open(folder.path(), Options::default()).unwrap_err().to_string();
    assert!(error.contains("row 6") && error.contains("never writes"), "{error}");
    let db = Connection::open(folder.path().join(FILE)).unwrap();
    assert_eq!(db.query_row("SELECT count(*) FROM log", [], |row| row.get::<_, i64>(0)), Ok(3));
}

#[test]
fn the_hash_of_a_line_is_what_it_was_when_the_first_chains_were_written() {
    // Written down so that a change of the form is noticed: heads that people keep must stay good.
    let (_, head) = log_of(4);
    assert_eq!(head.hash.to_string(), "ea79ab83c948b96455cc0cf4d6c76bca2256afa8cc8e37475357c9754a55e866");
}

#[test]
fn no_two_lines_have_one_hash_wherever_one_cell_ends_and_the_next_begins() {
    // Zero and one are what the encoding itself puts between cells.
    let cells: &'static [Option<&'static [u8]>; 6] =
        &[None, Some(&[]), Some(&[0]), Some(&[1]), Some(&[1, 1]), Some(&[0, 0, 0, 0, 0, 0, 0, 1, 1])];
    let mut seen = std::collections::BTreeMap::new();
    let places = [1_i64, 2, 256].into_iter().flat_map(|number| [[0_u8; 32], [1; 32]].map(|previous| (number, previous)));
    for (number, previous) in places {
        for at in [0_i64, 1, 256, -1] {
            for (a, b, c) in cells.iter().flat_map(|a| cells.iter().flat_map(move |b| cells.iter().map(move |c| (*a, *b, *c)))) {
                // In the middle, where there may be none; before and behind, where there always is something.
                let whole = |first: &'static [u8], last: &'static [u8]| Cells {
                    at,
                    verb: b"v",
                    who: first,
                    document: a,
                    recipient: b,
                    why: c,
                    detail: last,
                };
                for (first, last) in [(&b""[..], &b""[..]), (b"\x01", b""), (b"", b"\x01"), (b"\0", b""), (b"", b"\0")] {
                    let line = (number, previous, at, first, a, b, c, last);
                    let known = seen.insert(whole(first, last).hash(number, &previous), line);
                    assert_eq!(known, None, "{line:?}");
                }
            }
        }
    }
    assert_eq!(seen.len(), 3 * 2 * 4 * 6 * 6 * 6 * 5);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_to_the_lines_shows_unless_it_leaves_them_as_they_were(
        acts in proptest::collection::vec((0_u8..6, 1_i64..9, 1_i64..9), 1..4),
    ) {
        let (folder, _) = log_of(8);
        let db = behind_the_back(folder.path());
        let rows = || -> Vec<Vec<rusqlite::types::Value>> {
            let mut statement = db.prepare("SELECT * FROM log ORDER BY key").unwrap();
            let columns = statement.column_count();
            statement.query_map([], |row| (0..columns).map(|column| row.get(column)).collect()).unwrap().map(Result::unwrap).collect()
        };
        let before = rows();
        for (act, a, b) in acts {
            let tamper = match act {
                0 => format!("DELETE FROM log WHERE key = {a}"),
                1 => format!("UPDATE log SET detail = (SELECT detail FROM log WHERE key = {b}) WHERE key = {a} AND EXISTS (SELECT 1 FROM log WHERE key = {b})"),
                2 => format!("UPDATE log SET hash = (SELECT hash FROM log WHERE key = {b}) WHERE key = {a} AND EXISTS (SELECT 1 FROM log WHERE key = {b})"),
                3 => format!("UPDATE log SET key = 99 WHERE key = {a}; UPDATE log SET key = {a} WHERE key = {b}; UPDATE log SET key = {b} WHERE key = 99"),
                4 => format!("UPDATE OR IGNORE log SET key = key + {b} WHERE key = {a}"),
                _ => format!("UPDATE log SET who = recipient, recipient = who WHERE key = {a} AND recipient IS NOT NULL"),
            };
            db.execute_batch(&tamper).unwrap();
        }
        let walk = log::chain::walk(&db, 0, 100, None).unwrap();
        prop_assert_eq!(walk.broken.is_some(), rows() != before);
    }
}
