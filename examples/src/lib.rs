//! Small programs that run. The tests run both.
//!
//! | program | what it shows |
//! |---|---|
//! | `two_peers.rs` | the protocol alone: two organisations in memory pair, and one reads what the other wrote |
//! | `api_client.rs` | a client of a running node's API, without any library for it |
//!
//! ```text
//! cargo run --release -p csu-examples --example two_peers
//! cargo run --release -p csu-examples --example api_client -- PATH/OF/THE/SOCKET
//! ```
//!
//! This library is empty: each program stands for itself, to be read from top to bottom.
