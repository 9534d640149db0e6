//! What a revocation is said to take is what it takes.

use super::*;
use crate::desk::{PassedOn, RevocationEffect, RevocationRequest};
use csu_protocol::entry::{Plane, Remark, ResponsePayload};
use csu_protocol::reading;
use std::collections::BTreeMap;

const HISTORIES: u64 = 500;

pub(super) struct Dice(pub(super) Entropy);

impl Dice {
    pub(super) fn of(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self(Entropy::from_seed(bytes))
    }

    pub(super) fn below(&mut self, most: usize) -> usize {
        usize::from(u16::from_le_bytes(self.0.bytes())) % most
    }
}

/// Everybody who has to do with a document: this node, those whose keys the test has, and one whose name alone is known.
pub(super) struct Cast {
    pub(super) actors: Vec<(OrganisationId, DeviceKey)>,
    pub(super) stranger: OrganisationId,
}

impl Cast {
    fn subject(&self, dice: &mut Dice) -> Subject {
        match dice.below(self.actors.len() + 2) {
            at if at < self.actors.len() => Subject::Organisation(self.actors[at].0),
            at if at == self.actors.len() => Subject::Organisation(self.stranger),
            _ => Subject::Anyone,
        }
    }
}

/// One random act by somebody, perhaps on a view that it has outgrown. Whatever breaks a rule is refused and does nothing.
pub(super) fn act(office: &mut Office, cast: &Cast, document: DocumentId, old: &mut csu_protocol::access::Access, dice: &mut Dice) {
    let (who, key) = &cast.actors[dice.below(cast.actors.len())];
    let signer = if *who == office.machine.organisation() { Signer::Device(office.keys.device()) } else { Signer::Device(key) };
    let access = office.access_of(&document).unwrap();
    let role = [Role::Relay, Role::Read, Role::Write, Role::Admin, Role::Admin][dice.below(5)];
    let subject = cast.subject(dice);
    let choice = dice.below(12);
    let wanted = if choice < 8 { Role::Admin } else { Role::Read };
    let Some(under) = access.standing_for(who, wanted, now()) else { return };
    let acting = Acting { organisation: *who, signer, under: Some(under) };
    let until = (dice.below(4) == 0).then(|| now().plus_ms(3_600_000));
    let role = if subject == Subject::Anyone { Role::Read } else { role };
    let grant = Body::Grant { grants: vec![Grant { subject, role, until }] };
    let entry = match (choice, subject) {
        // On an old view this contradicts what the same author has said since.
        (0, _) if old.contains(&under) => author::control(old, &acting, grant).unwrap(),
        (0..=5, _) => author::control(&access, &acting, grant).unwrap(),
        (6 | 7, Subject::Organisation(id)) => {
            let keep = if dice.below(2) == 0 { access.keep_all_of(&id) } else { Vec::new() };
            let view = if dice.below(3) == 0 && old.contains(&under) && keep.is_empty() { &*old } else { &*access };
            author::control(view, &acting, Body::Revoke { principal: Principal::Organisation(id), keep }).unwrap()
        }
        (6 | 7, Subject::Anyone) => return,
        _ => {
            let audience = reading::audience(&access, office.machine.directory(), now());
            let audience = csu_protocol::author::Audience { openness: csu_protocol::entry::Openness::Recipients, ..audience };
            let payload =
                ResponsePayload { at: now(), person: None, remark: Remark::Comment, step: String::new(), text: "Seen.".to_owned() };
            author::response(&access, &acting, &audience, &payload, &mut dice.0).unwrap()
        }
    };
    if dice.below(3) == 0 {
        *old = csu_protocol::access::Access::clone(&access);
    }
    office.publish(entry).ok();
}

/// The highest role that each subject has by name, found without the code under test.
fn named_roles(office: &Office, document: &DocumentId) -> BTreeMap<Subject, Role> {
    let mut roles = BTreeMap::new();
    for row in office.access_of(document).unwrap().rows() {
        if row.authorised && row.ended_by.is_empty() && row.until.is_none_or(|until| now() < until) {
            let role = roles.entry(row.who).or_insert(row.role);
            *role = row.role.max(*role);
        }
    }
    roles
}

fn subject_of(party: &crate::desk::Party) -> Subject {
    match party {
        crate::desk::Party::Anyone => Subject::Anyone,
        crate::desk::Party::Organisation(organisation) => Subject::Organisation(organisation.id),
    }
}

/// The roles that there are after what a preview says.
fn foretold(mut roles: BTreeMap<Subject, Role>, effect: &RevocationEffect) -> BTreeMap<Subject, Role> {
    for loss in &effect.losses {
        assert_eq!(roles.remove(&subject_of(&loss.who)), Some(loss.had));
        roles.extend(loss.keeps.map(|keeps| (subject_of(&loss.who), keeps)));
    }
    for gain in &effect.gains {
        roles.insert(subject_of(&gain.who), gain.role);
    }
    roles
}

#[test]
fn what_a_preview_shows_is_what_the_revocation_then_does() {
    let (_folder, mut office, others) = office_that_knows(&["Police", "Council", "Hill"]);
    let us = office.machine.organisation();
    let mut actors: Vec<(OrganisationId, DeviceKey)> =
        (3..).zip(&others).map(|(byte, id)| (*id, DeviceKey::from_seed(&[byte; 32]))).collect();
    actors.push((us, DeviceKey::from_seed(&[1; 32])));
    let cast = Cast { actors, stranger: OrganisationId::new([9; 32]) };
    let (mut done, mut refused, mut more, mut fallen, mut kept) = (0, 0, 0, 0, 0);
    for seed in 0..HISTORIES {
        let mut dice = Dice::of(seed);
        // Some documents are another's, on which we are an admin.
        let owner = dice.below(4);
        let (id, key) = &cast.actors[if owner == 0 { 0 } else { cast.actors.len() - 1 }];
        let signer = if owner == 0 { Signer::Device(key) } else { Signer::Device(office.keys.device()) };
        let first =
            if owner == 0 { vec![given(us, Role::Admin), given(others[1], Role::Admin)] } else { vec![given(others[0], Role::Admin)] };
        let genesis = author::genesis(*id, signer, first, &mut dice.0).unwrap();
        let document = genesis.document();
        office.publish(genesis).unwrap();
        let mut old = csu_protocol::access::Access::clone(&office.access_of(&document).unwrap());
        for _ in 0..6 + dice.below(20) {
            act(&mut office, &cast, document, &mut old, &mut dice);
        }
        office.settle().unwrap();
        // Mostly of somebody who has something.
        let has: Vec<Subject> = named_roles(&office, &document).into_keys().collect();
        let subject = if dice.below(5) == 0 || has.is_empty() { cast.subject(&mut dice) } else { has[dice.below(has.len())] };
        let who = match subject {
            Subject::Anyone => "anyone".to_owned(),
            Subject::Organisation(id) if id == cast.stranger => continue,
            Subject::Organisation(id) => id.to_string(),
        };
        let passed_on = if dice.below(2) == 0 { PassedOn::Stay } else { PassedOn::Fall };
        let request = RevocationRequest { who, passed_on };
        let actor = Actor::default();
        let (before, version) = (named_roles(&office, &document), office.access_of(&document).unwrap().version(Plane::Control));
        let responses = office.access_of(&document).unwrap().effective_responses();
        let preview = office.preview_revocation(&actor, &document.to_string(), request.clone());
        office.settle().unwrap();
        assert_eq!(office.access_of(&document).unwrap().version(Plane::Control), version, "seed {seed}: the preview did something");
        let outcome = office.revoke(&actor, &document.to_string(), request);
        let effect = match (preview, outcome) {
            (Ok(effect), Ok(outcome)) => {
                assert_eq!(effect, outcome.effect, "seed {seed}");
                effect
            }
            (Err(problem), Err(same)) => {
                assert_eq!(problem, same, "seed {seed}");
                refused += 1;
                continue;
            }
            (preview, outcome) => panic!("seed {seed}: {preview:?} and {outcome:?}"),
        };
        office.settle().unwrap();
        // What the evicted had taken from others stays taken, but for what it had taken from us: that we can only get back.
        let given_back = effect.gains.iter().any(|gain| subject_of(&gain.who) != Subject::Organisation(us));
        assert!(!given_back, "seed {seed}: {:?}", effect.gains);
        assert_eq!(foretold(before, &effect), named_roles(&office, &document), "seed {seed}");
        let after = office.access_of(&document).unwrap().effective_responses();
        let gone: Vec<_> = responses.into_iter().filter(|id| !after.contains(id)).collect();
        let mut told: Vec<_> = effect.entries.iter().map(|fallen| fallen.entry).collect();
        assert!(gone.iter().all(|id| told.contains(id)), "seed {seed}");
        told.retain(|id| !gone.contains(id));
        assert!(told.is_empty(), "seed {seed}: {told:?} still count");
        done += 1;
        more += u32::from(effect.losses.len() > 1);
        fallen += u32::from(!effect.entries.is_empty());
        kept += u32::from(effect.losses.iter().any(|loss| loss.keeps.is_some()));
    }
    // A law that is never tried holds always.
    assert!(done > 200 && refused > 50 && more > 30 && fallen > 10, "{done} {refused} {more} {fallen} {kept}");
    println!("{done} done, {refused} refused, {more} with others falling, {fallen} with content, {kept} with a lower role kept");
}

/// A document of ours on which the police, an admin, has given the council a role, and both have said
/// something.
fn passed_on(office: &mut Office, police: OrganisationId, council: OrganisationId) -> DocumentId {
    let own = Signer::Device(office.keys.device());
    let us = office.machine.organisation();
    let genesis = author::genesis(us, own, vec![given(police, Role::Admin)], &mut Entropy::from_seed([7; 32])).unwrap();
    let document = genesis.document();
    publish(office, vec![genesis]);
    let (key, other) = (DeviceKey::from_seed(&[3; 32]), DeviceKey::from_seed(&[4; 32]));
    let acting = Acting { organisation: police, signer: Signer::Device(&key), under: Some(document.into()) };
    let grants = Body::Grant { grants: vec![given(council, Role::Write)] };
    let granted = author::control(&office.access_of(&document).unwrap(), &acting, grants).unwrap();
    let under = granted.id();
    publish(office, vec![granted]);
    for (organisation, signer, under) in [(council, &other, under), (police, &key, document.into())] {
        let access = office.access_of(&document).unwrap();
        let audience = reading::audience(&access, office.machine.directory(), now());
        let acting = Acting { organisation, signer: Signer::Device(signer), under: Some(under) };
        let payload = ResponsePayload { at: now(), person: None, remark: Remark::Comment, step: String::new(), text: "Seen.".to_owned() };
        let said = author::response(&access, &acting, &audience, &payload, &mut Entropy::from_seed([8; 32])).unwrap();
        publish(office, vec![said]);
    }
    document
}

#[test]
fn what_was_passed_on_stays_or_falls_as_is_asked_and_the_preview_says_which() {
    for passed in [PassedOn::Stay, PassedOn::Fall] {
        let (_folder, mut office, [police, council]) = office();
        let document = passed_on(&mut office, police, council);
        let request = RevocationRequest { who: "Police".to_owned(), passed_on: passed };
        let effect = office.preview_revocation(&Actor::default(), &document.to_string(), request.clone()).unwrap();
        let losers: Vec<Subject> = effect.losses.iter().map(|loss| subject_of(&loss.who)).collect();
        assert!(losers.contains(&Subject::Organisation(police)));
        assert_eq!(losers.contains(&Subject::Organisation(council)), passed == PassedOn::Fall);
        // What the police said itself was said in good faith, whatever becomes of what it passed on.
        let fallen: Vec<OrganisationId> = effect.entries.iter().map(|entry| entry.by.id).collect();
        assert_eq!(fallen, if passed == PassedOn::Fall { vec![council] } else { Vec::new() });
        assert!(effect.losses.iter().all(|loss| loss.holds.iter().any(|what| what.contains("received"))));
        let outcome = office.revoke(&Actor::default(), &document.to_string(), request).unwrap();
        assert_eq!(outcome.effect, effect);
        let stays: Vec<(Subject, Role, OrganisationId)> =
            effect.stays.iter().map(|stays| (subject_of(&stays.who), stays.role, stays.by.id)).collect();
        let kept = (Subject::Organisation(council), Role::Write, police);
        assert_eq!(stays, if passed == PassedOn::Stay { vec![kept] } else { Vec::new() });
        let role = office.access_of(&document).unwrap().role_now(&council, now());
        assert_eq!(role, (passed == PassedOn::Stay).then_some(Role::Write));
    }
}
