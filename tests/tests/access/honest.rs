//! What honest software may do to a document that others have quarrelled over.
//!
//! Whoever knows everything that was written and then evicts with [`Access::keep_all_of`], gives, gives up or revokes a
//! lost device makes nothing count again that a revocation had voided, and brings no role back.
//!
//! There is one way around it, which is a fork: a revocation keeps one entry of each author and plane, so that of an
//! author who contradicted itself one branch falls, and with that branch the revocations on it. What an honest author
//! gives back then, it gives back for that reason alone.

use crate::effects::State;
use crate::laws::{ensure, place, places};
use crate::pass::{Case, MOMENTS};
use csu_protocol::access::{Access, Insertion};
use csu_protocol::author::{self, Acting, AuthorError};
use csu_protocol::entry::{Author, Body, Grant, Header, Keep, Plane, Principal, Role, Signer, Subject, VerifiedEntry};
use csu_protocol::id::EntryId;
use csu_tests::history::{Dice, History, Member, Replay};
use csu_tests::model::Model;
use std::collections::BTreeSet;

/// How often somebody acts.
const ACTS: usize = 4;

/// The law.
pub(crate) fn honest(case: &Case) -> Result<(), String> {
    let history = &case.history;
    let mut dice = case.dice("honest");
    let mut replay = Replay::default();
    replay.receive(history.cast, &history.cast.everybody(), &history.entries, |_, _| {});
    let mut access = replay.access;
    let mut written: Vec<VerifiedEntry> = Vec::new();
    let mut before = State::of(&access);
    for _ in 0..ACTS {
        let member = &history.cast.members[dice.below(history.cast.members.len())];
        let Some(Ok(entry)) = act(&access, history, member, &mut dice) else { continue };
        let id = entry.id();
        // A device that its owner or somebody above revoked is no honest author any more.
        if !matches!(access.insert(entry.clone(), |_, _| true), Insertion::Sound(_)) {
            continue;
        }
        let after = State::of(&access);
        if after.authorised[&id] {
            let all = history.entries.iter().chain(&written);
            check(history, all, &entry, &before, &after)?;
        }
        written.push(entry);
        before = after;
    }
    Ok(())
}

fn act(access: &Access, history: &History, member: &Member, dice: &mut Dice) -> Option<Result<VerifiedEntry, AuthorError>> {
    let others: Vec<&Member> = history.cast.members.iter().filter(|other| Some(other.id) != access.owner()).collect();
    let other = dice.pick(&others).copied()?;
    let device = &member.devices[dice.below(2)];
    let as_device = |under| Acting { organisation: member.id, signer: Signer::Device(device), under: Some(under) };
    let newest = |whose: &Member, device: usize| {
        let author = Author::Device(whose.device(device));
        access.keep_all_of(&whose.id).into_iter().filter(|keep| keep.author == author).collect::<Vec<Keep>>()
    };
    let evict = |whose: &Member| Body::Revoke { principal: Principal::Organisation(whose.id), keep: access.keep_all_of(&whose.id) };
    let lost = dice.below(2);
    let revoke_device = |whose: &Member| Body::Revoke { principal: Principal::Device(whose.device(lost)), keep: newest(whose, lost) };
    let admin = access.standing_for(&member.id, Role::Admin, MOMENTS[0]);
    Some(match dice.below(100) {
        0..35 => author::control(access, &as_device(admin?), evict(other)),
        35..60 => {
            let subject = Subject::Organisation(other.id);
            let role = *dice.pick(&Role::ALL)?;
            author::control(access, &as_device(admin?), Body::Grant { grants: vec![Grant { subject, role, until: None }] })
        }
        60..75 => author::control(access, &as_device(admin?), revoke_device(other)),
        75..85 if Some(member.id) != access.owner() => {
            let under = access.standing_for(&member.id, Role::Relay, MOMENTS[0])?;
            author::control(access, &as_device(under), evict(member))
        }
        _ => {
            let root = Acting { organisation: member.id, signer: Signer::Root(&member.root), under: None };
            author::control(access, &root, revoke_device(member))
        }
    })
}

/// Whether an honest act gave nothing back, unless a fork left it no choice.
fn check<'e>(
    history: &History,
    all: impl Iterator<Item = &'e VerifiedEntry>,
    entry: &VerifiedEntry,
    before: &State,
    after: &State,
) -> Result<(), String> {
    let gained = before.gained(after);
    let back: Vec<_> = before.back(after).into_iter().filter(|(by, _)| *by != entry.id()).collect();
    if gained.is_empty() && back.is_empty() {
        return Ok(());
    }
    let known: Vec<&VerifiedEntry> = all.filter(|entry| before.authorised.contains_key(&entry.id())).collect();
    let later = Model::new(entry.document(), known.into_iter().chain([entry]), |_, _| true);
    let rules = later.now();
    // What the act itself voids of revocations, or of the grants they stand below; and of root keys, what it does not keep.
    // Other things may follow from that.
    let voids = |id: &EntryId| rules.bearing_on(id).contains(&entry.id()) && !rules.keeps(&entry.id(), id);
    let is_revocation = |id: &EntryId| matches!(later.header(id).body, Body::Revoke { .. });
    let way_up = |id: EntryId| std::iter::successors(Some(id), |id| later.header(id).under);
    let lost = before.lost(after).into_iter().filter(is_revocation).flat_map(way_up).filter(voids);
    let whom = match &entry.header().body {
        Body::Revoke { principal, .. } => Some(*principal),
        _ => None,
    };
    let evicted = |header: &Header| whom == Some(Principal::Organisation(header.organisation));
    let words = later.sound().iter().copied().filter(|id| {
        let header = later.header(id);
        matches!(header.author, Author::Root(_)) && evicted(header) && !rules.keeps(&entry.id(), id)
    });
    let first_causes: Vec<EntryId> = lost.chain(words).collect();
    let forked: BTreeSet<Author> = later.forks().iter().flatten().filter_map(|id| control_author(&later, id)).collect();
    ensure!(
        !first_causes.is_empty() && first_causes.iter().all(|revoke| forked.contains(&later.header(revoke).author)),
        "{} gave authority to {:?} and life to {:?}, by no longer having {:?}",
        told(history, entry),
        places(history, &gained),
        back.iter().map(|(id, to)| format!("{} {}", place(history, id), history.cast.subject(*to))).collect::<Vec<_>>(),
        places(history, &first_causes)
    );
    Ok(())
}

fn control_author(model: &Model, id: &EntryId) -> Option<Author> {
    let header = model.header(id);
    (header.plane() == Plane::Control).then_some(header.author)
}

fn told(history: &History, entry: &VerifiedEntry) -> String {
    let alone = History { entries: vec![entry.clone()], ..history.clone() };
    let text = alone.describe();
    format!("an honest {}", text.lines().nth(1).unwrap_or_default().trim_start_matches("#0 "))
}
