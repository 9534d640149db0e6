//! What is kept of each document for lists and search: a line and its words.

use super::annexes::part_of;
use super::facets;
use super::opening::Open;
use super::{Office, OfficeError};
use crate::desk::Problem;
use crate::storage::{KeptView, Listed, Term, Words};
use csu_protocol::id::{DocumentId, OrganisationId};
use csu_protocol::reading::OpenRevision;
use csu_protocol::time::Timestamp;
use std::collections::BTreeSet;

/// What people see of a document in lists, and what they find it by.
#[derive(Debug)]
pub(super) struct Shown {
    line: Listed,
    part: Part,
    words: Option<Words>,
    /// What lists that show it can be narrowed by.
    facets: BTreeSet<Term>,
    /// What is kept of a long one.
    view: Option<KeptView>,
}

/// Whether a document is a sealed part of another.
#[derive(Debug)]
enum Part {
    Of(DocumentId),
    OfNone,
    /// What cannot be read now may be known from before.
    Unknown,
}

impl Shown {
    /// With what is kept of it.
    pub(super) fn with_view(self, view: Option<KeptView>) -> Self {
        Self { view, ..self }
    }

    /// An annex, and what it is a part of.
    pub(super) const fn part(&self) -> Option<(DocumentId, DocumentId)> {
        match self.part {
            Part::Of(whole) => Some((self.line.document, whole)),
            Part::OfNone | Part::Unknown => None,
        }
    }

    /// Whose it is.
    pub(super) const fn owner(&self) -> OrganisationId {
        self.line.owner
    }

    /// What people saw before is no news. So a line that is made anew though nothing came, such as after a new version of the
    /// database, stays read.
    pub(super) fn compare(&mut self, before: &Listed) {
        self.line.unread &= Listed { unread: true, ..before.clone() } != self.line;
    }
}

impl Office {
    /// Brings a document's line, and what it is found by, up to date with its entries.
    pub(super) fn list_again(&mut self, document: &DocumentId) -> Result<(), OfficeError> {
        self.put_line_again(document)?;
        // Also when the line is as it was: somebody may have responded.
        if let Some(line) = self.storage.listed(document)?.filter(|_| !self.is_silent(document)) {
            self.note_news(&line);
        }
        Ok(())
    }

    fn put_line_again(&mut self, document: &DocumentId) -> Result<(), OfficeError> {
        self.outdate(document);
        self.storage.unmark_stale(document)?;
        let before = self.storage.listed(document)?;
        match self.erased_line(document, before.as_ref()) {
            Ok(Some(line)) => {
                self.storage.put_words(document, None)?;
                self.storage.remove_view(document)?;
                self.storage.put_listing(&line)?;
                return Ok(self.storage.put_facets(document, &BTreeSet::new())?);
            }
            Ok(None) => {}
            Err(problem) => tracing::warn!(document = %document.short(), %problem, "could not list"),
        }
        if self.is_silent(document) {
            // Its line comes when a neighbour has confirmed it; until then none is shown.
            return Ok(());
        }
        match self.open_document(document) {
            Ok(open) => self.put_shown(shown(&open), before.as_ref()),
            Err(problem) => {
                // A document that cannot be opened must not keep others from being stored.
                tracing::warn!(document = %document.short(), %problem, "could not list");
                Ok(())
            }
        }
    }

    /// Replaces what people see of a document that is neither erased nor silent.
    pub(super) fn put_shown(
        &mut self,
        Shown { mut line, part, mut words, facets, view }: Shown,
        before: Option<&Listed>,
    ) -> Result<(), OfficeError> {
        if self.showing.titles_alone {
            words.iter_mut().for_each(|words| words.text.clear());
        }
        line.unread |= before.is_some_and(|before| before.unread);
        if before != Some(&line) {
            self.note_news(&line);
        }
        self.storage.put_listing(&line)?;
        self.storage.put_words(&line.document, words.as_ref())?;
        let facets = self.kept_terms(facets);
        self.storage.put_facets(&line.document, &facets)?;
        if let Some(view) = view {
            self.storage.put_view(&line.document, &view)?;
        }
        match part {
            Part::Of(whole) => self.storage.put_annex(&line.document, &whole)?,
            Part::OfNone => self.storage.remove_annex(&line.document)?,
            Part::Unknown => {}
        }
        Ok(())
    }

    /// A document's line as people see it, unless it is silent.
    pub(super) fn line_of(&self, document: &DocumentId) -> Result<Option<Listed>, Problem> {
        if self.is_silent(document) {
            return Ok(None);
        }
        let Some(line) = self.storage.listed(document)? else { return Ok(None) };
        Ok(Some(Listed { title: self.shown_title(document, line.title)?, ..line }))
    }

    /// Notes that somebody here has seen a document as it is now.
    pub(super) fn mark_read(&mut self, document: &DocumentId) -> Result<(), OfficeError> {
        if self.storage.is_stale(document)? {
            // What is made of it later would say again that nobody has.
            self.list_again(document)?;
        }
        if let Some(line) = self.storage.listed(document)?
            && line.unread
        {
            self.note_news(&line);
            self.storage.put_listing(&Listed { unread: false, ..line })?;
        }
        Ok(())
    }
}

/// When a document last changed: the earlier of what its author claims and when it was received,
/// so that a clock set ahead does not keep a document on top for ever.
pub(super) fn updated(open: &Open) -> Timestamp {
    // A sealed part is never changed: what somebody adds to it does not make it last longer.
    let counts = |revision: &&OpenRevision| open.kind.sealed.is_none() || revision.organisation == open.owner;
    let claimed = open.opened.revisions.iter().filter(counts).map(|revision| revision.at.min(revision.received)).max();
    claimed.or(open.came.received).unwrap_or_default()
}

/// What stands for a document in a list: for a sealed one nothing of what it says.
pub(super) fn title(open: &Open) -> String {
    if open.kind.sealed.is_some() {
        return part_of(open).map_or_else(|| "Annex of nothing that is known".to_owned(), |whole| format!("Annex of {}", whole.short()));
    }
    let title = open.kind.title_of(&open.snapshot.fields).unwrap_or("");
    if title.is_empty() { format!("(untitled {})", open.kind.label.to_lowercase()) } else { title.to_owned() }
}

/// What people see of an open document.
pub(super) fn shown(open: &Open) -> Shown {
    let line = Listed {
        document: open.id,
        kind: open.kind.name.to_owned(),
        title: title(open),
        state: open.state.to_owned(),
        marking: open.snapshot.marking.map(|marking| marking.to_string()),
        owner: open.owner,
        updated: updated(open),
        received: open.came.received,
        access: open.level.as_str().to_owned(),
        // What this node did itself is no news here.
        unread: open.came.is_news,
    };
    let part = match part_of(open) {
        Some(whole) => Part::Of(whole),
        None if open.opened.revisions.is_empty() => Part::Unknown,
        None => Part::OfNone,
    };
    Shown { words: words(open, &line.title), facets: facets::of_open(open), part, line, view: None }
}

/// What a document is found by: nothing of what is shown for a reason alone, or cannot be read.
fn words(open: &Open, title: &str) -> Option<Words> {
    if open.kind.sealed.is_some() || open.kind.indexed.is_empty() {
        return None;
    }
    let texts: Vec<&str> = open.kind.indexed_texts(&open.snapshot.fields).filter(|text| *text != title).collect();
    Some(Words { title: title.to_owned(), text: texts.join("\n") })
}
