//! What a command says when it could not do what it was asked, and the exit code it ends with.

use super::client::ClientError;
use super::screen::visible;
use crate::desk::Problem;
use std::process::ExitCode;

/// Why a command ended without doing what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    what: String,
    remedy: Option<String>,
    usage: Usage,
    problem: Option<Problem>,
}

/// Whether the command itself was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Usage {
    Right,
    Wrong,
}

impl Failure {
    /// Something was refused or failed.
    #[must_use]
    pub fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: Some(remedy.into()), usage: Usage::Right, problem: None }
    }

    /// The command was not given what it needs.
    #[must_use]
    pub fn usage(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { usage: Usage::Wrong, ..Self::new(what, remedy) }
    }

    /// An error written in the house's way: what is wrong, a colon, what to do about it.
    #[must_use]
    pub fn of(error: &dyn std::fmt::Display) -> Self {
        let text = error.to_string();
        let split = text.rsplit_once(": ").or_else(|| text.rsplit_once("; "));
        let (what, remedy) = split.map_or((text.as_str(), None), |(what, remedy)| (what, Some(remedy.to_owned())));
        Self { what: what.to_owned(), remedy, usage: Usage::Right, problem: None }
    }

    /// The same failure with something more to do.
    #[must_use]
    pub fn and(mut self, also: &str) -> Self {
        self.remedy = Some(match self.remedy {
            Some(remedy) => format!("{remedy}; {also}"),
            None => also.to_owned(),
        });
        self
    }

    /// What it says on a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("error: {}\n", visible(&self.what));
        for found in self.problem.iter().flat_map(Problem::findings) {
            text.push_str(&format!("  {}: {} \"{}\"\n", visible(&found.field), found.looks_like, visible(&found.words)));
        }
        if let Some(remedy) = &self.remedy {
            text.push_str(&format!("what to do: {}\n", visible(remedy)));
        }
        text
    }

    /// What it says to a program: the node's own problem, or one of the same form.
    #[must_use]
    pub fn json(&self) -> String {
        let own = || Problem::of_http(0, "The command failed", self.what.clone(), self.remedy.clone().unwrap_or_default());
        let problem = self.problem.clone().unwrap_or_else(own);
        serde_json::to_string_pretty(&problem).unwrap_or_default()
    }

    /// 1 for what was refused or failed, 2 for a wrong command.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self.usage {
            Usage::Right => ExitCode::from(1),
            Usage::Wrong => ExitCode::from(2),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let (what, remedy) = (error.to_string(), error.remedy());
        match error {
            ClientError::Refused(problem) => {
                let what = problem.field().filter(|field| !what.contains(*field)).map_or(what.clone(), |field| format!("{field}: {what}"));
                Self { problem: Some(problem), ..Self::new(what, remedy) }
            }
            ClientError::NotRunning { .. }
            | ClientError::Forbidden { .. }
            | ClientError::Silent { .. }
            | ClientError::Broken { .. }
            | ClientError::Unwritten { .. }
            | ClientError::Unreadable { .. } => Self::new(what, remedy),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::of(&format!("{error:#}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_and_what_to_do_and_shows_no_escapes() {
        let failure = Failure::of(&"the disk \u{1b}[2J is full (ENOSPC): make room");
        assert_eq!(failure.text(), "error: the disk ␛[2J is full (ENOSPC)\nwhat to do: make room\n");
        let refused = Failure::from(ClientError::Refused(Problem::invalid("to", "nobody is called x", "see csu peer list")));
        assert_eq!(refused.text(), "error: to: nobody is called x\nwhat to do: see csu peer list\n");
        assert!(refused.json().contains("\"remedy\": \"see csu peer list\""));
    }
}
