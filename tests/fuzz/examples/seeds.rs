//! Writes the first inputs of each target: the golden vectors, changes as an honest writer makes them, and random acts.
//!
//! `cargo run --manifest-path tests/fuzz/Cargo.toml --example seeds -- FOLDER`. What fuzzing then found worth keeping stands
//! beside them in `corpus`.

use csu_fuzz::change::DOCUMENT;
use csu_fuzz::forge::Forged;
use csu_fuzz::parties;
use csu_protocol::codec::Canonical;
use csu_protocol::document::{Change, Content, Marking, Wanted, kind};
use csu_protocol::entropy::Entropy;
use csu_protocol::entry::{EpochKey, Openness, Recipient, Wraps};
use csu_protocol::id::{DocumentId, EntryId};
use csu_protocol::wire::block;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn main() {
    let folder = std::env::args().nth(1).expect("the folder to write to");
    let put = |target: &str, name: &str, bytes: &[u8]| {
        let folder = Path::new(&folder).join(target);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join(name.replace(|c: char| !c.is_ascii_alphanumeric(), "-")), bytes).expect("a file");
    };
    for (format, target) in [
        ("message", "message"),
        ("header", "header"),
        ("card", "card"),
        ("addresses", "card"),
        ("wraps", "wraps"),
        ("revision-payload", "payload"),
        ("deflated-payload", "payload"),
        ("response-payload", "payload"),
        ("sealed-payload", "sealed"),
        ("ticket", "texts"),
    ] {
        for (name, bytes) in vectors(format) {
            if bytes.len() < 4096 {
                put(target, &format!("{format} {name}"), &bytes);
            }
        }
    }
    wraps(&put);
    blocks(&put);
    for plain in [&b""[..], b"x", b"\x01\x00\x00\x00x", b"\x80"] {
        put("sealed", &format!("plain {}", plain.len()), plain);
    }
    for (at, input) in changes().into_iter().enumerate() {
        put("change", &format!("honest {at}"), &input);
    }
    fields(&put);
    texts(&put);
    alerts(&put);
    let mut entropy = Entropy::from_seed([1; 32]);
    for at in 0..24 {
        put("access", &format!("random {at}"), &entropy.bytes::<200>());
        put("sync", &format!("random {at}"), &entropy.bytes::<160>());
    }
}

fn vectors(format: &str) -> Vec<(String, Vec<u8>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../protocol/vectors").join(format!("{format}.json"));
    let file: Value = serde_json::from_slice(&fs::read(path).expect("vectors")).expect("JSON");
    let all = ["vectors", "refused"].iter().flat_map(|list| file[*list].as_array().into_iter().flatten());
    all.map(|vector| {
        let bytes = vector["bytes"].as_str().expect("bytes");
        (vector["name"].as_str().expect("a name").to_owned(), HEXLOWER.decode(bytes.as_bytes()).expect("hexadecimal"))
    })
    .collect()
}

/// Frames with the messages of the golden vectors, one each and several together.
fn blocks(put: &impl Fn(&str, &str, &[u8])) {
    let messages: Vec<Vec<u8>> =
        vectors("message").into_iter().map(|(_, bytes)| bytes).filter(|bytes| (1..600).contains(&bytes.len())).collect();
    put("block", "plain", &block::plain(&messages[0]));
    for (at, some) in messages.chunks(6).enumerate() {
        for frame in block::frames(some).iter().filter(|frame| frame[0] == 1) {
            put("block", &format!("packed {at}"), frame);
        }
    }
    put("block", "bomb", &[1, 0, 0, 1, 0, 0x1f, 0, 1, 0, 0xff, 0xff, 0x50, 0, 0, 0, 0, 0]);
}

fn wraps(put: &impl Fn(&str, &str, &[u8])) {
    let (document, key) = (DocumentId::new([0x44; 32]), EpochKey::from_bytes([0x55; 32]));
    let mut entropy = Entropy::from_seed([2; 32]);
    let recipients: Vec<_> =
        parties::all().iter().map(|party| (Recipient { organisation: party.id, generation: 1 }, party.cards[1].card().wrap_key)).collect();
    let earlier = [(EntryId::new([1; 32]), EpochKey::from_bytes([2; 32]))];
    for (name, wrapped, openness, earlier) in [
        ("two", &recipients[..2], Openness::Recipients, &earlier[..]),
        ("four", &recipients[..], Openness::Recipients, &[]),
        ("open", &[], Openness::Anyone, &earlier),
    ] {
        let wraps = Wraps::seal(&document, &key, wrapped, openness, earlier, &mut entropy).expect("wraps");
        put("wraps", &format!("made {name}"), &wraps.to_canonical());
    }
}

/// Some histories by honest writers, each as an input of `change`.
fn changes() -> Vec<Vec<u8>> {
    let kind = kind::find("bulletin").expect("a kind");
    let wanted = |fields: Value, marking, state: Option<&str>| Wanted {
        kind,
        marking,
        state: state.map(str::to_owned),
        fields: kind.check(fields.as_object().expect("an object")).expect("right fields"),
    };
    let base =
        json!({ "note": "ab", "info": [{ "headline": "h", "category": ["Fire"], "area": [{ "areaDesc": "x", "circle": ["1,1 1"] }] }] });
    let first = Content::default().revise(&DOCUMENT, &[], &wanted(base.clone(), Marking::Green, Some("issued"))).expect("a change");
    let content = Content::build([first.clone()]);
    let edit = |content: &Content, edit: &dyn Fn(&mut Value), marking| {
        let mut fields = base.clone();
        edit(&mut fields);
        let heads: Vec<_> = content.heads().iter().copied().collect();
        content.revise(&DOCUMENT, &heads, &wanted(fields, marking, None)).expect("a change")
    };
    let left = edit(&content, &|fields| fields["note"] = json!("axb"), Marking::Red);
    let right = edit(&content, &|fields| fields["info"][0]["area"][0]["areaDesc"] = json!("y"), Marking::Amber);
    let gone = edit(&content, &|fields| fields["info"] = json!([]), Marking::Green);
    let both = Content::build([first.clone(), left.clone(), right.clone()]);
    let merged = edit(&both, &|fields| fields["note"] = json!(""), Marking::Clear);
    vec![
        records(&[&first]),
        records(&[&first, &left]),
        records(&[&first, &left, &right, &merged]),
        records(&[&first, &gone, &left]),
        records(&[&first, &right, &gone]),
    ]
}

/// Changes as the records that the target reads.
fn records(changes: &[&Change]) -> Vec<u8> {
    let mut actors: BTreeMap<[u8; 16], usize> = BTreeMap::new();
    let mut input = Vec::new();
    for (at, change) in changes.iter().enumerate() {
        let bits = |places: Vec<usize>| places.iter().fold(0_u8, |mask, place| mask | 1 << place);
        let deps = (0..at).filter(|place| change.deps().contains(&changes[*place].hash())).collect();
        let forged = Forged::of(change.bytes());
        let others = forged.others.iter().map(|other| actors[other]).collect();
        actors.insert(forged.actor.expect("an actor"), at);
        input.extend([bits(deps), bits(others), 0]);
        input.extend(u16::try_from(forged.columns.len()).expect("short").to_le_bytes());
        input.extend(forged.columns);
    }
    input
}

fn fields(put: &impl Fn(&str, &str, &[u8])) {
    for (at, kind) in kind::all().iter().enumerate() {
        let at = u8::try_from(at).expect("few kinds");
        let typed: Vec<String> = kind.fields.iter().map(|field| format!("{}=a", field.name)).collect();
        put("fields", &format!("typed {}", kind.name), &[&[at, 1], typed.join("\n").as_bytes()].concat());
        let values: Value = kind.fields.iter().map(|field| (field.name.to_owned(), json!("a"))).collect::<serde_json::Map<_, _>>().into();
        put("fields", &format!("json {}", kind.name), &[&[at, 0], values.to_string().as_bytes()].concat());
    }
    let bulletin = json!({
        "status": "Actual", "scope": "Public", "policeCategory": ["burglary"], "code": ["a"],
        "info": [{ "headline": "x", "category": ["Security"], "urgency": "Past", "severity": "Moderate", "certainty": "Observed",
            "description": "y", "onset": "2026-11-20T18:00:00+00:00", "parameter": [{ "valueName": "a", "value": "b" }],
            "area": [{ "areaDesc": "Mill Road", "polygon": ["1,1 2,2 3,3 1,1"], "geocode": [{ "valueName": "GSS", "value": "E05" }] }],
            "resource": [{ "resourceDesc": "Map", "size": 1200 }] }],
    });
    put("fields", "json whole", &[&[0, 0], bulletin.to_string().as_bytes()].concat());
    put(
        "fields",
        "typed paths",
        b"\x00\x01severity=severe\ninfo.area[0].areaDesc=x\ninfo[+].headline=b\ncircle+=1,1 1\ncategory=Fire, Met\ninfo.resource.size=12",
    );
}

fn alerts(put: &impl Fn(&str, &str, &[u8])) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/cap");
    for folder in [data.clone(), data.join("refused")] {
        for entry in fs::read_dir(folder).expect("alerts") {
            let path = entry.expect("an alert").path();
            if path.is_file() {
                put("alert", &path.file_name().expect("a name").to_string_lossy(), &fs::read(&path).expect("a file"));
            }
        }
    }
}

fn texts(put: &impl Fn(&str, &str, &[u8])) {
    let root = parties::all()[0].id.to_string();
    let phrase = csu_protocol::identity::RecoveryPhrase::of(&parties::all()[0].root).expect("a phrase");
    for (name, text) in [
        ("id", root.as_str()),
        ("phrase", phrase.words()),
        ("number", "12345 67890 12345 67890 12345"),
        ("address", "/ip4/192.0.2.7/udp/4820/quic-v1"),
        ("name", "Undeb Diogelwch \u{2013} Caerdydd"),
        ("marking", "AMBER+STRICT"),
        ("reason", "consent-withdrawn"),
        ("remark", "seen-here-too"),
        ("ticket", "csu-ticket-QAAQ"),
    ] {
        put("texts", name, text.as_bytes());
    }
}
