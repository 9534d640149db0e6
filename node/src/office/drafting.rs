//! Drafts: what is written and not yet signed. Nothing here leaves the node.

use super::annexes::refuse_typed;
use super::circles::{Wishes, circle_named_in};
use super::opening::{Named, kind_named};
use super::{Office, now};
use crate::desk::{Actor, Document, DraftChange, DraftRequest, Problem, Recipient};
use crate::log_verb::LogVerb;
use crate::storage::{CircleGrant, Draft, DraftContent, DraftNumber};
use csu_protocol::document::{FieldError, Fields, Kind, Marking};
use csu_protocol::entry::{Grant, Role, Subject};
use csu_protocol::id::DocumentId;
use serde_json::{Map, Value};

pub(super) fn field_problem(error: &FieldError) -> Problem {
    Problem::invalid("fields", error.to_string(), "correct the field and try again; `--help` of the command lists the fields")
}

pub(super) fn marking_named(text: &str) -> Result<Marking, Problem> {
    text.parse().map_err(|error: csu_protocol::document::UnknownMarking| {
        Problem::invalid("marking", error.to_string(), "choose one of CLEAR, GREEN, AMBER, AMBER+STRICT, RED")
    })
}

/// Adds grants to an audience, in order; of two for one subject the later holds.
pub(super) fn merge(audience: &mut Vec<Grant>, more: impl IntoIterator<Item = Grant>) {
    for grant in more {
        audience.retain(|known| known.subject != grant.subject);
        audience.push(grant);
    }
    audience.sort();
}

impl Office {
    /// Whom a request names: organisations, anyone, and circles. Without a role: Read.
    pub(super) fn recipients(&self, to: &[Recipient]) -> Result<Wishes, Problem> {
        let mut wishes = Wishes::default();
        for recipient in to {
            let role = recipient.role.unwrap_or(Role::Read);
            let until = recipient.until.map(crate::desk::Moment::timestamp);
            if let Some(name) = circle_named_in(&recipient.who) {
                let circle = self.find_circle(name)?.key;
                wishes.add_circle(CircleGrant { circle, role, until });
                continue;
            }
            let subject = self.subject(&recipient.who)?;
            if subject == Subject::Organisation(self.machine.organisation()) {
                return Err(Problem::invalid("to", "this organisation need not grant itself anything", "leave it out"));
            }
            if subject == Subject::Anyone && role != Role::Read {
                return Err(Problem::invalid("to", "anyone can be given the role read alone", "write anyone=read"));
            }
            merge(&mut wishes.grants, [Grant { subject, role, until }]);
        }
        Ok(wishes)
    }

    /// Begins a draft of what somebody here types: what it says is collected by that.
    pub(super) fn write_draft(&mut self, actor: &Actor, request: &DraftRequest) -> Result<Document, Problem> {
        let document = self.begin_draft(actor, request)?;
        self.log_act(
            actor,
            LogVerb::Collection,
            None,
            None,
            format!("wrote draft {}, {}", document.reference, kind_named(&document.kind)?.one()),
        )?;
        Ok(document)
    }

    pub(super) fn begin_draft(&mut self, actor: &Actor, request: &DraftRequest) -> Result<Document, Problem> {
        let kind = kind_named(&request.kind)?;
        let mut fields = changed_fields(kind, None, Some(&request.fields), &request.assign)?.into_map();
        self.begin_annex(actor, kind, request, &mut fields)?;
        let fields = kind.check(&fields).map_err(|error| field_problem(&error))?;
        let marking = request.marking.as_deref().map(marking_named).transpose()?;
        let wishes = self.recipients(&request.to)?;
        let content = DraftContent {
            kind: kind.name.to_owned(),
            document: None,
            fields: fields.into_map(),
            marking: marking.map(|marking| marking.to_string()),
            audience: wishes.grants,
            circles: wishes.circles,
            base: Vec::new(),
            person: actor.person().map(str::to_owned),
        };
        let number = self.storage.add_draft(&content, now())?;
        self.show_draft(number)
    }

    pub(super) fn edit_draft(&mut self, actor: &Actor, reference: &str, change: &DraftChange) -> Result<Document, Problem> {
        let (draft, document) = match self.find(reference)? {
            Named::Draft(draft) => (Some(draft), None),
            Named::Document(document, draft) => (draft, Some(document)),
        };
        let mut content = match (&draft, document) {
            (Some(draft), _) => draft.content.clone(),
            (None, Some(document)) => self.draft_on(actor, &document)?,
            (None, None) => return Err(Problem::not_found("there is nothing to edit", "begin with `draft`")),
        };
        self.change_content(&mut content, change)?;
        let number = match &draft {
            Some(draft) => {
                self.storage.update_draft(draft.number, &content, now())?;
                draft.number
            }
            None => self.storage.add_draft(&content, now())?,
        };
        self.log_act(actor, LogVerb::Alteration, document, None, format!("changed draft {number}"))?;
        match document {
            Some(document) => self.show_document(&document),
            None => self.show_draft(number),
        }
    }

    /// A draft that this node was asked to change, as it is now.
    pub(super) fn show_draft(&self, number: DraftNumber) -> Result<Document, Problem> {
        let draft = self.storage.draft(number)?.ok_or_else(|| Problem::storage("the draft was not kept", "try again"))?;
        self.draft_document(&draft)
    }

    pub(super) fn change_content(&self, content: &mut DraftContent, change: &DraftChange) -> Result<(), Problem> {
        let kind = kind_named(&content.kind)?;
        let fields = changed_fields(kind, Some(&content.fields), change.fields.as_ref(), &change.assign)?;
        let mut fields = fields.into_map();
        if let Some(sealed) = &kind.sealed {
            refuse_typed(sealed, content.fields.get(sealed.part_of), &mut fields)?;
        }
        content.fields = fields;
        if let Some(marking) = &change.marking {
            content.marking = Some(marking_named(marking)?.to_string());
        }
        if let Some(to) = &change.to {
            let wishes = self.recipients(to)?;
            (content.audience, content.circles) = (wishes.grants, wishes.circles);
        }
        Ok(())
    }

    /// The draft of a document's next version: what it says now, and over which revisions.
    pub(super) fn draft_on(&mut self, actor: &Actor, document: &DocumentId) -> Result<DraftContent, Problem> {
        let open = self.open_document(document)?;
        self.refuse_others_sealed(document, open.kind, "have it erased and issue another")?;
        self.standing(document, Role::Write, "editing")?;
        if open.kind.sealed.is_some() {
            return Err(Problem::conflict(
                "an annex that was issued is not changed: what a change takes out would stay in its history",
                format!("have it erased with `csu erase {}` and issue another one", document.short()),
            ));
        }
        if open.withdrawal.is_some() {
            return Err(Problem::conflict("the document is withdrawn, for good", "begin a new one"));
        }
        // A revision joins a bounded number of versions written at once; the next one joins the rest.
        let mut base = open.opened.heads();
        base.truncate(csu_protocol::limits::DEPS);
        let changes = open.opened.changes_of(&base).unwrap_or_default();
        let snapshot = open.opened.content.snapshot_at(&changes).unwrap_or_else(|| open.snapshot.clone());
        Ok(DraftContent {
            kind: kind_named(open.kind.name)?.name.to_owned(),
            document: Some(*document),
            fields: snapshot.fields.into_map(),
            marking: snapshot.marking.map(|marking| marking.to_string()),
            audience: Vec::new(),
            circles: Vec::new(),
            base,
            person: actor.person().map(str::to_owned),
        })
    }

    pub(super) fn discard_draft(&mut self, actor: &Actor, reference: &str) -> Result<(), Problem> {
        let draft: Option<Draft> = match self.find(reference)? {
            Named::Draft(draft) => Some(draft),
            Named::Document(_, draft) => draft,
        };
        let draft = draft.ok_or_else(|| Problem::conflict("there is no draft to discard", "the document itself can be withdrawn"))?;
        self.check_no_annex_drafts(&draft)?;
        self.storage.delete_draft(draft.number)?;
        if kind_named(&draft.content.kind)?.sealed.is_some() {
            self.forget_removed()?;
        }
        self.log_act(actor, LogVerb::Erasure, draft.content.document, None, format!("discarded draft {}", draft.number))
    }
}

/// The fields after a change: replaced as a whole if `fields` are given, then assigned one by one.
pub(super) fn changed_fields(
    kind: &Kind,
    before: Option<&Map<String, Value>>,
    replace: Option<&Map<String, Value>>,
    assign: &[String],
) -> Result<Fields, Problem> {
    let none = Map::new();
    let mut fields = kind.check(replace.or(before).unwrap_or(&none)).map_err(|error| field_problem(&error))?;
    if !assign.is_empty() {
        kind.assign_all(&mut fields, assign.iter().map(String::as_str)).map_err(|error| field_problem(&error))?;
    }
    Ok(fields)
}
