//! Pages that follow what changes: `GET /live` tells a page that it is out of date, never what changed.
//!
//! A page listens by htmx's extension for server-sent events, and loads the part that changed from its own address:
//!
//! ```html
//! <div hx-ext="sse" sse-connect="/live?kind=bulletin">
//!   <div id="list" hx-trigger="sse:documents" hx-get="/bulletins?severity=Severe" hx-select="#list" hx-swap="outerHTML">...</div>
//! </div>
//! ```
//!
//! The page must load `assets::url("htmx.min.js")` and `assets::url("sse.min.js")`, in this order. The element with `sse-connect`
//! must stand outside what is swapped, or each swap would connect anew. `hx-get` is the page's own address with its query.
//!
//! - `documents`: a document of `kind`, or of any kind without it, or a draft; a list or one document should be loaded again.
//! - `peers`: a neighbour came, went or changed.
//!
//! The first signal goes out at once; after one nothing is said for a second, so that a page loads no more often than that
//! however much comes. A stream ends after ten minutes and the browser connects again, so that whoever signed out, or was shut
//! out, hears nothing for longer. One that goes on after another begins with both signals.

use super::Site;
use super::refusal::Refusal;
use super::visitor::Visitor;
use crate::desk::{Listener, News, Problem};
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::get;
use axum::{Extension, Router};
use futures::Stream;
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout_at};

/// Pages that listen at once.
const STREAMS: usize = 256;
/// How long nothing is said after a signal.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a stream lasts.
const LASTS: Duration = Duration::from_secs(600);
/// After what time a browser whose stream ended connects again.
const RETRY: Duration = Duration::from_secs(3);

/// Places for streams.
#[derive(Debug, Clone)]
struct Places(Arc<Semaphore>);

pub(super) fn routes() -> Router<Site> {
    Router::new().route("/live", get(live)).layer(Extension(Places(Arc::new(Semaphore::new(STREAMS)))))
}

/// What a page wants to hear of.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    kind: Option<String>,
}

/// What is to be told.
#[derive(Debug, Clone, Copy, Default)]
struct Signals {
    documents: bool,
    peers: bool,
}

impl Signals {
    const ALL: Self = Self { documents: true, peers: true };

    fn take(&mut self) -> Option<&'static str> {
        if std::mem::take(&mut self.documents) {
            Some("documents")
        } else {
            std::mem::take(&mut self.peers).then_some("peers")
        }
    }

    const fn is_empty(self) -> bool {
        !self.documents && !self.peers
    }
}

struct Stand {
    listener: Listener,
    kind: Option<String>,
    begins: Option<Event>,
    signals: Signals,
    not_before: Instant,
    ends: Instant,
    _place: OwnedSemaphorePermit,
}

impl Stand {
    /// The next event; none when the stream ends.
    async fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.begins.take() {
            return Some(event);
        }
        while self.signals.is_empty() {
            match timeout_at(self.ends, self.listener.next()).await.ok()?? {
                News::Change(change) => {
                    self.signals.documents |= change.touches(self.kind.as_deref());
                    self.signals.peers |= change.peers;
                }
                News::LookAgain => self.signals = Signals::ALL,
            }
        }
        sleep_until(self.not_before).await;
        let name = self.signals.take()?;
        if self.signals.is_empty() {
            self.not_before = Instant::now().checked_add(PAUSE)?;
        }
        Some(Event::default().event(name).data("changed"))
    }
}

async fn live(
    State(site): State<Site>,
    _: Visitor,
    Extension(Places(places)): Extension<Places>,
    Query(Wanted { kind }): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refusal> {
    let place = places
        .try_acquire_owned()
        .map_err(|_| Problem::unavailable("too many pages are open on this node", "load the page again to see what is new"))?;
    let now = Instant::now();
    let comes_back = headers.contains_key("last-event-id");
    let stand = Stand {
        listener: site.desk.changes().listen(),
        kind,
        begins: Some(Event::default().id("0").event("begin").retry(RETRY).data("listening")),
        signals: if comes_back { Signals::ALL } else { Signals::default() },
        not_before: now,
        ends: now.checked_add(LASTS).unwrap_or(now),
        _place: place,
    };
    let events = futures::stream::unfold(stand, |mut stand| async move { Some((Ok(stand.next().await?), stand)) });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}
