//! Lists that are narrowed by what documents say, and who is told that they changed.

use super::*;
use crate::desk::{Changes, DocumentQuery, News};
use serde_json::json;

fn query(of: serde_json::Value) -> DocumentQuery {
    serde_json::from_value(of).unwrap()
}

fn bulletin(office: &mut Office, headline: &str, category: &str, severity: &str, area: &str) -> crate::desk::Document {
    let assign = [
        format!("headline={headline}"),
        "event=Theft".to_owned(),
        "category=Security".to_owned(),
        format!("policeCategory={category}"),
        format!("severity={severity}"),
        "urgency=Past".to_owned(),
        "certainty=Observed".to_owned(),
        format!("areaDesc={area}"),
    ];
    let request = DraftRequest { kind: "bulletin".to_owned(), assign: assign.to_vec(), to: to("Police"), ..DraftRequest::default() };
    office.draft(&Actor::default(), request).unwrap()
}

fn issue(office: &mut Office, headline: &str, category: &str, severity: &str, area: &str) {
    let draft = bulletin(office, headline, category, severity, area);
    let request = StepRequest { personal_data_checked: Some("a test".to_owned()), ..StepRequest::default() };
    office.step(&Actor::default(), &draft.reference, "issue", request).unwrap();
    office.settle().unwrap();
}

fn titles(office: &mut Office, of: serde_json::Value) -> Vec<String> {
    let page = office.documents(&Actor::default(), query(of)).unwrap();
    let mut titles: Vec<String> = page.items.into_iter().map(|line| line.title).collect();
    titles.sort();
    titles
}

fn filled() -> (tempfile::TempDir, Office) {
    let (folder, mut office, _) = office();
    issue(&mut office, "Bikes", "bicycle-theft", "Minor", "Quillonbury Road");
    issue(&mut office, "Sheds", "burglary", "Severe", "Mill Lane");
    issue(&mut office, "Lead", "burglary", "Moderate", "Mill Road");
    (folder, office)
}

fn check(office: &mut Office) {
    assert_eq!(titles(office, json!({"category": "Burglary"})), ["Lead", "Sheds"]);
    assert_eq!(titles(office, json!({"category": "bicycle theft"})), ["Bikes"]);
    assert_eq!(titles(office, json!({"severity": "moderate"})), ["Lead", "Sheds"]);
    assert_eq!(titles(office, json!({"severity": "Extreme"})), Vec::<String>::new());
    assert_eq!(titles(office, json!({"area": "ROAD", "kind": "bulletin"})), ["Bikes", "Lead"]);
    assert_eq!(titles(office, json!({"area": "mill road", "severity": "Minor", "category": "burglary"})), ["Lead"]);
    assert_eq!(titles(office, json!({"area": "mill", "search": "sheds"})), ["Sheds"]);
    assert_eq!(titles(office, json!({"from": "Brixton"})).len(), 3);
    assert_eq!(titles(office, json!({"from": "Police"})), Vec::<String>::new());
    assert_eq!(titles(office, json!({"since": "2999-01-01T00:00:00+00:00"})), Vec::<String>::new());
    assert_eq!(titles(office, json!({"since": "1999-01-01T00:00:00+00:00"})).len(), 3);
    assert_eq!(titles(office, json!({"unread": true})), Vec::<String>::new());
}

#[test]
fn bulletins_are_listed_by_category_severity_place_owner_and_time_and_all_that_together() {
    let (_folder, mut office) = filled();
    check(&mut office);
    let counted = |office: &mut Office, of| office.documents(&Actor::default(), query(of)).unwrap().count.unwrap().to_string();
    assert_eq!(counted(&mut office, json!({"count": true, "limit": 1})), "3");
    // What is being written is found by what it says so far, but not by others' names.
    bulletin(&mut office, "Vans", "vehicle-crime", "Severe", "Mill Road");
    assert_eq!(titles(&mut office, json!({"severity": "Severe"})), ["Sheds", "Vans"]);
    assert_eq!(titles(&mut office, json!({"area": "mill road", "state": "draft"})), ["Vans"]);
    assert_eq!(titles(&mut office, json!({"severity": "Severe", "from": "Police"})), Vec::<String>::new());
    assert_eq!(counted(&mut office, json!({"count": true, "area": "mill road"})), "2");
}

#[test]
fn what_cannot_be_listed_by_is_refused_with_what_can() {
    let (_folder, mut office, _) = office();
    let mut refused = |of: serde_json::Value| office.documents(&Actor::default(), query(of)).unwrap_err().to_string();
    for (of, said) in [
        (json!({"severity": "terrible"}), "Moderate"),
        (json!({"kind": "guide", "severity": "Severe"}), "another kind"),
        (json!({"category": " - "}), "burglary"),
        (json!({"area": "a b c d e f g h i"}), "1 to 8 words"),
        (json!({"from": "Nobody CSU"}), "csu peer list"),
        (json!({"kind": "poem"}), "bulletin"),
    ] {
        let problem = refused(of.clone());
        assert!(problem.contains(said), "{of}: {problem}");
    }
}

#[test]
fn under_sealed_keys_lists_are_narrowed_alike_and_no_word_of_a_place_or_category_is_on_the_disk() {
    let (folder, mut office) = filled();
    let holds = |word: &str| {
        let files = std::fs::read_dir(folder.path()).unwrap();
        files.map(|file| std::fs::read(file.unwrap().path()).unwrap_or_default()).any(|bytes| {
            let bytes = bytes.to_ascii_lowercase();
            bytes.windows(word.len()).any(|window| window == word.as_bytes())
        })
    };
    assert!(holds("quillonbury") && holds("burglary"));
    office.showing.titles_alone = true;
    assert!(office.storage.search_titles_alone(true).unwrap());
    office.settle().unwrap();
    super::showing::work(&mut office);
    office.storage.rewrite().unwrap();
    assert!(office.storage.empty_log().unwrap());
    let drafts_are_closed = office.storage.open_drafts().unwrap().is_empty();
    assert!(drafts_are_closed && !holds("quillonbury") && !holds("burglary"));
    check_without_search(&mut office);
}

fn check_without_search(office: &mut Office) {
    assert_eq!(titles(office, json!({"category": "Burglary"})), ["Lead", "Sheds"]);
    assert_eq!(titles(office, json!({"severity": "moderate"})), ["Lead", "Sheds"]);
    assert_eq!(titles(office, json!({"area": "mill road", "severity": "Minor"})), ["Lead"]);
    assert_eq!(titles(office, json!({"area": "lane", "category": "bicycle-theft"})), Vec::<String>::new());
}

#[tokio::test]
async fn a_change_is_told_once_it_is_on_the_disk_and_one_that_failed_never_is() {
    let (_folder, mut office, _) = office();
    let changes = Changes::default();
    office.tell_changes_to(changes.clone());
    let mut listener = changes.listen();
    let draft = bulletin(&mut office, "Bikes", "drugs", "Minor", "Mill Road");
    assert!(futures::FutureExt::now_or_never(listener.next()).is_none(), "nothing is on the disk yet");
    office.settle().unwrap();
    let News::Change(change) = listener.next().await.unwrap() else { panic!() };
    assert!(change.drafts && change.documents.is_empty());
    let request = StepRequest { personal_data_checked: Some("a test".to_owned()), ..StepRequest::default() };
    let issued = office.step(&Actor::default(), &draft.reference, "issue", request).unwrap();
    office.settle().unwrap();
    let News::Change(change) = listener.next().await.unwrap() else { panic!() };
    let told: Vec<_> = change.documents.iter().map(|document| (Some(document.id), document.kind.as_str(), document.own)).collect();
    assert_eq!(told, [(issued.id, "bulletin", true)]);
    // Dropped with the group that it was in.
    office.document(&Actor::default(), &issued.reference).unwrap();
    office.draft(&Actor::default(), DraftRequest { kind: "guide".to_owned(), ..DraftRequest::default() }).unwrap();
    office.rebuild().unwrap();
    office.settle().unwrap();
    let rest = std::iter::from_fn(|| futures::FutureExt::now_or_never(listener.next()).flatten());
    for news in rest.collect::<Vec<_>>() {
        assert!(matches!(&news, News::Change(change) if !change.drafts && change.documents.is_empty()), "{news:?}");
    }
}
