//! Checking values against a kind: types, bounds, and one normal form.
//!
//! Normal form: nothing empty and no `null`; lines trimmed and without control characters; texts with
//! `\n` line ends and no space at their end; times as `2026-11-22T18:00:00+00:00`; no choice twice in a
//! list. Two forms that mean the same are then equal, so that an edit that changes nothing is seen to
//! change nothing.
//!
//! Left out: rules between fields (a step's needs, an export's demands), and what words mean.

mod error;

use super::fields::{Fields, join};
use super::kind::{Field, Form, Kind};
use super::limits::{MAX_FIELDS_BYTES, MAX_ITEMS, MAX_LINE_BYTES, MAX_NUMBER, MAX_TEXT_BYTES};
pub use error::FieldError;
use jiff::fmt::temporal::Pieces;
use serde_json::{Map, Value};

impl Kind {
    /// Checks values that a person or a program gave for a document of this kind, and brings them into
    /// normal form.
    ///
    /// # Errors
    ///
    /// The first value that is wrong, by its path, with what was found and what is allowed.
    pub fn check(&self, values: &Map<String, Value>) -> Result<Fields, FieldError> {
        let map = check_map(self, self.fields, values, "")?;
        let fields = Fields::checked(map);
        check_size(&fields)?;
        Ok(fields)
    }
}

/// Refuses fields that are too large altogether.
pub(super) fn check_size(fields: &Fields) -> Result<(), FieldError> {
    let found = map_size(fields.as_map());
    if found > MAX_FIELDS_BYTES {
        return Err(FieldError::TooLarge { found, limit: MAX_FIELDS_BYTES });
    }
    Ok(())
}

/// Roughly the length as JSON: keys and values with their marks, escapes left out.
fn map_size(map: &Map<String, Value>) -> usize {
    map.iter().map(|(name, value)| name.len().saturating_add(4).saturating_add(size(value))).fold(2, usize::saturating_add)
}

fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 16,
        Value::String(text) => text.len().saturating_add(2),
        Value::Array(items) => items.iter().map(|item| size(item).saturating_add(1)).fold(2, usize::saturating_add),
        Value::Object(map) => map_size(map),
    }
}

fn check_map(kind: &Kind, fields: &[Field], values: &Map<String, Value>, path: &str) -> Result<Map<String, Value>, FieldError> {
    let mut checked = Map::new();
    for (name, value) in values {
        let path = join(path, name);
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            return Err(FieldError::Unknown { near: kind.near(name), path: shorten(&path), kind: kind.name });
        };
        if let Some(value) = check_value(kind, field.form, value, &path)? {
            checked.insert(name.clone(), value);
        }
    }
    Ok(checked)
}

/// The value in normal form, or nothing if it is empty.
pub(super) fn check_value(kind: &Kind, form: Form, value: &Value, path: &str) -> Result<Option<Value>, FieldError> {
    match form {
        _ if value.is_null() => Ok(None),
        Form::Text => Ok(filled(check_text(string(value, "a text", path)?, path)?)),
        Form::Line => Ok(filled(check_line(string(value, "a line of text", path)?, path)?)),
        Form::Choice(allowed) => check_choice(allowed, string(value, "one of the choices", path)?, path),
        Form::Time => check_time(string(value, "a time", path)?, path),
        Form::Number => check_number(value, path).map(Some),
        Form::List(form) => {
            let mut items = Vec::new();
            for (position, item) in array(value, path)?.iter().enumerate() {
                items.extend(check_value(kind, *form, item, &format!("{path}[{position}]"))?);
            }
            Ok(gathered(*form, items))
        }
        Form::Records(fields) => {
            let mut records = Vec::new();
            for (position, item) in array(value, path)?.iter().enumerate() {
                let path = format!("{path}[{position}]");
                let Value::Object(values) = item else {
                    return Err(FieldError::WrongType { path, wanted: "a block of fields", found: type_name(item) });
                };
                let record = check_map(kind, fields, values, &path)?;
                if !record.is_empty() {
                    records.push(Value::Object(record));
                }
            }
            Ok((!records.is_empty()).then_some(Value::Array(records)))
        }
    }
}

/// A list's checked items as a value, without choices that stand in it already.
pub(super) fn gathered(form: Form, items: Vec<Value>) -> Option<Value> {
    let mut kept: Vec<Value> = Vec::new();
    for item in items {
        if !(matches!(form, Form::Choice(_)) && kept.contains(&item)) {
            kept.push(item);
        }
    }
    (!kept.is_empty()).then_some(Value::Array(kept))
}

fn filled(text: String) -> Option<Value> {
    (!text.is_empty()).then_some(Value::String(text))
}

fn string<'a>(value: &'a Value, wanted: &'static str, path: &str) -> Result<&'a str, FieldError> {
    value.as_str().ok_or_else(|| FieldError::WrongType { path: path.to_owned(), wanted, found: type_name(value) })
}

fn array<'a>(value: &'a Value, path: &str) -> Result<&'a [Value], FieldError> {
    let Value::Array(items) = value else {
        return Err(FieldError::WrongType { path: path.to_owned(), wanted: "a list", found: type_name(value) });
    };
    if items.len() > MAX_ITEMS {
        return Err(FieldError::TooMany { path: path.to_owned(), found: items.len(), limit: MAX_ITEMS });
    }
    Ok(items)
}

const fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a block of fields",
    }
}

/// At most 60 characters of what was found, to be shown back.
pub(super) fn shorten(found: &str) -> String {
    let mut short: String = found.chars().filter(|c| !c.is_control()).take(60).collect();
    if found.chars().nth(60).is_some() {
        short.push('…');
    }
    short
}

fn bounded(text: &str, limit: usize, path: &str) -> Result<(), FieldError> {
    if text.len() > limit {
        return Err(FieldError::TooLong { path: path.to_owned(), found: text.len(), limit });
    }
    Ok(())
}

fn without_controls(text: &str, allowed: &[char], path: &str) -> Result<(), FieldError> {
    // XML 1.0, and so CAP and Atom, can carry neither control characters nor U+FFFE and U+FFFF.
    let wrong = |c: &char| (c.is_control() && !allowed.contains(c)) || matches!(c, '\u{FFFE}' | '\u{FFFF}');
    match text.chars().find(wrong) {
        Some(c) => Err(FieldError::ControlCharacter { path: path.to_owned(), found: u32::from(c) }),
        None => Ok(()),
    }
}

fn check_text(text: &str, path: &str) -> Result<String, FieldError> {
    // Twice the bound: line ends of two bytes become one.
    bounded(text, MAX_TEXT_BYTES.saturating_mul(2), path)?;
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text = text.trim_end();
    bounded(text, MAX_TEXT_BYTES, path)?;
    without_controls(text, &['\n', '\t'], path)?;
    Ok(text.to_owned())
}

fn check_line(text: &str, path: &str) -> Result<String, FieldError> {
    let text = text.trim();
    bounded(text, MAX_LINE_BYTES, path)?;
    without_controls(text, &[], path)?;
    Ok(text.to_owned())
}

fn check_choice(allowed: &'static [&'static str], text: &str, path: &str) -> Result<Option<Value>, FieldError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    allowed
        .iter()
        .find(|choice| choice.eq_ignore_ascii_case(text))
        .map(|choice| Some(Value::from(*choice)))
        .ok_or_else(|| FieldError::NotAChoice { path: path.to_owned(), found: shorten(text), allowed })
}

fn check_number(value: &Value, path: &str) -> Result<Value, FieldError> {
    value
        .as_u64()
        .filter(|number| *number <= MAX_NUMBER)
        .map(Value::from)
        .ok_or_else(|| FieldError::NotANumber { path: path.to_owned(), found: shorten(&value.to_string()) })
}

fn check_time(text: &str, path: &str) -> Result<Option<Value>, FieldError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    normal_time(text)
        .map(|time| Some(Value::String(time)))
        .ok_or_else(|| FieldError::NotATime { path: path.to_owned(), found: shorten(text) })
}

/// RFC 3339 with a numeric offset and whole seconds, as `xs:dateTime` of CAP 1.2 wants it.
fn normal_time(text: &str) -> Option<String> {
    // The longest form is 35 bytes: 2026-11-22T18:00:00.123456789+00:00.
    if text.len() > 40 {
        return None;
    }
    let pieces = Pieces::parse(text).ok()?;
    let (date, time, offset) = (pieces.date(), pieces.time()?, pieces.to_numeric_offset()?);
    let offset_seconds = offset.seconds();
    let minutes = offset_seconds.checked_div(60)?;
    let whole = offset_seconds.checked_rem(60)? == 0;
    // xs:dateTime knows offsets up to 14 hours and years from 1.
    if pieces.time_zone_annotation().is_some() || !whole || minutes.abs() > 840 || date.year() < 1 {
        return None;
    }
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.abs();
    Some(format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{sign}{:02}:{:02}",
        date.year(),
        date.month(),
        date.day(),
        time.hour(),
        time.minute(),
        time.second(),
        minutes.checked_div(60)?,
        minutes.checked_rem(60)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::super::kind;
    use super::*;
    use serde_json::json;

    fn check(value: Value) -> Result<Value, FieldError> {
        let fields = kind::find("bulletin").unwrap().check(value.as_object().unwrap())?;
        Ok(Value::Object(fields.into_map()))
    }

    #[test]
    fn values_come_out_in_one_normal_form() {
        let checked = check(json!({
            "status": "actual", "scope": null, "source": "  ", "note": "a\r\nb  \n", "code": [],
            "info": [{"headline": " x ", "category": ["security", "Security"], "onset": "2026-11-22T18:00:00.5Z"}, {}],
        }));
        assert_eq!(
            checked.unwrap(),
            json!({"status": "Actual", "note": "a\nb", "info": [{
                "headline": "x", "category": ["Security"], "onset": "2026-11-22T18:00:00+00:00"}]})
        );
    }

    #[test]
    fn an_error_names_the_path_what_was_found_and_what_is_allowed() {
        let error = check(json!({"info": [{"severity": "Awful"}]})).unwrap_err().to_string();
        assert!(error.starts_with("info[0].severity: \"Awful\"") && error.contains("Extreme, Severe"), "{error}");
        let error = check(json!({"info": [{"severty": "Minor"}]})).unwrap_err().to_string();
        assert!(error.contains("info[0].severty") && error.contains("did you mean severity"), "{error}");
        let error = check(json!({"info": {"severity": "Minor"}})).unwrap_err().to_string();
        assert!(error.contains("expected a list, found a block"), "{error}");
    }

    #[test]
    fn everything_too_long_is_refused_with_its_bound() {
        let line = "x".repeat(MAX_LINE_BYTES + 1);
        let text = "x".repeat(MAX_TEXT_BYTES + 1);
        let block = json!({"description": "x".repeat(MAX_TEXT_BYTES)});
        for (value, limit) in [
            (json!({"source": line}), MAX_LINE_BYTES),
            (json!({"note": text}), MAX_TEXT_BYTES),
            (json!({"code": vec!["x"; MAX_ITEMS + 1]}), MAX_ITEMS),
            (json!({"info": [block, block, block, block]}), MAX_FIELDS_BYTES),
        ] {
            let error = check(value).unwrap_err().to_string();
            assert!(error.contains(&format!("at most {limit}")), "{error}");
        }
    }

    #[test]
    fn times_keep_their_offset_and_need_one() {
        for (text, wanted) in [
            ("2026-07-01T09:30:00+01:00", "2026-07-01T09:30:00+01:00"),
            ("2026-07-01 09:30-05:30", "2026-07-01T09:30:00-05:30"),
            ("2026-07-01T09:30:00Z", "2026-07-01T09:30:00+00:00"),
            ("2026-07-01T09:30:00-00:00", "2026-07-01T09:30:00+00:00"),
        ] {
            assert_eq!(normal_time(text).as_deref(), Some(wanted), "{text}");
        }
        for text in [
            "2026-07-01",
            "2026-07-01T09:30:00",
            "2026-02-30T09:30:00Z",
            "2026-07-01T09:30:00+15:00",
            "2026-07-01T09:30:00+01:00[Europe/London]",
            "-000001-07-01T09:30:00Z",
            "tomorrow",
            "",
        ] {
            assert_eq!(normal_time(text), None, "{text}");
        }
    }

    #[test]
    fn control_characters_and_wrong_numbers_are_refused() {
        assert!(matches!(check(json!({"source": "a\nb"})), Err(FieldError::ControlCharacter { found: 10, .. })));
        assert!(matches!(check(json!({"note": "a\u{1}"})), Err(FieldError::ControlCharacter { found: 1, .. })));
        for size in [json!(-1), json!(1.5), json!(MAX_NUMBER + 1)] {
            assert!(matches!(check(json!({"info": [{"resource": [{"size": size}]}]})), Err(FieldError::NotANumber { .. })));
        }
    }
}
