//! Whole histories: entries in, verdicts out.
//!
//! A file `history-NAME.json` holds what one document's nodes received, and everything that another implementation must find of
//! it: which entries are sound, which rule the others break or what they wait for, what counts, who may do what at given moments,
//! and what named readers read. The bytes are the contract: a file is written once, from [`scenarios`] or, for the random ones,
//! from a generator that has moved on since; from then on only its verdicts are computed anew, in any order of arrival, and compared.

mod bounds;
mod contents;
mod rights;
mod story;
mod verdicts;

use csu_protocol::codec::Canonical;
use csu_protocol::directory::Directory;
use csu_protocol::entry::{Author, Body, Principal, SignedEntry, Subject, VerifiedEntry};
use csu_protocol::id::{DocumentId, EntryId, OrganisationId};
use csu_protocol::identity::{Card, CardSecret, Signature, SignedCard};
use csu_protocol::time::Timestamp;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
pub use story::{Claims, Story};
pub use verdicts::Expected;

/// A file of a history.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct History {
    /// What it shows.
    pub about: String,
    /// `history-` and its name.
    pub format: String,
    /// Version of its entries.
    pub version: u32,
    /// The document all verdicts are about.
    pub document: DocumentId,
    /// What organisations are called in this file.
    pub organisations: BTreeMap<String, OrganisationId>,
    /// The cards that are known. Who has none here never showed one.
    pub cards: Vec<CardBytes>,
    /// Moments at which roles are asked for.
    pub moments: Vec<u64>,
    /// Who reads, with the secrets of its cards.
    pub readers: Vec<Secrets>,
    /// The entries, each after those of them that it names.
    pub vectors: Vec<EntryBytes>,
    /// Nothing: what an entry of a history is refused for stands in `expected`.
    pub refused: Vec<()>,
    /// What must be found.
    pub expected: Expected,
}

/// A card.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CardBytes {
    /// Whose, as this file calls it.
    pub organisation: String,
    /// Its bytes, in hexadecimal.
    pub bytes: String,
    /// The root key's signature.
    pub signature: String,
}

/// The secrets of an organisation's cards by generation, in hexadecimal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Secrets {
    /// Whose, as this file calls it.
    pub organisation: String,
    /// Each secret by its card's generation.
    pub card_secrets: BTreeMap<u64, String>,
}

/// An entry.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EntryBytes {
    /// What this file calls it.
    pub name: String,
    /// What it is, for people.
    pub value: BTreeMap<String, String>,
    /// Its header, in hexadecimal.
    pub bytes: String,
    /// Its `id`, `signature`, and detached `payload` and `wraps` if it has them.
    pub also: BTreeMap<String, String>,
}

fn unhex(hex: &str) -> Vec<u8> {
    HEXLOWER.decode(hex.as_bytes()).expect("hexadecimal")
}

fn signature(hex: &str) -> Signature {
    Signature::new(unhex(hex).try_into().expect("64 bytes"))
}

impl EntryBytes {
    fn new(name: &str, entry: &VerifiedEntry, value: BTreeMap<String, String>) -> Self {
        let signed = entry.signed();
        let mut also = BTreeMap::from([
            ("id".to_owned(), entry.id().to_string()),
            ("signature".to_owned(), HEXLOWER.encode(signed.signature.as_bytes())),
        ]);
        for (part, bytes) in [("payload", &signed.payload), ("wraps", &signed.wraps)] {
            if let Some(bytes) = bytes {
                also.insert(part.to_owned(), HEXLOWER.encode(bytes));
            }
        }
        Self { name: name.to_owned(), value, bytes: HEXLOWER.encode(&signed.header), also }
    }

    /// The entry, its signature checked.
    ///
    /// # Panics
    /// When the file holds another.
    #[must_use]
    pub fn verified(&self) -> VerifiedEntry {
        let part = |name: &str| self.also.get(name).map(|hex| unhex(hex));
        let signed = SignedEntry {
            header: unhex(&self.bytes),
            signature: signature(&self.also["signature"]),
            payload: part("payload"),
            wraps: part("wraps"),
        };
        signed.verify().unwrap_or_else(|why| panic!("{}: {why}", self.name))
    }
}

impl CardBytes {
    fn new(organisation: &str, signed: &SignedCard) -> Self {
        let (bytes, signature) = (signed.card().to_canonical(), signed.signature().as_bytes());
        Self { organisation: organisation.to_owned(), bytes: HEXLOWER.encode(&bytes), signature: HEXLOWER.encode(signature) }
    }
}

impl History {
    /// A file of these entries, with the verdicts of this implementation.
    #[must_use]
    pub fn of(given: Given<'_>) -> Self {
        let names: BTreeMap<EntryId, &str> = given.entries.iter().map(|(name, entry)| (entry.id(), name.as_str())).collect();
        let value = |entry: &VerifiedEntry| describe(entry, &given.organisations, &names);
        let mut history = Self {
            about: format!(
                "{} These bytes never change; `expected` holds in any order of arrival. Known keys: never use them.",
                given.about
            ),
            format: format!("history-{}", given.name),
            version: 0,
            document: given.document,
            cards: given.cards.iter().map(|(of, card)| CardBytes::new(of, card)).collect(),
            moments: given.moments.to_vec(),
            readers: given.readers.to_vec(),
            vectors: given.entries.iter().map(|(name, entry)| EntryBytes::new(name, entry, value(entry))).collect(),
            refused: Vec::new(),
            expected: Expected::default(),
            organisations: given.organisations,
        };
        history.expected = history.verdicts(&(0..history.vectors.len()).collect::<Vec<_>>());
        history
    }

    /// What this implementation finds when the entries come in this order, given by their places in the file.
    #[must_use]
    pub fn verdicts(&self, order: &[usize]) -> Expected {
        verdicts::find(self, order)
    }

    /// The directory of the file's cards, each signature checked.
    ///
    /// # Panics
    /// When the file holds no such card.
    #[must_use]
    pub fn directory(&self) -> Directory {
        let mut directory = Directory::default();
        for card in &self.cards {
            let read = Card::from_canonical(&unhex(&card.bytes)).expect("a card");
            assert_eq!(self.organisations.get(&card.organisation), Some(&read.organisation), "{}", card.organisation);
            directory.add(SignedCard::verify(read, signature(&card.signature)).expect("its signature"), None);
        }
        directory
    }

    fn name_of(&self, id: &OrganisationId) -> String {
        let found = self.organisations.iter().find(|(_, of)| *of == id);
        found.map_or_else(|| id.to_string(), |(name, _)| name.clone())
    }

    /// The file's text: a line for each card, entry and verdict.
    ///
    /// # Panics
    /// Never: all of it can be written.
    #[must_use]
    pub fn render(&self) -> String {
        let line = |value: &serde_json::Value| serde_json::to_string(value).expect("it can be written");
        let mut text = "{".to_owned();
        // Fields in the order in which they are declared, which serde_json's own values lose.
        let fields = [
            ("about", serde_json::to_value(&self.about)),
            ("format", serde_json::to_value(&self.format)),
            ("version", serde_json::to_value(self.version)),
            ("document", serde_json::to_value(self.document)),
            ("organisations", serde_json::to_value(&self.organisations)),
            ("cards", serde_json::to_value(&self.cards)),
            ("moments", serde_json::to_value(&self.moments)),
            ("readers", serde_json::to_value(&self.readers)),
            ("vectors", serde_json::to_value(&self.vectors)),
            ("refused", serde_json::to_value(&self.refused)),
            ("expected", serde_json::to_value(&self.expected)),
        ];
        for (at, (name, value)) in fields.into_iter().enumerate() {
            let value = value.expect("it can be written");
            let lines: Vec<String> = match &value {
                serde_json::Value::Array(items) => items.iter().map(line).collect(),
                serde_json::Value::Object(map) => map.iter().map(|(name, value)| format!("{name:?}: {}", line(value))).collect(),
                single => vec![line(single)],
            };
            let (open, close) = match value {
                serde_json::Value::Array(_) => ("[", "]"),
                serde_json::Value::Object(_) => ("{", "}"),
                _ => ("", ""),
            };
            let comma = if at == 0 { "" } else { "," };
            text += &match lines.as_slice() {
                [only] => format!("{comma}\n{name:?}: {open}{only}{close}"),
                [] => format!("{comma}\n{name:?}: {open}{close}"),
                _ => format!("{comma}\n{name:?}: {open}\n {}\n{close}", lines.join(",\n ")),
            };
        }
        text + "\n}\n"
    }
}

impl Secrets {
    fn opened(&self) -> BTreeMap<u64, CardSecret> {
        let secret = |hex: &String| CardSecret::from_bytes(unhex(hex).try_into().expect("32 bytes"));
        self.card_secrets.iter().map(|(generation, hex)| (*generation, secret(hex))).collect()
    }
}

/// What a file is made from.
#[derive(Debug)]
pub struct Given<'g> {
    /// The file's name, without `history-`.
    pub name: &'g str,
    /// What it shows.
    pub about: &'g str,
    /// The document.
    pub document: DocumentId,
    /// What organisations are called.
    pub organisations: BTreeMap<String, OrganisationId>,
    /// Cards, by what their organisations are called.
    pub cards: &'g [(String, SignedCard)],
    /// Moments at which roles are asked for.
    pub moments: &'g [u64],
    /// Who reads.
    pub readers: &'g [Secrets],
    /// Entries by their names in the file, each after those it names.
    pub entries: &'g [(String, VerifiedEntry)],
}

/// An entry for people: what the header says, in the file's names.
fn describe(
    entry: &VerifiedEntry,
    organisations: &BTreeMap<String, OrganisationId>,
    names: &BTreeMap<EntryId, &str>,
) -> BTreeMap<String, String> {
    let header = entry.header();
    let organisation =
        |id: &OrganisationId| organisations.iter().find(|(_, of)| *of == id).map_or_else(|| id.to_string(), |(name, _)| name.clone());
    let name = |id: &EntryId| names.get(id).map_or_else(|| id.to_string(), |name| (*name).to_owned());
    let author = |author: &Author| match author {
        Author::Device(id) => format!("device {}", id.short()),
        Author::Root(_) => "root key".to_owned(),
    };
    let what = match &header.body {
        Body::Genesis { grants, .. } | Body::Grant { grants } => {
            let grant = |grant: &csu_protocol::entry::Grant| {
                let who = match grant.subject {
                    Subject::Anyone => "anyone".to_owned(),
                    Subject::Organisation(id) => organisation(&id),
                };
                let until = grant.until.map(Timestamp::as_ms).map_or_else(String::new, |until| format!(" until {until}"));
                format!("{who}: {}{until}", grant.role)
            };
            grants.iter().map(grant).collect::<Vec<_>>().join(", ")
        }
        Body::Revoke { principal, keep } => {
            let whom = match principal {
                Principal::Anyone => "anyone".to_owned(),
                Principal::Organisation(id) => organisation(id),
                Principal::Device(id) => format!("device {}", id.short()),
            };
            let keep: Vec<String> =
                keep.iter().map(|keep| format!("{} {:?} {}", author(&keep.author), keep.plane, name(&keep.entry))).collect();
            format!("{whom}, keeping {}", if keep.is_empty() { "nothing".to_owned() } else { keep.join("; ") })
        }
        Body::Withdraw { reason } => reason.to_string(),
        Body::Receipt { erase } => name(erase),
        Body::Revision { epoch, deps } => {
            format!("epoch {}, builds on [{}]", name(epoch), deps.iter().map(&name).collect::<Vec<_>>().join(", "))
        }
        Body::Erase | Body::Key { .. } | Body::Response { .. } => String::new(),
    };
    let by = format!("{}, {}", organisation(&header.organisation), author(&header.author));
    let kind = format!("{}{}{what}", header.body.name(), if what.is_empty() { "" } else { ": " });
    BTreeMap::from([("by".to_owned(), by), ("what".to_owned(), kind)])
}

/// The files of histories that are there.
///
/// # Panics
/// When one cannot be read.
#[must_use]
pub fn stored() -> Vec<History> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(super::folder()).expect("the folder of vectors") {
        let path = entry.expect("a file").path();
        if path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("history-")) {
            let text = std::fs::read_to_string(&path).expect("a file");
            let history: History = serde_json::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
            assert_eq!(text, history.render(), "{} is not as it was written", path.display());
            files.push(history);
        }
    }
    files.sort_by(|one, other| one.format.cmp(&other.format));
    files
}

/// The named histories, made anew. Their bytes may differ from the files', which are not written twice: see [`Story`].
#[must_use]
pub fn scenarios() -> Vec<Story> {
    [rights::all(), bounds::all(), contents::all()].into_iter().flatten().collect()
}
