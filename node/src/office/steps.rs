//! Steps of a document's lifecycle: what is signed, sealed and shared.

use super::annexes::check_mildest;
use super::circles::{Wishes, batches, each_grant, grants_of};
use super::drafting::marking_named;
use super::opening::{Named, kind_named, shown};
use super::portability::check_writable;
use super::screening::Screened;
use super::view::possible_steps;
use super::{Office, now};
use crate::desk::{AccessLevel, Actor, Document, DraftChange, Problem, RespondRequest, RevocationEffect, StepRequest};
use crate::log_verb::LogVerb;
use crate::storage::{Draft, DraftContent};
use csu_protocol::author::{self, Acting, Audience, AuthorError};
use csu_protocol::document::{Change, Content, Kind, Means, ReviseError, Side, Step, Wanted};
use csu_protocol::entry::{Body, Openness, Remark, ResponsePayload, RevisionPayload, Role, Signer, VerifiedEntry};
use csu_protocol::id::{DocumentId, EntryId};
use csu_protocol::limits;
use csu_protocol::reading;
use csu_protocol::sync::CommandError;
use serde_json::Map;

pub(super) fn author_problem(error: &AuthorError) -> Problem {
    Problem::invalid("document", error.to_string(), "make it smaller, or name fewer organisations at once")
}

pub(super) fn command_problem(error: &CommandError) -> Problem {
    let text = error.to_string();
    let (detail, remedy) = text.split_once("; ").unwrap_or((&text, "see `csu doctor` and `csu peer list`"));
    match error {
        CommandError::UnknownPeer(_) => Problem::not_found(detail, remedy),
        CommandError::OwnTicket | CommandError::TicketEnded(_) => Problem::invalid("ticket", detail, remedy),
        CommandError::OtherNumber => Problem::invalid("number", detail, remedy),
        CommandError::AlreadyPaired => Problem::already_paired(detail, remedy),
        CommandError::Incomplete | CommandError::Erased | CommandError::NotErased | CommandError::Replaced => {
            Problem::conflict(detail, remedy)
        }
        CommandError::Read(error) => error.clone().into(),
        CommandError::Refused(_) => Problem::denied(detail, "ask the document's owner; `csu access` shows who may do what"),
    }
}

fn revise_problem(error: &ReviseError) -> Problem {
    match error {
        ReviseError::NothingChanged => Problem::conflict("nothing was changed", "edit the document first, then take the step"),
        ReviseError::UnknownBase(_) | ReviseError::NoBase | ReviseError::OtherKind { .. } | ReviseError::State { .. } => {
            Problem::conflict(error.to_string(), "show the document and edit its present version")
        }
        ReviseError::Change(_) => Problem::invalid("fields", error.to_string(), "make the change smaller"),
        ReviseError::Failed { .. } => Problem::unavailable(error.to_string(), "export the document and report this"),
    }
}

/// For whom a response is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Addressees {
    /// Whoever may read the document.
    Readers,
    /// Its owner alone.
    Owner,
}

impl Office {
    pub(super) fn acting(&self, under: EntryId) -> Acting<'_> {
        Acting { organisation: self.machine.organisation(), signer: Signer::Device(self.keys.device()), under: Some(under) }
    }

    pub(super) fn publish(&mut self, entry: VerifiedEntry) -> Result<EntryId, Problem> {
        self.refuse_while_put_back(&entry.document())?;
        self.machine.publish(now(), entry, &self.storage).map_err(|error| command_problem(&error))
    }

    /// Signs and counts a control entry, with whatever it needs before it.
    pub(super) fn sign_control(&mut self, document: &DocumentId, under: EntryId, body: Body) -> Result<EntryId, Problem> {
        let problem = |error| author_problem(&error);
        while let Some(gathering) = author::gather(&*self.access_of(document)?, &self.acting(under), &body).map_err(problem)? {
            self.publish(gathering)?;
        }
        let entry = author::control(&*self.access_of(document)?, &self.acting(under), body).map_err(problem)?;
        self.publish(entry)
    }

    pub(super) fn take_step(&mut self, actor: &Actor, reference: &str, verb: &str, request: &StepRequest) -> Result<Document, Problem> {
        let (kind, step, named) = self.find_step(reference, verb)?;
        match (step.means, named) {
            (Means::Revision, Named::Draft(draft)) => self.publish_first(actor, kind, step, draft, request),
            (Means::Revision, Named::Document(document, draft)) => self.publish_next(actor, kind, step, &document, draft, request),
            (Means::Response, Named::Document(document, _)) => {
                let text = request.text.clone().unwrap_or_default();
                let screened = Self::screen_text(&text, request.personal_data_checked.as_ref())?;
                self.send_response(actor, &document, Remark::Step, step.verb, text, Addressees::Readers)?;
                self.log_screened(actor, &document, screened)?;
                self.log_act(actor, LogVerb::Alteration, Some(document), None, format!("{} it", step.past))?;
                self.hand_out_and_show(&document)
            }
            (Means::Withdraw, Named::Document(document, _)) => self.withdraw(actor, &document, request),
            (Means::Response | Means::Withdraw, Named::Draft(draft)) => {
                Err(Problem::conflict(format!("{} is a draft that nobody else has", draft.number), "discard it, or share it first"))
            }
        }
    }

    /// Who would lose or gain a role by a step: by the marking that the document would bear, and by whom it would be for.
    pub(super) fn preview_step(
        &mut self,
        actor: &Actor,
        reference: &str,
        verb: &str,
        request: &StepRequest,
    ) -> Result<RevocationEffect, Problem> {
        let (kind, step, named) = self.find_step(reference, verb)?;
        let (Means::Revision, Named::Document(document, draft)) = (step.means, named) else {
            // Nobody has learned of a draft, and nothing else changes what was granted.
            return Ok(RevocationEffect::default());
        };
        let mut content = match draft {
            Some(draft) => draft.content,
            None => self.draft_on(actor, &document)?,
        };
        self.changed_by(&mut content, request)?;
        let marking = content.marking.as_deref().map_or(Ok(kind.default_marking), marking_named)?;
        let mut trial = match self.try_narrowing(&document, marking)? {
            Some(narrowing) => narrowing.into_trial(),
            None => self.trial(&document)?,
        };
        let owner = self.open_document(&document)?.owner;
        let wishes = Wishes { grants: content.audience.clone(), circles: content.circles.clone() };
        let givings = self.needed(&document, self.expand(&wishes, &owner)?)?;
        self.check_marking(marking, &grants_of(&givings))?;
        if !givings.is_empty() {
            let under = self.standing(&document, Role::Admin, "granting")?;
            for batch in batches(givings) {
                self.try_control(&mut trial, under, Body::Grant { grants: grants_of(&batch) })?;
            }
        }
        self.effect(&document, &*self.access_of(&document)?, trial.access())
    }

    /// A step by its verb, if it can be taken with this document now.
    fn find_step(&mut self, reference: &str, verb: &str) -> Result<(&'static Kind, &'static Step, Named), Problem> {
        let named = self.find(reference)?;
        let (kind, state, level) = match &named {
            Named::Draft(draft) => {
                let kind = kind_named(&draft.content.kind)?;
                (kind, kind.draft_state(), AccessLevel::Owner)
            }
            Named::Document(document, _) => {
                let open = self.open_document(document)?;
                (open.kind, open.state, open.level)
            }
        };
        let step = kind.step(verb).ok_or_else(|| {
            let known: Vec<&str> = kind.steps.iter().map(|step| step.verb).collect();
            Problem::invalid("step", format!("{} has no step '{}'", kind.one(), shown(verb)), format!("use {}", known.join(", ")))
        })?;
        let possible = possible_steps(kind, state, level);
        if !possible.iter().any(|possible| possible == verb) {
            if let Named::Document(document, _) = &named
                && step.from.contains(&state)
            {
                self.refuse_others_sealed(document, kind, step.verb)?;
                // Whoever lacks only the role is told which, and who can give it.
                match (step.by, step.means) {
                    (_, Means::Withdraw) => self.standing(document, Role::Admin, step.verb).map(|_| ())?,
                    (Side::Writer, _) => self.standing(document, Role::Write, step.verb).map(|_| ())?,
                    (Side::Owner | Side::OtherReader, _) => {}
                }
            }
            return Err(not_now(kind, step, state, &possible));
        }
        Ok((kind, step, named))
    }

    fn changed_by(&self, content: &mut DraftContent, request: &StepRequest) -> Result<(), Problem> {
        let change =
            DraftChange { fields: request.fields.clone(), assign: request.assign.clone(), marking: request.marking.clone(), to: None };
        self.change_content(content, &change)?;
        self.recipients(&request.to)?.add_to(content);
        Ok(())
    }

    /// What a draft asks for, complete enough for the step.
    fn wanted(kind: &'static Kind, step: &Step, content: &DraftContent, moves: bool) -> Result<Wanted, Problem> {
        let fields = kind.check(&content.fields).map_err(|error| super::drafting::field_problem(&error))?;
        let missing = step.missing(&fields);
        if !missing.is_empty() {
            return Err(Problem::invalid(
                "fields",
                format!("{} must be filled before this can be {}", missing.join(", "), step.past),
                format!("give them as {}=VALUE", missing.first().copied().unwrap_or("field")),
            ));
        }
        let marking = match &content.marking {
            Some(text) => marking_named(text)?,
            None => kind.default_marking,
        };
        let wanted = Wanted { kind, marking, state: moves.then(|| step.to.to_owned()), fields };
        check_mildest(kind, &wanted)?;
        check_writable(step, &wanted)?;
        Ok(wanted)
    }

    /// Begins a document: genesis with its first grants, a key, the first revision.
    fn publish_first(
        &mut self,
        actor: &Actor,
        kind: &'static Kind,
        step: &'static Step,
        draft: Draft,
        request: &StepRequest,
    ) -> Result<Document, Problem> {
        let mut content = draft.content;
        self.changed_by(&mut content, request)?;
        let us = self.machine.organisation();
        let mut wishes = Wishes { grants: content.audience.clone(), circles: content.circles.clone() };
        if kind.sealed.is_some()
            && let Some(end) = self.end_by_kind(kind.name, now())
        {
            // So that every node stops at its end, and not the owner's alone.
            wishes.end_by(end);
        }
        let givings = self.expand(&wishes, &us)?;
        let part = match &kind.sealed {
            Some(sealed) => Some(self.check_annex(sealed, &mut content, &each_grant(&givings))?),
            None => None,
        };
        let screened = Self::screen(kind, &mut content.fields, &Map::new(), request)?;
        let wanted = Self::wanted(kind, step, &content, true)?;
        Self::check_audience(kind, &grants_of(&givings))?;
        self.check_marking(wanted.marking, &grants_of(&givings))?;
        self.check_classification(&us, &wanted)?;
        self.check_cards(&grants_of(&givings))?;
        // What does not fit into the first entry follows in others.
        let mut batches = batches(givings);
        let first = if batches.is_empty() { Vec::new() } else { batches.remove(0) };
        let mut entropy = self.entropy()?;
        let genesis = author::genesis(us, Signer::Device(self.keys.device()), grants_of(&first), &mut entropy);
        let genesis = genesis.map_err(|error| author_problem(&error))?;
        let document = genesis.document();
        self.publish(genesis)?;
        // At once, before any of them could have acted in it.
        self.bar_replaced(&document, [us])?;
        self.remember_givings(&document, document.into(), &first)?;
        self.sign_givings(&document, document.into(), batches)?;
        let readers = self.access_of(&document)?.named();
        self.bar_replaced(&document, readers)?;
        for grant in &wishes.circles {
            self.storage.put_share(&document, grant)?;
        }
        let change = Content::default().revise(&document, &[], &wanted).map_err(|error| revise_problem(&error))?;
        let epoch = self.start_epoch(&document, document.into(), &[])?;
        self.publish_change(actor, &document, document.into(), &epoch, Vec::new(), &change)?;
        self.storage.close_draft(draft.number, &document, now())?;
        self.log_act(actor, LogVerb::Alteration, Some(document), None, format!("{} it", step.past))?;
        self.log_screened(actor, &document, screened)?;
        if let Some(whole) = part {
            self.annex_issued(&document, &whole)?;
        }
        self.hand_out_and_show(&document)
    }

    /// Lets out what a step signed, then shows the document as it is now.
    fn hand_out_and_show(&mut self, document: &DocumentId) -> Result<Document, Problem> {
        self.hand_out()?;
        self.show_document(document).map_err(|problem| {
            Problem::storage(
                format!("this was done and sent, but {} cannot be shown: {problem}", document.short()),
                "do not ask for it again; run `csu doctor`",
            )
        })
    }

    /// Notes what somebody said of what looks like personal data, and keeps apart what was taken out.
    pub(super) fn log_screened(&mut self, actor: &Actor, document: &DocumentId, screened: Screened) -> Result<(), Problem> {
        match screened {
            Screened::Clean => Ok(()),
            Screened::Checked(places, why) => {
                let detail = format!("looked at {} that may be personal data, and shared it", super::count(places, "place", "places"));
                self.log_act(actor, LogVerb::Alteration, Some(*document), Some(why), detail)
            }
            Screened::TakenOut(pieces) => self.draft_annex(actor, document, &pieces),
        }
    }

    /// Publishes a document's next version, over what its author had before them.
    fn publish_next(
        &mut self,
        actor: &Actor,
        kind: &'static Kind,
        step: &'static Step,
        document: &DocumentId,
        draft: Option<Draft>,
        request: &StepRequest,
    ) -> Result<Document, Problem> {
        let under = self.standing(document, Role::Write, step.verb)?;
        let mut content = match &draft {
            Some(draft) => draft.content.clone(),
            None => self.draft_on(actor, document)?,
        };
        self.changed_by(&mut content, request)?;
        let open = self.open_document(document)?;
        let shared = open.snapshot.fields.as_map();
        let screened = Self::screen(kind, &mut content.fields, shared, request)?;
        let wanted = Self::wanted(kind, step, &content, open.snapshot.state != Some(step.to))?;
        let wishes = Wishes { grants: content.audience.clone(), circles: content.circles.clone() };
        let givings = self.needed(document, self.expand(&wishes, &open.owner)?)?;
        let grants = grants_of(&givings);
        let widened = self.screen_widening(document, kind, shared, &grants, request.personal_data_checked.as_ref())?;
        let audience = self.audience_with(document, &grants)?;
        if !grants.is_empty() {
            Self::check_audience(kind, &audience)?;
        }
        self.check_marking(wanted.marking, &grants)?;
        let remarked = open.snapshot.marking != Some(wanted.marking);
        let narrowing = if request.narrow { self.try_narrowing(document, wanted.marking)? } else { None };
        if remarked && !request.narrow {
            self.check_remarking(document, wanted.marking)?;
        }
        self.check_classification(&open.owner, &wanted)?;
        // What the draft was begun on. If a revocation took that away meanwhile, what counts now.
        let base = match open.opened.changes_of(&content.base) {
            Some(base) if !base.is_empty() => base,
            Some(_) | None => open.opened.content.heads().iter().copied().take(limits::DEPS).collect(),
        };
        // Nothing is signed before the change is known to be one.
        let change = open.opened.content.revise(document, &base, &wanted).map_err(|error| revise_problem(&error))?;
        if let Some(narrowing) = narrowing {
            self.narrow_to(narrowing, wanted.marking)?;
            self.log_act(actor, LogVerb::Access, Some(*document), None, format!("took back what TLP:{} does not allow", wanted.marking))?;
        }
        if !givings.is_empty() || self.shares_more(document, &wishes.circles)? {
            self.grant_roles(actor, document, givings, &wishes.circles)?;
        }
        let deps = open.opened.entries_of(change.deps());
        // What nobody looks at grows by the change; otherwise it would be opened anew.
        drop(open);
        let joined = deps.len();
        let epoch = self.current_epoch(document, under)?;
        self.publish_change(actor, document, under, &epoch, deps, &change)?;
        if let Some(draft) = draft {
            self.storage.close_draft(draft.number, document, now())?;
        }
        if joined > 1 {
            let detail = format!("joined {joined} versions that were written at the same time");
            self.log_act(actor, LogVerb::Combination, Some(*document), None, detail)?;
        }
        self.log_act(actor, LogVerb::Alteration, Some(*document), None, format!("{} it", step.past))?;
        self.log_screened(actor, document, widened)?;
        self.log_screened(actor, document, screened)?;
        self.hand_out_and_show(document)
    }

    pub(super) fn publish_change(
        &mut self,
        actor: &Actor,
        document: &DocumentId,
        under: EntryId,
        (epoch, key): &(EntryId, csu_protocol::entry::EpochKey),
        deps: Vec<EntryId>,
        change: &Change,
    ) -> Result<EntryId, Problem> {
        let payload = RevisionPayload { at: now(), person: actor.person().map(str::to_owned), change: change.bytes().to_vec() };
        // What readers refuse must not be signed: sealing adds a length, a nonce, a tag and padding of at most an eighth.
        let sealable = payload.to_sealable();
        let sealed = sealable.len();
        if sealed.saturating_add(sealed / 8).saturating_add(64) > limits::PAYLOAD_BYTES {
            return Err(Problem::invalid("fields", format!("the change has {sealed} bytes sealed"), "shorten the texts"));
        }
        let mut entropy = self.entropy()?;
        let access = self.access_of(document)?;
        let entry = author::revision_of(&access, &self.acting(under), (*epoch, key), deps, &sealable, &mut entropy);
        // A graph that nobody looks at is changed in its place.
        drop(access);
        let entry = entry.map_err(|error| author_problem(&error))?;
        let id = self.publish(entry)?;
        self.lately.made(id, change.clone());
        Ok(id)
    }

    /// The epoch to seal under: one whose recipients are exactly today's readers, started if there is none.
    pub(super) fn current_epoch(
        &mut self,
        document: &DocumentId,
        under: EntryId,
    ) -> Result<(EntryId, csu_protocol::entry::EpochKey), Problem> {
        let open = self.open_document(document)?;
        let access = self.access_of(document)?;
        let audience = reading::audience(&access, self.machine.directory(), now());
        if let Some(epoch) = open.opened.epoch_for(&access, &audience) {
            return Ok(epoch);
        }
        drop(access);
        let earlier = open.opened.earlier_epochs();
        self.start_epoch(document, under, &earlier)
    }

    fn start_epoch(
        &mut self,
        document: &DocumentId,
        under: EntryId,
        earlier: &[(EntryId, csu_protocol::entry::EpochKey)],
    ) -> Result<(EntryId, csu_protocol::entry::EpochKey), Problem> {
        let mut entropy = self.entropy()?;
        let access = self.access_of(document)?;
        let audience = reading::audience(&access, self.machine.directory(), now());
        let (entry, key) =
            author::key(&access, &self.acting(under), &audience, earlier, &mut entropy).map_err(|error| author_problem(&error))?;
        drop(access);
        Ok((self.publish(entry)?, key))
    }

    fn withdraw(&mut self, actor: &Actor, document: &DocumentId, request: &StepRequest) -> Result<Document, Problem> {
        let reason = request.reason.ok_or_else(|| {
            let known: Vec<&str> = csu_protocol::entry::Reason::ALL.into_iter().map(csu_protocol::entry::Reason::as_str).collect();
            Problem::invalid(
                "reason",
                "a withdrawal says why, to former readers too",
                format!("give --reason with one of {}", known.join(", ")),
            )
        })?;
        let under = self.standing(document, Role::Admin, "withdrawing")?;
        self.sign_control(document, under, Body::Withdraw { reason })?;
        self.log_act(actor, LogVerb::Alteration, Some(*document), Some(reason.to_string()), "withdrew it")?;
        self.withdraw_annexes(actor, document, reason)?;
        self.hand_out_and_show(document)
    }

    pub(super) fn respond_to(&mut self, actor: &Actor, reference: &str, request: RespondRequest) -> Result<Document, Problem> {
        let document = self.find_shared(reference)?;
        self.refuse_erased(&document)?;
        if matches!(request.remark, Remark::Step | Remark::Opened) {
            return Err(Problem::invalid(
                "remark",
                format!("'{}' is not said by itself", request.remark),
                "use acknowledge, seen-here-too, comment, step-taken or endorse",
            ));
        }
        let text = request.text.unwrap_or_default();
        if text.is_empty() && matches!(request.remark, Remark::Comment | Remark::StepTaken) {
            return Err(Problem::invalid("text", format!("a {} needs words", request.remark), "give them with --text"));
        }
        let screened = Self::screen_text(&text, request.personal_data_checked.as_ref())?;
        self.send_response(actor, &document, request.remark, "", text, Addressees::Readers)?;
        self.log_act(actor, LogVerb::Alteration, Some(document), None, format!("responded: {}", request.remark))?;
        self.log_screened(actor, &document, screened)?;
        self.hand_out_and_show(&document)
    }

    pub(super) fn send_response(
        &mut self,
        actor: &Actor,
        document: &DocumentId,
        remark: Remark,
        step: &str,
        text: String,
        to: Addressees,
    ) -> Result<(), Problem> {
        if text.len() > limits::RESPONSE_TEXT_BYTES {
            let limit = limits::RESPONSE_TEXT_BYTES;
            return Err(Problem::invalid("text", format!("the text has {} bytes, where {limit} are allowed", text.len()), "shorten it"));
        }
        let under = self.standing(document, Role::Read, "responding")?;
        let mut entropy = self.entropy()?;
        let access = self.access_of(document)?;
        let directory = self.machine.directory();
        let recipients = match to {
            Addressees::Readers => reading::audience(&access, directory, now()).recipients,
            Addressees::Owner => access.owner().and_then(|owner| directory.recipient(&owner)).into_iter().collect(),
        };
        if recipients.is_empty() {
            return Err(Problem::conflict(
                "this node has no card of those it is for, so nothing can be sealed for them",
                "try again later",
            ));
        }
        // What a reader says is for organisations by name, even where anyone may read the document.
        let audience = Audience { openness: Openness::Recipients, recipients };
        let payload = ResponsePayload { at: now(), person: actor.person().map(str::to_owned), remark, step: step.to_owned(), text };
        let entry = author::response(&access, &self.acting(under), &audience, &payload, &mut entropy);
        drop(access);
        let entry = entry.map_err(|error| author_problem(&error))?;
        self.publish(entry)?;
        Ok(())
    }
}

fn not_now(kind: &Kind, step: &Step, state: &str, possible: &[String]) -> Problem {
    let label = kind.label.to_lowercase();
    let can = if possible.is_empty() {
        "nothing can be done with it from here".to_owned()
    } else {
        format!("what this organisation can do now: {}", possible.join(", "))
    };
    if step.from.contains(&state) {
        Problem::denied(format!("'{}' is for another side of this {label} to do", step.verb), can)
    } else {
        Problem::conflict(format!("this {label} is {state}, and '{}' starts from {}", step.verb, step.from.join(" or ")), can)
    }
}
