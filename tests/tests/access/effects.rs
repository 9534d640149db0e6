//! What the arrival of an entry may change.

use crate::laws::{bodies, ensure, places};
use crate::pass::Case;
use csu_protocol::access::{Access, Row};
use csu_protocol::entry::{Author, Body, Plane, Subject, VerifiedEntry};
use csu_protocol::id::EntryId;
use csu_tests::history::Replay;
use csu_tests::model::{Given, Model};
use std::collections::{BTreeMap, BTreeSet};

/// What may change.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct State {
    pub(crate) authorised: BTreeMap<EntryId, bool>,
    pub(crate) live: BTreeSet<(EntryId, Subject)>,
    withdrawal: Option<EntryId>,
    erased: bool,
}

impl State {
    pub(crate) fn of(access: &Access) -> Self {
        let live = |row: &Row| row.authorised && row.ended_by.is_empty();
        Self {
            authorised: Plane::ALL.into_iter().flat_map(|plane| access.entries(plane)).map(|id| (id, access.is_authorised(&id))).collect(),
            live: access.rows().into_iter().filter(live).map(|row| (row.entry, row.who)).collect(),
            withdrawal: access.withdrawal().map(|(id, ..)| id),
            erased: access.is_erased(),
        }
    }

    /// The entries whose verdict was `was` and now is the other one.
    fn changed(&self, after: &Self, was: bool) -> Vec<EntryId> {
        let other = |id: &EntryId| after.authorised.get(id) != Some(&was);
        self.authorised.iter().filter(|(id, verdict)| **verdict == was && other(id)).map(|(id, _)| *id).collect()
    }

    pub(crate) fn gained(&self, after: &Self) -> Vec<EntryId> {
        self.changed(after, false)
    }

    pub(crate) fn lost(&self, after: &Self) -> Vec<EntryId> {
        self.changed(after, true)
    }

    /// Roles that came to life.
    pub(crate) fn back(&self, after: &Self) -> Vec<(EntryId, Subject)> {
        after.live.difference(&self.live).copied().collect()
    }
}

/// The law.
pub(crate) fn effects(case: &Case) -> Result<(), String> {
    let history = &case.history;
    let mut arrivals: Vec<&VerifiedEntry> = history.entries.iter().collect();
    case.dice("effects").shuffle(&mut arrivals);
    let bodies = bodies(history);
    let mut replay = Replay::default();
    let (mut before, mut broken) = (State::default(), Ok(()));
    replay.receive(history.cast, &history.cast.everybody(), arrivals, |access, id| {
        let after = State::of(access);
        if broken.is_ok() {
            broken = check(case, &bodies, id, &before, &after);
        }
        before = after;
    });
    broken
}

type Bodies<'c> = BTreeMap<EntryId, &'c VerifiedEntry>;

/// Whether the arrival of `id` changed no more than it may.
fn check(case: &Case, entries: &Bodies<'_>, id: EntryId, before: &State, after: &State) -> Result<(), String> {
    let history = &case.history;
    let header = entries[&id].header();
    let what = crate::laws::place(history, &id);
    let counts = after.authorised[&id];
    let (lost, gained) = (before.lost(after), before.gained(after));
    if counts && matches!(header.body, Body::Revoke { .. }) {
        return given_back(case, entries, before, after).map_err(|why| format!("{what}: {why}"));
    }
    // Nothing but a revocation takes, and nothing but what was kept before it arrived is given back.
    ensure!(lost.is_empty(), "{what} voided {:?}", places(history, &lost));
    let kept_unseen = before.authorised.keys().chain([&id]).any(|revoke| match &entries[revoke].header().body {
        Body::Revoke { keep, .. } => keep.iter().any(|keep| keep.entry == id && keep.plane == Plane::Content),
        _ => false,
    });
    let theirs = |gained: &EntryId| kept_unseen && entries[gained].header().author == header.author;
    ensure!(gained.iter().all(theirs), "{what} gave authority to {:?}", places(history, &gained));
    let new: Vec<_> = after.live.symmetric_difference(&before.live).collect();
    ensure!(new.iter().all(|(entry, _)| counts && *entry == id), "{what} changed the roles {new:?}");
    let withdraws = counts && matches!(header.body, Body::Withdraw { .. });
    ensure!(before.withdrawal == after.withdrawal || withdraws, "{what} withdrew the document");
    let erases = counts && matches!(header.body, Body::Erase);
    ensure!(before.erased == after.erased || erases, "{what} erased the document");
    Ok(())
}

/// A revocation gives back only what had fallen by revocations that fall with it. Rule 6 (c): with whoever is evicted
/// goes its root key's word on its devices, where the evictor did not keep that.
fn given_back(case: &Case, entries: &Bodies<'_>, before: &State, after: &State) -> Result<(), String> {
    let (gained, back) = (before.gained(after), before.back(after));
    if gained.is_empty() && back.is_empty() {
        return Ok(());
    }
    let history = &case.history;
    let known = before.authorised.keys().map(|id| entries[id]);
    let earlier = Model::new(case.model.genesis().into(), known, |_, _| true);
    let rules = earlier.now();
    let fell = before.lost(after);
    let goes = |revoke: &EntryId| fell.contains(revoke) || matches!(entries[revoke].header().author, Author::Root(_));
    for id in gained {
        let by = rules.voided_by(&id);
        ensure!(!by.is_empty() && by.iter().all(goes), "gave authority to {:?}, though {:?}", places(history, [&id]), places(history, &by));
    }
    for (entry, to) in back {
        let mut by = rules.voided_by(&entry);
        by.extend(rules.ended_by(Given { entry, to }));
        ensure!(!by.is_empty() && by.iter().all(goes), "gave {:?} back, though {:?}", places(history, [&entry]), places(history, &by));
    }
    Ok(())
}
