//! What the suites share.
//!
//! For suites of real processes: [`node`] runs `csu` as people do: a data folder, a process, commands,
//! the API. [`town`] pairs several, [`stranger`] breaks the rules of their protocol, [`chance`] draws
//! from a seed that is printed, so that a failure can be played again. Everything there fails by a
//! panic that names the node and shows the end of its log; every wait is bounded; every process ends
//! with the value that started it.

pub mod chance;
pub mod history;
pub mod node;
pub mod programs;
pub mod stranger;
pub mod town;
pub mod vectors;
