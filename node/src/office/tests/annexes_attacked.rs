//! Annexes where somebody lies, and where things cross.

use super::*;
use crate::desk::{
    ApplyRequest, CircleRequest, Document, DocumentQuery, DraftChange, ErasureRequest, GrantRequest, LogLine, LogQuery, MembersRequest,
    OpeningRequest, PendingQuery, RetentionRequest, RevocationRequest,
};
use crate::storage::Listed;
use csu_protocol::document::{Content, Kind, Marking, Wanted, kind};
use csu_protocol::entry::{Reason, Remark, ResponsePayload, RevisionPayload};
use csu_protocol::reading;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn to_as(who: &str, role: Role) -> Recipient {
    Recipient { who: who.to_owned(), role: Some(role), until: None }
}

/// A bulletin that was issued to these.
fn issued(office: &mut Office, to: Vec<Recipient>) -> Document {
    let assign =
        words(&["headline=Van seen", "event=Theft", "category=Security", "severity=Minor", "urgency=Past", "certainty=Observed", "note=x"]);
    let marking = Some("AMBER".to_owned());
    let request = DraftRequest { kind: "bulletin".to_owned(), assign, to, marking, ..DraftRequest::default() };
    let draft = office.draft(&Actor::default(), request).unwrap();
    let issued = office.step(&Actor::default(), &draft.reference, "issue", StepRequest::default()).unwrap();
    office.settle().unwrap();
    issued
}

/// The draft of an annex.
fn annex_of(office: &mut Office, of: &str) -> Document {
    let assign = words(&["text=Zephyrine"]);
    let request = DraftRequest { kind: "annex".to_owned(), assign, of: Some(of.to_owned()), ..DraftRequest::default() };
    office.draft(&Actor::default(), request).unwrap()
}

/// An annex that was issued to these.
fn annexed(office: &mut Office, of: &str, to: Vec<Recipient>) -> Document {
    let annex = annex_of(office, of);
    let issued = office.step(&Actor::default(), &annex.reference, "issue", StepRequest { to, ..StepRequest::default() }).unwrap();
    office.settle().unwrap();
    issued
}

fn wanted(kind: &str, marking: Marking, state: &str, fields: &Value) -> Wanted {
    let kind: &'static Kind = kind::find(kind).unwrap();
    Wanted { kind, marking, state: Some(state.to_owned()), fields: kind.check(fields.as_object().unwrap()).unwrap() }
}

fn wanted_annex(part_of: &DocumentId, text: &str) -> Wanted {
    wanted("annex", Marking::Red, "issued", &json!({ "isPartOf": part_of.to_string(), "text": text }))
}

/// The police, of the key of 3s, who act in a document.
fn police_in(key: &DeviceKey, police: OrganisationId, document: DocumentId) -> Acting<'_> {
    Acting { organisation: police, signer: Signer::Device(key), under: Some(document.into()) }
}

/// A document that the police begin, sealed for whoever has a role: what it says follows.
fn begun_by_police(office: &mut Office, police: OrganisationId, grants: Vec<Grant>, seed: u8) -> DocumentId {
    let key = DeviceKey::from_seed(&[3; 32]);
    let genesis = author::genesis(police, Signer::Device(&key), grants, &mut Entropy::from_seed([seed; 32])).unwrap();
    let document = genesis.document();
    publish(office, vec![genesis]);
    document
}

/// What the police say in a document of theirs.
fn police_say(office: &mut Office, police: OrganisationId, document: DocumentId, wanted: &Wanted) {
    let key = DeviceKey::from_seed(&[3; 32]);
    let (acting, entropy) = (police_in(&key, police, document), &mut Entropy::from_seed([9; 32]));
    let audience = reading::audience(&office.access_of(&document).unwrap(), office.machine.directory(), now());
    let (epoch, epoch_key) = author::key(&office.access_of(&document).unwrap(), &acting, &audience, &[], entropy).unwrap();
    let id = epoch.id();
    publish(office, vec![epoch]);
    say(office, &acting, document, (id, &epoch_key), wanted);
}

/// Publishes a first version, whatever there is already.
fn say(office: &mut Office, acting: &Acting<'_>, document: DocumentId, epoch: (EntryId, &csu_protocol::entry::EpochKey), wanted: &Wanted) {
    let change = Content::default().revise(&document, &[], wanted).unwrap();
    let payload = RevisionPayload { at: now(), person: None, change: change.bytes().to_vec() };
    let access = office.access_of(&document).unwrap();
    let revision = author::revision(&access, acting, epoch, vec![], &payload, &mut Entropy::from_seed([10; 32])).unwrap();
    publish(office, vec![revision]);
}

#[test]
fn annexes_that_say_they_are_parts_of_themselves_or_of_each_other_are_listed_and_shown() {
    let (_folder, mut office, [police, _]) = office();
    let (actor, us) = (Actor::default(), office.machine.organisation());
    let begin = |office: &mut Office, seed| begun_by_police(office, police, vec![given(us, Role::Read)], seed);
    let (of_itself, one, other) = (begin(&mut office, 1), begin(&mut office, 2), begin(&mut office, 3));
    for (annex, whole) in [(of_itself, of_itself), (one, other), (other, one)] {
        police_say(&mut office, police, annex, &wanted_annex(&whole, "x"));
    }
    let page = office.documents(&actor, DocumentQuery::default()).unwrap();
    assert_eq!(page.items.len(), 3);
    assert!(page.items.iter().all(|line| line.kind == "annex" && line.title.starts_with("Annex of ")), "{page:?}");
    assert_eq!(office.storage.part_of(&of_itself).unwrap(), None);
    for annex in [of_itself, one, other] {
        let reason = OpeningRequest { reason: "case 4411".to_owned() };
        assert_eq!(office.open(&actor, &annex.to_string(), reason).unwrap().fields["text"], "x");
        office.access(&actor, &annex.to_string()).unwrap();
        office.erasure(&actor, &annex.to_string()).unwrap();
    }
}

#[test]
fn a_writer_makes_no_annex_of_anothers_document() {
    let (_folder, mut office, [police, council]) = office();
    let actor = Actor::default();
    let other = issued(&mut office, to("Council"));
    let target = issued(&mut office, vec![to_as("Police", Role::Write), to_as("Council", Role::Read)]);
    let document = target.id.unwrap();
    let key = DeviceKey::from_seed(&[3; 32]);
    let (epoch, epoch_key) = office.current_epoch(&document, document.into()).unwrap();
    let shown = office.document(&actor, &target.reference).unwrap();
    // Of changes that say each a kind, Automerge takes that of one actor, which is as good as random.
    for round in 0..12 {
        let wanted = wanted_annex(&other.id.unwrap(), &format!("x{round}"));
        say(&mut office, &police_in(&key, police, document), document, (epoch, &epoch_key), &wanted);
        let after = office.document(&actor, &target.reference).unwrap();
        assert_eq!((&after.kind, &after.fields, &after.state), (&shown.kind, &shown.fields, &shown.state), "round {round}");
    }
    assert_eq!(office.storage.annexes(&other.id.unwrap()).unwrap(), []);
    assert_eq!(office.storage.listed(&document).unwrap().unwrap().kind, "bulletin");
    let (ended, _) = office.ended(now().plus_ms(29 * 24 * 3_600_000), 10, &BTreeSet::new()).unwrap();
    assert!(ended.is_empty(), "{ended:?}");
    assert!(office.document(&actor, &target.reference).unwrap().problems.iter().any(|problem| problem.contains("another kind")));
    // The owner goes on in it, and it stands when the other document goes.
    office.step(&actor, &other.reference, "update", StepRequest { assign: words(&["note=y"]), ..StepRequest::default() }).unwrap();
    office.step(&actor, &target.reference, "update", StepRequest { assign: words(&["note=z"]), ..StepRequest::default() }).unwrap();
    office.erase(&actor, &other.reference, ErasureRequest { why: Reason::Legal }).unwrap();
    office.settle().unwrap();
    let access = office.access_of(&document).unwrap();
    assert_eq!((access.role_now(&police, now()), access.role_now(&council, now())), (Some(Role::Write), Some(Role::Read)));
    assert_eq!(office.document(&actor, &target.reference).unwrap().fields["note"], "z");
}

#[test]
fn what_a_document_is_no_annex_of_any_more_is_forgotten() {
    let (_folder, mut office, _) = office();
    let (one, other) = (issued(&mut office, to("Police")), issued(&mut office, to("Police")));
    // As an earlier version noted it, by a writer's word.
    office.storage.put_annex(&other.id.unwrap(), &one.id.unwrap()).unwrap();
    office
        .step(&Actor::default(), &other.reference, "update", StepRequest { assign: words(&["note=y"]), ..StepRequest::default() })
        .unwrap();
    office.settle().unwrap();
    assert_eq!(office.storage.annexes(&one.id.unwrap()).unwrap(), []);
}

/// Opens an annex here.
fn opened_here(office: &mut Office, annex: &str) -> Result<Document, Problem> {
    office.open(&Actor::default(), annex, OpeningRequest { reason: "case 4411".to_owned() })
}

/// A guide of the police, for us and the council.
fn guide_of_police(office: &mut Office, [police, council]: [OrganisationId; 2]) -> DocumentId {
    let us = office.machine.organisation();
    let document = begun_by_police(office, police, vec![given(us, Role::Read), given(council, Role::Read)], 7);
    let fields = json!({ "title": "Gates", "problem": "x", "summary": "y" });
    police_say(office, police, document, &wanted("guide", Marking::Amber, "published", &fields));
    document
}

#[test]
fn an_annex_is_withdrawn_with_what_a_delegate_withdrew() {
    let (_folder, mut office, [police, _]) = office();
    let whole = issued(&mut office, vec![to_as("Police", Role::Admin), to_as("Council", Role::Read)]);
    let annex = annexed(&mut office, &whole.reference, to("Council"));
    let (key, document) = (DeviceKey::from_seed(&[3; 32]), whole.id.unwrap());
    let body = Body::Withdraw { reason: Reason::ConsentWithdrawn };
    let withdraw = author::control(&office.access_of(&document).unwrap(), &police_in(&key, police, document), body).unwrap();
    publish(&mut office, vec![withdraw]);
    let shown = opened_here(&mut office, &annex.reference).unwrap();
    assert_eq!((shown.state.as_str(), shown.withdrawn.unwrap().reason), ("withdrawn", Reason::ConsentWithdrawn));
    let request = GrantRequest { who: "Police".to_owned(), role: None, until: None, personal_data_checked: None };
    let refused = office.grant(&Actor::default(), &annex.reference, request).unwrap_err().to_string();
    assert!(refused.contains("is withdrawn, for good"), "{refused}");
}

#[test]
fn an_annex_of_anothers_document_is_withdrawn_and_erased_with_it() {
    let (_folder, mut office, others) = office();
    let document = guide_of_police(&mut office, others);
    let annex = annexed(&mut office, &document.to_string(), to("Council"));
    let key = DeviceKey::from_seed(&[3; 32]);
    let acting = police_in(&key, others[0], document);
    let say = |office: &mut Office, body| {
        let entry = author::control(&office.access_of(&document).unwrap(), &acting, body).unwrap();
        publish(office, vec![entry]);
    };
    say(&mut office, Body::Withdraw { reason: Reason::ConsentWithdrawn });
    assert_eq!(opened_here(&mut office, &annex.reference).unwrap().state, "withdrawn");
    say(&mut office, Body::Erase);
    assert!(opened_here(&mut office, &annex.reference).unwrap_err().to_string().contains("was erased"));
    assert_eq!(office.erased(&annex.id.unwrap()).unwrap().unwrap().why, Some(Reason::ConsentWithdrawn));
    let request = GrantRequest { who: "Police".to_owned(), role: None, until: None, personal_data_checked: None };
    office.grant(&Actor::default(), &annex.reference, request).unwrap_err();
}

/// What the police sign on opening an annex, by what they know of it.
fn opening_by_police(office: &Office, known: &csu_protocol::access::Access, police: OrganisationId) -> VerifiedEntry {
    let (key, document) = (DeviceKey::from_seed(&[3; 32]), known.document().unwrap());
    let audience = author::Audience {
        openness: csu_protocol::entry::Openness::Recipients,
        recipients: office.machine.directory().recipient(&office.machine.organisation()).into_iter().collect(),
    };
    let payload = ResponsePayload { at: now(), person: None, remark: Remark::Opened, step: String::new(), text: "case 4411".to_owned() };
    author::response(known, &police_in(&key, police, document), &audience, &payload, &mut Entropy::from_seed([9; 32])).unwrap()
}

/// The openings that a log has.
fn openings(office: &mut Office) -> Vec<LogLine> {
    let log = office.read_log(&LogQuery::default()).unwrap();
    log.into_iter().filter(|line| line.detail.starts_with("opened it: ")).collect()
}

#[test]
fn an_opening_that_crossed_the_revocation_is_in_the_owners_log() {
    for revoked in [false, true] {
        let (_folder, mut office, [police, _]) = office();
        let whole = issued(&mut office, to("Police"));
        let annex = annexed(&mut office, &whole.reference, to("Police"));
        let document = annex.id.unwrap();
        let opening = opening_by_police(&office, &csu_protocol::access::Access::clone(&office.access_of(&document).unwrap()), police);
        if revoked {
            let request = RevocationRequest { who: "Police".to_owned(), ..Default::default() };
            office.revoke(&Actor::default(), &annex.reference, request).unwrap();
            office.settle().unwrap();
        }
        // As it is once a neighbour has brought it.
        let id = opening.id();
        office.publish(opening).unwrap();
        office.pump().unwrap();
        office.responded.push((document, vec![id]));
        office.settle().unwrap();
        let [line] = &openings(&mut office)[..] else { panic!("revoked {revoked}: {:?}", openings(&mut office)) };
        assert_eq!((line.why.as_deref(), line.document), (Some("case 4411"), Some(document)));
        assert_eq!(line.detail.ends_with("; this came after its role was taken back"), revoked, "{}", line.detail);
    }
}

#[test]
fn openings_that_come_back_together_with_the_annex_are_in_the_log() {
    let (_folder, mut office, [police, _]) = office();
    let whole = issued(&mut office, to("Police"));
    let annex = annexed(&mut office, &whole.reference, to("Police"));
    let document = annex.id.unwrap();
    let opening = opening_by_police(&office, &csu_protocol::access::Access::clone(&office.access_of(&document).unwrap()), police);
    let id = opening.id();
    publish(&mut office, vec![opening]);
    // The same organisation, restored by its phrase alone.
    let (_folder, mut restored, _) = super::office();
    for document in [document, whole.id.unwrap()] {
        for stored in csu_protocol::store::Read::document(&office.storage, &document).unwrap() {
            restored.publish(stored.entry.reopen().unwrap()).unwrap();
        }
    }
    restored.pump().unwrap();
    restored.responded.push((document, vec![id]));
    restored.settle().unwrap();
    assert_eq!(openings(&mut restored).len(), 1);
}

const DAY_MS: u64 = 24 * 3_600_000;

#[test]
fn what_is_given_on_an_annex_ends_with_it_at_every_node() {
    let (_folder, mut office, [police, council]) = office();
    let actor = Actor::default();
    let whole = issued(&mut office, vec![to_as("Police", Role::Read), to_as("Council", Role::Read)]);
    let sooner = now().plus_ms(DAY_MS);
    let council_sooner = Recipient { who: "Council".to_owned(), role: None, until: Some(sooner.into()) };
    let annex = annexed(&mut office, &whole.reference, vec![to_as("Police", Role::Read), council_sooner]);
    let document = annex.id.unwrap();
    let role = |office: &Office, who, days: u64| office.access_of(&document).unwrap().role_now(&who, now().plus_ms(days * DAY_MS));
    assert_eq!((role(&office, police, 27), role(&office, police, 28)), (Some(Role::Read), None));
    assert_eq!((role(&office, council, 0), role(&office, council, 1)), (Some(Role::Read), None));
    // What is given later ends as well; and if it is kept longer, what is given then lasts as long.
    let grant = |who: &str| GrantRequest {
        who: who.to_owned(),
        role: None,
        until: Some(now().plus_ms(400 * DAY_MS).into()),
        personal_data_checked: None,
    };
    office.grant(&actor, &annex.reference, grant("Council")).unwrap();
    office.settle().unwrap();
    assert_eq!((role(&office, council, 27), role(&office, council, 28)), (Some(Role::Read), None));
    let request = RetentionRequest { until: Some(now().plus_ms(60 * DAY_MS).into()), why: "the trial".to_owned(), ..Default::default() };
    office.set_retention(&actor, &annex.reference, request).unwrap();
    assert_eq!(role(&office, police, 29), None, "it was given until the end there was");
    office.grant(&actor, &annex.reference, grant("Police")).unwrap();
    office.settle().unwrap();
    assert_eq!((role(&office, police, 59), role(&office, police, 60)), (Some(Role::Read), None));
    assert_eq!(role(&office, council, 29), None);
    // Nothing is given on what has ended and waits to be erased.
    let past = crate::storage::OwnDates { review: None, ends: Some(now()), why: "past".to_owned(), person: None, set_at: now() };
    office.storage.set_retention(&document, Some(&past)).unwrap();
    let refused = office.grant(&actor, &annex.reference, grant("Council")).unwrap_err().to_string();
    assert!(refused.contains("came to its end") && refused.contains("csu retention set"), "{refused}");
}

#[test]
fn a_lower_role_on_an_annex_lasts_no_longer_than_what_it_belongs_to() {
    let (_folder, mut office, _) = office();
    let actor = Actor::default();
    let hour = || Recipient { who: "Police".to_owned(), role: Some(Role::Read), until: Some(now().plus_ms(3_600_000).into()) };
    let mut parent = hour();
    parent.until = Some(now().plus_ms(7_200_000).into());
    let whole = issued(&mut office, vec![parent]);
    office.create_circle(&actor, CircleRequest { name: "Ward".to_owned(), members: words(&["Police"]) }).unwrap();
    let annex = annex_of(&mut office, &whole.reference);
    // Beside the higher role, which ends in time, the circle's would last longer.
    let both = StepRequest { to: vec![to_as("circle:Ward", Role::Relay), hour()], ..StepRequest::default() };
    let refused = office.step(&actor, &annex.reference, "issue", both).unwrap_err().to_string();
    assert!(refused.contains("\"Police\"") && refused.contains("not for so long"), "{refused}");
    let annex = office.step(&actor, &annex.reference, "issue", StepRequest { to: vec![hour()], ..StepRequest::default() });
    annex.unwrap();
}

#[test]
fn a_member_without_the_document_keeps_no_other_member_from_its_annex() {
    let (_folder, mut office, [police, council]) = office();
    let actor = Actor::default();
    let whole = issued(&mut office, to("Police"));
    office.create_circle(&actor, CircleRequest { name: "Ward".to_owned(), members: vec![] }).unwrap();
    let annex = annexed(&mut office, &whole.reference, to("circle:Ward"));
    let members = MembersRequest { add: words(&["Council", "Police"]), remove: vec![] };
    office.change_circle(&actor, "Ward", members).unwrap();
    let pending = office.pending(&actor, "Ward", PendingQuery::default()).unwrap().items;
    let blocked: Vec<_> = pending.iter().map(|line| (line.who.id, line.blocked.is_some())).collect();
    let applied = office.apply_circle(&actor, "Ward", ApplyRequest { document: annex.reference.clone() }).unwrap();
    let done: Vec<_> = applied.done.iter().map(|line| line.who.id).collect();
    let refused: Vec<_> = applied.refused.iter().map(|line| (line.who.id, line.blocked.as_ref().unwrap().why.clone())).collect();
    assert_eq!(done, [police]);
    assert!(refused.len() == 1 && refused[0].0 == council && refused[0].1.contains("has not the role on"), "{refused:?}");
    assert!(blocked.len() == 2 && blocked.contains(&(police, false)) && blocked.contains(&(council, true)), "{blocked:?}");
}

#[test]
fn a_reader_who_would_change_pass_on_or_withdraw_an_annex_is_sent_to_its_owner() {
    let (_folder, mut office, [police, _]) = office();
    let (actor, us) = (Actor::default(), office.machine.organisation());
    let document = begun_by_police(&mut office, police, vec![given(us, Role::Read)], 7);
    police_say(&mut office, police, document, &wanted_annex(&DocumentId::new([1; 32]), "x"));
    let name = document.to_string();
    let change = DraftChange { assign: words(&["text=y"]), ..DraftChange::default() };
    let withdraw = StepRequest { reason: Some(Reason::Mistaken), ..StepRequest::default() };
    let request = GrantRequest { who: "Council".to_owned(), role: None, until: None, personal_data_checked: None };
    for (refused, remedy) in [
        (office.edit(&actor, &name, change).unwrap_err(), "to have it erased and issue another"),
        (office.step(&actor, &name, "withdraw", withdraw).unwrap_err(), "to withdraw"),
        (office.grant(&actor, &name, request).unwrap_err(), "to give it"),
    ] {
        let told = refused.remedy();
        assert!(told.starts_with("ask ") && told.contains("\"Police\"") && told.ends_with(remedy) && !told.contains("--role"), "{refused}");
        assert_eq!(refused.status(), 403);
    }
}

#[test]
fn the_owners_annexes_are_shown_before_those_of_others_however_many_these_are() {
    let (_folder, mut office, [police, _]) = office();
    let whole = issued(&mut office, to("Police"));
    let id = whole.id.unwrap();
    for number in 0..=u8::MAX {
        let document = DocumentId::new([number; 32]);
        office.storage.put_annex(&document, &id).unwrap();
        let line = Listed {
            document,
            kind: "annex".to_owned(),
            title: "Annex".to_owned(),
            state: "issued".to_owned(),
            marking: None,
            owner: police,
            updated: now(),
            received: None,
            access: "read".to_owned(),
            unread: false,
        };
        office.storage.put_listing(&line).unwrap();
    }
    let own = annexed(&mut office, &whole.reference, to("Police"));
    let shown = office.document(&Actor::default(), &whole.reference).unwrap().annexes;
    assert_eq!((shown.len(), shown[0].id), (200, own.id));
}

#[test]
fn a_writer_makes_the_words_of_no_annex_to_be_found() {
    let (_folder, mut office, [police, _]) = office();
    let whole = issued(&mut office, vec![to_as("Police", Role::Write)]);
    let document = annexed(&mut office, &whole.reference, to("Police")).id.unwrap();
    // No step of this program gives it; a program of somebody else's may.
    let grants = vec![Grant { subject: Subject::Organisation(police), role: Role::Write, until: None }];
    let grant = office.sign_control(&document, document.into(), Body::Grant { grants }).unwrap();
    let search = |office: &mut Office, words: &str| {
        let query = DocumentQuery { search: Some(words.to_owned()), ..DocumentQuery::default() };
        office.documents(&Actor::default(), query).unwrap().items.len()
    };
    let key = DeviceKey::from_seed(&[3; 32]);
    let (epoch, epoch_key) = office.current_epoch(&document, document.into()).unwrap();
    for round in 0..12 {
        let note = wanted("note", Marking::Clear, "sent", &json!({ "subject": format!("x{round}"), "text": "Zephyrine" }));
        let acting = Acting { under: Some(grant), ..police_in(&key, police, document) };
        say(&mut office, &acting, document, (epoch, &epoch_key), &note);
        assert_eq!((search(&mut office, "zephyrine"), search(&mut office, &format!("x{round}"))), (0, 0));
        assert_eq!(office.storage.listed(&document).unwrap().unwrap().kind, "annex");
        // And what is made of it on another thread.
        office.storage.mark_stale(&document, false).unwrap();
        office.outdate(&document);
        office.settle().unwrap();
        let work = office.next_work(1).unwrap().unwrap();
        office.take_made(work.run());
        office.settle().unwrap();
        assert_eq!((search(&mut office, "zephyrine"), search(&mut office, &format!("x{round}"))), (0, 0));
    }
}

#[test]
fn an_annex_that_is_listed_after_what_it_belongs_to_went_goes_with_it() {
    let (_folder, mut office, others) = office();
    let document = guide_of_police(&mut office, others);
    let annex = annexed(&mut office, &document.to_string(), to("Council")).id.unwrap();
    // As it is when both come back from neighbours: what an annex is a part of is known once it was read.
    office.storage.remove_annex(&annex).unwrap();
    office.storage.mark_stale(&annex, false).unwrap();
    office.outdate(&annex);
    let key = DeviceKey::from_seed(&[3; 32]);
    let withdraw = Body::Withdraw { reason: Reason::ConsentWithdrawn };
    let entry = author::control(&office.access_of(&document).unwrap(), &police_in(&key, others[0], document), withdraw).unwrap();
    publish(&mut office, vec![entry]);
    let work = office.next_work(1).unwrap().unwrap();
    office.take_made(work.run());
    office.settle().unwrap();
    assert!(office.access_of(&annex).unwrap().withdrawal().is_some());
}
