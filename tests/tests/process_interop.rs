//! What `csu export --format automerge` writes opens in the JavaScript Automerge and reads the same.
//!
//! Two organisations write one document, at times without knowing of each other. Then each exports it by the command, and a
//! program that knows nothing of CSU Link opens the file with `@automerge/automerge` from npm. What it shows is compared with
//! what `csu ... show --json` shows, and its heads, changes and actors with the entries that the nodes signed.

use csu_node::keys::Keys;
use csu_node::storage::{Options, Storage};
use csu_protocol::access::{Access, Insertion};
use csu_protocol::document::{Change, ChangeHash, Field, Form, kind};
use csu_protocol::id::{DocumentId, OrganisationId};
use csu_protocol::reading::{self, Opened, Reader};
use csu_protocol::store::Read;
use csu_tests::node::Node;
use csu_tests::programs::{node_modules, printed};
use csu_tests::town;
use data_encoding::HEXLOWER;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Exports a document by the command, and what JavaScript makes of the file.
fn exported(node: &Node, id: &str) -> Value {
    let file = node.outside("exported.automerge");
    // A command never replaces a file.
    std::fs::remove_file(&file).ok();
    node.csu(&["export", id, "--format", "automerge", "--output", file.to_str().unwrap()]).good();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/automerge.mjs");
    let output = Command::new("node").arg(script).arg(&file).env("CSU_TEST_NODE_MODULES", node_modules("@automerge/automerge")).output();
    let output = output.unwrap_or_else(|why| panic!("node cannot be run ({why}): run the suite by `tests/run process_interop`"));
    serde_json::from_str(&printed(&output)).unwrap()
}

/// A map as JavaScript shows it, as the fields that it is by the kind's description. Texts merge and are strings to JavaScript;
/// lines, choices and times are immutable strings; what is empty is not there.
fn as_fields(fields: &[Field], map: &Value) -> Map<String, Value> {
    let mut read = Map::new();
    for (name, value) in map.as_object().unwrap_or_else(|| panic!("no map: {map}")) {
        let field = fields.iter().find(|field| field.name == name).unwrap_or_else(|| panic!("{name} is no field"));
        let value = as_value(field.form, value);
        let empty = value == json!("") || value == json!([]) || value == json!({});
        if !empty {
            read.insert(name.clone(), value);
        }
    }
    read
}

fn as_value(form: Form, value: &Value) -> Value {
    let only = |key: &str| {
        let inner = value.as_object().filter(|map| map.len() == 1).and_then(|map| map.get(key));
        inner.unwrap_or_else(|| panic!("{value} is no {key}")).clone()
    };
    match form {
        Form::Text => only("text"),
        Form::Line | Form::Choice(_) | Form::Time => only("line"),
        Form::Number => {
            assert!(value.is_u64(), "{value} is no number");
            value.clone()
        }
        Form::List(inner) => value.as_array().unwrap().iter().map(|item| as_value(*inner, item)).collect(),
        Form::Records(inner) => value.as_array().unwrap().iter().map(|item| Value::Object(as_fields(inner, item))).collect(),
    }
}

/// That JavaScript reads what the command shows; gives what JavaScript read.
#[track_caller]
fn reads_the_same(node: &Node, of_kind: &str, id: &str) -> Value {
    let shown = node.json(&[of_kind, "show", id]);
    let read = exported(node, id);
    let kind = kind::find(of_kind).unwrap();
    let document = read["document"].as_object().unwrap();
    assert_eq!(document.keys().collect::<Vec<_>>(), ["fields", "kind", "marking", "state"]);
    assert_eq!(Value::Object(as_fields(kind.fields, &document["fields"])), shown["fields"]);
    assert_eq!(document["kind"]["line"], shown["kind"]);
    // Of conflicting markings the strictest holds, of states the highest; JavaScript shows one and names all.
    for name in ["marking", "state"] {
        let all = read["conflicts"].get(name).and_then(Value::as_array).cloned().unwrap_or_else(|| vec![document[name].clone()]);
        assert!(all.contains(&json!({ "line": shown[name] })), "{name}: {} is none of {all:?}", shown[name]);
    }
    let whole: Value = serde_json::from_str(&node.csu(&["export", id]).good().stdout).unwrap();
    assert_eq!(whole["document"]["fields"], shown["fields"]);
    read
}

/// That JavaScript reads the same from what both export.
#[track_caller]
fn both_read_the_same(one: &Node, other: &Node, id: &str) -> Value {
    let [ours, theirs] = [one, other].map(|node| reads_the_same(node, "bulletin", id));
    for name in ["document", "conflicts", "heads"] {
        assert_eq!(ours[name], theirs[name], "the two exports differ in {name}");
    }
    ours
}

/// What a node that has stopped holds of a document, opened anew from its files.
fn opened(node: &Node, document: &DocumentId) -> Opened {
    let keys = Keys::load(node.data(), None).unwrap();
    let storage = Storage::open(node.data(), Options::default()).unwrap().storage;
    let stored = storage.document(document).unwrap();
    let mut access = Access::default();
    for stored in &stored {
        let entry = stored.entry.clone().verify().unwrap();
        assert!(matches!(access.insert(entry, |_, _| true), Insertion::Sound(_)));
    }
    let reader = Reader { organisation: keys.card().card().organisation, secrets: keys.card_secrets() };
    let opened = reading::open(&access, &stored, &reader);
    assert!(opened.unreadable.is_empty(), "{:?}", opened.unreadable);
    opened
}

fn hashes(list: &Value) -> BTreeSet<ChangeHash> {
    let hash = |text: &Value| {
        let bytes = HEXLOWER.decode(text.as_str().unwrap().as_bytes()).unwrap();
        ChangeHash::new(bytes.try_into().unwrap())
    };
    list.as_array().unwrap().iter().map(hash).collect()
}

/// That heads, changes and actors are those of the entries that were signed; who signed how many revisions.
fn is_what_was_signed(read: &Value, opened: &Opened, document: &DocumentId) -> BTreeMap<OrganisationId, usize> {
    assert_eq!(&hashes(&read["heads"]), opened.content.heads());
    let signed: BTreeSet<ChangeHash> = opened.revisions.iter().map(|revision| revision.change).collect();
    let mut actors = BTreeSet::new();
    for change in read["changes"].as_array().unwrap() {
        // A change's hash is over all its bytes, and its check derives the actor from the document and them.
        let bytes = HEXLOWER.decode(change["bytes"].as_str().unwrap().as_bytes()).unwrap();
        let checked = Change::check(document, &bytes, &hashes(&change["deps"])).unwrap();
        assert_eq!(hashes(&json!([change["hash"]])), [checked.hash()].into());
        assert!(signed.contains(&checked.hash()), "nobody signed change {}", checked.hash());
        assert_eq!((&change["seq"], &change["time"], &change["message"]), (&json!(1), &json!(0), &Value::Null));
        assert!(actors.insert(change["actor"].as_str().unwrap().to_owned()), "two changes of one actor");
    }
    assert_eq!(actors.len(), signed.len(), "JavaScript has fewer changes than were signed");
    let mut by = BTreeMap::new();
    for revision in &opened.revisions {
        *by.entry(revision.organisation).or_default() += 1;
    }
    by
}

/// Parts two neighbours, or joins them again.
fn pause(one: &Node, other: &Node, resume: bool) {
    let line = ["peer", "pause", other.name(), "--resume"];
    one.json(if resume { &line } else { &line[..3] });
    if resume {
        town::until_connected(one, other);
    } else {
        other.until("lost the connection", |node| node.csu(&["status"]).good().stdout.contains("0 of 1").then_some(()));
    }
}

#[test]
fn a_bulletin_that_two_unions_wrote_at_once_reads_the_same_in_javascript() {
    let [brixton, kennington] = town::two();
    let draft = brixton.json(&[
        "bulletin",
        "draft",
        "event=Burglary",
        "headline=Burglaries on Railton Road \u{2013} \u{1f6a8} again",
        "urgency=Expected",
        "severity=Moderate",
        "certainty=Likely",
        "category=Security,Safety",
        "areaDesc=Railton Road",
        "polygon=51.4,-0.1 51.5,-0.1 51.5,-0.2 51.4,-0.1",
        "geocode.valueName=GSS",
        "geocode.value=E05002710",
        "description=Rear windows, in the afternoon.",
        "instruction=Lock rear windows.",
        "policeCategory=burglary",
        "onset=2026-11-20T18:00:00+00:00",
        "--to",
        "Kennington CSU=write",
    ]);
    let reference = draft["reference"].as_str().unwrap().to_owned();
    let issued = brixton.json(&["bulletin", "issue", &reference, "status=Actual", "scope=Public"]);
    let id = issued["id"].as_str().unwrap().to_owned();
    reads_the_same(&brixton, "bulletin", &id);
    kennington.until("may write", |node| {
        let ran = node.csu(&["bulletin", "show", &id, "--json"]);
        (ran.code == Some(0) && ran.json()["access"] == "write").then_some(())
    });
    kennington.json(&["bulletin", "update", &id, "info.area[1].areaDesc=Coldharbour", "incidents=CR/1,CR/2", "note=Seen here too."]);
    let had = |node: &Node, words: &str| {
        node.until(words, |node| node.json(&["bulletin", "show", &id]).to_string().contains(words).then_some(()))
    };
    had(&brixton, "Seen here too.");

    // Apart, both write the same text, the same line, the same list, and records beside each other; one ends the matter.
    pause(&brixton, &kennington, false);
    brixton.json(&[
        "bulletin",
        "update",
        &id,
        "instruction=Keep side gates shut. Lock rear windows.",
        "headline=Burglaries, as Brixton sees it",
        "category+=Fire",
        "info.area[0].areaDesc=Railton Road north",
        "incidents=CR/1,CR/2,CR/3",
    ]);
    kennington.json(&[
        "bulletin",
        "update",
        &id,
        "instruction=Lock rear windows. Ring 101. \u{1f514}",
        "headline=Burglaries, as Kennington sees it",
        "category+=Health",
        "info.area[1].circle+=51.47,-0.11 0.5",
        "incidents=CR/2,CR/4",
        "code=gates",
    ]);
    let apart: Vec<Value> = [&brixton, &kennington].map(|node| reads_the_same(node, "bulletin", &id)).into();
    assert_ne!(apart[0]["heads"], apart[1]["heads"], "the partition leaks");
    pause(&brixton, &kennington, true);
    had(&brixton, "Ring 101.");
    had(&kennington, "Keep side gates shut.");
    let merged = both_read_the_same(&brixton, &kennington, &id);
    assert_eq!(merged["heads"].as_array().unwrap().len(), 2);
    let shown = brixton.json(&["bulletin", "show", &id]);
    let instruction = shown.pointer("/fields/info/0/instruction").unwrap();
    assert_eq!(instruction, "Keep side gates shut. Lock rear windows. Ring 101. \u{1f514}");

    // A revision over both, and then the two move the state at once.
    kennington.json(&["bulletin", "update", &id, "severity=Severe"]);
    had(&brixton, "Severe");
    assert_eq!(both_read_the_same(&brixton, &kennington, &id)["heads"].as_array().unwrap().len(), 1);
    pause(&brixton, &kennington, false);
    brixton.json(&["bulletin", "update", &id, "severity=Extreme"]);
    kennington.json(&["bulletin", "resolve", &id]);
    pause(&brixton, &kennington, true);
    had(&brixton, "resolved");
    had(&kennington, "Extreme");
    let last = both_read_the_same(&brixton, &kennington, &id);
    assert_eq!(brixton.json(&["bulletin", "show", &id])["state"], "resolved");
    assert!(last["document"]["state"] == json!({ "line": "resolved" }) || last["conflicts"]["state"].as_array().unwrap().len() == 2);
    for node in [&brixton, &kennington] {
        assert!(node.terminate().success());
    }
    let document: DocumentId = id.parse().unwrap();
    for node in [&brixton, &kennington] {
        let by = is_what_was_signed(&last, &opened(node, &document), &document);
        assert_eq!(by.values().copied().collect::<BTreeSet<_>>(), BTreeSet::from([3, 4]), "who signed how many: {by:?}");
    }
}

#[test]
fn a_guide_with_numbers_records_and_texts_reads_the_same_in_javascript() {
    let node = Node::started("Brixton CSU", "union");
    let words = [
        "title=Alley gates",
        "problem=Rear alleys.\nDark ones.",
        "summary=Self-closing hinges.",
        "evidenceBasis=evaluation",
        "costLowPence=120000",
        "costHighPence=9007199254740991",
        "emmie.dimension=effect",
        "emmie.rating=moderate",
        "emmie[+].dimension=economics",
    ];
    let draft = node.json(&[&["guide", "draft"], &words[..]].concat());
    let published = node.json(&["guide", "publish", draft["reference"].as_str().unwrap()]);
    let id = published["id"].as_str().unwrap().to_owned();
    let read = reads_the_same(&node, "guide", &id);
    assert_eq!(read["document"]["fields"]["costHighPence"], json!(9_007_199_254_740_991_u64));
    node.json(&["guide", "edit", &id, "summary=Self-closing hinges, tested.", "emmie[0].rating=high", "costLowPence="]);
    node.json(&["guide", "publish", &id]);
    let read = reads_the_same(&node, "guide", &id);
    assert!(node.terminate().success());
    let document: DocumentId = id.parse().unwrap();
    is_what_was_signed(&read, &opened(&node, &document), &document);
}
