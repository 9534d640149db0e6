//! Histories as they could come about among honest organisations.

use super::graph::{Actor, Maker, Signatures, actors, key};
use crate::history::Dice;
use csu_protocol::entry::{Body, Keep, Plane, Principal, Role, VerifiedEntry};
use csu_protocol::id::EntryId;
use std::collections::BTreeSet;

/// The entries of one document, and one more of each sort to put on top.
#[derive(Debug)]
pub struct Workload {
    /// The document.
    pub entries: Vec<VerifiedEntry>,
    /// Entries to come after, one upon the other.
    pub more: Vec<VerifiedEntry>,
}

/// A sort of history.
#[derive(Debug, Clone, Copy)]
pub struct Sort {
    /// What it is called in figures.
    pub name: &'static str,
    /// Writes about this many entries.
    pub make: fn(usize, Signatures) -> Workload,
}

/// The sorts that figures are measured on.
pub const SORTS: [Sort; 5] = [
    Sort { name: "plain: one owner, 5 writers, one after another", make: plain },
    Sort { name: "grants: 1 in 50 a grant (depth up to 6), 1 in 500 a revocation with keeps", make: grants },
    Sort { name: "control: grants alone, 1 in 50 a revocation with keeps", make: control },
    Sort { name: "concurrent: 32 writers who each see half of the others' newest, 1 in 500 a revocation", make: concurrent },
    Sort { name: "devices: one author for every 20 entries", make: devices },
];

/// Entries put on top, to measure one.
const MORE: usize = 200;

/// A history under way.
struct Story {
    maker: Maker,
    dice: Dice,
    epoch: EntryId,
    /// The newest control entry.
    control: EntryId,
    /// The newest revision.
    newest: EntryId,
    /// Organisations that the owner revoked once. Nobody but the owner can give them anything that lasts.
    gone: BTreeSet<usize>,
}

impl Story {
    fn new(actors: &[Actor], first: usize, role: Role, signatures: Signatures) -> Self {
        let given = actors[1..=first].iter().map(|actor| actor.given(role)).collect();
        let mut maker = Maker::new(&actors[0], given, signatures);
        let genesis = maker.genesis;
        let epoch = maker.put(&actors[0], Some(genesis), &[genesis], key(0));
        let newest = maker.put(&actors[0], Some(genesis), &[epoch], Body::Revision { epoch, deps: vec![] });
        Self { dice: Dice::new("bench", 1), epoch, control: genesis, newest, gone: BTreeSet::new(), maker }
    }

    fn revise(&mut self, who: &Actor, under: EntryId) {
        let (epoch, deps) = (self.epoch, vec![self.newest]);
        self.newest = self.maker.put(who, Some(under), &[self.control, self.newest], Body::Revision { epoch, deps });
    }

    fn end(mut self, more: usize) -> Workload {
        let more = self.maker.entries.split_off(self.maker.entries.len() - more);
        Workload { entries: self.maker.entries, more }
    }
}

fn plain(size: usize, signatures: Signatures) -> Workload {
    let actors = actors(6);
    let mut story = Story::new(&actors, 5, Role::Write, signatures);
    let genesis = story.maker.genesis;
    for _ in 0..size + MORE {
        let who = story.dice.below(6);
        story.revise(&actors[who], genesis);
    }
    story.end(MORE)
}

/// Who holds what by which grant.
struct Holder {
    who: usize,
    under: EntryId,
    role: Role,
    depth: u8,
}

/// One step of control: a revocation if `revokes`, or else a grant, by whoever may.
fn control_step(story: &mut Story, actors: &[Actor], holders: &mut Vec<Holder>, revokes: bool) {
    let genesis = story.maker.genesis;
    if revokes && holders.len() > 8 {
        let at = 1 + story.dice.below(holders.len() - 1);
        let whom = &actors[holders[at].who];
        let author = whom.author();
        let kept = Plane::ALL.into_iter().filter_map(|plane| story.maker.tip(author, plane).map(|(_, entry)| (plane, entry)));
        let keep = kept.map(|(plane, entry)| Keep { author, plane, entry }).collect();
        let body = Body::Revoke { principal: Principal::Organisation(whom.organisation), keep };
        let (control, owner) = (story.control, &actors[0]);
        story.control = story.maker.put(owner, Some(genesis), &[control], body);
        let gone = holders[at].who;
        story.gone.insert(gone);
        holders.retain(|holder| holder.who != gone);
        return;
    }
    let admins: Vec<usize> = (0..holders.len()).filter(|at| holders[*at].role == Role::Admin && holders[*at].depth < 6).collect();
    // Mostly the owner gives; the further down, the fewer do.
    let to = 1 + story.dice.below(actors.len() - 1);
    let by_owner = story.gone.contains(&to) || story.dice.chance(25);
    let giver = if by_owner { 0 } else { *story.dice.pick(&admins).unwrap() };
    let (by, under, depth) = (holders[giver].who, holders[giver].under, holders[giver].depth + 1);
    let role = if story.dice.chance(40) { Role::Admin } else { Role::Write };
    let body = Body::Grant { grants: vec![actors[to].given(role)] };
    let control = story.control;
    story.control = story.maker.put(&actors[by], Some(under), &[control], body);
    // Who was given too much before is only replaced in this list: the older right stays.
    if holders.len() < 64 {
        holders.push(Holder { who: to, under: story.control, role, depth });
    } else {
        let at = 1 + story.dice.below(63);
        holders[at] = Holder { who: to, under: story.control, role, depth };
    }
}

fn grants(size: usize, signatures: Signatures) -> Workload {
    let actors = actors(300);
    let mut story = Story::new(&actors, 5, Role::Admin, signatures);
    let genesis = story.maker.genesis;
    let mut holders: Vec<Holder> = (0..6).map(|who| Holder { who, under: genesis, role: Role::Admin, depth: u8::from(who > 0) }).collect();
    for at in 0..size + MORE {
        if at % 50 == 7 && at < size {
            control_step(&mut story, &actors, &mut holders, at % 500 == 7);
        } else {
            let holder = story.dice.below(holders.len());
            let (who, under) = (holders[holder].who, holders[holder].under);
            story.revise(&actors[who], under);
        }
    }
    story.end(MORE)
}

fn control(size: usize, signatures: Signatures) -> Workload {
    let actors = actors(3000);
    let mut story = Story::new(&actors, 5, Role::Admin, signatures);
    let genesis = story.maker.genesis;
    let mut holders: Vec<Holder> = (0..6).map(|who| Holder { who, under: genesis, role: Role::Admin, depth: u8::from(who > 0) }).collect();
    for at in 0..size + MORE {
        // No more than delegates may have in their past.
        control_step(&mut story, &actors, &mut holders, at % 50 == 7 && at < size.min(90_000));
    }
    story.end(MORE)
}

fn concurrent(size: usize, signatures: Signatures) -> Workload {
    let actors = actors(33);
    let mut story = Story::new(&actors, 32, Role::Write, signatures);
    let genesis = story.maker.genesis;
    let mut newest: Vec<EntryId> = vec![story.newest; 33];
    for at in 0..size + MORE {
        let who = 1 + at % 32;
        if at % 500 == 250 {
            let body = Body::Revoke { principal: Principal::Anyone, keep: vec![] };
            // Seen by some before it is seen by others.
            story.control = story.maker.put(&actors[0], Some(genesis), &[genesis], body);
        }
        let seen: BTreeSet<EntryId> = (0..16).map(|_| newest[1 + story.dice.below(32)]).chain([newest[who]]).collect();
        let deps: Vec<EntryId> = seen.into_iter().collect();
        let parents: Vec<EntryId> = deps.iter().copied().chain([story.control]).collect();
        let epoch = story.epoch;
        newest[who] = story.maker.put(&actors[who], Some(genesis), &parents, Body::Revision { epoch, deps });
    }
    story.end(MORE)
}

fn devices(size: usize, signatures: Signatures) -> Workload {
    let organisations = actors(51);
    let mut story = Story::new(&organisations, 50, Role::Write, signatures);
    let genesis = story.maker.genesis;
    let devices: Vec<Actor> =
        (0..=size / 20).map(|at| Actor::new(u16::try_from(at % 51).unwrap(), u16::try_from(at / 51).unwrap())).collect();
    for _ in 0..size + MORE {
        let who = story.dice.below(devices.len());
        story.revise(&devices[who], genesis);
    }
    story.end(MORE)
}
