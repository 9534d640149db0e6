//! Annexes: to what they belong, for whom they are, and that nothing shows without a reason.

use super::*;
use crate::desk::{
    Document, DraftChange, ErasureRequest, ExportFormat, GrantRequest, OpeningRequest, RetentionQuery, RetentionRunRequest,
    RevocationRequest,
};
use csu_protocol::entry::Reason;
use serde_json::json;

/// Stands in the annex and nowhere else.
const NAME: &str = "Quillon Byron";

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The draft of a bulletin, for the police, that names a suspect.
fn bulletin(office: &mut Office) -> Document {
    let assign = words(&[
        &format!("headline=Van seen; Mr {NAME} sat in it"),
        "event=Theft",
        "category=Security",
        "severity=Minor",
        "urgency=Past",
        "certainty=Observed",
        "description=Ring 07700 900123 about Byron.",
    ]);
    let request = DraftRequest { kind: "bulletin".to_owned(), assign, to: to("Police"), ..DraftRequest::default() };
    office.draft(&Actor::default(), request).unwrap()
}

fn annex_of(office: &mut Office, of: &str) -> Result<Document, Problem> {
    let request = DraftRequest {
        kind: "annex".to_owned(),
        assign: words(&["vehicles=AB12 CDE"]),
        of: Some(of.to_owned()),
        move_words: words(&["Byron."]),
        move_found: true,
        ..DraftRequest::default()
    };
    office.draft(&Actor::default(), request)
}

fn issue(office: &mut Office, reference: &str, whom: &str) -> Result<Document, Problem> {
    office.step(&Actor::default(), reference, "issue", StepRequest { to: to(whom), ..StepRequest::default() })
}

fn open(office: &mut Office, reference: &str, reason: &str) -> Result<Document, Problem> {
    office.open(&Actor::named("Asha").unwrap(), reference, OpeningRequest { reason: reason.to_owned() })
}

/// A bulletin that was issued to the police, with an annex that was, too: both references.
pub(super) fn issued(office: &mut Office) -> (Document, Document) {
    let draft = bulletin(office);
    let annex = annex_of(office, &draft.reference).unwrap();
    let bulletin = office.step(&Actor::default(), &draft.reference, "issue", StepRequest::default()).unwrap();
    let annex = issue(office, &annex.reference, "Police").unwrap();
    office.settle().unwrap();
    (bulletin, annex)
}

/// Whether any file of a folder holds a word.
fn on_disk(folder: &std::path::Path, word: &str) -> bool {
    let holds = |file: std::fs::DirEntry| {
        let bytes = std::fs::read(file.path()).unwrap();
        bytes.windows(word.len()).any(|window| window == word.as_bytes())
    };
    std::fs::read_dir(folder).unwrap().any(|file| holds(file.unwrap()))
}

/// The same with the time that it may take: files are rewritten for a part of a node's time only.
fn is_gone(office: &mut Office, folder: &std::path::Path, word: &str) -> bool {
    for _ in 0..100 {
        office.settle().unwrap();
        if !on_disk(folder, word) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    false
}

#[test]
fn a_step_that_would_share_a_name_is_refused_and_the_name_moves_to_an_annex_or_stays_for_a_reason() {
    let (_folder, mut office, _) = office();
    let actor = Actor::default();
    let draft = bulletin(&mut office);
    let refused = office.step(&actor, &draft.reference, "issue", StepRequest::default()).unwrap_err();
    assert_eq!(refused.status(), 422);
    let found: Vec<(&str, &str)> = refused.findings().iter().map(|found| (found.field.as_str(), found.words.as_str())).collect();
    assert_eq!(found, [("info[0].headline", "Mr Quillon Byron"), ("info[0].description", "07700 900123")]);
    assert!(office.documents(&actor, crate::desk::DocumentQuery::default()).unwrap().items.iter().all(|line| line.id.is_none()));
    // Nothing is shared that would still name him beside the mark.
    let refused =
        office.step(&actor, &draft.reference, "issue", StepRequest { move_to_annex: true, ..StepRequest::default() }).unwrap_err();
    assert_eq!(refused.findings().iter().map(|found| found.words.as_str()).collect::<Vec<_>>(), ["Byron"]);
    let without = DraftChange { assign: words(&["description=Ring 07700 900123 about him."]), ..DraftChange::default() };
    office.edit(&actor, &draft.reference, without).unwrap();
    // Moved: the rest is shared, and the draft of an annex holds what was found.
    let moved = office.step(&actor, &draft.reference, "issue", StepRequest { move_to_annex: true, ..StepRequest::default() }).unwrap();
    assert_eq!(moved.title, "Van seen; [in the annex] sat in it");
    office.settle().unwrap();
    let [annex] = moved.annexes.as_slice() else { panic!("{:?}", moved.annexes) };
    let annex = office.document(&actor, &annex.reference.clone()).unwrap();
    assert_eq!((annex.title.as_str(), annex.id), ("Annex of Van seen; [in the annex] sat in it", None));
    let fields = annex.draft.unwrap().fields;
    assert_eq!(fields["persons"], json!(["Mr Quillon Byron"]));
    assert_eq!(fields["telephones"], json!(["07700 900123"]));
    // The number stays in a later version, for a reason, which is logged without the number.
    let update = |checked: Option<&str>| StepRequest {
        assign: words(&["instruction=Ring the station on 020 7946 0018."]),
        personal_data_checked: checked.map(str::to_owned),
        ..StepRequest::default()
    };
    assert_eq!(office.step(&actor, &moved.reference, "update", update(None)).unwrap_err().findings().len(), 1);
    office.step(&actor, &moved.reference, "update", update(Some("the station's own number"))).unwrap();
    let log = office.read_log(&crate::desk::LogQuery::default()).unwrap();
    let line = log.iter().find(|line| line.why.as_deref() == Some("the station's own number")).unwrap();
    assert!(line.detail.contains("looked at 1 place"), "{line:?}");
    assert!(!format!("{log:?}").contains("7946") && !format!("{log:?}").contains(NAME), "{log:?}");
    // What was shared once is not asked about again.
    let again = StepRequest { assign: words(&["note=No change."]), ..StepRequest::default() };
    office.step(&actor, &moved.reference, "update", again).unwrap();
    // What somebody says in a response is shared, too.
    let said = |checked: Option<&str>| crate::desk::RespondRequest {
        remark: csu_protocol::entry::Remark::Comment,
        text: Some("Mrs Marchpane rang".to_owned()),
        personal_data_checked: checked.map(str::to_owned),
    };
    assert_eq!(office.respond(&actor, &moved.reference, said(None)).unwrap_err().findings().len(), 1);
    office.respond(&actor, &moved.reference, said(Some("she agreed"))).unwrap();
}

#[test]
fn an_annex_is_issued_after_what_it_belongs_to_and_to_nobody_who_has_not_that() {
    let (folder, mut office, _) = office();
    let actor = Actor::default();
    let draft = bulletin(&mut office);
    let annex = annex_of(&mut office, &draft.reference).unwrap();
    let fields = office.document(&actor, &draft.reference).unwrap().draft.unwrap().fields;
    assert_eq!(fields["info"][0]["headline"], "Van seen; [in the annex] sat in it");
    assert_eq!(fields["info"][0]["description"], "Ring [in the annex] about [in the annex]");
    let refused = issue(&mut office, &annex.reference, "Police").unwrap_err().to_string();
    assert!(refused.contains("draft d1") && refused.contains("issue, publish or send d1 first"), "{refused}");
    let refused = office.discard(&actor, &draft.reference).unwrap_err().to_string();
    assert!(refused.contains("csu annex discard d2"), "{refused}");
    let bulletin = office.step(&actor, &draft.reference, "issue", StepRequest::default()).unwrap();
    // Not wider than the bulletin, not to be changed, not milder than it may be.
    let refused = issue(&mut office, &annex.reference, "Council").unwrap_err().to_string();
    assert!(refused.contains("\"Council\"") && refused.contains("has not the role on") && refused.contains("csu grant add"), "{refused}");
    issue(&mut office, &annex.reference, "anyone").unwrap_err();
    let writer = vec![Recipient { who: "Police".to_owned(), role: Some(Role::Write), until: None }];
    let refused = office.step(&actor, &annex.reference, "issue", StepRequest { to: writer, ..StepRequest::default() }).unwrap_err();
    assert!(refused.to_string().contains("give the role read, or relay"), "{refused}");
    let mild = StepRequest { marking: Some("AMBER".to_owned()), to: to("Police"), ..StepRequest::default() };
    let refused = office.step(&actor, &annex.reference, "issue", mild).unwrap_err().to_string();
    assert!(refused.contains("AMBER+STRICT or stricter"), "{refused}");
    let typed = DraftChange { assign: words(&["isPartOf=d9"]), ..DraftChange::default() };
    assert!(office.edit(&actor, &annex.reference, typed).unwrap_err().to_string().contains("--of"));

    // What was moved before is off the disk already, but for the draft.
    while office.erasing.wake_in().is_some() {
        office.settle().unwrap();
    }
    assert!(on_disk(folder.path(), NAME), "the search finds nothing where it is");
    let annex = issue(&mut office, &annex.reference, "Police").unwrap();
    office.settle().unwrap();
    assert_eq!((annex.marking.as_str(), annex.sealed, annex.fields.is_empty()), ("RED", true, true));
    assert!(is_gone(&mut office, folder.path(), NAME) && is_gone(&mut office, folder.path(), "07700"), "left on the owner's disk");
    let grant = |who: &str| GrantRequest { who: who.to_owned(), role: None, until: None, personal_data_checked: None };
    office.grant(&actor, &annex.reference, grant("Council")).unwrap_err();
    office.grant(&actor, &bulletin.reference, grant("Council")).unwrap();
    office.grant(&actor, &annex.reference, grant("Council")).unwrap();
    // What was issued is not changed: what a change takes out would stay.
    let refused = office.edit(&actor, &annex.reference, DraftChange { assign: words(&["text=x"]), ..DraftChange::default() }).unwrap_err();
    assert!(refused.to_string().contains("csu erase"), "{refused}");
    let lost = DraftRequest { kind: "annex".to_owned(), of: Some(annex.reference), ..DraftRequest::default() };
    assert!(office.draft(&actor, lost).unwrap_err().to_string().contains("has no annexes"));
}

#[test]
fn an_annex_shows_nothing_without_a_reason_and_the_reason_is_logged_every_time() {
    let (_folder, mut office, _) = office();
    let actor = Actor::default();
    let (bulletin, annex) = issued(&mut office);
    for refused in [
        office.document(&actor, &annex.reference).unwrap_err(),
        open(&mut office, &annex.reference, "  ").unwrap_err(),
        office.export(&actor, &annex.reference, ExportFormat::Json).unwrap_err(),
        office.export(&actor, &annex.reference, ExportFormat::Automerge).unwrap_err(),
    ] {
        assert!(refused.status() == 403 && refused.remedy().contains("--reason"), "{refused}");
    }
    // A name has no place in the reason either, for it stays.
    assert_eq!(open(&mut office, &annex.reference, "to arrest Mr Byron").unwrap_err().field(), Some("reason"));
    assert!(open(&mut office, &bulletin.reference, "why not").unwrap_err().to_string().contains("not sealed"));
    for reason in ["case 4411", "case 4411 once more"] {
        let shown = open(&mut office, &annex.reference, reason).unwrap();
        assert_eq!(shown.fields["persons"], json!([format!("Mr {NAME}")]));
        assert_eq!(shown.fields["vehicles"], json!(["AB12 CDE"]));
        assert_eq!(shown.fields["isPartOf"], json!(bulletin.id));
        assert_eq!(shown.title, "Annex of Van seen; [in the annex] sat in it");
    }
    office.settle().unwrap();
    let everything = [
        format!("{:?}", office.documents(&actor, crate::desk::DocumentQuery::default()).unwrap()),
        format!("{:?}", office.document(&actor, &bulletin.reference).unwrap()),
        format!("{:?}", office.history(&actor, &annex.reference).unwrap()),
        format!("{:?}", office.read_log(&crate::desk::LogQuery::default()).unwrap()),
        format!("{:?}", office.access(&actor, &annex.reference).unwrap()),
    ];
    assert!(everything.iter().all(|text| !text.contains("Byron") && !text.contains("AB12")), "{everything:#?}");
    let lines = office.read_log(&crate::desk::LogQuery { document: Some(annex.reference), ..Default::default() }).unwrap();
    let opened: Vec<_> =
        lines.iter().filter(|line| line.detail == "opened it").map(|line| (line.who.as_str(), line.why.as_deref())).collect();
    assert_eq!(opened, [("Asha", Some("case 4411 once more")), ("Asha", Some("case 4411"))]);
    assert!(everything[0].contains("Annex of Van seen"), "{}", everything[0]);
}

#[test]
fn an_annex_is_due_for_erasure_after_28_days_and_goes_with_what_it_belongs_to() {
    let (folder, mut office, _) = office();
    let actor = Actor::default();
    let (bulletin, annex) = issued(&mut office);
    let in_days = |days: u64| Some(now().plus_ms(days * 24 * 3_600_000).into());
    let due = |office: &mut Office, days| office.retention(&actor, RetentionQuery { before: in_days(days), limit: None }).unwrap().items;
    assert_eq!(due(&mut office, 27).len(), 0);
    let [line] = &due(&mut office, 29)[..] else { panic!("{:?}", due(&mut office, 29)) };
    assert_eq!((line.document, line.kind.as_str(), line.own), (annex.id.unwrap(), "annex", false));
    assert!(line.ends.unwrap() > in_days(27).unwrap(), "{line:?}");
    // Past its end, a run erases it, and leaves what it belongs to.
    let past = crate::storage::OwnDates { review: None, ends: Some(now()), why: "past".to_owned(), person: None, set_at: now() };
    office.storage.set_retention(&annex.id.unwrap(), Some(&past)).unwrap();
    let run = office.run_retention(&actor, RetentionRunRequest { dry_run: false }).unwrap();
    assert!(run.items.len() == 1 && run.items[0].erased, "{run:?}");
    office.settle().unwrap();
    assert!(open(&mut office, &annex.reference, "case").unwrap_err().to_string().contains("was erased"));
    assert_eq!(office.document(&actor, &bulletin.reference).unwrap().state, "issued");
    // Another, and the draft of a third, go with the bulletin, whoever is due first.
    let add = |office: &mut Office| {
        let request = DraftRequest {
            kind: "annex".to_owned(),
            assign: words(&["text=Zephyrine"]),
            of: Some(bulletin.reference.clone()),
            ..DraftRequest::default()
        };
        office.draft(&Actor::default(), request).unwrap()
    };
    let (second, third) = (add(&mut office), add(&mut office));
    let second = issue(&mut office, &second.reference, "Police").unwrap();
    office.settle().unwrap();
    for id in [bulletin.id.unwrap(), second.id.unwrap()] {
        office.storage.set_retention(&id, Some(&past)).unwrap();
    }
    let run = office.run_retention(&actor, RetentionRunRequest { dry_run: false }).unwrap();
    assert!(run.items.len() == 2 && run.items.iter().all(|act| act.erased), "{run:?}");
    office.settle().unwrap();
    open(&mut office, &second.reference, "case").unwrap_err();
    assert_eq!(office.document(&actor, &third.reference).unwrap_err().status(), 404);
    assert!(is_gone(&mut office, folder.path(), "Zephyrine"));
}

#[test]
fn whoever_loses_a_document_loses_its_annex_and_both_are_withdrawn_or_erased_together() {
    let (_folder, mut office, [police, _]) = office();
    let actor = Actor::default();
    let (bulletin, annex) = issued(&mut office);
    let role = |office: &Office| office.access_of(&annex.id.unwrap()).unwrap().role_now(&police, now());
    assert_eq!(role(&office), Some(Role::Read));
    let request = RevocationRequest { who: "Police".to_owned(), ..Default::default() };
    let before = office.preview_revocation(&actor, &bulletin.reference, request.clone()).unwrap();
    assert_eq!(before.annexes.iter().map(|lost| lost.reference.as_str()).collect::<Vec<_>>(), [annex.reference.as_str()]);
    assert_eq!(role(&office), Some(Role::Read));
    let after = office.revoke(&actor, &bulletin.reference, request).unwrap();
    assert_eq!(after.effect, before);
    office.settle().unwrap();
    assert_eq!(role(&office), None);
    let log = office.read_log(&crate::desk::LogQuery { document: Some(annex.reference.clone()), ..Default::default() }).unwrap();
    assert!(log.iter().any(|line| line.why.as_deref().is_some_and(|why| why.contains("it lost what this is a part of"))), "{log:?}");

    let withdraw = StepRequest { reason: Some(Reason::Mistaken), ..StepRequest::default() };
    let withdrawn = office.step(&actor, &bulletin.reference, "withdraw", withdraw).unwrap();
    office.settle().unwrap();
    assert_eq!(withdrawn.state, "withdrawn");
    assert_eq!(open(&mut office, &annex.reference, "case").unwrap().state, "withdrawn");
    let late = DraftRequest {
        kind: "annex".to_owned(),
        assign: words(&["text=x"]),
        of: Some(bulletin.reference.clone()),
        ..DraftRequest::default()
    };
    assert!(office.draft(&actor, late).unwrap_err().to_string().contains("withdrawn"));
    let erased = office.erase(&actor, &bulletin.reference, ErasureRequest { why: Reason::Legal }).unwrap();
    assert_eq!(erased.annexes.len(), 1);
    office.settle().unwrap();
    assert!(open(&mut office, &annex.reference, "case").unwrap_err().to_string().contains("was erased"));
}
