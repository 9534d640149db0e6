//! Floods that are meant to lock out or to slow down.

use crate::stage::{A, B, C, CAST, OWNER, View, acting, bent, device, grant, grants, organisation, root};
use csu_protocol::access::Unsound;
use csu_protocol::author::Acting;
use csu_protocol::entry::{Body, Grant, Keep, Plane, Principal, Role, Signer};
use csu_protocol::id::EntryId;
use csu_protocol::limits;
use csu_protocol::time::Timestamp;

#[test]
fn a_flood_of_heads_does_not_keep_the_owner_from_evicting_and_keeping() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let tip = view.write(A, genesis, grants(B, Role::Read));
    let mut flood = view.part();
    // Forks of A's second entry, more than one entry can name as parents.
    let next = flood.make(&acting(A, genesis), grants(C, Role::Read));
    let fork = |at: u64, chained: Option<EntryId>| {
        bent(A, &next, |header| {
            let until = Some(Timestamp::from_ms(at));
            header.body = Body::Grant { grants: vec![Grant { until, ..grant(C, Role::Read) }] };
            if chained.is_some() {
                (header.seq, header.previous, header.parents) = (2, chained, vec![genesis]);
            }
        })
    };
    let forks: Vec<EntryId> = (1..=100).map(|at| flood.take(fork(at, None))).collect();
    // And a third entry, chosen so that its id comes after those of the others.
    let last = (1..).map(|at| fork(at, Some(forks[0]))).find(|entry| entry.id().as_bytes()[0] == 0xff).unwrap();
    flood.take(last);
    view.meet(&mut flood);
    for whom in [A, C] {
        let keep = view.access.keep_all_of(&CAST.members[whom].id);
        let revoke = view.write(OWNER, genesis, Body::Revoke { principal: organisation(whom), keep });
        assert!(view.counts(revoke));
    }
    assert!(view.counts(tip));
    assert_eq!((view.role(A), view.role(B), view.role(C)), (None, Some(Role::Read), None));
}

#[test]
fn a_flood_of_heads_does_not_keep_another_device_of_the_owner_from_giving_again() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin), grant(B, Role::Read)]);
    let mut flood = view.part();
    let next = flood.make(&acting(A, genesis), grants(C, Role::Read));
    for at in 1..=100 {
        flood.take(bent(A, &next, |header| {
            let until = Some(Timestamp::from_ms(at));
            header.body = Body::Grant { grants: vec![Grant { until, ..grant(C, Role::Read) }] };
        }));
    }
    // A revocation whose id comes after those of the flood.
    let revoke = view.make(&acting(OWNER, genesis), Body::Revoke { principal: organisation(B), keep: vec![] });
    let last = (0..=u8::MAX).flat_map(|one| (0..16).map(move |other| [one, other])).map(|nonce| {
        bent(OWNER, &revoke, |header| {
            let mut entry = [0; 32];
            entry[..2].copy_from_slice(&nonce);
            let keep = Keep { author: device(B), plane: Plane::Content, entry: EntryId::new(entry) };
            header.body = Body::Revoke { principal: organisation(B), keep: vec![keep] };
        })
    });
    view.take(last.into_iter().find(|entry| entry.id().as_bytes()[0] == 0xff).unwrap());
    view.meet(&mut flood);
    assert_eq!(view.role(B), None);
    let second = Acting { signer: Signer::Device(&CAST.members[OWNER].devices[1]), ..acting(OWNER, genesis) };
    view.take(view.make(&second, grants(B, Role::Write)));
    assert_eq!(view.role(B), Some(Role::Write));
}

#[test]
fn a_flood_of_renunciations_by_a_relay_is_taken_in_passing() {
    // Each costs its author a signature; here each must cost little more than its own check. When the
    // judgement of each asked for all before it, this ran for minutes.
    let (mut view, genesis) = View::new(vec![grant(A, Role::Relay)]);
    let first = view.make(&acting(A, genesis), Body::Revoke { principal: organisation(A), keep: vec![] });
    let mut previous = None;
    for seq in 0..1000 {
        let next = bent(A, &first, |header| (header.seq, header.previous) = (seq, previous));
        previous = Some(view.take(next));
    }
    assert_eq!(view.role(A), None);
}

/// A document in which `A` let `B` in, and as many revocations by `A` as an entry by `B` may have in its past.
fn flooded() -> (View, EntryId, EntryId) {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin), grant(C, Role::Admin)]);
    let to_b = view.write(A, genesis, grants(B, Role::Admin));
    for _ in 0..limits::PAST_REVOKES {
        view.evict(A, genesis, 4);
    }
    (view, genesis, to_b)
}

#[test]
fn a_flood_of_revocations_stops_those_below_its_author_at_the_bound_and_nobody_else() {
    let (mut view, genesis, to_b) = flooded();
    // What those below sign themselves, give up, or say by root keys does not count.
    view.evict(B, to_b, 5);
    let word = |who: usize| Body::Revoke { principal: Principal::Device(CAST.members[who].device(1)), keep: vec![] };
    view.take(view.make(&root(B), word(B)));
    let at_bound = view.make(&acting(B, to_b), grants(5, Role::Read));
    view.part().take(at_bound.clone());
    view.evict(A, genesis, 4);
    assert_eq!(view.unsound(view.make(&acting(B, to_b), grants(5, Role::Read))), Unsound::Quota);
    view.take(at_bound);
    // Its author, its peers, the owner and root keys act on.
    let by_author = view.write(A, genesis, grants(6, Role::Read));
    let by_peer = view.write(C, genesis, grants(7, Role::Read));
    let word = view.take(view.make(&root(A), word(A)));
    let evicted = view.evict(OWNER, genesis, A);
    assert!(view.counts(by_peer) && view.counts(evicted) && view.counts(word) && !view.counts(by_author));
}

#[test]
fn a_flood_by_who_was_evicted_stops_nobody_not_even_those_it_had_let_in() {
    let (mut view, genesis, to_b) = flooded();
    let mut elsewhere = view.part();
    // What A gave B is kept, and of the flood nothing.
    let keep = vec![Keep { author: device(A), plane: Plane::Control, entry: to_b }];
    view.write(OWNER, genesis, Body::Revoke { principal: organisation(A), keep });
    elsewhere.evict(A, genesis, 4);
    view.meet(&mut elsewhere);
    let by_b = view.write(B, to_b, grants(5, Role::Read));
    assert!(view.counts(by_b));
}

#[test]
fn of_hundreds_of_revocations_the_one_that_keeps_least_decides() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let to_b = view.write(A, genesis, grants(B, Role::Write));
    let to_c = view.write(A, genesis, grants(C, Role::Write));
    let mut unaware = view.part();
    for at in 0..600 {
        let entry = if at == 10 { to_b } else { to_c };
        let keep = vec![Keep { author: device(A), plane: Plane::Control, entry }];
        view.write(OWNER, genesis, Body::Revoke { principal: organisation(A), keep });
    }
    assert!(view.counts(to_b) && !view.counts(to_c));
    // So it is for those who know of all of them, and for those who learn of them later.
    let by_b = view.take(view.make_key(B, to_b));
    assert!(view.counts(by_b));
    assert_eq!(view.unsound(view.make_key(C, to_c)), Unsound::Revoked);
    assert_eq!(view.unsound(view.make(&acting(A, genesis), grants(4, Role::Read))), Unsound::Revoked);
    let by_c = unaware.take(unaware.make_key(C, to_c));
    view.meet(&mut unaware);
    assert!(!view.counts(by_c));
    assert_eq!((view.role(A), view.role(B), view.role(C)), (None, Some(Role::Write), None));
    // Who knows of all of them can give again.
    let again = view.write(OWNER, genesis, grants(A, Role::Read));
    let reply = view.take(view.make_response(A, again));
    assert!(view.counts(reply));
}

#[test]
fn of_hundreds_of_revocations_each_device_is_left_what_they_keep_of_it_and_of_its_organisation() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let second = Acting { signer: Signer::Device(&CAST.members[A].devices[1]), ..acting(A, genesis) };
    let to_b = view.write(A, genesis, grants(B, Role::Write));
    view.take(view.make(&second, grants(C, Role::Read)));
    let to_c = view.take(view.make(&second, grants(C, Role::Write)));
    for _ in 0..100 {
        view.revoke(OWNER, genesis, A);
    }
    // Both devices are left what they gave, of which the second gave more.
    view.take(view.make_key(B, to_b));
    view.take(view.make_key(C, to_c));
    let of_first = Body::Revoke { principal: Principal::Device(CAST.members[A].device(0)), keep: vec![] };
    for _ in 0..100 {
        view.write(OWNER, genesis, of_first.clone());
    }
    // The first is left nothing now, the second what it was.
    assert_eq!(view.unsound(view.make_key(B, to_b)), Unsound::Revoked);
    view.take(view.make_key(C, to_c));
    assert!(!view.counts(to_b) && view.counts(to_c));
}

#[test]
fn a_flood_of_renunciations_by_who_gave_a_role_stops_nobody_who_has_it() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let to_b = view.write(A, genesis, grants(B, Role::Write));
    for _ in 0..=limits::PAST_REVOKES {
        view.revoke(A, genesis, A);
    }
    let key = view.take(view.make_key(B, to_b));
    assert!(view.counts(key));
    assert_eq!((view.role(A), view.role(B)), (None, Some(Role::Write)));
}
