//! The `csu` command.

fn main() {}
