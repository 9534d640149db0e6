//! Every lie of [`csu_tests::liar`], told to a real node that has an honest neighbour and documents: one test each.
//!
//! After each the node is up and whole, the neighbour gets a new bulletin from it and it from the neighbour, the fault is named where
//! there is one, nothing of the lie is shown, no more of it is stored than is sound, and the liar has heard of nothing that it may not
//! know. The lies share one node and one neighbour; each has a liar of its own.

use csu_node::desk::{Check, Document, Peer, PeerState, Status};
use csu_protocol::codec::Canonical;
use csu_protocol::entry::{Header, Plane, Role};
use csu_protocol::id::{DocumentId, OrganisationId};
use csu_protocol::identity::{Card, DeviceKey, Signature, SignedCard};
use csu_protocol::limits;
use csu_protocol::wire::Message;
use csu_tests::liar::{self, Lie, Needs, Stage, Verdict};
use csu_tests::node::Node;
use csu_tests::remains::headers;
use csu_tests::stranger::{Needles, Stranger, ticket};
use csu_tests::town::{self, first};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::task::block_in_place;

/// How much memory a lie may cost the node, and whatever else it does meanwhile. Bombs would take more.
const MEMORY: u64 = 192 * 1024 * 1024;
/// How long a liar waits for what it should not be told.
const QUIET: Duration = Duration::from_millis(150);
/// Stands in documents that are none of a liar's business.
const SECRET: &str = "Bandersnatch";

/// A node, its honest neighbour, and documents between the two.
struct Scene {
    node: Node,
    neighbour: Node,
    neighbours_card: SignedCard,
    secret: Vec<DocumentId>,
}

/// The scene of all tests that run now. It goes when the last of them does.
fn scene() -> Arc<Scene> {
    static SCENE: Mutex<Weak<Scene>> = Mutex::new(Weak::new());
    let mut shared = SCENE.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let [node, neighbour] = town::two();
        let secret = [&[][..], &[("Kennington CSU", "read")]]
            .map(|to| town::issue(&node, &format!("{SECRET} for {}", to.len()), to).parse().unwrap())
            .to_vec();
        let neighbours_card = card_of(&node, &neighbour);
        let scene = Arc::new(Scene { node, neighbour, neighbours_card, secret });
        *shared = Arc::downgrade(&scene);
        scene
    })
}

fn database(node: &Node) -> Connection {
    Connection::open_with_flags(node.data().join("node.sqlite"), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// The card that a node has of another.
fn card_of(node: &Node, other: &Node) -> SignedCard {
    let device = other.get::<Status>("/status").unwrap().device;
    let database = database(node);
    let mut statement = database.prepare("SELECT card, signature FROM card").unwrap();
    let cards = statement.query_map([], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, [u8; 64]>(1)?))).unwrap();
    let signed = cards
        .map(Result::unwrap)
        .map(|(card, signature)| SignedCard::verify(Card::from_canonical(&card).unwrap(), Signature::new(signature)).unwrap());
    signed.into_iter().find(|card| card.card().device == device).expect("the neighbour's card")
}

/// How many entries of an organisation a node stores.
fn stored(node: &Node, organisation: OrganisationId) -> usize {
    headers(&database(node)).values().filter(|header| Header::from_canonical(header).unwrap().organisation == organisation).count()
}

/// How many cards a node stores that somebody brought, or its own.
fn cards(node: &Node, of: OrganisationId) -> (usize, usize) {
    let database = database(node);
    let count = |query: &str| database.query_row(query, [of.as_bytes().as_slice()], |row| row.get::<_, u32>(0)).unwrap() as usize;
    (
        count("SELECT count(*) FROM card WHERE brought_by = ?1"),
        count("SELECT count(*) FROM card WHERE brought_by IS NULL AND instr(card, ?1)"),
    )
}

fn log_says(node: &Node, liar: &Stranger, words: &str) -> bool {
    let (name, device) = (liar.name(), liar.card.card().device.short());
    node.log_text().lines().any(|line| line.contains(words) && (line.contains(&name) || line.contains(&device)))
}

/// The checks that fail, by name.
fn failing(node: &Node) -> BTreeSet<String> {
    let checks: Vec<Check> = node.get("/doctor").unwrap();
    // That a liar which was sent away is not connected is as it should be; whether the neighbour is, was seen already.
    let others = checks.into_iter().filter(|check| !check.ok && !check.name.starts_with("neighbour "));
    others.map(|check| format!("{}: {}", check.name, check.detail)).collect()
}

/// A liar that has what its lie needs.
async fn prepare(scene: &Scene, lie: Lie) -> (Stranger, Stage, Vec<String>) {
    let key = |what: &str| *blake3::hash(format!("{what} of {}", lie.name()).as_bytes()).as_bytes();
    let name = format!("Liar {}", lie.name());
    let node = block_in_place(|| scene.node.get::<Status>("/status")).unwrap().device;
    // Which of two devices begins the rounds follows from their ids.
    let suits = |seed: &[u8; 32]| lie.begins().is_none_or(|begins| begins == (DeviceKey::from_seed(seed).device() < node));
    let seed = (0..).map(|number: u32| key(&format!("device {number}"))).find(suits).unwrap();
    let mut liar = Stranger::with_keys(key("root"), seed, &name).await;
    let (role, count) = match lie.needs() {
        Needs::Ticket | Needs::Pairing => (Role::Read, 0),
        Needs::Role(role) => (role, 1),
        Needs::Two(role) => (role, 2),
    };
    if lie.needs() != Needs::Ticket {
        liar.pair(&scene.node).await;
    }
    let to = [("Kennington CSU", "read"), (name.as_str(), role.as_str())];
    let issue = |number| block_in_place(|| town::issue(&scene.node, &format!("Truth {number} about {}", lie.name()), &to));
    let granted: Vec<String> = (0..count).map(issue).collect();
    let documents: Vec<DocumentId> = granted.iter().map(|id| id.parse().unwrap()).collect();
    for document in &documents {
        let has =
            |liar: &Stranger| liar.record().count(document, Plane::Content) >= 2 && liar.record().count(document, Plane::Control) >= 1;
        liar.listen_until("got its document", |liar| has(liar).then_some(())).await;
    }
    liar.listen(QUIET).await;
    let stage =
        Stage { ticket: ticket(&scene.node), granted: documents, secret: scene.secret.clone(), neighbour: scene.neighbours_card.clone() };
    (liar, stage, granted)
}

fn tell(lie: Lie) {
    let (scene, started) = (scene(), Instant::now());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (mut liar, stage, granted) = prepare(&scene, lie).await;
        let (memory, before) = (scene.node.resident_bytes(), liar.hang_ups());
        let more = meanwhile(&scene, lie, &granted);
        let begun = Instant::now();
        lie.tell(&mut liar, &stage).await;
        match lie.verdict() {
            Verdict::CutOff(words) => {
                if liar.hang_ups() == before {
                    liar.until_hung_up().await;
                }
                block_in_place(|| scene.node.until(&format!("said '{words}'"), |node| log_says(node, &liar, words).then_some(())));
                assert!(block_in_place(|| named(&scene.node, &liar, words)), "the log of what the node did does not say '{words}'");
            }
            Verdict::HungUp(words) => {
                block_in_place(|| scene.node.until(&format!("said '{words}'"), |node| log_says(node, &liar, words).then_some(())));
            }
            Verdict::Borne => {}
        }
        let (told, peak) = (begun.elapsed(), scene.node.resident_bytes());
        liar.listen(QUIET).await;
        block_in_place(|| afterwards(&scene, lie, &liar, &granted));
        also(&scene, lie, &mut liar, &stage, &granted).await;
        let after = scene.node.resident_bytes().max(peak);
        let (told, all) = (told.as_millis(), started.elapsed().as_millis());
        println!("{}: told in {told} ms of {all}; {} MiB, then {} MiB", lie.name(), memory >> 20, after >> 20);
        assert!(after < memory + MEMORY, "the lie cost the node {} MiB", (after - memory) >> 20);
        learned(&scene, &liar, &[stage.granted, more].concat());
        if lie.needs() != Needs::Ticket {
            block_in_place(|| scene.node.csu(&["peer", "remove", &liar.name()]).good());
        }
    });
}

/// Whether the node's own log names the fault.
fn named(node: &Node, liar: &Stranger, words: &str) -> bool {
    let lines = node.acts("?verb=network&limit=1000").unwrap();
    let (name, device) = (liar.name(), liar.card.card().device.short());
    lines.iter().any(|line| line.detail.contains(words) && (line.who.contains(&name) || line.who.contains(&device)))
}

/// What the node's people do while they are lied to; what else they grant to the liar.
fn meanwhile(scene: &Scene, lie: Lie, granted: &[String]) -> Vec<DocumentId> {
    let mut more = Vec::new();
    if lie == Lie::Deaf {
        // More than a connection holds whose other end does not read: it waits at the node.
        let to = json!([{ "who": format!("Liar {}", lie.name()), "role": "read" }]);
        for number in 0..30 {
            let mut fields = town::bulletin(&format!("Much {number}"));
            fields["note"] = json!("x".repeat(16_000));
            let draft: Document =
                block_in_place(|| scene.node.post("/documents", &json!({ "kind": "bulletin", "fields": fields, "to": to })).unwrap());
            more.extend(block_in_place(|| scene.node.step(&draft.reference, "issue", &json!({})).unwrap().id));
        }
    }
    if lie == Lie::AfterRevocation {
        let who = format!("Liar {}", lie.name());
        block_in_place(|| {
            scene.node.post::<Value>(&format!("/documents/{}/revocations", granted[0]), &json!({ "who": who })).unwrap();
            scene.node.step(&granted[0], "update", &json!({ "assign": [format!("note={SECRET}")] })).unwrap();
        });
    }
    more
}

/// What holds after every lie.
fn afterwards(scene: &Scene, lie: Lie, liar: &Stranger, granted: &[String]) {
    let Scene { node, neighbour, .. } = scene;
    assert!(!node.has_ended(), "{}", node.tail());
    for (from, to) in [(node, neighbour), (neighbour, node)] {
        let begun = Instant::now();
        let id = town::issue(from, &format!("After {}", lie.name()), &[(to.name(), "read")]);
        to.until_document(&id, "was served", |document| document.state == "issued");
        assert!(begun.elapsed() < Duration::from_secs(10), "{} waited {} ms", to.name(), begun.elapsed().as_millis());
    }
    let us = liar.organisation();
    node.until("stored what is sound", |node| (stored(node, us) >= lie.stored()).then_some(()));
    assert_eq!(stored(node, us), lie.stored(), "of a lie something else is stored than should be");
    neighbour.until("was forwarded what is sound", |node| (stored(node, us) >= lie.stored()).then_some(()));
    assert_eq!(stored(neighbour, us), lie.stored(), "of a lie something was passed on");
    for (number, id) in granted.iter().enumerate() {
        let document = node.document(id).unwrap();
        let title = format!("Truth {number} about {}", lie.name());
        assert_eq!((document.title.as_str(), first(&document, "description")), (title.as_str(), "Rear windows, in the afternoon."));
        assert_eq!(document.owner.name, node.name());
        // It goes on, for its readers and with what the liar put into it.
        let assign = json!({ "assign": [format!("severity=Severe")] });
        node.step(id, "update", &assign).unwrap();
        neighbour.until_document(id, "got the next revision", |document| first(document, "severity") == "Severe");
    }
    assert_eq!(failing(node), BTreeSet::new());
}

/// What holds after some.
async fn also(scene: &Scene, lie: Lie, liar: &mut Stranger, stage: &Stage, granted: &[String]) {
    let Scene { node, neighbour, .. } = scene;
    match lie {
        Lie::ClaimedDevice | Lie::StolenOrganisation | Lie::HelloOfANeighbour => block_in_place(|| {
            // The neighbour can still come back.
            node.csu(&["peer", "pause", neighbour.name()]).good();
            let state = |node: &Node| {
                let status: Status = node.get("/status").ok()?;
                status.peers.into_iter().find(|peer| peer.organisation.name == neighbour.name()).map(|peer| peer.state)
            };
            node.until("paused", |node| (state(node)? == PeerState::Paused).then_some(()));
            node.csu(&["peer", "pause", neighbour.name(), "--resume"]).good();
            town::until_connected(node, neighbour);
            town::until_connected(neighbour, node);
        }),
        Lie::AfterRevocation => {
            let opened = csu_tests::stranger::unsealed(&[liar.record()], &[&liar.eye()]);
            let needles = Needles::of(&[SECRET]);
            assert!(!opened.is_empty() && opened.iter().all(|plain| plain.held(&needles).is_empty()));
            assert_eq!(liar.record().count(&stage.granted[0], Plane::Content), 2);
        }
        Lie::Reordered => block_in_place(|| {
            for node in [node, neighbour] {
                let document = node.until_document(&granted[0], "showed the whole chain", |document| document.responses.len() == 5);
                let texts: Vec<&str> = document.responses.iter().map(|response| response.text.as_str()).collect();
                assert_eq!(texts, ["Link 0.", "Link 1.", "Link 2.", "Link 3.", "Link 4."]);
            }
        }),
        Lie::TellMeAll | Lie::ProbeOfSecrets => {
            // Nothing was granted to it: the answer is that of an empty set.
            for message in liar.record().messages() {
                if let Message::Reconcile(step) | Message::Probed { step, .. } = message {
                    assert!([&[][..], &[0x61], &[0x61, 0, 0, 2, 0]].contains(&step.as_slice()), "it was told of something: {step:?}");
                }
            }
        }
        Lie::SameSets => {
            // It tells the truth to the neighbour alone.
            let mut twin = liar.twin().await;
            twin.pair(neighbour).await;
            twin.say(&liar::truth(liar, stage.granted[0]));
            block_in_place(|| node.until_document(&granted[0], "had what the liar held back", |document| document.responses.len() == 1));
        }
        Lie::AnswersWithoutEnd | Lie::WishesWithoutEnd => {
            let steps = liar.record().messages().filter(|message| matches!(message, Message::Reconcile(_))).count();
            assert!(steps <= 80, "the node went on for {steps} steps");
        }
        Lie::Fork => assert!(!block_in_place(|| node.document(&granted[0])).unwrap().forks.is_empty(), "a fork is shown"),
        Lie::GarbageSeal
        | Lie::GarbageChange
        | Lie::WrongCommitment
        | Lie::ReplayedSeal
        | Lie::ReplayedChange
        | Lie::CompressedBomb
        | Lie::ColumnBomb
        | Lie::RunLengthBomb => {
            let document: Document = block_in_place(|| node.document(&granted[0])).unwrap();
            assert_eq!(document.problems.len(), 1, "a reader is told what was left out: {:?}", document.problems);
        }
        Lie::FloodOfCards => {
            let (brought, own) = block_in_place(|| cards(node, liar.organisation()));
            assert!(brought <= limits::CARDS_BROUGHT && own <= limits::CARDS_EACH, "{brought} and {own} cards are kept");
            assert!(brought > 1000, "the flood was none: {brought}");
        }
        Lie::FloodOfPairings => {
            let mut invited = Stranger::new(0xee, "Invited").await;
            invited.connect(&stage.ticket).await;
            invited.say(&invited.pair_request(&stage.ticket));
            let answer = invited.hear().await;
            assert!(matches!(answer, Message::Hello { .. }), "the invitation was used up by others: {answer:?}");
            let peers: Vec<Peer> = block_in_place(|| node.get("/peers")).unwrap();
            assert!(peers.iter().all(|peer| !peer.organisation.name.contains("Uninvited")), "{peers:?}");
        }
        _ => {}
    }
}

/// A liar has heard of nothing that it may not know.
fn learned(scene: &Scene, liar: &Stranger, granted: &[DocumentId]) {
    let record = liar.record();
    assert!(record.entries().values().all(|entry| granted.contains(&entry.document())), "{record:?}");
    for (message, frame) in record.messages().zip(record.frames()) {
        // What it named itself may come back in the answer that there is nothing.
        let echo = matches!(message, Message::Served { .. } | Message::Probed { .. });
        let names = scene.secret.iter().any(|secret| memchr::memmem::find(frame, secret.as_bytes()).is_some());
        assert!(!names || echo, "it was told of a secret document: {message:?}");
    }
    assert_eq!(record.search(&Needles::of(&[SECRET, "Truth"])), BTreeSet::new());
}

macro_rules! told {
    ($($test:ident: $($lie:ident),+;)+) => {
        $(#[test]
        fn $test() {
            // Those that take long are told at the same time.
            std::thread::scope(|scope| {
                $(scope.spawn(|| tell(Lie::$lie));)+
            });
        })+

        #[test]
        fn every_lie_is_told() {
            let told = [$($(Lie::$lie),+),+];
            let untold: Vec<&str> = Lie::ALL.iter().filter(|lie| !told.contains(lie)).map(|lie| lie.name()).collect();
            assert_eq!(untold, [""; 0]);
        }
    };
}

told! {
    a_forged_card_is_refused: ForgedCard;
    a_card_of_a_neighbour_signed_by_another_is_refused: StolenOrganisation;
    a_newer_card_of_the_node_itself_signed_by_another_is_refused: NewerCardOfAnother;
    a_peer_that_shows_the_nodes_own_card_is_refused: HelloOfTheNode;
    a_peer_that_shows_a_neighbours_card_is_refused: HelloOfANeighbour;
    a_peer_that_claims_a_neighbours_device_shuts_nobody_out: ClaimedDevice;
    addresses_that_another_device_signed_are_refused: AddressesOfAnother;
    bytes_that_are_no_message_are_refused: Garbage;
    a_message_of_an_unknown_kind_is_refused: UnknownKind;
    a_message_with_a_byte_after_it_is_refused: BytesAfter;
    a_message_that_is_longer_than_it_needs_be_is_refused: LongLength;
    an_array_whose_items_are_not_counted_is_refused: UncountedArray;
    ids_out_of_order_are_refused: UnsortedIds;
    ids_said_twice_are_refused: RepeatedIds;
    a_huge_count_of_cards_is_refused: HugeCards;
    a_huge_count_of_entries_is_refused: HugeEntries;
    a_huge_count_of_ids_is_refused: HugeIds;
    a_huge_length_of_a_header_is_refused: HugeHeader;
    a_frame_that_is_too_long_is_refused: OversizedFrame;
    a_frame_without_end_is_refused: EndlessFrame;
    a_frame_that_would_unpack_to_gigabytes_is_refused: FrameBomb;
    a_frame_whose_messages_do_not_fit_it_is_refused: FrameMisfit;
    a_frame_that_drips_in_keeps_nobody_waiting: SlowDrip;
    a_frame_that_stops_half_way_and_a_connection_on_which_nothing_is_said_are_given_up: HalfAFrame, Mute;
    an_entry_in_the_name_of_a_neighbours_device_is_refused: ForeignAuthor;
    an_entry_of_a_neighbour_by_another_device_is_not_stored: ForeignOrganisation;
    an_entry_with_another_payload_is_refused: WrongPayload;
    an_entry_with_other_keys_is_refused: WrongWraps;
    an_entry_without_its_payload_is_refused: MissingPayload;
    an_entry_of_one_document_is_refused_in_another: Misplaced;
    an_entry_of_one_plane_is_refused_in_the_other: WrongPlane;
    entries_whose_first_never_comes_wait_and_are_not_stored: MissingLink;
    entries_that_come_backwards_converge: Reordered;
    an_entry_that_comes_a_thousand_times_is_stored_once: Duplicates;
    a_reader_that_grants_itself_more_is_cut_off: GrantsItself;
    a_reader_that_would_take_the_document_over_is_cut_off: Usurper;
    a_fork_is_kept_and_shown_as_one: Fork;
    noise_instead_of_a_sealed_payload_is_not_shown: GarbageSeal;
    noise_instead_of_a_change_is_not_shown: GarbageChange;
    a_key_that_is_not_the_one_committed_to_opens_nothing: WrongCommitment;
    a_sealed_payload_of_another_document_is_not_shown: ReplayedSeal;
    a_change_of_another_document_is_not_shown: ReplayedChange;
    a_compressed_change_is_not_expanded: CompressedBomb;
    a_compressed_column_is_not_expanded: ColumnBomb;
    a_run_of_operations_without_end_is_not_expanded: RunLengthBomb;
    whoever_asks_for_what_it_was_never_granted_learns_nothing: NeverGranted;
    whoever_asks_for_keys_it_was_never_granted_learns_nothing: AsksForKeys;
    whoever_lost_its_role_is_given_no_content_however_often_it_asks: AfterRevocation;
    whoever_claims_to_hold_what_does_not_exist_is_served: UnknownIds;
    a_replayed_hello_is_out_of_turn: ReplayedHello;
    a_replayed_request_to_pair_is_out_of_turn: ReplayedPairRequest;
    a_replayed_confirmation_changes_nothing: ReplayedConfirmed;
    an_overheard_request_to_pair_serves_nobody_else: StolenPairRequest;
    entries_before_anybody_confirmed_are_out_of_turn: EarlyEntries;
    the_end_of_an_answer_to_nothing_is_out_of_turn: UnaskedServed;
    one_device_in_two_places_is_one_session: TwoSessions;
    a_peer_that_never_answers_and_one_that_never_begins_are_given_up: Silence, SilenceAtFirst;
    a_step_that_breaks_the_rules_is_refused: GarbageStep;
    a_step_in_another_version_is_refused: OtherVersionStep;
    a_step_of_a_huge_count_is_refused: HugeStep;
    a_step_that_is_too_long_is_refused: LongStep;
    an_answer_that_breaks_the_rules_is_refused: GarbageAnswer;
    steps_without_end_are_cut_off: StepsWithoutEnd;
    answers_without_end_end_the_round: AnswersWithoutEnd;
    rounds_without_end_are_cut_off: RoundsWithoutEnd;
    wishes_for_rounds_begin_few: WishesWithoutEnd;
    a_peer_that_says_it_holds_the_same_keeps_nobody_behind: SameSets;
    a_peer_that_asks_for_everything_is_told_of_what_it_may_hold: TellMeAll;
    documents_claimed_by_the_thousand_are_asked_for_and_let_go: MillionsOfNeeds;
    documents_offered_that_do_not_exist_change_nothing: OfferOfNothing;
    documents_offered_that_are_not_the_liars_tell_it_nothing: OfferOfSecrets;
    an_offer_of_more_than_was_asked_for_is_cut_off: OfferTooMany;
    an_offer_of_what_nobody_asked_for_is_out_of_turn: UnaskedOffer;
    a_need_before_any_comparison_is_out_of_turn: UnaskedNeed;
    needs_out_of_order_are_refused: UnsortedNeeds;
    too_many_needs_are_refused: TooManyNeeds;
    needs_of_what_does_not_exist_are_answered_with_nothing: UnknownNeeds;
    the_answer_to_no_probe_is_out_of_turn: UnaskedProbed;
    whoever_probes_what_it_was_never_granted_learns_nothing: ProbeOfSecrets;
    a_probe_that_breaks_the_rules_is_refused: GarbageProbe;
    whoever_wants_what_it_was_never_granted_learns_nothing: WantOfSecrets;
    whoever_lacks_what_it_was_never_granted_is_not_sent_it: LacksWhatIsSecret;
    a_peer_that_declines_everything_is_left_alone: DeclinesEverything;
    refusals_without_end_are_cut_off: DeclinesWithoutEnd;
    the_end_of_no_round_is_out_of_turn: SettledAtOnce;
    a_round_may_end_early: SettledEarly;
    a_flood_of_messages_is_borne: FloodOfMessages;
    a_flood_of_requests_is_cut_off: FloodOfRequests;
    a_peer_that_never_reads_slows_nobody_else: Deaf;
    a_flood_of_documents_is_cut_off: FloodOfDocuments;
    a_flood_of_entries_that_concern_nobody_is_cut_off: FloodOfEntries;
    a_flood_of_entries_that_wait_is_bounded: FloodOfWaiting;
    a_flood_of_cards_is_bounded: FloodOfCards;
    a_flood_of_requests_to_pair_uses_no_invitation_up: FloodOfPairings;
}
