//! Finding documents by their words, with real processes.

use csu_node::desk::Status;
use csu_tests::node::Node;
use csu_tests::remains::left;
use csu_tests::town;
use serde_json::json;
use std::collections::BTreeSet;

/// Bulletins that a neighbour gets at once: more than are listed in one commit.
const MANY: usize = 60;

fn titles(node: &Node, words: &[&str]) -> BTreeSet<String> {
    let found = node.json(&[&["search"], words].concat());
    found["items"].as_array().unwrap().iter().map(|line| line["title"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn documents_are_found_by_their_words_until_they_are_erased_and_whatever_is_asked_is_answered() {
    let node = Node::started("Brixton CSU", "union");
    let lanterns = town::issue(&node, "Zephyrine lanterns stolen", &[]);
    town::issue(&node, "Lanterns found", &[]);
    node.csu(&["bulletin", "draft", "headline=Lanterns in a draft"]).good();
    assert_eq!(titles(&node, &["lantern*"]).len(), 2);
    assert_eq!(titles(&node, &["ZEPHYRINE", "lanterns"]), BTreeSet::from(["Zephyrine lanterns stolen".to_owned()]));
    let page = node.csu(&["search", "lanterns", "--limit", "1", "--kind", "bulletin"]).good().stdout;
    let more = page.lines().find_map(|line| line.strip_prefix("More: csu search 'lanterns' --kind bulletin --cursor ")).unwrap().to_owned();
    let next = node.csu(&["search", "lanterns", "--cursor", &more]).good().stdout;
    assert!(next.contains("Zephyrine") && !next.contains("More:"), "{next}");
    assert!(node.csu(&["search", "title:lanterns"]).good().stdout.starts_with("Nothing was found"));
    node.csu(&["search", "--", "(((\"*"]).refused(&["no word"]);
    node.csu(&["search", &"word ".repeat(20)]).refused(&["too long"]);
    node.csu(&["search", "lanterns", "--cursor", "1; DROP TABLE search"]).refused(&["cursor"]);
    for hostile in ["NEAR(lanterns)", "lanterns AND", "-lanterns", "{title}:x", "'; DROP TABLE search; --"] {
        node.csu(&["search", "--", hostile]).good();
    }
    node.csu(&["erase", &lanterns, "--why", "legal", "--yes"]).good();
    assert_eq!(titles(&node, &["lantern*"]), BTreeSet::from(["Lanterns found".to_owned()]));
    assert_eq!(left(&node, &["Zephyrine", "zephyrine"], &BTreeSet::new()), BTreeSet::new());
}

#[test]
fn what_comes_all_at_once_is_found_in_the_end_also_if_the_node_is_killed_meanwhile() {
    let [brixton, kennington] = town::two();
    kennington.post::<serde_json::Value>("/peers/Brixton%20CSU/pause", &json!({ "paused": true })).unwrap();
    for number in 0..MANY {
        town::issue(&brixton, &format!("Lanterns, number {number}"), &[("Kennington CSU", "read")]);
    }
    kennington.post::<serde_json::Value>("/peers/Brixton%20CSU/pause", &json!({ "paused": false })).unwrap();
    kennington.until("has all", |node| (node.get::<Status>("/status").ok()?.documents == MANY as u64).then_some(()));
    kennington.kill();
    kennington.up();
    kennington.until("lists all", |node| {
        let status = node.get::<Status>("/status").ok()?;
        (status.documents == MANY as u64 && status.to_be_listed == 0 && titles(node, &["lanterns", "--limit", "500"]).len() == MANY)
            .then_some(())
    });
    // Each came, and that is in the log once or twice: who may do what, and what it says.
    let received = kennington.acts("?verb=collection&limit=1000").unwrap();
    assert!((MANY..=MANY * 2).contains(&received.len()), "{}", received.len());
}
