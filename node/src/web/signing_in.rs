//! Signing in and out, and the one-time links by which a password is chosen.
//!
//! What is typed is checked beside the desk and in the same time whoever it is about; an answer never says whether it was the name
//! or the password that was wrong, nor whether anybody bears the name.

use super::layout::{Frame, Section, page};
use super::pages::accounts::new_password;
use super::parts::{Ask, Errors, Typed, Weight, button, problem_text};
use super::passwords::{Hasher, Password};
use super::refusal::Refusal;
use super::session::{Clock, Gate, Sessions, end, own_path};
use super::throttle::{Throttle, Try};
use super::{FORM_BYTES, Site};
use crate::cli::client::segment;
use crate::desk::{AccountLink, LinkChoice, LinkPurpose, PasswordHash, Presence, Problem};
use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef, Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tower_sessions::Session;

/// The largest of these forms, in bytes.
pub(super) const SMALL_FORM_BYTES: usize = FORM_BYTES / 64;

/// What whoever comes to the door meets.
#[derive(Debug, Clone)]
pub(super) struct Door {
    pub(super) gate: Gate,
    pub(super) hasher: Hasher,
    throttle: Arc<Mutex<Throttle>>,
}

impl FromRef<Door> for Site {
    fn from_ref(door: &Door) -> Self {
        door.gate.site.clone()
    }
}

impl FromRef<Door> for Gate {
    fn from_ref(door: &Door) -> Self {
        door.gate.clone()
    }
}

impl Door {
    pub(super) fn new(site: Site, sessions: Sessions, clock: Clock) -> Self {
        Self { gate: Gate { site, sessions, clock }, hasher: Hasher::new(), throttle: Arc::new(Mutex::new(Throttle::new())) }
    }

    /// Whether a password is that of a name; and if it may not be tried now, for how long.
    ///
    /// # Errors
    /// When it cannot be found out.
    pub(super) async fn check(&self, name: &str, password: &str) -> Result<Result<Option<crate::desk::SessionMark>, Duration>, Problem> {
        let tried = match self.throttle().begin(name, Instant::now()) {
            Ok(tried) => tried,
            Err(wait) => return Ok(Err(wait)),
        };
        let asked = name.to_owned();
        let found = self.gate.site.desk.ask(move |desk| desk.credentials(&asked)).await?;
        let hash: Option<PasswordHash> = found.as_ref().and_then(|found| found.password.clone());
        let right = self.hasher.check(Password::given(password), hash).await?;
        Ok(Ok(found.filter(|_| right).map(|found| {
            self.succeeded(&tried);
            found.mark
        })))
    }

    fn throttle(&self) -> std::sync::MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn succeeded(&self, tried: &Try) {
        self.throttle().succeeded(tried);
    }

    /// A page for somebody who has not signed in.
    fn page(&self, title: &str, body: &Markup) -> Markup {
        let body = html! { div class="govuk-grid-row" { div class="govuk-grid-column-two-thirds" { (body) } } };
        page(Frame { organisation: &self.gate.site.organisation, person: None }, Section::Elsewhere, title, &body)
    }
}

pub(super) fn routes() -> Router<Door> {
    Router::new()
        .route("/sign-in", get(ask_to_sign_in).post(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/begin/{token}", get(ask_to_begin).post(begin))
        .layer(DefaultBodyLimit::max(SMALL_FORM_BYTES))
}

/// How long to wait, as people say it.
pub(super) fn in_words(wait: Duration) -> String {
    let seconds = wait.as_secs().saturating_add(1);
    match seconds {
        0..=1 => "1 second".to_owned(),
        2..=90 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    }
}

/// That it was tried too often.
pub(super) fn too_often(wait: Duration, page: Markup) -> Response {
    let seconds = wait.as_secs().saturating_add(1).to_string();
    (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, seconds)], page).into_response()
}

#[derive(Debug, Deserialize)]
struct Asked {
    #[serde(default)]
    next: String,
}

async fn ask_to_sign_in(State(door): State<Door>, session: Session, Query(asked): Query<Asked>) -> Result<Response, Refusal> {
    if door.gate.who(&session, Presence::Watches).await?.is_some() {
        return Ok(Redirect::to(own_path(&asked.next)).into_response());
    }
    let anybody = door.gate.site.desk.ask(|desk| desk.has_accounts()).await?;
    let form = if anybody { form(&asked.next, "", &Errors::default()) } else { nobody_yet() };
    Ok(door.page("Sign in", &form).into_response())
}

fn nobody_yet() -> Markup {
    html! {
        h1 class="govuk-heading-l" { "Nobody has an account yet" }
        p class="govuk-body" { "The first account is made by a link that is good once. It is shown where the node was started, each time it starts." }
        p class="govuk-body" { "If it is not to be found any more, stop the node with " code { "csu down" } " and start it again with " code { "csu up" } "." }
    }
}

fn form(next: &str, name: &str, errors: &Errors) -> Markup {
    html! {
        (errors.summary())
        h1 class="govuk-heading-l" { "Sign in" }
        form method="post" action="/sign-in" novalidate {
            input type="hidden" name="next" value=(own_path(next));
            (Ask::new("name", "Name").autocomplete("username").error(errors.of("name")).line(name))
            (Ask::new("password", "Password").kind("password").autocomplete("current-password").error(errors.of("password")).line(""))
            (button("Sign in", Weight::Main))
        }
        p class="govuk-body" { "If you forgot your password, ask an administrator of this node for a new link." }
    }
}

async fn sign_in(State(door): State<Door>, session: Session, typed: Typed) -> Result<Response, Refusal> {
    let (name, next) = (typed.one("name").trim(), own_path(typed.one("next")));
    let mut errors = Errors::default();
    if name.is_empty() {
        errors.add("name", "Enter your name");
    }
    if typed.one("password").is_empty() {
        errors.add("password", "Enter your password");
    }
    let again = |errors: &Errors| door.page(&errors.title("Sign in"), &form(next, name, errors));
    if !errors.is_empty() {
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, again(&errors)).into_response());
    }
    match door.check(name, typed.one("password")).await? {
        Ok(Some(mark)) => {
            let signed_in = door.gate.site.desk.ask(move |desk| desk.sign_in(mark)).await?;
            door.gate.sessions.begin(&session, &signed_in, (door.gate.clock)()).await?;
            Ok(Redirect::to(next).into_response())
        }
        Ok(None) => {
            errors.add("name", "The name or the password is not right");
            Ok((StatusCode::UNPROCESSABLE_ENTITY, again(&errors)).into_response())
        }
        Err(wait) => {
            errors.add("", format!("Too many tries to sign in: wait {}, then try again", in_words(wait)));
            Ok(too_often(wait, again(&errors)))
        }
    }
}

async fn sign_out(session: Session) -> Result<Redirect, Refusal> {
    end(&session).await?;
    Ok(Redirect::to("/sign-in"))
}

fn begin_form(token: &str, purpose: &LinkPurpose, name: &str, errors: &Errors) -> Markup {
    let action = format!("{}{}", AccountLink::PATH, segment(token));
    html! {
        (errors.summary())
        @match purpose {
            LinkPurpose::First => {
                h1 class="govuk-heading-l" { "Make the first account" }
                p class="govuk-body" { "With it you can do everything on this node, and make accounts for others." }
            }
            LinkPurpose::Password(_) => h1 class="govuk-heading-l" { "Choose your password" },
        }
        form method="post" action=(action) novalidate {
            @match purpose {
                LinkPurpose::First => (Ask::new("name", "Your name").autocomplete("username").error(errors.of("name"))
                    .hint("It stands with what you do, here and in what you issue for others to read.").line(name)),
                LinkPurpose::Password(name) => {
                    p class="govuk-body" { "For the account of " strong { (name) } "." }
                    // So that a browser that keeps passwords knows whose it is.
                    input type="text" name="username" value=(name) autocomplete="username" hidden;
                }
            }
            (new_password("password", "Password", errors))
            (button(if *purpose == LinkPurpose::First { "Make the account" } else { "Save and sign in" }, Weight::Main))
        }
    }
}

async fn ask_to_begin(State(door): State<Door>, Path(token): Path<String>) -> Result<Markup, Refusal> {
    let asked = token.clone();
    let purpose = door.gate.site.desk.ask(move |desk| desk.link_purpose(&asked)).await?;
    Ok(door.page(title(&purpose), &begin_form(&token, &purpose, "", &Errors::default())))
}

const fn title(purpose: &LinkPurpose) -> &'static str {
    match purpose {
        LinkPurpose::First => "Make the first account",
        LinkPurpose::Password(_) => "Choose your password",
    }
}

async fn begin(State(door): State<Door>, Path(token): Path<String>, session: Session, typed: Typed) -> Result<Response, Refusal> {
    let asked = token.clone();
    // Before anything is hashed: this costs strangers more than us.
    let purpose = door.gate.site.desk.ask(move |desk| desk.link_purpose(&asked)).await?;
    let (name, chosen) = match &purpose {
        LinkPurpose::First => (typed.one("name").trim(), typed.filled("name").map(str::to_owned)),
        LinkPurpose::Password(name) => (name.as_str(), None),
    };
    let mut errors = Errors::default();
    if name.is_empty() {
        errors.add("name", "Enter your name");
    }
    let again = |errors: &Errors| {
        let body = begin_form(&token, &purpose, name, errors);
        (StatusCode::UNPROCESSABLE_ENTITY, door.page(&errors.title(title(&purpose)), &body)).into_response()
    };
    let password = Password::chosen(typed.one("password"), name);
    let password = match password {
        Ok(password) if errors.is_empty() => password,
        Ok(_) => return Ok(again(&errors)),
        Err(error) => {
            errors.add("password", error.to_string());
            return Ok(again(&errors));
        }
    };
    let choice = LinkChoice { name: chosen, password: door.hasher.hash(password).await? };
    let asked = token.clone();
    match door.gate.site.desk.ask(move |desk| desk.take_link(&asked, choice)).await {
        Ok(signed_in) => {
            door.gate.sessions.begin(&session, &signed_in, (door.gate.clock)()).await?;
            Ok(Redirect::to("/").into_response())
        }
        Err(problem) if problem.field() == Some("name") => {
            errors.add("name", problem_text(&problem));
            Ok(again(&errors))
        }
        Err(problem) => Err(problem.into()),
    }
}
