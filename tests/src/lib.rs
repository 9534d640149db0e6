//! What the suites share.

pub mod history;
pub mod programs;
pub mod vectors;
