//! What is kept in memory of documents, and what is read again.

use super::*;
use crate::access::Sharing;
use crate::id::Hash;
use crate::store::{Parts, Read, ReadError, Start, StoredEntry, Summary, Write};
use crate::sync::documents::Documents;
use std::cell::Cell;
use std::collections::BTreeSet;

/// A store that counts how many documents were read whole.
struct Counted<'s> {
    store: &'s Memory,
    reads: Cell<usize>,
}

impl Read for Counted<'_> {
    fn document(&self, document: &DocumentId) -> Result<Vec<StoredEntry>, ReadError> {
        self.reads.set(self.reads.get() + 1);
        self.store.document(document)
    }
}

fn restarted(node: &Node, start: Start) -> Machine {
    let mut machine = Machine::new(node.machine.card().clone(), start, Budget::default(), &node.store).unwrap();
    while let Some(output) = machine.poll_output(NOW, &node.store).unwrap() {
        let Output::Write(Write::Summary { document, summary }) = output else { continue };
        assert_eq!(node.store.start().documents[&document], Some(summary), "found anew it is what was written");
    }
    machine
}

/// What a machine keeps of each document in mind.
fn mind(machine: &Machine) -> Vec<(DocumentId, Summary, bool, bool)> {
    let of = |held: &Held| (held.document(), held.summary().clone(), held.is_destroyed(), held.is_reconciled());
    machine.documents().map(of).collect()
}

fn shared_by_two() -> (Net, Vec<DocumentId>) {
    let mut net = Net::new(2);
    net.pair(0, 1);
    let reader = net.nodes[1].organisation();
    let documents: Vec<DocumentId> = (0..12).map(|_| net.nodes[0].begin(&[reader])).collect();
    net.nodes[0].begin(&[]);
    net.run();
    (net, documents)
}

#[test]
fn a_node_that_starts_from_what_it_kept_in_mind_is_the_one_that_reads_all_its_entries() {
    let (mut net, documents) = shared_by_two();
    net.nodes[0].control(documents[3], Body::Erase);
    net.run();
    net.nodes[1].destroy(NOW, &documents[3]).unwrap();
    net.run();
    for node in &net.nodes {
        let other = node.machine.peers().next().unwrap().organisation;
        let (known, start) = (mind(&node.machine), node.store.start());
        assert!(start.documents.values().all(Option::is_some));
        let counted = Counted { store: &node.store, reads: Cell::new(0) };
        let quick = Machine::new(node.machine.card().clone(), start.clone(), Budget::default(), &counted).unwrap();
        assert_eq!(counted.reads.get(), 0, "no entry is read at the start");
        // One that is not there, or was written by another version, makes the machine look at all.
        let mut forgetful = start;
        *forgetful.documents.values_mut().next_back().unwrap() = None;
        let slow = restarted(node, forgetful);
        assert_eq!((mind(&quick), mind(&slow)), (known.clone(), known));
        assert_eq!((quick.usage(&other), slow.usage(&other)), (node.machine.usage(&other), node.machine.usage(&other)));
    }
    let usage = net.nodes[1].machine.usage(&net.nodes[0].organisation());
    assert!(usage.neighbours > 0, "something was brought");
}

#[test]
fn an_erasure_gives_room_back_to_whoever_brought_what_is_destroyed() {
    let (mut net, documents) = shared_by_two();
    let bringer = net.nodes[0].organisation();
    let before = net.nodes[1].machine.usage(&bringer).neighbours;
    net.nodes[0].control(documents[0], Body::Erase);
    net.run();
    let ordered = net.nodes[1].machine.usage(&bringer).neighbours;
    assert!(ordered > before, "the order takes some itself");
    for _ in 0..2 {
        net.nodes[1].destroy(NOW, &documents[0]).unwrap();
        net.run();
        let parts = |stored: &StoredEntry| stored.parts == Parts::Destroyed;
        assert!(net.nodes[1].store.document(&documents[0]).unwrap().iter().any(parts));
        let sizes = net.nodes[1].store.start().documents.keys().copied().collect::<Vec<_>>();
        let sizes = sizes.iter().flat_map(|document| net.nodes[1].store.document(document).unwrap());
        let brought: usize = sizes.filter(|stored| stored.from == Some(bringer)).map(|stored| stored.entry.size()).sum();
        assert_eq!(net.nodes[1].machine.usage(&bringer).neighbours, brought as u64, "once, however often it is done");
    }
}

#[test]
fn a_graph_is_read_once_while_there_is_room_and_again_when_others_were_used_since() {
    let (mut net, documents) = shared_by_two();
    let Node { machine, store, .. } = &mut net.nodes[0];
    let counted = Counted { store, reads: Cell::new(0) };
    let use_all = |machine: &Machine| {
        for document in &documents {
            assert_eq!(machine.access(document, &counted).unwrap().unwrap().document(), Some(*document));
        }
        counted.reads.take()
    };
    machine.set_room_for_graphs(1 << 20);
    assert!(use_all(machine) >= documents.len() - 1);
    assert_eq!(use_all(machine), 0);
    machine.set_room_for_graphs(0);
    use_all(machine);
    assert_eq!(use_all(machine), documents.len(), "only the one used last is at hand");
    assert!(machine.access(&DocumentId::new([9; 32]), &counted).unwrap().is_none());
}

#[test]
fn what_peers_are_compared_with_is_after_any_changes_what_a_new_look_at_all_documents_finds() {
    let mut node = Node::new(1);
    let reader = |number: u8| OrganisationId::new([number; 32]);
    let grant =
        |number: u8| Body::Grant { grants: vec![Grant { subject: Subject::Organisation(reader(number)), role: Role::Read, until: None }] };
    let mut documents: Vec<DocumentId> = (0..8).map(|number| node.begin(&[reader(number % 3)])).collect();
    let mut silent = BTreeSet::new();
    for change in 0..7 {
        // It is kept in order from the first time on that anybody asks.
        let before = node.machine.documents.compared();
        match change {
            0 => documents.push(node.begin(&[reader(7)])),
            1 => drop(node.revise(documents[1], b"second")),
            2 => node.control(documents[2], grant(9)),
            3 => (4..7).for_each(|at| node.control(documents[at], grant(at as u8))),
            4 => node.control(documents[3], Body::Erase),
            5 => node.destroy(NOW, &documents[3]).unwrap(),
            _ => {
                silent = documents[5..].iter().copied().collect();
                for document in &silent {
                    let summary = node.machine.document(document).unwrap().summary().clone();
                    node.machine.documents.enter(*document, summary, false, true);
                }
            }
        }
        while let Some(output) = node.machine.poll_output(NOW, &node.store).unwrap() {
            if let Output::Write(write) = output {
                node.store.apply(write);
            }
        }
        let after = node.machine.documents.compared();
        assert!(before != after || change == 5, "change {change} is one");
        assert_eq!(after, anew(&node), "after change {change}");
    }
    for document in silent {
        node.machine.documents.mark_reconciled(&document);
        assert_eq!(node.machine.documents.compared(), anew(&node));
    }
}

/// What a machine that is made from what another has in mind finds.
fn anew(node: &Node) -> Vec<(Hash, DocumentId, Option<Sharing>)> {
    let mut documents = Documents::new();
    for held in node.machine.documents() {
        documents.enter(held.document(), held.summary().clone(), held.is_destroyed(), !held.is_reconciled());
    }
    documents.compared()
}

#[test]
fn what_a_document_of_very_many_came_to_before_is_neither_written_nor_kept_for_each_of_its_entries() {
    let mut node = Node::new(1);
    let document = node.begin(&[]);
    for number in 0..40 {
        let subject = |of: u8| Subject::Organisation(OrganisationId::new([number, of].repeat(16).try_into().unwrap()));
        let grants = (0..64).map(|of| Grant { subject: subject(of), role: Role::Read, until: None }).collect();
        node.control(document, Body::Grant { grants });
    }
    assert_eq!(node.machine.documents.count_sharings(), 1);
    let mut written = Vec::new();
    while let Some(output) = node.machine.poll_output(NOW, &node.store).unwrap() {
        let Output::Write(write) = output else { continue };
        if let Write::Summary { summary, .. } = &write {
            written.push(summary.clone());
        }
        node.store.apply(write);
    }
    assert_eq!(written, [node.machine.document(&document).unwrap().summary().clone()], "once for all that came together");
    assert_eq!(written[0].sharing.named().len(), 40 * 64 + 1);
}

#[test]
fn an_item_tells_its_plane_and_another_version_is_another_item() {
    let mut node = Node::new(1);
    let document = node.begin(&[]);
    let before = node.access(&document);
    node.revise(document, b"second");
    let after = node.access(&document);
    for plane in Plane::ALL {
        assert_eq!(set::plane_of(&before.item(plane).unwrap()), plane);
    }
    assert_eq!(before.item(Plane::Control), after.item(Plane::Control));
    assert_ne!(before.item(Plane::Content), after.item(Plane::Content));
    assert_eq!(crate::access::Access::default().item(Plane::Control), None);
}

#[test]
fn a_document_of_which_storage_lost_entries_is_refused_and_not_shown_without_them() {
    let (mut net, documents) = shared_by_two();
    let Node { machine, store, .. } = &mut net.nodes[0];
    machine.set_room_for_graphs(0);
    assert!(machine.access(&documents[1], store).unwrap().is_some());
    let empty = Memory::default();
    let refused = machine.access(&documents[0], &empty).unwrap_err();
    assert!(refused.0.contains("its entries are not those that were written"), "{refused}");
    assert!(machine.access(&documents[0], store).unwrap().is_some(), "and is there when they are");
}

#[test]
fn whoever_has_a_graph_open_sees_it_as_it_was_whatever_is_added() {
    let (mut net, documents) = shared_by_two();
    let before = net.nodes[0].access(&documents[0]);
    let length = before.len();
    net.nodes[0].revise(documents[0], b"second");
    assert_eq!((before.len(), net.nodes[0].access(&documents[0]).len()), (length, length + 2));
    net.run();
    assert_eq!(net.nodes[1].count(&documents[0], Plane::Content), 4);
}

#[test]
fn a_store_that_cannot_be_read_is_the_nodes_own_fault_and_not_a_peers() {
    struct Broken;
    impl Read for Broken {
        fn document(&self, _: &DocumentId) -> Result<Vec<StoredEntry>, ReadError> {
            Err(ReadError("the disk is gone".to_owned()))
        }
    }
    let (mut net, documents) = shared_by_two();
    let (sender, receiver) = (net.nodes[0].key.device(), net.nodes[1].key.device());
    net.nodes[0].revise(documents[0], b"second");
    net.nodes[0].machine.set_room_for_graphs(0);
    let Node { machine, store, .. } = &mut net.nodes[0];
    let mut frames = Vec::new();
    while let Some(output) = machine.poll_output(NOW, store).unwrap() {
        match output {
            Output::Write(write) => store.apply(write),
            Output::Send(to, frame) if to == receiver => frames.push(frame),
            Output::Send(..) | Output::Disconnect(..) | Output::Targets | Output::Notice(_) => {}
        }
    }
    let reader = &mut net.nodes[1].machine;
    let taken: Vec<Result<(), ReadError>> = frames
        .iter()
        .map(|frame| reader.handle(NOW, Input::Received(sender, Box::new(Message::receive(frame).unwrap())), &Broken))
        .collect();
    assert!(taken.iter().any(Result::is_err));
    let faults = std::iter::from_fn(|| reader.outputs.pop_front()).filter(|output| matches!(output, Output::Notice(Notice::Fault { .. })));
    assert_eq!(faults.count(), 0);
    let known: BTreeSet<DocumentId> = reader.documents().map(Held::document).collect();
    assert!(known.contains(&documents[0]));
}
