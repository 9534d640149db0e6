//! What looks like personal data in a draft: each is moved to a sealed annex, or stays for a reason.

use super::super::super::Site;
use super::super::super::parts::problem_text;
use super::super::super::parts::{Ask, Choice, Errors, Typed, Weight, button, button_group, inset};
use super::super::super::refusal::Refusal;
use super::super::super::visitor::Visitor;
use super::super::reading;
use super::{Before, page};
use crate::desk::{DraftRequest, PersonalData};
use csu_protocol::document::kind;
use maud::{Markup, html};

/// That each was decided on.
const SORTED: &str = "sorted";
const MOVE: &str = "move";
const KEEP: &str = "keep";
/// As many as one refusal names.
const MOST: usize = 100;

/// Words that look like personal data, and where they were found first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    words: String,
    looks_like: String,
    field: String,
}

/// What was found, the same words once.
pub(super) fn distinct(findings: &[PersonalData]) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    for found in findings {
        if !all.iter().any(|known| known.words == found.words) {
            all.push(Found { words: found.words.clone(), looks_like: found.looks_like.to_string(), field: found.field.clone() });
        }
    }
    all
}

fn input(what: &str, at: usize) -> String {
    format!("{what}-{at}")
}

/// The same as the form said it.
pub(super) fn found_again(typed: &Typed) -> Vec<Found> {
    let said = (0..MOST).map_while(|at| {
        let words = typed.one(&input("words", at));
        let one = |what: &str| typed.one(&input(what, at)).to_owned();
        (!words.is_empty()).then(|| Found { words: words.to_owned(), looks_like: one("like"), field: one("field") })
    });
    said.collect()
}

/// Whether the form decides on each.
pub(super) fn is_sorted(typed: &Typed) -> bool {
    typed.says(SORTED, "yes")
}

/// A browser sends line ends of its own.
fn normal(words: &str) -> String {
    words.replace("\r\n", "\n")
}

/// Whether somebody decided that these words stay.
pub(super) fn was_kept(typed: &Typed, found: &PersonalData) -> bool {
    (0..MOST).any(|at| normal(typed.one(&input("words", at))) == found.words && typed.says(&input("found", at), KEEP))
}

/// The page that asks for each what becomes of it.
pub(super) fn show(site: &Site, visitor: &Visitor, before: &Before, found: &[Found], typed: &Typed, errors: &Errors) -> Markup {
    let choices = [
        Choice::new(MOVE, "Move it to a sealed annex").hint("A mark stands in its place. You choose later who may open the annex."),
        Choice::new(KEEP, "Leave it in: everybody who gets this may have it"),
    ];
    let title = "This looks like personal data";
    let content = html! {
        (inset(&html! {
            p class="govuk-body" {
                "Nothing has been shared yet. What you share stays in the history of everybody who gets it, so decide on each of these. "
                "The check finds shapes such as names behind a title, telephone numbers and plates: it can be wrong, and it can miss some."
            }
        }))
        form method="post" action=(before.action()) novalidate {
            input type="hidden" name=(SORTED) value="yes";
            @if typed.says("narrow", "yes") || before.narrows() { input type="hidden" name="narrow" value="yes"; }
            @for (at, found) in found.iter().enumerate() {
                input type="hidden" name=(input("words", at)) value=(found.words);
                input type="hidden" name=(input("like", at)) value=(found.looks_like);
                input type="hidden" name=(input("field", at)) value=(found.field);
                @let name = input("found", at);
                @let label = format!("“{}”", crate::cli::screen::visible(&found.words));
                @let hint = format!("Looks like {}, in: {}", found.looks_like, reading::label(Some(before.kind), &found.field));
                (Ask::new(&name, &label).hint(&hint).error(errors.of(&name)).radios(&choices, typed.one(&name)))
            }
            (Ask::new("why", "Why may the rest stay?").error(errors.of("why"))
                .hint("Needed if you leave something in. It stands in the access log for good, so name no person: “the shop's own number”, for instance.")
                .line(typed.one("why")))
            (button_group(&html! {
                (button(before.step.label, Weight::Main))
                a class="govuk-link" href={ "/documents/" (before.document.reference) "/edit/" (reading::first_page(before.kind.name)) } {
                    "Change the text instead"
                }
            }))
        }
    };
    page(site, visitor, before, title, errors, &content)
}

/// Does what was decided: moves words to the draft of an annex. The reason for what stays, if anything does; or what is wrong.
pub(super) async fn sort(
    site: &Site,
    visitor: &Visitor,
    before: &Before,
    typed: &Typed,
) -> Result<Result<Option<String>, Errors>, Refusal> {
    let (mut errors, mut moved, mut stays) = (Errors::default(), Vec::new(), false);
    for (at, found) in found_again(typed).into_iter().enumerate() {
        let name = input("found", at);
        match typed.one(&name) {
            MOVE => moved.push(normal(&found.words)),
            KEEP => stays = true,
            _ => errors.add(name, format!("Choose what becomes of “{}”", crate::cli::screen::visible(&found.words))),
        }
    }
    let reason = typed.filled("why").map(str::to_owned);
    if stays && reason.is_none() {
        errors.add("why", "Enter why the rest may stay");
    }
    if !errors.is_empty() {
        return Ok(Err(errors));
    }
    if !moved.is_empty() {
        let annex = kind::all().iter().find(|kind| kind.sealed.is_some()).map_or("annex", |kind| kind.name);
        let request = DraftRequest {
            kind: annex.to_owned(),
            of: Some(before.document.reference.clone()),
            move_words: moved,
            ..DraftRequest::default()
        };
        let actor = visitor.actor.clone();
        if let Err(problem) = site.desk.ask(move |desk| desk.draft(&actor, request)).await {
            errors.add("", problem_text(&problem));
            return Ok(Err(errors));
        }
    }
    Ok(Ok(reason.filter(|_| stays)))
}
