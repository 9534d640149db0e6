//! The course of one simulation: founded, then trouble and healing by turns.

use super::world::{Event, World};

/// How long after healing everything must be said, in virtual milliseconds.
const PATIENCE_MS: u64 = 3_600_000;
/// How long after that everything must be silent.
const SILENCE_MS: u64 = 3_600_000;

impl World {
    /// Runs everything.
    pub(super) fn live(&mut self) {
        for member in 0..self.members.len() {
            self.start(member);
        }
        for link in 0..self.links.len() {
            self.links[link].be_quick(&mut self.dice);
            let [one, other] = self.links[link].ends;
            self.pair(one, other);
        }
        self.settle();
        for _ in 0..self.plan.rounds {
            self.trouble();
            self.heal();
            self.settle();
        }
    }

    /// Ends the trouble: what fell is up, what crashed runs, and operators make most pairings whole. Links that stayed
    /// up stay as they are.
    fn heal(&mut self) {
        for link in 0..self.links.len() {
            // What crawls would crawl for hours. What is only slow arrives, and the session goes on.
            if self.links[link].rate < 50 {
                self.fall(link, 0);
            }
            self.links[link].be_patient(self.now_ms);
            self.links[link].be_quick(&mut self.dice);
            self.links[link].up = true;
        }
        for member in 0..self.members.len() {
            self.start(member);
            if std::mem::take(&mut self.members[member].jumped) {
                // What was not served while its clock was wrong is asked for as soon as it is set right.
                self.compare_again(member);
            }
        }
        for link in 0..self.links.len() {
            if self.dice.chance(85) {
                self.mend(link);
            }
            self.links[link].tries = 0;
            self.redial(link);
        }
        // Some are still at work while it heals.
        for _ in 0..self.dice.below(4) {
            let (member, ms) = (self.dice.below(self.members.len()), self.dice.below(3_000) as u64);
            self.after(ms, Event::Deed(member));
        }
        // Those who lie go on for a while, and then leave, or keep to the rules.
        // What was slow to begin with arrives.
        let arrived = self.links.iter().map(|link| link.slow_until).max().unwrap_or_default();
        self.run_until(arrived.max(self.now_ms + 30_000));
        self.in_trouble = false;
        self.laws.since_healing = 0;
        for link in 0..self.links.len() {
            // Whoever gave up dialling one whose disk failed again and again tries once more.
            self.links[link].tries = 0;
            self.redial(link);
        }
        let leave = self.dice.chance(50);
        for (number, liar) in &mut self.liars {
            liar.active = false;
            if leave {
                for link in &mut self.links {
                    if link.ends.contains(number) {
                        link.up = false;
                    }
                }
            }
        }
        for link in 0..self.links.len() {
            if self.links[link].ends.iter().any(|end| self.plan.liars.contains(end)) {
                self.cut(link);
            }
        }
    }

    /// A node sees that its clock was set.
    fn compare_again(&mut self, member: usize) {
        self.work(member, |world, member| {
            let now = world.members[member].clock(world.now_ms);
            if let Some(machine) = &mut world.members[member].machine {
                machine.compare_again(now);
            }
        });
    }

    /// Law: after the last deed there is silence, after few frames; and then neighbours agree.
    fn settle(&mut self) {
        self.run_until(self.now_ms + PATIENCE_MS);
        let frames = self.laws.since_healing;
        let allowed = self.allowed();
        assert!(frames <= allowed, "a law is broken: {frames} frames from healing to silence, and {allowed} are enough");
        self.laws.figures.worst_silence = self.laws.figures.worst_silence.max(frames * 1_000 / allowed);
        self.run_until(self.now_ms + SILENCE_MS);
        let late = self.laws.since_healing - frames;
        assert!(late == 0, "a law is broken: {late} frames after there should have been silence");
        for member in &self.members {
            assert!(
                member.machine.as_ref().is_none_or(csu_protocol::sync::Machine::is_idle),
                "a law is broken: something waits for nothing"
            );
            self.laws.nothing_is_lost(member);
            if self.plan.liars.is_empty() {
                self.laws.nobody_contradicts_itself(member);
            }
        }
        for link in &self.links {
            let [one, other] = link.ends;
            if link.up && self.members[one].honest && self.members[other].honest && self.are_paired(one, other) {
                self.laws.agree(&self.members[one], &self.members[other], self.now_ms);
                self.laws.agree(&self.members[other], &self.members[one], self.now_ms);
            }
        }
        self.laws.is_thrifty();
        self.laws.figures.settled += 1;
        self.laws.since_healing = 0;
        for liar in self.plan.liars.clone() {
            for link in self.links_of[liar].clone() {
                self.links[link].up = true;
                self.redial(link);
            }
        }
    }

    /// How many frames between honest nodes are enough for everything.
    fn allowed(&self) -> u64 {
        let documents = self.members.iter().filter_map(|member| member.machine.as_ref()).map(|machine| machine.documents().count());
        let documents = documents.max().unwrap_or(0) as u64;
        let links = self.links.len() as u64;
        links * (100 + 12 * documents)
    }
}
