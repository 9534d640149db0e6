//! Documents in words.

use super::client::Answer;
use super::failure::Failure;
use super::output::Output;
use super::screen::{columns, heading, short_time, visible, visible_lines};
use crate::desk::{AccessLevel, AnnexLine, Document, DocumentLine, DocumentsPage, HistoryLine, ResponseLine};
use csu_protocol::document::{Field, Form, Kind, kind};
use serde_json::{Map, Value};

/// What everything that reports something carries.
pub const EMERGENCY: &str = "In an emergency ring 999; otherwise 101.\n";

/// Prints a document that the node answered.
///
/// # Errors
/// When the answer cannot be read.
pub fn print_document(answer: &Answer, output: Output) -> Result<(), Failure> {
    output.show(answer, |document: Document| render_document(&document))
}

/// A document, whole.
#[must_use]
pub fn render_document(document: &Document) -> String {
    let described = kind::find(&document.kind);
    let label = described.map_or(document.kind.as_str(), |kind| kind.label);
    let state = described.and_then(|kind| kind.state(&document.state)).map_or(document.state.as_str(), |state| state.label);
    let mut text = format!("{}\n", heading(&document.title));
    let mut rows = vec![
        vec![label.to_owned(), document.reference.clone()],
        vec!["State".into(), state.to_owned()],
        vec!["Marking".into(), format!("TLP:{}", document.marking)],
        vec!["Owner".into(), document.owner.to_string()],
        vec!["You may".into(), may(document.access).to_owned()],
    ];
    if let Some(id) = document.id {
        rows.push(vec!["Id".into(), id.to_string()]);
    }
    if let Some(withdrawn) = &document.withdrawn {
        rows.push(vec!["Withdrawn".into(), format!("{}, by {}, {}", withdrawn.reason, withdrawn.by, short_time(withdrawn.received))]);
    }
    for reader in &document.readers {
        rows.push(vec!["May also".into(), format!("{}: {}", reader.role, reader.who)]);
    }
    text.push_str(&columns(&rows));
    let shared = document.id.is_some();
    if !document.fields.is_empty() {
        text.push('\n');
        text.push_str(&render_fields(described, &document.fields));
    }
    if let Some(draft) = &document.draft {
        text.push_str(&draft_heading(shared, &draft.marking, &draft.changed));
        for to in &draft.to {
            let role = to.role.map_or("read", csu_protocol::entry::Role::as_str);
            text.push_str(&format!("  for {} ({role})\n", visible(&to.who)));
        }
        if draft.fields != document.fields || !shared {
            text.push_str(&render_fields(described, &draft.fields));
        }
    }
    if document.sealed {
        let (kind, name) = (visible(&document.kind), visible(&document.reference));
        text.push_str(&format!("\nWhat it says is sealed: csu {kind} show {name} --reason \"WHY\"\n"));
    }
    text.push_str(&render_annexes(&document.annexes));
    text.push_str(&render_responses(&document.responses));
    for warning in document.problems.iter().chain(&document.forks) {
        text.push_str(&format!("\nBeware: {}\n", visible(warning)));
    }
    if !document.steps.is_empty() {
        let steps: Vec<String> = document
            .steps
            .iter()
            .map(|verb| format!("csu {} {} {}", visible(&document.kind), visible(verb), visible(&document.reference)))
            .collect();
        text.push_str(&format!("\nNext: {}\n", steps.join(", ")));
    }
    if document.kind == "bulletin" {
        text.push_str(&format!("\n{EMERGENCY}"));
    }
    text
}

fn draft_heading(shared: bool, marking: &str, changed: &[String]) -> String {
    let marking = visible(marking);
    if !shared {
        return format!("\n{} (TLP:{marking}, on this node only)\n", heading("Draft"));
    }
    let changed: Vec<String> = changed.iter().map(|path| visible(path)).collect();
    let changed = if changed.is_empty() { "nothing yet".to_owned() } else { changed.join(", ") };
    format!("\n{} (TLP:{marking}, on this node only) changes {changed}\n", heading("Draft"))
}

const fn may(access: AccessLevel) -> &'static str {
    match access {
        AccessLevel::Owner => "do everything: it is yours",
        AccessLevel::Admin => "read, change, grant, revoke and withdraw it",
        AccessLevel::Write => "read and change it",
        AccessLevel::Read => "read it and respond",
        AccessLevel::Relay => "hold and forward it, not read it",
        AccessLevel::Former => "do nothing any more: your access was taken back; what happens to it is still told",
    }
}

/// The annexes of a document, with what can be done with each.
pub(super) fn render_annexes(annexes: &[AnnexLine]) -> String {
    if annexes.is_empty() {
        return String::new();
    }
    let mut rows = Vec::new();
    for annex in annexes {
        let name = &annex.reference;
        let (what, how) = match (annex.id, annex.ends) {
            (None, _) => (format!("{}, on this node only", annex.state), format!("csu annex issue {name} --to WHO")),
            (Some(_), _) if annex.state == "erased" => (format!("erased by {}", annex.owner), String::new()),
            (Some(_), ends) => {
                let ends = ends.map(|ends| format!(", to be erased on {}", short_time(ends))).unwrap_or_default();
                (format!("{} by {}{ends}", annex.state, annex.owner), format!("csu annex show {name} --reason \"WHY\""))
            }
        };
        rows.push(vec![format!("  {name}"), what, how]);
    }
    format!("\n{}\n{}", heading("Annexes"), columns(&rows))
}

fn render_responses(responses: &[ResponseLine]) -> String {
    let mut text = String::new();
    if !responses.is_empty() {
        text.push_str(&format!("\n{}\n", heading("Responses")));
    }
    for response in responses {
        let what = response.step.as_deref().unwrap_or(response.remark.as_str());
        let person = response.person.as_deref().map(|person| format!(" ({})", visible(person))).unwrap_or_default();
        let by = visible(&response.by.to_string());
        text.push_str(&format!("  {}  {by}{person}: {}\n", short_time(response.at), visible(what)));
        if !response.text.is_empty() {
            text.push_str(&visible_lines(&response.text, "    "));
        }
    }
    text
}

/// The fields in the order of the form, by their labels; what this version does not know comes last.
fn render_fields(kind: Option<&Kind>, fields: &Map<String, Value>) -> String {
    let mut text = String::new();
    record(&mut text, kind.map_or(&[], |kind| kind.fields), fields, "");
    text
}

fn record(text: &mut String, fields: &[Field], values: &Map<String, Value>, indent: &str) {
    let deeper = format!("{indent}  ");
    for field in fields {
        let Some(value) = values.get(field.name) else { continue };
        match (field.form, value) {
            (Form::Records(inner), Value::Array(records)) => {
                for (at, block) in records.iter().enumerate() {
                    let number = if records.len() > 1 { format!(" {}", at + 1) } else { String::new() };
                    text.push_str(&format!("{indent}{}{number}\n", field.label));
                    if let Value::Object(block) = block {
                        record(text, inner, block, &deeper);
                    } else {
                        text.push_str(&format!("{deeper}{}\n", plain(block)));
                    }
                }
            }
            (Form::Text, Value::String(long)) => {
                text.push_str(&format!("{indent}{}\n", field.label));
                text.push_str(&visible_lines(long, &deeper));
            }
            (_, value) => text.push_str(&format!("{indent}{}: {}\n", field.label, plain(value))),
        }
    }
    for (name, value) in values.iter().filter(|(name, _)| !fields.iter().any(|field| field.name == name.as_str())) {
        text.push_str(&format!("{indent}{}: {}\n", visible(name), plain(value)));
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(line) => visible(line),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => visible(&other.to_string()),
    }
}

/// The lines of a list below what stands above them, with further columns behind the document's.
#[must_use]
pub(super) fn rows(page: &DocumentsPage, further: impl Fn(&DocumentLine) -> Vec<String>, titles: &[&str]) -> Vec<Vec<String>> {
    let texts = |titles: &[&str]| titles.iter().map(|title| (*title).to_owned()).collect::<Vec<_>>();
    let mut rows = vec![[texts(&["DOCUMENT"]), texts(titles), texts(&["STATE", "MARKING", "UPDATED", "OWNER", "TITLE"])].concat()];
    for line in &page.items {
        let state = if line.draft && line.id.is_some() { format!("{} +draft", line.state) } else { line.state.clone() };
        let new = if line.unread == Some(true) { "* " } else { "" };
        let title = match &line.erased {
            Some(erased) => {
                let why = erased.why.map(|why| format!(": {why}")).unwrap_or_default();
                format!("(erased by {}, {}{why})", erased.by, short_time(erased.at))
            }
            None => line.title.clone(),
        };
        let mut row = vec![line.reference.clone()];
        row.extend(further(line));
        row.extend([state, line.marking.clone(), short_time(line.updated), line.owner.to_string(), format!("{new}{title}")]);
        rows.push(row);
    }
    rows
}

/// A history.
#[must_use]
pub fn render_history(lines: &[HistoryLine]) -> String {
    let mut rows = vec![["RECEIVED", "WHAT", "BY", "COUNTS", "DETAIL"].map(str::to_owned).to_vec()];
    for line in lines {
        let mut detail = Vec::new();
        detail.extend(line.state.as_ref().map(|state| format!("now {state}")));
        if !line.changed.is_empty() {
            detail.push(format!("changed {}", line.changed.join(", ")));
        }
        detail.extend(line.why.clone());
        let person = line.person.as_ref().map(|person| format!(" ({person})")).unwrap_or_default();
        rows.push(vec![
            short_time(line.received),
            line.kind.as_str().to_owned(),
            format!("{}{person}", line.by),
            if line.counts { "yes" } else { "no" }.to_owned(),
            detail.join("; "),
        ]);
    }
    columns(&rows)
}

#[cfg(test)]
mod tests {
    use super::super::screen::is_misleading;
    use super::*;
    use crate::desk::fake;
    use serde_json::json;

    #[test]
    fn a_bulletin_is_shown_by_its_labels_with_the_emergency_line_and_no_hostile_character() {
        let fields = json!({
            "info": [{"headline": "Burg\u{1b}[2Jlaries", "severity": "Severe", "description": "line one\nOwner  Faked\u{9b}A",
                      "area": [{"areaDesc": "Mill Road"}, {"areaDesc": "The estate"}]}],
            "fieldOfTheFuture": {"a\u{7}": 1}});
        let text = render_document(&fake::document("bulletin", fields.as_object().unwrap().clone()));
        assert!(text.ends_with(&format!("\n{EMERGENCY}")), "{text}");
        assert!(text.contains("  Headline: Burg␛[2Jlaries\n") && text.contains("\n    Owner  Faked<U+009B>A\n"), "{text}");
        assert!(text.contains("Severity: Severe") && text.contains("2\n"), "{text}");
        assert!(text.contains("fieldOfTheFuture"), "{text}");
        assert!(text.contains("called Mill␛[31m Road by Brixton CSU"), "{text}");
        assert!(!text.chars().any(|c| c != '\n' && is_misleading(c)), "{text}");
        assert!(text.contains("Next: csu bulletin update d3, csu bulletin withdraw d3"), "{text}");
    }

    #[test]
    fn a_document_of_an_unknown_kind_is_shown_as_it_is() {
        let fields = json!({"a": "b"});
        let text = render_document(&fake::document("strategy", fields.as_object().unwrap().clone()));
        assert!(text.contains("a: b") && !text.contains(EMERGENCY), "{text}");
    }
}
