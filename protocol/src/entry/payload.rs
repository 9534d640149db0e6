//! What a sealed payload holds once it is open.
//!
//! Each begins with a form tag: 0 is plain; 1, of revisions alone, holds a change that is deflated (RFC 1951).
//!
//! A change is deflated where that makes the sealed payload shorter, padding counted. Of bulletins with 12 fields and a text of
//! 600 characters that is 39 % of the sealed payload that issues them and 15 % of one that revises them, and 14 % of all bytes
//! of their entries. Responses are too short for it: a word or a sentence saves less than padding takes.
//!
//! Where bytes are compressed before they are sealed, the length tells something of what they say. Here each payload is
//! compressed by itself, after its one author wrote it: nobody else's words are in it, by which somebody who sees the lengths
//! could guess at the author's, and a length is padded as before.

use super::seal::padded_payload;
use crate::codec::{Canonical, CodecError, Reader, Writer};
use crate::limits;
use crate::time::Timestamp;
use core::fmt;
use core::str::FromStr;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use serde::{Deserialize, Serialize};

const PLAIN: u64 = 0;
const DEFLATED: u64 = 1;
/// The first byte of a revision's payload in form 1: an array of five items.
const OF_FIVE: u8 = 0x85;

fn read_form(r: &mut Reader<'_>) -> Result<(), CodecError> {
    r.tag("form of payload", |tag| (tag == PLAIN).then_some(()))
}

fn write_person(w: &mut Writer, person: Option<&String>) {
    w.option(person, |w, person| w.text(person));
}

fn read_person(r: &mut Reader<'_>) -> Result<Option<String>, CodecError> {
    r.option(|r| Ok(r.text(limits::PERSON_BYTES, "a person")?.to_owned()))
}

/// One change of what a document says, and which person made it when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionPayload {
    /// When, by the author's clock. A claim.
    pub at: Timestamp,
    /// Which person acted, as the device attests.
    pub person: Option<String>,
    /// One Automerge change, uncompressed.
    pub change: Vec<u8>,
}

impl Canonical for RevisionPayload {
    const WHAT: &'static str = "a revision's payload";
    const LIMIT: usize = limits::PAYLOAD_BYTES;

    fn write(&self, w: &mut Writer) {
        w.array(4);
        w.uint(PLAIN);
        w.uint(self.at.as_ms());
        write_person(w, self.person.as_ref());
        w.bytes(&self.change);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(4, "a revision's payload")?;
        read_form(r)?;
        Ok(Self {
            at: Timestamp::from_ms(r.uint("a time")?),
            person: read_person(r)?,
            change: r.bytes(limits::PAYLOAD_BYTES, "a change")?.to_vec(),
        })
    }
}

impl RevisionPayload {
    /// What is to be sealed: form 1 where that makes the sealed payload shorter, else form 0.
    #[must_use]
    pub fn to_sealable(&self) -> Vec<u8> {
        let plain = self.to_canonical();
        let deflated = Deflated::of(self).map(|deflated| deflated.to_canonical());
        deflated.filter(|deflated| padded_payload(deflated.len()) < padded_payload(plain.len())).unwrap_or(plain)
    }

    /// Reads what was sealed, in either form.
    ///
    /// # Errors
    /// When the bytes are too long, malformed, out of bounds, not canonical, or hold a change that does not inflate to exactly
    /// the length that stands beside it.
    pub fn open(sealed: &[u8]) -> Result<Self, CodecError> {
        match sealed.first() {
            Some(&OF_FIVE) => Deflated::from_canonical(sealed)?.inflate(sealed.len()),
            _ => Self::from_canonical(sealed),
        }
    }
}

/// A revision's payload in form 1.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Deflated {
    at: Timestamp,
    person: Option<String>,
    /// Bytes of the change.
    length: u64,
    deflated: Vec<u8>,
}

impl Deflated {
    /// The payload with its change deflated, if that makes it shorter and readers take it.
    fn of(payload: &RevisionPayload) -> Option<Self> {
        let mut deflated = Vec::with_capacity(payload.change.len());
        let status = Compress::new(Compression::default(), false).compress_vec(&payload.change, &mut deflated, FlushCompress::Finish);
        let length = payload.change.len();
        let is_whole = matches!(status, Ok(Status::StreamEnd)) && length <= longest(deflated.len());
        is_whole.then(|| Self {
            at: payload.at,
            person: payload.person.clone(),
            length: u64::try_from(length).unwrap_or(u64::MAX),
            deflated,
        })
    }

    /// The payload with its change as it is. `end` is where the deflated one ends.
    fn inflate(self, end: usize) -> Result<RevisionPayload, CodecError> {
        let (offset, limit) = (end.saturating_sub(self.deflated.len()), longest(self.deflated.len()));
        let length = usize::try_from(self.length).unwrap_or(usize::MAX);
        if length > limit {
            return Err(CodecError::TooLong { offset, what: "a change once inflated", limit, found: self.length });
        }
        // One more byte than there should be, so that one that goes on is noticed.
        let mut change = vec![0; length.saturating_add(1)];
        let mut inflater = Decompress::new(false);
        let status = inflater.decompress(&self.deflated, &mut change, FlushDecompress::Finish);
        let is_all = inflater.total_in() == u64::try_from(self.deflated.len()).unwrap_or(u64::MAX);
        if !matches!(status, Ok(Status::StreamEnd)) || !is_all || inflater.total_out() != self.length {
            return Err(CodecError::Malformed { offset, expected: "a deflated change of the length that stands before it" });
        }
        change.truncate(length);
        Ok(RevisionPayload { at: self.at, person: self.person, change })
    }
}

/// How long a change may become of so many deflated bytes: neither memory nor work is out of proportion to what is stored.
fn longest(deflated: usize) -> usize {
    deflated.saturating_mul(limits::INFLATE_RATIO).min(limits::PAYLOAD_BYTES)
}

impl Canonical for Deflated {
    const WHAT: &'static str = "a revision's payload";
    const LIMIT: usize = limits::PAYLOAD_BYTES;

    fn write(&self, w: &mut Writer) {
        w.array(5);
        w.uint(DEFLATED);
        w.uint(self.at.as_ms());
        write_person(w, self.person.as_ref());
        w.uint(self.length);
        w.bytes(&self.deflated);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(5, "a revision's payload")?;
        r.tag("form of payload", |tag| (tag == DEFLATED).then_some(()))?;
        Ok(Self {
            at: Timestamp::from_ms(r.uint("a time")?),
            person: read_person(r)?,
            length: r.uint("the length of a change")?,
            deflated: r.bytes(limits::PAYLOAD_BYTES, "a deflated change")?.to_vec(),
        })
    }
}

/// What a response states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remark {
    /// We have read it.
    Acknowledge,
    /// It happened here too.
    SeenHereToo,
    /// Something to say.
    Comment,
    /// We did something about it.
    StepTaken,
    /// We stand behind it.
    Endorse,
    /// We opened a sealed part, because.
    Opened,
    /// A step of the document's lifecycle that is the responder's to take.
    Step,
}

impl Remark {
    /// All remarks, in the order of their tags.
    pub const ALL: [Self; 7] =
        [Self::Acknowledge, Self::SeenHereToo, Self::Comment, Self::StepTaken, Self::Endorse, Self::Opened, Self::Step];

    const fn tag(self) -> u64 {
        match self {
            Self::Acknowledge => 0,
            Self::SeenHereToo => 1,
            Self::Comment => 2,
            Self::StepTaken => 3,
            Self::Endorse => 4,
            Self::Opened => 5,
            Self::Step => 6,
        }
    }

    /// The word for it on a command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::SeenHereToo => "seen-here-too",
            Self::Comment => "comment",
            Self::StepTaken => "step-taken",
            Self::Endorse => "endorse",
            Self::Opened => "opened",
            Self::Step => "step",
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Remark {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|remark| remark.as_str() == text).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.into_iter().map(Self::as_str).collect();
            format!("'{text}' is no response: use one of {}", known.join(", "))
        })
    }
}

/// A reader's statement about a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponsePayload {
    /// When, by the author's clock. A claim.
    pub at: Timestamp,
    /// Which person acted, as the device attests.
    pub person: Option<String>,
    /// What it states.
    pub remark: Remark,
    /// The verb of the step taken, for [`Remark::Step`]; else empty.
    pub step: String,
    /// In words.
    pub text: String,
}

impl Canonical for ResponsePayload {
    const WHAT: &'static str = "a response's payload";
    const LIMIT: usize = limits::RESPONSE_TEXT_BYTES + 1024;

    fn write(&self, w: &mut Writer) {
        w.array(6);
        w.uint(PLAIN);
        w.uint(self.at.as_ms());
        write_person(w, self.person.as_ref());
        w.uint(self.remark.tag());
        w.text(&self.step);
        w.text(&self.text);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(6, "a response's payload")?;
        read_form(r)?;
        Ok(Self {
            at: Timestamp::from_ms(r.uint("a time")?),
            person: read_person(r)?,
            remark: r.tag("remark", |tag| Remark::ALL.into_iter().find(|remark| remark.tag() == tag))?,
            step: r.text(64, "a step")?.to_owned(),
            text: r.text(limits::RESPONSE_TEXT_BYTES, "a text")?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(change: Vec<u8>) -> RevisionPayload {
        RevisionPayload { at: Timestamp::from_ms(7), person: Some("Ada".to_owned()), change }
    }

    /// Words as people write them: no two sentences the same.
    fn words(bytes: usize) -> Vec<u8> {
        let mut text = String::new();
        for number in 0_u64.. {
            if text.len() >= bytes {
                break;
            }
            text += &format!("On the {number}th night somebody tried the {} doors of the garages. ", number * number % 97);
        }
        text.truncate(bytes);
        text.into_bytes()
    }

    fn form_1(length: u64, deflated: &[u8]) -> Vec<u8> {
        Deflated { at: Timestamp::from_ms(7), person: None, length, deflated: deflated.to_vec() }.to_canonical()
    }

    #[test]
    fn a_change_is_deflated_where_the_sealed_payload_becomes_shorter_and_comes_out_as_it_went_in() {
        let noise = *blake3::hash(b"noise").as_bytes();
        for (change, deflated) in [
            (words(900), true),
            (words(1024 * 1024), true),
            (words(20), false),
            (noise.to_vec(), false),
            (Vec::new(), false),
            // Would become longer, once inflated, than readers let it.
            (vec![0; 100_000], false),
            (words(1024 * 1024 + 1), false),
        ] {
            let (length, payload) = (change.len(), payload(change));
            let sealable = payload.to_sealable();
            assert_eq!(sealable[0] == OF_FIVE, deflated, "{length}");
            if deflated {
                assert!(padded_payload(sealable.len()) < padded_payload(payload.to_canonical().len()));
            } else {
                assert_eq!(sealable, payload.to_canonical());
            }
            if length <= limits::PAYLOAD_BYTES {
                assert_eq!(RevisionPayload::open(&sealable), Ok(payload));
            }
        }
    }

    #[test]
    fn a_payload_in_plain_form_opens_for_ever() {
        let payload = payload(words(900));
        assert_eq!(RevisionPayload::open(&payload.to_canonical()), Ok(payload));
    }

    #[test]
    fn a_deflated_change_that_is_a_bomb_or_cut_or_goes_on_or_lies_about_its_length_is_refused() {
        let change = words(900);
        let Deflated { deflated, .. } = Deflated::of(&payload(change.clone())).unwrap();
        let refused =
            |length: usize, deflated: &[u8]| RevisionPayload::open(&form_1(u64::try_from(length).unwrap(), deflated)).unwrap_err();
        assert_eq!(RevisionPayload::open(&form_1(900, &deflated)).unwrap().change, change);
        let damaged = |error: CodecError| assert!(matches!(error, CodecError::Malformed { .. }), "{error}");
        damaged(refused(899, &deflated));
        damaged(refused(901, &deflated));
        damaged(refused(0, &deflated));
        damaged(refused(900, &deflated[..deflated.len() - 1]));
        damaged(refused(900, &[&deflated[..], &[0]].concat()));
        damaged(refused(900, &[0xff; 100]));
        let mut bomb = Vec::with_capacity(8192);
        Compress::new(Compression::best(), false).compress_vec(&vec![0; 4 << 20], &mut bomb, FlushCompress::Finish).unwrap();
        for length in [4 << 20, (1 << 20) + 1, bomb.len() * limits::INFLATE_RATIO + 1, usize::MAX] {
            assert!(matches!(refused(length, &bomb), CodecError::TooLong { .. }), "{length}");
        }
        // It says that it is short enough, and is not.
        damaged(refused(bomb.len(), &bomb));
        // Items of one form under the tag of the other.
        let with_tag = |mut bytes: Vec<u8>, tag: u8| {
            bytes[1] = tag;
            RevisionPayload::open(&bytes).unwrap_err()
        };
        assert!(matches!(with_tag(form_1(900, &deflated), 0), CodecError::Unknown { offset: 1, found: 0, .. }));
        assert!(matches!(with_tag(payload(change).to_canonical(), 1), CodecError::Unknown { offset: 1, found: 1, .. }));
    }
}
