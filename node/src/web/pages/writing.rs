//! Writing a document: a form of several pages, each of which saves the draft when it is sent.
//!
//! So nothing is lost when somebody goes back, loads a page anew or the node stops: what was sent is on disk, and what was
//! refused is shown again as it was typed. The draft of a shared document's next version is written in the same way.

mod audience;
mod descriptors;
mod input;
mod sheets;
mod values;

pub(super) use sheets::{demand, place_of};
pub(super) use values::{bare, get as value_at};

use super::super::Site;
use super::super::parts::{Errors, Typed, Weight, back, button_group, button_saying, emergency, inset, link_button, problem_text};
use super::super::refusal::Refusal;
use super::super::visitor::Visitor;
use super::{main_step, section_of};
use crate::desk::{AccessLevel, Actor, Circle, Desk, Document, DraftChange, DraftRequest, Peer, Problem, Recipient};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use csu_protocol::document::{Form, Kind, kind};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, Value};
use sheets::{OTHER, SHARING, Sheet};
use std::collections::BTreeMap;

/// The name of the buttons, and what they say.
const THEN: &str = "then";
const CONTINUE: &str = "continue";
const STOP: &str = "stop";
const REMOVE: &str = "remove";

/// What is being written.
#[derive(Debug, Clone)]
struct Begun {
    kind: &'static Kind,
    /// What it is called, once there is a draft or a document.
    reference: Option<String>,
    fields: Map<String, Value>,
    marking: String,
    to: Vec<Recipient>,
    /// The document of which this is the next version.
    shared: Option<Box<Document>>,
    /// Recipients' names by what the form says of them.
    names: BTreeMap<String, String>,
}

impl Begun {
    fn nothing(kind: &'static Kind) -> Self {
        Self {
            kind,
            reference: None,
            fields: Map::new(),
            marking: kind.default_marking.to_string(),
            to: Vec::new(),
            shared: None,
            names: BTreeMap::new(),
        }
    }

    fn of(document: Document) -> Result<Self, Problem> {
        let kind = known(&document.kind)?;
        let may_write = matches!(document.access, AccessLevel::Owner | AccessLevel::Admin | AccessLevel::Write);
        if !may_write || document.withdrawn.is_some() {
            let detail = if may_write { "it was withdrawn, for good" } else { "this organisation may not change it" };
            return Err(Problem::denied(detail, format!("ask {} about it, or write one of your own", document.owner)));
        }
        let (fields, marking, to) = match &document.draft {
            Some(draft) => (draft.fields.clone(), draft.marking.clone(), draft.to.clone()),
            None => (document.fields.clone(), document.marking.clone(), Vec::new()),
        };
        Ok(Self {
            kind,
            reference: Some(document.reference.clone()),
            fields,
            marking,
            to,
            shared: document.id.is_some().then(|| Box::new(document)),
            names: BTreeMap::new(),
        })
    }

    fn label(&self) -> String {
        self.kind.label.to_lowercase()
    }

    /// The address of a page of the form.
    fn address(&self, slug: &str) -> String {
        match &self.reference {
            Some(reference) => format!("/documents/{reference}/edit/{slug}"),
            None if self.kind.name == "bulletin" => "/bulletins/new".to_owned(),
            None => format!("/documents/new/{}", self.kind.name),
        }
    }

    /// What the desk refused, with ways to inputs that are on other pages of the form.
    fn leading(&self, page: &Page, errors: Errors) -> Errors {
        let here = if page.at.is_empty() { page.slug.clone() } else { format!("{}?at={}", page.slug, page.at) };
        errors.map_names(|name| {
            let place = place_of(self.kind, name);
            match &self.reference {
                _ if !matches!(name, "marking" | "to") && self.kind.field(name).is_none() => String::new(),
                _ if place.split('#').next() == Some(here.as_str()) => name.to_owned(),
                Some(_) => self.address(&place),
                None => String::new(),
            }
        })
    }

    /// Where its document is read.
    fn home(&self) -> String {
        self.reference.as_ref().map_or_else(|| "/".to_owned(), |reference| format!("/documents/{reference}"))
    }
}

/// The kind of this name.
pub(super) fn known(name: &str) -> Result<&'static Kind, Problem> {
    kind::find(name).ok_or_else(|| {
        Problem::not_found("this node does not know that kind of document", "update the node, if a neighbour has a newer version")
    })
}

/// Who can be chosen as a recipient.
#[derive(Debug, Clone, Default)]
struct Asked {
    peers: Vec<Peer>,
    circles: Vec<Circle>,
}

impl Asked {
    fn by(desk: &mut dyn Desk, actor: &Actor, slug: &str) -> Result<Self, Problem> {
        if slug != SHARING {
            return Ok(Self::default());
        }
        Ok(Self { peers: desk.peers(actor)?, circles: desk.circles(actor)? })
    }

    fn names(&self) -> BTreeMap<String, String> {
        self.peers.iter().map(|peer| (peer.organisation.id.to_string(), peer.organisation.name.clone())).collect()
    }
}

/// Which page of the form, and what of it.
#[derive(Debug, Clone)]
struct Page {
    slug: String,
    /// The block, on the page of the other fields.
    at: String,
    /// Of a new annex: to what it belongs.
    of: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct PageQuery {
    #[serde(default)]
    at: String,
    /// Whether to say what is missing.
    missing: Option<String>,
    of: Option<String>,
}

/// The first page of a new bulletin.
pub(super) async fn new_bulletin(site: State<Site>, visitor: Visitor) -> Result<Response, Refusal> {
    new(site, visitor, Path("bulletin".to_owned()), Query(PageQuery::default())).await
}

/// The first page of a new document of some kind.
pub(super) async fn new(
    State(site): State<Site>,
    visitor: Visitor,
    Path(kind): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Response, Refusal> {
    let begun = Begun::nothing(known(&kind)?);
    let page = Page { slug: first_slug(begun.kind).to_owned(), at: String::new(), of: query.of };
    let typed = filled(&begun, &page, &Asked::default())?;
    Ok(show(&site, &visitor, &begun, &page, &Asked::default(), &typed, &Errors::default()).into_response())
}

fn first_slug(kind: &Kind) -> &'static str {
    sheets::sheets(kind).first().map_or(OTHER, |first| if first.slug == SHARING { OTHER } else { first.slug })
}

/// Begins a bulletin with what its first page says.
pub(super) async fn begin_bulletin(site: State<Site>, visitor: Visitor, typed: Typed) -> Result<Response, Refusal> {
    begin(site, visitor, Path("bulletin".to_owned()), Query(PageQuery::default()), typed).await
}

/// Begins a document of some kind with what its first page says.
pub(super) async fn begin(
    State(site): State<Site>,
    visitor: Visitor,
    Path(kind): Path<String>,
    Query(query): Query<PageQuery>,
    typed: Typed,
) -> Result<Response, Refusal> {
    let begun = Begun::nothing(known(&kind)?);
    let page = Page { slug: first_slug(begun.kind).to_owned(), at: String::new(), of: query.of };
    let (actor, of) = (visitor.actor.clone(), page.of.clone());
    let refused = match read(&begun, &page, &typed) {
        Err(errors) => errors,
        Ok(change) => {
            let fields = change.fields.unwrap_or_default();
            let request = DraftRequest { kind: begun.kind.name.to_owned(), fields, of, ..DraftRequest::default() };
            match site.desk.ask(move |desk| desk.draft(&actor, request)).await {
                Ok(document) => return Ok(onwards(&Begun::of(document)?, &page, &typed).into_response()),
                Err(problem) => begun.leading(&page, refusal_of(begun.kind, &problem)),
            }
        }
    };
    let body = show(&site, &visitor, &begun, &page, &Asked::default(), &typed, &refused);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, body).into_response())
}

/// A page of the form, with what is stored.
pub(super) async fn edit(
    State(site): State<Site>,
    visitor: Visitor,
    Path((reference, slug)): Path<(String, String)>,
    Query(query): Query<PageQuery>,
) -> Result<Response, Refusal> {
    let (actor, page) = (visitor.actor.clone(), Page { slug, at: query.at, of: None });
    let slug = page.slug.clone();
    let (document, asked) = site
        .desk
        .ask(move |desk| {
            let document = desk.document(&actor, &reference)?;
            Ok((document, Asked::by(desk, &actor, &slug)?))
        })
        .await?;
    let begun = Begun::of(document)?;
    let typed = filled(&begun, &page, &asked)?;
    let errors = match (sheets::sheet(begun.kind, &page.slug), query.missing) {
        (Some(sheet), Some(_)) => sheets::missing(sheet, &begun),
        _ => Errors::default(),
    };
    Ok(show(&site, &visitor, &begun, &page, &asked, &typed, &errors).into_response())
}

/// Saves a page of the form.
pub(super) async fn save(
    State(site): State<Site>,
    visitor: Visitor,
    Path((reference, slug)): Path<(String, String)>,
    Query(query): Query<PageQuery>,
    typed: Typed,
) -> Result<Response, Refusal> {
    let page = Page { slug, at: query.at, of: None };
    let (actor, asking, sent) = (visitor.actor.clone(), page.clone(), typed.clone());
    // In one go, so that nobody else's change is lost between reading and writing.
    let (begun, asked, outcome) = site
        .desk
        .ask(move |desk| {
            let mut begun = Begun::of(desk.document(&actor, &reference)?)?;
            let asked = Asked::by(desk, &actor, &asking.slug)?;
            begun.names = asked.names();
            // What can be known to be wrong is not asked for: the reading was noted, and a refusal would take that back.
            let outcome = match read(&begun, &asking, &sent) {
                Err(errors) => Err(errors),
                Ok(change) => {
                    desk.edit(&actor, &reference, change).map_err(|problem| begun.leading(&asking, refusal_of(begun.kind, &problem)))
                }
            };
            Ok((begun, asked, outcome))
        })
        .await?;
    match outcome {
        Ok(document) => Ok(onwards(&Begun::of(document)?, &page, &typed).into_response()),
        Err(errors) => {
            let body = show(&site, &visitor, &begun, &page, &asked, &typed, &errors);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, body).into_response())
        }
    }
}

fn no_page() -> Problem {
    Problem::not_found("there is no such page of the form", "go back to the draft and choose what to change there")
}

fn filled(begun: &Begun, page: &Page, asked: &Asked) -> Result<Typed, Problem> {
    if let Some(sheet) = sheets::sheet(begun.kind, &page.slug) {
        return Ok(sheets::filled(sheet, begun, asked));
    }
    if page.slug != OTHER || values::block_fields(begun.kind, &page.at).is_none() {
        return Err(no_page());
    }
    let mut typed = Typed::default();
    for input in sheets::other_inputs(begun.kind, &page.at) {
        input.fill(&mut typed, values::get(&begun.fields, &input.path));
    }
    Ok(typed)
}

/// What a page that was sent changes, or what is wrong with it.
fn read(begun: &Begun, page: &Page, typed: &Typed) -> Result<DraftChange, Errors> {
    let change = match sheets::sheet(begun.kind, &page.slug) {
        Some(sheet) => sheets::read(sheet, begun, typed)?,
        None => read_others(begun, page, typed)?,
    };
    match begun.kind.check(change.fields.as_ref().unwrap_or(&begun.fields)) {
        Ok(_) => Ok(change),
        Err(error) => Err(begun.leading(page, refusal_of(begun.kind, &Problem::invalid("fields", error.to_string(), "")))),
    }
}

fn read_others(begun: &Begun, page: &Page, typed: &Typed) -> Result<DraftChange, Errors> {
    let mut errors = Errors::default();
    if page.slug != OTHER || values::block_fields(begun.kind, &page.at).is_none() {
        errors.add("", problem_text(&no_page()));
        return Err(errors);
    }
    let mut fields = begun.fields.clone();
    if typed.says(THEN, REMOVE) && !page.at.is_empty() {
        values::remove(&mut fields, &page.at);
    } else {
        for input in sheets::other_inputs(begun.kind, &page.at) {
            match input.read(begun.kind, typed, values::get(&begun.fields, &input.path)) {
                Ok(value) => values::put(&mut fields, &input.path, value),
                Err(message) => errors.add(input.path.as_str(), message),
            }
        }
    }
    if errors.is_empty() { Ok(DraftChange { fields: Some(fields), ..DraftChange::default() }) } else { Err(errors) }
}

/// Where to go once a page is saved.
fn onwards(begun: &Begun, page: &Page, typed: &Typed) -> Redirect {
    if typed.says(THEN, STOP) {
        return Redirect::to(&format!("{}?done=saved", begun.home()));
    }
    if let Some(sheet) = sheets::sheet(begun.kind, &page.slug)
        && !sheets::missing(sheet, begun).is_empty()
    {
        return Redirect::to(&format!("{}?missing=1", begun.address(&page.slug)));
    }
    if page.slug == OTHER && !page.at.is_empty() {
        return Redirect::to(&format!("{}?at={}", begun.address(OTHER), values::parent(&page.at)));
    }
    match sheets::next(begun.kind, &page.slug) {
        Some(next) => Redirect::to(&begun.address(next.slug)),
        None => Redirect::to(&checking(begun)),
    }
}

/// Where a draft is looked over before it is shared.
fn checking(begun: &Begun) -> String {
    let state = begun.shared.as_ref().map_or(begun.kind.draft_state(), |document| document.state.as_str());
    main_step(begun.kind, state).map_or_else(|| begun.home(), |step| format!("{}/steps/{}", begun.home(), step.verb))
}

/// What the desk refused, by the inputs that it is about.
pub(super) fn refusal_of(kind: &Kind, problem: &Problem) -> Errors {
    let mut errors = Errors::default();
    match problem.field() {
        Some("fields") => {
            for line in problem.detail().lines().map(str::trim).filter(|line| !line.is_empty()) {
                let found = line.split_once(": ").and_then(|(path, message)| {
                    let path = path.replace('/', ".");
                    let field = kind.field(&path)?;
                    // An item of a list has no input of its own.
                    let whole = if path.ends_with(']') { path.rsplit_once('[').map_or(path.as_str(), |(list, _)| list) } else { &path };
                    Some((whole.to_owned(), format!("{}: {message}", field.label)))
                });
                match found {
                    Some((path, message)) => errors.add(path, message),
                    // The first line of a list says only that there is one.
                    None if line.ends_with(':') => {}
                    None => errors.add("", input::sentence(line)),
                }
            }
        }
        Some(field) => errors.add(field, problem_text(problem)),
        None => errors.add("", problem_text(problem)),
    }
    errors
}

fn show(site: &Site, visitor: &Visitor, begun: &Begun, page: &Page, asked: &Asked, typed: &Typed, errors: &Errors) -> Markup {
    let sheet = sheets::sheet(begun.kind, &page.slug);
    let title = heading(begun, page, sheet);
    let is_new = begun.reference.is_none();
    let back_to = if is_new { section_of(begun.kind.name).1.to_owned() } else { begun.home() };
    let mut action = begun.address(&page.slug);
    if !page.at.is_empty() {
        action = format!("{action}?at={}", page.at);
    } else if let Some(of) = page.of.as_ref().filter(|_| is_new) {
        action = format!("{action}?of={}", crate::cli::client::segment(of));
    }
    let body = html! {
        (back(&back_to, "Back"))
        (errors.summary())
        span class="govuk-caption-l" { (caption(begun)) }
        h1 class="govuk-heading-l" { (title) }
        @if begun.kind.name == "bulletin" { (emergency()) }
        @if is_new && begun.kind.sealed.is_some() && page.of.is_none() {
            (inset(&html! { p class="govuk-body" { "An annex belongs to a document: open that document first, and begin its annex there." } }))
        }
        @if let Some(sheet) = sheet.filter(|sheet| !sheet.about.is_empty()) { p class="govuk-body" { (sheet.about) } }
        form method="post" action=(action) novalidate {
            @match sheet {
                Some(sheet) => (sheets::show(sheet, begun, asked, typed, errors)),
                None => (others(begun, page, typed, errors)),
            }
            (button_group(&html! {
                (button_saying("Save and continue", Weight::Main, THEN, CONTINUE))
                (button_saying("Save as draft", Weight::Secondary, THEN, STOP))
                @if !page.at.is_empty() { (button_saying("Remove this part", Weight::Warning, THEN, REMOVE)) }
            }))
        }
        @if !is_new { (ways(begun, page)) }
    };
    site.page(visitor, section_of(begun.kind.name).0, &errors.title(&title), &body)
}

fn heading(begun: &Begun, page: &Page, sheet: Option<&Sheet>) -> String {
    match sheet {
        Some(sheet) => sheet.title.to_owned(),
        None if page.at.is_empty() && sheets::next(begun.kind, OTHER).is_some() => format!("What this {} says", begun.label()),
        None if page.at.is_empty() => "Other details".to_owned(),
        None => {
            let label = begun.kind.field(&page.at).map_or("Part", |field| field.label);
            let position = page.at.rsplit_once('[').and_then(|(_, at)| at.strip_suffix(']')?.parse::<usize>().ok());
            format!("{label} {}", position.unwrap_or_default().saturating_add(1))
        }
    }
}

fn caption(begun: &Begun) -> String {
    match (&begun.reference, &begun.shared) {
        (None, _) => format!("New {}", begun.label()),
        (Some(reference), None) => format!("Draft {reference}, on this node only"),
        (Some(_), Some(document)) => {
            format!("Next version of “{}”; nobody sees it before you share it", crate::cli::screen::visible(&document.title))
        }
    }
}

/// The other fields of a block, and links to the blocks inside.
fn others(begun: &Begun, page: &Page, typed: &Typed, errors: &Errors) -> Markup {
    let inputs = sheets::other_inputs(begun.kind, &page.at);
    let fields = values::block_fields(begun.kind, &page.at).unwrap_or_default();
    html! {
        @for input in &inputs { (input.show(typed, errors)) }
        @if begun.reference.is_some() {
            @for field in fields.iter().filter(|field| matches!(field.form, Form::Records(_))) {
                @let path = values::inside(&page.at, field.name);
                @let blocks = values::get(&begun.fields, &path).and_then(Value::as_array).map_or(0, Vec::len);
                h2 class="govuk-heading-m" { (field.label) }
                p class="govuk-hint" { (field.hint) }
                ul class="govuk-list" {
                    @for at in 0..blocks {
                        li { a class="govuk-link" href={ (begun.address(OTHER)) "?at=" (path) "[" (at) "]" } { (field.label) " " (at + 1) } }
                    }
                    li {
                        a class="govuk-link" href={ (begun.address(OTHER)) "?at=" (path) "[" (blocks) "]" } {
                            "Add" span class="govuk-visually-hidden" { ": " (field.label) " " (blocks + 1) }
                        }
                    }
                }
            }
        }
    }
}

/// The other pages of the form.
fn ways(begun: &Begun, page: &Page) -> Markup {
    html! {
        nav aria-label="Parts of the form" {
            h2 class="govuk-heading-s" { "Other parts" }
            ul class="govuk-list" {
                @for sheet in sheets::sheets(begun.kind).iter().filter(|sheet| sheet.slug != page.slug) {
                    li { a class="govuk-link" href=(begun.address(sheet.slug)) { (sheet.title) } }
                }
                @if page.slug != OTHER || !page.at.is_empty() {
                    li { a class="govuk-link" href=(begun.address(OTHER)) { "Other details" } }
                }
            }
            p class="govuk-body" { "What you have not saved on this page is lost when you follow a link." }
            (link_button(&checking(begun), "Check and share", Weight::Secondary))
        }
    }
}
