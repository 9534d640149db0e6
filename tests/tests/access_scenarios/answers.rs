//! What a document answers: ends, withdrawals, erasure.

use crate::stage::{A, B, C, CAST, OWNER, View, acting, grant, grants};
use csu_protocol::access::Unsound;
use csu_protocol::entry::{Body, Grant, Plane, Reason, Role};
use csu_protocol::id::DocumentId;
use csu_protocol::time::Timestamp;

#[test]
fn a_former_reader_still_signs_the_receipt_of_an_erasure() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Read)]);
    view.evict(OWNER, genesis, A);
    let erase = view.write(OWNER, genesis, Body::Erase);
    let receipt = view.write(A, genesis, Body::Receipt { erase });
    assert!(view.access.is_erased() && view.counts(receipt));
    let stranger = view.make(&acting(B, genesis), Body::Receipt { erase });
    assert_eq!(view.unsound(stranger), Unsound::NoStanding);
}

#[test]
fn of_two_orders_to_erase_all_show_the_same_with_the_reason_of_the_withdrawal_just_before_it() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Read)]);
    assert!(view.access.erasure().is_none() && view.access.obeyed().is_empty());
    view.write(OWNER, genesis, Body::Withdraw { reason: Reason::Legal });
    let one = view.write(OWNER, genesis, Body::Erase);
    let found = view.access.erasure().unwrap();
    assert_eq!((found.entry, found.by, found.why), (one, CAST.members[OWNER].id, Some(Reason::Legal)));
    let two = view.write(OWNER, genesis, Body::Erase);
    let found = view.access.erasure().unwrap();
    assert_eq!((found.entry, found.why), (one.min(two), (one < two).then_some(Reason::Legal)));
    let receipt = view.write(A, genesis, Body::Receipt { erase: two });
    let obeyed: Vec<_> = view.access.obeyed().into_iter().map(|obeyed| (obeyed.entry, obeyed.by, obeyed.erase)).collect();
    assert_eq!(obeyed, [(receipt, CAST.members[A].id, two)]);
}

#[test]
fn a_receipt_is_signed_by_whatever_named_its_signer_taken_back_or_not_nearest_to_the_owner() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    view.write(A, genesis, grants(B, Role::Admin));
    let far = view.write(A, genesis, grants(C, Role::Read));
    assert_eq!(view.access.standing_for_receipt(&CAST.members[C].id), Some(far));
    let near = view.write(OWNER, genesis, grants(C, Role::Relay));
    view.evict(OWNER, genesis, C);
    let who = |who: usize| CAST.members[who].id;
    assert_eq!(view.access.standing_for_receipt(&who(C)), Some(near));
    assert_eq!(view.access.standing_for_receipt(&who(OWNER)), Some(genesis));
    assert_eq!(view.access.standing_for_receipt(&who(4)), None, "nothing names it");
}

#[test]
fn an_end_stops_serving_down_the_chain_and_takes_no_authority() {
    let (end, later) = (Timestamp::from_ms(10), Timestamp::from_ms(20));
    let (mut view, genesis) = View::new(vec![Grant { until: Some(end), ..grant(A, Role::Admin) }]);
    let to_b = view.write(A, genesis, Body::Grant { grants: vec![Grant { until: Some(later), ..grant(B, Role::Read) }] });
    let role = |view: &View, who: usize, now| view.access.role_now(&CAST.members[who].id, Timestamp::from_ms(now));
    assert_eq!((role(&view, A, 9), role(&view, B, 9)), (Some(Role::Admin), Some(Role::Read)));
    assert_eq!((role(&view, A, 10), role(&view, B, 10)), (None, None));
    assert_eq!(view.access.rows()[1].until, Some(end));
    assert!(!view.access.may_hold(&CAST.members[B].id, Plane::Content, end));
    assert!(view.access.may_hold(&CAST.members[B].id, Plane::Control, end));
    // Clocks decide nothing about what counts.
    let reply = view.take(view.make_response(B, to_b));
    let more = view.write(A, genesis, grants(C, Role::Read));
    assert!(view.counts(reply) && view.counts(more));
}

#[test]
fn of_two_withdrawals_all_nodes_show_the_same() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let mut other = view.part();
    let one = view.write(OWNER, genesis, Body::Withdraw { reason: Reason::Mistaken });
    let two = other.write(A, genesis, Body::Withdraw { reason: Reason::Legal });
    view.meet(&mut other);
    for view in [&view, &other] {
        assert_eq!(view.access.withdrawal().map(|(id, ..)| id), Some(one.min(two)));
    }
}

#[test]
fn a_document_is_named_by_its_genesis() {
    let (view, genesis) = View::new(vec![]);
    assert_eq!(view.access.document(), Some(DocumentId::from(genesis)));
    assert_eq!(view.access.owner(), Some(CAST.members[OWNER].id));
}
