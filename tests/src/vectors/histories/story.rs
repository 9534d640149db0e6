//! Writing a history step by step, on views that part and meet.
//!
//! A story is made from fixed keys and seeds, but its bytes also depend on what an author chooses to name as parents, which no rule
//! fixes. So a file that is there is not written anew when those choices change; its verdicts are checked, and so are the story's
//! [`Claims`], which were written by hand and not by the code they are about.

use super::{Given, History, Secrets};
use csu_protocol::access::{Access, Insertion};
use csu_protocol::author::{self, Acting, Audience};
use csu_protocol::codec::Canonical;
use csu_protocol::directory::Directory;
use csu_protocol::document::Content;
use csu_protocol::entropy::Entropy;
use csu_protocol::entry::{
    Author, Body, EpochKey, Grant, Header, Openness, Plane, Principal, Remark, ResponsePayload, RevisionPayload, Role, Signer, Subject,
    VerifiedEntry,
};
use csu_protocol::id::{DeviceId, EntryId, Hash, OrganisationId};
use csu_protocol::identity::{DeviceKey, Name, OrganisationKind, RootKey, SignedCard};
use csu_protocol::reading::{self, Opened, Reader};
use csu_protocol::store::{Parts, StoredEntry};
use csu_protocol::time::Timestamp;
use data_encoding::HEXLOWER;
use std::collections::BTreeMap;

/// Who acts in stories, by their place: the first owns the documents.
pub(super) const OWNER: usize = 0;
pub(super) const POLICE: usize = 1;
pub(super) const KENNINGTON: usize = 2;
pub(super) const COUNCIL: usize = 3;
pub(super) const PECKHAM: usize = 4;
const NAMES: [(&str, OrganisationKind); 8] = [
    ("Brixton", OrganisationKind::Union),
    ("Police", OrganisationKind::Police),
    ("Kennington", OrganisationKind::Union),
    ("Council", OrganisationKind::Council),
    ("Peckham", OrganisationKind::Union),
    ("Dulwich", OrganisationKind::Union),
    ("Camberwell", OrganisationKind::Union),
    ("Funder", OrganisationKind::Funder),
];

/// Who signs: an organisation's first or second device, or its root key.
#[derive(Debug, Clone, Copy)]
pub(super) enum By {
    Device(usize),
    Second(usize),
    Root(usize),
}

impl From<usize> for By {
    fn from(member: usize) -> Self {
        Self::Device(member)
    }
}

struct Member {
    root: RootKey,
    devices: [DeviceKey; 2],
}

fn member(place: usize) -> Member {
    let base = 0x11 + 0x10 * u8::try_from(place).expect("few members");
    let devices = [DeviceKey::from_seed(&[base + 1; 32]), DeviceKey::from_seed(&[base + 2; 32])];
    Member { root: RootKey::from_secret([base; 32]), devices }
}

/// What holds of a history, as its writer sees it: every entry that is not named here is sound and authorised.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    /// Sound, and not authorised.
    pub void: Vec<&'static str>,
    /// Unsound, with the rule.
    pub unsound: Vec<(&'static str, &'static str)>,
    /// Waiting for something missing.
    pub waiting: Vec<&'static str>,
    /// Roles at the last moment, by organisation.
    pub roles: Vec<(&'static str, &'static str)>,
    /// The effective revisions, if the story has revisions.
    pub effective: Vec<&'static str>,
}

/// A history under way.
pub struct Story {
    name: &'static str,
    about: &'static str,
    count: usize,
    second: Vec<usize>,
    silent: Vec<usize>,
    moments: Vec<u64>,
    readers: Vec<usize>,
    entries: Vec<(String, VerifiedEntry)>,
    nodes: Vec<(Access, Vec<VerifiedEntry>)>,
    draws: u64,
    claims: Claims,
}

impl std::fmt::Debug for Story {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Story({})", self.name)
    }
}

pub(super) fn organisation(place: usize) -> OrganisationId {
    member(place).root.organisation()
}

pub(super) fn device(place: usize) -> DeviceId {
    member(place).devices[0].device()
}

pub(super) fn second_device(place: usize) -> DeviceId {
    member(place).devices[1].device()
}

pub(super) fn first_device(place: usize) -> Author {
    Author::Device(device(place))
}

pub(super) fn grant(place: usize, role: Role) -> Grant {
    Grant { subject: Subject::Organisation(organisation(place)), role, until: None }
}

pub(super) fn anyone(role: Role) -> Grant {
    Grant { subject: Subject::Anyone, role, until: None }
}

pub(super) fn give(place: usize, role: Role) -> Body {
    Body::Grant { grants: vec![grant(place, role)] }
}

impl Story {
    /// A document of the owner; its genesis, `genesis`, gives `grants`. `count` organisations take part.
    pub(super) fn new(name: &'static str, about: &'static str, count: usize, grants: Vec<Grant>) -> (Self, EntryId) {
        let mut story = Self {
            name,
            about,
            count,
            second: Vec::new(),
            silent: Vec::new(),
            moments: vec![0],
            readers: Vec::new(),
            entries: Vec::new(),
            nodes: vec![Default::default()],
            draws: 0,
            claims: Claims::default(),
        };
        let genesis = story.make_genesis(grants);
        let id = story.tell(0, "genesis", genesis);
        (story, id)
    }

    pub(super) fn make_genesis(&mut self, grants: Vec<Grant>) -> VerifiedEntry {
        let owner = member(OWNER);
        author::genesis(owner.root.organisation(), Signer::Device(&owner.devices[0]), grants, &mut self.entropy()).unwrap()
    }

    /// A stream of its own for each entry.
    fn entropy(&mut self) -> Entropy {
        self.draws += 1;
        Entropy::from_seed(*Hash::of(format!("history {} {}", self.name, self.draws).as_bytes()).as_bytes())
    }

    /// These use a second device too, and have a second card.
    pub(super) fn second(&mut self, place: usize) {
        self.second.push(place);
    }

    /// Nobody was ever shown a card of this organisation.
    pub(super) fn silent(&mut self, place: usize) {
        self.silent.push(place);
    }

    pub(super) fn moments(&mut self, moments: &[u64]) {
        self.moments = moments.to_vec();
    }

    pub(super) fn readers(&mut self, readers: &[usize]) {
        self.readers = readers.to_vec();
    }

    pub(super) fn claim(mut self, claims: Claims) -> Self {
        self.claims = claims;
        self
    }

    fn cards(&self, place: usize) -> Vec<SignedCard> {
        let of = member(place);
        let (name, kind) = NAMES[place];
        let generations = if self.second.contains(&place) { 2 } else { 1 };
        let card =
            |(generation, key): (u64, &DeviceKey)| SignedCard::sign(&of.root, generation, key.device(), Name::new(name).unwrap(), kind);
        (0..).zip(&of.devices).take(generations).map(card).collect()
    }

    /// Everybody's card, whether shown or not.
    pub(super) fn directory(&self) -> Directory {
        let mut directory = Directory::default();
        for card in (0..self.count).flat_map(|place| self.cards(place)) {
            directory.add(card, None);
        }
        directory
    }

    /// Adds an entry that node `at` made and counts.
    pub(super) fn tell(&mut self, at: usize, name: &str, entry: VerifiedEntry) -> EntryId {
        let id = entry.id();
        self.hear(at, entry.clone());
        self.beside(name, entry);
        id
    }

    /// Adds an entry that no node of the story counts.
    pub(super) fn beside(&mut self, name: &str, entry: VerifiedEntry) -> EntryId {
        assert!(self.entries.iter().all(|(other, _)| other != name), "{}: {name} twice", self.name);
        let id = entry.id();
        self.entries.push((name.to_owned(), entry));
        id
    }

    /// Leaves an entry out of the file that a node of the story counted.
    pub(super) fn forget(&mut self, name: &str) {
        self.entries.retain(|(other, _)| other != name);
    }

    fn hear(&mut self, at: usize, entry: VerifiedEntry) {
        let directory = self.directory();
        let (access, log) = &mut self.nodes[at];
        match access.insert(entry.clone(), |organisation, author| directory.may_author(organisation, author)) {
            Insertion::Sound(_) => log.push(entry),
            Insertion::Known => {}
            other => panic!("{}: {other:?}", self.name),
        }
    }

    /// Another node that holds what node `at` holds.
    pub(super) fn part(&mut self, at: usize) -> usize {
        let log = self.nodes[at].1.clone();
        self.nodes.push(Default::default());
        let new = self.nodes.len() - 1;
        for entry in log {
            self.hear(new, entry);
        }
        new
    }

    /// All nodes tell each other everything.
    pub(super) fn meet(&mut self) {
        let all: Vec<VerifiedEntry> = self.nodes.iter().flat_map(|(_, log)| log.clone()).collect();
        for at in 0..self.nodes.len() {
            for entry in all.clone() {
                self.hear(at, entry);
            }
        }
    }

    pub(super) fn access(&self, at: usize) -> &Access {
        &self.nodes[at].0
    }

    fn by<T>(by: By, under: Option<EntryId>, write: impl FnOnce(&Acting<'_>) -> T) -> T {
        let (By::Device(place) | By::Second(place) | By::Root(place)) = by;
        let of = member(place);
        let signer = match by {
            By::Device(_) => Signer::Device(&of.devices[0]),
            By::Second(_) => Signer::Device(&of.devices[1]),
            By::Root(_) => Signer::Root(&of.root),
        };
        let under = under.filter(|_| !matches!(by, By::Root(_)));
        write(&Acting { organisation: of.root.organisation(), signer, under })
    }

    pub(super) fn make(&self, at: usize, by: impl Into<By>, under: EntryId, body: Body) -> VerifiedEntry {
        Self::by(by.into(), Some(under), |acting| author::control(self.access(at), acting, body).unwrap())
    }

    /// A control entry, made and counted by node `at`.
    pub(super) fn control(&mut self, at: usize, name: &str, by: impl Into<By>, under: EntryId, body: Body) -> EntryId {
        let entry = self.make(at, by, under, body);
        self.tell(at, name, entry)
    }

    /// A revocation that keeps all that node `at` knows of `whom`.
    pub(super) fn revoke(&mut self, at: usize, name: &str, by: impl Into<By>, under: EntryId, whom: usize) -> EntryId {
        let keep = self.access(at).keep_all_of(&organisation(whom));
        self.control(at, name, by, under, Body::Revoke { principal: Principal::Organisation(organisation(whom)), keep })
    }

    /// A revocation that keeps nothing.
    pub(super) fn evict(&mut self, at: usize, name: &str, by: impl Into<By>, under: EntryId, whom: usize) -> EntryId {
        self.control(at, name, by, under, evict(whom))
    }

    pub(super) fn make_key(&mut self, at: usize, by: impl Into<By>, under: EntryId) -> VerifiedEntry {
        let mut entropy = self.entropy();
        let audience = Audience { recipients: Vec::new(), openness: Openness::Anyone };
        Self::by(by.into(), Some(under), |acting| author::key(self.access(at), acting, &audience, &[], &mut entropy).unwrap().0)
    }

    pub(super) fn key(&mut self, at: usize, name: &str, by: impl Into<By>, under: EntryId) -> EntryId {
        let entry = self.make_key(at, by, under);
        self.tell(at, name, entry)
    }

    /// A revision whose payload nobody opens: rights never look into one.
    pub(super) fn make_revision(
        &mut self,
        at: usize,
        by: impl Into<By>,
        under: EntryId,
        epoch: EntryId,
        deps: &[EntryId],
    ) -> VerifiedEntry {
        let payload = RevisionPayload { at: Timestamp::default(), person: None, change: Vec::new() };
        let (key, mut entropy) = (EpochKey::from_bytes([7; 32]), self.entropy());
        Self::by(by.into(), Some(under), |acting| {
            author::revision(self.access(at), acting, (epoch, &key), deps.to_vec(), &payload, &mut entropy).unwrap()
        })
    }

    pub(super) fn revise(&mut self, at: usize, name: &str, by: impl Into<By>, under: EntryId, epoch: EntryId, deps: &[EntryId]) -> EntryId {
        let entry = self.make_revision(at, by, under, epoch, deps);
        self.tell(at, name, entry)
    }

    pub(super) fn make_response(&mut self, at: usize, by: impl Into<By>, under: EntryId, audience: &Audience, text: &str) -> VerifiedEntry {
        let remark = if text.is_empty() { Remark::Acknowledge } else { Remark::Comment };
        let payload = ResponsePayload { at: Timestamp::default(), person: None, remark, step: String::new(), text: text.to_owned() };
        let mut entropy = self.entropy();
        Self::by(by.into(), Some(under), |acting| author::response(self.access(at), acting, audience, &payload, &mut entropy).unwrap())
    }

    pub(super) fn respond(&mut self, at: usize, name: &str, by: impl Into<By>, under: EntryId) -> EntryId {
        let nobody = Audience { recipients: Vec::new(), openness: Openness::Anyone };
        let entry = self.make_response(at, by, under, &nobody, "");
        self.tell(at, name, entry)
    }

    /// What `who` reads of what node `at` holds.
    pub(super) fn open(&self, at: usize, who: usize) -> Opened {
        let secrets = (0..2).map(|generation| (generation, member(who).root.card_secret(generation))).collect();
        let stored = |entry: &VerifiedEntry| StoredEntry {
            entry: entry.signed().clone(),
            parts: Parts::Kept,
            from: None,
            received: Timestamp::default(),
        };
        let stored: Vec<StoredEntry> = self.nodes[at].1.iter().map(stored).collect();
        reading::open(self.access(at), &stored, &Reader { organisation: organisation(who), secrets: &secrets })
    }

    /// An epoch for the readers that node `at` knows.
    pub(super) fn epoch(&mut self, at: usize, name: &str, by: usize, under: EntryId) -> (EntryId, EpochKey) {
        let audience = reading::audience(self.access(at), &self.directory(), Timestamp::default());
        let (earlier, mut entropy) = (self.open(at, by).earlier_epochs(), self.entropy());
        let (entry, key) = Self::by(By::Device(by), Some(under), |acting| {
            author::key(self.access(at), acting, &audience, &earlier, &mut entropy).unwrap()
        });
        (self.tell(at, name, entry), key)
    }

    /// A revision that carries `change`, whatever it is, over `deps`.
    pub(super) fn carry(
        &mut self,
        at: usize,
        by: usize,
        under: EntryId,
        epoch: (EntryId, &EpochKey),
        deps: Vec<EntryId>,
        change: Vec<u8>,
    ) -> VerifiedEntry {
        let payload = RevisionPayload { at: Timestamp::from_ms(1_800_000_000_000), person: Some("Ada".to_owned()), change };
        let mut entropy = self.entropy();
        Self::by(By::Device(by), Some(under), |acting| {
            // In the plain form: how bytes are deflated is each version's own of the library that does it.
            author::revision_of(self.access(at), acting, epoch, deps, &payload.to_canonical(), &mut entropy).unwrap()
        })
    }

    /// A revision that makes what `by` reads at node `at` into what `edit` makes of it.
    pub(super) fn edit(
        &mut self,
        at: usize,
        name: &str,
        by: usize,
        under: EntryId,
        epoch: (EntryId, &EpochKey),
        edit: impl FnOnce(&Content) -> csu_protocol::document::Wanted,
    ) -> EntryId {
        let opened = self.open(at, by);
        let document = self.access(at).document().unwrap();
        let heads: Vec<_> = opened.content.heads().iter().copied().collect();
        let change = opened.content.revise(&document, &heads, &edit(&opened.content)).unwrap();
        let deps = opened.entries_of(change.deps());
        let entry = self.carry(at, by, under, epoch, deps, change.bytes().to_vec());
        self.tell(at, name, entry)
    }

    /// The file's name, without `history-`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What its writer says of it.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> History {
        let shown = (0..self.count).filter(|place| !self.silent.contains(place));
        let cards: Vec<_> =
            shown.flat_map(|place| self.cards(place).into_iter().map(move |card| (NAMES[place].0.to_owned(), card))).collect();
        let secrets = |place: usize| Secrets {
            organisation: NAMES[place].0.to_owned(),
            card_secrets: (0..if self.second.contains(&place) { 2 } else { 1 })
                .map(|generation| (generation, HEXLOWER.encode(member(place).root.card_secret(generation).to_bytes().as_slice())))
                .collect::<BTreeMap<_, _>>(),
        };
        let readers: Vec<Secrets> = self.readers.iter().map(|place| secrets(*place)).collect();
        History::of(Given {
            name: self.name,
            about: self.about,
            document: self.entries[0].1.document(),
            organisations: (0..self.count).map(|place| (NAMES[place].0.to_owned(), organisation(place))).collect(),
            cards: &cards,
            moments: &self.moments,
            readers: &readers,
            entries: &self.entries,
        })
    }
}

pub(super) fn evict(whom: usize) -> Body {
    Body::Revoke { principal: Principal::Organisation(organisation(whom)), keep: Vec::new() }
}

/// The entry with its header bent, signed again by the first device of `place`.
pub(super) fn bent(place: usize, entry: &VerifiedEntry, bend: impl FnOnce(&mut Header)) -> VerifiedEntry {
    let mut header = entry.header().clone();
    bend(&mut header);
    let signed = entry.signed().clone();
    VerifiedEntry::sign(header, signed.payload, signed.wraps, Signer::Device(&member(place).devices[0])).unwrap()
}

/// A keep of the first device of `place`.
pub(super) fn keep(place: usize, plane: Plane, entry: EntryId) -> csu_protocol::entry::Keep {
    csu_protocol::entry::Keep { author: first_device(place), plane, entry }
}
