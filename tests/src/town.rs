//! Several nodes that are neighbours.

use crate::node::Node;
use crate::proxy::{Proxy, Transport};
use csu_node::cli::client::segment;
use csu_node::desk::{Document, DocumentQuery, DocumentsPage, Invitation, Pairing, Peer, Status};
use csu_protocol::identity::{Address, Ticket};
use serde_json::{Value, json};
use std::collections::BTreeMap;

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
    pair_by(one, other, &invitation.ticket);
}

/// Two unions, up and paired, that reach each other by this proxy alone, which leads to the first.
///
/// # Panics
/// When any of it fails.
#[track_caller]
#[must_use]
pub fn two_behind(transport: Transport) -> ([Node; 2], Proxy) {
    let nodes = [("Brixton CSU", "union"), ("Kennington CSU", "union")].map(|(name, kind)| {
        let node = Node::new(name, kind);
        node.hide();
        node.up();
        node
    });
    let proxy = Proxy::to(transport, nodes[0].port());
    pair_through(&nodes[0], &nodes[1], &proxy);
    (nodes, proxy)
}

/// Pairs two hidden nodes so that the second dials the first by a proxy.
///
/// # Panics
/// When any of it fails.
#[track_caller]
pub fn pair_through(one: &Node, other: &Node, proxy: &Proxy) {
    let invitation: Invitation = one.post("/invitations", &json!({})).expect("an invitation");
    let ticket: Ticket = invitation.ticket.parse().expect("a ticket");
    let addresses = vec![Address::new(&proxy.address()).expect("an address")];
    pair_by(one, other, &Ticket { addresses, ..ticket }.to_string());
}

#[track_caller]
fn pair_by(one: &Node, other: &Node, ticket: &str) {
    other.post::<Peer>("/join", &json!({ "ticket": ticket })).expect("the ticket is taken");
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

/// All that is shared here, as a node tells it: of each document its heads, state, fields and what readers said.
///
/// # Panics
/// When the node does not answer.
#[track_caller]
#[must_use]
pub fn everything(node: &Node) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    let mut page = String::new();
    loop {
        let path = format!("/documents?limit={}{page}", DocumentQuery::MAX_LIMIT);
        let DocumentsPage { items, next, .. } = node.get(&path).expect("a list");
        for id in items.into_iter().filter_map(|line| line.id) {
            let document = node.document(&id.to_string()).expect("a document of the list");
            let Document { heads, state, fields, mut responses, forks, problems, .. } = document;
            responses.sort_by_key(|response| format!("{response:?}"));
            let responses: Vec<_> = responses.iter().map(|response| (&response.text, response.by.to_string())).collect();
            all.insert(id.to_string(), json!([heads, state, fields, responses, forks, problems]));
        }
        let Some(cursor) = next else { return all };
        page = format!("&cursor={}", segment(&cursor));
    }
}

/// Waits until nodes hold the same, all of it; what that is.
///
/// # Panics
/// When they never do.
#[track_caller]
pub fn until_same(nodes: &[&Node]) -> BTreeMap<String, Value> {
    let [first, others @ ..] = nodes else { return BTreeMap::new() };
    for other in others {
        first.until(&format!("held the same as {}", other.name()), |first| {
            let count = |node: &Node| Some(node.get::<Status>("/status").ok()?.documents);
            // Asking for all of it takes long.
            (count(first)? == count(other)? && everything(first) == everything(other)).then_some(())
        });
    }
    everything(first)
}
