//! The node's own records.

use super::*;
use crate::log_verb::LogVerb;

fn draft(kind: &str, document: Option<DocumentId>) -> DraftContent {
    DraftContent {
        kind: kind.to_owned(),
        document,
        fields: json!({"source": "a resident", "info": [{"headline": "Dŵr", "severity": "Minor"}]}).as_object().unwrap().clone(),
        marking: Some("AMBER+STRICT".to_owned()),
        audience: vec![
            Grant { subject: Subject::Anyone, role: Role::Read, until: None },
            Grant { subject: Subject::Organisation(organisation(2)), role: Role::Write, until: Some(at(77)) },
        ],
        circles: Vec::new(),
        base: vec![EntryId::new([4; 32])],
        person: Some("Ada".to_owned()),
    }
}

#[test]
fn a_draft_is_kept_whole_and_forgets_its_words_when_it_is_closed() {
    let folder = folder();
    let mut storage = open(folder.path());
    let document = DocumentId::new([8; 32]);
    let number = storage.add_draft(&draft("bulletin", None), at(1)).unwrap();
    storage.commit().unwrap();
    let expected = Draft { number, open: true, content: draft("bulletin", None), created: at(1), updated: at(1) };
    assert_eq!(storage.draft(number).unwrap().unwrap(), expected);
    assert!(storage.update_draft(number, &draft("guide", None), at(2)).unwrap());
    assert_eq!(storage.open_drafts().unwrap()[0].content.kind, "guide");
    assert!(storage.close_draft(number, &document, at(3)).unwrap());
    assert!(storage.open_drafts().unwrap().is_empty());
    let closed = storage.draft(number).unwrap().unwrap();
    assert!(!closed.open && closed.content.fields.is_empty() && closed.content.audience.is_empty());
    assert_eq!((closed.content.document, closed.created, closed.updated), (Some(document), at(1), at(3)));
    // Closed is closed.
    assert!(!storage.update_draft(number, &draft("guide", None), at(4)).unwrap());
    assert!(!storage.delete_draft(number).unwrap());

    let change = storage.add_draft(&draft("guide", Some(document)), at(5)).unwrap();
    assert_eq!(storage.draft_of(&document).unwrap().unwrap().number, change);
    assert_eq!(storage.counts().unwrap().drafts, 1);
    assert!(storage.add_draft(&draft("guide", Some(document)), at(5)).is_err(), "one open draft a document");
    storage.rollback().unwrap();
}

#[test]
fn a_database_from_before_there_were_circles_is_brought_to_this_version_with_its_drafts() {
    let folder = folder();
    let db = rusqlite::Connection::open(folder.path().join(open::FILE)).unwrap();
    db.execute_batch(include_str!("../schema.sql")).unwrap();
    db.execute_batch(
        "INSERT INTO draft (kind, document, open, fields, marking, audience, base, person, created, updated)
         VALUES ('guide', NULL, 1, '{\"title\": \"Gates\"}', NULL, '[]', '[]', NULL, 1, 2); PRAGMA user_version = 1;",
    )
    .unwrap();
    drop(db);
    let storage = open(folder.path());
    let drafts = storage.open_drafts().unwrap();
    assert_eq!((drafts.len(), drafts[0].content.fields["title"].as_str()), (1, Some("Gates")));
    assert!(drafts[0].content.circles.is_empty() && storage.circles().unwrap().is_empty());
}

#[test]
fn a_deleted_circle_takes_everything_of_it_along_and_its_number_is_never_used_again() {
    let folder = folder();
    let mut storage = open(folder.path());
    let (document, member) = (DocumentId::new([8; 32]), organisation(2));
    let circle = storage.add_circle("Ward", at(1)).unwrap();
    assert!(storage.add_circle("wARD", at(1)).is_err(), "two circles of one name");
    storage.rollback().unwrap();
    let circle_again = storage.add_circle("Ward", at(1)).unwrap();
    assert_eq!(circle, circle_again, "the first was rolled back");
    storage.add_member(circle, &member, at(2)).unwrap();
    storage.add_member(circle, &member, at(9)).unwrap();
    let grant = CircleGrant { circle, role: Role::Read, until: Some(at(5)) };
    storage.put_share(&document, &grant).unwrap();
    storage.put_share(&document, &CircleGrant { until: Some(at(4)), ..grant }).unwrap();
    storage.put_gift(&document, &Gift { circle, organisation: member, entry: EntryId::new([4; 32]), at: at(3) }).unwrap();
    storage.commit().unwrap();
    assert_eq!(storage.circle_named("WARD").unwrap().unwrap().key, circle);
    assert_eq!(storage.members(circle).unwrap(), [Member { organisation: member, since: at(2) }]);
    assert_eq!(storage.shares(&document).unwrap(), [grant], "the later end holds");
    storage.put_share(&document, &CircleGrant { until: None, ..grant }).unwrap();
    assert_eq!(storage.shares(&document).unwrap()[0].until, None);
    assert_eq!(storage.documents_of_circle(circle, None, 9).unwrap(), [document]);
    assert!(storage.documents_of_circle(circle, Some(&document), 9).unwrap().is_empty());
    storage.delete_circle(circle).unwrap();
    assert!(storage.shares(&document).unwrap().is_empty() && storage.gifts(&document).unwrap().is_empty());
    assert!(storage.members(circle).unwrap().is_empty());
    assert_ne!(storage.add_circle("Ward", at(1)).unwrap(), circle);
}

#[test]
fn the_number_of_a_draft_is_never_used_again() {
    let folder = folder();
    let mut storage = open(folder.path());
    let first = storage.add_draft(&draft("bulletin", None), at(1)).unwrap();
    assert_eq!(first.to_string(), "d1");
    assert!(storage.delete_draft(first).unwrap());
    storage.commit().unwrap();
    storage.close().unwrap();
    let mut storage = open(folder.path());
    assert_eq!(storage.add_draft(&draft("bulletin", None), at(1)).unwrap().to_string(), "d2");
    assert_eq!(storage.draft(first).unwrap(), None);
}

fn listed(byte: u8, kind: &str, updated: u64) -> Listed {
    Listed {
        document: DocumentId::new([byte; 32]),
        kind: kind.to_owned(),
        title: format!("Bins on fire, {byte}"),
        state: if byte.is_multiple_of(2) { "issued" } else { "resolved" }.to_owned(),
        marking: (byte > 3).then(|| "GREEN".to_owned()),
        owner: organisation(1),
        updated: at(updated),
        received: (byte > 2).then(|| at(u64::from(byte))),
        access: "read".to_owned(),
        unread: byte == 1,
    }
}

#[test]
fn a_listing_is_newest_first_and_its_pages_join_without_gap_or_repeat() {
    let folder = folder();
    let mut storage = open(folder.path());
    // Times that are equal, and one that no clock should show.
    let times = [5, 9, 9, 9, 1, u64::MAX, 7];
    for (byte, updated) in (1..).zip(times) {
        storage.put_listing(&listed(byte, if byte == 7 { "guide" } else { "bulletin" }, updated)).unwrap();
    }
    let pages = |filter: &ListingFilter, limit| {
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let page = storage.listing(filter, limit, after).unwrap();
            assert!(page.items.len() <= usize::try_from(limit).unwrap() && ids.len() < 10, "pages of {limit} repeat themselves");
            ids.extend(page.items.iter().map(|line| line.document.as_bytes()[0]));
            match page.next {
                Some(next) => after = Some(next.to_string().parse().unwrap()),
                None => return ids,
            }
        }
    };
    let all = ListingFilter::default();
    for limit in [1, 2, 3, 7, u32::MAX] {
        assert_eq!(pages(&all, limit), [2, 3, 4, 7, 1, 5, 6], "pages of {limit}");
    }
    assert_eq!(pages(&ListingFilter { kind: Some("guide".to_owned()), ..ListingFilter::default() }, 2), [7]);
    assert_eq!(
        pages(&ListingFilter { kind: Some("bulletin".to_owned()), state: Some("issued".to_owned()), ..ListingFilter::default() }, 2),
        [2, 4, 6]
    );

    assert_eq!(storage.counts().unwrap().unread, 1);
    assert_eq!(storage.listed(&DocumentId::new([6; 32])).unwrap().unwrap(), listed(6, "bulletin", u64::MAX));
    storage.put_listing(&Listed { unread: false, ..listed(1, "bulletin", 6) }).unwrap();
    assert_eq!(storage.counts().unwrap().unread, 0);
    storage.remove_listing(&DocumentId::new([1; 32])).unwrap();
    assert_eq!(storage.listed(&DocumentId::new([1; 32])).unwrap(), None);
    storage.clear_listing().unwrap();
    assert_eq!(storage.listing(&all, 10, None).unwrap(), Page::default());
}

#[test]
fn documents_are_found_by_the_beginning_of_their_id() {
    let folder = folder();
    let mut storage = open(folder.path());
    let mut ids = Vec::new();
    for nonce in 0..40 {
        let (id, writes) = document(nonce, 0, 0);
        writes.iter().for_each(|write| storage.apply(write).unwrap());
        ids.push(id);
    }
    ids.sort_unstable();
    for prefix_length in [0, 1, 2, 3, 63, 64] {
        let prefix = ids[7].to_string()[..prefix_length].to_owned();
        let expected: Vec<DocumentId> = ids.iter().filter(|id| id.to_string().starts_with(&prefix)).copied().collect();
        assert_eq!(storage.find_by_prefix(&prefix.to_uppercase(), 100).unwrap(), expected, "{prefix}");
    }
    assert_eq!(storage.find_by_prefix("", 3).unwrap(), ids[..3]);
    for prefix in ["xyz", "é", "d3 ", "%", &"0".repeat(65)] {
        assert!(storage.find_by_prefix(prefix, 3).unwrap().is_empty(), "{prefix}");
    }
}

#[test]
fn the_log_is_read_by_document_verb_person_and_time_and_cannot_be_changed() {
    let folder = folder();
    let mut storage = open(folder.path());
    let document = DocumentId::new([8; 32]);
    let line = |n: u64, verb, who: &str| LogLine {
        at: at(n),
        verb,
        who: who.to_owned(),
        document: n.is_multiple_of(2).then_some(document),
        to: (n == 4).then(|| "South Wales Police".to_owned()),
        why: (n == 4).then(|| "requested".to_owned()),
        detail: format!("line {n}"),
    };
    let lines: Vec<LogLine> = (1..=8).map(|n| line(n, LogVerb::ALL[(n - 1) as usize], if n < 5 { "Ada" } else { "Bea" })).collect();
    lines.iter().for_each(|line| storage.append_log(line).unwrap());
    storage.commit().unwrap();
    let read = |filter: LogFilter| storage.read_log(&filter).unwrap().iter().map(|logged| logged.line.at.as_ms()).collect::<Vec<_>>();
    let all = storage.read_log(&LogFilter::default()).unwrap().into_iter().map(|logged| logged.line);
    assert_eq!(all.collect::<Vec<_>>(), lines.iter().rev().cloned().collect::<Vec<_>>());
    assert_eq!(read(LogFilter { until: Some(at(3)), ..LogFilter::default() }), [2, 1]);
    assert_eq!(read(LogFilter { since: Some(at(2)), until: Some(at(4)), ..LogFilter::default() }), [3, 2]);
    assert_eq!(read(LogFilter { before: Some(3), ..LogFilter::default() }), [2, 1]);
    assert_eq!(read(LogFilter { before: Some(u64::MAX), limit: Some(1), ..LogFilter::default() }), [8]);
    assert_eq!(read(LogFilter { document: Some(document), ..LogFilter::default() }), [8, 6, 4, 2]);
    assert_eq!(read(LogFilter { verb: Some(LogVerb::Disclosure), ..LogFilter::default() }), [4]);
    assert_eq!(read(LogFilter { who: Some("Ada".to_owned()), ..LogFilter::default() }), [4, 3, 2, 1]);
    assert_eq!(read(LogFilter { since: Some(at(7)), ..LogFilter::default() }), [8, 7]);
    assert_eq!(read(LogFilter { since: Some(at(u64::MAX)), ..LogFilter::default() }), [0; 0]);
    assert_eq!(read(LogFilter { limit: Some(2), ..LogFilter::default() }), [8, 7]);
    let narrow = LogFilter {
        document: Some(document),
        who: Some("Bea".to_owned()),
        since: Some(at(6)),
        until: Some(at(7)),
        before: Some(7),
        limit: Some(1),
        verb: Some(LogVerb::Erasure),
    };
    assert_eq!(read(narrow), [6]);
    for statement in ["DELETE FROM log", "UPDATE log SET who = 'nobody'"] {
        assert!(storage.db.execute_batch(statement).unwrap_err().to_string().contains("never"), "{statement}");
    }
}

#[test]
fn a_documents_own_dates_are_kept_replaced_and_taken_away() {
    let folder = folder();
    let mut storage = open(folder.path());
    let document = DocumentId::new([2; 32]);
    let dates = |ends| OwnDates { review: Some(at(5)), ends, why: "trial".to_owned(), person: Some("Ada".to_owned()), set_at: at(1) };
    storage.set_retention(&document, Some(&dates(None))).unwrap();
    assert_eq!(storage.kept(&document).unwrap(), None, "what is in no list is not kept");
    storage.put_listing(&listed(2, "guide", 7)).unwrap();
    storage.put_listing(&listed(3, "note", 8)).unwrap();
    storage.set_retention(&document, Some(&dates(Some(at(9))))).unwrap();
    storage.commit().unwrap();
    let mut all = Vec::new();
    storage.every_kept(&mut |kept| all.push((kept.kind.clone(), kept.updated, kept.own))).unwrap();
    assert_eq!(all, [("guide".to_owned(), at(7), Some(dates(Some(at(9))))), ("note".to_owned(), at(8), None)]);
    storage.set_retention(&document, None).unwrap();
    assert_eq!(storage.kept(&document).unwrap().unwrap().own, None);
}

#[test]
fn when_a_peer_was_seen_outlives_its_record_being_replaced_but_not_removed() {
    let folder = folder();
    let mut storage = open(folder.path());
    let id = organisation(3);
    storage.peer_seen(&id, at(10)).unwrap();
    assert_eq!(storage.last_seen(&id).unwrap(), None, "no peer");
    storage.apply(&Write::Peer(peer(3, Pairing::Confirmed))).unwrap();
    assert_eq!(storage.last_seen(&id).unwrap(), None);
    storage.peer_seen(&id, at(10)).unwrap();
    storage.peer_seen(&id, at(9)).unwrap();
    storage.apply(&Write::Peer(peer(3, Pairing::Confirmed))).unwrap();
    assert_eq!(storage.last_seen(&id).unwrap(), Some(at(10)));
    storage.apply(&Write::PeerRemoved(id)).unwrap();
    storage.apply(&Write::Peer(peer(3, Pairing::Confirmed))).unwrap();
    assert_eq!(storage.last_seen(&id).unwrap(), None);
}

#[test]
fn the_secret_of_a_used_invitation_and_the_words_of_a_deleted_draft_leave_the_file() {
    let folder = folder();
    let mut storage = open(folder.path());
    storage.apply(&Write::Invitation(invitation(0xc7))).unwrap();
    let mut content = draft("bulletin", None);
    content.fields.insert("note".to_owned(), json!("wherewithal"));
    let number = storage.add_draft(&content, at(1)).unwrap();
    storage.commit().unwrap();
    storage.apply(&Write::InvitationEnded(InvitationSecret::from_bytes([0xc7; 32]))).unwrap();
    storage.delete_draft(number).unwrap();
    storage.commit().unwrap();
    storage.close().unwrap();
    let bytes = fs::read(folder.path().join("node.sqlite")).unwrap();
    let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    assert!(!holds(&[0xc7; 16]) && !holds(b"wherewithal"));
    assert!(holds(b"CREATE TABLE draft"));
    assert!(!folder.path().join("node.sqlite-wal").exists());
}
