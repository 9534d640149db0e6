//! What changes, as server-sent events.
//!
//! `change` says what one commit changed, `again` that more did than waits for a slow listener: look at whatever is shown. Nothing
//! is repeated for whoever comes back: a stream that goes on after another begins with `again`.

use super::answers::Refusal;
use crate::desk::{DeskHandle, Listener, News, Problem};
use axum::extract::{FromRef, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Streams at once: each takes one of the socket's connections, which are for others too.
const STREAMS: usize = 16;

/// Places for streams.
#[derive(Debug, Clone)]
pub(super) struct Places(Arc<Semaphore>);

impl Default for Places {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(STREAMS)))
    }
}

/// What every answer has at hand.
#[derive(Debug, Clone, FromRef)]
pub(super) struct Shared {
    pub(super) desk: DeskHandle,
    pub(super) places: Places,
}

struct Stand {
    listener: Listener,
    begins: Option<Event>,
    _place: OwnedSemaphorePermit,
}

pub(super) async fn events(
    State(desk): State<DeskHandle>,
    State(Places(places)): State<Places>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refusal> {
    let place = places.try_acquire_owned().map_err(|_| {
        Problem::unavailable(format!("{STREAMS} programs listen to this node already"), "end one of them, then listen again")
    })?;
    // Ids only tell that somebody comes back: there is nothing to be counted.
    let begins = if headers.contains_key("last-event-id") { "again" } else { "begin" };
    let begins = Some(Event::default().id("0").event(begins).data("{}"));
    let stand = Stand { listener: desk.changes().listen(), begins, _place: place };
    let events = futures::stream::unfold(stand, |mut stand| async move {
        let event = match stand.begins.take() {
            Some(event) => event,
            None => match stand.listener.next().await? {
                News::Change(change) => Event::default().event("change").json_data(&*change).ok()?,
                News::LookAgain => Event::default().event("again").data("{}"),
            },
        };
        Some((Ok(event), stand))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}
