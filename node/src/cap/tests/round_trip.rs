//! What is written is valid, and reading it gives the same fields.

use super::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::Map;

const SENT: &str = "2026-11-22T18:00:00+00:00";

fn export<'a>(fields: &'a Map<String, Value>, marking: Option<&'a str>) -> Export<'a> {
    Export {
        identifier: "2026-114",
        sender: "warnings@brixton-csu.example",
        sent: SENT,
        msg_type: MsgType::Alert,
        references: Vec::new(),
        note: None,
        marking,
        fields,
    }
}

fn own(text: &str) -> Alert {
    read(text.as_bytes(), &ReadOptions::own_export("export.cap")).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn least() -> Map<String, Value> {
    object(
        json!({"info": [{"category": ["Security"], "event": "Burglary", "urgency": "Past", "severity": "Minor", "certainty": "Observed"}]}),
    )
}

fn faults(error: CapError) -> Vec<String> {
    match error {
        CapError::Unwritable(faults) => faults.into_iter().map(|fault| fault.path).collect(),
        other => panic!("{other}"),
    }
}

#[test]
fn an_imported_alert_is_written_as_it_was_read() {
    for bytes in [BRIXTON, TWO_LANGUAGES, VERSION_1_1] {
        let alert = foreign(bytes);
        let text = write(&export(&alert.fields, alert.marking.as_deref())).unwrap();
        let again = own(&text);
        assert_eq!(again.fields, alert.fields);
        assert_eq!(again.marking, alert.marking);
    }
}

#[test]
fn an_update_and_a_cancellation_name_what_they_supersede() {
    let fields = least();
    let reference = Reference::new("warnings@brixton-csu.example", "2026-113", "2026-11-21T18:00:00-00:00").unwrap();
    for msg_type in [MsgType::Update, MsgType::Cancel] {
        let mut update = Export { msg_type, note: Some("Wider area <so far>"), ..export(&fields, None) };
        assert_eq!(faults(write(&update).unwrap_err()), ["references"]);
        update.references.push(reference.clone());
        let alert = own(&write(&update).unwrap());
        assert_eq!((alert.msg_type, &alert.references), (msg_type, &vec![reference.clone()]));
        assert_eq!(at(&alert, "note"), "Wider area <so far>");
    }
    let empty = Map::new();
    let cancel = Export { msg_type: MsgType::Cancel, references: vec![reference], ..export(&empty, None) };
    assert_eq!(at(&own(&write(&cancel).unwrap()), "info"), &Value::Null);
}

#[test]
fn the_scope_follows_the_marking_unless_the_bulletin_has_one() {
    let fields = least();
    assert_eq!(own(&write(&export(&fields, None)).unwrap()).scope, Scope::Public);
    assert_eq!(own(&write(&export(&fields, Some("CLEAR"))).unwrap()).scope, Scope::Public);
    let amber = own(&write(&export(&fields, Some("AMBER+STRICT"))).unwrap());
    assert_eq!((amber.scope, at(&amber, "restriction")), (Scope::Restricted, &json!("TLP:AMBER+STRICT")));
    assert_eq!(amber.status, Status::Actual);
}

#[test]
fn a_bulletin_that_cannot_be_an_alert_is_refused_with_every_reason() {
    let fields = object(json!({
        "scope": "Restricted", "sourceGrade": "7", "colour": "red", "addresses": ["a \"b\""], "code": "one", "identifier": "mine",
        "info": [{
            "event": " ", "category": [""], "severity": "Dire", "urgency": "Past", "web": "www.example.org", "expires": "2026-11-22T18:00:00Z",
            "description": "bell\u{7}", "parameter": [{"valueName": "csu:marking", "value": "RED"}],
            "resource": [{"resourceDesc": "Map", "size": "big", "derefUri": "AAAA"}],
            "area": [{"polygon": ["1,1 2,2 3,3 4,4"], "ceiling": "1"}, "ward"]
        }]
    }));
    let error = write(&export(&fields, Some("PURPLE"))).unwrap_err();
    let message = error.to_string();
    let mut found = faults(error);
    found.sort();
    let expected = [
        "addresses",
        "code",
        "colour",
        "identifier",
        "info[0]/area[0]",
        "info[0]/area[0]/areaDesc",
        "info[0]/area[0]/polygon",
        "info[0]/area[1]",
        "info[0]/category",
        "info[0]/certainty",
        "info[0]/description",
        "info[0]/event",
        "info[0]/expires",
        "info[0]/parameter[0]",
        "info[0]/resource[0]/derefUri",
        "info[0]/resource[0]/mimeType",
        "info[0]/resource[0]/size",
        "info[0]/severity",
        "info[0]/web",
        "marking",
        "restriction",
        "sourceGrade",
    ];
    assert_eq!(found, expected, "{message}");
    assert!(message.contains("info[0]/certainty: certainty is missing: choose how sure it is"), "{message}");
    assert_eq!(faults(write(&export(&Map::new(), None)).unwrap_err()), ["info"]);
}

#[test]
fn what_is_derived_is_checked_too() {
    let fields = least();
    let bad = Export { identifier: "a b", sender: "", sent: "2026-11-22T18:00:00Z", ..export(&fields, None) };
    let mut found = faults(write(&bad).unwrap_err());
    found.sort();
    assert_eq!(found, ["identifier", "sender", "sent"]);
}

/// Words of a line as a draft may hold them: folded, with characters that XML and CAP treat specially.
fn line() -> impl Strategy<Value = String> {
    vec("[A-Za-z0-9<>&'\"/é£–,;:.%#+-]{1,12}", 1..6).prop_map(|words| words.join(" "))
}

fn unquoted() -> impl Strategy<Value = String> {
    vec("[A-Za-z0-9<>&'é£–,;:.-]{1,12}", 1..4).prop_map(|words| words.join(" "))
}

fn text() -> impl Strategy<Value = String> {
    vec(option::weighted(0.8, line()), 1..6).prop_map(|lines| {
        let text: Vec<String> = lines.into_iter().map(Option::unwrap_or_default).collect();
        let text = text.join("\n").trim().to_owned();
        if text.is_empty() { "<br/>]]>".to_owned() } else { text }
    })
}

fn time() -> impl Strategy<Value = String> {
    (1970..2100u16, 1..13u8, 1..29u8, 0..24u8, 0..60u8, 0..60u8, select(vec!["+00:00", "+01:00", "-05:30", "+14:00"]))
        .prop_map(|(y, mo, d, h, mi, s, offset)| format!("{y}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}{offset}"))
}

fn point() -> impl Strategy<Value = String> {
    (-90_000..=90_000i32, -180_000..=180_000i32).prop_map(|(lat, lon)| format!("{:.3},{:.3}", f64::from(lat) / 1e3, f64::from(lon) / 1e3))
}

fn polygon() -> impl Strategy<Value = String> {
    vec(point(), 3..9).prop_map(|points| format!("{} {}", points.join(" "), points[0]))
}

fn choice(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(words).prop_map(str::to_owned)
}

type Field = BoxedStrategy<(String, Option<Value>)>;

/// A field that may be set.
fn maybe<T: Into<Value> + std::fmt::Debug + 'static>(name: &'static str, value: impl Strategy<Value = T> + 'static) -> Field {
    option::of(value).prop_map(move |value| (name.to_owned(), value.map(Into::into))).boxed()
}

fn set<T: Into<Value> + std::fmt::Debug + 'static>(name: &'static str, value: impl Strategy<Value = T> + 'static) -> Field {
    value.prop_map(move |value| (name.to_owned(), Some(value.into()))).boxed()
}

fn record(fields: Vec<Field>) -> impl Strategy<Value = Map<String, Value>> {
    fields.prop_map(|fields| fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}

fn pair() -> impl Strategy<Value = Map<String, Value>> {
    let name = line().prop_filter("our own prefix is ours", |name| !name.starts_with(PARAMETER_PREFIX));
    record(vec![set("valueName", name), maybe("value", line())])
}

fn uri() -> impl Strategy<Value = String> {
    "https://[a-z]{1,9}\\.example/[a-z0-9/%?&=+-]{0,20}".prop_map(|uri| uri.replace('%', "%2F"))
}

fn area() -> impl Strategy<Value = Map<String, Value>> {
    (
        record(vec![
            set("areaDesc", line()),
            maybe("polygon", vec(polygon(), 1..3)),
            maybe(
                "circle",
                vec((point(), 0..5000u32).prop_map(|(point, radius)| format!("{point} {}.{}", radius / 10, radius % 10)), 1..3),
            ),
            maybe("geocode", vec(pair(), 1..3)),
        ]),
        option::of((-100..9000i32, option::of(0..9000i32))),
    )
        .prop_map(|(mut fields, heights)| {
            if let Some((altitude, ceiling)) = heights {
                fields.insert("altitude".into(), altitude.to_string().into());
                fields.extend(ceiling.map(|ceiling| ("ceiling".to_owned(), ceiling.to_string().into())));
            }
            fields
        })
}

fn info() -> impl Strategy<Value = Map<String, Value>> {
    let resource = record(vec![
        set("resourceDesc", line()),
        set("mimeType", Just("image/png".to_owned())),
        maybe("size", 0..u64::from(u32::MAX)),
        maybe("uri", uri()),
        maybe("digest", "[0-9a-f]{40}"),
    ]);
    record(vec![
        maybe("language", "[a-z]{2}(-[A-Z]{2})?"),
        set("category", subsequence(vec!["Geo".to_owned(), "Safety".into(), "Security".into(), "CBRNE".into()], 1..4)),
        set("event", line()),
        maybe("responseType", subsequence(vec!["Avoid".to_owned(), "Monitor".into(), "AllClear".into()], 1..3)),
        set("urgency", choice(&["Immediate", "Past"])),
        set("severity", choice(&["Extreme", "Unknown"])),
        set("certainty", choice(&["Observed", "Unlikely"])),
        maybe("audience", line()),
        maybe("eventCode", vec(pair(), 1..3)),
        maybe("effective", time()),
        maybe("onset", time()),
        maybe("expires", time()),
        maybe("senderName", line()),
        maybe("headline", line()),
        maybe("description", text()),
        maybe("instruction", text()),
        maybe("web", uri()),
        maybe("contact", line()),
        maybe("parameter", vec(pair(), 1..3)),
        maybe("resource", vec(resource, 1..3)),
        maybe("area", vec(area(), 1..3)),
    ])
}

fn bulletin() -> impl Strategy<Value = Map<String, Value>> {
    record(vec![
        set("status", choice(Status::WORDS)),
        set("scope", choice(Scope::WORDS)),
        set("restriction", line()),
        set("addresses", vec(unquoted(), 1..4)),
        maybe("code", vec(line(), 1..3)),
        maybe("source", line()),
        maybe("note", text()),
        maybe("incidents", vec(unquoted(), 1..4)),
        maybe("origin", Just(format!("a@example.org,1,{SENT}"))),
        maybe("policeCategory", vec(line(), 1..4)),
        maybe("sourceGrade", choice(&["1", "3"])),
        maybe("informationGrade", choice(&["A", "E"])),
        maybe("handling", choice(&["P", "C"])),
        maybe("handlingConditions", line()),
        maybe("purpose", line()),
        maybe("lawfulBasis", line()),
        maybe("classification", choice(&["OFFICIAL", "OFFICIAL-SENSITIVE"])),
        set("info", vec(info(), 1..3)),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_what_was_written_gives_equal_fields(fields in bulletin(), marking in option::of(choice(&["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"]))) {
        let written = write(&export(&fields, marking.as_deref()));
        let text = written.map_err(|error| TestCaseError::fail(error.to_string()))?;
        let alert = own(&text);
        prop_assert_eq!(&alert.fields, &fields, "{}", text);
        prop_assert_eq!((alert.marking, alert.warnings), (marking, Vec::new()));
        // Another organisation can read it as well.
        prop_assert!(read(text.as_bytes(), &ReadOptions::foreign("export.cap")).is_ok());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        let _outcome = read(&bytes, &ReadOptions::foreign("bytes"));
    }

    #[test]
    fn any_markup_is_read_or_refused(parts in vec(select(vec!["<alert xmlns='urn:oasis:names:tc:emergency:cap:1.2'>", "<info>", "</info>", "<note>", "</note>", "&#x", "&amp;", ";", "<!--", "-->", "<![CDATA[", "]]>", "<?", "?>", "<!DOCTYPE", "[", "]", ">", "<", "/", "'", "\"", "=", " ", "é", "\u{feff}", "<a:b", "xmlns:a", "x"]), 0..40)) {
        let _outcome = read(parts.concat().as_bytes(), &ReadOptions::foreign("markup"));
    }

    #[test]
    fn a_damaged_alert_is_read_or_refused(which in 0..5usize, damage in vec((any::<prop::sample::Index>(), any::<u8>(), 0..20u8), 1..6)) {
        let mut bytes = [BRIXTON, TWO_LANGUAGES, VERSION_1_1, UPDATE, SIGNED][which].to_vec();
        for (place, byte, how) in damage {
            let place = place.index(bytes.len());
            match how {
                0..10 => bytes[place] = byte,
                10..15 => bytes.insert(place, byte),
                15..19 if bytes.len() > 1 => drop(bytes.remove(place)),
                // Never to nothing, so that there is a place for further damage.
                _ => bytes.truncate(place.max(1)),
            }
        }
        if let Ok(alert) = read(&bytes, &ReadOptions::foreign("damaged")) {
            // What was taken can be shown, and written unless it says why not.
            let _shown: Vec<String> = alert.warnings.iter().map(ToString::to_string).collect();
            if let Ok(text) = write(&export(&alert.fields, alert.marking.as_deref())) {
                let again = own(&text);
                prop_assert_eq!(again.fields.get("info"), alert.fields.get("info"));
            }
        }
    }

    #[test]
    fn any_fields_are_written_or_refused(name in select(vec!["info", "scope", "code", "addresses", "policeCategory", "marking"]), value in json_value()) {
        let mut fields = least();
        fields.insert(name.to_owned(), value);
        if let Ok(text) = write(&export(&fields, None)) {
            own(&text);
        }
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((select(vec!["event", "category", "area", "parameter", "value", "x"]), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())),
        ]
    })
}
