//! Questions to the person at the terminal. A pipe is never asked: what it would answer nobody has read.

use super::failure::Failure;
use super::output::Output;
use super::screen;
use std::io::{BufRead, IsTerminal, Read, Write};

/// More than anybody types for yes or no.
const ANSWER_BYTES: u64 = 100;

/// Whether somebody is there who reads what is shown and can answer.
#[must_use]
pub fn is_possible(output: Output) -> bool {
    output == Output::Words && std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Asks, and reads one line. True only for yes.
///
/// # Errors
/// When the terminal cannot be read; `remedy` says how to do without it.
pub fn yes(question: &str, remedy: &str) -> Result<bool, Failure> {
    screen::print(question);
    std::io::stdout().flush().ok();
    let mut typed = String::new();
    std::io::stdin()
        .lock()
        .take(ANSWER_BYTES)
        .read_line(&mut typed)
        .map_err(|error| Failure::new(format!("the terminal cannot be read ({error})"), remedy))?;
    Ok(matches!(typed.trim().to_lowercase().as_str(), "yes" | "y"))
}
