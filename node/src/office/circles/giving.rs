//! From whom a person names to the grants that are signed.

use super::super::drafting::merge;
use super::super::{Office, now};
use crate::desk::Problem;
use crate::storage::{CircleGrant, CircleKey, DraftContent, Gift};
use csu_protocol::access::Row;
use csu_protocol::entry::{Body, Grant, Subject};
use csu_protocol::id::{DocumentId, EntryId, OrganisationId};
use csu_protocol::limits;
use csu_protocol::time::Timestamp;

/// Whom something is to be granted to, circles not yet expanded.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Wishes {
    pub(in super::super) grants: Vec<Grant>,
    pub(in super::super) circles: Vec<CircleGrant>,
}

impl Wishes {
    /// Of two for one circle the later holds.
    pub(in super::super) fn add_circle(&mut self, grant: CircleGrant) {
        self.circles.retain(|known| known.circle != grant.circle);
        self.circles.push(grant);
    }

    /// Lets nothing of it last beyond a moment.
    pub(in super::super) fn end_by(&mut self, end: Timestamp) {
        let untils = self.grants.iter_mut().map(|grant| &mut grant.until).chain(self.circles.iter_mut().map(|grant| &mut grant.until));
        for until in untils {
            *until = Some(until.map_or(end, |until| until.min(end)));
        }
    }

    /// Adds them to what a draft wishes.
    pub(in super::super) fn add_to(self, content: &mut DraftContent) {
        merge(&mut content.audience, self.grants);
        for grant in self.circles {
            content.circles.retain(|known| known.circle != grant.circle);
            content.circles.push(grant);
        }
    }
}

/// A grant to be signed, and for which circle's sake if for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Giving {
    pub(in super::super) grant: Grant,
    pub(in super::super) circle: Option<CircleKey>,
}

/// Whether whoever has the one lacks nothing of the other.
pub(in super::super) fn covers(one: &Grant, other: &Grant) -> bool {
    let outlasts = one.until.is_none_or(|end| other.until.is_some_and(|wanted| wanted <= end));
    one.subject == other.subject && one.role >= other.role && outlasts
}

/// A live row as a grant.
pub(in super::super) fn as_grant(row: &Row) -> Grant {
    Grant { subject: row.who, role: row.role, until: row.until }
}

/// Every grant of givings, of several to one subject each: a lower one may last longer.
pub(in super::super) fn each_grant(givings: &[Giving]) -> Vec<Grant> {
    givings.iter().map(|giving| giving.grant).collect()
}

/// The grants of givings; of several to one subject the highest, for an audience.
pub(in super::super) fn grants_of(givings: &[Giving]) -> Vec<Grant> {
    highest_of(givings.iter().map(|giving| giving.grant))
}

/// Of several grants to one subject the highest.
pub(in super::super) fn highest_of(grants: impl Iterator<Item = Grant>) -> Vec<Grant> {
    let mut sorted: Vec<Grant> = grants.collect();
    sorted.sort_by_key(|grant| (grant.role, grant.until.is_none(), grant.until));
    let mut highest = Vec::new();
    merge(&mut highest, sorted);
    highest
}

/// Givings for one entry each: an entry names a subject once, and not too many of them.
pub(in super::super) fn batches(givings: Vec<Giving>) -> Vec<Vec<Giving>> {
    let mut batches: Vec<Vec<Giving>> = Vec::new();
    for giving in givings {
        let fits = |batch: &&mut Vec<Giving>| {
            batch.len() < limits::GRANTS && batch.iter().all(|known| known.grant.subject != giving.grant.subject)
        };
        match batches.iter_mut().find(fits) {
            Some(batch) => batch.push(giving),
            None => batches.push(vec![giving]),
        }
    }
    batches
}

impl Office {
    /// Circles expanded to their members as they are now. Whoever is named besides is not given the same twice.
    pub(in super::super) fn expand(&self, wishes: &Wishes, owner: &OrganisationId) -> Result<Vec<Giving>, Problem> {
        let mut givings: Vec<Giving> = wishes.grants.iter().map(|grant| Giving { grant: *grant, circle: None }).collect();
        let mut circles = wishes.circles.clone();
        circles.sort_by_key(|grant| std::cmp::Reverse((grant.role, grant.until.is_none(), grant.until)));
        for CircleGrant { circle, role, until } in circles {
            self.circle_of(circle)?;
            let members = self.storage.members(circle)?.into_iter().filter(|member| member.organisation != *owner);
            for member in members {
                let grant = Grant { subject: Subject::Organisation(member.organisation), role, until };
                if !givings.iter().any(|known| covers(&known.grant, &grant)) {
                    givings.push(Giving { grant, circle: Some(circle) });
                }
            }
        }
        Ok(givings)
    }

    /// Those that give more than their subjects have. A grant never lowers a role: the highest holds. What somebody has for
    /// a circle's sake is not its own: named by itself, it is given the same once more, and keeps it whatever becomes of
    /// the circle.
    pub(in super::super) fn needed(&self, document: &DocumentId, givings: Vec<Giving>) -> Result<Vec<Giving>, Problem> {
        let live: Vec<Row> = self.access_of(document)?.rows().into_iter().filter(|row| row.is_live(now())).collect();
        let gifts = self.storage.gifts(document)?;
        let given = |giving: &Giving| {
            let suffices = |row: &&Row| giving.circle.is_some() || !is_gift(&gifts, row);
            live.iter().filter(suffices).any(|row| covers(&as_grant(row), &giving.grant))
        };
        Ok(givings.into_iter().filter(|giving| !given(giving)).collect())
    }

    /// Whether circles are to be granted what is not remembered yet.
    pub(in super::super) fn shares_more(&self, document: &DocumentId, circles: &[CircleGrant]) -> Result<bool, Problem> {
        let known = self.storage.shares(document)?;
        let covered = |wanted: &CircleGrant| {
            let outlasts = |share: &CircleGrant| share.until.is_none_or(|end| wanted.until.is_some_and(|until| until <= end));
            known.iter().any(|share| share.circle == wanted.circle && share.role >= wanted.role && outlasts(share))
        };
        Ok(circles.iter().any(|wanted| !covered(wanted)))
    }

    /// Signs givings, an entry for each batch.
    pub(in super::super) fn sign_givings(
        &mut self,
        document: &DocumentId,
        under: EntryId,
        batches: Vec<Vec<Giving>>,
    ) -> Result<(), Problem> {
        for batch in batches {
            let grants = batch.iter().map(|giving| giving.grant).collect();
            let entry = self.sign_control(document, under, Body::Grant { grants })?;
            self.remember_givings(document, entry, &batch)?;
        }
        Ok(())
    }

    /// Remembers which givings of an entry were for circles' sakes.
    pub(in super::super) fn remember_givings(&mut self, document: &DocumentId, entry: EntryId, givings: &[Giving]) -> Result<(), Problem> {
        for giving in givings {
            if let (Some(circle), Subject::Organisation(organisation)) = (giving.circle, giving.grant.subject) {
                self.storage.put_gift(document, &Gift { circle, organisation, entry, at: now() })?;
            }
        }
        Ok(())
    }
}

/// Whether a row was given for some circle's sake.
pub(in super::super) fn is_gift(gifts: &[Gift], row: &Row) -> bool {
    gifts.iter().any(|gift| gift.entry == row.entry && row.who == Subject::Organisation(gift.organisation))
}

#[cfg(test)]
mod tests {
    use super::*;
    use csu_protocol::entry::Role;

    fn to(byte: u8, role: Role, until: Option<u64>) -> Giving {
        let subject = Subject::Organisation(OrganisationId::new([byte; 32]));
        Giving { grant: Grant { subject, role, until: until.map(Timestamp::from_ms) }, circle: None }
    }

    #[test]
    fn an_entry_names_a_subject_once_and_not_more_than_fit() {
        let many: Vec<Giving> = (0..=u8::MAX).map(|byte| to(byte, Role::Read, None)).collect();
        let again = [to(3, Role::Write, Some(9)), to(3, Role::Admin, Some(5))];
        let batches = batches(many.iter().chain(&again).copied().collect());
        assert_eq!(batches.iter().map(Vec::len).sum::<usize>(), 258);
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [64, 64, 64, 64, 1, 1]);
        for batch in &batches {
            let mut subjects: Vec<Subject> = batch.iter().map(|giving| giving.grant.subject).collect();
            subjects.sort();
            subjects.dedup();
            assert_eq!(subjects.len(), batch.len());
        }
    }

    #[test]
    fn a_role_covers_another_only_if_it_is_as_high_and_lasts_as_long() {
        let covers = |one: Giving, other: Giving| covers(&one.grant, &other.grant);
        assert!(covers(to(1, Role::Write, None), to(1, Role::Read, Some(5))));
        assert!(covers(to(1, Role::Read, Some(5)), to(1, Role::Read, Some(5))));
        assert!(!covers(to(1, Role::Write, Some(4)), to(1, Role::Read, Some(5))));
        assert!(!covers(to(1, Role::Write, Some(4)), to(1, Role::Read, None)));
        assert!(!covers(to(1, Role::Read, None), to(1, Role::Write, Some(1))));
        assert!(!covers(to(2, Role::Admin, None), to(1, Role::Relay, None)));
    }
}
