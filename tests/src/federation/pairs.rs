//! What operators do: invite, join, confirm, pause, remove, and pair again.

use super::member::Member;
use super::world::World;
use csu_protocol::identity::{InvitationSecret, SecurityNumber};
use csu_protocol::store::{Pairing, Peer, Write};
use csu_protocol::sync::{CommandError, Machine};

impl World {
    fn machine(&self, number: usize) -> Option<&Machine> {
        self.members[number].machine.as_ref()
    }

    /// What one has of the other.
    pub(super) fn peer(&self, number: usize, of: usize) -> Option<&Peer> {
        self.machine(number)?.peer(&self.members[of].organisation)
    }

    /// Does something with a machine as an operator does.
    fn command(&mut self, number: usize, command: impl FnOnce(&mut Self, usize)) {
        self.laws.trace(self.now_ms, number, number, b"command");
        self.work(number, command);
    }

    /// Two that do not run yet are paired, as if they had been for long.
    pub(super) fn pair_silently(&mut self, one: usize, other: usize) {
        let secret = InvitationSecret::from_bytes([7; 32]);
        let who = |member: &Member| (member.organisation, member.device());
        let number = SecurityNumber::of(who(&self.members[one]), who(&self.members[other]), &secret);
        for (number, (of, with)) in [number.clone(), number].into_iter().zip([(one, other), (other, one)]) {
            let card = self.members[with].card.clone();
            let peer = Peer {
                organisation: card.card().organisation,
                name: card.card().name.clone(),
                kind: card.card().kind,
                pairing: Pairing::Confirmed,
                paused: false,
                number,
                addresses: Vec::new(),
                since: self.members[of].clock(self.now_ms),
            };
            for write in [Write::Card { card, brought_by: None }, Write::Peer(peer)] {
                self.members[of].disk.write(write).expect("it works");
            }
        }
    }

    /// One invites, and the other joins, if both are there.
    pub(super) fn pair(&mut self, inviting: usize, joining: usize) {
        if self.machine(inviting).is_none() || self.machine(joining).is_none() {
            return;
        }
        let mut entropy = self.members[inviting].entropy();
        let mut ticket = None;
        // Clocks may be days apart, and the ticket is over by the clock of each.
        let good_for_ms = 20 * 86_400_000;
        self.command(inviting, |world, number| {
            let expires = world.members[number].clock(world.now_ms).plus_ms(good_for_ms);
            ticket = world.members[number].machine.as_mut().map(|machine| machine.invite(expires, Vec::new(), &mut entropy));
        });
        self.command(joining, |world, number| {
            let now = world.members[number].clock(world.now_ms);
            if let (Some(machine), Some(ticket)) = (&mut world.members[number].machine, ticket) {
                match machine.join(now, ticket) {
                    Ok(()) | Err(CommandError::AlreadyPaired) => {}
                    Err(error) => panic!("a law is broken: {number} could not use a good ticket: {error}"),
                }
            }
        });
    }

    /// Two operators compare the number, and one confirms if it is the same.
    pub(super) fn confirm(&mut self, member: usize, peer: usize) {
        let (Some(ours), Some(theirs)) = (self.peer(member, peer), self.peer(peer, member)) else { return };
        if ours.we_confirmed() || ours.number != theirs.number {
            return;
        }
        let (number, organisation) = (theirs.number.to_string(), self.members[peer].organisation);
        self.command(member, |world, member| {
            let now = world.members[member].clock(world.now_ms);
            if let Some(machine) = &mut world.members[member].machine {
                // Whatever came in the meantime may have changed it: then the operator looks again.
                machine.confirm(now, &organisation, Some(&number)).ok();
            }
        });
    }

    fn pause(&mut self, number: usize, peer: usize, paused: bool) {
        let organisation = self.members[peer].organisation;
        if self.peer(number, peer).is_some_and(|peer| peer.paused != paused) {
            self.command(number, |world, number| {
                if let Some(machine) = &mut world.members[number].machine {
                    machine.pause(&organisation, paused).ok();
                }
            });
        }
    }

    fn remove(&mut self, number: usize, peer: usize) {
        let organisation = self.members[peer].organisation;
        self.command(number, |world, number| {
            if let Some(machine) = &mut world.members[number].machine {
                machine.remove_peer(&organisation).ok();
            }
        });
    }

    /// Operators at the ends of a link do something.
    pub(super) fn operate(&mut self, link: usize) {
        let [mut one, mut other] = self.links[link].ends;
        if self.dice.chance(50) {
            std::mem::swap(&mut one, &mut other);
        }
        match self.dice.below(6) {
            0 | 1 => self.pause(one, other, true),
            2 => {
                self.pause(one, other, false);
                self.pause(other, one, false);
            }
            3 => self.remove(one, other),
            4 => {
                self.remove(one, other);
                self.pair(one, other);
            }
            _ => {
                // Removed by the one who is then invited by whom it is still known to, or by both.
                self.remove(one, other);
                if self.dice.chance(50) {
                    self.remove(other, one);
                }
                self.pair(other, one);
            }
        }
    }

    /// Whether both have confirmed each other and paused nothing.
    pub(super) fn are_paired(&self, one: usize, other: usize) -> bool {
        let fine = |peer: Option<&Peer>| peer.is_some_and(|peer| peer.pairing == Pairing::Confirmed && !peer.paused);
        fine(self.peer(one, other)) && fine(self.peer(other, one))
    }

    /// Makes a pairing whole again, whatever came of it.
    pub(super) fn mend(&mut self, link: usize) {
        let [one, other] = self.links[link].ends;
        self.pause(one, other, false);
        self.pause(other, one, false);
        if !self.are_paired(one, other) {
            self.remove(one, other);
            self.remove(other, one);
            self.pair(one, other);
        }
    }
}
