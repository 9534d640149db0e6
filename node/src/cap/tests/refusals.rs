//! What is refused, where, and with which words.

use super::*;

/// An alert with further children of `alert` and of its `info`.
fn alert(heading: &str, info: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\">\n<identifier>1</identifier>\n<sender>a@example.org</sender>\n\
         <sent>2026-11-22T18:00:00+00:00</sent>\n<status>Test</status>\n<msgType>Alert</msgType>\n<scope>Public</scope>\n{heading}\n\
         <info>\n<category>Security</category>\n<event>Burglary</event>\n<urgency>Past</urgency>\n<severity>Minor</severity>\n\
         <certainty>Observed</certainty>\n{info}\n</info>\n</alert>\n"
    )
}

fn refused_file(name: &str) -> String {
    let path = format!("{}/../tests/data/cap/refused/{name}", env!("CARGO_MANIFEST_DIR"));
    read(&std::fs::read(path).unwrap(), &ReadOptions::foreign(name)).unwrap_err().to_string()
}

#[test]
fn the_plain_alert_of_these_tests_is_taken() {
    assert_eq!(foreign(alert("", "").as_bytes()).warnings, []);
}

#[test]
fn every_refused_sample_says_where_what_and_what_to_do() {
    for (name, expected) in [
        ("entity-bomb.cap", "entity-bomb.cap:2:1: a document type (DOCTYPE) is not allowed"),
        (
            "latin1.cap",
            "latin1.cap:1:1: the text is ISO-8859-1, and only UTF-8 and US-ASCII are read: convert it first, for example with `iconv -f ISO-8859-1 -t UTF-8`",
        ),
        ("utf16.cap", "utf16.cap:1:1: the text is UTF-16, and only UTF-8"),
        (
            "open-polygon.cap",
            "open-polygon.cap:17:7: info[0]/area[0]/polygon: the polygon does not close: it starts at 51.4600,-0.1140 and ends at 51.4600,-0.1060; repeat the first point at the end",
        ),
        ("update-without-references.cap", "update-without-references.cap:9:3: references: references is missing"),
        ("restricted-without-restriction.cap", "restricted-without-restriction.cap:2:1: restriction is missing"),
        ("feed.atom", "feed.atom:2:1: this is an Atom feed, not a CAP 1.1 or 1.2 alert: take the file its links point to"),
        ("wrapped.edxl", "wrapped.edxl:2:1: this is an EDXL distribution wrapper, not a CAP 1.1 or 1.2 alert: take the alert out"),
    ] {
        let message = refused_file(name);
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn what_is_no_utf8_is_refused() {
    let plain = alert("", "");
    for encoding in ["ISO-8859-1", "windows-1252", "UTF-16", "UTF-32", "shift_jis", "UTF-7"] {
        let text = plain.replace("version=\"1.0\"", &format!("version='1.0' encoding='{encoding}'"));
        assert!(matches!(refused(&text), (_, Fault::Encoding { found }) if found == encoding));
    }
    let wide = |unit: fn(u8) -> Vec<u8>, mark: &[u8]| [mark.to_vec(), plain.bytes().flat_map(unit).collect()].concat();
    for bytes in [
        wide(|byte| vec![byte, 0], b""),
        wide(|byte| vec![0, byte], b""),
        wide(|byte| vec![0, byte], b"\xfe\xff"),
        wide(|byte| vec![byte, 0, 0, 0], b"\xff\xfe\0\0"),
        wide(|byte| vec![0, 0, 0, byte], b""),
    ] {
        let error = read(&bytes, &ReadOptions::foreign("wide.cap")).unwrap_err();
        assert!(matches!(error, CapError::Refused { fault: Fault::Encoding { .. }, .. }), "{error}");
    }
    let error = read(
        &alert("<note>caf\u{e9}</note>", "").chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect::<Vec<_>>(),
        &ReadOptions::foreign("x.cap"),
    );
    assert!(error.unwrap_err().to_string().starts_with("x.cap:9:10: the byte 0xE9 here is not UTF-8"));
    let ascii = alert("<note>café</note>", "").replace("version=\"1.0\"", "version='1.0' encoding='us-ascii'");
    assert_eq!(refused(&ascii).1, Fault::NotAscii);
}

#[test]
fn utf8_with_a_byte_order_mark_is_taken() {
    let text = format!("\u{feff}{}", alert("<note>café</note>", "").replace("version=\"1.0\"", "version='1.0' encoding='utf-8'"));
    assert_eq!(at(&foreign(text.as_bytes()), "note"), "café");
}

#[test]
fn what_is_no_alert_is_named() {
    for (text, found) in [
        ("<rss version='2.0'><channel/></rss>", "an RSS feed"),
        ("<html xmlns='http://www.w3.org/1999/xhtml'/>", "a web page"),
        ("<alert><identifier>1</identifier></alert>", "an alert without namespace"),
        ("<alert xmlns='http://www.incident.com/cap/1.0'/>", "a CAP 1.0 alert"),
        ("<info xmlns='urn:oasis:names:tc:emergency:cap:1.2'/>", "an XML file with the root info of urn:oasis:names:tc:emergency:cap:1.2"),
        ("<gml/>", "an XML file with the root gml"),
    ] {
        assert!(matches!(refused(text), (_, Fault::NotCap { found: said, .. }) if said == found), "{text}");
    }
}

#[test]
fn what_is_no_xml_is_refused() {
    let plain = alert("", "");
    for text in [
        " \n".to_owned(),
        "{\"alert\": 1}".to_owned(),
        "plain words".to_owned(),
        "<".to_owned(),
        "<!-->".to_owned(),
        "<!".to_owned(),
        "<?xml".to_owned(),
        "<![CDATA[x]]>".to_owned(),
        "<a:alert/>".to_owned(),
        plain.replace("</alert>", ""),
        plain.replace("</alert>", "</alarm>"),
        format!("{plain}{plain}"),
        format!("{plain}rest"),
        format!("{plain}&amp;"),
        format!("\n{plain}"),
        plain.replace("version=\"1.0\"", "version=\"1.1\""),
        plain.replace("<info>", "<info a='1' a='2'>"),
        plain.replace("<info>", "<info a='&x;'>"),
        plain.replace("<info>", "<info a=1>"),
        plain.replace("<info>", "<1info>"),
        alert("<note>a & b</note>", ""),
    ] {
        let (place, fault) = refused(&text);
        assert!(matches!(fault, Fault::NotXml { .. }), "{text:?}: {place}: {fault}");
    }
    assert_eq!(read(b"", &ReadOptions::foreign("x")).unwrap_err().to_string(), "x:1:1: the file is empty: ask for it again");
}

#[test]
fn document_types_and_entities_are_refused() {
    let plain = alert("", "");
    for doctype in [
        "<!DOCTYPE alert>",
        "<!DOCTYPE alert SYSTEM 'http://example.org/x.dtd'>",
        "<!doctype html>",
        "<!DOCTYPE alert [<!ENTITY a 'b'>]>",
        "<!DOCTYPE",
    ] {
        let text = plain.replace("<alert", &format!("{doctype}<alert"));
        assert_eq!(refused(&text).1, Fault::DocumentType, "{doctype}");
    }
    for entity in ["nbsp", "xxe", "#0", "#xD800", "#x110000", "#", "#-1", "#x"] {
        let (place, fault) = refused(&alert(&format!("<note>a &{entity}; b</note>"), ""));
        assert_eq!((fault, place.path.as_str()), (Fault::Entity { name: entity.to_owned() }, "note"));
    }
    let all = foreign(alert("<note>&lt;&gt;&amp;&quot;&apos;&#233;&#xe9;&#10;x</note>", "").as_bytes());
    assert_eq!(at(&all, "note"), "<>&\"'éé\nx");
}

#[test]
fn control_characters_are_refused_wherever_they_stand() {
    for heading in [
        "<note>a\u{1}b</note>",
        "<note>a&#1;b</note>",
        "<note><![CDATA[\u{8}]]></note>",
        "<!-- \u{1b}[2J -->",
        "<?x \u{7}?>",
        "<note a='\u{1}'>b</note>",
        "<note>a&#x85;b</note>",
        "<note>\u{ffff}</note>",
    ] {
        let (place, fault) = refused(&alert(heading, ""));
        assert!(matches!(fault, Fault::ControlCharacter { .. }), "{heading:?}: {fault}");
        assert_eq!(place.line, 9, "{heading:?}");
    }
}

#[test]
fn what_exceeds_a_bound_is_refused() {
    let limits = Limits::default();
    let long = |name: &str, bytes: usize| format!("<{name}>{}</{name}>", "x".repeat(bytes));
    assert!(matches!(refused(&" ".repeat(limits.document_bytes + 1)).1, Fault::TooLarge { .. }));
    assert!(matches!(refused(&alert(&long("source", limits.line_bytes + 1), "")).1, Fault::TooLong { .. }));
    assert!(matches!(refused(&alert("", &long("description", limits.text_bytes + 1))).1, Fault::TooLong { .. }));
    assert!(matches!(refused(&alert(&"<x/>".repeat(limits.elements + 1), "")).1, Fault::TooManyElements { .. }));
    let deep = format!("{}{}", "<x>".repeat(limits.depth), "</x>".repeat(limits.depth));
    assert!(matches!(refused(&alert(&deep, "")).1, Fault::TooDeep { .. }));
    let attributes: String = (0..limits.attributes + 1).map(|index| format!(" a{index}=''")).collect();
    assert!(matches!(refused(&alert(&format!("<x{attributes}/>"), "")).1, Fault::TooManyAttributes { .. }));
    let longest = format!("<note>{}</note>", "&amp;".repeat(limits.text_bytes + 1));
    assert!(matches!(refused(&alert(&longest, "")).1, Fault::TooLong { .. }));
    let padded = format!("<note>{}</note>", " ".repeat(limits.text_bytes + 1));
    assert!(matches!(refused(&alert(&padded, "")).1, Fault::TooLong { .. }), "white space counts until it is folded");
    let sender = alert("", "").replace("a@example.org", &"a".repeat(limits.line_bytes));
    assert!(matches!(refused(&sender), (place, Fault::TooLong { .. }) if place.path == "identifier"), "the origin is a line too");
}

#[test]
fn hostile_files_of_the_greatest_size_are_read_in_seconds() {
    let limit = Limits::default().document_bytes - 2_000;
    let started = std::time::Instant::now();
    for unit in [
        "<x/>",
        "<note><x>",
        "<!---->",
        "&amp;",
        "<x a=''/>",
        "<info/>",
        "<code>1</code>",
        "<",
        "<![CDATA[",
        "Mr ",
        "1 A ",
        "+1",
        "0 0",
        "\n",
    ] {
        let text = alert(&unit.repeat(limit / unit.len()), "");
        let _outcome = read(text.as_bytes(), &ReadOptions::foreign("x"));
    }
    let many: String = (0..limit / 16).map(|index| format!(" xmlns:a{index}='b'")).collect();
    let _outcome = read(alert(&format!("<x{many}/>"), "").as_bytes(), &ReadOptions::foreign("x"));
    for unit in ["Mr X 0", "1 A, ", "a.b@c.", "07 ", "<br", "<a ", "A1 "] {
        let text = alert("", &format!("<description>{}</description>", unit.repeat(60_000 / unit.len()).replace('<', "&lt;")));
        foreign(text.as_bytes());
    }
    assert!(started.elapsed().as_secs() < 30, "took {:?}", started.elapsed());
}

#[test]
fn a_required_element_that_is_missing_empty_or_repeated_is_named() {
    let plain = alert("", "<area><areaDesc>Brixton</areaDesc></area>");
    for line in plain.lines().filter(|line| line.starts_with('<') && line.find("</").is_some_and(|end| end > 0)) {
        let name = line.trim_start_matches('<').split('>').next().unwrap();
        let (name, inner) = if name == "area" { ("areaDesc", "<areaDesc>Brixton</areaDesc>") } else { (name, line) };
        for text in
            [plain.replace(inner, ""), plain.replace(inner, &format!("<{name}/>")), plain.replace(inner, &format!("<{name}> \n</{name}>"))]
        {
            let (place, fault) = refused(&text);
            assert!(matches!(fault, Fault::Missing { name: missing, .. } if missing == name), "{name}: {fault}");
            assert!(place.path.ends_with(name), "{place}");
        }
        if name != "category" {
            let (place, fault) = refused(&plain.replace(inner, &format!("{inner}{inner}")));
            assert_eq!((fault, place.line > 2), (Fault::Repeated { name: element_name(name) }, true));
        }
    }
}

fn element_name(name: &str) -> &'static str {
    ["identifier", "sender", "sent", "status", "msgType", "scope", "event", "urgency", "severity", "certainty", "areaDesc"]
        .into_iter()
        .find(|known| *known == name)
        .unwrap()
}

#[test]
fn a_value_that_breaks_a_rule_is_refused_at_its_place() {
    for (heading, info, path) in [
        ("<code>1</code><code>\u{2}</code>", "", "code[1]"),
        ("", "<responseType>Flee</responseType>", "info[0]/responseType"),
        ("", "<responseType>Avoid</responseType><responseType>avoid</responseType>", "info[0]/responseType[1]"),
        ("", "<language>en_GB</language>", "info[0]/language"),
        ("", "<expires>2026-11-22T18:00:00Z</expires>", "info[0]/expires"),
        ("", "<eventCode><valueName>SAME</valueName></eventCode>", "info[0]/eventCode[0]/value"),
        ("", "<parameter><valueName/><value>x</value></parameter>", "info[0]/parameter[0]/valueName"),
        ("", "<resource><resourceDesc>Map</resourceDesc></resource>", "info[0]/resource[0]/mimeType"),
        (
            "",
            "<resource><resourceDesc>Map</resourceDesc><mimeType>image/png</mimeType><size>-1</size></resource>",
            "info[0]/resource[0]/size",
        ),
        ("", "<area><areaDesc>a</areaDesc><polygon>1,1 2,2 1,1</polygon></area>", "info[0]/area[0]/polygon"),
        ("", "<area><areaDesc>a</areaDesc><polygon>91,1 2,2 3,3 91,1</polygon></area>", "info[0]/area[0]/polygon"),
        ("", "<area><areaDesc>a</areaDesc></area><area><areaDesc>b</areaDesc><circle>1,1 -1</circle></area>", "info[0]/area[1]/circle"),
        ("", "<area><areaDesc>a</areaDesc><altitude>high</altitude></area>", "info[0]/area[0]/altitude"),
        ("<addresses>\"open</addresses>", "", "addresses"),
        ("<references>a,b</references>", "", "references"),
        ("<note><b>x</b></note>", "", "note"),
        ("stray", "", ""),
        ("", "stray", "info[0]"),
    ] {
        let (place, fault) = refused(&alert(heading, info));
        assert_eq!(place.path, path, "{fault}");
    }
    let second = alert("", "").replace("</alert>", "<info/></alert>");
    assert_eq!(refused(&second).0.path, "info[1]/category");
}

#[test]
fn names_with_forbidden_characters_are_refused() {
    for id in ["a b", "a,b", "a&lt;b", "a&amp;b"] {
        for name in ["identifier>1", "sender>a@example.org"] {
            let (element, value) = name.split_once('>').unwrap();
            let text = alert("", "").replace(&format!("<{element}>{value}<"), &format!("<{element}>{id}<"));
            assert!(matches!(refused(&text), (place, Fault::Form { .. }) if place.path == element), "{element} {id}");
        }
    }
}

#[test]
fn every_message_but_an_alert_needs_references() {
    let reference = "<references>a@example.org,0,2026-11-21T18:00:00-05:00</references>";
    for msg_type in ["Update", "Cancel", "Ack", "Error"] {
        let retyped = |heading| alert(heading, "").replace("<msgType>Alert", &format!("<msgType>{msg_type}"));
        assert!(matches!(refused(&retyped("")).1, Fault::Missing { name: "references", .. }));
        assert!(matches!(refused(&retyped("<references> </references>")).1, Fault::Missing { name: "references", .. }));
        assert_eq!(foreign(retyped(reference).as_bytes()).msg_type.as_str(), msg_type);
    }
    let private = alert("", "").replace("<scope>Public", "<scope>Private");
    assert!(matches!(refused(&private).1, Fault::Missing { name: "addresses", .. }));
}

#[test]
fn a_message_never_repeats_what_a_terminal_would_obey() {
    let long = "Z".repeat(1_500);
    let (place, fault) = refused(&alert("", &format!("<language>{long}</language>")));
    assert!(format!("{place}: {fault}").len() < 400);
    let error = read(b"<x>", &ReadOptions::foreign("a\u{1b}[2J.cap")).unwrap_err();
    assert!(!error.to_string().contains('\u{1b}'));
}
