//! Virtual time: what happens when, and what follows from it.

use super::deeds::Deed;
use super::disk::{Disk, DiskError};
use super::figures::Figures;
use super::frames::{Frame, Memo};
use super::laws::{Laws, Watch};
use super::liar::Liar;
use super::link::Link;
use super::member::{Member, SKEW_DAYS};
use super::plan::Plan;
use crate::history::Dice;
use csu_protocol::id::{DeviceId, OrganisationId};
use csu_protocol::sync::{Budget, Input, Notice, Output, Parting};
use std::collections::BTreeMap;

/// A node looks at its machine at least as often as this.
const LONGEST_SLEEP_MS: u64 = 60_000;

/// What is going to happen.
#[derive(Debug)]
pub(super) enum Event {
    /// A node looks at what came.
    Work(usize),
    /// A node is to be told that time passed.
    Tick(usize),
    /// A frame reaches an end of a link.
    Arrive { link: usize, side: usize, session: u64 },
    /// A connection took a frame of this end.
    Taken { link: usize, side: usize, session: u64 },
    /// An end learns that its session is over.
    Lost { link: usize, side: usize, session: u64 },
    /// The ends of a link try to connect.
    Dial(usize),
    /// A link falls, for so long.
    Fall(usize, u64),
    /// It is there again.
    Rise(usize),
    /// Nothing moves on a link, for so long.
    Stall(usize, u64),
    /// The federation falls in two, by the bits of a number, for so long.
    Part(u64, u64),
    /// A clock is put forward, or back, by so much.
    Jump { member: usize, forward: bool, ms: u64 },
    /// Somebody does something.
    Deed(usize),
    /// Somebody issues a bulletin that anyone may read.
    Issue(usize),
    /// A node crashes, and is down for so long.
    Crash(usize, u64),
    /// It starts again.
    Start(usize),
    /// An operator looks at a pairing that began.
    Confirm { member: usize, peer: usize },
    /// Operators at the ends of a link do something about it.
    Operate(usize),
    /// A liar does something that no honest node does.
    Mischief(usize),
}

/// What a node holds back until what came before it is committed.
#[derive(Debug)]
pub(super) enum Held {
    Send(usize, Frame),
    Disconnect(usize, Parting),
    Targets,
}

/// A federation.
#[derive(Debug)]
pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) now_ms: u64,
    events: BTreeMap<(u64, u64), Event>,
    scheduled: u64,
    pub(super) dice: Dice,
    pub(super) members: Vec<Member>,
    pub(super) liars: BTreeMap<usize, Liar>,
    pub(super) links: Vec<Link>,
    /// The link between two, the lower number first, and the links of each.
    between: BTreeMap<(usize, usize), usize>,
    pub(super) links_of: Vec<Vec<usize>>,
    devices: BTreeMap<DeviceId, usize>,
    pub(super) everybody: Vec<OrganisationId>,
    pub(super) laws: Laws,
    /// Whether things go wrong.
    pub(super) in_trouble: bool,
    /// How many bytes a node sends in a millisecond of its own time; none if that takes no time.
    pub(super) pace: Option<u64>,
    pub(super) memo: Memo,
    /// Who asks for everything again as soon as it was answered.
    pub(super) greedy: Option<usize>,
}

impl World {
    pub(super) fn new(plan: Plan) -> Self {
        let mut dice = Dice::new("federation: events", plan.seed);
        let day_ms = 86_400_000;
        let member = |number| {
            let skew_ms = dice.below(2 * SKEW_DAYS as usize * day_ms) as u64;
            let disk = if plan.is_sound() { Disk::default() } else { Disk::that_forgets() };
            let mut member = Member::new(plan.seed, number, skew_ms, plan.budget, disk);
            member.honest = !plan.liars.contains(&number);
            member
        };
        let members: Vec<Member> = (0..plan.members).map(member).collect();
        let watch = if plan.is_sound() { Watch::Figures } else { Watch::Laws };
        let mut laws = Laws::new(watch, members.iter().filter(|member| member.honest).map(Member::device).collect());
        laws.figures.with_liars = u64::from(!plan.liars.is_empty());
        let mut links_of = vec![Vec::new(); plan.members];
        for (link, (one, other)) in plan.links.iter().enumerate() {
            links_of[*one].push(link);
            links_of[*other].push(link);
        }
        Self {
            now_ms: 0,
            events: BTreeMap::new(),
            scheduled: 0,
            liars: plan.liars.iter().map(|number| (*number, Liar::new(&mut dice))).collect(),
            links: plan.links.iter().map(|(one, other)| Link::new(*one, *other)).collect(),
            between: plan.links.iter().enumerate().map(|(link, ends)| (*ends, link)).collect(),
            links_of,
            devices: members.iter().map(|member| (member.device(), member.number)).collect(),
            everybody: members.iter().map(|member| member.organisation).collect(),
            dice,
            members,
            laws,
            in_trouble: false,
            pace: None,
            memo: Memo::default(),
            greedy: None,
            plan,
        }
    }

    pub(super) fn at(&mut self, at_ms: u64, event: Event) {
        self.scheduled += 1;
        self.events.insert((at_ms.max(self.now_ms), self.scheduled), event);
    }

    pub(super) fn after(&mut self, ms: u64, event: Event) {
        self.at(self.now_ms + ms, event);
    }

    /// Lets everything happen until a time, or until nothing more is going to before it. Whether something is left.
    pub(super) fn run_until(&mut self, until_ms: u64) -> bool {
        while let Some(entry) = self.events.first_entry() {
            if entry.key().0 > until_ms {
                self.now_ms = until_ms;
                return true;
            }
            let ((at, _), event) = entry.remove_entry();
            self.now_ms = at;
            self.happen(event);
        }
        self.now_ms = until_ms;
        false
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Work(member) => self.work(member, |_, _| ()),
            Event::Tick(member) => {
                if self.members[member].tick_at.take_if(|at| *at <= self.now_ms).is_some() {
                    self.input(member, Input::Tick);
                }
            }
            Event::Arrive { link, side, session } => self.arrive(link, side, session),
            Event::Taken { link, side, session } => self.taken(link, side, session),
            Event::Lost { link, side, session } => self.lose(link, side, session),
            Event::Dial(link) => self.dial(link),
            Event::Fall(link, ms) => self.fall(link, ms),
            Event::Rise(link) => {
                self.links[link].up = true;
                self.redial(link);
            }
            Event::Stall(link, ms) => self.stall(link, ms),
            Event::Part(side, ms) => self.part(side, ms),
            Event::Jump { member, forward, ms } => {
                self.laws.figures.jumps += 1;
                self.members[member].put_clock(forward, ms);
                self.schedule_tick(member);
            }
            Event::Deed(member) => self.work(member, Self::deed),
            Event::Issue(member) => self.work(member, Self::issue),
            Event::Crash(member, ms) => self.crash(member, ms),
            Event::Start(member) => self.start(member),
            Event::Confirm { member, peer } => self.confirm(member, peer),
            Event::Operate(link) => self.operate(link),
            Event::Mischief(member) => self.mischief(member),
        }
    }

    pub(super) fn input(&mut self, member: usize, input: Input) {
        if self.members[member].machine.is_some() {
            self.members[member].inbox.push(input);
            let delay = self.dice.below(self.plan.reaction_ms) as u64;
            self.schedule_work(member, delay);
        }
    }

    fn schedule_work(&mut self, member: usize, delay_ms: u64) {
        if self.members[member].work_at.is_none() {
            let at = self.members[member].busy_until.max(self.now_ms + delay_ms);
            self.members[member].work_at = Some(at);
            self.at(at, Event::Work(member));
        }
    }

    /// A node takes what came, does what it is told, writes, commits, and only then lets out what is to be sent.
    pub(super) fn work(&mut self, number: usize, then: impl FnOnce(&mut Self, usize)) {
        self.members[number].work_at = None;
        if self.members[number].machine.is_none() {
            return;
        }
        if self.in_trouble && self.dice.below(1_000) < self.plan.disk_errors {
            let times = self.dice.below(8);
            self.members[number].disk.fail_after(times);
        }
        let now = self.members[number].clock(self.now_ms);
        for input in std::mem::take(&mut self.members[number].inbox) {
            if let Input::Sent(device, frames) = input {
                let link = self.link(number, self.devices[&device]);
                let side = self.links[link].side(number);
                let in_flight = &mut self.links[link].in_flight[side];
                in_flight.drain(..frames.min(in_flight.len()));
            }
            if self.members[number].handle(now, input).is_err() {
                return self.fail(number);
            }
        }
        then(self, number);
        let Ok(held) = self.pump(number) else { return self.fail(number) };
        let dirty = self.in_trouble && self.members[number].disk.is_dirty();
        if dirty && self.dice.chance(1) {
            // Before the commit: nobody heard of any of it.
            return self.crash(number, 1_000);
        }
        let Ok(published) = self.members[number].commit() else { return self.fail(number) };
        self.members[number].disk.mend();
        if self.members[number].honest {
            self.laws.acknowledges(&self.members[number], &published);
        }
        if dirty && self.dice.chance(1) {
            // After the commit, and before all that is to be sent has left.
            let left = self.dice.below(held.len() + 1);
            self.release(number, held.into_iter().take(left));
            return self.crash(number, 1_000);
        }
        if let Some(pace) = self.pace {
            let bytes: usize = held.iter().map(|held| if let Held::Send(_, frame) = held { frame.bytes.len() } else { 0 }).sum();
            self.members[number].busy_until = self.now_ms + bytes as u64 / pace;
        }
        self.release(number, held);
        self.laws.is_within_bounds(&self.members[number], &self.everybody);
        self.schedule_tick(number);
    }

    /// A node whose disk failed forgets everything since the last commit, in storage and in memory, as `csu` does.
    fn fail(&mut self, number: usize) {
        self.laws.figures.disk_errors += 1;
        if self.dice.chance(20) {
            // What is on disk cannot be read either, for a while.
            return self.crash(number, 5_000);
        }
        // It goes on at once, in new sessions.
        self.go_down(number);
        self.start(number);
    }

    fn schedule_tick(&mut self, number: usize) {
        let member = &mut self.members[number];
        let Some(at) = member.machine.as_ref().and_then(|machine| machine.wake_at()) else { return };
        let at = member.when(at, self.now_ms);
        // A node whose clock was put back does not sleep until the time comes again.
        let at = if member.jumped { at.min(self.now_ms + LONGEST_SLEEP_MS) } else { at };
        if member.tick_at.is_none_or(|earlier| at < earlier) {
            member.tick_at = Some(at);
            self.at(at, Event::Tick(number));
        }
    }

    /// Applies what the machine orders written, and holds the rest back.
    fn pump(&mut self, number: usize) -> Result<Vec<Held>, DiskError> {
        let mut held = Vec::new();
        let now = self.members[number].clock(self.now_ms);
        loop {
            let output = self.members[number].poll_output(now).map_err(|_| DiskError)?;
            match output {
                None => return Ok(held),
                Some(Output::Write(write)) => self.members[number].disk.write(write)?,
                Some(Output::Notice(notice)) => self.note(number, notice),
                Some(Output::Send(device, bytes)) => self.check(number, &mut held, device, bytes),
                Some(Output::Disconnect(device, parting)) => held.push(Held::Disconnect(self.devices[&device], parting)),
                Some(Output::Targets) => held.push(Held::Targets),
            }
        }
    }

    /// Holds a frame against the laws at the moment at which the machine wants it sent.
    fn check(&mut self, number: usize, held: &mut Vec<Held>, device: DeviceId, bytes: Vec<u8>) {
        let peer = self.devices[&device];
        let link = self.link(number, peer);
        let link = &mut self.links[link];
        let side = link.side(number);
        let frame = Frame::new(bytes);
        self.laws.sends(self.now_ms, (&self.members[number], &self.members[peer]), &frame, link);
        link.in_flight[side].push_back(frame.bytes.len());
        held.push(Held::Send(peer, frame));
    }

    pub(super) fn link(&self, one: usize, other: usize) -> usize {
        *self.between.get(&(one.min(other), one.max(other))).expect("only who has a link connects")
    }

    fn note(&mut self, number: usize, notice: Notice) {
        match notice {
            Notice::Fault { device, fault, .. } => {
                let peer = self.devices.get(&device).copied();
                let slow = self.in_trouble || peer.is_some_and(|peer| self.now_ms < self.links[self.link(number, peer)].slow_until);
                self.laws.faulted(&self.members[number], peer.map(|peer| &self.members[peer]), &fault, slow);
            }
            Notice::Pairing(organisation) => {
                if let Some(peer) = self.everybody.iter().position(|known| *known == organisation) {
                    let delay = self.dice.below(5_000) as u64;
                    self.after(delay, Event::Confirm { member: number, peer });
                }
            }
            Notice::Declined { document, organisation } => {
                let room = self.plan.budget == Budget::default() && self.members[number].honest;
                assert!(!room, "a law is broken: {number} declines what it has room for");
                self.laws.declined(self.members[number].organisation, organisation, document);
            }
            Notice::Changed { entries, from, .. } => self.laws.changed(self.now_ms, &entries, from.is_some()),
            Notice::Disclosed { .. }
            | Notice::InSync(_)
            | Notice::Card(_)
            | Notice::Successor { .. }
            | Notice::Replaced
            | Notice::Reconciled(_) => {}
        }
    }

    fn release(&mut self, number: usize, held: impl IntoIterator<Item = Held>) {
        for output in held {
            match output {
                Held::Send(peer, frame) => match self.liars.get_mut(&number) {
                    Some(liar) => {
                        for frame in liar.meddle(frame) {
                            self.transmit(number, peer, frame);
                        }
                    }
                    None => self.transmit(number, peer, frame),
                },
                Held::Disconnect(peer, parting) => {
                    let link = self.link(number, peer);
                    if parting == Parting::Fault {
                        self.links[link].tries += 3;
                    }
                    self.close(link, number);
                    let (now, device) = (self.members[number].clock(self.now_ms), self.members[peer].device());
                    self.members[number].forget(now, device);
                }
                Held::Targets => {
                    for link in self.links_of[number].clone() {
                        self.links[link].tries = 0;
                        self.redial(link);
                    }
                }
            }
        }
    }

    fn deed(&mut self, number: usize) {
        self.laws.trace(self.now_ms, number, number, b"deed");
        let now = self.members[number].clock(self.now_ms);
        let mut deed =
            Deed { member: &mut self.members[number], now, everybody: &self.everybody, dice: &mut self.dice, laws: &mut self.laws };
        deed.any(&self.plan);
    }

    fn crash(&mut self, number: usize, ms: u64) {
        if self.members[number].machine.is_none() {
            return;
        }
        self.laws.figures.crashes += 1;
        self.go_down(number);
        self.after(ms, Event::Start(number));
    }

    /// A node is no more, but what it committed.
    fn go_down(&mut self, number: usize) {
        self.members[number].crash();
        for link in self.links_of[number].clone() {
            let side = self.links[link].side(number);
            self.links[link].session[side] = None;
            self.cut(link);
        }
    }

    pub(super) fn start(&mut self, number: usize) {
        if self.members[number].machine.is_some() {
            return;
        }
        self.members[number].start();
        self.laws.nothing_is_lost(&self.members[number]);
        self.schedule_tick(number);
        for link in self.links_of[number].clone() {
            self.redial(link);
        }
    }

    pub(super) fn figures(self) -> Figures {
        self.laws.figures
    }
}
