//! One pass over all histories, which all tests share.

use crate::laws::{LAWS, Law};
use csu_protocol::time::Timestamp;
use csu_tests::history::{Dice, History, Replay, Troubles};
use csu_tests::model::{Answers, Model, Moments};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many histories are written unless a variable says otherwise.
const HISTORIES: u64 = if cfg!(debug_assertions) { 2_000 } else { 100_000 };

/// How many histories with floods.
const FLOODS: u64 = if cfg!(debug_assertions) { 2 } else { 10 };

/// Before, among and after the ends of grants.
pub(crate) const MOMENTS: Moments = [Timestamp::from_ms(0), Timestamp::from_ms(50), Timestamp::from_ms(1000)];

/// One history, and what the two functions make of it.
pub(crate) struct Case {
    pub(crate) history: History,
    /// What a node made of it that got it in the order in which it was written.
    pub(crate) first: Replay,
    pub(crate) answers: Answers,
    pub(crate) model: Model,
}

impl Case {
    fn new(history: History) -> Self {
        let mut first = Replay::default();
        first.receive(history.cast, &history.cast.everybody(), &history.entries, |_, _| {});
        let answers = Answers::of_access(&first.access, history.cast, MOMENTS);
        let document = history.document().expect("a history begins with its genesis");
        let model = Model::new(document, &history.entries, |organisation, author| history.cast.is_device(organisation, author));
        Self { history, first, answers, model }
    }

    /// Draws for one law, the same each time.
    pub(crate) fn dice(&self, purpose: &str) -> Dice {
        Dice::new(purpose, self.history.seed)
    }

    fn check(&self, law: Law) -> Result<(), String> {
        let checked = catch_unwind(AssertUnwindSafe(|| law(self)));
        checked.unwrap_or_else(|_| Err("the law itself failed, see above".to_owned()))
    }
}

/// What the pass found.
pub(crate) struct Pass {
    /// By the name of the law: the first history that breaks it, told.
    broken: BTreeMap<&'static str, (u64, String)>,
    troubles: Troubles,
    histories: u64,
}

pub(crate) fn pass() -> &'static Pass {
    static PASS: LazyLock<Pass> = LazyLock::new(run);
    &PASS
}

/// Fails with the shortest example if the law does not hold.
pub(crate) fn held(law: &str) {
    assert!(LAWS.iter().any(|(name, _)| *name == law), "there is no law of {law}");
    if let Some((_, told)) = pass().broken.get(law) {
        panic!("{told}");
    }
}

/// Holds some laws against histories with floods of revocations, for which the model is slow.
pub(crate) fn held_under_floods(laws: &[&str]) {
    for seed in 0..FLOODS {
        let case = Case::new(History::with_flood(seed));
        for (name, law) in LAWS.into_iter().filter(|(name, _)| laws.contains(name)) {
            if let Err(broken) = case.check(law) {
                panic!("{name}: {broken}\n{}", case.history.describe());
            }
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is '{text}': give a number")))
}

fn run() -> Pass {
    let first = number("CSU_TEST_SEED");
    let histories = number("CSU_TEST_HISTORIES").unwrap_or(if first.is_some() { 1 } else { HISTORIES });
    let first = first.unwrap_or(0);
    let end = first + histories;
    println!("{histories} histories, by seeds {first} to {}", end.saturating_sub(1));
    if cfg!(debug_assertions) && histories < 100_000 {
        println!("the dev profile holds the laws against few histories: run with --release for 100,000");
    }
    let next = AtomicU64::new(first);
    let work = || {
        let mut found = Pass { broken: BTreeMap::new(), troubles: Troubles::default(), histories: 0 };
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return found;
            }
            found.take(seed);
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let found = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a worker ends")).collect::<Vec<_>>()
    });
    found.into_iter().reduce(Pass::and).expect("there is a worker")
}

impl Pass {
    fn take(&mut self, seed: u64) {
        let case = Case::new(History::of(seed));
        self.histories += 1;
        self.troubles.count(&case.history, &case.first, &case.model);
        for (name, law) in LAWS {
            if !self.broken.contains_key(name)
                && let Err(broken) = case.check(law)
            {
                self.broken.insert(name, (seed, shortest(&case.history, law, broken)));
            }
        }
    }

    fn and(mut self, other: Self) -> Self {
        for (name, told) in other.broken {
            // Of two examples the one of the lower seed, so that every run tells the same.
            let lower = self.broken.get(name).is_none_or(|known| told.0 < known.0);
            if lower {
                self.broken.insert(name, told);
            }
        }
        self.troubles.add(&other.troubles);
        self.histories += other.histories;
        self
    }

    pub(crate) fn expect_enough_trouble(&self) {
        println!("{}", self.troubles);
        // Few histories may lack what is rare.
        if self.histories >= 500 {
            self.troubles.expect_enough(self.histories);
        } else {
            println!("of only {} histories nothing is expected", self.histories);
        }
    }
}

/// The shortest part of the history that breaks the law, for a person to read.
fn shortest(history: &History, law: Law, broken: String) -> String {
    let parts = (1..=history.entries.len()).map(|length| Case::new(history.prefix(length)));
    let found = parts.filter_map(|part| part.check(law).err().map(|broken| (part, broken))).next();
    // A whole history that broke the law and no longer does is a law that is not the same each time.
    found.map_or(broken, |(part, broken)| format!("{broken}\n{}", part.history.describe()))
}
