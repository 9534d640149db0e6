//! Guides with long histories: what one more revision takes until a neighbour shows it, beside what Automerge takes for it, and
//! what opening such a guide takes after a start: at first from its entries, then from what the node kept of it.
//!
//! The histories are made by the project's own code, a change for each revision, and put into both databases. A text as it was
//! typed comes from a trace in the form of the editing traces of automerge-paper (`{"txns": [{"patches": [[at, removed, "added"]]}]}`,
//! compressed with gzip or not), or is typed by dice of a printed seed.

use super::milliseconds;
use super::nodes::{Eye, Pair, now, patience};
use crate::bench::{Progress, graph, median};
use crate::history::Dice;
use crate::node::Node;
use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, LoadOptions, ObjId, ROOT, ReadDoc, TextEncoding};
use csu_node::desk::{AccessLevel, IntegrityResult, PeerState, Status};
use csu_node::keys::Keys;
use csu_node::storage::{Listed, Options, Storage};
use csu_protocol::access::Access;
use csu_protocol::author::{self, Acting};
use csu_protocol::directory::Directory;
use csu_protocol::document::{Change, ChangeHash, Content, Fields, Marking, Wanted, kind};
use csu_protocol::entry::{EpochKey, Grant, RevisionPayload, Role, Signer, Subject, VerifiedEntry};
use csu_protocol::id::{DocumentId, EntryId};
use csu_protocol::limits::DEPS;
use csu_protocol::reading;
use csu_protocol::store::{NewEntry, Write};
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Read;
use std::time::{Duration, Instant};

/// Seed of the text that is typed when no trace is given.
pub(super) const SEED: u64 = 5;
/// Edits of one revision, at most.
const EDITS: usize = 100;
/// Characters over which the edits of one revision lie, at most.
const SPAN: usize = 2_000;
/// The texts of a guide over which a long one is spread: none takes more than 64 KiB.
const TEXTS: [&str; 5] = ["problem", "summary", "mechanism", "moderators", "implementation"];
/// Characters of one of them after which its second half is moved to the next, as somebody does who divides a chapter.
const FULL: usize = 48_000;
/// Revisions that follow each other before they are joined with others.
const LANE: usize = 64;
/// Live revisions for each run.
const LIVE: usize = 5;
/// How often it is looked whether a revision has come.
const LOOK: Duration = Duration::from_micros(200);

/// What was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) live_ms: f64,
    pub(super) automerge_ms: f64,
    pub(super) text_open_ms: f64,
    pub(super) text_rebuild_ms: f64,
    pub(super) guide_open_ms: f64,
    pub(super) guide_rebuild_ms: f64,
}

/// Measures.
pub(super) fn measure(edits: usize, trace: Option<&str>, revisions: usize, runs: usize, progress: Progress<'_>) -> Found {
    let pair = Pair::up();
    pair.stop();
    let begun = Instant::now();
    let typed = match trace {
        Some(file) => read(file),
        None => type_text(edits),
    };
    let text = Guide::typed(&pair, &typed);
    progress(&format!(
        "{} edits in {} revisions of a text of {} characters, made in {:.0} ms",
        typed.len(),
        text.changes.len(),
        text.characters(),
        milliseconds(begun)
    ));
    let begun = Instant::now();
    let guide = Guide::written_by_many(&pair, revisions);
    progress(&format!("{} revisions of a guide, made in {:.0} ms", guide.changes.len(), milliseconds(begun)));
    for guide in [&text, &guide] {
        guide.put(&pair);
    }
    let (mut rebuilt, mut opened) = ([0.0; 2], [Vec::new(), Vec::new()]);
    pair.neighbour.up_within(patience(0), &[]);
    for run in 0..=runs {
        if run > 0 {
            assert!(pair.owner.terminate().success());
        }
        pair.owner.up_within(patience(0), &[]);
        until_calm(&pair.owner);
        for (place, guide) in [&text, &guide].into_iter().enumerate() {
            let begun = Instant::now();
            let shown = pair.owner.document(&guide.document.to_string()).expect("a guide");
            let taken = milliseconds(begun);
            // Nobody has opened it before the first run.
            if run == 0 {
                rebuilt[place] = taken
            } else {
                opened[place].push(taken)
            }
            assert_eq!(shown.title, guide.title);
        }
    }
    until_calm(&pair.neighbour);
    let [text_open_ms, guide_open_ms] = opened.map(median);
    let [text_rebuild_ms, guide_rebuild_ms] = rebuilt;
    progress(&format!(
        "shown after {text_open_ms:.1} and {guide_open_ms:.1} ms, from entries after {text_rebuild_ms:.1} and {guide_rebuild_ms:.1} ms"
    ));
    let live_ms = median(live(&pair, &text, runs * LIVE));
    let automerge_ms = median(beside(&text, runs * LIVE));
    progress(&format!("a revision took {live_ms:.1} ms, and Automerge {automerge_ms:.1} ms for it"));
    Found { live_ms, automerge_ms, text_open_ms, text_rebuild_ms, guide_open_ms, guide_rebuild_ms }
}

/// Waits until a node has checked its database and is up to date with its neighbour.
fn until_calm(node: &Node) {
    node.until("is calm", |node| {
        let status: Status = node.get("/status").ok()?;
        let in_sync = status.peers.iter().all(|peer| peer.state == PeerState::Connected && !peer.syncing);
        (in_sync && status.integrity.result == IntegrityResult::Ok).then_some(())
    });
}

/// One edit: where, how many characters go, and what comes there.
#[derive(Debug, Clone, Deserialize)]
struct Edit(usize, usize, String);

#[derive(Debug, Deserialize)]
struct Trace {
    txns: Vec<Transaction>,
}

#[derive(Debug, Deserialize)]
struct Transaction {
    patches: Vec<Edit>,
}

/// The edits of a trace.
fn read(file: &str) -> Vec<Edit> {
    let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut text = String::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        GzDecoder::new(&*bytes).read_to_string(&mut text).expect("a trace that is compressed with gzip");
    } else {
        text = String::from_utf8(bytes).expect("a trace in UTF-8");
    }
    let trace: Trace = serde_json::from_str(&text).expect("an editing trace");
    trace.txns.into_iter().flat_map(|transaction| transaction.patches).collect()
}

/// So many edits as somebody types them: mostly on and on, sometimes back, now and then elsewhere.
fn type_text(edits: usize) -> Vec<Edit> {
    let mut dice = Dice::new("bench trace", SEED);
    let (mut length, mut cursor) = (0, 0);
    (0..edits)
        .map(|_| {
            if dice.chance(1) {
                cursor = dice.below(length + 1);
            }
            if dice.chance(30) && cursor > 0 {
                (length, cursor) = (length - 1, cursor - 1);
                return Edit(cursor, 1, String::new());
            }
            let typed = *dice.pick(&['e', 't', 'a', 'o', 'i', 'n', 's', 'r', ' ', '.']).unwrap_or(&' ');
            (length, cursor) = (length + 1, cursor + 1);
            Edit(cursor - 1, 0, typed.to_string())
        })
        .collect()
}

/// A long text, spread over several.
#[derive(Debug, Default)]
struct Spread([Vec<char>; TEXTS.len()]);

impl Spread {
    fn edit(&mut self, Edit(at, removed, added): &Edit) {
        let (mut at, last) = (*at, TEXTS.len() - 1);
        let mut place = 0;
        while place < last && at > self.0[place].len() {
            at -= self.0[place].len();
            place += 1;
        }
        let first = (*removed).min(self.0[place].len() - at);
        self.0[place].splice(at..at + first, added.chars());
        let mut rest = removed - first;
        while rest > 0 && place < last {
            place += 1;
            let here = rest.min(self.0[place].len());
            self.0[place].drain(..here);
            rest -= here;
        }
        for place in 0..last {
            if self.0[place].len() > FULL {
                let moved = self.0[place].split_off(FULL / 2);
                self.0[place + 1].splice(..0, moved);
            }
        }
    }

    fn fields(&self, title: &str) -> Fields {
        let texts = TEXTS.iter().zip(&self.0).filter(|(_, text)| !text.is_empty());
        let mut fields: Map<String, Value> =
            texts.map(|(name, text)| ((*name).to_owned(), text.iter().collect::<String>().into())).collect();
        fields.insert("title".to_owned(), title.into());
        // What a guide must say before it is published.
        for name in ["problem", "summary"] {
            fields.entry(name).or_insert_with(|| "to be written".into());
        }
        kind::find("guide").expect("guides are a kind").check(&fields).expect("texts that fit into a guide")
    }
}

fn wanted(fields: Fields, state: Option<&str>) -> Wanted {
    let kind = kind::find("guide").expect("guides are a kind");
    Wanted { kind, marking: Marking::Green, state: state.map(str::to_owned), fields }
}

/// A guide, as its owner holds it.
#[derive(Debug)]
struct Guide {
    document: DocumentId,
    title: String,
    content: Content,
    /// In causal order.
    changes: Vec<Change>,
    entries: Vec<VerifiedEntry>,
}

impl Guide {
    fn begin(pair: &Pair, title: &str) -> (Self, Scribe) {
        let scribe = Scribe::begin(pair, title);
        let (document, title) = (scribe.document, title.to_owned());
        (Self { document, title, content: Content::default(), changes: Vec::new(), entries: Vec::new() }, scribe)
    }

    fn add(&mut self, change: Change) {
        self.content.add([change.clone()]);
        self.changes.push(change);
    }

    fn signed(mut self, mut scribe: Scribe) -> Self {
        assert!(self.changes.iter().all(|change| self.content.contains(&change.hash())), "changes that fit");
        for change in &self.changes {
            scribe.revise(change);
        }
        self.entries = scribe.entries;
        self
    }

    /// One whose texts are typed, some edits in each revision.
    fn typed(pair: &Pair, edits: &[Edit]) -> Self {
        let (mut guide, scribe) = Self::begin(pair, "A text with a long history");
        let mut text = Spread::default();
        let (mut from, mut to, mut count) = (0, 0, 0);
        for (number, edit) in edits.iter().enumerate() {
            let end = edit.0 + edit.1.max(edit.2.len());
            text.edit(edit);
            count += 1;
            (from, to) = if count == 1 { (edit.0, end) } else { (from.min(edit.0), to.max(end)) };
            let is_far = edits.get(number + 1).is_none_or(|next| next.0 + SPAN < to || next.0 > from + SPAN);
            if count == EDITS || is_far {
                let base: Vec<ChangeHash> = guide.content.heads().iter().copied().collect();
                let state = base.is_empty().then_some("published");
                // What is typed and taken back at once changes nothing.
                if let Ok(change) = guide.content.revise(&guide.document, &base, &wanted(text.fields(&guide.title), state)) {
                    guide.add(change);
                }
                count = 0;
            }
        }
        guide.signed(scribe)
    }

    /// One of so many small revisions: authors who go on with their own lines, each for a while, and are joined in the end. A
    /// single line of as many would take minutes to make.
    fn written_by_many(pair: &Pair, revisions: usize) -> Self {
        let (mut guide, scribe) = Self::begin(pair, "A guide with many revisions");
        let mut lines = vec!["Gates:".to_owned(); revisions.div_ceil(LANE)];
        let text = |lines: &[String]| {
            let fields = json!({ "title": "A guide with many revisions", "problem": "Burglary", "summary": lines.join("\n") });
            let fields = fields.as_object().cloned().unwrap_or_default();
            kind::find("guide").expect("guides are a kind").check(&fields).expect("fields of a guide")
        };
        let first = guide.content.revise(&guide.document, &[], &wanted(text(&lines), Some("published"))).expect("a change");
        guide.add(first.clone());
        let joins = (lines.len().saturating_sub(1)).div_ceil(DEPS - 1);
        let mut left = revisions.saturating_sub(1 + joins);
        let mut heads = Vec::new();
        for lane in 0..lines.len() {
            let mut content = Content::build([first.clone()]);
            let mut base = first.hash();
            for number in 0..LANE.min(left) {
                lines[lane] = format!("{}{number}.", lines[lane]);
                let only: Vec<String> =
                    lines.iter().enumerate().map(|(at, line)| if at == lane { line.clone() } else { "Gates:".to_owned() }).collect();
                let change = content.revise(&guide.document, &[base], &wanted(text(&only), None)).expect("a change");
                base = change.hash();
                content.add([change.clone()]);
                guide.changes.push(change);
            }
            left -= LANE.min(left);
            if base != first.hash() {
                heads.push(base);
            }
        }
        guide.content.add(guide.changes.iter().cloned());
        let mut joined = 0;
        while heads.len() > 1 {
            let base: Vec<ChangeHash> = heads.drain(..heads.len().min(DEPS)).collect();
            joined += 1;
            let mut fields = guide.content.snapshot_at(&base).expect("changes that are there").fields.into_map();
            fields.insert("problem".to_owned(), format!("Burglary, {joined}").into());
            let fields = kind::find("guide").expect("guides are a kind").check(&fields).expect("fields of a guide");
            let change = guide.content.revise(&guide.document, &base, &wanted(fields, None)).expect("a change");
            heads.push(change.hash());
            guide.add(change);
        }
        guide.signed(scribe)
    }

    fn characters(&self) -> usize {
        let fields = self.content.snapshot().fields;
        TEXTS.iter().filter_map(|name| fields.get(name)?.as_str()).map(|text| text.chars().count()).sum()
    }

    /// Puts it into both databases.
    fn put(&self, pair: &Pair) {
        let owner = super::nodes::keys(&pair.owner).card().card().organisation;
        let held = [(&pair.owner, None, AccessLevel::Owner), (&pair.neighbour, Some(owner), AccessLevel::Read)];
        for (node, from, access) in held {
            let mut storage = Storage::open(node.data(), Options::default()).expect("the database of a node that is down").storage;
            for entry in &self.entries {
                let new = NewEntry { entry: entry.clone(), from, received: now() };
                storage.apply(&Write::Entry(Box::new(new))).expect("an entry can be written");
            }
            let line = Listed {
                document: self.document,
                kind: "guide".to_owned(),
                title: self.title.clone(),
                state: "published".to_owned(),
                marking: Some(Marking::Green.to_string()),
                owner,
                updated: now(),
                received: from.map(|_| now()),
                access: access.as_str().to_owned(),
                unread: false,
            };
            storage.put_listing(&line).expect("a line can be written");
            storage.commit().expect("room for the workload");
            storage.close().expect("a database can be closed");
        }
    }
}

/// Whoever signs and seals the revisions of one guide.
struct Scribe {
    keys: Keys,
    access: Access,
    document: DocumentId,
    epoch: (EntryId, EpochKey),
    entries: Vec<VerifiedEntry>,
    by_change: BTreeMap<ChangeHash, EntryId>,
    dice: Dice,
}

impl Scribe {
    fn begin(pair: &Pair, title: &str) -> Self {
        let [keys, neighbour] = [&pair.owner, &pair.neighbour].map(super::nodes::keys);
        let mut directory = Directory::default();
        for card in [keys.card(), neighbour.card()] {
            directory.keep(card.clone(), None);
        }
        let organisation = keys.card().card().organisation;
        let mut dice = Dice::new(title, SEED);
        let to = Subject::Organisation(neighbour.card().card().organisation);
        let grants = vec![Grant { subject: to, role: Role::Read, until: None }];
        let genesis = author::genesis(organisation, Signer::Device(keys.device()), grants, dice.entropy()).expect("a genesis");
        let document = genesis.document();
        let (mut access, mut entries) = (Access::default(), Vec::new());
        put(&mut access, &mut entries, genesis);
        let audience = reading::audience(&access, &directory, now());
        let acting = Acting { organisation, signer: Signer::Device(keys.device()), under: Some(document.into()) };
        let (entry, key) = author::key(&access, &acting, &audience, &[], dice.entropy()).expect("a key");
        let epoch = (entry.id(), key);
        put(&mut access, &mut entries, entry);
        Self { keys, access, document, epoch, entries, by_change: BTreeMap::new(), dice }
    }

    fn revise(&mut self, change: &Change) {
        let organisation = self.keys.card().card().organisation;
        let acting = Acting { organisation, signer: Signer::Device(self.keys.device()), under: Some(self.document.into()) };
        let payload = RevisionPayload { at: now(), person: Some("tester".to_owned()), change: change.bytes().to_vec() };
        let deps = change.deps().iter().filter_map(|dep| self.by_change.get(dep).copied()).collect();
        let (epoch, key) = &self.epoch;
        let entry = author::revision(&self.access, &acting, (*epoch, key), deps, &payload, self.dice.entropy()).expect("a revision");
        self.by_change.insert(change.hash(), entry.id());
        put(&mut self.access, &mut self.entries, entry);
    }
}

fn put(access: &mut Access, entries: &mut Vec<VerifiedEntry>, entry: VerifiedEntry) {
    entries.push(entry.clone());
    graph::take(access, entry);
}

/// Milliseconds from asking the owner to publish a revision until the neighbour's list shows it, committed; one after the
/// other, behind a first one that is not counted.
fn live(pair: &Pair, guide: &Guide, revisions: usize) -> Vec<f64> {
    let eye = Eye::on(&pair.neighbour);
    let reference = guide.document.to_string();
    let text = guide.content.snapshot().fields.get(TEXTS[0]).and_then(|text| text.as_str()).unwrap_or_default().to_owned();
    let taken = (0..=revisions).map(|number| {
        let title = format!("{}, and {number} more", guide.title);
        let said = format!("{}={}{text}", TEXTS[0], "again ".repeat(number + 1));
        let body = json!({ "assign": [format!("title={title}"), said], "personalDataChecked": "a trace" });
        std::thread::scope(|scope| {
            let publishing = scope.spawn(|| {
                let begun = Instant::now();
                pair.owner.step(&reference, "publish", &body).expect("a published revision");
                begun
            });
            let waiting = Instant::now();
            while !eye.lists(&title, -1) {
                assert!(waiting.elapsed() < patience(0), "a revision never came\n{}", pair.neighbour.tail());
                std::thread::sleep(LOOK);
            }
            let seen = Instant::now();
            let begun = publishing.join().expect("a published revision");
            seen.saturating_duration_since(begun).as_secs_f64() * 1e3
        })
    });
    taken.skip(1).collect()
}

/// Milliseconds that Automerge takes to make such a change on a document that was loaded, and to apply it to another; behind a
/// first one that is not counted.
fn beside(guide: &Guide, revisions: usize) -> Vec<f64> {
    let saved = guide.content.save().expect("a document that can be saved");
    let load = || {
        let options = LoadOptions::new().text_encoding(TextEncoding::UnicodeCodePoint);
        Automerge::load_with_options(&saved, options).expect("a document that was saved")
    };
    let (mut ours, mut theirs) = (load(), load());
    let object = |document: &Automerge, of: &ObjId, name: &str| document.get(of, name).ok().flatten().expect("an object").1;
    let fields = object(&ours, &ROOT, "fields");
    let text = object(&ours, &fields, TEXTS[0]);
    let taken = (0..=revisions).map(|number| {
        let mut actor = [7; 16];
        actor[..8].copy_from_slice(&blake3::hash(&number.to_le_bytes()).as_bytes()[..8]);
        let begun = Instant::now();
        // As here, each revision has an actor of its own.
        ours.set_actor(ActorId::from(actor));
        let mut transaction = ours.transaction();
        transaction.put(&fields, "title", format!("{}, and {number} more", guide.title)).expect("a line");
        transaction.splice_text(&text, 0, 0, "again ").expect("a word");
        transaction.commit();
        let change = ours.get_last_local_change().expect("a change").raw_bytes().to_vec();
        let change = automerge::Change::from_bytes(change).expect("a change");
        theirs.apply_changes([change]).expect("a change that fits");
        milliseconds(begun)
    });
    taken.skip(1).collect()
}
