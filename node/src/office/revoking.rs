//! Taking roles back: worked out on a copy of the graph first, so that what falls can be shown before anything is done.
//!
//! What is shown and what is done come from the same entries: a [`Trial`] signs them one by one and inserts each into its
//! copy, by the protocol's own rules. To preview is to compare that copy with the graph; to revoke is to publish the entries.

use super::circles::circle_named_in;
use super::opening::Named;
use super::steps::{author_problem, command_problem};
use super::{Office, now};
use crate::desk::{
    Actor, EntryKind, FallenEntry, PassedOn, Problem, RevocationEffect, RevocationOutcome, RevocationRequest, RoleGain, RoleLoss,
    StateChange, StayingRole,
};
use crate::log_verb::LogVerb;
use crate::storage::CircleRow;
use csu_protocol::access::{Access, Insertion};
use csu_protocol::author;
use csu_protocol::codec::Canonical;
use csu_protocol::entry::{Body, Header, Keep, Plane, Principal, Role, Subject, VerifiedEntry};
use csu_protocol::id::{DocumentId, EntryId, OrganisationId};
use csu_protocol::store::{Read, ReadError, StoredEntry};
use csu_protocol::sync::CommandError;
use csu_protocol::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Entries that were signed and not published, and the graph as it would be with them.
#[derive(Debug)]
pub(super) struct Trial {
    document: DocumentId,
    access: Access,
    entries: Vec<VerifiedEntry>,
}

impl Trial {
    /// The document that it is about.
    pub(super) const fn document(&self) -> &DocumentId {
        &self.document
    }

    /// The graph with the entries.
    pub(super) const fn access(&self) -> &Access {
        &self.access
    }
}

impl Office {
    /// Begins a trial on a document as it is.
    pub(super) fn trial(&mut self, document: &DocumentId) -> Result<Trial, Problem> {
        // What is on disk is asked for what falls.
        self.pump()?;
        Ok(Trial { document: *document, access: Access::clone(&*self.access_of(document)?), entries: Vec::new() })
    }

    fn try_entry(&self, trial: &mut Trial, entry: VerifiedEntry) -> Result<(), Problem> {
        let directory = self.machine.directory();
        match trial.access.insert(entry.clone(), |organisation, device| directory.may_author(organisation, device)) {
            Insertion::Sound(_) | Insertion::Known => {
                trial.entries.push(entry);
                Ok(())
            }
            Insertion::Unsound(_, rule) => Err(command_problem(&CommandError::Refused(rule))),
            Insertion::Pending(..) => Err(command_problem(&CommandError::Incomplete)),
        }
    }

    /// Signs a control entry, with whatever it needs before it, for the trial alone.
    pub(super) fn try_control(&self, trial: &mut Trial, under: EntryId, body: Body) -> Result<EntryId, Problem> {
        let problem = |error| author_problem(&error);
        while let Some(gathering) = author::gather(&trial.access, &self.acting(under), &body).map_err(problem)? {
            self.try_entry(trial, gathering)?;
        }
        let entry = author::control(&trial.access, &self.acting(under), body).map_err(problem)?;
        let id = entry.id();
        self.try_entry(trial, entry)?;
        Ok(id)
    }

    /// Publishes what was tried.
    pub(super) fn carry_out(&mut self, trial: Trial) -> Result<(), Problem> {
        trial.entries.into_iter().try_for_each(|entry| self.publish(entry).map(|_| ()))
    }

    /// Works out how to take back what `subject` has.
    pub(super) fn try_revocation(&mut self, document: &DocumentId, subject: Subject, passed_on: PassedOn) -> Result<Trial, Problem> {
        let mut trial = self.trial(document)?;
        self.try_taking(&mut trial, subject, passed_on)?;
        Ok(trial)
    }

    /// The same as a part of a trial.
    pub(super) fn try_taking(&self, trial: &mut Trial, subject: Subject, passed_on: PassedOn) -> Result<(), Problem> {
        if !trial.access.rows().iter().any(|row| row.who == subject && row.is_live(now())) {
            return Err(Problem::conflict(
                format!("{} has no role on this document to take back", self.party(subject)),
                "see who has one with `csu access`",
            ));
        }
        let us = self.machine.organisation();
        if subject == Subject::Organisation(us) {
            self.try_renunciation(trial, us, passed_on)?;
        } else {
            let under = self.standing(&trial.document, Role::Admin, "taking a role back")?;
            self.try_eviction(trial, under, subject, passed_on)?;
        }
        if let Some(row) = trial.access.rows().into_iter().find(|row| row.who == subject && row.is_live(now())) {
            let by = row.chain.last().map_or_else(|| "somebody above".to_owned(), |link| self.organisation(&link.by).to_string());
            return Err(Problem::denied(
                format!("{} still has the role {} by {by}, which this organisation cannot take back", self.party(subject), row.role),
                format!("ask {by} to take it back"),
            ));
        }
        Ok(())
    }

    /// Revokes another's roles, and repairs what that would give again.
    pub(super) fn try_eviction(&self, trial: &mut Trial, under: EntryId, subject: Subject, passed_on: PassedOn) -> Result<(), Problem> {
        let (principal, keep) = match subject {
            Subject::Anyone => (Principal::Anyone, Vec::new()),
            Subject::Organisation(id) => (Principal::Organisation(id), kept(&trial.access, &id, passed_on)),
        };
        let counted = counting_revocations(&trial.access);
        self.try_control(trial, under, Body::Revoke { principal, keep })?;
        self.try_taking_again(trial, under, principal, &counted)
    }

    /// Takes back in our own name what others had taken back and an eviction would now give again. That
    /// happens where the evicted contradicted itself: of two branches of its entries a revocation keeps one, and
    /// what it revoked on the other one falls; and wherever nothing that it signed about roles is kept.
    fn try_taking_again(&self, trial: &mut Trial, under: EntryId, evicted: Principal, counted: &BTreeSet<EntryId>) -> Result<(), Problem> {
        // Signed in our own name, a revocation of ourselves would give up the role that we evict by.
        let own = Principal::Organisation(self.machine.organisation());
        let fallen: BTreeSet<EntryId> = counted.difference(&counting_revocations(&trial.access)).copied().collect();
        for stored in self.storage.entries(&trial.document, &fallen)? {
            let entry = stored.entry.reopen().map_err(|error| ReadError(format!("document {}: {error}", trial.document)))?;
            if let Body::Revoke { principal, keep } = &entry.header().body
                && ![evicted, own].contains(principal)
            {
                self.try_control(trial, under, Body::Revoke { principal: *principal, keep: keep.clone() })?;
            }
        }
        Ok(())
    }

    /// Gives up every role of our own, which needs no other role. Each was given by an entry of its
    /// own and is given up by one.
    fn try_renunciation(&self, trial: &mut Trial, us: OrganisationId, passed_on: PassedOn) -> Result<(), Problem> {
        if trial.access.owner() == Some(us) {
            return Err(Problem::conflict("the owner cannot give its document up", "withdraw it instead"));
        }
        while let Some(under) = trial.access.standing_for(&us, Role::Relay, now()) {
            let keep = kept(&trial.access, &us, passed_on);
            self.try_control(trial, under, Body::Revoke { principal: Principal::Organisation(us), keep })?;
        }
        Ok(())
    }

    pub(super) fn preview(&mut self, reference: &str, request: &RevocationRequest) -> Result<RevocationEffect, Problem> {
        let whom = self.revoked(&request.who)?;
        match self.find(reference)? {
            // Nobody has learned of a draft.
            Named::Draft(_) => Ok(RevocationEffect::default()),
            Named::Document(document, _) => {
                self.refuse_erased(&document)?;
                let trial = self.try_request(&document, &whom, request.passed_on)?;
                self.effect(&document, &*self.access_of(&document)?, &trial.access)
            }
        }
    }

    fn revoked(&self, who: &str) -> Result<Revoked, Problem> {
        match circle_named_in(who) {
            Some(name) => self.find_circle(name).map(Revoked::Circle),
            None => self.subject(who).map(Revoked::Subject),
        }
    }

    fn try_request(&mut self, document: &DocumentId, whom: &Revoked, passed_on: PassedOn) -> Result<Trial, Problem> {
        match whom {
            Revoked::Subject(subject) => self.try_revocation(document, *subject, passed_on),
            Revoked::Circle(circle) => self.try_unsharing(document, circle, passed_on).map(|(trial, _)| trial),
        }
    }

    pub(super) fn revoke_roles(
        &mut self,
        actor: &Actor,
        reference: &str,
        request: &RevocationRequest,
    ) -> Result<RevocationOutcome, Problem> {
        let whom = self.revoked(&request.who)?;
        let document = match self.find(reference)? {
            Named::Document(document, _) => document,
            Named::Draft(draft) => {
                let mut content = draft.content;
                match &whom {
                    Revoked::Subject(subject) => content.audience.retain(|known| known.subject != *subject),
                    Revoked::Circle(circle) => content.circles.retain(|known| known.circle != circle.key),
                }
                self.storage.update_draft(draft.number, &content, now())?;
                self.log_act(actor, LogVerb::Alteration, None, None, format!("changed whom draft {} is for", draft.number))?;
                let document = self.show_draft(draft.number)?;
                return Ok(RevocationOutcome { document, falls: Vec::new(), effect: RevocationEffect::default() });
            }
        };
        self.refuse_erased(&document)?;
        let before = self.access_of(&document)?;
        match &whom {
            Revoked::Subject(subject) => {
                let trial = self.try_revocation(&document, *subject, request.passed_on)?;
                self.carry_out(trial)?;
                self.log_access(actor, &document, *subject, "took its roles back".to_owned())?;
            }
            Revoked::Circle(circle) => {
                self.unshare(&document, circle, request.passed_on)?;
                let detail = format!("took back what members of the circle {} had by it", circle.name);
                self.log_act(actor, LogVerb::Access, Some(document), None, detail)?;
            }
        }
        self.pump()?;
        let after = self.access_of(&document)?;
        let effect = self.effect(&document, &before, &after)?;
        let falls = who_reads(&before).difference(&who_reads(&after)).map(|id| self.organisation(id)).collect();
        Ok(RevocationOutcome { document: self.show_document(&document)?, falls, effect })
    }

    /// What is different between two graphs of a document.
    pub(super) fn effect(&self, document: &DocumentId, before: &Access, after: &Access) -> Result<RevocationEffect, Problem> {
        let stored = Read::document(&self.storage, document)?;
        let (old, new) = (self.read_by(document, before, &stored), self.read_by(document, after, &stored));
        let (had, has) = (roles(before), roles(after));
        let mut effect = RevocationEffect { entries: self.fallen(before, after, &stored), ..RevocationEffect::default() };
        for subject in had.keys().chain(has.keys()).copied().collect::<BTreeSet<Subject>>() {
            let who = self.party(subject);
            match (had.get(&subject), has.get(&subject)) {
                (Some(one), Some(other)) if one == other => {}
                (Some(one), other) if other.is_none_or(|other| other < one) => effect.losses.push(RoleLoss {
                    who,
                    had: one.role,
                    had_until: one.until().map(Into::into),
                    keeps: other.map(|other| other.role),
                    keeps_until: other.and_then(Held::until).map(Into::into),
                    holds: still_held(one.role),
                }),
                (_, Some(other)) => effect.gains.push(RoleGain { who, role: other.role, until: other.until().map(Into::into) }),
                (_, None) => {}
            }
        }
        let gone = |by: &OrganisationId| {
            let subject = Subject::Organisation(*by);
            had.contains_key(&subject) && !has.contains_key(&subject)
        };
        for row in after.rows().into_iter().filter(|row| row.is_live(now())) {
            if let Some(link) = row.chain.last().filter(|link| gone(&link.by)) {
                effect.stays.push(StayingRole { who: self.party(row.who), role: row.role, by: self.organisation(&link.by) });
            }
        }
        effect.changed = old.snapshot.changed_paths(&new.snapshot);
        effect.annexes = self.annexes_lost(document, after)?;
        if old.state != new.state {
            effect.state = Some(StateChange { from: old.state.to_owned(), to: new.state.to_owned() });
        }
        Ok(effect)
    }

    /// The revisions and responses that counted and do not any more.
    fn fallen(&self, before: &Access, after: &Access, stored: &[StoredEntry]) -> Vec<FallenEntry> {
        let content = |access: &Access| -> BTreeSet<EntryId> {
            access.effective_revisions().into_iter().chain(access.effective_responses()).collect()
        };
        let fallen: BTreeSet<EntryId> = content(before).difference(&content(after)).copied().collect();
        let headers = stored.iter().filter_map(|stored| Header::from_canonical(&stored.entry.header).ok());
        headers
            .filter(|header| fallen.contains(&header.id()))
            .map(|header| FallenEntry {
                entry: header.id(),
                kind: EntryKind::from(&header.body),
                by: self.organisation(&header.organisation),
            })
            .collect()
    }
}

/// From whom something is taken back.
enum Revoked {
    Subject(Subject),
    Circle(CircleRow),
}

/// What a revocation keeps of what the evicted did.
fn kept(access: &Access, of: &OrganisationId, passed_on: PassedOn) -> Vec<Keep> {
    let mut keep = access.keep_all_of(of);
    if passed_on == PassedOn::Fall {
        // Grants are control entries. What it wrote itself was done in good faith all the same.
        keep.retain(|keep| keep.plane == Plane::Content);
    }
    keep
}

/// The highest role that somebody has, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    role: Role,
    /// [`NEVER`] if it does not end.
    end: Timestamp,
}

impl Held {
    fn until(&self) -> Option<Timestamp> {
        (self.end != NEVER).then_some(self.end)
    }
}

const NEVER: Timestamp = Timestamp::from_ms(u64::MAX);

/// Who has which role by name, and for how long.
fn roles(access: &Access) -> BTreeMap<Subject, Held> {
    let mut held: BTreeMap<Subject, Held> = BTreeMap::new();
    for row in access.rows().into_iter().filter(|row| row.is_live(now())) {
        let this = Held { role: row.role, end: row.until.unwrap_or(NEVER) };
        held.entry(row.who).and_modify(|known| *known = this.max(*known)).or_insert(this);
    }
    held
}

/// The highest role that a subject has by name.
pub(super) fn highest(access: &Access, subject: Subject) -> Option<Role> {
    roles(access).get(&subject).map(|held| held.role)
}

/// What somebody who had a role holds without it.
pub(super) fn still_held(role: Role) -> Vec<String> {
    let received = match role {
        Role::Relay => "the sealed content it had received until then, which it cannot read",
        Role::Read | Role::Write | Role::Admin => "what it had received until then",
    };
    vec![received.to_owned(), "who may do what".to_owned()]
}

fn who_reads(access: &Access) -> BTreeSet<OrganisationId> {
    access.named().into_iter().filter(|organisation| access.role_now(organisation, now()).is_some()).collect()
}

/// The revocations that count.
fn counting_revocations(access: &Access) -> BTreeSet<EntryId> {
    access.authorised_revocations().into_iter().collect()
}
