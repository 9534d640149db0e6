//! An organisation goes on with another device: who is let in, who is told, what is taken and what is silent.

use super::*;
use crate::entry::Author;
use crate::limits;
use crate::store::{Read as _, Write};
use std::collections::BTreeSet;

mod rounds;
mod thieves;

fn card(root: u8, generation: u64, device: DeviceId) -> SignedCard {
    let name = Name::new(&format!("Union {root}")).unwrap();
    SignedCard::sign(&RootKey::from_secret([root; 32]), generation, device, name, OrganisationKind::Union)
}

impl Node {
    /// The organisation of `root` on another device, from a backup.
    fn restored(root: u8, seed: u8, generation: u64, mut backup: Memory) -> Self {
        let key = DeviceKey::from_seed(&[seed; 32]);
        backup.apply(Write::Card { card: card(root, 0, DeviceKey::from_seed(&[root; 32]).device()), brought_by: None });
        backup.mark_all_unreconciled();
        let card = card(root, generation, key.device());
        let mut machine = Machine::new(card, backup.start(), Budget::default(), &backup).unwrap();
        machine.set_recovering(true);
        Self { key, machine, store: backup, notices: Vec::new(), drawn: u64::from(seed) << 32 }
    }

    fn restart(&mut self) {
        let card = self.machine.card().clone();
        self.machine = Machine::new(card, self.store.start(), Budget::default(), &self.store).unwrap();
    }

    /// The root key disowns every older device in every document.
    fn disown(&mut self, root: u8) {
        let (us, now) = (self.organisation(), NOW);
        let root = RootKey::from_secret([root; 32]);
        let documents: Vec<DocumentId> = self.machine.documents().map(Held::document).collect();
        for document in documents {
            for device in self.machine.directory().replaced_devices(&us) {
                let successors = self.machine.directory().successors(&us, &device);
                let access = &self.access(&document);
                let own = || self.store.own_entries(&document, &device).unwrap();
                let Some(body) = access.disown(&us, &device, &successors, own) else { continue };
                let acting = Acting { organisation: us, signer: Signer::Root(&root), under: None };
                let entry = author::control(access, &acting, body).unwrap();
                self.publish(now, entry).unwrap();
            }
        }
    }

    fn replaced(&self) -> usize {
        self.notices.iter().filter(|notice| **notice == Notice::Replaced).count()
    }
}

impl Net {
    /// The node at `at` is restored from a backup of now, as another node.
    fn restore(&mut self, at: usize, seed: u8, generation: u64) -> usize {
        let backup = self.nodes[at].store.clone();
        self.restore_from(at, seed, generation, backup)
    }

    fn restore_from(&mut self, at: usize, seed: u8, generation: u64, backup: Memory) -> usize {
        self.nodes.push(Node::restored(u8::try_from(at + 1).unwrap(), seed, generation, backup));
        self.nodes.len() - 1
    }

    fn is_synced(&self, a: usize, b: usize) -> bool {
        let of = |at: usize, other: usize| self.nodes[at].machine.connection(&self.nodes[other].organisation());
        of(a, b) == Some(Connection::InSync) && of(b, a) == Some(Connection::InSync)
    }

    /// A device that is none of the nodes' connects to a node and says something; what it is answered.
    fn stranger_says(&mut self, at: usize, device: DeviceId, message: Message) -> Vec<&'static str> {
        let node = &mut self.nodes[at];
        node.handle(self.now, Input::Connected(device));
        node.handle(self.now, Input::Received(device, Box::new(message)));
        let mut answers = Vec::new();
        while let Some(output) = node.machine.poll_output(self.now, &node.store).unwrap() {
            match output {
                Output::Send(to, frame) if to == device => answers.push(Message::receive(&frame).unwrap().name()),
                Output::Disconnect(from, Parting::Done) if from == device => answers.push("done"),
                Output::Disconnect(from, Parting::Fault) if from == device => answers.push("fault"),
                Output::Write(write) => node.store.apply(write),
                Output::Notice(notice) => node.notices.push(notice),
                Output::Send(..) | Output::Disconnect(..) | Output::Targets => {}
            }
        }
        answers
    }
}

/// Seeds of devices of which one begins the rounds with the device of another seed, and the other answers.
fn seeds_on_both_sides_of(other: u8) -> [u8; 2] {
    let device = |seed: u8| DeviceKey::from_seed(&[seed; 32]).device();
    let seed = |begins: bool| (50..).find(|seed| (device(*seed) < device(other)) == begins).unwrap();
    [seed(true), seed(false)]
}

fn hello(card: SignedCard) -> Message {
    Message::Hello { card, addresses: None, confirmed: true }
}

#[test]
fn a_successor_of_a_paired_organisation_is_let_in_and_pairing_stays_confirmed() {
    let mut net = Net::new(2);
    net.pair(0, 1);
    let other = net.nodes[1].organisation();
    let document = net.nodes[0].begin(&[other]);
    net.run();
    let new = net.restore(1, 50, 7);
    net.disconnect(0, 1);
    let later = net.nodes[0].begin(&[other]);
    net.connect(0, new);
    assert!(net.is_synced(0, new), "{:?}", net.faults());
    let device = net.nodes[new].key.device();
    let targets: Vec<DeviceId> = net.nodes[0].machine.targets().into_iter().map(|(device, _)| device).collect();
    assert_eq!(targets, [device]);
    let told = Notice::Successor { organisation: other, device, before: net.nodes[1].key.device() };
    assert_eq!(net.nodes[0].notices.iter().filter(|notice| **notice == told).count(), 1);
    for document in [document, later] {
        assert_eq!(net.nodes[new].count(&document, Plane::Content), 2);
    }
    assert!(net.faults().is_empty(), "{:?}", net.faults());
    net.nodes[0].restart();
    net.connect(0, new);
    assert!(net.is_synced(0, new), "it is known from now on");
}

#[test]
fn a_stranger_without_a_newer_card_of_its_own_of_a_paired_organisation_is_told_nothing() {
    let mut net = Net::new(3);
    net.pair(0, 1);
    net.pair(0, 2);
    let paused = net.nodes[2].organisation();
    net.nodes[0].machine.pause(&paused, true).unwrap();
    net.run();
    let [known, stranger] = [1, 40].map(|seed| DeviceKey::from_seed(&[seed; 32]).device());
    for card in [card(9, 5, stranger), card(2, 5, known), card(3, 5, stranger), card(1, 5, known)] {
        assert_eq!(net.stranger_says(0, stranger, hello(card)), ["fault"]);
    }
    assert!(net.nodes[0].machine.sessions.keys().all(|device| *device != stranger));
    assert_eq!(net.nodes[0].machine.directory().device(&net.nodes[1].organisation()), Some(net.nodes[1].key.device()));
    // Whoever replays the card of a true successor is none.
    let successor = card(2, 5, DeviceKey::from_seed(&[41; 32]).device());
    assert_eq!(net.stranger_says(0, stranger, hello(successor)), ["fault"]);
    assert_eq!(net.stranger_says(0, stranger, Message::Cards(vec![card(2, 5, stranger)])), ["fault"]);
    assert_eq!(net.stranger_says(0, stranger, Message::Settled), ["fault"]);
}

#[test]
fn nobody_is_let_in_as_a_successor_while_nobody_is_paired() {
    let mut net = Net::new(2);
    assert!(!net.nodes[0].machine.admits_strangers(NOW));
    net.pair(0, 1);
    assert!(net.nodes[0].machine.admits_strangers(NOW));
    let other = net.nodes[1].organisation();
    net.nodes[0].machine.pause(&other, true).unwrap();
    assert!(!net.nodes[0].machine.admits_strangers(NOW));
}

#[test]
fn a_replaced_device_is_told_in_its_session_and_whenever_it_comes_and_nothing_else() {
    let mut net = Net::new(2);
    net.pair(0, 1);
    let (own, old) = (net.nodes[0].organisation(), net.nodes[1].key.device());
    let fresh = net.nodes[1].store.clone();
    let new = net.restore(1, 50, 7);
    net.connect(0, new);
    assert_eq!(net.nodes[1].machine.connection(&own), None);
    assert_eq!(net.nodes[1].replaced(), 1);
    assert!(net.nodes[1].machine.targets().is_empty() && !net.nodes[1].machine.admits_strangers(NOW));
    let mut entropy = net.nodes[1].entropy();
    let genesis = author::genesis(net.nodes[1].organisation(), Signer::Device(&net.nodes[1].key), Vec::new(), &mut entropy);
    assert_eq!(net.nodes[1].publish(NOW, genesis.unwrap()), Err(CommandError::Replaced));
    net.nodes[1].restart();
    let successor = net.nodes[new].machine.card().clone();
    assert_eq!(net.nodes[1].machine.replaced_by(), Some(&successor), "also after a restart");
    net.connect(0, 1);
    assert!(net.nodes[1].machine.sessions.is_empty());
    // The same backup started once more, which knows nothing of it.
    let old_card = net.nodes[1].machine.card().clone();
    net.nodes[1].machine = Machine::new(old_card.clone(), fresh.start(), Budget::default(), &fresh).unwrap();
    net.nodes[1].notices.clear();
    net.delivered.clear();
    net.connect(0, 1);
    assert_eq!(net.nodes[1].replaced(), 1);
    let to_old: Vec<_> = net.delivered.iter().map(|(_, name, _)| *name).collect();
    assert_eq!(to_old, ["a hello", "cards"], "it says hello, and is told");
    assert_eq!(net.stranger_says(0, old, hello(old_card)), ["cards", "done"]);
    assert!(net.is_synced(0, new), "the successor's session goes on");
    assert!(net.faults().is_empty(), "{:?}", net.faults());
}

#[test]
fn an_old_device_of_a_paired_organisation_is_refused_even_with_an_invitation() {
    let mut net = Net::new(2);
    net.pair(0, 1);
    let thief = net.nodes[1].key.device();
    let newer = card(2, 1, DeviceId::new([9; 32]));
    let own = net.nodes[0].organisation();
    net.nodes[0].handle(NOW, Input::Received(thief, Box::new(Message::Cards(vec![newer]))));
    net.run();
    assert_eq!(net.nodes[1].machine.connection(&own), None, "the newer card ends the older device's session");
    let mut entropy = net.nodes[0].entropy();
    let ticket = net.nodes[0].machine.invite(NOW.plus_ms(1000), Vec::new(), &mut entropy);
    // A thief forgets what it was told.
    net.nodes[1] = Node::new(2);
    net.nodes[1].machine.join(NOW, ticket).unwrap();
    net.connect(0, 1);
    let paired = net.nodes[1].organisation();
    assert_eq!(net.nodes[0].machine.connection(&paired), None);
    assert_eq!(net.nodes[0].machine.invitations.len(), 1, "nor does it use up the invitation");
    assert_eq!(net.nodes[1].replaced(), 1);
}

#[test]
fn nobody_but_the_root_key_ends_a_node() {
    let mut net = Net::new(2);
    net.pair(0, 1);
    let device = net.nodes[0].key.device();
    let forged = crate::identity::Card { generation: 9, device: DeviceId::new([9; 32]), ..net.nodes[0].machine.card().card().clone() };
    assert!(SignedCard::verify(forged, *net.nodes[0].machine.card().signature()).is_err());
    // A newer card of the same device, and a card as old as ours that loses against it, are no successors.
    let same = card(1, 3, device);
    let rival = (0..=255).map(|byte| card(1, 0, DeviceId::new([byte; 32]))).find(|rival| net.nodes[0].machine.card().supersedes(rival));
    let from = net.nodes[1].key.device();
    let cards = vec![same, rival.unwrap()];
    net.nodes[0].handle(NOW, Input::Received(from, Box::new(Message::Cards(cards))));
    net.run();
    assert_eq!(net.nodes[0].machine.replaced_by(), None);
    assert!(net.is_synced(0, 1));
    let document = net.nodes[0].begin(&[]);
    assert!(net.nodes[0].machine.document(&document).is_some());
}

#[test]
fn of_two_restores_of_one_organisation_one_goes_on_and_the_other_ends() {
    let mut net = Net::new(3);
    net.pair(0, 1);
    net.pair(1, 2);
    net.pair(0, 2);
    let backup = net.nodes[1].store.clone();
    let (one, other) = (net.restore_from(1, 50, 7, backup.clone()), net.restore_from(1, 51, 9, backup));
    // Each reaches another neighbour first.
    net.connect(0, one);
    net.connect(2, other);
    net.connect(2, one);
    net.connect(0, other);
    assert_eq!((net.nodes[one].replaced(), net.nodes[other].replaced()), (1, 0));
    assert!(net.is_synced(0, other) && net.is_synced(2, other));
    assert_eq!(net.nodes[one].machine.sessions.len(), 0);
}

#[test]
fn what_a_thief_begins_after_its_owner_came_back_is_taken_by_nobody() {
    // 0 a neighbour, 1 the stolen device, 2 an accomplice.
    let mut net = Net::new(3);
    net.pair(0, 1);
    net.pair(1, 2);
    net.pair(0, 2);
    net.disconnect(0, 2);
    net.disconnect(1, 2);
    let fresh = net.nodes[1].store.clone();
    let new = net.restore(1, 50, 7);
    net.connect(0, new);
    net.nodes[new].disown(2);
    net.nodes[new].machine.set_recovering(false);
    // A thief forgets what it was told.
    net.nodes[1].store = fresh;
    net.nodes[1].restart();
    net.connect(1, 2);
    let readers = [0, 2].map(|at| net.nodes[at].organisation());
    let forged = net.nodes[1].begin(&readers);
    net.run();
    assert_eq!(net.nodes[2].count(&forged, Plane::Content), 2, "the accomplice has it");
    net.connect(0, 2);
    assert!(net.nodes[0].machine.document(&forged).is_none());
    net.connect(new, 2);
    assert!(net.nodes[new].machine.document(&forged).is_none(), "nor its owner");
    assert!(net.is_synced(0, 2) && net.is_synced(new, 2));
    let held = net.nodes[2].machine.document(&forged).unwrap();
    assert!(!held.is_vouched_for(net.nodes[2].machine.directory()), "who held it before sees that nobody answers for it");
    net.disconnect(0, 2);
    net.disconnect(new, 2);
    net.delivered.clear();
    net.connect(0, 2);
    assert!(net.delivered.iter().all(|(_, name, _)| *name != "entries"), "nor is it passed on any more");
    assert!(net.faults().is_empty(), "{:?}", net.faults());
}

#[test]
fn what_an_older_device_began_honestly_is_taken_once_the_root_key_says_so() {
    // 0 has a document of 1 that 2 has not.
    let mut net = Net::new(3);
    net.pair(0, 1);
    net.pair(1, 2);
    net.disconnect(1, 2);
    let backup = net.nodes[1].store.clone();
    let readers = [0, 2].map(|at| net.nodes[at].organisation());
    let document = net.nodes[1].begin(&readers);
    net.run();
    let new = net.restore_from(1, 50, 7, backup);
    net.disconnect(0, 1);
    net.connect(new, 2);
    net.connect(new, 0);
    assert_eq!(net.nodes[new].count(&document, Plane::Content), 2, "its owner takes it while it recovers");
    assert!(net.nodes[2].machine.document(&document).is_none(), "nobody answers for it yet");
    assert!(net.is_synced(new, 0) && net.is_synced(new, 2));
    net.nodes[new].disown(2);
    net.run();
    for at in [0, 2, new] {
        let holding = net.nodes[at].machine.document(&document).unwrap();
        assert!(holding.is_vouched_for(net.nodes[at].machine.directory()));
        assert_eq!((net.nodes[at].count(&document, Plane::Control), net.nodes[at].count(&document, Plane::Content)), (2, 2));
    }
    assert!(net.faults().is_empty(), "{:?}", net.faults());
}

#[test]
fn more_documents_that_nobody_answers_for_than_there_is_room_for_come_once_the_root_key_speaks() {
    let mut net = Net::new(3);
    net.pair(0, 1);
    net.pair(1, 2);
    net.disconnect(1, 2);
    let reader = net.nodes[2].organisation();
    let documents: Vec<DocumentId> = (0..limits::UNNAMED_DOCUMENTS + 30).map(|_| net.nodes[1].begin(&[reader])).collect();
    net.run();
    let new = net.restore(1, 50, 7);
    net.disconnect(0, 1);
    net.connect(new, 2);
    assert!(documents.iter().all(|document| net.nodes[2].machine.document(document).is_none()));
    assert!(net.is_synced(new, 2), "{:?}", net.faults());
    net.nodes[new].machine.reconcile_alone();
    net.nodes[new].disown(2);
    net.run();
    assert!(documents.iter().all(|document| net.nodes[2].count(document, Plane::Content) == 2));
    assert!(net.faults().is_empty(), "{:?}", net.faults());
}

#[test]
fn what_came_back_from_a_backup_is_silent_until_a_neighbour_has_confirmed_it() {
    let mut net = Net::new(3);
    net.pair(0, 1);
    net.pair(1, 2);
    let [keeper, other] = [0, 2].map(|at| net.nodes[at].organisation());
    let shared = net.nodes[1].begin(&[keeper]);
    let private = net.nodes[1].begin(&[]);
    net.run();
    let new = net.restore(1, 50, 7);
    net.disconnect(0, 1);
    net.disconnect(1, 2);
    let granted = grant(&net.nodes[new], shared, other);
    net.nodes[new].publish(NOW, granted).unwrap();
    net.connect(new, 2);
    assert!(!net.nodes[new].machine.document(&private).unwrap().is_reconciled());
    assert_eq!(net.nodes[2].count(&shared, Plane::Content), 0);
    net.connect(new, 0);
    assert!(net.nodes[new].machine.document(&shared).unwrap().is_reconciled());
    assert!(net.nodes[new].notices.contains(&Notice::Reconciled(shared)));
    net.nodes[new].restart();
    let silent: Vec<DocumentId> = net.nodes[new].machine.unreconciled().collect();
    assert_eq!(silent, [private], "also after a restart");
    net.nodes[new].machine.reconcile_alone();
    net.run();
    assert_eq!(net.nodes[new].machine.unreconciled().count(), 0);
    assert_eq!(net.nodes[new].store.start().unreconciled, BTreeSet::new());
}

fn grant(node: &Node, document: DocumentId, to: OrganisationId) -> crate::entry::VerifiedEntry {
    let access = &node.access(&document);
    let grants = vec![Grant { subject: Subject::Organisation(to), role: Role::Read, until: None }];
    author::control(access, &node.acting(document.into()), Body::Grant { grants }).unwrap()
}

#[test]
fn an_erase_that_the_neighbours_know_of_wins_over_a_backup_from_before() {
    for seed in seeds_on_both_sides_of(1) {
        let mut net = Net::new(3);
        net.pair(0, 1);
        net.pair(1, 2);
        net.pair(0, 2);
        let readers = [0, 2].map(|at| net.nodes[at].organisation());
        let document = net.nodes[1].begin(&readers);
        let kept = net.nodes[1].begin(&readers);
        net.run();
        let backup = net.nodes[1].store.clone();
        net.disconnect(1, 2);
        net.disconnect(0, 2);
        net.nodes[1].revise(kept, b"after the backup");
        net.nodes[1].control(document, Body::Erase);
        net.run();
        net.nodes[0].destroy(NOW, &document).unwrap();
        net.run();
        net.disconnect(0, 1);
        let new = net.restore_from(1, seed, 7, backup);
        net.delivered.clear();
        net.connect(new, 0);
        assert!(net.is_synced(new, 0), "{:?}", net.faults());
        let holding = net.nodes[new].machine.document(&document).unwrap();
        assert!(holding.is_reconciled() && holding.sharing().is_erased());
        assert_eq!(net.nodes[new].count(&kept, Plane::Content), 4, "what was written after the backup came back");
        let entries = net.delivered.iter().filter(|(plane, name, _)| *name == "entries" && *plane == Some(Plane::Content)).count();
        assert_eq!(entries, 1, "only what was missing was sent");
        let keeper = net.nodes[0].organisation();
        let in_sync = net.nodes[new].notices.iter().filter(|notice| **notice == Notice::InSync(keeper)).count();
        assert_eq!(in_sync, 1, "it is not in sync before the content was compared");
        net.connect(new, 2);
        assert!(net.nodes[2].access(&document).is_erased());
        assert!(net.faults().is_empty(), "{:?}", net.faults());
    }
}

#[test]
fn a_device_of_another_organisation_that_a_peer_claimed_and_let_go_is_not_parted_from() {
    let mut net = Net::new(3);
    net.pair(0, 1);
    net.pair(0, 2);
    let device = net.nodes[2].key.device();
    let from = net.nodes[1].key.device();
    for (generation, device) in [(3, device), (4, from)] {
        let cards = Message::Cards(vec![card(2, generation, device)]);
        net.nodes[0].handle(NOW, Input::Received(from, Box::new(cards)));
        net.run();
    }
    assert!(net.is_synced(0, 2), "{:?}", net.faults());
}

#[test]
fn a_thief_who_revokes_the_successor_does_not_keep_it_from_acting() {
    let mut net = Net::new(2);
    net.pair(0, 1);
    let reader = net.nodes[0].organisation();
    let document = net.nodes[1].begin(&[reader]);
    net.run();
    let new = net.restore(1, 50, 7);
    let successor = net.nodes[new].key.device();
    // The thief learns who the successor is, and is the first to speak.
    net.nodes[1].control(document, Body::Revoke { principal: Principal::Device(successor), keep: Vec::new() });
    net.nodes[1].revise(document, b"by the thief");
    net.run();
    net.connect(0, new);
    net.nodes[new].disown(2);
    let words = net.nodes[new].revise(document, b"by the successor");
    net.run();
    for at in [0, new] {
        let access = &net.nodes[at].access(&document);
        assert!(access.is_authorised(&words), "{at}");
    }
    let access = &net.nodes[new].access(&document);
    let (us, old) = (net.nodes[1].organisation(), net.nodes[1].key.device());
    assert_eq!(access.disown(&us, &old, &BTreeSet::from([successor]), BTreeSet::new), None, "it is said");
    assert!(access.tip(&Author::Device(old), Plane::Control).is_some());
    assert!(net.faults().is_empty(), "{:?}", net.faults());
}

impl Net {
    /// A thief goes on with what a node has, but for what it was told.
    fn forget(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        let mut start = node.store.start();
        let card = node.machine.card().clone();
        start.cards.retain(|(known, _)| known.card().organisation != card.card().organisation);
        node.machine = Machine::new(card, start, Budget::default(), &node.store).unwrap();
    }

    /// Something happens among the nodes of `places`.
    fn happen(&mut self, dice: &mut Entropy, places: &[usize], thief: Option<usize>) {
        let [what, one, other, which] = dice.bytes();
        let (a, b) = (places[usize::from(one) % places.len()], places[usize::from(other) % places.len()]);
        if thief.is_some_and(|thief| self.nodes[thief].machine.replaced_by().is_some()) {
            self.forget(thief.unwrap());
        }
        let documents: Vec<DocumentId> = self.nodes[a].machine.documents().map(Held::document).collect();
        match what % 8 {
            0 | 1 if a != b => {
                self.disconnect(a, b);
                self.connect(a, b);
            }
            2 if a != b => self.disconnect(a, b),
            3 | 4 => {
                let readers: Vec<OrganisationId> = (0..3).map(|at| self.nodes[at].organisation()).collect();
                let us = self.nodes[a].organisation();
                let readers: Vec<OrganisationId> =
                    readers.into_iter().enumerate().filter(|(at, id)| *id != us && which & (1 << at) != 0).map(|(_, id)| id).collect();
                self.nodes[a].begin(&readers);
            }
            _ => {
                let us = self.nodes[a].organisation();
                let own = |document: &&DocumentId| self.nodes[a].access(document).owner() == Some(us);
                let own: Vec<DocumentId> = documents.iter().filter(own).copied().collect();
                if let Some(document) = own.get(usize::from(which) % own.len().max(1)) {
                    self.nodes[a].revise(*document, b"more");
                }
            }
        }
        self.run();
    }
}

#[test]
fn whatever_happened_before_and_meanwhile_the_honest_agree_once_the_root_key_has_spoken() {
    for seed in 0..60 {
        let mut dice = Entropy::from_seed([seed; 32]);
        let mut net = Net::new(3);
        for (a, b) in [(0, 1), (1, 2), (0, 2)] {
            net.pair(a, b);
        }
        for _ in 0..12 {
            net.happen(&mut dice, &[0, 1, 2], None);
        }
        let backup = net.nodes[1].store.clone();
        for _ in 0..8 {
            net.happen(&mut dice, &[0, 1, 2], None);
        }
        let new = net.restore_from(1, 50 + seed, 7, backup);
        // The thief goes on with the old device; whom it meets may or may not have heard of the new one.
        for step in 0..12 {
            net.happen(&mut dice, &[0, 1, 2], Some(1));
            if step == 6 {
                net.connect(0, new);
            }
        }
        for at in [0, 2, new] {
            net.disconnect(1, at);
        }
        let honest = [(0, new), (2, new), (0, 2)];
        for (a, b) in honest {
            net.disconnect(a, b);
        }
        for (a, b) in [(0, new), (2, new)] {
            net.connect(a, b);
        }
        net.nodes[new].machine.reconcile_alone();
        net.nodes[new].disown(2);
        net.nodes[new].machine.set_recovering(false);
        net.run();
        net.delivered.clear();
        net.connect(0, 2);
        net.run();
        assert!(net.count_delivered("the end of a round") <= 12, "{seed}: rounds end");
        assert!(honest.iter().all(|(a, b)| net.is_synced(*a, *b)), "{seed}: {:?}", net.faults());
        assert_eq!(net.nodes[new].machine.unreconciled().count(), 0, "{seed}");
        let places = [0, 2, new];
        let documents: BTreeSet<DocumentId> = places.iter().flat_map(|at| net.nodes[*at].machine.documents().map(Held::document)).collect();
        for document in documents {
            let held = places.iter().filter_map(|at| Some((*at, net.nodes[*at].machine.document(&document)?)));
            let vouched: Vec<_> = held.filter(|(at, holding)| holding.is_vouched_for(net.nodes[*at].machine.directory())).collect();
            let Some((first, _)) = vouched.first() else { continue };
            let first = net.nodes[*first].access(&document);
            let named = first.named();
            for at in places.into_iter().filter(|at| named.contains(&net.nodes[*at].organisation())) {
                let access = net.nodes[at].machine.access(&document, &net.nodes[at].store).unwrap();
                let access = access.unwrap_or_else(|| panic!("{seed}: {at} lacks document {document}"));
                for plane in Plane::ALL {
                    assert_eq!(access.version(plane), first.version(plane), "{seed}: {at} of {document}");
                }
            }
        }
        assert!(net.faults().is_empty(), "{seed}: {:?}", net.faults());
    }
}
