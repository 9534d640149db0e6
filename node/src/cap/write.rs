//! From the fields of a bulletin to a CAP 1.2 alert.

use super::error::{CapError, Fault, FieldFault};
use super::read::{Limits, check_rules};
use super::reference::Reference;
use super::schema::{self, Element, Occurs, Shape};
use super::time::Form;
use super::value;
use super::words::{MsgType, Scope, Status};
use super::{PARAMETER_PREFIX, PROFILE_CODE};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use serde_json::{Map, Value};
use std::io;

const NAMESPACE: &str = "urn:oasis:names:tc:emergency:cap:1.2";

/// What to write.
///
/// What the bulletin leaves out is filled in where CAP demands it and the answer is plain: `status` becomes Actual; `scope`
/// becomes Public for a bulletin without marking or marked CLEAR, and Restricted for any other marking, with the restriction
/// `TLP:` and the marking unless the bulletin has one. Everything else CAP demands must be in the bulletin.
#[derive(Debug, Clone)]
pub struct Export<'a> {
    /// The number or name of this very alert. Every version of a bulletin needs its own.
    pub identifier: &'a str,
    /// The organisation that sends it, such as `warnings@example.org`.
    pub sender: &'a str,
    /// When it is sent, with numeric offset; see [`timestamp`](super::timestamp).
    pub sent: &'a str,
    /// Alert for the first issue, Update for later ones, Cancel for a withdrawal.
    pub msg_type: MsgType,
    /// The earlier alerts about the same bulletin. Anything but an Alert needs them.
    pub references: Vec<Reference>,
    /// Why it is updated or withdrawn; stands in place of the bulletin's own note.
    pub note: Option<&'a str>,
    /// The bulletin's marking, such as `AMBER+STRICT`.
    pub marking: Option<&'a str>,
    /// The bulletin's fields.
    pub fields: &'a Map<String, Value>,
}

/// Writes a CAP 1.2 alert that validates against the OASIS schema and that [`read`](super::read()) takes back.
///
/// # Errors
///
/// [`CapError::Unwritable`] with every field that is missing or that CAP could not hold; nothing is written then.
pub fn write(export: &Export<'_>) -> Result<String, CapError> {
    let mut faults = Faults::default();
    let fields = heading(export, &mut faults);
    let mut writing = Writing { writer: Writer::new_with_indent(Vec::new(), b' ', 2), limits: Limits::DEFAULT, faults };
    if let Err(error) = writing.document(export, &fields) {
        // A vector takes everything, so this says something only about a fault of the library's.
        writing.faults.add("", Fault::NotXml { problem: error.to_string() });
    }
    let bytes = writing.writer.into_inner();
    let mut faults = writing.faults;
    if bytes.len() > writing.limits.document_bytes {
        faults.add("alert", Fault::TooLarge { bytes: bytes.len(), limit: writing.limits.document_bytes });
    }
    match String::from_utf8(bytes) {
        Ok(text) if faults.0.is_empty() => Ok(text),
        Ok(_) => Err(CapError::Unwritable(faults.0)),
        Err(error) => {
            faults.add("alert", Fault::NotXml { problem: error.to_string() });
            Err(CapError::Unwritable(faults.0))
        }
    }
}

#[derive(Debug, Default)]
struct Faults(Vec<FieldFault>);

impl Faults {
    /// Keeps a fault; past a hundred nobody reads them.
    fn add(&mut self, path: &str, fault: Fault) {
        if self.0.len() < 100 {
            self.0.push(FieldFault { path: path.to_owned(), fault });
        }
    }
}

/// The fields with what is derived and what is filled in, and without what CAP has no element for.
fn heading(export: &Export<'_>, faults: &mut Faults) -> Map<String, Value> {
    let mut fields = export.fields.clone();
    for name in schema::DERIVED {
        if fields.remove(*name).is_some() {
            faults.add(name, Fault::UnknownField);
        }
    }
    for element in schema::EXTRA {
        fields.remove(element.name);
    }
    for (name, text) in
        [("identifier", export.identifier), ("sender", export.sender), ("sent", export.sent), ("msgType", export.msg_type.as_str())]
    {
        fields.insert(name.to_owned(), text.into());
    }
    if !export.references.is_empty() {
        let names: Vec<String> = export.references.iter().map(ToString::to_string).collect();
        fields.insert("references".to_owned(), names.join(" ").into());
    }
    if let Some(note) = export.note {
        fields.insert("note".to_owned(), note.into());
    }
    fields.retain(|_, value| !is_empty(value));
    fill_in(export, &mut fields);
    let scope = fields.get("scope").and_then(Value::as_str).and_then(|scope| scope.parse().ok());
    if let Some(Err((name, fault))) = scope.map(|scope: Scope| check_rules(export.msg_type, scope, !export.references.is_empty(), &fields))
    {
        faults.add(name, fault);
    }
    let may_lack_info = match export.msg_type {
        MsgType::Alert | MsgType::Update => false,
        MsgType::Cancel | MsgType::Ack | MsgType::Error => true,
    };
    if !fields.contains_key("info") && !may_lack_info {
        faults.add("info", Fault::Missing { name: "info", remedy: "describe the event in at least one language" });
    }
    add_code(&mut fields);
    fields
}

fn fill_in(export: &Export<'_>, fields: &mut Map<String, Value>) {
    if !fields.contains_key("status") {
        fields.insert("status".to_owned(), Status::Actual.as_str().into());
    }
    if fields.contains_key("scope") {
        return;
    }
    match export.marking {
        None | Some("CLEAR") => drop(fields.insert("scope".to_owned(), Scope::Public.as_str().into())),
        Some(marking) => {
            fields.insert("scope".to_owned(), Scope::Restricted.as_str().into());
            fields.entry("restriction").or_insert_with(|| format!("TLP:{marking}").into());
        }
    }
}

fn add_code(fields: &mut Map<String, Value>) {
    match fields.get_mut("code") {
        Some(Value::Array(codes)) => {
            codes.retain(|code| code.as_str() != Some(PROFILE_CODE));
            codes.insert(0, PROFILE_CODE.into());
        }
        Some(_) => {}
        None => drop(fields.insert("code".to_owned(), vec![Value::from(PROFILE_CODE)].into())),
    }
}

/// Whether a field is as good as absent.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => value::fold(text).is_empty(),
        Value::Array(items) => items.iter().all(is_empty),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

struct Writing {
    writer: Writer<Vec<u8>>,
    limits: Limits,
    faults: Faults,
}

impl Writing {
    fn document(&mut self, export: &Export<'_>, fields: &Map<String, Value>) -> io::Result<()> {
        let extra = self.extra(export);
        self.writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        self.writer.write_event(Event::Start(BytesStart::new("alert").with_attributes([("xmlns", NAMESPACE)])))?;
        self.record("", schema::ALERT, fields, &extra)?;
        self.writer.write_event(Event::End(BytesEnd::new("alert")))?;
        self.writer.write_event(Event::Text(BytesText::new("\n")))
    }

    /// The parameters for what CAP has no element for: names without prefix, and values.
    fn extra(&mut self, export: &Export<'_>) -> Vec<(&'static str, String)> {
        let mut extra = Vec::new();
        for element in schema::EXTRA {
            let Some(value) = export.fields.get(element.name).filter(|value| !is_empty(value)) else { continue };
            for (index, value) in self.values("", element, value).into_iter().enumerate() {
                let path = schema::path("", element, index);
                extra.extend(self.text(&path, element, value).map(|text| (element.name, text)));
            }
        }
        if let Some(marking) = export.marking {
            if schema::MARKINGS.contains(&marking) {
                extra.push((schema::MARKING, marking.to_owned()));
            } else {
                self.faults.add(schema::MARKING, Fault::Choice { found: super::error::shorten(marking), allowed: schema::MARKINGS });
            }
        }
        extra
    }

    /// Writes the elements of a record in the order of the schema. `extra` are further parameters for its first `info`.
    fn record(
        &mut self,
        path: &str,
        elements: &'static [Element],
        fields: &Map<String, Value>,
        extra: &[(&'static str, String)],
    ) -> io::Result<()> {
        for name in
            fields.keys().filter(|name| schema::find(elements, name).is_none_or(|(_, element)| matches!(element.shape, Shape::Dropped)))
        {
            let slash = if path.is_empty() { "" } else { "/" };
            self.faults.add(&format!("{path}{slash}{}", super::error::shorten(name)), Fault::UnknownField);
        }
        if fields.contains_key("ceiling") && !fields.contains_key("altitude") {
            let rule = "a ceiling means nothing without an altitude: add one, or remove the ceiling";
            self.faults.add(path, Fault::Rule { rule });
        }
        for element in elements {
            let value = fields.get(element.name).filter(|value| !is_empty(value));
            let values = value.map(|value| self.values(path, element, value)).unwrap_or_default();
            if values.is_empty() {
                self.absent(path, element, value.is_some())?;
            }
            for (index, value) in values.into_iter().enumerate() {
                let path = schema::path(path, element, index);
                self.element(&path, element, value, if path == "info[0]" { extra } else { &[] })?;
            }
            if element.name == "parameter" {
                for (name, text) in extra {
                    self.parameter(name, text)?;
                }
            }
        }
        Ok(())
    }

    fn element(&mut self, path: &str, element: &'static Element, value: &Value, extra: &[(&'static str, String)]) -> io::Result<()> {
        let Shape::Record(inner) = element.shape else {
            return match self.text(path, element, value) {
                Some(text) => self.leaf(element.name, &text),
                None => Ok(()),
            };
        };
        let Some(fields) = value.as_object() else {
            self.faults.add(path, Fault::Type { expected: "a group of fields" });
            return Ok(());
        };
        if fields
            .get("valueName")
            .and_then(Value::as_str)
            .is_some_and(|name| element.name == "parameter" && name.trim().starts_with(PARAMETER_PREFIX))
        {
            let rule = "parameter names that begin with csu: carry the bulletin's own fields: choose another name";
            self.faults.add(path, Fault::Rule { rule });
        }
        self.writer.write_event(Event::Start(BytesStart::new(element.name)))?;
        self.record(path, inner, fields, extra)?;
        self.writer.write_event(Event::End(BytesEnd::new(element.name)))
    }

    fn parameter(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.writer.write_event(Event::Start(BytesStart::new("parameter")))?;
        self.leaf("valueName", &format!("{PARAMETER_PREFIX}{name}"))?;
        self.leaf("value", text)?;
        self.writer.write_event(Event::End(BytesEnd::new("parameter")))
    }

    fn leaf(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.writer.create_element(name).write_text_content(BytesText::new(text)).map(|_| ())
    }

    /// Decides what becomes of an element that has no value; `reported` if a fault of its field is known already.
    fn absent(&mut self, path: &str, element: &'static Element, reported: bool) -> io::Result<()> {
        match element.occurs {
            Occurs::Optional | Occurs::Many => Ok(()),
            Occurs::RequiredMaybeEmpty => self.leaf(element.name, ""),
            Occurs::Required | Occurs::RequiredSince1_2 | Occurs::AtLeastOne => {
                if !reported {
                    let path = schema::path(path, element, 0);
                    self.faults.add(&path, Fault::Missing { name: element.name, remedy: element.remedy });
                }
                Ok(())
            }
        }
    }

    /// The values of a field: the items of a list, or the one value.
    fn values<'v>(&mut self, path: &str, element: &'static Element, value: &'v Value) -> Vec<&'v Value> {
        match (value, element.occurs.repeats()) {
            (Value::Array(items), true) => items.iter().filter(|item| !is_empty(item)).collect(),
            (_, true) => {
                self.faults.add(&schema::path(path, element, 0), Fault::Type { expected: "a list" });
                Vec::new()
            }
            (value, false) => vec![value],
        }
    }

    /// The text of an element for a value, if it has one.
    fn text(&mut self, path: &str, element: &'static Element, value: &Value) -> Option<String> {
        match self.checked(element.shape, value) {
            Ok(text) => text,
            Err(fault) => {
                self.faults.add(path, fault);
                None
            }
        }
    }

    fn checked(&self, shape: Shape, value: &Value) -> Result<Option<String>, Fault> {
        let text = match (shape, value) {
            (Shape::Quoted, Value::Array(items)) => join(items)?,
            (Shape::Quoted, _) => return Err(Fault::Type { expected: "a list of lines" }),
            (Shape::Count, Value::Number(number)) => number.to_string(),
            (Shape::Count, _) => return Err(Fault::Type { expected: "a whole number" }),
            (_, Value::String(text)) => text.clone(),
            (_, _) => return Err(Fault::Type { expected: "a text" }),
        };
        let checked = value::check(shape, &text, &self.limits, Form::Strict)?;
        match (shape, checked) {
            (_, None) => Ok(None),
            (Shape::Quoted, Some(_)) => Ok(Some(text)),
            (Shape::Uri, Some(Value::String(uri))) => value::check_uri(&uri).map(|()| Some(uri)),
            (_, Some(Value::String(text))) => Ok(Some(text)),
            (_, Some(other)) => Ok(Some(other.to_string())),
        }
    }
}

fn join(items: &[Value]) -> Result<String, Fault> {
    let mut lines = Vec::with_capacity(items.len());
    for item in items {
        let line = value::fold(item.as_str().ok_or(Fault::Type { expected: "a list of lines" })?);
        if !line.is_empty() {
            lines.push(line);
        }
    }
    value::join_quoted(&lines)
}
