//! (map to come)

pub mod cap;
pub mod storage;
