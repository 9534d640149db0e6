//! Evictions: what stays, what falls, and who can.

use crate::stage::{A, B, C, CAST, OWNER, View, acting, bent, device, grant, grants, organisation};
use csu_protocol::access::Unsound;
use csu_protocol::entry::{Body, Keep, Plane, Principal, Role};

#[test]
fn what_the_revoker_kept_stays_and_what_was_backdated_falls() {
    let (mut owner, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let key = owner.take(owner.make_key(OWNER, genesis));
    let kept_grant = owner.write(A, genesis, grants(B, Role::Read));
    let kept = owner.revise(A, genesis, key, &[]);
    // A's node, which will claim not to have seen its revocation.
    let mut theirs = owner.part();
    let revoke = owner.revoke(OWNER, genesis, A);
    let backdated = theirs.revise(A, genesis, key, &[kept]);
    let backdated_grant = theirs.write(A, genesis, grants(C, Role::Write));
    let backdated_reply = theirs.take(theirs.make_response(B, kept_grant));
    // A fork of the kept entry, and one with the kept entry's seq.
    let fork = bent(A, &theirs.make_revision(&acting(A, genesis), key, vec![], 99), |header| {
        (header.seq, header.previous, header.parents) = (0, None, vec![genesis, key]);
        header.parents.sort();
    });
    owner.meet(&mut theirs);
    let fork = owner.take(fork);
    assert!(owner.counts(revoke) && owner.counts(kept) && owner.counts(kept_grant) && owner.counts(backdated_reply));
    assert!(!owner.counts(backdated) && !owner.counts(backdated_grant) && !owner.counts(fork));
    assert_eq!(owner.access.effective_revisions(), [kept]);
    assert_eq!((owner.role(A), owner.role(B), owner.role(C)), (None, Some(Role::Read), None));
    assert_eq!(owner.access.forks().count(), 1);
}

#[test]
fn what_builds_on_a_fallen_revision_falls_with_it_and_a_void_key_does_not_void_what_it_seals() {
    let (mut owner, genesis) = View::new(vec![grant(A, Role::Write), grant(B, Role::Write)]);
    let key = owner.take(owner.make_key(A, genesis));
    let theirs = owner.revise(A, genesis, key, &[]);
    let on_it = owner.revise(B, genesis, key, &[theirs]);
    let beside_it = owner.revise(B, genesis, key, &[]);
    owner.evict(OWNER, genesis, A);
    assert!(!owner.counts(key) && !owner.counts(theirs) && owner.counts(on_it));
    assert_eq!(owner.access.effective_revisions(), [beside_it]);
}

#[test]
fn a_kept_entry_that_arrives_later_keeps_from_then_on() {
    let (mut owner, genesis) = View::new(vec![grant(A, Role::Write)]);
    let key = owner.take(owner.make_key(OWNER, genesis));
    let mut theirs = owner.part();
    let first = theirs.revise(A, genesis, key, &[]);
    let second = theirs.revise(A, genesis, key, &[first]);
    let keep = vec![Keep { author: device(A), plane: Plane::Content, entry: second }];
    owner.write(OWNER, genesis, Body::Revoke { principal: organisation(A), keep });
    owner.take(theirs.log[2].clone());
    assert!(!owner.counts(first));
    owner.meet(&mut theirs);
    assert!(owner.counts(first) && owner.counts(second));
}

#[test]
fn peers_cannot_evict_each_other() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin), grant(B, Role::Admin)]);
    let mut other = view.part();
    let one = view.evict(A, genesis, B);
    let two = other.evict(B, genesis, A);
    view.meet(&mut other);
    assert!(view.counts(one) && view.counts(two));
    assert_eq!((view.role(A), view.role(B)), (Some(Role::Admin), Some(Role::Admin)));
}

#[test]
fn a_delegate_cannot_revoke_whoever_gave_it_its_role() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let to_b = view.write(A, genesis, grants(B, Role::Admin));
    view.evict(B, to_b, A);
    view.write(B, to_b, Body::Revoke { principal: Principal::Device(CAST.members[A].device(0)), keep: Vec::new() });
    let after = view.write(A, genesis, grants(C, Role::Read));
    assert!(view.counts(after) && view.counts(to_b));
    assert_eq!(view.role(A), Some(Role::Admin));
}

#[test]
fn revoking_an_admin_without_keeping_its_grants_takes_what_it_gave() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let to_b = view.write(A, genesis, grants(B, Role::Admin));
    let to_c = view.write(B, to_b, grants(C, Role::Write));
    view.evict(OWNER, genesis, A);
    assert!(!view.counts(to_b) && !view.counts(to_c));
    assert_eq!((view.role(A), view.role(B), view.role(C)), (None, None, None));
}

#[test]
fn a_revocation_that_falls_gives_back_what_it_took() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let to_b = view.write(A, genesis, grants(B, Role::Write));
    let keep = view.access.keep_all_of(&CAST.members[A].id);
    let revoke = view.evict(A, genesis, B);
    assert_eq!(view.role(B), None);
    view.write(OWNER, genesis, Body::Revoke { principal: organisation(A), keep });
    assert!(view.counts(to_b) && !view.counts(revoke));
    assert_eq!(view.role(B), Some(Role::Write));
}

#[test]
fn keeping_a_content_entry_in_anothers_name_keeps_nothing() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Write), grant(B, Role::Write)]);
    let key = view.take(view.make_key(OWNER, genesis));
    let by_a = view.revise(A, genesis, key, &[]);
    let by_b = view.revise(B, genesis, key, &[by_a]);
    let keep = vec![Keep { author: device(A), plane: Plane::Content, entry: by_b }];
    view.write(OWNER, genesis, Body::Revoke { principal: organisation(A), keep });
    assert!(!view.counts(by_a) && view.counts(by_b));
}

#[test]
fn who_saw_its_own_revocation_writes_nothing_sound_and_who_did_not_writes_nothing_that_counts() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let to_b = view.write(A, genesis, grants(B, Role::Admin));
    let mut unaware = view.part();
    view.evict(OWNER, genesis, A);
    for (who, under) in [(A, genesis), (B, to_b)] {
        assert_eq!(view.unsound(view.make(&acting(who, under), grants(C, Role::Read))), Unsound::Revoked);
        assert_eq!(view.unsound(view.make_response(who, under)), Unsound::Revoked);
    }
    let void = unaware.write(B, to_b, grants(C, Role::Read));
    view.meet(&mut unaware);
    assert!(!view.counts(void));
}

#[test]
fn nobody_revokes_the_owner_not_even_the_owner() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    for who in [A, OWNER] {
        let entry = view.make(&acting(who, genesis), Body::Revoke { principal: organisation(OWNER), keep: vec![] });
        assert_eq!(view.unsound(entry), Unsound::RevokesOwner);
    }
    let on_device = Body::Revoke { principal: Principal::Device(CAST.members[OWNER].device(0)), keep: vec![] };
    view.write(A, genesis, on_device);
    let after = view.write(OWNER, genesis, grants(B, Role::Read));
    assert!(view.counts(genesis) && view.counts(after));
}
