//! The registry of kinds, and the words in which a kind is described.
//!
//! A kind is one file below and one line in `REGISTRY`. Nothing else in the project names a kind's
//! fields for its own sake: commands, forms, pages, the API's schema, search and exports walk the
//! description. So a description says everything a person or a program needs: labels, hints, which
//! texts merge, who may take which step.
//!
//! Left out: access (grants decide who may write at all) and what a field means to another format
//! (exports know their own).

mod annex;
mod bulletin;
mod guide;
mod note;

use super::fields::{Fields, items};
use super::marking::Marking;

/// Every kind, in the order in which screens list them.
static REGISTRY: [&Kind; 4] = [&bulletin::BULLETIN, &guide::GUIDE, &note::NOTE, &annex::ANNEX];

/// Every kind, in the order in which screens list them.
#[must_use]
pub fn all() -> &'static [&'static Kind] {
    &REGISTRY
}

/// The kind of this name, if this version knows it.
#[must_use]
pub fn find(name: &str) -> Option<&'static Kind> {
    REGISTRY.iter().copied().find(|kind| kind.name == name)
}

/// The state that every kind ends in once an authorised control entry withdraws the document. It is
/// never written into content.
pub const WITHDRAWN: State = State { name: "withdrawn", label: "Withdrawn" };

/// The description of one kind of document.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// What content, commands and addresses call it: lower-case ASCII.
    pub name: &'static str,
    /// What screens call one of it.
    pub label: &'static str,
    /// What screens call many of it.
    pub plural: &'static str,
    /// What it is for, in one sentence.
    pub about: &'static str,
    /// The arguments of a command that drafts one, on one line.
    pub example: &'static str,
    /// The path of the field that stands for the document in lists.
    pub title: &'static str,
    /// The fields of the top level, in the order of the form.
    pub fields: &'static [Field],
    /// The states in rank order. The first exists on the writer's own node only; the last is
    /// [`WITHDRAWN`].
    pub states: &'static [State],
    /// The steps between states, in the order in which screens offer them.
    pub steps: &'static [Step],
    /// The marking of a new draft.
    pub default_marking: Marking,
    /// After how many months without a change somebody looks whether it is still needed, if no setting says. 0: never.
    pub review_months: u32,
    /// The paths of the fields that search looks in.
    pub indexed: &'static [&'static str],
    /// What lists of it can be narrowed by, beside what every document has: state, owner and time.
    pub facets: &'static [Facet],
    /// Between how many organisations one of it may be.
    pub parties: Parties,
    /// How it is a sealed part of another document, if it is one.
    pub sealed: Option<Sealed>,
}

/// What a list can be narrowed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facet {
    /// What is asked for.
    pub name: FacetName,
    /// The paths of the fields whose values count, each of them.
    pub paths: &'static [&'static str],
    /// When a document is what was asked for.
    pub matching: Matching,
}

/// What can be asked for in a list, whatever the kind calls its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FacetName {
    /// What sort of thing it is about.
    Category,
    /// How grave it is.
    Severity,
    /// Where it is.
    Area,
}

impl FacetName {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Category, Self::Severity, Self::Area];

    /// What queries call it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Category => "category",
            Self::Severity => "severity",
            Self::Area => "area",
        }
    }
}

/// When a document is what a list was narrowed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matching {
    /// One of its values is the one that was asked for, in small or capital letters.
    Whole,
    /// One of its values stands at least as high as the one that was asked for, in this order from the lowest.
    AtLeast(&'static [&'static str]),
    /// All words that were asked for are among those of its values.
    Words,
}

/// A kind whose documents are sealed parts of others: shown only to whoever gives a reason, which their owner learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed {
    /// The path of the field that names the document which it is a part of. Nodes write it, not people.
    pub part_of: &'static str,
    /// The mildest marking that it may bear.
    pub mildest: Marking,
    /// For how many days it is kept once it is issued, unless somebody sets other dates.
    pub days: u32,
}

/// Between how many organisations a document may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parties {
    /// Its owner and whoever it is granted to.
    Any,
    /// Its owner and exactly one other organisation.
    Two,
}

/// One field of a kind, or of a record inside it.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// What content, commands and exports call it.
    pub name: &'static str,
    /// What the form calls it.
    pub label: &'static str,
    /// One sentence that helps to fill it in.
    pub hint: &'static str,
    /// What it may hold.
    pub form: Form,
    /// How several values are written in one assignment on a command line.
    pub splitting: Splitting,
    /// For whom its values are.
    pub readers: Readers,
}

impl Field {
    /// A field; lists of it are written with commas on a command line.
    #[must_use]
    pub const fn new(name: &'static str, label: &'static str, hint: &'static str, form: Form) -> Self {
        Self { name, label, hint, form, splitting: Splitting::Commas, readers: Readers::People }
    }

    /// The same field, whose values contain commas of their own: one value each assignment.
    #[must_use]
    pub const fn one_each_time(mut self) -> Self {
        self.splitting = Splitting::Whole;
        self
    }

    /// The same field, whose values are for programs.
    #[must_use]
    pub const fn for_programs(mut self) -> Self {
        self.readers = Readers::Programs;
        self
    }
}

/// What a field may hold. In content, [`Form::Text`], [`Form::List`] and [`Form::Records`] are
/// Automerge objects that merge; the others are single values of which one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Several lines that merge character by character, up to [`super::limits::MAX_TEXT_BYTES`].
    Text,
    /// One line, up to [`super::limits::MAX_LINE_BYTES`].
    Line,
    /// One of these values.
    Choice(&'static [&'static str]),
    /// A time in RFC 3339 with a numeric offset and whole seconds, never `Z` (CAP 1.2 refuses it).
    Time,
    /// A whole number from 0 to [`super::limits::MAX_NUMBER`].
    Number,
    /// Several lines or choices, up to [`super::limits::MAX_ITEMS`].
    List(&'static Form),
    /// Several records of these fields, up to [`super::limits::MAX_ITEMS`].
    Records(&'static [Field]),
}

/// For whom a field's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// People: what they hold is searched for personal data before it is shared.
    People,
    /// Programs: codes, digests, coordinates and names of files, which look like anything.
    Programs,
}

/// How several values of a list are written in one assignment on a command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Splitting {
    /// `category=Security,Safety`
    Commas,
    /// One value each assignment, because a value has commas of its own: `circle="51.5,-0.1 0.5"`.
    Whole,
}

/// A state in a kind's lifecycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// What content, commands and feeds call it.
    pub name: &'static str,
    /// What screens call it.
    pub label: &'static str,
}

/// A step from state to state.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// The command, the address and the access log's word for it.
    pub verb: &'static str,
    /// What the button says.
    pub label: &'static str,
    /// For sentences about what happened: "issued".
    pub past: &'static str,
    /// The states it starts from.
    pub from: &'static [&'static str],
    /// The state it leads to.
    pub to: &'static str,
    /// Who may take it.
    pub by: Side,
    /// What is signed to take it.
    pub means: Means,
    /// The paths that must be filled before it can be taken.
    pub needs: &'static [&'static str],
}

/// Who may take a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The organisation that owns the document.
    Owner,
    /// Any organisation that may write.
    Writer,
    /// Any organisation that may read, but not the owner.
    OtherReader,
}

/// What is signed to take a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// A revision that carries the new state.
    Revision,
    /// A response that names the step; the document itself does not change.
    Response,
    /// The control entry that withdraws a document, by its owner or an admin, with a reason.
    Withdraw,
}

/// The step that every kind has: its owner, or an admin, takes it back.
pub(crate) const fn withdraw(from: &'static [&'static str]) -> Step {
    Step {
        verb: "withdraw",
        label: "Withdraw",
        past: "withdrawn",
        from,
        to: WITHDRAWN.name,
        by: Side::Owner,
        means: Means::Withdraw,
        needs: &[],
    }
}

/// The two fields that say why personal or police data may be shared at all.
pub(crate) const PURPOSE: Field =
    Field::new("purpose", "Purpose", "What the recipients may use this for, for example: prevention of burglary.", Form::Line);
/// See [`PURPOSE`].
pub(crate) const LAWFUL_BASIS: Field = Field::new(
    "lawfulBasis",
    "Lawful basis",
    "The basis in data protection law, for example: legitimate interests, or DPA 2018 section 35.",
    Form::Line,
);

/// What only documents of the police bear. Nothing above it may be put into this network.
pub const CLASSIFICATION: Field = Field::new(
    "classification",
    "Government Security Classification",
    "Of police documents only: OFFICIAL or OFFICIAL-SENSITIVE. SECRET and TOP SECRET have no place here.",
    Form::Choice(&["OFFICIAL", OFFICIAL_SENSITIVE]),
);
/// OFFICIAL information whose loss would do harm: it is marked AMBER or stricter.
pub const OFFICIAL_SENSITIVE: &str = "OFFICIAL-SENSITIVE";

impl Kind {
    /// One of it, in a sentence: "a liaison note", "an annex".
    #[must_use]
    pub fn one(&self) -> String {
        let label = self.label.to_lowercase();
        let article = if label.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        format!("{article} {label}")
    }

    /// The field at `path`. Positions are ignored: `info[2].severity` and `info.severity` are the same field.
    #[must_use]
    pub fn field(&self, path: &str) -> Option<&'static Field> {
        let mut fields = self.fields;
        let mut found = None;
        for part in path.split('.') {
            let name = part.split('[').next().unwrap_or(part);
            let field = fields.iter().find(|field| field.name == name)?;
            fields = match field.form {
                Form::Records(inner) => inner,
                Form::Text | Form::Line | Form::Choice(_) | Form::Time | Form::Number | Form::List(_) => &[],
            };
            found = Some(field);
        }
        found
    }

    /// The state of this name.
    #[must_use]
    pub fn state(&self, name: &str) -> Option<&'static State> {
        self.states.iter().find(|state| state.name == name)
    }

    /// The state of a draft that was never published.
    #[must_use]
    pub fn draft_state(&self) -> &'static str {
        self.states.first().map_or("draft", |state| state.name)
    }

    /// The rank of a state: of two, the higher one holds.
    #[must_use]
    pub fn rank(&self, state: &str) -> Option<usize> {
        self.states.iter().position(|candidate| candidate.name == state)
    }

    /// The highest of some states; names that this kind has not are passed over. This is how the
    /// state that content carries, the steps that answers took and a withdrawal make one state.
    pub fn highest<'a>(&self, states: impl IntoIterator<Item = &'a str>) -> Option<&'static str> {
        let rank = states.into_iter().filter_map(|state| self.rank(state)).max()?;
        self.states.get(rank).map(|state| state.name)
    }

    /// The step of this verb.
    #[must_use]
    pub fn step(&self, verb: &str) -> Option<&'static Step> {
        self.steps.iter().find(|step| step.verb == verb)
    }

    /// The steps that start from a state.
    pub fn steps_from(&self, state: &str) -> impl Iterator<Item = &'static Step> {
        self.steps.iter().filter(move |step| step.from.contains(&state))
    }

    /// The states that a revision may write: those that some step of [`Means::Revision`] leads to.
    pub fn written_states(&self) -> impl Iterator<Item = &'static str> {
        let steps = self.steps;
        self.states
            .iter()
            .map(|state| state.name)
            .filter(move |name| steps.iter().any(|step| step.means == Means::Revision && step.to == *name))
    }

    /// The text that stands for the document in lists, if it is filled.
    #[must_use]
    pub fn title_of<'a>(&self, fields: &'a Fields) -> Option<&'a str> {
        fields.get(self.title).and_then(serde_json::Value::as_str)
    }

    /// The facet of this name, if lists of it can be narrowed so.
    #[must_use]
    pub fn facet(&self, name: FacetName) -> Option<&'static Facet> {
        self.facets.iter().find(|facet| facet.name == name)
    }

    /// Everything that search looks in, one text after another.
    pub fn indexed_texts<'a>(&self, fields: &'a Fields) -> impl Iterator<Item = &'a str> {
        self.indexed.iter().flat_map(|path| fields.every(path)).flat_map(items).filter_map(serde_json::Value::as_str)
    }
}

impl Facet {
    /// Every text of a document that counts, as it is written there.
    pub fn texts<'a>(&self, fields: &'a Fields) -> impl Iterator<Item = &'a str> {
        self.paths.iter().flat_map(|path| fields.every(path)).flat_map(items).filter_map(serde_json::Value::as_str)
    }
}

impl Step {
    /// The paths that must be filled before this step and are not.
    #[must_use]
    pub fn missing(&self, fields: &Fields) -> Vec<&'static str> {
        self.needs.iter().copied().filter(|path| fields.get(path).is_none()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits::MAX_RECORD_DEPTH;
    use super::*;
    use std::collections::BTreeSet;

    fn check_fields(kind: &Kind, fields: &[Field], depth: usize) {
        assert!(depth <= MAX_RECORD_DEPTH, "{}", kind.name);
        let names: BTreeSet<_> = fields.iter().map(|field| field.name).collect();
        assert_eq!(names.len(), fields.len(), "{}: a name twice", kind.name);
        for field in fields {
            assert!(field.name.chars().all(|c| c.is_ascii_alphanumeric()), "{}", field.name);
            assert!(field.name.len() <= super::super::limits::MAX_KEY_BYTES);
            assert!(!field.label.is_empty() && field.hint.ends_with('.'), "{}: {}", field.name, field.hint);
            match field.form {
                Form::Records(inner) => check_fields(kind, inner, depth.saturating_add(1)),
                Form::List(item) => assert!(matches!(item, Form::Line | Form::Choice(_)), "{}", field.name),
                Form::Choice(allowed) => assert!(!allowed.is_empty()),
                Form::Text | Form::Line | Form::Time | Form::Number => {}
            }
        }
    }

    #[test]
    fn every_description_is_whole() {
        let names: BTreeSet<_> = all().iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), all().len());
        for kind in all() {
            assert_eq!(find(kind.name), Some(*kind));
            check_fields(kind, kind.fields, 0);
            assert_eq!(kind.states.last(), Some(&WITHDRAWN));
            assert!(kind.field(kind.title).is_some_and(|field| field.form == Form::Line));
            for path in kind.indexed.iter().chain(kind.facets.iter().flat_map(|facet| facet.paths)) {
                assert!(kind.field(path).is_some(), "{}: {path}", kind.name);
            }
            for facet in kind.facets {
                assert_eq!(kind.facet(facet.name), Some(facet), "{}: a facet twice", kind.name);
                let Matching::AtLeast(order) = facet.matching else { continue };
                for path in facet.paths {
                    let Some(Field { form: Form::Choice(choices), .. }) = kind.field(path) else { panic!("{path} has no order") };
                    assert_eq!(BTreeSet::from_iter(*choices), BTreeSet::from_iter(order), "{path}");
                }
            }
            for step in kind.steps {
                for state in step.from.iter().chain([&step.to]) {
                    assert!(kind.state(state).is_some(), "{}: {state}", kind.name);
                }
                for path in step.needs {
                    assert!(kind.field(path).is_some(), "{}: {path}", kind.name);
                }
            }
            assert!(kind.step("withdraw").is_some());
            if let Some(sealed) = kind.sealed {
                let shows = kind.title != sealed.part_of || !kind.indexed.is_empty() || !kind.facets.is_empty();
                assert!(!shows, "{}: what it says shows in lists", kind.name);
                assert!(kind.default_marking >= sealed.mildest && !sealed.mildest.may_be_passed_on(), "{}", kind.name);
                assert!(kind.steps.iter().all(|step| step.means != Means::Revision || step.from == [kind.draft_state()]), "{}", kind.name);
            }
            assert!(kind.states[1..].iter().all(|state| kind.steps.iter().any(|step| step.to == state.name)));
        }
    }

    #[test]
    fn only_states_that_a_revision_leads_to_can_be_written() {
        let note = find("note").unwrap();
        assert_eq!(note.written_states().collect::<Vec<_>>(), ["sent", "closed"]);
        assert_eq!(note.highest(["sent", "answered", "nonsense"]), Some("answered"));
        assert_eq!(note.highest(["nonsense"]), None);
    }

    #[test]
    fn a_kind_is_named_in_a_sentence_as_people_would() {
        assert_eq!((find("note").unwrap().one(), find("annex").unwrap().one()), ("a liaison note".to_owned(), "an annex".to_owned()));
    }

    #[test]
    fn the_examples_are_accepted_as_typed() {
        for kind in all() {
            let mut fields = Fields::default();
            let words = shell_words(kind.example);
            if let Some(sealed) = kind.sealed {
                kind.assign_all(&mut fields, [format!("{}=d1", sealed.part_of).as_str()]).unwrap();
            }
            kind.assign_all(&mut fields, words.iter().map(String::as_str)).unwrap();
            assert!(kind.title_of(&fields).is_some(), "{}", kind.example);
        }
    }

    /// Splits a line as a shell would, as far as the examples need it.
    fn shell_words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quoted = false;
        for c in line.chars() {
            match c {
                '"' => quoted = !quoted,
                ' ' if !quoted => words.push(String::new()),
                other => words.last_mut().unwrap().push(other),
            }
        }
        words
    }
}
