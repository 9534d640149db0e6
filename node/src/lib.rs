//! One organisation's node.

pub mod config;
pub mod desk;
pub mod http;
pub mod keys;
