//! Lost and stolen devices, and what root keys say of them.

use crate::stage::{A, B, C, CAST, OWNER, View, acting, device, grant, grants, organisation, root};
use csu_protocol::access::{Insertion, Unsound};
use csu_protocol::author::{self, Acting};
use csu_protocol::entry::{Author, Body, Keep, Plane, Principal, Role, Signer};
use csu_protocol::id::EntryId;
use csu_protocol::identity::DeviceKey;
use std::collections::BTreeSet;

#[test]
fn a_stolen_device_is_revoked_by_its_root_key_and_the_new_one_goes_on() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Write)]);
    let key = view.take(view.make_key(OWNER, genesis));
    let honest = view.revise(A, genesis, key, &[]);
    let mut thief = view.part();
    let principal = Principal::Device(CAST.members[A].device(0));
    let keep = view.access.keep_all_of(&CAST.members[A].id);
    let word = view.take(view.make(&root(A), Body::Revoke { principal, keep }));
    let stolen = thief.revise(A, genesis, key, &[honest]);
    view.meet(&mut thief);
    assert!(view.counts(word) && view.counts(honest) && !view.counts(stolen));
    let second = Acting { signer: Signer::Device(&CAST.members[A].devices[1]), ..acting(A, genesis) };
    let new_device = view.take(view.make_revision(&second, key, vec![honest], 7));
    assert!(view.counts(new_device));
    assert_eq!(view.role(A), Some(Role::Write));
    let late = view.make_revision(&acting(A, genesis), key, vec![], 8);
    assert_eq!(view.unsound(late), Unsound::Revoked);
}

#[test]
fn the_root_key_of_the_owner_takes_back_what_its_stolen_device_did() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let keep = view.access.keep_all_of(&CAST.members[OWNER].id);
    let mut thief = view.part();
    let evicted = thief.evict(OWNER, genesis, A);
    let erase = thief.write(OWNER, genesis, Body::Erase);
    assert!(thief.access.is_erased());
    let principal = Principal::Device(CAST.members[OWNER].device(0));
    let keep: Vec<Keep> = keep.into_iter().filter(|keep| keep.author == device(OWNER)).collect();
    view.take(view.make(&root(OWNER), Body::Revoke { principal, keep }));
    view.meet(&mut thief);
    assert!(view.counts(genesis) && !view.counts(evicted) && !view.counts(erase) && !view.access.is_erased());
    assert_eq!(view.role(A), Some(Role::Admin));
}

#[test]
fn the_root_key_of_an_evicted_organisation_cannot_void_what_the_evictor_kept() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let to_b = view.write(A, genesis, grants(B, Role::Write));
    let mut angry = view.part();
    view.revoke(OWNER, genesis, A);
    let word = Body::Revoke { principal: Principal::Device(CAST.members[A].device(0)), keep: Vec::new() };
    let word = angry.take(angry.make(&root(A), word));
    assert_eq!(angry.role(B), None);
    view.meet(&mut angry);
    assert!(view.counts(word) && view.counts(to_b));
    assert_eq!(view.role(B), Some(Role::Write));
}

#[test]
fn a_root_key_that_spoke_before_the_eviction_is_kept_with_the_rest() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let thiefs = view.write(A, genesis, grants(B, Role::Write));
    let word = Body::Revoke { principal: Principal::Device(CAST.members[A].device(0)), keep: Vec::new() };
    view.take(view.make(&root(A), word));
    view.revoke(OWNER, genesis, A);
    assert!(!view.counts(thiefs));
    assert_eq!(view.role(B), None);
}

#[test]
fn a_root_key_speaks_for_its_own_devices_alone() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Write), grant(B, Role::Write)]);
    let key = view.take(view.make_key(A, genesis));
    let word = Body::Revoke { principal: Principal::Device(CAST.members[A].device(0)), keep: Vec::new() };
    view.take(view.make(&root(B), word.clone()));
    assert!(view.counts(key));
    assert_eq!(view.unsound(view.make(&root(C), word)), Unsound::RootUnnamed);
}

#[test]
fn a_device_revoked_from_above_falls_and_a_regrant_does_not_restore_it() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Write), grant(B, Role::Admin)]);
    let key = view.take(view.make_key(A, genesis));
    let body = Body::Revoke { principal: Principal::Device(CAST.members[A].device(0)), keep: Vec::new() };
    view.write(B, genesis, body.clone());
    assert!(view.counts(key), "a peer is not above");
    view.write(OWNER, genesis, body);
    assert!(!view.counts(key));
    let again = view.write(OWNER, genesis, grants(A, Role::Write));
    assert_eq!(view.unsound(view.make_key(A, again)), Unsound::Revoked);
}

#[test]
fn a_root_key_of_which_the_evictor_kept_one_word_adds_no_other_after_the_eviction() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let to_b = view.write(A, genesis, grants(B, Role::Write));
    let word = |device: usize| Body::Revoke { principal: Principal::Device(CAST.members[A].device(device)), keep: Vec::new() };
    let first = view.take(view.make(&root(A), word(1)));
    let mut angry = view.part();
    let evicted = view.revoke(OWNER, genesis, A);
    let second = angry.take(angry.make(&root(A), word(0)));
    assert_eq!(angry.role(B), None);
    view.meet(&mut angry);
    assert!([first, evicted, second].iter().all(|entry| view.counts(*entry)) && view.counts(to_b));
    assert_eq!(view.role(B), Some(Role::Write));
}

fn barring(device: usize) -> Body {
    Body::Revoke { principal: Principal::Device(CAST.members[OWNER].device(device)), keep: Vec::new() }
}

fn second(under: EntryId) -> Acting<'static> {
    Acting { signer: Signer::Device(&CAST.members[OWNER].devices[1]), ..acting(OWNER, under) }
}

#[test]
fn the_device_that_began_a_document_says_which_others_of_the_owner_may_not_act_in_it() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let mut thief = view.part();
    let word = view.write(OWNER, genesis, barring(1));
    // The thief of an older device, shown the document by a reader, acts as the owner: not knowing, and knowing.
    let to_b = thief.take(thief.make(&second(genesis), grants(B, Role::Admin)));
    let evicted = thief.take(thief.make(&second(genesis), Body::Revoke { principal: organisation(A), keep: Vec::new() }));
    let by_b = thief.write(B, to_b, grants(C, Role::Read));
    view.meet(&mut thief);
    assert!(view.counts(word));
    assert!([to_b, evicted, by_b].iter().all(|entry| !view.counts(*entry)));
    assert_eq!(view.unsound(view.make(&second(genesis), grants(B, Role::Read))), Unsound::Revoked);
    assert_eq!((view.role(A), view.role(B), view.role(C)), (Some(Role::Admin), None, None));
}

#[test]
fn no_other_device_of_the_owner_says_so_of_any_nor_an_admin_of_the_owners() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let own = view.write(OWNER, genesis, grants(B, Role::Read));
    let later = view.take(view.make(&second(genesis), grants(C, Role::Read)));
    for device in [0, 1] {
        view.take(view.make(&second(genesis), barring(device)));
        view.write(A, genesis, barring(device));
    }
    assert!(view.counts(own) && view.counts(later));
    view.write(OWNER, genesis, grants(B, Role::Write));
    view.take(view.make(&second(genesis), grants(C, Role::Write)));
    // The one that began it says nothing of itself either.
    view.write(OWNER, genesis, barring(0));
    let after = view.write(OWNER, genesis, grants(B, Role::Admin));
    assert!(view.counts(after));
}

#[test]
fn of_three_devices_of_the_owner_only_the_one_that_began_a_document_bars_another() {
    let (view, genesis) = View::new(vec![grant(A, Role::Read)]);
    let mut access = view.access.clone();
    let third = DeviceKey::from_seed(&[77; 32]);
    let mut sign = |signer: Signer<'_>, body: Body| {
        let entry = author::control(&access, &Acting { signer, ..acting(OWNER, genesis) }, body).unwrap();
        let id = entry.id();
        assert!(matches!(access.insert(entry, |_, _| true), Insertion::Sound(_)));
        assert!(access.is_authorised(&id));
    };
    sign(Signer::Device(&third), barring(1));
    sign(Signer::Device(&CAST.members[OWNER].devices[1]), grants(B, Role::Read));
}

#[test]
fn the_device_that_began_a_document_says_nothing_by_a_role_that_somebody_gave_it() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let to_owner = view.write(A, genesis, grants(OWNER, Role::Admin));
    view.write(OWNER, to_owner, barring(1));
    for under in [to_owner, genesis] {
        let by_other = view.take(view.make(&second(under), grants(C, Role::Read)));
        assert!(view.counts(by_other));
    }
}

#[test]
fn the_device_that_began_a_document_keeps_what_another_did_if_it_says_so() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Read)]);
    let kept = view.take(view.make(&second(genesis), grants(B, Role::Read)));
    let mut unaware = view.part();
    let keep = vec![Keep { author: Author::Device(CAST.members[OWNER].device(1)), plane: Plane::Control, entry: kept }];
    view.write(OWNER, genesis, Body::Revoke { principal: Principal::Device(CAST.members[OWNER].device(1)), keep });
    let not_kept = unaware.take(unaware.make(&second(genesis), grants(C, Role::Read)));
    view.meet(&mut unaware);
    assert!(view.counts(kept) && !view.counts(not_kept));
}

#[test]
fn a_thief_of_the_device_that_began_a_document_does_not_lock_the_owner_out() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Read)]);
    let mut honest = view.part();
    // The thief is the first to speak of the owner's next device, and that device has seen it.
    let word = view.write(OWNER, genesis, barring(1));
    let unknowing = honest.take(honest.make(&second(genesis), grants(B, Role::Read)));
    view.meet(&mut honest);
    let (us, next) = (CAST.members[OWNER].id, CAST.members[OWNER].device(1));
    assert!(!view.counts(unknowing) && view.access.is_barred(&next, (&genesis, &us)));
    assert_eq!(view.unsound(view.make(&second(genesis), grants(C, Role::Read))), Unsound::Revoked);
    let root_word = {
        let successors = BTreeSet::from([CAST.members[OWNER].device(1)]);
        let body = view.access.disown(&CAST.members[OWNER].id, &CAST.members[OWNER].device(0), &successors, BTreeSet::new).unwrap();
        view.take(view.make(&root(OWNER), body))
    };
    assert!(view.counts(root_word) && view.counts(genesis) && !view.counts(word) && view.counts(unknowing));
    let on = view.take(view.make(&second(genesis), grants(C, Role::Read)));
    assert!(view.counts(on));
    assert!(!view.access.is_barred(&next, (&genesis, &us)));
    // Nor does the thief, afterwards, from where it had not heard.
    let mut thief = honest.part();
    thief.write(OWNER, genesis, barring(1));
    view.meet(&mut thief);
    assert!(view.counts(on) && view.counts(unknowing));
}

#[test]
fn a_root_key_that_kept_what_a_thief_said_of_its_successor_says_it_again_with_less() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Read)]);
    let honest = view.write(OWNER, genesis, grants(B, Role::Read));
    let (us, old) = (CAST.members[OWNER].id, CAST.members[OWNER].device(0));
    let successors = BTreeSet::from([CAST.members[OWNER].device(1)]);
    let barred = view.write(OWNER, genesis, barring(1));
    let keep = view.access.keep_all_of(&us);
    view.take(view.make(&root(OWNER), Body::Revoke { principal: Principal::Device(old), keep }));
    assert!(view.counts(barred));
    let again = view.access.disown(&us, &old, &successors, BTreeSet::new).unwrap();
    view.take(view.make(&root(OWNER), again));
    assert!(view.counts(honest) && !view.counts(barred));
    assert_eq!(view.access.disown(&us, &old, &successors, BTreeSet::new), None);
    assert_eq!(view.access.disown(&us, &old, &BTreeSet::new(), BTreeSet::new), None);
}

#[test]
fn what_a_root_key_disowns_keeps_all_that_is_known_in_both_planes() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Write)]);
    let key = view.take(view.make_key(OWNER, genesis));
    let given = view.write(OWNER, genesis, grants(B, Role::Read));
    let mut thief = view.part();
    let (us, old) = (CAST.members[OWNER].id, CAST.members[OWNER].device(0));
    assert!(!view.access.is_vouched_by_root());
    let mut harsh = view.part();
    harsh.take(harsh.make(&root(OWNER), barring(0)));
    assert!(!harsh.access.is_vouched_by_root(), "it kept nothing, not even the beginning");
    let body = view.access.disown(&us, &old, &BTreeSet::new(), BTreeSet::new).unwrap();
    view.take(view.make(&root(OWNER), body));
    let (later, words) = (thief.write(OWNER, genesis, grants(C, Role::Read)), thief.take(thief.make_key(OWNER, genesis)));
    view.meet(&mut thief);
    assert!(view.counts(key) && view.counts(given) && !view.counts(later) && !view.counts(words));
    assert!(view.access.is_vouched_by_root());
    assert!(
        matches!(view.access.disown(&us, &CAST.members[OWNER].device(1), &BTreeSet::new(), BTreeSet::new), Some(Body::Revoke { keep, .. }) if keep.is_empty())
    );
}
