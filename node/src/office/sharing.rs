//! Grants, revocations, and who may do what.

use super::drafting::merge;
use super::opening::Named;
use super::{Office, now};
use crate::desk::{
    AccessRow, AccessView, Actor, ChainLink, Document, GrantLine, GrantRequest, Party, Problem, Recipient, RevocationOutcome,
    RevocationRequest,
};
use crate::log_verb::LogVerb;
use csu_protocol::access::{Access, Row};
use csu_protocol::entry::{Body, Grant, Principal, Role, Subject};
use csu_protocol::id::{DocumentId, EntryId, OrganisationId};
use csu_protocol::store::{Read, ReadError};
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
        let grants = self.recipients(&[recipient])?;
        match self.find(reference)? {
            Named::Draft(draft) => {
                // Nobody learns of a draft: the grant is signed when the document begins.
                let mut content = draft.content;
                merge(&mut content.audience, grants);
                self.storage.update_draft(draft.number, &content, now())?;
                self.log_act(actor, LogVerb::Alteration, None, None, format!("changed whom draft {} is for", draft.number))?;
                self.show_draft(draft.number)
            }
            Named::Document(document, _) => {
                let open = self.open_document(&document)?;
                let marking = open.snapshot.marking.unwrap_or(csu_protocol::document::Marking::Red);
                if self.not_yet_given(&document, &grants)?.is_empty() {
                    return Err(Problem::conflict(
                        "that role, or a higher one, is given already",
                        "see `csu access`; to lower a role take it back with `csu grant revoke`, then give the lower one",
                    ));
                }
                // Whoever may not give at all is told so first.
                self.standing(&document, Role::Admin, "granting")?;
                self.check_audience(open.kind, marking, &self.audience_with(&document, &grants)?)?;
                self.grant_roles(actor, &document, grants)?;
                self.show_document(&document)
            }
        }
    }

    /// Those of `grants` that give more than their subjects have. A grant never lowers a role: the highest holds.
    pub(super) fn not_yet_given(&self, document: &DocumentId, grants: &[Grant]) -> Result<Vec<Grant>, Problem> {
        let live: Vec<Row> = self.access_of(document)?.rows().into_iter().filter(|row| row.is_live(now())).collect();
        let outlasts = |row: &Row, grant: &Grant| row.until.is_none_or(|until| grant.until.is_some_and(|wanted| wanted <= until));
        let given = |grant: &Grant| live.iter().any(|row| row.who == grant.subject && row.role >= grant.role && outlasts(row, grant));
        Ok(grants.iter().filter(|grant| !given(grant)).copied().collect())
    }

    /// Who has a role on a document now, and who would with `more`.
    pub(super) fn audience_with(&self, document: &DocumentId, more: &[Grant]) -> Result<Vec<Grant>, Problem> {
        let mut audience: Vec<Grant> = Vec::new();
        let live = self.access_of(document)?.rows().into_iter().filter(|row| row.is_live(now()));
        merge(&mut audience, live.map(|row| Grant { subject: row.who, role: row.role, until: row.until }).chain(more.iter().copied()));
        Ok(audience)
    }

    /// Signs grants, and starts an epoch that opens the document to new readers.
    pub(super) fn grant_roles(&mut self, actor: &Actor, document: &DocumentId, grants: Vec<Grant>) -> Result<(), Problem> {
        self.check_cards(&grants)?;
        let under = self.standing(document, Role::Admin, "granting")?;
        self.sign_control(document, under, Body::Grant { grants: grants.clone() })?;
        self.current_epoch(document, under)?;
        for grant in grants {
            let until = grant.until.map(|until| format!(" until {until}")).unwrap_or_default();
            self.log_access(actor, document, grant.subject, format!("granted {}{until}", grant.role))?;
        }
        Ok(())
    }

    /// Notes that somebody here gave a role to `whom`, or took it.
    fn log_access(&mut self, actor: &Actor, document: &DocumentId, whom: Subject, detail: String) -> Result<(), Problem> {
        let who = actor.person().unwrap_or("somebody at this node").to_owned();
        let to = self.party_for_log(whom);
        Ok(self.log(now(), LogVerb::Access, &who, Some(*document), Some(to), None, detail)?)
    }

    fn who_reads(&self, document: &DocumentId) -> Result<BTreeSet<OrganisationId>, Problem> {
        let access = self.access_of(document)?;
        Ok(access.named().into_iter().filter(|organisation| access.role_now(organisation, now()).is_some()).collect())
    }

    pub(super) fn revoke_roles(
        &mut self,
        actor: &Actor,
        reference: &str,
        request: &RevocationRequest,
    ) -> Result<RevocationOutcome, Problem> {
        let subject = self.subject(&request.who)?;
        let document = match self.find(reference)? {
            Named::Document(document, _) => document,
            Named::Draft(draft) => {
                let mut content = draft.content;
                content.audience.retain(|known| known.subject != subject);
                self.storage.update_draft(draft.number, &content, now())?;
                self.log_act(actor, LogVerb::Alteration, None, None, format!("changed whom draft {} is for", draft.number))?;
                return Ok(RevocationOutcome { document: self.show_draft(draft.number)?, falls: Vec::new() });
            }
        };
        let access = self.access_of(&document)?;
        let live = access.rows().into_iter().any(|row| row.who == subject && row.is_live(now()));
        if !live {
            return Err(Problem::conflict(
                format!("{} has no role on this document to take back", self.party(subject)),
                "see who has one with `csu access`",
            ));
        }
        let before = self.who_reads(&document)?;
        let access = self.access_of(&document)?;
        let us = self.machine.organisation();
        if subject == Subject::Organisation(us) {
            self.renounce(&document, us)?;
        } else {
            let (principal, keep) = match subject {
                Subject::Anyone => (Principal::Anyone, Vec::new()),
                // What was done in good faith stays; what comes from now on does not.
                Subject::Organisation(id) => (Principal::Organisation(id), access.keep_all_of(&id)),
            };
            let under = self.standing(&document, Role::Admin, "taking a role back")?;
            let counted = access_counts(self.access_of(&document)?);
            self.sign_control(&document, under, Body::Revoke { principal, keep })?;
            self.take_back_again(&document, under, principal, &counted)?;
        }
        let access = self.access_of(&document)?;
        if let Some(row) = access.rows().into_iter().find(|row| row.who == subject && row.is_live(now())) {
            let by = row.chain.last().map_or_else(|| "somebody above".to_owned(), |link| self.organisation(&link.by).to_string());
            return Err(Problem::denied(
                format!("{} still has the role {} by {by}, which this organisation cannot take back", self.party(subject), row.role),
                format!("ask {by} to take it back"),
            ));
        }
        let after = self.who_reads(&document)?;
        let falls = before.difference(&after).map(|id| self.organisation(id)).collect();
        self.log_access(actor, &document, subject, "took its roles back".to_owned())?;
        Ok(RevocationOutcome { document: self.show_document(&document)?, falls })
    }

    /// Takes back in our own name what others had taken back and an eviction would now give again. That
    /// happens where the evicted contradicted itself: of two branches of its entries a revocation keeps one, and
    /// what it revoked on the other one falls.
    fn take_back_again(
        &mut self,
        document: &DocumentId,
        under: EntryId,
        evicted: Principal,
        counted: &BTreeSet<EntryId>,
    ) -> Result<(), Problem> {
        // Signed in our own name, a revocation of ourselves would give up the role that we evict by.
        let own = Principal::Organisation(self.machine.organisation());
        let fallen: BTreeSet<EntryId> = counted.difference(&access_counts(self.access_of(document)?)).copied().collect();
        for stored in self.storage.entries(document, &fallen)? {
            let entry = stored.entry.reopen().map_err(|error| ReadError(format!("document {document}: {error}")))?;
            if let Body::Revoke { principal, keep } = &entry.header().body
                && ![evicted, own].contains(principal)
            {
                self.sign_control(document, under, Body::Revoke { principal: *principal, keep: keep.clone() })?;
            }
        }
        Ok(())
    }

    /// Gives up every role of our own, which needs no other role. Each was given by an entry of its
    /// own and is given up by one.
    fn renounce(&mut self, document: &DocumentId, us: OrganisationId) -> Result<(), Problem> {
        loop {
            let access = self.access_of(document)?;
            if access.owner() == Some(us) {
                return Err(Problem::conflict("the owner cannot give its document up", "withdraw it instead"));
            }
            let Some(under) = access.standing_for(&us, Role::Relay, now()) else { return Ok(()) };
            let keep = access.keep_all_of(&us);
            self.sign_control(document, under, Body::Revoke { principal: Principal::Organisation(us), keep })?;
        }
    }

    pub(super) fn list_grants(&mut self, reference: &str) -> Result<Vec<GrantLine>, Problem> {
        let document = match self.find(reference)? {
            Named::Document(document, _) => document,
            // A draft's grants are signed when it is shared; `show` lists them.
            Named::Draft(_) => return Ok(Vec::new()),
        };
        let rows = self.access_of(&document)?.rows();
        Ok(rows
            .iter()
            .map(|row| GrantLine {
                id: row.entry,
                to: self.party(row.who),
                role: row.role,
                until: row.until.map(Into::into),
                by: self.organisation(&row.chain.last().map_or_else(|| self.machine.organisation(), |link| link.by)),
                counts: row.authorised,
                ended: self.why_ended(&document, row),
            })
            .collect())
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
        let holds = |live: bool, role: Role| match (live, role) {
            (true, Role::Relay) => vec!["sealed content it cannot read".to_owned(), "who may do what".to_owned()],
            (true, Role::Read | Role::Write | Role::Admin) => vec!["everything".to_owned()],
            (false, _) => vec!["what it had received until then".to_owned(), "who may do what".to_owned()],
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
                let sentence = sentence(&who, row, live, &chain, ended.as_deref());
                AccessRow {
                    who,
                    role: row.role,
                    live,
                    chain,
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

fn sentence(who: &Party, row: &Row, live: bool, chain: &[ChainLink], ended: Option<&str>) -> String {
    let may = match row.role {
        Role::Relay => "keep and pass on the sealed document without reading it",
        Role::Read => "read and respond",
        Role::Write => "read, respond and revise",
        Role::Admin => "read, revise, withdraw, grant and take back",
    };
    let by: Vec<String> = chain.iter().map(|link| link.by.to_string()).collect();
    let by = by.join(", then ");
    match (live, ended) {
        (true, _) => {
            let until = row.until.map(|until| format!(" until {until}")).unwrap_or_default();
            format!("{who} may {may}{until}, granted by {by}.")
        }
        (false, Some(ended)) => format!("{who} could {may}, granted by {by}; {ended}."),
        (false, None) => format!("{who} could {may}, granted by {by}; not any more."),
    }
}

/// The revocations that count.
fn access_counts(access: &Access) -> BTreeSet<EntryId> {
    access.authorised_revocations().into_iter().collect()
}
