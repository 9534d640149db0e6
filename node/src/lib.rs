//! One organisation's node.

pub mod cap;
pub mod config;
pub mod desk;
pub mod http;
pub mod keys;
pub mod storage;
