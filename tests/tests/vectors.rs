//! The golden vectors: what is written in `protocol/vectors` is what the code reads and writes.

use csu_tests::history::Dice;
use csu_tests::programs::{printed, python, run};
use csu_tests::vectors::histories::{self, Expected};
use csu_tests::vectors::{self, Stored, follows, recode};
use data_encoding::HEXLOWER;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn stored() -> Vec<Stored> {
    let mut files = Vec::new();
    for entry in fs::read_dir(vectors::folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("history-") || name == "session.json" {
            // Those have tests of their own, below.
            continue;
        }
        let file: Stored =
            serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        assert_eq!(name, format!("{}.json", file.format));
        files.push(file);
    }
    files
}

fn bytes(hex: &str) -> Vec<u8> {
    HEXLOWER.decode(hex.as_bytes()).unwrap()
}

#[test]
fn what_the_files_accept_decodes_and_encodes_to_the_same_bytes() {
    for file in stored() {
        assert!(!file.vectors.is_empty(), "{}", file.format);
        for vector in file.vectors.iter().filter(|_| !["derivation", "recovery"].contains(&file.format.as_str())) {
            let (place, wanted) = (format!("{}: {}", file.format, vector.name), bytes(&vector.bytes));
            assert_eq!(recode(&file.format, &wanted).as_ref(), Ok(&wanted), "{place}");
            for (name, found) in follows(&file.format, &wanted, &vector.also) {
                assert_eq!(vector.also.get(name), Some(&found), "{place}: {name}");
            }
        }
    }
}

#[test]
fn what_the_files_refuse_is_refused_for_that_reason() {
    let mut count = 0;
    for file in stored() {
        for refusal in &file.refused {
            assert_eq!(recode(&file.format, &bytes(&refusal.bytes)), Err(refusal.error.clone()), "{}: {}", file.format, refusal.name);
            count += 1;
        }
    }
    assert!(count > 90, "only {count} refusals");
}

#[test]
fn the_code_makes_the_files_as_they_are() {
    let mut made = BTreeSet::new();
    for file in vectors::all() {
        let path = vectors::folder().join(format!("{}.json", file.format));
        let text = file.render().unwrap();
        let found = fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        let same = text.lines().zip(found.lines()).take_while(|(one, other)| one == other).count();
        assert!(
            text == found,
            "{} is otherwise from line {} on. Bytes that nodes exchange never change within a version: mend the code. Only where vectors \
             were added: cargo run -p csu-tests --bin vectors -- --write",
            path.display(),
            same + 1,
        );
        made.insert(file.format.to_owned());
    }
    let there: BTreeSet<String> = stored().into_iter().map(|file| file.format).collect();
    assert_eq!(made, there, "a file that nothing makes");
}

#[test]
fn every_refusal_is_of_bytes_of_its_own_and_every_name_is_used_once() {
    for file in stored() {
        let names: BTreeSet<&str> = file
            .vectors
            .iter()
            .map(|vector| vector.name.as_str())
            .chain(file.refused.iter().map(|refusal| refusal.name.as_str()))
            .collect();
        assert_eq!(names.len(), file.vectors.len() + file.refused.len(), "{}", file.format);
        let bytes: BTreeSet<&str> = file.refused.iter().map(|refusal| refusal.bytes.as_str()).collect();
        assert_eq!(bytes.len(), file.refused.len(), "{}", file.format);
        assert!(file.vectors.iter().all(|vector| file.format == "message" || !vector.value.is_empty()), "{}", file.format);
    }
}

/// What is expected of a history, and what was found in some order, side by side where they differ.
fn same(place: &str, expected: &Expected, found: &Expected) {
    let words = |verdicts: &Expected| serde_json::to_value(verdicts).unwrap();
    let (expected, found) = (words(expected), words(found));
    for (name, expected) in expected.as_object().unwrap() {
        assert_eq!(found.get(name), Some(expected), "{place}: {name}");
    }
}

#[test]
fn every_history_has_its_verdicts_in_whatever_order_its_entries_come() {
    let mut dice = Dice::printed("histories");
    let mut orders = 0;
    for history in histories::stored() {
        let stored: Vec<usize> = (0..history.vectors.len()).collect();
        same(&format!("{}, as stored", history.format), &history.expected, &history.verdicts(&stored));
        let reversed: Vec<usize> = stored.iter().rev().copied().collect();
        same(&format!("{}, reversed", history.format), &history.expected, &history.verdicts(&reversed));
        for _ in 0..6 {
            let mut shuffled = stored.clone();
            dice.shuffle(&mut shuffled);
            same(&format!("{} in the order {shuffled:?}", history.format), &history.expected, &history.verdicts(&shuffled));
            orders += 1;
        }
    }
    assert!(orders > 150, "only {orders} orders");
}

#[test]
fn every_entry_of_a_history_has_its_id_and_follows_what_it_names() {
    for history in histories::stored() {
        let mut before = BTreeSet::new();
        let all: BTreeSet<_> = history.vectors.iter().map(|entry| entry.verified().id()).collect();
        assert_eq!(all.len(), history.vectors.len(), "{}", history.format);
        for stored in &history.vectors {
            let entry = stored.verified();
            assert_eq!(stored.also["id"], entry.id().to_string(), "{}: {}", history.format, stored.name);
            let late = entry.header().names().find(|name| all.contains(name) && !before.contains(name));
            assert_eq!(late, None, "{}: {} names what follows it", history.format, stored.name);
            before.insert(entry.id());
        }
        let names: BTreeSet<&str> = history.vectors.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names.len(), history.vectors.len(), "{}: a name twice", history.format);
    }
}

#[test]
fn the_verdicts_are_what_the_writers_of_the_histories_say() {
    let files = histories::stored();
    for story in histories::scenarios() {
        let place = story.name();
        let file = files.iter().find(|file| file.format == format!("history-{place}"));
        let file = file.unwrap_or_else(|| panic!("{place} has no file: cargo run -p csu-tests --bin vectors -- --write"));
        let (claims, expected) = (story.claims(), &file.expected);
        let set = |names: &[&'static str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
        let sound: BTreeSet<String> = expected.sound.iter().cloned().collect();
        let void: BTreeSet<String> = sound.iter().filter(|name| !expected.authorised.contains(*name)).cloned().collect();
        assert_eq!(void, set(&claims.void), "{place}: void");
        let unsound: BTreeSet<(&str, &str)> = expected.unsound.iter().map(|(name, rule)| (name.as_str(), rule.as_str())).collect();
        assert_eq!(unsound, claims.unsound.iter().copied().collect(), "{place}: unsound");
        assert_eq!(expected.waiting.keys().cloned().collect::<BTreeSet<_>>(), set(&claims.waiting), "{place}: waiting");
        assert_eq!(sound.len() + unsound.len() + claims.waiting.len(), file.vectors.len(), "{place}: every entry has one verdict");
        if !claims.effective.is_empty() {
            assert_eq!(expected.effective_revisions.iter().cloned().collect::<BTreeSet<_>>(), set(&claims.effective), "{place}: effective");
        }
        for (who, role) in &claims.roles {
            let last = expected.roles.last().unwrap();
            assert_eq!(last.organisations.get(*who).map(String::as_str), Some(*role), "{place}: {who}");
        }
    }
}

#[test]
fn every_frame_of_the_session_is_read_and_it_shows_every_message_but_those_of_refusal() {
    let text = fs::read_to_string(vectors::folder().join("session.json")).unwrap();
    let file: vectors::session::Session = serde_json::from_str(&text).unwrap();
    let mut tags = BTreeSet::new();
    for frame in &file.vectors {
        let wanted = bytes(&frame.bytes);
        assert_eq!(recode("message", &wanted).as_ref(), Ok(&wanted), "{}", frame.name);
        tags.insert(wanted[1]);
    }
    let all: BTreeSet<u8> = (0..=15).filter(|tag| ![4, 8].contains(tag)).collect();
    assert_eq!(tags, all);
}

#[test]
fn a_second_implementation_written_from_the_specification_agrees_with_every_vector() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/spec_check.py");
    // -B: it leaves nothing behind among the sources.
    let said = printed(&run(&python(), &[Path::new("-B"), &script, &vectors::folder()]));
    let checks: usize = said.split(' ').next().and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{said}"));
    assert!(checks > 2000, "{said}");
}
