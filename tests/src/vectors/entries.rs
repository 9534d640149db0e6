//! Headers of every kind of entry, wrapped keys, and payloads.

use super::cast::{self, COUNCIL, brixton, police};
use super::identity::with;
use super::{File, Words, hex, refusals};
use csu_protocol::codec::{Canonical, Writer};
use csu_protocol::document::{Content, Marking, Wanted, kind};
use csu_protocol::entry::{
    Author, Body, EpochKey, Grant, Header, Keep, Openness, Part, Plane, Principal, Reason, Recipient, Remark, ResponsePayload,
    RevisionPayload, Role, Signer, Subject, VerifiedEntry, Wraps, open_payload, seal_payload,
};
use csu_protocol::id::{DocumentId, EntryId, OrganisationId};
use csu_protocol::time::Timestamp;
use data_encoding::HEXLOWER;
use serde_json::json;
use std::collections::BTreeMap;

const AT: Timestamp = Timestamp::from_ms(1_800_000_000_000);
const KEY: EpochKey = EpochKey::from_bytes([0x55; 32]);
const EARLIER: [u8; 32] = [0x56; 32];

/// A header whose parts and past are as the argument says.
fn header(body: Body, past: &[EntryId], seq: u64) -> Header {
    let mut parents = past.to_vec();
    parents.sort();
    Header {
        document: past.first().map(|genesis| (*genesis).into()),
        organisation: brixton().id(),
        author: Author::Device(brixton().device.device()),
        under: past.first().copied(),
        seq,
        previous: past.last().copied().filter(|_| seq > 0),
        parents,
        body,
        payload: None,
        wraps: None,
    }
}

fn grants() -> Vec<Grant> {
    let mut grants = vec![
        Grant { subject: Subject::Organisation(police().id()), role: Role::Read, until: Some(AT) },
        Grant { subject: Subject::Organisation(COUNCIL), role: Role::Relay, until: None },
    ];
    grants.sort();
    grants
}

/// The genesis on which the other headers stand.
pub(super) fn genesis() -> Header {
    header(Body::Genesis { grants: grants(), nonce: [0x77; 16] }, &[], 0)
}

#[expect(clippy::expect_used, reason = "the headers are written here, and well-formed")]
pub(super) fn sign(header: Header, payload: Option<Vec<u8>>, wraps: Option<Vec<u8>>) -> VerifiedEntry {
    let of = brixton();
    let signer = match header.author {
        Author::Root(_) => Signer::Root(&of.root),
        Author::Device(_) => Signer::Device(&of.device),
    };
    VerifiedEntry::sign(header, payload, wraps, signer).expect("a well-formed header")
}

fn revocations(past: &[EntryId]) -> Vec<(&'static str, Header)> {
    let keep = |author, plane| Keep { author, plane, entry: EntryId::new([0x99; 32]) };
    let mut keeps = vec![
        keep(Author::Device(police().device.device()), Plane::Control),
        keep(Author::Device(police().device.device()), Plane::Content),
        keep(Author::Root(police().id()), Plane::Control),
    ];
    keeps.sort();
    let revoke = |principal, keep| Body::Revoke { principal, keep };
    let lost = brixton().device.device();
    let by_root = Header {
        author: Author::Root(brixton().id()),
        under: None,
        previous: None,
        ..header(revoke(Principal::Device(lost), vec![keep(Author::Device(lost), Plane::Content)]), past, 0)
    };
    vec![
        ("revoke of what anyone was given", header(revoke(Principal::Anyone, Vec::new()), past, 1)),
        (
            "revoke of an organisation, keeping a part of three chains",
            header(revoke(Principal::Organisation(police().id()), keeps), past, 1),
        ),
        ("revoke of a device, keeping nothing", header(revoke(Principal::Device(police().device.device()), Vec::new()), past, 1)),
        ("revoke of the organisation's own device by its root key", by_root),
    ]
}

pub(super) fn headers() -> File {
    let mut file = File::new(
        "header",
        "Headers of every kind of entry. The id is BLAKE3 of the bytes, the signature by the author over 'csu-link 0 entry', a zero byte and \
         the id. Detached parts stand beside it.",
    );
    let genesis_id = genesis().id();
    let past = [genesis_id, EntryId::new([0x88; 32])];
    let all = |subject| vec![Grant { subject, role: Role::Admin, until: None }];
    let mut list = vec![
        ("genesis", genesis()),
        ("genesis without grants", header(Body::Genesis { grants: Vec::new(), nonce: [0; 16] }, &[], 0)),
        ("grant of admin", header(Body::Grant { grants: all(Subject::Organisation(police().id())) }, &past, 1)),
        (
            "grant of reading to anyone, a device's first entry",
            header(Body::Grant { grants: vec![Grant { subject: Subject::Anyone, role: Role::Read, until: None }] }, &past, 0),
        ),
    ];
    list.extend(revocations(&past));
    list.push(("withdraw as mistaken", header(Body::Withdraw { reason: Reason::Mistaken }, &past, 1)));
    list.push(("withdraw for another reason", header(Body::Withdraw { reason: Reason::Other }, &past, 2)));
    list.push(("erase", header(Body::Erase, &past, 1)));
    list.push(("receipt", header(Body::Receipt { erase: past[1] }, &past, 1)));
    for (name, header) in list {
        add(&mut file, name, sign(header, None, None));
    }
    for (name, entry) in content(&past) {
        add(&mut file, name, entry);
    }
    refuse_headers(&mut file, &past);
    file
}

/// An entry of each content kind, its parts made as an author makes them.
fn content(past: &[EntryId]) -> Vec<(&'static str, VerifiedEntry)> {
    let document = DocumentId::from(past[0]);
    let wraps = wrapped(&document, Openness::Recipients, 2).to_canonical();
    let key = Header { wraps: Some(Part::of(&wraps)), ..header(Body::Key { commitment: KEY.commitment() }, past, 0) };
    let key = sign(key, None, Some(wraps.clone()));
    let revision = |name: &'static str, deps: Vec<EntryId>, seq| {
        let mut header = header(Body::Revision { epoch: key.id(), deps }, past, seq);
        let sealed = sealed(&revision_payload().to_canonical(), &header);
        header.payload = Some(Part::of(&sealed));
        (name, sign(header, Some(sealed), None))
    };
    let first = revision("revision, the first", Vec::new(), 1);
    let mut deps = vec![first.1.id(), EntryId::new([0xaa; 32])];
    deps.sort();
    let second = revision("revision that builds on two", deps, 2);
    let mut response = Header { wraps: Some(Part::of(&wraps)), ..header(Body::Response { commitment: KEY.commitment() }, past, 3) };
    let sealed = sealed(&response_payload().to_canonical(), &response);
    response.payload = Some(Part::of(&sealed));
    vec![("key", key), first, second, ("response", sign(response, Some(sealed), Some(wraps)))]
}

#[expect(clippy::expect_used, reason = "what is sealed is small")]
fn sealed(plain: &[u8], header: &Header) -> Vec<u8> {
    seal_payload(&KEY, plain, &header.associated_data(), &mut cast::entropy(0x01)).expect("a sealed payload")
}

fn add(file: &mut File, name: &str, entry: VerifiedEntry) {
    let (id, words) = (entry.id(), words(entry.header()));
    let signed = entry.into_signed();
    let mut also = Words::default().say("id", id).say("signature", hex(signed.signature.as_bytes()));
    if let Some(payload) = &signed.payload {
        also = also.say("payload", hex(payload));
    }
    if let Some(wraps) = &signed.wraps {
        also = also.say("wraps", hex(wraps));
    }
    file.add(name, words, &signed.header, also);
}

fn or_none(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

fn author(author: &Author) -> String {
    match author {
        Author::Device(id) => format!("device {id}"),
        Author::Root(id) => format!("root {id}"),
    }
}

/// A header, field by field.
fn words(header: &Header) -> Words {
    let part = |part: Option<Part>| or_none(part.map(|part| format!("{} bytes, BLAKE3 {}", part.length, part.hash)));
    let mut words = Words::default()
        .say("document", or_none(header.document))
        .say("organisation", header.organisation)
        .say("author", author(&header.author))
        .say("under", or_none(header.under))
        .say("seq", header.seq)
        .say("previous", or_none(header.previous));
    for (at, parent) in header.parents.iter().enumerate() {
        words = words.say(&format!("parents[{at}]"), parent);
    }
    words = words.say("kind", header.body.name());
    words = match &header.body {
        Body::Genesis { grants, nonce } => granted(words, grants).say("nonce", hex(nonce)),
        Body::Grant { grants } => granted(words, grants),
        Body::Revoke { principal, keep } => {
            words = words.say(
                "principal",
                match principal {
                    Principal::Anyone => "anyone".to_owned(),
                    Principal::Organisation(id) => format!("organisation {id}"),
                    Principal::Device(id) => format!("device {id}"),
                },
            );
            for (at, keep) in keep.iter().enumerate() {
                words = words.say(&format!("keep[{at}]"), format!("{} in {:?}: {}", author(&keep.author), keep.plane, keep.entry));
            }
            words
        }
        Body::Withdraw { reason } => words.say("reason", reason),
        Body::Erase => words,
        Body::Receipt { erase } => words.say("erase", erase),
        Body::Key { commitment } | Body::Response { commitment } => words.say("commitment", hex(commitment)),
        Body::Revision { epoch, deps } => {
            words = words.say("epoch", epoch);
            for (at, dep) in deps.iter().enumerate() {
                words = words.say(&format!("deps[{at}]"), dep);
            }
            words
        }
    };
    words.say("payload", part(header.payload)).say("wraps", part(header.wraps))
}

fn granted(mut words: Words, grants: &[Grant]) -> Words {
    for (at, grant) in grants.iter().enumerate() {
        let subject = match grant.subject {
            Subject::Anyone => "anyone".to_owned(),
            Subject::Organisation(id) => format!("organisation {id}"),
        };
        let until = or_none(grant.until.map(Timestamp::as_ms));
        words = words.say(&format!("grants[{at}]"), format!("{subject}, {}, until {until}", grant.role));
    }
    words
}

fn refuse_headers(file: &mut File, past: &[EntryId]) {
    let erase = header(Body::Erase, past, 1);
    let bytes = erase.to_canonical();
    file.refuse_damage(&bytes);
    file.refuse_versions(&bytes);
    // The end of an erase: its body [4], then null for payload and wraps.
    let tag = bytes.len() - 3;
    for unknown in [6, 15] {
        file.refuse(&format!("kind of entry {unknown}, which is not known"), &with(&bytes, tag, unknown));
    }
    file.refuse("kind of entry 19, which is reserved", &[&bytes[..tag], &[0x13], &bytes[tag + 1..]].concat());
    file.refuse("an erase with an item more", &[&bytes[..tag - 1], &[0x82, 0x04, 0x00], &bytes[tag + 1..]].concat());
    let mut refuse = |name: &str, header: Header| file.refuse(name, &header.to_canonical());
    let mut parents = erase.parents.clone();
    parents.reverse();
    refuse("parents in descending order", Header { parents, ..erase.clone() });
    refuse("a parent named twice", Header { parents: vec![past[0], past[0]], ..erase.clone() });
    let ids = |count: u8| (0..count).map(|byte| EntryId::new([byte; 32])).collect::<Vec<_>>();
    refuse("65 parents, where 64 are allowed", Header { parents: ids(65), ..erase.clone() });
    refuse("no document", Header { document: None, ..erase.clone() });
    refuse("a later entry without previous", Header { previous: None, ..erase.clone() });
    refuse("a first entry with previous", Header { seq: 0, ..erase.clone() });
    refuse("a device that acts under nothing", Header { under: None, ..erase.clone() });
    refuse("a root key that erases", Header { author: Author::Root(brixton().id()), under: None, ..erase.clone() });
    refuse("seq at the quota of control entries", Header { seq: 1 << 16, ..erase.clone() });
    refuse("an erase with a payload", Header { payload: Some(Part::of(b"x")), ..erase.clone() });
    refuse("a genesis in a document", Header { document: erase.document, ..genesis() });
    let mut backwards = grants();
    backwards.reverse();
    refuse("grants in descending order", Header { body: Body::Genesis { grants: backwards, nonce: [0; 16] }, ..genesis() });
    let twice = vec![grants()[0], Grant { role: Role::Write, ..grants()[0] }];
    refuse("two grants to one subject", Header { body: Body::Genesis { grants: twice, nonce: [0; 16] }, ..genesis() });
    let many = ids(65).into_iter().map(|id| Grant {
        subject: Subject::Organisation(OrganisationId::new(*id.as_bytes())),
        role: Role::Read,
        until: None,
    });
    refuse("65 grants, where 64 are allowed", header(Body::Grant { grants: many.collect() }, past, 1));
    let foreign = Keep { author: Author::Device(police().device.device()), plane: Plane::Control, entry: past[1] };
    let revoke = |principal, keep| header(Body::Revoke { principal, keep }, past, 1);
    refuse("a revoke of anyone that keeps", revoke(Principal::Anyone, vec![foreign]));
    refuse("a revoke of a device that keeps another's", revoke(Principal::Device(brixton().device.device()), vec![foreign]));
    refuse(
        "two keeps of one author and plane",
        revoke(Principal::Device(police().device.device()), vec![foreign, Keep { entry: past[0], ..foreign }]),
    );
    let revision = header(Body::Revision { epoch: past[1], deps: Vec::new() }, past, 1);
    refuse("a revision without payload", revision.clone());
    let long = Part { length: 1024 * 1024 + 1, ..Part::of(b"x") };
    refuse("a payload of 1 MiB and a byte", Header { payload: Some(long), ..revision });
    let bytes = header(Body::Withdraw { reason: Reason::Mistaken }, past, 1).to_canonical();
    let reason = bytes.len() - 3;
    file.refuse("a reason that is not known", &with(&bytes, reason, 7));
}

/// The key, wrapped for the first `count` of the police and Brixton, with an earlier epoch if for both.
#[expect(clippy::expect_used, reason = "the cards are sound")]
fn wrapped(document: &DocumentId, openness: Openness, count: usize) -> Wraps {
    let recipients: Vec<_> = [police(), brixton()]
        .iter()
        .take(count)
        .map(|of| (Recipient { organisation: of.id(), generation: 0 }, of.root.card_secret(0).public()))
        .collect();
    let earlier = [(EntryId::new([0xbb; 32]), EpochKey::from_bytes(EARLIER))];
    let earlier = if count == 2 { &earlier[..] } else { &[] };
    Wraps::seal(document, &KEY, &recipients, openness, earlier, &mut cast::entropy(0x02)).expect("wrapped keys")
}

/// The document that the vectors of wraps are for.
fn document() -> DocumentId {
    genesis().id().into()
}

pub(super) fn wraps() -> File {
    let mut file = File::new(
        "wraps",
        "Wrapped keys, for the document of the genesis in header.json. Open them as the police, with the card secret of generation 0 in \
         derivation.json; an earlier epoch's key is sealed under the key.",
    );
    for (name, openness, count) in [
        ("for one reader", Openness::Recipients, 1),
        ("for two readers, with an earlier epoch", Openness::Recipients, 2),
        ("for anyone", Openness::Anyone, 0),
        ("for nobody", Openness::Recipients, 0),
    ] {
        let wraps = wrapped(&document(), openness, count);
        let mut value = Words::default()
            .say("document", document())
            .say("key", hex(KEY.as_bytes()))
            .say("open", if wraps.open.is_some() { "yes" } else { "no" });
        for (at, recipient) in wraps.recipients().enumerate() {
            value = value.say(&format!("recipients[{at}]"), format!("{} by generation {}", recipient.organisation, recipient.generation));
        }
        if count == 2 {
            value = value.say("earlier[0]", format!("{} has key {}", EntryId::new([0xbb; 32]), hex(&EARLIER)));
        }
        let bytes = wraps.to_canonical();
        file.add(name, value, &bytes, Words::default().say("opens to", unwrap(&bytes)));
    }
    let wraps = wrapped(&document(), Openness::Recipients, 2);
    let bytes = wraps.to_canonical();
    file.refuse_damage(&bytes);
    let mut backwards = wraps.clone();
    backwards.wraps.reverse();
    file.refuse("readers in descending order", &backwards.to_canonical());
    let mut twice = wraps;
    twice.wraps[1] = twice.wraps[0].clone();
    file.refuse("a reader named twice", &twice.to_canonical());
    file
}

/// What the police find in wrapped keys: the key and the earlier ones, or why not.
pub(super) fn unwrap(bytes: &[u8]) -> String {
    let open = || {
        let wraps = Wraps::from_canonical(bytes).map_err(|error| refusals::codec(&error))?;
        let secrets = BTreeMap::from([(0, police().root.card_secret(0))]);
        let key = wraps.open(&document(), &KEY.commitment(), &police().id(), &secrets).map_err(|error| refusals::seal(&error))?;
        let earlier = wraps.earlier(&document(), &key).map_err(|error| refusals::seal(&error))?;
        let earlier = earlier.iter().map(|(id, key)| format!(", {} of {id}", hex(key.as_bytes())));
        Ok::<_, String>(hex(key.as_bytes()) + &earlier.collect::<String>())
    };
    open().unwrap_or_else(|why| why)
}

#[expect(clippy::expect_used, reason = "the fields are written here")]
fn revision_payload() -> RevisionPayload {
    let kind = kind::find("bulletin").expect("a kind");
    let values = json!({ "info": [{ "headline": "Bicycles taken", "severity": "Minor" }] });
    let fields = kind.check(values.as_object().expect("an object")).expect("fields");
    let wanted = Wanted { kind, marking: Marking::Green, state: Some("issued".to_owned()), fields };
    let change = Content::default().revise(&document(), &[], &wanted).expect("a change");
    RevisionPayload { at: AT, person: Some("Ada".to_owned()), change: change.bytes().to_vec() }
}

fn response_payload() -> ResponsePayload {
    ResponsePayload { at: AT, person: None, remark: Remark::Comment, step: String::new(), text: "Seen \u{2013} thank you.".to_owned() }
}

pub(super) fn revision_payloads() -> File {
    let mut file = File::new(
        "revision-payload",
        "What a revision's sealed payload holds. The first change is the Automerge change of a bulletin in the document of header.json.",
    );
    let bulletin = revision_payload();
    for (name, payload) in [
        ("a bulletin", bulletin.clone()),
        ("the least that is laid out rightly", RevisionPayload { at: Timestamp::from_ms(0), person: None, change: Vec::new() }),
    ] {
        let value = Words::default()
            .say("at, in ms since 1970", payload.at.as_ms())
            .say("person", or_none(payload.person.as_ref()))
            .say("change", hex(&payload.change));
        file.add(name, value, &payload.to_canonical(), Words::default());
    }
    let bytes = bulletin.to_canonical();
    file.refuse_damage(&bytes);
    file.refuse("form 1, which is reserved for compression", &with(&bytes, 1, 1));
    file.refuse("a person of 201 bytes", &RevisionPayload { person: Some("p".repeat(201)), ..bulletin }.to_canonical());
    file
}

/// The change of [`revision_payload`], deflated: kept, since each version of a library does it in its own way.
const DEFLATED: &str = "\
    2d8c414a03311885ffa4993a634b5b91ee5df5049ea0a508820a22157115937fea6fa7c998648451da2e8ade40771ec14d779e4370e5da85a73082ab\
    f7e0bdef7bb487ebc1a75ab1770e3d7372f3b2c947975f1f17afcbe7b71fc60020638267bbcdfe86ed3786bd49e77c5072103b00622992ed66222059\
    01741fc48c8cde9a4b17739af820033673c2427b4126b7c06ed36b94ba2083a98ae3d4ba3af578878e42ddd2e895a33290352d323eb84afdf5b6435f\
    5ae3f1ac2e514887328b840923ab312ba593730ce8d2f8b29553d8296d410a47fffa4c6a1d278f5ea808086303666414e9a8f009eb36d83d70609c71\
    91f2a5e08b2736c91bb0f8663069c355551418c81c9c8ec7c7e47d857a48aa5605fabd2067688ec858d7875f";

/// A revision's payload in form 1, whatever it is.
fn deflated(person: Option<&str>, length: u64, deflated: &[u8]) -> Vec<u8> {
    let mut w = Writer::default();
    w.array(5);
    w.uint(1);
    w.uint(AT.as_ms());
    w.option(person.as_ref(), |w, person| w.text(person));
    w.uint(length);
    w.bytes(deflated);
    w.into_bytes()
}

/// Bytes as DEFLATE carries what it does not make shorter.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or_default();
    [&[1][..], &length.to_le_bytes(), &(!length).to_le_bytes(), bytes].concat()
}

#[expect(clippy::expect_used, reason = "the bytes stand above")]
pub(super) fn deflated_payloads() -> File {
    let mut file = File::new(
        "deflated-payload",
        "What a revision's sealed payload holds in form 1, with its change deflated. The change is that of the first in revision-payload.json.",
    );
    let change = revision_payload().change;
    let (length, short) = (change.len() as u64, HEXLOWER.decode(DEFLATED.as_bytes()).expect("hexadecimal"));
    for (name, person, length, bytes) in [
        ("a bulletin", Some("Ada"), length, &short),
        ("a bulletin that was not made shorter", None, length, &stored(&change)),
        ("the least that is laid out rightly", None, 0, &stored(&[])),
    ] {
        let bytes = deflated(person, length, bytes);
        let value = Words::default().say("at, in ms since 1970", AT.as_ms()).say("person", or_none(person.map(str::to_owned).as_ref()));
        let also = Words::default().say("change", inflated(&bytes));
        file.add(name, value, &bytes, also);
    }
    let bytes = deflated(Some("Ada"), length, &short);
    file.refuse_damage(&bytes);
    file.refuse("form 0 with the items of form 1", &with(&bytes, 1, 0));
    file.refuse("form 2, which is not known", &with(&bytes, 1, 2));
    let person = "p".repeat(201);
    file.refuse("a person of 201 bytes", &deflated(Some(&person), length, &short));
    file.refuse("a change longer than is said", &deflated(None, length - 1, &short));
    file.refuse("a change shorter than is said", &deflated(None, length + 1, &short));
    file.refuse("a change whose last byte is missing", &deflated(None, length, &short[..short.len() - 1]));
    file.refuse("a byte follows the deflated change", &deflated(None, length, &[&short[..], &[0]].concat()));
    file.refuse("what is not deflated", &deflated(None, 8, &[0xff; 8]));
    file.refuse("33 times its length", &deflated(None, 8 * 33, &[0; 8]));
    file
}

/// The change of a payload in form 1.
pub(super) fn inflated(bytes: &[u8]) -> String {
    RevisionPayload::open(bytes).map_or_else(|error| refusals::codec(&error), |payload| hex(&payload.change))
}

pub(super) fn response_payloads() -> File {
    let mut file = File::new("response-payload", "What a response's sealed payload holds.");
    let step = ResponsePayload { remark: Remark::Step, step: "answer".to_owned(), person: Some("Ada".to_owned()), ..response_payload() };
    let remarks = Remark::ALL.into_iter().map(|remark| ResponsePayload { remark, text: String::new(), ..response_payload() });
    for payload in [response_payload(), step].into_iter().chain(remarks) {
        let value = Words::default()
            .say("at, in ms since 1970", payload.at.as_ms())
            .say("person", or_none(payload.person.as_ref()))
            .say("remark", payload.remark)
            .say("step", &payload.step)
            .say("text", &payload.text);
        let name =
            if payload.text.is_empty() { format!("{} without text", payload.remark) } else { format!("{} with text", payload.remark) };
        file.add(&name, value, &payload.to_canonical(), Words::default());
    }
    let bytes = response_payload().to_canonical();
    file.refuse_damage(&bytes);
    file.refuse("form 1, which is reserved for compression", &with(&bytes, 1, 1));
    let endorse = ResponsePayload { text: String::new(), ..response_payload() }.to_canonical();
    file.refuse("a remark that is not known", &with(&endorse, endorse.len() - 3, 7));
    file.refuse("a text of 16 KiB and a byte", &ResponsePayload { text: "t".repeat(16 * 1024 + 1), ..response_payload() }.to_canonical());
    file
}

const ASSOCIATED: &[u8] = b"associated data";

pub(super) fn sealed_payloads() -> File {
    let mut file = File::new(
        "sealed-payload",
        "Sealed payloads: 24 bytes of nonce, then XChaCha20-Poly1305 under a key derived from the epoch's, over the length in four bytes \
         (little end first), the payload, and zeros up to a Padm\u{e9} length.",
    );
    let seal = |plain: &[u8]| seal_payload(&KEY, plain, ASSOCIATED, &mut cast::entropy(0x03)).unwrap_or_default();
    for plain in [&b""[..], b"x", b"nine bytes and some more, to see the padding at work"] {
        let bytes = seal(plain);
        let value = Words::default().say("key", hex(KEY.as_bytes())).say("associated data", hex(ASSOCIATED)).say("payload", hex(plain));
        file.add(&format!("{} bytes", plain.len()), value, &bytes, Words::default().say("opens to", hex(plain)));
    }
    let bytes = seal(b"x");
    file.refuse("nothing at all", &[]);
    file.refuse("a nonce alone", &bytes[..24]);
    file.refuse("the last byte is missing", &bytes[..bytes.len() - 1]);
    file.refuse("another nonce", &with(&bytes, 0, bytes[0] ^ 1));
    file.refuse("a changed byte", &with(&bytes, 24, bytes[24] ^ 1));
    file
}

/// What is inside a sealed payload of the vectors.
pub(super) fn open_sealed(bytes: &[u8]) -> Result<String, String> {
    open_payload(&KEY, bytes, ASSOCIATED).map(|plain| hex(&plain)).map_err(|error| refusals::seal(&error))
}
