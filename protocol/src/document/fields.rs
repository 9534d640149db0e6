//! A document's values once a kind has checked them.
//!
//! Invariant: a [`Fields`] came from [`Kind::check`](super::Kind::check), from an assignment, or from
//! reading content, so it is bounded, typed and in normal form: nothing empty, no `null`. As JSON it is
//! one object; `Deserialize` is left out on purpose, because reading needs the kind.

use super::align::{Edit, align};
use serde::Serialize;
use serde_json::{Map, Value};

/// A document's values, checked by its kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Fields(Map<String, Value>);

impl Fields {
    /// Values that were checked.
    pub(super) const fn checked(map: Map<String, Value>) -> Self {
        Self(map)
    }

    /// Values that were checked before they were put into the node's own store.
    #[must_use]
    pub const fn stored(map: Map<String, Value>) -> Self {
        Self(map)
    }

    /// The values as a JSON object.
    #[must_use]
    pub const fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The values as a JSON object of one's own.
    #[must_use]
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }

    /// True if nothing is filled.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value at a path such as `info[1].area.areaDesc`. A block without a position is its first one.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Value> {
        let mut parts = path.split('.').map(split_position);
        let (name, position) = parts.next()?;
        let mut value = at(self.0.get(name)?, position)?;
        for (name, position) in parts {
            let block = if let Value::Array(blocks) = value { blocks.first()? } else { value };
            value = at(block.get(name)?, position)?;
        }
        Some(value)
    }

    /// Every value at a path such as `info.headline`, one for each block that has it. Positions in the
    /// path are ignored.
    #[must_use]
    pub fn every(&self, path: &str) -> Vec<&Value> {
        let mut parts = path.split('.').map(|part| split_position(part).0);
        let mut values: Vec<&Value> = parts.next().and_then(|name| self.0.get(name)).into_iter().collect();
        for name in parts {
            values = values.into_iter().flat_map(items).filter_map(|block| block.get(name)).collect();
        }
        values
    }

    /// The paths at which `newer` differs, in order. Records that pair up are compared inside, by their
    /// position in `newer`; a removed record is named by its position here.
    #[must_use]
    pub fn changed_paths(&self, newer: &Self) -> Vec<String> {
        self.changes(newer).into_iter().map(|change| change.path).collect()
    }

    /// The same with the values before and after.
    #[must_use]
    pub fn changes<'a>(&'a self, newer: &'a Self) -> Vec<FieldChange<'a>> {
        let mut changes = Vec::new();
        compare_maps(&self.0, &newer.0, "", &mut changes);
        changes
    }
}

/// One field that differs between two versions of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldChange<'a> {
    /// The path of the field, or of a whole record.
    pub path: String,
    /// What stood there, if anything did.
    pub before: Option<&'a Value>,
    /// What stands there now.
    pub after: Option<&'a Value>,
}

fn at(value: &Value, position: Option<usize>) -> Option<&Value> {
    match position {
        Some(position) => value.as_array()?.get(position),
        None => Some(value),
    }
}

/// The items of a list, or the one value that is no list.
pub(super) fn items(value: &Value) -> &[Value] {
    if let Value::Array(items) = value { items } else { std::slice::from_ref(value) }
}

/// `info[2]` as `info` and 2. What is no position belongs to the name, which then matches nothing.
pub(super) fn split_position(part: &str) -> (&str, Option<usize>) {
    part.strip_suffix(']')
        .and_then(|part| part.split_once('['))
        .and_then(|(name, position)| Some((name, Some(position.parse().ok()?))))
        .unwrap_or((part, None))
}

/// `name` inside the block at `path`.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn compare_maps<'a>(old: &'a Map<String, Value>, new: &'a Map<String, Value>, path: &str, changes: &mut Vec<FieldChange<'a>>) {
    let mut names: Vec<&String> = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name))).collect();
    names.sort();
    for name in names {
        let path = join(path, name);
        match (old.get(name), new.get(name)) {
            (old, new) if old == new => {}
            (Some(Value::Array(old)), Some(Value::Array(new))) if old.iter().chain(new).all(Value::is_object) => {
                compare_records(old, new, &path, changes);
            }
            (before, after) => changes.push(FieldChange { path, before, after }),
        }
    }
}

fn compare_records<'a>(old: &'a [Value], new: &'a [Value], path: &str, changes: &mut Vec<FieldChange<'a>>) {
    for edit in align(old, new) {
        match edit {
            Edit::Pair { old: old_at, new: new_at } => {
                if let (Some(Value::Object(old)), Some(Value::Object(new))) = (old.get(old_at), new.get(new_at)) {
                    compare_maps(old, new, &format!("{path}[{new_at}]"), changes);
                }
            }
            Edit::Remove { old: at } => changes.push(FieldChange { path: format!("{path}[{at}]"), before: old.get(at), after: None }),
            Edit::Insert { new: at } => changes.push(FieldChange { path: format!("{path}[{at}]"), before: None, after: new.get(at) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: Value) -> Fields {
        Fields(value.as_object().unwrap().clone())
    }

    #[test]
    fn a_path_reaches_the_first_block_or_the_one_it_names_or_all() {
        let fields = fields(json!({"info": [
            {"headline": "a", "area": [{"areaDesc": "x"}, {"areaDesc": "y"}]},
            {"headline": "b"},
        ]}));
        assert_eq!(fields.get("info.headline"), Some(&json!("a")));
        assert_eq!(fields.get("info[1].headline"), Some(&json!("b")));
        assert_eq!(fields.get("info.area[1].areaDesc"), Some(&json!("y")));
        assert_eq!(fields.get("info[2].headline"), None);
        assert_eq!(fields.get("info[x].headline"), None);
        assert_eq!(fields.every("info.headline"), [&json!("a"), &json!("b")]);
        assert_eq!(fields.every("info.area.areaDesc").len(), 2);
    }

    #[test]
    fn changed_paths_name_the_field_inside_the_record_that_changed() {
        let old = fields(json!({"status": "Actual", "info": [{"headline": "a", "severity": "Minor"}, {"headline": "b"}]}));
        let new = fields(json!({"info": [{"headline": "a", "severity": "Severe"}], "note": "n"}));
        assert_eq!(old.changed_paths(&new), ["info[0].severity", "info[1]", "note", "status"]);
        assert!(old.changed_paths(&old).is_empty());
        let changes = old.changes(&new);
        assert_eq!((changes[0].before, changes[0].after), (Some(&json!("Minor")), Some(&json!("Severe"))));
        assert_eq!((changes[1].before, changes[1].after), (Some(&json!({"headline": "b"})), None));
        assert_eq!((changes[2].before, changes[2].after), (None, Some(&json!("n"))));
    }
}
