//! A document's fields, as JSON or as people type them.

use super::change::DOCUMENT;
use super::tape::Tape;
use csu_protocol::document::{Content, Fields, Kind, Marking, Wanted, kind};
use serde_json::{Map, Value};

/// A byte for the kind, one for the way, and then JSON or lines of assignments.
pub fn fields(data: &[u8]) {
    let mut tape = Tape::new(data);
    let kind = *tape.pick(kind::all()).expect("a kind");
    let typed = tape.byte() & 1 == 1;
    let fields = if typed {
        let text = String::from_utf8_lossy(tape.rest());
        let mut fields = Fields::default();
        for line in text.split('\n') {
            let before = fields.clone();
            if kind.assign_all(&mut fields, [line]).is_err() {
                assert_eq!(fields, before, "a refused assignment left something behind");
            }
        }
        fields
    } else {
        let Ok(values) = serde_json::from_slice::<Map<String, Value>>(tape.rest()) else { return };
        let Ok(fields) = kind.check(&values) else { return };
        fields
    };
    let again = kind.check(fields.as_map());
    assert_eq!(again.as_ref(), Ok(&fields), "what was checked does not pass unchanged");
    assert!(fields.changed_paths(&fields).is_empty());
    let (_, _) = (kind.title_of(&fields), kind.indexed_texts(&fields).count());
    carried(kind, &fields);
}

/// A revision carries them as they are, and another one takes them away again.
fn carried(kind: &'static Kind, fields: &Fields) {
    let wanted = |fields: &Fields| Wanted { kind, marking: Marking::Green, state: None, fields: fields.clone() };
    let first = Content::default().revise(&DOCUMENT, &[], &wanted(fields)).expect("a first revision");
    let content = Content::build([first.clone()]);
    let shown = content.snapshot();
    assert_eq!((&shown.fields, shown.problems.as_slice()), (fields, &[][..]));
    if fields.is_empty() {
        return;
    }
    let empty = content.revise(&DOCUMENT, &[first.hash()], &wanted(&Fields::default())).expect("a revision that empties");
    let emptied = Content::build([first, empty]);
    assert!(emptied.snapshot().fields.is_empty() && emptied.left_out().is_empty());
}
