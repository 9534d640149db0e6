//! What a person or a program may ask of a node, and what it answers.
//!
//! [`Desk`] is the whole of it: the HTTP API, the commands, the pages and the demo all come through
//! here, and the types below *are* the JSON of `/api/v1` (camelCase, times in RFC 3339 with a
//! numeric offset, ids in hexadecimal). The node's driver implements [`Desk`] on its own thread;
//! everybody else holds a [`DeskHandle`], whose answers come only after what they report is on disk.
//!
//! Users refer to a document by its id, a unique beginning of at least 4 hexadecimal digits, or the
//! local number of a draft (`d3`); to an organisation by its local name, its id, a unique part of
//! either, or `anyone`; and, where something is granted, to all members of a circle as `circle:NAME`.
//! Resolving these is the desk's work, so that every way in behaves alike.
//!
//! Left out: how anything is done, and HTTP. Names of kinds, states and markings are texts here,
//! because a neighbour with a newer version may use some that this one does not know.

mod accounts;
mod annexes;
mod backup;
mod changes;
mod circles;
mod documents;
mod erasure;
#[cfg(test)]
pub(crate) mod fake;
mod handle;
mod moment;
mod party;
mod peers;
mod problem;
mod record;
mod recovery;
mod retention;
mod silence;
mod status;

pub use accounts::{
    Account, AccountLink, AccountRequest, AccountsDesk, Credentials, DisableRequest, LinkChoice, LinkPurpose, PasswordHash, Presence,
    RolesRequest, SessionMark, SignedIn,
};
pub use annexes::{AnnexLine, OpeningRequest, PersonalData};
pub use backup::BackupWork;
pub use changes::{Change, ChangedDocument, Changes, Listener, News};
pub use circles::{
    Applied, ApplyRequest, Blocked, CIRCLE_PREFIX, Circle, CircleChange, CircleRequest, CircleStep, MembersRequest, PendingPage,
    PendingQuery,
};
pub use documents::{
    AccessLevel, Count, Document, DocumentLine, DocumentQuery, DocumentsPage, DraftChange, DraftRequest, DraftView, EntryKind,
    ExportFormat, Exported, HistoryLine, ImportRequest, ImportWarning, Imported, Reader, Recipient, RespondRequest, ResponseLine,
    StepRequest, ValueChange, Withdrawal,
};
pub use erasure::{Erased, ErasureRequest, ErasureView, Holder};
pub use handle::{DeskHandle, Job, Jobs, Reply};
pub use moment::{Moment, MomentError};
pub use party::{OrgRef, Party};
pub use peers::{ConfirmRequest, Invitation, InvitationRequest, JoinRequest, Pairing, PauseRequest, Peer};
pub use problem::{Blame, Problem};
pub use record::{
    AccessRow, AccessView, AnnexLoss, ChainLink, FallenEntry, GrantLine, GrantRequest, KeptHead, LogBreak, LogCheck, LogCheckQuery,
    LogFormat, LogHead, LogLine, LogQuery, PassedOn, RevocationEffect, RevocationOutcome, RevocationRequest, RoleGain, RoleLoss,
    StateChange, StayingRole,
};
pub use recovery::{RecoveringState, RecoveringWith, Recovery, RecoveryStage, RecoveryStep, SinceBackup};
pub use retention::{Due, RetentionAct, RetentionLine, RetentionList, RetentionQuery, RetentionRequest, RetentionRun, RetentionRunRequest};
pub use silence::{Awaited, ReleaseRequest, Released, SilenceView};
pub use status::{Check, Identity, Integrity, IntegrityResult, Left, PeerState, PeerStatus, Status};

pub use crate::log_verb::LogVerb;
pub use crate::roles::{AccountKey, AccountRole, Roles};

use csu_protocol::limits;

/// Who asks, as far as the node can tell, and what they may do: the owner of the node, who reached the socket, by the name they
/// gave; or somebody with an account, who signed in to the pages.
///
/// The device attests this name inside sealed payloads and keeps it in the access log; it never
/// stands in a header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Actor {
    person: Option<String>,
    /// None: the node's owner, who has them all.
    roles: Option<Roles>,
}

impl Actor {
    /// The node's owner without a name: a program, or a person who did not say.
    #[must_use]
    pub const fn unnamed() -> Self {
        Self { person: None, roles: None }
    }

    /// The person of this name who has an account with these roles.
    ///
    /// # Errors
    /// As [`Actor::named`].
    pub fn of_account(name: &str, roles: Roles) -> Result<Self, Problem> {
        Ok(Self { roles: Some(roles), ..Self::named(name)? })
    }

    /// The person of this name, who reached the socket and therefore owns the node.
    ///
    /// # Errors
    /// When the name is empty, too long for a payload, or holds control characters.
    pub fn named(name: &str) -> Result<Self, Problem> {
        let name = name.trim();
        if name.is_empty() || name.len() > limits::PERSON_BYTES || name.chars().any(char::is_control) {
            return Err(Problem::invalid(
                "person",
                format!("a person's name has 1 to {} bytes and no control characters", limits::PERSON_BYTES),
                "give a shorter name with --as NAME",
            ));
        }
        Ok(Self { person: Some(name.to_owned()), roles: None })
    }

    /// The person's name, if they gave one.
    #[must_use]
    pub fn person(&self) -> Option<&str> {
        self.person.as_deref()
    }

    /// What they may do.
    #[must_use]
    pub fn roles(&self) -> Roles {
        self.roles.unwrap_or_else(Roles::every)
    }

    /// Whether they own the node.
    #[must_use]
    pub const fn is_owner(&self) -> bool {
        self.roles.is_none()
    }
}

/// What may be asked of a node. Called on the driver's thread, one at a time.
///
/// A method that returns an error has changed nothing. What a method did is on disk only when the
/// [`Reply`] is called; [`DeskHandle::ask`] waits for that.
///
/// `reference` names a document and `who` an organisation, both as the module says.
///
/// # Errors
/// Every method answers a [`Problem`] that says who can mend it and how.
pub trait Desk: AccountsDesk {
    /// How the node is, at a glance.
    ///
    /// # Errors
    /// See [`Desk`].
    fn status(&mut self) -> Result<Status, Problem>;

    /// What a running node can check about itself.
    ///
    /// # Errors
    /// See [`Desk`].
    fn doctor(&mut self) -> Result<Vec<Check>, Problem>;

    /// Makes a ticket for another organisation.
    ///
    /// # Errors
    /// See [`Desk`].
    fn invite(&mut self, actor: &Actor, request: InvitationRequest) -> Result<Invitation, Problem>;

    /// Takes another organisation's ticket. Returns once it is stored; pairing goes on by itself.
    ///
    /// # Errors
    /// See [`Desk`].
    fn join(&mut self, actor: &Actor, request: JoinRequest) -> Result<Peer, Problem>;

    /// The neighbours, and those who may become neighbours.
    ///
    /// # Errors
    /// See [`Desk`].
    fn peers(&mut self, actor: &Actor) -> Result<Vec<Peer>, Problem>;

    /// Says that the security number was compared. A number that is given must match.
    ///
    /// # Errors
    /// See [`Desk`].
    fn confirm_peer(&mut self, actor: &Actor, who: &str, request: ConfirmRequest) -> Result<Peer, Problem>;

    /// Stops or resumes exchanging with a neighbour.
    ///
    /// # Errors
    /// See [`Desk`].
    fn pause_peer(&mut self, actor: &Actor, who: &str, request: PauseRequest) -> Result<Peer, Problem>;

    /// Ends a pairing. What was shared stays where it is.
    ///
    /// # Errors
    /// See [`Desk`].
    fn remove_peer(&mut self, actor: &Actor, who: &str) -> Result<(), Problem>;

    /// The documents this node holds, newest first, a page at a time.
    ///
    /// # Errors
    /// See [`Desk`].
    fn documents(&mut self, actor: &Actor, query: DocumentQuery) -> Result<DocumentsPage, Problem>;

    /// Begins a draft, which stays on this node.
    ///
    /// # Errors
    /// See [`Desk`].
    fn draft(&mut self, actor: &Actor, request: DraftRequest) -> Result<Document, Problem>;

    /// One document, whole. One that is sealed is refused: see [`Desk::open`].
    ///
    /// # Errors
    /// See [`Desk`].
    fn document(&mut self, actor: &Actor, reference: &str) -> Result<Document, Problem>;

    /// A sealed document with what it says, for a reason that its owner is told. Every time needs one.
    ///
    /// # Errors
    /// See [`Desk`].
    fn open(&mut self, actor: &Actor, reference: &str, request: OpeningRequest) -> Result<Document, Problem>;

    /// Changes a draft, or begins one on a document that was shared already.
    ///
    /// # Errors
    /// See [`Desk`].
    fn edit(&mut self, actor: &Actor, reference: &str, change: DraftChange) -> Result<Document, Problem>;

    /// Throws a draft away.
    ///
    /// # Errors
    /// See [`Desk`].
    fn discard(&mut self, actor: &Actor, reference: &str) -> Result<(), Problem>;

    /// Takes a step of the document's lifecycle: `issue`, `withdraw`, `answer`, as its kind says.
    ///
    /// # Errors
    /// See [`Desk`].
    fn step(&mut self, actor: &Actor, reference: &str, verb: &str, request: StepRequest) -> Result<Document, Problem>;

    /// Exactly who would lose or gain which role by [`Desk::step`] with `narrow`, worked out on a copy: nothing is signed for others.
    ///
    /// # Errors
    /// See [`Desk`].
    fn preview_step(&mut self, actor: &Actor, reference: &str, verb: &str, request: StepRequest) -> Result<RevocationEffect, Problem>;

    /// Says something about a document to those who may read it, or to its owner.
    ///
    /// # Errors
    /// See [`Desk`].
    fn respond(&mut self, actor: &Actor, reference: &str, request: RespondRequest) -> Result<Document, Problem>;

    /// Every entry of a document that this node may see, oldest first, with whether it counts and why not.
    ///
    /// # Errors
    /// See [`Desk`].
    fn history(&mut self, actor: &Actor, reference: &str) -> Result<Vec<HistoryLine>, Problem>;

    /// Every grant ever made on a document.
    ///
    /// # Errors
    /// See [`Desk`].
    fn grants(&mut self, actor: &Actor, reference: &str) -> Result<Vec<GrantLine>, Problem>;

    /// Gives a role on a document.
    ///
    /// # Errors
    /// See [`Desk`].
    fn grant(&mut self, actor: &Actor, reference: &str, request: GrantRequest) -> Result<Document, Problem>;

    /// Takes an organisation's roles on a document away.
    ///
    /// # Errors
    /// See [`Desk`].
    fn revoke(&mut self, actor: &Actor, reference: &str, request: RevocationRequest) -> Result<RevocationOutcome, Problem>;

    /// Exactly what [`Desk::revoke`] would do, worked out on a copy: nothing is signed for others.
    ///
    /// # Errors
    /// See [`Desk`].
    fn preview_revocation(&mut self, actor: &Actor, reference: &str, request: RevocationRequest) -> Result<RevocationEffect, Problem>;

    /// The circles of this node, by name.
    ///
    /// # Errors
    /// See [`Desk`].
    fn circles(&mut self, actor: &Actor) -> Result<Vec<Circle>, Problem>;

    /// One circle, by its name.
    ///
    /// # Errors
    /// See [`Desk`].
    fn circle(&mut self, actor: &Actor, name: &str) -> Result<Circle, Problem>;

    /// Makes a circle.
    ///
    /// # Errors
    /// See [`Desk`].
    fn create_circle(&mut self, actor: &Actor, request: CircleRequest) -> Result<Circle, Problem>;

    /// Changes who is in a circle. The grants and revocations that follow are pending until [`Desk::apply_circle`].
    ///
    /// # Errors
    /// See [`Desk`].
    fn change_circle(&mut self, actor: &Actor, name: &str, request: MembersRequest) -> Result<Circle, Problem>;

    /// Deletes a circle. What was granted to its members stays theirs.
    ///
    /// # Errors
    /// See [`Desk`].
    fn delete_circle(&mut self, actor: &Actor, name: &str) -> Result<(), Problem>;

    /// What follows from a circle's members and was not done yet, a page of documents at a time.
    ///
    /// # Errors
    /// See [`Desk`].
    fn pending(&mut self, actor: &Actor, name: &str, query: PendingQuery) -> Result<PendingPage, Problem>;

    /// Does what follows from a circle's members for one document.
    ///
    /// # Errors
    /// See [`Desk`].
    fn apply_circle(&mut self, actor: &Actor, name: &str, request: ApplyRequest) -> Result<Applied, Problem>;

    /// Who may do what with a document, and by which chain of grants.
    ///
    /// # Errors
    /// See [`Desk`].
    fn access(&mut self, actor: &Actor, reference: &str) -> Result<AccessView, Problem>;

    /// Has a document erased everywhere. Only its owner may, and it cannot be undone.
    ///
    /// # Errors
    /// See [`Desk`].
    fn erase(&mut self, actor: &Actor, reference: &str, request: ErasureRequest) -> Result<ErasureView, Problem>;

    /// Keeps a document that a lost device of this organisation had ordered to be erased, too late for the order to count.
    ///
    /// # Errors
    /// See [`Desk`].
    fn keep_document(&mut self, actor: &Actor, reference: &str) -> Result<Document, Problem>;

    /// Which documents are silent since an older copy or a backup was put back, and who could confirm them.
    ///
    /// # Errors
    /// See [`Desk`].
    fn silent(&mut self, actor: &Actor) -> Result<SilenceView, Problem>;

    /// Lets silent documents speak although nobody confirmed them, because nobody is left who could.
    ///
    /// # Errors
    /// See [`Desk`].
    fn release_silent(&mut self, actor: &Actor, request: ReleaseRequest) -> Result<Released, Problem>;

    /// Who holds a document and, if it was erased, who confirmed that.
    ///
    /// # Errors
    /// See [`Desk`].
    fn erasure(&mut self, actor: &Actor, reference: &str) -> Result<ErasureView, Problem>;

    /// Every document that was erased, newest first, with who confirmed.
    ///
    /// # Errors
    /// See [`Desk`].
    fn erasures(&mut self, actor: &Actor) -> Result<Vec<ErasureView>, Problem>;

    /// A document in another format.
    ///
    /// # Errors
    /// See [`Desk`].
    fn export(&mut self, actor: &Actor, reference: &str, format: ExportFormat) -> Result<Exported, Problem>;

    /// Makes a draft of a Common Alerting Protocol file that somebody else wrote.
    ///
    /// # Errors
    /// See [`Desk`].
    fn import_cap(&mut self, actor: &Actor, request: ImportRequest) -> Result<Imported, Problem>;

    /// What this node did and disclosed, newest first.
    ///
    /// # Errors
    /// See [`Desk`].
    fn log(&mut self, actor: &Actor, query: LogQuery) -> Result<Vec<LogLine>, Problem>;

    /// Notes in the log that it is about to be written out, and answers the number that the pages of
    /// what is written out come before: those lines change no more.
    ///
    /// # Errors
    /// See [`Desk`].
    fn export_log(&mut self, actor: &Actor, query: &LogQuery) -> Result<u64, Problem>;

    /// How many lines the log has, and the newest hash of its chain.
    ///
    /// # Errors
    /// See [`Desk`].
    fn log_head(&mut self, actor: &Actor) -> Result<LogHead, Problem>;

    /// Checks a part of the log's chain.
    ///
    /// # Errors
    /// See [`Desk`]. That the chain is broken is an answer.
    fn check_log(&mut self, actor: &Actor, query: LogCheckQuery) -> Result<LogCheck, Problem>;

    /// Which documents are due for review or past their end, soonest first.
    ///
    /// # Errors
    /// See [`Desk`].
    fn retention(&mut self, actor: &Actor, query: RetentionQuery) -> Result<RetentionList, Problem>;

    /// Sets until when a document is kept, or when it is reviewed.
    ///
    /// # Errors
    /// See [`Desk`].
    fn set_retention(&mut self, actor: &Actor, reference: &str, request: RetentionRequest) -> Result<RetentionLine, Problem>;

    /// Does what is due, or says what it would do.
    ///
    /// # Errors
    /// See [`Desk`].
    fn run_retention(&mut self, actor: &Actor, request: RetentionRunRequest) -> Result<RetentionRun, Problem>;

    /// Does the next piece of coming back after the server was lost or stolen, and says how far it is. A node that does not
    /// come back is done.
    ///
    /// # Errors
    /// See [`Desk`].
    fn recover(&mut self, actor: &Actor, step: RecoveryStep) -> Result<Recovery, Problem>;

    /// Begins a backup: all the node's data but its keys, sealed for the recovery phrase. Only one is written at a time.
    ///
    /// # Errors
    /// See [`Desk`].
    fn backup(&mut self, actor: &Actor) -> Result<BackupWork, Problem>;

    /// Stops the node in good order, after answering.
    ///
    /// # Errors
    /// See [`Desk`].
    fn shutdown(&mut self, actor: &Actor) -> Result<(), Problem>;
}
