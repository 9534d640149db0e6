//! Circles: what follows from who is in them.

use super::*;
use crate::desk::{ApplyRequest, CircleRequest, CircleStep, GrantRequest, MembersRequest, PendingQuery, Problem, RevocationRequest};

fn circle(office: &mut Office, name: &str, members: &[&str]) {
    let members = members.iter().map(|who| (*who).to_owned()).collect();
    office.create_circle(&Actor::default(), CircleRequest { name: name.to_owned(), members }).unwrap();
    office.settle().unwrap();
}

fn change(office: &mut Office, name: &str, add: &[&str], remove: &[&str]) {
    let texts = |who: &[&str]| who.iter().map(|who| (*who).to_owned()).collect();
    office.change_circle(&Actor::default(), name, MembersRequest { add: texts(add), remove: texts(remove) }).unwrap();
    office.settle().unwrap();
}

fn recipient(who: &str, role: Role) -> Recipient {
    Recipient { who: who.to_owned(), role: Some(role), until: None }
}

/// A guide that was published to these.
fn guide(office: &mut Office, to: Vec<Recipient>) -> DocumentId {
    let assign = vec!["title=Gates".to_owned(), "problem=Alleys".to_owned(), "summary=Gates".to_owned(), "evidenceBasis=claim".to_owned()];
    let request = DraftRequest { kind: "guide".to_owned(), assign, to, ..DraftRequest::default() };
    let draft = office.draft(&Actor::default(), request).unwrap();
    publish_draft(office, &draft.reference)
}

fn publish_draft(office: &mut Office, reference: &str) -> DocumentId {
    let published = office.step(&Actor::default(), reference, "publish", StepRequest::default()).unwrap();
    office.settle().unwrap();
    published.id.unwrap()
}

/// What is pending, as who gets or loses which role and keeps which.
fn pending(office: &mut Office, name: &str) -> Vec<(String, CircleStep, Role, Option<Role>)> {
    let page = office.pending(&Actor::default(), name, PendingQuery::default()).unwrap();
    page.items.into_iter().map(|change| (change.who.name, change.change, change.role, change.keeps)).collect()
}

fn apply(office: &mut Office, name: &str, document: DocumentId) -> crate::desk::Applied {
    let request = ApplyRequest { document: document.to_string() };
    let applied = office.apply_circle(&Actor::default(), name, request).unwrap();
    office.settle().unwrap();
    applied
}

fn role(office: &Office, document: &DocumentId, who: OrganisationId) -> Option<Role> {
    office.access_of(document).unwrap().role_now(&who, now())
}

fn grant(office: &mut Office, document: &DocumentId, who: &str, role: Role) -> Result<crate::desk::Document, Problem> {
    let request = GrantRequest { who: who.to_owned(), role: Some(role), until: None, personal_data_checked: None };
    let outcome = office.grant(&Actor::default(), &document.to_string(), request);
    office.settle().unwrap();
    outcome
}

fn revoke(office: &mut Office, document: &DocumentId, who: &str) {
    let request = RevocationRequest { who: who.to_owned(), ..Default::default() };
    office.revoke(&Actor::default(), &document.to_string(), request).unwrap();
    office.settle().unwrap();
}

#[test]
fn whoever_comes_into_a_circle_is_offered_past_documents_and_loses_them_when_it_goes() {
    let (_folder, mut office, [police, council]) = office();
    circle(&mut office, "Ward neighbours", &["Police"]);
    let documents = [1, 2].map(|_| guide(&mut office, vec![recipient("circle:ward NEIGHBOURS", Role::Write)]));
    assert_eq!(role(&office, &documents[0], police), Some(Role::Write));
    assert!(pending(&mut office, "Ward neighbours").is_empty());
    change(&mut office, "Ward neighbours", &["Council"], &[]);
    assert_eq!(role(&office, &documents[0], council), None, "nothing is given before somebody says so");
    assert_eq!(pending(&mut office, "Ward neighbours"), vec![("Council".to_owned(), CircleStep::Gives, Role::Write, None); 2]);
    // A run that stops after one document is run again.
    assert_eq!(apply(&mut office, "Ward neighbours", documents[0]).done.len(), 1);
    assert_eq!(pending(&mut office, "Ward neighbours").len(), 1);
    assert!(apply(&mut office, "Ward neighbours", documents[0]).done.is_empty());
    apply(&mut office, "Ward neighbours", documents[1]);
    assert_eq!(documents.map(|document| role(&office, &document, council)), [Some(Role::Write); 2]);
    assert!(pending(&mut office, "Ward neighbours").is_empty());

    change(&mut office, "Ward neighbours", &[], &["Council", "Police"]);
    let found = pending(&mut office, "Ward neighbours");
    assert_eq!(found.len(), 4);
    assert!(found.iter().all(|(_, step, role, keeps)| (*step, *role, *keeps) == (CircleStep::Takes, Role::Write, None)));
    for document in documents {
        let applied = apply(&mut office, "Ward neighbours", document);
        assert_eq!((applied.done.len(), applied.refused.len()), (2, 0));
        assert!(applied.done.iter().all(|change| change.effect.as_ref().is_some_and(|effect| effect.losses.len() == 1)));
        assert_eq!((role(&office, &document, council), role(&office, &document, police)), (None, None));
    }
    assert!(pending(&mut office, "Ward neighbours").is_empty());
}

#[test]
fn whoever_has_its_role_from_elsewhere_too_does_not_lose_it() {
    let (_folder, mut office, [police, council]) = office();
    circle(&mut office, "One", &["Police", "Council"]);
    circle(&mut office, "Two", &["Police"]);
    let document = guide(&mut office, vec![recipient("circle:One", Role::Write)]);
    grant(&mut office, &document, "circle:Two", Role::Read).unwrap();
    // What it has by the circle is not its own yet; said once more, it is.
    grant(&mut office, &document, "Council", Role::Write).unwrap();
    grant(&mut office, &document, "Council", Role::Write).unwrap_err();
    change(&mut office, "One", &[], &["Police", "Council"]);
    assert_eq!(pending(&mut office, "One"), [("Police".to_owned(), CircleStep::Takes, Role::Write, Some(Role::Read))]);
    apply(&mut office, "One", document);
    assert_eq!((role(&office, &document, police), role(&office, &document, council)), (Some(Role::Read), Some(Role::Write)));
    // What was given again is by the other circle.
    change(&mut office, "Two", &[], &["Police"]);
    assert_eq!(pending(&mut office, "Two"), [("Police".to_owned(), CircleStep::Takes, Role::Read, None)]);
    apply(&mut office, "Two", document);
    assert_eq!(role(&office, &document, police), None);
    assert!(pending(&mut office, "One").is_empty() && pending(&mut office, "Two").is_empty());
}

#[test]
fn whoever_was_given_something_once_for_two_circles_loses_it_with_the_second_that_it_leaves() {
    for order in [["One", "Two"], ["Two", "One"]] {
        let (_folder, mut office, [police, _]) = office();
        circle(&mut office, "One", &["Police"]);
        circle(&mut office, "Two", &["Police"]);
        let left = guide(&mut office, vec![recipient("circle:One", Role::Read), recipient("circle:Two", Role::Read)]);
        let unshared = guide(&mut office, vec![recipient("circle:One", Role::Read), recipient("circle:Two", Role::Read)]);
        assert_eq!(office.access_of(&left).unwrap().rows().len(), 1, "given twice");
        revoke(&mut office, &unshared, &format!("circle:{}", order[0]));
        assert_eq!(role(&office, &unshared, police), Some(Role::Read));
        revoke(&mut office, &unshared, &format!("circle:{}", order[1]));
        assert_eq!(role(&office, &unshared, police), None);
        change(&mut office, order[0], &[], &["Police"]);
        assert!(pending(&mut office, order[0]).is_empty());
        change(&mut office, order[1], &[], &["Police"]);
        assert_eq!(pending(&mut office, order[1]), [("Police".to_owned(), CircleStep::Takes, Role::Read, None)]);
        apply(&mut office, order[1], left);
        assert_eq!(role(&office, &left, police), None);
        assert!(pending(&mut office, "One").is_empty() && pending(&mut office, "Two").is_empty());
    }
}

#[test]
fn what_somebody_took_back_by_hand_is_not_given_again_until_the_member_comes_in_anew() {
    let (_folder, mut office, [police, _]) = office();
    circle(&mut office, "Ward", &["Police"]);
    let document = guide(&mut office, vec![recipient("circle:Ward", Role::Read)]);
    revoke(&mut office, &document, "Police");
    assert!(pending(&mut office, "Ward").is_empty());
    change(&mut office, "Ward", &[], &["Police"]);
    assert!(pending(&mut office, "Ward").is_empty());
    std::thread::sleep(Duration::from_millis(2));
    change(&mut office, "Ward", &["Police"], &[]);
    assert_eq!(pending(&mut office, "Ward").len(), 1);
    apply(&mut office, "Ward", document);
    assert_eq!(role(&office, &document, police), Some(Role::Read));
}

#[test]
fn what_is_withdrawn_or_has_ended_is_left_alone() {
    let (_folder, mut office, _) = office();
    circle(&mut office, "Ward", &["Police"]);
    let until = Some(crate::desk::Moment::from(now().plus_ms(1)));
    let ended = guide(&mut office, vec![Recipient { until, ..recipient("circle:Ward", Role::Read) }]);
    let withdrawn = guide(&mut office, vec![recipient("circle:Ward", Role::Read)]);
    let reason = StepRequest { reason: Some(csu_protocol::entry::Reason::Mistaken), ..StepRequest::default() };
    office.step(&Actor::default(), &withdrawn.to_string(), "withdraw", reason).unwrap();
    office.settle().unwrap();
    std::thread::sleep(Duration::from_millis(5));
    change(&mut office, "Ward", &["Council"], &["Police"]);
    assert!(pending(&mut office, "Ward").is_empty());
    assert!(apply(&mut office, "Ward", ended).done.is_empty() && apply(&mut office, "Ward", withdrawn).done.is_empty());
}

#[test]
fn a_draft_for_a_circle_is_for_the_members_there_are_when_it_is_shared() {
    let (_folder, mut office, [police, council]) = office();
    circle(&mut office, "Ward", &["Police"]);
    let assign = vec!["title=Gates".to_owned(), "problem=Alleys".to_owned(), "summary=Gates".to_owned(), "evidenceBasis=claim".to_owned()];
    let to = vec![recipient("circle:Ward", Role::Write), recipient("Police", Role::Read)];
    let draft = office.draft(&Actor::default(), DraftRequest { kind: "guide".to_owned(), assign, to, ..DraftRequest::default() }).unwrap();
    assert_eq!(draft.draft.unwrap().to[0].who, "circle:Ward");
    let problem = office.delete_circle(&Actor::default(), "Ward").unwrap_err();
    assert!(problem.remedy().contains("csu grant revoke d1 \"circle:Ward\""), "{problem}");
    change(&mut office, "Ward", &["Council"], &[]);
    let document = publish_draft(&mut office, "d1");
    assert_eq!((role(&office, &document, police), role(&office, &document, council)), (Some(Role::Write), Some(Role::Write)));
    // The police was named by itself, too, with a lower role: that is what it keeps.
    change(&mut office, "Ward", &[], &["Police", "Council"]);
    apply(&mut office, "Ward", document);
    assert_eq!((role(&office, &document, police), role(&office, &document, council)), (Some(Role::Read), None));
    office.delete_circle(&Actor::default(), "Ward").unwrap();
}

#[test]
fn a_document_is_taken_from_a_circle_as_a_whole_as_it_was_given() {
    let (_folder, mut office, [police, council]) = office();
    circle(&mut office, "Ward", &["Police", "Council"]);
    let document = guide(&mut office, vec![recipient("circle:Ward", Role::Write), recipient("Council", Role::Read)]);
    let request = RevocationRequest { who: "circle:Ward".to_owned(), ..Default::default() };
    let effect = office.preview_revocation(&Actor::default(), &document.to_string(), request.clone()).unwrap();
    let outcome = office.revoke(&Actor::default(), &document.to_string(), request.clone()).unwrap();
    office.settle().unwrap();
    assert_eq!(effect, outcome.effect);
    assert_eq!((role(&office, &document, police), role(&office, &document, council)), (None, Some(Role::Read)));
    let problem = office.revoke(&Actor::default(), &document.to_string(), request).unwrap_err();
    assert!(problem.detail().contains("not granted to the circle Ward"), "{problem}");
    change(&mut office, "Ward", &[], &["Police"]);
    assert!(pending(&mut office, "Ward").is_empty());
}

#[test]
fn a_circle_larger_than_an_entry_is_granted_by_several() {
    let names: Vec<String> = (0..70).map(|n| format!("Union {n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (_folder, mut office, others) = office_that_knows(&names);
    circle(&mut office, "All", &names);
    let first = guide(&mut office, vec![recipient("circle:All", Role::Read)]);
    let second = guide(&mut office, Vec::new());
    grant(&mut office, &second, "circle:All", Role::Read).unwrap();
    // What follows comes in pages, by documents and by how much it is.
    change(&mut office, "All", &[], &names);
    let documents: Vec<DocumentId> = (0..3).map(|_| guide(&mut office, vec![recipient("circle:All", Role::Read)])).collect();
    change(&mut office, "All", &names, &[]);
    let mut seen = Vec::new();
    let mut query = PendingQuery { limit: Some(2), after: None };
    loop {
        let page = office.pending(&Actor::default(), "All", query.clone()).unwrap();
        assert!(page.items.len() <= 140);
        seen.extend(page.items.into_iter().map(|change| change.document));
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    assert_eq!(seen.len(), 210, "three new documents for 70; the first two are theirs already");
    seen.dedup();
    assert_eq!(seen.len(), documents.len());
    let page = office.pending(&Actor::default(), "All", PendingQuery::default()).unwrap();
    assert_eq!(page.items.len(), 210);
    for document in [first, second] {
        assert!(others.iter().all(|other| role(&office, &document, *other) == Some(Role::Read)));
        let entries: std::collections::BTreeSet<_> = office.access_of(&document).unwrap().rows().into_iter().map(|row| row.entry).collect();
        assert_eq!(entries.len(), 2);
    }
}

#[test]
fn what_this_organisation_may_not_change_is_named_with_who_could() {
    let (_folder, mut office, [police, council]) = office();
    let (key, us) = (DeviceKey::from_seed(&[3; 32]), office.machine.organisation());
    let genesis = author::genesis(police, Signer::Device(&key), vec![given(us, Role::Admin)], &mut Entropy::from_seed([7; 32])).unwrap();
    let document = genesis.document();
    publish(&mut office, vec![genesis]);
    circle(&mut office, "Ward", &["Council"]);
    // The document has no content here, hence no marking that would allow an admin: that is not asked for.
    let wishes = office.recipients(&[recipient("circle:Ward", Role::Read)]).unwrap();
    let givings = office.expand(&wishes, &police).unwrap();
    office.grant_roles(&Actor::default(), &document, givings, &wishes.circles).unwrap();
    office.settle().unwrap();
    assert_eq!(role(&office, &document, council), Some(Role::Read));
    change(&mut office, "Ward", &[], &["Council"]);
    // The owner takes our role, and keeps what we did by it.
    let access = office.access_of(&document).unwrap();
    let acting = Acting { organisation: police, signer: Signer::Device(&key), under: Some(document.into()) };
    let body = Body::Revoke { principal: Principal::Organisation(us), keep: access.keep_all_of(&us) };
    let revoked = author::control(&access, &acting, body).unwrap();
    publish(&mut office, vec![revoked]);
    let page = office.pending(&Actor::default(), "Ward", PendingQuery::default()).unwrap();
    let blocked = page.items[0].blocked.clone().unwrap();
    assert!(blocked.why.contains("takes the role admin") && blocked.remedy.contains("Police"), "{blocked:?}");
    let applied = apply(&mut office, "Ward", document);
    assert_eq!((applied.done.len(), applied.refused.len()), (0, 1));
    assert_eq!(role(&office, &document, council), Some(Role::Read));
}

#[test]
fn a_name_that_could_be_taken_for_an_organisation_or_mislead_names_no_circle() {
    let (_folder, mut office, _) = office();
    circle(&mut office, "Ward", &[]);
    for name in ["", "police", "Brixton", "anyone", "WARD", "a=b", "circle:x", "Wa\u{202e}rd", &"x".repeat(121)] {
        let request = CircleRequest { name: name.to_owned(), members: Vec::new() };
        let problem = office.create_circle(&Actor::default(), request).unwrap_err();
        assert!(!problem.remedy().is_empty(), "{name}");
    }
    for (members, word) in [(vec!["Brixton"], "need not be"), (vec!["Leeds"], "no organisation"), (vec!["circle:Ward"], "one organisation")]
    {
        let members = members.into_iter().map(str::to_owned).collect();
        let problem = office.create_circle(&Actor::default(), CircleRequest { name: "New".to_owned(), members }).unwrap_err();
        assert!(problem.to_string().contains(word), "{problem}");
    }
    assert!(office.circle(&Actor::default(), "New").is_err(), "something of it stayed");
    let document = guide(&mut office, Vec::new());
    let problem = grant(&mut office, &document, "Ward", Role::Read).unwrap_err();
    assert!(problem.remedy().contains("circle:Ward"), "{problem}");
}

#[test]
fn the_key_for_who_comes_into_a_circle_is_not_sealed_for_who_goes() {
    let (_folder, mut office, [police, council]) = office();
    circle(&mut office, "Ward", &["Police"]);
    let document = guide(&mut office, vec![recipient("circle:Ward", Role::Read)]);
    change(&mut office, "Ward", &["Council"], &["Police"]);
    let applied = apply(&mut office, "Ward", document);
    assert_eq!(applied.done.len(), 2);
    let newest =
        csu_protocol::store::Read::document(&office.storage, &document).unwrap().into_iter().rev().find_map(|stored| stored.entry.wraps);
    let wraps = <csu_protocol::entry::Wraps as csu_protocol::codec::Canonical>::from_canonical(&newest.unwrap()).unwrap();
    let recipients: Vec<OrganisationId> = wraps.recipients().map(|recipient| recipient.organisation).collect();
    assert!(recipients.contains(&council) && !recipients.contains(&police), "{recipients:?}");
}
