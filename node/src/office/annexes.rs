//! Annexes: sealed parts of other documents.
//!
//! An annex is a document of its own. What is particular about it is kept here: it belongs to another document and is given to
//! nobody who has not that one, it ends sooner, it is withdrawn and erased with it, and what it says is shown only for a
//! reason. Whoever opens another organisation's annex signs that they did, and why, sealed for its owner; that is on disk before
//! the words are answered. Every opening needs a reason of its own.

mod following;
mod making;

use super::circles::{Wishes, covers};
use super::opening::{Named, Open, kind_named};
use super::record::lasting_reason;
use super::steps::Addressees;
use super::{Office, OfficeError, now};
use crate::desk::{Actor, AnnexLine, Document, Moment, OpeningRequest, Problem};
use crate::log_verb::LogVerb;
use crate::storage::{Draft, DraftContent, DraftNumber, Listed};
use csu_protocol::access::{Access, Sharing};
use csu_protocol::document::{Kind, Sealed, Wanted, kind};
use csu_protocol::entry::{Grant, Plane, Remark, Role, Signer, Subject};
use csu_protocol::id::{DocumentId, EntryId};
use csu_protocol::limits;
use csu_protocol::reading::{self, OpenResponse, Reader};
use csu_protocol::store::Read;
use csu_protocol::sync::Held;
use serde_json::{Map, Value};

/// Annexes that a document shows.
const MOST_LINES: usize = 200;
/// The most of a reason that is taken over from another node, in characters.
const REASON_CHARACTERS: usize = 1000;

/// What an annex belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    /// A draft of a document that has not begun.
    Draft(DraftNumber),
    /// A document.
    Document(DocumentId),
}

impl std::fmt::Display for Whole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Draft(number) => number.fmt(f),
            Self::Document(document) => document.fmt(f),
        }
    }
}

/// What a kind says of being sealed, by the kind's name.
fn sealed_kind(name: &str) -> Option<Sealed> {
    kind::find(name).and_then(|kind| kind.sealed)
}

/// What a document that was issued says it is a part of, in the first revision of its owner: what somebody else adds
/// takes it to no other document. None if that is itself.
pub(super) fn part_of(open: &Open) -> Option<DocumentId> {
    let sealed = open.kind.sealed?;
    let first = open.opened.revisions.iter().find(|revision| revision.organisation == open.owner)?;
    let said = open.opened.content.snapshot_at(&[first.change])?;
    let whole: DocumentId = said.fields.get(sealed.part_of)?.as_str()?.parse().ok()?;
    (whole != open.id).then_some(whole)
}

/// Refuses whoever types what the node writes.
pub(super) fn refuse_typed(sealed: &Sealed, before: Option<&Value>, fields: &mut Map<String, Value>) -> Result<(), Problem> {
    match (fields.get(sealed.part_of), before) {
        (Some(typed), before) if Some(typed) != before => Err(Problem::invalid(
            sealed.part_of,
            "what an annex belongs to is not typed as a field, and does not change",
            "name the document with --of when you begin the annex",
        )),
        (None, Some(before)) => {
            // A form may leave it out.
            fields.insert(sealed.part_of.to_owned(), before.clone());
            Ok(())
        }
        (Some(_) | None, _) => Ok(()),
    }
}

impl Office {
    /// What a draft of an annex belongs to.
    fn whole_of(&self, sealed: &Sealed, fields: &Map<String, Value>) -> Result<Whole, Problem> {
        let named = fields.get(sealed.part_of).and_then(Value::as_str).unwrap_or_default();
        if let Ok(document) = named.parse::<DocumentId>() {
            return Ok(Whole::Document(document));
        }
        let draft = named.parse::<DraftNumber>().ok().map(|number| self.storage.draft(number)).transpose()?.flatten();
        let draft = draft.ok_or_else(|| {
            Problem::conflict("what this annex belonged to is gone", "discard it, and begin another with `csu annex draft --of DOCUMENT`")
        })?;
        Ok(draft.content.document.map_or(Whole::Draft(draft.number), Whole::Document))
    }

    /// The drafts of annexes of a document or draft.
    fn annex_drafts(&self, whole: Whole) -> Result<Vec<Draft>, Problem> {
        let drafts = self.storage.open_drafts()?.into_iter();
        let belongs = |draft: &Draft| {
            let sealed = sealed_kind(&draft.content.kind);
            sealed.is_some_and(|sealed| self.whole_of(&sealed, &draft.content.fields).is_ok_and(|of| of == whole))
        };
        Ok(drafts.filter(belongs).collect())
    }

    /// Whether this names a sealed part that is still being written.
    pub(super) fn is_sealed_draft(&self, reference: &str) -> bool {
        matches!(self.find(reference), Ok(Named::Draft(draft)) if sealed_kind(&draft.content.kind).is_some())
    }

    /// The silent document that the draft of an annex belongs to, if it does: its words may have been meant to be gone with it.
    pub(super) fn silent_whole(&self, draft: &Draft) -> Option<DocumentId> {
        let sealed = sealed_kind(&draft.content.kind)?;
        match self.whole_of(&sealed, &draft.content.fields) {
            Ok(Whole::Document(document)) if self.is_silent(&document) => Some(document),
            Ok(Whole::Document(_) | Whole::Draft(_)) | Err(_) => None,
        }
    }

    /// The annexes of this organisation that belong to a document and were not erased.
    fn own_annexes(&self, whole: &DocumentId) -> Result<Vec<DocumentId>, Problem> {
        let us = self.machine.organisation();
        let mut own = Vec::new();
        for annex in self.storage.annexes(whole)? {
            let held = self.machine.document(&annex);
            if held.is_some_and(|held| held.sharing().owner() == Some(us)) && self.erased(&annex)?.is_none() {
                own.push(annex);
            }
        }
        Ok(own)
    }

    /// The annexes of a document or draft, with nothing of what they say.
    pub(super) fn annex_lines(&self, whole: Whole) -> Result<Vec<AnnexLine>, Problem> {
        let mut lines = Vec::new();
        for draft in self.annex_drafts(whole)? {
            lines.push(AnnexLine {
                reference: draft.number.to_string(),
                id: None,
                state: kind_named(&draft.content.kind)?.draft_state().to_owned(),
                owner: self.organisation(&self.machine.organisation()),
                ends: None,
            });
        }
        let Whole::Document(document) = whole else { return Ok(lines) };
        let sharing = self.machine.document(&document).map(Held::sharing);
        let (owner, named) = (sharing.and_then(Sharing::owner), sharing.map(Sharing::named).unwrap_or_default());
        let mut others = Vec::new();
        for annex in self.storage.annexes(&document)? {
            let Some(listed) = self.storage.listed(&annex)?.filter(|_| !self.is_silent(&annex)) else { continue };
            if Some(listed.owner) == owner {
                if lines.len() >= MOST_LINES {
                    break;
                }
                lines.push(self.annex_line(listed)?);
            } else if named.contains(&listed.owner) && others.len() < MOST_LINES {
                // Whoever has nothing to do with a document may claim that something is a part of it.
                others.push(listed);
            }
        }
        // However many others there are, they hide none of the owner's.
        for listed in others.into_iter().take(MOST_LINES.saturating_sub(lines.len())) {
            lines.push(self.annex_line(listed)?);
        }
        Ok(lines)
    }

    fn annex_line(&self, listed: Listed) -> Result<AnnexLine, Problem> {
        Ok(AnnexLine {
            reference: listed.document.short(),
            id: Some(listed.document),
            state: listed.state,
            owner: self.organisation(&listed.owner),
            ends: self.end_of(&listed.document)?.map(Into::into),
        })
    }

    /// What stands for a document where people see it: for an annex the title of what it belongs to.
    pub(super) fn shown_title(&self, document: &DocumentId, title: String) -> Result<String, Problem> {
        if title.is_empty() {
            return Ok(title);
        }
        let Some(whole) = self.storage.part_of(document)? else { return Ok(title) };
        Ok(self.title_of_whole(&whole)?.map_or(title, |of| format!("Annex of {of}")))
    }

    /// The title of what an annex belongs to, if that can be shown. Annexes that say they are parts of each other have none.
    fn title_of_whole(&self, whole: &DocumentId) -> Result<Option<String>, Problem> {
        if self.is_silent(whole) {
            return Ok(None);
        }
        let listed = self.storage.listed(whole)?.filter(|line| sealed_kind(&line.kind).is_none() && !line.title.is_empty());
        Ok(listed.map(|line| line.title))
    }

    /// The same for the draft of an annex.
    pub(super) fn draft_title(&self, sealed: &Sealed, fields: &Map<String, Value>) -> Result<String, Problem> {
        Ok(match self.whole_of(sealed, fields) {
            Ok(Whole::Document(document)) => {
                format!("Annex of {}", self.title_of_whole(&document)?.unwrap_or_else(|| document.short()))
            }
            Ok(Whole::Draft(number)) => format!("Annex of draft {number}"),
            Err(_) => "Annex of a draft that is gone".to_owned(),
        })
    }

    /// Whether a document can have annexes of this organisation.
    fn check_whole(&mut self, whole: &DocumentId) -> Result<(), Problem> {
        let open = self.open_document(whole)?;
        if open.kind.sealed.is_some() {
            return Err(no_annex_of_annex());
        }
        if open.withdrawal.is_some() {
            return Err(Problem::conflict(
                "what it belongs to is withdrawn, for good",
                "discard the annex, or begin one of another document",
            ));
        }
        self.standing(whole, Role::Read, "adding an annex").map(|_| ())
    }

    /// What must hold before an annex is issued: what it belongs to was shared, and whoever gets it has that. Writes that
    /// into its fields.
    pub(super) fn check_annex(&mut self, sealed: &Sealed, content: &mut DraftContent, grants: &[Grant]) -> Result<DocumentId, Problem> {
        let whole = match self.whole_of(sealed, &content.fields)? {
            Whole::Document(document) => document,
            Whole::Draft(number) => {
                return Err(Problem::conflict(
                    format!("it belongs to draft {number}, which nobody else has"),
                    format!("issue, publish or send {number} first"),
                ));
            }
        };
        if content.fields.keys().all(|name| name == sealed.part_of) {
            return Err(Problem::invalid("fields", "there is nothing in this annex", "fill it with `csu annex edit`, or discard it"));
        }
        self.check_whole(&whole)?;
        content.fields.insert(sealed.part_of.to_owned(), whole.to_string().into());
        self.check_within(&whole, grants)?;
        Ok(whole)
    }

    /// Whether grants on an annex are narrower than those on what it belongs to.
    pub(super) fn check_within(&self, whole: &DocumentId, grants: &[Grant]) -> Result<(), Problem> {
        self.refuse_erased(whole)?;
        if self.access_of(whole)?.withdrawal().is_some() {
            return Err(Problem::conflict(
                format!("what it belongs to, {}, is withdrawn, for good", whole.short()),
                "begin an annex of another document",
            ));
        }
        let us = Subject::Organisation(self.machine.organisation());
        if let Some(grant) = grants.iter().find(|grant| grant.subject != us && grant.role > Role::Read) {
            return Err(Problem::invalid(
                "to",
                format!("an annex is read and not changed, and this would give {} the role {}", self.party(grant.subject), grant.role),
                "give the role read, or relay",
            ));
        }
        let outside: Vec<String> =
            self.outside(&*self.access_of(whole)?, grants).iter().map(|grant| self.party(grant.subject).to_string()).collect();
        if outside.is_empty() {
            return Ok(());
        }
        Err(Problem::invalid(
            "to",
            format!(
                "an annex is for fewer than what it belongs to, and {} has not the role on {}, or not for so long",
                outside.join(", "),
                whole.short()
            ),
            format!("give it there first with `csu grant add {} WHO`, name others, or an earlier --until", whole.short()),
        ))
    }

    /// The same for an annex that was issued; nothing for any other document.
    pub(super) fn check_part(&self, open: &Open, grants: &[Grant]) -> Result<(), Problem> {
        part_of(open).map_or(Ok(()), |whole| self.check_within(&whole, grants))
    }

    /// What is given on an annex lasts no longer than it: then every node stops at its end, and not the owner's alone.
    pub(super) fn end_with_annex(&self, open: &Open, wishes: &mut Wishes) -> Result<(), Problem> {
        let Some(end) = (if open.kind.sealed.is_some() { self.end_of(&open.id)? } else { None }) else { return Ok(()) };
        if end <= now() {
            return Err(Problem::conflict(
                format!("this annex came to its end on {end}"),
                format!(
                    "if it is still needed, first keep it longer with `csu retention set {} --keep-months 1 --why WHY`",
                    open.id.short()
                ),
            ));
        }
        wishes.end_by(end);
        Ok(())
    }

    /// Refuses what only the owner of an annex does: no role on it lets others do that.
    pub(super) fn refuse_others_sealed(&self, document: &DocumentId, kind: &Kind, verb: &str) -> Result<(), Problem> {
        let owner = self.access_of(document)?.owner().filter(|owner| *owner != self.machine.organisation());
        let Some(owner) = owner.filter(|_| kind.sealed.is_some()) else { return Ok(()) };
        let owner = self.organisation(&owner);
        Err(Problem::denied(
            format!("{} is changed, given and withdrawn by its owner alone, and this one is {owner}'s", kind.one()),
            format!("ask {owner} to {verb}"),
        ))
    }

    /// Which of these grants give somebody more than they have on another document.
    fn outside(&self, access: &Access, grants: &[Grant]) -> Vec<Grant> {
        let owner = access.owner().map(Subject::Organisation);
        let us = Subject::Organisation(self.machine.organisation());
        let live: Vec<_> = access.rows().into_iter().filter(|row| row.is_live(now())).collect();
        let has = |grant: &&Grant| {
            let of = |subject: Subject| {
                live.iter()
                    .any(|row| row.who == subject && covers(&Grant { subject: grant.subject, role: row.role, until: row.until }, grant))
            };
            Some(grant.subject) == owner || grant.subject == us || of(grant.subject) || of(Subject::Anyone)
        };
        grants.iter().filter(|grant| !has(grant)).copied().collect()
    }

    /// What follows once an annex is issued: it is known of what it is a part, and its draft is gone from the disk.
    pub(super) fn annex_issued(&mut self, annex: &DocumentId, whole: &DocumentId) -> Result<(), Problem> {
        self.storage.put_annex(annex, whole)?;
        Ok(self.forget_removed()?)
    }

    /// Refuses what would show or change a sealed document without a reason.
    pub(super) fn refuse_sealed(&self, open: &Open, what: &str) -> Result<(), Problem> {
        if open.kind.sealed.is_none() {
            return Ok(());
        }
        let (owner, name) = (self.organisation(&open.owner), open.id.short());
        let told = if open.owner == self.machine.organisation() {
            "the reason is logged".to_owned()
        } else {
            format!("{owner}, its owner, is told who opened it, when and why")
        };
        Err(Problem::sealed(
            format!("this is sealed, and {what}; it is opened for a reason, every time"),
            format!("say why with `csu annex show {name} --reason \"WHY\"`; {told}"),
        ))
    }

    /// Opens an annex for a reason.
    pub(super) fn open_sealed(&mut self, actor: &Actor, reference: &str, request: &OpeningRequest) -> Result<Document, Problem> {
        let document = match self.find(reference)? {
            Named::Document(document, _) => document,
            // What somebody here is still writing is no secret from them.
            Named::Draft(_) => return self.consult(actor, reference),
        };
        let open = self.open_document(&document)?;
        if open.kind.sealed.is_none() {
            return Err(Problem::conflict(
                "this is no annex that this organisation can read: it is not sealed, or not for you",
                format!("see it with `csu {} show {}`, and with `csu access` who may read it", open.kind.name, document.short()),
            ));
        }
        if request.reason.trim().is_empty() {
            return self.refuse_sealed(&open, "no reason was given").and_then(|()| self.show_document(&document));
        }
        let reason = lasting_reason("reason", &request.reason)?;
        let detail = if open.owner == self.machine.organisation() {
            "opened it".to_owned()
        } else {
            self.tell_owner(actor, &open, reason.clone())?;
            format!("opened it, and signed for {} that it did", self.name_for_log(&open.owner))
        };
        self.log_act(actor, LogVerb::Consultation, Some(document), Some(reason), detail)?;
        self.mark_read(&document)?;
        let open = self.open_document(&document)?;
        self.document_view(&open, None)
    }

    /// Signs that a document is opened here, and why, for its owner alone.
    fn tell_owner(&mut self, actor: &Actor, open: &Open, reason: String) -> Result<(), Problem> {
        let owner = self.organisation(&open.owner).to_string();
        if let Some((_, by, why)) = open.withdrawal {
            let by = self.organisation(&by);
            return Err(Problem::conflict(
                format!("this annex was withdrawn by {by}: {why}; it is not opened any more"),
                format!("ask {owner}"),
            ));
        }
        self.standing(&open.id, Role::Read, "opening an annex")?;
        let author = Signer::Device(self.keys.device()).author();
        let used = self.access_of(&open.id)?.tip(&author, Plane::Content).map_or(0, |(_, seq)| seq.saturating_add(1));
        if used >= limits::CONTENT_CHAIN_ENTRIES {
            return Err(Problem::conflict(
                format!("this node has signed {used} entries in this annex, and more are not taken by others"),
                format!("ask {owner} to issue it anew"),
            ));
        }
        self.send_response(actor, &open.id, Remark::Opened, "", reason, Addressees::Owner)
    }

    /// Notes in the log who opened an annex of this organisation, as they signed it, whether or not it still counts.
    pub(super) fn note_openings(&mut self) -> Result<(), OfficeError> {
        for (document, entries) in std::mem::take(&mut self.responded) {
            for response in self.openings(&document, entries)? {
                let who = self.name_for_log(&response.organisation);
                let person = response.payload.person.as_deref().map_or_else(|| "somebody there".to_owned(), tidy);
                let why =
                    Some(tidy(&response.payload.text)).filter(|why| !why.is_empty()).unwrap_or_else(|| "(no reason given)".to_owned());
                let counts = self.access_of(&document).is_ok_and(|access| access.is_authorised(&response.entry));
                let late = if counts { "" } else { "; this came after its role was taken back" };
                let detail = format!("opened it: {person}, at {} by their clock{late}", Moment::from(response.payload.at));
                self.log(now(), LogVerb::Consultation, &who, Some(document), None, Some(why), detail)?;
            }
        }
        Ok(())
    }

    /// What some entries say of who opened an annex of this organisation.
    fn openings(&self, document: &DocumentId, entries: Vec<EntryId>) -> Result<Vec<OpenResponse>, OfficeError> {
        let us = self.machine.organisation();
        let Some(access) = self.access_of(document).ok().filter(|access| access.owner() == Some(us)) else { return Ok(Vec::new()) };
        let reader = Reader { organisation: us, secrets: self.keys.card_secrets() };
        let stored = self.storage.entries(document, &entries.into_iter().collect())?;
        let said = stored.iter().filter_map(|stored| reading::response(document, stored, &reader));
        let openings: Vec<OpenResponse> = said.filter(|said| said.payload.remark == Remark::Opened && said.organisation != us).collect();
        if openings.is_empty() {
            return Ok(openings);
        }
        // Both may have come at once: what is listed is older than what is stored.
        let is_annex = self.storage.listed(document)?.is_some_and(|line| sealed_kind(&line.kind).is_some()) || {
            let stored = self.storage.document(document)?;
            self.read_by(document, &access, &stored).kind.sealed.is_some()
        };
        Ok(if is_annex { openings } else { Vec::new() })
    }

    /// Throws the drafts of annexes of a document away; how many there were.
    pub(super) fn drop_annex_drafts(&mut self, whole: &DocumentId) -> Result<usize, OfficeError> {
        let drafts = self.annex_drafts(Whole::Document(*whole)).unwrap_or_default();
        for draft in &drafts {
            self.storage.delete_draft(draft.number)?;
        }
        Ok(drafts.len())
    }

    /// Refuses to discard a draft to which annexes belong.
    pub(super) fn check_no_annex_drafts(&self, draft: &Draft) -> Result<(), Problem> {
        if draft.content.document.is_some() {
            return Ok(());
        }
        let annexes = self.annex_drafts(Whole::Draft(draft.number))?;
        let Some(annex) = annexes.first() else { return Ok(()) };
        Err(Problem::conflict(
            format!("annex {} belongs to draft {}", annex.number, draft.number),
            format!("discard that first with `csu {} discard {}`", annex.content.kind, annex.number),
        ))
    }
}

/// Whether a marking is strict enough for a kind.
pub(super) fn check_mildest(kind: &Kind, wanted: &Wanted) -> Result<(), Problem> {
    match kind.sealed {
        Some(sealed) if wanted.marking < sealed.mildest => Err(Problem::invalid(
            "marking",
            format!("TLP:{} is too mild for a sealed part", wanted.marking),
            format!("mark it {} or stricter", sealed.mildest),
        )),
        Some(_) | None => Ok(()),
    }
}

fn no_annex_of_annex() -> Problem {
    Problem::conflict("an annex has no annexes", "name the document that the annex belongs to with --of")
}

/// A text that another node wrote, for the log.
fn tidy(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(REASON_CHARACTERS).collect()
}
