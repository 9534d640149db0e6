//! Clocks that jump by days, under a node that runs and while it is down: documents go on, and nothing ends before its time.
//!
//! A node gets another civil time by libfaketime (Debian's package `libfaketime`), and its machine's own time is left as it is.

use csu_node::desk::{Check, Document, EntryKind, ErasureView};
use csu_protocol::time::Timestamp;
use csu_tests::node::Node;
use csu_tests::town::{self, bulletin, first, issue};
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// The library, as Debian's machines have it.
fn library() -> String {
    let found: Vec<PathBuf> = ["/usr/lib", "/usr/lib64"]
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .flatten()
        .flat_map(|place| [place.path().join("faketime/libfaketime.so.1"), place.path().join("libfaketime.so.1")])
        .filter(|file| file.is_file())
        .collect();
    let found = found.first().expect("libfaketime is not there: type `apt-get install libfaketime`, or use tests/run, which does");
    found.to_str().expect("a plain path").to_owned()
}

/// A node with a clock of its own.
struct Clocked {
    node: Node,
    library: String,
}

impl Clocked {
    fn new(name: &str) -> Self {
        let node = Node::new(name, "union");
        let clocked = Self { node, library: library() };
        clocked.set("+0");
        clocked
    }

    /// Sets its clock so far from the machine's, such as "+10d"; at once if it runs.
    fn set(&self, offset: &str) {
        // By a new file in its place: what is half written is never read.
        let next = self.node.outside("clock.next");
        fs::write(&next, offset).expect("a file can be written");
        fs::rename(next, self.node.outside("clock")).expect("a file can be renamed");
    }

    fn up(&self) {
        self.up_with(&[]);
    }

    fn up_with(&self, variables: &[(&str, &str)]) {
        let clock = self.node.outside("clock");
        let own = [
            ("LD_PRELOAD", self.library.as_str()),
            ("FAKETIME_TIMESTAMP_FILE", clock.to_str().expect("a plain path")),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ];
        self.node.up_with(&own.iter().chain(variables).copied().collect::<Vec<_>>());
    }
}

fn check(node: &Node, name: &str) -> Check {
    let checks: Vec<Check> = serde_json::from_str(&node.csu(&["doctor", "--json"]).stdout).expect("a doctor's checks");
    checks.into_iter().find(|check| check.name == name).expect("a check")
}

fn in_days(days: u64) -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time") + Duration::from_secs(days * 86_400);
    Timestamp::from_ms(u64::try_from(since.as_millis()).expect("a time"))
}

/// Both write, and both have it.
fn exchange(brixton: &Node, kennington: &Node, id: &str, words: &str) {
    for (one, other, field) in [(brixton, kennington, "headline"), (kennington, brixton, "instruction")] {
        one.until("updated it", |node| node.step(id, "update", &json!({ "assign": [format!("{field}={words}")] })).ok());
        other.until_document(id, "got it", |document| first(document, field) == words);
    }
    let both = [brixton, kennington].map(|node| node.document(id).expect("the bulletin"));
    assert_eq!(both[0].fields, both[1].fields);
    assert!(both.iter().all(|document| document.forks.is_empty()), "{both:?}");
}

#[test]
fn a_clock_that_jumps_by_days_under_a_running_node_or_between_two_runs_keeps_nobody_from_working_and_is_told() {
    let (brixton, kennington) = (Clocked::new("Brixton CSU"), Node::started("Kennington CSU", "union"));
    brixton.up();
    town::pair(&brixton.node, &kennington);
    let id = issue(&brixton.node, "Before", &[("Kennington CSU", "write")]);
    kennington.until_document(&id, "got it", |document| document.state == "issued");
    exchange(&brixton.node, &kennington, &id, "In time");
    assert!(check(&brixton.node, "clock").ok);
    for (number, offset) in ["+10d", "-20d", "+3650d", "+0"].into_iter().enumerate() {
        brixton.set(offset);
        let said = check(&brixton.node, "clock");
        assert!(!said.ok && said.remedy.as_ref().expect("a remedy").contains("time service"), "{offset}: {said:?}");
        exchange(&brixton.node, &kennington, &id, &format!("Jump {number}"));
        let more = issue(&brixton.node, &format!("Issued at {offset}"), &[("Kennington CSU", "read")]);
        kennington.until_document(&more, "got it", |document| document.state == "issued");
    }
    assert!(brixton.node.log_text().contains("the clock jumped"), "{}", brixton.node.tail());
    for (number, offset) in ["-30d", "+30d"].into_iter().enumerate() {
        assert!(brixton.node.terminate().success());
        brixton.set(offset);
        brixton.up();
        assert!(!check(&brixton.node, "clock").ok);
        town::until_connected(&kennington, &brixton.node);
        exchange(&brixton.node, &kennington, &id, &format!("Start {number}"));
    }
    town::until_same(&[&brixton.node, &kennington]);
}

#[test]
fn what_a_wrong_clock_did_not_serve_is_served_soon_after_it_is_set_right_without_a_new_connection() {
    let (owner, reader) = (Clocked::new("Brixton CSU"), Node::started("Kennington CSU", "union"));
    owner.up();
    town::pair(&owner.node, &reader);
    let to = json!([{ "who": "Kennington CSU", "role": "read", "until": in_days(5).to_string() }]);
    let draft: Document =
        owner.node.post("/documents", &json!({ "kind": "bulletin", "fields": bulletin("For five days"), "to": to })).expect("a draft");
    let lent = owner.node.step(&draft.reference, "issue", &json!({})).expect("a bulletin").id.expect("an id").to_string();
    reader.until_document(&lent, "got it", |document| document.state == "issued");
    owner.set("+10d");
    owner.node.step(&lent, "update", &json!({ "assign": ["headline=While the clock was wrong"] })).expect("an update");
    // What comes after it shows that this was not sent.
    let after = issue(&owner.node, "For good", &[("Kennington CSU", "read")]);
    reader.until_document(&after, "got it", |document| document.state == "issued");
    let heads = |node: &Node| node.document(&lent).expect("the bulletin").heads;
    let ahead = heads(&owner.node);
    assert_ne!(heads(&reader), ahead);
    let connected = || owner.node.log_text().matches(" connected ").count();
    let before = connected();
    owner.set("+0");
    // The node looks at its clock whenever it does anything, and once a minute.
    check(&owner.node, "clock");
    reader.until_document(&lent, "got the rest", |document| document.heads == ahead);
    assert_eq!(connected(), before, "{}", owner.node.tail());
    // Its key was for those who could read by the wrong clock; the next is for all.
    owner.node.step(&lent, "update", &json!({ "assign": ["headline=In time after all"] })).expect("an update");
    reader.until_document(&lent, "got the next", |document| first(document, "headline") == "In time after all");
}

#[test]
fn a_clock_that_jumps_ahead_ends_no_time_of_grace_takes_back_no_role_and_erases_nothing() {
    let (owner, reader) = (Node::new("Brixton CSU", "union"), Clocked::new("Kennington CSU"));
    let owner = Clocked { node: owner, library: library() };
    owner.set("+0");
    owner.up();
    let grace = [("CSU_ERASURE_GRACE_HOURS", "24")];
    reader.up_with(&grace);
    town::pair(&owner.node, &reader.node);
    let gone = issue(&owner.node, "Mistaken order", &[("Kennington CSU", "read")]);
    let kept = issue(&owner.node, "Kept for five days", &[("Kennington CSU", "read")]);
    let to = json!([{ "who": "Kennington CSU", "role": "read", "until": in_days(5).to_string() }]);
    let draft: Document =
        owner.node.post("/documents", &json!({ "kind": "bulletin", "fields": bulletin("For five days"), "to": to })).expect("a draft");
    let lent = owner.node.step(&draft.reference, "issue", &json!({})).expect("a bulletin").id.expect("an id").to_string();
    for id in [&gone, &kept, &lent] {
        reader.node.until_document(id, "got it", |document| document.state == "issued");
    }
    let end = in_days(5).to_string();
    owner.node.csu(&["retention", "set", &kept, "--until", &end, "--why", "as long as it takes"]).good();
    owner.node.csu(&["erase", &gone, "--why", "mistaken", "--yes"]).good();
    let view = |node: &Node| node.get::<ErasureView>(&format!("/documents/{gone}/erasure")).expect("a view");
    reader.node.until("was told", |node| view(node).erased);
    let revocations = || {
        let history = owner.node.history(&lent).expect("a history");
        history.iter().filter(|line| line.kind == EntryKind::Revoke).count()
    };
    for way in ["while they run", "between two runs"] {
        if way == "between two runs" {
            for clocked in [&owner, &reader] {
                clocked.set("+0");
                assert!(clocked.node.terminate().success());
            }
        }
        for clocked in [&owner, &reader] {
            clocked.set("+10d");
        }
        if way == "between two runs" {
            owner.up();
            reader.up_with(&grace);
        }
        assert!(!check(&owner.node, "clock").ok && !check(&reader.node, "clock").ok, "{way}");
        // Something for both to do, so that whatever is due is done.
        let more = issue(&owner.node, way, &[("Kennington CSU", "read")]);
        reader.node.until_document(&more, "got it", |document| document.state == "issued");
        owner.node.step(&lent, "update", &json!({ "assign": [format!("headline={way}")] })).expect("an update");
        assert_eq!(view(&owner.node).outstanding, 1, "{way}: the time of grace is over");
        assert_eq!(revocations(), 0, "{way}: a role was taken back");
        assert_eq!(first(&owner.node.document(&kept).expect("it is kept"), "headline"), "Kept for five days", "{way}");
        assert!(!reader.node.document(&lent).is_ok_and(|document| first(&document, "headline") == way), "{way}: served after its end");
    }
    // Set right, the role has not ended, and the time of grace goes on.
    for clocked in [&owner, &reader] {
        clocked.set("+0");
    }
    owner.node.step(&lent, "update", &json!({ "assign": ["headline=In time after all"] })).expect("an update");
    reader.node.until_document(&lent, "was served again", |document| first(document, "headline") == "In time after all");
    assert_eq!((view(&owner.node).outstanding, revocations()), (1, 0));
}
