//! The node's own records as methods of [`Storage`]: drafts, listing, access log, retention, when
//! neighbours were seen, single values.
//!
//! Every write goes to the open group and is durable after [`Storage::commit`].

use super::{
    Cursor, Draft, DraftContent, DraftNumber, Kept, KeptView, Listed, ListingFilter, LogFilter, LogHead, LogLine, LogWalk, LoggedLine,
    OwnDates, Page, Storage, StorageError,
};
use super::{Term, Words, annexes, drafts, entries, erasing, facets, listing, log, meta, neighbours, retention, search, stale, views};
use csu_protocol::id::{DocumentId, Hash, OrganisationId};
use csu_protocol::time::Timestamp;
use std::collections::BTreeSet;

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Documents this node holds.
    pub documents: u64,
    /// Drafts still being written.
    pub drafts: u64,
    /// Documents in the listing with something unread.
    pub unread: u64,
}

/// Drafts.
/// What is searched in, in the table `meta`.
const SEARCHED: &str = "searched";
const TITLES: &str = "titles";
const TEXTS: &str = "texts";

impl Storage {
    /// Begins a draft.
    ///
    /// # Errors
    /// When the disk is full or fails, or the document has an open draft already. The caller rolls back.
    pub fn add_draft(&mut self, content: &DraftContent, now: Timestamp) -> Result<DraftNumber, StorageError> {
        self.write(|db| drafts::add(db, content, now))
    }

    /// Replaces what an open draft says. False if there is no open draft of that number.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn update_draft(&mut self, number: DraftNumber, content: &DraftContent, now: Timestamp) -> Result<bool, StorageError> {
        self.write(|db| drafts::update(db, number, content, now))
    }

    /// Closes a draft that became, or became part of, `document`: its words are removed, its number
    /// stays as an alias. False if there is no open draft of that number.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn close_draft(&mut self, number: DraftNumber, document: &DocumentId, now: Timestamp) -> Result<bool, StorageError> {
        self.write(|db| drafts::close(db, number, document, now))
    }

    /// Removes all that drafts of an erased document say; their numbers stay as aliases. How many were open.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn empty_drafts(&mut self, document: &DocumentId, now: Timestamp) -> Result<usize, StorageError> {
        self.write(|db| erasing::empty_drafts(db, document, now))
    }

    /// Deletes an open draft. Its number is never used again. False if there is no open draft of that number.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn delete_draft(&mut self, number: DraftNumber) -> Result<bool, StorageError> {
        self.write(|db| drafts::delete(db, number))
    }

    /// The draft of a number, open or closed.
    ///
    /// # Errors
    /// When storage fails or the row does not decode.
    pub fn draft(&self, number: DraftNumber) -> Result<Option<Draft>, StorageError> {
        self.read(|db| drafts::get(db, number))
    }

    /// The open draft of a document.
    ///
    /// # Errors
    /// When storage fails or the row does not decode.
    pub fn draft_of(&self, document: &DocumentId) -> Result<Option<Draft>, StorageError> {
        self.read(|db| drafts::of_document(db, document))
    }

    /// All open drafts, by number.
    ///
    /// # Errors
    /// When storage fails or a row does not decode.
    pub fn open_drafts(&self) -> Result<Vec<Draft>, StorageError> {
        self.read(drafts::open)
    }
}

/// The listing.
impl Storage {
    /// Adds or replaces a document's line.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn put_listing(&mut self, line: &Listed) -> Result<(), StorageError> {
        self.write(|db| listing::put(db, line))
    }

    /// Whether titles alone are searched in.
    ///
    /// # Errors
    /// When storage fails.
    pub fn has_titles_alone(&self) -> Result<bool, StorageError> {
        Ok(self.meta(SEARCHED)?.is_some_and(|searched| searched == TITLES))
    }

    /// Says whether titles alone are searched in. If that is new all words are removed, and every document is to be listed
    /// again; what was removed is in the files until they are written anew. Whether it is new.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn search_titles_alone(&mut self, alone: bool) -> Result<bool, StorageError> {
        if self.has_titles_alone()? == alone {
            return Ok(false);
        }
        self.write(|db| search::clear(db).and_then(|()| facets::forget(db)).and_then(|()| stale::mark_all(db)))?;
        self.put_meta(SEARCHED, if alone { TITLES } else { TEXTS })?;
        Ok(true)
    }

    /// Replaces what is searched in of a document that has a line; none, and search does not find it.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn put_words(&mut self, document: &DocumentId, words: Option<&Words>) -> Result<(), StorageError> {
        self.write(|db| search::put(db, document, words))
    }

    /// Replaces what a document that has a line is found under in lists, beside what the line says itself.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn put_facets(&mut self, document: &DocumentId, terms: &BTreeSet<Term>) -> Result<(), StorageError> {
        self.write(|db| facets::put(db, document, terms))
    }

    /// Removes a document's line, and what is searched in of it.
    ///
    /// # Errors
    /// When the disk fails. The caller rolls back.
    pub fn remove_listing(&mut self, document: &DocumentId) -> Result<(), StorageError> {
        self.write(|db| listing::remove(db, document))
    }

    /// Empties the listing, to build it again.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn clear_listing(&mut self) -> Result<(), StorageError> {
        self.write(listing::clear)
    }

    /// A document's line.
    ///
    /// # Errors
    /// When storage fails or the row does not decode.
    pub fn listed(&self, document: &DocumentId) -> Result<Option<Listed>, StorageError> {
        self.read(|db| listing::get(db, document))
    }

    /// At most `limit` lines behind `after`, newest first, then by id.
    ///
    /// # Errors
    /// When storage fails or a row does not decode.
    pub fn listing(&self, filter: &ListingFilter, limit: u32, after: Option<Cursor>) -> Result<Page, StorageError> {
        self.read(|db| listing::page(db, filter, limit, after))
    }

    /// How many lines a filter lets through, counted no further than `most`.
    ///
    /// # Errors
    /// When storage fails.
    pub fn count_listing(&self, filter: &ListingFilter, most: u32) -> Result<u32, StorageError> {
        self.read(|db| listing::count(db, filter, most))
    }

    /// The documents whose id begins with these hexadecimal digits, by id, at most `limit`. Whatever
    /// is no beginning of an id finds none.
    ///
    /// # Errors
    /// When storage fails.
    pub fn find_by_prefix(&self, prefix: &str, limit: u32) -> Result<Vec<DocumentId>, StorageError> {
        self.read(|db| entries::by_prefix(db, prefix, limit))
    }

    /// How much there is.
    ///
    /// # Errors
    /// When storage fails.
    pub fn counts(&self) -> Result<Counts, StorageError> {
        self.read(|db| Ok(Counts { documents: entries::count(db)?, drafts: drafts::count(db)?, unread: listing::count_unread(db)? }))
    }
}

/// What is kept of long documents.
impl Storage {
    /// Replaces what is kept of a document, unless it is longer than [`VIEW_BYTES`](super::VIEW_BYTES). What was kept first goes
    /// when there is too much of it.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn put_view(&mut self, document: &DocumentId, view: &KeptView) -> Result<(), StorageError> {
        self.write(|db| views::put(db, document, view))
    }

    /// What is kept of a document, whether or not that is what it says now.
    ///
    /// # Errors
    /// When storage fails or the row does not decode.
    pub fn view(&self, document: &DocumentId) -> Result<Option<KeptView>, StorageError> {
        self.read(|db| views::get(db, document))
    }

    /// What that was made of.
    ///
    /// # Errors
    /// When storage fails or the row does not decode.
    pub fn view_version(&self, document: &DocumentId) -> Result<Option<Hash>, StorageError> {
        self.read(|db| views::version(db, document))
    }

    /// Removes what is kept of a document.
    ///
    /// # Errors
    /// When the disk fails. The caller rolls back.
    pub fn remove_view(&mut self, document: &DocumentId) -> Result<(), StorageError> {
        self.write(|db| views::remove(db, document))
    }
}

/// Documents whose line is older than their entries.
impl Storage {
    /// Notes that a document's line is older than its entries, and that it is not to be brought up to date before its content
    /// came if it `waits`.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn mark_stale(&mut self, document: &DocumentId, waits: bool) -> Result<(), StorageError> {
        self.write(|db| stale::mark(db, document, waits))
    }

    /// Notes that it is up to date.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn unmark_stale(&mut self, document: &DocumentId) -> Result<(), StorageError> {
        self.write(|db| stale::unmark(db, document))
    }

    /// Notes that no document waits for its content any more.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn release_stale(&mut self) -> Result<(), StorageError> {
        self.write(stale::release)
    }

    /// At most `limit` documents whose line is older than their entries and that do not wait, in the order in which they came:
    /// those behind the document `after`, or from the first.
    ///
    /// # Errors
    /// When storage fails or a row does not decode.
    pub fn stale(&self, after: Option<&DocumentId>, limit: u32) -> Result<Vec<DocumentId>, StorageError> {
        self.read(|db| stale::first(db, after, limit))
    }

    /// Whether a document's line is older than its entries.
    ///
    /// # Errors
    /// When storage fails.
    pub fn is_stale(&self, document: &DocumentId) -> Result<bool, StorageError> {
        self.read(|db| stale::is(db, document))
    }

    /// Whether there are any that do not wait.
    ///
    /// # Errors
    /// When storage fails.
    pub fn has_stale(&self) -> Result<bool, StorageError> {
        self.read(stale::any)
    }

    /// How many there are, those that wait among them.
    ///
    /// # Errors
    /// When storage fails.
    pub fn count_stale(&self) -> Result<u64, StorageError> {
        self.read(stale::count)
    }
}

/// Which document is a sealed part of which.
impl Storage {
    /// Notes that one is a part of another.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn put_annex(&mut self, annex: &DocumentId, part_of: &DocumentId) -> Result<(), StorageError> {
        self.write(|db| annexes::put(db, annex, part_of))
    }

    /// Forgets that a document is a part of another.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn remove_annex(&mut self, annex: &DocumentId) -> Result<(), StorageError> {
        self.write(|db| annexes::remove(db, annex))
    }

    /// What a document is a part of; none if it is none, or nobody here could ever read it.
    ///
    /// # Errors
    /// When storage fails or the row does not decode.
    pub fn part_of(&self, annex: &DocumentId) -> Result<Option<DocumentId>, StorageError> {
        self.read(|db| annexes::part_of(db, annex))
    }

    /// The annexes of a document that this node could ever read, erased ones among them.
    ///
    /// # Errors
    /// When storage fails or a row does not decode.
    pub fn annexes(&self, document: &DocumentId) -> Result<Vec<DocumentId>, StorageError> {
        self.read(|db| annexes::of(db, document))
    }
}

/// The access log.
impl Storage {
    /// Adds a line.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn append_log(&mut self, line: &LogLine) -> Result<(), StorageError> {
        self.write(|db| log::append(db, line))
    }

    /// The lines that pass `filter`, newest first.
    ///
    /// # Errors
    /// When storage fails or a row does not decode.
    pub fn read_log(&self, filter: &LogFilter) -> Result<Vec<LoggedLine>, StorageError> {
        self.read(|db| log::read(db, filter))
    }

    /// How many lines there are, and the hash of the newest.
    ///
    /// # Errors
    /// When storage fails or the newest row does not decode.
    pub fn log_head(&self) -> Result<LogHead, StorageError> {
        self.read(log::chain::head)
    }

    /// Walks along at most `limit` lines behind the line `after`, or from the first if that is 0, and
    /// looks for the line with the hash `sought`. The hash of the line `after` is taken as it stands.
    ///
    /// # Errors
    /// When storage fails. That the chain is broken is no error here.
    pub fn walk_log(&self, after: u64, limit: u32, sought: Option<&Hash>) -> Result<LogWalk, StorageError> {
        self.read(|db| log::chain::walk(db, after, limit, sought))
    }
}

/// Retention.
impl Storage {
    /// Sets a document's own dates; none takes them away, so that those of its kind hold.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn set_retention(&mut self, document: &DocumentId, dates: Option<&OwnDates>) -> Result<(), StorageError> {
        self.write(|db| retention::set(db, document, dates))
    }

    /// One listed document with its own dates.
    ///
    /// # Errors
    /// When storage fails or the row does not decode.
    pub fn kept(&self, document: &DocumentId) -> Result<Option<Kept>, StorageError> {
        self.read(|db| retention::get(db, document))
    }

    /// Calls `each` for every listed document, in no order that matters.
    ///
    /// # Errors
    /// When storage fails or a row does not decode.
    pub fn every_kept(&self, each: &mut dyn FnMut(Kept)) -> Result<(), StorageError> {
        self.read(|db| retention::every(db, each))
    }
}

/// When neighbours were seen, and single values.
impl Storage {
    /// Notes that a peer was connected at a time. Nothing happens if it is no peer, or was seen later.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn peer_seen(&mut self, organisation: &OrganisationId, at: Timestamp) -> Result<(), StorageError> {
        self.write(|db| neighbours::seen(db, organisation, at))
    }

    /// When a peer was last connected.
    ///
    /// # Errors
    /// When storage fails or the row does not decode.
    pub fn last_seen(&self, organisation: &OrganisationId) -> Result<Option<Timestamp>, StorageError> {
        self.read(|db| neighbours::last_seen(db, organisation))
    }

    /// A single value. The name `stop` is taken by storage itself.
    ///
    /// # Errors
    /// When storage fails.
    pub fn meta(&self, name: &str) -> Result<Option<String>, StorageError> {
        self.read(|db| meta::get(db, name))
    }

    /// Sets a single value.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn put_meta(&mut self, name: &str, value: &str) -> Result<(), StorageError> {
        self.write(|db| meta::put(db, name, value))
    }
}
