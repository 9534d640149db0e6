//! What documents say: changes that merge, fall, or are refused, as named readers open them.

use super::story::{Claims, KENNINGTON, OWNER, POLICE, Story, give, grant, organisation};
use csu_protocol::author::Audience;
use csu_protocol::document::{Content, Marking, Wanted, kind};
use csu_protocol::entry::{EpochKey, Openness, Role};
use csu_protocol::id::{DocumentId, EntryId};

pub(super) fn all() -> Vec<Story> {
    vec![merge(), fallen(), epochs(), refused()]
}

/// What `content` shows, with some fields set.
fn with(content: &Content, words: &[&str], state: Option<&str>, marking: Marking) -> Wanted {
    let kind = kind::find("bulletin").unwrap();
    let mut fields = content.snapshot().fields;
    kind.assign_all(&mut fields, words.iter().copied()).unwrap();
    Wanted { kind, marking, state: state.map(str::to_owned), fields }
}

const FIRST: [&str; 5] = ["headline=Bicycles taken", "category=Security", "urgency=Past", "severity=Minor", "instruction=Lock the gates."];

fn merge() -> Story {
    let (mut s, genesis) = Story::new(
        "content-merge",
        "Two organisations revise one bulletin at once: edits of one text both stay, of two states the higher holds, of two markings the \
         stricter, of two values the one that Automerge shows.",
        2,
        vec![grant(POLICE, Role::Write)],
    );
    s.readers(&[OWNER, POLICE]);
    let (epoch, key) = s.epoch(0, "key", OWNER, genesis);
    let (epoch, green) = ((epoch, &key), Marking::Green);
    s.edit(0, "issued", OWNER, genesis, epoch, |content| with(content, &FIRST, Some("issued"), green));
    let other = s.part(0);
    s.edit(0, "the owner's", OWNER, genesis, epoch, |content| {
        let words = ["instruction=Please lock the gates.", "severity=Severe", "note=Seen by two."];
        with(content, &words, Some("resolved"), green)
    });
    s.edit(other, "the police's", POLICE, genesis, epoch, |content| {
        let words = ["instruction=Lock the gates and the doors.", "severity=Extreme", "info.area[+].areaDesc=Mill Road \u{2013} 北"];
        with(content, &words, Some("updated"), Marking::Red)
    });
    s.meet();
    s.edit(0, "after both", OWNER, genesis, epoch, |content| with(content, &["urgency=Future"], None, Marking::Red));
    s.claim(Claims { effective: vec!["issued", "the owner's", "the police's", "after both"], ..Claims::default() })
}

fn fallen() -> Story {
    let (mut s, genesis) = Story::new(
        "content-fallen",
        "A writer is evicted with its first revision kept: the second falls with what others built on it, and the words go back.",
        3,
        vec![grant(POLICE, Role::Write), grant(KENNINGTON, Role::Write)],
    );
    s.readers(&[KENNINGTON]);
    let (epoch, key) = s.epoch(0, "key", OWNER, genesis);
    let epoch = (epoch, &key);
    let green = Marking::Green;
    s.edit(0, "issued", OWNER, genesis, epoch, |content| with(content, &FIRST, Some("issued"), green));
    s.edit(0, "kept", POLICE, genesis, epoch, |content| with(content, &["headline=Three bicycles taken"], None, green));
    let beside = s.part(0);
    let kept = s.access(0).keep_all_of(&organisation(POLICE));
    s.edit(0, "not kept", POLICE, genesis, epoch, |content| with(content, &["headline=Nothing was taken"], Some("resolved"), green));
    s.edit(0, "on it", KENNINGTON, genesis, epoch, |content| with(content, &["note=Good news."], None, green));
    s.edit(beside, "beside it", OWNER, genesis, epoch, |content| with(content, &["note=Ring us."], Some("updated"), green));
    s.meet();
    let principal = csu_protocol::entry::Principal::Organisation(organisation(POLICE));
    s.control(0, "revoke", OWNER, genesis, csu_protocol::entry::Body::Revoke { principal, keep: kept });
    s.claim(Claims {
        void: vec!["not kept"],
        effective: vec!["issued", "kept", "beside it"],
        roles: vec![("Police", "none"), ("Kennington", "write")],
        ..Claims::default()
    })
}

fn epochs() -> Story {
    let (mut s, genesis) = Story::new(
        "content-epochs",
        "A reader is revoked and another joins: the new one opens the past by the newest key, the former one opens nothing new; one response is \
         for all readers, one for the owner alone.",
        3,
        vec![grant(POLICE, Role::Write)],
    );
    s.readers(&[OWNER, POLICE, KENNINGTON]);
    let green = Marking::Green;
    let (first, first_key) = s.epoch(0, "first key", OWNER, genesis);
    s.edit(0, "issued", OWNER, genesis, (first, &first_key), |content| with(content, &FIRST, Some("issued"), green));
    let readers = csu_protocol::reading::audience(s.access(0), &s.directory(), csu_protocol::time::Timestamp::default());
    let reply = s.make_response(0, POLICE, genesis, &readers, "Seen \u{2013} thank you.");
    s.tell(0, "for all readers", reply);
    let owner: Vec<_> = readers.recipients.iter().filter(|(of, _)| of.organisation == organisation(OWNER)).copied().collect();
    let owner = Audience { recipients: owner, openness: Openness::Recipients };
    let reply = s.make_response(0, POLICE, genesis, &owner, "For you alone.");
    s.tell(0, "for the owner", reply);
    s.revoke(0, "revoke", OWNER, genesis, POLICE);
    s.control(0, "to Kennington", OWNER, genesis, give(KENNINGTON, Role::Read));
    let (second, second_key) = s.epoch(0, "second key", OWNER, genesis);
    s.edit(0, "updated", OWNER, genesis, (second, &second_key), |content| with(content, &["severity=Severe"], Some("updated"), green));
    s.claim(Claims { effective: vec!["issued", "updated"], roles: vec![("Police", "none"), ("Kennington", "read")], ..Claims::default() })
}

fn refused() -> Story {
    let (mut s, genesis) = Story::new(
        "content-refused",
        "Revisions that count and cannot be shown: another document's change, other deps than the header's, bytes that are no change, another \
         key; what builds on them is not shown either. Two authors' one change counts once.",
        3,
        vec![grant(POLICE, Role::Write), grant(KENNINGTON, Role::Write)],
    );
    s.readers(&[OWNER]);
    let (epoch, key) = s.epoch(0, "key", OWNER, genesis);
    let (epoch, green) = ((epoch, &key), Marking::Green);
    let issued = s.edit(0, "issued", OWNER, genesis, epoch, |content| with(content, &FIRST, Some("issued"), green));
    let other = s.part(0);
    let same = |content: &Content| with(content, &["severity=Severe"], None, green);
    let one = s.edit(0, "one change", OWNER, genesis, epoch, same);
    let two = s.edit(other, "the same change", KENNINGTON, genesis, epoch, same);
    let elsewhere = Content::default().revise(&DocumentId::new([9; 32]), &[], &with(&Content::default(), &FIRST, None, green)).unwrap();
    let document = s.access(0).document().unwrap();
    let alone = Content::default().revise(&document, &[], &with(&Content::default(), &["headline=Alone"], None, green)).unwrap();
    let mut carry = |name: &str, key: &EpochKey, deps: &[EntryId], change: Vec<u8>| {
        let entry = s.carry(0, POLICE, genesis, (epoch.0, key), deps.to_vec(), change);
        s.tell(0, name, entry)
    };
    carry("another document's change", &key, &[], elsewhere.bytes().to_vec());
    carry("other deps than the header's", &key, &[issued], alone.bytes().to_vec());
    carry("no change at all", &key, &[], b"no change".to_vec());
    let wrong = carry("another key", &EpochKey::from_bytes([9; 32]), &[], alone.bytes().to_vec());
    carry("over what is not shown", &key, &[wrong], alone.bytes().to_vec());
    carry("a second root, which is taken", &key, &[], alone.bytes().to_vec());
    s.meet();
    let _ = (one, two);
    s.claim(Claims {
        effective: vec![
            "issued",
            "one change",
            "the same change",
            "another document's change",
            "other deps than the header's",
            "no change at all",
            "another key",
            "over what is not shown",
            "a second root, which is taken",
        ],
        ..Claims::default()
    })
}
