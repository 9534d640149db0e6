//! What was left out, changed or noticed while reading an alert: nothing of it refuses the file, all of it is shown.

use crate::personal;
use std::fmt;

/// A remark about a place in the alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The element or field, such as `info[0]/description`; empty for the alert as a whole.
    pub path: String,
    /// What was noticed.
    pub notice: Notice,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { write!(f, "{}", self.notice) } else { write!(f, "{}: {}", self.path, self.notice) }
    }
}

/// What was noticed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Notice {
    /// `contact` was not taken over.
    #[error("the contact was left out because it may name a person; add one if it names an office only")]
    ContactLeftOut,
    /// `derefUri` was not taken over.
    #[error("the embedded content (derefUri) was left out; ask the sender for an address instead")]
    EmbeddedContentLeftOut,
    /// An element of another namespace, such as a signature.
    #[error("the element {name} of another vocabulary was left out{}", if *.signature { "; the signature was not checked" } else { "" })]
    ForeignElement {
        /// The element's name, shortened.
        name: String,
        /// Whether it is an XML signature.
        signature: bool,
    },
    /// An element CAP does not have here.
    #[error("the element {name} was left out because CAP has none of that name here")]
    UnknownElement {
        /// The element's name, shortened.
        name: String,
    },
    /// An attribute on an element of CAP, which has none.
    #[error("the attribute {name} was left out because CAP has none")]
    Attribute {
        /// The attribute's name, shortened.
        name: String,
    },
    /// Line breaks of HTML became newlines.
    #[error("line breaks of HTML ({count}) became newlines; read the text through")]
    LineBreaks {
        /// How many.
        count: usize,
    },
    /// Other HTML stays as text.
    #[error("the text seems to hold HTML, which is kept as plain text; tidy it up before you issue it")]
    Markup,
    /// The text may hold personal data.
    #[error("this may hold {kind} (characters {} to {end}); remove it or move it to the annex", start + 1)]
    PersonalData {
        /// What kind.
        kind: personal::Kind,
        /// The first character, counted from 0. The words themselves are not repeated here, lest they reach a log.
        start: usize,
        /// One past the last character.
        end: usize,
    },
    /// The deprecated certainty of CAP 1.0 and 1.1.
    #[error("the certainty Very Likely, which CAP gave up, became Likely")]
    VeryLikely,
    /// A resource of CAP 1.1 without media type.
    #[error("the resource names no media type, as CAP 1.1 allowed; application/octet-stream was put in")]
    MediaTypeAssumed,
    /// A time of CAP 1.1 in another form.
    #[error("the time was rewritten with numeric offset and whole seconds; CAP 1.1 allowed other forms")]
    TimeRewritten,
    /// An address that is no address of a web page.
    #[error("this is not an http or https address; correct it before you issue the bulletin")]
    UnusualAddress,
    /// `ceiling` without `altitude`.
    #[error("a ceiling means nothing without an altitude; add one or remove the ceiling")]
    CeilingWithoutAltitude,
    /// The alert has no `info`.
    #[error("the alert says nothing beyond its heading: it has no info")]
    NoInfo,
    /// A parameter in our name space that could not be taken over.
    #[error("the parameter {name} was left out: {}", .why)]
    OwnParameter {
        /// The parameter's name, shortened.
        name: String,
        /// Why.
        why: &'static str,
    },
    /// There are more remarks than are kept.
    #[error("{count} further remarks are not listed; read the alert through")]
    More {
        /// How many were not kept.
        count: usize,
    },
}

/// The remarks of one reading, bounded.
#[derive(Debug)]
pub(super) struct Warnings {
    kept: Vec<Warning>,
    limit: usize,
    further: usize,
}

impl Warnings {
    pub(super) fn new(limit: usize) -> Self {
        Self { kept: Vec::new(), limit, further: 0 }
    }

    pub(super) fn add(&mut self, path: &str, notice: Notice) {
        if self.kept.len() < self.limit {
            self.kept.push(Warning { path: path.to_owned(), notice });
        } else {
            self.further = self.further.saturating_add(1);
        }
    }

    pub(super) fn finish(mut self) -> Vec<Warning> {
        if self.further > 0 {
            self.kept.push(Warning { path: String::new(), notice: Notice::More { count: self.further } });
        }
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_are_bounded_and_the_rest_is_counted() {
        let mut warnings = Warnings::new(2);
        for _ in 0..5 {
            warnings.add("info[0]/contact", Notice::ContactLeftOut);
        }
        let warnings = warnings.finish();
        assert_eq!(warnings.len(), 3);
        assert_eq!(warnings[2].notice, Notice::More { count: 3 });
        assert!(warnings[0].to_string().starts_with("info[0]/contact: the contact was left out"));
    }
}
