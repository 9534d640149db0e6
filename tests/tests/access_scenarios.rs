//! What the rules of access mean, one situation at a time.

use csu_protocol::access::{Access, Insertion, Missing, Unsound};
use csu_protocol::author::{self, Acting, Audience};
use csu_protocol::entropy::Entropy;
use csu_protocol::entry::{
    Author, Body, EpochKey, Grant, Header, Keep, Openness, Plane, Principal, Reason, Remark, ResponsePayload, RevisionPayload, Role,
    Signer, Subject, VerifiedEntry,
};
use csu_protocol::id::{DocumentId, EntryId};
use csu_protocol::time::Timestamp;
use csu_tests::history::Cast;
use std::sync::LazyLock;

static CAST: LazyLock<Cast> = LazyLock::new(|| Cast::new(9));
// The owner and others, by their place in the cast.
const OWNER: usize = 0;
const A: usize = 1;
const B: usize = 2;
const C: usize = 3;

const NOW: Timestamp = Timestamp::from_ms(0);

/// One node's view. Two views that part and meet again are two nodes.
#[derive(Default)]
struct View {
    access: Access,
    log: Vec<VerifiedEntry>,
}

fn grant(who: usize, role: Role) -> Grant {
    Grant { subject: Subject::Organisation(CAST.members[who].id), role, until: None }
}

fn grants(who: usize, role: Role) -> Body {
    Body::Grant { grants: vec![grant(who, role)] }
}

fn organisation(who: usize) -> Principal {
    Principal::Organisation(CAST.members[who].id)
}

fn device(who: usize) -> Author {
    Author::Device(CAST.members[who].device(0))
}

fn acting(who: usize, under: EntryId) -> Acting<'static> {
    let member = &CAST.members[who];
    Acting { organisation: member.id, signer: Signer::Device(&member.devices[0]), under: Some(under) }
}

fn root(who: usize) -> Acting<'static> {
    let member = &CAST.members[who];
    Acting { organisation: member.id, signer: Signer::Root(&member.root), under: None }
}

fn audience() -> Audience {
    Audience { recipients: Vec::new(), openness: Openness::Anyone }
}

impl View {
    /// A document by `OWNER`; its genesis gives `grants`.
    fn new(grants: Vec<Grant>) -> (Self, EntryId) {
        let owner = &CAST.members[OWNER];
        let genesis = author::genesis(owner.id, Signer::Device(&owner.devices[0]), grants, &mut Entropy::from_seed([9; 32])).unwrap();
        let mut view = Self::default();
        let id = view.take(genesis);
        (view, id)
    }

    fn insert(&mut self, entry: VerifiedEntry) -> Insertion {
        self.access.insert(entry, |organisation, author| CAST.is_device(organisation, author))
    }

    fn take(&mut self, entry: VerifiedEntry) -> EntryId {
        let id = entry.id();
        match self.insert(entry.clone()) {
            Insertion::Sound(_) => self.log.push(entry),
            Insertion::Known => {}
            other => panic!("{other:?}"),
        }
        id
    }

    fn unsound(&mut self, entry: VerifiedEntry) -> Unsound {
        match self.insert(entry) {
            Insertion::Unsound(_, unsound) => unsound,
            other => panic!("{other:?}"),
        }
    }

    /// A second node that holds the same.
    fn part(&self) -> Self {
        let mut other = Self::default();
        for entry in &self.log {
            other.take(entry.clone());
        }
        other
    }

    fn meet(&mut self, other: &mut Self) {
        for entry in other.log.clone() {
            self.take(entry);
        }
        for entry in self.log.clone() {
            other.take(entry);
        }
        assert_eq!(self.access.version(Plane::Control), other.access.version(Plane::Control));
    }

    fn make(&self, acting: &Acting<'_>, body: Body) -> VerifiedEntry {
        author::control(&self.access, acting, body).unwrap()
    }

    fn write(&mut self, who: usize, under: EntryId, body: Body) -> EntryId {
        self.take(self.make(&acting(who, under), body))
    }

    /// `who` revokes `whom` and keeps all it knows of them.
    fn revoke(&mut self, who: usize, under: EntryId, whom: usize) -> EntryId {
        let keep = self.access.keep_all_of(&CAST.members[whom].id);
        self.write(who, under, Body::Revoke { principal: organisation(whom), keep })
    }

    /// `who` revokes `whom` and keeps nothing.
    fn evict(&mut self, who: usize, under: EntryId, whom: usize) -> EntryId {
        self.write(who, under, Body::Revoke { principal: organisation(whom), keep: Vec::new() })
    }

    fn make_key(&self, who: usize, under: EntryId) -> VerifiedEntry {
        author::key(&self.access, &acting(who, under), &audience(), &[], &mut Entropy::from_seed([1; 32])).unwrap().0
    }

    fn make_revision(&self, acting: &Acting<'_>, epoch: EntryId, deps: Vec<EntryId>, at: u64) -> VerifiedEntry {
        let payload = RevisionPayload { at: Timestamp::from_ms(at), person: None, change: Vec::new() };
        let key = EpochKey::from_bytes([7; 32]);
        author::revision(&self.access, acting, (epoch, &key), deps, &payload, &mut Entropy::from_seed([2; 32])).unwrap()
    }

    fn revise(&mut self, who: usize, under: EntryId, epoch: EntryId, deps: &[EntryId]) -> EntryId {
        let at = u64::try_from(self.log.len()).unwrap();
        self.take(self.make_revision(&acting(who, under), epoch, deps.to_vec(), at))
    }

    fn make_response(&self, who: usize, under: EntryId) -> VerifiedEntry {
        let payload = ResponsePayload { at: NOW, person: None, remark: Remark::Acknowledge, step: String::new(), text: String::new() };
        author::response(&self.access, &acting(who, under), &audience(), &payload, &mut Entropy::from_seed([3; 32])).unwrap()
    }

    fn role(&self, who: usize) -> Option<Role> {
        self.access.role_now(&CAST.members[who].id, NOW)
    }

    fn counts(&self, id: EntryId) -> bool {
        assert!(self.access.contains(&id));
        self.access.is_authorised(&id)
    }
}

/// The entry with its header bent, signed again by the first device of `who`.
fn bent(who: usize, entry: &VerifiedEntry, bend: impl FnOnce(&mut Header)) -> VerifiedEntry {
    let mut header = entry.header().clone();
    bend(&mut header);
    let signed = entry.signed().clone();
    VerifiedEntry::sign(header, signed.payload, signed.wraps, Signer::Device(&CAST.members[who].devices[0])).unwrap()
}

#[test]
fn what_the_revoker_kept_stays_and_what_was_backdated_falls() {
    let (mut owner, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let key = owner.take(owner.make_key(OWNER, genesis));
    let kept_grant = owner.write(A, genesis, grants(B, Role::Read));
    let kept = owner.revise(A, genesis, key, &[]);
    // A's node, which will claim not to have seen its revocation.
    let mut theirs = owner.part();
    let revoke = owner.revoke(OWNER, genesis, A);
    let backdated = theirs.revise(A, genesis, key, &[kept]);
    let backdated_grant = theirs.write(A, genesis, grants(C, Role::Write));
    let backdated_reply = theirs.take(theirs.make_response(B, kept_grant));
    // A fork of the kept entry, and one with the kept entry's seq.
    let fork = bent(A, &theirs.make_revision(&acting(A, genesis), key, vec![], 99), |header| {
        (header.seq, header.previous, header.parents) = (0, None, vec![genesis, key]);
        header.parents.sort();
    });
    owner.meet(&mut theirs);
    let fork = owner.take(fork);
    assert!(owner.counts(revoke) && owner.counts(kept) && owner.counts(kept_grant) && owner.counts(backdated_reply));
    assert!(!owner.counts(backdated) && !owner.counts(backdated_grant) && !owner.counts(fork));
    assert_eq!(owner.access.effective_revisions(), [kept]);
    assert_eq!((owner.role(A), owner.role(B), owner.role(C)), (None, Some(Role::Read), None));
    assert_eq!(owner.access.forks().count(), 1);
}

#[test]
fn what_builds_on_a_fallen_revision_falls_with_it_and_a_void_key_does_not_void_what_it_seals() {
    let (mut owner, genesis) = View::new(vec![grant(A, Role::Write), grant(B, Role::Write)]);
    let key = owner.take(owner.make_key(A, genesis));
    let theirs = owner.revise(A, genesis, key, &[]);
    let on_it = owner.revise(B, genesis, key, &[theirs]);
    let beside_it = owner.revise(B, genesis, key, &[]);
    owner.evict(OWNER, genesis, A);
    assert!(!owner.counts(key) && !owner.counts(theirs) && owner.counts(on_it));
    assert_eq!(owner.access.effective_revisions(), [beside_it]);
}

#[test]
fn a_kept_entry_that_arrives_later_keeps_from_then_on() {
    let (mut owner, genesis) = View::new(vec![grant(A, Role::Write)]);
    let key = owner.take(owner.make_key(OWNER, genesis));
    let mut theirs = owner.part();
    let first = theirs.revise(A, genesis, key, &[]);
    let second = theirs.revise(A, genesis, key, &[first]);
    let keep = vec![Keep { author: device(A), plane: Plane::Content, entry: second }];
    owner.write(OWNER, genesis, Body::Revoke { principal: organisation(A), keep });
    owner.take(theirs.log[2].clone());
    assert!(!owner.counts(first));
    owner.meet(&mut theirs);
    assert!(owner.counts(first) && owner.counts(second));
}

#[test]
fn peers_cannot_evict_each_other() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin), grant(B, Role::Admin)]);
    let mut other = view.part();
    let one = view.evict(A, genesis, B);
    let two = other.evict(B, genesis, A);
    view.meet(&mut other);
    assert!(view.counts(one) && view.counts(two));
    assert_eq!((view.role(A), view.role(B)), (Some(Role::Admin), Some(Role::Admin)));
}

#[test]
fn a_delegate_cannot_revoke_whoever_gave_it_its_role() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let to_b = view.write(A, genesis, grants(B, Role::Admin));
    view.evict(B, to_b, A);
    view.write(B, to_b, Body::Revoke { principal: Principal::Device(CAST.members[A].device(0)), keep: Vec::new() });
    let after = view.write(A, genesis, grants(C, Role::Read));
    assert!(view.counts(after) && view.counts(to_b));
    assert_eq!(view.role(A), Some(Role::Admin));
}

#[test]
fn who_is_above_revokes_what_a_delegate_gave_also_when_two_levels_lie_between() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let to_b = view.write(A, genesis, grants(B, Role::Admin));
    let to_c = view.write(B, to_b, grants(C, Role::Admin));
    view.revoke(OWNER, genesis, C);
    assert_eq!((view.role(A), view.role(B), view.role(C)), (Some(Role::Admin), Some(Role::Admin), None));
    // B gives again what it knows the owner took: only who gave and took may change its mind.
    let again = view.write(B, to_b, grants(C, Role::Read));
    assert!(view.counts(to_c) && view.counts(again));
    assert_eq!(view.role(C), None);
    let by_owner = view.write(OWNER, genesis, grants(C, Role::Read));
    assert!(view.counts(by_owner));
    assert_eq!(view.role(C), Some(Role::Read));
}

#[test]
fn revoking_an_admin_without_keeping_its_grants_takes_what_it_gave() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let to_b = view.write(A, genesis, grants(B, Role::Admin));
    let to_c = view.write(B, to_b, grants(C, Role::Write));
    view.evict(OWNER, genesis, A);
    assert!(!view.counts(to_b) && !view.counts(to_c));
    assert_eq!((view.role(A), view.role(B), view.role(C)), (None, None, None));
}

#[test]
fn a_revocation_that_falls_gives_back_what_it_took() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let to_b = view.write(A, genesis, grants(B, Role::Write));
    let keep = view.access.keep_all_of(&CAST.members[A].id);
    let revoke = view.evict(A, genesis, B);
    assert_eq!(view.role(B), None);
    view.write(OWNER, genesis, Body::Revoke { principal: organisation(A), keep });
    assert!(view.counts(to_b) && !view.counts(revoke));
    assert_eq!(view.role(B), Some(Role::Write));
}

#[test]
fn who_knows_of_a_revocation_can_give_again_and_who_does_not_cannot() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Write)]);
    let mut other = view.part();
    view.evict(OWNER, genesis, A);
    // The owner's other device had not heard of it.
    let member = &CAST.members[OWNER];
    let second = Acting { signer: Signer::Device(&member.devices[1]), ..acting(OWNER, genesis) };
    let unknowing = other.take(other.make(&second, grants(A, Role::Write)));
    view.meet(&mut other);
    assert!(view.counts(unknowing));
    assert_eq!(view.role(A), None);
    let knowing = view.write(OWNER, genesis, grants(A, Role::Read));
    assert_eq!(view.role(A), Some(Role::Read));
    let reply = view.take(view.make_response(A, knowing));
    assert!(view.counts(reply));
    assert_eq!(view.unsound(view.make_response(A, unknowing)), Unsound::Revoked);
    // The renewed right can be taken again.
    view.evict(OWNER, genesis, A);
    assert!(!view.counts(reply));
    assert_eq!(view.role(A), None);
}

#[test]
fn anyone_loses_and_regains_read_as_an_organisation_does() {
    let (mut view, genesis) = View::new(vec![Grant { subject: Subject::Anyone, role: Role::Read, until: None }]);
    assert_eq!((view.role(A), view.access.anyone_now(NOW)), (Some(Role::Read), Some(Role::Read)));
    view.write(OWNER, genesis, Body::Revoke { principal: Principal::Anyone, keep: Vec::new() });
    assert_eq!((view.role(A), view.access.anyone_now(NOW)), (None, None));
    let anyone = vec![Grant { subject: Subject::Anyone, role: Role::Read, until: None }];
    view.write(OWNER, genesis, Body::Grant { grants: anyone });
    assert_eq!(view.access.anyone_now(NOW), Some(Role::Read));
}

#[test]
fn a_renunciation_ends_one_standing_and_what_it_does_not_keep() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Relay)]);
    let writes = view.write(OWNER, genesis, grants(A, Role::Write));
    let key = view.take(view.make_key(OWNER, genesis));
    let mut other = view.part();
    let kept = view.revise(A, writes, key, &[]);
    let renunciation = view.revoke(A, writes, A);
    let concurrent = other.take(other.make_revision(&acting(A, writes), key, vec![], 99));
    view.meet(&mut other);
    assert!(view.counts(renunciation) && view.counts(kept) && !view.counts(concurrent));
    assert_eq!(view.role(A), Some(Role::Relay));
    // Even a relay may give up, and twice does no harm.
    let last = view.evict(A, genesis, A);
    let twice = view.evict(A, genesis, A);
    assert!(view.counts(last) && view.counts(twice));
    assert_eq!(view.role(A), None);
    assert_eq!(view.unsound(view.make_key(A, writes)), Unsound::Revoked);
    // Below a renounced standing what was given stays given only if kept.
    let again = view.write(OWNER, genesis, grants(A, Role::Read));
    assert!(view.counts(again));
    assert_eq!(view.role(A), Some(Role::Read));
}

#[test]
fn a_renunciation_cannot_be_made_by_who_was_revoked_and_knows_it() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Read)]);
    view.evict(OWNER, genesis, A);
    let renounce = view.make(&acting(A, genesis), Body::Revoke { principal: organisation(A), keep: Vec::new() });
    assert_eq!(view.unsound(renounce), Unsound::Revoked);
}

#[test]
fn a_stolen_device_is_revoked_by_its_root_key_and_the_new_one_goes_on() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Write)]);
    let key = view.take(view.make_key(OWNER, genesis));
    let honest = view.revise(A, genesis, key, &[]);
    let mut thief = view.part();
    let principal = Principal::Device(CAST.members[A].device(0));
    let keep = view.access.keep_all_of(&CAST.members[A].id);
    let word = view.take(view.make(&root(A), Body::Revoke { principal, keep }));
    let stolen = thief.revise(A, genesis, key, &[honest]);
    view.meet(&mut thief);
    assert!(view.counts(word) && view.counts(honest) && !view.counts(stolen));
    let second = Acting { signer: Signer::Device(&CAST.members[A].devices[1]), ..acting(A, genesis) };
    let new_device = view.take(view.make_revision(&second, key, vec![honest], 7));
    assert!(view.counts(new_device));
    assert_eq!(view.role(A), Some(Role::Write));
    let late = view.make_revision(&acting(A, genesis), key, vec![], 8);
    assert_eq!(view.unsound(late), Unsound::Revoked);
}

#[test]
fn the_root_key_of_the_owner_takes_back_what_its_stolen_device_did() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let keep = view.access.keep_all_of(&CAST.members[OWNER].id);
    let mut thief = view.part();
    let evicted = thief.evict(OWNER, genesis, A);
    let erase = thief.write(OWNER, genesis, Body::Erase);
    assert!(thief.access.is_erased());
    let principal = Principal::Device(CAST.members[OWNER].device(0));
    let keep: Vec<Keep> = keep.into_iter().filter(|keep| keep.author == device(OWNER)).collect();
    view.take(view.make(&root(OWNER), Body::Revoke { principal, keep }));
    view.meet(&mut thief);
    assert!(view.counts(genesis) && !view.counts(evicted) && !view.counts(erase) && !view.access.is_erased());
    assert_eq!(view.role(A), Some(Role::Admin));
}

#[test]
fn the_root_key_of_an_evicted_organisation_cannot_void_what_the_evictor_kept() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let to_b = view.write(A, genesis, grants(B, Role::Write));
    let mut angry = view.part();
    view.revoke(OWNER, genesis, A);
    let word = Body::Revoke { principal: Principal::Device(CAST.members[A].device(0)), keep: Vec::new() };
    let word = angry.take(angry.make(&root(A), word));
    assert_eq!(angry.role(B), None);
    view.meet(&mut angry);
    assert!(view.counts(word) && view.counts(to_b));
    assert_eq!(view.role(B), Some(Role::Write));
}

#[test]
fn a_root_key_that_spoke_before_the_eviction_is_kept_with_the_rest() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let thiefs = view.write(A, genesis, grants(B, Role::Write));
    let word = Body::Revoke { principal: Principal::Device(CAST.members[A].device(0)), keep: Vec::new() };
    view.take(view.make(&root(A), word));
    view.revoke(OWNER, genesis, A);
    assert!(!view.counts(thiefs));
    assert_eq!(view.role(B), None);
}

#[test]
fn a_root_key_speaks_for_its_own_devices_alone() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Write), grant(B, Role::Write)]);
    let key = view.take(view.make_key(A, genesis));
    let word = Body::Revoke { principal: Principal::Device(CAST.members[A].device(0)), keep: Vec::new() };
    view.take(view.make(&root(B), word.clone()));
    assert!(view.counts(key));
    assert_eq!(view.unsound(view.make(&root(C), word)), Unsound::RootUnnamed);
}

#[test]
fn a_device_revoked_from_above_falls_and_a_regrant_does_not_restore_it() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Write), grant(B, Role::Admin)]);
    let key = view.take(view.make_key(A, genesis));
    let body = Body::Revoke { principal: Principal::Device(CAST.members[A].device(0)), keep: Vec::new() };
    view.write(B, genesis, body.clone());
    assert!(view.counts(key), "a peer is not above");
    view.write(OWNER, genesis, body);
    assert!(!view.counts(key));
    let again = view.write(OWNER, genesis, grants(A, Role::Write));
    assert_eq!(view.unsound(view.make_key(A, again)), Unsound::Revoked);
}

#[test]
fn keeping_control_entries_of_others_or_unseen_ones_is_unsound() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin), grant(B, Role::Admin)]);
    let by_b = view.write(B, genesis, grants(C, Role::Read));
    let mut other = view.part();
    let unseen = other.write(A, genesis, grants(C, Role::Read));
    let revoke = |author, entry| Body::Revoke { principal: organisation(A), keep: vec![Keep { author, plane: Plane::Control, entry }] };
    let of_another = view.make(&acting(OWNER, genesis), revoke(device(B), by_b));
    let second = Acting { signer: Signer::Device(&CAST.members[A].devices[1]), ..acting(A, genesis) };
    let by_second = view.take(view.make(&second, grants(C, Role::Write)));
    let misattributed = view.make(&acting(OWNER, genesis), revoke(device(A), by_second));
    let not_in_past = view.make(&acting(OWNER, genesis), revoke(device(A), unseen));
    view.meet(&mut other);
    for entry in [of_another, misattributed, not_in_past] {
        assert_eq!(view.unsound(entry), Unsound::Keep);
    }
}

#[test]
fn keeping_a_content_entry_in_anothers_name_keeps_nothing() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Write), grant(B, Role::Write)]);
    let key = view.take(view.make_key(OWNER, genesis));
    let by_a = view.revise(A, genesis, key, &[]);
    let by_b = view.revise(B, genesis, key, &[by_a]);
    let keep = vec![Keep { author: device(A), plane: Plane::Content, entry: by_b }];
    view.write(OWNER, genesis, Body::Revoke { principal: organisation(A), keep });
    assert!(!view.counts(by_a) && view.counts(by_b));
}

#[test]
fn an_entry_cannot_be_replayed_into_another_document() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let (mut other, _) = View::new(vec![]);
    let entry = view.make(&acting(A, genesis), grants(B, Role::Read));
    assert_eq!(other.unsound(entry.clone()), Unsound::OtherDocument);
    assert_eq!(other.unsound(view.log[0].clone()), Unsound::OtherDocument);
    // Naming the other document, its author would have to sign it anew, and name what is not there.
    let document = other.access.document();
    let renamed = bent(A, &entry, |header| header.document = document);
    assert!(matches!(other.insert(renamed), Insertion::Pending(_, Missing { card: false, .. })));
    view.take(entry);
}

#[test]
fn a_chain_with_a_wrong_seq_or_previous_is_unsound() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let first = view.write(A, genesis, grants(B, Role::Read));
    let key = view.take(view.make_key(A, genesis));
    let by_owner = view.write(OWNER, genesis, grants(C, Role::Read));
    let second = view.make(&acting(A, genesis), grants(C, Role::Read));
    assert_eq!((second.header().seq, second.header().previous), (1, Some(first)));
    let skips = bent(A, &second, |header| header.seq = 2);
    let anothers = bent(A, &second, |header| header.previous = Some(by_owner));
    let other_plane = bent(A, &view.make_key(A, genesis), |header| header.previous = Some(first));
    let not_in_control = bent(A, &second, |header| header.previous = Some(key));
    for entry in [skips, anothers, other_plane, not_in_control] {
        assert_eq!(view.unsound(entry), Unsound::Chain);
    }
    view.take(second);
}

#[test]
fn each_role_allows_what_it_says_and_no_more() {
    let given = vec![grant(A, Role::Relay), grant(B, Role::Read), grant(C, Role::Write)];
    let (mut view, genesis) = View::new(given);
    let withdraw = || Body::Withdraw { reason: Reason::Other };
    assert_eq!(view.unsound(view.make_response(A, genesis)), Unsound::Role);
    assert_eq!(view.unsound(view.make_key(B, genesis)), Unsound::Role);
    for body in [withdraw(), grants(4, Role::Read), Body::Revoke { principal: organisation(A), keep: vec![] }, Body::Erase] {
        let entry = view.make(&acting(C, genesis), body);
        assert_eq!(view.unsound(entry), Unsound::Role);
    }
    assert_eq!(view.unsound(view.make_response(4, genesis)), Unsound::NoStanding);
    view.take(view.make_response(B, genesis));
    view.take(view.make_key(C, genesis));
    let admin = view.write(OWNER, genesis, grants(4, Role::Admin));
    assert_eq!(view.unsound(view.make(&acting(4, admin), Body::Erase)), Unsound::Role);
    view.write(4, admin, withdraw());
    assert_eq!(view.access.withdrawal().map(|(_, by, reason)| (by, reason)), Some((CAST.members[4].id, Reason::Other)));
}

#[test]
fn anyone_reads_and_does_nothing_else() {
    let anyone = |role| vec![Grant { subject: Subject::Anyone, role, until: None }];
    let (mut view, genesis) = View::new(anyone(Role::Read));
    for role in [Role::Relay, Role::Write, Role::Admin] {
        let entry = view.make(&acting(OWNER, genesis), Body::Grant { grants: anyone(role) });
        assert_eq!(view.unsound(entry), Unsound::Grants);
    }
    assert_eq!(view.unsound(view.make_response(A, genesis)), Unsound::NoStanding);
}

#[test]
fn nobody_revokes_the_owner_not_even_the_owner() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    for who in [A, OWNER] {
        let entry = view.make(&acting(who, genesis), Body::Revoke { principal: organisation(OWNER), keep: vec![] });
        assert_eq!(view.unsound(entry), Unsound::RevokesOwner);
    }
    let on_device = Body::Revoke { principal: Principal::Device(CAST.members[OWNER].device(0)), keep: vec![] };
    view.write(A, genesis, on_device);
    let after = view.write(OWNER, genesis, grants(B, Role::Read));
    assert!(view.counts(genesis) && view.counts(after));
}

#[test]
fn delegation_ends_six_levels_below_the_owner() {
    let (mut view, genesis) = View::new(vec![grant(1, Role::Admin)]);
    let mut under = genesis;
    for who in 1..=5 {
        under = view.write(who, under, grants(who + 1, Role::Admin));
    }
    let too_deep = view.make(&acting(6, under), grants(7, Role::Read));
    assert_eq!(view.unsound(too_deep), Unsound::Depth);
    // The last may still do all else.
    view.write(6, under, Body::Withdraw { reason: Reason::Mistaken });
    assert!(view.access.withdrawal().is_some());
    assert_eq!(view.access.rows().last().map(|row| row.chain.len()), Some(6));
    // Taking the first takes all.
    view.evict(OWNER, genesis, 1);
    assert!((1..=6).all(|who| view.role(who).is_none()) && view.access.withdrawal().is_none());
}

#[test]
fn an_entry_waits_for_its_authors_card_and_for_its_past() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let mut later = view.part();
    let first = view.write(A, genesis, grants(B, Role::Read));
    let second = view.make(&acting(A, genesis), grants(C, Role::Read));
    let Insertion::Pending(second, missing) = later.insert(second) else { panic!("its past is missing") };
    assert_eq!(missing, Missing { entries: vec![first], card: false });
    let first = view.log[1].clone();
    let Insertion::Pending(first, missing) = later.access.insert(first, |_, _| false) else { panic!("its card is missing") };
    assert_eq!(missing, Missing { entries: vec![], card: true });
    later.take(first);
    later.take(second);
    assert_eq!((later.role(B), later.role(C)), (Some(Role::Read), Some(Role::Read)));
}

#[test]
fn a_device_of_one_organisation_does_not_act_for_another() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let forged = Acting { organisation: CAST.members[A].id, ..acting(B, genesis) };
    let entry = view.make(&forged, grants(B, Role::Admin));
    assert!(matches!(view.insert(entry), Insertion::Pending(_, Missing { card: true, .. })));
}

#[test]
fn control_names_no_content() {
    let (mut view, genesis) = View::new(vec![]);
    let key = view.take(view.make_key(OWNER, genesis));
    let entry = bent(OWNER, &view.make(&acting(OWNER, genesis), grants(A, Role::Read)), |header| {
        header.parents.push(key);
        header.parents.sort();
    });
    assert_eq!(view.unsound(entry), Unsound::Plane);
}

#[test]
fn epoch_deps_under_and_erase_name_what_they_should() {
    let (mut view, genesis) = View::new(vec![]);
    let key = view.take(view.make_key(OWNER, genesis));
    let revision = view.revise(OWNER, genesis, key, &[]);
    let given = view.write(OWNER, genesis, grants(A, Role::Admin));
    let withdraw = view.write(OWNER, genesis, Body::Withdraw { reason: Reason::Other });
    let owner = acting(OWNER, genesis);
    for entry in [
        view.make_revision(&owner, revision, vec![], 1),
        view.make_revision(&owner, genesis, vec![], 1),
        view.make_revision(&owner, key, vec![key], 1),
        view.make_revision(&owner, key, vec![given], 1),
        view.make(&owner, Body::Receipt { erase: withdraw }),
        view.make_key(OWNER, withdraw),
    ] {
        assert_eq!(view.unsound(entry), Unsound::Kind);
    }
}

#[test]
fn who_saw_its_own_revocation_writes_nothing_sound_and_who_did_not_writes_nothing_that_counts() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let to_b = view.write(A, genesis, grants(B, Role::Admin));
    let mut unaware = view.part();
    view.evict(OWNER, genesis, A);
    for (who, under) in [(A, genesis), (B, to_b)] {
        assert_eq!(view.unsound(view.make(&acting(who, under), grants(C, Role::Read))), Unsound::Revoked);
        assert_eq!(view.unsound(view.make_response(who, under)), Unsound::Revoked);
    }
    let void = unaware.write(B, to_b, grants(C, Role::Read));
    view.meet(&mut unaware);
    assert!(!view.counts(void));
}

#[test]
fn a_former_reader_still_signs_the_receipt_of_an_erasure() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Read)]);
    view.evict(OWNER, genesis, A);
    let erase = view.write(OWNER, genesis, Body::Erase);
    let receipt = view.write(A, genesis, Body::Receipt { erase });
    assert!(view.access.is_erased() && view.counts(receipt));
    let stranger = view.make(&acting(B, genesis), Body::Receipt { erase });
    assert_eq!(view.unsound(stranger), Unsound::NoStanding);
}

#[test]
fn an_end_stops_serving_down_the_chain_and_takes_no_authority() {
    let (end, later) = (Timestamp::from_ms(10), Timestamp::from_ms(20));
    let (mut view, genesis) = View::new(vec![Grant { until: Some(end), ..grant(A, Role::Admin) }]);
    let to_b = view.write(A, genesis, Body::Grant { grants: vec![Grant { until: Some(later), ..grant(B, Role::Read) }] });
    let role = |view: &View, who: usize, now| view.access.role_now(&CAST.members[who].id, Timestamp::from_ms(now));
    assert_eq!((role(&view, A, 9), role(&view, B, 9)), (Some(Role::Admin), Some(Role::Read)));
    assert_eq!((role(&view, A, 10), role(&view, B, 10)), (None, None));
    assert_eq!(view.access.rows()[1].until, Some(end));
    assert!(!view.access.may_hold(&CAST.members[B].id, Plane::Content, end));
    assert!(view.access.may_hold(&CAST.members[B].id, Plane::Control, end));
    // Clocks decide nothing about what counts.
    let reply = view.take(view.make_response(B, to_b));
    let more = view.write(A, genesis, grants(C, Role::Read));
    assert!(view.counts(reply) && view.counts(more));
}

#[test]
fn of_two_withdrawals_all_nodes_show_the_same() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let mut other = view.part();
    let one = view.write(OWNER, genesis, Body::Withdraw { reason: Reason::Mistaken });
    let two = other.write(A, genesis, Body::Withdraw { reason: Reason::Legal });
    view.meet(&mut other);
    for view in [&view, &other] {
        assert_eq!(view.access.withdrawal().map(|(id, ..)| id), Some(one.min(two)));
    }
}

#[test]
fn a_document_is_named_by_its_genesis() {
    let (view, genesis) = View::new(vec![]);
    assert_eq!(view.access.document(), Some(DocumentId::from(genesis)));
    assert_eq!(view.access.owner(), Some(CAST.members[OWNER].id));
}

#[test]
fn a_flood_of_heads_does_not_keep_the_owner_from_evicting_and_keeping() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin)]);
    let tip = view.write(A, genesis, grants(B, Role::Read));
    let mut flood = view.part();
    // Forks of A's second entry, more than one entry can name as parents.
    let next = flood.make(&acting(A, genesis), grants(C, Role::Read));
    let fork = |at: u64, chained: Option<EntryId>| {
        bent(A, &next, |header| {
            let until = Some(Timestamp::from_ms(at));
            header.body = Body::Grant { grants: vec![Grant { until, ..grant(C, Role::Read) }] };
            if chained.is_some() {
                (header.seq, header.previous, header.parents) = (2, chained, vec![genesis]);
            }
        })
    };
    let forks: Vec<EntryId> = (1..=100).map(|at| flood.take(fork(at, None))).collect();
    // And a third entry, chosen so that its id comes after those of the others.
    let last = (1..).map(|at| fork(at, Some(forks[0]))).find(|entry| entry.id().as_bytes()[0] == 0xff).unwrap();
    flood.take(last);
    view.meet(&mut flood);
    for whom in [A, C] {
        let keep = view.access.keep_all_of(&CAST.members[whom].id);
        let revoke = view.write(OWNER, genesis, Body::Revoke { principal: organisation(whom), keep });
        assert!(view.counts(revoke));
    }
    assert!(view.counts(tip));
    assert_eq!((view.role(A), view.role(B), view.role(C)), (None, Some(Role::Read), None));
}

#[test]
fn a_flood_of_heads_does_not_keep_another_device_of_the_owner_from_giving_again() {
    let (mut view, genesis) = View::new(vec![grant(A, Role::Admin), grant(B, Role::Read)]);
    let mut flood = view.part();
    let next = flood.make(&acting(A, genesis), grants(C, Role::Read));
    for at in 1..=100 {
        flood.take(bent(A, &next, |header| {
            let until = Some(Timestamp::from_ms(at));
            header.body = Body::Grant { grants: vec![Grant { until, ..grant(C, Role::Read) }] };
        }));
    }
    // A revocation whose id comes after those of the flood.
    let revoke = view.make(&acting(OWNER, genesis), Body::Revoke { principal: organisation(B), keep: vec![] });
    let last = (0..=u8::MAX).flat_map(|one| (0..16).map(move |other| [one, other])).map(|nonce| {
        bent(OWNER, &revoke, |header| {
            let mut entry = [0; 32];
            entry[..2].copy_from_slice(&nonce);
            let keep = Keep { author: device(B), plane: Plane::Content, entry: EntryId::new(entry) };
            header.body = Body::Revoke { principal: organisation(B), keep: vec![keep] };
        })
    });
    view.take(last.into_iter().find(|entry| entry.id().as_bytes()[0] == 0xff).unwrap());
    view.meet(&mut flood);
    assert_eq!(view.role(B), None);
    let second = Acting { signer: Signer::Device(&CAST.members[OWNER].devices[1]), ..acting(OWNER, genesis) };
    view.take(view.make(&second, grants(B, Role::Write)));
    assert_eq!(view.role(B), Some(Role::Write));
}

#[test]
fn a_flood_of_renunciations_by_a_relay_is_taken_in_passing() {
    // Each costs its author a signature; here each must cost little more than its own check. When the
    // judgement of each asked for all before it, this ran for minutes.
    let (mut view, genesis) = View::new(vec![grant(A, Role::Relay)]);
    let first = view.make(&acting(A, genesis), Body::Revoke { principal: organisation(A), keep: vec![] });
    let mut previous = None;
    for seq in 0..1000 {
        let next = bent(A, &first, |header| (header.seq, header.previous) = (seq, previous));
        previous = Some(view.take(next));
    }
    assert_eq!(view.role(A), None);
}
