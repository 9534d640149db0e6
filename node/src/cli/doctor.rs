//! `csu doctor`: what is wrong, and what to do about it, whether the node runs or not.

use super::client::{Client, ClientError};
use crate::backup::BackupError;
use crate::config::Config;
use crate::desk::{Check, LogBreak, LogCheck};
use crate::keys::{DataLock, Keys, KeysError};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

/// Less room than this is a fault.
const ROOM_BYTES: u64 = 256 * 1024 * 1024;
/// How long a node that is asked about itself may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks at everything that can be looked at.
pub async fn examine(config: &Config, client: &Client) -> Vec<Check> {
    let mut checks = vec![folder(&config.data), keys(&config.data), room(&config.data)];
    checks.extend(backups(&config.data));
    let running = match DataLock::held_by(&config.data) {
        Ok(holder) => holder.is_some(),
        Err(error) => {
            checks.push(of_error("lock", &error));
            false
        }
    };
    match client.clone().with_timeout(PATIENCE).get("/doctor").await.and_then(|answer| answer.read::<Vec<Check>>()) {
        Ok(more) => {
            checks.push(Check::passed("node", format!("running, answers at {}", config.socket.display())));
            checks.extend(more);
        }
        Err(ClientError::NotRunning { .. }) if !running => {
            checks.push(Check::passed("node", "not running; start it with `csu up`"));
            checks.extend(config.listen.iter().map(|address| port(address)));
            checks.extend(database(config));
            checks.extend(recovery(config));
            checks.extend(access_log(config));
        }
        Err(error) => checks.push(Check::failed("node", error.to_string(), error.remedy())),
    }
    checks
}

/// What can be said of the database while the node does not run.
fn database(config: &Config) -> Option<Check> {
    if !config.data.join(crate::storage::FILE).exists() {
        return None;
    }
    Some(match crate::storage::check_now(&config.data) {
        Ok(found) if found.is_empty() => Check::passed("database", "checked, and whole"),
        Ok(found) => Check::failed(
            "database",
            found.join("; "),
            "copy the data folder away, then restore a backup; neighbours still hold what was shared",
        ),
        Err(error) => of_error("database", &error),
    })
}

/// Whether the node was restored, and not to its end.
fn recovery(config: &Config) -> Option<Check> {
    const NAME: &str = "recovery";
    match crate::storage::is_recovering_now(&config.data) {
        Ok(false) => None,
        Ok(true) => Some(of_error(NAME, &crate::driver::DriverError::Recovering)),
        // What is wrong with the database is said where it is checked.
        Err(_) => None,
    }
}

/// What can be said of the access log while the node does not run: everything.
fn access_log(config: &Config) -> Option<Check> {
    const NAME: &str = "access log";
    if !config.data.join(crate::storage::FILE).exists() {
        return None;
    }
    Some(match crate::storage::check_log_now(&config.data, None, &mut |_, _| {}) {
        Ok(None) => Check::passed(NAME, "written by an older version; its lines are chained when the node starts"),
        Ok(Some((head, walk))) => {
            let found = LogCheck::of(head, walk);
            match found.broken {
                Some(broken) => Check::failed(NAME, broken.to_string(), LogBreak::REMEDY),
                None => Check::passed(NAME, format!("{} lines checked, and whole; newest {}", found.to, found.head)),
            }
        }
        Err(error) => of_error(NAME, &error),
    })
}

fn of_error(name: &str, error: &dyn std::fmt::Display) -> Check {
    let text = error.to_string();
    let (detail, remedy) = text.rsplit_once(": ").unwrap_or((text.as_str(), "see what it says"));
    Check::failed(name, detail, remedy)
}

fn folder(data: &Path) -> Check {
    let shown = data.display();
    match std::fs::metadata(data) {
        Err(error) => Check::failed(
            "data folder",
            format!("{shown} cannot be looked at ({error})"),
            "make an organisation with `csu init`, or name its folder with --data",
        ),
        Ok(metadata) if !metadata.is_dir() => Check::failed("data folder", format!("{shown} is no folder"), "name another with --data"),
        Ok(metadata) if metadata.permissions().mode() & 0o027 != 0 => Check::failed(
            "data folder",
            format!("{shown} is open to others (mode {:03o})", metadata.permissions().mode() & 0o777),
            format!("type `chmod 700 '{shown}'`"),
        ),
        Ok(_) => Check::passed("data folder", shown.to_string()),
    }
}

fn keys(data: &Path) -> Check {
    match Keys::load(data, None) {
        Ok(keys) => Check::passed("keys", format!("of {}, not sealed by a passphrase", keys.card().card().name.as_str())),
        // They are opened when the node starts.
        Err(KeysError::Sealed { .. }) => Check::passed("keys", "sealed by a passphrase"),
        Err(error) => of_error("keys", &error),
    }
}

/// Whether backups can be written. What is wrong with the keys as a whole is said where they are looked at.
fn backups(data: &Path) -> Option<Check> {
    const NAME: &str = "backups";
    let card = Keys::public_card(data).ok()?;
    Some(match crate::keys::recovery_key(data, card.card().organisation) {
        Ok(Some(_)) => Check::passed(NAME, "sealed for the recovery phrase; write one with `csu backup`"),
        Ok(None) => of_error(NAME, &BackupError::NoRecoveryKey),
        Err(error) => of_error(NAME, &BackupError::from(error)),
    })
}

fn room(data: &Path) -> Check {
    match rustix::fs::statvfs(data) {
        Err(error) => Check::failed("disk", format!("its room is not known ({error})"), "check the disk that holds the data folder"),
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let detail = format!("{} MiB free", free / 1024 / 1024);
            if free < ROOM_BYTES {
                Check::failed("disk", detail, "make room on the disk that holds the data folder")
            } else {
                Check::passed("disk", detail)
            }
        }
    }
}

/// Whether a node could listen at this multiaddress.
fn port(address: &str) -> Check {
    let name = format!("listen {address}");
    let parts: Vec<&str> = address.split('/').collect();
    let tried = match parts.as_slice() {
        ["", "ip4" | "ip6", ip, "udp", port, ..] => place(ip, port).map(|place| UdpSocket::bind(place).map(drop)),
        ["", "ip4" | "ip6", ip, "tcp", port, ..] => place(ip, port).map(|place| TcpListener::bind(place).map(drop)),
        _ => None,
    };
    match tried {
        None => Check::passed(name, "not looked at: no plain IP address"),
        Some(Ok(())) => Check::passed(name, "free"),
        Some(Err(error)) => Check::failed(
            name,
            format!("cannot be used ({error})"),
            "end the program that has the port, or set another `listen` in csu.toml",
        ),
    }
}

fn place(ip: &str, port: &str) -> Option<SocketAddr> {
    Some(SocketAddr::new(ip.parse().ok()?, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Flags;
    use crate::desk::Actor;

    #[tokio::test]
    async fn an_empty_place_is_told_to_be_initialised_and_a_taken_port_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = vec![format!("/ip4/127.0.0.1/tcp/{}", taken.local_addr().unwrap().port()), "/ip4/127.0.0.1/udp/0/quic-v1".to_owned()];
        let flags = Flags { data: Some(folder.path().join("data")), listen, ..Flags::default() };
        let config = Config::load(&flags, []).unwrap();
        let checks = examine(&config, &Client::new(&config.socket, Actor::unnamed())).await;
        let bad: Vec<&str> = checks.iter().filter(|check| !check.ok).map(|check| check.name.as_str()).collect();
        let taken = format!("listen {}", config.listen[0]);
        assert_eq!(bad, ["data folder", "keys", "disk", taken.as_str()]);
        assert!(checks[1].remedy.as_ref().unwrap().contains("csu init"));
    }

    #[tokio::test]
    async fn a_folder_whose_node_hangs_is_told_apart_from_one_whose_node_is_down() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::load(&Flags { data: Some(folder.path().to_owned()), ..Flags::default() }, []).unwrap();
        let _lock = DataLock::acquire(folder.path()).unwrap();
        let checks = examine(&config, &Client::new(&config.socket, Actor::unnamed())).await;
        let node = checks.iter().find(|check| check.name == "node").unwrap();
        assert!(!node.ok, "{node:?}");
    }
}
