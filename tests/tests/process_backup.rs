//! Backups of real nodes, and restores as far as they need no network: what they hold, what they do not, and what is refused.

use csu_node::desk::{Document, DocumentsPage};
use csu_node::restoring;
use csu_protocol::identity::{RecoveryPhrase, RootKey};
use csu_tests::node::{Node, Ran, command, files};
use csu_tests::stranger::Needles;
use csu_tests::town;
use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn phrase(node: &Node) -> PathBuf {
    node.outside("phrase.txt")
}

fn root(node: &Node) -> RootKey {
    RecoveryPhrase::parse(&std::fs::read_to_string(phrase(node)).unwrap()).unwrap().root_key().unwrap()
}

/// Writes a backup; its file.
#[track_caller]
fn backup(node: &Node, name: &str) -> PathBuf {
    let file = node.outside(name);
    node.csu(&["backup", text(&file)]).good();
    file
}

/// `csu` on a data folder.
fn on(data: &Path, line: &[&str]) -> Ran {
    let mut csu = command();
    csu.arg("--data").arg(data).args(line);
    Ran::of(csu)
}

/// Restores a backup of this node beside it, offline: the data folder as it is before any neighbour was asked.
#[track_caller]
fn restored(node: &Node, file: &Path, name: &str) -> PathBuf {
    let data = node.outside(name);
    let at = csu_protocol::time::Timestamp::from_ms(1_800_000_000_000);
    drop(restoring::from_backup(&data, file, root(node), None, at, &mut |_| {}).unwrap());
    data
}

fn database(data: &Path) -> Connection {
    Connection::open_with_flags(data.join("node.sqlite"), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

fn documents(data: &Path) -> BTreeSet<String> {
    let database = database(data);
    let mut statement = database.prepare("SELECT lower(hex(id)) FROM document").unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(|row| row.unwrap()).collect()
}

/// The names in a folder that begin with a dot or end as something half-written does.
fn leftovers(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with('.') || name.ends_with(".part")).collect()
}

#[test]
fn a_backup_made_while_the_node_is_written_to_holds_all_that_was_acknowledged_before() {
    let node = Node::started("Brixton CSU", "union");
    let (acknowledged, stop) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    let known = || acknowledged.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let backups: Vec<(Vec<String>, PathBuf)> = std::thread::scope(|scope| {
        for writer in 0..2 {
            let (node, acknowledged, stop) = (&node, &acknowledged, &stop);
            scope.spawn(move || {
                for number in 0..10_000 {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let id = town::issue(node, &format!("Bulletin {writer}-{number}"), &[]);
                    acknowledged.lock().unwrap_or_else(PoisonError::into_inner).push(id);
                }
            });
        }
        let made = (0..4)
            .map(|number| {
                while known().len() < 5 * (number + 1) {
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
                let before = known();
                (before, backup(&node, &format!("backup-{number}")))
            })
            .collect();
        stop.store(true, Ordering::Relaxed);
        made
    });
    assert!(known().len() > backups[3].0.len(), "nothing was written meanwhile");
    for (number, (before, file)) in backups.iter().enumerate() {
        let held = documents(&restored(&node, file, &format!("restored-{number}")));
        let told = node.json(&["backup", "--check", text(file)]);
        assert_eq!(told["documents"].as_u64().unwrap(), held.len() as u64);
        assert!(before.iter().all(|id| held.contains(id)), "backup {number} lacks what was acknowledged before it");
    }
    assert_eq!(leftovers(node.data()), Vec::<String>::new());
    let log = node.csu(&["log", "--limit", "1000"]).good().stdout;
    assert_eq!(log.matches("wrote a backup").count(), 4, "{log}");
}

/// Every sealed payload and wrapped key of a document in a data folder.
fn sealed(data: &Path, id: &str) -> Vec<Vec<u8>> {
    let database = database(data);
    let query = "SELECT payload FROM entry JOIN document ON document.key = entry.document WHERE lower(hex(document.id)) = ?1
                 AND payload IS NOT NULL";
    let mut statement = database.prepare(query).unwrap();
    let rows = statement.query_map([id], |row| row.get(0)).unwrap();
    rows.map(|row| row.unwrap()).collect()
}

/// What a folder's files hold of words and sealed parts.
fn left(folder: &Path, words: &[&str], parts: &[Vec<u8>]) -> BTreeSet<String> {
    let needles = Needles::of(words);
    let mut found = BTreeSet::new();
    for file in files(folder) {
        let bytes = std::fs::read(&file).unwrap();
        found.extend(needles.plainly_in(&bytes).into_iter().map(|what| format!("{what} in {}", file.display())));
        let chunks = parts.iter().flat_map(|part| part.chunks_exact(16)).filter(|chunk| chunk.iter().any(|byte| *byte != 0));
        if chunks.into_iter().any(|chunk| memchr::memmem::find(&bytes, chunk).is_some()) {
            found.insert(format!("sealed bytes in {}", file.display()));
        }
    }
    found
}

#[test]
fn a_backup_made_after_an_erasure_holds_nothing_of_what_was_erased() {
    const WORDS: [&str; 2] = ["Quillonbury", "Zephyrine"];
    let [owner, reader] = town::two();
    let kept = town::issue(&owner, "Of another matter", &[("Kennington CSU", "read")]);
    let mut fields = town::bulletin(&format!("Break-in at {}", WORDS[0]));
    fields["info"][0]["description"] = json!(format!("The {} was forced. {}", WORDS[1], "Twice. ".repeat(900)));
    let to = json!([{ "who": reader.name(), "role": "read" }]);
    let draft: Document = owner.post("/documents", &json!({ "kind": "bulletin", "fields": fields, "to": to })).unwrap();
    let id = owner.step(&draft.reference, "issue", &json!({})).unwrap().id.unwrap().to_string();
    owner.csu(&["bulletin", "edit", &id, &format!("instruction=Ask {}.", WORDS[1])]).good();
    for held in [&id, &kept] {
        reader.until_document(held, "got it", |document| document.state == "issued");
    }
    let nodes = [&owner, &reader];
    let parts: Vec<Vec<u8>> = nodes.iter().flat_map(|node| sealed(node.data(), &id)).collect();
    assert!(parts.len() >= 2);
    let before = nodes.map(|node| backup(node, "before"));
    owner.csu(&["erase", &id, "--why", "consent-withdrawn", "--yes"]).good();
    owner.until("all confirmed", |node| {
        let view: csu_node::desk::ErasureView = node.get(&format!("/documents/{id}/erasure")).ok()?;
        (view.outstanding == 0).then_some(())
    });
    for (node, before) in nodes.into_iter().zip(before) {
        let after = backup(node, "after");
        // The files themselves show nothing of either.
        for file in [&before, &after] {
            let alone = node.outside("alone");
            std::fs::create_dir(&alone).unwrap();
            std::fs::copy(file, alone.join("file")).unwrap();
            assert_eq!(left(&alone, &WORDS, &parts), BTreeSet::new());
            std::fs::remove_dir_all(&alone).unwrap();
        }
        let found = left(&restored(node, &before, "from-before"), &WORDS, &parts);
        assert!(found.len() >= 2, "the search finds nothing where all is: {found:?}");
        let data = restored(node, &after, "from-after");
        assert_eq!(left(&data, &WORDS, &parts), BTreeSet::new(), "{}", node.name());
        let held = documents(&data);
        assert!(held.contains(&id) && held.contains(&kept), "that it was erased is known, and the rest is there");
        assert_eq!(leftovers(node.data()), Vec::<String>::new());
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "one backup and everything that can be asked of it, in order")]
fn a_node_is_backed_up_and_its_data_restored_by_command() {
    let node = Node::started("Brixton CSU", "union");
    let id = town::issue(&node, "Burglaries", &[]);
    node.csu(&["invite"]).good();
    std::fs::write(node.data().join("csu.toml"), "keep_mib = 123\n").unwrap();
    let file = backup(&node, "online");
    node.csu(&["backup", text(&file)]).refused(&["is there already", "--force"]);
    let told = node.csu(&["backup", text(&file), "--force"]).good().stdout;
    assert!(told.contains("Brixton CSU") && told.contains("Documents"), "{told}");
    let mut csu = command();
    csu.arg("--data").arg(node.data()).arg("backup").current_dir(node.outside("."));
    let told = Ran::of(csu).good().stdout;
    assert!(told.contains("brixton-csu-") && told.contains("Z.backup"), "{told}");
    assert!(node.terminate().success());
    // As a process leaves it that is killed while it copies the database.
    std::fs::write(node.data().join(".snapshot-killed"), "plain").unwrap();
    assert_eq!(leftovers(node.data()).len(), 1);
    let offline = node.outside("offline");
    let told = node.json(&["backup", text(&offline)]);
    assert_eq!((told["documents"].as_u64(), told["bytes"].as_u64()), (Some(1), Some(std::fs::metadata(&offline).unwrap().len())));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&offline).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let piped = node.outside("piped");
    let mut csu = command();
    csu.arg("--data").arg(node.data()).args(["backup", "-"]).stdout(std::fs::File::create(&piped).unwrap());
    assert!(csu.status().unwrap().success());
    let phrase = phrase(&node);
    for file in [&file, &offline, &piped] {
        node.csu(&["backup", "--check", text(file)]).good();
        let told = node.csu(&["backup", "--check", text(file), "--phrase-file", text(&phrase)]).good().stdout;
        assert!(told.contains("opened"), "{told}");
    }
    assert_eq!((leftovers(node.data()), leftovers(&node.outside("."))), (vec![], vec![]));

    // Refusals, each in its own words, and nothing is left.
    let other = Node::new("Stockwell CSU", "union");
    let whole = std::fs::read(&offline).unwrap();
    let ruined = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let (path, mut bytes) = (node.outside(name), whole.clone());
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let new = node.outside("new");
    let restore = |file: &Path, phrase: &Path| on(&new, &["restore", text(file), "--phrase-file", text(phrase)]);
    for (file, words) in [
        (ruined("cut", &|bytes| bytes.truncate(bytes.len() / 2)), ["cut off", "copy it again"]),
        (ruined("flipped", &|bytes| bytes[40_000] ^= 4), ["damaged", "copy it again"]),
        (ruined("newer", &|bytes| bytes[16] = 7), ["version 7", "newer one"]),
        (ruined("foreign", &|bytes| *bytes = b"hello".to_vec()), ["no backup of csu", "csu backup"]),
    ] {
        restore(&file, &phrase).refused(&words);
        node.csu(&["backup", "--check", text(&file)]).refused(&words);
    }
    restore(&offline, &self::phrase(&other)).refused(&["not that of Brixton CSU"]);
    other.csu(&["backup", "--check", text(&offline)]).refused(&["of Brixton CSU", "not of Stockwell CSU"]);
    on(node.data(), &["restore", text(&offline), "--phrase-file", text(&phrase)]).refused(&["holds the keys", "--data", "--resume"]);
    on(&new, &["restore", "--resume", "--phrase-file", text(&phrase)]).refused(&["no restore was begun"]);
    assert!(!new.exists());
    assert_eq!(leftovers(&node.outside(".")), Vec::<String>::new());

    // The data is restored; until recovery is done the node does not start, nor is it worked on otherwise.
    drop(restoring::from_backup(&new, &offline, root(&node), None, csu_protocol::time::Timestamp::from_ms(0), &mut |_| {}).unwrap());
    assert_eq!(std::fs::read_to_string(new.join("csu.toml")).unwrap(), "keep_mib = 123\n");
    assert!(documents(&new).contains(&id));
    let count = |data: &Path, query: &str| database(data).query_row(query, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count(&new, "SELECT count(*) FROM document JOIN unreconciled USING (id)"), 1, "silent until a neighbour was asked");
    // A ticket names the device that is gone.
    assert_eq!([node.data(), &new].map(|data| count(data, "SELECT count(*) FROM invitation")), [1, 0]);
    for line in [&["up", "--no-mdns", "--listen", "/ip4/127.0.0.1/tcp/0"][..], &["backup", text(&node.outside("again"))]] {
        on(&new, line).refused(&["restore of this node is not finished", "csu restore --resume"]);
    }
    let passphrase = ruined("passphrase", &|bytes| *bytes = b"five words that do not belong".to_vec());
    std::fs::set_permissions(&passphrase, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    on(&new, &["passphrase", "set", "--new-passphrase-file", text(&passphrase)]).refused(&["csu restore --resume"]);
    let found = on(&new, &["doctor"]);
    assert!(found.stdout.contains("csu restore --resume"), "{}", found.stdout);
}

#[test]
fn a_node_set_up_before_there_were_backups_is_told_once_what_they_are_sealed_for() {
    let [node, other] = [Node::started("Brixton CSU", "union"), Node::new("Stockwell CSU", "union")];
    std::fs::remove_file(node.data().join("keys/recovery.pub")).unwrap();
    let file = node.outside("backup");
    node.csu(&["backup", text(&file)]).refused(&["before there were backups", "csu backup --set-key"]);
    assert!(node.csu(&["doctor"]).stdout.contains("csu backup --set-key"));
    node.csu(&["backup", "--set-key", "--phrase-file", text(&phrase(&other))]).refused(&["not that of the organisation"]);
    // While the node runs.
    node.csu(&["backup", "--set-key", "--phrase-file", text(&phrase(&node))]).good();
    node.csu(&["backup", text(&file)]).good();
    // Anothers key would make backups that nobody opens.
    std::fs::copy(other.data().join("keys/recovery.pub"), node.data().join("keys/recovery.pub")).unwrap();
    node.csu(&["backup", text(&file), "--force"]).refused(&["did not sign it", "csu backup --set-key"]);
    node.csu(&["backup", text(&file), "--force", "--phrase-file", text(&phrase(&node))]).good();
    node.csu(&["backup", "--check", text(&file), "--phrase-file", text(&phrase(&node))]).good();
    let page: DocumentsPage = node.get("/documents").unwrap();
    assert!(page.items.is_empty());
}

#[test]
fn sealed_keys_stay_out_of_backups_and_a_restored_node_has_a_passphrase_of_its_own() {
    let node = Node::new("Brixton CSU", "union");
    let private = |name: &str, text: &str| {
        let path = node.outside(name);
        csu_node::keys::write_new_private(&path, text.as_bytes()).unwrap();
        path
    };
    let (first, second) = (private("first", "five words that do not belong"), private("second", "other words that do not belong"));
    node.csu(&["passphrase", "set", "--new-passphrase-file", text(&first)]).good();
    let file = node.outside("backup");
    // Nobody is there to type it, and the node that could do without does not run.
    node.csu(&["backup", text(&file)]).refused(&["sealed by a passphrase"]);
    node.csu_with(&["backup", text(&node.outside("offline"))], &[("CSU_PASSPHRASE_FILE", text(&first))]).good();
    node.up_with(&[("CSU_PASSPHRASE_FILE", text(&first))]);
    node.csu(&["backup", text(&file)]).good();
    let data = node.outside("new");
    let passphrase = csu_node::keys::Passphrase::given(&std::fs::read_to_string(&second).unwrap());
    let at = csu_protocol::time::Timestamp::from_ms(0);
    drop(restoring::from_backup(&data, &file, root(&node), Some(&passphrase), at, &mut |_| {}).unwrap());
    assert!(csu_node::keys::Keys::load(&data, Some(&passphrase)).is_ok());
    assert!(csu_node::keys::Keys::load(&data, Some(&csu_node::keys::Passphrase::given("five words that do not belong"))).is_err());
    let old = std::fs::read(node.data().join("keys/node.key")).unwrap();
    for file in files(&data) {
        assert!(memchr::memmem::find(&std::fs::read(&file).unwrap(), &old[60..]).is_none(), "{}", file.display());
    }
}

#[test]
fn a_phrase_that_is_typed_is_not_shown_and_may_be_mistyped() {
    use std::io::{Read, Write};
    let node = Node::new("Brixton CSU", "union");
    let file = node.outside("backup");
    node.csu(&["backup", text(&file)]).good();
    let words = std::fs::read_to_string(phrase(&node)).unwrap();
    let program = csu_tests::node::program();
    let line = format!("'{}' --data '{}' backup --check '{}' --open", text(&program), text(node.data()), text(&file));
    let mut script = std::process::Command::new("script");
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]).env("TERM", "dumb");
    script.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut script = script.spawn().unwrap();
    let (mut typing, mut screen) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
    let mut shown = String::new();
    let mut bytes = [0; 4096];
    for (asked, typed) in [(1, "zoo zoo\n"), (2, words.as_str())] {
        while shown.matches("they are not shown").count() < asked {
            let read = screen.read(&mut bytes).unwrap();
            assert!(read > 0, "it ended: {shown}");
            shown.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
        // The question is asked just before the terminal is told to show nothing: people type later than that.
        std::thread::sleep(std::time::Duration::from_secs(1));
        typing.write_all(typed.as_bytes()).unwrap();
    }
    screen.read_to_string(&mut shown).unwrap();
    assert!(script.wait().unwrap().success(), "{shown}");
    assert!(shown.contains("24 words, not 2") && shown.contains("2 tries left") && shown.contains("opened"), "{shown}");
    assert!(!shown.contains("zoo") && !shown.contains(&words[..20]), "the phrase was shown: {shown}");
}
