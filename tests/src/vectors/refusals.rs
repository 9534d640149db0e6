//! Refusals in words that another implementation can say too: the class of the error, and where.

use csu_protocol::codec::CodecError;
use csu_protocol::entry::{EntryError, FormError, SealError};
use csu_protocol::wire::WireError;

pub(super) fn codec(error: &CodecError) -> String {
    match error {
        CodecError::Malformed { offset, .. } => format!("malformed at byte {offset}"),
        CodecError::TooLong { offset, limit, .. } => format!("more than {limit} at byte {offset}"),
        CodecError::Unordered { offset, .. } => format!("not ascending in the list at byte {offset}"),
        CodecError::Unknown { offset, found, .. } => format!("unknown tag {found} at byte {offset}"),
        CodecError::NotCanonical => "not canonical".to_owned(),
    }
}

pub(super) fn form(error: &FormError) -> String {
    let what = match error {
        FormError::Genesis => "a genesis names something before it",
        FormError::NoDocument => "no document",
        FormError::Author => "the author does not fit",
        FormError::Chain => "seq and previous do not fit",
        FormError::Quota(_) => "seq beyond the quota",
        FormError::Parts(_) => "parts do not fit the kind",
        FormError::PartLength { .. } => "a part is too long",
        FormError::Keep => "keeps do not fit the principal",
    };
    format!("not well-formed: {what}")
}

pub(super) fn wire(error: &WireError) -> String {
    match error {
        WireError::Codec(error) => codec(error),
        WireError::Identity(_) => "signature of a card or record".to_owned(),
        WireError::Entry(EntryError::Header(error)) => format!("an entry's header: {}", codec(error)),
        WireError::Entry(EntryError::Form(error)) => format!("an entry's header: {}", form(error)),
        WireError::Entry(EntryError::Part { .. }) => "an entry's part is not the one its header names".to_owned(),
        WireError::Entry(EntryError::Signature(_)) => "signature of an entry".to_owned(),
        WireError::Misplaced { .. } => "an entry of another document or plane".to_owned(),
    }
}

pub(super) fn seal(error: &SealError) -> String {
    match error {
        SealError::Malformed(error) => codec(error),
        SealError::NotForUs => "not wrapped for the reader".to_owned(),
        SealError::NoSecret(generation) => format!("no secret of generation {generation}"),
        SealError::Unopened(_) => "does not open".to_owned(),
        SealError::Commitment => "not what was committed to".to_owned(),
        SealError::Unsealable(_) => "cannot be sealed".to_owned(),
    }
}
