//! Single acts.

use super::Story;
use csu_protocol::access::{Access, Row};
use csu_protocol::author::{self, Acting, Audience, AuthorError};
use csu_protocol::entry::{
    Author, Body, EpochKey, Grant, Keep, Openness, Plane, Principal, Reason, Remark, ResponsePayload, RevisionPayload, Role, Signer,
    Subject, VerifiedEntry,
};
use csu_protocol::id::{DeviceId, EntryId, OrganisationId};
use csu_protocol::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

impl Story {
    /// What an organisation signs on a view: what its role allows or, if dishonest, anything.
    pub(super) fn write(&mut self, who: usize, access: &Access, dishonest: bool) -> Result<VerifiedEntry, AuthorError> {
        let member = &self.cast.members[who];
        if self.dice.chance(5) {
            let lost = member.device(self.device[who]);
            if !dishonest {
                self.device[who] = 1;
            }
            let keep = self.keep(access, &Principal::Device(lost), dishonest);
            return author::control(access, &self.root(who), Body::Revoke { principal: Principal::Device(lost), keep });
        }
        let device = if dishonest { self.dice.below(2) } else { self.device[who] };
        let right = self.right(access, &member.id, dishonest);
        let acting =
            Acting { organisation: member.id, signer: Signer::Device(&member.devices[device]), under: right.map(|(_, under)| under) };
        // Honest software offers what the role allows, and a cheat knows what is not sound.
        let first = if (dishonest && self.dice.chance(30)) || right.is_some_and(|(role, _)| role == Role::Admin) { 0 } else { 62 };
        match first + self.dice.below(100 - first) {
            0..25 => {
                let grants = self.grants(25);
                author::control(access, &acting, Body::Grant { grants })
            }
            25..55 => {
                let principal = self.principal(&member.id, dishonest);
                let keep = self.keep(access, &principal, dishonest);
                author::control(access, &acting, Body::Revoke { principal, keep })
            }
            55..60 => author::control(access, &acting, Body::Withdraw { reason: Reason::Other }),
            60..62 => author::control(access, &acting, Body::Erase),
            62..66 => {
                let erase = access.entries(Plane::Control).find(|id| matches!(self.header_of(id), Some(Body::Erase)));
                author::control(access, &acting, erase.map_or(Body::Erase, |erase| Body::Receipt { erase }))
            }
            66..74 => self.key(access, &acting),
            74..92 => self.revision(access, &acting, dishonest),
            _ => {
                let audience = Audience { recipients: Vec::new(), openness: Openness::Anyone };
                let payload = ResponsePayload {
                    at: Timestamp::default(),
                    person: None,
                    remark: Remark::Acknowledge,
                    step: String::new(),
                    text: String::new(),
                };
                author::response(access, &acting, &audience, &payload, self.dice.entropy())
            }
        }
    }

    /// Starts an epoch. Nobody is to read it, and so nothing dear is sealed.
    fn key(&mut self, access: &Access, acting: &Acting<'_>) -> Result<VerifiedEntry, AuthorError> {
        let audience = Audience { recipients: Vec::new(), openness: Openness::Anyone };
        author::key(access, acting, &audience, &[], self.dice.entropy()).map(|(entry, _)| entry)
    }

    pub(super) fn header_of(&self, id: &EntryId) -> Option<&Body> {
        self.place.get(id).map(|at| &self.log[*at].header().body)
    }

    pub(super) fn revision(&mut self, access: &Access, acting: &Acting<'_>, dishonest: bool) -> Result<VerifiedEntry, AuthorError> {
        let epochs: Vec<EntryId> =
            access.entries(Plane::Content).filter(|id| matches!(self.header_of(id), Some(Body::Key { .. }))).collect();
        let Some(epoch) = self.dice.pick(&epochs).copied() else {
            return self.key(access, acting);
        };
        let deps: Vec<EntryId> = if dishonest {
            let all = access.entries(Plane::Content).filter(|id| matches!(self.header_of(id), Some(Body::Revision { .. })));
            let all: Vec<EntryId> = all.collect();
            all.into_iter().filter(|_| self.dice.chance(30)).collect()
        } else {
            let effective = access.effective_revisions();
            let built_on: BTreeSet<EntryId> = effective.iter().filter_map(|id| self.header_of(id)).flat_map(deps_of).collect();
            effective.into_iter().filter(|id| !built_on.contains(id)).collect()
        };
        // Access looks at headers alone: any key serves.
        let key = EpochKey::from_bytes([7; 32]);
        let payload = RevisionPayload { at: Timestamp::default(), person: None, change: Vec::new() };
        author::revision(access, acting, (epoch, &key), deps, &payload, self.dice.entropy())
    }

    /// What `organisation` acts under, and with which role: if honest, a right it holds.
    pub(super) fn right(&mut self, access: &Access, organisation: &OrganisationId, dishonest: bool) -> Option<(Role, EntryId)> {
        let genesis = access.document().map(|document| (Role::Admin, EntryId::from(document)));
        if access.owner() == Some(*organisation) && self.dice.chance(85) {
            return genesis;
        }
        let subject = Subject::Organisation(*organisation);
        let holds = |row: &Row| row.who == subject && (dishonest || (row.authorised && row.ended_by.is_empty()));
        let mut rights: Vec<(Role, EntryId)> = access.rows().into_iter().filter(holds).map(|row| (row.role, row.entry)).collect();
        rights.sort();
        // Who has no right seldom tries: nothing is written then.
        let none = if self.dice.chance(5) { genesis } else { None };
        let found = if self.dice.chance(75) { rights.last() } else { self.dice.pick(&rights) };
        found.copied().or(none)
    }

    pub(super) fn grants(&mut self, percent: usize) -> Vec<Grant> {
        let mut grants = Vec::new();
        for member in &self.cast.members {
            if self.dice.chance(percent) {
                let role = [Role::Relay, Role::Read, Role::Write, Role::Admin, Role::Admin, Role::Admin][self.dice.below(6)];
                grants.push(Grant { subject: Subject::Organisation(member.id), role, until: self.until() });
            }
        }
        if self.dice.chance(10) {
            let role = if self.dice.chance(80) { Role::Read } else { Role::Write };
            grants.push(Grant { subject: Subject::Anyone, role, until: self.until() });
        }
        grants
    }

    pub(super) fn until(&mut self) -> Option<Timestamp> {
        let until = 1 + self.dice.below(100);
        self.dice.chance(20).then(|| Timestamp::from_ms(u64::try_from(until).unwrap_or_default()))
    }

    fn device(&mut self) -> DeviceId {
        let whose = self.dice.below(self.cast.members.len());
        self.cast.members[whose].device(self.dice.below(2))
    }

    pub(super) fn principal(&mut self, actor: &OrganisationId, dishonest: bool) -> Principal {
        match self.dice.below(100) {
            0..15 => Principal::Organisation(*actor),
            15..25 => Principal::Anyone,
            25..40 => Principal::Device(self.device()),
            _ => {
                // Honest software does not try to revoke the owner.
                let first = usize::from(!dishonest);
                let at = first + self.dice.below(self.cast.members.len() - first);
                Principal::Organisation(self.cast.members[at].id)
            }
        }
    }

    /// What a revocation keeps: all that is known, nothing, or what suits a cheat.
    pub(super) fn keep(&mut self, access: &Access, principal: &Principal, dishonest: bool) -> Vec<Keep> {
        let theirs = |keep: &Keep| match principal {
            Principal::Device(device) => keep.author == Author::Device(*device),
            Principal::Anyone | Principal::Organisation(_) => true,
        };
        let newest: Vec<Keep> = match principal {
            Principal::Anyone => Vec::new(),
            Principal::Organisation(id) => access.keep_all_of(id),
            Principal::Device(device) => {
                let of_all = self.cast.members.iter().flat_map(|member| access.keep_all_of(&member.id));
                of_all.filter(|keep| keep.author == Author::Device(*device)).collect()
            }
        };
        let draw = self.dice.below(100);
        if !dishonest && draw < 60 {
            return newest;
        }
        if draw < 70 {
            return Vec::new();
        }
        // Older entries, entries the revoker does not know, others' entries.
        let mut keeps: BTreeMap<(Author, Plane), EntryId> = BTreeMap::new();
        for entry in &self.log {
            let (author, plane) = (entry.header().author, entry.header().plane());
            let of_principal = *principal == Principal::Organisation(entry.header().organisation);
            let candidate = Keep { author, plane, entry: entry.id() };
            let known = plane == Plane::Content || access.contains(&entry.id());
            let fits = match principal {
                Principal::Organisation(_) => of_principal && known,
                Principal::Device(_) => theirs(&candidate) && known,
                Principal::Anyone => false,
            };
            if (fits && self.dice.chance(50)) || (dishonest && self.dice.chance(1)) {
                keeps.insert((author, plane), entry.id());
            }
        }
        keeps.into_iter().map(|((author, plane), entry)| Keep { author, plane, entry }).collect()
    }
}

fn deps_of(body: &Body) -> Vec<EntryId> {
    match body {
        Body::Revision { deps, .. } => deps.clone(),
        Body::Genesis { .. }
        | Body::Grant { .. }
        | Body::Revoke { .. }
        | Body::Withdraw { .. }
        | Body::Erase
        | Body::Receipt { .. }
        | Body::Key { .. }
        | Body::Response { .. } => Vec::new(),
    }
}
