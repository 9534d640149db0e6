//! Erasing what has come to its end, without being asked; and whether the clock is one to go by.
//!
//! What is erased cannot be called back, and a clock that is set wrong must not erase it too early. So the civil time counts here
//! only if it is where it was left, or has gone at the pace of the machine's own time for a day. A clock that jumped also ends no
//! time of grace and takes back no role until it has gone so: roles that it says are over are not served meanwhile.

use super::{Office, count, now};
use crate::desk::{Actor, Check, Problem};
use crate::storage::StorageError;
use csu_protocol::id::DocumentId;
use csu_protocol::time::Timestamp;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How often it is looked what has ended.
const EVERY: Duration = Duration::from_secs(3600);
/// How soon it is looked again if there was more than is erased at a time.
const SOON: Duration = Duration::from_secs(10);
/// Documents erased at a time: nobody waits long for an answer meanwhile.
const MOST: usize = 64;
/// For how long a clock must go evenly before it is believed.
const PROOF: Duration = Duration::from_secs(24 * 3600);
/// How far the civil time may leave the machine's between two looks, in ms: clocks are set right by minutes.
const DRIFT_MS: u64 = 3_600_000;
/// How far a clock may have gone on unwatched, because the node was off or the machine asleep, to count as the same clock, in ms.
const AWAY_MS: u64 = 2 * 24 * 3_600_000;
/// When the clock was last looked at and for how long it had gone evenly, both in ms, in the table `meta`.
const WATCH: &str = "clock-watch";
/// What is added to that of a clock that jumped.
const JUMPED: &str = " jumped";

/// Whether the civil time can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ClockWatch {
    last: Timestamp,
    /// For how long it was seen to go evenly, a little at a time.
    proven: Duration,
    /// Whether it jumped, and has not gone evenly for long enough since.
    jumped: bool,
    /// When the machine's own clock stood so; none before the first look of a run.
    machine: Option<Instant>,
    /// How often it was set by more than it may be in this run.
    jumps: u64,
}

impl ClockWatch {
    /// As it was left by the run before, or of a clock that nobody knows.
    fn recall(text: Option<&str>, civil: Timestamp) -> Self {
        let (text, jumped) =
            text.map_or((None, false), |text| text.strip_suffix(JUMPED).map_or((Some(text), false), |text| (Some(text), true)));
        let numbers = text.and_then(|text| text.split_once(' '));
        let known = numbers.and_then(|(last, proven)| Some((last.parse().ok()?, proven.parse().ok()?)));
        let (last, proven) = known.map_or((civil, 0), |(last, proven)| (Timestamp::from_ms(last), proven));
        Self { last, proven: Duration::from_millis(proven).min(PROOF), jumped, machine: None, jumps: 0 }
    }

    fn to_text(self) -> String {
        format!("{} {}{}", self.last.as_ms(), self.proven.as_millis(), if self.jumped { JUMPED } else { "" })
    }

    /// Looks at both clocks. Whether the civil one is believed.
    fn look(&mut self, civil: Timestamp, machine: Instant) -> bool {
        // The machine's own time stands still while it sleeps, and is another one after every start.
        let passed = self.machine.map_or(Duration::ZERO, |then| machine.saturating_duration_since(then));
        let expected = self.last.plus_ms(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX));
        let (ahead, behind) = (civil.ms_since(expected), expected.ms_since(civil));
        self.proven = match (ahead, behind) {
            (0..=DRIFT_MS, 0..=DRIFT_MS) => self.proven.saturating_add(passed).min(PROOF),
            // Nobody watched it meanwhile, and it may be as it should: what was proven before holds, and nothing is added.
            (0..=AWAY_MS, 0..=DRIFT_MS) => self.proven,
            _ => Duration::ZERO,
        };
        let is_believed = self.proven >= PROOF;
        let jumps = ahead > AWAY_MS || behind > DRIFT_MS;
        self.jumps = self.jumps.saturating_add(u64::from(jumps));
        self.jumped = !is_believed && (self.jumped || jumps);
        self.last = civil;
        self.machine = Some(machine);
        is_believed
    }
}

/// When it is looked again what has ended.
#[derive(Debug, Default)]
pub(super) struct Daily {
    watch: Option<ClockWatch>,
    next: Option<Instant>,
    believed: bool,
    /// What could not be erased in this run: it does not keep others from their end.
    refused: BTreeSet<DocumentId>,
}

impl Daily {
    /// How long until there is something to do.
    pub(super) fn wake_in(&self) -> Duration {
        self.next.map_or(Duration::ZERO, |next| next.saturating_duration_since(Instant::now()))
    }
}

impl Office {
    /// The same where nobody can be told that it could not be noted.
    pub(super) fn watch_clock(&mut self) {
        if let Err(error) = self.look_at_clock() {
            tracing::warn!(%error, "could not note how the clock goes");
            self.failed = Some(error.into());
        }
    }

    /// Looks at the clock, before anything is done by it.
    pub(super) fn look_at_clock(&mut self) -> Result<(), StorageError> {
        self.look_at(now(), Instant::now())
    }

    fn look_at(&mut self, civil: Timestamp, machine: Instant) -> Result<(), StorageError> {
        let mut watch = match self.daily.watch {
            Some(watch) => watch,
            None => ClockWatch::recall(self.storage.meta(WATCH)?.as_deref(), civil),
        };
        let (last, before, jumps) = (watch.last, watch.jumped, watch.jumps);
        self.daily.believed = watch.look(civil, machine);
        self.daily.watch = Some(watch);
        if watch.jumps != jumps {
            // What neighbours may have depends on the time: what the clock kept from them before they are to have at once.
            self.machine.compare_again(civil);
        }
        if watch.jumped != before {
            if watch.jumped {
                tracing::warn!(from = %last, to = %civil, "the clock jumped; nothing ends by it until it has gone evenly for a day");
            }
            // At once, so that it is known also if the node dies.
            self.storage.put_meta(WATCH, &watch.to_text())?;
        }
        Ok(())
    }

    /// Whether the clock jumped and has not gone evenly for a day since: then nothing is done by it that cannot be undone.
    pub(super) fn has_clock_jumped(&self) -> bool {
        self.daily.watch.is_some_and(|watch| watch.jumped)
    }

    /// What a doctor is told of the clock.
    pub(super) fn check_clock(&self) -> Check {
        const NAME: &str = "clock";
        if self.has_clock_jumped() {
            return Check::failed(
                NAME,
                format!("it was set by more than an hour, or the node was off for days; it shows {}", now()),
                "if that is right, wait: what ends by it (roles taken back, erasures) goes on when it has gone evenly for a day; if not, \
                 set it, best by a time service",
            );
        }
        Check::passed(NAME, if self.daily.believed { "goes evenly" } else { "goes evenly, for less than a day as yet" })
    }

    /// Erases what has come to its end, if it is time to look.
    pub(super) fn erase_what_ended(&mut self) {
        if self.daily.wake_in() > Duration::ZERO {
            return;
        }
        let next = match self.try_erasing_what_ended(now()) {
            Ok(left) if left > 0 => SOON,
            Ok(_) => EVERY,
            Err(problem) => {
                tracing::warn!(%problem, "what has come to its end was not erased");
                EVERY
            }
        };
        self.daily.next = Some(Instant::now() + next);
    }

    /// Erases some of it. How much is left.
    fn try_erasing_what_ended(&mut self, civil: Timestamp) -> Result<u64, Problem> {
        if let Some(watch) = self.daily.watch {
            self.storage.put_meta(WATCH, &watch.to_text())?;
        }
        if !self.config.erase_at_end || self.recovering.is_some() || self.is_waiting_for_own() {
            return Ok(0);
        }
        if !self.daily.believed {
            return Ok(0);
        }
        let (ended, left) = self.ended(civil, MOST, &self.daily.refused)?;
        let actor = Actor::named("this node, at its end")?;
        for line in ended {
            // An annex goes with what it belongs to.
            if self.erased(&line.document)?.is_some() {
                continue;
            }
            match self.erase_at_its_end(&actor, &line) {
                Ok((_, outcome)) => tracing::info!(document = line.reference, outcome, "came to its end"),
                Err(problem) => {
                    tracing::warn!(document = line.reference, %problem, "came to its end and was not erased");
                    self.daily.refused.insert(line.document);
                }
            }
        }
        Ok(left)
    }

    /// What a doctor is told of it, after what is due.
    pub(super) fn who_erases(&self, ended: usize) -> String {
        let run = "`csu retention run` erases them now";
        match (ended, self.config.erase_at_end) {
            (0, _) => String::new(),
            (_, false) => format!("; nothing is erased by itself here (erase_at_end): {run}"),
            (_, true) if self.daily.believed => format!("; what is past its end and yours is erased by itself within the hour: {run}"),
            (ended, true) => format!(
                "; {} wait until the clock, which is new here or was set, has gone evenly for a day: if it is right, {run}",
                count(ended, "document", "documents")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_795_370_400_000);

    /// A clock that was believed when the node was stopped.
    fn believed(last: Timestamp) -> ClockWatch {
        ClockWatch::recall(Some(&format!("{} {}", last.as_ms(), PROOF.as_millis())), last)
    }

    /// Looks every hour for a day at a clock that goes evenly; whether it was believed at the end, and ever before.
    fn day(watch: &mut ClockWatch, civil: Timestamp, machine: Instant) -> (bool, bool) {
        let looks: Vec<bool> =
            (1..=24_u32).map(|hour| watch.look(civil.plus_ms(u64::from(hour) * 3_600_000), machine + EVERY * hour)).collect();
        let (last, before) = looks.split_last().unwrap();
        (*last, before.iter().any(|believed| *believed))
    }

    #[test]
    fn a_clock_that_nobody_knows_is_believed_after_a_day_also_in_parts() {
        let start = Instant::now();
        let mut watch = ClockWatch::recall(None, NOW);
        assert!(!watch.look(NOW, start) && !watch.jumped);
        assert_eq!(day(&mut watch, NOW, start), (true, false));
        // Eight hours a day, for three days.
        let mut kept = None;
        let mut looks = Vec::new();
        for day in 0..4_u64 {
            let morning = NOW.plus_ms(day * 86_400_000);
            let mut watch = ClockWatch::recall(kept.as_deref(), morning);
            for hour in 0..=8_u32 {
                looks.push(watch.look(morning.plus_ms(u64::from(hour) * 3_600_000), start + EVERY * hour));
            }
            kept = Some(watch.to_text());
        }
        assert_eq!(looks.iter().position(|believed| *believed), Some(26), "{looks:?}");
        assert!(looks[26..].iter().all(|believed| *believed));
    }

    #[test]
    fn a_clock_is_believed_at_once_after_two_days_and_not_after_more_or_if_it_went_back() {
        let start = Instant::now();
        for (last, is_believed) in [
            (NOW, true),
            (Timestamp::from_ms(NOW.as_ms() - AWAY_MS), true),
            (Timestamp::from_ms(NOW.as_ms() - AWAY_MS - 1), false),
            (NOW.plus_ms(DRIFT_MS), true),
            (NOW.plus_ms(DRIFT_MS + 1), false),
        ] {
            assert_eq!(believed(last).look(NOW, start), is_believed, "{last}");
        }
    }

    #[test]
    fn a_clock_that_jumps_is_believed_again_after_a_day_and_one_that_slept_at_once() {
        let start = Instant::now();
        for jumped in [NOW.plus_ms(AWAY_MS + 1), Timestamp::from_ms(NOW.as_ms() - DRIFT_MS - 1), NOW.plus_ms(10 * 365 * 86_400_000)] {
            let mut watch = believed(NOW);
            assert!(watch.look(NOW, start));
            assert!(!watch.look(jumped, start) && watch.jumped, "{jumped}");
            // Also if the node is started anew meanwhile.
            watch = ClockWatch::recall(Some(&watch.to_text()), jumped);
            assert!(!watch.look(jumped, start) && watch.jumped, "{jumped}");
            assert_eq!(day(&mut watch, jumped, start), (true, false), "{jumped}");
            assert!(!watch.jumped, "{jumped}");
        }
        // Set right by some minutes, twice; and asleep for a night, in which the machine's own time stands still.
        let mut watch = believed(NOW);
        assert!(watch.look(NOW.plus_ms(600_000), start) && watch.look(NOW, start) && watch.look(NOW.plus_ms(8 * 3_600_000), start + EVERY));
    }

    #[test]
    fn what_was_noted_of_a_clock_and_makes_no_sense_is_of_a_clock_that_nobody_knows() {
        for text in ["", "x y", "5", "-1 5", "99999999999999999999999 1"] {
            assert_eq!(ClockWatch::recall(Some(text), NOW), ClockWatch::recall(None, NOW), "{text}");
        }
        assert_eq!(ClockWatch::recall(Some(&format!("{} {}", NOW.as_ms(), u64::MAX)), NOW).proven, PROOF);
    }
}
