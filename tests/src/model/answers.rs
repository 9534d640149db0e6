//! Everything that can be asked, from the model and from the fast function, to be compared.

use super::Model;
use crate::history::Cast;
use csu_protocol::access::{Access, Row};
use csu_protocol::entry::{Author, Keep, Plane, Reason, Role, Subject};
use csu_protocol::id::{EntryId, OrganisationId};
use csu_protocol::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// When questions about a moment are asked: before, among and after the ends of grants.
pub type Moments = [Timestamp; 3];

/// Everything that can be asked of a document, without the order in which it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Answers {
    /// What is sound, and whether it counts.
    pub authorised: BTreeMap<EntryId, bool>,
    /// The revisions that the content is made of.
    pub effective: BTreeSet<EntryId>,
    /// The responses that count.
    pub responses: BTreeSet<EntryId>,
    /// The keys that count.
    pub keys: BTreeSet<EntryId>,
    /// Every role ever given. What ended it is ascending.
    pub rows: BTreeMap<(EntryId, Subject), Row>,
    /// What each organisation may at each moment.
    pub roles: BTreeMap<(OrganisationId, Timestamp), Option<Role>>,
    /// What anyone may at each moment.
    pub anyone: Vec<Option<Role>>,
    /// Who may read at each moment.
    pub readers: Vec<BTreeSet<OrganisationId>>,
    /// Who may hold which plane at each moment.
    pub may_hold: BTreeMap<(OrganisationId, Plane, Timestamp), bool>,
    /// By what each organisation would act in each role at each moment.
    pub standings: BTreeMap<(OrganisationId, Role, Timestamp), Option<EntryId>>,
    /// Who was ever named.
    pub named: BTreeSet<OrganisationId>,
    /// The heads of each plane.
    pub heads: Vec<BTreeSet<EntryId>>,
    /// The newest entry of each author in each plane.
    pub tips: BTreeMap<(Author, Plane), (EntryId, u64)>,
    /// What would be kept of each organisation.
    pub keeps: BTreeMap<OrganisationId, Vec<Keep>>,
    /// Entries with which an author contradicts itself, by author, plane and seq.
    pub forks: BTreeSet<BTreeSet<EntryId>>,
    /// The withdrawal that counts.
    pub withdrawal: Option<EntryId>,
    /// Whether the content is erased.
    pub erased: bool,
    /// The order to erase that is shown, and why.
    pub erasure: Option<(EntryId, Option<Reason>)>,
    /// Who says that it was obeyed.
    pub obeyed: BTreeSet<(EntryId, OrganisationId)>,
    /// By what each organisation signs a receipt.
    pub receipts: BTreeMap<OrganisationId, Option<EntryId>>,
}

/// Gathers what the fast function and the model answer alike.
macro_rules! each {
    ($ids:expr, $moments:expr, |$id:ident, $now:ident| $answer:expr) => {
        $ids.iter().flat_map(|$id| $moments.iter().map(move |$now| (($id.clone(), *$now), $answer))).collect()
    };
}

impl Answers {
    /// What the fast function answers.
    #[must_use]
    pub fn of_access(access: &Access, cast: &Cast, moments: Moments) -> Self {
        let ids: Vec<OrganisationId> = cast.members.iter().map(|member| member.id).collect();
        let row = |mut row: Row| {
            row.ended_by.sort();
            ((row.entry, row.who), row)
        };
        let tip = |author: Author, plane: Plane| access.tip(&author, plane).map(|tip| ((author, plane), tip));
        let with_plane: Vec<(OrganisationId, Plane)> = ids.iter().flat_map(|id| Plane::ALL.map(|plane| (*id, plane))).collect();
        let with_role: Vec<(OrganisationId, Role)> = ids.iter().flat_map(|id| Role::ALL.map(|role| (*id, role))).collect();
        let may_hold: BTreeMap<_, bool> = each!(with_plane, moments, |to, now| access.may_hold(&to.0, to.1, *now));
        let standings: BTreeMap<_, _> = each!(with_role, moments, |to, now| access.standing_for(&to.0, to.1, *now));
        Self {
            authorised: Plane::ALL.into_iter().flat_map(|plane| access.entries(plane)).map(|id| (id, access.is_authorised(&id))).collect(),
            effective: access.effective_revisions().into_iter().collect(),
            responses: access.effective_responses().into_iter().collect(),
            keys: access.authorised_keys().into_iter().collect(),
            rows: access.rows().into_iter().map(row).collect(),
            roles: each!(ids, moments, |id, now| access.role_now(id, *now)),
            anyone: moments.iter().map(|now| access.anyone_now(*now)).collect(),
            readers: moments.iter().map(|now| access.readers(*now)).collect(),
            may_hold: may_hold.into_iter().map(|(((id, plane), now), may)| ((id, plane, now), may)).collect(),
            standings: standings.into_iter().map(|(((id, role), now), standing)| ((id, role, now), standing)).collect(),
            named: access.named(),
            heads: Plane::ALL.map(|plane| access.heads(plane).collect()).into(),
            tips: cast.authors().flat_map(|author| Plane::ALL.map(|plane| tip(author, plane))).flatten().collect(),
            keeps: ids.iter().map(|id| (*id, access.keep_all_of(id))).collect(),
            forks: groups(access.forks()),
            withdrawal: access.withdrawal().map(|(id, ..)| id),
            erased: access.is_erased(),
            erasure: access.erasure().map(|erasure| (erasure.entry, erasure.why)),
            obeyed: access.obeyed().into_iter().map(|obeyed| (obeyed.entry, obeyed.by)).collect(),
            receipts: ids.iter().map(|id| (*id, access.standing_for_receipt(id))).collect(),
        }
    }

    /// What the model answers.
    #[must_use]
    pub fn of_model(model: &Model, cast: &Cast, moments: Moments) -> Self {
        let ids: Vec<OrganisationId> = cast.members.iter().map(|member| member.id).collect();
        let rules = model.now();
        let rows = model.rows();
        let at = moments.map(|now| (now, model.at(&rows, now)));
        let genesis = model.genesis();
        let everybody = || ids.iter().flat_map(|id| at.iter().map(move |(now, moment)| (*id, *now, moment)));
        Self {
            authorised: model.sound().iter().map(|id| (*id, rules.is_authorised(id))).collect(),
            effective: rules.effective_revisions(),
            responses: model.effective_responses(),
            keys: model.authorised_keys(),
            roles: everybody().map(|(id, now, moment)| ((id, now), moment.role(&id))).collect(),
            anyone: at.iter().map(|(_, moment)| moment.anyone).collect(),
            readers: at.iter().map(|(_, moment)| moment.readers()).collect(),
            may_hold: everybody()
                .flat_map(|(id, now, moment)| {
                    let content = moment.role(&id).is_some();
                    [((id, Plane::Control, now), model.was_ever_named(&id)), ((id, Plane::Content, now), content)]
                })
                .collect(),
            standings: everybody()
                .flat_map(|(id, now, moment)| Role::ALL.map(|role| ((id, role, now), moment.standing_for(&id, role, genesis))))
                .collect(),
            rows: rows.into_iter().map(|row| ((row.entry, row.who), row)).collect(),
            named: model.named(),
            heads: Plane::ALL.map(|plane| model.heads(plane)).into(),
            tips: model.tips(),
            keeps: ids.iter().map(|id| (*id, model.keep_all_of(id))).collect(),
            forks: model.forks(),
            withdrawal: model.withdrawal(),
            erased: model.is_erased(),
            erasure: model.erasure(),
            obeyed: model.obeyed(),
            receipts: ids.iter().map(|id| (*id, model.standing_for_receipt(id))).collect(),
        }
    }

    /// What differs, by the name of the question; none if nothing does.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        macro_rules! compare {
            ($($question:ident),*) => {
                $(if self.$question != other.$question {
                    return Some(format!("{}: {:#?}\nand\n{:#?}", stringify!($question), self.$question, other.$question));
                })*
            };
        }
        compare!(authorised, effective, responses, keys, rows, roles, anyone, readers, may_hold, standings, named, heads);
        compare!(tips, keeps, forks, withdrawal, erased, erasure, obeyed, receipts);
        None
    }
}

/// Pairs that share an entry, put together.
fn groups(pairs: impl Iterator<Item = (EntryId, EntryId)>) -> BTreeSet<BTreeSet<EntryId>> {
    let mut groups: Vec<BTreeSet<EntryId>> = Vec::new();
    for (one, other) in pairs {
        let mut group = BTreeSet::from([one, other]);
        groups.retain(|known| {
            let apart = known.is_disjoint(&group);
            if !apart {
                group.extend(known);
            }
            apart
        });
        groups.push(group);
    }
    groups.into_iter().collect()
}
