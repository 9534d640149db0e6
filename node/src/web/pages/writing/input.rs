//! One field of a kind as an input of a form: shown, filled with what is stored, and read back.

use super::super::super::parts::{Ask, Choice, Errors, Typed};
use super::super::words;
use super::values::put;
use csu_protocol::document::{Field, Form, Kind};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use maud::{Markup, html};
use serde_json::{Map, Value};

/// From so many choices on they are in a list that opens.
const MANY_CHOICES: usize = 6;
/// What stands for no choice.
const NONE: &str = "";
/// The parts of a moment.
const PARTS: [&str; 4] = ["day", "month", "year", "time"];

/// A field at its path.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) path: String,
    pub(super) field: &'static Field,
    /// Whether the next step needs it.
    pub(super) needed: bool,
    /// A hint that suits a page better than that of the kind.
    pub(super) hint: Option<&'static str>,
}

impl Input {
    /// The field of a kind at this path.
    pub(super) fn at(kind: &'static Kind, path: &str, needed: bool) -> Option<Self> {
        Some(Self { path: path.to_owned(), field: kind.field(path)?, needed, hint: None })
    }

    /// The input, with what was typed.
    pub(super) fn show(&self, typed: &Typed, errors: &Errors) -> Markup {
        let label = words::label(&self.path, self.field.label);
        let label = if self.needed { label.to_owned() } else { format!("{label} (optional)") };
        let choice = |value: &'static str| Choice::new(value, words::choice(self.field.name, value));
        let mut hint = self.hint.unwrap_or(self.field.hint).to_owned();
        if let Form::List(Form::Line) = self.field.form {
            hint.push_str(" One on each line.");
        }
        let name = self.path.as_str();
        let ask = Ask::new(name, &label).hint(&hint).error(errors.of(name));
        match self.field.form {
            Form::Text => ask.lines(typed.one(name), 6, None),
            Form::Line => ask.line(typed.one(name)),
            Form::Number => ask.number(typed.one(name)),
            Form::Time => ask.moment(|part| typed.one(&format!("{name}-{part}")).to_owned()),
            Form::List(Form::Choice(choices)) => {
                let chosen: Vec<&str> = typed.every(name).collect();
                ask.checkboxes(&words::in_order(choices).into_iter().map(choice).collect::<Vec<_>>(), &chosen)
            }
            Form::List(_) => ask.lines(typed.one(name), 3, None),
            Form::Choice(choices) => {
                let mut all: Vec<Choice> = choices.iter().copied().map(choice).collect();
                let many = choices.len() >= MANY_CHOICES;
                if many {
                    all.insert(0, Choice::new(NONE, "Choose one"));
                } else if !self.needed {
                    all.push(Choice::new(NONE, "Not stated"));
                }
                if many { ask.select(&all, typed.one(name)) } else { ask.radios(&all, typed.one(name)) }
            }
            // Blocks have pages of their own.
            Form::Records(_) => html! {},
        }
    }

    /// Adds what is stored, as somebody would type it.
    pub(super) fn fill(&self, typed: &mut Typed, value: Option<&Value>) {
        let name = self.path.as_str();
        match (self.field.form, value) {
            (_, None) | (Form::Records(_), _) => {}
            (Form::Time, Some(Value::String(text))) => {
                if let Some(parts) = moment_parts(text) {
                    for (part, value) in PARTS.iter().zip(parts) {
                        typed.put(format!("{name}-{part}"), value);
                    }
                }
            }
            (Form::List(Form::Choice(_)), Some(Value::Array(items))) => {
                items.iter().filter_map(Value::as_str).for_each(|item| typed.put(name, item));
            }
            (Form::List(_), Some(Value::Array(items))) => {
                typed.put(name, items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"));
            }
            (_, Some(Value::String(text))) => typed.put(name, text.as_str()),
            (_, Some(other)) => typed.put(name, other.to_string()),
        }
    }

    /// The value that was typed, null if nothing was, or what is wrong with it.
    pub(super) fn read(&self, kind: &Kind, typed: &Typed, stored: Option<&Value>) -> Result<Value, String> {
        let name = self.path.as_str();
        let value = match self.field.form {
            Form::Text | Form::Line | Form::Choice(_) => Value::from(typed.one(name)),
            Form::Number => match typed.filled(name) {
                None => Value::Null,
                Some(text) => text.parse::<u64>().map(Value::from).map_err(|_| "Enter a whole number, such as 120".to_owned())?,
            },
            Form::Time => self.read_moment(typed, stored)?,
            Form::List(Form::Choice(_)) => Value::Array(typed.every(name).map(Value::from).collect()),
            Form::List(_) => {
                Value::Array(typed.one(name).lines().map(str::trim).filter(|line| !line.is_empty()).map(Value::from).collect())
            }
            Form::Records(_) => stored.cloned().unwrap_or(Value::Null),
        };
        check(kind, name, &value)?;
        Ok(value)
    }

    fn read_moment(&self, typed: &Typed, stored: Option<&Value>) -> Result<Value, String> {
        let part = |part: &str| typed.one(&format!("{}-{part}", self.path)).trim().to_owned();
        let parts = PARTS.map(part);
        if parts.iter().all(String::is_empty) {
            return Ok(Value::Null);
        }
        // What nobody changed keeps the offset that it was written with.
        if let Some(Value::String(text)) = stored
            && moment_parts(text).as_ref() == Some(&parts)
        {
            return Ok(Value::from(text.as_str()));
        }
        let [day, month, year, time] = &parts;
        let date = calendar(day, month, year).ok_or("Enter a real date, such as 27 3 2026")?;
        let time = clock(time).ok_or("Enter a time of day, such as 21:30 or 9:30pm")?;
        let zoned = date.to_datetime(time).to_zoned(TimeZone::system()).map_err(|_| "Enter a date that a calendar has")?;
        Ok(Value::from(zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()))
    }
}

/// What a kind says against one value.
pub(super) fn check(kind: &Kind, path: &str, value: &Value) -> Result<(), String> {
    let mut alone = Map::new();
    // As the first of its blocks, wherever it is to stand.
    let first: Vec<String> =
        path.split('.').map(|part| part.split_once('[').map_or(part.to_owned(), |(name, _)| format!("{name}[0]"))).collect();
    put(&mut alone, &first.join("."), value.clone());
    kind.check(&alone).map(drop).map_err(|error| {
        let text = error.to_string();
        let message = text.split_once(": ").map_or(text.as_str(), |(_, message)| message);
        sentence(message)
    })
}

/// A message with a capital at its beginning.
pub(super) fn sentence(message: &str) -> String {
    let mut characters = message.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// A stored time as the parts that somebody would type on this computer.
fn moment_parts(text: &str) -> Option<[String; 4]> {
    let zoned = text.parse::<jiff::Timestamp>().ok()?.to_zoned(TimeZone::system());
    Some(["%-d", "%-m", "%Y", "%H:%M"].map(|format| zoned.strftime(format).to_string()))
}

/// A day of the calendar.
fn calendar(day: &str, month: &str, year: &str) -> Option<Date> {
    let year = year.parse().ok().filter(|year| *year >= 1900)?;
    Date::new(year, month.parse().ok()?, day.parse().ok()?).ok()
}

/// A time of day: `21:30`, `21.30`, `9:30pm`, `9pm`.
fn clock(text: &str) -> Option<Time> {
    let lower = text.trim().to_ascii_lowercase();
    let (digits, half) = match (lower.strip_suffix("am"), lower.strip_suffix("pm")) {
        (Some(digits), _) => (digits, Some(0)),
        (_, Some(digits)) => (digits, Some(12)),
        (None, None) => (lower.as_str(), None),
    };
    let (hour, minute) = match digits.trim().split_once([':', '.']) {
        Some((hour, minute)) => (hour, minute),
        // A bare number is no time, but 9pm is one.
        None if half.is_some() => (digits.trim(), "0"),
        None => return None,
    };
    let (hour, minute): (i8, i8) = (hour.trim().parse().ok()?, minute.trim().parse().ok()?);
    let hour = match half {
        None => hour,
        Some(half) if (1..=12).contains(&hour) => (hour % 12) + half,
        Some(_) => return None,
    };
    Time::new(hour, minute, 0, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use csu_protocol::document::kind;
    use serde_json::json;

    fn input(path: &str) -> (&'static Kind, Input) {
        let kind = kind::find("bulletin").unwrap();
        (kind, Input::at(kind, path, false).unwrap())
    }

    #[test]
    fn a_time_is_read_as_people_write_it_and_one_that_was_not_touched_stays_as_it_was() {
        for (text, wanted) in [
            ("21:30", Some((21, 30))),
            ("9.05", Some((9, 5))),
            ("9:30pm", Some((21, 30))),
            ("12am", Some((0, 0))),
            ("12 pm", Some((12, 0))),
        ] {
            assert_eq!(clock(text).map(|time| (time.hour(), time.minute())), wanted, "{text}");
        }
        for text in ["", "9", "25:00", "13pm", "0pm", "9:60", "noon"] {
            assert_eq!(clock(text), None, "{text}");
        }
        let (kind, onset) = input("info[0].onset");
        let stored = json!("2026-07-01T09:30:00+05:30");
        let mut typed = Typed::default();
        onset.fill(&mut typed, Some(&stored));
        assert_eq!(onset.read(kind, &typed, Some(&stored)), Ok(stored));
        let mut typed = Typed::default();
        typed.put("info[0].onset-day", "31");
        typed.put("info[0].onset-month", "2");
        typed.put("info[0].onset-year", "2026");
        assert!(onset.read(kind, &typed, None).unwrap_err().contains("real date"));
        assert_eq!(onset.read(kind, &Typed::default(), None), Ok(Value::Null));
    }

    #[test]
    fn lists_are_read_line_by_line_and_choices_as_they_were_ticked() {
        let (kind, codes) = input("policeCategory");
        let mut typed = Typed::default();
        typed.put("policeCategory", " burglary \r\n\r\nmy own, with a comma\r\n");
        let value = codes.read(kind, &typed, None).unwrap();
        assert_eq!(value, json!(["burglary", "my own, with a comma"]));
        let mut again = Typed::default();
        codes.fill(&mut again, Some(&value));
        assert_eq!(again.one("policeCategory"), "burglary\nmy own, with a comma");
        let (kind, category) = input("info[3].category");
        let mut typed = Typed::default();
        typed.put("info[3].category", "Security");
        typed.put("info[3].category", "Nonsense");
        assert!(category.read(kind, &typed, None).unwrap_err().contains("not a choice"));
    }
}
