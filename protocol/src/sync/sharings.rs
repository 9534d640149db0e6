//! Who shares documents: of all that are shared alike one sharing is kept, and a number stands for it.
//!
//! A hub may hold a hundred thousand documents that are shared in a thousand ways: what depends on who shares a document alone is
//! decided once for each number. A number is given again once no document has it.

use crate::access::Sharing;
use std::collections::BTreeMap;
use std::sync::Arc;

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Sharings {
    numbers: BTreeMap<Arc<Sharing>, u32>,
    /// By their numbers, and how many documents have each.
    numbered: Vec<Option<(Arc<Sharing>, u32)>>,
    free: Vec<u32>,
}

impl Sharings {
    /// One more document is shared so: what is kept of it, and its number.
    pub(super) fn join(&mut self, sharing: Arc<Sharing>) -> (Arc<Sharing>, u32) {
        if let Some((known, number)) = self.numbers.get_key_value(&sharing).map(|(known, number)| (Arc::clone(known), *number)) {
            if let Some((_, documents)) = self.slot(number) {
                *documents = documents.saturating_add(1);
            }
            return (known, number);
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.numbered.push(None);
            u32::try_from(self.numbered.len()).unwrap_or(u32::MAX).saturating_sub(1)
        });
        if let Some(slot) = usize::try_from(number).ok().and_then(|number| self.numbered.get_mut(number)) {
            *slot = Some((Arc::clone(&sharing), 1));
        }
        self.numbers.insert(Arc::clone(&sharing), number);
        (sharing, number)
    }

    /// One document fewer is. What a document that names very many was shared by is large, and each of its entries makes another:
    /// the last one takes it along.
    pub(super) fn leave(&mut self, number: u32) {
        let Some((_, documents)) = self.slot(number) else { return };
        *documents = documents.saturating_sub(1);
        if *documents > 0 {
            return;
        }
        let gone = usize::try_from(number).ok().and_then(|number| self.numbered.get_mut(number)).and_then(Option::take);
        if let Some((sharing, _)) = gone {
            self.numbers.remove(&sharing);
            self.free.push(number);
        }
    }

    fn slot(&mut self, number: u32) -> Option<&mut (Arc<Sharing>, u32)> {
        self.numbered.get_mut(usize::try_from(number).ok()?)?.as_mut()
    }

    /// What holds for each, by its number.
    pub(super) fn verdicts<V: Default>(&self, mut verdict: impl FnMut(&Sharing) -> V) -> Vec<V> {
        self.numbered.iter().map(|slot| slot.as_ref().map(|(sharing, _)| verdict(sharing)).unwrap_or_default()).collect()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.numbers.len(), self.numbered.iter().flatten().count());
        self.numbers.len()
    }
}
