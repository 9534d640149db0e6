//! Nodes that are killed, stopped and started: nothing acknowledged is lost, and all converge.
//!
//! While one node comes back, the others are frozen, so that what it lost cannot come back from them
//! before it is looked for.

use csu_node::cli::client::{ClientError, segment};
use csu_node::desk::{AccessLevel, Document, IntegrityResult, Invitation, Pairing, Peer, Status};
use csu_tests::history::Dice;
use csu_tests::node::{Node, PATIENCE};
use csu_tests::town::{self, bulletin, first};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

type Look = Box<dyn Fn(&Node) -> Result<(), String> + Send>;

/// What nodes have acknowledged, each with how to see that it is still there.
#[derive(Default)]
struct Ledger(Mutex<Vec<(usize, String, Look)>>);

impl Ledger {
    fn acknowledged(&self, node: usize, what: impl Into<String>, look: impl Fn(&Node) -> Result<(), String> + Send + 'static) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((node, what.into(), Box::new(look)));
    }

    fn audit(&self, index: usize, node: &Node) {
        for (_, what, look) in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().filter(|(of, ..)| *of == index) {
            if let Err(why) = look(node) {
                panic!("{} had acknowledged {what}, and lost it: {why}\n{}", node.name(), node.tail());
            }
        }
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Kills a node, starts it with all others frozen, and looks for everything it had acknowledged.
fn crash(nodes: &[Node], index: usize, ledger: &Ledger) {
    nodes[index].kill();
    let others = || nodes.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, node)| node);
    others().for_each(Node::freeze);
    nodes[index].up();
    ledger.audit(index, &nodes[index]);
    others().for_each(Node::thaw);
}

/// Whether the node refused, as opposed to having been killed meanwhile.
fn refusal(error: &ClientError) -> bool {
    matches!(error, ClientError::Refused(problem) if problem.status() < 500)
}

/// Asks until it is done: a node that was killed may have done it before it died, or not.
#[track_caller]
fn insist<T>(node: &Node, what: &str, mut act: impl FnMut() -> Result<T, ClientError>, mut was_done: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        match act() {
            Ok(done) => return done,
            Err(error) => {
                if let Some(done) = was_done() {
                    return done;
                }
                assert!(Instant::now() < until, "{} never managed to {what}: {error}\n{}", node.name(), node.tail());
                assert!(
                    !refusal(&error) || Instant::now() < until - PATIENCE / 2,
                    "{} refuses to {what}: {error}\n{}",
                    node.name(),
                    node.tail()
                );
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

fn has(document: &str, what: &'static str, is: impl Fn(&Document) -> bool + Send + 'static) -> Look {
    let document = document.to_owned();
    Box::new(move |node| match node.document(&document) {
        Ok(found) if is(&found) => Ok(()),
        Ok(found) => Err(format!("not {what}: {found:?}")),
        Err(error) => Err(error.to_string()),
    })
}

fn pair_insisting(nodes: &[Node], one: usize, other: usize, ledger: &Ledger) {
    let (here, there) = (&nodes[one], &nodes[other]);
    let invite = || here.post::<Invitation>("/invitations", &json!({}));
    let ticket = insist(here, "invite", invite, || None).ticket;
    let join = || there.post::<Peer>("/join", &json!({ "ticket": ticket }));
    insist(there, "join", join, || there.peer(here.name()));
    let name = here.name().to_owned();
    ledger.acknowledged(other, "a ticket", move |node| {
        let peers: Vec<Peer> = node.get("/peers").map_err(|error| error.to_string())?;
        // Before the other side has answered it is known by its id alone.
        let known = peers.iter().any(|peer| peer.organisation.name == name || peer.pairing == Pairing::Joining);
        if known { Ok(()) } else { Err(format!("{peers:?}")) }
    });
    for (index, node, of) in [(one, here, there), (other, there, here)] {
        let number = node.until("saw a security number", |node| node.peer(of.name())?.number);
        let path = format!("/peers/{}/confirm", segment(of.name()));
        let confirm = || node.post::<Peer>(&path, &json!({ "number": number }));
        insist(node, "confirm", confirm, || node.peer(of.name()).filter(|peer| peer.we_confirmed));
        let name = of.name().to_owned();
        ledger.acknowledged(index, "a confirmation", move |node| match node.peer(&name) {
            Some(peer) if peer.we_confirmed => Ok(()),
            found => Err(format!("{found:?}")),
        });
    }
    for (node, of) in [(here, there), (there, here)] {
        node.until("was paired", |node| node.peer(of.name()).filter(|peer| peer.pairing == Pairing::Confirmed));
    }
}

/// Drafts and shares a document, once.
fn share(node: &Node, index: usize, draft: &Value, verb: &str, state: &'static str, ledger: &Ledger) -> String {
    let begun: Document = insist(node, "draft", || node.post("/documents", draft), || None);
    let number = begun.reference.clone();
    let kept = begun.draft.expect("a draft").fields;
    assert!(!kept.is_empty());
    ledger.acknowledged(index, "a draft", {
        let number = number.clone();
        move |node| match node.document(&number) {
            Ok(found) if found.id.is_some() || found.draft.as_ref().is_some_and(|draft| draft.fields == kept) => Ok(()),
            found => Err(format!("{found:?}")),
        }
    });
    let step = || node.step(&number, verb, &json!({}));
    let shared = insist(node, verb, step, || node.document(&number).ok().filter(|document| document.id.is_some()));
    let id = shared.id.unwrap().to_string();
    ledger.acknowledged(
        index,
        format!("to {verb} it"),
        has(&id, "shared", move |document| document.state == state || document.state != "draft"),
    );
    id
}

fn update(node: &Node, index: usize, id: &str, headline: &str, ledger: &Ledger) {
    let body = json!({ "assign": [format!("headline={headline}")] });
    let mine = |document: &Document| first(document, "headline") == headline;
    insist(node, "update", || node.step(id, "update", &body), || node.document(id).ok().filter(mine));
    let entry = newest_of(node, id);
    ledger.acknowledged(index, format!("the update '{headline}'"), holds(id, entry));
}

/// The newest entry of a node's own making in a document.
fn newest_of(node: &Node, id: &str) -> String {
    node.until("told its history", |node| {
        let lines = node.history(id).ok()?;
        lines.into_iter().rev().find(|line| line.by.name == node.name()).map(|line| line.entry.to_string())
    })
}

fn holds(id: &str, entry: String) -> impl Fn(&Node) -> Result<(), String> + use<> {
    let id = id.to_owned();
    move |node| {
        let lines = node.history(&id).map_err(|error| error.to_string())?;
        if lines.iter().any(|line| line.entry.to_string() == entry) { Ok(()) } else { Err(format!("entry {entry} is not among {lines:?}")) }
    }
}

fn respond(node: &Node, index: usize, id: &str, text: &'static str, ledger: &Ledger) {
    let body = json!({ "remark": "seen-here-too", "text": text });
    let said = move |document: &Document| document.responses.iter().any(|response| response.text == text);
    let path = format!("/documents/{id}/responses");
    insist(node, "respond", || node.post(&path, &body), || node.document(id).ok().filter(said));
    ledger.acknowledged(index, "a response", has(id, "with the response", said));
}

/// Everything the three do together, while somebody kills them.
fn exchange(nodes: &[Node], ledger: &Ledger) -> (String, String) {
    let (brixton, kennington, police) = (&nodes[0], &nodes[1], &nodes[2]);
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        pair_insisting(nodes, one, other, ledger);
    }
    let to = json!([{ "who": "Kennington CSU", "role": "read" }, { "who": "Lambeth Police", "role": "write" }]);
    let id = share(brixton, 0, &json!({ "kind": "bulletin", "fields": bulletin("One"), "to": to }), "issue", "issued", ledger);
    for node in [kennington, police] {
        node.until_document(&id, "got the bulletin", |document| document.state == "issued");
    }
    update(police, 2, &id, "Two", ledger);
    respond(kennington, 1, &id, "One on Kennington Road.", ledger);
    brixton.until_document(&id, "got the update", |document| first(document, "headline") == "Two");
    update(brixton, 0, &id, "Three", ledger);
    let note =
        json!({ "kind": "note", "fields": { "subject": "Lamps", "text": "Who maintains them?" }, "to": [{ "who": "Lambeth Police" }] });
    let note = share(brixton, 0, &note, "send", "sent", ledger);
    police.until_document(&note, "got the note", |document| document.state == "sent");
    let answered = |document: &Document| document.state == "answered";
    let answer = || police.step(&note, "answer", &json!({ "text": "The council." }));
    insist(police, "answer", answer, || police.document(&note).ok().filter(answered));
    ledger.acknowledged(2, "an answer", has(&note, "answered", |document| document.state == "answered" || document.state == "closed"));
    let read = |document: &Document| first(document, "headline") == "Three";
    kennington.until_document(&id, "got the third version", read);
    let gone = |document: &Document| !document.readers.iter().any(|reader| reader.who.to_string() == "Kennington CSU");
    let path = format!("/documents/{id}/revocations");
    let revoke = || brixton.post::<Value>(&path, &json!({ "who": "Kennington CSU" })).map(|_| ());
    insist(brixton, "revoke", revoke, || brixton.document(&id).ok().filter(gone).map(|_| ()));
    ledger.acknowledged(0, "a revocation", has(&id, "without Kennington", gone));
    kennington.until_document(&id, "lost its role", |document| document.access == AccessLevel::Former);
    update(brixton, 0, &id, "Four, not for Kennington", ledger);
    let withdrawn = |document: &Document| document.state == "withdrawn";
    let withdraw = || brixton.step(&id, "withdraw", &json!({ "reason": "no-longer-needed" }));
    insist(brixton, "withdraw", withdraw, || brixton.document(&id).ok().filter(withdrawn));
    ledger.acknowledged(0, "a withdrawal", has(&id, "withdrawn", withdrawn));
    (id, note)
}

fn check_converged(nodes: &[Node], bulletin: &str, note: &str) {
    let (brixton, kennington, police) = (&nodes[0], &nodes[1], &nodes[2]);
    for document in [bulletin, note] {
        // Both are asked each time: what one acknowledged may still be on its way to the other.
        police.until("had the same as Brixton CSU", |police| {
            let (there, found) = (brixton.document(document).ok()?, police.document(document).ok()?);
            let same = (&found.heads, &found.state, &found.fields, found.responses.len())
                == (&there.heads, &there.state, &there.fields, there.responses.len());
            same.then_some(())
        });
    }
    assert_eq!(first(&police.document(bulletin).unwrap(), "headline"), "Four, not for Kennington");
    let former = kennington.until_document(bulletin, "saw it withdrawn", |document| document.state == "withdrawn");
    check_former(kennington, &former, "Three", "not for Kennington");
    assert!(kennington.document(note).is_err(), "a note between two others");
}

/// A former reader has the withdrawal and its reason, and nothing of what came later.
fn check_former(node: &Node, document: &Document, last: &str, secret: &str) {
    let withdrawn = document.withdrawn.as_ref().unwrap();
    assert_eq!((withdrawn.reason.as_str(), withdrawn.by.name.as_str()), ("no-longer-needed", "Brixton CSU"));
    assert_eq!(first(document, "headline"), last);
    let id = document.id.unwrap().to_string();
    for path in [
        format!("/documents/{id}"),
        format!("/documents/{id}/history"),
        format!("/documents/{id}/export?format=json"),
        "/log".into(),
        "/documents".into(),
    ] {
        let whole: Value = node.get(&path).unwrap();
        assert!(!whole.to_string().contains(secret), "{path} shows the later revision: {whole}");
    }
    let cancel = node.csu(&["export", &id, "--format", "cap"]).good().stdout;
    assert!(cancel.contains("<msgType>Cancel</msgType>") && !cancel.contains(secret), "{cancel}");
    // Not even sealed: what it holds of the content is what it held when its role ended.
    let history = node.history(&id).unwrap();
    let revisions = history.iter().filter(|line| line.kind.as_str() == "revision");
    assert!(revisions.clone().all(|line| line.at.is_some()), "it holds a revision that it cannot read: {history:?}");
}

fn play(seed_of: &str, kills: u64) {
    let mut dice = Dice::printed(seed_of);
    let nodes =
        [("Brixton CSU", "union"), ("Kennington CSU", "union"), ("Lambeth Police", "police")].map(|(name, kind)| Node::started(name, kind));
    let (ledger, over) = (Ledger::default(), AtomicBool::new(false));
    let mut killed = [0; 3];
    let (id, note) = std::thread::scope(|scope| {
        let script = std::thread::Builder::new().name("script".into()).spawn_scoped(scope, || {
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| exchange(&nodes, &ledger)));
            over.store(true, Ordering::SeqCst);
            outcome
        });
        let script = script.unwrap();
        for _ in 0..kills {
            let wait = Duration::from_millis(dice.below(350) as u64);
            let until = Instant::now() + wait;
            while Instant::now() < until && !over.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
            }
            let index = dice.below(3);
            crash(&nodes, index, &ledger);
            killed[index] += 1;
        }
        match script.join().unwrap() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    });
    println!("killed {killed:?}; {} acknowledgements", ledger.len());
    check_converged(&nodes, &id, &note);
    for (index, node) in nodes.iter().enumerate() {
        ledger.audit(index, node);
        assert!(!node.has_ended(), "{} ended by itself\n{}", node.name(), node.tail());
    }
}

#[test]
fn whichever_nodes_are_killed_at_whatever_moments_of_the_exchange_nothing_acknowledged_is_lost_and_all_converge() {
    play("killed at random moments", 6);
}

#[test]
fn the_same_holds_for_other_moments() {
    play("killed at other moments", 6);
}

#[test]
fn updates_acknowledged_under_load_survive_kill_after_kill_and_reach_the_neighbour() {
    let mut dice = Dice::printed("killed under load");
    let nodes = town::two();
    let brixton = &nodes[0];
    let ids: Vec<String> = (0..3).map(|_| town::issue(brixton, "0", &[("Kennington CSU", "read")])).collect();
    let over = AtomicBool::new(false);
    let counts: Vec<u64> = std::thread::scope(|scope| {
        let write = |id: &String| {
            let (id, over) = (id.clone(), &over);
            scope.spawn(move || {
                let mut acknowledged = 0;
                while !over.load(Ordering::SeqCst) {
                    let body = json!({ "assign": [format!("headline={}", acknowledged + 1)] });
                    match brixton.step(&id, "update", &body) {
                        Ok(_) => acknowledged += 1,
                        Err(error) if refusal(&error) => {
                            // It was done before the node died, and not acknowledged: then nothing is left to change.
                            let Ok(document) = brixton.document(&id) else { continue };
                            assert_eq!(first(&document, "headline"), (acknowledged + 1).to_string(), "{error}");
                            acknowledged += 1;
                        }
                        Err(_) => std::thread::sleep(Duration::from_millis(5)),
                    }
                }
                acknowledged
            })
        };
        let writers: Vec<_> = ids.iter().map(write).collect();
        for round in 0..8_usize {
            std::thread::sleep(Duration::from_millis(40 + dice.below(200) as u64));
            nodes[usize::from(round % 4 == 3)].kill();
            nodes[usize::from(round % 4 == 3)].up();
        }
        over.store(true, Ordering::SeqCst);
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    println!("{counts:?} updates");
    assert!(counts.iter().all(|count| *count > 8), "there was no load: {counts:?}");
    for (id, count) in ids.iter().zip(counts) {
        let kept = brixton.document(id).unwrap();
        let at: u64 = first(&kept, "headline").parse().unwrap();
        // One more may have been done and not acknowledged.
        assert!(at == count || at == count + 1, "{count} were acknowledged, and it is at {at}");
        let there = nodes[1].until_document(id, "had the last update", |document| document.heads == kept.heads);
        assert_eq!(there.fields, kept.fields);
        assert!(kept.forks.is_empty(), "{:?}", kept.forks);
    }
}

#[test]
fn a_node_that_was_off_for_the_whole_exchange_catches_up_and_the_logs_name_what_was_disclosed() {
    let nodes = town::three();
    let [brixton, kennington, police] = &nodes;
    assert!(police.terminate().success());
    let ledger = Ledger::default();
    let to = json!([{ "who": "Kennington CSU", "role": "write" }, { "who": "Lambeth Police", "role": "read" }]);
    let id = share(brixton, 0, &json!({ "kind": "bulletin", "fields": bulletin("One"), "to": to }), "issue", "issued", &ledger);
    kennington.until_document(&id, "got the bulletin", |document| document.state == "issued");
    update(kennington, 1, &id, "Two", &ledger);
    respond(kennington, 1, &id, "Here too.", &ledger);
    brixton.until_document(&id, "got the response", |document| document.responses.len() == 1 && first(document, "headline") == "Two");
    // The author is off when the reader comes back: what it has by now it has from a neighbour who may hold it too.
    assert!(brixton.terminate().success());
    let begun = Instant::now();
    police.up();
    let found = police.until_document(&id, "caught up", |document| first(document, "headline") == "Two" && document.responses.len() == 1);
    println!("caught up {} ms after its start", begun.elapsed().as_millis());
    assert_eq!(found.heads, kennington.document(&id).unwrap().heads);
    assert_eq!(found.owner.name, "Brixton CSU");
    let lines = kennington.acts(&format!("?document={id}&verb=disclosure")).unwrap();
    for what in ["sealed content", "who may do what"] {
        let told = lines.iter().any(|line| line.to.as_deref() == Some("Lambeth Police") && line.detail.contains(what));
        assert!(told, "{what}: {lines:?}");
    }
    let lines = police.acts(&format!("?document={id}&verb=collection")).unwrap();
    assert!(lines.iter().any(|line| line.who == "Kennington CSU"), "{lines:?}");
    brixton.up();
    let lines = brixton.acts(&format!("?document={id}&verb=disclosure")).unwrap();
    assert!(lines.iter().any(|line| line.to.as_deref() == Some("Kennington CSU")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.to.as_deref() == Some("Lambeth Police")), "they were never connected since: {lines:?}");
}

#[test]
fn a_former_reader_sees_the_withdrawal_and_nothing_of_a_later_revision() {
    let nodes = town::three();
    let [brixton, kennington, police] = &nodes;
    let id = town::issue(brixton, "Three", &[("Kennington CSU", "read"), ("Lambeth Police", "read")]);
    kennington.until_document(&id, "got the bulletin", |document| document.state == "issued");
    brixton.post::<Value>(&format!("/documents/{id}/revocations"), &json!({ "who": "Kennington CSU" })).unwrap();
    kennington.until_document(&id, "lost its role", |document| document.access == AccessLevel::Former);
    let secret = "Arrest planned on Thursday";
    brixton.step(&id, "update", &json!({ "assign": [format!("headline={secret}")] })).unwrap();
    police.until_document(&id, "got the later revision", |document| first(document, "headline") == secret);
    // It comes back with nobody but the police there, who hold the later revision and may not give it.
    kennington.kill();
    brixton.step(&id, "withdraw", &json!({ "reason": "no-longer-needed" })).unwrap();
    police.until_document(&id, "saw the withdrawal", |document| document.state == "withdrawn");
    assert!(brixton.terminate().success());
    kennington.up();
    town::until_connected(kennington, police);
    let former = kennington.until_document(&id, "saw it withdrawn", |document| document.state == "withdrawn");
    check_former(kennington, &former, "Three", secret);
    kennington.csu(&["bulletin", "update", &id, "headline=x"]).refused(&[]);
    kennington.csu(&["respond", &id, "acknowledge"]).refused(&["no role any more"]);
    assert!(kennington.terminate().success());
    for file in std::fs::read_dir(kennington.data()).unwrap().map(Result::unwrap).filter(|file| file.path().is_file()) {
        let bytes = std::fs::read(file.path()).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{:?} holds it", file.path());
    }
}

#[test]
fn a_data_folder_has_one_node_at_a_time() {
    let node = Node::started("Brixton CSU", "union");
    node.up_refused().refused(&["another csu works on", "process", "--data"]);
    node.get::<Status>("/status").expect("the first goes on");
    let other = Node::new("Kennington CSU", "union");
    std::fs::write(other.data().join("csu.toml"), format!("socket = {:?}\n", node.data().join("csu.sock"))).unwrap();
    other.up_refused().refused(&["answers on", "csu.toml"]);
    node.get::<Status>("/status").expect("the first goes on");
    node.kill();
    node.up();
}

#[test]
fn a_stop_in_good_order_needs_no_check_and_any_other_gets_one() {
    let node = Node::started("Brixton CSU", "union");
    let unclean = "the last stop was not in good order";
    let id = town::issue(&node, "One", &[]);
    assert!(node.terminate().success(), "{}", node.tail());
    assert!(!node.data().join("csu.sock").exists(), "the socket stayed");
    node.csu(&["status"]).refused(&["not running", "csu up"]);
    node.up();
    assert!(!node.log_text().contains(unclean), "{}", node.tail());
    node.until("checked itself in the background", |node| {
        let status: Status = node.get("/status").ok()?;
        (status.integrity.result == IntegrityResult::Ok && status.integrity.checked.is_some()).then_some(())
    });
    node.kill();
    node.csu(&["status"]).refused(&["not running", "csu up"]);
    node.up();
    assert!(node.log_text().contains(unclean), "{}", node.tail());
    assert_eq!(node.get::<Status>("/status").unwrap().integrity.result, IntegrityResult::Ok);
    assert_eq!(first(&node.document(&id).unwrap(), "headline"), "One");
    node.csu(&["down"]).good();
    node.until("ended", |node| node.has_ended().then_some(()));
    assert_eq!(node.log_text().matches("The node has stopped.").count(), 2);
    node.up();
    assert_eq!(node.log_text().matches(unclean).count(), 1);
}
