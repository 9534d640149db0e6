//! Writing a random history.
//!
//! Every organisation has a view of its own, hears part of what was written, and acts. Between such acts stand
//! *plots*: several acts that together make a trouble which chance alone would seldom make.

mod acts;
mod bend;
mod flood;
mod mood;
mod plots;

use super::{Cast, Dice, Replay};
use csu_protocol::access::Access;
use csu_protocol::author::{self, Acting};
use csu_protocol::entry::{Body, Grant, Role, Signer, Subject, VerifiedEntry};
use csu_protocol::id::EntryId;
use mood::Mood;
use std::collections::{BTreeMap, BTreeSet};

struct Story {
    cast: &'static Cast,
    dice: Dice,
    mood: Mood,
    log: Vec<VerifiedEntry>,
    place: BTreeMap<EntryId, usize>,
    views: Vec<Access>,
    /// Which of its devices each organisation uses.
    device: Vec<usize>,
}

/// The history of `seed`: of any mood and length, most of them short.
pub(super) fn write(cast: &'static Cast, seed: u64) -> Vec<VerifiedEntry> {
    let mut dice = Dice::new("history", seed);
    let mood = Mood::draw(&mut dice);
    let steps = match dice.below(100) {
        0..50 => 4 + dice.below(10),
        50..90 => 14 + dice.below(16),
        _ => 30 + dice.below(40),
    };
    let mut story = Story::new(cast, dice, mood);
    story.begin();
    let mut left = steps;
    while left > 0 {
        let written = story.log.len();
        if story.dice.chance(story.mood.plots_percent()) {
            story.plot();
        } else {
            story.act();
        }
        left = left.saturating_sub((story.log.len() - written).max(1));
    }
    story.log
}

/// A history of `seed` with a flood of revocations, and little else.
pub(super) fn write_flood(cast: &'static Cast, seed: u64) -> Vec<VerifiedEntry> {
    let mut story = Story::new(cast, Dice::new("flood", seed), Mood::All);
    story.begin();
    for _ in 0..5 {
        story.act();
    }
    story.flood();
    for _ in 0..10 {
        story.act();
    }
    story.log
}

impl Story {
    fn new(cast: &'static Cast, dice: Dice, mood: Mood) -> Self {
        let views = cast.members.iter().map(|_| Access::default()).collect();
        let device = cast.members.iter().map(|_| 0).collect();
        Self { cast, dice, mood, log: Vec::new(), place: BTreeMap::new(), views, device }
    }

    fn begin(&mut self) {
        let grants = self.grants(60);
        let owner = &self.cast.members[0];
        // A history without a sound genesis says nothing.
        let sound = |grant: &Grant| match grant.subject {
            Subject::Anyone => grant.role == Role::Read,
            Subject::Organisation(id) => id != owner.id,
        };
        let grants = grants.into_iter().filter(sound).collect();
        let signer = Signer::Device(&owner.devices[0]);
        if let Ok(genesis) = author::genesis(owner.id, signer, grants, self.dice.entropy()) {
            self.publish(Some(0), genesis);
        }
    }

    /// Writes an entry down; `who` holds it at once.
    fn publish(&mut self, who: Option<usize>, entry: VerifiedEntry) -> EntryId {
        let id = entry.id();
        if let Some(who) = who {
            let mut replay = Replay { access: std::mem::take(&mut self.views[who]), ..Replay::default() };
            replay.receive(self.cast, &self.cast.everybody(), [&entry], |_, _| {});
            self.views[who] = replay.access;
        }
        if !self.place.contains_key(&id) {
            self.place.insert(id, self.log.len());
            self.log.push(entry);
        }
        id
    }

    /// What `seeds` name, and what that names, in an order in which it can be received.
    fn closure(&self, seeds: Vec<usize>) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut open = seeds;
        while let Some(at) = open.pop() {
            if found.insert(at) {
                open.extend(self.log[at].header().names().filter_map(|name| self.place.get(&name).copied()));
            }
        }
        found
    }

    fn some_past(&mut self, most: usize) -> BTreeSet<usize> {
        let seeds = (0..=self.dice.below(most)).map(|_| self.dice.below(self.log.len())).collect();
        let mut past = self.closure(seeds);
        past.insert(0);
        past
    }

    fn hear(&mut self, who: usize, heard: impl IntoIterator<Item = usize>) {
        let mut replay = Replay { access: std::mem::take(&mut self.views[who]), ..Replay::default() };
        replay.receive(self.cast, &self.cast.everybody(), heard.into_iter().map(|at| &self.log[at]), |_, _| {});
        self.views[who] = replay.access;
    }

    fn hear_all(&mut self, who: usize) {
        self.hear(who, 0..self.log.len());
    }

    fn listen(&mut self, who: usize) {
        let heard: BTreeSet<usize> = if self.dice.chance(40) { (0..self.log.len()).collect() } else { self.some_past(3) };
        self.hear(who, heard);
    }

    /// The view of a node that holds these.
    fn view_of(&self, held: impl IntoIterator<Item = usize>) -> Access {
        let mut replay = Replay::default();
        replay.receive(self.cast, &self.cast.everybody(), held.into_iter().map(|at| &self.log[at]), |_, _| {});
        replay.access
    }

    /// A second node that holds what `who` holds now, and will hear nothing more.
    fn old_view(&self, who: usize) -> Access {
        self.view_of((0..self.log.len()).filter(|at| self.views[who].contains(&self.log[*at].id())))
    }

    /// One act by one organisation, honest or not.
    fn act(&mut self) {
        let who = self.dice.below(self.cast.members.len());
        if self.dice.chance(70) || self.views[who].is_empty() {
            self.listen(who);
        }
        let dishonest = self.dice.chance(self.mood.dishonest_percent());
        // A view that the author has outgrown: what it writes there is a fork, or backdated.
        let outgrown = dishonest.then(|| {
            let past = self.some_past(4);
            self.view_of(past)
        });
        let own = std::mem::take(&mut self.views[who]);
        let written = self.write(who, outgrown.as_ref().unwrap_or(&own), dishonest);
        self.views[who] = own;
        if let Ok(entry) = written {
            let bent = dishonest && self.dice.chance(self.mood.bent_percent());
            let entry = if bent { self.bend(who, &entry).unwrap_or(entry) } else { entry };
            self.publish(Some(who), entry);
        }
    }

    /// `who` signs a control entry on its own view.
    fn say(&mut self, who: usize, device: usize, under: EntryId, body: Body) -> Option<EntryId> {
        let own = std::mem::take(&mut self.views[who]);
        let entry = author::control(&own, &self.acting(who, device, under), body);
        self.views[who] = own;
        entry.ok().map(|entry| self.publish(Some(who), entry))
    }

    /// `who` signs a control entry on another view, to which it is added.
    fn say_on(&mut self, view: &mut Access, who: usize, device: usize, under: EntryId, body: Body) -> Option<EntryId> {
        let entry = author::control(view, &self.acting(who, device, under), body).ok()?;
        view.insert(entry.clone(), |_, _| true);
        Some(self.publish(None, entry))
    }

    fn acting(&self, who: usize, device: usize, under: EntryId) -> Acting<'static> {
        let member = &self.cast.members[who];
        Acting { organisation: member.id, signer: Signer::Device(&member.devices[device]), under: Some(under) }
    }

    fn root(&self, who: usize) -> Acting<'static> {
        let member = &self.cast.members[who];
        Acting { organisation: member.id, signer: Signer::Root(&member.root), under: None }
    }
}
