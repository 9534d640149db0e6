//! What the suites share.

pub mod programs;
