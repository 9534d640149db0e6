//! Keys sealed by a passphrase, in real processes: what starts, what does not, and what a stolen disk is good for.

use csu_tests::node::{Node, Ran, command};
use csu_tests::town::{self, first};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const PASSPHRASE: &str = "five words that do not belong";

fn private(node: &Node, name: &str, text: &str) -> PathBuf {
    use std::io::Write;
    let path = node.outside(name);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    path
}

fn set(node: &Node, name: &str) -> PathBuf {
    let file = private(node, name, &format!("{PASSPHRASE}\n"));
    node.csu(&["passphrase", "set", "--new-passphrase-file", file.to_str().unwrap()]).good();
    file
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let place = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &place);
        } else if entry.metadata().unwrap().is_file() {
            std::fs::copy(entry.path(), place).unwrap();
        }
    }
}

#[test]
fn a_node_with_sealed_keys_starts_with_its_passphrase_alone() {
    let [brixton, kennington] = town::two();
    let bulletin = town::issue(&brixton, "Burglaries", &[("Kennington CSU", "read")]);
    kennington.until_document(&bulletin, "got it", |document| document.state == "issued");
    brixton.csu(&["passphrase", "set"]).refused(&["stop it first"]);
    brixton.terminate();
    let file = set(&brixton, "passphrase");
    brixton.up_refused().refused(&["sealed by a passphrase", "--passphrase-file"]);
    let wrong = private(&brixton, "wrong", "five words that do not belonG\n");
    let mut up = brixton.up_command();
    up.arg("--passphrase-file").arg(&wrong);
    Ran::of(up).refused(&["does not open"]);
    brixton.up_with(&[("CSU_PASSPHRASE_FILE", file.to_str().unwrap())]);
    town::until_connected(&brixton, &kennington);
    assert!(brixton.csu(&["doctor"]).good().stdout.contains("keys: sealed by a passphrase"));
    brixton.step(&bulletin, "update", &serde_json::json!({ "assign": ["headline=Burglaries go on"] })).unwrap();
    kennington.until_document(&bulletin, "got what came later", |document| first(document, "headline") == "Burglaries go on");
    // As systemd hands it over.
    brixton.terminate();
    std::fs::create_dir(brixton.outside("credentials")).unwrap();
    std::fs::copy(&file, brixton.outside("credentials").join("csu-passphrase")).unwrap();
    brixton.up_with(&[("CREDENTIALS_DIRECTORY", brixton.outside("credentials").to_str().unwrap())]);
    assert_eq!(first(&brixton.document(&bulletin).unwrap(), "headline"), "Burglaries go on");
}

#[test]
fn a_stolen_disk_with_sealed_keys_cannot_act_for_the_organisation_nor_open_what_was_sealed() {
    let [brixton, kennington] = town::two();
    let bulletin = town::issue(&brixton, "Burglaries", &[("Kennington CSU", "read")]);
    kennington.until_document(&bulletin, "got it", |document| document.state == "issued");
    let found = |word: &str| kennington.csu(&["search", word]).good().stdout.contains(&bulletin[..10]);
    assert!(found("windows") && found("burglaries"));
    kennington.terminate();
    set(&kennington, "passphrase");
    let stolen = kennington.outside("stolen");
    copy(kennington.data(), &stolen);
    let mut up = command();
    up.args(["up", "--no-mdns", "--listen", "/ip4/127.0.0.1/tcp/0", "--data"]).arg(&stolen);
    Ran::of(up).refused(&["sealed by a passphrase"]);
    let mut remove = command();
    remove.args(["passphrase", "remove", "--data"]).arg(&stolen);
    Ran::of(remove).refused(&["sealed by a passphrase"]);
    // What the sealed part says is in none of the files. The title is: lists are kept open, and the README says so.
    let holds = |word: &str| {
        let files = std::fs::read_dir(&stolen).unwrap().flatten().filter(|entry| entry.path().is_file());
        files.map(|entry| std::fs::read(entry.path()).unwrap()).any(|bytes| memchr::memmem::find(&bytes, word.as_bytes()).is_some())
    };
    assert!(!holds("Rear windows") && !holds("Lock rear windows"));
    assert!(holds("Burglaries"), "the search finds what is there");
}
