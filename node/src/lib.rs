//! (map to come)

pub mod network;
