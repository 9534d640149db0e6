//! The registry of kinds as JSON, for forms and programs.

use csu_protocol::document::{Facet, Field, Form, Kind, Matching, Means, Sealed, Side, Splitting, State, Step};
use serde::Serialize;

/// One kind of document.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KindView {
    name: &'static str,
    label: &'static str,
    plural: &'static str,
    about: &'static str,
    example: &'static str,
    title: &'static str,
    fields: Vec<FieldView>,
    states: Vec<StateView>,
    steps: Vec<StepView>,
    default_marking: &'static str,
    indexed: &'static [&'static str],
    /// What lists of it can be narrowed by.
    facets: Vec<FacetView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sealed: Option<SealedView>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FacetView {
    name: &'static str,
    paths: &'static [&'static str],
    /// The values that can be asked for, from the lowest; those that stand higher are found as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_least: Option<&'static [&'static str]>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SealedView {
    part_of: &'static str,
    mildest_marking: &'static str,
    days: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FieldView {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    form: FormView,
    one_each_time: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase", tag = "type")]
enum FormView {
    Text,
    Line,
    Choice { choices: &'static [&'static str] },
    Time,
    Number,
    List { of: Box<FormView> },
    Records { fields: Vec<FieldView> },
}

#[derive(Debug, Serialize)]
struct StateView {
    name: &'static str,
    label: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StepView {
    verb: &'static str,
    label: &'static str,
    from: &'static [&'static str],
    to: &'static str,
    by: &'static str,
    means: &'static str,
    needs: &'static [&'static str],
}

impl From<&'static Kind> for KindView {
    fn from(kind: &'static Kind) -> Self {
        Self {
            name: kind.name,
            label: kind.label,
            plural: kind.plural,
            about: kind.about,
            example: kind.example,
            title: kind.title,
            fields: kind.fields.iter().map(FieldView::from).collect(),
            states: kind.states.iter().map(|State { name, label }| StateView { name, label }).collect(),
            steps: kind.steps.iter().map(StepView::from).collect(),
            default_marking: kind.default_marking.as_str(),
            indexed: kind.indexed,
            facets: kind.facets.iter().map(FacetView::from).collect(),
            sealed: kind.sealed.map(|Sealed { part_of, mildest, days }| SealedView { part_of, mildest_marking: mildest.as_str(), days }),
        }
    }
}

impl From<&'static Facet> for FacetView {
    fn from(facet: &'static Facet) -> Self {
        let at_least = if let Matching::AtLeast(order) = facet.matching { Some(order) } else { None };
        Self { name: facet.name.as_str(), paths: facet.paths, at_least }
    }
}

impl From<&'static Field> for FieldView {
    fn from(field: &'static Field) -> Self {
        Self {
            name: field.name,
            label: field.label,
            hint: field.hint,
            form: FormView::from(field.form),
            one_each_time: field.splitting == Splitting::Whole,
        }
    }
}

impl From<Form> for FormView {
    fn from(form: Form) -> Self {
        match form {
            Form::Text => Self::Text,
            Form::Line => Self::Line,
            Form::Choice(choices) => Self::Choice { choices },
            Form::Time => Self::Time,
            Form::Number => Self::Number,
            Form::List(of) => Self::List { of: Box::new(Self::from(*of)) },
            Form::Records(fields) => Self::Records { fields: fields.iter().map(FieldView::from).collect() },
        }
    }
}

impl From<&'static Step> for StepView {
    fn from(step: &'static Step) -> Self {
        Self {
            verb: step.verb,
            label: step.label,
            from: step.from,
            to: step.to,
            by: match step.by {
                Side::Owner => "owner",
                Side::Writer => "writer",
                Side::OtherReader => "otherReader",
            },
            means: match step.means {
                Means::Revision => "revision",
                Means::Response => "response",
                Means::Withdraw => "withdraw",
            },
            needs: step.needs,
        }
    }
}
