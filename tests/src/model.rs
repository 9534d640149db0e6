//! An independent model of the access rules: slow, plain, and written from their words.
//!
//! The protocol's own function over entries is fast, and therefore clever: it interns sets, jumps along chains,
//! remembers verdicts and forgets them at the right moments. This one does none of that. Pasts are explicit sets of
//! entries; soundness is judged by running the rules over the entry's own past as if nothing else existed; rights are
//! worked out from nothing each time they are asked for. What the two answer must be equal for every set of entries, in
//! whatever order the fast one got them.
//!
//! Numbers in comments are those of the rules of access. What is decided before an entry is a [`VerifiedEntry`]
//! (canonical bytes, the form of a header, hashes of parts, the signature) is taken for granted here, and so is that a
//! list names each subject, author or plane once, which is part of the canonical form.
//!
//! Only one thing is remembered: within one set of entries, whether an entry was found authorised.

mod answers;
mod rights;
mod rules;
mod soundness;

pub use answers::{Answers, Moments};
pub use rules::{Given, Rules};

use csu_protocol::access::Unsound;
use csu_protocol::entry::{Author, Header, VerifiedEntry};
use csu_protocol::id::{DocumentId, EntryId, OrganisationId};
use std::collections::{BTreeMap, BTreeSet};

/// What the rules say of one document, of which some entries are known.
#[derive(Debug)]
pub struct Model {
    document: DocumentId,
    /// Every entry that was ever shown.
    headers: BTreeMap<EntryId, Header>,
    /// Of each sound entry everything it names, and what that names, and so on.
    pasts: BTreeMap<EntryId, BTreeSet<EntryId>>,
    /// What is sound.
    sound: BTreeSet<EntryId>,
    /// What is not, with every rule it breaks.
    unsound: BTreeMap<EntryId, Vec<Unsound>>,
    /// What was shown and waits for something it names, or for a card.
    pending: BTreeSet<EntryId>,
}

impl Model {
    /// Judges `entries` of `document`. Their order means nothing. `is_device` says whether a card is known by which a
    /// device may author for an organisation.
    pub fn new<'e>(
        document: DocumentId,
        entries: impl IntoIterator<Item = &'e VerifiedEntry>,
        is_device: impl Fn(&OrganisationId, &Author) -> bool,
    ) -> Self {
        let headers: BTreeMap<EntryId, Header> = entries.into_iter().map(|entry| (entry.id(), entry.header().clone())).collect();
        let pending = headers.keys().copied().collect();
        let (pasts, sound, unsound) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        let mut model = Self { document, headers, pasts, sound, unsound, pending };
        // Whoever's past is judged can be judged; so on until nobody is left whose past is.
        loop {
            let ready: Vec<EntryId> = model.pending.iter().copied().filter(|id| model.is_ready(id, &is_device)).collect();
            if ready.is_empty() {
                return model;
            }
            for id in ready {
                model.pending.remove(&id);
                model.judge(id);
            }
        }
    }

    /// Whether everything it takes to judge an entry is there: its whole past, sound, and its author's card.
    fn is_ready(&self, id: &EntryId, is_device: &impl Fn(&OrganisationId, &Author) -> bool) -> bool {
        let header = &self.headers[id];
        let is_genesis = EntryId::from(self.document) == *id;
        if !is_genesis && self.document_of(id) != self.document {
            // That it is of another document is seen as soon as this one is known.
            return self.owner().is_some();
        }
        let carded = match header.author {
            Author::Device(_) => is_device(&header.organisation, &header.author),
            Author::Root(_) => true,
        };
        carded && (is_genesis || self.owner().is_some()) && header.names().all(|name| self.sound.contains(&name))
    }

    fn judge(&mut self, id: EntryId) {
        let past = self.closure(&self.headers[&id]);
        let broken = self.broken(&id, &past);
        if broken.is_empty() {
            self.pasts.insert(id, past);
            self.sound.insert(id);
        } else {
            self.unsound.insert(id, broken);
        }
    }

    /// Everything that `header` names, and what that names, and so on.
    fn closure(&self, header: &Header) -> BTreeSet<EntryId> {
        let mut past: BTreeSet<EntryId> = header.names().collect();
        for name in header.names() {
            past.extend(self.pasts.get(&name).into_iter().flatten());
        }
        past
    }

    fn document_of(&self, id: &EntryId) -> DocumentId {
        self.headers[id].document.unwrap_or_else(|| (*id).into())
    }

    /// The genesis entry, whether known or not.
    #[must_use]
    pub fn genesis(&self) -> EntryId {
        self.document.into()
    }

    /// Who began the document; none before its genesis is known to be sound.
    #[must_use]
    pub fn owner(&self) -> Option<OrganisationId> {
        let genesis = self.genesis();
        self.sound.contains(&genesis).then(|| self.headers[&genesis].organisation)
    }

    /// What is sound.
    #[must_use]
    pub fn sound(&self) -> &BTreeSet<EntryId> {
        &self.sound
    }

    /// What is not, with every rule it breaks.
    #[must_use]
    pub fn unsound(&self) -> &BTreeMap<EntryId, Vec<Unsound>> {
        &self.unsound
    }

    /// What waits.
    #[must_use]
    pub fn pending(&self) -> &BTreeSet<EntryId> {
        &self.pending
    }

    /// An entry that was shown.
    #[must_use]
    pub fn header(&self, id: &EntryId) -> &Header {
        &self.headers[id]
    }

    /// What a sound entry's author had seen: everything it names, and what that names, and so on.
    #[must_use]
    pub fn past(&self, id: &EntryId) -> &BTreeSet<EntryId> {
        &self.pasts[id]
    }

    /// The rules over everything sound.
    #[must_use]
    pub fn now(&self) -> Rules<'_> {
        Rules::over(self, &self.sound)
    }
}
