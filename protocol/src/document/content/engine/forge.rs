//! For tests: changes as an enemy would make them who knows Automerge well, rightly encoded and of random
//! operations that mostly fit. It stands below `engine` because it uses Automerge.

use super::super::{ChangeHash, chunk, tests::DOCUMENT};
use automerge::legacy::{ElementId, Key, ObjectId, Op, OpId, OpType, SortedVec};
use automerge::{ActorId, Automerge, ExpandedChange, ObjType, ScalarValue};
use std::collections::BTreeSet;
use std::num::NonZeroU64;

/// The hashes of the changes in a saved document, as Automerge gives them back.
pub(in super::super) fn hashes_after_loading(saved: &[u8]) -> BTreeSet<ChangeHash> {
    let document = Automerge::load(saved).unwrap();
    document.get_changes(&[]).iter().map(|change| ChangeHash::new(change.hash().0)).collect()
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap().checked_rem(sides).unwrap_or(0)
    }

    fn rarely(&mut self) -> bool {
        self.roll(60) == 0
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = self.roll(from.len());
        from.get(at)
    }
}

/// An operation that later ones can refer to.
#[derive(Clone)]
struct Made {
    id: OpId,
    op: Op,
    /// The changes it lies in or above.
    change: usize,
}

/// Some changes as bytes with their dependencies, each with the right actor and checksum.
pub(in super::super) fn changes(seed: u64) -> Vec<(Vec<u8>, BTreeSet<ChangeHash>)> {
    let mut dice = Dice(seed);
    let mut made: Vec<Made> = Vec::new();
    let mut pasts: Vec<(automerge::ChangeHash, BTreeSet<usize>, u64)> = Vec::new();
    let mut changes = Vec::new();
    let count = dice.roll(5).saturating_add(2);
    for change in 0..count {
        let mut deps = BTreeSet::new();
        let parents = if change == 0 { 0 } else { dice.roll(2).saturating_add(1) };
        for _ in 0..parents {
            deps.insert(dice.roll(change));
        }
        let past: BTreeSet<usize> = deps.iter().flat_map(|dep| pasts[*dep].1.iter().copied().chain([*dep])).collect();
        let start = deps.iter().map(|dep| pasts[*dep].2).max().unwrap_or(0).saturating_add(1);
        let nobody = ActorId::from(super::NOBODY);
        let mut visible: Vec<Made> = made.iter().filter(|made| past.contains(&made.change)).cloned().collect();
        if dice.rarely() {
            visible = made.clone();
        }
        let mut operations = Vec::new();
        let length = dice.roll(12).saturating_add(1);
        for counter in (start..).take(length) {
            let op = operation(&mut dice, &visible);
            visible.push(Made { id: OpId::new(counter, &nobody), op: op.clone(), change });
            operations.push(op);
        }
        let hashes: Vec<_> = deps.iter().map(|dep| pasts[*dep].0).collect();
        let expanded = ExpandedChange {
            operations,
            actor_id: nobody.clone(),
            author: None,
            hash: None,
            seq: 1,
            start_op: NonZeroU64::new(start).unwrap(),
            time: 0,
            message: None,
            deps: hashes.clone(),
            extra_bytes: Vec::new(),
        };
        let raw = automerge::Change::from(expanded).raw_bytes().to_vec();
        let bytes = chunk::with_right_actor(&DOCUMENT, &raw).unwrap();
        let parsed = automerge::Change::try_from(&bytes[..]).unwrap();
        let end = start.saturating_add(length.try_into().unwrap()).saturating_sub(1);
        for (counter, op) in (start..).zip(visible.into_iter().rev().take(length).rev()) {
            made.push(Made { id: OpId::new(counter, parsed.actor_id()), op: rename(op.op, &nobody, parsed.actor_id()), change });
        }
        pasts.push((parsed.hash(), past, end));
        changes.push((bytes, hashes.iter().map(|hash| ChangeHash::new(hash.0)).collect()));
    }
    changes
}

/// The operation with its own change's actor in place of the one it was made under.
fn rename(mut op: Op, from: &ActorId, to: &ActorId) -> Op {
    let id = |id: &OpId| {
        if id.1 == *from { OpId(id.0, to.clone()) } else { id.clone() }
    };
    if let ObjectId::Id(object) = &op.obj {
        op.obj = ObjectId::Id(id(object));
    }
    if let Key::Seq(ElementId::Id(element)) = &op.key {
        op.key = Key::Seq(ElementId::Id(id(element)));
    }
    op.pred = op.pred.iter().map(id).collect();
    op
}

/// A random operation that mostly fits what is visible.
fn operation(dice: &mut Dice, visible: &[Made]) -> Op {
    let objects: Vec<&Made> = visible.iter().filter(|made| matches!(made.op.action, OpType::Make(_))).collect();
    let (obj, shape) = match dice.pick(&objects) {
        Some(made) if dice.roll(4) > 0 => {
            let shape = made.op.obj_type().unwrap_or(ObjType::Map);
            (ObjectId::Id(made.id.clone()), shape)
        }
        _ => (ObjectId::Root, ObjType::Map),
    };
    let shape = if dice.rarely() { ObjType::List } else { shape };
    let elements: Vec<&Made> = visible.iter().filter(|made| made.op.insert && (made.op.obj == obj || dice.rarely())).collect();
    let (key, insert) = if matches!(shape, ObjType::Map) {
        let name = dice.pick(&["kind", "marking", "state", "fields", "info", "note", "status", "headline"]).unwrap();
        (Key::Map((*name).into()), false)
    } else {
        match dice.pick(&elements) {
            Some(element) if dice.roll(5) > 0 => (Key::Seq(ElementId::Id(element.id.clone())), dice.roll(2) == 0),
            _ => (Key::Seq(ElementId::Head), !dice.rarely()),
        }
    };
    let same_place = |made: &&Made| {
        made.op.obj == obj
            && !matches!(made.op.action, OpType::Delete)
            && match &key {
                Key::Map(_) => made.op.key == key,
                Key::Seq(ElementId::Id(element)) => made.id == *element || (!made.op.insert && made.op.key == key),
                Key::Seq(ElementId::Head) => false,
            }
    };
    let mut preds: Vec<OpId> = Vec::new();
    if !insert || dice.rarely() {
        preds = visible.iter().filter(same_place).filter(|_| dice.roll(4) > 0).map(|made| made.id.clone()).collect();
    }
    if dice.rarely() && dice.rarely() {
        preds.extend(dice.pick(visible).map(|made| made.id.clone()));
    }
    preds.sort_unstable();
    preds.dedup();
    let insert = insert || (matches!((&key, shape), (Key::Seq(_), ObjType::Text)) && preds.is_empty() && !dice.rarely());
    let action = if matches!(shape, ObjType::Text) && !dice.rarely() {
        if insert { OpType::Put(ScalarValue::from("x")) } else { OpType::Delete }
    } else {
        match dice.roll(9) {
            0 | 1 => OpType::Make(ObjType::Map),
            2 => OpType::Make(ObjType::List),
            3 => OpType::Make(ObjType::Text),
            4 if !preds.is_empty() => OpType::Delete,
            5 => OpType::Put(ScalarValue::Null),
            6 => OpType::Put(ScalarValue::Int(7)),
            7 => OpType::Put(ScalarValue::F64(1.5)),
            _ => OpType::Put(ScalarValue::from(*dice.pick(&["bulletin", "issued", "RED", "Actual", "x"]).unwrap())),
        }
    };
    Op { action, obj, key, pred: SortedVec::from(preds), insert }
}
