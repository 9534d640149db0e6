//! An old copy of a node's data is put back by hand, past `csu restore`: the node must not sign anew where it has signed before.

use csu_node::desk::{Check, Document, Status};
use csu_tests::node::Node;
use csu_tests::town::{self, first, issue};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

const DATABASE: [&str; 3] = ["node.sqlite", "node.sqlite-wal", "node.sqlite-shm"];

/// Copies a folder with all that is in it, file by file.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let place = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &place);
        } else if entry.path().is_file() {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}

fn update(node: &Node, id: &str, headline: &str) {
    node.step(id, "update", &json!({ "assign": [format!("headline={headline}")] })).unwrap();
}

fn check(node: &Node, name: &str) -> Option<Check> {
    let checks: Vec<Check> = serde_json::from_str(&node.csu(&["doctor", "--json"]).stdout).unwrap();
    checks.into_iter().find(|check| check.name == name)
}

fn waits(node: &Node) -> usize {
    node.get::<Status>("/status").unwrap().unreconciled
}

/// Two nodes, and what is in the copy that was made of the first in the meantime.
struct Story {
    brixton: Node,
    kennington: Node,
    shared: String,
    theirs: String,
    gone: String,
    alone: String,
    later: String,
    copy: PathBuf,
}

/// Documents, a copy of them, and what happened after it. Brixton is down, Kennington stands still.
fn story() -> Story {
    let [brixton, kennington] = town::two();
    let shared = issue(&brixton, "One", &[("Kennington CSU", "write")]);
    let gone = issue(&brixton, "Quillonbury", &[("Kennington CSU", "read")]);
    let alone = issue(&brixton, "Ours alone", &[]);
    let theirs = issue(&kennington, "Sheds", &[("Brixton CSU", "write")]);
    brixton.until_document(&theirs, "got it", |document| document.state == "issued");
    update(&brixton, &shared, "Two");
    kennington.until_document(&shared, "got it", |document| first(document, "headline") == "Two");
    assert!(brixton.terminate().success());
    let kept = brixton.outside("kept");
    copy(brixton.data(), &kept);
    brixton.up();
    town::until_connected(&kennington, &brixton);
    update(&brixton, &shared, "Three");
    update(&brixton, &theirs, "Sheds and gates");
    brixton.csu(&["respond", &theirs, "comment", "--text", "Here as well."]).good();
    brixton.step(&gone, "withdraw", &json!({ "reason": "mistaken" })).unwrap();
    let later = issue(&brixton, "Later", &[("Kennington CSU", "write")]);
    kennington.until_document(&shared, "got it", |document| first(document, "headline") == "Three");
    kennington.until_document(&later, "got it", |document| document.state == "issued");
    kennington.until_document(&gone, "got it", |document| document.state == "withdrawn");
    kennington.until_document(&theirs, "got it", |document| document.responses.len() == 1);
    assert!(brixton.terminate().success());
    kennington.freeze();
    Story { brixton, kennington, shared, theirs, gone, alone, later, copy: kept }
}

/// The copy is noticed before anything is signed: nothing is shown or signed until the neighbour is there, and then all goes on.
fn noticed(story: &Story, seen: &str) {
    let Story { brixton, kennington, shared, theirs, gone, alone, later, .. } = story;
    brixton.up();
    let log = brixton.log_text();
    assert!(log.contains(seen) && log.contains("until a neighbour has confirmed it"), "{}", brixton.tail());
    // What nobody else was ever named in has nobody to ask.
    assert_eq!(waits(brixton), 3);
    let status = brixton.csu(&["status"]).good().stdout;
    assert!(status.contains("3 documents from a backup silent until a neighbour confirms"), "{status}");
    let said = check(brixton, "older copy").expect("a check");
    assert!(!said.ok && said.detail.contains(seen), "{said:?}");
    for id in [shared, theirs, gone] {
        brixton.csu(&["bulletin", "show", id]).refused(&["waits until a neighbour has confirmed it", "csu status"]);
        brixton.csu(&["bulletin", "update", id, "headline=Never"]).refused(&["waits until a neighbour has confirmed it"]);
    }
    update(brixton, alone, "Ours still");
    let fresh = issue(brixton, "Fresh", &[]);
    // A restart in between changes nothing.
    brixton.kill();
    brixton.up();
    assert_eq!(waits(brixton), 3);
    brixton.csu(&["bulletin", "update", shared, "headline=Never"]).refused(&["waits until a neighbour has confirmed it"]);
    kennington.thaw();
    brixton.until("had back what it had signed", |node| (check(node, "older copy")?.ok).then_some(()));
    brixton.until_document(shared, "had it back", |document| first(document, "headline") == "Three");
    brixton.until_document(theirs, "had it back", |document| {
        first(document, "headline") == "Sheds and gates" && document.responses.len() == 1
    });
    brixton.until_document(gone, "had it back", |document| document.state == "withdrawn");
    brixton.until_document(later, "had it back", |document| document.state == "issued");
    let said = check(brixton, "older copy").expect("a check");
    // Three entries of a document, one of each other.
    assert!(said.detail.contains("neighbours brought back") && !said.detail.contains(" 0 entries"), "{said:?}");
    assert_eq!(waits(brixton), 0);
    update(brixton, shared, "Four");
    for id in [alone, &fresh] {
        assert!(brixton.document(id).unwrap().forks.is_empty());
    }
    kennington.until_document(shared, "got the next", |document| first(document, "headline") == "Four");
    for id in [shared, theirs, gone, later] {
        let both = [brixton, kennington].map(|node| node.document(id).unwrap());
        assert_eq!((&both[0].heads, &both[0].fields), (&both[1].heads, &both[1].fields));
        assert!(both.iter().all(|document| document.forks.is_empty()), "{both:?}");
    }
}

#[test]
fn an_older_database_in_its_folder_is_noticed_and_signs_nothing_before_a_neighbour_brought_the_rest() {
    let story = story();
    for name in DATABASE {
        fs::remove_file(story.brixton.data().join(name)).ok();
    }
    fs::copy(story.copy.join("node.sqlite"), story.brixton.data().join("node.sqlite")).unwrap();
    noticed(&story, "entries that were written here are not in it");
}

#[test]
fn a_folder_that_is_a_copy_is_noticed_and_signs_nothing_before_a_neighbour_brought_the_rest() {
    let story = story();
    fs::remove_dir_all(story.brixton.data()).unwrap();
    fs::rename(&story.copy, story.brixton.data()).unwrap();
    noticed(&story, "the data folder was copied since the node last ran in it");
}

#[test]
fn a_copy_whose_neighbours_are_gone_for_good_goes_on_when_somebody_says_so_and_what_one_brings_after_all_is_told() {
    let story = story();
    let Story { brixton, kennington, shared, theirs, .. } = &story;
    fs::remove_dir_all(brixton.data()).unwrap();
    fs::rename(&story.copy, brixton.data()).unwrap();
    brixton.up();
    let said = brixton.csu(&["release", "--dry-run"]).good().stdout;
    for words in ["3 documents are silent", "Kennington CSU", "COULD CONFIRM", "may be contradicted", "the data folder was copied"] {
        assert!(said.contains(words), "{said}");
    }
    // Nobody is asked who is not there.
    let asked = brixton.csu(&["release"]);
    assert!(asked.code == Some(2) && asked.stderr.contains("nobody is here to be asked") && asked.stderr.contains("--yes"), "{asked:?}");
    assert_eq!(waits(brixton), 3);
    assert!(brixton.csu(&["doctor"]).stdout.contains("`csu release`"));
    let one = brixton.csu(&["release", &theirs[..10], "--yes", "--json"]).good().stdout;
    assert_eq!(serde_json::from_str::<Value>(&one).unwrap(), json!({ "released": 1, "silent": 2, "signingWaits": true }));
    assert_eq!(brixton.document(theirs).unwrap().title, "Sheds");
    brixton.csu(&["bulletin", "update", theirs, "headline=Never"]).refused(&["an older copy", "csu release"]);
    let all = brixton.csu(&["release", "--yes"]).good().stdout;
    assert!(all.contains("2 documents speak again"), "{all}");
    brixton.csu(&["release", "--yes"]).refused(&["no document waits to be confirmed"]);
    brixton.kill();
    brixton.up();
    assert_eq!(waits(brixton), 0);
    let check_ok = check(brixton, "older copy").expect("a check");
    assert!(check_ok.ok && check_ok.detail.contains("had it go on without them"), "{check_ok:?}");
    update(brixton, shared, "Third again");
    let acts = brixton.acts("?verb=access").unwrap();
    assert!(acts.iter().filter(|line| line.detail.contains("no neighbour has confirmed")).count() == 2, "{acts:?}");
    // One comes back after all: both entries stand, and are told.
    kennington.thaw();
    let said = brixton.until("told of the fork", |node| check(node, "older copy").filter(|check| check.detail.contains("in their place")));
    assert!(!said.ok && said.detail.contains(&shared[..8]), "{said:?}");
    brixton.until_document(shared, "saw the fork", |document| !document.forks.is_empty());
    kennington.until_document(shared, "saw the fork", |document| !document.forks.is_empty());
}

#[test]
fn a_copy_that_nothing_tells_from_the_original_is_noticed_by_what_neighbours_bring_and_its_forks_are_told() {
    let story = story();
    let Story { brixton, kennington, shared, .. } = &story;
    // Every file written over in place, as a disk that is set back would be.
    for name in DATABASE {
        fs::remove_file(brixton.data().join(name)).ok();
    }
    for name in ["node.sqlite", "node.lock"] {
        fs::write(brixton.data().join(name), fs::read(story.copy.join(name)).unwrap()).unwrap();
    }
    brixton.up();
    assert_eq!((waits(brixton), check(brixton, "older copy")), (0, None), "{}", brixton.tail());
    // It knows no better, and signs for the second time what stands third.
    update(brixton, shared, "Third again");
    kennington.thaw();
    let said = brixton.until("told of the fork", |node| check(node, "older copy").filter(|check| check.detail.contains("in their place")));
    assert!(!said.ok && said.detail.contains(&shared[..8]), "{said:?}");
    assert!(said.remedy.expect("a remedy").contains("csu restore"));
    assert!(brixton.log_text().contains("this node signed two entries for one place"), "{}", brixton.tail());
    let documents: [Document; 2] = [brixton, kennington].map(|node| {
        node.until_document(shared, "saw the fork", |document| !document.forks.is_empty());
        node.document(shared).unwrap()
    });
    assert_eq!(documents[0].heads, documents[1].heads);
    assert_eq!(documents[0].fields, documents[1].fields);
    // Nothing of either is lost, and it goes on over both.
    let counted = |node: &Node| node.history(shared).unwrap().iter().filter(|line| line.counts).count();
    assert_eq!(counted(brixton), counted(kennington));
    assert_eq!(waits(brixton), 0);
    update(brixton, shared, "Four");
    kennington.until_document(shared, "got the next", |document| first(document, "headline") == "Four");
    let acts = brixton.acts("?verb=alteration").unwrap();
    assert!(acts.iter().any(|line| line.detail.contains("its database is an older one")), "{acts:?}");
}

#[test]
fn a_folder_that_was_only_moved_or_whose_node_was_killed_is_no_copy() {
    let [brixton, kennington] = town::two();
    let id = issue(&brixton, "One", &[("Kennington CSU", "write")]);
    kennington.freeze();
    for round in 0..3 {
        update(&brixton, &id, &format!("Round {round}"));
        brixton.kill();
        brixton.up();
    }
    assert!(brixton.terminate().success());
    let aside = brixton.outside("aside");
    fs::rename(brixton.data(), &aside).unwrap();
    fs::rename(&aside, brixton.data()).unwrap();
    brixton.up();
    assert_eq!((waits(&brixton), check(&brixton, "older copy")), (0, None), "{}", brixton.tail());
    update(&brixton, &id, "Moved");
    let all: Value = brixton.get("/documents").unwrap();
    assert!(all.to_string().contains("Moved"));
    kennington.thaw();
    kennington.until_document(&id, "got all of it", |document| first(document, "headline") == "Moved");
}
