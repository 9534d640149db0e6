//! The commands.

pub mod client;
pub mod edit;
pub mod failure;
pub mod form;
pub mod screen;
