//! People at their browsers: an operator's and an officer's day at the pages of two real nodes, in Chromium.
//!
//! The walks are `tests/browser/day.mjs`; here the nodes are started and paired. Each way to use the pages is a test: with scripts
//! and without, on a narrow screen, by the keyboard alone. `CSU_TEST_PICTURES=FOLDER` keeps pictures of the main pages.

use csu_tests::node::{Node, PATIENCE};
use csu_tests::programs::{node_modules, printed};
use csu_tests::town;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Starts a node with pages, and the link by which its first account is made.
fn with_pages(node: &Node) -> String {
    assert!(node.terminate().success());
    node.up_with(&[("CSU_WEB", "127.0.0.1:0")]);
    // It answers commands a moment before it has printed everything.
    let until = Instant::now() + PATIENCE;
    loop {
        let log = node.log_text();
        let link = log.split_whitespace().find(|word| word.starts_with("http://") && word.contains("/begin/"));
        if let Some(link) = link {
            return link.to_owned();
        }
        assert!(Instant::now() < until, "no link was printed\n{}", node.tail());
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn day(way: &str) {
    let brixton = Node::started("Brixton CSU", "union");
    let police = Node::started("Lambeth Police", "police");
    town::pair(&brixton, &police);
    let links = [with_pages(&brixton), with_pages(&police)];
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/day.mjs");
    let mut node = Command::new("node");
    node.arg(script).arg(way).args(links).env("CSU_TEST_NODE_MODULES", node_modules("playwright-core"));
    let output = node.output().unwrap_or_else(|why| panic!("node cannot be run ({why}): run the suite by `tests/run browser`"));
    println!("{}", printed(&output));
}

#[test]
fn an_operator_and_an_officer_do_their_day_in_a_browser() {
    day("script");
}

#[test]
fn the_same_day_goes_without_javascript() {
    day("plain");
}

#[test]
fn the_same_day_goes_on_a_screen_of_360_pixels() {
    day("narrow");
}

#[test]
fn the_same_day_goes_by_the_keyboard_alone() {
    day("keyboard");
}
