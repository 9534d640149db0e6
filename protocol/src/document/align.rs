//! Which item of a list became which: the least costly way from one list of values to another.
//!
//! Used to edit a list in place, so that concurrent edits of different records merge, and to name what
//! changed. Equal ends are set aside first; the rest is compared pair by pair, up to
//! [`MAX_COMPARED_PAIRS`], beyond which items pair by position. Deterministic: ties fall to pairing,
//! then to removing.

use super::limits::MAX_COMPARED_PAIRS;
use serde_json::Value;
use std::borrow::Borrow;

/// One step of the way, in order of both lists. Positions count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    /// The old item is the new item, perhaps with other content.
    Pair {
        /// Position in the old list.
        old: usize,
        /// Position in the new list.
        new: usize,
    },
    /// The old item is gone.
    Remove {
        /// Position in the old list.
        old: usize,
    },
    /// The new item is new.
    Insert {
        /// Position in the new list.
        new: usize,
    },
}

/// Cost of removing or inserting an item. Pairing records that share nothing costs 100, less than
/// removing one and inserting the other.
const STEP: u32 = 60;
/// Cost that never pairs: more than removing one and inserting the other.
const NEVER: u32 = 121;

/// The least costly way from `old` to `new`.
pub(super) fn align<V: Borrow<Value>>(old: &[V], new: &[Value]) -> Vec<Edit> {
    let shorter = old.len().min(new.len());
    let front = old.iter().zip(new).take_while(|(old, new)| (*old).borrow() == *new).count();
    let back =
        old.iter().rev().zip(new.iter().rev()).take(shorter.saturating_sub(front)).take_while(|(old, new)| (*old).borrow() == *new).count();
    let old_end = old.len().saturating_sub(back);
    let new_end = new.len().saturating_sub(back);
    let mut edits: Vec<Edit> = (0..front).map(|at| Edit::Pair { old: at, new: at }).collect();
    edits.extend(align_middle(old.get(front..old_end).unwrap_or_default(), new.get(front..new_end).unwrap_or_default(), front));
    edits.extend((old_end..old.len()).zip(new_end..new.len()).map(|(old, new)| Edit::Pair { old, new }));
    edits
}

/// The way between two lists whose first items stand at position `offset` of the whole ones.
fn align_middle<V: Borrow<Value>>(old: &[V], new: &[Value], offset: usize) -> Vec<Edit> {
    let compared = old.len().saturating_mul(new.len()) <= MAX_COMPARED_PAIRS;
    let choices = if compared { cheapest(old, new) } else { Vec::new() };
    let width = new.len().saturating_add(1);
    let (mut i, mut j) = (0_usize, 0_usize);
    let mut edits = Vec::new();
    while i < old.len() || j < new.len() {
        let choice =
            if compared { choices.get(i.saturating_mul(width).saturating_add(j)).copied().unwrap_or(Choice::Pair) } else { Choice::Pair };
        let old_at = offset.saturating_add(i);
        let new_at = offset.saturating_add(j);
        if j >= new.len() || (i < old.len() && choice == Choice::Remove) {
            edits.push(Edit::Remove { old: old_at });
            i = i.saturating_add(1);
        } else if i >= old.len() || choice == Choice::Insert {
            edits.push(Edit::Insert { new: new_at });
            j = j.saturating_add(1);
        } else {
            edits.push(Edit::Pair { old: old_at, new: new_at });
            i = i.saturating_add(1);
            j = j.saturating_add(1);
        }
    }
    edits
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Pair,
    Remove,
    Insert,
}

/// For each pair of positions, in rows of `new.len() + 1`, the first step of the cheapest way from there.
fn cheapest<V: Borrow<Value>>(old: &[V], new: &[Value]) -> Vec<Choice> {
    let steps = |count: usize| STEP.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
    // `below` holds the costs from (i + 1, j) on, `row` those from (i, j) on; filled from the end.
    let mut below: Vec<u32> = (0..=new.len()).map(|j| steps(new.len().saturating_sub(j))).collect();
    let mut rows = vec![vec![Choice::Insert; below.len()]];
    for (i, item) in old.iter().enumerate().rev() {
        let mut right = steps(old.len().saturating_sub(i));
        let mut row = vec![right];
        let mut choices = vec![Choice::Remove];
        let diagonal = below.iter().rev();
        let straight = below.iter().rev().skip(1);
        for ((value, diagonal), straight) in new.iter().rev().zip(diagonal).zip(straight) {
            let pair = diagonal.saturating_add(difference(item.borrow(), value));
            let remove = straight.saturating_add(STEP);
            let insert = right.saturating_add(STEP);
            let (cost, choice) = if pair <= remove && pair <= insert {
                (pair, Choice::Pair)
            } else if remove <= insert {
                (remove, Choice::Remove)
            } else {
                (insert, Choice::Insert)
            };
            right = cost;
            row.push(cost);
            choices.push(choice);
        }
        row.reverse();
        choices.reverse();
        below = row;
        rows.push(choices);
    }
    rows.reverse();
    rows.concat()
}

/// How unlike two items are: 0 if equal, up to 100 for records, [`NEVER`] for anything else.
fn difference(old: &Value, new: &Value) -> u32 {
    if old == new {
        return 0;
    }
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return NEVER;
    };
    let shared = old.iter().filter(|(name, value)| new.get(*name) == Some(*value)).count();
    let only_new = new.keys().filter(|name| !old.contains_key(*name)).count();
    let union = old.len().saturating_add(only_new);
    let differing = union.saturating_sub(shared).saturating_mul(100);
    u32::try_from(differing.checked_div(union).unwrap_or(100)).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn way(old: Value, new: Value) -> Vec<Edit> {
        align(old.as_array().unwrap(), new.as_array().unwrap())
    }

    #[test]
    fn an_edited_record_pairs_with_itself_though_another_was_removed() {
        let edits = way(json!([{"text": "a", "owner": "x"}, {"text": "b", "owner": "y"}]), json!([{"text": "b", "owner": "z"}]));
        assert_eq!(edits, [Edit::Remove { old: 0 }, Edit::Pair { old: 1, new: 0 }]);
    }

    #[test]
    fn a_changed_line_is_removed_and_inserted_and_its_neighbours_stay() {
        let edits = way(json!(["a", "b", "c"]), json!(["a", "x", "c"]));
        assert_eq!(edits, [Edit::Pair { old: 0, new: 0 }, Edit::Remove { old: 1 }, Edit::Insert { new: 1 }, Edit::Pair { old: 2, new: 2 }]);
    }

    #[test]
    fn every_way_arrives_whatever_the_lists() {
        let lists = [json!([]), json!(["a"]), json!(["b", "a"]), json!([{"a": "1"}, "b", {"a": "2"}]), json!(["a", "a", "b"])];
        for old in &lists {
            for new in &lists {
                let (mut i, mut j) = (0, 0);
                for edit in way(old.clone(), new.clone()) {
                    match edit {
                        Edit::Pair { old, new } => {
                            assert_eq!((old, new), (i, j));
                            (i, j) = (i + 1, j + 1);
                        }
                        Edit::Remove { old } => {
                            assert_eq!(old, i);
                            i += 1;
                        }
                        Edit::Insert { new } => {
                            assert_eq!(new, j);
                            j += 1;
                        }
                    }
                }
                assert_eq!((i, j), (old.as_array().unwrap().len(), new.as_array().unwrap().len()));
            }
        }
    }
}
