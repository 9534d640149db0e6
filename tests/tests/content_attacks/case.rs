//! One bulletin, its owner, an honest writer, a reader, and Mallory, who may write and follows no rule.

use super::forge::Forged;
use csu_protocol::access::{Access, Insertion};
use csu_protocol::author::{self, Acting, Audience};
use csu_protocol::codec::Canonical;
use csu_protocol::directory::Directory;
use csu_protocol::document::{Change, ChangeHash, Marking, Wanted, kind};
use csu_protocol::entropy::Entropy;
use csu_protocol::entry::{
    Body, EpochKey, Grant, Header, Openness, Part, Recipient, RevisionPayload, Role, Signer, Subject, VerifiedEntry, Wraps,
};
use csu_protocol::id::{DocumentId, EntryId, OrganisationId};
use csu_protocol::identity::{CardSecret, DeviceKey, Name, OrganisationKind, RootKey, SignedCard};
use csu_protocol::reading::{self, Opened, Reader, Unreadable};
use csu_protocol::store::{Parts, StoredEntry};
use csu_protocol::time::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub const NOW: Timestamp = Timestamp::from_ms(1_700_000_000_000);

/// Who acts, by their place in [`Case::parties`].
pub const OWNER: usize = 0;
pub const WRITER: usize = 1;
pub const MALLORY: usize = 2;
pub const READER: usize = 3;
/// Named by no grant at first.
pub const LATER: usize = 4;

/// An organisation with its secrets.
pub struct Party {
    pub id: OrganisationId,
    pub key: DeviceKey,
    pub card: SignedCard,
    pub secrets: BTreeMap<u64, CardSecret>,
}

impl Party {
    fn new(byte: u8) -> Self {
        let (root, key) = (RootKey::from_secret([byte; 32]), DeviceKey::from_seed(&[byte; 32]));
        let name = Name::new(&format!("Union {byte}")).unwrap();
        let card = SignedCard::sign(&root, 0, key.device(), name, OrganisationKind::Union);
        Self { id: root.organisation(), key, card, secrets: BTreeMap::from([(0, root.card_secret(0))]) }
    }

    /// Whom keys are wrapped for.
    pub fn recipient(&self) -> (Recipient, [u8; 32]) {
        (Recipient { organisation: self.id, generation: 0 }, self.card.card().wrap_key)
    }
}

/// A document in the making. Everybody has seen every entry.
pub struct Case {
    pub parties: [Party; 5],
    pub document: DocumentId,
    pub entries: Vec<VerifiedEntry>,
    pub entropy: Entropy,
    directory: Directory,
}

fn grant(to: &Party, role: Role) -> Grant {
    Grant { subject: Subject::Organisation(to.id), role, until: None }
}

impl Case {
    /// The owner issued a bulletin; the writer and Mallory may write, the reader read.
    pub fn new() -> Self {
        Self::numbered(1)
    }

    /// The same, told apart from others by a number.
    pub fn numbered(number: u8) -> Self {
        let parties = [1, 2, 3, 4, 5].map(Party::new);
        let mut entropy = Entropy::from_seed([number; 32]);
        let grants = vec![grant(&parties[WRITER], Role::Write), grant(&parties[MALLORY], Role::Write), grant(&parties[READER], Role::Read)];
        let genesis = author::genesis(parties[OWNER].id, Signer::Device(&parties[OWNER].key), grants, &mut entropy).unwrap();
        let mut directory = Directory::default();
        for party in &parties {
            directory.add(party.card.clone(), None);
        }
        let mut case = Self { parties, document: genesis.document(), entries: vec![genesis], entropy, directory };
        case.revise(OWNER, &["headline=Burglaries", "instruction=Lock rear gates.", "severity=Minor"]);
        case
    }

    /// Every entry, all of them sound.
    pub fn view(&self) -> (Access, Vec<StoredEntry>) {
        let (mut access, mut stored) = (Access::default(), Vec::new());
        for entry in &self.entries {
            match access.insert(entry.clone(), |organisation, author| self.directory.may_author(organisation, author)) {
                Insertion::Sound(sound) => {
                    stored.push(StoredEntry { entry: sound.into_entry().into_signed(), parts: Parts::Kept, from: None, received: NOW });
                }
                other => panic!("an entry of the case is not sound: {other:?}"),
            }
        }
        (access, stored)
    }

    pub fn access(&self) -> Access {
        self.view().0
    }

    /// The document as somebody reads it.
    pub fn open(&self, who: usize) -> Opened {
        let (access, stored) = self.view();
        reading::open(&access, &stored, &Reader { organisation: self.parties[who].id, secrets: &self.parties[who].secrets })
    }

    /// A field of the bulletin's first block, as somebody reads it.
    pub fn field(&self, who: usize, name: &str) -> Value {
        self.open(who).content.snapshot().fields.get(&format!("info.{name}")).cloned().unwrap_or(Value::Null)
    }

    /// Why somebody does not see an entry.
    pub fn why(&self, who: usize, entry: &EntryId) -> Option<Unreadable> {
        self.open(who).unreadable.into_iter().find(|(id, _)| id == entry).map(|(_, why)| why)
    }

    /// That nobody is shown `entry`, for a reason that `expected` knows, and that all read the bulletin as before.
    #[track_caller]
    pub fn hidden(&self, entry: &EntryId, expected: impl Fn(&Unreadable) -> bool) {
        for who in [OWNER, WRITER, READER] {
            let why = self.why(who, entry);
            assert!(why.as_ref().is_some_and(&expected), "party {who}: {why:?}");
            assert_eq!(self.field(who, "headline"), json!("Burglaries"), "party {who}");
        }
    }

    pub fn acting(&self, who: usize) -> Acting<'_> {
        let party = &self.parties[who];
        let under = self.access().standing_for(&party.id, Role::Read, NOW).expect("a standing");
        Acting { organisation: party.id, signer: Signer::Device(&party.key), under: Some(under) }
    }

    pub fn control(&mut self, who: usize, body: Body) -> EntryId {
        let entry = author::control(&self.access(), &self.acting(who), body).unwrap();
        self.put(entry)
    }

    /// Adds an entry; its id.
    pub fn put(&mut self, entry: VerifiedEntry) -> EntryId {
        let id = entry.id();
        self.entries.push(entry);
        id
    }

    /// The present readers, as an honest writer wraps for them.
    pub fn audience(&self) -> Audience {
        reading::audience(&self.access(), &self.directory, NOW)
    }

    /// The epoch that an honest author seals under: a new one if none fits.
    pub fn epoch(&mut self, who: usize) -> (EntryId, EpochKey) {
        let (opened, audience) = (self.open(who), self.audience());
        if let Some(epoch) = opened.epoch_for(&self.access(), &audience) {
            return epoch;
        }
        self.start_epoch(who, &audience, &opened.earlier_epochs())
    }

    /// A new epoch in the way of honest authors.
    pub fn start_epoch(&mut self, who: usize, audience: &Audience, earlier: &[(EntryId, EpochKey)]) -> (EntryId, EpochKey) {
        let mut entropy = Entropy::from_seed(self.entropy.bytes());
        let (entry, key) = author::key(&self.access(), &self.acting(who), audience, earlier, &mut entropy).unwrap();
        (self.put(entry), key)
    }

    /// A new epoch whose wraps are any bytes, and whose header commits to any key.
    pub fn start_epoch_as(&mut self, who: usize, commitment: [u8; 32], wraps: &Wraps) -> EntryId {
        let audience = Audience { recipients: Vec::new(), openness: Openness::Anyone };
        let mut entropy = Entropy::from_seed(self.entropy.bytes());
        let (entry, _) = author::key(&self.access(), &self.acting(who), &audience, &[], &mut entropy).unwrap();
        let bytes = wraps.to_canonical();
        let header = Header { body: Body::Key { commitment }, wraps: Some(Part::of(&bytes)), ..entry.header().clone() };
        let entry = VerifiedEntry::sign(header, None, Some(bytes), Signer::Device(&self.parties[who].key)).unwrap();
        self.put(entry)
    }

    /// The change that an honest author would make, on what it reads now.
    pub fn change(&self, who: usize, words: &[&str]) -> Change {
        let (opened, kind) = (self.open(who), kind::find("bulletin").unwrap());
        let mut fields = opened.content.snapshot().fields;
        kind.assign_all(&mut fields, words.iter().copied()).unwrap();
        let state = opened.content.is_empty().then(|| "issued".to_owned());
        let heads: Vec<ChangeHash> = opened.content.heads().iter().copied().collect();
        opened.content.revise(&self.document, &heads, &Wanted { kind, marking: Marking::Green, state, fields }).unwrap()
    }

    /// An honest revision.
    pub fn revise(&mut self, who: usize, words: &[&str]) -> EntryId {
        let change = self.change(who, words);
        let deps = self.open(who).entries_of(change.deps());
        let epoch = self.epoch(who);
        self.seal(who, &epoch, deps, change.bytes())
    }

    /// A revision with any change, sealed as it should be.
    pub fn seal(&mut self, who: usize, (epoch, key): &(EntryId, EpochKey), deps: Vec<EntryId>, change: &[u8]) -> EntryId {
        let payload = RevisionPayload { at: NOW, person: None, change: change.to_vec() };
        let mut entropy = Entropy::from_seed(self.entropy.bytes());
        let entry = author::revision(&self.access(), &self.acting(who), (*epoch, key), deps, &payload, &mut entropy).unwrap();
        self.put(entry)
    }

    /// A revision by Mallory with any change, upon what is shown now.
    pub fn mallory(&mut self, change: &[u8]) -> EntryId {
        let deps = self.open(MALLORY).heads();
        let epoch = self.epoch(MALLORY);
        self.seal(MALLORY, &epoch, deps, change)
    }

    /// A revision by Mallory whose payload is any sealed bytes: `seal` is given what they are bound to.
    pub fn mallory_sealed(&mut self, epoch: EntryId, seal: impl FnOnce(&[u8]) -> Vec<u8>) -> EntryId {
        let deps = self.open(MALLORY).heads();
        let any = EpochKey::from_bytes([0; 32]);
        let payload = RevisionPayload { at: NOW, person: None, change: Vec::new() };
        let mut entropy = Entropy::from_seed(self.entropy.bytes());
        let entry = author::revision(&self.access(), &self.acting(MALLORY), (epoch, &any), deps, &payload, &mut entropy).unwrap();
        let sealed = seal(&entry.header().associated_data());
        let header = Header { payload: Some(Part::of(&sealed)), ..entry.header().clone() };
        let entry = VerifiedEntry::sign(header, Some(sealed), None, Signer::Device(&self.parties[MALLORY].key)).unwrap();
        self.put(entry)
    }

    /// A right change by Mallory, in parts.
    pub fn forged(&self) -> Forged {
        Forged::of(self.change(MALLORY, &["severity=Severe"]).bytes())
    }

    pub fn entry(&self, id: &EntryId) -> &VerifiedEntry {
        self.entries.iter().find(|entry| entry.id() == *id).unwrap()
    }
}
