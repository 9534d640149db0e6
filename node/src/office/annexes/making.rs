//! Beginning an annex: what is moved out of a draft, and what it is to belong to.

use super::{Whole, no_annex_of_annex, refuse_typed, sealed_kind};
use crate::desk::{Actor, DraftRequest, Problem};
use crate::log_verb::LogVerb;
use crate::office::opening::{Named, kind_named, shown};
use crate::office::screening::{Piece, found_in, put_in, take_out};
use crate::office::{Office, count, now};
use crate::storage::{Draft, DraftContent};
use csu_protocol::document::{Kind, kind};
use csu_protocol::id::DocumentId;
use serde_json::{Map, Value};

impl Office {
    /// Finds what a new annex is to belong to, takes what is to be moved out of its draft, and puts both into the fields.
    pub(in crate::office) fn begin_annex(
        &mut self,
        actor: &Actor,
        kind: &Kind,
        request: &DraftRequest,
        fields: &mut Map<String, Value>,
    ) -> Result<(), Problem> {
        let moving = request.move_found || !request.move_words.is_empty();
        let Some(sealed) = kind.sealed else {
            return match (&request.of, moving) {
                (None, false) => Ok(()),
                _ => {
                    Err(Problem::invalid("of", format!("{} is no part of another document", kind.one()), "begin an annex: csu annex draft"))
                }
            };
        };
        refuse_typed(&sealed, None, fields)?;
        let Some(of) = &request.of else {
            return Err(Problem::invalid(
                "of",
                "an annex belongs to a document",
                "say to which one with --of, as `csu annex draft --of d1`",
            ));
        };
        let (whole, draft) = match self.find(of)? {
            Named::Draft(draft) => (Whole::Draft(draft.number), Some(draft)),
            Named::Document(document, draft) => {
                self.check_whole(&document)?;
                (Whole::Document(document), draft)
            }
        };
        if draft.as_ref().is_some_and(|draft| sealed_kind(&draft.content.kind).is_some()) {
            return Err(no_annex_of_annex());
        }
        if moving {
            let draft = draft.ok_or_else(|| {
                Problem::conflict(
                    "what was shared cannot be moved: it stays in the history of the document at all who have it",
                    format!("have it erased with `csu erase {}` and issue it anew, without the words", shown(of)),
                )
            })?;
            let pieces = self.move_out_of(actor, draft, request)?;
            put_in(fields, &pieces);
        }
        fields.insert(sealed.part_of.to_owned(), whole.to_string().into());
        Ok(())
    }

    /// Moves words out of a draft.
    fn move_out_of(&mut self, actor: &Actor, draft: Draft, request: &DraftRequest) -> Result<Vec<Piece>, Problem> {
        let Draft { number, mut content, .. } = draft;
        let kind = kind_named(&content.kind)?;
        for (at, words) in (1_usize..).zip(&request.move_words) {
            // The words themselves are not repeated: what is refused may be logged.
            if words.trim().is_empty() || take_out(kind, &mut content.fields.clone(), std::slice::from_ref(words), &[]).is_empty() {
                return Err(Problem::invalid(
                    "moveWords",
                    format!("the words that are to be moved (number {at}) are not in draft {number}"),
                    "give them exactly as they stand there",
                ));
            }
        }
        let found = if request.move_found { found_in(kind, &content.fields) } else { Vec::new() };
        let mut words = request.move_words.clone();
        // Of words within words the longer are taken out.
        words.sort_by_key(|words| std::cmp::Reverse(words.len()));
        let pieces = take_out(kind, &mut content.fields, &words, &found);
        if pieces.is_empty() {
            return Err(Problem::conflict(
                format!("nothing in draft {number} looks like personal data"),
                "say which words are to be moved with --move \"WORDS\"",
            ));
        }
        self.refuse_shared(&content, &pieces)?;
        self.storage.update_draft(number, &content, now())?;
        self.forget_removed()?;
        let detail = format!("moved words out of draft {number} to the draft of an annex");
        self.log_act(actor, LogVerb::Alteration, content.document, None, detail)?;
        Ok(pieces)
    }

    /// Begins the draft of an annex with what was taken out of a document as it was shared.
    pub(in crate::office) fn draft_annex(&mut self, actor: &Actor, whole: &DocumentId, pieces: &[Piece]) -> Result<(), Problem> {
        let annexes = kind::all().iter().find_map(|kind| Some((*kind, kind.sealed?)));
        let Some((kind, sealed)) = annexes else { return Ok(()) };
        let mut fields = Map::new();
        put_in(&mut fields, pieces);
        fields.insert(sealed.part_of.to_owned(), whole.to_string().into());
        let fields = kind.check(&fields).map_err(|error| crate::office::drafting::field_problem(&error))?;
        let content = DraftContent {
            kind: kind.name.to_owned(),
            document: None,
            fields: fields.into_map(),
            marking: None,
            audience: Vec::new(),
            circles: Vec::new(),
            base: Vec::new(),
            person: actor.person().map(str::to_owned),
        };
        let number = self.storage.add_draft(&content, now())?;
        self.forget_removed()?;
        let detail = format!("moved {} from it to draft {number}, an annex", count(pieces.len(), "piece", "pieces"));
        self.log_act(actor, LogVerb::Alteration, Some(*whole), None, detail)
    }
}
