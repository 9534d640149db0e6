//! The rules of the house: what may depend on what, and what lies where.
//!
//! Each rule is read from the sources themselves, so that it holds for code that nobody has thought of yet. A failure names
//! every place and says what to do.

#[path = "house/source.rs"]
mod source;

use source::{Source, rust_files};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What may lie at the top, besides dotfiles and whatever `.gitignore` leaves out.
const TOP: [&str; 10] =
    ["Cargo.toml", "Cargo.lock", "protocol", "node", "tests", "examples", "README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// Lines of a Rust file.
const LINES: usize = 800;

/// What performs, and so has no place in a crate that only decides.
const PERFORMS: [&str; 6] = ["tokio", "libp2p", "rustls", "rusqlite", "rand", "getrandom"];

/// The modules of protocol, each importing only from groups before its own, and from its own group not at all.
const ORDER: [&[&str]; 10] = [
    &["time", "limits", "codec", "id", "entropy", "sets"],
    &["identity"],
    &["document", "entry"],
    &["directory", "access"],
    &["store"],
    &["author"],
    &["reading"],
    &["wire"],
    &["sync"],
    &[],
];

/// Modules of the node that only the driver and what stands above it may join.
const APART: [&str; 3] = ["storage", "network", "http"];

/// Modules of the node that import no other module of the node.
const LEAVES: [&str; 5] = ["cap", "desk", "log_verb", "personal", "roles"];
/// What leaves and those that stand apart may share, themselves leaves: plain words, and what follows from a text alone.
const SHARED: [&str; 3] = ["log_verb", "personal", "roles"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn manifest(of: &str) -> toml::Table {
    let path = root().join(of).join("Cargo.toml");
    fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display())).parse().unwrap()
}

/// The names of a crate's dependencies in these tables, for every target, by the packages' own names.
fn dependencies(of: &str, tables: &[&str]) -> BTreeSet<String> {
    let manifest = manifest(of);
    let targets = manifest.get("target").and_then(toml::Value::as_table).into_iter().flat_map(|targets| targets.values());
    let places: Vec<&toml::Table> = std::iter::once(&manifest).chain(targets.filter_map(toml::Value::as_table)).collect();
    let mut names = BTreeSet::new();
    for table in places.iter().flat_map(|place| tables.iter().filter_map(|table| place.get(*table)?.as_table())) {
        for (name, value) in table {
            let renamed = value.get("package").and_then(toml::Value::as_str);
            names.insert(renamed.unwrap_or(name).to_owned());
        }
    }
    names
}

/// Fails with all that was found, if anything was.
fn expect_none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}\n  {}\n", found.join("\n  "));
}

#[test]
fn protocol_depends_on_nothing_that_performs() {
    let found: Vec<String> = dependencies("protocol", &["dependencies", "build-dependencies"])
        .into_iter()
        .filter(|name| PERFORMS.iter().any(|performs| name == performs || name.starts_with(&format!("{performs}-"))))
        .collect();
    expect_none(
        &found,
        "protocol decides and performs nothing: take time, entropy and keys as arguments, and do it in node instead of with",
    );
}

#[test]
fn crates_depend_one_way() {
    let mut found = Vec::new();
    for (of, may) in [
        ("protocol", &[][..]),
        ("node", &["csu-protocol"]),
        ("tests", &["csu-protocol", "csu-node"]),
        ("examples", &["csu-protocol", "csu-node"]),
    ] {
        for name in dependencies(of, &["dependencies", "dev-dependencies", "build-dependencies"]) {
            if name.starts_with("csu-") && !may.contains(&name.as_str()) {
                found.push(format!("{of} depends on {name}"));
            }
        }
    }
    expect_none(&found, "dependencies point one way, examples and tests -> node -> protocol: move the code that is needed down");
}

#[test]
fn every_version_stands_in_the_workspace() {
    let mut found = Vec::new();
    for of in ["protocol", "node", "tests", "examples"] {
        let manifest = manifest(of);
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (name, value) in manifest.get(table).and_then(toml::Value::as_table).into_iter().flatten() {
                if value.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                    found.push(format!("{of}/Cargo.toml: {name}"));
                }
            }
        }
    }
    expect_none(
        &found,
        "one place for versions: name the dependency with its reason in the top Cargo.toml, and here write `name.workspace = true`:",
    );
}

#[test]
fn one_file_imports_automerge() {
    let allowed = ["document/content/engine.rs", "document/content/engine/forge.rs"];
    let base = root().join("protocol/src");
    let mut found = Vec::new();
    for file in rust_files(&base) {
        let name = file.strip_prefix(&base).unwrap().display().to_string();
        let source = Source::read(&file);
        found.extend(
            source.words("automerge").filter(|_| !allowed.contains(&name.as_str())).map(|line| format!("protocol/src/{name}:{line}")),
        );
    }
    expect_none(
        &found,
        "only document/content/engine.rs speaks to Automerge, so that it always sets the actor: ask the engine for what is needed:",
    );
    let forge = Source::read(&base.join("document/content/engine.rs")).ships("forge");
    assert!(!forge, "document/content/engine/forge.rs makes bad changes for tests: keep `mod forge` behind #[cfg(test)]");
}

#[test]
fn modules_of_protocol_import_only_what_stands_before_them() {
    let base = root().join("protocol/src");
    let place: BTreeMap<&str, usize> =
        ORDER.iter().enumerate().flat_map(|(place, group)| group.iter().map(move |module| (*module, place))).collect();
    let mut found = Vec::new();
    for (module, file, line, imported) in imports(&base) {
        match (place.get(module.as_str()), place.get(imported.as_str())) {
            (None, _) => found.push(format!("{file}: module {module} is not in the order; give it a place in ORDER")),
            // A name at the root that is no module, such as a re-export.
            (_, None) => found.push(format!("{file}:{line}: {module} imports crate::{imported}, which is no module in the order")),
            (Some(own), Some(other)) if other >= own => found.push(format!("{file}:{line}: {module} imports {imported}")),
            (Some(_), Some(_)) => {}
        }
    }
    expect_none(&found, "the modules of protocol form no circle (see ORDER): move what is shared to the earlier module:");
}

#[test]
fn storage_network_and_http_do_not_know_each_other_and_leaves_know_nobody() {
    let base = root().join("node/src");
    let modules: BTreeSet<String> = rust_files(&base).iter().filter_map(|file| module_of(&base, file)).collect();
    let mut found = Vec::new();
    for (module, file, line, imported) in imports(&base) {
        let apart = APART.contains(&module.as_str()) && APART.contains(&imported.as_str());
        let leaf = LEAVES.contains(&module.as_str()) && modules.contains(&imported) && !SHARED.contains(&imported.as_str());
        if apart || leaf {
            found.push(format!("{file}:{line}: {module} imports {imported}"));
        }
    }
    expect_none(&found, "one driver joins storage, network and http, and cap and desk stand alone: hand over what is needed there:");
}

/// Of every file that ships: its top module, its name, and where it names which other top module.
fn imports(base: &Path) -> Vec<(String, String, usize, String)> {
    let mut found = Vec::new();
    for file in rust_files(base) {
        let Some(module) = module_of(base, &file) else { continue };
        let inner = file.strip_prefix(base).unwrap();
        let name = file.strip_prefix(root()).unwrap().display().to_string();
        // `a.rs` is one module below the root, `a/b.rs` two.
        for (line, imported) in Source::read(&file).imports(inner.components().count()) {
            if imported != module {
                found.push((module.clone(), name.clone(), line, imported));
            }
        }
    }
    found
}

/// The top module a file belongs to; none for the head of a crate and for files that are only for tests.
fn module_of(base: &Path, file: &Path) -> Option<String> {
    let inner = file.strip_prefix(base).ok()?;
    let parts: Vec<String> = inner.with_extension("").components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    let tests = parts.iter().any(|part| part == "tests" || part == "forge");
    let head = matches!(parts.as_slice(), [only] if only == "lib" || only == "main");
    (!tests && !head).then(|| parts.first().cloned()).flatten()
}

#[test]
fn pages_act_as_their_visitors_and_never_as_the_owner_of_the_node() {
    let base = root().join("node/src/web");
    let mut found = Vec::new();
    for file in rust_files(&base).into_iter().filter(|file| !file.to_string_lossy().contains("tests")) {
        let text = fs::read_to_string(&file).unwrap();
        let ships = text.split("#[cfg(test)]").next().unwrap();
        for (line, text) in (1..).zip(ships.lines()) {
            if ["Actor::named", "Actor::unnamed", "Actor::default"].iter().any(|owner| text.contains(owner)) {
                found.push(format!("{}:{line}", file.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    expect_none(&found, "whoever is made so has every role: take the actor of the page's visitor:");
}

#[test]
fn the_top_holds_the_crates_and_what_people_read_first() {
    let found: Vec<String> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.') && name != "target" && !TOP.contains(&name.as_str()))
        .collect();
    expect_none(&found, "the top of the repository stays small: move these into a crate, or name them with a dot if tools read them:");
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    let mut found = Vec::new();
    for file in rust_files(&root()) {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        if lines > LINES {
            found.push(format!("{}: {lines} lines", file.strip_prefix(root()).unwrap().display()));
        }
    }
    expect_none(&found, "past 800 lines a file is split: give a part of it a name, and a file in the folder of that module:");
}

#[test]
fn no_file_points_outside_the_repository() {
    let mut found = Vec::new();
    for file in source::files(&root(), &["rs", "toml", "md", "sql", "py", "sh", "json", "txt"]) {
        let inner = file.strip_prefix(root()).unwrap();
        let depth = inner.components().count().saturating_sub(1);
        let Ok(text) = fs::read_to_string(&file) else { continue };
        for (number, line) in text.lines().enumerate() {
            if ups(line) > depth {
                found.push(format!("{}:{}", inner.display(), number + 1));
            }
        }
    }
    expect_none(&found, "a clone must stand alone: bring what is needed into the repository instead of pointing out of it:");
}

/// The most steps upwards that a line makes at a time.
fn ups(line: &str) -> usize {
    let step = "../";
    let mut most = 0;
    for (at, _) in line.match_indices(step) {
        let mut rest = &line[at..];
        let mut count = 0;
        while let Some(after) = rest.strip_prefix(step) {
            (rest, count) = (after, count + 1);
        }
        most = most.max(count);
    }
    most
}

#[test]
fn the_reading_of_sources_sees_what_it_should() {
    let source = Source::parse(
        r##"
        //! crate::comment
        use crate::{alpha, beta::{Gamma, delta}};
        use super::sibling;
        #[cfg(test)]
        use crate::only_for_tests;
        fn run() { matches!(x, crate::inside_a_macro::Y); "crate::text"; }
        mod inner { use super::super::one_below; use super::own; }
        #[cfg(test)]
        #[path = "x.rs"]
        mod forge;
        #[cfg(test)]
        mod tests { use crate::also_for_tests; }
        "##,
    );
    let names: Vec<String> = source.imports(1).into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["alpha", "beta", "sibling", "inside_a_macro", "one_below"]);
    assert!(!source.ships("forge"));
    assert!(source.ships("inner"));
    assert_eq!(source.words("sibling").collect::<Vec<_>>(), [4]);
    assert_eq!(ups(&format!("see {0}{0}x and {0}y", "../")), 2);
}
