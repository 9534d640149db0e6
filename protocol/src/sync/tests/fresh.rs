//! A fresh node among neighbours that all have everything: what comes to it more often than once, and what it sends back.

use super::*;
use crate::limits;

/// Documents, each with one entry of control and two of content.
const DOCUMENTS: usize = 300;
const ENTRIES: usize = 3 * DOCUMENTS;

impl Node {
    /// Forgets every document.
    fn be_fresh(&mut self) {
        let card = self.machine.card().clone();
        let mut start = self.store.start();
        start.documents.clear();
        self.store = Memory::default();
        self.machine = Machine::new(card, start, Budget::default(), &self.store).unwrap();
        self.notices.clear();
    }
}

/// So many nodes that have everything, the first of them as the owner, and one behind them that has nothing; no two are connected.
fn town(full: usize) -> (Net, Vec<DocumentId>) {
    let mut net = Net::new(u8::try_from(full + 1).unwrap());
    for one in 0..=full {
        for other in one + 1..=full {
            net.pair(one, other);
        }
    }
    let readers: Vec<_> = (1..=full).map(|at| net.nodes[at].organisation()).collect();
    let documents = (0..DOCUMENTS).map(|_| net.nodes[0].begin(&readers)).collect();
    net.run();
    for (one, other) in net.links.clone() {
        net.disconnect(one, other);
    }
    net.nodes[full].be_fresh();
    net.now = net.now.plus_ms(60_000);
    net.entries.clear();
    (net, documents)
}

#[test]
fn a_fresh_node_is_sent_everything_by_one_of_its_neighbours_alone() {
    for full in 1..=3 {
        let (mut net, documents) = town(full);
        for at in 0..full {
            net.link(at, full);
        }
        net.run();
        assert!(documents.iter().all(|document| net.agree(document)), "{:?}", net.faults());
        assert!(net.faults().is_empty(), "{:?}", net.faults());
        let came: usize = net.entries.iter().filter(|((_, to), _)| *to == full).map(|(_, count)| count).sum();
        let went: usize = net.entries.iter().filter(|((from, _), _)| *from == full).map(|(_, count)| count).sum();
        assert_eq!((came, went), (ENTRIES, 0), "{full} neighbours");
    }
}

#[test]
fn what_one_neighbour_has_reaches_another_that_a_fresh_node_caught_up_with_at_the_same_time() {
    for ahead in [0, 1] {
        let (mut net, mut documents) = town(2);
        let readers = [1 - ahead, 2].map(|at| net.nodes[at].organisation());
        documents.extend((0..10).map(|_| net.nodes[ahead].begin(&readers)));
        net.link(0, 2);
        net.link(1, 2);
        net.run();
        assert!(documents.iter().all(|document| net.agree(document)), "{:?}", net.faults());
        let came: usize = net.entries.iter().filter(|((_, to), _)| *to == 2).map(|(_, count)| count).sum();
        assert_eq!(came, ENTRIES + 30, "{ahead}");
    }
}

#[test]
fn a_neighbour_that_begins_and_then_sends_nothing_holds_another_up_for_a_second_at_most() {
    let (mut net, documents) = town(2);
    net.delivered.clear();
    let begun = net.now;
    net.link(0, 2);
    while !net.delivered.iter().any(|(_, name, _)| *name == "a step of reconciliation") {
        assert!(net.step());
    }
    // From here on it says nothing any more, and the connection stays.
    let fresh = net.nodes[2].key.device();
    net.nodes[0].handle(net.now, Input::Disconnected(fresh));
    net.wires.retain(|(from, ..)| *from != 0);
    net.link(1, 2);
    while !documents.iter().all(|document| net.nodes[2].count(document, Plane::Content) == 2) {
        assert!(net.step());
    }
    let taken_ms = net.now.ms_since(begun);
    assert!((limits::ROUND_EVERY_MS..=2 * limits::ROUND_EVERY_MS).contains(&taken_ms), "{taken_ms} ms");
}

#[test]
fn a_neighbour_that_says_again_that_it_has_nothing_is_asked_what_it_has_and_not_sent_everything_again() {
    let (mut net, documents) = town(1);
    net.connect(0, 1);
    assert!(documents.iter().all(|document| net.agree(document)));
    net.entries.clear();
    net.delivered.clear();
    let (begins, answers) = net.sides();
    // The side that does not begin rounds forgets all but its session, as one that lies may say it did.
    let device = net.nodes[begins].key.device();
    let session = net.nodes[answers].machine.sessions.remove(&device).unwrap();
    net.nodes[answers].be_fresh();
    net.nodes[answers].machine.sessions.insert(device, session);
    net.now = net.now.plus_ms(limits::ROUND_EVERY_MS);
    let other = net.nodes[answers].key.device();
    net.nodes[begins].machine.want_round(net.now, other);
    while !net.delivered.iter().any(|(_, name, _)| *name == "entries") {
        assert!(net.step());
    }
    let asked = net.delivered.iter().filter(|(_, name, _)| *name == "a request for entries").count();
    assert!(asked > 0, "nothing is sent that was not asked about");
}
