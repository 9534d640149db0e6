//! Words for people where a kind has codes of a standard, and better labels where a page asks in its own order.

/// What a choice means, by its field: codes of CAP 1.2, and the grades of an intelligence report.
const CHOICES: &[(&str, &str, &str)] = &[
    ("category", "Geo", "Geophysical, such as landslides"),
    ("category", "Met", "Weather and floods"),
    ("category", "Safety", "Safety of people in general"),
    ("category", "Security", "Security: crime and order"),
    ("category", "Rescue", "Rescue"),
    ("category", "Fire", "Fire"),
    ("category", "Health", "Health"),
    ("category", "Env", "Environment and pollution"),
    ("category", "Transport", "Transport"),
    ("category", "Infra", "Infrastructure and utilities"),
    ("category", "CBRNE", "Chemical, biological, radiological, nuclear or explosive"),
    ("category", "Other", "Something else"),
    ("sourceGrade", "1", "1: reliable"),
    ("sourceGrade", "2", "2: untested"),
    ("sourceGrade", "3", "3: not reliable"),
    ("informationGrade", "A", "A: known directly"),
    ("informationGrade", "B", "B: known indirectly, but corroborated"),
    ("informationGrade", "C", "C: known indirectly"),
    ("informationGrade", "D", "D: not known"),
    ("informationGrade", "E", "E: suspected to be false"),
    ("handling", "P", "P: lawful sharing permitted"),
    ("handling", "C", "C: lawful sharing permitted with conditions"),
    ("responseType", "AllClear", "All clear"),
    ("evidenceBasis", "review", "A review of studies"),
    ("evidenceBasis", "evaluation", "One evaluation"),
    ("evidenceBasis", "practice", "Practice without evaluation"),
    ("evidenceBasis", "claim", "A claim"),
];

/// What most people choose, which therefore comes first.
const FIRST: &[&str] = &["Security", "Safety"];

/// Labels that suit a page better than those of the kind, which stand beside each other.
const LABELS: &[(&str, &str)] = &[
    ("info[0].onset", "When it happened"),
    ("info[0].event", "Kind of event"),
    ("info[0].instruction", "What readers should do"),
    ("info[0].expires", "Until when this holds"),
    ("info[0].area[0].areaDesc", "Where it happened"),
];

/// A choice in words.
pub(super) fn choice<'a>(field: &str, value: &'a str) -> &'a str {
    CHOICES.iter().find(|(of, code, _)| *of == field && *code == value).map_or(value, |(_, _, words)| words)
}

/// Choices in the order of the form.
pub(super) fn in_order(choices: &'static [&'static str]) -> Vec<&'static str> {
    let is_first = |choice: &&&str| FIRST.contains(*choice);
    choices.iter().filter(is_first).rev().chain(choices.iter().filter(|choice| !is_first(choice))).copied().collect()
}

/// The label of a field on a page.
pub(super) fn label(path: &str, usual: &'static str) -> &'static str {
    LABELS.iter().find(|(of, _)| *of == path).map_or(usual, |(_, label)| label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use csu_protocol::document::{Form, kind};

    #[test]
    fn every_word_is_for_a_choice_that_some_kind_has() {
        let choices = |field: &csu_protocol::document::Field| match field.form {
            Form::Choice(choices) => choices,
            Form::List(Form::Choice(choices)) => *choices,
            Form::Text | Form::Line | Form::Time | Form::Number | Form::List(_) | Form::Records(_) => &[],
        };
        let has = |name: &str, value: &str| {
            let fields = kind::all().iter().flat_map(|kind| [kind.field(name), kind.field(&format!("info.{name}"))]).flatten();
            fields.into_iter().any(|field| choices(field).contains(&value))
        };
        for (field, value, _) in CHOICES {
            assert!(has(field, value), "{field} {value}");
        }
        assert_eq!(in_order(&["Geo", "Safety", "Security"]), ["Security", "Safety", "Geo"]);
    }

    #[test]
    fn every_label_is_for_a_field_of_the_bulletin() {
        let bulletin = kind::find("bulletin").unwrap();
        assert!(LABELS.iter().all(|(path, _)| bulletin.field(path).is_some()));
    }
}
