//! One organisation's node.

pub mod cap;
pub mod cli;
pub mod config;
pub mod demo;
pub mod desk;
pub mod driver;
pub mod http;
pub mod keys;
pub mod network;
pub mod office;
pub mod storage;
