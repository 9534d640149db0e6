//! (map to come)
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::as_conversions)]

pub mod codec;
pub mod document;
pub mod entropy;
pub mod entry;
pub mod id;
pub mod identity;
pub mod limits;
pub mod store;
pub mod time;
