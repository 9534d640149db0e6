//! What follows from a circle's members: grants to who came in, revocations of who went out, for past documents too.
//!
//! Nothing is kept about what is to be done. It is found each time from the circle as it is, what was granted to it, and
//! the documents' own graphs, so that an interrupted run is simply run again, and what somebody did by hand is respected:
//! a member whose role was taken back is not given it again because it is still a member, and whoever has the role from
//! elsewhere too does not lose it.

use super::super::opening::{Named, Open};
use super::super::revoking::{Trial, highest};
use super::super::{Office, now};
use super::giving::{Giving, as_grant, batches, covers, grants_of, is_gift};
use crate::desk::{Actor, Applied, Blocked, CircleChange, CircleStep, PassedOn, PendingPage, PendingQuery, Problem};
use crate::storage::{CircleGrant, CircleRow, Gift, Member};
use csu_protocol::access::Row;
use csu_protocol::document::Marking;
use csu_protocol::entry::{Body, Grant, Role, Subject};
use csu_protocol::id::{DocumentId, EntryId, OrganisationId};
use std::collections::BTreeSet;

/// What is to be done for one organisation on one document.
#[derive(Debug)]
enum Change {
    /// A member lacks what its circle has.
    Give(Giving),
    /// A former member has by the circle what it has from nowhere else.
    Take { who: OrganisationId, loses: Grant, keepers: Vec<Giving> },
}

/// Whether a document is still granted to the circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sharing {
    AsKept,
    Ended,
}

/// One document as circles see it.
struct Scene {
    owner: OrganisationId,
    live: Vec<Row>,
    shares: Vec<CircleGrant>,
    gifts: Vec<Gift>,
}

impl Office {
    /// None where nothing is to be changed any more, or nothing may be told: the document is withdrawn or erased, silent, or not here.
    fn scene(&self, document: &DocumentId, circle: &CircleRow, sharing: Sharing) -> Result<Option<Scene>, Problem> {
        if self.machine.document(document).is_none() || self.is_silent(document) {
            return Ok(None);
        }
        let access = self.access_of(document)?;
        let Some(owner) = access.owner().filter(|_| access.withdrawal().is_none() && !access.is_erased()) else { return Ok(None) };
        let mut shares = self.storage.shares(document)?;
        shares.retain(|share| share.until.is_none_or(|until| now() < until));
        if sharing == Sharing::Ended {
            shares.retain(|share| share.circle != circle.key);
        }
        let live = access.rows().into_iter().filter(|row| row.is_live(now())).collect();
        Ok(Some(Scene { owner, live, shares, gifts: self.storage.gifts(document)? }))
    }

    /// What is to be done for a document. Takes come first, so that the keys which new readers need are not sealed for former ones.
    fn changes(&self, circle: &CircleRow, document: &DocumentId, sharing: Sharing) -> Result<Vec<Change>, Problem> {
        let Some(scene) = self.scene(document, circle, sharing)? else { return Ok(Vec::new()) };
        let members = self.storage.members(circle.key)?;
        let mut changes = Vec::new();
        let is_member = |who: &OrganisationId| members.iter().any(|member| member.organisation == *who);
        // A member may have been given it by another circle's entry: the document ends for it here all the same.
        let concerned = |gift: &&Gift| gift.circle == circle.key || sharing == Sharing::Ended && is_member(&gift.organisation);
        let given = scene.gifts.iter().filter(concerned).map(|gift| gift.organisation);
        for who in given.collect::<BTreeSet<OrganisationId>>() {
            let stays =
                members.iter().any(|member| member.organisation == who) && scene.shares.iter().any(|share| share.circle == circle.key);
            if stays {
                continue;
            }
            let mut keepers = scene.own(&who);
            for share in &scene.shares {
                if self.storage.members(share.circle)?.iter().any(|member| member.organisation == who) {
                    keepers.push(Giving { grant: grant_of(share, &who), circle: Some(share.circle) });
                }
            }
            if let Some(loses) = scene.loses(&who, &keepers) {
                changes.push(Change::Take { who, loses, keepers: needed_among(keepers) });
            }
        }
        changes.extend(members.iter().flat_map(|member| scene.gives(circle, member)).map(Change::Give));
        Ok(changes)
    }

    /// Works out a revocation, and gives again what the organisation has from elsewhere. Which entry gives what again.
    fn try_change(
        &self,
        trial: &mut Trial,
        who: &OrganisationId,
        keepers: &[Giving],
        passed_on: PassedOn,
    ) -> Result<Vec<(EntryId, Vec<Giving>)>, Problem> {
        self.try_taking(trial, Subject::Organisation(*who), passed_on)?;
        let under = self.standing(trial.document(), Role::Admin, "taking a role back")?;
        let mut again = Vec::new();
        for batch in batches(keepers.to_vec()) {
            let grants = batch.iter().map(|giving| giving.grant).collect();
            again.push((self.try_control(trial, under, Body::Grant { grants })?, batch));
        }
        Ok(again)
    }

    /// What keeps each of these givings from being given: a role or a kind for all of them; the marking, what an annex belongs
    /// to, or the want of a card for each by itself.
    fn blocked_gives(&mut self, document: &DocumentId, givings: &[Giving]) -> Result<Vec<Option<Problem>>, Problem> {
        if givings.is_empty() {
            return Ok(Vec::new());
        }
        let open = match self.check_all_gives(document, givings) {
            Ok(open) => open,
            Err(problem) => return Ok(vec![Some(problem); givings.len()]),
        };
        let marking = open.snapshot.marking.unwrap_or(Marking::Red);
        let check = |giving: &Giving| {
            let grant = [giving.grant];
            self.check_part(&open, &grant)?;
            self.check_marking(marking, &grant)?;
            self.screen_widening(document, open.kind, open.snapshot.fields.as_map(), &grant, None)?;
            self.check_cards(&grant)
        };
        Ok(givings.iter().map(|giving| check(giving).err()).collect())
    }

    fn check_all_gives(&mut self, document: &DocumentId, givings: &[Giving]) -> Result<std::rc::Rc<Open>, Problem> {
        self.standing(document, Role::Admin, "granting")?;
        let open = self.open_document(document)?;
        Self::check_audience(open.kind, &self.audience_with(document, &grants_of(givings))?)?;
        Ok(open)
    }

    /// What would be done for a document, each with why it cannot be, if it cannot.
    fn foresee(&mut self, circle: &CircleRow, document: &DocumentId) -> Result<Vec<CircleChange>, Problem> {
        let changes = self.changes(circle, document, Sharing::AsKept)?;
        let givings: Vec<Giving> = changes.iter().filter_map(Change::giving).collect();
        let mut blocked = self.blocked_gives(document, &givings)?.into_iter();
        let mut foreseen = Vec::new();
        for change in changes {
            foreseen.push(match change {
                Change::Give(giving) => {
                    // They are asked about in the order of the changes.
                    self.giving_line(document, &giving.grant, blocked.next().flatten().as_ref())?
                }
                Change::Take { who, loses, keepers } => {
                    let mut trial = self.trial(document)?;
                    let tried = self.try_change(&mut trial, &who, &keepers, PassedOn::Stay);
                    self.taking_line(document, &loses, tried.err().as_ref().map_or(Ok(&trial), Err))?
                }
            });
        }
        Ok(foreseen)
    }

    fn line(&self, document: &DocumentId, grant: &Grant, change: CircleStep) -> Result<CircleChange, Problem> {
        let who = match grant.subject {
            Subject::Organisation(id) => id,
            // No circle has anyone in it.
            Subject::Anyone => self.machine.organisation(),
        };
        Ok(CircleChange {
            document: *document,
            reference: document.short(),
            title: self.line_of(document)?.map(|line| line.title).unwrap_or_default(),
            who: self.organisation(&who),
            change,
            role: grant.role,
            until: grant.until.map(Into::into),
            keeps: None,
            effect: None,
            blocked: None,
        })
    }

    fn giving_line(&self, document: &DocumentId, grant: &Grant, blocked: Option<&Problem>) -> Result<CircleChange, Problem> {
        Ok(CircleChange { blocked: blocked.map(blocked_by), ..self.line(document, grant, CircleStep::Gives)? })
    }

    fn taking_line(&self, document: &DocumentId, loses: &Grant, tried: Result<&Trial, &Problem>) -> Result<CircleChange, Problem> {
        let line = self.line(document, loses, CircleStep::Takes)?;
        Ok(match tried {
            Ok(trial) => {
                let effect = self.effect(document, &*self.access_of(document)?, trial.access())?;
                CircleChange { keeps: highest(trial.access(), loses.subject), effect: Some(effect), ..line }
            }
            Err(problem) => CircleChange { blocked: Some(blocked_by(problem)), ..line },
        })
    }

    pub(in super::super) fn pending_page(&mut self, name: &str, query: &PendingQuery) -> Result<PendingPage, Problem> {
        self.pump()?;
        let circle = self.find_circle(name)?;
        let limit = query.limit.unwrap_or(PendingQuery::DEFAULT_LIMIT).clamp(1, PendingQuery::MAX_LIMIT);
        let documents = self.storage.documents_of_circle(circle.key, query.after.as_ref(), limit)?;
        let full = u64::try_from(documents.len()).is_ok_and(|found| found >= u64::from(limit));
        let mut page = PendingPage { items: Vec::new(), next: None };
        for (at, document) in documents.iter().enumerate() {
            page.items.extend(self.foresee(&circle, document)?);
            let is_last = at + 1 == documents.len();
            // Each change was worked out, which takes its time: others want to be answered, too.
            if (is_last && full) || (!is_last && page.items.len() >= PendingQuery::MOST_CHANGES) {
                page.next = Some(*document);
                break;
            }
        }
        Ok(page)
    }

    pub(in super::super) fn apply_to(&mut self, actor: &Actor, name: &str, reference: &str) -> Result<Applied, Problem> {
        let circle = self.find_circle(name)?;
        let document = match self.find(reference)? {
            Named::Document(document, _) => document,
            Named::Draft(draft) => {
                return Err(Problem::conflict(
                    format!("{} is a draft, which is granted to the members there are when it is shared", draft.number),
                    "issue, publish or send it",
                ));
            }
        };
        let mut applied = Applied { document, reference: document.short(), done: Vec::new(), refused: Vec::new() };
        let changes = self.changes(&circle, &document, Sharing::AsKept)?;
        let wanted: Vec<Giving> = changes.iter().filter_map(Change::giving).collect();
        for change in changes {
            let Change::Take { who, loses, keepers } = change else { continue };
            let mut trial = self.trial(&document)?;
            match self.try_change(&mut trial, &who, &keepers, PassedOn::Stay) {
                Err(problem) => applied.refused.push(self.taking_line(&document, &loses, Err(&problem))?),
                Ok(again) => {
                    applied.done.push(self.taking_line(&document, &loses, Ok(&trial))?);
                    self.carry_out(trial)?;
                    self.remember_taking(&document, &who, &again)?;
                    let detail = format!("took back what it had by the circle {}", circle.name);
                    self.log_access(actor, &document, Subject::Organisation(who), detail)?;
                }
            }
        }
        self.apply_gives(actor, wanted, &mut applied)?;
        Ok(applied)
    }

    fn apply_gives(&mut self, actor: &Actor, wanted: Vec<Giving>, applied: &mut Applied) -> Result<(), Problem> {
        let document = applied.document;
        let blocked = self.blocked_gives(&document, &wanted)?;
        let mut givings = Vec::new();
        for (giving, blocked) in wanted.into_iter().zip(blocked) {
            let line = self.giving_line(&document, &giving.grant, blocked.as_ref())?;
            if line.blocked.is_some() {
                applied.refused.push(line);
            } else {
                applied.done.push(line);
                givings.push(giving);
            }
        }
        if givings.is_empty() { Ok(()) } else { self.grant_roles(actor, &document, givings, &[]) }
    }

    /// What was given before is gone; what was given again is known by its new entries.
    pub(in super::super) fn remember_taking(
        &mut self,
        document: &DocumentId,
        who: &OrganisationId,
        again: &[(EntryId, Vec<Giving>)],
    ) -> Result<(), Problem> {
        for gift in self.storage.gifts(document)?.into_iter().filter(|gift| gift.organisation == *who) {
            self.storage.forget_gifts(document, gift.circle, who)?;
        }
        for (entry, batch) in again {
            self.remember_givings(document, *entry, batch)?;
        }
        Ok(())
    }

    /// Works out how to take back what a circle's members have of a document by the circle alone, and what is given again.
    pub(in super::super) fn try_unsharing(
        &mut self,
        document: &DocumentId,
        circle: &CircleRow,
        passed_on: PassedOn,
    ) -> Result<(Trial, Taken), Problem> {
        let known = self.storage.shares(document)?.iter().any(|share| share.circle == circle.key);
        if !known {
            return Err(Problem::conflict(
                format!("this document is not granted to the circle {}", circle.name),
                "see who has a role with `csu access`; name an organisation to take back what it has",
            ));
        }
        let mut trial = self.trial(document)?;
        let mut taken = Vec::new();
        for change in self.changes(circle, document, Sharing::Ended)? {
            if let Change::Take { who, keepers, .. } = change {
                let again = self.try_change(&mut trial, &who, &keepers, passed_on)?;
                taken.push((who, again));
            }
        }
        Ok((trial, taken))
    }

    /// Ends that a document is granted to a circle.
    pub(in super::super) fn unshare(&mut self, document: &DocumentId, circle: &CircleRow, passed_on: PassedOn) -> Result<(), Problem> {
        let (trial, taken) = self.try_unsharing(document, circle, passed_on)?;
        self.carry_out(trial)?;
        for (who, again) in &taken {
            self.remember_taking(document, who, again)?;
        }
        self.storage.remove_shares(document, circle.key)?;
        Ok(())
    }
}

/// From whom something was taken, and which entries give it what again.
pub(in super::super) type Taken = Vec<(OrganisationId, Vec<(EntryId, Vec<Giving>)>)>;

impl Change {
    fn giving(&self) -> Option<Giving> {
        match self {
            Self::Give(giving) => Some(*giving),
            Self::Take { .. } => None,
        }
    }
}

impl Scene {
    /// What a member is to be given.
    fn gives(&self, circle: &CircleRow, member: &Member) -> Vec<Giving> {
        let who = member.organisation;
        // Given since it came in and gone again: somebody took it back, and means it.
        let taken = self.gifts.iter().any(|gift| gift.circle == circle.key && gift.organisation == who && gift.at >= member.since);
        if who == self.owner || taken {
            return Vec::new();
        }
        let shares = self.shares.iter().filter(|share| share.circle == circle.key).map(|share| grant_of(share, &who));
        let lacks = |grant: &Grant| !self.live.iter().any(|row| covers(&as_grant(row), grant));
        needed_among(shares.filter(lacks).map(|grant| Giving { grant, circle: Some(circle.key) }).collect())
    }

    /// What an organisation has for no circle's sake.
    fn own(&self, who: &OrganisationId) -> Vec<Giving> {
        let own = |row: &&Row| row.who == Subject::Organisation(*who) && !is_gift(&self.gifts, row);
        self.live.iter().filter(own).map(|row| Giving { grant: as_grant(row), circle: None }).collect()
    }

    /// The highest of what an organisation has by circles and nothing keeps.
    fn loses(&self, who: &OrganisationId, keepers: &[Giving]) -> Option<Grant> {
        let by_circle = |row: &&Row| row.who == Subject::Organisation(*who) && is_gift(&self.gifts, row);
        let rows = self.live.iter().filter(by_circle).map(as_grant);
        let lost = rows.filter(|grant| !keepers.iter().any(|keeper| covers(&keeper.grant, grant)));
        lost.max_by_key(|grant| (grant.role, grant.until.is_none(), grant.until))
    }
}

fn grant_of(share: &CircleGrant, who: &OrganisationId) -> Grant {
    Grant { subject: Subject::Organisation(*who), role: share.role, until: share.until }
}

/// Those that no other covers.
fn needed_among(mut givings: Vec<Giving>) -> Vec<Giving> {
    givings.sort_by_key(|giving| std::cmp::Reverse((giving.grant.role, giving.grant.until.is_none(), giving.grant.until)));
    let mut needed: Vec<Giving> = Vec::new();
    for giving in givings {
        if !needed.iter().any(|known| covers(&known.grant, &giving.grant)) {
            needed.push(giving);
        }
    }
    needed
}

fn blocked_by(problem: &Problem) -> Blocked {
    Blocked { why: problem.detail().to_owned(), remedy: problem.remedy().to_owned() }
}
