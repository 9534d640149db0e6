//! Every refusal is a problem, whoever refused.

use super::{BODY_BYTES, PERSON_HEADER};
use crate::desk::{Actor, Problem};
use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::time::Duration;

const PROBLEM_JSON: &str = "application/problem+json";
/// How much of a refusal's own text is passed on, in bytes.
const DETAIL_BYTES: usize = 4 * 1024;

/// What a handler returns.
pub(super) type Answer<T> = Result<Json<T>, Refusal>;

/// A problem on its way out.
#[derive(Debug)]
pub(super) struct Refusal(Problem);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self.0)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        response
    }
}

/// Who asks, from the header.
pub(super) struct Caller(pub(super) Actor);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let Some(value) = parts.headers.get(PERSON_HEADER) else {
            return Ok(Self(Actor::unnamed()));
        };
        let name = std::str::from_utf8(value.as_bytes()).map_err(|_| {
            Problem::invalid("person", format!("the header {PERSON_HEADER} is not UTF-8"), "write the person's name in UTF-8")
        })?;
        Ok(Self(Actor::named(name)?))
    }
}

/// Ends a request that takes too long.
pub(super) async fn within(timeout: Duration, request: Request, next: Next) -> Response {
    match tokio::time::timeout(timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Refusal(Problem::unavailable(
            format!("the node did not answer within {} seconds: it is busy", timeout.as_secs()),
            "look with `csu status` whether what you asked for was done, then ask again",
        ))
        .into_response(),
    }
}

/// Turns the refusals of HTTP itself (no such address, wrong method, wrong body) into problems.
pub(super) async fn mend(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    if !(status.is_client_error() || status.is_server_error()) || kind.is_some_and(|kind| kind == PROBLEM_JSON) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // What axum says of a rejected body is short; anything longer is not passed on.
    let said = to_bytes(body, DETAIL_BYTES).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let title = status.canonical_reason().unwrap_or("Refused");
    let detail = if said.trim().is_empty() { usual_detail(status) } else { said.trim() };
    let problem = Problem::of_http(status.as_u16(), title, detail, remedy(status));
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    Response::from_parts(parts, Body::from(body))
}

fn usual_detail(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "there is nothing at this address",
        StatusCode::METHOD_NOT_ALLOWED => "this address does not know this method",
        _ => "the request was refused",
    }
}

fn remedy(status: StatusCode) -> String {
    match status {
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => "GET /api/v1 lists the operations".to_owned(),
        StatusCode::PAYLOAD_TOO_LARGE => format!("send at most {BODY_BYTES} bytes: shorten the draft or split it in two"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "send JSON with `content-type: application/json`".to_owned(),
        status if status.is_client_error() => "mend what is named and send it again; GET /api/v1 lists the operations".to_owned(),
        _ => "ask again; if it stays, see what the node writes to its log".to_owned(),
    }
}
