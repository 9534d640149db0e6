//! A fresh neighbour: how long until it has everything and people see and find it, and how many bytes that takes.

use super::bulletins::{Bulletin, ENTRIES, parts};
use super::milliseconds;
use super::nodes::{Eye, Filler, Held, Pair, check, database_bytes, fill, patience, reroute, search_bytes};
use crate::bench::median;
use crate::proxy::{Proxy, Transport};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use std::io::Write;
use std::time::Instant;

/// What the neighbour took.
#[derive(Debug)]
pub(super) struct Caught {
    /// Milliseconds until every entry was verified and committed.
    pub(super) durable: f64,
    /// Milliseconds until its list shows the last version of every bulletin, and its search finds it.
    pub(super) visible: f64,
    /// Bytes of its database afterwards, when it was stopped in good order.
    pub(super) database: u64,
    /// Of these, bytes of the search index.
    pub(super) search: u64,
    /// Bytes of all that went through the wire in both directions; none if the two were not joined by the proxy.
    pub(super) wire: Option<u64>,
    /// What was sent, to compare with.
    pub(super) bulletins: Vec<Bulletin>,
}

/// How the two reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// As nodes do: QUIC or TCP, whichever comes first.
    Own,
    /// TCP through a proxy that counts.
    Counted,
}

/// Lets one fresh neighbour after the other catch up with so many bulletins: the median of the times, and the rest of the last.
pub(super) fn median_of(bulletins: u64, runs: usize, progress: &mut dyn FnMut(&str)) -> Caught {
    let (mut durable, mut visible) = (Vec::new(), Vec::new());
    loop {
        let caught = catch_up(bulletins, Route::Own, progress);
        durable.push(caught.durable);
        visible.push(caught.visible);
        if durable.len() >= runs {
            return Caught { durable: median(durable), visible: median(visible), ..caught };
        }
    }
}

/// Lets a fresh neighbour catch up with so many bulletins.
pub(super) fn catch_up(bulletins: u64, route: Route, progress: &mut dyn FnMut(&str)) -> Caught {
    progress(&format!("writing {bulletins} bulletins"));
    let pair = Pair::up();
    pair.pause(true);
    pair.stop();
    let writer = pair.writer();
    let mut written = Vec::new();
    let filler = Filler::open(&pair.owner, writer.organisation(), Held::Own);
    fill(vec![filler], &writer, 0..bulletins, |some| written.extend_from_slice(&some));
    let proxy = match route {
        Route::Own => None,
        Route::Counted => Some(Proxy::to(Transport::Tcp, pair.owner.port())),
    };
    if let Some(proxy) = &proxy {
        reroute(&pair, &proxy.address());
    }
    let patience = patience(bulletins);
    pair.owner.up_within(patience, &[]);
    pair.neighbour.up_within(patience, &[]);
    let eye = Eye::on(&pair.neighbour);
    assert_eq!((eye.entries(), eye.listed()), (0, 0), "the neighbour is not fresh");
    progress("a fresh neighbour catches up");
    let begun = Instant::now();
    pair.pause(false);
    eye.until("all entries", patience, |eye| eye.entries() >= bulletins * ENTRIES);
    let durable = milliseconds(begun);
    eye.until("all bulletins in its list", patience, |eye| eye.listed() >= bulletins);
    eye.until("all bulletins in its search", patience, |eye| eye.found() >= bulletins);
    let visible = milliseconds(begun);
    let wire = proxy.map(|proxy| proxy.bytes());
    check(&pair.neighbour, bulletins, written.last().expect("at least one bulletin"));
    drop(eye);
    pair.stop();
    progress(&format!("durable after {durable:.0} ms, listed and searchable after {visible:.0} ms"));
    let (database, search) = (database_bytes(&pair.neighbour), search_bytes(&pair.neighbour));
    Caught { durable, visible, database, search, wire, bulletins: written }
}

/// Bytes of all entries.
pub(super) fn signed_bytes(bulletins: &[Bulletin]) -> u64 {
    bulletins.iter().map(|bulletin| bulletin.bytes() as u64).sum()
}

/// Bytes of the sealed payloads among them.
pub(super) fn payload_bytes(bulletins: &[Bulletin]) -> u64 {
    let entries = bulletins.iter().flat_map(|bulletin| &bulletin.entries);
    entries.map(|entry| entry.payload.as_ref().map_or(0, |payload| payload.len() as u64)).sum()
}

/// Bytes of all entries in one stream of zlib.
pub(super) fn compressed_bytes(bulletins: &[Bulletin]) -> u64 {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    for entry in bulletins.iter().flat_map(|bulletin| &bulletin.entries) {
        for part in parts(entry) {
            encoder.write_all(part).expect("memory");
        }
    }
    encoder.finish().expect("memory").len() as u64
}
