//! What two sides of a partition do is all still there when it ends.

use csu_node::desk::{Document, Peer, PeerState, Status};
use csu_protocol::codec::Canonical;
use csu_protocol::entry::{Body, Header};
use csu_protocol::id::EntryId;
use csu_tests::node::Node;
use csu_tests::remains::{database, headers};
use csu_tests::town::{self, first};
use serde_json::json;
use std::collections::BTreeSet;

/// Parts two nodes, as the operator of the first may.
fn part(one: &Node, other: &Node) {
    one.post::<Peer>(&format!("/peers/{}/pause", other.name().replace(' ', "%20")), &json!({ "paused": true })).unwrap();
    let state = |node: &Node, of: &Node| {
        let status: Status = node.get("/status").ok()?;
        status.peers.into_iter().find(|peer| peer.organisation.name == of.name()).map(|peer| peer.state)
    };
    one.until("paused", |node| (state(node, other)? == PeerState::Paused).then_some(()));
    other.until("lost the connection", |node| (state(node, one)? == PeerState::Connecting).then_some(()));
}

fn join(one: &Node, other: &Node) {
    one.post::<Peer>(&format!("/peers/{}/pause", other.name().replace(' ', "%20")), &json!({ "paused": false })).unwrap();
}

/// The entries of content in a node's database, decoded.
fn content(node: &Node, document: &str) -> Vec<Header> {
    let headers = headers(&database(node));
    let all = headers.values().map(|header| Header::from_canonical(header).unwrap());
    all.filter(|header| header.document.is_some_and(|of| of.to_string() == document) && matches!(header.body, Body::Revision { .. }))
        .collect()
}

fn update(node: &Node, document: &str, field: &str) -> Document {
    node.step(document, "update", &json!({ "assign": [field] })).unwrap()
}

#[test]
fn edits_of_one_text_on_both_sides_of_a_partition_survive_and_the_next_revision_is_signed_over_both() {
    let [brixton, kennington] = town::two();
    let bulletin = town::issue(&brixton, "Burglaries", &[("Kennington CSU", "write")]);
    kennington.until_document(&bulletin, "got the bulletin", |document| document.state == "issued");
    part(&brixton, &kennington);
    update(&brixton, &bulletin, "instruction=Keep side gates shut. Lock rear windows.");
    update(&kennington, &bulletin, "instruction=Lock rear windows. Report what you see on 101.");
    assert!(!first(&brixton.document(&bulletin).unwrap(), "instruction").contains("101"), "the partition leaks");
    join(&brixton, &kennington);
    let both = "Keep side gates shut. Lock rear windows. Report what you see on 101.";
    for node in [&brixton, &kennington] {
        node.until_document(&bulletin, "had both edits", |document| first(document, "instruction") == both);
    }
    let before: BTreeSet<EntryId> = content(&brixton, &bulletin).iter().map(Header::id).collect();
    let named: BTreeSet<EntryId> = content(&brixton, &bulletin).iter().flat_map(deps).collect();
    let heads: BTreeSet<EntryId> = before.difference(&named).copied().collect();
    assert_eq!(heads.len(), 2, "two revisions stand side by side");
    let next = update(&kennington, &bulletin, "severity=Severe");
    assert_eq!(first(&next, "instruction"), both);
    let news: Vec<Header> = content(&kennington, &bulletin).into_iter().filter(|header| !before.contains(&header.id())).collect();
    assert_eq!(news.len(), 1);
    assert_eq!(deps(&news[0]).into_iter().collect::<BTreeSet<_>>(), heads, "it is not signed over both");
    let there = brixton.until_document(&bulletin, "got the next revision", |document| first(document, "severity") == "Severe");
    assert_eq!((&there.fields, &there.heads), (&next.fields, &next.heads));
    assert!(there.forks.is_empty() && there.problems.is_empty(), "{there:?}");
}

fn deps(header: &Header) -> Vec<EntryId> {
    match &header.body {
        Body::Revision { deps, .. } => deps.clone(),
        _ => Vec::new(),
    }
}

#[test]
fn when_one_side_updates_and_the_other_withdraws_both_end_at_withdrawn() {
    let [brixton, kennington] = town::two();
    let bulletin = town::issue(&brixton, "Burglaries", &[("Kennington CSU", "write")]);
    kennington.until_document(&bulletin, "got the bulletin", |document| document.state == "issued");
    part(&kennington, &brixton);
    brixton.step(&bulletin, "withdraw", &json!({ "reason": "mistaken" })).unwrap();
    update(&kennington, &bulletin, "headline=Burglaries go on");
    assert_eq!(kennington.document(&bulletin).unwrap().state, "updated");
    join(&kennington, &brixton);
    let mut said = Vec::new();
    for node in [&brixton, &kennington] {
        let found = node.until_document(&bulletin, "had both sides", |document| {
            document.state == "withdrawn" && first(document, "headline") == "Burglaries go on"
        });
        let withdrawn = found.withdrawn.clone().unwrap();
        assert_eq!((withdrawn.reason.as_str(), withdrawn.by.name.as_str()), ("mistaken", "Brixton CSU"));
        assert!(found.steps.is_empty(), "a withdrawn bulletin offers {:?}", found.steps);
        said.push((found.fields, found.heads));
    }
    assert_eq!(said[0], said[1]);
    let refused = kennington.csu(&["bulletin", "update", &bulletin, "severity=Minor"]).refused(&["withdrawn"]);
    assert!(refused.stdout.is_empty());
}

#[test]
fn a_draft_begun_before_the_other_side_wrote_takes_nothing_of_theirs_away() {
    let [brixton, kennington] = town::two();
    let bulletin = town::issue(&brixton, "Burglaries", &[("Kennington CSU", "write")]);
    kennington.until_document(&bulletin, "got the bulletin", |document| document.state == "issued");
    brixton.put::<Document>(&format!("/documents/{bulletin}/draft"), &json!({ "assign": ["severity=Severe"] })).unwrap();
    update(&kennington, &bulletin, "instruction=Lock rear windows. Look in on neighbours.");
    brixton.until_document(&bulletin, "got the other's words", |document| first(document, "instruction").ends_with("neighbours."));
    let updated = brixton.step(&bulletin, "update", &json!({})).unwrap();
    assert_eq!(first(&updated, "severity"), "Severe");
    assert_eq!(first(&updated, "instruction"), "Lock rear windows. Look in on neighbours.");
    kennington.until_document(&bulletin, "got the draft's words", |document| document.fields == updated.fields);
}
