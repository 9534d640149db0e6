//! How long the rights of a document take.

use super::graph::{Signatures, take};
use super::hostile::GRAPHS;
use super::workload::{SORTS, Workload};
use super::{Figure, Progress, Size, median};
use csu_protocol::access::Access;
use csu_protocol::entry::{Role, VerifiedEntry};
use csu_protocol::id::OrganisationId;
use csu_protocol::time::Timestamp;
use std::hint::black_box;
use std::time::Instant;

/// Before the end of any grant.
const NOW: Timestamp = Timestamp::from_ms(0);

/// The figures of this stage: (name, workload).
#[must_use]
pub fn figures(_: Size) -> Vec<(String, String)> {
    let of_sorts = |name: &'static str| SORTS.iter().map(move |sort| (name.to_owned(), sort.name.to_owned()));
    let ordinary = ["access_rebuild_100k_ms", "access_growth", "access_append_us", "access_rights_100k_ms", "access_rights_growth"];
    let ordinary = ordinary.into_iter().flat_map(of_sorts);
    let verify = ["access_verify_100k_ms", "access_rebuild_vs_verify"].map(|name| (name.to_owned(), SORTS[0].name.to_owned()));
    let hostile = GRAPHS.iter().map(|graph| (format!("access_hostile_{}_us_per_entry", graph.name), graph.about.to_owned()));
    ordinary.chain(verify).chain(hostile).collect()
}

/// What a node wants to know of a document it opens: everybody's role, who reads, what counts.
pub fn ask(access: &Access) -> usize {
    let roles = access.named().iter().filter(|id| access.role_now(id, NOW).is_some()).count();
    let found = (roles, access.readers(NOW).len(), access.effective_revisions().len(), access.is_erased(), access.withdrawal().is_some());
    let (roles, readers, revisions, ..) = black_box(found);
    roles + readers + revisions
}

/// Seconds that `work` takes.
fn time<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let begun = Instant::now();
    let made = black_box(work());
    (begun.elapsed().as_secs_f64(), made)
}

/// From what rights are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    /// Entries as a node stores them: they are decoded and hashed again, but their signatures are not checked.
    Stored,
    /// Entries that are decoded: what is left is judging them.
    Decoded,
}

/// Seconds from entries to answers, of each document. What becomes of the entries afterwards is left out: each stays where
/// it was.
fn rebuild(documents: &[&[VerifiedEntry]], from: Input) -> (f64, Vec<Access>) {
    let places = |entries: &&[VerifiedEntry]| entries.iter().cloned().map(Some).collect();
    let mut documents: Vec<Vec<Option<VerifiedEntry>>> = documents.iter().map(places).collect();
    let again = |entry: VerifiedEntry| match from {
        Input::Stored => entry.into_signed().reopen().unwrap(),
        Input::Decoded => entry,
    };
    time(|| {
        let answered = |entries: &mut Vec<Option<VerifiedEntry>>| {
            let mut access = Access::default();
            for place in entries {
                *place = place.take().map(|entry| take(&mut access, again(entry)));
            }
            ask(&access);
            access
        };
        documents.iter_mut().map(answered).collect()
    })
}

/// Seconds of a step that puts one entry on top and asks for its author's role and whether it counts: the median.
fn append(mut access: Access, more: &[VerifiedEntry]) -> f64 {
    let step = |entry: &VerifiedEntry| {
        let (id, organisation): (_, OrganisationId) = (entry.id(), entry.header().organisation);
        let entry = entry.clone();
        let (seconds, _) = time(|| {
            black_box(take(&mut access, entry));
            (access.role_now(&organisation, NOW), access.is_authorised(&id), access.role_now(&organisation, NOW) >= Some(Role::Read))
        });
        seconds
    };
    median(more.iter().map(step).collect())
}

/// Measures.
pub fn run(size: Size, progress: Progress<'_>) -> Vec<Figure> {
    let mut found = Vec::new();
    let mut figure = |name: &str, value: f64, unit: &'static str, workload: &str| {
        found.push(Figure { name: name.to_owned(), value, unit, workload: workload.to_owned() });
    };
    let scale = 100_000.0 / size.entries as f64;
    for (at, sort) in SORTS.iter().enumerate() {
        progress(sort.name);
        let signatures = if at == 0 { Signatures::Real } else { Signatures::None };
        let Workload { entries, more } = (sort.make)(size.entries, signatures);
        let small = (sort.make)(size.entries / 10, Signatures::None).entries;
        let mut appended = Vec::new();
        let [rebuilt, judged] = [Input::Stored, Input::Decoded].map(|from| {
            let (mut whole, mut growth) = (Vec::new(), Vec::new());
            for _ in 0..size.runs {
                // Ten documents of a tenth, so that as much memory is read and written for both.
                let tenth = rebuild(&[small.as_slice(); 10], from).0 / small.len() as f64 / 10.0;
                let (seconds, access) = rebuild(&[&entries], from);
                growth.push(seconds / entries.len() as f64 / tenth);
                whole.push(seconds);
                appended.extend(access.into_iter().map(|access| append(access, &more)));
            }
            (median(whole), median(growth))
        });
        let (seconds, growth) = rebuilt;
        figure("access_rebuild_100k_ms", seconds * 1e3 * scale, "ms", sort.name);
        figure("access_growth", growth, "ratio", sort.name);
        figure("access_append_us", median(appended) * 1e6, "us", sort.name);
        figure("access_rights_100k_ms", judged.0 * 1e3 * scale, "ms", sort.name);
        figure("access_rights_growth", judged.1, "ratio", sort.name);
        if signatures == Signatures::Real {
            progress("verifying the same entries");
            let signed: Vec<_> = entries.iter().map(|entry| entry.signed().clone()).collect();
            let (verified, count) = time(|| signed.into_iter().filter_map(|entry| entry.verify().ok()).count());
            assert_eq!(count, entries.len());
            figure("access_verify_100k_ms", verified * 1e3 * scale, "ms", sort.name);
            figure("access_rebuild_vs_verify", seconds / verified, "ratio", sort.name);
        }
    }
    for graph in &GRAPHS {
        progress(graph.about);
        let entries = (graph.make)(size.hostile);
        let seconds = median((0..size.runs).map(|_| rebuild(&[&entries], Input::Decoded).0).collect());
        let name = format!("access_hostile_{}_us_per_entry", graph.name);
        figure(&name, seconds * 1e6 / entries.len() as f64, "us", graph.about);
    }
    found
}
