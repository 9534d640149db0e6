//! What a document shows: kind, marking, state and fields, and what of it cannot be shown.

use super::engine::{Engine, Object, ROOT, guarded};
use super::reading::{Cell, Reader, Reading};
use crate::document::fields::Fields;
use crate::document::kind::{self, Kind};
use crate::document::marking::Marking;
use serde_json::Map;

/// What a document shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// The kind, if this version knows it.
    pub kind: Option<&'static Kind>,
    /// The kind's name, known or not.
    pub kind_name: Option<String>,
    /// The marking; of conflicting ones the strictest.
    pub marking: Option<Marking>,
    /// The state that content carries; of conflicting ones the highest.
    pub state: Option<&'static str>,
    /// The fields that can be shown.
    pub fields: Fields,
    /// What cannot be shown, and why.
    pub problems: Vec<Problem>,
}

/// A part of a document that cannot be shown. Its writer did not follow the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub path: String,
    /// What is wrong.
    pub what: String,
}

impl Snapshot {
    /// The paths at which `newer` differs: `kind`, `marking`, `state`, and those of fields such as
    /// `info[0].severity`.
    #[must_use]
    pub fn changed_paths(&self, newer: &Self) -> Vec<String> {
        let mut paths = Vec::new();
        for (name, differs) in
            [("kind", self.kind_name != newer.kind_name), ("marking", self.marking != newer.marking), ("state", self.state != newer.state)]
        {
            if differs {
                paths.push(name.to_owned());
            }
        }
        paths.extend(self.fields.changed_paths(&newer.fields));
        paths
    }
}

/// What a document shows, and its map of fields. If Automerge fails on it, that is all it shows.
pub(super) fn read(engine: &Engine) -> (Snapshot, Option<Object>) {
    guarded(|| read_all(engine)).unwrap_or_else(|what| {
        let problems = vec![Problem { path: String::new(), what }];
        (Snapshot { problems, ..Snapshot::default() }, None)
    })
}

fn read_all(engine: &Engine) -> (Snapshot, Option<Object>) {
    let mut problems = Vec::new();
    let mut problem = |path: &str, what: &str| problems.push(Problem { path: path.to_owned(), what: what.to_owned() });
    let lines = |name| engine.values(&ROOT, name).into_iter().map(|cell| if let Cell::Line(text) = cell { Some(text) } else { None });
    let mut kind_names: Vec<Option<String>> = lines("kind").collect();
    let kind_name = kind_names.pop().flatten();
    if kind_names.iter().any(|other| *other != kind_name) {
        problem("kind", "there are several");
    }
    let kind = kind_name.as_deref().and_then(kind::find);
    let marking = lines("marking").filter_map(|text| text?.parse().ok()).max();
    if marking.is_none() && !engine.values(&ROOT, "marking").is_empty() {
        problem("marking", "it is none of TLP 2.0");
    }
    let mut state = None;
    let mut fields = Map::new();
    let mut object = None;
    if let Some(kind) = kind {
        let states: Vec<String> = lines("state").flatten().collect();
        let written: Vec<&str> = kind.written_states().filter(|name| states.iter().any(|state| state == name)).collect();
        state = kind.highest(written.iter().copied());
        if states.iter().any(|state| !written.contains(&state.as_str())) {
            problem("state", "it is none that a revision can set");
        }
        match engine.values(&ROOT, "fields").pop() {
            Some(Cell::Map(map)) => {
                let mut reader = Reader { from: engine, kind, problems };
                fields = reader.map(&map, kind.fields, "");
                problems = reader.problems;
                object = Some(map);
            }
            Some(_) => problem("fields", "it is of a wrong type"),
            None => {}
        }
    }
    (Snapshot { kind, kind_name, marking, state, fields: Fields::checked(fields), problems }, object)
}
