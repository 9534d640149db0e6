//! What people see in a browser: pages, rendered here, that do all of a union's or a liaison officer's work.
//!
//! A thin skin over [`DeskHandle`], as [`crate::http`] is: a page asks the desk, shows what it answers, and posts forms back to
//! it. Pages are whole without JavaScript; scripts only save loads. What a page loads lies in the program ([`assets`]), and the
//! policy that every answer carries lets nothing else in ([`guard`]). The desk decides what somebody may do; pages only leave
//! out what it would refuse.
//!
//! Left out: how anything is done, and the API.

mod assets;
mod dates;
mod guard;
mod layout;
mod listener;
mod markdown;
mod pages;
mod parts;
mod refusal;
mod sentences;
mod visitor;

pub use listener::{WebError, WebListener};

use crate::desk::DeskHandle;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use std::future::Future;
use std::sync::Arc;
use tower_http::compression::CompressionLayer;
use tower_http::csrf::CsrfLayer;

/// The largest form, in bytes: room for the largest draft.
const FORM_BYTES: usize = 2 * 1024 * 1024;

/// What every page needs.
#[derive(Debug, Clone)]
struct Site {
    desk: DeskHandle,
    /// Whose node this is, as its card says.
    organisation: Arc<str>,
}

/// The pages of this desk, for `listener`'s address.
pub fn router(desk: DeskHandle, organisation: &str, listener: &WebListener) -> Router {
    let site = Site { desk, organisation: organisation.into() };
    let hosts = listener.hosts();
    pages::routes()
        .with_state(site)
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        .merge(assets::routes())
        .layer(CsrfLayer::new())
        .layer(CompressionLayer::new())
        // Outermost, so that nothing leaves without its headers and nothing is asked by a name that is not ours.
        .layer(from_fn(move |request, next| guard::guard(hosts.clone(), request, next)))
}

/// Answers browsers until `stop` is ready, then lets requests under way end.
///
/// # Errors
/// When the system takes the socket away.
pub async fn serve(listener: WebListener, router: Router, stop: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
    axum::serve(listener.into_inner(), router.into_make_service()).with_graceful_shutdown(stop).await
}
