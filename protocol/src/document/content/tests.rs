//! Content as its users see it, and as its enemies try it.

use super::*;
use crate::document::kind;
use crate::document::limits::{MAX_CHANGE_BYTES, MAX_CHANGE_OPERATIONS};
use automerge_free::{reseal, with_run};
use proptest::prelude::*;
use serde_json::{Value, json};

mod canonical;

pub(super) const DOCUMENT: DocumentId = DocumentId::new([7; 32]);

fn bulletin(fields: Value, state: Option<&str>) -> Wanted {
    let kind = kind::find("bulletin").unwrap();
    let fields = kind.check(fields.as_object().unwrap()).unwrap();
    Wanted { kind, marking: Marking::Green, state: state.map(str::to_owned), fields }
}

fn sample() -> Value {
    json!({
        "status": "Actual",
        "policeCategory": ["burglary"],
        "info": [{
            "headline": "Two burglaries", "category": ["Security"], "urgency": "Past", "severity": "Moderate",
            "certainty": "Observed", "description": "Rear doors were forced.", "instruction": "Lock rear gates.",
            "onset": "2026-11-20T18:00:00+00:00",
            "area": [{"areaDesc": "Mill Road", "geocode": [{"valueName": "GSS", "value": "E05002710"}]},
                     {"areaDesc": "Hill Road", "circle": ["51.5,-0.1 0.5"]}],
            "resource": [{"resourceDesc": "Map", "size": 1200}],
        }],
    })
}

/// The fields with one value changed, by path.
fn with(fields: &Value, words: &[&str]) -> Value {
    let kind = kind::find("bulletin").unwrap();
    let mut checked = kind.check(fields.as_object().unwrap()).unwrap();
    kind.assign_all(&mut checked, words.iter().copied()).unwrap();
    Value::Object(checked.into_map())
}

/// The change that makes `wanted` of `content` as it stands.
fn revise(content: &Content, wanted: &Wanted) -> Result<Change, ReviseError> {
    let base: Vec<_> = content.heads().iter().copied().collect();
    content.revise(&DOCUMENT, &base, wanted)
}

fn first() -> (Change, Content) {
    let change = revise(&Content::default(), &bulletin(sample(), Some("issued"))).unwrap();
    (change.clone(), Content::build([change]))
}

fn fields(content: &Content) -> Value {
    serde_json::to_value(content.snapshot().fields).unwrap()
}

#[test]
fn a_first_revision_shows_what_was_wanted() {
    let (change, content) = first();
    let snapshot = content.snapshot();
    assert_eq!(snapshot.kind_name.as_deref(), Some("bulletin"));
    assert_eq!(snapshot.marking, Some(Marking::Green));
    assert_eq!(snapshot.state, Some("issued"));
    assert_eq!(fields(&content), sample());
    assert_eq!(snapshot.problems, []);
    assert_eq!(content.heads().iter().collect::<Vec<_>>(), [&change.hash()]);
    assert!(content.left_out().is_empty());
}

#[test]
fn a_change_checks_again_and_twice_the_same_arguments_give_the_same_bytes() {
    let (change, content) = first();
    let again = first().0;
    assert_eq!(change.bytes(), again.bytes());
    let next = revise(&content, &bulletin(with(&sample(), &["severity=Severe"]), Some("updated"))).unwrap();
    for change in [change, next] {
        let checked = Change::check(&DOCUMENT, change.bytes(), change.deps()).unwrap();
        assert_eq!(checked.hash(), change.hash());
    }
}

#[test]
fn an_edit_that_changes_nothing_is_refused_and_moving_the_state_is_a_change() {
    let (_, content) = first();
    assert_eq!(revise(&content, &bulletin(sample(), None)), Err(ReviseError::NothingChanged));
    assert_eq!(revise(&content, &bulletin(sample(), Some("issued"))), Err(ReviseError::NothingChanged));
    let change = revise(&content, &bulletin(sample(), Some("resolved"))).unwrap();
    assert_eq!(change.operations().list.len(), 1, "only the state is written");
}

#[test]
fn an_unchanged_field_produces_no_operation() {
    let (_, content) = first();
    let change = revise(&content, &bulletin(with(&sample(), &["severity=Severe"]), None)).unwrap();
    assert_eq!(change.operations().list.len(), 1);
    let change = revise(&content, &bulletin(with(&sample(), &["instruction=Lock rear gates!"]), None)).unwrap();
    assert_eq!(change.operations().list.len(), 2, "one character out, one in");
}

#[test]
fn two_edits_of_one_text_both_survive() {
    let (base, content) = first();
    let left = revise(&content, &bulletin(with(&sample(), &["instruction=Lock rear gates and doors."]), None)).unwrap();
    let right = revise(&content, &bulletin(with(&sample(), &["instruction=Please lock rear gates."]), None)).unwrap();
    let merged = Content::build([base, left, right]);
    let snapshot = merged.snapshot();
    let text = snapshot.fields.get("info.instruction").unwrap().as_str().unwrap();
    assert!(text.contains("and doors") && text.starts_with("Please"), "{text}");
    assert_eq!(merged.heads().len(), 2);
}

#[test]
fn edits_of_different_records_both_survive_though_another_record_goes() {
    let (base, content) = first();
    let mut fewer = sample();
    fewer["info"][0]["area"].as_array_mut().unwrap().remove(0);
    fewer["info"][0]["area"][0]["areaDesc"] = json!("Hill Road north");
    let left = revise(&content, &bulletin(fewer, None)).unwrap();
    let right = revise(&content, &bulletin(with(&sample(), &["info.area[1].ceiling=100", "circle+=52,0 1"]), None)).unwrap();
    let merged = Content::build([base, left, right]);
    assert_eq!(
        merged.snapshot().fields.get("info.area"),
        Some(&json!([{"areaDesc": "Hill Road north", "circle": ["51.5,-0.1 0.5"], "ceiling": "100"}]))
    );
}

#[test]
fn a_text_left_empty_at_first_merges_when_two_fill_it() {
    let (base, content) = first();
    let left = revise(&content, &bulletin(with(&sample(), &["note=left"]), None)).unwrap();
    let right = revise(&content, &bulletin(with(&sample(), &["note=right"]), None)).unwrap();
    let note = Content::build([base, left, right]).snapshot().fields.get("note").cloned();
    let note = note.unwrap();
    let note = note.as_str().unwrap();
    assert!(note.contains("left") && note.contains("right"), "{note}");
}

#[test]
fn of_conflicting_values_the_stricter_marking_and_the_higher_state_hold() {
    let (base, content) = first();
    // Which value Automerge would show depends on the changes' actors, so try several.
    for severity in ["Minor", "Severe", "Extreme", "Unknown"] {
        let mut red = bulletin(with(&sample(), &["headline=x"]), Some("resolved"));
        red.marking = Marking::Red;
        let mut clear = bulletin(with(&sample(), &[&format!("severity={severity}")]), Some("updated"));
        clear.marking = Marking::Clear;
        let changes = [base.clone(), revise(&content, &red).unwrap(), revise(&content, &clear).unwrap()];
        let merged = Content::build(changes.clone());
        assert_eq!(merged.snapshot().marking, Some(Marking::Red));
        assert_eq!(merged.snapshot().state, Some("resolved"));
        // An edit that leaves both alone writes neither, so the conflict goes on holding.
        let mut next = bulletin(with(&fields(&merged), &["urgency=Future"]), None);
        next.marking = Marking::Red;
        let next = revise(&merged, &next).unwrap();
        assert_eq!(next.operations().list.len(), 1);
        let after = Content::build(changes.into_iter().chain([next])).snapshot();
        assert_eq!((after.marking, after.state), (Some(Marking::Red), Some("resolved")));
    }
}

#[test]
fn a_change_is_refused_under_another_document_and_with_other_dependencies() {
    let (change, content) = first();
    let elsewhere = DocumentId::new([8; 32]);
    assert_eq!(Change::check(&elsewhere, change.bytes(), change.deps()), Err(ChangeError::WrongActor));
    let other = BTreeSet::from([ChangeHash::new([1; 32])]);
    assert!(matches!(Change::check(&DOCUMENT, change.bytes(), &other), Err(ChangeError::WrongDependencies { .. })));
    let next = revise(&content, &bulletin(with(&sample(), &["severity=Severe"]), None)).unwrap();
    assert!(matches!(Change::check(&DOCUMENT, next.bytes(), &BTreeSet::new()), Err(ChangeError::WrongDependencies { .. })));
}

#[test]
fn the_same_edit_by_two_authors_is_one_change() {
    let (base, content) = first();
    let wanted = bulletin(with(&sample(), &["severity=Severe"]), None);
    let left = revise(&content, &wanted).unwrap();
    let right = revise(&content.clone(), &wanted).unwrap();
    assert_eq!(left.hash(), right.hash());
    let merged = Content::build([base, left, right]);
    assert_eq!(merged.heads().len(), 1);
    assert!(merged.left_out().is_empty());
}

#[test]
fn what_builds_on_something_absent_is_left_out_and_named() {
    let (base, content) = first();
    let second = revise(&content, &bulletin(with(&sample(), &["severity=Severe"]), None)).unwrap();
    let both = Content::build([base.clone(), second.clone()]);
    let third = revise(&both, &bulletin(with(&sample(), &["severity=Extreme"]), None)).unwrap();
    let partial = Content::build([third.clone(), base.clone()]);
    assert_eq!(partial.left_out(), &BTreeMap::from([(third.hash(), LeftOut::Missing(second.hash()))]));
    assert_eq!(fields(&partial), sample());
    assert_eq!(Content::build([third.clone(), second.clone(), base.clone()]).heads(), &BTreeSet::from([third.hash()]));
    let mut grown = partial;
    grown.add([second.clone()]);
    assert!(grown.left_out().is_empty() && grown.waiting.is_empty());
    assert_eq!(grown.heads(), &BTreeSet::from([third.hash()]));
    let orphans = Content::build([third, second]);
    assert_eq!(orphans.left_out().len(), 2);
    assert!(orphans.is_empty());
}

#[test]
fn one_change_that_does_not_fit_leaves_the_others_alone() {
    let (base, content) = first();
    let good = revise(&content, &bulletin(with(&sample(), &["severity=Severe"]), None)).unwrap();
    // An edit of another document's object, given this document's dependencies and actor.
    let other = revise(&Content::default(), &bulletin(json!({"note": "x"}), None)).unwrap();
    let others = Content::build([other.clone()]);
    let foreign = revise(&others, &bulletin(json!({"note": "xy"}), None)).unwrap();
    let mut bytes = foreign.bytes().to_vec();
    let at = bytes.windows(32).position(|window| window == other.hash().as_bytes()).unwrap();
    bytes[at..at + 32].copy_from_slice(base.hash().as_bytes());
    let bytes = reseal(&bytes);
    let bad = Change::check(&DOCUMENT, &bytes, &BTreeSet::from([base.hash()])).unwrap();
    for changes in [[base.clone(), good.clone(), bad.clone()], [bad.clone(), good.clone(), base.clone()]] {
        let merged = Content::build(changes);
        assert!(matches!(merged.left_out().get(&bad.hash()), Some(LeftOut::Unsound { .. })), "{:?}", merged.left_out());
        assert_eq!(merged.snapshot().fields.get("info.severity"), Some(&json!("Severe")));
    }
}

/// The change with some of its bytes replaced by as many others, and signed as an enemy would.
fn tampered(change: &Change, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = change.bytes().windows(from.len()).position(|window| window == from).unwrap();
    let mut bytes = change.bytes().to_vec();
    bytes.splice(at..at.saturating_add(to.len()), to.iter().copied());
    reseal(&bytes)
}

fn left_out(content: &Content, change: &Change) -> String {
    content.left_out().get(&change.hash()).map(ToString::to_string).unwrap_or_default()
}

#[test]
fn a_change_that_reaches_for_what_it_does_not_build_on_is_left_out() {
    let (base, content) = first();
    let left = revise(&content, &bulletin(with(&sample(), &["instruction=Lock rear gates.x"]), None)).unwrap();
    let undo = revise(&Content::build([base.clone(), left.clone()]), &bulletin(sample(), None)).unwrap();
    // Which of two concurrent changes is looked at first depends on their hashes, so try several.
    for end in ["a", "b", "c", "d", "e"] {
        let right = with(&sample(), &[&format!("instruction=Lock rear gates.{end}")]);
        let right = revise(&content, &bulletin(right, None)).unwrap();
        // It takes out what the left one put in, and says that it builds on the right one.
        let bytes = tampered(&undo, left.hash().as_bytes(), right.hash().as_bytes());
        let undo = Change::check(&DOCUMENT, &bytes, &BTreeSet::from([right.hash()])).unwrap();
        let merged = Content::build([base.clone(), left.clone(), right, undo.clone()]);
        assert!(left_out(&merged, &undo).contains("not in its past"), "{:?}", merged.left_out());
        assert_eq!(merged.heads().len(), 2);
    }
}

#[test]
fn a_change_that_replaces_a_value_of_another_field_is_left_out() {
    let (base, content) = first();
    let next = revise(&content, &bulletin(with(&sample(), &["severity=Severe"]), None)).unwrap();
    let bytes = tampered(&next, b"severity", b"headline");
    let next = Change::check(&DOCUMENT, &bytes, next.deps()).unwrap();
    let merged = Content::build([base, next.clone()]);
    assert!(left_out(&merged, &next).contains("replaces something elsewhere"), "{:?}", merged.left_out());
}

#[test]
fn a_change_that_jumps_ahead_with_its_counters_is_left_out() {
    let (base, content) = first();
    let next = revise(&content, &bulletin(with(&sample(), &["severity=Severe"]), None)).unwrap();
    let start = u8::try_from(next.start()).unwrap();
    let bytes = tampered(&next, &[1, start, 0, 0], &[1, start.saturating_add(1), 0, 0]);
    let next = Change::check(&DOCUMENT, &bytes, next.deps()).unwrap();
    let merged = Content::build([base, next.clone()]);
    assert!(left_out(&merged, &next).contains("counters"), "{:?}", merged.left_out());
}

#[test]
fn a_wrong_checksum_and_another_encoding_of_the_same_operations_are_refused() {
    let (_, content) = first();
    let next = revise(&content, &bulletin(sample(), Some("resolved"))).unwrap();
    let mut bytes = next.bytes().to_vec();
    bytes[4] ^= 1;
    assert_eq!(Change::check(&DOCUMENT, &bytes, next.deps()), Err(ChangeError::Checksum));
    // The one action as a run of one, where Automerge writes a literal run of one.
    let at = next.bytes().windows(3).position(|window| window == [1, 0x7f, 1]).unwrap();
    let mut bytes = next.bytes().to_vec();
    bytes[at + 1] = 1;
    assert_eq!(Change::check(&DOCUMENT, &reseal(&bytes), next.deps()), Err(ChangeError::NotCanonical));
}

#[test]
fn what_cannot_be_shown_is_named_and_goes_with_the_next_edit_of_its_list() {
    let wanted = bulletin(with(&sample(), &["category=Safety,Security,Fire"]), None);
    let change = revise(&Content::default(), &wanted).unwrap();
    let bytes = tampered(&change, b"Security", b"Nonsense");
    let change = Change::check(&DOCUMENT, &bytes, &BTreeSet::new()).unwrap();
    let content = Content::build([change.clone()]);
    let snapshot = content.snapshot();
    assert_eq!(snapshot.fields.get("info.category"), Some(&json!(["Safety", "Fire"])));
    let [problem] = &snapshot.problems[..] else { panic!("{:?}", snapshot.problems) };
    assert!(problem.path == "info[0].category[1]" && problem.what.contains("Nonsense"), "{problem:?}");
    // An edit elsewhere leaves it, an edit of the list removes it.
    let elsewhere = revise(&content, &bulletin(with(&fields(&content), &["severity=Minor"]), None)).unwrap();
    assert_eq!(elsewhere.operations().list.len(), 1);
    let here = revise(&content, &bulletin(with(&fields(&content), &["category=Safety,Fire,Met"]), None)).unwrap();
    let after = Content::build([change, here]).snapshot();
    assert_eq!(after.fields.get("info.category"), Some(&json!(["Safety", "Fire", "Met"])));
    assert_eq!(after.problems, []);
}

#[test]
fn a_run_length_bomb_is_refused_from_its_lengths() {
    let (change, _) = first();
    for count in [u64::from(MAX_CHANGE_OPERATIONS) + 1, 1 << 40, i64::MAX.unsigned_abs()] {
        let bytes = with_run(change.bytes(), count);
        assert_eq!(Change::check(&DOCUMENT, &bytes, &BTreeSet::new()), Err(ChangeError::TooManyOperations));
    }
}

#[test]
fn compressed_long_or_trailing_bytes_are_refused() {
    let (change, _) = first();
    let none = BTreeSet::new();
    let mut compressed = change.bytes().to_vec();
    compressed[8] = 2;
    assert!(matches!(Change::check(&DOCUMENT, &compressed, &none), Err(ChangeError::NotAChange { offset: 8, .. })));
    let long = vec![0; MAX_CHANGE_BYTES + 1];
    assert!(matches!(Change::check(&DOCUMENT, &long, &none), Err(ChangeError::TooLong { .. })));
    let mut trailing = change.bytes().to_vec();
    trailing.push(0);
    assert!(matches!(Change::check(&DOCUMENT, &trailing, &none), Err(ChangeError::Trailing { extra: 1, .. })));
}

#[test]
fn a_document_at_earlier_heads_shows_what_it_showed() {
    let (base, content) = first();
    let second = revise(&content, &bulletin(with(&sample(), &["severity=Severe"]), Some("updated"))).unwrap();
    let both = Content::build([base.clone(), second]);
    assert_eq!(both.snapshot_at(&[base.hash()]), Some(content.snapshot()));
    assert_eq!(both.snapshot_at(&[ChangeHash::new([9; 32])]), None);
    assert_eq!(content.snapshot().changed_paths(&both.snapshot()), ["state", "info[0].severity"]);
    // And an edit can build on the earlier version, as an author who had not seen the later one did.
    let late = both.revise(&DOCUMENT, &[base.hash()], &bulletin(with(&sample(), &["urgency=Future"]), None)).unwrap();
    assert_eq!(late.deps(), &BTreeSet::from([base.hash()]));
    let merged = Content::build(both.changes.into_values().chain([late])).snapshot();
    assert_eq!(merged.fields.get("info.severity"), Some(&json!("Severe")));
    assert_eq!(merged.fields.get("info.urgency"), Some(&json!("Future")));
}

#[test]
fn wrong_arguments_are_refused_with_what_to_do() {
    let (_, content) = first();
    let error = revise(&content, &bulletin(sample(), Some("withdrawn"))).unwrap_err();
    assert!(error.to_string().contains("issued, updated, resolved"), "{error}");
    let guide = kind::find("guide").unwrap();
    let wanted = Wanted { kind: guide, marking: Marking::Green, state: None, fields: Fields::default() };
    assert!(matches!(revise(&content, &wanted), Err(ReviseError::OtherKind { .. })));
    let wanted = bulletin(sample(), None);
    assert_eq!(content.revise(&DOCUMENT, &[], &wanted), Err(ReviseError::NoBase));
    let absent = ChangeHash::new([3; 32]);
    assert_eq!(content.revise(&DOCUMENT, &[absent], &wanted), Err(ReviseError::UnknownBase(absent)));
}

#[test]
fn a_saved_document_loads_in_automerge() {
    let (base, content) = first();
    let next = revise(&content, &bulletin(with(&sample(), &["note=later"]), None)).unwrap();
    let merged = Content::build([base, next]);
    assert_eq!(&merged.save().unwrap()[..4], &[0x85, 0x6f, 0x4a, 0x83]);
    let hashes: BTreeSet<_> = merged.changes.keys().copied().collect();
    assert_eq!(engine::forge::hashes_after_loading(&merged.save().unwrap()), hashes);
}

#[test]
fn rewriting_a_long_text_takes_no_square_of_its_length() {
    let long = |c: &str| with(&sample(), &[&format!("description={}", c.repeat(60_000))]);
    let change = revise(&Content::default(), &bulletin(long("a"), None)).unwrap();
    let content = Content::build([change]);
    let next = revise(&content, &bulletin(long("b"), None)).unwrap();
    assert!(next.operations().list.len() == 120_000);
}

fn shuffled(changes: &[Change], seed: u64) -> Vec<Change> {
    let mut shuffled = changes.to_vec();
    shuffled.sort_by_key(|change| blake3::hash(&[&seed.to_le_bytes()[..], change.hash().as_bytes()].concat()).to_hex());
    shuffled
}

/// Content that changes are added to as they come, some at a time and in some order, is at each time what all that came makes,
/// and what is written on it is the same.
fn grows_to_what_is_built(changes: &[Change], seed: u64) -> Result<(), TestCaseError> {
    let shuffled = shuffled(changes, seed);
    let mut content = Content::default();
    let (mut came, mut dice) = (0, seed);
    while came < shuffled.len() {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let next = came.saturating_add(1).saturating_add(usize::from(dice >> 61 == 0)).min(shuffled.len());
        // One that came before may come again.
        content.add(shuffled[came.saturating_sub(1)..next].iter().cloned());
        came = next;
        let built = Content::build(shuffled[..came].iter().cloned());
        prop_assert_eq!(content.snapshot(), built.snapshot());
        prop_assert_eq!(content.heads(), built.heads());
        prop_assert_eq!(content.left_out(), built.left_out());
        prop_assert!(content.changes.keys().eq(built.changes.keys()) && content.waiting.keys().eq(built.waiting.keys()));
        prop_assert_eq!(content.save(), built.save());
        let wanted = bulletin(with(&sample(), &[&format!("note={came}"), "severity=Extreme"]), Some("resolved"));
        prop_assert_eq!(revise(&content, &wanted), revise(&built, &wanted));
    }
    Ok(())
}

/// One author's possible edits of the sample.
fn edit() -> impl Strategy<Value = Vec<String>> {
    let word = prop_oneof![
        "[a-z ]{0,12}".prop_map(|text| format!("instruction={text}")),
        "[a-zé😀 ]{0,12}".prop_map(|text| format!("note={text}")),
        "[a-z]{1,6}".prop_map(|text| format!("headline={text}")),
        prop_oneof![Just("Minor"), Just("Severe")].prop_map(|text| format!("severity={text}")),
        prop_oneof![Just("Safety"), Just("Fire,Security")].prop_map(|text| format!("category={text}")),
        "[a-z]{0,4}".prop_map(|text| format!("info.area[1].areaDesc={text}")),
        "[a-z]{0,4}".prop_map(|text| format!("info.area[0].geocode[+].value={text}")),
        "[0-9],[0-9] 1".prop_map(|text| format!("circle+={text}")),
        "[a-z]{1,4}".prop_map(|text| format!("info[1].headline={text}")),
    ];
    prop::collection::vec(word, 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Authors edit what they hold, some after having seen others' edits; the changes then arrive in any order.
    #[test]
    fn any_order_of_arrival_gives_the_same_snapshot(
        edits in prop::collection::vec((edit(), any::<prop::sample::Index>()), 1..6),
        seed in any::<u64>(),
    ) {
        let (base, content) = first();
        let mut changes = vec![base];
        let mut versions = vec![content];
        for (words, at) in edits {
            let version = at.get(&versions).clone();
            let mut fields = version.snapshot().fields;
            let kind = kind::find("bulletin").unwrap();
            for word in &words {
                // Some positions are beyond what this version has.
                let _refused = kind.assign_all(&mut fields, [word.as_str()]);
            }
            let wanted = Wanted { kind, marking: Marking::Green, state: None, fields: fields.clone() };
            let change = match revise(&version, &wanted) {
                Ok(change) => change,
                Err(ReviseError::NothingChanged) => continue,
                Err(error) => return Err(TestCaseError::fail(error.to_string())),
            };
            // What was wanted is what comes out, when nobody else writes.
            let alone = Content::build(version.changes.values().cloned().chain([change.clone()]));
            prop_assert_eq!(&alone.snapshot().fields, &fields);
            prop_assert!(alone.left_out().is_empty());
            changes.push(change);
            versions.push(alone);
            versions.push(Content::build(changes.iter().cloned()));
        }
        let whole = Content::build(changes.iter().cloned());
        prop_assert!(whole.left_out().is_empty());
        let mut shuffled = shuffled(&changes, seed);
        shuffled.extend(changes.iter().cloned());
        let other = Content::build(shuffled);
        prop_assert_eq!(whole.snapshot(), other.snapshot());
        prop_assert_eq!(whole.heads(), other.heads());
        prop_assert_eq!(whole.save(), other.save());
        grows_to_what_is_built(&changes, seed)?;
    }

    #[test]
    fn a_flipped_byte_is_refused_and_never_panics(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let (change, _) = first();
        let mut bytes = change.bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert!(Change::check(&DOCUMENT, &bytes, &BTreeSet::new()).is_err());
    }

    /// An enemy who signs what he likes gets the checksum and the actor right.
    #[test]
    fn a_flipped_byte_with_its_checksum_and_actor_put_right_never_panics(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (base, content) = first();
        let next = revise(&content, &bulletin(with(&sample(), &["instruction=Lock gates.", "info.area[0].areaDesc=x", "code=a,b"]), None)).unwrap();
        let mut bytes = next.bytes().to_vec();
        for (at, value) in flips {
            // From behind the dependency and the actor on: those before are covered by their own tests.
            let (_, tail) = bytes.split_at_mut(9 + 2 + 1 + 32 + 17);
            *at.get_mut(tail) = value;
        }
        let bytes = reseal(&bytes);
        if let Ok(change) = Change::check(&DOCUMENT, &bytes, &BTreeSet::from([base.hash()])) {
            let content = Content::build([change.clone(), base]);
            prop_assert!(content.left_out().values().all(|why| !matches!(why, LeftOut::Refused { .. })), "{:?}", content.left_out());
            // Whatever it shows, an honest writer can go on from it.
            if content.snapshot().kind_name.as_deref() == Some("bulletin") {
                let honest = revise(&content, &bulletin(json!({"note": "honest"}), Some("resolved"))).unwrap();
                let after = Content::build(content.changes.into_values().chain([honest]));
                prop_assert!(after.left_out().is_empty());
                let note = after.snapshot().fields.get("note").cloned();
                prop_assert_eq!(note, Some(json!("honest")));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// An enemy who encodes rightly operations that fit, or nearly fit: whatever is taken for sound,
    /// Automerge applies, in any order, alike; and an honest writer can go on from it.
    #[test]
    fn well_formed_changes_of_any_operations_never_make_automerge_fail(seed in any::<u64>()) {
        let changes: Vec<Change> = engine::forge::changes(seed)
            .into_iter()
            .filter_map(|(bytes, deps)| Change::check(&DOCUMENT, &bytes, &deps).ok())
            .collect();
        let content = Content::build(changes.iter().cloned());
        prop_assert!(content.left_out().values().all(|why| !matches!(why, LeftOut::Refused { .. })), "{:?}", content.left_out());
        let backwards = Content::build(changes.iter().rev().cloned());
        prop_assert_eq!(content.snapshot(), backwards.snapshot());
        prop_assert_eq!(content.save(), backwards.save());
        prop_assert_eq!(content.left_out(), backwards.left_out());
        grows_to_what_is_built(&changes, seed)?;
        let accepted: BTreeSet<_> = content.changes.keys().copied().collect();
        prop_assert_eq!(engine::forge::hashes_after_loading(&content.save().unwrap()), accepted);
        if content.snapshot().kind_name.as_deref().is_none_or(|name| name == "bulletin") && !content.is_empty() {
            let honest = revise(&content, &bulletin(sample(), Some("resolved"))).unwrap();
            let after = Content::build(changes.into_iter().chain([honest.clone()]));
            prop_assert!(after.contains(&honest.hash()));
            prop_assert_eq!(fields(&after), sample());
        }
    }
}

/// Tampering with bytes, without Automerge.
mod automerge_free {
    use super::*;

    /// The bytes with actor and checksum put right, if they can be read so far.
    pub(super) fn reseal(bytes: &[u8]) -> Vec<u8> {
        chunk::with_right_actor(&DOCUMENT, bytes).unwrap_or_else(|_| bytes.to_vec())
    }

    /// A change like `bytes`, whose action column is one run of `count` operations.
    pub(super) fn with_run(bytes: &[u8], count: u64) -> Vec<u8> {
        // No dependencies, an actor, sequence number 1, first operation 1, time 0, no message, no actors.
        let mut body = vec![0, 16];
        body.extend([0; 16]);
        body.extend([1, 1, 0, 0, 0]);
        let mut run = Vec::new();
        let mut left = count;
        while left >= 64 {
            run.push(u8::try_from(left & 0x7f).unwrap() | 0x80);
            left >>= 7;
        }
        run.push(u8::try_from(left).unwrap());
        run.push(1);
        body.extend([1, 66, u8::try_from(run.len()).unwrap()]);
        body.extend(run);
        let mut whole = bytes[..9].to_vec();
        whole.push(u8::try_from(body.len()).unwrap());
        whole.extend(body);
        reseal(&whole)
    }
}
