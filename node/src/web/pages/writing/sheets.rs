//! Which page of the form asks for what.
//!
//! For bulletins a small table: what was done comes first, then how those looked who did it, then where, then what readers
//! should do, then for whom it is. Every kind has a page of its other fields beside, so that none is out of reach.

use super::super::super::parts::{Ask, Choice, Errors, Typed, id_of, marking_meaning};
use super::descriptors::{self, TRAITS};
use super::input::{Input, check};
use super::values::{block_fields, get, inside, put};
use super::{Asked, Begun, audience};
use crate::desk::DraftChange;
use csu_protocol::document::{Form, Kind, Marking};
use maud::{Markup, html};
use serde_json::{Value, json};

/// The page of the fields that no other page asks for.
pub(super) const OTHER: &str = "other";
/// The page of the handling and the audience, which every kind has.
pub(super) const SHARING: &str = "sharing";

const DESCRIPTION: &str = "info[0].description";
const CODES: &str = "info[0].area[0].geocode";
/// The system of codes of wards and beats, as CAP names it in the United Kingdom.
const WARDS: &str = "GSS";

/// One page of the form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sheet {
    pub(super) slug: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    questions: &'static [Question],
}

/// What a page asks for.
#[derive(Debug, Clone, Copy)]
enum Question {
    /// A field, with a hint that suits better than that of the kind.
    Field(&'static str, Option<&'static str>),
    /// The description but the traits.
    Behaviour,
    /// How those looked who did it.
    Traits,
    /// Codes of wards or beats.
    Wards,
    Marking,
    Recipients,
}

use Question::{Behaviour, Field, Marking as MarkingOf, Recipients, Traits, Wards};

const BULLETIN: &[Sheet] = &[
    Sheet {
        slug: "what",
        title: "What happened",
        about: "Say what was done, not who you think did it. You can describe people on the next page.",
        questions: &[
            Behaviour,
            Field("info[0].onset", Some("When it began. An estimate will do.")),
            Field("info[0].headline", Some("What a reader sees first, in one short sentence. No names.")),
            Field("info[0].event", None),
            Field("policeCategory", Some("Such as bicycle-theft, burglary or anti-social-behaviour, or your own words.")),
            Field("info[0].category", None),
        ],
    },
    Sheet {
        slug: "descriptions",
        title: "Who or what was seen",
        about: "Leave all of this empty if nobody was seen. Otherwise give at least two: one trait alone fits too many people.",
        questions: &[Traits],
    },
    Sheet {
        slug: "place",
        title: "Where it happened",
        about: "Street level is enough. Never give the address of a home.",
        questions: &[
            Field("info[0].area[0].areaDesc", Some("The street, ward or postcode district, such as: Mill Road, SW9.")),
            Wards,
            Field(
                "info[0].area[0].circle",
                Some("Latitude,longitude, a space, and the radius in kilometres, such as: 51.4613,-0.1156 0.3."),
            ),
            Field("info[0].area[0].polygon", None),
        ],
    },
    Sheet {
        slug: "advice",
        title: "How serious it is, and what readers should do",
        about: "",
        questions: &[
            Field("info[0].severity", None),
            Field("info[0].urgency", None),
            Field("info[0].certainty", None),
            Field("info[0].instruction", None),
            Field("info[0].expires", None),
        ],
    },
    Sheet {
        slug: SHARING,
        title: "Handling and audience",
        about: "",
        questions: &[
            MarkingOf,
            Recipients,
            Field("purpose", None),
            Field("lawfulBasis", None),
            Field("sourceGrade", None),
            Field("informationGrade", None),
            Field("handling", None),
            Field("handlingConditions", None),
        ],
    },
];

const ANY: &[Sheet] = &[Sheet { slug: SHARING, title: "Handling and audience", about: "", questions: &[MarkingOf, Recipients] }];

/// The pages of a kind but that of the other fields, in their order.
pub(super) fn sheets(kind: &Kind) -> &'static [Sheet] {
    if kind.name == "bulletin" { BULLETIN } else { ANY }
}

/// The page of this name.
pub(super) fn sheet(kind: &Kind, slug: &str) -> Option<&'static Sheet> {
    sheets(kind).iter().find(|sheet| sheet.slug == slug)
}

/// The page behind this one.
pub(super) fn next(kind: &Kind, slug: &str) -> Option<&'static Sheet> {
    let sheets = sheets(kind);
    match sheets.iter().position(|sheet| sheet.slug == slug) {
        Some(at) => sheets.get(at.saturating_add(1)),
        // The other fields of a bulletin are asked for by nobody who does not look for them.
        None => sheets.first().filter(|first| first.slug == SHARING),
    }
}

/// Where a field is asked for, as the end of an address.
pub(in crate::web) fn place_of(kind: &Kind, path: &str) -> String {
    for sheet in sheets(kind) {
        for question in sheet.questions {
            if question.covers(path) {
                return format!("{}#{}", sheet.slug, id_of(&question.name(path)));
            }
        }
    }
    let at = path.rsplit_once('.').map_or("", |(at, _)| at);
    if at.is_empty() { OTHER.to_owned() } else { format!("{OTHER}?at={at}") }
}

impl Question {
    /// Whether this asks for the field at a path; one without positions is that of the first blocks.
    fn covers(self, path: &str) -> bool {
        let same = |own: &str| own == path || (!path.contains('[') && super::values::bare(own) == path);
        match self {
            Field(own, _) => same(own),
            Behaviour => same(DESCRIPTION),
            Wards => path.starts_with(CODES),
            MarkingOf => path == "marking",
            Recipients => path == "to",
            Traits => false,
        }
    }

    fn name(self, path: &str) -> String {
        match self {
            Field(own, _) => own.to_owned(),
            Behaviour => "behaviour".to_owned(),
            Wards => "wards".to_owned(),
            MarkingOf | Recipients | Traits => path.to_owned(),
        }
    }

    fn input(self, kind: &'static Kind) -> Option<Input> {
        let Field(path, hint) = self else { return None };
        let needed = needs(kind, path);
        Input::at(kind, path, needed).map(|input| Input { hint, ..input })
    }
}

/// Whether the first step of a kind needs a field.
fn needs(kind: &Kind, path: &str) -> bool {
    let path = super::values::bare(path);
    kind.steps_from(kind.draft_state()).any(|step| step.needs.contains(&path.as_str()))
}

fn text<'a>(begun: &'a Begun, path: &str) -> &'a str {
    get(&begun.fields, path).and_then(Value::as_str).unwrap_or_default()
}

/// What a page shows at first: what is stored.
pub(super) fn filled(sheet: &Sheet, begun: &Begun, asked: &Asked) -> Typed {
    let mut typed = Typed::default();
    for question in sheet.questions {
        match question {
            Field(path, _) => {
                if let Some(input) = question.input(begun.kind) {
                    input.fill(&mut typed, get(&begun.fields, path));
                }
            }
            Behaviour => typed.put("behaviour", descriptors::split(text(begun, DESCRIPTION)).0),
            Traits => {
                for (known, said) in TRAITS.iter().zip(descriptors::split(text(begun, DESCRIPTION)).1) {
                    typed.put(known.name, said);
                }
            }
            Wards => typed.put("wards", wards(begun).join(", ")),
            MarkingOf => typed.put("marking", begun.marking.as_str()),
            Recipients => audience::fill(&mut typed, begun, asked),
        }
    }
    typed
}

fn wards(begun: &Begun) -> Vec<&str> {
    let codes = get(&begun.fields, CODES).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let ours = codes.iter().filter(|code| code.get("valueName").and_then(Value::as_str) == Some(WARDS));
    ours.filter_map(|code| code.get("value")?.as_str()).collect()
}

/// The inputs of a page.
pub(super) fn show(sheet: &Sheet, begun: &Begun, asked: &Asked, typed: &Typed, errors: &Errors) -> Markup {
    html! {
        @for question in sheet.questions {
            @match question {
                Field(..) => { @if let Some(input) = question.input(begun.kind) { (input.show(typed, errors)) } },
                Behaviour => {
                    (Ask::new("behaviour", "What was done").error(errors.of("behaviour"))
                        .hint("What you or somebody else saw happen, in order. No names, telephone numbers or registration plates.")
                        .lines(typed.one("behaviour"), 8, None))
                },
                Traits => {
                    @for known in TRAITS {
                        (Ask::new(known.name, &format!("{} (optional)", known.label)).hint(known.hint).error(errors.of(known.name))
                            .line(typed.one(known.name)))
                    }
                },
                Wards => {
                    (Ask::new("wards", "Codes of wards or beats (optional)").error(errors.of("wards"))
                        .hint("As the Office for National Statistics has them, such as E05014095. Put commas between several.")
                        .line(typed.one("wards")))
                },
                MarkingOf => (markings(begun, typed, errors)),
                Recipients => (audience::show(begun, asked, typed, errors)),
            }
        }
    }
}

fn markings(begun: &Begun, typed: &Typed, errors: &Errors) -> Markup {
    let mildest = begun.kind.sealed.map(|sealed| sealed.mildest);
    let allowed = Marking::ALL.into_iter().filter(|marking| mildest.is_none_or(|mildest| *marking >= mildest));
    let choices: Vec<Choice> =
        allowed.map(|marking| Choice::new(marking.as_str(), format!("TLP:{marking}")).hint(marking_meaning(marking.as_str()))).collect();
    Ask::new("marking", "How far may readers pass it on?").error(errors.of("marking")).radios(&choices, typed.one("marking"))
}

/// What a page that was sent changes, or what is wrong with it.
pub(super) fn read(sheet: &Sheet, begun: &Begun, typed: &Typed) -> Result<DraftChange, Errors> {
    let (mut errors, mut change) = (Errors::default(), DraftChange::default());
    let mut fields = begun.fields.clone();
    for question in sheet.questions {
        match question {
            Field(path, _) => {
                let Some(input) = question.input(begun.kind) else { continue };
                match input.read(begun.kind, typed, get(&begun.fields, path)) {
                    Ok(value) => put(&mut fields, path, value),
                    Err(message) => errors.add(*path, message),
                }
            }
            Behaviour => {
                let (_, traits) = descriptors::split(text(begun, DESCRIPTION));
                let description = Value::from(descriptors::join(typed.one("behaviour"), &traits));
                if let Err(message) = check(begun.kind, DESCRIPTION, &description) {
                    errors.add("behaviour", message);
                }
                put(&mut fields, DESCRIPTION, description);
            }
            Traits => {
                let (behaviour, _) = descriptors::split(text(begun, DESCRIPTION));
                let traits = TRAITS.map(|known| typed.one(known.name).trim().to_owned());
                if traits.iter().filter(|said| !said.is_empty()).count() == 1 {
                    let one = TRAITS.iter().zip(&traits).find(|(_, said)| !said.is_empty()).map_or("", |(known, _)| known.name);
                    errors.add(one, "Give at least one more description, or none: one trait alone fits too many people");
                }
                let description = Value::from(descriptors::join(&behaviour, &traits));
                if let Err(message) = check(begun.kind, DESCRIPTION, &description) {
                    errors.add(TRAITS[0].name, message);
                }
                put(&mut fields, DESCRIPTION, description);
            }
            Wards => put_wards(&mut fields, begun, typed, &mut errors),
            MarkingOf => change.marking = typed.filled("marking").map(str::to_owned),
            Recipients => change.to = Some(audience::read(begun, typed)),
        }
    }
    change.fields = Some(fields);
    if errors.is_empty() { Ok(change) } else { Err(errors) }
}

fn put_wards(fields: &mut serde_json::Map<String, Value>, begun: &Begun, typed: &Typed, errors: &mut Errors) {
    let codes = get(&begun.fields, CODES).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut kept: Vec<Value> = codes.into_iter().filter(|code| code.get("valueName").and_then(Value::as_str) != Some(WARDS)).collect();
    for code in typed.one("wards").split([',', ' ', '\n']).map(str::trim).filter(|code| !code.is_empty()) {
        if !code.chars().all(|c| c.is_ascii_alphanumeric()) {
            errors.add("wards", "A code has letters and digits alone, such as E05014095");
            return;
        }
        kept.push(json!({ "valueName": WARDS, "value": code.to_ascii_uppercase() }));
    }
    put(fields, CODES, Value::Array(kept));
}

/// What the next step needs of this page and is not there yet.
pub(super) fn missing(sheet: &Sheet, begun: &Begun) -> Errors {
    let mut errors = Errors::default();
    for input in sheet.questions.iter().filter_map(|question| question.input(begun.kind)) {
        if input.needed && is_empty(get(&begun.fields, &input.path)) {
            errors.add(input.path.as_str(), demand(input.field));
        }
    }
    errors
}

/// The message for a field that must be filled.
pub(in crate::web) fn demand(field: &csu_protocol::document::Field) -> String {
    let chooses = matches!(field.form, Form::Choice(_) | Form::List(Form::Choice(_)));
    let verb = if chooses { "Choose" } else { "Enter" };
    format!("{verb}: {}", field.label.to_lowercase())
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(_) => false,
    }
}

/// The inputs of a block that no page of the table asks for.
pub(super) fn other_inputs(kind: &'static Kind, at: &str) -> Vec<Input> {
    let fields = block_fields(kind, at).unwrap_or_default();
    let paths = fields.iter().filter(|field| !matches!(field.form, Form::Records(_))).map(|field| inside(at, field.name));
    let asked = |path: &String| sheets(kind).iter().any(|sheet| sheet.questions.iter().any(|question| question.covers(path)));
    // What names the document that another is a part of is the node's to write.
    let written = |path: &String| kind.sealed.is_some_and(|sealed| sealed.part_of == path);
    let inputs = paths.filter(|path| !asked(path) && !written(path));
    inputs.filter_map(|path| Input::at(kind, &path, needs(kind, &path))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use csu_protocol::document::kind;

    /// Every field that is no block, by its path in the first blocks.
    fn every_path(fields: &[csu_protocol::document::Field], at: &str, paths: &mut Vec<String>) {
        for field in fields {
            if let Form::Records(inner) = field.form {
                every_path(inner, &format!("{}[0]", inside(at, field.name)), paths);
            } else {
                paths.push(inside(at, field.name));
            }
        }
    }

    #[test]
    fn no_field_of_any_kind_is_out_of_reach() {
        for kind in kind::all() {
            let mut paths = Vec::new();
            every_path(kind.fields, "", &mut paths);
            for path in paths {
                if kind.sealed.is_some_and(|sealed| sealed.part_of == path) {
                    continue;
                }
                let on_a_page = sheets(kind).iter().any(|sheet| sheet.questions.iter().any(|question| question.covers(&path)));
                let beside = other_inputs(kind, super::super::values::parent(&path)).iter().any(|input| input.path == path);
                assert!(on_a_page || beside, "{}: {path}", kind.name);
                let covered = place_of(kind, &path);
                assert!(on_a_page != covered.starts_with(OTHER), "{}: {path}: {covered}", kind.name);
            }
        }
    }

    #[test]
    fn a_field_of_the_table_is_one_of_the_kind() {
        let kind = kind::find("bulletin").unwrap();
        for sheet in sheets(kind) {
            for question in sheet.questions {
                if let Field(path, _) = question {
                    assert!(question.input(kind).is_some(), "{path}");
                }
            }
        }
        assert!(kind.field(DESCRIPTION).is_some() && kind.field(CODES).is_some());
    }
}
