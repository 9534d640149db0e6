//! Two nodes with a bad network between them: partitions, delay, loss, duplicates, and connections that end in the middle. What the
//! operators see, and that nothing is lost.

use csu_node::desk::{Check, Document, DocumentsPage, PeerState, Status};
use csu_tests::history::Dice;
use csu_tests::node::Node;
use csu_tests::proxy::{Proxy, Transport, Weather};
use csu_tests::town::{self, bulletin, first};
use serde_json::json;
use std::time::Duration;

/// Letters of a word.
const WORD: usize = 8;

fn state(node: &Node) -> PeerState {
    let status: Status = node.get("/status").expect("a status");
    status.peers.first().expect("a neighbour").state
}

/// What `csu doctor` says of a node's only neighbour.
fn doctor_of_neighbour(node: &Node) -> Check {
    let checks: Vec<Check> = serde_json::from_str(&node.csu(&["doctor", "--json"]).stdout).expect("a doctor's checks");
    checks.into_iter().find(|check| check.name.starts_with("neighbour ")).expect("a neighbour")
}

/// Issues a bulletin that the other may write, with so many words.
fn issue(node: &Node, other: &Node, headline: &str, words: usize) -> String {
    let mut fields = bulletin(headline);
    let mut dice = Dice::new(headline, 1);
    // Words that nothing makes much shorter: how much goes through the network is what this is about.
    let letters: Vec<char> = ('a'..='z').collect();
    let mut word = || (0..WORD).map(|_| *dice.pick(&letters).expect("a letter")).collect::<String>();
    let text: Vec<String> = (0..words).map(|_| word()).collect();
    fields["info"][0]["description"] = json!(text.join(" "));
    let to = json!([{ "who": other.name(), "role": "write" }]);
    let draft: Document = node.post("/documents", &json!({ "kind": "bulletin", "fields": fields, "to": to })).expect("a draft");
    node.step(&draft.reference, "issue", &json!({})).expect("a bulletin").id.expect("an id").to_string()
}

fn update(node: &Node, id: &str, assign: &str) {
    node.step(id, "update", &json!({ "assign": [assign] })).expect("an update");
}

/// A partition of which nobody is told, with work on both sides.
fn partition(transport: Transport) {
    let ([brixton, kennington], proxy) = town::two_behind(transport);
    let id = issue(&brixton, &kennington, "Burglaries", 10);
    kennington.until_document(&id, "got the bulletin", |document| document.state == "issued");
    proxy.part();
    update(&brixton, &id, "instruction=Keep side gates shut. Lock rear windows.");
    update(&kennington, &id, "instruction=Lock rear windows. Report what you see on 101.");
    let theirs = issue(&kennington, &brixton, "Lamps", 10);
    // Each finds out by itself, and says so.
    for (node, other) in [(&brixton, &kennington), (&kennington, &brixton)] {
        node.until("saw that its neighbour is gone", |node| (state(node) == PeerState::Connecting).then_some(()));
        let said = doctor_of_neighbour(node);
        assert!(!said.ok && said.detail.contains("not connected; last seen") && said.name.contains(other.name()), "{said:?}");
        assert!(said.remedy.expect("a remedy").contains("the other node is running"));
        let shown = node.csu(&["peer", "list"]).good().stdout;
        assert!(shown.contains(other.name()), "{shown}");
        let status = node.csu(&["status"]).good().stdout;
        assert!(status.contains("0 of 1 neighbour connected"), "{status}");
    }
    assert!(brixton.document(&theirs).is_err(), "the partition leaks");
    let more = issue(&brixton, &kennington, "More", 10);
    proxy.heal();
    let all = town::until_same(&[&brixton, &kennington]);
    assert_eq!(all.len(), 3);
    assert!(all.contains_key(&more) && all.contains_key(&theirs));
    let both = "Keep side gates shut. Lock rear windows. Report what you see on 101.";
    assert_eq!(first(&kennington.document(&id).expect("the bulletin"), "instruction"), both);
    for node in [&brixton, &kennington] {
        assert!(doctor_of_neighbour(node).ok);
        assert_eq!(state(node), PeerState::Connected);
    }
}

#[test]
fn a_partition_of_streams_is_seen_on_both_sides_and_when_it_heals_both_have_what_either_wrote() {
    partition(Transport::Tcp);
}

#[test]
fn a_partition_of_datagrams_is_seen_on_both_sides_and_when_it_heals_both_have_what_either_wrote() {
    partition(Transport::Quic);
}

/// Both write while the network is bad; `meanwhile` makes it worse.
fn exchange(transport: Transport, weather: Weather, meanwhile: impl Fn(&Proxy, usize)) {
    let ([brixton, kennington], proxy) = town::two_behind(transport);
    proxy.weather(weather);
    let before = proxy.bytes();
    let mut ids = Vec::new();
    for number in 0..12_usize {
        ids.push(issue(&brixton, &kennington, &format!("Brixton {number}"), 100));
        if number % 3 == 0 {
            ids.push(issue(&kennington, &brixton, &format!("Kennington {number}"), 100));
        }
        if let Some(earlier) = ids.get(number.saturating_sub(4)) {
            update(&brixton, ids.first().expect("one"), &format!("severity={}", ["Minor", "Severe"][number % 2]));
            kennington.until_document(earlier, "got an earlier one", |document| matches!(document.state.as_str(), "issued" | "updated"));
            update(&kennington, earlier, &format!("headline=Seen by Kennington {number}"));
        }
        meanwhile(&proxy, number);
    }
    let all = town::until_same(&[&brixton, &kennington]);
    assert_eq!(all.len(), ids.len());
    assert!(proxy.bytes() > before + 10_000, "it did not go through the proxy");
    for node in [&brixton, &kennington] {
        assert_eq!(node.acts("?verb=network").expect("a log").iter().filter(|line| line.detail.contains("broke")).count(), 0);
    }
}

#[test]
fn over_a_network_that_loses_doubles_and_mixes_datagrams_and_forgets_who_spoke_all_arrives() {
    let weather = Weather {
        delay: Duration::from_millis(20),
        jitter: Duration::from_millis(30),
        lost_percent: 5,
        doubled_percent: 5,
        ..Weather::default()
    };
    exchange(Transport::Quic, weather, |proxy, number| {
        if number % 4 == 3 {
            proxy.cut();
        }
    });
}

#[test]
fn over_a_slow_network_that_stands_still_now_and_then_all_arrives_without_a_new_connection() {
    let weather = Weather {
        delay: Duration::from_millis(20),
        jitter: Duration::from_millis(30),
        bytes_per_second: Some(500_000),
        ..Weather::default()
    };
    exchange(Transport::Tcp, weather, |proxy, number| {
        if number % 4 == 3 {
            proxy.part();
            std::thread::sleep(Duration::from_secs(1));
            proxy.heal();
        }
    });
}

#[test]
fn a_catch_up_that_is_cut_again_and_again_goes_on_where_it_was() {
    const DOCUMENTS: u64 = 60;
    const CUT_WITHIN: u64 = 120_000;
    let ([brixton, kennington], proxy) = town::two_behind(Transport::Tcp);
    assert!(kennington.terminate().success());
    for number in 0..DOCUMENTS {
        issue(&brixton, &kennington, &format!("Number {number}"), 500);
    }
    proxy.weather(Weather { cut_within: Some(CUT_WITHIN), ..Weather::default() });
    kennington.up();
    // Those that can be read: what is known of all of them comes before what they say.
    let documents = |node: &Node| {
        let page: DocumentsPage = node.get(&format!("/documents?limit={DOCUMENTS}")).expect("a list");
        page.items.iter().filter(|line| line.state == "issued").count() as u64
    };
    let mut seen = Vec::new();
    kennington.until("had all documents", |node| {
        let (cuts, held) = (proxy.streams_cut(), documents(node));
        if seen.last().is_none_or(|(before, _)| *before < cuts) {
            seen.push((cuts, held));
        }
        (held == DOCUMENTS).then_some(())
    });
    println!("after so many cuts so many documents: {seen:?}, {} bytes", proxy.bytes());
    // More than two streams can have carried.
    assert!(proxy.streams_cut() >= 2, "{} bytes, {seen:?}", proxy.bytes());
    // What one stream brought is kept when it ends, and not all came by one.
    assert!(seen.is_sorted_by_key(|(_, held)| *held), "{seen:?}");
    assert!(seen.iter().filter(|(_, held)| *held > 0 && *held < DOCUMENTS).count() > 0, "{seen:?}");
    proxy.weather(Weather::default());
    assert_eq!(town::until_same(&[&brixton, &kennington]).len(), 60);
}
