//! What follows from the rules: who holds what, what counts, and what lies where.

use super::Model;
use super::rules::{Given, grants};
use csu_protocol::access::{Link, Row};
use csu_protocol::entry::{Author, Body, Keep, Plane, Reason, Role, Subject};
use csu_protocol::id::{EntryId, OrganisationId};
use csu_protocol::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

impl Model {
    fn sound_entries(&self, fits: impl Fn(&Body) -> bool) -> BTreeSet<EntryId> {
        self.sound.iter().copied().filter(|id| fits(&self.header(id).body)).collect()
    }

    /// Everything that any sound entry gave.
    #[must_use]
    pub fn given(&self) -> Vec<Given> {
        let of =
            |id: &EntryId| grants(&self.header(id).body).iter().map(|grant| Given { entry: *id, to: grant.subject }).collect::<Vec<_>>();
        self.sound.iter().flat_map(of).collect()
    }

    /// Every role ever given, and what became of it. What ended it is ascending.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        self.given().into_iter().map(|given| self.row(given)).collect()
    }

    fn row(&self, given: Given) -> Row {
        let rules = self.now();
        let top = rules.top();
        // What lies between the top and this, this first.
        let mut steps = vec![given];
        steps.extend(rules.ancestors(given).into_iter().filter(|above| *above != top));
        let link = |step: &Given| {
            let by = self.header(&step.entry).organisation;
            rules.grant(*step).map(|grant| Link { entry: step.entry, by, role: grant.role })
        };
        Row {
            who: given.to,
            role: rules.grant(given).expect("given").role,
            entry: given.entry,
            // Who gives for a time cannot give for longer: the earliest end of all.
            until: steps.iter().filter_map(|step| rules.grant(*step)?.until).min(),
            authorised: rules.is_authorised(&given.entry),
            ended_by: rules.ended_by(given).into_iter().collect(),
            chain: steps.iter().rev().filter_map(link).collect(),
        }
    }

    /// The roles held at `now`: given by an entry that counts, not taken, not over.
    fn live(&self, rows: &[Row], now: Timestamp) -> Vec<Row> {
        rows.iter().filter(|row| row.authorised && row.ended_by.is_empty() && row.until.is_none_or(|until| now < until)).cloned().collect()
    }

    /// What may be asked about a moment.
    #[must_use]
    pub fn at(&self, rows: &[Row], now: Timestamp) -> Moment {
        let owner = self.owner();
        let mut moment = Moment { owner, ..Moment::default() };
        for row in self.live(rows, now) {
            let role = Some(row.role);
            match row.who {
                Subject::Anyone => moment.anyone = moment.anyone.max(role),
                Subject::Organisation(id) => {
                    let held = moment.own.entry(id).or_default();
                    *held = (*held).max(role);
                    moment.live.push((id, row.role, row.chain.len(), row.entry));
                }
            }
        }
        moment
    }

    /// The organisations that sound entries name, the owner among them.
    #[must_use]
    pub fn named(&self) -> BTreeSet<OrganisationId> {
        let named = self.given().into_iter().filter_map(|given| match given.to {
            Subject::Anyone => None,
            Subject::Organisation(id) => Some(id),
        });
        named.chain(self.owner()).collect()
    }

    /// Whether an organisation may hold the control plane: it was named once, or anyone was.
    #[must_use]
    pub fn was_ever_named(&self, organisation: &OrganisationId) -> bool {
        self.named().contains(organisation) || self.given().iter().any(|given| given.to == Subject::Anyone)
    }

    /// The authorised entries of a kind.
    fn that_count(&self, fits: impl Fn(&Body) -> bool) -> BTreeSet<EntryId> {
        let rules = self.now();
        self.sound_entries(fits).into_iter().filter(|id| rules.is_authorised(id)).collect()
    }

    /// The responses that count.
    #[must_use]
    pub fn effective_responses(&self) -> BTreeSet<EntryId> {
        self.that_count(|body| matches!(body, Body::Response { .. }))
    }

    /// The keys that count.
    #[must_use]
    pub fn authorised_keys(&self) -> BTreeSet<EntryId> {
        self.that_count(|body| matches!(body, Body::Key { .. }))
    }

    /// Of the withdrawals that count the one with the lowest id.
    #[must_use]
    pub fn withdrawal(&self) -> Option<EntryId> {
        self.that_count(|body| matches!(body, Body::Withdraw { .. })).first().copied()
    }

    /// Whether an order to erase counts.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        !self.that_count(|body| matches!(body, Body::Erase)).is_empty()
    }

    /// Of the orders to erase that count the one with the lowest id, with the reason of the withdrawal just before it.
    #[must_use]
    pub fn erasure(&self) -> Option<(EntryId, Option<Reason>)> {
        let erase = *self.that_count(|body| matches!(body, Body::Erase)).first()?;
        let previous = self.header(&erase).previous.map(|previous| &self.header(&previous).body);
        let why = if let Some(Body::Withdraw { reason }) = previous { Some(*reason) } else { None };
        Some((erase, why))
    }

    /// Who says that an order to erase that counts was obeyed, by which entry.
    #[must_use]
    pub fn obeyed(&self) -> BTreeSet<(EntryId, OrganisationId)> {
        let erases = self.that_count(|body| matches!(body, Body::Erase));
        let receipts = self.sound_entries(|body| if let Body::Receipt { erase } = body { erases.contains(erase) } else { false });
        receipts.into_iter().map(|id| (id, self.header(&id).organisation)).collect()
    }

    /// By what an organisation signs a receipt: by whatever ever named it, nearest to the owner.
    #[must_use]
    pub fn standing_for_receipt(&self, organisation: &OrganisationId) -> Option<EntryId> {
        if self.header(&self.genesis()).organisation == *organisation {
            return Some(self.genesis());
        }
        let rows = self.rows().into_iter().filter(|row| row.who == Subject::Organisation(*organisation));
        rows.map(|row| (row.chain.len(), row.entry)).min().map(|(_, entry)| entry)
    }

    /// What no sound entry of the plane names.
    #[must_use]
    pub fn heads(&self, plane: Plane) -> BTreeSet<EntryId> {
        let of_plane: BTreeSet<EntryId> = self.sound_entries(|body| body.plane() == plane);
        let named: BTreeSet<EntryId> = of_plane.iter().flat_map(|id| self.header(id).names()).collect();
        of_plane.difference(&named).copied().collect()
    }

    fn chains(&self) -> BTreeMap<(Author, Plane, u64), BTreeSet<EntryId>> {
        let mut chains: BTreeMap<_, BTreeSet<EntryId>> = BTreeMap::new();
        for id in &self.sound {
            let header = self.header(id);
            chains.entry((header.author, header.plane(), header.seq)).or_default().insert(*id);
        }
        chains
    }

    /// The entries with which an author contradicts itself, by author, plane and seq.
    #[must_use]
    pub fn forks(&self) -> BTreeSet<BTreeSet<EntryId>> {
        self.chains().into_values().filter(|same| same.len() > 1).collect()
    }

    /// Of each author in each plane the entry of highest seq; of forks the one with the lowest id.
    #[must_use]
    pub fn tips(&self) -> BTreeMap<(Author, Plane), (EntryId, u64)> {
        let mut tips = BTreeMap::new();
        for ((author, plane, seq), same) in self.chains() {
            // Ascending by seq, so that the last stays.
            if let Some(first) = same.first() {
                tips.insert((author, plane), (*first, seq));
            }
        }
        tips
    }

    /// The newest entries of an organisation, ascending by author and plane.
    #[must_use]
    pub fn keep_all_of(&self, organisation: &OrganisationId) -> Vec<Keep> {
        let theirs = self.tips().into_iter().filter(|(_, (entry, _))| self.header(entry).organisation == *organisation);
        theirs.map(|((author, plane), (entry, _))| Keep { author, plane, entry }).collect()
    }
}

/// Who may what at one moment.
#[derive(Debug, Default)]
pub struct Moment {
    owner: Option<OrganisationId>,
    /// What anyone may.
    pub anyone: Option<Role>,
    own: BTreeMap<OrganisationId, Option<Role>>,
    /// Whom, which role, how far below the owner, by which entry.
    live: Vec<(OrganisationId, Role, usize, EntryId)>,
}

impl Moment {
    /// What an organisation may: the owner everything, others the highest of their own roles and anyone's.
    #[must_use]
    pub fn role(&self, organisation: &OrganisationId) -> Option<Role> {
        if self.owner == Some(*organisation) {
            return Some(Role::Admin);
        }
        self.own.get(organisation).copied().flatten().max(self.anyone)
    }

    /// Who may read by a role of its own, and the owner.
    #[must_use]
    pub fn readers(&self) -> BTreeSet<OrganisationId> {
        let may_read = self.own.iter().filter(|(_, role)| **role >= Some(Role::Read)).map(|(id, _)| *id);
        may_read.chain(self.owner).collect()
    }

    /// The right nearest to the owner that allows `role`; of several the lowest id.
    #[must_use]
    pub fn standing_for(&self, organisation: &OrganisationId, role: Role, genesis: EntryId) -> Option<EntryId> {
        if self.owner == Some(*organisation) {
            return Some(genesis);
        }
        let fits = self.live.iter().filter(|(id, held, ..)| id == organisation && *held >= role);
        fits.map(|(.., depth, entry)| (*depth, *entry)).min().map(|(_, entry)| entry)
    }
}
