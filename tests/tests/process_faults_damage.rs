//! A database that rots or is cut: it is refused or noticed, what is read is never wrong unnoticed, and what the message says to do
//! helps.

use csu_node::cli::client::ClientError;
use csu_node::desk::{Check, DocumentsPage};
use csu_tests::history::Dice;
use csu_tests::node::{Node, PATIENCE};
use csu_tests::town::{self, everything, first, issue};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// Bytes of a page of SQLite.
const PAGE: usize = 4096;
/// Bytes of a frame of its log, and of the log's own header.
const FRAME: usize = PAGE + 24;
const LOG_HEADER: usize = 32;

fn file(node: &Node, name: &str) -> PathBuf {
    node.data().join(name)
}

fn checks(node: &Node) -> Vec<Check> {
    serde_json::from_str(&node.csu(&["doctor", "--json"]).stdout).expect("a doctor's checks")
}

fn failed(checks: &[Check], name: &str) -> bool {
    checks.iter().any(|check| check.name == name && !check.ok && check.remedy.is_some())
}

fn update(node: &Node, id: &str, headline: &str) {
    node.step(id, "update", &json!({ "assign": [format!("headline={headline}")] })).expect("an update");
}

/// The lines of the list: title and state by id.
fn listed(node: &Node) -> Option<BTreeMap<String, (String, String)>> {
    let page: DocumentsPage = node.get("/documents?limit=500").ok()?;
    Some(page.items.into_iter().filter_map(|line| Some((line.id?.to_string(), (line.title, line.state)))).collect())
}

/// Spoils a file in one of the ways in which disks and people do; how.
fn spoil(bytes: &mut Vec<u8>, way: usize, dice: &mut Dice) -> String {
    let pages = bytes.len() / PAGE;
    match way % 6 {
        0 => {
            let (at, length) = (dice.below(bytes.len() - 200), 1 + dice.below(200));
            bytes[at..at + length].iter_mut().for_each(|byte| *byte = u8::try_from(dice.below(256)).expect("a byte"));
            format!("{length} bytes at {at} are others")
        }
        1 => {
            let page = dice.below(pages);
            bytes[page * PAGE..(page + 1) * PAGE].fill(0);
            format!("page {page} is empty")
        }
        2 => {
            let (one, other) = (1 + dice.below(pages - 1), 1 + dice.below(pages - 1));
            let copy = bytes[one * PAGE..(one + 1) * PAGE].to_vec();
            bytes[other * PAGE..(other + 1) * PAGE].copy_from_slice(&copy);
            format!("page {other} is page {one}")
        }
        3 => {
            let at = dice.below(100);
            bytes[at] ^= 1 << dice.below(8);
            format!("a bit of the header, byte {at}, is turned")
        }
        4 => {
            let length = dice.below(bytes.len());
            bytes.truncate(length);
            format!("cut after {length} bytes")
        }
        _ => {
            let at = PAGE + dice.below(bytes.len() - PAGE);
            bytes[at] ^= 1 << dice.below(8);
            format!("a bit of byte {at} is turned")
        }
    }
}

#[test]
fn however_a_database_is_spoilt_it_is_refused_or_noticed_and_no_document_is_shown_wrong_unnoticed() {
    let mut dice = Dice::printed("spoilt databases");
    let node = Node::started("Brixton CSU", "union");
    for number in 0..8 {
        let id = issue(&node, &format!("Number {number}"), &[]);
        update(&node, &id, &format!("Number {number} again"));
    }
    let (right, list) = (everything(&node), listed(&node).expect("a list"));
    assert!(node.terminate().success());
    let whole = fs::read(file(&node, "node.sqlite")).expect("a database");
    let (mut refused, mut noticed, mut harmless) = (0, 0, 0);
    for round in 0..24 {
        let mut bytes = whole.clone();
        let how = spoil(&mut bytes, round, &mut dice);
        if bytes == whole {
            continue;
        }
        fs::write(file(&node, "node.sqlite"), &bytes).expect("a file");
        for name in ["node.sqlite-wal", "node.sqlite-shm"] {
            fs::remove_file(file(&node, name)).ok();
        }
        let found = failed(&checks(&node), "database");
        let before = node.log_text().len();
        if let Err(status) = node.try_up(PATIENCE, &[]) {
            let said = node.log_text().split_off(before);
            assert_eq!(status.code(), Some(1), "{how}: {status} {said}");
            assert!(said.contains("what to do: "), "{how}: {said}");
            assert!(said.contains("backup") || said.contains("csu doctor"), "{how}: {said}");
            assert!(found, "{how}: the doctor found nothing, and it does not start: {said}");
            refused += 1;
            continue;
        }
        // What the doctor says when the check beside the running node is done.
        let said =
            node.until("was checked", |node| Some(checks(node)).filter(|all| !all.iter().any(|check| check.detail == "is being checked")));
        let mut is_noticed = ["database", "status", "node"].iter().any(|name| failed(&said, name));
        for (id, was) in &right {
            let document = match node.document(id) {
                Ok(document) => document,
                // Also what the check does not find, an empty tree in the place of another, is told to whoever meets it.
                Err(ClientError::Refused(problem)) => {
                    let told = problem.detail().contains("damaged") && problem.remedy().contains("backup");
                    assert!(is_noticed || told, "{how}: {problem:?}, and the check found nothing: {said:?}");
                    is_noticed = true;
                    continue;
                }
                // One that cannot read what it must ends, and says why.
                Err(error) => {
                    node.until("ended by itself", |node| node.has_ended().then_some(()));
                    let last = node.log_text().split_off(before);
                    assert!(last.contains("what to do: ") && last.contains("backup"), "{how}: {error}: {last}");
                    is_noticed = true;
                    break;
                }
            };
            let is = json!([document.heads, document.state, document.fields]);
            // One whose entries an index lost shows less than there is: the check of the database tells that.
            assert!(is_noticed || is == json!([was[0], was[1], was[2]]), "{how}: a document is shown wrong, and nobody notices: {is}");
        }
        if is_noticed {
            noticed += 1;
        } else {
            assert_eq!(listed(&node), Some(list.clone()), "{how}: nobody notices, and the list is wrong");
            harmless += 1;
        }
        node.kill();
    }
    println!("{refused} refused, {noticed} noticed, {harmless} without harm");
    assert!(refused > 0 && noticed + harmless > 0);
}

/// A node with a neighbour who has all of it, killed with its last updates in the log of pages.
fn killed() -> ([Node; 2], Vec<String>) {
    let nodes = town::two();
    let [brixton, kennington] = &nodes;
    let mut ids: Vec<String> = (0..3).map(|number| issue(brixton, &format!("Number {number}"), &[("Kennington CSU", "write")])).collect();
    assert!(brixton.terminate().success());
    brixton.up();
    town::until_connected(kennington, brixton);
    for id in &ids {
        update(brixton, id, "The last word");
    }
    ids.push(issue(brixton, "The last word", &[("Kennington CSU", "write")]));
    for id in &ids {
        kennington.until_document(id, "got it", |document| first(document, "headline") == "The last word");
    }
    brixton.kill();
    kennington.freeze();
    (nodes, ids)
}

/// A log of pages that was spoilt takes the newest commits with it, and the database looks whole without them.
fn without_log(spoil: impl Fn(&Node)) {
    let ([brixton, kennington], ids) = killed();
    spoil(&brixton);
    brixton.up();
    assert!(brixton.log_text().contains("that were written here are not in it"), "{}", brixton.tail());
    assert!(failed(&checks(&brixton), "older copy"));
    // Not as if nothing had been: the old words are not shown as the newest.
    for id in &ids {
        assert!(brixton.document(id).is_err());
    }
    kennington.thaw();
    for id in &ids {
        let found = brixton.until_document(id, "had it back", |document| first(document, "headline") == "The last word");
        assert!(found.forks.is_empty());
    }
    town::until_same(&[&brixton, &kennington]);
    brixton.until("had all back", |node| (!failed(&checks(node), "older copy")).then_some(()));
    update(&brixton, &ids[0], "One more");
    kennington.until_document(&ids[0], "got it", |document| first(document, "headline") == "One more");
}

#[test]
fn commits_that_are_lost_with_a_log_that_is_gone_are_missed_and_brought_back_by_the_neighbour() {
    without_log(|node| {
        assert!(fs::metadata(file(node, "node.sqlite-wal")).expect("a log").len() > 0);
        fs::remove_file(file(node, "node.sqlite-wal")).expect("a log");
    });
}

#[test]
fn commits_that_are_lost_with_a_log_that_rots_are_missed_and_brought_back_by_the_neighbour() {
    without_log(|node| {
        let mut bytes = fs::read(file(node, "node.sqlite-wal")).expect("a log");
        let frames = (bytes.len() - LOG_HEADER) / FRAME;
        // Early enough that entries come after it.
        bytes[LOG_HEADER + (frames / 4) * FRAME + 100] ^= 1;
        fs::write(file(node, "node.sqlite-wal"), bytes).expect("a log");
    });
}

fn restore(node: &Node, line: &[&str]) -> String {
    let listen = format!("/ip4/127.0.0.1/tcp/{0},/ip4/127.0.0.1/udp/{0}/quic-v1", node.port());
    let phrase = node.phrase_file();
    let line: Vec<&str> = ["restore"].iter().chain(line).copied().chain(["--phrase-file", &phrase]).collect();
    node.csu_with(&line, &[("CSU_LISTEN", &listen), ("CSU_MDNS", "false")]).good().stdout
}

/// Spoils a node so that it is refused, and does the first half of what the refusal says: the folder is copied away.
fn spoilt_and_put_away(node: &Node) {
    assert!(node.terminate().success());
    let mut bytes = fs::read(file(node, "node.sqlite")).expect("a database");
    let pages = bytes.len() / PAGE;
    for page in 1..pages {
        bytes[page * PAGE..page * PAGE + 64].fill(0xa5);
    }
    fs::write(file(node, "node.sqlite"), bytes).expect("a database");
    node.up_refused().refused(&["damaged", "csu doctor", "copy the folder away", "restore a backup", "recovery phrase"]);
    assert!(failed(&checks(node), "database"));
    fs::rename(node.data(), node.outside("put away")).expect("a folder can be moved");
}

#[test]
fn what_the_refusal_of_a_damaged_database_says_brings_everything_back_from_a_backup() {
    let [brixton, kennington] = town::two();
    let shared = issue(&brixton, "Burglaries", &[("Kennington CSU", "write")]);
    let alone = issue(&brixton, "Ours alone", &[]);
    let backup = brixton.outside("night.csu-backup").to_str().expect("a plain path").to_owned();
    brixton.csu(&["backup", &backup]).good();
    update(&brixton, &shared, "Burglaries go on");
    kennington.until_document(&shared, "got it", |document| first(document, "headline") == "Burglaries go on");
    spoilt_and_put_away(&brixton);
    let said = restore(&brixton, &[&backup]);
    assert!(said.contains("Restored."), "{said}");
    brixton.up();
    town::until_connected(&kennington, &brixton);
    assert_eq!(first(&brixton.document(&alone).expect("its own"), "headline"), "Ours alone");
    // With what came after the backup.
    brixton.until_document(&shared, "had it back", |document| first(document, "headline") == "Burglaries go on");
    update(&brixton, &shared, "Burglaries end");
    kennington.until_document(&shared, "got it", |document| first(document, "headline") == "Burglaries end");
    assert!(!checks(&brixton).iter().any(|check| check.name == "older copy"), "a restore is no copy put back");
}

#[test]
fn what_the_refusal_of_a_damaged_database_says_brings_back_by_the_phrase_what_neighbours_hold() {
    let [brixton, kennington] = town::two();
    let shared = issue(&brixton, "Burglaries", &[("Kennington CSU", "write")]);
    kennington.until_document(&shared, "got it", |document| document.state == "issued");
    spoilt_and_put_away(&brixton);
    let ticket = kennington.post::<Value>("/invitations", &json!({})).expect("an invitation")["ticket"].as_str().expect("text").to_owned();
    let said = std::thread::scope(|scope| {
        let restoring = scope.spawn(|| restore(&brixton, &["--name", "Brixton CSU", "--kind", "union", "--ticket", &ticket]));
        let number = brixton.until("saw a security number", |node| node.peer("Kennington CSU")?.number);
        kennington.until("shows the same", |node| node.peer("Brixton CSU").filter(|peer| peer.number.as_ref() == Some(&number)));
        brixton.csu(&["peer", "confirm", "Kennington CSU", "--number", &number]).good();
        restoring.join().expect("a restore that ends")
    });
    assert!(said.contains("Restored."), "{said}");
    brixton.up();
    assert_eq!(first(&brixton.document(&shared).expect("it is back"), "headline"), "Burglaries");
    update(&brixton, &shared, "Burglaries end");
    kennington.until_document(&shared, "got it", |document| first(document, "headline") == "Burglaries end");
}
