//! Who may not read a document never has it, in any form, whatever they put together.
//!
//! One bulletin goes through its life: issued, answered, a reader's role revoked, then revised. Five real peers receive whatever
//! the owner and a live reader send them: a live reader (the control: the same search must find everything there), a relay, a former
//! reader, a third party that was never granted anything, and among real `csu` processes a relay and a third party, whose data
//! folders are searched byte by byte. Every peer's frames are searched for every word in every form ([`Needles`]), and every
//! key that any of them ever had is tried on everything that any of them ever received ([`unsealed`]).

use csu_node::desk::{AccessLevel, Document};
use csu_protocol::codec::Canonical;
use csu_protocol::entry::{Body, Plane, Wraps};
use csu_protocol::id::{DocumentId, EntryId, OrganisationId};
use csu_protocol::wire::Message;
use csu_tests::node::{Node, files};
use csu_tests::stranger::{Eye, Needles, Record, Said, Stranger, Unsealed, brief, unsealed};
use csu_tests::town;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// The words of the bulletin as it was issued, of which none stands anywhere else.
const FIRST: [&str; 6] = ["Quillonbury", "Zephyrine", "Marchpane", "Jabberwick", "Ottoline Penhaligon", "Thistledown"];
/// What it said only after the former reader's role was revoked.
const LATER: [&str; 3] = ["Bandersnatch", "Wolverstone", "Peregrine Quatermass"];
/// Words of the format: what kind of document it is and how it is marked.
const FORMAT: [&str; 5] = ["bulletin", "AMBER+STRICT", "headline", "Coldharbour", "instruction"];
/// How long nothing comes before a peer has heard everything.
const QUIET: Duration = Duration::from_millis(400);

fn all(sets: &[&[&'static str]]) -> Vec<&'static str> {
    sets.concat()
}

fn missing<'w>(words: &[&'w str], plain: &BTreeSet<Unsealed>) -> Vec<&'w str> {
    let needles = |word: &&&str| !plain.iter().any(|plain| plain.plainly_holds(&Needles::of(&[word])));
    words.iter().filter(needles).copied().collect()
}

fn held(words: &[&'static str], plain: &BTreeSet<Unsealed>) -> BTreeSet<String> {
    let needles = Needles::of(words);
    plain.iter().flat_map(|plain| plain.held(&needles)).collect()
}

/// Every value in every table of a node's database.
fn values(node: &Node) -> Vec<Vec<u8>> {
    use rusqlite::{Connection, OpenFlags, types::ValueRef};
    let database = Connection::open_with_flags(node.data().join("node.sqlite"), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut values = Vec::new();
    for table in tables {
        let mut statement = database.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for column in 0..columns {
                if let ValueRef::Blob(bytes) | ValueRef::Text(bytes) = row.get_ref(column).unwrap() {
                    values.push(bytes.to_vec());
                }
            }
        }
    }
    values
}

/// Which words a node's data folder and log hold, and where.
fn on_disk(node: &Node, words: &[&str]) -> BTreeSet<String> {
    let needles = Needles::of(words);
    let mut found = BTreeSet::new();
    for file in files(node.data()).into_iter().filter(|file| file.extension().is_none_or(|is| is != "sock")) {
        let bytes = std::fs::read(&file).unwrap();
        found.extend(needles.plainly_in(&bytes).into_iter().map(|what| format!("{what} in {}", file.display())));
    }
    found.extend(values(node).iter().flat_map(|value| needles.found_in(value)).map(|what| format!("{what} in a value of the database")));
    found.extend(needles.found_in(node.log_text().as_bytes()).into_iter().map(|what| format!("{what} in the log")));
    found
}

/// How many revisions these frames hold.
fn revisions(record: &Record) -> usize {
    record.entries().values().filter(|entry| matches!(entry.header().body, Body::Revision { .. })).count()
}

/// Whom the keys in these frames are wrapped for.
fn recipients(record: &Record) -> BTreeSet<OrganisationId> {
    let wraps = record.entries().into_values().filter_map(|entry| Wraps::from_canonical(entry.signed().wraps.as_ref()?).ok());
    wraps.flat_map(|wraps| wraps.recipients().map(|recipient| recipient.organisation).collect::<Vec<_>>()).collect()
}

/// Asks for a document, for the whole of it and for what lies beyond some entries; the frames of the answer.
async fn ask(stranger: &mut Stranger, document: DocumentId, entries: &[EntryId]) -> Vec<Vec<u8>> {
    let before = stranger.record().frames().len();
    for ids in [Vec::new(), entries.to_vec()] {
        for plane in Plane::ALL {
            stranger.say(&Said::Have { document, plane, ids: ids.clone() });
            stranger.listen(QUIET).await;
        }
    }
    for plane in Plane::ALL {
        // One after the other, so that the answers come in one order.
        stranger.say(&Said::Want { document, plane, ids: entries.to_vec() });
        stranger.listen(QUIET).await;
        // "I have nothing: tell me all."
        stranger.say(&Said::Probe { document, plane, step: vec![0x61, 0, 0, 2, 0] });
        stranger.listen(QUIET).await;
    }
    stranger.record().frames()[before..].to_vec()
}

/// Frames with one name for another.
fn renamed(frames: &[Vec<u8>], from: &DocumentId, to: &DocumentId) -> Vec<Vec<u8>> {
    let rename = |frame: &Vec<u8>| {
        let mut frame = frame.clone();
        let places: Vec<usize> = memchr::memmem::find_iter(&frame, from.as_bytes()).collect();
        for place in places {
            frame[place..place + 32].copy_from_slice(to.as_bytes());
        }
        frame
    };
    frames.iter().map(rename).collect()
}

struct Cast {
    owner: Node,
    reader: Node,
    relay: Node,
    third: Node,
}

fn cast() -> Cast {
    let [owner, reader, relay, third] =
        [("Brixton CSU", "union"), ("Kennington CSU", "union"), ("Lambeth Police", "police"), ("Stockwell CSU", "union")]
            .map(|(name, kind)| Node::started(name, kind));
    for other in [&reader, &relay, &third] {
        town::pair(&owner, other);
    }
    town::pair(&relay, &third);
    Cast { owner, reader, relay, third }
}

fn issue(owner: &Node) -> String {
    let person = [("CSU_PERSON", FIRST[4])];
    let mut fields = town::bulletin(&format!("Break-in at {}", FIRST[0]));
    fields["info"][0]["description"] = json!(format!("The {} was forced, see {}.", FIRST[1], FIRST[2]));
    fields["info"][0]["instruction"] = json!(format!("Ask for {}.", FIRST[3]));
    let to: Vec<Value> =
        [("Kennington CSU", "read"), ("Lambeth Police", "relay"), ("Relay Peer", "relay"), ("Former Peer", "read"), ("Live Peer", "read")]
            .map(|(who, role)| json!({ "who": who, "role": role }))
            .to_vec();
    let draft: Document = owner.post("/documents", &json!({ "kind": "bulletin", "fields": fields, "to": to })).unwrap();
    owner.csu_with(&["bulletin", "issue", &draft.reference], &person).good();
    owner.document(&draft.reference).map_or_else(|_| newest(owner), |document| document.id.unwrap().to_string())
}

fn newest(owner: &Node) -> String {
    let page: csu_node::desk::DocumentsPage = owner.get("/documents").unwrap();
    page.items[0].id.unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::too_many_lines, reason = "one life of one document, in order")]
async fn nobody_reads_what_they_may_not_whatever_they_received_and_put_together() {
    let Cast { owner, reader, relay, third } = tokio::task::block_in_place(cast);
    let mut peers = Vec::new();
    for (byte, name) in [(101, "Live Peer"), (102, "Relay Peer"), (103, "Former Peer"), (104, "Third Peer")] {
        let mut peer = Stranger::new(byte, name).await;
        peer.pair(&owner).await;
        peers.push(peer);
    }
    for peer in &mut peers {
        peer.until_compared(&owner).await;
    }
    let [live, holder, former, outsider] = &mut peers[..] else { panic!() };

    // Issued, answered, one reader's role revoked, revised.
    let id = tokio::task::block_in_place(|| issue(&owner));
    let document: DocumentId = id.parse().unwrap();
    tokio::task::block_in_place(|| {
        reader.until_document(&id, "got the bulletin", |document| document.state == "issued");
        reader.csu_with(&["respond", &id, "comment", "--text", FIRST[5]], &[]).good();
        owner.until_document(&id, "got the response", |document| document.responses.len() == 1);
        relay.until_document(&id, "got the ciphertext", |document| document.access == AccessLevel::Relay);
    });
    for peer in [&mut *live, &mut *holder, &mut *former] {
        // A key, a revision, and the response with its own key.
        peer.listen_until("got the bulletin", |peer| (peer.record().count(&document, Plane::Content) >= 3).then_some(())).await;
    }
    let early: BTreeSet<EntryId> = former.record().entries().into_keys().collect();
    tokio::task::block_in_place(|| {
        owner.post::<Value>(&format!("/documents/{id}/revocations"), &json!({ "who": "Former Peer" })).unwrap();
        let assign = [format!("headline=Arrest by {}", LATER[0]), format!("note=Thank {}.", LATER[1])];
        owner.csu_with(&["bulletin", "update", &id, &assign[0], &assign[1]], &[("CSU_PERSON", LATER[2])]).good();
        reader.until_document(&id, "got the revision", |document| document.title.contains(LATER[0]));
    });
    for peer in [&mut *live, &mut *holder] {
        peer.listen_until("got the revision", |peer| (revisions(peer.record()) >= 2).then_some(())).await;
    }
    let entries: Vec<EntryId> = live.record().entries().into_keys().collect();

    // All of them come back, so that everything is reconciled once more; some ask for everything in every way.
    for peer in [&mut *live, &mut *holder, &mut *former, &mut *outsider] {
        peer.listen(QUIET).await;
        peer.hang_up().await;
        peer.come_back(&owner).await;
        peer.listen(QUIET).await;
    }
    for peer in [&mut *live, &mut *holder, &mut *former] {
        ask(peer, document, &entries).await;
    }
    let words = all(&[&FIRST, &LATER, &FORMAT]);

    // The control: the same search finds everything in what the live reader opens, and nothing on the way to it.
    let opened = unsealed(&[live.record()], &[&live.eye()]);
    assert_eq!(missing(&words, &opened), Vec::<&str>::new(), "the search finds nothing where everything is");
    assert_eq!(live.record().search(&Needles::of(&words)), BTreeSet::new(), "in clear on the way to a reader");
    let shown = tokio::task::block_in_place(|| serde_json::to_vec(&reader.document(&id).unwrap()).unwrap());
    assert_eq!(Needles::of(&[LATER[0], LATER[1]]).found_in(&shown).len(), 2, "a live reader's node does not show it");

    // A third party heard of nothing: no word, and no frame that names the document, its entries or its readers. When it asks by an
    // id that it cannot know, it is answered as if there were no such document.
    let heard = outsider.record();
    assert!(heard.frames().len() >= 2 && heard.entries().is_empty(), "{heard:?}");
    assert!(entries.iter().all(|entry| !heard.names(entry.as_bytes())), "it was told of an entry");
    for peer in [&*live, &*holder, &*former] {
        assert!(!heard.names(peer.organisation().as_bytes()), "it was told of {}", peer.name());
    }
    let guess = DocumentId::new([0x5a; 32]);
    let (of_it, of_none) = (ask(outsider, document, &entries).await, ask(outsider, guess, &entries).await);
    let expected = renamed(&of_none, &guess, &document);
    let told = |frames: &[Vec<u8>]| frames.iter().map(|frame| brief(&Message::receive(frame).unwrap())).collect::<Vec<_>>();
    assert!(!of_it.is_empty());
    assert_eq!(told(&of_it), told(&expected), "the answer tells that there is such a document");
    assert!(of_it == expected, "the answer tells that there is such a document");
    let heard = outsider.record();
    assert!(heard.entries().is_empty());
    assert_eq!(heard.search(&Needles::of(&words)), BTreeSet::new());

    // A relay holds all of the ciphertext, and no key for it.
    assert_eq!(holder.record().count(&document, Plane::Content), live.record().count(&document, Plane::Content));
    let wrapped = recipients(holder.record());
    assert!(wrapped.contains(&live.organisation()) && wrapped.contains(&former.organisation()), "the control");
    assert!(!wrapped.contains(&holder.organisation()) && !wrapped.contains(&outsider.organisation()));
    assert_eq!(unsealed(&[holder.record()], &[&holder.eye()]), BTreeSet::new());
    assert_eq!(holder.record().search(&Needles::of(&words)), BTreeSet::new());

    // A former reader opens what it was given while it might read, and was sent nothing of content since, though control goes on.
    let once = unsealed(&[former.record()], &[&former.eye()]);
    assert_eq!(missing(&FIRST, &once), Vec::<&str>::new(), "the former reader could not even read what it was given");
    assert_eq!(held(&LATER, &once), BTreeSet::new());
    let since = former.record().entries().into_values().filter(|entry| !early.contains(&entry.id()));
    let since: Vec<_> = since.map(|entry| entry.header().body.clone()).collect();
    assert!(since.iter().all(|body| body.plane() == Plane::Control), "{since:?}");
    assert!(since.iter().any(|body| matches!(body, Body::Revoke { .. })), "it was not told of the revocation: {since:?}");

    // And together: all that the four ever received, with every key but the live reader's.
    let records = [live.record(), holder.record(), former.record(), outsider.record()];
    let eyes = [holder.eye(), former.eye(), outsider.eye()];
    let together = unsealed(&records, &eyes.iter().collect::<Vec<&Eye>>());
    assert_eq!(held(&LATER, &together), BTreeSet::new(), "a key from before the revocation opens what came after it");
    assert!(together.iter().all(|plain| early.contains(&plain.entry)), "something that came after the revocation opens");

    // Real nodes: a relay's and a third party's whole data folder, while they run and once they have stopped.
    tokio::task::block_in_place(|| {
        relay.until("held everything", |node| (content(node, &document) == live.record().count(&document, Plane::Content)).then_some(()));
        // The control: at rest nothing is encrypted yet, so a reader's own folder holds what it may read.
        assert!(!on_disk(&reader, &LATER[..1]).is_empty(), "the search of a data folder finds nothing");
        for node in [&relay, &third] {
            assert_eq!(on_disk(node, &all(&[&FIRST, &LATER])), BTreeSet::new(), "{}", node.name());
        }
        let id = data_encoding::HEXLOWER.encode(document.as_bytes());
        assert_eq!(on_disk(&third, &[&id, &id[..16]]), BTreeSet::new());
        let raw = |node: &Node| files(node.data()).iter().any(|file| holds(file, document.as_bytes()));
        assert!(raw(&relay) && !raw(&third), "the third party's node knows of the document");
        for node in [&relay, &third] {
            assert!(node.terminate().success());
            assert_eq!(on_disk(node, &all(&[&FIRST, &LATER])), BTreeSet::new(), "{}", node.name());
        }
        assert!(!raw(&third));
    });
}

fn holds(file: &Path, bytes: &[u8]) -> bool {
    std::fs::read(file).is_ok_and(|all| memchr::memmem::find(&all, bytes).is_some())
}

/// How many entries of content a node stores of a document.
fn content(node: &Node, document: &DocumentId) -> usize {
    let open = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = rusqlite::Connection::open_with_flags(node.data().join("node.sqlite"), open).unwrap();
    let query = "SELECT count(*) FROM entry JOIN document ON document.key = entry.document WHERE plane = 1 AND document.id = ?1";
    database
        .query_row(query, [document.as_bytes().as_slice()], |row| row.get::<_, i64>(0))
        .map_or(0, |count| usize::try_from(count).unwrap())
}
