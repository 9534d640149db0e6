//! Until when documents are kept, what is due, and doing it.

use super::erasing::ERASED;
use super::record::reason;
use super::{Office, count, now};
use crate::config::MONTHS;
use crate::desk::{
    Actor, Check, Due, ErasureRequest, Moment, Problem, RetentionAct, RetentionLine, RetentionList, RetentionQuery, RetentionRequest,
    RetentionRun, RetentionRunRequest,
};
use crate::log_verb::LogVerb;
use crate::storage::{Kept, OwnDates};
use csu_protocol::document::kind;
use csu_protocol::entry::Reason;
use csu_protocol::id::DocumentId;
use csu_protocol::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// When a document is reviewed and when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Dates {
    review: Option<Timestamp>,
    ends: Option<Timestamp>,
}

impl Dates {
    /// Its own dates if it has any, else those of its kind, counted from its last change. What is erased
    /// already has none.
    fn of(kept: &Kept, (review_months, erase_months): (Option<u32>, Option<u32>)) -> Self {
        if kept.state == ERASED {
            return Self { review: None, ends: None };
        }
        let after = |months: u32| months_after(kept.updated, months);
        match &kept.own {
            // What is kept short stays so unless somebody says until when.
            Some(own) => Self { review: own.review, ends: own.ends.or_else(|| end_of_sealed(&kept.kind, kept.updated)) },
            None => {
                Self { review: review_months.map(after), ends: erase_months.map(after).or_else(|| end_of_sealed(&kept.kind, kept.updated)) }
            }
        }
    }

    /// When something is due first.
    fn first(self) -> Option<Timestamp> {
        self.review.into_iter().chain(self.ends).min()
    }
}

/// When a sealed part of another document is erased if no setting says otherwise. It is never changed, so this counts from
/// when it was issued, at every node that holds it and after every restoration.
fn end_of_sealed(kind: &str, issued: Timestamp) -> Option<Timestamp> {
    let sealed = kind::find(kind)?.sealed?;
    Some(issued.plus_ms(u64::from(sealed.days).saturating_mul(24 * 3_600_000)))
}

/// The moment so many calendar months later, in UTC: from 31 January one month later is the last of
/// February. Beyond the calendar it is the last moment there is.
fn months_after(at: Timestamp, months: u32) -> Timestamp {
    let later = || {
        let at = jiff::Timestamp::from_millisecond(i64::try_from(at.as_ms()).ok()?).ok()?;
        let span = jiff::Span::new().try_months(months).ok()?;
        let later = at.to_zoned(jiff::tz::TimeZone::UTC).checked_add(span).ok()?;
        u64::try_from(later.timestamp().as_millisecond()).ok()
    };
    Timestamp::from_ms(later().unwrap_or(u64::MAX))
}

/// The dates that a request asks for; none if those of its kind are to hold again.
fn asked(request: &RetentionRequest, now: Timestamp) -> Result<Option<Dates>, Problem> {
    let given = [request.keep_months.is_some(), request.until.is_some(), request.by_kind];
    let ends_given = given.into_iter().filter(|given| *given).count();
    if ends_given > 1 || (request.by_kind && request.review.is_some()) || (ends_given == 0 && request.review.is_none()) {
        return Err(Problem::invalid(
            "until",
            "a document gets an end (keepMonths or until), a review, or both; or the dates of its kind again (byKind) and nothing else",
            "give one of --keep-months, --until and --by-kind, or --review",
        ));
    }
    if request.by_kind {
        return Ok(None);
    }
    let ends = match request.keep_months {
        Some(months) if !(1..=MONTHS).contains(&months) => {
            return Err(Problem::invalid("keepMonths", format!("{months} months cannot be kept"), format!("choose from 1 to {MONTHS}")));
        }
        Some(months) => Some(months_after(now, months)),
        None => request.until.map(Moment::timestamp),
    };
    let review = request.review.map(Moment::timestamp);
    for (field, date) in [("until", ends), ("review", review)] {
        if let Some(date) = date
            && date <= now
        {
            return Err(Problem::invalid(field, format!("{date} has passed already"), "give a date that is still to come"));
        }
    }
    if let (Some(ends), Some(review)) = (ends, review)
        && review >= ends
    {
        return Err(Problem::invalid("review", "the review would come after the end", "let it be reviewed before it is erased"));
    }
    Ok(Some(Dates { review, ends }))
}

impl Office {
    fn retention_line(&self, kept: Kept, now: Timestamp) -> Result<RetentionLine, Problem> {
        let dates = Dates::of(&kept, self.config.keeps(&kept.kind));
        let passed = |date: Option<Timestamp>| date.is_some_and(|date| date <= now);
        let ours = kept.owner == self.machine.organisation();
        let due = match (passed(dates.ends), passed(dates.review)) {
            (true, _) if ours => Due::Erasure,
            (true, _) => Due::ErasureByOwner,
            (false, true) => Due::Review,
            (false, false) => Due::Nothing,
        };
        let own = kept.own.is_some();
        let (why, by) = kept.own.map(|own| (own.why, own.person)).unzip();
        Ok(RetentionLine {
            reference: kept.document.short(),
            document: kept.document,
            kind: kept.kind,
            title: self.shown_title(&kept.document, kept.title)?,
            state: kept.state,
            owner: self.organisation(&kept.owner),
            updated: kept.updated.into(),
            review: dates.review.map(Into::into),
            ends: dates.ends.map(Into::into),
            due,
            own,
            why,
            by: by.flatten(),
        })
    }

    /// When a document is due for erasure.
    pub(super) fn end_of(&self, document: &DocumentId) -> Result<Option<Timestamp>, Problem> {
        Ok(self.storage.kept(document)?.and_then(|kept| Dates::of(&kept, self.config.keeps(&kept.kind)).ends))
    }

    /// When a document of a kind that is issued at a moment ends, if nobody says otherwise.
    pub(super) fn end_by_kind(&self, kind: &str, issued: Timestamp) -> Option<Timestamp> {
        let (_, months) = self.config.keeps(kind);
        months.map(|months| months_after(issued, months)).or_else(|| end_of_sealed(kind, issued))
    }

    /// What is due until a moment, soonest first, at most so many, and how many more there are.
    fn due_until(&self, until: Timestamp, limit: u32) -> Result<(Vec<RetentionLine>, u64), Problem> {
        self.soonest(until, usize::try_from(limit).unwrap_or(usize::MAX), |_, dates| dates.first())
    }

    /// Documents of this organisation whose end came before a moment, soonest first, at most so many and `without` some, and how many more
    /// there are.
    pub(super) fn ended(
        &self,
        until: Timestamp,
        limit: usize,
        without: &BTreeSet<DocumentId>,
    ) -> Result<(Vec<RetentionLine>, u64), Problem> {
        let us = self.machine.organisation();
        self.soonest(until, limit, |kept, dates| dates.ends.filter(|_| kept.owner == us && !without.contains(&kept.document)))
    }

    /// Documents by a date of theirs that comes before a moment, at most so many, and how many more there are.
    fn soonest(
        &self,
        until: Timestamp,
        limit: usize,
        date: impl Fn(&Kept, Dates) -> Option<Timestamp>,
    ) -> Result<(Vec<RetentionLine>, u64), Problem> {
        // Only the soonest are kept in memory, however many documents there are.
        let mut soonest: BTreeMap<(Timestamp, DocumentId), Kept> = BTreeMap::new();
        let mut more: u64 = 0;
        self.storage.every_kept(&mut |kept| {
            let date = date(&kept, Dates::of(&kept, self.config.keeps(&kept.kind))).filter(|_| !self.is_silent(&kept.document));
            if let Some(date) = date.filter(|date| *date <= until) {
                soonest.insert((date, kept.document), kept);
                if soonest.len() > limit {
                    soonest.pop_last();
                    more = more.saturating_add(1);
                }
            }
        })?;
        let now = now();
        let lines = soonest.into_values().map(|kept| self.retention_line(kept, now)).collect::<Result<_, _>>()?;
        Ok((lines, more))
    }

    pub(super) fn what_is_due(&self, query: &RetentionQuery) -> Result<RetentionList, Problem> {
        let limit = query.limit.unwrap_or(RetentionQuery::DEFAULT_LIMIT).clamp(1, RetentionQuery::MAX_LIMIT);
        let (items, more) = self.due_until(query.before.map_or_else(now, Moment::timestamp), limit)?;
        Ok(RetentionList { items, more })
    }

    /// What a doctor is told of what is due.
    pub(super) fn check_of_retention(&self) -> Result<Check, Problem> {
        let (now, mut reviews, mut ends) = (now(), 0_usize, 0_usize);
        self.storage.every_kept(&mut |kept| {
            if self.is_silent(&kept.document) {
                return;
            }
            let dates = Dates::of(&kept, self.config.keeps(&kept.kind));
            if dates.ends.is_some_and(|ends| ends <= now) {
                ends = ends.saturating_add(1);
            } else if dates.review.is_some_and(|review| review <= now) {
                reviews = reviews.saturating_add(1);
            }
        })?;
        let detail = if reviews == 0 && ends == 0 {
            "nothing is due".to_owned()
        } else {
            let who = self.who_erases(ends);
            format!("{} due for review, {ends} past their end: see `csu retention list`{who}", count(reviews, "document", "documents"))
        };
        Ok(Check::passed("retention", detail))
    }

    /// Sets a document's own dates.
    pub(super) fn keep(&mut self, actor: &Actor, reference: &str, request: &RetentionRequest) -> Result<RetentionLine, Problem> {
        let document = self.find_shared(reference)?;
        let why = reason("why", &request.why, "say in a sentence why, for instance --why \"needed for the trial in May\"")?;
        let now = now();
        let dates = asked(request, now)?;
        let own = dates.map(|dates| OwnDates {
            review: dates.review,
            ends: dates.ends,
            why: why.clone(),
            person: actor.person().map(str::to_owned),
            set_at: now,
        });
        self.storage.set_retention(&document, own.as_ref())?;
        let detail = match dates {
            Some(Dates { review, ends }) => {
                let ends = ends.map(|ends| format!("to be erased on {ends}"));
                let review = review.map(|review| format!("to be reviewed on {review}"));
                format!("retention: {}", review.into_iter().chain(ends).collect::<Vec<_>>().join(", "))
            }
            None => "retention: the dates of its kind hold again".to_owned(),
        };
        self.log_act(actor, LogVerb::Alteration, Some(document), Some(why), detail)?;
        let kept = self.storage.kept(&document)?.ok_or_else(|| {
            Problem::not_found(format!("document {} is in no list", document.short()), "wait until a neighbour has sent the whole of it")
        })?;
        self.retention_line(kept, now)
    }

    /// Does what is due with each document, or says what it would do.
    pub(super) fn do_what_is_due(&mut self, actor: &Actor, request: RetentionRunRequest) -> Result<RetentionRun, Problem> {
        let most = usize::try_from(RetentionQuery::MAX_LIMIT).unwrap_or(usize::MAX);
        let at = now();
        // What this organisation can do comes first: reminders of other things must not keep it from being done.
        let (mut lines, _) = self.ended(at, most, &BTreeSet::new())?;
        let (due, beyond) = self.due_until(at, RetentionQuery::MAX_LIMIT)?;
        let all = u64::try_from(due.len()).unwrap_or(u64::MAX).saturating_add(beyond);
        let ended: BTreeSet<DocumentId> = lines.iter().map(|line| line.document).collect();
        let room = most.saturating_sub(lines.len());
        lines.extend(due.into_iter().filter(|line| !ended.contains(&line.document)).take(room));
        let more = all.saturating_sub(u64::try_from(lines.len()).unwrap_or(u64::MAX));
        let mut items = Vec::with_capacity(lines.len());
        for line in lines {
            let (erased, outcome) = match line.due {
                Due::Erasure if request.dry_run => (false, "would be erased, everywhere and for good".to_owned()),
                // An annex goes with what it belongs to, which may have been due before it.
                Due::Erasure if self.erased(&line.document)?.is_some() => (true, "erased with what it belongs to".to_owned()),
                Due::Erasure => match self.erase_at_its_end(actor, &line) {
                    Ok(done) => done,
                    // What was signed of it goes back with all the rest; what is refused before that keeps no other from its end.
                    Err(problem) if self.is_tainted() => return Err(problem),
                    Err(problem) => (false, format!("not erased: {problem}")),
                },
                Due::ErasureByOwner => (false, format!("only {} can erase it everywhere: ask them to", line.owner)),
                Due::Review | Due::Nothing => {
                    let name = &line.reference;
                    (false, format!("look whether it is still needed, then `csu retention set {name} --review DATE` or --keep-months N"))
                }
            };
            items.push(RetentionAct { line, erased, outcome });
        }
        Ok(RetentionRun { dry_run: request.dry_run, items, more })
    }

    /// Erases a document of this organisation whose end has come; whether it did, and what to say of it.
    pub(super) fn erase_at_its_end(&mut self, actor: &Actor, line: &RetentionLine) -> Result<(bool, String), Problem> {
        let request = ErasureRequest { why: Reason::NoLongerNeeded };
        let view = self.erase_document(actor, &line.document.to_string(), request)?;
        let others = view.holders.iter().filter(|holder| !holder.here).count();
        Ok((true, format!("erased; {} to confirm: see `csu erase status {}`", count(others, "other is", "others are"), line.reference)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse::<Moment>().unwrap().timestamp()
    }

    #[test]
    fn months_are_those_of_the_calendar_and_never_fail() {
        assert_eq!(months_after(at("2026-01-31T10:00:00Z"), 1), at("2026-02-28T10:00:00Z"));
        assert_eq!(months_after(at("2027-03-15T00:00:00Z"), 12), at("2028-03-15T00:00:00Z"));
        assert_eq!(months_after(Timestamp::from_ms(u64::MAX), 1), Timestamp::from_ms(u64::MAX));
        assert_eq!(months_after(at("9999-12-01T00:00:00Z"), 1200), Timestamp::from_ms(u64::MAX));
    }

    #[test]
    fn a_request_for_dates_that_contradict_each_other_or_have_passed_is_refused() {
        let now = at("2026-11-22T12:00:00Z");
        let date = |text: &str| Some(text.parse::<Moment>().unwrap());
        let none = RetentionRequest::default();
        let good = RetentionRequest { keep_months: Some(6), review: date("2027-01-01T00:00:00Z"), ..none.clone() };
        let dates = asked(&good, now).unwrap().unwrap();
        assert_eq!((dates.ends, dates.first()), (Some(at("2027-05-22T12:00:00Z")), Some(at("2027-01-01T00:00:00Z"))));
        assert_eq!(asked(&RetentionRequest { by_kind: true, ..none.clone() }, now).unwrap(), None);
        for (field, request) in [
            ("until", none.clone()),
            ("until", RetentionRequest { keep_months: Some(1), until: date("2027-01-01T00:00:00Z"), ..none.clone() }),
            ("until", RetentionRequest { by_kind: true, review: date("2027-01-01T00:00:00Z"), ..none.clone() }),
            ("keepMonths", RetentionRequest { keep_months: Some(0), ..none.clone() }),
            ("keepMonths", RetentionRequest { keep_months: Some(MONTHS + 1), ..none.clone() }),
            ("until", RetentionRequest { until: date("2026-11-22T12:00:00Z"), ..none.clone() }),
            ("review", RetentionRequest { review: date("2020-01-01T00:00:00Z"), ..none.clone() }),
            ("review", RetentionRequest { keep_months: Some(1), review: date("2027-01-01T00:00:00Z"), ..none.clone() }),
        ] {
            assert_eq!(asked(&request, now).unwrap_err().field(), Some(field), "{request:?}");
        }
        for why in ["", "  ", "a\u{1b}b", &"x".repeat(1001)] {
            reason("why", why, "").unwrap_err();
        }
    }

    #[test]
    fn a_documents_own_dates_replace_both_of_its_kind() {
        let updated = at("2026-01-01T00:00:00Z");
        let mut kept = Kept {
            document: DocumentId::new([1; 32]),
            kind: "bulletin".to_owned(),
            title: String::new(),
            state: "issued".to_owned(),
            owner: csu_protocol::id::OrganisationId::new([1; 32]),
            updated,
            own: None,
        };
        let by_kind = Dates::of(&kept, (Some(12), Some(18)));
        assert_eq!(by_kind, Dates { review: Some(at("2027-01-01T00:00:00Z")), ends: Some(at("2027-07-01T00:00:00Z")) });
        let review = at("2030-01-01T00:00:00Z");
        kept.own = Some(OwnDates { review: Some(review), ends: None, why: "trial".to_owned(), person: None, set_at: updated });
        // What somebody will look at then is not erased before.
        assert_eq!(Dates::of(&kept, (Some(12), Some(18))), Dates { review: Some(review), ends: None });
        // But for an annex, which somebody must say an end for.
        kept.kind = "annex".to_owned();
        assert_eq!(Dates::of(&kept, (None, None)), Dates { review: Some(review), ends: Some(updated.plus_ms(28 * 24 * 3_600_000)) });
        kept.kind = "bulletin".to_owned();
        // A sealed part ends by itself, unless a setting or a person says when.
        (kept.kind, kept.own) = ("annex".to_owned(), None);
        assert_eq!(Dates::of(&kept, (None, None)), Dates { review: None, ends: Some(at("2026-01-29T00:00:00Z")) });
        assert_eq!(Dates::of(&kept, (None, Some(2))).ends, Some(at("2026-03-01T00:00:00Z")));
        kept.state = ERASED.to_owned();
        assert_eq!(Dates::of(&kept, (Some(12), Some(18))).first(), None, "it is gone already");
    }
}
