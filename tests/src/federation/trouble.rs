//! What goes wrong in a time of trouble, and what people do meanwhile.

use super::world::{Event, World};

/// How far a clock is put forward or back at once.
const JUMP_DAYS: usize = 3;

impl World {
    /// Plans a time of trouble, and lets it happen.
    pub(super) fn trouble(&mut self) {
        self.in_trouble = true;
        self.liars.values_mut().for_each(|liar| liar.active = true);
        let (begin, length) = (self.now_ms, 60_000 + self.dice.below(540_000));
        let moments =
            |world: &mut Self, count: usize| -> Vec<u64> { (0..count).map(|_| begin + world.dice.below(length) as u64).collect() };
        for link in 0..self.links.len() {
            if self.dice.chance(if self.plan.long_entries { 70 } else { 30 }) {
                self.links[link].be_slow(&mut self.dice);
            }
        }
        for at in moments(self, self.plan.deeds) {
            let member = self.dice.below(self.members.len());
            // Several at about the same time, now and then.
            let at = if self.dice.chance(30) { begin + (at - begin) / 50_000 * 50_000 } else { at };
            self.at(at, Event::Deed(member));
        }
        for at in moments(self, self.plan.falls) {
            let (link, ms) = (self.dice.below(self.links.len()), self.dice.below(120_000) as u64);
            self.at(at, Event::Fall(link, ms));
        }
        for at in moments(self, self.plan.crashes) {
            let (member, ms) = (self.dice.below(self.members.len()), self.dice.below(60_000) as u64);
            self.at(at, Event::Crash(member, ms));
        }
        for at in moments(self, self.plan.operators) {
            let link = self.dice.below(self.links.len());
            self.at(at, Event::Operate(link));
        }
        for at in moments(self, self.plan.partitions) {
            let (side, ms) = (self.dice.below(usize::MAX) as u64, self.dice.below(300_000) as u64);
            self.at(at, Event::Part(side, ms));
        }
        for at in moments(self, self.plan.stalls) {
            let (link, ms) = (self.dice.below(self.links.len()), self.dice.below(90_000) as u64);
            self.at(at, Event::Stall(link, ms));
        }
        for at in moments(self, self.plan.jumps) {
            let (member, forward) = (self.dice.below(self.members.len()), self.dice.chance(50));
            let ms = self.dice.below(JUMP_DAYS * 86_400_000) as u64;
            self.at(at, Event::Jump { member, forward, ms });
        }
        for liar in self.plan.liars.clone() {
            let count = self.liars.get(&liar).map_or(0, |liar| liar.mischief);
            for at in moments(self, count) {
                self.at(at, Event::Mischief(liar));
            }
        }
        self.run_until(begin + length as u64);
    }
}
