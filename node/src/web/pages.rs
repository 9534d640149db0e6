//! The pages, one module for each part of the site.

mod access;
pub(super) mod accounts;
mod bulletins;
mod circles;
mod documents;
mod guides;
mod history;
mod home;
mod liaison;
mod lists;
mod log;
mod pairing;
mod partners;
mod reading;
mod responding;
mod search;
mod shared;
mod steps;
mod words;
mod writing;

#[cfg(test)]
mod tests;

use super::Site;
use super::layout::{Frame, Section, page};
use super::visitor::Visitor;
use crate::cli::screen::visible;
use axum::Router;
use axum::routing::get;
use csu_protocol::document::{Kind, Means, Step};
use maud::Markup;
use serde::Deserialize;

pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/search", get(search::search))
        .route("/bulletins", get(bulletins::list))
        .route("/bulletins/new", get(writing::new_bulletin).post(writing::begin_bulletin))
        .route("/bulletins/{ref}", get(bulletins::one))
        .route("/documents/new/{kind}", get(writing::new).post(writing::begin))
        .route("/documents/{ref}", get(documents::one))
        .route("/documents/{ref}/open", get(documents::ask_why).post(documents::open))
        .route("/documents/{ref}/export/{format}", get(documents::export))
        .route("/documents/{ref}/history", get(history::history))
        .route("/documents/{ref}/responses", get(responding::form).post(responding::respond))
        .route("/documents/{ref}/edit/{sheet}", get(writing::edit).post(writing::save))
        .route("/documents/{ref}/discard", get(documents::ask_discard).post(documents::discard))
        .route("/documents/{ref}/steps/{verb}", get(steps::ask).post(steps::take))
        .merge(home::routes())
        .merge(partners::routes())
        .merge(access::routes())
        .merge(circles::routes())
        .merge(log::routes())
        .merge(guides::routes())
        .merge(liaison::routes())
}

impl Site {
    /// A page for somebody who has signed in. Its title may be a document's.
    fn page(&self, visitor: &Visitor, section: Section, title: &str, body: &Markup) -> Markup {
        page(Frame { organisation: &self.organisation, person: visitor.actor.person() }, section, &visible(title), body)
    }
}

/// Where documents of a kind are listed: the part of the site, and its address.
const fn section_of(kind: &str) -> (Section, &'static str) {
    match kind.as_bytes() {
        b"bulletin" => (Section::Bulletins, "/bulletins"),
        b"guide" => (Section::Guides, "/guides"),
        b"note" => (Section::Liaison, "/liaison"),
        _ => (Section::Elsewhere, "/"),
    }
}

/// The step that shares what a draft says, from a state.
fn main_step(kind: &'static Kind, state: &str) -> Option<&'static Step> {
    kind.steps_from(state).find(|step| step.means == Means::Revision)
}

/// What was done before a page was shown: a word that the page knows a sentence for.
#[derive(Debug, Default, Deserialize)]
struct Done {
    #[serde(default)]
    done: Option<String>,
}

impl Done {
    fn what(&self) -> &str {
        self.done.as_deref().unwrap_or_default()
    }
}
