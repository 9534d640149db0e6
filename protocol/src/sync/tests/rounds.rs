//! Rounds of reconciliation: what they cost, what they bring, and who may disturb them.

use super::*;
use crate::limits;

impl Net {
    /// Bytes delivered since this was last asked, but for the greeting.
    fn bytes_of_reconciling(&mut self) -> usize {
        let delivered = std::mem::take(&mut self.delivered);
        delivered.iter().filter(|(_, name, _)| *name != "a hello").map(|(.., bytes)| bytes).sum()
    }

    fn reconnect(&mut self, a: usize, b: usize) {
        self.disconnect(a, b);
        self.delivered.clear();
        self.connect(a, b);
    }

    pub(super) fn agree(&self, document: &DocumentId) -> bool {
        let versions = |node: &Node| {
            let access = node.machine.access(document, &node.store).unwrap();
            Plane::ALL.map(|plane| access.as_ref().map(|access| access.version(plane)))
        };
        let first = versions(&self.nodes[0]);
        first[0].is_some() && self.nodes.iter().all(|node| versions(node) == first)
    }

    fn in_sync(&self) -> bool {
        let pairs = [(0, 1), (1, 0)];
        pairs.iter().all(|(at, of)| self.nodes[*at].machine.connection(&self.nodes[*of].organisation()) == Some(Connection::InSync))
    }

    /// The node that begins rounds, and the other.
    pub(super) fn sides(&self) -> (usize, usize) {
        if self.nodes[0].key.device() < self.nodes[1].key.device() { (0, 1) } else { (1, 0) }
    }

    fn hand(&mut self, from: usize, to: usize, message: Message) {
        let device = self.nodes[from].key.device();
        self.nodes[to].handle(self.now, Input::Received(device, Box::new(message)));
    }
}

fn paired() -> Net {
    let mut net = Net::new(2);
    net.pair(0, 1);
    net
}

#[test]
fn reconnecting_with_all_equal_takes_one_round_trip_of_a_few_hundred_bytes() {
    let mut net = paired();
    let reader = net.nodes[1].organisation();
    let documents: Vec<_> = (0..150).map(|_| net.nodes[0].begin(&[reader])).collect();
    net.run();
    assert!(documents.iter().all(|document| net.agree(document)), "live entries came in order: {:?}", net.faults());
    net.reconnect(0, 1);
    assert!(net.in_sync());
    let names: Vec<_> = net.delivered.iter().map(|(_, name, _)| *name).filter(|name| *name != "a hello").collect();
    assert_eq!(names, ["a step of reconciliation", "a step of reconciliation", "the end of a round"]);
    assert!(net.bytes_of_reconciling() < 1024);
}

#[test]
fn what_differs_on_either_side_moves_in_one_exchange_whichever_side_begins() {
    for ahead in [0, 1] {
        let mut net = paired();
        let other = net.nodes[1 - ahead].organisation();
        let documents: Vec<_> = (0..60).map(|_| net.nodes[ahead].begin(&[other])).collect();
        net.run();
        net.disconnect(0, 1);
        net.delivered.clear();
        for document in &documents[..5] {
            net.nodes[ahead].revise(*document, b"changed while apart");
        }
        let new = net.nodes[ahead].begin(&[other]);
        let theirs = {
            let us = net.nodes[ahead].organisation();
            net.nodes[1 - ahead].begin(&[us])
        };
        net.connect(0, 1);
        assert!(net.in_sync(), "{ahead}");
        for document in documents.iter().chain([&new, &theirs]) {
            assert!(net.agree(document), "{ahead}");
        }
        assert!(net.faults().is_empty(), "{:?}", net.faults());
        let names: Vec<_> = net.delivered.iter().map(|(_, name, _)| *name).collect();
        let steps = names.iter().filter(|name| **name == "a step of reconciliation").count();
        assert!(steps <= 6, "{steps} steps");
        assert_eq!(names.last(), Some(&"the end of a round"), "nothing follows the word that all was exchanged");
        let planes: Vec<_> = net.delivered.iter().filter_map(|(plane, ..)| *plane).collect();
        assert!(planes.is_sorted(), "control comes before content: {planes:?}");
    }
}

#[test]
fn a_long_document_that_both_sides_continued_is_compared_entry_by_entry() {
    for (begins, longer) in [(0, 300), (1, 300), (0, 20), (1, 20)] {
        let mut net = paired();
        let other = net.nodes[1].organisation();
        let document = net.nodes[0].begin(&[other]);
        for _ in 0..140 {
            net.nodes[0].revise(document, b"long");
        }
        net.run();
        net.disconnect(0, 1);
        // Each continues it alone: the owner with revisions, the reader with responses.
        let (few, many) = if begins == 0 { (longer, 5) } else { (5, longer) };
        for _ in 0..few / 2 {
            net.nodes[0].revise(document, b"apart");
        }
        for _ in 0..many {
            net.nodes[1].respond(document);
        }
        net.delivered.clear();
        net.connect(0, 1);
        assert!(net.agree(&document), "{begins} {longer}: {:?}", net.faults());
        let entries: usize = net.delivered.iter().filter(|(_, name, _)| *name == "a probe").count();
        assert!(entries >= 1 && net.in_sync());
        let bytes = net.bytes_of_reconciling();
        let entry_bytes = 500;
        assert!(bytes < (few + many + 60) * entry_bytes, "only what differs was sent: {bytes}");
    }
}

#[test]
fn one_that_comes_with_nothing_gets_everything_it_may_hold() {
    for (owner, other) in [(0, 1), (1, 0)] {
        let mut net = paired();
        let reader = net.nodes[other].organisation();
        let documents: Vec<_> =
            (0..700).map(|at| net.nodes[owner].begin(if at % 10 == 0 { &[] } else { std::slice::from_ref(&reader) })).collect();
        net.disconnect(0, 1);
        // Whatever was pushed before is lost.
        let card = net.nodes[other].machine.card().clone();
        let mut start = net.nodes[other].store.start();
        start.documents.clear();
        net.nodes[other].store = Memory::default();
        let empty = Memory::default();
        net.nodes[other].machine = Machine::new(card, start, Budget::default(), &empty).unwrap();
        net.delivered.clear();
        net.connect(0, 1);
        // Whichever side begins, what was not there is not asked for entry by entry, nor are the entries named before they come.
        let asked = net.delivered.iter().filter(|(_, name, _)| *name == "a request for entries").count();
        assert_eq!(asked, 0);
        let first_content = net.delivered.iter().position(|(plane, name, _)| *name == "entries" && *plane == Some(Plane::Content)).unwrap();
        assert!(net.delivered[first_content..].iter().all(|(plane, ..)| *plane != Some(Plane::Control)), "all of control comes first");
        for (at, document) in documents.iter().enumerate() {
            assert_eq!(net.nodes[other].machine.document(document).is_some(), at % 10 != 0);
            assert!(at % 10 == 0 || net.agree(document));
        }
        assert!(net.in_sync() && net.faults().is_empty(), "{:?}", net.faults());
    }
}

#[test]
fn what_is_said_in_documents_that_a_fresh_peer_has_not_heard_of_yet_reaches_it_and_blames_nobody() {
    for (owner, other) in [(0, 1), (1, 0)] {
        let mut net = paired();
        net.disconnect(0, 1);
        let reader = net.nodes[other].organisation();
        let documents: Vec<DocumentId> = (0..700)
            .map(|_| {
                let grants = vec![Grant { subject: Subject::Organisation(reader), role: Role::Read, until: None }];
                let entropy = &mut net.nodes[owner].entropy();
                let genesis =
                    author::genesis(net.nodes[owner].organisation(), Signer::Device(&net.nodes[owner].key), grants, entropy).unwrap();
                let document = genesis.document();
                net.nodes[owner].publish(NOW, genesis).unwrap();
                document
            })
            .collect();
        net.link(0, 1);
        net.delivered.clear();
        while !net.delivered.iter().any(|(_, name, _)| *name == "entries") {
            assert!(net.step());
        }
        // Of most of them it has not even the control.
        let unheard: Vec<_> = documents.iter().filter(|document| net.nodes[other].machine.document(document).is_none()).collect();
        assert!(unheard.len() > limits::UNNAMED_DOCUMENTS + 400);
        for document in unheard {
            net.nodes[owner].revise(*document, b"live");
        }
        net.run();
        assert!(net.faults().is_empty(), "{:?}", net.faults());
        assert!(net.in_sync() && documents.iter().all(|document| net.agree(document)));
        let (begins, _) = net.sides();
        if owner == begins {
            assert_eq!(net.count_delivered("the end of a round"), 1, "content waits for the control of its document");
        }
    }
}

#[test]
fn a_peer_is_answered_as_if_what_it_may_not_hold_did_not_exist() {
    let mut net = paired();
    let (secret, guessed) = (net.nodes[0].begin(&[]), DocumentId::new([7; 32]));
    net.run();
    let ids: Vec<EntryId> = net.nodes[0].access(&secret).entries(Plane::Control).collect();
    for plane in Plane::ALL {
        for document in [secret, guessed] {
            net.delivered.clear();
            net.hand(1, 0, Message::Have { document, plane, ids: ids.clone() });
            net.hand(1, 0, Message::Probe { document, plane, step: vec![0x61, 0, 0, 2, 0] });
            let mut said = Vec::new();
            let node = &mut net.nodes[0];
            while let Some(output) = node.machine.poll_output(net.now, &node.store).unwrap() {
                if let Output::Send(_, frame) = output {
                    said.push(Message::receive(&frame).unwrap());
                }
            }
            let served = Message::Served { document, plane, lacking: ids.clone() };
            let probed = Message::Probed { document, plane, step: vec![0x61, 0, 0, 2, 0] };
            assert!(said == [served.clone(), probed.clone()] || said == [probed, served], "{said:?}");
            net.hand(1, 0, Message::Want { document, plane, ids: ids.clone() });
            let node = &mut net.nodes[0];
            while let Some(output) = node.machine.poll_output(net.now, &node.store).unwrap() {
                if let Output::Send(_, frame) = output {
                    assert_eq!(Message::receive(&frame).unwrap(), Message::Served { document, plane, lacking: Vec::new() });
                }
            }
        }
    }
    assert!(net.faults().is_empty(), "{:?}", net.faults());
}

#[test]
fn messages_of_a_round_that_nobody_began_end_the_session() {
    let (document, plane) = (DocumentId::new([1; 32]), Plane::Content);
    let id = crate::id::Hash::new([1; 32]);
    let to_answering: [(&str, Message); 5] = [
        ("a wish for a round", Message::Reconcile(Vec::new())),
        ("another version of negentropy", Message::Reconcile(vec![0x62, 0, 0, 2, 0])),
        ("garbage", Message::Reconcile(vec![0x61, 0, 0, 9])),
        ("a need", Message::Need(vec![id])),
        ("the end of a round", Message::Settled),
    ];
    let to_beginning: [(&str, Message); 3] = [
        ("an answer", Message::Reconcile(vec![0x61])),
        ("an offer", Message::Offer(vec![(document, plane)])),
        ("the end of a round", Message::Settled),
    ];
    let to_either: [(&str, Message); 2] = [
        ("an answer's end", Message::Served { document, plane, lacking: Vec::new() }),
        ("an answer to a probe", Message::Probed { document, plane, step: vec![0x61] }),
    ];
    let try_all = |messages: Vec<(&str, Message)>, to_beginner: bool| {
        for (what, message) in messages {
            let mut net = paired();
            let (begins, answers) = net.sides();
            let (from, to) = if to_beginner { (answers, begins) } else { (begins, answers) };
            let peer = net.nodes[from].organisation();
            net.now = net.now.plus_ms(limits::ROUND_EVERY_MS);
            net.hand(from, to, message);
            assert_eq!(net.nodes[to].machine.connection(&peer), None, "{what}");
        }
    };
    try_all(to_answering.into_iter().chain(to_either.clone()).collect(), false);
    try_all(to_beginning.into_iter().chain(to_either).collect(), true);
}

#[test]
fn an_offer_of_more_than_was_needed_or_of_another_plane_ends_the_session() {
    for places in [
        vec![(DocumentId::new([1; 32]), Plane::Control), (DocumentId::new([2; 32]), Plane::Control)],
        vec![(DocumentId::new([1; 32]), Plane::Content)],
    ] {
        let mut net = paired();
        let (begins, answers) = net.sides();
        let peer = net.nodes[answers].organisation();
        let device = net.nodes[answers].key.device();
        let needs = std::collections::BTreeSet::from([crate::id::Hash::new([1; 32])]);
        net.nodes[begins].machine.sessions.get_mut(&device).unwrap().round = session::Round::Exchanging { needs, asked: None };
        let Node { machine, store, .. } = &mut net.nodes[begins];
        machine.proceed(NOW, device, store).unwrap();
        net.hand(answers, begins, Message::Offer(places));
        assert_eq!(net.nodes[begins].machine.connection(&peer), None);
    }
}

#[test]
fn rounds_begun_one_after_the_other_are_answered_one_a_second() {
    let mut net = paired();
    let (begins, answers) = net.sides();
    let step = || Message::Reconcile(vec![0x61, 0, 0, 2, 0]);
    net.now = net.now.plus_ms(limits::ROUND_EVERY_MS);
    net.hand(begins, answers, step());
    net.hand(begins, answers, Message::Settled);
    let device = net.nodes[begins].key.device();
    let early = |net: &Net| net.nodes[answers].machine.sessions[&device].early.is_some();
    assert!(net.nodes[answers].machine.sessions.contains_key(&device));
    net.hand(begins, answers, step());
    assert!(early(&net), "the second has to wait");
    net.now = net.now.plus_ms(limits::ROUND_EVERY_MS);
    net.nodes[answers].handle(net.now, Input::Tick);
    assert!(!early(&net) && net.nodes[answers].machine.sessions[&device].answer.is_some());
}

#[test]
fn what_a_peer_brings_beyond_its_budget_is_declined_and_control_of_what_is_held_still_comes() {
    let mut net = paired();
    let (owner, us) = (net.nodes[1].organisation(), net.nodes[0].organisation());
    let held = net.nodes[1].begin(&[us]);
    net.run();
    let used = net.nodes[0].machine.usage(&owner).neighbours;
    assert!(used > 0 && net.nodes[0].machine.usage(&owner).strangers == 0);
    // The same after a restart, now with no more room.
    let card = net.nodes[0].machine.card().clone();
    net.disconnect(0, 1);
    let (start, store) = (net.nodes[0].store.start(), net.nodes[0].store.clone());
    net.nodes[0].machine = Machine::new(card, start, Budget { neighbours: used, strangers: 0 }, &store).unwrap();
    assert_eq!(net.nodes[0].machine.usage(&owner).neighbours, used);
    net.connect(0, 1);
    let refused = net.nodes[1].begin(&[us]);
    net.nodes[1].revise(held, b"more");
    net.nodes[1].control(held, Body::Withdraw { reason: crate::entry::Reason::Mistaken });
    net.run();
    assert!(net.nodes[0].machine.document(&refused).is_none());
    let access = &net.nodes[0].access(&held);
    assert!(access.withdrawal().is_some() && access.entries(Plane::Content).count() == 2);
    assert_eq!(net.nodes[0].machine.usage(&owner).declined, 2);
    let declined = |net: &Net| net.nodes[0].notices.iter().filter(|notice| matches!(notice, Notice::Declined { .. })).count();
    assert_eq!(declined(&net), 2);
    // They are left out of what is compared, and said to be at the beginning of the next session.
    net.nodes[1].revise(refused, b"again");
    net.reconnect(0, 1);
    assert!(net.in_sync() && declined(&net) == 2 && net.nodes[0].machine.document(&refused).is_none());
    let names: Vec<_> = net.delivered.iter().map(|(_, name, _)| *name).filter(|name| *name != "a hello").collect();
    assert_eq!(names.len(), 4, "a refusal, two steps and the end: {names:?}");
    assert!(net.faults().is_empty(), "{:?}", net.faults());
}

#[test]
fn one_that_has_declined_as_much_as_is_remembered_is_not_blamed_for_what_it_does_not_take_besides() {
    let mut net = paired();
    let (owner, us) = (net.nodes[1].organisation(), net.nodes[0].organisation());
    net.disconnect(0, 1);
    let card = net.nodes[0].machine.card().clone();
    let (start, store) = (net.nodes[0].store.start(), net.nodes[0].store.clone());
    net.nodes[0].machine = Machine::new(card, start, Budget { neighbours: 0, strangers: 0 }, &store).unwrap();
    for number in 0..limits::DECLINED {
        let place = (DocumentId::new(*crate::id::Hash::of(&number.to_le_bytes()).as_bytes()), Plane::Content);
        net.nodes[0].machine.accounts.declined.entry(owner).or_default().insert(place);
    }
    let documents: Vec<_> = (0..3).map(|_| net.nodes[1].begin(&[us])).collect();
    net.connect(0, 1);
    let later = net.nodes[1].begin(&[us]);
    net.run();
    assert!(net.in_sync() && net.faults().is_empty(), "{:?}", net.faults());
    assert!(documents.iter().chain([&later]).all(|document| net.nodes[0].machine.document(document).is_none()));
}

#[test]
fn what_strangers_own_counts_against_who_brings_it_until_they_are_paired() {
    let mut net = Net::new(3);
    net.pair(0, 1);
    net.pair(1, 2);
    let card = net.nodes[0].machine.card().clone();
    net.disconnect(0, 1);
    let (start, store) = (net.nodes[0].store.start(), net.nodes[0].store.clone());
    net.nodes[0].machine = Machine::new(card, start, Budget { neighbours: 1 << 20, strangers: 1 }, &store).unwrap();
    let readers = [net.nodes[0].organisation(), net.nodes[1].organisation()];
    let first = net.nodes[2].begin(&readers);
    net.run();
    net.connect(0, 1);
    // The first message finds room and fills it; its content does not.
    assert!(net.nodes[0].machine.document(&first).is_some());
    assert_eq!(net.nodes[0].count(&first, Plane::Content), 0);
    let bringer = readers[1];
    assert!(net.nodes[0].machine.usage(&bringer).strangers > 0 && net.nodes[0].machine.usage(&bringer).declined == 1);
    net.pair(0, 2);
    net.run();
    assert_eq!(net.nodes[0].machine.usage(&bringer).strangers, 0);
    assert_eq!(net.nodes[0].machine.usage(&bringer).declined, 0);
    assert_eq!(net.nodes[0].count(&first, Plane::Content), 2, "it is taken again");
    assert!(net.faults().is_empty(), "{:?}", net.faults());
}

#[test]
fn content_that_waits_is_not_sent_once_the_right_to_it_has_ended() {
    let mut net = paired();
    let reader = net.nodes[1].organisation();
    let document = net.nodes[0].begin(&[reader]);
    net.run();
    let before = net.nodes[1].count(&document, Plane::Content);
    net.nodes[0].revise(document, b"written before the revocation, and not yet sent");
    net.nodes[0].control(document, Body::Revoke { principal: Principal::Organisation(reader), keep: Vec::new() });
    net.run();
    assert_eq!(net.nodes[1].count(&document, Plane::Content), before);
    assert_eq!(net.nodes[1].count(&document, Plane::Control), 2);
    let told = net.nodes[0].notices.iter().filter(|notice| matches!(notice, Notice::Disclosed { plane: Plane::Content, .. })).count();
    assert_eq!(told, 2, "the log says what was sent");
}

#[test]
fn content_that_its_owner_had_erased_is_neither_offered_nor_sent() {
    let mut net = paired();
    let reader = net.nodes[1].organisation();
    let document = net.nodes[0].begin(&[]);
    net.nodes[0].control(document, Body::Erase);
    let grants = vec![Grant { subject: Subject::Organisation(reader), role: Role::Read, until: None }];
    net.nodes[0].control(document, Body::Grant { grants });
    net.run();
    net.reconnect(0, 1);
    assert_eq!((net.nodes[1].count(&document, Plane::Control), net.nodes[1].count(&document, Plane::Content)), (3, 0));
    assert!(net.in_sync() && net.bytes_of_reconciling() < 1024);
}

#[test]
fn what_a_former_reader_still_has_is_not_compared_again() {
    let mut net = paired();
    let reader = net.nodes[1].organisation();
    let document = net.nodes[0].begin(&[reader]);
    net.run();
    net.nodes[0].control(document, Body::Revoke { principal: Principal::Organisation(reader), keep: Vec::new() });
    net.nodes[0].revise(document, b"not for them");
    net.run();
    net.reconnect(0, 1);
    assert_eq!((net.nodes[1].count(&document, Plane::Control), net.nodes[1].count(&document, Plane::Content)), (2, 2));
    let names: Vec<_> = net.delivered.iter().map(|(_, name, _)| *name).filter(|name| *name != "a hello").collect();
    assert_eq!(names.len(), 3, "{names:?}");
}

#[test]
fn a_held_back_document_outlives_the_first_of_two_that_brought_it() {
    let mut net = Net::new(4);
    net.pair(0, 1);
    net.pair(0, 2);
    let document = net.nodes[3].begin(&[]);
    net.run();
    let stored = crate::store::Read::document(&net.nodes[3].store, &document).unwrap();
    let genesis = stored.into_iter().next().unwrap().entry.verify().unwrap();
    let card = net.nodes[3].machine.card().clone();
    for from in [1, 2] {
        net.hand(from, 0, Message::Cards(vec![card.clone()]));
        net.hand(from, 0, Message::Entries { document, plane: Plane::Control, entries: vec![genesis.clone()] });
    }
    net.disconnect(0, 1);
    assert!(net.nodes[0].machine.documents.kept(&document).is_some());
    net.disconnect(0, 2);
    assert!(net.nodes[0].machine.documents.kept(&document).is_none());
}

#[test]
fn a_peer_that_never_says_hello_or_never_begins_a_round_is_given_up() {
    let mut net = paired();
    let (begins, answers) = net.sides();
    net.disconnect(0, 1);
    let (silent, peer) = (net.nodes[begins].key.device(), net.nodes[begins].organisation());
    let late = net.now.plus_ms(limits::ANSWER_MS);
    net.nodes[answers].handle(net.now, Input::Connected(silent));
    assert!(net.nodes[answers].machine.wake_at().is_some_and(|at| at <= late));
    net.nodes[answers].handle(late, Input::Tick);
    assert_eq!(net.nodes[answers].machine.connection(&peer), None);
    // It says Hello, and no more.
    net.nodes[answers].handle(net.now, Input::Connected(silent));
    let hello = Message::Hello { card: net.nodes[begins].machine.card().clone(), addresses: None, confirmed: true };
    net.hand(begins, answers, hello);
    assert_eq!(net.nodes[answers].machine.connection(&peer), Some(Connection::Syncing));
    net.nodes[answers].handle(late, Input::Tick);
    assert_eq!(net.nodes[answers].machine.connection(&peer), None);
}

#[test]
fn a_peer_that_asks_and_takes_no_answer_is_sent_away_before_the_answers_fill_the_memory() {
    let mut net = paired();
    let reader = net.nodes[1].organisation();
    let document = net.nodes[0].begin(&[reader]);
    for _ in 0..300 {
        net.nodes[0].revise(document, b"long");
    }
    net.run();
    let peer = net.nodes[1].organisation();
    let mut asked = 0_usize;
    while net.nodes[0].machine.connection(&peer).is_some() {
        // Each probe of another plane than the last begins anew: no count of steps ends this.
        let plane = Plane::ALL[asked % 2];
        net.hand(1, 0, Message::Probe { document, plane, step: vec![0x61, 0, 0, 2, 0] });
        // The connection takes nothing.
        let node = &mut net.nodes[0];
        while node.machine.poll_output(net.now, &node.store).unwrap().is_some() {}
        asked += 1;
        let waiting = node.machine.load(&peer).map_or(0, |load| load.waiting_bytes);
        assert!(asked < 10_000 && waiting <= limits::OUTBOX_MOST_BYTES, "{asked} {waiting}");
    }
    assert!(asked > 1000, "{asked}");
}

#[test]
fn one_that_may_hold_content_again_is_sent_what_it_lacks_and_sends_nothing_back() {
    for long in [40, 400] {
        let mut net = paired();
        let reader = net.nodes[1].organisation();
        let document = net.nodes[0].begin(&[reader]);
        for _ in 0..long / 2 {
            net.nodes[0].revise(document, b"before");
        }
        net.run();
        net.nodes[0].control(document, Body::Revoke { principal: Principal::Organisation(reader), keep: Vec::new() });
        net.nodes[0].revise(document, b"meanwhile");
        net.run();
        net.delivered.clear();
        let grants = vec![Grant { subject: Subject::Organisation(reader), role: Role::Read, until: None }];
        net.nodes[0].control(document, Body::Grant { grants });
        net.run();
        assert!(net.agree(&document), "{long}: {:?}", net.faults());
        // The grant, and twice at most the two entries that it lacks.
        assert!(net.count_delivered("entries") <= 3, "{long}");
    }
}

#[test]
fn a_slow_peer_misses_live_entries_and_gets_them_in_the_next_round() {
    let mut net = paired();
    let reader = net.nodes[1].organisation();
    let document = net.nodes[0].begin(&[reader]);
    net.run();
    net.delivered.clear();
    for _ in 0..12 {
        net.nodes[0].revise(document, &vec![7; 900_000]);
    }
    let load = net.nodes[0].machine.load(&reader).unwrap();
    assert!(load.waiting_bytes < limits::OUTBOX_BYTES + 2 * limits::PAYLOAD_BYTES, "{load:?}");
    net.run();
    assert!(net.agree(&document) && net.in_sync());
    assert_eq!(net.count_delivered("the end of a round"), 1);
}

#[test]
fn an_entry_that_waited_is_held_against_who_sent_it_and_not_against_who_brought_its_past() {
    let mut net = Net::new(3);
    net.pair(0, 1);
    net.pair(0, 2);
    let (honest, liar) = (net.nodes[1].organisation(), net.nodes[2].organisation());
    let us = net.nodes[0].organisation();
    let grants = vec![
        Grant { subject: Subject::Organisation(us), role: Role::Read, until: None },
        Grant { subject: Subject::Organisation(liar), role: Role::Relay, until: None },
    ];
    let genesis = author::genesis(honest, Signer::Device(&net.nodes[1].key), grants, &mut Entropy::from_seed([3; 32])).unwrap();
    let document = genesis.document();
    // What the liar may not do, once its past is known: it was given no more than to pass on.
    let mut held = crate::access::Access::default();
    held.insert(genesis.clone(), |_, _| true);
    let withdraw = |reason| Body::Withdraw { reason };
    let bodies = [Body::Erase, withdraw(crate::entry::Reason::Other), withdraw(crate::entry::Reason::Mistaken)];
    let bad: Vec<_> = bodies.map(|body| author::control(&held, &net.nodes[2].acting(document.into()), body).unwrap()).into_iter().collect();
    net.hand(2, 0, Message::Entries { document, plane: Plane::Control, entries: bad });
    net.nodes[1].publish(NOW, genesis).unwrap();
    net.run();
    assert!(net.nodes[0].machine.document(&document).is_some());
    assert!(net.nodes[0].machine.connection(&honest).is_some(), "{:?}", net.faults());
    assert!(net.faults().iter().all(|fault| matches!(fault, Notice::Fault { organisation, .. } if *organisation == Some(liar))));
    assert!(!net.faults().is_empty());
}

#[test]
fn an_offer_that_crosses_our_own_request_brings_no_harm() {
    let mut net = paired();
    let (begins, answers) = net.sides();
    let document = {
        let reader = net.nodes[begins].organisation();
        net.nodes[answers].begin(&[reader])
    };
    net.run();
    let (peer, device) = (net.nodes[answers].organisation(), net.nodes[answers].key.device());
    let needs = std::collections::BTreeSet::from([crate::id::Hash::new([1; 32])]);
    net.nodes[begins].machine.sessions.get_mut(&device).unwrap().round = session::Round::Exchanging { needs, asked: None };
    let (now, Node { machine, store, .. }) = (net.now, &mut net.nodes[begins]);
    machine.proceed(NOW, device, store).unwrap();
    machine.ask_for_past(now, device, (document, Plane::Control), store).unwrap();
    net.hand(answers, begins, Message::Offer(vec![(document, Plane::Control)]));
    for _ in 0..2 {
        assert_eq!(net.nodes[begins].machine.connection(&peer), Some(Connection::Syncing));
        net.hand(answers, begins, Message::Served { document, plane: Plane::Control, lacking: Vec::new() });
    }
    assert_eq!(net.nodes[begins].machine.connection(&peer), Some(Connection::InSync));
}
