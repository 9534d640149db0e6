//! The only importer of Automerge in this crate.
//!
//! It keeps what is peculiar to Automerge here: that a new, loaded or forked document draws a random
//! actor (it is set at once, to that of nobody, and the right one is put into the bytes afterwards), that texts are
//! counted in code points, and that Automerge panics on some malformed input. The checks around this file
//! leave no way known to us to make it panic; but a panic in a dependency must not take a node down for
//! what a peer wrote, so parsing, applying, reading, writing and saving run inside `catch_unwind`, and a
//! document that was being changed when one happened is thrown away.

use super::reading::{Cell, Reading};
use crate::document::limits::MAX_COMPARED_CHARACTERS;
use automerge::transaction::{CommitOptions, Transactable, Transaction};
use automerge::{ActorId, Automerge, ObjId, ObjType, Prop, ReadDoc, ScalarValue, TextEncoding, Value};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The actor under which changes are made, before they get their right one: the last of all, since Automerge keeps actors in
/// their order, and one that comes before others is entered at the cost of renumbering these in all that was ever written.
const NOBODY: [u8; 16] = [0xff; 16];

/// An object in a document.
pub(super) type Object = ObjId;

/// Runs something that touches what a peer wrote; a panic becomes an error.
pub(super) fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|_| "it failed on this input".to_owned())
}

/// A change that Automerge has parsed.
#[derive(Debug, Clone)]
pub(super) struct Parsed(automerge::Change);

impl Parsed {
    /// Parses a change, whose columns must be cut as Automerge cuts them: it keeps operations, not bytes, and writes the bytes
    /// anew when it is asked for a change.
    ///
    /// # Errors
    ///
    /// Automerge's words, if it refuses.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        guarded(|| {
            let change = automerge::Change::try_from(bytes).map_err(|error| error.to_string())?;
            let is_whole = change.raw_bytes() == bytes;
            is_whole.then_some(Self(change)).ok_or_else(|| "it reads these bytes as others".to_owned())
        })?
    }

    /// Whether Automerge writes the operations in the same bytes again; none if it refuses to read them.
    #[cfg(test)]
    pub(super) fn is_written_alike(bytes: &[u8]) -> Option<bool> {
        let again = |change| automerge::Change::from(automerge::ExpandedChange::from(&change)).raw_bytes() == bytes;
        guarded(|| automerge::Change::try_from(bytes).ok().map(again)).ok().flatten()
    }

    /// The change's bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        self.0.raw_bytes()
    }
}

/// A document.
#[derive(Debug, Clone)]
pub(super) struct Engine(Automerge);

impl Default for Engine {
    /// A document without changes.
    fn default() -> Self {
        let mut document = Automerge::new_with_encoding(TextEncoding::UnicodeCodePoint);
        document.set_actor(ActorId::from(NOBODY));
        Self(document)
    }
}

impl Engine {
    /// The document with these changes too, all in one call. The one before is gone if it fails.
    ///
    /// # Errors
    ///
    /// Automerge's words, if it refuses.
    pub(super) fn apply<'a>(mut self, changes: impl Iterator<Item = &'a Parsed>) -> Result<Self, String> {
        let changes: Vec<automerge::Change> = changes.map(|change| change.0.clone()).collect();
        let count = changes.len();
        guarded(move || {
            let held = |document: &Automerge| usize::try_from(document.stats().num_changes).unwrap_or(usize::MAX);
            let before = held(&self.0);
            self.0.apply_changes(changes).map_err(|error| error.to_string())?;
            // A change whose dependency is missing would wait inside, unseen.
            if held(&self.0) != before.saturating_add(count) {
                return Err("a change is waiting for another".to_owned());
            }
            Ok(self)
        })?
    }

    /// The whole document as an Automerge file.
    pub(super) fn save(&self) -> Result<Vec<u8>, String> {
        guarded(|| self.0.save())
    }

    /// Makes one change in one transaction, without time and message, and gives its bytes under the
    /// actor of nobody; none if it changes nothing.
    ///
    /// # Errors
    ///
    /// Automerge's words, if it fails.
    pub(super) fn edit(&self, write: impl FnOnce(&mut Writer<'_>) -> Result<(), String>) -> Result<Option<Vec<u8>>, String> {
        let mut document = self.0.clone();
        document.set_actor(ActorId::from(NOBODY));
        guarded(move || {
            let hash = {
                let mut writer = Writer(document.transaction());
                write(&mut writer)?;
                writer.0.commit_with(CommitOptions::default().with_time(0)).0
            };
            let Some(hash) = hash else {
                return Ok(None);
            };
            let change = document.get_last_local_change().filter(|change| change.hash() == hash);
            change.map(|change| Some(change.raw_bytes().to_vec())).ok_or_else(|| "the change is not to be found".to_owned())
        })?
    }
}

impl Reading for Engine {
    fn values(&self, object: &Object, at: &str) -> Vec<Cell> {
        cells(&self.0, object, Prop::from(at))
    }

    fn item(&self, object: &Object, at: usize) -> Option<Cell> {
        cells(&self.0, object, Prop::from(at)).pop()
    }

    fn length(&self, object: &Object) -> usize {
        self.0.length(object)
    }

    fn text(&self, object: &Object) -> String {
        self.0.text(object).unwrap_or_default()
    }
}

/// A transaction.
pub(super) struct Writer<'a>(Transaction<'a>);

impl Reading for Writer<'_> {
    fn values(&self, object: &Object, at: &str) -> Vec<Cell> {
        cells(&self.0, object, Prop::from(at))
    }

    fn item(&self, object: &Object, at: usize) -> Option<Cell> {
        cells(&self.0, object, Prop::from(at)).pop()
    }

    fn length(&self, object: &Object) -> usize {
        self.0.length(object)
    }

    fn text(&self, object: &Object) -> String {
        self.0.text(object).unwrap_or_default()
    }
}

/// Where a value stands in its object.
pub(super) enum At<'a> {
    /// At a key of a map.
    Key(&'a str),
    /// As a new item of a list, before the one that is there now.
    Insert(usize),
}

/// A value to write.
pub(super) enum Scalar<'a> {
    Text(&'a str),
    Number(u64),
}

/// What kind of object to make.
#[derive(Debug, Clone, Copy)]
pub(super) enum Make {
    Map,
    List,
    Text,
}

impl Writer<'_> {
    /// Writes a plain value.
    pub(super) fn put(&mut self, object: &Object, at: &At<'_>, value: &Scalar<'_>) -> Result<(), String> {
        let value = match value {
            Scalar::Text(text) => ScalarValue::from(*text),
            Scalar::Number(number) => i64::try_from(*number).map_or(ScalarValue::Uint(*number), ScalarValue::Int),
        };
        match at {
            At::Key(key) => self.0.put(object, *key, value),
            At::Insert(position) => self.0.insert(object, *position, value),
        }
        .map_err(|error| error.to_string())
    }

    /// Makes an object.
    pub(super) fn make(&mut self, object: &Object, at: &At<'_>, make: Make) -> Result<Object, String> {
        let make = match make {
            Make::Map => ObjType::Map,
            Make::List => ObjType::List,
            Make::Text => ObjType::Text,
        };
        match at {
            At::Key(key) => self.0.put_object(object, *key, make),
            At::Insert(position) => self.0.insert_object(object, *position, make),
        }
        .map_err(|error| error.to_string())
    }

    /// Deletes what stands at a key.
    pub(super) fn delete(&mut self, object: &Object, key: &str) -> Result<(), String> {
        self.0.delete(object, key).map_err(|error| error.to_string())
    }

    /// Removes an item of a list.
    pub(super) fn remove(&mut self, object: &Object, position: usize) -> Result<(), String> {
        self.0.delete(object, position).map_err(|error| error.to_string())
    }

    /// Brings a text to what is wanted by the few characters that differ, so that it merges.
    pub(super) fn set_text(&mut self, object: &Object, wanted: &str) -> Result<(), String> {
        let present = self.0.text(object).map_err(|error| error.to_string())?;
        let old: Vec<char> = present.chars().collect();
        let new: Vec<char> = wanted.chars().collect();
        let front = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
        let shorter = old.len().min(new.len()).saturating_sub(front);
        let back = old.iter().rev().zip(new.iter().rev()).take(shorter).take_while(|(old, new)| old == new).count();
        let removed = old.len().saturating_sub(front).saturating_sub(back);
        let added = new.len().saturating_sub(front).saturating_sub(back);
        if removed.saturating_add(added) == 0 {
            return Ok(());
        }
        // Automerge compares character by character, in time that grows with the square of the edit.
        if removed > 0 && added > 0 && removed.saturating_add(added) <= MAX_COMPARED_CHARACTERS {
            return self.0.update_text(object, wanted).map_err(|error| error.to_string());
        }
        let middle: String = new.iter().skip(front).take(added).collect();
        let removed = isize::try_from(removed).map_err(|error| error.to_string())?;
        self.0.splice_text(object, front, removed, &middle).map_err(|error| error.to_string())
    }
}

/// All values at a place, those that conflict included, the one that Automerge shows last.
fn cells(document: &impl ReadDoc, object: &Object, at: Prop) -> Vec<Cell> {
    let values = document.get_all(object, at).unwrap_or_default();
    values
        .into_iter()
        .map(|(value, id)| match value {
            Value::Object(ObjType::Map) => Cell::Map(id),
            Value::Object(ObjType::List) => Cell::List(id),
            Value::Object(ObjType::Text) => Cell::Text(id),
            Value::Object(ObjType::Table) => Cell::Other,
            Value::Scalar(scalar) => match scalar.as_ref() {
                ScalarValue::Str(text) => Cell::Line(text.to_string()),
                ScalarValue::Int(number) => u64::try_from(*number).map_or(Cell::Other, Cell::Number),
                ScalarValue::Uint(number) => Cell::Number(*number),
                ScalarValue::Bytes(_)
                | ScalarValue::F64(_)
                | ScalarValue::Counter(_)
                | ScalarValue::Timestamp(_)
                | ScalarValue::Boolean(_)
                | ScalarValue::Unknown { .. }
                | ScalarValue::Null => Cell::Other,
            },
        })
        .collect()
}

/// The root of a document.
pub(super) const ROOT: Object = automerge::ROOT;

#[cfg(test)]
pub(super) mod forge;
