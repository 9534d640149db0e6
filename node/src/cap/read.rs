//! From the tree of an alert to the fields of a bulletin.

use super::error::{CapError, Fault, shorten};
use super::reference::Reference;
use super::schema::{self, Element, Occurs, Shape};
use super::time::Form;
use super::value;
use super::warning::{Notice, Warning, Warnings};
use super::words::{MsgType, Scope, Status, Version};
use super::xml::{self, Node, Source};
use super::{PARAMETER_PREFIX, PROFILE_CODE};
use crate::personal;
use regex::Regex;
use serde_json::{Map, Value};
use std::str::FromStr;
use std::sync::LazyLock;

/// How much of a file is taken. Each bound is checked before memory is taken for what it bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub document_bytes: usize,
    /// Elements, those of other vocabularies included.
    pub elements: usize,
    /// Elements inside each other.
    pub depth: usize,
    /// Attributes of an element.
    pub attributes: usize,
    /// Bytes of a line, a polygon or an item of a list.
    pub line_bytes: usize,
    /// Bytes of a text or of a whole list in one element.
    pub text_bytes: usize,
    /// Warnings that are kept; further ones are counted.
    pub warnings: usize,
}

impl Limits {
    /// What is taken unless the caller says otherwise: a 1 MiB file, lines of 2 KiB, texts of 64 KiB.
    pub const DEFAULT: Self = Self {
        document_bytes: 1 << 20,
        elements: 20_000,
        depth: 16,
        attributes: 32,
        line_bytes: 2 << 10,
        text_bytes: 64 << 10,
        warnings: 100,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Whose alert it is, which decides how much of it is believed and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Another organisation's: contacts are left out, line breaks of HTML become newlines, texts are searched for personal
    /// data, and `origin` names the alert itself.
    Foreign,
    /// One this program wrote: every field comes back as it was, `contact` and `origin` included, and nothing is remarked on
    /// it.
    OwnExport,
}

/// How to read a file.
#[derive(Debug, Clone, Copy)]
pub struct ReadOptions<'a> {
    /// The file's name, for messages.
    pub file: &'a str,
    /// Whose alert it is.
    pub trust: Trust,
    /// How much of it is taken.
    pub limits: Limits,
}

impl<'a> ReadOptions<'a> {
    /// Another organisation's alert in the file of this name, within the default limits.
    #[must_use]
    pub const fn foreign(file: &'a str) -> Self {
        Self { file, trust: Trust::Foreign, limits: Limits::DEFAULT }
    }

    /// An alert this program wrote, in the file of this name, within the default limits.
    #[must_use]
    pub const fn own_export(file: &'a str) -> Self {
        Self { file, trust: Trust::OwnExport, limits: Limits::DEFAULT }
    }
}

/// An alert that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// The version of CAP it was written in.
    pub version: Version,
    /// The sender's number or name for it.
    pub identifier: String,
    /// Who sent it.
    pub sender: String,
    /// When, with numeric offset.
    pub sent: String,
    /// How it is meant. Also a field.
    pub status: Status,
    /// What it does. An update or a cancellation is read like any other: what becomes of the alerts it refers to is for the
    /// caller to decide.
    pub msg_type: MsgType,
    /// Whom it is for. Also a field.
    pub scope: Scope,
    /// The alerts it refers to.
    pub references: Vec<Reference>,
    /// Its marking, if it carries one of TLP 2.0 in our convention.
    pub marking: Option<String>,
    /// The fields of a bulletin.
    pub fields: Map<String, Value>,
    /// What was left out, changed or noticed.
    pub warnings: Vec<Warning>,
}

/// Reads an alert in CAP 1.1 or 1.2.
///
/// Takes time and memory linear in the file's size, both bounded by the limits.
///
/// # Errors
///
/// [`CapError::Refused`] with the place of the first fault, if the file is no alert in these versions, breaks a rule of the
/// standard, or exceeds a limit.
pub fn read(bytes: &[u8], options: &ReadOptions<'_>) -> Result<Alert, CapError> {
    let source = Source::new(bytes, options)?;
    let mut warnings = Warnings::new(options.limits.warnings);
    let (version, root) = xml::parse(source, options, &mut warnings)?;
    let mut reading = Reading { source, options, version, warnings };
    let mut fields = reading.record(&root, schema::ALERT)?;

    let refuse = |name: &str, fault: Fault| {
        let node = root.children_named(name).next().unwrap_or(&root);
        source.refuse(node.offset, &node.path, fault)
    };
    let identifier = take(&mut fields, "identifier");
    let sender = take(&mut fields, "sender");
    let sent = take(&mut fields, "sent");
    let msg_type = word::<MsgType>(&take(&mut fields, "msgType")).map_err(|fault| refuse("msgType", fault))?;
    let status = word::<Status>(text(&fields, "status")).map_err(|fault| refuse("status", fault))?;
    let scope = word::<Scope>(text(&fields, "scope")).map_err(|fault| refuse("scope", fault))?;
    let references = Reference::list(&take(&mut fields, "references"), Form::Strict).map_err(|fault| refuse("references", fault))?;
    check_rules(msg_type, scope, !references.is_empty(), &fields).map_err(|(name, fault)| refuse(name, fault))?;
    let name = Reference::new(&sender, &identifier, &sent).map_err(|fault| refuse("identifier", fault))?.to_string();
    if name.len() > options.limits.line_bytes {
        return Err(refuse("identifier", Fault::TooLong { bytes: name.len(), limit: options.limits.line_bytes }));
    }

    drop_profile_code(&mut fields);
    let marking = reading.take_own_parameters(&mut fields);
    if options.trust == Trust::Foreign {
        fields.insert("origin".to_owned(), name.into());
        if !fields.contains_key("info") {
            reading.warnings.add("", Notice::NoInfo);
        }
    }
    let warnings = reading.warnings.finish();
    Ok(Alert { version, identifier, sender, sent, status, msg_type, scope, references, marking, fields, warnings })
}

fn take(fields: &mut Map<String, Value>, name: &str) -> String {
    match fields.remove(name) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    }
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn word<T: FromStr<Err = super::UnknownWord>>(text: &str) -> Result<T, Fault> {
    text.parse().map_err(|error: super::UnknownWord| Fault::Choice { found: error.found, allowed: error.allowed })
}

/// The rules between the elements of a heading, with the element that breaks one. Reading and writing share them.
pub(super) fn check_rules(
    msg_type: MsgType,
    scope: Scope,
    has_references: bool,
    fields: &Map<String, Value>,
) -> Result<(), (&'static str, Fault)> {
    if msg_type.needs_references() && !has_references {
        return Err((
            "references",
            Fault::Missing {
                name: "references",
                remedy: "an Update, Cancel, Ack or Error names the alerts it is about, as sender,identifier,sent",
            },
        ));
    }
    let absent = |name| !fields.contains_key(name);
    match scope {
        Scope::Restricted if absent("restriction") => Err((
            "restriction",
            Fault::Missing { name: "restriction", remedy: "scope Restricted says here for whom; say so, or choose another scope" },
        )),
        Scope::Private if absent("addresses") => Err((
            "addresses",
            Fault::Missing { name: "addresses", remedy: "scope Private lists here for whom; list them, or choose another scope" },
        )),
        Scope::Public | Scope::Restricted | Scope::Private => Ok(()),
    }
}

/// Removes the code every export of ours carries, which is no field of the bulletin.
fn drop_profile_code(fields: &mut Map<String, Value>) {
    if let Some(Value::Array(codes)) = fields.get_mut("code") {
        codes.retain(|code| code.as_str() != Some(PROFILE_CODE));
        if codes.is_empty() {
            fields.remove("code");
        }
    }
}

struct Reading<'a> {
    source: Source<'a>,
    options: &'a ReadOptions<'a>,
    version: Version,
    warnings: Warnings,
}

impl Reading<'_> {
    fn record(&mut self, node: &Node, elements: &'static [Element]) -> Result<Map<String, Value>, CapError> {
        let mut fields = Map::new();
        for element in elements {
            let mut values = Vec::new();
            for child in node.children_named(element.name) {
                values.extend(self.value(child)?);
            }
            if values.is_empty() {
                self.absent(node, element, &mut fields)?;
            } else if element.occurs.repeats() {
                fields.insert(element.name.to_owned(), values.into());
            } else if let Some(value) = values.pop() {
                fields.insert(element.name.to_owned(), value);
            }
        }
        if fields.contains_key("ceiling") && !fields.contains_key("altitude") {
            self.warnings.add(&node.path, Notice::CeilingWithoutAltitude);
        }
        Ok(fields)
    }

    /// Decides what becomes of an element that is missing or empty.
    fn absent(&mut self, parent: &Node, element: &'static Element, fields: &mut Map<String, Value>) -> Result<(), CapError> {
        let stands = parent.children_named(element.name).next();
        let needed = match element.occurs {
            Occurs::Optional | Occurs::Many => false,
            Occurs::RequiredMaybeEmpty => stands.is_none(),
            Occurs::RequiredSince1_2 if self.version == Version::V1_1 => {
                self.warnings.add(&parent.path, Notice::MediaTypeAssumed);
                fields.insert(element.name.to_owned(), "application/octet-stream".into());
                false
            }
            Occurs::Required | Occurs::RequiredSince1_2 | Occurs::AtLeastOne => true,
        };
        if !needed {
            return Ok(());
        }
        let path = schema::path(&parent.path, element, 0);
        let offset = stands.map_or(parent.offset, |node| node.offset);
        Err(self.source.refuse(offset, &path, Fault::Missing { name: element.name, remedy: element.remedy }))
    }

    fn value(&mut self, node: &Node) -> Result<Option<Value>, CapError> {
        if let Shape::Record(elements) = node.element.shape {
            return Ok(Some(self.record(node, elements)?.into()));
        }
        if matches!(node.element.shape, Shape::Dropped) {
            self.warnings.add(&node.path, Notice::EmbeddedContentLeftOut);
            return Ok(None);
        }
        let form = if self.version == Version::V1_1 { Form::Lenient } else { Form::Strict };
        let text = self.deprecated(node);
        let value = value::check(node.element.shape, text, &self.options.limits, form)
            .map_err(|fault| self.source.refuse(node.offset, &node.path, fault))?;
        match (value, self.options.trust) {
            (None, _) => Ok(None),
            (value, Trust::OwnExport) => Ok(value),
            (Some(_), Trust::Foreign) if node.element.name == "contact" => {
                self.warnings.add(&node.path, Notice::ContactLeftOut);
                Ok(None)
            }
            (Some(value), Trust::Foreign) => Ok(Some(self.remark(node, value))),
        }
    }

    /// The text of an element, with a word CAP 1.1 still knew put into today's.
    fn deprecated<'a>(&mut self, node: &'a Node) -> &'a str {
        if self.version == Version::V1_1 && node.element.name == "certainty" && value::fold(&node.text) == "Very Likely" {
            self.warnings.add(&node.path, Notice::VeryLikely);
            return "Likely";
        }
        &node.text
    }

    /// Remarks on a value of another organisation, and tidies its line breaks.
    fn remark(&mut self, node: &Node, value: Value) -> Value {
        let shape = node.element.shape;
        if matches!(shape, Shape::Quoted) {
            for item in value.as_array().into_iter().flatten().filter_map(Value::as_str) {
                self.look_for_personal_data(&node.path, item);
            }
        }
        let Some(text) = value.as_str() else { return value };
        if matches!(shape, Shape::Text) {
            let tidied = self.tidy(&node.path, text);
            self.look_for_personal_data(&node.path, tidied.as_deref().unwrap_or(text));
            return tidied.map_or(value, Value::from);
        }
        if matches!(shape, Shape::Line | Shape::Uri) {
            self.look_for_personal_data(&node.path, text);
        }
        let is_web = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme)) && value::check_uri(text).is_ok();
        if matches!(shape, Shape::Uri) && !is_web {
            self.warnings.add(&node.path, Notice::UnusualAddress);
        }
        let before = value::fold(&node.text);
        if matches!(shape, Shape::Time) && text != before && !before.ends_with("-00:00") {
            self.warnings.add(&node.path, Notice::TimeRewritten);
        }
        value
    }

    /// The text with newlines for line breaks of HTML, if it has any.
    fn tidy(&mut self, path: &str, text: &str) -> Option<String> {
        static BREAK: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?i-u)[ \t]*<br\s*/?>[ \t]*\n?").ok());
        static TAG: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"</?[A-Za-z][A-Za-z0-9]*(?:(?-u:\s)[^<>]*)?/?>").ok());
        let (pattern, tag) = (BREAK.as_ref()?, TAG.as_ref()?);
        let count = pattern.find_iter(text).count();
        let tidied = (count > 0).then(|| pattern.replace_all(text, "\n").trim().to_owned());
        if count > 0 {
            self.warnings.add(path, Notice::LineBreaks { count });
        }
        if tag.is_match(tidied.as_deref().unwrap_or(text)) {
            self.warnings.add(path, Notice::Markup);
        }
        tidied
    }

    fn look_for_personal_data(&mut self, path: &str, text: &str) {
        for personal::Finding { kind, start, end } in personal::scan(text) {
            self.warnings.add(path, Notice::PersonalData { kind, start, end });
        }
    }

    /// Takes the parameters with our prefix out of every `info` and puts those of the first into the fields they carry; the
    /// marking is given back.
    ///
    /// Nothing in them refuses a file: they are no part of CAP, and whoever wrote them may have meant something else.
    fn take_own_parameters(&mut self, fields: &mut Map<String, Value>) -> Option<String> {
        let mut own = Vec::new();
        if let Some(Value::Array(infos)) = fields.get_mut("info") {
            for (index, info) in infos.iter_mut().enumerate() {
                let path = format!("info[{index}]");
                own.extend(take_prefixed(info).into_iter().map(|(name, value)| (path.clone(), name, value)));
            }
        }
        let mut marking = None;
        for (path, name, value) in own {
            let outcome = if path == "info[0]" { self.own_parameter(fields, &mut marking, &name, value) } else { Err(ELSEWHERE) };
            if let Err(why) = outcome {
                self.warnings.add(&path, Notice::OwnParameter { name: shorten(&format!("{PARAMETER_PREFIX}{name}")), why });
            }
        }
        marking
    }

    fn own_parameter(
        &mut self,
        fields: &mut Map<String, Value>,
        marking: &mut Option<String>,
        name: &str,
        text: String,
    ) -> Result<(), &'static str> {
        if name == schema::MARKING {
            let known = schema::MARKINGS.contains(&text.as_str());
            return if !known {
                Err("it is no marking of TLP 2.0")
            } else if marking.is_some() {
                Err("there is a marking already")
            } else {
                *marking = Some(text);
                Ok(())
            };
        }
        let (_, element) = schema::find(schema::EXTRA, name).ok_or("there is no such field")?;
        if element.name == "origin" && self.options.trust == Trust::Foreign {
            return Err("the origin is the file that was read");
        }
        let value =
            value::check(element.shape, &text, &self.options.limits, Form::Strict).map_err(|_| "its value does not fit the field")?;
        let Some(value) = value else { return Ok(()) };
        if self.options.trust == Trust::Foreign && matches!(element.shape, Shape::Line) {
            self.look_for_personal_data(element.name, &text);
        }
        match (fields.get_mut(element.name), element.occurs.repeats()) {
            (Some(Value::Array(values)), true) => values.push(value),
            (Some(_), _) => return Err("the field is set already"),
            (None, true) => drop(fields.insert(element.name.to_owned(), vec![value].into())),
            (None, false) => drop(fields.insert(element.name.to_owned(), value)),
        }
        Ok(())
    }
}

const ELSEWHERE: &str = "such parameters belong to the first info";

/// Takes the parameters with our prefix out of an `info`, as names without the prefix and values.
fn take_prefixed(info: &mut Value) -> Vec<(String, String)> {
    let mut taken = Vec::new();
    let Some(info) = info.as_object_mut() else { return taken };
    let Some(Value::Array(parameters)) = info.get_mut("parameter") else { return taken };
    parameters.retain(|parameter| {
        let part = |name| parameter.get(name).and_then(Value::as_str).unwrap_or_default();
        match part("valueName").strip_prefix(PARAMETER_PREFIX) {
            Some(name) => {
                taken.push((name.to_owned(), part("value").to_owned()));
                false
            }
            None => true,
        }
    });
    if parameters.is_empty() {
        info.remove("parameter");
    }
    taken
}
