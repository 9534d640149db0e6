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
use tokio::time::{Instant, timeout_at};

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
        if std::mem::take(&mut self.documents) { Some("documents") } else { std::mem::take(&mut self.peers).then_some("peers") }
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
    fn new(listener: Listener, kind: Option<String>, comes_back: bool, lasts: Duration, place: OwnedSemaphorePermit) -> Self {
        let now = Instant::now();
        Self {
            listener,
            kind,
            begins: Some(Event::default().id("0").event("begin").retry(RETRY).data("listening")),
            signals: if comes_back { Signals::ALL } else { Signals::default() },
            not_before: now,
            ends: now.checked_add(lasts).unwrap_or(now),
            _place: place,
        }
    }

    /// The next event; none when the stream ends.
    async fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.begins.take() {
            return Some(event);
        }
        // Whatever comes while nothing may be said is one signal, or a page would be told of each long after.
        loop {
            let until = if self.signals.is_empty() { self.ends } else { self.not_before };
            match timeout_at(until, self.listener.next()).await {
                Ok(Some(News::Change(change))) => {
                    self.signals.documents |= change.touches(self.kind.as_deref());
                    self.signals.peers |= change.peers;
                }
                Ok(Some(News::LookAgain)) => self.signals = Signals::ALL,
                Err(_) if !self.signals.is_empty() => break,
                Ok(None) | Err(_) => return None,
            }
        }
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
    let comes_back = headers.contains_key("last-event-id");
    let stand = Stand::new(site.desk.changes().listen(), kind, comes_back, LASTS, place);
    let events = futures::stream::unfold(stand, |mut stand| async move { Some((Ok(stand.next().await?), stand)) });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::{Actor, Change, ChangedDocument, DeskHandle};
    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use axum::response::Response;
    use csu_protocol::id::{DocumentId, OrganisationId};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    struct Page {
        router: Router,
        desk: DeskHandle,
    }

    fn page(signed_in: bool) -> Page {
        let (desk, _jobs) = DeskHandle::channel(1);
        let site = Site { desk: desk.clone(), organisation: "Brixton".into() };
        let router = routes().with_state(site);
        let router = if signed_in { router.layer(Extension(Visitor { actor: Actor::unnamed() })) } else { router };
        Page { router, desk }
    }

    impl Page {
        async fn listen(&self, address: &str, comes_back: bool) -> Response {
            let request = Request::get(address);
            let request = if comes_back { request.header("last-event-id", "0") } else { request };
            self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
        }
    }

    fn guide() -> Change {
        let document =
            ChangedDocument { id: DocumentId::new([1; 32]), kind: "guide".to_owned(), owner: OrganisationId::new([2; 32]), own: false };
        Change { documents: vec![document], ..Change::default() }
    }

    async fn event(response: &mut Response) -> Option<String> {
        let frame = response.body_mut().frame().await?.unwrap();
        Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_page_is_told_that_something_of_its_kind_changed_but_not_what_and_no_more_often_than_each_second() {
        let page = page(true);
        let (mut guides, mut bulletins) = (page.listen("/live?kind=guide", false).await, page.listen("/live?kind=bulletin", false).await);
        for stream in [&mut guides, &mut bulletins] {
            assert_eq!(stream.headers()["content-type"], "text/event-stream");
            assert!(event(stream).await.unwrap().contains("event: begin"));
        }
        let begun = Instant::now();
        page.desk.changes().tell(guide());
        assert_eq!(event(&mut guides).await.unwrap(), "event: documents\ndata: changed\n\n");
        assert!(begun.elapsed() < Duration::from_millis(200));
        page.desk.changes().tell(guide());
        page.desk.changes().tell(guide());
        page.desk.changes().tell(Change { peers: true, ..Change::default() });
        assert!(event(&mut guides).await.unwrap().contains("event: documents"));
        assert!(begun.elapsed() >= PAUSE);
        assert!(event(&mut bulletins).await.unwrap().contains("event: peers"));
        page.desk.changes().end();
        let mut rest = Vec::new();
        while let Some(event) = event(&mut guides).await {
            rest.push(event);
        }
        assert!(rest.len() <= 1 && rest.iter().all(|event| event.contains("peers")), "{rest:?}");
    }

    #[tokio::test]
    async fn a_stream_ends_after_a_while_and_one_that_goes_on_begins_with_all_signals() {
        let (changes, places) = (crate::desk::Changes::default(), Arc::new(Semaphore::new(1)));
        let lasts = Duration::from_millis(50);
        let mut stand = Stand::new(changes.listen(), None, true, lasts, places.clone().try_acquire_owned().unwrap());
        assert!(stand.next().await.is_some());
        assert!(stand.signals.documents && stand.signals.peers);
        assert!(stand.next().await.is_some());
        assert!(stand.next().await.is_some());
        assert!(stand.signals.is_empty() && stand.next().await.is_none());
        drop(stand);
        assert_eq!(places.available_permits(), 1);
    }

    #[tokio::test]
    async fn nobody_listens_who_has_not_signed_in_nor_more_than_there_is_room_for() {
        assert_eq!(page(false).listen("/live", false).await.status(), StatusCode::FORBIDDEN);
        let page = page(true);
        let mut open = Vec::new();
        for _ in 0..STREAMS {
            open.push(page.listen("/live", false).await);
        }
        assert_eq!(page.listen("/live", false).await.status(), StatusCode::SERVICE_UNAVAILABLE);
        open.pop();
        assert_eq!(page.listen("/live", false).await.status(), StatusCode::OK);
    }
}
