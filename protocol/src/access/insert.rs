//! Rule 2: soundness, decided once, on an entry's own past.

use super::chain::Cut;
use super::graph::{Access, Act, Control, Node, Renounces};
use super::index::{AuthorIx, ControlIx, NodeIx, OrgIx, Standing};
use super::memo::{Span, View};
use crate::entry::{Author, Body, Grant, Header, Keep, Plane, Principal, Remains, Role, Subject, VerifiedEntry};
use crate::id::{EntryId, OrganisationId};
use crate::limits;
use crate::sets::SetId;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

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
    #[error("its past holds more than {} revocations by those above its author", limits::PAST_REVOKES)]
    Quota,
}

/// What became of a header.
enum Entered {
    Sound,
    Known,
    Pending(Missing),
    Unsound(Unsound),
}

/// The past of an entry, resolved.
struct Past {
    names: Vec<NodeIx>,
    previous: Option<NodeIx>,
    under: Option<NodeIx>,
    seen: SetId,
    /// The control entries in it, if the entry is one itself.
    controls: SetId,
}

/// An entry that is sound and not yet counted.
struct Judged {
    node: Node,
    act: Act,
    names: Vec<NodeIx>,
    /// The control entries in its past, if it is one itself.
    controls: SetId,
}

impl Access {
    /// Judges an entry on its own past and, if sound, counts it. `is_device` says whether a card
    /// is known by which the device may author for the organisation.
    pub fn insert(&mut self, entry: VerifiedEntry, is_device: impl FnOnce(&OrganisationId, &Author) -> bool) -> Insertion {
        match self.enter(entry.id(), entry.header(), is_device) {
            Entered::Sound => Insertion::Sound(SoundEntry(entry)),
            Entered::Known => Insertion::Known,
            Entered::Pending(missing) => Insertion::Pending(entry, missing),
            Entered::Unsound(unsound) => Insertion::Unsound(entry.id(), unsound),
        }
    }

    /// Counts what is left of an entry whose parts were destroyed here, as it was counted before; whether it is sound, as
    /// it was then. What a verdict is made of is in headers.
    pub fn restore(&mut self, remains: &Remains, is_device: impl FnOnce(&OrganisationId, &Author) -> bool) -> bool {
        matches!(self.enter(remains.id(), remains.header(), is_device), Entered::Sound | Entered::Known)
    }

    fn enter(&mut self, id: EntryId, header: &Header, is_device: impl FnOnce(&OrganisationId, &Author) -> bool) -> Entered {
        if self.contains(&id) {
            return Entered::Known;
        }
        match (self.document(), header.document) {
            (Some(document), of) if document != of.unwrap_or_else(|| id.into()) => return Entered::Unsound(Unsound::OtherDocument),
            (None, Some(document)) => return Entered::Pending(Missing { entries: vec![document.into()], card: false }),
            (Some(_) | None, _) => {}
        }
        let (names, missing) = self.resolve(header);
        let missing = Missing {
            entries: missing.into_iter().collect(),
            card: matches!(header.author, Author::Device(_)) && !is_device(&header.organisation, &header.author),
        };
        if missing.card || !missing.entries.is_empty() {
            return Entered::Pending(missing);
        }
        match self.judge(id, header, names) {
            Ok(judged) => {
                self.add(judged, &header.body);
                Entered::Sound
            }
            Err(unsound) => Entered::Unsound(unsound),
        }
    }

    /// What is named and known, each once, and what is not known.
    fn resolve(&self, header: &Header) -> (Vec<NodeIx>, BTreeSet<EntryId>) {
        let (mut names, mut missing) = (Vec::new(), BTreeSet::new());
        for name in header.names() {
            match self.find(&name) {
                Some(ix) => names.push(ix),
                None => {
                    missing.insert(name);
                }
            }
        }
        names.sort_unstable();
        names.dedup();
        (names, missing)
    }

    fn judge(&mut self, id: EntryId, header: &Header, names: Vec<NodeIx>) -> Result<Judged, Unsound> {
        let past = self.past(header, names);
        // Mostly those of the entry before, which is nearer at hand than they are.
        let known = past.previous.map(|previous| (self.node(previous).organisation, self.node(previous).author));
        let known = known.filter(|(of, by)| (self.organisation(*of), self.author(*by)) == (header.organisation, header.author));
        let (organisation, author) = known.unwrap_or_else(|| (self.organisation_ix(header.organisation), self.author_ix(header.author)));
        self.check_names(header, &past, organisation, author)?;
        let standing = past.under.map(|grant| Standing { grant, organisation });
        let depth = self.check_standing(header, standing, &past, author)?;
        let act = self.check_act(header, &past, depth)?;
        let seq = past.previous.map_or(0, |previous| self.node(previous).seq.saturating_add(1));
        let jump = past.previous.map(|previous| self.jump_from(previous, seq));
        let control = (header.plane() == Plane::Control).then(|| self.next_control());
        let Past { names, previous, under, seen, controls } = past;
        Ok(Judged { node: Node { id, organisation, author, under, seq, previous, jump, seen, control }, act, names, controls })
    }

    fn past(&mut self, header: &Header, names: Vec<NodeIx>) -> Past {
        // Where a name was found, it is not looked for again.
        let known = |id: EntryId| names.iter().copied().find(|name| self.node(*name).id == id);
        let (previous, under) = (header.previous.and_then(known), header.under.and_then(known));
        let mut seen: Vec<SetId> = Vec::with_capacity(names.len());
        let mut revokes = Vec::new();
        for name in &names {
            let node = self.node(*name);
            if seen.last() != Some(&node.seen) {
                seen.push(node.seen);
            }
            if node.control.is_some()
                && let Act::Revoke { number, .. } = self.act(*name)
            {
                revokes.push(*number);
            }
        }
        let seen = self.sets.union(seen);
        let seen = self.sets.extend(seen, &revokes);
        let controls = match header.plane() {
            Plane::Control => {
                let numbers: Vec<_> = names.iter().filter_map(|name| self.node(*name).number()).collect();
                // Mostly the newest has the others in its past, with all that is in theirs.
                let newest = numbers.last().map_or(SetId::EMPTY, |newest| self.control(*newest).past);
                let beside: Vec<_> = numbers.into_iter().filter(|number| !self.sets.contains(newest, *number)).collect();
                let pasts = beside.iter().map(|number| self.control(*number).past).collect();
                let pasts = self.sets.union(pasts);
                self.sets.extend(pasts, &beside)
            }
            Plane::Content => SetId::EMPTY,
        };
        Past { names, previous, under, seen, controls }
    }

    fn check_names(&self, header: &Header, past: &Past, organisation: OrgIx, author: AuthorIx) -> Result<(), Unsound> {
        if let Some(previous) = past.previous {
            let previous = self.node(previous);
            let chained = previous.author == author
                && previous.organisation == organisation
                && previous.plane() == header.plane()
                && u64::from(previous.seq).checked_add(1) == Some(header.seq);
            if !chained {
                return Err(Unsound::Chain);
            }
        }
        if header.plane() == Plane::Control && past.names.iter().any(|name| self.node(*name).plane() == Plane::Content) {
            return Err(Unsound::Plane);
        }
        Ok(())
    }

    /// Whether the entry may be, judged on its own past; the depth of the standing it acts under.
    fn check_standing(&self, header: &Header, standing: Option<Standing>, past: &Past, author: AuthorIx) -> Result<u8, Unsound> {
        let Some(standing) = standing else {
            if let Author::Root(root) = header.author {
                self.check_root(&root, past.controls)?;
            }
            return Ok(0);
        };
        if !matches!(self.act(standing.grant), Act::Genesis { .. } | Act::Grant { .. }) {
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
            self.check_quota(standing, past.seen)?;
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
        // A renunciation does not ask for those before it.
        let span = if renounces { Span::Device } else { Span::All };
        match self.cut(view, (standing, author, Plane::Control, span)) {
            Cut::Whole => Ok(()),
            Cut::UpTo(_) | Cut::Nothing => Err(Unsound::Revoked),
        }
    }

    /// The revocations in the entry's past that could bear on its author, or on those it has its role from: made from a
    /// proper ancestor of its standing, and authorised judged on the same past. Others do not count, or else whoever was
    /// evicted could fork revocations until nobody can have them in the past; nor do renunciations and root keys' words.
    fn check_quota(&self, standing: Standing, seen: SetId) -> Result<(), Unsound> {
        if self.revocations.by_admins_count <= limits::PAST_REVOKES {
            return Ok(());
        }
        let (view, limit) = (View::Past(seen), limits::PAST_REVOKES.saturating_add(1));
        let counted = self.ancestors(standing).map(|acting| self.count_from(acting, view, limit));
        if counted.fold(0, usize::saturating_add) > limits::PAST_REVOKES { Err(Unsound::Quota) } else { Ok(()) }
    }

    fn depth(&self, standing: Standing) -> u8 {
        if self.is_top(standing) { 0 } else { self.depth_of_giver(standing.grant).saturating_add(1) }
    }

    /// A root key may speak where a genesis or grant in its past names its organisation.
    fn check_root(&self, root: &OrganisationId, past: SetId) -> Result<(), Unsound> {
        if self.owner() == Some(*root) {
            return Ok(());
        }
        let naming = self.naming.get(&Subject::Organisation(*root)).map_or(&[][..], Vec::as_slice);
        let named = self.sets.select(Some(past), SetId::EMPTY, naming, &mut |_| ControlFlow::Break(()));
        if named.is_break() { Ok(()) } else { Err(Unsound::RootUnnamed) }
    }

    fn check_act(&self, header: &Header, past: &Past, depth: u8) -> Result<Act, Unsound> {
        match &header.body {
            Body::Genesis { grants, .. } => {
                check_grants(grants)?;
                if grants.iter().any(|grant| grant.subject == Subject::Organisation(header.organisation)) {
                    return Err(Unsound::Grants);
                }
                Ok(Act::Genesis { grants: grants.as_slice().into() })
            }
            Body::Grant { grants } => {
                check_grants(grants)?;
                if depth >= limits::DEPTH {
                    return Err(Unsound::Depth);
                }
                Ok(Act::Grant { depth, grants: grants.as_slice().into() })
            }
            Body::Revoke { principal, keep } => self.act_revoke(header, *principal, keep, past),
            Body::Withdraw { reason } => Ok(Act::Withdraw { reason: *reason }),
            Body::Erase => Ok(Act::Erase),
            Body::Receipt { erase } => match self.find(erase).filter(|erase| matches!(self.act(*erase), Act::Erase)) {
                Some(erase) => Ok(Act::Receipt { erase }),
                None => Err(Unsound::Kind),
            },
            Body::Key { .. } => Ok(Act::Key),
            Body::Revision { epoch, deps } => {
                let epoch = self.find(epoch).map(|epoch| self.act(epoch));
                let deps: Box<[NodeIx]> = deps.iter().filter_map(|dep| self.find(dep)).collect();
                let revisions = deps.iter().all(|dep| matches!(self.act(*dep), Act::Revision { .. }));
                if matches!(epoch, Some(Act::Key)) && revisions { Ok(Act::Revision { deps }) } else { Err(Unsound::Kind) }
            }
            Body::Response { .. } => Ok(Act::Response),
        }
    }

    fn act_revoke(&self, header: &Header, principal: Principal, keep: &[Keep], past: &Past) -> Result<Act, Unsound> {
        if let Principal::Organisation(organisation) = principal
            && self.owner() == Some(organisation)
        {
            return Err(Unsound::RevokesOwner);
        }
        let fits = |keep: &Keep| {
            let Some(kept) = self.find(&keep.entry).map(|kept| self.node(kept)) else { return false };
            let theirs = match principal {
                Principal::Organisation(organisation) => self.organisation(kept.organisation) == organisation,
                Principal::Device(_) | Principal::Anyone => true,
            };
            // Content has no place among control entries.
            let in_past = kept.number().is_some_and(|number| self.sets.contains(past.controls, number));
            theirs && in_past && self.author(kept.author) == keep.author
        };
        if !keep.iter().filter(|keep| keep.plane == Plane::Control).all(fits) {
            return Err(Unsound::Keep);
        }
        let own = past.under.is_some() && principal == Principal::Organisation(header.organisation);
        let renounces = if own { Renounces::Own } else { Renounces::Nothing };
        Ok(Act::Revoke { number: self.next_revoke(), renounces })
    }

    fn add(&mut self, judged: Judged, body: &Body) {
        let Judged { node, act, names, controls } = judged;
        let ix = self.next_node();
        let id = node.id;
        self.head(id, node.plane(), &names);
        if let Some(number) = node.number() {
            self.controls.push(Control { entry: ix, past: controls });
            self.name(&act, number);
        }
        match act {
            Act::Genesis { .. } | Act::Grant { .. } => self.kinds.givers.push(ix),
            Act::Withdraw { .. } => self.kinds.withdrawals.push(ix),
            Act::Erase => self.kinds.erases.push(ix),
            Act::Receipt { .. } => self.kinds.receipts.push(ix),
            Act::Key => self.kinds.keys.push(ix),
            Act::Response => self.kinds.responses.push(ix),
            Act::Revoke { .. } | Act::Revision { .. } => {}
        }
        self.nodes.push(node);
        self.acts.push(act);
        self.index_newest(ix);
        self.chain(ix);
        if self.arrive(ix, &id) {
            self.memo.get_mut().forget_all_view();
        }
        if let Body::Revoke { principal, keep } = body {
            // What is void takes nothing, and its own verdict does not depend on it.
            if self.authorised_in(ix, View::All) {
                self.memo.get_mut().forget_all_view();
            }
            self.enter_revocation(ix, *principal, keep);
        }
    }

    /// Enters the subjects that a genesis or grant names.
    fn name(&mut self, act: &Act, number: ControlIx) {
        let (Act::Genesis { grants } | Act::Grant { grants, .. }) = act else { return };
        for grant in grants {
            self.naming.entry(grant.subject).or_default().push(number);
            self.memo.get_mut().now.live.remove(&grant.subject);
            if let Subject::Organisation(organisation) = grant.subject {
                self.organisation_ix(organisation);
            }
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
