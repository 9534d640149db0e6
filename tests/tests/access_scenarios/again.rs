//! Rights given again, and given up.

use crate::stage::{A, B, C, CAST, NOW, OWNER, View, acting, grant, grants, organisation};
use csu_protocol::access::Unsound;
use csu_protocol::author::Acting;
use csu_protocol::entry::{Body, Grant, Principal, Role, Signer, Subject};

#[test]
fn who_is_above_revokes_what_a_delegate_gave_also_when_two_levels_lie_between() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let to_b = view.write(A, genesis, grants(B, Role::Admin));
    let to_c = view.write(B, to_b, grants(C, Role::Admin));
    view.revoke(OWNER, genesis, C);
    assert_eq!((view.role(A), view.role(B), view.role(C)), (Some(Role::Admin), Some(Role::Admin), None));
    // B gives again what it knows the owner took: only who gave and took may change its mind.
    let again = view.write(B, to_b, grants(C, Role::Read));
    assert!(view.counts(to_c) && view.counts(again));
    assert_eq!(view.role(C), None);
    let by_owner = view.write(OWNER, genesis, grants(C, Role::Read));
    assert!(view.counts(by_owner));
    assert_eq!(view.role(C), Some(Role::Read));
}

#[test]
fn who_knows_of_a_revocation_can_give_again_and_who_does_not_cannot() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Write)]);
    let mut other = view.part();
    view.evict(OWNER, genesis, A);
    // The owner's other device had not heard of it.
    let member = &CAST.members[OWNER];
    let second = Acting { signer: Signer::Device(&member.devices[1]), ..acting(OWNER, genesis) };
    let unknowing = other.take(other.make(&second, grants(A, Role::Write)));
    view.meet(&mut other);
    assert!(view.counts(unknowing));
    assert_eq!(view.role(A), None);
    let knowing = view.write(OWNER, genesis, grants(A, Role::Read));
    assert_eq!(view.role(A), Some(Role::Read));
    let reply = view.take(view.make_response(A, knowing));
    assert!(view.counts(reply));
    assert_eq!(view.unsound(view.make_response(A, unknowing)), Unsound::Revoked);
    // The renewed right can be taken again.
    view.evict(OWNER, genesis, A);
    assert!(!view.counts(reply));
    assert_eq!(view.role(A), None);
}

#[test]
fn anyone_loses_and_regains_read_as_an_organisation_does() {
    let (mut view, genesis) = View::new(vec![Grant { subject: Subject::Anyone, role: Role::Read, until: None }]);
    assert_eq!((view.role(A), view.access.anyone_now(NOW)), (Some(Role::Read), Some(Role::Read)));
    view.write(OWNER, genesis, Body::Revoke { principal: Principal::Anyone, keep: Vec::new() });
    assert_eq!((view.role(A), view.access.anyone_now(NOW)), (None, None));
    let anyone = vec![Grant { subject: Subject::Anyone, role: Role::Read, until: None }];
    view.write(OWNER, genesis, Body::Grant { grants: anyone });
    assert_eq!(view.access.anyone_now(NOW), Some(Role::Read));
}

#[test]
fn a_renunciation_ends_one_standing_and_what_it_does_not_keep() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Relay)]);
    let writes = view.write(OWNER, genesis, grants(A, Role::Write));
    let key = view.take(view.make_key(OWNER, genesis));
    let mut other = view.part();
    let kept = view.revise(A, writes, key, &[]);
    let renunciation = view.revoke(A, writes, A);
    let concurrent = other.take(other.make_revision(&acting(A, writes), key, vec![], 99));
    view.meet(&mut other);
    assert!(view.counts(renunciation) && view.counts(kept) && !view.counts(concurrent));
    assert_eq!(view.role(A), Some(Role::Relay));
    // Even a relay may give up, and twice does no harm.
    let last = view.evict(A, genesis, A);
    let twice = view.evict(A, genesis, A);
    assert!(view.counts(last) && view.counts(twice));
    assert_eq!(view.role(A), None);
    assert_eq!(view.unsound(view.make_key(A, writes)), Unsound::Revoked);
    // Below a renounced standing what was given stays given only if kept.
    let again = view.write(OWNER, genesis, grants(A, Role::Read));
    assert!(view.counts(again));
    assert_eq!(view.role(A), Some(Role::Read));
}

#[test]
fn a_renunciation_cannot_be_made_by_who_was_revoked_and_knows_it() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Read)]);
    view.evict(OWNER, genesis, A);
    let renounce = view.make(&acting(A, genesis), Body::Revoke { principal: organisation(A), keep: Vec::new() });
    assert_eq!(view.unsound(renounce), Unsound::Revoked);
}
