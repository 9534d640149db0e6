//! Synchronising between two real processes: a fresh neighbour, a reconnection, live bulletins, and what idle documents cost.
//!
//! Every node is a `csu` process on loopback with a database of its own, the one beside this program (build it in the same
//! profile) or the one that `CSU_TEST_BIN` names. What a node holds before it starts is put into its database by the node's own
//! storage code; that it catches up is read from its database by a second reader, which sees what is committed.
//!
//! A hub with many peers is one machine in this process: see `hub`.
//!
//! Figures that end with `vs_floor` divide by what this machine can do, measured in the same run: see `floor`.

mod bulletins;
mod floor;
mod fresh;
mod hub;
mod idle;
mod lockstep;
mod long;
mod nodes;
#[cfg(feature = "peers")]
mod samod;
#[cfg(feature = "peers")]
mod subduction;

use super::{Figure, Progress, Size};
use floor::{Floor, disk_sync};
use fresh::{Caught, Route, catch_up};
use idle::Extent;
use std::path::Path;
use std::time::Instant;

/// Milliseconds since then.
fn milliseconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

/// What `work` makes of each, in order, on as many threads as there are cores.
fn on_all_cores<I: Sync, O: Send>(items: &[I], work: impl Fn(&I) -> O + Sync) -> Vec<O> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        let shares: Vec<_> = items.chunks(share).map(|share| scope.spawn(|| share.iter().map(&work).collect::<Vec<O>>())).collect();
        shares.into_iter().flat_map(|share| share.join().expect("work that does not panic")).collect()
    })
}

/// The figures of a fresh neighbour that catches up with the smaller workload: (name, unit).
const SMALL: &[(&str, &str)] = &[
    ("fresh_1k_ms", "ms"),
    ("fresh_wire_ratio", "ratio"),
    #[cfg(feature = "peers")]
    ("samod_1k_ms", "ms"),
    #[cfg(feature = "peers")]
    ("fresh_1k_vs_samod", "ratio"),
];
/// With the larger one.
const LARGE: &[(&str, &str)] = &[
    ("floor_verify_ms", "ms"),
    ("floor_append_ms", "ms"),
    ("floor_apply_ms", "ms"),
    ("floor_payload_bytes", "bytes"),
    ("fresh_10k_ms", "ms"),
    ("fresh_10k_vs_floor", "ratio"),
    ("fresh_growth", "ratio"),
    ("fresh_10k_visible_ms", "ms"),
    ("fresh_10k_visible_vs_floor", "ratio"),
    ("disk_ratio", "ratio"),
    ("search_index_ratio", "ratio"),
    #[cfg(feature = "peers")]
    ("subduction_10k_ms", "ms"),
    #[cfg(feature = "peers")]
    ("fresh_10k_vs_subduction", "ratio"),
];
/// Among many documents of which nothing changes.
const IDLE: &[(&str, &str)] = &[
    ("idle_rss_mib", "MiB"),
    ("start_ms", "ms"),
    ("reconnect_equal_bytes", "bytes"),
    ("reconnect_equal_round_trips", "count"),
    ("reconnect_equal_ms", "ms"),
    ("reconnect_ten_bytes", "bytes"),
    ("reconnect_ten_round_trips", "count"),
    ("live_p50_ms", "ms"),
    ("live_p99_ms", "ms"),
];
/// Of a hub with as many documents, in this process.
const HUB: &[(&str, &str)] = &[
    ("hub_start_ms", "ms"),
    ("hub_1000_peers_ms", "ms"),
    ("hub_1000_peer_p50_ms", "ms"),
    ("hub_1000_peer_max_ms", "ms"),
    ("hub_1000_peer_bytes", "bytes"),
    ("hub_1000_peers_mib", "MiB"),
];
/// Of documents with long histories.
const LONG: &[(&str, &str)] = &[
    ("long_text_extra_ms", "ms"),
    ("long_text_ms", "ms"),
    ("long_text_automerge_ms", "ms"),
    ("long_text_open_ms", "ms"),
    ("long_text_rebuild_ms", "ms"),
];
/// Of one with many revisions: shown after a start, and the same when nothing was kept of it.
const MANY: &[(&str, &str)] = &[("guide_10k_open_ms", "ms"), ("guide_10k_rebuild_ms", "ms")];
/// One sync of the disk.
const DISK: (&str, &str) = ("disk_sync_ms", "ms");
/// On what that is measured.
const DISK_WORKLOAD: &str = "fdatasync after 4 KiB";

fn small(size: Size) -> u64 {
    (size.fresh / 10).max(1)
}

fn bulletins(count: u64) -> String {
    let revisions = bulletins::REVISIONS * count;
    format!("{count} bulletins, {revisions} revisions, 12 fields, {} texts of 600 characters", bulletins::TEXTS.min(count))
}

fn idle_workload(size: Size) -> String {
    format!("{} idle bulletins, {} neighbours, {} live", size.documents, size.neighbours, size.live)
}

fn hub_workload(size: Size) -> String {
    let parts = "one in 10 for anyone, the others each for one of 1000 circles of up to 20 peers";
    format!("a hub's machine, {} idle documents, {parts}, {} peers, nothing differs", size.documents, size.hub)
}

fn long_workload(size: Size) -> String {
    match size.trace {
        Some(file) => format!("a text with the history of {file}, one more revision"),
        None => format!("a text of {} edits by dice of seed {}, one more revision", size.edits, long::SEED),
    }
}

fn many_workload(size: Size) -> String {
    format!("a guide of {} revisions, after a start", size.revisions)
}

/// The figures of this stage: (name, workload).
#[must_use]
pub fn figures(size: Size) -> Vec<(String, String)> {
    let named = |(name, _): (&str, &str), workload: &str| (name.to_owned(), workload.to_owned());
    let mut figures = vec![named(DISK, DISK_WORKLOAD)];
    if size.fresh > 0 {
        figures.extend(SMALL.iter().map(|figure| named(*figure, &bulletins(small(size)))));
        figures.extend(LARGE.iter().map(|figure| named(*figure, &bulletins(size.fresh))));
    }
    if size.documents > 0 {
        figures.extend(IDLE.iter().map(|figure| named(*figure, &idle_workload(size))));
    }
    if has_hub(size) {
        figures.extend(HUB.iter().map(|figure| named(*figure, &hub_workload(size))));
    }
    if size.edits > 0 {
        figures.extend(LONG.iter().map(|figure| named(*figure, &long_workload(size))));
        figures.extend(MANY.iter().map(|figure| named(*figure, &many_workload(size))));
    }
    figures
}

const fn has_hub(size: Size) -> bool {
    size.documents > 0 && size.hub > 0
}

/// Measures.
pub fn run(size: Size, progress: Progress<'_>) -> Vec<Figure> {
    let mut found = Vec::new();
    let mut put = |(name, unit): (&str, &'static str), value: f64, workload: &str| {
        found.push(Figure { name: name.to_owned(), value, unit, workload: workload.to_owned() });
    };
    // First, while nothing that was given back lets the process grow without being seen to.
    if has_hub(size) {
        let hub::Found { start_ms, all_ms, peer_ms, most_ms, peer_bytes, grown_bytes } = hub::measure(size.documents, size.hub, progress);
        let values = [start_ms, all_ms, peer_ms, most_ms, peer_bytes, grown_bytes / f64::from(1 << 20)];
        for (figure, value) in HUB.iter().zip(values) {
            put(*figure, value, &hub_workload(size));
        }
    }
    // The nodes' databases are there too.
    let folder = std::env::temp_dir();
    put(DISK, disk_sync(&folder), DISK_WORKLOAD);
    if size.fresh > 0 {
        let (small, large) = fresh_figures(size, &folder, progress);
        for (figure, value) in SMALL.iter().zip(small) {
            put(*figure, value, &bulletins(self::small(size)));
        }
        for (figure, value) in LARGE.iter().zip(large) {
            put(*figure, value, &bulletins(size.fresh));
        }
    }
    if size.documents > 0 {
        for (figure, value) in IDLE.iter().zip(idle_figures(size, progress)) {
            put(*figure, value, &idle_workload(size));
        }
    }
    if size.edits > 0 {
        let long = long::measure(size.edits, size.trace, size.revisions, size.runs, progress);
        let values =
            [(long.live_ms - long.automerge_ms).max(0.0), long.live_ms, long.automerge_ms, long.text_open_ms, long.text_rebuild_ms];
        for (figure, value) in LONG.iter().zip(values) {
            put(*figure, value, &long_workload(size));
        }
        for (figure, value) in MANY.iter().zip([long.guide_open_ms, long.guide_rebuild_ms]) {
            put(*figure, value, &many_workload(size));
        }
    }
    found
}

/// The values of [`SMALL`] and [`LARGE`].
fn fresh_figures(size: Size, folder: &Path, progress: Progress<'_>) -> (Vec<f64>, Vec<f64>) {
    let counted = catch_up(small(size), Route::Counted, progress);
    let wire = counted.wire.unwrap_or_default() as f64 / fresh::compressed_bytes(&counted.bulletins) as f64;
    let few = fresh::median_of(small(size), size.runs, progress).durable;
    let of_few = [vec![few, wire], beside::few(&counted.bulletins, few, size.runs, progress)].concat();
    drop(counted);
    let Caught { durable, visible, database, search, bulletins, .. } = fresh::median_of(size.fresh, size.runs, progress);
    progress("measuring the floor");
    let floor = Floor::measure(&bulletins, folder, size.runs);
    let growth = durable / few * small(size) as f64 / size.fresh as f64;
    let signed = fresh::signed_bytes(&bulletins) as f64;
    let (disk, index) = ((database - search) as f64 / signed, search as f64 / signed);
    let payloads = fresh::payload_bytes(&bulletins) as f64;
    let large = vec![
        floor.verify,
        floor.append,
        floor.apply,
        payloads,
        durable,
        durable / floor.durable(),
        growth,
        visible,
        visible / floor.visible(),
        disk,
        index,
    ];
    (of_few, [large, beside::many(&bulletins, durable, size.runs, progress)].concat())
}

/// Peers beside: what each takes for the same, in milliseconds, and how often `ours` goes into that.
#[cfg(feature = "peers")]
mod beside {
    use super::bulletins::Bulletin;
    use super::{Progress, samod, subduction};
    use crate::bench::median;

    pub(super) fn few(bulletins: &[Bulletin], ours: f64, runs: usize, progress: Progress<'_>) -> Vec<f64> {
        progress("samod catches up with the same");
        let theirs = median((0..runs).map(|_| samod::catch_up(bulletins)).collect());
        vec![theirs, theirs / ours]
    }

    pub(super) fn many(bulletins: &[Bulletin], ours: f64, runs: usize, progress: Progress<'_>) -> Vec<f64> {
        progress("Subduction catches up with the same");
        let theirs = subduction::catch_up(bulletins, runs);
        vec![theirs, theirs / ours]
    }
}

/// Nobody beside.
#[cfg(not(feature = "peers"))]
mod beside {
    use super::Progress;
    use super::bulletins::Bulletin;

    pub(super) const fn few(_: &[Bulletin], _: f64, _: usize, _: Progress<'_>) -> Vec<f64> {
        Vec::new()
    }

    pub(super) const fn many(_: &[Bulletin], _: f64, _: usize, _: Progress<'_>) -> Vec<f64> {
        Vec::new()
    }
}

/// The values of [`IDLE`].
fn idle_figures(size: Size, progress: Progress<'_>) -> [f64; 9] {
    let extent = Extent { documents: size.documents, neighbours: size.neighbours, live: size.live, runs: size.runs };
    let found = idle::measure(extent, progress);
    let mut live = found.live_ms;
    live.sort_by(f64::total_cmp);
    let at = |of: usize| live.get((live.len() * of).div_ceil(100).saturating_sub(1)).copied().unwrap_or(f64::NAN);
    [
        found.rss_bytes as f64 / f64::from(1 << 20),
        found.start_ms,
        found.equal.bytes as f64,
        found.equal.round_trips as f64,
        found.reconnect_ms,
        found.ten.bytes as f64,
        found.ten.round_trips as f64,
        at(50),
        at(99),
    ]
}
