//! The elements of a CAP alert in the order of the OASIS schema, with what each may hold: the one table that reading and
//! writing walk.
//!
//! Elements and the bulletin's fields have the same names. `identifier`, `sender`, `sent`, `msgType` and `references` are
//! derived from a document's history and are no fields of a bulletin.

use super::words::{MsgType, Scope, Status};

/// An element's name, what it holds, and how often it may stand in its parent.
#[derive(Debug)]
pub(super) struct Element {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) occurs: Occurs,
    /// What to do when it is missing; empty for optional ones.
    pub(super) remedy: &'static str,
}

/// What an element holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// One line for people to read.
    Line,
    /// One line for machines: codes, digests, media types. It is not searched for personal data.
    Code,
    /// Several lines for people to read.
    Text,
    /// The name of a sender or an alert.
    Id,
    /// A time with numeric offset.
    Time,
    /// One of a list.
    Choice(&'static [&'static str]),
    /// A language tag (RFC 3066).
    Language,
    /// An absolute URI.
    Uri,
    /// A whole number from 0.
    Count,
    /// A decimal number, kept as written.
    Decimal,
    /// Points that enclose an area.
    Polygon,
    /// A point and a radius.
    Circle,
    /// Several lines in one element, separated by spaces, in double quotes where they hold spaces.
    Quoted,
    /// The names of earlier alerts.
    References,
    /// Content that is not carried.
    Dropped,
    /// Elements of its own.
    Record(&'static [Element]),
}

/// How often an element may stand in its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occurs {
    /// Once.
    Required,
    /// Once, in CAP 1.2; CAP 1.1 lets it out.
    RequiredSince1_2,
    /// Once; its value may be empty.
    RequiredMaybeEmpty,
    /// Once or not at all.
    Optional,
    /// Any number of times.
    Many,
    /// Once or more.
    AtLeastOne,
}

impl Occurs {
    /// Whether the element may be repeated; the field is then a list.
    pub(super) fn repeats(self) -> bool {
        matches!(self, Self::Many | Self::AtLeastOne)
    }
}

const fn optional(name: &'static str, shape: Shape) -> Element {
    Element { name, shape, occurs: Occurs::Optional, remedy: "" }
}

const fn many(name: &'static str, shape: Shape) -> Element {
    Element { name, shape, occurs: Occurs::Many, remedy: "" }
}

const fn required(name: &'static str, shape: Shape, remedy: &'static str) -> Element {
    Element { name, shape, occurs: Occurs::Required, remedy }
}

/// The element `alert`.
pub(super) const ALERT: &[Element] = &[
    required("identifier", Shape::Id, "every alert has a number or name of its own; ask the sender"),
    required("sender", Shape::Id, "every alert says who sent it, such as warnings@example.org; ask the sender"),
    required("sent", Shape::Time, "say when it was sent, such as 2026-11-22T18:00:00+00:00"),
    required("status", Shape::Choice(Status::WORDS), "choose Actual, Exercise, System, Test or Draft"),
    required("msgType", Shape::Choice(MsgType::WORDS), "choose Alert, Update, Cancel, Ack or Error"),
    optional("source", Shape::Line),
    required("scope", Shape::Choice(Scope::WORDS), "choose Public, Restricted or Private"),
    optional("restriction", Shape::Line),
    optional("addresses", Shape::Quoted),
    many("code", Shape::Code),
    optional("note", Shape::Text),
    optional("references", Shape::References),
    optional("incidents", Shape::Quoted),
    many("info", Shape::Record(INFO)),
];

/// The children of `alert` that are no fields of a bulletin.
pub(super) const DERIVED: &[&str] = &["identifier", "sender", "sent", "msgType", "references"];

const INFO: &[Element] = &[
    optional("language", Shape::Language),
    Element {
        name: "category",
        shape: Shape::Choice(&[
            "Geo",
            "Met",
            "Safety",
            "Security",
            "Rescue",
            "Fire",
            "Health",
            "Env",
            "Transport",
            "Infra",
            "CBRNE",
            "Other",
        ]),
        occurs: Occurs::AtLeastOne,
        remedy: "choose one or more, such as Security for crime or Safety for other dangers",
    },
    required("event", Shape::Line, "say in a few words what happened, such as Burglary"),
    many("responseType", Shape::Choice(&["Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess", "AllClear", "None"])),
    required(
        "urgency",
        Shape::Choice(&["Immediate", "Expected", "Future", "Past", "Unknown"]),
        "choose when to act: Immediate, Expected, Future, Past or Unknown",
    ),
    required(
        "severity",
        Shape::Choice(&["Extreme", "Severe", "Moderate", "Minor", "Unknown"]),
        "choose how bad it is: Extreme, Severe, Moderate, Minor or Unknown",
    ),
    required("certainty", Shape::Choice(CERTAINTY), "choose how sure it is: Observed, Likely, Possible, Unlikely or Unknown"),
    optional("audience", Shape::Line),
    many("eventCode", Shape::Record(CODE_PAIR)),
    optional("effective", Shape::Time),
    optional("onset", Shape::Time),
    optional("expires", Shape::Time),
    optional("senderName", Shape::Line),
    optional("headline", Shape::Line),
    optional("description", Shape::Text),
    optional("instruction", Shape::Text),
    optional("web", Shape::Uri),
    optional("contact", Shape::Line),
    many("parameter", Shape::Record(PARAMETER)),
    many("resource", Shape::Record(RESOURCE)),
    many("area", Shape::Record(AREA)),
];

/// The values of `certainty`.
pub(super) const CERTAINTY: &[&str] = &["Observed", "Likely", "Possible", "Unlikely", "Unknown"];

const NAME_REMEDY: &str = "a value needs the name of what it is a value of; add it or remove the pair";
const VALUE_REMEDY: &str = "add the value, or remove the pair";

/// A pair of machine-made name and value: `eventCode`, `geocode`.
const CODE_PAIR: &[Element] = &[
    required("valueName", Shape::Code, NAME_REMEDY),
    Element { name: "value", shape: Shape::Code, occurs: Occurs::RequiredMaybeEmpty, remedy: VALUE_REMEDY },
];

/// A pair whose value may be written for people.
const PARAMETER: &[Element] = &[
    required("valueName", Shape::Code, NAME_REMEDY),
    Element { name: "value", shape: Shape::Line, occurs: Occurs::RequiredMaybeEmpty, remedy: VALUE_REMEDY },
];

const RESOURCE: &[Element] = &[
    required("resourceDesc", Shape::Line, "say what the resource is, such as Map"),
    Element { name: "mimeType", shape: Shape::Code, occurs: Occurs::RequiredSince1_2, remedy: "give the media type, such as image/png" },
    optional("size", Shape::Count),
    optional("uri", Shape::Uri),
    optional("derefUri", Shape::Dropped),
    optional("digest", Shape::Code),
];

const AREA: &[Element] = &[
    required("areaDesc", Shape::Line, "name the area for people, such as Coldharbour ward"),
    many("polygon", Shape::Polygon),
    many("circle", Shape::Circle),
    many("geocode", Shape::Record(CODE_PAIR)),
    optional("altitude", Shape::Decimal),
    optional("ceiling", Shape::Decimal),
];

/// The fields CAP has no element for, carried as parameters of the first `info`. The marking goes with them under
/// [`MARKING`], though it is no field.
pub(super) const EXTRA: &[Element] = &[
    many("policeCategory", Shape::Line),
    optional("sourceGrade", Shape::Choice(&["1", "2", "3"])),
    optional("informationGrade", Shape::Choice(&["A", "B", "C", "D", "E"])),
    optional("handling", Shape::Choice(&["P", "C"])),
    optional("handlingConditions", Shape::Line),
    optional("purpose", Shape::Line),
    optional("lawfulBasis", Shape::Line),
    optional("classification", Shape::Choice(&["OFFICIAL", "OFFICIAL-SENSITIVE"])),
    optional("origin", Shape::Code),
];

/// The name of the parameter that carries the marking, after the prefix.
pub(super) const MARKING: &str = "marking";

/// The markings of TLP 2.0.
pub(super) const MARKINGS: &[&str] = &["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"];

/// The path of an element: its parent's path, its name, and its index where there can be doubt.
pub(super) fn path(parent: &str, element: &Element, index: usize) -> String {
    let slash = if parent.is_empty() { "" } else { "/" };
    let indexed = index > 0 || (element.occurs.repeats() && matches!(element.shape, Shape::Record(_)));
    if indexed { format!("{parent}{slash}{}[{index}]", element.name) } else { format!("{parent}{slash}{}", element.name) }
}

/// The element of this name, with its place in the table.
pub(super) fn find(elements: &'static [Element], name: &str) -> Option<(usize, &'static Element)> {
    elements.iter().enumerate().find(|(_, element)| element.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_the_element_and_no_more() {
        let (_, info) = find(ALERT, "info").unwrap();
        let (_, area) = find(INFO, "area").unwrap();
        let (_, polygon) = find(AREA, "polygon").unwrap();
        let parent = path(&path("", info, 1), area, 0);
        assert_eq!(path(&parent, polygon, 0), "info[1]/area[0]/polygon");
        assert_eq!(path(&parent, polygon, 2), "info[1]/area[0]/polygon[2]");
    }

    #[test]
    fn every_element_that_must_stand_says_what_to_put_there() {
        fn check(elements: &[Element]) {
            for element in elements {
                let needed = !matches!(element.occurs, Occurs::Optional | Occurs::Many);
                assert_eq!(needed, !element.remedy.is_empty(), "{}", element.name);
                if let Shape::Record(inner) = element.shape {
                    check(inner);
                }
            }
        }
        check(ALERT);
        check(EXTRA);
    }
}
