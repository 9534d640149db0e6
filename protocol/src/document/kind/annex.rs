//! The annex: a sealed part of another document, for what names or describes a person.
//!
//! It is a document of its own, so that fewer may have it and it ends sooner. What was wrong in it is not revised, since what
//! a revision takes out stays in the history: it is erased, and another one is issued.

use super::{CLASSIFICATION, Field, Form, Kind, LAWFUL_BASIS, Means, PURPOSE, Parties, Sealed, Side, State, Step, WITHDRAWN, withdraw};
use crate::document::marking::Marking;

/// The description.
pub(super) static ANNEX: Kind = Kind {
    name: "annex",
    label: "Annex",
    plural: "Annexes",
    about: "A sealed part of another document: personal data, for fewer readers and a shorter time, opened for a reason.",
    example: "persons=\"Mr A Example\" vehicles=\"AB12 CDE\" purpose=\"to find the owner of the van\"",
    title: PART_OF,
    fields: FIELDS,
    states: &[State { name: "draft", label: "Draft" }, State { name: "issued", label: "Issued" }, WITHDRAWN],
    steps: &[
        Step {
            verb: "issue",
            label: "Issue",
            past: "issued",
            from: &["draft"],
            to: "issued",
            by: Side::Owner,
            means: Means::Revision,
            needs: &[],
        },
        withdraw(&["issued"]),
    ],
    default_marking: Marking::Red,
    review_months: 0,
    indexed: &[],
    facets: &[],
    parties: Parties::Any,
    sealed: Some(Sealed { part_of: PART_OF, mildest: Marking::AmberStrict, days: 28 }),
};

/// As Dublin Core calls it.
const PART_OF: &str = "isPartOf";

const FIELDS: &[Field] = &[
    Field::new(PART_OF, "Part of", "The id of the document that it belongs to; the node writes it.", Form::Line).for_programs(),
    Field::new("text", "Text", "What cannot be said in the document itself.", Form::Text),
    Field::new("persons", "Persons", "Names and descriptions of persons, each with its part in the matter.", Form::List(&Form::Line))
        .one_each_time(),
    Field::new("telephones", "Telephone numbers", "As they are dialled.", Form::List(&Form::Line)),
    Field::new("emails", "E-mail addresses", "As they are written to.", Form::List(&Form::Line)),
    Field::new("addresses", "Addresses", "Where somebody lives or works.", Form::List(&Form::Line)).one_each_time(),
    Field::new("vehicles", "Vehicles", "Registration marks, and what else tells a vehicle from others.", Form::List(&Form::Line)),
    PURPOSE,
    LAWFUL_BASIS,
    CLASSIFICATION,
];
