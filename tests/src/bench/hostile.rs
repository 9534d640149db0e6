//! Histories written to be slow to judge, within the bounds of the protocol.
//!
//! Each is made of sound entries, most by one organisation against the rest, often by forks, since a signature costs its
//! author less than checking it costs others. What must hold for each: an entry costs about the same, however many
//! came before. `tests/access_graphs.rs` counts the steps, the bench measures the time.

use super::graph::{Actor, Maker, Signatures, actors, key, response};
use crate::history::Dice;
use csu_protocol::entry::{Body, Keep, Plane, Principal, Role, VerifiedEntry};
use csu_protocol::id::EntryId;

/// A sort of hostile history.
#[derive(Debug, Clone, Copy)]
pub struct Graph {
    /// What it is called in figures.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Writes about this many entries.
    pub make: fn(usize) -> Vec<VerifiedEntry>,
}

/// All of them.
pub const GRAPHS: [Graph; 14] = [
    Graph {
        name: "root_forks",
        about: "half grants, half forks by a root key whose organisation the first of them named",
        make: root_forks,
    },
    Graph { name: "old_keeps", about: "half grants by an admin, half revocations that keep an old one of them", make: old_keeps },
    Graph { name: "wide_heads", about: "forked grants, every entry over 64 heads", make: wide_heads },
    Graph { name: "renunciations", about: "a relay gives up the same role again and again", make: renunciations },
    Graph { name: "regrants", about: "a role taken and given in turn, its holder writing under each grant", make: regrants },
    Graph { name: "pairs", about: "concurrent revocations, every entry over another pair of them", make: pairs },
    Graph { name: "long_chains", about: "two chains by one device, cut near their beginning by many revocations", make: long_chains },
    Graph { name: "forks", about: "one device signs as many entries as there are for one place", make: forks },
    Graph { name: "delegation", about: "six levels, 64 grants an entry, writers at the bottom", make: delegation },
    Graph { name: "many_keeps", about: "one in ten a revocation that keeps 256 entries by 256 devices", make: many_keeps },
    Graph { name: "void_revocations", about: "an evicted admin's later revocations against what it gave before", make: void_revocations },
    Graph { name: "void_renunciations", about: "a lost device's renunciations, and what the new one writes", make: void_renunciations },
    Graph { name: "kept_roots", about: "forks by a root key that each keep a grant under which others write", make: kept_roots },
    Graph { name: "flood", about: "an evicted admin forks revocations, honest ones write on over all they see", make: flood },
];

fn revoke(whom: &Actor, keep: Vec<Keep>) -> Body {
    Body::Revoke { principal: Principal::Organisation(whom.organisation), keep }
}

/// Revokes the actor's device.
fn lost(whose: &Actor, keep: Vec<Keep>) -> Body {
    let csu_protocol::entry::Author::Device(device) = whose.author() else { unreachable!("an actor's author is its device") };
    Body::Revoke { principal: Principal::Device(device), keep }
}

fn kept(whose: &Actor, plane: Plane, entry: EntryId) -> Keep {
    Keep { author: whose.author(), plane, entry }
}

/// A keep that names nothing there is, so that revocations differ.
fn salt(whose: &Actor, number: usize) -> Keep {
    let mut id = [0xee; 32];
    id[..8].copy_from_slice(&number.to_le_bytes());
    kept(whose, Plane::Content, EntryId::new(id))
}

fn start(actors: &[Actor], role: Role) -> Maker {
    Maker::new(&actors[0], actors[1..].iter().take(64).map(|actor| actor.given(role)).collect(), Signatures::None)
}

fn root_forks(size: usize) -> Vec<VerifiedEntry> {
    let actors = actors(3);
    let mut maker = Maker::new(&actors[0], vec![], Signatures::None);
    let genesis = maker.genesis;
    let mut last = maker.put(&actors[0], Some(genesis), &[genesis], Body::Grant { grants: vec![actors[1].given(Role::Relay)] });
    for _ in 0..size / 2 {
        last = maker.put(&actors[0], Some(genesis), &[last], Body::Grant { grants: vec![actors[2].given(Role::Read)] });
    }
    for at in 0..size / 2 {
        maker.put_after(&actors[1], None, &[last], lost(&actors[1], vec![salt(&actors[1], at)]), None);
    }
    maker.entries
}

fn old_keeps(size: usize) -> Vec<VerifiedEntry> {
    let actors = actors(3);
    let mut maker = start(&actors[..2], Role::Admin);
    let genesis = maker.genesis;
    let mut last = genesis;
    let given: Vec<EntryId> = (0..size / 2)
        .map(|_| {
            last = maker.put(&actors[1], Some(genesis), &[last], Body::Grant { grants: vec![actors[2].given(Role::Read)] });
            last
        })
        .collect();
    for at in 0..size / 2 {
        let old = given[at % given.len().min(97)];
        last = maker.put(&actors[0], Some(genesis), &[last], revoke(&actors[1], vec![kept(&actors[1], Plane::Control, old)]));
    }
    maker.entries
}

fn wide_heads(size: usize) -> Vec<VerifiedEntry> {
    let actors = actors(3);
    let mut maker = start(&actors[..2], Role::Admin);
    let genesis = maker.genesis;
    let mut dice = Dice::new("wide heads", 1);
    let mut level: Vec<EntryId> = vec![genesis];
    while maker.entries.len() < size {
        let mut next = Vec::new();
        for at in 0..500 {
            let parents: Vec<EntryId> = (0..64).map(|_| *dice.pick(&level).unwrap()).collect();
            let body = if at % 8 == 0 {
                revoke(&actors[2], vec![salt(&actors[2], maker.entries.len())])
            } else {
                let until = Some(csu_protocol::time::Timestamp::from_ms(maker.entries.len() as u64));
                Body::Grant { grants: vec![csu_protocol::entry::Grant { until, ..actors[2].given(Role::Read) }] }
            };
            next.push(maker.put_after(&actors[0], Some(genesis), &parents, body, None));
        }
        level = next;
    }
    maker.entries
}

fn renunciations(size: usize) -> Vec<VerifiedEntry> {
    let actors = actors(2);
    let mut maker = start(&actors, Role::Relay);
    let genesis = maker.genesis;
    let mut last = genesis;
    while maker.entries.len() < size {
        last = maker.put(&actors[1], Some(genesis), &[last], revoke(&actors[1], vec![]));
    }
    maker.entries
}

fn regrants(size: usize) -> Vec<VerifiedEntry> {
    let actors = actors(2);
    let mut maker = Maker::new(&actors[0], vec![], Signatures::None);
    let genesis = maker.genesis;
    let mut last = genesis;
    // As often as a reader may have in its past; all it says is kept.
    let each = size.div_ceil(2000).saturating_sub(2).max(1);
    while maker.entries.len() < size {
        let grant = maker.put(&actors[0], Some(genesis), &[last], Body::Grant { grants: vec![actors[1].given(Role::Read)] });
        let mut said = grant;
        for _ in 0..each {
            said = maker.put(&actors[1], Some(grant), &[grant], response());
        }
        last = maker.put(&actors[0], Some(genesis), &[grant], revoke(&actors[1], vec![kept(&actors[1], Plane::Content, said)]));
    }
    maker.entries
}

fn pairs(size: usize) -> Vec<VerifiedEntry> {
    let actors = actors(4);
    let mut maker = start(&actors[..3], Role::Admin);
    let genesis = maker.genesis;
    let mut dice = Dice::new("pairs", 1);
    // As many as a delegate may have in its past, concurrent by being forks.
    let revocations: Vec<EntryId> = (0..(size / 10).min(2000))
        .map(|at| maker.put_after(&actors[1], Some(genesis), &[genesis], revoke(&actors[3], vec![salt(&actors[3], at)]), None))
        .collect();
    while maker.entries.len() < size {
        let pair: Vec<EntryId> = (0..2).map(|_| *dice.pick(&revocations).unwrap()).collect();
        maker.put(&actors[2], Some(genesis), &pair, Body::Grant { grants: vec![actors[3].given(Role::Read)] });
    }
    maker.entries
}

fn long_chains(size: usize) -> Vec<VerifiedEntry> {
    let actors = actors(2);
    let mut maker = start(&actors, Role::Write);
    let genesis = maker.genesis;
    let mut branches = Vec::new();
    for number in 0..2 {
        // The branches part at their first entries, which name different epochs.
        let epoch = maker.put(&actors[0], Some(genesis), &[genesis], key(number));
        let (mut after, mut chain) = (None, Vec::new());
        for _ in 0..size * 9 / 20 {
            let deps: Vec<EntryId> = chain.last().copied().into_iter().collect();
            let id = maker.put_after(&actors[1], Some(genesis), &[epoch], Body::Revision { epoch, deps }, after);
            after = Some((after.map_or(0, |(seq, _)| seq + 1), id));
            chain.push(id);
        }
        branches.push(chain);
    }
    let mut last = genesis;
    let chain = &branches[0];
    let mut at = 0;
    while maker.entries.len() < size {
        let cut = chain[chain.len() / 3 + at % (chain.len() / 3)];
        last = maker.put(&actors[0], Some(genesis), &[last], revoke(&actors[1], vec![kept(&actors[1], Plane::Content, cut)]));
        at += 1;
    }
    maker.entries
}

fn forks(size: usize) -> Vec<VerifiedEntry> {
    let actors = actors(3);
    let mut maker = start(&actors[..2], Role::Admin);
    let genesis = maker.genesis;
    for at in 0..size {
        let until = Some(csu_protocol::time::Timestamp::from_ms(at as u64));
        let grants = vec![csu_protocol::entry::Grant { until, ..actors[2].given(Role::Read) }];
        maker.put_after(&actors[1], Some(genesis), &[genesis], Body::Grant { grants }, None);
    }
    maker.entries
}

fn delegation(size: usize) -> Vec<VerifiedEntry> {
    let actors = actors(400);
    let mut maker = start(&actors[..65], Role::Admin);
    let genesis = maker.genesis;
    let mut last = genesis;
    let mut level: Vec<(usize, EntryId)> = (1..65).map(|who| (who, genesis)).collect();
    for depth in 1_usize..6 {
        let mut next = Vec::new();
        let below = 65 + (depth - 1) * 64;
        for (who, under) in level.iter().copied().take(size / 24) {
            let grants = actors[below..below + 64].iter().map(|actor| actor.given(Role::Admin)).collect();
            last = maker.put(&actors[who], Some(under), &[last], Body::Grant { grants });
            next.extend((below..below + 64).map(|who| (who, last)));
        }
        // A few of each giver, so that all levels are wide.
        level = next.into_iter().step_by(61).take(64).collect();
    }
    let mut at = 0;
    while maker.entries.len() < size {
        let (who, under) = level[at % level.len()];
        if at % 10 == 0 {
            // Every tenth makes a past of its own for those after it.
            last = maker.put(&actors[0], Some(genesis), &[last], revoke(&actors[399], vec![salt(&actors[399], at)]));
        }
        maker.put(&actors[who], Some(under), &[last], response());
        at += 1;
    }
    maker.entries
}

fn many_keeps(size: usize) -> Vec<VerifiedEntry> {
    let devices: Vec<Actor> = (0..256).map(|device| Actor::new(1, device)).collect();
    let owner = Actor::new(0, 0);
    let mut maker = Maker::new(&owner, vec![devices[0].given(Role::Read)], Signatures::None);
    let genesis = maker.genesis;
    let mut last = genesis;
    while maker.entries.len() < size {
        for _ in 0..9 {
            let device = &devices[maker.entries.len() % 256];
            maker.put(device, Some(genesis), &[genesis], response());
        }
        let newest = |device: &Actor| maker.tip(device.author(), Plane::Content).map(|(_, entry)| kept(device, Plane::Content, entry));
        let keep: Vec<Keep> = devices.iter().filter_map(newest).collect();
        last = maker.put(&owner, Some(genesis), &[last], revoke(&devices[0], keep));
    }
    maker.entries
}

fn void_revocations(size: usize) -> Vec<VerifiedEntry> {
    let actors = actors(3);
    let mut maker = start(&actors[..2], Role::Admin);
    let genesis = maker.genesis;
    let (mut last, mut grants) = (genesis, Vec::new());
    for _ in 0..size / 3 {
        last = maker.put(&actors[1], Some(genesis), &[last], Body::Grant { grants: vec![actors[2].given(Role::Read)] });
        grants.push(last);
    }
    let after = maker.tip(actors[1].author(), Plane::Control);
    let evicted = maker.put(&actors[0], Some(genesis), &[last], revoke(&actors[1], vec![kept(&actors[1], Plane::Control, last)]));
    let mut seen = evicted;
    for at in 0..size / 3 {
        // Backdated, all in one place.
        let void = maker.put_after(&actors[1], Some(genesis), &[last], revoke(&actors[2], vec![salt(&actors[2], at)]), after);
        // Somebody else's entries bring one after the other into the past of what follows.
        seen = maker.put(&actors[0], Some(genesis), &[seen, void], Body::Grant { grants: vec![actors[1].given(Role::Relay)] });
        maker.put(&actors[2], Some(grants[at % grants.len()]), &[seen], response());
        if maker.entries.len() + 3 > size {
            break;
        }
    }
    maker.entries
}

fn void_renunciations(size: usize) -> Vec<VerifiedEntry> {
    let owner = Actor::new(0, 0);
    let (old, new) = (Actor::new(1, 0), Actor::new(1, 1));
    let mut maker = Maker::new(&owner, vec![old.given(Role::Read)], Signatures::None);
    let genesis = maker.genesis;
    let lost = maker.put(&old, None, &[genesis], lost(&old, vec![]));
    let mut last = genesis;
    while maker.entries.len() < size {
        last = maker.put(&old, Some(genesis), &[last], revoke(&old, vec![]));
        maker.put(&new, Some(genesis), &[lost, last], response());
    }
    maker.entries
}

fn kept_roots(size: usize) -> Vec<VerifiedEntry> {
    let actors = actors(3);
    let mut maker = start(&actors[..2], Role::Admin);
    let genesis = maker.genesis;
    let grant = maker.put(&actors[1], Some(genesis), &[genesis], Body::Grant { grants: vec![actors[2].given(Role::Read)] });
    let mut newest: Option<EntryId> = None;
    let mut at = 0;
    while maker.entries.len() < size {
        let keep = vec![kept(&actors[1], Plane::Control, grant), salt(&actors[1], at)];
        let word = maker.put_after(&actors[1], None, &[grant], lost(&actors[1], keep), None);
        let parents: Vec<EntryId> = newest.into_iter().chain([word]).collect();
        newest = Some(maker.put(&actors[2], Some(grant), &parents, response()));
        at += 1;
    }
    maker.entries
}

fn flood(size: usize) -> Vec<VerifiedEntry> {
    let actors = actors(4);
    let mut maker = start(&actors[..3], Role::Admin);
    let genesis = maker.genesis;
    let evicted = maker.put(&actors[0], Some(genesis), &[genesis], revoke(&actors[1], vec![]));
    let mut seen = evicted;
    let mut at = 0;
    while maker.entries.len() < size {
        let mut parents = vec![seen];
        for _ in 0..8 {
            parents.push(maker.put_after(&actors[1], Some(genesis), &[genesis], revoke(&actors[3], vec![salt(&actors[3], at)]), None));
            at += 1;
        }
        seen = maker.put(&actors[2], Some(genesis), &parents, Body::Grant { grants: vec![actors[3].given(Role::Read)] });
    }
    maker.entries
}
