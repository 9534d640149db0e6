//! The bulletin: an incident or an alert.
//!
//! Fields bear the names of CAP 1.2 (OASIS, July 2010), so that export is a walk over them. What CAP
//! calls identifier, sender, sent, msgType and references is derived when exporting, never a field.
//! Grading is the 3x5x2 of the College of Policing's intelligence report. An expired bulletin is one
//! whose `expires` lies in the past: that is worked out when shown, never written.

use super::{
    CLASSIFICATION, Facet, FacetName, Field, Form, Kind, LAWFUL_BASIS, Matching, Means, PURPOSE, Parties, Side, State, Step, WITHDRAWN,
    withdraw,
};
use crate::document::marking::Marking;

/// The description.
pub(super) static BULLETIN: Kind = Kind {
    name: "bulletin",
    label: "Bulletin",
    plural: "Bulletins",
    about: "An incident or an alert that neighbours and the police should know of.",
    example: "headline=\"Bicycle thefts in Mill Road\" event=Theft category=Security severity=Minor urgency=Past certainty=Observed areaDesc=\"Mill Road\"",
    title: "info.headline",
    fields: FIELDS,
    states: &[
        State { name: "draft", label: "Draft" },
        State { name: "issued", label: "Issued" },
        State { name: "updated", label: "Updated" },
        State { name: "resolved", label: "Resolved" },
        WITHDRAWN,
    ],
    steps: &[
        Step {
            verb: "issue",
            label: "Issue",
            past: "issued",
            from: &["draft"],
            to: "issued",
            by: Side::Owner,
            means: Means::Revision,
            needs: NEEDS,
        },
        Step {
            verb: "update",
            label: "Update",
            past: "updated",
            from: &["issued", "updated"],
            to: "updated",
            by: Side::Writer,
            means: Means::Revision,
            needs: NEEDS,
        },
        Step {
            verb: "resolve",
            label: "Mark as resolved",
            past: "resolved",
            from: &["issued", "updated"],
            to: "resolved",
            by: Side::Writer,
            means: Means::Revision,
            needs: &[],
        },
        withdraw(&["issued", "updated", "resolved"]),
    ],
    default_marking: Marking::AmberStrict,
    review_months: 12,
    indexed: &[
        "info.headline",
        "info.event",
        "info.description",
        "info.instruction",
        "info.area.areaDesc",
        "policeCategory",
        "incidents",
        "note",
    ],
    facets: &[
        Facet { name: FacetName::Category, paths: &["policeCategory", "info.category"], matching: Matching::Whole },
        Facet { name: FacetName::Severity, paths: &["info.severity"], matching: Matching::AtLeast(SEVERITIES) },
        Facet { name: FacetName::Area, paths: &["info.area.areaDesc", "info.area.geocode.value"], matching: Matching::Words },
    ],
    parties: Parties::Any,
    sealed: None,
};

const NEEDS: &[&str] = &["info.headline", "info.category", "info.urgency", "info.severity", "info.certainty"];

/// From the lowest.
const SEVERITIES: &[&str] = &["Unknown", "Minor", "Moderate", "Severe", "Extreme"];

const FIELDS: &[Field] = &[
    Field::new("info", "What happened", "One block for each language, or for each part of the incident.", Form::Records(INFO)),
    Field::new(
        "policeCategory",
        "Police categories",
        "Slugs of data.police.uk such as bicycle-theft or burglary, or your own words.",
        Form::List(&Form::Line),
    ),
    Field::new(
        "status",
        "Status",
        "Actual for the real thing; Exercise and Test must never alarm anyone.",
        Form::Choice(&["Actual", "Exercise", "System", "Test", "Draft"]),
    ),
    Field::new(
        "scope",
        "Scope",
        "Public, Restricted (say to whom in the restriction) or Private (to the addresses).",
        Form::Choice(&["Public", "Restricted", "Private"]),
    ),
    Field::new("restriction", "Restriction", "Who may have it, if the scope is Restricted.", Form::Line),
    Field::new("addresses", "Addresses", "Whom it is for, if the scope is Private.", Form::List(&Form::Line)),
    Field::new("code", "Codes", "Codes that special handling needs.", Form::List(&Form::Line)).for_programs(),
    Field::new("source", "Source", "Who or what reported it, without naming a person.", Form::Line),
    Field::new("sourceGrade", "Source grade", "1 reliable, 2 untested, 3 not reliable.", Form::Choice(&["1", "2", "3"])),
    Field::new(
        "informationGrade",
        "Information grade",
        "A known directly, B known indirectly but corroborated, C known indirectly, D not known, E suspected false.",
        Form::Choice(&["A", "B", "C", "D", "E"]),
    ),
    Field::new("handling", "Handling code", "P lawful sharing permitted, C with conditions.", Form::Choice(&["P", "C"])),
    Field::new("handlingConditions", "Handling conditions", "The conditions, if the handling code is C.", Form::Line),
    Field::new("note", "Note", "What recipients should know about this bulletin itself.", Form::Text),
    Field::new("incidents", "Incidents", "References of related incidents, such as crime numbers.", Form::List(&Form::Line)),
    Field::new("origin", "Origin", "The alert that was imported: sender, identifier and time sent.", Form::Line).for_programs(),
    PURPOSE,
    LAWFUL_BASIS,
    CLASSIFICATION,
];

const INFO: &[Field] = &[
    Field::new("headline", "Headline", "What a reader sees first, in one short sentence.", Form::Line),
    Field::new("event", "Event", "The kind of event in a few words, such as: bicycle theft.", Form::Line),
    Field::new(
        "category",
        "Category",
        "Security for crime and order; Safety for danger to people in general.",
        Form::List(&Form::Choice(&[
            "Geo",
            "Met",
            "Safety",
            "Security",
            "Rescue",
            "Fire",
            "Health",
            "Env",
            "Transport",
            "Infra",
            "CBRNE",
            "Other",
        ])),
    ),
    Field::new("urgency", "Urgency", "How soon readers should act.", Form::Choice(&["Immediate", "Expected", "Future", "Past", "Unknown"])),
    Field::new(
        "severity",
        "Severity",
        "How great the threat to life or property is.",
        Form::Choice(&["Extreme", "Severe", "Moderate", "Minor", "Unknown"]),
    ),
    Field::new(
        "certainty",
        "Certainty",
        "Observed means that it happened or is happening.",
        Form::Choice(&["Observed", "Likely", "Possible", "Unlikely", "Unknown"]),
    ),
    Field::new("description", "Description", "What was done first, then several descriptions of who did it; no names.", Form::Text),
    Field::new("instruction", "Instruction", "What readers should do.", Form::Text),
    Field::new(
        "responseType",
        "Response",
        "The kind of action asked for.",
        Form::List(&Form::Choice(&["Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess", "AllClear", "None"])),
    ),
    Field::new("onset", "Onset", "When it began or is expected to begin.", Form::Time),
    Field::new("effective", "Effective", "From when this information holds.", Form::Time),
    Field::new("expires", "Expires", "After when this information no longer holds.", Form::Time),
    Field::new("audience", "Audience", "Whom it is meant for.", Form::Line),
    Field::new("language", "Language", "The language of this block, such as en-GB.", Form::Line).for_programs(),
    Field::new("senderName", "Sender's name", "The name that readers know the sender by.", Form::Line),
    Field::new("web", "Web page", "Where more can be read.", Form::Line),
    Field::new("contact", "Contact", "Whom to turn to; an office, not a person.", Form::Line),
    Field::new("area", "Area", "Where it is.", Form::Records(AREA)),
    Field::new("eventCode", "Event codes", "Codes for the event in other systems.", Form::Records(PAIR)),
    Field::new("parameter", "Parameters", "Values that other systems ask for.", Form::Records(PAIR)),
    Field::new("resource", "Resources", "Files that belong to it.", Form::Records(RESOURCE)),
];

const AREA: &[Field] = &[
    Field::new("areaDesc", "Area", "The place in words, at street level or wider.", Form::Line),
    Field::new(
        "polygon",
        "Polygons",
        "Points as latitude,longitude with spaces between, the last one equal to the first.",
        Form::List(&Form::Line),
    )
    .one_each_time()
    .for_programs(),
    Field::new("circle", "Circles", "Latitude,longitude, a space, and the radius in kilometres.", Form::List(&Form::Line))
        .for_programs()
        .one_each_time(),
    Field::new("geocode", "Codes", "Codes of wards or beats.", Form::Records(PAIR)),
    Field::new("altitude", "Altitude", "The lowest height in feet above sea level.", Form::Line),
    Field::new("ceiling", "Ceiling", "The greatest height in feet above sea level.", Form::Line),
];

const PAIR: &[Field] = &[
    Field::new("valueName", "Name", "The name of the code's system, such as GSS.", Form::Line),
    Field::new("value", "Value", "The code itself.", Form::Line),
];

const RESOURCE: &[Field] = &[
    Field::new("resourceDesc", "Description", "What the file shows.", Form::Line),
    Field::new("mimeType", "Media type", "Such as image/jpeg.", Form::Line).for_programs(),
    Field::new("size", "Size", "In bytes.", Form::Number),
    Field::new("uri", "Address", "Where the file is.", Form::Line),
    Field::new("digest", "Digest", "SHA-1 of the file in hexadecimal, as CAP asks.", Form::Line).for_programs(),
];
