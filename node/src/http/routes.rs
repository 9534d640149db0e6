//! The addresses of the API and what they ask of the desk.

use super::BASE;
use super::answers::{Answer, Caller, Refusal};
use super::events::{Places, Shared, events};
use super::kinds::KindView;
use super::{accounts, stream, table};
use crate::desk::{
    AccessView, Applied, ApplyRequest, Check, Circle, CircleRequest, ConfirmRequest, DeskHandle, Document, DocumentQuery, DocumentsPage,
    DraftChange, DraftRequest, ErasureRequest, ErasureView, ExportFormat, GrantLine, GrantRequest, HistoryLine, ImportRequest, Imported,
    Invitation, InvitationRequest, JoinRequest, LogCheck, LogCheckQuery, LogFormat, LogHead, LogQuery, MembersRequest, OpeningRequest,
    PauseRequest, Peer, PendingPage, PendingQuery, ReleaseRequest, Released, RespondRequest, RetentionLine, RetentionList, RetentionQuery,
    RetentionRequest, RetentionRun, RetentionRunRequest, RevocationEffect, RevocationOutcome, RevocationRequest, SilenceView, Status,
    StepRequest,
};
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One thing that the API can do.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Operation {
    /// The HTTP method.
    pub method: &'static str,
    /// The address behind [`BASE`].
    pub path: &'static str,
    /// What it does.
    pub about: &'static str,
}

const fn operation(method: &'static str, path: &'static str, about: &'static str) -> Operation {
    Operation { method, path, about }
}

/// Everything that the API can do.
pub const OPERATIONS: &[Operation] = &[
    operation("GET", "/status", "how the node is, at a glance"),
    operation("GET", "/doctor", "what a running node can check about itself"),
    operation("POST", "/invitations", "make a ticket: {validHours?}"),
    operation("POST", "/join", "take another organisation's ticket: {ticket}"),
    operation("GET", "/peers", "the neighbours, and those who may become neighbours"),
    operation("POST", "/peers/{org}/confirm", "confirm that the security number was compared: {number?}"),
    operation("POST", "/peers/{org}/pause", "stop or resume exchanging with a neighbour: {paused}"),
    operation("DELETE", "/peers/{org}", "end a pairing"),
    operation("GET", "/kinds", "the kinds of documents: fields, states, steps"),
    operation(
        "GET",
        "/documents",
        "list documents: ?search=&kind=&state=&category=&severity=&area=&from=&since=&unread=&count=&limit=&cursor=",
    ),
    operation("POST", "/documents", "begin a draft: {kind, fields?, assign?, marking?, to?}; an annex: {of, moveWords?, moveFound?}"),
    operation("GET", "/documents/{ref}", "one document, whole; a sealed one is opened instead"),
    operation("POST", "/documents/{ref}/openings", "open a sealed document, which its owner is told with the reason: {reason}"),
    operation("PUT", "/documents/{ref}/draft", "change a draft, or begin one on a shared document: {fields?, assign?, marking?, to?}"),
    operation("DELETE", "/documents/{ref}/draft", "throw a draft away"),
    operation(
        "POST",
        "/documents/{ref}/steps/{verb}",
        "take a step: {fields?, assign?, marking?, narrow?, to?, reason?, text?, personalDataChecked?, moveToAnnex?}",
    ),
    operation("POST", "/documents/{ref}/steps/{verb}/preview", "who would lose or gain a role by it, without doing it: {marking?, to?}"),
    operation("POST", "/documents/{ref}/responses", "say something about a document: {remark, text?, personalDataChecked?}"),
    operation("GET", "/documents/{ref}/history", "every entry, with whether it counts and why not"),
    operation("GET", "/documents/{ref}/grants", "every grant ever made"),
    operation("POST", "/documents/{ref}/grants", "give a role: {who, role?, until?}"),
    operation("POST", "/documents/{ref}/revocations", "take roles away: {who, passedOn?}"),
    operation("POST", "/documents/{ref}/revocations/preview", "what that would change, without doing it: {who, passedOn?}"),
    operation("GET", "/documents/{ref}/access", "who may do what, and by which chain of grants"),
    operation("GET", "/documents/{ref}/erasure", "who holds a document, and who confirmed that it is erased there"),
    operation("POST", "/documents/{ref}/erasure", "have a document erased everywhere, for good: {why}"),
    operation("DELETE", "/documents/{ref}/erasure", "keep a document that a lost device had erased, too late for it to count"),
    operation("GET", "/erasures", "every erased document, with who confirmed"),
    operation("GET", "/silent", "what is silent since an older copy or a backup was put back, and who could confirm it"),
    operation("POST", "/silent/release", "go on with what nobody confirmed, since nobody is left who could: {document?}"),
    operation("GET", "/documents/{ref}/export", "the document in another format: ?format=cap|json|automerge"),
    operation("GET", "/circles", "the circles of this node"),
    operation("POST", "/circles", "make a circle: {name, members?}"),
    operation("GET", "/circles/{name}", "one circle"),
    operation("DELETE", "/circles/{name}", "delete a circle; what was granted stays"),
    operation("POST", "/circles/{name}/members", "change who is in a circle: {add?, remove?}"),
    operation("GET", "/circles/{name}/pending", "grants and revocations that follow and were not done: ?after=&limit="),
    operation("POST", "/circles/{name}/apply", "do what follows for one document: {document}"),
    operation("POST", "/import/cap", "make a draft of a Common Alerting Protocol file in the body: ?name=FILE"),
    operation("PUT", "/documents/{ref}/retention", "set until when it is kept: {keepMonths?, until?, review?, byKind?, why}"),
    operation("GET", "/events", "what changes, as server-sent events: change {documents, more, drafts, peers}, again"),
    operation("GET", "/log", "what the node did and disclosed: ?document=&verb=&who=&since=&until=&before=&limit=&format=json|csv"),
    operation("GET", "/log/head", "how many lines the log has, and the newest hash of its chain"),
    operation("GET", "/log/check", "check a part of the log's chain: ?after=&limit=&sought="),
    operation("GET", "/retention", "what is due for review or past its end, soonest first: ?before=&limit="),
    operation("POST", "/retention/runs", "do what is due, or say what would be done: {dryRun?}"),
    operation("GET", "/accounts", "who can sign in to the pages"),
    operation("POST", "/accounts", "make an account, and a link by which its person chooses a password: {name, roles?}"),
    operation("PUT", "/accounts/{name}/roles", "give an account other roles: {roles}"),
    operation("POST", "/accounts/{name}/disable", "shut somebody out at once, or let them in again: {disabled}"),
    operation("POST", "/accounts/{name}/link", "make a link by which somebody chooses a new password"),
    operation("GET", "/backup", "all the node's data but its keys, sealed for the recovery phrase, as a file"),
    operation("POST", "/shutdown", "stop the node in good order"),
];

type Desk = State<DeskHandle>;

pub(super) fn routes(desk: DeskHandle) -> Router {
    let api = Router::new()
        .route("/", get(index))
        .route("/status", get(status))
        .route("/doctor", get(doctor))
        .route("/invitations", post(invite))
        .route("/join", post(join))
        .route("/peers", get(peers))
        .route("/peers/{org}", delete(remove_peer))
        .route("/peers/{org}/confirm", post(confirm_peer))
        .route("/peers/{org}/pause", post(pause_peer))
        .route("/kinds", get(kinds))
        .route("/documents", get(documents).post(draft))
        .route("/documents/{ref}", get(document))
        .route("/documents/{ref}/openings", post(open))
        .route("/documents/{ref}/draft", put(edit).delete(discard))
        .route("/documents/{ref}/steps/{verb}", post(step))
        .route("/documents/{ref}/steps/{verb}/preview", post(preview_step))
        .route("/documents/{ref}/responses", post(respond))
        .route("/documents/{ref}/history", get(history))
        .route("/documents/{ref}/grants", get(grants).post(grant))
        .route("/documents/{ref}/revocations", post(revoke))
        .route("/documents/{ref}/revocations/preview", post(preview_revocation))
        .route("/documents/{ref}/access", get(access))
        .route("/documents/{ref}/erasure", get(erasure).post(erase).delete(keep_document))
        .route("/erasures", get(erasures))
        .route("/silent", get(silent))
        .route("/silent/release", post(release))
        .route("/documents/{ref}/export", get(export))
        .route("/documents/{ref}/retention", put(keep))
        .route("/import/cap", post(import_cap))
        .route("/circles", get(circles).post(create_circle))
        .route("/circles/{name}", get(circle).delete(delete_circle))
        .route("/circles/{name}/members", post(change_circle))
        .route("/circles/{name}/pending", get(pending))
        .route("/circles/{name}/apply", post(apply_circle))
        .route("/events", get(events))
        .route("/log", get(log))
        .route("/log/head", get(log_head))
        .route("/log/check", get(check_log))
        .route("/retention", get(retention))
        .route("/retention/runs", post(run_retention))
        .merge(accounts::routes())
        .route("/backup", get(backup))
        .route("/shutdown", post(shutdown));
    Router::new().nest(BASE, api).with_state(Shared { desk, places: Places::default() })
}

async fn index() -> Json<Value> {
    Json(json!({ "name": "csu", "version": env!("CARGO_PKG_VERSION"), "operations": OPERATIONS }))
}

async fn kinds() -> Json<Vec<KindView>> {
    Json(csu_protocol::document::kind::all().iter().copied().map(KindView::from).collect())
}

async fn status(State(desk): Desk) -> Answer<Status> {
    Ok(Json(desk.ask(|desk| desk.status()).await?))
}

async fn doctor(State(desk): Desk) -> Answer<Vec<Check>> {
    Ok(Json(desk.ask(|desk| desk.doctor()).await?))
}

async fn invite(State(desk): Desk, Caller(actor): Caller, Json(request): Json<InvitationRequest>) -> Answer<Invitation> {
    Ok(Json(desk.ask(move |desk| desk.invite(&actor, request)).await?))
}

async fn join(State(desk): Desk, Caller(actor): Caller, Json(request): Json<JoinRequest>) -> Answer<Peer> {
    Ok(Json(desk.ask(move |desk| desk.join(&actor, request)).await?))
}

async fn peers(State(desk): Desk, Caller(actor): Caller) -> Answer<Vec<Peer>> {
    Ok(Json(desk.ask(move |desk| desk.peers(&actor)).await?))
}

async fn confirm_peer(
    State(desk): Desk,
    Caller(actor): Caller,
    Path(who): Path<String>,
    Json(request): Json<ConfirmRequest>,
) -> Answer<Peer> {
    Ok(Json(desk.ask(move |desk| desk.confirm_peer(&actor, &who, request)).await?))
}

async fn pause_peer(State(desk): Desk, Caller(actor): Caller, Path(who): Path<String>, Json(request): Json<PauseRequest>) -> Answer<Peer> {
    Ok(Json(desk.ask(move |desk| desk.pause_peer(&actor, &who, request)).await?))
}

async fn remove_peer(State(desk): Desk, Caller(actor): Caller, Path(who): Path<String>) -> Answer<Value> {
    desk.ask(move |desk| desk.remove_peer(&actor, &who)).await?;
    Ok(Json(json!({})))
}

async fn documents(State(desk): Desk, Caller(actor): Caller, Query(query): Query<DocumentQuery>) -> Answer<DocumentsPage> {
    Ok(Json(desk.ask(move |desk| desk.documents(&actor, query)).await?))
}

async fn draft(State(desk): Desk, Caller(actor): Caller, Json(request): Json<DraftRequest>) -> Answer<Document> {
    Ok(Json(desk.ask(move |desk| desk.draft(&actor, request)).await?))
}

async fn document(State(desk): Desk, Caller(actor): Caller, Path(reference): Path<String>) -> Answer<Document> {
    Ok(Json(desk.ask(move |desk| desk.document(&actor, &reference)).await?))
}

async fn open(
    State(desk): Desk,
    Caller(actor): Caller,
    Path(reference): Path<String>,
    Json(request): Json<OpeningRequest>,
) -> Answer<Document> {
    Ok(Json(desk.ask(move |desk| desk.open(&actor, &reference, request)).await?))
}

async fn edit(
    State(desk): Desk,
    Caller(actor): Caller,
    Path(reference): Path<String>,
    Json(change): Json<DraftChange>,
) -> Answer<Document> {
    Ok(Json(desk.ask(move |desk| desk.edit(&actor, &reference, change)).await?))
}

async fn discard(State(desk): Desk, Caller(actor): Caller, Path(reference): Path<String>) -> Answer<Value> {
    desk.ask(move |desk| desk.discard(&actor, &reference)).await?;
    Ok(Json(json!({})))
}

async fn step(
    State(desk): Desk,
    Caller(actor): Caller,
    Path((reference, verb)): Path<(String, String)>,
    Json(request): Json<StepRequest>,
) -> Answer<Document> {
    Ok(Json(desk.ask(move |desk| desk.step(&actor, &reference, &verb, request)).await?))
}

async fn preview_step(
    State(desk): Desk,
    Caller(actor): Caller,
    Path((reference, verb)): Path<(String, String)>,
    Json(request): Json<StepRequest>,
) -> Answer<RevocationEffect> {
    Ok(Json(desk.ask(move |desk| desk.preview_step(&actor, &reference, &verb, request)).await?))
}

async fn respond(
    State(desk): Desk,
    Caller(actor): Caller,
    Path(reference): Path<String>,
    Json(request): Json<RespondRequest>,
) -> Answer<Document> {
    Ok(Json(desk.ask(move |desk| desk.respond(&actor, &reference, request)).await?))
}

async fn history(State(desk): Desk, Caller(actor): Caller, Path(reference): Path<String>) -> Answer<Vec<HistoryLine>> {
    Ok(Json(desk.ask(move |desk| desk.history(&actor, &reference)).await?))
}

async fn grants(State(desk): Desk, Caller(actor): Caller, Path(reference): Path<String>) -> Answer<Vec<GrantLine>> {
    Ok(Json(desk.ask(move |desk| desk.grants(&actor, &reference)).await?))
}

async fn grant(
    State(desk): Desk,
    Caller(actor): Caller,
    Path(reference): Path<String>,
    Json(request): Json<GrantRequest>,
) -> Answer<Document> {
    Ok(Json(desk.ask(move |desk| desk.grant(&actor, &reference, request)).await?))
}

async fn revoke(
    State(desk): Desk,
    Caller(actor): Caller,
    Path(reference): Path<String>,
    Json(request): Json<RevocationRequest>,
) -> Answer<RevocationOutcome> {
    Ok(Json(desk.ask(move |desk| desk.revoke(&actor, &reference, request)).await?))
}

async fn preview_revocation(
    State(desk): Desk,
    Caller(actor): Caller,
    Path(reference): Path<String>,
    Json(request): Json<RevocationRequest>,
) -> Answer<RevocationEffect> {
    Ok(Json(desk.ask(move |desk| desk.preview_revocation(&actor, &reference, request)).await?))
}

async fn circles(State(desk): Desk, Caller(actor): Caller) -> Answer<Vec<Circle>> {
    Ok(Json(desk.ask(move |desk| desk.circles(&actor)).await?))
}

async fn create_circle(State(desk): Desk, Caller(actor): Caller, Json(request): Json<CircleRequest>) -> Answer<Circle> {
    Ok(Json(desk.ask(move |desk| desk.create_circle(&actor, request)).await?))
}

async fn circle(State(desk): Desk, Caller(actor): Caller, Path(name): Path<String>) -> Answer<Circle> {
    Ok(Json(desk.ask(move |desk| desk.circle(&actor, &name)).await?))
}

async fn delete_circle(State(desk): Desk, Caller(actor): Caller, Path(name): Path<String>) -> Answer<Value> {
    desk.ask(move |desk| desk.delete_circle(&actor, &name)).await?;
    Ok(Json(json!({})))
}

async fn change_circle(
    State(desk): Desk,
    Caller(actor): Caller,
    Path(name): Path<String>,
    Json(request): Json<MembersRequest>,
) -> Answer<Circle> {
    Ok(Json(desk.ask(move |desk| desk.change_circle(&actor, &name, request)).await?))
}

async fn pending(
    State(desk): Desk,
    Caller(actor): Caller,
    Path(name): Path<String>,
    Query(query): Query<PendingQuery>,
) -> Answer<PendingPage> {
    Ok(Json(desk.ask(move |desk| desk.pending(&actor, &name, query)).await?))
}

async fn apply_circle(
    State(desk): Desk,
    Caller(actor): Caller,
    Path(name): Path<String>,
    Json(request): Json<ApplyRequest>,
) -> Answer<Applied> {
    Ok(Json(desk.ask(move |desk| desk.apply_circle(&actor, &name, request)).await?))
}

async fn access(State(desk): Desk, Caller(actor): Caller, Path(reference): Path<String>) -> Answer<AccessView> {
    Ok(Json(desk.ask(move |desk| desk.access(&actor, &reference)).await?))
}

async fn erasure(State(desk): Desk, Caller(actor): Caller, Path(reference): Path<String>) -> Answer<ErasureView> {
    Ok(Json(desk.ask(move |desk| desk.erasure(&actor, &reference)).await?))
}

async fn erase(
    State(desk): Desk,
    Caller(actor): Caller,
    Path(reference): Path<String>,
    Json(request): Json<ErasureRequest>,
) -> Answer<ErasureView> {
    Ok(Json(desk.ask(move |desk| desk.erase(&actor, &reference, request)).await?))
}

async fn keep_document(State(desk): Desk, Caller(actor): Caller, Path(reference): Path<String>) -> Answer<Document> {
    Ok(Json(desk.ask(move |desk| desk.keep_document(&actor, &reference)).await?))
}

async fn erasures(State(desk): Desk, Caller(actor): Caller) -> Answer<Vec<ErasureView>> {
    Ok(Json(desk.ask(move |desk| desk.erasures(&actor)).await?))
}

async fn silent(State(desk): Desk, Caller(actor): Caller) -> Answer<SilenceView> {
    Ok(Json(desk.ask(move |desk| desk.silent(&actor)).await?))
}

async fn release(State(desk): Desk, Caller(actor): Caller, Json(request): Json<ReleaseRequest>) -> Answer<Released> {
    Ok(Json(desk.ask(move |desk| desk.release_silent(&actor, request)).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExportQuery {
    format: ExportFormat,
}

async fn export(
    State(desk): Desk,
    Caller(actor): Caller,
    Path(reference): Path<String>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Refusal> {
    let exported = desk.ask(move |desk| desk.export(&actor, &reference, query.format)).await?;
    let mut response = exported.bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(exported.media_type));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"{}\"", exported.file_name)) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportQuery {
    name: Option<String>,
}

async fn import_cap(State(desk): Desk, Caller(actor): Caller, Query(query): Query<ImportQuery>, body: Bytes) -> Answer<Imported> {
    let request = ImportRequest { name: query.name, bytes: body.to_vec() };
    Ok(Json(desk.ask(move |desk| desk.import_cap(&actor, request)).await?))
}

/// Whether a client names a table among what it takes. That it may take anything is no wish for one.
fn wants_table(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/csv")))
}

async fn log(State(desk): Desk, Caller(actor): Caller, Query(query): Query<LogQuery>, headers: HeaderMap) -> Result<Response, Refusal> {
    let format = query.format.unwrap_or(if wants_table(&headers) { LogFormat::Csv } else { LogFormat::Json });
    match format {
        LogFormat::Json => Ok(Json(desk.ask(move |desk| desk.log(&actor, query)).await?).into_response()),
        LogFormat::Csv => {
            let mut response = table::of_log(desk, actor, query).await?.into_response();
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"access-log.csv\""));
            Ok(response)
        }
    }
}

async fn log_head(State(desk): Desk, Caller(actor): Caller) -> Answer<LogHead> {
    Ok(Json(desk.ask(move |desk| desk.log_head(&actor)).await?))
}

async fn check_log(State(desk): Desk, Caller(actor): Caller, Query(query): Query<LogCheckQuery>) -> Answer<LogCheck> {
    Ok(Json(desk.ask(move |desk| desk.check_log(&actor, query)).await?))
}

async fn retention(State(desk): Desk, Caller(actor): Caller, Query(query): Query<RetentionQuery>) -> Answer<RetentionList> {
    Ok(Json(desk.ask(move |desk| desk.retention(&actor, query)).await?))
}

async fn keep(
    State(desk): Desk,
    Caller(actor): Caller,
    Path(reference): Path<String>,
    Json(request): Json<RetentionRequest>,
) -> Answer<RetentionLine> {
    Ok(Json(desk.ask(move |desk| desk.set_retention(&actor, &reference, request)).await?))
}

async fn run_retention(State(desk): Desk, Caller(actor): Caller, Json(request): Json<RetentionRunRequest>) -> Answer<RetentionRun> {
    Ok(Json(desk.ask(move |desk| desk.run_retention(&actor, request)).await?))
}

async fn backup(State(desk): Desk, Caller(actor): Caller) -> Result<Response, Refusal> {
    let work = desk.ask(move |desk| desk.backup(&actor)).await?;
    let mut response = stream::of_backup(work).await?.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"csu.backup\""));
    Ok(response)
}

async fn shutdown(State(desk): Desk, Caller(actor): Caller) -> Answer<Value> {
    desk.ask(move |desk| desk.shutdown(&actor)).await?;
    Ok(Json(json!({})))
}
