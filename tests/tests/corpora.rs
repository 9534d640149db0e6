//! Every committed input of the fuzz targets, played again without libFuzzer, and what must hold of those files.
//!
//! `tests/fuzz` is a workspace of its own for cargo-fuzz; the suite `fuzz` of `tests/run` builds and runs it. What the
//! targets do is compiled here once more, so that whatever was ever found is tried wherever the other tests run.

#[path = "../fuzz/src/targets.rs"]
mod fuzz;

use csu_node::cap;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Bytes of all committed inputs together.
const COMMITTED: u64 = 300 * 1024;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn names(folder: &Path) -> BTreeSet<String> {
    files(folder).iter().map(|file| file.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn every_committed_input_is_played_without_a_panic_and_within_memory() {
    let mut played = 0;
    for (target, _) in fuzz::TARGETS {
        for file in files(&folder().join("corpus").join(target)).into_iter().chain(files(&folder().join("regressions").join(target))) {
            // The name is for whoever reads the output of a failure.
            println!("{}", file.display());
            fuzz::run(target, &fs::read(&file).unwrap());
            played += 1;
        }
    }
    assert!(played > 200, "only {played} inputs");
}

#[test]
fn each_target_has_a_binary_and_a_corpus_and_there_are_no_others() {
    let targets: BTreeSet<String> = fuzz::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&folder().join("fuzz_targets")), targets);
    assert_eq!(names(&folder().join("corpus")), targets);
    let strays = &names(&folder().join("regressions")) - &targets;
    assert!(strays.is_empty(), "regressions of no target: {strays:?}");
    let manifest: toml::Table = fs::read_to_string(folder().join("Cargo.toml")).unwrap().parse().unwrap();
    let binaries = manifest["bin"].as_array().unwrap().iter().map(|binary| binary["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(targets, binaries);
}

#[test]
fn what_honest_writers_made_is_taken_whole() {
    // The targets make actors and checksums themselves: if they did it wrongly, they would try nothing.
    let honest = files(&folder().join("corpus/change")).into_iter().filter(|file| file.to_string_lossy().contains("honest"));
    let counts: Vec<usize> = honest
        .map(|file| {
            let changes = fuzz::change::taken(&fs::read(file).unwrap());
            assert!(csu_protocol::document::Content::build(changes.iter().cloned()).left_out().is_empty());
            changes.len()
        })
        .collect();
    assert_eq!(counts, [1, 2, 4, 3, 3]);
}

#[test]
fn the_committed_inputs_stay_small() {
    let all = ["corpus", "regressions"].iter().flat_map(|of| files(&folder().join(of))).flat_map(|target| files(&target));
    let bytes: u64 = all.map(|file| fs::metadata(file).unwrap().len()).sum();
    assert!(bytes <= COMMITTED, "{bytes} bytes of inputs: commit fewer, at most {COMMITTED}");
}

/// The versions in a lock file.
fn locked(path: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let lock: toml::Table = fs::read_to_string(path).unwrap().parse().unwrap();
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in lock["package"].as_array().unwrap() {
        let [name, version] = ["name", "version"].map(|key| package[key].as_str().unwrap().to_owned());
        versions.entry(name).or_default().insert(version);
    }
    versions
}

#[test]
fn the_fuzzed_versions_are_those_that_ship() {
    let (fuzzed, shipped) = (locked(&folder().join("Cargo.lock")), locked(&folder().join("../../Cargo.lock")));
    let mut found = Vec::new();
    for (name, versions) in &fuzzed {
        let others: Vec<_> = shipped.get(name).map(|known| versions.difference(known).collect()).unwrap_or_default();
        if !others.is_empty() {
            found.push(format!("{name} {others:?}"));
        }
    }
    let why = "tests/fuzz/Cargo.lock is behind: copy Cargo.lock over it and type `cargo metadata --manifest-path tests/fuzz/Cargo.toml`";
    assert!(found.is_empty(), "{why}: {found:?}");
}
