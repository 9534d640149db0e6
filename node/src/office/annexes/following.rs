//! Annexes follow what they belong to: erased and withdrawn with it, and taken back from whoever lost it.

use crate::desk::{Actor, AnnexLoss, PassedOn, Problem};
use crate::log_verb::LogVerb;
use crate::office::{Office, OfficeError, now, recovering};
use csu_protocol::access::Access;
use csu_protocol::entry::{Body, Grant, Reason, Role, Subject};
use csu_protocol::id::DocumentId;

impl Office {
    /// Has the annexes of this organisation follow what they belong to, whoever changed that.
    pub(in crate::office) fn follow_wholes(&mut self) -> Result<(), OfficeError> {
        // The root key speaks first. Then every document changes, and is looked at.
        if self.recovering.as_ref().is_some_and(recovering::Recovering::is_gathering) {
            return Ok(());
        }
        for whole in self.changed.keys().copied().collect::<Vec<_>>() {
            let Ok(annexes) = self.own_annexes(&whole) else { continue };
            for annex in annexes {
                if let Err(problem) = self.follow_whole(&whole, &annex) {
                    tracing::warn!(document = %annex.short(), %problem, "an annex could not follow what it belongs to");
                }
            }
        }
        self.pump()
    }

    /// Has one annex erased, withdrawn, or taken back from whoever lost what it belongs to.
    fn follow_whole(&mut self, whole: &DocumentId, annex: &DocumentId) -> Result<(), Problem> {
        let actor = Actor::named("this node")?;
        if let Some(erased) = self.erased(whole)? {
            // What its operator wants to wait for before another's document is destroyed, this waits for, too.
            return if self.is_in_grace(whole)? { Ok(()) } else { self.erase_annex(&actor, annex, erased.why.unwrap_or(Reason::Other)) };
        }
        if let Some((_, _, reason)) = self.access_of(whole)?.withdrawal() {
            self.withdraw_annex(&actor, annex, reason)?;
        }
        self.narrow(whole, annex)
    }

    /// Who has a role on an annex and not, by this graph, on what it belongs to.
    fn who_lacks(&self, whole: &Access, annex: &DocumentId) -> Result<Vec<Subject>, Problem> {
        let live = self.access_of(annex)?.rows().into_iter().filter(|row| row.is_live(now()));
        let grants: Vec<Grant> = live.map(|row| Grant { subject: row.who, role: row.role, until: row.until }).collect();
        let mut lacking: Vec<Subject> = self.outside(whole, &grants).iter().map(|grant| grant.subject).collect();
        lacking.sort();
        lacking.dedup();
        Ok(lacking)
    }

    /// What is taken back of a document's annexes once its graph is this one.
    pub(in crate::office) fn annexes_lost(&self, whole: &DocumentId, after: &Access) -> Result<Vec<AnnexLoss>, Problem> {
        let mut lost = Vec::new();
        for annex in self.own_annexes(whole)? {
            for subject in self.who_lacks(after, &annex)? {
                lost.push(AnnexLoss { reference: annex.short(), who: self.party(subject) });
            }
        }
        Ok(lost)
    }

    fn narrow(&mut self, whole: &DocumentId, annex: &DocumentId) -> Result<(), Problem> {
        let outside = self.who_lacks(&*self.access_of(whole)?, annex)?;
        // One that cannot be taken back from must not keep the others.
        let failed = outside.into_iter().filter_map(|subject| self.take_annex_back(whole, annex, subject).err());
        failed.reduce(|first, _| first).map_or(Ok(()), Err)
    }

    fn take_annex_back(&mut self, whole: &DocumentId, annex: &DocumentId, subject: Subject) -> Result<(), Problem> {
        let trial = self.try_revocation(annex, subject, PassedOn::Stay)?;
        self.carry_out(trial)?;
        let to = self.party_for_log(subject);
        let why = format!("it lost what this is a part of, {}", whole.short());
        Ok(self.log(now(), LogVerb::Access, "this node", Some(*annex), Some(to), Some(why), "took its roles back".to_owned())?)
    }

    /// Withdraws the annexes of this organisation with what they belong to.
    pub(in crate::office) fn withdraw_annexes(&mut self, actor: &Actor, whole: &DocumentId, reason: Reason) -> Result<(), Problem> {
        self.own_annexes(whole)?.iter().try_for_each(|annex| self.withdraw_annex(actor, annex, reason))
    }

    fn withdraw_annex(&mut self, actor: &Actor, annex: &DocumentId, reason: Reason) -> Result<(), Problem> {
        if self.access_of(annex)?.withdrawal().is_some() {
            return Ok(());
        }
        let under = self.standing(annex, Role::Admin, "withdrawing")?;
        self.sign_control(annex, under, Body::Withdraw { reason })?;
        self.log_act(actor, LogVerb::Alteration, Some(*annex), Some(reason.to_string()), "withdrew it with what it belongs to")
    }

    /// Has the annexes of this organisation erased with what they belong to.
    pub(in crate::office) fn erase_annexes(&mut self, actor: &Actor, whole: &DocumentId, reason: Reason) -> Result<(), Problem> {
        self.own_annexes(whole)?.iter().try_for_each(|annex| self.erase_annex(actor, annex, reason))
    }

    fn erase_annex(&mut self, actor: &Actor, annex: &DocumentId, reason: Reason) -> Result<(), Problem> {
        self.order_erasure(actor, annex, reason, "had it erased everywhere with what it belongs to")
    }
}
