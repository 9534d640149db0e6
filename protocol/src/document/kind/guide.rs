//! The guide: good practice, with what it costs and how well it is shown to work.
//!
//! EMMIE (effect, mechanism, moderators, implementation, economics) is the rating scheme of the What
//! Works Centre for Crime Reduction.

use super::{CLASSIFICATION, Field, Form, Kind, LAWFUL_BASIS, Means, PURPOSE, Parties, Side, State, Step, WITHDRAWN, withdraw};
use crate::document::marking::Marking;

/// The description.
pub(super) static GUIDE: Kind = Kind {
    name: "guide",
    label: "Guide",
    plural: "Guides",
    about: "Good practice: a problem, what works against it, how, at what cost and how well that is shown.",
    example: "title=\"Alley gates\" problem=\"Burglary from rear alleys\" summary=\"Lockable gates at both ends\" evidenceBasis=review",
    title: "title",
    fields: FIELDS,
    states: &[
        State { name: "draft", label: "Draft" },
        State { name: "published", label: "Published" },
        State { name: "retired", label: "Retired" },
        WITHDRAWN,
    ],
    steps: &[
        Step {
            verb: "publish",
            label: "Publish",
            past: "published",
            from: &["draft", "published"],
            to: "published",
            by: Side::Writer,
            means: Means::Revision,
            needs: &["title", "problem", "summary"],
        },
        Step {
            verb: "retire",
            label: "Retire",
            past: "retired",
            from: &["published"],
            to: "retired",
            by: Side::Owner,
            means: Means::Revision,
            needs: &[],
        },
        withdraw(&["published", "retired"]),
    ],
    default_marking: Marking::Green,
    review_months: 36,
    indexed: &["title", "problem", "summary", "mechanism", "moderators", "implementation"],
    facets: &[],
    parties: Parties::Any,
    sealed: None,
};

const FIELDS: &[Field] = &[
    Field::new("title", "Title", "What is done, in a few words.", Form::Line),
    Field::new("problem", "Problem", "The problem it answers, and where it was met.", Form::Text),
    Field::new("summary", "What works", "What was done and what came of it.", Form::Text),
    Field::new("mechanism", "Why it works", "How it brings its effect about.", Form::Text),
    Field::new("moderators", "Where it works", "Circumstances that help or hinder.", Form::Text),
    Field::new("implementation", "How to do it", "Steps, partners, and what can go wrong.", Form::Text),
    Field::new("costLowPence", "Lowest cost", "In pence.", Form::Number),
    Field::new("costHighPence", "Highest cost", "In pence.", Form::Number),
    Field::new(
        "evidenceBasis",
        "Evidence",
        "A review of studies, one evaluation, practice without evaluation, or a claim.",
        Form::Choice(&["review", "evaluation", "practice", "claim"]),
    ),
    Field::new("emmie", "EMMIE ratings", "How well each side of it is known.", Form::Records(EMMIE)),
    Field::new("url", "Web page", "Where the evidence can be read.", Form::Line),
    Field::new("licence", "Licence", "The terms for reuse, such as OGL-UK-3.0.", Form::Line),
    Field::new("language", "Language", "The language it is written in, such as en-GB.", Form::Line),
    PURPOSE,
    LAWFUL_BASIS,
    CLASSIFICATION,
];

const EMMIE: &[Field] = &[
    Field::new(
        "dimension",
        "Dimension",
        "Which side of it is rated.",
        Form::Choice(&["effect", "mechanism", "moderators", "implementation", "economics"]),
    ),
    Field::new("rating", "Rating", "How good the evidence is.", Form::Choice(&["none", "low", "moderate", "high"])),
    Field::new("note", "Note", "What the rating rests on.", Form::Line),
];
