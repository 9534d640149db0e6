//! What a document says does not depend on the order in which its entries came.
//!
//! Three organisations revise one bulletin on views of their own, respond, lose and regain their
//! roles. Whoever then holds all entries, however they came, reads the same words; and reads them
//! from sealed entries alone, as a node does.

use csu_protocol::access::{Access, Insertion};
use csu_protocol::author::{self, Acting};
use csu_protocol::directory::Directory;
use csu_protocol::document::{Content, Marking, Wanted, kind};
use csu_protocol::entry::{
    Body, EpochKey, Grant, Principal, Remark, ResponsePayload, RevisionPayload, Role, Signer, Subject, VerifiedEntry,
};
use csu_protocol::id::{DocumentId, EntryId, OrganisationId};
use csu_protocol::identity::{CardSecret, DeviceKey, Name, OrganisationKind, RootKey, SignedCard};
use csu_protocol::reading::{self, Opened, Reader};
use csu_protocol::store::{Parts, StoredEntry};
use csu_protocol::time::Timestamp;
use csu_tests::history::Dice;
use std::collections::{BTreeMap, BTreeSet};

const HISTORIES: u64 = 60;
const STEPS: usize = 24;
const NOW: Timestamp = Timestamp::from_ms(1_700_000_000_000);

struct Member {
    root: RootKey,
    key: DeviceKey,
    secrets: BTreeMap<u64, CardSecret>,
    /// What it has seen of the document.
    entries: Vec<VerifiedEntry>,
}

impl Member {
    fn id(&self) -> OrganisationId {
        self.root.organisation()
    }
}

/// A node's view: entries put in as they come.
fn replay(entries: &[VerifiedEntry], directory: &Directory) -> (Access, Vec<StoredEntry>) {
    let (mut access, mut stored, mut open) = (Access::default(), Vec::new(), entries.to_vec());
    loop {
        let before = open.len();
        let mut waiting = Vec::new();
        for entry in open {
            // A node files entries by their document; the genesis comes first of all.
            if access.is_empty() && entry.header().document.is_some() {
                waiting.push(entry);
                continue;
            }
            match access.insert(entry, |organisation, author| directory.may_author(organisation, author)) {
                Insertion::Sound(sound) => {
                    stored.push(StoredEntry { entry: sound.into_entry().into_signed(), parts: Parts::Kept, from: None, received: NOW });
                }
                Insertion::Pending(entry, _) => waiting.push(entry),
                Insertion::Known | Insertion::Unsound(..) => {}
            }
        }
        if waiting.is_empty() || waiting.len() == before {
            return (access, stored);
        }
        open = waiting;
    }
}

fn open(member: &Member, access: &Access, stored: &[StoredEntry]) -> Opened {
    reading::open(access, stored, &Reader { organisation: member.id(), secrets: &member.secrets })
}

struct Union {
    members: Vec<Member>,
    directory: Directory,
    dice: Dice,
    document: Option<DocumentId>,
}

impl Union {
    fn new(seed: u64) -> Self {
        let mut directory = Directory::default();
        let mut members = Vec::new();
        for byte in 1..=3 {
            let (root, key) = (RootKey::from_secret([byte; 32]), DeviceKey::from_seed(&[byte; 32]));
            let name = Name::new(&format!("Union {byte}")).unwrap();
            directory.add(SignedCard::sign(&root, 0, key.device(), name, OrganisationKind::Union), None);
            let secrets = BTreeMap::from([(0, root.card_secret(0))]);
            members.push(Member { root, key, secrets, entries: Vec::new() });
        }
        Self { members, directory, dice: Dice::new("content", seed), document: None }
    }

    fn view(&self, who: usize) -> (Access, Vec<StoredEntry>) {
        replay(&self.members[who].entries, &self.directory)
    }

    fn acting(&self, who: usize, under: EntryId) -> Acting<'_> {
        let member = &self.members[who];
        Acting { organisation: member.id(), signer: Signer::Device(&member.key), under: Some(under) }
    }

    fn begin(&mut self) {
        let writers = [self.members[1].id(), self.members[2].id()];
        let grants = writers.map(|id| Grant { subject: Subject::Organisation(id), role: Role::Write, until: None }).to_vec();
        let owner = &self.members[0];
        let genesis = author::genesis(owner.id(), Signer::Device(&owner.key), grants, self.dice.entropy()).unwrap();
        self.document = Some(genesis.document());
        self.members[0].entries.push(genesis);
        self.revise(0);
        let all = self.members[0].entries.clone();
        self.members[1].entries.clone_from(&all);
        self.members[2].entries = all;
    }

    fn epoch(&mut self, who: usize, access: &Access, opened: &Opened, under: EntryId) -> (EntryId, EpochKey, Option<VerifiedEntry>) {
        let audience = reading::audience(access, &self.directory, NOW);
        if let Some((epoch, key)) = opened.epoch_for(access, &audience) {
            return (epoch, key, None);
        }
        let mut entropy = Dice::new("epoch", self.dice.below(usize::MAX) as u64);
        let (entry, key) = author::key(access, &self.acting(who, under), &audience, &opened.earlier_epochs(), entropy.entropy()).unwrap();
        (entry.id(), key, Some(entry))
    }

    fn revise(&mut self, who: usize) {
        let (access, stored) = self.view(who);
        let Some(under) = access.standing_for(&self.members[who].id(), Role::Write, NOW) else { return };
        let opened = open(&self.members[who], &access, &stored);
        let kind = kind::find("bulletin").unwrap();
        let mut fields = opened.content.snapshot().fields;
        let word = format!("w{}", self.dice.below(10_000));
        let old = fields.get("info[0].instruction").and_then(|value| value.as_str()).unwrap_or("").to_owned();
        let at = self.dice.below(old.len() + 1);
        let instruction = format!("{}{word} {}", &old[..at], &old[at..]);
        kind.assign(&mut fields, "instruction", &instruction).unwrap();
        kind.assign(&mut fields, "headline", &word).unwrap();
        let state = (opened.content.is_empty()).then(|| "issued".to_owned());
        let wanted = Wanted { kind, marking: Marking::Green, state, fields };
        let heads: Vec<_> = opened.content.heads().iter().copied().collect();
        let change = opened.content.revise(&self.document.unwrap(), &heads, &wanted).unwrap();
        let deps = opened.entries_of(change.deps());
        let (epoch, key, started) = self.epoch(who, &access, &opened, under);
        let mut access = access;
        if let Some(started) = started {
            self.members[who].entries.push(started);
            access = self.view(who).0;
        }
        let payload = RevisionPayload { at: NOW, person: None, change: change.bytes().to_vec() };
        let mut entropy = Dice::new("revision", self.dice.below(usize::MAX) as u64);
        let acting = self.acting(who, under);
        let entry = author::revision(&access, &acting, (epoch, &key), deps, &payload, entropy.entropy()).unwrap();
        self.members[who].entries.push(entry);
    }

    fn respond(&mut self, who: usize) {
        let (access, _) = self.view(who);
        let Some(under) = access.standing_for(&self.members[who].id(), Role::Read, NOW) else { return };
        let audience = reading::audience(&access, &self.directory, NOW);
        let text = format!("seen {}", self.dice.below(1000));
        let payload = ResponsePayload { at: NOW, person: None, remark: Remark::Comment, step: String::new(), text };
        let mut entropy = Dice::new("response", self.dice.below(usize::MAX) as u64);
        let entry = author::response(&access, &self.acting(who, under), &audience, &payload, entropy.entropy()).unwrap();
        self.members[who].entries.push(entry);
    }

    /// The owner takes a writer's role, keeping all, some or none of its work, or gives it again.
    fn govern(&mut self) {
        let (access, _) = self.view(0);
        let whom = self.members[1 + self.dice.below(2)].id();
        let live = access.role_now(&whom, NOW).is_some();
        let body = if live {
            let mut keep = access.keep_all_of(&whom);
            if self.dice.chance(50) {
                keep.truncate(self.dice.below(keep.len() + 1));
            }
            Body::Revoke { principal: Principal::Organisation(whom), keep }
        } else {
            Body::Grant { grants: vec![Grant { subject: Subject::Organisation(whom), role: Role::Write, until: None }] }
        };
        let entry = author::control(&access, &self.acting(0, self.document.unwrap().into()), body).unwrap();
        self.members[0].entries.push(entry);
    }

    fn meet(&mut self) {
        let (from, to) = (self.dice.below(3), self.dice.below(3));
        let known: BTreeSet<EntryId> = self.members[to].entries.iter().map(VerifiedEntry::id).collect();
        let news: Vec<VerifiedEntry> = self.members[from].entries.iter().filter(|entry| !known.contains(&entry.id())).cloned().collect();
        self.members[to].entries.extend(news);
    }
}

#[test]
fn any_order_of_arrival_gives_the_same_words_to_every_reader() {
    let mut merged = 0;
    for seed in 0..HISTORIES {
        let mut union = Union::new(seed);
        union.begin();
        for _ in 0..STEPS {
            let who = union.dice.below(3);
            match union.dice.below(10) {
                0..=3 => union.revise(who),
                4 => union.respond(who),
                5 => union.govern(),
                _ => union.meet(),
            }
        }
        let mut all: BTreeMap<EntryId, VerifiedEntry> = BTreeMap::new();
        for member in &union.members {
            all.extend(member.entries.iter().map(|entry| (entry.id(), entry.clone())));
        }
        let mut entries: Vec<VerifiedEntry> = all.into_values().collect();
        let mut first: Option<Vec<_>> = None;
        for order in 0..4 {
            union.dice.shuffle(&mut entries);
            let (access, stored) = replay(&entries, &union.directory);
            assert_eq!(access.len(), entries.len(), "seed {seed}: every entry of honest members is sound");
            let read: Vec<_> = union
                .members
                .iter()
                .map(|member| {
                    let opened = open(member, &access, &stored);
                    let responses: BTreeSet<(EntryId, String)> =
                        opened.responses.iter().map(|response| (response.entry, response.payload.text.clone())).collect();
                    let shown: BTreeSet<EntryId> = opened.revisions.iter().map(|revision| revision.entry).collect();
                    let hidden: BTreeSet<EntryId> = opened.unreadable.iter().map(|(entry, _)| *entry).collect();
                    merged += usize::from(opened.content.heads().len() > 1);
                    (opened.content.snapshot(), responses, shown, hidden, opened.content.save().unwrap())
                })
                .collect();
            assert!(read[0].3.is_empty(), "seed {seed}: the owner reads everything that counts");
            match &first {
                None => first = Some(read),
                Some(first) => assert!(*first == read, "seed {seed}, order {order}: the same entries read differently"),
            }
        }
    }
    assert!(merged > 100, "the histories hold concurrent versions: {merged}");
}

/// What a reader is shown of a document, and what the next revision would be made with.
fn shown(opened: &Opened, access: &Access, directory: &Directory) -> impl PartialEq + std::fmt::Debug + use<> {
    let revisions: Vec<_> = opened.revisions.iter().map(|revision| (revision.entry, revision.change, revision.organisation)).collect();
    let responses: Vec<_> = opened.responses.iter().map(|response| (response.entry, response.payload.text.clone())).collect();
    let epoch = opened.epoch_for(access, &reading::audience(access, directory, NOW)).map(|(epoch, _)| epoch);
    let earlier: Vec<EntryId> = opened.earlier_epochs().into_iter().map(|(epoch, _)| epoch).collect();
    let content = &opened.content;
    let hidden = (opened.unreadable.clone(), content.left_out().clone());
    (revisions, responses, hidden, content.snapshot(), opened.heads(), content.save().unwrap(), (epoch, earlier))
}

#[test]
fn a_document_that_grows_reads_as_if_it_were_opened_anew() {
    let (mut grew, mut anew) = (0, 0);
    for seed in 0..HISTORIES {
        let mut union = Union::new(seed);
        union.begin();
        for _ in 0..STEPS {
            let who = union.dice.below(3);
            match union.dice.below(20) {
                0..=7 => union.revise(who),
                8..=10 => union.respond(who),
                11 => union.govern(),
                _ => union.meet(),
            }
        }
        let all: BTreeMap<EntryId, VerifiedEntry> =
            union.members.iter().flat_map(|member| &member.entries).map(|entry| (entry.id(), entry.clone())).collect();
        let mut entries: Vec<VerifiedEntry> = all.into_values().collect();
        union.dice.shuffle(&mut entries);
        let (_, stored) = replay(&entries, &union.directory);
        let mut grown: Vec<Opened> = union.members.iter().map(|_| Opened::default()).collect();
        let (mut access, mut came) = (Access::default(), 0);
        while came < stored.len() {
            let next = (came + 1 + union.dice.below(3)).min(stored.len());
            for stored in &stored[came..next] {
                access.insert(stored.entry.clone().reopen().unwrap(), |_, _| true);
            }
            assert!(access.entries_after(came).eq(replay_ids(&stored[came..next])), "seed {seed}: in the order of writing");
            for (member, grown) in union.members.iter().zip(&mut grown) {
                let opened = open(member, &access, &stored[..next]);
                let reader = Reader { organisation: member.id(), secrets: &member.secrets };
                let (before, expected) = (shown(grown, &access, &union.directory), shown(&opened, &access, &union.directory));
                if grown.grow(&access, &stored[came..next], &reader, &BTreeMap::new()) {
                    grew += 1;
                    assert_eq!(shown(grown, &access, &union.directory), expected, "seed {seed}, entry {came}");
                } else {
                    anew += 1;
                    assert_eq!(shown(grown, &access, &union.directory), before, "seed {seed}, entry {came}: it changed all the same");
                    *grown = opened;
                }
            }
            came = next;
        }
    }
    assert!(grew > 500 && anew > 100, "both happen: {grew} and {anew}");
}

fn replay_ids(stored: &[StoredEntry]) -> Vec<EntryId> {
    stored.iter().map(|stored| stored.entry.clone().reopen().unwrap().id()).collect()
}

#[test]
fn an_empty_set_of_entries_says_nothing() {
    let (access, stored) = replay(&[], &Directory::default());
    let member = Union::new(0).members.remove(0);
    assert!(open(&member, &access, &stored).content.is_empty());
    assert!(Content::default().snapshot().kind.is_none());
}
