//! Whether changes fit together: a verdict on each that depends only on what it builds on.
//!
//! Automerge takes much on trust: an operation on an object that does not exist, an insertion after an
//! element of another list, or a counter near the top of its range make it panic, diverge or refuse the
//! whole batch. So every reference is followed here first. A change is sound if all it builds on is
//! sound, its counters begin right after the greatest one below it, and every operation refers only to
//! operations in its own past, in the same object and at the same key. And a document says
//! once of what kind it is: a change that says it again is unsound, or else any writer could turn a
//! bulletin, with its fields and lifecycle, into something else.
//!
//! As each change has an actor of its own, an operation's id names the change that made it, and "in its
//! past" is a number in a set of ancestors. Such sets share what they have in common, and with what else is known of changes
//! they are kept, so that further changes are judged without those before them.

use super::columns::{Action, Key, Operation, Operations, Reference};
use super::error::LeftOut;
use super::{ActorBytes, Change, ChangeHash};
use crate::document::limits::MAX_OBJECT_DEPTH;
use crate::sets::{SetId, Sets};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What became of changes.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// The sound ones, in an order in which each follows what it builds on.
    pub(super) sound: Vec<ChangeHash>,
    /// The others, with the reason.
    pub(super) left_out: BTreeMap<ChangeHash, LeftOut>,
    /// Two of them, or one and one known before, have one actor: the verdict on both depends on which is looked at first.
    pub(super) is_order_dependent: bool,
}

impl Known {
    /// Judges changes that are not known yet, and takes in those that are sound. On each the verdict is the same as if all
    /// changes had been judged at once, unless it is found to depend on the order.
    pub(super) fn sort(&mut self, changes: &BTreeMap<ChangeHash, Change>) -> Sorted {
        let mut waiting: BTreeMap<ChangeHash, usize> = BTreeMap::new();
        let mut followers: BTreeMap<ChangeHash, Vec<ChangeHash>> = BTreeMap::new();
        let mut ready = BTreeSet::new();
        for (hash, change) in changes {
            let mut absent: usize = 0;
            for dep in change.deps().iter().filter(|dep| !self.places.contains_key(*dep)) {
                followers.entry(*dep).or_default().push(*hash);
                absent = absent.saturating_add(1);
            }
            if absent == 0 {
                ready.insert(*hash);
            }
            waiting.insert(*hash, absent);
        }
        let mut sorted = Sorted::default();
        while let Some(hash) = ready.pop_first() {
            let Some(change) = changes.get(&hash) else {
                continue;
            };
            match self.admit(change) {
                Ok(()) => sorted.sound.push(hash),
                Err((index, what)) => {
                    sorted.is_order_dependent |= what == ACTOR_TAKEN;
                    sorted.left_out.insert(hash, LeftOut::Unsound { index, what });
                    continue;
                }
            }
            for follower in followers.get(&hash).into_iter().flatten() {
                if let Some(count) = waiting.get_mut(follower) {
                    *count = count.saturating_sub(1);
                    if *count == 0 {
                        ready.insert(*follower);
                    }
                }
            }
        }
        for (hash, change) in changes {
            if let Some(missing) = change.deps().iter().find(|dep| !self.places.contains_key(*dep))
                && !sorted.left_out.contains_key(hash)
            {
                sorted.left_out.insert(*hash, LeftOut::Missing(*missing));
            }
        }
        sorted
    }
}

/// Nobody is known to be able to bring this about: an actor is half of a BLAKE3.
const ACTOR_TAKEN: &str = "its actor is taken";

/// What is wrong with which operation.
type Fault = (u32, &'static str);

/// An operation: the place of its change among those admitted, and its place in that change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Id {
    change: u32,
    operation: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A number in [`Known::names`].
    Name(u32),
    /// This element of a list or text; its insertion stands at itself.
    Element(Id),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Map,
    List,
    Text,
}

/// What later operations need to know of one.
#[derive(Debug, Clone, Copy)]
struct Slot {
    object: Option<Id>,
    place: Place,
    insert: bool,
    deletes: bool,
    makes: Option<(Shape, u8)>,
}

#[derive(Debug, Clone)]
struct Admitted {
    start: u32,
    /// The greatest counter in it and below it.
    end: u32,
    slots: Arc<[Slot]>,
    /// The admitted changes below it.
    ancestors: SetId,
    actor: ActorBytes,
    /// Whether it or something below it says what kind of document this is.
    has_kind: bool,
}

/// What is known of changes that were admitted.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    changes: Vec<Admitted>,
    places: BTreeMap<ChangeHash, u32>,
    actors: BTreeMap<ActorBytes, u32>,
    names: BTreeMap<String, u32>,
    sets: Sets,
}

/// The change under judgement.
struct Trial<'a> {
    place: u32,
    start: u32,
    actor: ActorBytes,
    others: &'a [ActorBytes],
    ancestors: SetId,
    slots: Vec<Slot>,
}

impl Known {
    fn admit(&mut self, change: &Change) -> Result<(), Fault> {
        let place = u32::try_from(self.changes.len()).map_err(|_| (0, "there are too many changes"))?;
        let (ancestors, below) = self.past(change);
        let mut has_kind = change.deps().iter().any(|dep| self.find(dep).is_some_and(|admitted| admitted.has_kind));
        if below.checked_add(1) != Some(change.start()) {
            return Err((0, "its counters do not begin right after those it builds on"));
        }
        if self.actors.contains_key(change.actor()) {
            return Err((0, ACTOR_TAKEN));
        }
        let operations = change.operations();
        let names = self.intern(operations);
        let mut trial = Trial {
            place,
            start: change.start(),
            actor: *change.actor(),
            others: change.others(),
            ancestors,
            slots: Vec::with_capacity(operations.list.len()),
        };
        let mut first_pred = 0;
        for (index, operation) in (0_u32..).zip(&operations.list) {
            let end = usize::try_from(operation.preds_end).unwrap_or(usize::MAX);
            let preds = operations.preds.get(first_pred..end).unwrap_or_default();
            first_pred = end;
            let slot = self.judge(&trial, index, operation, preds, &names).map_err(|what| (index, what))?;
            let text = matches!(operation.action, Action::PutText | Action::PutCharacter);
            if operations.is_kind(operation) && (std::mem::replace(&mut has_kind, true) || !text) {
                return Err((index, "a document says once, in a text, of what kind it is"));
            }
            trial.slots.push(slot);
        }
        let count = u32::try_from(trial.slots.len()).unwrap_or(u32::MAX);
        let end = below.checked_add(count).filter(|end| i32::try_from(*end).is_ok()).ok_or((0, "its counters are out of range"))?;
        let Trial { start, actor, ancestors, slots, .. } = trial;
        self.changes.push(Admitted { start, end, slots: slots.into(), ancestors, actor, has_kind });
        self.places.insert(change.hash(), place);
        self.actors.insert(actor, place);
        Ok(())
    }

    /// The change with this hash, if it is admitted.
    fn find(&self, hash: &ChangeHash) -> Option<&Admitted> {
        self.places.get(hash).and_then(|place| self.changes.get(usize::try_from(*place).ok()?))
    }

    /// The ancestors of a change whose dependencies are all admitted, and the greatest counter among them.
    fn past(&mut self, change: &Change) -> (SetId, u32) {
        let (mut pasts, mut numbers, mut below) = (Vec::new(), Vec::new(), 0);
        for dep in change.deps() {
            let (Some(place), Some(admitted)) = (self.places.get(dep), self.find(dep)) else {
                continue;
            };
            pasts.push(admitted.ancestors);
            numbers.push(*place);
            below = below.max(admitted.end);
        }
        numbers.sort_unstable();
        let past = self.sets.union(pasts);
        (self.sets.extend(past, &numbers), below)
    }

    /// Numbers for the change's names, in their order.
    fn intern(&mut self, operations: &Operations) -> Vec<u32> {
        let mut numbers = Vec::with_capacity(operations.names.len());
        for name in &operations.names {
            let next = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
            let number = match self.names.get(name) {
                Some(number) => *number,
                None => {
                    self.names.insert(name.clone(), next);
                    next
                }
            };
            numbers.push(number);
        }
        numbers
    }

    fn judge(
        &self,
        trial: &Trial<'_>,
        index: u32,
        operation: &Operation,
        preds: &[Reference],
        names: &[u32],
    ) -> Result<Slot, &'static str> {
        let own = Id { change: trial.place, operation: index };
        let (object, (shape, depth)) = match operation.object {
            None => (None, (Shape::Map, 0)),
            Some(reference) => {
                let (id, slot) = self.follow(trial, reference)?;
                (Some(id), slot.makes.ok_or("its object is none")?)
            }
        };
        let place = match (shape, operation.key) {
            (Shape::Map, Key::Name(name)) if !operation.insert => {
                let number = usize::try_from(name).ok().and_then(|name| names.get(name));
                Place::Name(*number.ok_or("its name is missing")?)
            }
            (Shape::List | Shape::Text, Key::Head) if operation.insert => Place::Element(own),
            (Shape::List | Shape::Text, Key::Element(reference)) => {
                let (id, slot) = self.follow(trial, reference)?;
                if !slot.insert || slot.object != object {
                    return Err("its element is none of its list");
                }
                Place::Element(if operation.insert { own } else { id })
            }
            _ => return Err("its key does not suit its object"),
        };
        let deletes = operation.action == Action::Delete;
        if shape == Shape::Text && !deletes && !(operation.insert && operation.action == Action::PutCharacter) {
            return Err("a text holds something else than characters");
        }
        if operation.insert && (deletes || !preds.is_empty()) {
            return Err("an insertion replaces or deletes");
        }
        if deletes && preds.is_empty() {
            return Err("a deletion deletes nothing");
        }
        self.judge_preds(trial, preds, object, place)?;
        let makes = match operation.action {
            Action::MakeMap => Some(Shape::Map),
            Action::MakeList => Some(Shape::List),
            Action::MakeText => Some(Shape::Text),
            Action::Put | Action::PutText | Action::PutCharacter | Action::Delete => None,
        };
        let deeper = depth.saturating_add(1);
        if makes.is_some() && deeper > MAX_OBJECT_DEPTH {
            return Err("objects are nested too deep");
        }
        Ok(Slot { object, place, insert: operation.insert, deletes, makes: makes.map(|shape| (shape, deeper)) })
    }

    /// Predecessors stand at the same key of the same object, in ascending order.
    fn judge_preds(&self, trial: &Trial<'_>, preds: &[Reference], object: Option<Id>, place: Place) -> Result<(), &'static str> {
        let mut last = None;
        for reference in preds {
            let (id, slot) = self.follow(trial, *reference)?;
            if slot.object != object || slot.place != place || slot.deletes {
                return Err("it replaces something elsewhere");
            }
            let order = Some((reference.counter, self.actor(trial, id)));
            if last >= order {
                return Err("what it replaces is out of order");
            }
            last = order;
        }
        Ok(())
    }

    fn actor(&self, trial: &Trial<'_>, id: Id) -> ActorBytes {
        usize::try_from(id.change).ok().and_then(|place| self.changes.get(place)).map_or(trial.actor, |admitted| admitted.actor)
    }

    /// The operation that a reference names, if it lies in the past of the change under judgement.
    fn follow<'b>(&'b self, trial: &'b Trial<'_>, reference: Reference) -> Result<(Id, &'b Slot), &'static str> {
        const UNKNOWN: &str = "it refers to an operation that is not in its past";
        let (place, start, slots) = match reference.actor.checked_sub(1) {
            None => (trial.place, trial.start, trial.slots.as_slice()),
            Some(other) => {
                let actor = usize::try_from(other).ok().and_then(|other| trial.others.get(other)).ok_or(UNKNOWN)?;
                let place = *self.actors.get(actor).ok_or(UNKNOWN)?;
                if !self.sets.contains(trial.ancestors, place) {
                    return Err(UNKNOWN);
                }
                let admitted = usize::try_from(place).ok().and_then(|place| self.changes.get(place)).ok_or(UNKNOWN)?;
                (place, admitted.start, &*admitted.slots)
            }
        };
        let operation = reference.counter.checked_sub(start).ok_or(UNKNOWN)?;
        let slot = usize::try_from(operation).ok().and_then(|operation| slots.get(operation)).ok_or(UNKNOWN)?;
        Ok((Id { change: place, operation }, slot))
    }
}
