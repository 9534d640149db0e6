//! One organisation's node.

pub mod cli;
pub mod config;
pub mod desk;
pub mod http;
pub mod keys;
