//! Access as people give and take it: roles that end by themselves, and neighbours that keep what they cannot read.

use csu_node::desk::{AccessLevel, AccessView, Document, EntryKind, HistoryLine, Moment, PeerState, PeerStatus, Status};
use csu_protocol::time::Timestamp;
use csu_tests::node::{Node, files, on_a_terminal, program};
use csu_tests::town::{self, first};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn in_seconds(seconds: u64) -> Moment {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(seconds);
    Timestamp::from_ms(u64::try_from(now.as_millis()).unwrap()).into()
}

/// How a node says that a role on a document ended.
fn ended(node: &Node, document: &str, who: &str) -> Option<String> {
    let view: AccessView = node.get(&format!("/documents/{document}/access")).unwrap();
    view.rows.into_iter().find(|row| row.who.to_string() == who)?.ended
}

fn taken_back(node: &Node, document: &str, who: &str) -> Option<()> {
    ended(node, document, who).filter(|ended| ended.contains("Brixton CSU")).map(|_| ())
}

/// A bulletin of Brixton's.
fn issue(brixton: &Node, to: &Value) -> String {
    let body = json!({ "kind": "bulletin", "fields": town::bulletin("Burglaries"), "to": to });
    let draft: Document = brixton.post("/documents", &body).unwrap();
    brixton.step(&draft.reference, "issue", &json!({})).unwrap().reference
}

#[test]
fn a_role_that_ends_gives_nothing_any_more_and_the_owner_signs_that_it_is_taken_back() {
    let [brixton, kennington, police] = town::three();
    let to = json!([
        { "who": "Kennington CSU", "role": "read" },
        { "who": "Lambeth Police", "role": "read", "until": in_seconds(4) },
    ]);
    let bulletin = issue(&brixton, &to);
    police.until_document(&bulletin, "got it in time", |document| document.state == "issued");
    // All three see the end by themselves, and then the owner's signature under it.
    for node in [&brixton, &kennington, &police] {
        node.until("saw the role taken back", |node| taken_back(node, &bulletin, "Lambeth Police"));
    }
    brixton.step(&bulletin, "update", &json!({ "assign": ["headline=Burglaries go on"] })).unwrap();
    kennington.until_document(&bulletin, "got what came later", |document| first(document, "headline") == "Burglaries go on");
    // Kennington would pass it on if it might.
    let held = police.until_document(&bulletin, "knew that it reads no more", |document| document.access == AccessLevel::Former);
    assert_eq!(first(&held, "headline"), "Burglaries");
    let log = brixton.csu(&["log", "--json"]).json();
    let said = |line: &Value| line["detail"].as_str().is_some_and(|detail| detail.contains("the role of Lambeth Police came to its end"));
    assert!(log.as_array().unwrap().iter().any(said), "{log}");
}

#[test]
fn a_role_that_ends_while_the_owner_is_off_is_taken_back_when_it_is_up_again() {
    let [brixton, kennington] = town::two();
    let to = json!([{ "who": "Kennington CSU", "role": "read", "until": in_seconds(3) }]);
    let bulletin = issue(&brixton, &to);
    kennington.until_document(&bulletin, "got it in time", |document| document.state == "issued");
    brixton.terminate();
    let former = |node: &Node| node.document(&bulletin).ok().filter(|document| document.access == AccessLevel::Former).map(|_| ());
    kennington.until("knew the end by itself", former);
    // Nobody has said so yet but the clock.
    assert!(ended(&kennington, &bulletin, "Kennington CSU").unwrap().starts_with("ended on"));
    brixton.up();
    kennington.until("saw the role taken back", |node| taken_back(node, &bulletin, "Kennington CSU"));
}

#[test]
fn a_relay_serves_while_the_owner_is_off_what_it_cannot_read_itself() {
    let [brixton, kennington, police] = town::three();
    police.terminate();
    let bulletin = town::issue(&brixton, "Burglaries", &[("Kennington CSU", "relay"), ("Lambeth Police", "read")]);
    let kept = kennington.until_document(&bulletin, "kept it", |document| document.access == AccessLevel::Relay);
    assert!(kept.fields.is_empty(), "a relay reads {:?}", kept.fields);
    kennington.until("held the sealed content", |node| {
        let history: Vec<Value> = node.get(&format!("/documents/{bulletin}/history")).ok()?;
        history.iter().any(|line| line["kind"] == "revision").then_some(())
    });
    brixton.terminate();
    police.up();
    let found = police.until_document(&bulletin, "got it from the relay", |document| document.state == "issued");
    assert_eq!((first(&found, "headline"), found.owner.name.as_str()), ("Burglaries", "Brixton CSU"));
}

/// How many entries of content a node holds of a document.
fn content(node: &Node, document: &str) -> usize {
    let counted = |line: &HistoryLine| !matches!(line.kind, EntryKind::Genesis | EntryKind::Grant | EntryKind::Revoke);
    node.history(document).unwrap().iter().filter(|line| counted(line)).count()
}

/// Whether any file of a node holds these words.
fn holds(node: &Node, words: &str) -> bool {
    files(node.data()).iter().any(|file| std::fs::read(file).is_ok_and(|all| memchr::memmem::find(&all, words.as_bytes()).is_some()))
}

#[test]
fn a_force_that_loses_its_grant_gets_nothing_new_not_even_from_a_neighbour_and_reads_what_it_holds() {
    let [brixton, kennington, police] = town::three();
    let bulletin = town::issue(&brixton, "Burglaries", &[("Kennington CSU", "read"), ("Lambeth Police", "read")]);
    for node in [&kennington, &police] {
        node.until_document(&bulletin, "got it", |document| document.state == "issued");
    }
    brixton.csu(&["grant", "revoke", &bulletin, "Lambeth Police"]).good();
    police.until_document(&bulletin, "was told", |document| document.access == AccessLevel::Former);
    let held = content(&police, &bulletin);

    brixton.step(&bulletin, "update", &json!({ "assign": ["headline=Quartermaine Terrace too"] })).unwrap();
    kennington.until_document(&bulletin, "got the update", |document| first(document, "headline") == "Quartermaine Terrace too");
    // The owner is off: whatever came to the police now would come from Kennington, which holds all of it.
    brixton.terminate();
    for again in 0..2 {
        police.terminate();
        police.up();
        town::until_connected(&police, &kennington);
        police.until("had compared everything with Kennington", |node| {
            let status: Status = node.get("/status").ok()?;
            let compared =
                |peer: &PeerStatus| peer.organisation.name == "Kennington CSU" && peer.state == PeerState::Connected && !peer.syncing;
            status.peers.iter().any(compared).then_some(())
        });
        assert_eq!(content(&police, &bulletin), held, "round {again}");
        assert!(!holds(&police, "Quartermaine"), "round {again}");
    }

    // The screen says what the force holds, and whom to ask.
    let shown = police.csu(&["bulletin", "show", &bulletin]).good().stdout;
    assert!(shown.contains("your access was taken back") && shown.contains("Burglaries"), "{shown}");
    let access = police.csu(&["access", &bulletin]).good().stdout;
    assert!(access.contains("taken back by Brixton CSU") && access.contains("what it had received until then"), "{access}");
    police.csu(&["respond", &bulletin, "acknowledge"]).refused(&["takes the role read", "Brixton CSU", "csu grant add"]);
    police.csu(&["bulletin", "update", &bulletin, "headline=Ours"]).refused(&["Brixton CSU"]);
}

#[test]
fn a_stricter_marking_shows_who_would_lose_what_and_takes_it_back_in_the_same_step() {
    let [brixton, kennington, police] = town::three();
    let body = json!({ "kind": "bulletin", "fields": town::bulletin("Burglaries"), "marking": "CLEAR" });
    let draft: Document = brixton.post("/documents", &body).unwrap();
    let id = brixton.step(&draft.reference, "issue", &json!({})).unwrap().id.unwrap().to_string();
    brixton.csu(&["grant", "add", &id, "anyone"]).good();
    brixton.csu(&["grant", "add", &id, "Kennington CSU", "--role", "admin"]).good();
    for node in [&kennington, &police] {
        node.until_document(&id, "got it", |document| document.state == "issued");
    }
    let refused = ["anyone", "Kennington CSU as admin", "--narrow", "--dry-run"];
    brixton.csu(&["bulletin", "update", &id, "--marking", "AMBER+STRICT"]).refused(&refused);
    let shown = brixton.json(&["bulletin", "update", &id, "--marking", "AMBER+STRICT", "--to", "Lambeth Police", "--dry-run"]);
    assert_eq!(shown["losses"].as_array().unwrap().len(), 2, "{shown}");
    assert_eq!((&shown["losses"][1]["who"]["name"], &shown["losses"][1]["keeps"]), (&json!("Kennington CSU"), &json!("write")));
    assert_eq!((&shown["gains"][0]["who"]["name"], &shown["gains"][0]["role"]), (&json!("Lambeth Police"), &json!("read")));
    let words = brixton.csu(&["bulletin", "update", &id, "--marking", "AMBER+STRICT", "--dry-run"]).good().stdout;
    assert!(
        words.contains("anyone: has read, would have no role") && words.contains("Kennington CSU: has admin, would keep write"),
        "{words}"
    );
    assert_eq!(brixton.document(&id).unwrap().readers.len(), 2, "a preview took something");
    // On a terminal it is shown, and asked.
    let typed = |answer: &str| {
        let line = format!("{} --data {} bulletin update {id} --marking AMBER", program().display(), brixton.data().display());
        on_a_terminal(&line, answer.as_bytes(), &[("NO_COLOR", "1")]).good().stdout
    };
    let declined = typed("no\n");
    assert!(declined.contains("By this marking:") && declined.contains("Nothing was done"), "{declined}");
    assert_eq!(brixton.document(&id).unwrap().marking, "CLEAR");

    brixton.csu(&["bulletin", "update", &id, "--marking", "AMBER+STRICT", "--narrow"]).good();
    kennington.until_document(&id, "lost the role admin alone", |document| {
        document.access == AccessLevel::Write && document.marking == "AMBER+STRICT"
    });
    police.until_document(&id, "reads no more", |document| document.access == AccessLevel::Former);
    assert_eq!(police.document(&id).unwrap().marking, "CLEAR", "what came later arrived");
    // A milder one takes nothing, and gives nothing by itself.
    let shown = brixton.json(&["bulletin", "update", &id, "--marking", "GREEN", "--dry-run"]);
    assert!(shown["losses"].as_array().is_none_or(Vec::is_empty) && shown["gains"].as_array().is_none_or(Vec::is_empty), "{shown}");
    brixton.csu(&["bulletin", "update", &id, "--marking", "GREEN"]).good();
}
