//! A stricter marking takes back what it does not allow, and no more; and circles follow.

use super::*;
use crate::desk::{CircleRequest, Document, GrantRequest, MembersRequest, PendingQuery, RevocationRequest};
use csu_protocol::document::{Marking, Wanted};

fn issued(office: &mut Office, who: &str, role: Role) -> Document {
    let words = ["headline=Van seen", "event=Theft", "category=Security", "severity=Minor", "urgency=Past", "certainty=Observed"];
    let assign = words.iter().map(|word| (*word).to_owned()).collect();
    let to = vec![Recipient { who: who.to_owned(), role: Some(role), until: None }];
    let request = DraftRequest { kind: "bulletin".to_owned(), assign, to, marking: Some("AMBER".to_owned()), ..DraftRequest::default() };
    let draft = office.draft(&Actor::default(), request).unwrap();
    let issued = office.step(&Actor::default(), &draft.reference, "issue", StepRequest::default()).unwrap();
    office.settle().unwrap();
    issued
}

fn mark_red(office: &mut Office, reference: &str) {
    let request = StepRequest { marking: Some("RED".to_owned()), narrow: true, ..StepRequest::default() };
    office.step(&Actor::default(), reference, "update", request).unwrap();
    office.settle().unwrap();
}

fn live(office: &Office, document: &DocumentId) -> Vec<(Role, bool)> {
    let rows = office.access_of(document).unwrap().rows();
    rows.iter().filter(|row| row.is_live(now())).map(|row| (row.role, row.until.is_some())).collect()
}

fn ward(office: &mut Office, members: &[&str]) {
    let members = members.iter().map(|who| (*who).to_owned()).collect();
    office.create_circle(&Actor::default(), CircleRequest { name: "Ward".to_owned(), members }).unwrap();
}

fn change(office: &mut Office, add: &[&str], remove: &[&str]) {
    let texts = |who: &[&str]| who.iter().map(|who| (*who).to_owned()).collect();
    office.change_circle(&Actor::default(), "Ward", MembersRequest { add: texts(add), remove: texts(remove) }).unwrap();
    office.settle().unwrap();
}

#[test]
fn what_a_circle_gave_and_a_marking_lowered_is_taken_back_with_the_circle() {
    let (_folder, mut office, [police, _]) = office();
    ward(&mut office, &["Police"]);
    let bulletin = issued(&mut office, "circle:Ward", Role::Admin);
    let document = bulletin.id.unwrap();
    mark_red(&mut office, &bulletin.reference);
    assert_eq!(live(&office, &document), [(Role::Write, false)]);
    // Who comes in is given what the marking allows, and is not blocked by what was given before it.
    change(&mut office, &["Council"], &[]);
    let pending = office.pending(&Actor::default(), "Ward", PendingQuery::default()).unwrap().items;
    assert_eq!(pending.iter().map(|item| (item.role, item.blocked.is_some())).collect::<Vec<_>>(), [(Role::Write, false)]);
    // Who goes out loses it.
    change(&mut office, &[], &["Council", "Police"]);
    let pending = office.pending(&Actor::default(), "Ward", PendingQuery::default()).unwrap().items;
    assert_eq!(pending.iter().map(|item| item.role).collect::<Vec<_>>(), [Role::Write]);
    change(&mut office, &["Police"], &[]);
    let request = RevocationRequest { who: "circle:Ward".to_owned(), ..Default::default() };
    let outcome = office.revoke(&Actor::default(), &bulletin.reference, request).unwrap();
    office.settle().unwrap();
    assert_eq!((outcome.falls.len(), office.access_of(&document).unwrap().role_now(&police, now())), (1, None));
}

#[test]
fn what_is_foreseen_is_done_also_where_a_document_bears_the_marking_already() {
    let (_folder, mut office, [police, _]) = office();
    let bulletin = issued(&mut office, "Police", Role::Admin);
    let document = bulletin.id.unwrap();
    // Marked RED by a revision that nobody narrowed for, as two at once may.
    let open = office.open_document(&document).unwrap();
    let wanted = Wanted { kind: open.kind, marking: Marking::Red, state: None, fields: open.snapshot.fields.clone() };
    let base: Vec<_> = open.opened.content.heads().iter().copied().collect();
    let change = open.opened.content.revise(&document, &base, &wanted).unwrap();
    let deps = open.opened.entries_of(change.deps());
    let epoch = office.current_epoch(&document, document.into()).unwrap();
    office.publish_change(&Actor::default(), &document, document.into(), &epoch, deps, &change).unwrap();
    office.settle().unwrap();
    let request =
        StepRequest { marking: Some("RED".to_owned()), narrow: true, assign: vec!["note=z".to_owned()], ..StepRequest::default() };
    let foreseen = Desk::preview_step(&mut office, &Actor::default(), &bulletin.reference, "update", request.clone()).unwrap();
    assert_eq!(foreseen.losses.iter().map(|loss| (loss.had, loss.keeps)).collect::<Vec<_>>(), [(Role::Admin, Some(Role::Write))]);
    office.step(&Actor::default(), &bulletin.reference, "update", request).unwrap();
    office.settle().unwrap();
    assert_eq!(office.access_of(&document).unwrap().role_now(&police, now()), Some(Role::Write));
}

#[test]
fn a_lower_role_that_lasts_longer_is_not_lost_with_the_one_that_was_too_much() {
    let (_folder, mut office, _) = office();
    let bulletin = issued(&mut office, "Police", Role::Write);
    let document = bulletin.id.unwrap();
    let until = Some(now().plus_ms(3_600_000).into());
    let request = GrantRequest { who: "Police".to_owned(), role: Some(Role::Admin), until, personal_data_checked: None };
    office.grant(&Actor::default(), &bulletin.reference, request).unwrap();
    office.settle().unwrap();
    mark_red(&mut office, &bulletin.reference);
    assert!(live(&office, &document).contains(&(Role::Write, false)), "{:?}", live(&office, &document));
    assert!(live(&office, &document).iter().all(|(role, _)| *role <= Role::Write));
}

#[test]
fn organisations_whose_cards_came_through_one_another_are_named_all_the_same() {
    let (folder, mut office, [police, council]) = office();
    let card = |byte: u8, name: &str| {
        let device = DeviceKey::from_seed(&[byte + 40; 32]).device();
        SignedCard::sign(&RootKey::from_secret([byte; 32]), 1, device, Name::new(name).unwrap(), OrganisationKind::Other)
    };
    for (byte, name, by) in [(3, "Police", council), (4, "Council", police)] {
        office.storage.apply(&Write::Card { card: card(byte, name), brought_by: Some(by) }).unwrap();
    }
    office.storage.commit().unwrap();
    office.close().unwrap();
    let office = opened(folder.path(), Storage::open(folder.path(), Options::default()).unwrap().storage);
    assert!(office.organisation(&police).to_string().contains(&council.short()), "{}", office.organisation(&police));
}
