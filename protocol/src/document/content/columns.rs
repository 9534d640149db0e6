//! The operations of a change, read from its columns without expanding what is run-length encoded.
//!
//! A run of 2^40 nulls takes a few bytes, and Automerge would walk it. So the operations are counted from
//! the run lengths first, bounded by
//! [`MAX_CHANGE_OPERATIONS`](crate::document::limits::MAX_CHANGE_OPERATIONS), and only then is each column read, row by
//! row and to its exact end. What comes out are the operations in the few shapes that this project's
//! documents need: maps, lists and texts, plain values, deletions. Counters, marks, tables and bytes are
//! refused, because Automerge's code for them is not needed and so should not be within reach.

mod runs;

use super::ActorBytes;
use super::chunk::Cursor;
use super::error::ChangeError;
use crate::document::limits::MAX_KEY_BYTES;
use runs::{Booleans, Delta, Runs, Text, Unsigned};
use std::str;

// Column specifications: id << 4 | type, in the order in which Automerge writes them.
const OBJECT_ACTOR: u64 = 1;
const OBJECT_COUNTER: u64 = 2;
const KEY_ACTOR: u64 = 17;
const KEY_COUNTER: u64 = 19;
const KEY_STRING: u64 = 21;
const INSERT: u64 = 52;
const ACTION: u64 = 66;
const VALUE_META: u64 = 86;
const VALUE: u64 = 87;
const PRED_GROUP: u64 = 112;
const PRED_ACTOR: u64 = 113;
const PRED_COUNTER: u64 = 115;
const KNOWN: [u64; 12] = [
    OBJECT_ACTOR,
    OBJECT_COUNTER,
    KEY_ACTOR,
    KEY_COUNTER,
    KEY_STRING,
    INSERT,
    ACTION,
    VALUE_META,
    VALUE,
    PRED_GROUP,
    PRED_ACTOR,
    PRED_COUNTER,
];

/// The id of an operation, as a change writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) counter: u32,
    /// 0 is the change's own actor, 1 its first other one.
    pub(super) actor: u32,
}

/// What an operation writes at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// A place in [`Operations::names`].
    Name(u32),
    /// Before the first element.
    Head,
    /// At, or when inserting after, this element.
    Element(Reference),
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    MakeMap,
    MakeList,
    MakeText,
    /// Writes a text of exactly one character: the only value that a text object holds.
    PutCharacter,
    /// Writes any other text.
    PutText,
    /// Writes any other plain value.
    Put,
    Delete,
}

#[derive(Debug, Clone)]
pub(super) struct Operation {
    /// The object, the root if none.
    pub(super) object: Option<Reference>,
    pub(super) key: Key,
    pub(super) insert: bool,
    pub(super) action: Action,
    /// Where its predecessors end in [`Operations::preds`]; they begin where those before it end.
    pub(super) preds_end: u32,
}

/// A change's operations.
#[derive(Debug, Clone, Default)]
pub(super) struct Operations {
    pub(super) list: Vec<Operation>,
    pub(super) preds: Vec<Reference>,
    pub(super) names: Vec<String>,
    /// The first text that is put where a document says what kind it is.
    pub(super) kind: Option<String>,
}

impl Operations {
    /// Whether an operation of this change stands where a document says what kind it is.
    pub(super) fn is_kind(&self, operation: &Operation) -> bool {
        let Key::Name(place) = operation.key else { return false };
        let name = usize::try_from(place).ok().and_then(|place| self.names.get(place));
        operation.object.is_none() && name.is_some_and(|name| name == "kind")
    }
}

/// A change's columns, found but not read.
#[derive(Debug)]
pub(super) struct Columns<'a> {
    found: Vec<(u64, &'a [u8])>,
}

impl<'a> Columns<'a> {
    /// Finds the columns. The cursor is left after their bytes.
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Self, ChangeError> {
        let offset = cursor.offset();
        let count = cursor.length()?;
        if count > KNOWN.len() {
            return Err(ChangeError::Malformed { offset, what: "there are too many columns" });
        }
        let mut lengths = Vec::new();
        for _ in 0..count {
            let offset = cursor.offset();
            let specification = cursor.unsigned()?;
            let ascending = lengths.last().is_none_or(|(last, _)| *last < specification);
            if !ascending || !KNOWN.contains(&specification) {
                return Err(ChangeError::Malformed { offset, what: "a column is unknown, compressed or out of order" });
            }
            lengths.push((specification, cursor.length()?));
        }
        if lengths.iter().any(|(_, length)| *length == 0) {
            return Err(ChangeError::NotCanonical);
        }
        let mut found = Vec::new();
        for (specification, length) in lengths {
            found.push((specification, cursor.take(length)?));
        }
        Ok(Self { found })
    }

    fn bytes(&self, specification: u64) -> &'a [u8] {
        self.found.iter().find(|(candidate, _)| *candidate == specification).map_or(&[], |(_, bytes)| bytes)
    }

    /// The operations of a change by `actor`, which names `others`, ascending.
    pub(super) fn operations(&self, actor: &ActorBytes, others: &[ActorBytes]) -> Result<Operations, ChangeError> {
        let rows = Runs::<Unsigned>::count(self.bytes(ACTION))?;
        let predecessors = Runs::<Unsigned>::sum(self.bytes(PRED_GROUP), rows)?;
        let mut rows_left = Rows::new(self, actor, others);
        let mut operations = Operations::default();
        operations.list.reserve_exact(usize::try_from(rows).unwrap_or(0));
        operations.preds.reserve_exact(usize::try_from(predecessors).unwrap_or(0));
        for index in 0..rows {
            rows_left.next(index, &mut operations)?;
        }
        rows_left.end()?;
        Ok(operations)
    }
}

/// All columns, read side by side.
struct Rows<'a> {
    actors: Actors,
    object_actor: Runs<'a, Unsigned>,
    object_counter: Runs<'a, Unsigned>,
    key_actor: Runs<'a, Unsigned>,
    key_counter: Delta<'a>,
    key_string: Runs<'a, Text>,
    insert: Booleans<'a>,
    action: Runs<'a, Unsigned>,
    value_meta: Runs<'a, Unsigned>,
    value: Cursor<'a>,
    pred_group: Runs<'a, Unsigned>,
    pred_actor: Runs<'a, Unsigned>,
    pred_counter: Delta<'a>,
    /// The last key, which is often the next one too.
    last_name: Option<&'a str>,
}

impl<'a> Rows<'a> {
    fn new(columns: &Columns<'a>, actor: &ActorBytes, others: &[ActorBytes]) -> Self {
        Self {
            actors: Actors::new(actor, others),
            object_actor: Runs::new(columns.bytes(OBJECT_ACTOR)),
            object_counter: Runs::new(columns.bytes(OBJECT_COUNTER)),
            key_actor: Runs::new(columns.bytes(KEY_ACTOR)),
            key_counter: Delta::new(columns.bytes(KEY_COUNTER)),
            key_string: Runs::new(columns.bytes(KEY_STRING)),
            insert: Booleans::new(columns.bytes(INSERT)),
            action: Runs::new(columns.bytes(ACTION)),
            value_meta: Runs::new(columns.bytes(VALUE_META)),
            value: Cursor::new(columns.bytes(VALUE)),
            pred_group: Runs::new(columns.bytes(PRED_GROUP)),
            pred_actor: Runs::new(columns.bytes(PRED_ACTOR)),
            pred_counter: Delta::new(columns.bytes(PRED_COUNTER)),
            last_name: None,
        }
    }

    fn next(&mut self, index: u32, operations: &mut Operations) -> Result<(), ChangeError> {
        let bad = |what| ChangeError::Operation { index, what };
        let object = match (self.object_actor.next()?, self.object_counter.next()?) {
            (None, None) => None,
            (Some(actor), Some(counter)) => Some(self.reference(index, actor, counter)?),
            (Some(_), None) | (None, Some(_)) => return Err(bad("its object is half given")),
        };
        let key = self.key(index, operations)?;
        let insert = self.insert.next()?;
        let code = self.action.next()?.ok_or_else(|| bad("it has no action"))?;
        let (action, value) = self.action(index, code)?;
        let count = self.pred_group.next()?.ok_or_else(|| bad("it has no count of predecessors"))?;
        let preds_begin = operations.preds.len();
        for _ in 0..count {
            let actor = self.pred_actor.next()?.ok_or_else(|| bad("a predecessor is missing"))?;
            let counter = self.pred_counter.next()?.and_then(|counter| u64::try_from(counter).ok());
            let counter = counter.ok_or_else(|| bad("a predecessor is missing"))?;
            let pred = self.reference(index, actor, counter)?;
            let before = operations.preds.get(preds_begin..).and_then(<[Reference]>::last);
            if before.is_some_and(|before| self.actors.order(before) > self.actors.order(&pred)) {
                return Err(ChangeError::NotCanonical);
            }
            operations.preds.push(pred);
        }
        let preds_end = u32::try_from(operations.preds.len()).map_err(|_| ChangeError::TooManyOperations)?;
        let operation = Operation { object, key, insert, action, preds_end };
        if operations.kind.is_none() && matches!(action, Action::PutText | Action::PutCharacter) && operations.is_kind(&operation) {
            operations.kind = str::from_utf8(value).ok().map(str::to_owned);
        }
        operations.list.push(operation);
        Ok(())
    }

    fn reference(&mut self, index: u32, actor: u64, counter: u64) -> Result<Reference, ChangeError> {
        let actor = u32::try_from(actor).ok().filter(|actor| self.actors.name(*actor));
        // Automerge keeps counters in 32 bits and panics beyond.
        let counter = u32::try_from(counter).ok().filter(|counter| *counter > 0);
        match (actor, counter) {
            (Some(actor), Some(counter)) => Ok(Reference { counter, actor }),
            _ => Err(ChangeError::Operation { index, what: "it refers to an operation that cannot be" }),
        }
    }

    fn key(&mut self, index: u32, operations: &mut Operations) -> Result<Key, ChangeError> {
        let parts = (self.key_actor.next()?, self.key_counter.next()?, self.key_string.next()?);
        match parts {
            (None, None, Some(name)) => {
                if name.len() > MAX_KEY_BYTES {
                    return Err(ChangeError::KeyTooLong { found: name.len() });
                }
                if self.last_name != Some(name) {
                    self.last_name = Some(name);
                    operations.names.push(name.to_owned());
                }
                let place = operations.names.len().saturating_sub(1);
                Ok(Key::Name(u32::try_from(place).unwrap_or(u32::MAX)))
            }
            (None, Some(0), None) => Ok(Key::Head),
            (Some(actor), Some(counter), None) => {
                let counter = u64::try_from(counter).unwrap_or(0);
                Ok(Key::Element(self.reference(index, actor, counter)?))
            }
            _ => Err(ChangeError::Operation { index, what: "its key is neither a name nor a place in a list" }),
        }
    }

    /// What an operation does, and the value that it sets.
    fn action(&mut self, index: u32, code: u64) -> Result<(Action, &'a [u8]), ChangeError> {
        let bad = |what| ChangeError::Operation { index, what };
        let meta = self.value_meta.next()?.ok_or_else(|| bad("it has no value"))?;
        let length = usize::try_from(meta >> 4).map_err(|_| bad("its value is too long"))?;
        let value = self.value.take(length)?;
        let action = match code {
            0 => Action::MakeMap,
            1 => {
                let put = put(meta & 15, value).ok_or_else(|| bad("its value is of a type that is not used, or malformed"))?;
                return Ok((put, value));
            }
            2 => Action::MakeList,
            3 => Action::Delete,
            4 => Action::MakeText,
            _ => return Err(bad("it does something that documents do not need")),
        };
        if meta == 0 { Ok((action, value)) } else { Err(bad("it has a value though it sets none")) }
    }

    fn end(self) -> Result<(), ChangeError> {
        self.object_actor.end()?;
        self.object_counter.end()?;
        self.key_actor.end()?;
        self.key_counter.end()?;
        self.key_string.end()?;
        self.insert.end()?;
        self.action.end()?;
        self.value_meta.end()?;
        self.value.end()?;
        self.pred_group.end()?;
        self.pred_actor.end()?;
        self.pred_counter.end()?;
        self.actors.end()
    }
}

/// The actors that a change names, its own first.
struct Actors {
    /// Which the change's own would be among the others.
    own: usize,
    /// Which were referred to.
    named: Vec<bool>,
}

impl Actors {
    fn new(actor: &ActorBytes, others: &[ActorBytes]) -> Self {
        let mut named = vec![false; others.len().saturating_add(1)];
        if let Some(own) = named.first_mut() {
            *own = true;
        }
        Self { own: others.partition_point(|other| other < actor), named }
    }

    /// Notes that an actor is referred to; false if there is none.
    fn name(&mut self, actor: u32) -> bool {
        let named = usize::try_from(actor).ok().and_then(|actor| self.named.get_mut(actor));
        named.map(|named| *named = true).is_some()
    }

    /// The order in which Automerge writes predecessors: by counters, then by actors.
    fn order(&self, reference: &Reference) -> (u32, usize, bool) {
        let actor = usize::try_from(reference.actor).unwrap_or(usize::MAX);
        // The others are ascending, the first of them is 1. The change's own comes right before the first that is greater.
        let place = if actor == 0 { self.own } else { actor.saturating_sub(1) };
        (reference.counter, place, actor != 0)
    }

    /// Automerge names no actor that is not referred to.
    fn end(self) -> Result<(), ChangeError> {
        if self.named.into_iter().all(|named| named) { Ok(()) } else { Err(ChangeError::NotCanonical) }
    }
}

/// The action that writes a value of this type code.
fn put(code: u64, value: &[u8]) -> Option<Action> {
    let mut cursor = Cursor::new(value);
    match code {
        // Null, false and true.
        0..=2 => value.is_empty().then_some(Action::Put),
        3 => cursor.unsigned().ok().filter(|_| cursor.is_at_end()).map(|_| Action::Put),
        4 => cursor.signed().ok().filter(|_| cursor.is_at_end()).map(|_| Action::Put),
        5 => (value.len() == 8).then_some(Action::Put),
        6 => {
            let text = str::from_utf8(value).ok()?;
            Some(if text.chars().nth(1).is_none() && !text.is_empty() { Action::PutCharacter } else { Action::PutText })
        }
        _ => None,
    }
}
