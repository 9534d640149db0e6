//! Bad input everywhere: a clear refusal that names the remedy, no panic, nothing half-written.
//!
//! That no node panicked is checked wherever a [`Node`] is dropped.

use csu_node::desk::{Check, Document, DocumentsPage, LogLine, Peer, Status};
use csu_node::http::BODY_BYTES;
use csu_protocol::author;
use csu_protocol::entropy::Entropy;
use csu_protocol::entry::{Plane, Signer};
use csu_protocol::id::{DocumentId, Hash};
use csu_protocol::identity::{OrganisationKind, SignedCard, Ticket};
use csu_protocol::time::Timestamp;
use csu_protocol::wire::Message;
use csu_tests::node::{Node, Ran, command};
use csu_tests::stranger::{Said, Stranger, ticket};
use csu_tests::town::{self, bulletin, first};
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn counts(node: &Node) -> (u64, u64, usize) {
    let status: Status = node.get("/status").unwrap();
    let peers: Vec<Peer> = node.get("/peers").unwrap();
    (status.documents, status.drafts, peers.len())
}

#[test]
fn tickets_that_are_none_damaged_ones_own_over_or_used_are_refused_with_what_to_do() {
    let nodes =
        [("Brixton CSU", "union"), ("Kennington CSU", "union"), ("Lambeth Police", "police")].map(|(name, kind)| Node::started(name, kind));
    let [brixton, kennington, police] = &nodes;
    let text = brixton.json(&["invite"])["ticket"].as_str().unwrap().to_owned();
    let other = if text.ends_with('a') { 'b' } else { 'a' };
    let changed = format!("{}{other}", &text[..text.len() - 1]);
    let long = format!("csu-ticket-{}", "a".repeat(100_000));
    for (bad, words) in [
        ("hello", vec!["not a ticket", "csu invite"]),
        ("", vec!["not a ticket"]),
        ("csu-ticket-", vec!["damaged", "copy it again"]),
        (&text[..text.len() / 2], vec!["damaged", "copy it again"]),
        (&changed, vec!["damaged", "copy it again"]),
        (&long, vec!["ticket"]),
        ("csu-ticket-\u{0}\u{1b}[2Jäö", vec!["ticket"]),
    ] {
        if !bad.contains('\0') {
            kennington.csu(&["join", bad]).refused(&words);
        }
        let refused = kennington.post::<Peer>("/join", &json!({ "ticket": bad })).unwrap_err();
        assert!(!refused.remedy().is_empty() && refused.to_string().len() < 400, "{refused}");
    }
    brixton.csu(&["join", &text]).refused(&["this organisation itself", "hand it to the other one"]);
    let over = Ticket { expires: Timestamp::from_ms(1), ..text.parse().unwrap() };
    kennington.csu(&["join", &over.to_string()]).refused(&["ended at 1970-01-01", "new one"]);
    assert_eq!(counts(kennington), (0, 0, 0), "something half-written stayed");

    // As printed in a mail: broken over lines, in capitals.
    let mailed = text.to_uppercase();
    let (front, back) = mailed.split_at(60);
    kennington.csu(&["join", front, back]).good();
    brixton.until("met the other", |node| node.peer("Kennington CSU")?.number);
    kennington.until("met the other", |node| node.peer("Brixton CSU")?.number);
    kennington.csu(&["join", &text]).refused(&["already paired"]);
    // A copy of a ticket that was used: nobody learns anything by it, and who tried it can see that it led to nothing.
    police.csu(&["join", &text]).good();
    std::thread::sleep(Duration::from_millis(500));
    assert!(brixton.peer("Lambeth Police").is_none());
    let peers: Vec<Peer> = police.get("/peers").unwrap();
    assert!(peers.len() == 1 && peers[0].number.is_none() && !peers[0].connected, "{peers:?}");
    police.csu(&["peer", "remove", &peers[0].organisation.id.to_string()]).good();
    assert_eq!(counts(police).2, 0);
}

#[test]
fn a_wrong_security_number_confirms_nothing() {
    let nodes = [("Brixton CSU", "union"), ("Kennington CSU", "union")].map(|(name, kind)| Node::started(name, kind));
    let [brixton, kennington] = &nodes;
    let text = brixton.json(&["invite"])["ticket"].as_str().unwrap().to_owned();
    kennington.csu(&["join", &text]).good();
    let number = brixton.until("met the other", |node| node.peer("Kennington CSU")?.number);
    for wrong in ["", "1", "12345 12345 12345 12345 12345", "\u{661}\u{662}", &number[1..]] {
        brixton.csu(&["peer", "confirm", "Kennington CSU", "--number", wrong]).refused(&["number", "pair again"]);
    }
    brixton.csu(&["peer", "confirm", "Nobody", "--yes"]).refused(&["Nobody", "csu peer list"]);
    assert_eq!(brixton.csu(&["peer", "confirm", "Kennington CSU"]).code, Some(2), "nobody is here to compare");
    let peer = brixton.peer("Kennington CSU").unwrap();
    assert!(!peer.we_confirmed && !peer.they_confirmed);
    // Nothing moves before both have confirmed, whoever is granted what.
    brixton.csu(&["peer", "confirm", "Kennington CSU", "--number", &number]).good();
    let id = town::issue(brixton, "Early", &[]);
    brixton.csu(&["grant", "add", &id, "Kennington CSU"]).good();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(counts(kennington).0, 0, "data moved before both confirmed");
}

fn refused_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/cap/refused");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 8, "{files:?}");
    files
}

#[test]
fn alerts_that_cannot_be_taken_are_refused_with_file_place_and_remedy_and_leave_no_draft() {
    let node = Node::started("Brixton CSU", "union");
    for file in refused_files() {
        let name = file.file_name().unwrap().to_str().unwrap();
        let ran = node.csu(&["bulletin", "import", file.to_str().unwrap()]).refused(&[&format!("{name}:")]);
        let numbered = ran.stderr.split(&format!("{name}:")).nth(1).unwrap();
        assert!(numbered.starts_with(|c: char| c.is_ascii_digit()), "no line: {}", ran.stderr);
    }
    let write = |name: &str, bytes: &[u8]| {
        let path = node.outside(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let whole = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("data/cap/brixton-burglary.cap")).unwrap();
    for (name, bytes, words) in [
        ("empty.cap", Vec::new(), vec!["empty"]),
        ("cut.cap", whole[..whole.len() / 2].to_vec(), vec!["cut.cap"]),
        ("noise.cap", (0..=255).cycle().take(5000).collect(), vec!["noise.cap"]),
        ("deep.cap", "<a>".repeat(100_000).into_bytes(), vec!["deep.cap"]),
        ("huge.cap", vec![b' '; BODY_BYTES + 1], vec!["shorten"]),
        (
            "long-value.cap",
            String::from_utf8(whole.clone())
                .unwrap()
                .replacen("<headline>", &format!("<headline>{}", "x".repeat(1_000_000)), 1)
                .into_bytes(),
            vec!["headline"],
        ),
    ] {
        node.csu(&["bulletin", "import", &write(name, &bytes)]).refused(&words);
    }
    node.csu(&["bulletin", "import", "/nowhere/at-all.cap"]).refused(&["cannot be read", "check its name"]);
    node.csu(&["bulletin", "import", node.data().to_str().unwrap()]).refused(&["cannot be read"]);
    assert_eq!(counts(&node), (0, 0, 0), "a refused file left something");
    node.csu(&["bulletin", "import", &write("good.cap", &whole)]).good();
}

/// Sends bytes to the API's socket; what comes back.
fn raw(node: &Node, bytes: &[u8], complete: bool) -> String {
    let mut stream = UnixStream::connect(node.data().join("csu.sock")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    // The node may answer and close before everything is written.
    stream.write_all(bytes).ok();
    if !complete {
        stream.shutdown(std::net::Shutdown::Write).ok();
    }
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    String::from_utf8_lossy(&answer).into_owned()
}

fn http(method: &str, path: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nhost: csu\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

#[test]
fn whatever_is_sent_to_the_socket_is_answered_by_a_problem_and_the_node_goes_on() {
    let node = Node::started("Brixton CSU", "union");
    let json = "application/json";
    let documents = "/api/v1/documents";
    let deep = format!("{{\"kind\":\"bulletin\",\"fields\":{{\"a\":{}{}}}}}", "[".repeat(50_000), "]".repeat(50_000));
    for (request, status) in [
        (http("PATCH", "/api/v1/status", json, b""), 405),
        (http("BREW", documents, json, b""), 405),
        (http("GET", "/api/v1/nothing", json, b""), 404),
        (http("GET", "/", json, b""), 404),
        (http("GET", "/api/v1/../../etc/passwd", json, b""), 404),
        (http("GET", "/api/v1/documents/%00%ff", json, b""), 400),
        (http("GET", "/api/v1/documents?limit=many", json, b""), 400),
        (http("GET", "/api/v1/documents?colour=red", json, b""), 400),
        (http("GET", "/api/v1/documents?cursor=zzz", json, b""), 422),
        (http("POST", documents, "text/plain", b"{}"), 415),
        (http("POST", documents, json, b""), 400),
        (http("POST", documents, json, b"{\"kind\":"), 400),
        (http("POST", documents, json, b"\xff\xfe\x00"), 400),
        (http("POST", documents, json, b"[]"), 422),
        (http("POST", documents, json, b"{\"kind\":5}"), 422),
        (http("POST", documents, json, b"{\"kind\":\"crime\"}"), 422),
        (http("POST", documents, json, b"{\"kind\":\"guide\",\"colour\":1}"), 422),
        (http("POST", documents, json, b"{\"kind\":\"guide\",\"fields\":{\"title\":{\"a\":1}}}"), 422),
        (http("POST", documents, json, b"{\"kind\":\"guide\",\"fields\":{\"title\":1e999}}"), 400),
        (http("POST", documents, json, deep.as_bytes()), 400),
        (http("POST", documents, json, &vec![b' '; 3 * 1024 * 1024]), 413),
        (http("POST", "/api/v1/import/cap", "application/octet-stream", &vec![b'x'; 3 * 1024 * 1024]), 413),
        (http("POST", "/api/v1/peers/x/confirm", json, b"{\"number\":7}"), 422),
    ] {
        let shown = String::from_utf8_lossy(&request[..request.len().min(120)]).into_owned();
        let answer = raw(&node, &request, true);
        // A request whose body is too large may be cut off while it is being written.
        if status == 413 && answer.is_empty() {
            continue;
        }
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{shown}\nwas answered by\n{answer}");
        assert!(answer.contains("application/problem+json") && answer.contains("\"remedy\":\""), "{shown}\n{answer}");
    }
    for bytes in [
        &b"\x00\x01\xff garbage\r\n\r\n"[..],
        b"GET",
        b"",
        &[b'A'; 200_000],
        b"POST /api/v1/documents HTTP/1.1\r\ncontent-length: 99999999999999999999\r\n\r\n",
    ] {
        let answer = raw(&node, bytes, false);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    // Many who connect and say nothing do not lock others out for good.
    let silent: Vec<UnixStream> = (0..60).map(|_| UnixStream::connect(node.data().join("csu.sock")).unwrap()).collect();
    assert_eq!(counts(&node), (0, 0, 0));
    drop(silent);
}

#[test]
fn fields_and_references_that_cannot_be_are_refused_with_the_nearest_that_can() {
    let node = Node::started("Brixton CSU", "union");
    let long = format!("headline={}", "x".repeat(3000));
    for (assign, words) in [
        ("sevrity=Severe", vec!["did you mean severity"]),
        ("severity=Bad", vec!["Extreme, Severe"]),
        (&long, vec!["headline", "shorten"]),
        ("onset=yesterday", vec!["onset", "2026-"]),
        ("onset=2026-02-30T10:00:00+00:00", vec!["onset"]),
        ("nonsense", vec!["nonsense"]),
        ("=x", vec![]),
        ("headline=two\nlines", vec!["headline"]),
    ] {
        node.csu(&["bulletin", "draft", assign]).refused(&words);
    }
    node.csu(&["guide", "draft", "title=x", "costLowPence=-1"]).refused(&["costLowPence", "whole number"]);
    node.csu(&["guide", "draft", "title=x", "--to", "Nobody"]).refused(&["Nobody", "csu peer list"]);
    node.csu(&["guide", "draft", "title=x", "--to", "Brixton CSU"]).refused(&["need not grant itself"]);
    assert_eq!(counts(&node), (0, 0, 0), "a refused draft was kept");
    // A text may hold such a character, as some languages' do; a terminal is never given it.
    let drafted = node.csu(&["bulletin", "draft", "headline=Burglaries\u{202e}\u{1f512}"]).good();
    assert!(!drafted.stdout.contains('\u{202e}') && drafted.stdout.contains("<U+202E>"), "{}", drafted.stdout);
    for (reference, words) in [
        ("d99", vec!["no draft d99", "csu bulletin list"]),
        ("zz", vec!["names no document"]),
        ("abcd", vec!["holds no document"]),
        ("../d1", vec!["names no document"]),
        ("d99999999999999999999999", vec![]),
        ("d-1", vec![]),
        (&"a".repeat(5000), vec![]),
    ] {
        for line in [
            ["bulletin", "show", reference],
            ["bulletin", "issue", reference],
            ["grant", "list", reference],
            ["bulletin", "discard", reference],
        ] {
            node.csu(&line).refused(&words);
        }
        node.csu(&["respond", reference, "acknowledge"]).refused(&words);
        node.csu(&["export", reference]).refused(&words);
        node.csu(&["log", "--document", reference]).refused(&words);
    }
    node.csu(&["bulletin", "issue", "d1"]).refused(&["must be filled"]);
    node.csu(&["guide", "publish", "d1"]).refused(&["no step 'publish'", "issue"]);
    node.csu(&["export", "d1", "--format", "cap"]).refused(&["draft", "json"]);
    node.csu(&["access", "d1"]).refused(&["draft"]);
    let drafts: DocumentsPage = node.get("/documents").unwrap();
    assert_eq!((drafts.items.len(), drafts.items[0].state.as_str()), (1, "draft"));
}

/// What a peer does, by name.
type Act<'a> = (&'static str, &'a dyn Fn(&Stranger));

fn faults(node: &Node) -> Vec<LogLine> {
    tokio::task::block_in_place(|| node.acts("?verb=network&limit=500")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paired_peer_that_breaks_the_rules_is_cut_off_and_named_in_the_log_and_others_are_served() {
    let nodes = tokio::task::block_in_place(town::two);
    let [brixton, kennington] = &nodes;
    let document = DocumentId::new([7; 32]);
    let mut byte = 10;
    let mut fresh = async || {
        byte += 1;
        let mut stranger = Stranger::new(byte, &format!("Stranger {byte}")).await;
        stranger.pair(brixton).await;
        stranger
    };
    let genesis = |stranger: &Stranger| {
        let organisation = stranger.card.card().organisation;
        author::genesis(organisation, Signer::Device(&stranger.device), Vec::new(), &mut Entropy::from_seed([1; 32])).unwrap().into_signed()
    };
    let misplaced = |stranger: &Stranger| Said::Entries { document, plane: Plane::Control, entries: vec![genesis(stranger)] };
    let forged = |stranger: &Stranger| {
        let mut entry = genesis(stranger);
        let document = DocumentId::new(*Hash::of(&entry.header).as_bytes());
        let last = entry.header.len() - 1;
        entry.header[last] ^= 1;
        Said::Entries { document, plane: Plane::Control, entries: vec![entry] }
    };
    let other_card = |stranger: &Stranger| {
        let name = stranger.card.card().name.clone();
        let card = SignedCard::sign(&stranger.root, 0, csu_protocol::id::DeviceId::new([9; 32]), name, OrganisationKind::Other);
        Said::Hello { card, addresses: None, confirmed: true }
    };
    let acts: [Act<'_>; 9] = [
        ("garbage", &|stranger| stranger.send(b"\xff\x00garbage".to_vec())),
        ("an unknown message", &|stranger| stranger.send(vec![0x81, 0x18, 0xff])),
        ("a huge length", &|stranger| stranger.send(vec![0x82, 0x03, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
        ("bytes after a message", &|stranger| stranger.send([Said::Confirmed.encode(), vec![0]].concat())),
        ("an oversized frame", &|stranger| stranger.send(vec![0; 5 * 1024 * 1024])),
        ("a misplaced entry", &|stranger| stranger.say(&misplaced(stranger))),
        ("a forged entry", &|stranger| stranger.say(&forged(stranger))),
        ("another's card", &|stranger| stranger.say(&other_card(stranger))),
        ("an unsorted list", &|stranger| {
            let places = vec![(document, Plane::Content), (document, Plane::Control)];
            stranger.say(&Said::Decline { places, again: false });
        }),
    ];
    for (what, act) in acts {
        let mut stranger = fresh().await;
        let before = faults(brixton).len();
        act(&stranger);
        stranger.until_hung_up().await;
        let name = stranger.card.card().name.to_string();
        // The network may hang up before the node has written down why.
        let named = |line: &LogLine| line.who.contains(&name) && !line.detail.contains("pairing");
        let noted = |_: &Node| faults(brixton).iter().any(named).then_some(());
        tokio::task::block_in_place(|| brixton.until(&format!("named who sent {what}"), noted));
        assert!(faults(brixton).len() > before, "{what}");
    }
    tokio::task::block_in_place(|| {
        let id = town::issue(brixton, "Still here", &[("Kennington CSU", "read")]);
        kennington.until_document(&id, "was served", |document| document.state == "issued");
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_out_of_turn_move_nothing_and_strangers_without_a_ticket_are_not_let_in() {
    let brixton = tokio::task::block_in_place(|| Node::started("Brixton CSU", "union"));
    let document = DocumentId::new([7; 32]);
    let secret = tokio::task::block_in_place(|| town::issue(&brixton, "Secret", &[]));
    let known: DocumentId = secret.parse().unwrap();
    let early: [(&str, Said); 5] = [
        ("a confirmation", Said::Confirmed),
        ("a question", Said::Have { document: known, plane: Plane::Control, ids: Vec::new() }),
        ("a step of reconciliation", Said::Reconcile(vec![0x61])),
        ("a served", Said::Served { document, plane: Plane::Content, lacking: Vec::new() }),
        ("cards", Said::Cards(Vec::new())),
    ];
    // Before it has shown a ticket's secret.
    let open = ticket(&brixton);
    for (at, (what, message)) in early.iter().enumerate() {
        let mut stranger = Stranger::new(40 + u8::try_from(at).unwrap(), "Early").await;
        stranger.connect(&open).await;
        stranger.say(message);
        stranger.until_hung_up().await;
        assert!(faults(&brixton).iter().any(|line| line.detail.contains("out of turn")), "{what}");
    }
    // After that, before anybody has confirmed.
    for (at, (what, message)) in early.iter().enumerate().skip(1) {
        let mut stranger = Stranger::new(60 + u8::try_from(at).unwrap(), &format!("Hasty {at}")).await;
        stranger.meet(&brixton).await;
        stranger.say(message);
        stranger.until_hung_up().await;
        let peer = tokio::task::block_in_place(|| brixton.peer(&format!("Hasty {at}"))).expect(what);
        assert!(!peer.we_confirmed, "{what}");
    }
    // A wrong secret.
    let mut wrong = Stranger::new(80, "Wrong").await;
    wrong.connect(&open).await;
    let other = Ticket { secret: csu_protocol::identity::InvitationSecret::from_bytes([1; 32]), ..open.clone() };
    wrong.say(&wrong.pair_request(&other));
    wrong.until_hung_up().await;
    assert!(tokio::task::block_in_place(|| brixton.peer("Wrong")).is_none());
    // A paired one asks for what it was not granted: it is told that there is nothing.
    let mut curious = Stranger::new(81, "Curious").await;
    curious.meet(&brixton).await;
    tokio::task::block_in_place(|| brixton.csu(&["peer", "confirm", "Curious", "--yes"]).good());
    curious.say(&Message::Confirmed);
    for plane in Plane::ALL {
        curious.say(&Said::Have { document: known, plane, ids: Vec::new() });
    }
    let mut served = 0;
    while served < 2 {
        match curious.hear().await {
            Message::Entries { .. } => panic!("it was given what it was not granted"),
            Message::Reconcile(step) => assert_eq!(step, [0x61, 0, 0, 2, 0], "it was told what there is"),
            Message::Served { lacking, .. } => {
                assert!(lacking.is_empty());
                served += 1;
            }
            _ => {}
        }
    }
    drop(curious);
    // Nobody is invited at a node without open tickets.
    let closed = tokio::task::block_in_place(|| Node::started("Kennington CSU", "union"));
    let elsewhere = Ticket { device: tokio::task::block_in_place(|| closed.get::<Status>("/status")).unwrap().device, ..open };
    let elsewhere = Ticket {
        addresses: vec![csu_protocol::identity::Address::new(&format!("/ip4/127.0.0.1/tcp/{}", closed.port())).unwrap()],
        ..elsewhere
    };
    assert!(!Stranger::new(82, "Uninvited").await.is_let_in(&elsewhere).await, "a stranger was let in");
}

fn database(node: &Node) -> PathBuf {
    node.data().join("node.sqlite")
}

#[test]
fn a_database_that_is_newer_foreign_garbage_or_cut_is_refused_and_left_as_it_is() {
    let node = Node::started("Brixton CSU", "union");
    for number in 0..20 {
        town::issue(&node, &format!("Number {number}"), &[]);
    }
    assert!(node.terminate().success());
    let whole = fs::read(database(&node)).unwrap();
    let set = |pragma: &str| rusqlite::Connection::open(database(&node)).unwrap().execute_batch(pragma).unwrap();
    let refused = |words: &[&str]| {
        let before = fs::read(database(&node)).unwrap();
        node.up_refused().refused(words);
        assert!(fs::read(database(&node)).unwrap() == before, "a refused database was changed");
        assert!(!node.data().join("csu.sock").exists());
        let checks = node.csu(&["doctor", "--json"]);
        assert_eq!(checks.code, Some(1), "doctor finds nothing wrong: {}", checks.stdout);
        fs::write(database(&node), &whole).unwrap();
        for name in ["node.sqlite-wal", "node.sqlite-shm"] {
            fs::remove_file(node.data().join(name)).ok();
        }
    };
    set("PRAGMA user_version = 99");
    refused(&["version 99", "newer csu"]);
    set("PRAGMA application_id = 7");
    refused(&["not a database of csu", "backup"]);
    fs::write(database(&node), b"garbage ".repeat(5000)).unwrap();
    refused(&["not a database", "backup"]);
    fs::write(database(&node), &whole[..whole.len() / 2]).unwrap();
    refused(&["damaged", "backup"]);
    fs::write(database(&node), &whole[..1000]).unwrap();
    refused(&["backup"]);
    node.up();
    assert_eq!(counts(&node).0, 20);
}

#[test]
fn bytes_that_rotted_in_the_database_are_found_after_an_unclean_stop() {
    let node = Node::started("Brixton CSU", "union");
    let id = town::issue(&node, "One", &[]);
    node.kill();
    let rotten = rusqlite::Connection::open(database(&node)).unwrap();
    let changed = rotten.execute("UPDATE entry SET payload = zeroblob(length(payload)) WHERE payload IS NOT NULL", []).unwrap();
    assert!(changed > 0);
    drop(rotten);
    node.up_refused().refused(&["check of the database found", "payload", "backup"]);
    assert!(!id.is_empty());
}

#[test]
fn a_full_disk_refuses_the_command_keeps_nothing_of_it_and_all_goes_on_when_there_is_room() {
    let nodes = town::two();
    let [brixton, kennington] = &nodes;
    let id = town::issue(brixton, "Before", &[("Kennington CSU", "read")]);
    kennington.until_document(&id, "got it", |document| document.state == "issued");
    assert!(brixton.terminate().success());
    let pages: u32 = rusqlite::Connection::open(database(brixton)).unwrap().query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    brixton.up_with(&[("CSU_TEST_MAX_PAGES", &(pages + 12).to_string())]);
    let text = "Rear windows, in the afternoon. ".repeat(60);
    let mut kept = Vec::new();
    let refused = loop {
        let headline = format!("headline=Number {}", kept.len());
        let ran = brixton.csu(&["bulletin", "draft", &headline, &format!("description={text}"), "--json"]);
        if ran.code != Some(0) {
            break ran;
        }
        kept.push(ran.json()["reference"].as_str().unwrap().to_owned());
        assert!(kept.len() < 200, "the disk never fills");
    };
    refused.refused(&["no room is left", "free space"]);
    println!("{} drafts fitted", kept.len());
    assert_eq!(counts(brixton), (1, kept.len() as u64, 1), "something half-written stayed");
    // Pages that are there may have room for a little of it. What takes more than a page, and cannot be made shorter, fills them.
    let noise = |number: usize| (0..120).map(|at: usize| Hash::of(format!("{number} {at}").as_bytes()).to_string()).collect::<String>();
    let update = |number: usize| brixton.csu(&["bulletin", "update", &id, &format!("description={}", noise(number))]);
    let fitted = (0..50).take_while(|number| update(*number).code == Some(0)).count();
    println!("{fitted} updates fitted");
    let heads = brixton.document(&id).map(|document| document.heads);
    for number in 100..103 {
        update(number).refused(&["no room is left", "free space"]);
    }
    brixton.csu(&["status"]).good();
    // What a neighbour sends meanwhile is not acknowledged, and comes again.
    let theirs = town::issue(kennington, &text[..1000], &[("Brixton CSU", "read")]);
    for number in 0..6 {
        kennington.step(&theirs, "update", &json!({ "assign": [format!("description={number} {text}")] })).unwrap();
    }
    brixton.until("noticed that it cannot store", |node| node.log_text().contains("what neighbours sent was not stored").then_some(()));
    assert!(!brixton.has_ended(), "{}", brixton.tail());
    assert!(brixton.terminate().success() || brixton.log_text().contains("no room is left"), "{}", brixton.tail());
    brixton.up();
    let after = brixton.document(&id).unwrap();
    let before = if fitted == 0 { "Rear windows, in the afternoon.".to_owned() } else { noise(fitted - 1) };
    assert_eq!(first(&after, "description"), before);
    if let Ok(heads) = heads {
        assert_eq!(after.heads, heads);
    }
    for reference in &kept {
        brixton.document(reference).expect("an acknowledged draft");
    }
    brixton.until_document(&theirs, "had what came while the disk was full", |document| first(document, "description").starts_with("5 "));
    brixton.csu(&["bulletin", "update", &id, "headline=After"]).good();
    kennington.until_document(&id, "got the update", |document| first(document, "headline") == "After");
}

#[test]
fn an_occupied_port_is_named() {
    let node = Node::new("Brixton CSU", "union");
    {
        let _tcp = std::net::TcpListener::bind(("127.0.0.1", node.port())).unwrap();
        node.up_refused().refused(&[&node.port().to_string(), "another program", "another port"]);
    }
    {
        let _udp = std::net::UdpSocket::bind(("127.0.0.1", node.port())).unwrap();
        node.up_refused().refused(&[&node.port().to_string(), "another program", "another port"]);
    }
    assert!(!node.data().join("csu.sock").exists(), "the socket stayed");
    node.up();
}

#[test]
fn keys_that_are_exposed_missing_damaged_or_no_files_are_refused_by_up_and_doctor() {
    let node = Node::new("Brixton CSU", "union");
    let keys = node.data().join("keys");
    let both = |words: &[&str]| {
        node.up_refused().refused(words);
        let checks: Vec<Check> = serde_json::from_str(&node.csu(&["doctor", "--json"]).stdout).unwrap();
        assert!(checks.iter().any(|check| check.name == "keys" && !check.ok), "{checks:?}");
        assert!(!node.data().join("node.sqlite").exists(), "a database was made without keys");
    };
    for name in ["device.key", "card.key", "card.pub"] {
        let file = keys.join(name);
        let whole = fs::read(&file).unwrap();
        let restore = || {
            fs::write(&file, &whole).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        };
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        both(&[name, "can be read by others", "chmod 600"]);
        restore();
        let mut damaged = whole.clone();
        damaged[whole.len() / 2] ^= 1;
        fs::write(&file, damaged).unwrap();
        both(&[name, "damaged", "backup"]);
        fs::write(&file, "").unwrap();
        both(&[name, "empty"]);
        fs::write(&file, vec![b'x'; 100_000]).unwrap();
        both(&[name, "bytes"]);
        fs::remove_file(&file).unwrap();
        both(&[name, "missing"]);
        fs::create_dir(&file).unwrap();
        both(&[name]);
        fs::remove_dir(&file).unwrap();
        restore();
        if !rustix::process::geteuid().is_root() {
            fs::set_permissions(&file, Permissions::from_mode(0o000)).unwrap();
            both(&[name, "cannot be read", "who owns it"]);
            restore();
        }
    }
    fs::set_permissions(&keys, Permissions::from_mode(0o755)).unwrap();
    both(&["keys", "chmod 700"]);
    fs::set_permissions(&keys, Permissions::from_mode(0o700)).unwrap();
    node.up();
}

#[test]
fn settings_that_nobody_knows_and_places_without_an_organisation_are_refused() {
    let node = Node::new("Brixton CSU", "union");
    let file = node.data().join("csu.toml");
    for (text, words) in [
        ("lisen = []\n", vec!["'lisen'", "'listen'", "csu.toml"]),
        ("mdns = 7\n", vec!["mdns", "csu.toml"]),
        ("mdns = \n", vec!["csu.toml"]),
        ("\u{0}\u{1}", vec!["csu.toml"]),
        ("listen = [\"4820\"]\n", vec!["listen", "/ip4/"]),
    ] {
        fs::write(&file, text).unwrap();
        node.csu(&["status"]).refused(&words);
        let mut up = command();
        up.args(["up", "--data"]).arg(node.data());
        Ran::of(up).refused(&words);
    }
    fs::remove_file(&file).unwrap();
    node.csu_with(&["status"], &[("CSU_LISEN", "x")]).refused(&["listen", "environment"]);
    node.csu_with(&["status"], &[("CSU_CONFIG", "/nowhere/csu.toml")]).refused(&["/nowhere/csu.toml"]);
    let empty = node.outside("empty");
    let mut up = command();
    up.args(["up", "--data"]).arg(&empty);
    Ran::of(up).refused(&["no organisation", "csu init"]);
    assert!(!empty.exists(), "a folder was made");
}

#[test]
fn an_organisation_or_a_phrase_that_is_there_is_never_replaced() {
    let node = Node::new("Brixton CSU", "union");
    let before = fs::read(node.data().join("keys/card.pub")).unwrap();
    let phrase = node.outside("phrase.txt");
    let first_phrase = fs::read(&phrase).unwrap();
    assert_eq!(fs::metadata(&phrase).unwrap().permissions().mode() & 0o777, 0o600);
    let (again, at) = (node.outside("again.txt"), phrase.to_str().unwrap());
    let init = |data: &Path, name: &str, phrase: &str| {
        let mut init = command();
        init.args(["init", "--name", name, "--kind", "union", "--non-interactive", "--phrase-file", phrase, "--data"]).arg(data);
        Ran::of(init)
    };
    init(node.data(), "Other", again.to_str().unwrap()).refused(&["already", "--data"]);
    assert!(!again.exists(), "a phrase without an organisation");
    let elsewhere = node.outside("elsewhere");
    init(&elsewhere, "Other", at).refused(&["phrase", "new file"]);
    assert!(!elsewhere.exists(), "something half-written stayed");
    init(&elsewhere, "Evil \u{202e}CSU", again.to_str().unwrap()).refused(&["name"]);
    init(&elsewhere, &"x".repeat(500), again.to_str().unwrap()).refused(&["name"]);
    init(&elsewhere, "", again.to_str().unwrap()).refused(&["name"]);
    assert!(!again.exists() && !elsewhere.exists());
    assert_eq!(fs::read(node.data().join("keys/card.pub")).unwrap(), before);
    assert_eq!(fs::read(&phrase).unwrap(), first_phrase);
    let mut silent = command();
    silent.args(["init", "--name", "Other", "--kind", "union", "--data"]).arg(&elsewhere);
    let ran = Ran::of(silent);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("--non-interactive"), "{}", ran.stderr);
}

#[test]
fn a_draft_too_large_to_be_shared_is_refused_before_anything_is_signed() {
    let node = Node::started("Brixton CSU", "union");
    let mut fields = bulletin("Burglaries");
    let block = fields["info"][0].clone();
    let text = "x".repeat(60_000);
    fields["info"] = (0..40)
        .map(|_| {
            let mut block = block.clone();
            block["description"] = json!(text);
            block
        })
        .collect::<Vec<Value>>()
        .into();
    let refused = node.post::<Document>("/documents", &json!({ "kind": "bulletin", "fields": fields }));
    if let Ok(draft) = refused {
        node.step(&draft.reference, "issue", &json!({})).expect_err("more than an entry may have");
    }
    assert_eq!(counts(&node).0, 0, "a document was begun");
}
