//! Peers that lie, flood or pair in unusual orders.

use super::*;
use crate::entry::VerifiedEntry;
use crate::limits;

impl Net {
    fn give(&mut self, from: usize, to: usize, message: Message) {
        let device = self.nodes[from].key.device();
        self.nodes[to].handle(NOW, Input::Received(device, Box::new(message)));
    }

    fn number(&self, at: usize, of: usize) -> String {
        self.nodes[at].machine.peer(&self.nodes[of].organisation()).unwrap().number.to_string()
    }

    fn is_in_sync(&self, at: usize, with: usize) -> bool {
        self.nodes[at].machine.connection(&self.nodes[with].organisation()) == Some(Connection::InSync)
    }
}

impl Node {
    /// Applies what is to be written and loses what is to be sent; what it told.
    fn write_only(&mut self) -> Vec<Notice> {
        let mut told = Vec::new();
        while let Some(output) = self.machine.poll_output(NOW, &self.store).unwrap() {
            match output {
                Output::Write(write) => self.store.apply(write),
                Output::Notice(notice) => told.push(notice),
                Output::Send(..) | Output::Disconnect(..) | Output::Targets => {}
            }
        }
        told
    }

    fn stored(&self, document: &DocumentId, plane: Plane) -> Vec<VerifiedEntry> {
        let entries = crate::store::Read::document(&self.store, document).unwrap().into_iter().map(|stored| stored.entry.verify().unwrap());
        entries.filter(|entry| entry.header().plane() == plane).collect()
    }
}

fn read(organisation: OrganisationId) -> Vec<Grant> {
    vec![Grant { subject: Subject::Organisation(organisation), role: Role::Read, until: None }]
}

#[test]
fn two_that_invite_each_other_and_both_join_are_paired_once() {
    let mut net = Net::new(2);
    let tickets: Vec<_> =
        net.nodes.iter_mut().map(|node| node.machine.invite(NOW.plus_ms(1000), Vec::new(), &mut Entropy::from_seed([7; 32]))).collect();
    net.nodes[0].machine.join(NOW, tickets[1].clone()).unwrap();
    net.nodes[1].machine.join(NOW, tickets[0].clone()).unwrap();
    net.connect(0, 1);
    assert!(net.faults().is_empty(), "{:?}", net.faults());
    assert_eq!(net.number(0, 1), net.number(1, 0));
    for node in &net.nodes {
        assert_eq!(node.machine.joinings().count(), 0);
        assert!(!node.machine.admits_strangers(NOW), "both tickets are used");
    }
}

#[test]
fn whoever_pairs_again_with_a_new_ticket_sees_the_number_that_the_other_sees() {
    let mut net = Net::new(2);
    net.pair(0, 1);
    let inviting = net.nodes[0].organisation();
    net.nodes[1].machine.remove_peer(&inviting).unwrap();
    net.run();
    let ticket = net.nodes[0].machine.invite(NOW.plus_ms(1000), Vec::new(), &mut Entropy::from_seed([7; 32]));
    net.nodes[1].machine.join(NOW, ticket).unwrap();
    net.connect(0, 1);
    assert_eq!(net.number(0, 1), net.number(1, 0));
    assert!(net.nodes[0].machine.invitations.is_empty(), "the ticket is used");
    net.nodes[1].machine.confirm(NOW, &inviting, None).unwrap();
    net.run();
    assert!(net.is_in_sync(0, 1) && net.is_in_sync(1, 0));
}

#[test]
fn a_paused_peer_is_not_let_in_by_an_invitation_for_somebody_else() {
    let mut net = Net::new(2);
    net.pair(0, 1);
    let other = net.nodes[1].organisation();
    net.nodes[0].machine.pause(&other, true).unwrap();
    net.run();
    net.nodes[0].machine.invite(NOW.plus_ms(1000), Vec::new(), &mut Entropy::from_seed([7; 32]));
    net.connect(0, 1);
    assert!(net.nodes[0].machine.sessions.is_empty());
    assert!(net.faults().is_empty(), "{:?}", net.faults());
}

#[test]
fn a_peer_that_claims_anothers_device_does_not_shut_that_one_out() {
    let mut net = Net::new(3);
    net.pair(0, 1);
    net.pair(0, 2);
    // Whichever of the two comes first by its id lies.
    let (liar, honest) = if net.nodes[1].organisation() < net.nodes[2].organisation() { (1, 2) } else { (2, 1) };
    let root = RootKey::from_secret([u8::try_from(liar).unwrap() + 1; 32]);
    let device = net.nodes[honest].key.device();
    let card = SignedCard::sign(&root, 1, device, Name::new("Liar").unwrap(), OrganisationKind::Union);
    net.give(liar, 0, Message::Cards(vec![card]));
    net.run();
    net.disconnect(0, honest);
    net.connect(0, honest);
    assert!(net.is_in_sync(0, honest) && net.is_in_sync(honest, 0), "{:?}", net.faults());
}

#[test]
fn documents_that_do_not_name_us_from_one_peer_keep_nothing_of_another_out() {
    let mut net = Net::new(3);
    net.pair(0, 1);
    net.pair(0, 2);
    let private: Vec<_> = (0..limits::UNNAMED_DOCUMENTS).map(|_| net.nodes[1].begin(&[])).collect();
    net.run();
    for document in private {
        let entries = net.nodes[1].stored(&document, Plane::Control);
        net.give(1, 0, Message::Entries { document, plane: Plane::Control, entries });
    }
    let us = net.nodes[0].organisation();
    let document = net.nodes[2].begin(&[us]);
    net.run();
    assert_eq!(net.nodes[0].count(&document, Plane::Content), 2, "{:?}", net.faults());
}

#[test]
fn a_peer_that_goes_on_sending_documents_that_do_not_name_us_is_sent_away() {
    let mut net = Net::new(2);
    net.pair(0, 1);
    let private: Vec<_> = (0..limits::UNNAMED_DOCUMENTS + 3).map(|_| net.nodes[1].begin(&[])).collect();
    net.run();
    for document in private {
        let entries = net.nodes[1].stored(&document, Plane::Control);
        net.give(1, 0, Message::Entries { document, plane: Plane::Control, entries });
    }
    let peer = net.nodes[1].organisation();
    assert_eq!(net.nodes[0].machine.connection(&peer), None);
}

#[test]
fn one_that_sends_such_documents_from_their_beginning_is_sent_away_before_its_first_round_is_over_too() {
    let mut net = Net::new(2);
    net.pair(0, 1);
    let private: Vec<_> = (0..limits::UNNAMED_DOCUMENTS + 3).map(|_| net.nodes[1].begin(&[])).collect();
    net.disconnect(0, 1);
    net.link(0, 1);
    let (peer, device) = (net.nodes[1].organisation(), net.nodes[1].key.device());
    while !net.nodes[0].machine.sessions[&device].is_live() {
        assert!(net.step());
    }
    assert!(!net.nodes[0].machine.sessions[&device].settled);
    for document in private {
        let entries = net.nodes[1].stored(&document, Plane::Control);
        net.nodes[0].handle(NOW, Input::Received(device, Box::new(Message::Entries { document, plane: Plane::Control, entries })));
    }
    assert_eq!(net.nodes[0].machine.connection(&peer), None);
}

#[test]
fn a_document_that_left_with_its_bringer_does_not_come_back_empty_with_a_card() {
    let mut net = Net::new(3);
    net.pair(0, 1);
    let document = net.nodes[2].begin(&[]);
    net.run();
    // Somebody's entries without the card that they wait for, of a document that does not name us.
    let entries = net.nodes[2].stored(&document, Plane::Control);
    net.give(1, 0, Message::Entries { document, plane: Plane::Control, entries });
    assert!(net.nodes[0].machine.waiting.contains(&document));
    net.disconnect(0, 1);
    net.connect(0, 1);
    let card = net.nodes[2].machine.card().clone();
    net.give(1, 0, Message::Cards(vec![card]));
    assert!(net.nodes[0].machine.documents.kept(&document).is_none());
}

#[test]
fn a_document_that_names_thousands_is_passed_on_with_all_their_cards() {
    let mut net = Net::new(2);
    net.pair(0, 1);
    let reader = net.nodes[1].organisation();
    let mut grants = Vec::new();
    for number in 0..4160_u16 {
        let mut secret = [9; 32];
        secret[..2].copy_from_slice(&number.to_le_bytes());
        let root = RootKey::from_secret(secret);
        let card = SignedCard::sign(&root, 0, DeviceId::new(secret), Name::new("x").unwrap(), OrganisationKind::Union);
        grants.extend(read(card.card().organisation));
        net.nodes[0].machine.learn_card(card, None);
    }
    let document = net.nodes[0].begin(&[]);
    for grants in grants.chunks(limits::GRANTS) {
        net.nodes[0].control(document, Body::Grant { grants: grants.to_vec() });
    }
    net.nodes[0].control(document, Body::Grant { grants: read(reader) });
    net.run();
    assert_eq!(net.nodes[1].count(&document, Plane::Control), 67, "{:?}", net.faults());
}

#[test]
fn a_peer_that_is_given_much_at_once_may_still_ask() {
    let mut net = Net::new(2);
    net.pair(0, 1);
    let reader = net.nodes[1].organisation();
    let documents: Vec<_> = (0..200).map(|_| net.nodes[0].begin(&[reader])).collect();
    net.give(1, 0, Message::Have { document: documents[0], plane: Plane::Control, ids: Vec::new() });
    assert!(!net.nodes[0].machine.sessions.is_empty(), "the peer asked once and was cut off");
}

#[test]
fn a_peer_that_asks_the_same_again_before_it_was_answered_is_at_fault() {
    let mut net = Net::new(2);
    net.pair(0, 1);
    let reader = net.nodes[1].organisation();
    let document = net.nodes[0].begin(&[reader]);
    net.run();
    for _ in 0..3 {
        net.give(1, 0, Message::Have { document, plane: Plane::Content, ids: Vec::new() });
    }
    assert!(net.nodes[0].machine.sessions.is_empty());
}

#[test]
fn what_a_peer_sent_is_not_sent_back_to_it() {
    let mut net = Net::new(2);
    net.pair(0, 1);
    let reader = net.nodes[1].organisation();
    net.nodes[0].begin(&[reader]);
    net.run();
    let back: Vec<_> = net.nodes[1].notices.iter().filter(|notice| matches!(notice, Notice::Disclosed { .. })).collect();
    assert!(back.is_empty(), "{back:?}");
}

#[test]
fn what_was_held_back_is_forwarded_whole_once_it_names_us() {
    let mut net = Net::new(3);
    net.pair(0, 1);
    net.pair(1, 2);
    let (us, reader) = (net.nodes[1].organisation(), net.nodes[2].organisation());
    let document = net.nodes[0].begin(&[reader]);
    net.nodes[0].control(document, Body::Grant { grants: read(us) });
    net.nodes[0].write_only();
    for entry in net.nodes[0].stored(&document, Plane::Control) {
        net.give(0, 1, Message::Entries { document, plane: Plane::Control, entries: vec![entry] });
    }
    let told = net.nodes[1].write_only();
    let sent = |notice: &&Notice| matches!(notice, Notice::Disclosed { to, plane: Plane::Control, entries: 2, .. } if *to == reader);
    assert_eq!(told.iter().filter(sent).count(), 1, "{told:?}");
}

#[test]
fn an_entry_whose_past_never_comes_does_not_make_every_later_one_a_question() {
    let mut net = Net::new(3);
    net.pair(0, 1);
    net.pair(1, 2);
    let (us, liar) = (net.nodes[1].organisation(), net.nodes[2].organisation());
    let document = net.nodes[0].begin(&[us, liar]);
    net.run();
    // The liar's chain on a document begins with its second entry.
    let audience = Audience { recipients: Vec::new(), openness: Openness::Anyone };
    let mut orphan = None;
    let mut held = crate::access::Access::default();
    for entry in Plane::ALL.into_iter().flat_map(|plane| net.nodes[2].stored(&document, plane)) {
        held.insert(entry, |_, _| true);
    }
    for seed in 0..2 {
        let payload = crate::entry::ResponsePayload {
            at: NOW,
            person: None,
            remark: crate::entry::Remark::Comment,
            step: String::new(),
            text: "x".into(),
        };
        let acting = net.nodes[2].acting(document.into());
        let entry = author::response(&held, &acting, &audience, &payload, &mut Entropy::from_seed([seed; 32])).unwrap();
        held.insert(entry.clone(), |_, _| true);
        orphan = Some(entry);
    }
    net.give(2, 1, Message::Entries { document, plane: Plane::Content, entries: vec![orphan.unwrap()] });
    net.run();
    net.delivered.clear();
    for _ in 0..5 {
        net.nodes[0].revise(document, b"more");
        net.run();
    }
    assert_eq!(net.count_delivered("a request for entries"), 0);
}

#[test]
fn a_restarted_machine_still_says_where_it_can_be_reached() {
    let mut net = Net::new(1);
    let signed = crate::identity::SignedAddresses::sign(&net.nodes[0].key, 1, Vec::new());
    net.nodes[0].machine.announce(signed.clone());
    net.run();
    let again =
        Machine::new(net.nodes[0].machine.card().clone(), net.nodes[0].store.start(), Budget::default(), &net.nodes[0].store).unwrap();
    assert_eq!(again.addresses, Some(signed));
}

#[test]
fn a_peer_that_claims_the_device_of_one_that_is_to_be_invited_does_not_keep_it_out() {
    let mut net = Net::new(3);
    net.pair(0, 1);
    let device = net.nodes[2].key.device();
    let card = SignedCard::sign(&RootKey::from_secret([2; 32]), 1, device, Name::new("Liar").unwrap(), OrganisationKind::Union);
    net.give(1, 0, Message::Cards(vec![card]));
    net.run();
    net.pair(0, 2);
    assert!(net.faults().is_empty(), "{:?}", net.faults());
}

#[test]
fn a_card_that_an_entry_needs_is_taken_although_its_organisation_showed_too_many() {
    let mut net = Net::new(2);
    net.pair(0, 1);
    let root = RootKey::from_secret([3; 32]);
    let keys: Vec<DeviceKey> = (0..=limits::CARDS_EACH).map(|at| DeviceKey::from_seed(&[100 + u8::try_from(at).unwrap(); 32])).collect();
    // The last is the current one.
    let card = |(at, key): (usize, &DeviceKey)| {
        let generation = u64::from(at == limits::CARDS_EACH);
        SignedCard::sign(&root, generation, key.device(), Name::new("Union 3").unwrap(), OrganisationKind::Union)
    };
    let cards: Vec<_> = keys.iter().enumerate().map(card).collect();
    for cards in cards.chunks(16) {
        net.give(1, 0, Message::Cards(cards.to_vec()));
    }
    let last = keys.last().unwrap();
    let (us, them) = (net.nodes[0].organisation(), cards[0].card().organisation);
    assert!(!net.nodes[0].machine.directory.may_author(&them, &crate::entry::Author::Device(last.device())));
    let genesis = author::genesis(them, Signer::Device(last), read(us), &mut Entropy::from_seed([5; 32])).unwrap();
    let document = genesis.document();
    net.give(1, 0, Message::Entries { document, plane: Plane::Control, entries: vec![genesis] });
    net.run();
    assert!(net.nodes[0].machine.document(&document).is_some());
    let (card, store) = (net.nodes[0].machine.card().clone(), &net.nodes[0].store);
    let again = Machine::new(card, store.start(), Budget::default(), store).unwrap();
    assert!(again.document(&document).is_some(), "also after a restart");
}
