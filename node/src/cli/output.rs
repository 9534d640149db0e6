//! Words for people or JSON for programs.

use super::client::Answer;
use super::failure::Failure;
use super::screen;
use serde::de::DeserializeOwned;

/// How a command answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// In words.
    Words,
    /// The API's own JSON.
    Json,
}

impl Output {
    /// Prints an answer: as it came, or in the words that `render` finds.
    ///
    /// # Errors
    /// When the answer is of another form than this version knows.
    pub fn show<T: DeserializeOwned>(self, answer: &Answer, render: impl FnOnce(T) -> String) -> Result<(), Failure> {
        match self {
            Self::Words => screen::print(&render(answer.read()?)),
            Self::Json => screen::print(&format!("{}\n", screen::visible_json(String::from_utf8_lossy(&answer.body).trim_end()))),
        }
        Ok(())
    }

    /// Prints an answer that holds nothing to look at.
    ///
    /// # Errors
    /// Never now; as [`Output::show`].
    pub fn done(self, answer: &Answer, words: &str) -> Result<(), Failure> {
        self.show(answer, |_: serde_json::Value| words.to_owned())
    }

    /// Says something to a person.
    pub fn say(self, words: &str) {
        match self {
            Self::Words => screen::print(words),
            Self::Json => screen::print("{}\n"),
        }
    }
}
