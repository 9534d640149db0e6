//! How often somebody may try to sign in.
//!
//! Whoever fails a few times by one name waits, longer each time; and all together try no more often than people do. A name that
//! nobody bears is treated as any other. Memory is bounded: names share places, by a hash whose key nobody knows.

use crate::roles::folded_name;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// Places that names share. Two in one wait for each other: unlucky, and harmless.
const PLACES: usize = 1024;
/// So many may fail by one name one after the other before anybody waits.
const FREE: u32 = 5;
/// The first wait; each further failure doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// The longest.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// Failures are forgotten after so long without another.
const FORGET: Duration = Duration::from_secs(60 * 60);
/// All together: one in this time, and so many at once.
const ALL_EVERY: Duration = Duration::from_secs(1);
const ALL_AT_ONCE: u32 = 60;

#[derive(Debug, Clone, Copy, Default)]
struct Failures {
    count: u32,
    last: Option<Instant>,
    until: Option<Instant>,
}

/// A try that was let through.
#[derive(Debug)]
pub(super) struct Try(usize);

/// What was tried lately.
#[derive(Debug)]
pub(super) struct Throttle {
    key: RandomState,
    places: Vec<Failures>,
    /// When all that was tried by all would have been tried, one at a time.
    all: Option<Instant>,
}

impl Throttle {
    pub(super) fn new() -> Self {
        Self { key: RandomState::new(), places: vec![Failures::default(); PLACES], all: None }
    }

    /// Lets a try through, which counts as failed until it is known to be none: many at once get no further than one after the
    /// other.
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn begin(&mut self, name: &str, at: Instant) -> Result<Try, Duration> {
        let place = usize::try_from(self.key.hash_one(folded_name(name)) % PLACES as u64).unwrap_or(0);
        let Some(failures) = self.places.get_mut(place) else { return Err(LONGEST_WAIT) };
        if let Some(wait) = failures.until.map(|until| until.saturating_duration_since(at)).filter(|wait| !wait.is_zero()) {
            return Err(wait);
        }
        let all = self.all.map_or(at, |all| all.max(at));
        let ahead = all.saturating_duration_since(at);
        let most = ALL_EVERY.saturating_mul(ALL_AT_ONCE.saturating_sub(1));
        if ahead > most {
            return Err(ahead.saturating_sub(most));
        }
        self.all = all.checked_add(ALL_EVERY);
        if failures.last.is_some_and(|last| at.saturating_duration_since(last) >= FORGET) {
            *failures = Failures::default();
        }
        failures.count = failures.count.saturating_add(1);
        failures.last = Some(at);
        failures.until = failures.count.checked_sub(FREE).and_then(|over| {
            let wait = FIRST_WAIT.saturating_mul(1_u32.checked_shl(over).unwrap_or(u32::MAX)).min(LONGEST_WAIT);
            at.checked_add(wait)
        });
        Ok(Try(place))
    }

    /// The try was none that failed.
    pub(super) fn succeeded(&mut self, of: &Try) {
        if let Some(failures) = self.places.get_mut(of.0) {
            *failures = Failures::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn whoever_fails_waits_longer_each_time_and_others_do_not() {
        let (mut throttle, begun) = (Throttle::new(), Instant::now());
        for _ in 0..FREE {
            throttle.begin("Jo", begun).unwrap();
        }
        // Whatever the case or width; and not at all by another name, unless it shares the place.
        assert_eq!(throttle.begin("ｊｏ", begun).unwrap_err(), secs(30));
        let other = ["Sam", "Kim", "Lee"].into_iter().filter(|name| throttle.begin(name, begun).is_ok()).count();
        assert!(other >= 2);
        assert_eq!(throttle.begin("JO", begun + secs(29)).unwrap_err(), secs(1));
        throttle.begin("Jo", begun + secs(30)).unwrap();
        assert_eq!(throttle.begin("Jo", begun + secs(30)).unwrap_err(), secs(60));
        let mut at = begun + secs(90);
        for _ in 0..20 {
            throttle.begin("Jo", at).unwrap();
            let wait = throttle.begin("Jo", at).unwrap_err();
            assert!(wait <= LONGEST_WAIT);
            at += wait;
        }
        assert!(throttle.begin("Jo", at).is_ok());
        assert_eq!(throttle.begin("Jo", at).unwrap_err(), LONGEST_WAIT);
    }

    #[test]
    fn success_and_time_forget_failures() {
        let (mut throttle, begun) = (Throttle::new(), Instant::now());
        for _ in 1..FREE {
            throttle.begin("Jo", begun).unwrap();
        }
        let tried = throttle.begin("Jo", begun).unwrap();
        throttle.succeeded(&tried);
        for _ in 0..FREE {
            throttle.begin("Jo", begun).unwrap();
        }
        throttle.begin("Jo", begun).unwrap_err();
        for _ in 0..FREE {
            throttle.begin("Jo", begun + FORGET).unwrap();
        }
    }

    #[test]
    fn all_together_try_no_more_often_than_people_do_and_memory_stays() {
        let (mut throttle, begun) = (Throttle::new(), Instant::now());
        let through = (0..10_000).filter(|n| throttle.begin(&format!("name {n}"), begun).is_ok()).count();
        assert_eq!(through, ALL_AT_ONCE as usize);
        assert!((1..=2).contains(&throttle.begin("another", begun).map_or_else(|wait| wait.as_secs(), |_| 0)));
        assert_eq!(throttle.places.len(), PLACES);
        let later = begun + secs(10);
        let through = (0..10_000).filter(|n| throttle.begin(&format!("later {n}"), later).is_ok()).count();
        assert_eq!(through, 10);
    }
}
