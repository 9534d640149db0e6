//! Lists and search behind what is kept.

use super::*;
use crate::desk::{DocumentQuery, ErasureRequest};
use crate::storage::Beside;
use csu_protocol::entry::Reason;
use csu_protocol::id::DocumentId;

const MANY: usize = 6;

/// An office with guides of its own, and one that has them as if a neighbour had just brought them all.
fn with_guides() -> (tempfile::TempDir, Office, Vec<DocumentId>) {
    let (folder, mut office, _) = office();
    let actor = Actor::default();
    let mut guides = Vec::new();
    for number in 0..MANY {
        let assign = [format!("title=Gates {number}"), format!("problem=Alley{number}"), "summary=Hinges".to_owned()];
        let assign = [assign.to_vec(), vec!["evidenceBasis=claim".to_owned()]].concat();
        let request = DraftRequest { kind: "guide".to_owned(), assign, to: to("Police"), ..DraftRequest::default() };
        let draft = office.draft(&actor, request).unwrap();
        guides.push(office.step(&actor, &draft.reference, "publish", StepRequest::default()).unwrap().id.unwrap());
        office.settle().unwrap();
    }
    office.storage.clear_listing().unwrap();
    come(&mut office, &guides);
    // More may be coming: what they need comes first.
    assert!(office.next_work(1).unwrap().is_none() && office.show_in().unwrap() <= std::time::Duration::from_millis(50));
    office.let_calm_return();
    (folder, office, guides)
}

fn come(office: &mut Office, guides: &[DocumentId]) {
    for guide in guides {
        office.change(*guide, Haste::Bulk);
    }
    office.settle().unwrap();
}

/// The titles that a search finds; all that are listed if it is for nothing.
fn found(office: &mut Office, search: &str) -> Vec<String> {
    let search = (!search.is_empty()).then(|| search.to_owned());
    let page = office.documents(&Actor::default(), DocumentQuery { search, ..DocumentQuery::default() }).unwrap();
    let mut titles: Vec<String> = page.items.into_iter().map(|line| line.title).collect();
    titles.sort();
    titles
}

pub(super) fn work(office: &mut Office) {
    while let Some(work) = office.next_work(1).unwrap() {
        office.take_made(work.run());
        office.settle().unwrap();
    }
}

#[test]
fn documents_that_come_together_are_kept_at_once_and_listed_and_found_soon_also_after_a_crash() {
    let (folder, mut office, guides) = with_guides();
    assert!(found(&mut office, "").is_empty());
    assert_eq!(office.report().unwrap().to_be_listed, MANY as u64);
    // Who names one sees it as it is.
    assert_eq!(office.document(&Actor::default(), &guides[2].to_string()).unwrap().title, "Gates 2");
    office.settle().unwrap();
    assert_eq!(found(&mut office, ""), ["Gates 2"]);
    let begun = office.next_work(1).unwrap();
    assert!(begun.is_some() && office.next_work(1).unwrap().is_none(), "no more than one batch at a time");
    drop((begun, office));
    let mut office = opened(folder.path(), Storage::open(folder.path(), Options::default()).unwrap().storage);
    work(&mut office);
    assert_eq!((found(&mut office, "").len(), found(&mut office, "alley3 gates")), (MANY, vec!["Gates 3".to_owned()]));
    assert_eq!(found(&mut office, "ALLEY*").len(), MANY);
    assert_eq!(office.report().unwrap().to_be_listed, 0);
}

#[test]
fn a_few_documents_that_come_are_listed_in_the_commit_that_keeps_them() {
    let (_folder, mut office, guides) = with_guides();
    work(&mut office);
    office.storage.clear_listing().unwrap();
    come(&mut office, &guides[..2]);
    assert_eq!(found(&mut office, "hinges"), ["Gates 0", "Gates 1"]);
}

#[test]
fn what_waits_for_its_content_from_a_neighbour_that_is_never_caught_up_with_is_listed_after_a_while() {
    let (_folder, mut office, guides) = with_guides();
    work(&mut office);
    let key = DeviceKey::from_seed(&[3; 32]);
    let card = SignedCard::sign(&RootKey::from_secret([3; 32]), 0, key.device(), Name::new("Police").unwrap(), OrganisationKind::Other);
    let session = SessionNumber::new(1);
    let ticket = csu_protocol::identity::Ticket {
        organisation: card.card().organisation,
        device: key.device(),
        addresses: Vec::new(),
        secret: csu_protocol::identity::InvitationSecret::from_bytes([6; 32]),
        expires: now().plus_ms(60_000),
    };
    office.join(&Actor::default(), crate::desk::JoinRequest { ticket: ticket.to_string() }).unwrap();
    office.settle().unwrap();
    let address = "/ip4/127.0.0.1/tcp/1".to_owned();
    office.take(Arrival::Event(Event::Connected { device: key.device(), session, address, direction: Direction::Accepted }));
    office.settle().unwrap();
    let hello = Message::Hello { card, addresses: None, confirmed: true };
    office.take(Arrival::Frame(key.device(), session, 0, Ok(Box::new(hello))));
    office.settle().unwrap();
    let request = crate::desk::ConfirmRequest { number: None };
    office.confirm_peer(&Actor::default(), "Police", request).unwrap();
    office.settle().unwrap();
    assert_eq!(office.machine.catching_up().count(), 1, "it says nothing more");

    office.storage.clear_listing().unwrap();
    office.storage.mark_stale(&guides[0], true).unwrap();
    office.await_content();
    let listed = |office: &mut Office| {
        office.tick();
        office.settle().unwrap();
        work(office);
        found(office, "").len()
    };
    assert_eq!(listed(&mut office), 0, "its content may still come");
    office.let_patience_end();
    assert_eq!(listed(&mut office), 1);
    assert_eq!(office.machine.catching_up().count(), 1);
}

#[test]
fn when_the_node_stops_no_further_document_of_a_batch_is_begun_and_all_of_it_is_made_after_the_next_start() {
    let (folder, mut office, _) = with_guides();
    let begun = office.next_work(1).unwrap().unwrap();
    office.stop_work();
    assert!(format!("{:?}", begun.run()).starts_with("Made { of: [],"), "a document was begun");
    office.close().unwrap();
    let mut office = opened(folder.path(), Storage::open(folder.path(), Options::default()).unwrap().storage);
    work(&mut office);
    assert_eq!(found(&mut office, "").len(), MANY);
}

#[test]
fn what_was_made_of_a_document_before_it_changed_replaces_nothing() {
    let (_folder, mut office, guides) = with_guides();
    let actor = Actor::default();
    let early = office.next_work(1).unwrap().unwrap().run();
    let change = StepRequest { assign: vec!["title=Newer".to_owned()], ..StepRequest::default() };
    let verb =
        office.show_document(&guides[0]).unwrap().steps.iter().find(|verb| *verb != "withdraw" && *verb != "retire").unwrap().clone();
    office.step(&actor, &guides[0].to_string(), &verb, change).unwrap();
    office.settle().unwrap();
    office.take_made(early);
    office.settle().unwrap();
    work(&mut office);
    assert_eq!((found(&mut office, "newer").len(), found(&mut office, "\"gates 0\"").len()), (1, 0));
}

/// Has a guide be given another title, as whoever asks has it done, and says what the answer is.
fn retitle(office: &mut Office, guide: &DocumentId, title: &str) -> Result<crate::desk::Document, crate::desk::Problem> {
    let steps = office.show_document(guide).unwrap().steps;
    let verb = steps.into_iter().find(|verb| verb != "withdraw" && verb != "retire").unwrap();
    let (guide, assign) = (guide.to_string(), vec![format!("title={title}")]);
    let (tell, told) = std::sync::mpsc::channel();
    let job: crate::desk::Job = Box::new(move |desk| {
        let outcome = desk.step(&Actor::default(), &guide, &verb, StepRequest { assign, ..StepRequest::default() });
        Box::new(move |committed| tell.send(outcome.and_then(|document| committed.map(|()| document))).unwrap())
    });
    office.answer(job).unwrap();
    told.recv().unwrap()
}

/// Lists cannot be written.
const FULL: &str = "CREATE TRIGGER full BEFORE INSERT ON listing BEGIN SELECT RAISE(FAIL, 'full'); END";

#[test]
fn what_was_made_of_a_document_before_a_step_went_out_replaces_nothing_though_all_else_of_the_step_failed() {
    let (_folder, mut office, guides) = with_guides();
    let early = office.next_work(1).unwrap().unwrap().run();
    let steps = office.show_document(&guides[0]).unwrap().steps;
    let verb = steps.into_iter().find(|verb| verb != "withdraw" && verb != "retire").unwrap();
    let change = StepRequest { assign: vec!["title=Newer".to_owned()], ..StepRequest::default() };
    office.step(&Actor::default(), &guides[0].to_string(), &verb, change).unwrap();
    office.rebuild().unwrap();
    office.take_made(early);
    office.settle().unwrap();
    office.let_calm_return();
    work(&mut office);
    assert_eq!((found(&mut office, "newer").len(), found(&mut office, "\"gates 0\"").len()), (1, 0));
}

#[test]
fn what_a_step_signed_is_listed_once_and_is_no_news_after_the_node_died_right_after_it_went_out() {
    let (folder, mut office, guides) = with_guides();
    work(&mut office);
    let actor = Actor::default();
    let assign = ["title=Locks", "problem=Alleys", "summary=Bolts", "evidenceBasis=claim"].map(str::to_owned).to_vec();
    let request = DraftRequest { kind: "guide".to_owned(), assign, to: to("Police"), ..DraftRequest::default() };
    let draft = office.draft(&actor, request).unwrap();
    office.settle().unwrap();
    let begun = office.step(&actor, &draft.reference, "publish", StepRequest::default()).unwrap().id.unwrap();
    drop(office);
    let mut office = opened(folder.path(), Storage::open(folder.path(), Options::default()).unwrap().storage);
    let change = StepRequest { assign: vec!["title=Newer".to_owned()], ..StepRequest::default() };
    office.step(&actor, &guides[0].to_string(), "publish", change).unwrap();
    drop(office);
    let mut office = opened(folder.path(), Storage::open(folder.path(), Options::default()).unwrap().storage);
    work(&mut office);
    let page = office.documents(&actor, DocumentQuery::default()).unwrap();
    assert!(page.items.iter().all(|line| line.unread == Some(false) && line.id.is_some()), "a draft is left, or there is news");
    assert_eq!((found(&mut office, "").len(), found(&mut office, "bolts").len()), (MANY + 1, 1));
    assert_eq!((found(&mut office, "newer").len(), found(&mut office, "\"gates 0\"").len()), (1, 0));
    let revisions = |office: &mut Office, document: &DocumentId| office.open_document(document).unwrap().opened.revisions.len();
    assert_eq!((revisions(&mut office, &begun), revisions(&mut office, &guides[0])), (1, 2));
}

#[test]
fn who_asked_for_a_step_that_went_out_is_told_that_it_is_done_although_it_cannot_be_listed_or_shown() {
    let (folder, mut office, guides) = with_guides();
    work(&mut office);
    beside(&folder).execute_batch(FULL).unwrap();
    assert_eq!(retitle(&mut office, &guides[0], "Newer").unwrap().title, "Newer");
    beside(&folder).execute_batch("DROP TRIGGER full").unwrap();
    office.let_calm_return();
    work(&mut office);
    assert_eq!(found(&mut office, "newer").len(), 1);
    // Where it cannot be read again, that is said, and that it is done.
    let damage = "CREATE TRIGGER damage AFTER INSERT ON stale BEGIN UPDATE entry SET short = short + 1 WHERE document = NEW.document; END";
    beside(&folder).execute_batch(damage).unwrap();
    let problem = retitle(&mut office, &guides[1], "Newest").unwrap_err().to_string();
    assert!(problem.contains("done and sent"), "{problem}");
}

#[test]
fn a_step_that_cannot_go_out_is_not_done_and_a_node_that_cannot_read_what_is_on_its_disk_then_ends() {
    let (folder, mut office, guides) = with_guides();
    work(&mut office);
    let full = "CREATE TRIGGER full BEFORE INSERT ON stale BEGIN SELECT RAISE(FAIL, 'full'); END";
    beside(&folder).execute_batch(full).unwrap();
    retitle(&mut office, &guides[0], "Newer").unwrap_err();
    office.settle().unwrap();
    assert_eq!(office.show_document(&guides[0]).unwrap().title, "Gates 0");
    beside(&folder).execute("UPDATE card SET card = x'00'", []).unwrap();
    let steps = office.show_document(&guides[0]).unwrap().steps;
    let (guide, verb) = (guides[0].to_string(), steps.into_iter().find(|verb| verb != "withdraw" && verb != "retire").unwrap());
    let newer = StepRequest { assign: vec!["title=Newer".to_owned()], ..StepRequest::default() };
    let job: crate::desk::Job = Box::new(move |desk| {
        desk.step(&Actor::default(), &guide, &verb, newer).unwrap_err();
        Box::new(|_| {})
    });
    assert!(office.answer(job).is_err(), "memory knows more than the disk, and the node goes on");
}

#[test]
fn what_was_made_of_a_document_before_it_was_erased_is_dropped() {
    let (folder, mut office, guides) = with_guides();
    let early = office.next_work(1).unwrap().unwrap().run();
    office.erase(&Actor::default(), &guides[1].to_string(), ErasureRequest { why: Reason::Legal }).unwrap();
    office.settle().unwrap();
    office.take_made(early);
    office.settle().unwrap();
    work(&mut office);
    assert!(found(&mut office, "alley1").is_empty() && found(&mut office, "alley2").len() == 1);
    let said = |word: &str| {
        let files = std::fs::read_dir(folder.path()).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
        files.into_iter().any(|bytes| bytes.windows(word.len()).any(|part| part == word.as_bytes()))
    };
    assert!(said("Alley2") && !said("Alley1") && !said("Gates 1"));
    // And what is begun after it was.
    office.storage.mark_stale(&guides[1], false).unwrap();
    office.outdate(&guides[1]);
    office.settle().unwrap();
    work(&mut office);
    assert!(found(&mut office, "alley1").is_empty());
}

#[test]
fn what_cannot_be_read_now_is_tried_again_and_not_at_once() {
    let (_folder, mut office, _) = with_guides();
    let work_of = office.next_work(1).unwrap().unwrap();
    assert!(Beside::open(std::path::Path::new("/nonexistent")).is_err());
    office.take_made(work_of.somewhere_else("/nonexistent").run());
    office.settle().unwrap();
    assert!(office.next_work(1).unwrap().is_none() && office.show_in().is_some());
    assert_eq!(office.report().unwrap().to_be_listed, MANY as u64);
}

/// A database connection beside the office's.
fn beside(folder: &tempfile::TempDir) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.path().join("node.sqlite")).unwrap()
}

/// More guides than one batch takes, to be listed, and a last one behind them.
fn with_more_than_a_batch() -> (tempfile::TempDir, Office, Vec<DocumentId>, DocumentId) {
    let (folder, mut office, mut guides) = with_guides();
    for number in 0..30 {
        let assign = [&format!("title=More {number}"), "problem=Alleys", "summary=Hinges", "evidenceBasis=claim"].map(str::to_owned);
        let request = DraftRequest { kind: "guide".to_owned(), assign: assign.to_vec(), to: to("Police"), ..DraftRequest::default() };
        let draft = office.draft(&Actor::default(), request).unwrap();
        guides.push(office.step(&Actor::default(), &draft.reference, "publish", StepRequest::default()).unwrap().id.unwrap());
        office.settle().unwrap();
    }
    office.storage.clear_listing().unwrap();
    come(&mut office, &guides);
    office.let_calm_return();
    let last = guides.pop().unwrap();
    (folder, office, guides, last)
}

#[test]
fn documents_that_cannot_be_read_keep_no_others_from_being_listed() {
    let (folder, mut office, guides, last) = with_more_than_a_batch();
    for guide in &guides {
        let damage = "UPDATE entry SET short = short + 1 WHERE document = (SELECT key FROM document WHERE id = ?1)";
        beside(&folder).execute(damage, [guide.as_bytes()]).unwrap();
    }
    for _ in 0..4 {
        work(&mut office);
        office.let_calm_return();
    }
    assert!(office.storage.listed(&last).unwrap().is_some());
    assert_eq!(office.report().unwrap().to_be_listed, guides.len() as u64);
    // They are tried again, and not at once.
    work(&mut office);
    assert!(office.next_work(1).unwrap().is_none() && office.show_in().is_some());
}

#[test]
fn a_document_that_cannot_be_read_is_tried_again_less_and_less_often_and_others_do_not_wait_for_it() {
    let (folder, mut office, guides) = with_guides();
    let damage = |by: &str| {
        let sql = format!("UPDATE entry SET short = short {by} 1 WHERE document = (SELECT key FROM document WHERE id = ?1)");
        beside(&folder).execute(&sql, [guides[0].as_bytes()]).unwrap();
    };
    damage("+");
    work(&mut office);
    let mut rests = Vec::new();
    for _ in 0..12 {
        assert!(office.next_work(1).unwrap().is_none() && office.show_in().is_some());
        let rest = office.let_rest_end();
        rests.push((rest.len(), rest[0].as_secs_f32().round()));
        office.let_calm_return();
        work(&mut office);
    }
    let seconds = [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0, 1280.0, 2560.0, 3600.0, 3600.0];
    assert_eq!(rests, seconds.map(|seconds| (1, seconds)));
    // What comes meanwhile is listed at once.
    office.storage.mark_stale(&guides[1], false).unwrap();
    office.outdate(&guides[1]);
    office.settle().unwrap();
    work(&mut office);
    assert_eq!(office.report().unwrap().to_be_listed, 1);
    damage("-");
    office.let_rest_end();
    work(&mut office);
    assert_eq!((office.report().unwrap().to_be_listed, office.show_in()), (0, None));
}

#[test]
fn a_document_that_could_not_be_read_and_was_listed_otherwise_meanwhile_keeps_nobody_awake() {
    let (folder, mut office, guides) = with_guides();
    let damage = |by: &str| {
        let sql = format!("UPDATE entry SET short = short {by} 1 WHERE document = (SELECT key FROM document WHERE id = ?1)");
        beside(&folder).execute(&sql, [guides[0].as_bytes()]).unwrap();
    };
    damage("+");
    work(&mut office);
    damage("-");
    office.document(&Actor::default(), &guides[0].to_string()).unwrap();
    office.settle().unwrap();
    assert_eq!((office.report().unwrap().to_be_listed, found(&mut office, "\"gates 0\"").len()), (0, 1));
    office.let_calm_return();
    office.let_rest_end();
    work(&mut office);
    assert_eq!(office.show_in(), None);
}

#[test]
fn while_a_document_that_could_not_be_read_is_read_again_nobody_is_kept_awake() {
    let (folder, mut office, guides) = with_guides();
    let damage = "UPDATE entry SET short = short + 1 WHERE document = (SELECT key FROM document WHERE id = ?1)";
    beside(&folder).execute(damage, [guides[0].as_bytes()]).unwrap();
    work(&mut office);
    office.let_calm_return();
    office.let_rest_end();
    let begun = office.next_work(2).unwrap();
    assert!(begun.is_some() && office.next_work(2).unwrap().is_none());
    assert_eq!(office.show_in(), None);
}

#[test]
fn when_lists_cannot_be_written_the_node_is_built_anew_less_and_less_often() {
    let (folder, mut office, _) = with_guides();
    beside(&folder).execute_batch(FULL).unwrap();
    let mut rests = Vec::new();
    for _ in 0..9 {
        let made = office.next_work(1).unwrap().unwrap().run();
        office.take_made(made);
        office.settle().unwrap_err();
        rests.push(office.show_in().unwrap().as_secs_f32().round());
        office.let_calm_return();
    }
    assert_eq!(rests, [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 600.0, 600.0]);
    beside(&folder).execute_batch("DROP TRIGGER full").unwrap();
    work(&mut office);
    assert_eq!(office.report().unwrap().to_be_listed, 0);
    office.rest_from_showing();
    assert!(office.show_in().unwrap() <= std::time::Duration::from_secs(5), "what went well is not remembered");
}

#[test]
fn documents_that_change_all_the_time_keep_no_others_from_being_listed() {
    let (_folder, mut office, guides, last) = with_more_than_a_batch();
    for _ in 0..4 {
        if let Some(work) = office.next_work(1).unwrap() {
            let made = work.run();
            come(&mut office, &guides);
            office.take_made(made);
            office.settle().unwrap();
        }
        office.let_calm_return();
    }
    assert!(office.storage.listed(&last).unwrap().is_some());
}

#[test]
fn what_somebody_here_has_looked_at_is_no_news_once_its_line_is_made_anew() {
    let (folder, office, guides) = with_guides();
    office.close().unwrap();
    let db = beside(&folder);
    db.execute("INSERT INTO bringer (organisation) VALUES (?1)", [[3_u8; 32]]).unwrap();
    db.execute("UPDATE entry SET bringer = last_insert_rowid()", []).unwrap();
    drop(db);
    let mut office = opened(folder.path(), Storage::open(folder.path(), Options::default()).unwrap().storage);
    work(&mut office);
    let unread = |office: &mut Office| {
        let page = office.documents(&Actor::default(), DocumentQuery::default()).unwrap();
        page.items.iter().filter(|line| line.unread == Some(true)).count()
    };
    assert_eq!(unread(&mut office), MANY);
    for guide in &guides[1..] {
        office.document(&Actor::default(), &guide.to_string()).unwrap();
        office.settle().unwrap();
    }
    assert_eq!(unread(&mut office), 1);
    // As a new version of the database has it.
    for guide in &guides {
        office.storage.mark_stale(guide, false).unwrap();
        office.outdate(guide);
    }
    office.settle().unwrap();
    work(&mut office);
    assert_eq!(unread(&mut office), 1);
}
