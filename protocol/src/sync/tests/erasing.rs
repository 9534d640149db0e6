//! Erased documents: destroyed, confirmed, and never back.

use super::*;
use crate::author::control;
use crate::entry::{Keep, Reason, Remains, VerifiedEntry};
use crate::store::{Parts, Read};

/// An owner, a reader that both others know, and another reader, all with the same document.
fn three() -> (Net, DocumentId) {
    let mut net = Net::new(3);
    net.pair(0, 1);
    net.pair(1, 2);
    let readers = [net.nodes[1].organisation(), net.nodes[2].organisation()];
    let document = net.nodes[0].begin(&readers);
    net.run();
    assert!(net.nodes.iter().all(|node| node.count(&document, Plane::Content) == 2));
    (net, document)
}

fn parts(node: &Node, document: &DocumentId) -> (usize, usize) {
    let stored = node.store.document(document).unwrap();
    let bytes = stored.iter().map(|stored| stored.entry.payload.iter().chain(&stored.entry.wraps).map(Vec::len).sum::<usize>()).sum();
    (stored.iter().filter(|stored| stored.parts == Parts::Destroyed).count(), bytes)
}

fn obey(net: &mut Net, node: usize, document: &DocumentId) {
    let now = net.now;
    net.nodes[node].destroy(now, document).unwrap();
    net.run();
    let owed = net.nodes[node].owed_receipt(document).unwrap();
    let acting = net.nodes[node].acting(owed.under);
    let access = &net.nodes[node].access(document);
    let receipt = control(access, &acting, Body::Receipt { erase: owed.erase }).unwrap();
    net.nodes[node].publish(now, receipt).unwrap();
    net.run();
}

fn restart(node: &mut Node) {
    let card = node.machine.card().clone();
    node.machine = Machine::new(card, node.store.start(), Budget::default(), &node.store).unwrap();
}

#[test]
fn what_was_destroyed_is_not_read_back_not_sent_and_not_taken_again_and_all_hear_who_confirmed() {
    let (mut net, document) = three();
    net.disconnect(1, 2);
    let whole = net.nodes[2].store.document(&document).unwrap();
    net.nodes[0].control(document, Body::Withdraw { reason: Reason::Legal });
    net.nodes[0].control(document, Body::Erase);
    net.run();
    for node in [0, 1] {
        assert_eq!(net.nodes[node].owed_receipt(&document), None, "nothing is confirmed that is not done");
        assert_eq!(net.nodes[node].machine.to_destroy().collect::<Vec<_>>(), [document]);
        obey(&mut net, node, &document);
        assert_eq!(parts(&net.nodes[node], &document), (2, 0));
        assert_eq!(net.nodes[node].owed_receipt(&document), None, "once");
        restart(&mut net.nodes[node]);
        let holding = net.nodes[node].machine.document(&document).unwrap();
        assert!(holding.is_destroyed() && net.nodes[node].machine.to_destroy().next().is_none());
        assert_eq!(net.nodes[node].count(&document, Plane::Content), 2, "headers stay, and count");
    }
    net.connect(0, 1);
    net.delivered.clear();
    // The one that was away has all of it, and offers it to nobody once it knows; what it sends all the same is not taken.
    net.connect(1, 2);
    assert!(net.delivered.iter().all(|(plane, name, _)| *name != "entries" || *plane == Some(Plane::Control)));
    assert!(net.nodes[2].access(&document).is_erased());
    let content: Vec<VerifiedEntry> = whole.into_iter().filter_map(|stored| stored.entry.verify().ok()).collect();
    let content: Vec<VerifiedEntry> = content.into_iter().filter(|entry| entry.header().plane() == Plane::Content).collect();
    let (now, device) = (net.now, net.nodes[2].key.device());
    let message = Message::Entries { document, plane: Plane::Content, entries: content };
    net.nodes[1].handle(now, Input::Received(device, Box::new(message)));
    net.run();
    assert_eq!(parts(&net.nodes[1], &document), (2, 0));
    obey(&mut net, 2, &document);
    net.connect(0, 1);
    for node in &net.nodes {
        let access = &node.access(&document);
        let who: std::collections::BTreeSet<_> = access.obeyed().iter().map(|obeyed| obeyed.by).collect();
        assert_eq!(who, access.named(), "node {}", node.machine.card().card().name);
        assert_eq!(access.erasure().unwrap().why, Some(Reason::Legal));
        assert_eq!(parts(node, &document), (2, 0));
    }
    assert!(net.faults().is_empty(), "{:?}", net.faults());
}

#[test]
fn content_that_waited_for_its_past_or_was_under_way_is_forgotten_when_an_erase_counts() {
    let (mut net, document) = three();
    net.disconnect(0, 1);
    net.disconnect(1, 2);
    net.nodes[0].revise(document, b"second");
    let last = net.nodes[0].revise(document, b"third");
    net.nodes[0].control(document, Body::Erase);
    net.run();
    let stored = net.nodes[0].store.document(&document).unwrap();
    let verified = |of: Plane| -> Vec<VerifiedEntry> {
        let entries = stored.iter().map(|stored| stored.entry.clone().verify().unwrap());
        entries.filter(|entry| entry.header().plane() == of).collect()
    };
    // A peer brings the last of it alone, and then the order.
    net.connect(1, 2);
    let (now, device) = (net.now, net.nodes[2].key.device());
    let mut bring = |plane: Plane, entries: Vec<VerifiedEntry>| {
        let message = Message::Entries { document, plane, entries };
        net.nodes[1].handle(now, Input::Received(device, Box::new(message)));
        net.nodes[1].machine.pending().0
    };
    let newest = verified(Plane::Content).into_iter().filter(|entry| entry.id() == last).collect();
    assert_eq!(bring(Plane::Content, newest), 1, "the control: it waits");
    assert_eq!(bring(Plane::Control, verified(Plane::Control)), 0, "it is still there");
    assert_eq!(bring(Plane::Content, verified(Plane::Content)), 0, "what comes later waits");
    net.run();
    assert_eq!(net.nodes[1].count(&document, Plane::Content), 2, "what it had before, and nothing that came since");
    assert!(net.faults().is_empty(), "{:?}", net.faults());
}

#[test]
fn nothing_is_destroyed_that_nobody_had_erased_and_nothing_is_written_on_what_was() {
    let (mut net, document) = three();
    assert_eq!(net.nodes[0].destroy(NOW, &document), Err(CommandError::NotErased));
    net.nodes[0].control(document, Body::Erase);
    let entropy = &mut net.nodes[0].entropy();
    let access = &net.nodes[0].access(&document);
    let audience = Audience { recipients: Vec::new(), openness: Openness::Anyone };
    let (key, _) = author::key(access, &net.nodes[0].acting(document.into()), &audience, &[], entropy).unwrap();
    assert_eq!(net.nodes[0].publish(NOW, key), Err(CommandError::Erased));
    assert!(net.nodes[0].access(&document).erasure().unwrap().why.is_none(), "no reason was given");
}

#[test]
fn a_former_reader_confirms_and_one_that_only_anyone_names_has_no_standing_to() {
    let (mut net, document) = three();
    let former = net.nodes[1].organisation();
    net.nodes[0].control(document, Body::Revoke { principal: Principal::Organisation(former), keep: Vec::new() });
    net.nodes[0].control(document, Body::Erase);
    net.run();
    obey(&mut net, 1, &document);
    let obeyed = net.nodes[0].access(&document).obeyed();
    assert_eq!(obeyed.iter().map(|obeyed| obeyed.by).collect::<Vec<_>>(), [former]);

    let mut net = Net::new(2);
    net.pair(0, 1);
    let open = net.nodes[0].begin(&[]);
    let grants = vec![Grant { subject: Subject::Anyone, role: Role::Read, until: None }];
    net.nodes[0].control(open, Body::Grant { grants });
    net.run();
    net.nodes[0].control(open, Body::Erase);
    net.run();
    net.nodes[1].destroy(NOW, &open).unwrap();
    net.run();
    assert_eq!(parts(&net.nodes[1], &open), (2, 0));
    assert_eq!(net.nodes[1].owed_receipt(&open), None);
}

#[test]
fn what_a_thief_had_erased_stays_destroyed_where_it_was_obeyed_and_is_declined_there_when_it_is_offered() {
    let (mut net, document) = three();
    net.disconnect(1, 2);
    // The owner's device is stolen, and has it erased; the owner's root key takes that back.
    net.nodes[0].control(document, Body::Erase);
    net.run();
    net.nodes[1].destroy(net.now, &document).unwrap();
    let root = RootKey::from_secret([1; 32]);
    let access = &net.nodes[0].access(&document);
    let content = access.tip(&crate::entry::Author::Device(net.nodes[0].key.device()), Plane::Content).unwrap().0;
    let author = crate::entry::Author::Device(net.nodes[0].key.device());
    let keep = [(Plane::Control, document.into()), (Plane::Content, content)].map(|(plane, entry)| Keep { author, plane, entry });
    let body = Body::Revoke { principal: Principal::Device(net.nodes[0].key.device()), keep: keep.to_vec() };
    let acting = Acting { organisation: root.organisation(), signer: Signer::Root(&root), under: None };
    let revoke = control(access, &acting, body).unwrap();
    net.nodes[0].publish(net.now, revoke).unwrap();
    net.run();
    let holding = net.nodes[1].machine.document(&document).unwrap();
    assert!(!holding.sharing().is_erased() && holding.is_destroyed());
    net.connect(1, 2);
    net.disconnect(0, 1);
    net.connect(0, 1);
    restart(&mut net.nodes[1]);
    net.links.clear();
    net.connect(0, 1);
    net.connect(1, 2);
    assert_eq!(parts(&net.nodes[1], &document), (2, 0), "it came back");
    assert_eq!(parts(&net.nodes[2], &document).0, 0, "and nobody else lost it");
    assert_eq!(net.nodes[1].owed_receipt(&document), None, "no order counts that could be confirmed");
    let (owner, other) = (net.nodes[0].organisation(), net.nodes[2].organisation());
    for peer in [owner, other] {
        assert_eq!(net.nodes[1].machine.connection(&peer), Some(Connection::InSync));
        assert_eq!(net.nodes[1].machine.usage(&peer).declined, 0, "it was not for lack of room");
    }
    assert!(net.faults().is_empty(), "{:?}", net.faults());
}

#[test]
fn remains_are_of_entries_whose_parts_are_gone_and_of_no_others() {
    let (mut net, document) = three();
    for stored in net.nodes[0].store.document(&document).unwrap() {
        let mut signed = stored.entry;
        assert!(Remains::reopen(&signed).is_err() || signed.payload.is_none() && signed.wraps.is_none());
        let whole = signed.clone().reopen().unwrap();
        (signed.payload, signed.wraps) = (None, None);
        match whole.header().plane() {
            Plane::Control => assert!(Remains::reopen(&signed).is_err(), "it never had parts"),
            Plane::Content => {
                assert_eq!(Remains::reopen(&signed).unwrap().id(), whole.id());
                assert!(signed.clone().reopen().is_err() && signed.clone().verify().is_err(), "what is left is no entry");
            }
        }
        signed.header.push(0);
        assert!(Remains::reopen(&signed).is_err());
    }
    net.run();
}
