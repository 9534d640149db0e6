//! Authors who contradict themselves, keeps that suit cheats, and entries that name what nobody has.

use crate::stage::{A, B, C, OWNER, View, acting, bent, device, grant, grants, organisation};
use csu_protocol::access::{Insertion, Missing};
use csu_protocol::entry::{Body, Keep, Plane, Role};
use csu_protocol::id::EntryId;
use std::collections::BTreeSet;

#[test]
fn two_entries_of_one_device_and_seq_are_evidence_and_both_count_until_one_branch_is_kept() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let root = view.write(A, genesis, grants(4, Role::Read));
    let mut other = view.part();
    let left = view.write(A, genesis, grants(B, Role::Read));
    let right = other.write(A, genesis, grants(C, Role::Read));
    assert_eq!((view.access.forks().count(), other.access.forks().count()), (0, 0));
    view.meet(&mut other);
    for view in [&view, &other] {
        let evidence: BTreeSet<BTreeSet<EntryId>> = view.access.forks().map(|(one, other)| BTreeSet::from([one, other])).collect();
        assert_eq!(evidence, BTreeSet::from([BTreeSet::from([left, right])]));
        assert!(view.counts(left) && view.counts(right));
        // At a tie every node chains to the same.
        assert_eq!(view.access.tip(&device(A), Plane::Control), Some((left.min(right), 1)));
    }
    let keep = vec![Keep { author: device(A), plane: Plane::Control, entry: left }];
    view.write(OWNER, genesis, Body::Revoke { principal: organisation(A), keep });
    assert!(view.counts(root) && view.counts(left) && !view.counts(right));
    assert_eq!((view.role(B), view.role(C), view.role(4)), (Some(Role::Read), None, Some(Role::Read)));
}

#[test]
fn a_keep_is_of_a_branch_and_not_of_all_up_to_a_seq() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let mut other = view.part();
    let left = view.write(A, genesis, grants(B, Role::Read));
    let right: Vec<EntryId> = [B, C].map(|whom| other.write(A, genesis, grants(whom, Role::Write))).into();
    view.meet(&mut other);
    let keep = vec![Keep { author: device(A), plane: Plane::Control, entry: right[1] }];
    view.write(OWNER, genesis, Body::Revoke { principal: organisation(A), keep });
    assert!(!view.counts(left) && view.counts(right[0]) && view.counts(right[1]));
}

#[test]
fn whoever_keeps_all_of_an_evicted_friend_gives_back_nothing_that_others_took() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let to_b = view.write(A, genesis, grants(B, Role::Write));
    let key = view.take(view.make_key(OWNER, genesis));
    let work = view.revise(B, to_b, key, &[]);
    let mut friends = view.part();
    let taken = view.evict(OWNER, genesis, B);
    // A may revoke B too, and keeps all of it, seen and unseen.
    let backdated = friends.revise(B, to_b, key, &[work]);
    let kept = friends.revoke(A, genesis, B);
    view.meet(&mut friends);
    assert!(view.counts(taken) && view.counts(kept) && !view.counts(work) && !view.counts(backdated));
    // Nor does keeping it once more.
    view.revoke(A, genesis, B);
    assert!(!view.counts(work) && view.access.effective_revisions().is_empty());
}

#[test]
fn a_keep_of_what_is_not_there_or_not_on_the_chain_keeps_nothing_and_harms_nobody() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Write), grant(B, Role::Write)]);
    let key = view.take(view.make_key(OWNER, genesis));
    let by_a = view.revise(A, genesis, key, &[]);
    let by_b = view.revise(B, genesis, key, &[]);
    let nowhere = EntryId::new([7; 32]);
    let keep = vec![Keep { author: device(A), plane: Plane::Content, entry: nowhere }];
    let revoke = view.write(OWNER, genesis, Body::Revoke { principal: organisation(A), keep });
    // What is kept of content is no dependency: nothing waits for it.
    assert!(view.counts(revoke) && !view.counts(by_a) && view.counts(by_b));
}

#[test]
fn what_names_an_entry_that_nobody_has_waits_and_nothing_else_does() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let nowhere = EntryId::new([7; 32]);
    let entry = view.make(&acting(A, genesis), grants(B, Role::Admin));
    let dangling = bent(A, &entry, |header| {
        header.parents.push(nowhere);
        header.parents.sort();
    });
    // And one that builds on it.
    let on_it = bent(A, &entry, |header| (header.seq, header.previous) = (1, Some(dangling.id())));
    for (entry, missing) in [(&dangling, nowhere), (&on_it, dangling.id())] {
        let Insertion::Pending(_, missed) = view.insert(entry.clone()) else { panic!("something it names is not there") };
        assert_eq!(missed, Missing { entries: vec![missing], card: false });
    }
    assert!(!view.access.contains(&dangling.id()) && view.access.forks().count() == 0);
    assert_eq!((view.role(B), view.access.heads(Plane::Control).collect::<Vec<_>>()), (None, vec![genesis]));
    // Its author goes on as if it were not there, and so do others.
    let honest = view.write(A, genesis, grants(C, Role::Read));
    let after = view.write(OWNER, genesis, grants(B, Role::Read));
    assert!(view.counts(honest) && view.counts(after));
}

#[test]
fn of_a_forked_author_the_revocations_on_the_lost_branch_fall_unless_the_evictor_takes_the_same() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let to_b = view.write(A, genesis, grants(B, Role::Read));
    let mut branch = view.part();
    let taken = view.evict(A, genesis, B);
    // On another branch, A or a thief of its device goes further.
    branch.write(A, genesis, grants(4, Role::Read));
    branch.write(A, genesis, grants(5, Role::Read));
    view.meet(&mut branch);
    let mut careful = view.part();
    assert_eq!(view.role(B), None);
    // A revocation keeps one branch: B is back, although the evictor knew.
    view.revoke(OWNER, genesis, A);
    assert!(!view.counts(taken));
    assert_eq!(view.role(B), Some(Role::Read));
    // Who does not want that takes from B first what A had taken.
    careful.revoke(OWNER, genesis, B);
    careful.revoke(OWNER, genesis, A);
    assert!(!careful.counts(taken) && careful.counts(to_b));
    assert_eq!(careful.role(B), None);
}
