//! What somebody typed into a form, and what is wrong with it.

use super::super::refusal::Refusal;
use crate::desk::Problem;
use axum::extract::{Form, FromRequest, Request};
use maud::{Markup, html};

/// What a form says: values by name, in order, a name as often as it has values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::web) struct Typed(Vec<(String, String)>);

impl Typed {
    /// The value of this name, as it was typed; empty if there is none.
    pub(in crate::web) fn one(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The value of this name without space around it, unless it is empty.
    pub(in crate::web) fn filled(&self, name: &str) -> Option<&str> {
        Some(self.one(name).trim()).filter(|value| !value.is_empty())
    }

    /// Every value of this name: what was ticked.
    pub(in crate::web) fn every<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether the form says this.
    pub(in crate::web) fn says(&self, name: &str, value: &str) -> bool {
        self.every(name).any(|said| said == value)
    }

    /// The same with a further value.
    pub(in crate::web) fn put(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }
}

impl<S: Send + Sync> FromRequest<S> for Typed {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        match Form::<Vec<(String, String)>>::from_request(request, state).await {
            Ok(Form(values)) => Ok(Self(values)),
            Err(rejection) => {
                let status = rejection.status().as_u16();
                let (title, remedy) = match status {
                    413 => ("Too long", "go back, shorten what you typed, and send it again"),
                    _ => ("Cannot be taken", "go back and send the form again"),
                };
                Err(Problem::of_http(status, title, rejection.body_text(), remedy).into())
            }
        }
    }
}

/// What is wrong with a form: for each a message, and the name of the input that it is about, or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::web) struct Errors(Vec<(String, String)>);

impl Errors {
    /// Adds what is wrong with the input of this name; an empty name for the form as a whole.
    pub(in crate::web) fn add(&mut self, name: impl Into<String>, message: impl Into<String>) {
        self.0.push((name.into(), message.into()));
    }

    /// What is wrong with the input of this name.
    pub(in crate::web) fn of(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, message)| message.as_str())
    }

    /// Whether nothing is wrong.
    pub(in crate::web) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The title of the page: readers of screens hear first that something is wrong.
    pub(in crate::web) fn title(&self, title: &str) -> String {
        if self.is_empty() { title.to_owned() } else { format!("Error: {title}") }
    }

    /// All that is wrong at the top of the page, with links to the inputs; nothing if nothing is.
    pub(in crate::web) fn summary(&self) -> Markup {
        html! {
            @if !self.is_empty() {
                div class="govuk-error-summary" data-module="govuk-error-summary" {
                    div role="alert" {
                        h2 class="govuk-error-summary__title" { "There is a problem" }
                        div class="govuk-error-summary__body" {
                            ul class="govuk-list govuk-error-summary__list" {
                                @for (name, message) in &self.0 {
                                    li {
                                        @if name.is_empty() { (message) } @else { a href={ "#" (super::inputs::id_of(name)) } { (message) } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What a problem says to somebody at a browser: its remedy too, unless that is a command to type.
impl From<&Problem> for Errors {
    fn from(problem: &Problem) -> Self {
        let mut errors = Self::default();
        errors.add("", problem_text(problem));
        errors
    }
}

/// A problem as a sentence for somebody at a browser.
pub(in crate::web) fn problem_text(problem: &Problem) -> String {
    let mut detail = problem.detail().to_owned();
    if let Some(first) = detail.get(..1).map(str::to_uppercase) {
        detail.replace_range(..1, &first);
    }
    let remedy = problem.remedy();
    // Those are for the command line; the page itself shows what can be done.
    if remedy.contains("csu ") || remedy.contains("--") || remedy.contains('=') { detail } else { format!("{detail}: {remedy}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_not_told_to_somebody_at_a_browser() {
        let told = |remedy: &str| problem_text(&Problem::conflict("it is too late", remedy));
        assert_eq!(told("begin a new one"), "It is too late: begin a new one");
        assert_eq!(told("use `csu bulletin draft`"), "It is too late");
        assert_eq!(told("give --reason"), "It is too late");
    }

    #[test]
    fn an_error_leads_to_its_input_and_an_empty_name_to_none() {
        let mut errors = Errors::default();
        errors.add("info[0].headline", "Enter a <headline>");
        errors.add("", "Too long");
        let html = errors.summary().into_string();
        assert!(html.contains("href=\"#info-0-headline\"") && html.contains("Enter a &lt;headline&gt;"), "{html}");
        assert!(html.contains("<li>Too long</li>"), "{html}");
        assert_eq!(errors.title("Write"), "Error: Write");
    }
}
