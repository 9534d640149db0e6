//! The office at its desk: every request is answered whole or not at all, and only to whoever has the role that it needs. Reading
//! needs none; that documents are sealed, and that reading is noted, is told elsewhere.

use super::{Office, now};
use crate::desk::{
    AccessView, Account, AccountLink, AccountRequest, AccountRole, AccountsDesk, Actor, Applied, ApplyRequest, BackupWork, Check, Circle,
    CircleRequest, ConfirmRequest, Credentials, Desk, DisableRequest, Document, DocumentQuery, DocumentsPage, DraftChange, DraftRequest,
    ErasureRequest, ErasureView, ExportFormat, Exported, GrantLine, GrantRequest, HistoryLine, ImportRequest, Imported, Invitation,
    InvitationRequest, JoinRequest, LinkChoice, LinkPurpose, LogCheck, LogCheckQuery, LogHead, LogLine, LogQuery, MembersRequest,
    OpeningRequest, PasswordHash, PauseRequest, Peer, PendingPage, PendingQuery, Presence, Problem, Recovery, RecoveryStep, ReleaseRequest,
    Released, RespondRequest, RetentionLine, RetentionList, RetentionQuery, RetentionRequest, RetentionRun, RetentionRunRequest,
    RevocationEffect, RevocationOutcome, RevocationRequest, RolesRequest, SessionMark, SignedIn, SilenceView, Status, StepRequest,
};

const EDITOR: [AccountRole; 1] = [AccountRole::Editor];
const ISSUER: [AccountRole; 1] = [AccountRole::Issuer];
const LEAD: [AccountRole; 1] = [AccountRole::DataProtectionLead];
const ADMINISTRATOR: [AccountRole; 1] = [AccountRole::Administrator];
/// Opening an annex signs, for its owner, that this organisation opened it and why: so whoever signs for the organisation may.
/// So may whoever answers for personal data, who must see what is asked about or due for review. To read a document is not
/// enough, nor to look after the node.
const OPENER: [AccountRole; 2] = [AccountRole::Issuer, AccountRole::DataProtectionLead];

/// Who reads a sealed part while it is being written: whoever works on it.
const WRITER: [AccountRole; 3] = [AccountRole::Editor, AccountRole::Issuer, AccountRole::DataProtectionLead];

impl Office {
    /// A request that fails after it has written or signed something spoils the group: the office
    /// goes back to what is on disk before anybody hears of it.
    fn whole<T>(&mut self, request: impl FnOnce(&mut Self) -> Result<T, Problem>) -> Result<T, Problem> {
        let outcome = request(self);
        if outcome.is_err() && self.is_tainted() {
            self.spoiled = true;
        }
        outcome
    }

    /// That somebody may see what is written of a sealed part, if this names one. One that is issued asks for a reason and tells its
    /// owner; while it is being written there is nobody to tell.
    fn require_writer(&self, actor: &Actor, reference: &str) -> Result<(), Problem> {
        if self.is_sealed_draft(reference) { self.require(actor, &WRITER) } else { Ok(()) }
    }

    /// A request that changes drafts alone.
    fn drafting<T>(&mut self, request: impl FnOnce(&mut Self) -> Result<T, Problem>) -> Result<T, Problem> {
        let outcome = self.whole(request)?;
        self.news.drafts = true;
        Ok(outcome)
    }

    /// Whether something was written or signed that is not on disk yet.
    pub(super) fn is_tainted(&self) -> bool {
        self.storage.is_dirty() || !self.held.is_empty() || !self.machine.is_idle()
    }
}

impl Desk for Office {
    fn status(&mut self) -> Result<Status, Problem> {
        self.report()
    }

    fn doctor(&mut self) -> Result<Vec<Check>, Problem> {
        self.look_for_losses();
        self.checks()
    }

    fn invite(&mut self, actor: &Actor, request: InvitationRequest) -> Result<Invitation, Problem> {
        self.require(actor, &ADMINISTRATOR)?;
        self.whole(|office| office.make_invitation(actor, &request))
    }

    fn join(&mut self, actor: &Actor, request: JoinRequest) -> Result<Peer, Problem> {
        self.require(actor, &ADMINISTRATOR)?;
        self.whole(|office| office.use_ticket(actor, &request.ticket))
    }

    fn peers(&mut self, _actor: &Actor) -> Result<Vec<Peer>, Problem> {
        Ok(self.neighbours())
    }

    fn confirm_peer(&mut self, actor: &Actor, who: &str, request: ConfirmRequest) -> Result<Peer, Problem> {
        self.require(actor, &ADMINISTRATOR)?;
        self.whole(|office| office.confirm(actor, who, request.number.as_deref()))
    }

    fn pause_peer(&mut self, actor: &Actor, who: &str, request: PauseRequest) -> Result<Peer, Problem> {
        self.require(actor, &ADMINISTRATOR)?;
        self.whole(|office| office.set_paused(actor, who, request.paused))
    }

    fn remove_peer(&mut self, actor: &Actor, who: &str) -> Result<(), Problem> {
        self.require(actor, &ADMINISTRATOR)?;
        self.whole(|office| office.forget(actor, who))
    }

    fn documents(&mut self, _actor: &Actor, query: DocumentQuery) -> Result<DocumentsPage, Problem> {
        self.documents_page(&query)
    }

    fn draft(&mut self, actor: &Actor, request: DraftRequest) -> Result<Document, Problem> {
        self.require(actor, &EDITOR)?;
        self.drafting(|office| office.write_draft(actor, &request))
    }

    fn document(&mut self, actor: &Actor, reference: &str) -> Result<Document, Problem> {
        self.require_writer(actor, reference)?;
        self.whole(|office| office.consult(actor, reference))
    }

    fn open(&mut self, actor: &Actor, reference: &str, request: OpeningRequest) -> Result<Document, Problem> {
        self.require(actor, &OPENER)?;
        self.whole(|office| office.open_sealed(actor, reference, &request))
    }

    fn edit(&mut self, actor: &Actor, reference: &str, change: DraftChange) -> Result<Document, Problem> {
        self.require(actor, &EDITOR)?;
        self.drafting(|office| office.edit_draft(actor, reference, &change))
    }

    fn discard(&mut self, actor: &Actor, reference: &str) -> Result<(), Problem> {
        self.require(actor, &EDITOR)?;
        self.drafting(|office| office.discard_draft(actor, reference))
    }

    fn step(&mut self, actor: &Actor, reference: &str, verb: &str, request: StepRequest) -> Result<Document, Problem> {
        self.require(actor, &ISSUER)?;
        self.whole(|office| office.take_step(actor, reference, verb, &request))
    }

    fn preview_step(&mut self, actor: &Actor, reference: &str, verb: &str, request: StepRequest) -> Result<RevocationEffect, Problem> {
        self.whole(|office| office.preview_step(actor, reference, verb, &request))
    }

    fn respond(&mut self, actor: &Actor, reference: &str, request: RespondRequest) -> Result<Document, Problem> {
        self.require(actor, &ISSUER)?;
        self.whole(|office| office.respond_to(actor, reference, request))
    }

    fn history(&mut self, actor: &Actor, reference: &str) -> Result<Vec<HistoryLine>, Problem> {
        self.whole(|office| office.consult_history(actor, reference))
    }

    fn grants(&mut self, _actor: &Actor, reference: &str) -> Result<Vec<GrantLine>, Problem> {
        self.whole(|office| office.list_grants(reference))
    }

    fn grant(&mut self, actor: &Actor, reference: &str, request: GrantRequest) -> Result<Document, Problem> {
        self.require(actor, &ISSUER)?;
        self.whole(|office| office.add_grant(actor, reference, request))
    }

    fn revoke(&mut self, actor: &Actor, reference: &str, request: RevocationRequest) -> Result<RevocationOutcome, Problem> {
        self.require(actor, &ISSUER)?;
        self.whole(|office| office.revoke_roles(actor, reference, &request))
    }

    fn preview_revocation(&mut self, _actor: &Actor, reference: &str, request: RevocationRequest) -> Result<RevocationEffect, Problem> {
        self.whole(|office| office.preview(reference, &request))
    }

    fn circles(&mut self, _actor: &Actor) -> Result<Vec<Circle>, Problem> {
        self.list_circles()
    }

    fn circle(&mut self, _actor: &Actor, name: &str) -> Result<Circle, Problem> {
        self.show_circle(&self.find_circle(name)?)
    }

    fn create_circle(&mut self, actor: &Actor, request: CircleRequest) -> Result<Circle, Problem> {
        self.require(actor, &ISSUER)?;
        self.whole(|office| office.make_circle(actor, &request))
    }

    fn change_circle(&mut self, actor: &Actor, name: &str, request: MembersRequest) -> Result<Circle, Problem> {
        self.require(actor, &ISSUER)?;
        self.whole(|office| office.change_members(actor, name, &request))
    }

    fn delete_circle(&mut self, actor: &Actor, name: &str) -> Result<(), Problem> {
        self.require(actor, &ISSUER)?;
        self.whole(|office| office.remove_circle(actor, name))
    }

    fn pending(&mut self, _actor: &Actor, name: &str, query: PendingQuery) -> Result<PendingPage, Problem> {
        self.whole(|office| office.pending_page(name, &query))
    }

    fn apply_circle(&mut self, actor: &Actor, name: &str, request: ApplyRequest) -> Result<Applied, Problem> {
        self.require(actor, &ISSUER)?;
        self.whole(|office| office.apply_to(actor, name, &request.document))
    }

    fn access(&mut self, _actor: &Actor, reference: &str) -> Result<AccessView, Problem> {
        self.whole(|office| office.who_may(reference))
    }

    fn erase(&mut self, actor: &Actor, reference: &str, request: ErasureRequest) -> Result<ErasureView, Problem> {
        self.require(actor, &LEAD)?;
        self.whole(|office| office.erase_document(actor, reference, request))
    }

    fn keep_document(&mut self, actor: &Actor, reference: &str) -> Result<Document, Problem> {
        self.require(actor, &LEAD)?;
        self.whole(|office| office.keep_contested(actor, reference))
    }

    fn silent(&mut self, _actor: &Actor) -> Result<SilenceView, Problem> {
        self.silence()
    }

    fn release_silent(&mut self, actor: &Actor, request: ReleaseRequest) -> Result<Released, Problem> {
        self.require(actor, &LEAD)?;
        self.whole(|office| office.release_documents(actor, &request))
    }

    fn erasure(&mut self, _actor: &Actor, reference: &str) -> Result<ErasureView, Problem> {
        self.erasure_of(reference)
    }

    fn erasures(&mut self, _actor: &Actor) -> Result<Vec<ErasureView>, Problem> {
        self.all_erasures()
    }

    fn export(&mut self, actor: &Actor, reference: &str, format: ExportFormat) -> Result<Exported, Problem> {
        self.require_writer(actor, reference)?;
        self.whole(|office| office.export_as(actor, reference, format))
    }

    fn import_cap(&mut self, actor: &Actor, request: ImportRequest) -> Result<Imported, Problem> {
        self.require(actor, &EDITOR)?;
        self.drafting(|office| office.import_alert(actor, &request))
    }

    fn log(&mut self, _actor: &Actor, query: LogQuery) -> Result<Vec<LogLine>, Problem> {
        self.read_log(&query)
    }

    fn export_log(&mut self, actor: &Actor, query: &LogQuery) -> Result<u64, Problem> {
        self.require(actor, &LEAD)?;
        self.whole(|office| office.begin_log_export(actor, query))
    }

    fn log_head(&mut self, _actor: &Actor) -> Result<LogHead, Problem> {
        Ok(self.storage.log_head()?.into())
    }

    fn check_log(&mut self, _actor: &Actor, query: LogCheckQuery) -> Result<LogCheck, Problem> {
        self.walk_log(&query)
    }

    fn retention(&mut self, _actor: &Actor, query: RetentionQuery) -> Result<RetentionList, Problem> {
        self.what_is_due(&query)
    }

    fn set_retention(&mut self, actor: &Actor, reference: &str, request: RetentionRequest) -> Result<RetentionLine, Problem> {
        self.require(actor, &LEAD)?;
        self.whole(|office| office.keep(actor, reference, &request))
    }

    fn run_retention(&mut self, actor: &Actor, request: RetentionRunRequest) -> Result<RetentionRun, Problem> {
        // What would be done everybody may see.
        if !request.dry_run {
            self.require(actor, &LEAD)?;
        }
        self.whole(|office| office.do_what_is_due(actor, request))
    }

    fn recover(&mut self, actor: &Actor, step: RecoveryStep) -> Result<Recovery, Problem> {
        self.require(actor, &ADMINISTRATOR)?;
        self.whole(|office| office.recover(actor, &step))
    }

    fn backup(&mut self, actor: &Actor) -> Result<BackupWork, Problem> {
        self.require(actor, &ADMINISTRATOR)?;
        self.whole(|office| office.begin_backup(actor))
    }

    fn shutdown(&mut self, actor: &Actor) -> Result<(), Problem> {
        self.require(actor, &ADMINISTRATOR)?;
        tracing::info!(by = actor.person().unwrap_or("somebody"), at = %now(), "asked to stop");
        self.stopping = true;
        Ok(())
    }
}

impl AccountsDesk for Office {
    fn has_accounts(&mut self) -> Result<bool, Problem> {
        Ok(self.storage.count_accounts()? > 0)
    }

    fn accounts(&mut self, actor: &Actor) -> Result<Vec<Account>, Problem> {
        self.require(actor, &ADMINISTRATOR)?;
        self.list_accounts()
    }

    fn create_account(&mut self, actor: &Actor, request: AccountRequest) -> Result<AccountLink, Problem> {
        self.require(actor, &ADMINISTRATOR)?;
        self.whole(|office| office.make_account(actor, &request))
    }

    fn set_roles(&mut self, actor: &Actor, name: &str, request: RolesRequest) -> Result<Account, Problem> {
        self.require(actor, &ADMINISTRATOR)?;
        self.whole(|office| office.change_roles(actor, name, request.roles))
    }

    fn disable_account(&mut self, actor: &Actor, name: &str, request: DisableRequest) -> Result<Account, Problem> {
        self.require(actor, &ADMINISTRATOR)?;
        self.whole(|office| office.shut_out(actor, name, request.disabled))
    }

    fn link_account(&mut self, actor: &Actor, name: &str) -> Result<AccountLink, Problem> {
        self.require(actor, &ADMINISTRATOR)?;
        self.whole(|office| office.renew_link(actor, name))
    }

    fn first_link(&mut self, actor: &Actor) -> Result<Option<AccountLink>, Problem> {
        self.require(actor, &ADMINISTRATOR)?;
        self.whole(Self::link_for_first)
    }

    // What follows is asked by the pages for somebody who is about to sign in, or has: the password, the link's token or the
    // session speaks for them, and what they do concerns themselves alone.

    fn credentials(&mut self, name: &str) -> Result<Option<Credentials>, Problem> {
        self.credentials_of(name)
    }

    fn sign_in(&mut self, mark: SessionMark) -> Result<SignedIn, Problem> {
        self.whole(|office| office.begin_session(mark))
    }

    fn visit(&mut self, mark: SessionMark, presence: Presence) -> Result<Option<SignedIn>, Problem> {
        self.whole(|office| office.look_in(mark, presence))
    }

    fn link_purpose(&mut self, token: &str) -> Result<LinkPurpose, Problem> {
        self.what_link_is_for(token)
    }

    fn take_link(&mut self, token: &str, choice: LinkChoice) -> Result<SignedIn, Problem> {
        self.whole(|office| office.use_link(token, choice))
    }

    fn change_password(&mut self, mark: SessionMark, password: PasswordHash) -> Result<SignedIn, Problem> {
        self.whole(|office| office.set_password(mark, &password))
    }

    fn end_sessions(&mut self, mark: SessionMark) -> Result<(), Problem> {
        self.whole(|office| office.end_all_sessions(mark))
    }
}
