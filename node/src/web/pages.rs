//! The pages, one module for each part of the site.

pub(super) mod accounts;
mod bulletins;
mod home;

use super::Site;
use super::layout::{Frame, Section, page};
use super::visitor::Visitor;
use axum::Router;
use axum::routing::get;
use maud::Markup;

pub(super) fn routes() -> Router<Site> {
    Router::new().route("/", get(home::home)).route("/bulletins", get(bulletins::list)).route("/bulletins/{ref}", get(bulletins::one))
}

impl Site {
    /// A page for somebody who has signed in.
    fn page(&self, visitor: &Visitor, section: Section, title: &str, body: &Markup) -> Markup {
        page(Frame { organisation: &self.organisation, person: visitor.actor.person() }, section, title, body)
    }
}
