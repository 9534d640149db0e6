//! After an organisation lost a device.

use super::*;
use crate::desk::{DocumentQuery, ExportFormat, GrantRequest, LogQuery, ReleaseRequest, RetentionQuery};
use crate::storage::PutBack;
use csu_protocol::entry::Plane;
use csu_protocol::sync::Fault;

fn brixton(generation: u64, device: DeviceId) -> SignedCard {
    let root = RootKey::from_secret([1; 32]);
    SignedCard::sign(&root, generation, device, Name::new("Brixton").unwrap(), OrganisationKind::Union)
}

fn guide(office: &mut Office, to: Vec<Recipient>) -> DocumentId {
    let assign = vec!["title=Gates".to_owned(), "problem=Alleys".to_owned(), "summary=Gates".to_owned(), "evidenceBasis=claim".to_owned()];
    let request = DraftRequest { kind: "guide".to_owned(), assign, to, ..DraftRequest::default() };
    let draft = office.draft(&Actor::default(), request).unwrap();
    let published = office.step(&Actor::default(), &draft.reference, "publish", StepRequest::default()).unwrap();
    office.settle().unwrap();
    published.id.unwrap()
}

/// An older device of Brixton's, whose card loses against the one in use.
fn older(office: &Office) -> SignedCard {
    let current = office.machine.card();
    let cards = (10..=255).map(|byte| brixton(0, DeviceKey::from_seed(&[byte; 32]).device()));
    cards.into_iter().find(|card| current.supersedes(card)).unwrap()
}

#[test]
fn a_document_that_came_back_from_a_backup_is_shown_to_nobody_until_it_is_confirmed() {
    let (folder, mut office, _) = office();
    let actor = Actor::default();
    let shared = guide(&mut office, to("Police")).to_string();
    let private = guide(&mut office, Vec::new()).to_string();
    office.storage.mark_all_unreconciled().unwrap();
    office.close().unwrap();
    let mut office = opened(folder.path(), Storage::open(folder.path(), Options::default()).unwrap().storage);

    let status = office.status().unwrap();
    assert_eq!(status.unreconciled, 2);
    assert!(status.summary.contains("2 documents from a backup silent until a neighbour confirms"), "{}", status.summary);
    assert!(office.documents(&actor, DocumentQuery::default()).unwrap().items.is_empty());
    let far = RetentionQuery { before: Some("9999-01-01T00:00:00Z".parse().unwrap()), ..RetentionQuery::default() };
    assert!(office.retention(&actor, far).unwrap().items.is_empty());
    let grant = GrantRequest { who: "Council".to_owned(), role: Some(Role::Read), until: None, personal_data_checked: None };
    let refused = [
        office.document(&actor, &shared).unwrap_err(),
        office.history(&actor, &shared).unwrap_err(),
        office.export(&actor, &shared, ExportFormat::Json).unwrap_err(),
        office.access(&actor, &shared).unwrap_err(),
        office.grant(&actor, &shared, grant).unwrap_err(),
    ];
    for problem in refused {
        assert!(problem.to_string().contains("came back from a backup and waits until a neighbour has confirmed it"), "{problem}");
    }
    office.machine.reconcile_alone();
    office.settle().unwrap();
    assert_eq!(office.status().unwrap().unreconciled, 1, "nobody else ever knew of the private one");
    office.document(&actor, &private).unwrap();
    let listed = office.documents(&actor, DocumentQuery::default()).unwrap().items;
    assert_eq!(listed.iter().map(|line| line.id.unwrap().to_string()).collect::<Vec<_>>(), [private]);
}

#[test]
fn what_waits_for_neighbours_that_are_gone_for_good_is_released_by_hand_one_or_all_and_logged() {
    let (folder, mut office, [police, _]) = office();
    let actor = Actor::named("Jo").unwrap();
    let (one, other) = (guide(&mut office, to("Police")), guide(&mut office, to("Police")));
    office.storage.begin_put_back(PutBack::Copied, now()).unwrap();
    office.close().unwrap();
    let mut office = opened(folder.path(), Storage::open(folder.path(), Options::default()).unwrap().storage);

    let silence = office.silent(&actor).unwrap();
    assert_eq!((silence.documents, silence.signing_waits, silence.more), (2, true, 0));
    assert_eq!(silence.waits_for.iter().map(|awaited| (awaited.who.id, awaited.documents)).collect::<Vec<_>>(), [(police, 2)]);
    let failed = |office: &mut Office, name: &str| office.doctor().unwrap().into_iter().find(|check| check.name == name && !check.ok);
    for name in ["older copy", "silent documents"] {
        assert!(failed(&mut office, name).unwrap().remedy.unwrap().contains("`csu release`"));
    }
    let update = |office: &mut Office, of: &DocumentId| {
        let request = StepRequest { assign: vec!["summary=Gates and locks".to_owned()], ..StepRequest::default() };
        office.step(&actor, &of.to_string(), "publish", request)
    };
    for wrong in ["ffff", "zz", "d1"] {
        office.release_silent(&actor, ReleaseRequest { document: Some(wrong.to_owned()) }).unwrap_err();
    }
    let done = office.release_silent(&actor, ReleaseRequest { document: Some(one.to_string()) }).unwrap();
    office.settle().unwrap();
    assert_eq!((done.released, done.silent, done.signing_waits), (1, 1, true));
    office.document(&actor, &one.to_string()).unwrap();
    let problem = update(&mut office, &one).unwrap_err().to_string();
    assert!(problem.contains("is an older copy"), "{problem}");
    office.document(&actor, &other.to_string()).unwrap_err();
    let done = office.release_silent(&actor, ReleaseRequest::default()).unwrap();
    office.settle().unwrap();
    assert_eq!((done.released, done.silent, done.signing_waits), (1, 0, false));
    update(&mut office, &one).unwrap();
    update(&mut office, &other).unwrap();
    office.settle().unwrap();
    let problem = office.release_silent(&actor, ReleaseRequest::default()).unwrap_err();
    assert!(problem.to_string().contains("no document waits to be confirmed"), "{problem}");
    let released = |office: &mut Office| {
        assert!(failed(office, "older copy").is_none() && failed(office, "silent documents").is_none());
        let checks = office.doctor().unwrap();
        checks.iter().any(|check| check.name == "older copy" && check.detail.contains("had it go on without them"))
    };
    assert!(released(&mut office));
    let lines = Desk::log(&mut office, &actor, LogQuery::default()).unwrap();
    let logged: Vec<_> = lines.iter().filter(|line| line.detail.contains("no neighbour has confirmed")).collect();
    assert_eq!(logged.iter().map(|line| (line.who.as_str(), line.document)).collect::<Vec<_>>(), [("Jo", None), ("Jo", Some(one))]);
    office.close().unwrap();
    let mut office = opened(folder.path(), Storage::open(folder.path(), Options::default()).unwrap().storage);
    assert!(released(&mut office) && office.status().unwrap().unreconciled == 0);
}

#[test]
fn whoever_begins_a_document_or_lets_somebody_into_it_bars_the_devices_that_were_replaced() {
    let (folder, mut office, [police, _]) = office();
    let (own, theirs) = (older(&office), DeviceKey::from_seed(&[3; 32]).device());
    let police_card = |generation, device| {
        SignedCard::sign(&RootKey::from_secret([3; 32]), generation, device, Name::new("Police").unwrap(), OrganisationKind::Police)
    };
    for card in [own.clone(), police_card(4, DeviceId::new([44; 32]))] {
        office.storage.apply(&Write::Card { card, brought_by: None }).unwrap();
    }
    office.close().unwrap();
    let mut office = opened(folder.path(), Storage::open(folder.path(), Options::default()).unwrap().storage);
    assert_eq!(own.card().organisation, office.machine.organisation());
    let document = guide(&mut office, to("Police"));
    let access = office.access_of(&document).unwrap();
    let us = office.machine.organisation();
    for device in [own.card().device, theirs] {
        assert!(access.is_barred(&device, (&document.into(), &us)), "{}", device.short());
    }
    assert_eq!(access.entries(Plane::Control).count(), 3, "the genesis, and each once");
    assert!(access.role_now(&police, now()).is_some());

    let private = guide(&mut office, Vec::new());
    assert!(!office.access_of(&private).unwrap().is_barred(&theirs, (&private.into(), &us)));
    let request = GrantRequest { who: "Police".to_owned(), role: Some(Role::Read), until: None, personal_data_checked: None };
    office.grant(&Actor::default(), &private.to_string(), request).unwrap();
    assert!(office.access_of(&private).unwrap().is_barred(&theirs, (&private.into(), &us)));
}

#[test]
fn where_a_lost_device_can_still_act_is_looked_for_in_pieces_and_a_doctor_is_told_what_was_found_so_far() {
    let (folder, mut office, _) = office();
    let own = older(&office);
    office.storage.apply(&Write::Card { card: own, brought_by: None }).unwrap();
    office.close().unwrap();
    let mut office = opened(folder.path(), Storage::open(folder.path(), Options::default()).unwrap().storage);
    let lost = |office: &mut Office| office.doctor().unwrap().into_iter().find(|check| check.name == "lost device");
    assert_eq!(lost(&mut office), None);
    let us = office.machine.organisation();
    let begin = |office: &mut Office, number: u16| {
        let mut nonce = [0; 32];
        nonce[..2].copy_from_slice(&number.to_le_bytes());
        let own = Signer::Device(office.keys.device());
        let genesis = author::genesis(us, own, Vec::new(), &mut Entropy::from_seed(nonce)).unwrap();
        office.publish(genesis).unwrap();
        office.settle().unwrap();
    };
    // A few are looked at while the doctor waits, each time anew.
    for number in 0..2 {
        begin(&mut office, number);
        let said = lost(&mut office).unwrap();
        assert!(!said.ok && said.detail.contains(&format!("in {} document", number + 1)) && !said.detail.contains("so far"), "{said:?}");
    }
    (2..600).for_each(|number| begin(&mut office, number));
    let said = lost(&mut office).unwrap();
    assert!(said.detail.contains("in 51") && said.detail.contains("512 of 600 looked at so far"), "{said:?}");
    assert!(office.wake_in() <= std::time::Duration::from_millis(20), "the rest follows by itself");
    office.tick();
    office.settle().unwrap();
    let said = lost(&mut office).unwrap();
    assert!(said.detail.contains("in 600 documents") && !said.detail.contains("so far"), "{said:?}");
}

#[test]
fn a_node_whose_organisation_was_restored_elsewhere_stops_and_does_not_start_again() {
    let (folder, mut office, _) = office();
    let newer = brixton(9, DeviceId::new([99; 32]));
    office.storage.apply(&Write::Card { card: newer.clone(), brought_by: None }).unwrap();
    office.storage.commit().unwrap();
    office.rebuild().unwrap();
    let draft = DraftRequest { kind: "note".to_owned(), to: to("Police"), ..DraftRequest::default() };
    let draft = DraftRequest { assign: vec!["subject=A".to_owned(), "text=B".to_owned()], ..draft };
    let draft = office.draft(&Actor::default(), draft).unwrap();
    let problem = office.step(&Actor::default(), &draft.reference, "send", StepRequest::default()).unwrap_err();
    assert!(problem.to_string().contains("this organisation was restored on another device"), "{problem}");
    let stopped = office.check_replaced().unwrap_err().to_string();
    assert!(stopped.contains(&newer.card().device.short()) && stopped.contains("put this data folder away"), "{stopped}");
    office.close().unwrap();
    let flags = Flags { data: Some(folder.path().to_owned()), ..Flags::default() };
    let (config, storage) = (Config::load(&flags, []).unwrap(), Storage::open(folder.path(), Options::default()).unwrap().storage);
    let birth = Birth::new(&Zeroizing::new([1; 32]), Zeroizing::new([2; 32]), Name::new("Brixton").unwrap(), OrganisationKind::Union);
    let again = Office::open(birth.unwrap().keys, config, storage, Box::new(Nowhere), Vec::new(), IntegrityResult::Ok, None);
    assert!(matches!(again, Err(OfficeError::Replaced(_))));
}

#[test]
fn strangers_who_show_nothing_do_not_fill_the_log() {
    let (_folder, mut office, _) = office();
    let fault = |byte| Notice::Fault { device: DeviceId::new([byte; 32]), organisation: None, fault: Fault::NotInvited };
    let at = now();
    for byte in 1..=200 {
        office.note(at, fault(byte)).unwrap();
    }
    office.note(at.plus_ms(60_000), fault(201)).unwrap();
    office.settle().unwrap();
    let lines = Desk::log(&mut office, &Actor::default(), LogQuery::default()).unwrap();
    let found: Vec<&str> = lines.iter().map(|line| line.detail.as_str()).filter(|detail| detail.contains("invitation")).collect();
    assert_eq!(found.len(), 51, "{found:?}");
    assert!(found[0].contains("before it 150 more faults of strangers"), "{found:?}");
}
