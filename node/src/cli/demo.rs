//! `csu demo`: the whole of it in one command.

use crate::cli::failure::Failure;
use crate::demo::Ending;

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
pub async fn demo(args: DemoArgs) -> Result<(), Failure> {
    let ending = if args.once { Ending::Once } else { Ending::Stay };
    crate::demo::run(ending)
        .await
        .map_err(|error| Failure::new(error.to_string(), "look at the nodes' logs in the folder named above, and report this with them"))
}
