//! From a document to fields, with the kind as the guide.
//!
//! Lenient, because what is read has merged and may have been written by anyone: a value of a wrong type
//! or beyond a bound is left out and named, and the rest stands. Names that the kind does not know are
//! passed over without a word, so that a newer version's fields survive an older one's edits.

use super::Problem;
use super::engine::Object;
use crate::document::check::{check_value, gathered};
use crate::document::fields::join;
use crate::document::kind::{Field, Form, Kind};
use crate::document::limits::{MAX_MERGED_ITEMS, MAX_MERGED_TEXT_BYTES, MAX_TEXT_BYTES};
use serde_json::{Map, Value};

/// A value in a document, as far as documents of ours have such.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    /// A map object.
    Map(Object),
    /// A list object.
    List(Object),
    /// A text object.
    Text(Object),
    /// A string.
    Line(String),
    /// A whole number that is not negative.
    Number(u64),
    /// Anything else.
    Other,
}

/// Reading a document, in or outside a transaction.
pub(super) trait Reading {
    /// All values at a key of a map, those that conflict included, the winner last.
    fn values(&self, object: &Object, at: &str) -> Vec<Cell>;
    /// The value at a position of a list.
    fn item(&self, object: &Object, at: usize) -> Option<Cell>;
    /// The number of items of a list.
    fn length(&self, object: &Object) -> usize;
    /// The text of a text object.
    fn text(&self, object: &Object) -> String;
}

/// Reads fields, and says what was left out.
#[derive(Debug)]
pub(super) struct Reader<'a, R> {
    pub(super) from: &'a R,
    pub(super) kind: &'a Kind,
    pub(super) problems: Vec<Problem>,
}

impl<R: Reading> Reader<'_, R> {
    /// The fields in a map.
    pub(super) fn map(&mut self, object: &Object, fields: &[Field], path: &str) -> Map<String, Value> {
        let mut map = Map::new();
        for field in fields {
            let path = join(path, field.name);
            if let Some(cell) = self.from.values(object, field.name).pop()
                && let Some(value) = self.value(&cell, field.form, &path)
            {
                map.insert(field.name.to_owned(), value);
            }
        }
        map
    }

    /// The items of a list that can be shown, each with its position in the document.
    pub(super) fn items(&mut self, object: &Object, form: Form, path: &str) -> Vec<(usize, Value)> {
        let length = self.from.length(object);
        if length > MAX_MERGED_ITEMS {
            self.problem(path, format!("there are {length} items, and only the first {MAX_MERGED_ITEMS} are shown"));
        }
        let mut items = Vec::new();
        for position in 0..length.min(MAX_MERGED_ITEMS) {
            let path = format!("{path}[{}]", items.len());
            if let Some(cell) = self.from.item(object, position)
                && let Some(value) = self.value(&cell, form, &path)
            {
                items.push((position, value));
            }
        }
        items
    }

    fn value(&mut self, cell: &Cell, form: Form, path: &str) -> Option<Value> {
        match (form, cell) {
            (Form::Text, Cell::Text(object)) => self.text(object, path),
            (Form::Line | Form::Choice(_) | Form::Time, Cell::Line(text)) => self.checked(form, &Value::from(text.as_str()), path),
            (Form::Number, Cell::Number(number)) => self.checked(form, &Value::from(*number), path),
            (Form::List(inner), Cell::List(object)) => {
                let items = self.items(object, *inner, path);
                gathered(*inner, items.into_iter().map(|(_, value)| value).collect())
            }
            (Form::Records(_), Cell::List(object)) => {
                let items = self.records(object, form, path);
                (!items.is_empty()).then(|| Value::Array(items.into_iter().map(|(_, value)| value).collect()))
            }
            _ => {
                self.problem(path, "it is of a wrong type".to_owned());
                None
            }
        }
    }

    /// The records of a list that can be shown, each with its position in the document. Records that
    /// hold nothing are passed over.
    pub(super) fn records(&mut self, object: &Object, form: Form, path: &str) -> Vec<(usize, Value)> {
        let Form::Records(fields) = form else {
            return Vec::new();
        };
        let length = self.from.length(object);
        if length > MAX_MERGED_ITEMS {
            self.problem(path, format!("there are {length} blocks, and only the first {MAX_MERGED_ITEMS} are shown"));
        }
        let mut records = Vec::new();
        for position in 0..length.min(MAX_MERGED_ITEMS) {
            let path = format!("{path}[{}]", records.len());
            match self.from.item(object, position) {
                Some(Cell::Map(object)) => {
                    let record = self.map(&object, fields, &path);
                    if !record.is_empty() {
                        records.push((position, Value::Object(record)));
                    }
                }
                Some(_) => self.problem(&path, "it is of a wrong type".to_owned()),
                None => {}
            }
        }
        records
    }

    /// A text. Edits that were each within the bound can merge to more than it, and are all shown.
    fn text(&mut self, object: &Object, path: &str) -> Option<Value> {
        let mut text = self.from.text(object);
        if text.len() > MAX_MERGED_TEXT_BYTES {
            self.problem(path, format!("it has {} bytes, and only the first {MAX_MERGED_TEXT_BYTES} are shown", text.len()));
            text.truncate(text.floor_char_boundary(MAX_MERGED_TEXT_BYTES));
        }
        if text.len() <= MAX_TEXT_BYTES {
            return self.checked(Form::Text, &Value::from(text), path);
        }
        let shown: String = text.trim_end().chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
        Some(Value::from(shown))
    }

    fn checked(&mut self, form: Form, value: &Value, path: &str) -> Option<Value> {
        check_value(self.kind, form, value, path).unwrap_or_else(|error| {
            self.problem(path, error.to_string());
            None
        })
    }

    fn problem(&mut self, path: &str, what: String) {
        // A hostile document could fill a screen; the first ones say enough.
        if self.problems.len() < MAX_MERGED_ITEMS {
            self.problems.push(Problem { path: path.to_owned(), what });
        }
    }
}
