//! Measuring: stages, each a list of figures, for people and for machines.
//!
//! The program is `cargo run --release -p csu-tests --bin bench`; `--help` shows what it takes. A stage is one file beside
//! [`access`] and one line of [`STAGES`]. It names its figures before it measures, so that a test can check that each is
//! there. What is compared is measured side by side in one run; each figure is the median of a few runs. Nothing here is
//! asserted about time: machines differ. Tests that hold for any machine count steps instead.

pub mod access;
pub mod federation;
pub mod graph;
pub mod hostile;
pub mod sync;
pub mod workload;

use serde::Serialize;
use std::fmt::{Display, Write};
use std::str::FromStr;

/// One measured number.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// What was measured; the unit is its last word where it has one.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what: `ms`, `us`, `MiB`, `bytes`, `count` or `ratio`.
    pub unit: &'static str,
    /// On which data.
    pub workload: String,
}

/// How large the data are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Entries of the ordinary workloads.
    pub entries: usize,
    /// Entries of the hostile ones.
    pub hostile: usize,
    /// How often each measurement is made; the median counts.
    pub runs: usize,
    /// Bulletins that a fresh neighbour catches up with, and a tenth of them beside; 0 leaves that out.
    pub fresh: u64,
    /// Bulletins of which nothing changes, where idling, starting, reconnecting and live bulletins are measured; 0 leaves that
    /// out.
    pub documents: u64,
    /// Neighbours that are connected meanwhile, at least one.
    pub neighbours: u64,
    /// Live bulletins.
    pub live: usize,
    /// Peers of a hub with as many documents; 0 leaves that out.
    pub hub: u16,
    /// Edits of a text with a long history, where no trace is given; 0 leaves long histories out.
    pub edits: usize,
    /// A file with an editing trace of such a text.
    pub trace: Option<&'static str>,
    /// Small revisions of a guide.
    pub revisions: usize,
    /// Organisations of the larger federation in virtual time, and a fifth of them beside; 0 leaves that out.
    pub organisations: usize,
}

impl Size {
    /// What the goals speak of.
    pub const FULL: Self = Self {
        entries: 100_000,
        hostile: 20_000,
        runs: 3,
        fresh: 10_000,
        documents: 100_000,
        neighbours: 20,
        live: 200,
        hub: 1_000,
        edits: 260_000,
        trace: None,
        revisions: 10_000,
        organisations: 1_000,
    };
    /// Enough to see that every figure is produced.
    pub const TINY: Self = Self {
        entries: 400,
        hostile: 200,
        runs: 1,
        fresh: 20,
        documents: 20,
        neighbours: 2,
        live: 3,
        hub: 7,
        edits: 400,
        trace: None,
        revisions: 140,
        organisations: 40,
    };
}

/// Hears of progress.
pub type Progress<'p> = &'p mut dyn FnMut(&str);

/// A part of the program under measurement.
#[derive(Debug, Clone, Copy)]
pub struct Stage {
    /// The name that selects it.
    pub name: &'static str,
    /// One line for `--list`.
    pub about: &'static str,
    /// The figures that it produces: (name, workload).
    pub figures: fn(Size) -> Vec<(String, String)>,
    /// Measures.
    pub run: fn(Size, Progress<'_>) -> Vec<Figure>,
}

/// All stages.
pub const STAGES: [Stage; 3] = [
    Stage {
        name: "access",
        about: "the rights of one document: from scratch, for one more entry, and on graphs made to be slow",
        figures: access::figures,
        run: access::run,
    },
    Stage {
        name: "sync",
        about: "two real nodes: a fresh neighbour, a reconnection, live bulletins, and what idle documents cost",
        figures: sync::figures,
        run: sync::run,
    },
    Stage {
        name: "federation",
        about: "200 and 1,000 organisations in virtual time: how long a bulletin takes to reach all, bytes, duplicates",
        figures: federation::figures,
        run: federation::run,
    },
];

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// How to use it.
    Help,
    /// Which stages there are.
    List,
    /// Measure these stages.
    Run {
        /// Their names, each once, in the order of [`STAGES`].
        stages: Vec<&'static str>,
        /// One JSON object a line instead of a table.
        json: bool,
        /// How large the data are.
        size: Size,
    },
}

/// The text of `--help`.
pub const HELP: &str = "\
Measures CSU Link.

Usage: bench [STAGE...] [--json] [--fresh N] [--documents N] [--neighbours N] [--live N] [--hub N]
             [--edits N] [--trace FILE] [--revisions N] [--runs N] [--organisations N]

  STAGE           what to measure; all stages if none is named
  --json          one JSON object a line: name, value, unit, workload
  --list          the stages there are
  --help          this text

Sizes of the stage `sync`:

  --fresh N       bulletins that a fresh neighbour catches up with, and a tenth of them beside (10000; 0 leaves it out)
  --documents N   idle bulletins, among which starting, memory, reconnecting and live bulletins are measured
                  (100000; 0 leaves it out)
  --neighbours N  neighbours connected meanwhile (20)
  --live N        live bulletins (200)
  --hub N         peers of a hub with as many documents (1000; 0 leaves it out)
  --edits N       edits of a text with a long history (260000; 0 leaves long histories out)
  --trace FILE    an editing trace of such a text instead: JSON, compressed with gzip or not
  --revisions N   small revisions of a guide (10000)
  --runs N        how often what is short is repeated, in all stages; the median counts (3)

Sizes of the stage `federation`:

  --organisations N  organisations of the larger federation, and a fifth of them beside (1000; 0 leaves it out)

Build it optimised, and `csu` beside it, or the figures mean nothing:

  cargo build --release
  cargo run --release -p csu-tests --bin bench -- access
  cargo run --release -p csu-tests --bin bench -- sync --json > figures.jsonl
  cargo run --release -p csu-tests --bin bench --features peers -- sync    with samod and Subduction beside

Figures go to standard output, progress to standard error.
";

/// Understands the command line.
///
/// # Errors
/// When a word is no stage and no option; the text says which there are.
pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Request, String> {
    let (mut named, mut json, mut size) = (Vec::new(), false, Size::FULL);
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--help" | "-h" => return Ok(Request::Help),
            "--list" => return Ok(Request::List),
            "--json" => json = true,
            "--fresh" => size.fresh = number(&word, words.next(), 0)?,
            "--documents" => size.documents = number(&word, words.next(), 0)?,
            "--neighbours" => size.neighbours = number(&word, words.next(), 1)?,
            "--live" => size.live = number(&word, words.next(), 1)?,
            "--hub" => size.hub = number(&word, words.next(), 0)?,
            "--edits" => size.edits = number(&word, words.next(), 0)?,
            "--trace" => size.trace = Some(words.next().ok_or("--trace takes a file")?.leak()),
            "--revisions" => size.revisions = number(&word, words.next(), 1)?,
            "--runs" => size.runs = number(&word, words.next(), 1)?,
            "--organisations" => size.organisations = number(&word, words.next(), 0)?,
            option if option.starts_with('-') => {
                return Err(format!(
                    "'{option}' is no option: there are --json, --fresh, --documents, --neighbours, --live, --hub, --edits, --trace, --revisions, --runs, --organisations, --list and --help"
                ));
            }
            stage if STAGES.iter().any(|known| known.name == stage) => named.push(word),
            other => {
                let names: Vec<&str> = STAGES.iter().map(|stage| stage.name).collect();
                return Err(format!("'{other}' is no stage; the stages are: {}", names.join(", ")));
            }
        }
    }
    let wanted = STAGES.iter().map(|stage| stage.name).filter(|name| named.is_empty() || named.iter().any(|wanted| wanted == name));
    Ok(Request::Run { stages: wanted.collect(), json, size })
}

/// The number behind an option.
fn number<N: FromStr + PartialOrd + Display>(option: &str, word: Option<String>, least: N) -> Result<N, String> {
    let read = word.as_ref().and_then(|word| word.parse().ok()).filter(|number| *number >= least);
    read.ok_or_else(|| format!("{option} takes a number, {least} or more, and not '{}'", word.unwrap_or_default()))
}

/// The stages with a line about each.
#[must_use]
pub fn list() -> String {
    STAGES.iter().fold(String::new(), |mut text, stage| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:<10} {}", stage.name, stage.about);
        text
    })
}

/// Figures as a table for people.
#[must_use]
pub fn table(figures: &[Figure]) -> String {
    let width = |of: fn(&Figure) -> usize, least: usize| figures.iter().map(of).max().unwrap_or(0).max(least);
    let name = width(|figure| figure.name.len(), 4);
    let mut text = format!("{:<name$} {:>12} {:<5} workload\n", "name", "value", "unit");
    for figure in figures {
        let _ = writeln!(text, "{:<name$} {:>12.3} {:<5} {}", figure.name, figure.value, figure.unit, figure.workload);
    }
    text
}

/// Figures for machines: one JSON object a line.
///
/// # Errors
/// When a value is no number, which JSON cannot say.
pub fn json_lines(figures: &[Figure]) -> Result<String, String> {
    let mut text = String::new();
    for figure in figures {
        if !figure.value.is_finite() {
            return Err(format!("{} on {} came out as {}", figure.name, figure.workload, figure.value));
        }
        let line = serde_json::to_string(figure).map_err(|error| error.to_string())?;
        let _ = writeln!(text, "{line}");
    }
    Ok(text)
}

/// The middle one; of an even number the upper. Not a number if there are none.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Memory of this process, in bytes; 0 where nobody tells.
pub(crate) fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kibibytes.unwrap_or_default() << 10
}
