//! Rule 2: soundness, decided once, on an entry's own past.

use super::graph::{Access, Act, Node};
use super::index::{AuthorIx, NodeIx, OrgIx, Standing};
use super::memo::View;
use super::sets::SetId;
use crate::entry::{Author, Body, Grant, Header, Keep, Plane, Principal, Role, Subject, VerifiedEntry};
use crate::id::{EntryId, OrganisationId};
use crate::limits;
use std::collections::{BTreeMap, BTreeSet};

/// An entry that is sound for good: whoever holds its past agrees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoundEntry(VerifiedEntry);

impl SoundEntry {
    /// The entry.
    #[must_use]
    pub const fn entry(&self) -> &VerifiedEntry {
        &self.0
    }

    /// The entry, taken out.
    #[must_use]
    pub fn into_entry(self) -> VerifiedEntry {
        self.0
    }
}

/// What an entry waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Entries it names that are not known.
    pub entries: Vec<EntryId>,
    /// Whether no card says that its device is its organisation's.
    pub card: bool,
}

/// What became of an entry.
#[derive(Debug)]
pub enum Insertion {
    /// It is sound and now counted.
    Sound(SoundEntry),
    /// It was known before.
    Known,
    /// Something of its past is missing: it is returned, to be tried again.
    Pending(VerifiedEntry, Missing),
    /// It breaks a rule, for good. Its author is to blame, and whoever passed it on.
    Unsound(EntryId, Unsound),
}

/// The rule that an entry breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsound {
    /// It belongs to another document.
    #[error("it belongs to another document")]
    OtherDocument,
    /// `previous` is not the entry before it of the same author, organisation and plane.
    #[error("previous is not the author's entry before it in the same plane")]
    Chain,
    /// A control entry names a content entry.
    #[error("a control entry names control entries only")]
    Plane,
    /// `deps`, `epoch`, `under` or `erase` name an entry of another kind.
    #[error("it names an entry of another kind than it should")]
    Kind,
    /// The entry it acts under does not name its organisation.
    #[error("the entry it acts under does not name its organisation")]
    NoStanding,
    /// The role is not enough.
    #[error("the role it acts under does not allow it")]
    Role,
    /// It was already revoked in its own past.
    #[error("its author's right was already revoked by an entry that its author had seen")]
    Revoked,
    /// It grants below the depth allowed.
    #[error("it grants deeper than {} levels below the owner", limits::DEPTH)]
    Depth,
    /// It gives anyone more than Read, or the owner a role at the genesis.
    #[error("anyone can be given Read alone, and the owner needs no first grant")]
    Grants,
    /// It revokes the owner.
    #[error("nobody revokes the owner")]
    RevokesOwner,
    /// It keeps control entries outside its past, or of others.
    #[error("it keeps control entries that are not in its past or not its principal's")]
    Keep,
    /// A root key speaks where its organisation was never named.
    #[error("no genesis or grant in its past names the organisation of its root key")]
    RootUnnamed,
    /// There are more revocations in its past than allowed.
    #[error("its past holds more than {} revocations by admins", limits::PAST_REVOKES)]
    Quota,
}

/// The past of an entry, resolved.
struct Past {
    names: Vec<NodeIx>,
    previous: Option<NodeIx>,
    under: Option<NodeIx>,
    seen: SetId,
}

impl Access {
    /// Judges an entry on its own past and, if sound, counts it. `is_device` says whether a card
    /// is known by which the device may author for the organisation.
    pub fn insert(&mut self, entry: VerifiedEntry, is_device: impl FnOnce(&OrganisationId, &Author) -> bool) -> Insertion {
        let id = entry.id();
        if self.contains(&id) {
            return Insertion::Known;
        }
        let header = entry.header();
        match self.document() {
            Some(document) if document != entry.document() => return Insertion::Unsound(id, Unsound::OtherDocument),
            None if header.document.is_some() => {
                let missing = Missing { entries: vec![entry.document().into()], card: false };
                return Insertion::Pending(entry, missing);
            }
            Some(_) | None => {}
        }
        let missing = Missing {
            entries: header.names().filter(|name| !self.contains(name)).collect::<BTreeSet<_>>().into_iter().collect(),
            card: matches!(header.author, Author::Device(_)) && !is_device(&header.organisation, &header.author),
        };
        if missing.card || !missing.entries.is_empty() {
            return Insertion::Pending(entry, missing);
        }
        match self.judge(id, header) {
            Ok(node) => {
                self.add(node);
                Insertion::Sound(SoundEntry(entry))
            }
            Err(unsound) => Insertion::Unsound(id, unsound),
        }
    }

    fn judge(&mut self, id: EntryId, header: &Header) -> Result<Node, Unsound> {
        let past = self.resolve(header);
        let organisation = self.organisation_ix(header.organisation);
        let author = self.author_ix(header.author);
        let plane = header.plane();
        self.check_names(header, &past, organisation, author)?;
        let standing = past.under.map(|grant| Standing { grant, organisation });
        let depth = self.check_standing(header, standing, &past, author)?;
        let act = self.act(header, &past)?;
        let jump = past.previous.map(|previous| self.jump_from(previous));
        Ok(Node {
            id,
            organisation,
            author,
            under: past.under,
            plane,
            seq: header.seq,
            previous: past.previous,
            jump,
            names: past.names,
            seen: past.seen,
            depth,
            act,
        })
    }

    fn resolve(&mut self, header: &Header) -> Past {
        let known = |id: EntryId| self.index.get(&id).copied();
        let names: BTreeSet<NodeIx> = header.names().filter_map(known).collect();
        let (previous, under) = (header.previous.and_then(known), header.under.and_then(known));
        let mut seen = self.nothing;
        for name in &names {
            let (of_name, number) = match self.node(*name) {
                Node { seen, act: Act::Revoke { number, .. }, .. } => (*seen, Some(*number)),
                Node { seen, .. } => (*seen, None),
            };
            let with_name = match number {
                Some(number) => self.sets.with(of_name, number),
                None => of_name,
            };
            seen = self.sets.union(seen, with_name);
        }
        Past { names: names.into_iter().collect(), previous, under, seen }
    }

    fn check_names(&self, header: &Header, past: &Past, organisation: OrgIx, author: AuthorIx) -> Result<(), Unsound> {
        if let Some(previous) = past.previous {
            let previous = self.node(previous);
            let chained = previous.author == author
                && previous.organisation == organisation
                && previous.plane == header.plane()
                && previous.seq.checked_add(1) == Some(header.seq);
            if !chained {
                return Err(Unsound::Chain);
            }
        }
        if header.plane() == Plane::Control && past.names.iter().any(|name| self.node(*name).plane == Plane::Content) {
            return Err(Unsound::Plane);
        }
        Ok(())
    }

    /// Whether the entry may be, judged on its own past; the depth of the standing it acts under.
    fn check_standing(&self, header: &Header, standing: Option<Standing>, past: &Past, author: AuthorIx) -> Result<u8, Unsound> {
        let Some(standing) = standing else {
            if let Author::Root(root) = header.author {
                self.check_root(&root, &past.names)?;
            }
            return Ok(0);
        };
        if !matches!(self.node(standing.grant).act, Act::Genesis { .. } | Act::Grant { .. }) {
            return Err(Unsound::Kind);
        }
        let role = self.role(standing).ok_or(Unsound::NoStanding)?;
        let renounces =
            matches!(&header.body, Body::Revoke { principal, .. } if *principal == Principal::Organisation(header.organisation));
        let needed = match &header.body {
            Body::Receipt { .. } => Role::Relay,
            Body::Revoke { .. } if renounces => Role::Relay,
            Body::Genesis { .. } | Body::Grant { .. } | Body::Revoke { .. } | Body::Withdraw { .. } | Body::Erase => Role::Admin,
            Body::Key { .. } | Body::Revision { .. } => Role::Write,
            Body::Response { .. } => Role::Read,
        };
        if role < needed || (matches!(header.body, Body::Erase) && !self.is_top(standing)) {
            return Err(Unsound::Role);
        }
        if !matches!(header.body, Body::Receipt { .. }) {
            self.check_authorised(standing, author, past.seen, renounces)?;
        }
        if !self.is_top(standing) && self.sets.common(past.seen, self.by_admins) > limits::PAST_REVOKES {
            return Err(Unsound::Quota);
        }
        Ok(self.depth(standing))
    }

    /// Rule 7 on the entry's own past. No revocation that the entry has in its past can keep it: what
    /// is kept comes before the revocation, or is not yet known to it and names it by no path.
    fn check_authorised(&self, standing: Standing, author: AuthorIx, seen: SetId, renounces: bool) -> Result<(), Unsound> {
        let view = View::Past(seen);
        if !self.authorised_in(standing.grant, view) {
            return Err(Unsound::Revoked);
        }
        // A renunciation does not ask for those before it: a chain of them would ask for all, each time.
        let none = if renounces {
            let above = self.above(standing, view);
            above.is_empty() && self.on_author(standing, author, view, &above).is_empty()
        } else {
            self.bearing(standing, author, view).is_empty()
        };
        if none { Ok(()) } else { Err(Unsound::Revoked) }
    }

    fn depth(&self, standing: Standing) -> u8 {
        if self.is_top(standing) { 0 } else { self.node(standing.grant).depth.saturating_add(1) }
    }

    /// A root key may speak where a genesis or grant in its past names its organisation.
    fn check_root(&self, root: &OrganisationId, names: &[NodeIx]) -> Result<(), Unsound> {
        if self.owner() == Some(*root) {
            return Ok(());
        }
        let named = |ix: NodeIx| self.grant_to(ix, Subject::Organisation(*root)).is_some();
        if self.past_of(names).into_iter().any(named) { Ok(()) } else { Err(Unsound::RootUnnamed) }
    }

    /// The closure of what is named. O(entries); asked for only by root keys and by revocations
    /// that keep control entries.
    fn past_of(&self, names: &[NodeIx]) -> BTreeSet<NodeIx> {
        let mut found: BTreeSet<NodeIx> = BTreeSet::new();
        let mut open: Vec<NodeIx> = names.to_vec();
        while let Some(ix) = open.pop() {
            if found.insert(ix) {
                open.extend(&self.node(ix).names);
            }
        }
        found
    }

    fn act(&self, header: &Header, past: &Past) -> Result<Act, Unsound> {
        match &header.body {
            Body::Genesis { grants, .. } => {
                check_grants(grants)?;
                if grants.iter().any(|grant| grant.subject == Subject::Organisation(header.organisation)) {
                    return Err(Unsound::Grants);
                }
                Ok(Act::Genesis { grants: grants.clone() })
            }
            Body::Grant { grants } => {
                check_grants(grants)?;
                let depth = past.under.map_or(0, |grant| self.depth_of_new_grant(header, grant));
                if depth > limits::DEPTH {
                    return Err(Unsound::Depth);
                }
                Ok(Act::Grant { grants: grants.clone() })
            }
            Body::Revoke { principal, keep } => self.act_revoke(*principal, keep, past),
            Body::Withdraw { reason } => Ok(Act::Withdraw { reason: *reason }),
            Body::Erase => Ok(Act::Erase),
            Body::Receipt { erase } => match self.index.get(erase).map(|erase| &self.node(*erase).act) {
                Some(Act::Erase) => Ok(Act::Receipt),
                Some(_) | None => Err(Unsound::Kind),
            },
            Body::Key { .. } => Ok(Act::Key),
            Body::Revision { epoch, deps } => {
                let epoch = self.index.get(epoch).map(|epoch| &self.node(*epoch).act);
                let deps: Vec<NodeIx> = deps.iter().filter_map(|dep| self.index.get(dep).copied()).collect();
                let revisions = deps.iter().all(|dep| matches!(self.node(*dep).act, Act::Revision { .. }));
                if matches!(epoch, Some(Act::Key)) && revisions { Ok(Act::Revision { deps }) } else { Err(Unsound::Kind) }
            }
            Body::Response { .. } => Ok(Act::Response),
        }
    }

    /// How deep the standings given by a new grant would be.
    fn depth_of_new_grant(&self, header: &Header, under: NodeIx) -> u8 {
        let organisation = self.known_organisation(&header.organisation);
        organisation.map_or(0, |organisation| self.depth(Standing { grant: under, organisation }).saturating_add(1))
    }

    fn act_revoke(&self, principal: Principal, keep: &[Keep], past: &Past) -> Result<Act, Unsound> {
        if let Principal::Organisation(organisation) = principal
            && self.owner() == Some(organisation)
        {
            return Err(Unsound::RevokesOwner);
        }
        if keep.iter().any(|keep| keep.plane == Plane::Control) {
            let known = self.past_of(&past.names);
            let fits = |keep: &Keep| {
                let found = self.index.get(&keep.entry).filter(|kept| known.contains(kept)).map(|kept| self.node(*kept));
                found.is_some_and(|kept| {
                    let theirs = match principal {
                        Principal::Organisation(organisation) => self.organisation(kept.organisation) == organisation,
                        Principal::Device(_) | Principal::Anyone => true,
                    };
                    theirs && kept.plane == Plane::Control && self.author(kept.author) == keep.author
                })
            };
            if !keep.iter().filter(|keep| keep.plane == Plane::Control).all(fits) {
                return Err(Unsound::Keep);
            }
        }
        let keep: BTreeMap<_, _> = keep.iter().map(|keep| ((keep.author, keep.plane), keep.entry)).collect();
        Ok(Act::Revoke { number: self.next_revoke(), principal, keep })
    }

    fn jump_from(&self, previous: NodeIx) -> NodeIx {
        // Skew-binary jump pointers (Myers, 1983).
        let node = self.node(previous);
        let Some(jump) = node.jump else { return previous };
        let far = self.node(jump);
        let near_gap = node.seq.saturating_sub(far.seq);
        let far_gap = far.jump.map(|further| far.seq.saturating_sub(self.node(further).seq));
        match far.jump {
            Some(further) if far_gap == Some(near_gap) => further,
            Some(_) | None => previous,
        }
    }

    fn add(&mut self, node: Node) {
        let ix = self.next_node();
        for name in &node.names {
            let named = self.node(*name);
            let (id, plane) = (named.id, named.plane);
            if plane == node.plane {
                self.heads_mut(plane).remove(&id);
            }
        }
        self.heads_mut(node.plane).insert(node.id);
        let key = (node.author, node.plane, node.seq);
        if let Some(first) = self.chain.get(&key) {
            self.forks.push((*first, ix));
        } else {
            self.chain.insert(key, ix);
        }
        // At a tie of forks the lower id, so that all nodes chain to the same.
        let newer = |tip: &NodeIx| {
            let tip = self.node(*tip);
            (node.seq, std::cmp::Reverse(node.id)) > (tip.seq, std::cmp::Reverse(tip.id))
        };
        if self.tips.get(&(node.author, node.plane)).is_none_or(newer) {
            self.tips.insert((node.author, node.plane), ix);
        }
        match &node.act {
            Act::Genesis { grants } | Act::Grant { grants } => {
                for subject in grants.iter().map(|grant| grant.subject).collect::<Vec<_>>() {
                    self.naming.entry(subject).or_default().push(ix);
                    if let Subject::Organisation(organisation) = subject {
                        self.organisation_ix(organisation);
                    }
                }
            }
            Act::Revoke { number, principal, .. } => {
                let renounces = *principal == Principal::Organisation(self.organisation(node.organisation));
                if node.under.is_some() && !renounces {
                    self.by_admins = self.sets.with(self.by_admins, *number);
                }
                self.revokes_of.entry(*principal).or_default().push(*number);
                self.revokes.push(ix);
                self.memo.get_mut().forget_all_view();
            }
            Act::Withdraw { .. } | Act::Erase | Act::Receipt | Act::Key | Act::Revision { .. } | Act::Response => {}
        }
        self.index.insert(node.id, ix);
        self.nodes.push(node);
    }

    fn heads_mut(&mut self, plane: Plane) -> &mut BTreeSet<EntryId> {
        let [control, content] = &mut self.heads;
        match plane {
            Plane::Control => control,
            Plane::Content => content,
        }
    }
}

fn check_grants(grants: &[Grant]) -> Result<(), Unsound> {
    let too_wide = |grant: &Grant| grant.subject == Subject::Anyone && grant.role != Role::Read;
    if grants.iter().any(too_wide) {
        return Err(Unsound::Grants);
    }
    Ok(())
}
