//! Troubles that take several acts.
//!
//! An act in a plot that cannot be signed is left out, and the rest goes on: whatever comes of it is a history too.

use super::Story;
use super::mood::Plot;
use csu_protocol::access::Access;
use csu_protocol::author;
use csu_protocol::entry::{Author, Body, Grant, Keep, Plane, Principal, Role, Subject};
use csu_protocol::id::EntryId;
use csu_protocol::time::Timestamp;

/// Somebody, and by which entry it acts.
type Post = (usize, EntryId);

impl Story {
    pub(super) fn plot(&mut self) {
        let Some(plot) = self.dice.pick(self.mood.plots()).copied() else { return };
        let done = match plot {
            Plot::Delegate => self.delegate(5).map(|_| ()),
            Plot::EvictBetween => self.evict_between(),
            Plot::Revenge => self.revenge(),
            Plot::GiveAgain => self.give_again(),
            Plot::GiveUp => self.give_up(),
            Plot::Steal => self.steal(),
            Plot::Bar => self.bar(),
            Plot::Quarrel => self.quarrel(),
            Plot::Fork => self.fork(),
            Plot::KeepBadly => self.keep_badly(),
            Plot::Build => self.build(),
            Plot::Erase => self.erase(),
        };
        // Nobody was there to do it: an act at least.
        if done.is_none() {
            self.act();
        }
    }

    /// Somebody other than these.
    fn other_than(&mut self, not: &[usize]) -> usize {
        let others: Vec<usize> = (0..self.cast.members.len()).filter(|who| !not.contains(who)).collect();
        self.dice.pick(&others).copied().unwrap_or_default()
    }

    fn subject(&self, who: usize) -> Subject {
        Subject::Organisation(self.cast.members[who].id)
    }

    fn organisation(&self, who: usize) -> Principal {
        Principal::Organisation(self.cast.members[who].id)
    }

    fn a_grant(&self, to: usize, role: Role) -> Body {
        Body::Grant { grants: vec![Grant { subject: self.subject(to), role, until: None }] }
    }

    /// A right that `who` holds, as far as it knows.
    fn post(&self, who: usize, role: Role) -> Option<Post> {
        let right = self.views[who].standing_for(&self.cast.members[who].id, role, Timestamp::default());
        right.map(|under| (who, under))
    }

    fn some_post(&mut self, role: Role, not: &[usize]) -> Option<Post> {
        let posts: Vec<Post> =
            (0..self.cast.members.len()).filter(|who| !not.contains(who)).filter_map(|who| self.post(who, role)).collect();
        self.dice.pick(&posts).copied()
    }

    /// A chain of admins, each given its right by the one before it; the last may have a lesser one.
    fn delegate(&mut self, most: usize) -> Option<Vec<Post>> {
        let first = if self.dice.chance(60) { self.post(0, Role::Admin) } else { self.some_post(Role::Admin, &[]) }?;
        let mut chain = vec![first];
        for _ in 0..=self.dice.below(most) {
            let (giver, under) = *chain.last()?;
            let to = self.other_than(&[giver]);
            let role = if self.dice.chance(80) { Role::Admin } else { Role::Write };
            let device = self.device[giver];
            let given = self.say(giver, device, under, self.a_grant(to, role))?;
            self.hear_all(to);
            chain.push((to, given));
            if role != Role::Admin {
                break;
            }
        }
        Some(chain)
    }

    /// Work or a grant by somebody who holds a right, on a view.
    fn work_on(&mut self, view: &mut Access, (who, under): Post) -> Option<EntryId> {
        let device = self.device[who];
        if self.dice.chance(40) {
            let to = self.other_than(&[who]);
            let role = if self.dice.chance(50) { Role::Admin } else { Role::Read };
            return self.say_on(view, who, device, under, self.a_grant(to, role));
        }
        let acting = self.acting(who, device, under);
        let entry = self.revision(view, &acting, false).ok()?;
        view.insert(entry.clone(), |_, _| true);
        Some(self.publish(None, entry))
    }

    fn work(&mut self, post: Post) -> Option<EntryId> {
        let mut view = std::mem::take(&mut self.views[post.0]);
        let done = self.work_on(&mut view, post);
        self.views[post.0] = view;
        done
    }

    /// A revocation by `post`, with some keep or other.
    fn evict(&mut self, post: Post, principal: Principal) -> Option<EntryId> {
        let view = std::mem::take(&mut self.views[post.0]);
        let keep = self.keep(&view, &principal, false);
        self.views[post.0] = view;
        self.say(post.0, self.device[post.0], post.1, Body::Revoke { principal, keep })
    }

    /// Somebody in the middle of a chain of admins is evicted, while those below work on and do not know.
    fn evict_between(&mut self) -> Option<()> {
        let chain = self.delegate(4)?;
        let last = *chain.last()?;
        self.work(last);
        let mut unaware = self.old_view(last.0);
        let evicted = 1 + self.dice.below(chain.len() - 1);
        let evictor = if self.dice.chance(50) { chain[0] } else { chain[self.dice.below(evicted)] };
        self.hear_all(evictor.0);
        self.evict(evictor, self.organisation(chain[evicted].0));
        for _ in 0..=self.dice.below(3) {
            self.work_on(&mut unaware, last);
        }
        Some(())
    }

    /// An evicted admin goes on where it had not been evicted: takes from others, and lets friends in.
    fn revenge(&mut self) -> Option<()> {
        let avenger = self.some_post(Role::Admin, &[0])?;
        let mut old = self.old_view(avenger.0);
        let evictor = if self.dice.chance(50) { self.post(0, Role::Admin) } else { self.some_post(Role::Admin, &[avenger.0]) }?;
        self.hear_all(evictor.0);
        self.evict(evictor, self.organisation(avenger.0))?;
        for _ in 0..=self.dice.below(3) {
            let whom = self.other_than(&[0]);
            let device = self.dice.below(2);
            let body = match self.dice.below(4) {
                0 | 1 => Body::Revoke { principal: self.organisation(whom), keep: Vec::new() },
                2 => Body::Revoke { principal: Principal::Device(self.cast.members[evictor.0].device(0)), keep: Vec::new() },
                _ => self.a_grant(whom, Role::Admin),
            };
            let is_grant = matches!(body, Body::Grant { .. });
            let said = self.say_on(&mut old, avenger.0, device, avenger.1, body);
            if let (true, Some(given)) = (is_grant, said) {
                // A friend works in good faith.
                self.work_on(&mut old, (whom, given));
            }
        }
        Some(())
    }

    /// A right is taken and given again, by who knows of that and by who does not.
    fn give_again(&mut self) -> Option<()> {
        let giver = if self.dice.chance(60) { self.post(0, Role::Admin) } else { self.some_post(Role::Admin, &[]) }?;
        let to = self.other_than(&[0, giver.0]);
        self.work((to, self.post(to, Role::Write)?.1));
        self.hear_all(giver.0);
        let mut unaware = self.old_view(giver.0);
        self.evict(giver, self.organisation(to))?;
        let other_device = 1 - self.device[giver.0];
        let again = match self.dice.below(3) {
            0 => self.say_on(&mut unaware, giver.0, other_device, giver.1, self.a_grant(to, Role::Write)),
            1 => {
                // Somebody below gives what somebody above took.
                let other = self.some_post(Role::Admin, &[giver.0, to])?;
                self.hear_all(other.0);
                self.say(other.0, self.device[other.0], other.1, self.a_grant(to, Role::Write))
            }
            _ => self.say(giver.0, self.device[giver.0], giver.1, self.a_grant(to, Role::Admin)),
        }?;
        if self.dice.chance(50) {
            self.hear_all(to);
            self.work((to, again));
        } else {
            let past = self.closure(vec![self.place[&again]]);
            let mut view = self.view_of(past);
            self.work_on(&mut view, (to, again));
        }
        Some(())
    }

    /// A right is given up, and used at the same time.
    fn give_up(&mut self) -> Option<()> {
        let role = Role::ALL[self.dice.below(4)];
        let post = self.some_post(role, &[0])?;
        self.work(post);
        let mut old = self.old_view(post.0);
        self.evict(post, self.organisation(post.0))?;
        self.work_on(&mut old, post);
        Some(())
    }

    /// A device is stolen. The thief works on an old view; the root key revokes the device; somebody above may evict the
    /// organisation, with or without knowing of that; the other device goes on.
    fn steal(&mut self) -> Option<()> {
        let who = if self.dice.chance(30) { 0 } else { self.other_than(&[0]) };
        let post = self.post(who, Role::Write)?;
        let mut thief = self.old_view(who);
        self.work(post);
        let device = self.device[who];
        for _ in 0..=self.dice.below(3) {
            if self.dice.chance(40) {
                let whom = self.other_than(&[0, who]);
                self.say_on(&mut thief, who, device, post.1, Body::Revoke { principal: self.organisation(whom), keep: Vec::new() });
            } else if who == 0 && self.dice.chance(20) {
                self.say_on(&mut thief, who, device, post.1, Body::Erase);
            } else {
                self.work_on(&mut thief, post);
            }
        }
        let evict_first = self.dice.chance(30);
        if evict_first {
            self.evict_from_above(post);
        }
        let view = std::mem::take(&mut self.views[who]);
        let principal = Principal::Device(self.cast.members[who].device(device));
        let keep = self.keep(&view, &principal, false);
        let word = author::control(&view, &self.root(who), Body::Revoke { principal, keep });
        self.views[who] = view;
        let word = self.publish(Some(who), word.ok()?);
        if self.dice.chance(50) {
            self.hear(0, self.closure(vec![self.place[&word]]));
        }
        if !evict_first && self.dice.chance(50) {
            self.evict_from_above(post);
        }
        self.device[who] = 1 - device;
        self.work(post);
        Some(())
    }

    /// The owner's device that began the document says that the other one may not act. That one acts nevertheless, and says
    /// the same of the first; the root key may speak of either.
    fn bar(&mut self) -> Option<()> {
        let genesis = self.log.first()?.id();
        let [first, other] = [0, 1].map(|device| Principal::Device(self.cast.members[0].device(device)));
        let mut unaware = self.old_view(0);
        let keep = if self.dice.chance(30) { self.keep(&unaware, &other, true) } else { Vec::new() };
        let barred = self.say(0, 0, genesis, Body::Revoke { principal: other, keep })?;
        for _ in 0..=self.dice.below(2) {
            let whom = self.other_than(&[0]);
            let body = match self.dice.below(3) {
                0 => Body::Revoke { principal: first, keep: Vec::new() },
                1 => Body::Revoke { principal: self.organisation(whom), keep: Vec::new() },
                _ => self.a_grant(whom, Role::Admin),
            };
            let is_grant = matches!(body, Body::Grant { .. });
            if let (Some(given), true) = (self.say_on(&mut unaware, 0, 1, genesis, body), is_grant) {
                self.work_on(&mut unaware, (whom, given));
            }
        }
        if self.dice.chance(40) {
            // By whoever knows it may not.
            self.say(0, 1, genesis, self.a_grant(1, Role::Read));
        }
        if self.dice.chance(50) {
            let principal = if self.dice.chance(70) { first } else { other };
            let view = if self.dice.chance(50) { self.old_view(0) } else { self.view_of(self.closure(vec![self.place[&barred]])) };
            let keep = if self.dice.chance(50) { self.keep(&view, &principal, false) } else { Vec::new() };
            let word = author::control(&view, &self.root(0), Body::Revoke { principal, keep }).ok()?;
            self.publish(Some(0), word);
        }
        Some(())
    }

    fn evict_from_above(&mut self, (who, _): Post) -> Option<EntryId> {
        let above = if self.dice.chance(70) { self.post(0, Role::Admin) } else { self.some_post(Role::Admin, &[who]) }?;
        self.evict(above, self.organisation(who))
    }

    /// Two or three who gave each other their rights take them from each other at the same time.
    fn quarrel(&mut self) -> Option<()> {
        let first = self.some_post(Role::Admin, &[])?;
        let mut ring = vec![first];
        for _ in 0..=self.dice.below(2) {
            let (giver, under) = *ring.last()?;
            let to = self.other_than(&ring.iter().map(|(who, _)| *who).collect::<Vec<_>>());
            let given = self.say(giver, self.device[giver], under, self.a_grant(to, Role::Admin))?;
            self.hear_all(to);
            // Often it has a right by somebody else too, and gives by that.
            let by_other = if self.dice.chance(50) { self.post(to, Role::Admin) } else { None };
            ring.push(by_other.unwrap_or((to, given)));
        }
        // The last gives to the first, so that all are below all.
        let (last, by_last) = *ring.last()?;
        let back = self.say(last, self.device[last], by_last, self.a_grant(first.0, Role::Admin))?;
        for (who, _) in &ring {
            self.hear_all(*who);
        }
        let mut views: Vec<Access> = ring.iter().map(|(who, _)| self.old_view(*who)).collect();
        for at in 0..ring.len() {
            let (who, under) = if at == 0 && self.dice.chance(50) { (first.0, back) } else { ring[at] };
            // In a ring, or each the one who gave to it.
            let next = if self.dice.chance(70) { (at + 1) % ring.len() } else { (at + ring.len() - 1) % ring.len() };
            let principal = self.organisation(ring[next].0);
            let keep = self.keep(&views[at], &principal, false);
            let device = self.device[who];
            self.say_on(&mut views[at], who, device, under, Body::Revoke { principal, keep });
        }
        Some(())
    }

    /// An author goes on from one entry twice, and somebody above keeps one branch.
    fn fork(&mut self) -> Option<()> {
        let post = self.some_post(Role::Admin, &[])?;
        let mut branches = [self.old_view(post.0), self.old_view(post.0)];
        for branch in &mut branches {
            for _ in 0..=self.dice.below(2) {
                if self.dice.chance(50) {
                    let whom = self.other_than(&[0, post.0]);
                    let keep = branch.keep_all_of(&self.cast.members[whom].id);
                    let device = self.device[post.0];
                    self.say_on(branch, post.0, device, post.1, Body::Revoke { principal: self.organisation(whom), keep });
                } else {
                    self.work_on(branch, post);
                }
            }
        }
        self.hear_all(0);
        if post.0 != 0 && self.dice.chance(60) {
            self.evict_from_above(post);
        }
        Some(())
    }

    /// A revocation that keeps what is not its principal's, not known, or not there.
    fn keep_badly(&mut self) -> Option<()> {
        let evictor = self.some_post(Role::Admin, &[])?;
        let whom = self.other_than(&[0, evictor.0]);
        let mut keep: Vec<Keep> = Vec::new();
        for (device, plane) in [(0, Plane::Control), (0, Plane::Content), (1, Plane::Content)] {
            let author = Author::Device(self.cast.members[whom].device(device));
            let ids: Vec<EntryId> = self.log.iter().filter(|entry| entry.header().plane() == plane).map(|entry| entry.id()).collect();
            let theirs = |id: &&EntryId| self.log[self.place[*id]].header().author == author;
            let own: Vec<EntryId> = ids.iter().filter(theirs).copied().collect();
            let from = if plane == Plane::Control && self.dice.chance(70) || self.dice.chance(50) { &own } else { &ids };
            if let (Some(entry), true) = (self.dice.pick(from).copied(), self.dice.chance(60)) {
                keep.push(Keep { author, plane, entry });
            }
        }
        self.hear_all(evictor.0);
        self.say(evictor.0, self.device[evictor.0], evictor.1, Body::Revoke { principal: self.organisation(whom), keep })?;
        Some(())
    }

    /// Revisions on each other's revisions. One of the authors is evicted and not all of its work kept; some build on.
    fn build(&mut self) -> Option<()> {
        for _ in 0..2 + self.dice.below(3) {
            let post = self.some_post(Role::Write, &[])?;
            self.hear_all(post.0);
            self.work(post);
        }
        let fallen = self.some_post(Role::Write, &[0])?;
        let builder = self.some_post(Role::Write, &[fallen.0])?;
        self.hear_all(builder.0);
        let mut unaware = self.old_view(builder.0);
        self.evict_from_above(fallen);
        self.work_on(&mut unaware, builder);
        self.work(builder);
        Some(())
    }

    /// The content is ordered destroyed; who obeys says so, whether its right holds or not.
    fn erase(&mut self) -> Option<()> {
        let owner = self.post(0, Role::Admin)?;
        let erase = self.say(0, self.device[0], owner.1, Body::Erase)?;
        for who in 1..self.cast.members.len() {
            self.hear_all(who);
            let ever = self.views[who].rows().into_iter().find(|row| row.who == self.subject(who));
            if let (Some(row), true) = (ever, self.dice.chance(60)) {
                self.say(who, self.device[who], row.entry, Body::Receipt { erase });
            }
        }
        Some(())
    }
}
