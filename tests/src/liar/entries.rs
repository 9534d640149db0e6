//! Lies about entries: not what they seem, not where they belong, not anybody's to make.

use super::cards::damaged;
use super::{Lie, Stage};
use crate::stranger::{Eye, Said, Stranger, View, unsealed};
use csu_protocol::author::{self, Acting, Audience};
use csu_protocol::codec::Canonical;
use csu_protocol::document::{ChangeHash, Wanted};
use csu_protocol::entropy::Entropy;
use csu_protocol::entry::{
    Author, Body, EpochKey, Grant, Header, Openness, Part, Plane, Principal, Reason, Remark, ResponsePayload, RevisionPayload, Role,
    SignedEntry, Signer, Subject, VerifiedEntry,
};
use csu_protocol::id::{DocumentId, EntryId, Hash, OrganisationId};
use csu_protocol::reading::Opened;
use csu_protocol::time::Timestamp;
use std::collections::BTreeSet;

/// How many entries the chains have that are sent in disorder.
pub(super) const CHAIN: usize = 5;
/// How often the same entry is sent.
const COPIES: usize = 3000;
/// What an entry's signature is over, beside its hash.
const DOMAIN: &str = "csu-link 0 entry";
/// The headline that nobody must see.
const LIE: &str = "A lie";
/// When all of it is said to have happened.
const AT: Timestamp = Timestamp::from_ms(1_700_000_000_000);

/// One liar at one document.
pub(super) struct Pen<'l> {
    liar: &'l Stranger,
    pub(super) document: DocumentId,
    pub(super) view: View,
    eye: Eye,
    entropy: Entropy,
}

impl<'l> Pen<'l> {
    pub(super) fn new(liar: &'l Stranger, document: DocumentId) -> Self {
        let entropy = Entropy::from_seed(*liar.device.device().as_bytes());
        Self { liar, document, view: liar.view(&document), eye: liar.eye(), entropy }
    }

    pub(super) fn acting(&self, role: Role) -> Acting<'l> {
        let organisation = self.liar.organisation();
        let under = self.view.access.standing_for(&organisation, role, AT).expect("the liar has a role");
        Acting { organisation, signer: Signer::Device(&self.liar.device), under: Some(under) }
    }

    pub(super) fn opened(&self) -> Opened {
        self.view.open(&self.eye)
    }

    pub(super) fn epoch(&self) -> (EntryId, EpochKey) {
        self.opened().earlier_epochs().pop().expect("the liar was given a key")
    }

    /// A response to anyone, not counted yet.
    pub(super) fn response(&mut self, text: &str) -> VerifiedEntry {
        let audience = Audience { recipients: Vec::new(), openness: Openness::Anyone };
        let payload = ResponsePayload { at: AT, person: None, remark: Remark::Comment, step: String::new(), text: text.to_owned() };
        author::response(&self.view.access, &self.acting(Role::Read), &audience, &payload, &mut self.entropy).expect("a response")
    }

    /// Responses that each build on the one before.
    pub(super) fn chain(&mut self, length: usize) -> Vec<VerifiedEntry> {
        let link = |number| {
            let entry = self.response(&format!("Link {number}."));
            self.view.add(entry.clone());
            entry
        };
        (0..length).map(link).collect()
    }

    /// A change of the headline, as an honest writer would make it.
    fn change(&self) -> Vec<u8> {
        let opened = self.opened();
        let shown = opened.content.snapshot();
        let (kind, mut fields) = (shown.kind.expect("a kind"), shown.fields);
        kind.assign(&mut fields, "headline", LIE).expect("a headline");
        let wanted = Wanted { kind, marking: shown.marking.expect("a marking"), state: None, fields };
        let heads: Vec<ChangeHash> = opened.content.heads().iter().copied().collect();
        opened.content.revise(&self.document, &heads, &wanted).expect("a change").bytes().to_vec()
    }

    /// A revision of this change over what is shown, sealed under this key.
    fn sealed(&mut self, epoch: (EntryId, &EpochKey), change: Vec<u8>) -> VerifiedEntry {
        let deps = self.opened().heads();
        self.over(deps, epoch, change)
    }

    fn over(&mut self, deps: Vec<EntryId>, epoch: (EntryId, &EpochKey), change: Vec<u8>) -> VerifiedEntry {
        let payload = RevisionPayload { at: AT, person: None, change };
        author::revision(&self.view.access, &self.acting(Role::Write), epoch, deps, &payload, &mut self.entropy).expect("a revision")
    }

    /// A revision of this change, as an honest writer would seal it.
    pub(super) fn revision(&mut self, change: Vec<u8>) -> VerifiedEntry {
        let (epoch, key) = self.epoch();
        self.sealed((epoch, &key), change)
    }

    fn control(&self, body: Body) -> VerifiedEntry {
        author::control(&self.view.access, &self.acting(Role::Read), body).expect("a control entry")
    }

    pub(super) fn send(&self, entries: impl IntoIterator<Item = VerifiedEntry>) {
        let entries: Vec<SignedEntry> = entries.into_iter().map(VerifiedEntry::into_signed).collect();
        let plane = entries.first().and_then(|entry| Header::from_canonical(&entry.header).ok()).map_or(Plane::Content, |it| it.plane());
        self.liar.say(&Said::Entries { document: self.document, plane, entries });
    }
}

/// The liar's own document, of which nobody else knows.
pub(super) fn genesis(liar: &Stranger, seed: [u8; 32]) -> VerifiedEntry {
    author::genesis(liar.organisation(), Signer::Device(&liar.device), Vec::new(), &mut Entropy::from_seed(seed)).expect("a genesis")
}

fn said(document: DocumentId, plane: Plane, entry: SignedEntry) -> Said {
    Said::Entries { document, plane, entries: vec![entry] }
}

/// An entry signed with the liar's key, whoever its header says is the author.
fn signed(liar: &Stranger, header: &Header, like: &SignedEntry) -> SignedEntry {
    let bytes = header.to_canonical();
    let signature = liar.device.sign(DOMAIN, Hash::of(&bytes).as_bytes());
    SignedEntry { header: bytes, signature, ..like.clone() }
}

/// The first entry of its author like this one.
fn first(entry: &VerifiedEntry, organisation: OrganisationId, author: Author, under: Option<EntryId>) -> Header {
    Header { organisation, author, under, seq: 0, previous: None, ..entry.header().clone() }
}

pub(super) async fn tell(lie: Lie, liar: &mut Stranger, stage: &Stage) {
    if lie == Lie::EarlyEntries {
        let entry = genesis(liar, [1; 32]);
        liar.connect(&stage.ticket).await;
        liar.say(&liar.pair_request(&stage.ticket));
        liar.hear().await;
        liar.say(&said(entry.document(), Plane::Control, entry.into_signed()));
        return;
    }
    if lie == Lie::Duplicates {
        let frame = {
            let mut pen = Pen::new(liar, stage.document());
            said(stage.document(), Plane::Content, pen.response("Once.").into_signed()).encode()
        };
        for _ in 0..COPIES {
            liar.send_when_taken(frame.clone()).await;
        }
        return;
    }
    let mut pen = Pen::new(liar, stage.document());
    match lie {
        Lie::ForeignAuthor | Lie::ForeignOrganisation => foreign(lie, &mut pen, stage),
        Lie::WrongPayload | Lie::WrongWraps | Lie::MissingPayload | Lie::Misplaced | Lie::WrongPlane => damage(lie, &mut pen, stage),
        Lie::MissingLink => {
            let chain = pen.chain(CHAIN);
            pen.send(chain.into_iter().skip(1));
        }
        Lie::Reordered => {
            for entry in pen.chain(CHAIN).into_iter().rev() {
                pen.send([entry]);
            }
        }
        Lie::GrantsItself => {
            for until in 1..=4 {
                let own = Subject::Organisation(liar.organisation());
                let grants = vec![Grant { subject: own, role: Role::Admin, until: Some(Timestamp::from_ms(u64::MAX - until)) }];
                pen.send([pen.control(Body::Grant { grants })]);
            }
        }
        Lie::Usurper => {
            let owner = pen.view.access.owner().expect("an owner");
            for principal in [owner, stage.neighbour.card().organisation].map(Principal::Organisation) {
                pen.send([pen.control(Body::Revoke { principal, keep: Vec::new() })]);
            }
            pen.send([pen.control(Body::Withdraw { reason: Reason::Mistaken })]);
            pen.send([pen.control(Body::Erase)]);
        }
        Lie::Fork => {
            let fork = [pen.response("This."), pen.response("That.")];
            pen.send(fork);
        }
        _ => sealed(lie, &mut pen, stage),
    }
}

fn foreign(lie: Lie, pen: &mut Pen<'_>, stage: &Stage) {
    let (liar, other) = (pen.liar, stage.neighbour.card());
    let entry = pen.response("Not mine.");
    let under = pen.view.access.standing_for(&other.organisation, Role::Read, AT);
    let device = if lie == Lie::ForeignAuthor { other.device } else { liar.device.device() };
    let header = first(&entry, other.organisation, Author::Device(device), under);
    liar.say(&said(pen.document, Plane::Content, signed(liar, &header, entry.signed())));
}

/// A good entry that was changed on the way, or sent to another place.
fn damage(lie: Lie, pen: &mut Pen<'_>, stage: &Stage) {
    let entry = pen.response("Changed.").into_signed();
    let there = |entry| said(pen.document, Plane::Content, entry);
    let changed = |part: &Option<Vec<u8>>| damaged(there(entry.clone()).encode(), part.as_ref().expect("a response has both parts"));
    match lie {
        Lie::WrongPayload => pen.liar.send(changed(&entry.payload)),
        Lie::WrongWraps => pen.liar.send(changed(&entry.wraps)),
        Lie::MissingPayload => pen.liar.say(&there(SignedEntry { payload: None, ..entry })),
        Lie::WrongPlane => pen.liar.say(&said(pen.document, Plane::Control, entry)),
        _ => pen.liar.say(&said(stage.granted[1], Plane::Content, entry)),
    }
}

/// Entries that are sound, and whose seals hold what they should not.
fn sealed(lie: Lie, pen: &mut Pen<'_>, stage: &Stage) {
    let noise: Vec<u8> = pen.entropy.bytes::<200>().to_vec();
    let (epoch, key) = pen.epoch();
    let entry = match lie {
        Lie::GarbageSeal => {
            let other = EpochKey::draw(&mut pen.entropy);
            let change = pen.change();
            pen.sealed((epoch, &other), change)
        }
        Lie::GarbageChange => pen.revision(noise),
        Lie::WrongCommitment => return wrong_commitment(pen),
        Lie::ReplayedSeal => {
            let there = Pen::new(pen.liar, stage.granted[1]);
            let other = there.view.stored.iter().rev().find_map(|stored| stored.entry.payload.clone()).expect("a revision there");
            let honest = pen.revision(noise);
            let header = Header { payload: Some(Part::of(&other)), ..honest.header().clone() };
            VerifiedEntry::sign(header, Some(other), None, Signer::Device(&pen.liar.device)).expect("a revision")
        }
        Lie::ReplayedChange => {
            let there = Pen::new(pen.liar, stage.granted[1]);
            let own: BTreeSet<EntryId> = there.opened().revisions.iter().map(|revision| revision.entry).collect();
            let plains = unsealed(&[pen.liar.record()], &[&pen.eye]);
            let change = plains.into_iter().filter(|plain| own.contains(&plain.entry)).find_map(|plain| plain.change);
            let change = change.expect("a revision there");
            // Nothing stands in its way but that it was made for another document: it builds on nothing.
            pen.over(Vec::new(), (epoch, &key), change)
        }
        _ => unreachable!("{lie:?} is told elsewhere"),
    };
    pen.send([entry]);
}

/// A key entry that commits to another key than it wraps, and a revision under it.
fn wrong_commitment(pen: &mut Pen<'_>) {
    let opened = pen.opened();
    let audience = csu_protocol::reading::audience(&pen.view.access, &pen.view.directory, AT);
    let (honest, key) =
        author::key(&pen.view.access, &pen.acting(Role::Write), &audience, &opened.earlier_epochs(), &mut pen.entropy).expect("a key");
    let other = EpochKey::draw(&mut pen.entropy);
    let header = Header { body: Body::Key { commitment: other.commitment() }, ..honest.header().clone() };
    let wraps = honest.into_signed().wraps;
    let entry = VerifiedEntry::sign(header, None, wraps, Signer::Device(&pen.liar.device)).expect("a key");
    pen.view.add(entry.clone());
    let change = pen.change();
    let revision = pen.sealed((entry.id(), &key), change);
    pen.send([entry, revision]);
}
