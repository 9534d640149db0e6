//! Who may do what, as an input writes it: acts of a few organisations, each on what it has heard, some of them
//! dishonest; then every order of arrival must give the same answers.

use super::parties::{self, COUNT, NOW, Party};
use super::tape::Tape;
use csu_protocol::access::{Access, Insertion, Unsound};
use csu_protocol::author::{self, Acting, Audience, AuthorError};
use csu_protocol::entropy::Entropy;
use csu_protocol::entry::{
    Body, EpochKey, Grant, Keep, Openness, Plane, Principal, Reason, Remark, ResponsePayload, RevisionPayload, Role, Signer, Subject,
    VerifiedEntry,
};
use csu_protocol::id::{DeviceId, EntryId, OrganisationId};
use csu_protocol::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Entries of one input.
const ENTRIES: usize = 40;
/// The key of every payload: access looks at headers alone.
const KEY: EpochKey = EpochKey::from_bytes([7; 32]);

struct Story<'d> {
    tape: Tape<'d>,
    log: Vec<VerifiedEntry>,
    views: [Access; COUNT],
    entropy: Entropy,
}

/// A history, and what three orders of arrival make of it.
pub fn access(data: &[u8]) {
    let mut story = Story { tape: Tape::new(data), log: Vec::new(), views: Default::default(), entropy: Entropy::from_seed([5; 32]) };
    if story.begin().is_none() {
        return;
    }
    while story.tape.has_more() && story.log.len() < ENTRIES {
        story.step();
    }
    let log = story.log;
    let written = arrive(log.iter());
    let backwards = arrive(log.iter().rev());
    let mut by_id: Vec<&VerifiedEntry> = log.iter().collect();
    by_id.sort_by_key(|entry| entry.id());
    let shuffled = arrive(by_id.into_iter());
    for other in [&backwards, &shuffled] {
        assert_eq!(written.1, other.1, "what is unsound, or waits, depends on the order");
        assert_eq!(Answers::of(&written.0), Answers::of(&other.0), "the order of arrival changed an answer");
    }
    for view in &story.views {
        assert!(view.is_empty() || view.role_now(&parties::all()[0].id, NOW) == Some(Role::Admin), "the owner is locked out");
    }
}

impl Story<'_> {
    fn begin(&mut self) -> Option<()> {
        let grants = self.grants();
        let owner = &parties::all()[0];
        let genesis = author::genesis(owner.id, owner.signer(0), grants, &mut self.entropy).ok()?;
        self.log.push(genesis);
        self.hear(0, 0);
        (!self.views[0].is_empty()).then_some(())
    }

    fn step(&mut self) {
        let (what, who) = (self.tape.below(8), self.tape.below(COUNT));
        match what {
            0 => (0..self.log.len()).for_each(|at| self.hear(who, at)),
            1 => {
                let at = self.tape.below(self.log.len());
                self.hear(who, at);
            }
            // On a past that the author has outgrown: a fork, or backdated.
            2 => {
                let at = self.tape.below(self.log.len());
                let past: Vec<VerifiedEntry> = self.closure(at).into_iter().map(|at| self.log[at].clone()).collect();
                let (past, _) = arrive(past.iter());
                self.act(who, &past);
            }
            _ => {
                let view = std::mem::take(&mut self.views[who]);
                self.act(who, &view);
                self.views[who] = view;
                let last = self.log.len() - 1;
                self.hear(who, last);
            }
        }
    }

    /// The places of an entry and of all that it names, in order.
    fn closure(&self, at: usize) -> BTreeSet<usize> {
        let place: BTreeMap<EntryId, usize> = self.log.iter().enumerate().map(|(at, entry)| (entry.id(), at)).collect();
        let (mut found, mut open) = (BTreeSet::from([0]), vec![at]);
        while let Some(at) = open.pop() {
            if found.insert(at) || at == 0 {
                open.extend(
                    self.log[at].header().names().filter_map(|name| place.get(&name).copied()).filter(|name| !found.contains(name)),
                );
            }
        }
        found
    }

    fn hear(&mut self, who: usize, at: usize) {
        for at in self.closure(at) {
            let _verdict = self.views[who].insert(self.log[at].clone(), parties::is_device);
        }
    }

    fn act(&mut self, who: usize, access: &Access) {
        if access.is_empty() {
            return;
        }
        let party = &parties::all()[who];
        if let Ok(entry) = self.write(party, access) {
            let entry = if self.tape.below(8) == 0 { self.bend(party, &entry).unwrap_or(entry) } else { entry };
            if self.log.iter().all(|known| known.id() != entry.id()) {
                self.log.push(entry);
            }
        }
    }

    fn write(&mut self, party: &Party, access: &Access) -> Result<VerifiedEntry, AuthorError> {
        let what = self.tape.below(12);
        if what == 11 {
            let device = self.device();
            let keep = self.keep(&Principal::Device(device));
            let acting = Acting { organisation: party.id, signer: Signer::Root(&party.root), under: None };
            return author::control(access, &acting, Body::Revoke { principal: Principal::Device(device), keep });
        }
        let device = self.tape.below(2);
        let rights: Vec<EntryId> = self
            .log
            .iter()
            .filter(|entry| matches!(entry.header().body, Body::Genesis { .. } | Body::Grant { .. }))
            .map(VerifiedEntry::id)
            .collect();
        // Even choices take the right that the organisation has, if it has one.
        let chosen = self.tape.byte();
        let own = access.rows().into_iter().rfind(|row| row.who == Subject::Organisation(party.id)).map(|row| row.entry);
        let own = own.or_else(|| (access.owner() == Some(party.id)).then(|| access.document().map(EntryId::from)).flatten());
        let under = own.filter(|_| chosen.is_multiple_of(2)).or_else(|| rights.get(usize::from(chosen / 2) % rights.len()).copied());
        let acting = Acting { organisation: party.id, signer: party.signer(device), under };
        let open = Audience { recipients: Vec::new(), openness: Openness::Anyone };
        match what {
            0 | 1 => {
                let grants = self.grants();
                author::control(access, &acting, Body::Grant { grants })
            }
            2..=4 => {
                let principal = match self.tape.below(6) {
                    0 => Principal::Anyone,
                    1 => Principal::Device(self.device()),
                    other => Principal::Organisation(parties::all()[other % COUNT].id),
                };
                let keep = self.keep(&principal);
                author::control(access, &acting, Body::Revoke { principal, keep })
            }
            5 => author::control(access, &acting, Body::Withdraw { reason: Reason::ALL[self.tape.below(Reason::ALL.len())] }),
            6 => author::control(access, &acting, Body::Erase),
            7 => {
                let erase = self.some_entry();
                author::control(access, &acting, Body::Receipt { erase })
            }
            8 => author::key(access, &acting, &open, &[], &mut self.entropy).map(|(entry, _)| entry),
            9 => {
                let mut epochs = self.log.iter().filter(|entry| matches!(entry.header().body, Body::Key { .. })).map(VerifiedEntry::id);
                let epoch = epochs.next_back().unwrap_or_else(|| self.some_entry());
                let deps: BTreeSet<EntryId> = match self.tape.below(4) {
                    0 => [self.some_entry()].into(),
                    1 => [self.some_entry(), self.some_entry()].into(),
                    _ => access.effective_revisions().into_iter().rev().take(2).collect(),
                };
                let payload = RevisionPayload { at: NOW, person: None, change: vec![self.tape.byte()] };
                author::revision(access, &acting, (epoch, &KEY), deps.into_iter().collect(), &payload, &mut self.entropy)
            }
            _ => {
                let payload = ResponsePayload { at: NOW, person: None, remark: Remark::Comment, step: String::new(), text: String::new() };
                author::response(access, &acting, &open, &payload, &mut self.entropy)
            }
        }
    }

    fn some_entry(&mut self) -> EntryId {
        let at = self.tape.below(self.log.len());
        self.log[at].id()
    }

    fn device(&mut self) -> DeviceId {
        let (whose, which) = (self.tape.below(COUNT), self.tape.below(2));
        parties::all()[whose].devices[which].device()
    }

    fn grants(&mut self) -> Vec<Grant> {
        let mut grants: Vec<Grant> = Vec::new();
        for _ in 0..self.tape.below(4) {
            let subject = match self.tape.below(COUNT + 1) {
                COUNT => Subject::Anyone,
                whose => Subject::Organisation(parties::all()[whose].id),
            };
            let role = Role::ALL[self.tape.below(Role::ALL.len())];
            let until = self.tape.byte();
            let until = (until > 200).then(|| Timestamp::from_ms(NOW.as_ms() - 220 + u64::from(until)));
            if grants.iter().all(|grant| grant.subject != subject) {
                grants.push(Grant { subject, role, until });
            }
        }
        grants
    }

    /// What a revocation keeps: up to three entries, mostly of its principal.
    fn keep(&mut self, principal: &Principal) -> Vec<Keep> {
        let mut keeps: BTreeMap<_, EntryId> = BTreeMap::new();
        for _ in 0..self.tape.below(4) {
            let entry = self.tape.below(self.log.len());
            let header = self.log[entry].header();
            let theirs = match principal {
                Principal::Anyone => false,
                Principal::Organisation(id) => header.organisation == *id,
                Principal::Device(id) => header.author == csu_protocol::entry::Author::Device(*id),
            };
            if theirs || self.tape.below(8) == 0 {
                keeps.insert((header.author, header.plane()), self.log[entry].id());
            }
        }
        keeps.into_iter().map(|((author, plane), entry)| Keep { author, plane, entry }).collect()
    }

    /// The entry with its header bent, signed by its own author.
    fn bend(&mut self, party: &Party, entry: &VerifiedEntry) -> Option<VerifiedEntry> {
        let mut header = entry.header().clone();
        match self.tape.below(6) {
            0 => header.seq = header.seq.wrapping_add(1),
            1 => (header.seq, header.previous) = (0, None),
            2 => {
                let drop = self.tape.below(header.parents.len());
                (drop < header.parents.len()).then(|| header.parents.remove(drop))?;
            }
            3 => header.previous = Some(self.some_entry()),
            4 => header.organisation = parties::all()[self.tape.below(COUNT)].id,
            _ => {
                header.parents.push(self.some_entry());
                header.parents.sort();
                header.parents.dedup();
            }
        }
        let own = party.devices.iter().find(|key| header.author == csu_protocol::entry::Author::Device(key.device()));
        let signer = own.map_or(Signer::Root(&party.root), Signer::Device);
        let signed = entry.signed().clone();
        VerifiedEntry::sign(header, signed.payload, signed.wraps, signer).ok()
    }
}

/// What did not become sound: broke a rule, or waits.
type Refused = (BTreeMap<EntryId, Unsound>, BTreeSet<EntryId>);

/// Entries as they arrive, those that wait tried again whenever something sound came.
fn arrive<'e>(entries: impl Iterator<Item = &'e VerifiedEntry>) -> (Access, Refused) {
    let (mut access, mut unsound) = (Access::default(), BTreeMap::new());
    let mut open: Vec<VerifiedEntry> = entries.cloned().collect();
    loop {
        let before = open.len();
        let mut waiting = Vec::new();
        for entry in open {
            // A node files entries by their document: the genesis comes before all others.
            if access.is_empty() && entry.header().document.is_some() {
                waiting.push(entry);
                continue;
            }
            match access.insert(entry, parties::is_device) {
                Insertion::Sound(_) | Insertion::Known => {}
                Insertion::Pending(entry, _) => waiting.push(entry),
                Insertion::Unsound(id, why) => {
                    unsound.insert(id, why);
                }
            }
        }
        if waiting.len() == before || waiting.is_empty() {
            return (access, (unsound, waiting.iter().map(VerifiedEntry::id).collect()));
        }
        open = waiting;
    }
}

/// All that can be asked.
#[derive(Debug, PartialEq)]
struct Answers {
    sound: [BTreeSet<EntryId>; 2],
    heads: [Vec<EntryId>; 2],
    authorised: BTreeSet<EntryId>,
    effective: [BTreeSet<EntryId>; 3],
    rows: BTreeSet<String>,
    ends: (Option<(EntryId, OrganisationId, Reason)>, bool),
    forks: BTreeSet<(EntryId, EntryId)>,
    holders: Vec<(Option<Role>, bool, bool)>,
    readers: [BTreeSet<OrganisationId>; 3],
    kept: Vec<Keep>,
}

impl Answers {
    fn of(access: &Access) -> Self {
        let later = NOW.plus_ms(1_000);
        let sound = Plane::ALL.map(|plane| access.entries(plane).collect::<BTreeSet<_>>());
        let holders = parties::all().iter().flat_map(|party| {
            [NOW, later].map(|now| {
                let role = access.role_now(&party.id, now);
                let [control, content] = Plane::ALL.map(|plane| access.may_hold(&party.id, plane, now));
                assert!(control || !content, "content without control");
                assert!(access.owner() != Some(party.id) || role == Some(Role::Admin), "the owner is locked out");
                (role, control, content)
            })
        });
        let holders = holders.collect();
        let mut kept: Vec<Keep> = parties::all().iter().flat_map(|party| access.keep_all_of(&party.id)).collect();
        kept.sort();
        let rows = access.rows().into_iter().map(|mut row| {
            row.ended_by.sort();
            format!("{row:?}")
        });
        let rows = rows.collect();
        let answers = Self {
            heads: Plane::ALL.map(|plane| access.heads(plane).collect()),
            authorised: sound.iter().flatten().filter(|id| access.is_authorised(id)).copied().collect(),
            effective: [access.effective_revisions(), access.effective_responses(), access.authorised_keys()].map(BTreeSet::from_iter),
            rows,
            ends: (access.withdrawal(), access.is_erased()),
            forks: access.forks().collect(),
            holders,
            readers: [access.readers(NOW), access.readers(later), access.named()],
            kept,
            sound,
        };
        assert!(answers.effective.iter().all(|effective| effective.is_subset(&answers.authorised)), "void entries have an effect");
        assert!(answers.authorised.iter().all(|id| answers.sound.iter().any(|plane| plane.contains(id))));
        answers
    }
}
