//! What a kind, a marking and a classification allow.
//!
//! The marking and the classification are sealed with the content: readers' nodes honour them, and holders that cannot read
//! do not know them. So they bound what *this* node signs.

use super::circles::{Giving, as_grant, batches, covers, grants_of, is_gift};
use super::revoking::Trial;
use super::{Office, now};
use crate::desk::{Party, PassedOn, Problem};
use crate::storage::{CircleGrant, CircleKey};
use csu_protocol::access::Row;
use csu_protocol::document::kind::{CLASSIFICATION, OFFICIAL_SENSITIVE};
use csu_protocol::document::{Kind, Marking, Parties, Wanted};
use csu_protocol::entry::{Body, Grant, Role, Subject};
use csu_protocol::id::{DocumentId, EntryId, OrganisationId};
use csu_protocol::identity::OrganisationKind;
use std::collections::BTreeSet;

/// The strictest marking under which somebody may be given this.
fn strictest(grant: &Grant) -> Marking {
    let fits = |marking: &Marking| match (grant.subject, grant.role) {
        (Subject::Anyone, _) => marking.is_public(),
        (Subject::Organisation(_), Role::Admin) => marking.may_be_passed_on(),
        (Subject::Organisation(_), Role::Relay | Role::Read | Role::Write) => true,
    };
    Marking::ALL.into_iter().rev().find(fits).unwrap_or(Marking::Clear)
}

/// What a marking asks for, worked out and not done.
#[derive(Debug)]
pub(super) struct Narrowing {
    trial: Trial,
    /// Who had more than it allows.
    wide: BTreeSet<Subject>,
    /// What of it they are given again, and by which entries.
    given: Vec<(EntryId, Vec<Giving>)>,
}

impl Narrowing {
    /// The graph as it would be.
    pub(super) fn into_trial(self) -> Trial {
        self.trial
    }
}

impl Office {
    /// Whether a kind allows an audience, all of it.
    pub(super) fn check_audience(kind: &Kind, audience: &[Grant]) -> Result<(), Problem> {
        if kind.parties == Parties::Two && !matches!(audience, [Grant { subject: Subject::Organisation(_), .. }]) {
            return Err(Problem::invalid(
                "to",
                format!("{} is between exactly two organisations, and this names {}", kind.one(), audience.len()),
                "name the other one with --to",
            ));
        }
        Ok(())
    }

    /// Whether a marking allows grants. Says which are too wide, and which marking would do. Ours are no matter: they say
    /// what we may, and not what we do.
    pub(super) fn check_marking(&self, marking: Marking, grants: &[Grant]) -> Result<(), Problem> {
        self.refuse_wide(marking, grants, "or give less")
    }

    /// Whether a marking allows what was granted before; `remedy` says how else it could be mended.
    fn refuse_wide(&self, marking: Marking, grants: &[Grant], remedy: &str) -> Result<(), Problem> {
        let wide = self.wide(marking, grants);
        let Some(would_do) = wide.iter().map(strictest).min() else { return Ok(()) };
        let who: Vec<String> = wide.iter().map(|grant| self.too_wide(grant)).collect();
        Err(Problem::invalid(
            "marking",
            format!("TLP:{marking} does not allow it to be granted to {}", who.join(", nor to ")),
            format!("mark it {would_do} or milder, {remedy}"),
        ))
    }

    /// Those of some grants that a marking does not allow.
    fn wide(&self, marking: Marking, grants: &[Grant]) -> Vec<Grant> {
        let us = Subject::Organisation(self.machine.organisation());
        grants.iter().filter(|grant| grant.subject != us && strictest(grant) < marking).copied().collect()
    }

    /// Works out what a marking asks for: the roles that it does not allow are taken back, and lowered where a lower one is
    /// allowed. None if it allows all that is given.
    pub(super) fn try_narrowing(&mut self, document: &DocumentId, marking: Marking) -> Result<Option<Narrowing>, Problem> {
        let live: Vec<Row> = self.access_of(document)?.rows().into_iter().filter(|row| row.is_live(now())).collect();
        let wide: BTreeSet<Subject> =
            self.wide(marking, &live.iter().map(as_grant).collect::<Vec<_>>()).into_iter().map(|grant| grant.subject).collect();
        if wide.is_empty() {
            return Ok(None);
        }
        let under = self.standing(document, Role::Admin, "taking a role back")?;
        let gifts = self.storage.gifts(document)?;
        let mut trial = self.trial(document)?;
        let mut again: Vec<Giving> = Vec::new();
        for subject in &wide {
            self.try_taking(&mut trial, *subject, PassedOn::Stay)?;
            // All that somebody had is taken with one role; what the marking allows of it is given again.
            for row in live.iter().filter(|row| row.who == *subject) {
                let given = as_grant(row);
                let grant = if strictest(&given) < marking { Grant { role: Role::Write.min(given.role), ..given } } else { given };
                let circle = gifts.iter().find(|gift| is_gift(std::slice::from_ref(gift), row)).map(|gift| gift.circle);
                let is_known = again.iter().any(|known| known.circle == circle && covers(&known.grant, &grant));
                if strictest(&grant) >= marking && !is_known {
                    again.push(Giving { grant, circle });
                }
            }
        }
        let mut given = Vec::new();
        for batch in batches(again) {
            let entry = self.try_control(&mut trial, under, Body::Grant { grants: grants_of(&batch) })?;
            given.push((entry, batch));
        }
        Ok(Some(Narrowing { trial, wide, given }))
    }

    /// Does it, and lowers what circles are granted: who comes into one later is given no more than the marking allows.
    pub(super) fn narrow_to(&mut self, narrowing: Narrowing, marking: Marking) -> Result<(), Problem> {
        let document = *narrowing.trial.document();
        self.carry_out(narrowing.trial)?;
        for subject in &narrowing.wide {
            if let Subject::Organisation(who) = subject {
                self.remember_taking(&document, who, &[])?;
            }
        }
        for (entry, batch) in &narrowing.given {
            self.remember_givings(&document, *entry, batch)?;
        }
        let somebody = Subject::Organisation(self.machine.organisation());
        let allowed = |role: Role| strictest(&Grant { subject: somebody, role, until: None }) >= marking;
        let shares = self.storage.shares(&document)?;
        let circles: BTreeSet<CircleKey> = shares.iter().filter(|share| !allowed(share.role)).map(|share| share.circle).collect();
        for circle in circles {
            self.storage.remove_shares(&document, circle)?;
            for share in shares.iter().filter(|share| share.circle == circle) {
                let role = if allowed(share.role) { share.role } else { Role::Write };
                self.storage.put_share(&document, &CircleGrant { role, ..*share })?;
            }
        }
        Ok(())
    }

    /// Whether what was granted before may stay under a marking that a document is to bear from now on.
    pub(super) fn check_remarking(&self, document: &DocumentId, marking: Marking) -> Result<(), Problem> {
        let remedy = "or take back what it does not allow in the same step with --narrow; --dry-run shows what that would be";
        self.refuse_wide(marking, &self.audience_with(document, &[])?, remedy)
    }

    fn too_wide(&self, grant: &Grant) -> String {
        match self.party(grant.subject) {
            Party::Anyone => "anyone".to_owned(),
            Party::Organisation(organisation) => format!("{} as {}, who could give it to others", organisation.name, grant.role),
        }
    }

    /// Whether a document of `owner` may bear the classification it is to have, and with the marking beside it.
    pub(super) fn check_classification(&self, owner: &OrganisationId, wanted: &Wanted) -> Result<(), Problem> {
        let Some(classification) = wanted.fields.get(CLASSIFICATION.name).and_then(|value| value.as_str()) else { return Ok(()) };
        let ours = *owner == self.machine.organisation();
        let kind = if ours { Some(self.keys.card().card().kind) } else { self.organisation(owner).kind };
        if kind != Some(OrganisationKind::Police) {
            return Err(Problem::invalid(
                CLASSIFICATION.name,
                "only documents of the police bear a Government Security Classification",
                "leave it empty; the marking says how far a document may go",
            ));
        }
        if classification == OFFICIAL_SENSITIVE && wanted.marking < Marking::Amber {
            return Err(Problem::invalid(
                "marking",
                format!("{classification} does not go with TLP:{}", wanted.marking),
                format!("mark it {} or stricter", Marking::Amber),
            ));
        }
        Ok(())
    }
}
