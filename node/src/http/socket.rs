//! The Unix socket of the API.
//!
//! It is made in a private folder beside its place, given its owner, group and mode, and only then
//! renamed into place: at no moment can somebody else open it, and the socket that a killed node left
//! behind is replaced in the same step. Besides the mode, the kernel's word on who connects is checked.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections that are open at once; more wait.
const CONNECTIONS: usize = 64;
/// How long to wait when the system has no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Why the socket cannot be used. The operator can mend it.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// A node answers there already.
    #[error("a node answers on {} already: stop it, or set another `socket` in csu.toml", .path.display())]
    Live {
        /// The socket.
        path: PathBuf,
    },
    /// Something else has that name.
    #[error("{} is there and is no socket: remove it, or set another `socket` in csu.toml", .path.display())]
    Occupied {
        /// What is there.
        path: PathBuf,
    },
    /// There is no such group.
    #[error("there is no group '{group}': make it with `groupadd {group}`, or set another `socket_group` in csu.toml")]
    NoGroup {
        /// The group's name.
        group: String,
    },
    /// The system refused.
    #[error("the socket {} cannot be {action} ({why}): check that its folder is there and yours{hint}", .path.display())]
    System {
        /// The socket.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        why: std::io::Error,
        /// What else to check.
        hint: &'static str,
    },
}

fn system(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> SocketError {
    let path = path.to_owned();
    move |why| SocketError::System { path, action, why, hint: "" }
}

/// The API's socket, listening. Dropping it removes it from the folder.
#[derive(Debug)]
pub struct ApiSocket {
    listener: UnixListener,
    path: PathBuf,
    places: Arc<Semaphore>,
    // With a group, the socket's mode alone decides.
    only_owner: bool,
}

impl ApiSocket {
    /// Listens at `path`, for this user, and for the members of `group` if one is named.
    ///
    /// # Errors
    /// When a node answers there already, the group is unknown, or the system refuses.
    pub async fn bind(path: &Path, group: Option<&str>) -> Result<Self, SocketError> {
        let group = group.map(group_id).transpose()?;
        clear_the_way(path).await?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let making = tempfile::Builder::new()
            .prefix(".s")
            .rand_bytes(4)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(folder)
            .map_err(system(path, "made"))?;
        let private = making.path().join("s");
        let listener = UnixListener::bind(&private).map_err(system(path, "made"))?;
        let mode = if group.is_some() { 0o660 } else { 0o600 };
        if group.is_some() {
            std::os::unix::fs::chown(&private, None, group).map_err(|why| SocketError::System {
                path: path.to_owned(),
                action: "given to its group",
                why,
                hint: ", and that you are a member of the group",
            })?;
        }
        fs::set_permissions(&private, Permissions::from_mode(mode)).map_err(system(path, "closed to others"))?;
        fs::rename(&private, path).map_err(system(path, "put in place"))?;
        if let (Some(group), Some(keeper)) = (group, fs::metadata(folder).ok()) {
            open_folder_to(folder, group, &keeper).map_err(system(folder, "opened to the group"))?;
        }
        Ok(Self { listener, path: path.to_owned(), places: Arc::new(Semaphore::new(CONNECTIONS)), only_owner: group.is_none() })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn admits(&self, stream: &UnixStream) -> bool {
        if !self.only_owner {
            return true;
        }
        let us = rustix::process::geteuid().as_raw();
        stream.peer_cred().is_ok_and(|peer| peer.uid() == us || peer.uid() == 0)
    }
}

/// Lets the group pass through a folder that was closed to it, without showing what else is there.
fn open_folder_to(folder: &Path, group: u32, now: &fs::Metadata) -> std::io::Result<()> {
    let mode = now.permissions().mode() & 0o777;
    if mode & 0o011 != 0 {
        return Ok(());
    }
    std::os::unix::fs::chown(folder, None, Some(group))?;
    fs::set_permissions(folder, Permissions::from_mode(mode | 0o010))
}

fn group_id(group: &str) -> Result<u32, SocketError> {
    let found = nix::unistd::Group::from_name(group).ok().flatten();
    found.map(|found| found.gid.as_raw()).ok_or_else(|| SocketError::NoGroup { group: group.to_owned() })
}

/// Refuses a place where somebody answers, or where something lies that is no socket.
async fn clear_the_way(path: &Path) -> Result<(), SocketError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(system(path, "looked at")(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => return Err(SocketError::Occupied { path: path.to_owned() }),
        Ok(_) => {}
    }
    match tokio::time::timeout(Duration::from_secs(2), UnixStream::connect(path)).await {
        // Refused: the node that made it is gone.
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Ok(Err(error)) => Err(system(path, "looked at")(error)),
        // Too busy to answer is alive, too.
        Ok(Ok(_)) | Err(_) => Err(SocketError::Live { path: path.to_owned() }),
    }
}

impl Drop for ApiSocket {
    fn drop(&mut self) {
        // Nobody is left to tell; the next start replaces what stays.
        fs::remove_file(&self.path).ok();
    }
}

impl axum::serve::Listener for ApiSocket {
    type Io = Connection;
    type Addr = PathBuf;

    async fn accept(&mut self) -> (Connection, PathBuf) {
        loop {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
                // Never closed; but if it were, nobody could be served.
                return std::future::pending().await;
            };
            match self.listener.accept().await {
                Ok((stream, _)) if self.admits(&stream) => return (Connection { stream, _place: place }, self.path.clone()),
                Ok(_) => tracing::warn!("somebody who is not the owner of this node was turned away from its socket"),
                Err(error) => {
                    tracing::warn!(%error, "the socket could not take a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<PathBuf> {
        Ok(self.path.clone())
    }
}

/// One connection, which takes one of the places.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    _place: OwnedSemaphorePermit,
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
