//! (map to come)

pub mod cap;
