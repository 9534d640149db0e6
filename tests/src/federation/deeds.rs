//! What honest organisations do: begin, grant, revoke, write, respond, withdraw and erase, by the rights that they
//! see themselves have.

use super::laws::Laws;
use super::member::{Member, Published};
use super::plan::Plan;
use crate::history::Dice;
use csu_protocol::access::Access;
use csu_protocol::author::{self, Audience};
use csu_protocol::entry::{
    Body, Grant, Openness, Plane, Principal, Reason, Remark, ResponsePayload, RevisionPayload, Role, Signer, Subject, VerifiedEntry,
};
use csu_protocol::id::{DocumentId, EntryId, OrganisationId};
use csu_protocol::limits;
use csu_protocol::sync::{Held, Machine, OpenAccess};
use csu_protocol::time::Timestamp;
use std::collections::BTreeMap;

/// Entries of a long document: more than one message of a round can name.
const LONG: usize = 260;

/// Hardly anybody can tell apart.
fn openly() -> Audience {
    Audience { recipients: Vec::new(), openness: Openness::Anyone }
}

/// One organisation at work.
pub(super) struct Deed<'w> {
    pub(super) member: &'w mut Member,
    pub(super) now: Timestamp,
    pub(super) everybody: &'w [OrganisationId],
    pub(super) dice: &'w mut Dice,
    pub(super) laws: &'w mut Laws,
}

impl Deed<'_> {
    fn access(&self, document: &DocumentId) -> OpenAccess {
        self.member.access(document).expect("it was found before")
    }

    fn publish(&mut self, entry: VerifiedEntry) -> EntryId {
        let (document, plane, seq, what) = (entry.document(), entry.header().plane(), entry.header().seq, entry.header().body.name());
        let machine = self.member.machine.as_mut().expect("it is running");
        let id = machine.publish(self.now, entry, self.member.disk.written());
        let id =
            id.unwrap_or_else(|error| panic!("a law is broken: an honest {what} by member {} was refused: {error}", self.member.number));
        self.member.published.push(Published { document, entry: id, plane, seq });
        id
    }

    fn control(&mut self, document: DocumentId, under: EntryId, body: Body) -> EntryId {
        let entry = author::control(&self.access(&document), &self.member.acting(under), body).expect("it is within bounds");
        self.publish(entry)
    }

    /// A document on which this organisation may act so, and by which entry.
    fn find(&mut self, role: Role, fits: impl Fn(&Access) -> bool) -> Option<(DocumentId, EntryId)> {
        let machine = self.member.machine.as_ref().expect("it is running");
        let standing = |held: &Held| {
            let document = held.document();
            let access = self.access(&document);
            // What was destroyed here by an order that fell is nobody's to write on.
            if held.is_destroyed() && !access.is_erased() {
                return None;
            }
            let under = access.standing_for(&self.member.organisation, role, self.now).filter(|_| fits(&access))?;
            Some((document, under))
        };
        let found: Vec<_> = machine.documents().filter_map(standing).collect();
        // The longest is favoured, so that long documents grow at several ends.
        let longest = found.iter().max_by_key(|(document, _)| self.access(document).len()).copied();
        let any = self.dice.pick(&found).copied();
        if self.dice.chance(30) { longest } else { any }
    }

    fn grants(&mut self, but: &[OrganisationId]) -> Vec<Grant> {
        let mut grants = BTreeMap::new();
        for _ in 0..1 + self.dice.below(3) {
            let organisation = self.everybody[self.dice.below(self.everybody.len())];
            let (subject, role) = if self.dice.chance(8) {
                (Subject::Anyone, Role::Read)
            } else {
                (Subject::Organisation(organisation), Role::ALL[self.dice.below(4)])
            };
            let until = self.dice.chance(15).then(|| self.now.plus_ms(self.dice.below(600_000) as u64));
            if !but.contains(&organisation) {
                grants.insert(subject, Grant { subject, role, until });
            }
        }
        grants.into_values().collect()
    }

    /// Does something. What is not possible is left undone.
    pub(super) fn any(&mut self, plan: &Plan) {
        match self.dice.below(100) {
            0..25 => self.begin(),
            25..45 => self.grant(),
            45..57 => self.revoke(),
            57..60 => self.renounce(),
            60..62 => self.withdraw(),
            62..64 => self.erase(),
            64..67 => self.confirm_erasure(),
            67..70 if plan.long_documents => self.write_much(),
            67..69 if plan.long_entries => self.write_long(),
            67..88 => self.revise(),
            _ => self.respond(),
        }
    }

    pub(super) fn begin(&mut self) {
        let us = self.member.organisation;
        let mut grants = self.grants(&[us]);
        if self.dice.chance(20) {
            grants.clear();
        }
        let mut entropy = self.member.entropy();
        let genesis = author::genesis(us, Signer::Device(&self.member.key), grants, &mut entropy).expect("it is within bounds");
        let (document, under) = (genesis.document(), genesis.id());
        self.laws.begun(document);
        self.publish(genesis);
        for _ in 0..self.dice.below(3) {
            self.write(document, under, 2_000);
        }
    }

    /// Issues what anyone may read: its revision.
    pub(super) fn issue(&mut self) -> EntryId {
        self.issue_long(2_000)
    }

    /// The same, of about so many bytes.
    pub(super) fn issue_long(&mut self, length: usize) -> EntryId {
        let us = self.member.organisation;
        let anyone = Grant { subject: Subject::Anyone, role: Role::Read, until: None };
        let mut entropy = self.member.entropy();
        let genesis = author::genesis(us, Signer::Device(&self.member.key), vec![anyone], &mut entropy).expect("it is within bounds");
        let (document, under) = (genesis.document(), genesis.id());
        self.laws.begun(document);
        self.publish(genesis);
        self.write(document, under, length)
    }

    fn grant(&mut self) {
        // Below the last level nobody may grant.
        let deepest = usize::from(limits::DEPTH) - 2;
        let Some((document, under)) = self.find(Role::Admin, |_| true) else { return };
        let us = Subject::Organisation(self.member.organisation);
        let row = self.access(&document).rows().into_iter().find(|row| row.entry == under && row.who == us);
        if row.is_some_and(|row| row.chain.len() > deepest) {
            return;
        }
        let owner = self.access(&document).owner();
        let mut but = vec![self.member.organisation];
        but.extend(owner);
        let grants = self.grants(&but);
        if !grants.is_empty() {
            self.control(document, under, Body::Grant { grants });
        }
    }

    fn revoke(&mut self) {
        let Some((document, under)) = self.find(Role::Admin, |_| true) else { return };
        let access = self.access(&document);
        let us = self.member.organisation;
        let others = |organisation: &OrganisationId| *organisation != us && access.owner() != Some(*organisation);
        let named: Vec<OrganisationId> = access.named().into_iter().filter(others).collect();
        let anyone = access.anyone_now(self.now).is_some();
        let body = match self.dice.pick(&named) {
            _ if anyone && self.dice.chance(40) => Body::Revoke { principal: Principal::Anyone, keep: Vec::new() },
            Some(organisation) => {
                let keep = self.access(&document).keep_all_of(organisation);
                Body::Revoke { principal: Principal::Organisation(*organisation), keep }
            }
            None => return,
        };
        self.control(document, under, body);
    }

    fn renounce(&mut self) {
        let us = self.member.organisation;
        let Some((document, under)) = self.find(Role::Relay, |access| access.owner() != Some(us)) else { return };
        let keep = self.access(&document).keep_all_of(&us);
        self.control(document, under, Body::Revoke { principal: Principal::Organisation(us), keep });
    }

    fn withdraw(&mut self) {
        let Some((document, under)) = self.find(Role::Admin, |access| access.withdrawal().is_none()) else { return };
        self.control(document, under, Body::Withdraw { reason: Reason::Mistaken });
    }

    fn erase(&mut self) {
        let us = self.member.organisation;
        let Some((document, under)) = self.find(Role::Admin, |access| access.owner() == Some(us) && !access.is_erased()) else { return };
        let id = self.control(document, under, Body::Erase);
        self.laws.erased(document, id);
    }

    fn confirm_erasure(&mut self) {
        let machine = self.member.machine.as_mut().expect("it is running");
        // First destroyed, and another time, perhaps after a crash, confirmed.
        let store = self.member.disk.written();
        let owed = |machine: &Machine, document| machine.owed_receipt(&document, store).expect("memory can be read");
        let owing: Vec<_> = machine.documents().filter_map(|held| owed(machine, held.document())).collect();
        for document in machine.to_destroy().collect::<Vec<_>>() {
            machine.destroy(self.now, &document, store).expect("an Erase counts");
        }
        for owed in owing {
            assert!(self.laws.erasures(&owed.document).contains(&owed.erase), "a law is broken: an Erase counts that no owner signed");
            self.control(owed.document, owed.under, Body::Receipt { erase: owed.erase });
            let machine = self.member.machine.as_ref().expect("it is running");
            let still = machine.owed_receipt(&owed.document, self.member.disk.written()).expect("memory can be read");
            assert_eq!(still, None, "a law is broken: what was confirmed is still to be confirmed");
        }
    }

    fn revise(&mut self) {
        if let Some((document, under)) = self.find(Role::Write, |access| !access.is_erased()) {
            self.write(document, under, 2_000);
        }
    }

    fn respond(&mut self) {
        if let Some((document, under)) = self.find(Role::Read, |access| !access.is_erased()) {
            self.answer(document, under);
        }
    }

    /// Fills a document until it has hundreds of entries.
    fn write_much(&mut self) {
        let Some((document, under)) = self.find(Role::Write, |access| !access.is_erased()) else { return };
        while self.access(&document).entries(Plane::Content).count() < LONG {
            self.answer(document, under);
        }
        self.write(document, under, 2_000);
    }

    /// More than waits for a slow peer.
    fn write_long(&mut self) {
        let Some((document, under)) = self.find(Role::Admin, |access| !access.is_erased()) else { return };
        let owner = self.access(&document).owner();
        let everybody = self.everybody.iter().filter(|id| Some(**id) != owner && **id != self.member.organisation);
        let grants = everybody.map(|id| Grant { subject: Subject::Organisation(*id), role: Role::Read, until: None }).collect();
        self.control(document, under, Body::Grant { grants });
        for _ in 0..9 + self.dice.below(6) {
            self.write(document, under, 1_000_000);
        }
    }

    fn write(&mut self, document: DocumentId, under: EntryId, length: usize) -> EntryId {
        let mut entropy = self.member.entropy();
        let known = self.member.epochs.get(&document).cloned().filter(|(id, _)| self.access(&document).contains(id));
        let (epoch, key) = match known.filter(|_| self.dice.chance(70)) {
            Some(known) => known,
            None => {
                let made = author::key(&self.access(&document), &self.member.acting(under), &openly(), &[], &mut entropy);
                let (entry, key) = made.expect("it is within bounds");
                let epoch = (self.publish(entry), key);
                self.member.epochs.insert(document, epoch.clone());
                epoch
            }
        };
        let deps: Vec<EntryId> = self.access(&document).effective_revisions().into_iter().rev().take(self.dice.below(3)).collect();
        let payload = RevisionPayload { at: self.now, person: None, change: vec![7; length / 2 + self.dice.below(length / 2)] };
        let entry = author::revision(&self.access(&document), &self.member.acting(under), (epoch, &key), deps, &payload, &mut entropy);
        self.publish(entry.expect("it is within bounds"))
    }

    fn answer(&mut self, document: DocumentId, under: EntryId) {
        let text = "x".repeat(self.dice.below(300));
        let payload = ResponsePayload { at: self.now, person: None, remark: Remark::Comment, step: String::new(), text };
        let mut entropy = self.member.entropy();
        let entry = author::response(&self.access(&document), &self.member.acting(under), &openly(), &payload, &mut entropy);
        self.publish(entry.expect("it is within bounds"));
    }
}
