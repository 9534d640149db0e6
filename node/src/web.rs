//! What people see in a browser: pages, rendered here, that do all of a union's or a liaison officer's work.
//!
//! A thin skin over [`DeskHandle`], as [`crate::http`] is: a page asks the desk, shows what it answers, and posts forms back to
//! it. Pages are whole without JavaScript; scripts only save loads. What a page loads lies in the program (`assets`), and the
//! policy that every answer carries lets nothing else in (`guard`). The desk decides what somebody may do; pages only leave
//! out what it would refuse.
//!
//! Left out: how anything is done, and the API.

mod assets;
mod dates;
mod guard;
mod layout;
mod listener;
mod live;
mod markdown;
mod pages;
mod parts;
mod passwords;
mod refusal;
mod sentences;
mod session;
mod signing_in;
mod throttle;
mod visitor;

pub use listener::{WebError, WebListener};
pub use session::Sessions;

use crate::desk::DeskHandle;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use session::Clock;
use signing_in::Door;
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

/// The pages of this desk, for `listener`'s address, and for whoever has a session among these.
pub fn router(desk: DeskHandle, organisation: &str, listener: &WebListener, sessions: Sessions) -> Router {
    router_at(desk, organisation, listener, sessions, Arc::new(crate::office::now))
}

fn router_at(desk: DeskHandle, organisation: &str, listener: &WebListener, sessions: Sessions, clock: Clock) -> Router {
    let site = Site { desk, organisation: organisation.into() };
    let hosts = listener.hosts();
    let cookies = sessions.layer(listener);
    let door = Door::new(site.clone(), sessions, clock);
    pages::routes()
        .merge(live::routes())
        .with_state(site)
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        .merge(pages::accounts::routes().with_state(door.clone()))
        .layer(from_fn_with_state(door.gate.clone(), session::admit))
        // Whoever has not signed in gets no further than these.
        .merge(signing_in::routes().with_state(door))
        .layer(cookies)
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

#[cfg(test)]
mod tests;
