//! The pages over a real office, by forms alone: no script runs here.

mod hostile;
mod partners;
mod personal;
mod prose;
mod record;
mod sharing;
mod walks;

use super::*;
use crate::desk::{Actor, Desk, DeskHandle};
use crate::office::tests::office_that_knows;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use csu_protocol::id::OrganisationId;
use http_body_util::BodyExt;
use tower::ServiceExt;

/// A node's pages, and somebody who has signed in.
pub(super) struct Browser {
    router: Router,
    pub(super) desk: DeskHandle,
    pub(super) others: Vec<OrganisationId>,
}

/// What a browser was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Where it is sent on to.
    pub(super) to: Option<String>,
    pub(super) html: String,
}

impl Browser {
    /// Asha at Brixton's node, which knows the police and the council.
    pub(super) fn open() -> Self {
        Self::of("Asha", &["Police", "Council"])
    }

    /// Somebody at Brixton's node, which knows others of these names.
    pub(super) fn of(person: &str, names: &'static [&'static str]) -> Self {
        let (desk, mut jobs) = DeskHandle::channel(8);
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let (_folder, mut office, others) = office_that_knows(names);
            tell.send(others).unwrap();
            while let Some(job) = jobs.blocking_recv() {
                office.answer(job).unwrap();
                office.settle().unwrap();
            }
        });
        let others = told.recv().unwrap();
        let visitor = Visitor { actor: Actor::named(person).unwrap() };
        let site = Site { desk: desk.clone(), organisation: "Brixton".into() };
        Self { router: routes().with_state(site).layer(axum::Extension(visitor)), desk, others }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let to = response.headers().get(header::LOCATION).map(|to| to.to_str().unwrap().to_owned());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Answer { status, to, html: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub(super) async fn get(&self, address: &str) -> Answer {
        self.send(Request::get(address).body(Body::empty()).unwrap()).await
    }

    /// The page at an address, which must be there.
    pub(super) async fn page(&self, address: &str) -> String {
        let answer = self.get(address).await;
        assert_eq!(answer.status, StatusCode::OK, "{address}: {}", answer.html);
        sound(&answer.html);
        answer.html
    }

    pub(super) async fn post(&self, address: &str, form: &[(&str, &str)]) -> Answer {
        let answer = self.send(posting(address, form)).await;
        if answer.to.is_none() {
            sound(&answer.html);
        }
        answer
    }

    /// Posts a form that a file answers; its text.
    pub(super) async fn post_for_file(&self, address: &str, form: &[(&str, &str)]) -> String {
        let answer = self.send(posting(address, form)).await;
        assert_eq!(answer.status, StatusCode::OK, "{address}: {}", answer.html);
        answer.html
    }

    /// Posts a form that is taken, and where it leads.
    pub(super) async fn sent(&self, address: &str, form: &[(&str, &str)]) -> String {
        let answer = self.post(address, form).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{address}: {}", answer.html);
        answer.to.unwrap()
    }

    /// Asks the desk itself.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut dyn Desk) -> Result<T, crate::desk::Problem> + Send + 'static,
    ) -> T {
        self.desk.ask(question).await.unwrap()
    }
}

fn posting(address: &str, form: &[(&str, &str)]) -> Request<Body> {
    let encode = crate::cli::client::segment;
    let body: Vec<String> = form.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    let request = Request::post(address).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    request.body(Body::from(body.join("&"))).unwrap()
}

/// What holds of every page: one heading of the first level, a label for every input, no id twice, links of errors that lead
/// somewhere, nothing that the policy would refuse.
fn sound(html: &str) {
    let page = html.split_once("<body").map_or(html, |(_, body)| body);
    assert_eq!(page.matches("<h1").count(), 1, "{page}");
    let mut ids: Vec<&str> = attributes(page, " id=\"");
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "an id twice: {page}");
    let labelled = attributes(page, " for=\"");
    for tag in ["<input", "<textarea", "<select"] {
        for element in page.split(tag).skip(1).map(|rest| rest.split('>').next().unwrap()) {
            let hidden = element.contains("type=\"hidden\"");
            assert!(hidden || attributes(element, " id=\"").iter().all(|id| labelled.contains(id)), "no label: {element}");
        }
    }
    for anchor in attributes(page, "href=\"#") {
        assert!(ids.contains(&anchor), "an error leads nowhere: {anchor}");
    }
    for described in attributes(page, " aria-describedby=\"") {
        assert!(described.split(' ').all(|id| ids.contains(&id)), "described by nothing: {described}");
    }
    assert!(!page.contains(" style=") && !page.contains("<script") && !page.contains(" onclick="), "{page}");
}

fn attributes<'a>(html: &'a str, before: &str) -> Vec<&'a str> {
    html.split(before).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

/// The first page of a bulletin, filled.
pub(super) const WHAT: [(&str, &str); 9] = [
    ("behaviour", "Somebody cut the lock of a bicycle."),
    ("info[0].onset-day", "21"),
    ("info[0].onset-month", "11"),
    ("info[0].onset-year", "2026"),
    ("info[0].onset-time", "9:30pm"),
    ("info[0].headline", "Bicycle thefts in Mill Road"),
    ("info[0].event", "Bicycle theft"),
    ("info[0].category", "Security"),
    ("then", "continue"),
];

/// The page of how serious it is, filled.
pub(super) const ADVICE: [(&str, &str); 4] = [
    ("info[0].severity", "Minor"),
    ("info[0].urgency", "Past"),
    ("info[0].certainty", "Observed"),
    ("info[0].instruction", "Mark your bicycle."),
];

impl Browser {
    /// A bulletin that only the police read; its reference.
    pub(super) async fn issued(&self, what: &[(&str, &str)]) -> String {
        let draft = self.drafted(what).await;
        let to = self.sent(&format!("/documents/{draft}/steps/issue"), &[]).await;
        to.strip_prefix("/bulletins/").unwrap().split('?').next().unwrap().to_owned()
    }

    /// A draft that lacks nothing; its reference.
    pub(super) async fn drafted(&self, what: &[(&str, &str)]) -> String {
        let next = self.sent("/bulletins/new", what).await;
        let draft = next.strip_prefix("/documents/").unwrap().split('/').next().unwrap().to_owned();
        self.sent(&format!("/documents/{draft}/edit/advice"), &ADVICE).await;
        let police = self.others[0].to_string();
        self.sent(&format!("/documents/{draft}/edit/sharing"), &[("marking", "AMBER+STRICT"), ("to", &police)]).await;
        draft
    }
}
