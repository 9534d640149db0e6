//! A server is stolen: the organisation comes back from a backup, or from its neighbours alone, and the thief's device is worth
//! nothing from then on.

use csu_node::desk::{AccessLevel, Check, Document, DocumentsPage, EntryKind, ErasureView, LogLine, Status};
use csu_node::keys::Keys;
use csu_protocol::author::{self, Acting};
use csu_protocol::entropy::Entropy;
use csu_protocol::entry::{Body, Grant, Plane, Principal, Reason, Role, Signer, Subject, VerifiedEntry};
use csu_protocol::id::{DeviceId, DocumentId, EntryId, OrganisationId};
use csu_protocol::identity::{Name, OrganisationKind, RecoveryPhrase, SignedCard, Ticket};
use csu_protocol::time::Timestamp;
use csu_protocol::wire::Message;
use csu_tests::node::{Node, Ran, files};
use csu_tests::stranger::{Said, Stranger, View, ticket};
use csu_tests::town::{self, first, issue};
use rusqlite::OpenFlags;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::task::block_in_place;

/// How long a peer says nothing more, if it has nothing more to say.
const QUIET: Duration = Duration::from_millis(600);

/// Restores `lost` on another machine.
#[track_caller]
fn restore(lost: &Node, machine: &Node, line: &[&str]) -> Ran {
    let listen = format!("/ip4/127.0.0.1/tcp/{0},/ip4/127.0.0.1/udp/{0}/quic-v1", machine.port());
    let phrase = lost.phrase_file();
    let line: Vec<&str> = ["restore"].iter().chain(line).copied().chain(["--phrase-file", &phrase]).collect();
    machine.csu_with(&line, &[("CSU_LISTEN", &listen), ("CSU_MDNS", "false")])
}

fn backup(node: &Node, name: &str) -> String {
    let file = node.outside(name).to_str().unwrap().to_owned();
    node.csu(&["backup", &file]).good();
    file
}

fn holds(node: &Node, words: &str) -> bool {
    files(node.data()).iter().any(|file| std::fs::read(file).is_ok_and(|all| memchr::memmem::find(&all, words.as_bytes()).is_some()))
}

fn device(node: &Node) -> DeviceId {
    node.get::<Status>("/status").unwrap().device
}

/// Everybody's list of this node's documents, by title and state.
fn listed(node: &Node) -> Vec<(String, String)> {
    let page: DocumentsPage = node.get("/documents").unwrap();
    let mut lines: Vec<(String, String)> = page.items.into_iter().map(|line| (line.title, line.state)).collect();
    lines.sort();
    lines
}

/// Somebody who runs the stolen device with a program of their own.
async fn thief(stolen: &Keys) -> Stranger {
    let mut thief = Stranger::with_keys([0x66; 32], **stolen.seed(), "Brixton CSU").await;
    thief.card = stolen.card().clone();
    thief
}

/// Documents before the theft, as Brixton names them.
struct Documents {
    warning: String,
    gone: String,
    theirs: String,
}

fn begin(brixton: &Node, kennington: &Node, more: &[(&str, &str)]) -> Documents {
    let readers = [&[("Kennington CSU", "write"), ("Lambeth Police", "read")], more].concat();
    let warning = issue(brixton, "Burglaries", &readers);
    let gone = issue(brixton, "Quillonbury", &[("Kennington CSU", "read")]);
    issue(brixton, "Ours alone", &[]);
    let theirs = issue(kennington, "Sheds", &[("Brixton CSU", "write")]);
    let body = json!({ "kind": "guide", "fields": { "title": "Half a guide" } });
    brixton.post::<Document>("/documents", &body).unwrap();
    brixton.until_document(&theirs, "got it", |document| document.state == "issued");
    kennington.until_document(&gone, "got it", |document| document.state == "issued");
    brixton.csu(&["respond", &theirs, "comment", "--text", "Here as well."]).good();
    kennington.until_document(&theirs, "heard it", |document| document.responses.len() == 1);
    Documents { warning, gone, theirs }
}

/// What happens between the backup and the theft.
fn go_on(brixton: &Node, kennington: &Node, police: &Node, documents: &Documents) -> String {
    brixton.step(&documents.warning, "update", &json!({ "assign": ["headline=Burglaries go on"] })).unwrap();
    let late = issue(brixton, "After the backup", &[("Lambeth Police", "read")]);
    police.until_document(&late, "got it", |document| document.state == "issued");
    for node in [kennington, police] {
        node.until_document(&documents.warning, "got the update", |document| first(document, "headline") == "Burglaries go on");
    }
    brixton.csu(&["erase", &documents.gone, "--why", "consent-withdrawn", "--yes"]).good();
    brixton.until("saw it confirmed", |node| {
        let view: ErasureView = node.get(&format!("/documents/{}/erasure", documents.gone)).ok()?;
        (view.outstanding == 0).then_some(())
    });
    late
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::too_many_lines, reason = "one theft, in order")]
async fn a_stolen_server_is_replaced_from_a_backup_and_what_the_thief_signs_counts_nowhere() {
    let [brixton, kennington, police] = block_in_place(town::three);
    let mut accomplice = Stranger::new(111, "Accomplice").await;
    accomplice.pair(&brixton).await;
    let documents = block_in_place(|| begin(&brixton, &kennington, &[("Accomplice", "read")]));
    let file = block_in_place(|| backup(&brixton, "night.csu-backup"));
    let late = block_in_place(|| go_on(&brixton, &kennington, &police, &documents));
    let warning: DocumentId = documents.warning.parse().unwrap();
    accomplice.listen_until("got the update", |peer| (peer.record().count(&warning, Plane::Content) >= 3).then_some(())).await;
    accomplice.listen(QUIET).await;
    accomplice.hang_up().await;
    let before = accomplice.view(&warning);
    let stolen = block_in_place(|| {
        assert!(brixton.terminate().success());
        Keys::load(brixton.data(), None).unwrap()
    });
    let us = stolen.card().card().organisation;

    // On a new machine, with the file and the phrase.
    let machine = Node::on_new_machine("Brixton CSU");
    let said = block_in_place(|| restore(&brixton, &machine, &[&file, "--without", "Accomplice"]).good().stdout);
    for words in ["all that it holds is here", "disowning the lost device", "Restored.", "csu up"] {
        assert!(said.contains(words), "no '{words}' in {said}");
    }
    // What it signed after the backup is named before the root key speaks.
    let (told, spoken) = (said.find("After the backup the lost device signed"), said.find("disowning the lost device"));
    assert!(told.is_some() && told < spoken, "{said}");
    for words in ["bulletin \"Burglaries go on\": 1\n", "bulletin \"After the backup\": "] {
        assert!(said.contains(words), "no '{words}' in {said}");
    }
    block_in_place(|| {
        machine.up();
        for node in [&kennington, &police] {
            town::until_connected(node, &machine);
        }
        let shown = machine.document(&documents.warning).unwrap();
        assert_eq!((first(&shown, "headline"), shown.state.as_str(), shown.access), ("Burglaries go on", "updated", AccessLevel::Owner));
        assert_eq!(machine.document(&late).unwrap().title, "After the backup");
        assert_eq!(machine.document(&documents.theirs).unwrap().responses.len(), 1);
        let mut titles: Vec<String> = listed(&machine).into_iter().map(|(title, _)| title).collect();
        titles.retain(|title| !title.is_empty());
        assert_eq!(titles, ["After the backup", "Burglaries go on", "Half a guide", "Ours alone", "Sheds"]);
        // What was erased after the backup does not come back with it.
        machine.csu(&["bulletin", "show", &documents.gone]).refused(&["erased by Brixton CSU"]);
        machine.until("destroyed it", |node| (!holds(node, "Quillonbury")).then_some(()));
        // Its neighbours lost nothing, and both sides go on.
        for node in [&kennington, &police] {
            let shown = node.document(&documents.warning).unwrap();
            assert_eq!((shown.state.as_str(), shown.problems.len()), ("updated", 0), "{shown:?}");
        }
        kennington.step(&documents.warning, "update", &json!({ "assign": ["note=Sheds too."] })).unwrap();
        machine.until_document(&documents.warning, "got Kennington's note", |document| document.fields.contains_key("note"));
        machine.step(&documents.warning, "update", &json!({ "assign": ["headline=Burglaries end"] })).unwrap();
        for node in [&kennington, &police] {
            node.until_document(&documents.warning, "got the restored node's update", |document| {
                first(document, "headline") == "Burglaries end"
            });
        }
    });

    // The original lives: it is told, ends, and does not start again.
    block_in_place(|| {
        brixton.up();
        brixton.until("ended", |node| node.has_ended().then_some(()));
        assert!(brixton.log_text().contains("restored on another device"), "{}", brixton.tail());
        brixton.kill();
        let _ = brixton.up_refused().refused(&["restored on another device"]);
        for node in [&kennington, &police] {
            town::until_connected(node, &machine);
            let acts = node.acts("?verb=network").unwrap();
            assert!(acts.iter().any(|line| line.detail.contains("acts through another device now")), "{acts:?}");
        }
    });

    // A program that does not end: the stolen device hears of the card that replaced it, and of nothing else.
    let mut thief = thief(&stolen).await;
    let door = ticket(&kennington);
    for _ in 0..3 {
        thief.try_connect(&door).await;
        if thief.is_connected() {
            thief.say(&thief.hello(true));
            thief.listen(QUIET).await;
        }
    }
    assert!(!thief.is_connected() || thief.hang_ups() > 0, "the stolen device is let in");
    thief.leave().await;
    assert!(thief.record().messages().all(|message| matches!(message, Message::Cards(_))), "{:?}", thief.record());

    // What it signs from now on, passed on by somebody who is let in: a document of its own; a withdrawal and a revocation of the new
    // device, both as if from before; and a withdrawal in a document that was begun since.
    accomplice.come_back(&machine).await;
    accomplice.listen(QUIET).await;
    let fresh = block_in_place(|| issue(&machine, "Since the theft", &[("Kennington CSU", "read"), ("Accomplice", "read")]));
    let fresh_id: DocumentId = fresh.parse().unwrap();
    accomplice.listen_until("got the new one", |peer| (peer.record().count(&fresh_id, Plane::Content) >= 2).then_some(())).await;
    // As if it had seen nothing but the beginning: it was told that it may not act there.
    let mut since = View { directory: accomplice.view(&fresh_id).directory, ..View::default() };
    since.add(accomplice.record().entries().into_values().find(|entry| EntryId::from(fresh_id) == entry.id()).unwrap());
    let signer = Signer::Device(stolen.device());
    let mut entropy = Entropy::from_seed([9; 32]);
    let kennington_id: OrganisationId = block_in_place(|| kennington.get::<Status>("/status").unwrap().organisation.id);
    let grant = Grant { subject: Subject::Organisation(kennington_id), role: Role::Read, until: None };
    let forged = author::genesis(us, signer, vec![grant], &mut entropy).unwrap();
    let new_device = block_in_place(|| device(&machine));
    let control = |access: &csu_protocol::access::Access, body: Body| {
        let under = access.document().map(Into::into);
        author::control(access, &Acting { organisation: us, signer, under }, body).unwrap()
    };
    let attacks: Vec<(DocumentId, VerifiedEntry)> = vec![
        (forged.document(), forged.clone()),
        (warning, control(&before.access, Body::Withdraw { reason: Reason::Legal })),
        (warning, control(&before.access, Body::Revoke { principal: Principal::Device(new_device), keep: Vec::new() })),
        (fresh_id, control(&since.access, Body::Withdraw { reason: Reason::Legal })),
    ];
    for (at, node) in [&machine, &kennington].into_iter().enumerate() {
        if at > 0 {
            accomplice.hang_up().await;
            accomplice.pair(node).await;
        }
        for (document, entry) in &attacks {
            let plane = Plane::Control;
            let entries = vec![entry.clone().into_signed()];
            let said: Said = Message::Entries { document: *document, plane, entries };
            assert!(accomplice.say_when_taken(&said).await, "the accomplice was turned away before it had said all");
        }
        accomplice.listen(QUIET).await;
    }
    block_in_place(|| {
        for node in [&machine, &kennington, &police] {
            assert!(node.document(&forged.document().to_string()).is_err(), "{} took a thief's document", node.name());
            let shown = node.document(&documents.warning).unwrap();
            assert!(shown.withdrawn.is_none(), "{} lets a thief withdraw", node.name());
        }
        for node in [&machine, &kennington] {
            // What came is kept as evidence, and does nothing.
            node.until("kept what the thief signed", |node| {
                let history = node.history(&fresh).ok()?;
                let signed = history.iter().filter(|line| line.kind == EntryKind::Withdraw).collect::<Vec<_>>();
                assert!(signed.iter().all(|line| !line.counts), "{history:?}");
                (!signed.is_empty()).then_some(())
            });
            assert!(node.document(&fresh).unwrap().withdrawn.is_none(), "{} lets a thief withdraw a new document", node.name());
        }
        // It cannot undo that either: the new device still acts.
        for (id, headline) in [(&documents.warning, "headline=Ours still"), (&fresh, "headline=Ours too")] {
            machine.step(id, "update", &json!({ "assign": [headline] })).unwrap();
            kennington.until_document(id, "follows the new device", |document| headline.ends_with(first(document, "headline")));
        }
    });
}

/// Whether a node says that its lost device may still act somewhere.
fn warns_of_lost_device(node: &Node) -> bool {
    let checks: Vec<Check> = node.get("/doctor").unwrap();
    checks.iter().any(|check| check.name == "lost device" && !check.ok)
}

/// Lets a node that is off believe that it heard an hour earlier of which devices were replaced. Of how many it has.
fn an_hour_passes(node: &Node) -> usize {
    let database = rusqlite::Connection::open(node.data().join("node.sqlite")).unwrap();
    database
        .execute("UPDATE meta SET value = CAST(value AS INTEGER) - 3600000 WHERE name LIKE 'replaced %' AND value NOT IN ('', 'done')", [])
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_document_that_comes_after_the_restore_whoever_gave_the_role_ends_the_lost_devices_say() {
    let [brixton, kennington] = block_in_place(town::two);
    let mut accomplice = Stranger::new(111, "Accomplice").await;
    accomplice.pair(&kennington).await;
    let file = block_in_place(|| backup(&brixton, "night.csu-backup"));
    let stolen = block_in_place(|| {
        assert!(brixton.terminate().success());
        Keys::load(brixton.data(), None).unwrap()
    });
    let late = block_in_place(|| {
        let to = json!([{ "who": "Brixton CSU", "role": "admin" }, { "who": "Accomplice", "role": "read" }]);
        let body = json!({ "kind": "bulletin", "fields": town::bulletin("Given too late"), "to": to, "marking": "GREEN" });
        let draft: Document = kennington.post("/documents", &body).unwrap();
        kennington.step(&draft.reference, "issue", &json!({})).unwrap().id.unwrap().to_string()
    });
    let late_id: DocumentId = late.parse().unwrap();
    accomplice.listen_until("got it", |peer| (peer.record().count(&late_id, Plane::Content) >= 2).then_some(())).await;
    accomplice.hang_up().await;
    let before = accomplice.view(&late_id);

    // Kennington is away while Brixton comes back, and brings the document afterwards.
    let machine = Node::on_new_machine("Brixton CSU");
    block_in_place(|| {
        assert!(kennington.terminate().success());
        restore(&brixton, &machine, &[&file, "--without", "Kennington CSU"]).good();
        machine.up();
        assert!(!warns_of_lost_device(&machine));
        kennington.up();
        machine.until_document(&late, "got it", |document| document.state == "issued");
        machine.until("says where its lost device may act", |node| warns_of_lost_device(node).then_some(()));
        assert!(kennington.terminate().success());
        assert_eq!(an_hour_passes(&kennington), 1);
        kennington.up();
        machine.until("heard Kennington's word", |node| (!warns_of_lost_device(node)).then_some(()));
        let acts = kennington.acts("?verb=access").unwrap();
        let said = |line: &&LogLine| line.detail.contains("has no say in it from here on");
        assert_eq!(acts.iter().filter(said).count(), 1, "{acts:?}");
    });

    // As if from before, passed on by somebody who is let in.
    let acting = Acting {
        organisation: stolen.card().card().organisation,
        signer: Signer::Device(stolen.device()),
        under: before.access.document().map(Into::into),
    };
    let withdrawal = author::control(&before.access, &acting, Body::Withdraw { reason: Reason::Legal }).unwrap();
    accomplice.come_back(&kennington).await;
    let said: Said = Message::Entries { document: late_id, plane: Plane::Control, entries: vec![withdrawal.into_signed()] };
    assert!(accomplice.say_when_taken(&said).await, "the accomplice was turned away");
    accomplice.listen(QUIET).await;
    block_in_place(|| {
        for node in [&kennington, &machine] {
            node.until("keeps what the thief signed as evidence", |node| {
                let history = node.history(&late).ok()?;
                let signed: Vec<_> = history.iter().filter(|line| line.kind == EntryKind::Withdraw).collect();
                assert!(signed.iter().all(|line| !line.counts), "{history:?}");
                (!signed.is_empty()).then_some(())
            });
            assert!(node.document(&late).unwrap().withdrawn.is_none(), "{} lets a thief withdraw", node.name());
        }
        // The device that acts now is heard.
        machine.step(&late, "update", &json!({ "assign": ["headline=Ours still"] })).unwrap();
        kennington.until_document(&late, "follows the new device", |document| first(document, "headline") == "Ours still");
    });
}

#[test]
fn a_document_that_only_an_absent_neighbour_could_vouch_for_stays_silent_until_it_is_back() {
    let [brixton, _kennington, police] = town::three();
    let shared = issue(&brixton, "For both", &[("Kennington CSU", "read"), ("Lambeth Police", "read")]);
    let only = issue(&brixton, "For the police", &[("Lambeth Police", "read")]);
    let gone = issue(&brixton, "Quillonbury", &[("Lambeth Police", "read")]);
    let spared = issue(&brixton, "Needed after all", &[("Lambeth Police", "read")]);
    for id in [&shared, &only, &gone, &spared] {
        police.until_document(id, "got it", |document| document.state == "issued");
    }
    let file = backup(&brixton, "night.csu-backup");
    for id in [&gone, &spared] {
        brixton.csu(&["erase", id, "--why", "consent-withdrawn", "--yes"]).good();
    }
    police.until("obeyed", |node| (!holds(node, "Quillonbury")).then_some(()));
    assert!(brixton.terminate().success());
    assert!(police.terminate().success());

    let machine = Node::on_new_machine("Brixton CSU");
    let said = restore(&brixton, &machine, &[&file, "--without", "Lambeth Police"]).good().stdout;
    assert!(said.contains("not waited for") && said.contains("3 of them came from the backup and are not shown"), "{said}");
    machine.up();
    assert_eq!(machine.document(&shared).unwrap().title, "For both");
    for id in [&only, &gone, &spared] {
        for line in [vec!["bulletin", "show", id], vec!["export", id], vec!["bulletin", "update", id, "headline=New"]] {
            machine.csu(&line).refused(&["backup", "neighbour"]);
        }
    }
    assert_eq!(listed(&machine).into_iter().map(|(title, _)| title).filter(|title| !title.is_empty()).collect::<Vec<_>>(), ["For both"]);
    let status = machine.csu(&["status"]).good().stdout;
    assert!(status.contains("3 documents"), "{status}");
    police.up();
    machine.until_document(&only, "speaks again", |document| document.title == "For the police");
    // The lost device's orders to erase were not known when it was disowned, and whether a thief gave them nobody knows but people.
    for id in [&gone, &spared] {
        machine.until("heard of the order", |node| node.csu(&["bulletin", "show", id]).stderr.contains("csu erase keep").then_some(()));
        machine.csu(&["export", id]).refused(&["the lost device had document", "--why"]);
    }
    let doctor = machine.csu(&["doctor"]).stdout;
    assert!(doctor.contains(&gone[..10]) && doctor.contains(&spared[..10]) && doctor.contains("csu erase keep"), "{doctor}");
    machine.csu(&["erase", &gone, "--why", "consent-withdrawn", "--yes"]).good();
    machine.until("destroyed it", |node| (!holds(node, "Quillonbury")).then_some(()));
    let kept = machine.csu(&["erase", "keep", &spared]).good().stdout;
    assert!(kept.contains("Needed after all"), "{kept}");
    assert_eq!(machine.document(&spared).unwrap().title, "Needed after all");
    machine.csu(&["erase", "keep", &spared]).refused(&["nothing was ordered"]);
    let doctor = machine.csu(&["doctor"]).stdout;
    assert!(!doctor.contains("lost device"), "{doctor}");
    machine.step(&only, "update", &json!({ "assign": ["headline=Again"] })).unwrap();
    police.until_document(&only, "follows", |document| first(document, "headline") == "Again");
}

#[test]
fn the_phrase_alone_brings_back_what_the_neighbours_hold() {
    let [brixton, kennington, police] = town::three();
    let documents = begin(&brixton, &kennington, &[]);
    let shared = issue(&brixton, "For both", &[("Kennington CSU", "read"), ("Lambeth Police", "read")]);
    for node in [&kennington, &police] {
        node.until_document(&shared, "got it", |document| document.state == "issued");
    }
    assert!(brixton.terminate().success());

    let machine = Node::on_new_machine("Brixton CSU");
    restore(&brixton, &machine, &["--name", "Brixton CSU", "--kind", "union"]).refused(&["--ticket"]);
    let tickets: Vec<String> = [&kennington, &police]
        .map(|node| node.post::<Value>("/invitations", &json!({})).unwrap()["ticket"].as_str().unwrap().to_owned())
        .to_vec();
    let line = ["--name", "Brixton CSU", "--kind", "union", "--ticket", &tickets[0], "--ticket", &tickets[1]];
    let said = std::thread::scope(|scope| {
        let restoring = scope.spawn(|| restore(&brixton, &machine, &line).good().stdout);
        for node in [&kennington, &police] {
            let peer = machine.until("saw a security number", |machine| machine.peer(node.name()).filter(|peer| peer.number.is_some()));
            let theirs = node.until("shows the same", |node| node.peer("Brixton CSU").filter(|theirs| theirs.number == peer.number));
            machine.csu(&["peer", "confirm", node.name(), "--number", &theirs.number.unwrap()]).good();
        }
        restoring.join().unwrap()
    });
    assert!(said.contains("Restored."), "{said}");
    machine.up();
    for id in [&documents.warning, &documents.theirs, &shared] {
        assert!(!machine.document(id).unwrap().title.is_empty());
    }
    assert_eq!(machine.document(&shared).unwrap().access, AccessLevel::Owner);
    machine.step(&shared, "update", &json!({ "assign": ["headline=Again"] })).unwrap();
    for node in [&kennington, &police] {
        node.until_document(&shared, "follows", |document| first(document, "headline") == "Again");
    }
    // What was shared with nobody is gone with the server.
    assert!(!listed(&machine).iter().any(|(title, _)| title == "Ours alone"));
    brixton.up();
    brixton.until("ended", |node| node.has_ended().then_some(()));
    brixton.kill();
}

#[test]
fn a_restore_that_is_killed_again_and_again_is_taken_up_where_it_was() {
    let [brixton, kennington] = town::two();
    let ids: Vec<String> = (0..40).map(|at| issue(&brixton, &format!("Shed {at}"), &[("Kennington CSU", "read")])).collect();
    let file = backup(&brixton, "night.csu-backup");
    let late = issue(&brixton, "After the backup", &[("Kennington CSU", "read")]);
    kennington.until_document(&late, "got it", |document| document.state == "issued");
    assert!(brixton.terminate().success());
    let machine = Node::on_new_machine("Brixton CSU");
    let mut finished = false;
    for round in 0..25_u64 {
        // Later each time, so that the strokes fall everywhere.
        let line: &[&str] = if Keys::exist(machine.data()) { &["--resume"] } else { &[&file] };
        if is_under_way(&machine) {
            let _ = machine.up_refused().refused(&["csu restore --resume"]);
        }
        finished = restore_and_kill(&brixton, &machine, line, Duration::from_millis(20 * round));
        if finished {
            println!("finished in round {round}");
            break;
        }
    }
    if !finished {
        restore(&brixton, &machine, &["--resume"]).good();
    }
    machine.up();
    town::until_connected(&kennington, &machine);
    for id in ids.iter().chain([&late]) {
        assert_eq!(machine.document(id).unwrap().access, AccessLevel::Owner);
        // One word of the root key in each, however often it was begun.
        let history = machine.history(id).unwrap();
        let revoked = history.iter().filter(|line| line.kind == EntryKind::Revoke).count();
        assert_eq!(revoked, 1, "{history:?}");
    }
}

/// Whether a machine's database says that it is being restored.
fn is_under_way(machine: &Node) -> bool {
    let Ok(database) = rusqlite::Connection::open_with_flags(machine.data().join("node.sqlite"), OpenFlags::SQLITE_OPEN_READ_ONLY) else {
        return false;
    };
    let state = database.query_row("SELECT value FROM meta WHERE name = 'recovery'", [], |row| row.get::<_, String>(0));
    state.is_ok_and(|state| state == "under way")
}

/// Runs a restore and kills it (-9) after a while. Whether it came to its end before.
fn restore_and_kill(lost: &Node, machine: &Node, line: &[&str], after: Duration) -> bool {
    let mut csu = csu_tests::node::command();
    let listen = format!("/ip4/127.0.0.1/tcp/{0},/ip4/127.0.0.1/udp/{0}/quic-v1", machine.port());
    csu.arg("--data").arg(machine.data()).arg("restore").args(line).args(["--phrase-file", &lost.phrase_file()]);
    csu.envs([("CSU_LISTEN", listen.as_str()), ("CSU_MDNS", "false")]);
    let quiet = std::process::Stdio::null;
    let mut child = csu.stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn().unwrap();
    std::thread::sleep(after);
    let finished = matches!(child.try_wait(), Ok(Some(status)) if status.success());
    child.kill().ok();
    child.wait().unwrap();
    finished
}

#[test]
fn of_several_restores_the_last_one_counts_and_the_others_end_be_it_from_an_older_backup_or_the_same() {
    let [brixton, kennington] = town::two();
    let shared = issue(&brixton, "For both", &[("Kennington CSU", "read")]);
    kennington.until_document(&shared, "got it", |document| document.state == "issued");
    let older = backup(&brixton, "monday.csu-backup");
    brixton.step(&shared, "update", &json!({ "assign": ["headline=On Tuesday"] })).unwrap();
    let newer = backup(&brixton, "tuesday.csu-backup");
    kennington.until_document(&shared, "got the update", |document| first(document, "headline") == "On Tuesday");
    assert!(brixton.terminate().success());

    let one = Node::on_new_machine("Brixton CSU");
    let done = restore(&brixton, &one, &[&newer, "--json"]).json();
    assert_eq!((&done["stage"], &done["disowned"], &done["silent"]), (&json!("done"), &json!(1), &json!(0)), "{done}");
    assert!(done.get("sinceBackup").is_none(), "{done}");
    one.up();
    town::until_connected(&kennington, &one);
    one.step(&shared, "update", &json!({ "assign": ["headline=By the first"] })).unwrap();
    kennington.until_document(&shared, "got it", |document| first(document, "headline") == "By the first");
    // The older backup, while the first restored node lives.
    let other = Node::on_new_machine("Brixton CSU");
    let done = restore(&brixton, &other, &[&older, "--json"]).json();
    let since = done["sinceBackup"].as_array().unwrap();
    assert!(since.len() == 1 && since[0]["document"] == json!(shared) && since[0]["entries"].as_u64() >= Some(2), "{done}");
    one.until("ended", |node| node.has_ended().then_some(()));
    one.kill();
    other.up();
    town::until_connected(&kennington, &other);
    assert_eq!(first(&other.document(&shared).unwrap(), "headline"), "By the first", "what the neighbours held was lost");
    other.step(&shared, "update", &json!({ "assign": ["headline=By the second"] })).unwrap();
    kennington.until_document(&shared, "follows", |document| first(document, "headline") == "By the second");
    let _ = one.up_refused().refused(&["restored on another device"]);
    // And the same once more, while neither of them runs.
    assert!(other.terminate().success());
    let third = Node::on_new_machine("Brixton CSU");
    restore(&brixton, &third, &[&older]).good();
    third.up();
    town::until_connected(&kennington, &third);
    assert_eq!(first(&third.document(&shared).unwrap(), "headline"), "By the second", "what the neighbours held was lost");
    third.step(&shared, "update", &json!({ "assign": ["headline=By the third"] })).unwrap();
    kennington.until_document(&shared, "follows", |document| first(document, "headline") == "By the third");
    other.up();
    other.until("ended", |node| node.has_ended().then_some(()));
    other.kill();
    // A folder that is there is not restored over.
    restore(&brixton, &other, &[&newer]).refused(&["keys of an organisation already", "--resume"]);
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_ms(u64::try_from(since.as_millis()).unwrap())
}

fn ticket_of(node: &Node) -> Ticket {
    node.post::<Value>("/invitations", &json!({})).unwrap()["ticket"].as_str().unwrap().parse().unwrap()
}

const FROM_PHRASE: [&str; 4] = ["--name", "Brixton CSU", "--kind", "union"];

/// Restores with tickets whose neighbours compare the security number and confirm it.
fn restore_confirmed(lost: &Node, machine: &Node, line: &[&str], neighbour: &Node) -> Ran {
    std::thread::scope(|scope| {
        let restoring = scope.spawn(|| restore(lost, machine, line));
        let peer = machine.until("saw a security number", |machine| machine.peer(neighbour.name()).filter(|peer| peer.number.is_some()));
        let theirs = neighbour.until("shows the same", |node| node.peer(lost.name()).filter(|theirs| theirs.number == peer.number));
        machine.csu(&["peer", "confirm", neighbour.name(), "--number", &theirs.number.unwrap()]).good();
        restoring.join().unwrap()
    })
}

#[test]
fn a_ticket_that_is_damaged_ended_or_ones_own_is_refused_before_anything_is_written() {
    let [brixton, kennington] = town::two();
    let (good, own) = (ticket_of(&kennington).to_string(), ticket_of(&brixton).to_string());
    let ended = Ticket { expires: Timestamp::from_ms(1_700_000_000_000), ..ticket_of(&kennington) }.to_string();
    let mut damaged = good.clone();
    damaged.pop();
    let machine = Node::on_new_machine("Brixton CSU");
    for (bad, words) in [(&damaged, "damaged"), (&ended, "ended at 2023-11-14"), (&own, "your own organisation")] {
        let line = [&FROM_PHRASE[..], &["--ticket", &good, "--ticket", bad]].concat();
        let again = "`csu restore --name NAME --kind KIND --ticket …`";
        restore(&brixton, &machine, &line).refused(&[words, again, "number 2 is meant", "nothing was written"]);
        assert!(!machine.data().exists(), "something was written before the ticket was looked at");
        restore(&brixton, &machine, &["--resume", "--ticket", bad]).refused(&["csu restore"]);
    }
    // A restore that was begun is not finished by a bad ticket either.
    let file = backup(&brixton, "night.csu-backup");
    assert!(brixton.terminate().success());
    assert!(!restore_and_kill(&brixton, &machine, &[&FROM_PHRASE[..], &["--ticket", &good]].concat(), Duration::from_millis(1500)));
    assert!(is_under_way(&machine));
    for bad in [&damaged, &ended, &own] {
        restore(&brixton, &machine, &["--resume", "--ticket", bad]).refused(&["`csu restore --resume --ticket …`"]);
        assert!(is_under_way(&machine));
    }
    restore(&brixton, &Node::on_new_machine("Brixton CSU"), &[&file, "--ticket", &damaged]).refused(&["csu restore FILE --ticket"]);
}

#[test]
fn the_phrase_alone_is_not_done_while_nobody_was_heard_and_goes_on_with_another_ticket() {
    let [brixton, kennington] = town::two();
    let shared = issue(&brixton, "For both", &[("Kennington CSU", "read")]);
    kennington.until_document(&shared, "got it", |document| document.state == "issued");
    assert!(brixton.terminate().success());
    // The neighbour's ticket is good for some seconds yet, and nobody answers.
    let short = Ticket { expires: now().plus_ms(6000), ..ticket_of(&kennington) }.to_string();
    assert!(kennington.terminate().success());
    let machine = Node::on_new_machine("Brixton CSU");
    let ended = restore(&brixton, &machine, &[&FROM_PHRASE[..], &["--ticket", &short]].concat());
    assert!(ended.stdout.contains(": connecting"), "nothing is said of whom it waits for: {}", ended.stdout);
    assert!(!ended.stdout.contains("Restored."), "{}", ended.stdout);
    let _ = ended.refused(&["no neighbour was reached", "csu restore --resume --ticket"]);
    let ended = restore(&brixton, &machine, &["--resume"]);
    assert!(!ended.stdout.contains("Restored."), "{}", ended.stdout);
    let _ = ended.refused(&["csu restore --resume --ticket"]);
    let _ = machine.up_refused().refused(&["csu restore --resume"]);
    // With a ticket of somebody who is there.
    kennington.up();
    let ticket = ticket_of(&kennington).to_string();
    let said = restore_confirmed(&brixton, &machine, &["--resume", "--ticket", &ticket], &kennington).good().stdout;
    assert!(said.contains("Restored. Documents here: 1."), "{said}");
    machine.up();
    assert_eq!(machine.document(&shared).unwrap().title, "For both");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restore_under_a_clock_far_ahead_the_next_one_is_put_above_it() {
    let [brixton, kennington] = block_in_place(town::two);
    let (shared, file) = block_in_place(|| {
        let shared = issue(&brixton, "For both", &[("Kennington CSU", "read")]);
        kennington.until_document(&shared, "got it", |document| document.state == "issued");
        let file = backup(&brixton, "night.csu-backup");
        assert!(brixton.terminate().success());
        (shared, file)
    });
    // A computer whose clock said 2050 was restored, met the neighbour, and is gone.
    let root = RecoveryPhrase::parse(&std::fs::read_to_string(brixton.phrase_file()).unwrap()).unwrap().root_key().unwrap();
    let ahead = Timestamp::from_ms(2_540_000_000_000);
    let mut gone = Stranger::with_keys([0x66; 32], [0x67; 32], "Brixton CSU").await;
    let name = Name::new("Brixton CSU").unwrap();
    gone.card = SignedCard::sign(&root, ahead.as_ms(), gone.device.device(), name, OrganisationKind::Union);
    gone.try_connect(&ticket(&kennington)).await;
    assert!(gone.is_connected(), "the neighbour does not let the restored device in");
    gone.say(&gone.hello(true));
    block_in_place(|| {
        kennington.until("took the card of 2050", |node| {
            let acts = node.acts("?verb=network").ok()?;
            acts.iter().any(|line| line.detail.contains("acts through another device now")).then_some(())
        });
    });
    gone.leave().await;
    drop(gone);

    block_in_place(|| {
        let machine = Node::on_new_machine("Brixton CSU");
        let refused = restore(&brixton, &machine, &[&file]);
        let year = now().to_string()[..4].to_owned();
        let words = ["counts before this one", "2050-06-28", year.as_str(), "clock", "`csu restore --resume --supersede`"];
        let _ = refused.refused(&words);
        let _ = restore(&brixton, &machine, &["--resume"]).refused(&words);
        let _ = machine.up_refused().refused(&["csu restore --resume"]);
        let said = restore(&brixton, &machine, &["--resume", "--supersede"]).good().stdout;
        assert!(said.contains("This device counts now") && said.contains("Restored."), "{said}");
        machine.up();
        town::until_connected(&kennington, &machine);
        machine.step(&shared, "update", &json!({ "assign": ["headline=Ours again"] })).unwrap();
        kennington.until_document(&shared, "follows", |document| first(document, "headline") == "Ours again");
        // Its backups are of the time to come, and a restore from one says so and goes above.
        let later = backup(&machine, "later.csu-backup");
        assert!(machine.terminate().success());
        let last = Node::on_new_machine("Brixton CSU");
        let done = restore(&brixton, &last, &[&later]).good();
        assert!(done.stderr.contains("warning: ") && done.stderr.contains("2050-06-28"), "{}", done.stderr);
        // A node that was restored to its end is not put above another: its device may be disowned.
        restore(&brixton, &machine, &["--resume", "--supersede"]).refused(&["disowned", "csu backup"]);
    });
}

/// `csu restore` on a terminal, up to where it says these words; the process and what it says.
struct OnTerminal {
    script: std::process::Child,
    said: std::sync::Arc<std::sync::Mutex<String>>,
    process: rustix::process::Pid,
}

impl OnTerminal {
    fn begin(lost: &Node, machine: &Node, line: &str, until: &str) -> Self {
        let file = machine.outside("pid");
        let line = format!(
            "echo $$ > {}; exec {} --data {} restore {line} --phrase-file {}",
            file.display(),
            csu_tests::node::program().display(),
            machine.data().display(),
            lost.phrase_file()
        );
        let mut script = std::process::Command::new("script");
        script.args(["--quiet", "--return", "--command", &line, "/dev/null"]).env("TERM", "dumb").env("CSU_MDNS", "false");
        script.env("CSU_LISTEN", format!("/ip4/127.0.0.1/tcp/{0},/ip4/127.0.0.1/udp/{0}/quic-v1", machine.port()));
        let pipe = std::process::Stdio::piped;
        let mut script = script.stdin(pipe()).stdout(pipe()).stderr(pipe()).spawn().unwrap();
        let said = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
        let (mut out, heard) = (script.stdout.take().unwrap(), std::sync::Arc::clone(&said));
        std::thread::spawn(move || {
            let mut bytes = [0; 1024];
            while let Ok(read @ 1..) = std::io::Read::read(&mut out, &mut bytes) {
                heard.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
        });
        machine.until(&format!("says '{until}'"), |_| said.lock().unwrap().contains(until).then_some(()));
        let number: i32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        Self { script, said, process: rustix::process::Pid::from_raw(number).unwrap() }
    }

    /// How it ends, within some seconds.
    fn ends(&mut self) -> String {
        let until = std::time::Instant::now() + Duration::from_secs(10);
        while self.script.try_wait().unwrap().is_none() {
            if std::time::Instant::now() > until {
                rustix::process::kill_process(self.process, rustix::process::Signal::KILL).ok();
                panic!("the restore did not end: {}", self.said.lock().unwrap());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(100));
        self.said.lock().unwrap().clone()
    }
}

#[test]
fn a_question_holds_nothing_up_neither_a_signal_nor_the_recovery() {
    let [brixton, kennington] = town::two();
    let shared = issue(&brixton, "For both", &[("Kennington CSU", "read")]);
    kennington.until_document(&shared, "got it", |document| document.state == "issued");
    assert!(brixton.terminate().success());
    let machine = Node::on_new_machine("Brixton CSU");
    let from_phrase = format!("--name 'Brixton CSU' --kind union --ticket {}", ticket_of(&kennington));
    let question = "Is the security number on their screen";

    // Whose phrase it is, is asked before anything is written.
    let mut asked = OnTerminal::begin(&brixton, &machine, &from_phrase, "Is it yours?");
    std::io::Write::write_all(asked.script.stdin.as_mut().unwrap(), b"no\n").unwrap();
    let said = asked.ends();
    let root = RecoveryPhrase::parse(&std::fs::read_to_string(brixton.phrase_file()).unwrap()).unwrap().root_key().unwrap();
    assert!(said.contains(&root.organisation().to_string()) && said.contains("nothing was written"), "{said}");
    assert!(!machine.data().exists());

    let mut asked = OnTerminal::begin(&brixton, &machine, &format!("{from_phrase} --yes"), question);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", asked.process.as_raw_nonzero())).unwrap();
    let core: Vec<&str> = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap().split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"], "the phrase's secret could be left in a core dump");
    rustix::process::kill_process(asked.process, rustix::process::Signal::TERM).unwrap();
    assert!(asked.ends().contains("csu restore --resume --ticket"), "{}", asked.said.lock().unwrap());

    let mut asked = OnTerminal::begin(&brixton, &machine, "--resume", question);
    std::io::Write::write_all(asked.script.stdin.as_mut().unwrap(), b"\x03").unwrap();
    assert!(asked.ends().contains("the restore was interrupted"), "{}", asked.said.lock().unwrap());

    // Confirmed on another terminal, it comes to its end without an answer here.
    let mut asked = OnTerminal::begin(&brixton, &machine, "--resume", question);
    let number = kennington.until("shows a number", |node| node.peer("Brixton CSU")?.number);
    machine.csu(&["peer", "confirm", "Kennington CSU", "--number", &number]).good();
    let said = asked.ends();
    assert!(said.contains("all that it holds is here") && said.contains("Restored."), "{said}");
}
