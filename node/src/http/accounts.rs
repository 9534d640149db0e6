//! Accounts, for the node's owner. Passwords do not come this way: an account's person chooses one in a browser.

use super::answers::{Answer, Caller};
use crate::desk::{Account, AccountLink, AccountRequest, DeskHandle, DisableRequest, RolesRequest};
use axum::extract::{Path, State};
use axum::routing::{get, post, put};
use axum::{Json, Router};

type Desk = State<DeskHandle>;

pub(super) fn routes() -> Router<super::events::Shared> {
    Router::new()
        .route("/accounts", get(list).post(create))
        .route("/accounts/{name}/roles", put(set_roles))
        .route("/accounts/{name}/disable", post(disable))
        .route("/accounts/{name}/link", post(link))
}

async fn list(State(desk): Desk, Caller(actor): Caller) -> Answer<Vec<Account>> {
    Ok(Json(desk.ask(move |desk| desk.accounts(&actor)).await?))
}

async fn create(State(desk): Desk, Caller(actor): Caller, Json(request): Json<AccountRequest>) -> Answer<AccountLink> {
    Ok(Json(desk.ask(move |desk| desk.create_account(&actor, request)).await?))
}

async fn set_roles(
    State(desk): Desk,
    Caller(actor): Caller,
    Path(name): Path<String>,
    Json(request): Json<RolesRequest>,
) -> Answer<Account> {
    Ok(Json(desk.ask(move |desk| desk.set_roles(&actor, &name, request)).await?))
}

async fn disable(
    State(desk): Desk,
    Caller(actor): Caller,
    Path(name): Path<String>,
    Json(request): Json<DisableRequest>,
) -> Answer<Account> {
    Ok(Json(desk.ask(move |desk| desk.disable_account(&actor, &name, request)).await?))
}

async fn link(State(desk): Desk, Caller(actor): Caller, Path(name): Path<String>) -> Answer<AccountLink> {
    Ok(Json(desk.ask(move |desk| desk.link_account(&actor, &name)).await?))
}
