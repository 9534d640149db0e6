//! Every frame that ever reached a peer, and what can be made of them with the keys that it ever had.

use super::Needles;
use csu_protocol::access::{Access, Insertion};
use csu_protocol::codec::Canonical;
use csu_protocol::directory::Directory;
use csu_protocol::entry::{Body, EpochKey, Plane, RevisionPayload, VerifiedEntry, Wraps, open_payload};
use csu_protocol::id::{DocumentId, EntryId, OrganisationId};
use csu_protocol::identity::{CardSecret, RootKey, SignedCard};
use csu_protocol::reading::{self, Opened, Reader};
use csu_protocol::store::{Parts, StoredEntry};
use csu_protocol::time::Timestamp;
use csu_protocol::wire::Message;
use std::collections::{BTreeMap, BTreeSet};

/// What one peer can read with.
#[derive(Debug)]
pub struct Eye {
    /// Its organisation.
    pub organisation: OrganisationId,
    /// The secrets of its cards, by generation.
    pub secrets: BTreeMap<u64, CardSecret>,
}

impl Eye {
    /// That of the organisation of `root`.
    #[must_use]
    pub fn of(root: &RootKey) -> Self {
        Self { organisation: root.organisation(), secrets: BTreeMap::from([(0, root.card_secret(0))]) }
    }
}

/// Every frame that reached a peer, in order.
#[derive(Default)]
pub struct Record {
    frames: Vec<Vec<u8>>,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.frames.iter().filter_map(|frame| Message::receive(frame).ok()).map(|message| brief(&message))).finish()
    }
}

/// A message in a few words.
#[must_use]
pub fn brief(message: &Message) -> String {
    match message {
        Message::Entries { document, plane, entries } => format!("{} {plane:?} entries of {}", entries.len(), document.short()),
        Message::Cards(cards) => format!("{} cards", cards.len()),
        other => format!("{other:?}").chars().take(120).collect(),
    }
}

/// What a peer knows of one document.
#[derive(Debug, Default)]
pub struct View {
    /// Who may do what, as far as it knows.
    pub access: Access,
    /// The entries, each after those it names.
    pub stored: Vec<StoredEntry>,
    /// Whose cards it knows.
    pub directory: Directory,
}

impl View {
    /// The document, opened by whoever has this eye.
    #[must_use]
    pub fn open(&self, eye: &Eye) -> Opened {
        reading::open(&self.access, &self.stored, &Reader { organisation: eye.organisation, secrets: &eye.secrets })
    }

    /// Counts an entry.
    ///
    /// # Panics
    /// When it breaks a rule or waits for something.
    pub fn add(&mut self, entry: VerifiedEntry) {
        let inserted = self.access.insert(entry, |organisation, author| self.directory.may_author(organisation, author));
        let Insertion::Sound(sound) = inserted else { panic!("{inserted:?}") };
        self.stored.push(StoredEntry {
            entry: sound.into_entry().into_signed(),
            parts: Parts::Kept,
            from: None,
            received: Timestamp::default(),
        });
    }
}

impl Record {
    /// Keeps a frame.
    pub(super) fn keep(&mut self, frame: &[u8]) {
        self.frames.push(frame.to_vec());
    }

    /// The frames.
    #[must_use]
    pub fn frames(&self) -> &[Vec<u8>] {
        &self.frames
    }

    /// The messages.
    ///
    /// # Panics
    /// When a node said something malformed.
    pub fn messages(&self) -> impl Iterator<Item = Message> + '_ {
        self.frames.iter().map(|frame| Message::receive(frame).expect("a node says nothing malformed"))
    }

    /// All entries, of whatever document.
    #[must_use]
    pub fn entries(&self) -> BTreeMap<EntryId, VerifiedEntry> {
        let lists = self.messages().filter_map(|message| match message {
            Message::Entries { entries, .. } => Some(entries),
            _ => None,
        });
        lists.flatten().map(|entry| (entry.id(), entry)).collect()
    }

    /// How many entries of one plane of a document.
    #[must_use]
    pub fn count(&self, document: &DocumentId, plane: Plane) -> usize {
        self.entries().values().filter(|entry| entry.document() == *document && entry.header().plane() == plane).count()
    }

    /// Every card.
    pub fn cards(&self) -> impl Iterator<Item = SignedCard> + '_ {
        self.messages().flat_map(|message| match message {
            Message::Cards(cards) => cards,
            Message::Hello { card, .. } => vec![card],
            _ => Vec::new(),
        })
    }

    /// What a peer with this card makes of a document.
    #[must_use]
    pub fn view(&self, own: &SignedCard, document: &DocumentId) -> View {
        let mut view = View::default();
        for card in self.cards().chain([own.clone()]) {
            view.directory.add(card, None);
        }
        let mut open: Vec<VerifiedEntry> = self.entries().into_values().filter(|entry| entry.document() == *document).collect();
        open.sort_by_key(|entry| entry.header().document.is_some());
        loop {
            let before = open.len();
            let mut waiting = Vec::new();
            for entry in open {
                // Only a genesis begins a document.
                if view.access.is_empty() && entry.header().document.is_some() {
                    waiting.push(entry);
                    continue;
                }
                match view.access.insert(entry, |organisation, author| view.directory.may_author(organisation, author)) {
                    Insertion::Sound(sound) => {
                        let entry = sound.into_entry().into_signed();
                        view.stored.push(StoredEntry { entry, parts: Parts::Kept, from: None, received: Timestamp::default() });
                    }
                    Insertion::Pending(entry, _) => waiting.push(entry),
                    Insertion::Known | Insertion::Unsound(..) => {}
                }
            }
            if waiting.is_empty() || waiting.len() == before {
                return view;
            }
            open = waiting;
        }
    }

    /// Whether any frame names these 32 bytes, raw or written out.
    #[must_use]
    pub fn names(&self, id: &[u8; 32]) -> bool {
        let written = data_encoding::HEXLOWER.encode(id);
        let words = [written.as_str(), &written[..16]];
        let needles = Needles::of(&words);
        let raw = memchr::memmem::Finder::new(id);
        self.frames.iter().any(|frame| raw.find(frame).is_some() || !needles.plainly_in(frame).is_empty())
    }

    /// Which of the words the frames hold, each alone and all in a row, in any form.
    #[must_use]
    pub fn search(&self, needles: &Needles) -> BTreeSet<String> {
        let alone = self.frames.iter().flat_map(|frame| needles.found_in(frame));
        alone.chain(needles.plainly_in(&self.frames.concat())).collect()
    }
}

/// Something that opened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unsealed {
    /// The entry.
    pub entry: EntryId,
    /// What was sealed in it.
    pub plain: Vec<u8>,
    /// The change that this holds where it is a revision: it may be deflated there.
    pub change: Option<Vec<u8>>,
}

impl Unsealed {
    /// What the needles find in it, in what was sealed or in its change.
    #[must_use]
    pub fn held(&self, needles: &Needles) -> BTreeSet<String> {
        [Some(&self.plain), self.change.as_ref()].into_iter().flatten().flat_map(|bytes| needles.found_in(bytes)).collect()
    }

    /// Whether the needles are in it as they are, without being encoded once more.
    #[must_use]
    pub fn plainly_holds(&self, needles: &Needles) -> bool {
        [Some(&self.plain), self.change.as_ref()].into_iter().flatten().any(|bytes| !needles.plainly_in(bytes).is_empty())
    }
}

/// All that opens of what these peers ever received, if they put everything together that they have: every wrap tried with every
/// secret, every key tried on every sealed part, without regard to what the rules say who may.
#[must_use]
pub fn unsealed(records: &[&Record], eyes: &[&Eye]) -> BTreeSet<Unsealed> {
    let mut entries = BTreeMap::new();
    for record in records {
        entries.extend(record.entries());
    }
    let keys = keys(&entries, eyes);
    let mut plains = BTreeSet::new();
    for (id, entry) in &entries {
        let Some(sealed) = &entry.signed().payload else { continue };
        for key in &keys {
            if let Ok(plain) = open_payload(key, sealed, &entry.header().associated_data()) {
                let change = RevisionPayload::open(&plain).map(|payload| payload.change).ok();
                plains.insert(Unsealed { entry: *id, plain: plain.to_vec(), change });
            }
        }
    }
    plains
}

fn keys(entries: &BTreeMap<EntryId, VerifiedEntry>, eyes: &[&Eye]) -> Vec<EpochKey> {
    let wrapped: Vec<(DocumentId, [u8; 32], Wraps)> = entries
        .values()
        .filter_map(|entry| match entry.header().body {
            Body::Key { commitment } | Body::Response { commitment } => {
                Some((entry.document(), commitment, Wraps::from_canonical(entry.signed().wraps.as_ref()?).ok()?))
            }
            _ => None,
        })
        .collect();
    let opened = |(document, commitment, wraps): &(DocumentId, [u8; 32], Wraps)| {
        let open = |eye: &&Eye| wraps.open(document, commitment, &eye.organisation, &eye.secrets).ok();
        eyes.iter().filter_map(open).chain(wraps.open.clone()).collect::<Vec<_>>()
    };
    let mut known: Vec<EpochKey> = Vec::new();
    let mut fresh: Vec<EpochKey> = wrapped.iter().flat_map(opened).collect();
    while let Some(key) = fresh.pop() {
        if known.contains(&key) {
            continue;
        }
        for (document, _, wraps) in &wrapped {
            fresh.extend(wraps.earlier(document, &key).unwrap_or_default().into_iter().map(|(_, key)| key));
        }
        known.push(key);
    }
    known
}
