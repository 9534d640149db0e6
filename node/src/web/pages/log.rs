//! The access log: who read, disclosed, changed and erased what, and whether somebody changed the log itself.

use super::super::Site;
use super::super::dates::{DATE_PARTS, typed_moment};
use super::super::layout::Section;
use super::super::parts::{
    Ask, Choice, Errors, Typed, Weight, back, button, details, inset, pagination, row, said, summary_list, time, warning,
};
use super::super::refusal::Refusal;
use super::super::sentences::{cell, table_head, verb};
use super::super::visitor::Visitor;
use crate::cli::client::segment;
use crate::desk::{KeptHead, LogBreak, LogCheck, LogCheckQuery, LogHead, LogLine, LogQuery, Problem};
use crate::log_verb::LogVerb;
use axum::Router;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use maud::{Markup, html};

/// Lines on a page.
const PAGE: u32 = 50;
/// The inputs of the filter, beside the dates.
const FILTERS: [&str; 3] = ["document", "verb", "who"];

pub(super) fn routes() -> Router<Site> {
    Router::new().route("/log", get(list)).route("/log/export", post(export)).route("/log/check", get(check))
}

/// What a form asks for, and what is wrong with it.
fn asked(typed: &Typed) -> (LogQuery, Errors) {
    let mut errors = Errors::default();
    let text = |name: &str| typed.filled(name).map(str::to_owned);
    let verb = text("verb").and_then(|verb| verb.parse::<LogVerb>().map_err(|why| errors.add("verb", why)).ok());
    let mut moment = |name: &'static str| typed_moment(typed, name).map_err(|why| errors.add(name, why)).ok().flatten();
    let (since, until) = (moment("since"), moment("until"));
    let before = text("before").and_then(|number| number.parse().ok());
    (LogQuery { document: text("document"), verb, who: text("who"), since, until, before, limit: Some(PAGE), format: None }, errors)
}

/// The inputs of the filter as they were typed, by name.
fn filters(typed: &Typed) -> Vec<(String, String)> {
    let dates = ["since", "until"].into_iter().flat_map(|name| DATE_PARTS.map(|part| format!("{name}-{part}")));
    let names = FILTERS.into_iter().map(str::to_owned).chain(dates);
    names.filter_map(|name| typed.filled(&name).map(str::to_owned).map(|value| (name, value))).collect()
}

fn page_address(typed: &Typed, before: Option<u64>) -> String {
    let pairs = filters(typed).into_iter().chain(before.map(|before| ("before".to_owned(), before.to_string())));
    let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={}", segment(&value))).collect();
    if pairs.is_empty() { "/log".to_owned() } else { format!("/log?{}", pairs.join("&")) }
}

async fn list(State(site): State<Site>, visitor: Visitor, typed: Typed) -> Result<Markup, Refusal> {
    let (query, mut errors) = asked(&typed);
    let actor = visitor.actor.clone();
    let narrowed = errors.is_empty();
    let (head, lines) = site
        .desk
        .ask(move |desk| {
            // A filter that cannot be read must not pass for one that finds all.
            let lines = if narrowed { desk.log(&actor, query) } else { Ok(Vec::new()) };
            Ok((desk.log_head(&actor)?, lines))
        })
        .await?;
    let lines = lines.unwrap_or_else(|problem| {
        errors = Errors::from(&problem);
        Vec::new()
    });
    let next = lines.last().filter(|last| last.number > 1 && lines.len() >= usize::try_from(PAGE).unwrap_or(usize::MAX));
    let title = "Access log";
    let body = html! {
        (errors.summary())
        h1 class="govuk-heading-l" { (title) }
        p class="govuk-body" { "Who read, disclosed, changed and erased what at this node. No line is ever changed or taken out." }
        (summary(&head))
        (details("Show some lines only", &filter_form(&typed, &errors)))
        @if lines.is_empty() {
            p class="govuk-body" { "No line is like that." }
        } @else {
            (table(&lines))
        }
        (pagination(typed.filled("before").map(|_| page_address(&typed, None)).as_deref(),
            next.map(|last| page_address(&typed, Some(last.number))).as_deref()))
        form method="post" action="/log/export" {
            @for (name, value) in filters(&typed) { input type="hidden" name=(name) value=(value); }
            (button(if filters(&typed).is_empty() { "Export all of it as CSV" } else { "Export these lines as CSV" }, Weight::Secondary))
        }
    };
    Ok(site.page(&visitor, Section::Log, &errors.title(title), &body))
}

fn summary(head: &LogHead) -> Markup {
    html! {
        (summary_list(&html! {
            (row("Lines", &html! { (head.lines) }))
            (row("Newest", &html! { span class="csu-code" { (head) } }))
        }))
        p class="govuk-body" {
            "Write the newest down now and then, or send it to somebody outside this house. "
            a class="govuk-link" href="/log/check" { "Check the log" }
            " shows later that none of these lines was changed or is gone."
        }
    }
}

fn filter_form(typed: &Typed, errors: &Errors) -> Markup {
    let mut verbs = vec![Choice::new("", "All")];
    verbs.extend(LogVerb::ALL.map(|known| Choice::new(known.as_str(), verb(known))));
    let moment = |name: &'static str, label: &'static str, hint: &'static str| {
        Ask::new(name, label).hint(hint).error(errors.of(name)).moment(|part| typed.one(&format!("{name}-{part}")).to_owned())
    };
    html! {
        form method="get" action="/log" {
            (Ask::new("document", "Document").hint("Its reference, such as 3fa9c0.").error(errors.of("document")).line(typed.one("document")))
            (Ask::new("verb", "What was done").error(errors.of("verb")).select(&verbs, typed.one("verb")))
            (Ask::new("who", "Who").hint("A person here, or an organisation.").error(errors.of("who")).line(typed.one("who")))
            (moment("since", "Since", "For example 22 11 2026. The time can be left out."))
            (moment("until", "Before", "For example 23 11 2026. The time can be left out."))
            (button("Show these lines", Weight::Main))
            p class="govuk-body" { a class="govuk-link" href="/log" { "Show all" } }
        }
    }
}

fn table(lines: &[LogLine]) -> Markup {
    html! {
        table class="govuk-table csu-rows" {
            caption class="govuk-table__caption govuk-visually-hidden" { "Lines of the access log, newest first" }
            (table_head(&["Line", "When", "Who", "What", "To or from"]))
            tbody class="govuk-table__body" { @for line in lines { (row_of(line)) } }
        }
    }
}

fn row_of(line: &LogLine) -> Markup {
    html! {
        tr class="govuk-table__row" {
            (cell("Line", &html! { (line.number) }))
            (cell("When", &time(line.at)))
            (cell("Who", &said(&line.who)))
            (cell("What", &html! {
                strong { (verb(line.verb)) } ": " (said(&line.detail))
                @if let Some(why) = &line.why { ", because: " (said(why)) }
                @if let Some(reference) = &line.reference {
                    br;
                    a class="govuk-link" href={ "/documents/" (reference) } { (said(line.what.as_deref().unwrap_or(reference))) }
                } @else if let Some(what) = &line.what {
                    br;
                    (said(what))
                }
            }))
            (cell("To or from", &html! { @if let Some(to) = &line.to { (said(to)) } }))
        }
    }
}

/// All lines that the form asks for, as a table for spreadsheets.
async fn export(State(site): State<Site>, visitor: Visitor, typed: Typed) -> Result<Response, Refusal> {
    let (query, errors) = asked(&typed);
    if !errors.is_empty() {
        return Err(Problem::invalid("log", "the filter cannot be read", "go back and mend the date or the sort of line").into());
    }
    let all = LogQuery { before: None, limit: None, ..query };
    let mut response = crate::http::log_table(site.desk.clone(), visitor.actor, all).await?.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"access-log.csv\""));
    Ok(response)
}

/// Walks along the whole chain, beside other requests: what is asked at a time is bounded.
async fn walk(site: &Site, visitor: &Visitor, kept: Option<&KeptHead>) -> Result<LogCheck, Problem> {
    let mut query = LogCheckQuery { sought: kept.map(|kept| kept.hash), ..LogCheckQuery::default() };
    let mut sought = None;
    loop {
        let actor = visitor.actor.clone();
        let found = site.desk.ask(move |desk| desk.check_log(&actor, query)).await?;
        sought = sought.or(found.sought);
        if found.broken.is_some() || !found.more {
            return Ok(LogCheck { sought, ..found });
        }
        query.after = Some(found.to);
    }
}

async fn check(State(site): State<Site>, visitor: Visitor, typed: Typed) -> Result<Markup, Refusal> {
    let mut errors = Errors::default();
    let kept = typed.filled("head").and_then(|head| {
        let read = head.parse::<KeptHead>();
        read.map_err(|_| errors.add("head", "Enter the newest line as this page showed it: its number, a hyphen and 64 letters and digits"))
            .ok()
    });
    let found = if typed.filled("go").is_some() && errors.is_empty() { Some(walk(&site, &visitor, kept.as_ref()).await?) } else { None };
    let title = "Check the access log";
    let body = html! {
        (back("/log", "Access log"))
        (errors.summary())
        h1 class="govuk-heading-l" { (title) }
        @if let Some(found) = &found { (verdict(found, kept.as_ref())) }
        p class="govuk-body" {
            "Each line of the log is bound to the one before it. The check reads all of them, and tells of the first that was changed or is missing."
        }
        form method="get" action="/log/check" {
            (Ask::new("head", "Newest line that was written down (optional)").autocomplete("off").error(errors.of("head"))
                .hint("With it the check shows, too, that the log was not made anew since.").line(typed.one("head")))
            input type="hidden" name="go" value="yes";
            (button("Check it now", Weight::Main))
        }
    };
    Ok(site.page(&visitor, Section::Log, &errors.title(title), &body))
}

/// What a walk along the whole chain means, beside a head that was kept.
fn verdict(found: &LogCheck, kept: Option<&KeptHead>) -> Markup {
    let whole = format!("The log is whole: {} lines were checked.", found.to);
    let remedy = html! { p class="govuk-body" { "What to do: " (LogBreak::REMEDY) "." } };
    let wrong = |what: &str| html! { (warning(&said(what))) (remedy) };
    if let Some(broken) = &found.broken {
        return wrong(&broken.to_string());
    }
    match (kept, found.sought) {
        (None, _) => inset(&html! {
            p class="govuk-body" { (whole) }
            p class="govuk-body" { "Whoever can write to the disk could have made all of it anew: give a line that was written down elsewhere." }
        }),
        (Some(KeptHead { lines: Some(lines), .. }), Some(line)) if line != *lines => {
            wrong(&format!("What was written down is line {line}, and not line {lines}: compare it again."))
        }
        (Some(_), Some(line)) => inset(&html! {
            p class="govuk-body" { (whole) " Up to line " (line) ", which was written down, no line is gone or was changed." }
        }),
        // An empty log has no line, and every log goes on from it.
        (Some(KeptHead { lines: Some(0), hash }), None) if hash.as_bytes() == &[0; 32] => {
            inset(&html! { p class="govuk-body" { (whole) } })
        }
        (Some(KeptHead { lines: Some(lines), .. }), None) if *lines > found.to => {
            wrong(&format!("The log ends at line {}, and line {lines} was written down: its end was cut off.", found.to))
        }
        (Some(_), None) => wrong("No line is the one that was written down: the log was made anew since, or it is another node's."),
    }
}
