//! Which keys a new epoch hands on to new readers when there are more than fit.

use csu_protocol::access::Access;
use csu_protocol::author::{self, Acting, Audience};
use csu_protocol::document::{Marking, Wanted, kind};
use csu_protocol::entropy::Entropy;
use csu_protocol::entry::{EpochKey, Grant, Openness, RevisionPayload, Role, Signer, Subject, VerifiedEntry};
use csu_protocol::id::{EntryId, OrganisationId};
use csu_protocol::limits;
use csu_protocol::reading::{self, Opened, Reader};
use csu_protocol::store::{Parts, StoredEntry};
use csu_protocol::time::Timestamp;
use csu_tests::bench::graph::take;
use csu_tests::history::Cast;
use std::collections::{BTreeMap, BTreeSet};

const NOW: Timestamp = Timestamp::from_ms(0);
const OWNER: usize = 0;
const WRITER: usize = 1;

/// A document of the owner in which one other may write.
struct Story {
    cast: Cast,
    access: Access,
    stored: Vec<StoredEntry>,
    entropy: Entropy,
    genesis: EntryId,
}

impl Story {
    fn new() -> Self {
        let (cast, mut entropy) = (Cast::new(2), Entropy::from_seed([5; 32]));
        let [owner, writer] = [OWNER, WRITER].map(|who| &cast.members[who]);
        let grants = vec![Grant { subject: Subject::Organisation(writer.id), role: Role::Write, until: None }];
        let genesis = author::genesis(owner.id, Signer::Device(&owner.devices[0]), grants, &mut entropy).unwrap();
        let id = genesis.id();
        let mut story = Self { access: Access::default(), stored: Vec::new(), entropy, genesis: id, cast };
        story.keep(genesis);
        story
    }

    fn keep(&mut self, entry: VerifiedEntry) {
        take(&mut self.access, entry.clone());
        self.stored.push(StoredEntry { entry: entry.into_signed(), parts: Parts::Kept, from: None, received: NOW });
    }

    fn id(&self, who: usize) -> OrganisationId {
        self.cast.members[who].id
    }

    /// An epoch that is open to anyone and seals `earlier`.
    fn epoch(&mut self, who: usize, earlier: &[(EntryId, EpochKey)]) -> (EntryId, EpochKey) {
        let audience = Audience { recipients: Vec::new(), openness: Openness::Anyone };
        let member = &self.cast.members[who];
        let acting = Acting { organisation: member.id, signer: Signer::Device(&member.devices[0]), under: Some(self.genesis) };
        let (entry, key) = author::key(&self.access, &acting, &audience, earlier, &mut self.entropy).unwrap();
        let id = entry.id();
        self.keep(entry);
        (id, key)
    }

    fn revise(&mut self, (epoch, key): &(EntryId, EpochKey), headline: &str) {
        let opened = self.open();
        let kind = kind::find("bulletin").unwrap();
        let mut fields = opened.content.snapshot().fields;
        kind.assign(&mut fields, "headline", headline).unwrap();
        let state = opened.content.is_empty().then(|| "issued".to_owned());
        let wanted = Wanted { kind, marking: Marking::Green, state, fields };
        let heads: Vec<_> = opened.content.heads().iter().copied().collect();
        let change = opened.content.revise(&self.access.document().unwrap(), &heads, &wanted).unwrap();
        let deps = opened.entries_of(change.deps());
        let payload = RevisionPayload { at: NOW, person: None, change: change.bytes().to_vec() };
        let owner = &self.cast.members[OWNER];
        let acting = Acting { organisation: owner.id, signer: Signer::Device(&owner.devices[0]), under: Some(self.genesis) };
        let entry = author::revision(&self.access, &acting, (*epoch, key), deps, &payload, &mut self.entropy).unwrap();
        self.keep(entry);
    }

    fn open(&self) -> Opened {
        let secrets = BTreeMap::new();
        reading::open(&self.access, &self.stored, &Reader { organisation: self.id(OWNER), secrets: &secrets })
    }

    fn handed_on(&self) -> BTreeSet<EntryId> {
        self.open().earlier_epochs().into_iter().map(|(id, _)| id).collect()
    }
}

#[test]
fn a_flood_of_epochs_does_not_keep_new_readers_from_the_newest_revisions() {
    let mut story = Story::new();
    let mut used = Vec::new();
    for number in 0..limits::EARLIER_EPOCHS + 6 {
        let epoch = story.epoch(OWNER, &[]);
        story.revise(&epoch, &format!("headline {number}"));
        used.push(epoch.0);
        // Two that nothing is sealed under for each that is used.
        story.epoch(WRITER, &[]);
        story.epoch(WRITER, &[]);
    }
    let newest: BTreeSet<EntryId> = used[6..].iter().copied().collect();
    assert_eq!(story.handed_on(), newest);
    // Where there is room, what nothing is sealed under comes too.
    let mut small = Story::new();
    let wanted: BTreeSet<EntryId> = (0..limits::EARLIER_EPOCHS).map(|_| small.epoch(WRITER, &[]).0).collect();
    assert_eq!(small.handed_on(), wanted);
}

#[test]
fn an_epoch_stands_for_those_it_seals_and_not_for_those_it_only_claims_to() {
    let mut story = Story::new();
    let first = story.epoch(OWNER, &[]);
    story.revise(&first, "first");
    let second = story.epoch(OWNER, std::slice::from_ref(&first));
    assert_eq!(story.handed_on(), [second.0].into());
    let liar = story.epoch(WRITER, &[(second.0, EpochKey::from_bytes([9; 32]))]);
    assert_eq!(story.handed_on(), [second.0, liar.0].into());
}
