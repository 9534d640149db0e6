//! Large federations in virtual time: how long a bulletin takes to reach everybody, and what it costs on the way.
//!
//! Times are virtual: links as between homes and data centres of one country, and nodes that look at what came within a few
//! milliseconds. What a processor takes is not in them; the stage `sync` measures that with real processes.

use super::{Figure, Progress, Size};
use crate::federation::{Course, DEGREE, HUBS, Large, Spread};

/// From what the federations are drawn.
const SEED: u64 = 5;

/// One figure of how something spread: the end of its name, its unit, its value.
type Measure = (&'static str, &'static str, fn(&Spread, usize) -> f64);

/// What is said of each course.
const MEASURES: [Measure; 8] = [
    ("p50_ms", "ms", |spread, _| spread.within(50) as f64),
    ("p99_ms", "ms", |spread, _| spread.within(99) as f64),
    ("max_ms", "ms", |spread, _| spread.within(100) as f64),
    ("bytes", "bytes", |spread, _| spread.bytes as f64),
    ("node_bytes", "bytes", |spread, members| spread.bytes as f64 / members as f64),
    ("frames", "count", |spread, _| spread.frames as f64),
    ("duplicates", "ratio", |spread, _| spread.duplicates()),
    ("peak_mib", "MiB", |spread, _| spread.peak_bytes as f64 / f64::from(1 << 20)),
];

const fn name(course: Course) -> &'static str {
    match course {
        Course::Bulletin => "bulletin",
        Course::Trickle => "trickle",
        Course::Burst => "burst",
        Course::Healing => "healing",
    }
}

/// The federations: how many organisations.
fn federations(size: Size) -> Vec<usize> {
    if size.organisations == 0 { Vec::new() } else { vec![(size.organisations / 5).max(5), size.organisations] }
}

fn workload(course: Course, members: usize) -> String {
    let issued = course.bulletins(members);
    let hubs = HUBS.min(members / 5).max(1);
    let (least, most) = DEGREE;
    let what = match course {
        Course::Bulletin => "1 bulletin for anyone".to_owned(),
        Course::Trickle => format!("{issued} bulletins for anyone within 10 minutes"),
        Course::Burst => format!("{issued} bulletins for anyone within a second"),
        Course::Healing => format!("{issued} bulletins for anyone while two halves are apart, since they met"),
    };
    format!("{members} organisations, {hubs} of them hubs, unions with {least}-{most} neighbours: {what}")
}

fn figure_name(course: Course, measure: &str, members: usize) -> String {
    format!("federation_{members}_{}_{measure}", name(course))
}

/// The figures of this stage: (name, workload).
#[must_use]
pub fn figures(size: Size) -> Vec<(String, String)> {
    let of = |members: usize| {
        Course::ALL.into_iter().flat_map(move |course| {
            MEASURES.iter().map(move |(measure, ..)| (figure_name(course, measure, members), workload(course, members)))
        })
    };
    federations(size).into_iter().flat_map(of).collect()
}

/// Measures.
pub fn run(size: Size, progress: Progress<'_>) -> Vec<Figure> {
    let mut found = Vec::new();
    for members in federations(size) {
        progress(&format!("{members} organisations meet"));
        let mut large = Large::new(SEED, members);
        for course in Course::ALL {
            progress(&workload(course, members));
            let spread = large.run(course);
            for (measure, unit, value) in MEASURES {
                let (name, workload) = (figure_name(course, measure, members), workload(course, members));
                found.push(Figure { name, value: value(&spread, members), unit, workload });
            }
        }
    }
    found
}
