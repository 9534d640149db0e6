//! Verdicts that were found before.

use super::index::{AuthorIx, NodeIx, Standing};
use super::sets::{RevokeIx, SetId};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Which entries a verdict is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum View {
    /// All that are known.
    All,
    /// The past of some entry: of revocations, those in the set. Genesis and grants need no such
    /// list, because a verdict asks only for those that the entry acts under, which are in its past.
    Past(SetId),
}

/// How many verdicts on pasts are remembered. Without a bound a chain of `n` revocations, whose
/// every entry has a past of its own, would leave `n * n`.
const PAST_VERDICTS: usize = 1 << 16;

/// Verdicts already found: a cache, which may be forgotten at any time.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    pub(super) authorised: BTreeMap<(View, NodeIx), bool>,
    pub(super) above: BTreeMap<(View, Standing), Rc<[RevokeIx]>>,
    pub(super) bearing: BTreeMap<(View, Standing, AuthorIx), Rc<[RevokeIx]>>,
}

/// Verdicts already found. Those over all entries are forgotten when a revocation arrives; they
/// have a place of their own, because revocations can be many and the others need not be searched.
#[derive(Debug, Default)]
pub(super) struct Memo {
    all: Verdicts,
    past: Verdicts,
}

impl Memo {
    pub(super) fn forget_all_view(&mut self) {
        self.all = Verdicts::default();
    }

    pub(super) fn of(&self, view: View) -> &Verdicts {
        match view {
            View::All => &self.all,
            View::Past(_) => &self.past,
        }
    }

    pub(super) fn of_mut(&mut self, view: View) -> &mut Verdicts {
        match view {
            View::All => &mut self.all,
            View::Past(_) => {
                let held = [self.past.authorised.len(), self.past.above.len(), self.past.bearing.len()];
                if held.into_iter().any(|held| held >= PAST_VERDICTS) {
                    self.past = Verdicts::default();
                }
                &mut self.past
            }
        }
    }
}
