//! Documents in other formats: exports, and alerts that others wrote.

use super::listing::updated;
use super::opening::{Named, Open};
use super::{Office, now};
use crate::cap;
use crate::desk::{Actor, DraftRequest, ExportFormat, Exported, ImportRequest, ImportWarning, Imported, Problem};
use crate::log_verb::LogVerb;
use csu_protocol::document::{Step, Wanted};
use csu_protocol::time::Timestamp;
use serde_json::json;

const BULLETIN: &str = "bulletin";

fn cap_problem(error: &cap::CapError) -> Problem {
    Problem::invalid("file", error.to_string(), "mend the file as the message says, or ask whoever made it")
}

/// Whether a bulletin that is about to be shared could be exported. Found out only after it was
/// withdrawn it could not be mended any more, and no `Cancel` could be written.
pub(super) fn check_writable(step: &Step, wanted: &Wanted) -> Result<(), Problem> {
    if wanted.kind.name != BULLETIN || step.needs.is_empty() {
        return Ok(());
    }
    let marking = wanted.marking.to_string();
    let export = cap::Export {
        identifier: "csu:0",
        sender: "csu:0",
        sent: "2026-01-01T00:00:00+00:00",
        msg_type: cap::MsgType::Alert,
        references: Vec::new(),
        note: None,
        marking: Some(&marking),
        fields: wanted.fields.as_map(),
    };
    cap::write(&export).map(drop).map_err(|error| {
        Problem::invalid("fields", error.to_string(), "correct these fields, with `csu bulletin edit` for instance, and try again")
    })
}

fn cap_time(at: Timestamp) -> Result<String, Problem> {
    let moment = i64::try_from(at.as_ms()).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let moment =
        moment.ok_or_else(|| Problem::invalid("sent", "the bulletin's time cannot be written as a date", "check its author's clock"))?;
    Ok(cap::timestamp(moment))
}

impl Office {
    pub(super) fn export_as(&mut self, actor: &Actor, reference: &str, format: ExportFormat) -> Result<Exported, Problem> {
        let document = match self.find(reference)? {
            Named::Document(document, _) => document,
            Named::Draft(draft) if format == ExportFormat::Json => {
                let view = self.draft_document(&draft)?;
                self.log_act(actor, LogVerb::Consultation, None, None, format!("exported draft {} as {format}", draft.number))?;
                return Ok(Exported {
                    media_type: "application/json",
                    file_name: format!("{}.json", draft.number),
                    bytes: serde_json::to_vec_pretty(&view).map_err(|error| Problem::unavailable(error.to_string(), "report this"))?,
                });
            }
            Named::Draft(draft) => {
                return Err(Problem::conflict(
                    format!("{} is a draft; only what was shared has versions to export as {format}", draft.number),
                    "export it as json, or share it first",
                ));
            }
        };
        let open = self.open_document(&document)?;
        self.refuse_sealed(&open, "is not exported")?;
        let (media_type, bytes) = match format {
            ExportFormat::Cap => ("application/cap+xml", self.cap_of(&open)?.into_bytes()),
            ExportFormat::Json => {
                let view = self.show_document(&document)?;
                let history = self.history_of(&document.to_string())?;
                let whole = json!({ "document": view, "history": history });
                let bytes = serde_json::to_vec_pretty(&whole).map_err(|error| Problem::unavailable(error.to_string(), "report this"))?;
                ("application/json", bytes)
            }
            ExportFormat::Automerge => {
                let bytes = open.opened.content.save().map_err(|error| Problem::unavailable(error.to_string(), "report this"))?;
                ("application/octet-stream", bytes)
            }
        };
        self.log_act(actor, LogVerb::Consultation, Some(document), None, format!("exported it as {format}"))?;
        Ok(Exported { media_type, file_name: format!("{}.{format}", document.short()), bytes })
    }

    /// A bulletin as a CAP 1.2 alert: the first version an Alert, later ones Updates, withdrawn a Cancel.
    fn cap_of(&self, open: &Open) -> Result<String, Problem> {
        if open.kind.name != BULLETIN {
            return Err(Problem::invalid(
                "format",
                format!("{} has no form in the Common Alerting Protocol", open.kind.one()),
                "export it as json or automerge",
            ));
        }
        let sender = format!("csu:{}", open.owner);
        let identifier = |version: usize| format!("csu:{}.{version}", open.id);
        let mut references = Vec::new();
        for (index, revision) in open.opened.revisions.iter().enumerate() {
            let sent = cap_time(revision.at)?;
            let reference = cap::Reference::new(&sender, &identifier(index.saturating_add(1)), &sent);
            references.push(reference.map_err(|fault| Problem::invalid("references", fault.to_string(), "report this"))?);
        }
        let versions = references.len();
        let (updated, received) = (updated(open), open.came.received);
        let (msg_type, identifier, sent) = match open.withdrawal {
            Some(_) => (cap::MsgType::Cancel, identifier(versions.saturating_add(1)), received.unwrap_or(updated)),
            None => {
                references.pop();
                let kind = if versions > 1 { cap::MsgType::Update } else { cap::MsgType::Alert };
                let sent = open.opened.revisions.last().map_or(updated, |revision| revision.at);
                (kind, identifier(versions), sent)
            }
        };
        let note = open.withdrawal.map(|(_, _, reason)| format!("Withdrawn: {reason}"));
        let marking = open.snapshot.marking.map(|marking| marking.to_string());
        let export = cap::Export {
            identifier: &identifier,
            sender: &sender,
            sent: &cap_time(sent)?,
            msg_type,
            references,
            note: note.as_deref(),
            marking: marking.as_deref(),
            fields: open.snapshot.fields.as_map(),
        };
        cap::write(&export).map_err(|error| {
            let remedy = format!("correct it with `csu bulletin update {}`, or export it as json", open.id.short());
            Problem::invalid("fields", error.to_string(), remedy)
        })
    }

    pub(super) fn import_alert(&mut self, actor: &Actor, request: &ImportRequest) -> Result<Imported, Problem> {
        let name = request.name.as_deref().unwrap_or("the file");
        let alert = cap::read(&request.bytes, &cap::ReadOptions::foreign(name)).map_err(|error| cap_problem(&error))?;
        let mut warnings: Vec<ImportWarning> =
            alert.warnings.iter().map(|warning| ImportWarning { path: warning.path.clone(), text: warning.notice.to_string() }).collect();
        if alert.msg_type != cap::MsgType::Alert {
            let earlier: Vec<String> = alert.references.iter().map(ToString::to_string).collect();
            warnings.push(ImportWarning {
                path: "msgType".to_owned(),
                text: format!("this is a {} of {}; it becomes a bulletin of its own", alert.msg_type, earlier.join(" ")),
            });
        }
        let draft = DraftRequest {
            kind: BULLETIN.to_owned(),
            fields: alert.fields,
            assign: Vec::new(),
            marking: alert.marking,
            ..DraftRequest::default()
        };
        let document = self.begin_draft(actor, &draft)?;
        // Lines of the log stay for ever: nothing that the file says, its name included, stands there.
        let detail = format!("imported an alert as draft {}", document.reference);
        self.log(now(), LogVerb::Collection, actor.person().unwrap_or("somebody at this node"), None, None, None, detail)?;
        Ok(Imported { document, warnings })
    }
}
