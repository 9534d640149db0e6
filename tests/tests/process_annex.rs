//! Annexes of real nodes: a name that was in a draft is nowhere but where it was meant to be, nobody sees it without a reason
//! that its owner learns, and it is gone before the rest.
//!
//! Every file of a node's data folder and what it wrote to its log is searched for the words in every form
//! ([`csu_tests::stranger::Needles`]), and once they are erased for every piece of what was sealed.

use csu_node::cli::client::ClientError;
use csu_node::desk::{Document, DocumentsPage, LogLine, Moment, RetentionList};
use csu_protocol::time::Timestamp;
use csu_tests::node::Node;
use csu_tests::remains::{left, sealed};
use csu_tests::town;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Words of the annex, of which none stands anywhere else: two of a name, a number, and a line typed into it.
const WORDS: [&str; 4] = ["Quillonbury", "Marchpane", "07700 900123", "Zephyrine"];
const HEADLINE: &str = "Van seen in Mill Road";

fn none() -> BTreeSet<Vec<u8>> {
    BTreeSet::new()
}

fn later(after: Duration) -> Moment {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + after;
    Timestamp::from_ms(u64::try_from(now.as_millis()).unwrap()).into()
}

/// The one annex that a node lists, if it does.
fn listed(node: &Node) -> Option<(String, String)> {
    let page: DocumentsPage = node.get("/documents?kind=annex").unwrap();
    let line = page.items.into_iter().find(|line| line.erased.is_none())?;
    Some((line.id?.to_string(), line.title))
}

/// Everything that a node shows of all it has to whoever gives no reason.
fn shown(node: &Node) -> String {
    let page: DocumentsPage = node.get("/documents").unwrap();
    let mut text = format!("{page:?}");
    for kind in ["bulletin", "annex"] {
        text += &node.csu(&[kind, "list"]).good().stdout;
    }
    for id in page.items.iter().filter_map(|line| line.id).map(|id| id.to_string()) {
        for line in [
            vec!["bulletin", "show", &id],
            vec!["bulletin", "show", &id, "--json"],
            vec!["bulletin", "history", &id],
            vec!["access", &id],
            vec!["grant", "list", &id],
            vec!["export", &id, "--format", "json"],
            vec!["export", &id, "--format", "cap"],
            vec!["export", &id, "--format", "automerge"],
            vec!["erase", "status", &id],
        ] {
            let ran = node.csu(&line);
            text += &(ran.stdout + &ran.stderr);
        }
    }
    text += &node.csu(&["log", "--json"]).good().stdout;
    text += &node.csu(&["retention", "list", "--before", "2099-01-01"]).good().stdout;
    text
}

#[track_caller]
fn shows_nothing(node: &Node) {
    let text = shown(node);
    let found: Vec<_> = WORDS.iter().filter(|word| text.contains(**word)).collect();
    assert!(found.is_empty(), "{} shows {found:?}: {text}", node.name());
}

/// Waits until none of the words is left in a node's files: they are rewritten for a part of its time only.
#[track_caller]
fn until_gone(node: &Node, words: &[&str], parts: &BTreeSet<Vec<u8>>) {
    node.until("had nothing left in its files", |node| left(node, words, parts).is_empty().then_some(()));
}

/// Brixton drafts a bulletin that names somebody, moves that to an annex and issues both, by commands: their ids.
fn by_command(brixton: &Node) -> [String; 2] {
    let headline = format!("headline={HEADLINE}; Mr {} {} drove it", WORDS[0], WORDS[1]);
    let description = format!("description={} does not answer {}. Ask {}.", WORDS[1], WORDS[2], WORDS[1]);
    let mut line = vec!["bulletin", "draft", &headline, &description, "event=Theft", "category=Security", "severity=Minor"];
    line.extend(["urgency=Past", "certainty=Observed", "--to", "Kennington CSU", "--to", "Lambeth Police"]);
    brixton.csu(&line).good();
    assert!(!left(brixton, &WORDS[..3], &none()).is_empty(), "the search finds nothing where all is");
    // The words are shown to whoever asked, with what to do.
    let found = format!("a person's name \"Mr {} {}\"", WORDS[0], WORDS[1]);
    brixton.csu(&["bulletin", "issue", "d1"]).refused(&[
        &found,
        WORDS[2],
        "nothing was shared",
        "--move-to-annex",
        "--personal-data-checked",
    ]);
    let typed = format!("text={} lent it.", WORDS[3]);
    let told = brixton.csu(&["annex", "draft", "--of", "d1", "--move-found", "--move", WORDS[1], &typed]).good().stdout;
    assert!(told.contains("Annex of draft d1") && told.contains(WORDS[0]), "{told}");
    let told = brixton.csu(&["bulletin", "issue", "d1"]).good().stdout;
    assert!(told.contains(&format!("{HEADLINE}; [in the annex] drove it")) && told.contains("csu annex issue d2"), "{told}");
    let told = brixton.csu(&["annex", "issue", "d2", "--to", "Lambeth Police"]).good().stdout;
    assert!(told.contains("What it says is sealed") && told.contains("TLP:RED"), "{told}");
    let annex = brixton.until("listed the annex", listed);
    assert_eq!(annex.1, format!("Annex of {HEADLINE}; [in the annex] drove it"));
    let page: DocumentsPage = brixton.get("/documents?kind=bulletin").unwrap();
    [page.items[0].id.unwrap().to_string(), annex.0]
}

/// The same by the API, where one step moves what was found and shares the rest.
fn by_api(brixton: &Node) -> [String; 2] {
    let mut fields = town::bulletin(&format!("{HEADLINE}; Mr {} {} drove it", WORDS[0], WORDS[1]));
    fields["info"][0]["description"] = json!(format!("He does not answer {}.", WORDS[2]));
    let to = json!([{ "who": "Kennington CSU" }, { "who": "Lambeth Police" }]);
    let draft: Document = brixton.post("/documents", &json!({ "kind": "bulletin", "fields": fields, "to": to })).unwrap();
    let Err(ClientError::Refused(problem)) = brixton.step(&draft.reference, "issue", &json!({})) else { panic!("it was issued") };
    let problem = serde_json::to_value(&problem).unwrap();
    assert_eq!(problem["status"], 422);
    let name = json!({ "field": "info[0].headline", "looksLike": "name", "words": format!("Mr {} {}", WORDS[0], WORDS[1]) });
    assert_eq!(problem["findings"][0], name);
    assert!(!problem["detail"].as_str().unwrap().contains(WORDS[0]), "{problem}");
    let issued = brixton.step(&draft.reference, "issue", &json!({ "moveToAnnex": true })).unwrap();
    let annex = issued.annexes[0].reference.clone();
    let change = json!({ "assign": [format!("text={} lent it.", WORDS[3])] });
    brixton.put::<Document>(&format!("/documents/{annex}/draft"), &change).unwrap();
    let annex = brixton.step(&annex, "issue", &json!({ "to": [{ "who": "Lambeth Police" }] })).unwrap();
    assert!(annex.sealed && annex.fields.is_empty(), "{annex:?}");
    [issued.id.unwrap().to_string(), annex.id.unwrap().to_string()]
}

/// Walk-throughs 4 and 5, and the end of it: whichever way it was issued.
fn lives_and_ends(issue: fn(&Node) -> [String; 2]) {
    let nodes = town::three();
    let [brixton, kennington, police] = &nodes;
    let [bulletin, annex] = issue(brixton);
    let is_there = |document: &Document| document.state == "issued";
    for node in [kennington, police] {
        let found = node.until_document(&bulletin, "got the bulletin", is_there);
        assert_eq!(town::first(&found, "headline"), format!("{HEADLINE}; [in the annex] drove it"));
    }
    let (held, title) = police.until("got the annex", listed);
    assert_eq!((held.as_str(), title), (annex.as_str(), format!("Annex of {HEADLINE}; [in the annex] drove it")));
    let parts: BTreeSet<Vec<u8>> = [brixton, police].into_iter().flat_map(|node| sealed(node, &annex)).collect();
    assert!(!parts.is_empty() && !left(police, &["nothing of this"], &parts).is_empty(), "the search finds nothing where all is");

    // 4. Whoever has not the annex has no trace of it, and nowhere does its text lie open, at its owner's neither.
    assert_eq!(left(kennington, &WORDS, &parts), BTreeSet::new(), "left at Kennington, which has no annex");
    assert_eq!(left(police, &WORDS, &none()), BTreeSet::new(), "lies open at the police");
    until_gone(brixton, &WORDS, &none());
    for node in &nodes {
        shows_nothing(node);
    }
    assert_eq!(listed(kennington), None);
    kennington.csu(&["annex", "show", &annex, "--reason", "to see it"]).refused(&["holds no document"]);

    // 5. Nobody opens it without a reason; the owner learns who did, when and why.
    police.csu(&["annex", "show", &annex]).refused(&["sealed", "--reason", "Brixton CSU, its owner, is told"]);
    police.csu(&["annex", "show", &annex, "--reason", " "]).refused(&["no reason was given"]);
    police.csu(&["annex", "show", &annex, "--reason", "Mr Doe asked"]).refused(&["stays in the access log for good"]);
    let refused = police.post::<Document>(&format!("/documents/{annex}/openings"), &json!({})).unwrap_err();
    assert!(matches!(&refused, ClientError::Refused(problem) if problem.status() == 403), "{refused}");
    let officer = [("CSU_PERSON", "Asha Penhaligon")];
    let opened = police.csu_with(&["annex", "show", &annex, "--reason", "to trace the van, case 4411"], &officer).good().stdout;
    assert!(WORDS.iter().all(|word| opened.contains(word)), "{opened}");
    let opened: Document = police.post(&format!("/documents/{annex}/openings"), &json!({ "reason": "to interview, case 4411" })).unwrap();
    assert_eq!(opened.fields["telephones"], json!([WORDS[2]]));
    let told = brixton.until("was told of both", |node| {
        let lines: Vec<LogLine> = node.acts(&format!("?document={annex}&verb=consultation&who=Lambeth%20Police")).ok()?;
        (lines.len() == 2).then_some(lines)
    });
    assert_eq!(told[1].why.as_deref(), Some("to trace the van, case 4411"));
    assert!(told[1].detail.contains("opened it: Asha Penhaligon, at 20"), "{:?}", told[1]);
    let file = brixton.outside("opened.csv");
    brixton.csu(&["log", "--document", &annex, "--verb", "consultation", "--csv", file.to_str().unwrap()]).good();
    let table = std::fs::read_to_string(file).unwrap();
    let line = table.lines().find(|line| line.contains("to trace the van")).unwrap_or_else(|| panic!("{table}"));
    for part in ["Lambeth Police", "Asha Penhaligon", "consultation", "20", &annex] {
        assert!(line.contains(part), "no '{part}' in {line}");
    }
    // Who else reads it does not learn of that; its own log says the same. Opening leaves nothing on a disk.
    let own = police.csu(&["log", "--document", &annex, "--verb", "consultation"]).good().stdout;
    assert!(own.contains("and signed for Brixton CSU that it did") && own.contains("to interview, case 4411"), "{own}");
    assert_eq!(left(police, &WORDS, &none()), BTreeSet::new(), "lies open at the police, where it was opened");
    shows_nothing(police);

    // It is due for erasure after 28 days, and goes with the bulletin before that.
    let due = |before: Moment| -> RetentionList {
        brixton.get(&format!("/retention?before={}", before.to_string().replace('+', "%2B"))).unwrap()
    };
    assert!(due(later(Duration::from_hours(27 * 24))).items.is_empty());
    let soon = due(later(Duration::from_hours(28 * 24)));
    let [soon] = soon.items.as_slice() else { panic!("{soon:?}") };
    assert_eq!(soon.document.to_string(), annex);
    let parts: BTreeSet<Vec<u8>> = nodes.iter().flat_map(|node| sealed(node, &annex)).collect();
    let told = brixton.csu(&["erase", &bulletin, "--why", "no-longer-needed", "--yes"]).good().stdout;
    assert!(told.contains("Its annexes were erased with it"), "{told}");
    for id in [&bulletin, &annex] {
        brixton.until("heard that all erased it", |node| {
            let view: Value = node.get(&format!("/documents/{id}/erasure")).ok()?;
            (!view["erased"].is_null() && view["outstanding"] == 0).then_some(())
        });
    }
    for node in &nodes {
        until_gone(node, &WORDS, &parts);
        assert!(node.terminate().success());
        assert_eq!(left(node, &WORDS, &parts), BTreeSet::new(), "left at {} after it stopped", node.name());
    }
}

#[test]
fn a_name_moved_to_an_annex_by_command_is_nowhere_else_and_opened_for_a_reason_alone() {
    lives_and_ends(by_command);
}

#[test]
fn a_name_moved_to_an_annex_by_the_api_is_nowhere_else_and_opened_for_a_reason_alone() {
    lives_and_ends(by_api);
}

#[test]
fn an_annex_past_its_end_is_erased_by_a_run_and_what_it_belongs_to_stays() {
    let nodes = town::two();
    let [brixton, kennington] = &nodes;
    let bulletin = town::issue(brixton, HEADLINE, &[("Kennington CSU", "read")]);
    let typed = format!("text={}", WORDS[3]);
    let annex = brixton.json(&["annex", "draft", "--of", &bulletin, &typed, "--to", "Kennington CSU"]);
    let annex = brixton.json(&["annex", "issue", annex["reference"].as_str().unwrap()]);
    let annex = annex["id"].as_str().unwrap();
    kennington.until("got the annex", listed);
    let parts = sealed(brixton, annex);
    brixton.csu(&["retention", "set", annex, "--until", &later(Duration::from_secs(2)).to_string(), "--why", "the case is closed"]).good();
    assert!(brixton.csu(&["retention", "run"]).good().stdout.contains("Nothing is due"));
    std::thread::sleep(Duration::from_secs(2));
    assert!(brixton.csu(&["retention", "list"]).good().stdout.contains(&format!("Annex of {HEADLINE}")));
    assert!(brixton.csu(&["retention", "run"]).good().stdout.contains("1 of 1 erased"));
    kennington.until("erased it", |node| listed(node).is_none().then_some(()));
    kennington.csu(&["annex", "show", annex, "--reason", "case 4411"]).refused(&["was erased by Brixton CSU"]);
    for node in &nodes {
        until_gone(node, &WORDS[3..], &parts);
        assert_eq!(node.document(&bulletin).unwrap().state, "issued");
    }
}

#[test]
fn whoever_loses_the_document_opens_its_annex_no_more_and_the_owner_may_withdraw_both() {
    let [brixton, kennington, police] = town::three();
    let [bulletin, annex] = by_command(&brixton);
    police.until("got the annex", listed);
    let grant = ["grant", "add", &annex, "Kennington CSU"];
    brixton.csu(&grant).good();
    kennington.until("got the annex, too", listed);
    // Why one reader opened it is for the owner, and not for the other reader.
    police.csu(&["annex", "show", &annex, "--reason", "case 4411"]).good();
    brixton.until("was told", |node| {
        let lines: Vec<LogLine> = node.acts(&format!("?document={annex}&who=Lambeth%20Police&verb=consultation")).ok()?;
        (lines.len() == 1).then_some(())
    });
    kennington.until("has the same entries", |node| {
        let history: Vec<Value> = node.get(&format!("/documents/{annex}/history")).ok()?;
        history.iter().any(|line| line["kind"] == "response").then_some(())
    });
    let responses = |node: &Node| -> usize {
        let reason = json!({ "reason": "case 4411" });
        node.post::<Document>(&format!("/documents/{annex}/openings"), &reason).unwrap().responses.len()
    };
    assert_eq!((responses(&kennington), responses(&brixton) > 0), (0, true));
    let foreseen = brixton.csu(&["grant", "revoke", &bulletin, "Kennington CSU", "--dry-run"]).good().stdout;
    assert!(foreseen.contains(&format!("Kennington CSU: would lose annex {} with it", &annex[..10])), "{foreseen}");
    brixton.csu(&["grant", "revoke", &bulletin, "Kennington CSU", "--yes"]).good();
    brixton.csu(&grant).refused(&["has not the role on", "csu grant add"]);
    kennington.until("lost the annex with the bulletin", |node| {
        let ran = node.csu(&["annex", "show", &annex, "--reason", "case 4411"]);
        (ran.code == Some(1) && ran.stderr.contains("no role any more")).then_some(())
    });
    police.csu(&["annex", "show", &annex, "--reason", "case 4411"]).good();
    brixton.csu(&["bulletin", "withdraw", &bulletin, "--reason", "mistaken"]).good();
    police.until("was told that the annex is withdrawn, too", |node| {
        let ran = node.csu(&["annex", "show", &annex, "--reason", "case 4411"]);
        (ran.code == Some(1) && ran.stderr.contains("withdrawn by Brixton CSU: mistaken")).then_some(())
    });
}
