//! What is in histories, counted, so that a kind of trouble cannot vanish from them unseen.

use super::{History, Replay};
use crate::model::{Given, Model, Rules};
use csu_protocol::entry::{Author, Body, Plane, Principal, Subject};
use csu_protocol::id::{EntryId, OrganisationId};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Least numbers that 100,000 histories must hold: about a third of what they do.
#[rustfmt::skip]
const LEAST: [(&str, u64); 76] = [
    ("backdated: void by a revocation that was made at the same time", 57_000),
    ("cyclic revocations of which 0 count", 51),
    ("cyclic revocations of which 1 count", 160),
    ("cyclic revocations of which 2 count", 330),
    ("cyclic revocations of which 3 count", 9),
    ("erase that counts", 7200),
    ("erase that is void", 1000),
    ("fork in Content", 8100),
    ("fork in Control", 16_000),
    ("fork of which one branch is kept", 7300),
    ("genesis that counts", 100_000),
    ("given again below, in vain", 3500),
    ("given again knowingly", 4700),
    ("given while it was taken", 3200),
    ("grant that counts", 85_000),
    ("grant that is void", 20_000),
    ("keeps", 38_000),
    ("keeps what is another's", 1600),
    ("keeps what is not there", 3200),
    ("keeps what its author had not seen", 24_000),
    ("key that counts", 36_000),
    ("key that is void", 9800),
    ("mutual revocations of which 0 count", 260),
    ("mutual revocations of which 1 count", 1400),
    ("mutual revocations of which 2 count", 210),
    ("receipt by a former reader", 3300),
    ("receipt that counts", 8700),
    ("renunciation that counts", 8400),
    ("renunciation that is void", 2600),
    ("response that counts", 18_000),
    ("response that is void", 3700),
    ("revenge: void revocation by who was revoked at the same time", 14_000),
    ("revision that counts", 39_000),
    ("revision that counts and builds on a fallen one", 2100),
    ("revision that is void", 15_000),
    ("revocation of a device from elsewhere that counts", 5400),
    ("revocation of a device from elsewhere that is void", 2200),
    ("revocation of a giver by its own delegate", 5300),
    ("revocation of anyone's role that counts", 3500),
    ("revocation of anyone's role that is void", 710),
    ("revoke that counts", 91_000),
    ("revoke that is void", 19_000),
    ("role 1 levels down", 130_000),
    ("role 2 levels down", 49_000),
    ("role 3 levels down", 12_000),
    ("role 4 levels down", 3900),
    ("role 5 levels down", 1300),
    ("role 6 levels down", 200),
    ("role ended by 0", 140_000),
    ("role ended by 1", 49_000),
    ("role ended by 2", 11_000),
    ("role that goes with its giver's", 15_000),
    ("role that stays though its giver's ended", 9200),
    ("unsound: Chain", 570),
    ("unsound: Depth", 32),
    ("unsound: Grants", 670),
    ("unsound: Keep", 1000),
    ("unsound: Kind", 620),
    ("unsound: NoStanding", 5100),
    ("unsound: OtherDocument", 1500),
    ("unsound: Plane", 400),
    ("unsound: Revoked", 28_000),
    ("unsound: RevokesOwner", 10_000),
    ("unsound: Role", 63_000),
    ("unsound: RootUnnamed", 4900),
    ("void by a revocation that had seen it and not kept it", 16_000),
    ("void by a root key's word", 20_000),
    ("waits for what nobody has", 10_000),
    ("withdraw that counts", 5900),
    ("withdraw that is void", 1200),
    ("word of a root key", 12_000),
    ("word of a root key that an evictor did not keep", 3600),
    ("word of the owner's root key", 7400),
    ("word on a device by the one that began the document that counts", 6000),
    ("word on a device by the one that began the document that is void", 1200),
    ("work below a void grant", 8100),
];

/// How often each kind of thing was met.
#[derive(Debug, Clone, Default)]
pub struct Troubles(BTreeMap<String, u64>);

impl fmt::Display for Troubles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(what, count)| writeln!(f, "{count:>9} {what}"))
    }
}

impl Troubles {
    /// Counts what is in a history: what a node made of it, and what the model says of that.
    pub fn count(&mut self, history: &History, replay: &Replay, model: &Model) {
        let look = Look { model, rules: model.now() };
        let mut seen: Vec<String> = Vec::new();
        for unsound in replay.unsound.values() {
            seen.push(format!("unsound: {unsound:?}"));
        }
        seen.extend(replay.pending.keys().map(|_| "waits for what nobody has".to_owned()));
        seen.push(format!("history of {} entries or more", history.entries.len() / 10 * 10));
        for id in model.sound() {
            look.entry(id, &mut seen);
        }
        look.rows(&mut seen);
        look.forks(&mut seen);
        look.quarrels(&mut seen);
        for what in seen {
            *self.0.entry(what).or_default() += 1;
        }
    }

    /// Adds what others counted.
    pub fn add(&mut self, other: &Self) {
        for (what, count) in &other.0 {
            *self.0.entry(what.clone()).or_default() += count;
        }
    }

    /// Whether so many histories hold enough of everything.
    ///
    /// # Panics
    /// When they do not.
    pub fn expect_enough(&self, histories: u64) {
        for (what, least) in LEAST {
            let (found, wanted) = (self.0.get(what).copied().unwrap_or_default(), least * histories / 100_000);
            assert!(found >= wanted, "{what}: {found} in {histories} histories, where {wanted} are expected");
        }
    }
}

struct Look<'m> {
    model: &'m Model,
    rules: Rules<'m>,
}

impl Look<'_> {
    fn body(&self, id: &EntryId) -> &Body {
        &self.model.header(id).body
    }

    fn has_seen(&self, one: &EntryId, other: &EntryId) -> bool {
        self.model.past(one).contains(other)
    }

    fn concurrent(&self, one: &EntryId, other: &EntryId) -> bool {
        one != other && !self.has_seen(one, other) && !self.has_seen(other, one)
    }

    fn by_root(&self, id: &EntryId) -> bool {
        matches!(self.model.header(id).author, Author::Root(_))
    }

    fn entry(&self, id: &EntryId, seen: &mut Vec<String>) {
        let (header, counts) = (self.model.header(id), self.rules.is_authorised(id));
        let mut note = |what: &str| seen.push(what.to_owned());
        note(&format!("{} that {}", header.body.name(), if counts { "counts" } else { "is void" }));
        if !counts {
            let by = self.rules.voided_by(id);
            if by.iter().any(|revoke| self.concurrent(id, revoke)) {
                note("backdated: void by a revocation that was made at the same time");
                if matches!(header.body, Body::Revoke { .. }) {
                    note("revenge: void revocation by who was revoked at the same time");
                }
            }
            if by.iter().any(|revoke| self.has_seen(revoke, id)) {
                note("void by a revocation that had seen it and not kept it");
            }
            if by.iter().any(|revoke| self.by_root(revoke)) {
                note("void by a root key's word");
            }
            if header
                .under
                .is_some_and(|under| !self.rules.is_authorised(&under) && self.model.header(&under).organisation != header.organisation)
            {
                note("work below a void grant");
            }
        }
        match &header.body {
            Body::Revoke { .. } => self.revocation(id, counts, &mut note),
            Body::Revision { .. } if counts && !self.rules.effective_revisions().contains(id) => {
                note("revision that counts and builds on a fallen one")
            }
            Body::Receipt { .. } => {
                let acting = self.rules.acting(id);
                if acting.is_some_and(|acting| !self.rules.ended_by(acting).is_empty()) {
                    note("receipt by a former reader");
                }
            }
            _ => {}
        }
    }

    fn revocation(&self, id: &EntryId, counts: bool, note: &mut impl FnMut(&str)) {
        let header = self.model.header(id);
        let Body::Revoke { principal, keep } = &header.body else { return };
        let verdict = if counts { "counts" } else { "is void" };
        if self.by_root(id) {
            let owns = self.model.owner() == Some(header.organisation);
            note(if owns { "word of the owner's root key" } else { "word of a root key" });
            let evicted = self.standings(&header.organisation);
            if evicted.iter().any(|given| self.rules.above(*given).iter().any(|revoke| !self.rules.keeps(revoke, id))) {
                note("word of a root key that an evictor did not keep");
            }
        } else if *principal == Principal::Organisation(header.organisation) {
            note(&format!("renunciation that {verdict}"));
        }
        if matches!(principal, Principal::Device(_)) && !self.by_root(id) {
            note(&format!("revocation of a device from elsewhere that {verdict}"));
        }
        let beginner = self.model.header(&self.model.genesis()).author;
        if matches!(principal, Principal::Device(_)) && header.author == beginner && self.rules.acting(id) == Some(self.rules.top()) {
            note(&format!("word on a device by the one that began the document that {verdict}"));
        }
        if *principal == Principal::Anyone {
            note(&format!("revocation of anyone's role that {verdict}"));
        }
        let ancestors = self.rules.acting(id).map(|acting| self.rules.ancestors(acting)).unwrap_or_default();
        if ancestors.iter().any(|above| matches!(above.to, Subject::Organisation(giver) if *principal == Principal::Organisation(giver))) {
            note("revocation of a giver by its own delegate");
        }
        for keep in keep {
            let arrived = self.model.sound().contains(&keep.entry);
            if !arrived {
                note("keeps what is not there");
            } else if self.model.header(&keep.entry).author != keep.author {
                note("keeps what is another's");
            } else if !self.has_seen(id, &keep.entry) {
                note("keeps what its author had not seen");
            } else {
                note("keeps");
            }
        }
    }

    /// Every standing of an organisation.
    fn standings(&self, organisation: &OrganisationId) -> Vec<Given> {
        self.model.given().into_iter().filter(|given| given.to == Subject::Organisation(*organisation)).collect()
    }

    fn rows(&self, seen: &mut Vec<String>) {
        for given in self.model.given() {
            let mut note = |what: &str| seen.push(what.to_owned());
            let (ended_by, counts) = (self.rules.ended_by(given), self.rules.is_authorised(&given.entry));
            let ancestors = self.rules.ancestors(given);
            note(&format!("role {} levels down", ancestors.len()));
            note(&format!("role ended by {}", ended_by.len().min(2)));
            let giver_ended = self.rules.parent(given).is_some_and(|parent| !self.rules.ended_by(parent).is_empty());
            if counts && ended_by.is_empty() && giver_ended {
                note("role that stays though its giver's ended");
            }
            if !counts && giver_ended {
                note("role that goes with its giver's");
            }
            let principal = match given.to {
                Subject::Anyone => Principal::Anyone,
                Subject::Organisation(id) => Principal::Organisation(id),
            };
            let parent = self.rules.parent(given);
            let taken = |id: &EntryId| {
                matches!(self.body(id), Body::Revoke { principal: of, .. } if *of == principal) && self.rules.is_authorised(id)
            };
            let known: Vec<EntryId> = self.model.past(&given.entry).iter().copied().filter(taken).collect();
            if counts && known.iter().any(|revoke| self.rules.acting(revoke) == parent) && ended_by.is_empty() {
                note("given again knowingly");
            }
            if counts && known.iter().any(|revoke| ended_by.contains(revoke)) {
                note("given again below, in vain");
            }
            if counts && ended_by.iter().any(|revoke| self.concurrent(revoke, &given.entry)) {
                note("given while it was taken");
            }
        }
    }

    fn forks(&self, seen: &mut Vec<String>) {
        let revokes: Vec<EntryId> = self.revokes().into_iter().filter(|id| self.rules.is_authorised(id)).collect();
        for fork in self.model.forks() {
            let plane = fork.first().map_or(Plane::Control, |id| self.model.header(id).plane());
            seen.push(format!("fork in {plane:?}"));
            let one_branch = |revoke: &EntryId| {
                let kept = fork.iter().filter(|id| self.rules.keeps(revoke, id)).count();
                kept > 0 && kept < fork.len()
            };
            if revokes.iter().any(one_branch) {
                seen.push("fork of which one branch is kept".to_owned());
            }
        }
    }

    fn revokes(&self) -> Vec<EntryId> {
        self.model.sound().iter().copied().filter(|id| matches!(self.body(id), Body::Revoke { .. })).collect()
    }

    /// Who took from each other at the same time, in pairs and in threes.
    fn quarrels(&self, seen: &mut Vec<String>) {
        let mut taken: Vec<(EntryId, OrganisationId, OrganisationId)> = Vec::new();
        for id in self.revokes() {
            let header = self.model.header(&id);
            if let Body::Revoke { principal: Principal::Organisation(whom), .. } = header.body
                && whom != header.organisation
            {
                taken.push((id, header.organisation, whom));
            }
        }
        let pairs: BTreeSet<(usize, usize)> = (0..taken.len())
            .flat_map(|one| (0..taken.len()).map(move |other| (one, other)))
            .filter(|(one, other)| taken[*one].2 == taken[*other].1 && self.concurrent(&taken[*one].0, &taken[*other].0))
            .collect();
        let counted = |at: &[usize]| at.iter().filter(|at| self.rules.is_authorised(&taken[**at].0)).count();
        for (one, other) in &pairs {
            if taken[*other].2 == taken[*one].1 && one < other {
                seen.push(format!("mutual revocations of which {} count", counted(&[*one, *other])));
            }
            for (_, third) in pairs.range((*other, 0)..(*other + 1, 0)) {
                if taken[*third].2 == taken[*one].1 && third != one && taken[*other].2 != taken[*one].1 {
                    seen.push(format!("cyclic revocations of which {} count", counted(&[*one, *other, *third])));
                }
            }
        }
    }
}
