//! A node with many documents of which nothing changes: what it costs, and what a reconnection and a new bulletin take.

use super::bulletins::{Writer, fields};
use super::lockstep::{End, Talk, reconnect};
use super::milliseconds;
use super::nodes::{Eye, Filler, Held, Pair, fill, patience};
use crate::bench::median;
use crate::node::Node;
use crate::town;
use csu_node::desk::{Document, IntegrityResult, PeerState, Status};
use serde_json::json;
use std::time::{Duration, Instant};

/// Bulletins that changed while two were parted.
pub(super) const CHANGED: u64 = 10;
/// How long a node must have had nothing to do before its memory is looked at.
const CALM: Duration = Duration::from_secs(5);
/// A start that takes longer than this is not repeated.
const LONG: Duration = Duration::from_secs(10);
/// Between two live bulletins.
const PAUSE: Duration = Duration::from_millis(20);
/// How often it is looked whether something live has come.
const LIVE_LOOK: Duration = Duration::from_micros(200);

/// How large it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    pub(super) documents: u64,
    pub(super) neighbours: u64,
    /// Live bulletins.
    pub(super) live: usize,
    /// Repetitions of what is repeated.
    pub(super) runs: usize,
}

/// What was found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) start_ms: f64,
    pub(super) rss_bytes: u64,
    pub(super) reconnect_ms: f64,
    pub(super) equal: Talk,
    /// Bytes over those of the entries themselves.
    pub(super) ten: Talk,
    pub(super) live_ms: Vec<f64>,
}

/// Measures.
pub(super) fn measure(extent: Extent, progress: &mut dyn FnMut(&str)) -> Found {
    let pair = Pair::up();
    let others: Vec<Node> = (1..extent.neighbours)
        .map(|number| {
            progress(&format!("pairing with neighbour {number} of {}", extent.neighbours));
            let other = Node::started(&format!("Union {number}"), "union");
            town::pair(&pair.owner, &other);
            other
        })
        .collect();
    pair.stop();
    for other in &others {
        assert!(other.terminate().success());
    }
    let writer = fill_both(&pair, extent.documents, progress);

    progress("reconnecting in this process, to count frames");
    let (equal, ten) = count(&pair, &writer);

    progress("starting");
    let patience = patience(extent.documents);
    let mut starts = vec![pair.owner.up_within(patience, &[])];
    while starts.len() < extent.runs && starts.iter().all(|taken| *taken < LONG) {
        until_checked(&pair.owner, patience);
        assert!(pair.owner.terminate().success());
        starts.push(pair.owner.up_within(patience, &[]));
    }
    let start_ms = median(starts.iter().map(|taken| taken.as_secs_f64() * 1e3).collect());
    progress(&format!("serving after {start_ms:.0} ms; starting {} neighbours", extent.neighbours));
    pair.neighbour.up_within(patience, &[]);
    for other in &others {
        other.up_within(patience, &[]);
    }
    until_checked(&pair.owner, patience);
    until_checked(&pair.neighbour, patience);
    until(&pair.owner, "was up to date with all neighbours", patience, |status| {
        status.peers.iter().all(|peer| peer.state == PeerState::Connected && !peer.syncing)
    });
    std::thread::sleep(CALM);
    let rss_bytes = pair.owner.resident_bytes();
    progress(&format!("{} MiB resident; reconnecting", rss_bytes >> 20));
    let reconnect_ms = median((0..extent.runs * 3).map(|_| reconnect_real(&pair, patience)).collect());
    progress(&format!("up to date after {reconnect_ms:.1} ms; {} live bulletins", extent.live));
    let live_ms = live(&pair, extent.live, patience);
    Found { start_ms, rss_bytes, reconnect_ms, equal, ten, live_ms }
}

/// Puts the same bulletins into both databases.
fn fill_both(pair: &Pair, documents: u64, progress: &mut dyn FnMut(&str)) -> Writer {
    let begun = Instant::now();
    let writer = pair.writer();
    let owner = writer.organisation();
    let fillers = vec![Filler::open(&pair.owner, owner, Held::Own), Filler::open(&pair.neighbour, owner, Held::From(owner))];
    let (mut written, mut told) = (0, 0);
    fill(fillers, &writer, 0..documents, |some| {
        written += some.len() as u64;
        if written - told >= 10_000 || written == documents {
            told = written;
            progress(&format!("wrote {written} of {documents} bulletins, in {} s", begun.elapsed().as_secs()));
        }
    });
    writer
}

/// Bytes and turns of a reconnection without and with changes.
fn count(pair: &Pair, writer: &Writer) -> (Talk, Talk) {
    let (mut owner, mut neighbour) = (End::of(&pair.owner), End::of(&pair.neighbour));
    // The first time since both run they also tell where they can be reached.
    reconnect(&mut owner, &mut neighbour);
    let equal = reconnect(&mut owner, &mut neighbour);
    let changes = owner.revise(writer, CHANGED);
    let ten = reconnect(&mut owner, &mut neighbour);
    owner.close();
    neighbour.close();
    (equal, Talk { bytes: ten.bytes.saturating_sub(changes), ..ten })
}

#[track_caller]
fn until(node: &Node, what: &str, patience: Duration, is: impl Fn(&Status) -> bool) {
    let until = Instant::now() + patience;
    loop {
        let status = node.get::<Status>("/status");
        if status.as_ref().is_ok_and(&is) {
            return;
        }
        assert!(Instant::now() < until, "{} never {what}: {status:?}\n{}", node.name(), node.tail());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Waits until the checks that begin with every start have ended.
#[track_caller]
fn until_checked(node: &Node, patience: Duration) {
    until(node, "ended the check of its database", patience, |status| status.integrity.result == IntegrityResult::Ok);
}

/// Parts the two by their operator's command, and joins them again: milliseconds from the command until the node's own log says
/// that it is up to date, dialling and handshakes among them.
fn reconnect_real(pair: &Pair, patience: Duration) -> f64 {
    const DONE: &str = "up to date";
    pair.pause(true);
    let parted = |status: &Status| status.peers.iter().all(|peer| peer.state == PeerState::Paused);
    until(&pair.neighbour, "parted", patience, parted);
    // What is dialled meanwhile from the other side is refused there; that is over soon.
    std::thread::sleep(Duration::from_millis(300));
    let before = pair.neighbour.log_text().matches(DONE).count();
    let begun = Instant::now();
    pair.pause(false);
    while pair.neighbour.log_text().matches(DONE).count() == before {
        assert!(begun.elapsed() < patience, "the two never were up to date again\n{}", pair.neighbour.tail());
        std::thread::sleep(Duration::from_millis(1));
    }
    milliseconds(begun)
}

/// Milliseconds from asking one node to issue a bulletin until the neighbour's list shows it, committed; one after the other.
fn live(pair: &Pair, bulletins: usize, patience: Duration) -> Vec<f64> {
    let eye = Eye::on(&pair.neighbour);
    (0..bulletins)
        .map(|number| {
            let mut said = fields(number as u64);
            let title = format!("Something new, number {number}");
            said["info"][0]["headline"] = title.clone().into();
            let to = json!([{ "who": pair.neighbour.name(), "role": "read" }]);
            let draft = json!({ "kind": "bulletin", "fields": said, "to": to });
            let draft: Document = pair.owner.post("/documents", &draft).expect("a draft");
            let newest = eye.newest_line();
            std::thread::sleep(PAUSE);
            std::thread::scope(|scope| {
                let issuing = scope.spawn(|| {
                    let begun = Instant::now();
                    pair.owner.step(&draft.reference, "issue", &json!({})).expect("an issued bulletin");
                    begun
                });
                let waiting = Instant::now();
                while !eye.lists(&title, newest) {
                    assert!(waiting.elapsed() < patience, "a bulletin never came\n{}", pair.neighbour.tail());
                    std::thread::sleep(LIVE_LOOK);
                }
                let seen = Instant::now();
                let begun = issuing.join().expect("an issued bulletin");
                seen.saturating_duration_since(begun).as_secs_f64() * 1e3
            })
        })
        .collect()
}
