//! Where browsers reach the pages.
//!
//! Without TLS that is this computer alone: on any other address names, passwords and texts would cross the network in clear.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Why the pages cannot be offered. The operator can mend it.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// The address cannot be listened on.
    #[error(
        "the pages cannot be offered at {address} ({why}): set another `web`, such as web = \"127.0.0.1:4822\", in csu.toml, or web = \"off\""
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        why: std::io::Error,
    },
    /// The file of sessions cannot be used.
    #[error(
        "the sessions of the pages cannot be kept in {path} ({why}): look whether the disk is full and the folder yours; nobody can sign in without"
    )]
    Sessions {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
}

/// A place where browsers are answered.
#[derive(Debug)]
pub struct WebListener {
    listener: TcpListener,
    address: SocketAddr,
}

impl WebListener {
    /// Listens; port 0 is any that is free.
    ///
    /// # Errors
    /// When the address is in use, or the system refuses it.
    pub async fn bind(address: SocketAddr) -> Result<Self, WebError> {
        let refused = |why| WebError::Listen { address, why };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) const fn port(&self) -> u16 {
        self.address.port()
    }

    /// The names and ports that a browser on this computer calls this by.
    pub(super) fn hosts(&self) -> Arc<[String]> {
        let port = self.address.port();
        [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}"), self.address.to_string()].into()
    }

    pub(super) fn into_inner(self) -> TcpListener {
        self.listener
    }
}
