//! Who is there, and how they write.

use csu_protocol::access::{Access, Insertion, Unsound};
use csu_protocol::author::{self, Acting, Audience};
use csu_protocol::entropy::Entropy;
use csu_protocol::entry::{
    Author, Body, EpochKey, Grant, Header, Openness, Plane, Principal, Remark, ResponsePayload, RevisionPayload, Role, Signer, Subject,
    VerifiedEntry,
};
use csu_protocol::id::EntryId;
use csu_protocol::time::Timestamp;
use csu_tests::history::Cast;
use csu_tests::model::{Answers, Model};
use std::sync::LazyLock;

pub(crate) static CAST: LazyLock<Cast> = LazyLock::new(|| Cast::new(9));
// The owner and others, by their place in the cast.
pub(crate) const OWNER: usize = 0;
pub(crate) const A: usize = 1;
pub(crate) const B: usize = 2;
pub(crate) const C: usize = 3;

pub(crate) const NOW: Timestamp = Timestamp::from_ms(0);

/// One node's view. Two views that part and meet again are two nodes.
#[derive(Default)]
pub(crate) struct View {
    pub(crate) access: Access,
    pub(crate) log: Vec<VerifiedEntry>,
}

pub(crate) fn grant(who: usize, role: Role) -> Grant {
    Grant { subject: Subject::Organisation(CAST.members[who].id), role, until: None }
}

pub(crate) fn grants(who: usize, role: Role) -> Body {
    Body::Grant { grants: vec![grant(who, role)] }
}

pub(crate) fn organisation(who: usize) -> Principal {
    Principal::Organisation(CAST.members[who].id)
}

pub(crate) fn device(who: usize) -> Author {
    Author::Device(CAST.members[who].device(0))
}

pub(crate) fn acting(who: usize, under: EntryId) -> Acting<'static> {
    let member = &CAST.members[who];
    Acting { organisation: member.id, signer: Signer::Device(&member.devices[0]), under: Some(under) }
}

pub(crate) fn root(who: usize) -> Acting<'static> {
    let member = &CAST.members[who];
    Acting { organisation: member.id, signer: Signer::Root(&member.root), under: None }
}

pub(crate) fn audience() -> Audience {
    Audience { recipients: Vec::new(), openness: Openness::Anyone }
}

/// Floods are left out: the model is too slow for them.
const FLOOD: usize = 100;

impl Drop for View {
    /// Whatever a view came to, the model must say too.
    fn drop(&mut self) {
        let Some(document) = self.access.document().filter(|_| self.log.len() < FLOOD && !std::thread::panicking()) else { return };
        let model = Model::new(document, &self.log, |organisation, author| CAST.is_device(organisation, author));
        let moments = [NOW, Timestamp::from_ms(10), Timestamp::from_ms(20)];
        let (fast, slow) = (Answers::of_access(&self.access, &CAST, moments), Answers::of_model(&model, &CAST, moments));
        assert_eq!(fast.difference(&slow), None, "the model says otherwise");
    }
}

impl View {
    /// A document by `OWNER`; its genesis gives `grants`.
    pub(crate) fn new(grants: Vec<Grant>) -> (Self, EntryId) {
        let owner = &CAST.members[OWNER];
        let genesis = author::genesis(owner.id, Signer::Device(&owner.devices[0]), grants, &mut Entropy::from_seed([9; 32])).unwrap();
        let mut view = Self::default();
        let id = view.take(genesis);
        (view, id)
    }

    pub(crate) fn insert(&mut self, entry: VerifiedEntry) -> Insertion {
        self.access.insert(entry, |organisation, author| CAST.is_device(organisation, author))
    }

    pub(crate) fn take(&mut self, entry: VerifiedEntry) -> EntryId {
        let id = entry.id();
        match self.insert(entry.clone()) {
            Insertion::Sound(_) => self.log.push(entry),
            Insertion::Known => {}
            other => panic!("{other:?}"),
        }
        id
    }

    pub(crate) fn unsound(&mut self, entry: VerifiedEntry) -> Unsound {
        match self.insert(entry) {
            Insertion::Unsound(_, unsound) => unsound,
            other => panic!("{other:?}"),
        }
    }

    /// A second node that holds the same.
    pub(crate) fn part(&self) -> Self {
        let mut other = Self::default();
        for entry in &self.log {
            other.take(entry.clone());
        }
        other
    }

    pub(crate) fn meet(&mut self, other: &mut Self) {
        for entry in other.log.clone() {
            self.take(entry);
        }
        for entry in self.log.clone() {
            other.take(entry);
        }
        assert_eq!(self.access.version(Plane::Control), other.access.version(Plane::Control));
    }

    pub(crate) fn make(&self, acting: &Acting<'_>, body: Body) -> VerifiedEntry {
        author::control(&self.access, acting, body).unwrap()
    }

    pub(crate) fn write(&mut self, who: usize, under: EntryId, body: Body) -> EntryId {
        self.take(self.make(&acting(who, under), body))
    }

    /// `who` revokes `whom` and keeps all it knows of them.
    pub(crate) fn revoke(&mut self, who: usize, under: EntryId, whom: usize) -> EntryId {
        let keep = self.access.keep_all_of(&CAST.members[whom].id);
        self.write(who, under, Body::Revoke { principal: organisation(whom), keep })
    }

    /// `who` revokes `whom` and keeps nothing.
    pub(crate) fn evict(&mut self, who: usize, under: EntryId, whom: usize) -> EntryId {
        self.write(who, under, Body::Revoke { principal: organisation(whom), keep: Vec::new() })
    }

    pub(crate) fn make_key(&self, who: usize, under: EntryId) -> VerifiedEntry {
        author::key(&self.access, &acting(who, under), &audience(), &[], &mut Entropy::from_seed([1; 32])).unwrap().0
    }

    pub(crate) fn make_revision(&self, acting: &Acting<'_>, epoch: EntryId, deps: Vec<EntryId>, at: u64) -> VerifiedEntry {
        let payload = RevisionPayload { at: Timestamp::from_ms(at), person: None, change: Vec::new() };
        let key = EpochKey::from_bytes([7; 32]);
        author::revision(&self.access, acting, (epoch, &key), deps, &payload, &mut Entropy::from_seed([2; 32])).unwrap()
    }

    pub(crate) fn revise(&mut self, who: usize, under: EntryId, epoch: EntryId, deps: &[EntryId]) -> EntryId {
        let at = u64::try_from(self.log.len()).unwrap();
        self.take(self.make_revision(&acting(who, under), epoch, deps.to_vec(), at))
    }

    pub(crate) fn make_response(&self, who: usize, under: EntryId) -> VerifiedEntry {
        let payload = ResponsePayload { at: NOW, person: None, remark: Remark::Acknowledge, step: String::new(), text: String::new() };
        author::response(&self.access, &acting(who, under), &audience(), &payload, &mut Entropy::from_seed([3; 32])).unwrap()
    }

    pub(crate) fn role(&self, who: usize) -> Option<Role> {
        self.access.role_now(&CAST.members[who].id, NOW)
    }

    pub(crate) fn counts(&self, id: EntryId) -> bool {
        assert!(self.access.contains(&id));
        self.access.is_authorised(&id)
    }
}

/// The entry with its header bent, signed again by the first device of `who`.
pub(crate) fn bent(who: usize, entry: &VerifiedEntry, bend: impl FnOnce(&mut Header)) -> VerifiedEntry {
    let mut header = entry.header().clone();
    bend(&mut header);
    let signed = entry.signed().clone();
    VerifiedEntry::sign(header, signed.payload, signed.wraps, Signer::Device(&CAST.members[who].devices[0])).unwrap()
}
