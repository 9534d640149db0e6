//! The liaison note: a matter between exactly two organisations.
//!
//! Each side moves only its own steps: the owner sends and closes by revisions, the other side answers
//! by a signed response. The state shown is the highest of what either says.

use super::{CLASSIFICATION, Field, Form, Kind, LAWFUL_BASIS, Means, PURPOSE, Parties, Side, State, Step, WITHDRAWN, withdraw};
use crate::document::marking::Marking;

/// The description.
pub(super) static NOTE: Kind = Kind {
    name: "note",
    label: "Liaison note",
    plural: "Liaison notes",
    about: "A matter between a union and the police, or between two unions, with what is asked of whom.",
    example: "subject=\"Lighting behind the station\" text=\"Three reports this month\" asks[0].text=\"Ask the council for a repair\" asks[0].owner=\"Riverside CSU\"",
    title: "subject",
    fields: FIELDS,
    states: &[
        State { name: "draft", label: "Draft" },
        State { name: "sent", label: "Sent" },
        State { name: "answered", label: "Answered" },
        State { name: "closed", label: "Closed" },
        WITHDRAWN,
    ],
    steps: &[
        Step {
            verb: "send",
            label: "Send",
            past: "sent",
            from: &["draft", "sent"],
            to: "sent",
            by: Side::Owner,
            means: Means::Revision,
            needs: &["subject", "text"],
        },
        Step {
            verb: "answer",
            label: "Answer",
            past: "answered",
            from: &["sent", "answered"],
            to: "answered",
            by: Side::OtherReader,
            means: Means::Response,
            needs: &[],
        },
        Step {
            verb: "close",
            label: "Close",
            past: "closed",
            from: &["sent", "answered"],
            to: "closed",
            by: Side::Owner,
            means: Means::Revision,
            needs: &[],
        },
        withdraw(&["sent", "answered", "closed"]),
    ],
    default_marking: Marking::AmberStrict,
    review_months: 24,
    indexed: &["subject", "text", "asks.text"],
    facets: &[],
    parties: Parties::Two,
    sealed: None,
};

const FIELDS: &[Field] = &[
    Field::new("subject", "Subject", "The matter in a few words.", Form::Line),
    Field::new("text", "Text", "What the other side should know.", Form::Text),
    Field::new("asks", "Asks", "What is asked, of whom, by when.", Form::Records(ASKS)),
    Field::new(
        "victimConsent",
        "Victim's consent",
        "Whether the victim agreed to this being passed on.",
        Form::Choice(&["given", "refused", "not-applicable"]),
    ),
    Field::new("victimConsentDate", "Date of consent", "The day on which it was given, as 2026-11-22.", Form::Line),
    PURPOSE,
    LAWFUL_BASIS,
    CLASSIFICATION,
];

const ASKS: &[Field] = &[
    Field::new("text", "Ask", "What is asked for.", Form::Line),
    Field::new("owner", "Of whom", "The organisation that is asked.", Form::Line),
    Field::new("due", "Due", "By when.", Form::Time),
];
