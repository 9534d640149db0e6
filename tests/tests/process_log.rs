//! The access log and retention of real nodes: what stands in the log, that tampering shows, tables, and what is due.

use csu_node::desk::{Check, ErasureView, LogHead, LogLine, LogVerb, Moment};
use csu_protocol::time::Timestamp;
use csu_tests::node::Node;
use csu_tests::remains::headers;
use csu_tests::town::{self, issue};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The database of a stopped node, with nothing in the way of whoever wants to change the log.
fn database(node: &Node) -> Connection {
    let db = Connection::open(node.data().join("node.sqlite")).unwrap();
    db.execute_batch("DROP TRIGGER log_line_stays; DROP TRIGGER log_line_is_final").unwrap();
    db
}

fn stop(node: &Node) {
    node.csu(&["down"]).good();
    node.until("stopped", |node| (node.csu(&["status"]).code != Some(0)).then_some(()));
    node.kill();
}

fn of_log(checks: &[Check]) -> &Check {
    checks.iter().find(|check| check.name == "access log").expect("the doctor looks at the log")
}

#[test]
fn a_line_that_somebody_changed_in_the_database_is_named_by_the_doctor_and_by_the_check_running_or_not() {
    let node = Node::started("Brixton CSU", "union");
    for n in 0..5 {
        issue(&node, &format!("Burglaries {n}"), &[]);
    }
    let shown = node.csu(&["log", "head"]).good().stdout;
    let head: LogHead = serde_json::from_value(node.json(&["log", "head"])).unwrap();
    assert!(shown.contains(&head.to_string()), "{shown}");
    assert_eq!(node.json(&["status"])["log"]["lines"], head.lines);
    assert!(node.csu(&["status"]).good().stdout.contains(&head.to_string()));
    let kept = head.to_string();
    assert!(node.csu(&["log", "verify", "--head", &kept]).good().stdout.contains("is whole"));
    node.csu(&["log", "verify", "--head", &"7".repeat(64)]).refused(&["no line", "another node's"]);
    node.csu(&["doctor"]).good();
    stop(&node);
    // Nothing was touched yet.
    node.csu(&["log", "verify", "--head", &kept]).good();
    node.csu(&["doctor"]).good();

    let line = (head.lines - 2).cast_signed();
    let db = database(&node);
    let at: i64 = db.query_row("SELECT at FROM log WHERE key = ?1", [line], |row| row.get(0)).unwrap();
    assert_eq!(db.execute("UPDATE log SET who = 'nobody' WHERE key = ?1", [line]), Ok(1));
    drop(db);
    let named = format!("line {line}");
    let time = day_of(at);
    node.csu(&["log", "verify"]).refused(&["broken at", &named, &time, "as evidence"]);
    node.csu(&["log", "verify", "--head", &kept]).refused(&["broken at", &named]);
    let verdict: Value = serde_json::from_str(&node.csu(&["log", "verify", "--json"]).stdout).unwrap();
    assert_eq!((&verdict["whole"], &verdict["broken"]["line"]), (&json!(false), &json!(line)));
    let checks: Vec<Check> = serde_json::from_str(&node.csu(&["doctor", "--json"]).stdout).unwrap();
    assert!(!of_log(&checks).ok && of_log(&checks).detail.contains(&named), "{checks:?}");

    node.up();
    node.csu(&["log", "verify"]).refused(&["broken at", &named, &time]);
    node.until("told its doctor", |node| {
        let checks: Vec<Check> = node.get("/doctor").unwrap();
        (!of_log(&checks).ok && of_log(&checks).detail.contains(&named)).then_some(())
    });
    // It goes on working, and what is added is chained to what stands there.
    issue(&node, "After that", &[]);
    node.csu(&["log", "verify"]).refused(&["broken at", &named]);
}

/// The beginning of a time as messages have it: the day.
fn day_of(ms: i64) -> String {
    let day = Moment::from(Timestamp::from_ms(ms.unsigned_abs())).to_string();
    day[..10].to_owned()
}

#[test]
fn a_log_whose_end_was_cut_off_is_told_from_a_head_that_was_kept() {
    let node = Node::started("Brixton CSU", "union");
    issue(&node, "Burglaries", &[]);
    let early: LogHead = node.get("/log/head").unwrap();
    issue(&node, "More burglaries", &[]);
    let late: LogHead = node.get("/log/head").unwrap();
    assert!(late.lines > early.lines);
    stop(&node);
    let db = database(&node);
    db.execute("DELETE FROM log WHERE key > ?1", [early.lines.cast_signed()]).unwrap();
    node.csu(&["log", "verify"]).refused(&["were written", "cut off"]);
    // With SQLite's own count of lines set back too, nothing in the folder tells it any more.
    db.execute("UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'log'", [early.lines.cast_signed()]).unwrap();
    drop(db);
    assert!(node.csu(&["log", "verify"]).good().stdout.contains("--head"));
    node.csu(&["log", "verify", "--head", &early.to_string()]).good();
    let named = format!("ends at line {}", early.lines);
    node.csu(&["log", "verify", "--head", &late.to_string()]).refused(&[&named, "cut off", "as evidence"]);
    node.up();
    node.csu(&["log", "verify", "--head", &early.to_string()]).good();
    issue(&node, "Others", &[]);
    issue(&node, "And others", &[]);
    node.csu(&["log", "verify", "--head", &late.to_string()]).refused(&["made anew"]);
}

/// Keeps entries as the first versions did. Those of one node alone: nobody brought any.
fn put_ids_beside_entries(db: &rusqlite::Connection) {
    let headers = headers(db);
    db.execute_batch(
        "DROP INDEX entry_of_document;
         ALTER TABLE entry RENAME TO entry_now;
         CREATE TABLE entry (
             key INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES document (key), id BLOB NOT NULL UNIQUE,
             plane INTEGER NOT NULL, header BLOB NOT NULL, signature BLOB NOT NULL, payload BLOB, wraps BLOB,
             from_organisation BLOB, received INTEGER NOT NULL
         ) STRICT;
         CREATE INDEX entry_of_document ON entry (document);",
    )
    .unwrap();
    for (key, header) in headers {
        let id = csu_protocol::id::Hash::of(&header);
        db.execute(
            "INSERT INTO entry SELECT key, document, ?2, plane, ?3, signature, payload, wraps, NULL, received FROM entry_now WHERE key = ?1",
            rusqlite::params![key, id.as_bytes(), header],
        )
        .unwrap();
    }
    db.execute_batch("DROP TABLE entry_now; DROP TABLE author; DROP TABLE bringer").unwrap();
}

#[test]
fn a_database_of_a_version_without_a_chain_gets_one_when_its_node_starts() {
    let node = Node::started("Brixton CSU", "union");
    let id = issue(&node, "Burglaries", &[]);
    let before = node.acts("?limit=1000").unwrap();
    stop(&node);
    // As the first version would have left it.
    let db = database(&node);
    let later = [
        "ALTER TABLE log DROP COLUMN hash",
        "DROP TABLE term",
        "DROP TABLE facet",
        "ALTER TABLE listing DROP COLUMN facets",
        "DROP TABLE account_link",
        "DROP TABLE account",
        "DROP TABLE document_view",
        "DROP TABLE search",
        "DROP TABLE stale",
        "DROP TABLE summary",
        "DROP TABLE sharing",
        "DROP TABLE brought",
        "DROP TABLE annex",
        "DROP TABLE unreconciled",
        "DROP TABLE retention",
        "DROP TABLE circle_gift",
        "DROP TABLE circle_share",
        "DROP TABLE circle_member",
        "DROP TABLE circle",
        "ALTER TABLE draft DROP COLUMN circles",
        "ALTER TABLE document DROP COLUMN destroyed",
        "PRAGMA user_version = 1",
    ];
    db.execute_batch(&later.join(";")).unwrap();
    put_ids_beside_entries(&db);
    drop(db);
    node.csu(&["log", "verify"]).refused(&["older version", "csu up"]);
    let checks: Vec<Check> = serde_json::from_str(&node.csu(&["doctor", "--json"]).good().stdout).unwrap();
    assert!(of_log(&checks).detail.contains("older version"), "{checks:?}");
    node.up();
    assert!(node.csu(&["log", "verify"]).good().stdout.contains("is whole"));
    let after = node.acts("?limit=1000").unwrap();
    // The same lines with the same hashes: the chain follows from what the lines say.
    assert_eq!(after, before);
    node.csu(&["retention", "set", &id, "--review", "2200-01-01", "--why", "trial"]).good();
}

#[test]
fn a_node_that_is_killed_again_and_again_keeps_its_chain_and_every_head_that_it_told() {
    let node = Node::started("Brixton CSU", "union");
    let id = issue(&node, "Burglaries", &[]);
    let mut told = Vec::new();
    for round in 0..6 {
        std::thread::scope(|scope| {
            // Every look is a line of the log, until the node dies in the middle of one.
            let looking = scope.spawn(|| while node.document(&id).is_ok() {});
            std::thread::sleep(Duration::from_millis(40 + 17 * round));
            told.push(node.get::<LogHead>("/log/head").unwrap());
            std::thread::sleep(Duration::from_millis(3 * round));
            node.kill();
            looking.join().unwrap();
        });
        for head in &told {
            node.csu(&["log", "verify", "--head", &head.to_string()]).good();
        }
        node.up();
    }
    assert!(told.windows(2).all(|heads| heads[0].lines < heads[1].lines), "{told:?}");
    node.csu(&["log", "verify", "--head", &told[0].to_string()]).good();
}

#[test]
fn what_the_law_asks_to_be_logged_is_logged_with_who_to_whom_and_why() {
    let [brixton, kennington] = town::two();
    let id = issue(&brixton, "Burglaries", &[("Kennington CSU", "write")]);
    kennington.until_document(&id, "arrived", |document| document.state == "issued");
    brixton.csu(&["--as", "Jo", "bulletin", "show", &id]).good();
    // Both change it while they cannot reach each other; whoever publishes next joins the two.
    brixton.json(&["peer", "pause", "Kennington CSU"]);
    kennington.until("lost the connection", |node| node.csu(&["status"]).good().stdout.contains("0 of 1").then_some(()));
    brixton.json(&["bulletin", "update", &id, "instruction=Lock all windows."]);
    kennington.json(&["bulletin", "update", &id, "severity=Severe"]);
    brixton.json(&["peer", "pause", "Kennington CSU", "--resume"]);
    brixton.until_document(&id, "had both versions", |document| town::first(document, "severity") == "Severe");
    brixton.json(&["bulletin", "update", &id, "urgency=Past"]);
    brixton.json(&["grant", "revoke", &id, "Kennington CSU"]);
    let draft = brixton.json(&["note", "draft", "subject=x", "text=y"]);
    let number = draft["reference"].as_str().unwrap();
    brixton.json(&["note", "edit", number, "text=z"]);
    brixton.csu(&["note", "show", number]).good();
    brixton.json(&["note", "discard", number]);

    let lines = |node: &Node, verb: LogVerb| -> Vec<LogLine> { node.acts(&format!("?limit=1000&verb={verb}")).unwrap() };
    let has = |node: &Node, verb, what: &dyn Fn(&LogLine) -> bool| {
        let found = lines(node, verb);
        assert!(found.iter().any(what), "{} has no such {verb}: {found:#?}", node.name());
    };
    let on = |line: &LogLine| line.document.is_some_and(|document| document.to_string() == id);
    let why = |line: &LogLine, part: &str| line.why.as_deref().is_some_and(|why| why.contains(part));
    has(&kennington, LogVerb::Collection, &|line| on(line) && line.who == "Brixton CSU" && why(line, "role write"));
    has(&brixton, LogVerb::Collection, &|line| on(line) && line.who == "Kennington CSU" && why(line, "owns it"));
    has(&brixton, LogVerb::Collection, &|line| line.detail.contains(&format!("wrote draft {number}")));
    has(&brixton, LogVerb::Disclosure, &|line| {
        on(line) && line.to.as_deref() == Some("Kennington CSU") && why(line, "role write") && line.detail.contains("sealed content")
    });
    has(&brixton, LogVerb::Disclosure, &|line| {
        on(line) && line.to.as_deref() == Some("Kennington CSU") && why(line, "had a role") && line.detail.contains("who may do what")
    });
    has(&brixton, LogVerb::Consultation, &|line| on(line) && line.who == "Jo");
    has(&brixton, LogVerb::Consultation, &|line| line.detail == format!("read draft {number}"));
    has(&brixton, LogVerb::Alteration, &|line| on(line) && line.detail == "updated it");
    has(&brixton, LogVerb::Alteration, &|line| line.detail == format!("changed draft {number}"));
    has(&brixton, LogVerb::Combination, &|line| on(line) && line.detail.contains("joined 2 versions"));
    has(&brixton, LogVerb::Access, &|line| on(line) && line.to.as_deref() == Some("Kennington CSU") && line.detail.contains("took"));
    has(&brixton, LogVerb::Erasure, &|line| line.detail.contains(number));
    for node in [&brixton, &kennington] {
        node.csu(&["log", "verify"]).good();
    }
}

#[test]
fn a_table_of_the_log_holds_everything_asked_for_and_nothing_that_a_spreadsheet_would_run() {
    let node = Node::started("Brixton CSU", "union");
    let id = issue(&node, "Burglaries", &[]);
    // More lines than a page of the list has.
    for n in 0..350 {
        let who = if n == 7 { "=HYPERLINK(\"http://x\")" } else { "Jo" };
        let path = format!("/documents/{id}/history");
        node.get::<Value>(&path).unwrap();
        if n < 10 {
            node.csu(&["--as", who, "bulletin", "show", &id]).good();
        }
    }
    let head: LogHead = node.get("/log/head").unwrap();
    let file = node.outside("log.csv");
    node.csu(&["log", "--csv", file.to_str().unwrap()]).good();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let whole = fs::read_to_string(&file).unwrap();
    let numbers: Vec<u64> =
        whole.split("\r\n").skip(1).filter(|row| !row.is_empty()).map(|row| row.split(',').next().unwrap().parse().unwrap()).collect();
    assert_eq!(numbers, (1..=head.lines + 1).rev().collect::<Vec<_>>(), "every line once, the export's own among them");
    assert!(whole.contains(",\"'=HYPERLINK(\"\"http://x\"\")\",") && !whole.contains(",=HYPERLINK"), "{whole}");
    assert!(whole.contains(&id) && whole.contains(&head.hash.to_string()));
    node.csu(&["log", "--csv", file.to_str().unwrap()]).refused(&["never replaced"]);
    let exports = node.acts("?verb=consultation&who=tester").unwrap();
    assert!(exports.iter().any(|line| line.detail == "exported the access log as CSV"), "{exports:?}");
    // Filtered, on the standard output; the newest so many; none at all.
    let jo = node.csu(&["log", "--who", "Jo", "--csv"]).good().stdout;
    assert_eq!(jo.matches(",Jo,").count(), 9, "{jo}");
    assert_eq!(node.csu(&["log", "--csv", "--limit", "5"]).good().stdout.lines().count(), 6);
    assert_eq!(node.csu(&["log", "--until", "2020-01-01", "--csv"]).good().stdout.lines().count(), 1);
    assert_eq!(node.json(&["log", "--until", "2020-01-01"]), json!([]));
    assert_eq!(node.json(&["log", "--since", "2020-01-01", "--limit", "3"]).as_array().unwrap().len(), 3);
    node.csu(&["log", "--document", "ffff", "--csv"]).refused(&["holds no document"]);
}

#[test]
fn what_is_due_is_listed_soonest_first_and_a_run_says_what_became_of_each() {
    let [brixton, kennington] = town::two();
    let ours = issue(&brixton, "Burglaries", &[("Kennington CSU", "read")]);
    let other = issue(&brixton, "More burglaries", &[]);
    kennington.until_document(&ours, "arrived", |document| document.state == "issued");
    assert!(brixton.csu(&["retention", "list"]).good().stdout.contains("Nothing is due"));
    // A bulletin is reviewed after a year.
    let coming = brixton.json(&["retention", "list", "--before", "2200-01-01"]);
    assert_eq!((coming["items"].as_array().unwrap().len(), &coming["items"][0]["due"]), (2, &json!("nothing")));
    assert!(coming["items"][0]["ends"].is_null() && coming["items"][0]["review"].is_string(), "{coming}");
    assert_eq!(brixton.json(&["retention", "list", "--before", "2200-01-01", "--limit", "1"])["more"], 1);

    let set =
        |node: &Node, id: &str, words: &[&str]| node.json(&[&["retention", "set", id, "--why", "asked by the council"], words].concat());
    brixton.csu(&["retention", "set", &ours, "--until", "2020-01-01", "--why", "x"]).refused(&["has passed"]);
    brixton.csu(&["retention", "set", &ours, "--keep-months", "0", "--why", "x"]).refused(&["1 to 1200"]);
    brixton.csu(&["retention", "set", &ours, "--keep-months", "3", "--why", " "]).refused(&["reason"]);
    brixton.csu(&["retention", "set", &ours, "--why", "x"]).refused(&["--review"]);
    let kept = set(&brixton, &other, &["--keep-months", "6"]);
    assert_eq!((&kept["own"], &kept["why"], kept["review"].is_null()), (&json!(true), &json!("asked by the council"), true));
    set(&brixton, &other, &["--by-kind"]);
    // Far enough away for slow machines to say it all before.
    let now = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let soon = |ms: u64| Moment::from(Timestamp::from_ms(now + ms)).to_string();
    set(&brixton, &other, &["--review", &soon(6000)]);
    set(&brixton, &ours, &["--until", &soon(5000)]);
    set(&kennington, &ours, &["--until", &soon(5000)]);
    let due = brixton.until("had both due", |node| {
        let due = node.json(&["retention", "list"]);
        (due["items"].as_array().unwrap().len() == 2).then_some(due)
    });
    assert_eq!((&due["items"][0]["document"], &due["items"][0]["due"]), (&json!(ours), &json!("erasure")));
    assert_eq!((&due["items"][1]["document"], &due["items"][1]["due"]), (&json!(other), &json!("review")));
    let listed = brixton.csu(&["retention", "list"]).good().stdout;
    assert!(listed.contains("to erase") && listed.contains("to review") && listed.contains("asked by the council"), "{listed}");
    let tried = brixton.csu(&["retention", "run", "--dry-run"]).good().stdout;
    assert!(tried.contains(&ours[..10]) && tried.contains("would be erased"), "{tried}");
    kennington.until("had it due", |node| (!node.json(&["retention", "list"])["items"].as_array()?.is_empty()).then_some(()));
    // Who holds a copy alone cannot have it erased everywhere, and is told who can.
    let theirs = kennington.csu(&["retention", "run"]).good().stdout;
    assert!(theirs.contains("only Brixton CSU can erase it everywhere"), "{theirs}");
    let ran = brixton.json(&["retention", "run"]);
    assert_eq!((&ran["dryRun"], ran["items"].as_array().unwrap().len()), (&json!(false), 2));
    assert_eq!((&ran["items"][0]["line"]["document"], &ran["items"][0]["erased"]), (&json!(ours), &json!(true)), "{ran}");
    assert!(ran["items"][1]["outcome"].as_str().unwrap().contains("csu retention set"), "{ran}");
    kennington.until("erased it as well", |node| node.json(&["retention", "list"])["items"].as_array()?.is_empty().then_some(()));
    let logged = brixton.acts(&format!("?verb=alteration&document={ours}")).unwrap();
    assert!(logged.iter().any(|line| line.detail.contains("to be erased on") && line.why.as_deref() == Some("asked by the council")));
    // The settings of a kind hold again after a restart with others.
    stop(&brixton);
    brixton.up_with(&[("CSU_RETENTION_BULLETIN_MONTHS", "0")]);
    assert_eq!(brixton.json(&["retention", "list", "--before", "2200-01-01"])["items"].as_array().unwrap().len(), 1);
}

/// Notes in a stopped node's database that its clock was believed when it stood so.
fn believed(node: &Node, at: u64) {
    let database = Connection::open(node.data().join("node.sqlite")).unwrap();
    let sql = "INSERT INTO meta (name, value) VALUES ('clock-watch', ?1) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    database.execute(sql, [format!("{at} 86400000")]).unwrap();
}

#[test]
fn what_has_come_to_its_end_is_erased_by_the_node_itself_unless_its_clock_may_be_wrong() {
    const YEAR_MS: u64 = 365 * 24 * 3_600_000;
    let [brixton, kennington] = town::two();
    let ours = issue(&brixton, "Burglaries", &[("Kennington CSU", "read")]);
    kennington.until_document(&ours, "arrived", |document| document.state == "issued");
    let now = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let end = Moment::from(Timestamp::from_ms(now + 2000)).to_string();
    brixton.csu(&["retention", "set", &ours, "--until", &end, "--why", "the trial is over"]).good();
    brixton.until("saw its end", |node| (!node.json(&["retention", "list"])["items"].as_array()?.is_empty()).then_some(()));
    let retention = |node: &Node| {
        // A neighbour that is not connected yet makes the whole a failure.
        let checks: Value = serde_json::from_str(&node.csu(&["doctor", "--json"]).stdout).unwrap();
        checks.as_array().unwrap().iter().find(|check| check["name"] == "retention").unwrap()["detail"].as_str().unwrap().to_owned()
    };
    // A clock that nobody knows, one that is years ahead of where it was, and one that went back.
    for seen in [None, Some(now - 2 * YEAR_MS), Some(now + 2 * YEAR_MS)] {
        stop(&brixton);
        if let Some(seen) = seen {
            believed(&brixton, seen);
        }
        brixton.up();
        let told = retention(&brixton);
        assert!(told.contains("gone evenly for a day") && told.contains("csu retention run"), "{told}");
        assert_eq!(brixton.document(&ours).unwrap().state, "issued");
    }
    stop(&brixton);
    believed(&brixton, now - 1000);
    brixton.up_with(&[("CSU_ERASE_AT_END", "false")]);
    let told = retention(&brixton);
    assert!(told.contains("erase_at_end") && told.contains("csu retention run"), "{told}");
    stop(&brixton);
    brixton.up();
    let confirmed = |node: &Node| {
        let view: ErasureView = node.get(&format!("/documents/{ours}/erasure")).ok()?;
        (view.erased.is_some() && view.outstanding == 0).then_some(())
    };
    brixton.until("had it erased by both", confirmed);
    kennington.until("had it erased by both", confirmed);
    assert!(retention(&brixton).contains("nothing is due"));
    let logged = brixton.acts(&format!("?verb=erasure&document={ours}")).unwrap();
    assert!(logged.iter().any(|line| line.who.contains("this node, at its end")), "{logged:?}");
}
