//! Nodes that die or stand still under load: whatever they acknowledged is there afterwards, and nobody else is held up.

use csu_node::cli::client::ClientError;
use csu_node::desk::{Check, PeerState, Status};
use csu_tests::history::Dice;
use csu_tests::node::Node;
use csu_tests::town::{self, first, issue};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a node is killed.
const KILLS: usize = 24;
/// Documents of each writer.
const DOCUMENTS: usize = 3;

/// What was acknowledged: of each document the number of the last update.
#[derive(Default)]
struct Ledger(Mutex<BTreeMap<String, u64>>);

impl Ledger {
    fn acknowledged(&self, id: &str, number: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), number);
    }

    fn all(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// That a node has all that it acknowledged before this was taken down.
    fn audit(before: &BTreeMap<String, u64>, node: &Node) {
        for (id, number) in before {
            let document = node.document(id).unwrap_or_else(|error| panic!("{id} is lost: {error}\n{}", node.tail()));
            let at: u64 = first(&document, "headline").parse().expect("a number");
            assert!(at >= *number, "update {number} of {id} was acknowledged, and it is at {at}\n{}", node.tail());
            assert!(document.forks.is_empty() && document.problems.is_empty(), "{document:?}");
        }
    }
}

/// Whether a refusal says that an update had been done and was not acknowledged.
fn was_done(error: &ClientError) -> bool {
    matches!(error, ClientError::Refused(problem) if problem.status() < 500)
}

/// Updates its documents one after the other until it is over, by the API or by the command.
fn write(node: &Node, by_command: bool, over: &AtomicBool, ledger: &Ledger) {
    let mut documents: Vec<(String, u64)> = Vec::new();
    let mut turn = 0_usize;
    while !over.load(Ordering::SeqCst) {
        turn += 1;
        if documents.len() < DOCUMENTS && turn % 5 == 1 {
            // A draft that was not acknowledged stays a draft: it is nobody's loss.
            let fields = town::bulletin("0");
            let to = json!([{ "who": "Kennington CSU", "role": "read" }]);
            let begun: Result<csu_node::desk::Document, _> =
                node.post("/documents", &json!({ "kind": "bulletin", "fields": fields, "to": to }));
            let issued = begun.and_then(|draft| node.step(&draft.reference, "issue", &json!({})));
            if let Ok(id) = issued.map(|issued| issued.id.expect("an id").to_string()) {
                ledger.acknowledged(&id, 0);
                documents.push((id, 0));
            }
            continue;
        }
        let Some((id, number)) = documents.get_mut(turn % DOCUMENTS) else {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        };
        let next = format!("headline={}", *number + 1);
        let done = if by_command {
            let ran = node.csu(&["bulletin", "update", id, &next]);
            assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
            ran.code == Some(0) || is_at(node, id, *number + 1)
        } else {
            match node.step(id, "update", &json!({ "assign": [next] })) {
                Ok(_) => true,
                Err(error) => was_done(&error) && is_at(node, id, *number + 1),
            }
        };
        if done {
            *number += 1;
            ledger.acknowledged(id, *number);
        } else {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn is_at(node: &Node, id: &str, number: u64) -> bool {
    node.document(id).is_ok_and(|document| first(&document, "headline") == number.to_string())
}

#[test]
fn a_node_killed_again_and_again_under_load_has_all_it_acknowledged_each_time_and_the_neighbour_gets_it_all() {
    let mut dice = Dice::printed("killed under load");
    let nodes = town::two();
    let [brixton, kennington] = &nodes;
    let (over, ledger) = (AtomicBool::new(false), Ledger::default());
    let mut audited = 0;
    std::thread::scope(|scope| {
        for by_command in [false, false, true] {
            let (over, ledger) = (&over, &ledger);
            scope.spawn(move || write(brixton, by_command, over, ledger));
        }
        let killing = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for round in 0..KILLS {
                std::thread::sleep(Duration::from_millis(dice.below(250) as u64));
                if round % 4 == 3 {
                    kennington.kill();
                    kennington.up();
                    continue;
                }
                // Taken down before: what is acknowledged later may come from the new run.
                let before = ledger.all();
                brixton.kill();
                // What it lost must not come back from there before it is looked for.
                kennington.freeze();
                brixton.up();
                Ledger::audit(&before, brixton);
                kennington.thaw();
                audited += before.len();
            }
        }));
        over.store(true, Ordering::SeqCst);
        killing.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    let all = ledger.all();
    println!("{audited} looks at {} documents with {} updates", all.len(), all.values().sum::<u64>());
    assert_eq!(all.len(), 3 * DOCUMENTS, "there was no load");
    assert!(all.values().sum::<u64>() > KILLS as u64, "there was no load: {all:?}");
    Ledger::audit(&all, brixton);
    let same = town::until_same(&[brixton, kennington]);
    assert!(all.keys().all(|id| same.contains_key(id)));
    for node in &nodes {
        let checks: Vec<Check> = serde_json::from_str(&node.csu(&["doctor", "--json"]).stdout).expect("a doctor's checks");
        for name in ["database", "access log"] {
            assert!(checks.iter().any(|check| check.name == name && check.ok), "{checks:?}");
        }
        assert!(!checks.iter().any(|check| check.name == "older copy"), "{checks:?}");
    }
}

fn state(node: &Node, of: &Node) -> Option<PeerState> {
    let status: Status = node.get("/status").ok()?;
    status.peers.into_iter().find(|peer| peer.organisation.name == of.name()).map(|peer| peer.state)
}

#[test]
fn a_neighbour_that_stands_still_is_told_by_doctor_holds_nobody_up_and_catches_up_when_it_goes_on() {
    let nodes = town::three();
    let [brixton, kennington, police] = &nodes;
    let to = [("Kennington CSU", "read"), ("Lambeth Police", "write")];
    let id = issue(brixton, "Before", &to);
    kennington.until_document(&id, "got it", |document| document.state == "issued");
    kennington.freeze();
    let (mut rounds, mut slowest) = (0_u32, Duration::ZERO);
    // Until both have given it up, and some more: they go on with each other all the time.
    let frozen = Instant::now();
    let mut more = 10;
    while more > 0 {
        rounds += 1;
        let begun = Instant::now();
        let headline = format!("Round {rounds}");
        brixton.step(&id, "update", &json!({ "assign": [format!("headline={headline}")] })).expect("an update");
        police.until_document(&id, "was held up", |document| first(document, "headline") == headline);
        police.csu(&["respond", &id, "comment", "--text", &headline]).good();
        brixton.until_document(&id, "was held up", |document| document.responses.iter().any(|response| response.text == headline));
        slowest = slowest.max(begun.elapsed());
        if [brixton, police].iter().all(|node| state(node, kennington) == Some(PeerState::Connecting)) {
            more -= 1;
        } else {
            std::thread::sleep(Duration::from_millis(250));
        }
        assert!(frozen.elapsed() < 2 * csu_tests::node::PATIENCE, "nobody gives up a neighbour that stands still\n{}", brixton.tail());
    }
    println!("{rounds} rounds in {} ms, the slowest {} ms", frozen.elapsed().as_millis(), slowest.as_millis());
    let checks: Vec<Check> = serde_json::from_str(&brixton.csu(&["doctor", "--json"]).stdout).expect("a doctor's checks");
    let said = checks.iter().find(|check| check.name.contains("Kennington CSU")).expect("a check");
    assert!(!said.ok && said.detail.contains("not connected; last seen"), "{said:?}");
    assert!(brixton.csu(&["status"]).good().stdout.contains("1 of 2 neighbours connected"));
    kennington.thaw();
    town::until_connected(brixton, kennington);
    kennington.until_document(&id, "caught up", |document| {
        first(document, "headline") == format!("Round {rounds}") && document.responses.len() == rounds as usize
    });
    town::until_same(&[brixton, police]);
    // Nobody is blamed for it: neither who stood still nor those it did not hear meanwhile.
    for node in &nodes {
        let blame = node.acts("?verb=network").expect("a log");
        assert!(!blame.iter().any(|line| line.detail.contains("out of turn") || line.detail.contains("too much")), "{blame:?}");
    }
}
