//! Two real processes: what they hold before they start, and watching them without asking them anything.

use super::bulletins::{Bulletin, ENTRIES, LAST, Writer, case};
use crate::node::Node;
use crate::town;
use csu_node::cli::client::segment;
use csu_node::desk::{AccessLevel, DocumentsPage, Peer, Status};
use csu_node::keys::Keys;
use csu_node::log_verb::LogVerb;
use csu_node::storage::{FILE, Listed, LogLine, Options, Storage, Words};
use csu_protocol::document::Marking;
use csu_protocol::id::OrganisationId;
use csu_protocol::store::{NewEntry, Write};
use csu_protocol::time::Timestamp;
use rusqlite::{Connection, OpenFlags, params};
use serde_json::json;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often a database is looked at.
pub(super) const LOOK: Duration = Duration::from_millis(5);
/// How long anything may take that no document makes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many lots of bulletins may wait for a database.
const AHEAD: usize = 2;

/// How long something may take that `documents` make longer. Far more than it should.
pub(super) fn patience(documents: u64) -> Duration {
    PATIENCE + Duration::from_millis(documents.saturating_mul(50))
}

/// Now, as a node's clock shows it.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A node's keys.
pub(super) fn keys(node: &Node) -> Keys {
    Keys::load(node.data(), None).expect("the keys of a node of this program")
}

/// A union that has bulletins, and a neighbour that does not, paired and up.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) owner: Node,
    pub(super) neighbour: Node,
}

impl Pair {
    pub(super) fn up() -> Self {
        let [owner, neighbour] = town::two();
        Self { owner, neighbour }
    }

    pub(super) fn writer(&self) -> Writer {
        Writer::new(keys(&self.owner), &keys(&self.neighbour))
    }

    /// Stops or resumes, as the neighbour's operator may.
    pub(super) fn pause(&self, paused: bool) {
        let path = format!("/peers/{}/pause", segment(self.owner.name()));
        self.neighbour.post::<Peer>(&path, &json!({ "paused": paused })).expect("a neighbour can be paused");
    }

    pub(super) fn stop(&self) {
        for node in [&self.owner, &self.neighbour] {
            assert!(node.terminate().success(), "{} did not stop well\n{}", node.name(), node.tail());
        }
    }
}

/// To whom the bulletins belong that are put into a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// To the node itself.
    Own,
    /// To this neighbour, who brought them.
    From(OrganisationId),
}

/// Puts bulletins into the database of a node that is down, as it would itself and by its own storage: entries and what they come
/// to, the lines of its list, what is searched in, and the lines of its access log.
#[derive(Debug)]
pub(super) struct Filler {
    storage: Storage,
    owner: OrganisationId,
    held: Held,
    /// Bytes of entries that were brought so far.
    brought: u64,
}

impl Filler {
    pub(super) fn open(node: &Node, owner: OrganisationId, held: Held) -> Self {
        let storage = Storage::open(node.data(), Options::default()).expect("the database of a node that is down").storage;
        Self { storage, owner, held, brought: 0 }
    }

    /// Puts them all, durably, with one commit.
    fn put(&mut self, bulletins: &[Bulletin]) {
        for bulletin in bulletins {
            self.put_one(bulletin);
        }
        if let Held::From(bringer) = self.held {
            self.brought += bulletins.iter().flat_map(|bulletin| &bulletin.entries).map(|entry| entry.size() as u64).sum::<u64>();
            let brought = Write::Brought { bringer, owner: self.owner, bytes: self.brought };
            self.storage.apply(&brought).expect("an account can be written");
        }
        self.storage.commit().expect("room for the workload");
    }

    fn put_one(&mut self, bulletin: &Bulletin) {
        let (document, at) = (bulletin.document, bulletin.updated);
        let (from, received, access, verb, who, acts) = match self.held {
            Held::Own => (None, None, AccessLevel::Owner, LogVerb::Alteration, "tester", &["issued it", "updated it"][..]),
            Held::From(peer) => {
                let acts = &["received 1 entry", "received 5 entries"][..];
                (Some(peer), Some(at), AccessLevel::Read, LogVerb::Collection, "Brixton CSU", acts)
            }
        };
        for entry in &bulletin.entries {
            let entry = entry.clone().reopen().expect("an entry of this program");
            self.storage.apply(&Write::Entry(Box::new(NewEntry { entry, from, received: at }))).expect("an entry can be written");
        }
        let summary = bulletin.summary.clone();
        self.storage.apply(&Write::Summary { document, summary }).expect("what entries come to can be written");
        let line = Listed {
            document,
            kind: "bulletin".to_owned(),
            title: bulletin.title.clone(),
            state: "updated".to_owned(),
            marking: Some(Marking::AmberStrict.to_string()),
            owner: self.owner,
            updated: at,
            received,
            access: access.as_str().to_owned(),
            unread: received.is_some(),
        };
        self.storage.put_listing(&line).expect("a line can be written");
        let words = Words { title: bulletin.title.clone(), text: bulletin.searched.to_string() };
        self.storage.put_words(&document, Some(&words)).expect("words can be written");
        for detail in acts {
            let line =
                LogLine { at, verb, who: who.to_owned(), document: Some(document), to: None, why: None, detail: (*detail).to_owned() };
            self.storage.append_log(&line).expect("a line can be written");
        }
    }

    fn close(self) {
        self.storage.close().expect("a database can be closed");
    }
}

/// Puts these bulletins into databases, each on a thread of its own, and hands them on.
pub(super) fn fill(fillers: Vec<Filler>, writer: &Writer, bulletins: Range<u64>, mut each: impl FnMut(Arc<Vec<Bulletin>>)) {
    std::thread::scope(|scope| {
        let feeds: Vec<SyncSender<Arc<Vec<Bulletin>>>> = fillers
            .into_iter()
            .map(|mut filler| {
                let (feed, some) = std::sync::mpsc::sync_channel::<Arc<Vec<Bulletin>>>(AHEAD);
                scope.spawn(move || {
                    some.into_iter().for_each(|some| filler.put(&some));
                    filler.close();
                });
                feed
            })
            .collect();
        writer.write_all(bulletins, |some| {
            let some = Arc::new(some);
            for feed in &feeds {
                feed.send(some.clone()).expect("a database that takes bulletins");
            }
            each(some);
        });
    });
}

/// Makes the second of two nodes that are down reach the first at `address` alone, and the first not the second.
pub(super) fn reroute(pair: &Pair, address: &str) {
    for (node, addresses) in [(&pair.owner, json!([])), (&pair.neighbour, json!([address]))] {
        let db = Connection::open(node.data().join(FILE)).expect("the database of a node that is down");
        db.execute("UPDATE peer SET addresses = ?1", params![addresses.to_string()]).expect("a peer");
        db.execute("DELETE FROM address", []).expect("addresses");
    }
}

/// Looks into a node's database beside it: what it sees is committed.
#[derive(Debug)]
pub(super) struct Eye(Connection);

impl Eye {
    pub(super) fn on(node: &Node) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(node.data().join(FILE), flags).expect("the database of a node");
        db.busy_timeout(PATIENCE).expect("a timeout");
        Self(db)
    }

    fn number(&self, query: &str) -> u64 {
        let mut statement = self.0.prepare_cached(query).expect("a query");
        statement.query_row([], |row| row.get::<_, i64>(0)).expect("a number").unsigned_abs()
    }

    /// Entries, by the number of the newest: none is ever removed. Takes as long for few as for many.
    pub(super) fn entries(&self) -> u64 {
        self.number("SELECT coalesce(max(key), 0) FROM entry")
    }

    /// The same, counted.
    pub(super) fn counted_entries(&self) -> u64 {
        self.number("SELECT count(*) FROM entry")
    }

    /// Bulletins whose line shows their last version.
    pub(super) fn listed(&self) -> u64 {
        self.number(&format!("SELECT count(*) FROM listing WHERE title LIKE '%{LAST}' AND state = 'updated'"))
    }

    /// Bulletins whose last version is found by the node's search.
    pub(super) fn found(&self) -> u64 {
        let phrase = LAST.trim_start_matches(", ");
        self.number(&format!("SELECT count(*) FROM listing WHERE key IN (SELECT rowid FROM search WHERE search MATCH '\"{phrase}\"')"))
    }

    /// Whether a line of this title is there, among those behind line `after`.
    pub(super) fn lists(&self, title: &str, after: i64) -> bool {
        let mut statement = self.0.prepare_cached("SELECT 1 FROM listing WHERE key > ?1 AND title = ?2").expect("a query");
        statement.exists(params![after, title]).expect("an answer")
    }

    /// The number of the newest line of the list.
    pub(super) fn newest_line(&self) -> i64 {
        self.number("SELECT coalesce(max(key), 0) FROM listing").cast_signed()
    }

    /// Waits until `seen` of it is there.
    #[track_caller]
    pub(super) fn until(&self, what: &str, within: Duration, mut seen: impl FnMut(&Self) -> bool) {
        let until = Instant::now() + within;
        loop {
            let looked = Instant::now();
            if seen(self) {
                return;
            }
            assert!(Instant::now() < until, "a node never had {what}: {} entries, {} lines", self.entries(), self.listed());
            // Looking takes a tenth of one core at most.
            std::thread::sleep(LOOK.max(looked.elapsed() * 9));
        }
    }
}

/// That a node says of itself what its database shows: all documents there and listed, and of the bulletins with these numbers,
/// `0..bulletins`, the last one found and opened.
#[track_caller]
pub(super) fn check(node: &Node, bulletins: u64, last: &Bulletin) {
    let status: Status = node.get("/status").expect("a status");
    assert_eq!((status.documents, status.to_be_listed), (bulletins, 0), "documents of {}, and those it does not list", node.name());
    assert_eq!(Eye::on(node).counted_entries(), bulletins * ENTRIES, "entries of {}", node.name());
    let document = node.document(&last.document.to_string()).expect("a bulletin");
    assert_eq!((document.title.as_str(), document.state.as_str()), (last.title.as_str(), "updated"));
    let path = format!("/documents?search={}", segment(&format!("\"{}\"", case(bulletins - 1))));
    let page: DocumentsPage = node.get(&path).expect("a page of what was found");
    let titles: Vec<&str> = page.items.iter().map(|found| found.title.as_str()).collect();
    assert_eq!(titles, [last.title.as_str()], "what {} finds by a number that one bulletin has", node.name());
}

/// Bytes of the search index in the database of a node that is down, with the texts that it keeps.
pub(super) fn search_bytes(node: &Node) -> u64 {
    Eye::on(node).number("SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name GLOB 'search*'")
}

/// Bytes of a node's database, with what lies beside it.
pub(super) fn database_bytes(node: &Node) -> u64 {
    let files = crate::node::files(node.data());
    let is_database = |path: &&std::path::PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(FILE));
    files.iter().filter(is_database).map(|path| std::fs::metadata(path).map_or(0, |found| found.len())).sum()
}
