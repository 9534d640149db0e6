//! `csu KIND list`: what the list can be narrowed by, as the kind's description says.

use super::client::{Client, query};
use super::document::rows;
use super::failure::Failure;
use super::output::Output;
use super::screen::{columns, visible};
use crate::desk::{DocumentQuery, DocumentsPage, Moment};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use csu_protocol::document::{FacetName, Kind, Matching};

/// Adds the arguments with which a list is narrowed.
pub(super) fn narrowing(kind: &'static Kind, command: Command) -> Command {
    let option = |name: &'static str, value: &'static str, help: String| Arg::new(name).long(name).value_name(value).help(help);
    let states: Vec<&str> = kind.states.iter().map(|state| state.name).collect();
    let mut command = command.arg(option("state", "STATE", "In this state only".to_owned()).value_parser(states));
    for facet in kind.facets {
        let name = facet.name.as_str();
        command = command.arg(match facet.matching {
            Matching::Whole => option(name, "NAME", format!("Of this {name} only")),
            Matching::AtLeast(order) => {
                option(name, "LEVEL", format!("At least of this {name}")).value_parser(PossibleValuesParser::new(order)).ignore_case(true)
            }
            Matching::Words => option(name, "WORDS", format!("With all these words in its {name}, or a code")),
        });
    }
    command
        .arg(option("from", "WHO", "Of this organisation only".to_owned()))
        .arg(option("since", "TIME", "That changed since, as 2026-11-22T18:00:00+00:00".to_owned()).value_parser(value_parser!(Moment)))
        .arg(Arg::new("unread").long("unread").action(ArgAction::SetTrue).help("That nobody here has looked at since they changed"))
        .arg(Arg::new("count").long("count").action(ArgAction::SetTrue).help("Say how many there are"))
        .arg(
            option("limit", "N", "At most this many".to_owned())
                .value_parser(value_parser!(u32).range(1..=i64::from(DocumentQuery::MAX_LIMIT))),
        )
        .arg(option("cursor", "CURSOR", "Where the page before ended".to_owned()))
}

fn asked(kind: &Kind, matches: &ArgMatches) -> DocumentQuery {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let facet = |name: FacetName| kind.facet(name).and_then(|facet| text(facet.name.as_str()));
    let flag = |name: &str| matches.get_flag(name).then_some(true);
    DocumentQuery {
        kind: Some(kind.name.to_owned()),
        state: text("state"),
        search: None,
        category: facet(FacetName::Category),
        severity: facet(FacetName::Severity),
        area: facet(FacetName::Area),
        from: text("from"),
        since: matches.get_one::<Moment>("since").copied(),
        unread: flag("unread"),
        count: flag("count"),
        limit: matches.get_one::<u32>("limit").copied(),
        cursor: text("cursor"),
    }
}

/// Lists what the arguments ask for.
///
/// # Errors
/// When the node refuses, or cannot be asked.
pub(super) async fn run(kind: &Kind, matches: &ArgMatches, client: &Client, output: Output) -> Result<(), Failure> {
    let asked = asked(kind, matches);
    let answer = client.get(&format!("/documents{}", query(&asked))).await?;
    output.show(&answer, |page: DocumentsPage| render(kind, &asked, &page))
}

/// A page of a list.
fn render(kind: &Kind, asked: &DocumentQuery, page: &DocumentsPage) -> String {
    let options = narrowed(asked);
    if page.items.is_empty() && page.next.is_none() {
        let plural = kind.plural.to_lowercase();
        return match options.is_empty() {
            true => format!("No {plural} here. Begin one with `csu {} draft`.\n", kind.name),
            false => format!("No {plural} are like that. Leave something out: `csu {} list`.\n", kind.name),
        };
    }
    let mut text = columns(&rows(page, |_| Vec::new(), &[]));
    if let Some(count) = page.count {
        text.push_str(&format!("\nIn all: {count}\n"));
    }
    if let Some(next) = &page.next {
        text.push_str(&format!("\nMore: csu {} list{options} --cursor {}\n", kind.name, visible(next)));
    }
    text
}

/// The options that say the same again.
fn narrowed(asked: &DocumentQuery) -> String {
    let since = asked.since.map(|since| since.to_string());
    let options = [
        ("state", &asked.state),
        ("category", &asked.category),
        ("severity", &asked.severity),
        ("area", &asked.area),
        ("from", &asked.from),
        ("since", &since),
    ];
    let mut text = String::new();
    for (name, value) in options {
        if let Some(value) = value {
            // In single quotes nothing means anything to a shell, but for themselves.
            text.push_str(&format!(" --{name} '{}'", visible(&value.replace('\'', r"'\''"))));
        }
    }
    if asked.unread == Some(true) {
        text.push_str(" --unread");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::Count;
    use csu_protocol::document::kind;

    #[test]
    fn an_empty_list_says_how_to_begin_and_one_that_was_narrowed_how_to_widen_it() {
        let guide = kind::find("guide").unwrap();
        let text = render(guide, &DocumentQuery::default(), &DocumentsPage::default());
        assert!(text.contains("csu guide draft"), "{text}");
        let asked = DocumentQuery { from: Some("Hill".to_owned()), ..DocumentQuery::default() };
        let text = render(guide, &asked, &DocumentsPage::default());
        assert!(text.contains("Leave something out") && !text.contains("draft"), "{text}");
    }

    #[test]
    fn the_next_page_is_asked_for_with_the_same_words_and_no_quote_ends_them() {
        let asked = DocumentQuery { area: Some("St Mary's".to_owned()), unread: Some(true), ..DocumentQuery::default() };
        let page =
            DocumentsPage { next: Some("7.aa".to_owned()), count: Some(Count { documents: 1000, more: true }), ..Default::default() };
        let text = render(kind::find("bulletin").unwrap(), &asked, &page);
        assert!(text.contains(r"list --area 'St Mary'\''s' --unread --cursor 7.aa"), "{text}");
        assert!(text.contains("In all: more than 1000"), "{text}");
    }

    #[test]
    fn a_list_can_be_narrowed_by_what_its_kind_says_and_by_nothing_else() {
        let parse = |kind: &str, arguments: &[&str]| {
            let command = narrowing(kind::find(kind).unwrap(), Command::new("list"));
            command.try_get_matches_from([&["list"], arguments].concat()).map(|matches| asked(kind::find(kind).unwrap(), &matches))
        };
        let query = parse("bulletin", &["--severity", "severe", "--category", "burglary", "--area", "mill road", "--count"]).unwrap();
        assert_eq!(
            (query.severity.as_deref(), query.category.as_deref(), query.area.as_deref()),
            (Some("severe"), Some("burglary"), Some("mill road"))
        );
        assert_eq!((query.count, query.unread), (Some(true), None));
        parse("bulletin", &["--severity", "terrible"]).unwrap_err();
        parse("guide", &["--severity", "Severe"]).unwrap_err();
        parse("guide", &["--from", "Hill"]).unwrap();
    }
}
