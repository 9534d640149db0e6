//! `csu search`: documents by their words.

use super::args::SearchArgs;
use super::client::{Client, query};
use super::document::rows;
use super::failure::Failure;
use super::output::Output;
use super::screen::{columns, visible};
use crate::desk::{DocumentQuery, DocumentsPage};

/// Asks the node what the command says.
///
/// # Errors
/// When it refuses, or cannot be asked.
pub async fn search(args: SearchArgs, client: &Client, output: Output) -> Result<(), Failure> {
    let words = args.words.join(" ");
    let asked = DocumentQuery {
        search: Some(words.clone()),
        kind: args.kind,
        state: args.state,
        limit: args.limit,
        cursor: args.cursor,
        ..DocumentQuery::default()
    };
    let again = DocumentQuery { cursor: None, limit: None, ..asked.clone() };
    let answer = client.get(&format!("/documents{}", query(&asked))).await?;
    output.show(&answer, |page: DocumentsPage| render(&again, &page))
}

/// A page of what was found.
fn render(asked: &DocumentQuery, page: &DocumentsPage) -> String {
    if page.items.is_empty() && page.next.is_none() {
        return "Nothing was found. Every word must be there; burg* stands for all words that begin so. Drafts and annexes are not searched.\n"
            .to_owned();
    }
    let mut text = columns(&rows(page, |line| vec![line.kind.clone()], &["KIND"]));
    if let Some(next) = &page.next {
        let options = [("kind", &asked.kind), ("state", &asked.state)];
        let options = options.into_iter().filter_map(|(name, value)| Some(format!(" --{name} {}", visible(value.as_ref()?))));
        // In single quotes nothing means anything to a shell, but for themselves.
        let words = asked.search.as_deref().unwrap_or_default().replace('\'', r"'\''");
        text.push_str(&format!("\nMore: csu search '{}'{} --cursor {}\n", visible(&words), options.collect::<String>(), visible(next)));
    }
    text
}
