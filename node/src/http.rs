//! The node's API: `/api/v1` over a Unix socket that only its owner, or a named group, may open.
//!
//! A thin skin over [`DeskHandle`]: requests and answers are the types of [`crate::desk`], every
//! refusal is `application/problem+json` (RFC 9457) with a remedy, whoever refused. Bodies, time and
//! connections are bounded. `GET /api/v1` lists the operations.
//!
//! Who acts is the text of the header `csu-person`, believed because only the owner of the node reaches
//! the socket; therefore they may do everything, whatever roles accounts have. Left out: pages, and anything over a network.

mod accounts;
mod answers;
mod events;
mod kinds;
mod routes;
mod socket;
mod stream;
mod table;

pub use kinds::KindView;
pub use routes::{OPERATIONS, Operation};
pub use socket::{ApiSocket, SocketError};
pub(crate) use table::of_log as log_table;

use crate::desk::DeskHandle;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use std::future::Future;
use std::time::Duration;

/// The header that says who acts, in UTF-8.
pub const PERSON_HEADER: &str = "csu-person";
/// Where the API begins.
pub const BASE: &str = "/api/v1";
/// The largest body of a request, in bytes: room for the largest draft, or a CAP file with long polygons.
pub const BODY_BYTES: usize = 2 * 1024 * 1024;
/// How long a request may take.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The API of this desk.
pub fn router(desk: DeskHandle) -> Router {
    router_with(desk, REQUEST_TIMEOUT)
}

fn router_with(desk: DeskHandle, timeout: Duration) -> Router {
    routes::routes(desk)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn(move |request, next| answers::within(timeout, request, next)))
        // Outermost, so that nothing leaves that is no problem+json.
        .layer(from_fn(answers::mend))
}

/// Answers on the socket until `stop` is ready, then lets requests under way end, and removes the socket.
///
/// # Errors
/// When the system takes the socket away.
pub async fn serve(socket: ApiSocket, router: Router, stop: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
    // A router by itself would have all its routes made anew for each connection.
    axum::serve(socket, router.into_make_service()).with_graceful_shutdown(stop).await
}

#[cfg(test)]
mod tests;
