//! One organisation's node.

pub mod desk;
