//! Erasing what has come to its end, without being asked.
//!
//! What is erased cannot be called back, and a clock that is set wrong must not erase it too early. So the civil time counts here
//! only if it is where it was left, or has gone at the pace of the machine's own time for a day.

use super::{Office, count, now};
use crate::desk::{Actor, Problem};
use csu_protocol::time::Timestamp;
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
/// How long a node may have been off for its clock to be believed at once, in ms. A clock that is wrong by no more erases no
/// more than this too early.
const AWAY_MS: u64 = 31 * 24 * 3_600_000;
/// When a clock that was believed was last looked at, in the table `meta`.
const SEEN: &str = "clock-seen";

/// Whether the civil time can be believed.
#[derive(Debug, Clone, Copy)]
struct ClockWatch {
    last: (Timestamp, Instant),
    /// Not before.
    believed_from: Instant,
}

impl ClockWatch {
    /// At the start; `seen` is the last time at which a clock here was believed.
    fn begin(seen: Option<Timestamp>, civil: Timestamp, machine: Instant) -> Self {
        let in_place = seen.is_some_and(|seen| {
            let ahead = seen.ms_since(civil);
            ahead <= DRIFT_MS && civil.ms_since(seen) <= AWAY_MS
        });
        Self { last: (civil, machine), believed_from: if in_place { machine } else { machine + PROOF } }
    }

    /// Looks at both clocks. Whether the civil one is believed.
    fn look(&mut self, civil: Timestamp, machine: Instant) -> bool {
        let (before, then) = self.last;
        let passed = u64::try_from(machine.saturating_duration_since(then).as_millis()).unwrap_or(u64::MAX);
        let expected = before.plus_ms(passed);
        if civil.ms_since(expected).max(expected.ms_since(civil)) > DRIFT_MS {
            self.believed_from = machine + PROOF;
        }
        self.last = (civil, machine);
        machine >= self.believed_from
    }
}

/// When it is looked again what has ended.
#[derive(Debug, Default)]
pub(super) struct Daily {
    watch: Option<ClockWatch>,
    next: Option<Instant>,
    believed: bool,
}

impl Daily {
    /// How long until there is something to do.
    pub(super) fn wake_in(&self) -> Duration {
        self.next.map_or(Duration::ZERO, |next| next.saturating_duration_since(Instant::now()))
    }
}

impl Office {
    /// Erases what has come to its end, if it is time to look.
    pub(super) fn erase_what_ended(&mut self) {
        if self.daily.wake_in() > Duration::ZERO {
            return;
        }
        let next = match self.try_erasing_what_ended(now(), Instant::now()) {
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
    fn try_erasing_what_ended(&mut self, civil: Timestamp, machine: Instant) -> Result<u64, Problem> {
        if !self.config.erase_at_end || self.recovering.is_some() {
            return Ok(0);
        }
        let seen = self.storage.meta(SEEN)?.and_then(|text| text.parse().ok()).map(Timestamp::from_ms);
        let watch = self.daily.watch.get_or_insert_with(|| ClockWatch::begin(seen, civil, machine));
        self.daily.believed = watch.look(civil, machine);
        if !self.daily.believed {
            return Ok(0);
        }
        self.storage.put_meta(SEEN, &civil.as_ms().to_string())?;
        let (ended, left) = self.ended(civil, MOST)?;
        let actor = Actor::named("this node, at its end")?;
        for line in ended {
            // One that cannot be erased must not keep the others.
            match self.erase_at_its_end(&actor, &line) {
                Ok((_, outcome)) => tracing::info!(document = line.reference, outcome, "came to its end"),
                Err(problem) => tracing::warn!(document = line.reference, %problem, "came to its end and was not erased"),
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
    const DAY: Duration = Duration::from_secs(24 * 3600);

    /// Looks every hour for a day at a clock that goes evenly; whether it was believed at the end, and ever before.
    fn day(watch: &mut ClockWatch, civil: Timestamp, machine: Instant) -> (bool, bool) {
        let looks: Vec<bool> =
            (1..=24_u32).map(|hour| watch.look(civil.plus_ms(u64::from(hour) * 3_600_000), machine + EVERY * hour)).collect();
        let (last, before) = looks.split_last().unwrap();
        (*last, before.iter().any(|believed| *believed))
    }

    #[test]
    fn a_clock_that_nobody_knows_is_believed_after_a_day() {
        let start = Instant::now();
        let mut watch = ClockWatch::begin(None, NOW, start);
        assert_eq!(day(&mut watch, NOW, start), (true, false));
    }

    #[test]
    fn a_clock_is_believed_at_once_after_a_month_and_not_after_years_or_if_it_went_back() {
        let start = Instant::now();
        for (seen, believed) in [
            (NOW, true),
            (Timestamp::from_ms(NOW.as_ms() - AWAY_MS), true),
            (Timestamp::from_ms(NOW.as_ms() - AWAY_MS - 1), false),
            (NOW.plus_ms(DRIFT_MS), true),
            (NOW.plus_ms(DRIFT_MS + 1), false),
        ] {
            assert_eq!(ClockWatch::begin(Some(seen), NOW, start).look(NOW, start), believed, "{seen}");
        }
    }

    #[test]
    fn a_clock_that_jumps_is_believed_again_after_a_day() {
        let start = Instant::now();
        for jumped in [NOW.plus_ms(DRIFT_MS + 1), Timestamp::from_ms(NOW.as_ms() - DRIFT_MS - 1), NOW.plus_ms(10 * 365 * 86_400_000)] {
            let mut watch = ClockWatch::begin(Some(NOW), NOW, start);
            assert!(watch.look(NOW, start));
            assert!(!watch.look(jumped, start), "{jumped}");
            assert_eq!(day(&mut watch, jumped, start), (true, false), "{jumped}");
        }
        let mut watch = ClockWatch::begin(Some(NOW), NOW, start);
        // Set right by some minutes, twice, or asleep for as long.
        assert!(watch.look(NOW.plus_ms(600_000), start) && watch.look(NOW, start) && watch.look(NOW.plus_ms(86_400_000), start + DAY));
    }
}
