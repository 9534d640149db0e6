//! (map to come)

pub mod storage;
