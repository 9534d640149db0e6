//! The module as its users see it, over the sample alerts in `tests/data/cap`.

mod refusals;
mod round_trip;

use super::*;
use serde_json::{Value, json};

const BRIXTON: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/cap/brixton-burglary.cap"));
const TWO_LANGUAGES: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/cap/two-languages.cap"));
const VERSION_1_1: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/cap/version-1.1.cap"));
const UPDATE: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/cap/update.cap"));
const SIGNED: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/cap/signed-with-extras.cap"));

fn foreign(bytes: &[u8]) -> Alert {
    read(bytes, &ReadOptions::foreign("sample.cap")).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(text: &str) -> (Place, Fault) {
    match read(text.as_bytes(), &ReadOptions::foreign("sample.cap")) {
        Err(CapError::Refused { place, fault }) => (place, fault),
        other => panic!("taken although it should be refused: {other:?}"),
    }
}

fn notices(alert: &Alert) -> Vec<(&str, &Notice)> {
    alert.warnings.iter().map(|warning| (warning.path.as_str(), &warning.notice)).collect()
}

fn at<'a>(alert: &'a Alert, pointer: &str) -> &'a Value {
    let (head, rest) = pointer.split_once('/').unwrap_or((pointer, ""));
    let value = alert.fields.get(head).unwrap_or(&Value::Null);
    if rest.is_empty() { value } else { value.pointer(&format!("/{rest}")).unwrap_or(&Value::Null) }
}

#[test]
fn every_field_of_an_alert_becomes_a_field_of_the_bulletin() {
    let alert = foreign(BRIXTON);
    assert_eq!(
        (alert.version, alert.msg_type, alert.status, alert.scope),
        (Version::V1_2, MsgType::Alert, Status::Exercise, Scope::Restricted)
    );
    assert_eq!((alert.sender.as_str(), alert.identifier.as_str()), ("warnings@brixton-csu.example", "2026-114"));
    assert_eq!(at(&alert, "incidents"), &json!(["autumn burglaries", "2026-98"]));
    assert_eq!(at(&alert, "info/0/responseType"), &json!(["Prepare", "Monitor"]));
    assert_eq!(at(&alert, "info/0/eventCode"), &json!([{"valueName": "data.police.uk", "value": "burglary"}]));
    assert_eq!(
        at(&alert, "info/0/description"),
        "Three ground-floor homes near Coldharbour Lane were entered\nthrough unlocked rear windows between 22:00 and 02:00.\n\n\
         Nobody was hurt. Bicycles & laptops were taken."
    );
    assert_eq!(at(&alert, "info/0/area/0/geocode/0/value"), "E05014098");
    assert_eq!(at(&alert, "origin"), "warnings@brixton-csu.example,2026-114,2026-11-22T18:00:00+00:00");
    assert_eq!(at(&alert, "code"), &Value::Null, "our own code is no field");
}

#[test]
fn what_cap_has_no_element_for_comes_back_from_parameters() {
    let alert = foreign(BRIXTON);
    assert_eq!(at(&alert, "policeCategory"), &json!(["burglary", "bicycle-theft"]));
    assert_eq!((at(&alert, "sourceGrade"), at(&alert, "informationGrade")), (&json!("2"), &json!("B")));
    assert_eq!(alert.marking.as_deref(), Some("GREEN"));
    assert_eq!(at(&alert, "info/0/parameter"), &json!([{"valueName": "homes entered", "value": "3"}]));
}

#[test]
fn the_contact_of_another_organisations_alert_is_left_out() {
    let alert = foreign(BRIXTON);
    assert_eq!(at(&alert, "info/0/contact"), &Value::Null);
    assert_eq!(notices(&alert), [("info[0]/contact", &Notice::ContactLeftOut)]);
    let own = read(BRIXTON, &ReadOptions::own_export("sample.cap")).unwrap();
    assert_eq!(at(&own, "info/0/contact"), "The union's office, open on Thursday evenings");
    assert_eq!((own.fields.get("origin"), own.warnings.len()), (None, 0));
}

#[test]
fn languages_areas_and_resources_are_all_read() {
    let alert = foreign(TWO_LANGUAGES);
    assert_eq!((at(&alert, "info/0/language"), at(&alert, "info/1/language")), (&json!("en-GB"), &json!("pt")));
    assert_eq!(at(&alert, "info/0/area/0/polygon").as_array().unwrap().len(), 2);
    assert_eq!(at(&alert, "info/1/area/0/circle"), &json!(["51.4620,-0.1140 0.3"]));
    assert_eq!((at(&alert, "info/0/area/0/altitude"), at(&alert, "info/0/area/0/ceiling")), (&json!("0"), &json!("400.5")));
    assert_eq!(at(&alert, "info/0/resource/0/size"), &json!(20480));
    assert_eq!(at(&alert, "info/1/description"), "O fumo segue para norte.\nFeche as janelas, por favor.");
    assert_eq!((at(&alert, "restriction"), at(&alert, "note")), (&Value::Null, &Value::Null), "empty elements are absent ones");
}

#[test]
fn line_breaks_of_html_become_newlines_and_other_markup_stays_text() {
    let alert = foreign(TWO_LANGUAGES);
    assert_eq!(at(&alert, "info/0/description"), "Smoke drifts north.\nWindows closed, please.");
    assert_eq!(notices(&alert), [("info[0]/description", &Notice::LineBreaks { count: 1 })]);
    let alert = foreign(SIGNED);
    assert_eq!(at(&alert, "info/0/description"), "Works on <b>Acre Lane</b>.");
    assert!(notices(&alert).contains(&("info[0]/description", &Notice::Markup)));
}

#[test]
fn the_forms_of_version_1_1_are_mapped() {
    let alert = foreign(VERSION_1_1);
    assert_eq!((alert.version, alert.sent.as_str()), (Version::V1_1, "2026-02-14T06:30:00+00:00"));
    assert_eq!(at(&alert, "info/0/certainty"), "Likely");
    assert_eq!(at(&alert, "info/0/onset"), "2026-02-14T07:00:00+00:00");
    assert_eq!(at(&alert, "info/0/resource/0/mimeType"), "application/octet-stream");
    let expected = [
        ("sent", &Notice::TimeRewritten),
        ("info[0]/certainty", &Notice::VeryLikely),
        ("info[0]/contact", &Notice::ContactLeftOut),
        ("info[0]/resource[0]", &Notice::MediaTypeAssumed),
    ];
    assert_eq!(notices(&alert), expected);
}

#[test]
fn an_update_tells_which_alerts_it_is_about() {
    let alert = foreign(UPDATE);
    assert_eq!(alert.msg_type, MsgType::Update);
    let names: Vec<String> = alert.references.iter().map(ToString::to_string).collect();
    let expected = [
        "warnings@brixton-csu.example,2026-114,2026-11-22T18:00:00+00:00",
        "warnings@brixton-csu.example,2026-114.1,2026-11-23T08:00:00+00:00",
    ];
    assert_eq!(names, expected);
    assert_eq!(foreign(BRIXTON).fields.get("origin").unwrap(), &names[0], "an update finds the bulletin by its origin");
    assert_eq!(at(&alert, "addresses"), &json!(["desk@police.example", "Clapham Park union"]));
}

#[test]
fn whatever_is_left_out_is_said() {
    let alert = foreign(SIGNED);
    let expected = [
        ("info[0]", &Notice::Attribute { name: "lang".into() }),
        ("info[0]", &Notice::UnknownElement { name: "mood".into() }),
        ("", &Notice::ForeignElement { name: "Signature".into(), signature: true }),
        ("info[0]/description", &Notice::Markup),
        ("info[0]/web", &Notice::UnusualAddress),
        ("info[0]/resource[0]/derefUri", &Notice::EmbeddedContentLeftOut),
        ("info[0]/area[0]", &Notice::CeilingWithoutAltitude),
    ];
    assert_eq!(notices(&alert), expected);
    assert_eq!(at(&alert, "info/0/resource/0"), &json!({"resourceDesc": "Plan", "mimeType": "text/plain"}));
}

#[test]
fn texts_that_may_hold_personal_data_are_pointed_out_without_repeating_them() {
    let text = String::from_utf8(BRIXTON.to_vec()).unwrap();
    let alert = foreign(text.replace("Nobody was hurt.", "Ask Mr Example on 07700 900123.").as_bytes());
    let found: Vec<_> = alert.warnings.iter().filter(|warning| matches!(warning.notice, Notice::PersonalData { .. })).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|warning| warning.path == "info[0]/description"));
    assert!(found.iter().all(|warning| !warning.to_string().contains("Example") && !warning.to_string().contains("07700")));
}

#[test]
fn parameters_in_our_name_space_that_fit_nowhere_are_left_out_and_said() {
    let text = String::from_utf8(BRIXTON.to_vec()).unwrap();
    let text = text.replace("csu:sourceGrade</valueName>\n      <value>2", "csu:sourceGrade</valueName>\n      <value>9");
    let text = text.replace("csu:informationGrade", "csu:nonsense").replace(">GREEN<", ">PURPLE<").replace("homes entered", "csu:origin");
    let alert = foreign(text.as_bytes());
    assert_eq!((at(&alert, "sourceGrade"), at(&alert, "informationGrade"), alert.marking.as_ref()), (&Value::Null, &Value::Null, None));
    assert_eq!(at(&alert, "info/0/parameter"), &Value::Null);
    assert_eq!(at(&alert, "origin"), "warnings@brixton-csu.example,2026-114,2026-11-22T18:00:00+00:00");
    assert_eq!(alert.warnings.iter().filter(|warning| matches!(warning.notice, Notice::OwnParameter { .. })).count(), 4);
}
