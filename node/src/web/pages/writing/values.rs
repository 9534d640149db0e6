//! A document's values by their paths, such as `info[0].area[0].areaDesc`.

use csu_protocol::document::limits::MAX_ITEMS;
use csu_protocol::document::{Field, Form, Kind};
use serde_json::{Map, Value};

/// `info[2]` as `info` and 2; a name without a position is the first block of that name.
fn split(part: &str) -> Option<(&str, usize)> {
    match part.split_once('[') {
        None => Some((part, 0)),
        Some((name, rest)) => Some((name, rest.strip_suffix(']')?.parse().ok().filter(|at| *at < MAX_ITEMS)?)),
    }
}

/// The value at a path.
pub(in crate::web) fn get<'a>(map: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let Some((head, rest)) = path.split_once('.') else {
        return match split(path)? {
            (name, at) if path.contains('[') => map.get(name)?.as_array()?.get(at),
            (name, _) => map.get(name),
        };
    };
    let (name, at) = split(head)?;
    get(map.get(name)?.as_array()?.get(at)?.as_object()?, rest)
}

/// Sets the value at a path; null takes it away. A block is added where one more is named than there are.
pub(super) fn put(map: &mut Map<String, Value>, path: &str, value: Value) {
    let Some((head, rest)) = path.split_once('.') else {
        if value.is_null() {
            map.remove(path)
        } else {
            map.insert(path.to_owned(), value)
        };
        return;
    };
    let Some((name, at)) = split(head) else { return };
    let Value::Array(blocks) = map.entry(name).or_insert_with(|| Value::Array(Vec::new())) else { return };
    let at = at.min(blocks.len());
    if at == blocks.len() {
        blocks.push(Value::Object(Map::new()));
    }
    if let Some(Value::Object(block)) = blocks.get_mut(at) {
        put(block, rest, value);
    }
}

/// Takes the block at a path away.
pub(super) fn remove(map: &mut Map<String, Value>, path: &str) {
    let Some((head, rest)) = path.split_once('.') else {
        if let Some((name, at)) = split(path)
            && let Some(Value::Array(blocks)) = map.get_mut(name)
            && at < blocks.len()
        {
            blocks.remove(at);
        }
        return;
    };
    if let Some((name, at)) = split(head)
        && let Some(Value::Array(blocks)) = map.get_mut(name)
        && let Some(Value::Object(block)) = blocks.get_mut(at)
    {
        remove(block, rest);
    }
}

/// A path without its positions.
pub(in crate::web) fn bare(path: &str) -> String {
    path.split('.').map(|part| part.split('[').next().unwrap_or(part)).collect::<Vec<_>>().join(".")
}

/// `name` inside the block at `at`; an empty one is the document itself.
pub(super) fn inside(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

/// The block that a path lies in.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}

/// The fields of the block at a path, if the kind has one there and the path says which of several.
pub(super) fn block_fields(kind: &'static Kind, at: &str) -> Option<&'static [Field]> {
    if at.is_empty() {
        return Some(kind.fields);
    }
    let positions = at.split('.').all(|part| part.ends_with(']') && split(part).is_some());
    let Form::Records(inner) = kind.field(at)?.form else { return None };
    positions.then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use csu_protocol::document::kind;
    use serde_json::json;

    #[test]
    fn values_are_put_read_and_taken_away_by_their_paths() {
        let mut map = Map::new();
        put(&mut map, "info[0].area[0].areaDesc", json!("Mill Road"));
        put(&mut map, "info[7].headline", json!("second"));
        put(&mut map, "status", json!("Actual"));
        assert_eq!(
            Value::Object(map.clone()),
            json!({"status": "Actual", "info": [{"area": [{"areaDesc": "Mill Road"}]}, {"headline": "second"}]})
        );
        assert_eq!(get(&map, "info[0].area[0].areaDesc"), Some(&json!("Mill Road")));
        assert_eq!(get(&map, "info[1]"), Some(&json!({"headline": "second"})));
        assert_eq!(get(&map, "info[2].headline"), None);
        put(&mut map, "status", Value::Null);
        remove(&mut map, "info[0].area[0]");
        remove(&mut map, "info[9]");
        assert_eq!(Value::Object(map), json!({"info": [{"area": []}, {"headline": "second"}]}));
    }

    #[test]
    fn a_block_is_named_with_its_position_and_one_that_the_kind_has_not_is_none() {
        let bulletin = kind::find("bulletin").unwrap();
        assert!(block_fields(bulletin, "info[0].area[1]").is_some_and(|fields| fields[0].name == "areaDesc"));
        for at in ["info", "info[x]", "info[0].headline", "asks[0]", "info[99999].area[0]", "info[0]."] {
            assert!(block_fields(bulletin, at).is_none(), "{at}");
        }
    }
}
