//! The whole walk by commands alone, as the README tells it, and what other people's programs say of the exports.

use csu_tests::node::{Node, Ran, command, on_a_terminal};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("no {path} in {value}"))
}

/// Pairs two nodes by commands.
fn pair(one: &Node, other: &Node) {
    let invitation = one.json(&["invite", "--hours", "2"]);
    assert!(!invitation["addresses"].as_array().unwrap().is_empty());
    other.json(&["join", text(&invitation, "/ticket")]);
    let number = |here: &Node, of: &Node| {
        here.until("saw a number", |node| {
            let peers = node.json(&["peer", "list"]);
            let peer = peers.as_array()?.iter().find(|peer| peer["organisation"]["name"] == of.name())?.clone();
            peer["number"].as_str().map(str::to_owned)
        })
    };
    let (ours, theirs) = (number(one, other), number(other, one));
    assert_eq!(ours, theirs);
    let waiting = one.csu(&["peer", "list"]).good().stdout;
    assert!(waiting.contains(&ours) && waiting.contains("unverified"), "{waiting}");
    one.json(&["peer", "confirm", other.name(), "--number", &ours]);
    other.json(&["peer", "confirm", one.name(), "--yes"]);
    for (here, of) in [(one, other), (other, one)] {
        here.until("was paired", |node| {
            let peers = node.json(&["peer", "list"]);
            peers
                .as_array()?
                .iter()
                .any(|peer| peer["organisation"]["name"] == of.name() && peer["connected"] == true && peer["pairing"] == "confirmed")
                .then_some(())
        });
    }
}

fn three() -> [Node; 3] {
    let nodes =
        [("Brixton CSU", "union"), ("Kennington CSU", "union"), ("Lambeth Police", "police")].map(|(name, kind)| Node::started(name, kind));
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        pair(&nodes[one], &nodes[other]);
    }
    nodes
}

fn until_state(node: &Node, kind: &str, id: &str, state: &str) -> Value {
    node.until(&format!("saw it {state}"), |node| {
        let ran = node.csu(&[kind, "show", id, "--json"]);
        if ran.code != Some(0) {
            return None;
        }
        let document = ran.json();
        (document["state"] == state).then_some(document)
    })
}

#[test]
fn a_bulletin_goes_its_way_by_commands_alone() {
    let nodes = three();
    let [brixton, kennington, police] = &nodes;
    let drafted = brixton.json(&[
        "bulletin",
        "draft",
        "event=Burglary",
        "headline=Burglaries on Railton Road",
        "urgency=Expected",
        "severity=Moderate",
        "certainty=Likely",
        "category=Security",
        "areaDesc=Railton Road",
        "--to",
        "Kennington CSU",
        "--to",
        "Lambeth Police=write",
    ]);
    let draft = text(&drafted, "/reference").to_owned();
    assert_eq!((draft.as_str(), text(&drafted, "/state"), text(&drafted, "/marking")), ("d1", "draft", "AMBER+STRICT"));
    let edited = brixton.json(&["bulletin", "edit", &draft, "instruction=Lock rear windows.", "category+=Safety", "--marking", "GREEN"]);
    assert_eq!(text(&edited, "/draft/fields/info/0/category/1"), "Safety");
    let listed = brixton.json(&["bulletin", "list"]);
    assert_eq!((text(&listed, "/items/0/reference"), &listed["items"][0]["draft"]), ("d1", &Value::Bool(true)));
    let issued = brixton.json(&["bulletin", "issue", &draft, "status=Actual", "scope=Public"]);
    let id = text(&issued, "/id").to_owned();
    assert_eq!(text(&issued, "/state"), "issued");
    brixton.json(&["bulletin", "show", &draft]);
    brixton.json(&["bulletin", "show", &id[..6]]);
    for node in [kennington, police] {
        let there = until_state(node, "bulletin", &id, "issued");
        assert_eq!(there["fields"], issued["fields"]);
    }
    police.json(&["bulletin", "update", &id, "severity=Severe"]);
    until_state(brixton, "bulletin", &id, "updated");
    kennington.csu(&["bulletin", "update", &id, "severity=Minor"]).refused(&["takes the role write", "Brixton CSU", "csu grant add"]);
    kennington.json(&["respond", &id, "seen-here-too", "--text", "Two on Mayall Road."]);
    kennington.json(&["--as", "Jo", "respond", &id, "acknowledge"]);
    let heard = brixton.until("heard the responses", |node| {
        let document = node.json(&["bulletin", "show", &id]);
        (document["responses"].as_array()?.len() == 2).then_some(document)
    });
    assert_eq!((text(&heard, "/responses/0/text"), text(&heard, "/responses/1/person")), ("Two on Mayall Road.", "Jo"));
    let shown = brixton.csu(&["bulletin", "show", &id]).good().stdout;
    for part in ["Burglaries on Railton Road", "Lock rear windows.", "Two on Mayall Road.", "Kennington CSU", "999"] {
        assert!(shown.contains(part), "no '{part}' in {shown}");
    }
    let history = brixton.json(&["bulletin", "history", &id]);
    let kinds: Vec<&str> = history.as_array().unwrap().iter().map(|line| text(line, "/kind")).collect();
    assert_eq!((kinds[0], kinds.iter().filter(|kind| **kind == "revision").count()), ("genesis", 2), "{kinds:?}");
    grants(&nodes, &id);
    brixton.json(&["bulletin", "resolve", &id]);
    until_state(police, "bulletin", &id, "resolved");
    assert_eq!(brixton.csu(&["bulletin", "withdraw", &id]).code, Some(2), "a withdrawal says why");
    brixton.json(&["bulletin", "withdraw", &id, "--reason", "no-longer-needed"]);
    for node in [kennington, police] {
        let gone = until_state(node, "bulletin", &id, "withdrawn");
        assert_eq!(text(&gone, "/withdrawn/reason"), "no-longer-needed");
    }
    let verbs = |node: &Node| -> Vec<String> {
        let log = node.json(&["log", "--document", &id, "--limit", "500"]);
        log.as_array().unwrap().iter().map(|line| text(line, "/verb").to_owned()).collect()
    };
    for verb in ["alteration", "disclosure", "collection", "access"] {
        assert!(verbs(brixton).iter().any(|seen| seen == verb), "the log has no {verb}");
    }
    assert!(verbs(police).iter().any(|seen| seen == "consultation"), "who looked at it is not told: {:?}", verbs(police));
    // What was given to somebody, and what somebody here did, by name.
    let given = brixton.json(&["log", "--verb", "disclosure", "--who", "lambeth police"]);
    assert!(given.as_array().unwrap().iter().any(|line| line["to"] == "Lambeth Police" && line["reference"] == id[..10]), "{given}");
    assert!(given.as_array().unwrap().iter().all(|line| line["to"] == "Lambeth Police"), "{given}");
    let done = kennington.json(&["log", "--who", "Jo"]);
    assert_eq!(text(&done, "/0/detail"), "responded: acknowledge");
}

/// Giving and taking back, seen from all sides.
fn grants(nodes: &[Node; 3], id: &str) {
    let [brixton, kennington, police] = nodes;
    brixton.json(&["grant", "add", id, "Kennington CSU", "--role", "write"]);
    kennington.until("may write", |node| (node.json(&["bulletin", "show", id])["access"] == "write").then_some(()));
    let listed = brixton.json(&["grant", "list", id]);
    assert_eq!(listed.as_array().unwrap().len(), 3, "{listed}");
    let access = police.json(&["access", id]);
    assert_eq!(text(&access, "/owner/name"), "Brixton CSU");
    let told = police.csu(&["access", id]).good().stdout;
    assert!(told.contains("Kennington CSU may read, respond and revise, granted by Brixton CSU"), "{told}");
    police.csu(&["grant", "add", id, "Kennington CSU", "--role", "admin"]).refused(&["admin", "Brixton CSU"]);
    let revoked = brixton.json(&["grant", "revoke", id, "Kennington CSU"]);
    assert_eq!(text(&revoked, "/falls/0/name"), "Kennington CSU");
    brixton.csu(&["grant", "add", id, "anyone"]).refused(&["GREEN", "CLEAR"]);
    brixton.csu(&["grant", "revoke", id, "Kennington CSU"]).refused(&["no role", "csu access"]);
    kennington.until("lost its role", |node| (node.json(&["bulletin", "show", id])["access"] == "former").then_some(()));
    assert!(kennington.csu(&["access", id]).good().stdout.contains("taken back by Brixton CSU"));
}

#[test]
fn guides_and_notes_go_their_ways_by_commands_alone() {
    let nodes = three();
    let [brixton, kennington, police] = &nodes;
    let form = kennington.outside("guide.toml");
    fs::write(
        &form,
        "title = \"Alley gates\"\nproblem = \"Rear alleys.\"\nsummary = \"Self-closing hinges.\"\nevidenceBasis = \"evaluation\"\n",
    )
    .unwrap();
    let draft = kennington.json(&["guide", "draft", "--file", form.to_str().unwrap(), "--to", "anyone"]);
    let published = kennington.json(&["guide", "publish", text(&draft, "/reference"), "--marking", "CLEAR"]);
    let id = text(&published, "/id");
    let held = |node: &Node| {
        let ran = node.csu(&["guide", "show", id, "--json"]);
        (ran.code == Some(0)).then_some(())
    };
    brixton.until("read the guide", held);
    police.until("read the guide", held);
    kennington.json(&["guide", "edit", id, "costLowPence=120000", "emmie.dimension=effect", "emmie.rating=moderate"]);
    kennington.json(&["guide", "publish", id]);
    kennington.json(&["guide", "retire", id]);
    until_state(police, "guide", id, "retired");
    let automerge = police.outside("guide.automerge");
    police.csu(&["export", id, "--format", "automerge", "--output", automerge.to_str().unwrap()]).good();
    assert_eq!(fs::read(&automerge).unwrap()[..4], [0x85, 0x6f, 0x4a, 0x83], "no Automerge document");
    assert_eq!(fs::metadata(&automerge).unwrap().permissions().mode() & 0o777, 0o600);
    police.csu(&["export", id, "--output", automerge.to_str().unwrap()]).refused(&["never replaced"]);
    police.csu(&["export", id, "--format", "cap"]).refused(&["json or automerge"]);
    let whole: Value = serde_json::from_str(&police.csu(&["export", id]).good().stdout).unwrap();
    assert_eq!(text(&whole, "/document/title"), "Alley gates");

    let draft = brixton.json(&["note", "draft", "subject=Lamps", "text=Who maintains them?", "--to", "Lambeth Police"]);
    let sent = brixton.json(&["note", "send", text(&draft, "/reference")]);
    let id = text(&sent, "/id");
    until_state(police, "note", id, "sent");
    police.csu(&["note", "close", id]).refused(&[]);
    police.json(&["note", "answer", id, "--text", "The council."]);
    until_state(brixton, "note", id, "answered");
    brixton.json(&["note", "close", id]);
    until_state(police, "note", id, "closed");
    kennington.csu(&["note", "show", id]).refused(&["holds no document"]);
    let crowd = brixton.json(&["note", "draft", "subject=x", "text=y", "--to", "Lambeth Police", "--to", "Kennington CSU"]);
    brixton.csu(&["note", "send", text(&crowd, "/reference")]).refused(&[]);
    brixton.json(&["note", "discard", text(&crowd, "/reference")]);
    brixton.csu(&["note", "show", text(&crowd, "/reference")]).refused(&["no draft"]);
}

#[test]
fn a_neighbour_is_paused_resumed_and_removed_and_the_state_of_things_is_told() {
    let nodes = [("Brixton CSU", "union"), ("Kennington CSU", "union")].map(|(name, kind)| Node::started(name, kind));
    let [brixton, kennington] = &nodes;
    pair(brixton, kennington);
    let status = brixton.json(&["status"]);
    assert_eq!((text(&status, "/organisation/name"), text(&status, "/peers/0/state")), ("Brixton CSU", "connected"));
    assert!(brixton.csu(&["status"]).good().stdout.contains("1 of 1 neighbour connected"));
    brixton.csu(&["doctor"]).good();
    assert!(brixton.json(&["doctor"]).as_array().unwrap().iter().all(|check| check["ok"] == true));
    brixton.json(&["config"]);
    brixton.json(&["peer", "pause", "kennington"]);
    let to = ["--to", "Kennington CSU"];
    let fields = [
        "event=x",
        "headline=Paused",
        "urgency=Expected",
        "severity=Minor",
        "certainty=Likely",
        "category=Security",
        "areaDesc=Here",
        "status=Actual",
        "scope=Public",
    ];
    let draft = brixton.json(&["bulletin", "draft"].iter().chain(&fields).chain(&to).copied().collect::<Vec<_>>());
    let id = text(&brixton.json(&["bulletin", "issue", text(&draft, "/reference")]), "/id").to_owned();
    kennington.until("lost the connection", |node| node.csu(&["status"]).good().stdout.contains("0 of 1").then_some(()));
    kennington.csu(&["bulletin", "show", &id]).refused(&["holds no document"]);
    brixton.json(&["peer", "pause", "Kennington CSU", "--resume"]);
    until_state(kennington, "bulletin", &id, "issued");
    brixton.json(&["peer", "remove", "Kennington CSU"]);
    assert_eq!(brixton.json(&["peer", "list"]).as_array().unwrap().len(), 0);
    brixton.csu(&["peer", "remove", "Kennington CSU"]).refused(&["csu peer list"]);
    until_state(kennington, "bulletin", &id, "issued");
    // To pair anew, both end what was.
    let again = brixton.json(&["invite"]);
    kennington.csu(&["join", text(&again, "/ticket")]).refused(&["already paired", "csu peer remove"]);
    kennington.json(&["peer", "remove", "Brixton CSU"]);
    pair(brixton, kennington);
    brixton.json(&["down"]);
    brixton.csu(&["status"]).refused(&["csu up"]);
    let refused: Value = serde_json::from_str(&brixton.csu(&["status", "--json"]).stderr).unwrap();
    assert!(text(&refused, "/remedy").contains("csu up"));
}

#[test]
fn the_beginning_of_an_id_that_looks_like_the_number_of_a_draft_names_the_document() {
    let node = Node::started("Brixton CSU", "union");
    for count in 1..1500_u32 {
        let draft = node
            .post::<Value>("/documents", &serde_json::json!({ "kind": "guide", "assign": ["title=x", "summary=y", "problem=z"] }))
            .unwrap();
        let shared =
            node.post::<Value>(&format!("/documents/{}/steps/publish", text(&draft, "/reference")), &serde_json::json!({})).unwrap();
        let id = text(&shared, "/id");
        let digits = id[1..4].parse::<u32>().is_ok_and(|number| number > count);
        if id.starts_with('d') && digits && !id[1..4].starts_with('0') {
            assert_eq!(text(&node.json(&["guide", "show", &id[..4]]), "/id"), id);
            assert_eq!(text(&node.json(&["guide", "show", "d1"]), "/title"), "x");
            return;
        }
    }
    panic!("no id in 1500 begins with d and three digits");
}

#[test]
fn the_editor_changes_a_draft_and_a_mistake_in_it_comes_back_to_be_mended() {
    let node = Node::started("Brixton CSU", "union");
    node.json(&["bulletin", "draft", "headline=Burglaries", "severity=Minor"]);
    let editor = node.outside("editor.sh");
    let program = csu_tests::node::program();
    let edit = |script: &str| {
        fs::write(&editor, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&editor, fs::Permissions::from_mode(0o700)).unwrap();
        let line = format!("{} --data {} bulletin edit d1", program.display(), node.data().display());
        on_a_terminal(&line, b"", &[("EDITOR", editor.to_str().unwrap())])
    };
    edit("sed -i 's/^headline = .*/headline = \"Burglaries by night\"/' \"$1\"").good();
    let now = node.json(&["bulletin", "show", "d1"]);
    assert_eq!(text(&now, "/draft/fields/info/0/headline"), "Burglaries by night");
    assert_eq!(text(&now, "/draft/fields/info/0/severity"), "Minor");
    // First something that cannot be, then, with the error on top of the form, something that can.
    edit("if grep -q '^#!' \"$1\"; then sed -i 's/\"Awful\"/\"Severe\"/' \"$1\"; else sed -i 's/^severity = .*/severity = \"Awful\"/' \"$1\"; fi").good();
    assert_eq!(text(&node.json(&["bulletin", "show", "d1"]), "/draft/fields/info/0/severity"), "Severe");
    let unchanged = edit("true").good();
    assert!(unchanged.stdout.contains("Nothing was changed"), "{}", unchanged.stdout);
    let failed = edit("exit 3");
    assert_eq!(failed.code, Some(1), "{}", failed.stdout);
    assert!(failed.stdout.contains("the editor") && failed.stdout.contains("EDITOR"), "{}", failed.stdout);
    assert_eq!(node.csu(&["bulletin", "edit", "d1"]).code, Some(2), "no terminal");
}

#[test]
fn an_organisation_is_made_on_a_terminal_only_when_its_phrase_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let line = format!("{} --data {} init --name Brixton --kind union", csu_tests::node::program().display(), data.display());
    let refused = on_a_terminal(&line, b"\nwrong words\nzoo\n\n", &[]);
    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    assert!(refused.stdout.contains("24 words") && refused.stdout.contains("no organisation was made"), "{}", refused.stdout);
    assert!(!data.join("keys").exists());
}

fn check_schema(files: &[PathBuf]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/cap_schema.py");
    let output = Command::new(csu_tests::programs::python()).arg(script).args(files).output().expect("CSU_TEST_PYTHON names a Python");
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).matches(": valid").count(), files.len());
}

#[test]
fn exports_validate_against_the_schema_of_oasis_and_read_back_as_the_same_bulletin() {
    let node = Node::started("Brixton CSU", "union");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/cap");
    let mut files = Vec::new();
    for name in ["brixton-burglary.cap", "two-languages.cap", "update.cap", "version-1.1.cap", "signed-with-extras.cap"] {
        let imported = node.json(&["bulletin", "import", data.join(name).to_str().unwrap()]);
        let draft = text(&imported, "/document/reference").to_owned();
        if name.starts_with("signed") {
            // It has what CAP 1.2 does not allow: warned of when it came, refused before it is shared.
            node.csu(&["bulletin", "issue", &draft, "headline=Works on the embankment"]).refused(&["web", "ceiling", "csu bulletin edit"]);
            let mended = ["headline=Works on the embankment", "web=https://www.council.example/works", "ceiling="];
            let issued = node.json(&[&["bulletin", "issue", draft.as_str()], &mended[..]].concat());
            node.csu(&["export", text(&issued, "/id"), "--format", "cap"]).good();
            continue;
        }
        let empty = imported.pointer("/document/draft/fields/info/0").is_some_and(|block| block.get("contact").is_none());
        assert!(empty, "{name}: somebody's contact was taken over");
        let fields = ["headline=Burglaries in the afternoon", "urgency=Expected"];
        // One is addressed to an office by its e-mail address.
        let checked = ["--personal-data-checked", "addresses of offices"];
        let issued = node.json(&[&["bulletin", "issue", &draft], &fields[..], &checked].concat());
        let id = text(&issued, "/id").to_owned();
        let export = |stage: &str| {
            let file = node.outside(&format!("{name}.{stage}.cap"));
            node.csu(&["export", &id, "--format", "cap", "--output", file.to_str().unwrap()]).good();
            file
        };
        let mut stages = vec![("Alert", export("issued"))];
        node.json(&["bulletin", "update", &id, "severity=Extreme", "instruction=Ring 101 & stay <inside>."]);
        stages.push(("Update", export("updated")));
        let fields = node.json(&["bulletin", "show", &id])["fields"].clone();
        let again = node.json(&["bulletin", "import", stages[1].1.to_str().unwrap()]);
        let mut read = again.pointer("/document/draft/fields").unwrap().clone();
        let mut wrote = fields;
        // Where an alert came from is told apart by each import.
        for fields in [&mut read, &mut wrote] {
            fields.as_object_mut().unwrap().remove("origin");
        }
        assert_eq!(read, wrote, "{name}");
        node.json(&["bulletin", "withdraw", &id, "--reason", "mistaken"]);
        stages.push(("Cancel", export("withdrawn")));
        for (kind, file) in &stages {
            let whole = fs::read_to_string(file).unwrap();
            assert!(whole.contains(&format!("<msgType>{kind}</msgType>")), "{whole}");
            assert_eq!(whole.contains("<references>"), *kind != "Alert", "{whole}");
        }
        files.extend(stages.into_iter().map(|(_, file)| file));
    }
    check_schema(&files);
}

#[test]
fn help_version_and_mistyped_commands_end_as_they_should() {
    let run = |line: &[&str]| {
        let mut csu = command();
        csu.args(line);
        Ran::of(csu)
    };
    for line in
        [vec!["--help"], vec!["--version"], vec!["help", "bulletin"], vec!["bulletin", "issue", "--help"], vec!["grant", "add", "--help"]]
    {
        run(&line).good();
    }
    for line in [vec!["stauts"], vec!["bulletin"], vec!["bulletin", "publish", "d1"], vec!["peer"], vec!["respond", "d1", "cheer"]] {
        assert_eq!(run(&line).code, Some(2), "{line:?}");
    }
}

#[test]
fn the_examples_client_of_the_api_lists_what_a_running_node_holds() {
    let node = Node::started("Brixton CSU", "union");
    let fields = ["event=Theft", "category=Security", "severity=Minor", "urgency=Past", "certainty=Observed", "areaDesc=Mill Road"];
    let draft = node.json(&[&["bulletin", "draft", "headline=Bicycle thefts in Mill Road"], &fields[..]].concat());
    node.json(&["bulletin", "issue", text(&draft, "/reference")]);
    let printed = csu_tests::programs::api_client(&node.data().join("csu.sock"));
    assert!(printed.contains("Brixton CSU") && printed.contains("Bicycle thefts in Mill Road"), "{printed}");
}
