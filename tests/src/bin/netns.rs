//! Nodes in network namespaces of their own, on links that this program makes bad: run by `tests/netns`, which makes the place for
//! it, and only there.
//!
//! What the machine cannot do is said, line by line; nothing is left out in silence.

use csu_node::desk::{PeerState, Status};
use csu_tests::node::Node;
use csu_tests::town::{self, first, issue};
use serde_json::json;
use std::net::Ipv4Addr;
use std::process::{Command, ExitCode};
use std::time::Instant;

/// Set by `tests/netns`: there is nothing in this place but what this program puts there.
const INSIDE: &str = "CSU_NETNS";
/// The namespaces, each with its end of its link to a bridge in the middle, and its address.
const PLACES: [(&str, &str, Ipv4Addr); 3] = [
    ("brixton", "veth0", Ipv4Addr::new(10, 77, 0, 1)),
    ("kennington", "veth1", Ipv4Addr::new(10, 77, 0, 2)),
    ("lambeth", "veth2", Ipv4Addr::new(10, 77, 0, 3)),
];

/// Runs `ip` or `tc`; why it failed, if it did.
fn run(line: &str) -> Result<(), String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (program, arguments) = words.split_first().ok_or("no program")?;
    let ran = Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    if ran.status.success() { Ok(()) } else { Err(format!("{line}: {}", String::from_utf8_lossy(&ran.stderr).trim())) }
}

fn must(line: &str) {
    run(line).unwrap_or_else(|why| panic!("{why}"));
}

/// Three namespaces on one bridge.
fn build() {
    must("ip link set lo up");
    must("ip link add middle type bridge");
    must("ip link set middle up");
    for (place, link, address) in PLACES {
        must(&format!("ip netns add {place}"));
        must(&format!("ip link add to-{link} type veth peer name {link} netns {place}"));
        must(&format!("ip link set to-{link} master middle up"));
        must(&format!("ip -n {place} addr add {address}/24 dev {link}"));
        must(&format!("ip -n {place} link set lo up"));
        must(&format!("ip -n {place} link set {link} up"));
    }
}

/// How the links are made bad, both ways.
const WEATHER: [(&str, &str); 3] = [
    ("delay, jitter, loss, duplicates", "netem delay 40ms 20ms loss 5% duplicate 2% reorder 5%"),
    ("long delay", "netem delay 300ms"),
    ("a narrow line", "tbf rate 512kbit burst 8kb latency 200ms"),
];

fn state(node: &Node, of: &Node) -> Option<PeerState> {
    let status: Status = node.get("/status").ok()?;
    status.peers.into_iter().find(|peer| peer.organisation.name == of.name()).map(|peer| peer.state)
}

/// All three write, and all have it in the end.
fn exchange(nodes: &[Node; 3], what: &str) {
    let [brixton, kennington, police] = nodes;
    let begun = Instant::now();
    let to = [("Kennington CSU", "write"), ("Lambeth Police", "write")];
    let ids: Vec<String> = (0..5).map(|number| issue(brixton, &format!("{what} {number}"), &to)).collect();
    for (node, id) in [(kennington, &ids[0]), (police, &ids[1])] {
        node.until_document(id, "got it", |document| document.state == "issued");
        node.step(id, "update", &json!({ "assign": [format!("headline=Seen by {}", node.name())] })).expect("an update");
    }
    town::until_same(&[brixton, kennington]);
    town::until_same(&[brixton, police]);
    println!("passed: {what}, {} ms", begun.elapsed().as_millis());
}

/// One is cut off, without a word to anybody, while all go on writing.
fn partition(nodes: &[Node; 3]) {
    let [brixton, kennington, police] = nodes;
    let to = [("Kennington CSU", "write"), ("Lambeth Police", "write")];
    let id = issue(brixton, "Before the partition", &to);
    for node in [kennington, police] {
        node.until_document(&id, "got it", |document| document.state == "issued");
    }
    // The bridge's end: the node's own link stays up.
    must("ip link set to-veth1 nomaster");
    kennington.step(&id, "update", &json!({ "assign": ["instruction=Lock rear windows. Look in on neighbours."] })).expect("an update");
    brixton.step(&id, "update", &json!({ "assign": ["headline=In the partition"] })).expect("an update");
    police.until_document(&id, "got it", |document| first(document, "headline") == "In the partition");
    for (one, other) in [(brixton, kennington), (police, kennington), (kennington, brixton), (kennington, police)] {
        one.until("saw that its neighbour is gone", |node| (state(node, other)? == PeerState::Connecting).then_some(()));
    }
    assert!(kennington.csu(&["status"]).good().stdout.contains("0 of 2 neighbours connected"));
    must("ip link set to-veth1 master middle");
    for node in nodes {
        node.until_document(&id, "had both", |document| {
            first(document, "headline") == "In the partition" && first(document, "instruction").ends_with("neighbours.")
        });
    }
    town::until_same(&[brixton, kennington]);
    println!("passed: a partition");
}

fn main() -> ExitCode {
    if std::env::var_os(INSIDE).is_none() {
        eprintln!("this changes the network it runs in: start it by tests/netns, which gives it one of its own");
        return ExitCode::FAILURE;
    }
    build();
    let kinds = [("Brixton CSU", "union"), ("Kennington CSU", "union"), ("Lambeth Police", "police")];
    let nodes: [Node; 3] = std::array::from_fn(|at| {
        let ((name, kind), (place, _, address)) = (kinds[at], PLACES[at]);
        let node = Node::in_namespace(name, kind, place, address);
        node.up();
        node
    });
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        town::pair(&nodes[one], &nodes[other]);
    }
    exchange(&nodes, "a good network");
    let mut left_out = 0;
    for (what, how) in WEATHER {
        let on = |place: &str, link: &str| run(&format!("ip netns exec {place} tc qdisc replace dev {link} root {how}"));
        match PLACES.iter().try_for_each(|(place, link, _)| on(place, link)) {
            Ok(()) => exchange(&nodes, what),
            Err(why) => {
                left_out += 1;
                println!("LEFT OUT: {what}: this machine's kernel does not offer it ({why})");
            }
        }
        for (place, link, _) in PLACES {
            // There is none to take away where it could not be put.
            run(&format!("ip netns exec {place} tc qdisc del dev {link} root")).ok();
        }
    }
    partition(&nodes);
    println!("{} passed, 0 failed, {left_out} left out", 2 + WEATHER.len() - left_out);
    ExitCode::SUCCESS
}
