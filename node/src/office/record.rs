//! The access log as people read it, and its chain.

use super::erasing::ERASED;
use super::opening::shown;
use super::{Office, OfficeError, now};
use crate::desk::{self, Actor, Check, LogCheck, LogCheckQuery, LogQuery, Moment, Problem};
use crate::log_verb::LogVerb;
use crate::personal;
use crate::storage::{self, LogFilter};
use csu_protocol::id::DocumentId;
use csu_protocol::time::Timestamp;

/// How many of the newest lines a running node looks at when a doctor asks it.
const GLANCE: u32 = 1000;

/// What is known of the log's chain as a whole: it is walked along once, beside the node, when that starts.
#[derive(Debug, Clone, Default)]
pub(super) struct Walked {
    /// When, and up to which line all was well; none while it is still being walked.
    whole: Option<(Timestamp, u64)>,
    /// What was wrong, in words.
    wrong: Option<String>,
}

impl From<storage::LogHead> for desk::LogHead {
    fn from(head: storage::LogHead) -> Self {
        Self { lines: head.lines, hash: head.hash, at: head.at.map(Moment::from) }
    }
}

impl From<storage::LogBreak> for desk::LogBreak {
    fn from(broken: storage::LogBreak) -> Self {
        Self { line: broken.line, at: broken.at.map(Moment::from), what: broken.what }
    }
}

impl LogCheck {
    /// What a walk along the chain found, with the head that the log has now.
    #[must_use]
    pub fn of(head: storage::LogHead, walk: storage::LogWalk) -> Self {
        Self { to: walk.to, more: walk.more, broken: walk.broken.map(Into::into), sought: walk.sought, head: head.into() }
    }
}

impl Office {
    #[allow(clippy::too_many_arguments, reason = "a line of the log has that many columns, each named at the call")]
    pub(super) fn log(
        &mut self,
        at: Timestamp,
        verb: LogVerb,
        who: &str,
        document: Option<DocumentId>,
        to: Option<String>,
        why: Option<String>,
        detail: String,
    ) -> Result<(), OfficeError> {
        Ok(self.storage.append_log(&storage::LogLine { at, verb, who: who.to_owned(), document, to, why, detail })?)
    }

    /// Notes what somebody at this node did.
    pub(super) fn log_act(
        &mut self,
        actor: &Actor,
        verb: LogVerb,
        document: Option<DocumentId>,
        why: Option<String>,
        detail: impl Into<String>,
    ) -> Result<(), Problem> {
        let who = actor.person().unwrap_or("somebody at this node").to_owned();
        Ok(self.log(now(), verb, &who, document, None, why, detail.into())?)
    }

    pub(super) fn read_log(&self, query: &LogQuery) -> Result<Vec<desk::LogLine>, Problem> {
        let document = match &query.document {
            Some(reference) => Some(self.find_shared(reference)?),
            None => None,
        };
        let filter = LogFilter {
            document,
            verb: query.verb,
            who: query.who.clone(),
            since: query.since.map(Moment::timestamp),
            until: query.until.map(Moment::timestamp),
            before: query.before,
            limit: Some(query.limit.unwrap_or(LogQuery::DEFAULT_LIMIT).clamp(1, LogQuery::MAX_LIMIT)),
        };
        let lines = self.storage.read_log(&filter)?;
        let mut shown_lines = Vec::with_capacity(lines.len());
        for storage::LoggedLine { number, line, hash } in lines {
            let what = match &line.document {
                Some(document) => self.line_of(document)?.map(|listed| match listed.state.as_str() {
                    ERASED => format!("{} (erased)", listed.kind),
                    _ => format!("{} \"{}\"", listed.kind, listed.title),
                }),
                None => None,
            };
            shown_lines.push(desk::LogLine {
                number,
                at: line.at.into(),
                verb: line.verb,
                who: line.who,
                what,
                reference: line.document.map(|document| document.short()),
                document: line.document,
                to: line.to,
                why: line.why,
                detail: shown_whole(&line.detail),
                hash,
            });
        }
        Ok(shown_lines)
    }

    /// Notes that the log is written out, and answers which number its pages come before: its own line is
    /// among them, later ones are not.
    pub(super) fn begin_log_export(&mut self, actor: &Actor, query: &LogQuery) -> Result<u64, Problem> {
        let document = match &query.document {
            Some(reference) => Some(self.find_shared(reference)?),
            None => None,
        };
        let mut asked = Vec::new();
        asked.extend(query.verb.map(|verb| format!("verb {verb}")));
        asked.extend(query.who.as_deref().map(|who| format!("who \"{}\"", shown(who))));
        asked.extend(query.since.map(|since| format!("since {since}")));
        asked.extend(query.until.map(|until| format!("until {until}")));
        asked.extend(query.limit.map(|limit| format!("the newest {limit}")));
        let asked = if asked.is_empty() { String::new() } else { format!(" ({})", asked.join(", ")) };
        self.log_act(actor, LogVerb::Consultation, document, None, format!("exported the access log as CSV{asked}"))?;
        Ok(self.storage.log_head()?.lines.saturating_add(1))
    }

    /// Checks a part of the chain.
    pub(super) fn walk_log(&self, query: &LogCheckQuery) -> Result<LogCheck, Problem> {
        let limit = query.limit.unwrap_or(LogCheckQuery::MAX_LIMIT).clamp(1, LogCheckQuery::MAX_LIMIT);
        let walk = self.storage.walk_log(query.after.unwrap_or(0), limit, query.sought.as_ref())?;
        Ok(LogCheck::of(self.storage.log_head()?, walk))
    }

    /// Takes note of what the walk along the whole chain found that was made when the node started.
    pub fn log_walked(&mut self, found: Result<Option<(storage::LogHead, storage::LogWalk)>, storage::StorageError>) {
        self.walked = match found {
            Ok(Some((_, storage::LogWalk { broken: Some(broken), .. }))) => {
                let broken = desk::LogBreak::from(broken).to_string();
                tracing::error!(%broken, "the access log was tampered with");
                Walked { whole: None, wrong: Some(broken) }
            }
            Ok(Some((_, walk))) => Walked { whole: Some((now(), walk.to)), wrong: None },
            Ok(None) => Walked::default(),
            Err(error) => Walked { whole: None, wrong: Some(error.to_string()) },
        };
    }

    /// What a doctor is told of the log: what the walk at the start found, and how the newest lines are now.
    pub(super) fn check_of_log(&self, head: &desk::LogHead) -> Result<Check, Problem> {
        const NAME: &str = "access log";
        if let Some(wrong) = &self.walked.wrong {
            return Ok(Check::failed(NAME, wrong.clone(), desk::LogBreak::REMEDY));
        }
        let walk = self.storage.walk_log(head.lines.saturating_sub(u64::from(GLANCE)), GLANCE, None)?;
        if let Some(broken) = walk.broken {
            return Ok(Check::failed(NAME, desk::LogBreak::from(broken).to_string(), desk::LogBreak::REMEDY));
        }
        let whole = match self.walked.whole {
            Some((at, 0)) => format!("it was empty when the node started, at {at}"),
            Some((at, to)) => format!("lines 1 to {to} were checked at {at}"),
            None => "all lines are being checked".to_owned(),
        };
        Ok(Check::passed(NAME, format!("newest {head}; its last lines are whole, and {whole}")))
    }
}

/// The longest reason, in bytes.
const REASON_BYTES: usize = 1000;

/// A reason that somebody gave, fit for the log.
pub(super) fn reason(field: &str, text: &str, remedy: &str) -> Result<String, Problem> {
    let text = text.trim();
    if text.is_empty() || text.len() > REASON_BYTES || text.chars().any(char::is_control) {
        return Err(Problem::invalid(field, format!("a reason has 1 to {REASON_BYTES} bytes and no control characters"), remedy));
    }
    Ok(text.to_owned())
}

/// The same of a reason that is given where personal data is: it must not hold any itself, since lines of the log stay.
pub(super) fn lasting_reason(field: &str, text: &str) -> Result<String, Problem> {
    let text = reason(field, text, "say in a sentence why, for instance \"to arrest the suspect, case 4411\"")?;
    match personal::scan(&text).first() {
        None => Ok(text),
        Some(found) => Err(Problem::invalid(
            field,
            format!("the reason looks as if it held {}, and it stays in the access log for good", found.kind),
            "say it without personal data, by the number of a case for instance; who acts is said with --as",
        )),
    }
}

/// Details quote peers' words: control characters stay out of JSON consumers' terminals.
fn shown_whole(text: &str) -> String {
    if text.chars().any(char::is_control) { shown(text) } else { text.to_owned() }
}
