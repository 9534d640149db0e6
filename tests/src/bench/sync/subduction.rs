//! The same documents in Subduction: to have something to compare with.
//!
//! Two nodes in this process, over WebSocket on loopback, each with a durable database of its own: a sedimentree for every
//! bulletin, a commit for every change, with the bytes of the change. A commit counts when its signature was verified and its
//! transaction is on the disk. What Subduction leaves out counts in its favour: it seals and judges nothing, shows nothing, and
//! the fresh node is told which documents there are and asks for all of them at once.

use super::bulletins::{Bulletin, REVISIONS};
use super::milliseconds;
use crate::bench::median;
use sedimentree_core::blob::Blob;
use sedimentree_core::depth::CountLeadingZeroBytes;
use sedimentree_core::id::SedimentreeId;
use sedimentree_core::loose_commit::id::CommitId;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};
use subduction_core::nonce_cache::NonceCache;
use subduction_core::policy::open::OpenPolicy;
use subduction_core::timeout::call::CallTimeout;
use subduction_crypto::signer::memory::MemorySigner;
use subduction_redb_storage::RedbStorage;
use subduction_websocket::DEFAULT_MAX_MESSAGE_SIZE;
use subduction_websocket::tokio::TimeoutTokio;
use subduction_websocket::tokio::server::TokioWebSocketServer;
use tokio::task::JoinSet;

/// How far clocks may differ: there is one.
const DRIFT: Duration = Duration::from_secs(60);
/// Documents that are put into the first node's database at once.
const FILLED: usize = 64;

type Node = TokioWebSocketServer<RedbStorage, OpenPolicy, MemorySigner, CountLeadingZeroBytes, TimeoutTokio>;

/// Milliseconds until a fresh node has every change of every bulletin, verified and durable: the median of so many fresh nodes.
pub(super) fn catch_up(bulletins: &[Bulletin], runs: usize) -> f64 {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(compare(bulletins, runs))
}

async fn compare(bulletins: &[Bulletin], runs: usize) -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut owner, _) = node(1, &folder.path().join("owner")).await;
    for some in bulletins.chunks(FILLED) {
        let mut filling = JoinSet::new();
        for bulletin in some {
            let (subduction, (id, commits)) = (owner.subduction().clone(), tree(bulletin));
            filling.spawn(async move { subduction.store_commits_batch(id, commits).await.expect("room for the workload") });
        }
        filling.join_all().await;
    }
    let ids: Vec<SedimentreeId> = bulletins.iter().map(|bulletin| SedimentreeId::new(*bulletin.document.as_bytes())).collect();
    let mut taken = Vec::new();
    for run in 0..runs {
        taken.push(fresh(&owner, run, &ids, &folder.path().join(format!("neighbour {run}"))).await);
    }
    owner.stop_and_drain().await;
    median(taken)
}

/// What one more fresh node takes.
async fn fresh(owner: &Node, run: usize, ids: &[SedimentreeId], folder: &Path) -> f64 {
    let (mut neighbour, storage) = node(u8::try_from(run + 2).expect("few runs"), folder).await;
    let begun = Instant::now();
    let address = format!("ws://{}", owner.address()).parse().expect("an address");
    let peer = neighbour.try_connect(address, owner.peer_id()).await.expect("a node that runs");
    let mut asking = JoinSet::new();
    for id in ids {
        let (subduction, id) = (neighbour.subduction().clone(), *id);
        asking.spawn(async move {
            let (succeeded, stats, errors) =
                subduction.sync_with_peer(&peer, id, false, CallTimeout::Uncapped).await.expect("a database that takes it");
            assert!(succeeded && errors.is_empty(), "{errors:?}");
            stats.commits_received as u64
        });
    }
    let received: u64 = asking.join_all().await.into_iter().sum();
    let taken = milliseconds(begun);
    let (held, _) = storage.inspect_overview().await.expect("a database that can be read");
    let all = ids.len() as u64 * REVISIONS;
    assert_eq!((received, held.trees, held.commits as u64), (all, ids.len(), all), "not every change is on the disk");
    neighbour.stop_and_drain().await;
    taken
}

async fn node(seed: u8, folder: &Path) -> (Node, RedbStorage) {
    let storage = RedbStorage::new(folder).expect("a database");
    let node = TokioWebSocketServer::setup(
        ([127, 0, 0, 1], 0).into(),
        TimeoutTokio,
        DRIFT,
        DEFAULT_MAX_MESSAGE_SIZE,
        MemorySigner::from_bytes(&[seed; 32]),
        None,
        storage.clone(),
        OpenPolicy,
        NonceCache::default(),
        CountLeadingZeroBytes,
    );
    (node.await.expect("a free port"), storage)
}

/// A bulletin as a sedimentree: each change is a commit upon the one before.
fn tree(bulletin: &Bulletin) -> (SedimentreeId, Vec<(CommitId, BTreeSet<CommitId>, Blob)>) {
    let commits = bulletin.changes.iter().map(|bytes| {
        let change = automerge::Change::from_bytes(bytes.clone()).expect("a change");
        let parents = change.deps().iter().map(|hash| CommitId::new(hash.0)).collect();
        (CommitId::new(change.hash().0), parents, Blob::new(bytes.clone()))
    });
    (SedimentreeId::new(*bulletin.document.as_bytes()), commits.collect())
}
