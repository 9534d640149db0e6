//! A file in the Common Alerting Protocol, as somebody else wrote it.

// Of csu-node, or, in the fuzzer's own crate, those files of it alone.
use crate::cap::{Export, MsgType, ReadOptions, read, write};
use csu_protocol::document::kind;

/// Bytes of a file; the reader takes a megabyte, but an input should be quick.
const FILE: usize = 64 * 1024;

/// What is taken is a bulletin; what of it can be written again reads back the same.
pub fn alert(data: &[u8]) {
    let data = &data[..data.len().min(FILE)];
    let Ok(own) = read(data, &ReadOptions::own_export("input")) else {
        let foreign = read(data, &ReadOptions::foreign("input"));
        assert!(foreign.is_err(), "an alert is taken from others and not from ourselves");
        return;
    };
    let alert = read(data, &ReadOptions::foreign("input")).expect("an alert is taken from ourselves and not from others");
    assert_eq!((alert.version, &alert.identifier, &alert.sender), (own.version, &own.identifier, &own.sender));
    let bulletin = kind::find("bulletin").expect("a kind");
    let fields = bulletin.check(&alert.fields).expect("an alert is a bulletin");
    assert_eq!(fields.as_map(), &alert.fields, "a bulletin holds other fields than the alert");
    let export = Export {
        identifier: "2026-114",
        sender: "warnings@brixton-csu.example",
        sent: "2026-11-22T18:00:00+00:00",
        msg_type: MsgType::Alert,
        references: Vec::new(),
        note: None,
        marking: alert.marking.as_deref(),
        fields: &alert.fields,
    };
    // Others' alerts may hold what this version of the protocol does not allow.
    if let Ok(text) = write(&export) {
        let again = read(text.as_bytes(), &ReadOptions::own_export("export")).expect("what was written can be read");
        assert_eq!((&again.fields, &again.marking), (&alert.fields, &alert.marking));
    }
}
