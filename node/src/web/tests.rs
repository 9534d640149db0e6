//! Signing in over HTTP, to a real office, with a clock that the test sets.

use super::session::{IDLE, LONGEST};
use super::*;
use crate::desk::{AccountRequest, AccountRole, Actor, Desk, DisableRequest, DraftRequest, LogQuery, Roles, RolesRequest};
use crate::office::now;
use crate::office::tests::opened;
use crate::storage::{Options, Storage};
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use csu_protocol::time::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tower::ServiceExt;

/// The pages of a node, and a browser's view of them.
struct Pages {
    _folder: tempfile::TempDir,
    desk: DeskHandle,
    router: Router,
    port: u16,
    /// How far the clock of sessions is ahead, in ms.
    ahead: Arc<AtomicU64>,
}

struct Seen {
    status: StatusCode,
    to: Option<String>,
    /// The whole line, and what the browser keeps of it.
    set_cookie: Option<String>,
    body: String,
    retry_after: Option<u64>,
}

impl Seen {
    fn cookie(&self) -> String {
        self.set_cookie.as_deref().unwrap().split(';').next().unwrap().to_owned()
    }
}

const GOOD: &str = "correct horse battery";

impl Pages {
    async fn up() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (desk, mut jobs) = DeskHandle::channel(8);
        let data = folder.path().to_owned();
        // It stays on the thread where it was opened, as in a node.
        std::thread::spawn(move || {
            let mut office = opened(&data, Storage::open(&data, Options::default()).unwrap().storage);
            while let Some(job) = jobs.blocking_recv() {
                office.answer(job).unwrap();
            }
        });
        let listener = WebListener::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let sessions = Sessions::open(folder.path()).await.unwrap();
        let ahead = Arc::new(AtomicU64::new(0));
        let read = Arc::clone(&ahead);
        let clock: Clock = Arc::new(move || Timestamp::from_ms(now().as_ms() + read.load(Ordering::Relaxed)));
        let port = listener.address().port();
        let router = router_at(desk.clone(), "Brixton", &listener, sessions, clock);
        Self { _folder: folder, desk, router, port, ahead }
    }

    fn pass(&self, time: Duration) {
        self.ahead.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }

    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut dyn Desk, &Actor) -> Result<T, crate::desk::Problem> + Send + 'static,
    ) -> T {
        self.desk.ask(|desk| ask(desk, &Actor::unnamed())).await.unwrap()
    }

    async fn send(&self, request: Request<Body>) -> Seen {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let text = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (status, to, set_cookie) = (response.status(), text(header::LOCATION), text(header::SET_COOKIE));
        let retry_after = text(header::RETRY_AFTER).map(|seconds| seconds.parse().unwrap());
        assert!(response.headers().contains_key(header::CONTENT_SECURITY_POLICY));
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        let body = String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap();
        Seen { status, to, set_cookie, body, retry_after }
    }

    fn request(&self, method: &str, path: &str, cookie: &str) -> axum::http::request::Builder {
        let request = Request::builder().method(method).uri(path).header(header::HOST, format!("localhost:{}", self.port));
        if cookie.is_empty() { request } else { request.header(header::COOKIE, cookie) }
    }

    async fn get(&self, path: &str, cookie: &str) -> Seen {
        self.send(self.request("GET", path, cookie).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, cookie: &str, form: &str) -> Seen {
        let request = self
            .request("POST", path, cookie)
            .header("sec-fetch-site", "same-origin")
            .header(header::ORIGIN, format!("http://localhost:{}", self.port))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(form.to_owned())).unwrap()).await
    }

    /// Makes somebody who has chosen the good password, and gives the cookie of their session.
    async fn somebody(&self, name: &str, roles: Roles) -> String {
        let request = AccountRequest { name: name.into(), roles };
        let link = self.ask(|desk, owner| desk.create_account(owner, request)).await;
        let path = link.address.split_once("4821").unwrap().1.to_owned();
        let seen = self.post(&path, "", &format!("password={GOOD}")).await;
        assert_eq!((seen.status, seen.to.as_deref()), (StatusCode::SEE_OTHER, Some("/")), "{}", seen.body);
        seen.cookie()
    }

    async fn sign_in(&self, cookie: &str, name: &str, password: &str) -> Seen {
        self.post("/sign-in", cookie, &format!("name={name}&password={password}")).await
    }
}

fn only(role: AccountRole) -> Roles {
    [role].into_iter().collect()
}

#[tokio::test]
async fn nobody_sees_a_page_without_signing_in_and_then_sees_the_one_they_came_for() {
    let pages = Pages::up().await;
    let seen = pages.get("/bulletins?since=1&x=2", "").await;
    assert_eq!((seen.status, seen.to.as_deref()), (StatusCode::SEE_OTHER, Some("/sign-in?next=%2Fbulletins%3Fsince%3D1%26x%3D2")));
    assert_eq!(seen.set_cookie, None, "strangers leave nothing behind");
    assert_eq!(pages.get("/nothing/here", "").await.body, "");
    let seen = pages.get("/sign-in", "").await;
    assert!(seen.body.contains("Nobody has an account yet"), "{}", seen.body);
    pages.somebody("Jo", Roles::READING).await;
    let form = pages.get("/sign-in?next=/bulletins%3Fx%3D2", "").await.body;
    assert!(form.contains(r#"name="next" value="/bulletins?x=2""#) && form.contains(r#"autocomplete="current-password""#), "{form}");
    let seen = pages.post("/sign-in", "", &format!("name=jo&password={GOOD}&next=%2Fbulletins%3Fx%3D2")).await;
    assert_eq!((seen.status, seen.to.as_deref()), (StatusCode::SEE_OTHER, Some("/bulletins?x=2")));
    let own = pages.get("/account", &seen.cookie()).await;
    assert!(own.status == StatusCode::OK && own.body.contains("Jo"), "{}", own.body);
    assert_eq!(pages.get("/sign-in?next=/account", &seen.cookie()).await.to.as_deref(), Some("/account"));
    for path in ["/bulletins", "/account", "/accounts"] {
        let part = pages.request("GET", path, "").header("hx-request", "true").body(Body::empty()).unwrap();
        assert_eq!(pages.send(part).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn the_cookie_is_for_this_node_and_no_script_and_a_new_one_at_each_sign_in() {
    let pages = Pages::up().await;
    pages.somebody("Jo", Roles::READING).await;
    let first = pages.sign_in("", "Jo", GOOD).await;
    let line = first.set_cookie.clone().unwrap();
    assert!(line.starts_with(&format!("csu-session-{}=", pages.port)), "{line}");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=1800"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!line.contains("Secure") && !line.contains("Domain"), "{line}");
    let second = pages.sign_in(&first.cookie(), "Jo", GOOD).await;
    assert_ne!(first.cookie(), second.cookie());
    assert_eq!(pages.get("/account", &first.cookie()).await.status, StatusCode::SEE_OTHER, "the id before is good for nothing");
    assert_eq!(pages.get("/account", &second.cookie()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_id_that_somebody_else_chose_is_not_taken_over() {
    let pages = Pages::up().await;
    pages.somebody("Jo", Roles::READING).await;
    let chosen = format!("csu-session-{}=AAAAAAAAAAAAAAAAAAAAAA", pages.port);
    let seen = pages.sign_in(&chosen, "Jo", GOOD).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER);
    assert_ne!(seen.cookie(), chosen);
    assert_eq!(pages.get("/account", &chosen).await.status, StatusCode::SEE_OTHER);
    assert_eq!(pages.get("/account", &format!("csu-session-{}=not an id", pages.port)).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn what_a_page_elsewhere_posts_is_refused() {
    let pages = Pages::up().await;
    let cookie = pages.somebody("Ada", Roles::every()).await;
    for (site, origin) in [("cross-site", "https://evil.example"), ("same-site", "http://localhost:1"), ("cross-site", "null")] {
        for path in ["/sign-in", "/sign-out", "/accounts", "/accounts/Ada/disable", "/account/password", "/account/sign-out-everywhere"] {
            let request = pages.request("POST", path, &cookie).header("sec-fetch-site", site).header(header::ORIGIN, origin);
            let form = format!("name=Ada&password={GOOD}&disabled=yes");
            let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(Body::from(form)).unwrap();
            assert_eq!(pages.send(request).await.status, StatusCode::FORBIDDEN, "{path} {site}");
        }
        let old = pages.request("POST", "/sign-out", &cookie).header(header::ORIGIN, origin).body(Body::empty()).unwrap();
        assert_eq!(pages.send(old).await.status, StatusCode::FORBIDDEN, "a browser without Sec-Fetch-Site, {origin}");
    }
    assert_eq!(pages.get("/account", &cookie).await.status, StatusCode::OK);
    assert_eq!(pages.get("/sign-out", &cookie).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn nobody_learns_whether_it_was_the_name_or_the_password_and_who_tries_often_waits() {
    let pages = Pages::up().await;
    pages.somebody("Jo", Roles::READING).await;
    pages.ask(move |desk, owner| desk.create_account(owner, AccountRequest { name: "New".into(), roles: Roles::READING })).await;
    let told = |body: &str| {
        body.split("<main").nth(1).unwrap().replace("value=\"Nobody\"", "").replace("value=\"Jo\"", "").replace("value=\"New\"", "")
    };
    let [jo, nobody, new] =
        [pages.sign_in("", "Jo", "wrong").await, pages.sign_in("", "Nobody", "wrong").await, pages.sign_in("", "New", "wrong").await];
    assert_eq!([jo.status, nobody.status, new.status], [StatusCode::UNPROCESSABLE_ENTITY; 3]);
    assert!(told(&jo.body) == told(&nobody.body) && told(&nobody.body) == told(&new.body), "{}", nobody.body);
    assert!(jo.body.contains("The name or the password is not right") && jo.body.contains("<title>Error: Sign in"));
    for name in ["Jo", "Nobody"] {
        for _ in 0..4 {
            assert_eq!(pages.sign_in("", name, "wrong").await.status, StatusCode::UNPROCESSABLE_ENTITY);
        }
        // Even with the right one.
        let seen = pages.sign_in("", name, GOOD).await;
        assert_eq!(seen.status, StatusCode::TOO_MANY_REQUESTS, "{name}");
        assert!(seen.retry_after.is_some_and(|seconds| (20..=31).contains(&seconds)) && seen.body.contains("seconds, then try again"));
        assert_eq!(seen.set_cookie, None);
    }
}

#[tokio::test]
async fn a_session_ends_after_half_an_hour_without_anything_and_after_twelve_hours_of_work() {
    let pages = Pages::up().await;
    let cookie = pages.somebody("Jo", Roles::READING).await;
    pages.pass(IDLE - Duration::from_secs(5));
    assert_eq!(pages.get("/account", &cookie).await.status, StatusCode::OK);
    pages.pass(IDLE - Duration::from_secs(5));
    // A page that only watches keeps nothing going.
    let watching = pages.request("GET", "/account", &cookie).header(header::ACCEPT, "text/event-stream").body(Body::empty()).unwrap();
    assert_eq!(pages.send(watching).await.status, StatusCode::OK);
    pages.pass(Duration::from_secs(6));
    assert_eq!(pages.get("/account", &cookie).await.status, StatusCode::SEE_OTHER);
    let watching = pages.request("GET", "/account", &cookie).header(header::ACCEPT, "text/event-stream").body(Body::empty()).unwrap();
    assert_eq!(pages.send(watching).await.status, StatusCode::UNAUTHORIZED);

    let cookie = pages.sign_in("", "Jo", GOOD).await.cookie();
    let step = IDLE / 2;
    for _ in 1..LONGEST.as_secs() / step.as_secs() {
        pages.pass(step);
        assert_eq!(pages.get("/account", &cookie).await.status, StatusCode::OK);
    }
    pages.pass(step);
    assert_eq!(pages.get("/account", &cookie).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn signing_out_is_final_here_or_everywhere() {
    let pages = Pages::up().await;
    let here = pages.somebody("Jo", Roles::READING).await;
    let there = pages.sign_in("", "Jo", GOOD).await.cookie();
    let seen = pages.post("/sign-out", &here, "").await;
    assert_eq!(seen.to.as_deref(), Some("/sign-in"));
    assert!(seen.set_cookie.unwrap().contains("Max-Age=0"));
    assert_eq!(pages.get("/account", &here).await.status, StatusCode::SEE_OTHER);
    assert_eq!(pages.get("/account", &there).await.status, StatusCode::OK);
    let third = pages.sign_in("", "Jo", GOOD).await.cookie();
    pages.post("/account/sign-out-everywhere", &third, "").await;
    for cookie in [&there, &third] {
        assert_eq!(pages.get("/account", cookie).await.status, StatusCode::SEE_OTHER);
    }
}

#[tokio::test]
async fn whoever_is_shut_out_is_out_at_once_and_other_roles_hold_at_once_under_a_new_id() {
    let pages = Pages::up().await;
    let cookie = pages.somebody("Jo", Roles::READING).await;
    assert_eq!(pages.get("/accounts", &cookie).await.status, StatusCode::FORBIDDEN);
    let roles = RolesRequest { roles: only(AccountRole::Administrator) };
    pages.ask(move |desk, owner| desk.set_roles(owner, "Jo", roles)).await;
    let seen = pages.get("/accounts", &cookie).await;
    assert_eq!(seen.status, StatusCode::OK);
    let renewed = seen.cookie();
    assert_ne!(renewed, cookie);
    assert_eq!(pages.get("/account", &cookie).await.status, StatusCode::SEE_OTHER, "the id before the roles is good for nothing");
    assert_eq!(pages.get("/account", &renewed).await.status, StatusCode::OK);
    pages.ask(move |desk, owner| desk.disable_account(owner, "Jo", DisableRequest { disabled: true })).await;
    assert_eq!(pages.get("/account", &renewed).await.status, StatusCode::SEE_OTHER);
    let seen = pages.sign_in("", "Jo", GOOD).await;
    assert!(seen.status == StatusCode::FORBIDDEN && seen.body.contains("disabled"), "{}", seen.body);
    // Which only whoever knows the password learns.
    assert!(pages.sign_in("", "Jo", "wrong").await.body.contains("The name or the password is not right"));
}

#[tokio::test]
async fn a_password_is_changed_by_whoever_knows_it_and_ends_all_other_sessions() {
    let pages = Pages::up().await;
    let cookie = pages.somebody("Jo", Roles::READING).await;
    let other = pages.sign_in("", "Jo", GOOD).await.cookie();
    let new = "four words that differ";
    for (current, password, error) in [
        ("wrong", new, "This is not the password you have"),
        (GOOD, "short", "Password must be 12 characters or more"),
        (GOOD, "ababababababab", "harder to guess"),
    ] {
        let seen = pages.post("/account/password", &cookie, &format!("current={current}&password={password}")).await;
        assert!(seen.status == StatusCode::UNPROCESSABLE_ENTITY && seen.body.contains(error), "{}", seen.body);
    }
    let seen = pages.post("/account/password", &cookie, &format!("current={GOOD}&password={new}")).await;
    assert_eq!(seen.to.as_deref(), Some("/account"), "{}", seen.body);
    let renewed = seen.cookie();
    assert_ne!(renewed, cookie);
    assert!(pages.get("/account", &renewed).await.body.contains("Your password is changed."));
    assert!(!pages.get("/account", &renewed).await.body.contains("Your password is changed."), "said once");
    for ended in [&cookie, &other] {
        assert_eq!(pages.get("/account", ended).await.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(pages.sign_in("", "Jo", GOOD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(pages.sign_in("", "Jo", new).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_first_account_begins_by_its_link_once_and_errors_are_beside_their_fields() {
    let pages = Pages::up().await;
    let link = pages.ask(move |desk, owner| desk.first_link(owner)).await.unwrap();
    let path = link.address.split_once("4821").unwrap().1.to_owned();
    let form = pages.get(&path, "").await.body;
    assert!(form.contains("Make the first account") && form.contains(r#"autocomplete="new-password""#), "{form}");
    let seen = pages.post(&path, "", "name=+&password=short").await;
    assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
    for part in ["Enter your name", "Password must be 12 characters or more", "href=\"#name\"", "href=\"#password\""] {
        assert!(seen.body.contains(part), "{}", seen.body);
    }
    let seen = pages.post(&path, "", &format!("name=this+node&password={GOOD}")).await;
    assert!(seen.status == StatusCode::UNPROCESSABLE_ENTITY && seen.body.contains("access log"), "{}", seen.body);
    let seen = pages.post(&path, "", &format!("name=Ada+%3Cb%3E&password={GOOD}")).await;
    assert_eq!((seen.status, seen.to.as_deref()), (StatusCode::SEE_OTHER, Some("/")));
    let home = pages.get("/account", &seen.cookie()).await.body;
    assert!(home.contains("Ada &lt;b&gt;") && !home.contains("Ada <b>"), "{home}");
    for seen in [pages.get(&path, "").await, pages.post(&path, "", &format!("name=Mallory&password={GOOD}")).await] {
        assert!(seen.status == StatusCode::NOT_FOUND && seen.set_cookie.is_none(), "{}", seen.body);
    }
    assert_eq!(pages.get("/begin/..%2f..", "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_administrator_adds_somebody_by_a_link_that_is_shown_once_and_nobody_else_can() {
    let pages = Pages::up().await;
    let ada = pages.somebody("Ada", only(AccountRole::Administrator)).await;
    let seen = pages.post("/accounts", &ada, "name=Zo%C3%AB+M&roles=editor&roles=issuer").await;
    assert_eq!(seen.to.as_deref(), Some("/accounts/Zo%C3%AB%20M"), "{}", seen.body);
    let shown = pages.get("/accounts/Zo%C3%AB%20M", &ada).await.body;
    let token = shown.split("/begin/").nth(1).unwrap_or_else(|| panic!("{shown}")).split('<').next().unwrap().to_owned();
    assert!(!pages.get("/accounts/Zo%C3%AB%20M", &ada).await.body.contains("/begin/"), "shown once");
    let zoe = pages.post(&format!("/begin/{token}"), "", &format!("password={GOOD}")).await.cookie();
    let own = pages.get("/account", &zoe).await.body;
    assert!(own.contains("Editor") && own.contains("Issuer") && !own.contains("href=\"/accounts\""), "{own}");
    for (path, form) in [
        ("/accounts", "name=Mallory&roles=administrator"),
        ("/accounts/Zo%C3%AB%20M/roles", "roles=administrator"),
        ("/accounts/Ada/disable", "disabled=yes"),
        ("/accounts/Ada/link", ""),
    ] {
        let seen = pages.post(path, &zoe, form).await;
        assert!(seen.status == StatusCode::FORBIDDEN && seen.body.contains("this needs the role Administrator"), "{path}: {}", seen.body);
    }
    let seen = pages.post("/accounts", &ada, "name=zo%C3%AB+m").await;
    assert!(seen.status == StatusCode::UNPROCESSABLE_ENTITY && seen.body.contains("has an account already"), "{}", seen.body);
    assert_eq!(pages.post("/accounts", &ada, "name=x&roles=king").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    pages.post("/accounts/Zo%C3%AB%20M/disable", &ada, "disabled=yes").await;
    assert_eq!(pages.get("/account", &zoe).await.status, StatusCode::SEE_OTHER);
    let list = pages.get("/accounts", &ada).await.body;
    assert!(list.contains("Disabled") && list.contains("In use"), "{list}");
}

#[tokio::test]
async fn what_somebody_does_is_noted_with_their_name() {
    let pages = Pages::up().await;
    let cookie = pages.somebody("Ivo", only(AccountRole::Issuer)).await;
    let request = DraftRequest { kind: "bulletin".into(), ..DraftRequest::default() };
    let draft = pages.ask(|desk, owner| desk.draft(owner, request)).await;
    pages.get(&format!("/bulletins/{}", draft.reference), &cookie).await;
    let log = pages.ask(|desk, owner| desk.log(owner, LogQuery::default())).await;
    for detail in ["chose a password by a link", "read draft d1"] {
        assert!(log.iter().any(|line| line.who == "Ivo" && line.detail == detail), "{log:?}");
    }
}

#[tokio::test]
async fn a_form_that_is_too_large_is_refused_before_it_is_read() {
    let pages = Pages::up().await;
    let seen = pages.post("/sign-in", "", &format!("name=Jo&password={}", "x".repeat(100_000))).await;
    assert_eq!(seen.status, StatusCode::PAYLOAD_TOO_LARGE);
}
