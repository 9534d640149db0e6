//! What a kind, a marking and a classification allow.
//!
//! The marking and the classification are sealed with the content: readers' nodes honour them, and holders that cannot read
//! do not know them. So they bound what *this* node signs.

use super::Office;
use crate::desk::{Party, Problem};
use csu_protocol::document::kind::{CLASSIFICATION, OFFICIAL_SENSITIVE};
use csu_protocol::document::{Kind, Marking, Parties, Wanted};
use csu_protocol::entry::{Grant, Role, Subject};
use csu_protocol::id::OrganisationId;
use csu_protocol::identity::OrganisationKind;

/// The strictest marking under which somebody may be given this.
fn strictest(grant: &Grant) -> Marking {
    let fits = |marking: &Marking| match (grant.subject, grant.role) {
        (Subject::Anyone, _) => marking.is_public(),
        (Subject::Organisation(_), Role::Admin) => marking.may_be_passed_on(),
        (Subject::Organisation(_), Role::Relay | Role::Read | Role::Write) => true,
    };
    Marking::ALL.into_iter().rev().find(fits).unwrap_or(Marking::Clear)
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
        let us = Subject::Organisation(self.machine.organisation());
        let wide: Vec<&Grant> = grants.iter().filter(|grant| grant.subject != us && strictest(grant) < marking).collect();
        let Some(would_do) = wide.iter().map(|grant| strictest(grant)).min() else { return Ok(()) };
        let who: Vec<String> = wide.iter().map(|grant| self.too_wide(grant)).collect();
        Err(Problem::invalid(
            "marking",
            format!("TLP:{marking} does not allow it to be granted to {}", who.join(", nor to ")),
            format!("mark it {would_do} or milder, or give less; a role that was given is taken back with `csu grant revoke`"),
        ))
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
