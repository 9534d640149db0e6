//! A desk for tests: it remembers what it was asked and answers from fixed values.

mod accounts;

use super::*;
use csu_protocol::id::{DeviceId, DocumentId, Hash, OrganisationId};
use csu_protocol::identity::OrganisationKind;
use csu_protocol::time::Timestamp;
use serde_json::Map;

/// Remembers what it was asked, in words.
#[derive(Debug, Default)]
pub(crate) struct FakeDesk {
    pub(crate) asked: Vec<String>,
    /// How the next ticket is refused.
    pub(crate) refuse_join: Option<Problem>,
}

pub(crate) fn moment() -> Moment {
    Moment::from(Timestamp::from_ms(1_795_370_400_000))
}

pub(crate) fn organisation() -> OrgRef {
    OrgRef {
        id: OrganisationId::new([1; 32]),
        name: "Brixton CSU".into(),
        verified: true,
        called: None,
        kind: Some(OrganisationKind::Union),
    }
}

pub(crate) fn stranger() -> OrgRef {
    OrgRef {
        id: OrganisationId::new([2; 32]),
        name: "0202020202".into(),
        verified: false,
        called: Some("called Mill\u{1b}[31m Road by Brixton CSU".into()),
        kind: None,
    }
}

pub(crate) fn document(kind: &str, fields: Map<String, serde_json::Value>) -> Document {
    Document {
        reference: "d3".into(),
        id: Some(DocumentId::new([3; 32])),
        kind: kind.into(),
        title: "Burglaries in Mill Road".into(),
        state: "issued".into(),
        marking: "GREEN".into(),
        owner: organisation(),
        fields: fields.clone(),
        draft: Some(DraftView { fields, marking: "GREEN".into(), to: vec![], changed: vec![] }),
        withdrawn: None,
        access: AccessLevel::Owner,
        readers: vec![Reader { who: Party::Organisation(stranger()), role: csu_protocol::entry::Role::Read, since: moment() }],
        responses: vec![],
        steps: vec!["update".into(), "withdraw".into()],
        problems: vec![],
        heads: vec![],
        forks: vec![],
        annexes: vec![],
        sealed: false,
    }
}

pub(crate) fn log_head() -> LogHead {
    LogHead { lines: 2, hash: Hash::new([0xee; 32]), at: Some(moment()) }
}

/// Two lines, the older one with a text that spreadsheets would run.
pub(crate) fn log_line(number: u64) -> LogLine {
    LogLine {
        number,
        at: moment(),
        verb: LogVerb::Disclosure,
        who: "this node".into(),
        what: Some(format!("bulletin \"Bins, {number}\"")),
        reference: Some("0303030303".into()),
        document: Some(DocumentId::new([3; 32])),
        to: Some(if number == 1 { "=HYPERLINK(\"http://x\")".into() } else { "Lambeth Police".into() }),
        why: None,
        detail: "sent 1 entry\nof sealed content".into(),
        hash: Hash::new([0xee; 32]),
    }
}

fn retention_line() -> RetentionLine {
    RetentionLine {
        reference: "0303030303".into(),
        document: DocumentId::new([3; 32]),
        kind: "bulletin".into(),
        title: "Burglaries in Mill Road".into(),
        state: "issued".into(),
        owner: organisation(),
        updated: moment(),
        review: Some(moment()),
        ends: None,
        due: Due::Review,
        own: false,
        why: None,
        by: None,
    }
}

fn circle(name: &str) -> Circle {
    Circle { name: name.into(), members: vec![stranger()], documents: 0, created: moment() }
}

pub(crate) fn erasure(erased: bool) -> ErasureView {
    let holder = |who: OrgRef, here: bool| Holder {
        who,
        role: csu_protocol::entry::Role::Read,
        live: true,
        confirmed: (erased && here).then(moment),
        last_seen: None,
        connected: false,
        here,
    };
    ErasureView {
        reference: "3fa9".into(),
        id: DocumentId::new([3; 32]),
        title: (!erased).then(|| "Burglaries in Mill Road".into()),
        owner: organisation(),
        erased: erased.then(|| Erased { by: organisation(), at: moment(), why: Some(csu_protocol::entry::Reason::Legal) }),
        holders: vec![holder(organisation(), true), holder(stranger(), false)],
        anyone: true,
        outstanding: usize::from(erased),
        annexes: vec![],
    }
}

pub(crate) fn silence() -> SilenceView {
    SilenceView {
        documents: 3,
        signing_waits: true,
        older_copy: Some("the data folder was copied".into()),
        waits_for: vec![Awaited { who: stranger(), documents: 2, connected: false, last_seen: None }],
        more: 7,
    }
}

impl FakeDesk {
    fn note(&mut self, actor: &Actor, what: String) {
        self.asked.push(format!("{}: {what}", actor.person().unwrap_or("nobody")));
    }

    fn peer() -> Peer {
        Peer {
            organisation: organisation(),
            pairing: Pairing::Waiting,
            we_confirmed: false,
            they_confirmed: false,
            number: Some("12345 12345 12345 12345 12345".into()),
            paused: false,
            connected: true,
            addresses: vec!["/ip4/192.0.2.1/udp/4820/quic-v1".into()],
            since: moment(),
            fingerprint: "0101 0101".into(),
            trouble: None,
        }
    }
}

impl Desk for FakeDesk {
    fn status(&mut self) -> Result<Status, Problem> {
        Ok(Status {
            organisation: Identity { id: OrganisationId::new([1; 32]), name: "Brixton CSU".into(), kind: OrganisationKind::Union },
            device: DeviceId::new([4; 32]),
            version: "0.1.0".into(),
            data_folder: "/srv/csu".into(),
            since: moment(),
            addresses: vec![],
            pages: None,
            documents: 1,
            drafts: 0,
            peers: vec![PeerStatus {
                organisation: stranger(),
                state: PeerState::Waiting,
                syncing: false,
                last_seen: None,
                since: None,
                declined: 0,
                left: None,
            }],
            integrity: Integrity { checked: None, result: IntegrityResult::Ok, detail: None },
            log: log_head(),
            outstanding_erasures: 0,
            unreconciled: 0,
            to_be_listed: 0,
            summary: "no neighbour connected".into(),
        })
    }

    fn doctor(&mut self) -> Result<Vec<Check>, Problem> {
        Ok(vec![Check::passed("database", "nothing wrong")])
    }

    fn invite(&mut self, actor: &Actor, request: InvitationRequest) -> Result<Invitation, Problem> {
        self.note(actor, format!("invite {:?}", request.valid_hours));
        Ok(Invitation { ticket: "csu-ticket-abc".into(), expires: moment(), addresses: vec![] })
    }

    fn join(&mut self, actor: &Actor, request: JoinRequest) -> Result<Peer, Problem> {
        self.note(actor, format!("join {}", request.ticket));
        if let Some(problem) = self.refuse_join.take() {
            return Err(problem);
        }
        Ok(Self::peer())
    }

    fn peers(&mut self, _: &Actor) -> Result<Vec<Peer>, Problem> {
        Ok(vec![Self::peer()])
    }

    fn confirm_peer(&mut self, actor: &Actor, who: &str, request: ConfirmRequest) -> Result<Peer, Problem> {
        self.note(actor, format!("confirm {who} {:?}", request.number));
        Ok(Self::peer())
    }

    fn pause_peer(&mut self, actor: &Actor, who: &str, request: PauseRequest) -> Result<Peer, Problem> {
        self.note(actor, format!("pause {who} {}", request.paused));
        Ok(Self::peer())
    }

    fn remove_peer(&mut self, actor: &Actor, who: &str) -> Result<(), Problem> {
        self.note(actor, format!("remove {who}"));
        Ok(())
    }

    fn documents(&mut self, actor: &Actor, query: DocumentQuery) -> Result<DocumentsPage, Problem> {
        self.note(actor, format!("documents {query:?}"));
        Ok(DocumentsPage::default())
    }

    fn draft(&mut self, actor: &Actor, request: DraftRequest) -> Result<Document, Problem> {
        self.note(actor, format!("draft {request:?}"));
        Ok(document(&request.kind, request.fields))
    }

    fn document(&mut self, actor: &Actor, reference: &str) -> Result<Document, Problem> {
        self.note(actor, format!("document {reference}"));
        if reference == "ffff" {
            return Err(Problem::not_found("no document is called ffff here", "list them with `csu bulletin list`"));
        }
        Ok(document("bulletin", Map::new()))
    }

    fn open(&mut self, actor: &Actor, reference: &str, request: OpeningRequest) -> Result<Document, Problem> {
        self.note(actor, format!("open {reference} {}", request.reason));
        Ok(document("annex", Map::new()))
    }

    fn edit(&mut self, actor: &Actor, reference: &str, change: DraftChange) -> Result<Document, Problem> {
        self.note(actor, format!("edit {reference} {:?}", change.assign));
        Ok(document("bulletin", change.fields.unwrap_or_default()))
    }

    fn discard(&mut self, actor: &Actor, reference: &str) -> Result<(), Problem> {
        self.note(actor, format!("discard {reference}"));
        Ok(())
    }

    fn step(&mut self, actor: &Actor, reference: &str, verb: &str, request: StepRequest) -> Result<Document, Problem> {
        self.note(actor, format!("{verb} {reference} {:?} {:?}", request.reason, request.to));
        Ok(document("bulletin", Map::new()))
    }

    fn preview_step(&mut self, actor: &Actor, reference: &str, verb: &str, request: StepRequest) -> Result<RevocationEffect, Problem> {
        self.note(actor, format!("preview {verb} {reference} {:?}", request.marking));
        Ok(RevocationEffect::default())
    }

    fn respond(&mut self, actor: &Actor, reference: &str, request: RespondRequest) -> Result<Document, Problem> {
        self.note(actor, format!("respond {reference} {}", request.remark));
        Err(Problem::denied("only a reader may respond", "ask the owner for the role read"))
    }

    fn history(&mut self, _: &Actor, _: &str) -> Result<Vec<HistoryLine>, Problem> {
        Ok(vec![])
    }

    fn grants(&mut self, _: &Actor, _: &str) -> Result<Vec<GrantLine>, Problem> {
        Ok(vec![])
    }

    fn grant(&mut self, actor: &Actor, reference: &str, request: GrantRequest) -> Result<Document, Problem> {
        self.note(actor, format!("grant {reference} {} {:?}", request.who, request.role));
        Ok(document("bulletin", Map::new()))
    }

    fn revoke(&mut self, actor: &Actor, reference: &str, request: RevocationRequest) -> Result<RevocationOutcome, Problem> {
        self.note(actor, format!("revoke {reference} {}", request.who));
        Ok(RevocationOutcome { document: document("bulletin", Map::new()), falls: vec![stranger()], effect: RevocationEffect::default() })
    }

    fn preview_revocation(&mut self, actor: &Actor, reference: &str, request: RevocationRequest) -> Result<RevocationEffect, Problem> {
        self.note(actor, format!("preview {reference} {} {:?}", request.who, request.passed_on));
        Ok(RevocationEffect::default())
    }

    fn circles(&mut self, _: &Actor) -> Result<Vec<Circle>, Problem> {
        Ok(vec![circle("Ward")])
    }

    fn circle(&mut self, _: &Actor, name: &str) -> Result<Circle, Problem> {
        Ok(circle(name))
    }

    fn create_circle(&mut self, actor: &Actor, request: CircleRequest) -> Result<Circle, Problem> {
        self.note(actor, format!("circle {} {:?}", request.name, request.members));
        Ok(circle(&request.name))
    }

    fn change_circle(&mut self, actor: &Actor, name: &str, request: MembersRequest) -> Result<Circle, Problem> {
        self.note(actor, format!("circle {name} +{:?} -{:?}", request.add, request.remove));
        Ok(circle(name))
    }

    fn delete_circle(&mut self, actor: &Actor, name: &str) -> Result<(), Problem> {
        self.note(actor, format!("delete circle {name}"));
        Ok(())
    }

    fn pending(&mut self, _: &Actor, _: &str, _: PendingQuery) -> Result<PendingPage, Problem> {
        Ok(PendingPage { items: vec![], next: None })
    }

    fn apply_circle(&mut self, actor: &Actor, name: &str, request: ApplyRequest) -> Result<Applied, Problem> {
        self.note(actor, format!("apply {name} {}", request.document));
        Ok(Applied { document: DocumentId::new([3; 32]), reference: request.document, done: vec![], refused: vec![] })
    }

    fn access(&mut self, _: &Actor, _: &str) -> Result<AccessView, Problem> {
        Ok(AccessView { owner: organisation(), rows: vec![] })
    }

    fn erase(&mut self, actor: &Actor, reference: &str, request: ErasureRequest) -> Result<ErasureView, Problem> {
        self.note(actor, format!("erase {reference} {}", request.why));
        Ok(erasure(true))
    }

    fn keep_document(&mut self, actor: &Actor, reference: &str) -> Result<Document, Problem> {
        self.note(actor, format!("keep document {reference}"));
        Ok(document("bulletin", Map::new()))
    }

    fn silent(&mut self, _actor: &Actor) -> Result<SilenceView, Problem> {
        Ok(silence())
    }

    fn release_silent(&mut self, actor: &Actor, request: ReleaseRequest) -> Result<Released, Problem> {
        self.note(actor, format!("release {:?}", request.document));
        Ok(Released { released: 1, silent: 2, signing_waits: true })
    }

    fn erasure(&mut self, _actor: &Actor, reference: &str) -> Result<ErasureView, Problem> {
        Ok(erasure(reference != "3fa9"))
    }

    fn erasures(&mut self, _actor: &Actor) -> Result<Vec<ErasureView>, Problem> {
        Ok(vec![erasure(true)])
    }

    fn export(&mut self, actor: &Actor, reference: &str, format: ExportFormat) -> Result<Exported, Problem> {
        self.note(actor, format!("export {reference} {format}"));
        Ok(Exported { media_type: "application/cap+xml", file_name: "bulletin.cap".into(), bytes: b"<alert/>".to_vec() })
    }

    fn import_cap(&mut self, actor: &Actor, request: ImportRequest) -> Result<Imported, Problem> {
        self.note(actor, format!("import {:?} {}", request.name, request.bytes.len()));
        Ok(Imported { document: document("bulletin", Map::new()), warnings: vec![] })
    }

    fn log(&mut self, actor: &Actor, query: LogQuery) -> Result<Vec<LogLine>, Problem> {
        self.note(actor, format!("log {query:?}"));
        let lines = [2, 1].into_iter().filter(|number| query.before.is_none_or(|before| *number < before));
        // A page shorter than its limit, so that whoever pages goes on.
        Ok(lines.take(usize::from(query.before.is_some())).map(log_line).collect())
    }

    fn export_log(&mut self, actor: &Actor, query: &LogQuery) -> Result<u64, Problem> {
        self.note(actor, format!("export log {query:?}"));
        Ok(3)
    }

    fn log_head(&mut self, _: &Actor) -> Result<LogHead, Problem> {
        Ok(log_head())
    }

    fn check_log(&mut self, actor: &Actor, query: LogCheckQuery) -> Result<LogCheck, Problem> {
        self.note(actor, format!("check log {query:?}"));
        let to = query.after.unwrap_or(0) + 1;
        Ok(LogCheck { to, more: to < 2, broken: None, sought: query.sought.map(|_| 1).filter(|_| to == 1), head: log_head() })
    }

    fn retention(&mut self, actor: &Actor, query: RetentionQuery) -> Result<RetentionList, Problem> {
        self.note(actor, format!("retention {query:?}"));
        Ok(RetentionList { items: vec![retention_line()], more: 0 })
    }

    fn set_retention(&mut self, actor: &Actor, reference: &str, request: RetentionRequest) -> Result<RetentionLine, Problem> {
        self.note(actor, format!("keep {reference} {request:?}"));
        Ok(retention_line())
    }

    fn run_retention(&mut self, actor: &Actor, request: RetentionRunRequest) -> Result<RetentionRun, Problem> {
        self.note(actor, format!("run {request:?}"));
        let act = RetentionAct { line: retention_line(), erased: false, outcome: "look whether it is still needed".into() };
        Ok(RetentionRun { dry_run: request.dry_run, items: vec![act], more: 0 })
    }

    fn recover(&mut self, actor: &Actor, _step: RecoveryStep) -> Result<Recovery, Problem> {
        self.note(actor, "recover".into());
        Ok(Recovery {
            stage: RecoveryStage::Done,
            neighbours: vec![],
            documents: 0,
            disowned: 0,
            silent: 0,
            refused: 0,
            sending: 0,
            since_backup: vec![],
        })
    }

    fn backup(&mut self, actor: &Actor) -> Result<BackupWork, Problem> {
        self.note(actor, "backup".into());
        Ok(BackupWork::new(|out| out.write_all(b"sealed").map_err(|error| Problem::storage(error.to_string(), "make room"))))
    }

    fn shutdown(&mut self, actor: &Actor) -> Result<(), Problem> {
        self.note(actor, "shutdown".into());
        Ok(())
    }
}
