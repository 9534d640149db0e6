//! The fuzz targets as a crate of their own: see [`targets`](crate::TARGETS).
//!
//! What they do stands in `targets.rs` and the files beside it, which the suite `corpora` of csu-tests compiles too. Of the
//! node, whose dependencies would take minutes to build for the fuzzer, this crate compiles the reader and writer of the
//! Common Alerting Protocol alone: they import nothing else of it.

#[path = "../../../node/src/cap"]
#[allow(dead_code, unreachable_pub, reason = "the node uses the rest")]
mod cap {
    mod error;
    mod geo;
    mod read;
    mod reference;
    mod schema;
    mod time;
    mod value;
    mod warning;
    mod words;
    mod write;
    mod xml;

    pub(crate) use read::{ReadOptions, read};
    pub(crate) use words::{MsgType, UnknownWord};
    pub(crate) use write::{Export, write};

    // As in the head of the module, which a path cannot name together with its parts.
    const PARAMETER_PREFIX: &str = "csu:";
    const PROFILE_CODE: &str = "csu-link:0";
}

#[path = "../../../node/src/personal.rs"]
#[allow(dead_code, unreachable_pub, reason = "the node uses the rest")]
mod personal;

#[path = "targets.rs"]
mod targets;

pub use targets::*;
