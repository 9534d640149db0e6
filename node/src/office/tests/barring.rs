//! Devices that others lost, in documents in which this organisation has a say.

use super::*;
use crate::desk::{GrantRequest, LogQuery};
use crate::office::barring::ROOT_KEY_FIRST_MS;
use csu_protocol::access::Access;
use csu_protocol::entry::{Keep, Plane};
use csu_protocol::identity::{InvitationSecret, SecurityNumber};
use csu_protocol::store::{Pairing, Peer};

/// The device that the police lost.
fn lost() -> DeviceKey {
    DeviceKey::from_seed(&[3; 32])
}

/// A card of the police.
fn card(generation: u64, device: DeviceId) -> SignedCard {
    let root = RootKey::from_secret([3; 32]);
    SignedCard::sign(&root, generation, device, Name::new("Police").unwrap(), OrganisationKind::Other)
}

/// Learns cards, and starts again over what is on disk.
fn learn(folder: &tempfile::TempDir, mut office: Office, cards: &[SignedCard]) -> Office {
    for card in cards {
        office.storage.apply(&Write::Card { card: card.clone(), brought_by: None }).unwrap();
    }
    again(folder, office)
}

fn again(folder: &tempfile::TempDir, office: Office) -> Office {
    office.close().unwrap();
    opened(folder.path(), Storage::open(folder.path(), Options::default()).unwrap().storage)
}

/// The police act through another device.
fn newer() -> SignedCard {
    card(4, DeviceKey::from_seed(&[44; 32]).device())
}

/// A document of this organisation's.
fn begin(office: &mut Office, grants: Vec<Grant>, nonce: u8) -> VerifiedEntry {
    let us = office.machine.organisation();
    let own = Signer::Device(office.keys.device());
    let genesis = author::genesis(us, own, grants, &mut Entropy::from_seed([nonce; 32])).unwrap();
    publish(office, vec![genesis.clone()]);
    genesis
}

/// What a device grants the council, over these entries.
fn grants(known: &[VerifiedEntry], by: (OrganisationId, &DeviceKey), under: EntryId, role: Role) -> VerifiedEntry {
    let council = RootKey::from_secret([4; 32]).organisation();
    let grants = Body::Grant { grants: vec![given(council, role)] };
    author::control(&graph(known), &Acting { organisation: by.0, signer: Signer::Device(by.1), under: Some(under) }, grants).unwrap()
}

fn graph(known: &[VerifiedEntry]) -> Access {
    let mut graph = Access::default();
    for entry in known {
        graph.insert(entry.clone(), |_, _| true);
    }
    graph
}

/// Looks as often as there is something to look at; how often that was.
fn look(office: &mut Office, at: Timestamp) -> usize {
    for times in 1..100 {
        office.bar_some(at).unwrap();
        office.settle().unwrap();
        if office.barring.wake_in(at).is_none_or(|next| next > Duration::from_secs(1)) {
            return times;
        }
    }
    panic!("there is always something left to look at");
}

fn entries(office: &Office, document: &DocumentId) -> usize {
    office.access_of(document).unwrap().len()
}

fn counts(office: &Office, document: &DocumentId, entry: &VerifiedEntry) -> bool {
    office.access_of(document).unwrap().is_authorised(&entry.id())
}

fn said(office: &mut Office) -> Vec<String> {
    let lines = Desk::log(office, &Actor::default(), LogQuery::default()).unwrap();
    lines.into_iter().map(|line| line.detail).filter(|detail| detail.contains("has no say in it from here on")).collect()
}

#[test]
fn an_hour_after_its_newer_card_nothing_that_a_lost_device_signs_counts_also_if_the_node_was_off_meanwhile() {
    let (folder, mut office, [police, _]) = office();
    let genesis = begin(&mut office, vec![given(police, Role::Admin)], 7);
    let document = genesis.document();
    let by = (police, &lost());
    let honest = grants(std::slice::from_ref(&genesis), by, document.into(), Role::Read);
    publish(&mut office, vec![honest.clone()]);
    let mut office = learn(&folder, office, &[newer()]);
    let heard = now();
    let mut office = again(&folder, {
        look(&mut office, heard);
        office
    });
    look(&mut office, heard.plus_ms(ROOT_KEY_FIRST_MS - 60_000));
    assert_eq!(entries(&office, &document), 2, "the root key is left to speak first");
    assert!(office.wake_in() <= Duration::from_secs(60));
    office.bar_some(heard.plus_ms(ROOT_KEY_FIRST_MS)).unwrap();
    office.settle().unwrap();
    assert_eq!(entries(&office, &document), 2, "a node that was off catches up first");
    office.note(now(), Notice::InSync(police)).unwrap();
    look(&mut office, heard.plus_ms(ROOT_KEY_FIRST_MS));
    assert_eq!(entries(&office, &document), 3);

    let later = grants(&[genesis.clone(), honest.clone()], by, document.into(), Role::Admin);
    let backdated = grants(std::slice::from_ref(&genesis), by, document.into(), Role::Write);
    publish(&mut office, vec![later.clone(), backdated.clone()]);
    let verdicts = |office: &Office| [&honest, &later, &backdated].map(|entry| counts(office, &document, entry));
    assert_eq!(verdicts(&office), [true, false, false]);
    // What the police do from now on counts.
    let next = DeviceKey::from_seed(&[44; 32]);
    let acting = Acting { organisation: police, signer: Signer::Device(&next), under: Some(document.into()) };
    let theirs = author::control(&office.access_of(&document).unwrap(), &acting, Body::Grant { grants: Vec::new() }).unwrap();
    publish(&mut office, vec![theirs.clone()]);
    assert!(counts(&office, &document, &theirs));
    let lines = said(&mut office);
    assert!(lines.len() == 1 && lines[0].contains(&lost().device().short()) && lines[0].contains("Police"), "{lines:?}");

    // Once is enough, whenever it is looked again.
    let mut office = again(&folder, office);
    look(&mut office, heard.plus_ms(ROOT_KEY_FIRST_MS * 2));
    assert_eq!((entries(&office, &document), verdicts(&office)), (6, [true, false, false]));
}

#[test]
fn where_the_root_key_has_spoken_whoever_gave_the_role_says_nothing() {
    let (folder, mut office, [police, _]) = office();
    let genesis = begin(&mut office, vec![given(police, Role::Admin)], 7);
    let document = genesis.document();
    let mut office = learn(&folder, office, &[newer()]);
    let root = RootKey::from_secret([3; 32]);
    let acting = Acting { organisation: police, signer: Signer::Root(&root), under: None };
    let revoke = Body::Revoke { principal: Principal::Device(lost().device()), keep: Vec::new() };
    let word = author::control(&office.access_of(&document).unwrap(), &acting, revoke).unwrap();
    publish(&mut office, vec![word]);
    look(&mut office, now().plus_ms(ROOT_KEY_FIRST_MS));
    assert_eq!(entries(&office, &document), 2);
    assert!(said(&mut office).is_empty());
}

#[test]
fn an_admin_who_passed_a_role_on_bars_the_device_from_that_role_and_not_from_what_others_gave() {
    let (folder, mut office, [police, council]) = office();
    let (owner, us) = (DeviceKey::from_seed(&[4; 32]), office.machine.organisation());
    let first = vec![given(us, Role::Admin)];
    let genesis = author::genesis(council, Signer::Device(&owner), first, &mut Entropy::from_seed([7; 32])).unwrap();
    let document = genesis.document();
    publish(&mut office, vec![genesis.clone()]);
    let own = |body, access: &Access, office: &Office| {
        let acting = Acting { organisation: us, signer: Signer::Device(office.keys.device()), under: Some(document.into()) };
        author::control(access, &acting, body).unwrap()
    };
    let passed_on = own(Body::Grant { grants: vec![given(police, Role::Admin)] }, &office.access_of(&document).unwrap(), &office);
    publish(&mut office, vec![passed_on.clone()]);
    let acting = Acting { organisation: council, signer: Signer::Device(&owner), under: Some(document.into()) };
    let from_owner = Body::Grant { grants: vec![given(police, Role::Admin)] };
    let from_owner = author::control(&office.access_of(&document).unwrap(), &acting, from_owner).unwrap();
    publish(&mut office, vec![from_owner.clone()]);
    let known = [genesis, passed_on.clone(), from_owner.clone()];
    let by = (police, &lost());
    let mut office = learn(&folder, office, &[newer()]);
    look(&mut office, now().plus_ms(ROOT_KEY_FIRST_MS));
    assert_eq!(entries(&office, &document), 4);
    let under = |grant: &VerifiedEntry| grants(&known, by, grant.id(), Role::Read);
    let (ours, theirs) = (under(&passed_on), under(&from_owner));
    publish(&mut office, vec![ours.clone(), theirs.clone()]);
    assert_eq!([&ours, &theirs].map(|entry| counts(&office, &document, entry)), [false, true], "the owner is to speak itself");
    let replaced = office.machine.directory().replaced(&police, &lost().device()).unwrap();
    assert!(office.access_of(&document).unwrap().may_still_act(&replaced));
    look(&mut office, now().plus_ms(ROOT_KEY_FIRST_MS * 2));
    assert_eq!(entries(&office, &document), 6, "it is not said again and again");
}

#[test]
fn a_role_that_somebody_below_gives_afterwards_is_no_way_back_for_a_lost_device() {
    let (folder, mut office, [police, council]) = office();
    let mut office = learn(
        &folder,
        {
            begin(&mut office, vec![given(council, Role::Admin)], 8);
            office
        },
        &[newer()],
    );
    let genesis = begin(&mut office, vec![given(council, Role::Admin)], 7);
    let document = genesis.document();
    look(&mut office, now().plus_ms(ROOT_KEY_FIRST_MS));
    assert_eq!(entries(&office, &document), 1, "the police have no role");
    // The council has not heard of the newer card.
    let admin = DeviceKey::from_seed(&[4; 32]);
    let acting = Acting { organisation: council, signer: Signer::Device(&admin), under: Some(document.into()) };
    let to_police = Body::Grant { grants: vec![given(police, Role::Admin)] };
    let to_police = author::control(&office.access_of(&document).unwrap(), &acting, to_police).unwrap();
    publish(&mut office, vec![to_police.clone()]);
    assert_eq!(entries(&office, &document), 2, "the root key is left to speak first");
    // That it waits is on disk.
    let mut office = again(&folder, office);
    look(&mut office, now().plus_ms(ROOT_KEY_FIRST_MS));
    assert_eq!(entries(&office, &document), 3);
    let thiefs = grants(&[genesis, to_police.clone()], (police, &lost()), to_police.id(), Role::Read);
    publish(&mut office, vec![thiefs.clone()]);
    assert!(!counts(&office, &document, &thiefs) && counts(&office, &document, &to_police));
}

#[test]
fn what_a_thief_makes_of_a_copied_key_does_not_put_out_what_was_here_before() {
    let (folder, mut office, [police, _]) = office();
    let genesis = begin(&mut office, vec![given(police, Role::Admin)], 7);
    let document = genesis.document();
    let by = (police, &lost());
    let honest = grants(std::slice::from_ref(&genesis), by, document.into(), Role::Read);
    let mut forged = vec![genesis];
    for role in [Role::Relay, Role::Write, Role::Admin] {
        forged.push(grants(&forged, by, document.into(), role));
    }
    forged.remove(0);
    publish(&mut office, [vec![honest.clone()], forged.clone()].concat());
    let mut office = learn(&folder, office, &[newer()]);
    look(&mut office, now().plus_ms(ROOT_KEY_FIRST_MS));
    assert!(counts(&office, &document, &honest));
    assert!(forged.iter().all(|entry| !counts(&office, &document, entry)));
}

#[test]
fn a_revoke_of_its_successor_by_a_lost_device_is_not_kept_nor_what_follows_it() {
    let (folder, mut office, [police, _]) = office();
    let genesis = begin(&mut office, vec![given(police, Role::Admin)], 7);
    let document = genesis.document();
    let (key, next) = (lost(), DeviceKey::from_seed(&[44; 32]));
    let honest = grants(std::slice::from_ref(&genesis), (police, &key), document.into(), Role::Read);
    let acting = Acting { organisation: police, signer: Signer::Device(&key), under: Some(document.into()) };
    let attack = Body::Revoke { principal: Principal::Device(next.device()), keep: Vec::<Keep>::new() };
    let attack = author::control(&graph(&[genesis.clone(), honest.clone()]), &acting, attack).unwrap();
    publish(&mut office, vec![honest.clone(), attack.clone()]);
    let mut office = learn(&folder, office, &[newer()]);
    look(&mut office, now().plus_ms(ROOT_KEY_FIRST_MS));
    assert_eq!([&honest, &attack].map(|entry| counts(&office, &document, entry)), [true, false]);
}

#[test]
fn whoever_is_given_a_role_gets_it_without_its_lost_device_also_where_that_had_acted() {
    let (folder, mut office, [police, _]) = office();
    let assign = vec!["title=Gates".to_owned(), "problem=Alleys".to_owned(), "summary=Gates".to_owned(), "evidenceBasis=claim".to_owned()];
    let request = DraftRequest { kind: "guide".to_owned(), assign, to: to("Council"), ..DraftRequest::default() };
    let draft = office.draft(&Actor::default(), request).unwrap();
    let document = office.step(&Actor::default(), &draft.reference, "publish", StepRequest::default()).unwrap().id.unwrap();
    office.settle().unwrap();
    let grant = |role| GrantRequest { who: police.to_string(), role: Some(role), until: None, personal_data_checked: None };
    office.grant(&Actor::default(), &document.to_string(), grant(Role::Read)).unwrap();
    office.settle().unwrap();
    let before = office.access_of(&document).unwrap();
    let under = before.standing_for(&police, Role::Read, now()).unwrap();
    let key = lost();
    let acting = Acting { organisation: police, signer: Signer::Device(&key), under: Some(under) };
    let renounced = Body::Revoke { principal: Principal::Organisation(police), keep: Vec::new() };
    let given_up = author::control(&before, &acting, renounced).unwrap();
    publish(&mut office, vec![given_up]);
    let mut office = learn(&folder, office, &[newer()]);
    let access = office.access_of(&document).unwrap();
    assert!(access.has_entries_by(&key.device()) && access.entries(Plane::Control).count() > 1);
    office.grant(&Actor::default(), &document.to_string(), grant(Role::Write)).unwrap();
    office.settle().unwrap();
    let us = office.machine.organisation();
    assert!(office.access_of(&document).unwrap().is_barred(&key.device(), (&document.into(), &us)), "without an hour's wait");
}

#[test]
fn nobody_silences_another_by_a_card_for_its_device() {
    let (folder, mut office, [police, council]) = office();
    let both = vec![given(police, Role::Admin), given(council, Role::Admin)];
    let genesis = begin(&mut office, both, 7);
    let document = genesis.document();
    // The police claim the council's device, and then to have lost it; and this node's own.
    let claims = [card(1, DeviceKey::from_seed(&[4; 32]).device()), card(2, office.keys.device().device()), newer()];
    let mut office = learn(&folder, office, &claims);
    look(&mut office, now().plus_ms(ROOT_KEY_FIRST_MS));
    let us = office.machine.organisation();
    let access = office.access_of(&document).unwrap();
    assert!(access.is_barred(&lost().device(), (&document.into(), &us)));
    assert_eq!(access.len(), 2, "and no other device");
}

#[test]
fn nobody_silences_a_neighbour_in_what_that_is_given_later() {
    let (folder, mut office, [police, council]) = office();
    let genesis = begin(&mut office, vec![given(police, Role::Admin)], 7);
    let document = genesis.document();
    let (us, theirs) = (office.machine.organisation(), DeviceKey::from_seed(&[4; 32]).device());
    let neighbour = Peer {
        organisation: council,
        name: Name::new("Council").unwrap(),
        kind: OrganisationKind::Other,
        pairing: Pairing::Confirmed,
        paused: false,
        number: SecurityNumber::of((us, office.keys.device().device()), (council, theirs), &InvitationSecret::from_bytes([1; 32])),
        addresses: Vec::new(),
        since: now(),
    };
    office.storage.apply(&Write::Peer(neighbour)).unwrap();
    let mut office = learn(&folder, office, &[card(1, theirs), newer()]);
    look(&mut office, now().plus_ms(ROOT_KEY_FIRST_MS));
    let access = office.access_of(&document).unwrap();
    let barred = |device: &DeviceId| access.is_barred(device, (&document.into(), &us));
    assert!(barred(&lost().device()) && !barred(&theirs));
}

#[test]
fn an_organisation_that_goes_back_and_forth_between_devices_has_no_more_of_them_barred() {
    let (folder, mut office, [police, _]) = office();
    let document = begin(&mut office, vec![given(police, Role::Admin)], 7).document();
    let device = |number: u8| DeviceKey::from_seed(&[100 + number; 32]).device();
    let many: Vec<SignedCard> = (1..=40).map(|number| card(u64::from(number), device(number))).collect();
    let mut office = learn(&folder, office, &many);
    look(&mut office, now().plus_ms(ROOT_KEY_FIRST_MS));
    assert_eq!(entries(&office, &document), 1 + 32);
    let us = office.machine.organisation();
    let mut generation = 41;
    for number in 1..=40 {
        if !office.access_of(&document).unwrap().is_barred(&device(number), (&document.into(), &us)) {
            continue;
        }
        for next in [device(number), device(40)] {
            office = learn(&folder, office, &[card(generation, next)]);
            look(&mut office, now().plus_ms(ROOT_KEY_FIRST_MS));
            generation += 1;
        }
        if generation > 48 {
            break;
        }
    }
    assert_eq!(entries(&office, &document), 1 + 32);
}

#[test]
fn a_clock_that_was_ahead_when_the_node_started_holds_nothing_up() {
    let (folder, mut office, [police, _]) = office();
    let document = begin(&mut office, vec![given(police, Role::Admin)], 7).document();
    let mut office = learn(&folder, office, &[newer()]);
    let before = Timestamp::from_ms(now().as_ms() - 24 * ROOT_KEY_FIRST_MS);
    look(&mut office, before);
    assert_eq!(entries(&office, &document), 1);
    look(&mut office, before.plus_ms(ROOT_KEY_FIRST_MS));
    assert_eq!(entries(&office, &document), 2);
}

#[test]
fn many_documents_are_looked_at_some_at_a_time() {
    let (folder, mut office, [police, _]) = office();
    let documents: Vec<DocumentId> = (0..150).map(|nonce| begin(&mut office, vec![given(police, Role::Read)], nonce).document()).collect();
    let mut office = learn(&folder, office, &[newer()]);
    let at = now().plus_ms(ROOT_KEY_FIRST_MS);
    office.bar_some(at).unwrap();
    office.settle().unwrap();
    let barred = |office: &Office| documents.iter().filter(|document| entries(office, document) == 2).count();
    assert_eq!(barred(&office), 64);
    // What is left is found again after a restart.
    let mut office = again(&folder, office);
    let at = now().plus_ms(ROOT_KEY_FIRST_MS);
    assert!(look(&mut office, at) >= 2);
    assert_eq!(barred(&office), 150);
    assert_eq!(said(&mut office).len(), 100, "a page of the log");
}
