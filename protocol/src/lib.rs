//! (map to come)
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::as_conversions))]

pub mod access;
pub mod author;
pub mod codec;
pub mod directory;
pub mod document;
pub mod entropy;
pub mod entry;
pub mod id;
pub mod identity;
pub mod limits;
pub mod reading;
pub mod store;
pub mod sync;
pub mod time;
pub mod wire;
