//! Documents and their history as people see them.

use super::annexes::Whole;
use super::erasing::ERASED;
use super::facets;
use super::listing::title;
use super::opening::{NO_KIND, Named, Open, kind_named};
use super::recalling::{Response, Said};
use super::{Office, now};
use crate::desk::{
    AccessLevel, Actor, AnnexLine, CIRCLE_PREFIX, Count, Document, DocumentLine, DocumentQuery, DocumentsPage, DraftView, EntryKind,
    HistoryLine, Problem, Reader, Recipient, ResponseLine, ValueChange, Withdrawal,
};
use crate::log_verb::LogVerb;
use crate::storage::{Cursor, Draft, ListingFilter};
use csu_protocol::access::{Access, Row};
use csu_protocol::codec::Canonical;
use csu_protocol::document::{Content, Fields, Kind, Means, Side, Snapshot, kind};
use csu_protocol::entry::{Body, Header, Plane, Subject};
use csu_protocol::id::{DocumentId, EntryId};
use csu_protocol::reading::{OpenResponse, OpenRevision};
use csu_protocol::store::Read;
use csu_protocol::time::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

impl Office {
    pub(super) fn documents_page(&mut self, query: &DocumentQuery) -> Result<DocumentsPage, Problem> {
        let limit = query.limit.unwrap_or(DocumentQuery::DEFAULT_LIMIT).clamp(1, DocumentQuery::MAX_LIMIT);
        let cursor = match &query.cursor {
            Some(text) => Some(text.parse::<Cursor>().map_err(|error| Problem::invalid("cursor", "not a cursor", error.to_string()))?),
            None => None,
        };
        let filter = self.listing_filter(query)?;
        let drafts = self.listed_drafts(&filter)?;
        let filter = ListingFilter { terms: self.kept_terms(filter.terms), ..filter };
        let count = match query.count {
            Some(true) => Some(self.count_documents(&filter, drafts.len())?),
            Some(false) | None => None,
        };
        let mut items = if cursor.is_none() { drafts } else { Vec::new() };
        let page = self.storage.listing(&filter, limit, cursor)?;
        for line in page.items {
            if self.is_silent(&line.document) {
                continue;
            }
            let erased = if line.state == ERASED { self.erased(&line.document)? } else { None };
            items.push(DocumentLine {
                erased,
                reference: line.document.short(),
                id: Some(line.document),
                kind: line.kind,
                title: self.shown_title(&line.document, line.title)?,
                state: line.state,
                marking: line.marking.unwrap_or_default(),
                owner: self.organisation(&line.owner),
                updated: line.updated.into(),
                received: line.received.map(Into::into),
                draft: self.storage.draft_of(&line.document)?.is_some_and(|draft| draft.open),
                unread: Some(line.unread),
            });
        }
        Ok(DocumentsPage { items, next: page.next.map(|cursor| cursor.to_string()), count })
    }

    /// The drafts of what is not shared yet that a filter lets through. They are not searched in.
    fn listed_drafts(&self, filter: &ListingFilter) -> Result<Vec<DocumentLine>, Problem> {
        let us = self.machine.organisation();
        if filter.search.is_some() || filter.unread || filter.owner.is_some_and(|owner| owner != us) {
            return Ok(Vec::new());
        }
        let mut lines = Vec::new();
        for draft in self.storage.open_drafts()?.into_iter().filter(|draft| draft.content.document.is_none()) {
            let kind = kind_named(&draft.content.kind)?;
            let is_asked_for = filter.kind.as_deref().is_none_or(|asked| asked == kind.name)
                && filter.state.as_deref().is_none_or(|state| state == kind.draft_state())
                && filter.since.is_none_or(|since| draft.updated >= since);
            if !is_asked_for || self.silent_whole(&draft).is_some() {
                continue;
            }
            let fields = Fields::stored(draft.content.fields.clone());
            if filter.terms.is_empty() || filter.terms.is_subset(&facets::of_fields(kind, &fields)) {
                lines.push(self.draft_line(&draft)?);
            }
        }
        Ok(lines)
    }

    fn count_documents(&self, filter: &ListingFilter, drafts: usize) -> Result<Count, Problem> {
        let listed = self.storage.count_listing(filter, DocumentQuery::MAX_COUNT.saturating_add(1))?;
        let all = u32::try_from(drafts).unwrap_or(u32::MAX).saturating_add(listed);
        Ok(Count { documents: all.min(DocumentQuery::MAX_COUNT), more: all > DocumentQuery::MAX_COUNT })
    }

    fn draft_line(&self, draft: &Draft) -> Result<DocumentLine, Problem> {
        let view = self.draft_with(draft, Vec::new())?;
        Ok(DocumentLine {
            reference: view.reference,
            id: None,
            kind: view.kind,
            title: view.title,
            state: view.state,
            marking: view.marking,
            owner: view.owner,
            updated: draft.updated.into(),
            received: None,
            draft: true,
            unread: Some(false),
            erased: None,
        })
    }

    /// What a reference names, for a person to read; noted in the log as consulted.
    pub(super) fn consult(&mut self, actor: &Actor, reference: &str) -> Result<Document, Problem> {
        match self.find(reference)? {
            Named::Draft(draft) => {
                self.log_act(actor, LogVerb::Consultation, None, None, format!("read draft {}", draft.number))?;
                self.draft_document(&draft)
            }
            Named::Document(document, draft) => {
                self.refuse_erased(&document)?;
                self.refuse_silent(&document)?;
                self.pump()?;
                if !self.lately.has(&document)
                    && let Some((said, access)) = self.recall(&document)?
                {
                    self.log_act(actor, LogVerb::Consultation, Some(document), None, "read it")?;
                    self.mark_read(&document)?;
                    return self.view(&document, said, &access, draft.as_ref());
                }
                let open = self.open_document(&document)?;
                self.refuse_sealed(&open, "was not shown")?;
                self.log_act(actor, LogVerb::Consultation, Some(document), None, "read it")?;
                self.mark_read(&document)?;
                self.want_kept(&open);
                self.document_view(&open, draft.as_ref())
            }
        }
    }

    /// A document that this node was asked to change, as it is now.
    pub(super) fn show_document(&mut self, document: &DocumentId) -> Result<Document, Problem> {
        let open = self.open_document(document)?;
        let draft = self.storage.draft_of(document)?.filter(|draft| draft.open);
        let mut view = self.document_view(&open, draft.as_ref())?;
        if open.kind.sealed.is_some() {
            // What readers say of it may repeat it.
            (view.fields, view.responses, view.sealed) = (serde_json::Map::new(), Vec::new(), true);
        }
        Ok(view)
    }

    pub(super) fn draft_document(&self, draft: &Draft) -> Result<Document, Problem> {
        self.draft_with(draft, self.annex_lines(Whole::Draft(draft.number))?)
    }

    /// The same with these annexes: to find them all drafts are looked at, which a list of drafts has no need of.
    fn draft_with(&self, draft: &Draft, annexes: Vec<AnnexLine>) -> Result<Document, Problem> {
        let kind = kind_named(&draft.content.kind)?;
        let fields = kind.check(&draft.content.fields).map_err(|error| stored_badly(&error))?;
        let marking = draft.content.marking.clone().unwrap_or_else(|| kind.default_marking.to_string());
        let title = match &kind.sealed {
            Some(sealed) => self.draft_title(sealed, fields.as_map())?,
            None => kind.title_of(&fields).unwrap_or("").to_owned(),
        };
        Ok(Document {
            reference: draft.number.to_string(),
            id: None,
            kind: kind.name.to_owned(),
            title: if title.is_empty() { format!("(untitled {})", kind.label.to_lowercase()) } else { title },
            state: kind.draft_state().to_owned(),
            marking: marking.clone(),
            owner: self.organisation(&self.machine.organisation()),
            // What is published: nothing yet.
            fields: serde_json::Map::new(),
            draft: Some(self.draft_view(draft, &fields, marking, &Fields::default())?),
            withdrawn: None,
            access: AccessLevel::Owner,
            readers: Vec::new(),
            responses: Vec::new(),
            steps: possible_steps(kind, kind.draft_state(), AccessLevel::Owner),
            problems: Vec::new(),
            heads: Vec::new(),
            forks: Vec::new(),
            annexes,
            sealed: false,
        })
    }

    fn draft_view(&self, draft: &Draft, fields: &Fields, marking: String, published: &Fields) -> Result<DraftView, Problem> {
        let mut to = Vec::new();
        for grant in &draft.content.circles {
            let who = format!("{CIRCLE_PREFIX}{}", self.circle_of(grant.circle)?.name);
            to.push(Recipient { who, role: Some(grant.role), until: grant.until.map(Into::into) });
        }
        to.extend(draft.content.audience.iter().map(|grant| Recipient {
            who: match grant.subject {
                Subject::Anyone => "anyone".to_owned(),
                Subject::Organisation(id) => self.organisation(&id).name,
            },
            role: Some(grant.role),
            until: grant.until.map(Into::into),
        }));
        Ok(DraftView { fields: fields.as_map().clone(), marking, to, changed: published.changed_paths(fields) })
    }

    pub(super) fn document_view(&self, open: &Open, draft: Option<&Draft>) -> Result<Document, Problem> {
        let access = self.access_of(&open.id)?;
        self.view(&open.id, Said::by(open, &access), &access, draft)
    }

    /// A document that says so. Of its graph the control plane is enough.
    pub(super) fn view(&self, id: &DocumentId, said: Said, access: &Access, draft: Option<&Draft>) -> Result<Document, Problem> {
        let rows: Vec<Row> = access.rows().into_iter().filter(|row| row.is_live(now())).collect();
        let withdrawal = access.withdrawal();
        let dated = rows.iter().map(|row| row.entry).chain(withdrawal.map(|(entry, ..)| entry)).collect();
        let dated = Read::entries(&self.storage, id, &dated)?;
        let arrived: BTreeMap<EntryId, Timestamp> = dated.iter().filter_map(|stored| Some((id_of(stored)?, stored.received))).collect();
        let when = |entry: &EntryId| arrived.get(entry).copied().unwrap_or_default();
        let readers = rows.iter().map(|row| Reader { who: self.party(row.who), role: row.role, since: when(&row.entry).into() }).collect();
        let responses = said.responses.into_iter().map(|response| ResponseLine {
            entry: response.entry,
            by: self.organisation(&response.organisation),
            remark: response.remark,
            step: Some(response.step).filter(|step| !step.is_empty()),
            text: response.text,
            at: response.at.into(),
            person: response.person,
        });
        let kind = kind::find(&said.kind).unwrap_or(&NO_KIND);
        let owner = access.owner().unwrap_or_else(|| self.machine.organisation());
        let level = self.level(access, owner);
        let published = Fields::stored(said.fields);
        let marking = said.marking.map(|marking| marking.to_string()).unwrap_or_default();
        let draft = match draft {
            Some(draft) => {
                let fields = kind.check(&draft.content.fields).map_err(|error| stored_badly(&error))?;
                let marking = draft.content.marking.clone().unwrap_or_else(|| marking.clone());
                Some(self.draft_view(draft, &fields, marking, &published)?)
            }
            None => None,
        };
        Ok(Document {
            reference: id.short(),
            id: Some(*id),
            kind: kind.name.to_owned(),
            title: self.shown_title(id, said.title)?,
            steps: possible_steps(kind, &said.state, level),
            state: said.state,
            marking,
            owner: self.organisation(&owner),
            fields: published.into_map(),
            draft,
            withdrawn: withdrawal.map(|(entry, by, reason)| Withdrawal {
                reason,
                by: self.organisation(&by),
                received: when(&entry).into(),
            }),
            access: level,
            readers,
            responses: responses.collect(),
            problems: said.problems.into_iter().chain(self.doubt(id)).collect(),
            heads: access.heads(Plane::Control).chain(said.heads).collect(),
            forks: said
                .forks
                .iter()
                .map(|(one, other)| format!("one author signed two entries for one place: {one} and {other}; ask it why"))
                .collect(),
            annexes: self.annex_lines(Whole::Document(*id))?,
            sealed: false,
        })
    }

    /// A document's history for a person to read.
    pub(super) fn consult_history(&mut self, actor: &Actor, reference: &str) -> Result<Vec<HistoryLine>, Problem> {
        let lines = self.history_of(reference)?;
        let document = self.find_shared(reference)?;
        self.log_act(actor, LogVerb::Consultation, Some(document), None, "read its history")?;
        Ok(lines)
    }

    pub(super) fn history_of(&mut self, reference: &str) -> Result<Vec<HistoryLine>, Problem> {
        let document = self.find_shared(reference)?;
        // Who signed what when stays as proof when a document was erased.
        let open = self.open_remains(&document)?;
        let access = self.access_of(&document)?;
        let effective: BTreeSet<EntryId> = access.effective_revisions().into_iter().collect();
        let mut walk = Walk::along(&open);
        let mut lines = Vec::new();
        for stored in Read::document(&self.storage, &document)? {
            let Ok(header) = Header::from_canonical(&stored.entry.header) else { continue };
            let id = header.id();
            let revises = matches!(header.body, Body::Revision { .. });
            let counts = if revises { effective.contains(&id) } else { access.is_authorised(&id) };
            let mut line = HistoryLine {
                entry: id,
                kind: EntryKind::from(&header.body),
                by: self.organisation(&header.organisation),
                at: None,
                person: None,
                received: stored.received.into(),
                state: None,
                changed: Vec::new(),
                changes: Vec::new(),
                counts,
                why: why_not(&access, &open, &id, counts),
            };
            walk.complete(&mut line, &header);
            lines.push(line);
        }
        Ok(lines)
    }
}

/// What only those who can read payloads know of a document's entries, looked at in causal order: mostly a revision builds on the
/// one before, and is added to what that made.
struct Walk<'o> {
    open: &'o Open,
    responses: BTreeMap<EntryId, &'o OpenResponse>,
    revisions: BTreeMap<EntryId, &'o OpenRevision>,
    content: Content,
    shown: Snapshot,
}

impl<'o> Walk<'o> {
    fn along(open: &'o Open) -> Self {
        Self {
            open,
            responses: open.opened.responses.iter().map(|response| (response.entry, response)).collect(),
            revisions: open.opened.revisions.iter().map(|revision| (revision.entry, revision)).collect(),
            content: Content::default(),
            shown: Snapshot::default(),
        }
    }

    fn complete(&mut self, line: &mut HistoryLine, header: &Header) {
        if let Some(response) = self.responses.get(&line.entry) {
            line.at = Some(response.payload.at.into());
            line.person.clone_from(&response.payload.person);
            line.state = Some(match response.payload.step.as_str() {
                "" => response.payload.remark.to_string(),
                step => step.to_owned(),
            });
        }
        let Some(revision) = self.revisions.get(&line.entry).copied() else { return };
        line.at = Some(revision.at.into());
        line.person.clone_from(&revision.person);
        let Body::Revision { deps, .. } = &header.body else { return };
        let Some(before) = self.step(revision, deps) else { return };
        line.state = self.shown.state.map(str::to_owned);
        line.changed = before.changed_paths(&self.shown);
        if self.open.kind.sealed.is_none() {
            // What is sealed is shown for a reason alone, what it said before too.
            line.changes = value_changes(&before, &self.shown);
        }
    }

    /// Goes on to a revision; what the document said before it. None if it has no part in the content.
    fn step(&mut self, revision: &OpenRevision, deps: &[EntryId]) -> Option<Snapshot> {
        let opened = &self.open.opened;
        let change = opened.content.change(&revision.change)?;
        if change.deps() == self.content.heads() {
            self.content.add([change.clone()]);
            let shown = self.content.snapshot();
            return Some(std::mem::replace(&mut self.shown, shown));
        }
        let before = match opened.changes_of(deps) {
            Some(deps) if !deps.is_empty() => opened.content.snapshot_at(&deps).unwrap_or_default(),
            Some(_) | None => Snapshot::default(),
        };
        self.content = opened.content.version(&[revision.change])?;
        self.shown = self.content.snapshot();
        Some(before)
    }
}

/// What a revision changed, before and after.
fn value_changes(before: &Snapshot, after: &Snapshot) -> Vec<ValueChange> {
    let words = [
        ("marking", before.marking.map(|marking| marking.to_string()), after.marking.map(|marking| marking.to_string())),
        ("state", before.state.map(str::to_owned), after.state.map(str::to_owned)),
    ];
    let words = words.into_iter().filter(|(_, before, after)| before != after).map(|(path, before, after)| ValueChange {
        path: path.to_owned(),
        before: before.map(Value::from),
        after: after.map(Value::from),
    });
    let fields = before.fields.changes(&after.fields).into_iter().map(|change| {
        let (before, after) = around_change(change.before, change.after);
        ValueChange { path: change.path, before, after }
    });
    words.chain(fields).take(ValueChange::MOST).collect()
}

/// Two values; of long ones what lies around the first difference, or as many of their parts as fit.
fn around_change(before: Option<&Value>, after: Option<&Value>) -> (Option<Value>, Option<Value>) {
    let most = ValueChange::MOST_CHARACTERS;
    let is_long = |value: Option<&Value>| value.is_some_and(|value| value.to_string().len() > most);
    if !is_long(before) && !is_long(after) {
        return (before.cloned(), after.cloned());
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let (before, after) = (before.map(text), after.map(text));
    let same = before.iter().flat_map(|text| text.chars()).zip(after.iter().flat_map(|text| text.chars()));
    // With some of what stands before it, so that a reader finds the place.
    let from = same.take_while(|(one, other)| one == other).count().saturating_sub(most / 6);
    let part = |text: String| {
        let mut part: String = if from > 0 { "… ".to_owned() } else { String::new() };
        part.extend(text.chars().skip(from).take(most));
        if text.chars().nth(from.saturating_add(most)).is_some() {
            part.push_str(" …");
        }
        Value::from(part)
    };
    (before.map(part), after.map(part))
}

fn why_not(access: &Access, open: &Open, id: &EntryId, counts: bool) -> Option<String> {
    let unreadable = open.opened.unreadable.iter().find(|(entry, _)| entry == id).map(|(_, why)| format!("cannot be shown: {why}"));
    if unreadable.is_some() || counts {
        return unreadable;
    }
    Some(if access.is_authorised(id) {
        "it builds on a revision that does not count".to_owned()
    } else {
        "its author's right was taken back, and whoever took it did not keep this entry".to_owned()
    })
}

impl Said {
    /// What an open document says, by its graph.
    pub(super) fn by(open: &Open, access: &Access) -> Self {
        Self {
            kind: open.kind.name.to_owned(),
            title: title(open),
            state: open.state.to_owned(),
            marking: open.snapshot.marking,
            fields: open.snapshot.fields.as_map().clone(),
            responses: open.opened.responses.iter().map(Response::from).collect(),
            problems: problems(open),
            forks: access.forks().collect(),
            heads: access.heads(Plane::Content).collect(),
        }
    }
}

fn problems(open: &Open) -> Vec<String> {
    let content = open.snapshot.problems.iter().map(|problem| format!("{}: {}", problem.path, problem.what));
    let unreadable = open.opened.unreadable.iter().map(|(entry, why)| format!("entry {}: {why}", entry.short()));
    let left_out = open.opened.content.left_out().iter().map(|(change, why)| format!("change {change}: {why}"));
    content.chain(unreadable).chain(left_out).collect()
}

fn id_of(stored: &csu_protocol::store::StoredEntry) -> Option<EntryId> {
    Header::from_canonical(&stored.entry.header).ok().map(|header| header.id())
}

fn stored_badly(error: &impl std::fmt::Display) -> Problem {
    Problem::storage(format!("a stored draft cannot be read: {error}"), "discard it, or run the newer csu that wrote it")
}

/// The steps that this organisation can take from a state.
pub(super) fn possible_steps(kind: &Kind, state: &str, level: AccessLevel) -> Vec<String> {
    let may = |step: &&'static csu_protocol::document::Step| match (step.by, step.means) {
        (_, Means::Withdraw) => matches!(level, AccessLevel::Owner | AccessLevel::Admin) && state != kind.draft_state(),
        (Side::Owner, _) => level == AccessLevel::Owner,
        (Side::Writer, _) => matches!(level, AccessLevel::Owner | AccessLevel::Admin | AccessLevel::Write),
        (Side::OtherReader, _) => matches!(level, AccessLevel::Admin | AccessLevel::Write | AccessLevel::Read),
    };
    kind.steps_from(state).filter(may).map(|step| step.verb.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_text_that_changed_what_lies_around_the_change_is_told() {
        let before = Value::from(format!("{}old{}", "é".repeat(5000), "z".repeat(5000)));
        let after = Value::from(format!("{}new{}", "é".repeat(5000), "z".repeat(5000)));
        let (Some(Value::String(one)), Some(Value::String(other))) = around_change(Some(&before), Some(&after)) else { panic!("no texts") };
        assert!(one.contains("éold") && other.contains("énew") && one.starts_with("… ") && one.ends_with(" …"), "{one}");
        assert_eq!(one.chars().count(), ValueChange::MOST_CHARACTERS + 4);
        let short = Value::from("short");
        assert_eq!(around_change(None, Some(&short)), (None, Some(short)));
    }
}
