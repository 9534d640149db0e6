//! The access log as a table (RFC 4180, UTF-8) for spreadsheets, written page by page, so that a log of
//! any length takes the memory of one page.
//!
//! A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@`, or with a character that it takes
//! for white space before them. What stands in a cell may come from other organisations, so such a
//! cell gets an apostrophe in front, which spreadsheets take for "this is a text".

use crate::desk::{Actor, DeskHandle, LogLine, LogQuery, Problem};
use axum::body::{Body, Bytes};
use std::borrow::Cow;

/// The first row.
const HEADER: [&str; 10] = ["number", "at", "verb", "who", "what", "document", "to", "why", "detail", "hash"];
/// Lines that are asked for at a time.
const PAGE: u32 = LogQuery::MAX_LIMIT;

/// A cell that no spreadsheet runs.
fn harmless(cell: &str) -> Cow<'_, str> {
    // The last four are forms of the first four for texts in East Asian scripts, which some programs take for the same.
    let runs = |c: char| matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}');
    if cell.starts_with(runs) { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

fn failed(error: impl std::fmt::Display) -> Problem {
    Problem::unavailable(format!("the table could not be written: {error}"), "ask again, and report this if it stays")
}

/// Rows, behind the header if they are the first.
fn rows(lines: &[LogLine], header: bool) -> Result<Bytes, Problem> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    if header {
        writer.write_record(HEADER).map_err(failed)?;
    }
    for line in lines {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let cells: [String; HEADER.len()] = [
            line.number.to_string(),
            line.at.to_string(),
            line.verb.to_string(),
            line.who.clone(),
            text(&line.what),
            line.document.map(|document| document.to_string()).unwrap_or_default(),
            text(&line.to),
            text(&line.why),
            line.detail.clone(),
            line.hash.to_string(),
        ];
        writer.write_record(cells.iter().map(|cell| harmless(cell).into_owned())).map_err(failed)?;
    }
    writer.into_inner().map(Bytes::from).map_err(failed)
}

/// Where the writing stands.
struct Place {
    desk: DeskHandle,
    actor: Actor,
    query: LogQuery,
    /// How many lines may still come; none: as many as there are.
    left: Option<u32>,
    header: bool,
}

impl Place {
    /// The next rows; none when all are written.
    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let limit = self.left.unwrap_or(PAGE).min(PAGE);
        let lines = if limit == 0 {
            Vec::new()
        } else {
            let (actor, query) = (self.actor.clone(), LogQuery { limit: Some(limit), ..self.query.clone() });
            self.desk.ask(move |desk| desk.log(&actor, query)).await?
        };
        let header = std::mem::take(&mut self.header);
        let Some(last) = lines.last() else {
            return if header { rows(&[], true).map(Some) } else { Ok(None) };
        };
        self.query.before = Some(last.number);
        let count = u32::try_from(lines.len()).unwrap_or(u32::MAX);
        self.left = self.left.map(|left| left.saturating_sub(count));
        rows(&lines, header).map(Some)
    }
}

/// The lines that `query` asks for, newest first, as the body of an answer. That they are written out is
/// in the log before the first of them is.
///
/// # Errors
/// What the desk refuses. If it fails later on, the body breaks off, so that nobody takes it for whole.
pub(crate) async fn of_log(desk: DeskHandle, actor: Actor, query: LogQuery) -> Result<Body, Problem> {
    let (by, asked) = (actor.clone(), query.clone());
    let newest = desk.ask(move |desk| desk.export_log(&by, &asked)).await?;
    let before = query.before.map_or(newest, |before| before.min(newest));
    let left = query.limit;
    let mut place = Place { desk, actor, query: LogQuery { before: Some(before), ..query }, left, header: true };
    // What cannot be read at all is refused, rather than begun and broken off.
    let first = place.next().await?;
    let rest = futures::stream::try_unfold(place, |mut place| async move { Ok(place.next().await?.map(|rows| (rows, place))) });
    let first = futures::stream::iter(first.map(Ok::<Bytes, Problem>));
    Ok(Body::from_stream(futures::StreamExt::chain(first, rest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::fake;

    #[test]
    fn a_cell_that_a_spreadsheet_would_run_gets_an_apostrophe_and_others_stay() {
        for bad in ["=1+1", "+44", "-2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\u{ff1d}1", "\u{ff0b}1", "\u{ff0d}1", "\u{ff20}x"] {
            assert_eq!(harmless(bad), format!("'{bad}"));
        }
        for good in ["", "Brixton CSU", "a=b", " x", "2026-11-22", "'quoted", "€5"] {
            assert_eq!(harmless(good), good);
        }
    }

    #[test]
    fn rows_read_back_as_the_cells_that_were_written() {
        let bytes = rows(&[fake::log_line(1)], true).unwrap();
        assert!(bytes.starts_with(b"number,at,") && bytes.ends_with(b"\r\n"));
        let mut reader = csv::Reader::from_reader(bytes.as_ref());
        let row = reader.records().next().unwrap().unwrap();
        assert_eq!((&row[0], &row[6], &row[8]), ("1", "'=HYPERLINK(\"http://x\")", "sent 1 entry\nof sealed content"));
        assert_eq!((row.len(), row[5].len(), row[9].len()), (HEADER.len(), 64, 64));
    }
}
