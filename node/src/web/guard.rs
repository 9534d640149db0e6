//! What holds for every answer: it is asked for by a name of ours, and tells the browser to load nothing from elsewhere.

use super::refusal;
use crate::desk::Problem;
use axum::extract::Request;
use axum::http::header::{
    self, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;

/// Nothing from elsewhere, no script or style in a page, no frame around it, and forms go nowhere else. Pictures may be
/// `data:` because Leaflet and the style sheet have theirs so.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'",
);

/// What else every answer carries.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// Refuses what is asked for by a foreign name, which a page elsewhere could have pointed here, and adds the headers.
pub(super) async fn guard(hosts: Arc<[String]>, request: Request, next: Next) -> Response {
    let host = request.uri().authority().map(|authority| authority.as_str());
    let host = host.or_else(|| request.headers().get(header::HOST).and_then(|host| host.to_str().ok()));
    let ours = host.is_some_and(|host| hosts.iter().any(|known| known.eq_ignore_ascii_case(host)));
    let mut response = if ours {
        next.run(request).await
    } else {
        let detail = "this node is not called what your browser asked for";
        refusal::bare(&Problem::denied(detail, format!("open http://{}/ on the computer that the node runs on", hosts[0])))
    };
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    // What somebody may see is not for the next person at the same computer. Assets say otherwise themselves.
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
