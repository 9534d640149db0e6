//! `csu demo`: two unions and a police force on this computer, and a day's work between them.
//!
//! Three real nodes, each a process of its own with its own folder, on loopback with free ports and
//! without mDNS. Every step is asked of a node through its API, as the commands and pages ask, and
//! then checked against what *each* node really holds. The first difference ends the demo.

mod acts;
mod town;

use crate::cli::client::ClientError;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;
use town::Town;

/// Why the demo ended early.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A node holds something else than it should.
    #[error("{who}: {what}")]
    Difference {
        /// Which node.
        who: String,
        /// What was expected and what was found.
        what: String,
    },
    /// A node refused or did not answer.
    #[error("{who}: {error} ({})", .error.remedy())]
    Refused {
        /// Which node.
        who: String,
        /// Why.
        error: ClientError,
    },
    /// A process could not be started, or ended.
    #[error("{who}: {why}")]
    Process {
        /// Which node.
        who: String,
        /// What happened.
        why: String,
    },
    /// This computer does not let the demo work.
    #[error("{what}: {why}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        why: std::io::Error,
    },
}

/// How the demo runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It ends with its verdict.
    Once,
    /// On a terminal it stays up to look around.
    Stay,
}

/// Runs the demo and prints what happens.
///
/// # Errors
/// At the first difference from what should have happened.
pub async fn run(ending: Ending) -> Result<(), DemoError> {
    let folder = tempfile::Builder::new()
        .prefix("csu-demo-")
        .tempdir()
        .map_err(|why| DemoError::System { what: "making a temporary folder", why })?;
    let program = std::env::current_exe().map_err(|why| DemoError::System { what: "finding this program", why })?;
    let mut town = Town::new(folder.path().to_owned(), program);
    let result = acts::play(&mut town).await;
    match result {
        Ok(checks) => {
            println!("\nVerdict: all {checks} checks passed in {:.1} s.", town.elapsed().as_secs_f64());
            let stays = ending == Ending::Stay && std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
            let looked = if stays { look_around(&town).await } else { Ok(()) };
            town.stop().await;
            looked
        }
        Err(error) => {
            println!("\nVerdict: stopped at the first difference.");
            let kept = folder.keep();
            println!("The nodes' folders and their logs are kept in {}", kept.display());
            town.stop().await;
            Err(error)
        }
    }
}

async fn look_around(town: &Town) -> Result<(), DemoError> {
    let shown = |path: PathBuf| path.display().to_string();
    println!("\nThe three nodes stay up. In a browser, choose a password for each; a link is good once:");
    for node in town.nodes() {
        println!("  {}        # {}", node.link().await?, node.name());
    }
    println!("In another terminal, look around:");
    for node in town.nodes() {
        println!("  csu --data {} bulletin list        # {}", shown(node.data()), node.name());
    }
    println!("  csu --data … status | log | peer list | bulletin history ID | access ID");
    println!("Press Ctrl-C to end the demo and remove its folders.");
    // Without a signal handler there is nothing to wait for; the demo then simply ends.
    tokio::signal::ctrl_c().await.ok();
    Ok(())
}

/// How long anything may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);
