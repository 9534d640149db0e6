//! The same documents in samod, automerge-repo in Rust: to have something to compare with.
//!
//! Two repositories in this process, over TCP on loopback, each with its documents in a folder. What samod leaves out counts in
//! its favour: it signs, seals and judges nothing, and does not wait for the disk.

use super::bulletins::Bulletin;
use super::milliseconds;
use automerge::{Automerge, Change, ChangeHash};
use futures::StreamExt;
use samod::storage::TokioFilesystemStorage;
use samod::tokio_io::TcpDialer;
use samod::{BackoffConfig, DocumentId, PeerId, Repo};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// Documents that are asked for at once.
const ASKED: usize = 64;
/// Between two looks at a document that is not all there.
const LOOK: Duration = Duration::from_millis(1);

/// Milliseconds until a fresh repository shows the last version of every bulletin.
pub(super) fn catch_up(bulletins: &[Bulletin]) -> f64 {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(compare(bulletins))
}

async fn compare(bulletins: &[Bulletin]) -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let owner = repository("owner", &folder.path().join("owner")).await;
    let neighbour = repository("neighbour", &folder.path().join("neighbour")).await;
    let mut documents = Vec::new();
    for bulletin in bulletins {
        documents.push(create(&owner, bulletin).await);
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let port = listener.local_addr().expect("a port").port();
    let acceptor = owner.make_acceptor("tcp://owner".parse().expect("an address")).expect("a repository that runs");
    let accepting = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        acceptor.accept_tokio_io(stream).expect("a repository that runs").handshake_complete().await.ok();
    });
    let begun = Instant::now();
    let dialer = Arc::new(TcpDialer::new_host_port("127.0.0.1".to_owned(), port));
    neighbour.dial(BackoffConfig::default(), dialer).expect("a repository that runs");
    let all = futures::stream::iter(documents).map(|(id, heads)| until_there(&neighbour, id, heads));
    all.buffer_unordered(ASKED).collect::<()>().await;
    let taken = milliseconds(begun);
    accepting.await.expect("a connection");
    owner.stop().await;
    neighbour.stop().await;
    taken
}

async fn repository(name: &str, folder: &Path) -> Repo {
    Repo::build_tokio().with_peer_id(PeerId::from(name)).with_storage(TokioFilesystemStorage::new(folder)).load().await
}

async fn create(owner: &Repo, bulletin: &Bulletin) -> (DocumentId, Vec<ChangeHash>) {
    let changes = bulletin.changes.iter().map(|bytes| Change::from_bytes(bytes.clone()).expect("a change"));
    let mut document = Automerge::new();
    document.apply_changes(changes.collect::<Vec<_>>()).expect("changes that fit");
    let heads = document.get_heads();
    let handle = owner.create(document).await.expect("a repository that runs");
    (handle.document_id().clone(), heads)
}

async fn until_there(neighbour: &Repo, id: DocumentId, heads: Vec<ChangeHash>) {
    loop {
        let found = neighbour.find(id.clone()).await.expect("a repository that runs");
        if found.is_some_and(|document| document.with_document(|document| document.get_heads()) == heads) {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}
