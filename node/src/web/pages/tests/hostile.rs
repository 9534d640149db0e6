//! What neighbours and visitors wrote does nothing in a page.

use super::*;
use crate::desk::{DraftChange, DraftRequest};
use csu_protocol::document::{Field, Form, kind};
use serde_json::{Map, Value, json};

const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u{202e}javascript:alert(3)";

/// Every field of a kind, filled with what is hostile; choices and times cannot be.
fn filled(fields: &[Field]) -> Map<String, Value> {
    let value = |field: &Field| match field.form {
        Form::Text | Form::Line => Some(json!(HOSTILE)),
        Form::List(Form::Line) => Some(json!([HOSTILE, HOSTILE])),
        Form::Records(inner) => Some(json!([filled(inner), filled(inner)])),
        Form::List(_) | Form::Choice(_) | Form::Time | Form::Number => None,
    };
    fields.iter().filter_map(|field| Some((field.name.to_owned(), value(field)?))).collect()
}

fn harmless(address: &str, html: &str) {
    for bad in ["<script>alert", "<img", "\"'>", "href=\"javascript:", "href=\"data:"] {
        assert!(!html.contains(bad), "{address} holds {bad}: {html}");
    }
    // Only what can be edited holds the character itself; everywhere else it is seen.
    for part in html.split('<').filter(|part| !part.starts_with("textarea") && !part.starts_with("input")) {
        assert!(!part.contains('\u{202e}'), "{address} can be turned around: {part}");
    }
}

#[tokio::test]
async fn hostile_text_in_every_field_of_every_kind_is_shown_and_does_nothing() {
    let browser = Browser::open();
    for kind in kind::all().iter().filter(|kind| kind.sealed.is_none()) {
        let fields = filled(kind.fields);
        let request = DraftRequest { kind: kind.name.to_owned(), fields, ..DraftRequest::default() };
        let draft = browser.ask(move |desk| desk.draft(&Actor::named("<b>Asha</b>")?, request)).await;
        let home = format!("/documents/{}", draft.reference);
        let mut pages = vec![
            documents::address(kind.name, &draft.reference),
            format!("{home}/edit/sharing"),
            format!("{home}/edit/other"),
            format!("{home}/discard"),
        ];
        pages.extend(main_step(kind, kind.draft_state()).map(|step| format!("{home}/steps/{}", step.verb)));
        if kind.name == "bulletin" {
            for part in [
                "what",
                "descriptions",
                "place",
                "advice",
                "other?at=info[1]",
                "other?at=info[0].area[0].geocode[1]",
                "other?at=info[0].resource[0]",
            ] {
                pages.push(format!("{home}/edit/{part}"));
            }
            pages.push("/bulletins".to_owned());
        }
        for address in pages {
            let html = browser.page(&address).await;
            harmless(&address, &html);
        }
    }
}

#[tokio::test]
async fn hostile_text_that_was_shared_does_nothing_in_lists_history_and_responses() {
    let browser = Browser::open();
    let mut what = WHAT.to_vec();
    what[5].1 = HOSTILE;
    what[0].1 = HOSTILE;
    let reference = browser.issued(&what).await;
    let home = format!("/documents/{reference}");
    browser.sent(&format!("{home}/responses"), &[("remark", "comment"), ("text", HOSTILE)]).await;
    let again = reference.clone();
    let change = DraftChange { assign: vec![format!("web={HOSTILE}"), "web=javascript:alert(1)".to_owned()], ..DraftChange::default() };
    browser.ask(move |desk| desk.edit(&Actor::unnamed(), &again, change)).await;
    browser.sent(&format!("{home}/steps/update"), &[]).await;
    for address in [
        "/bulletins".to_owned(),
        format!("/bulletins/{reference}"),
        format!("{home}/history"),
        "/search?q=alert".to_owned(),
        format!("{home}/steps/withdraw"),
    ] {
        let html = browser.page(&address).await;
        harmless(&address, &html);
        assert!(html.contains("&lt;script&gt;"), "{address}: {html}");
    }
}

#[tokio::test]
async fn what_visitors_type_into_addresses_and_forms_comes_back_as_text() {
    let browser = Browser::open();
    let typed = crate::cli::client::segment(HOSTILE);
    for address in [
        format!("/search?q={typed}"),
        format!("/bulletins?q={typed}"),
        format!("/bulletins?state={typed}"),
        format!("/bulletins/{typed}"),
        format!("/bulletins?done={typed}"),
    ] {
        harmless(&address, &browser.get(&address).await.html);
    }
    let mut wrong: Vec<(&str, &str)> = WHAT.iter().map(|(name, _)| (*name, HOSTILE)).collect();
    wrong.extend([("info[0].category", HOSTILE), ("policeCategory", HOSTILE)]);
    let refused = browser.post("/bulletins/new", &wrong).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    harmless("/bulletins/new", &refused.html);
}

#[tokio::test]
async fn a_form_of_too_many_values_is_refused() {
    let browser = Browser::open();
    let many = vec![("x", "y"); 5001];
    let refused = browser.post("/bulletins/new", &many).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(refused.html.contains("at most 5000 values"), "{}", refused.html);
}

#[tokio::test]
async fn a_document_that_is_not_there_is_not_found_by_any_page_and_nothing_is_shown_without_signing_in() {
    let browser = Browser::open();
    for address in [
        "/bulletins/abcd12",
        "/documents/abcd12",
        "/documents/abcd12/open",
        "/documents/abcd12/history",
        "/documents/abcd12/edit/what",
        "/documents/abcd12/steps/issue",
        "/documents/abcd12/discard",
        "/documents/abcd12/responses",
        "/documents/abcd12/export/cap",
    ] {
        assert_eq!(browser.get(address).await.status, StatusCode::NOT_FOUND, "{address}");
    }
    let site = Site { desk: browser.desk.clone(), organisation: "Brixton".into() };
    let router = routes().with_state(site);
    for address in [
        "/bulletins",
        "/bulletins/new",
        "/bulletins/d1",
        "/documents/d1",
        "/documents/d1/open",
        "/documents/d1/history",
        "/search",
        "/documents/d1/edit/what",
        "/documents/d1/steps/issue",
    ] {
        for method in ["GET", "POST"] {
            let request = Request::builder().method(method).uri(address).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            let status = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status();
            assert!(status == StatusCode::FORBIDDEN || status == StatusCode::METHOD_NOT_ALLOWED, "{method} {address}: {status}");
        }
    }
}
