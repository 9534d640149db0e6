//! Moments as people type them into the three parts of a date, and a time of day beside.

use super::parts::Typed;
use crate::desk::Moment;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

/// The parts of a moment, as [`super::parts::Ask::moment`] names them.
pub(super) const DATE_PARTS: [&str; 4] = ["day", "month", "year", "time"];

/// The moment of this name, in the zone of this computer; none if nothing was typed. Without a time it is the day's beginning.
///
/// # Errors
/// What to type instead.
pub(super) fn typed_moment(typed: &Typed, name: &str) -> Result<Option<Moment>, String> {
    let [day, month, year, clock] = DATE_PARTS.map(|part| typed.filled(&format!("{name}-{part}")));
    if [day, month, year, clock].iter().all(Option::is_none) {
        return Ok(None);
    }
    let wrong = || "Enter a real date, such as 22 11 2026".to_owned();
    let (Some(day), Some(month), Some(year)) = (day, month, year) else { return Err(wrong()) };
    let (day, month, year) = (day.parse().map_err(|_| wrong())?, month.parse().map_err(|_| wrong())?, year.parse().map_err(|_| wrong())?);
    let date = Date::new(year, month, day).map_err(|_| wrong())?;
    let time = match clock {
        None => Time::midnight(),
        Some(clock) => Time::strptime("%H:%M", clock).map_err(|_| "Enter a time, such as 21:30".to_owned())?,
    };
    let zoned = date.to_datetime(time).to_zoned(TimeZone::system()).map_err(|_| wrong())?;
    zoned.timestamp().to_string().parse().map(Some).map_err(|_| "Enter a date after 1970".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(parts: [&str; 4]) -> Result<Option<String>, String> {
        let mut typed = Typed::default();
        DATE_PARTS.iter().zip(parts).for_each(|(part, value)| typed.put(format!("x-{part}"), value));
        let zone = |moment: Moment| moment.to_string().parse::<jiff::Timestamp>().unwrap().to_zoned(TimeZone::system());
        typed_moment(&typed, "x").map(|moment| moment.map(|moment| zone(moment).strftime("%Y-%m-%d %H:%M").to_string()))
    }

    #[test]
    fn a_date_is_read_with_or_without_its_time_and_nothing_is_none() {
        assert_eq!(typed(["", " ", "", ""]), Ok(None));
        assert_eq!(typed(["1", "3", "2027", ""]), Ok(Some("2027-03-01 00:00".into())));
        assert_eq!(typed([" 22", "11", "2026", "18:05"]), Ok(Some("2026-11-22 18:05".into())));
    }

    #[test]
    fn what_is_no_date_is_refused_with_what_to_type() {
        for parts in [["31", "2", "2026", ""], ["1", "", "2026", ""], ["", "", "", "12:00"], ["x", "1", "2026", ""], ["1", "1", "1890", ""]]
        {
            assert!(typed(parts).unwrap_err().contains("Enter a"), "{parts:?}");
        }
        assert!(typed(["1", "1", "2026", "25:00"]).unwrap_err().contains("21:30"));
    }
}
