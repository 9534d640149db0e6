//! Verdicts that were found before.

use super::chain::Cut;
use super::index::{AuthorIx, NodeIx, RevokeIx, Standing};
use crate::entry::{Plane, Subject};
use crate::id::EntryId;
use crate::sets::SetId;
use hashbrown::HashMap;
use std::collections::BTreeMap;

/// Which entries a verdict is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum View {
    /// All that are known.
    All,
    /// The past of some entry: of revocations, those in the set. Genesis and grants need no such
    /// list, because a verdict asks only for those that the entry acts under, which are in its past.
    Past(SetId),
}

impl View {
    /// The set of revocations that are seen; none if all are.
    pub(super) const fn revocations(self) -> Option<SetId> {
        match self {
            Self::All => None,
            Self::Past(set) => Some(set),
        }
    }
}

/// Which of the revocations that bear on an author under a standing (rule 6). Each span includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Span {
    /// Rule 5: those of the organisation.
    Above,
    /// And those of the device: rule 6 (b) to (d).
    Device,
    /// And renunciations: rule 6 (a).
    All,
}

/// What a cut is asked for.
pub(super) type CutKey = (Standing, AuthorIx, Plane, Span);

/// A group, by its first revocation, an author, and a block of a set that begins at a number.
pub(super) type FoldKey = (RevokeIx, AuthorIx, SetId, u32);

/// How many verdicts on pasts are remembered. Without a bound a chain of `n` revocations, whose
/// every entry has a past of its own, would leave `n * n`.
const PAST_VERDICTS: usize = 1 << 16;

/// Verdicts already found: a cache, which may be forgotten at any time.
#[derive(Debug, Clone, Default)]
pub(super) struct Verdicts {
    pub(super) grants: HashMap<(View, NodeIx), bool>,
    pub(super) cuts: HashMap<(View, CutKey), Cut>,
    /// Whether more revocations by these bear on those below than may: rule 2, on pasts.
    pub(super) quotas: HashMap<(View, Standing), usize>,
}

/// The effective revisions among the first entries.
#[derive(Debug, Clone, Default)]
pub(super) struct Effective {
    /// Of each entry looked at so far, whether it is one.
    pub(super) flags: Vec<bool>,
    pub(super) found: Vec<EntryId>,
}

/// What follows from the verdicts over all entries.
#[derive(Debug, Clone, Default)]
pub(super) struct Now {
    /// The grants to a subject that are authorised and not ended.
    pub(super) live: BTreeMap<Subject, Vec<NodeIx>>,
    pub(super) effective: Effective,
}

/// Verdicts already found. Those over all entries are forgotten when a revocation arrives that counts, or an entry
/// that one of them keeps; they have a place of their own, because those over pasts are never wrong.
#[derive(Debug, Clone, Default)]
pub(super) struct Memo {
    all: Verdicts,
    /// Of each entry that is a grant and was asked for, the verdict over all.
    grants: Vec<Option<bool>>,
    past: Verdicts,
    folds: HashMap<FoldKey, Cut>,
    pub(super) now: Now,
}

impl Memo {
    /// The verdict on a grant, if it was found.
    pub(super) fn grant(&self, view: View, ix: NodeIx) -> Option<bool> {
        match view {
            View::All => self.grants.get(ix.place()).copied().flatten(),
            View::Past(_) => self.past.grants.get(&(view, ix)).copied(),
        }
    }

    pub(super) fn set_grant(&mut self, view: View, ix: NodeIx, authorised: bool) {
        match view {
            View::All => {
                if self.grants.len() <= ix.place() {
                    self.grants.resize(ix.place().saturating_add(1), None);
                }
                if let Some(known) = self.grants.get_mut(ix.place()) {
                    *known = Some(authorised);
                }
            }
            View::Past(_) => {
                self.of_mut(view).grants.insert((view, ix), authorised);
            }
        }
    }

    /// What the revocations of a group in a block of a past leave of an author's control entries, if it was found.
    pub(super) fn fold(&self, key: &FoldKey) -> Option<Cut> {
        self.folds.get(key).copied()
    }

    pub(super) fn set_fold(&mut self, key: FoldKey, cut: Cut) {
        if self.folds.len() >= PAST_VERDICTS {
            self.folds = HashMap::new();
        }
        self.folds.insert(key, cut);
    }

    pub(super) fn forget_all_view(&mut self) {
        self.all = Verdicts::default();
        self.grants = Vec::new();
        self.now = Now::default();
    }

    pub(super) const fn of(&self, view: View) -> &Verdicts {
        match view {
            View::All => &self.all,
            View::Past(_) => &self.past,
        }
    }

    pub(super) fn of_mut(&mut self, view: View) -> &mut Verdicts {
        match view {
            View::All => &mut self.all,
            View::Past(_) => {
                let held = [self.past.grants.len(), self.past.cuts.len(), self.past.quotas.len()];
                if held.into_iter().any(|held| held >= PAST_VERDICTS) {
                    self.past = Verdicts::default();
                }
                &mut self.past
            }
        }
    }
}
