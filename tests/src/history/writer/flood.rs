//! One admin who revokes the same organisation again and again, and those below who had heard some of it.
//!
//! Many revocations by one author under one right are treated as one by the fast function, in blocks. So here each of many
//! keeps more or less of the same chain, and what stands below is judged on pasts that hold any part of them.

use super::Story;
use csu_protocol::entry::{Author, Body, Grant, Keep, Plane, Principal, Role, Subject};
use csu_protocol::id::EntryId;

/// Revocations of one organisation in one flood: enough for more than one block.
const REVOCATIONS: usize = 90;
/// What the revoked one gave before.
const GIVEN: usize = 8;

impl Story {
    /// The owner's friend 1 lets in 2 and then revokes it many times; 2 let in 3 and 4, who work on.
    pub(super) fn flood(&mut self) {
        let genesis = EntryId::from(self.log[0].document());
        let Some(to_one) = self.say(0, 0, genesis, self.gift(1, Role::Admin)) else { return };
        self.hear_all(1);
        let Some(to_two) = self.say(1, 0, to_one, self.gift(2, Role::Admin)) else { return };
        self.hear_all(2);
        let given: Vec<(usize, EntryId)> = (0..GIVEN)
            .filter_map(|at| {
                let to = 3 + at % 2;
                self.say(2, 0, to_two, self.gift(to, Role::Admin)).map(|given| (to, given))
            })
            .collect();
        self.hear_all(1);
        let (principal, author) = (Principal::Organisation(self.cast.members[2].id), Author::Device(self.cast.members[2].device(0)));
        let begun = self.log.len();
        for _ in 0..REVOCATIONS {
            // Mostly all or nearly all is kept, so that what stands is decided by the few that keep less.
            let last = if self.dice.chance(95) { given.len() - 1 } else { self.dice.below(given.len()) };
            let keep = vec![Keep { author, plane: Plane::Control, entry: given[last].1 }];
            self.say(1, 0, to_one, Body::Revoke { principal, keep });
        }
        // Somebody who heard the first so many of them, and whatever else was written, acts by one of those gifts.
        for _ in 0..40 {
            let heard = begun + self.dice.below(self.log.len() - begun);
            let mut view = self.view_of(0..heard);
            let Some((who, under)) = self.dice.pick(&given).copied() else { return };
            let others = [1, 3, 4];
            let whom = others[self.dice.below(others.len())];
            let body = if self.dice.chance(50) {
                self.gift(whom, Role::Read)
            } else {
                Body::Revoke { principal: Principal::Organisation(self.cast.members[whom].id), keep: Vec::new() }
            };
            self.say_on(&mut view, who, 0, under, body);
        }
    }

    fn gift(&self, to: usize, role: Role) -> Body {
        Body::Grant { grants: vec![Grant { subject: Subject::Organisation(self.cast.members[to].id), role, until: None }] }
    }
}
