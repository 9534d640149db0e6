//! Grants, revocations, and who may do what.

use super::circles::{Giving, batches, each_grant, grants_of, highest_of};
use super::opening::Named;
use super::revoking::still_held;
use super::{Office, now};
use crate::desk::{AccessRow, AccessView, Actor, ChainLink, Document, GrantLine, GrantRequest, Party, Problem, Recipient};
use crate::log_verb::LogVerb;
use crate::storage::{CircleGrant, CircleRow, Gift};
use csu_protocol::access::Row;
use csu_protocol::entry::{Grant, Role, Subject};
use csu_protocol::id::{DocumentId, OrganisationId};
use std::collections::BTreeSet;

impl Office {
    /// A key can be wrapped only for an organisation whose card is here.
    pub(super) fn check_cards(&self, grants: &[Grant]) -> Result<(), Problem> {
        for grant in grants {
            if let Subject::Organisation(id) = grant.subject
                && self.machine.directory().current(&id).is_none()
            {
                return Err(Problem::conflict(
                    format!("this node has no card of {}, so nothing can be sealed for it", self.organisation(&id)),
                    "pair with it, or wait until a neighbour has passed its card on",
                ));
            }
        }
        Ok(())
    }

    pub(super) fn add_grant(&mut self, actor: &Actor, reference: &str, request: GrantRequest) -> Result<Document, Problem> {
        let recipient = Recipient { who: request.who, role: request.role, until: request.until };
        let mut wishes = self.recipients(&[recipient])?;
        match self.find(reference)? {
            Named::Draft(draft) => {
                // Nobody learns of a draft: the grant is signed when the document begins.
                let mut content = draft.content;
                wishes.add_to(&mut content);
                self.storage.update_draft(draft.number, &content, now())?;
                self.log_act(actor, LogVerb::Alteration, None, None, format!("changed whom draft {} is for", draft.number))?;
                self.show_draft(draft.number)
            }
            Named::Document(document, _) => {
                self.refuse_erased(&document)?;
                let open = self.open_document(&document)?;
                self.refuse_others_sealed(&document, open.kind, "give it")?;
                // Whoever may not give anything is told so first, and who may.
                self.standing(&document, Role::Admin, "granting")?;
                self.end_with_annex(&open, &mut wishes)?;
                let marking = open.snapshot.marking.unwrap_or(csu_protocol::document::Marking::Red);
                let needed = self.needed(&document, self.expand(&wishes, &open.owner)?)?;
                if needed.is_empty() && !self.shares_more(&document, &wishes.circles)? {
                    return Err(Problem::conflict(
                        "that role, or a higher one, is given already",
                        "see `csu access`; to lower a role take it back with `csu grant revoke`, then give the lower one",
                    ));
                }
                let grants = grants_of(&needed);
                Self::check_audience(open.kind, &self.audience_with(&document, &grants)?)?;
                self.check_part(&open, &each_grant(&needed))?;
                self.check_marking(marking, &grants)?;
                let (shared, checked) = (open.snapshot.fields.as_map(), request.personal_data_checked.as_ref());
                let screened = self.screen_widening(&document, open.kind, shared, &grants, checked)?;
                self.grant_roles(actor, &document, needed, &wishes.circles)?;
                self.log_screened(actor, &document, screened)?;
                self.show_document(&document)
            }
        }
    }

    /// Who has a role on a document now, and who would with `more`.
    pub(super) fn audience_with(&self, document: &DocumentId, more: &[Grant]) -> Result<Vec<Grant>, Problem> {
        let live = self.access_of(document)?.rows().into_iter().filter(|row| row.is_live(now()));
        Ok(highest_of(live.map(|row| Grant { subject: row.who, role: row.role, until: row.until }).chain(more.iter().copied())))
    }

    /// Notes that somebody here gave a role to `whom`, or took it.
    pub(super) fn log_access(&mut self, actor: &Actor, document: &DocumentId, whom: Subject, detail: String) -> Result<(), Problem> {
        let who = actor.person().unwrap_or("somebody at this node").to_owned();
        let to = self.party_for_log(whom);
        Ok(self.log(now(), LogVerb::Access, &who, Some(*document), Some(to), None, detail)?)
    }

    /// Signs grants, remembers which were for circles' sakes, and starts an epoch that opens the document to new readers.
    pub(super) fn grant_roles(
        &mut self,
        actor: &Actor,
        document: &DocumentId,
        givings: Vec<Giving>,
        circles: &[CircleGrant],
    ) -> Result<(), Problem> {
        self.refuse_silent(document)?;
        self.check_cards(&grants_of(&givings))?;
        let under = self.standing(document, Role::Admin, "granting")?;
        let grants = grants_of(&givings);
        self.sign_givings(document, under, batches(givings))?;
        let named = grants.iter().filter_map(|grant| grant.subject.organisation());
        self.bar_replaced(document, named)?;
        for grant in circles {
            self.storage.put_share(document, grant)?;
            let detail = format!("granted {} to the members of the circle {}", grant.role, self.circle_of(grant.circle)?.name);
            self.log_act(actor, LogVerb::Access, Some(*document), None, detail)?;
        }
        self.current_epoch(document, under)?;
        for grant in grants {
            let until = grant.until.map(|until| format!(" until {until}")).unwrap_or_default();
            self.log_access(actor, document, grant.subject, format!("granted {}{until}", grant.role))?;
        }
        Ok(())
    }

    pub(super) fn list_grants(&mut self, reference: &str) -> Result<Vec<GrantLine>, Problem> {
        let document = match self.find(reference)? {
            Named::Document(document, _) => document,
            // A draft's grants are signed when it is shared; `show` lists them.
            Named::Draft(_) => return Ok(Vec::new()),
        };
        let rows = self.access_of(&document)?.rows();
        let given = self.given_by_circles(&document)?;
        Ok(rows
            .iter()
            .map(|row| GrantLine {
                id: row.entry,
                to: self.party(row.who),
                role: row.role,
                until: row.until.map(Into::into),
                by: self.organisation(&row.chain.last().map_or_else(|| self.machine.organisation(), |link| link.by)),
                circles: given.circles(row),
                counts: row.authorised,
                ended: self.why_ended(&document, row),
            })
            .collect())
    }

    fn given_by_circles(&self, document: &DocumentId) -> Result<GivenByCircles, Problem> {
        Ok(GivenByCircles { gifts: self.storage.gifts(document)?, circles: self.storage.circles()? })
    }

    fn why_ended(&self, document: &DocumentId, row: &Row) -> Option<String> {
        if !row.authorised {
            return Some("whoever gave it had lost the right to".to_owned());
        }
        if let Some(entry) = row.ended_by.first() {
            let by = self.author_of(document, entry).map_or_else(|| "its giver".to_owned(), |by| self.organisation(&by).to_string());
            return Some(format!("taken back by {by}"));
        }
        row.until.filter(|until| *until <= now()).map(|until| format!("ended on {until}"))
    }

    fn author_of(&self, document: &DocumentId, entry: &csu_protocol::id::EntryId) -> Option<OrganisationId> {
        let stored = csu_protocol::store::Read::entries(&self.storage, document, &BTreeSet::from([*entry])).ok()?;
        let header = stored.into_iter().next()?.entry.reopen().ok()?;
        Some(header.header().organisation)
    }

    pub(super) fn who_may(&mut self, reference: &str) -> Result<AccessView, Problem> {
        let document = self.find_shared(reference)?;
        let access = self.access_of(&document)?;
        let owner = access.owner().unwrap_or_else(|| self.machine.organisation());
        let rows = access.rows();
        let given = self.given_by_circles(&document)?;
        let erased = self.erased(&document)?.is_some();
        let holds = |live: bool, role: Role| match (live, role) {
            _ if erased => vec!["who may do what; the rest was erased, see `csu erase status`".to_owned()],
            (true, Role::Relay) => vec!["sealed content it cannot read".to_owned(), "who may do what".to_owned()],
            (true, Role::Read | Role::Write | Role::Admin) => vec!["everything".to_owned()],
            (false, _) => still_held(role),
        };
        let rows = rows
            .iter()
            .map(|row| {
                let live = row.is_live(now());
                let chain: Vec<ChainLink> = row
                    .chain
                    .iter()
                    .map(|link| ChainLink { entry: link.entry, by: self.organisation(&link.by), role: link.role })
                    .collect();
                let who = self.party(row.who);
                let ended = self.why_ended(&document, row);
                let circles = given.circles(row);
                let sentence = sentence(&who, row, live, &chain, &circles, ended.as_deref());
                AccessRow {
                    who,
                    role: row.role,
                    live,
                    chain,
                    circles,
                    holds: holds(live, row.role),
                    until: row.until.map(Into::into),
                    ended,
                    sentence,
                }
            })
            .collect();
        Ok(AccessView { owner: self.organisation(&owner), rows })
    }
}

/// What was granted for the sake of circles, on one document.
struct GivenByCircles {
    gifts: Vec<Gift>,
    circles: Vec<CircleRow>,
}

impl GivenByCircles {
    /// The circles, by name, for whose sake a role was given.
    fn circles(&self, row: &Row) -> Vec<String> {
        let given = self.gifts.iter().filter(|gift| gift.entry == row.entry && row.who == Subject::Organisation(gift.organisation));
        let found = given.filter_map(|gift| self.circles.iter().find(|circle| circle.key == gift.circle));
        found.map(|circle| circle.name.clone()).collect()
    }
}

fn sentence(who: &Party, row: &Row, live: bool, chain: &[ChainLink], circles: &[String], ended: Option<&str>) -> String {
    let may = match row.role {
        Role::Relay => "keep and pass on the sealed document without reading it",
        Role::Read => "read and respond",
        Role::Write => "read, respond and revise",
        Role::Admin => "read, revise, withdraw, grant and take back",
    };
    let by: Vec<String> = chain.iter().map(|link| link.by.to_string()).collect();
    let mut by = by.join(", then ");
    if !circles.is_empty() {
        by.push_str(&format!(" as a member of {}", circles.join(" and of ")));
    }
    match (live, ended) {
        (true, _) => {
            let until = row.until.map(|until| format!(" until {until}")).unwrap_or_default();
            format!("{who} may {may}{until}, granted by {by}.")
        }
        (false, Some(ended)) => format!("{who} could {may}, granted by {by}; {ended}."),
        (false, None) => format!("{who} could {may}, granted by {by}; not any more."),
    }
}
