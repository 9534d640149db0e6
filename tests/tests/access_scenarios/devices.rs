//! Lost and stolen devices, and what root keys say of them.

use crate::stage::{A, B, C, CAST, OWNER, View, acting, device, grant, grants, root};
use csu_protocol::access::Unsound;
use csu_protocol::author::Acting;
use csu_protocol::entry::{Body, Keep, Principal, Role, Signer};

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
