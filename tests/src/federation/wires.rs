//! Sessions that open and end, and frames on their way.

use super::frames::{self, Frame};
use super::world::{Event, World};
use csu_protocol::sync::Input;

/// Sessions in a row that came to nothing, after which nobody dials any more until something changes.
const TRIES: u32 = 8;

impl World {
    /// Sends a frame in the session that `from` believes in.
    pub(super) fn transmit(&mut self, from: usize, to: usize, frame: Frame) {
        let number = self.link(from, to);
        let link = &mut self.links[number];
        let side = link.side(from);
        let Some(session) = link.session[side] else { return };
        self.laws.tells(from, to, &frame);
        let (taken, arrives) = link.send(side, frame, self.now_ms, &mut self.dice);
        self.at(taken, Event::Taken { link: number, side, session });
        self.at(arrives, Event::Arrive { link: number, side: 1 - side, session });
    }

    pub(super) fn arrive(&mut self, number: usize, side: usize, session: u64) {
        let link = &mut self.links[number];
        if link.carries != Some(session) {
            return;
        }
        if self.now_ms < link.stalled_until {
            let at = link.stalled_until;
            return self.at(at, Event::Arrive { link: number, side, session });
        }
        let Some(frame) = link.queue[side].pop_front() else { return };
        if link.session[side] != Some(session) {
            return;
        }
        if self.plan.is_sound() {
            self.memo.read(&frame);
        }
        let (to, from) = (link.ends[side], link.ends[1 - side]);
        self.laws.arrives((&self.members[from], &self.members[to]), &frame, link);
        if let Some(liar) = self.liars.get_mut(&to) {
            liar.hear(&frame);
        }
        if self.greedy == Some(to)
            && let Some((document, plane)) = frame.serves()
        {
            self.transmit(to, from, Frame::new(frames::have_nothing(document, plane)));
        }
        let device = self.members[from].device();
        self.input(
            to,
            match frame.into_message() {
                Ok(message) => Input::Received(device, message),
                Err(error) => Input::Refused(device, error),
            },
        );
    }

    /// Bytes that were ever sent to a member.
    pub(super) fn sent_to(&self, member: usize) -> u64 {
        self.links_of[member].iter().map(|link| &self.links[*link]).map(|link| link.bytes[link.side(member)]).sum()
    }

    /// A connection took a frame of an end, if it moves at all.
    pub(super) fn taken(&mut self, number: usize, side: usize, session: u64) {
        let link = &self.links[number];
        let (member, peer) = (link.ends[side], link.ends[1 - side]);
        if link.session[side] != Some(session) || link.carries != Some(session) {
            return;
        }
        if self.now_ms < link.stalled_until {
            let at = link.stalled_until;
            return self.at(at, Event::Taken { link: number, side, session });
        }
        self.input(member, Input::Sent(self.members[peer].device(), 1));
    }

    /// Nothing moves on a link for so long, and nobody is told.
    pub(super) fn stall(&mut self, number: usize, ms: u64) {
        self.laws.figures.stalls += 1;
        let link = &mut self.links[number];
        link.stalled_until = link.stalled_until.max(self.now_ms + ms);
    }

    /// Those on one side of a cut reach nobody on the other, for so long.
    pub(super) fn part(&mut self, side: u64, ms: u64) {
        self.laws.figures.partitions += 1;
        for link in 0..self.links.len() {
            let [one, other] = self.links[link].ends.map(|end| side >> (end % 64) & 1);
            if one != other {
                self.fall(link, ms);
            }
        }
    }

    /// Ends the session of one end, which says so; what it sent still arrives, or not.
    pub(super) fn close(&mut self, number: usize, by: usize) {
        let link = &mut self.links[number];
        let side = link.side(by);
        let Some(session) = link.session[side].take() else { return };
        if self.dice.chance(50) {
            let at = link.last_arrival[1 - side];
            self.at(at, Event::Lost { link: number, side: 1 - side, session });
        } else {
            self.cut(number);
        }
    }

    /// Ends the session at once. Who still believes in it finds out in its own time.
    pub(super) fn cut(&mut self, number: usize) {
        let link = &mut self.links[number];
        let sessions = link.session;
        link.carries = None;
        for (side, session) in sessions.into_iter().enumerate() {
            if let Some(session) = session {
                let delay = if self.dice.chance(50) { self.dice.below(50) } else { self.dice.below(20_000) };
                self.after(delay as u64, Event::Lost { link: number, side, session });
            }
        }
        self.redial(number);
    }

    pub(super) fn lose(&mut self, number: usize, side: usize, session: u64) {
        let link = &mut self.links[number];
        if link.session[side] != Some(session) {
            // Both may have ended it, each before it heard of the other.
            if link.carries == Some(session) && !link.session.contains(&Some(session)) {
                link.carries = None;
                self.redial(number);
            }
            return;
        }
        link.session[side] = None;
        if link.carries == Some(session) {
            link.carries = None;
        }
        let (member, peer) = (link.ends[side], link.ends[1 - side]);
        self.input(member, Input::Disconnected(self.members[peer].device()));
        self.redial(number);
    }

    pub(super) fn fall(&mut self, number: usize, ms: u64) {
        if std::mem::replace(&mut self.links[number].up, false) {
            self.laws.figures.falls += 1;
            self.cut(number);
            self.after(ms, Event::Rise(number));
        }
    }

    /// Dials again after a while, the longer the more often it came to nothing.
    pub(super) fn redial(&mut self, number: usize) {
        let link = &mut self.links[number];
        if link.tries > TRIES || !link.up || link.carries.is_some() {
            return;
        }
        let delay = (200 << link.tries) + self.dice.below(300) as u64;
        let at = self.now_ms + delay;
        if link.dial_at.is_none_or(|earlier| earlier < self.now_ms || at < earlier) {
            link.dial_at = Some(at);
            self.at(at, Event::Dial(number));
        }
    }

    pub(super) fn dial(&mut self, number: usize) {
        let link = &self.links[number];
        if link.dial_at != Some(self.now_ms) || link.carries.is_some() || !link.up {
            return;
        }
        let [one, other] = link.ends;
        let (Some(first), Some(second)) = (&self.members[one].machine, &self.members[other].machine) else { return };
        let wanted = [(first, other), (second, one)].into_iter().any(|(machine, peer)| {
            let device = self.members[peer].device();
            machine.targets().iter().any(|(target, _)| *target == device)
        });
        if !wanted {
            return;
        }
        self.laws.figures.sessions += 1;
        let link = &mut self.links[number];
        // Whoever kept a session up for a while may try as often again.
        link.tries = if self.now_ms.saturating_sub(link.opened_ms) > 30_000 { 0 } else { link.tries + 1 };
        link.open(self.now_ms);
        for (member, peer) in [(one, other), (other, one)] {
            self.input(member, Input::Connected(self.members[peer].device()));
        }
    }
}
