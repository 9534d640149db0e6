//! From wanted fields to operations, as few as do it.
//!
//! A field that does not differ from what is shown produces no operation, so that it cannot conflict with
//! another's edit of it. Texts are changed where they differ; list items and records are paired with what
//! they became, so that edits of different records merge. Every text and every list is made when its map
//! is made, even an empty one: two writers who later fill it then write into one object. (An object that
//! is missing, because a newer version added the field, is made when it is needed.)

use super::engine::{At, Make, Object, Scalar, Writer};
use super::reading::{Cell, Reader, Reading};
use crate::document::align::{Edit, align};
use crate::document::kind::{Field, Form, Kind};
use serde_json::{Map, Value};

/// Fills a map that was just made.
pub(super) fn fill(
    writer: &mut Writer<'_>,
    kind: &Kind,
    object: &Object,
    fields: &[Field],
    wanted: &Map<String, Value>,
) -> Result<(), String> {
    for field in fields {
        let value = wanted.get(field.name);
        let at = At::Key(field.name);
        match field.form {
            Form::Text => {
                let text = writer.make(object, &at, Make::Text)?;
                writer.set_text(&text, value.and_then(Value::as_str).unwrap_or_default())?;
            }
            Form::List(_) | Form::Records(_) => {
                let list = writer.make(object, &at, Make::List)?;
                for (position, item) in value.and_then(Value::as_array).into_iter().flatten().enumerate() {
                    insert(writer, kind, &list, position, field.form, item)?;
                }
            }
            Form::Line | Form::Choice(_) | Form::Time | Form::Number => {
                if let Some(scalar) = value.and_then(scalar) {
                    writer.put(object, &at, &scalar)?;
                }
            }
        }
    }
    Ok(())
}

/// Changes a map from what it shows to what is wanted.
pub(super) fn change(
    writer: &mut Writer<'_>,
    kind: &Kind,
    object: &Object,
    fields: &[Field],
    shown: &Map<String, Value>,
    wanted: &Map<String, Value>,
) -> Result<(), String> {
    for field in fields {
        let value = wanted.get(field.name);
        if shown.get(field.name) == value {
            continue;
        }
        let present = writer.values(object, field.name).pop();
        match (field.form, present) {
            (Form::Text, Some(Cell::Text(text))) => writer.set_text(&text, value.and_then(Value::as_str).unwrap_or_default())?,
            (Form::Text, _) => {
                let text = writer.make(object, &At::Key(field.name), Make::Text)?;
                writer.set_text(&text, value.and_then(Value::as_str).unwrap_or_default())?;
            }
            (Form::List(_) | Form::Records(_), Some(Cell::List(list))) => {
                change_list(writer, kind, &list, field.form, value.and_then(Value::as_array).map_or(&[], Vec::as_slice))?;
            }
            (Form::List(_) | Form::Records(_), _) => {
                let list = writer.make(object, &At::Key(field.name), Make::List)?;
                change_list(writer, kind, &list, field.form, value.and_then(Value::as_array).map_or(&[], Vec::as_slice))?;
            }
            (Form::Line | Form::Choice(_) | Form::Time | Form::Number, _) => match value.and_then(scalar) {
                Some(scalar) => writer.put(object, &At::Key(field.name), &scalar)?,
                None => writer.delete(object, field.name)?,
            },
        }
    }
    Ok(())
}

/// Changes a list to what is wanted. What could not be shown of it goes.
fn change_list(writer: &mut Writer<'_>, kind: &Kind, list: &Object, form: Form, wanted: &[Value]) -> Result<(), String> {
    let mut reader = Reader { from: &*writer, kind, problems: Vec::new() };
    let shown = match form {
        Form::Records(_) => reader.records(list, form, ""),
        Form::List(inner) => reader.items(list, *inner, ""),
        Form::Text | Form::Line | Form::Choice(_) | Form::Time | Form::Number => Vec::new(),
    };
    let (positions, values): (Vec<usize>, Vec<Value>) = shown.into_iter().unzip();
    // Positions shift as items come and go, so go through the list once, keeping its place.
    let mut place = 0_usize;
    let mut passed = 0_usize;
    let length = writer.length(list);
    for edit in align(&values, wanted) {
        match edit {
            Edit::Pair { old, .. } | Edit::Remove { old } => {
                let target = positions.get(old).copied().unwrap_or(passed);
                remove_hidden(writer, list, place, &mut passed, target)?;
                if let Edit::Pair { new, .. } = edit {
                    change_item(writer, kind, list, place, form, values.get(old), wanted.get(new))?;
                    place = place.saturating_add(1);
                } else {
                    writer.remove(list, place)?;
                }
                passed = passed.saturating_add(1);
            }
            Edit::Insert { new } => {
                if let Some(item) = wanted.get(new) {
                    insert(writer, kind, list, place, form, item)?;
                    place = place.saturating_add(1);
                }
            }
        }
    }
    let window = length.min(crate::document::limits::MAX_MERGED_ITEMS);
    remove_hidden(writer, list, place, &mut passed, window)
}

/// Removes the items from position `place` on that stood at `passed..target` before.
fn remove_hidden(writer: &mut Writer<'_>, list: &Object, place: usize, passed: &mut usize, target: usize) -> Result<(), String> {
    while *passed < target {
        writer.remove(list, place)?;
        *passed = passed.saturating_add(1);
    }
    Ok(())
}

/// Changes the record at a position. Plain items pair only with their equals.
fn change_item(
    writer: &mut Writer<'_>,
    kind: &Kind,
    list: &Object,
    place: usize,
    form: Form,
    old: Option<&Value>,
    new: Option<&Value>,
) -> Result<(), String> {
    if old == new {
        return Ok(());
    }
    match (form, writer.item(list, place), old, new) {
        (Form::Records(fields), Some(Cell::Map(object)), Some(Value::Object(old)), Some(Value::Object(new))) => {
            change(writer, kind, &object, fields, old, new)
        }
        (_, _, _, Some(new)) => {
            writer.remove(list, place)?;
            insert(writer, kind, list, place, form, new)
        }
        (_, _, _, None) => Ok(()),
    }
}

/// Inserts an item of a list of this form.
fn insert(writer: &mut Writer<'_>, kind: &Kind, list: &Object, place: usize, form: Form, item: &Value) -> Result<(), String> {
    let at = At::Insert(place);
    match (form, item) {
        (Form::Records(fields), Value::Object(record)) => {
            let object = writer.make(list, &at, Make::Map)?;
            fill(writer, kind, &object, fields, record)
        }
        _ => match scalar(item) {
            Some(scalar) => writer.put(list, &at, &scalar),
            None => Ok(()),
        },
    }
}

fn scalar(value: &Value) -> Option<Scalar<'_>> {
    match value {
        Value::String(text) => Some(Scalar::Text(text)),
        Value::Number(number) => number.as_u64().map(Scalar::Number),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
