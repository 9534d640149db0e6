//! From bytes to a bounded tree of the elements an alert may have.
//!
//! This stage knows XML and where each element of CAP may stand; what their values mean is [`read`](super::read)'s
//! business. It checks what the parser leaves to its user: one root, nothing beside it, no document type, no entities but
//! the five of XML, no control characters, bounds on depth, elements and attributes. Elements of other vocabularies are
//! stepped over.

use super::error::{CapError, Fault, Place, shorten, shorten_to};
use super::read::ReadOptions;
use super::schema::{self, Element, Occurs, Shape};
use super::value;
use super::warning::{Notice, Warnings};
use super::words::Version;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::{NsReader, XmlVersion};

const CAP_1_1: &str = "urn:oasis:names:tc:emergency:cap:1.1";
const CAP_1_2: &str = "urn:oasis:names:tc:emergency:cap:1.2";
const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";

/// An element of CAP with its text or its children.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) element: &'static Element,
    pub(super) path: String,
    /// Where its start tag begins, in bytes.
    pub(super) offset: usize,
    pub(super) text: String,
    pub(super) children: Vec<Node>,
    /// How many children of each row of its table there are.
    counts: Vec<usize>,
}

impl Node {
    fn new(element: &'static Element, path: String, offset: usize) -> Self {
        let rows = elements_of(element).map_or(0, <[Element]>::len);
        Self { element, path, offset, text: String::new(), children: Vec::new(), counts: vec![0; rows] }
    }

    /// The children of this name, in the file's order.
    pub(super) fn children_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.element.name == name)
    }
}

fn elements_of(element: &Element) -> Option<&'static [Element]> {
    if let Shape::Record(elements) = element.shape { Some(elements) } else { None }
}

/// The root, `alert`. It is no child of anything, so its path is empty.
static ROOT: Element = Element { name: "alert", shape: Shape::Record(schema::ALERT), occurs: Occurs::Required, remedy: "" };

/// A file as text, with what is needed to say where in it something is wrong.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    file: &'a str,
}

impl<'a> Source<'a> {
    /// The text of these bytes, if they are few enough and UTF-8.
    pub(super) fn new(bytes: &'a [u8], options: &ReadOptions<'a>) -> Result<Self, CapError> {
        let limit = options.limits.document_bytes;
        let start = Self { text: "", file: options.file };
        if bytes.len() > limit {
            return Err(start.refuse(0, "", Fault::TooLarge { bytes: bytes.len(), limit }));
        }
        if bytes.is_empty() {
            return Err(start.refuse(0, "", Fault::Empty));
        }
        if let Some(found) = recognised(bytes) {
            return Err(start.refuse(0, "", Fault::Encoding { found: found.to_owned() }));
        }
        if let Some(fault) = declared(bytes) {
            return Err(start.refuse(0, "", fault));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self { text: text.strip_prefix('\u{feff}').unwrap_or(text), file: options.file }),
            Err(error) => {
                let (sound, rest) = bytes.split_at_checked(error.valid_up_to()).unwrap_or((bytes, &[]));
                let sound = Self { text: std::str::from_utf8(sound).unwrap_or_default(), file: options.file };
                Err(sound.refuse(sound.text.len(), "", Fault::NotUtf8 { byte: rest.first().copied().unwrap_or_default() }))
            }
        }
    }

    /// The refusal of this file for a fault at this byte.
    pub(super) fn refuse(&self, offset: usize, path: &str, fault: Fault) -> CapError {
        let before = (0..=offset.min(self.text.len())).rev().find_map(|end| self.text.get(..end)).unwrap_or_default();
        let line = before.matches('\n').count().saturating_add(1);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count().saturating_add(1);
        CapError::Refused { place: Place { file: self.file.to_owned(), line, column, path: path.to_owned() }, fault }
    }
}

/// The encoding these bytes show by a byte order mark or by zeros about the first `<`, unless it is UTF-8.
fn recognised(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] | [b'<', 0, 0, 0, ..] | [0, 0, 0, b'<', ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'<', 0, ..] | [0, b'<', ..] => Some("UTF-16"),
        [0x4c, 0x6f, 0xa7, 0x94, ..] => Some("EBCDIC"),
        _ => None,
    }
}

/// What is wrong with the encoding the XML declaration names, if anything. The declaration stands at the very start, and is
/// ASCII in every encoding that comes here.
fn declared(bytes: &[u8]) -> Option<Fault> {
    const DECLARATION_BYTES: usize = 256;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let head = String::from_utf8_lossy(bytes.get(..DECLARATION_BYTES).unwrap_or(bytes));
    let Ok(Event::Decl(declaration)) = NsReader::from_str(&head).read_event() else { return None };
    let name = declaration.encoding()?.ok()?.into_owned();
    let is_ascii = ["us-ascii", "ascii"].iter().any(|known| name.eq_ignore_ascii_case(known));
    let is_utf8 = ["utf-8", "utf8"].iter().any(|known| name.eq_ignore_ascii_case(known));
    if is_utf8 || (is_ascii && bytes.is_ascii()) {
        None
    } else if is_ascii {
        Some(Fault::NotAscii)
    } else {
        Some(Fault::Encoding { found: shorten(&name) })
    }
}

/// The alert of a file.
pub(super) fn parse(source: Source<'_>, options: &ReadOptions<'_>, warnings: &mut Warnings) -> Result<(Version, Node), CapError> {
    let mut reader = NsReader::from_str(source.text);
    reader.config_mut().expand_empty_elements = true;
    let mut tree = Tree { source, options, warnings, version: None, open: Vec::new(), root: None, foreign: 0, elements: 0, offset: 0 };
    loop {
        tree.offset = position(reader.buffer_position());
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(error) => return Err(tree.refuse_syntax(&error, position(reader.error_position()))),
        };
        let end = position(reader.buffer_position());
        tree.check_characters(end)?;
        match event {
            Event::Start(start) => {
                let namespace = match reader.resolver().resolve_element(start.name()).0 {
                    ResolveResult::Bound(Namespace(name)) => Some(name),
                    ResolveResult::Unbound => None,
                    ResolveResult::Unknown(prefix) => {
                        return Err(tree.not_xml(&format!("the prefix {} is not bound to a namespace", shorten(&prefix))));
                    }
                };
                tree.start(&start, namespace)?;
            }
            Event::End(_) => tree.end(),
            Event::Text(text) => tree.text(&text.xml10_content())?,
            Event::CData(text) => {
                if tree.open.is_empty() {
                    return Err(tree.not_xml("text beside the root element"));
                }
                tree.text(&text.xml10_content())?;
            }
            Event::GeneralRef(reference) => tree.reference(&reference)?,
            Event::Decl(declaration) => tree.declaration(&declaration)?,
            Event::DocType(_) => return Err(tree.refuse(Fault::DocumentType)),
            Event::Comment(_) | Event::PI(_) | Event::Empty(_) => {}
            Event::Eof => return tree.finish(),
        }
    }
}

fn position(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

struct Tree<'a> {
    source: Source<'a>,
    options: &'a ReadOptions<'a>,
    warnings: &'a mut Warnings,
    version: Option<Version>,
    /// The elements that are open, the root first.
    open: Vec<Node>,
    root: Option<Node>,
    /// How many elements of another vocabulary are open.
    foreign: usize,
    elements: usize,
    /// Where the event at hand begins.
    offset: usize,
}

impl Tree<'_> {
    fn path(&self) -> &str {
        self.open.last().map_or("", |node| node.path.as_str())
    }

    fn refuse(&self, fault: Fault) -> CapError {
        self.source.refuse(self.offset, self.path(), fault)
    }

    fn not_xml(&self, problem: &str) -> CapError {
        self.refuse(Fault::NotXml { problem: problem.to_owned() })
    }

    fn refuse_syntax(&self, error: &quick_xml::Error, offset: usize) -> CapError {
        use quick_xml::errors::{Error, IllFormedError, SyntaxError};
        let document_type =
            matches!(error, Error::Syntax(SyntaxError::UnclosedDoctype) | Error::IllFormed(IllFormedError::MissingDoctypeName));
        let fault = if document_type { Fault::DocumentType } else { Fault::NotXml { problem: shorten_to(160, &error.to_string()) } };
        self.source.refuse(offset, self.path(), fault)
    }

    /// Refuses control characters anywhere in the event that ends here, markup and comments included.
    fn check_characters(&self, end: usize) -> Result<(), CapError> {
        match self.source.text.get(self.offset..end).and_then(value::forbidden) {
            Some((index, character)) => {
                let fault = Fault::ControlCharacter { code: u32::from(character) };
                Err(self.source.refuse(self.offset.saturating_add(index), self.path(), fault))
            }
            None => Ok(()),
        }
    }

    fn declaration(&self, declaration: &BytesDecl<'_>) -> Result<(), CapError> {
        if self.offset > 0 {
            return Err(self.not_xml("the XML declaration does not stand at the very start"));
        }
        match declaration.version() {
            Ok(version) if version == "1.0" => Ok(()),
            Ok(version) => Err(self.not_xml(&format!("XML {} where CAP uses 1.0", shorten(&version)))),
            Err(error) => Err(self.not_xml(&shorten(&error.to_string()))),
        }
    }

    fn start(&mut self, start: &BytesStart<'_>, namespace: Option<&str>) -> Result<(), CapError> {
        let limits = &self.options.limits;
        if self.root.is_some() {
            return Err(self.not_xml("a second root element"));
        }
        self.elements = self.elements.saturating_add(1);
        if self.elements > limits.elements {
            return Err(self.refuse(Fault::TooManyElements { limit: limits.elements }));
        }
        if self.open.len().saturating_add(self.foreign) >= limits.depth {
            return Err(self.refuse(Fault::TooDeep { limit: limits.depth }));
        }
        let name = start.local_name().into_inner();
        if !is_name(start.name().into_inner()) {
            return Err(self.not_xml(&format!("{:?} is no name", shorten(name))));
        }
        let left_out = self.attributes(start)?;
        if self.foreign > 0 {
            self.foreign = self.foreign.saturating_add(1);
            return Ok(());
        }
        let Some(parent) = self.open.last() else { return self.start_root(name, namespace, left_out) };
        let Some(elements) = elements_of(parent.element) else {
            return Err(self.refuse(Fault::Nested { found: shorten(name) }));
        };
        let of_this_version = namespace == self.version.map(namespace_of);
        let Some((row, element)) = schema::find(elements, name).filter(|_| of_this_version) else {
            let notice = if of_this_version {
                Notice::UnknownElement { name: shorten(name) }
            } else {
                Notice::ForeignElement { name: shorten(name), signature: namespace == Some(SIGNATURE) }
            };
            self.warnings.add(&parent.path, notice);
            self.foreign = 1;
            return Ok(());
        };
        let index = parent.counts.get(row).copied().unwrap_or_default();
        if index > 0 && !element.occurs.repeats() {
            return Err(self.refuse(Fault::Repeated { name: element.name }));
        }
        let node = Node::new(element, schema::path(&parent.path, element, index), self.offset);
        if let Some(count) = self.open.last_mut().and_then(|parent| parent.counts.get_mut(row)) {
            *count = count.saturating_add(1);
        }
        self.open(node, left_out);
        Ok(())
    }

    fn start_root(&mut self, name: &str, namespace: Option<&str>, left_out: Vec<String>) -> Result<(), CapError> {
        let version = match namespace {
            Some(CAP_1_1) => Some(Version::V1_1),
            Some(CAP_1_2) => Some(Version::V1_2),
            _ => None,
        };
        match version {
            Some(version) if name == "alert" => {
                self.version = Some(version);
                self.open(Node::new(&ROOT, String::new(), self.offset), left_out);
                Ok(())
            }
            _ => Err(self.refuse(not_cap(name, namespace))),
        }
    }

    /// Checks the attributes of an element and gives the names of those that are left out. CAP has none, so nothing is taken
    /// from them.
    fn attributes(&self, start: &BytesStart<'_>) -> Result<Vec<String>, CapError> {
        let limit = self.options.limits.attributes;
        // The parser compares every attribute with all before it, so they are counted first.
        if start.attributes().with_checks(false).take(limit.saturating_add(1)).count() > limit {
            return Err(self.refuse(Fault::TooManyAttributes { limit }));
        }
        let mut left_out = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| self.not_xml(&shorten(&error.to_string())))?;
            let name = attribute.key.into_inner();
            let value = attribute.normalized_value(XmlVersion::Explicit1_0);
            let value =
                value.map_err(|error| self.not_xml(&format!("the attribute {}: {}", shorten(name), shorten(&error.to_string()))))?;
            value::check_characters(&value).map_err(|fault| self.refuse(fault))?;
            // Namespace declarations were taken by the parser, and schema locations say nothing about the alert.
            if !["xmlns", "xsi", "xml"].contains(&name.split(':').next().unwrap_or_default()) {
                left_out.push(shorten(name));
            }
        }
        Ok(left_out)
    }

    /// Opens an element of CAP.
    fn open(&mut self, node: Node, left_out: Vec<String>) {
        for name in left_out {
            self.warnings.add(&node.path, Notice::Attribute { name });
        }
        self.open.push(node);
    }

    fn end(&mut self) {
        if self.foreign > 0 {
            self.foreign = self.foreign.saturating_sub(1);
            return;
        }
        let Some(node) = self.open.pop() else { return };
        match self.open.last_mut() {
            Some(parent) => parent.children.push(node),
            None => self.root = Some(node),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), CapError> {
        let blank = text.bytes().all(|byte| byte.is_ascii_whitespace());
        let limit = self.options.limits.text_bytes;
        let Some(node) = self.open.last_mut() else {
            return if blank { Ok(()) } else { Err(self.not_xml("text beside the root element")) };
        };
        // Whole encoded pictures may stand where nothing is carried.
        if self.foreign > 0 || matches!(node.element.shape, Shape::Dropped) {
            return Ok(());
        }
        if matches!(node.element.shape, Shape::Record(_)) {
            return if blank { Ok(()) } else { Err(self.refuse(Fault::StrayText { found: shorten(text.trim()) })) };
        }
        let bytes = node.text.len().saturating_add(text.len());
        if bytes > limit {
            return Err(self.refuse(Fault::TooLong { bytes, limit }));
        }
        node.text.push_str(text);
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), CapError> {
        if self.open.is_empty() {
            return Err(self.not_xml("text beside the root element"));
        }
        let unknown = |tree: &Self| tree.refuse(Fault::Entity { name: shorten(reference) });
        let character = reference.resolve_char_ref().map_err(|_| unknown(self))?;
        let mut buffer = [0; 4];
        let text = match character {
            Some(character) => &*character.encode_utf8(&mut buffer),
            None => resolve_predefined_entity(reference).ok_or_else(|| unknown(self))?,
        };
        value::check_characters(text).map_err(|fault| self.refuse(fault))?;
        self.text(text)
    }

    fn finish(self) -> Result<(Version, Node), CapError> {
        match (self.version, self.open.last(), self.foreign) {
            (Some(version), None, 0) => self
                .root
                .map(|root| (version, root))
                .ok_or_else(|| self.source.refuse(self.offset, "", Fault::NotXml { problem: "there is no root element".to_owned() })),
            (None, _, _) => Err(self.not_xml("there is no root element")),
            (_, Some(node), _) => {
                let problem = format!("the file ends inside the element {}", node.element.name);
                Err(self.not_xml(&problem))
            }
            (_, None, _) => Err(self.not_xml("the file ends inside an element")),
        }
    }
}

fn namespace_of(version: Version) -> &'static str {
    match version {
        Version::V1_1 => CAP_1_1,
        Version::V1_2 => CAP_1_2,
    }
}

/// Whether this could be the name of an element: a little wider than XML's own definition.
fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && name.chars().all(|character| character.is_alphanumeric() || matches!(character, '_' | '-' | '.' | ':' | '\u{b7}'))
}

/// What a file with this root is, and where its alert may be.
fn not_cap(name: &str, namespace: Option<&str>) -> Fault {
    let namespace = namespace.unwrap_or_default();
    let (found, remedy) = match name {
        "feed" | "entry" => ("an Atom feed", "take the file its links point to, one for each alert"),
        "rss" | "RDF" | "channel" => ("an RSS feed", "take the file its links point to, one for each alert"),
        "EDXLDistribution" | "edxlDistribution" => {
            ("an EDXL distribution wrapper", "take the alert out of its content (xmlContent, embeddedXMLContent) into a file of its own")
        }
        "html" => ("a web page", "save the alert itself, often behind a link that says CAP or XML"),
        "alert" if namespace.starts_with("http://www.incident.com/cap/") => ("a CAP 1.0 alert", "ask the sender for CAP 1.2"),
        "alert" if namespace.is_empty() => {
            ("an alert without namespace", "add xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\" if it is CAP 1.2")
        }
        _ => {
            let place = if namespace.is_empty() { String::new() } else { format!(" of {}", shorten(namespace)) };
            return Fault::NotCap {
                found: format!("an XML file with the root {}{place}", shorten(name)),
                remedy: "ask the sender for the CAP file",
            };
        }
    };
    Fault::NotCap { found: found.to_owned(), remedy }
}
