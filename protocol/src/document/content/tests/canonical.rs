//! One set of operations has one encoding: a change whose columns are cut otherwise, or that names more than it needs, is refused,
//! exactly where Automerge would write it in other bytes.

use super::automerge_free::reseal;
use super::*;
use crate::document::content::engine::Parsed;

/// A change's bytes, taken apart as far as another encoding of it needs.
#[derive(Debug, Clone)]
struct Apart {
    /// All before the other actors.
    before: Vec<u8>,
    others: Vec<[u8; 16]>,
    columns: Vec<(u8, Vec<u8>)>,
}

fn number(bytes: &[u8], at: &mut usize) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = bytes[*at];
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return value;
        }
    }
}

fn put_number(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
}

fn put_signed(bytes: &mut Vec<u8>, mut value: i64) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        if (value == 0 && low & 0x40 == 0) || (value == -1 && low & 0x40 != 0) {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}

impl Apart {
    fn take(bytes: &[u8]) -> Self {
        let mut at = 9;
        number(bytes, &mut at);
        let body = at;
        let deps = number(bytes, &mut at);
        at += usize::try_from(deps).unwrap() * 32 + 17 + 1;
        number(bytes, &mut at);
        at += 2;
        let before = bytes[body..at].to_vec();
        let others = (0..number(bytes, &mut at)).map(|_| {
            at += 17;
            bytes[at - 16..at].try_into().unwrap()
        });
        let others = others.collect();
        let found: Vec<(u8, usize)> = (0..number(bytes, &mut at))
            .map(|_| {
                let name = u8::try_from(number(bytes, &mut at)).unwrap();
                (name, usize::try_from(number(bytes, &mut at)).unwrap())
            })
            .collect();
        let columns = found.into_iter().map(|(name, length)| {
            at += length;
            (name, bytes[at - length..at].to_vec())
        });
        Self { before, others, columns: columns.collect() }
    }

    /// The change, with checksum and actor that fit.
    fn together(&self) -> Vec<u8> {
        let mut body = self.before.clone();
        put_number(&mut body, self.others.len() as u64);
        for other in &self.others {
            body.push(16);
            body.extend(other);
        }
        put_number(&mut body, self.columns.len() as u64);
        for (name, column) in &self.columns {
            put_number(&mut body, u64::from(*name));
            put_number(&mut body, column.len() as u64);
        }
        body.extend(self.columns.iter().flat_map(|(_, column)| column));
        let mut whole = vec![0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, 1];
        put_number(&mut whole, body.len() as u64);
        whole.extend(body);
        reseal(&whole)
    }
}

/// Where a value of a column ends: a text or a number.
fn end_of_value(name: u8, bytes: &[u8], at: usize) -> usize {
    let mut end = at;
    let length = number(bytes, &mut end);
    if name == 21 { end + usize::try_from(length).unwrap() } else { end }
}

/// The rows of a run-length encoded column, each the bytes of its value.
fn rows(name: u8, bytes: &[u8]) -> Vec<Option<Vec<u8>>> {
    let (mut rows, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let begin = at;
        let count = number(bytes, &mut at);
        let negative = bytes[at - 1] & 0x40 != 0;
        let literal = if negative { (1_u64 << (7 * (at - begin))) - count } else { 0 };
        if negative {
            for _ in 0..literal {
                let end = end_of_value(name, bytes, at);
                rows.push(Some(bytes[at..end].to_vec()));
                at = end;
            }
        } else if count == 0 {
            let nulls = number(bytes, &mut at);
            rows.extend((0..nulls).map(|_| None));
        } else {
            let end = end_of_value(name, bytes, at);
            rows.extend((0..count).map(|_| Some(bytes[at..end].to_vec())));
            at = end;
        }
    }
    rows
}

/// The same rows, cut into runs as the dice fall; with dice that are all great, as Automerge cuts them.
fn cut(rows: &[Option<Vec<u8>>], dice: &mut impl FnMut() -> u8) -> Vec<u8> {
    let (mut bytes, mut at) = (Vec::new(), 0);
    let mut shorten = |most: usize| if dice() > 40 { most } else { 1 + usize::from(dice()) % most };
    while at < rows.len() {
        let same = rows[at..].iter().take_while(|row| **row == rows[at]).count();
        let Some(value) = &rows[at] else {
            let nulls = shorten(same);
            bytes.push(0);
            put_number(&mut bytes, nulls as u64);
            at += nulls;
            continue;
        };
        let ends = |place: &usize| rows[*place].is_none() || rows.get(place + 1) == Some(&rows[*place]);
        let literal = (at..rows.len()).find(ends).unwrap_or(rows.len()) - at;
        if literal == 0 {
            let run = shorten(same);
            put_signed(&mut bytes, i64::try_from(run).unwrap());
            bytes.extend(value);
            at += run;
        } else {
            let literal = shorten(literal);
            put_signed(&mut bytes, -i64::try_from(literal).unwrap());
            rows[at..at + literal].iter().flatten().for_each(|value| bytes.extend(value));
            at += literal;
        }
    }
    bytes
}

/// What is asked of a change here is that both judges agree.
fn judge(bytes: &[u8], deps: &BTreeSet<ChangeHash>) -> Option<bool> {
    let alike = Parsed::is_written_alike(bytes)?;
    let checked = Change::check(&DOCUMENT, bytes, deps);
    assert_eq!(checked.as_ref().err(), (!alike).then_some(&ChangeError::NotCanonical), "{bytes:02x?}");
    Some(alike)
}

/// Changes of every shape that documents have: a first one, an edit, one that joins two.
fn changes() -> Vec<Change> {
    let (first, content) = first();
    let edit = |words: &[&str], state| revise(&content, &bulletin(with(&sample(), words), state)).unwrap();
    let left = edit(&["instruction=Lock the rear gates, and the sheds.", "severity=Severe", "category=Safety,Security"], Some("updated"));
    let right = edit(&["instruction=Lock rear gates. Ring 101.", "severity=Minor", "headline=Three burglaries"], None);
    let both = Content::build([first.clone(), left.clone(), right.clone()]);
    let join = revise(&both, &bulletin(with(&sample(), &["severity=Extreme", "instruction=Lock all."]), Some("resolved"))).unwrap();
    vec![first, left, right, join]
}

#[test]
fn what_automerge_wrote_is_accepted_and_comes_apart_and_together_the_same() {
    for change in changes() {
        let apart = Apart::take(change.bytes());
        assert_eq!(apart.together(), change.bytes());
        for (name, column) in apart.columns.iter().filter(|(name, _)| ![52, 87].contains(name)) {
            assert_eq!(cut(&rows(*name, column), &mut || 255), *column, "column {name}");
        }
        assert_eq!(judge(change.bytes(), change.deps()), Some(true));
    }
}

#[test]
fn a_change_that_names_an_actor_in_vain_is_refused() {
    for change in changes() {
        let whole = Apart::take(change.bytes());
        for other in [[0; 16], [255; 16]] {
            let mut more = whole.clone();
            more.others.push(other);
            more.others.sort_unstable();
            // Behind all others no reference is to another actor than before.
            if other == [255; 16] {
                assert_eq!(judge(&more.together(), change.deps()), Some(false));
            }
        }
    }
}

#[test]
fn a_column_of_nulls_alone_or_of_nothing_is_refused() {
    let change = changes().remove(1);
    let whole = Apart::take(change.bytes());
    let rows = change.operations().list.len();
    for column in [vec![0, u8::try_from(rows).unwrap()], vec![]] {
        let mut more = whole.clone();
        // Of a change that has no such column.
        let Some(name) = [1_u8, 2, 17, 19, 21].into_iter().find(|name| whole.columns.iter().all(|(known, _)| known != name)) else {
            continue;
        };
        more.columns.push((name, column));
        more.columns.sort_unstable();
        assert_ne!(judge(&more.together(), change.deps()), Some(true));
    }
}

#[test]
fn booleans_are_counted_in_turn_without_empty_turns_but_the_first() {
    for change in changes() {
        let whole = Apart::take(change.bytes());
        let at = whole.columns.iter().position(|(name, _)| *name == 52).unwrap();
        let count = whole.columns[at].1[0];
        if count > 1 && whole.columns[at].1.len() == 1 {
            let mut more = whole.clone();
            more.columns[at].1 = vec![count - 1, 0, 1];
            assert_eq!(judge(&more.together(), change.deps()), Some(false));
        }
    }
}

proptest! {
    #[test]
    fn a_change_is_refused_for_its_encoding_where_automerge_would_write_it_otherwise(
        which in 0_usize..4,
        column in 0_usize..12,
        dice in proptest::collection::vec(any::<u8>(), 1..64),
    ) {
        let change = changes().swap_remove(which);
        let mut apart = Apart::take(change.bytes());
        let column = column % apart.columns.len();
        let (name, bytes) = apart.columns[column].clone();
        // Booleans and values are not cut into runs.
        prop_assume!(![52, 87].contains(&name));
        let mut dice = dice.into_iter().cycle();
        apart.columns[column].1 = cut(&rows(name, &bytes), &mut || dice.next().unwrap());
        let same = apart.columns[column].1 == bytes;
        prop_assert_eq!(judge(&apart.together(), change.deps()), Some(same));
    }

    #[test]
    fn whatever_is_done_to_a_column_what_is_taken_is_written_alike_and_what_is_not_canonical_is_not(
        which in 0_usize..4,
        edits in proptest::collection::vec((0_usize..12, any::<u16>(), 0_u8..4, any::<u8>()), 1..4),
    ) {
        let change = changes().swap_remove(which);
        let mut apart = Apart::take(change.bytes());
        for (column, at, how, byte) in edits {
            let columns = apart.columns.len();
            let bytes = &mut apart.columns[column % columns].1;
            let at = usize::from(at) % bytes.len().max(1);
            match how {
                _ if bytes.is_empty() => bytes.push(byte),
                0 => bytes[at] = byte,
                1 => bytes[at] ^= 1 << (byte % 8),
                2 => bytes.insert(at, byte % 4),
                _ => {
                    bytes.remove(at);
                }
            }
        }
        let bytes = apart.together();
        let alike = Parsed::is_written_alike(&bytes);
        match Change::check(&DOCUMENT, &bytes, change.deps()) {
            Ok(_) => prop_assert_eq!(alike, Some(true), "{:02x?}", bytes),
            Err(ChangeError::NotCanonical) => prop_assert_ne!(alike, Some(true), "{:02x?}", bytes),
            Err(_) => {}
        }
    }
}

#[test]
fn a_change_of_very_many_operations_is_encoded_as_any_other() {
    // Beyond 10,000 operations Automerge writes row by row, and not column by column.
    let (_, content) = first();
    let text = "Lock rear gates, and ring 101. ".repeat(400);
    let long = revise(&content, &bulletin(with(&sample(), &[&format!("instruction={text}")]), None)).unwrap();
    assert!(long.operations().list.len() > 10_000);
    assert_eq!(judge(long.bytes(), long.deps()), Some(true));
    let whole = Apart::take(long.bytes());
    for (at, (name, column)) in whole.columns.iter().enumerate().filter(|(_, (name, _))| ![52, 87].contains(name)) {
        let mut dice = [0, 1, 0, 7, 255].into_iter().cycle();
        let mut apart = whole.clone();
        apart.columns[at].1 = cut(&rows(*name, column), &mut || dice.next().unwrap());
        let same = apart.columns[at].1 == *column;
        assert_eq!(judge(&apart.together(), long.deps()), Some(same), "column {name}");
    }
}
