//! The fields of a document as a text in an editor: TOML, with a comment above every field.
//!
//! What is not filled stands there as a comment, so that the whole form is seen and nothing needs to be
//! remembered. Reading it back goes through the kind's own checks. Messages about what is wrong stand
//! on top, on lines that begin with `#!`, and are taken off before the text is compared or shown again.

use super::screen::is_misleading;
use csu_protocol::document::{Field, Form, Kind};
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// The longest form that is read, in bytes.
pub const FORM_BYTES: usize = 2 * 1024 * 1024;
const MESSAGE: &str = "#!";

/// The form of these fields, headed by what it is about.
#[must_use]
pub fn render(kind: &Kind, about: &str, fields: &Map<String, Value>) -> String {
    let mut out = String::new();
    for line in [
        about,
        "",
        "Lines that begin with # are not read: take the # away to fill a field in.",
        "A block such as [[info]] may be repeated; its lines stay together.",
        "Save and leave the editor to keep it. Leave without a change to leave things as they are.",
    ] {
        out.push_str(format!("# {}", line.replace(is_misleading, " ")).trim_end());
        out.push('\n');
    }
    let opened = kind.title.split('.').next().unwrap_or_default();
    render_record(&mut out, kind.fields, fields, "", Opened(opened));
    out
}

/// The block that stands open even when nothing is in it yet.
#[derive(Clone, Copy)]
struct Opened<'a>(&'a str);

fn render_record(out: &mut String, fields: &[Field], values: &Map<String, Value>, path: &str, opened: Opened<'_>) {
    // A value belongs to the block above it, so plain fields come before blocks.
    for field in fields {
        if !matches!(field.form, Form::Records(_)) {
            describe(out, field);
            match values.get(field.name) {
                Some(value) => assign(out, field, value),
                None => push(out, "# ", &format!("{} = {}", field.name, empty(field.form))),
            }
        }
    }
    for field in fields {
        let Form::Records(inner) = field.form else { continue };
        let path = if path.is_empty() { field.name.to_owned() } else { format!("{path}.{}", field.name) };
        let empty = Vec::new();
        let records = values.get(field.name).and_then(Value::as_array).unwrap_or(&empty);
        describe(out, field);
        for record in records.iter().filter_map(Value::as_object) {
            push(out, "", &format!("[[{path}]]"));
            render_record(out, inner, record, &path, Opened(""));
        }
        if records.is_empty() && field.name == opened.0 {
            push(out, "", &format!("[[{path}]]"));
            render_record(out, inner, &Map::new(), &path, Opened(""));
        } else if records.is_empty() {
            render_template(out, inner, &path);
        }
    }
}

/// A block that is not there, wholly as a comment.
fn render_template(out: &mut String, fields: &[Field], path: &str) {
    push(out, "# ", &format!("[[{path}]]"));
    for field in fields {
        match field.form {
            Form::Records(inner) => render_template(out, inner, &format!("{path}.{}", field.name)),
            Form::Choice(allowed) => push(out, "# ", &format!("{} = \"\"  # one of {}", field.name, allowed.join(", "))),
            form @ (Form::Text | Form::Line | Form::Time | Form::Number | Form::List(_)) => {
                push(out, "# ", &format!("{} = {}", field.name, empty(form)));
            }
        }
    }
}

fn push(out: &mut String, before: &str, line: &str) {
    out.push_str(before);
    out.push_str(line);
    out.push('\n');
}

fn describe(out: &mut String, field: &Field) {
    out.push('\n');
    push(out, "# ", &format!("{}: {}", field.label, field.hint));
    let choices = match field.form {
        Form::Choice(allowed) => Some(("One of", allowed)),
        Form::List(Form::Choice(allowed)) => Some(("Some of", *allowed)),
        Form::Text | Form::Line | Form::Time | Form::Number | Form::List(_) | Form::Records(_) => None,
    };
    if let Some((words, allowed)) = choices {
        push(out, "# ", &format!("{words}: {}.", allowed.join(", ")));
    }
    if field.form == Form::Time {
        push(out, "# ", "Written as 2026-11-22T18:00:00+00:00.");
    }
}

const fn empty(form: Form) -> &'static str {
    match form {
        Form::Text | Form::Line | Form::Choice(_) | Form::Time => "\"\"",
        Form::Number => "0",
        Form::List(_) | Form::Records(_) => "[]",
    }
}

fn assign(out: &mut String, field: &Field, value: &Value) {
    let value = match (field.form, value) {
        (Form::Text, Value::String(text)) => long_string(text),
        (_, value) => inline(value),
    };
    push(out, "", &format!("{} = {value}", field.name));
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => short_string(text),
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        // No kind's fields hold these here; an empty text is dropped when it is read.
        Value::Null | Value::Object(_) => "\"\"".to_owned(),
    }
}

fn escape(out: &mut String, c: char) {
    match c {
        '\\' => out.push_str("\\\\"),
        '"' => out.push_str("\\\""),
        c if is_misleading(c) => {
            let _written = write!(out, "\\U{:08X}", u32::from(c));
        }
        c => out.push(c),
    }
}

fn short_string(text: &str) -> String {
    let mut out = String::from("\"");
    text.chars().for_each(|c| escape(&mut out, c));
    out.push('"');
    out
}

fn long_string(text: &str) -> String {
    let mut out = String::from("\"\"\"\n");
    let mut quotes = 0;
    for c in text.chars() {
        quotes = if c == '"' { quotes + 1 } else { 0 };
        match c {
            '\n' | '\t' => out.push(c),
            // Two quotation marks may stand as they are; a third would end the text.
            '"' if quotes % 3 != 0 => out.push(c),
            c => escape(&mut out, c),
        }
    }
    // The line end before the closing marks is dropped with all space at a text's end.
    out.push_str("\n\"\"\"");
    out
}

/// Reads a form back, and checks and tidies it as the kind says.
///
/// # Errors
/// In words for whoever wrote it: the line or the field that is wrong, and what is allowed.
pub fn parse(kind: &Kind, text: &str) -> Result<Map<String, Value>, String> {
    if text.len() > FORM_BYTES {
        return Err(format!("the form has {} bytes, and at most {FORM_BYTES} are read: shorten it", text.len()));
    }
    let table: toml::Table = toml::from_str(text).map_err(|error| error.to_string())?;
    let fields = kind.check(&object(table)).map_err(|error| error.to_string())?;
    Ok(fields.into_map())
}

fn object(table: toml::Table) -> Map<String, Value> {
    table.into_iter().map(|(name, value)| (name, json(value))).collect()
}

fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => Value::from(number),
        toml::Value::Boolean(truth) => Value::Bool(truth),
        // A time may stand without quotation marks.
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(items) => Value::Array(items.into_iter().map(json).collect()),
        toml::Value::Table(table) => Value::Object(object(table)),
    }
}

/// The text with a message on top of it.
#[must_use]
pub fn with_message(message: &str, text: &str) -> String {
    let mut out = String::new();
    for line in message.lines() {
        push(&mut out, "#! ", &line.replace(is_misleading, " "));
    }
    out.push_str(text);
    out
}

/// The text without the messages on top of it.
#[must_use]
pub fn without_message(text: &str) -> String {
    let mut rest = text;
    while rest.starts_with(MESSAGE) {
        rest = rest.split_once('\n').map_or("", |(_, after)| after);
    }
    rest.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use csu_protocol::document::kind;
    use serde_json::json;

    fn two_blocks() -> Map<String, Value> {
        let fields = json!({
            "status": "Actual", "policeCategory": ["burglary", "a \"word\", our own"],
            "note": "First line\n  \"\"\"quoted\"\"\" and a back\\slash\n\tand a tab",
            "info": [
                {"language": "en-GB", "headline": "Burglaries in Mill Road", "category": ["Security"], "severity": "Moderate",
                 "urgency": "Past", "certainty": "Observed", "expires": "2026-11-29T18:00:00+00:00",
                 "description": "Ends in quotes \"\"",
                 "area": [
                    {"areaDesc": "Mill Road", "polygon": ["51.46,-0.12 51.47,-0.12 51.47,-0.11 51.46,-0.12"],
                     "geocode": [{"valueName": "GSS", "value": "E05014095"}]},
                    {"areaDesc": "The estate", "circle": ["51.5,-0.1 0.5"]}]},
                {"language": "cy-GB", "headline": "Byrgleriaethau yn Mill Road", "category": ["Security", "Safety"],
                 "resource": [{"resourceDesc": "map", "mimeType": "image/png", "size": 1234}]}]});
        let kind = kind::find("bulletin").unwrap();
        kind.check(fields.as_object().unwrap()).unwrap().into_map()
    }

    #[test]
    fn a_bulletin_with_two_blocks_comes_back_as_it_was() {
        let kind = kind::find("bulletin").unwrap();
        let text = render(kind, "Bulletin d3", &two_blocks());
        assert_eq!(parse(kind, &text).unwrap(), two_blocks(), "{text}");
        assert_eq!(text.matches("\n[[info]]\n").count(), 2);
        assert!(text.contains("# One of: Extreme, Severe, Moderate, Minor, Unknown."), "{text}");
    }

    #[test]
    fn an_empty_form_of_every_kind_is_read_as_empty_and_shows_every_field() {
        for kind in kind::all() {
            let text = render(kind, "new\nfield = 1", &Map::new());
            assert!(parse(kind, &text).unwrap().is_empty(), "{text}");
            for field in kind.fields {
                assert!(text.contains(field.label) && text.contains(field.name), "{}", field.name);
            }
        }
    }

    #[test]
    fn every_comment_of_an_empty_form_can_be_taken_away() {
        for kind in kind::all() {
            let text = render(kind, "new", &Map::new());
            let form: Vec<&str> = text
                .lines()
                .map(|line| line.strip_prefix("# ").filter(|l| l.contains(" = ") || l.starts_with("[[")).unwrap_or(line))
                .collect();
            toml::from_str::<toml::Table>(&form.join("\n")).unwrap();
        }
    }

    #[test]
    fn a_time_without_quotation_marks_is_understood() {
        let kind = kind::find("bulletin").unwrap();
        let fields = parse(kind, "[[info]]\nheadline = \"x\"\nexpires = 2026-11-22T18:00:00+00:00\n").unwrap();
        assert_eq!(fields["info"][0]["expires"], "2026-11-22T18:00:00+00:00");
    }

    #[test]
    fn what_is_wrong_is_said_by_line_or_field() {
        let kind = kind::find("bulletin").unwrap();
        assert!(parse(kind, "status = \n").unwrap_err().contains("line 1"));
        assert!(parse(kind, "statos = \"Actual\"").unwrap_err().contains("did you mean status"));
        assert!(parse(kind, "[[info]]\nseverity = \"Awful\"").unwrap_err().contains("Extreme, Severe"));
        assert!(parse(kind, &"#".repeat(FORM_BYTES + 1)).unwrap_err().contains("shorten"));
    }

    #[test]
    fn a_message_stands_on_top_and_comes_off_again() {
        let text = with_message("line one\nline\u{1b} two", "# form\n");
        assert_eq!(text, "#! line one\n#! line  two\n# form\n");
        assert_eq!(without_message(&text), "# form\n");
        assert_eq!(without_message("#! only"), "");
    }

    #[test]
    fn characters_that_mislead_are_written_as_escapes() {
        let fields = json!({"text": "a\u{202e}b", "subject": "c"});
        let kind = kind::find("note").unwrap();
        let text = render(kind, "x", fields.as_object().unwrap());
        assert!(!text.contains('\u{202e}') && text.contains("\\U0000202E"), "{text}");
        assert_eq!(parse(kind, &text).unwrap()["text"], "a\u{202e}b");
    }
}
