//! The bench produces every figure it names. How large they are is for people and machines to compare, not for a test.

use csu_tests::bench::{self, Request, STAGES, Size};
use std::collections::BTreeSet;

#[test]
fn every_registered_figure_is_produced_once_as_a_line_of_json_with_four_keys() {
    for stage in &STAGES {
        let figures = (stage.run)(Size::TINY, &mut |_| {});
        let registered: BTreeSet<(String, String)> = (stage.figures)(Size::TINY).into_iter().collect();
        let produced: BTreeSet<(String, String)> = figures.iter().map(|figure| (figure.name.clone(), figure.workload.clone())).collect();
        assert_eq!(produced, registered);
        assert_eq!(figures.len(), registered.len());
        let text = bench::json_lines(&figures).unwrap();
        assert_eq!(text.lines().count(), figures.len());
        for line in text.lines() {
            let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
            assert_eq!(object.keys().map(String::as_str).collect::<BTreeSet<_>>(), ["name", "unit", "value", "workload"].into());
            let value = object["value"].as_f64().unwrap();
            assert!(value.is_finite() && value >= 0.0, "{line}");
            assert!(["name", "unit", "workload"].iter().all(|key| object[*key].as_str().is_some_and(|text| !text.is_empty())), "{line}");
        }
        let table = bench::table(&figures);
        assert_eq!(table.lines().count(), figures.len() + 1);
    }
}

fn parse(words: &[&str]) -> Result<Request, String> {
    bench::parse(words.iter().map(|word| (*word).to_owned()))
}

#[test]
fn an_unknown_stage_is_answered_with_those_there_are() {
    let refused = parse(&["acess"]).unwrap_err();
    assert!(STAGES.iter().all(|stage| refused.contains(stage.name)) && refused.contains("acess"), "{refused}");
    assert!(parse(&["--jsn"]).unwrap_err().contains("--json"));
}

#[test]
fn no_stage_named_means_all_of_them() {
    let all: Vec<&str> = STAGES.iter().map(|stage| stage.name).collect();
    assert_eq!(parse(&[]), Ok(Request::Run { stages: all, json: false, size: Size::FULL }));
    assert_eq!(parse(&["access", "--json", "access"]), Ok(Request::Run { stages: vec!["access"], json: true, size: Size::FULL }));
    assert_eq!(parse(&["access", "--help"]), Ok(Request::Help));
    assert_eq!(parse(&["--list"]), Ok(Request::List));
    assert!(bench::list().contains("access") && bench::HELP.contains("cargo run"));
}

#[test]
fn sizes_are_taken_from_the_command_line_and_what_is_no_size_is_refused() {
    let words = "sync --documents 3000 --fresh 0 --neighbours 7 --live 9 --hub 11 --runs 1 --organisations 200";
    let words: Vec<&str> = words.split(' ').collect();
    let size = Size { documents: 3_000, fresh: 0, neighbours: 7, live: 9, hub: 11, runs: 1, organisations: 200, ..Size::FULL };
    assert_eq!(parse(&words), Ok(Request::Run { stages: vec!["sync"], json: false, size }));
    for words in [&["--documents"][..], &["--documents", "many"], &["--neighbours", "0"], &["--live", "-1"], &["--runs", "--json"]] {
        let refused = parse(words).unwrap_err();
        assert!(refused.starts_with(words[0]) && refused.contains("takes a number"), "{refused}");
    }
}

#[test]
fn what_has_the_size_of_nothing_is_left_out() {
    let sync = STAGES.iter().find(|stage| stage.name == "sync").unwrap();
    let names = |size| (sync.figures)(size).into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>();
    let nothing = Size { fresh: 0, documents: 0, edits: 0, ..Size::FULL };
    let (all, none) = (names(Size::FULL), names(nothing));
    assert_eq!(none, ["disk_sync_ms".to_owned()].into());
    let [fresh, idle, long] = [
        Size { fresh: Size::FULL.fresh, ..nothing },
        Size { documents: Size::FULL.documents, ..nothing },
        Size { edits: Size::FULL.edits, ..nothing },
    ]
    .map(names);
    assert_eq!([&fresh, &idle, &long].into_iter().flatten().cloned().collect::<BTreeSet<_>>(), all);
    assert!(long.contains("long_text_extra_ms"));
    assert_eq!(fresh.intersection(&idle).cloned().collect::<BTreeSet<_>>(), none);
    assert!(fresh.contains("fresh_10k_vs_floor") && idle.contains("idle_rss_mib") && all.len() > 20);
    let hub = |names: BTreeSet<String>| names.iter().any(|name| name.starts_with("hub_"));
    assert!(hub(all) && !hub(names(Size { hub: 0, ..Size::FULL })));
}

#[test]
fn a_large_federation_is_measured_beside_one_of_a_fifth() {
    let federation = STAGES.iter().find(|stage| stage.name == "federation").unwrap();
    let names = |size| (federation.figures)(size).into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>();
    let full = names(Size::FULL);
    for course in ["bulletin", "trickle", "burst", "healing"] {
        for measure in ["p50_ms", "p99_ms", "max_ms", "bytes", "node_bytes", "duplicates", "peak_mib"] {
            assert!([200, 1_000].iter().all(|members| full.contains(&format!("federation_{members}_{course}_{measure}"))), "{full:?}");
        }
    }
    assert!(names(Size { organisations: 0, ..Size::FULL }).is_empty());
}

#[test]
fn a_figure_that_is_no_number_is_an_error() {
    let figure = bench::Figure { name: "a".into(), value: f64::NAN, unit: "us", workload: "w".into() };
    assert!(bench::json_lines(&[figure]).is_err());
    assert_eq!(bench::median(vec![3.0, 1.0, 2.0]), 2.0);
    assert!(bench::median(vec![]).is_nan());
}
