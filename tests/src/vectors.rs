//! Golden vectors: what every format looks like, byte by byte.
//!
//! `protocol/vectors` holds one JSON file for each format. This module makes them anew from fixed keys and seeds, and knows how
//! to decode what a file holds; `tests/tests/vectors.rs` does both, and compares. `cargo run -p csu-tests --bin vectors --
//! --write` writes the files.
//!
//! The files are for other implementations too. So a value stands in words beside its bytes, and a refusal is told by its class
//! and place, not by the sentence that this implementation says it in.

mod cast;
mod entries;
pub mod histories;
mod identity;
mod messages;
mod refusals;
pub mod session;

use csu_protocol::codec::Canonical;
use csu_protocol::entry::{Header, ResponsePayload, RevisionPayload, Wraps};
use csu_protocol::id::Hash;
use csu_protocol::identity::{AddressRecord, Card, Ticket};
use csu_protocol::wire::Message;
use data_encoding::HEXLOWER;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use std::path::PathBuf;

/// Where the files are.
#[must_use]
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../protocol/vectors")
}

/// Values by their names, in the order in which they were said.
#[derive(Debug, Default, Clone)]
pub struct Words(Vec<(String, String)>);

impl Words {
    fn say(mut self, name: &str, value: impl ToString) -> Self {
        self.0.push((name.to_owned(), value.to_string()));
        self
    }
}

impl Serialize for Words {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// A file, as it is made.
#[derive(Debug, Serialize)]
pub struct File {
    about: String,
    /// The name of the format and of the file.
    pub format: &'static str,
    version: u32,
    vectors: Vec<Vector>,
    refused: Vec<Refused>,
}

/// A value and its bytes.
#[derive(Debug, Serialize)]
struct Vector {
    name: String,
    value: Words,
    #[serde(skip_serializing_if = "String::is_empty")]
    bytes: String,
    /// What else follows from the value: ids, signatures, texts.
    also: Words,
}

/// Bytes that are refused, and why.
#[derive(Debug, Serialize)]
struct Refused {
    name: String,
    bytes: String,
    error: String,
}

impl File {
    fn new(format: &'static str, about: &str) -> Self {
        let about = format!(
            "{about} These bytes never change unless the version of the format does: if a test says they differ, the code is wrong, not \
             this file. Keys and seeds are fixed and known to everybody; never use them."
        );
        Self { about, format, version: 0, vectors: Vec::new(), refused: Vec::new() }
    }

    fn version(self, version: u32) -> Self {
        Self { version, ..self }
    }

    fn add(&mut self, name: &str, value: Words, bytes: &[u8], also: Words) {
        self.vectors.push(Vector { name: name.to_owned(), value, bytes: hex(bytes), also });
    }

    /// Adds bytes that are refused. That they are is for the test to find out.
    fn refuse(&mut self, name: &str, bytes: &[u8]) {
        let error = match recode(self.format, bytes) {
            Err(error) => error,
            Ok(_) => "ACCEPTED".to_owned(),
        };
        self.refused.push(Refused { name: name.to_owned(), bytes: hex(bytes), error });
    }

    /// Adds what is refused of any format: `bytes` are an array whose first item is the version or tag.
    fn refuse_damage(&mut self, bytes: &[u8]) {
        let edited = |edit: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = bytes.to_vec();
            edit(&mut bytes);
            bytes
        };
        self.refuse("nothing at all", &[]);
        self.refuse("the last byte is missing", bytes.split_last().map_or(&[], |(_, rest)| rest));
        self.refuse("a byte follows the end", &edited(&|bytes| bytes.push(0)));
        self.refuse("an array of indefinite length", &edited(&|bytes| bytes[0] = 0x9f));
        self.refuse("the array has one item less than it says", &edited(&|bytes| bytes[0] += 1));
        self.refuse(
            "the length of the array in two bytes where one does",
            &edited(&|bytes| {
                let items = bytes[0] & 0x1f;
                bytes.splice(0..1, [0x98, items]);
            }),
        );
    }

    /// Adds what is refused of a format with its version in front.
    fn refuse_versions(&mut self, bytes: &[u8]) {
        let mut newer = bytes.to_vec();
        newer[1] = 1;
        self.refuse("version 1, which is not known", &newer);
        let mut wide = bytes.to_vec();
        wide.splice(1..2, [0x18, 0x00]);
        self.refuse("the version in two bytes where one does", &wide);
    }

    /// The file's text.
    ///
    /// # Errors
    /// Never: all of it can be written.
    pub fn render(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// Every file, made anew.
#[must_use]
pub fn all() -> Vec<File> {
    vec![
        identity::derivations(),
        identity::recoveries(),
        identity::cards(),
        identity::addresses(),
        identity::tickets(),
        entries::headers(),
        entries::wraps(),
        entries::revision_payloads(),
        entries::deflated_payloads(),
        entries::response_payloads(),
        entries::sealed_payloads(),
        messages::messages(),
    ]
}

/// A file, as it is read.
#[derive(Debug, Deserialize)]
pub struct Stored {
    /// The name of the format.
    pub format: String,
    /// Values that are accepted.
    pub vectors: Vec<StoredVector>,
    /// Bytes that are not.
    pub refused: Vec<StoredRefusal>,
}

/// One value of a file.
#[derive(Debug, Deserialize)]
pub struct StoredVector {
    /// What it is.
    pub name: String,
    /// The value in words.
    pub value: std::collections::BTreeMap<String, String>,
    /// Its bytes, in hexadecimal; empty where a format is only derived values.
    #[serde(default)]
    pub bytes: String,
    /// What follows from it.
    pub also: std::collections::BTreeMap<String, String>,
}

/// One refusal of a file.
#[derive(Debug, Deserialize)]
pub struct StoredRefusal {
    /// What is wrong.
    pub name: String,
    /// The bytes, in hexadecimal.
    pub bytes: String,
    /// The class of the error and its place.
    pub error: String,
}

/// Decodes bytes of a format and encodes what they said again.
///
/// # Errors
/// The class and place of the refusal.
pub fn recode(format: &str, bytes: &[u8]) -> Result<Vec<u8>, String> {
    fn canonical<T: Canonical>(bytes: &[u8]) -> Result<Vec<u8>, String> {
        T::from_canonical(bytes).map(|value| value.to_canonical()).map_err(|error| refusals::codec(&error))
    }
    match format {
        "card" => canonical::<Card>(bytes),
        "addresses" => canonical::<AddressRecord>(bytes),
        "ticket" => canonical::<Ticket>(bytes),
        "header" => {
            let header = Header::from_canonical(bytes).map_err(|error| refusals::codec(&error))?;
            header.check_form().map_err(|error| refusals::form(&error))?;
            Ok(header.to_canonical())
        }
        "wraps" => canonical::<Wraps>(bytes),
        "revision-payload" => canonical::<RevisionPayload>(bytes),
        "deflated-payload" => RevisionPayload::open(bytes).map(|_| bytes.to_vec()).map_err(|error| refusals::codec(&error)),
        "response-payload" => canonical::<ResponsePayload>(bytes),
        "sealed-payload" => entries::open_sealed(bytes).map(|_| bytes.to_vec()),
        "message" => Message::receive(bytes).map(|message| message.into_signed().encode()).map_err(|error| refusals::wire(&error)),
        other => Err(format!("no format is called {other}")),
    }
}

/// What must follow from an accepted value besides its bytes: the names under `also`, with what they must be.
#[must_use]
pub fn follows(format: &str, bytes: &[u8], also: &std::collections::BTreeMap<String, String>) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    if matches!(format, "card" | "header") {
        found.push(("id", Hash::of(bytes).to_string()));
    }
    match format {
        "ticket" => found.push((
            "text",
            also.get("text").and_then(|text| text.parse::<Ticket>().ok()).map_or_else(String::new, |ticket| ticket.to_string()),
        )),
        "card" | "addresses" | "header" => {
            let signature = also.get("signature").cloned().unwrap_or_default();
            let verdict = identity::signed(format, bytes, also).map_or_else(|why| format!("does not verify: {why}"), |()| signature);
            found.push(("signature", verdict));
        }
        "wraps" => found.push(("opens to", entries::unwrap(bytes))),
        "deflated-payload" => found.push(("change", entries::inflated(bytes))),
        "sealed-payload" => found.push(("opens to", entries::open_sealed(bytes).unwrap_or_default())),
        _ => {}
    }
    found
}
