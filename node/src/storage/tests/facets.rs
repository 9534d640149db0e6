//! Lists that are narrowed.

use super::*;
use crate::storage::facets::Question;
use proptest::prelude::*;
use std::collections::BTreeMap;

const KINDS: [&str; 2] = ["bulletin", "guide"];
const STATES: [&str; 2] = ["issued", "withdrawn"];
const TERMS: [(&str, &str); 5] =
    [("category", "burglary"), ("category", "drugs"), ("severity", "minor"), ("area", "mill"), ("area", "quillonbury")];

fn id(number: u8) -> DocumentId {
    DocumentId::new(*Hash::of(&[number]).as_bytes())
}

fn line(number: u8, kind: usize, state: usize, owner: u8, updated: u64, unread: bool) -> Listed {
    Listed {
        document: id(number),
        kind: KINDS[kind % 2].to_owned(),
        title: format!("Title {number}"),
        state: STATES[state % 2].to_owned(),
        marking: None,
        owner: organisation(owner),
        updated: at(updated),
        received: None,
        access: "owner".to_owned(),
        unread,
    }
}

fn terms(bits: u8) -> BTreeSet<Term> {
    let all = TERMS.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1);
    all.map(|(_, (name, value))| Term { name, value: (*value).to_owned() }).collect()
}

/// Whether a line is one that a filter lets through, looked at by itself.
fn lets_through(filter: &ListingFilter, line: &Listed, terms: &BTreeSet<Term>) -> bool {
    filter.kind.as_ref().is_none_or(|kind| *kind == line.kind)
        && filter.state.as_ref().is_none_or(|state| *state == line.state)
        && filter.owner.is_none_or(|owner| owner == line.owner)
        && (!filter.unread || line.unread)
        && filter.since.is_none_or(|since| line.updated >= since)
        && filter.terms.is_subset(terms)
}

fn paged(storage: &Storage, filter: &ListingFilter, limit: u32) -> Vec<Listed> {
    let (mut lines, mut after) = (Vec::new(), None);
    loop {
        let page = storage.listing(filter, limit, after).unwrap();
        lines.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return lines,
        }
    }
}

/// A change of the list: a line put, read or removed.
fn change() -> impl Strategy<Value = (u8, u8, Listed, u8)> {
    let values = (0..12_u8, 0..2_usize, 0..2_usize, 1..3_u8, 1..6_u64, any::<bool>());
    (values, 0..4_u8, 0..32_u8).prop_map(|((number, kind, state, owner, updated, unread), act, bits)| {
        (number, act, line(number, kind, state, owner, updated, unread), bits)
    })
}

fn filter() -> impl Strategy<Value = ListingFilter> {
    let of_line = (proptest::option::of(0..2_usize), proptest::option::of(0..2_usize), proptest::option::of(1..4_u8));
    (of_line, any::<bool>(), proptest::option::of(1..7_u64), prop_oneof![Just(0_u8), 0..32_u8]).prop_map(
        |((kind, state, owner), unread, since, bits)| ListingFilter {
            kind: kind.map(|kind| KINDS[kind].to_owned()),
            state: state.map(|state| STATES[state].to_owned()),
            owner: owner.map(organisation),
            unread,
            since: since.map(at),
            terms: terms(bits),
            search: None,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_narrowed_list_is_the_whole_list_narrowed_however_lines_came_changed_and_went(
        changes in proptest::collection::vec(change(), 1..40),
        filters in proptest::collection::vec(filter(), 8),
        limit in 1..5_u32,
    ) {
        let folder = folder();
        let mut storage = open(folder.path());
        let mut model: BTreeMap<DocumentId, (Listed, BTreeSet<Term>)> = BTreeMap::new();
        for (number, act, line, bits) in changes {
            let document = id(number);
            if act == 0 {
                storage.remove_listing(&document).unwrap();
                model.remove(&document);
            } else {
                storage.put_listing(&line).unwrap();
                let terms_now = model.entry(document).or_insert_with(|| (line.clone(), BTreeSet::new()));
                terms_now.0 = line;
                if act > 1 {
                    terms_now.1 = terms(bits);
                    storage.put_facets(&document, &terms(bits)).unwrap();
                }
            }
        }
        for filter in filters {
            let mut wanted: Vec<Listed> =
                model.values().filter(|(line, terms)| lets_through(&filter, line, terms)).map(|(line, _)| line.clone()).collect();
            wanted.sort_by_key(|line| (std::cmp::Reverse(line.updated), line.document));
            prop_assert_eq!(&paged(&storage, &filter, limit), &wanted);
            prop_assert_eq!(storage.count_listing(&filter, 3).unwrap() as usize, wanted.len().min(3));
        }
        // No term is kept that no line has.
        let kept: i64 = storage.db.query_row("SELECT count(*) FROM term", [], |row| row.get(0)).unwrap();
        let used: i64 = storage.db.query_row("SELECT count(DISTINCT term) FROM facet", [], |row| row.get(0)).unwrap();
        prop_assert_eq!(kept, used);
    }
}

#[test]
fn narrowed_lists_are_read_in_order_from_indexes_without_sorting() {
    let folder = folder();
    let mut storage = open(folder.path());
    for number in 0..9 {
        storage.put_listing(&line(number, 0, 0, 1, u64::from(number), true)).unwrap();
        storage.put_facets(&id(number), &terms(31)).unwrap();
    }
    let after = storage.listing(&ListingFilter::default(), 2, None).unwrap().next;
    let since = Some(at(1));
    let kind = Some("bulletin".to_owned());
    for filter in [
        ListingFilter { since, ..ListingFilter::default() },
        ListingFilter { kind: kind.clone(), ..ListingFilter::default() },
        ListingFilter { unread: true, since, ..ListingFilter::default() },
        ListingFilter { kind: kind.clone(), owner: Some(organisation(1)), since, terms: terms(31), ..ListingFilter::default() },
    ] {
        for after in [None, after.as_ref()] {
            let Question { text, order, values } = Question::of(&storage.db, &filter, after).unwrap().unwrap();
            let mut statement = storage.db.prepare(&format!("EXPLAIN QUERY PLAN SELECT listing.title {text} {order}")).unwrap();
            let plan: Vec<String> =
                statement.query_map(rusqlite::params_from_iter(values), |row| row.get("detail")).unwrap().map(Result::unwrap).collect();
            let plan = plan.join("; ");
            assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{text}: {plan}");
        }
    }
}

#[test]
fn what_only_a_removed_document_was_found_by_is_in_no_file_once_it_was_rewritten() {
    let folder = folder();
    let mut storage = open(folder.path());
    for number in 0..60 {
        storage.put_listing(&line(number, 0, 0, 1, u64::from(number), false)).unwrap();
        let word = if number == 7 { "quillonbury".to_owned() } else { format!("word{number}") };
        storage.put_facets(&id(number), &BTreeSet::from([Term { name: "area", value: word }])).unwrap();
    }
    storage.commit().unwrap();
    let is_there = || {
        fs::read_dir(folder.path())
            .unwrap()
            .any(|file| String::from_utf8_lossy(&fs::read(file.unwrap().path()).unwrap()).contains("quillonbury"))
    };
    assert!(is_there());
    storage.put_facets(&id(7), &BTreeSet::new()).unwrap();
    storage.commit().unwrap();
    storage.rewrite().unwrap();
    assert!(storage.empty_log().unwrap());
    assert!(!is_there());
    let asked = BTreeSet::from([Term { name: "area", value: "word8".to_owned() }]);
    assert_eq!(paged(&storage, &ListingFilter { terms: asked, ..ListingFilter::default() }, 5).len(), 1);
}

#[test]
fn sealing_the_keys_forgets_all_terms_but_those_that_lines_show_anyway() {
    let folder = folder();
    let mut storage = open(folder.path());
    storage.put_listing(&line(1, 0, 0, 1, 5, true)).unwrap();
    storage.put_facets(&id(1), &terms(31)).unwrap();
    assert!(storage.search_titles_alone(true).unwrap());
    storage.commit().unwrap();
    let found = |filter: ListingFilter| paged(&storage, &filter, 5).len();
    assert_eq!(found(ListingFilter { terms: terms(1), ..ListingFilter::default() }), 0);
    assert_eq!(found(ListingFilter { kind: Some("bulletin".to_owned()), unread: true, ..ListingFilter::default() }), 1);
    let values: i64 =
        storage.db.query_row("SELECT count(*) FROM term WHERE name IN ('category', 'severity', 'area')", [], |row| row.get(0)).unwrap();
    assert_eq!(values, 0);
}

#[test]
fn lines_of_a_version_without_terms_are_found_at_once_by_what_they_show_and_all_documents_are_to_be_listed() {
    let folder = folder();
    let (document, writes) = document(3, 1, 10);
    let mut storage = open(folder.path());
    writes.iter().for_each(|write| storage.apply(write).unwrap());
    for number in 0..6_u8 {
        storage.put_listing(&line(number, usize::from(number), 0, 1 + number % 3, u64::from(number), number == 4)).unwrap();
    }
    let filters = [
        ListingFilter { kind: Some("bulletin".to_owned()), ..ListingFilter::default() },
        ListingFilter { state: Some("issued".to_owned()), owner: Some(organisation(2)), ..ListingFilter::default() },
        ListingFilter { unread: true, ..ListingFilter::default() },
    ];
    let before = filters.each_ref().map(|filter| paged(&storage, filter, 2));
    assert_eq!(before.each_ref().map(Vec::len), [3, 2, 1]);
    storage.commit().unwrap();
    storage.close().unwrap();
    let db = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    db.execute_batch("DROP TABLE term; DROP TABLE facet; ALTER TABLE listing DROP COLUMN facets").unwrap();
    db.pragma_update(None, "user_version", open::VERSION - 1).unwrap();
    drop(db);
    let mut storage = open(folder.path());
    assert_eq!(filters.each_ref().map(|filter| paged(&storage, filter, 2)), before);
    assert_eq!(storage.stale(None, 9).unwrap(), [document]);
    // And they can be changed like all others.
    storage.remove_listing(&id(4)).unwrap();
    assert!(paged(&storage, &filters[2], 2).is_empty());
}
