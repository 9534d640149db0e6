//! Annexes where somebody lies, and where things cross.

use super::*;
use crate::desk::{Document, DocumentQuery, ErasureRequest};
use csu_protocol::document::{Content, Kind, Marking, Wanted, kind};
use csu_protocol::entry::{Reason, RevisionPayload};
use csu_protocol::reading;
use serde_json::{Value, json};

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
    let audience = reading::audience(office.access_of(&document).unwrap(), office.machine.directory(), now());
    let (epoch, epoch_key) = author::key(office.access_of(&document).unwrap(), &acting, &audience, &[], entropy).unwrap();
    let id = epoch.id();
    publish(office, vec![epoch]);
    say(office, &acting, document, (id, &epoch_key), wanted);
}

/// Publishes a first version, whatever there is already.
fn say(office: &mut Office, acting: &Acting<'_>, document: DocumentId, epoch: (EntryId, &csu_protocol::entry::EpochKey), wanted: &Wanted) {
    let change = Content::default().revise(&document, &[], wanted).unwrap();
    let payload = RevisionPayload { at: now(), person: None, change: change.bytes().to_vec() };
    let access = office.access_of(&document).unwrap();
    let revision = author::revision(access, acting, epoch, vec![], &payload, &mut Entropy::from_seed([10; 32])).unwrap();
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
        let reason = crate::desk::OpeningRequest { reason: "case 4411".to_owned() };
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
    let (ended, _) = office.ended(now().plus_ms(29 * 24 * 3_600_000), 10).unwrap();
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
