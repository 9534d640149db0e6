//! An erased document is gone: from every node that held it, from every file of theirs, for good; and who has not confirmed it
//! yet is named.
//!
//! Every file of a node's data folder and what it wrote to its log is searched, while it runs and once it stopped, for the words in
//! every form ([`csu_tests::stranger::Needles`]) and for every 16 bytes in a row of every sealed payload and every wrapped key that any node ever stored.

use csu_node::desk::{Document, DocumentsPage, ErasureView, Status};
use csu_tests::history::Dice;
use csu_tests::node::Node;
use csu_tests::remains::{database, left, sealed};
use csu_tests::town;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// Words of the bulletin, of which none stands anywhere else: in its title, its text, a later version, a response and two drafts.
const WORDS: [&str; 6] = ["Quillonbury", "Zephyrine", "Bandersnatch", "Thistledown", "Wolverstone", "Marchpane"];
/// Who acted at the owner, and at the first reader: they stand in the log of that node, which must say who did what, and
/// nowhere else.
const PEOPLE: [&str; 2] = ["Ottoline Penhaligon", "Peregrine Quatermass"];

/// How many of its entries of content a node keeps: their headers, whatever became of the rest.
fn headers(node: &Node, id: &str) -> i64 {
    let query =
        "SELECT count(*) FROM entry JOIN document ON document.key = entry.document WHERE plane = 1 AND lower(hex(document.id)) = ?1";
    database(node).query_row(query, [id], |row| row.get(0)).unwrap()
}

fn status(node: &Node, id: &str) -> ErasureView {
    node.get(&format!("/documents/{id}/erasure")).unwrap()
}

fn outstanding(view: &ErasureView) -> Vec<String> {
    view.holders.iter().filter(|holder| holder.confirmed.is_none()).map(|holder| holder.who.name.clone()).collect()
}

/// A bulletin with every word in it, in every place where a word can be; its id.
fn bulletin(owner: &Node, readers: &[&Node]) -> String {
    let [here, there] = PEOPLE.map(|person| [("CSU_PERSON", person)]);
    let to: Vec<Value> = readers.iter().map(|reader| json!({ "who": reader.name(), "role": "write" })).collect();
    let mut fields = town::bulletin(&format!("Break-in at {}", WORDS[0]));
    fields["info"][0]["description"] = json!(format!("The {} was forced. {}", WORDS[1], "Twice. ".repeat(900)));
    let draft: Document = owner.post("/documents", &json!({ "kind": "bulletin", "fields": fields, "to": to })).unwrap();
    owner.csu_with(&["bulletin", "issue", &draft.reference], &here).good();
    let page: DocumentsPage = owner.get("/documents").unwrap();
    let id = page.items.iter().find(|line| line.title.contains(WORDS[0])).unwrap().id.unwrap().to_string();
    for reader in readers {
        reader.until_document(&id, "got the bulletin", |document| document.state == "issued");
    }
    let first = readers[0];
    first.csu_with(&["respond", &id, "comment", "--text", WORDS[3]], &there).good();
    first.csu_with(&["bulletin", "update", &id, &format!("note={}", WORDS[2])], &there).good();
    owner.until_document(&id, "got the update", |document| document.fields.get("note").is_some() && document.responses.len() == 1);
    owner.csu(&["bulletin", "edit", &id, &format!("instruction=Ask {}.", WORDS[4])]).good();
    first.csu(&["bulletin", "edit", &id, &format!("instruction=Ask {}.", WORDS[5])]).good();
    for reader in readers {
        reader.until_document(&id, "got all of it", |document| document.fields.get("note").is_some() && document.responses.len() == 1);
    }
    id
}

#[test]
#[allow(clippy::too_many_lines, reason = "one life of one document, in order")]
fn an_erased_document_is_gone_everywhere_and_who_was_away_confirms_on_return() {
    let [owner, kennington, stockwell, police] =
        [("Brixton CSU", "union"), ("Kennington CSU", "union"), ("Stockwell CSU", "union"), ("Lambeth Police", "police")]
            .map(|(name, kind)| Node::started(name, kind));
    for other in [&kennington, &stockwell, &police] {
        town::pair(&owner, other);
    }
    // Two that could give each other back what one of them destroyed.
    town::pair(&kennington, &police);
    let nodes = [&owner, &kennington, &stockwell, &police];
    let kept = town::issue(&owner, "Of another matter", &[("Kennington CSU", "read")]);
    kennington.until_document(&kept, "got the other bulletin", |document| document.state == "issued");
    let id = bulletin(&owner, &[&kennington, &stockwell, &police]);
    let parts: BTreeSet<Vec<u8>> = nodes.iter().flat_map(|node| sealed(node, &id)).collect();
    let content = headers(&owner, &id);
    assert!(parts.len() >= 5 && content == 4, "a key, two revisions, a response with a key of its own");
    for node in nodes {
        let found = left(node, &WORDS[..1], &parts);
        assert!(found.len() >= 2, "the search of a folder finds nothing where all is: {found:?}");
    }

    // Only the owner may, and only on purpose.
    let refused = kennington.csu(&["erase", &id, "--why", "legal", "--yes"]).refused(&["Brixton CSU", "only its owner"]);
    assert!(refused.stderr.contains("csu erase"), "{}", refused.stderr);
    assert_eq!(owner.csu(&["erase", &id, "--why", "legal"]).code, Some(2), "nobody was there to be asked");
    assert!(status(&owner, &id).erased.is_none());

    // The third is off. The others obey and confirm; here it is gone when the command is answered.
    assert!(police.terminate().success());
    let told = owner.csu(&["erase", &id, "--why", "consent-withdrawn", "--yes"]).good().stdout;
    assert!(told.contains("To confirm:") && told.contains("Lambeth Police"), "{told}");
    assert_eq!(left(&owner, &WORDS, &parts), BTreeSet::new(), "left at the owner when the command was answered");
    let view = owner.until("heard from two of three", |node| Some(status(node, &id)).filter(|view| view.outstanding == 1));
    assert_eq!(outstanding(&view), ["Lambeth Police"]);
    let away = view.holders.iter().find(|holder| holder.confirmed.is_none()).unwrap();
    assert!(away.last_seen.is_some() && !away.connected, "{away:?}");
    let shown = owner.csu(&["erase", "status", &id]).good().stdout;
    assert!(shown.contains("OUTSTANDING       last seen 20") && shown.contains("1 of 4 have not confirmed"), "{shown}");
    let shown = owner.csu(&["erase", "status"]).good().stdout;
    assert!(shown.contains("3 of 4") && shown.contains("Lambeth Police (last seen"), "{shown}");
    let known: Status = owner.get("/status").unwrap();
    assert!(known.outstanding_erasures == 1 && known.summary.contains("1 erasure not confirmed yet by Lambeth Police"), "{known:?}");
    assert!(owner.csu(&["doctor"]).stdout.contains("not confirmed yet by Lambeth Police (last seen"));
    for node in [&owner, &kennington, &stockwell] {
        assert_eq!(left(node, &WORDS, &parts), BTreeSet::new(), "left at {}", node.name());
        check_erased(node, &id);
        assert_eq!(headers(node, &id), content, "{} lost the proof of what was there", node.name());
    }

    // It comes back, with all of it, is told, and confirms.
    police.up();
    let view = owner.until("heard from the third", |node| Some(status(node, &id)).filter(|view| view.outstanding == 0));
    assert!(view.holders.iter().all(|holder| holder.confirmed.is_some()) && view.holders.len() == 4, "{view:?}");
    assert!(owner.csu(&["erase", "status", &id]).good().stdout.contains("All who held it have confirmed."));
    for node in nodes {
        node.until("saw all confirm", |node| (status(node, &id).outstanding == 0).then_some(()));
        check_erased(node, &id);
    }

    // Nothing comes back from anywhere, whoever is restarted; the rest is as it was.
    for node in nodes {
        assert_eq!(left(node, &WORDS, &parts), BTreeSet::new(), "left at {}", node.name());
        assert!(node.terminate().success());
        assert_eq!(left(node, &WORDS, &parts), BTreeSet::new(), "left at {} after it stopped", node.name());
        let whole = node.csu(&["doctor"]).stdout;
        assert!(whole.contains("database: checked, and whole"), "{whole}");
        node.up();
    }
    for other in [&kennington, &stockwell, &police] {
        town::until_connected(&owner, other);
    }
    std::thread::sleep(Duration::from_secs(2));
    for node in [&stockwell, &police] {
        assert_eq!(left(node, &PEOPLE, &parts), BTreeSet::new(), "who wrote it is left at {}", node.name());
    }
    for node in nodes {
        check_erased(node, &id);
        assert_eq!((sealed(node, &id), headers(node, &id)), (BTreeSet::new(), content), "{}", node.name());
        assert_eq!(left(node, &WORDS, &parts), BTreeSet::new(), "back at {}", node.name());
    }
    for node in [&owner, &kennington] {
        assert_eq!(town::first(&node.document(&kept).unwrap(), "headline"), "Of another matter");
    }
}

/// That a node shows the document only as erased, by whom and why, and refuses all else that is done with documents.
#[track_caller]
fn check_erased(node: &Node, id: &str) {
    let gone = ["erased by Brixton CSU", "consent-withdrawn"];
    for line in [
        vec!["bulletin", "show", id],
        vec!["bulletin", "edit", id, "note=Again"],
        vec!["bulletin", "update", id, "note=Again"],
        vec!["export", id],
        vec!["respond", id, "acknowledge"],
        vec!["grant", "add", id, "anyone"],
        vec!["grant", "revoke", id, "Kennington CSU"],
        vec!["erase", id, "--why", "legal", "--yes"],
    ] {
        let _refused = node.csu(&line).refused(&gone);
    }
    let page: DocumentsPage = node.get("/documents").unwrap();
    let line = page.items.iter().find(|line| line.id.is_some_and(|of| of.to_string() == id)).unwrap();
    let erased = line.erased.as_ref().unwrap();
    assert_eq!((line.title.as_str(), line.state.as_str(), line.marking.as_str(), line.draft), ("", "erased", "", false));
    assert_eq!((erased.by.name.as_str(), erased.why.unwrap().as_str()), ("Brixton CSU", "consent-withdrawn"));
    let list = node.csu(&["bulletin", "list"]).good().stdout;
    assert!(list.contains("(erased by Brixton CSU") && list.contains(": consent-withdrawn)"), "{list}");
    let log = node.csu(&["log", "--document", id, "--verb", "erasure"]).good().stdout;
    assert!(log.contains("removed what this node held of it") && log.contains("nothing of it is left here"), "{log}");
    // Who signed what stays as proof, and who may do what stays known.
    let history = node.history(id).unwrap();
    let kinds: BTreeSet<&str> = history.iter().map(|line| line.kind.as_str()).collect();
    assert!(kinds.is_superset(&BTreeSet::from(["genesis", "key", "revision", "response", "erase", "receipt"])), "{kinds:?}");
    assert!(history.iter().all(|line| line.at.is_none() && line.person.is_none() && line.changed.is_empty()), "{history:?}");
    node.csu(&["access", id]).good();
}

/// The beginning of what a node keeps of long documents to show them soon.
fn kept(node: &Node) -> BTreeSet<Vec<u8>> {
    let database = database(node);
    let mut views = database.prepare("SELECT substr(sealed, 1, 256) FROM document_view").unwrap();
    views.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn what_nodes_keep_of_a_long_document_to_show_it_soon_goes_with_it() {
    const COMMENTS: usize = 130;
    let nodes = town::two();
    let [owner, peer] = &nodes;
    let id = bulletin(owner, &[peer]);
    for number in 0..COMMENTS {
        let said = json!({ "remark": "comment", "text": format!("Seen {number} times.") });
        let _shown: Document = peer.post(&format!("/documents/{id}/responses"), &said).unwrap();
    }
    let mut shown = Vec::new();
    for node in &nodes {
        node.until_document(&id, "got all that is said", |document| document.responses.len() == COMMENTS + 1);
        node.until("keeps it", |node| (!kept(node).is_empty()).then_some(()));
        assert!(node.terminate().success());
        node.up();
        let before = kept(node);
        shown.push((node.document(&id).unwrap(), before, kept(node)));
    }
    town::until_connected(owner, peer);
    for (node, (document, before, now)) in nodes.iter().zip(&shown) {
        assert_eq!(before, now, "{} opened it anew", node.name());
        assert!(document.responses.len() == COMMENTS + 1 && document.draft.is_some());
    }
    let views: BTreeSet<Vec<u8>> = shown.into_iter().flat_map(|(_, _, kept)| kept).collect();
    assert!(views.len() == 2 && !left(peer, &[], &views).is_empty());
    owner.csu(&["erase", &id, "--why", "legal", "--yes"]).good();
    owner.until("heard", |node| (status(node, &id).outstanding == 0).then_some(()));
    for node in &nodes {
        assert_eq!((kept(node), left(node, &WORDS, &views)), (BTreeSet::new(), BTreeSet::new()), "left at {}", node.name());
    }
}

#[test]
fn a_node_whose_operator_wants_a_time_of_grace_hides_at_once_and_confirms_when_it_has_destroyed() {
    let nodes = town::two();
    let [owner, peer] = &nodes;
    assert!(peer.terminate().success());
    peer.up_with(&[("CSU_ERASURE_GRACE_HOURS", "1")]);
    town::until_connected(owner, peer);
    let id = bulletin(owner, &[peer]);
    let parts = sealed(peer, &id);
    owner.csu(&["erase", &id, "--why", "mistaken", "--yes"]).good();
    peer.until("was told", |node| status(node, &id).erased);
    let _hidden = peer.csu(&["bulletin", "show", &id]).refused(&["erased by Brixton CSU"]);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!((sealed(peer, &id), outstanding(&status(owner, &id))), (parts.clone(), vec!["Kennington CSU".to_owned()]));
    assert!(peer.terminate().success());
    peer.up();
    owner.until("heard", |node| (status(node, &id).outstanding == 0).then_some(()));
    assert_eq!(left(peer, &WORDS, &parts), BTreeSet::new());
    let refused = Node::new("Stockwell CSU", "union");
    let told = refused.csu_with(&["config"], &[("CSU_ERASURE_GRACE_HOURS", "721")]).refused(&["erasure_grace_hours", "0 to 720"]);
    drop(told);
}

#[test]
fn a_node_that_is_killed_at_whatever_moment_of_erasing_ends_with_nothing_left_and_confirms() {
    let mut dice = Dice::printed("killed while erasing");
    let nodes = town::two();
    let [owner, peer] = &nodes;
    for round in 0..8 {
        let id = bulletin(owner, &[peer]);
        let parts: BTreeSet<Vec<u8>> = nodes.iter().flat_map(|node| sealed(node, &id)).collect();
        let struck = &nodes[round % 2];
        std::thread::scope(|scope| {
            let order = json!({ "why": "legal" });
            let path = format!("/documents/{id}/erasure");
            scope.spawn(move || owner.post::<Value>(&path, &order).ok());
            std::thread::sleep(Duration::from_millis(dice.below(60) as u64));
            struck.kill();
        });
        // Had it acknowledged, or even begun? An order that was not given is given again.
        struck.up();
        owner.until("gave the order", |node| {
            let given = node.post::<Value>(&format!("/documents/{id}/erasure"), &json!({ "why": "legal" }));
            (given.is_ok() || status(node, &id).erased.is_some()).then_some(())
        });
        for node in &nodes {
            node.until("saw both confirm", |node| {
                let view: ErasureView = node.get(&format!("/documents/{id}/erasure")).ok()?;
                (view.erased.is_some() && view.outstanding == 0).then_some(())
            });
            assert_eq!(left(node, &WORDS, &parts), BTreeSet::new(), "round {round}: left at {}", node.name());
            let receipts = node.history(&id).unwrap().into_iter().filter(|line| line.kind.as_str() == "receipt").count();
            assert_eq!(receipts, 2, "round {round}: one confirmation each, seen by {}", node.name());
        }
    }
}
