//! `csu up`: the node itself, in the foreground.

use crate::config::Config;
use crate::desk::{AccountLink, Actor};
use crate::driver;
use crate::keys::Passphrase;
use crate::storage::Options;
use tokio::signal::unix::{SignalKind, signal};

/// Bounds the database for tests of a full disk; no setting of users.
const MAX_PAGES: &str = "CSU_TEST_MAX_PAGES";

/// Runs the node until it is told to stop.
///
/// # Errors
/// When it cannot start, or something it stands on is taken away.
pub async fn up(config: Config, passphrase: Option<Passphrase>) -> anyhow::Result<()> {
    let max_pages = std::env::var(MAX_PAGES).ok().and_then(|pages| pages.parse().ok());
    let socket = config.socket.clone();
    let mut terminated = signal(SignalKind::terminate())?;
    let running = driver::start(config, Options { max_pages }, passphrase).await?;
    println!("The node is up. Commands reach it at {}.", socket.display());
    if let Some(pages) = &running.pages {
        println!("Its pages are at {pages}");
        if let Some(link) = running.desk.ask(|desk| desk.first_link(&Actor::unnamed())).await? {
            println!("Make the first account within {} hours at {}", AccountLink::HOURS, link.address);
        }
    }
    for address in &running.listening {
        println!("Neighbours reach it at {address}");
    }
    println!("Stop it with Ctrl-C or `csu down`.");
    let stop = async move {
        tokio::select! {
            _ = terminated.recv() => {}
            // Without a handler for Ctrl-C its default ends the node at once, as kill would.
            result = tokio::signal::ctrl_c() => if result.is_err() { std::future::pending().await },
        }
    };
    running.until(stop).await?;
    println!("The node has stopped.");
    Ok(())
}
