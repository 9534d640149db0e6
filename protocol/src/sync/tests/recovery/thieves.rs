//! What a thief of a device that was lost, and its accomplices, can do to the recovery of whom it belonged to.

use super::*;
use crate::access::{Access, Insertion};
use crate::entry::{Keep, VerifiedEntry};
use crate::identity::Address;
use crate::store::Pairing;

/// A document as it was when nothing but its beginning was known.
fn beginning(node: &Node, document: &DocumentId) -> Access {
    let genesis = node.store.document(document).unwrap().remove(0).entry.reopen().unwrap();
    let mut access = Access::default();
    assert!(matches!(access.insert(genesis, |_, _| true), Insertion::Sound(_)));
    access
}

fn take(access: &mut Access, entry: VerifiedEntry) -> VerifiedEntry {
    assert!(matches!(access.insert(entry.clone(), |_, _| true), Insertion::Sound(_)));
    entry
}

fn for_nobody() -> Audience {
    Audience { recipients: Vec::new(), openness: Openness::Anyone }
}

impl Node {
    /// Signs keys of nothing in a document as if nothing but its beginning were known.
    fn fork_content(&mut self, document: DocumentId, entries: usize) {
        let mut access = beginning(self, &document);
        for _ in 0..entries {
            let entropy = &mut self.entropy();
            let (key, _) = author::key(&access, &self.acting(document.into()), &for_nobody(), &[], entropy).unwrap();
            let key = take(&mut access, key);
            self.publish(NOW, key).unwrap();
        }
    }
}

#[test]
fn a_longer_fork_by_a_thief_takes_nothing_that_is_in_the_backup() {
    let mut net = Net::new(2);
    net.pair(0, 1);
    let reader = net.nodes[0].organisation();
    let document = net.nodes[1].begin(&[reader]);
    let honest = net.nodes[1].revise(document, b"in the backup");
    net.run();
    let backup = net.nodes[1].store.clone();
    let later = net.nodes[1].revise(document, b"on top of it");
    net.nodes[1].fork_content(document, 10);
    net.run();
    net.disconnect(0, 1);
    let new = net.restore_from(1, 50, 7, backup);
    net.connect(0, new);
    net.nodes[new].disown(2);
    net.run();
    for at in [0, new] {
        let access = net.nodes[at].access(&document);
        assert!(access.is_authorised(&honest) && access.is_authorised(&later), "{at}");
    }
    assert!(net.faults().is_empty(), "{:?}", net.faults());
}

#[test]
fn of_a_fork_without_a_backup_the_longer_branch_is_kept() {
    let mut net = Net::new(2);
    net.pair(0, 1);
    let reader = net.nodes[0].organisation();
    let document = net.nodes[1].begin(&[reader]);
    let honest = net.nodes[1].revise(document, b"four entries long");
    net.run();
    net.nodes[1].fork_content(document, 3);
    let mut asked = 0;
    let (us, old) = (net.nodes[1].organisation(), net.nodes[1].key.device());
    let body = net.nodes[1].access(&document).disown(&us, &old, &BTreeSet::new(), || {
        asked += 1;
        BTreeSet::new()
    });
    let Some(Body::Revoke { keep, .. }) = body else { panic!("{body:?}") };
    assert!(keep.contains(&Keep { author: Author::Device(old), plane: Plane::Content, entry: honest }));
    assert_eq!(asked, 1, "once for both planes");
}

#[test]
fn without_a_fork_nobody_looks_into_the_backup() {
    let mut net = Net::new(1);
    let document = net.nodes[0].begin(&[]);
    let (us, old) = (net.nodes[0].organisation(), net.nodes[0].key.device());
    let body = net.nodes[0].access(&document).disown(&us, &old, &BTreeSet::new(), || panic!("there is no fork"));
    assert!(matches!(body, Some(Body::Revoke { keep, .. }) if keep.len() == 2));
}

#[test]
fn a_fork_of_control_takes_no_reader_that_the_backup_knows_of() {
    let mut net = Net::new(2);
    net.pair(0, 1);
    let reader = net.nodes[0].organisation();
    let document = net.nodes[1].begin(&[reader]);
    let third = OrganisationId::new([9; 32]);
    let given = grant(&net.nodes[1], document, third);
    net.nodes[1].publish(NOW, given).unwrap();
    net.run();
    let backup = net.nodes[1].store.clone();
    let mut access = beginning(&net.nodes[1], &document);
    for _ in 0..3 {
        let entry = author::control(&access, &net.nodes[1].acting(document.into()), Body::Grant { grants: Vec::new() }).unwrap();
        let entry = take(&mut access, entry);
        net.nodes[1].publish(NOW, entry).unwrap();
    }
    net.run();
    net.disconnect(0, 1);
    let new = net.restore_from(1, 50, 7, backup);
    net.connect(0, new);
    net.nodes[new].disown(2);
    assert_eq!(net.nodes[new].access(&document).role_now(&third, NOW), Some(Role::Read));
}

#[test]
fn an_accomplice_that_names_the_lost_device_in_its_own_card_displaces_nothing_of_its_owner() {
    let mut net = Net::new(3);
    net.pair(0, 1);
    net.pair(0, 2);
    let accomplice = net.nodes[2].organisation();
    let readers = [net.nodes[0].organisation(), accomplice];
    let document = net.nodes[1].begin(&readers);
    let honest = net.nodes[1].revise(document, b"honest");
    net.run();
    let backup = net.nodes[1].store.clone();
    let key = DeviceKey::from_seed(&[2; 32]);
    assert_eq!(key.device(), net.nodes[1].key.device());
    // The accomplice's root key says that the stolen device is its own, which signs in its name, more than for its owner.
    let from = net.nodes[2].key.device();
    net.nodes[0].handle(NOW, Input::Received(from, Box::new(Message::Cards(vec![card(3, 0, key.device())]))));
    // Of the other organisation nothing but the beginning can be named, and no chain may go on from one to the other.
    let mut responses = beginning(&net.nodes[1], &document);
    for at in 0..6_u8 {
        let acting = Acting { organisation: accomplice, signer: Signer::Device(&key), under: Some(document.into()) };
        let payload = ResponsePayload { at: NOW, person: None, remark: Remark::Comment, step: String::new(), text: at.to_string() };
        let entry = author::response(&responses, &acting, &for_nobody(), &payload, &mut Entropy::from_seed([at; 32])).unwrap();
        let entry = take(&mut responses, entry);
        net.nodes[0].publish(NOW, entry).unwrap();
    }
    net.run();
    net.disconnect(0, 1);
    let new = net.restore_from(1, 50, 7, backup);
    net.connect(0, new);
    net.nodes[new].disown(2);
    net.run();
    for at in [0, new] {
        let access = net.nodes[at].access(&document);
        assert!(access.is_authorised(&honest) && access.is_vouched_by_root(), "{at}");
    }
}

#[test]
fn a_reader_that_floods_a_document_with_heads_does_not_keep_a_root_key_from_speaking() {
    // 0 owns a document; 2 reads it, then 1. 2 signs many renunciations side by side, as if it had not seen that 1 reads.
    let mut net = Net::new(3);
    net.pair(0, 1);
    net.pair(0, 2);
    let document = net.nodes[0].begin(&[]);
    let [one, two] = [1, 2].map(|at| net.nodes[at].organisation());
    let given = grant(&net.nodes[0], document, two);
    let under = net.nodes[0].publish(NOW, given).unwrap();
    net.run();
    let early = net.nodes[2].access(&document).clone();
    let given = grant(&net.nodes[0], document, one);
    net.nodes[0].publish(NOW, given).unwrap();
    net.run();
    let author = Author::Device(net.nodes[2].key.device());
    for at in 0..600_u32 {
        let mut id = [7; 32];
        id[..4].copy_from_slice(&at.to_le_bytes());
        let keep = vec![Keep { author, plane: Plane::Content, entry: EntryId::new(id) }];
        let acting = net.nodes[2].acting(under);
        let entry = author::control(&early, &acting, Body::Revoke { principal: Principal::Organisation(two), keep }).unwrap();
        net.nodes[2].publish(NOW, entry).unwrap();
    }
    net.run();
    let new = net.restore(1, 50, 7);
    net.disconnect(0, 1);
    net.connect(0, new);
    assert!(net.nodes[new].access(&document).heads(Plane::Control).count() > 600);
    // Its entry is sound, or publishing it fails.
    net.nodes[new].disown(2);
    net.run();
    let (us, old) = (net.nodes[1].organisation(), net.nodes[1].key.device());
    assert_eq!(net.nodes[0].access(&document).disown(&us, &old, &BTreeSet::new(), BTreeSet::new), None, "it is said, and arrived");
}

#[test]
fn a_public_document_that_names_us_nowhere_does_not_keep_a_recovery_from_ending() {
    let mut net = Net::new(2);
    net.pair(0, 1);
    let document = net.nodes[0].begin(&[]);
    net.nodes[0].control(document, Body::Grant { grants: vec![Grant { subject: Subject::Anyone, role: Role::Read, until: None }] });
    net.run();
    let new = net.restore(1, 50, 7);
    net.disconnect(0, 1);
    net.connect(0, new);
    let (us, old) = (net.nodes[1].organisation(), net.nodes[1].key.device());
    let access = net.nodes[new].access(&document);
    assert_eq!(access.disown(&us, &old, &BTreeSet::new(), BTreeSet::new), None, "a root key has no say in it");
    net.nodes[new].disown(2);
}

#[test]
fn a_device_of_a_restore_that_a_later_one_knows_nothing_of_is_disowned_with_the_others() {
    // 0 a neighbour, 1 the original, 2 an accomplice.
    let mut net = Net::new(3);
    net.pair(0, 1);
    net.pair(1, 2);
    net.pair(0, 2);
    net.disconnect(0, 2);
    net.disconnect(1, 2);
    let readers = [0, 2].map(|at| net.nodes[at].organisation());
    let document = net.nodes[1].begin(&readers);
    net.run();
    let backup = net.nodes[1].store.clone();
    net.disconnect(0, 1);
    // A first restore, which meets the neighbour, ends well, and is stolen in its turn.
    let first = net.restore_from(1, 50, 7, backup.clone());
    net.connect(0, first);
    net.nodes[first].disown(2);
    net.nodes[first].machine.set_recovering(false);
    net.run();
    net.disconnect(0, first);
    // A second from the same backup.
    let second = net.restore_from(1, 51, 9, backup);
    let us = net.nodes[second].organisation();
    assert_eq!(net.nodes[second].machine.directory().replaced_devices(&us).len(), 1);
    net.connect(0, second);
    assert_eq!(net.nodes[second].machine.directory().replaced_devices(&us).len(), 2, "the neighbour told it");
    net.nodes[second].disown(2);
    net.nodes[second].machine.set_recovering(false);
    net.run();
    net.disconnect(0, second);
    // The thief of the first restored device, as if nobody had told it.
    let fresh = net.nodes[first].store.clone();
    let own = net.nodes[first].machine.card().clone();
    let mut start = fresh.start();
    start.cards.retain(|(known, _)| known.card().organisation != us || known.card().generation < own.card().generation);
    net.nodes[first].machine = Machine::new(own, start, Budget::default(), &fresh).unwrap();
    net.connect(2, first);
    net.nodes[first].control(document, Body::Erase);
    net.run();
    net.disconnect(2, first);
    assert!(net.nodes[2].access(&document).is_erased(), "the accomplice believes it");
    net.connect(0, 2);
    net.connect(second, 2);
    for at in [0, 2, second] {
        assert!(!net.nodes[at].access(&document).is_erased(), "{at}");
    }
    assert!(net.faults().is_empty(), "{:?}", net.faults());
}

#[test]
fn a_peer_is_told_of_the_other_devices_of_its_organisation_if_there_are_any() {
    let mut net = Net::new(2);
    net.pair(0, 1);
    net.disconnect(0, 1);
    net.delivered.clear();
    net.connect(0, 1);
    assert_eq!(net.count_delivered("cards"), 0);
    net.nodes[0].machine.learn_card(card(2, 7, DeviceId::new([8; 32])), None);
    net.nodes[0].machine.learn_card(card(2, 8, DeviceKey::from_seed(&[50; 32]).device()), None);
    net.run();
    let backup = net.nodes[1].store.clone();
    let new = net.restore_from(1, 50, 8, backup);
    net.delivered.clear();
    net.connect(0, new);
    assert_eq!(net.count_delivered("cards"), 1);
    let us = net.nodes[new].organisation();
    assert_eq!(net.nodes[new].machine.directory().replaced_devices(&us).len(), 2);
    assert!(net.is_synced(0, new), "{:?}", net.faults());
}

#[test]
fn a_ticket_of_a_paired_organisation_on_another_device_leads_to_it_and_pairing_stays_confirmed() {
    // Both sides were lost and restored: neither reaches the other where it was.
    let mut net = Net::new(2);
    net.pair(0, 1);
    let [one, other] = [0, 1].map(|at| net.nodes[at].organisation());
    let document = net.nodes[0].begin(&[other]);
    net.run();
    let (left, right) = (net.restore(0, 50, 7), net.restore(1, 51, 7));
    net.disconnect(0, 1);
    let address = Address::new("/ip4/192.0.2.7/udp/4001/quic-v1").unwrap();
    let mut entropy = net.nodes[left].entropy();
    let ticket = net.nodes[left].machine.invite(NOW.plus_ms(1000), vec![address.clone()], &mut entropy);
    let over = NOW.plus_ms(2000);
    assert_eq!(net.nodes[right].machine.join(over, ticket.clone()), Err(CommandError::TicketEnded(ticket.expires)));
    net.nodes[right].machine.join(NOW, ticket.clone()).unwrap();
    net.nodes[right].machine.join(NOW, ticket.clone()).unwrap();
    let device = net.nodes[left].key.device();
    assert!(net.nodes[right].machine.targets().contains(&(device, vec![address.clone()])));
    net.connect(left, right);
    assert!(net.is_synced(left, right), "{:?}", net.faults());
    let [ours, theirs] = [(right, one), (left, other)].map(|(at, of)| net.nodes[at].machine.peer(&of).unwrap().clone());
    assert_eq!((ours.pairing, theirs.pairing), (Pairing::Confirmed, Pairing::Confirmed));
    assert_eq!((ours.number, ours.addresses.first()), (theirs.number, Some(&address)));
    assert_eq!(net.nodes[right].machine.joinings().count(), 0);
    assert_eq!(net.nodes[right].count(&document, Plane::Content), 2);
    // Once it was used, also later, and when they are apart.
    for now in [NOW, over] {
        assert_eq!(net.nodes[right].machine.join(now, ticket.clone()), Err(CommandError::AlreadyPaired));
    }
    net.disconnect(left, right);
    assert_eq!(net.nodes[right].machine.join(over, ticket), Err(CommandError::AlreadyPaired));
    assert!(net.faults().is_empty(), "{:?}", net.faults());
}

#[test]
fn a_ticket_of_a_peer_that_moved_says_where_it_is_also_if_it_has_forgotten_us() {
    for forgotten in [false, true] {
        let mut net = Net::new(2);
        net.pair(0, 1);
        let [one, other] = [0, 1].map(|at| net.nodes[at].organisation());
        let moved = Address::new("/ip4/192.0.2.7/udp/4001/quic-v1").unwrap();
        let mut entropy = net.nodes[0].entropy();
        let ticket = net.nodes[0].machine.invite(NOW.plus_ms(1000), vec![moved.clone()], &mut entropy);
        assert_eq!(net.nodes[1].machine.join(NOW, ticket.clone()), Err(CommandError::AlreadyPaired), "they are connected");
        net.disconnect(0, 1);
        if forgotten {
            net.nodes[0].machine.remove_peer(&other).unwrap();
            net.run();
        }
        net.nodes[1].machine.pause(&one, true).unwrap();
        assert_eq!(net.nodes[1].machine.join(NOW, ticket.clone()), Err(CommandError::AlreadyPaired), "an operator stopped it");
        net.nodes[1].machine.pause(&one, false).unwrap();
        net.nodes[1].machine.join(NOW, ticket).unwrap();
        net.connect(0, 1);
        let number = |at: usize, of| net.nodes[at].machine.peer(&of).unwrap().number.clone();
        assert_eq!(number(0, other), number(1, one));
        if forgotten {
            net.nodes[0].machine.confirm(NOW, &other, None).unwrap();
            net.run();
        }
        assert!(net.is_synced(0, 1), "{forgotten}: {:?}", net.faults());
        assert_eq!(net.nodes[1].machine.peer(&one).unwrap().addresses, [moved]);
        assert!(net.faults().is_empty(), "{:?}", net.faults());
    }
}

#[test]
fn a_successor_is_let_in_however_many_cards_its_organisation_showed_before() {
    let mut net = Net::new(2);
    net.pair(0, 1);
    for generation in 1..=u64::try_from(limits::CARDS_EACH).unwrap() {
        let device = DeviceKey::from_seed(&[u8::try_from(100 + generation).unwrap(); 32]).device();
        net.nodes[0].machine.learn_card(card(2, generation, device), None);
    }
    net.run();
    let them = net.nodes[1].organisation();
    assert_eq!(net.nodes[0].machine.directory().cards(&them).count(), limits::CARDS_EACH);
    let generation = 1000;
    let new = net.restore(1, 50, generation);
    net.connect(0, new);
    assert!(net.is_synced(0, new), "{:?}", net.faults());
    let replaced = net.nodes[new].machine.directory().replaced_devices(&them).len();
    assert_eq!(replaced, limits::CARDS_EACH, "it was told of them all");
    net.nodes[0].restart();
    assert_eq!(net.nodes[0].machine.directory().device(&them), Some(net.nodes[new].key.device()));
}
