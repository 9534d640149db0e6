//! The workload: bulletins of 12 fields and a text of 600 characters, issued once and revised three times.
//!
//! Texts, times and what is random in an entry come from the bulletin's number; the keys are those of the nodes that hold
//! them. Everything is made by the code that a node makes it with; only that the changes of a few dozen texts are made once, and
//! then carried over to every bulletin of that text (see `template`).

mod template;

use crate::history::Dice;
use csu_node::keys::Keys;
use csu_protocol::access::Access;
use csu_protocol::author::{self, Acting};
use csu_protocol::directory::Directory;
use csu_protocol::document::{Content, Marking, Wanted, kind};
use csu_protocol::entropy::Entropy;
use csu_protocol::entry::{EpochKey, Grant, RevisionPayload, Role, SignedEntry, Signer, Subject, VerifiedEntry};
use csu_protocol::id::{DocumentId, EntryId, OrganisationId};
use csu_protocol::store::Summary;
use csu_protocol::time::Timestamp;
use serde_json::{Map, Value, json};
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use template::Template;

/// Revisions of each: one issue and three changes.
pub(super) const REVISIONS: u64 = 4;
/// Entries of each: a genesis, a key and the revisions.
pub(super) const ENTRIES: u64 = REVISIONS + 2;
/// What a line of a list shows of a bulletin that is all there ends with this.
pub(super) const LAST: &str = ", version 4";
/// Characters of a description.
const TEXT: usize = 600;
/// When the first was issued.
const BEGIN_MS: u64 = 1_700_000_000_000;
/// From one bulletin to the next, and from one version to the next.
const STEP_MS: u64 = 60_000;
/// Bulletins that are made before they are handed on.
const CHUNK: u64 = 512;
/// Different texts.
pub(super) const TEXTS: u64 = 64;

const WORDS: [&str; 24] = [
    "garages", "bicycles", "between", "evening", "station", "the", "behind", "tools", "cut", "locks", "van", "street", "seen", "side",
    "gates", "at", "night", "market", "again", "near", "school", "with", "white", "were",
];

/// A bulletin, as its owner holds it.
#[derive(Debug, Clone)]
pub(super) struct Bulletin {
    pub(super) document: DocumentId,
    /// In causal order.
    pub(super) entries: Vec<SignedEntry>,
    /// What they come to.
    pub(super) summary: Summary,
    /// The Automerge changes inside its revisions.
    pub(super) changes: Vec<Vec<u8>>,
    /// Its headline in the end.
    pub(super) title: String,
    /// What else is searched in then.
    pub(super) searched: Arc<str>,
    /// When its last version was written.
    pub(super) updated: Timestamp,
}

impl Bulletin {
    /// Bytes of its entries: headers, signatures, sealed payloads, wrapped keys.
    pub(super) fn bytes(&self) -> usize {
        self.entries.iter().map(size).sum()
    }
}

/// Bytes of an entry.
pub(super) fn size(entry: &SignedEntry) -> usize {
    parts(entry).into_iter().map(<[u8]>::len).sum()
}

/// The bytes of an entry, in pieces.
pub(super) fn parts(entry: &SignedEntry) -> [&[u8]; 4] {
    [&entry.header, entry.signature.as_bytes(), entry.payload.as_deref().unwrap_or_default(), entry.wraps.as_deref().unwrap_or_default()]
}

/// A text of so many characters.
fn text(dice: &mut Dice, characters: usize) -> String {
    let mut text = String::new();
    while text.len() < characters {
        let word = dice.pick(&WORDS).copied().unwrap_or("the");
        text.push_str(word);
        text.push(if dice.chance(8) { '.' } else { ' ' });
    }
    text.truncate(characters);
    text
}

/// What the first version of a bulletin says: 12 fields.
pub(super) fn fields(number: u64) -> Map<String, Value> {
    let mut dice = Dice::new("bench bulletin", number % TEXTS);
    let place = text(&mut dice, 24);
    let fields = json!({
        "policeCategory": ["burglary"], "source": "a patrol of volunteers",
        "info": [{
            "headline": headline(number, 1), "event": "Burglary", "category": ["Security"], "urgency": "Expected", "severity": "Minor",
            "certainty": "Likely", "description": text(&mut dice, TEXT), "language": "en-GB", "senderName": place, "audience": "Households",
        }],
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn headline(number: u64, version: u64) -> String {
    format!("Burglaries reported, {}, version {version}", case(number))
}

/// What a headline says of one bulletin alone: as long for each.
pub(super) fn case(number: u64) -> String {
    format!("case {number:07}")
}

/// The same after the next change: another headline and severity, and a sentence of the text replaced.
fn revise(fields: &mut Map<String, Value>, number: u64, version: u64) {
    let mut dice = Dice::new("bench revision", number % TEXTS * REVISIONS + version);
    let Some(info) = fields.get_mut("info").and_then(|info| info.get_mut(0)) else { return };
    info["headline"] = headline(number, version).into();
    info["severity"] = ["Minor", "Moderate", "Severe", "Extreme"][(version as usize) % 4].into();
    let mut description = info["description"].as_str().unwrap_or_default().to_owned();
    let at = dice.below(TEXT - 80);
    description.replace_range(at..at + 80, &text(&mut dice, 80));
    info["description"] = description.into();
}

/// Whoever issues bulletins to a neighbour.
#[derive(Debug)]
pub(super) struct Writer {
    keys: Keys,
    directory: Directory,
    to: OrganisationId,
    texts: Vec<OnceLock<Text>>,
}

/// One of the texts, as it is revised.
#[derive(Debug)]
struct Text {
    changes: Template,
    searched: Arc<str>,
}

impl Text {
    /// That of the bulletin of this number, and of others.
    fn of(number: u64) -> Self {
        let document = DocumentId::new(Dice::new("bench template", number).entropy().bytes());
        let mut said = fields(number);
        let mut changes = Vec::new();
        for version in 1..=REVISIONS {
            if version > 1 {
                revise(&mut said, number, version);
            }
            let state = match version {
                1 => Some("issued"),
                2 => Some("updated"),
                _ => None,
            };
            let content = Content::build(changes.iter().cloned());
            let base: Vec<_> = content.heads().iter().copied().collect();
            changes.push(content.revise(&document, &base, &wanted(&said, state)).expect("a change"));
        }
        let Wanted { kind, fields, .. } = wanted(&said, None);
        let title = headline(number, REVISIONS);
        let searched: Vec<&str> = kind.indexed_texts(&fields).filter(|text| *text != title).collect();
        Self { changes: Template::new(&changes, &case(number)), searched: searched.join("\n").into() }
    }
}

impl Writer {
    /// The organisation of these keys, which shares with the one of `neighbour`.
    pub(super) fn new(keys: Keys, neighbour: &Keys) -> Self {
        let mut directory = Directory::default();
        for card in [keys.card(), neighbour.card()] {
            directory.keep(card.clone(), None);
        }
        let texts = (0..TEXTS).map(|_| OnceLock::new()).collect();
        Self { keys, directory, to: neighbour.card().card().organisation, texts }
    }

    pub(super) fn organisation(&self) -> OrganisationId {
        self.keys.card().card().organisation
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    fn acting(&self, under: EntryId) -> Acting<'_> {
        Acting { organisation: self.organisation(), signer: Signer::Device(self.keys.device()), under: Some(under) }
    }

    /// The bulletin of a number.
    fn write(&self, number: u64) -> Bulletin {
        let mut dice = Dice::new("bench entropy", number);
        let entropy = dice.entropy();
        let mut draft = Draft { access: Access::default(), entries: Vec::new() };
        let grants = vec![Grant { subject: Subject::Organisation(self.to), role: Role::Read, until: None }];
        let genesis = author::genesis(self.organisation(), Signer::Device(self.keys.device()), grants, entropy).expect("a genesis");
        let document = genesis.document();
        draft.put(genesis);
        let acting = self.acting(document.into());
        let issued = Timestamp::from_ms(BEGIN_MS + number * STEP_MS);
        let audience = csu_protocol::reading::audience(&draft.access, &self.directory, issued);
        let (entry, key) = author::key(&draft.access, &acting, &audience, &[], entropy).expect("a key");
        let epoch = (entry.id(), key);
        draft.put(entry);
        let text = usize::try_from(number % TEXTS).unwrap_or_default();
        let Text { changes, searched } = self.texts[text].get_or_init(|| Text::of(number));
        let (mut last, mut updated) = (None, issued);
        let changes: Vec<Vec<u8>> = changes.carry(&document, &case(number)).into_iter().map(|change| change.bytes).collect();
        for (version, change) in (1..).zip(&changes) {
            updated = issued.plus_ms(version * STEP_MS);
            let entry = seal(&draft.access, &acting, &epoch, last.into_iter().collect(), change, updated, entropy);
            last = Some(entry.id());
            draft.put(entry);
        }
        let (title, searched, summary) = (headline(number, REVISIONS), searched.clone(), Summary::of(&draft.access));
        Bulletin { document, entries: draft.entries, summary, changes, title, searched, updated }
    }

    /// Makes the bulletins of these numbers on all cores, and hands them on in order, some at a time.
    pub(super) fn write_all(&self, numbers: Range<u64>, mut each: impl FnMut(Vec<Bulletin>)) {
        let mut from = numbers.start;
        while from < numbers.end {
            let to = numbers.end.min(from + CHUNK);
            each(super::on_all_cores(&(from..to).collect::<Vec<_>>(), |number| self.write(*number)));
            from = to;
        }
    }

    /// One more version of a bulletin that is held as `access` and `opened` show.
    pub(super) fn revise_again(&self, access: &Access, opened: &csu_protocol::reading::Opened, at: Timestamp) -> VerifiedEntry {
        let document = access.document().expect("a document");
        let audience = csu_protocol::reading::audience(access, &self.directory, at);
        let epoch = opened.epoch_for(access, &audience).expect("the key of a document of one's own");
        let base: Vec<_> = opened.content.heads().iter().copied().collect();
        let mut said = opened.content.snapshot().fields.into_map();
        said["info"][0]["headline"] = "Burglaries reported, and once more".into();
        let change = opened.content.revise(&document, &base, &wanted(&said, None)).expect("a change");
        let deps = opened.entries_of(change.deps());
        let mut dice = Dice::new("bench once more", at.as_ms());
        seal(access, &self.acting(document.into()), &epoch, deps, change.bytes(), at, dice.entropy())
    }
}

/// What a version is to say.
fn wanted(said: &Map<String, Value>, state: Option<&str>) -> Wanted {
    let kind = kind::find("bulletin").expect("bulletins are a kind");
    let fields = kind.check(said).expect("fields of a bulletin");
    Wanted { kind, marking: Marking::AmberStrict, state: state.map(str::to_owned), fields }
}

fn seal(
    access: &Access,
    acting: &Acting<'_>,
    (epoch, key): &(EntryId, EpochKey),
    deps: Vec<EntryId>,
    change: &[u8],
    at: Timestamp,
    entropy: &mut Entropy,
) -> VerifiedEntry {
    let payload = RevisionPayload { at, person: Some("tester".to_owned()), change: change.to_vec() };
    author::revision(access, acting, (*epoch, key), deps, &payload, entropy).expect("a revision")
}

/// A document while it is written.
struct Draft {
    access: Access,
    entries: Vec<SignedEntry>,
}

impl Draft {
    fn put(&mut self, entry: VerifiedEntry) {
        self.entries.push(entry.signed().clone());
        crate::bench::graph::take(&mut self.access, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use csu_node::keys::Birth;
    use csu_protocol::document::Change;
    use csu_protocol::identity::{Name, OrganisationKind};
    use csu_protocol::reading::{self, Reader};
    use csu_protocol::store::{Parts, StoredEntry};
    use std::collections::{BTreeMap, BTreeSet};

    fn keys(seed: u8) -> Keys {
        let name = Name::new("Brixton CSU").unwrap();
        Birth::new(&[seed; 32].into(), [seed + 1; 32].into(), name, OrganisationKind::Union).unwrap().keys
    }

    #[test]
    fn a_bulletin_whose_changes_were_carried_over_opens_at_both_ends_and_says_what_its_number_says() {
        let neighbour = keys(7);
        let writer = Writer::new(keys(1), &neighbour);
        // From the second on all are of a text that was made for another, and the last are of one that the first did not make.
        let numbers = (0..40).map(|bulletin| bulletin * TEXTS + 3).chain([9_999_999, 9_999_999 - TEXTS]);
        let mut orders: BTreeMap<u64, BTreeSet<Vec<usize>>> = BTreeMap::new();
        for number in numbers {
            let bulletin = writer.write(number);
            let mut access = Access::default();
            let stored = bulletin.entries.iter().map(|entry| {
                crate::bench::graph::take(&mut access, entry.clone().verify().unwrap());
                StoredEntry { entry: entry.clone(), parts: Parts::Kept, from: None, received: bulletin.updated }
            });
            let stored: Vec<StoredEntry> = stored.collect();
            let mut said = fields(number);
            (2..=REVISIONS).for_each(|version| revise(&mut said, number, version));
            for keys in [writer.keys(), &neighbour] {
                let reader = Reader { organisation: keys.card().card().organisation, secrets: keys.card_secrets() };
                let opened = reading::open(&access, &stored, &reader);
                assert!(opened.unreadable.is_empty() && opened.content.left_out().is_empty(), "{:?}", opened.unreadable);
                let snapshot = opened.content.snapshot();
                assert_eq!((snapshot.fields.as_map(), snapshot.problems.as_slice()), (wanted(&said, None).fields.as_map(), &[][..]));
                assert_eq!((snapshot.state, snapshot.marking), (Some("updated"), Some(Marking::AmberStrict)));
                assert_eq!(said["info"][0]["headline"], bulletin.title);
                assert!(bulletin.title.ends_with(LAST) && bulletin.title.contains(&number.to_string()));
                let description = said["info"][0]["description"].as_str().unwrap().trim();
                assert!(bulletin.searched.contains(description) && !bulletin.searched.contains(&bulletin.title));
            }
            let actors = bulletin.changes.iter().map(|bytes| automerge::Change::from_bytes(bytes.clone()).unwrap().actor_id().clone());
            let actors: Vec<_> = actors.collect();
            let mut order: Vec<usize> = (0..actors.len() - 1).collect();
            order.sort_by_key(|change| &actors[*change]);
            orders.entry(number % TEXTS).or_default().insert(order);
        }
        // Whatever the order of their actors is, the columns name the right ones.
        assert_eq!(orders[&3].len(), 6, "too few bulletins to see all orders");
    }

    #[test]
    fn carrying_changes_over_to_their_own_document_gives_the_same_bytes() {
        let document = DocumentId::new([3; 32]);
        let Text { changes, .. } = Text::of(5);
        let first = changes.carry(&document, &case(5));
        let mut deps = BTreeSet::new();
        let checked = first.iter().map(|carried| {
            let change = Change::check(&document, &carried.bytes, &deps).unwrap();
            deps = BTreeSet::from([change.hash()]);
            change
        });
        let checked: Vec<Change> = checked.collect();
        let again = Template::new(&checked, &case(5)).carry(&document, &case(5));
        assert!(first.iter().zip(&again).all(|(first, again)| first.bytes == again.bytes));
        let other = Template::new(&checked, &case(5)).carry(&DocumentId::new([4; 32]), &case(5));
        assert!(Change::check(&document, &other[0].bytes, &BTreeSet::new()).is_err(), "it would fit any document");
    }
}
