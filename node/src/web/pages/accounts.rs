//! One's own account, and for administrators those of others.

use super::super::layout::Section;
use super::super::parts::{Ask, Choice, Errors, Typed, Weight, button, problem_text, row, said, summary_list, tag, time, warning};
use super::super::passwords::{PASSWORD_CHARACTERS, Password};
use super::super::refusal::Refusal;
use super::super::session::{end, failed};
use super::super::signing_in::{Door, SMALL_FORM_BYTES, in_words, too_often};
use super::super::visitor::{LastVisit, OwnSession, Visitor};
use crate::cli::client::segment;
use crate::desk::{Account, AccountLink, AccountRequest, AccountRole, Blame, DisableRequest, Problem, Roles, RolesRequest};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html};
use tower_sessions::Session;

/// What the page that follows is to say once, in a session.
const DONE: &str = "done";
/// A link that is shown once, in a session.
const LINK: &str = "link";

pub(in crate::web) fn routes() -> Router<Door> {
    Router::new()
        .route("/account", get(own))
        .route("/account/password", post(change_password))
        .route("/account/sign-out-everywhere", post(sign_out_everywhere))
        .route("/accounts", get(list).post(create))
        .route("/accounts/{name}", get(one))
        .route("/accounts/{name}/roles", post(change_roles))
        .route("/accounts/{name}/disable", post(disable))
        .route("/accounts/{name}/link", post(renew_link))
        .layer(DefaultBodyLimit::max(SMALL_FORM_BYTES))
}

/// Asks for a password that is chosen anew.
pub(in crate::web) fn new_password(name: &str, label: &str, errors: &Errors) -> Markup {
    let hint = format!(
        "At least {PASSWORD_CHARACTERS} characters. Several words that do not belong together are easy to keep in mind and hard to guess."
    );
    Ask::new(name, label).kind("password").autocomplete("new-password").hint(&hint).error(errors.of(name)).line("")
}

/// Leads to a page that says what was done.
async fn done(session: &Session, what: &str, then: &str) -> Result<Redirect, Refusal> {
    session.insert(DONE, what).await.map_err(failed)?;
    Ok(Redirect::to(then))
}

/// What was done just now.
async fn what_was_done(session: &Session) -> Result<Markup, Refusal> {
    let what: Option<String> = session.remove(DONE).await.map_err(failed)?;
    Ok(html! { @if let Some(what) = what { (super::super::parts::done(&what)) } })
}

fn roles_of(roles: Roles) -> Markup {
    html! {
        ul class="govuk-list" {
            @for role in roles.iter() { li { strong { (role.label()) } ": " (role.about()) } }
        }
    }
}

async fn own(
    State(door): State<Door>,
    visitor: Visitor,
    own: OwnSession,
    LastVisit(last): LastVisit,
    session: Session,
) -> Result<Markup, Refusal> {
    let done = what_was_done(&session).await?;
    let done = html! { (done) @if let Some(last) = last { p class="govuk-body" { "You were here last on " (time(last)) "." } } };
    Ok(own_page(&door, &visitor, &own, &done, &Errors::default()))
}

fn own_page(door: &Door, visitor: &Visitor, own: &OwnSession, done: &Markup, errors: &Errors) -> Markup {
    let account = &own.0.account;
    let body = html! {
        (done)
        (errors.summary())
        h1 class="govuk-heading-l" { "Your account" }
        (summary_list(&html! {
            (row("Name", &said(&account.name)))
            (row("What you may do", &roles_of(account.roles)))
        }))
        form method="post" action="/sign-out" { (button("Sign out", Weight::Main)) }
        @if account.roles.has(AccountRole::Administrator) {
            p class="govuk-body" { a class="govuk-link" href="/accounts" { "Accounts of others" } }
        }
        h2 class="govuk-heading-m" { "Change your password" }
        form method="post" action="/account/password" novalidate {
            input type="text" name="username" value=(account.name) autocomplete="username" hidden;
            (Ask::new("current", "The password you have").kind("password").autocomplete("current-password").error(errors.of("current")).line(""))
            (new_password("password", "The new one", errors))
            (button("Change the password", Weight::Secondary))
        }
        h2 class="govuk-heading-m" { "Other browsers" }
        p class="govuk-body" { "If you left a browser signed in somewhere, end all your sessions, this one too." }
        form method="post" action="/account/sign-out-everywhere" { (button("Sign out everywhere", Weight::Secondary)) }
    };
    door.gate.site.page(visitor, Section::Elsewhere, &errors.title("Your account"), &body)
}

async fn change_password(
    State(door): State<Door>,
    visitor: Visitor,
    own: OwnSession,
    session: Session,
    typed: Typed,
) -> Result<Response, Refusal> {
    let name = own.0.account.name.clone();
    let mut errors = Errors::default();
    let again = |errors: &Errors| own_page(&door, &visitor, &own, &html! {}, errors);
    let chosen = Password::chosen(typed.one("password"), &name);
    if let Err(error) = &chosen {
        errors.add("password", error.to_string());
    }
    // Whoever finds a browser open guesses no faster than whoever signs in.
    match door.check(&name, typed.one("current")).await? {
        Ok(Some(mark)) if mark == own.0.mark => {}
        Ok(_) => errors.add("current", "This is not the password you have"),
        Err(wait) => {
            errors.add("current", format!("Too many tries: wait {}, then try again", in_words(wait)));
            return Ok(too_often(wait, again(&errors)));
        }
    }
    let (Ok(password), true) = (chosen, errors.is_empty()) else {
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, again(&errors)).into_response());
    };
    let (mark, hash) = (own.0.mark, door.hasher.hash(password).await?);
    let signed_in = door.gate.site.desk.ask(move |desk| desk.change_password(mark, hash)).await?;
    door.gate.sessions.begin(&session, &signed_in, (door.gate.clock)()).await?;
    Ok(done(&session, "Your password is changed. Your other sessions have ended.", "/account").await?.into_response())
}

async fn sign_out_everywhere(State(door): State<Door>, own: OwnSession, session: Session) -> Result<Redirect, Refusal> {
    let mark = own.0.mark;
    door.gate.site.desk.ask(move |desk| desk.end_sessions(mark)).await?;
    end(&session).await?;
    Ok(Redirect::to("/sign-in"))
}

fn address_of(name: &str) -> String {
    format!("/accounts/{}", segment(name))
}

fn state_of(account: &Account) -> Markup {
    match (account.disabled, account.has_password) {
        (Some(_), _) => tag("Disabled", "grey"),
        (None, false) => tag("Waits for a password", "yellow"),
        (None, true) => tag("In use", "green"),
    }
}

fn ask_roles(chosen: Roles, errors: &Errors) -> Markup {
    let choices: Vec<Choice> = AccountRole::ALL
        .into_iter()
        .filter(|role| *role != AccountRole::Reader)
        .map(|role| Choice::new(role.as_str(), role.label()).hint(role.about()))
        .collect();
    let chosen: Vec<&str> = chosen.iter().map(AccountRole::as_str).collect();
    Ask::new("roles", "What they may do").hint("Everybody reads.").error(errors.of("roles")).checkboxes(&choices, &chosen)
}

fn roles_in(typed: &Typed) -> Result<Roles, Problem> {
    let role = |word: &str| {
        word.parse::<AccountRole>().map_err(|why| Problem::invalid("roles", why, "go back and choose among those that are shown"))
    };
    typed.every("roles").map(role).collect()
}

async fn all(door: &Door, visitor: &Visitor) -> Result<Vec<Account>, Refusal> {
    let actor = visitor.actor.clone();
    Ok(door.gate.site.desk.ask(move |desk| desk.accounts(&actor)).await?)
}

async fn list(State(door): State<Door>, visitor: Visitor, session: Session) -> Result<Markup, Refusal> {
    let accounts = all(&door, &visitor).await?;
    let done = what_was_done(&session).await?;
    Ok(list_page(&door, &visitor, &accounts, &done, ("", Roles::READING), &Errors::default()))
}

fn list_page(door: &Door, visitor: &Visitor, accounts: &[Account], done: &Markup, (name, roles): (&str, Roles), errors: &Errors) -> Markup {
    let body = html! {
        (done)
        (errors.summary())
        h1 class="govuk-heading-l" { "Accounts" }
        table class="govuk-table csu-rows" {
            caption class="govuk-table__caption govuk-visually-hidden" { "Who can sign in to this node" }
            thead class="govuk-table__head" {
                tr class="govuk-table__row" {
                    @for heading in ["Name", "May", "State", "Last here"] { th scope="col" class="govuk-table__header" { (heading) } }
                }
            }
            tbody class="govuk-table__body" {
                @for account in accounts {
                    tr class="govuk-table__row" {
                        td class="govuk-table__cell" data-label="Name" {
                            a class="govuk-link" href=(address_of(&account.name)) { (said(&account.name)) }
                        }
                        td class="govuk-table__cell" data-label="May" {
                            (account.roles.iter().map(AccountRole::label).collect::<Vec<_>>().join(", "))
                        }
                        td class="govuk-table__cell" data-label="State" { (state_of(account)) }
                        td class="govuk-table__cell" data-label="Last here" {
                            @match account.seen { Some(seen) => (time(seen)), None => "never" }
                        }
                    }
                }
            }
        }
        h2 class="govuk-heading-m" { "Add somebody" }
        p class="govuk-body" { "You get a link to give to them. By it they choose a password that nobody else knows." }
        form method="post" action="/accounts" novalidate {
            (Ask::new("name", "Their name").autocomplete("off").error(errors.of("name"))
                .hint("It stands with what they do, here and in what they issue for others to read.").line(name))
            (ask_roles(roles, errors))
            (button("Add the account", Weight::Main))
        }
    };
    door.gate.site.page(visitor, Section::Elsewhere, &errors.title("Accounts"), &body)
}

async fn create(State(door): State<Door>, visitor: Visitor, session: Session, typed: Typed) -> Result<Response, Refusal> {
    let (name, roles) = (typed.one("name").trim().to_owned(), roles_in(&typed)?);
    let mut errors = Errors::default();
    if name.is_empty() {
        errors.add("name", "Enter their name");
    } else {
        let (actor, request) = (visitor.actor.clone(), AccountRequest { name: name.clone(), roles });
        match door.gate.site.desk.ask(move |desk| desk.create_account(&actor, request)).await {
            Ok(link) => return Ok(show_link(&session, &link, "The account is made.").await?.into_response()),
            Err(problem) if matches!(problem.blame(), Some(Blame::Invalid | Blame::Conflict)) => errors.add("name", problem_text(&problem)),
            Err(problem) => return Err(problem.into()),
        }
    }
    let accounts = all(&door, &visitor).await?;
    let page = list_page(&door, &visitor, &accounts, &html! {}, (&name, roles), &errors);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// Leads to the page that shows a link once.
async fn show_link(session: &Session, link: &AccountLink, what: &str) -> Result<Redirect, Refusal> {
    session.insert(LINK, link).await.map_err(failed)?;
    let name = link.account.as_ref().map(|account| account.name.clone()).unwrap_or_default();
    done(session, what, &address_of(&name)).await
}

async fn one(State(door): State<Door>, visitor: Visitor, session: Session, Path(name): Path<String>) -> Result<Markup, Refusal> {
    let accounts = all(&door, &visitor).await?;
    let found = accounts.into_iter().find(|account| account.name == name);
    let account = found.ok_or_else(|| Problem::not_found("nobody of this name has an account here", "see the list of accounts"))?;
    let done = what_was_done(&session).await?;
    let link: Option<AccountLink> = session.remove(LINK).await.map_err(failed)?;
    let link = link.filter(|link| link.account.as_ref().is_some_and(|of| of.name == account.name));
    let address = address_of(&account.name);
    let body = html! {
        a class="govuk-back-link" href="/accounts" { "Accounts" }
        (done)
        h1 class="govuk-heading-l" { (said(&account.name)) }
        @if let Some(link) = &link { (link_once(link, &account.name)) }
        (summary_list(&html! {
            (row("State", &state_of(&account)))
            (row("Made", &time(account.created)))
            (row("Last here", &html! { @match account.seen { Some(seen) => (time(seen)), None => "never" } }))
        }))
        form method="post" action={ (address) "/roles" } novalidate {
            (ask_roles(account.roles, &Errors::default()))
            (button("Save", Weight::Main))
        }
        @if account.disabled.is_none() {
            h2 class="govuk-heading-m" { "A new password" }
            p class="govuk-body" {
                @if account.has_password { "If they forgot theirs, make a link by which they choose another. The old one is good until then." }
                @else { "They have not chosen one yet. If their link is lost or too old, make another; it takes the place of the one before." }
            }
            form method="post" action={ (address) "/link" } { (button("Make a link", Weight::Secondary)) }
        }
        h2 class="govuk-heading-m" { @if account.disabled.is_some() { "Let them in again" } @else { "Shut them out" } }
        p class="govuk-body" {
            @if account.disabled.is_some() { "They sign in with the password they had; if they never chose one, make a link for them." }
            @else { "They are signed out at once and cannot sign in. What they did stays, with their name." }
        }
        form method="post" action={ (address) "/disable" } {
            @if account.disabled.is_some() {
                input type="hidden" name="disabled" value="no";
                (button("Enable the account", Weight::Secondary))
            } @else {
                input type="hidden" name="disabled" value="yes";
                (button("Disable the account", Weight::Warning))
            }
        }
    };
    Ok(door.gate.site.page(&visitor, Section::Elsewhere, &account.name, &body))
}

fn link_once(link: &AccountLink, name: &str) -> Markup {
    html! {
        div class="govuk-inset-text" {
            p class="govuk-body" { "Give this link to " strong { (said(name)) } " alone. It is shown only now." }
            p class="govuk-body csu-text" { code { (link.address) } }
            (warning(&html! { "Whoever opens it first chooses the password. It is good once, until " (time(link.until)) "." }))
        }
    }
}

async fn change_roles(
    State(door): State<Door>,
    visitor: Visitor,
    session: Session,
    Path(name): Path<String>,
    typed: Typed,
) -> Result<Redirect, Refusal> {
    let (actor, request, then) = (visitor.actor, RolesRequest { roles: roles_in(&typed)? }, address_of(&name));
    door.gate.site.desk.ask(move |desk| desk.set_roles(&actor, &name, request)).await?;
    done(&session, "The roles are saved.", &then).await
}

async fn disable(
    State(door): State<Door>,
    visitor: Visitor,
    session: Session,
    Path(name): Path<String>,
    typed: Typed,
) -> Result<Redirect, Refusal> {
    let disabled = match typed.one("disabled") {
        "yes" => true,
        "no" => false,
        _ => return Err(Problem::invalid("disabled", "the form does not say whether", "go back and send it again").into()),
    };
    let (actor, then) = (visitor.actor, address_of(&name));
    door.gate.site.desk.ask(move |desk| desk.disable_account(&actor, &name, DisableRequest { disabled })).await?;
    done(&session, if disabled { "The account is disabled." } else { "The account is enabled." }, &then).await
}

async fn renew_link(State(door): State<Door>, visitor: Visitor, session: Session, Path(name): Path<String>) -> Result<Redirect, Refusal> {
    let actor = visitor.actor;
    let link = door.gate.site.desk.ask(move |desk| desk.link_account(&actor, &name)).await?;
    show_link(&session, &link, "The link is made.").await
}
