//! Sessions: which browser belongs to whom, and for how long.
//!
//! They lie in a database of their own in the data folder, which is in no backup: whoever restores a node signs in again. A
//! browser that has not signed in has no session, so strangers leave nothing behind. At each request the account is asked for at
//! the desk: whoever is shut out, or chose another password, is out at once.

use super::listener::WebListener;
use super::refusal::{self, Refusal};
use super::visitor::{OwnSession, Visitor};
use super::{Site, WebError};
use crate::cli::client::segment;
use crate::desk::{Presence, Problem, Roles, SessionMark, SignedIn};
use async_trait::async_trait;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use csu_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tower_sessions::cookie::{SameSite, time};
use tower_sessions::session::{Id, Record};
use tower_sessions::{ExpiredDeletion, Expiry, Session, SessionManagerLayer, SessionStore, session_store};
use tower_sessions_rusqlite_store::{RusqliteStore, tokio_rusqlite};

/// A session ends after so long without anybody doing anything.
pub(super) const IDLE: Duration = Duration::from_secs(30 * 60);
/// It ends after so long in any case.
pub(super) const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);
/// How exactly is noted when something was done: each note is a write.
const NOTED: Duration = Duration::from_secs(60);
/// The file of sessions in a data folder.
const FILE: &str = "sessions.db";
/// Who signed in, in a session.
const HELD: &str = "signed-in";

/// The civil time of this machine, or of a test.
pub(super) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a session holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    mark: SessionMark,
    roles: Roles,
    /// When somebody signed in.
    since: u64,
    /// When something was done last, as noted.
    seen: u64,
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Held {
    fn new(signed_in: &SignedIn, at: Timestamp) -> Self {
        Self { mark: signed_in.mark, roles: signed_in.account.roles, since: at.as_ms(), seen: at.as_ms() }
    }

    /// A clock that was set back ends nothing.
    fn is_over(&self, at: Timestamp) -> bool {
        at.as_ms().saturating_sub(self.seen) >= ms(IDLE) || at.as_ms().saturating_sub(self.since) >= ms(LONGEST)
    }
}

/// The store, but that a session which was ended stays so: a request that was under way meanwhile writes it no more.
#[derive(Debug, Clone)]
pub(super) struct Store(RusqliteStore);

#[async_trait]
impl SessionStore for Store {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        self.0.create(record).await
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        if self.0.load(&record.id).await?.is_some() { self.0.save(record).await } else { Ok(()) }
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        self.0.load(id).await
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        self.0.delete(id).await
    }
}

/// Where sessions are kept.
#[derive(Debug, Clone)]
pub struct Sessions(Store);

impl Sessions {
    /// Opens the file of sessions in a data folder, for its owner alone. One that cannot be read is made anew: it holds nothing
    /// that signing in again does not bring back.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn open(folder: &Path) -> Result<Self, WebError> {
        let path = folder.join(FILE);
        let refused = |why: String| WebError::Sessions { path: path.clone(), why };
        keep_private(&path).map_err(|error| refused(error.to_string()))?;
        match open_store(&path).await {
            Ok(store) => Ok(Self(Store(store))),
            Err(error) => {
                tracing::warn!(error, "the sessions cannot be read: everybody has to sign in again");
                fs::remove_file(&path).and_then(|()| keep_private(&path)).map_err(|error| refused(error.to_string()))?;
                open_store(&path).await.map(|store| Self(Store(store))).map_err(refused)
            }
        }
    }

    /// Gives every request its session. Without TLS the cookie cannot be `Secure`; then its name holds the port, since browsers
    /// give cookies to every port of a name, and several nodes may run on one computer.
    pub(super) fn layer(&self, listener: &WebListener) -> SessionManagerLayer<Store> {
        SessionManagerLayer::new(self.0.clone())
            .with_name(format!("csu-session-{}", listener.port()))
            .with_secure(false)
            .with_http_only(true)
            // Links in mail lead to pages; what changes anything is a POST, which Lax keeps the cookie from when it comes from elsewhere.
            .with_same_site(SameSite::Lax)
            .with_path("/")
            .with_expiry(Expiry::OnInactivity(time::Duration::try_from(IDLE).unwrap_or(time::Duration::MINUTE)))
    }

    /// Begins a session of somebody who has just shown who they are, under a new id: one that was known before is good for nothing.
    pub(super) async fn begin(&self, session: &Session, signed_in: &SignedIn, at: Timestamp) -> Result<(), Problem> {
        session.clear().await;
        session.cycle_id().await.map_err(failed)?;
        session.insert(HELD, Held::new(signed_in, at)).await.map_err(failed)?;
        // Sessions come by this way alone, so this is when old ones have to go.
        if let Err(error) = self.0.0.delete_expired().await {
            tracing::warn!(%error, "sessions that ended could not be removed");
        }
        Ok(())
    }
}

async fn open_store(path: &Path) -> Result<RusqliteStore, String> {
    let db = tokio_rusqlite::Connection::open(path).await.map_err(|error| error.to_string())?;
    let prepared = db.call(|db| {
        db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        // A session lost in a power cut is one to sign in to again.
        db.pragma_update(None, "synchronous", "NORMAL")?;
        db.query_row("PRAGMA secure_delete = ON", [], |_| Ok(()))
    });
    prepared.await.map_err(|error: tokio_rusqlite::Error| error.to_string())?;
    let store = RusqliteStore::new(db);
    store.migrate().await.map_err(|error| error.to_string())?;
    store.delete_expired().await.map_err(|error| error.to_string())?;
    Ok(store)
}

/// Makes the file for its owner alone, or takes it from everybody else. Its log gets the mode of the file.
fn keep_private(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::set_permissions(path, Permissions::from_mode(0o600)),
        Err(error) => Err(error),
    }
}

pub(super) fn failed(error: tower_sessions::session::Error) -> Problem {
    tracing::error!(%error, "sessions cannot be kept");
    Problem::storage("your session could not be kept", "look whether the disk is full, then sign in again")
}

/// What lets somebody in, or not.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) site: Site,
    pub(super) sessions: Sessions,
    pub(super) clock: Clock,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("site", &self.site).finish_non_exhaustive()
    }
}

impl Gate {
    /// Who a session belongs to. One that has ended is removed.
    pub(super) async fn who(&self, session: &Session, presence: Presence) -> Result<Option<SignedIn>, Problem> {
        let Some(mut held) = session.get::<Held>(HELD).await.map_err(failed)? else { return Ok(None) };
        let at = (self.clock)();
        let mark = held.mark;
        let signed_in = if held.is_over(at) { None } else { self.site.desk.ask(move |desk| desk.visit(mark, presence)).await? };
        let Some(signed_in) = signed_in else {
            session.flush().await.map_err(failed)?;
            return Ok(None);
        };
        if held.roles != signed_in.account.roles {
            // Whoever may do more now than they might does so under an id that nobody saw before.
            session.cycle_id().await.map_err(failed)?;
            held.roles = signed_in.account.roles;
        }
        if presence == Presence::Acts && at.as_ms().abs_diff(held.seen) >= ms(NOTED) {
            held.seen = at.as_ms();
        }
        // Written only if it says something else.
        session.insert(HELD, held).await.map_err(failed)?;
        Ok(Some(signed_in))
    }
}

/// Lets those in who have signed in, and sends all others to where they can.
pub(super) async fn admit(State(gate): State<Gate>, session: Session, mut request: Request, next: Next) -> Response {
    let stays_open = request.headers().get(ACCEPT).is_some_and(|accept| accept == "text/event-stream");
    let presence = if stays_open { Presence::Watches } else { Presence::Acts };
    let found = gate.who(&session, presence).await.and_then(|found| found.map(|own| Ok((own.actor()?, own))).transpose());
    match found {
        Ok(Some((actor, own))) => {
            request.extensions_mut().insert(Visitor { actor });
            request.extensions_mut().insert(OwnSession(own));
            next.run(request).await
        }
        Ok(None) if stays_open => StatusCode::UNAUTHORIZED.into_response(),
        Ok(None) => to_sign_in(&request),
        Err(problem) => refusal::bare(&problem),
    }
}

fn to_sign_in(request: &Request) -> Response {
    let asked = request.uri().path_and_query().map_or("/", |asked| asked.as_str());
    // What was sent is lost; what was looked at is not.
    let next = if request.method() == Method::GET { own_path(asked) } else { "/" };
    let address = if next == "/" { "/sign-in".to_owned() } else { format!("/sign-in?next={}", segment(next)) };
    if request.headers().contains_key("hx-request") {
        // A part of a page cannot become another page by itself.
        let redirect = HeaderValue::try_from(address).unwrap_or(HeaderValue::from_static("/sign-in"));
        return (StatusCode::UNAUTHORIZED, [(HeaderName::from_static("hx-redirect"), redirect)]).into_response();
    }
    Redirect::to(&address).into_response()
}

/// Where somebody is led once they have signed in: a path of ours as it was given, or else the first page.
pub(super) fn own_path(given: &str) -> &str {
    let is_path = given.starts_with('/') && !given.starts_with("//") && !given.contains('\\') && given.len() <= 2000;
    let is_plain = given.bytes().all(|byte| byte.is_ascii_graphic()) && given.parse::<axum::http::uri::PathAndQuery>().is_ok();
    let leads_back = ["/sign-in", "/begin/"].iter().any(|door| given.starts_with(door));
    if is_path && is_plain && !leads_back { given } else { "/" }
}

/// Ends the session of this browser.
pub(super) async fn end(session: &Session) -> Result<(), Refusal> {
    Ok(session.flush().await.map_err(failed)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roles::AccountKey;

    #[test]
    fn nobody_is_led_elsewhere() {
        for own in ["/", "/bulletins?area=E05000416&page=2", "/documents/3fa9/access", "/accounts/Zo%C3%AB"] {
            assert_eq!(own_path(own), own);
        }
        for other in [
            "",
            "bulletins",
            "//evil.example/",
            "/\\evil.example",
            "\\/evil.example",
            "https://evil.example/",
            "javascript:alert(1)",
            "/a\r\nset-cookie: x=y",
            "/a b",
            "/%0d\n",
            "/sign-in?next=/",
            "/begin/abc",
            "/é",
        ] {
            assert_eq!(own_path(other), "/", "{other}");
        }
        assert_eq!(own_path(&format!("/{}", "a".repeat(3000))), "/");
    }

    #[test]
    fn a_session_ends_when_nobody_does_anything_and_at_last_in_any_case() {
        let at = |ms: u64| Timestamp::from_ms(ms);
        let begun = 1_000_000_000;
        let mark = SessionMark { account: AccountKey::new(1), generation: 0 };
        let held = |seen| Held { mark, roles: Roles::READING, since: begun, seen };
        assert!(!held(begun).is_over(at(begun + ms(IDLE) - 1)));
        assert!(held(begun).is_over(at(begun + ms(IDLE))));
        let last = begun + ms(LONGEST);
        assert!(!held(last - 1000).is_over(at(last - 1)));
        assert!(held(last - 1000).is_over(at(last)));
        assert!(!held(begun).is_over(at(begun - 5000)), "a clock that was set back");
    }

    #[tokio::test]
    async fn a_session_that_was_ended_is_not_brought_back_by_what_was_under_way() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Sessions::open(folder.path()).await.unwrap().0);
        let session = |id| Session::new(id, Arc::clone(&store), None);
        let first = session(None);
        first.insert("x", 1).await.unwrap();
        first.save().await.unwrap();
        let (leaving, under_way) = (session(first.id()), session(first.id()));
        under_way.insert("x", 2).await.unwrap();
        leaving.flush().await.unwrap();
        under_way.save().await.unwrap();
        assert_eq!(session(first.id()).get::<u8>("x").await.unwrap(), None);
    }

    #[tokio::test]
    async fn the_file_is_its_owners_alone_and_one_that_is_no_database_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        fs::write(&path, "what is no database at all, and long enough to be looked at as one".repeat(100)).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let sessions = Sessions::open(folder.path()).await.unwrap();
        for file in fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap();
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
        }
        drop(sessions);
        Sessions::open(folder.path()).await.unwrap();
    }
}
