//! `csu demo`: the whole of it in one command.

use crate::cli::failure::Failure;

/// Shows three nodes at work on this computer.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct DemoArgs {
    /// End as soon as the verdict is there, also on a terminal
    #[arg(long)]
    pub once: bool,
}

/// Runs the demo.
///
/// # Errors
/// At the first difference from what should have happened.
pub async fn demo(_args: DemoArgs) -> Result<(), Failure> {
    // integrator: crate::demo::run(args)
    Err(Failure::new("this build has no demo", "use a whole build"))
}
