//! Giving to circles and by others, and taking back: what is shown before is what happens, on every node.

use csu_node::desk::{AccessLevel, Document};
use csu_tests::node::{Node, on_a_terminal, program};
use csu_tests::town::{bulletin, issue, three, two};
use serde_json::{Value, json};

const WARD: &str = "Ward neighbours";

fn until_access(node: &Node, id: &str, access: AccessLevel) {
    node.until_document(id, &format!("had the access {access:?} to {}", &id[..6]), |document| document.access == access);
}

fn items<'v>(value: &'v Value, path: &str) -> &'v [Value] {
    value.pointer(path).and_then(Value::as_array).unwrap_or_else(|| panic!("no list {path} in {value}"))
}

fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// Of each change: who, which way, which role.
fn told(changes: &[Value]) -> Vec<(&str, &str, &str)> {
    changes.iter().map(|change| (text(change, "/who/name"), text(change, "/change"), text(change, "/role"))).collect()
}

#[test]
fn a_circle_gives_past_documents_to_who_comes_in_and_takes_them_from_who_goes() {
    let nodes = three();
    let [brixton, kennington, police] = &nodes;
    let made = brixton.csu(&["circle", "create", WARD, "Kennington"]).good().stdout;
    assert!(made.contains("Kennington CSU") && made.contains("circle:Ward neighbours"), "{made}");
    let first = issue(brixton, "Two sheds", &[("circle:Ward neighbours", "write")]);
    let draft = brixton.json(&[
        "bulletin",
        "draft",
        "event=Burglary",
        "headline=Three sheds",
        "urgency=Expected",
        "severity=Moderate",
        "certainty=Likely",
        "category=Security",
        "areaDesc=Railton Road",
        "--circle",
        WARD,
    ]);
    let issued = brixton.json(&["bulletin", "issue", draft["reference"].as_str().unwrap(), "status=Actual", "scope=Public"]);
    let second = issued["id"].as_str().unwrap().to_owned();
    until_access(kennington, &first, AccessLevel::Write);
    until_access(kennington, &second, AccessLevel::Read);

    let listed = brixton.json(&["grant", "list", &first]);
    assert_eq!((text(&listed, "/0/to/name"), text(&listed, "/0/circles/0")), ("Kennington CSU", WARD));
    assert!(items(&kennington.json(&["grant", "list", &first]), "")[0].get("circles").is_none(), "a circle left its node");
    let sentence = |node: &Node| node.json(&["access", &first])["rows"][0]["sentence"].as_str().unwrap().to_owned();
    assert!(sentence(brixton).contains("granted by Brixton CSU as a member of Ward neighbours"), "{}", sentence(brixton));
    assert!(!sentence(kennington).contains(WARD), "a circle left its node");

    // On a pipe what follows is shown, and nothing is done.
    let added = brixton.json(&["circle", "add", WARD, "Lambeth Police"]);
    let mut offered = told(items(&added, "/pending"));
    offered.sort_unstable();
    assert_eq!(offered, [("Lambeth Police", "gives", "read"), ("Lambeth Police", "gives", "write")]);
    assert!(items(&added, "/applied").is_empty());
    let words = brixton.csu(&["circle", "pending"]).good().stdout;
    assert!(words.contains("Lambeth Police would get the role write") && words.contains("csu circle apply"), "{words}");
    assert!(police.document(&first).is_err() && police.document(&second).is_err());
    let done = brixton.csu(&["circle", "apply", WARD]).good().stdout;
    assert!(done.contains("[1/2]") && done.contains("[2/2]") && done.contains("\"Two sheds\""), "{done}");
    until_access(police, &first, AccessLevel::Write);
    until_access(police, &second, AccessLevel::Read);
    let again = brixton.csu(&["circle", "apply", WARD]).good().stdout;
    assert!(again.contains("Nothing follows"), "{again}");

    // Kennington has the first by name, too: it loses the second alone.
    brixton.json(&["grant", "add", &first, "Kennington CSU", "--role", "write"]);
    let removed = brixton.json(&["circle", "remove", WARD, "Kennington CSU", "--apply"]);
    assert_eq!(told(items(&removed, "/applied/0/done")), [("Kennington CSU", "takes", "read")]);
    assert_eq!(items(&removed, "/applied").len(), 1);
    assert_eq!(removed["pending"][0]["effect"], removed["applied"][0]["done"][0]["effect"], "shown was not what was done");
    until_access(kennington, &second, AccessLevel::Former);
    assert_eq!(kennington.document(&first).unwrap().access, AccessLevel::Write);
    kennington.json(&["bulletin", "update", &first, "severity=Severe"]);
    brixton.until_document(&first, "took Kennington's update", |document| document.state == "updated");
    assert_eq!(police.document(&second).unwrap().access, AccessLevel::Read);

    // Circles stay at home, over a restart too.
    brixton.terminate();
    brixton.up();
    let listed = brixton.json(&["circle", "list", WARD]);
    assert_eq!((listed["documents"].as_u64(), listed["members"][0]["name"].as_str()), (Some(2), Some("Lambeth Police")));
    assert!(items(&police.json(&["circle", "list"]), "").is_empty());
    brixton.csu(&["circle", "create", "lambeth police"]).refused(&["name of an organisation", "another name"]);
    brixton.csu(&["grant", "add", &second, WARD]).refused(&["circle:Ward neighbours"]);
    brixton.csu(&["grant", "revoke", &second, "--circle", WARD]).good();
    until_access(police, &second, AccessLevel::Former);
    brixton.csu(&["circle", "delete", WARD]).good();
    assert_eq!(police.document(&first).unwrap().access, AccessLevel::Write);
}

#[test]
fn a_circle_that_was_being_applied_when_the_node_was_killed_is_applied_by_asking_again() {
    const DOCUMENTS: usize = 24;
    let nodes = two();
    let [brixton, kennington] = &nodes;
    brixton.csu(&["circle", "create", WARD]).good();
    let ids: Vec<String> = (0..DOCUMENTS).map(|at| issue(brixton, &format!("Shed {at}"), &[("circle:Ward neighbours", "read")])).collect();
    brixton.csu(&["circle", "add", WARD, "Kennington CSU"]).good();
    let given = || ids.iter().filter(|id| !brixton.document(id).unwrap().readers.is_empty()).count();
    let mut seen = Vec::new();
    while seen.len() < 20 && seen.last() != Some(&DOCUMENTS) {
        // Later each time, so that some stroke falls into the middle of the work.
        let wait = std::time::Duration::from_millis(10 * u64::try_from(seen.len()).unwrap());
        std::thread::scope(|scope| {
            let applying = scope.spawn(|| brixton.csu(&["circle", "apply", WARD]));
            std::thread::sleep(wait);
            brixton.kill();
            applying.join().unwrap();
        });
        brixton.up();
        let now = given();
        assert!(seen.last().is_none_or(|before| *before <= now), "a kill took something back: {seen:?}, then {now}");
        let pending = brixton.json(&["circle", "pending", WARD]);
        assert_eq!(items(&pending, "/0/pending").len(), DOCUMENTS - now, "what is given and what is pending are not all: {pending}");
        seen.push(now);
    }
    println!("given after each kill: {seen:?}");
    brixton.csu(&["circle", "apply", WARD]).good();
    assert_eq!(given(), DOCUMENTS);
    for id in &ids {
        until_access(kennington, id, AccessLevel::Read);
    }
    // Nothing was given twice.
    for id in &ids {
        assert_eq!(items(&brixton.json(&["grant", "list", id]), "").len(), 1);
    }
}

#[test]
fn a_delegate_grants_in_turn_and_what_falls_with_it_is_shown_before_it_is_taken_back() {
    let nodes = three();
    let [brixton, kennington, police] = &nodes;
    // Under its usual marking nobody else may give it on.
    let strict = issue(brixton, "Sheds", &[]);
    brixton.csu(&["grant", "add", &strict, "Kennington CSU", "--role", "admin"]).refused(&["AMBER+STRICT", "mark it AMBER or milder"]);
    let body = json!({ "kind": "bulletin", "fields": bulletin("Two sheds"), "marking": "AMBER" });
    let draft: Document = brixton.post("/documents", &body).unwrap();
    let id = brixton.step(&draft.reference, "issue", &json!({})).unwrap().id.unwrap().to_string();
    let words = brixton.csu(&["grant", "add", &id, "Kennington CSU", "--role", "admin"]).good().stdout;
    assert!(words.contains("can give roles in turn") && words.contains("--cascade") && words.contains("--dry-run"), "{words}");
    until_access(kennington, &id, AccessLevel::Admin);
    kennington.json(&["grant", "add", &id, "Lambeth Police", "--role", "write"]);
    until_access(police, &id, AccessLevel::Write);
    police.csu(&["grant", "add", &id, "anyone"]).refused(&["takes the role admin", "Brixton CSU", "csu grant add"]);
    police.json(&["respond", &id, "comment", "--text", "We are on our way."]);
    police.json(&["bulletin", "update", &id, "headline=Four sheds"]);
    brixton.until_document(&id, "heard the police", |document| document.responses.len() == 1 && document.state == "updated");

    // By itself Kennington's role is all that falls.
    let alone = brixton.json(&["grant", "revoke", &id, "Kennington CSU", "--dry-run"]);
    assert_eq!(items(&alone, "/losses").len(), 1, "{alone}");
    assert_eq!(alone["losses"][0]["who"]["name"], "Kennington CSU");
    assert_eq!((text(&alone, "/stays/0/who/name"), text(&alone, "/stays/0/by/name")), ("Lambeth Police", "Kennington CSU"));
    // With what it passed on, the police, what it said and what it wrote fall too.
    let shown = brixton.json(&["grant", "revoke", &id, "Kennington CSU", "--cascade", "--dry-run"]);
    let mut losers: Vec<&str> = items(&shown, "/losses").iter().map(|loss| loss["who"]["name"].as_str().unwrap()).collect();
    losers.sort_unstable();
    assert_eq!(losers, ["Kennington CSU", "Lambeth Police"]);
    let mut fallen: Vec<&str> = items(&shown, "/entries").iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    fallen.sort_unstable();
    assert_eq!(fallen, ["response", "revision"]);
    assert!(items(&shown, "/changed").iter().any(|path| path.as_str().is_some_and(|path| path.ends_with("headline"))), "{shown}");
    assert_eq!((shown["state"]["from"].as_str(), shown["state"]["to"].as_str()), (Some("updated"), Some("issued")));
    let words = brixton.csu(&["grant", "revoke", &id, "Kennington CSU", "--cascade", "--dry-run"]).good().stdout;
    for part in ["Lambeth Police: has write, would have no role", "holds all the same: what it had received", "the text would change"] {
        assert!(words.contains(part), "no '{part}' in {words}");
    }
    assert_eq!(police.document(&id).unwrap().access, AccessLevel::Write, "a preview took something");
    // On a pipe nobody is asked: it is done, and what fell is told.
    let outcome = brixton.json(&["grant", "revoke", &id, "Kennington CSU", "--cascade"]);
    assert_eq!(outcome["effect"], shown);
    for node in [kennington, police] {
        until_access(node, &id, AccessLevel::Former);
    }
    let document = brixton.document(&id).unwrap();
    assert_eq!((document.state.as_str(), document.responses.len()), ("issued", 0));
}

#[test]
fn on_a_terminal_what_falls_is_shown_and_a_person_is_asked_before_anything_is_done() {
    let nodes = two();
    let [brixton, kennington] = &nodes;
    let typed = |rest: &str, answer: &str| {
        let line = format!("{} --data {} {rest}", program().display(), brixton.data().display());
        on_a_terminal(&line, answer.as_bytes(), &[("NO_COLOR", "1")]).good().stdout
    };
    brixton.csu(&["circle", "create", WARD]).good();
    let id = issue(brixton, "Two sheds", &[("circle:Ward neighbours", "read")]);
    let declined = typed("circle add 'Ward neighbours' Kennington", "no\n");
    assert!(declined.contains("Kennington CSU would get the role read") && declined.contains("Nothing of that was done"), "{declined}");
    assert!(brixton.document(&id).unwrap().readers.is_empty());
    let accepted = typed("circle add 'Ward neighbours' Kennington", "yes\n");
    assert!(accepted.contains("[1/1]") && accepted.contains("Kennington CSU has got the role read"), "{accepted}");
    until_access(kennington, &id, AccessLevel::Read);
    let declined = typed(&format!("grant revoke {id} Kennington"), "no\n");
    assert!(declined.contains("Kennington CSU: has read, would have no role") && declined.contains("Nothing was done"), "{declined}");
    assert_eq!(brixton.document(&id).unwrap().readers.len(), 1);
    let accepted = typed(&format!("grant revoke {id} Kennington"), "yes\n");
    assert!(accepted.contains("What fell") && accepted.contains("Kennington CSU: had read, has no role"), "{accepted}");
    until_access(kennington, &id, AccessLevel::Former);
}
