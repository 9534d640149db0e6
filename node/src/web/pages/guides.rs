//! Guides: what works against a problem, how, at what cost, and how well that is known.

use super::super::Site;
use super::super::markdown::prose;
use super::super::parts::{Typed, row, said, summary_list, tag};
use super::super::refusal::Refusal;
use super::super::sentences::{cell, table_head};
use super::super::visitor::Visitor;
use super::bulletins::rows;
use super::documents::DoneQuery;
use super::{lists, reading};
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::get;
use csu_protocol::document::{Form, kind};
use maud::{Markup, html};
use serde_json::{Map, Value};

const KIND: &str = "guide";
/// Fields that are shown in a way of their own.
const OWN: [&str; 5] = ["title", "costLowPence", "costHighPence", "evidenceBasis", "emmie"];

pub(super) fn routes() -> Router<Site> {
    Router::new().route("/guides", get(list)).route("/guides/{ref}", get(one))
}

async fn list(State(site): State<Site>, visitor: Visitor, typed: Typed) -> Result<Response, Refusal> {
    let about = "What worked against a problem, here or at a neighbour, with what it costs and how well that is shown.";
    lists::list(&site, &visitor, super::writing::known(KIND)?, &typed, about, |page, _| rows(&page.items, true)).await
}

async fn one(
    State(site): State<Site>,
    visitor: Visitor,
    Path(reference): Path<String>,
    Query(query): Query<DoneQuery>,
) -> Result<Response, Refusal> {
    lists::one(&site, &visitor, KIND, reference, &query).await
}

/// What a guide says.
pub(super) fn says(fields: &Map<String, Value>) -> Markup {
    let described = kind::find(KIND);
    let texts = described.into_iter().flat_map(|kind| kind.fields).filter(|field| field.form == Form::Text);
    let texts: Vec<(&str, &str, &str)> =
        texts.filter_map(|field| Some((field.name, field.label, fields.get(field.name)?.as_str()?))).collect();
    let rest: Map<String, Value> = fields
        .iter()
        .filter(|(name, _)| !OWN.contains(&name.as_str()) && !texts.iter().any(|(text, ..)| text == name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    html! {
        (summary_list(&html! {
            @if let Some(basis) = fields.get("evidenceBasis").and_then(Value::as_str) { (row("Evidence", &evidence(basis))) }
            @if let Some(cost) = cost(fields) { (row("Cost", &html! { (cost) })) }
        }))
        @for (_, label, text) in &texts {
            h3 class="govuk-heading-s" { (label) }
            (prose(text))
        }
        (emmie(fields))
        @if !rest.is_empty() { (reading::fields(described, &rest)) }
    }
}

/// How well it is shown that something works, the strongest first.
fn evidence(basis: &str) -> Markup {
    let (words, colour) = match basis {
        "review" => ("A review of several studies", "green"),
        "evaluation" => ("One evaluation", "blue"),
        "practice" => ("Practice that nobody evaluated", "yellow"),
        "claim" => ("A claim", "orange"),
        other => return said(other),
    };
    tag(words, colour)
}

/// An amount in pounds.
fn pounds(pence: u64) -> String {
    let (pounds, rest) = (pence / 100, pence % 100);
    let digits = pounds.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    let whole = groups.join(",");
    if rest == 0 { format!("£{whole}") } else { format!("£{whole}.{rest:02}") }
}

fn cost(fields: &Map<String, Value>) -> Option<String> {
    let pence = |name: &str| fields.get(name).and_then(Value::as_u64);
    match (pence("costLowPence"), pence("costHighPence")) {
        (None, None) => None,
        (Some(low), Some(high)) if low == high => Some(pounds(low)),
        (Some(low), Some(high)) => Some(format!("{} to {}", pounds(low), pounds(high))),
        (Some(low), None) => Some(format!("{} or more", pounds(low))),
        (None, Some(high)) => Some(format!("Up to {}", pounds(high))),
    }
}

/// The ratings of the EMMIE scheme.
fn emmie(fields: &Map<String, Value>) -> Markup {
    let Some(Value::Array(ratings)) = fields.get("emmie") else { return html! {} };
    let text = |rating: &Value, name: &str| rating.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    html! {
        h3 class="govuk-heading-s" { "How well each side of it is known (EMMIE)" }
        table class="govuk-table csu-rows" {
            (table_head(&["Side", "Rating", "What it rests on"]))
            tbody class="govuk-table__body" {
                @for rating in ratings {
                    tr class="govuk-table__row" {
                        (cell("Side", &html! { (side(&text(rating, "dimension"))) }))
                        (cell("Rating", &grade(&text(rating, "rating"))))
                        (cell("What it rests on", &said(&text(rating, "note"))))
                    }
                }
            }
        }
    }
}

fn side(dimension: &str) -> Markup {
    match dimension {
        "effect" => html! { "Effect: does it work?" },
        "mechanism" => html! { "Mechanism: why does it work?" },
        "moderators" => html! { "Moderators: where does it work?" },
        "implementation" => html! { "Implementation: how is it done?" },
        "economics" => html! { "Economics: what does it cost?" },
        other => said(other),
    }
}

fn grade(rating: &str) -> Markup {
    let colour = match rating {
        "high" => "green",
        "moderate" => "blue",
        "low" => "yellow",
        _ => "grey",
    };
    let words = match rating {
        "none" => "No evidence",
        "low" => "Low",
        "moderate" => "Moderate",
        "high" => "High",
        other => other,
    };
    html! { @if !words.is_empty() { (tag(words, colour)) } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn money_is_shown_in_pounds_as_people_write_them() {
        assert_eq!([0, 5, 100, 123_456, 100_000_000].map(pounds), ["£0", "£0.05", "£1", "£1,234.56", "£1,000,000"]);
        let cost = |fields: Value| cost(fields.as_object().unwrap());
        assert_eq!(cost(json!({"costLowPence": 100, "costHighPence": 20000})).as_deref(), Some("£1 to £200"));
        assert_eq!(cost(json!({"costHighPence": 100})).as_deref(), Some("Up to £1"));
        assert_eq!(cost(json!({})), None);
    }

    #[test]
    fn a_guide_is_shown_whole_with_its_markdown_and_fields_of_a_newer_version() {
        let fields = json!({"title": "Gates", "problem": "**Alleys** <b>x</b>", "evidenceBasis": "review", "licence": "OGL-UK-3.0",
            "url": "javascript:alert(1)", "later": "new", "emmie": [{"dimension": "effect", "rating": "high", "note": "<i>"}]});
        let html = says(fields.as_object().unwrap()).into_string();
        for part in
            ["<strong>Alleys</strong> &lt;b&gt;", "A review of several studies", "OGL-UK-3.0", "new", "Effect: does it work?", "&lt;i&gt;"]
        {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(!html.contains("href=\"javascript"), "{html}");
    }
}
