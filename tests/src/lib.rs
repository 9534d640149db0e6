//! What the suites share.
//!
//! Of the protocol: [`history`] writes random histories of a document, [`model`] judges them in the plainest way,
//! [`federation`] runs many machines in virtual time, [`vectors`] makes the golden vectors, [`mod@bench`] measures. Of real processes:
//! [`node`] runs `csu` as people do (a data folder, a process, commands, the API), [`browser`] looks at its pages, [`town`] pairs several, [`stranger`] speaks
//! their protocol by hand, [`proxy`] is a bad network between them, [`liar`] lies in it by name, [`remains`] searches a node's files, [`programs`] finds and runs what was built. Chance is drawn from a seed
//! that is printed ([`history::Dice`]), so that a failure can be played again.
//!
//! Everything here fails by a panic that names the node and shows the end of its log; every wait is bounded; every process
//! ends with the value that started it.

pub mod bench;
pub mod browser;
pub mod federation;
pub mod history;
pub mod liar;
pub mod model;
pub mod node;
pub mod programs;
pub mod proxy;
pub mod remains;
pub mod stranger;
pub mod town;
pub mod vectors;
