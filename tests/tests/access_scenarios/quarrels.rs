//! Admins who revoke each other.

use crate::stage::{A, B, C, OWNER, View, grant, grants, organisation};
use csu_protocol::entry::{Body, Reason, Role};

#[test]
fn of_two_who_gave_each_other_their_roles_and_revoke_each_other_each_loses_what_the_other_gave() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin), grant(B, Role::Admin)]);
    let to_b = view.write(A, genesis, grants(B, Role::Admin));
    let to_a = view.write(B, genesis, grants(A, Role::Admin));
    let mut other = view.part();
    let of_b = view.evict(A, genesis, B);
    let of_a = other.evict(B, genesis, A);
    view.meet(&mut other);
    assert!(view.counts(of_a) && view.counts(of_b) && view.counts(to_a) && view.counts(to_b));
    let ended = |entry| view.access.rows().into_iter().find(|row| row.entry == entry).unwrap().ended_by;
    assert_eq!((ended(to_b), ended(to_a)), (vec![of_b], vec![of_a]));
    // What the owner gave them is not theirs to take.
    assert_eq!((view.role(A), view.role(B)), (Some(Role::Admin), Some(Role::Admin)));
}

#[test]
fn of_two_who_revoke_each_other_the_one_above_prevails_whichever_is_heard_first() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let to_b = view.write(A, genesis, grants(B, Role::Admin));
    let back = view.write(B, to_b, grants(A, Role::Admin));
    let mut other = view.part();
    let of_b = view.evict(A, genesis, B);
    let of_a = other.evict(B, to_b, A);
    view.meet(&mut other);
    for view in [&view, &other] {
        assert!(view.counts(of_b) && !view.counts(of_a) && !view.counts(back));
        assert_eq!((view.role(A), view.role(B)), (Some(Role::Admin), None));
    }
}

#[test]
fn revocations_in_a_ring_are_settled_from_the_owner_down() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let to_b = view.write(A, genesis, grants(B, Role::Admin));
    let to_c = view.write(B, to_b, grants(C, Role::Admin));
    let to_a = view.write(C, to_c, grants(A, Role::Admin));
    let (mut of_b, mut of_c) = (view.part(), view.part());
    // A takes from B by what it has of C, B from C, and C from A, none knowing of the others.
    let one = view.evict(A, to_a, B);
    let two = of_b.evict(B, to_b, C);
    let three = of_c.evict(C, to_c, A);
    view.meet(&mut of_b);
    view.meet(&mut of_c);
    of_b.meet(&mut of_c);
    for view in [&view, &of_b, &of_c] {
        // B is above C, C above what A has by it; that is below B and takes nothing from it.
        assert!(view.counts(two) && !view.counts(three) && !view.counts(one) && !view.counts(to_a));
        assert_eq!((view.role(A), view.role(B), view.role(C)), (Some(Role::Admin), Some(Role::Admin), None));
    }
}

#[test]
fn revocations_in_a_ring_by_what_the_owner_gave_each_all_count_and_take_what_each_gave() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin), grant(B, Role::Admin), grant(C, Role::Admin)]);
    let ring = [(A, B), (B, C), (C, A)];
    let given = ring.map(|(who, whom)| view.write(who, genesis, grants(whom, Role::Admin)));
    let mut views = ring.map(|_| view.part());
    let mut taken = Vec::new();
    for (view, (who, whom)) in views.iter_mut().zip(ring) {
        taken.push(view.evict(who, genesis, whom));
    }
    for other in &mut views {
        view.meet(other);
    }
    for (given, taken) in given.into_iter().zip(taken) {
        let row = view.access.rows().into_iter().find(|row| row.entry == given).unwrap();
        assert!(view.counts(taken) && row.authorised);
        assert_eq!(row.ended_by, [taken]);
    }
    assert!([A, B, C].iter().all(|who| view.role(*who) == Some(Role::Admin)));
}

#[test]
fn an_evicted_admin_who_goes_on_elsewhere_takes_from_nobody_and_lets_nobody_in() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let to_b = view.write(A, genesis, grants(B, Role::Admin));
    let mut elsewhere = view.part();
    view.revoke(OWNER, genesis, A);
    let by_b = view.write(B, to_b, grants(4, Role::Read));
    let of_b = elsewhere.evict(A, genesis, B);
    let of_device = csu_protocol::entry::Principal::Device(crate::stage::CAST.members[B].device(0));
    let of_device = elsewhere.write(A, genesis, Body::Revoke { principal: of_device, keep: vec![] });
    let to_c = elsewhere.write(A, genesis, grants(C, Role::Admin));
    let by_friend = elsewhere.write(C, to_c, Body::Withdraw { reason: Reason::Other });
    let of_b_again = elsewhere.write(C, to_c, Body::Revoke { principal: organisation(B), keep: vec![] });
    assert_eq!((elsewhere.role(B), elsewhere.access.withdrawal().is_some()), (None, true));
    view.meet(&mut elsewhere);
    for view in [&view, &elsewhere] {
        assert!([of_b, of_device, to_c, by_friend, of_b_again].iter().all(|entry| !view.counts(*entry)));
        assert!(view.counts(to_b) && view.counts(by_b) && view.access.withdrawal().is_none());
        assert_eq!((view.role(A), view.role(B), view.role(C)), (None, Some(Role::Admin), None));
        assert_eq!(view.role(4), Some(Role::Read));
    }
}

#[test]
fn honest_work_below_a_grant_that_turns_out_void_is_void_and_goes_on_below_a_new_one() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let key = view.take(view.make_key(OWNER, genesis));
    let mut elsewhere = view.part();
    view.evict(OWNER, genesis, A);
    // A lets B in where its eviction is not known; B works in good faith and lets in C.
    let to_b = elsewhere.write(A, genesis, grants(B, Role::Admin));
    let work = elsewhere.revise(B, to_b, key, &[]);
    let to_c = elsewhere.write(B, to_b, grants(C, Role::Write));
    let more = elsewhere.revise(C, to_c, key, &[work]);
    assert_eq!(elsewhere.access.effective_revisions(), [work, more]);
    view.meet(&mut elsewhere);
    for view in [&view, &elsewhere] {
        assert!([to_b, work, to_c, more].iter().all(|entry| !view.counts(*entry)));
        assert!(view.access.effective_revisions().is_empty());
        assert_eq!((view.role(B), view.role(C)), (None, None));
    }
    // The owner lets B in. What B does now counts; what it did does not come back.
    let again = view.write(OWNER, genesis, grants(B, Role::Write));
    let anew = view.revise(B, again, key, &[]);
    assert_eq!(view.access.effective_revisions(), [anew]);
    let on_void = view.revise(B, again, key, &[work]);
    assert!(view.counts(on_void));
    assert_eq!(view.access.effective_revisions(), [anew]);
}
