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
