//! What is kept open of a document, and its history.

use super::*;
use crate::desk::{GrantRequest, RevocationRequest};
use csu_protocol::document::{ChangeHash, Marking, Wanted};
use csu_protocol::store::Read;

pub(super) fn issued(office: &mut Office) -> DocumentId {
    let words = ["headline=Van seen", "event=Theft", "category=Security", "severity=Minor", "urgency=Past", "certainty=Observed"];
    let assign = words.iter().map(|word| (*word).to_owned()).collect();
    let request = DraftRequest { kind: "bulletin".to_owned(), assign, to: to("Police"), ..DraftRequest::default() };
    let draft = office.draft(&Actor::default(), request).unwrap();
    let issued = office.step(&Actor::default(), &draft.reference, "issue", StepRequest::default()).unwrap();
    office.settle().unwrap();
    issued.id.unwrap()
}

pub(super) fn update(office: &mut Office, document: &DocumentId, word: &str) {
    let request = StepRequest { assign: vec![word.to_owned()], ..StepRequest::default() };
    office.step(&Actor::default(), &document.short(), "update", request).unwrap();
    office.settle().unwrap();
}

/// A revision by somebody who has seen no more than `base`.
pub(super) fn revise_at(office: &mut Office, document: &DocumentId, base: &[ChangeHash], word: &str) {
    let open = office.open_document(document).unwrap();
    let mut fields = open.opened.content.snapshot_at(base).unwrap().fields;
    open.kind.assign_all(&mut fields, [word]).unwrap();
    let wanted = Wanted { kind: open.kind, marking: Marking::AmberStrict, state: None, fields };
    let change = open.opened.content.revise(document, base, &wanted).unwrap();
    let deps = open.opened.entries_of(change.deps());
    drop(open);
    let epoch = office.current_epoch(document, (*document).into()).unwrap();
    office.publish_change(&Actor::default(), document, (*document).into(), &epoch, deps, &change).unwrap();
    office.settle().unwrap();
}

pub(super) fn heads(office: &mut Office, document: &DocumentId) -> Vec<ChangeHash> {
    office.open_document(document).unwrap().opened.content.heads().iter().copied().collect()
}

#[test]
fn a_document_that_is_kept_open_says_what_it_says_when_it_is_opened_anew() {
    let (_folder, mut office, _) = office();
    let document = issued(&mut office);
    let first = heads(&mut office, &document);
    for number in 0..12 {
        match number % 4 {
            0 | 1 => update(&mut office, &document, &format!("note=number {number}")),
            2 => revise_at(&mut office, &document, &first, &format!("code=a{number}")),
            _ => {
                // What a revocation and a grant bring is opened anew.
                let who = "Police".to_owned();
                let request = RevocationRequest { who: who.clone(), ..RevocationRequest::default() };
                office.revoke(&Actor::default(), &document.short(), request).unwrap();
                let request = GrantRequest { who, role: Some(Role::Write), until: None, personal_data_checked: None };
                office.grant(&Actor::default(), &document.short(), request).unwrap();
                office.settle().unwrap();
            }
        }
        let open = office.open_document(&document).unwrap();
        let access = office.access_of(&document).unwrap();
        let stored = Read::document(&office.storage, &document).unwrap();
        let anew = office.read_by(&document, &access, &stored);
        assert_eq!((open.snapshot.clone(), open.state, open.level), (anew.snapshot.clone(), anew.state, anew.level));
        assert_eq!(open.opened.content.heads(), anew.opened.content.heads());
        assert_eq!(open.opened.heads(), anew.opened.heads());
        assert_eq!(open.opened.unreadable, anew.opened.unreadable);
        assert_eq!((open.came.received, open.came.is_news), (anew.came.received, anew.came.is_news));
    }
}

#[test]
fn a_history_that_forks_and_joins_says_of_each_revision_what_it_changed() {
    let (_folder, mut office, _) = office();
    let document = issued(&mut office);
    update(&mut office, &document, "note=one");
    let base = heads(&mut office, &document);
    update(&mut office, &document, "note=one and two");
    revise_at(&mut office, &document, &base, "severity=Severe");
    revise_at(&mut office, &document, &base, "headline=Vans seen");
    update(&mut office, &document, "code=joined");
    update(&mut office, &document, "note=one, two and three");
    let open = office.open_document(&document).unwrap();
    let lines = office.history_of(&document.short()).unwrap();
    let mut compared = Vec::new();
    for revision in &open.opened.revisions {
        let line = lines.iter().find(|line| line.entry == revision.entry).unwrap();
        let content = &open.opened.content;
        let deps: Vec<ChangeHash> = content.change(&revision.change).unwrap().deps().iter().copied().collect();
        let (before, after) = (content.snapshot_at(&deps).unwrap_or_default(), content.snapshot_at(&[revision.change]).unwrap());
        assert_eq!((&line.changed, line.state.as_deref()), (&before.changed_paths(&after), after.state));
        compared.push(line.changed.clone());
    }
    let said = |path: &str| compared.iter().filter(|changed| changed.iter().any(|changed| changed.ends_with(path))).count();
    assert_eq!((compared.len(), said("severity"), said("code"), said("note")), (7, 1, 1, 3), "{compared:?}");
}
