//! The office at its desk: every request is answered whole or not at all.

use super::{Office, now};
use crate::desk::{
    AccessView, Actor, Check, ConfirmRequest, Desk, Document, DocumentQuery, DocumentsPage, DraftChange, DraftRequest, ErasureRequest,
    ErasureView, ExportFormat, Exported, GrantLine, GrantRequest, HistoryLine, ImportRequest, Imported, Invitation, InvitationRequest,
    JoinRequest, LogLine, LogQuery, PauseRequest, Peer, Problem, RespondRequest, RevocationOutcome, RevocationRequest, Status, StepRequest,
};

impl Office {
    /// A request that fails after it has written or signed something spoils the group: the office
    /// goes back to what is on disk before anybody hears of it.
    fn whole<T>(&mut self, request: impl FnOnce(&mut Self) -> Result<T, Problem>) -> Result<T, Problem> {
        let outcome = request(self);
        if outcome.is_err() && (self.storage.is_dirty() || !self.held.is_empty() || !self.machine.is_idle()) {
            self.spoiled = true;
        }
        outcome
    }
}

impl Desk for Office {
    fn status(&mut self) -> Result<Status, Problem> {
        self.report()
    }

    fn doctor(&mut self) -> Result<Vec<Check>, Problem> {
        self.checks()
    }

    fn invite(&mut self, actor: &Actor, request: InvitationRequest) -> Result<Invitation, Problem> {
        self.whole(|office| office.make_invitation(actor, &request))
    }

    fn join(&mut self, actor: &Actor, request: JoinRequest) -> Result<Peer, Problem> {
        self.whole(|office| office.use_ticket(actor, &request.ticket))
    }

    fn peers(&mut self, _actor: &Actor) -> Result<Vec<Peer>, Problem> {
        Ok(self.neighbours())
    }

    fn confirm_peer(&mut self, actor: &Actor, who: &str, request: ConfirmRequest) -> Result<Peer, Problem> {
        self.whole(|office| office.confirm(actor, who, request.number.as_deref()))
    }

    fn pause_peer(&mut self, actor: &Actor, who: &str, request: PauseRequest) -> Result<Peer, Problem> {
        self.whole(|office| office.set_paused(actor, who, request.paused))
    }

    fn remove_peer(&mut self, actor: &Actor, who: &str) -> Result<(), Problem> {
        self.whole(|office| office.forget(actor, who))
    }

    fn documents(&mut self, _actor: &Actor, query: DocumentQuery) -> Result<DocumentsPage, Problem> {
        self.documents_page(&query)
    }

    fn draft(&mut self, actor: &Actor, request: DraftRequest) -> Result<Document, Problem> {
        self.whole(|office| office.begin_draft(actor, &request))
    }

    fn document(&mut self, actor: &Actor, reference: &str) -> Result<Document, Problem> {
        self.whole(|office| office.consult(actor, reference))
    }

    fn edit(&mut self, actor: &Actor, reference: &str, change: DraftChange) -> Result<Document, Problem> {
        self.whole(|office| office.edit_draft(actor, reference, &change))
    }

    fn discard(&mut self, actor: &Actor, reference: &str) -> Result<(), Problem> {
        self.whole(|office| office.discard_draft(actor, reference))
    }

    fn step(&mut self, actor: &Actor, reference: &str, verb: &str, request: StepRequest) -> Result<Document, Problem> {
        self.whole(|office| office.take_step(actor, reference, verb, &request))
    }

    fn respond(&mut self, actor: &Actor, reference: &str, request: RespondRequest) -> Result<Document, Problem> {
        self.whole(|office| office.respond_to(actor, reference, request))
    }

    fn history(&mut self, _actor: &Actor, reference: &str) -> Result<Vec<HistoryLine>, Problem> {
        self.whole(|office| office.history_of(reference))
    }

    fn grants(&mut self, _actor: &Actor, reference: &str) -> Result<Vec<GrantLine>, Problem> {
        self.whole(|office| office.list_grants(reference))
    }

    fn grant(&mut self, actor: &Actor, reference: &str, request: GrantRequest) -> Result<Document, Problem> {
        self.whole(|office| office.add_grant(actor, reference, request))
    }

    fn revoke(&mut self, actor: &Actor, reference: &str, request: RevocationRequest) -> Result<RevocationOutcome, Problem> {
        self.whole(|office| office.revoke_roles(actor, reference, &request))
    }

    fn access(&mut self, _actor: &Actor, reference: &str) -> Result<AccessView, Problem> {
        self.whole(|office| office.who_may(reference))
    }

    fn erase(&mut self, actor: &Actor, reference: &str, request: ErasureRequest) -> Result<ErasureView, Problem> {
        self.whole(|office| office.erase_document(actor, reference, request))
    }

    fn erasure(&mut self, _actor: &Actor, reference: &str) -> Result<ErasureView, Problem> {
        self.erasure_of(reference)
    }

    fn erasures(&mut self, _actor: &Actor) -> Result<Vec<ErasureView>, Problem> {
        self.all_erasures()
    }

    fn export(&mut self, actor: &Actor, reference: &str, format: ExportFormat) -> Result<Exported, Problem> {
        self.whole(|office| office.export_as(actor, reference, format))
    }

    fn import_cap(&mut self, actor: &Actor, request: ImportRequest) -> Result<Imported, Problem> {
        self.whole(|office| office.import_alert(actor, &request))
    }

    fn log(&mut self, _actor: &Actor, query: LogQuery) -> Result<Vec<LogLine>, Problem> {
        self.read_log(&query)
    }

    fn shutdown(&mut self, actor: &Actor) -> Result<(), Problem> {
        tracing::info!(by = actor.person().unwrap_or("somebody"), at = %now(), "asked to stop");
        self.stopping = true;
        Ok(())
    }
}
