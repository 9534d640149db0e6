//! The specification cannot drift: what `protocol/SPEC.md` says of names, numbers and files is what the code and the vectors hold.
//!
//! Read from the sources themselves, so that a limit, tag, domain or vector that is added and not specified fails here. Whether the
//! rules are right is for other suites: the vectors, the independent model, and `interop/spec_check.py`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn protocol() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol")
}

fn read(path: &str) -> String {
    let path = protocol().join(path);
    fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

fn spec() -> String {
    read("SPEC.md")
}

/// The cells of every row of a table, without the rulers.
fn rows(text: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    text.lines().filter(|line| line.starts_with('|') && !line.starts_with("|--")).map(cells).collect()
}

/// The text of a section, by the beginning of its heading.
fn section(spec: &str, heading: &str) -> String {
    let at = spec.find(&format!("\n{heading}")).unwrap_or_else(|| panic!("no section {heading}")) + 1;
    let level = heading.chars().take_while(|c| *c == '#').count();
    let ends = |line: &str| line.starts_with('#') && line.chars().take_while(|c| *c == '#').count() <= level;
    spec[at..].lines().enumerate().take_while(|(at, line)| *at == 0 || !ends(line)).map(|(_, line)| format!("{line}\n")).collect()
}

fn number(text: &str) -> Option<u64> {
    text.replace(['_', ','], "").parse().ok()
}

/// The value of an expression of numbers, names, `*`, `+` and `<<`.
fn value(expression: &str, known: &BTreeMap<String, u64>) -> u64 {
    let term = |text: &str| {
        let text = text.trim();
        number(text).or_else(|| known.get(text).copied()).unwrap_or_else(|| panic!("{text} is neither a number nor a limit"))
    };
    match expression.split_once("<<") {
        Some((base, shift)) => term(base) << term(shift),
        None => expression.split('+').map(|sum| sum.split('*').map(term).product::<u64>()).sum(),
    }
}

fn limits() -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for file in ["src/limits.rs", "src/document/limits.rs"] {
        for line in read(file).lines() {
            let Some(rest) = line.trim().strip_prefix("pub const ") else { continue };
            let (name, rest) = rest.split_once(':').unwrap();
            let expression = rest.split_once('=').unwrap().1.trim_end_matches(';');
            let value = value(expression, &found);
            found.insert(name.to_owned(), value);
        }
    }
    found
}

#[test]
fn every_limit_stands_in_the_table_with_its_value_and_no_other_does() {
    let spec = spec();
    let mut table = BTreeMap::new();
    for row in rows(&section(&spec, "## 21. Limits")) {
        if let Some(name) = row[0].strip_prefix('`') {
            let value = number(&row[1]).unwrap_or_else(|| panic!("{name}: {} is no number", row[1]));
            assert_eq!(table.insert(name.trim_end_matches('`').to_owned(), value), None, "{name} twice");
            assert!(["sound", "format", "shown", "wire", "local"].contains(&row[3].as_str()), "{name}: {}", row[3]);
        }
    }
    assert_eq!(table, limits());
    // What the text calls a limit is one.
    for (at, word) in spec.split('`').enumerate().filter(|(at, _)| at % 2 == 1) {
        let constant = word.len() > 3 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        assert!(!constant || table.contains_key(word), "`{word}` (piece {at}) is no limit");
    }
}

/// The part of a source file before its tests.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap()
}

fn sources(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().unwrap() != "tests" {
                sources(&path, found);
            }
        } else if path.file_name().unwrap() != "tests.rs" {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, without_tests(&text).to_owned()));
        }
    }
}

#[test]
fn every_domain_string_of_the_code_stands_in_the_table_and_no_other_does() {
    let mut files = Vec::new();
    sources(&protocol().join("src"), &mut files);
    let mut used = BTreeSet::new();
    for (_, text) in &files {
        for piece in text.split("\"csu-link ").skip(1) {
            let end = piece.find(['"', '\\']).unwrap();
            used.insert(format!("csu-link {}", &piece[..end]));
        }
    }
    let table: Vec<String> = rows(&section(&spec(), "## 3. Domain separation"))
        .iter()
        .filter_map(|row| Some(row[0].strip_prefix('`')?.trim_end_matches('`').to_owned()))
        .collect();
    assert!(used.len() > 10, "{used:?}");
    assert_eq!(table.iter().cloned().collect::<BTreeSet<_>>(), used);
    assert_eq!(table.len(), used.len(), "a string twice");
}

/// `NoLongerNeeded` with this between its words, in lower case.
fn words(name: &str, between: char) -> String {
    let mut words = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(between);
        }
        words.extend(c.to_lowercase());
    }
    words
}

/// The tags of a row of the registry, by number. What is reserved, retired or unassigned is left out.
fn registry(spec: &str, name: &str) -> BTreeMap<u64, String> {
    let rows = rows(&section(spec, "## 20. Registry of tags"));
    let row = rows.iter().find(|row| row[0] == name).unwrap_or_else(|| panic!("no tags of {name}"));
    let mut tags = BTreeMap::new();
    for piece in row[1].split([',', ';']) {
        let mut parts = piece.trim().split(' ');
        let (Some(tag), Some(word)) = (parts.next().and_then(number), parts.next()) else { continue };
        if word != "to" {
            let word = format!("{word} {}", parts.collect::<Vec<_>>().join(" "));
            assert_eq!(tags.insert(tag, word.trim().to_lowercase()), None, "{name}: {tag} twice");
        }
    }
    tags
}

/// What `impl NAME` says in `fn tag`.
fn tags(file: &str, name: &str) -> BTreeMap<u64, String> {
    let text = read(file);
    let body = text.split("fn tag(self) -> u64 {").skip(1).zip(text.split("fn tag(self) -> u64 {"));
    let of = |before: &str| before.rsplit("\nimpl ").next().unwrap().split([' ', '\n']).next().unwrap() == name;
    let (body, _) = body.into_iter().find(|(_, before)| of(before)).unwrap_or_else(|| panic!("no tags of {name} in {file}"));
    let arms = body.split("\n    }").next().unwrap().split("Self::").skip(1);
    let arm = |arm: &str| {
        let (word, tag) = arm.split_once("=>").unwrap();
        (number(tag.trim().trim_end_matches(['}', ',', ' ', '\n'])).unwrap(), words(word.trim(), '-'))
    };
    arms.map(arm).collect()
}

#[test]
fn every_tag_of_the_code_stands_in_the_registry_and_no_other_does() {
    let spec = spec();
    for (row, file, name) in [
        ("role", "src/entry/body.rs", "Role"),
        ("reason", "src/entry/body.rs", "Reason"),
        ("plane", "src/entry/body.rs", "Plane"),
        ("kind of organisation", "src/identity/card.rs", "OrganisationKind"),
        ("remark", "src/entry/payload.rs", "Remark"),
    ] {
        assert_eq!(registry(&spec, row), tags(file, name), "{name}");
    }
    let body = read("src/entry/body.rs");
    let consts = body.lines().filter_map(|line| line.strip_prefix("const ")?.trim_end_matches(';').split_once(": u64 = "));
    let kinds: BTreeMap<u64, String> = consts.map(|(name, tag)| (number(tag).unwrap(), name.to_lowercase())).collect();
    let mut table = registry(&spec, "kind of entry, control");
    table.extend(registry(&spec, "kind of entry, content"));
    assert_eq!(table, kinds);
    let bodies: BTreeMap<u64, String> =
        rows(&section(&spec, "## 9. Bodies")).iter().filter_map(|row| Some((number(&row[0])?, row[1].to_lowercase()))).collect();
    assert_eq!(bodies, kinds, "the table of bodies");
}

#[test]
fn every_message_of_the_code_stands_in_both_tables_with_its_tag() {
    let wire = read("src/wire.rs");
    let encode = wire.split("pub fn encode(&self)").nth(1).unwrap().split("\n    }\n").next().unwrap();
    let mut messages = BTreeMap::new();
    for arm in encode.split("Self::").skip(1) {
        let name: String = arm.chars().take_while(|c| c.is_alphanumeric()).collect();
        let at = ["w.uint(", "(&mut w, "].iter().filter_map(|call| Some(arm.find(call)? + call.len())).min();
        let tag: String = arm[at.unwrap()..].chars().take_while(char::is_ascii_digit).collect();
        messages.insert(number(&tag).unwrap(), name.to_lowercase());
    }
    let variants = wire.split("pub enum Message").nth(1).unwrap().split("\n}\n").next().unwrap();
    let named = variants.lines().filter(|line| line.starts_with("    ") && line.as_bytes().get(4).is_some_and(u8::is_ascii_uppercase));
    let named: BTreeSet<String> =
        named.map(|line| line.trim().chars().take_while(|c| c.is_alphanumeric()).collect::<String>().to_lowercase()).collect();
    assert_eq!(messages.values().cloned().collect::<BTreeSet<_>>(), named, "every message is encoded");
    let spec = spec();
    assert_eq!(registry(&spec, "message"), messages);
    let table: BTreeMap<u64, String> = rows(&section(&spec, "### 19.1"))
        .iter()
        .filter_map(|row| Some((number(&row[0])?, row[1].to_lowercase())))
        .filter(|(_, name)| !name.is_empty())
        .collect();
    assert_eq!(table, messages, "the table of messages");
}

#[test]
fn every_class_of_unsoundness_stands_among_the_rules_and_no_other_does() {
    let insert = read("src/access/insert.rs");
    let unsound = insert.split("pub enum Unsound {").nth(1).unwrap().split("\n}\n").next().unwrap();
    let variants = unsound.lines().filter(|line| line.starts_with("    ") && line.as_bytes().get(4).is_some_and(u8::is_ascii_uppercase));
    let classes: BTreeSet<String> = variants.map(|line| words(line.trim().trim_end_matches(','), ' ')).collect();
    let spec = spec();
    let rules = rows(&section(&spec, "## 14. Soundness"));
    let rules: Vec<_> = rules.iter().filter(|row| row[0].starts_with('S') && row.len() == 4).collect();
    assert_eq!(rules.iter().map(|row| row[2].clone()).collect::<BTreeSet<_>>(), classes);
    for (at, row) in rules.iter().enumerate() {
        assert_eq!(row[0], format!("S{}", at + 1));
        assert!(row[3].len() > 20, "{}: why?", row[0]);
    }
}

#[test]
fn every_vector_file_is_named_and_every_one_named_is_there_and_holds_as_many_as_is_said() {
    let spec = spec();
    let there: BTreeSet<String> =
        fs::read_dir(protocol().join("vectors")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let named: BTreeSet<String> = spec.split("](vectors/").skip(1).map(|link| link.split(')').next().unwrap().to_owned()).collect();
    assert_eq!(named, there);
    let listed = section(&spec, "## 24. Vector files");
    for file in &there {
        assert!(listed.contains(&format!("](vectors/{file})")), "{file} is not in the list");
    }
    let mut counted = 0;
    for row in rows(&listed) {
        let (Some(accepted), Some(refused)) = (row.get(2).and_then(|cell| number(cell)), row.get(3).and_then(|cell| number(cell))) else {
            continue;
        };
        let name = row[0].split(['[', ']']).nth(1).unwrap();
        let file: serde_json::Value = serde_json::from_str(&read(&format!("vectors/{name}"))).unwrap();
        let count = |list: &str| u64::try_from(file[list].as_array().unwrap().len()).unwrap();
        assert_eq!((count("vectors"), count("refused")), (accepted, refused), "{name}");
        counted += 1;
    }
    let formats = there.iter().filter(|name| !name.starts_with("history-")).count();
    assert_eq!(counted, formats, "every format's file is counted");
}

/// How a heading is called in links.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_')).collect::<String>();
    kept.replace(' ', "-")
}

#[test]
fn links_lead_somewhere_and_the_contents_list_every_section() {
    let spec = spec();
    let headings: Vec<&str> = spec.lines().filter(|line| line.starts_with("##")).map(|line| line.trim_start_matches('#').trim()).collect();
    let anchors: BTreeSet<String> = headings.iter().map(|heading| anchor(heading)).collect();
    assert_eq!(anchors.len(), headings.len(), "two headings of one name");
    let mut links = 0;
    for target in spec.split("](").skip(1).map(|link| link.split(')').next().unwrap()) {
        match target.strip_prefix('#') {
            Some(place) => assert!(anchors.contains(place), "#{place} is no section"),
            None => assert!(target.starts_with("http") || protocol().join(target).exists(), "{target} is not there"),
        }
        links += 1;
    }
    assert!(links > 100, "only {links} links");
    let sections: Vec<&str> = spec.lines().filter_map(|line| line.strip_prefix("## ")).filter(|line| line.contains(". ")).collect();
    let contents = section(&spec, "## Contents");
    for (at, heading) in sections.iter().enumerate() {
        let title = heading.strip_prefix(&format!("{}. ", at + 1)).unwrap_or_else(|| panic!("{heading} is out of order"));
        let line = format!("{}. [{title}](#{})", at + 1, anchor(heading));
        assert!(contents.contains(&line), "the contents lack: {line}");
    }
}

#[test]
fn rules_that_are_referred_to_exist() {
    let spec = spec();
    let exists = |rule: &str| {
        spec.contains(&format!("\n| {rule} |")) || spec.contains(&format!("\n**{rule}. ")) || spec.contains(&format!("\n- **{rule}.**"))
    };
    let mut found = BTreeSet::new();
    for word in spec.split(|c: char| !c.is_alphanumeric()) {
        let mut letters = word.chars();
        let rule = matches!(letters.next(), Some('A' | 'C' | 'F' | 'P' | 'S'))
            && !letters.as_str().is_empty()
            && letters.all(|c| c.is_ascii_digit());
        if rule {
            found.insert(word.to_owned());
        }
    }
    for rule in &found {
        assert!(exists(rule), "{rule} is no rule");
    }
    assert!(found.len() > 40, "{found:?}");
}
