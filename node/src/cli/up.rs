//! `csu up`: the node itself, in the foreground.

use crate::config::Config;

/// Runs the node until it is told to stop.
///
/// # Errors
/// When it cannot start, or something it stands on is taken away.
pub async fn up(config: Config) -> anyhow::Result<()> {
    // integrator
    anyhow::bail!("the node at {} cannot be started by this build: use a whole one", config.data.display())
}
