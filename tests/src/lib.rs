//! What the suites share: random histories of a document.

pub mod history;
