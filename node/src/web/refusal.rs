//! Every refusal is a page that says what to do next.

use super::layout::{Frame, Section, page};
use super::parts::said;
use crate::desk::Problem;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::html;

/// A problem on its way to whoever looks.
#[derive(Debug)]
pub(super) struct Refusal(Problem);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        bare(&self.0)
    }
}

/// A page about a problem, without a navigation: whoever looks may be nobody.
pub(super) fn bare(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = html! {
        h1 class="govuk-heading-l" { (problem.title()) }
        p class="govuk-body" { (said(problem.detail())) }
        p class="govuk-body" { "What to do: " (said(problem.remedy())) }
        p class="govuk-body" { a class="govuk-link" href="/" { "Go to the first page" } }
    };
    let frame = Frame { organisation: "CSU Link", person: None };
    (status, page(frame, Section::Elsewhere, problem.title(), &body)).into_response()
}
