//! Accounts of a real node: the first one by its link, signing in over loopback, roles, being shut out, and what stays where.

use csu_node::desk::{LogLine, Status};
use csu_tests::browser::Browser;
use csu_tests::node::{Node, files};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;

const GOOD: &str = "correct horse battery";
const WEB: (&str, &str) = ("CSU_WEB", "127.0.0.1:0");

fn up(node: &Node) {
    node.up_with(&[WEB]);
}

fn started() -> Node {
    let node = Node::new("Brixton CSU", "union");
    up(&node);
    node
}

fn pages(node: &Node) -> String {
    node.get::<Status>("/status").unwrap().pages.expect("it offers pages")
}

fn port(node: &Node) -> String {
    pages(node).trim_end_matches('/').rsplit(':').next().unwrap().to_owned()
}

fn browser(node: &Node) -> Browser {
    Browser::at(&pages(node))
}

fn stop(node: &Node) {
    node.csu(&["down"]).good();
    node.kill();
}

/// The last line of the node's log that shows a link for the first account.
fn first_link(node: &Node) -> String {
    let text = node.until("showed a link", |node| Some(node.log_text()).filter(|text| text.contains("/begin/")));
    format!("/begin/{}", text.rsplit("/begin/").next().unwrap().split_whitespace().next().unwrap_or_default())
}

fn path_of(address: &str) -> &str {
    &address[address.find("/begin/").unwrap()..]
}

/// Somebody whom the owner of the node adds, at a browser of their own.
fn somebody(node: &Node, name: &str, roles: &[&str]) -> Browser {
    let mut line = vec!["account", "add", name];
    line.extend(roles.iter().flat_map(|role| ["--role", role]));
    let link = node.json(&line);
    let address = link["address"].as_str().unwrap();
    assert!(address.starts_with(&pages(node)), "{address}");
    let mut browser = browser(node);
    assert!(browser.get(path_of(address)).text.contains(name));
    let page = browser.post(path_of(address), &[("password", GOOD)]);
    assert_eq!((page.status, page.to.as_deref()), (303, Some("/")), "{}", page.text);
    assert_eq!(browser.post(path_of(address), &[("password", GOOD)]).status, 404, "used twice");
    browser
}

#[test]
fn the_first_account_is_made_by_the_link_that_the_start_shows_and_a_new_start_shows_a_new_one() {
    let node = started();
    let old = first_link(&node);
    stop(&node);
    up(&node);
    let new = node.until("showed another link", |node| Some(first_link(node)).filter(|link| *link != old));
    let mut browser = browser(&node);
    assert_eq!(browser.get(&old).status, 404);
    assert_eq!(browser.get("/").to.as_deref(), Some("/sign-in"));
    assert!(browser.get("/sign-in").text.contains("csu up"));
    assert_eq!(browser.get(&new).status, 200);
    let page = browser.post(&new, &[("name", "Ada Lovelace"), ("password", GOOD)]);
    assert_eq!((page.status, page.to.as_deref()), (303, Some("/")), "{}", page.text);
    assert!(browser.get("/").text.contains("Brixton CSU"));
    assert_eq!(browser.get(&new).status, 404);
    let accounts = node.json(&["account", "list"]);
    assert_eq!((&accounts[0]["name"], &accounts[0]["hasPassword"]), (&Value::from("Ada Lovelace"), &Value::from(true)));
    assert!(accounts[0]["roles"].as_array().unwrap().contains(&Value::from("administrator")));
    // The session outlives a restart, for which no further link is shown.
    let shown = node.log_text().matches("/begin/").count();
    stop(&node);
    up(&node);
    let mut again = Browser::at(&pages(&node));
    let (_, value) = browser.cookie().unwrap().split_once('=').unwrap();
    again.hold(&format!("csu-session-{}={value}", port(&node)));
    assert_eq!(again.get("/").status, 200);
    assert_eq!(node.log_text().matches("/begin/").count(), shown);
    // All of it is the owner's alone, and neither the password nor the link is in any file.
    for name in ["sessions.db", "node.sqlite"] {
        assert_eq!(fs::metadata(node.data().join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    let token = new.trim_start_matches("/begin/").as_bytes().to_vec();
    for file in files(node.data()) {
        let bytes = fs::read(&file).unwrap();
        for secret in [GOOD.as_bytes(), &token] {
            assert!(memchr::memmem::find(&bytes, secret).is_none(), "{}", file.display());
        }
    }
}

#[test]
fn what_somebody_may_is_what_their_roles_say_and_whoever_is_shut_out_is_out_at_once() {
    let node = started();
    let mut rae = somebody(&node, "Rae", &[]);
    let mut ada = somebody(&node, "Ada", &["administrator"]);
    assert_eq!(rae.get("/bulletins").status, 200);
    let refused = rae.get("/accounts");
    assert!(refused.status == 403 && refused.text.contains("ask Ada"), "{}", refused.text);
    assert_eq!(ada.get("/accounts").status, 200);
    node.csu(&["account", "roles", "rae", "--role", "administrator"]).good();
    assert_eq!(rae.get("/accounts").status, 200);
    let page = ada.post("/accounts/Rae/disable", &[("disabled", "yes")]);
    assert_eq!(page.status, 303, "{}", page.text);
    assert_eq!(rae.get("/bulletins").to.as_deref(), Some("/sign-in?next=%2Fbulletins"));
    assert_eq!(browser(&node).post("/sign-in", &[("name", "Rae"), ("password", GOOD)]).status, 403);
    node.csu(&["account", "enable", "Rae"]).good();
    let mut rae = browser(&node);
    assert_eq!(rae.post("/sign-in", &[("name", "RAE"), ("password", GOOD), ("next", "//evil.example/")]).to.as_deref(), Some("/"));
    let acts: Vec<LogLine> = node.acts("?verb=access").unwrap();
    assert!(acts.iter().any(|line| line.who == "Ada" && line.detail == "disabled the account of Rae"), "{acts:?}");
    assert!(acts.iter().any(|line| line.who == "tester" && line.detail.contains("changed the roles of Rae")), "{acts:?}");
}

#[test]
fn a_forgotten_password_is_recovered_by_the_owner_of_the_node_and_guessing_does_not_get_far() {
    let node = started();
    let mut before = somebody(&node, "Jo", &["editor"]);
    let mut guesser = browser(&node);
    let guesses: Vec<u16> =
        (0..8).map(|n| guesser.post("/sign-in", &[("name", "jo"), ("password", &format!("guess {n}"))]).status).collect();
    assert_eq!(guesses, [422, 422, 422, 422, 422, 429, 429, 429]);
    let page = guesser.post("/sign-in", &[("name", "Jo"), ("password", GOOD)]);
    assert!(page.status == 429 && page.head.contains("retry-after: ") && page.text.contains("then try again"), "{}", page.head);
    // A link is not guessed at, so it is not held up.
    let shown = node.csu(&["account", "reset", "Jo"]).good().stdout;
    let link = path_of(&shown).split_whitespace().next().unwrap().to_owned();
    assert_eq!(before.get("/account").status, 200, "the old password is good until a new one is chosen");
    let mut after = browser(&node);
    assert_eq!(after.post(&link, &[("password", "too short")]).status, 422);
    assert_eq!(after.post(&link, &[("password", "four words that differ")]).status, 303);
    assert_eq!(after.get("/account").status, 200);
    assert_eq!(before.get("/account").status, 303);
    node.csu(&["account", "reset", "nobody"]).refused(&["nobody called 'nobody'"]);
}

#[test]
fn a_page_elsewhere_gets_nothing_done() {
    let node = started();
    let mut ada = somebody(&node, "Ada", &["administrator"]);
    for headers in [
        "origin: https://evil.example\r\nsec-fetch-site: cross-site\r\n".to_owned(),
        "origin: https://evil.example\r\n".to_owned(),
        "origin: null\r\n".to_owned(),
        // Another node on this computer is another site for this.
        "origin: http://localhost:1\r\nsec-fetch-site: same-site\r\n".to_owned(),
    ] {
        let page = ada.post_with("/accounts", &[("name", "Mallory"), ("roles", "administrator")], &headers);
        assert_eq!(page.status, 403, "{headers}");
        assert_eq!(ada.post_with("/sign-out", &[], &headers).status, 403, "{headers}");
    }
    let names: Vec<Value> = node.json(&["account", "list"]).as_array().unwrap().iter().map(|account| account["name"].clone()).collect();
    assert_eq!(names, ["Ada"]);
    assert!(ada.cookie().unwrap().starts_with(&format!("csu-session-{}=", port(&node))));
}

#[test]
fn accounts_come_back_from_a_backup_and_sessions_do_not() {
    let node = started();
    let mut ada = somebody(&node, "Ada", &["administrator", "issuer"]);
    assert_eq!(ada.get("/").status, 200);
    let file = node.outside("brixton.backup").to_str().unwrap().to_owned();
    node.csu(&["backup", &file]).good();
    node.kill();
    let other = Node::on_new_machine("Brixton CSU");
    let listen = format!("/ip4/127.0.0.1/tcp/{0},/ip4/127.0.0.1/udp/{0}/quic-v1", other.port());
    let line = ["restore", &file, "--phrase-file", &node.phrase_file()];
    other.csu_with(&line, &[("CSU_LISTEN", &listen), ("CSU_MDNS", "false")]).good();
    up(&other);
    let mut again = browser(&other);
    let (_, value) = ada.cookie().unwrap().split_once('=').unwrap();
    again.hold(&format!("csu-session-{}={value}", port(&other)));
    assert_eq!(again.get("/").to.as_deref(), Some("/sign-in"));
    assert_eq!(again.post("/sign-in", &[("name", "Ada"), ("password", GOOD)]).status, 303);
    assert_eq!(again.get("/accounts").status, 200);
    assert!(!other.log_text().contains("/begin/"));
}
