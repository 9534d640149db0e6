//! The check for personal data: what is shared beside the mark, with whom, and what honest texts may be moved.

use super::*;
use crate::desk::{
    ApplyRequest, CircleRequest, Document, DraftChange, GrantRequest, ImportRequest, LogQuery, MembersRequest, Problem, RetentionRequest,
};
use serde_json::json;

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The draft of a bulletin for the police.
fn bulletin(office: &mut Office, description: &str) -> Document {
    let description = format!("description={description}");
    let mut assign = words(&["headline=Theft", "event=Theft", "category=Security", "severity=Minor", "urgency=Past"]);
    assign.extend(words(&["certainty=Observed", &description]));
    let marking = Some("CLEAR".to_owned());
    let request = DraftRequest { kind: "bulletin".to_owned(), assign, to: to("Police"), marking, ..DraftRequest::default() };
    office.draft(&Actor::default(), request).unwrap()
}

fn issue(office: &mut Office, reference: &str, request: StepRequest) -> Result<Document, Problem> {
    let issued = office.step(&Actor::default(), reference, "issue", request)?;
    office.settle().unwrap();
    Ok(issued)
}

fn moving() -> StepRequest {
    StepRequest { move_to_annex: true, ..StepRequest::default() }
}

fn checked(why: &str) -> StepRequest {
    StepRequest { personal_data_checked: Some(why.to_owned()), ..StepRequest::default() }
}

/// The draft of an annex to which words are moved.
fn moved(office: &mut Office, of: &str, these: &[&str], move_found: bool) -> Result<Document, Problem> {
    let (of, move_words) = (Some(of.to_owned()), words(these));
    let request = DraftRequest { kind: "annex".to_owned(), of, move_words, move_found, ..DraftRequest::default() };
    office.draft(&Actor::default(), request)
}

fn description(document: &Document) -> String {
    let fields = document.draft.as_ref().map_or(&document.fields, |draft| &draft.fields);
    fields["info"][0]["description"].as_str().unwrap().to_owned()
}

/// What the draft of the only annex says.
fn annex(office: &mut Office, whole: &Document) -> serde_json::Map<String, serde_json::Value> {
    let [line] = whole.annexes.as_slice() else { panic!("{:?}", whole.annexes) };
    office.document(&Actor::default(), &line.reference).unwrap().draft.unwrap().fields
}

#[test]
fn a_name_is_moved_whole_whatever_its_letters_and_spaces() {
    let (_folder, mut office, _) = office();
    let text = "Seen: Mr Jens Østergaard, Ms Anna de Souza, Mr Mohammed Abdul Rahman Khan, MR JOHN SMITH, Mr\u{a0}Brown on 07700.900.123";
    let draft = bulletin(&mut office, text);
    let issued = issue(&mut office, &draft.reference, moving()).unwrap();
    let mark = "[in the annex]";
    assert_eq!(description(&issued), format!("Seen: {mark}, {mark}, {mark}, {mark}, {mark} on {mark}"));
    let annex = annex(&mut office, &issued);
    let mut persons: Vec<_> = annex["persons"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    persons.sort_unstable();
    assert_eq!(persons, ["MR JOHN SMITH", "Mr Brown", "Mr Jens Østergaard", "Mr Mohammed Abdul Rahman Khan", "Ms Anna de Souza"]);
    assert_eq!(annex["telephones"], json!(["07700.900.123"]));
}

#[test]
fn a_step_that_moves_a_name_shares_nothing_while_a_word_of_it_stands_elsewhere() {
    let (_folder, mut office, _) = office();
    let draft = bulletin(&mut office, "Mr Quillon Byron drove. BYRON's van is brown; byronic poems lay in it.");
    let refused = issue(&mut office, &draft.reference, moving()).unwrap_err();
    let left: Vec<_> = refused.findings().iter().map(|found| (found.field.as_str(), found.words.as_str())).collect();
    assert_eq!(left, [("info[0].description", "BYRON")]);
    let told = refused.to_string();
    assert!(told.contains("nothing was shared") && told.contains("--move-found") && !told.contains("BYRON"), "{told}");
    assert!(office.documents(&Actor::default(), crate::desk::DocumentQuery::default()).unwrap().items.iter().all(|line| line.id.is_none()));
    // As it says: the draft of an annex takes both out, and the name is there whole.
    let annex = moved(&mut office, &draft.reference, &[], true).unwrap();
    assert_eq!(annex.draft.unwrap().fields["persons"], json!(["Mr Quillon Byron"]));
    let issued = issue(&mut office, &draft.reference, StepRequest::default()).unwrap();
    assert_eq!(description(&issued), "[in the annex] drove. [in the annex]'s van is brown; byronic poems lay in it.");
}

#[test]
fn what_runs_over_a_line_end_is_too_long_or_too_much_for_a_list_goes_to_the_annex_all_the_same() {
    let (_folder, mut office, _) = office();
    let draft = bulletin(&mut office, "He lives at 12 Acre Lane,\nLondon SW2 5SG with Mr\nQuillon Byron");
    let issued = issue(&mut office, &draft.reference, moving()).unwrap();
    let fields = annex(&mut office, &issued);
    assert_eq!((&fields["addresses"], &fields["persons"]), (&json!(["12 Acre Lane, London SW2 5SG"]), &json!(["Mr Quillon Byron"])));
    let numbers: Vec<String> = (0..250).map(|number| format!("07700 900{number:03}")).collect();
    let draft = bulletin(&mut office, &numbers.join("; "));
    let issued = issue(&mut office, &draft.reference, moving()).unwrap();
    let fields = annex(&mut office, &issued);
    assert_eq!(fields["telephones"].as_array().unwrap().len(), 200);
    assert!(fields["text"].as_str().unwrap().contains("07700 900249"), "{:?}", fields["text"]);
    let passage = format!("{} 07700 900123", "He hides behind the shop. ".repeat(100).trim());
    let draft = bulletin(&mut office, &format!("Theft. {passage}"));
    let annex = moved(&mut office, &draft.reference, &[&passage], false).unwrap();
    assert_eq!(annex.draft.unwrap().fields["text"], json!(passage));
}

#[test]
fn words_are_moved_as_whole_words_and_those_of_the_mark_too() {
    let (_folder, mut office, _) = office();
    let draft = bulletin(&mut office, "Ann sat in the Annual van. Joann knows.");
    moved(&mut office, &draft.reference, &["Ann"], false).unwrap();
    moved(&mut office, &draft.reference, &["in"], false).unwrap();
    let draft = office.document(&Actor::default(), &draft.reference).unwrap();
    assert_eq!(description(&draft), "[in the annex] sat [in the annex] the Annual van. Joann knows.");
    // Marks themselves are no words of it.
    for words in ["annex", "in the annex", "[in the annex]", "nnual"] {
        assert!(moved(&mut office, &draft.reference, &[words], false).unwrap_err().to_string().contains("are not in draft"), "{words}");
    }
}

#[test]
fn a_reason_for_dates_that_names_somebody_is_refused_with_what_to_do() {
    let (_folder, mut office, _) = office();
    let draft = bulletin(&mut office, "x");
    let issued = issue(&mut office, &draft.reference, StepRequest::default()).unwrap();
    let request = |why: &str| RetentionRequest { keep_months: Some(6), why: why.to_owned(), ..RetentionRequest::default() };
    let refused = office.set_retention(&Actor::default(), &issued.reference, request("Mr Quillon Byron stands trial")).unwrap_err();
    assert_eq!(refused.field(), Some("why"));
    assert!(refused.to_string().contains("by the number of a case"), "{refused}");
    office.set_retention(&Actor::default(), &issued.reference, request("trial in May, case 4411")).unwrap();
    assert!(!format!("{:?}", office.read_log(&LogQuery::default()).unwrap()).contains("Byron"));
}

#[test]
fn a_reason_for_one_audience_does_not_serve_for_somebody_new() {
    let (_folder, mut office, _) = office();
    let actor = Actor::default();
    let draft = bulletin(&mut office, "Mr Quillon Byron");
    let whole = issue(&mut office, &draft.reference, checked("for the police alone")).unwrap();
    let grant = |who: &str, role: Role, why: Option<&str>| GrantRequest {
        who: who.to_owned(),
        role: Some(role),
        until: None,
        personal_data_checked: why.map(str::to_owned),
    };
    for who in ["anyone", "Council"] {
        let refused = office.grant(&actor, &whole.reference, grant(who, Role::Read, None)).unwrap_err();
        assert_eq!((refused.status(), refused.findings().len()), (422, 1));
        assert!(refused.to_string().contains("--personal-data-checked"), "{refused}");
    }
    let named = office.grant(&actor, &whole.reference, grant("Council", Role::Read, Some("Mr Byron agreed"))).unwrap_err();
    assert_eq!(named.field(), Some("personalDataChecked"));
    // Whoever reads it already is nobody new, and who cannot read it neither.
    office.grant(&actor, &whole.reference, grant("Police", Role::Write, None)).unwrap();
    office.grant(&actor, &whole.reference, grant("Council", Role::Relay, None)).unwrap();
    // A step that names somebody new is asked the same, and moving does not help: it was shared.
    let wider = |request: StepRequest| StepRequest { assign: words(&["note=y"]), to: to("Council"), ..request };
    for request in [StepRequest::default(), moving()] {
        let refused = office.step(&actor, &whole.reference, "update", wider(request)).unwrap_err();
        assert_eq!(refused.findings().len(), 1, "{refused}");
    }
    // Circles too, with the command that does.
    office.create_circle(&actor, CircleRequest { name: "Ward".to_owned(), members: vec![] }).unwrap();
    office.grant(&actor, &whole.reference, grant("circle:Ward", Role::Read, None)).unwrap();
    office.change_circle(&actor, "Ward", MembersRequest { add: words(&["Council"]), remove: vec![] }).unwrap();
    let applied = office.apply_circle(&actor, "Ward", ApplyRequest { document: whole.reference.clone() }).unwrap();
    let [refused] = applied.refused.as_slice() else { panic!("{applied:?}") };
    let blocked = refused.blocked.clone().unwrap();
    assert!(blocked.remedy.contains("csu grant add --circle NAME"), "{blocked:?}");
    let reads = |office: &mut Office| {
        let council = office.find_organisation("Council").unwrap();
        office.access_of(&whole.id.unwrap()).unwrap().role_now(&council, now()) >= Some(Role::Read)
    };
    assert!(!reads(&mut office));
    office.grant(&actor, &whole.reference, grant("circle:Ward", Role::Read, Some("the ward works on it"))).unwrap();
    office.settle().unwrap();
    assert!(reads(&mut office));
    let log = office.read_log(&LogQuery::default()).unwrap();
    assert!(log.iter().any(|line| line.why.as_deref() == Some("the ward works on it")), "{log:?}");
    office.step(&actor, &whole.reference, "update", wider(StepRequest::default())).unwrap();
}

#[test]
fn what_is_typed_where_programs_read_and_who_sent_an_imported_alert_is_found() {
    let (_folder, mut office, _) = office();
    let actor = Actor::default();
    let draft = bulletin(&mut office, "x");
    let assign = words(&["origin=Mr Quillon Byron 07700 900123", "code=Mr Zed Marchpane", "code+=ABC 123D"]);
    let refused = issue(&mut office, &draft.reference, StepRequest { assign, ..StepRequest::default() }).unwrap_err();
    let mut found: Vec<_> = refused.findings().iter().map(|found| (found.field.as_str(), found.words.as_str())).collect();
    found.sort_unstable();
    assert_eq!(found, [("code", "Mr Zed Marchpane"), ("origin", "07700 900123"), ("origin", "Mr Quillon Byron")]);
    let bytes = include_bytes!("../../../../tests/data/cap/brixton-burglary.cap").to_vec();
    let imported = office.import_cap(&actor, ImportRequest { name: None, bytes }).unwrap().document;
    let refused = issue(&mut office, &imported.reference, StepRequest { to: to("Police"), ..StepRequest::default() }).unwrap_err();
    let found: Vec<_> = refused.findings().iter().map(|found| (found.field.as_str(), found.words.as_str())).collect();
    assert!(found.contains(&("origin", "warnings@brixton-csu.example")), "{found:?}");
}

#[test]
fn words_that_were_shared_are_not_moved_out_of_the_draft_of_a_next_version() {
    let (_folder, mut office, _) = office();
    let actor = Actor::default();
    let draft = bulletin(&mut office, "Mr Quillon Byron");
    let whole = issue(&mut office, &draft.reference, checked("he agreed")).unwrap();
    let assign = words(&["note=Ask Ms Zephyrine Marchpane."]);
    office.edit(&actor, &whole.reference, DraftChange { assign, ..DraftChange::default() }).unwrap();
    for (these, found) in [(&[][..], true), (&["Quillon"][..], false)] {
        let refused = moved(&mut office, &whole.reference, these, found).unwrap_err().to_string();
        assert!(refused.contains("stay in the history") && refused.contains("csu erase") && refused.contains("anew"), "{refused}");
    }
    // What is new in the draft is.
    let annex = moved(&mut office, &whole.reference, &["Ms Zephyrine Marchpane"], false).unwrap();
    assert_eq!(annex.draft.unwrap().fields["persons"], json!(["Ms Zephyrine Marchpane"]));
}
