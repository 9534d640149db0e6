//! Virtual time: what happens when, and what follows from it.

use super::deeds::Deed;
use super::figures::Figures;
use super::frames::Frame;
use super::laws::Laws;
use super::liar::Liar;
use super::link::Link;
use super::member::{Member, SKEW_DAYS};
use super::plan::Plan;
use crate::history::Dice;
use csu_protocol::id::{DeviceId, OrganisationId};
use csu_protocol::sync::{Input, Notice, Output, Parting};
use std::collections::BTreeMap;

/// What is going to happen.
#[derive(Debug)]
pub(super) enum Event {
    /// A node looks at what came.
    Work(usize),
    /// A node is to be told that time passed.
    Tick(usize),
    /// A frame reaches an end of a link.
    Arrive { link: usize, side: usize, session: u64, frame: Box<Frame> },
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
    /// Somebody does something.
    Deed(usize),
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
enum Held {
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
    devices: BTreeMap<DeviceId, usize>,
    pub(super) everybody: Vec<OrganisationId>,
    pub(super) laws: Laws,
    /// Whether things go wrong.
    pub(super) in_trouble: bool,
}

impl World {
    pub(super) fn new(plan: Plan) -> Self {
        let mut dice = Dice::new("federation: events", plan.seed);
        let day_ms = 86_400_000;
        let member =
            |number| Member::new(plan.seed, number, !plan.liars.contains(&number), dice.below(2 * SKEW_DAYS as usize * day_ms) as u64);
        let members: Vec<Member> = (0..plan.members).map(member).collect();
        let mut laws = Laws::new();
        laws.figures.with_liars = u64::from(!plan.liars.is_empty());
        Self {
            now_ms: 0,
            events: BTreeMap::new(),
            scheduled: 0,
            liars: plan.liars.iter().map(|number| (*number, Liar::new(&mut dice))).collect(),
            links: plan.links.iter().map(|(one, other)| Link::new(*one, *other)).collect(),
            devices: members.iter().map(|member| (member.device(), member.number)).collect(),
            everybody: members.iter().map(|member| member.organisation).collect(),
            dice,
            members,
            laws,
            in_trouble: false,
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
            Event::Arrive { link, side, session, frame } => self.arrive(link, side, session, *frame),
            Event::Taken { link, side, session } => {
                let [one, other] = self.links[link].ends;
                let (member, peer) = if side == 0 { (one, other) } else { (other, one) };
                if self.links[link].session[side] == Some(session) && self.links[link].carries == Some(session) {
                    self.input(member, Input::Sent(self.members[peer].device(), 1));
                }
            }
            Event::Lost { link, side, session } => self.lose(link, side, session),
            Event::Dial(link) => self.dial(link),
            Event::Fall(link, ms) => self.fall(link, ms),
            Event::Rise(link) => {
                self.links[link].up = true;
                self.redial(link);
            }
            Event::Deed(member) => self.work(member, Self::deed),
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
            let delay = self.dice.below(15) as u64;
            self.schedule_work(member, delay);
        }
    }

    fn schedule_work(&mut self, member: usize, delay_ms: u64) {
        if self.members[member].work_at.is_none() {
            self.members[member].work_at = Some(self.now_ms + delay_ms);
            self.after(delay_ms, Event::Work(member));
        }
    }

    /// A node takes what came, does what it is told, writes, commits, and only then lets out what is to be sent.
    pub(super) fn work(&mut self, number: usize, then: impl FnOnce(&mut Self, usize)) {
        let now_ms = self.now_ms;
        let member = &mut self.members[number];
        member.work_at = None;
        let now = member.clock(now_ms);
        let Some(machine) = &mut member.machine else { return };
        for input in std::mem::take(&mut member.inbox) {
            if let Input::Sent(device, frames) = input {
                let link = self.links.iter_mut().find(|link| link.ends.contains(&number) && link.ends.contains(&self.devices[&device]));
                let side = link.as_ref().map_or(0, |link| link.side(number));
                link.into_iter().for_each(|link| drop(link.in_flight[side].drain(..frames.min(link.in_flight[side].len()))));
            }
            machine.handle(now, input, &member.store).expect("memory can be read");
        }
        then(self, number);
        let held = self.pump(number);
        if self.in_trouble && self.dice.chance(1) && self.members[number].is_dirty() {
            // Before the commit: nobody heard of any of it.
            return self.crash(number, 1_000);
        }
        let count = self.members[number].published.len() as u64;
        if self.members[number].honest {
            self.laws.figures.published += count;
        }
        self.members[number].commit();
        self.release(number, held);
        self.laws.is_within_bounds(&self.members[number], &self.everybody);
        self.schedule_tick(number);
    }

    fn schedule_tick(&mut self, number: usize) {
        let member = &mut self.members[number];
        let Some(at) = member.machine.as_ref().and_then(|machine| machine.wake_at()) else { return };
        let at = member.when(at, self.now_ms);
        if member.tick_at.is_none_or(|earlier| at < earlier) {
            member.tick_at = Some(at);
            self.at(at, Event::Tick(number));
        }
    }

    /// Applies what the machine orders written, and holds the rest back.
    fn pump(&mut self, number: usize) -> Vec<Held> {
        let mut held = Vec::new();
        let now = self.members[number].clock(self.now_ms);
        loop {
            let member = &mut self.members[number];
            let Some(machine) = &mut member.machine else { return Vec::new() };
            let output = machine.poll_output(now, &member.store).expect("memory can be read");
            match output {
                None => return held,
                Some(Output::Write(write)) => member.write(write),
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
        let frame = Frame::read(bytes);
        self.laws.sends(self.now_ms, (&self.members[number], &self.members[peer]), &frame, link);
        link.in_flight[side].push_back(frame.bytes.len());
        held.push(Held::Send(peer, frame));
    }

    pub(super) fn link(&self, one: usize, other: usize) -> usize {
        let found = self.links.iter().position(|link| link.ends.contains(&one) && link.ends.contains(&other));
        found.expect("only who has a link connects")
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
            Notice::Declined { .. } => assert!(!self.members[number].honest, "a law is broken: {number} declines what it has room for"),
            Notice::Changed { .. }
            | Notice::Disclosed { .. }
            | Notice::InSync(_)
            | Notice::Card(_)
            | Notice::Successor { .. }
            | Notice::Replaced
            | Notice::Reconciled(_) => {}
        }
    }

    fn release(&mut self, number: usize, held: Vec<Held>) {
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
                    let Member { machine, store, .. } = &mut self.members[number];
                    if let Some(machine) = machine {
                        machine.handle(now, Input::Disconnected(device), store).expect("memory can be read");
                    }
                }
                Held::Targets => {
                    for link in 0..self.links.len() {
                        if self.links[link].ends.contains(&number) {
                            self.links[link].tries = 0;
                            self.redial(link);
                        }
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
        self.members[number].crash();
        for link in 0..self.links.len() {
            if self.links[link].ends.contains(&number) {
                let side = self.links[link].side(number);
                self.links[link].session[side] = None;
                self.cut(link);
            }
        }
        self.after(ms, Event::Start(number));
    }

    pub(super) fn start(&mut self, number: usize) {
        if self.members[number].machine.is_some() {
            return;
        }
        self.members[number].start();
        self.laws.nothing_is_lost(&self.members[number]);
        self.schedule_tick(number);
        for link in 0..self.links.len() {
            if self.links[link].ends.contains(&number) {
                self.redial(link);
            }
        }
    }

    pub(super) fn figures(self) -> Figures {
        self.laws.figures
    }
}
