//! The office over real storage, with a network that only listens.

mod accounts;
mod annexes;
mod annexes_attacked;
mod backup;
mod circles;
mod facets;
mod preview;
mod screening;

use super::*;
use crate::config::{Config, Flags};
use crate::desk::{Actor, Desk, DraftRequest, Recipient, StepRequest};
use crate::keys::Birth;
use crate::network::{Cause, SendError, Strangers, Target};
use crate::network::{Direction, TicketError};
use crate::storage::Options;
use csu_protocol::author::{self, Acting};
use csu_protocol::entry::{Body, Grant, Principal, Role, Signer, Subject, VerifiedEntry};
use csu_protocol::id::OrganisationId;
use csu_protocol::identity::{DeviceKey, Name, OrganisationKind, RootKey, SignedCard};
use csu_protocol::store::{NewEntry, Write};
use zeroize::Zeroizing;

mod barring;
mod erasing;
mod narrowing;
mod opening;
mod recalling;
mod showing;
mod silence;

struct Nowhere;

impl Sessions for Nowhere {
    fn try_send(&self, _: &DeviceId, _: SessionNumber, _: Vec<Vec<u8>>) -> Result<(), SendError> {
        Ok(())
    }

    fn disconnect(&self, _: &DeviceId, _: Cause) {}

    fn set_peers(&self, _: Vec<Target>) {}

    fn set_strangers(&self, _: Strangers) {}

    fn dial_ticket(&self, _: &DeviceId, _: &[String]) -> Result<(), TicketError> {
        Ok(())
    }
}

/// An office of its own folder that knows two other organisations by their cards.
fn office() -> (tempfile::TempDir, Office, [OrganisationId; 2]) {
    let (folder, office, others) = office_that_knows(&["Police", "Council"]);
    (folder, office, others.try_into().unwrap())
}

/// The same that knows others of these names. The keys of the first are of 3s, of the next of 4s, and so on.
pub(crate) fn office_that_knows(names: &[&str]) -> (tempfile::TempDir, Office, Vec<OrganisationId>) {
    let folder = tempfile::tempdir().unwrap();
    let name = |text| Name::new(text).unwrap();
    let mut storage = Storage::open(folder.path(), Options::default()).unwrap().storage;
    let mut others = Vec::new();
    for (byte, other) in (3..).zip(names) {
        let device = DeviceKey::from_seed(&[byte; 32]).device();
        let card = SignedCard::sign(&RootKey::from_secret([byte; 32]), 0, device, name(other), OrganisationKind::Other);
        storage.apply(&Write::Card { card: card.clone(), brought_by: None }).unwrap();
        others.push(card.card().organisation);
    }
    storage.commit().unwrap();
    let office = opened(folder.path(), storage);
    (folder, office, others)
}

/// Brixton's office over what is in a folder.
pub(crate) fn opened(folder: &std::path::Path, storage: Storage) -> Office {
    let flags = Flags { data: Some(folder.to_owned()), ..Flags::default() };
    let config = Config::load(&flags, []).unwrap();
    let name = Name::new("Brixton").unwrap();
    let birth = Birth::new(&Zeroizing::new([1; 32]), Zeroizing::new([2; 32]), name, OrganisationKind::Union).unwrap();
    Office::open(birth.keys, config, storage, Box::new(Nowhere), Vec::new(), IntegrityResult::Ok, None).unwrap()
}

fn to(who: &str) -> Vec<Recipient> {
    vec![Recipient { who: who.to_owned(), role: None, until: None }]
}

#[test]
fn a_liaison_note_that_was_sent_is_not_sent_to_a_third() {
    let (_folder, mut office, _) = office();
    let actor = Actor::default();
    let assign = vec!["subject=Lamps".to_owned(), "text=Who mends them?".to_owned()];
    let request = DraftRequest { kind: "note".to_owned(), assign, to: to("Police"), ..DraftRequest::default() };
    let draft = office.draft(&actor, request).unwrap();
    let sent = office.step(&actor, &draft.reference, "send", StepRequest::default()).unwrap();
    let again = StepRequest { assign: vec!["text=Who mends them now?".to_owned()], to: to("Council"), ..StepRequest::default() };
    office.step(&actor, &sent.reference, "send", again).unwrap_err();
}

#[test]
fn what_anyone_may_read_is_not_marked_as_for_a_few() {
    let (_folder, mut office, _) = office();
    let actor = Actor::default();
    let assign = vec!["title=Gates".to_owned(), "problem=Alleys".to_owned(), "summary=Gates".to_owned(), "evidenceBasis=claim".to_owned()];
    let request =
        DraftRequest { kind: "guide".to_owned(), assign, to: to("anyone"), marking: Some("CLEAR".to_owned()), ..DraftRequest::default() };
    let draft = office.draft(&actor, request).unwrap();
    let published = office.step(&actor, &draft.reference, "publish", StepRequest::default()).unwrap();
    let verb = published.steps.iter().find(|verb| *verb != "withdraw" && *verb != "retire").unwrap().clone();
    let narrower = StepRequest { marking: Some("RED".to_owned()), ..StepRequest::default() };
    let problem = office.step(&actor, &published.reference, &verb, narrower).unwrap_err();
    assert!(problem.to_string().contains("anyone"), "{problem}");
}

#[test]
fn a_grant_wider_than_the_marking_is_refused_with_the_marking_that_would_do() {
    let (_folder, mut office, [police, _]) = office();
    let actor = Actor::default();
    let assign = vec!["title=Gates".to_owned(), "problem=Alleys".to_owned(), "summary=Gates".to_owned(), "evidenceBasis=claim".to_owned()];
    let request =
        DraftRequest { kind: "guide".to_owned(), assign, to: to("Council"), marking: Some("RED".to_owned()), ..DraftRequest::default() };
    let draft = office.draft(&actor, request).unwrap();
    let published = office.step(&actor, &draft.reference, "publish", StepRequest::default()).unwrap();
    let admin = || crate::desk::GrantRequest { who: police.to_string(), role: Some(Role::Admin), until: None, personal_data_checked: None };
    let problem = office.grant(&actor, &published.reference, admin()).unwrap_err().to_string();
    assert!(problem.contains("TLP:RED") && problem.contains("mark it AMBER or milder"), "{problem}");
    let milder = StepRequest { marking: Some("AMBER".to_owned()), ..StepRequest::default() };
    let verb = published.steps.iter().find(|verb| *verb != "withdraw" && *verb != "retire").unwrap().clone();
    office.step(&actor, &published.reference, &verb, milder).unwrap();
    office.grant(&actor, &published.reference, admin()).unwrap();
    // And back is refused as long as somebody has more than that marking allows, who is named.
    let stricter = StepRequest { marking: Some("AMBER+STRICT".to_owned()), ..StepRequest::default() };
    let problem = office.step(&actor, &published.reference, &verb, stricter).unwrap_err().to_string();
    assert!(problem.contains("as admin, who could give it to others") && problem.contains("--narrow"), "{problem}");
}

#[test]
fn only_documents_of_the_police_bear_a_security_classification() {
    let (_folder, mut office, _) = office();
    let actor = Actor::default();
    let assign = ["subject=Lamps", "text=Who mends them?", "classification=OFFICIAL-SENSITIVE"].map(str::to_owned).to_vec();
    let request = DraftRequest { kind: "note".to_owned(), assign, to: to("Police"), ..DraftRequest::default() };
    let draft = office.draft(&actor, request).unwrap();
    let problem = office.step(&actor, &draft.reference, "send", StepRequest::default()).unwrap_err().to_string();
    assert!(problem.contains("only documents of the police"), "{problem}");
    let secret = StepRequest { assign: vec!["classification=SECRET".to_owned()], ..StepRequest::default() };
    let problem = office.step(&actor, &draft.reference, "send", secret).unwrap_err().to_string();
    assert!(problem.contains("OFFICIAL-SENSITIVE"), "{problem}");
}

#[test]
fn a_session_that_began_while_the_one_before_it_was_being_ended_is_not_remembered_for_ever() {
    let (_folder, mut office, _) = office();
    let actor = Actor::default();
    let card = SignedCard::sign(
        &RootKey::from_secret([5; 32]),
        0,
        DeviceId::new([5; 32]),
        Name::new("Vauxhall").unwrap(),
        OrganisationKind::Union,
    );
    let ticket = csu_protocol::identity::Ticket {
        organisation: card.card().organisation,
        device: DeviceId::new([5; 32]),
        addresses: Vec::new(),
        secret: csu_protocol::identity::InvitationSecret::from_bytes([6; 32]),
        expires: now().plus_ms(60_000),
    };
    office.join(&actor, crate::desk::JoinRequest { ticket: ticket.to_string() }).unwrap();
    office.settle().unwrap();
    let device = card.card().device;
    let connected = |number| {
        Arrival::Event(Event::Connected {
            device,
            session: SessionNumber::new(number),
            address: "/ip4/127.0.0.1/tcp/1".to_owned(),
            direction: Direction::Accepted,
        })
    };
    office.take(connected(1));
    office.settle().unwrap();
    let hello = Message::Hello { card: card.clone(), addresses: None, confirmed: false };
    office.take(Arrival::Frame(device, SessionNumber::new(1), 0, Ok(Box::new(hello))));
    office.settle().unwrap();
    assert!(office.machine.connection(&card.card().organisation).is_some());
    // A fault ends the first; the second is up before that is carried out.
    office.take(Arrival::Frame(device, SessionNumber::new(1), 0, Ok(Box::new(Message::Cards(Vec::new())))));
    office.take(connected(2));
    office.settle().unwrap();
    assert_eq!(office.machine.connection(&card.card().organisation).is_some(), office.sessions.contains_key(&device));
}

#[test]
fn a_request_that_is_refused_takes_nothing_with_it_that_was_noted_before_it() {
    let (_folder, mut office, _) = office();
    office.storage.put_meta("noted", "before").unwrap();
    let refused: crate::desk::Job = Box::new(|desk| {
        desk.document(&Actor::default(), "ffff").unwrap_err();
        Box::new(|committed| committed.unwrap())
    });
    office.answer(refused).unwrap();
    assert_eq!(office.storage.meta("noted").unwrap().as_deref(), Some("before"));
    assert!(!office.is_tainted());
}

#[test]
fn giving_up_ones_roles_ends_all_of_them() {
    let (_folder, mut office, [police, _]) = office();
    let (key, us) = (DeviceKey::from_seed(&[3; 32]), office.machine.organisation());
    let given = |role| vec![Grant { subject: Subject::Organisation(us), role, until: None }];
    let genesis = author::genesis(police, Signer::Device(&key), given(Role::Read), &mut Entropy::from_seed([7; 32])).unwrap();
    let document = genesis.document();
    office.publish(genesis).unwrap();
    let acting = Acting { organisation: police, signer: Signer::Device(&key), under: Some(document.into()) };
    let more = author::control(&office.access_of(&document).unwrap(), &acting, Body::Grant { grants: given(Role::Write) }).unwrap();
    office.publish(more).unwrap();
    office.settle().unwrap();
    let request = crate::desk::RevocationRequest { who: "Brixton".to_owned(), ..Default::default() };
    let outcome = office.revoke(&Actor::default(), &document.to_string(), request).unwrap();
    assert_eq!(outcome.document.access, crate::desk::AccessLevel::Former);
    assert_eq!(office.access_of(&document).unwrap().role_now(&us, now()), None);
}

fn given(id: OrganisationId, role: Role) -> Grant {
    Grant { subject: Subject::Organisation(id), role, until: None }
}

/// What somebody signs after `known` who contradicts itself: `first`, and beside it a longer branch, which is the one that an
/// eviction keeps.
fn contradiction(known: &[VerifiedEntry], acting: &Acting<'_>, first: Body) -> Vec<VerifiedEntry> {
    let mut branch = csu_protocol::access::Access::default();
    for entry in known {
        branch.insert(entry.clone(), |_, _| true);
    }
    let mut entries = vec![author::control(&branch, acting, first).unwrap()];
    for byte in [8, 9] {
        let grants = vec![given(OrganisationId::new([byte; 32]), Role::Relay)];
        let entry = author::control(&branch, acting, Body::Grant { grants }).unwrap();
        branch.insert(entry.clone(), |_, _| true);
        entries.push(entry);
    }
    entries
}

fn publish(office: &mut Office, entries: Vec<VerifiedEntry>) {
    for entry in entries {
        office.publish(entry).unwrap();
    }
    office.settle().unwrap();
}

#[test]
fn whoever_is_evicted_does_not_bring_back_whom_it_had_evicted_by_contradicting_itself() {
    let (_folder, mut office, [police, other]) = office();
    let (key, us) = (DeviceKey::from_seed(&[3; 32]), office.machine.organisation());
    let own = Signer::Device(office.keys.device());
    let genesis = author::genesis(us, own, vec![given(police, Role::Admin)], &mut Entropy::from_seed([7; 32])).unwrap();
    let document = genesis.document();
    publish(&mut office, vec![genesis.clone()]);
    let acting = Acting { organisation: police, signer: Signer::Device(&key), under: Some(document.into()) };
    let grants = Body::Grant { grants: vec![given(other, Role::Read)] };
    let to_other = author::control(&office.access_of(&document).unwrap(), &acting, grants).unwrap();
    let taken = Body::Revoke { principal: Principal::Organisation(other), keep: Vec::new() };
    let both = contradiction(&[genesis, to_other.clone()], &acting, taken);
    publish(&mut office, [vec![to_other], both].concat());
    let role = |office: &Office| office.access_of(&document).unwrap().role_now(&other, now());
    assert_eq!(role(&office), None);
    let request = crate::desk::RevocationRequest { who: police.to_string(), ..Default::default() };
    office.revoke(&Actor::default(), &document.to_string(), request).unwrap();
    office.settle().unwrap();
    assert_eq!(role(&office), None, "the eviction gave back what the evicted had taken");
}

#[test]
fn whoever_evicts_one_that_had_taken_a_role_from_it_keeps_the_role_it_evicts_by() {
    let (_folder, mut office, [police, owner]) = office();
    let (key, owners, us) = (DeviceKey::from_seed(&[3; 32]), DeviceKey::from_seed(&[4; 32]), office.machine.organisation());
    let entropy = &mut Entropy::from_seed([7; 32]);
    let genesis = author::genesis(owner, Signer::Device(&owners), vec![given(us, Role::Admin)], entropy).unwrap();
    let document = genesis.document();
    publish(&mut office, vec![genesis.clone()]);
    // We make the police an admin, which gives us a second role, and takes that one back on one of two branches.
    let acting = Acting { organisation: us, signer: Signer::Device(office.keys.device()), under: Some(document.into()) };
    let grants = Body::Grant { grants: vec![given(police, Role::Admin)] };
    let to_police = author::control(&office.access_of(&document).unwrap(), &acting, grants).unwrap();
    publish(&mut office, vec![to_police.clone()]);
    let acting = Acting { organisation: police, signer: Signer::Device(&key), under: Some(to_police.id()) };
    let grants = Body::Grant { grants: vec![given(us, Role::Relay)] };
    let to_us = author::control(&office.access_of(&document).unwrap(), &acting, grants).unwrap();
    let taken = Body::Revoke { principal: Principal::Organisation(us), keep: Vec::new() };
    let both = contradiction(&[genesis, to_police, to_us.clone()], &acting, taken);
    publish(&mut office, [vec![to_us], both].concat());
    let request = crate::desk::RevocationRequest { who: police.to_string(), ..Default::default() };
    office.revoke(&Actor::default(), &document.to_string(), request).unwrap();
    office.settle().unwrap();
    let access = office.access_of(&document).unwrap();
    assert_eq!((access.role_now(&police, now()), access.role_now(&us, now())), (None, Some(Role::Admin)));
}

#[test]
fn a_role_that_ends_is_taken_back_by_the_owner_and_what_was_given_below_it_goes_with_it() {
    let (_folder, mut office, [police, other]) = office();
    let us = office.machine.organisation();
    let soon = now().plus_ms(300);
    let role = |id, role| Grant { subject: Subject::Organisation(id), role, until: Some(soon) };
    let own = Signer::Device(office.keys.device());
    let genesis = author::genesis(us, own, vec![role(police, Role::Admin)], &mut Entropy::from_seed([7; 32])).unwrap();
    let document = genesis.document();
    let key = DeviceKey::from_seed(&[3; 32]);
    let acting = Acting { organisation: police, signer: Signer::Device(&key), under: Some(document.into()) };
    publish(&mut office, vec![genesis]);
    let grants = Body::Grant { grants: vec![given(other, Role::Read)] };
    let to_other = author::control(&office.access_of(&document).unwrap(), &acting, grants).unwrap();
    publish(&mut office, vec![to_other]);
    assert!(office.wake_in() <= std::time::Duration::from_millis(300));
    let rows = |office: &Office| office.access_of(&document).unwrap().rows();
    office.tick();
    office.settle().unwrap();
    assert!(rows(&office).iter().all(|row| row.is_live(now())), "nothing has ended yet");
    std::thread::sleep(std::time::Duration::from_millis(320));
    office.tick();
    office.settle().unwrap();
    assert_eq!(rows(&office).iter().filter(|row| row.ended_by.is_empty()).count(), 0);
    assert_eq!(office.access_of(&document).unwrap().lapsed(now()), vec![]);
    // Once is enough.
    let entries = office.access_of(&document).unwrap().len();
    office.tick();
    office.settle().unwrap();
    assert_eq!(office.access_of(&document).unwrap().len(), entries);
}

#[test]
fn a_database_without_what_documents_come_to_is_brought_up_once_and_counts_what_each_neighbour_brought() {
    let (folder, mut office, [police, council]) = office();
    let us = office.machine.organisation();
    let (mut documents, mut brought) = (Vec::new(), 0);
    for (seed, owner, by) in [(3, police, Some(council)), (4, council, Some(police)), (4, council, None)] {
        let nonce = u8::try_from(documents.len()).unwrap();
        let key = DeviceKey::from_seed(&[seed; 32]);
        let entropy = &mut Entropy::from_seed([nonce; 32]);
        let genesis = author::genesis(owner, Signer::Device(&key), vec![given(us, Role::Read)], entropy).unwrap();
        let document = genesis.document();
        brought += if by == Some(council) { genesis.signed().size() as u64 } else { 0 };
        office.storage.apply(&Write::Entry(Box::new(NewEntry { entry: genesis, from: by, received: now() }))).unwrap();
        documents.push(document);
    }
    office.close().unwrap();
    let db = rusqlite::Connection::open(folder.path().join(crate::storage::FILE)).unwrap();
    db.execute_batch("DELETE FROM summary; DELETE FROM sharing; DELETE FROM brought").unwrap();
    drop(db);
    let mut before = None;
    for _ in 0..2 {
        let office = opened(folder.path(), Storage::open(folder.path(), Options::default()).unwrap().storage);
        assert_eq!(office.machine.usage(&council).strangers, brought);
        let start = office.storage.start().unwrap();
        assert!(start.documents.values().all(Option::is_some) && start.documents.len() == documents.len());
        assert!(before.is_none_or(|before| before == start.documents));
        before = Some(start.documents);
        office.close().unwrap();
    }
}
