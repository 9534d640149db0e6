//! What commands write on a terminal: plain words, aligned, and nothing that acts on the terminal.
//!
//! Titles, names and texts come from other organisations. A control character among them could move
//! the cursor, hide a line or forge an answer, so every text goes through [`visible`] or
//! [`visible_lines`] before it is printed, and JSON through [`visible_json`].

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};

/// Whether a character could make one text look like another, or act on a terminal.
#[must_use]
pub fn is_misleading(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '\u{e0000}'..='\u{e007f}' | '\u{fff9}'..='\u{fffb}')
}

fn push_visible(out: &mut String, c: char) {
    let code = u32::from(c);
    if !is_misleading(c) {
        out.push(c);
    } else if code < 0x20 {
        // The pictures of control characters: U+2400 and on, in the same order.
        out.push(char::from_u32(0x2400 + code).unwrap_or('\u{fffd}'));
    } else {
        let _written = write!(out, "<U+{code:04X}>");
    }
}

/// A text on one line, with every character seen that could mislead.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| push_visible(&mut out, c));
    out
}

/// A text on several lines, each behind `indent`, so that none of them can pass for a line of ours.
#[must_use]
pub fn visible_lines(text: &str, indent: &str) -> String {
    let mut out = String::new();
    for line in text.split('\n') {
        out.push_str(indent);
        for c in line.chars() {
            if c == '\t' { out.push_str("    ") } else { push_visible(&mut out, c) }
        }
        out.push('\n');
    }
    out
}

/// JSON for a terminal: the same JSON, with characters that could mislead written as escapes.
#[must_use]
pub fn visible_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        // Outside its strings JSON has none of these but line ends.
        if c != '\n' && is_misleading(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _written = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Rows in columns, two spaces apart; the last column is not padded.
#[must_use]
pub fn columns(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| visible(cell)).collect()).collect();
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> =
        (0..count).map(|at| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _written = write!(line, "{cell:<width$}  ", width = *width);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// A heading, bold where that is wanted and understood.
#[must_use]
pub fn heading(text: &str) -> String {
    let text = visible(text);
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if plain || !std::io::stdout().is_terminal() { text } else { format!("\u{1b}[1m{text}\u{1b}[0m") }
}

/// Writes to the standard output. That nobody reads it any more is no failure.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    // `csu log | head` closes the pipe; there is nobody to tell.
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
}

/// The parts of a time that a person reads: date and minutes, in UTC.
#[must_use]
pub fn short_time(moment: crate::desk::Moment) -> String {
    let text = moment.to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(date), Some(time)) => format!("{date} {time}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_direction_characters_are_seen_and_never_sent() {
        let hostile = "a\u{1b}[31mb\u{7}\r\nc\u{9b}2J\u{202e}d\u{200b}\u{7f}";
        let shown = visible(hostile);
        assert_eq!(shown, "a␛[31mb␇␍␊c<U+009B>2J<U+202E>d<U+200B><U+007F>");
        assert!(!shown.chars().any(is_misleading));
        assert_eq!(visible("Pobl Caerdydd – Undeb, 犯罪, 👮‍♀️"), "Pobl Caerdydd – Undeb, 犯罪, 👮‍♀️");
    }

    #[test]
    fn a_text_of_several_lines_cannot_pass_for_ours() {
        assert_eq!(visible_lines("one\nOwner  Somebody\u{1b}[A", "  "), "  one\n  Owner  Somebody␛[A\n");
    }

    #[test]
    fn json_stays_the_same_json() {
        let value = serde_json::json!({"a": "x\u{9b}\u{1b}\u{202e}\u{e0041}y"});
        let shown = visible_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!shown.chars().any(|c| c != '\n' && is_misleading(c)), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }

    #[test]
    fn columns_are_aligned_and_a_cell_cannot_break_out_of_its_row() {
        let rows = [vec!["a".to_owned(), "b\nc".to_owned()], vec!["long".to_owned(), "d".to_owned()]];
        assert_eq!(columns(&rows), "a     b␊c\nlong  d\n");
    }
}
