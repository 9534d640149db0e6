//! The golden vectors: what is written in `protocol/vectors` is what the code reads and writes.

use csu_tests::vectors::{self, Stored, follows, recode};
use data_encoding::HEXLOWER;
use std::collections::BTreeSet;
use std::fs;

fn stored() -> Vec<Stored> {
    let mut files = Vec::new();
    for entry in fs::read_dir(vectors::folder()).unwrap() {
        let path = entry.unwrap().path();
        let file: Stored =
            serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        assert_eq!(path.file_name().unwrap().to_str(), Some(format!("{}.json", file.format).as_str()));
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
        for vector in file.vectors.iter().filter(|_| file.format != "derivation") {
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
