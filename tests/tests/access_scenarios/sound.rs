//! What is no entry at all: judged on its own past, for good.

use crate::stage::{A, B, C, CAST, OWNER, View, acting, bent, device, grant, grants, organisation};
use csu_protocol::access::{Insertion, Missing, Unsound};
use csu_protocol::author::{self, Acting};
use csu_protocol::entropy::Entropy;
use csu_protocol::entry::{Body, Grant, Keep, Plane, Reason, Role, Signer, Subject};

#[test]
fn keeping_control_entries_of_others_or_unseen_ones_is_unsound() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin), grant(B, Role::Admin)]);
    let by_b = view.write(B, genesis, grants(C, Role::Read));
    let mut other = view.part();
    let unseen = other.write(A, genesis, grants(C, Role::Read));
    let revoke = |author, entry| Body::Revoke { principal: organisation(A), keep: vec![Keep { author, plane: Plane::Control, entry }] };
    let of_another = view.make(&acting(OWNER, genesis), revoke(device(B), by_b));
    let second = Acting { signer: Signer::Device(&CAST.members[A].devices[1]), ..acting(A, genesis) };
    let by_second = view.take(view.make(&second, grants(C, Role::Write)));
    let misattributed = view.make(&acting(OWNER, genesis), revoke(device(A), by_second));
    let not_in_past = view.make(&acting(OWNER, genesis), revoke(device(A), unseen));
    view.meet(&mut other);
    for entry in [of_another, misattributed, not_in_past] {
        assert_eq!(view.unsound(entry), Unsound::Keep);
    }
}

#[test]
fn an_entry_cannot_be_replayed_into_another_document() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let (mut other, _) = View::new(vec![]);
    let entry = view.make(&acting(A, genesis), grants(B, Role::Read));
    assert_eq!(other.unsound(entry.clone()), Unsound::OtherDocument);
    assert_eq!(other.unsound(view.log[0].clone()), Unsound::OtherDocument);
    // Naming the other document, its author would have to sign it anew, and name what is not there.
    let document = other.access.document();
    let renamed = bent(A, &entry, |header| header.document = document);
    assert!(matches!(other.insert(renamed), Insertion::Pending(_, Missing { card: false, .. })));
    view.take(entry);
}

#[test]
fn a_chain_with_a_wrong_seq_or_previous_is_unsound() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let first = view.write(A, genesis, grants(B, Role::Read));
    let key = view.take(view.make_key(A, genesis));
    let by_owner = view.write(OWNER, genesis, grants(C, Role::Read));
    let second = view.make(&acting(A, genesis), grants(C, Role::Read));
    assert_eq!((second.header().seq, second.header().previous), (1, Some(first)));
    let skips = bent(A, &second, |header| header.seq = 2);
    let anothers = bent(A, &second, |header| header.previous = Some(by_owner));
    let other_plane = bent(A, &view.make_key(A, genesis), |header| header.previous = Some(first));
    let not_in_control = bent(A, &second, |header| header.previous = Some(key));
    // A device's chain is its own, also within one organisation.
    let of_second = Acting { signer: Signer::Device(&CAST.members[A].devices[1]), ..acting(A, genesis) };
    let by_second = view.take(view.make(&of_second, grants(C, Role::Read)));
    let other_device = bent(A, &second, |header| header.previous = Some(by_second));
    for entry in [skips, anothers, other_plane, not_in_control, other_device] {
        assert_eq!(view.unsound(entry), Unsound::Chain);
    }
    view.take(second);
}

#[test]
fn each_role_allows_what_it_says_and_no_more() {
    let given = vec![grant(A, Role::Relay), grant(B, Role::Read), grant(C, Role::Write)];
    let (mut view, genesis) = View::new(given);
    let withdraw = || Body::Withdraw { reason: Reason::Other };
    assert_eq!(view.unsound(view.make_response(A, genesis)), Unsound::Role);
    assert_eq!(view.unsound(view.make_key(B, genesis)), Unsound::Role);
    for body in [withdraw(), grants(4, Role::Read), Body::Revoke { principal: organisation(A), keep: vec![] }, Body::Erase] {
        let entry = view.make(&acting(C, genesis), body);
        assert_eq!(view.unsound(entry), Unsound::Role);
    }
    assert_eq!(view.unsound(view.make_response(4, genesis)), Unsound::NoStanding);
    view.take(view.make_response(B, genesis));
    view.take(view.make_key(C, genesis));
    let admin = view.write(OWNER, genesis, grants(4, Role::Admin));
    assert_eq!(view.unsound(view.make(&acting(4, admin), Body::Erase)), Unsound::Role);
    view.write(4, admin, withdraw());
    assert_eq!(view.access.withdrawal().map(|(_, by, reason)| (by, reason)), Some((CAST.members[4].id, Reason::Other)));
}

#[test]
fn anyone_reads_and_does_nothing_else() {
    let anyone = |role| vec![Grant { subject: Subject::Anyone, role, until: None }];
    let (mut view, genesis) = View::new(anyone(Role::Read));
    for role in [Role::Relay, Role::Write, Role::Admin] {
        let entry = view.make(&acting(OWNER, genesis), Body::Grant { grants: anyone(role) });
        assert_eq!(view.unsound(entry), Unsound::Grants);
    }
    assert_eq!(view.unsound(view.make_response(A, genesis)), Unsound::NoStanding);
}

#[test]
fn delegation_ends_six_levels_below_the_owner() {
    let (mut view, genesis) = View::new(vec![grant(1, Role::Admin)]);
    let mut under = genesis;
    for who in 1..=5 {
        under = view.write(who, under, grants(who + 1, Role::Admin));
    }
    let too_deep = view.make(&acting(6, under), grants(7, Role::Read));
    assert_eq!(view.unsound(too_deep), Unsound::Depth);
    // The last may still do all else.
    view.write(6, under, Body::Withdraw { reason: Reason::Mistaken });
    assert!(view.access.withdrawal().is_some());
    assert_eq!(view.access.rows().last().map(|row| row.chain.len()), Some(6));
    // Taking the first takes all.
    view.evict(OWNER, genesis, 1);
    assert!((1..=6).all(|who| view.role(who).is_none()) && view.access.withdrawal().is_none());
}

#[test]
fn an_entry_waits_for_its_authors_card_and_for_its_past() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let mut later = view.part();
    let first = view.write(A, genesis, grants(B, Role::Read));
    let second = view.make(&acting(A, genesis), grants(C, Role::Read));
    let Insertion::Pending(second, missing) = later.insert(second) else { panic!("its past is missing") };
    assert_eq!(missing, Missing { entries: vec![first], card: false });
    let first = view.log[1].clone();
    let Insertion::Pending(first, missing) = later.access.insert(first, |_, _| false) else { panic!("its card is missing") };
    assert_eq!(missing, Missing { entries: vec![], card: true });
    later.take(first);
    later.take(second);
    assert_eq!((later.role(B), later.role(C)), (Some(Role::Read), Some(Role::Read)));
}

#[test]
fn a_device_of_one_organisation_does_not_act_for_another() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let forged = Acting { organisation: CAST.members[A].id, ..acting(B, genesis) };
    let entry = view.make(&forged, grants(B, Role::Admin));
    assert!(matches!(view.insert(entry), Insertion::Pending(_, Missing { card: true, .. })));
}

#[test]
fn control_names_no_content() {
    let (mut view, genesis) = View::new(vec![]);
    let key = view.take(view.make_key(OWNER, genesis));
    let entry = bent(OWNER, &view.make(&acting(OWNER, genesis), grants(A, Role::Read)), |header| {
        header.parents.push(key);
        header.parents.sort();
    });
    assert_eq!(view.unsound(entry), Unsound::Plane);
}

#[test]
fn epoch_deps_under_and_erase_name_what_they_should() {
    let (mut view, genesis) = View::new(vec![]);
    let key = view.take(view.make_key(OWNER, genesis));
    let revision = view.revise(OWNER, genesis, key, &[]);
    let given = view.write(OWNER, genesis, grants(A, Role::Admin));
    let withdraw = view.write(OWNER, genesis, Body::Withdraw { reason: Reason::Other });
    let owner = acting(OWNER, genesis);
    for entry in [
        view.make_revision(&owner, revision, vec![], 1),
        view.make_revision(&owner, genesis, vec![], 1),
        view.make_revision(&owner, key, vec![key], 1),
        view.make_revision(&owner, key, vec![given], 1),
        view.make(&owner, Body::Receipt { erase: withdraw }),
        view.make_key(OWNER, withdraw),
    ] {
        assert_eq!(view.unsound(entry), Unsound::Kind);
    }
}

#[test]
fn a_device_with_cards_of_two_organisations_has_a_chain_for_each() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin), grant(B, Role::Admin)]);
    view.write(A, genesis, grants(C, Role::Read));
    // B says that A's device is its own too.
    let second = view.make(&acting(A, genesis), grants(C, Role::Write));
    let for_b = bent(A, &second, |header| header.organisation = CAST.members[B].id);
    let Insertion::Unsound(_, why) = view.access.insert(for_b, |_, _| true) else { panic!("it chains to what the device did for A") };
    assert_eq!(why, Unsound::Chain);
}

#[test]
fn a_genesis_gives_nothing_to_its_owner_and_only_read_to_anyone() {
    let owner = &CAST.members[OWNER];
    let begin = |given: Grant| {
        let signer = Signer::Device(&owner.devices[0]);
        author::genesis(owner.id, signer, vec![given], &mut Entropy::from_seed([9; 32])).unwrap()
    };
    let to_anyone = |role| Grant { subject: Subject::Anyone, role, until: None };
    for given in [grant(OWNER, Role::Read), to_anyone(Role::Relay), to_anyone(Role::Write)] {
        assert_eq!(View::default().unsound(begin(given)), Unsound::Grants);
    }
    View::default().take(begin(to_anyone(Role::Read)));
}
