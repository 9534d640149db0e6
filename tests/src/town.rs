//! Several nodes that are neighbours.

use crate::node::Node;
use csu_node::cli::client::segment;
use csu_node::desk::{Document, Invitation, Pairing, Peer};
use serde_json::{Value, json};

/// Two unions and a police force, up and paired with each other.
#[track_caller]
#[must_use]
pub fn three() -> [Node; 3] {
    let nodes =
        [("Brixton CSU", "union"), ("Kennington CSU", "union"), ("Lambeth Police", "police")].map(|(name, kind)| Node::started(name, kind));
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        pair(&nodes[one], &nodes[other]);
    }
    nodes
}

/// Two unions, up and paired.
#[track_caller]
#[must_use]
pub fn two() -> [Node; 2] {
    let nodes = [("Brixton CSU", "union"), ("Kennington CSU", "union")].map(|(name, kind)| Node::started(name, kind));
    pair(&nodes[0], &nodes[1]);
    nodes
}

/// Pairs two nodes: a ticket, the same number on both sides, two confirmations.
///
/// # Panics
/// When any of it fails.
#[track_caller]
pub fn pair(one: &Node, other: &Node) {
    let invitation: Invitation = one.post("/invitations", &json!({})).expect("an invitation");
    other.post::<Peer>("/join", &json!({ "ticket": invitation.ticket })).expect("the ticket is taken");
    let number = |here: &Node, there: &Node| here.until("saw a security number", |node| node.peer(there.name())?.number);
    let (ours, theirs) = (number(one, other), number(other, one));
    assert_eq!(ours, theirs, "the security numbers differ");
    for (here, there) in [(one, other), (other, one)] {
        here.post::<Peer>(&format!("/peers/{}/confirm", segment(there.name())), &json!({ "number": ours })).expect("a confirmation");
    }
    for (here, there) in [(one, other), (other, one)] {
        until_connected(here, there);
    }
}

/// Waits until two are paired and connected, as the first one sees it.
#[track_caller]
pub fn until_connected(here: &Node, there: &Node) {
    here.until(&format!("was connected with {}", there.name()), |node| {
        node.peer(there.name()).filter(|peer| peer.pairing == Pairing::Confirmed && peer.connected)
    });
}

/// The fields of a bulletin that can be issued.
#[must_use]
pub fn bulletin(headline: &str) -> Value {
    json!({
        "status": "Actual", "scope": "Public",
        "info": [{
            "language": "en-GB", "category": ["Security"], "event": "Burglary", "urgency": "Expected", "severity": "Moderate",
            "certainty": "Likely", "headline": headline, "description": "Rear windows, in the afternoon.",
            "instruction": "Lock rear windows.", "area": [{ "areaDesc": "Coldharbour ward" }],
        }],
    })
}

/// Drafts and issues a bulletin; its id.
///
/// # Panics
/// When the node refuses.
#[track_caller]
pub fn issue(node: &Node, headline: &str, to: &[(&str, &str)]) -> String {
    let to: Vec<Value> = to.iter().map(|(who, role)| json!({ "who": who, "role": role })).collect();
    let body = json!({ "kind": "bulletin", "fields": bulletin(headline), "to": to });
    let draft: Document = node.post("/documents", &body).expect("a draft");
    let issued = node.step(&draft.reference, "issue", &json!({})).expect("an issued bulletin");
    issued.id.expect("an issued bulletin has an id").to_string()
}

/// A field of a bulletin's first information block.
#[must_use]
pub fn first<'d>(document: &'d Document, field: &str) -> &'d str {
    document.fields.get("info").and_then(|info| info.get(0)?.get(field)?.as_str()).unwrap_or_default()
}
