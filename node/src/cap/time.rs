//! Times as CAP writes them: whole seconds and a numeric offset, never `Z`.
//!
//! CAP 1.2 section 3.3.2 wants `2026-11-22T18:00:00-00:00`; `-00:00` there is UTC. We write UTC as `+00:00`, which means
//! the same to every reader of CAP, while RFC 3339 would read `-00:00` as "offset unknown". CAP 1.1 allowed any
//! `xs:dateTime`, hence `Z` and fractions of seconds, which [`Form::Lenient`] maps.

/// Which ways to write a time are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Those of CAP 1.2.
    Strict,
    /// Those of CAP 1.1 as well.
    Lenient,
}

/// The time in the one form used here, or nothing if it is no time.
///
/// The offset stays what it was, so that a reader sees the sender's local time; fractions are cut off.
pub(super) fn normalise(text: &str, form: Form) -> Option<String> {
    let (local, rest) = text.split_at_checked(19)?;
    let offset = match form {
        Form::Strict => rest,
        Form::Lenient => match rest.strip_prefix('.') {
            Some(fraction) => {
                let offset = fraction.trim_start_matches(|digit: char| digit.is_ascii_digit());
                if offset.len() == fraction.len() {
                    return None;
                }
                offset
            }
            None => rest,
        },
    };
    check_local(local)?;
    if offset == "-00:00" || (form == Form::Lenient && offset == "Z") {
        return Some(format!("{local}+00:00"));
    }
    check_offset(offset)?;
    Some(format!("{local}{offset}"))
}

/// Whether this is a date and a time of day that exist.
fn check_local(local: &str) -> Option<()> {
    let template = "dddd-dd-ddTdd:dd:dd";
    let fits = local.bytes().zip(template.bytes()).all(|(found, wanted)| match wanted {
        b'd' => found.is_ascii_digit(),
        _ => found == wanted,
    });
    let number = |range| local.get(range).and_then(|digits: &str| digits.parse::<i8>().ok());
    let year = local.get(..4)?.parse::<i16>().ok()?;
    // xs:dateTime has no year 0.
    if !fits || year == 0 {
        return None;
    }
    jiff::civil::DateTime::new(year, number(5..7)?, number(8..10)?, number(11..13)?, number(14..16)?, number(17..19)?, 0).ok()?;
    Some(())
}

/// Whether this is a numeric offset `xs:dateTime` allows: up to 14 hours.
fn check_offset(offset: &str) -> Option<()> {
    let (hours, minutes) = offset.strip_prefix(['+', '-'])?.split_once(':')?;
    let two_digits =
        |text: &str| (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse::<u8>().ok()).flatten();
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    ((hours < 14 && minutes < 60) || (hours == 14 && minutes == 0)).then_some(())
}

/// The moment as CAP writes it, in UTC and cut to whole seconds: `2026-11-22T18:00:00+00:00`.
#[must_use]
pub fn timestamp(moment: jiff::Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negative_zero_offset_is_utc() {
        assert_eq!(normalise("2012-05-02T23:21:04-00:00", Form::Strict).unwrap(), "2012-05-02T23:21:04+00:00");
    }

    #[test]
    fn an_offset_is_kept() {
        for time in ["2026-07-01T09:00:00+01:00", "2024-02-29T23:59:59-05:30", "2026-01-01T00:00:00+14:00"] {
            assert_eq!(normalise(time, Form::Strict).unwrap(), time);
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for time in [
            "",
            "2026",
            "2026-11-22",
            "2026-11-22T18:00:00",
            "2026-11-22T18:00:00Z",
            "2026-11-22 18:00:00+00:00",
            "2026-02-30T18:00:00+00:00",
            "2026-11-22T24:00:00+00:00",
            "2026-11-22T18:00:60+00:00",
            "2026-11-22T18:00:00.5+00:00",
            "2026-11-22T18:00:00+0000",
            "2026-11-22T18:00:00+15:00",
            "2026-11-22T18:00:00+14:30",
            "2026-11-22T18:00:00,00:00",
            "0000-01-01T00:00:00+00:00",
            "2026-11-22T18:00:00+00:00x",
            "2026-11-22T+8:00:00+00:00",
            "2026-11-2éT18:00:00+00:00",
            "２026-11-22T18:00:00+00:00",
        ] {
            assert_eq!(normalise(time, Form::Strict), None, "{time}");
        }
    }

    #[test]
    fn version_1_1_may_write_z_and_fractions() {
        assert_eq!(normalise("2010-08-31T00:09:25Z", Form::Lenient).unwrap(), "2010-08-31T00:09:25+00:00");
        assert_eq!(normalise("2010-08-31T00:09:25.496-05:00", Form::Lenient).unwrap(), "2010-08-31T00:09:25-05:00");
        assert_eq!(normalise("2010-08-31T00:09:25.-05:00", Form::Lenient), None);
        assert_eq!(normalise("2010-08-31T00:09:25", Form::Lenient), None);
    }

    #[test]
    fn a_moment_is_written_without_z() {
        let moment: jiff::Timestamp = "2026-11-22T18:00:00.75Z".parse().unwrap();
        assert_eq!(timestamp(moment), "2026-11-22T18:00:00+00:00");
    }
}
