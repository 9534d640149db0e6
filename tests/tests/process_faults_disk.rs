//! A full disk, and a database that rots or is cut: what the operator reads, that following it helps, and that nothing that was
//! acknowledged is lost or comes out wrong.

use csu_node::desk::Check;
use csu_tests::history::Dice;
use csu_tests::node::{Node, Ran};
use csu_tests::town::{self, first};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn checks(node: &Node) -> Vec<Check> {
    serde_json::from_str(&node.csu(&["doctor", "--json"]).stdout).expect("a doctor's checks")
}

/// A disk that can be full: one of its own where this process may mount one, or else a bound on the database.
enum Disk {
    Mounted(PathBuf),
    Bounded,
}

/// Set in a process that may mount file systems that nobody else sees.
const MAY_MOUNT: &str = "CSU_TEST_MAY_MOUNT";
/// Room that is left at first.
const ROOM_BYTES: u64 = 300 * 1024;

/// Runs a test of this file where it may mount: in a process of its own, in name spaces of its own. Where the machine does not
/// allow that, here; the reason is printed.
fn with_disk(test: &str, work: impl FnOnce(&mut dyn FnMut(&Path) -> Disk)) {
    if std::env::var_os(MAY_MOUNT).is_some() {
        return work(&mut |place| {
            mount(&["-t", "tmpfs", "-o", "size=64m,mode=700", "none", path(place)]);
            Disk::Mounted(place.to_owned())
        });
    }
    let spaces: &[&str] = if rustix::process::geteuid().is_root() { &["--mount"] } else { &["--mount", "--user", "--map-root-user"] };
    let trial = tempfile::tempdir().expect("a temporary folder");
    let tried = Command::new("unshare").args(spaces).args(["mount", "-t", "tmpfs", "none", path(trial.path())]).output();
    match tried {
        Ok(tried) if tried.status.success() => {
            let own = std::env::current_exe().expect("this test knows its own place");
            let mut inside = Command::new("unshare");
            inside.args(spaces).arg(own).args(["--exact", test, "--nocapture"]).env(MAY_MOUNT, "yes");
            let ran = inside.output().expect("a process can be started");
            let said = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
            assert!(ran.status.success() && said.contains("1 passed"), "{said}");
        }
        other => {
            println!("no file system can be mounted here, so the database is bounded instead: {other:?}");
            work(&mut |_| Disk::Bounded);
        }
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

fn mount(line: &[&str]) {
    let ran = Command::new("mount").args(line).output().expect("mount can be started");
    assert!(ran.status.success(), "mount {line:?}: {}", String::from_utf8_lossy(&ran.stderr));
}

impl Disk {
    /// Leaves so many bytes free, and starts the node on it.
    fn shrink(&self, node: &Node, free: u64) {
        match self {
            Self::Mounted(place) => {
                let disk = rustix::fs::statvfs(place).expect("a disk");
                let used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize;
                mount(&["-o", &format!("remount,size={}", used + free), path(place)]);
                node.up();
            }
            Self::Bounded => {
                let database = rusqlite::Connection::open(node.data().join("node.sqlite")).expect("a database");
                let pages: u32 = database.query_row("PRAGMA page_count", [], |row| row.get(0)).expect("a number");
                drop(database);
                node.up_with(&[("CSU_TEST_MAX_PAGES", &(u64::from(pages) + free / 4096 / 4).to_string())]);
            }
        }
    }

    /// Makes room, without a new start where that can be.
    fn grow(&self, node: &Node) {
        match self {
            Self::Mounted(place) => mount(&["-o", "remount,size=64m", path(place)]),
            Self::Bounded => {
                node.terminate();
                node.up();
            }
        }
    }
}

#[test]
fn a_disk_that_is_full_refuses_and_tells_keeps_what_was_acknowledged_and_all_goes_on_when_there_is_room() {
    with_disk("a_disk_that_is_full_refuses_and_tells_keeps_what_was_acknowledged_and_all_goes_on_when_there_is_room", full_disk);
}

fn full_disk(make: &mut dyn FnMut(&Path) -> Disk) {
    let kennington = Node::started("Kennington CSU", "union");
    let brixton = Node::on_new_machine("Brixton CSU");
    let place = brixton.data().parent().expect("a folder").to_owned();
    // Its log is on the same disk.
    let disk = make(&place);
    brixton.csu(&["init", "--name", "Brixton CSU", "--kind", "union", "--non-interactive", "--phrase-file", &brixton.phrase_file()]).good();
    brixton.up();
    town::pair(&brixton, &kennington);
    let id = town::issue(&brixton, "Before", &[("Kennington CSU", "write")]);
    kennington.until_document(&id, "got it", |document| document.state == "issued");
    assert!(brixton.terminate().success());
    disk.shrink(&brixton, ROOM_BYTES);
    town::until_connected(&kennington, &brixton);
    let kept = fill(&brixton, &id);
    println!("{kept} updates fitted");
    // The operator sees what there is, and why nothing is written. Nobody reads without a line in the log of who did, and for that
    // there may be just enough room.
    brixton.csu(&["status"]).good();
    assert!(brixton.csu(&["bulletin", "list"]).good().stdout.contains("Before"));
    let shown = brixton.csu(&["bulletin", "show", &id]);
    if shown.code == Some(0) {
        assert!(kept == 0 || shown.stdout.contains(&format!("{kept} ")), "{}", shown.stdout);
    } else {
        shown.refused(&["no room is left", "free space"]);
    }
    if let Disk::Mounted(_) = disk {
        let said = checks(&brixton).into_iter().find(|check| check.name == "disk").expect("a check");
        assert!(!said.ok && said.remedy.clone().expect("a remedy").contains("make room"), "{said:?}");
    }
    // What a neighbour sends meanwhile is not acknowledged.
    let text = "Rear windows, in the afternoon. ".repeat(300);
    let theirs = town::issue(&kennington, "From Kennington", &[("Brixton CSU", "read")]);
    for number in 0..4 {
        kennington.step(&theirs, "update", &json!({ "assign": [format!("description={number} {text}")] })).expect("room");
    }
    brixton.until("noticed that it cannot store", |node| {
        let is_full = node.log_text().contains("what neighbours sent was not stored");
        // Of a full disk the log has no room either.
        (is_full || matches!(disk, Disk::Mounted(_))).then_some(())
    });
    assert!(!brixton.has_ended(), "{}", brixton.tail());
    disk.grow(&brixton);
    brixton.until("wrote again", |node| node.step(&id, "update", &json!({ "assign": ["headline=After"] })).ok());
    let after = brixton.document(&id).expect("the bulletin");
    assert!(first(&after, "description").starts_with(&format!("{kept} ")) || kept == 0, "an acknowledged update is lost: {after:?}");
    assert!(after.forks.is_empty());
    let all = town::until_same(&[&brixton, &kennington]);
    assert_eq!(all.len(), 2);
    let found = brixton.document(&theirs).expect("what came while the disk was full");
    assert!(first(&found, "description").starts_with("3 "));
    assert!(brixton.terminate().success());
    assert!(checks(&brixton).iter().any(|check| check.name == "database" && check.ok), "{:?}", checks(&brixton));
    drop(brixton);
    if let Disk::Mounted(place) = disk {
        Command::new("umount").arg(&place).status().expect("umount can be started");
        fs::remove_dir(place).ok();
    }
}

/// Updates until there is no room; how many were acknowledged.
fn fill(node: &Node, id: &str) -> usize {
    let mut dice = Dice::new("fill", 1);
    let mut kept = 0;
    // What compression does not help with.
    let mut update = |begins: &str| {
        let text: String = (0..4000).map(|_| char::from(b'a' + u8::try_from(dice.below(26)).expect("a letter"))).collect();
        node.csu(&["bulletin", "update", id, &format!("description={begins} {text}")])
    };
    let refused: Ran = loop {
        let ran = update(&(kept + 1).to_string());
        if ran.code != Some(0) {
            break ran;
        }
        kept += 1;
        assert!(kept < 2000, "the disk never fills");
    };
    refused.refused(&["no room is left", "free space", "nothing of this step was kept"]);
    for _ in 0..3 {
        update("never").refused(&["no room is left", "free space"]);
    }
    kept
}
