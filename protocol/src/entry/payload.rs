//! What a sealed payload holds once it is open.
//!
//! Each begins with a form tag: 0 is plain; 1 is reserved for compression.

use crate::codec::{Canonical, CodecError, Reader, Writer};
use crate::limits;
use crate::time::Timestamp;
use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};

const PLAIN: u64 = 0;

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
